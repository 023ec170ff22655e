//! `compile`: how long a module takes, how much of that is register allocation, and how large its code is.
//!
//! Compilation for any machine ends in an ELF image, whose symbols tell how large each function is. The time includes everything from
//! the bytes of the module to that image: parsing, validation, translation, Cranelift, and laying out the image. It is
//! processor time, of one thread. (A module in text becomes bytes before that: engines are given bytes.)

use crate::Answer;
use crate::args::{CompileArgs, Compiling, Target};
use crate::engine::Setup;
use crate::{passes, table};
use object::{Object, ObjectSymbol, SymbolKind};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wasmtime::error::Context as _;
use wasmtime::{Result, ensure};

/// What there is to say of one compilation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// The module.
    pub(crate) file: PathBuf,
    /// The machine; `None` for this one.
    pub(crate) target: Option<String>,
    /// The algorithm of the register allocator.
    pub(crate) algorithm: String,
    /// Functions that were allocated, trampolines among them.
    pub(crate) functions: u64,
    /// The time that compiling took, the fastest of all turns.
    pub(crate) compile: Duration,
    /// The time that register allocation took, the fastest of all turns.
    pub(crate) regalloc: Duration,
    /// Bytes of machine code.
    pub(crate) code: u64,
}

pub(crate) fn run(args: &CompileArgs) -> Result<Answer> {
    let targets: Vec<Option<Target>> =
        if args.targets.is_empty() { vec![None] } else { args.targets.iter().cloned().map(Some).collect() };
    ensure!(
        args.image.is_none() || (args.files.len(), targets.len()) == (1, 1),
        "`--image` takes one module and one machine"
    );
    let mut all = Vec::new();
    for file in &args.files {
        for target in &targets {
            let Compiling { algorithm, check, debug_info, repeat_for } = args.compiling;
            let setup = Setup { target: target.clone(), algorithm, check, debug_info, valgrind: args.valgrind };
            all.push(measure(file, &setup, Duration::from_millis(repeat_for), args.image.as_deref())?);
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        print(&all);
    }
    Ok(Answer::Yes)
}

/// Compiles a module, again and again until `time` is over. What comes out is written to the file `keep`.
fn measure(file: &Path, setup: &Setup, time: Duration, keep: Option<&Path>) -> Result<Figures> {
    let name = || file.display().to_string();
    let bytes = read(file).with_context(name)?;
    let engine = setup.engine()?;
    let (image, cost) = passes::fastest(time, || engine.precompile_module(&bytes)).with_context(name)?;
    if let Some(path) = keep {
        std::fs::write(path, &image).with_context(|| path.display().to_string())?;
    }
    Ok(Figures {
        file: file.to_owned(),
        target: setup.target.as_ref().map(|t| t.0.clone()),
        algorithm: setup.algorithm.to_string(),
        functions: cost.functions,
        compile: cost.compile,
        regalloc: cost.regalloc,
        code: code_size(&image).with_context(name)?,
    })
}

/// Reads a module, and translates it to bytes if it is text.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    let module = std::fs::read(file)?;
    Ok(wat::parse_bytes(&module)?.into_owned())
}

/// Bytes of machine code in a compiled image: of its functions, without what fills up the pages between and behind.
fn code_size(image: &[u8]) -> Result<u64> {
    let image = object::File::parse(image).context("the compiled image")?;
    let functions = image.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
    Ok(functions.map(|symbol| symbol.size()).sum())
}

fn print(all: &[Figures]) {
    let header = ["module", "target", "algorithm", "functions", "compile ms", "regalloc ms", "share %", "code bytes"];
    let mut table = table::new(&header, false);
    for figures in all {
        let share = 100.0 * figures.regalloc.as_secs_f64() / figures.compile.as_secs_f64();
        let cells = [
            figures.file.file_name().unwrap_or(figures.file.as_os_str()).to_string_lossy().into_owned(),
            machine(figures.target.as_deref()),
            figures.algorithm.clone(),
            figures.functions.to_string(),
            table::millis(figures.compile),
            table::millis(figures.regalloc),
            format!("{share:.1}"),
            figures.code.to_string(),
        ];
        table::add(&mut table, cells);
    }
    println!("{table}");
}

/// The machine that a target triple begins with.
fn machine(target: Option<&str>) -> String {
    target.map_or("here", |triple| triple.split('-').next().unwrap_or(triple)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &[u8] =
        br#"(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))"#;

    #[test]
    fn every_target_has_code() {
        let others = [Some("aarch64"), Some("s390x"), Some("riscv64"), Some("x86_64")];
        let others = others.into_iter().filter(|_| cfg!(feature = "all-arch"));
        for target in std::iter::once(None).chain(others) {
            let target = target.map(|t| t.parse().expect("a target"));
            let setup = Setup { target, check: true, ..Setup::default() };
            let engine = setup.engine().expect("an engine");
            let (image, seen) = passes::measure(|| engine.precompile_module(MODULE).expect("an image"));
            assert!(code_size(&image).expect("a size") > 0);
            assert!(seen.functions >= 1);
        }
    }
}
