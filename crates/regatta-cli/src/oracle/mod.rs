//! `regatta oracle`: what the cheapest allocation of a small function costs.
//!
//! An allocator is compared with other allocators, for want of something better. For small functions there is something
//! better: the choice of where each value is at each point, written as an integer program and given to a solver, with the
//! very price list that the benchmark uses ([`crate::cost`]). What remains between our cost and the optimum is what there
//! is to gain; what the optimum does differently shows how.
//!
//! # The program
//!
//! Before each instruction, at the start of each block, and, as far as it is not the same, behind each instruction, there is
//! a column for each value that is alive and each place: how many copies of the value are there, mostly 0 or 1 ([`model`]).
//! Values may be in several places, and move anywhere between any two instructions.
//!
//! - **Between two instructions** a copy that was not there before must have been written: a move, if the value is in a
//!   register before, else a load, which needs the value in memory. A store puts it there, and there it remains, since a value
//!   never changes.
//! - **An instruction** finds its uses in places that fit their constraints, leaves nothing in what it clobbers, and has room
//!   for its definitions beside what lives on: late ones beside late uses, early ones beside all uses. A definition that
//!   reuses a use's register takes the copy that was there.
//! - **From block to block** what arrives is what left, under the names of the parameters. Each name needs a copy of its own.
//! - **A dear register** that anything is ever in is paid once.
//!
//! # What the answer is worth
//!
//! The program permits everything that the checker does, so it gives a *lower bound*: [`Optimum::bound`]. It permits more in
//! these regards:
//!
//! 1. Registers that nothing tells apart are one pool ([`places`]), and moves within a pool are free.
//! 2. Values that exchange registers do so with one move each, where a third register or memory costs one more.
//! 3. A value in memory goes over to a parameter in memory free of charge, as if they always shared a slot.
//! 4. A move from memory to memory needs no free register.
//!
//! Therefore the solution is turned back into an allocation ([`decode`]): a second program names the registers of pools, as
//! the first one filled them, paying for moves; slots are assigned and moves put in order. Both checkers must accept the result, and the
//! benchmark prices it. Where that is the bound, the bound is exact, and is attained. It nearly always is. Where it is not, a third
//! program with all registers apart gives a better bound, or a cheaper allocation, or both.
//!
//! Two things are taken from the allocations that the bound is about: several definitions of a value in one instruction, and
//! locations that hold two parameters that are equal only by way of each other around a loop ([`values`]). Code that cannot be
//! reached counts for nothing in the bound.

pub(crate) mod bound;
mod decode;
mod model;
mod places;
mod program;
mod report;
#[cfg(test)]
mod tests;
mod values;

use crate::allocators::{Allocator, Prepared, Runner};
use crate::args::OracleArgs;
use crate::cost::{Cost, CostModel};
use crate::{Answer, input, loops, progress, verdict};
use anyhow::{Context, Result, ensure};
use model::{Model, SCALE};
use rayon::prelude::*;
use regatta::check::check;
use regatta::{Algorithm, Output, Problem, text};
use std::time::{Duration, Instant};
use values::Values;

/// What is known of the cheapest allocation of a function.
#[derive(Debug)]
struct Optimum {
    /// No allocation is cheaper.
    bound: f64,
    /// Has the program been solved? The bound is the best that this program can tell, then.
    solved: bool,
    /// An allocation as cheap as could be found, with its price.
    found: Option<(Cost, Output)>,
    /// Why there is none.
    complaint: Option<String>,
    /// The columns of the program.
    columns: usize,
}

/// Costs that differ by less are the same: they are sums of multiples of a fifth.
const SAME: f64 = 0.01;

impl Optimum {
    /// Is the bound attained?
    fn is_exact(&self) -> bool {
        self.found.as_ref().is_some_and(|(cost, _)| cost.total < self.bound + SAME)
    }

    /// Makes an allocation of a solution of a program with registers apart, and keeps it if it is the cheapest so far.
    fn offer(&mut self, problem: &Problem, costs: &CostModel<'_>, model: &Model<'_>, answer: &program::Answer) {
        let Some((_, solution)) = &answer.best else { return };
        let output = match decode::decode(problem, model, solution) {
            Ok(output) => output,
            Err(error) => {
                self.complaint.get_or_insert(format!("{error:#}"));
                return;
            }
        };
        if let Some(objection) = verdict::objections(problem, &output).into_iter().next() {
            self.complaint.get_or_insert(objection);
            return;
        }
        let cost = costs.cost(&output);
        if self.found.as_ref().is_none_or(|(best, _)| cost.total < best.total) {
            self.found = Some((cost, output));
        }
    }
}

/// Finds out what the cheapest allocation of a valid function costs. Each of up to three programs may take as long as the limit.
///
/// # Errors
///
/// If the function is of a kind that the program cannot express, or the solver fails.
fn optimum(problem: &Problem, limit: Duration) -> Result<Optimum> {
    let values = Values::new(&problem.func);
    ensure!(!values.has_multiple_defs(), "an instruction defines a value several times");
    let costs = CostModel::new(problem);
    let pooled = Model::new(problem, &values, &costs, false);
    let answer = pooled.program.solve(limit, None)?;
    let mut optimum = Optimum {
        bound: answer.bound / SCALE,
        solved: answer.is_solved(),
        found: None,
        complaint: None,
        columns: pooled.program.len(),
    };
    let Some((_, solution)) = &answer.best else { return Ok(optimum) };
    let mut tied = Model::new(problem, &values, &costs, true);
    tied.tie(&pooled, solution);
    let named = tied.program.solve(limit, Some(answer.bound)).context("naming registers")?;
    optimum.offer(problem, &costs, &tied, &named);
    if !optimum.is_exact() {
        let apart = Model::new(problem, &values, &costs, true);
        let answer = apart.program.solve(limit, None)?;
        optimum.bound = optimum.bound.max(answer.bound / SCALE);
        optimum.solved |= answer.is_solved();
        optimum.offer(problem, &costs, &apart, &answer);
    }
    Ok(optimum)
}

/// A function with what each allocator makes of it.
struct Compared {
    file: String,
    number: usize,
    optimum: Result<Optimum>,
    /// In the order of [`allocators`]; nothing where there is no allocation that the checker accepts.
    costs: Vec<Option<Cost>>,
    seconds: f64,
}

/// Whose allocations are compared with the optimum.
fn allocators() -> [Allocator; 5] {
    [
        Allocator::Ours(Algorithm::Thorough),
        Allocator::Ours(Algorithm::Quick),
        Allocator::Ours(Algorithm::Backtracking),
        Allocator::Ours(Algorithm::Best),
        Allocator::Ion,
    ]
}

fn compare(file: &str, number: usize, problem: &Problem, limit: Duration) -> Compared {
    let start = Instant::now();
    let optimum = optimum(problem, limit);
    let seconds = start.elapsed().as_secs_f64();
    let model = CostModel::new(problem);
    let prepared = Prepared::new(problem);
    let costs = allocators().map(|allocator| {
        let mut runner = Runner::new(allocator);
        runner.allocate(&prepared).ok()?;
        let output = runner.output();
        check(&problem.func, &problem.env, &output).is_ok().then(|| model.cost(&output))
    });
    Compared { file: file.to_owned(), number, optimum, costs: costs.into(), seconds }
}

pub(crate) fn run(args: &OracleArgs) -> Result<Answer> {
    let files = if args.files.is_empty() { input::default_files()? } else { args.files.clone() };
    ensure!(args.seconds.is_finite() && args.seconds > 0.0, "--seconds takes a number above 0");
    let limit = Duration::try_from_secs_f64(args.seconds).context("--seconds")?;
    let mut all = Vec::new();
    for path in &files {
        let mut problems = input::read_selected(path, args.function)?;
        let name = input::short_name(path);
        for (number, error) in input::reject_invalid(&mut problems) {
            eprintln!("{name} function {number}: {error}");
        }
        if args.function.is_none() {
            let sizes = args.min_insts..=args.max_insts;
            problems.retain(|(_, problem)| {
                let func = &problem.func;
                sizes.contains(&func.insts.len()) && (!args.loops || loops::nest(func).loops > 0)
            });
            if let Some(sample) = args.sample {
                problems = spread(problems, sample);
            }
        }
        let bar = progress::bar(problems.len(), name.clone());
        let compared: Vec<Compared> = problems
            .par_iter()
            .map(|(number, problem)| {
                let compared = compare(&name, *number, problem, limit);
                bar.inc(1);
                compared
            })
            .collect();
        bar.finish_and_clear();
        if args.function.is_some() {
            for (compared, (_, problem)) in compared.iter().zip(&problems) {
                input::print(&report::detail(compared))?;
                if let Ok(Optimum { found: Some((_, output)), .. }) = &compared.optimum {
                    input::print(&text::print_allocated(problem, output))?;
                }
            }
        }
        all.extend(compared);
    }
    if args.function.is_none() {
        input::print(&report::summary(&all, args.worst))?;
    }
    let wrong = report::contradictions(&all);
    wrong.iter().for_each(|what| eprintln!("{what}"));
    Ok(if wrong.is_empty() { Answer::Yes } else { Answer::No })
}

/// At most `count` of the list, evenly spread over it.
fn spread<T>(list: Vec<T>, count: usize) -> Vec<T> {
    let length = list.len();
    if length <= count {
        return list;
    }
    let chosen = |n: usize| n * count / length != (n + 1) * count / length;
    list.into_iter().enumerate().filter(|(n, _)| chosen(*n)).map(|(_, item)| item).collect()
}
