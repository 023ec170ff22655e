//! `regatta bench`: our allocators beside regalloc2's, on the same functions in the same process.
//!
//! Each file goes through three passes. The first takes times: function by function, every allocator runs several times
//! in turn, so that whatever disturbs the machine disturbs all. The second measures heap, each function in fresh
//! storage. The third runs both checkers over our allocations, on all cores; it allocates anew, so that it also notices
//! when storage kept from earlier functions changes an answer.

mod figures;
mod measure;
mod report;

use crate::args::BenchArgs;
use crate::{Answer, input};
use anyhow::{Context, Result, ensure};
use measure::Fault;

pub(crate) fn run(args: &BenchArgs) -> Result<Answer> {
    let mut files = if args.files.is_empty() { input::default_files()? } else { args.files.clone() };
    if let Some(only) = &args.only {
        files.retain(|file| input::short_name(file).contains(only.as_str()));
        ensure!(!files.is_empty(), "no file's name contains {only:?}");
    }
    let mut measured = Vec::new();
    for path in &files {
        let problems = input::select(input::read(path)?, args.function).with_context(|| path.display().to_string())?;
        measured.push(measure::file(input::short_name(path), &problems, args));
    }
    let faults: Vec<&Fault> = measured.iter().flat_map(|file| &file.faults).collect();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&figures::all(&measured, args))?);
    } else {
        print!("{}", report::tables(&figures::all(&measured, args)));
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    Ok(if faults.is_empty() { Answer::Yes } else { Answer::No })
}
