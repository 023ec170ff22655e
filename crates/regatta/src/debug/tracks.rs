//! Where each wanted value is as the code is followed, and where it has been.

use super::Input;
use super::requests::Request;
use crate::code::Value;
use crate::ir::entity::{TypedVec, entity};
use crate::ir::{PReg, PerClass, RegClass};
use crate::output::{Allocation, ProgPoint};
use alloc::vec::Vec;
use core::ops::Range;

entity! {
    /// A value that is asked for.
    pub(super) struct Wanted, "wanted"
}

/// Where a wanted value is.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub(super) value: Value,
    pub(super) class: RegClass,
    /// All blocks that it is asked for in are among these, by their indices in the code.
    pub(super) asked: Range<u32>,
    /// Its own slot, if it ever has one.
    pub(super) slot: Allocation,
    pub(super) in_slot: bool,
    /// Does it stay there beyond the block?
    pub(super) stays_in_slot: bool,
    /// Registers that hold it, by number in its class.
    pub(super) regs: u64,
    /// The location that is being reported, and since when.
    place: Allocation,
    since: ProgPoint,
    /// The first and the last of its stretches in `held`.
    first: u32,
    last: u32,
}

/// A stretch of points over which a value has been in a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) from: ProgPoint,
    pub(super) to: ProgPoint,
    pub(super) place: Allocation,
    /// The value's next one.
    pub(super) next: u32,
}

impl Held {
    /// No stretch.
    pub(super) const END: u32 = u32::MAX;
}

/// The values that are asked for.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    wanted: TypedVec<Value, Wanted>,
    pub(super) of: TypedVec<Wanted, Track>,
    held: Vec<Held>,
    changed: Vec<Wanted>,
    /// Registers and fixed stack slots that keep what they hold.
    ours: PerClass<u64>,
}

impl Tracks {
    /// Begins with the values that `requests` name, those for one in a row; `slot` says which is the slot of each.
    pub(super) fn start(&mut self, on: Input<'_>, requests: &[Request], slot: impl Fn(Value) -> Option<Allocation>) {
        self.ours = core::array::from_fn(|c| on.machine.allocatable[c] | on.machine.stack[c]);
        self.wanted.reset(on.code.values.len(), Wanted::invalid());
        self.of.clear();
        self.held.clear();
        self.changed.clear();
        for of_value in requests.chunk_by(|a, b| a.value == b.value) {
            let Request { value, blocks: Range { start, .. }, .. } = of_value[0];
            let end = of_value.iter().fold(start, |end, request| end.max(request.blocks.end));
            self.wanted[value] = self.of.push(Track {
                value,
                asked: start..end,
                class: on.code.values[value].class,
                slot: slot(value).unwrap_or_default(),
                in_slot: false,
                stays_in_slot: false,
                regs: 0,
                place: Allocation::none(),
                since: ProgPoint::invalid(),
                first: Held::END,
                last: Held::END,
            });
        }
    }

    /// The value, if it is asked for.
    #[inline]
    pub(super) fn wanted(&self, value: Value) -> Option<Wanted> {
        let wanted = self.wanted[value];
        wanted.is_valid().then_some(wanted)
    }

    /// The number of its first stretch, in the order of the code.
    pub(super) fn first(&self, wanted: Wanted) -> u32 {
        self.of[wanted].first
    }

    /// The stretch with that number; none for [`Held::END`].
    #[inline]
    pub(super) fn held(&self, number: u32) -> Option<&Held> {
        self.held.get(number as usize)
    }

    /// The value is in a register, or in it no more; where it is reported is decided by [`Tracks::settle_changed`].
    pub(super) fn set_in_register(&mut self, wanted: Wanted, reg: PReg, is_there: bool) {
        let bit = 1 << reg.hw_enc();
        let regs = &mut self.of[wanted].regs;
        *regs = *regs & !bit | if is_there { bit } else { 0 };
        self.changed.push(wanted);
    }

    /// Likewise for its own slot.
    pub(super) fn set_in_slot(&mut self, wanted: Wanted, is_there: bool) {
        self.of[wanted].in_slot = is_there;
        self.changed.push(wanted);
    }

    /// Says where the values are, from `point` on, that have moved: where they were, if they still are there; else a register comes before
    /// the slot.
    #[inline]
    pub(super) fn settle_changed(&mut self, point: ProgPoint) {
        if !self.changed.is_empty() {
            self.settle(point);
        }
    }

    fn settle(&mut self, point: ProgPoint) {
        while let Some(wanted) = self.changed.pop() {
            let track = &self.of[wanted];
            let stays = match track.place.as_reg() {
                Some(reg) => track.regs >> reg.hw_enc() & 1 != 0,
                None => track.place.is_stack() && track.in_slot,
            };
            if stays {
                continue;
            }
            // (Registers that are not ours hold nothing for long.)
            let regs = track.regs & self.ours[track.class.index()];
            let place = if regs != 0 {
                Allocation::reg(PReg::new(regs.trailing_zeros() as usize, track.class))
            } else if track.in_slot {
                track.slot
            } else {
                Allocation::none()
            };
            self.close(wanted, point);
            let track = &mut self.of[wanted];
            (track.place, track.since) = (place, point);
        }
    }

    /// Ends all stretches.
    pub(super) fn end(&mut self, point: ProgPoint) {
        for wanted in self.of.keys() {
            self.close(wanted, point);
        }
    }

    /// Writes down where the value has been until `point`.
    fn close(&mut self, wanted: Wanted, point: ProgPoint) {
        let Track { place, since, first, last, .. } = &mut self.of[wanted];
        if place.is_none() || *since >= point {
            return;
        }
        let number = self.held.len() as u32;
        match self.held.get_mut(*last as usize) {
            Some(before) => before.next = number,
            None => *first = number,
        }
        *last = number;
        self.held.push(Held { from: *since, to: point, place: *place, next: Held::END });
    }
}
