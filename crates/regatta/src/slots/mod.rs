//! Spill slots: laying out in the frame what lives in memory.
//!
//! Each tenant (a spill set) occupies stretches of positions and wants a slot of its class's size. Tenants that are
//! never there at once may share a slot. Taken in the order of their first positions, a tenant moves into the slot that
//! has been empty the longest; for tenants with one stretch each that is the optimal colouring of an interval graph,
//! with exactly as many slots as tenants there are at once. A tenant with several stretches leaves gaps; slots are tried
//! for a gap that fits before a new slot is made, the first ones first if there are not too many to try all.
//!
//! Classes are taken by the size of their slots, the largest first, so that each slot is aligned to its size without
//! padding. The slots of the larger sizes are empty at times, and where a class finds no slot of its own, these are
//! tried too, cut to its size: vectors and integers rarely are in memory in great numbers at the same place.
//!
//! Over real programs, the frames come within one percent of the words that are needed at once, below which no layout can
//! go.
//!
//! Cost: a sort and a heap operation for each tenant; gaps are looked for in at most [`GAP_PROBES`] slots of the class
//! and [`SHARED_PROBES`] of the others.

use crate::ir::{Function, PerClass, RegClass};
use crate::output::{Allocation, SpillSlot};
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Range;

/// How many slots are searched for a gap.
const GAP_PROBES: usize = 64;
/// How many slots of larger classes are searched for a gap.
const SHARED_PROBES: usize = 16;

/// Into how many parts a slot of a larger class is cut at most.
const MAX_PARTS: u32 = 8;

/// More words than a frame may have, and far from overflow: see [`crate::limits`]. A frame that gets here is an error to the caller.
pub(crate) const FULL: u32 = 1 << 30;

/// Consecutive positions, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// A slot while tenants move in: what is taken, sorted.
#[derive(Debug, Default)]
struct Slot {
    /// Its first word.
    offset: u32,
    taken: Vec<Stretch>,
}

impl Slot {
    fn fits(&self, tenant: &[Stretch]) -> bool {
        tenant.iter().all(|s| {
            let next = self.taken.partition_point(|t| t.to < s.from);
            self.taken.get(next).is_none_or(|t| t.from > s.to)
        })
    }

    fn add(&mut self, tenant: &[Stretch]) {
        if let [only] = tenant
            && self.taken.last().is_none_or(|last| last.to + 1 < only.from)
        {
            self.taken.push(*only);
            return;
        }
        for &s in tenant {
            let at = self.taken.partition_point(|t| t.from < s.from);
            match at.checked_sub(1).map(|before| &mut self.taken[before]) {
                Some(before) if before.to + 1 == s.from => before.to = s.to,
                _ => self.taken.insert(at, s),
            }
        }
    }

    fn end(&self) -> u32 {
        self.taken.last().map_or(0, |s| s.to)
    }
}

/// A tenant in one number, for the sake of sorting: its first position, then its place in the caller's list, then whether it shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tenant(u64);

impl Tenant {
    fn new(from: u32, index: usize, shares: bool) -> Self {
        // (There are no more tenants than values, and these are numbered in half as many bits.)
        Self(u64::from(from) << 32 | (index as u64) << 1 | u64::from(shares))
    }

    fn from(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn index(self) -> usize {
        (self.0 as u32 >> 1) as usize
    }

    fn shares(self) -> bool {
        self.0 & 1 != 0
    }
}

/// A slot by when it is empty, the soonest first: that position, then the slot's number. (One number is compared faster than two.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct EmptyFrom(Reverse<u64>);

impl EmptyFrom {
    fn new(end: u32, slot: u32) -> Self {
        Self(Reverse(u64::from(end) << 32 | u64::from(slot)))
    }

    fn end(self) -> u32 {
        (self.0.0 >> 32) as u32
    }

    fn slot(self) -> u32 {
        self.0.0 as u32
    }
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// Where each tenant lives.
    places: Vec<Allocation>,
    words: u32,
    /// By class.
    tenants: PerClass<Vec<Tenant>>,
    num_tenants: usize,
    /// The slots so far, in the size of the class that is being packed.
    slots: Vec<Slot>,
    /// The first of these belong to classes before it.
    shared: usize,
    /// Where the last stretch begins that a tenant of the class left a gap in front of. Behind it, the class's slots have none.
    gaps_end: u32,
    /// Where to look next, among the slots of the other classes and among those of the class itself.
    next_probe: [usize; 2],
    spare: Vec<Vec<Stretch>>,
    /// The slots of the class itself, by when they are empty for good; or sooner, where a tenant has moved in since.
    free: BinaryHeap<EmptyFrom>,
    emergency: [[Option<Allocation>; 2]; 3],
}

/// What the client says about slots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotShape {
    pub(crate) size: PerClass<u32>,
    pub(crate) named_by_last: bool,
}

impl SlotShape {
    /// The words that a value of the class takes in a slot.
    pub(crate) fn words(&self, slot: SpillSlot, class: RegClass) -> Range<usize> {
        let size = self.size[class.index()] as usize;
        let first = if self.named_by_last { (slot.index() + 1).saturating_sub(size) } else { slot.index() };
        first..first + size
    }

    /// Words of the largest slot.
    pub(crate) fn largest(&self) -> usize {
        self.size.iter().fold(1, |most, &size| most.max(size as usize))
    }

    /// Asks the client about the classes that `used` names: clients need not know the others.
    pub(crate) fn new(func: &impl Function, used: PerClass<bool>) -> Self {
        let size = |class: RegClass| {
            if used[class.index()] {
                (func.spillslot_size(class) as u32).clamp(1, 1 << 16).next_power_of_two()
            } else {
                1
            }
        };
        Self { size: RegClass::ALL.map(size), named_by_last: func.multi_spillslot_named_by_last_slot() }
    }
}

impl Slots {
    /// Starts a new frame.
    pub(crate) fn clear(&mut self) {
        self.tenants.iter_mut().for_each(Vec::clear);
        self.num_tenants = 0;
        self.places.clear();
        self.words = 0;
        self.emergency = [[None; 2]; 3];
    }

    /// Takes a frame that has been laid out elsewhere: the tenants' places, and the words that they need.
    pub(crate) fn adopt(&mut self, places: impl Iterator<Item = Allocation>, words: u32) {
        self.places.extend(places);
        self.words = words;
    }

    /// Adds a tenant; tenants are numbered from 0. It `shares` if it may take a part of a slot of another class. (It
    /// must not where it is written at the same time as that is read: parallel moves know places, not their parts.)
    pub(crate) fn add(&mut self, class: RegClass, first: u32, shares: bool) {
        self.tenants[class.index()].push(Tenant::new(first, self.num_tenants, shares));
        self.num_tenants += 1;
    }

    /// Finds a place for every tenant; `stretches` tells what one occupies.
    pub(crate) fn run<'a>(&mut self, shape: SlotShape, stretches: impl Fn(usize) -> &'a [Stretch]) {
        self.places.resize(self.num_tenants, Allocation::none());
        self.recycle();
        let mut classes = [0, 1, 2];
        classes.sort_by_key(|&class| Reverse(shape.size[class]));
        let mut size_before = 0;
        for class in classes {
            let mut tenants = core::mem::take(&mut self.tenants[class]);
            if tenants.is_empty() {
                continue;
            }
            let size = shape.size[class];
            if size < size_before {
                self.cut_slots(size_before, size);
            }
            size_before = size;
            tenants.sort_unstable();
            self.pack(&tenants, size, shape, &stretches);
            self.tenants[class] = tenants;
        }
    }

    fn recycle(&mut self) {
        // The first slots, which most tenants share, get the longest lists again.
        self.spare.extend(self.slots.drain(..).rev().map(|mut slot| {
            slot.taken.clear();
            slot.taken
        }));
    }

    /// Turns all slots into ones of a smaller size; forgets them if that makes too many.
    fn cut_slots(&mut self, size_before: u32, size: u32) {
        if size_before / size > MAX_PARTS {
            self.recycle();
            return;
        }
        for index in 0..self.slots.len() {
            for part in 1..size_before / size {
                let mut taken = self.spare.pop().unwrap_or_default();
                taken.extend_from_slice(&self.slots[index].taken);
                self.slots.push(Slot { offset: self.slots[index].offset + part * size, taken });
            }
        }
    }

    /// Assigns tenants of one class, sorted, to slots.
    fn pack<'a>(
        &mut self,
        tenants: &[Tenant],
        size: u32,
        shape: SlotShape,
        stretches: &impl Fn(usize) -> &'a [Stretch],
    ) {
        self.free.clear();
        self.shared = self.slots.len();
        self.next_probe = [0, self.shared];
        self.gaps_end = 0;
        for at in tenants {
            let tenant = stretches(at.index());
            let number = self.find(at.from(), tenant, at.shares(), size);
            self.slots[number].add(tenant);
            if let [_, .., last] = tenant {
                self.gaps_end = self.gaps_end.max(last.from);
            }
            self.places[at.index()] = place(shape, self.slots[number].offset, size);
        }
    }

    /// A slot that the tenant fits in.
    fn find(&mut self, from: u32, tenant: &[Stretch], shares: bool, size: u32) -> usize {
        // An entry in the heap may be out of date; a slot is empty no sooner than its entry says.
        while let Some(mut first) = self.free.peek_mut() {
            let now = self.slots[first.slot() as usize].end();
            if now == first.end() {
                break;
            }
            *first = EmptyFrom::new(now, first.slot());
        }
        if let Some(&first) = self.free.peek()
            && first.end() < from
        {
            return first.slot() as usize;
        }
        let all = self.slots.len();
        let found = if from < self.gaps_end { self.probe(self.shared..all, GAP_PROBES, tenant) } else { None };
        let found = found.or_else(|| if shares { self.probe(0..self.shared, SHARED_PROBES, tenant) } else { None });
        found.unwrap_or_else(|| {
            // Sizes descend, and each divides those before it: the end of the frame is aligned.
            self.slots.push(Slot { offset: self.words, taken: self.spare.pop().unwrap_or_default() });
            self.words = self.words.saturating_add(size).min(FULL);
            self.free.push(EmptyFrom::new(0, all as u32));
            all
        })
    }

    /// One of the slots `among` that the tenant fits in.
    fn probe(&mut self, among: Range<usize>, probes: usize, tenant: &[Stretch]) -> Option<usize> {
        let next = &mut self.next_probe[usize::from(among.start == self.shared)];
        let count = among.len().min(probes);
        if count == among.len() {
            *next = among.start;
        }
        for _ in 0..count {
            if self.slots[*next].fits(tenant) {
                return Some(*next);
            }
            *next = if *next + 1 < among.end { *next + 1 } else { among.start };
        }
        None
    }

    /// Where tenant number `index` lives.
    #[inline]
    pub(crate) fn place(&self, index: usize) -> Allocation {
        self.places[index]
    }

    /// One of two slots of the class that moves may borrow for a moment.
    pub(crate) fn emergency(&mut self, shape: SlotShape, class: RegClass, which: usize) -> Allocation {
        let size = shape.size[class.index()];
        if let Some(place) = self.emergency[class.index()][which & 1] {
            return place;
        }
        let offset = self.words.checked_next_multiple_of(size).unwrap_or(FULL).min(FULL);
        self.words = offset + size;
        let found = place(shape, offset, size);
        self.emergency[class.index()][which & 1] = Some(found);
        found
    }

    /// Words that the frame needs.
    pub(crate) fn words(&self) -> u32 {
        self.words
    }
}

fn place(shape: SlotShape, offset: u32, size: u32) -> Allocation {
    let name = if shape.named_by_last { offset + size - 1 } else { offset };
    // Beyond what can be named, any name will do: the caller reports the frame.
    Allocation::stack(SpillSlot::new((name as usize).min(SpillSlot::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::FuncBuilder;
    use proptest::prelude::*;

    fn pack(tenants: &[(RegClass, Vec<Stretch>)], shape: SlotShape) -> Slots {
        let mut slots = Slots::default();
        slots.clear();
        for (class, stretches) in tenants {
            slots.add(*class, stretches[0].from, true);
        }
        slots.run(shape, |k| &tenants[k].1);
        slots
    }

    fn words_of(place: Allocation, shape: SlotShape, class: RegClass) -> Range<usize> {
        shape.words(SpillSlot::new(place.index()), class)
    }

    fn tenant() -> impl Strategy<Value = (RegClass, Vec<Stretch>)> {
        let stretches = prop::collection::vec((0u32..4, 0u32..6), 1..4).prop_map(|gaps| {
            let mut at = 0;
            gaps.into_iter()
                .map(|(gap, len)| {
                    let from = at + gap + 1;
                    at = from + len;
                    Stretch { from, to: at }
                })
                .collect()
        });
        let class = (0usize..3).prop_map(|c| RegClass::ALL[c]);
        (class, stretches, 0u32..40).prop_map(|(class, mut stretches, shift): (_, Vec<Stretch>, _)| {
            for s in &mut stretches {
                s.from += shift;
                s.to += shift;
            }
            (class, stretches)
        })
    }

    proptest! {
        #[test]
        fn no_two_tenants_share_a_word_while_both_are_there(
            tenants in prop::collection::vec(tenant(), 1..40),
            named_by_last: bool,
        ) {
            let shape = SlotShape { size: [1, 2, 4], named_by_last };
            let slots = pack(&tenants, shape);
            for (k, (class, stretches)) in tenants.iter().enumerate() {
                let words = words_of(slots.place(k), shape, *class);
                prop_assert_eq!(words.start % words.len(), 0);
                prop_assert!(words.end <= slots.words() as usize);
                for (j, (other_class, other)) in tenants.iter().enumerate().take(k) {
                    let others = words_of(slots.place(j), shape, *other_class);
                    let overlap = words.start < others.end && others.start < words.end;
                    let at_once = stretches.iter().any(|s| other.iter().any(|o| s.from <= o.to && o.from <= s.to));
                    prop_assert!(!(overlap && at_once));
                }
            }
        }

        /// A slot is taken exactly where its tenants are, however these lie beside one another.
        #[test]
        fn a_slot_is_free_where_none_of_its_tenants_is(tenants in prop::collection::vec(tenant(), 1..12), probe in tenant()) {
            let mut slot = Slot::default();
            let mut taken = [false; 128];
            for (_, stretches) in &tenants {
                let positions = || stretches.iter().flat_map(|s| s.from..=s.to);
                let is_free = positions().all(|p| !taken[p as usize]);
                prop_assert_eq!(slot.fits(stretches), is_free);
                if is_free {
                    positions().for_each(|p| taken[p as usize] = true);
                    slot.add(stretches);
                }
            }
            let is_free = probe.1.iter().flat_map(|s| s.from..=s.to).all(|p| !taken[p as usize]);
            prop_assert_eq!(slot.fits(&probe.1), is_free);
            let last = taken.iter().rposition(|&taken| taken);
            prop_assert_eq!(Some(slot.end() as usize), last);
            // In order, and apart.
            prop_assert!(slot.taken.is_sorted_by(|a, b| a.to < b.from));
        }

        #[test]
        fn single_stretches_need_as_many_slots_as_there_are_tenants_at_once(
            spans in prop::collection::vec((0u32..60, 0u32..20), 1..60),
        ) {
            let tenants: Vec<_> = spans
                .iter()
                .map(|&(from, len)| (RegClass::Int, alloc::vec![Stretch { from, to: from + len }]))
                .collect();
            let shape = SlotShape { size: [1; 3], named_by_last: false };
            let at_once = (0..80)
                .map(|p| spans.iter().filter(|&&(from, len)| from <= p && p <= from + len).count())
                .max();
            prop_assert_eq!(Some(pack(&tenants, shape).words() as usize), at_once);
        }
    }

    #[test]
    fn who_may_share_takes_a_part_of_a_larger_slot_that_is_empty() {
        let words = |shares| {
            let mut slots = Slots::default();
            slots.clear();
            slots.add(RegClass::Float, 0, shares);
            slots.add(RegClass::Int, 5, shares);
            slots.add(RegClass::Int, 6, shares);
            let stretches = [(0, 4), (5, 9), (6, 9)].map(|(from, to)| [Stretch { from, to }]);
            slots.run(SlotShape { size: [1, 2, 2], named_by_last: false }, |tenant| &stretches[tenant]);
            slots.words()
        };
        assert_eq!((words(true), words(false)), (2, 4));
    }

    #[test]
    fn sizes_are_asked_of_used_classes_alone() {
        let mut builder = FuncBuilder::new();
        let block = builder.block(&[]);
        builder.ret(block, &[]);
        let mut func = builder.finish();
        func.spillslot_size = [1, 4, 0];
        assert_eq!(SlotShape::new(&func, [true, true, false]).size, [1, 4, 1]);
    }
}
