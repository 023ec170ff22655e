//! What can be checked without following any value: that the output's tables fit the function, that every location fits
//! its operand's constraint, that the operands of an instruction do not get into each other's way, and that every edit is
//! a move that a machine can do, at a point where there can be one.

use super::fault::{FaultKind, Faults};
use super::locations::{Loc, Locations, Place, move_class, place_of};
use crate::ir::{Function, Inst, Operand, OperandConstraint, OperandKind, OperandPos, PRegSet, RegClass, VReg};
use crate::output::{Allocation, Edit, InstPosition, Output, ProgPoint};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// Checks that each instruction has as many locations as operands. Nothing else can be looked at where that is not so.
pub(super) fn check_alloc_table(func: &impl Function, output: &Output, faults: &mut Faults) {
    let (insts, offsets) = (func.num_insts(), output.inst_alloc_offsets.len());
    if offsets != insts {
        let message = || format!("the function has {insts} instructions, the output offsets for {offsets}");
        faults.report(FaultKind::AllocTable, None, message);
        return;
    }
    let mut expected = 0;
    for (inst, &offset) in (0..insts).map(Inst::new).zip(&output.inst_alloc_offsets) {
        if offset as usize != expected {
            faults.report(FaultKind::AllocTable, Some(ProgPoint::before(inst)), || {
                format!("the locations of {inst} begin at {offset}; those of the operands before it end at {expected}")
            });
            return;
        }
        expected += func.inst_operands(inst).len();
    }
    let allocs = output.allocs.len();
    if allocs != expected {
        faults.report(FaultKind::AllocTable, None, || format!("{expected} operands have {allocs} locations"));
    }
}

/// Checks the operands' locations and the edits.
pub(super) struct ShapeCheck<'a, F> {
    pub(super) func: &'a F,
    pub(super) allocatable: PRegSet,
    pub(super) output: &'a Output,
    pub(super) locs: &'a Locations,
    pub(super) fixed_stack: PRegSet,
    /// Registers that moves may go through.
    pub(super) scratch: PRegSet,
    /// What the instruction that was asked about last uses in fixed registers.
    pub(super) fixed_uses: (Inst, PRegSet),
    pub(super) faults: &'a mut Faults,
}

impl<F: Function> ShapeCheck<'_, F> {
    pub(super) fn run(&mut self) {
        self.check_edits();
        let mut overlaps = OverlapCheck::new(self.locs.len());
        let mut def_at = if self.func.allow_multiple_vreg_defs() {
            vec![(Inst::invalid(), Allocation::none()); self.func.num_vregs()]
        } else {
            Vec::new()
        };
        for inst in (0..self.func.num_insts()).map(Inst::new) {
            let (operands, allocs) = (self.func.inst_operands(inst), self.output.inst_allocs(inst));
            for (n, (&op, &alloc)) in operands.iter().zip(allocs).enumerate() {
                if let Err((kind, why)) = self.check_operand(op, alloc, allocs) {
                    self.report(kind, inst, n, op, alloc, &why);
                }
                if op.kind() == OperandKind::Def
                    && let Some(first) = def_at.get_mut(op.vreg().vreg())
                {
                    if first.0 != inst {
                        *first = (inst, alloc);
                    } else if first.1 != alloc {
                        let why = format!("another definition of it by this instruction is in {}", first.1);
                        self.report(FaultKind::SplitDef, inst, n, op, alloc, &why);
                    }
                }
            }
            let clobbers = self.func.inst_clobbers(inst);
            for (n, (&op, &alloc)) in operands.iter().zip(allocs).enumerate() {
                let lasts = op.kind() == OperandKind::Def || op.pos() == OperandPos::Late;
                if op.as_fixed_nonallocatable().is_some() {
                    continue;
                }
                if let Some(Place::Reg(reg)) = place_of(alloc)
                    && lasts
                    && clobbers.contains(reg)
                {
                    self.report(FaultKind::Clobbered, inst, n, op, alloc, "the instruction clobbers it");
                }
                if let Some(other) = overlaps.occupy(self.locs, inst, n, operands, allocs, self.multiple(op)) {
                    let why = format!("operand {other} ({}) is there at the same time", operands[other]);
                    self.report(FaultKind::Overlap, inst, n, op, alloc, &why);
                }
            }
        }
    }

    /// The value whose other definitions by the same instruction may share a definition's place.
    fn multiple(&self, op: Operand) -> Option<VReg> {
        (op.kind() == OperandKind::Def && self.func.allow_multiple_vreg_defs()).then(|| op.vreg())
    }

    fn report(&mut self, kind: FaultKind, inst: Inst, n: usize, op: Operand, alloc: Allocation, why: &str) {
        let message = || format!("operand {n} of {inst} ({op}) is in {alloc}: {why}");
        self.faults.report(kind, Some(ProgPoint::before(inst)), message);
    }

    /// Does the location fit the operand's constraint?
    fn check_operand(&self, op: Operand, alloc: Allocation, allocs: &[Allocation]) -> Result<(), (FaultKind, String)> {
        let wrong = |why: String| Err((FaultKind::Constraint, why));
        let Some(place) = place_of(alloc) else {
            return Err((FaultKind::NoLocation, format!("{:#x} is the encoding of no place", alloc.bits())));
        };
        let reg = match place {
            Place::Slot(_) => {
                self.check_slot(alloc, op.class()).map_err(|why| (FaultKind::Slot, why))?;
                None
            }
            Place::Reg(reg) if reg.class() != op.class() => {
                return wrong(format!("{reg} is no register of class {:?}", op.class()));
            }
            Place::Reg(reg) if self.fixed_stack.contains(reg) => None,
            Place::Reg(reg) => Some(reg),
        };
        // An instruction may use the scratch register and others that are not allocatable for its own purposes, so only a client that asks
        // for them by name gets them.
        let is_foreign = reg.is_some_and(|reg| !self.allocatable.contains(reg));
        match op.constraint() {
            OperandConstraint::FixedReg(fixed) if place != Place::Reg(fixed) => wrong(format!("it must be in {fixed}")),
            OperandConstraint::FixedReg(_) => Ok(()),
            OperandConstraint::Reuse(input) => match allocs.get(input) {
                Some(&other) if other != alloc => wrong(format!("it must be where operand {input} is, in {other}")),
                Some(_) if reg.is_some() => Ok(()),
                Some(_) => wrong(String::from("it must be in a register")),
                None => wrong(format!("there is no operand {input} to share with")),
            },
            _ if is_foreign => wrong(String::from("that register is not allocatable")),
            OperandConstraint::Any => Ok(()),
            OperandConstraint::Stack if reg.is_some() => wrong(String::from("it must be on the stack")),
            OperandConstraint::Stack => Ok(()),
            OperandConstraint::Reg if reg.is_none() => wrong(String::from("it must be in a register")),
            OperandConstraint::Reg => Ok(()),
            OperandConstraint::Limit(limit) => match reg {
                Some(reg) if reg.hw_enc() < limit => Ok(()),
                _ => wrong(format!("it must be in a register numbered below {limit}")),
            },
        }
    }

    /// Is the slot, if it is one, within the frame, and aligned to its size?
    fn check_slot(&self, alloc: Allocation, class: RegClass) -> Result<(), String> {
        let Some(Place::Slot(slot)) = place_of(alloc) else { return Ok(()) };
        let words = self.locs.layout().words(slot, class);
        let Some((first, size)) = words.filter(|&(first, size)| (first + size) as usize <= self.output.num_spillslots)
        else {
            return Err(format!("the frame has {} words", self.output.num_spillslots));
        };
        if first % size == 0 { Ok(()) } else { Err(format!("a slot of {size} words begins at a multiple of that")) }
    }

    fn check_edits(&mut self) {
        let mut last = None;
        for (point, edit) in &self.output.edits {
            let Edit::Move { from, to } = edit;
            let mut report = |kind, why: &str| {
                self.faults.report(kind, Some(*point), || format!("the move from {from} to {to} {point}: {why}"));
            };
            let inst = point.inst();
            if last > Some(*point) {
                report(FaultKind::EditOrder, "one at a later point stands before it");
            }
            last = last.max(Some(*point));
            if inst.index() >= self.func.num_insts() {
                report(FaultKind::EditPoint, "there is no such instruction");
            } else if point.pos() == InstPosition::After && (self.func.is_branch(inst) || self.func.is_ret(inst)) {
                report(FaultKind::EditPoint, "control does not get behind the end of a block");
            }
            let verdict = self.check_move(*from, *to).and_then(|()| self.check_target(*point, *to));
            if let Err((kind, why)) = verdict {
                self.faults.report(kind, Some(*point), || format!("the move from {from} to {to} {point}: {why}"));
            }
        }
    }

    /// May a move at this point write there? A register that is not the allocator's, it writes only for an instruction that is next and
    /// uses it.
    fn check_target(&mut self, point: ProgPoint, to: Allocation) -> Result<(), (FaultKind, String)> {
        let Some(Place::Reg(reg)) = place_of(to) else { return Ok(()) };
        if self.allocatable.contains(reg) || self.scratch.contains(reg) || self.fixed_stack.contains(reg) {
            return Ok(());
        }
        // Of a point beyond the function, [`ShapeCheck::check_edits`] complains.
        let behind = point.pos() == InstPosition::After && point.inst().index() < self.func.num_insts();
        let next = if behind { point.inst().next() } else { point.inst() };
        if self.fixed_uses.0 != next {
            let there_is = next.index() < self.func.num_insts();
            let operands = if there_is { self.func.inst_operands(next) } else { &[] };
            let uses =
                operands.iter().filter(|op| op.kind() == OperandKind::Use && op.as_fixed_nonallocatable().is_none());
            let fixed = uses.filter_map(|op| match op.constraint() {
                OperandConstraint::FixedReg(fixed) => Some(fixed),
                _ => None,
            });
            self.fixed_uses = (next, fixed.collect());
        }
        if self.fixed_uses.1.contains(reg) {
            return Ok(());
        }
        let why = format!("{reg} is neither allocatable nor scratch, and {next} does not use it");
        Err((FaultKind::BadMove, why))
    }

    fn check_move(&self, from: Allocation, to: Allocation) -> Result<(), (FaultKind, String)> {
        let wrong = |why: &str| Err((FaultKind::BadMove, String::from(why)));
        let (Some(source), Some(target)) = (place_of(from), place_of(to)) else {
            return wrong("one of the two is no place");
        };
        let in_memory = |place| match place {
            Place::Slot(_) => true,
            Place::Reg(reg) => self.fixed_stack.contains(reg),
        };
        if in_memory(source) && in_memory(target) {
            return wrong("both are on the stack");
        }
        if let (Place::Reg(a), Place::Reg(b)) = (source, target)
            && a.class() != b.class()
        {
            return wrong("the two are of different classes");
        }
        let class = move_class(from, to);
        let is_slot = |place| matches!(place, Place::Slot(_));
        if (is_slot(source) || is_slot(target)) && !self.locs.layout().occurs(class) {
            return wrong("the function has no values of that class, and no size of its slots");
        }
        for alloc in [from, to] {
            self.check_slot(alloc, class).map_err(|why| (FaultKind::Slot, why))?;
        }
        Ok(())
    }
}

/// Finds operands of one instruction that are in one place at one time.
///
/// An early use is there only early, a late definition only late; a late use and an early definition are there both early
/// and late. Uses may share, since both read the value that is there; anything else may not.
struct OverlapCheck {
    /// For each location, who was there in the instruction that looked at it last.
    occupants: Vec<Occupants>,
}

#[derive(Clone, Copy)]
struct Occupants {
    inst: Inst,
    /// The first operand of each sort: early and late use, early and late definition.
    first: [u32; 4],
}

const NOBODY: u32 = u32::MAX;
const EARLY_USE: usize = 0;
const LATE_USE: usize = 1;
const EARLY_DEF: usize = 2;
const LATE_DEF: usize = 3;

impl OverlapCheck {
    fn new(locs: usize) -> Self {
        Self { occupants: vec![Occupants { inst: Inst::invalid(), first: [NOBODY; 4] }; locs] }
    }

    /// Puts operand `n` in its place. Returns the operand before it that it cannot be there with, if any.
    ///
    /// Definitions of `shared` by the same instruction may be in one place.
    fn occupy(
        &mut self,
        locs: &Locations,
        inst: Inst,
        n: usize,
        operands: &[Operand],
        allocs: &[Allocation],
        shared: Option<VReg>,
    ) -> Option<usize> {
        let op = operands[n];
        let loc = locs.of(allocs[n], op.class());
        if loc.is_invalid() {
            return None;
        }
        let (sort, rivals): (usize, &[usize]) = match (op.kind(), op.pos()) {
            (OperandKind::Use, OperandPos::Early) => (EARLY_USE, &[EARLY_DEF]),
            (OperandKind::Use, OperandPos::Late) => (LATE_USE, &[EARLY_DEF, LATE_DEF]),
            (OperandKind::Def, OperandPos::Early) => (EARLY_DEF, &[EARLY_USE, LATE_USE, EARLY_DEF, LATE_DEF]),
            (OperandKind::Def, OperandPos::Late) => (LATE_DEF, &[LATE_USE, EARLY_DEF, LATE_DEF]),
        };
        let mut clash = None;
        for &at in core::iter::once(&loc).chain(locs.overlapping(loc)) {
            let occupants = self.at(at, inst);
            for &rival in rivals {
                let other = occupants.first[rival];
                let same_def = rival >= EARLY_DEF && other != NOBODY && shared == Some(operands[other as usize].vreg());
                if other != NOBODY && !same_def {
                    clash = clash.or(Some(other as usize));
                }
            }
        }
        let first = &mut self.at(loc, inst).first[sort];
        if *first == NOBODY {
            *first = n as u32;
        }
        clash
    }

    fn at(&mut self, loc: Loc, inst: Inst) -> &mut Occupants {
        let occupants = &mut self.occupants[loc.index()];
        if occupants.inst != inst {
            *occupants = Occupants { inst, first: [NOBODY; 4] };
        }
        occupants
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{FaultKind, check};
    use crate::ir::{FuncBuilder, Inst, MachineEnv, PReg, PRegSet, RegClass};
    use crate::output::{Allocation, Edit, Output, ProgPoint, SpillSlot};
    use alloc::vec::Vec;

    /// The kinds of fault if a function without values stores a register of class `Float`.
    fn faults_of_a_store(to: Allocation) -> Vec<FaultKind> {
        let mut b = FuncBuilder::new();
        let block = b.block(&[]);
        b.ret(block, &[]);
        let from = Allocation::reg(PReg::new(0, RegClass::Float));
        let output = Output {
            num_spillslots: 1,
            edits: [(ProgPoint::before(Inst::new(0)), Edit::Move { from, to })].into(),
            inst_alloc_offsets: [0].into(),
            ..Output::default()
        };
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[1] = PRegSet::from_class_mask(RegClass::Float, 0b11);
        let found = check(&b.finish(), &env, &output)
            .err()
            .map(|faults| faults.as_slice().iter().map(|fault| fault.kind).collect());
        found.unwrap_or_default()
    }

    #[test]
    fn what_has_no_size_is_not_stored() {
        // It might take up more words than one.
        assert_eq!(faults_of_a_store(Allocation::stack(SpillSlot::new(0))), [FaultKind::BadMove]);
        assert_eq!(faults_of_a_store(Allocation::reg(PReg::new(1, RegClass::Float))), []);
    }
}
