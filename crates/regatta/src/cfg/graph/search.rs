//! The depth-first search, and the lists of predecessors, which depend on it: what cannot be reached leaves no trace in
//! those of what can.

use super::{Edge, EdgeData, Graph, Node};
use crate::ir::Block;

impl Graph {
    /// Searches the graph, then lists the predecessors. On entry, `pred_start` holds the numbers of all edges in.
    pub(super) fn analyse(&mut self, entry: Block) {
        let num_blocks = self.num_blocks();
        self.preorder.clear();
        self.rpo.clear();
        self.search(entry);
        self.rpo.reverse();
        let reachable = self.rpo.len();
        self.num_reachable = reachable as u32;
        if reachable < num_blocks {
            // Roots without predecessors first: the code below a root is in one tree then, as its author meant it.
            for any in [false, true] {
                for block in (0..num_blocks).map(Block::new) {
                    if self.nodes[block].preorder == u32::MAX && (any || self.nodes[block].pred_start == 0) {
                        self.search(block);
                    }
                }
            }
            // A later root's tree may lead into an earlier one, never the other way.
            self.rpo[reachable..].reverse();
        }
        for (number, &block) in self.rpo.iter().enumerate() {
            self.nodes[block].rpo = number as u32;
        }
        self.list_preds();
        debug_assert!(self.verify());
    }

    /// Searches what can be reached from `root` and has not been met; appends to the preorder and to the postorder.
    fn search(&mut self, root: Block) {
        let Self { edges, preorder, rpo, path, .. } = self;
        let (nodes, edges) = (self.nodes.as_mut_slice(), edges.as_slice());
        // The search is at `block`, whose edges from `next` to `end` are still to be followed; the path to it is that of its parents.
        let mut enter = |nodes: &mut [Node], block: Block, parent: Block| {
            let node = &mut nodes[block.index()];
            (node.preorder, node.parent) = (preorder.len() as u32, parent);
            preorder.push(block);
            (node.succ_start, nodes[block.index() + 1].succ_start)
        };
        let mut block = root;
        let (mut next, mut end) = enter(nodes, root, Block::invalid());
        loop {
            if next == end {
                rpo.push(block);
                let Some(parent) = path.pop() else { break };
                (block, next) = parent;
                end = nodes[block.index() + 1].succ_start;
                continue;
            }
            let to = edges[next as usize].to;
            next += 1;
            if nodes[to.index()].preorder == u32::MAX {
                path.push((block, next));
                (next, end) = enter(nodes, to, block);
                block = to;
            }
        }
    }

    /// Sorts the edges by target, leaving out those from unreachable to reachable blocks.
    fn list_preds(&mut self) {
        let num_blocks = self.num_blocks();
        if self.num_reachable() < num_blocks {
            for (_, &EdgeData { from, to }) in self.edges.iter() {
                self.nodes[to].pred_start -= u32::from(!self.counts(from, to));
            }
        }
        // From counts to ends; filling in from the last edge on turns the ends into starts.
        let mut end = 0;
        for node in self.nodes.as_mut_slice() {
            end += node.pred_start;
            node.pred_start = end;
        }
        self.preds.clear();
        self.preds.resize(end as usize, Edge::invalid());
        self.has_back_edges = false;
        for (edge, &EdgeData { from, to }) in self.edges.iter().rev() {
            if self.counts(from, to) {
                let number = self.nodes[from].rpo;
                let node = &mut self.nodes[to];
                node.pred_start -= 1;
                self.preds[node.pred_start as usize] = edge;
                if number >= node.rpo {
                    node.back_edges += 1;
                    self.has_back_edges = true;
                }
            }
        }
    }

    /// Are the lists complete, and do only edges to ancestors go backwards?
    fn verify(&self) -> bool {
        let listed: usize = self.nodes.keys().rev().skip(1).map(|b| self.pred_edges(b).len()).sum();
        let expected = self.edges.iter().filter(|(_, e)| self.counts(e.from, e.to)).count();
        let edges_fit = self.edges.iter().all(|(edge, e)| {
            !self.counts(e.from, e.to) || self.is_back_edge(edge) == self.is_search_ancestor(e.to, e.from)
        });
        let back_fits = self.nodes.keys().rev().skip(1).all(|block| {
            let back = self.pred_edges(block).iter().filter(|&&edge| self.is_back_edge(edge));
            back.count() == self.num_back_edges(block) as usize
        });
        let numbered = self.rpo.len() == self.num_blocks() && self.preorder.len() == self.num_blocks();
        listed == expected && edges_fit && back_fits && numbered
    }
}
