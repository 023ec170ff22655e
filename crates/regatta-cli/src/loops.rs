//! How deep in loops each block is.
//!
//! The cost model weighs a block by its natural-loop depth. This is computed here, apart from the library's own analysis,
//! so that a mistake there cannot hide in the yardstick that it is measured with. A natural loop belongs to a header: a
//! block that dominates the source of an edge into it. It consists of the blocks that reach such an edge without passing
//! the header. Cycles that no one block dominates (irreducible ones) are not loops.
//!
//! Dominators come from the semi-NCA algorithm. The loops are collected from the innermost outwards; a loop that has been
//! collected shrinks to its header, so that a block is walked over once and not once for each loop around it.

use regatta::{Block, Func};

/// "None" among the numbers below.
const NONE: u32 = u32::MAX;

/// A function's natural loops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nest {
    /// The number of loops that contain each block. 0 for blocks that cannot be reached.
    pub(crate) depths: Vec<u32>,
    /// The header of the innermost loop that contains each block, if any does.
    pub(crate) headers: Vec<Option<Block>>,
    /// The number of loops.
    pub(crate) loops: usize,
}

/// Finds the natural loops of a function.
pub(crate) fn nest(func: &Func) -> Nest {
    let tree = DepthFirst::new(func);
    let idoms = tree.immediate_dominators();
    let parents = tree.loops(&idoms);
    let mut depths = vec![0; func.blocks.len()];
    let mut headers = vec![None; func.blocks.len()];
    let mut by_number: Vec<u32> = Vec::with_capacity(tree.order.len());
    for (number, &block) in tree.order.iter().enumerate() {
        // A header dominates its loop and so comes before it.
        let outer = match parents.header_of[number] {
            NONE => 0,
            header => by_number[header as usize],
        };
        by_number.push(outer + u32::from(parents.is_header[number]));
        depths[block.index()] = by_number[number];
        let header = if parents.is_header[number] { number as u32 } else { parents.header_of[number] };
        headers[block.index()] = tree.order.get(header as usize).copied();
    }
    Nest { depths, headers, loops: parents.is_header.iter().filter(|&&header| header).count() }
}

/// The blocks that can be reached, numbered in the order in which a depth-first search meets them.
struct DepthFirst {
    order: Vec<Block>,
    /// The number of each block.
    number: Vec<u32>,
    /// The number of the block from which each numbered block was met; its own for the entry.
    parent: Vec<u32>,
    /// The numbers of each numbered block's predecessors, by the successors: input may name others.
    preds: Vec<Vec<u32>>,
}

/// Loops by number: the header of the innermost loop *around* each block (a header is not around itself).
struct Loops {
    header_of: Vec<u32>,
    is_header: Vec<bool>,
}

impl DepthFirst {
    fn new(func: &Func) -> Self {
        let (order, parent, preds) = (Vec::new(), Vec::new(), Vec::new());
        let mut search = Self { order, number: vec![NONE; func.blocks.len()], parent, preds };
        if func.entry.index() >= func.blocks.len() {
            return search;
        }
        let mut stack = vec![(func.entry, 0u32)];
        while let Some((block, parent)) = stack.pop() {
            if search.number.get(block.index()) != Some(&NONE) {
                continue;
            }
            let number = search.order.len() as u32;
            search.number[block.index()] = number;
            search.order.push(block);
            search.parent.push(parent);
            stack.extend(func.blocks[block.index()].succs.iter().rev().map(|&succ| (succ, number)));
        }
        search.preds.resize(search.order.len(), Vec::new());
        for (number, block) in search.order.iter().enumerate() {
            for succ in &func.blocks[block.index()].succs {
                if let Some(&succ) = search.number.get(succ.index()) {
                    search.preds[succ as usize].push(number as u32);
                }
            }
        }
        search
    }

    /// The number of each block's immediate dominator; the entry's is itself.
    fn immediate_dominators(&self) -> Vec<u32> {
        let count = self.order.len();
        let mut semi: Vec<u32> = (0..count as u32).collect();
        let mut forest = Forest { ancestor: vec![NONE; count], label: (0..count as u32).collect() };
        for v in (1..count as u32).rev() {
            for &pred in &self.preds[v as usize] {
                let low = forest.lowest(pred, v, &semi);
                semi[v as usize] = semi[v as usize].min(semi[low as usize]);
            }
            forest.ancestor[v as usize] = self.parent[v as usize];
        }
        let mut idoms = self.parent.clone();
        for v in 1..count {
            let mut dom = idoms[v];
            while dom > semi[v] {
                dom = idoms[dom as usize];
            }
            idoms[v] = dom;
        }
        idoms
    }

    fn loops(&self, idoms: &[u32]) -> Loops {
        let count = self.order.len();
        let dominates = Dominance::new(idoms);
        let mut loops = Loops { header_of: vec![NONE; count], is_header: vec![false; count] };
        // The header that a collected loop has shrunk to; itself for what is in no collected loop.
        let mut shrunk: Vec<u32> = (0..count as u32).collect();
        let mut todo = Vec::new();
        for header in (0..count as u32).rev() {
            let latches = self.preds[header as usize].iter().copied().filter(|&pred| dominates.test(header, pred));
            todo.extend(latches);
            loops.is_header[header as usize] = !todo.is_empty();
            while let Some(block) = todo.pop() {
                let inner = find(&mut shrunk, block);
                if inner != header {
                    shrunk[inner as usize] = header;
                    loops.header_of[inner as usize] = header;
                    todo.extend_from_slice(&self.preds[inner as usize]);
                }
            }
        }
        loops
    }
}

/// The blocks visited so far, each linked to an ancestor in the depth-first tree, with short cuts.
struct Forest {
    ancestor: Vec<u32>,
    /// The block with the lowest semidominator between the block itself and its ancestor (exclusive).
    label: Vec<u32>,
}

impl Forest {
    /// Of the blocks from `v` up to the visited one nearest to the root, the one with the lowest semidominator. Blocks
    /// from `limit` up are the visited ones, without `limit` itself.
    fn lowest(&mut self, v: u32, limit: u32, semi: &[u32]) -> u32 {
        if v <= limit {
            return v;
        }
        let mut path = vec![v];
        let mut top = v;
        while self.ancestor[top as usize] > limit && self.ancestor[top as usize] != NONE {
            top = self.ancestor[top as usize];
            path.push(top);
        }
        // From the top downwards, each takes over the short cut and the label of the one above it.
        let mut above = path.pop().unwrap_or(v);
        while let Some(next) = path.pop() {
            let (a, n) = (above as usize, next as usize);
            if semi[self.label[a] as usize] < semi[self.label[n] as usize] {
                self.label[n] = self.label[a];
            }
            self.ancestor[n] = self.ancestor[a];
            above = next;
        }
        self.label[v as usize]
    }
}

/// Answers whether one block dominates another, by intervals over the dominator tree.
struct Dominance {
    enter: Vec<u32>,
    leave: Vec<u32>,
}

impl Dominance {
    fn new(idoms: &[u32]) -> Self {
        let count = idoms.len();
        // A dominator has the lower number: sizes add up from the back, and places are given out from the front.
        let mut size = vec![1u32; count];
        for v in (1..count).rev() {
            size[idoms[v] as usize] += size[v];
        }
        let mut enter = vec![0u32; count];
        let mut free: Vec<u32> = vec![1; count];
        for v in 1..count {
            let dom = idoms[v] as usize;
            enter[v] = free[dom];
            free[dom] += size[v];
            free[v] = enter[v] + 1;
        }
        let leave = enter.iter().zip(&size).map(|(enter, size)| enter + size).collect();
        Self { enter, leave }
    }

    fn test(&self, dom: u32, block: u32) -> bool {
        (self.enter[dom as usize]..self.leave[dom as usize]).contains(&self.enter[block as usize])
    }
}

/// The representative of `x`, shortening the way to it for the next time.
fn find(shrunk: &mut [u32], mut x: u32) -> u32 {
    while shrunk[x as usize] != x {
        let up = shrunk[shrunk[x as usize] as usize];
        shrunk[x as usize] = up;
        x = up;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta::FuncBuilder;

    fn graph(edges: &[&[usize]]) -> Func {
        let mut b = FuncBuilder::new();
        let blocks: Vec<Block> = edges.iter().map(|_| b.block(&[])).collect();
        for (from, succs) in edges.iter().enumerate() {
            let targets: Vec<_> = succs.iter().map(|&s| (blocks[s], &[][..])).collect();
            b.branch(blocks[from], &[], &targets);
        }
        b.finish()
    }

    fn depths(func: &Func) -> Vec<u32> {
        nest(func).depths
    }

    #[test]
    fn a_block_counts_every_loop_around_it() {
        // 1 heads a loop over 2, 3, 4; 2 heads one over 3.
        let nest = nest(&graph(&[&[1], &[2, 5], &[3], &[2, 4], &[1], &[]]));
        assert_eq!(nest.depths, [0, 1, 2, 2, 1, 0]);
        let headers: Vec<Option<usize>> = nest.headers.iter().map(|header| header.map(Block::index)).collect();
        assert_eq!(headers, [None, Some(1), Some(2), Some(2), Some(1), None]);
    }

    #[test]
    fn loops_with_one_header_are_one_loop() {
        assert_eq!(depths(&graph(&[&[1], &[2, 3], &[1], &[1, 4], &[]])), [0, 1, 1, 1, 0]);
        let headers = vec![None, Some(Block::new(1)), None];
        assert_eq!(nest(&graph(&[&[1], &[1, 2], &[]])), Nest { depths: vec![0, 1, 0], headers, loops: 1 });
    }

    #[test]
    fn a_cycle_without_a_header_is_no_loop() {
        // Between 1 and 2 there is a cycle with two ways in; 3 loops on itself.
        assert_eq!(depths(&graph(&[&[1, 2], &[2], &[1, 3], &[3, 4], &[]])), [0, 0, 0, 1, 0]);
        // The same cycle, inside a natural loop headed by 0.
        assert_eq!(depths(&graph(&[&[1, 2], &[2], &[1, 0]])), [1, 1, 1]);
    }

    #[test]
    fn what_cannot_be_reached_is_in_no_loop() {
        assert_eq!(depths(&graph(&[&[1], &[], &[1, 2]])), [0, 0, 0]);
    }

    #[test]
    fn large_graphs_take_no_time() {
        // Loops nested 20,000 deep, and an edge from every block to one common block.
        let n = 20_000;
        let edges: Vec<Vec<usize>> = (0..2 * n + 1)
            .map(|i| match i {
                _ if i == 2 * n => vec![],
                _ if i < n => vec![i + 1, 2 * n],
                _ => vec![i + 1, 2 * n - 1 - i, 2 * n],
            })
            .collect();
        let edges: Vec<&[usize]> = edges.iter().map(Vec::as_slice).collect();
        let depths = depths(&graph(&edges));
        assert_eq!((depths[0], depths[n - 1], depths[n], depths[2 * n]), (1, n as u32, n as u32, 0));
    }
}
