//! The spill-slot stage: a last chance of a register for what was spilled, then slots by probing.
//!
//! **A second chance.** While bundles were being assigned, one that was spilled made room for others, which may have
//! been split, evicted or spilled themselves since. So when everything is settled, each spilled bundle is offered every
//! register in traversal order once more, within the limit that it asks for. Only if none takes it, its spill set is
//! marked as *required*.
//!
//! **Slots by probing.** A spill set goes into an existing slot of its class if none of its live ranges overlaps with
//! what is in the slot. A few slots are tried, at most [`MAX_ATTEMPTS`], from where the last search succeeded on and
//! around the list: where one has just fitted, the next likely does, and the bound keeps the whole linear however many
//! sets there are. If none fits, there is a new slot. Last, each slot gets its place in the frame, aligned to its size,
//! which is a power of two, and is named by its first or by its last word as the client says.
//!
//! [`crate::slots`] packs the same spill sets into fewer slots in the same time, and is the default; this is the
//! classic to compare it with ([`SlotLayout::Probed`](crate::SlotLayout)).

use super::assign::{AllocRegResult, Assign, Input, RegTraversalIter};
use super::bundles::Bundles;
use super::frame::Tenants;
use crate::ir::PerClass;
use crate::ir::entity::{TypedVec, entity};
use crate::output::{Allocation, SpillSlot};
use crate::slots::{FULL, SlotShape, Stretch};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// How many slots are probed for a spill set.
pub(crate) const MAX_ATTEMPTS: usize = 10;

entity! {
    /// A slot.
    pub(crate) struct SpillSlotIndex, "slot"
}

/// A stretch of points as the key of a map: keys are equal if they overlap, so that looking one up finds what is in its
/// way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveRangeKey {
    pub(crate) from: u32,
    /// Just past the end.
    pub(crate) to: u32,
}

impl From<Stretch> for LiveRangeKey {
    fn from(stretch: Stretch) -> Self {
        Self { from: stretch.from, to: stretch.to + 1 }
    }
}

impl PartialEq for LiveRangeKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for LiveRangeKey {}

impl PartialOrd for LiveRangeKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LiveRangeKey {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.to <= other.from {
            Ordering::Less
        } else if self.from >= other.to {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }
}

/// What is in a slot: stretches that do not overlap.
#[derive(Debug, Default)]
pub(crate) struct SpillSetRanges {
    ranges: BTreeMap<LiveRangeKey, ()>,
}

impl SpillSetRanges {
    /// Does the stretch overlap with one that is there?
    pub(crate) fn contains_key(&self, key: LiveRangeKey) -> bool {
        self.ranges.contains_key(&key)
    }

    /// Adds a stretch that overlaps with none.
    pub(crate) fn insert(&mut self, key: LiveRangeKey) {
        self.ranges.insert(key, ());
    }
}

/// A slot.
#[derive(Debug, Default)]
pub(crate) struct SpillSlotData {
    pub(crate) ranges: SpillSetRanges,
    /// In words.
    size: u32,
    alloc: Allocation,
}

/// The slots of a class.
#[derive(Debug, Default)]
pub(crate) struct SpillSlotList {
    slots: Vec<SpillSlotIndex>,
    /// Where the next search begins.
    probe_start: usize,
}

impl SpillSlotList {
    /// The index after `index`, around the list.
    pub(crate) fn next_index(&self, index: usize) -> usize {
        if index + 1 < self.slots.len() { index + 1 } else { 0 }
    }
}

/// The stage, with its storage.
#[derive(Debug, Default)]
pub(crate) struct SpillStage {
    slots: TypedVec<SpillSlotIndex, SpillSlotData>,
    lists: PerClass<SpillSlotList>,
    /// The slot of each tenant.
    slot_of: Vec<SpillSlotIndex>,
    num_spillslots: u32,
    named_by_last: bool,
    /// The most slots that were probed for one tenant.
    most_attempts: usize,
}

/// Offers every spilled bundle the registers once more; marks the spill sets of those that none takes as required.
pub(crate) fn try_allocating_regs_for_spilled_bundles(on: Input<'_>, assign: &mut Assign, bundles: &mut Bundles) {
    let spilled = core::mem::take(&mut assign.spilled_bundles);
    for &bundle in &spilled {
        let Some(first) = bundles.ranges(bundle).first() else { continue };
        debug_assert!(bundles.ranges(bundle).is_sorted_by_key(|range| range.from), "{first:?}");
        let set = bundles.bundles[bundle].set;
        let (class, hint) = (bundles.sets[set].class.index(), bundles.sets[set].hint);
        let candidates = assign.free_registers(on, bundles, bundle);
        let dear = on.machine.dear[class];
        let mut success = false;
        for reg in RegTraversalIter::new(candidates, hint, dear) {
            // Nothing weighs too little to stay.
            let result = assign.try_to_allocate_bundle_to_reg(bundles, bundle, reg, f32::NEG_INFINITY);
            if result == AllocRegResult::Allocated {
                success = true;
                break;
            }
        }
        if !success {
            bundles.sets[set].required = true;
        }
    }
    assign.spilled_bundles = spilled;
}

impl SpillStage {
    /// Does the slot have room for the tenant?
    fn spillslot_can_fit_spillset(&self, slot: SpillSlotIndex, stretches: &[Stretch]) -> bool {
        let ranges = &self.slots[slot].ranges;
        !stretches.iter().any(|&stretch| ranges.contains_key(stretch.into()))
    }

    /// Moves the tenant into the slot.
    fn allocate_spillset_to_spillslot(&mut self, slot: SpillSlotIndex, stretches: &[Stretch]) {
        self.slot_of.push(slot);
        for &stretch in stretches {
            self.slots[slot].ranges.insert(stretch.into());
        }
    }

    /// Gives every tenant a slot, and every slot its place.
    pub(crate) fn allocate_spillslots(&mut self, shape: SlotShape, tenants: &Tenants) {
        self.slots.clear();
        self.slot_of.clear();
        self.num_spillslots = 0;
        self.named_by_last = shape.named_by_last;
        self.most_attempts = 0;
        self.lists.iter_mut().for_each(|list| {
            list.slots.clear();
            list.probe_start = 0;
        });
        for (number, tenant) in tenants.tenants.iter().enumerate() {
            let class = tenant.class.index();
            let stretches = tenants.stretches(number);
            let attempts = self.lists[class].slots.len().min(MAX_ATTEMPTS);
            self.most_attempts = self.most_attempts.max(attempts);
            let mut index = self.lists[class].probe_start;
            let mut found = None;
            for _ in 0..attempts {
                let slot = self.lists[class].slots[index];
                if self.spillslot_can_fit_spillset(slot, stretches) {
                    found = Some(slot);
                    self.lists[class].probe_start = index;
                    break;
                }
                index = self.lists[class].next_index(index);
            }
            let slot = found.unwrap_or_else(|| {
                let size = shape.size[class];
                let slot = self.slots.push(SpillSlotData { size, ..SpillSlotData::default() });
                self.lists[class].slots.push(slot);
                self.lists[class].probe_start = self.lists[class].slots.len() - 1;
                slot
            });
            self.allocate_spillset_to_spillslot(slot, stretches);
        }
        for slot in self.slots.keys() {
            self.slots[slot].alloc = self.allocate_spillslot(self.slots[slot].size);
        }
    }

    /// Makes room in the frame for a slot of `size` words, a power of two.
    fn allocate_spillslot(&mut self, size: u32) -> Allocation {
        let offset = self.num_spillslots.checked_next_multiple_of(size).unwrap_or(FULL).min(FULL);
        let slot = if self.named_by_last { offset + size - 1 } else { offset };
        self.num_spillslots = offset + size;
        Allocation::stack(SpillSlot::new((slot as usize).min(SpillSlot::MAX)))
    }

    /// The places of the tenants, in their order.
    pub(crate) fn places(&self) -> impl Iterator<Item = Allocation> + '_ {
        self.slot_of.iter().map(|&slot| self.slots[slot].alloc)
    }

    /// Words of the frame.
    pub(crate) fn words(&self) -> u32 {
        self.num_spillslots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::RegClass;
    use proptest::prelude::*;

    fn key(from: u32, to: u32) -> LiveRangeKey {
        LiveRangeKey { from, to }
    }

    /// "SpillSetRanges containsKey — Overlap detection"
    #[test]
    fn spill_set_ranges_contains_key_overlap_detection() {
        let mut ranges = SpillSetRanges::default();
        ranges.insert(key(10, 20));
        ranges.insert(key(30, 40));
        for inside in [key(5, 11), key(12, 15), key(19, 25), key(5, 50), key(39, 41)] {
            assert!(ranges.contains_key(inside), "{inside:?}");
        }
        for beside in [key(0, 10), key(20, 30), key(40, 50)] {
            assert!(!ranges.contains_key(beside), "{beside:?}");
        }
    }

    /// "SpillSetRanges insert — Adding ranges"
    #[test]
    fn spill_set_ranges_insert_adding_ranges() {
        let mut ranges = SpillSetRanges::default();
        assert!(!ranges.contains_key(key(0, 100)));
        for from in [40, 0, 20] {
            ranges.insert(key(from, from + 10));
        }
        assert_eq!(ranges.ranges.len(), 3);
        let order: Vec<u32> = ranges.ranges.keys().map(|key| key.from).collect();
        assert_eq!(order, [0, 20, 40]);
        assert!(!ranges.contains_key(key(10, 20)) && ranges.contains_key(key(25, 26)));
    }

    /// "allocateSpillslot alignment — Power-of-two alignment"
    #[test]
    fn allocate_spillslot_alignment_power_of_two_alignment() {
        let mut stage = SpillStage::default();
        let places: Vec<usize> = [1, 2, 1, 4, 1].map(|size| stage.allocate_spillslot(size).index()).to_vec();
        assert_eq!(places, [0, 2, 4, 8, 12]);
        assert_eq!(stage.words(), 13);
    }

    /// "allocateSpillslot multi_spillslot — Last-slot naming convention"
    #[test]
    fn allocate_spillslot_multi_spillslot_last_slot_naming_convention() {
        let mut stage = SpillStage { named_by_last: true, ..SpillStage::default() };
        let places: Vec<usize> = [1, 2, 4].map(|size| stage.allocate_spillslot(size).index()).to_vec();
        assert_eq!(places, [0, 3, 7]);
        assert_eq!(stage.words(), 8);
    }

    /// "SpillSlotList nextIndex circular — Circular index wrapping"
    #[test]
    fn spill_slot_list_next_index_circular_circular_index_wrapping() {
        let list = SpillSlotList { slots: (0..3).map(SpillSlotIndex::new).collect(), probe_start: 0 };
        assert_eq!([0, 1, 2].map(|index| list.next_index(index)), [1, 2, 0]);
        let one = SpillSlotList { slots: alloc::vec![SpillSlotIndex::new(0)], probe_start: 0 };
        assert_eq!(one.next_index(0), 0);
    }

    fn tenant() -> impl Strategy<Value = (RegClass, Vec<Stretch>)> {
        let stretches = prop::collection::vec((0u32..4, 0u32..6), 1..4);
        ((0usize..3).prop_map(|c| RegClass::ALL[c]), stretches, 0u32..60).prop_map(|(class, gaps, first)| {
            let mut at = first;
            let stretch = |(gap, length)| {
                let from = at + gap + 1;
                at = from + length;
                Stretch { from, to: at }
            };
            (class, gaps.into_iter().map(stretch).collect())
        })
    }

    proptest! {
        #[test]
        fn spill_sets_that_live_at_once_share_no_word(
            list in prop::collection::vec(tenant(), 1..80),
            named_by_last: bool,
        ) {
            let shape = SlotShape { size: [1, 2, 4], named_by_last };
            let tenants = Tenants::of(&list);
            let mut stage = SpillStage::default();
            stage.allocate_spillslots(shape, &tenants);
            prop_assert!(stage.slots.len() <= list.len());
            prop_assert!(stage.most_attempts <= MAX_ATTEMPTS);
            let words: Vec<_> = stage
                .places()
                .zip(&list)
                .map(|(place, (class, _))| {
                    let size = shape.size[class.index()] as usize;
                    let first = place.index() - if named_by_last { size - 1 } else { 0 };
                    first..first + size
                })
                .collect();
            for (k, (_, stretches)) in list.iter().enumerate() {
                prop_assert_eq!(words[k].start % words[k].len(), 0);
                prop_assert!(words[k].end <= stage.words() as usize);
                for (j, (_, others)) in list.iter().enumerate().take(k) {
                    let share = words[k].start < words[j].end && words[j].start < words[k].end;
                    let at_once = stretches.iter().any(|s| others.iter().any(|o| s.from <= o.to && o.from <= s.to));
                    prop_assert!(!(share && at_once));
                }
            }
        }
    }
}
