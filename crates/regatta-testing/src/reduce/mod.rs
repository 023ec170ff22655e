//! Makes a failing problem small.
//!
//! A problem is shrunk piece by piece, and each piece stays out if what is left still fails: blocks, instructions, values, operands,
//! clobbers, parameters, registers of the machine, and so on; large runs of pieces first, then smaller ones, over and over until
//! nothing can go (Zeller and Hildebrandt, *Simplifying and isolating failure-inducing input*, TSE 2002). Each attempt is put in
//! order first: blocks that cannot be reached go, values that lose their definition go with everything that mentions them, numbers
//! close up. So what was valid stays so. Whether a problem fails is for the caller to say.

mod edit;

use edit::Draft;
use regatta::{InstKind, MachineEnv, Operand, OperandConstraint, OperandPos, PRegSet, Problem, RegClass};

/// Reduces `problem`, which `fails`, to a smaller one that does.
///
/// The number of attempts is about the number of pieces times its logarithm, for each round in which something goes.
pub fn reduce(problem: &Problem, mut fails: impl FnMut(&Problem) -> bool) -> Problem {
    let mut best = problem.clone();
    loop {
        let before = best.clone();
        for step in STEPS {
            let mut length = step.count(&best).next_power_of_two();
            while length > 0 {
                let mut at = 0;
                while at < step.count(&best) {
                    match step.without(&best, at, length) {
                        Some(smaller) if smaller != best && fails(&smaller) => best = smaller,
                        _ => at += length,
                    }
                }
                length /= 2;
            }
        }
        if best == before {
            return best;
        }
    }
}

/// A kind of piece that can go.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A block that cannot be reached.
    Blocks,
    /// A block's branch becomes a return.
    Ends,
    /// One successor of several.
    Successors,
    Insts,
    Values,
    Operands,
    Clobbers,
    Labels,
    /// Frequencies, slot sizes, and such.
    Settings,
    Registers,
    /// A constraint becomes a plain register, a late use early, and so on.
    Constraints,
    /// A block and the only one that it leads to become one.
    Joints,
}

const STEPS: [Step; 12] = [
    Step::Blocks,
    Step::Ends,
    Step::Successors,
    Step::Insts,
    Step::Values,
    Step::Operands,
    Step::Joints,
    Step::Clobbers,
    Step::Labels,
    Step::Settings,
    Step::Registers,
    Step::Constraints,
];

impl Step {
    /// How many pieces of the kind there are.
    fn count(self, problem: &Problem) -> usize {
        let func = &problem.func;
        match self {
            Self::Blocks | Self::Ends | Self::Joints => func.blocks.len(),
            Self::Successors => func.blocks.iter().map(|block| block.succs.len()).sum(),
            Self::Insts => func.insts.len(),
            Self::Values => func.num_vregs,
            Self::Operands | Self::Constraints => func.insts.iter().map(|inst| inst.operands.len()).sum(),
            Self::Clobbers => func.insts.iter().map(|inst| inst.clobbers.len() as usize).sum(),
            Self::Labels => func.debug_labels.len(),
            Self::Settings => 6,
            Self::Registers => registers(&problem.env).len(),
        }
    }

    /// The problem without the pieces from `at`, at most `length` of them.
    fn without(self, problem: &Problem, at: usize, length: usize) -> Option<Problem> {
        let gone = |piece: usize| (at..at + length).contains(&piece);
        let mut draft = Draft::new(problem);
        match self {
            Self::Blocks => {
                draft.lost.iter_mut().enumerate().filter(|(n, _)| gone(*n)).for_each(|(_, lost)| *lost = false);
            }
            Self::Ends => {
                for (n, block) in draft.blocks.iter_mut().enumerate().filter(|(n, _)| gone(*n)) {
                    if let Some(last) = block.insts.last_mut()
                        && n < problem.func.blocks.len()
                    {
                        last.kind = InstKind::Ret;
                        block.succs.clear();
                        block.args.clear();
                    }
                }
            }
            Self::Successors => {
                let mut n = 0;
                for block in &mut draft.blocks {
                    let mut k = 0;
                    while k < block.succs.len() {
                        if gone(n) && block.succs.len() > 1 {
                            block.succs.remove(k);
                            if k < block.args.len() {
                                block.args.remove(k);
                            }
                        } else {
                            k += 1;
                        }
                        n += 1;
                    }
                }
            }
            Self::Insts => draft.remove_insts(gone),
            Self::Values => (0..problem.func.num_vregs).filter(|&n| gone(n)).for_each(|n| draft.remove_value(n)),
            Self::Operands => draft.remove_operands(gone),
            Self::Joints => (0..draft.blocks.len()).filter(|&n| gone(n)).for_each(|n| draft.join(n)),
            Self::Clobbers => {
                let mut n = 0;
                for inst in draft.blocks.iter_mut().flat_map(|block| &mut block.insts) {
                    for reg in inst.clobbers {
                        if gone(n) {
                            inst.clobbers.remove(reg);
                        }
                        n += 1;
                    }
                }
            }
            Self::Labels => {
                let mut n = 0;
                draft.labels.retain(|_| {
                    n += 1;
                    !gone(n - 1)
                });
            }
            Self::Settings => {
                (0..6).filter(|&n| gone(n)).for_each(|n| match n {
                    0 => draft.frequencies = false,
                    1 => draft.rest.named_by_last_slot = false,
                    2 => draft.rest.spillslot_size = [1; 3],
                    3 => draft.env.scratch_by_class = [None; 3],
                    4 => draft.env.fixed_stack_slots.clear(),
                    _ => draft.prefer_all(),
                });
            }
            Self::Registers => {
                for (n, reg) in registers(&problem.env).into_iter().enumerate() {
                    if gone(n) {
                        draft.env.preferred_regs_by_class.iter_mut().for_each(|set| set.remove(reg));
                        draft.env.non_preferred_regs_by_class.iter_mut().for_each(|set| set.remove(reg));
                    }
                }
            }
            Self::Constraints => {
                let operands = draft.blocks.iter_mut().flat_map(|b| &mut b.insts).flat_map(|inst| &mut inst.operands);
                for (_, op) in operands.enumerate().filter(|(n, _)| gone(*n)) {
                    *op = plainer(*op);
                }
            }
        }
        draft.finish()
    }
}

fn registers(env: &MachineEnv) -> Vec<regatta::PReg> {
    PRegSet::from(env).iter().collect()
}

fn plainer(op: Operand) -> Operand {
    if op.as_fixed_nonallocatable().is_some() || RegClass::from_index((op.bits() >> 32) as usize & 3).is_none() {
        return op;
    }
    let usual = match op.kind() {
        regatta::OperandKind::Use => OperandPos::Early,
        regatta::OperandKind::Def => OperandPos::Late,
    };
    if op.constraint() != OperandConstraint::Reg {
        Operand::new(op.vreg(), OperandConstraint::Reg, op.kind(), op.pos())
    } else {
        Operand::new(op.vreg(), OperandConstraint::Reg, op.kind(), usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Kind, generate};
    use regatta::fuzzing::Random;
    use regatta::{OperandKind, check};

    /// Calls it a failure that an instruction has a definition that reuses, and clobbers something.
    fn fails(problem: &Problem) -> bool {
        let reuses = |op: &Operand| matches!(op.constraint(), OperandConstraint::Reuse(_));
        problem.func.insts.iter().any(|inst| inst.operands.iter().any(reuses) && inst.clobbers.len() > 0)
    }

    #[test]
    fn what_is_left_fails_is_valid_and_is_small() {
        let mut reduced = 0;
        for seed in 0..200 {
            let random = Random::new(seed);
            let problem = generate(&random, Kind { scattered: true, impossible: false });
            if !fails(&problem) {
                continue;
            }
            reduced += 1;
            let small = reduce(&problem, |p| check::validate(&p.func, &p.env).is_ok() && fails(p));
            assert!(fails(&small));
            assert_eq!(check::validate(&small.func, &small.env), Ok(()));
            // The instruction, what defines its input, a return, perhaps blocks that pass the input on.
            let text = regatta::text::print(&small);
            assert!(small.func.insts.len() <= 5 && small.func.blocks.len() <= 3, "{text}");
            assert!(small.func.insts.iter().map(|inst| inst.clobbers.len()).sum::<u32>() == 1, "{text}");
            let uses =
                small.func.insts.iter().flat_map(|inst| &inst.operands).filter(|op| op.kind() == OperandKind::Use);
            assert_eq!(uses.count(), 1, "{text}");
        }
        assert!(reduced > 20);
    }
}
