//! Where labelled values are, for a debugger.

use super::edits::Decisions;
use super::forward::Input;
use crate::ir::Function;
use crate::output::Output;
use crate::slots::Slots;

/// The pass, with its storage.
#[derive(Debug, Default)]
pub(crate) struct DebugLocations {}

impl DebugLocations {
    pub(crate) fn run(&mut self, _: &impl Function, _: &Input<'_>, _: &Decisions<'_>, _: &Slots, _: &mut Output) {}
}
