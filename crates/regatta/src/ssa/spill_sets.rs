//! Spill sets: values that share a slot because one becomes the other.
//!
//! A parameter that lives in memory takes its value from its arguments. Where an argument is in memory too, copying it from its slot to
//! the parameter's costs a load and a store on the edge; if both are the same slot, it costs nothing. That is possible if they are
//! never both needed: then parameter and argument are put into one *spill set*, which gets one slot. Hot edges come first.
//!
//! What a set occupies is a sorted list of stretches of positions, at first the life in memory of a single value (see [`super::lives`]).
//! A parameter's slot is also written on each edge into its block, so these positions belong to its set as
//! well; an argument may only share the slot if these positions, on the edges that pass it, are all that both occupy. (So are those on which
//! the parameter, in its turn, becomes the argument: what goes round a loop by way of a join comes back.) An argument that
//! comes over many edges is weighed by all of them. Sets of many stretches are put together only as long as that does not take
//! [`STEPS`] for each instruction and block of the function, and one of more than [`MAX_STRETCHES`] is rounded up to a single stretch. So the
//! pass is linear in the spilled values, the arguments, and the function, but for sorting.

use super::forward::{EVERYWHERE, Forward, Input, Memory};
use super::lives::{Life, Lives};
use super::stores::{MemoryArg, Stores};
use crate::code::Value;
use crate::ir::RegClass;
use crate::ir::entity::{TypedVec, entity};
use crate::slots::Stretch;
use alloc::vec::Vec;

entity! {
    /// Values that share a slot.
    pub(crate) struct SpillSet, "set"
}

/// A set of more stretches is rounded up. An interpreter's dispatch has some hundred ways in, each of them a stretch of a parameter in memory.
const MAX_STRETCHES: usize = 4096;

/// Sets of so many stretches are put together in any case.
const FEW_STRETCHES: usize = 256;

/// How many stretches are looked at, for each instruction and block, to put larger sets together.
const STEPS: usize = 16;

/// So many arguments of one edge are looked at for those that two sets pass each other there, so that many parameters do not make
/// many times as much work.
const MAX_ARGS: usize = 256;

/// A spill set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetData {
    pub(crate) class: RegClass,
    start: u32,
    end: u32,
}

/// A parameter and an argument in memory, on one edge.
#[derive(Clone, Copy, Debug)]
struct Pair {
    param: Value,
    arg: Value,
    at: u32,
    /// How often the argument is passed, over all edges.
    heat: f32,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct SpillSets {
    set_of: TypedVec<Value, SpillSet>,
    sets: TypedVec<SpillSet, SetData>,
    /// The sets that have not become part of another.
    pub(crate) whole: Vec<SpillSet>,
    tenant: TypedVec<SpillSet, u32>,
    parent: TypedVec<SpillSet, SpillSet>,
    /// What is known of each spilled value's life in memory before it is looked at closely.
    roughly: Vec<Life>,
    /// The lives in memory of the spilled values, by the number of the set that each began with.
    lives: Lives,
    stretches: Vec<Stretch>,
    merged: Vec<Stretch>,
    by_heat: Vec<Pair>,
    /// The arguments in memory, each with the position of its edge, sorted.
    by_position: Vec<(u32, u32)>,
    points: Vec<(SpillSet, u32)>,
    /// How many stretches may still be looked at for large sets.
    steps: usize,
}

impl SpillSets {
    /// The set of a spilled value.
    #[inline]
    pub(crate) fn set_of(&self, value: Value) -> SpillSet {
        let mut set = self.set_of[value];
        while self.parent[set] != set {
            set = self.parent[set];
        }
        set
    }

    /// The number of a spilled value's set in `whole`.
    #[inline]
    pub(crate) fn tenant_of(&self, value: Value) -> usize {
        self.tenant[self.set_of(value)] as usize
    }

    /// The class of a set's values.
    pub(crate) fn class(&self, set: SpillSet) -> RegClass {
        self.sets[set].class
    }

    /// What a set occupies, sorted and disjoint.
    pub(crate) fn stretches(&self, set: SpillSet) -> &[Stretch] {
        let data = self.sets[set];
        &self.stretches[data.start as usize..data.end as usize]
    }

    /// Forms the sets.
    pub(crate) fn run(&mut self, on: &Input<'_>, forward: &Forward, stores: &Stores) {
        self.singletons(on, forward, stores);
        self.steps = STEPS * (on.code.insts.len() + on.flow.graph.num_blocks());
        if !stores.memory_args.is_empty() {
            self.share(on, stores);
        }
        self.whole.clear();
        self.tenant.reset(self.sets.len(), 0);
        for set in self.sets.keys().filter(|&set| self.parent[set] == set) {
            self.tenant[set] = self.whole.len() as u32;
            self.whole.push(set);
        }
    }

    /// Puts each spilled value into a set of its own.
    fn singletons(&mut self, on: &Input<'_>, forward: &Forward, stores: &Stores) {
        // (It is asked of spilled values alone.)
        self.set_of.set_len(on.code.values.len(), SpillSet::invalid());
        self.sets.clear();
        self.parent.clear();
        self.stretches.clear();
        if forward.spilled.is_empty() {
            return;
        }
        self.roughly.clear();
        self.roughly.extend(forward.spilled.iter().map(|&value| {
            let (start, end) = (stores.starts[value], forward.spills[value].end);
            let is_everywhere = end == EVERYWHERE;
            let hull = Stretch { from: if is_everywhere { 0 } else { start.first }, to: end.max(start.first) };
            Life { block: start.block, from: start.pos, hull, is_rough: is_everywhere || !on.careful }
        }));
        self.lives.run(on.flow, on.code.insts.len(), &self.roughly, |number| {
            let value = forward.spilled[number];
            let start = stores.starts[value];
            let written = (forward.spills[value].memory == Memory::Born).then_some((start.block, start.pos));
            forward.reads_of(value).chain(written)
        });
        self.stretches.extend_from_slice(&self.lives.stretches);
        for (&value, &(start, end)) in forward.spilled.iter().zip(&self.lives.of) {
            let class = on.code.values[value].class;
            self.set_of[value] = self.sets.push(SetData { class, start, end });
            self.parent.push(self.set_of[value]);
        }
    }

    /// Is the slot of a value its own at position `pos`?
    pub(crate) fn is_needed_at(&self, value: Value, pos: u32) -> bool {
        let (start, end) = self.lives.of[self.set_of[value].index()];
        let stretches = &self.lives.stretches[start as usize..end as usize];
        let next = stretches.partition_point(|stretch| stretch.to < pos);
        stretches.get(next).is_some_and(|stretch| stretch.from <= pos)
    }

    /// Merges the sets of parameters in memory with those of their arguments, where they can share.
    fn share(&mut self, on: &Input<'_>, stores: &Stores) {
        let args = &stores.memory_args;
        self.points.clear();
        for arg in args {
            self.points.push((self.set_of[arg.param], on.flow.edge_position(arg.edge)));
        }
        self.add_points();
        self.by_heat.clear();
        self.by_heat.extend(args.iter().zip(0..).filter(|(arg, _)| arg.in_memory).map(|(arg, at)| Pair {
            param: arg.param,
            arg: arg.arg,
            at,
            heat: 0.0,
        }));
        self.by_heat.sort_unstable_by_key(|pair| (pair.param, pair.arg, pair.at));
        for pairs in self.by_heat.chunk_by_mut(|a, b| (a.param, a.arg) == (b.param, b.arg)) {
            let heat = pairs.iter().map(|pair| on.flow.edge_frequency(args[pair.at as usize].edge)).sum();
            pairs.iter_mut().for_each(|pair| pair.heat = heat);
        }
        // Frequencies are not negative, so their bits order as they do.
        self.by_heat.sort_unstable_by_key(|pair| (!pair.heat.to_bits(), pair.param, pair.arg, pair.at));
        let pairs = core::mem::take(&mut self.by_heat);
        self.by_position.clear();
        self.by_position.extend(pairs.iter().map(|pair| (on.flow.edge_position(args[pair.at as usize].edge), pair.at)));
        self.by_position.sort_unstable();
        for same in pairs.chunk_by(|a, b| (a.param, a.arg) == (b.param, b.arg)) {
            let (a, b) = (self.set_of(same[0].param), self.set_of(same[0].arg));
            if a != b {
                self.merge(a, b, same[0], args);
            }
        }
        self.by_heat = pairs;
    }

    /// Adds the single positions in `points` to their sets.
    fn add_points(&mut self) {
        self.points.sort_unstable();
        self.points.dedup();
        let mut at = 0;
        while at < self.points.len() {
            let set = self.points[at].0;
            let end = at + self.points[at..].iter().take_while(|p| p.0 == set).count();
            self.merged.clear();
            self.merged.extend(self.points[at..end].iter().map(|p| Stretch { from: p.1, to: p.1 }));
            let data = self.sets[set];
            self.merged.extend_from_slice(&self.stretches[data.start as usize..data.end as usize]);
            self.merged.sort_unstable_by_key(|s| (s.from, s.to));
            self.replace(set);
            at = end;
        }
        self.points.clear();
    }

    /// Merges the set of an argument into that of its parameter, if they are never needed at once but on edges where a value of one
    /// becomes one of the other.
    fn merge(&mut self, a: SpillSet, b: SpillSet, pair: Pair, args: &[MemoryArg]) {
        let (first, second) = (self.sets[a], self.sets[b]);
        let total = (first.end - first.start + second.end - second.start) as usize;
        if total > MAX_STRETCHES || first.class != second.class {
            return;
        }
        if total > FEW_STRETCHES {
            let Some(left) = self.steps.checked_sub(total) else { return };
            self.steps = left;
        }
        self.merged.clear();
        self.merged.extend_from_slice(&self.stretches[first.start as usize..first.end as usize]);
        self.merged.extend_from_slice(&self.stretches[second.start as usize..second.end as usize]);
        self.merged.sort_unstable_by_key(|s| (s.from, s.to));
        let mut end = 0;
        for stretch in &self.merged {
            let overlap = (stretch.from, stretch.to.min(end));
            let harmless = overlap.0 == overlap.1 && self.is_passed_on(a, b, pair, overlap.0, args);
            if overlap.0 <= overlap.1 && !harmless {
                return;
            }
            end = end.max(stretch.to);
        }
        self.parent[b] = a;
        self.replace(a);
    }

    /// Is an argument of one set passed to a parameter of the other at position `pos`? `pair` may well be such.
    fn is_passed_on(&self, a: SpillSet, b: SpillSet, pair: Pair, pos: u32, args: &[MemoryArg]) -> bool {
        let first = self.by_position.partition_point(|at| at.0 < pos);
        let end = self.by_position.partition_point(|at| at.0 <= pos);
        // All of one edge, so in the order of the parameters.
        let here = &self.by_position[first..end];
        let passes = |param, arg| {
            let found = here.binary_search_by_key(&param, |at| args[at.1 as usize].param);
            found.is_ok_and(|found| args[here[found].1 as usize].arg == arg)
        };
        passes(pair.param, pair.arg)
            || passes(pair.arg, pair.param)
            || here.iter().take(MAX_ARGS).any(|at| {
                let MemoryArg { param, arg, .. } = args[at.1 as usize];
                let sets = (self.set_of(param), self.set_of(arg));
                sets == (a, b) || sets == (b, a)
            })
    }

    /// Makes the sorted list `merged` that of `set`, joining what touches.
    fn replace(&mut self, set: SpillSet) {
        let start = self.stretches.len();
        for &next in &self.merged {
            match self.stretches[start..].last_mut() {
                Some(last) if next.from <= last.to + 1 => last.to = last.to.max(next.to),
                _ => self.stretches.push(next),
            }
        }
        if self.stretches.len() - start > MAX_STRETCHES {
            let (from, to) = (self.stretches[start].from, self.stretches[self.stretches.len() - 1].to);
            self.stretches.truncate(start);
            self.stretches.push(Stretch { from, to });
        }
        let data = &mut self.sets[set];
        (data.start, data.end) = (start as u32, self.stretches.len() as u32);
    }
}
