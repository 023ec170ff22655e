//! The flow graph itself: edges with numbers, predecessors, and one depth-first search.
//!
//! A client shows its graph through [`Function`]; asking it again and again would cost a call into foreign code each
//! time, so the first pass copies the shape: every edge gets a number, the edges out of a block are consecutive, and the
//! edges into a block are listed. Predecessors are derived from successors, never asked for, so that the two cannot
//! contradict each other.
//!
//! The same pass searches the graph depth first, because everything after it wants one of the search's three products:
//!
//! - the *preorder* (when a block is first met) and each block's parent in the search tree, for dominators and loops;
//! - the *reverse postorder* (the blocks by the time when they are left, last first), in which every edge goes forward
//!   except those back to an ancestor in the search tree;
//! - which blocks can be *reached* from the entry.
//!
//! Blocks that cannot be reached are legal input. They are searched after the others, from roots of their own, as if an
//! invisible block led to the entry and to each of those roots. They stay out of the way of code that can run: an edge
//! from an unreachable block to a reachable one is missing from the target's predecessors.
//!
//! What two numberings say about ancestors: `a` is an ancestor of `b` or `b` itself in the search tree exactly if `a` is
//! not after `b` in preorder and not after `b` in reverse postorder. No interval needs to be kept for that.
//!
//! Cost: linear in blocks and edges. Only [`Graph::run`] calls into the client, twice a block.

mod search;

use crate::error::{Error, range};
use crate::ir::entity::{EntityIndex, TypedVec, entity};
use crate::ir::{Block, Function, Inst};
use crate::limits;
use alloc::vec::Vec;

entity! {
    /// An edge. The edges out of one block are consecutive, in the client's order; blocks are in the order of their
    /// indices.
    pub(crate) struct Edge, "edge"
}

/// Where an edge comes from and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EdgeData {
    pub(crate) from: Block,
    pub(crate) to: Block,
}

/// What is known of a block, together because it is read together. The lists end where those of the next block begin;
/// one more entry, behind the last block's, holds the last ends.
#[derive(Clone, Copy, Debug)]
struct Node {
    first: Inst,
    end: Inst,
    succ_start: u32,
    pred_start: u32,
    preorder: u32,
    rpo: u32,
    parent: Block,
    /// How many edges lead back here.
    back_edges: u32,
}

const NEW: Node = Node {
    first: Inst::invalid(),
    end: Inst::invalid(),
    succ_start: 0,
    pred_start: 0,
    preorder: u32::MAX,
    rpo: u32::MAX,
    parent: Block::invalid(),
    back_edges: 0,
};

/// The flow graph of a function: edges, predecessors, depth-first numberings.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: TypedVec<Block, Node>,
    edges: TypedVec<Edge, EdgeData>,
    preds: Vec<Edge>,
    preorder: Vec<Block>,
    rpo: Vec<Block>,
    num_reachable: u32,
    has_back_edges: bool,
    /// The path from a root to the parent of the block that the search is at, each with the next edge to follow.
    path: Vec<(Block, u32)>,
}

impl Graph {
    /// Reads the shape of `func` and searches it.
    ///
    /// # Errors
    ///
    /// If the entry or a successor does not exist, a block is empty or reaches beyond the instructions, an edge is
    /// critical, or there are too many blocks or edges to number.
    pub(crate) fn run(&mut self, func: &impl Function) -> Result<(), Error> {
        let entry = self.read(func)?;
        self.check_critical_edges(entry)?;
        self.analyse(entry);
        Ok(())
    }

    /// Copies blocks and edges, and leaves in `pred_start` how many edges go to the block. Returns the entry.
    fn read(&mut self, func: &impl Function) -> Result<Block, Error> {
        let (num_blocks, num_insts) = (func.num_blocks(), func.num_insts());
        limits::check(func)?;
        // Each block has an instruction.
        if num_blocks > num_insts {
            return Err(Error::BadBlockRange { block: Block::new(num_insts), why: range::FEW });
        }
        let limit = u32::MAX as usize - 1;
        let entry = func.entry_block();
        if entry.index() >= num_blocks {
            return Err(Error::NoSuchBlock { from: entry, to: entry });
        }
        self.start(num_blocks);
        for index in 0..num_blocks {
            let from = Block::new(index);
            let insts = func.block_insns(from);
            if insts.first() >= insts.end() {
                return Err(Error::BadBlockRange { block: from, why: range::EMPTY });
            }
            if insts.end().index() > num_insts {
                return Err(Error::BadBlockRange { block: from, why: range::BEYOND });
            }
            let succs = func.block_succs(from);
            if succs.len() > limit - self.edges.len() {
                return Err(Error::TooLarge { what: "edges", limit });
            }
            let node = &mut self.nodes[from];
            (node.first, node.end) = (insts.first(), insts.end());
            node.succ_start = self.edges.len() as u32;
            for &to in succs {
                if to.index() >= num_blocks {
                    return Err(Error::NoSuchBlock { from, to });
                }
                self.edges.push(EdgeData { from, to });
                self.nodes[to].pred_start += 1;
            }
        }
        self.nodes[Block::new(num_blocks)].succ_start = self.edges.len() as u32;
        Ok(entry)
    }

    fn start(&mut self, num_blocks: usize) {
        self.nodes.reset(num_blocks + 1, NEW);
        self.edges.clear();
    }

    /// Moves on an edge stand at the end of its source or at the start of its target, so one of the two must have no
    /// other edge on that side. The entry is also entered from outside.
    fn check_critical_edges(&self, entry: Block) -> Result<(), Error> {
        let nodes = self.nodes.as_slice();
        for (node, next) in nodes.iter().zip(&nodes[1..]) {
            if next.succ_start - node.succ_start < 2 {
                continue;
            }
            for &EdgeData { from, to } in &self.edges.as_slice()[node.succ_start as usize..next.succ_start as usize] {
                let preds = nodes[to.index()].pred_start + u32::from(to == entry);
                if preds > 1 {
                    return Err(Error::CriticalEdge { from, to });
                }
            }
        }
        Ok(())
    }

    /// Is an edge between these blocks listed among the predecessors?
    #[inline]
    fn counts(&self, from: Block, to: Block) -> bool {
        self.is_reachable(from) || !self.is_reachable(to)
    }

    /// The number of blocks.
    #[inline]
    pub(crate) fn num_blocks(&self) -> usize {
        self.nodes.len() - 1
    }

    /// The number of edges.
    #[cfg(test)]
    pub(crate) fn num_edges(&self) -> usize {
        self.edges.len()
    }

    /// The block where the function starts.
    #[inline]
    pub(crate) fn entry(&self) -> Block {
        self.rpo[0]
    }

    /// Both ends of an edge.
    #[inline]
    pub(crate) fn edge(&self, edge: Edge) -> EdgeData {
        self.edges[edge]
    }

    /// The edges out of a block, in the client's order.
    #[inline]
    pub(crate) fn succ_edges(
        &self,
        block: Block,
    ) -> impl DoubleEndedIterator<Item = Edge> + ExactSizeIterator + Clone + use<> {
        let start = self.nodes[block].succ_start as usize;
        (start..self.nodes[block.next()].succ_start as usize).map(Edge::from_index)
    }

    /// The edges into a block, in the order of their numbers; into a reachable block only those from reachable ones.
    #[inline]
    pub(crate) fn pred_edges(&self, block: Block) -> &[Edge] {
        &self.preds[self.nodes[block].pred_start as usize..self.nodes[block.next()].pred_start as usize]
    }

    /// The blocks at the other end of [`Graph::succ_edges`].
    #[inline]
    pub(crate) fn succs(&self, block: Block) -> impl DoubleEndedIterator<Item = Block> + ExactSizeIterator + Clone {
        self.succ_edges(block).map(|edge| self.edges[edge].to)
    }

    /// The blocks at the other end of [`Graph::pred_edges`].
    #[inline]
    pub(crate) fn preds(&self, block: Block) -> impl DoubleEndedIterator<Item = Block> + ExactSizeIterator + Clone {
        self.pred_edges(block).iter().map(|&edge| self.edges[edge].from)
    }

    /// How many edges leave the block.
    #[inline]
    pub(crate) fn succ_count(&self, block: Block) -> usize {
        (self.nodes[block.next()].succ_start - self.nodes[block].succ_start) as usize
    }

    /// Can control enter the block from several places? Coming from the caller counts as one.
    #[inline]
    pub(crate) fn is_join(&self, block: Block) -> bool {
        self.pred_edges(block).len() + usize::from(block == self.entry()) > 1
    }

    /// All edges.
    pub(crate) fn edges(&self) -> impl DoubleEndedIterator<Item = Edge> + ExactSizeIterator + use<> {
        self.edges.keys()
    }

    /// All blocks, by number.
    pub(crate) fn blocks(&self) -> impl DoubleEndedIterator<Item = Block> + ExactSizeIterator + Clone + use<> {
        (0..self.num_blocks()).map(Block::new)
    }

    /// The block's first instruction.
    #[inline]
    pub(crate) fn first(&self, block: Block) -> Inst {
        self.nodes[block].first
    }

    /// The instruction just past the block's last.
    #[inline]
    pub(crate) fn end(&self, block: Block) -> Inst {
        self.nodes[block].end
    }

    /// Can the block be reached from the entry?
    #[inline]
    pub(crate) fn is_reachable(&self, block: Block) -> bool {
        self.nodes[block].preorder < self.num_reachable
    }

    /// How many blocks can be reached from the entry; they come first in preorder and in reverse postorder.
    #[inline]
    pub(crate) fn num_reachable(&self) -> usize {
        self.num_reachable as usize
    }

    /// Every block in reverse postorder: the entry first, unreachable blocks last.
    #[inline]
    pub(crate) fn rpo(&self) -> &[Block] {
        &self.rpo
    }

    /// The block's place in reverse postorder.
    #[inline]
    pub(crate) fn rpo_number(&self, block: Block) -> u32 {
        self.nodes[block].rpo
    }

    /// Every block in the order in which the search met it: the entry first, unreachable blocks last.
    #[inline]
    pub(crate) fn preorder(&self) -> &[Block] {
        &self.preorder
    }

    /// The block's place in preorder.
    #[inline]
    pub(crate) fn preorder_number(&self, block: Block) -> u32 {
        self.nodes[block].preorder
    }

    /// The block from which the search came to this one; invalid for a root.
    #[inline]
    pub(crate) fn search_parent(&self, block: Block) -> Block {
        self.nodes[block].parent
    }

    /// Is `above` an ancestor of `below` in the search tree, or the same block?
    #[inline]
    pub(crate) fn is_search_ancestor(&self, above: Block, below: Block) -> bool {
        let (a, b) = (&self.nodes[above], &self.nodes[below]);
        a.preorder <= b.preorder && a.rpo <= b.rpo
    }

    /// Does an edge go against reverse postorder? Such an edge leads to the header of a loop that its source is in,
    /// unless it leads from an unreachable block to a reachable one.
    #[inline]
    pub(crate) fn is_back_edge(&self, edge: Edge) -> bool {
        let EdgeData { from, to } = self.edges[edge];
        self.nodes[from].rpo >= self.nodes[to].rpo
    }

    /// Is there an edge against reverse postorder?
    #[inline]
    pub(crate) fn has_back_edges(&self) -> bool {
        self.has_back_edges
    }

    /// How many edges lead to `block` against reverse postorder.
    #[inline]
    pub(crate) fn num_back_edges(&self, block: Block) -> u32 {
        self.nodes[block].back_edges
    }

    /// How many edges lead to each block with reverse postorder.
    pub(crate) fn forward_pred_counts(&self) -> impl Iterator<Item = u32> {
        let nodes = self.nodes.as_slice();
        nodes.iter().zip(&nodes[1..]).map(|(node, next)| next.pred_start - node.pred_start - node.back_edges)
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl Graph {
    /// A graph of one-instruction blocks with these successors, critical edges allowed.
    pub(crate) fn from_succs(entry: usize, succs: &[Vec<usize>]) -> Self {
        let mut graph = Self::default();
        graph.refill(entry, succs);
        graph
    }

    /// Makes this the graph of one-instruction blocks with these successors.
    pub(crate) fn refill(&mut self, entry: usize, succs: &[Vec<usize>]) {
        self.start(succs.len());
        for (index, succs) in succs.iter().enumerate() {
            let from = Block::new(index);
            let node = &mut self.nodes[from];
            (node.first, node.end) = (Inst::new(index), Inst::new(index + 1));
            node.succ_start = self.edges.len() as u32;
            for &to in succs {
                self.edges.push(EdgeData { from, to: Block::new(to) });
                self.nodes[Block::new(to)].pred_start += 1;
            }
        }
        self.nodes[Block::new(succs.len())].succ_start = self.edges.len() as u32;
        self.analyse(Block::new(entry));
    }
}
