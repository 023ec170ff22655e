//! Checks inputs and outputs.
//!
//! [`validate`] says whether a function is what [`Function`] asks for. [`check()`] proves an output right for its input, whoever made it: it knows
//! nothing of any allocator. First what needs no following of values: that each operand's location fits its constraint, that those of one
//! instruction are not in each other's way, that edits are moves that a machine can do, that slots lie within the frame. Then it
//! executes the function with names for values: which values each place is known to hold is followed along all ways, met at joins (what
//! not all ways agree on is forgotten), moved by edits, lost to clobbers and overwriting; and each use must read a place that holds its value.
//! With that known for all blocks, a last walk looks at what is said for debuggers.

mod debug;
mod fault;
mod locations;
mod names;
mod needs;
mod order;
mod shape;
mod state;
mod symbolic;
mod validate;

pub use fault::{Fault, FaultKind, Faults};
pub use validate::validate;

use crate::ir::{Function, MachineEnv};
use crate::output::Output;
use alloc::string::ToString;
use debug::DebugCheck;
use locations::Locations;
use shape::ShapeCheck;
use symbolic::Flow;

/// Checks that an output is right for its input.
///
/// It does not validate the function beyond what it takes to follow it: an output can be right only for a valid one.
///
/// # Errors
///
/// All faults that were found, up to a limit, each with its place; [`FaultKind::Input`] alone if the function cannot be followed, and
/// [`FaultKind::AllocTable`] alone if operands have no locations.
///
/// # Complexity
///
/// Time is about linear in operands and edits, times the places whose values change in a loop until they settle; memory is blocks times
/// places that hold something there.
pub fn check(func: &impl Function, env: &MachineEnv, output: &Output) -> Result<(), Faults> {
    let mut faults = Faults::default();
    if let Err(error) = validate::blocks(func) {
        faults.report(FaultKind::Input, None, || error.to_string());
        return Err(faults);
    }
    shape::check_alloc_table(func, output, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let locs = Locations::new(func, output);
    let fixed_stack = env.fixed_stack_slots.iter().copied().collect();
    ShapeCheck { func, allocatable: env.into(), output, locs: &locs, fixed_stack, faults: &mut faults }.run();
    let mut flow = Flow::new(func, env, output, &locs);
    flow.run(&mut faults);
    if !output.debug_locations.is_empty() {
        flow.observe(&mut DebugCheck::new(func, output, &locs, &mut faults));
    }
    faults.into_result()
}
