//! `compare`: programs under both builds in turn, and the ratios of what matters.
//!
//! Each turn is a process of its own, of one build and then of the other, so that whatever disturbs the machine disturbs
//! both; of each figure the best of all turns counts, and time is processor time. What a program prints, and its exit code, must be the same in every
//! turn of both.
//!
//! A turn compiles for a second (`--for`), and more than once if there is time: a program that takes a few milliseconds would be measured
//! along with the pages of the compiler that are read from disk for the first time, and of its heap that the system hands out.

use crate::args::{Algorithm, CompareArgs, Comparing};
use crate::programs::{self, Program};
use crate::{Answer, compile, run, table};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use wasmtime::error::Context as _;
use wasmtime::{Result, ensure, format_err};

/// The best figures of one build for one program.
#[derive(Clone, Debug, Default, PartialEq)]
struct Best {
    compile: Option<Duration>,
    regalloc: Option<Duration>,
    code: u64,
    run: Option<Duration>,
    /// What the program printed and its exit code, in the first turn.
    output: Option<(Vec<u8>, u8)>,
}

/// Where things are.
struct Place {
    builds: [PathBuf; 2],
    folder: PathBuf,
    algorithm: Algorithm,
    reps: u32,
    /// For how many milliseconds to compile in a turn.
    repeat_for: String,
}

pub(crate) fn run(args: &CompareArgs) -> Result<Answer> {
    let (programs, folder) = programs::select(&args.comparing)?;
    let place = Place {
        builds: builds(&args.comparing)?,
        folder,
        algorithm: args.comparing.algorithm,
        reps: args.reps,
        repeat_for: args.repeat_for.to_string(),
    };
    let mut answer = Answer::Yes;
    let mut rows = Vec::new();
    for program in &programs {
        let (bests, same) = measure(&place, program).with_context(|| program.name.clone())?;
        if !same {
            println!("{}: the two builds print different things", program.name);
            answer = Answer::No;
        }
        rows.push((program.name.clone(), bests));
    }
    print(&rows, args.comparing.markdown);
    Ok(answer)
}

/// Where the build with the stock allocator is, and the one with ours.
pub(crate) fn builds(args: &Comparing) -> Result<[PathBuf; 2]> {
    Ok([build(args.stock.as_deref(), "wasmtime-stock")?, build(args.ours.as_deref(), "wasmtime-regatta")?])
}

/// Where a build is: where the command line says, or beside this one.
fn build(given: Option<&Path>, name: &str) -> Result<PathBuf> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()?.with_file_name(name),
    };
    ensure!(path.exists(), "{}: there is no such build; build both first", path.display());
    Ok(std::path::absolute(&path)?)
}

/// Takes turns. Returns the best figures of each build, and whether both always printed the same.
fn measure(place: &Place, program: &Program) -> Result<([Best; 2], bool)> {
    let mut bests = [Best::default(), Best::default()];
    let mut same = true;
    for _ in 0..place.reps {
        for (build, best) in place.builds.iter().zip(&mut bests) {
            same &= turn(place, build, program, best).with_context(|| build.display().to_string())?;
        }
    }
    let [stock, ours] = &bests;
    same &= stock.output == ours.output;
    Ok((bests, same))
}

/// One turn of one build. Says whether the program printed what it did in that build's first turn.
fn turn(place: &Place, build: &Path, program: &Program, best: &mut Best) -> Result<bool> {
    let mut command = Command::new(build);
    command.current_dir(&place.folder).stdin(Stdio::null());
    let algorithm = place.algorithm.to_string();
    let Some(args) = &program.run else {
        command.args(["compile", "--json", "--algorithm", &algorithm, "--for", &place.repeat_for]).arg(&program.file);
        let output = command.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let figures: Vec<compile::Figures> = parse(&output.stdout)?;
        let figures = figures.first().context("no figures")?;
        best.compile = least(best.compile, figures.compile);
        best.regalloc = least(best.regalloc, figures.regalloc);
        best.code = figures.code;
        return Ok(true);
    };
    let report = tempfile::NamedTempFile::new()?;
    command.args(["run", "--algorithm", &algorithm, "--for", &place.repeat_for, "--report"]).arg(report.path());
    if let Some(names) = &program.names {
        command.arg("--names").arg(names);
    }
    command.arg(&program.file).args(args);
    let output = command.output()?;
    let written = std::fs::read(report.path())?;
    ensure!(!written.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: run::Figures = parse(&written)?;
    best.compile = least(best.compile, figures.compile);
    best.regalloc = least(best.regalloc, figures.regalloc);
    best.run = least(best.run, figures.run);
    best.code = figures.code;
    let printed = (output.stdout, figures.exit);
    Ok(*best.output.get_or_insert_with(|| printed.clone()) == printed)
}

/// What a build has to report.
pub(crate) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| format_err!("the build's report: {error}"))
}

fn least(so_far: Option<Duration>, turn: Duration) -> Option<Duration> {
    Some(so_far.map_or(turn, |so_far| so_far.min(turn)))
}

fn print(rows: &[(String, [Best; 2])], markdown: bool) {
    let header = ["program", "compile ms", "ratio", "allocation ms", "ratio", "code KB", "ratio", "run ms", "ratio"];
    let mut table = table::new(&header, markdown);
    let mut ratios: [Vec<f64>; 4] = Default::default();
    for (name, [stock, ours]) in rows {
        let code = |best: &Best| (best.code > 0).then_some(best.code as f64 / 1e3);
        let millis = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
        let pairs = [
            (millis(stock.compile), millis(ours.compile)),
            (millis(stock.regalloc), millis(ours.regalloc)),
            (code(stock), code(ours)),
            (millis(stock.run), millis(ours.run)),
        ];
        let mut cells = vec![name.clone()];
        for (pair, ratios) in pairs.into_iter().zip(&mut ratios) {
            match pair {
                (Some(stock), Some(ours)) => {
                    cells.push(format!("{stock:.0}"));
                    cells.push(format!("{:.3}", ours / stock));
                    ratios.push(ours / stock);
                }
                _ => cells.extend([String::new(), String::new()]),
            }
        }
        table::add(&mut table, cells);
    }
    let mut cells = vec!["geometric mean".to_owned()];
    for ratios in &ratios {
        cells.push(String::new());
        cells.push(geometric_mean(ratios).map_or(String::new(), |mean| format!("{mean:.3}")));
    }
    table::add(&mut table, cells);
    println!("{table}");
    let rests: Option<Vec<f64>> = rows.iter().map(|(_, [stock, ours])| without_allocation(stock, ours)).collect();
    if let Some(mean) = rests.and_then(|rests| geometric_mean(&rests)) {
        println!("\nIf allocating took ours no time, compiling would take it {mean:.3}.");
    }
}

/// The ratio of compile times if the second build did not have to allocate registers, but for the rest did what it does.
fn without_allocation(stock: &Best, ours: &Best) -> Option<f64> {
    let rest = ours.compile?.checked_sub(ours.regalloc?)?;
    Some(rest.as_secs_f64() / stock.compile?.as_secs_f64())
}

/// The geometric mean; none of nothing.
pub(crate) fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let logs: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (!ratios.is_empty()).then(|| (logs / ratios.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_geometric() {
        assert_eq!(geometric_mean(&[]), None);
        assert!((geometric_mean(&[0.5, 2.0]).expect("a mean") - 1.0).abs() < 1e-12);
    }

    #[test]
    fn without_allocation_the_rest_is_left() {
        let best = |compile, regalloc| Best {
            compile: Some(Duration::from_millis(compile)),
            regalloc: Some(Duration::from_millis(regalloc)),
            ..Best::default()
        };
        assert_eq!(without_allocation(&best(100, 40), &best(70, 10)), Some(0.6));
        assert_eq!(without_allocation(&Best::default(), &best(70, 10)), None);
    }

    #[test]
    fn the_least_counts() {
        let ms = Duration::from_millis;
        assert_eq!(least(least(None, ms(3)), ms(2)), Some(ms(2)));
        assert_eq!(least(Some(ms(2)), ms(3)), Some(ms(2)));
    }
}
