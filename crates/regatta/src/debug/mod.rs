//! Where labelled values are, for a debugger.
//!
//! When all edits are known, the code is walked once more in its own order, and it is followed which of the wanted values is in which register
//! and slot ([`walk`]). Within a block, edits copy, instructions overwrite, define, and show by what they read. At the start of a block, the
//! allocator tells ([`Residence`]): which registers hold what there, and over which stretches of its own order a value stays in its slot. A
//! stretch becomes runs of blocks in the code's order ([`runs`]), each of which begins and ends at some block ([`events`]), so that a value which
//! stays where it is costs nothing in the blocks between. A value keeps the location that it was last reported in for as long as that holds it,
//! which is often beyond its last use; else a register comes before the slot.
//!
//! What comes of it is a list of stretches of the code for each value, with the place ([`tracks`]). They answer the requests
//! ([`requests`]), of which there may be many for one value.
//!
//! A location is reported from the point behind whose edits it holds the value, as [`crate::check`] sees it.
//!
//! Cost: nothing without labels. With labels, linear in the code of the blocks that are asked for, in what registers hold at their starts, in
//! stretches times the runs of blocks in each, and in requests and answers, which are sorted.

mod events;
mod in_slots;
mod requests;
mod runs;
#[cfg(test)]
mod tests;
mod tracks;
mod walk;

use crate::cfg::FlowGraph;
use crate::code::{Code, Fold, Value};
use crate::ir::{Block, Function, Inst, Machine, PReg};
use crate::output::{Allocation, Output, ProgPoint};
use crate::slots::{SlotShape, Stretch};
use core::ops::Range;
use events::Events;
use requests::Requests;
use runs::Runs;
use tracks::Tracks;
use walk::{Edits, Walk};

/// What the pass reads.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) code: &'a Code,
    pub(crate) flow: &'a FlowGraph,
    pub(crate) machine: &'a Machine,
    pub(crate) fold: &'a Fold,
    pub(crate) shape: SlotShape,
}

/// A place in which a value is at the start of every block that starts within a stretch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stay {
    /// In the allocator's own coordinates.
    pub(crate) stretch: Stretch,
    /// The value's slot, or a register.
    pub(crate) place: Allocation,
    /// If valid, the value is there only in blocks that this one dominates.
    pub(crate) behind: Block,
    /// Also at the start of `behind`?
    pub(crate) from_start: bool,
}

/// Where an allocator has put values, as far as the edits do not tell.
pub(crate) trait Residence {
    /// The coordinate of a block's start: the later in the order of the blocks, the greater.
    fn start(&self, block: Block) -> u32;

    /// Tells where a value stays beyond blocks: nowhere twice at the same time.
    fn stays(&self, value: Value, tell: &mut impl FnMut(Stay));

    /// Tells which registers hold which values at the start of the block, behind the edits that lead into it, as far as [`Residence::stays`] does not.
    fn in_registers(&self, block: Block, tell: &mut impl FnMut(Value, PReg));

    /// Does the register hold, at the start of the block, what it was to hold? Not if a move has been left out that would see to it. `is_led_in` says whether
    /// an edit that leads into the block writes it.
    fn is_kept(&self, block: Block, reg: PReg, is_led_in: bool) -> bool;

    /// The slot of a value that ever is in memory.
    fn slot(&self, value: Value) -> Option<Allocation>;
}

/// An edit: where, whether it is one of those that lead into a block, from, to.
pub(crate) type EditAt = (ProgPoint, bool, Allocation, Allocation);

/// The pass, with its storage.
#[derive(Debug, Default)]
pub(crate) struct DebugLocations {
    requests: Requests,
    tracks: Tracks,
    runs: Runs,
    events: Events,
    walk: Walk,
}

impl DebugLocations {
    /// Fills `output.debug_locations`.
    pub(crate) fn run(
        &mut self,
        func: &impl Function,
        on: Input<'_>,
        by: &impl Residence,
        edits: impl Iterator<Item = EditAt>,
        output: &mut Output,
    ) {
        self.runs.run(on.flow, on.code);
        self.requests.read(func, on, &self.runs);
        self.tracks.start(on, &self.requests.list, |value| by.slot(value));
        self.list_events(on, by);
        self.walk.start(on);
        self.walk_blocks(on, by, &mut Edits::new(edits), output);
        self.requests.answer(on, &self.runs, &self.tracks, &mut output.debug_locations);
    }

    /// Finds out where values begin and end to stay in places.
    fn list_events(&mut self, on: Input<'_>, by: &impl Residence) {
        let Self { tracks, runs, events, .. } = self;
        events.start(on.flow.graph.num_blocks());
        let order = on.flow.order.order();
        for (value, track) in tracks.of.iter() {
            by.stays(track.value, &mut |stay| {
                let Stay { stretch, place, behind, from_start } = stay;
                let first = order.partition_point(|&block| by.start(block) < stretch.from) as u32;
                let within = order[first as usize..].partition_point(|&block| by.start(block) <= stretch.to) as u32;
                let mut add = |blocks: Range<u32>| {
                    if !blocks.is_empty() {
                        events.add(value, place, blocks);
                    }
                };
                let except = if behind.is_valid() && !from_start { runs.in_code(behind) } else { u32::MAX };
                runs.of_order_among(on, first..first + within, behind, &track.asked, |blocks| {
                    if blocks.contains(&except) {
                        add(blocks.start..except);
                        add(except + 1..blocks.end);
                    } else {
                        add(blocks);
                    }
                });
            });
        }
    }

    /// Follows the code.
    fn walk_blocks(
        &mut self,
        on: Input<'_>,
        by: &impl Residence,
        edits: &mut Edits<impl Iterator<Item = EditAt>>,
        output: &Output,
    ) {
        let Self { requests, tracks, events, walk, .. } = self;
        let mut asked = 0u32;
        for (&block, index) in on.code.by_code_order().iter().zip(0..) {
            events.at(index).for_each(|(event, begins)| walk.change_stay(on, tracks, event, begins));
            asked = asked.wrapping_add(requests.more_at(index));
            if asked > 0 {
                walk.enter_block(on, by, tracks, block, edits);
                let insts = on.flow.graph.first(block)..on.flow.graph.end(block);
                walk.follow_block(on, tracks, insts, edits, output);
                walk.leave_block(on, tracks);
            }
        }
        tracks.end(ProgPoint::before(Inst::new(on.code.insts.len() - 1)));
    }
}
