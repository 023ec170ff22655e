//! `regatta alloc`: allocates and prints.

use crate::args::AllocArgs;
use crate::{Answer, input, progress, verdict};
use anyhow::Result;
use rayon::prelude::*;
use regatta::{Edit, InstPosition, Output, Problem, text};
use serde::Serialize;

/// An allocation as JSON.
#[derive(Serialize)]
struct Allocated {
    function: usize,
    algorithm: &'static str,
    /// Words of spill slots.
    spill_slots: usize,
    /// The locations of each instruction's operands: `p3i` a register, `stack3` a spill slot.
    locations: Vec<Vec<String>>,
    moves: Vec<Move>,
    debug_locations: Vec<DebugLocation>,
}

/// A move to insert before or after an instruction.
#[derive(Serialize)]
struct Move {
    inst: u32,
    position: &'static str,
    from: String,
    to: String,
}

/// A labelled value is in a place before these instructions, the last one excluded.
#[derive(Serialize)]
struct DebugLocation {
    label: u32,
    from: String,
    to: String,
    location: String,
}

pub(crate) fn run(args: &AllocArgs) -> Result<Answer> {
    let problems = input::read_selected(&args.file, args.function)?;
    let bar = progress::bar(problems.len(), input::short_name(&args.file));
    let allocate = |(number, problem): &(usize, Problem)| {
        bar.inc(1);
        (*number, verdict::allocate(problem, args.algorithm))
    };
    let outputs: Vec<_> = problems.par_iter().map(allocate).collect();
    bar.finish_and_clear();
    let mut answer = Answer::Yes;
    let mut allocated = Vec::new();
    let mut shown = String::new();
    for ((number, problem), (_, output)) in problems.iter().zip(outputs) {
        match output {
            Err(why) => {
                eprintln!("{} function {number}: {why}", args.file.display());
                answer = Answer::No;
            }
            Ok(output) if args.json => allocated.push(describe(*number, args, problem, &output)),
            Ok(output) => {
                shown += &format!("; function {number}, {}\n", args.algorithm.name());
                shown += &text::print_allocated(problem, &output);
            }
        }
    }
    if args.json {
        shown = serde_json::to_string(&allocated)? + "\n";
    }
    input::print(&shown)?;
    Ok(answer)
}

fn describe(function: usize, args: &AllocArgs, problem: &Problem, output: &Output) -> Allocated {
    let insts = (0..problem.func.insts.len()).map(regatta::Inst::new);
    let moves = output.edits.iter().map(|(point, Edit::Move { from, to })| Move {
        inst: point.inst().0,
        position: if point.pos() == InstPosition::Before { "before" } else { "after" },
        from: from.to_string(),
        to: to.to_string(),
    });
    let debug = output.debug_locations.iter().map(|(label, from, to, location)| DebugLocation {
        label: *label,
        from: from.to_string(),
        to: to.to_string(),
        location: location.to_string(),
    });
    Allocated {
        function,
        algorithm: args.algorithm.name(),
        spill_slots: output.num_spillslots,
        locations: insts.map(|inst| output.inst_allocs(inst).iter().map(ToString::to_string).collect()).collect(),
        moves: moves.collect(),
        debug_locations: debug.collect(),
    }
}
