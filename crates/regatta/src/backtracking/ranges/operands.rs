//! The operands of one instruction, on the walk backwards: what they leave on the live ranges of their values, and what the instruction
//! claims.

use super::super::points::Point;
use super::uses::{LOAD, MOVE, NO_LIMIT, STACK_OPERAND, STORE};
use super::{CopyIn, LiveRanges, Open, SlotOperand, Span, Use, UseKind, Walk};
use crate::code::{Code, Op, OpIndex, REUSED, ValueDef, Want, flag};
use crate::ir::{Inst, Machine, PerClass};

impl LiveRanges {
    /// Steps over one instruction, backwards.
    pub(super) fn inst(&mut self, walk: &mut Walk<'_>, machine: &Machine, inst: Inst, early: Point) {
        let (code, late) = (walk.code, early.plus(1));
        let info = code.insts[inst];
        let mut claimed = [[0u64; 2]; 3];
        if info.flags() & flag::KILLS != 0 {
            let clobbers = code.clobber_sets[info.clobbers()];
            for c in 0..3 {
                claimed[c][1] |= clobbers[c];
            }
        }
        let ops = code.op_range(inst);
        let copies = info.flags() & (flag::FIXED_USE | flag::REUSE) != 0;
        if copies {
            self.link(code, machine, ops.clone());
            for op in code.ops.as_slice()[ops.clone()].iter().filter(|op| op.is_use() && op.want == Want::Fixed) {
                claimed[op.class()][0] |= 1 << op.reg;
                claimed[op.class()][1] |= if op.is_late() { 1 << op.reg } else { 0 };
            }
        }
        if info.flags() & flag::DEFINES != 0 {
            for index in ops.clone() {
                let op = code.ops.as_slice()[index];
                if op.is_def() {
                    self.definition(walk, ops.start, OpIndex::new(index), early, &mut claimed);
                }
            }
        }
        for index in ops.clone() {
            let op = code.ops.as_slice()[index];
            if !op.is_use() || copies && self.is_linked(code, machine, OpIndex::new(index), op) {
                continue;
            }
            if op.is_late() && op.want == Want::Reg && self.is_torn(code, machine, ops.clone(), op, claimed[op.class()])
            {
                self.copy_apart(walk, OpIndex::new(index), op, early);
            } else {
                self.operand(walk, OpIndex::new(index), op, early);
            }
        }
        if copies {
            for op in &code.ops.as_slice()[ops] {
                if op.is_use() {
                    self.copied_for[op.value] = OpIndex::invalid();
                }
            }
        }
        if info.flags() & (flag::KILLS | flag::FIXED_USE | flag::REUSE) != 0 {
            for (c, claims) in self.claims.iter_mut().enumerate() {
                for (point, mask) in [(late, claimed[c][1]), (early, claimed[c][0])] {
                    let mask = mask & machine.allocatable[c];
                    if mask != 0 {
                        claims.push((point, mask));
                    }
                }
            }
        }
    }

    /// Finds operands for which a value is copied to a register in front of the instruction, where other operands can
    /// read it too. (If the value ends there, that lets its live range end in front of the instruction.)
    fn link(&mut self, code: &Code, machine: &Machine, ops: core::ops::Range<usize>) {
        for index in ops.clone() {
            let op = code.ops.as_slice()[index];
            if op.is_use() && (op.want == Want::Fixed || op.role & REUSED != 0) {
                self.copied_for[op.value] = OpIndex::new(index);
            }
        }
        for index in ops {
            let op = code.ops.as_slice()[index];
            if op.is_use() && self.is_linked(code, machine, OpIndex::new(index), op) {
                self.links.push((OpIndex::new(index), self.copied_for[op.value]));
            }
        }
    }

    /// Does the operand read its value where another operand has brought it?
    fn is_linked(&self, code: &Code, machine: &Machine, index: OpIndex, op: Op) -> bool {
        let to = self.copied_for[op.value];
        let may_share = matches!(op.want, Want::Reg | Want::Any) && op.role & REUSED == 0;
        if !may_share || to.is_invalid() || to == index {
            return false;
        }
        let target = code.ops[to];
        if op.is_late() && !(target.is_late() && target.want == Want::Fixed) {
            return false;
        }
        if target.want == Want::Fixed {
            let usable = machine.allocatable[op.class()] & !machine.stack[op.class()] & op.limit_mask();
            usable >> target.reg & 1 != 0
        } else {
            // A limit would become one of the definition.
            op.want == Want::Any || op.reg >= NO_LIMIT
        }
    }

    /// Had the value of a late use better not be in one register all through the instruction, as early uses of it leave
    /// it next to no choice?
    #[cold]
    fn is_torn(
        &self,
        code: &Code,
        machine: &Machine,
        ops: core::ops::Range<usize>,
        late: Op,
        claimed: [u64; 2],
    ) -> bool {
        let c = late.class();
        let mut common = machine.allocatable[c] & !machine.stack[c] & late.limit_mask() & !claimed[0] & !claimed[1];
        let mut is_limited = false;
        for index in ops {
            let op = code.ops.as_slice()[index];
            let is_early = op.is_use() && op.value == late.value && op.want == Want::Reg && !op.is_late();
            if is_early && op.role & REUSED == 0 && !self.is_linked(code, machine, OpIndex::new(index), op) {
                common &= op.limit_mask();
                is_limited |= op.reg != late.reg;
            }
        }
        common == 0 || is_limited && common.count_ones() <= 2
    }

    /// Gives a use a copy of its value for itself.
    #[cold]
    fn copy_apart(&mut self, walk: &mut Walk<'_>, index: OpIndex, op: Op, early: Point) {
        let copy = self.copies.push(CopyIn { early, to: index, input: index });
        let frequency = walk.frequency;
        self.make_live(walk.block, op.value, Span { from: walk.entry, to: early });
        let (from, to, weight) = (early.prev(), early, (LOAD - MOVE) * frequency);
        let input = Use { from, to, kind: UseKind::Input(copy), weight, limit: NO_LIMIT };
        self.found.push((op.value, input));
        let class = walk.code.values[op.value].class;
        self.extra.push(ValueDef {
            block: walk.block,
            inst: Inst::invalid(),
            class,
            is_param: false,
            on_branch: false,
        });
        let value = self.head.push(Open::invalid());
        self.alive.push(0);
        self.copied_for.push(OpIndex::invalid());
        let (from, to) = (early, early.plus(2));
        self.push(value, Span { from, to });
        self.found.push((value, Use { from, to, kind: UseKind::Reg(index), weight: LOAD * frequency, limit: op.reg }));
    }

    fn definition(
        &mut self,
        walk: &mut Walk<'_>,
        first: usize,
        index: OpIndex,
        early: Point,
        claimed: &mut PerClass<[u64; 2]>,
    ) {
        let code = walk.code;
        let op = code.ops[index];
        let (late, next) = (early.plus(1), early.plus(2));
        let input = (op.want == Want::Reuse).then(|| OpIndex::new(first + usize::from(op.reg)));
        let fixed = match input.map(|input| code.ops[input]) {
            Some(input) => (input.want == Want::Fixed).then_some(input.reg),
            None => (op.want == Want::Fixed).then_some(op.reg),
        };
        if let Some(input) = input {
            self.copies.push(CopyIn { early, to: index, input });
        }
        if let Some(reg) = fixed {
            claimed[op.class()][1] |= 1 << reg;
            if !op.is_late() {
                claimed[op.class()][0] |= 1 << reg;
            }
        }
        if op.want == Want::Stack {
            let from = if op.is_late() { late } else { early };
            self.stack_operands.push(SlotOperand { op: index, value: op.value, from, to: next });
        }
        let was_live = self.alive[op.value] == walk.block.0 + 1;
        self.alive[op.value] = 0;
        let limit = match input.map_or(op, |input| code.ops[input]) {
            Op { want: Want::Reg, reg, .. } => reg,
            _ => NO_LIMIT,
        };
        let (from, to, kind, weight) = if fixed.is_some() || op.want == Want::Stack {
            // Not live here, a value may still be live in code that cannot be reached, behind this or (if this cannot be reached
            // either) before. Then its slot is written all the same, and nothing that lives across is to share it.
            let is_dead = self.head[op.value].is_invalid() && walk.can_be_reached;
            if !was_live && (op.want != Want::Stack || next == walk.exit || is_dead) {
                return;
            }
            if fixed.is_some() || next == walk.exit {
                (next, next.plus(1), UseKind::FixedDef(index), STORE - MOVE)
            } else {
                // The slot is the value's from here on, even if it is to be in a register.
                (if op.is_late() { late } else { early }, next, UseKind::StackDef, 0.0)
            }
        } else if input.is_some() || !op.is_late() {
            let kind = if op.want == Want::Any { UseKind::AnyDef(index) } else { UseKind::Def(index) };
            (early, next, kind, STORE)
        } else if op.want == Want::Any {
            (late, next, UseKind::AnyDef(index), STACK_OPERAND)
        } else {
            (late, next, UseKind::Def(index), STORE)
        };
        // What a branch defines in a fixed place is moved on the edges: its live ranges are those in the blocks that
        // follow.
        let is_branch = next == walk.exit && from == next;
        if was_live {
            let head = self.head[op.value];
            let (span, below) = &mut self.open[head];
            span.from = if is_branch { from.plus(1) } else { from };
            if span.from >= span.to {
                self.head[op.value] = *below;
            }
        } else {
            self.push(op.value, Span { from, to });
        }
        if !is_branch {
            self.found.push((op.value, Use { from, to, kind, weight: weight * walk.frequency, limit }));
        }
    }

    fn operand(&mut self, walk: &mut Walk<'_>, index: OpIndex, op: Op, early: Point) {
        let end = if op.is_late() { early.plus(2) } else { early.plus(1) };
        let (from, to, kind, weight) = match op.want {
            Want::Stack => {
                self.stack_operands.push(SlotOperand { op: index, value: op.value, from: early, to: end });
                self.make_live(walk.block, op.value, Span { from: walk.entry, to: end });
                return;
            }
            Want::Fixed => (early.prev(), early, UseKind::Copy(index), LOAD - MOVE),
            _ if op.role & REUSED != 0 => {
                let mut copies = self.copies.iter().rev().take_while(|(_, copy)| copy.early == early);
                let copy = copies.find(|(_, copy)| copy.input == index).map(|(copy, _)| copy).unwrap_or_default();
                (early.prev(), early, UseKind::Input(copy), LOAD - MOVE)
            }
            // A late use may be in memory although an early one of the same value is in a register.
            Want::Any => (end.prev(), end, UseKind::Any(index), STACK_OPERAND),
            _ => (early, end, UseKind::Reg(index), LOAD),
        };
        self.make_live(walk.block, op.value, Span { from: walk.entry, to });
        // A reused input is only copied from: its limit holds for the copy.
        let limit = if op.want == Want::Reg && op.role & REUSED == 0 { op.reg } else { NO_LIMIT };
        self.found.push((op.value, Use { from, to, kind, weight: weight * walk.frequency, limit }));
    }
}
