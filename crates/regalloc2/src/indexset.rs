//! Sets of numbers, kept as words of bits.

use alloc::collections::BTreeMap;
use core::fmt;

/// A set of numbers. It takes space for the words in which it has members, and yields them in order.
#[derive(Clone)]
pub struct IndexSet {
    /// Member `64 * key + bit` is in the set if the bit is; words may be zero.
    words: BTreeMap<usize, u64>,
}

const WORD_BITS: usize = u64::BITS as usize;

fn place(index: usize) -> (usize, u64) {
    (index / WORD_BITS, 1 << (index % WORD_BITS))
}

impl IndexSet {
    /// The set without members.
    #[allow(clippy::new_without_default, reason = "the interface has no such trait here")]
    pub fn new() -> Self {
        Self { words: BTreeMap::new() }
    }

    /// Makes `idx` a member, or no member.
    pub fn set(&mut self, idx: usize, val: bool) {
        let (word, bit) = place(idx);
        if val {
            *self.words.entry(word).or_default() |= bit;
        } else if let Some(bits) = self.words.get_mut(&word) {
            *bits &= !bit;
        }
    }

    /// Makes this a copy of `other`.
    pub fn assign(&mut self, other: &Self) {
        self.words.clone_from(&other.words);
    }

    /// Is `idx` a member?
    pub fn get(&self, idx: usize) -> bool {
        let (word, bit) = place(idx);
        self.words.get(&word).is_some_and(|bits| bits & bit != 0)
    }

    /// Adds the members of `other`. Tells whether there were new ones among them.
    pub fn union_with(&mut self, other: &Self) -> bool {
        let mut new = 0;
        for (&word, &theirs) in other.words.iter().filter(|(_, bits)| **bits != 0) {
            let mine = self.words.entry(word).or_default();
            new |= theirs & !*mine;
            *mine |= theirs;
        }
        new != 0
    }

    /// The members, in order.
    pub fn iter<'a>(&'a self) -> impl Iterator<Item = usize> + 'a {
        self.words.iter().flat_map(|(&word, &bits)| SetBitsIter(bits).map(move |bit| word * WORD_BITS + bit))
    }
}

impl fmt::Debug for IndexSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The numbers of the bits that are set in a word.
pub struct SetBitsIter(u64);

impl Iterator for SetBitsIter {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = (self.0 != 0).then(|| self.0.trailing_zeros() as usize)?;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn members_are_those_that_were_set_and_not_unset() {
        let mut set = IndexSet::new();
        for index in [7, 64, 1 << 40, 63] {
            set.set(index, true);
        }
        set.set(64, false);
        set.set(99, false);
        assert_eq!(set.iter().collect::<Vec<_>>(), [7, 63, 1 << 40]);
        assert!(set.get(63) && !set.get(64) && !set.get(8));
        assert_eq!(alloc::format!("{set:?}"), "[7, 63, 1099511627776]");
    }

    #[test]
    fn a_union_tells_whether_it_added_something() {
        let (mut a, mut b) = (IndexSet::new(), IndexSet::new());
        b.set(3, true);
        b.set(200, true);
        assert!(a.union_with(&b));
        assert!(!a.union_with(&b));
        b.set(200, false);
        assert!(!a.union_with(&b));
        assert!(a.get(200));
        a.assign(&b);
        assert_eq!(a.iter().collect::<Vec<_>>(), [3]);
    }
}
