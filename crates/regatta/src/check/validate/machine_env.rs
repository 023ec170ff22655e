//! The machine's environment.

use crate::error::Error;
use crate::ir::{MachineEnv, PReg, PRegSet, RegClass};

/// Checks that every register has one role, in its own class. What is right, as it nearly always is, takes a few operations on masks.
#[inline]
pub(crate) fn check(env: &MachineEnv) -> Result<(), Error> {
    if is_plain(env) { Ok(()) } else { check_each(env) }
}

/// Is it seen at a glance that nothing is wrong?
fn is_plain(env: &MachineEnv) -> bool {
    let mut taken = PRegSet::empty().with(PReg::invalid());
    for class in RegClass::ALL {
        let preferred = env.preferred_regs_by_class[class.index()];
        let non_preferred = env.non_preferred_regs_by_class[class.index()];
        let own = PRegSet::from_class_mask(class, (preferred | non_preferred).class_mask(class));
        if preferred | non_preferred != own || !(preferred & non_preferred | own & taken).is_empty_all() {
            return false;
        }
        taken.union_from(own);
    }
    for class in RegClass::ALL {
        let Some(reg) = env.scratch_by_class[class.index()] else { continue };
        if reg != PReg::new(reg.hw_enc(), class) || taken.contains(reg) {
            return false;
        }
        taken.add(reg);
    }
    env.fixed_stack_slots.iter().all(|&slot| {
        let is_new = slot == PReg::new(slot.hw_enc(), slot.class()) && !taken.contains(slot);
        taken.add(slot);
        is_new
    })
}

/// Looks at each register by itself, to tell what is wrong with which.
#[cold]
fn check_each(env: &MachineEnv) -> Result<(), Error> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_seen_at_a_glance_is_what_is_seen_register_by_register(
            sets in prop::collection::vec((0usize..6, prop::sample::select(vec![0, 1, 2, 63, 64, 65, 128, 192, 255])), 0..5),
            scratch in prop::option::of((0usize..3, prop::sample::select(vec![0, 1, 63, 64, 129, 192]))),
            slots in prop::collection::vec(prop::sample::select(vec![0, 1, 2, 3, 63, 66, 192]), 0..3),
        ) {
            let mut env = MachineEnv::default();
            for (set, reg) in sets {
                let list = if set < 3 { &mut env.preferred_regs_by_class } else { &mut env.non_preferred_regs_by_class };
                // Mostly where it belongs.
                let class = if set % 3 == 2 { 2 } else { (reg >> 6) % 3 };
                list[class].add(PReg::from_index(reg));
            }
            if let Some((class, reg)) = scratch {
                env.scratch_by_class[class] = Some(PReg::from_index(reg));
            }
            env.fixed_stack_slots = slots.into_iter().map(PReg::from_index).collect();
            prop_assert_eq!(is_plain(&env), check_each(&env).is_ok(), "{:?}", env);
        }
    }
}
