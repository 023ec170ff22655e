//! Points: where in the code a live range begins or ends.
//!
//! An instruction has two points: *early*, when it reads, and *late*, when it writes. Positions of [`FlowGraph`] are
//! doubled to number them along the order of the blocks. Each block has two more, its *entry* in front of its first
//! instruction and its *exit* behind its last, so that what is moved on an edge and what is moved in front of the first
//! instruction are different things:
//!
//! ```text
//! entry │ early late │ early late   exit ║ entry │ early …
//! ```
//!
//! Live ranges are half open. A move can be inserted at `│` (in front of an instruction) and at `║` (on the edges), so
//! these are the points at which a live range may be *cut*: the early points and the entries. Behind the last
//! instruction of a block, nothing can be inserted.

use crate::cfg::FlowGraph;
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst};
use alloc::vec::Vec;

/// A point of the code; points count along the order of the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Point(pub(crate) u32);

impl Point {
    /// The early point of the instruction at a position.
    #[inline(always)]
    pub(crate) fn early(position: u32) -> Self {
        Self(position << 1)
    }

    /// The point that many points on.
    #[inline(always)]
    pub(crate) fn plus(self, points: u32) -> Self {
        Self(self.0 + points)
    }

    /// The point before.
    #[inline(always)]
    pub(crate) fn prev(self) -> Self {
        Self(self.0 - 1)
    }
}

/// A block's place in the order of the blocks.
#[derive(Clone, Copy, Debug)]
struct Extent {
    block: Block,
    entry: Point,
    first: Inst,
    frequency: f32,
}

/// From points back to the code.
#[derive(Debug, Default)]
pub(crate) struct Points {
    extents: Vec<Extent>,
    ordinal: TypedVec<Block, u32>,
    end: Point,
}

impl Points {
    /// Numbers the points of `flow`.
    pub(crate) fn run(&mut self, flow: &FlowGraph) {
        self.extents.clear();
        self.ordinal.reset(flow.graph.num_blocks(), 0);
        for &block in flow.order.order() {
            self.ordinal[block] = self.extents.len() as u32;
            let frequency = flow.frequencies.of(block);
            self.extents.push(Extent {
                block,
                entry: Self::entry(flow, block),
                first: flow.graph.first(block),
                frequency,
            });
            self.end = Self::exit(flow, block).plus(1);
        }
    }

    /// The point in front of the block's first instruction.
    #[inline]
    pub(crate) fn entry(flow: &FlowGraph, block: Block) -> Point {
        Point(2 * flow.start(block) - 1)
    }

    /// The point behind the block's last instruction.
    #[inline]
    pub(crate) fn exit(flow: &FlowGraph, block: Block) -> Point {
        Point(2 * flow.end(block))
    }

    /// All points are below this one.
    #[inline]
    pub(crate) fn end(&self) -> Point {
        self.end
    }

    /// The number of the point's block in the order of blocks.
    #[inline]
    pub(crate) fn ordinal_at(&self, point: Point) -> usize {
        self.extents.partition_point(|extent| extent.entry <= point).saturating_sub(1)
    }

    /// The block with that number.
    #[inline]
    pub(crate) fn block(&self, ordinal: usize) -> Block {
        self.extents[ordinal].block
    }

    /// The entry of the block with that number; [`Points::end`] behind the last.
    #[inline]
    pub(crate) fn entry_of(&self, ordinal: usize) -> Point {
        self.extents.get(ordinal).map_or(self.end, |extent| extent.entry)
    }

    /// How often the block with that number is executed.
    #[inline]
    pub(crate) fn frequency_of(&self, ordinal: usize) -> f32 {
        self.extents[ordinal].frequency
    }

    /// How often the code at the point is executed.
    #[inline]
    pub(crate) fn frequency_at(&self, point: Point) -> f32 {
        self.frequency_of(self.ordinal_at(point))
    }

    /// How often a move at the cut `point` is executed: at an entry, that is decided by the colder side.
    pub(crate) fn cut_frequency(&self, point: Point) -> f32 {
        let ordinal = self.ordinal_at(point);
        if point == self.entry_of(ordinal) { self.entry_frequency(ordinal) } else { self.frequency_of(ordinal) }
    }

    /// How often a move at the entry of the block with that number is executed.
    #[inline]
    pub(crate) fn entry_frequency(&self, ordinal: usize) -> f32 {
        let here = self.frequency_of(ordinal);
        if ordinal > 0 { here.min(self.frequency_of(ordinal - 1)) } else { here }
    }

    /// The instruction that `point` belongs to; the block's first for an entry.
    #[inline]
    pub(crate) fn inst_at(&self, point: Point) -> Inst {
        let extent = self.extents[self.ordinal_at(point)];
        let first = (extent.entry.0 + 1) >> 1;
        Inst(extent.first.0 + (point.0 >> 1).saturating_sub(first))
    }

    /// The last cut that is not behind `point`.
    pub(crate) fn cut_at_or_before(&self, point: Point) -> Point {
        let ordinal = self.ordinal_at(point);
        let entry = self.entry_of(ordinal);
        let exit = self.entry_of(ordinal + 1).prev();
        if point == entry {
            point
        } else if point == exit {
            Point(exit.0 - 2)
        } else {
            Point(point.0 & !1)
        }
    }

    /// The first cut that is not before `point`; [`Points::end`] if there is none.
    pub(crate) fn cut_at_or_after(&self, point: Point) -> Point {
        let ordinal = self.ordinal_at(point);
        if point == self.entry_of(ordinal) {
            return point;
        }
        let even = Point((point.0 + 1) & !1);
        let next_entry = self.entry_of(ordinal + 1);
        if even.plus(1) >= next_entry { next_entry } else { even }
    }

    /// Is there no cut strictly between two points?
    #[inline]
    pub(crate) fn is_minimal(&self, from: Point, to: Point) -> bool {
        to.0 <= from.0 + 3 && self.cut_at_or_after(from.plus(1)) >= to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::FuncBuilder;

    #[test]
    fn cuts_are_early_points_and_entries() {
        let mut b = FuncBuilder::new();
        let (first, second) = (b.block(&[]), b.block(&[]));
        b.op(first, &[]);
        b.branch(first, &[], &[(second, &[])]);
        b.ret(second, &[]);
        let func = b.finish();
        let mut flow = FlowGraph::default();
        flow.run(&func).expect("right");
        let mut points = Points::default();
        points.run(&flow);
        // Entry 1, instructions 2-3 and 4-5, exit 6; entry 7, instruction 8-9, exit 10.
        let after: Vec<_> = (1..=10).map(|p| points.cut_at_or_after(Point(p)).0).collect();
        assert_eq!(after, [1, 2, 4, 4, 7, 7, 7, 8, 11, 11]);
        let before: Vec<_> = (1..=10).map(|p| points.cut_at_or_before(Point(p)).0).collect();
        assert_eq!(before, [1, 2, 2, 4, 4, 4, 7, 8, 8, 8]);
        assert_eq!(points.inst_at(Point(4)), Inst::new(1));
        assert_eq!(points.inst_at(Point(7)), Inst::new(2));
        assert!(points.is_minimal(Point(5), Point(7)) && !points.is_minimal(Point(5), Point(8)));
    }
}
