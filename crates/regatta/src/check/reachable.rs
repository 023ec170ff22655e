//! The reachable blocks, also of functions that the allocators' own analysis of the graph rejects, for a critical edge, say.

use crate::ir::{Block, Function};
use alloc::vec;
use alloc::vec::Vec;

/// The blocks that can be reached, in the order of their numbers.
///
/// Entry and successors must exist. Linear, and without recursion: a function may be as deep as it is long.
pub(super) fn reachable_blocks(func: &impl Function) -> Vec<Block> {
    let mut seen = vec![false; func.num_blocks()];
    let mut pending = vec![func.entry_block()];
    seen[func.entry_block().index()] = true;
    while let Some(block) = pending.pop() {
        for &succ in func.block_succs(block) {
            if !core::mem::replace(&mut seen[succ.index()], true) {
                pending.push(succ);
            }
        }
    }
    (0..func.num_blocks()).map(Block::new).filter(|block| seen[block.index()]).collect()
}
