//! `regatta bench`: our allocators beside regalloc2's, on the same functions in the same process.
//!
//! Invalid functions are left out, and reported. The others go through three passes. The first takes times: function by function, every allocator runs several times
//! in turn, so that whatever disturbs the machine disturbs all. The second measures heap, each function in fresh
//! storage. The third runs both checkers over our allocations, on all cores; it allocates anew, so that it also notices
//! when storage kept from earlier functions changes an answer.

mod figures;
mod measure;
mod report;

#[cfg(feature = "oracle")]
pub(crate) use figures::geometric_mean;

use crate::args::BenchArgs;
use crate::{Answer, input};
use anyhow::{Result, ensure};

pub(crate) fn run(args: &BenchArgs) -> Result<Answer> {
    let mut files = if args.files.is_empty() { input::default_files()? } else { args.files.clone() };
    if let Some(only) = &args.only {
        files.retain(|file| input::short_name(file).contains(only.as_str()));
        ensure!(!files.is_empty(), "no file's name contains {only:?}");
    }
    let mut measured = Vec::new();
    for path in &files {
        measured.push(measure::file(input::short_name(path), input::read_selected(path, args.function)?, args));
    }
    let figures = figures::all(&measured, args);
    if args.json {
        input::print(&(serde_json::to_string_pretty(&figures)? + "\n"))?;
    } else {
        input::print(&report::tables(&figures))?;
        if args.parts {
            input::print(&format!("\n{}", report::parts(&figures)))?;
        }
    }
    for fault in &figures.faults {
        eprintln!("{fault}");
    }
    Ok(if figures.faults.is_empty() { Answer::Yes } else { Answer::No })
}
