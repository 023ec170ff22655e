//! The command line.

use clap::{Parser, Subcommand, ValueEnum};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Wasmtime with one register allocator or another
///
/// The exit code is 0 when all is well, 1 when outputs differ or a test fails, and 2 when the command line or a file
/// makes no sense. `run` ends with the exit code of the program that it ran.
#[derive(Debug, Parser)]
#[command(version, term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compile a module; print the time, the share of register allocation, and the size of the code
    Compile(CompileArgs),
    /// Run a program; print the time that it took
    Run(RunArgs),
    /// Compile and run programs with both builds, and print the ratios
    Compare(CompareArgs),
    /// Count the instructions that programs execute with both builds, and print the ratios; needs Valgrind
    Count(CountArgs),
    /// Write every function that Cranelift hands to the register allocator
    Capture(CaptureArgs),
    /// Run WebAssembly's specification tests
    Spec(SpecArgs),
}

/// How to compile.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Compiling {
    /// The algorithm of the register allocator
    #[arg(long, value_name = "NAME", default_value = "backtracking")]
    pub(crate) algorithm: Algorithm,
    /// Have Cranelift prove every allocation right, with the checker of its allocator; takes long
    #[arg(long)]
    pub(crate) check: bool,
    /// Make debug info, for which Cranelift asks its allocator where variables are
    #[arg(long)]
    pub(crate) debug_info: bool,
    /// Compile again and again until so many milliseconds are over, and take the fastest
    #[arg(long = "for", value_name = "MS", default_value_t = 0)]
    pub(crate) repeat_for: u64,
}

/// Cranelift's setting `regalloc_algorithm`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Algorithm {
    /// The thorough one, for code that is to run fast
    #[default]
    Backtracking,
    /// The quick one, for compilers in a hurry
    SinglePass,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backtracking => "backtracking",
            Self::SinglePass => "single_pass",
        })
    }
}

/// The machine to compile for, as a target triple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target(pub(crate) String);

impl FromStr for Target {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let triple = match name {
            "x64" | "x86_64" => "x86_64-unknown-linux-gnu",
            "a64" | "aarch64" => "aarch64-unknown-linux-gnu",
            "s390x" => "s390x-unknown-linux-gnu",
            "rv64" | "riscv64" => "riscv64gc-unknown-linux-gnu",
            triple if triple.contains('-') => triple,
            _ => return Err("expected x86_64, aarch64, s390x, riscv64 or a target triple".to_owned()),
        };
        Ok(Self(triple.to_owned()))
    }
}

/// The arguments of `compile`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompileArgs {
    /// The modules, binary or text
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The machines to compile for: x86_64, aarch64, s390x, riscv64 or a triple; without it, this machine
    #[arg(long = "target", value_name = "TARGET", value_delimiter = ',')]
    pub(crate) targets: Vec<Target>,
    #[command(flatten)]
    pub(crate) compiling: Compiling,
    /// Write what comes out to this file, for `run --image`; of one module and one machine only
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,
    /// Do without instructions that Valgrind does not know, which are those of AVX-512
    #[arg(long)]
    pub(crate) valgrind: bool,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The program
    pub(crate) file: PathBuf,
    /// What to hand to it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<String>,
    #[command(flatten)]
    pub(crate) compiling: Compiling,
    /// For a library of Emscripten's: which short names stand for which names
    #[arg(long, value_name = "FILE")]
    pub(crate) names: Option<PathBuf>,
    /// Run what `compile --image` of this same build made of the program, rather than compile it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["algorithm", "check", "repeat_for"])]
    pub(crate) image: Option<PathBuf>,
    /// Write the figures to this file, as JSON, rather than to standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// Which programs, and which builds of Wasmtime.
#[derive(Debug, clap::Args)]
pub(crate) struct Comparing {
    /// Modules to compile; those that are WASI commands are run as well
    #[arg(value_name = "FILE", conflicts_with = "programs")]
    pub(crate) files: Vec<PathBuf>,
    /// A list of programs with what to hand to them
    #[arg(long, value_name = "FILE", default_value = "programs/programs.json")]
    pub(crate) programs: PathBuf,
    /// Only the programs of the list that are named so
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// The algorithm of the register allocator
    #[arg(long, value_name = "NAME", default_value = "backtracking")]
    pub(crate) algorithm: Algorithm,
    /// The build with the stock allocator; without it, `wasmtime-stock` beside this binary
    #[arg(long, value_name = "FILE")]
    pub(crate) stock: Option<PathBuf>,
    /// The build with our allocator; without it, `wasmtime-regatta` beside this binary
    #[arg(long, value_name = "FILE")]
    pub(crate) ours: Option<PathBuf>,
    /// Print a table in Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// The arguments of `compare`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) comparing: Comparing,
    /// Take the fastest of so many turns
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) reps: u32,
    /// In each turn, compile again and again until so many milliseconds are over: once is not enough for a small program
    #[arg(long = "for", value_name = "MS", default_value_t = 1000)]
    pub(crate) repeat_for: u64,
}

/// The arguments of `count`.
#[derive(Debug, clap::Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    pub(crate) comparing: Comparing,
    /// Count what the builds execute in compiling the programs, rather than what the programs execute
    #[arg(long, conflicts_with_all = ["functions", "keep"])]
    pub(crate) compile: bool,
    /// Name the programs whose ratio is above this; one of them makes the exit code 1
    #[arg(long, value_name = "RATIO", default_value_t = 1.03)]
    pub(crate) limit: f64,
    /// Of each program, show so many functions as well: those whose counts differ most
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) functions: usize,
    /// Leave what was compiled and counted in this folder: `PROGRAM.BUILD.image` and `.counts` for `objdump -d` and
    /// `callgrind_annotate`, and `.report`, which says where in memory the code lay
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keep: Option<PathBuf>,
}

/// The arguments of `capture`.
#[derive(Debug, clap::Args)]
pub(crate) struct CaptureArgs {
    /// The module, binary or text
    pub(crate) file: PathBuf,
    /// The machine to compile for: x86_64, aarch64, s390x, riscv64 or a triple; without it, this machine
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Option<Target>,
    /// With the variables that debug info is made for
    #[arg(long)]
    pub(crate) debug_info: bool,
    /// Where to write the functions: a corpus if the name ends in `.raf.zst`, else text
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// The arguments of `spec`.
#[derive(Debug, clap::Args)]
pub(crate) struct SpecArgs {
    /// The algorithm of the register allocator; without it, each in turn
    #[arg(long, value_name = "NAME")]
    pub(crate) algorithm: Option<Algorithm>,
    /// Only the scripts whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// The scripts that are known to fail, one a line; any other failure, and any of these that passes, is an error
    #[arg(long, value_name = "FILE")]
    pub(crate) expect: Option<PathBuf>,
    /// Have Cranelift prove every allocation right; takes long
    #[arg(long)]
    pub(crate) check: bool,
    /// Say why each failure fails
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_makes_sense() {
        Args::command().debug_assert();
    }

    #[test]
    fn targets_have_short_names() {
        assert_eq!("s390x".parse(), Ok(Target("s390x-unknown-linux-gnu".to_owned())));
        assert_eq!("aarch64-apple-darwin".parse(), Ok(Target("aarch64-apple-darwin".to_owned())));
        assert!("pdp11".parse::<Target>().is_err());
    }
}
