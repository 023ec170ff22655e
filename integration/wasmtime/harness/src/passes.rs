//! Where compile time goes.
//!
//! Cranelift announces each of its passes to a profiler of the thread. Wasmtime empties the profiler that comes with
//! Cranelift after every function; so this one is put in its place, which adds up until it is asked.
//!
//! Time is processor time. There is one thread, so it is what a clock would show if nothing else ran on the machine. That of allocations is
//! what the clock shows: asking for processor time takes ten times as long, and a small function is allocated in seven microseconds.

use cpu_time::ProcessTime;
use cranelift_codegen::timing::{Pass, Profiler, set_thread_profiler};
use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

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

impl Cost {
    /// The lesser of each time. Both costs must be of compiling the same.
    fn min(self, other: Self) -> Self {
        Self {
            compile: self.compile.min(other.compile),
            regalloc: self.regalloc.min(other.regalloc),
            functions: other.functions,
        }
    }
}

/// The function that compiles, and nothing else, as Callgrind knows it by name.
pub(crate) const COMPILING: &str = "wasmtime_harness::passes::compiling*";

/// Runs `compile`; see [`COMPILING`].
#[inline(never)]
fn compiling<T>(compile: impl FnOnce() -> T) -> T {
    // (What is handed on as it is could be returned by a jump to `compile`, and Callgrind would miss where this ends.)
    std::hint::black_box(compile())
}

/// Runs `compile`, which must compile on this thread, and says what it took.
pub(crate) fn measure<T>(compile: impl FnOnce() -> T) -> (T, Cost) {
    let clock = Rc::new(Clock::default());
    let before = set_thread_profiler(Box::new(Accumulator(clock.clone())));
    let started = ProcessTime::now();
    let result = compiling(compile);
    let compile = started.elapsed();
    set_thread_profiler(before);
    (result, Cost { compile, regalloc: clock.regalloc.get(), functions: clock.functions.get() })
}

/// Runs `compile`, which must compile on this thread, once, and again until `time` is over. Returns what the last turn made, and
/// the least that any turn took.
pub(crate) fn fastest<T, E>(time: Duration, mut compile: impl FnMut() -> Result<T, E>) -> Result<(T, Cost), E> {
    let started = ProcessTime::now();
    let mut least: Option<Cost> = None;
    loop {
        let (result, cost) = measure(&mut compile);
        let result = result?;
        let cost = least.map_or(cost, |least| least.min(cost));
        if started.elapsed() >= time {
            return Ok((result, cost));
        }
        least = Some(cost);
    }
}

struct Accumulator(Rc<Clock>);

impl Profiler for Accumulator {
    fn start_pass(&self, pass: Pass) -> Box<dyn Any> {
        match pass {
            Pass::regalloc => Box::new(Running { clock: self.0.clone(), since: Instant::now() }),
            _ => Box::new(()),
        }
    }
}

/// An allocation under way; it ends when this is dropped.
struct Running {
    clock: Rc<Clock>,
    since: Instant,
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

    #[test]
    fn compiles_once_or_more() {
        let mut turns = 0;
        let ((), seen) = fastest(Duration::ZERO, || {
            turns += 1;
            drop(timing::regalloc());
            Ok::<_, ()>(())
        })
        .expect("no errors");
        assert_eq!((turns, seen.functions), (1, 1));
        // Without end, if it is not stopped.
        let mut left = 3;
        let stopped = fastest(Duration::MAX, || {
            left -= 1;
            if left == 0 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((stopped.expect_err("an error"), left), ("enough", 0));
    }

    #[test]
    fn of_each_time_the_least_counts() {
        let cost = |compile, regalloc| Cost {
            compile: Duration::from_millis(compile),
            regalloc: Duration::from_millis(regalloc),
            functions: 2,
        };
        assert_eq!(cost(5, 2).min(cost(4, 3)), cost(4, 2));
    }
}
