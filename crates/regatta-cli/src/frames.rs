//! `regatta frames`: the layouts of the frame side by side, with the fewest words that any layout needs.

use crate::args::FramesArgs;
use crate::table::{self, short};
use crate::{Answer, input, live_slots, progress};
use anyhow::{Result, anyhow};
use regatta::{Algorithm, Context, Options, Problem, SlotLayout};
use regatta_compare::ra2;
use std::path::Path;
use std::time::Instant;

const HEADER: [&str; 9] = ["", "ion", "probed", "packed", "at once", "over", "time", "thorough: packed", "over"];

/// Sums over the functions of a file.
#[derive(Debug, Default)]
struct Sums {
    ion: u64,
    probed: Frame,
    packed: Frame,
    ssa: Frame,
}

/// One layout of the frames of many functions.
#[derive(Debug, Default)]
struct Frame {
    words: u64,
    at_once: u64,
    seconds: f64,
}

impl Frame {
    fn add(&mut self, problem: &Problem, options: &Options, context: &mut Context, reps: u32) -> Result<()> {
        let mut best = f64::INFINITY;
        for _ in 0..reps {
            let start = Instant::now();
            regatta::run_with_ctx(&problem.func, &problem.env, options, context)?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        self.seconds += best;
        self.words += context.output.num_spillslots as u64;
        self.at_once += live_slots::most_at_once(problem, &context.output);
        Ok(())
    }

    fn over(&self) -> String {
        match self.at_once {
            0 => "-".to_owned(),
            at_once => format!("{:.2} %", (self.words as f64 / at_once as f64 - 1.0) * 100.0),
        }
    }
}

pub(crate) fn run(args: &FramesArgs) -> Result<Answer> {
    let files = if args.files.is_empty() { input::default_files()? } else { args.files.clone() };
    let mut table = table::new(&HEADER, &[0]);
    let mut all = Sums::default();
    for path in &files {
        let sums = file(path, args.reps)?;
        table::add(&mut table, row(input::short_name(path), &sums));
        all.ion += sums.ion;
        for (all, sums) in [(&mut all.probed, &sums.probed), (&mut all.packed, &sums.packed), (&mut all.ssa, &sums.ssa)]
        {
            all.words += sums.words;
            all.at_once += sums.at_once;
            all.seconds += sums.seconds;
        }
    }
    table::add(&mut table, row("all".to_owned(), &all));
    let legend = "Words of spill slots. probed, packed: of the backtracking allocator. at once: needed at one point.\n\
                  over: how far packed is above that. time: of packed, over that of probed.\n";
    input::print(&(table.trim_fmt() + "\n\n" + legend))?;
    Ok(Answer::Yes)
}

fn row(name: String, sums: &Sums) -> [String; 9] {
    let count = |n: u64| short(n as f64);
    [
        name,
        count(sums.ion),
        count(sums.probed.words),
        count(sums.packed.words),
        count(sums.packed.at_once),
        sums.packed.over(),
        format!("{:.3}", sums.packed.seconds / sums.probed.seconds),
        count(sums.ssa.words),
        sums.ssa.over(),
    ]
}

fn file(path: &Path, reps: u32) -> Result<Sums> {
    let problems = input::read(path)?;
    let bar = progress::bar(problems.len(), input::short_name(path));
    let mut sums = Sums::default();
    let mut contexts = [(); 3].map(|()| Context::default());
    for problem in &problems {
        let options = |algorithm, slot_layout| Options { algorithm, slot_layout, ..Options::default() };
        let [probed, packed, ssa] = &mut contexts;
        let (old, new) = (SlotLayout::Probed, SlotLayout::Packed);
        sums.probed.add(problem, &options(Algorithm::Backtracking, old), probed, reps)?;
        sums.packed.add(problem, &options(Algorithm::Backtracking, new), packed, reps)?;
        sums.ssa.add(problem, &options(Algorithm::Thorough, new), ssa, reps)?;
        let ion = ra2::run(problem, ra2::Algorithm::Ion).map_err(|error| anyhow!("regalloc2: {error:?}"))?;
        sums.ion += ion.num_spillslots as u64;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(sums)
}
