//! Other register allocators behind regatta's vocabulary, for tests and benchmarks to compare with.
//!
//! [`ra2`] is the only one so far. [`flat`] has a function laid out for us as [`ra2`] lays it out for them. [`panics`] catches what they
//! have to say to functions that they do not like.

pub mod flat;
pub mod order;
pub mod panics;
pub mod ra2;
