//! What the flow graph says before anyone looks at an instruction.
//!
//! An allocator decides block by block, and what it may decide depends on where a block lies: which blocks control must
//! have come through (dominators), what repeats (loops) and how often (frequencies), in which order to visit the blocks
//! so that little is decided on hope (the order). All that depends on the shape of the graph alone, so it is found once,
//! here, and everything after reads it:
//!
//! ```text
//! Function ─▶ Graph ─▶ Loops ─┬─▶ Dominators
//!                             ├─▶ Order
//!                             └─▶ Frequencies
//! ```
//!
//! | pass | finds | cost |
//! | --- | --- | --- |
//! | [`Graph`] | numbered edges, predecessors, reachability, depth-first numberings | linear |
//! | [`Dominators`] | immediate dominators, dominance in O(1), nearest common dominator in O(log n) | O(edges · log blocks) |
//! | [`Loops`] | the loop forest, irreducible loops included | nearly linear |
//! | [`Order`] | a topological order that keeps loops in one piece | linear |
//! | [`Frequencies`] | a weight for each block | linear |
//! | [`Positions`] | where each block's instructions are in that order | linear |
//!
//! Nothing recurses: graphs come as deep as their authors like, and the machine's stack does not. Storage is kept from
//! one function to the next.

mod ancestry;
mod dominators;
mod frequency;
mod graph;
mod layout;
mod loops;
mod positions;
#[cfg(test)]
mod tests;

pub(crate) use dominators::Dominators;
pub(crate) use frequency::{Frequencies, Nature};
#[allow(unused_imports, reason = "for the passes that follow edges")]
pub(crate) use graph::{Edge, EdgeData, Graph};
pub(crate) use layout::Order;
#[allow(unused_imports, reason = "for the passes that walk the loop forest")]
pub(crate) use loops::{Loop, Loops};
pub(crate) use positions::Positions;

use crate::error::Error;
use crate::ir::{Block, Function};

/// A function's flow graph and everything that its shape says.
#[derive(Debug, Default)]
pub(crate) struct FlowGraph {
    /// Edges, predecessors, reachability.
    pub(crate) graph: Graph,
    /// Which blocks lie on every path to a block.
    pub(crate) dominators: Dominators,
    /// What repeats.
    pub(crate) loops: Loops,
    /// The order in which to visit the blocks.
    pub(crate) order: Order,
    /// How often each block is executed.
    pub(crate) frequencies: Frequencies,
    /// The numbering of program points along the order.
    pub(crate) positions: Positions,
}

impl FlowGraph {
    /// Analyses the flow graph of `func`, but for dominators.
    ///
    /// # Errors
    ///
    /// As [`Graph::run`].
    pub(crate) fn run(&mut self, func: &impl Function) -> Result<(), Error> {
        self.graph.run(func)?;
        self.loops.run(&self.graph);
        self.order.run(&self.graph, &self.loops);
        self.frequencies.run(func, &self.graph, &self.loops);
        self.positions.run(&self.graph, &self.order);
        Ok(())
    }

    /// Finds out which blocks dominate which. Not all who analyse a graph want to know.
    pub(crate) fn find_dominators(&mut self) {
        self.dominators.run_with_loops(&self.graph, &self.loops);
    }

    /// Estimates how often each block is executed, if the client has not said, from what the blocks do.
    pub(crate) fn estimate_frequencies(&mut self, nature: impl Fn(&Graph, Block) -> Nature) {
        let graph = &self.graph;
        self.frequencies.estimate(graph, &self.loops, &self.order, |block| nature(graph, block));
    }
}
