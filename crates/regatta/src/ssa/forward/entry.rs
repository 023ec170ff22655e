//! Entering a block: which values are in which registers when it starts.
//!
//! A block with one predecessor and no parameters goes on with what that left in registers. At a join, a value stays in a register if
//! every predecessor that has been allocated has it in one. It is loaded on the edges from those that have it not only if they are no
//! hotter than the join and the next use is at hand, where it would be loaded in any case. Parameters come on top, and whatever does
//! not fit is forgotten, the farthest next use first.
//!
//! At a loop header the whole loop has a say in what is held: [`super::headers`].
//!
//! Who stays where: first values that all predecessors have in the same register; then parameters, and values that can stay where most
//! predecessors have them, weighed by how often control comes from there, or of two places that are as good, where they will survive calls
//! or are wanted further on; then the rest. At a loop header, nobody stays in a register that the loop contests ([`crate::live::wishes`])
//! as long as there are others.
//!
//! A parameter that gets no register lives in memory, where its arguments are stored on the edges. So does one at a join whose arguments
//! are all in memory already, unless it is used at once: it can share their slot; one that would be loaded on very many ways; and one that only
//! goes back to a parameter of a loop header which lives in memory itself.

use super::candidates::{Candidate, NO_CANDIDATE};
use super::headers::room_through;
use super::registers::{Bits, CLASSES, bit, lowest};
use super::{Forward, InReg, Input, MOVE_COST, RELOAD_COST};
use crate::cfg::{Edge, Loop};
use crate::code::{NO_REG, Value};
use crate::ir::{Block, PReg};
use crate::live::{DEAD, EXIT_PENALTY};
use core::hint::select_unpredictable;

/// A parameter whose arguments are all in memory gets a register if its first use is at most so far away.
const SOON: u32 = 16;

/// A value that only some predecessors of a join have in a register is loaded on the way from the others if its next use is less than so
/// far away. 3 to 8 give a cost between 0.408 and 0.406, 16 gives 0.413, without is 0.409.
const AT_HAND: u32 = 4;

/// A parameter lives in memory if it would be loaded so many times as often on the ways to a join as behind it: behind a switch, all of
/// which count as hot as what follows. 2 gives a cost of 0.396 and slots of 0.886, 4 gives 0.396 and 0.885, without is 0.398 and 0.884.
/// Not where frequencies are estimated: sql.js would execute 5 % more instructions, since few of these ways are taken often.
/// (The quick setting has not got the exact live ranges that let a parameter share the slot of its arguments: it would copy.)
const MANY_WAYS: f32 = 4.0;

/// The registers of so many arguments are looked for one by one, rather than by way of a table.
const LOOKED_FOR: usize = 4;

impl Forward {
    /// Sets the registers as they are at the start of a block with one predecessor and no parameters.
    pub(super) fn go_on_from(&mut self, block: Block, from: Block) {
        self.bounds[block].entry = self.bounds[from].exit;
        if self.bounds[from].exit == self.in_regs {
            for class in CLASSES {
                for reg in Bits(self.regs.occupied[class]) {
                    let value = self.regs.value(class, reg);
                    self.expect_at_entry(value);
                    self.drop_if_dead(class, value);
                }
            }
            return;
        }
        self.clear_registers();
        let (start, end) = self.bounds[from].exit;
        let Self { states, status, regs, visit, .. } = self;
        let status = status.as_mut_slice();
        for &InReg { value, reg } in &states[start as usize..end as usize] {
            let status = &mut status[value.index()];
            if status.expect_at_entry(*visit) != DEAD {
                // (It has been counted as used.)
                regs.put(reg.class().index(), reg.hw_enc() as u8, value);
                status.held |= bit(reg.hw_enc() as u8);
            }
        }
    }

    /// Sets the registers as they are at the start of any other block.
    #[inline(never)]
    pub(super) fn enter_block(&mut self, on: &Input<'_>, block: Block, header_of: Option<Loop>) {
        let preds = on.flow.graph.pred_edges(block);
        let params = on.code.params(block);
        self.clear_registers();
        let edges = self.gather(on, block, header_of.is_some());
        if let Some(of) = header_of {
            self.gather_for_loop(on, of);
        }
        self.choose(on, block, header_of, edges);
        let missing = self.place(on, header_of, edges);
        self.bounds[block].entry = self.record_state();
        for &param in params {
            let status = &mut self.status[param];
            if status.held != 0 {
                let reg = lowest(status.held);
                (status.def_reg, status.last_reg) = (reg, reg);
                let becomes = status.becomes;
                self.suggest(becomes, reg);
            }
        }
        self.candidates.clear();
        if missing {
            for &edge in preds {
                if !on.flow.is_back_edge(edge) {
                    self.note_edge(on, edge);
                }
            }
        }
    }

    /// Lists what the predecessors have in registers, and the parameters. Returns how many predecessors have been allocated.
    #[inline(never)]
    fn gather(&mut self, on: &Input<'_>, block: Block, is_header: bool) -> u32 {
        let at_hand = self.pos.saturating_add(AT_HAND);
        self.candidates.clear();
        let params = on.code.params(block);
        for &param in params {
            if on.next_uses.param_distance[param] != DEAD {
                self.status[param].candidate_of = self.candidates.len() as u32;
                self.candidates.push(Candidate::new(param, self.status[param].next, true));
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
            if next_use == DEAD {
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
    fn choose(&mut self, on: &Input<'_>, block: Block, header_of: Option<Loop>, edges: u32) {
        let beyond_loop = self.pos.saturating_add(EXIT_PENALTY);
        let mut room = core::array::from_fn(|c| on.machine.allocatable[c].count_ones() as i32);
        let mut through = [i32::MAX; 3];
        if let Some(of) = header_of {
            through = room_through(on, of, room, self.feedback.is_cautious(of));
            if on.careful {
                let idle = self.find_idle_params(on, of, beyond_loop);
                (0..3).for_each(|c| through[c] += idle[c]);
            }
        }
        let frequency = self.frequency;
        let mut in_all = 0.0;
        if header_of.is_none() {
            let at_hand = self.pos.saturating_add(AT_HAND);
            in_all = on.flow.graph.preds(block).map(|pred| on.flow.frequencies.of(pred)).sum();
            let is_worth_loading = |c: &Candidate| c.next_use < at_hand && in_all - c.frequency <= frequency;
            self.sort_candidates(|c| c.is_param || c.preds == edges || is_worth_loading(c));
        } else {
            self.rank_by_use(on, beyond_loop);
            self.sort_candidates(|_| true);
        }
        if let Some(of) = header_of {
            for inner in on.loops.inner(of) {
                self.leave_out_for(on, inner, room, beyond_loop, self.feedback.is_cautious(of));
            }
        }
        let mut kept = 0;
        for index in 0..self.candidates.len() {
            // (All of it is copied only if one before it was not kept, which is rare.)
            let candidate = &self.candidates[index];
            let Candidate { value, is_param, .. } = *candidate;
            let class = self.class(value);
            let mut stays = room[class] > 0;
            if header_of.is_none() {
                if is_param && candidate.preds != edges {
                    stays &= self.is_worth_loading(on, block, candidate, in_all);
                }
            } else if candidate.next_use >= beyond_loop && (candidate.is_idle || !is_param) {
                stays &= through[class] > 0 && (candidate.is_idle || candidate.preds == edges);
                through[class] -= i32::from(stays);
            }
            if stays {
                room[class] -= 1;
                if kept != index {
                    self.candidates[kept] = self.candidates[index];
                }
                kept += 1;
            } else if is_param {
                self.born_in_memory(value, self.pos);
            }
        }
        self.candidates.truncate(kept);
    }

    /// Puts the candidates that are `wanted` in the order of their ranks.
    fn sort_candidates(&mut self, wanted: impl Fn(&Candidate) -> bool) {
        let Self { candidates, by_rank, sorted, .. } = self;
        by_rank.clear();
        let numbered = candidates.iter().zip(0..).filter(|(candidate, _)| wanted(candidate));
        by_rank.extend(numbered.map(|(c, number)| (u64::from(c.rank) << 32 | u64::from(c.value.0), number)));
        by_rank.sort_unstable_by_key(|&(rank, _)| rank);
        sorted.clear();
        sorted.extend(by_rank.iter().map(|&(_, number): &(_, u32)| candidates[number as usize]));
        core::mem::swap(candidates, sorted);
    }

    /// A parameter of the join `block` has arguments in memory: is it to be loaded on the way from these, rather than stored from the others?
    /// Control comes to the join `in_all` times.
    fn is_worth_loading(&self, on: &Input<'_>, block: Block, param: &Candidate, in_all: f32) -> bool {
        if param.preds == 0 && param.next_use - self.pos > SOON {
            return false;
        }
        if !on.careful {
            return true;
        }
        let many_ways = !on.is_estimated && in_all - param.frequency > MANY_WAYS * self.frequency;
        !many_ways && !self.goes_back_to_memory(on, param.value, block)
    }

    /// Gives each candidate its register. Is there a predecessor that has not got one of them in a register?
    #[inline(never)]
    fn place(&mut self, on: &Input<'_>, header_of: Option<Loop>, edges: u32) -> bool {
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

    /// Puts the registers at the end of `from` into `at_exit`, by value.
    fn load_exit(&mut self, from: Block) {
        let (start, end) = self.bounds[from].exit;
        for index in start as usize..end as usize {
            let InReg { value, reg } = self.states[index];
            self.at_exit[value] |= bit(reg.hw_enc() as u8);
        }
    }

    /// The registers that hold `value` at the end of `from`, by looking through all.
    #[inline]
    fn regs_at_exit(&self, from: Block, value: Value) -> u64 {
        let of = |there: &InReg| select_unpredictable(there.value == value, bit(there.reg.hw_enc() as u8), 0);
        self.at_exit(from).iter().map(of).fold(0, |regs, reg| regs | reg)
    }

    fn clear_exit(&mut self, from: Block) {
        let (start, end) = self.bounds[from].exit;
        for index in start as usize..end as usize {
            self.at_exit[self.states[index].value] = 0;
        }
    }

    /// Notes what the moves on `edge` will reload; on a back edge, also what that says about the header.
    pub(super) fn note_edge(&mut self, on: &Input<'_>, edge: Edge) {
        let data = on.flow.graph.edge(edge);
        let params = on.code.params(data.to);
        let is_back_edge = on.flow.is_back_edge(edge);
        let frequency = on.flow.edge_frequency(edge);
        let (mut at_exit, exit_end) = self.bounds[data.from].exit;
        let (start, end) = self.bounds[data.to].entry;
        for index in start as usize..end as usize {
            let InReg { value, reg } = self.states[index];
            let mut source = value;
            // Few blocks have many parameters, and those that do have most of them in memory.
            if let Some(param) = params.iter().position(|&p| p == value) {
                source = on.code.arg(edge, param);
            }
            // Both lists are in the order of the registers.
            while at_exit < exit_end && self.states[at_exit as usize].reg < reg {
                at_exit += 1;
            }
            if at_exit < exit_end && self.states[at_exit as usize].is(source, reg) {
                continue;
            }
            if self.regs_at_exit(data.from, source) != 0 {
                self.nest_cost += frequency * MOVE_COST;
                continue;
            }
            self.note_reload_on_edge(on, source, edge);
            self.nest_cost += frequency * RELOAD_COST;
            if is_back_edge && source == value {
                self.feedback.lose(on.flow.loops.block_loop(data.to), value, frequency);
            }
        }
    }
}

/// One of the registers `same` that a value is in at the end of every predecessor. One that lives across the loop's calls should be
/// in a register that survives them, and leave others to those who need not.
fn same_register(same: u64, free: u64, survivors: u64, wants_survivor: bool) -> u8 {
    let (first, second) = if wants_survivor { (survivors, !survivors) } else { (!survivors, survivors) };
    if same & first != 0 {
        lowest(same & first)
    } else if same & second != 0 && (!wants_survivor || free & survivors == 0) {
        lowest(same & second)
    } else {
        NO_REG
    }
}
