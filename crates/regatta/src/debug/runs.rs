//! Blocks as stretches of the code.
//!
//! An allocator says from where to where, in its own order of the blocks, a value stays in a place, and perhaps that it does so only behind some
//! block. A debugger wants to know in terms of the code as it is laid out. Both orders agree over long runs of blocks. A run that lies wholly
//! within what is asked for is answered as a whole, and passed over as a whole if it lies without; so runs are no longer than [`LONGEST`] blocks, lest
//! one look at all blocks of a function for each value.
//!
//! Cost: linear in the blocks to prepare; a question costs the number of runs between the ends of the stretch, and the length of those that are in
//! it in part.

use super::Input;
use crate::cfg::FlowGraph;
use crate::code::Code;
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst};
use alloc::vec::Vec;
use core::ops::Range;

/// How many blocks a run has at most.
const LONGEST: u32 = 64;

/// Blocks that follow one another both in the order of the allocator and in the code.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// The first one's index in the allocator's order, and in the code.
    first: u32,
    in_code: u32,
    len: u32,
    /// The range of their numbers in a preorder of the dominator tree.
    least: u32,
    most: u32,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: Vec<Run>,
    /// The runs in the order of the code.
    by_code: Vec<u32>,
    in_code: TypedVec<Block, u32>,
}

impl Runs {
    /// Prepares for a function.
    pub(super) fn run(&mut self, flow: &FlowGraph, code: &Code) {
        self.in_code.set_len(flow.graph.num_blocks(), 0);
        for (&block, index) in code.by_code_order().iter().zip(0..) {
            self.in_code[block] = index;
        }
        self.runs.clear();
        for (&block, index) in flow.order.order().iter().zip(0..) {
            let (in_code, number) = (self.in_code[block], flow.dominators.places(block).start);
            match self.runs.last_mut() {
                Some(run) if run.in_code + run.len == in_code && run.len < LONGEST => {
                    run.len += 1;
                    (run.least, run.most) = (run.least.min(number), run.most.max(number));
                }
                _ => self.runs.push(Run { first: index, in_code, len: 1, least: number, most: number }),
            }
        }
        self.by_code.clear();
        self.by_code.extend(0..self.runs.len() as u32);
        self.by_code.sort_unstable_by_key(|&run| self.runs[run as usize].in_code);
    }

    /// Tells of the blocks `order`, by their indices in the allocator's order, as ranges of indices in the code; only of those that `behind`
    /// dominates, if that is valid.
    fn of_order(&self, flow: &FlowGraph, order: Range<u32>, behind: Block, mut tell: impl FnMut(Range<u32>)) {
        let from = self.runs.partition_point(|run| run.first + run.len <= order.start);
        let mut pieces = Pieces::default();
        for run in self.runs[from..].iter().take_while(|run| run.first < order.end) {
            let (start, end) = (order.start.max(run.first), order.end.min(run.first + run.len));
            let within = start - run.first..end - run.first;
            let block = |index| flow.order.order()[(run.first + index) as usize];
            run.tell(flow, within, behind, block, &mut pieces, &mut tell);
        }
        pieces.end(&mut tell);
    }

    /// Tells of the same, but only of those whose indices in the code are in `asked`.
    pub(super) fn of_order_among(
        &self,
        on: Input<'_>,
        order: Range<u32>,
        behind: Block,
        asked: &Range<u32>,
        mut tell: impl FnMut(Range<u32>),
    ) {
        if asked.len() < order.len() {
            let mut pieces = Pieces::default();
            for (&block, index) in
                on.code.by_code_order()[asked.start as usize..asked.end as usize].iter().zip(asked.start..)
            {
                let is_behind = behind.is_invalid() || on.flow.dominators.dominates(behind, block);
                if is_behind && order.contains(&on.flow.order.position(block)) {
                    pieces.add(index..index + 1, &mut tell);
                }
            }
            return pieces.end(&mut tell);
        }
        self.of_order(on.flow, order, behind, |blocks| {
            let (from, to) = (blocks.start.max(asked.start), blocks.end.min(asked.end));
            if from < to {
                tell(from..to);
            }
        });
    }

    /// Tells of the blocks with the indices `wanted` in the code that `behind` dominates, in order.
    pub(super) fn dominated(
        &self,
        flow: &FlowGraph,
        wanted: Range<u32>,
        behind: Block,
        mut tell: impl FnMut(Range<u32>),
    ) {
        let run = |&run: &u32| self.runs[run as usize];
        let from = self.by_code.partition_point(|at| run(at).in_code + run(at).len <= wanted.start);
        let mut pieces = Pieces::default();
        for run in self.by_code[from..].iter().map(run).take_while(|run| run.in_code < wanted.end) {
            let (start, end) = (wanted.start.max(run.in_code), wanted.end.min(run.in_code + run.len));
            let within = start - run.in_code..end - run.in_code;
            let block = |index| flow.order.order()[(run.first + index) as usize];
            run.tell(flow, within, behind, block, &mut pieces, &mut tell);
        }
        pieces.end(&mut tell);
    }

    /// The index in the code of the block that an instruction is in.
    pub(super) fn block_with(&self, on: Input<'_>, inst: Inst) -> u32 {
        on.code.by_code_order().partition_point(|&block| on.flow.graph.first(block) <= inst).max(1) as u32 - 1
    }

    /// The index of a block in the code.
    pub(super) fn in_code(&self, block: Block) -> u32 {
        self.in_code[block]
    }
}

impl Run {
    /// Tells of those of the run's blocks `within` that `behind` dominates.
    fn tell(
        &self,
        flow: &FlowGraph,
        within: Range<u32>,
        behind: Block,
        block: impl Fn(u32) -> Block,
        pieces: &mut Pieces,
        tell: &mut impl FnMut(Range<u32>),
    ) {
        let all = self.in_code + within.start..self.in_code + within.end;
        if behind.is_invalid() {
            return pieces.add(all, tell);
        }
        let tree = flow.dominators.places(behind);
        if tree.start <= self.least && self.most < tree.end {
            pieces.add(all, tell);
        } else if self.least < tree.end && tree.start <= self.most {
            for index in within.filter(|&index| flow.dominators.dominates(behind, block(index))) {
                pieces.add(self.in_code + index..self.in_code + index + 1, tell);
            }
        }
    }
}

/// What has been found and not yet told, as the next piece may adjoin.
#[derive(Default)]
struct Pieces(Range<u32>);

impl Pieces {
    fn add(&mut self, piece: Range<u32>, tell: &mut impl FnMut(Range<u32>)) {
        if piece.start == self.0.end {
            self.0.end = piece.end;
        } else if piece.end == self.0.start {
            self.0.start = piece.start;
        } else {
            self.end(tell);
            self.0 = piece;
        }
    }

    fn end(&mut self, tell: &mut impl FnMut(Range<u32>)) {
        if !self.0.is_empty() {
            tell(core::mem::take(&mut self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FuncBuilder;
    use crate::ir::{Func, Machine, MachineEnv};
    use alloc::vec;

    /// A ladder of so many diamonds, one behind the other, in a loop: each block dominates what is behind it, or nothing but itself.
    fn diamonds(count: usize) -> Func {
        let mut b = FuncBuilder::new();
        let [entry, end] = [(); 2].map(|()| b.block(&[]));
        let first = b.block(&[]);
        b.branch(entry, &[], &[(first, &[])]);
        let mut head = first;
        for _ in 0..count {
            let [left, right, join] = [(); 3].map(|()| b.block(&[]));
            b.branch(head, &[], &[(left, &[]), (right, &[])]);
            b.branch(left, &[], &[(join, &[])]);
            b.branch(right, &[], &[(join, &[])]);
            head = join;
        }
        let back = b.block(&[]);
        b.branch(head, &[], &[(back, &[]), (end, &[])]);
        b.branch(back, &[], &[(first, &[])]);
        b.ret(end, &[]);
        b.finish()
    }

    #[test]
    fn runs_say_what_asking_for_each_block_would() {
        let func = diamonds(50);
        let (mut flow, mut code) = (FlowGraph::default(), Code::default());
        flow.run(&func).expect("valid");
        flow.find_dominators();
        code.run(&func, &Machine::new(&MachineEnv::default()), &flow.graph).expect("valid");
        let mut runs = Runs::default();
        runs.run(&flow, &code);
        let order = flow.order.order();
        let count = order.len() as u32;
        assert!(1 < runs.runs.len() && runs.runs.len() < order.len() / 2, "{:?}", runs.runs);
        let behinds = [Block::invalid(), order[0], order[2], order[3], order[40], order[order.len() - 1]];
        for (behind, from) in
            behinds.into_iter().flat_map(|behind| (0..count).step_by(7).map(move |from| (behind, from)))
        {
            for to in (from..count).step_by(5) {
                let is_behind = |block: Block| behind.is_invalid() || flow.dominators.dominates(behind, block);
                let mut expected = vec![false; order.len()];
                for &block in order[from as usize..to as usize].iter().filter(|&&block| is_behind(block)) {
                    expected[runs.in_code(block) as usize] = true;
                }
                let mut told = vec![false; order.len()];
                let mut tell = |blocks: Range<u32>| {
                    blocks.for_each(|at| assert!(!core::mem::replace(&mut told[at as usize], true)))
                };
                runs.of_order(&flow, from..to, behind, &mut tell);
                assert_eq!(told, expected, "{from} to {to} behind {behind}");
                if behind.is_valid() {
                    let by_code = &code.by_code_order()[from as usize..to as usize];
                    let expected: Vec<u32> =
                        (from..to).zip(by_code).filter(|(_, block)| is_behind(**block)).map(|(at, _)| at).collect();
                    let mut told = vec![];
                    runs.dominated(&flow, from..to, behind, |blocks| told.extend(blocks));
                    assert_eq!(told, expected, "{from} to {to} behind {behind}");
                }
            }
        }
    }
}
