//! Runs the allocators and takes down what they do.

use crate::allocators::{Allocator, Prepared, Runner};
use crate::args::BenchArgs;
use crate::cost::{Cost, CostModel};
use crate::{HEAP, input, progress, verdict};
use anyhow::Result;
use indicatif::ProgressBar;
use peakmem_alloc::PeakMemAllocTrait;
use rayon::prelude::*;
use regatta::{Algorithm, Output, Problem};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// What the allocators did to the functions of a file.
pub(super) struct FileRun {
    pub(super) name: String,
    pub(super) insts: usize,
    pub(super) functions: Vec<FunctionRun>,
    pub(super) faults: Vec<Fault>,
}

/// What each allocator did to a function, in the order of [`Allocator::all`].
pub(super) struct FunctionRun {
    pub(super) number: usize,
    pub(super) samples: Vec<Option<Sample>>,
}

/// What one allocator did to one function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// The best time.
    pub(super) time: Duration,
    pub(super) cost: Cost,
    /// The most bytes live at once, above what was live before.
    pub(super) heap: usize,
    /// Tells allocations apart.
    digest: u64,
}

/// Something that must not be.
pub(super) struct Fault {
    file: String,
    function: usize,
    allocator: &'static str,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} function {}, {}: {}", self.file, self.function, self.allocator, self.what)
    }
}

/// Runs every allocator over the functions of a file.
pub(super) fn file(name: String, mut problems: Vec<(usize, Problem)>, args: &BenchArgs) -> FileRun {
    let invalid = input::reject_invalid(&mut problems);
    let mut run = FileRun {
        insts: problems.iter().map(|(_, problem)| problem.func.insts.len()).sum(),
        name,
        functions: Vec::with_capacity(problems.len()),
        faults: Vec::new(),
    };
    for (function, error) in invalid {
        let file = run.name.clone();
        run.faults.push(Fault { file, function, allocator: "validator", what: error.to_string() });
    }
    let bar = progress::bar(problems.len() * 3, run.name.clone());
    time(&mut run, &problems, args, &bar);
    heap(&mut run, &problems, &bar);
    if !args.no_check {
        check(&mut run, &problems, &bar);
    }
    bar.finish_and_clear();
    run
}

/// The first pass: times, costs, and which functions cannot be allocated.
fn time(run: &mut FileRun, problems: &[(usize, Problem)], args: &BenchArgs, bar: &ProgressBar) {
    let mut runners: Vec<Runner> = Allocator::all().into_iter().map(Runner::new).collect();
    for (number, problem) in problems {
        let prepared = Prepared::new(problem);
        let mut best: Vec<Result<Duration>> = runners.iter().map(|_| Ok(Duration::MAX)).collect();
        for _ in 0..args.reps {
            for (runner, best) in runners.iter_mut().zip(&mut best) {
                if let Ok(before) = *best {
                    if args.warm {
                        // Whether it succeeds, the run that counts will tell.
                        let _ = runner.allocate(&prepared);
                    }
                    *best = runner.allocate(&prepared).map(|time| time.min(before));
                }
            }
        }
        let model = CostModel::new(problem);
        let mut samples = Vec::with_capacity(runners.len());
        for (runner, best) in runners.iter().zip(best) {
            samples.push(match best {
                Ok(time) => {
                    let output = runner.output();
                    Some(Sample { time, cost: model.cost(&output), heap: 0, digest: digest(&output) })
                }
                Err(error) => {
                    let allocator = runner.allocator.name();
                    let what = format!("cannot be allocated: {error}");
                    run.faults.push(Fault { file: run.name.clone(), function: *number, allocator, what });
                    None
                }
            });
        }
        run.functions.push(FunctionRun { number: *number, samples });
        bar.inc(1);
    }
}

/// The second pass: heap.
fn heap(run: &mut FileRun, problems: &[(usize, Problem)], bar: &ProgressBar) {
    for ((_, problem), function) in problems.iter().zip(&mut run.functions) {
        let prepared = Prepared::new(problem);
        for (allocator, sample) in Allocator::all().into_iter().zip(&mut function.samples) {
            if let Some(sample) = sample {
                HEAP.reset_peak_memory();
                let mut runner = Runner::new(allocator);
                // It has succeeded before; whether it does again is the third pass's to say.
                let _ = runner.allocate(&prepared);
                sample.heap = HEAP.get_peak_memory();
            }
        }
        bar.inc(1);
    }
}

/// The third pass: both checkers over our allocations.
fn check(run: &mut FileRun, problems: &[(usize, Problem)], bar: &ProgressBar) {
    let ours: Vec<_> = Allocator::all()
        .into_iter()
        .enumerate()
        .filter_map(|(column, allocator)| match allocator {
            Allocator::Ours(algorithm) => Some((column, algorithm)),
            _ => None,
        })
        .collect();
    let file = &run.name;
    let faults = problems.par_iter().zip(&run.functions).flat_map_iter(|((number, problem), function)| {
        let mut faults = Vec::new();
        for &(column, algorithm) in &ours {
            if let Some(sample) = &function.samples[column] {
                let (allocator, function) = (algorithm.name(), *number);
                let fault = |what| Fault { file: file.clone(), function, allocator, what };
                faults.extend(objections(problem, algorithm, sample.digest).into_iter().map(fault));
            }
        }
        bar.inc(1);
        faults
    });
    let faults: Vec<Fault> = faults.collect();
    run.faults.extend(faults);
}

/// What is wrong with our allocation of a function.
fn objections(problem: &Problem, algorithm: Algorithm, digest_before: u64) -> Vec<String> {
    let output = match verdict::allocate(problem, algorithm) {
        Ok(output) => output,
        Err(why) => return vec![format!("in fresh storage, {why}")],
    };
    let mut objections = verdict::objections(problem, &output);
    if digest(&output) != digest_before {
        objections.push("another allocation in fresh storage than in storage kept".to_owned());
    }
    objections
}

/// A number that is the same for the same allocation.
fn digest(output: &Output) -> u64 {
    let mut hasher = DefaultHasher::new();
    output.num_spillslots.hash(&mut hasher);
    output.allocs.hash(&mut hasher);
    for (point, regatta::Edit::Move { from, to }) in &output.edits {
        (point, from, to).hash(&mut hasher);
    }
    output.debug_locations.hash(&mut hasher);
    hasher.finish()
}
