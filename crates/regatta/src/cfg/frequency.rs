//! How often each block is executed, for each time that the function is.
//!
//! Spilled values are stored and reloaded where that costs least, and "least" needs a weight for every block. The
//! client's word counts, if it has one for the entry block. It is hearsay all the same: a negative number, an
//! infinite one, one that is none, or no answer for some other block reads as 0, never executed, so that sums of
//! weights stay sums. Otherwise a block in `n` nested loops counts `10^min(n, 6)`; the limit keeps sums over a
//! million blocks exact enough.
//!
//! That takes both sides of every branch for equally frequent, and as frequent as the branch. If it is asked for
//! ([`FrequencyModel::Estimated`](crate::FrequencyModel)), [`Frequencies::estimate`] guesses better. Control flows
//! through the graph: the function is entered once, and what comes into a block goes out of it again, shared out
//! among the successors. One that calls gets less than one that does not ([`CALLS`]), as calls that one side of a
//! branch alone makes are mostly there for the unusual case; one that ends the program gets next to nothing
//! ([`TRAPS`]); and one outside of the loop gets less than one within ([`LEAVES`]). (The first of these rules, and
//! the last, are among those of Ball and Larus, *Branch Prediction for Free*, PLDI 1993.) A loop is executed
//! [`ROUNDS`] times whenever it is entered, and left as often as it is entered: what has leaked from it through exits
//! is scaled to that, inner loops before outer ones. The walk is that of the order of the blocks, in which loops are
//! in one piece. Irreducible graphs, in which a loop is not entered at its header alone, are left to the depth of
//! loops.
//!
//! The estimate only serves to choose between places for stores (`ssa::stores`). To decide what is in which
//! register by it as well costs more than it gains: in a switch of a hundred cases each gets a hundredth, whichever
//! of them the program lives in.
//!
//! Cost: linear in blocks and edges. The estimate scales an edge once for each loop that it leaves; what it can spend
//! on edges that leave several is limited to [`SCALINGS`] for each edge of the graph.

use super::graph::{Edge, Graph};
use super::layout::Order;
use super::loops::{Loop, Loops};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Function};
use alloc::vec::Vec;

const BY_DEPTH: [f32; 7] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0];

/// The share of a block that calls, where one that does nothing special has 1.
const CALLS: f32 = 0.3;
/// The share of a block at whose end the program is over.
const TRAPS: f32 = 0.001;
/// What the share of a block outside of the loop is multiplied by.
const LEAVES: f32 = 0.1;
/// How often a loop is executed each time that it is entered.
const ROUNDS: f32 = 10.0;
/// What all estimates are between. Long chains of branches divide without end, deep nests multiply.
const BOUNDS: (f32, f32) = (1e-9, 1e6);
/// How often edges that leave several loops are scaled again, for each edge of the graph.
const SCALINGS: usize = 4;

/// What a block does that says how likely control comes there rather than to its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Nothing of the kind.
    Plain,
    /// It calls.
    Calls,
    /// It ends, and does not return.
    Traps,
}

/// The frequency of every block.
#[derive(Debug, Default)]
pub(crate) struct Frequencies {
    frequency: TypedVec<Block, f32>,
    source: Source,
    /// What is estimated, if that is the source.
    estimate: TypedVec<Block, f32>,
    /// The blocks' shares.
    share: TypedVec<Block, f32>,
    /// How often control takes each edge.
    flow: TypedVec<Edge, f32>,
    /// The loops that the walk is in, the innermost last.
    open: Vec<Open>,
    /// The edges out of these: those of the innermost come last.
    leaving: Vec<Edge>,
}

/// Where frequencies are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Source {
    #[default]
    Depth,
    Client,
    Estimate,
}

/// A loop that the walk is in.
#[derive(Clone, Copy, Debug)]
struct Open {
    of: Loop,
    /// How often it is entered.
    entered: f32,
    /// Where its edges begin among those that leave.
    leaving: usize,
}

impl Frequencies {
    /// Asks the client, or goes by the depth of loops.
    pub(crate) fn run(&mut self, func: &impl Function, graph: &Graph, loops: &Loops) {
        let told = func.block_frequency(graph.entry()).is_some();
        self.source = if told { Source::Client } else { Source::Depth };
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

    /// Estimates the frequencies that the client has not told, unless the graph is irreducible.
    pub(crate) fn estimate(&mut self, graph: &Graph, loops: &Loops, order: &Order, nature: impl Fn(Block) -> Nature) {
        if self.source == Source::Client || loops.any_irreducible() {
            return;
        }
        self.source = Source::Estimate;
        self.estimate.reset(graph.num_blocks(), BOUNDS.0);
        self.share.clear();
        for block in (0..graph.num_blocks()).map(Block::new) {
            self.share.push(match nature(block) {
                Nature::Plain => 1.0,
                Nature::Calls => CALLS,
                Nature::Traps => TRAPS,
            });
        }
        self.flow.reset(graph.edges().len(), 0.0);
        self.open.clear();
        self.leaving.clear();
        let mut scalings = SCALINGS * graph.edges().len();
        for (&block, at) in order.order().iter().zip(0..) {
            let entries = graph.pred_edges(block).iter().filter(|&&edge| !order.is_back_edge(graph.edge(edge)));
            let mut frequency: f32 = entries.map(|&edge| self.flow[edge]).sum();
            if block == graph.entry() {
                frequency = 1.0;
            }
            if let Some(of) = loops.is_header(block) {
                self.open.push(Open { of, entered: frequency, leaving: self.leaving.len() });
                frequency *= ROUNDS;
            }
            self.estimate[block] = frequency.clamp(BOUNDS.0, BOUNDS.1);
            self.share_out(graph, loops, order, block);
            while let Some(ended) = self.open.pop_if(|open| order.loop_end(open.of) == at) {
                self.leave(graph, order, loops.parent(ended.of), ended, &mut scalings);
            }
        }
    }

    /// Lets control flow from `block` into its successors.
    #[inline]
    fn share_out(&mut self, graph: &Graph, loops: &Loops, order: &Order, block: Block) {
        let of = loops.block_loop(block);
        let Self { share, flow, leaving, estimate, .. } = self;
        let edges = graph.succ_edges(block);
        let frequency = estimate[block];
        let leaves = |edge| of != Loop::ROOT && !order.contains(of, graph.edge(edge).to);
        if edges.len() == 1 {
            for edge in edges {
                flow[edge] = frequency;
                if leaves(edge) {
                    leaving.push(edge);
                }
            }
            return;
        }
        let mut whole = 0.0;
        for edge in edges.clone() {
            let leaves = leaves(edge);
            let part = share[graph.edge(edge).to] * if leaves { LEAVES } else { 1.0 };
            flow[edge] = part;
            whole += part;
            if leaves {
                leaving.push(edge);
            }
        }
        for edge in edges {
            flow[edge] = frequency * flow[edge] / whole;
        }
    }

    /// Scales the edges out of a loop that has ended, so that it is left as often as it was entered.
    fn leave(&mut self, graph: &Graph, order: &Order, outer: Loop, ended: Open, scalings: &mut usize) {
        let left: f32 = self.leaving[ended.leaving..].iter().map(|&edge| self.flow[edge]).sum();
        let by = ended.entered / left.max(f32::MIN_POSITIVE);
        let mut kept = ended.leaving;
        for index in ended.leaving..self.leaving.len() {
            let edge = self.leaving[index];
            // (The quotient may be infinite, and even its product with 0 is at most this.)
            self.flow[edge] = (self.flow[edge] * by).min(BOUNDS.1);
            if outer != Loop::ROOT && *scalings > 0 && !order.contains(outer, graph.edge(edge).to) {
                *scalings -= 1;
                self.leaving[kept] = edge;
                kept += 1;
            }
        }
        self.leaving.truncate(kept);
    }

    /// Do blocks of one depth all have the same frequency?
    pub(crate) fn is_by_depth(&self) -> bool {
        self.source == Source::Depth
    }

    /// The block's frequency, as the client or the depth of loops has it: finite and at least 0.
    #[inline]
    pub(crate) fn of(&self, block: Block) -> f32 {
        self.frequency[block]
    }

    /// The same, or the estimate if there is one.
    #[inline]
    pub(crate) fn best_guess(&self, block: Block) -> f32 {
        if self.source == Source::Estimate { self.estimate[block] } else { self.frequency[block] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfg::FlowGraph;
    use alloc::vec;

    /// The estimates for a graph, entered at block 0, with what the blocks named do.
    fn estimate(succs: &[&[usize]], natures: &[(usize, Nature)]) -> Vec<f32> {
        let succs: Vec<Vec<usize>> = succs.iter().map(|succs| succs.to_vec()).collect();
        let mut flow = FlowGraph { graph: Graph::from_succs(0, &succs), ..FlowGraph::default() };
        flow.loops.run(&flow.graph);
        flow.order.run(&flow.graph, &flow.loops);
        let depths =
            succs.iter().enumerate().map(|(block, _)| flow.loops.depth(flow.loops.block_loop(Block::new(block))));
        for depth in depths {
            flow.frequencies.frequency.push(BY_DEPTH[depth.min(6) as usize]);
        }
        let nature = |block: Block| {
            natures.iter().find(|nature| nature.0 == block.index()).map_or(Nature::Plain, |nature| nature.1)
        };
        flow.frequencies.estimate(&flow.graph, &flow.loops, &flow.order, nature);
        (0..succs.len()).map(|block| flow.frequencies.best_guess(Block::new(block))).collect()
    }

    fn assert_near(found: &[f32], expected: &[f32]) {
        let near = |(found, expected): (&f32, &f32)| (found - expected).abs() <= 1e-3 * expected;
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(near), "{found:?} {expected:?}");
    }

    #[test]
    fn branches_share_out() {
        let diamond: &[&[usize]] = &[&[1, 2], &[3], &[3], &[]];
        assert_near(&estimate(diamond, &[]), &[1.0, 0.5, 0.5, 1.0]);
        assert_near(&estimate(diamond, &[(1, Nature::Calls)]), &[1.0, 0.3 / 1.3, 1.0 / 1.3, 1.0]);
        let aside: &[&[usize]] = &[&[1, 2], &[], &[]];
        assert_near(&estimate(aside, &[(1, Nature::Traps)]), &[1.0, 0.001 / 1.001, 1.0 / 1.001]);
    }

    #[test]
    fn loops_are_left_as_often_as_entered() {
        // One loop in another: 1 is the outer header, 2 the inner one, which 3 leaves by way of 4.
        let nest: &[&[usize]] = &[&[1], &[2, 6], &[3], &[4, 5], &[1], &[2], &[]];
        assert_near(&estimate(nest, &[]), &[1.0, 10.0, 90.909, 90.909, 9.0909, 82.644, 1.0]);
        // Block 3 leaves two loops at once, by way of 4, and 5 the inner one.
        let jump: &[&[usize]] = &[&[1], &[2], &[3], &[4, 5], &[7], &[2, 6], &[1], &[]];
        let found = estimate(jump, &[]);
        assert_near(&[found[4], found[7]], &[1.0, 1.0]);
    }

    #[test]
    fn estimates_are_finite() {
        // Loops in one another, more than a number has exponents for, and a ladder of branches that each return.
        let depth = 100;
        let mut nest: Vec<Vec<usize>> = (0..depth).map(|at| vec![at + 1]).collect();
        nest.push(vec![depth + 1]);
        nest.extend((0..depth).map(|at| vec![depth - at, depth + 2 + at]));
        nest.push(vec![]);
        let ladder: Vec<Vec<usize>> =
            (0..300).map(|at| if at % 2 == 0 { vec![at + 1, at + 2] } else { vec![] }).chain([vec![]]).collect();
        for graph in [nest, ladder] {
            let succs: Vec<&[usize]> = graph.iter().map(Vec::as_slice).collect();
            let found = estimate(&succs, &[]);
            assert!(found.iter().all(|frequency| (BOUNDS.0..=BOUNDS.1).contains(frequency)), "{found:?}");
        }
    }

    #[test]
    fn irreducible_graphs_go_by_depth() {
        assert_eq!(estimate(&[&[1, 2], &[2, 3], &[1, 3], &[]], &[(3, Nature::Calls)]), [1.0, 10.0, 10.0, 1.0]);
    }
}
