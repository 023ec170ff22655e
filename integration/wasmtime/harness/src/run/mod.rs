//! `run`: programs from start to finish.
//!
//! A module says by its imports and exports what it expects around it. There are hosts for WASI commands, for
//! programs that Go compiled for JavaScript, and for libraries that were made to be called from JavaScript: SQLite, Lua,
//! QuickJS, HarfBuzz, resvg, Rapier, Argon2, brotli, oxipng and dprint. For a library the host is also the program: it runs a script, or does its work on a file.
//!
//! What the program prints goes to standard output as it is; figures go to standard error or into a file.

mod argon2;
mod bytes;
mod clock;
mod emscripten;
mod go;
mod harfbuzz;
mod lua;
mod quickjs;
mod rapier;
mod resvg;
mod sqlite;
mod wasi;

use crate::Answer;
use crate::args::{Compiling, RunArgs};
use crate::engine::Setup;
use crate::{compile, passes};
use cpu_time::ProcessTime;
use emscripten::Names;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::time::{Duration, Instant};
use wasmtime::error::Context as _;
use wasmtime::{Engine, Module};
use wasmtime::{Result, bail};

/// What there is to say of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// The time that compiling took, the fastest of all turns.
    pub(crate) compile: Duration,
    /// The time that register allocation took, the fastest of all turns.
    pub(crate) regalloc: Duration,
    /// Bytes of machine code.
    pub(crate) code: u64,
    /// The processor time that the program took.
    pub(crate) run: Duration,
    /// The time that passed while it ran.
    pub(crate) wall: Duration,
    /// Its exit code.
    pub(crate) exit: u8,
    /// Where its machine code lay; only of an image.
    pub(crate) layout: Option<Layout>,
}

/// Where the machine code of a program lies in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    /// The addresses of all of it: of functions, and of trampolines into and out of them.
    pub(crate) text: Range<u64>,
    /// Its functions by address.
    pub(crate) functions: Vec<Function>,
}

/// Where one function lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Function {
    /// Its name, or its number if it has none.
    pub(crate) name: String,
    /// Its addresses.
    pub(crate) text: Range<u64>,
}

impl Layout {
    fn of(module: &Module) -> Self {
        let text = module.text().as_ptr_range();
        let text = text.start.addr() as u64..text.end.addr() as u64;
        let functions = module.functions().map(|function| {
            let start = text.start + function.offset as u64;
            let number = function.index.as_u32();
            let name = function.name.unwrap_or_default();
            let name = if name.is_empty() { format!("function {number}") } else { format!("{name} ({number})") };
            Function { name, text: start..start + function.len as u64 }
        });
        let mut functions: Vec<Function> = functions.collect();
        functions.sort_by_key(|function| function.text.start);
        Self { text, functions }
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcome {
    run: Lapse,
    exit: u8,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lapse {
    /// What a clock shows.
    wall: Duration,
    /// What of it the processor spent on this program.
    processor: Duration,
}

/// Measures a stretch of time.
#[derive(Clone, Copy, Debug)]
struct Stopwatch {
    wall: Instant,
    processor: ProcessTime,
}

impl Stopwatch {
    fn start() -> Self {
        Self { wall: Instant::now(), processor: ProcessTime::now() }
    }

    fn elapsed(&self) -> Lapse {
        Lapse { wall: self.wall.elapsed(), processor: self.processor.elapsed() }
    }
}

pub(crate) fn run(args: &RunArgs) -> Result<Answer> {
    let name = args.file.display().to_string();
    let names = args.names.as_deref().map(Names::read).transpose()?.unwrap_or_default();
    let Compiling { algorithm, check, debug_info, repeat_for } = args.compiling;
    let engine = Setup { algorithm, check, debug_info, ..Setup::default() }.engine()?;
    let (module, cost) = match &args.image {
        Some(image) => {
            let bytes = std::fs::read(image).with_context(|| image.display().to_string())?;
            passes::fastest(Duration::ZERO, || load(&engine, &bytes))
        }
        None => {
            let bytes = compile::read(&args.file).with_context(|| name.clone())?;
            passes::fastest(Duration::from_millis(repeat_for), || Module::new(&engine, &bytes))
        }
    }
    .with_context(|| name.clone())?;
    let outcome = execute(&engine, &module, &name, names, &args.args).with_context(|| name.clone())?;
    let figures = Figures {
        compile: cost.compile,
        regalloc: cost.regalloc,
        code: module.functions().map(|function| function.len as u64).sum(),
        run: outcome.run.processor,
        wall: outcome.run.wall,
        exit: outcome.exit,
        layout: args.image.is_some().then(|| Layout::of(&module)),
    };
    match &args.report {
        Some(path) => {
            let text = serde_json::to_string_pretty(&figures)?;
            std::fs::write(path, text).with_context(|| path.display().to_string())?;
        }
        None => eprintln!(
            "{name}: compiled in {:.1} ms ({:.1} ms of it register allocation), ran for {:.1} ms ({:.1} ms of the processor)",
            figures.compile.as_secs_f64() * 1e3,
            figures.regalloc.as_secs_f64() * 1e3,
            figures.wall.as_secs_f64() * 1e3,
            figures.run.as_secs_f64() * 1e3,
        ),
    }
    Ok(Answer::Exit(outcome.exit))
}

/// What `compile --image` has written.
fn load(engine: &Engine, image: &[u8]) -> Result<Module> {
    // SAFETY: Wasmtime looks whether its own version and settings made the image, but must be told that nobody has changed
    // it since. Whoever names a file on the command line to be run is trusted as far as with any other program.
    #[expect(unsafe_code, reason = "there is no safe way to run what was compiled before")]
    unsafe {
        Module::deserialize(engine, image)
    }
}

/// Runs a module under the host that it was made for.
fn execute(engine: &Engine, module: &Module, name: &str, names: Names, args: &[String]) -> Result<Outcome> {
    let exports = |name: &str| module.get_export(names.export(name)).is_some();
    if module.imports().any(|import| import.module() == "gojs") {
        go::run(engine, module, name, args)
    } else if exports("luaL_newstate") {
        lua::run(engine, module, names, args)
    } else if exports("sqlite3_open") {
        sqlite::run(engine, module, names, args)
    } else if exports("QTS_Eval") {
        quickjs::run(engine, module, names, args)
    } else if exports("hb_shape") {
        harfbuzz::run(engine, module, names, args)
    } else if exports("rawphysicspipeline_step") {
        rapier::run(engine, module, args)
    } else if exports("resvg_new") {
        resvg::run(engine, module, args)
    } else if exports("argon2_hash") {
        argon2::run(engine, module, names, args)
    } else if exports("compress") && exports("decompress") {
        bytes::brotli(engine, module, args)
    } else if exports("optimise_raw") {
        bytes::oxipng(engine, module, args)
    } else if exports("dprint_plugin_version_4") {
        bytes::dprint(engine, module, args)
    } else if exports("_start") {
        wasi::run(engine, module, name, args)
    } else {
        bail!("neither a WASI command nor a program of another kind that there is a host for")
    }
}

/// A number that tells whether bytes are the same: FNV-1a, in 64 bits.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Can a module be run as it is, without a script?
pub(crate) fn is_command(bytes: &[u8]) -> Result<bool> {
    let binary = wat::parse_bytes(bytes)?;
    for payload in wasmparser::Parser::new(0).parse_all(&binary) {
        if let wasmparser::Payload::ExportSection(exports) = payload? {
            for export in exports {
                if export?.name == "_start" {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_export_start() {
        let command = br#"(module (func (export "_start")))"#;
        assert!(is_command(command).expect("a module"));
        assert!(!is_command(br#"(module (func (export "start")))"#).expect("a module"));
        assert!(is_command(b"(module").is_err());
    }

    #[test]
    fn fingerprints_tell_bytes_apart() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn an_image_is_run_and_says_where_it_lies() {
        let engine = Engine::default();
        let image = engine.precompile_module(br#"(module (func $f (export "f")))"#).expect("an image");
        let layout = Layout::of(&load(&engine, &image).expect("a module"));
        let [function] = layout.functions.as_slice() else { panic!("one function") };
        assert_eq!(function.name, "f (0)");
        assert!(layout.text.start <= function.text.start && function.text.end <= layout.text.end);
        assert!(load(&engine, b"no image").is_err());
    }
}
