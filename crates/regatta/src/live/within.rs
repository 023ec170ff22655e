//! What a loop uses behind the loops within it.
//!
//! Distances tell near uses from far ones by the loops that are left on the way. At the header of a loop, that puts a value that is used in
//! the loop, but behind a loop within, among those that are used behind the whole loop: control leaves a loop on the way to either. Yet the one
//! is wanted each time round, and the other once. What tells them apart is the first instruction, in the order of the blocks, that uses the
//! value, which the walk backwards knows when it comes to the header: it stands in the loop or behind it. So at headers the former get
//! another distance, greater than that of what is used before any loop within is left, and less than that of what is used behind the
//! loop: [`WITHIN_PENALTY`]. Only headers look at these ([`super::LoopLiveness`]); the lists of blocks are as they were.
//!
//! **Cost.** A look at each value that is live into a header.

use super::next_use::{EXIT_PENALTY, LiveIn, NextUses};
use crate::cfg::{FlowGraph, Loop};
use crate::ir::Block;
use crate::ir::entity::TypedVec;
use alloc::vec::Vec;

/// What is added, at the header of a loop, to the distance of what the loop uses behind a loop within.
pub(crate) const WITHIN_PENALTY: u32 = EXIT_PENALTY / 2;

/// The distance, at the header of a loop, of what the loop uses behind a loop within, `insts` instructions further on in the order of the
/// blocks.
#[inline]
pub(crate) fn distance_within(insts: u32) -> u32 {
    WITHIN_PENALTY + insts.min(WITHIN_PENALTY - 1)
}

/// The values that loops use behind loops within.
#[derive(Debug, Default)]
pub(super) struct Within {
    list: Vec<LiveIn>,
    /// Each loop's part of the list.
    ranges: TypedVec<Loop, (u32, u32)>,
}

impl Within {
    pub(super) fn reset(&mut self, loops: usize) {
        self.list.clear();
        self.ranges.reset(loops, (0, 0));
    }

    /// What the loop uses behind loops within, in the order of its header's list.
    pub(super) fn of(&self, of: Loop) -> &[LiveIn] {
        let (start, end) = self.ranges[of];
        &self.list[start as usize..end as usize]
    }
}

impl NextUses {
    /// Finds these values for the loop that `header` has just been listed for.
    #[inline(never)]
    pub(super) fn find_used_within(&mut self, flow: &FlowGraph, header: Block, of: Loop) {
        let (header_start, end) = (flow.start(header), flow.loop_end(of));
        let start = self.within.list.len() as u32;
        let mut found = core::mem::take(&mut self.within.list);
        found.extend(self.live_in(header).filter(|live| live.distance >= EXIT_PENALTY).filter_map(|live| {
            let first_use = self.lives[live.value].first_use;
            let distance = distance_within(first_use.saturating_sub(header_start));
            (first_use < end).then_some(LiveIn { value: live.value, distance })
        }));
        self.within.ranges[of] = (start, found.len() as u32);
        self.within.list = found;
    }
}
