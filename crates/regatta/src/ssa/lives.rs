//! For how long each value needs its slot.
//!
//! From its store to the last time that it is read from memory, on every path: liveness, in the small, of the value's copy in memory.
//! That is less than the live range of the value, and less than its *hull*, everything between the store and the last read in the order
//! of the blocks. Slots are shared accordingly.
//!
//! Values come in batches of 64, a bit each. Which of them are in memory at the boundaries of a block is found by a sweep backwards over the
//! blocks and one forwards: what is needed at the header of a loop is needed everywhere in the loop. (Where loops have other entries, the
//! sweep backwards is repeated as long as it finds something.) A walk forwards then writes down where each value's life begins and ends.
//! All that need only go over the blocks between the first store of a batch and the last read; so that these are few, values that live
//! for about as long and begin close to each other are put into the same batch.
//!
//! Cost: blocks between store and last read, over all values and divided by 64, times the depth of loops. Since there can be values and blocks
//! without end, sweeps stop at [`STEPS`] blocks for each instruction and block of the function. Values that are left then are given
//! their hulls, as are those whose lives are in more than [`MAX_STRETCHES`] pieces.

use crate::cfg::FlowGraph;
use crate::ir::Block;
use crate::ir::entity::TypedVec;
use crate::slots::Stretch;
use alloc::vec::Vec;
use core::ops::Range;

/// How many blocks are visited, for each instruction and block of the function.
const STEPS: usize = 8;

/// Into how many pieces a life may fall.
const MAX_STRETCHES: usize = 1024;

/// Where a value is in memory, roughly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// The block in which it is stored, through which all paths to its reads go.
    pub(crate) block: Block,
    /// The position in that block; behind it if the value is stored on the edges to the blocks that follow.
    pub(crate) from: u32,
    pub(crate) hull: Stretch,
    /// Is the hull good enough?
    pub(crate) is_rough: bool,
}

/// Values that are followed at once.
const BATCH: usize = 64;

/// The values that are in memory in a block, by their bits.
#[derive(Clone, Copy, Debug, Default)]
struct InMemory {
    at_start: u64,
    at_end: u64,
    stored: u64,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    /// Where all values need their slots.
    pub(crate) stretches: Vec<Stretch>,
    /// For each value, which of the stretches are its: sorted and disjoint.
    pub(crate) of: Vec<(u32, u32)>,
    /// The first of the stretches that are hulls.
    first_hull: u32,
    todo: Vec<(u64, u32)>,
    blocks: TypedVec<Block, InMemory>,
    /// Reads that no other follows, sorted: the block's index in the order, the value's bit, the position.
    last_reads: Vec<u64>,
    /// Headers of loops that values are in memory at, by their index in the order, the last first.
    headers: Vec<u32>,
    /// The pieces of lives found in a batch.
    found: Vec<(u8, Stretch)>,
}

impl Lives {
    /// Finds the lives in memory of values, given roughly. `reads` tells where a value is read from its slot: each block, and a position in
    /// it up to which the slot must hold the value. A definition made in the slot counts as a read as well.
    pub(crate) fn run<R: Iterator<Item = (Block, u32)>>(
        &mut self,
        flow: &FlowGraph,
        insts: usize,
        lives: &[Life],
        reads: impl Fn(usize) -> R,
    ) {
        self.stretches.clear();
        self.of.clear();
        self.of.resize(lives.len(), (0, 0));
        self.todo.clear();
        for (life, value) in lives.iter().zip(0..) {
            // (One that is alone has a slot to itself.)
            if life.is_rough || lives.len() == 1 {
                continue;
            }
            let mut last = None;
            if reads(value as usize).all(|(block, pos)| {
                last = last.max(Some(pos));
                block == life.block
            }) {
                // All in one block.
                self.of[value as usize] = self.list(last.map(|to| Stretch { from: life.from.min(to), to }));
                continue;
            }
            let length = u64::from((life.hull.to - life.hull.from).checked_ilog2().unwrap_or(0));
            self.todo.push((length << 32 | u64::from(life.hull.from), value));
        }
        if self.todo.len() > BATCH {
            self.todo.sort_unstable();
        }
        if !self.todo.is_empty() {
            self.blocks.reset(flow.graph.num_blocks(), InMemory::default());
        }
        let todo = core::mem::take(&mut self.todo);
        let mut steps = STEPS * (insts + flow.graph.num_blocks());
        for (batch, number) in todo.chunks(BATCH).zip(1..) {
            let blocks = self.batch(flow, batch, lives, &reads, &mut steps);
            if number * BATCH < todo.len() {
                self.clear(flow, blocks, batch, lives, &reads);
            }
        }
        self.todo = todo;
        self.first_hull = self.stretches.len() as u32;
        for (life, of) in lives.iter().zip(&mut self.of) {
            if of.0 == of.1 || (of.1 - of.0) as usize > MAX_STRETCHES {
                *of = (self.stretches.len() as u32, self.stretches.len() as u32 + 1);
                self.stretches.push(life.hull);
            }
        }
    }

    /// The stretches of value number `value`, and whether they are exact: else they are its hull.
    pub(crate) fn of(&self, value: usize) -> (&[Stretch], bool) {
        let (start, end) = self.of[value];
        (&self.stretches[start as usize..end as usize], start < self.first_hull)
    }

    fn list(&mut self, stretches: impl IntoIterator<Item = Stretch>) -> (u32, u32) {
        let start = self.stretches.len() as u32;
        self.stretches.extend(stretches);
        (start, self.stretches.len() as u32)
    }

    /// Follows a batch. Returns which blocks of the order its values may be in memory in.
    fn batch<R: Iterator<Item = (Block, u32)>>(
        &mut self,
        flow: &FlowGraph,
        batch: &[(u64, u32)],
        lives: &[Life],
        reads: &impl Fn(usize) -> R,
        steps: &mut usize,
    ) -> Range<usize> {
        let order = flow.order.order();
        let (mut first, mut end) = (usize::MAX, 0);
        for (&(_, value), bit) in batch.iter().zip(0..) {
            let Life { block, hull, .. } = lives[value as usize];
            first = first.min(flow.order.position(block) as usize);
            end = end.max(hull.to);
            self.blocks[block].stored |= 1 << bit;
            for (at, _) in reads(value as usize) {
                if at != block {
                    self.blocks[at].at_start |= 1 << bit;
                }
            }
        }
        let last = order.partition_point(|&block| flow.start(block) <= end);
        if self.sweep(flow, first, last, steps) {
            self.last_reads.clear();
            for (&(_, value), bit) in batch.iter().zip(0u64..) {
                for (at, pos) in reads(value as usize) {
                    if self.blocks[at].at_end >> bit & 1 == 0 {
                        self.last_reads.push((u64::from(flow.order.position(at)) << 6 | bit) << 32 | u64::from(pos));
                    }
                }
            }
            self.last_reads.sort_unstable();
            self.write_down(flow, first, last, |bit| lives[batch[bit].1 as usize]);
            self.sort_out(batch);
        }
        first..last
    }

    /// Clears what was noted about blocks for a batch.
    fn clear<R: Iterator<Item = (Block, u32)>>(
        &mut self,
        flow: &FlowGraph,
        blocks: Range<usize>,
        batch: &[(u64, u32)],
        lives: &[Life],
        reads: &impl Fn(usize) -> R,
    ) {
        for &block in &flow.order.order()[blocks] {
            self.blocks[block] = InMemory::default();
        }
        // (Reads that no path leads to may be anywhere.)
        for &(_, value) in batch {
            self.blocks[lives[value as usize].block] = InMemory::default();
            for (at, _) in reads(value as usize) {
                self.blocks[at] = InMemory::default();
            }
        }
    }

    /// Finds which values are in memory at the blocks' boundaries. False if that takes more steps than are left.
    fn sweep(&mut self, flow: &FlowGraph, first: usize, last: usize, steps: &mut usize) -> bool {
        loop {
            let Some(left) = steps.checked_sub(last.saturating_sub(first)) else { return false };
            *steps = left;
            let mut is_done = true;
            self.headers.clear();
            for (&block, at) in flow.order.order()[first..last].iter().rev().zip((0..last as u32).rev()) {
                let at_end = flow.graph.succs(block).fold(0, |at_end, to| at_end | self.blocks[to].at_start);
                let here = &mut self.blocks[block];
                let before = here.at_start;
                here.at_end = at_end;
                here.at_start |= at_end & !here.stored;
                is_done &= here.at_start == before;
                if here.at_start != 0 && flow.loops.is_header(block).is_some() {
                    self.headers.push(at);
                }
            }
            if !flow.loops.any_irreducible() {
                return self.fill_loops(flow, steps);
            }
            if is_done {
                return true;
            }
        }
    }

    /// What is in memory at the header of a loop is so everywhere in the loop: it is stored outside, and read in a later iteration.
    fn fill_loops(&mut self, flow: &FlowGraph, steps: &mut usize) -> bool {
        let order = flow.order.order();
        let (mut outer, mut outer_end) = (0, 0);
        while let Some(at) = self.headers.pop() {
            let at = at as usize;
            let here = self.blocks[order[at]].at_start;
            if at >= outer_end {
                outer = 0;
            }
            if here & !outer == 0 {
                continue;
            }
            let of = flow.loops.block_loop(order[at]);
            let end = flow.order.loop_end(of) as usize + 1;
            let Some(left) = steps.checked_sub(end - at) else { return false };
            *steps = left;
            for &block in &order[at..end] {
                self.blocks[block].at_start |= here;
                self.blocks[block].at_end |= here;
            }
            if at >= outer_end {
                (outer, outer_end) = (here, end);
            }
        }
        true
    }

    /// Lists the pieces of the lives, in order.
    fn write_down(&mut self, flow: &FlowGraph, first: usize, last: usize, life: impl Fn(usize) -> Life) {
        let mut last_reads = self.last_reads.iter().copied().peekable();
        let mut from = [0; BATCH];
        let mut open = 0u64;
        self.found.clear();
        for at in first..last {
            let block = flow.order.order()[at];
            let here = self.blocks[block];
            if (here.at_start, here.at_end, here.stored) == (open, open, 0) {
                continue;
            }
            let start = flow.start(block);
            for bit in Bits(open & !here.at_start) {
                self.found.push((bit, Stretch { from: from[usize::from(bit)], to: start - 1 }));
            }
            for bit in Bits(here.at_start & !open) {
                from[usize::from(bit)] = start;
            }
            open = here.at_start & here.at_end;
            let mut end_of = |bit: u8| {
                let key = (at as u64) << 6 | u64::from(bit);
                let mut end = None;
                while let Some(read) = last_reads.next_if(|read| read >> 32 <= key) {
                    if read >> 32 == key {
                        end = Some(read as u32);
                    }
                }
                end
            };
            for bit in Bits((here.at_start | here.stored) & !here.at_end) {
                let Some(to) = end_of(bit) else { continue };
                let is_stored = here.stored >> bit & 1 != 0;
                let from = if is_stored { life(usize::from(bit)).from } else { from[usize::from(bit)] };
                self.found.push((bit, Stretch { from: from.min(to), to }));
            }
            for bit in Bits(here.stored & here.at_end) {
                let begin = life(usize::from(bit)).from;
                if begin <= flow.end(block) {
                    from[usize::from(bit)] = begin;
                    open |= 1 << bit;
                }
            }
        }
        let end = flow.end(flow.order.order()[last - 1]);
        for bit in Bits(open) {
            self.found.push((bit, Stretch { from: from[usize::from(bit)], to: end }));
        }
    }

    /// Adds the pieces to the list of all, those of a value next to each other.
    fn sort_out(&mut self, batch: &[(u64, u32)]) {
        let mut next = [self.stretches.len() as u32; BATCH + 1];
        for &(bit, _) in &self.found {
            next[usize::from(bit) + 1] += 1;
        }
        let mut before = 0;
        for count in &mut next[1..] {
            *count += before;
            before = *count - self.stretches.len() as u32;
        }
        for (&(_, value), bit) in batch.iter().zip(0..) {
            self.of[value as usize] = (next[bit], next[bit + 1]);
        }
        self.stretches.resize(next[BATCH] as usize, Stretch { from: 0, to: 0 });
        for &(bit, stretch) in &self.found {
            let at = &mut next[usize::from(bit)];
            self.stretches[*at as usize] = stretch;
            *at += 1;
        }
    }
}

/// The numbers of the bits that are set.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let low = self.0.trailing_zeros() as u8;
        (self.0 != 0).then(|| {
            self.0 &= self.0 - 1;
            low
        })
    }
}
