//! The list of programs to compare with: a JSON file whose paths are relative to its folder.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use wasmtime::Result;
use wasmtime::error::Context as _;

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

/// The programs of a list, and the folder that its paths are relative to.
pub(crate) fn read(path: &Path) -> Result<(Vec<Program>, PathBuf)> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name)?;
    let programs = serde_json::from_str(&text).with_context(name)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((programs, folder.to_owned()))
}
