//! Single moves, one after the other, and the registers and slots that they need besides the places they connect.
//!
//! A move between two places in memory goes by way of a register, which the [`Temporaries`] name: a free one, or else a
//! *victim*, any register at all, whose content waits in an emergency slot. A victim stays borrowed as long as nobody
//! reads or writes it in its own right, so that a long row of moves in memory borrows once. What such a register was last
//! loaded with is remembered: moves from one slot to several others load once.

use crate::ir::entity::entity;
use crate::ir::{PReg, RegClass};
use crate::output::Allocation;

entity! {
    /// A place that takes part in a set of moves, numbered in the order in which they name it.
    pub(super) struct Place, "place"
}

/// What a sequence of moves may use besides the places that it connects.
pub(crate) trait Temporaries {
    /// Is this register a fixed stack slot, that is, memory?
    fn is_stack(&self, reg: PReg) -> bool;

    /// A register of the class that holds nothing before, during or after the moves (the dedicated scratch, if no move names it, or a
    /// free one), if there is one. Asked at most once a class for each set of moves.
    fn free_register(&mut self, class: RegClass) -> Option<PReg>;

    /// An emergency spill slot of the class, number `n` (0 or 1): the same slot for the same `n`, in no move of the set.
    fn emergency_slot(&mut self, class: RegClass, n: usize) -> Allocation;

    /// Any register of the class; its content is saved to an emergency slot and restored.
    fn victim(&self, class: RegClass) -> PReg;
}

/// The emergency slot that a victim's content waits in. The other, 1, is for a value of a cycle, at the same time.
const VICTIMS: usize = 0;

/// The register by way of which moves in memory go.
#[derive(Clone, Copy)]
enum Register {
    /// Nobody has asked yet.
    Unknown,
    /// Holds nothing that is needed.
    Free(PReg),
    /// There is no free one, and none is borrowed.
    None,
    /// Its content is in the emergency slot.
    Borrowed(PReg),
}

/// Of one class: that register, and the place whose value, as it was before all moves, it holds.
#[derive(Clone, Copy)]
struct Scratch {
    register: Register,
    holds: Place,
}

/// The sequence as it grows.
pub(super) struct Sequence<'a, T, E> {
    temps: &'a mut T,
    emit: &'a mut E,
    scratch: [Scratch; 3],
    any_borrowed: bool,
}

impl<'a, T: Temporaries, E: FnMut(Allocation, Allocation)> Sequence<'a, T, E> {
    pub(super) fn new(temps: &'a mut T, emit: &'a mut E) -> Self {
        let scratch = [Scratch { register: Register::Unknown, holds: Place::invalid() }; 3];
        Self { temps, emit, scratch, any_borrowed: false }
    }

    /// Moves between places of which at least one is a register.
    #[inline]
    pub(super) fn direct(&mut self, from: Allocation, to: Allocation) {
        if self.any_borrowed {
            for class in RegClass::ALL {
                if let Register::Borrowed(victim) = self.scratch[class.index()].register {
                    if from == Allocation::reg(victim) {
                        self.release(class);
                    } else if to == Allocation::reg(victim) {
                        // What it held before is overwritten, so nobody wants it back.
                        self.scratch[class.index()] = Scratch { register: Register::None, holds: Place::invalid() };
                    }
                }
            }
        }
        (self.emit)(from, to);
    }

    /// Moves between two places in memory. `value` is the place whose value before all moves is at `from`.
    #[cold]
    pub(super) fn in_memory(&mut self, from: Allocation, to: Allocation, class: RegClass, value: Place) {
        let register = Allocation::reg(self.register(class));
        let scratch = &mut self.scratch[class.index()];
        if scratch.holds != value {
            scratch.holds = value;
            (self.emit)(from, register);
        }
        (self.emit)(register, to);
    }

    /// The register that is free or borrowed, after borrowing one if need be.
    fn register(&mut self, class: RegClass) -> PReg {
        if let Some(free) = self.free_register(class) {
            return free;
        }
        if let Register::Borrowed(victim) = self.scratch[class.index()].register {
            return victim;
        }
        let victim = self.temps.victim(class);
        let slot = self.temps.emergency_slot(class, VICTIMS);
        (self.emit)(Allocation::reg(victim), slot);
        self.scratch[class.index()] = Scratch { register: Register::Borrowed(victim), holds: Place::invalid() };
        self.any_borrowed = true;
        victim
    }

    /// The register that holds nothing, if there is one.
    pub(super) fn free_register(&mut self, class: RegClass) -> Option<PReg> {
        let register = &mut self.scratch[class.index()].register;
        if let Register::Unknown = *register {
            *register = self.temps.free_register(class).map_or(Register::None, Register::Free);
        }
        if let Register::Free(free) = *register { Some(free) } else { None }
    }

    /// Lets a register be used as if it were free, as there is none.
    pub(super) fn lend(&mut self, reg: PReg, class: RegClass) {
        self.scratch[class.index()].register = Register::Free(reg);
    }

    /// Puts the value that `value` had before all moves, now at `from`, into the free register, until the next move in
    /// memory of the class.
    pub(super) fn hold_in(&mut self, free: PReg, from: Allocation, class: RegClass, value: Place) {
        let scratch = &mut self.scratch[class.index()];
        if scratch.holds != value {
            scratch.holds = value;
            (self.emit)(from, Allocation::reg(free));
        }
    }

    /// The emergency slot for a value of a cycle. `alone`: no victim will be borrowed while the value is there, so that
    /// the frame need have one slot only.
    pub(super) fn slot(&mut self, class: RegClass, alone: bool) -> Allocation {
        if alone {
            self.release(class);
        }
        self.temps.emergency_slot(class, if alone { VICTIMS } else { 1 - VICTIMS })
    }

    /// The register where the value that `value` had before all moves happens to be.
    #[inline]
    pub(super) fn held(&self, class: RegClass, value: Place) -> Option<PReg> {
        match self.scratch[class.index()] {
            Scratch { register: Register::Free(free), holds } if holds == value => Some(free),
            _ => None,
        }
    }

    /// Gives a victim its content back.
    fn release(&mut self, class: RegClass) {
        if let Register::Borrowed(victim) = self.scratch[class.index()].register {
            let slot = self.temps.emergency_slot(class, VICTIMS);
            (self.emit)(slot, Allocation::reg(victim));
            self.scratch[class.index()] = Scratch { register: Register::None, holds: Place::invalid() };
        }
    }

    /// Gives every victim its content back.
    #[inline]
    pub(super) fn finish(mut self) {
        if self.any_borrowed {
            for class in RegClass::ALL {
                self.release(class);
            }
        }
    }
}
