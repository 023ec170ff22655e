//! Where values are at the start of each block, for debug locations: in the registers that the forward pass recorded,
//! and in the slots of those values whose store, or whose stores together, dominate the block and whose life in memory it lies in.

use super::edits::{Decisions, Edits};
use super::forward::{Input, Memory};
use super::stores::StorePlace;
use crate::code::Value;
use crate::debug::Residence;
use crate::ir::{Block, PReg};
use crate::output::Allocation;
use crate::slots::Slots;
use alloc::vec::Vec;

/// The answers, made for one function.
pub(crate) struct Residents<'a> {
    on: &'a Input<'a>,
    by: &'a Decisions<'a>,
    slots: &'a Slots,
    edits: &'a Edits,
    /// Blocks from which on a value is in its slot; with `true`, from their very start.
    stored: Vec<(Value, Block, bool)>,
}

impl<'a> Residents<'a> {
    pub(crate) fn new(on: &'a Input<'a>, by: &'a Decisions<'a>, slots: &'a Slots, edits: &'a Edits) -> Self {
        let mut stored: Vec<(Value, Block, bool)> = Vec::new();
        for store in &by.stores.stores {
            stored.push(match store.place {
                StorePlace::FromBranch(block) => (store.value, block, true),
                StorePlace::After(inst) | StorePlace::Before(inst) | StorePlace::BeforeBranch(inst) => {
                    let is_first = on.flow.graph.first(store.block) == inst && store.place == StorePlace::Before(inst);
                    (store.value, store.block, is_first)
                }
            });
        }
        for &value in &by.forward.spilled {
            if by.forward.spills[value].memory == Memory::Born {
                let def = on.code.values[value];
                stored.push((value, def.block, def.is_param));
            }
        }
        stored.sort_unstable();
        // What a branch defines is stored behind it, once or on all ways. If on all, every block behind the branch is behind a store, though
        // none of these need dominate it.
        let of_branches = |stores: &&[(Value, Block, bool)]| stores.len() > 1 && on.code.values[stores[0].0].on_branch;
        let everywhere = stored.chunk_by(|a, b| a.0 == b.0).filter(of_branches).map(|stores| stores[0].0);
        let everywhere: Vec<Value> = everywhere.collect();
        if !everywhere.is_empty() {
            stored.extend(everywhere.into_iter().map(|value| (value, on.code.values[value].block, false)));
            stored.sort_unstable();
        }
        Self { on, by, slots, edits, stored }
    }
}

impl Residence for Residents<'_> {
    fn at_start(&self, block: Block, _: impl Iterator<Item = Value>, put: &mut impl FnMut(Value, PReg)) {
        let there = self.by.forward.at_entry(block).iter();
        let kept = there.filter(|at| self.edits.is_kept_at_start(self.on, block, at.reg));
        kept.for_each(|at| put(at.value, at.reg));
    }

    fn is_in_slot_at_start(&self, block: Block, value: Value) -> bool {
        let Self { on, by, .. } = self;
        if by.forward.spills[value].memory == Memory::Never || !by.sets.is_needed_at(value, on.flow.start(block)) {
            return false;
        }
        let first = self.stored.partition_point(|stored| stored.0 < value);
        self.stored[first..]
            .iter()
            .take_while(|stored| stored.0 == value)
            .any(|&(_, at, from_start)| if at == block { from_start } else { on.flow.dominators.dominates(at, block) })
    }

    fn slot(&self, value: Value) -> Option<Allocation> {
        (self.by.forward.spills[value].memory != Memory::Never).then(|| self.by.slot(self.slots, value))
    }
}
