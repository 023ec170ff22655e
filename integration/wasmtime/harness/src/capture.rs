//! `capture`: every function that Cranelift hands to its register allocator, written to a file.
//!
//! The functions come from a [`Recorder`], which only the build in the folder `capture` has: what stands below Cranelift
//! there keeps a copy of every function before it hands it on.

use crate::Answer;
use crate::args::CaptureArgs;
use crate::engine::Setup;
use std::path::Path;
use wasmtime::error::Context as _;
use wasmtime::{Result, bail};

/// Where captured functions are taken from.
pub trait Recorder {
    /// Forgets the functions kept so far.
    fn clear(&self);
    /// Writes the functions kept since, in the order in which they came, to a file whose name tells the form: a corpus if
    /// it ends in `.raf.zst`, else text. Returns how many there are.
    ///
    /// # Errors
    ///
    /// If they cannot be put in that form, or the file cannot be written.
    fn write(&self, path: &Path) -> Result<usize>;
}

pub(crate) fn run(args: &CaptureArgs, recorder: Option<&dyn Recorder>) -> Result<Answer> {
    let Some(recorder) = recorder else {
        bail!("this build keeps no functions; `cargo capture FILE -o FILE` builds and runs the one that does");
    };
    let name = || args.file.display().to_string();
    let bytes = std::fs::read(&args.file).with_context(name)?;
    let setup = Setup { target: args.target.clone(), debug_info: args.debug_info, ..Setup::default() };
    let engine = setup.engine()?;
    recorder.clear();
    engine.precompile_module(&bytes).with_context(name)?;
    let count = recorder.write(&args.output).with_context(|| args.output.display().to_string())?;
    println!("{}: {count} functions", args.output.display());
    Ok(Answer::Yes)
}
