//! What an allocation costs: one number to compare allocations of one function by.
//!
//! The cost is the sum over all blocks of `10^min(depth, 6)`, with the block's natural-loop depth, times
//!
//! | | |
//! |---|---|
//! | 0.2 | for a move from register to register |
//! | 1 | for a store to the stack |
//! | 4 | for a load from the stack |
//! | 2 | for an operand left on the stack |
//!
//! plus 5 for every non-preferred `Int` register that the function writes: saving and restoring it. "Stack" means spill
//! slots and fixed stack slots alike. A register is written by a definition or by a move; a clobber does not count, since no
//! allocator has a say in it. The weights are those of LLVM's `RegAllocScore`. The frequencies that a function
//! may bring along are not looked at, so that the same yardstick serves all allocators.

use crate::loops;
use regatta::{Allocation, Block, Edit, Function, Inst, OperandKind, Output, PReg, PRegSet, Problem, RegClass};
use serde::Serialize;
use std::ops::AddAssign;

/// A move from register to register.
pub(crate) const MOVE: f64 = 0.2;
/// A store to the stack.
pub(crate) const STORE: f64 = 1.0;
/// A load from the stack.
pub(crate) const LOAD: f64 = 4.0;
/// An operand that the instruction finds on the stack.
pub(crate) const STACK_OPERAND: f64 = 2.0;
/// Saving and restoring a register in the prologue and the epilogue.
pub(crate) const SAVED_REGISTER: f64 = 5.0;
/// Loops beyond this depth weigh no more.
const MAX_DEPTH: u32 = 6;

/// What the cost consists of, weighted by loop depth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Parts {
    /// Moves from register to register.
    pub(crate) moves: f64,
    /// Stores to the stack.
    pub(crate) stores: f64,
    /// Loads from the stack.
    pub(crate) loads: f64,
    /// Operands on the stack.
    pub(crate) operands: f64,
    /// Registers saved for the caller.
    pub(crate) saves: f64,
}

impl Parts {
    pub(crate) fn total(&self) -> f64 {
        self.moves + self.stores + self.loads + self.operands + self.saves
    }
}

impl AddAssign for Parts {
    fn add_assign(&mut self, other: Self) {
        self.moves += other.moves;
        self.stores += other.stores;
        self.loads += other.loads;
        self.operands += other.operands;
        self.saves += other.saves;
    }
}

/// The cost of an allocation, and the counts of what it inserts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// The cost, weighted by loop depth.
    pub(crate) total: f64,
    /// What that consists of.
    pub(crate) parts: Parts,
    /// Moves from register to register, in the code, not weighted.
    pub(crate) moves: u64,
    /// Stores to the stack, likewise.
    pub(crate) spills: u64,
    /// Loads from the stack, likewise.
    pub(crate) reloads: u64,
    /// Words of spill slots.
    pub(crate) slots: u64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.parts += other.parts;
        self.moves += other.moves;
        self.spills += other.spills;
        self.reloads += other.reloads;
        self.slots += other.slots;
    }
}

/// The cost model for one function.
#[derive(Debug)]
pub(crate) struct CostModel<'a> {
    problem: &'a Problem,
    /// The weight of each instruction's block.
    weights: Vec<f64>,
    fixed_stack_slots: PRegSet,
}

impl<'a> CostModel<'a> {
    /// Weighs the blocks of a function.
    pub(crate) fn new(problem: &'a Problem) -> Self {
        let func = &problem.func;
        let mut weights = vec![1.0; func.insts.len()];
        for (block, depth) in loops::nest(func).depths.into_iter().enumerate() {
            let weight = 10f64.powi(depth.min(MAX_DEPTH) as i32);
            for inst in func.block_insns(Block::new(block)).iter() {
                if let Some(slot) = weights.get_mut(inst.index()) {
                    *slot = weight;
                }
            }
        }
        Self { problem, weights, fixed_stack_slots: problem.env.fixed_stack_slots.iter().copied().collect() }
    }

    /// What an allocation pays for loads and operands on the stack, by block.
    #[cfg(feature = "oracle")]
    pub(crate) fn loads_by_block(&self, output: &Output) -> Vec<f64> {
        let Problem { func, .. } = self.problem;
        let mut loads = vec![0.0; func.insts.len()];
        for (point, Edit::Move { from, .. }) in &output.edits {
            if self.on_stack(*from)
                && let Some(paid) = loads.get_mut(point.inst().index())
            {
                *paid += LOAD * self.weights[point.inst().index()];
            }
        }
        for (index, paid) in loads.iter_mut().enumerate() {
            let operands = output.inst_allocs(Inst::new(index)).iter().filter(|&&alloc| self.on_stack(alloc)).count();
            *paid += STACK_OPERAND * self.weights[index] * operands as f64;
        }
        let of_block = |block| func.block_insns(Block::new(block)).iter().map(|inst| loads[inst.index()]).sum();
        (0..func.blocks.len()).map(of_block).collect()
    }

    /// The cost of an allocation of the function.
    pub(crate) fn cost(&self, output: &Output) -> Cost {
        let Problem { func, env } = self.problem;
        let mut cost = Cost { slots: output.num_spillslots as u64, ..Cost::default() };
        let mut written: Vec<PReg> = Vec::new();
        for (point, Edit::Move { from, to }) in &output.edits {
            let weight = self.weights.get(point.inst().index()).copied().unwrap_or(1.0);
            let (load, store) = (self.on_stack(*from), self.on_stack(*to));
            if load {
                cost.reloads += 1;
                cost.parts.loads += weight * LOAD;
            }
            if store {
                cost.spills += 1;
                cost.parts.stores += weight * STORE;
            }
            if !load && !store {
                cost.moves += 1;
                cost.parts.moves += weight * MOVE;
            }
            written.extend(to.as_reg());
        }
        for (index, inst) in func.insts.iter().enumerate() {
            let allocs = output.inst_allocs(Inst::new(index));
            for (operand, alloc) in inst.operands.iter().zip(allocs) {
                if self.on_stack(*alloc) {
                    cost.parts.operands += self.weights[index] * STACK_OPERAND;
                }
                if operand.kind() == OperandKind::Def {
                    written.extend(alloc.as_reg());
                }
            }
        }
        let saved = written.into_iter().collect::<PRegSet>() & env.non_preferred_regs_by_class[RegClass::Int.index()];
        cost.parts.saves = SAVED_REGISTER * f64::from(saved.class_mask(RegClass::Int).count_ones());
        cost.total = cost.parts.total();
        cost
    }

    /// The weight of an instruction's block.
    #[cfg(feature = "oracle")]
    pub(crate) fn weight(&self, inst: Inst) -> f64 {
        self.weights.get(inst.index()).copied().unwrap_or(1.0)
    }

    /// The weight of a block.
    #[cfg(feature = "oracle")]
    pub(crate) fn weight_of(&self, block: Block) -> f64 {
        self.weight(self.problem.func.block_insns(block).first())
    }

    fn on_stack(&self, alloc: Allocation) -> bool {
        alloc.is_stack() || alloc.as_reg().is_some_and(|reg| self.fixed_stack_slots.contains(reg))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta::{FuncBuilder, InstPosition, MachineEnv, Operand, ProgPoint, SpillSlot};

    #[test]
    fn every_part_of_the_price_list_is_charged() {
        let mut b = FuncBuilder::new();
        let (entry, head, exit) = (b.block(&[]), b.block(&[]), b.block(&[]));
        let x = b.vreg(RegClass::Int);
        b.op(entry, &[Operand::any_def(x)]);
        b.branch(entry, &[], &[(head, &[])]);
        b.branch(head, &[Operand::any_use(x)], &[(head, &[]), (exit, &[])]);
        b.ret(exit, &[Operand::reg_use(x)]);
        let [p0, p1, p9] = [0, 1, 9].map(|number| PReg::new(number, RegClass::Int));
        let mut env = MachineEnv { fixed_stack_slots: vec![p9], ..MachineEnv::default() };
        env.non_preferred_regs_by_class[0].add(p1);
        let problem = Problem { func: b.finish(), env };

        let reg = Allocation::reg;
        let slot = Allocation::stack(SpillSlot::new(0));
        let before = |inst, from, to| (ProgPoint::new(Inst(inst), InstPosition::Before), Edit::Move { from, to });
        let output = Output {
            num_spillslots: 1,
            edits: vec![
                before(1, reg(p1), slot),    // a store, once
                before(2, reg(p1), reg(p0)), // a move, in the loop
                before(3, slot, reg(p0)),    // a load, after it
            ],
            // A definition in p1, which is to be saved; a use on the stack, in the loop; a use in a register.
            allocs: vec![reg(p1), reg(p9), reg(p0)],
            inst_alloc_offsets: vec![0, 1, 1, 2],
            ..Output::default()
        };
        let cost = CostModel::new(&problem).cost(&output);
        assert_eq!((cost.moves, cost.spills, cost.reloads, cost.slots), (1, 1, 1, 1));
        assert!((cost.total - (1.0 + 10.0 * 0.2 + 4.0 + 10.0 * 2.0 + 5.0)).abs() < 1e-9, "{cost:?}");
    }
}
