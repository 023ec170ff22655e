//! Random functions on random machines: every one is valid, allocated by every algorithm, and accepted by both checkers.
//!
//! `REGATTA_SEEDS=N` runs N of them rather than a few thousand, `REGATTA_FIRST_SEED=S` starts at another one.

use regatta::{Algorithm, Context, FrequencyModel, Options, Problem, check, run, run_with_ctx, text};
use regatta_compare::ra2;
use regatta_testing::random;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn try_one(problem: &Problem, algorithms: &[Algorithm], context: &mut Context) -> Result<(), String> {
    check::validate(&problem.func, &problem.env).map_err(|error| format!("validator: {error}"))?;
    let models = [FrequencyModel::LoopDepth, FrequencyModel::Estimated];
    for (&algorithm, frequencies) in algorithms.iter().flat_map(|algorithm| models.map(|model| (algorithm, model))) {
        let options = Options { algorithm, frequencies, ..Options::default() };
        let name = format!("{}, {frequencies:?}", algorithm.name());
        let used = run_with_ctx(&problem.func, &problem.env, &options, context).map_err(|e| format!("{name}: {e}"))?;
        check::check(&problem.func, &problem.env, used).map_err(|faults| format!("{name}: {faults}"))?;
        ra2::check(problem, used).map_err(|error| format!("{name}: {error}"))?;
        let fresh = run(&problem.func, &problem.env, &options).map_err(|e| format!("{name}, fresh: {e}"))?;
        if *used != fresh {
            return Err(format!("{name}: a used context gives another output than a fresh one"));
        }
    }
    Ok(())
}

#[test]
fn random_functions() {
    run_all(&[Algorithm::Thorough, Algorithm::Quick]);
}

#[test]
fn random_functions_by_backtracking() {
    run_all(&[Algorithm::Backtracking, Algorithm::Best]);
}

fn run_all(algorithms: &[Algorithm]) {
    let first = setting("REGATTA_FIRST_SEED", 0);
    let count = setting("REGATTA_SEEDS", 4000);
    let mut context = Context::default();
    let mut failures = Vec::new();
    for seed in first..first + count {
        let problem = random::problem(seed);
        let result = catch_unwind(AssertUnwindSafe(|| try_one(&problem, algorithms, &mut context)));
        if let Err(why) = result.unwrap_or_else(|_| Err("panic".to_owned())) {
            failures.push((problem.func.insts.len(), seed, why));
            context = Context::default();
        }
    }
    failures.sort();
    if std::env::var_os("REGATTA_KINDS").is_some() {
        for (_, seed, why) in &failures {
            println!("kind {seed} {}", why.chars().take(150).collect::<String>().replace('\n', " "));
        }
    }
    for (insts, seed, why) in failures.iter().take(5) {
        println!("seed {seed}, {insts} instructions: {why}");
    }
    if let Some((_, seed, _)) = failures.first() {
        println!("{}", text::print(&random::problem(*seed)));
        panic!("{} of {count} functions failed", failures.len());
    }
}
