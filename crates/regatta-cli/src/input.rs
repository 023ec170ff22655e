//! Files in, problems out.

use anyhow::{Context, Result, bail, ensure};
use regatta::Problem;
use std::path::{Path, PathBuf};

/// The end of a corpus file's name.
const CORPUS: &str = ".raf.zst";
/// The directory that the benchmark takes its files from when it is given none.
const DEFAULT_DIRECTORY: &str = "corpus";

/// Every problem in a file.
pub(crate) fn read(path: &Path) -> Result<Vec<Problem>> {
    regatta_corpus::read_file(path).with_context(|| path.display().to_string())
}

/// What tables call a file: its name without the ending.
pub(crate) fn short_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    name.strip_suffix(CORPUS).unwrap_or(&name).to_owned()
}

/// Every corpus file in the directory `corpus`, by name.
pub(crate) fn default_files() -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(DEFAULT_DIRECTORY)
        .with_context(|| format!("no files given, and there is no directory {DEFAULT_DIRECTORY} here"))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.context(DEFAULT_DIRECTORY)?.path();
        if path.to_string_lossy().ends_with(CORPUS) {
            files.push(path);
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "no files given, and none named *{CORPUS} in the directory {DEFAULT_DIRECTORY}");
    Ok(files)
}

/// The functions of a file that were asked for, with their numbers.
pub(crate) fn select(problems: Vec<Problem>, function: Option<usize>) -> Result<Vec<(usize, Problem)>> {
    let count = problems.len();
    let all = problems.into_iter().enumerate();
    match function {
        None => Ok(all.collect()),
        Some(n) if n < count => Ok(all.skip(n).take(1).collect()),
        Some(n) => bail!("there is no function {n}; the file has {count}"),
    }
}
