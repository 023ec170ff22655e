//! What blocks do to locations.

use super::locations::{Loc, Locations};
use crate::ir::Block;
use alloc::vec;
use alloc::vec::Vec;

/// What a location holds, as far as its block alone tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// What this location held at the start of the block.
    AtStart(Loc),
    /// The value that the block gave this name, the number of a virtual register.
    Value(u32),
    /// Nothing that has a name.
    Nothing,
}

/// What every location holds at one point of a block.
#[derive(Debug)]
pub(super) struct Contents {
    held: Vec<Held>,
    /// The locations that the block has written.
    written: Vec<Loc>,
    is_written: Vec<bool>,
    /// The locations that have been written, in order, for those who look at every point.
    pub(super) journal: Vec<Loc>,
    keeps_journal: bool,
}

impl Contents {
    /// The start of a block.
    pub(super) fn new(locs: &Locations) -> Self {
        Self {
            held: (0..locs.len()).map(|n| Held::AtStart(Loc::new(n))).collect(),
            written: Vec::new(),
            is_written: vec![false; locs.len()],
            journal: Vec::new(),
            keeps_journal: false,
        }
    }

    /// Goes back to the start of a block. Is a journal wanted of it?
    pub(super) fn restart(&mut self, keeps_journal: bool) {
        self.keeps_journal = keeps_journal;
        for loc in self.written.drain(..) {
            self.held[loc.index()] = Held::AtStart(loc);
            self.is_written[loc.index()] = false;
        }
        self.journal.clear();
    }

    /// What the location holds: nothing, if it is not valid.
    #[inline]
    pub(super) fn get(&self, loc: Loc) -> Held {
        self.held.get(loc.index()).copied().unwrap_or(Held::Nothing)
    }

    /// Writes to the location, which destroys what overlaps it. A write to one that is not valid goes nowhere.
    #[inline]
    pub(super) fn write(&mut self, loc: Loc, held: Held, locs: &Locations) {
        self.set(loc, held);
        for &other in locs.overlapping(loc) {
            self.set(other, Held::Nothing);
        }
    }

    /// Forgets what the location held.
    #[inline]
    pub(super) fn forget(&mut self, loc: Loc) {
        self.set(loc, Held::Nothing);
    }

    #[inline]
    fn set(&mut self, loc: Loc, held: Held) {
        let Some(now) = self.held.get_mut(loc.index()) else { return };
        *now = held;
        if self.keeps_journal {
            self.journal.push(loc);
        }
        if !core::mem::replace(&mut self.is_written[loc.index()], true) {
            self.written.push(loc);
        }
    }
}

/// What each block leaves in the locations that it changes.
#[derive(Debug)]
pub(super) struct Effects {
    /// For each block, the locations that it changes, sorted.
    of: Vec<Vec<(Loc, Held)>>,
}

impl Effects {
    pub(super) fn new(num_blocks: usize) -> Self {
        Self { of: vec![Vec::new(); num_blocks] }
    }

    /// Blocks of which some write to one location.
    #[cfg(test)]
    pub(super) fn of_writers(loc: Loc, writes: &[bool]) -> Self {
        let of = |&writes: &bool| if writes { vec![(loc, Held::Nothing)] } else { Vec::new() };
        Self { of: writes.iter().map(of).collect() }
    }

    /// Notes what the block does, given what is so at its end.
    pub(super) fn note(&mut self, block: Block, at_end: &Contents) {
        let written = at_end.written.iter().map(|&loc| (loc, at_end.get(loc)));
        let changed = &mut self.of[block.index()];
        changed.extend(written.filter(|&(loc, held)| held != Held::AtStart(loc)));
        changed.sort_unstable_by_key(|&(loc, _)| loc);
        changed.shrink_to_fit();
    }

    /// The locations that the block changes.
    pub(super) fn changed(&self, block: Block) -> impl Iterator<Item = Loc> {
        self.of[block.index()].iter().map(|&(loc, _)| loc)
    }

    /// What the location holds at the end of the block.
    #[inline]
    pub(super) fn at_end(&self, block: Block, loc: Loc) -> Held {
        let changed = &self.of[block.index()];
        let found = changed.binary_search_by_key(&loc, |&(loc, _)| loc);
        found.map_or(Held::AtStart(loc), |found| changed[found].1)
    }
}
