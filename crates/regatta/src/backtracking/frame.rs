//! The frame: what occupies slots, and for how long.
//!
//! A value needs its slot from its store to the last time that it is read from memory, on every path: liveness, in the
//! small, of the value's copy in memory. It is found by walking from each read backwards to the store. What the values
//! of a spill set occupy together is what the set occupies. This is much less than the live ranges of the values, and
//! slots are shared accordingly.
//!
//! Transfers happen between points: in front of the point that their group is named by. What they read need not live at
//! that point, and what they write begins to live there.
//!
//! Cost: linear in the blocks through which values live in memory.

use super::bundles::SpillSet;
use super::memory::{Memory, Read};
use super::places::{Input, Places, Target};
use super::points::{Point, Points};
use crate::code::Value;
use crate::ir::entity::TypedVec;
use crate::ir::{Block, RegClass};
use crate::slots::Stretch;
use alloc::vec::Vec;

/// A spill set that needs a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenant {
    pub(crate) class: RegClass,
    /// May it share with another class? Not if it is moved at the same time as one of these.
    pub(crate) shares: bool,
    start: u32,
    end: u32,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct Tenants {
    pub(crate) tenants: Vec<Tenant>,
    tenant_of: TypedVec<SpillSet, u32>,
    stretches: Vec<Stretch>,
    found: Vec<(SpillSet, Stretch)>,
    /// Those of the value at hand.
    here: Vec<Stretch>,
    /// Where each value is in its slot, if that was asked for.
    pub(crate) of_values: Vec<(Value, Stretch)>,
    /// The last value that was found live in memory at the block's entry, and at its exit.
    visited: TypedVec<Block, (Value, Value)>,
    work: Vec<Block>,
}

impl Tenants {
    #[cfg(test)]
    pub(crate) fn of(list: &[(RegClass, Vec<Stretch>)]) -> Self {
        let mut tenants = Self::default();
        for (class, stretches) in list {
            let start = tenants.stretches.len() as u32;
            tenants.stretches.extend_from_slice(stretches);
            let end = tenants.stretches.len() as u32;
            tenants.tenants.push(Tenant { class: *class, shares: true, start, end });
        }
        tenants
    }

    /// The number of a spill set that needs a slot.
    #[inline]
    pub(crate) fn number(&self, set: SpillSet) -> usize {
        self.tenant_of[set] as usize
    }

    /// What a tenant occupies, in points: sorted and disjoint.
    #[inline]
    pub(crate) fn stretches(&self, number: usize) -> &[Stretch] {
        let Tenant { start, end, .. } = self.tenants[number];
        &self.stretches[start as usize..end as usize]
    }

    /// Lists the spill sets of the values that are read from memory.
    pub(crate) fn run(
        &mut self,
        on: Input<'_>,
        places: &Places,
        memory: &Memory,
        in_memory: &TypedVec<Value, bool>,
        note_values: bool,
    ) {
        self.found.clear();
        self.of_values.clear();
        self.visited.reset(on.flow.graph.num_blocks(), (Value::invalid(), Value::invalid()));
        for operand in &places.slot_operands {
            let set = on.bundles.set_of[operand.value];
            self.found.push((set, Stretch { from: operand.from.0, to: operand.to.prev().0 }));
        }
        for list in memory.reads.chunk_by(|a, b| a.value == b.value) {
            self.value(on, memory, list);
            // A value may live in many blocks, most of which follow one another.
            self.here.sort_unstable_by_key(|stretch| stretch.from);
            let (value, before) = (list[0].value, self.found.len());
            let set = on.bundles.set_of[value];
            for next in self.here.drain(..) {
                match self.found[before..].last_mut() {
                    Some((_, last)) if next.from <= last.to + 1 => last.to = last.to.max(next.to),
                    _ => self.found.push((set, next)),
                }
            }
            if note_values {
                self.of_values.extend(self.found[before..].iter().map(|&(_, stretch)| (value, stretch)));
            }
        }
        self.add_writes(on, places, in_memory);
        self.collect(on);
        self.find_mixed_moves(on, places);
    }

    /// A slot is occupied where it is written, even if what is written there is read on other paths alone, or in code that
    /// cannot be reached.
    fn add_writes(&mut self, on: Input<'_>, places: &Places, in_memory: &TypedVec<Value, bool>) {
        for transfer in &places.transfers {
            let Target::Slot(value) = transfer.to else { continue };
            if !in_memory[value] {
                continue;
            }
            let point = Point(transfer.key >> 1);
            // What an edge writes in front of a branch must survive the branch.
            let (from, to) = if transfer.key & 1 == 0 { (point, point) } else { (point.plus(1), point.plus(2)) };
            self.found.push((on.bundles.set_of[value], Stretch { from: from.0, to: to.0 }));
        }
    }

    /// Finds the tenants that are moved at the same time as one of another class is moved the other way.
    fn find_mixed_moves(&mut self, on: Input<'_>, places: &Places) {
        for group in places.transfers.chunk_by(|a, b| a.key == b.key) {
            let (mut read, mut written) = (0, 0);
            for transfer in group {
                let class = 1u8 << on.code.values[transfer.value].class.index();
                read |= if transfer.from.is_none() { class } else { 0 };
                written |= if matches!(transfer.to, Target::Slot(_)) { class } else { 0 };
            }
            if read == 0 || written == 0 || read == written && read.is_power_of_two() {
                continue;
            }
            for transfer in group {
                let from = transfer.from.is_none().then_some(transfer.value);
                let to = if let Target::Slot(value) = transfer.to { Some(value) } else { None };
                for value in from.into_iter().chain(to) {
                    let number = self.tenant_of[on.bundles.set_of[value]];
                    if let Some(tenant) = self.tenants.get_mut(number as usize) {
                        tenant.shares = false;
                    }
                }
            }
        }
    }

    /// Where a value is in memory, given its reads.
    fn value(&mut self, on: Input<'_>, memory: &Memory, reads: &[Read]) {
        let value = reads[0].value;
        let (def, stored) = memory.stored[value];
        let graph = &on.flow.graph;
        self.work.clear();
        for &Read { last, .. } in reads {
            let ordinal = on.points.ordinal_at(last);
            let block = on.points.block(ordinal);
            // (Code that cannot be reached may read in front of the store.)
            let from = if block == def { stored.min(last) } else { on.points.entry_of(ordinal) };
            self.add(from, last);
            if block != def && core::mem::replace(&mut self.visited[block].0, value) != value {
                self.work.extend(graph.preds(block));
            }
        }
        while let Some(block) = self.work.pop() {
            if core::mem::replace(&mut self.visited[block].1, value) == value {
                continue;
            }
            let from = if block == def { stored } else { Points::entry(on.flow, block) };
            self.add(from, Points::exit(on.flow, block));
            if block != def && core::mem::replace(&mut self.visited[block].0, value) != value {
                self.work.extend(graph.preds(block));
            }
        }
    }

    fn add(&mut self, from: Point, last: Point) {
        if from <= last {
            self.here.push(Stretch { from: from.0, to: last.0 });
        }
    }

    /// Sorts and joins what has been found.
    fn collect(&mut self, on: Input<'_>) {
        self.tenants.clear();
        self.stretches.clear();
        self.tenant_of.reset(on.bundles.sets.len(), u32::MAX);
        self.found.sort_unstable_by_key(|(set, stretch)| (*set, stretch.from, stretch.to));
        for list in self.found.chunk_by(|a, b| a.0 == b.0) {
            let start = self.stretches.len();
            for &(_, next) in list {
                match self.stretches[start..].last_mut() {
                    Some(last) if next.from <= last.to + 1 => last.to = last.to.max(next.to),
                    _ => self.stretches.push(next),
                }
            }
            let set = list[0].0;
            self.tenant_of[set] = self.tenants.len() as u32;
            let class = on.bundles.sets[set].class;
            let end = self.stretches.len() as u32;
            self.tenants.push(Tenant { class, shares: true, start: start as u32, end });
        }
    }
}
