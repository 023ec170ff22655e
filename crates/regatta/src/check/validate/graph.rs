//! Blocks and edges.

use crate::error::{Error, range};
use crate::ir::{Block, Function, Inst};
use crate::limits;
use alloc::vec::Vec;

/// Checks what following the control flow takes for granted: blocks, their ends, and where they lead. Linear, but for sorting blocks that
/// are not numbered in the order of their code.
pub(in crate::check) fn blocks(func: &impl Function) -> Result<(), Error> {
    let (num_insts, num_blocks) = (func.num_insts(), func.num_blocks());
    limits::check(func)?;
    // Each block has an instruction.
    if num_blocks > num_insts {
        return Err(Error::BadBlockRange { block: Block::new(num_insts), why: range::FEW });
    }
    let entry = func.entry_block();
    if entry.index() >= num_blocks {
        return Err(Error::NoSuchBlock { from: entry, to: entry });
    }
    let mut next = 0;
    for block in by_code_order(func) {
        // Only the ends are read: a client's range may be one that the other methods cannot count.
        let (first, end) = (func.block_insns(block).first().index(), func.block_insns(block).end().index());
        let wrong = match () {
            () if end <= first => Some(range::EMPTY),
            () if end > num_insts => Some(range::BEYOND),
            () if first < next => Some(range::OVERLAP),
            () if first > next => Some(range::GAP),
            () => None,
        };
        if let Some(why) = wrong {
            return Err(Error::BadBlockRange { block, why });
        }
        next = end;
        for inst in (first..end).map(Inst::new) {
            let (branch, ret) = (func.is_branch(inst), func.is_ret(inst));
            let last = inst.index() + 1 == end;
            let wrong = match (branch, ret, last) {
                (true, true, _) => Some("it is both a branch and a return"),
                (false, false, true) => Some("it ends the block, and is neither a branch nor a return"),
                (true, false, false) => Some("it is a branch, and does not end the block"),
                (false, true, false) => Some("it is a return, and does not end the block"),
                _ => None,
            };
            if let Some(why) = wrong {
                return Err(Error::BadTerminator { block, inst, why });
            }
        }
        let last = Inst::new(end - 1);
        let succs = func.block_succs(block);
        if func.is_ret(last) && !succs.is_empty() {
            return Err(Error::BadTerminator {
                block,
                inst: last,
                why: "it is a return, and the block has successors",
            });
        }
        for (n, &to) in succs.iter().enumerate() {
            if to.index() >= num_blocks {
                return Err(Error::NoSuchBlock { from: block, to });
            }
            let (params, args) = (func.block_params(to).len(), func.branch_blockparams(block, last, n).len());
            if params != args {
                return Err(Error::ArgumentCount { from: block, to, params, args });
            }
        }
    }
    if next != num_insts {
        let last = by_code_order(func).last().copied().unwrap_or(entry);
        return Err(Error::BadBlockRange { block: last, why: range::REST });
    }
    Ok(())
}

/// The blocks in the order of their instructions.
pub(in crate::check) fn by_code_order(func: &impl Function) -> Vec<Block> {
    let mut blocks: Vec<_> = (0..func.num_blocks()).map(Block::new).collect();
    blocks.sort_by_key(|&block| func.block_insns(block).first());
    blocks
}

/// Checks that predecessors and successors tell the same of the edges, and that moves can be placed on every edge. The
/// blocks must have been checked.
pub(super) fn edges(func: &impl Function) -> Result<(), Error> {
    let entry = func.entry_block();
    if !func.block_params(entry).is_empty() {
        return Err(Error::EntryParams { block: entry });
    }
    same_edges(func)?;
    for from in (0..func.num_blocks()).map(Block::new) {
        let succs = func.block_succs(from);
        for &to in succs {
            // Control also comes to the entry from outside.
            let ways_in = func.block_preds(to).len() + usize::from(to == entry);
            if ways_in < 2 {
                continue;
            }
            if succs.len() > 1 {
                return Err(Error::CriticalEdge { from, to });
            }
            let inst = func.block_insns(from).last();
            if !func.inst_operands(inst).is_empty() || !func.inst_clobbers(inst).is_empty_all() {
                return Err(Error::BranchOperands { inst });
            }
        }
    }
    Ok(())
}

/// Compares the edges that the successors name with those that the predecessors name: as often, too.
fn same_edges(func: &impl Function) -> Result<(), Error> {
    let mut forward: Vec<(u32, u32)> = Vec::new();
    let mut backward: Vec<(u32, u32)> = Vec::new();
    for block in (0..func.num_blocks()).map(Block::new) {
        forward.extend(func.block_succs(block).iter().map(|to| (block.0, to.0)));
        backward.extend(func.block_preds(block).iter().map(|from| (from.0, block.0)));
    }
    forward.sort_unstable();
    backward.sort_unstable();
    // Where the two sorted lists part, the lower edge is missing in the other.
    let same = forward.iter().zip(&backward).take_while(|(one, other)| one == other).count();
    let Some(&(from, to)) = forward.get(same).into_iter().chain(backward.get(same)).min() else { return Ok(()) };
    if from as usize >= func.num_blocks() {
        return Err(Error::NoSuchBlock { from: Block(to), to: Block(from) });
    }
    Err(Error::EdgeMismatch { from: Block(from), to: Block(to) })
}
