//! Writes the text form.

use super::{CLASSES, KINDS};
use crate::ir::{Block, BlockData, Func, Inst, MachineEnv, Operand, PReg, Problem, VReg};
use crate::output::{Allocation, Edit, InstPosition, Output, ProgPoint};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// What a machine block of the text says.
type Machine<'a> = (&'a MachineEnv, [u8; 3], bool);

fn machine_of(problem: &Problem) -> Machine<'_> {
    (&problem.env, problem.func.spillslot_size, problem.func.named_by_last_slot)
}

pub(super) fn problems(problems: &[Problem]) -> String {
    let mut out = String::new();
    let mut last = None;
    for problem in problems {
        let machine = machine_of(problem);
        // Writing to a string cannot fail.
        if last != Some(machine) {
            let _ = write_machine(&mut out, machine);
        }
        last = Some(machine);
        let _ = write_function(&mut out, &problem.func, None);
    }
    out
}

pub(super) fn allocated(problem: &Problem, output: &Output) -> String {
    let mut out = String::new();
    let _ = write_function(&mut out, &problem.func, Some(output));
    out
}

fn write_machine(out: &mut String, (env, slots, by_last): Machine<'_>) -> fmt::Result {
    writeln!(out, "machine {{")?;
    for (name, class) in CLASSES {
        let class = class.index();
        let mut comma = "";
        let mut entry = |out: &mut String, name: &str| {
            out.push_str(comma);
            comma = ",";
            write!(out, " {name}")
        };
        let mut line = String::new();
        let sets = [
            ("preferred", env.preferred_regs_by_class[class]),
            ("non_preferred", env.non_preferred_regs_by_class[class]),
        ];
        for (name, set) in sets {
            if !set.is_empty_all() {
                entry(&mut line, name)?;
                write_regs(&mut line, set)?;
            }
        }
        if let Some(reg) = env.scratch_by_class[class] {
            entry(&mut line, "scratch")?;
            write!(line, " {reg}")?;
        }
        if slots[class] != 0 {
            entry(&mut line, "slot")?;
            write!(line, " {}", slots[class])?;
        }
        if !line.is_empty() {
            writeln!(out, "  {name}{line}")?;
        }
    }
    if !env.fixed_stack_slots.is_empty() {
        write!(out, "  stack")?;
        write_regs(out, env.fixed_stack_slots.iter().copied())?;
        writeln!(out)?;
    }
    if by_last {
        writeln!(out, "  slots_named_by_last_word")?;
    }
    writeln!(out, "}}")
}

/// Registers in the given order, each behind a space; three or more in a row as a range.
fn write_regs(out: &mut String, regs: impl IntoIterator<Item = PReg>) -> fmt::Result {
    let regs: Vec<PReg> = regs.into_iter().collect();
    let mut rest = regs.as_slice();
    while let Some(&first) = rest.first() {
        let follows = |pair: &[PReg]| pair[1].class() == pair[0].class() && pair[1].index() == pair[0].index() + 1;
        let row = 1 + rest.windows(2).take_while(|pair| follows(pair)).count();
        if row > 2 {
            write!(out, " {first}-{}", rest[row - 1])?;
        } else {
            rest[..row].iter().try_for_each(|reg| write!(out, " {reg}"))?;
        }
        rest = &rest[row..];
    }
    Ok(())
}

fn write_function(out: &mut String, func: &Func, output: Option<&Output>) -> fmt::Result {
    write!(out, "function ")?;
    if func.entry != Block::new(0) {
        write!(out, "entry {} ", func.entry)?;
    }
    if func.num_vregs != mentioned_vregs(func) {
        write!(out, "vregs {} ", func.num_vregs)?;
    }
    if func.multiple_defs {
        write!(out, "multiple_defs ")?;
    }
    write!(out, "{{")?;
    if let Some(output) = output {
        let words = output.num_spillslots;
        write!(out, " ; {words} {} of spill slots", if words == 1 { "word" } else { "words" })?;
    }
    writeln!(out)?;
    let derived = derived_preds(func);
    let mut order: Vec<usize> = (0..func.blocks.len()).collect();
    order.sort_by_key(|&index| func.blocks[index].insts.first());
    for index in order {
        let block = &func.blocks[index];
        write_header(out, func, index, derived[index] != block.preds)?;
        for inst in block.insts.iter() {
            match output {
                None => write_inst(out, func, inst, &[])?,
                Some(output) => write_allocated_inst(out, func, inst, output)?,
            }
            if inst.next() == block.insts.end() && !block.succs.is_empty() {
                write_targets(out, block, " ")?;
            }
            writeln!(out)?;
            if let Some(output) = output {
                write_moves(out, output, ProgPoint::new(inst, InstPosition::After))?;
            }
        }
        if block.insts.is_empty() && !block.succs.is_empty() {
            write_targets(out, block, "  ")?;
            writeln!(out)?;
        }
    }
    match output {
        None => {
            for (vreg, from, to, label) in &func.debug_labels {
                writeln!(out, "debug {label} {vreg:?} from {from} to {to}")?;
            }
        }
        Some(output) => {
            for (label, from, to, alloc) in &output.debug_locations {
                writeln!(out, "debug {label} {alloc} from {from} to {to}")?;
            }
        }
    }
    writeln!(out, "}}")
}

/// Every block's predecessors as [`Func::derive_preds`] finds them: what the parser assumes.
fn derived_preds(func: &Func) -> Vec<Vec<Block>> {
    let mut preds: Vec<Vec<Block>> = func.blocks.iter().map(|_| Vec::new()).collect();
    for (from, block) in func.blocks.iter().enumerate() {
        for succ in &block.succs {
            if let Some(preds) = preds.get_mut(succ.index()) {
                preds.push(Block::new(from));
            }
        }
    }
    preds
}

/// One more than the highest number of a virtual register that the function mentions.
pub(super) fn mentioned_vregs(func: &Func) -> usize {
    let in_blocks = func.blocks.iter().flat_map(|block| block.params.iter().chain(block.args.iter().flatten()));
    let in_insts = func.insts.iter().flat_map(|inst| inst.operands.iter().map(|operand| operand.vreg()));
    let in_labels = func.debug_labels.iter().map(|label| label.0);
    let all = in_blocks.copied().chain(in_insts).chain(in_labels).map(VReg::vreg);
    all.filter(|&number| number != VReg::MAX).max().map_or(0, |max| max + 1)
}

fn write_header(out: &mut String, func: &Func, index: usize, preds: bool) -> fmt::Result {
    let block = &func.blocks[index];
    write!(out, "{}", Block::new(index))?;
    write_vregs(out, &block.params)?;
    if preds {
        write!(out, " preds")?;
        block.preds.iter().try_for_each(|pred| write!(out, " {pred}"))?;
    }
    if let Some(frequency) = func.frequencies.get(index) {
        write!(out, " freq {}", frequency.get())?;
    }
    writeln!(out, ": ; {}", block.insts.first())
}

/// Parameters or arguments in parentheses; nothing if there are none.
fn write_vregs(out: &mut String, vregs: &[VReg]) -> fmt::Result {
    for (n, vreg) in vregs.iter().enumerate() {
        write!(out, "{}{vreg:?}", if n == 0 { "(" } else { ", " })?;
    }
    out.push_str(if vregs.is_empty() { "" } else { ")" });
    Ok(())
}

fn write_targets(out: &mut String, block: &BlockData, before: &str) -> fmt::Result {
    write!(out, "{before}->")?;
    for (n, succ) in block.succs.iter().enumerate() {
        write!(out, "{} {succ}", if n == 0 { "" } else { "," })?;
        write_vregs(out, block.args.get(n).map_or(&[], |args| args))?;
    }
    Ok(())
}

pub(super) fn inst(func: &Func, inst: Inst) -> String {
    let mut out = String::new();
    if inst.index() < func.insts.len() {
        // (A string takes all that is written to it.)
        let _ = write_inst(&mut out, func, inst, &[]);
    }
    String::from(out.trim_start())
}

/// An instruction, without the end of its line. Locations follow their operands.
fn write_inst(out: &mut String, func: &Func, inst: Inst, allocs: &[Allocation]) -> fmt::Result {
    let Some(inst) = func.insts.get(inst.index()) else { return write!(out, "  ; no such instruction") };
    let kind = KINDS.iter().find(|kind| kind.1 == inst.kind).map_or("", |kind| kind.0);
    write!(out, "  {kind}")?;
    for (n, &operand) in inst.operands.iter().enumerate() {
        write!(out, "{} ", if n == 0 { "" } else { "," })?;
        write_operand(out, operand)?;
        if let Some(alloc) = allocs.get(n) {
            write!(out, " = {alloc}")?;
        }
    }
    if !inst.clobbers.is_empty_all() {
        write!(out, " clobbers")?;
        write_regs(out, inst.clobbers)?;
    }
    Ok(())
}

fn write_operand(out: &mut String, operand: Operand) -> fmt::Result {
    match operand.as_fixed_nonallocatable() {
        // The short form, where it says all.
        Some(reg) if operand == Operand::fixed_nonallocatable(reg) => write!(out, "fixed {reg}"),
        Some(_) => {
            let (kind, pos) = (operand.kind(), operand.pos());
            let kind = if kind == crate::ir::OperandKind::Use { "use" } else { "def" };
            let pos = if pos == crate::ir::OperandPos::Early { "early" } else { "late" };
            write!(out, "{pos} {kind} {:?} {}", operand.vreg(), operand.constraint())
        }
        None => write!(out, "{operand}"),
    }
}

fn write_allocated_inst(out: &mut String, func: &Func, inst: Inst, output: &Output) -> fmt::Result {
    write_moves(out, output, ProgPoint::before(inst))?;
    write_inst(out, func, inst, output.inst_allocs(inst))
}

/// The moves at a point, a line each.
fn write_moves(out: &mut String, output: &Output, point: ProgPoint) -> fmt::Result {
    let start = output.edits.partition_point(|edit| edit.0 < point);
    for (_, Edit::Move { from, to }) in output.edits[start..].iter().take_while(|edit| edit.0 == point) {
        writeln!(out, "  move {from} -> {to}")?;
    }
    Ok(())
}
