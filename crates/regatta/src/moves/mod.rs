//! Moves between the places where values are.
//!
//! The allocators decide *where* every value is; where a value must be in another place, on an edge or in front of an
//! instruction, a move is needed. Moves that belong to one point happen all at once, in thought; [`ParallelMoves`] finds
//! a sequence of single moves that comes to the same. [`dead`] finds those that nobody needs.

pub(crate) mod dead;
#[cfg(test)]
mod minimum;
mod parallel;
mod sequence;
#[cfg(test)]
mod tests;

pub(crate) use parallel::ParallelMoves;
pub(crate) use sequence::Temporaries;
