//! The order in which the passes go through the blocks.
//!
//! A pass that goes forward wants to have seen a block's predecessors, and wants each loop in one piece: what it decides
//! at the header must hold when it comes to the edges back. Reverse postorder gives the first and not the second; it
//! may put what follows a loop between the loop's blocks. This order gives both:
//!
//! - every loop's blocks are consecutive, its header first, the blocks of the loops within it among them;
//! - an edge goes backwards exactly if it goes against reverse postorder, and so leads to the header of a loop that its
//!   source is in;
//! - every block that can be reached, but the entry, has a predecessor before it;
//! - unreachable blocks come last. (An edge from those to reachable blocks goes backwards and leads anywhere.)
//!
//! It is Kahn's topological sort over the edges that go with reverse postorder. Blocks that are ready wait on a stack,
//! one stack a loop: a block waits on that of the innermost loop that it is in, a header on that of the loop around its
//! own. Placing a header opens its loop; blocks are taken from the open loop's stack until that is empty, and then the
//! loop is complete. A block's successors are pushed last first, so that the first continues the layout: what comes out
//! resembles the order in which the client wrote the blocks.
//!
//! For a reducible graph that is all. An irreducible loop must not be opened before the sources of *all* edges into it
//! have been placed, including those that enter past the header. So an edge holds back the header of the outermost loop
//! that it enters, rather than its target. That this never locks up: give each of the blocks and loops that are next to
//! each other in one loop the place of its header in reverse postorder. Let an edge with reverse postorder lead from a
//! loop `A` to a loop `B` next to it, and consider the parts of the search tree below their headers. Both are intervals
//! of reverse postorder. If the parts are disjoint, `A`'s lies before `B`'s. If `B`'s is within `A`'s, then `A`'s header
//! is first. If `A`'s is within `B`'s, then the edge's source is below `B`'s header and leads into `B`, so it belongs to
//! `B`, a contradiction. So each such edge goes forward by the headers' places, and there is no cycle.
//!
//! Cost: linear in blocks and edges; with irreducible loops, O(log loops) more an edge.

use super::graph::{EdgeData, Graph};
use super::loops::{Loop, Loops};
use crate::ir::Block;
use crate::ir::entity::TypedVec;
use alloc::vec::Vec;

/// A block that has not been placed.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// How many edges hold it back.
    held: u32,
    /// The block below it on its stack.
    next: Block,
}

impl Pending {
    /// Puts `block`, which this is and which nothing holds back, on its stack.
    #[inline]
    fn put_on(&mut self, spans: &mut TypedVec<Loop, Span>, loops: &Loops, block: Block) {
        let mut of = loops.block_loop(block);
        if loops.header(of) == block {
            of = loops.parent(of);
        }
        self.next = core::mem::replace(&mut spans[of].ready, block);
    }
}

/// A loop: the stack of its blocks that are ready, and where it begins and ends.
#[derive(Clone, Copy, Debug)]
struct Span {
    ready: Block,
    first: u32,
    last: u32,
}

/// The blocks in topological order with loops in one piece.
#[derive(Debug, Default)]
pub(crate) struct Order {
    order: Vec<Block>,
    position: TypedVec<Block, u32>,
    spans: TypedVec<Loop, Span>,
    pending: TypedVec<Block, Pending>,
}

impl Order {
    /// Puts the blocks in order.
    pub(crate) fn run(&mut self, graph: &Graph, loops: &Loops) {
        let num_blocks = graph.num_blocks();
        self.order.clear();
        self.position.set_len(num_blocks, u32::MAX);
        self.pending.reset(num_blocks, Pending { held: 0, next: Block::invalid() });
        self.spans.reset(loops.num(), Span { ready: Block::invalid(), first: 0, last: 0 });
        if loops.any_irreducible() {
            for &from in graph.rpo() {
                for to in graph.succs(from) {
                    if graph.rpo_number(from) < graph.rpo_number(to) {
                        self.pending[loops.entered_at(from, to)].held += 1;
                    }
                }
            }
        } else {
            for (pending, preds) in self.pending.as_mut_slice().iter_mut().zip(graph.forward_pred_counts()) {
                pending.held = preds;
            }
        }
        self.push(loops, graph.entry());
        self.place_ready(graph, loops);
        if self.order.len() < num_blocks {
            for &block in graph.rpo()[graph.num_reachable()..].iter().rev() {
                if graph.search_parent(block).is_invalid() && self.pending[block].held == 0 {
                    self.push(loops, block);
                }
            }
            self.place_ready(graph, loops);
        }
        self.spans[Loop::ROOT].last = num_blocks as u32 - 1;
        debug_assert!(self.verify(graph, loops));
    }

    /// Places the blocks on the stacks, and those that become ready by that, until there are none.
    fn place_ready(&mut self, graph: &Graph, loops: &Loops) {
        let is_reducible = !loops.any_irreducible();
        let Self { order, position, spans, pending } = self;
        let (position, pending) = (position.as_mut_slice(), pending.as_mut_slice());
        let mut open = Loop::ROOT;
        loop {
            let block = spans[open].ready;
            if block.is_invalid() {
                if open == Loop::ROOT {
                    return;
                }
                spans[open].last = order.len() as u32 - 1;
                open = loops.parent(open);
                continue;
            }
            spans[open].ready = pending[block.index()].next;
            let at = order.len() as u32;
            position[block.index()] = at;
            order.push(block);
            let inner = loops.block_loop(block);
            if inner != open {
                spans[inner].first = at;
                open = inner;
            }
            let number = graph.rpo_number(block);
            for to in graph.succs(block).rev() {
                if number < graph.rpo_number(to) {
                    let held = if is_reducible { to } else { loops.entered_at(block, to) };
                    let waiting = &mut pending[held.index()];
                    waiting.held -= 1;
                    if waiting.held == 0 {
                        waiting.put_on(spans, loops, held);
                    }
                }
            }
        }
    }

    /// Puts a block that nothing holds back on its stack.
    fn push(&mut self, loops: &Loops, block: Block) {
        self.pending[block].put_on(&mut self.spans, loops, block);
    }

    /// Every block.
    #[inline]
    pub(crate) fn order(&self) -> &[Block] {
        &self.order
    }

    /// The block's index in the order.
    #[inline]
    pub(crate) fn position(&self, block: Block) -> u32 {
        self.position[block]
    }

    /// The position of the loop's header; 0 for loop 0.
    #[cfg(test)]
    pub(crate) fn loop_start(&self, of: Loop) -> u32 {
        self.spans[of].first
    }

    /// The position of the last block in the loop.
    #[inline]
    pub(crate) fn loop_end(&self, of: Loop) -> u32 {
        self.spans[of].last
    }

    /// Is the block in the loop or a loop within it?
    #[inline]
    pub(crate) fn contains(&self, of: Loop, block: Block) -> bool {
        let position = self.position[block];
        self.spans[of].first <= position && position <= self.spans[of].last
    }

    /// The positions of the loop's blocks, which are consecutive.
    #[inline]
    pub(crate) fn positions(&self, of: Loop) -> core::ops::RangeInclusive<u32> {
        self.spans[of].first..=self.spans[of].last
    }

    /// Does an edge between these blocks lead to a block no later than its source?
    #[inline]
    pub(crate) fn is_back_edge(&self, edge: EdgeData) -> bool {
        self.position[edge.from] >= self.position[edge.to]
    }

    /// Is it what the head of this file promises?
    fn verify(&self, graph: &Graph, loops: &Loops) -> bool {
        let placed = self.order.len() == graph.num_blocks()
            && self.order.iter().enumerate().all(|(index, &block)| self.position[block] as usize == index);
        // A loop takes as many places as it has blocks, and they are all there: so they are consecutive.
        let mut sizes: TypedVec<Loop, u32> = TypedVec::new();
        sizes.reset(loops.num(), 0);
        for &block in graph.rpo() {
            sizes[loops.block_loop(block)] += 1;
        }
        let loops_fit = (1..loops.num()).rev().map(Loop::new).all(|of| {
            let (size, parent, Span { first, last, .. }) = (sizes[of], loops.parent(of), self.spans[of]);
            sizes[parent] += size;
            let nested = self.spans[parent].first <= first && last <= self.spans[parent].last;
            nested && first == self.position[loops.header(of)] && last + 1 - first == size
        });
        let blocks_fit = graph.rpo().iter().all(|&block| {
            let edges = graph.pred_edges(block);
            let in_order = edges.iter().all(|&edge| {
                let data = graph.edge(edge);
                let back = self.is_back_edge(data);
                let to_header = || loops.is_header(block).is_some_and(|of| self.contains(of, data.from));
                back == graph.is_back_edge(edge) && (!back || to_header())
            });
            let led_to = || edges.iter().any(|&edge| !self.is_back_edge(graph.edge(edge)));
            let root = block == graph.entry() || !graph.is_reachable(block);
            in_order && (root || led_to()) && self.contains(loops.block_loop(block), block)
        });
        placed && loops_fit && blocks_fit
    }
}
