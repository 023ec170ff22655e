//! Eviction: which register a bundle takes from others that weigh less, and what of them has to leave it.
//!
//! Of a bundle of many live ranges only the neighbourhood of what is in the way leaves: [`LEEWAY`] live ranges on either
//! side, enough for the split that is likely to follow to look for colder code. The rest stays where it is. If all of it
//! left, it would be placed again as soon as it is split, all but the first few live ranges, and be in the way of the
//! next bundle a few instructions on: a value that lives through everything was put into registers and out of them once
//! for each instruction that needed one, which took time in proportion to the square of the function's length.
//!
//! Cost: O(log points) for each live range that is in the way or within the leeway, and for each of the smaller of the
//! two parts into which a bundle is cut, so that all cuts of a bundle together look at each live range O(log ranges)
//! times.

use super::super::bundles::{Bundle, BundleData, Bundles};
use super::super::points::Point;
use super::{AllocRegResult, Assign, Input, RELUCTANCE, RegTraversalIter};
use crate::code::NO_REG;
use core::cmp::Reverse;

/// How many live ranges on either side of what is in the way leave with it.
const LEEWAY: usize = 32;

impl Assign {
    /// Puts the bundle into a register by evicting what weighs less, if there is one.
    pub(super) fn evict(
        &mut self,
        on: Input<'_>,
        bundles: &mut Bundles,
        bundle: Bundle,
        candidates: u64,
        dear: u64,
    ) -> bool {
        let Some(reg) = self.weakest(bundles, bundle, candidates, dear) else { return false };
        let weight = bundles.bundles[bundle].weight;
        if let AllocRegResult::Conflict(_) = self.try_to_allocate_bundle_to_reg(bundles, bundle, reg, weight) {
            let evicted = core::mem::take(&mut self.conflicts);
            let (from, to) = bundles.stretch(bundle);
            for &owner in &evicted {
                if let Some(part) = self.part_in_the_way(on, bundles, owner, from, to) {
                    self.remove(bundles, part);
                    self.enqueue(on, bundles, part);
                } else {
                    self.remove(bundles, owner);
                    self.queue.push((bundles.bundles[owner].length, Reverse(owner)));
                }
            }
            self.evictions += evicted.len();
            self.conflicts = evicted;
            self.place(bundles, bundle, reg);
        }
        true
    }

    /// The register of `candidates` whose heaviest owner in the way of the bundle is the lightest, if it is lighter
    /// than the bundle. All registers are followed through the bundle together, each until it meets an owner that is
    /// too heavy.
    fn weakest(&self, bundles: &Bundles, bundle: Bundle, candidates: u64, dear: u64) -> Option<u8> {
        let registers = &self.registers[bundles.set(bundle).class.index()];
        let data = bundles.bundles[bundle];
        let limit = match data.minimal {
            true => data.weight,
            false if bundles.sets[data.set].is_split => return None,
            false => data.weight * RELUCTANCE,
        };
        let mut heaviest = [0.0f32; 64];
        let mut movable = candidates;
        for range in bundles.ranges(bundle) {
            movable &= !registers.claimed(range.from, range.to);
            let mut taken = movable & registers.taken(range.from, range.to);
            while taken != 0 {
                let reg = taken.trailing_zeros();
                taken &= taken - 1;
                for owner in registers.owners(range.from, range.to, reg as u8) {
                    let weight = bundles.bundles[owner].weight;
                    if weight >= limit {
                        movable &= !(1 << reg);
                        break;
                    }
                    heaviest[reg as usize] = weight.max(heaviest[reg as usize]);
                }
            }
            if movable == 0 {
                return None;
            }
        }
        let hint = bundles.set(bundle).hint;
        let mut best: Option<u8> = None;
        for reg in RegTraversalIter::new(movable, hint, dear) {
            if best.is_none_or(|best| heaviest[usize::from(reg)] < heaviest[usize::from(best)]) {
                best = Some(reg);
            }
        }
        best
    }

    /// Takes the bundle out of its register.
    pub(super) fn remove(&mut self, bundles: &mut Bundles, bundle: Bundle) {
        let class = bundles.set(bundle).class.index();
        let reg = core::mem::replace(&mut bundles.bundles[bundle].reg, NO_REG);
        for range in bundles.ranges(bundle) {
            self.registers[class].free(range.from, range.to, reg);
        }
    }

    /// Cuts out of a bundle in a register what is in the way of something in `from..to`, with some leeway; what is left
    /// stays in the register. `None` if that would be about all of it.
    fn part_in_the_way(
        &mut self,
        on: Input<'_>,
        bundles: &mut Bundles,
        owner: Bundle,
        from: Point,
        to: Point,
    ) -> Option<Bundle> {
        let ranges = bundles.ranges(owner);
        if ranges.len() <= 4 * LEEWAY {
            return None;
        }
        let first = ranges.partition_point(|range| range.to <= from).saturating_sub(LEEWAY);
        let last = (ranges.partition_point(|range| range.from < to) + LEEWAY).min(ranges.len());
        // Nothing of less than the leeway is left behind.
        let first = if first < LEEWAY { 0 } else { first };
        let last = if last + LEEWAY > ranges.len() { ranges.len() } else { last };
        if 2 * (last - first) > ranges.len() {
            return None;
        }
        let start = (first > 0).then(|| ranges[first].from);
        let end = ranges.get(last).map(|range| range.from);
        let set = bundles.bundles[owner].set;
        bundles.sets[set].is_split = true;
        self.splits += 1;
        let mut part = owner;
        if let Some(at) = end {
            [part, _] = self.cut_in_place(on, bundles, part, at);
        }
        if let Some(at) = start {
            [_, part] = self.cut_in_place(on, bundles, part, at);
        }
        Some(part)
    }

    /// Cuts a bundle in its register in two. The larger part keeps the name, so that few live ranges are renamed.
    fn cut_in_place(&mut self, on: Input<'_>, bundles: &mut Bundles, bundle: Bundle, at: Point) -> [Bundle; 2] {
        let BundleData { set, reg, .. } = bundles.bundles[bundle];
        let new = bundles.cut(bundle, at, on.live);
        bundles.bundles[new].reg = reg;
        let parts = if bundles.ranges(new).len() > bundles.ranges(bundle).len() {
            bundles.bundles.as_mut_slice().swap(bundle.index(), new.index());
            [new, bundle]
        } else {
            [bundle, new]
        };
        let registers = &mut self.registers[bundles.sets[set].class.index()];
        for range in bundles.ranges(new) {
            registers.rename(range.from, reg, new);
        }
        for part in parts {
            bundles.describe(part, on.points, on.live);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operand;
    use crate::backtracking::points::Points;
    use crate::backtracking::ranges::LiveRanges;
    use crate::cfg::FlowGraph;
    use crate::code::Code;
    use crate::ir::{FuncBuilder, Machine, MachineEnv, PReg, RegClass};
    use proptest::prelude::*;

    const REG: u8 = 3;
    const BLOCKS: usize = 700;

    /// A bundle of [`BLOCKS`] live ranges: the value is not needed where the code is left between them.
    fn with_a_long_bundle(test: impl FnOnce(Input<'_>, &mut Assign, &mut Bundles, Bundle)) {
        let mut b = FuncBuilder::new();
        let mut block = b.block(&[]);
        let value = b.vreg(RegClass::Int);
        b.op(block, &[Operand::reg_def(value)]);
        for _ in 1..BLOCKS {
            let (leave, go_on) = (b.block(&[]), b.block(&[]));
            b.branch(block, &[], &[(leave, &[]), (go_on, &[])]);
            b.ret(leave, &[]);
            block = go_on;
        }
        b.ret(block, &[Operand::reg_use(value)]);
        let func = b.finish();
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[RegClass::Int.index()] = (0..8).map(|n| PReg::new(n, RegClass::Int)).collect();
        let machine = Machine::new(&env);
        let mut flow = FlowGraph::default();
        flow.run(&func).expect("right");
        flow.find_dominators();
        let mut code = Code::default();
        code.run(&func, &machine, &flow.graph).expect("right");
        let (mut points, mut live, mut bundles) = <(Points, LiveRanges, Bundles)>::default();
        points.run(&flow);
        live.run(&mut code, &flow, &machine);
        bundles.run(&code, &flow, &points, &live);
        let on = Input { code: &code, machine: &machine, points: &points, live: &live };
        let mut assign = Assign::default();
        assign.registers[RegClass::Int.index()].reset(points.end(), &[]);
        let bundle = bundles.bundles.keys().next().expect("the value's");
        bundles.describe(bundle, &points, &live);
        assert_eq!(bundles.ranges(bundle).len(), BLOCKS);
        assign.place(&mut bundles, bundle, REG);
        test(on, &mut assign, &mut bundles, bundle);
    }

    proptest! {
        /// Whatever is taken out of a long bundle, each live range is where its bundle says, and not much leaves at once.
        #[test]
        fn what_is_left_stays_in_its_register(places in prop::collection::vec(any::<prop::sample::Index>(), 1..12)) {
            with_a_long_bundle(|on, assign, bundles, bundle| {
                let (start, end) = bundles.stretch(bundle);
                for place in places {
                    let from = Point(start.0 + place.index((end.0 - start.0) as usize) as u32);
                    let class = RegClass::Int.index();
                    let Some(owner) = assign.registers[class].owners(from, from.plus(1), REG).next() else { continue };
                    let before = bundles.ranges(owner).len();
                    let part = assign.part_in_the_way(on, bundles, owner, from, from.plus(1));
                    let part = part.unwrap_or(owner);
                    let taken = bundles.ranges(part).len();
                    assert!(taken <= 4 * LEEWAY + 1 || taken == before && before <= 8 * LEEWAY + 2, "{taken} of {before}");
                    assign.remove(bundles, part);
                    let registers = &assign.registers[class];
                    assert!(registers.taken(from, from.plus(1)) == 0, "still in the way");
                    let mut total = 0;
                    for part in bundles.bundles.keys() {
                        let is_there = bundles.bundles[part].reg == REG;
                        total += bundles.ranges(part).len();
                        for range in bundles.ranges(part) {
                            let owner = registers.owners(range.from, range.to, REG).next();
                            assert_eq!(owner, is_there.then_some(part), "{range:?}");
                        }
                    }
                    assert_eq!(total, BLOCKS);
                }
            });
        }
    }
}
