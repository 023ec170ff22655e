//! WASI commands and benchmark modules.
//!
//! The program sees the current folder, to read from, and none of the environment. A benchmark module brackets what is to
//! be timed with calls of `bench.start` and `bench.end`; of another program the whole run is timed.

use super::{Lapse, Outcome, Stopwatch};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::{Engine, Linker, Module, Result, Store};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// What `bench.start` and `bench.end` bracket, over all times that they are called.
#[derive(Debug, Default)]
struct Bracket {
    since: Option<Stopwatch>,
    total: Option<Lapse>,
}

impl Bracket {
    fn start(&mut self) {
        self.since = Some(Stopwatch::start());
    }

    fn end(&mut self) {
        if let Some(since) = self.since.take() {
            let (so_far, more) = (self.total.unwrap_or_default(), since.elapsed());
            let (wall, processor) = (so_far.wall + more.wall, so_far.processor + more.processor);
            self.total = Some(Lapse { wall, processor });
        }
    }
}

pub(super) fn run(engine: &Engine, module: &Module, name: &str, args: &[String]) -> Result<Outcome> {
    let bracket = Arc::new(Mutex::new(Bracket::default()));
    let mut linker: Linker<WasiP1Ctx> = Linker::new(engine);
    p1::add_to_linker_sync(&mut linker, |context| context)?;
    let (start, end) = (bracket.clone(), bracket.clone());
    linker.func_wrap("bench", "start", move || start.lock().unwrap_or_else(PoisonError::into_inner).start())?;
    linker.func_wrap("bench", "end", move || end.lock().unwrap_or_else(PoisonError::into_inner).end())?;
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio().allow_blocking_current_thread(true).arg(name).args(args);
    wasi.preopened_dir(".", ".", FsPerms::ReadOnly)?;
    let mut store = Store::new(engine, wasi.build_p1());
    let instance = linker.instantiate(&mut store, module)?;
    let main = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let started = Stopwatch::start();
    let result = main.call(&mut store, ());
    let whole = started.elapsed();
    let exit = match result {
        Ok(()) => 0,
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(code)) => (*code).clamp(0, 255) as u8,
            None => return Err(error),
        },
    };
    let bracketed = bracket.lock().unwrap_or_else(PoisonError::into_inner).total;
    Ok(Outcome { run: bracketed.unwrap_or(whole), exit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_be_a_benchmark_and_has_an_exit_code() {
        let text = r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "bench" "start" (func $start))
            (import "bench" "end" (func $end))
            (memory (export "memory") 1)
            (func (export "_start") (call $start) (call $end) (call $exit (i32.const 3))))"#;
        let engine = Engine::default();
        let module = Module::new(&engine, text).expect("a module");
        assert_eq!(run(&engine, &module, "test", &[]).expect("an outcome").exit, 3);
    }

    #[test]
    fn only_what_has_an_end_is_bracketed() {
        let mut bracket = Bracket::default();
        bracket.end();
        assert_eq!(bracket.total, None);
        bracket.start();
        assert_eq!(bracket.total, None);
        bracket.end();
        let once = bracket.total.expect("a time");
        bracket.start();
        bracket.end();
        assert!(bracket.total.expect("a time").wall >= once.wall);
    }
}
