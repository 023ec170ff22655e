//! How far ahead the next call and the next join are.
//!
//! Where control forks, the forward pass wants to know of each way whether a value in a register would survive on it until it is used, and
//! whether that is before other ways join ([`crate::ssa`], `forward/forks.rs`). A walk backwards over the blocks tells how many instructions
//! there are to the next call, and to the next point that is also come to by another way, on the nearest of all ways forward.
//!
//! Cost: linear in blocks and edges.

use super::next_use::{DEAD, NextUses, exit_penalty};
use crate::cfg::FlowGraph;
use crate::ir::Block;
use crate::ir::entity::TypedVec;

/// How many instructions away something is from the start of a block, on the nearest way; [`DEAD`] if it is on none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// The next call.
    pub(crate) call: u32,
    /// The next point at which another way joins.
    pub(crate) join: u32,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct LookAhead {
    blocks: TypedVec<Block, Ahead>,
}

impl LookAhead {
    /// What lies ahead of the start of `block`.
    #[inline]
    pub(crate) fn of(&self, block: Block) -> Ahead {
        self.blocks[block]
    }

    /// Fills the results.
    pub(crate) fn run(&mut self, flow: &FlowGraph, next_uses: &NextUses) {
        self.blocks.set_len(flow.graph.num_blocks(), Ahead { call: DEAD, join: DEAD });
        for &block in flow.order.order().iter().rev() {
            self.blocks[block] = self.look(flow, next_uses, block);
        }
    }

    fn look(&self, flow: &FlowGraph, next_uses: &NextUses, block: Block) -> Ahead {
        let length = flow.block_len(block);
        let mut nearest = Ahead { call: DEAD, join: DEAD };
        for edge in flow.graph.succ_edges(block) {
            let to = flow.graph.edge(edge).to;
            if flow.is_back_edge(edge) {
                nearest.join = nearest.join.min(length);
                continue;
            }
            let there = self.blocks[to];
            let is_join = flow.graph.pred_edges(to).len() as u32 > flow.graph.num_back_edges(to) + 1;
            nearest.join = nearest.join.min(length.saturating_add(if is_join { 0 } else { there.join }));
            if there.call != DEAD {
                let away = length.saturating_add(exit_penalty(flow, block, to));
                nearest.call = nearest.call.min(there.call.saturating_add(away));
            }
        }
        nearest.call = nearest.call.min(next_uses.blocks[block].first_call);
        nearest
    }
}
