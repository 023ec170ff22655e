//! How large a function may be. Beyond a limit there is [`Error::TooLarge`], whether or not validation is asked for. (With more blocks than instructions, one has none:
//! [`Error::BadBlockRange`].)
//!
//! The limits come from encodings (a program point is 32 bits), or keep the allocator's memory in proportion to the function: its
//! tables have an entry for each virtual register that the client claims to have, and what is looked for among the operands of one
//! instruction takes time quadratic in their number.
//!
//! | what | at most |
//! |---|---|
//! | instructions | [`MAX_INSTS`] |
//! | blocks | as many as instructions |
//! | virtual registers | [`max_vregs`] |
//! | operands of one instruction | [`MAX_OPERANDS`] |
//! | operands of all instructions | 2³² − 2 |
//! | edges, arguments of branches | 2³² − 2 |
//! | moves to insert | [`MAX_EDITS`] |
//! | words of spill slots | [`MAX_SLOT_WORDS`] |

use crate::error::Error;
use crate::ir::{Function, VReg};
use crate::output::SpillSlot;

/// The most instructions of a function.
pub const MAX_INSTS: usize = (1 << 30) - 1;

/// The most operands of one instruction.
pub const MAX_OPERANDS: usize = (1 << 12) - 1;

/// The most moves that an allocation may insert.
pub const MAX_EDITS: usize = 1 << 29;

/// The most words of the frame that spill slots may take.
pub const MAX_SLOT_WORDS: usize = SpillSlot::MAX;

/// Virtual registers that a function may have however small it is.
const VREGS: usize = 1 << 21;
/// And for each of its instructions.
const VREGS_PER_INST: usize = 64;

/// And at most, however large it is.
const MAX_VREGS: usize = 1 << 29;
const _: () = assert!(MAX_VREGS <= VReg::MAX);

/// The most virtual registers of a function with so many instructions. Their numbers need not be dense, but near to it.
pub const fn max_vregs(insts: usize) -> usize {
    let many = VREGS.saturating_add(insts.saturating_mul(VREGS_PER_INST));
    if many < MAX_VREGS { many } else { MAX_VREGS }
}

/// Checks what can be checked at once.
pub(crate) fn check(func: &impl Function) -> Result<(), Error> {
    let insts = func.num_insts();
    if insts > MAX_INSTS {
        return Err(Error::TooLarge { what: "instructions", limit: MAX_INSTS });
    }
    let limit = max_vregs(insts);
    if func.num_vregs() > limit {
        return Err(Error::TooLarge { what: "virtual registers", limit });
    }
    Ok(())
}
