//! Wasmtime at work: it compiles, runs, compares, counts and captures WebAssembly programs, with whichever register allocator it
//! was built.
//!
//! The folders `stock`, `ours` and `capture` beside this one each build the same few lines around [`main`]; they differ
//! in which `regalloc2` their manifest puts below Cranelift, and nothing in this crate knows or asks.
//!
//! Each command is a module with one entry that is given its parsed arguments and says whether the answer is yes. The
//! exit code says the same to scripts: 0 all is well; 1 the answer is no (outputs differ, a test fails); 2 the command
//! line or an input makes no sense.

mod args;
mod capture;
mod compare;
mod compile;
mod count;
mod engine;
mod passes;
mod programs;
mod run;
mod spec;
mod table;

pub use capture::Recorder;

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;

/// What a command that could do its work has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// All is well.
    Yes,
    /// Something is not as it should be. What and where has been printed.
    No,
    /// A program that ran has asked to end with this exit code.
    Exit(u8),
}

/// The command. A build whose allocator keeps the functions that it is given passes what they are taken from.
pub fn main(recorder: Option<&dyn Recorder>) -> ExitCode {
    let answer = match Args::parse().command {
        Command::Compile(args) => compile::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Count(args) => count::run(&args),
        Command::Capture(args) => capture::run(&args, recorder),
        Command::Spec(args) => spec::run(&args),
    };
    match answer {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Ok(Answer::Exit(code)) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
