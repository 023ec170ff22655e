//! How far up the dominator tree a location has been left alone.
//!
//! A value may rest in a slot for thousands of blocks. Who asks what the slot holds at the start of a block need not go back block by
//! block: it holds what it held at the end of a block `top` that dominates this one, if nothing is written to it on the ways from there.
//! These ways, from the last time that control was in `top`, lead through blocks that `top` dominates, so it is enough that none of these
//! writes the location. Those that the block itself dominates count only if control can come back from them without going through `top`,
//! that is by a loop around both that `top` is not in.
//!
//! Of all writers, in a preorder of the dominator tree, only the nearest on the left of the block and on the right of what it dominates
//! can be the ones that decide how high `top` may be: the others have no deeper dominators in common with it.

use super::contents::Effects;
use super::locations::{Loc, Locations};
use crate::cfg::{Dominators, Graph, Loop, Loops};
use crate::ir::{Block, Function};
use alloc::vec;
use alloc::vec::Vec;

/// So many writers below a block are looked at for the loops that they and the block are in.
const FEW: usize = 16;

/// The dominator tree, and who writes each location.
pub(super) struct Climb {
    dominators: Dominators,
    loops: Loops,
    /// Where each location's part of `writers` begins.
    first_writer: Vec<u32>,
    /// The blocks that write each location, in preorder of the dominator tree.
    writers: Vec<Block>,
}

impl Climb {
    /// Prepares to climb; `None` for a function whose graph the analyses reject. `O(n log n)` in blocks and effects.
    pub(super) fn new(func: &impl Function, locs: &Locations, blocks: &[Block], effects: &Effects) -> Option<Self> {
        let mut graph = Graph::default();
        graph.run(func).ok()?;
        Self::of(&graph, locs.len(), blocks, effects)
    }

    fn of(graph: &Graph, num_locs: usize, blocks: &[Block], effects: &Effects) -> Option<Self> {
        let (mut loops, mut dominators) = <(Loops, Dominators)>::default();
        loops.run(graph);
        dominators.run(graph);
        // The allocators use the same tree, so it is not taken on trust: if each block's parent dominates all its predecessors, all its
        // ancestors are dominators.
        let is_right = |&block: &Block| {
            let parent = dominators.idom(block);
            let mut preds = graph.preds(block).filter(|&pred| graph.is_reachable(pred));
            preds.all(|pred| parent.is_invalid() || dominators.dominates(parent, pred))
        };
        if !blocks.iter().all(is_right) {
            return None;
        }
        let mut in_preorder = blocks.to_vec();
        in_preorder.sort_unstable_by_key(|&block| dominators.places(block).start);
        let mut first_writer = vec![0; num_locs + 1];
        for loc in in_preorder.iter().flat_map(|&block| effects.changed(block)) {
            first_writer[loc.index() + 1] += 1;
        }
        for loc in 0..num_locs {
            first_writer[loc + 1] += first_writer[loc];
        }
        let mut next = first_writer.clone();
        let mut writers = vec![Block::invalid(); first_writer[num_locs] as usize];
        for &block in &in_preorder {
            for loc in effects.changed(block) {
                writers[next[loc.index()] as usize] = block;
                next[loc.index()] += 1;
            }
        }
        Some(Self { dominators, loops, first_writer, writers })
    }

    /// The highest block on the way from `block` up to `until` (if that dominates it) at whose end the location holds what it holds at
    /// the start of `block`; `block` itself if there is none. Logarithmic.
    pub(super) fn top(&self, block: Block, loc: Loc, until: Option<Block>) -> Block {
        let range = self.first_writer[loc.index()] as usize..self.first_writer[loc.index() + 1] as usize;
        let writers = &self.writers[range];
        let place = self.dominators.places(block);
        let first = writers.partition_point(|&writer| self.dominators.places(writer).start < place.start);
        let end = writers.partition_point(|&writer| self.dominators.places(writer).start < place.end);
        let mut top = Block::invalid();
        let mut no_higher_than = |bound: Block| {
            if top.is_invalid() || self.dominators.dominates(top, bound) {
                top = bound;
            }
        };
        if first < end {
            if self.loops.any_irreducible() {
                return block;
            }
            let around = self.loops.block_loop(block);
            let below = &writers[first..end];
            let common = |&writer| self.loops.nearest_common(around, self.loops.block_loop(writer));
            // Of two loops around the block, the inner one has the greater number.
            let repeats = if below.len() > FEW { Some(around) } else { below.iter().map(common).max() };
            if let Some(repeats) = repeats.filter(|&repeats| repeats != Loop::ROOT) {
                no_higher_than(self.loops.header(repeats));
            }
        }
        if let Some(until) = until.filter(|&until| self.dominators.dominates(until, block)) {
            no_higher_than(until);
        }
        if let Some(&writer) = writers[..first].last() {
            let is_above = self.dominators.dominates(writer, block);
            no_higher_than(if is_above { writer } else { self.dominators.highest_apart(block, writer) });
        }
        if let Some(&writer) = writers.get(end) {
            no_higher_than(self.dominators.highest_apart(block, writer));
        }
        if top.is_invalid() { self.dominators.root_of(block) } else { top }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The blocks of a random graph, most of whose edges are short and forward: the successors of each, and which write the location.
    fn graph() -> impl Strategy<Value = (Vec<Vec<usize>>, Vec<bool>)> {
        let edges = prop::collection::vec(prop_oneof![4 => 1isize..4, 1 => -8isize..1], 0..3);
        prop::collection::vec((edges, prop::bool::weighted(0.2)), 2..24).prop_map(|blocks| {
            let last = blocks.len() as isize - 1;
            let succs = |(from, (edges, _)): (usize, &(Vec<isize>, bool))| {
                edges.iter().map(|by| (from as isize + by).clamp(0, last) as usize).collect()
            };
            (blocks.iter().enumerate().map(succs).collect(), blocks.iter().map(|block| block.1).collect())
        })
    }

    /// What can be reached from `start` along `edges` without going through `not`, by one edge or more.
    fn reach(start: usize, not: usize, edges: &[Vec<usize>]) -> Vec<bool> {
        let mut seen = vec![false; edges.len()];
        let mut pending = vec![start];
        while let Some(block) = pending.pop() {
            for &next in &edges[block] {
                if next != not && !core::mem::replace(&mut seen[next], true) {
                    pending.push(next);
                }
            }
        }
        seen
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

        #[test]
        fn nothing_is_written_between_the_top_and_the_block((succs, writes) in graph()) {
            let graph = Graph::from_succs(0, &succs);
            let blocks: Vec<Block> = graph.blocks().filter(|&block| graph.is_reachable(block)).collect();
            let loc = Loc::new(0);
            let effects = Effects::of_writers(loc, &writes);
            let climb = Climb::of(&graph, 1, &blocks, &effects).expect("the tree is right");
            let mut preds = vec![Vec::new(); succs.len()];
            for &block in &blocks {
                succs[block.index()].iter().for_each(|&succ| preds[succ].push(block.index()));
            }
            for &block in &blocks {
                for until in [None].into_iter().chain(blocks.iter().copied().map(Some)) {
                    let top = climb.top(block, loc, until);
                    if top == block {
                        continue;
                    }
                    let is_above = |above| climb.dominators.dominates(above, block);
                    prop_assert!(is_above(top));
                    let until = until.filter(|&until| is_above(until));
                    prop_assert!(until.is_none_or(|until| climb.dominators.dominates(until, top)));
                    // What control may go through between `top`, for the last time, and the start of the block.
                    let (from, to) = (reach(top.index(), top.index(), &succs), reach(block.index(), top.index(), &preds));
                    for between in (0..succs.len()).filter(|&between| from[between] && to[between]) {
                        prop_assert!(!writes[between], "{block} to {top}: {between} of {succs:?} writes");
                    }
                }
            }
        }
    }

    #[test]
    fn a_location_that_nobody_writes_is_known_at_the_top_and_one_that_a_loop_writes_at_its_header() {
        // 0 → 1 → 2 → 3 → 1, 2 → 4 → 5: a loop of 1, 2 and 3.
        let succs = [vec![1], vec![2], vec![3, 4], vec![1], vec![5], vec![]];
        let graph = Graph::from_succs(0, &succs);
        let blocks: Vec<Block> = graph.blocks().collect();
        let top = |writer: Option<usize>, block: usize, until: Option<usize>| {
            let writes: Vec<bool> = (0..succs.len()).map(|block| Some(block) == writer).collect();
            let effects = Effects::of_writers(Loc::new(0), &writes);
            let climb = Climb::of(&graph, 1, &blocks, &effects).expect("the tree is right");
            climb.top(Block::new(block), Loc::new(0), until.map(Block::new)).index()
        };
        assert_eq!(top(None, 5, None), 0);
        assert_eq!(top(None, 5, Some(2)), 2);
        assert_eq!(top(Some(3), 2, None), 1, "what the latch writes comes round by the header");
        assert_eq!(top(Some(5), 4, None), 0, "what is written behind the block does not come back");
        assert_eq!(top(Some(2), 5, None), 2);
        assert_eq!(top(Some(3), 1, None), 1);
    }
}
