//! Files in, problems out, and back.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use anyhow::{Context, Result, anyhow, bail, ensure};
use rayon::prelude::*;
use regatta::text::{self, ParseError};
use regatta::{Problem, check};
use std::fmt;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// The end of a corpus file's name.
const CORPUS: &str = ".raf.zst";
/// The ends of a text file's name.
const TEXT: [&str; 2] = [".rt", ".txt"];
/// The directory that the benchmark takes its files from when it is given none.
const DEFAULT_DIRECTORY: &str = "corpus";
/// A file that is not in the text form: the report, with the place shown, ready to print.
#[derive(Debug)]
pub(crate) struct BadText(String);

impl fmt::Display for BadText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadText {}

/// Every problem in a file.
pub(crate) fn read(path: &Path) -> Result<Vec<Problem>> {
    let name = || path.display().to_string();
    let bytes = if path == Path::new("-") { read_standard_input() } else { std::fs::read(path) }.with_context(name)?;
    if regatta_corpus::is_corpus(&bytes) {
        return regatta_corpus::read(&bytes).with_context(name);
    }
    let source = String::from_utf8(bytes).map_err(|_| anyhow!("neither a corpus nor text")).with_context(name)?;
    text::parse(&source).map_err(|error| report(&source, &name(), &error).into())
}

fn read_standard_input() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The functions that a file has, or the one of them that was asked for, with their numbers.
///
/// # Errors
///
/// If the file cannot be read, or has no function or not that one.
pub(crate) fn read_selected(path: &Path, function: Option<usize>) -> Result<Vec<(usize, Problem)>> {
    let problems = read(path)?;
    let count = problems.len();
    ensure!(count > 0, "{}: the file has no functions", path.display());
    let all = problems.into_iter().enumerate();
    match function {
        None => Ok(all.collect()),
        Some(n) if n < count => Ok(all.skip(n).take(1).collect()),
        Some(n) => bail!("{}: there is no function {n}; the file has {count}", path.display()),
    }
}

/// What is wrong with a function, and with which instruction.
pub(crate) fn explain(problem: &Problem, error: &regatta::Error) -> String {
    let inst = error.inst().filter(|inst| inst.index() < problem.func.insts.len());
    match inst {
        Some(inst) => format!("{error} ({inst}: `{}`)", text::print_inst(&problem.func, inst)),
        None => error.to_string(),
    }
}

/// Takes out the problems that are invalid and returns what is wrong with them, by number.
pub(crate) fn reject_invalid(problems: &mut Vec<(usize, Problem)>) -> Vec<(usize, String)> {
    let verdict = |p: &Problem| check::validate(&p.func, &p.env).map_err(|error| explain(p, &error)).err();
    let verdicts: Vec<_> = problems.par_iter().map(|(_, p)| verdict(p)).collect();
    let mut rejected = Vec::new();
    let mut verdicts = verdicts.into_iter();
    problems.retain(|(number, _)| match verdicts.next().flatten() {
        None => true,
        Some(error) => {
            rejected.push((*number, error));
            false
        }
    });
    rejected
}

/// Writes problems in the form that the file's name calls for.
pub(crate) fn write(path: &Path, problems: &[Problem]) -> Result<()> {
    let name = path.to_string_lossy();
    if name == "-" {
        return print(&text::print_all(problems));
    }
    let bytes = if name.ends_with(CORPUS) {
        let lossy = problems.iter().any(|problem| !problem.func.frequencies.is_empty());
        ensure!(!lossy, "{name}: the corpus form has no block frequencies, and a function has some");
        regatta_corpus::write(problems)?
    } else if TEXT.iter().any(|end| name.ends_with(end)) {
        text::print_all(problems).into_bytes()
    } else {
        bail!("{name}: the name must end in {CORPUS}, {} or {}, to tell the form", TEXT[0], TEXT[1]);
    };
    std::fs::write(path, bytes).with_context(|| name.into_owned())
}

/// "1 function", "2 functions".
pub(crate) fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

/// Prints on standard output. That nobody reads on is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}

/// What tables call a file: its name without the ending.
pub(crate) fn short_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    name.strip_suffix(CORPUS).unwrap_or(&name).to_owned()
}

/// Every corpus file in the directory `corpus`, by name.
pub(crate) fn default_files() -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(DEFAULT_DIRECTORY)
        .with_context(|| format!("no files given, and no directory `{DEFAULT_DIRECTORY}` here to take them from"))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.context(DEFAULT_DIRECTORY)?.path();
        if path.to_string_lossy().ends_with(CORPUS) {
            files.push(path);
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "no files given, and none named *{CORPUS} in the directory `{DEFAULT_DIRECTORY}`");
    Ok(files)
}

/// A parse error as compilers show theirs.
fn report(source: &str, path: &str, error: &ParseError) -> BadText {
    let place = AnnotationKind::Primary.span(error.span.clone());
    let snippet = Snippet::source(source).path(path).annotation(place);
    let report = [Level::ERROR.primary_title(error.message.as_str()).element(snippet)];
    let renderer = if std::io::stderr().is_terminal() { Renderer::styled() } else { Renderer::plain() };
    BadText(renderer.render(&report))
}
