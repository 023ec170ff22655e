//! The command line.

use crate::scale::Subject;
use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{Parser, Subcommand};
use regatta::Algorithm;
use regatta_testing::families::Family;
#[cfg(not(feature = "oracle"))]
use std::ffi::OsString;
use std::path::PathBuf;

/// What a build without the oracle says of its commands.
#[cfg(not(feature = "oracle"))]
pub(crate) const NO_ORACLE: &str = "The commands `oracle` and `bound`, which compare with the optimum, are in builds with \
    `--features oracle` only (cargo run --release -p regatta-cli --features oracle -- oracle --help); they need CMake, a \
    C++ compiler and libclang.";

/// A register allocator at work on functions in files
///
/// A file is a corpus (.raf.zst) or text, told apart by content; `-` is standard input. The exit code is 0 when all is
/// well, 1 when a checker objects or a function is invalid or cannot be allocated, and 2 when the command line or an
/// input makes no sense.
#[derive(Debug, Parser)]
#[command(name = "regatta", version, term_width = 100)]
#[cfg_attr(not(feature = "oracle"), command(after_help = NO_ORACLE))]
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
    ///
    /// All allocators run in this process on one thread, each function by each in turn; a time is the best of several runs
    /// of each function, summed. Ours and regalloc2's Ion keep their storage from function to function. Heap is the most
    /// bytes live at once while one function is allocated in fresh storage, result included, summed over the functions.
    Bench(BenchArgs),
    /// Compare layouts of the frame: spill slots, and how few would do
    ///
    /// Slots are words of spill slots, summed over the functions. "At once" is the largest number of words that an
    /// allocation needs at one point: no layout of its frame can have fewer. Times are of the backtracking allocator as a
    /// whole.
    Frames(FramesArgs),
    /// Compare allocators with the optimum: integer programming, for small functions
    ///
    /// The optimum is what the cheapest allocation costs, by the same price list as in `bench`. It is a lower bound: no allocation
    /// is cheaper. Where an allocation has been found that costs no more, and the checkers accept it, the bound is exact. Without
    /// `--function`, functions that are too large, and those that take too long, are left out, and counted.
    #[cfg(feature = "oracle")]
    Oracle(OracleArgs),
    /// Find what no allocation of a function can go below, however large it is
    #[cfg(feature = "oracle")]
    Bound(BoundArgs),
    /// Compare allocators with the optimum: only in builds with `--features oracle`, of which this is none
    #[cfg(not(feature = "oracle"))]
    #[command(hide = true, alias = "bound", disable_help_flag = true)]
    Oracle(NoOracleArgs),
    /// Make a function of a family that hurts allocators
    Gen(GenArgs),
    /// Shrink a failing function to a small one
    ///
    /// The command is run by the shell for each attempt, with the path of a file that holds the function in the text form as
    /// its last argument; where the command has `{}`, the path goes there instead. It tells that the function still fails
    /// by an exit code other than 0, as `regatta check` does. That it cannot be started (exit codes 126 and 127) is an error.
    /// The input must fail. What is left is printed in the text form.
    Reduce(ReduceArgs),
    /// See how time and heap grow with the size of such functions
    ///
    /// Each family, size and allocator runs in a process of its own, which is stopped when it takes too long; larger sizes
    /// are then left out. A time is the processor's, the best of three runs in storage that is kept; heap is the most bytes live at once
    /// in fresh storage, result included. The exponent is the slope of the line that fits best through the logarithms. Our
    /// allocations of functions of up to 30,000 instructions are checked by the independent checker.
    Scale(ScaleArgs),
    /// One case of `scale`, in a process that can be stopped
    #[command(hide = true)]
    ScaleCase(CaseArgs),
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
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// The functions; without any file, those of the directory `corpus`
    pub(crate) files: Vec<PathBuf>,
    /// Take the best time of this many runs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) reps: u32,
    /// Time each run right behind an untimed one of the same allocator, rather than behind another allocator's
    #[arg(long)]
    pub(crate) warm: bool,
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
    /// Show what the costs consist of
    #[arg(long)]
    pub(crate) parts: bool,
    /// Print figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `regatta frames`.
#[derive(Debug, clap::Args)]
pub(crate) struct FramesArgs {
    /// The functions; without any file, those of the directory `corpus`
    pub(crate) files: Vec<PathBuf>,
    /// Take the best time of this many runs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) reps: u32,
}

/// The arguments of `regatta oracle`.
#[cfg(feature = "oracle")]
#[derive(Debug, clap::Args)]
pub(crate) struct OracleArgs {
    /// The functions; without any file, those of the directory `corpus`
    pub(crate) files: Vec<PathBuf>,
    /// Take only this function of each file, counted from 0, and show it in detail
    #[arg(long, value_name = "N")]
    pub(crate) function: Option<usize>,
    /// Take only functions of at most this many instructions
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub(crate) max_insts: usize,
    /// Take only functions of at least this many instructions
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) min_insts: usize,
    /// Take only functions that have a loop
    #[arg(long)]
    pub(crate) loops: bool,
    /// Take at most this many functions of each file, evenly spread
    #[arg(long, value_name = "K")]
    pub(crate) sample: Option<usize>,
    /// Let the solver think about a function for at most this many seconds, several times
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// List the functions where ours lose most
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) worst: usize,
}

/// The arguments of `regatta bound`.
#[cfg(feature = "oracle")]
#[derive(Debug, clap::Args)]
pub(crate) struct BoundArgs {
    /// The functions; without any file, those of the directory `corpus`
    pub(crate) files: Vec<PathBuf>,
    /// Take only this function of each file, counted from 0
    #[arg(long, value_name = "N")]
    pub(crate) function: Option<usize>,
    /// Let the solver think about a function for at most this many seconds
    #[arg(long, value_name = "S", default_value_t = 60.0)]
    pub(crate) seconds: f64,
    /// List the functions of each file where thorough is the farthest from the bound
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) worst: usize,
    /// List the blocks of the function where thorough pays most more for loads than the bound does
    #[arg(long, value_name = "N", default_value_t = 0, requires = "function")]
    pub(crate) blocks: usize,
    /// List the loops of the function where thorough pays most more for loads than the bound does
    #[arg(long, value_name = "N", default_value_t = 0, requires = "function")]
    pub(crate) loops: usize,
}

/// The arguments of `regatta oracle` and `regatta bound` in a build that has neither: whatever they are.
#[cfg(not(feature = "oracle"))]
#[derive(Debug, clap::Args)]
pub(crate) struct NoOracleArgs {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// The most instructions that `regatta gen` makes a function of.
const MOST_MADE: u64 = 100_000_000;

/// The arguments of `regatta gen`.
#[derive(Debug, clap::Args)]
pub(crate) struct GenArgs {
    /// The family
    #[arg(value_parser = family())]
    pub(crate) family: Family,
    /// About how many instructions: at least a few dozen, and 2.5 times as many in nested-ifs
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_MADE))]
    pub(crate) size: usize,
    /// The file to write: a corpus if its name ends in .raf.zst, text if in .rt or .txt; `-` for text on standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
}

/// The arguments of `regatta reduce`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReduceArgs {
    /// The function
    pub(crate) file: PathBuf,
    /// Take this function, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) function: usize,
    /// What exits with 0 if all is well, and not if the function fails
    #[arg(long, value_name = "CMD")]
    pub(crate) test: String,
    /// Take a function to fail only if the exit code is this
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<i32>,
    /// Let attempts be functions that the validator rejects, though the input is none
    #[arg(long)]
    pub(crate) invalid: bool,
}

/// The arguments of `regatta scale`.
#[derive(Debug, clap::Args)]
pub(crate) struct ScaleArgs {
    /// The families; without any, all
    #[arg(value_parser = family())]
    pub(crate) families: Vec<Family>,
    /// The sizes
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        default_value = "1000,3000,10000,30000,100000,300000,1000000"
    )]
    pub(crate) sizes: Vec<usize>,
    /// What to measure: allocators, `estimated` (thorough, with estimated frequencies), `checker`; without any, all of these
    /// but `best`
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = subject())]
    pub(crate) allocators: Vec<Subject>,
    /// Fail if the time of anything of ours grows by more than this power of the size
    #[arg(long, value_name = "EXPONENT")]
    pub(crate) steepest: Option<f64>,
    /// Stop a process after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) limit: u64,
    /// Show each size, not only the exponents
    #[arg(long)]
    pub(crate) all: bool,
    /// Print figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// One case of `regatta scale`.
#[derive(Debug, clap::Args)]
pub(crate) struct CaseArgs {
    #[arg(value_parser = family())]
    pub(crate) family: Family,
    pub(crate) size: usize,
    #[arg(value_parser = subject())]
    pub(crate) subject: Subject,
}

/// Reads the name of a family.
fn family() -> impl TypedValueParser<Value = Family> {
    PossibleValuesParser::new(Family::ALL.map(Family::name)).map(|name| {
        // The parser lets nothing but these names through.
        Family::ALL.into_iter().find(|family| family.name() == name).unwrap_or(Family::Line)
    })
}

/// Reads the name of what `scale` measures.
fn subject() -> impl TypedValueParser<Value = Subject> {
    let names: Vec<&str> = Subject::all().into_iter().map(Subject::name).collect();
    PossibleValuesParser::new(names).map(|name| {
        // The parser lets nothing but these names through.
        Subject::all().into_iter().find(|subject| subject.name() == name).unwrap_or(Subject::ION)
    })
}

/// Reads the name of an algorithm.
fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    let names = Algorithm::ALL.map(Algorithm::name);
    PossibleValuesParser::new(names).map(|name| {
        // The parser lets nothing but these names through.
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name).unwrap_or_default()
    })
}
