//! What the instructions of a block do with values, as far as the bound looks at it.

use crate::oracle::values::{Op, Value, Values};
use regatta::{Block, OperandConstraint, OperandKind, OperandPos, PReg, PRegSet, Problem};
use std::collections::{BTreeMap, BTreeSet};

/// Where an instruction wants a value that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Register,
    Anywhere,
    Memory,
}

/// All that one instruction does with one value.
#[derive(Clone, Debug)]
pub(super) struct Access {
    /// The instruction, counted from the start of the block.
    pub(super) at: usize,
    /// How it is used, if it is; the most expensive, if several times.
    pub(super) used: Option<Use>,
    /// The register of a fixed definition.
    pub(super) defined_in: Option<PReg>,
    /// The first half of an instruction, counted from the start of the block, at which the value takes room if it is kept.
    pub(super) kept_from: usize,
    /// How many of its registers the instruction overwrites.
    pub(super) spoiled: usize,
}

/// Registers that are taken, at half an instruction.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    /// By class: registers that the instruction's own operands are in.
    pub(super) needed: [u32; 3],
    /// Registers that nothing is in behind the instruction.
    pub(super) spoiled: PRegSet,
}

/// The accesses of a block.
#[derive(Debug, Default)]
pub(super) struct Accesses {
    pub(super) by_value: BTreeMap<Value, Vec<Access>>,
    /// For each half of each instruction.
    pub(super) room: Vec<Room>,
    /// By register: the instructions that overwrite it.
    writes: BTreeMap<PReg, Vec<usize>>,
}

impl Accesses {
    /// Looks at the instructions of a block.
    pub(super) fn new(problem: &Problem, values: &Values<'_>, block: Block) -> Self {
        let mut this = Self::default();
        for (at, inst) in problem.func.blocks[block.index()].insts.iter().enumerate() {
            let inst = Inst { problem, ops: values.ops(inst), clobbers: problem.func.insts[inst.index()].clobbers };
            let written = inst.written();
            for reg in &written {
                this.writes.entry(reg).or_default().push(at);
            }
            let mut early = Room::default();
            let mut late = Room { spoiled: inst.clobbers & inst.fixed_late().invert(), ..Room::default() };
            let named: BTreeSet<Value> = inst.ops.iter().map(|op| op.value).collect();
            for value in named {
                let class = values.class(value).index();
                let (needed_early, needed_late) = inst.registers_needed(value);
                early.needed[class] += needed_early;
                late.needed[class] += needed_late;
                this.by_value.entry(value).or_default().push(inst.access(at, value, needed_late > 0, &written));
            }
            this.room.extend([early, late]);
        }
        this
    }

    /// Is the register of a fixed definition overwritten before the next access, or the end of the block?
    pub(super) fn is_overwritten(&self, defined: &Access, next: Option<&Access>) -> bool {
        let Some(writes) = defined.defined_in.and_then(|reg| self.writes.get(&reg)) else { return false };
        let first = writes.get(writes.partition_point(|&at| at <= defined.at));
        first.is_some_and(|&at| next.is_none_or(|next| at < next.at))
    }
}

/// An instruction.
struct Inst<'a> {
    problem: &'a Problem,
    ops: &'a [Op],
    clobbers: PRegSet,
}

fn is_use(op: &&Op) -> bool {
    op.operand.kind() == OperandKind::Use
}

fn is_late(op: &&Op) -> bool {
    op.operand.pos() == OperandPos::Late
}

fn fixed(op: &Op) -> Option<PReg> {
    match op.operand.constraint() {
        OperandConstraint::FixedReg(reg) => Some(reg),
        _ => None,
    }
}

impl Inst<'_> {
    /// Registers of fixed operands in its second half.
    fn fixed_late(&self) -> PRegSet {
        self.ops.iter().filter(is_late).filter_map(fixed).collect()
    }

    /// Registers that something else is in behind it.
    fn written(&self) -> PRegSet {
        let defined: PRegSet = self.ops.iter().filter(|op| !is_use(op)).filter_map(fixed).collect();
        self.clobbers | defined
    }

    /// Registers of the allocator's that the operands of a value are in, in the instruction's halves.
    fn registers_needed(&self, value: Value) -> (u32, u32) {
        let allocatable = |reg: PReg| self.problem.env.allocatable(reg.class()) >> reg.hw_enc() & 1 != 0;
        let in_register = |op: &&Op| match op.operand.constraint() {
            OperandConstraint::Any | OperandConstraint::Stack => false,
            OperandConstraint::FixedReg(reg) => allocatable(reg),
            _ => true,
        };
        let ops = || self.ops.iter().filter(|op| op.value == value).filter(in_register);
        // Each fixed register, but at least one.
        let of_uses = |ops: &mut dyn Iterator<Item = &Op>| {
            let all: Vec<Option<PReg>> = ops.map(fixed).collect();
            let named: BTreeSet<PReg> = all.iter().copied().flatten().collect();
            (named.len() as u32).max(u32::from(!all.is_empty()))
        };
        let early_defs = ops().filter(|op| !is_use(op) && !is_late(op)).count() as u32;
        let defs = ops().filter(|op| !is_use(op)).count() as u32;
        let early = of_uses(&mut ops().filter(is_use)) + early_defs;
        let late = of_uses(&mut ops().filter(is_use).filter(is_late)) + defs;
        (early, late)
    }

    fn access(&self, at: usize, value: Value, is_held_late: bool, written: &PRegSet) -> Access {
        let ops = || self.ops.iter().filter(move |op| op.value == value);
        let on_stack = |reg: &PReg| self.problem.env.fixed_stack_slots.contains(reg);
        let kinds: Vec<Use> = ops()
            .filter(is_use)
            .map(|op| match op.operand.constraint() {
                OperandConstraint::Any => Use::Anywhere,
                OperandConstraint::Stack => Use::Memory,
                OperandConstraint::FixedReg(reg) if on_stack(&reg) => Use::Anywhere,
                _ => Use::Register,
            })
            .collect();
        let used = [Use::Memory, Use::Register, Use::Anywhere].into_iter().find(|kind| kinds.contains(kind));
        let is_reused =
            |op: &&Op| self.ops.iter().any(|def| def.operand.constraint() == OperandConstraint::Reuse(op.index));
        let spoiled = ops().filter(is_use).filter_map(|op| match fixed(op) {
            Some(reg) => (written.contains(reg) || is_reused(&op)).then_some((Some(reg), 0)),
            None => is_reused(&op).then_some((None, op.index)),
        });
        let spoiled = spoiled.collect::<BTreeSet<_>>().len();
        let (needed, _) = self.registers_needed(value);
        let kept_from = if is_held_late {
            2
        } else if needed > 0 && spoiled >= needed as usize {
            // It lives on in another register than those of its operands, and is in that before these are overwritten.
            0
        } else if needed > 0 || used == Some(Use::Anywhere) {
            1
        } else {
            // From a register that is not the allocator's, or from the stack, it moves over behind the instruction.
            2
        };
        Access {
            at,
            used,
            defined_in: ops().filter(|op| !is_use(op)).find_map(fixed),
            kept_from: 2 * at + kept_from,
            spoiled,
        }
    }
}
