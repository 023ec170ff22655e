//! What the header of a loop holds in registers: the part of [`super::entry`] that looks at the whole loop.
//!
//! A loop header decides for the whole loop: what is in a register there must be there again at every back edge. Values used in the
//! loop come first, the nearest and those used most first, and are reloaded on the way in if need be: once before the loop rather than each time round.
//! Values that only live through keep a register as far as the loop's greatest pressure leaves room. The same count tells what is not
//! worth holding although it is used in the loop: what a loop within will evict, so that each time round would load it twice. And what
//! an earlier round found to be lost is left out.
//!
//! A parameter that the loop passes on from round to round but does not use is like a value that lives through. It comes in front of
//! these, since it costs a store each time round where it is replaced; in memory, it takes no register, and nothing to pass on.

use super::candidates::{Candidate, NO_CANDIDATE};
use super::registers::PARAMETERS_AHEAD;
use super::{Forward, Input, Memory};
use crate::cfg::Loop;
use crate::code::Value;
use crate::ir::Block;
use crate::live::{EXIT_PENALTY, LiveIn, WITHIN_PENALTY, distance_within};

/// More uses than this a time round count as so many.
const MOST_USES: f32 = 1e6;

/// How many more values than a loop has room for are believed to survive it in registers: the count is of the place where most values
/// live, and not all paths go there. Cost over the corpus, thorough and quick, for 0 to 4: 0.416 and 0.453, 0.410 and 0.447, 0.409 and
/// 0.446, 0.412 and 0.449, 0.413 and 0.453.
const HOPE: i32 = 2;

impl Forward {
    /// At the header of `of`: adds what is used in the loop, wherever it is now, and leaves out what would be lost.
    #[inline(never)]
    pub(super) fn gather_for_loop(&mut self, on: &Input<'_>, of: Loop) {
        let leaves_out = !self.feedback.excluded(of).is_empty();
        if leaves_out {
            self.mark_excluded(of, of);
            let mut candidates = core::mem::take(&mut self.candidates);
            candidates.retain(|candidate| {
                let is_excluded = self.excluded_at[candidate.value] == of;
                if is_excluded && candidate.is_param {
                    self.born_in_memory(candidate.value, self.pos);
                }
                !is_excluded
            });
            self.candidates = candidates;
        }
        for candidate in &self.candidates {
            self.status[candidate.value].candidate_of = 0;
        }
        for &LiveIn { value, distance } in on.loops.live_through(of) {
            let known = self.status[value].candidate_of != NO_CANDIDATE || self.excluded_at[value] == of;
            if distance < self.feedback.reach(of) && !known {
                let mut candidate = Candidate::new(value, self.status[value].next);
                candidate.in_all = 0;
                self.candidates.push(candidate);
            }
        }
        for candidate in &self.candidates {
            self.status[candidate.value].candidate_of = NO_CANDIDATE;
        }
        if leaves_out {
            self.mark_excluded(of, Loop::invalid());
        }
    }

    /// Marks what the header of `of` leaves out.
    fn mark_excluded(&mut self, of: Loop, mark: Loop) {
        let Self { feedback, excluded_at, .. } = self;
        feedback.excluded(of).iter().for_each(|&value| excluded_at[value] = mark);
    }

    /// At the header of `of`: its parameters that the loop uses behind loops within are needed before anything that is used behind the loop.
    pub(super) fn find_params_used_within(&mut self, on: &Input<'_>, of: Loop) {
        let (end, beyond_loop) = (on.flow.loop_end(of), self.pos.saturating_add(EXIT_PENALTY));
        for candidate in self.candidates.iter_mut().filter(|c| c.is_param && c.next_use >= beyond_loop) {
            let first_use = on.next_uses.first_use(candidate.value);
            if first_use < end {
                candidate.next_use = self.pos + distance_within(first_use.saturating_sub(self.pos));
                candidate.rank = candidate.next_use;
            }
        }
    }

    /// At the header of `of`: its parameters that the loop just passes on will be needed behind the loop, the first of what is needed there.
    /// Returns how many there are, by class.
    pub(super) fn find_idle_params(&mut self, on: &Input<'_>, of: Loop, beyond_loop: u32) -> [i32; 3] {
        let mut found = [0; 3];
        let end = on.flow.loop_end(of);
        for candidate in self.candidates.iter_mut().filter(|c| c.is_param) {
            if on.next_uses.first_use(candidate.value) >= end {
                candidate.is_idle = true;
                (candidate.next_use, candidate.rank) = (beyond_loop, beyond_loop);
                found[usize::from(self.status[candidate.value].class)] += 1;
            }
        }
        found
    }

    /// Is a parameter of `block`, in a loop, only passed on to a parameter of the loop's header that lives in memory?
    pub(super) fn goes_back_to_memory(&self, on: &Input<'_>, param: Value, block: Block) -> bool {
        let mut becomes = self.status[param].becomes;
        for _ in 0..PARAMETERS_AHEAD {
            if becomes.is_invalid() {
                return false;
            }
            let header = on.code.values[becomes].block;
            if let Some(of) = on.flow.loops.is_header(header)
                && on.flow.order.position(header) < on.flow.order.position(block)
            {
                let in_memory = self.spills[becomes].memory == Memory::Born;
                return in_memory && on.next_uses.first_use(param) >= on.flow.loop_end(of);
            }
            becomes = self.status[becomes].becomes;
        }
        false
    }

    /// At a loop header: a value that is used at many places, or in loops within, costs more to be without than one with a single use,
    /// and may take its place even if it is used later. How much later is a guess between "not at all" and "in proportion".
    pub(super) fn rank_by_use(&mut self, on: &Input<'_>, beyond_loop: u32) {
        // (Clients may say that a loop is never executed.)
        let frequency = self.frequency.max(f32::MIN_POSITIVE);
        for candidate in self.candidates.iter_mut().filter(|c| c.next_use < beyond_loop) {
            let uses = on.next_uses.use_frequency(candidate.value) / frequency;
            candidate.rank = self.pos + (candidate.next_use - self.pos) / (uses.clamp(1.0, MOST_USES) as u32).isqrt();
        }
    }

    /// At the header of the loop `of` around `inner`: leaves out values that are not used in `inner` and will not survive it. Those with the
    /// nearest uses count as the ones that do; of those that are used behind loops within, no more than there is room for.
    pub(super) fn leave_out_for(&mut self, on: &Input<'_>, of: Loop, inner: Loop, room: [i32; 3], beyond_loop: u32) {
        let (cautious, reach) = (self.feedback.is_cautious(of), self.feedback.reach(of));
        let far = self.pos.saturating_add(WITHIN_PENALTY);
        let info = on.loops.loops[inner];
        let is_tight = core::array::from_fn(|c| info.pressure[c] as i32 > room[c] || cautious && info.has_call);
        if is_tight == [false; 3] {
            return;
        }
        let mut left = room_through(on, inner, room, cautious, reach).map(|room| room.max(0) + HOPE);
        let through = on.loops.live_through(inner);
        for live in through.iter().filter(|live| live.distance < reach) {
            self.status[live.value].candidate_of = 0;
        }
        let status = &self.status;
        self.candidates.retain(|c| {
            let class = usize::from(status[c.value].class);
            if c.is_param
                || c.next_use >= beyond_loop
                || status[c.value].candidate_of != NO_CANDIDATE
                || !is_tight[class]
            {
                return true;
            }
            left[class] -= 1;
            left[class] >= if c.next_use < far { 0 } else { HOPE }
        });
        for live in through {
            self.status[live.value].candidate_of = NO_CANDIDATE;
        }
    }
}

/// How many of the values that are not used in the loop, but live through it, can keep their register. Used is what is nearer than `reach`.
/// `cautious`: in one that survives the loop's calls?
pub(super) fn room_through(on: &Input<'_>, of: Loop, room: [i32; 3], cautious: bool, reach: u32) -> [i32; 3] {
    let mut unused = [0; 3];
    for &LiveIn { value, distance } in on.loops.live_through(of) {
        if distance >= reach {
            unused[on.class(value)] += 1;
        }
    }
    let info = on.loops.loops[of];
    core::array::from_fn(|c| {
        let mut over = info.pressure[c] as i32 - room[c];
        if cautious && info.has_call {
            let survivors = (on.machine.allocatable[c] & on.code.survivors[c]).count_ones() as i32;
            over = over.max(info.call_pressure[c] as i32 - survivors);
        }
        unused[c] - over.max(0)
    })
}
