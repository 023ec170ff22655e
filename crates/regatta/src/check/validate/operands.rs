//! The operands of each instruction: can their constraints be met, each for itself and all together?

use super::claims::Claims;
use super::demand::{Demand, below, satisfiable};
use crate::error::{APART, Error};
use crate::ir::{
    Block, Function, Inst, Machine, MachineEnv, Operand, OperandConstraint, OperandKind, OperandPos, PReg, PRegSet,
    RegClass, SeveralDefs, VReg,
};
use crate::limits;
use alloc::vec::Vec;

/// Checks that the machine has registers for parameters, and the operands of every instruction. `O(m log m)` in their number.
pub(super) fn check(func: &impl Function, env: &MachineEnv) -> Result<(), Error> {
    check_params(func, env)?;
    let machine = Machine::new(env);
    // (Elsewhere, no value is defined twice: that has been looked at.)
    let may_define_again = func.allow_multiple_vreg_defs();
    let mut several = SeveralDefs::default();
    let mut demand = Vec::new();
    let mut claims = Claims::new();
    for inst in (0..func.num_insts()).map(Inst::new) {
        let mut parts = Parts {
            inst,
            operands: func.inst_operands(inst),
            clobbers: func.inst_clobbers(inst),
            ends_block: func.is_branch(inst) || func.is_ret(inst),
            env,
        };
        if parts.operands.len() > limits::MAX_OPERANDS {
            return Err(Error::TooLarge { what: "operands of an instruction", limit: limits::MAX_OPERANDS });
        }
        for n in 0..parts.operands.len() {
            parts.check_encoding(n)?;
        }
        if may_define_again {
            let combined = several.combine(parts.operands, &machine);
            parts.operands = combined.map_err(|operand| Error::BadConstraint { inst, operand, why: APART })?;
        }
        for n in 0..parts.operands.len() {
            parts.check_constraint(n)?;
        }
        parts.check_reused_once()?;
        parts.check_fixed(&mut claims)?;
        parts.check_demand(&mut demand)?;
    }
    Ok(())
}

/// Checks that a parameter, which may be in a register, has one.
fn check_params(func: &impl Function, env: &MachineEnv) -> Result<(), Error> {
    for block in (0..func.num_blocks()).map(Block::new) {
        let mut classes = func.block_params(block).iter().map(|param| param.class());
        if let Some(class) = classes.find(|&class| env.allocatable(class) == 0) {
            return Err(Error::TooManyLiveRegs { inst: func.block_insns(block).first(), class });
        }
    }
    Ok(())
}

/// Operands that can be reused: the encoding has five bits for their number.
const MOST_REUSED: usize = 32;

/// One instruction.
struct Parts<'a> {
    inst: Inst,
    operands: &'a [Operand],
    clobbers: PRegSet,
    ends_block: bool,
    env: &'a MachineEnv,
}

impl Parts<'_> {
    fn bad(&self, operand: usize, why: &'static str) -> Result<(), Error> {
        Err(Error::BadConstraint { inst: self.inst, operand, why })
    }

    /// Checks that every field has one of the values that it may have. [`Operand::constraint`] and [`Operand::class`]
    /// read the others as something else.
    fn check_encoding(&self, n: usize) -> Result<(), Error> {
        let op = self.operands[n];
        if RegClass::from_index((op.bits() >> 32) as usize & 3).is_none() {
            return self.bad(n, "its encoding names no class");
        }
        let field = op.bits() >> 36;
        let assigned = matches!(field, 0..=2 | 0b001_0000..=0b001_0110 | 0b010_0000..=0b111_1111);
        if assigned { Ok(()) } else { self.bad(n, "its encoding names no constraint") }
    }

    /// Does the register hold nothing but what an instruction puts there by name, or is it a stack slot?
    fn is_foreign(&self, reg: PReg) -> bool {
        let allocatable = self.env.allocatable(reg.class()) >> reg.hw_enc() & 1 != 0;
        !allocatable || self.env.fixed_stack_slots.contains(&reg)
    }

    fn allocatable(&self, op: Operand) -> u64 {
        self.env.allocatable(op.class())
    }

    fn check_constraint(&self, n: usize) -> Result<(), Error> {
        let op = self.operands[n];
        if let Some(reg) = op.as_fixed_nonallocatable() {
            if self.allocatable(op) >> reg.hw_enc() & 1 != 0 {
                return self.bad(n, "it names an allocatable register as one that is not");
            }
            return Ok(());
        }
        if self.allocatable(op) == 0 {
            return Err(Error::TooManyLiveRegs { inst: self.inst, class: op.class() });
        }
        match op.constraint() {
            OperandConstraint::FixedReg(reg)
                if self.ends_block && op.kind() == OperandKind::Def && self.is_foreign(reg) =>
            {
                self.bad(n, "a branch cannot define a value in a register that is not allocatable")
            }
            OperandConstraint::Any | OperandConstraint::Stack | OperandConstraint::Reg => Ok(()),
            OperandConstraint::Limit(limit) if self.allocatable(op) & below(limit) == 0 => {
                self.bad(n, "no allocatable register is numbered below its limit")
            }
            OperandConstraint::Limit(_) => Ok(()),
            OperandConstraint::FixedReg(reg) if reg.as_valid().is_none() => {
                self.bad(n, "it is fixed to the encoding that stands for no register")
            }
            OperandConstraint::FixedReg(_) => Ok(()),
            OperandConstraint::Reuse(input) => self.check_reuse(n, input),
        }
    }

    fn check_reuse(&self, n: usize, input: usize) -> Result<(), Error> {
        let op = self.operands[n];
        if op.kind() == OperandKind::Use {
            return self.bad(n, "a use cannot take over another operand's place");
        }
        if op.pos() == OperandPos::Early {
            return self.bad(n, "an early definition cannot take over the place of a use, which is still there");
        }
        let Some(&other) = self.operands.get(input) else {
            return self.bad(n, "it reuses an operand that is not there");
        };
        if other.kind() == OperandKind::Def || other.pos() == OperandPos::Late {
            return self.bad(n, "it reuses an operand that is not an early use");
        }
        if other.class() != op.class() {
            return self.bad(n, "it reuses an operand of another class");
        }
        let in_register = match other.constraint() {
            OperandConstraint::Stack => false,
            OperandConstraint::FixedReg(reg) => !self.env.fixed_stack_slots.contains(&reg),
            _ => true,
        };
        if in_register && other.as_fixed_nonallocatable().is_none() {
            Ok(())
        } else {
            self.bad(n, "it reuses an operand that is not in a register of the allocator's choice or a given one")
        }
    }

    /// Checks that no two definitions want the place of one input.
    fn check_reused_once(&self) -> Result<(), Error> {
        let mut reused_by: [Option<VReg>; MOST_REUSED] = [None; MOST_REUSED];
        for (n, op) in self.operands.iter().enumerate() {
            if let OperandConstraint::Reuse(input) = op.constraint()
                && let Some(first) = reused_by.get_mut(input)
            {
                if first.is_some_and(|first| first != op.vreg()) {
                    return self.bad(n, "another definition reuses the same operand");
                }
                *first = Some(op.vreg());
            }
        }
        Ok(())
    }

    fn is_reused(&self, input: usize) -> bool {
        input < MOST_REUSED && self.operands.iter().any(|op| op.constraint() == OperandConstraint::Reuse(input))
    }

    /// The register that an operand must be in: its own, or that of the input which it reuses.
    fn fixed(&self, op: Operand) -> Option<PReg> {
        match op.constraint() {
            OperandConstraint::FixedReg(reg) => Some(reg),
            OperandConstraint::Reuse(input) => match self.operands.get(input)?.constraint() {
                OperandConstraint::FixedReg(reg) => Some(reg),
                _ => None,
            },
            _ => None,
        }
    }

    /// Checks that no register is given to two operands at once, nor given and clobbered.
    fn check_fixed(&self, claims: &mut Claims) -> Result<(), Error> {
        for (n, &op) in self.operands.iter().enumerate() {
            if op.as_fixed_nonallocatable().is_some() {
                continue;
            }
            if let Some(reg) = self.fixed(op) {
                let lasts = op.kind() == OperandKind::Def || op.pos() == OperandPos::Late;
                if lasts && self.clobbers.contains(reg) {
                    return self.bad(n, "its register is clobbered by the instruction: take it out of the clobbers");
                }
                if claims.claim(self.inst, reg, op).is_err() {
                    return self.bad(n, "its register is another operand's at the same time");
                }
            }
        }
        Ok(())
    }

    /// Counts what must be in distinct registers, at each of the instruction's two steps.
    fn check_demand(&self, demand: &mut Vec<Demand>) -> Result<(), Error> {
        for class in RegClass::ALL {
            let allocatable = self.env.allocatable(class);
            for step in [OperandPos::Early, OperandPos::Late] {
                demand.clear();
                demand.extend((0..self.operands.len()).filter_map(|n| self.demand(n, class, step)));
                if demand.is_empty() {
                    continue;
                }
                // Clobbers spoil registers late. What is there early may be in a clobbered one, unless it stays.
                let clobbered = if step == OperandPos::Late { self.clobbers.class_mask(class) } else { 0 };
                if !satisfiable(demand, allocatable & !clobbered) {
                    return Err(Error::TooManyLiveRegs { inst: self.inst, class });
                }
            }
        }
        Ok(())
    }

    /// What operand `n` wants of the registers of a class at a step, if it surely wants one of the allocatable ones.
    fn demand(&self, n: usize, class: RegClass, step: OperandPos) -> Option<Demand> {
        let op = self.operands[n];
        let (is_use, early) = (op.kind() == OperandKind::Use, op.pos() == OperandPos::Early);
        let here = match step {
            OperandPos::Early => is_use || early,
            OperandPos::Late => !(is_use && early),
        };
        if op.class() != class || !here || op.as_fixed_nonallocatable().is_some() {
            return None;
        }
        let constraint = match op.constraint() {
            OperandConstraint::Reuse(input) => match self.operands.get(input)?.constraint() {
                OperandConstraint::Any => OperandConstraint::Reg,
                constraint => constraint,
            },
            // What a definition takes over must be where that is, in a register.
            OperandConstraint::Any if is_use && early && self.is_reused(n) => OperandConstraint::Reg,
            constraint => constraint,
        };
        let (fixed, limit) = match constraint {
            OperandConstraint::Reg => (None, 64),
            OperandConstraint::Limit(limit) => (None, limit as u32),
            OperandConstraint::FixedReg(reg) if self.env.allocatable(class) >> reg.hw_enc() & 1 != 0 => {
                (Some(reg.hw_enc() as u32), 64)
            }
            _ => return None,
        };
        // Definitions of one value share a register only where that is allowed; elsewhere they are errors already.
        Some(Demand { vreg: op.vreg(), unfixed: fixed.is_none(), number: fixed.unwrap_or(limit) })
    }
}
