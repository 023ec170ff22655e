//! Every function of the corpus, with every algorithm, before both checkers.

use regatta::{Algorithm, Context, Options, Problem, check, run, run_with_ctx};
use regatta_compare::ra2;
use std::path::PathBuf;

fn corpus() -> Vec<(PathBuf, Vec<Problem>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the corpus is part of the repository")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "zst"))
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{} corpus files", files.len());
    files.into_iter().map(|path| (path.clone(), regatta_corpus::read_file(&path).expect("a corpus file"))).collect()
}

#[test]
fn every_function_is_valid() {
    for (path, problems) in corpus() {
        for (n, problem) in problems.iter().enumerate() {
            if let Err(error) = check::validate(&problem.func, &problem.env) {
                panic!("{} function {n}: {error}", path.display());
            }
        }
    }
}

#[test]
fn every_allocation_is_accepted_by_both_checkers() {
    for algorithm in Algorithm::ALL {
        let options = Options { algorithm, ..Options::default() };
        let mut context = Context::default();
        for (path, problems) in corpus() {
            for (n, problem) in problems.iter().enumerate() {
                let place = format!("{} function {n}, {}", path.display(), algorithm.name());
                let output = match run_with_ctx(&problem.func, &problem.env, &options, &mut context) {
                    Ok(output) => output,
                    Err(error) => panic!("{place}: {error}"),
                };
                if let Err(faults) = check::check(&problem.func, &problem.env, output) {
                    panic!("{place}: {faults}");
                }
                if let Err(error) = ra2::check(problem, output) {
                    panic!("{place}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_used_context_gives_what_a_fresh_one_gives() {
    for algorithm in Algorithm::ALL {
        let options = Options { algorithm, ..Options::default() };
        let mut context = Context::default();
        for (path, problems) in corpus() {
            // Backwards too, so that each function follows both a larger and a smaller one.
            for problem in problems.iter().chain(problems.iter().rev()) {
                let used = run_with_ctx(&problem.func, &problem.env, &options, &mut context).expect("allocatable");
                let fresh = run(&problem.func, &problem.env, &options).expect("allocatable");
                assert!(*used == fresh, "{} {}", path.display(), algorithm.name());
            }
        }
    }
}

#[test]
fn a_context_can_be_sent_to_another_thread() {
    fn assert_send<T: Send>() {}
    assert_send::<Context>();
}
