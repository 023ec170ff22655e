//! What is left on live ranges: the uses and definitions of values, each with the points that it covers, what it asks of the value's
//! location there, and what it costs if that is in memory.

use super::super::points::Point;
use crate::code::{OpIndex, Value};
use crate::ir::entity::entity;

entity! {
    /// An argument, numbered as in [`Code`](crate::code::Code): through all edges.
    pub(crate) struct ArgIndex, "arg"
}

entity! {
    /// A copy to a register of no fixed name, in front of an instruction.
    pub(crate) struct CopyIndex, "copy"
}

/// What a use asks of the value's location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UseKind {
    /// A parameter gets its value on the edges.
    Param,
    /// The value comes from the fixed place of a definition.
    FixedDef(OpIndex),
    /// The value is made in its slot.
    StackDef,
    /// A definition in a register.
    Def(OpIndex),
    /// A definition anywhere.
    AnyDef(OpIndex),
    /// A use in a register.
    Reg(OpIndex),
    /// A use anywhere.
    Any(OpIndex),
    /// A copy to the fixed register of an operand.
    Copy(OpIndex),
    /// A copy to where another operand is.
    Input(CopyIndex),
    /// The value is passed to a parameter.
    Arg(ArgIndex),
}

/// A use of a value, or its definition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    /// The points at which the location must be as asked.
    pub(crate) from: Point,
    pub(crate) to: Point,
    pub(crate) kind: UseKind,
    /// What it costs if the value is in memory, times frequency.
    pub(crate) weight: f32,
    /// Only the first `2^limit` registers will do.
    pub(crate) limit: u8,
}

impl Use {
    /// Must the value be in a register there?
    #[inline]
    pub(crate) fn needs_register(&self) -> bool {
        matches!(self.kind, UseKind::Def(_) | UseKind::Reg(_))
    }

    /// Which of the [`NUM_LIMITS`] sets of registers the use allows.
    #[inline]
    pub(crate) fn limit_number(&self) -> usize {
        if self.kind == UseKind::StackDef { NUM_LIMITS - 1 } else { usize::from(self.limit.min(NO_LIMIT)) }
    }

    /// The registers, by number in the class, that the use allows.
    #[inline]
    pub(crate) fn limit_mask(&self) -> u64 {
        limit_mask(self.limit_number())
    }

    /// Does the value begin here?
    #[inline]
    pub(crate) fn begins(&self) -> bool {
        use UseKind::*;
        matches!(self.kind, Param | FixedDef(_) | StackDef | Def(_) | AnyDef(_))
    }
}

/// [`Use::limit`] of a use that all registers will do for.
pub(super) const NO_LIMIT: u8 = 6;

/// How many different sets of registers uses can allow.
pub(crate) const NUM_LIMITS: usize = NO_LIMIT as usize + 2;

/// The set of registers of that number: the first `2^number` of the class, all of them, or none.
#[inline]
pub(crate) fn limit_mask(number: usize) -> u64 {
    match number {
        0..6 => (1 << (1 << number)) - 1,
        6 => !0,
        _ => 0,
    }
}

/// A copy of what an operand reads to where an operand is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CopyIn {
    /// The early point of the instruction.
    pub(crate) early: Point,
    /// The definition that reuses the input's register; or the input itself, if it is read from a second copy of its
    /// value.
    pub(crate) to: OpIndex,
    pub(crate) input: OpIndex,
}

/// An operand in a slot, at the points `from..to`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotOperand {
    pub(crate) op: OpIndex,
    pub(crate) value: Value,
    pub(crate) from: Point,
    pub(crate) to: Point,
}

/// What a move in memory costs; see the weights of the thorough allocator's design: 4 a load, 1 a store, 0.2 a move.
pub(super) const LOAD: f32 = 4.0;
pub(super) const STORE: f32 = 1.0;
pub(super) const MOVE: f32 = 0.2;
pub(super) const STACK_OPERAND: f32 = 2.0;
