//! What the encodings of operands come to, looked up rather than worked out.
//!
//! All that an operand says but for its value fits into eleven bits: class, position, kind, constraint. A table made at compile
//! time has, for each of these, the operand as the passes want it and the flags that it adds to its instruction's. What depends on
//! the machine or on other operands is not in it; [`PARTICULAR`] says that there is such a thing.

use super::{CLASS_SHIFT, DEF, LATE, NO_REG, Op, USE, Value, Want, flag};
use crate::ir::{Operand, OperandConstraint, OperandKind, OperandPos, RegClass};

/// What the operands of one encoding have in common.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// The operand but for its value; copied whole, it takes fewer moves than part by part.
    op: Op,
    /// Bits of [`flag`] that the instruction has for it, and [`PARTICULAR`].
    pub(super) flags: u8,
    /// The operand's class.
    pub(super) class: RegClass,
}

/// Among [`Form::flags`]: a fixed register, or one to be reused. (An operand does not make an instruction a call, so the bit is free.)
pub(super) const PARTICULAR: u8 = flag::CALL;

static FORMS: [Form; Operand::NUM_FORMS] = all();

const fn all() -> [Form; Operand::NUM_FORMS] {
    let mut forms = [Form::new(Operand::of_form(0)); Operand::NUM_FORMS];
    let mut number = 1;
    while number < Operand::NUM_FORMS {
        forms[number] = Form::new(Operand::of_form(number));
        number += 1;
    }
    forms
}

impl Form {
    /// The form of an operand.
    #[inline(always)]
    pub(super) fn of(operand: Operand) -> Self {
        FORMS[operand.form()]
    }

    /// The operand, with its value.
    #[inline(always)]
    pub(super) fn with(self, value: Value) -> Op {
        Op { value, ..self.op }
    }

    const fn new(operand: Operand) -> Self {
        let is_def = matches!(operand.kind(), OperandKind::Def);
        let is_late = matches!(operand.pos(), OperandPos::Late);
        let mut flags = if is_def { flag::DEFINES } else { 0 };
        let (want, reg) = match operand.constraint() {
            OperandConstraint::Reg => (Want::Reg, 6),
            OperandConstraint::Limit(max) => {
                flags |= flag::UNCOMMON | flag::HARD;
                (Want::Reg, max.trailing_zeros() as u8)
            }
            OperandConstraint::FixedReg(reg) => {
                flags |= PARTICULAR | if is_def { flag::KILLS } else { flag::FIXED_USE };
                (Want::Fixed, reg.hw_enc() as u8)
            }
            OperandConstraint::Reuse(input) => {
                flags |= PARTICULAR;
                (Want::Reuse, input as u8)
            }
            OperandConstraint::Any => {
                flags |= flag::UNCOMMON;
                (Want::Any, 6)
            }
            OperandConstraint::Stack => {
                flags |= flag::UNCOMMON;
                (Want::Stack, 6)
            }
        };
        if is_def != is_late {
            flags |= flag::UNCOMMON | flag::HARD;
        }
        let mut role = (operand.class().index() as u8) << CLASS_SHIFT | if is_def { DEF } else { USE };
        if is_late || matches!(want, Want::Reuse) {
            role |= LATE;
        }
        let op = Op { value: Value::invalid(), next: u32::MAX, want, role, reg, hint: NO_REG };
        Self { op, flags, class: operand.class() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{PReg, VReg};

    #[test]
    fn a_form_says_what_the_operand_says() {
        for class in RegClass::ALL {
            let vreg = VReg::new(9, class);
            let fixed = PReg::new(63, class);
            let constraints = [
                (OperandConstraint::Any, Want::Any, 6, flag::UNCOMMON),
                (OperandConstraint::Reg, Want::Reg, 6, 0),
                (OperandConstraint::Stack, Want::Stack, 6, flag::UNCOMMON),
                (OperandConstraint::FixedReg(fixed), Want::Fixed, 63, PARTICULAR),
                (OperandConstraint::Reuse(31), Want::Reuse, 31, PARTICULAR),
                (OperandConstraint::Limit(16), Want::Reg, 4, flag::UNCOMMON | flag::HARD),
            ];
            for (constraint, want, reg, flags) in constraints {
                for kind in [OperandKind::Use, OperandKind::Def] {
                    for pos in [OperandPos::Early, OperandPos::Late] {
                        let (is_def, is_late) = (kind == OperandKind::Def, pos == OperandPos::Late);
                        let mut flags = flags;
                        if is_def {
                            flags |= flag::DEFINES;
                        }
                        if is_def != is_late {
                            flags |= flag::UNCOMMON | flag::HARD;
                        }
                        if want == Want::Fixed {
                            flags |= if is_def { flag::KILLS } else { flag::FIXED_USE };
                        }
                        let form = Form::of(Operand::new(vreg, constraint, kind, pos));
                        assert_eq!(form.flags, flags, "{constraint} {kind:?} {pos:?}");
                        assert_eq!(form.class, class);
                        let op = form.with(Value(5));
                        assert_eq!((op.value, op.want, op.reg, op.hint), (Value(5), want, reg, NO_REG));
                        assert_eq!((op.is_def(), op.is_use()), (is_def, !is_def));
                        assert_eq!(op.is_late(), is_late || want == Want::Reuse);
                        assert_eq!(op.class(), class.index());
                    }
                }
            }
        }
    }
}
