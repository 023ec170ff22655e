//! Checks inputs.

mod graph;

pub(super) use graph::blocks;

use crate::error::Error;
use crate::ir::{Function, MachineEnv};

/// Looks for everything that can be wrong with an input.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn validate(func: &impl Function, env: &MachineEnv) -> Result<(), Error> {
    let _ = env;
    graph::blocks(func)?;
    graph::edges(func)
}
