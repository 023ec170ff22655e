//! Liveness: which values are live where, how far away their next use is, and which registers they would like.
//!
//! Everything that the forward pass wants to know about the future is found here, before it starts: see [`NextUses`].

mod ahead;
mod next_use;
mod steps;
mod through;
mod wishes;
mod within;

pub(crate) use ahead::LookAhead;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use next_use::exit_penalty;
pub(crate) use next_use::{DEAD, EXIT_PENALTY, FAR, FROM_MEMORY, LiveIn, NextUses};
pub(crate) use through::LoopLiveness;
pub(crate) use within::{WITHIN_PENALTY, distance_within};
