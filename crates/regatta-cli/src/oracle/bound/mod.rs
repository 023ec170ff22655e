//! `regatta bound`: what no allocation of a function costs less than, however large the function is.
//!
//! The integer program of [`super`] finds optimal allocations of small functions, and takes too long for any other. But the question "how
//! much is there to gain?" is about large ones: they have most of the cost. What they can be asked is less: not where each
//! value is, but how much of it is in *some* register, as a share of one. That is a linear program with a few columns for each
//! use of a value, which a solver answers in seconds for functions of ten thousand instructions.
//!
//! # The program
//!
//! Between two accesses to a value in a block, it is kept in registers or it is not. If it is not, it must be in memory, so it has been
//! stored somewhere where it is alive (for the price of its coldest block), and the next use in a register loads it. At each
//! half of each instruction, there are no more values kept than registers, less those that the instruction's own operands are in and those
//! that it spoils; what is more than the registers that cost nothing to use is paid for in saved registers, as many as at the worst
//! place. From block to block, what is in a register at the start was so at the end of the one before, or is loaded on the way
//! ([`relaxation`]). An instruction that overwrites a value which lives on, or wants it in several registers, needs copies ([`copies`]).
//!
//! # What the answer is worth
//!
//! It is a *lower bound*: an allocation, read as an answer of zeros and ones, satisfies all rows, and costs no less than the program counts.
//! It is not attained in general: which register it is does not matter in the program, parameters cost no moves, values in memory
//! become parameters in memory free of charge, and shares may be broken. As with the program for small functions, two
//! locations are counted for parameters that are equal only by way of each other around a loop, and code that cannot be reached
//! counts for nothing.
//!
//! The solver works with floating-point numbers; what it finds is taken down by a millionth.

mod access;
mod copies;
mod difference;
mod relaxation;
#[cfg(test)]
mod tests;

use super::SAME;
use super::values::Values;
use crate::allocators::{Allocator, Prepared, Runner};
use crate::args::BoundArgs;
use crate::bench::geometric_mean;
use crate::cost::CostModel;
use crate::{Answer, input, progress, table};
use anyhow::{Context, Result, ensure};
use difference::Difference;
use rayon::prelude::*;
use regatta::check::check;
use regatta::{Algorithm, Problem};
use relaxation::Relaxation;
use std::fmt::Write;
use std::time::Duration;

/// What the solver's answer is trusted to.
const TRUST: f64 = 1.0 - 1e-6;

/// A bound of the cost of all allocations of a valid function; nothing if the solver takes longer than the limit.
///
/// # Errors
///
/// If the function is of a kind that the program cannot express, or the solver fails.
fn bound(problem: &Problem, limit: Duration) -> Result<Option<f64>> {
    let values = Values::by_block(&problem.func);
    ensure!(!values.has_multiple_defs(), "an instruction defines a value several times");
    let costs = CostModel::new(problem);
    let relaxation = Relaxation::new(problem, &values, &costs);
    Ok(relaxation.program.relax(limit)?.map(|(bound, _)| (bound * TRUST).max(0.0)))
}

/// Where thorough pays more for loads than the bound does, in as many blocks and loops; nothing where the bound is open. (The program is
/// solved once more for it: it is asked of single functions.)
fn differences(problem: &Problem, limit: Duration, blocks: usize, loops: usize) -> Result<String> {
    let values = Values::by_block(&problem.func);
    ensure!(!values.has_multiple_defs(), "an instruction defines a value several times");
    let costs = CostModel::new(problem);
    let Relaxation { program, payments, .. } = Relaxation::new(problem, &values, &costs);
    let Some((_, columns)) = program.relax(limit)? else { return Ok(String::new()) };
    let prepared = Prepared::new(problem);
    let mut runner = Runner::new(allocators()[0]);
    runner.allocate(&prepared)?;
    let difference = Difference::new(&payments, &columns, &costs, &runner.output());
    let mut tables = String::new();
    if blocks > 0 {
        tables += &(difference.by_block(blocks) + "\n");
    }
    if loops > 0 {
        tables += &(difference.by_loop(&problem.func, loops) + "\n");
    }
    Ok(tables)
}

/// Whose allocations are compared with the bound; all ratios are to the last one's.
fn allocators() -> [Allocator; 4] {
    let ours = [Algorithm::Thorough, Algorithm::Quick, Algorithm::Best].map(Allocator::Ours);
    [ours[0], ours[1], ours[2], Allocator::Ion]
}

/// A function with its bound, and what each allocator makes of it.
struct Bounded {
    number: usize,
    insts: usize,
    bound: Result<Option<f64>>,
    /// In the order of [`allocators`].
    costs: Vec<f64>,
    /// Whether each of them is of an allocation that the checker accepts. (Ion puts what may be in any register into one that is not
    /// allocatable, if another operand names it: for less than our rules allow.)
    accepted: Vec<bool>,
}

impl Bounded {
    fn new(number: usize, problem: &Problem, limit: Duration) -> Result<Self> {
        let model = CostModel::new(problem);
        let prepared = Prepared::new(problem);
        let costs = allocators().into_iter().map(|allocator| {
            let mut runner = Runner::new(allocator);
            runner.allocate(&prepared).with_context(|| format!("function {number}"))?;
            let output = runner.output();
            Ok((model.cost(&output).total, check(&problem.func, &problem.env, &output).is_ok()))
        });
        let (costs, accepted) = costs.collect::<Result<_>>()?;
        Ok(Self { number, insts: problem.func.insts.len(), bound: bound(problem, limit), costs, accepted })
    }

    /// The bound as far as it is known.
    fn known(&self) -> f64 {
        self.bound.as_ref().ok().copied().flatten().unwrap_or(0.0)
    }

    fn is_open(&self) -> bool {
        !matches!(self.bound, Ok(Some(_)))
    }
}

/// Sums over the functions of a file.
struct Sums {
    bound: f64,
    costs: Vec<f64>,
}

impl Sums {
    fn new(all: &[Bounded]) -> Self {
        let costs = (0..allocators().len()).map(|n| all.iter().map(|function| function.costs[n]).sum()).collect();
        Self { bound: all.iter().map(Bounded::known).sum(), costs }
    }

    /// The bound, then what the allocators make of it but for the last, all over the last one's.
    fn ratios(&self) -> Vec<f64> {
        let (last, others) = self.costs.split_last().expect("there are several allocators");
        std::iter::once(&self.bound).chain(others).map(|cost| cost / last).collect()
    }
}

pub(crate) fn run(args: &BoundArgs) -> Result<Answer> {
    let files = if args.files.is_empty() { input::default_files()? } else { args.files.clone() };
    ensure!(args.seconds.is_finite() && args.seconds > 0.0, "--seconds takes a number above 0");
    let limit = Duration::try_from_secs_f64(args.seconds).context("--seconds")?;
    let mut rows = table::new(&["", "functions", "open", "bound", "thorough", "quick", "best", "thorough/bound"], &[0]);
    let mut all_ratios: Vec<Vec<f64>> = Vec::new();
    let mut details = String::new();
    let mut answer = Answer::Yes;
    for path in &files {
        let mut problems = input::read_selected(path, args.function)?;
        let name = input::short_name(path);
        for (number, error) in input::reject_invalid(&mut problems) {
            eprintln!("{name} function {number}: {error}");
        }
        let bar = progress::bar(problems.len(), name.clone());
        let bounded = problems.par_iter().map(|(number, problem)| {
            let bounded = Bounded::new(*number, problem, limit);
            bar.inc(1);
            bounded
        });
        let bounded: Vec<Bounded> = bounded.collect::<Result<_>>().with_context(|| name.clone())?;
        bar.finish_and_clear();
        for wrong in contradictions(&name, &bounded) {
            eprintln!("{wrong}");
            answer = Answer::No;
        }
        let sums = Sums::new(&bounded);
        let open = bounded.iter().filter(|function| function.is_open()).count();
        details += &worst(&name, &bounded, &sums, if args.function.is_some() { 1 } else { args.worst });
        if args.blocks > 0 || args.loops > 0 {
            for (number, problem) in &problems {
                let tables = differences(problem, limit, args.blocks, args.loops);
                details += &tables.with_context(|| format!("{name} function {number}"))?;
                details += "\n";
            }
        }
        let ratios = sums.ratios();
        if ratios.iter().all(|ratio| ratio.is_finite()) {
            table::add(&mut rows, row(name, bounded.len().to_string(), open.to_string(), &ratios));
            all_ratios.push(ratios);
        }
    }
    if all_ratios.len() > 1 {
        // None where a file's functions all fit into the registers, so that the bound is 0.
        let mean = |n: usize| geometric_mean(all_ratios.iter().map(|ratios| ratios[n])).unwrap_or(f64::NAN);
        let means: Vec<f64> = (0..all_ratios[0].len()).map(mean).collect();
        table::add(&mut rows, row("geometric mean".to_owned(), String::new(), String::new(), &means));
    }
    input::print(&format!("{}\n{details}", rows.trim_fmt()))?;
    Ok(answer)
}

fn row(name: String, functions: String, open: String, ratios: &[f64]) -> Vec<String> {
    let figure = |ratio: f64| if ratio.is_finite() { format!("{ratio:.3}") } else { "-".to_owned() };
    let figures = ratios.iter().copied().map(figure);
    let over = figure(ratios[1] / ratios[0]);
    [name, functions, open].into_iter().chain(figures).chain([over]).collect()
}

/// What cannot be: allocations that the checker accepts, and that cost less than the bound.
fn contradictions(name: &str, all: &[Bounded]) -> Vec<String> {
    let mut wrong = Vec::new();
    for function in all {
        for ((allocator, cost), accepted) in allocators().into_iter().zip(&function.costs).zip(&function.accepted) {
            let bound = function.known();
            if *accepted && *cost < bound - SAME {
                let allocator = allocator.name();
                let number = function.number;
                wrong.push(format!("{name} function {number}: {allocator} costs {cost:.1}, less than {bound:.1}"));
            }
        }
    }
    wrong
}

/// The functions that make most of the difference between thorough and the bound, and those without a bound.
fn worst(name: &str, all: &[Bounded], sums: &Sums, count: usize) -> String {
    let mut out = String::new();
    for function in all.iter().filter(|function| function.is_open()) {
        let why =
            function.bound.as_ref().err().map_or_else(|| "the solver took too long".to_owned(), |e| format!("{e:#}"));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name} --function {}: open, {why}", function.number);
    }
    let mut order: Vec<&Bounded> = all.iter().filter(|function| !function.is_open()).collect();
    let lost = |function: &Bounded| function.costs[0] - function.known();
    order.sort_by(|a, b| lost(b).total_cmp(&lost(a)).then(a.number.cmp(&b.number)));
    let whole = sums.costs.last().copied().unwrap_or(0.0);
    for function in order.into_iter().take(count) {
        let mut costs =
            allocators().into_iter().zip(&function.costs).fold(String::new(), |mut costs, (allocator, cost)| {
                let _ = write!(costs, ", {} {cost:.1}", allocator.name());
                costs
            });
        if whole > 0.0 {
            let _ = write!(costs, "; thorough's distance is {:.4} of the file's cost with Ion", lost(function) / whole);
        }
        let (number, insts, bound) = (function.number, function.insts, function.known());
        let _ = writeln!(out, "{name} --function {number} ({insts} instructions): bound {bound:.1}{costs}");
    }
    out
}
