//! Loops: which blocks can repeat, and how deeply they are nested.
//!
//! The header of a loop is a block `h` that some block below it in the search tree has an edge back to. The loop is `h`
//! and everything below `h` from which `h` can be reached without leaving the part below `h`. So defined, loops are
//! nested or disjoint, and every edge against reverse postorder leads to a header of a loop that its source is in. In a
//! reducible graph these are the natural loops. An *irreducible* loop, one with several entries, gets the entry that the
//! search met first as its header.
//!
//! The algorithm is Havlak's (P. Havlak, *Nesting of reducible and irreducible loops*, TOPLAS 1997): headers are
//! processed in reverse preorder, inner before outer; from the sources of the edges back to the header, it goes
//! backwards through predecessors and merges what it meets into the header with union-find, so that a finished loop is
//! one node for those around it. An edge that enters a loop past its header comes from a block that is not below the
//! header. Havlak hands such an edge from header to header outwards, which is quadratic in deep irreducible nests. Here
//! it waits at the nearest common ancestor of its ends in the search tree instead, the first block under which both
//! ends are (G. Ramalingam, *Identifying loops in almost linear time*, TOPLAS 1999); only a loop with its header there
//! or above can use it. Reducible graphs have no such edges and pay nothing.
//!
//! Cost: nearly linear (union-find with path halving); each edge that enters an irreducible loop past its header costs
//! O(log blocks) more.
//!
//! Loops are numbered in the order in which the search met their headers, so parents have smaller numbers than children.
//! Loop 0 is the whole function: it is no loop, has no header, and contains everything.

use super::ancestry::Ancestry;
use super::graph::{Edge, EdgeData, Graph};
use crate::ir::Block;
use crate::ir::entity::{TypedVec, entity};
use alloc::vec::Vec;

entity! {
    /// A loop; number 0 stands for the whole function. Parents have smaller numbers than their children.
    pub(crate) struct Loop, "loop"
}

impl Loop {
    /// The whole function.
    pub(crate) const ROOT: Self = Self(Ancestry::ROOT);
}

#[derive(Clone, Copy, Debug)]
struct LoopData {
    header: Block,
    parent: Loop,
    /// How many more edges enter here, or into some loop within, than into parents, past the header.
    side_entries: u32,
}

/// An edge that enters a loop past its header, in one of two linked lists.
#[derive(Clone, Copy, Debug)]
struct SideEntry {
    edge: Edge,
    next: u32,
}

const NONE: u32 = u32::MAX;

/// The loop forest of a graph.
#[derive(Debug, Default)]
pub(crate) struct Loops {
    loops: TypedVec<Loop, LoopData>,
    tree: Ancestry,
    block_loop: TypedVec<Block, Loop>,
    any_irreducible: bool,
    /// Union-find: a block's way to the header of the outermost loop found so far that it is in, or to itself.
    merged: TypedVec<Block, Block>,
    /// The last header whose loop the block was put into.
    seen_by: TypedVec<Block, Block>,
    work: Vec<Block>,
    side_entries: Vec<SideEntry>,
    /// First, edges wait at the block that is the nearest common ancestor of their ends; then they count as edges into
    /// the header of what their target has been merged into. Filled only if there are such edges.
    waiting: TypedVec<Block, u32>,
    extra: TypedVec<Block, u32>,
    search_tree: Ancestry,
}

impl Loops {
    /// Finds the loops of `graph`.
    pub(crate) fn run(&mut self, graph: &Graph) {
        self.find_headers(graph);
        if self.num() > 1 {
            self.find_bodies(graph);
        }
        self.tree.start();
        for index in 1..self.num() {
            self.tree.push(self.loops[Loop::new(index)].parent.0);
        }
        self.any_irreducible = !self.side_entries.is_empty();
        if self.any_irreducible {
            self.mark_irreducible(graph);
        }
        debug_assert!(self.verify(graph));
    }

    /// Makes every target of a back edge the header of a loop.
    fn find_headers(&mut self, graph: &Graph) {
        self.loops.clear();
        self.side_entries.clear();
        self.loops.push(LoopData { header: Block::invalid(), parent: Loop::ROOT, side_entries: 0 });
        self.block_loop.reset(graph.num_blocks(), Loop::ROOT);
        if !graph.has_back_edges() {
            return;
        }
        for &block in graph.preorder() {
            if graph.num_back_edges(block) > 0 {
                let header = self.loops.push(LoopData { header: block, parent: Loop::ROOT, side_entries: 0 });
                self.block_loop[block] = header;
            }
        }
    }

    /// Finds what is in each loop, inner loops first.
    fn find_bodies(&mut self, graph: &Graph) {
        let num_blocks = graph.num_blocks();
        self.merged.clear();
        for index in 0..num_blocks {
            self.merged.push(Block::new(index));
        }
        self.seen_by.reset(num_blocks, Block::invalid());
        for &block in graph.preorder().iter().rev() {
            self.release(graph, block);
            if self.is_header(block).is_some() {
                self.find_body(graph, block);
            }
        }
    }

    fn find_body(&mut self, graph: &Graph, header: Block) {
        let this = self.block_loop[header];
        let number = graph.rpo_number(header);
        self.seen_by[header] = header;
        for pred in graph.preds(header) {
            if graph.rpo_number(pred) >= number {
                self.reach(header, pred);
            }
        }
        while let Some(block) = self.work.pop() {
            // Either a single block, or the header that stands for a loop.
            let inner = self.block_loop[block];
            if inner == Loop::ROOT {
                self.block_loop[block] = this;
            } else {
                self.loops[inner].parent = this;
            }
            self.merged[block] = header;
            for &edge in graph.pred_edges(block) {
                let EdgeData { from, to } = graph.edge(edge);
                if graph.is_search_ancestor(header, from) {
                    // The edges back to an inner header are among these; their sources are merged with it.
                    self.reach(header, from);
                } else {
                    self.wait(graph, edge, from, to);
                }
            }
            if !self.side_entries.is_empty() {
                let mut at = self.extra[block];
                while at != NONE {
                    let SideEntry { edge, next } = self.side_entries[at as usize];
                    self.reach(header, graph.edge(edge).from);
                    at = next;
                }
            }
        }
    }

    /// From `block`, `header` can be reached: what it has been merged into belongs to the loop.
    #[inline]
    fn reach(&mut self, header: Block, block: Block) {
        let whole = self.find(block);
        if self.seen_by[whole] != header {
            self.seen_by[whole] = header;
            self.work.push(whole);
        }
    }

    #[inline]
    fn find(&mut self, mut block: Block) -> Block {
        loop {
            let up = self.merged[block];
            let far = self.merged[up];
            if up == far {
                return up;
            }
            self.merged[block] = far;
            block = far;
        }
    }

    /// Puts an edge that enters a loop past its header aside until the search tree's common ancestor of its ends.
    #[cold]
    fn wait(&mut self, graph: &Graph, edge: Edge, from: Block, to: Block) {
        if self.side_entries.is_empty() {
            self.waiting.reset(graph.num_blocks(), NONE);
            self.extra.reset(graph.num_blocks(), NONE);
            self.search_tree.start();
            for &block in graph.preorder() {
                let parent = graph.search_parent(block);
                let parent = if parent.is_valid() { graph.preorder_number(parent) + 1 } else { Ancestry::ROOT };
                self.search_tree.push(parent);
            }
        }
        let (from, to) = (graph.preorder_number(from) + 1, graph.preorder_number(to) + 1);
        let common = self.search_tree.nearest_common(from, to);
        // Different roots, both unreachable: no loop contains the edge. It is kept for counting side entries.
        let mut next = NONE;
        if common != Ancestry::ROOT {
            let place = &mut self.waiting[graph.preorder()[common as usize - 1]];
            next = core::mem::replace(place, self.side_entries.len() as u32);
        }
        self.side_entries.push(SideEntry { edge, next });
    }

    /// The edges that wait at `block` become edges into what their targets have been merged into.
    #[inline]
    fn release(&mut self, graph: &Graph, block: Block) {
        if self.side_entries.is_empty() {
            return;
        }
        let mut at = self.waiting[block];
        while at != NONE {
            let SideEntry { edge, next } = self.side_entries[at as usize];
            let whole = self.find(graph.edge(edge).to);
            self.side_entries[at as usize].next = core::mem::replace(&mut self.extra[whole], at);
            at = next;
        }
    }

    /// Counts the edges into each loop past its header: one for each loop between an edge's target and the innermost
    /// loop that contains both ends, added up from the inside.
    fn mark_irreducible(&mut self, graph: &Graph) {
        for index in 0..self.side_entries.len() {
            let EdgeData { from, to } = graph.edge(self.side_entries[index].edge);
            let mut inner = self.block_loop[to];
            if self.header(inner) == to {
                inner = self.parent(inner);
            }
            let outer = self.nearest_common(inner, self.block_loop[from]);
            // The outer loop's count may pass below zero until all are added up.
            self.loops[inner].side_entries = self.loops[inner].side_entries.wrapping_add(1);
            self.loops[outer].side_entries = self.loops[outer].side_entries.wrapping_sub(1);
        }
        for index in (1..self.num()).rev() {
            let LoopData { parent, side_entries, .. } = self.loops[Loop::new(index)];
            self.loops[parent].side_entries = self.loops[parent].side_entries.wrapping_add(side_entries);
        }
    }

    /// The number of loops, with loop 0.
    #[inline]
    pub(crate) fn num(&self) -> usize {
        self.loops.len()
    }

    /// The innermost loop that the block is in.
    #[inline]
    pub(crate) fn block_loop(&self, block: Block) -> Loop {
        self.block_loop[block]
    }

    /// The loop's header; invalid for loop 0.
    #[inline]
    pub(crate) fn header(&self, of: Loop) -> Block {
        self.loops[of].header
    }

    /// The loop around this one; loop 0's is loop 0.
    #[inline]
    pub(crate) fn parent(&self, of: Loop) -> Loop {
        self.loops[of].parent
    }

    /// How many loops the loop is, itself and those around it; 0 for loop 0.
    #[inline]
    pub(crate) fn depth(&self, of: Loop) -> u32 {
        self.tree.depth(of.0)
    }

    /// The loop that the block is the header of.
    #[inline]
    pub(crate) fn is_header(&self, block: Block) -> Option<Loop> {
        let own = self.block_loop[block];
        (self.loops[own].header == block).then_some(own)
    }

    /// Has the loop entries besides its header?
    #[inline]
    pub(crate) fn is_irreducible(&self, of: Loop) -> bool {
        self.loops[of].side_entries != 0
    }

    /// Is there an irreducible loop?
    #[inline]
    pub(crate) fn any_irreducible(&self) -> bool {
        self.any_irreducible
    }

    /// The innermost loop that contains both. Logarithmic.
    #[inline]
    pub(crate) fn nearest_common(&self, a: Loop, b: Loop) -> Loop {
        Loop(self.tree.nearest_common(a.0, b.0))
    }

    /// The header of the outermost loop that an edge enters; its target, if it enters none. Logarithmic.
    #[inline]
    pub(crate) fn entered_at(&self, from: Block, to: Block) -> Block {
        let (outside, inside) = (self.block_loop(from), self.block_loop(to));
        if outside == inside {
            return to;
        }
        let common = self.nearest_common(outside, inside);
        if common == inside {
            return to;
        }
        self.header(self.at_depth(inside, self.depth(common) + 1))
    }

    /// The loop at that depth around `of`, or `of` itself if it is no deeper. Logarithmic.
    #[inline]
    pub(crate) fn at_depth(&self, of: Loop, depth: u32) -> Loop {
        Loop(self.tree.at_depth(of.0, depth))
    }

    /// Does every edge back end at a header of a loop that its source is in, and does every edge into a loop from
    /// outside end at its header unless the loop is irreducible?
    fn verify(&self, graph: &Graph) -> bool {
        let inside = |of: Loop, block: Block| self.at_depth(self.block_loop(block), self.depth(of)) == of;
        let edge_fits = |edge: Edge| {
            let EdgeData { from, to } = graph.edge(edge);
            let inner = self.block_loop(to);
            if graph.is_back_edge(edge) {
                return self.header(inner) == to && inside(inner, from);
            }
            // Only the innermost loop past whose header the edge leads; the argument holds for those around it.
            let past = if self.header(inner) == to { self.parent(inner) } else { inner };
            self.is_irreducible(past) || inside(past, from)
        };
        let parents_first = (1..self.num()).all(|index| self.loops[Loop::new(index)].parent < Loop::new(index));
        parents_first && graph.rpo().iter().all(|&b| graph.pred_edges(b).iter().all(|&edge| edge_fits(edge)))
    }
}
