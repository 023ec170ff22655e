//! The machine's environment, digested into one mask of registers a class and purpose.

use super::reg::{MachineEnv, PReg, RegClass};

/// One value for each register class.
pub(crate) type PerClass<T> = [T; 3];

/// [`MachineEnv`] as masks: bit n of a class's mask is register number n of that class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// Registers that may hold values.
    pub(crate) allocatable: PerClass<u64>,
    /// Those of them that cost something to use.
    pub(crate) dear: PerClass<u64>,
    /// `PReg`s that are slots of the stack frame.
    pub(crate) stack: PerClass<u64>,
    /// The dedicated scratch register.
    pub(crate) scratch: PerClass<Option<PReg>>,
}

impl Machine {
    pub(crate) fn new(env: &MachineEnv) -> Self {
        let mut machine = Self { scratch: env.scratch_by_class, ..Self::default() };
        for class in RegClass::ALL {
            let c = class.index();
            machine.allocatable[c] = env.allocatable(class);
            machine.dear[c] = env.non_preferred_regs_by_class[c].class_mask(class)
                & !env.preferred_regs_by_class[c].class_mask(class);
        }
        for slot in &env.fixed_stack_slots {
            machine.stack[slot.class().index()] |= 1 << slot.hw_enc();
        }
        for (allocatable, stack) in machine.allocatable.iter_mut().zip(machine.stack) {
            // The validator objects to what is both. Without it, the allocators still must not count on such a place.
            *allocatable &= !stack;
        }
        machine
    }

    /// Is this "register" a place in the stack frame?
    #[inline]
    pub(crate) fn is_stack(&self, reg: PReg) -> bool {
        self.stack[reg.class().index()] >> reg.hw_enc() & 1 != 0
    }
}
