//! Checks inputs and outputs.
//!
//! [`validate()`] says whether a function is what [`Function`] asks for. [`check()`] proves an output right for its input, whoever made it: it knows
//! nothing of any allocator. First what needs no following of values: that each operand's location fits its constraint, that those of one
//! instruction are not in each other's way, that edits are moves that a machine can do, that slots lie within the frame. Then it
//! follows values through each block by itself: what a location holds is a value that the block made, or what some location held when the
//! block began. Each use must read a location that holds its value; where the block does not tell, the question is passed on to the blocks
//! before it, by the name that a parameter has there, until all ways back have come to where the value was made (`questions`). So nothing is
//! approximated: what is rejected goes wrong on some way through the blocks. (Registers that are not allocatable hold nothing that
//! can be counted on behind the instruction that an operand is fixed to them at.) What is said for debuggers is asked in the same manner.

mod climb;
mod contents;
mod debug;
mod fault;
mod locations;
mod questions;
mod reachable;
mod shape;
mod symbolic;
mod validate;

pub use fault::{Fault, FaultKind, Faults};
pub(crate) use validate::environment;
pub use validate::validate;

use crate::ir::{Function, Inst, MachineEnv, Operand, OperandKind, PRegSet, VReg};
use crate::output::Output;
use alloc::format;
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
/// About linear in operands and edits, and in the questions that uses lead to: one for each block, location and name. Blocks between which a
/// location is not written are skipped, where that can be seen in the dominator tree and the loops; so slots that are written seldom cost
/// little, however long values stay in them.
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
    let scratch = env.scratch_by_class.iter().flatten().copied().collect();
    let fixed_uses = (Inst::invalid(), PRegSet::empty());
    let allocatable = env.into();
    ShapeCheck { func, allocatable, output, locs: &locs, fixed_stack, scratch, fixed_uses, faults: &mut faults }.run();
    match Flow::new(func, env, output, &locs) {
        Ok(mut flow) => {
            flow.run(&mut faults);
            if !output.debug_locations.is_empty() {
                flow.check_debug_locations(&mut DebugCheck::new(func, output, &locs, &mut faults));
            }
        }
        Err(vreg) => faults.report(FaultKind::Input, None, || format!("{vreg} is defined more than once")),
    }
    faults.into_result()
}

/// The value that an operand gives to its location.
fn defined_by(op: &Operand) -> Option<VReg> {
    (op.kind() == OperandKind::Def && op.as_fixed_nonallocatable().is_none()).then(|| op.vreg())
}
