//! Other register allocators behind regatta's vocabulary, for tests and benchmarks to compare with.
//!
//! [`ra2`] is the only one so far. [`flat`] has a function laid out for us as [`ra2`] lays it out for them.

pub mod flat;
pub mod order;
pub mod ra2;
