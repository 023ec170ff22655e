//! Other register allocators behind regatta's vocabulary, for tests and benchmarks to compare with.
//!
//! [`ra2`] is the only one so far.

pub mod ra2;
