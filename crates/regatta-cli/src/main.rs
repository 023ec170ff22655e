//! The `regatta` command: allocates, checks, converts, counts and times register-allocation problems.
//!
//! Each command is a module with one entry that is given its parsed arguments and says whether the answer is yes. The
//! exit code says the same to scripts: 0 all is well; 1 the answer is no (a checker objects, a function is invalid or
//! cannot be allocated); 2 the command line or an input makes no sense.

mod alloc;
mod allocators;
mod args;
mod bench;
mod check;
mod convert;
mod cost;
mod forced;
mod frames;
mod generate;
mod input;
mod live_slots;
mod loops;
#[cfg(feature = "oracle")]
mod oracle;
mod pressure;
mod progress;
mod reduce;
mod scale;
mod stats;
mod table;
mod verdict;

use args::{Args, Command};
use clap::Parser;
use input::BadText;
use peakmem_alloc::PeakMemAlloc;
use std::alloc::System;
use std::process::ExitCode;

/// Counts the bytes in use, for the benchmark's heap figures. It costs two atomic additions an allocation, for all
/// allocators alike.
#[global_allocator]
static HEAP: PeakMemAlloc<System> = PeakMemAlloc::system();

/// What a command that could do its work has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// All is well.
    Yes,
    /// A checker objects, or an input is invalid or cannot be allocated. What and where has been printed.
    No,
}

fn main() -> ExitCode {
    let answer = match Args::parse().command {
        Command::Alloc(args) => alloc::run(&args),
        Command::Check(args) => check::check(&args),
        Command::Validate(args) => check::validate(&args),
        Command::Stats(args) => stats::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Frames(args) => frames::run(&args),
        #[cfg(feature = "oracle")]
        Command::Oracle(args) => oracle::run(&args),
        #[cfg(feature = "oracle")]
        Command::Bound(args) => oracle::bound::run(&args),
        #[cfg(not(feature = "oracle"))]
        Command::Oracle(_) => Err(anyhow::anyhow!("{}", args::NO_ORACLE)),
        Command::Gen(args) => generate::run(&args),
        Command::Reduce(args) => reduce::run(&args),
        Command::Scale(args) => scale::run(&args),
        Command::ScaleCase(args) => scale::case(&args),
    };
    match answer {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            match error.downcast_ref::<BadText>() {
                Some(report) => eprintln!("{report}"),
                None => eprintln!("regatta: {error:#}"),
            }
            ExitCode::from(2)
        }
    }
}
