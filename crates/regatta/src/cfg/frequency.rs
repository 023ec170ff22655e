//! How often each block is executed, for each time that the function is.
//!
//! Spilled values are stored and reloaded where that costs least, and "least" needs a weight for every block. The
//! client's word counts, if it has one for the entry block. It is hearsay all the same: a negative number, an infinite
//! one, one that is none, or no answer for some other block reads as 0, never executed, so that sums of weights stay
//! sums. Otherwise a block in `n` nested loops counts `10^min(n, 6)`; the limit keeps sums over a million blocks exact
//! enough.
//!
//! Cost: linear in blocks.

use super::graph::Graph;
use super::loops::Loops;
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Function};

const BY_DEPTH: [f32; 7] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0];

/// The frequency of every block.
#[derive(Debug, Default)]
pub(crate) struct Frequencies {
    frequency: TypedVec<Block, f32>,
}

impl Frequencies {
    /// Asks the client, or guesses by the depth of loops.
    pub(crate) fn run(&mut self, func: &impl Function, graph: &Graph, loops: &Loops) {
        let told = func.block_frequency(graph.entry()).is_some();
        self.frequency.clear();
        for block in (0..graph.num_blocks()).map(Block::new) {
            let frequency = if told {
                func.block_frequency(block).filter(|told| told.is_finite() && *told >= 0.0).unwrap_or(0.0)
            } else {
                BY_DEPTH[loops.depth(loops.block_loop(block)).min(6) as usize]
            };
            self.frequency.push(frequency);
        }
    }

    /// The block's frequency: finite and at least 0.
    #[inline]
    pub(crate) fn of(&self, block: Block) -> f32 {
        self.frequency[block]
    }
}
