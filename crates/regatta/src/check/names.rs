//! The lattice: what is known of a location's contents.
//!
//! A location holds a value, and a value may have several names: an argument and the parameter that it was passed to are
//! two names of one value. What is known of a location is the set of names that its contents surely have at the moment.
//! The empty set says that nothing is known. Where paths meet, the sets are intersected.
//!
//! Nearly all sets have one member or none. Such a set is its own number; the larger ones are interned, so that a set is
//! always four bytes, and two sets are equal when their numbers are.

use crate::ir::VReg;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// A set of names, by its number: 0 for none, `n + 1` for virtual register n alone, beyond that an interned set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NameSet(u32);

impl NameSet {
    pub(super) const EMPTY: Self = Self(0);
}

/// So many names a set may always have. It may have more as long as the work that larger sets make is in proportion to the
/// function. Beyond that, names that no use can be ahead of are dropped first, then those with the lowest numbers, which can only
/// make the checker reject what is right. It bounds what a chain of blocks that pass a value on under ever new names costs.
const MOST_NAMES: usize = 64;
/// How many names larger sets may have together, for each instruction and virtual register.
const WORK: usize = 64;
/// And in any function: a small one may pass a value on under all names that it has.
const LEAST_WORK: usize = 1 << 22;

/// The interned sets.
#[derive(Debug)]
pub(super) struct Names {
    num_vregs: u32,
    /// Members of the interned sets, sorted; at least two each.
    sets: Vec<Rc<[u32]>>,
    index: BTreeMap<Rc<[u32]>, NameSet>,
    scratch: Vec<u32>,
    /// How many names more in larger sets.
    budget: usize,
}

impl Names {
    pub(super) fn new(num_vregs: usize, num_insts: usize) -> Self {
        let budget = LEAST_WORK + WORK * (num_vregs + num_insts);
        Self { num_vregs: num_vregs as u32, sets: Vec::new(), index: BTreeMap::new(), scratch: Vec::new(), budget }
    }

    /// The set of one name. A virtual register that the function does not have names nothing.
    #[inline]
    pub(super) fn only(&self, vreg: VReg) -> NameSet {
        if vreg.vreg() < self.num_vregs as usize { NameSet(vreg.vreg() as u32 + 1) } else { NameSet::EMPTY }
    }

    #[inline]
    pub(super) fn contains(&self, set: NameSet, vreg: VReg) -> bool {
        if set.0 <= self.num_vregs {
            set.0 as usize == vreg.vreg() + 1
        } else {
            self.members(set).binary_search(&(vreg.vreg() as u32)).is_ok()
        }
    }

    /// The sorted members of a set. For one with a single member, see [`Names::single`].
    fn members(&self, set: NameSet) -> &[u32] {
        if set.0 <= self.num_vregs { &[] } else { &self.sets[(set.0 - self.num_vregs - 1) as usize] }
    }

    /// The only member of a set that has one member.
    #[inline]
    fn single(&self, set: NameSet) -> Option<u32> {
        (set != NameSet::EMPTY && set.0 <= self.num_vregs).then(|| set.0 - 1)
    }

    /// Does this hold of any member?
    #[inline]
    pub(super) fn any(&self, set: NameSet, mut holds: impl FnMut(u32) -> bool) -> bool {
        match self.single(set) {
            Some(vreg) => holds(vreg),
            None => self.members(set).iter().any(|&vreg| holds(vreg)),
        }
    }

    /// The set of what is in both.
    #[inline]
    pub(super) fn meet(&mut self, a: NameSet, b: NameSet) -> NameSet {
        if a == b { a } else { self.meet_unequal(a, b) }
    }

    fn meet_unequal(&mut self, a: NameSet, b: NameSet) -> NameSet {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        if low == NameSet::EMPTY || high.0 <= self.num_vregs {
            return NameSet::EMPTY;
        }
        if let Some(vreg) = self.single(low) {
            return if self.members(high).binary_search(&vreg).is_ok() { low } else { NameSet::EMPTY };
        }
        let mut both = core::mem::take(&mut self.scratch);
        both.clear();
        let other = self.members(high);
        both.extend(self.members(low).iter().filter(|&vreg| other.binary_search(vreg).is_ok()));
        let set = self.intern(&both);
        self.scratch = both;
        set
    }

    /// The set that results when every member is replaced by zero or more names: `rename` is called for each member and
    /// pushes what it becomes. Where that makes too many, those go first that are not `needed`.
    pub(super) fn rename(
        &mut self,
        set: NameSet,
        mut rename: impl FnMut(u32, &mut Vec<u32>),
        needed: impl Fn(u32) -> bool,
    ) -> NameSet {
        let mut renamed = core::mem::take(&mut self.scratch);
        renamed.clear();
        if let Some(vreg) = self.single(set) {
            rename(vreg, &mut renamed);
        }
        for &vreg in self.members(set) {
            rename(vreg, &mut renamed);
        }
        renamed.sort_unstable();
        renamed.dedup();
        if renamed.len() > MOST_NAMES {
            renamed.retain(|&name| needed(name));
        }
        let mut excess = renamed.len().saturating_sub(MOST_NAMES);
        if excess > 0
            && let Some(left) = self.budget.checked_sub(renamed.len())
        {
            (self.budget, excess) = (left, 0);
        }
        let set = self.intern(&renamed[excess..]);
        self.scratch = renamed;
        set
    }

    /// The set without the name.
    pub(super) fn without(&mut self, set: NameSet, vreg: VReg) -> NameSet {
        if !self.contains(set, vreg) {
            return set;
        }
        self.rename(
            set,
            |name, names| {
                if name as usize != vreg.vreg() {
                    names.push(name);
                }
            },
            |_| true,
        )
    }

    fn intern(&mut self, members: &[u32]) -> NameSet {
        match *members {
            [] => NameSet::EMPTY,
            [vreg] => NameSet(vreg + 1),
            _ => {
                if let Some(&set) = self.index.get(members) {
                    return set;
                }
                let set = NameSet(self.num_vregs + 1 + self.sets.len() as u32);
                let members: Rc<[u32]> = members.into();
                self.sets.push(members.clone());
                self.index.insert(members, set);
                set
            }
        }
    }

    /// The names in words: `v3`, `v3 = v8`, or that nothing is known.
    pub(super) fn describe(&self, set: NameSet) -> String {
        let mut text = String::new();
        for vreg in self.single(set).iter().chain(self.members(set)) {
            let equals = if text.is_empty() { "" } else { " = " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{equals}v{vreg}");
        }
        if text.is_empty() {
            text.push_str("no known value");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::RegClass;

    fn v(number: usize) -> VReg {
        VReg::new(number, RegClass::Int)
    }

    fn set(names: &mut Names, members: &[u32]) -> NameSet {
        let any = names.only(v(0));
        names.rename(any, |_, out| out.extend(members), |name| name != 5)
    }

    #[test]
    fn a_set_of_one_is_its_own_number_and_a_larger_one_is_interned_once() {
        let mut names = Names::new(10, 0);
        assert_eq!(set(&mut names, &[4]), names.only(v(4)));
        assert_eq!(set(&mut names, &[]), NameSet::EMPTY);
        let pair = set(&mut names, &[7, 3]);
        assert_eq!(pair, set(&mut names, &[3, 7, 3]));
        assert!(names.contains(pair, v(3)) && names.contains(pair, v(7)) && !names.contains(pair, v(4)));
        assert_eq!(names.describe(pair), "v3 = v7");
        assert_eq!(names.only(v(10)), NameSet::EMPTY, "there is no v10");
    }

    #[test]
    fn meeting_is_intersection() {
        let mut names = Names::new(10, 0);
        let (three, pair) = (names.only(v(3)), set(&mut names, &[3, 7]));
        let (triple, other) = (set(&mut names, &[3, 7, 9]), set(&mut names, &[1, 7]));
        assert_eq!(names.meet(three, pair), three);
        assert_eq!(names.meet(pair, triple), pair);
        assert_eq!(names.meet(triple, other), names.only(v(7)));
        assert_eq!(names.meet(three, other), NameSet::EMPTY);
        assert_eq!(names.meet(pair, NameSet::EMPTY), NameSet::EMPTY);
        assert_eq!(names.without(pair, v(3)), names.only(v(7)));
    }

    #[test]
    fn a_value_with_very_many_names_loses_those_not_needed_then_the_lowest() {
        let mut names = Names::new(200, 0);
        let all: Vec<u32> = (0..200).collect();
        let many = set(&mut names, &all);
        assert!(names.contains(many, v(199)) && names.contains(many, v(0)) && !names.contains(many, v(5)));
        names.budget = 100;
        let many = set(&mut names, &all);
        assert!(names.contains(many, v(199)) && names.contains(many, v(136)) && !names.contains(many, v(135)));
    }
}
