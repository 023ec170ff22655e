//! `regatta check` and `regatta validate`: yes or no, and why not.

use crate::args::{CheckArgs, ValidateArgs};
use crate::{Answer, input, progress, verdict};
use anyhow::Result;
use rayon::prelude::*;
use regatta::Algorithm;

/// Allocates and runs both checkers over the result.
pub(crate) fn check(args: &CheckArgs) -> Result<Answer> {
    let algorithms = args.algorithm.map_or(Algorithm::ALL.to_vec(), |algorithm| vec![algorithm]);
    let (mut functions, mut allocations, mut objections) = (0, 0, 0);
    for file in &args.files {
        let problems = input::read_selected(file, args.function)?;
        let bar = progress::bar(problems.len(), input::short_name(file));
        let verdicts = problems.par_iter().flat_map_iter(|(number, problem)| {
            let verdict = |&algorithm: &Algorithm| {
                let verdict = verdict::allocate(problem, algorithm).map(|output| verdict::objections(problem, &output));
                (*number, algorithm.name(), verdict)
            };
            let verdicts: Vec<_> = algorithms.iter().map(verdict).collect();
            bar.inc(1);
            verdicts
        });
        let verdicts: Vec<_> = verdicts.collect();
        bar.finish_and_clear();
        functions += problems.len();
        for (number, algorithm, verdict) in verdicts {
            // What cannot be allocated is an objection, but not to an allocation.
            allocations += usize::from(verdict.is_ok());
            for what in verdict.unwrap_or_else(|why| vec![why]) {
                input::print(&format!("{} function {number}, {algorithm}: {what}\n", file.display()))?;
                objections += 1;
            }
        }
    }
    input::print(&format!(
        "{}, {} checked, {}\n",
        input::count(functions, "function"),
        input::count(allocations, "allocation"),
        input::count(objections, "objection")
    ))?;
    Ok(if objections == 0 { Answer::Yes } else { Answer::No })
}

/// Looks for what is wrong with the functions themselves.
pub(crate) fn validate(args: &ValidateArgs) -> Result<Answer> {
    let (mut functions, mut invalid) = (0, 0);
    for file in &args.files {
        let mut problems = input::read_selected(file, None)?;
        functions += problems.len();
        for (number, error) in input::reject_invalid(&mut problems) {
            input::print(&format!("{} function {number}: {error}\n", file.display()))?;
            invalid += 1;
        }
    }
    input::print(&format!("{}, {invalid} of them invalid\n", input::count(functions, "function")))?;
    Ok(if invalid == 0 { Answer::Yes } else { Answer::No })
}
