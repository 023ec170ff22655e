//! Every fuzz target, bounded: on the stored seeds, and on a number of random ones.
//!
//! `REGATTA_SEEDS=N` runs N of them rather than the 500 to 5,000 that a target has here, `REGATTA_FIRST_SEED=S` starts at
//! another one.

use regatta::text;
use regatta_testing::{Random, targets};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The text of a failed problem is printed only if it is no longer than this.
const SHORT: usize = 20_000;

fn attempt(target: targets::Target, name: &str, choices: impl Fn() -> Random) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| target.1(&choices()))).map_err(|_| {
        let problem = targets::problem(target.0, &choices());
        let text = problem.and_then(|problem| catch_unwind(|| text::print(&problem)).ok()).unwrap_or_default();
        format!("{} on {name}\n{}", target.0, if text.len() <= SHORT { &text } else { "" })
    })
}

fn run(name: &str, seeds: u64) {
    let target = *targets::ALL.iter().find(|target| target.0 == name).expect("a target of that name");
    let mut failures = Vec::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
    let files = std::fs::read_dir(&directory).map(|files| files.flatten().collect::<Vec<_>>()).unwrap_or_default();
    assert!(!files.is_empty(), "there are seeds in {}", directory.display());
    for file in files {
        let bytes = std::fs::read(file.path()).expect("a readable file");
        let name = file.file_name().to_string_lossy().into_owned();
        failures.extend(attempt(target, &name, || Random::from_bytes(&bytes)).err());
    }
    let first = setting("REGATTA_FIRST_SEED", 0);
    for seed in first..first + setting("REGATTA_SEEDS", seeds) {
        failures.extend(attempt(target, &format!("seed {seed}"), || Random::new(seed)).err());
    }
    failures.sort_by_key(String::len);
    if let Some(failure) = failures.first() {
        panic!("{} failures, the shortest: {failure}", failures.len());
    }
}

#[test]
fn ssa() {
    run("ssa", 1500);
}

#[test]
fn backtracking() {
    run("backtracking", 500);
}

#[test]
fn moves() {
    run("moves", 5000);
}

#[test]
fn graphs() {
    run("graphs", 2000);
}

#[test]
fn liveness() {
    run("liveness", 500);
}

#[test]
fn lives() {
    run("lives", 2000);
}

#[test]
fn slots() {
    run("slots", 3000);
}

#[test]
fn text_form() {
    run("text", 2000);
}

#[test]
fn invalid() {
    run("invalid", 3000);
}

#[test]
fn outputs() {
    run("outputs", 2000);
}
