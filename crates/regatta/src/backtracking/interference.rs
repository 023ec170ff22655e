//! Interference: which registers are free over a stretch of points, asked once for all registers.
//!
//! The question of a backtracking allocator is: which registers are free everywhere in these live ranges? With an
//! ordered map of live ranges for each register, it is asked again for every register. Here it is one walk up a tree,
//! for all registers of a class at once, since 64 registers fit into a word.
//!
//! The leaves of the tree are the points, and a node has [`FAN_OUT`] children. A node keeps two masks: the registers
//! taken *somewhere* below it (`any`), and those taken *all through* it by one live range that was entered here and not
//! below (`all`). A stretch of points is made of O(log) groups of at most two times fan-out nodes. To take a register,
//! it is entered in these nodes, and in `any` of the nodes above the ends of the stretch. A query collects `any` of
//! these nodes and `all` of those above the ends. Both take O(fan-out × log points); live ranges are short, and most
//! never leave the leaves.
//!
//! *Who* has taken a register matters only when a bundle is to be evicted. One ordered map a register answers that;
//! taking and freeing a register keeps it up to date.
//!
//! Registers that instructions claim for themselves (clobbers, fixed operands) are entered in the leaves before
//! everything else. They are kept a second time in a sparse tree of the points that have any, to tell what no eviction
//! can free.

use super::bundles::Bundle;
use super::points::Point;
use crate::ir::PReg;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

const FAN_SHIFT: u32 = 4;
const FAN_OUT: u32 = 1 << FAN_SHIFT;

/// Masks of registers taken over stretches of `0..len`.
#[derive(Debug, Default)]
pub(crate) struct MaskTree {
    any: Vec<u64>,
    all: Vec<u64>,
    /// Where each level begins, the leaves first.
    levels: Vec<u32>,
}

impl MaskTree {
    /// Makes a tree of `len` leaves with nothing taken.
    pub(crate) fn reset(&mut self, len: u32) {
        self.levels.clear();
        let (mut start, mut count) = (0, len);
        loop {
            self.levels.push(start);
            start += count;
            if count <= 1 {
                break;
            }
            count = count.div_ceil(FAN_OUT);
        }
        self.any.clear();
        self.any.resize(start as usize, 0);
        self.all.clear();
        // Leaves need no second mask.
        self.all.resize((start - len) as usize, 0);
    }

    /// Takes the registers of `mask` at the leaf; [`MaskTree::build`] must follow.
    pub(crate) fn preset(&mut self, leaf: u32, mask: u64) {
        self.any[leaf as usize] |= mask;
    }

    /// Tells the upper levels what [`MaskTree::preset`] has entered in the leaves.
    pub(crate) fn build(&mut self) {
        for level in 1..self.levels.len() {
            let (below, here) = (self.levels[level - 1] as usize, self.levels[level] as usize);
            let end = self.levels.get(level + 1).map_or(self.any.len(), |&end| end as usize);
            let (children, nodes) = self.any[below..end].split_at_mut(here - below);
            for (node, group) in nodes.iter_mut().zip(children.chunks(FAN_OUT as usize)) {
                *node = group.iter().fold(0, |mask, child| mask | child);
            }
        }
    }

    #[inline(always)]
    fn leaves(&self) -> u32 {
        self.levels.get(1).copied().unwrap_or(self.any.len() as u32)
    }

    /// The registers that are taken somewhere in `from..to`.
    #[inline]
    pub(crate) fn taken(&self, from: u32, to: u32) -> u64 {
        debug_assert!(from < to && to <= self.leaves());
        let (mut mask, mut left, mut right) = (0, from, to);
        let (mut first, mut last) = (from, to - 1);
        for (level, &start) in self.levels.iter().enumerate() {
            if level > 0 {
                first >>= FAN_SHIFT;
                last >>= FAN_SHIFT;
                let all = start - self.levels[1];
                mask |= self.all[(all + first) as usize] | self.all[(all + last) as usize];
                if left >= right {
                    continue;
                }
            }
            if right - left < FAN_OUT {
                mask = self.any[(start + left) as usize..(start + right) as usize].iter().fold(mask, |m, x| m | x);
                (left, right) = (0, 0);
                continue;
            }
            let inner = (left.next_multiple_of(FAN_OUT), right & !(FAN_OUT - 1));
            mask = self.any[(start + left) as usize..(start + inner.0) as usize].iter().fold(mask, |m, x| m | x);
            mask = self.any[(start + inner.1) as usize..(start + right) as usize].iter().fold(mask, |m, x| m | x);
            (left, right) = (inner.0 >> FAN_SHIFT, inner.1 >> FAN_SHIFT);
        }
        mask
    }

    /// Takes the registers of `bit` in `from..to`. Only if they were free there can they be freed again.
    pub(crate) fn take(&mut self, from: u32, to: u32, bit: u64) {
        debug_assert!(from < to);
        let (mut left, mut right) = (from, to);
        let (mut first, mut last) = (from, to - 1);
        for level in 0..self.levels.len() {
            let start = self.levels[level];
            if level > 0 {
                first >>= FAN_SHIFT;
                last >>= FAN_SHIFT;
                self.any[(start + first) as usize] |= bit;
                self.any[(start + last) as usize] |= bit;
            }
            self.groups(level, &mut left, &mut right, |any, all| {
                *any |= bit;
                if let Some(all) = all {
                    *all |= bit;
                }
            });
        }
    }

    /// Frees the registers of `bit`, which have been taken in `from..to` as a whole.
    pub(crate) fn free(&mut self, from: u32, to: u32, bit: u64) {
        let (mut left, mut right) = (from, to);
        let (mut first, mut last) = (from, to - 1);
        for level in 0..self.levels.len() {
            if level > 0 {
                first >>= FAN_SHIFT;
                last >>= FAN_SHIFT;
                self.recollect(level, first, bit);
                if last != first {
                    self.recollect(level, last, bit);
                }
            }
            self.groups(level, &mut left, &mut right, |any, all| {
                *any &= !bit;
                if let Some(all) = all {
                    *all &= !bit;
                }
            });
        }
    }

    /// Calls `change` with the masks of the nodes of a level that are part of the stretch `left..right`, in numbers of
    /// that level, and leaves what the level above is to handle.
    #[inline]
    fn groups(
        &mut self,
        level: usize,
        left: &mut u32,
        right: &mut u32,
        mut change: impl FnMut(&mut u64, Option<&mut u64>),
    ) {
        if *left >= *right {
            return;
        }
        let top = level + 1 == self.levels.len();
        let inner = if top || *right - *left < FAN_OUT {
            (*right, *right)
        } else {
            (left.next_multiple_of(FAN_OUT), *right & !(FAN_OUT - 1))
        };
        let start = self.levels[level];
        let leaves = self.leaves();
        for node in (*left..inner.0).chain(inner.1..*right) {
            let index = start + node;
            let all = if level == 0 { None } else { Some(&mut self.all[(index - leaves) as usize]) };
            change(&mut self.any[index as usize], all);
        }
        (*left, *right) = if inner.0 < inner.1 { (inner.0 >> FAN_SHIFT, inner.1 >> FAN_SHIFT) } else { (0, 0) };
    }

    /// Finds out anew whether the registers of `bit` are taken somewhere below a node.
    fn recollect(&mut self, level: usize, node: u32, bit: u64) {
        let (below, start) = (self.levels[level - 1], self.levels[level]);
        let children = below + (node << FAN_SHIFT)..(below + ((node + 1) << FAN_SHIFT)).min(start);
        let below = self.any[children.start as usize..children.end as usize].iter().fold(0, |m, x| m | x);
        let all = self.all[(start + node - self.leaves()) as usize];
        let any = &mut self.any[(start + node) as usize];
        *any = *any & !bit | (below | all) & bit;
    }

    /// Walks from `from` towards `to` as long as one of `candidates` is free all the way; takes those that are not out
    /// of `candidates`, and returns where the last one ends (or `to`).
    pub(crate) fn free_until(&self, from: u32, to: u32, candidates: &mut u64) -> u32 {
        let mut at = from;
        while at < to {
            // The largest node that begins here, ends in time, and leaves a candidate.
            let above = self.taken_through(at);
            let free = *candidates & !above;
            let mut level = 0;
            let mut found = 0;
            let mut step = 1;
            while level < self.levels.len() && at & (step - 1) == 0 && step <= to - at {
                let left = free & !self.any[(self.levels[level] + (at >> (level as u32 * FAN_SHIFT))) as usize];
                if left == 0 {
                    break;
                }
                found = left;
                level += 1;
                step <<= FAN_SHIFT;
            }
            if level == 0 {
                return at;
            }
            *candidates = found;
            at += step >> FAN_SHIFT;
        }
        to
    }

    /// The registers taken all through some node above the leaf.
    fn taken_through(&self, leaf: u32) -> u64 {
        let mut mask = 0;
        let mut node = leaf;
        for &start in self.levels.iter().skip(1) {
            node >>= FAN_SHIFT;
            mask |= self.all[(start - self.levels[1] + node) as usize];
        }
        mask
    }
}

/// The registers of one class.
#[derive(Debug, Default)]
pub(crate) struct Registers {
    taken: MaskTree,
    /// The points at which instructions claim registers for themselves, and the tree over these.
    claimed_at: Vec<Point>,
    claimed: MaskTree,
    /// The live ranges in each register, by their first points: where it ends, and whose it is.
    owners: Vec<BTreeMap<Point, (Point, Bundle)>>,
}

impl Registers {
    /// Starts with what instructions claim for themselves: `claims`, in descending order of points.
    pub(crate) fn reset(&mut self, end: Point, claims: &[(Point, u64)]) {
        self.taken.reset(end.0);
        self.claimed_at.clear();
        for &(point, mask) in claims.iter().rev() {
            self.taken.preset(point.0, mask);
            if self.claimed_at.last() != Some(&point) {
                self.claimed_at.push(point);
            }
        }
        self.taken.build();
        self.claimed.reset(self.claimed_at.len() as u32);
        for index in 0..self.claimed_at.len() {
            self.claimed.preset(index as u32, self.taken.any[self.claimed_at[index].0 as usize]);
        }
        self.claimed.build();
        self.owners.resize_with(64, BTreeMap::new);
        self.owners.iter_mut().for_each(BTreeMap::clear);
    }

    /// The registers taken somewhere in `from..to`.
    #[inline]
    pub(crate) fn taken(&self, from: Point, to: Point) -> u64 {
        self.taken.taken(from.0, to.0)
    }

    /// The registers that instructions claim somewhere in `from..to`.
    pub(crate) fn claimed(&self, from: Point, to: Point) -> u64 {
        let first = self.claimed_at.partition_point(|&at| at < from);
        let last = first + self.claimed_at[first..].partition_point(|&at| at < to);
        if first < last { self.claimed.taken(first as u32, last as u32) } else { 0 }
    }

    /// Until where one of `candidates` stays free; see [`MaskTree::free_until`].
    pub(crate) fn free_until(&self, from: Point, to: Point, candidates: &mut u64) -> Point {
        Point(self.taken.free_until(from.0, to.0, candidates))
    }

    /// Gives `from..to` of register number `reg` to `bundle`.
    pub(crate) fn take(&mut self, from: Point, to: Point, reg: u8, bundle: Bundle) {
        debug_assert!(self.taken(from, to) >> reg & 1 == 0, "taken twice");
        self.taken.take(from.0, to.0, 1 << reg);
        self.owners[usize::from(reg)].insert(from, (to, bundle));
    }

    /// Marks `from..to` of the register as taken, by nobody in particular, whether it has been taken before or not.
    pub(crate) fn keep(&mut self, from: Point, to: Point, reg: PReg) {
        if from < to {
            self.taken.take(from.0, to.0, 1 << reg.hw_enc());
        }
    }

    /// Takes it back.
    pub(crate) fn free(&mut self, from: Point, to: Point, reg: u8) {
        self.taken.free(from.0, to.0, 1 << reg);
        self.owners[usize::from(reg)].remove(&from);
    }

    /// Says that what begins at `from` in the register, and remains there, is of another bundle from now on.
    pub(crate) fn rename(&mut self, from: Point, reg: u8, bundle: Bundle) {
        if let Some(owner) = self.owners[usize::from(reg)].get_mut(&from) {
            owner.1 = bundle;
        }
    }

    /// The bundles that have a part of `from..to` in register number `reg`, in order; one that has several is named
    /// several times.
    pub(crate) fn owners(&self, from: Point, to: Point, reg: u8) -> impl Iterator<Item = Bundle> + '_ {
        let map = &self.owners[usize::from(reg)];
        let before = map.range(..from).next_back().filter(|(_, owner)| owner.0 > from);
        before.into_iter().chain(map.range(from..to)).map(|(_, owner)| owner.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against an array of masks, one a point.
        #[test]
        fn the_tree_knows_what_an_array_knows(
            len in 1u32..700,
            steps in prop::collection::vec((0u32..700, 1u32..400, 0u32..5), 1..60),
        ) {
            let mut tree = MaskTree::default();
            tree.reset(len);
            let mut array = alloc::vec![0u64; len as usize];
            let mut entered: Vec<(u32, u32, u64)> = Vec::new();
            for (from, length, reg) in steps {
                let from = from % len;
                let to = (from + length).min(len);
                let stretch = from as usize..to as usize;
                let taken = array[stretch.clone()].iter().fold(0, |m, x| m | x);
                prop_assert_eq!(tree.taken(from, to), taken);
                let mut candidates = 0b11111;
                let until = tree.free_until(from, to, &mut candidates);
                let mut left = 0b11111;
                let mut expected = from;
                while expected < to && left & !array[expected as usize] != 0 {
                    left &= !array[expected as usize];
                    expected += 1;
                }
                prop_assert_eq!((until, candidates), (expected, left));
                let bit = 1 << reg;
                if taken & bit == 0 {
                    tree.take(from, to, bit);
                    array[stretch].iter_mut().for_each(|m| *m |= bit);
                    entered.push((from, to, bit));
                } else if let Some(index) = entered.iter().position(|e| e.2 == bit) {
                    let (from, to, bit) = entered.swap_remove(index);
                    tree.free(from, to, bit);
                    array[from as usize..to as usize].iter_mut().for_each(|m| *m &= !bit);
                }
            }
        }
    }

    #[test]
    fn claims_cannot_be_evicted() {
        let mut registers = Registers::default();
        registers.reset(Point(100), &[(Point(50), 0b110), (Point(50), 0b1), (Point(10), 0b1000)]);
        assert_eq!(registers.claimed(Point(11), Point(51)), 0b111);
        assert_eq!(registers.claimed(Point(11), Point(50)), 0);
        assert_eq!(registers.taken(Point(0), Point(100)), 0b1111);
        registers.take(Point(11), Point(40), 3, Bundle::new(7));
        registers.take(Point(51), Point(60), 3, Bundle::new(8));
        let owners: Vec<_> = registers.owners(Point(20), Point(52), 3).collect();
        assert_eq!(owners, [Bundle::new(7), Bundle::new(8)]);
        registers.free(Point(11), Point(40), 3);
        assert_eq!(registers.taken(Point(11), Point(50)), 0);
    }
}
