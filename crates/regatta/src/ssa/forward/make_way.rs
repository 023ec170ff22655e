//! Making way for a definition.
//!
//! A definition had best be made where it is wanted, an argument's register for one. What is there now has to leave it before that instruction
//! comes, if it lives so long, and often it is known where to: into a register that survives the calls that it lives across, or into the
//! argument's register that it is itself wanted in, which may take sending someone else on his way first; or into the register of the
//! parameter that it becomes. Then it leaves at once: one move now, rather than one now and another later, to bring the definition to
//! where it is wanted. What goes round a loop in memory does not even leave: it is forgotten.
//!
//! If it cannot leave, since its parameter's register is free behind the instruction only, the definition had best not take that one: both would have to change
//! places on the edge, which is one move more than for either to go where it is wanted by itself.
//!
//! And in code that is executed rarely, a definition that lives across a call had rather not be the first in a register that must be saved for the caller, as long as
//! one that is saved anyway holds a value which is done with before the next call: that can wait in a register which calls take. It costs a move, and
//! spares a store and a load. (Over a hundred functions of the corpus are cheaper by one register or two, a dozen are dearer, by a move.)
//!
//! What is wanted is taken from the first mention of a value, which may be past; then a move is made that another would have been
//! made for. Over the corpus, 1 function in 16 is cheaper for sending values where they are wanted, 1 in 240 dearer.

use super::registers::{Bits, COLD, bit};
use super::state::Status;
use super::{Forward, Input};
use crate::code::{NO_REG, Op, Value};
use crate::ir::Inst;
use crate::live::{DEAD, FROM_MEMORY};

/// So many values at most are sent on their way for one definition: about as many as a call has arguments.
const LONGEST_CHAIN: usize = 6;

/// So many uses are looked at to find out where a value dies.
const USES: usize = 8;

impl Forward {
    /// If the register that `def`, which is wanted in `hint`, had best be made in holds a value that is to leave it in any case, moves that value there and then, or
    /// forgets it if no register is of use to it. The move comes before the instruction: the registers that it has `read` so far are not free, though what is in
    /// them may die here, and what is in those that it has `defined` does not exist yet. Returns which registers the definition had best keep out of
    /// if that value stays.
    #[inline(always)]
    pub(super) fn make_way(&mut self, on: &Input<'_>, def: &Op, hint: u8, read: u64, defined: u64) -> u64 {
        let wish = self.wish_of(def.value, hint);
        if wish != NO_REG && self.regs.occupied[def.class()] & !defined & bit(wish) != 0 {
            let for_param = if hint == NO_REG { Some(self.status[def.value].becomes) } else { None };
            self.make_way_in(on, def.class(), wish, for_param, read | defined)
        } else {
            0
        }
    }

    /// The same: the register is `wish`, that of the parameter `for_param` if any. Those in `taken` are not free, nor are those that are occupied.
    #[inline(never)]
    fn make_way_in(&mut self, on: &Input<'_>, class: usize, wish: u8, for_param: Option<Value>, taken: u64) -> u64 {
        let there = self.regs.value(class, wish);
        if self.status[there].next == FROM_MEMORY {
            // It is in memory, and will be loaded from there if it is used again.
            self.forget(on, class, wish);
            return 0;
        }
        if !self.is_needed_there(there, wish) {
            return 0;
        }
        let free = on.machine.allocatable[class] & !taken & !self.regs.occupied[class];
        if let Some(param) = for_param {
            if let Some(to) = self.way_out_for_param(on, there, class, free) {
                self.send(on, class, wish, to);
                return 0;
            }
            return self.place_to_swap(on, there, param);
        }
        if let Some(to) = self.way_out_of_calls(on, there, class, free) {
            self.send(on, class, wish, to);
        } else {
            self.send_where_wanted(on, class, wish, free, taken);
        }
        0
    }

    /// Is `reg` the only place of the value in it, and the value needed?
    fn is_needed_there(&self, value: Value, reg: u8) -> bool {
        self.status[value].held == bit(reg) && self.status[value].next != DEAD
    }

    /// Moves what is in `from` to `to`.
    fn send(&mut self, on: &Input<'_>, class: usize, from: u8, to: u8) {
        self.bring(on, self.regs.value(class, from), class, to);
        self.free(class, from);
    }

    /// Of the registers `free` one that survives the calls that `value` lives across, if it does.
    fn way_out_of_calls(&self, on: &Input<'_>, value: Value, class: usize, free: u64) -> Option<u8> {
        let survivors = free & on.code.survivors[class] & self.used_or_cheap(on, class);
        (self.status[value].crosses_call && survivors != 0).then(|| self.pick(on, survivors, value, NO_REG, 0))
    }

    /// The register of the parameter that `value` becomes, if it is one of the same block as `param`.
    fn place_to_swap(&self, on: &Input<'_>, value: Value, param: Value) -> u64 {
        let becomes = self.status[value].becomes;
        let to = self.register_of_param(value);
        if to != NO_REG && on.code.values[becomes].block == on.code.values[param].block { bit(to) } else { 0 }
    }

    /// The register of the parameter that `value` becomes; [`NO_REG`] if there is none.
    fn register_of_param(&self, value: Value) -> u8 {
        let becomes = self.status[value].becomes;
        if becomes.is_valid() { self.status[becomes].last_reg } else { NO_REG }
    }

    /// Of the registers `free` that of the parameter that `value` becomes (`previous, current = current, next`).
    fn way_out_for_param(&self, on: &Input<'_>, value: Value, class: usize, free: u64) -> Option<u8> {
        let to = self.register_of_param(value);
        let unwanted = free & !u64::from(on.next_uses.wishes.avoid(self.inst)[class]);
        (to != NO_REG && unwanted & bit(to) != 0).then_some(to)
    }

    /// Moves what is in `reg` to the register that it is wanted in; first what is in that one to where that is wanted, and so on. If that leads to
    /// none of the registers `free`, nothing is moved.
    fn send_where_wanted(&mut self, on: &Input<'_>, class: usize, reg: u8, free: u64, taken: u64) {
        let mut chain = [reg; LONGEST_CHAIN + 1];
        for length in 1..chain.len() {
            let last = chain[length - 1];
            let value = self.regs.value(class, last);
            let next = on.next_uses.wish(value);
            let is_possible = next != NO_REG && on.machine.allocatable[class] & !taken & bit(next) != 0;
            if !self.is_needed_there(value, last) || !is_possible || chain[..length].contains(&next) {
                return;
            }
            chain[length] = next;
            if free & bit(next) != 0 {
                for step in chain[..=length].windows(2).rev() {
                    if let &[from, to] = step {
                        self.send(on, class, from, to);
                    }
                }
                return;
            }
        }
    }

    /// For a definition that lives across a call, and would be the first in a register that must be saved for the caller: one of the registers `among` that survives
    /// calls and is in use, but by a value that is not needed behind the next one. That moves to a register which calls take, but for those in `taken`.
    #[cold]
    pub(super) fn vacate(&mut self, on: &Input<'_>, def: &Op, among: u64, taken: u64) -> Option<u8> {
        let class = def.class();
        if self.frequency > COLD || !self.status[def.value].crosses_call {
            return None;
        }
        let survivors = on.code.survivors[class];
        let among = among & self.used_or_cheap(on, class);
        let free = among & !taken & !self.regs.occupied[class] & !survivors;
        if free == 0 {
            return None;
        }
        for reg in Bits(among & self.regs.occupied[class] & survivors) {
            let there = self.regs.value(class, reg);
            if self.status[there].held == bit(reg) && self.dies_before_call(on, there) {
                let avoid = u64::from(on.next_uses.wishes.avoid(self.inst)[class]);
                let to = self.pick(on, free, there, on.next_uses.wish(there), avoid);
                self.send(on, class, reg, to);
                return Some(reg);
            }
        }
        None
    }

    /// Is the last use of `value` in this block, and no call before it?
    fn dies_before_call(&mut self, on: &Input<'_>, value: Value) -> bool {
        let call = self.next_call(on);
        let (first, start) = (on.flow.graph.first(self.block).0, on.flow.start(self.block));
        let Status { mut next, round, .. } = self.status[value];
        if round != DEAD || next == DEAD {
            return false;
        }
        for _ in 0..USES {
            // (What is live into the block only by way of what is cut off its list may still have its next use from elsewhere.)
            if next < self.pos || next > call || next >= on.flow.end(self.block) {
                return false;
            }
            let ops = on.code.op_range(Inst(first + (next - start)));
            let uses = on.code.ops.as_slice()[ops].iter().filter(|op| op.is_use() && op.value == value);
            let Some(behind) = uses.map(|op| op.next).max() else { return false };
            if behind == DEAD {
                return true;
            }
            next = behind;
        }
        false
    }
}
