//! `regatta check` and `regatta validate`: yes or no, and why not.

use crate::args::{CheckArgs, ValidateArgs};
use crate::{Answer, input, progress, verdict};
use anyhow::Result;
use rayon::prelude::*;
use regatta::Algorithm;

/// Allocates and runs both checkers over the result.
pub(crate) fn check(args: &CheckArgs) -> Result<Answer> {
    let algorithms = args.algorithm.map_or(Algorithm::ALL.to_vec(), |algorithm| vec![algorithm]);
    let (mut functions, mut objections) = (0, 0);
    for file in &args.files {
        let problems = input::read_selected(file, args.function)?;
        let bar = progress::bar(problems.len(), input::short_name(file));
        let found = problems.par_iter().flat_map_iter(|(number, problem)| {
            let mut found = Vec::new();
            for &algorithm in &algorithms {
                let objections = match verdict::allocate(problem, algorithm) {
                    Ok(output) => verdict::objections(problem, &output),
                    Err(why) => vec![why],
                };
                found.extend(objections.into_iter().map(|what| (*number, algorithm.name(), what)));
            }
            bar.inc(1);
            found
        });
        let found: Vec<_> = found.collect();
        bar.finish_and_clear();
        for (number, algorithm, what) in &found {
            input::print(&format!("{} function {number}, {algorithm}: {what}\n", file.display()))?;
        }
        functions += problems.len();
        objections += found.len();
    }
    let allocations = functions * algorithms.len();
    input::print(&format!("{functions} functions, {allocations} allocations checked, {objections} objections\n"))?;
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
    input::print(&format!("{functions} functions, {invalid} of them invalid\n"))?;
    Ok(if invalid == 0 { Answer::Yes } else { Answer::No })
}
