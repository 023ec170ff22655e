//! The machine's environment.

use crate::error::Error;
use crate::ir::{MachineEnv, PReg, PRegSet, RegClass};

/// Checks that every register has one role, in its own class.
pub(super) fn check(env: &MachineEnv) -> Result<(), Error> {
    let mut allocatable = PRegSet::empty();
    for class in RegClass::ALL {
        let preferred = env.preferred_regs_by_class[class.index()];
        let non_preferred = env.non_preferred_regs_by_class[class.index()];
        for reg in preferred.iter().chain(non_preferred) {
            exists(reg)?;
            if reg.class() != class {
                return Err(Error::BadEnv { reg, why: "it is listed among the registers of another class" });
            }
        }
        if let Some(reg) = (preferred & non_preferred).iter().next() {
            return Err(Error::BadEnv { reg, why: "it is both preferred and non-preferred" });
        }
        allocatable.union_from(preferred | non_preferred);
    }
    for class in RegClass::ALL {
        let Some(reg) = env.scratch_by_class[class.index()] else { continue };
        exists(reg)?;
        if reg.class() != class {
            return Err(Error::BadEnv { reg, why: "it is the scratch register of another class" });
        }
        if allocatable.contains(reg) {
            return Err(Error::BadEnv { reg, why: "it is allocatable and the scratch register" });
        }
    }
    let mut slots = PRegSet::empty();
    for &reg in &env.fixed_stack_slots {
        exists(reg)?;
        if allocatable.contains(reg) {
            return Err(Error::BadEnv { reg, why: "it is allocatable and a fixed stack slot" });
        }
        if env.scratch_by_class.contains(&Some(reg)) {
            return Err(Error::BadEnv { reg, why: "it is the scratch register and a fixed stack slot" });
        }
        if slots.contains(reg) {
            return Err(Error::BadEnv { reg, why: "it is listed twice as a fixed stack slot" });
        }
        slots.add(reg);
    }
    Ok(())
}

fn exists(reg: PReg) -> Result<(), Error> {
    if reg.index() >= RegClass::ALL.len() << PReg::MAX_BITS {
        return Err(Error::BadEnv { reg, why: "its encoding belongs to no class" });
    }
    if reg.as_valid().is_none() {
        return Err(Error::BadEnv { reg, why: "that encoding stands for no register" });
    }
    Ok(())
}
