//! Where compile time goes.
//!
//! Cranelift announces each of its passes to a profiler of the thread. Wasmtime empties the profiler that comes with
//! Cranelift after every function; so this one is put in its place, which adds up until it is asked.
//!
//! Time is processor time. There is one thread, so it is what a clock would show if nothing else ran on the machine.

use cpu_time::ProcessTime;
use cranelift_codegen::timing::{Pass, Profiler, set_thread_profiler};
use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// What the passes of interest have taken so far.
#[derive(Debug, Default)]
struct Clock {
    regalloc: Cell<Duration>,
    functions: Cell<u64>,
}

/// What a stretch of compiling took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// The time that it took in all.
    pub(crate) compile: Duration,
    /// The time of it that was register allocation.
    pub(crate) regalloc: Duration,
    /// How many functions were allocated, trampolines among them.
    pub(crate) functions: u64,
}

/// Runs `compile`, which must compile on this thread, and says what it took.
pub(crate) fn measure<T>(compile: impl FnOnce() -> T) -> (T, Cost) {
    let clock = Rc::new(Clock::default());
    let before = set_thread_profiler(Box::new(Accumulator(clock.clone())));
    let started = ProcessTime::now();
    let result = compile();
    let compile = started.elapsed();
    set_thread_profiler(before);
    (result, Cost { compile, regalloc: clock.regalloc.get(), functions: clock.functions.get() })
}

struct Accumulator(Rc<Clock>);

impl Profiler for Accumulator {
    fn start_pass(&self, pass: Pass) -> Box<dyn Any> {
        match pass {
            Pass::regalloc => Box::new(Running { clock: self.0.clone(), since: ProcessTime::now() }),
            _ => Box::new(()),
        }
    }
}

/// An allocation under way; it ends when this is dropped.
struct Running {
    clock: Rc<Clock>,
    since: ProcessTime,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.clock.regalloc.set(self.clock.regalloc.get() + self.since.elapsed());
        self.clock.functions.set(self.clock.functions.get() + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::timing;

    #[test]
    fn only_register_allocation_counts() {
        let ((), seen) = measure(|| {
            drop(timing::regalloc());
            drop(timing::vcode_emit());
            drop(timing::regalloc());
        });
        assert_eq!(seen.functions, 2);
        assert!(seen.regalloc <= seen.compile);
    }
}
