//! Operands: what an instruction reads and writes, and where it wants it.

use super::reg::{PReg, RegClass, VReg};
use core::fmt;

/// Where an operand's value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum OperandConstraint {
    /// In an allocatable register or in a spill slot, or in a fixed stack slot.
    Any,
    /// In an allocatable register.
    Reg,
    /// On the stack: in a spill slot, or in the fixed stack slot that holds the value, which
    /// [`as_reg`](crate::Allocation::as_reg) gives.
    Stack,
    /// In this register, or in this fixed stack slot. It need not be allocatable, and may be the scratch register: the value
    /// is moved there right in front of the instruction that uses it, and away right behind the one that defines it.
    FixedReg(PReg),
    /// On definitions only: in the register of the instruction's operand with this index, which must be an early use. (If that
    /// may be anywhere, it is in a register.)
    Reuse(usize),
    /// In a register numbered below this limit, a power of two up to 64.
    Limit(usize),
}

impl fmt::Display for OperandConstraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Reg => f.write_str("reg"),
            Self::Stack => f.write_str("stack"),
            Self::FixedReg(reg) => write!(f, "fixed({reg})"),
            Self::Reuse(index) => write!(f, "reuse({index})"),
            Self::Limit(max) => write!(f, "limit({max})"),
        }
    }
}

/// Does an operand read its value or make it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum OperandKind {
    /// The instruction makes the value.
    Def = 0,
    /// The instruction reads the value.
    Use = 1,
}

/// When within the instruction an operand takes effect.
///
/// An instruction happens in two steps. At `Early`, it reads its early uses, and its early definitions already occupy
/// their places; at `Late`, it writes its definitions, and its late uses still occupy theirs. An early use and a late
/// definition may therefore share a register; a late use shares with no definition, an early definition with no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum OperandPos {
    /// The first step; the usual place of a use.
    Early = 0,
    /// The second step; the usual place of a definition.
    Late = 1,
}

/// One mention of a value in an instruction, in 64 bits:
///
/// | bits | field |
/// |---|---|
/// | 0–31 | number of the virtual register |
/// | 32–33 | class |
/// | 34 | position: 0 early, 1 late |
/// | 35 | kind: 0 definition, 1 use |
/// | 36–42 | constraint: `1rrrrrr` register r; `01iiiii` reuse of operand i; `001nnnn` limit 2ⁿ; 0 any, 1 register, 2 stack |
///
/// ```
/// use regatta::{Operand, OperandConstraint, PReg, RegClass, VReg};
///
/// let x = VReg::new(3, RegClass::Int);
/// let argument = Operand::reg_fixed_use(x, PReg::new(7, RegClass::Int));
/// assert_eq!(argument.vreg(), x);
/// assert_eq!(argument.constraint(), OperandConstraint::FixedReg(PReg::new(7, RegClass::Int)));
/// assert_eq!(argument, Operand::from_bits(argument.bits()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Operand {
    bits: u64,
}

const CLASS_SHIFT: u32 = 32;
const POS_SHIFT: u32 = 34;
const KIND_SHIFT: u32 = 35;
const CONSTRAINT_SHIFT: u32 = 36;
const CONSTRAINT_BITS: u32 = 7;

const FIXED: u64 = 1 << 6;
const REUSE: u64 = 1 << 5;
const LIMIT: u64 = 1 << 4;

impl Operand {
    /// How many values [`Self::form`] has.
    pub(crate) const NUM_FORMS: usize = 1 << (CONSTRAINT_SHIFT + CONSTRAINT_BITS - CLASS_SHIFT);

    /// An operand of the given parts.
    ///
    /// Operand indices in [`OperandConstraint::Reuse`] go up to 31.
    ///
    /// # Panics
    ///
    /// If a limit is no power of two or above 64, if a fixed register is of another class than the virtual register, or if the operand to reuse
    /// is not among the first 32: none of these has an encoding.
    #[inline(always)]
    pub fn new(vreg: VReg, constraint: OperandConstraint, kind: OperandKind, pos: OperandPos) -> Self {
        let constraint = match constraint {
            OperandConstraint::Any => 0,
            OperandConstraint::Reg => 1,
            OperandConstraint::Stack => 2,
            OperandConstraint::FixedReg(reg) => {
                assert!(reg.class() == vreg.class(), "a value is fixed to a register of its own class");
                FIXED | reg.hw_enc() as u64
            }
            OperandConstraint::Reuse(index) => {
                assert!(index < 32, "one of the first 32 operands is reused");
                REUSE | index as u64
            }
            OperandConstraint::Limit(max) => {
                assert!(max.is_power_of_two() && max <= PReg::MAX + 1, "a limit is a power of two up to 64");
                LIMIT | max.trailing_zeros() as u64
            }
        };
        Self {
            bits: vreg.vreg() as u64
                | (vreg.class() as u64) << CLASS_SHIFT
                | (pos as u64) << POS_SHIFT
                | (kind as u64) << KIND_SHIFT
                | constraint << CONSTRAINT_SHIFT,
        }
    }

    /// A use in any register that a definition of the same instruction may take over.
    #[inline(always)]
    pub fn reg_use(vreg: VReg) -> Self {
        Self::new(vreg, OperandConstraint::Reg, OperandKind::Use, OperandPos::Early)
    }

    /// A use in any register that no definition of the same instruction may take over.
    #[inline(always)]
    pub fn reg_use_at_end(vreg: VReg) -> Self {
        Self::new(vreg, OperandConstraint::Reg, OperandKind::Use, OperandPos::Late)
    }

    /// A definition in any register, also one that carried an early use.
    #[inline(always)]
    pub fn reg_def(vreg: VReg) -> Self {
        Self::new(vreg, OperandConstraint::Reg, OperandKind::Def, OperandPos::Late)
    }

    /// A definition in any register that carries no use.
    #[inline(always)]
    pub fn reg_def_at_start(vreg: VReg) -> Self {
        Self::new(vreg, OperandConstraint::Reg, OperandKind::Def, OperandPos::Early)
    }

    /// A register for the instruction's own purposes, apart from all its uses and definitions. `vreg` has no use.
    #[inline(always)]
    pub fn reg_temp(vreg: VReg) -> Self {
        Self::reg_def_at_start(vreg)
    }

    /// A definition in the register of operand `index` of the same instruction, an early use.
    #[inline(always)]
    pub fn reg_reuse_def(vreg: VReg, index: usize) -> Self {
        Self::new(vreg, OperandConstraint::Reuse(index), OperandKind::Def, OperandPos::Late)
    }

    /// A use in the given register.
    #[inline(always)]
    pub fn reg_fixed_use(vreg: VReg, reg: PReg) -> Self {
        Self::new(vreg, OperandConstraint::FixedReg(reg), OperandKind::Use, OperandPos::Early)
    }

    /// A definition in the given register.
    #[inline(always)]
    pub fn reg_fixed_def(vreg: VReg, reg: PReg) -> Self {
        Self::new(vreg, OperandConstraint::FixedReg(reg), OperandKind::Def, OperandPos::Late)
    }

    /// A use in the given register that no definition of the same instruction may take over.
    #[inline(always)]
    pub fn reg_fixed_use_at_end(vreg: VReg, reg: PReg) -> Self {
        Self::new(vreg, OperandConstraint::FixedReg(reg), OperandKind::Use, OperandPos::Late)
    }

    /// A definition in the given register, which no use of the same instruction may occupy.
    #[inline(always)]
    pub fn reg_fixed_def_at_start(vreg: VReg, reg: PReg) -> Self {
        Self::new(vreg, OperandConstraint::FixedReg(reg), OperandKind::Def, OperandPos::Early)
    }

    /// A use in a register or on the stack.
    #[inline(always)]
    pub fn any_use(vreg: VReg) -> Self {
        Self::new(vreg, OperandConstraint::Any, OperandKind::Use, OperandPos::Early)
    }

    /// A definition in a register or on the stack.
    #[inline(always)]
    pub fn any_def(vreg: VReg) -> Self {
        Self::new(vreg, OperandConstraint::Any, OperandKind::Def, OperandPos::Late)
    }

    /// A mention of a register that the allocator does not manage. It comes back as it is; no value is tracked in it.
    #[inline(always)]
    pub fn fixed_nonallocatable(reg: PReg) -> Self {
        Self::reg_fixed_use(VReg::new(VReg::MAX, reg.class()), reg)
    }

    /// The value.
    #[inline(always)]
    pub fn vreg(self) -> VReg {
        VReg::new(self.vreg_number(), self.class())
    }

    /// The value's number.
    #[inline(always)]
    pub(crate) const fn vreg_number(self) -> usize {
        self.bits as u32 as usize & VReg::MAX
    }

    /// The value's class, as an index; 3 in an encoding that is none.
    #[inline(always)]
    pub(crate) const fn class_index(self) -> u8 {
        (self.bits >> CLASS_SHIFT) as u8 & 3
    }

    /// The value's class.
    #[inline(always)]
    pub const fn class(self) -> RegClass {
        RegClass::from_bits((self.bits >> CLASS_SHIFT) as u32)
    }

    /// Use or definition?
    #[inline(always)]
    pub const fn kind(self) -> OperandKind {
        if self.bits >> KIND_SHIFT & 1 == 0 { OperandKind::Def } else { OperandKind::Use }
    }

    /// Early or late?
    #[inline(always)]
    pub const fn pos(self) -> OperandPos {
        if self.bits >> POS_SHIFT & 1 == 0 { OperandPos::Early } else { OperandPos::Late }
    }

    /// The same operand, to take effect early.
    pub(crate) const fn made_early(self) -> Self {
        Self { bits: self.bits & !(1 << POS_SHIFT) }
    }

    /// Where the value must be. Encodings that are not assigned read as [`OperandConstraint::Any`].
    #[inline(always)]
    pub const fn constraint(self) -> OperandConstraint {
        let field = self.bits >> CONSTRAINT_SHIFT & ((1 << CONSTRAINT_BITS) - 1);
        if field & FIXED != 0 {
            OperandConstraint::FixedReg(PReg::new(field as usize & PReg::MAX, self.class()))
        } else if field & REUSE != 0 {
            OperandConstraint::Reuse(field as usize & 31)
        } else if field & LIMIT != 0 {
            OperandConstraint::Limit(1 << (field & 15))
        } else {
            match field {
                1 => OperandConstraint::Reg,
                2 => OperandConstraint::Stack,
                _ => OperandConstraint::Any,
            }
        }
    }

    /// The register, if this is a mention of one that the allocator does not manage
    /// ([`Operand::fixed_nonallocatable`]).
    #[inline(always)]
    pub fn as_fixed_nonallocatable(self) -> Option<PReg> {
        match self.constraint() {
            OperandConstraint::FixedReg(reg) if self.vreg().vreg() == VReg::MAX => Some(reg),
            _ => None,
        }
    }

    /// All but the value: a number that operands of the same class, constraint, kind and position have in common.
    #[inline(always)]
    pub(crate) const fn form(self) -> usize {
        (self.bits >> CLASS_SHIFT) as usize & (Self::NUM_FORMS - 1)
    }

    /// An operand of the given [`Self::form`].
    pub(crate) const fn of_form(form: usize) -> Self {
        Self { bits: (form as u64) << CLASS_SHIFT }
    }

    /// The encoding.
    #[inline(always)]
    pub fn bits(self) -> u64 {
        self.bits
    }

    /// The operand with the given encoding.
    ///
    /// # Panics
    ///
    /// In builds with debug assertions, if there are bits that no encoding has.
    #[inline(always)]
    pub fn from_bits(bits: u64) -> Self {
        debug_assert!(bits >> (CONSTRAINT_SHIFT + CONSTRAINT_BITS) == 0);
        Self { bits }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reg) = self.as_fixed_nonallocatable() {
            return write!(f, "fixed {reg}");
        }
        let kind = match (self.kind(), self.pos()) {
            (OperandKind::Use, OperandPos::Early) => "use",
            (OperandKind::Use, OperandPos::Late) => "late use",
            (OperandKind::Def, OperandPos::Late) => "def",
            (OperandKind::Def, OperandPos::Early) => "early def",
        };
        write!(f, "{kind} {:?} {}", self.vreg(), self.constraint())
    }
}

impl fmt::Debug for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_survives_the_encoding() {
        let reg = PReg::new(63, RegClass::Float);
        let constraints = [
            OperandConstraint::Any,
            OperandConstraint::Reg,
            OperandConstraint::Stack,
            OperandConstraint::FixedReg(reg),
            OperandConstraint::Reuse(31),
            OperandConstraint::Limit(1),
            OperandConstraint::Limit(64),
        ];
        let vreg = VReg::new(VReg::MAX - 1, RegClass::Float);
        for constraint in constraints {
            for kind in [OperandKind::Use, OperandKind::Def] {
                for pos in [OperandPos::Early, OperandPos::Late] {
                    let op = Operand::new(vreg, constraint, kind, pos);
                    assert_eq!((op.vreg(), op.constraint(), op.kind(), op.pos()), (vreg, constraint, kind, pos));
                    assert_eq!(op.class(), RegClass::Float);
                    assert_eq!(op.as_fixed_nonallocatable(), None);
                    let form = Operand::of_form(op.form());
                    assert_eq!(form, Operand::new(VReg::new(0, RegClass::Float), constraint, kind, pos));
                }
            }
        }
        for class in RegClass::ALL {
            assert_eq!(Operand::reg_use(VReg::new(7, class)).class_index(), class as u8);
        }
        assert_eq!(Operand::fixed_nonallocatable(reg).as_fixed_nonallocatable(), Some(reg));
    }
}
