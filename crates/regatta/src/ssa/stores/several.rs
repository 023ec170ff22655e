//! Storing one value at several points.
//!
//! One store dominates all reads, and if these are in rarely executed blocks here and there, in the cases of a switch say, what
//! dominates them all may be executed more often than they are together. Then it is cheaper to store the value in each such block, or
//! in what dominates a few of them.
//!
//! The blocks between the definition and the reads in the dominator tree are a tree themselves. Each read must have a store above it, or
//! in its own block. From the leaves upwards, the cheapest way to see to all reads below a block is a store in that block, if the value
//! is in a register when it starts, or the sum of the cheapest ways below. Whether the whole comes cheaper than the one store, the
//! definition's block tells.
//!
//! Mostly it does not, and that mostly shows early: a read that can be seen to by no store that is cheap enough, since no block above it is,
//! ends the search.
//!
//! Where frequencies are no more than the depth of loops, blocks between which no loop begins or ends count the same, and there is
//! nothing to gain.
//!
//! The tree is found read by read: from its block up to one that is known, a path. The path that a path ends at is an earlier one. So the last
//! path first, each from its lower end, is an order in which all of what is below a block comes before it.
//!
//! What happens to the value in the chosen blocks, which tells where in them it is stored, is found in one walk over all that happens to it, not in
//! one for each block: there may be as many blocks as reads.
//!
//! Cost: the blocks of these trees, times the registers at a block's entry. Over all values of a function, blocks are limited to [`STEPS`] for
//! each instruction and block; what comes behind is stored once.

use super::Fate;
use crate::code::Value;
use crate::ir::Block;
use crate::ir::entity::TypedVec;
use crate::ssa::forward::{Forward, Input};
use alloc::vec::Vec;

/// How many blocks are looked at, for each instruction and block of the function.
const STEPS: usize = 4;

/// Several stores must cost less than this part of what one does: each also takes up room in the code.
const WORTH_IT: f32 = 0.8;

/// One store that is executed less often than this, for each time that the function is entered, is good enough. (A third of the blocks that
/// would be looked at are for such values, and 0.02 % of the gain.)
const RARE: f32 = 0.05;

const NONE: u32 = u32::MAX;

/// A block between a value's definition and its reads.
#[derive(Clone, Copy, Debug)]
struct Node {
    block: Block,
    /// The node of its immediate dominator; [`NONE`] for the definition's block.
    parent: u32,
    /// What the stores below it cost.
    below: f32,
    /// How often the least frequent block is executed that this is or that lies between it and the definition's.
    least: f32,
    /// Is the value read here?
    is_read: bool,
    /// Is it best stored here, or above?
    is_stored: bool,
}

/// The step, with its storage.
#[derive(Debug, Default)]
pub(super) struct Several {
    /// The node of each block; [`NONE`] for all between two values.
    node_of: TypedVec<Block, u32>,
    /// Path by path, each from its lower end.
    nodes: Vec<Node>,
    /// The numbers of the nodes at which the paths begin, and the last one's end.
    paths: Vec<u32>,
    /// The blocks to store the value in, in the order of positions.
    pub(super) chosen: Vec<Block>,
    /// What happens to it there.
    fates: Vec<Fate>,
    /// What the stores there cost.
    pub(super) cost: f32,
    steps_left: usize,
    /// What is executed less often is rare: see [`RARE`].
    rare: f32,
}

impl Several {
    /// Begins with another function.
    pub(super) fn start(&mut self, on: &Input<'_>) {
        if on.flow.frequencies.is_by_depth() {
            return;
        }
        let blocks = on.flow.graph.num_blocks();
        self.node_of.reset(blocks, NONE);
        self.rare = RARE * on.flow.frequencies.best_guess(on.flow.graph.entry());
        self.steps_left = STEPS * (blocks + on.code.insts.len());
    }

    /// Chooses where to store `value`, which one store at the cost `single` would serve. False if that is best.
    pub(super) fn run(&mut self, on: &Input<'_>, forward: &Forward, value: Value, single: f32) -> bool {
        self.chosen.clear();
        let def = on.code.values[value];
        if on.flow.frequencies.is_by_depth()
            || single < self.rare
            || def.on_branch
            || !on.flow.graph.is_reachable(def.block)
        {
            return false;
        }
        if forward.reads_of(value).nth(1).is_none() {
            // One read wants one store.
            return false;
        }
        self.nodes.clear();
        self.paths.clear();
        let limit = single * WORTH_IT;
        let is_whole = self.grow(on, forward, value, def.block, limit);
        for node in &self.nodes {
            self.node_of[node.block] = NONE;
        }
        is_whole && self.choose(on, forward, value, limit)
    }

    /// The chosen blocks, each with what happens to `value` there.
    pub(super) fn fates(&mut self, forward: &Forward, value: Value) -> impl Iterator<Item = (Block, Fate)> {
        let Self { node_of, chosen, fates, .. } = self;
        for (&block, number) in chosen.iter().zip(0..) {
            node_of[block] = number;
        }
        fates.clear();
        fates.resize(chosen.len(), Fate::default());
        for event in forward.events_of(value) {
            // (Of other blocks, there is no number.)
            if let Some(fate) = fates.get_mut(node_of[event.block] as usize) {
                fate.add(&event);
            }
        }
        for &block in chosen.iter() {
            node_of[block] = NONE;
        }
        chosen.iter().copied().zip(fates.iter().copied())
    }

    /// Finds the tree. False if there is none, if it is too large, or if a read alone takes a store that costs at least `limit`.
    fn grow(&mut self, on: &Input<'_>, forward: &Forward, value: Value, def: Block, limit: f32) -> bool {
        for (block, pos) in forward.reads_of(value) {
            // What the moves of an edge read at the start of its target must have been stored before.
            let at_start = pos <= on.flow.start(block) && block != def;
            let mut at = if at_start { on.flow.dominators.idom(block) } else { block };
            if at == def {
                // No other block will do.
                return false;
            }
            let mut below = NONE;
            let start = self.nodes.len();
            self.paths.push(start as u32);
            loop {
                if at.is_invalid() || self.steps_left == 0 {
                    return false;
                }
                self.steps_left -= 1;
                let known = self.node_of[at];
                let node = if known == NONE { self.nodes.len() as u32 } else { known };
                if known == NONE {
                    self.node_of[at] = node;
                    let least = if at == def { f32::INFINITY } else { on.flow.frequencies.best_guess(at) };
                    let new = Node { block: at, parent: NONE, below: 0.0, least, is_read: false, is_stored: false };
                    self.nodes.push(new);
                }
                match self.nodes.get_mut(below as usize) {
                    Some(below) => below.parent = node,
                    None => self.nodes[node as usize].is_read = true,
                }
                if known != NONE || at == def {
                    let mut least = self.nodes[node as usize].least;
                    for node in self.nodes[start..].iter_mut().rev() {
                        least = least.min(node.least);
                        node.least = least;
                    }
                    if least >= limit {
                        return false;
                    }
                    break;
                }
                below = node;
                at = on.flow.dominators.idom(at);
            }
        }
        self.paths.push(self.nodes.len() as u32);
        true
    }

    /// Chooses blocks of the tree, if they cost less than `limit`.
    fn choose(&mut self, on: &Input<'_>, forward: &Forward, value: Value, limit: f32) -> bool {
        let Self { nodes, paths, chosen, .. } = self;
        let upwards = paths.windows(2).rev().flat_map(|path| path[0]..path[1]);
        for index in upwards {
            let index = index as usize;
            let Node { block, parent, below, is_read, .. } = nodes[index];
            if parent == NONE {
                // The definition's block.
                if below >= limit {
                    return false;
                }
                self.cost = below;
                continue;
            }
            let can_be_stored =
                || forward.at_entry(block).iter().any(|x| x.value == value && !on.machine.is_stack(x.reg));
            let below = if is_read { f32::INFINITY } else { below };
            let here = on.flow.frequencies.best_guess(block);
            let is_stored = here <= below && can_be_stored();
            nodes[index].is_stored = is_stored;
            nodes[parent as usize].below += if is_stored { here } else { below };
        }
        let downwards = paths.windows(2).flat_map(|path| (path[0]..path[1]).rev());
        for index in downwards {
            let Node { block, parent, is_stored, .. } = nodes[index as usize];
            let above = nodes.get(parent as usize).is_some_and(|parent| parent.is_stored);
            if is_stored && !above {
                chosen.push(block);
            }
            nodes[index as usize].is_stored |= above;
        }
        chosen.sort_unstable_by_key(|&block| on.flow.start(block));
        true
    }
}
