//! Dominators: which blocks every path from the entry to a block goes through.
//!
//! The nearest such block is the *immediate dominator*; these form a tree. The algorithm is semi-NCA (L. Georgiadis,
//! *Linear-Time Algorithms for Dominators and Related Problems*, Princeton 2005): the *semidominators* of Lengauer and
//! Tarjan (1979), found over the blocks in reverse preorder with path compression, and then, from the root down, the
//! immediate dominator of a block as the nearest ancestor of its search parent, in the dominator tree as built so far,
//! that is no later in preorder than the semidominator. As published, that last climb goes parent by parent and is
//! quadratic on malicious graphs. The tree that is being built has jump pointers (see [`super::ancestry`]), for queries
//! to come; the climb uses them too, so that the whole is O(edges · log blocks), and nearly linear on real programs.
//!
//! Most graphs need none of that. Where loops are entered at their headers alone, and no block is unreachable, a walk in reverse
//! postorder has seen all predecessors of a block but the sources of back edges, which the block dominates itself; so its immediate dominator
//! is the nearest common ancestor of those, at once. The climb with jump pointers bounds that to the same O(edges · log blocks), and
//! a block with one predecessor costs next to nothing.
//!
//! Nodes are numbered by preorder, or by reverse postorder, plus one. Node 0 is the invisible block above the entry and above the roots of
//! unreachable code, which makes the forest a tree; nothing outside this file sees it.

use super::ancestry::Ancestry;
use super::graph::Graph;
use super::loops::Loops;
use crate::ir::Block;
use crate::ir::entity::TypedVec;
use alloc::vec::Vec;

/// A block in the dominator tree: its number, and the places of its subtree in a preorder of that tree.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    node: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// The dominator tree of a graph; unreachable code has trees of its own.
#[derive(Debug, Default)]
pub(crate) struct Dominators {
    tree: Ancestry,
    places: TypedVec<Block, Place>,
    /// The block of each node.
    blocks: Vec<Block>,
    /// During the search for semidominators: the compressed path upwards, and the smallest semidominator on it.
    paths: Vec<Path>,
    /// The nodes of a path that is being compressed.
    climb: Vec<u32>,
    /// The subtree's size of each node, then where the next child's numbers begin.
    next: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Path {
    up: u32,
    semi: u32,
    /// The node's own semidominator, which compression does not touch.
    own: u32,
}

impl Dominators {
    /// Computes the dominator tree of a graph whose loops are known.
    pub(crate) fn run_with_loops(&mut self, graph: &Graph, loops: &Loops) {
        let all_reachable = graph.rpo().last().is_some_and(|&last| graph.is_reachable(last));
        if loops.any_irreducible() || !all_reachable {
            return self.run(graph);
        }
        self.blocks.clear();
        self.blocks.push(Block::invalid());
        self.blocks.extend_from_slice(graph.rpo());
        self.places.reset(graph.num_blocks(), Place::default());
        self.tree.start();
        for (index, &block) in graph.rpo().iter().enumerate() {
            let mut idom = Ancestry::ROOT;
            if index > 0 {
                // (Blocks that have not been seen are node 0 still.)
                let mut seen = graph.preds(block).map(|pred| self.places[pred].node).filter(|&node| node != 0);
                idom = seen.next().unwrap_or(Ancestry::ROOT);
                for node in seen {
                    idom = self.tree.nearest_common(idom, node);
                }
            }
            self.tree.push(idom);
            self.places[block].node = index as u32 + 1;
        }
        self.number(graph.num_blocks());
        debug_assert!(self.verify(graph));
    }

    /// Computes the dominator tree of `graph`.
    pub(crate) fn run(&mut self, graph: &Graph) {
        let num_blocks = graph.num_blocks();
        self.blocks.clear();
        self.blocks.push(Block::invalid());
        self.blocks.extend_from_slice(graph.preorder());
        self.semidominators(graph);
        self.tree.start();
        for node in 1..=num_blocks {
            let parent = graph.search_parent(self.blocks[node]);
            let parent = if parent.is_valid() { graph.preorder_number(parent) + 1 } else { Ancestry::ROOT };
            self.tree.push(self.tree.at_most(parent, self.paths[node].own));
        }
        self.number(num_blocks);
        debug_assert!(self.verify(graph));
    }

    /// Finds each node's semidominator: the earliest node from which a path leads to it whose inner nodes are all later.
    fn semidominators(&mut self, graph: &Graph) {
        let num_blocks = graph.num_blocks();
        self.paths.clear();
        self.paths.push(Path { up: 0, semi: 0, own: 0 });
        for (index, &block) in graph.preorder().iter().enumerate() {
            let parent = graph.search_parent(block);
            let up = if parent.is_valid() { graph.preorder_number(parent) + 1 } else { Ancestry::ROOT };
            let node = index as u32 + 1;
            self.paths.push(Path { up, semi: node, own: node });
        }
        for node in (1..=num_blocks as u32).rev() {
            let mut semi = self.paths[node as usize].up;
            for pred in graph.preds(self.blocks[node as usize]) {
                semi = semi.min(self.smallest(graph.preorder_number(pred) + 1, node));
            }
            self.paths[node as usize].semi = semi;
            self.paths[node as usize].own = semi;
        }
    }

    /// The smallest semidominator from `node` up to where nodes up to `linked` begin; `node` itself if that is at once.
    #[inline]
    fn smallest(&mut self, node: u32, linked: u32) -> u32 {
        if node <= linked {
            return node;
        }
        let mut top = node;
        while self.paths[top as usize].up > linked {
            self.climb.push(top);
            top = self.paths[top as usize].up;
        }
        let Path { up, mut semi, .. } = self.paths[top as usize];
        while let Some(below) = self.climb.pop() {
            let path = &mut self.paths[below as usize];
            semi = semi.min(path.semi);
            path.semi = semi;
            path.up = up;
        }
        semi
    }

    /// Numbers the tree in a preorder of its own, so that a subtree is an interval. No stack is needed: children have
    /// larger numbers than their parents, so sizes add up from the last node on, and intervals are dealt out from the
    /// first.
    fn number(&mut self, num_blocks: usize) {
        self.next.clear();
        self.next.resize(num_blocks + 1, 1);
        for node in (1..=num_blocks).rev() {
            self.next[self.tree.parent(node as u32) as usize] += self.next[node];
        }
        self.next[0] = 0;
        self.places.reset(num_blocks, Place::default());
        for node in 1..=num_blocks {
            let parent = self.tree.parent(node as u32) as usize;
            let start = self.next[parent];
            let end = start + self.next[node];
            self.next[parent] = end;
            self.next[node] = start + 1;
            self.places[self.blocks[node]] = Place { node: node as u32, start, end };
        }
    }

    /// The immediate dominator; invalid for the entry and for roots among unreachable blocks.
    #[inline]
    pub(crate) fn idom(&self, block: Block) -> Block {
        self.blocks[self.tree.parent(self.places[block].node) as usize]
    }

    /// How many blocks dominate this one, without itself.
    #[cfg(test)]
    pub(crate) fn depth(&self, block: Block) -> u32 {
        self.tree.depth(self.places[block].node) - 1
    }

    /// Does `above` dominate `below`? A block dominates itself.
    #[inline]
    pub(crate) fn dominates(&self, above: Block, below: Block) -> bool {
        let (above, below) = (self.places[above], self.places[below]);
        above.start <= below.start && below.start < above.end
    }

    /// The nearest block that dominates both; invalid if they are in different trees. Logarithmic.
    #[inline]
    pub(crate) fn nearest_common(&self, a: Block, b: Block) -> Block {
        if self.dominates(a, b) {
            return a;
        }
        self.blocks[self.tree.nearest_common(self.places[a].node, self.places[b].node) as usize]
    }

    /// The block's place in a preorder of the tree, and where its subtree's places end.
    #[inline]
    pub(crate) fn places(&self, block: Block) -> Place {
        self.places[block]
    }

    /// The highest dominator of `block` that does not dominate `other`, which must not dominate `block`. Logarithmic.
    pub(crate) fn highest_apart(&self, block: Block, other: Block) -> Block {
        let (node, other) = (self.places[block].node, self.places[other].node);
        let common = self.tree.nearest_common(node, other);
        self.blocks[self.tree.at_depth(node, self.tree.depth(common) + 1) as usize]
    }

    /// The highest dominator of `block`. Logarithmic.
    pub(crate) fn root_of(&self, block: Block) -> Block {
        self.blocks[self.tree.at_depth(self.places[block].node, 1) as usize]
    }

    /// Does the immediate dominator of every block dominate all its predecessors?
    fn verify(&self, graph: &Graph) -> bool {
        graph.rpo().iter().all(|&block| {
            let idom = self.idom(block);
            idom.is_invalid() || graph.preds(block).all(|pred| self.dominates(idom, pred))
        })
    }
}
