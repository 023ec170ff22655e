//! What is known of a value that might be in a register at the start of a block: where its predecessors have it.
//!
//! Predecessors are heard of one after another, and what they say is added up. Which register most of them have the value in, weighed by
//! how often control comes from there, is found as Boyer and Moore find a majority (*MJRTY*, 1991): each predecessor that disagrees takes
//! away from the lead of the register that is ahead, until another is. That takes a set of registers and a number rather than a count for
//! each register, and is right whenever one has more than half. (Joins of many ways, behind a switch, have one that nearly all agree on.)

use crate::code::Value;

/// Where a value has no number among the candidates.
pub(super) const NO_CANDIDATE: u32 = u32::MAX;

/// A value that might be in a register at the start of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) value: Value,
    pub(super) next_use: u32,
    /// By what it is chosen, the lowest first: the next use, but at loop headers.
    pub(super) rank: u32,
    /// Registers that it is in at the end of: every predecessor, some predecessor, most predecessors.
    pub(super) in_all: u64,
    pub(super) in_some: u64,
    pub(super) in_most: u64,
    /// By how much the predecessors that have it in `in_most` are ahead of those that do not.
    pub(super) lead: f32,
    /// How many predecessors have it in a register, and how often control comes from them.
    pub(super) preds: u32,
    pub(super) frequency: f32,
    /// The number of the last predecessor that was looked at for it, the registers that it is known to be in at its end, and what was known
    /// before that predecessor.
    last: u32,
    in_last: u64,
    in_all_before: u64,
    in_most_before: u64,
    lead_before: f32,
    pub(super) is_param: bool,
    /// The number of a parameter among those of its block.
    pub(super) number: u32,
    /// Is it a parameter that the loop passes on, but does not use?
    pub(super) is_idle: bool,
}

impl Candidate {
    pub(super) fn new(value: Value, next_use: u32) -> Self {
        Self {
            value,
            next_use,
            rank: next_use,
            in_all: !0,
            in_some: 0,
            in_most: 0,
            lead: 0.0,
            preds: 0,
            frequency: 0.0,
            last: 0,
            in_last: 0,
            in_all_before: 0,
            in_most_before: 0,
            lead_before: 0.0,
            is_param: false,
            number: 0,
            is_idle: false,
        }
    }

    /// Parameter number `number` of the block.
    pub(super) fn param(number: u32, value: Value, next_use: u32) -> Self {
        Self { is_param: true, number, ..Self::new(value, next_use) }
    }

    /// A value that predecessor number `pred` is the first to have in a register, one of `regs`.
    #[inline(always)]
    pub(super) fn first_in(pred: u32, value: Value, next_use: u32, regs: u64, frequency: f32) -> Self {
        Self {
            in_all: regs,
            in_some: regs,
            in_most: regs,
            lead: frequency,
            preds: 1,
            frequency,
            last: pred,
            in_last: regs,
            in_all_before: !0,
            ..Self::new(value, next_use)
        }
    }

    /// A value that all `preds` predecessors have in the registers `regs`.
    pub(super) fn agreed(preds: u32, value: Value, next_use: u32, regs: u64) -> Self {
        Self { in_all: regs, in_some: regs, in_most: regs, preds, ..Self::new(value, next_use) }
    }

    /// What it is sorted by, the first to be kept first.
    #[inline(always)]
    pub(super) fn order(&self) -> u64 {
        u64::from(self.rank) << 32 | u64::from(self.value.0)
    }

    /// In predecessor number `pred`, counted from 1, it is in one of the registers `regs`, or in none. A predecessor may be heard of
    /// several times, register by register.
    #[inline]
    pub(super) fn add_pred(&mut self, pred: u32, regs: u64, frequency: f32) {
        if self.last != pred {
            self.last = pred;
            self.in_last = 0;
            self.in_all_before = self.in_all;
            self.in_most_before = self.in_most;
            self.lead_before = self.lead;
            if regs != 0 {
                self.preds += 1;
                self.frequency += frequency;
            }
        }
        if regs == 0 {
            self.in_all = 0;
            return;
        }
        self.in_last |= regs;
        self.in_all = self.in_all_before & self.in_last;
        self.in_some |= regs;
        let agreed = self.in_most_before & self.in_last;
        let lead = self.lead_before - frequency;
        if agreed != 0 {
            self.in_most = agreed;
            self.lead = self.lead_before + frequency;
        } else if lead < 0.0 || self.in_most_before == 0 {
            self.in_most = self.in_last;
            self.lead = -lead;
        } else {
            self.in_most = self.in_most_before;
            self.lead = lead;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A value that the predecessors have in these sets of registers, with these frequencies; each set is heard of register by register.
    fn candidate(preds: &[(u64, f32)]) -> Candidate {
        let mut candidate = Candidate::new(Value::new(0), 0);
        for (number, &(regs, frequency)) in (1..).zip(preds) {
            if regs == 0 {
                candidate.add_pred(number, 0, frequency);
            }
            for reg in (0..64).filter(|reg| regs >> reg & 1 != 0) {
                candidate.add_pred(number, 1 << reg, frequency);
            }
        }
        candidate
    }

    #[test]
    fn the_majority_wins_wherever_it_comes() {
        for first in [[2, 1, 1], [1, 2, 1], [1, 1, 2]] {
            assert_eq!(candidate(&first.map(|regs| (regs, 1.0))).in_most, 1, "{first:?}");
        }
        let many: Vec<_> = (0..99).map(|n| (if n % 3 == 0 { 1 << (2 + n % 7) } else { 2 }, 1.0)).collect();
        assert_eq!(candidate(&many).in_most, 2);
    }

    #[test]
    fn frequencies_count() {
        assert_eq!(candidate(&[(1, 1.0), (1, 1.0), (2, 10.0)]).in_most, 2);
        assert_eq!(candidate(&[(2, 10.0), (1, 1.0), (1, 1.0)]).in_most, 2);
        // Of two that are alike, the first.
        assert_eq!(candidate(&[(1, 1.0), (2, 1.0)]).in_most, 1);
        // Blocks that are never executed say something as well.
        assert_eq!(candidate(&[(1, 0.0), (2, 0.0)]).in_most, 1);
    }

    #[test]
    fn the_first_is_like_any() {
        let mut added = Candidate::new(Value::new(3), 7);
        let mut first = Candidate::first_in(2, Value::new(3), 7, 0b10, 4.0);
        for (pred, regs) in [(2, 0b10), (2, 0b100), (3, 0b100), (4, 0b1)] {
            added.add_pred(pred, regs, 4.0);
            if (pred, regs) != (2, 0b10) {
                first.add_pred(pred, regs, 4.0);
            }
            assert_eq!(alloc::format!("{added:?}"), alloc::format!("{first:?}"));
        }
    }

    #[test]
    fn a_copy_is_as_good() {
        let candidate = candidate(&[(0b011, 1.0), (0b110, 1.0), (0b100, 1.0)]);
        assert_eq!(candidate.in_most, 0b010);
        assert_eq!((candidate.in_all, candidate.in_some, candidate.preds), (0, 0b111, 3));
        assert_eq!(super::tests::candidate(&[(0b011, 1.0), (0b110, 1.0)]).in_all, 0b010);
    }

    #[test]
    fn who_has_it_in_memory_has_no_say_in_the_register() {
        let candidate = candidate(&[(1, 1.0), (0, 9.0), (0, 9.0)]);
        assert_eq!((candidate.in_most, candidate.in_all), (1, 0));
        assert_eq!((candidate.preds, candidate.frequency), (1, 1.0));
    }
}
