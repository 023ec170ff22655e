//! The list of programs to compare with: a JSON file whose paths are relative to its folder.

use crate::args::Comparing;
use crate::run;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use wasmtime::error::Context as _;
use wasmtime::{Result, bail};

/// One program of the list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Program {
    /// What tables call it.
    pub(crate) name: String,
    /// The module.
    pub(crate) file: PathBuf,
    /// For a library of Emscripten's with short names: the file that tells what they stand for.
    pub(crate) names: Option<PathBuf>,
    /// What to hand to it; without it, the program is only compiled.
    pub(crate) run: Option<Vec<String>>,
}

/// The programs that a command line asks for, and the folder that their paths are relative to.
pub(crate) fn select(args: &Comparing) -> Result<(Vec<Program>, PathBuf)> {
    let (mut programs, folder) = match args.files.as_slice() {
        [] => read(&args.programs)?,
        files => (files.iter().map(|file| of_file(file)).collect::<Result<_>>()?, PathBuf::from(".")),
    };
    if let Some(stranger) = args.only.iter().find(|name| programs.iter().all(|program| program.name != **name)) {
        bail!("no program is named `{stranger}`");
    }
    programs.retain(|program| args.only.is_empty() || args.only.contains(&program.name));
    Ok((programs, folder))
}

/// A module given on the command line; it is run if it can be without more ado.
fn of_file(file: &Path) -> Result<Program> {
    let name = file.display().to_string();
    let bytes = std::fs::read(file).with_context(|| name.clone())?;
    let command = run::is_command(&bytes).with_context(|| name.clone())?;
    Ok(Program { name, file: file.to_owned(), names: None, run: command.then(Vec::new) })
}

/// The programs of a list, and the folder that its paths are relative to.
fn read(path: &Path) -> Result<(Vec<Program>, PathBuf)> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name)?;
    let programs = serde_json::from_str(&text).with_context(name)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((programs, folder.to_owned()))
}
