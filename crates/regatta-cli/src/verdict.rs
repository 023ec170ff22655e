//! What two independent checkers say to an allocation of ours.

use crate::input;
use regatta::check::Faults;
use regatta::{Algorithm, Options, Output, Problem, check};
use regatta_compare::panics::caught;
use regatta_compare::ra2;

/// The most characters of another checker's words that are passed on.
const MAX_WORDS: usize = 300;

/// Allocates in fresh storage, if the function is valid.
///
/// # Errors
///
/// Why that cannot be done. A panic is such a reason too.
pub(crate) fn allocate(problem: &Problem, algorithm: Algorithm) -> Result<Output, String> {
    let options = Options { algorithm, validate: true, ..Options::default() };
    let attempt = caught(|| regatta::run(&problem.func, &problem.env, &options));
    match attempt {
        Ok(result) => result.map_err(|error| format!("cannot be allocated: {}", input::explain(problem, &error))),
        Err(words) => Err(format!("cannot be allocated: the allocator panics: {words}")),
    }
}

/// The checkers' objections to an allocation, a line for each checker that objects.
pub(crate) fn objections(problem: &Problem, output: &Output) -> Vec<String> {
    let ours = caught(|| check::check(&problem.func, &problem.env, output));
    let ours = match ours {
        Ok(verdict) => verdict.map_err(|faults| in_short(&faults)),
        Err(words) => Err(format!("it panics: {words}")),
    };
    let theirs = ra2::check(problem, output).map_err(|words| words.chars().take(MAX_WORDS).collect::<String>());
    let ours = ours.err().map(|words| format!("our checker: {words}"));
    let theirs = theirs.err().map(|words| format!("regalloc2's checker: {words}"));
    ours.into_iter().chain(theirs).collect()
}

/// The first fault, and how many more there are.
fn in_short(faults: &Faults) -> String {
    let first = faults.as_slice().first().map_or(String::new(), ToString::to_string);
    match faults.as_slice().len().saturating_sub(1) + faults.omitted() {
        0 => first,
        more => format!("{first} (and {more} more)"),
    }
}
