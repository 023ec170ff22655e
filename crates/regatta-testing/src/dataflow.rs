//! Which operands read something else than their value: by the textbook, to hold the checker against.
//!
//! A fact is that a place holds a value as it was defined last. The facts at the end of each block follow from those at its
//! beginning, and these are the ones that hold on all ways there; sets shrink until nothing changes any more. The checker asks backwards,
//! for what is used alone, and skips blocks; this goes forwards over everything, and takes time and room for it. Functions are to be small.

use regatta::{
    Allocation, Block, Edit, Function, Inst, InstOrEdit, OperandKind, Output, PReg, Problem, RegClass, VReg,
};
use std::collections::{BTreeMap, BTreeSet};

/// A register, or a spill slot: its first word, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Reg(PReg),
    Slot(usize, usize),
}

impl Place {
    fn of(problem: &Problem, place: Allocation, class: RegClass) -> Option<Self> {
        if let Some(reg) = place.as_reg() {
            return Some(Self::Reg(reg));
        }
        let slot = place.as_stack()?.index();
        let size = problem.func.spillslot_size(class);
        let first = if problem.func.named_by_last_slot { (slot + 1).checked_sub(size)? } else { slot };
        Some(Self::Slot(first, size))
    }

    fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::Slot(a, len), Self::Slot(b, other_len)) => a < b + other_len && b < a + len,
            _ => self == other,
        }
    }
}

/// What holds at a point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts(BTreeSet<(Place, VReg)>);

impl Facts {
    /// The place is written; what it holds now is another matter.
    fn overwrite(&mut self, place: Place) {
        self.0.retain(|fact| !fact.0.overlaps(place));
    }

    fn do_move(&mut self, problem: &Problem, from: Allocation, to: Allocation) {
        let class = from.as_reg().or(to.as_reg()).map_or(RegClass::Int, PReg::class);
        let (from, to) = (Place::of(problem, from, class), Place::of(problem, to, class));
        let moved: Vec<VReg> = self.0.iter().filter(|fact| Some(fact.0) == from).map(|fact| fact.1).collect();
        if let Some(to) = to {
            self.overwrite(to);
            self.0.extend(moved.into_iter().map(|vreg| (to, vreg)));
        }
    }

    /// What an instruction leaves, and which of its operands read something wrong.
    fn execute(&mut self, problem: &Problem, inst: Inst, allocs: &[Allocation]) -> Vec<usize> {
        let Problem { func, env } = problem;
        let operands =
            || func.inst_operands(inst).iter().zip(allocs).filter(|(op, _)| op.as_fixed_nonallocatable().is_none());
        let holds = |vreg: VReg, place| {
            Place::of(problem, place, vreg.class()).is_some_and(|place| self.0.contains(&(place, vreg)))
        };
        let wrong = (0..)
            .zip(func.inst_operands(inst).iter().zip(allocs))
            .filter(|(_, (op, _))| op.kind() == OperandKind::Use && op.as_fixed_nonallocatable().is_none())
            .filter(|&(_, (op, &place))| !holds(op.vreg(), place))
            .map(|(n, _)| n)
            .collect();
        // Nothing lives through an instruction in a register that is not the allocator's.
        let survives = |reg: PReg| {
            let is_ours = env.allocatable(reg.class()) >> reg.hw_enc() & 1 != 0;
            !func.inst_clobbers(inst).contains(reg) && (is_ours || env.fixed_stack_slots.contains(&reg))
        };
        self.0.retain(|fact| !matches!(fact.0, Place::Reg(reg) if !survives(reg)));
        let defs = || operands().filter(|(op, _)| op.kind() == OperandKind::Def);
        self.0.retain(|fact| defs().all(|(op, _)| op.vreg() != fact.1));
        for (op, &place) in defs() {
            if let Some(place) = Place::of(problem, place, op.class()) {
                self.overwrite(place);
                self.0.insert((place, op.vreg()));
            }
        }
        wrong
    }

    /// What holds behind an edge: parameters are where their arguments were.
    fn pass(&self, params: &[VReg], args: &[VReg]) -> Self {
        let mut passed = self.0.clone();
        passed.retain(|fact| !params.contains(&fact.1));
        for (&param, &arg) in params.iter().zip(args) {
            passed.extend(self.0.iter().filter(|fact| fact.1 == arg).map(|fact| (fact.0, param)));
        }
        Self(passed)
    }
}

/// What holds at the end of the block, and the operands of the block that read something wrong.
fn walk(problem: &Problem, output: &Output, block: Block, mut facts: Facts) -> (Facts, Vec<(Inst, usize)>) {
    let mut wrong = Vec::new();
    for step in output.block_insts_and_edits(&problem.func, block) {
        match step {
            InstOrEdit::Edit(&Edit::Move { from, to }) => facts.do_move(problem, from, to),
            InstOrEdit::Inst(inst) => {
                let operands = facts.execute(problem, inst, output.inst_allocs(inst));
                wrong.extend(operands.into_iter().map(|n| (inst, n)));
            }
        }
    }
    (facts, wrong)
}

/// The operands that read, on some way from the entry, a place that does not hold their value; by instruction.
///
/// The function must be valid, and every instruction have as many locations as operands, every edit be at an instruction.
pub fn wrong_reads(problem: &Problem, output: &Output) -> Vec<(Inst, usize)> {
    let func = &problem.func;
    let mut at_start: BTreeMap<Block, Facts> = BTreeMap::from([(func.entry, Facts::default())]);
    let mut pending = vec![func.entry];
    while let Some(block) = pending.pop() {
        let (at_end, _) = walk(problem, output, block, at_start[&block].clone());
        let branch = func.block_insns(block).last();
        for (n, &succ) in func.block_succs(block).iter().enumerate() {
            let passed = at_end.pass(func.block_params(succ), func.branch_blockparams(block, branch, n));
            let known = at_start.get(&succ);
            let now = known.map_or(passed.clone(), |known| Facts(&known.0 & &passed.0));
            if known != Some(&now) {
                at_start.insert(succ, now);
                pending.push(succ);
            }
        }
    }
    let mut wrong: Vec<_> =
        at_start.iter().flat_map(|(&block, facts)| walk(problem, output, block, facts.clone()).1).collect();
    wrong.sort_unstable();
    wrong
}
