//! The frame: what occupies slots, and for how long.
//!
//! A spill set needs a slot while any of its values that are read from memory is live. The live ranges of these are the stretches that the set occupies;
//! they never overlap within a set.

use super::bundles::SpillSet;
use super::places::Input;
use super::ranges::Span;
use crate::code::Value;
use crate::ir::RegClass;
use crate::ir::entity::TypedVec;
use crate::slots::Stretch;
use alloc::vec::Vec;

/// A spill set that needs a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenant {
    pub(crate) class: RegClass,
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
}

impl Tenants {
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
    pub(crate) fn run(&mut self, on: Input<'_>, in_memory: &TypedVec<Value, bool>) {
        self.tenants.clear();
        self.stretches.clear();
        self.found.clear();
        self.tenant_of.reset(on.bundles.sets.len(), u32::MAX);
        for (value, &needed) in in_memory.iter() {
            if needed {
                let set = on.bundles.set_of[value];
                for &Span { from, to } in on.live.spans(value) {
                    self.found.push((set, Stretch { from: from.0, to: to.0 - 1 }));
                }
            }
        }
        for &(op, value) in &on.live.stack_operands {
            if on.code.ops[op].is_def() {
                // The slot is written by the instruction itself, before the live range begins.
                let def = on.code.values[value];
                let position = on.flow.start(def.block) + def.inst.0 - on.flow.graph.first(def.block).0;
                let (early, late) = (2 * position, 2 * position + 1);
                let from = if on.code.ops[op].is_late() { late } else { early };
                self.found.push((on.bundles.set_of[value], Stretch { from, to: late }));
            }
        }
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
            self.tenants.push(Tenant { class, start: start as u32, end: self.stretches.len() as u32 });
        }
    }
}
