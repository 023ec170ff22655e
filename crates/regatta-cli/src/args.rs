//! The command line.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use regatta::Algorithm;
use std::path::PathBuf;

/// A register allocator at work on functions in files
///
/// A file is a corpus (.raf.zst) or text, told apart by content. The exit code is 0 when all is well, 1 when a checker
/// objects or a function is invalid or cannot be allocated, and 2 when the command line or an input makes no sense.
#[derive(Debug, Parser)]
#[command(name = "regatta", version, term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Allocate registers and print each function with the locations and moves
    Alloc(AllocArgs),
    /// Allocate, and run our checker and regalloc2's over the result
    Check(CheckArgs),
    /// Look for everything that can be wrong with the functions themselves
    Validate(ValidateArgs),
    /// Count what the functions are made of
    Stats(StatsArgs),
    /// Translate between the text form and the corpus form
    Convert(ConvertArgs),
    /// Compare our allocators with regalloc2's: time, cost, moves, slots, heap
    Bench(BenchArgs),
    /// Compare layouts of the frame: spill slots, and how few would do
    Frames(FramesArgs),
}

/// The arguments of `regatta alloc`.
#[derive(Debug, clap::Args)]
pub(crate) struct AllocArgs {
    /// The functions
    pub(crate) file: PathBuf,
    /// Take only this function, counted from 0
    #[arg(long, value_name = "N")]
    pub(crate) function: Option<usize>,
    /// The allocator to run
    #[arg(long, value_name = "NAME", default_value = Algorithm::default().name(), value_parser = algorithm())]
    pub(crate) algorithm: Algorithm,
    /// Print the allocations as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `regatta check`.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The functions
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Take only this function of each file, counted from 0
    #[arg(long, value_name = "N")]
    pub(crate) function: Option<usize>,
    /// The allocator to run; without it, each in turn
    #[arg(long, value_name = "NAME", value_parser = algorithm())]
    pub(crate) algorithm: Option<Algorithm>,
}

/// The arguments of `regatta validate`.
#[derive(Debug, clap::Args)]
pub(crate) struct ValidateArgs {
    /// The functions
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// The arguments of `regatta stats`.
#[derive(Debug, clap::Args)]
pub(crate) struct StatsArgs {
    /// The functions
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Show each function, not only the files
    #[arg(long)]
    pub(crate) functions: bool,
    /// Print the counts as JSON, for files and functions
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `regatta convert`.
#[derive(Debug, clap::Args)]
pub(crate) struct ConvertArgs {
    /// The file to read
    pub(crate) input: PathBuf,
    /// The file to write: a corpus if its name ends in .raf.zst, text if in .rt or .txt; `-` for text on standard output
    pub(crate) output: PathBuf,
    /// Take only this function, counted from 0
    #[arg(long, value_name = "N")]
    pub(crate) function: Option<usize>,
}

/// The arguments of `regatta bench`.
///
/// All allocators run in this process on one thread, each function by each in turn; a time is the best of several runs
/// of each function, summed. Ours and regalloc2's Ion keep their storage from function to function. Heap is the most
/// bytes live at once while one function is allocated in fresh storage, result included, summed over the functions.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// The functions; without any file, those of the directory `corpus`
    pub(crate) files: Vec<PathBuf>,
    /// Take the best time of this many runs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) reps: u32,
    /// Do not run the checkers over our allocations
    #[arg(long)]
    pub(crate) no_check: bool,
    /// Take only files whose name contains this
    #[arg(long, value_name = "SUBSTRING")]
    pub(crate) only: Option<String>,
    /// Take only this function of each file, counted from 0
    #[arg(long, value_name = "N")]
    pub(crate) function: Option<usize>,
    /// List the functions whose cost is the most above Ion's
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) worst: usize,
    /// Print figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `regatta frames`.
///
/// Slots are words of spill slots, summed over the functions. "At once" is the largest number of words that an
/// allocation needs at one point: no layout of its frame can have fewer. Times are of the backtracking allocator as a
/// whole.
#[derive(Debug, clap::Args)]
pub(crate) struct FramesArgs {
    /// The functions; without any file, those of the directory `corpus`
    pub(crate) files: Vec<PathBuf>,
    /// Take the best time of this many runs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) reps: u32,
}

/// Reads the name of an algorithm.
fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    let names = Algorithm::ALL.map(Algorithm::name);
    PossibleValuesParser::new(names).map(|name| {
        // The parser lets nothing but these names through.
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name).unwrap_or_default()
    })
}
