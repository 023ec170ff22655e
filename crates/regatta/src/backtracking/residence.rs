//! Where values are at the start of each block, for debug locations: in the register of the piece that covers it, and
//! in the slot where the value's copy in memory lives.

use super::edits::Edits;
use super::frame::Tenants;
use super::places::{Input, Places};
use super::points::{Point, Points};
use crate::code::Value;
use crate::debug::{EditAt, Residence};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, PReg};
use crate::moves::dead::is_written_at_start;
use crate::output::{Allocation, ProgPoint};
use crate::slots::{Slots, Stretch};
use alloc::vec::Vec;

/// The answers, made for one function.
pub(crate) struct Residents<'a> {
    on: Input<'a>,
    places: &'a Places,
    tenants: &'a Tenants,
    slots: &'a Slots,
    in_memory: &'a TypedVec<Value, bool>,
    /// The stretches of points at which each value is in its slot, sorted.
    in_slots: Vec<(Value, Stretch)>,
    edits: &'a Edits,
    /// What moves that lead into blocks write, sorted by where.
    led_in: Vec<(ProgPoint, Allocation)>,
}

impl<'a> Residents<'a> {
    pub(crate) fn new(
        on: Input<'a>,
        places: &'a Places,
        tenants: &'a Tenants,
        slots: &'a Slots,
        in_memory: &'a TypedVec<Value, bool>,
        edits: &'a Edits,
        in_order: &[EditAt],
    ) -> Self {
        let mut in_slots = tenants.of_values.clone();
        in_slots.sort_unstable_by_key(|(value, stretch)| (*value, stretch.from));
        let led_in = in_order.iter().filter(|edit| edit.1).map(|&(point, _, _, to)| (point, to)).collect();
        Self { on, places, tenants, slots, in_memory, in_slots, edits, led_in }
    }

    /// Does the register hold, at the start of `block`, what it was to hold? Not if a move has been left out that would see to it.
    fn is_kept_at_start(&self, block: Block, reg: PReg) -> bool {
        let is_led_in = is_written_at_start(&self.led_in, self.on.flow, block, reg);
        !self.edits.dead.may_be_lost(self.on.flow, block, reg, is_led_in)
    }
}

impl Residence for Residents<'_> {
    fn at_start(&self, block: Block, wanted: impl Iterator<Item = Value>, put: &mut impl FnMut(Value, PReg)) {
        let entry = Points::entry(self.on.flow, block);
        for value in wanted {
            if let Some(reg) = self.places.piece_at(value, entry).and_then(|piece| piece.place)
                && self.is_kept_at_start(block, reg)
            {
                put(value, reg);
            }
        }
    }

    fn is_in_slot_at_start(&self, block: Block, value: Value) -> bool {
        let Point(entry) = Points::entry(self.on.flow, block);
        let first = self.in_slots.partition_point(|in_slot| in_slot.0 < value);
        let mut here = self.in_slots[first..].iter().take_while(|in_slot| in_slot.0 == value);
        here.any(|(_, stretch)| stretch.from <= entry && entry <= stretch.to)
    }

    fn slot(&self, value: Value) -> Option<Allocation> {
        let set = self.on.bundles.set_of[value];
        self.in_memory[value].then(|| self.slots.place(self.tenants.number(set)))
    }
}
