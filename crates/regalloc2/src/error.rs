//! Why a function cannot be allocated, in this interface's terms.
//!
//! Regatta tells more kinds of error apart, and says more about each. What is lost in translation goes to the log, at level
//! debug.

use crate::{Block, Function, Inst, VReg};
use core::fmt;
use regatta::Error;

/// Why a function cannot be allocated.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "enable-serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RegAllocError {
    /// The edge between these blocks is critical: the first has several successors, the second several predecessors.
    CritEdge(Block, Block),
    /// The virtual register has several definitions, or is used where none of them reaches; or it does not exist. The
    /// instruction is where that was found, and invalid if it was at a block parameter.
    SSA(VReg, Inst),
    /// The block is malformed: it does not end in a branch or a return, or has one in its middle; it is the entry and has
    /// parameters; it does not exist, or its instructions do not.
    BB(Block),
    /// The branch passes another number of arguments than its targets have parameters; or its block's successors do not
    /// have it for their predecessor.
    Branch(Inst),
    /// A value is live on entry to the function: on some way from there to a use, nothing defines it.
    EntryLivein,
    /// The branch has operands of its own, and a target with several predecessors: the edge's moves have no place.
    DisallowedBranchArg(Inst),
    /// An instruction needs more registers at once than there are, or its constraints contradict one another.
    TooManyLiveRegs,
    /// An instruction has more than 4,095 operands, or the function is beyond all encodings.
    TooManyOperands,
}

impl fmt::Display for RegAllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl core::error::Error for RegAllocError {}

impl RegAllocError {
    /// What the allocator met.
    pub(crate) fn while_allocating(error: Error, func: &impl Function) -> Self {
        match error {
            Error::Undefined { .. } | Error::NotDominated { .. } => {
                log::debug!("cannot allocate: {error}");
                Self::EntryLivein
            }
            error => Self::new(error, func),
        }
    }

    /// What the validator found.
    pub(crate) fn while_validating(error: Error, func: &impl Function) -> Self {
        match error {
            Error::Undefined { vreg, inst } => Self::SSA(vreg, inst.unwrap_or(Inst::invalid())),
            error => Self::new(error, func),
        }
    }

    fn new(error: Error, func: &impl Function) -> Self {
        log::debug!("cannot allocate: {error}");
        let branch_of = |block: Block| func.block_insns(block).last();
        match error {
            Error::CriticalEdge { from, to } => Self::CritEdge(from, to),
            Error::BranchOperands { inst } => Self::DisallowedBranchArg(inst),
            Error::EntryParams { block } | Error::BadBlockRange { block, .. } => Self::BB(block),
            Error::NoSuchBlock { to, .. } => Self::BB(to),
            Error::BadTerminator { block, .. } => Self::BB(block),
            Error::ArgumentCount { from, .. } | Error::EdgeMismatch { from, .. } => Self::Branch(branch_of(from)),
            Error::NoSuchVReg { vreg, inst }
            | Error::MultipleDefs { vreg, inst }
            | Error::ClassMismatch { vreg, inst } => Self::SSA(vreg, inst.unwrap_or(Inst::invalid())),
            Error::NotDominated { vreg, inst } => Self::SSA(vreg, inst),
            Error::Undefined { .. } => Self::EntryLivein,
            Error::TooLarge { .. } => Self::TooManyOperands,
            // The rest contradict the machine, or themselves: there is no allocation.
            _ => Self::TooManyLiveRegs,
        }
    }
}
