//! Functions to try register allocators on, and what is done with them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`families`] | functions of any size, of shapes that hurt allocators |
//! | [`random`] | random functions that can be allocated, on random machines |
//! | [`invalid`] | problems that are mostly invalid |
//! | [`outputs`] | outputs that are mostly wrong |
//! | [`claiming`] | a function that claims to be another than it is |
//! | [`features`] | what generated functions have in them, and what they lack |
//! | [`dataflow`] | which operands read something wrong, by the textbook |
//! | [`interpret`] | a function and its allocation executed side by side |
//! | [`reduce`] | a failing problem made small |
//! | [`targets`] | the bodies of the fuzz targets |

pub mod claiming;
pub mod dataflow;
pub mod families;
pub mod features;
pub mod interpret;
pub mod invalid;
pub mod outputs;
pub mod random;
pub mod reduce;
pub mod targets;

pub use regatta::fuzzing::Random;
