//! What the walk holds in its hands: places before slots have numbers, moves, and the status of each value.

use super::candidates::NO_CANDIDATE;
use crate::code::{NO_REG, Value};
use crate::ir::{Inst, PReg};
use crate::live::{DEAD, FROM_MEMORY};
use crate::output::Allocation;
use core::hint::select_unpredictable;

/// A place, before slots have numbers: a register, or the slot of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loc(u32);

impl Loc {
    const SLOT: u32 = 1 << 31;

    #[inline(always)]
    pub(crate) fn reg(reg: PReg) -> Self {
        Self(reg.index() as u32)
    }

    #[inline(always)]
    pub(crate) fn slot_of(value: Value) -> Self {
        Self(value.0 | Self::SLOT)
    }

    /// The register, unless it is a slot.
    pub(super) fn as_reg(self) -> Option<PReg> {
        (self.0 & Self::SLOT == 0).then(|| PReg::from_index(self.0 as usize))
    }

    /// The place as the client knows it.
    #[inline]
    pub(crate) fn resolve(self, slot_of: impl FnOnce(Value) -> Allocation) -> Allocation {
        if self.0 & Self::SLOT != 0 {
            slot_of(Value(self.0 & !Self::SLOT))
        } else {
            Allocation::reg(PReg::from_index(self.0 as usize))
        }
    }
}

/// A move next to an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalMove {
    pub(crate) inst: Inst,
    /// After the instruction rather than before.
    pub(crate) after: bool,
    pub(crate) from: Loc,
    pub(crate) to: Loc,
}

/// A value in a register at a block's boundary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InReg {
    pub(crate) value: Value,
    pub(crate) reg: PReg,
}

impl InReg {
    #[inline(always)]
    pub(super) fn is(self, value: Value, reg: PReg) -> bool {
        self.value == value && self.reg == reg
    }
}

/// What the walk knows of a value, in one place, since it mostly asks for several of these at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    /// The registers that hold it, by number in its class.
    pub(super) held: u64,
    /// The position of its next use from here; see [`Status::expect_at_entry`].
    pub(super) next: u32,
    /// That of its next use by way of the back edge of a loop around this block.
    pub(super) round: u32,
    /// When `next` was last set at the start of a block: `Forward::visit`.
    pub(super) visit: u32,
    /// The parameter that it becomes over the hottest edge that it becomes one over, a back edge rather than another.
    pub(super) becomes: Value,
    /// Its number among the candidates at the entry of a block; [`NO_CANDIDATE`] elsewhere.
    pub(super) candidate_of: u32,
    /// The register that it, a parameter, or a value that becomes it was last in.
    pub(super) last_reg: u8,
    /// The register that it is made in.
    pub(super) def_reg: u8,
    /// Its class, as an index.
    pub(super) class: u8,
    /// Is it live across a call?
    pub(super) crosses_call: bool,
}

impl Status {
    /// That of a value that is in no register, and not needed.
    #[inline(always)]
    pub(super) fn new(class: u8, crosses_call: bool) -> Self {
        Self {
            held: 0,
            next: DEAD,
            round: DEAD,
            visit: 0,
            becomes: Value::invalid(),
            candidate_of: NO_CANDIDATE,
            last_reg: NO_REG,
            def_reg: NO_REG,
            class,
            crosses_call,
        }
    }

    /// Its next use behind this point of its block is at `next`, unless it comes round a back edge sooner.
    #[inline(always)]
    pub(super) fn expect(&mut self, next: u32) {
        self.next = select_unpredictable(next < self.round, next, self.round);
    }

    /// Its next use from the start of the block that is visited as number `visit`: what has been found out about the block, or else by way
    /// of a back edge. This is noted.
    #[inline(always)]
    pub(super) fn expect_at_entry(&mut self, visit: u32) -> u32 {
        self.next = select_unpredictable(self.visit == visit, self.next, self.round);
        self.next
    }

    /// Is it needed, and a register of use to it until then?
    #[inline(always)]
    pub(super) fn is_wanted(&self) -> bool {
        self.next < FROM_MEMORY
    }

    /// If it is not needed any more, it leaves its registers: these. (Half of the values that are used are used no more: a branch would be
    /// a gamble.)
    #[inline(always)]
    pub(super) fn leave_if_dead(&mut self) -> u64 {
        let left = select_unpredictable(self.next == DEAD, self.held, 0);
        self.held ^= left;
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(next: u32, round: u32) -> Status {
        Status { held: 0b110, next, round, ..Status::new(0, false) }
    }

    #[test]
    fn the_sooner_use_counts() {
        let mut value = status(DEAD, 9);
        value.expect(7);
        assert_eq!(value.next, 7);
        value.expect(DEAD);
        assert_eq!(value.next, 9);
    }

    #[test]
    fn only_the_dead_leave_their_registers() {
        let mut value = status(9, DEAD);
        assert_eq!((value.leave_if_dead(), value.held), (0, 0b110));
        value.expect(DEAD);
        assert_eq!((value.leave_if_dead(), value.held), (0b110, 0));
    }
}
