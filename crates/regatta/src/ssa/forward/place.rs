//! Which register each value gets that is kept at the start of a block, in the order of claims that [`super::entry`] gives.

use super::candidates::Candidate;
use super::registers::{bit, lowest};
use super::{Forward, Input};
use crate::cfg::Loop;
use crate::code::NO_REG;
use crate::ir::PReg;

impl Forward {
    /// Gives each candidate its register. Is there a predecessor that has not got one of them in a register?
    #[inline(never)]
    pub(super) fn place(&mut self, on: &Input<'_>, header_of: Option<Loop>, edges: u32) -> bool {
        if self.candidates.is_empty() {
            return false;
        }
        let calls_in_loop = header_of.is_some_and(|of| on.loops.loops[of].has_call);
        let contested = header_of.map_or([0; 3], |of| on.next_uses.wishes.contested(of));
        let candidates = core::mem::take(&mut self.candidates);
        let mut missing = false;
        // Those that have no register yet: in each phase, what the one before could do nothing for. There are no more candidates than
        // registers.
        let mut left = [0u8; PReg::NUM_INDEX];
        let mut num_left = 0;
        for (number, candidate) in (0..).zip(&candidates) {
            let class = self.class(candidate.value);
            let free = on.machine.allocatable[class] & !self.regs.occupied[class];
            let is_missing = candidate.preds != edges;
            missing |= is_missing;
            // Where a parameter and its argument both live on, it is the argument that others expect where it is.
            let stays = !is_missing && !candidate.is_param;
            let same = if stays { candidate.in_all & free & !contested[class] } else { 0 };
            let wants_survivor = calls_in_loop && self.status[candidate.value].crosses_call;
            let reg = same_register(same, free, on.code.survivors[class], wants_survivor);
            if reg == NO_REG {
                left[num_left] = number;
                num_left += 1;
            } else {
                self.settle(candidate, class, reg);
            }
        }
        let mut still_left = 0;
        for index in 0..num_left {
            let candidate = &candidates[usize::from(left[index])];
            let class = self.class(candidate.value);
            let free = on.machine.allocatable[class] & !self.regs.occupied[class];
            let survivors = on.code.survivors[class];
            let wants_survivor = calls_in_loop && self.status[candidate.value].crosses_call;
            // (What is in a contested register stays there if no other is free.)
            let uncontested = free & !contested[class];
            let free = if uncontested != 0 { uncontested } else { free };
            let most = candidate.in_most & free;
            let mut some = if most != 0 { most } else { candidate.in_some & free };
            if wants_survivor && free & survivors != 0 {
                some &= survivors;
            }
            if candidate.lead <= 0.0 {
                // Of places that are as good, one that will do across calls, or else the one that it would like. (Where frequencies are
                // estimated, calls are thought to be rare: esbuild would execute 2 % more instructions.)
                let places = candidate.in_some & free;
                let wish = on.next_uses.wish(candidate.value);
                if !on.is_estimated && self.status[candidate.value].crosses_call && places & survivors != 0 {
                    some = places & survivors;
                } else if wish != NO_REG && places & bit(wish) != 0 {
                    some = bit(wish);
                }
            }
            if some == 0 {
                left[still_left] = left[index];
                still_left += 1;
            } else {
                self.settle(candidate, class, lowest(some));
            }
        }
        for &number in &left[..still_left] {
            let candidate = &candidates[usize::from(number)];
            let class = self.class(candidate.value);
            let free = on.machine.allocatable[class] & !self.regs.occupied[class];
            let survivors = on.code.survivors[class];
            let wants_survivor = calls_in_loop && self.status[candidate.value].crosses_call;
            // (An argument's register, though wished for, is lost at the loop's first call.)
            let wish = on.next_uses.wish(candidate.value);
            let survives = wish != NO_REG && survivors & bit(wish) != 0;
            let hint = if wants_survivor && free & survivors != 0 && !survives { NO_REG } else { wish };
            let stays = if free & !contested[class] == 0 { candidate.in_most & free } else { 0 };
            let reg =
                if stays != 0 { lowest(stays) } else { self.pick(on, free, candidate.value, hint, contested[class]) };
            self.settle(candidate, class, reg);
        }
        self.candidates = candidates;
        missing
    }

    fn settle(&mut self, candidate: &Candidate, class: usize, reg: u8) {
        self.put(class, reg, candidate.value);
        if candidate.is_param {
            self.status[candidate.value].last_reg = reg;
        }
    }
}

/// One of the registers `same` that a value is in at the end of every predecessor. One that lives across the loop's calls should be
/// in a register that survives them, and leave others to those who need not.
pub(super) fn same_register(same: u64, free: u64, survivors: u64, wants_survivor: bool) -> u8 {
    let (first, second) = if wants_survivor { (survivors, !survivors) } else { (!survivors, survivors) };
    if same & first != 0 {
        lowest(same & first)
    } else if same & second != 0 && (!wants_survivor || free & survivors == 0) {
        lowest(same & second)
    } else {
        NO_REG
    }
}
