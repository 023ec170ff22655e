//! Is a function in SSA form, and well-formed?

use crate::cfg::CFGInfo;
use crate::function::Adapter;
use crate::{Function, MachineEnv, RegAllocError};
use regatta::Error;

/// Checks that every virtual register has one definition, which reaches all its uses; that blocks end as they must; and that
/// branches pass as many arguments as their targets have parameters.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn validate_ssa<F: Function>(f: &F, cfginfo: &CFGInfo) -> Result<(), RegAllocError> {
    let CFGInfo {} = cfginfo;
    validate(f)
}

/// [`validate_ssa`] without what nobody has.
pub(crate) fn validate<F: Function>(func: &F) -> Result<(), RegAllocError> {
    // Without registers, the validator has nothing to say about the environment. It then looks at blocks, edges and values;
    // and whatever it says about the operands' constraints, the frame and debug labels comes after that, and is not asked.
    match regatta::check::validate(&Adapter(func), &MachineEnv::default()) {
        Ok(())
        | Err(
            Error::BadEnv { .. }
            | Error::BadConstraint { .. }
            | Error::TooManyLiveRegs { .. }
            | Error::BadSlotSize { .. }
            | Error::BadLabel { .. }
            | Error::BadFrequency { .. },
        ) => Ok(()),
        Err(error) => Err(RegAllocError::while_validating(error, func)),
    }
}
