//! `regatta frames`: the layouts of the frame side by side, with the fewest words that any layout, and any allocation,
//! needs.

use crate::args::FramesArgs;
use crate::table::{self, short};
use crate::{Answer, forced, input, live_slots, progress};
use anyhow::{Result, anyhow};
use regatta::{Algorithm, Context, Options, Problem, SlotLayout};
use regatta_compare::ra2;
use std::path::Path;
use std::time::Instant;

const HEADER: [&str; 10] =
    ["", "forced", "ion", "probed", "packed", "at once", "over", "time", "thorough: packed", "over"];

/// Sums over the functions of a file.
#[derive(Debug, Default)]
struct Sums {
    forced: u64,
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

impl Sums {
    /// The frames of one function.
    fn new(problem: &Problem, contexts: &mut [Context; 3], reps: u32) -> Result<Self> {
        let options = |algorithm, slot_layout| Options { algorithm, slot_layout, ..Options::default() };
        let [probed, packed, ssa] = contexts;
        let (old, new) = (SlotLayout::Probed, SlotLayout::Packed);
        let ion = ra2::run(problem, ra2::Algorithm::Ion).map_err(|error| anyhow!("regalloc2: {error:?}"))?;
        Ok(Self {
            forced: forced::words(problem),
            ion: ion.num_spillslots as u64,
            probed: Frame::new(problem, &options(Algorithm::Backtracking, old), probed, reps)?,
            packed: Frame::new(problem, &options(Algorithm::Backtracking, new), packed, reps)?,
            ssa: Frame::new(problem, &options(Algorithm::Thorough, new), ssa, reps)?,
        })
    }

    fn add(&mut self, other: &Self) {
        self.forced += other.forced;
        self.ion += other.ion;
        self.probed.add(&other.probed);
        self.packed.add(&other.packed);
        self.ssa.add(&other.ssa);
    }
}

impl Frame {
    fn new(problem: &Problem, options: &Options, context: &mut Context, reps: u32) -> Result<Self> {
        let mut seconds = f64::INFINITY;
        for _ in 0..reps {
            let start = Instant::now();
            regatta::run_with_ctx(&problem.func, &problem.env, options, context)?;
            seconds = seconds.min(start.elapsed().as_secs_f64());
        }
        let words = context.output.num_spillslots as u64;
        Ok(Self { words, at_once: live_slots::most_at_once(problem, &context.output), seconds })
    }

    fn add(&mut self, other: &Self) {
        self.words += other.words;
        self.at_once += other.at_once;
        self.seconds += other.seconds;
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
    let mut answer = Answer::Yes;
    for path in &files {
        let (sums, left_out) = file(path, args.reps)?;
        table::add(&mut table, row(input::short_name(path), &sums));
        all.add(&sums);
        for (number, why) in left_out {
            eprintln!("{} function {number}, not counted: {why}", path.display());
            answer = Answer::No;
        }
    }
    table::add(&mut table, row("all".to_owned(), &all));
    let legend = "Words of spill slots. forced: without which no allocation can be. probed, packed: of the backtracking allocator. at once: needed at one point.\n\
                  over: how far packed is above that. time: of packed, over that of probed.\n";
    input::print(&(table.trim_fmt() + "\n\n" + legend))?;
    Ok(answer)
}

fn row(name: String, sums: &Sums) -> [String; 10] {
    let count = |n: u64| short(n as f64);
    let time = sums.packed.seconds / sums.probed.seconds;
    [
        name,
        count(sums.forced),
        count(sums.ion),
        count(sums.probed.words),
        count(sums.packed.words),
        count(sums.packed.at_once),
        sums.packed.over(),
        if time.is_finite() { format!("{time:.3}") } else { "-".to_owned() },
        count(sums.ssa.words),
        sums.ssa.over(),
    ]
}

/// The sums over the functions of a file, and which are left out, and why.
fn file(path: &Path, reps: u32) -> Result<(Sums, Vec<(usize, String)>)> {
    let mut problems = input::read_selected(path, None)?;
    let invalid = input::reject_invalid(&mut problems);
    let mut left_out: Vec<_> = invalid.into_iter().map(|(number, error)| (number, error.to_string())).collect();
    let bar = progress::bar(problems.len(), input::short_name(path));
    let mut sums = Sums::default();
    let mut contexts = [(); 3].map(|()| Context::default());
    for (number, problem) in &problems {
        match Sums::new(problem, &mut contexts, reps) {
            Ok(function) => sums.add(&function),
            Err(why) => left_out.push((*number, format!("cannot be allocated: {why}"))),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((sums, left_out))
}
