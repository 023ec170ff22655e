//! Assignment: registers for bundles, by eviction and splitting.
//!
//! Bundles wait in a queue, the longest first: what lives long is placed while there is room, and what is short fits
//! between. A bundle takes, of the registers free all over it, the first in the order of [`RegTraversalIter`]. If none
//! is free, it may evict: of the registers whose owners all weigh less than the bundle, it takes the one whose
//! heaviest owner weighs least, and the owners, or what of them is near, go back to the queue ([`evict`]). If that
//! fails too, it is split ([`super::split`]), and its parts are queued or spilled. Eviction comes before splitting: a
//! bundle is split only when everything in its way has a claim that is about as good.
//!
//! An eviction is not for nothing: what is evicted is likely to be split, and then evicts others, which are split. So
//! it takes a weight of clearly less to be evicted, and parts of a spill set that has been split evict no more, except
//! those that cover one instruction. They take what is free, and live in memory between their uses. Without either
//! rule, values that weigh about the same drive each other around the registers, and cost and time double where there
//! are many such (functions that are one large switch); on the corpus, cost falls by 4 % and time by a fifth.
//!
//! A bundle that covers one instruction's use and must be in a register cannot be split; it outweighs all that can.
//! When even such a one finds no place, the instruction asks for more registers than there are, or its operands would have to share some in a
//! way that live ranges do not express. It is noted as *crowded*, and its registers are planned by other means.
//!
//! **Termination.** Evictions replace bundles by heavier ones, so they cannot go in circles; splits make bundles
//! shorter.
//!
//! **What a register costs.** Registers that must be saved for the caller come last in the order, those already in use
//! before the others. A bundle that would stay in memory for less than the price of saving one takes it all the same:
//! bundles to come share that price, which makes up for it.

mod evict;

use super::bundles::{Bundle, BundleData, Bundles, uses};
use super::crowd::{self, Seat};
use super::interference::Registers;
use super::points::Points;
use super::ranges::{LiveRanges, Use, UseKind};
use super::split::{self, Split};
use crate::code::{Code, NO_REG, OpIndex, Want};
use crate::ir::entity::TypedVec;
use crate::ir::{Inst, Machine, PerClass, RegClass};
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// What loading a value costs.
const LOAD: f32 = 4.0;
/// How much it counts that another part of the spill set is in the register.
const SIBLING: f32 = 0.1;
/// Weights of bundles that must be in registers begin here, far above what frequencies sum up to.
const MINIMAL: f32 = 1e30;
/// What weighs more than this times a bundle is not evicted by it, unless the bundle is minimal.
const RELUCTANCE: f32 = 0.5;
/// How many uses are looked at for hints.
const MAX_HINTS: usize = 64;

/// What the pass reads.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) code: &'a Code,
    pub(crate) machine: &'a Machine,
    pub(crate) points: &'a Points,
    pub(crate) live: &'a LiveRanges,
}

/// Registers in the order in which a bundle tries them: the one it would like most, then those that cost nothing to
/// use, then those that have to be saved for the caller; by number.
#[derive(Clone, Debug)]
pub(crate) struct RegTraversalIter {
    hint: u64,
    cheap: u64,
    dear: u64,
}

impl RegTraversalIter {
    /// The registers of `candidates`; `hint` may be [`NO_REG`].
    pub(crate) fn new(candidates: u64, hint: u8, dear: u64) -> Self {
        let hint = if hint == NO_REG { 0 } else { candidates & 1 << hint };
        let rest = candidates & !hint;
        Self { hint, cheap: rest & !dear, dear: rest & dear }
    }
}

impl Iterator for RegTraversalIter {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let part = [&mut self.hint, &mut self.cheap, &mut self.dear].into_iter().find(|mask| **mask != 0)?;
        let reg = part.trailing_zeros() as u8;
        *part &= *part - 1;
        Some(reg)
    }
}

/// What came of trying to put a bundle into a register.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum AllocRegResult {
    /// It is there.
    Allocated,
    /// Other bundles are in the way, the heaviest of this weight. They are in [`Assign::conflicts`].
    Conflict(f32),
    /// An instruction claims the register.
    ConflictWithFixed,
    /// A bundle is in the way that weighs as much as the caller was ready to evict.
    ConflictHighCost,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct Assign {
    pub(crate) registers: PerClass<Registers>,
    /// Bundles that are in memory.
    pub(crate) spilled_bundles: Vec<Bundle>,
    /// How often bundles have been evicted and split.
    pub(crate) evictions: usize,
    pub(crate) splits: usize,
    /// Instructions that are crowded, each with the class that it has too few registers of. If there are any, the rest of the results is of no use.
    pub(crate) crowded: Vec<(Inst, RegClass)>,
    queue: BinaryHeap<(u32, Reverse<Bundle>)>,
    used: PerClass<u64>,
    conflicts: Vec<Bundle>,
    /// The try in which a bundle was last met as a conflict.
    met_in: TypedVec<Bundle, u32>,
    tries: u32,
}

impl Assign {
    /// Puts every bundle into a register or into `spilled_bundles`, but for those of instructions that turn out to be crowded.
    pub(crate) fn run(&mut self, on: Input<'_>, bundles: &mut Bundles) {
        self.spilled_bundles.clear();
        self.crowded.clear();
        self.queue.clear();
        self.met_in.clear();
        self.used = [0; 3];
        (self.evictions, self.splits, self.tries) = (0, 0, 0);
        let used_classes = on.code.used_classes();
        for (c, registers) in self.registers.iter_mut().enumerate() {
            if used_classes[c] {
                registers.reset(on.points.end(), &on.live.claims[c]);
            }
        }
        for bundle in bundles.bundles.keys() {
            self.enqueue(on, bundles, bundle);
        }
        while let Some((_, Reverse(bundle))) = self.queue.pop() {
            self.process(on, bundles, bundle);
        }
    }

    fn enqueue(&mut self, on: Input<'_>, bundles: &mut Bundles, bundle: Bundle) {
        if !bundles.ranges(bundle).is_empty() {
            bundles.describe(bundle, on.points, on.live);
            let data = bundles.bundles[bundle];
            if data.minimal && data.needs_register {
                // Nothing is as hard to place as what has few registers to choose from, or is there both early and
                // late.
                let class = bundles.set(bundle).class.index();
                let range = bundles.ranges(bundle)[0];
                let claimed = self.registers[class].claimed(range.from, range.to);
                let choices = (on.machine.allocatable[class] & data.limit & !claimed).count_ones();
                let weight = MINIMAL * (4 * (65 - choices) + data.length) as f32;
                bundles.bundles[bundle].weight = weight;
            }
            self.queue.push((bundles.bundles[bundle].length, Reverse(bundle)));
        }
    }

    fn process(&mut self, on: Input<'_>, bundles: &mut Bundles, bundle: Bundle) {
        let data = bundles.bundles[bundle];
        if !data.needs_register && self.is_better_in_memory(on, bundles, bundle) {
            self.spilled_bundles.push(bundle);
            return;
        }
        let class = bundles.set(bundle).class.index();
        let dear = on.machine.dear[class] & !self.used[class];
        let candidates = on.machine.allocatable[class] & !on.machine.stack[class] & data.limit;
        let taken = self.taken(bundles, bundle, class, candidates);
        let free = candidates & !taken;
        if free != 0 {
            let hint = self.hint(on, bundles, bundle, free);
            if let Some(reg) = RegTraversalIter::new(free, hint, dear).next() {
                self.place(bundles, bundle, reg);
            }
            return;
        }
        if self.evict(on, bundles, bundle, candidates, dear) {
            return;
        }
        if data.minimal {
            self.leave_without(on, bundles, bundle);
            return;
        }
        let split = split::choose(bundles, bundle, candidates, &self.registers[class], on.points, on.live);
        if split.is_progress(bundles.stretch(bundle)) {
            self.split(on, bundles, bundle, split);
        } else {
            // Only where a value is used by the very instruction that defines it, which nobody has validated.
            self.leave_without(on, bundles, bundle);
        }
    }

    /// Finds something else for a bundle that gets no register and cannot be split.
    fn leave_without(&mut self, on: Input<'_>, bundles: &mut Bundles, bundle: Bundle) {
        let BundleData { minimal, needs_register, .. } = bundles.bundles[bundle];
        if !needs_register {
            self.spilled_bundles.push(bundle);
        } else if !(minimal && self.make_room(on, bundles, bundle)) {
            let inst = on.points.inst_at(bundles.ranges(bundle)[0].from);
            self.crowded.push((inst, bundles.set(bundle).class));
        }
    }

    /// The registers that are free all over a bundle, within its limit, and that cost nothing to use.
    pub(crate) fn free_registers(&self, on: Input<'_>, bundles: &Bundles, bundle: Bundle) -> u64 {
        let class = bundles.set(bundle).class.index();
        let usable = on.machine.allocatable[class] & !on.machine.stack[class];
        let candidates = usable & bundles.bundles[bundle].limit & (self.used[class] | !on.machine.dear[class]);
        let free = candidates & !self.taken(bundles, bundle, class, candidates);
        let first = bundles.ranges(bundle)[0];
        if on.points.cut_at_or_before(first.from) == first.from
            || uses(on.live, &first).first().is_some_and(Use::begins)
        {
            return free;
        }
        // In the middle of an instruction nothing can be moved: only where the value is already can it stay.
        let is_there = |&reg: &u8| {
            let mut owners = self.registers[class].owners(first.from.prev(), first.from, reg);
            owners.any(|owner| bundles.bundles[owner].set == bundles.bundles[bundle].set)
        };
        RegTraversalIter::new(free, NO_REG, 0).filter(is_there).fold(0, |mask, reg| mask | 1 << reg)
    }

    /// Would the bundle, which could be in memory, gain nothing from a register?
    fn is_better_in_memory(&self, on: Input<'_>, bundles: &Bundles, bundle: Bundle) -> bool {
        let mut list = bundles.ranges(bundle).iter().flat_map(|range| uses(on.live, range));
        let Some(first) = list.next() else { return true };
        let entry = if first.begins() { 0.0 } else { LOAD * on.points.frequency_at(first.from) };
        bundles.bundles[bundle].cost <= entry
    }

    /// The registers of `candidates` that are not free all over the bundle.
    fn taken(&self, bundles: &Bundles, bundle: Bundle, class: usize, candidates: u64) -> u64 {
        let mut taken = 0;
        for range in bundles.ranges(bundle) {
            taken |= self.registers[class].taken(range.from, range.to);
            if candidates & !taken == 0 {
                break;
            }
        }
        taken
    }

    /// The register of `free` that the bundle would like most.
    fn hint(&mut self, on: Input<'_>, bundles: &Bundles, bundle: Bundle, free: u64) -> u8 {
        let mut scores: [(u8, f32); 4] = [(NO_REG, 0.0); 4];
        let sibling = bundles.set(bundle).hint;
        if sibling != NO_REG {
            scores[0] = (sibling, SIBLING);
        }
        let fixed = |op: OpIndex| {
            let op = on.code.ops[op];
            (op.want == Want::Fixed && free >> op.reg & 1 != 0).then_some(op.reg)
        };
        for use_ in bundles.ranges(bundle).iter().flat_map(|range| uses(on.live, range)).take(MAX_HINTS) {
            if let UseKind::Copy(op) | UseKind::FixedDef(op) = use_.kind
                && let Some(reg) = fixed(op)
                && let Some(slot) = scores.iter_mut().find(|slot| slot.0 == reg || slot.0 == NO_REG)
            {
                *slot = (reg, slot.1 + use_.weight);
            }
        }
        let mut best = (NO_REG, 0.0);
        for (reg, score) in scores {
            if reg != NO_REG && free >> reg & 1 != 0 && score > best.1 {
                best = (reg, score);
            }
        }
        best.0
    }

    /// Puts the bundle into a register that is free all over it.
    fn place(&mut self, bundles: &mut Bundles, bundle: Bundle, reg: u8) {
        let class = bundles.set(bundle).class.index();
        for range in bundles.ranges(bundle) {
            self.registers[class].take(range.from, range.to, reg, bundle);
        }
        self.used[class] |= 1 << reg;
        let BundleData { set, reg: place, .. } = &mut bundles.bundles[bundle];
        *place = reg;
        bundles.sets[*set].hint = reg;
    }

    /// Tries to put the bundle into register `reg`, which may be taken by bundles that weigh less than `max_weight`.
    pub(crate) fn try_to_allocate_bundle_to_reg(
        &mut self,
        bundles: &mut Bundles,
        bundle: Bundle,
        reg: u8,
        max_weight: f32,
    ) -> AllocRegResult {
        let class = bundles.set(bundle).class.index();
        self.conflicts.clear();
        self.tries += 1;
        if self.met_in.len() < bundles.bundles.len() {
            let missing = bundles.bundles.len() - self.met_in.len();
            (0..missing).for_each(|_| {
                self.met_in.push(0);
            });
        }
        let registers = &self.registers[class];
        let mut heaviest = None;
        let mut is_taken = false;
        for range in bundles.ranges(bundle) {
            if registers.taken(range.from, range.to) >> reg & 1 == 0 {
                continue;
            }
            if registers.claimed(range.from, range.to) >> reg & 1 != 0 {
                return AllocRegResult::ConflictWithFixed;
            }
            is_taken = true;
            for owner in registers.owners(range.from, range.to, reg) {
                let weight = bundles.bundles[owner].weight;
                if weight >= max_weight {
                    return AllocRegResult::ConflictHighCost;
                }
                if self.met_in[owner] != self.tries {
                    self.met_in[owner] = self.tries;
                    self.conflicts.push(owner);
                    heaviest = Some(weight.max(heaviest.unwrap_or(weight)));
                }
            }
        }
        match heaviest {
            Some(weight) => AllocRegResult::Conflict(weight),
            None if is_taken => AllocRegResult::ConflictWithFixed,
            None => {
                self.place(bundles, bundle, reg);
                AllocRegResult::Allocated
            }
        }
    }

    /// Puts a bundle that covers one instruction into a register by placing all of that kind there anew; see
    /// [`super::crowd`].
    #[cold]
    fn make_room(&mut self, on: Input<'_>, bundles: &mut Bundles, bundle: Bundle) -> bool {
        let class = bundles.set(bundle).class.index();
        let early = on.points.cut_at_or_before(bundles.ranges(bundle)[0].from);
        let next = early.plus(2);
        let usable = on.machine.allocatable[class] & !on.machine.stack[class];
        let mut here = alloc::vec![bundle];
        for reg in RegTraversalIter::new(usable, NO_REG, 0) {
            here.extend(self.registers[class].owners(early, next, reg));
        }
        // One with several live ranges has been listed several times.
        here[1..].sort_unstable();
        here.dedup();
        for &owner in &here[1..] {
            self.remove(bundles, owner);
        }
        here.retain(|&owner| {
            let BundleData { minimal, needs_register, length, .. } = bundles.bundles[owner];
            if !(minimal && needs_register) {
                self.queue.push((length, Reverse(owner)));
            }
            minimal && needs_register
        });
        let seats: Vec<Seat> = here
            .iter()
            .map(|&bundle| {
                let range = bundles.ranges(bundle)[0];
                let at = [range.from == early, range.to == next];
                Seat { at, limit: usable & bundles.bundles[bundle].limit }
            })
            .collect();
        let taken = [early, early.plus(1)].map(|point| self.registers[class].taken(point, point.plus(1)));
        let Some(found) = crowd::find_registers(&seats, taken) else { return false };
        for (&bundle, reg) in here.iter().zip(found) {
            self.place(bundles, bundle, reg);
        }
        true
    }

    fn split(&mut self, on: Input<'_>, bundles: &mut Bundles, bundle: Bundle, split: Split) {
        self.splits += 1;
        bundles.sets[bundles.bundles[bundle].set].is_split = true;
        let (start, end) = bundles.stretch(bundle);
        debug_assert!(split.keep_until > start || split.resume_at > start, "a split must split");
        debug_assert!(split.keep_until < end, "something must be split off");
        let (mut kept, mut rest) = (Some(bundle), None);
        if split.keep_until <= start {
            kept = None;
            rest = Some(bundle);
        } else if split.keep_until < end {
            rest = Some(bundles.cut(bundle, split.keep_until, on.live));
        }
        if let Some(between) = rest
            && split.resume_at > split.keep_until
        {
            rest = (split.resume_at < end).then(|| bundles.cut(between, split.resume_at, on.live));
            self.spilled_bundles.push(between);
        }
        for part in kept.into_iter().chain(rest) {
            self.enqueue(on, bundles, part);
        }
    }
}
