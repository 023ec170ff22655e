//! `regatta scale`: how time and heap grow with the size of functions that hurt allocators.
//!
//! Some allocators take hours for the larger sizes, or all memory. So each case runs in a process of its own, this command started
//! again with a hidden subcommand, and is stopped when its time is up. A stopped case is the last of its series: larger ones are
//! left out. Times are those of the processor, since what else runs on the machine would make the longer cases look worse than
//! they are. What a case found comes back as a line of JSON.

mod fit;
mod report;
mod subject;

use crate::allocators::Prepared;
use crate::args::{CaseArgs, ScaleArgs};
use crate::{Answer, HEAP, input, progress};
use anyhow::{Context, Result, anyhow};
use cpu_time::ThreadTime;
use peakmem_alloc::PeakMemAllocTrait;
use regatta_testing::families::Family;
use report::Series;
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};
use std::time::Duration;
pub(crate) use subject::Subject;
use subject::Work;
use wait_timeout::ChildExt;

/// How often a case is run, as in the benchmark; the best counts. Many more runs would make small functions look faster than any
/// function is that is compiled once: the processor learns their branches.
const RUNS: usize = 3;
/// What takes longer than this is not run again: the noise does not matter then.
const LONG: Duration = Duration::from_secs(3);
/// The most instructions that the checker is shown. It follows every slot through every block, which takes longer than allocating.
const CHECKED: usize = 30_000;

/// What one subject took for one function.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Case {
    /// The size that was asked for.
    size: usize,
    /// The instructions that the function has.
    insts: usize,
    seconds: f64,
    heap: usize,
}

/// How a case ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Ending {
    Done(Case),
    /// It could not be allocated, or not right.
    Failed(String),
    /// It took too long.
    Stopped,
}

/// Runs one case and prints how it ended.
pub(crate) fn case(args: &CaseArgs) -> Result<Answer> {
    let problem = args.family.make(args.size);
    let prepared = Prepared::new(&problem);
    let ending = measure(args, &prepared).unwrap_or_else(|error| Ending::Failed(error.to_string()));
    input::print(&serde_json::to_string(&ending)?)?;
    Ok(Answer::Yes)
}

fn measure(args: &CaseArgs, prepared: &Prepared<'_>) -> Result<Ending> {
    let mut work = Work::new(args.subject, prepared)?;
    HEAP.reset_peak_memory();
    let mut best = Duration::MAX;
    let mut heap = 0;
    for run in 0..RUNS {
        if run == 0 || best < LONG {
            let start = ThreadTime::now();
            work.run()?;
            best = best.min(start.elapsed());
        }
        if run == 0 {
            heap = HEAP.get_peak_memory();
        }
    }
    let insts = prepared.problem.func.insts.len();
    if insts <= CHECKED {
        work.verify()?;
    }
    Ok(Ending::Done(Case { size: args.size, insts, seconds: best.as_secs_f64(), heap }))
}

/// Runs one case in a process of its own.
fn in_process(family: Family, size: usize, subject: Subject, limit: Duration) -> Result<Ending> {
    let program = std::env::current_exe().context("where is this program?")?;
    let mut child = Command::new(program)
        .args(["scale-case", family.name(), &size.to_string(), subject.name()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("a process for the case")?;
    if child.wait_timeout(limit)?.is_none() {
        child.kill()?;
        child.wait()?;
        return Ok(Ending::Stopped);
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Ok(Ending::Failed(format!("its process ends with {}", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| anyhow!("what a case printed: {error}"))
}

pub(crate) fn run(args: &ScaleArgs) -> Result<Answer> {
    let families = if args.families.is_empty() { Family::ALL.to_vec() } else { args.families.clone() };
    let subjects = if args.allocators.is_empty() { Subject::usual() } else { args.allocators.clone() };
    let mut sizes = args.sizes.clone();
    sizes.sort_unstable();
    let bar = progress::bar(families.len() * subjects.len() * sizes.len(), String::new());
    let mut series = Vec::new();
    for &family in &families {
        for &subject in &subjects {
            bar.set_message(format!("{} {}", family.name(), subject.name()));
            let mut one = Series::new(family, subject);
            for &size in &sizes {
                bar.inc(1);
                if one.goes_on() {
                    one.add(size, in_process(family, size, subject, Duration::from_secs(args.limit))?);
                }
            }
            series.push(one);
        }
    }
    bar.finish_and_clear();
    if args.json {
        input::print(&(serde_json::to_string_pretty(&series)? + "\n"))?;
    } else {
        input::print(&report::tables(&series, args.all))?;
    }
    let mut answer = Answer::Yes;
    for (family, subject, failure) in series.iter().flat_map(|one| one.failures(args.steepest)) {
        eprintln!("{family}, {subject}: {failure}");
        answer = Answer::No;
    }
    Ok(answer)
}
