//! The order in which blocks are looked at where [`super::needs`] has none that keeps loops in one piece: in functions that the allocators' own
//! analysis of the graph rejects, for a critical edge, say.

use crate::ir::{Block, Function};
use alloc::vec;
use alloc::vec::Vec;

/// The reachable blocks in reverse postorder: but for back edges, a block comes after its predecessors.
///
/// Entry and successors must exist. Linear, and without recursion: a function may be as deep as it is long.
pub(super) fn reverse_postorder(func: &impl Function) -> Vec<Block> {
    let mut seen = vec![false; func.num_blocks()];
    let mut order = Vec::new();
    // Blocks on the path from the entry, each with the number of its successors that were looked at.
    let mut path = vec![(func.entry_block(), 0)];
    seen[func.entry_block().index()] = true;
    while let Some((block, next)) = path.last_mut() {
        if let Some(&succ) = func.block_succs(*block).get(*next) {
            *next += 1;
            if !core::mem::replace(&mut seen[succ.index()], true) {
                path.push((succ, 0));
            }
        } else {
            order.push(*block);
            path.pop();
        }
    }
    order.reverse();
    order
}
