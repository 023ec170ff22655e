//! The build that captures: below its Cranelift stands the crate in `face`, which keeps every function it is given.

use std::path::Path;
use wasmtime::Result;
use wasmtime::error::Context as _;
use wasmtime_harness::Recorder;

struct Face;

impl Recorder for Face {
    fn clear(&self) {
        regalloc2::take();
    }

    fn write(&self, path: &Path) -> Result<usize> {
        let problems = regalloc2::take();
        let bytes = if path.to_string_lossy().ends_with(".raf.zst") {
            regatta_corpus::write(&problems)?
        } else {
            regatta::text::print_all(&problems).into_bytes()
        };
        std::fs::write(path, bytes).with_context(|| path.display().to_string())?;
        Ok(problems.len())
    }
}

fn main() -> std::process::ExitCode {
    wasmtime_harness::main(Some(&Face))
}
