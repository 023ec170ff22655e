//! Spill sets: values that share a slot because one becomes the other.
//!
//! A parameter that lives in memory takes its value from its arguments. Where an argument is in memory too, copying it from its slot to
//! the parameter's costs a load and a store on the edge; if both are the same slot, it costs nothing. That is possible if they are
//! never both needed: then parameter and argument are put into one *spill set*, which gets one slot. Hot edges come first.
//!
//! What a set occupies is a sorted list of stretches of positions. The stretch of a value goes from its store, or the block where it is
//! born, to its last reload. Where an argument must be stored on its edge into the parameter's slot, the edge's position belongs to the
//! set as well. Lists are kept short: a set with more than [`MAX_STRETCHES`] takes no more members, and one that must have more is
//! rounded up to a single stretch. So the pass is linear in the spilled values and the arguments, but for one sort.

use super::code::Value;
use super::forward::{Forward, Input};
use super::stores::Stores;
use crate::ir::RegClass;
use crate::ir::entity::{TypedVec, entity};
use crate::slots::Stretch;
use alloc::vec::Vec;

entity! {
    /// Values that share a slot.
    pub(crate) struct SpillSet, "set"
}

const MAX_STRETCHES: usize = 32;

/// A spill set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetData {
    pub(crate) class: RegClass,
    start: u32,
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
    stretches: Vec<Stretch>,
    merged: Vec<Stretch>,
    by_heat: Vec<u32>,
    points: Vec<(SpillSet, u32)>,
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
        self.set_of.reset(on.code.values.len(), SpillSet::invalid());
        self.sets.clear();
        self.parent.clear();
        self.stretches.clear();
        for &value in &forward.spilled {
            let at = self.stretches.len() as u32;
            let from = stores.start[value];
            self.stretches.push(Stretch { from, to: forward.spills[value].end.max(from) });
            let class = on.code.values[value].class;
            self.set_of[value] = self.sets.push(SetData { class, start: at, end: at + 1 });
            self.parent.push(self.set_of[value]);
        }
    }

    /// Merges the sets of parameters in memory with those of their arguments, where they can share.
    fn share(&mut self, on: &Input<'_>, stores: &Stores) {
        let args = &stores.memory_args;
        self.points.clear();
        for arg in args.iter().filter(|arg| !arg.in_memory) {
            self.points.push((self.set_of[arg.param], on.flow.edge_position(arg.edge)));
        }
        self.add_points();
        self.by_heat.clear();
        self.by_heat.extend(0..args.len() as u32);
        // A stable sort by an exact key: frequencies are not negative, so their bits order as they do.
        self.by_heat.sort_by_key(|&k| !on.flow.edge_frequency(args[k as usize].edge).to_bits());
        for index in 0..self.by_heat.len() {
            let arg = args[self.by_heat[index] as usize];
            if !arg.in_memory {
                continue;
            }
            let pos = on.flow.edge_position(arg.edge);
            let (a, b) = (self.set_of(arg.param), self.set_of(arg.arg));
            if a != b && !self.merge(a, b) {
                self.points.push((a, pos));
                self.add_points();
            }
        }
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

    /// Merges `b` into `a`, if they are never needed at once.
    fn merge(&mut self, a: SpillSet, b: SpillSet) -> bool {
        let (first, second) = (self.sets[a], self.sets[b]);
        let total = (first.end - first.start + second.end - second.start) as usize;
        if total > MAX_STRETCHES || first.class != second.class {
            return false;
        }
        self.merged.clear();
        self.merged.extend_from_slice(&self.stretches[first.start as usize..first.end as usize]);
        self.merged.extend_from_slice(&self.stretches[second.start as usize..second.end as usize]);
        self.merged.sort_unstable_by_key(|s| (s.from, s.to));
        if self.merged.windows(2).any(|pair| pair[0].to >= pair[1].from) {
            return false;
        }
        self.parent[b] = a;
        self.replace(a);
        true
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
