//! The ways in which an input cannot be allocated.

use crate::ir::{Block, Inst, PReg, RegClass, VReg};
use core::fmt;

/// Why a function cannot be allocated: what is wrong, and where.
///
/// The allocator itself reports what it meets on its way; [`crate::check::validate`] looks for everything that can be seen of the input
/// without allocating.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// An instruction needs more registers of a class at once than the machine has, or its constraints and clobbers leave; or it names a value of
    /// a class that the machine has no registers of, be it only in memory.
    TooManyLiveRegs {
        /// The instruction.
        inst: Inst,
        /// The class that runs out.
        class: RegClass,
    },
    /// The edge goes from a block with several successors to a block with several predecessors. Insert a block on it.
    CriticalEdge {
        /// The block with several successors.
        from: Block,
        /// The block with several predecessors.
        to: Block,
    },
    /// A branch to a block with several predecessors has operands of its own, or spoils registers; the edge's moves must go
    /// before it. Insert a block on the edge.
    BranchOperands {
        /// The branch.
        inst: Inst,
    },
    /// The entry block has parameters; nobody could provide them.
    EntryParams {
        /// The entry block.
        block: Block,
    },
    /// A block names a successor, or the function an entry, that does not exist.
    NoSuchBlock {
        /// The block that names it (the entry itself, when that is what does not exist).
        from: Block,
        /// The block that does not exist.
        to: Block,
    },
    /// A block's instructions are none, or beyond those of the function, or also another's; or some in front of them are nobody's.
    BadBlockRange {
        /// The block.
        block: Block,
        /// Which of these, in words.
        why: &'static str,
    },
    /// A block ends in an instruction that is neither branch nor return, or one stands in its middle; or an instruction is
    /// both, or is a return in a block that has successors.
    BadTerminator {
        /// The block.
        block: Block,
        /// The instruction.
        inst: Inst,
        /// Which of these, in words.
        why: &'static str,
    },
    /// An edge that the successors of one block name is not among the predecessors of the other, or the other way round,
    /// or not as often.
    EdgeMismatch {
        /// The block that it goes from.
        from: Block,
        /// The block that it goes to.
        to: Block,
    },
    /// A branch passes another number of arguments than its target has parameters.
    ArgumentCount {
        /// The block that the branch ends.
        from: Block,
        /// The target.
        to: Block,
        /// Parameters of the target.
        params: usize,
        /// Arguments passed.
        args: usize,
    },
    /// A virtual register's number is not below the number of virtual registers.
    NoSuchVReg {
        /// The virtual register.
        vreg: VReg,
        /// Where: a block's parameter or argument, when there is no instruction.
        inst: Option<Inst>,
    },
    /// A virtual register is defined a second time.
    MultipleDefs {
        /// The virtual register.
        vreg: VReg,
        /// The second definition; none for a block parameter.
        inst: Option<Inst>,
    },
    /// A value is used or passed on that nothing defines.
    Undefined {
        /// The virtual register.
        vreg: VReg,
        /// The first instruction found that uses it; the branch, if it is an argument.
        inst: Option<Inst>,
    },
    /// A value is used where its definition need not have been executed.
    NotDominated {
        /// The virtual register.
        vreg: VReg,
        /// The instruction that uses it; the branch, if it is an argument.
        inst: Inst,
    },
    /// A virtual register is mentioned as one of another class than it was defined in, or of no class; or it is passed to
    /// a parameter of another class.
    ClassMismatch {
        /// The virtual register, as it is mentioned.
        vreg: VReg,
        /// Where; none for a block parameter.
        inst: Option<Inst>,
    },
    /// An operand's constraint can never be met: a definition that reuses an operand that is not there or is no early
    /// use, two values in one fixed register, a register of another class.
    BadConstraint {
        /// The instruction.
        inst: Inst,
        /// The index of the operand.
        operand: usize,
        /// What is wrong, in words.
        why: &'static str,
    },
    /// A register has two roles that exclude one another: see [`crate::MachineEnv`].
    BadEnv {
        /// The register.
        reg: PReg,
        /// What is wrong, in words.
        why: &'static str,
    },
    /// The spill slots of a class that has values have a size that is no power of two, or beyond all reason.
    BadSlotSize {
        /// The class.
        class: RegClass,
        /// Words, as the function has it.
        size: usize,
    },
    /// A request to follow a value for a debugger cannot be met, or is out of order.
    BadLabel {
        /// Its place among the requests.
        index: usize,
        /// What is wrong, in words.
        why: &'static str,
    },
    /// A block's frequency is negative or no finite number, or only some of the blocks have one.
    BadFrequency {
        /// The block.
        block: Block,
    },
    /// The function is larger than the allocator's encodings allow.
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The most there may be.
        limit: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyLiveRegs { inst, class } => {
                write!(f, "{inst} needs more {class:?} registers at once than its constraints and clobbers leave")
            }
            Self::CriticalEdge { from, to } => {
                write!(f, "the edge from {from} to {to} is critical; insert a block on it")
            }
            Self::BranchOperands { inst } => write!(
                f,
                "{inst}, a branch to a block with several predecessors, has operands or clobbers; insert a block on the edge"
            ),
            Self::EntryParams { block } => write!(f, "{block} is the entry and has parameters"),
            Self::NoSuchBlock { from, to } if from == to => write!(f, "the entry, {to}, does not exist"),
            Self::NoSuchBlock { from, to } => write!(f, "{from} names {to}, which does not exist"),
            Self::BadBlockRange { block, why } => write!(f, "{block}: {why}"),
            Self::BadTerminator { block, inst, why } => write!(f, "{inst} in {block}: {why}"),
            Self::EdgeMismatch { from, to } => {
                write!(f, "{from}'s successors and {to}'s predecessors disagree about the edge from {from} to {to}")
            }
            Self::ArgumentCount { from, to, params, args } => {
                write!(f, "{from} passes {args} arguments to {to}, which has {params} parameters")
            }
            Self::NoSuchVReg { vreg, inst: Some(inst) } => write!(f, "{inst} names {vreg}, which does not exist"),
            Self::NoSuchVReg { vreg, inst: None } => {
                write!(f, "a block parameter or argument names {vreg}, which does not exist")
            }
            Self::MultipleDefs { vreg, inst: Some(inst) } => write!(f, "{inst} defines {vreg} a second time"),
            Self::MultipleDefs { vreg, inst: None } => {
                write!(f, "{vreg} is a block parameter and has a second definition")
            }
            Self::Undefined { vreg, inst: Some(inst) } => write!(f, "{inst} uses {vreg}, which nothing defines"),
            Self::Undefined { vreg, inst: None } => write!(f, "{vreg} is used, and nothing defines it"),
            Self::NotDominated { vreg, inst } => {
                write!(f, "{inst} uses {vreg}, which is defined later, or not on every way there")
            }
            Self::ClassMismatch { vreg, inst: Some(inst) } => {
                write!(
                    f,
                    "{inst} mentions {vreg:?}, which is of another class elsewhere or passed to a parameter of one"
                )
            }
            Self::ClassMismatch { vreg, inst: None } => {
                write!(f, "the block parameter {vreg:?} is of another class elsewhere, or of none")
            }
            Self::BadConstraint { inst, operand, why } => write!(f, "operand {operand} of {inst}: {why}"),
            Self::BadEnv { reg, why } => write!(f, "register {reg}: {why}"),
            Self::BadSlotSize { class, size } => {
                write!(f, "spill slots of class {class:?} have {size} words, which is no power of two that can be")
            }
            Self::BadLabel { index, why } => write!(f, "debug label {index}: {why}"),
            Self::BadFrequency { block } => {
                write!(f, "{block}: every block has a frequency that is finite and not negative, or none has one")
            }
            Self::TooLarge { what, limit } => write!(f, "more than {limit} {what}"),
        }
    }
}

impl core::error::Error for Error {}

impl Error {
    /// The instruction that is wrong, if it is one.
    pub fn inst(&self) -> Option<Inst> {
        match *self {
            Self::TooManyLiveRegs { inst, .. }
            | Self::BranchOperands { inst }
            | Self::BadTerminator { inst, .. }
            | Self::NotDominated { inst, .. }
            | Self::BadConstraint { inst, .. } => Some(inst),
            Self::NoSuchVReg { inst, .. }
            | Self::MultipleDefs { inst, .. }
            | Self::Undefined { inst, .. }
            | Self::ClassMismatch { inst, .. } => inst,
            _ => None,
        }
    }
}

/// What can be wrong with the instructions of a block, for [`Error::BadBlockRange`].
pub(crate) mod range {
    pub(crate) const EMPTY: &str = "it has no instructions";
    pub(crate) const BEYOND: &str = "its instructions go beyond the function's last";
    pub(crate) const OVERLAP: &str = "its first instruction is another block's as well";
    pub(crate) const GAP: &str = "the instruction in front of its first belongs to no block";
    pub(crate) const REST: &str = "the instruction behind its last belongs to no block";
    pub(crate) const FEW: &str = "there are fewer instructions than blocks";
}

/// What is wrong with operands, for [`Error::BadConstraint`], where the allocators and the validator say it.
pub(crate) const APART: &str = "it defines a value that another operand defines in another place";
