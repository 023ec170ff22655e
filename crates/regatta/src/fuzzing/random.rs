//! Where the choices come from.

use alloc::vec::Vec;
use core::cell::Cell;

/// A source of choices: bytes that a fuzzer has found, as long as there are any, then a small generator (SplitMix64).
///
/// It steps through a shared reference, so that a choice can be made in the middle of an expression that makes another.
#[derive(Debug)]
pub struct Random {
    bytes: Vec<u8>,
    used: Cell<usize>,
    state: Cell<u64>,
}

impl Random {
    /// Choices that follow from a number.
    pub fn new(seed: u64) -> Self {
        Self { bytes: Vec::new(), used: Cell::new(0), state: Cell::new(seed) }
    }

    /// Choices that follow from bytes, the first of them from one byte or two each: a fuzzer that changes a byte changes a choice.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let seed =
            bytes.iter().fold(bytes.len() as u64, |seed, &byte| seed.wrapping_mul(257).wrapping_add(byte.into()));
        Self { bytes: bytes.to_vec(), used: Cell::new(0), state: Cell::new(seed) }
    }

    fn byte(&self) -> Option<u64> {
        let byte = self.bytes.get(self.used.get())?;
        self.used.set(self.used.get() + 1);
        Some(u64::from(*byte))
    }

    /// Any number at all.
    pub fn any(&self) -> u64 {
        self.state.set(self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut z = self.state.get();
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `n`, which is not 0.
    pub fn below(&self, n: usize) -> usize {
        let wide = n > 256;
        let drawn = match self.byte() {
            Some(low) if wide => low | self.byte().unwrap_or(0) << 8,
            Some(low) => low,
            None => self.any(),
        };
        (drawn % n as u64) as usize
    }

    /// True `percent` times of a hundred.
    pub fn chance(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these, if there are any.
    pub fn pick<T: Copy>(&self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len())]) }
    }

    /// The number of one of the bits that are set.
    pub fn bit_of(&self, mask: u64) -> Option<usize> {
        let mut mask = mask;
        let count = mask.count_ones() as usize;
        for _ in 0..if count == 0 { 0 } else { self.below(count) } {
            mask &= mask - 1;
        }
        (mask != 0).then(|| mask.trailing_zeros() as usize)
    }
}
