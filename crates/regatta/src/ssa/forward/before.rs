//! Trying an instruction twice: the state before it is kept, so that a failed attempt can be taken back.
//!
//! The second attempt has the registers of all operands planned as a whole ([`crate::code::InstPlan`]).

use super::Forward;
use super::registers::{Bits, CLASSES, RegFile};
use crate::code::{Op, Value, Want};
use crate::ir::PerClass;
use alloc::vec::Vec;

/// The state before an instruction, to which a failed attempt returns.
#[derive(Debug, Default)]
pub(super) struct Before {
    values: Vec<(usize, u8, Value)>,
    used: PerClass<u64>,
    moves: usize,
    slot_operands: usize,
    next_uses: Vec<(Value, u32)>,
}

impl Forward {
    /// Notes the state before an instruction with the operands `ops`.
    pub(super) fn save(&mut self, ops: &[Op]) {
        self.before.values.clear();
        for class in CLASSES {
            for reg in Bits(self.regs.occupied[class]) {
                self.before.values.push((class, reg, self.regs.value(class, reg)));
            }
        }
        self.before.next_uses.clear();
        for op in ops.iter().filter(|op| op.want != Want::Ignored) {
            self.before.next_uses.push((op.value, self.status[op.value].next));
        }
        self.before.used = self.used;
        self.before.moves = self.moves.len();
        self.before.slot_operands = self.slot_operands.len();
    }

    /// Goes back to the state before the instruction. Reloads that were noted since stay noted: at worst a store too many.
    pub(super) fn restore(&mut self, ops: &[Op]) {
        for class in CLASSES {
            for reg in Bits(self.regs.occupied[class]) {
                let value = self.regs.value(class, reg);
                self.status[value].held = 0;
            }
        }
        for op in ops.iter().filter(|op| op.is_def()) {
            self.status[op.value].held = 0;
        }
        self.regs = RegFile::default();
        let before = core::mem::take(&mut self.before);
        for &(class, reg, value) in &before.values {
            self.put(class, reg, value);
        }
        self.used = before.used;
        self.moves.truncate(before.moves);
        self.slot_operands.truncate(before.slot_operands);
        for &(value, next_use) in before.next_uses.iter().rev() {
            self.status[value].next = next_use;
        }
        self.before = before;
    }
}
