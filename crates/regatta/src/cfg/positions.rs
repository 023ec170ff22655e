//! Positions: program points numbered along the order of the blocks.
//!
//! Instructions are numbered as the client laid them out; the allocator visits blocks in its own order. A position counts along that
//! order: one for the start of each block, one for each of its instructions. Differences of positions serve as distances, and
//! stretches of positions as live ranges. The end of a block, behind its last instruction, is the position just before the start of the
//! next.

use super::FlowGraph;
use super::graph::{Edge, Graph};
use super::layout::Order;
use super::loops::Loop;
use crate::ir::Block;
use crate::ir::entity::TypedVec;

/// Where each block starts.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    start: TypedVec<Block, u32>,
}

impl Positions {
    /// Numbers the blocks. Position 0 is before everything.
    pub(crate) fn run(&mut self, graph: &Graph, order: &Order) {
        self.start.set_len(graph.num_blocks(), 0);
        let mut next = 1;
        for &block in order.order() {
            self.start[block] = next;
            next += graph.end(block).0 - graph.first(block).0 + 1;
        }
    }
}

impl FlowGraph {
    /// The position of the block's first instruction.
    #[inline]
    pub(crate) fn start(&self, block: Block) -> u32 {
        self.positions.start[block]
    }

    /// How many instructions the block has.
    #[inline]
    pub(crate) fn block_len(&self, block: Block) -> u32 {
        self.graph.end(block).0 - self.graph.first(block).0
    }

    /// The position behind the block's last instruction.
    #[inline]
    pub(crate) fn end(&self, block: Block) -> u32 {
        self.start(block) + self.block_len(block)
    }

    /// The position at the end of the last block of a loop.
    pub(crate) fn loop_end(&self, of: Loop) -> u32 {
        self.end(self.order.order()[self.order.loop_end(of) as usize])
    }

    /// From the start of a block in a loop to the loop's end.
    pub(crate) fn to_loop_end(&self, of: Loop, block: Block) -> u32 {
        self.loop_end(of) - self.start(block)
    }

    /// Does the edge lead to the header of a loop that its source is in?
    #[inline]
    pub(crate) fn is_back_edge(&self, edge: Edge) -> bool {
        self.order.is_back_edge(self.graph.edge(edge))
    }

    /// How many loops control leaves by going from one block to the other.
    #[inline]
    pub(crate) fn loops_left(&self, from: Block, to: Block) -> u32 {
        let (from, to) = (self.loops.block_loop(from), self.loops.block_loop(to));
        if from == to {
            return 0;
        }
        self.loops.depth(from) - self.loops.depth(self.loops.nearest_common(from, to))
    }

    /// Do the moves of the edge go to the start of its target? Else they go before the branch of its source.
    #[inline]
    pub(crate) fn moves_at_target(&self, edge: Edge) -> bool {
        !self.graph.is_join(self.graph.edge(edge).to)
    }

    /// The position of the edge's moves.
    pub(crate) fn edge_position(&self, edge: Edge) -> u32 {
        let data = self.graph.edge(edge);
        if self.moves_at_target(edge) { self.start(data.to) } else { self.end(data.from) }
    }

    /// How often control takes the edge.
    pub(crate) fn edge_frequency(&self, edge: Edge) -> f32 {
        self.frequencies.of(self.block_of_moves(edge))
    }

    /// The same, or the estimate if there is one.
    pub(crate) fn edge_best_guess(&self, edge: Edge) -> f32 {
        self.frequencies.best_guess(self.block_of_moves(edge))
    }

    /// The block that the moves of the edge are in.
    #[inline]
    fn block_of_moves(&self, edge: Edge) -> Block {
        let data = self.graph.edge(edge);
        if self.moves_at_target(edge) { data.to } else { data.from }
    }
}
