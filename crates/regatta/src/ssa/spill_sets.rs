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
use core::ops::Range;

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

/// A parameter and an argument in memory.
#[derive(Clone, Copy, Debug)]
struct Pair {
    param: Value,
    arg: Value,
    /// How often the argument is passed, over all edges.
    heat: f32,
}

/// The arguments of one edge, as a range of [`Stores::memory_args`], and where its moves are.
#[derive(Clone, Copy, Debug)]
struct EdgeArgs {
    pos: u32,
    first: u32,
    end: u32,
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
    /// The edges with arguments, by position.
    edges: Vec<EdgeArgs>,
    /// Where each set's part of `args` ends.
    args_end: TypedVec<SpillSet, u32>,
    /// The arguments of each parameter in turn: the position of the edge, and which it is.
    args: Vec<(u32, u32)>,
    by_heat: Vec<Pair>,
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
        let (stretches, _) = self.life(value);
        let next = stretches.partition_point(|stretch| stretch.to < pos);
        stretches.get(next).is_some_and(|stretch| stretch.from <= pos)
    }

    /// The stretches of positions at which a value's slot is its own, and whether the value is in it at all of these, from the first store on.
    pub(crate) fn life(&self, value: Value) -> (&[Stretch], bool) {
        self.lives.of(self.set_of[value].index())
    }

    /// Merges the sets of parameters in memory with those of their arguments, where they can share.
    fn share(&mut self, on: &Input<'_>, stores: &Stores) {
        let args = &stores.memory_args;
        self.list_edges(on, args);
        self.list_args(args);
        self.by_heat.clear();
        let mut first = 0;
        for set in self.sets.keys() {
            let end = self.args_end[set] as usize;
            if first < end {
                self.add_points(set, first..end);
                self.list_pairs(on, first..end, args);
                first = end;
            }
        }
        // Frequencies are not negative, so their bits order as they do.
        self.by_heat.sort_unstable_by_key(|pair| (!pair.heat.to_bits(), pair.param, pair.arg));
        let pairs = core::mem::take(&mut self.by_heat);
        for &pair in &pairs {
            let (a, b) = (self.set_of(pair.param), self.set_of(pair.arg));
            if a != b {
                self.merge(a, b, pair, args);
            }
        }
        self.by_heat = pairs;
    }

    /// Lists the edges, by position.
    fn list_edges(&mut self, on: &Input<'_>, args: &[MemoryArg]) {
        self.edges.clear();
        let mut first = 0;
        for same in args.chunk_by(|a, b| a.edge == b.edge) {
            let end = first + same.len() as u32;
            self.edges.push(EdgeArgs { pos: on.flow.edge_position(same[0].edge), first, end });
            first = end;
        }
        self.edges.sort_unstable_by_key(|edge| edge.pos);
    }

    /// Lists the arguments by parameter: how many each has, and from the end to the start, in what place each belongs.
    fn list_args(&mut self, args: &[MemoryArg]) {
        self.args_end.reset(self.sets.len(), 0);
        for arg in args {
            self.args_end[self.set_of[arg.param]] += 1;
        }
        let mut end = 0;
        for set in self.sets.keys() {
            end += self.args_end[set];
            self.args_end[set] = end - self.args_end[set];
        }
        self.args.clear();
        self.args.resize(args.len(), (0, 0));
        for edge in &self.edges {
            for at in edge.first..edge.end {
                let next = &mut self.args_end[self.set_of[args[at as usize].param]];
                self.args[*next as usize] = (edge.pos, at);
                *next += 1;
            }
        }
    }

    /// Adds the positions of a parameter's arguments to its set.
    fn add_points(&mut self, set: SpillSet, args: Range<usize>) {
        let points = self.args[args].iter().map(|&(pos, _)| Stretch { from: pos, to: pos });
        let data = self.sets[set];
        let stretches = self.stretches[data.start as usize..data.end as usize].iter().copied();
        self.merged.clear();
        self.merged.extend(in_order(points, stretches));
        self.replace(set);
    }

    /// Lists a parameter's arguments in memory, each of them once.
    fn list_pairs(&mut self, on: &Input<'_>, range: Range<usize>, args: &[MemoryArg]) {
        let of_param = &mut self.args[range];
        of_param.sort_unstable_by_key(|&(_, at)| (args[at as usize].arg, at));
        for same in of_param.chunk_by(|a, b| args[a.1 as usize].arg == args[b.1 as usize].arg) {
            let passed = || same.iter().map(|&(_, at)| args[at as usize]).filter(|arg| arg.in_memory);
            if let Some(MemoryArg { param, arg, .. }) = passed().next() {
                let heat = passed().map(|arg| on.flow.edge_frequency(arg.edge)).sum();
                self.by_heat.push(Pair { param, arg, heat });
            }
        }
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
        let mut merged = core::mem::take(&mut self.merged);
        merged.clear();
        let mut end = 0;
        let of = |data: SetData| self.stretches[data.start as usize..data.end as usize].iter().copied();
        let can_share = in_order(of(first), of(second)).all(|stretch| {
            let overlap = (stretch.from, stretch.to.min(end));
            let harmless = overlap.0 == overlap.1 && self.is_passed_on(a, b, pair, overlap.0, args);
            end = end.max(stretch.to);
            merged.push(stretch);
            overlap.0 > overlap.1 || harmless
        });
        self.merged = merged;
        if !can_share {
            return;
        }
        self.parent[b] = a;
        self.replace(a);
    }

    /// Is an argument of one set passed to a parameter of the other at position `pos`? `pair` may well be such.
    fn is_passed_on(&self, a: SpillSet, b: SpillSet, pair: Pair, pos: u32, args: &[MemoryArg]) -> bool {
        let Ok(found) = self.edges.binary_search_by_key(&pos, |edge| edge.pos) else { return false };
        // In the order of the parameters.
        let here = &args[self.edges[found].first as usize..self.edges[found].end as usize];
        let passes = |param, arg| {
            let found = here.binary_search_by_key(&param, |passed| passed.param);
            found.is_ok_and(|found| here[found].in_memory && here[found].arg == arg)
        };
        passes(pair.param, pair.arg)
            || passes(pair.arg, pair.param)
            || here.iter().take(MAX_ARGS).filter(|passed| passed.in_memory).any(|passed| {
                let sets = (self.set_of(passed.param), self.set_of(passed.arg));
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

/// Two sorted lists as one.
fn in_order(
    mut a: impl Iterator<Item = Stretch>,
    mut b: impl Iterator<Item = Stretch>,
) -> impl Iterator<Item = Stretch> {
    let (mut next_a, mut next_b) = (a.next(), b.next());
    core::iter::from_fn(move || match (next_a, next_b) {
        (Some(one), Some(two)) if (two.from, two.to) < (one.from, one.to) => core::mem::replace(&mut next_b, b.next()),
        (Some(_), _) => core::mem::replace(&mut next_a, a.next()),
        (None, _) => core::mem::replace(&mut next_b, b.next()),
    })
}
