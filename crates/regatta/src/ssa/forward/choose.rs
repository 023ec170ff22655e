//! Which values are to be in registers at the start of a block that several ways lead to, or a loop: who is a candidate, and who is kept. The rules
//! are those of [`super::entry`].

use super::candidates::{Candidate, NO_CANDIDATE};
use super::headers::room_through;
use super::registers::bit;
use super::{Forward, InReg, Input, Memory, RELOAD_COST, STORE_COST};
use crate::cfg::Loop;
use crate::ir::Block;
use crate::live::{DEAD, EXIT_PENALTY, FROM_MEMORY, WITHIN_PENALTY};

/// A parameter whose arguments are all in memory gets a register if its first use is at most so far away.
const SOON: u32 = 16;

/// A value that only some predecessors of a join have in a register is loaded on the way from the others if its next use is less than so
/// far away. 3 to 8 give a cost between 0.408 and 0.406, 16 gives 0.413, without is 0.409.
const AT_HAND: u32 = 4;

/// A parameter with arguments in memory lives in memory if that is cheaper, but so many times if it is used at once. Over the corpus, cost is
/// 0.997 of what it was with a limit to how many times as often it would be loaded on the ways to a join as behind it. If it has to be
/// twice as cheap, or 4 times, 1.0008 and 1.0000 of that. Not where frequencies are estimated: few of the ways from a switch are taken often.
const AT_ONCE: f32 = 3.0;

/// The registers of so many arguments are looked for one by one, rather than by way of a table.
const LOOKED_FOR: usize = 4;

/// The ways to a join.
#[derive(Clone, Copy)]
struct Ways {
    /// How often control comes from the predecessors, and how often the join is executed.
    in_all: f32,
    frequency: f32,
    /// Before which position a use is at hand.
    at_hand: u32,
}

impl Ways {
    /// Is a value that some predecessors have in no register to be loaded on the way from them?
    #[inline]
    fn is_worth_loading(self, value: &Candidate) -> bool {
        value.next_use < self.at_hand && self.in_all - value.frequency <= self.frequency
    }
}

impl Forward {
    /// Lists what the predecessors have in registers, and the parameters. Returns how many predecessors have been allocated.
    #[inline(never)]
    pub(super) fn gather(&mut self, on: &Input<'_>, block: Block, is_header: bool) -> u32 {
        let at_hand = self.pos.saturating_add(AT_HAND);
        self.candidates.clear();
        let params = on.code.params(block);
        for (number, &param) in (0..).zip(params) {
            if on.next_uses.param_distance[param] != DEAD {
                self.status[param].candidate_of = self.candidates.len() as u32;
                self.candidates.push(Candidate::param(number, param, self.status[param].next));
            }
        }
        let mut edges = 0;
        for &edge in on.flow.graph.pred_edges(block) {
            if on.flow.is_back_edge(edge) {
                continue;
            }
            let from = on.flow.graph.edge(edge).from;
            let frequency = on.flow.frequencies.of(from);
            edges += 1;
            // What the first predecessor has not got is not to be loaded, unless it is used at once or in a loop: see `choose`.
            let least = if edges > 1 && !is_header { at_hand } else { DEAD };
            self.gather_from(on, block, from, (edges, frequency), least);
            if params.is_empty() {
                continue;
            }
            // (Few blocks have many parameters.)
            let in_table = params.len() > LOOKED_FOR;
            if in_table {
                self.load_exit(from);
            }
            for (&param, &arg) in params.iter().zip(on.code.args(edge, params.len())) {
                let at = self.status[param].candidate_of;
                if at != NO_CANDIDATE {
                    let regs = if in_table { self.at_exit[arg] } else { self.regs_at_exit(from, arg) };
                    self.candidates[at as usize].add_pred(edges, regs, frequency);
                }
            }
            if in_table {
                self.clear_exit(from);
            }
        }
        for candidate in &mut self.candidates {
            self.status[candidate.value].candidate_of = NO_CANDIDATE;
            if candidate.preds < edges {
                candidate.in_all = 0;
            }
        }
        edges
    }

    /// Lists what the predecessor `from` has in registers. Control comes `frequency` times from there. What is used no sooner than at `least`
    /// is not added to the list.
    #[inline(always)]
    fn gather_from(&mut self, on: &Input<'_>, block: Block, from: Block, (number, frequency): (u32, f32), least: u32) {
        let (start, end) = self.bounds[from].exit;
        let Self { states, status, candidates, visit, .. } = self;
        let status = status.as_mut_slice();
        for &InReg { value, reg } in &states[start as usize..end as usize] {
            let status = &mut status[value.index()];
            let next_use = status.expect_at_entry(*visit);
            // (What is held has been settled, and with it its copies.)
            if (next_use >= FROM_MEMORY) | (status.held != 0) {
                continue;
            }
            let regs = bit(reg.hw_enc() as u8);
            if status.candidate_of == NO_CANDIDATE {
                if next_use >= least {
                    continue;
                }
                let def = on.code.values[value];
                if def.is_param && def.block == block {
                    // Read before its definition, in code that cannot be reached. It is another value from here on.
                    continue;
                }
                status.candidate_of = candidates.len() as u32;
                candidates.push(Candidate::first_in(number, value, next_use, regs, frequency));
                continue;
            }
            let candidate = &mut candidates[status.candidate_of as usize];
            // Parameters are what their arguments are.
            if !candidate.is_param {
                candidate.add_pred(number, regs, frequency);
            }
        }
    }

    /// Keeps the candidates that get a register; other parameters are born in memory.
    #[inline(never)]
    pub(super) fn choose(&mut self, on: &Input<'_>, block: Block, header_of: Option<Loop>, edges: u32) {
        let reach = header_of.map_or(EXIT_PENALTY, |of| self.feedback.reach(of));
        let beyond_loop = self.pos.saturating_add(reach);
        let mut room = core::array::from_fn(|c| on.machine.allocatable[c].count_ones() as i32);
        let mut through = [i32::MAX; 3];
        if let Some(of) = header_of {
            // What the loop does not use had better be in memory than be loaded behind each call.
            through = room_through(on, of, room, true, reach);
            self.find_params_used_within(on, of);
            if on.careful {
                let idle = self.find_idle_params(on, of, beyond_loop);
                (0..3).for_each(|c| through[c] += idle[c]);
            }
        }
        let ways = self.ways(on, block);
        if header_of.is_some() {
            self.rank_by_use(on, beyond_loop);
        }
        self.sort_candidates();
        if let Some(of) = header_of {
            for inner in on.loops.inner(of) {
                self.leave_out_for(on, of, inner, room, beyond_loop);
            }
        }
        let far = self.pos.saturating_add(WITHIN_PENALTY)..beyond_loop;
        let mut num_far = 0;
        let mut kept = 0;
        for index in 0..self.candidates.len() {
            // (All of it is copied only if one before it was not kept, which is rare.)
            let candidate = &self.candidates[index];
            let Candidate { value, is_param, .. } = *candidate;
            let class = self.class(value);
            let mut stays = room[class] > 0;
            if header_of.is_none() {
                stays &= self.is_wanted(on, block, candidate, edges, ways);
            } else if candidate.next_use >= beyond_loop && (candidate.is_idle || !is_param) {
                stays &= through[class] > 0 && (candidate.is_idle || candidate.preds == edges);
                through[class] -= i32::from(stays);
            }
            if stays {
                room[class] -= 1;
                num_far += u32::from(far.contains(&candidate.next_use));
                if kept != index {
                    self.candidates[kept] = self.candidates[index];
                }
                kept += 1;
            } else if is_param {
                self.born_in_memory(value, self.pos);
            } else if header_of.is_none() {
                self.note_if_held_for_nothing(on, value);
            }
        }
        self.candidates.truncate(kept);
        if let Some(of) = header_of {
            self.feedback.note_far(of, num_far);
        }
    }

    /// The same at a join where there are registers for all.
    pub(super) fn keep_all(&mut self, on: &Input<'_>, block: Block, edges: u32) {
        if self.candidates.is_empty() {
            return;
        }
        let ways = self.ways(on, block);
        let mut candidates = core::mem::take(&mut self.candidates);
        candidates.sort_unstable_by_key(Candidate::order);
        candidates.retain(|candidate| {
            let stays = self.is_wanted(on, block, candidate, edges, ways);
            if candidate.is_param && !stays {
                self.born_in_memory(candidate.value, self.pos);
            }
            stays
        });
        self.candidates = candidates;
    }

    /// The ways to `block`.
    fn ways(&self, on: &Input<'_>, block: Block) -> Ways {
        Ways {
            in_all: on.flow.graph.preds(block).map(|pred| on.flow.frequencies.of(pred)).sum(),
            frequency: self.frequency,
            at_hand: self.pos.saturating_add(AT_HAND),
        }
    }

    /// Is there to be a register for this at the join `block`, if there is room? For what all predecessors have in one, and else for what is worth
    /// loading.
    #[inline]
    fn is_wanted(&self, on: &Input<'_>, block: Block, candidate: &Candidate, edges: u32, ways: Ways) -> bool {
        candidate.preds == edges
            || if candidate.is_param {
                self.is_worth_a_register(on, block, candidate, ways)
            } else {
                ways.is_worth_loading(candidate)
            }
    }

    /// Puts the candidates in the order of their ranks.
    fn sort_candidates(&mut self) {
        let Self { candidates, by_rank, sorted, .. } = self;
        by_rank.clear();
        by_rank.extend(candidates.iter().zip(0..).map(|(c, number)| (c.order(), number)));
        by_rank.sort_unstable_by_key(|&(rank, _)| rank);
        sorted.clear();
        sorted.extend(by_rank.iter().map(|&(_, number): &(_, u32)| candidates[number as usize]));
        core::mem::swap(candidates, sorted);
    }

    /// A parameter of the join `block` has arguments in memory: is it to be loaded on the way from these, rather than stored from the others?
    fn is_worth_a_register(&self, on: &Input<'_>, block: Block, param: &Candidate, ways: Ways) -> bool {
        if param.preds == 0 && param.next_use - self.pos > SOON {
            return false;
        }
        if !on.careful {
            return true;
        }
        let times = if param.next_use < ways.at_hand { AT_ONCE } else { 1.0 };
        let is_cheaper_in_memory = !on.is_estimated && self.is_cheaper_in_memory(on, block, param.number, times);
        !is_cheaper_in_memory && !self.goes_back_to_memory(on, param.value, block)
    }

    /// Is parameter number `param` of the join `block` so many `times` cheaper to have in memory, and to load behind the join, than to load on
    /// the ways on which its argument is in no register? Memory costs nothing where the argument is there already and not needed behind the
    /// join, as both can share a slot.
    fn is_cheaper_in_memory(&self, on: &Input<'_>, block: Block, param: u32, times: f32) -> bool {
        let (mut in_register, mut in_memory) = (0.0, RELOAD_COST * self.frequency);
        for &edge in on.flow.graph.pred_edges(block).iter().filter(|&&edge| !on.flow.is_back_edge(edge)) {
            let from = on.flow.graph.edge(edge).from;
            let (arg, frequency) = (on.code.arg(edge, param as usize), on.flow.frequencies.of(from));
            let status = &self.status[arg];
            let lives_on = status.visit == self.visit && status.next != DEAD;
            if self.regs_at_exit(from, arg) == 0 {
                in_register += RELOAD_COST * frequency;
                in_memory += if lives_on { (RELOAD_COST + STORE_COST) * frequency } else { 0.0 };
            } else if lives_on || self.spills[arg].memory == Memory::Never {
                in_memory += STORE_COST * frequency;
            }
        }
        times * in_memory < in_register
    }
}
