//! Where values can be: registers, alone or in pools, fixed stack slots, and memory.
//!
//! Registers that nothing tells apart are one pool with as many seats: no operand names one of them, each instruction
//! spoils all of them or none, each limit admits all or none, and all of them are dear or none. A pool needs one column a
//! value where single registers need one each, and it hides from the solver that names of registers can be exchanged,
//! which it would otherwise try out.

use super::values::Values;
use regatta::{OperandConstraint, PReg, Problem, RegClass};
use std::collections::{BTreeMap, BTreeSet};

/// What kind of place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Registers that the allocator may use.
    Pool,
    /// A register that no value survives an instruction in, and which only operands that name it are in.
    Foreign,
    /// A slot of the frame that the client knows.
    FixedSlot,
    /// Spill slots, as many as one likes.
    Memory,
}

/// A place.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) kind: Kind,
    /// Its registers; none for memory.
    pub(super) regs: Vec<PReg>,
    /// Does each register that is written cost something?
    pub(super) dear: bool,
}

impl Place {
    /// Is what is here read and written by loads and stores?
    pub(super) fn on_stack(&self) -> bool {
        matches!(self.kind, Kind::FixedSlot | Kind::Memory)
    }

    /// How many values there is room for.
    pub(super) fn seats(&self) -> i64 {
        if self.kind == Kind::Memory { i64::MAX } else { self.regs.len() as i64 }
    }

    /// Are they all in the set of registers? Of a pool, all are or none.
    pub(super) fn is_in(&self, set: &regatta::PRegSet) -> bool {
        self.regs.first().is_some_and(|&reg| set.contains(reg))
    }
}

/// The places of each class; memory is the last of each.
#[derive(Clone, Debug)]
pub(super) struct Places {
    by_class: [Vec<Place>; 3],
}

impl Places {
    /// Finds the places of a function. With `apart`, every register is a place of its own.
    pub(super) fn new(problem: &Problem, values: &Values<'_>, apart: bool) -> Self {
        let by_class = RegClass::ALL.map(|class| of_class(problem, values, class, apart));
        Self { by_class }
    }

    pub(super) fn of(&self, class: RegClass) -> &[Place] {
        &self.by_class[class.index()]
    }
}

fn of_class(problem: &Problem, values: &Values<'_>, class: RegClass, apart: bool) -> Vec<Place> {
    let env = &problem.env;
    let mut named = BTreeSet::new();
    let mut limits = BTreeSet::new();
    let mut spoiled = BTreeSet::new();
    for (_, inst) in values.insts() {
        for op in values.ops(inst).iter().filter(|op| op.operand.class() == class) {
            match op.operand.constraint() {
                OperandConstraint::FixedReg(reg) => {
                    named.insert(reg);
                }
                OperandConstraint::Limit(limit) => {
                    limits.insert(limit);
                }
                _ => {}
            }
        }
        spoiled.insert(problem.func.insts[inst.index()].clobbers.class_mask(class));
    }
    let allocatable = env.allocatable(class);
    let stack: Vec<PReg> = env.fixed_stack_slots.iter().copied().filter(|slot| slot.class() == class).collect();
    let mut pools: BTreeMap<_, Vec<PReg>> = BTreeMap::new();
    for number in (0..64).filter(|number| allocatable >> number & 1 != 0) {
        let reg = PReg::new(number, class);
        let alone = (apart || named.contains(&reg)).then_some(reg);
        let dear = class == RegClass::Int && env.non_preferred_regs_by_class[class.index()].contains(reg);
        let spoilers: Vec<bool> = spoiled.iter().map(|mask| mask >> number & 1 != 0).collect();
        let admitted: Vec<bool> = limits.iter().map(|&limit| number < limit).collect();
        pools.entry((dear, alone, spoilers, admitted)).or_default().push(reg);
    }
    let pools = pools.into_iter().map(|((dear, ..), regs)| Place { kind: Kind::Pool, regs, dear });
    let others = named.iter().filter(|reg| allocatable >> reg.hw_enc() & 1 == 0);
    let others = others.map(|&reg| {
        let kind = if stack.contains(&reg) { Kind::FixedSlot } else { Kind::Foreign };
        // Only what is allocatable can be dear.
        Place { kind, regs: vec![reg], dear: false }
    });
    pools.chain(others).chain([Place { kind: Kind::Memory, regs: Vec::new(), dear: false }]).collect()
}
