//! The command line.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// A register allocator at work on functions in files.
///
/// A file is a corpus (.raf.zst) or text. The exit code is 0 when all is well, 1 when a checker objects or a function is
/// invalid or cannot be allocated, and 2 when the command line or an input makes no sense.
#[derive(Debug, Parser)]
#[command(name = "regatta", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compare our allocators with regalloc2's: time, cost, moves, slots, heap
    Bench(BenchArgs),
}

/// The arguments of `regatta bench`.
///
/// All allocators run in this process on one thread, each function by each in turn; a time is the best of several runs
/// of each function, summed. Ours and regalloc2's Ion keep their storage from function to function. Heap is the most
/// bytes live at once while one function is allocated in fresh storage, result included, summed over the functions.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Files to allocate; without any, those in the directory `corpus`
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
