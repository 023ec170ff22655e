//! `regatta reduce`: shrinks a failing function to a small one.

use crate::args::ReduceArgs;
use crate::{Answer, input, progress};
use anyhow::{Context, Result, anyhow, bail, ensure};
use regatta::{Problem, check, text};
use regatta_testing::reduce;
use std::cell::RefCell;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The shell's exit code for a command that is there and cannot be executed.
const NOT_EXECUTABLE: i32 = 126;
/// The shell's exit code for a command that it does not find.
const NOT_FOUND: i32 = 127;

pub(crate) fn run(args: &ReduceArgs) -> Result<Answer> {
    let mut problems = input::read_selected(&args.file, Some(args.function))?;
    let (_, problem) = problems.pop().ok_or_else(|| anyhow!("{}: no function", args.file.display()))?;
    let directory = TempDir::new().context("a directory for the attempts")?;
    let file = directory.path().join("function.rt");
    ensure!(fails(args, &file, &problem)?, "`{}` does not fail for the function as it is", args.test);
    // A function that is valid is to stay so: what an invalid one does is another question.
    let keep_valid = !args.invalid && check::validate(&problem.func, &problem.env).is_ok();
    let bar = progress::spinner();
    let broken = RefCell::new(None);
    let small = reduce::reduce(&problem, |attempt| {
        if keep_valid && check::validate(&attempt.func, &attempt.env).is_err() || broken.borrow().is_some() {
            return false;
        }
        bar.set_message(format!("{} instructions", attempt.func.insts.len()));
        bar.inc(1);
        fails(args, &file, attempt).unwrap_or_else(|error| {
            *broken.borrow_mut() = Some(error);
            false
        })
    });
    bar.finish_and_clear();
    if let Some(error) = broken.into_inner() {
        return Err(error);
    }
    input::print(&text::print(&small))?;
    Ok(Answer::Yes)
}

/// Does the test fail?
///
/// # Errors
///
/// If the test cannot be run: that says nothing about the function.
fn fails(args: &ReduceArgs, file: &Path, problem: &Problem) -> Result<bool> {
    std::fs::write(file, text::print(problem)).with_context(|| file.display().to_string())?;
    let path = file.display().to_string();
    let command =
        if args.test.contains("{}") { args.test.replace("{}", &path) } else { format!("{} {path}", args.test) };
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let status = Command::new(shell)
        .args([flag, &command])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("running `{command}`"))?;
    match (status.code(), args.code) {
        (Some(code), Some(asked)) if code == asked => Ok(true),
        (Some(code @ (NOT_EXECUTABLE | NOT_FOUND)), _) => {
            let why = match code {
                NOT_FOUND => "there is no such command; put it on the PATH or give its path",
                _ => "it cannot be executed; give it the permission, or name what runs it",
            };
            bail!(
                "`{}` cannot be started (exit code {code}): {why}. If this is the failure to look for, add --code {code}",
                args.test
            )
        }
        (_, Some(_)) => Ok(false),
        (_, None) => Ok(!status.success()),
    }
}
