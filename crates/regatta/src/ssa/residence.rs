//! Where values are at the start of each block, for debug locations: in the registers that the forward pass recorded,
//! and in their slots for as long as they live in memory. Where that is known but roughly, or there are several stores, only in blocks that a store dominates.

use super::edits::{Decisions, Edits};
use super::forward::{Input, Memory};
use super::stores::StorePlace;
use crate::code::Value;
use crate::debug::{Residence, Stay};
use crate::ir::{Block, PReg};
use crate::output::Allocation;
use crate::slots::{Slots, Stretch};
use alloc::vec::Vec;

/// The answers, made for one function.
pub(crate) struct Residents<'a> {
    on: &'a Input<'a>,
    by: &'a Decisions<'a>,
    slots: &'a Slots,
    edits: &'a Edits,
    /// Blocks from which on a value is in its slot; with `true`, from their very start. Sorted.
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

    /// The blocks in which a value is stored.
    fn stored(&self, value: Value) -> &[(Value, Block, bool)] {
        let first = self.stored.partition_point(|stored| stored.0 < value);
        let count = self.stored[first..].partition_point(|stored| stored.0 == value);
        &self.stored[first..first + count]
    }
}

impl Residence for Residents<'_> {
    fn start(&self, block: Block) -> u32 {
        self.on.flow.start(block)
    }

    fn stays(&self, value: Value, tell: &mut impl FnMut(Stay)) {
        let Some(place) = self.slot(value) else { return };
        let (stretches, is_exact) = self.by.sets.life(value);
        let stay = |stretch| Stay { stretch, place, behind: Block::invalid(), from_start: true };
        if is_exact
            && let &[(_, block, from_start)] = self.stored(value)
            && self.by.stores.starts[value].block == block
        {
            // The life begins in the store's block, at its position or before. If that is the start of a block, the value is in memory only behind it.
            let not_yet = if from_start { u32::MAX } else { self.on.flow.start(block) };
            for &Stretch { from, to } in stretches {
                let from = if from == not_yet { from + 1 } else { from };
                if from <= to {
                    tell(stay(Stretch { from, to }));
                }
            }
            return;
        }
        // Once for blocks that several stores dominate, one after the other.
        let dominators = &self.on.flow.dominators;
        let mut stored: Vec<_> = self.stored(value).iter().map(|stored| (stored.1, stored.2)).collect();
        stored.sort_unstable_by_key(|&(block, from_start)| (dominators.places(block).start, !from_start));
        stored.dedup_by(|next, last| dominators.dominates(last.0, next.0));
        for (behind, from_start) in stored {
            let first = self.on.flow.start(behind);
            for &Stretch { from, to } in stretches.iter().filter(|stretch| stretch.to >= first) {
                tell(Stay { behind, from_start, ..stay(Stretch { from: from.max(first), to }) });
            }
        }
    }

    fn in_registers(&self, block: Block, tell: &mut impl FnMut(Value, PReg)) {
        self.by.forward.at_entry(block).iter().for_each(|at| tell(at.value, at.reg));
    }

    fn is_kept(&self, block: Block, reg: PReg, is_led_in: bool) -> bool {
        self.edits.is_kept_at_start(self.on, block, reg, is_led_in)
    }

    fn slot(&self, value: Value) -> Option<Allocation> {
        (self.by.forward.spills[value].memory != Memory::Never).then(|| self.by.slot(self.slots, value))
    }
}
