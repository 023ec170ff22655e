//! Which operands of an instruction are given which register.

use crate::ir::{Inst, Operand, OperandKind, OperandPos, PReg, PRegSet, VReg};

/// Which values have which fixed registers in the instruction that was looked at last.
pub(super) struct Claims {
    inst: Inst,
    regs: PRegSet,
    /// By register: the value of an early use, a late use, an early definition, a late definition.
    owners: [[Option<VReg>; 4]; PReg::NUM_INDEX],
}

impl Claims {
    pub(super) fn new() -> Self {
        Self { inst: Inst::invalid(), regs: PRegSet::empty(), owners: [[None; 4]; PReg::NUM_INDEX] }
    }

    /// Gives the register to an operand, unless one of another value has it at the same time, or one that does not go with it.
    pub(super) fn claim(&mut self, inst: Inst, reg: PReg, op: Operand) -> Result<(), ()> {
        if self.inst != inst {
            self.inst = inst;
            self.regs = PRegSet::empty();
        }
        let owners = &mut self.owners[reg.index()];
        if !self.regs.contains(reg) {
            self.regs.add(reg);
            *owners = [None; 4];
        }
        let [early_use, late_use, early_def, late_def] = *owners;
        let other = |owner: Option<VReg>| owner.is_some_and(|owner| owner != op.vreg());
        let (slot, clash) = match (op.kind(), op.pos()) {
            (OperandKind::Use, OperandPos::Early) => (0, other(early_use) || other(late_use) || early_def.is_some()),
            (OperandKind::Use, OperandPos::Late) => {
                (1, other(early_use) || other(late_use) || early_def.is_some() || late_def.is_some())
            }
            (OperandKind::Def, OperandPos::Early) => {
                (2, early_use.is_some() || late_use.is_some() || other(early_def) || other(late_def))
            }
            (OperandKind::Def, OperandPos::Late) => (3, late_use.is_some() || other(early_def) || other(late_def)),
        };
        owners[slot] = Some(op.vreg());
        if clash { Err(()) } else { Ok(()) }
    }
}
