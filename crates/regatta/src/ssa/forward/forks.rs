//! Loading in front of a fork what several ways behind it want.
//!
//! A value that lies in memory where control forks would be loaded on each way that uses it, and perhaps once more where these ways meet others
//! again. One load in front of the fork does for all of them, if a register is free: behind a switch, for a hundred. Nothing is lost when a way then
//! wants the register for something else, as the value is in memory.
//!
//! Whether that pays is a matter of frequencies. A way whose next use of the value comes before any other way can join it saves a load. One that
//! only leads to a use behind such a join saves nothing by itself; but all of them together save what would be loaded there, once. (What becomes a
//! parameter there is used on the way: it is loaded on each, be it to stay in a register or to be copied to the parameter's slot.) A use behind a
//! call does not count, as the register would be lost on the way. Where frequencies are by the depth of loops, each way is as hot as the fork, and
//! two ways are enough. Where control is shared out among the ways, a load in front of them saves itself at best, so this is not for frequencies that
//! are estimated: where all ways want the value, sql.js would execute 0.5 % more instructions, wasmoon 0.6 % fewer, others a little more.
//!
//! The idea is that of partial redundancy elimination, for spill code. **Cost.** Proportional to the lists of what is live into the ways, at each fork
//! in the thorough setting.

use super::candidates::NO_CANDIDATE;
use super::{Forward, Input};
use crate::cfg::Edge;
use crate::code::{Value, flag};
use crate::ir::{Block, Inst};
use crate::live::{DEAD, EXIT_PENALTY, LiveIn, LookAhead};
use core::ops::RangeInclusive;

/// A load in front of a fork pays if it saves at least so many times its own cost.
const PAYS: f32 = 1.05;

/// A value gives up its register for one that is wanted so many times sooner.
const LATER: u32 = 4;

/// A value that is not in a register at a fork, and what is known of the ways on which it is needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    value: Value,
    /// How many ways need it before a call.
    ways: u32,
    /// How often control takes the ways that use it before another way joins, and those that lead to a use behind a join.
    used: f32,
    needed: f32,
    /// How many instructions the nearest use is away.
    distance: u32,
    /// The last edge to a join that it was seen to be an argument on.
    argument_on: Edge,
}

impl Wanted {
    /// What a load in front of the fork saves, in loads of frequency 1, if the fork is executed `frequency` times.
    fn saved(&self, frequency: f32) -> f32 {
        self.used + self.needed.min(frequency)
    }

    fn pays(&self, frequency: f32) -> bool {
        self.ways > 1 && self.used > 0.0 && self.saved(frequency) >= PAYS * frequency
    }
}

impl Forward {
    /// In front of the last instruction of `block`: loads what pays.
    #[inline(never)]
    pub(super) fn load_for_ways(&mut self, on: &Input<'_>, block: Block) {
        let Some(look_ahead) = on.ahead else { return };
        self.find_wanted(on, look_ahead, block);
        if self.wanted.is_empty() {
            return;
        }
        let frequency = on.flow.frequencies.of(block);
        // What the loop only passes on, or has no use for, need not be in a register.
        let end = on.flow.loop_end(on.flow.loops.block_loop(block));
        let mut wanted = core::mem::take(&mut self.wanted);
        let ops = &on.code.ops.as_slice()[on.code.op_range(self.inst)];
        let is_made_here = |value| ops.iter().any(|op| op.is_def() && op.value == value);
        wanted.retain(|found| {
            self.status[found.value].candidate_of = NO_CANDIDATE;
            found.pays(frequency) && on.next_uses.first_use(found.value) < end && !is_made_here(found.value)
        });
        wanted.sort_unstable_by(|a, b| {
            let most_saved = b.saved(frequency).total_cmp(&a.saved(frequency));
            most_saved.then(a.distance.cmp(&b.distance)).then(a.value.cmp(&b.value))
        });
        for found in &wanted {
            if let Some(reg) = self.spare(on, found) {
                let class = self.class(found.value);
                self.bring(on, found.value, class, reg);
            }
        }
        wanted.clear();
        self.wanted = wanted;
    }

    /// A register for what is wanted: one that is free and costs nothing, or else one whose value is needed much later.
    fn spare(&mut self, on: &Input<'_>, found: &Wanted) -> Option<u8> {
        let class = self.class(found.value);
        let among = on.machine.allocatable[class];
        let free = among & !self.regs.occupied[class] & self.used_or_cheap(on, class);
        if free != 0 {
            return Some(self.pick(on, free, found.value, on.next_uses.wish(found.value), 0));
        }
        let victim = self.victim(on, class, among, 0)?;
        let is_later = victim.next_use.saturating_sub(self.pos) > LATER * found.distance;
        is_later.then(|| {
            self.forget(on, class, victim.reg);
            victim.reg
        })
    }

    /// Lists the values that are in no register and that some way out of `block` needs before it calls; none if it cannot be two ways.
    fn find_wanted(&mut self, on: &Input<'_>, look_ahead: &LookAhead, block: Block) {
        let mut ways = on.flow.graph.succ_edges(block);
        if let (Some(one), Some(other), None) = (ways.next(), ways.next(), ways.next()) {
            // What one of the two does not need is not needed twice: the one with less to look through comes first.
            let length = |edge| on.next_uses.live_in_or_used(on.flow.graph.edge(edge).to).0.len();
            let (first, second) = if length(other) < length(one) { (other, one) } else { (one, other) };
            self.look_along::<true>(on, look_ahead, first);
            if !self.wanted.is_empty() {
                self.look_along::<false>(on, look_ahead, second);
            }
            return;
        }
        for edge in on.flow.graph.succ_edges(block) {
            self.look_along::<true>(on, look_ahead, edge);
        }
    }

    /// Adds what the way that begins with `edge` needs, or what it needs of what is listed.
    fn look_along<const ADDS: bool>(&mut self, on: &Input<'_>, look_ahead: &LookAhead, edge: Edge) {
        if on.flow.is_back_edge(edge) {
            return;
        }
        let to = on.flow.graph.edge(edge).to;
        let ahead = look_ahead.of(to);
        let (live, further) = on.next_uses.live_in_or_used(to);
        let Some(end) = ahead.call.min(EXIT_PENALTY).checked_sub(further) else { return };
        let join = ahead.join.saturating_sub(further);
        let frequency = on.flow.frequencies.of(to);
        for &LiveIn { value, distance } in live {
            if distance > end {
                continue;
            }
            let status = &mut self.status[value];
            if status.candidate_of == NO_CANDIDATE {
                if !ADDS || status.held != 0 {
                    continue;
                }
                status.candidate_of = self.wanted.len() as u32;
                self.wanted.push(Wanted {
                    value,
                    ways: 0,
                    used: 0.0,
                    needed: 0.0,
                    distance: DEAD,
                    argument_on: Edge::invalid(),
                });
            }
            let number = status.candidate_of as usize;
            let wanted = &mut self.wanted[number];
            wanted.ways += 1;
            wanted.distance = wanted.distance.min(distance + further + 1);
            if distance < join {
                wanted.used += frequency;
            } else {
                wanted.needed += frequency;
            }
        }
        self.count_arguments(on, to, join..=end, frequency);
    }

    /// Of what is listed and has its nearest use from `way` on at a distance `behind` the next join: counts as used on the way what becomes a
    /// parameter at its end. (Not where that is free, as both are in memory and can share a slot.)
    fn count_arguments(&mut self, on: &Input<'_>, way: Block, behind: RangeInclusive<u32>, frequency: f32) {
        let mut edges = on.flow.graph.succ_edges(way);
        let (Some(edge), None) = (edges.next(), edges.next()) else { return };
        let join = on.flow.graph.edge(edge).to;
        let (params, (live, _)) = (on.code.params(join), on.next_uses.live_in_or_used(way));
        for (&param, &arg) in params.iter().zip(on.code.args(edge, params.len())) {
            let number = self.status[arg].candidate_of as usize;
            let Some(wanted) = self.wanted.get_mut(number).filter(|wanted| wanted.argument_on != edge) else {
                continue;
            };
            wanted.argument_on = edge;
            let is_nearest_use = live.iter().any(|there| there.value == arg && behind.contains(&there.distance));
            if is_nearest_use && on.next_uses.param_distance[param] != DEAD && !self.is_free(on, join, param, arg) {
                let wanted = &mut self.wanted[number];
                wanted.used += frequency;
                wanted.needed -= frequency;
            }
        }
    }

    /// Does it cost nothing to make `arg`, which is in memory, the parameter `param` of the block `join`, as that is in memory as well and they
    /// can share a slot?
    fn is_free(&self, on: &Input<'_>, join: Block, param: Value, arg: Value) -> bool {
        self.goes_back_to_memory(on, param, join) && on.next_uses.live_in(join).all(|there| there.value != arg)
    }
}

/// Does control fork behind `block`, in a way that leaves registers alone, and is anybody to look there?
#[inline]
pub(super) fn forks(on: &Input<'_>, block: Block) -> bool {
    on.ahead.is_some() && on.flow.graph.succ_edges(block).len() > 1 && {
        let last = Inst::new(on.flow.graph.end(block).index() - 1);
        on.code.insts[last].flags() & flag::KILLS == 0
    }
}
