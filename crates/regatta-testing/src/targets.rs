//! The bodies of the fuzz targets. Each takes its choices from a [`Random`] and panics when something is wrong.

use crate::random::{Kind, generate};
use crate::{dataflow, interpret, invalid, outputs};
use regatta::check::{Fault, FaultKind, Faults};
use regatta::fuzzing::{self, Random};
use regatta::{
    Algorithm, Context, FrequencyModel, Options, Output, Problem, ProgPoint, SlotLayout, check, run, run_with_ctx, text,
};
use regatta_compare::panics::caught;
use regatta_compare::ra2;
use std::cell::RefCell;

/// A fuzz target: its name, and its body.
pub type Target = (&'static str, fn(&Random));

/// Every target.
pub const ALL: [Target; 10] = [
    ("ssa", ssa),
    ("backtracking", backtracking),
    ("moves", fuzzing::parallel_moves),
    ("graphs", fuzzing::graphs),
    ("liveness", liveness),
    ("lives", fuzzing::lives),
    ("slots", fuzzing::slots),
    ("text", text_form),
    ("invalid", invalid_input),
    ("outputs", wrong_outputs),
];

/// Runs the target of this name.
///
/// # Panics
///
/// If there is none, or something is wrong.
pub fn run_target(name: &str, random: &Random) {
    let (_, body) = ALL.iter().find(|target| target.0 == name).expect("a target of that name");
    body(random);
}

/// The algorithms of the SSA allocator.
const SSA: [Algorithm; 2] = [Algorithm::Thorough, Algorithm::Quick];

/// The problem that a target looks at, where it looks at one.
pub fn problem(target: &str, random: &Random) -> Option<Problem> {
    match target {
        "ssa" | "backtracking" | "liveness" => Some(generate(random, any_kind(random))),
        "invalid" => Some(invalid::problem(random)),
        _ => None,
    }
}

/// What a target does with a problem.
///
/// # Panics
///
/// If something is wrong with the problem, or no target of that name looks at problems.
pub fn look_at(target: &str, problem: &Problem) {
    let valid = check::validate(&problem.func, &problem.env).is_ok();
    match target {
        "ssa" => allocate(problem, false, &SSA, &Random::new(0)),
        "backtracking" => allocate(problem, false, &[Algorithm::Backtracking], &Random::new(0)),
        "liveness" if valid => fuzzing::liveness(&problem.func, &problem.env),
        "liveness" => {}
        "invalid" => try_everything(problem),
        _ => panic!("there is no such target"),
    }
}

fn any_kind(random: &Random) -> Kind {
    Kind { scattered: random.chance(30), impossible: random.chance(20) }
}

fn allocate_any(algorithms: &[Algorithm], random: &Random) {
    let kind = any_kind(random);
    allocate(&generate(random, kind), !kind.impossible, algorithms, random);
}

/// Random functions on random machines, by the SSA allocator in both settings, before both checkers.
pub fn ssa(random: &Random) {
    allocate_any(&SSA, random);
}

/// The same by the backtracking allocator.
pub fn backtracking(random: &Random) {
    allocate_any(&[Algorithm::Backtracking], random);
}

thread_local! {
    /// Storage that is kept from function to function.
    static CONTEXT: RefCell<Context> = RefCell::default();
}

/// Allocates a problem, which is valid or says why not, and puts the result before the checkers. One that is `solvable` must be allocated, and so must one
/// that is valid and that another algorithm allocates.
///
/// # Panics
///
/// If anything is wrong.
pub fn allocate(problem: &Problem, solvable: bool, algorithms: &[Algorithm], random: &Random) {
    let valid = check::validate(&problem.func, &problem.env);
    for &algorithm in algorithms {
        // What a panic leaves behind is not used again.
        let mut context = CONTEXT.take();
        let options = Options { algorithm, validate: true, ..Options::default() };
        let name = algorithm.name();
        let fresh = run(&problem.func, &problem.env, &options);
        let used = run_with_ctx(&problem.func, &problem.env, &options, &mut context);
        match (used, fresh) {
            (Ok(used), Ok(fresh)) => {
                assert_eq!(valid, Ok(()), "{name} allocates what is invalid");
                assert!(*used == fresh, "{name}: storage that is kept makes a difference");
            }
            (Err(used), Err(fresh)) => {
                assert_eq!(used, fresh, "{name}: storage that is kept makes a difference");
                CONTEXT.set(context);
                assert!(!solvable, "{name} refuses: {fresh}");
                let allocates = |&algorithm: &Algorithm| {
                    run(&problem.func, &problem.env, &Options { algorithm, ..Options::default() }).is_ok()
                };
                if valid.is_ok()
                    && let Some(other) = Algorithm::ALL.iter().find(|other| allocates(other))
                {
                    panic!("{name} refuses what {} allocates: {fresh}", other.name());
                }
                continue;
            }
            (used, fresh) => panic!("{name}: with kept storage {:?}, else {:?}", used.err(), fresh.err()),
        }
        let output = &context.output;
        check::check(&problem.func, &problem.env, output).unwrap_or_else(|faults| panic!("{name}: {faults}"));
        ra2::check(problem, output).unwrap_or_else(|faults| panic!("{name}: regalloc2's checker: {faults}"));
        if let Some(inst) = interpret::wrong_read(problem, output, random, 200) {
            panic!("{name}: executed, {inst} reads a wrong value");
        }
        CONTEXT.set(context);
    }
}

/// Liveness and distances against a data-flow.
pub fn liveness(random: &Random) {
    let problem = generate(random, Kind { scattered: random.chance(30), impossible: false });
    if check::validate(&problem.func, &problem.env).is_ok() {
        fuzzing::liveness(&problem.func, &problem.env);
    }
}

/// Bytes to the parser: what it takes survives being printed, and is allocated or rejected.
pub fn text_form(random: &Random) {
    let mut bytes = if random.chance(50) {
        let kind = Kind { scattered: random.chance(30), impossible: random.chance(30) };
        text::print(&generate(random, kind)).into_bytes()
    } else {
        Vec::new()
    };
    for _ in 0..random.below(8) {
        splice(random, &mut bytes);
    }
    parse(&String::from_utf8_lossy(&bytes));
}

/// What the parser makes of a text: see [`text_form`].
pub fn parse(source: &str) {
    match text::parse(source) {
        Err(error) => {
            assert!(source.get(error.span.clone()).is_some(), "{error:?}");
            let _ = error.to_string();
        }
        Ok(problems) => {
            let again = text::parse(&text::print_all(&problems));
            assert_eq!(again.as_ref(), Ok(&problems));
            for problem in problems.iter().filter(|problem| problem.func.insts.len() < 1000) {
                try_with_validation(problem);
            }
        }
    }
}

/// Words of the text form, and some that are not.
const WORDS: &str = "machine function { } ( ) : , - -> block0: block1 block99999999999 op ret branch use def early late fixed any reg \
    stack reuse limit clobbers p0i p63f p64i p999999999999999999999i v0i v1f v99999999999i v1073741823i preds freq debug from to \
    inst0 inst4294967295 entry vregs multiple_defs int float vector preferred scratch slot 0 1 31 32 64 1.5 99999999999999999999 é ;";

fn splice(random: &Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len() + 1);
    match random.below(4) {
        0 => bytes.insert(at, random.below(256) as u8),
        1 => drop(bytes.drain(at..(at + random.below(20)).min(bytes.len()))),
        2 => {
            let piece: Vec<u8> =
                bytes.iter().skip(random.below(bytes.len() + 1)).take(random.below(40)).copied().collect();
            bytes.splice(at..at, piece);
        }
        _ => {
            let words: Vec<&str> = WORDS.split_whitespace().collect();
            let word = random.pick(&words).unwrap_or_default();
            bytes.splice(at..at, format!(" {word} ").into_bytes());
        }
    }
}

/// Invalid input: with validation on, an error or an allocation that is right; with validation off, an end.
pub fn invalid_input(random: &Random) {
    try_everything(&invalid::problem(random));
}

/// Every algorithm in every setting that makes a difference to it.
fn settings() -> impl Iterator<Item = Options> {
    let with = |algorithm| Options { algorithm, ..Options::default() };
    let estimated = |algorithm| Options { frequencies: FrequencyModel::Estimated, ..with(algorithm) };
    let probed = Options { slot_layout: SlotLayout::Probed, ..with(Algorithm::Backtracking) };
    let others = [estimated(Algorithm::Thorough), estimated(Algorithm::Quick), probed];
    Algorithm::ALL.into_iter().map(with).chain(others)
}

fn try_everything(problem: &Problem) {
    try_with_validation(problem);
    for options in settings() {
        if cfg!(debug_assertions) {
            // An assertion is a good way to end. Builds without assertions shall end without a panic.
            let _ = caught(|| drop(run(&problem.func, &problem.env, &options)));
        } else {
            let _ = run(&problem.func, &problem.env, &options);
        }
    }
}

/// Wrong outputs to the checker, for valid functions and others: it comes to a verdict. For a valid function, it finds the same operands wrong as
/// a data-flow forwards, and what it accepts reads nothing wrong along random paths.
pub fn wrong_outputs(random: &Random) {
    let is_generated = random.chance(80);
    let problem = if is_generated { generate(random, any_kind(random)) } else { invalid::problem(random) };
    let valid = check::validate(&problem.func, &problem.env);
    let algorithm = random.pick(&Algorithm::ALL).unwrap_or_default();
    let options = Options { algorithm, validate: true, ..Options::default() };
    let right = run(&problem.func, &problem.env, &options).unwrap_or_default();
    for _ in 0..8 {
        let mut output = right.clone();
        outputs::break_some(random, &problem, &mut output);
        let verdict = check::check(&problem.func, &problem.env, &output);
        let _ = verdict.as_ref().map_err(ToString::to_string);
        if is_generated {
            let _ = (text::print_allocated(&problem, &output), output.written_regs(&problem.func));
        }
        if valid.is_ok() {
            compare_with_dataflow(&problem, &output, &verdict);
        }
        if verdict.is_ok() && valid.is_ok() {
            let theirs = ra2::check(&problem, &output);
            assert_eq!(theirs, Ok(()), "regalloc2's checker objects to:\n{}", text::print_allocated(&problem, &output));
            for _ in 0..4 {
                let wrong = interpret::wrong_read(&problem, &output, random, 100);
                assert_eq!(
                    wrong,
                    None,
                    "accepted, and reads a wrong value:\n{}",
                    text::print_allocated(&problem, &output)
                );
            }
        }
    }
}

/// The values that the checker misses are those that the data-flow does, unless the output is wrong in its form as well.
fn compare_with_dataflow(problem: &Problem, output: &Output, verdict: &Result<(), Faults>) {
    let faults = verdict.as_ref().err().map_or(&[][..], Faults::as_slice);
    let are_all_told = verdict.as_ref().err().is_none_or(|faults| faults.omitted() == 0);
    let of_values = |fault: &Fault| matches!(fault.kind, FaultKind::WrongValue | FaultKind::DebugLocation);
    if !are_all_told || !faults.iter().all(of_values) {
        return;
    }
    let wrong = faults.iter().filter(|fault| fault.kind == FaultKind::WrongValue);
    let mut found: Vec<_> = wrong.filter_map(|fault| fault.point.map(ProgPoint::inst)).collect();
    found.sort_unstable();
    let expected: Vec<_> = dataflow::wrong_reads(problem, output).into_iter().map(|(inst, _)| inst).collect();
    assert_eq!(found, expected, "{}\n{}", text::print(problem), text::print_allocated(problem, output));
}

fn try_with_validation(problem: &Problem) {
    let valid = check::validate(&problem.func, &problem.env);
    let _ = valid.as_ref().map_err(ToString::to_string);
    for options in settings() {
        let name = options.algorithm.name();
        match run(&problem.func, &problem.env, &Options { validate: true, ..options }) {
            Ok(output) => {
                assert_eq!(valid, Ok(()), "{name} allocates what is invalid");
                let verdict = check::check(&problem.func, &problem.env, &output);
                verdict.unwrap_or_else(|faults| panic!("{name}: {faults}"));
            }
            Err(error) => drop(error.to_string()),
        }
    }
}
