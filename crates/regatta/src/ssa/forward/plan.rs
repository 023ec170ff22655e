//! Planning the registers of an instruction as a whole.
//!
//! Where an instruction needs nearly all registers of a class, taking operand after operand can fail though a solution exists: a use
//! without a limit sits in the one register that a limited one could have. Then all register operands are planned together, and the
//! instruction is allocated again with each of them fixed to its planned register.
//!
//! The sets of registers that operands accept are nested, all below some limit, so it is right to serve the smallest first.
//! Within a limit, operands that occupy a register both early and late (late uses, early definitions, reused inputs) come first.
//! Operands that need only one of the two points prefer registers that are useless at the other one. What fixed operands and
//! clobbers need is set aside at the start.

use super::registers::{CLASSES, RegFile, bit, lowest};
use super::{Forward, Input};
use crate::code::{Op, OpIndex, REUSED, Value, Want};
use crate::ir::{Inst, PerClass};
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

/// Which points of the instruction an operand occupies its register at.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Points {
    early: bool,
    late: bool,
}

impl Forward {
    /// Notes the state before an instruction with the operands `ops`.
    pub(super) fn save(&mut self, ops: &[Op]) {
        self.before.values.clear();
        for class in CLASSES {
            for reg in super::registers::Bits(self.regs.occupied[class]) {
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
            for reg in super::registers::Bits(self.regs.occupied[class]) {
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

    /// Fills `planned` with the operands `ops`, each that wants a register fixed to one. False if there is no solution.
    pub(super) fn plan(&mut self, on: &Input<'_>, inst: Inst, ops: &[Op]) -> bool {
        self.planned.clear();
        self.planned.extend_from_slice(ops);
        let clobbers = on.code.clobber_sets[on.code.insts[inst].clobbers()];
        let mut early = on.machine.allocatable;
        let mut late = on.machine.allocatable;
        for class in CLASSES {
            late[class] &= !clobbers[class];
        }
        for op in ops {
            if op.want == Want::Fixed {
                let class = op.class();
                let points = points(op, false);
                early[class] &= !if points.early { bit(op.reg) } else { 0 };
                late[class] &= !if points.late || op.role & REUSED != 0 { bit(op.reg) } else { 0 };
            }
        }
        self.pending.clear();
        self.pending.extend((0..ops.len()).map(OpIndex::new).filter(|op| ops[op.index()].want == Want::Reg));
        let rank = |index: &OpIndex| {
            let op = &ops[index.index()];
            let points = points(op, true);
            // (A limit that leaves all registers is none.)
            let registers = (op.limit_mask() & on.machine.allocatable[op.class()]).count_ones();
            (registers, !(points.early && points.late), index.0)
        };
        self.pending.sort_unstable_by_key(rank);
        for k in 0..self.pending.len() {
            let index = self.pending[k].index();
            let op = ops[index];
            let class = op.class();
            let points = points(&op, true);
            let allowed = op.limit_mask();
            // Uses of one value may share a register.
            let (shared, shared_late) = self.planned_for_value(ops, index);
            let is_reused = op.role & REUSED != 0;
            let lasts = if is_reused { late[class] } else { late[class] | shared_late };
            let shared = shared & allowed & on.machine.allocatable[class] & if points.late { lasts } else { !0 };
            if shared != 0 {
                // A register that is occupied late already takes no other.
                let at_no_cost = shared & shared_late & if is_reused { 0 } else { !0 };
                let reg = lowest(if at_no_cost != 0 { at_no_cost } else { shared });
                late[class] &= !if points.late { bit(reg) } else { 0 };
                self.fix(index, reg);
                continue;
            }
            let mut choice = allowed;
            if points.early {
                choice &= early[class];
            }
            if points.late {
                choice &= late[class];
            }
            let single = if points.late { choice & !early[class] } else { choice & !late[class] };
            if single != 0 && points.early != points.late {
                choice = single;
            }
            if choice == 0 {
                return false;
            }
            // Stay where the value is, if that is possible.
            let here = if op.is_use() { choice & self.status[op.value].held } else { 0 };
            let reg = lowest(if here != 0 { here } else { choice });
            early[class] &= !if points.early { bit(reg) } else { 0 };
            late[class] &= !if points.late { bit(reg) } else { 0 };
            self.fix(index, reg);
        }
        for op in &mut self.planned {
            if op.want == Want::Any {
                op.want = Want::Stack;
            }
        }
        true
    }

    fn fix(&mut self, index: usize, reg: u8) {
        self.planned[index].want = Want::Fixed;
        self.planned[index].reg = reg;
    }

    /// The registers planned for other uses of the same value, if operand `index` is one; and for those of them that are late.
    fn planned_for_value(&self, ops: &[Op], index: usize) -> (u64, u64) {
        let op = ops[index];
        let is_same = |other: &&Op| other.is_use() && other.value == op.value && other.want == Want::Fixed;
        let others = self.planned.iter().filter(|_| op.is_use()).filter(is_same);
        others.fold((0, 0), |(all, late), other| {
            let reg = bit(other.reg);
            (all | reg, late | if other.is_late() { reg } else { 0 })
        })
    }
}

fn points(op: &Op, with_reuse: bool) -> Points {
    if op.is_def() {
        Points { early: !op.is_late(), late: true }
    } else {
        Points { early: true, late: op.is_late() || with_reuse && op.role & REUSED != 0 }
    }
}
