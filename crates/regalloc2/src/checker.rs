//! The checker: is an allocation right for its function?
//!
//! [`regatta::check`] follows values through registers, slots and moves, and finds out whether each use finds its value. Here
//! it is driven in three steps:
//!
//! ```
//! use regalloc2::checker::{Checker, CheckerErrors};
//! use regalloc2::{Function, MachineEnv, Output};
//!
//! fn check(func: &impl Function, env: &MachineEnv, output: &Output) -> Result<(), CheckerErrors> {
//!     let mut checker = Checker::new(func, env);
//!     checker.prepare(output);
//!     checker.run()
//! }
//! ```

use crate::function::Adapter;
use crate::{Allocation, Function, Inst, MachineEnv, Operand, Output, VReg};
use core::fmt;
use core::hash::BuildHasherDefault;
use core::ops::Range;
use hashbrown::HashSet;
use regatta::check::Faults;
use rustc_hash::FxHasher;

/// What is wrong with an allocation. Its `Debug` form tells, a line for each fault.
#[derive(Clone)]
pub struct CheckerErrors {
    faults: Faults,
}

impl fmt::Debug for CheckerErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.faults)
    }
}

/// The kinds of faults that this interface knows. [`CheckerErrors`] does not take itself apart into these.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are those of all variants: where, which operand, and where it was put")]
pub enum CheckerError {
    /// The operand has no location.
    MissingAllocation { inst: Inst, op: Operand },
    /// Nothing is known about what the location holds.
    UnknownValueInAllocation { inst: Inst, op: Operand, alloc: Allocation },
    /// The location holds different values on different paths.
    ConflictedValueInAllocation { inst: Inst, op: Operand, alloc: Allocation },
    /// The location holds other values than the operand's.
    IncorrectValuesInAllocation {
        inst: Inst,
        op: Operand,
        alloc: Allocation,
        actual: HashSet<VReg, BuildHasherDefault<FxHasher>>,
    },
    /// The location is not one that the operand's constraint allows.
    ConstraintViolated { inst: Inst, op: Operand, alloc: Allocation },
    /// The location must be a register.
    AllocationIsNotReg { inst: Inst, op: Operand, alloc: Allocation },
    /// The location must be one particular register.
    AllocationIsNotFixedReg { inst: Inst, op: Operand, alloc: Allocation },
    /// The location must be that of another operand.
    AllocationIsNotReuse { inst: Inst, op: Operand, alloc: Allocation, expected_alloc: Allocation },
    /// The location must be a slot.
    AllocationIsNotStack { inst: Inst, op: Operand, alloc: Allocation },
    /// A move has a slot at both ends.
    StackToStackMove { into: Allocation, from: Allocation },
    /// The location must be a register with a lower number.
    AllocationOutsideLimit { inst: Inst, op: Operand, alloc: Allocation, range: Range<usize> },
}

/// Checks an allocation.
#[derive(Debug)]
pub struct Checker<'a, F: Function> {
    func: &'a F,
    env: &'a MachineEnv,
    output: Option<regatta::Output>,
}

impl<'a, F: Function> Checker<'a, F> {
    /// A checker for allocations of a function.
    pub fn new(f: &'a F, machine_env: &'a MachineEnv) -> Checker<'a, F> {
        Checker { func: f, env: machine_env, output: None }
    }

    /// Takes an allocation down, to be checked.
    pub fn prepare(&mut self, out: &Output) {
        self.output = Some(out.to_regatta());
    }

    /// Checks the allocation that was taken down. Without one, there is nothing wrong.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub fn run(self) -> Result<(), CheckerErrors> {
        let Some(output) = self.output else { return Ok(()) };
        regatta::check::check(&Adapter(self.func), self.env, &output).map_err(|faults| CheckerErrors { faults })
    }
}
