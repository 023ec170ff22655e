//! Where values are at the start of each block, for debug locations: in the register of the piece that covers it, and
//! in the slot where the value's copy in memory lives.

use super::edits::Edits;
use super::frame::Tenants;
use super::places::{Input, Places};
use super::points::{Point, Points};
use crate::code::Value;
use crate::debug::{Residence, Stay};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, PReg};
use crate::output::Allocation;
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
}

impl<'a> Residents<'a> {
    pub(crate) fn new(
        on: Input<'a>,
        places: &'a Places,
        tenants: &'a Tenants,
        slots: &'a Slots,
        in_memory: &'a TypedVec<Value, bool>,
        edits: &'a Edits,
    ) -> Self {
        let mut in_slots = tenants.of_values.clone();
        in_slots.sort_unstable_by_key(|(value, stretch)| (*value, stretch.from));
        Self { on, places, tenants, slots, in_memory, in_slots, edits }
    }
}

impl Residence for Residents<'_> {
    fn start(&self, block: Block) -> u32 {
        let Point(entry) = Points::entry(self.on.flow, block);
        entry
    }

    fn stays(&self, value: Value, tell: &mut impl FnMut(Stay)) {
        let stay = |stretch, place| Stay { stretch, place, behind: Block::invalid(), from_start: true };
        for piece in self.places.pieces(value) {
            if let Some(reg) = piece.place
                && piece.from < piece.to
            {
                tell(stay(Stretch { from: piece.from.0, to: piece.to.prev().0 }, Allocation::reg(reg)));
            }
        }
        if let Some(slot) = self.slot(value) {
            let first = self.in_slots.partition_point(|in_slot| in_slot.0 < value);
            let of_value = self.in_slots[first..].iter().take_while(|in_slot| in_slot.0 == value);
            of_value.for_each(|&(_, stretch)| tell(stay(stretch, slot)));
        }
    }

    fn in_registers(&self, _: Block, _: &mut impl FnMut(Value, PReg)) {}

    fn is_kept(&self, block: Block, reg: PReg, is_led_in: bool) -> bool {
        !self.edits.dead.may_be_lost(self.on.flow, block, reg, is_led_in)
    }

    fn slot(&self, value: Value) -> Option<Allocation> {
        let set = self.on.bundles.set_of[value];
        self.in_memory[value].then(|| self.slots.place(self.tenants.number(set)))
    }
}
