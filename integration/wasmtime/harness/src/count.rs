//! `count`: how many instructions programs execute with either build.
//!
//! Times on a busy machine vary by more than two allocators differ; counts do not vary at all. Each program is compiled
//! to an image, and the image is run under Valgrind's tool Callgrind, which counts how often the instruction at each
//! address is executed. The build says where in memory the program's machine code lay, and only what was executed there
//! counts: neither Wasmtime itself nor what it does for the program when called back.
//!
//! What programs print, and their exit code, must be the same of both builds.
//!
//! With `--compile`, it is compiling that is counted, from the bytes of a module to its image, once. (Hash tables are seeded at
//! random, so these counts do vary: in the fifth digit.)

use crate::args::{Algorithm, CountArgs};
use crate::programs::{self, Program};
use crate::run::{self, Layout};
use crate::{Answer, compare, passes, table};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use wasmtime::error::Context as _;
use wasmtime::{Result, ensure, format_err};

/// What one build made a program do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    /// Instructions executed in all of its code.
    all: u64,
    /// Of them, those in each function that was executed.
    functions: HashMap<String, u64>,
    /// What it printed and its exit code.
    printed: (Vec<u8>, u8),
}

/// Where things are.
struct Place {
    folder: PathBuf,
    algorithm: Algorithm,
    /// For images and counts.
    scratch: PathBuf,
}

pub(crate) fn run(args: &CountArgs) -> Result<Answer> {
    let (programs, folder) = programs::select(&args.comparing)?;
    let [stock, ours] = compare::builds(&args.comparing)?;
    let passing = tempfile::tempdir()?;
    let scratch = std::path::absolute(args.keep.as_deref().unwrap_or(passing.path()))?;
    std::fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    let place = Place { folder, algorithm: args.comparing.algorithm, scratch };
    let mut answer = Answer::Yes;
    let mut rows = Vec::new();
    for program in &programs {
        if args.compile {
            let count =
                |build: &Path| count_compiling(&place, build, program).with_context(|| build.display().to_string());
            let both = || -> Result<_> { Ok((count(&stock)?, count(&ours)?)) };
            let (stock, ours) = both().with_context(|| program.name.clone())?;
            rows.push((program.name.as_str(), stock, ours));
            continue;
        }
        let Some(given) = &program.run else { continue };
        let count = |build: &Path, label: &str| {
            count(&place, build, label, program, given).with_context(|| build.display().to_string())
        };
        let both = || -> Result<_> { Ok([count(&stock, "stock")?, count(&ours, "ours")?]) };
        let [stock, ours] = both().with_context(|| program.name.clone())?;
        if stock.printed != ours.printed {
            println!("{}: the two builds print different things", program.name);
            answer = Answer::No;
        }
        if args.functions > 0 {
            println!("{}", functions(&program.name, &stock, &ours, args.functions, args.comparing.markdown));
        }
        rows.push((program.name.as_str(), stock.all, ours.all));
    }
    print(&rows, args.comparing.markdown);
    for (name, stock, ours) in rows {
        let ratio = ours as f64 / stock as f64;
        if ratio > args.limit {
            println!("{name}: {ratio:.3} is above {}", args.limit);
            answer = Answer::No;
        }
    }
    Ok(answer)
}

/// Compiles a program with one build, runs it, and counts.
fn count(place: &Place, build: &Path, label: &str, program: &Program, given: &[String]) -> Result<Counted> {
    // A program given on the command line is named by its path.
    let name = program.name.replace(std::path::is_separator, "-");
    let files = ["image", "report", "counts"].map(|kind| place.scratch.join(format!("{name}.{label}.{kind}")));
    let [image, report, counts] = files;
    let mut command = Command::new(build);
    command.args(["compile", "--json", "--valgrind", "--algorithm", &place.algorithm.to_string(), "--image"]);
    succeed(command.arg(&image).arg(&program.file), place)?;

    let mut command = Command::new("valgrind");
    // Addresses and names are to be written in full, so that reading them takes no more than a few lines. Code that changes
    // while it runs, for which Valgrind would otherwise look out, there is none.
    command.args(["--quiet", "--tool=callgrind", "--smc-check=none", "--dump-instr=yes", "--dump-line=no"]);
    command.args(["--compress-pos=no", "--compress-strings=no"]).arg(option("--callgrind-out-file=", &counts));
    command.arg(build).arg("run").arg("--image").arg(&image).arg("--report").arg(&report);
    if let Some(names) = &program.names {
        command.arg("--names").arg(names);
    }
    command.arg(&program.file).args(given);
    // What an earlier run has left must not be taken for this one's.
    for file in [&report, &counts] {
        std::fs::write(file, [])?;
    }
    let output = output(&mut command, place).context("valgrind, which counts the instructions")?;
    let written = std::fs::read(&report)?;
    ensure!(!written.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: run::Figures = compare::parse(&written)?;
    let layout = figures.layout.context("the build does not say where the program's code lay")?;
    let costs = read(BufReader::new(std::fs::File::open(&counts)?), &layout).context("Callgrind's counts")?;
    let all = costs.values().sum();
    ensure!(all > 0, "none of the program's instructions were counted");
    Ok(Counted { all, functions: by_function(&costs, &layout), printed: (output.stdout, figures.exit) })
}

/// Compiles a program with one build, and counts what that executes.
fn count_compiling(place: &Place, build: &Path, program: &Program) -> Result<u64> {
    let counts = place.scratch.join("counts");
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind", "--smc-check=none"]).arg(option("--callgrind-out-file=", &counts));
    command.arg(option("--toggle-collect=", Path::new(passes::COMPILING)));
    command.arg(build).args(["compile", "--valgrind", "--algorithm", &place.algorithm.to_string()]);
    std::fs::write(&counts, [])?;
    succeed(command.arg(&program.file), place).context("valgrind, which counts the instructions")?;
    total(BufReader::new(std::fs::File::open(&counts)?))
}

/// What Callgrind has counted in all, which it says in a line of its own.
fn total(lines: impl BufRead) -> Result<u64> {
    for line in lines.lines() {
        if let Some(total) = line?.strip_prefix("totals: ") {
            let total = total.trim().parse()?;
            ensure!(total > 0, "Callgrind has not found the function that compiles");
            return Ok(total);
        }
    }
    Err(format_err!("Callgrind has not said what it counted"))
}

/// An option with a file behind it.
fn option(name: &str, file: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push(AsRef::<OsStr>::as_ref(file));
    option
}

fn output(command: &mut Command, place: &Place) -> Result<Output> {
    Ok(command.current_dir(&place.folder).stdin(Stdio::null()).output()?)
}

fn succeed(command: &mut Command, place: &Place) -> Result<()> {
    let output = output(command, place)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Reads how often the instruction at each address of the program's code was executed.
///
/// Of Callgrind's lines only those matter that begin with an address: `0x5c30 12` says that this instruction was executed
/// twelve times from within one function or other, as the tool understands functions; there are more lines with the same
/// address. A line `calls=` says that the next one is not an instruction's own count, but what a call took.
fn read(lines: impl BufRead, layout: &Layout) -> Result<BTreeMap<u64, u64>> {
    let mut costs = BTreeMap::new();
    let mut of_call = false;
    for line in lines.lines() {
        let line = line?;
        if let Some(rest) = line.strip_prefix("0x") {
            let fault = || format_err!("`{line}` is no count of an instruction");
            let (address, count) = rest.split_once(' ').ok_or_else(fault)?;
            let address = u64::from_str_radix(address, 16)?;
            let count: u64 = count.trim().parse()?;
            if !of_call && layout.text.contains(&address) {
                *costs.entry(address).or_default() += count;
            }
        }
        of_call = line.starts_with("calls=");
    }
    Ok(costs)
}

/// Adds up by function. What is in none is a trampoline.
fn by_function(costs: &BTreeMap<u64, u64>, layout: &Layout) -> HashMap<String, u64> {
    let mut sums = HashMap::new();
    for (&address, &count) in costs {
        let index = layout.functions.partition_point(|function| function.text.start <= address);
        let function = index.checked_sub(1).and_then(|index| layout.functions.get(index));
        let name = function.filter(|function| function.text.contains(&address)).map_or("trampolines", |f| &f.name);
        *sums.entry(name.to_owned()).or_default() += count;
    }
    sums
}

/// A table of the functions whose counts differ most.
fn functions(program: &str, stock: &Counted, ours: &Counted, most: usize, markdown: bool) -> comfy_table::Table {
    let of = |counted: &Counted, name: &str| counted.functions.get(name).copied().unwrap_or(0);
    let mut rows: Vec<(&str, u64, u64)> =
        stock.functions.keys().map(|name| (name.as_str(), of(stock, name), of(ours, name))).collect();
    rows.sort_by_key(|&(name, stock, ours)| (std::cmp::Reverse(stock.abs_diff(ours)), name));
    let mut table = table::new(&[program, "instructions M", "ratio", "more M"], markdown);
    for (name, stock, ours) in rows.into_iter().take(most) {
        let more = (ours as f64 - stock as f64) / 1e6;
        let cells =
            [name.to_owned(), millions(stock), format!("{:.3}", ours as f64 / stock as f64), format!("{more:.2}")];
        table::add(&mut table, cells);
    }
    table
}

fn print(rows: &[(&str, u64, u64)], markdown: bool) {
    let mut table = table::new(&["program", "instructions M", "ratio"], markdown);
    let mut ratios = Vec::new();
    for &(name, stock, ours) in rows {
        let ratio = ours as f64 / stock as f64;
        ratios.push(ratio);
        table::add(&mut table, [name.to_owned(), millions(stock), format!("{ratio:.3}")]);
    }
    let mean = compare::geometric_mean(&ratios).map_or(String::new(), |mean| format!("{mean:.3}"));
    table::add(&mut table, ["geometric mean".to_owned(), String::new(), mean]);
    println!("{table}");
}

fn millions(count: u64) -> String {
    format!("{:.1}", count as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Function;

    const COUNTS: &str = "# callgrind format\nevents: Ir\n\nfn=(below main)\n0x1000 7\n0x2004 3\ncfn=f\ncalls=2 0x2000\n\
        0x2004 900\n0x2005 3\n\nfn=f\n0x2000 2\n0x2004 1\n0x2010 5\n";

    fn layout() -> Layout {
        let function = |name: &str, text| Function { name: name.to_owned(), text };
        let functions = vec![function("f", 0x2000..0x2005), function("g", 0x2005..0x2008)];
        Layout { text: 0x2000..0x3000, functions }
    }

    #[test]
    fn only_the_program_counts() {
        let costs = read(COUNTS.as_bytes(), &layout()).expect("counts");
        assert_eq!(costs, BTreeMap::from([(0x2000, 2), (0x2004, 4), (0x2005, 3), (0x2010, 5)]));
    }

    #[test]
    fn counts_belong_to_functions() {
        let costs = read(COUNTS.as_bytes(), &layout()).expect("counts");
        let sums = by_function(&costs, &layout());
        let expected = [("f", 6), ("g", 3), ("trampolines", 5)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(sums, HashMap::from(expected));
    }

    #[test]
    fn the_total_is_what_was_counted() {
        assert_eq!(total(&b"events: Ir\n\nfn=f\n0x2000 2\n\ntotals: 17\n"[..]).expect("a total"), 17);
        assert!(total(&b"events: Ir\n\ntotals: 0\n"[..]).is_err());
        assert!(total(&b"events: Ir\n"[..]).is_err());
    }

    #[test]
    fn nonsense_is_an_error() {
        assert!(read(&b"0x2000 many"[..], &layout()).is_err());
        assert!(read(&b"0x2000"[..], &layout()).is_err());
    }
}
