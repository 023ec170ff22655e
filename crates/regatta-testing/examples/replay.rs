//! Runs a fuzz target on a file of bytes, or on a seed: `replay TARGET FILE-OR-SEED`. Prints the problem that it looks at, in text,
//! first; with `--print`, that only; with `--reduce`, one that panics in the same target and is small.

use regatta_testing::{Random, targets};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (name, input) = match args.as_slice() {
        [name, input, ..] => (name, input),
        _ => return Err("usage: replay TARGET FILE-OR-SEED [--print | --reduce]".into()),
    };
    let choices = || -> Result<Random, Box<dyn Error>> {
        match input.parse() {
            Ok(seed) => Ok(Random::new(seed)),
            Err(_) => Ok(Random::from_bytes(&std::fs::read(input)?)),
        }
    };
    let target = targets::ALL.into_iter().find(|target| target.0 == name).ok_or("there is no such target")?;
    if args.iter().any(|arg| arg == "--reduce")
        && let Some(problem) = targets::problem(name, &choices()?)
    {
        std::panic::set_hook(Box::new(|_| {}));
        let fails = |problem: &regatta::Problem| std::panic::catch_unwind(|| targets::look_at(name, problem)).is_err();
        if !fails(&problem) {
            return Err("nothing wrong".into());
        }
        let small = regatta_testing::reduce::reduce(&problem, fails);
        println!("{}", regatta::text::print(&small));
        let _ = std::panic::take_hook();
        targets::look_at(name, &small);
    } else if let Some(problem) = targets::problem(name, &choices()?) {
        println!("{}", regatta::text::print(&problem));
    }
    if !args.iter().any(|arg| arg == "--print") {
        target.1(&choices()?);
        eprintln!("nothing wrong");
    }
    Ok(())
}
