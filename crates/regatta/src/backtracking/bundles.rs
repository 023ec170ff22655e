//! Bundles: live ranges that are to be in one place.
//!
//! At first each value's live range is a bundle. Where a value becomes another, as the argument of a parameter or as
//! the input of a definition that reuses its register, it saves a move if both are in one register, and they can be
//! unless both live at once. So the bundles of such pairs are merged if they do not overlap, the most frequently
//! executed pairs first.
//!
//! Each bundle belongs to a *spill set*: what has been merged stays together in memory, whatever parts it is split into
//! later. Values of a spill set never live at once, so that one slot serves them all.
//!
//! What a bundle asks for is derived from its uses. Since fixed registers are kept apart ([`super::ranges`]), any two
//! requirements can be met together: the register limits that operands set are prefixes of the register file, and the
//! smallest of them counts.
//!
//! Live ranges of a bundle are a slice of one array. Of two bundles that are merged, the smaller's live ranges are put
//! among those of the larger, whose slice doubles when it is full; a bundle that is cut in two keeps its slice, and the
//! smaller part is copied. Bundles of more than [`MAX_MERGED`] live ranges are merged no further, which bounds the whole
//! by a constant for each pair.
//!
//! A value that is used in thousands of places may be split as often, each time a little is cut off its front. To count
//! its uses anew each time would be quadratic. So what has many keeps a [`Tally`] of them: when it is cut, those of the
//! smaller part are counted, and subtracted. As with copying, each use is counted a logarithmic number of times.

use super::points::{Point, Points};
use super::ranges::{LiveRanges, NUM_LIMITS, SlotOperand, Span, Use, UseKind, limit_mask};
use crate::cfg::FlowGraph;
use crate::code::{Code, NO_REG, Value};
use crate::ir::RegClass;
use crate::ir::entity::{TypedVec, entity};
use alloc::vec::Vec;

entity! {
    /// Live ranges that are in one place.
    pub(crate) struct Bundle, "bundle"
}

entity! {
    /// The tally of a bundle.
    struct TallyIndex, "tally"
}

entity! {
    /// Bundles that share a slot when in memory.
    pub(crate) struct SpillSet, "set"
}

/// The most live ranges of a bundle that others are merged into.
const MAX_MERGED: u32 = 256;

/// What a bundle weighs at most that need not be in a register: less than any that must be.
const HEAVIEST: f32 = 1e29;

/// What a part weighs, as a share of what a whole bundle of the same uses would weigh. What has been split costs less to
/// split once more than what is still in one piece.
const BROKEN: f32 = 0.3;

/// The most live ranges and uses of a bundle without a [`Tally`].
const MAX_COUNTED: u32 = 256;

/// If less than this share of a tally's cost is left, it is counted anew: the difference of two large numbers says
/// little about a small one. A cost can fall so far only a few times.
const LEFT_OVER: f64 = 1e-6;

/// A stretch of points of a value, with the uses in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveRange {
    pub(crate) from: Point,
    pub(crate) to: Point,
    pub(crate) value: Value,
    /// Of [`LiveRanges::uses`].
    pub(crate) uses: (u32, u32),
}

/// A bundle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BundleData {
    /// Its live ranges.
    pub(crate) ranges: (u32, u32),
    pub(crate) set: SpillSet,
    /// The register that it is in, by number in its class, or [`NO_REG`].
    pub(crate) reg: u8,
    /// Has it a use that must be in a register?
    pub(crate) needs_register: bool,
    /// Can it be cut no further?
    pub(crate) minimal: bool,
    /// The registers that all of its uses allow.
    pub(crate) limit: u64,
    /// What it costs to have all of it in memory.
    pub(crate) cost: f32,
    /// What it takes to evict it: cost by length, more for what must be in a register.
    pub(crate) weight: f32,
    /// How many points it covers.
    pub(crate) length: u32,
    tally: TallyIndex,
}

/// What is known of the uses of a bundle that has many, in numbers that can be subtracted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    /// Live ranges and uses.
    size: u32,
    length: u32,
    cost: f64,
    /// How many uses must be in a register.
    in_registers: u32,
    /// How many uses set each limit; the last is that of what is made in a slot.
    limits: [u32; NUM_LIMITS],
}

impl Tally {
    fn of(ranges: &[LiveRange], live: &LiveRanges) -> Self {
        let mut tally = Self { size: size(ranges), ..Self::default() };
        for range in ranges {
            tally.length += range.to.0 - range.from.0;
            for use_ in uses(live, range) {
                tally.cost += f64::from(use_.weight.min(f32::MAX));
                tally.in_registers += u32::from(use_.needs_register());
                tally.limits[use_.limit_number()] += 1;
            }
        }
        tally
    }

    /// What remains when `part` is taken away: so many live ranges and uses.
    fn without(&self, part: &Self, size: u32) -> Self {
        let limits = core::array::from_fn(|number| self.limits[number] - part.limits[number]);
        Self {
            size,
            length: self.length - part.length,
            cost: self.cost - part.cost,
            in_registers: self.in_registers - part.in_registers,
            limits,
        }
    }

    /// The registers that all uses allow.
    fn limit_mask(&self) -> u64 {
        let set = (0..NUM_LIMITS).filter(|&number| self.limits[number] > 0);
        set.fold(!0, |mask, number| mask & limit_mask(number))
    }
}

/// How many live ranges and uses there are.
fn size(ranges: &[LiveRange]) -> u32 {
    ranges.iter().map(|range| 1 + range.uses.1 - range.uses.0).sum()
}

/// A spill set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpillSetData {
    pub(crate) class: RegClass,
    /// The register that a bundle of it was put in last, or [`NO_REG`].
    pub(crate) hint: u8,
    /// Has a bundle of it been split?
    pub(crate) is_split: bool,
    /// Is it in memory anywhere?
    pub(crate) required: bool,
}

/// The bundles and spill sets, and the pass that forms the first ones.
#[derive(Debug, Default)]
pub(crate) struct Bundles {
    pub(crate) bundles: TypedVec<Bundle, BundleData>,
    pub(crate) sets: TypedVec<SpillSet, SpillSetData>,
    pub(crate) ranges: Vec<LiveRange>,
    /// The spill set of each value; invalid for one that is nowhere.
    pub(crate) set_of: TypedVec<Value, SpillSet>,
    tallies: TypedVec<TallyIndex, Tally>,
    bundle_of: TypedVec<Value, Bundle>,
    pairs: Vec<Pair>,
    /// How many live ranges fit where a bundle's are, while bundles are merged.
    room: TypedVec<Bundle, u32>,
}

/// Two values of which one becomes the other.
#[derive(Clone, Copy, Debug)]
struct Pair {
    frequency: f32,
    from: Value,
    to: Value,
}

const NEW: BundleData = BundleData {
    ranges: (0, 0),
    set: SpillSet::invalid(),
    reg: NO_REG,
    needs_register: false,
    minimal: false,
    limit: !0,
    cost: 0.0,
    weight: 0.0,
    length: 0,
    tally: TallyIndex::invalid(),
};

impl Bundles {
    /// The live ranges of a bundle, in order.
    #[inline]
    pub(crate) fn ranges(&self, bundle: Bundle) -> &[LiveRange] {
        let (start, end) = self.bundles[bundle].ranges;
        &self.ranges[start as usize..end as usize]
    }

    /// From where a bundle's first live range begins to where its last ends.
    pub(crate) fn stretch(&self, bundle: Bundle) -> (Point, Point) {
        let ranges = self.ranges(bundle);
        (ranges[0].from, ranges[ranges.len() - 1].to)
    }

    /// The spill set of a bundle.
    #[inline]
    pub(crate) fn set(&self, bundle: Bundle) -> &SpillSetData {
        &self.sets[self.bundles[bundle].set]
    }

    /// Forms the first bundles.
    pub(crate) fn run(&mut self, code: &Code, flow: &FlowGraph, points: &Points, live: &LiveRanges) {
        self.bundles.clear();
        self.sets.clear();
        self.tallies.clear();
        self.ranges.clear();
        self.bundle_of.reset(code.values.len(), Bundle::invalid());
        self.set_of.reset(code.values.len(), SpillSet::invalid());
        for value in code.values.keys() {
            let start = self.ranges.len() as u32;
            let (mut next_use, end) = (live.uses_of(value).start, live.uses_of(value).end);
            for &Span { from, to } in live.spans(value) {
                // (What code that cannot be reached alone keeps alive may be used at once in front of all that.)
                while next_use < end && live.uses[next_use as usize].from < from {
                    next_use += 1;
                }
                let first = next_use;
                while next_use < end && live.uses[next_use as usize].from < to {
                    next_use += 1;
                }
                self.ranges.push(LiveRange { from, to, value, uses: (first, next_use) });
            }
            let end = self.ranges.len() as u32;
            if start < end {
                self.bundle_of[value] = self.bundles.push(BundleData { ranges: (start, end), ..NEW });
            }
        }
        self.room.clear();
        for bundle in self.bundles.as_slice() {
            self.room.push(bundle.ranges.1 - bundle.ranges.0);
        }
        self.merge_all(code, flow, points, live);
        for &SlotOperand { value, .. } in &live.stack_operands {
            if self.bundle_of[value].is_invalid() {
                // Defined in memory, and never used.
                self.bundle_of[value] = self.bundles.push(NEW);
            }
        }
        for value in code.values.keys() {
            let bundle = self.find(value);
            if bundle.is_invalid() {
                continue;
            }
            if self.bundles[bundle].set.is_invalid() {
                let class = code.values[value].class;
                self.bundles[bundle].set =
                    self.sets.push(SpillSetData { class, hint: NO_REG, is_split: false, required: false });
            }
            self.set_of[value] = self.bundles[bundle].set;
        }
        self.isolate_stack_defs(code, live);
    }

    /// Makes the points at which instructions make values in their slots bundles by themselves.
    fn isolate_stack_defs(&mut self, code: &Code, live: &LiveRanges) {
        let mut defs: Vec<(Point, Point, Value)> = Vec::new();
        for &SlotOperand { value, .. } in live.stack_operands.iter().filter(|operand| code.ops[operand.op].is_def()) {
            let first = live.uses_of(value).next().map(|index| live.uses[index as usize]);
            if let Some(def) = first.filter(|def| def.kind == UseKind::StackDef) {
                defs.push((def.from, def.to, value));
            }
        }
        // From the last on, so that what is cut off a bundle holds no other.
        defs.sort_unstable_by_key(|def| core::cmp::Reverse(def.0));
        for (from, to, value) in defs {
            let bundle = self.find(value);
            if self.ranges(bundle).last().is_some_and(|last| last.to > to) {
                self.cut(bundle, to, live);
            }
            if self.ranges(bundle)[0].from < from {
                self.cut(bundle, from, live);
            }
        }
    }

    /// The bundle that a value has become part of.
    fn find(&mut self, value: Value) -> Bundle {
        self.bundle_of[value]
    }

    fn merge_all(&mut self, code: &Code, flow: &FlowGraph, points: &Points, live: &LiveRanges) {
        self.pairs.clear();
        for &edge in code.edges_with_args() {
            let params = code.params(flow.graph.edge(edge).to);
            let frequency = flow.edge_frequency(edge);
            for (&to, &from) in params.iter().zip(code.args(edge, params.len())) {
                self.pairs.push(Pair { frequency, from, to });
            }
        }
        for (_, copy) in live.copies.iter() {
            let (from, to) = (code.ops[copy.input].value, code.ops[copy.to].value);
            self.pairs.push(Pair { frequency: points.frequency_at(copy.early), from, to });
        }
        // Frequencies are not negative, so their bits order as they do. The sort is stable.
        self.pairs.sort_by_key(|pair| !pair.frequency.to_bits());
        let pairs = core::mem::take(&mut self.pairs);
        // A branch that makes a value in its slot overwrites what the edges behind it would read from there.
        let keeps_apart = |value: Value| code.values[value].on_branch && live.is_made_in_slot(value);
        for &Pair { from, to, .. } in &pairs {
            if keeps_apart(from) || keeps_apart(to) {
                continue;
            }
            let (a, b) = (self.find(from), self.find(to));
            if a.is_valid() && b.is_valid() && a != b {
                self.merge(a, b);
            }
        }
        self.pairs = pairs;
    }

    /// Merges two bundles if they do not overlap: the one of fewer live ranges into the other.
    fn merge(&mut self, a: Bundle, b: Bundle) {
        let len = |bundle: Bundle| self.bundles[bundle].ranges.1 - self.bundles[bundle].ranges.0;
        let (into, from) = if len(a) < len(b) { (b, a) } else { (a, b) };
        if len(a) + len(b) > MAX_MERGED {
            return;
        }
        let (large, small) = (self.ranges(into), self.ranges(from));
        let overlaps = |range: &LiveRange| {
            let next = large.partition_point(|other| other.to <= range.from);
            large.get(next).is_some_and(|other| other.from < range.to)
        };
        if small.iter().any(overlaps) {
            return;
        }
        for index in self.bundles[from].ranges.0..self.bundles[from].ranges.1 {
            self.bundle_of[self.ranges[index as usize].value] = into;
        }
        self.insert(into, from);
    }

    /// Puts the live ranges of `from` among those of `into`. A bundle that grows gets room for twice as many, so that
    /// one that many are merged into is not copied each time.
    fn insert(&mut self, into: Bundle, from: Bundle) {
        let (small_start, mut small) = self.bundles[from].ranges;
        let (mut start, end) = self.bundles[into].ranges;
        let total = end - start + (small - small_start);
        if total > self.room[into] {
            let fresh = self.ranges.len() as u32;
            self.ranges.extend_from_within(start as usize..end as usize);
            start = fresh;
            self.room[into] = total.next_power_of_two();
            let filler = self.ranges[small_start as usize];
            self.ranges.resize((start + self.room[into]) as usize, filler);
        }
        // From the last on: what comes before the first that is inserted stays where it is.
        let (mut large, mut hole) = (start + total - (small - small_start), start + total);
        while small > small_start {
            hole -= 1;
            let last = self.ranges[small as usize - 1];
            if large > start && self.ranges[large as usize - 1].from > last.from {
                large -= 1;
                self.ranges[hole as usize] = self.ranges[large as usize];
            } else {
                small -= 1;
                self.ranges[hole as usize] = last;
            }
        }
        self.bundles[into].ranges = (start, start + total);
        self.bundles[from].ranges = (0, 0);
    }

    /// Cuts a bundle in two at a point that lies inside of it; returns the second part.
    pub(crate) fn cut(&mut self, bundle: Bundle, at: Point, live: &LiveRanges) -> Bundle {
        let (start, end) = self.bundles[bundle].ranges;
        let list = &self.ranges[start as usize..end as usize];
        let middle = start + list.partition_point(|range| range.to <= at) as u32;
        let cut = self.ranges[middle as usize];
        let is_inside = cut.from < at;
        let (mut before, mut after) = (cut, cut);
        if is_inside {
            let split = cut.uses.0 + uses(live, &cut).partition_point(|u| u.from < at) as u32;
            (before.to, before.uses.1) = (at, split);
            (after.from, after.uses.0) = (at, split);
        }
        let fresh = self.ranges.len() as u32;
        let set = self.bundles[bundle].set;
        let second = if middle - start < end - middle {
            self.ranges.extend_from_within(start as usize..middle as usize);
            if is_inside {
                self.ranges.push(before);
            }
            self.ranges[middle as usize] = after;
            self.bundles[bundle].ranges = (fresh, self.ranges.len() as u32);
            (middle, end)
        } else {
            self.ranges.push(after);
            self.ranges.extend_from_within(middle as usize + 1..end as usize);
            self.ranges[middle as usize] = before;
            self.bundles[bundle].ranges = (start, middle + u32::from(is_inside));
            (fresh, self.ranges.len() as u32)
        };
        let second = self.bundles.push(BundleData { ranges: second, set, ..NEW });
        if self.bundles[bundle].tally.is_valid() {
            self.divide_tally(bundle, second, is_inside, live);
        }
        second
    }

    /// Divides the tally of a bundle that has been cut in two. Only the smaller part is looked at.
    /// (If the cut was inside of a live range, that is two now.)
    fn divide_tally(&mut self, first: Bundle, second: Bundle, was_inside: bool, live: &LiveRanges) {
        let whole = core::mem::take(&mut self.bundles[first].tally);
        let (a, b) = (self.ranges(first), self.ranges(second));
        // How large the one of fewer live ranges is tells how large the other is.
        let total = self.tallies[whole].size + u32::from(was_inside);
        let a_size = if a.len() <= b.len() { size(a) } else { total - size(b) };
        let b_size = total - a_size;
        let (small, large, rest) = if a_size <= b_size { (first, second, b_size) } else { (second, first, a_size) };
        let small_size = total - rest;
        if rest <= MAX_COUNTED {
            return;
        }
        let part = Tally::of(self.ranges(small), live);
        let mut left = self.tallies[whole].without(&part, rest);
        if left.cost < self.tallies[whole].cost * LEFT_OVER {
            left = Tally::of(self.ranges(large), live);
        }
        if small_size > MAX_COUNTED {
            self.bundles[small].tally = self.tallies.push(part);
        }
        self.tallies[whole] = left;
        self.bundles[large].tally = whole;
    }

    /// Derives from its uses what a bundle asks for.
    pub(crate) fn describe(&mut self, bundle: Bundle, points: &Points, live: &LiveRanges) {
        let mut data = self.bundles[bundle];
        let ranges = self.ranges(bundle);
        if data.tally.is_invalid() && size(ranges) > MAX_COUNTED {
            data.tally = self.tallies.push(Tally::of(self.ranges(bundle), live));
        }
        let ranges = self.ranges(bundle);
        if data.tally.is_valid() {
            let tally = &self.tallies[data.tally];
            (data.length, data.cost) = (tally.length, tally.cost as f32);
            (data.limit, data.needs_register) = (tally.limit_mask(), tally.in_registers > 0);
        } else {
            (data.length, data.cost, data.limit, data.needs_register) = (0, 0.0, !0, false);
            for range in ranges {
                data.length += range.to.0 - range.from.0;
                for use_ in uses(live, range) {
                    data.cost += use_.weight;
                    data.limit &= use_.limit_mask();
                    data.needs_register |= use_.needs_register();
                }
            }
        }
        data.minimal = match ranges {
            [only] if points.is_minimal(only.from, only.to) => {
                let needed = uses(live, only).iter().filter(|use_| use_.needs_register());
                !data.needs_register || needed.map(|use_| use_.to).max() >= Some(only.to)
            }
            _ => false,
        };
        // (Clients may give any frequency.)
        data.weight = (data.cost / data.length as f32).min(HEAVIEST);
        if self.sets[data.set].is_split && !data.minimal {
            data.weight *= BROKEN;
        }
        self.bundles[bundle] = data;
    }
}

/// The uses in a live range.
#[inline]
pub(crate) fn uses<'a>(live: &'a LiveRanges, range: &LiveRange) -> &'a [Use] {
    &live.uses[range.uses.0 as usize..range.uses.1 as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::OpIndex;
    use proptest::prelude::*;

    /// One bundle of a live range of three points for each list of uses. (The weights have exact sums.)
    fn bundle_of(lists: &[Vec<u8>]) -> (Bundles, LiveRanges) {
        let (mut bundles, mut live) = <(Bundles, LiveRanges)>::default();
        for (list, at) in lists.iter().zip((0..).step_by(4)) {
            let first = live.uses.len() as u32;
            for &kind in list {
                let (from, to, limit) = (Point(at), Point(at + 1), kind % 8);
                let kind = if kind % 3 == 0 { UseKind::Reg(OpIndex::new(0)) } else { UseKind::Any(OpIndex::new(0)) };
                live.uses.push(Use { from, to, kind, weight: f32::from(limit * 4), limit });
            }
            let uses = (first, live.uses.len() as u32);
            bundles.ranges.push(LiveRange { from: Point(at), to: Point(at + 3), value: Value::new(0), uses });
        }
        let ranges = (0, bundles.ranges.len() as u32);
        let whole = bundles.bundles.push(BundleData { ranges, ..NEW });
        let tally = Tally::of(bundles.ranges(whole), &live);
        bundles.bundles[whole].tally = bundles.tallies.push(tally);
        (bundles, live)
    }

    proptest! {
        /// However a bundle is cut up, the tally of each large part is what counting that part says, and small ones have
        /// none.
        #[test]
        fn tallies_of_parts_are_their_counts(
            lists in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 400..800),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let (mut bundles, live) = bundle_of(&lists);
            for cut in cuts {
                let at = Point(1 + cut.index(4 * lists.len() - 2) as u32);
                let is_inside = |&part: &Bundle| {
                    let list = bundles.ranges(part);
                    list[0].from < at && at < list[list.len() - 1].to
                };
                if let Some(part) = bundles.bundles.keys().find(is_inside) {
                    bundles.cut(part, at, &live);
                }
            }
            for part in bundles.bundles.keys() {
                let (list, tally) = (bundles.ranges(part), bundles.bundles[part].tally);
                prop_assert_eq!(tally.is_valid(), size(list) > MAX_COUNTED);
                if tally.is_valid() {
                    prop_assert_eq!(bundles.tallies[tally], Tally::of(list, &live));
                }
            }
        }
    }
}
