//! Feedback: loops that lost values at their back edges are allocated again.
//!
//! A loop header decides which values the loop holds in registers. What is in a register there must be there again at the end of
//! each iteration; a value that has been evicted by then is reloaded on the back edge, for nothing if nobody wanted it in between. So
//! it had better not been in a register at the header; nor had a parameter of the header that is evicted before its first use. The forward
//! pass only finds that out when it has walked the loop. If what was so lost is worth the work, everything since the header is rolled back and
//! the loop allocated again with these values left out (parameters then live in memory); up to [`Input::rounds`] times, and the cheapest
//! attempt counts. Nor is the room that they leave for values that were not at the header: those would mostly be lost in turn.
//!
//! Where control meets a call each time round, the header counts only on registers that survive the calls of loops within. Else the first
//! attempt lets it count on all, though calls on some paths will take some of them. If that loses much, a cautious attempt, should it decide
//! differently, counts only on those that survive; learning goes on from the better of the two.
//!
//! What is used behind loops within is a gamble: held at the header it may be spared a load each time round, or be lost in the loops within and
//! have taken others' place. The first attempts take the gamble. When nothing more is to be learnt from these, a modest one does without,
//! and learning goes on from that if it is better. (Not where frequencies are estimated: sql.js would execute 0.8 % more instructions, the
//! others as many.)
//!
//! Loops are judged one by one, from the inside out: a loop learns while the loops around it are in their first attempt. When
//! one of these is allocated again, the loops within keep what they have learnt.
//!
//! **Cost.** A block is allocated once, and for each loop around it at most `2 × rounds + 5` times more. Deep nests end sooner: what all
//! loops of an outermost nest may spend is limited to [`BUDGET`] times its blocks.

use super::{Forward, Input, Memory, RELOAD_COST, StateRange};
use crate::cfg::Loop;
use crate::code::Value;
use crate::ir::entity::TypedVec;
use crate::ir::{Block, PerClass};
use crate::live::{EXIT_PENALTY, WITHIN_PENALTY};
use alloc::vec::Vec;

/// A loop is allocated again if what was lost, times the share that it is of the loop's cost, is at least so much for each instruction of the
/// loop: what the work is expected to gain, in short, for what it takes. Over the corpus, cost is 0.9959 of what it was where only the share counted
/// (7.5 %, and 40 % for a single value), for 4 to 5 % fewer instructions of the whole; over eight files captured elsewhere, 0.9958. 1.2 or 1.7 change cost by
/// 0.1 % and instructions by 0.3 %; 2.6, measured when a share of 2 % was the least, gives 0.7 % more cost for 0.5 to 4 % fewer instructions.
const WORTH: f32 = 1.5;

/// How many blocks are looked at for a call that control meets each time round a loop.
const CALL_SEARCH: u32 = 64;

/// How many blocks the loops of an outermost nest may allocate again, in multiples of its own.
const BUDGET: usize = 8;

/// How much had been done at some point, to go back to it.
#[derive(Clone, Copy, Debug)]
struct Mark {
    moves: usize,
    slot_operands: usize,
    states: usize,
    spilled: usize,
    events: usize,
    journal: usize,
    lost: usize,
    used: PerClass<u64>,
}

/// How a loop's header decides.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    /// It counts only on registers that survive the calls of loops within.
    cautious: bool,
    /// What is used behind loops within is to it like what is used behind the loop.
    modest: bool,
    /// The values it leaves out: a range of [`Feedback::excluded`].
    excluded: StateRange,
}

/// What the current attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The only one.
    Only,
    /// The first one.
    First,
    /// One without counting on registers that calls take.
    Cautious,
    /// One that does not hold for their sake what is used behind loops within.
    Modest,
    /// One that leaves out what was lost before; so many more may follow.
    Learning(usize),
    /// The best one once more.
    Last,
}

/// A loop that the walk is in.
#[derive(Debug)]
struct Nest {
    of: Loop,
    /// Its blocks, as positions in the order.
    start: usize,
    end: usize,
    attempt: Attempt,
    mark: Mark,
    /// The cost of the loop around it so far.
    outer_cost: f32,
    best: (f32, Plan),
    /// What the attempt before the cautious one says is to be left out, while that one runs.
    learnt: Option<StateRange>,
    /// How many values were held for the sake of uses behind loops within; 0 once it has been tried without.
    num_far: u32,
}

/// A value that had been at the header for nothing when it was reloaded, and how often.
#[derive(Clone, Copy, Debug)]
struct Lost {
    of: Loop,
    value: Value,
    frequency: f32,
}

/// What is known of the loops.
#[derive(Debug, Default)]
pub(super) struct Feedback {
    nests: Vec<Nest>,
    plans: TypedVec<Loop, Plan>,
    excluded: Vec<Value>,
    lost: Vec<Lost>,
    losers: Vec<Lost>,
    /// How many blocks the outermost loop around may still allocate again.
    budget: usize,
    /// How many loops of the stack may be rolled back.
    learning: usize,
}

impl Feedback {
    pub(super) fn clear(&mut self, on: &Input<'_>) {
        self.nests.clear();
        self.plans.reset(
            on.flow.loops.num(),
            Plan { cautious: on.rounds == 0, modest: on.rounds == 0 || on.is_estimated, excluded: (0, 0) },
        );
        self.excluded.clear();
        self.lost.clear();
        self.learning = 0;
    }

    /// Might what is done now be rolled back?
    #[inline]
    pub(super) fn may_roll_back(&self) -> bool {
        self.learning != 0
    }

    /// What is done from here on, behind all loops, might be rolled back.
    pub(super) fn keep_journal(&mut self) {
        self.learning += 1;
    }

    /// Does the header of the loop count only on registers that survive the calls of loops within?
    pub(super) fn is_cautious(&self, of: Loop) -> bool {
        self.plans[of].cautious
    }

    /// A distance: what is nearer to the header of the loop counts as used in it.
    pub(super) fn reach(&self, of: Loop) -> u32 {
        if self.plans[of].modest { WITHIN_PENALTY } else { EXIT_PENALTY }
    }

    /// The header of the loop holds so many values for the sake of uses behind loops within.
    pub(super) fn note_far(&mut self, of: Loop, num_far: u32) {
        if let Some(nest) = self.nests.last_mut().filter(|nest| nest.of == of) {
            nest.num_far = nest.num_far.max(num_far);
        }
    }

    /// The values that the header of the loop leaves out, as numbers for [`Feedback::excluded_value`].
    pub(super) fn excluded(&self, of: Loop) -> (usize, usize) {
        let (start, end) = self.plans[of].excluded;
        (start as usize, end as usize)
    }

    pub(super) fn excluded_value(&self, number: usize) -> Value {
        self.excluded[number]
    }

    /// `value` was reloaded on a back edge of the loop, or for its first use.
    pub(super) fn lose(&mut self, of: Loop, value: Value, frequency: f32) {
        self.lost.push(Lost { of, value, frequency });
    }

    /// The values that the loop's header should leave out after what was lost since `mark`, besides those that it left out. None if
    /// there is nothing new, or not enough of it.
    fn learn(&mut self, of: Loop, header_frequency: f32, mark: &Mark, cost: f32, insts: u32) -> Option<StateRange> {
        self.losers.clear();
        self.losers.extend(self.lost[mark.lost..].iter().filter(|lost| lost.of == of));
        let lost: f32 = self.losers.iter().map(|lost| lost.frequency).sum::<f32>() * RELOAD_COST;
        if lost == 0.0 || !is_worth(lost, cost, insts) {
            return None;
        }
        self.losers.sort_unstable_by_key(|lost| lost.value);
        let (start, end) = self.excluded(of);
        let before = self.excluded.len();
        self.excluded.extend_from_within(start..end);
        for same in self.losers.chunk_by(|a, b| a.value == b.value) {
            let weight: f32 = same.iter().map(|lost| lost.frequency).sum();
            let value = same[0].value;
            if weight >= header_frequency && !self.excluded[before..].contains(&value) {
                self.excluded.push(value);
            }
        }
        if self.excluded.len() - before > end - start {
            return Some((before as u32, self.excluded.len() as u32));
        }
        self.excluded.truncate(before);
        None
    }
}

/// Is it worth the work to allocate a loop of so many instructions again, for what may be gained of its cost?
fn is_worth(gain: f32, cost: f32, insts: u32) -> bool {
    gain * gain >= WORTH * insts as f32 * cost
}

/// Does control meet a call each time round the loop? If it takes more than a short look to find out: no.
fn calls_each_time(on: &Input<'_>, of: Loop) -> bool {
    if !on.loops.loops[of].has_call {
        return false;
    }
    let header = on.flow.loops.header(of);
    let mut left = CALL_SEARCH;
    let mut comes_from_call = |mut at: Block| loop {
        if on.next_uses.blocks[at].has_call() {
            return true;
        }
        if at == header || left == 0 {
            return false;
        }
        left -= 1;
        at = on.flow.dominators.idom(at);
    };
    let mut back_edges = on.flow.graph.pred_edges(header).iter().filter(|&&edge| on.flow.is_back_edge(edge));
    back_edges.all(|&edge| comes_from_call(on.flow.graph.edge(edge).from))
}

impl Forward {
    /// If `block`, at position `at`, is the header of a loop that the walk comes to from outside: puts the loop on the stack.
    pub(super) fn enter_nest(&mut self, on: &Input<'_>, block: Block, at: usize) {
        let Some(of) = on.flow.loops.is_header(block) else { return };
        let feedback = &mut self.feedback;
        if on.rounds == 0 || feedback.nests.last().is_some_and(|nest| nest.of == of) {
            return;
        }
        let end = on.flow.order.loop_end(of) as usize + 1;
        if feedback.nests.is_empty() {
            feedback.budget = BUDGET * (end - at);
        }
        // What is found out at the header of a loop that is entered elsewhere too is little more than a guess: not worth a round.
        let learns = !on.flow.loops.is_irreducible(of)
            && feedback.nests.iter().all(|nest| matches!(nest.attempt, Attempt::Only | Attempt::First));
        feedback.learning += usize::from(learns);
        let mark = Mark {
            moves: self.moves.len(),
            slot_operands: self.slot_operands.len(),
            states: self.states.len(),
            spilled: self.spilled.len(),
            events: self.events.len(),
            journal: self.journal.len(),
            lost: feedback.lost.len(),
            used: self.used,
        };
        if on.flow.loops.is_irreducible(of) || learns && calls_each_time(on, of) {
            feedback.plans[of].cautious = true;
        }
        feedback.nests.push(Nest {
            of,
            start: at,
            end,
            attempt: if learns { Attempt::First } else { Attempt::Only },
            mark,
            outer_cost: core::mem::take(&mut self.nest_cost),
            best: (0.0, feedback.plans[of]),
            learnt: None,
            num_far: 0,
        });
    }

    /// If a loop ends in front of position `at`: judges it, and either says where to begin again or takes it off the stack.
    pub(super) fn leave_nest(&mut self, on: &Input<'_>, at: usize) -> Option<usize> {
        while let Some(mut nest) = self.feedback.nests.pop_if(|nest| nest.end == at) {
            if let Some((plan, attempt)) = self.next_attempt(on, &mut nest) {
                let start = nest.start;
                self.feedback.budget = self.feedback.budget.saturating_sub(nest.end - nest.start);
                self.feedback.plans[nest.of] = plan;
                self.feedback_rounds += 1;
                nest.attempt = attempt;
                self.roll_back(&nest.mark);
                self.nest_cost = 0.0;
                self.feedback.nests.push(nest);
                return Some(start);
            }
            self.nest_cost += nest.outer_cost;
            if nest.attempt != Attempt::Only {
                self.feedback.learning -= 1;
            }
            if self.feedback.nests.is_empty() {
                self.feedback.lost.clear();
                self.journal.clear();
            }
        }
        None
    }

    /// How to allocate the loop once more, if that promises to pay.
    fn next_attempt(&mut self, on: &Input<'_>, nest: &mut Nest) -> Option<(Plan, Attempt)> {
        let Nest { of, attempt, .. } = *nest;
        let cost = self.nest_cost;
        let plan = self.feedback.plans[of];
        if matches!(attempt, Attempt::Only | Attempt::Last) {
            return None;
        }
        let is_best = attempt == Attempt::First || cost < nest.best.0;
        if is_best {
            nest.best = (cost, plan);
        }
        let may_go_on = self.feedback.budget > 0 && attempt != Attempt::Learning(0);
        let frequency = on.flow.frequencies.of(on.flow.loops.header(of));
        let insts = on.flow.to_loop_end(of, on.flow.loops.header(of));
        let learnt = if attempt == Attempt::Cautious && !is_best {
            nest.learnt
        } else if may_go_on && (attempt != Attempt::Modest || is_best) {
            let learnt = self.feedback.learn(of, frequency, &nest.mark, cost, insts);
            learnt.map(|learnt| self.leave_out_others(on, of, learnt))
        } else {
            None
        };
        let Some(excluded) = learnt else {
            let gain = RELOAD_COST * frequency * core::mem::take(&mut nest.num_far) as f32;
            if gain > 0.0 && self.feedback.budget > 0 && is_worth(gain, nest.best.0, insts) {
                return Some((Plan { modest: true, excluded: (0, 0), ..nest.best.1 }, Attempt::Modest));
            }
            return (!is_best).then_some((nest.best.1, Attempt::Last));
        };
        Some(match attempt {
            Attempt::First | Attempt::Modest if !plan.cautious && self.caution_matters(on, of) => {
                nest.learnt = Some(excluded);
                (Plan { cautious: true, ..plan }, Attempt::Cautious)
            }
            Attempt::First | Attempt::Modest => (Plan { excluded, ..plan }, Attempt::Learning(on.rounds - 1)),
            // (What was learnt before has been learnt with the plan that is the best one.)
            Attempt::Cautious => (Plan { excluded, ..nest.best.1 }, Attempt::Learning(on.rounds - 1)),
            Attempt::Learning(left) => (Plan { excluded, ..plan }, Attempt::Learning(left - 1)),
            Attempt::Only | Attempt::Last => return None,
        })
    }

    /// Adds to what has just been learnt to be left out of the header of `of` whatever is used in the loop but was not at the header.
    fn leave_out_others(&mut self, on: &Input<'_>, of: Loop, learnt: StateRange) -> StateRange {
        let Self { feedback: Feedback { excluded, .. }, excluded_at, states, bounds, .. } = self;
        let (first, last) = bounds[on.flow.loops.header(of)].entry;
        let here = &states[first as usize..last as usize];
        let (start, end) = (learnt.0 as usize, learnt.1 as usize);
        here.iter().for_each(|in_reg| excluded_at[in_reg.value] = of);
        excluded[start..end].iter().for_each(|&value| excluded_at[value] = of);
        let used = on.loops.live_through(of).iter().filter(|live| live.distance < EXIT_PENALTY);
        excluded.extend(used.map(|live| live.value).filter(|&value| excluded_at[value] != of));
        here.iter().for_each(|in_reg| excluded_at[in_reg.value] = Loop::invalid());
        excluded[start..end].iter().for_each(|&value| excluded_at[value] = Loop::invalid());
        (learnt.0, excluded.len() as u32)
    }

    /// `value`, a parameter, is reloaded for an instruction. If it is one of a loop header that had a register, and this is its first use,
    /// it had that for nothing.
    #[inline(never)]
    pub(super) fn note_if_held_for_nothing(&mut self, on: &Input<'_>, value: Value) {
        let def = on.code.values[value];
        if on.next_uses.first_use(value) == self.pos
            && self.spills[value].memory != Memory::Born
            && let Some(of) = on.flow.loops.is_header(def.block)
        {
            self.feedback.lose(of, value, self.frequency);
        }
    }

    /// Forgets what has been done since `mark`.
    fn roll_back(&mut self, mark: &Mark) {
        self.roll_back_spills(mark.journal);
        self.moves.truncate(mark.moves);
        self.slot_operands.truncate(mark.slot_operands);
        self.states.truncate(mark.states);
        self.spilled.truncate(mark.spilled);
        self.events.truncate(mark.events);
        self.feedback.lost.truncate(mark.lost);
        self.used = mark.used;
        self.clear_registers();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const OUTER: Loop = Loop::new(1);
    const INNER: Loop = Loop::new(2);
    const START: Mark =
        Mark { moves: 0, slot_operands: 0, states: 0, spilled: 0, events: 0, journal: 0, lost: 0, used: [0; 3] };

    /// What has been lost, for a function of two loops that so far leave nothing out.
    fn after(lost: &[(Loop, u32, f32)]) -> Feedback {
        let mut feedback = Feedback::default();
        feedback.plans.reset(3, Plan::default());
        lost.iter().for_each(|&(of, value, frequency)| feedback.lose(of, Value::new(value as usize), frequency));
        feedback
    }

    /// What the outer loop learns if it costs so much and has so many instructions; its header is executed eight times.
    fn learnt(mut feedback: Feedback, cost: f32, insts: u32) -> Option<Vec<usize>> {
        let (start, end) = feedback.learn(OUTER, 8.0, &START, cost, insts)?;
        Some((start..end).map(|number| feedback.excluded_value(number as usize).index()).collect())
    }

    #[test]
    fn it_learns_if_what_was_lost_is_worth_the_work() {
        let lost = [(OUTER, 5, 8.0)];
        let in_all = 8.0 * RELOAD_COST;
        let limit = in_all * in_all / (WORTH * 10.0);
        assert_eq!(learnt(after(&lost), 0.99 * limit, 10), Some(vec![5]));
        assert_eq!(learnt(after(&lost), 1.01 * limit, 10), None);
        // Twice as many instructions make twice the work.
        assert_eq!(learnt(after(&lost), 0.99 * limit, 20), None);
        assert_eq!(learnt(after(&lost), 0.49 * limit, 20), Some(vec![5]));
        assert_eq!(learnt(after(&[]), 0.0, 10), None);
    }

    #[test]
    fn a_loop_learns_from_what_it_lost_itself() {
        assert_eq!(learnt(after(&[(INNER, 5, 8.0), (OUTER, 6, 8.0)]), 1.0, 10), Some(vec![6]));
        assert_eq!(learnt(after(&[(INNER, 5, 8.0)]), 1.0, 10), None);
        // Nor from what was lost before it was entered.
        let mut feedback = after(&[(OUTER, 5, 8.0)]);
        assert_eq!(feedback.learn(OUTER, 8.0, &Mark { lost: 1, ..START }, 1.0, 10), None);
    }

    #[test]
    fn what_is_lost_less_often_than_the_header_holds_it_stays() {
        // Value 5 is lost on two back edges, which come to as much as the header.
        let lost = [(OUTER, 5, 4.0), (OUTER, 6, 7.0), (OUTER, 5, 4.0)];
        assert_eq!(learnt(after(&lost), 1.0, 10), Some(vec![5]));
    }
}
