//! Checks inputs and outputs.

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
