//! What a loop header leaves out of registers, from what is known of an attempt: the part of [`super::feedback`] that learns.
//!
//! A value that was reloaded on a back edge had been held for nothing, and is left out next time. So is whatever is used in the loop but was not
//! at the header: had it the room, it would mostly be lost in turn.
//!
//! Both are guesses, made from an attempt in which more was held. With these values left out, others are evicted; and what is loaded behind the
//! header instead may well be in its register still at all back edges, only to be loaded once more. What the best attempt has left out so is let
//! back in.

use super::{Forward, Input, RELOAD_COST, StateRange};
use crate::cfg::Loop;
use crate::code::Value;
use crate::live::EXIT_PENALTY;
use alloc::vec::Vec;

/// A value that had been at the header for nothing when it was reloaded, and how often.
#[derive(Clone, Copy, Debug)]
struct Lost {
    of: Loop,
    value: Value,
    frequency: f32,
}

/// What would be left out if some of it were let back in, and how many values that is.
pub(super) type Regained = (StateRange, u32);

/// Sets of values that headers leave out, or might, each a range of one list; and the reasons for these.
#[derive(Debug, Default)]
pub(super) struct Exclusions {
    list: Vec<Value>,
    lost: Vec<Lost>,
    losers: Vec<Lost>,
}

impl Exclusions {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.lost.clear();
    }

    /// The values of a set.
    pub(super) fn values(&self, (start, end): StateRange) -> &[Value] {
        &self.list[start as usize..end as usize]
    }

    /// `value` was reloaded on a back edge of the loop, or for its first use.
    pub(super) fn lose(&mut self, of: Loop, value: Value, frequency: f32) {
        self.lost.push(Lost { of, value, frequency });
    }

    /// How much has been lost so far.
    pub(super) fn num_lost(&self) -> usize {
        self.lost.len()
    }

    /// Forgets what was lost since so much was.
    pub(super) fn forget_since(&mut self, num_lost: usize) {
        self.lost.truncate(num_lost);
    }

    /// The values that the loop's header should leave out after what was lost since `num_lost`, besides those that it left out `so_far`. None if
    /// there is nothing new, or not enough of it: `is_worth` says so of what it cost.
    fn learn(
        &mut self,
        of: Loop,
        header_frequency: f32,
        num_lost: usize,
        so_far: StateRange,
        is_worth: impl Fn(f32) -> bool,
    ) -> Option<StateRange> {
        self.losers.clear();
        self.losers.extend(self.lost[num_lost..].iter().filter(|lost| lost.of == of));
        let lost: f32 = self.losers.iter().map(|lost| lost.frequency).sum::<f32>() * RELOAD_COST;
        if lost == 0.0 || !is_worth(lost) {
            return None;
        }
        self.losers.sort_unstable_by_key(|lost| lost.value);
        let (start, end) = (so_far.0 as usize, so_far.1 as usize);
        let before = self.list.len();
        self.list.extend_from_within(start..end);
        for same in self.losers.chunk_by(|a, b| a.value == b.value) {
            let weight: f32 = same.iter().map(|lost| lost.frequency).sum();
            let value = same[0].value;
            if weight >= header_frequency && !self.list[before..].contains(&value) {
                self.list.push(value);
            }
        }
        if self.list.len() - before > end - start {
            return Some((before as u32, self.list.len() as u32));
        }
        self.list.truncate(before);
        None
    }
}

impl Forward {
    /// What the header of `of`, which left out `so_far`, should leave out after what has been lost since `num_lost`; none if that is not worth it.
    pub(super) fn learn(
        &mut self,
        on: &Input<'_>,
        of: Loop,
        num_lost: usize,
        so_far: StateRange,
        is_worth: impl Fn(f32) -> bool,
    ) -> Option<StateRange> {
        let frequency = on.flow.frequencies.of(on.flow.loops.header(of));
        let learnt = self.feedback.exclusions.learn(of, frequency, num_lost, so_far, is_worth)?;
        Some(self.leave_out_others(on, of, learnt))
    }

    /// Adds to what has just been learnt to be left out of the header of `of` whatever is used in the loop but was not at the header.
    fn leave_out_others(&mut self, on: &Input<'_>, of: Loop, learnt: StateRange) -> StateRange {
        let Self { feedback, excluded_at, states, bounds, .. } = self;
        let list = &mut feedback.exclusions.list;
        let (first, last) = bounds[on.flow.loops.header(of)].entry;
        let here = &states[first as usize..last as usize];
        let (start, end) = (learnt.0 as usize, learnt.1 as usize);
        here.iter().for_each(|in_reg| excluded_at[in_reg.value] = of);
        list[start..end].iter().for_each(|&value| excluded_at[value] = of);
        let used = on.loops.live_through(of).iter().filter(|live| live.distance < EXIT_PENALTY);
        list.extend(used.map(|live| live.value).filter(|&value| excluded_at[value] != of));
        here.iter().for_each(|in_reg| excluded_at[in_reg.value] = Loop::invalid());
        list[start..end].iter().for_each(|&value| excluded_at[value] = Loop::invalid());
        (learnt.0, list.len() as u32)
    }

    /// What the header of `of` would leave out if it let back in what it left out but is in registers at all back edges; none if there is no
    /// such value.
    pub(super) fn find_regained(&mut self, on: &Input<'_>, of: Loop, left_out: StateRange) -> Option<Regained> {
        let (start, end) = (left_out.0 as usize, left_out.1 as usize);
        if start == end {
            return None;
        }
        let header = on.flow.loops.header(of);
        let params = on.code.params(header);
        let mut list = core::mem::take(&mut self.feedback.exclusions.list);
        let before = list.len();
        for index in start..end {
            let value = list[index];
            let mut back_edges = on.flow.graph.pred_edges(header).iter().filter(|&&edge| on.flow.is_back_edge(edge));
            let is_there = back_edges.all(|&edge| self.regs_at_exit(on.flow.graph.edge(edge).from, value) != 0);
            // (A parameter is another value each time round.)
            if !is_there || params.contains(&value) {
                list.push(value);
            }
        }
        let regained = before + (end - start) - list.len();
        if regained == 0 {
            list.truncate(before);
        }
        let rest = (before as u32, list.len() as u32);
        self.feedback.exclusions.list = list;
        (regained > 0).then_some((rest, regained as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const OUTER: Loop = Loop::new(1);
    const INNER: Loop = Loop::new(2);

    /// What has been lost, of loops that so far leave nothing out.
    fn after(lost: &[(Loop, u32, f32)]) -> Exclusions {
        let mut exclusions = Exclusions::default();
        lost.iter().for_each(|&(of, value, frequency)| exclusions.lose(of, Value::new(value as usize), frequency));
        exclusions
    }

    /// What the outer loop, whose header is executed eight times, learns from what was lost behind the first few, if a loss of `least` is worth it.
    fn learnt(mut exclusions: Exclusions, num_lost: usize, least: f32) -> Option<Vec<usize>> {
        let learnt = exclusions.learn(OUTER, 8.0, num_lost, (0, 0), |lost| lost >= least)?;
        Some(exclusions.values(learnt).iter().map(|value| value.index()).collect())
    }

    #[test]
    fn it_learns_if_what_was_lost_is_worth_the_work() {
        let lost = [(OUTER, 5, 8.0)];
        assert_eq!(learnt(after(&lost), 0, 8.0 * RELOAD_COST), Some(vec![5]));
        assert_eq!(learnt(after(&lost), 0, 8.1 * RELOAD_COST), None);
        assert_eq!(learnt(after(&[]), 0, 0.0), None);
    }

    #[test]
    fn a_loop_learns_from_what_it_lost_itself() {
        assert_eq!(learnt(after(&[(INNER, 5, 8.0), (OUTER, 6, 8.0)]), 0, 0.0), Some(vec![6]));
        assert_eq!(learnt(after(&[(INNER, 5, 8.0)]), 0, 0.0), None);
        // Nor from what was lost before it was entered.
        assert_eq!(learnt(after(&[(OUTER, 5, 8.0)]), 1, 0.0), None);
    }

    #[test]
    fn what_is_lost_less_often_than_the_header_holds_it_stays() {
        // Value 5 is lost on two back edges, which come to as much as the header.
        let lost = [(OUTER, 5, 4.0), (OUTER, 6, 7.0), (OUTER, 5, 4.0)];
        assert_eq!(learnt(after(&lost), 0, 0.0), Some(vec![5]));
    }

    #[test]
    fn what_was_left_out_stays_so() {
        let mut exclusions = after(&[(OUTER, 5, 8.0)]);
        let first = exclusions.learn(OUTER, 8.0, 0, (0, 0), |_| true).expect("there is something to learn");
        assert_eq!(exclusions.learn(OUTER, 8.0, 0, first, |_| true), None);
        exclusions.lose(OUTER, Value::new(7), 8.0);
        let second = exclusions.learn(OUTER, 8.0, 0, first, |_| true).expect("there is more");
        assert_eq!(exclusions.values(second).iter().map(|value| value.index()).collect::<Vec<_>>(), [5, 7]);
    }
}
