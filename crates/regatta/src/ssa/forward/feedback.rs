//! Feedback: loops that lost values at their back edges are allocated again.
//!
//! A loop header decides which values the loop holds in registers. What is in a register there must be there again at the end of
//! each iteration; a value that has been evicted by then is reloaded on the back edge, for nothing if nobody wanted it in between. So
//! it had better not been in a register at the header; nor had a parameter of the header that is evicted before its first use, be that of an
//! instruction or of a parameter further on that it becomes. The forward
//! pass only finds that out when it has walked the loop. If what was so lost is worth the work, everything since the header is rolled back and
//! the loop allocated again with these values left out (parameters then live in memory); up to [`Input::rounds`] times, and the cheapest
//! attempt counts. What exactly a header leaves out is told in [`super::exclusions`]; when nothing more is to be learnt, it is tried with what was
//! left out for nothing.
//!
//! Where control meets a call each time round, the header counts only on registers that survive the calls of loops within. Else it counts on all, though
//! calls on some paths will take some of them: what that loses is learnt.
//!
//! What is used behind loops within is a gamble: held at the header it may be spared a load each time round, or be lost in the loops within and
//! have taken others' place. The first attempts take the gamble. When nothing more is to be learnt from these, a modest one does without,
//! and learning goes on from that if it is better. (Not where frequencies are estimated: sql.js would execute 0.8 % more instructions, the
//! others as many.)
//!
//! Loops are judged one by one, from the inside out: a loop learns while the loops around it are in their first attempt. When
//! one of these is allocated again, the loops within keep what they have learnt.
//!
//! **Cost.** A block is allocated once, and for each loop around it at most `2 × rounds + 3` times more, and once more each time
//! that values are let back in. Deep nests end sooner: what all loops of an outermost nest may spend is limited to [`BUDGET`] times its blocks.

use super::exclusions::{Exclusions, Regained};
use super::{Forward, Input, Memory, RELOAD_COST, StateRange};
use crate::cfg::Loop;
use crate::code::Value;
use crate::ir::entity::TypedVec;
use crate::ir::{Block, PerClass};
use crate::live::{EXIT_PENALTY, WITHIN_PENALTY};
use alloc::vec::Vec;

/// A loop is allocated again if what was lost, times the share that it is of the loop's cost, is at least so much for each instruction of the
/// loop: what the work is expected to gain, in short, for what it takes. 1.5 gives 1.0097 of the cost (over files captured elsewhere, 1.0011) for 1 to 4 % fewer
/// instructions of the whole, 0.7 gives 0.9993 and 0.9991 for 0.3 to 0.5 % more. (Where only the share counted, 7.5 %, cost and instructions were both
/// higher.)
const WORTH: f32 = 0.85;

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
    /// The values it leaves out: a set of [`Feedback::exclusions`].
    excluded: StateRange,
}

/// What the current attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The only one.
    Only,
    /// The first one.
    First,
    /// One that does not hold for their sake what is used behind loops within.
    Modest,
    /// One that leaves out what was lost before; so many more may follow.
    Learning(usize),
    /// One that lets back in what the best one left out, but had in registers at all back edges.
    Regaining,
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
    /// Is a loop around it in another attempt than its first?
    is_again: bool,
    mark: Mark,
    /// The cost of the loop around it so far.
    outer_cost: f32,
    best: (f32, Plan),
    /// How many values were held for the sake of uses behind loops within; 0 once it has been tried without.
    num_far: u32,
    /// What the best attempt might let back in; nothing once that has been tried.
    regained: Option<Regained>,
}

/// What is known of the loops.
#[derive(Debug, Default)]
pub(super) struct Feedback {
    nests: Vec<Nest>,
    plans: TypedVec<Loop, Plan>,
    pub(super) exclusions: Exclusions,
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
        self.exclusions.clear();
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

    /// The values that the header of the loop leaves out.
    pub(super) fn excluded(&self, of: Loop) -> &[Value] {
        self.exclusions.values(self.plans[of].excluded)
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
        let is_again = feedback
            .nests
            .last()
            .is_some_and(|around| around.is_again || !matches!(around.attempt, Attempt::Only | Attempt::First));
        // What is found out at the header of a loop that is entered elsewhere too is little more than a guess: not worth a round.
        let learns = !on.flow.loops.is_irreducible(of) && !is_again;
        feedback.learning += usize::from(learns);
        let mark = Mark {
            moves: self.moves.len(),
            slot_operands: self.slot_operands.len(),
            states: self.states.len(),
            spilled: self.spilled.len(),
            events: self.events.len(),
            journal: self.journal.len(),
            lost: feedback.exclusions.num_lost(),
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
            is_again,
            mark,
            outer_cost: core::mem::take(&mut self.nest_cost),
            best: (0.0, feedback.plans[of]),
            num_far: 0,
            regained: None,
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
                self.feedback.exclusions.forget_since(0);
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
            nest.regained = self.find_regained(on, of, plan.excluded);
        }
        let may_go_on = self.feedback.budget > 0 && attempt != Attempt::Learning(0);
        let frequency = on.flow.frequencies.of(on.flow.loops.header(of));
        let insts = on.flow.to_loop_end(of, on.flow.loops.header(of));
        let learnt = if may_go_on && attempt != Attempt::Regaining && (attempt != Attempt::Modest || is_best) {
            self.learn(on, of, nest.mark.lost, plan.excluded, |lost| is_worth(lost, cost, insts))
        } else {
            None
        };
        let Some(excluded) = learnt else {
            let budget = self.feedback.budget;
            let best = nest.best.0;
            let pays = |values: u32| {
                values > 0 && budget > 0 && is_worth(RELOAD_COST * frequency * values as f32, best, insts)
            };
            let others = nest.regained.take().filter(|&(_, values)| pays(values));
            if let Some((excluded, _)) = others {
                return Some((Plan { excluded, ..nest.best.1 }, Attempt::Regaining));
            }
            if pays(core::mem::take(&mut nest.num_far)) {
                return Some((Plan { modest: true, excluded: (0, 0), ..nest.best.1 }, Attempt::Modest));
            }
            return (!is_best).then_some((nest.best.1, Attempt::Last));
        };
        Some(match attempt {
            Attempt::First | Attempt::Modest => (Plan { excluded, ..plan }, Attempt::Learning(on.rounds - 1)),
            Attempt::Learning(left) => (Plan { excluded, ..plan }, Attempt::Learning(left - 1)),
            Attempt::Only | Attempt::Regaining | Attempt::Last => return None,
        })
    }

    /// `value` leaves its last register. If it is a parameter of a loop header, and has not been used yet, it had a register for nothing.
    #[inline]
    pub(super) fn note_if_held_for_nothing(&mut self, on: &Input<'_>, value: Value) {
        if on.rounds != 0 && on.code.values[value].is_param && self.pos < on.next_uses.first_use(value) {
            self.note_unused_param(on, value);
        }
    }

    #[inline(never)]
    fn note_unused_param(&mut self, on: &Input<'_>, value: Value) {
        if self.spills[value].memory != Memory::Born
            && let Some(of) = on.flow.loops.is_header(on.code.values[value].block)
        {
            self.feedback.exclusions.lose(of, value, self.frequency);
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
        self.feedback.exclusions.forget_since(mark.lost);
        self.used = mark.used;
        self.clear_registers();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_the_work() {
        let gain = 32.0;
        let limit = gain * gain / (WORTH * 10.0);
        assert!(is_worth(gain, 0.99 * limit, 10));
        assert!(!is_worth(gain, 1.01 * limit, 10));
        // Twice as many instructions make twice the work.
        assert!(!is_worth(gain, 0.99 * limit, 20));
        assert!(is_worth(gain, 0.49 * limit, 20));
    }
}
