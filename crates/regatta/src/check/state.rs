//! What every location holds at one point of the program.

use super::locations::{Loc, Locations};
use super::names::{NameSet, Names};
use alloc::vec;
use alloc::vec::Vec;

/// For each location, the names that its contents surely have.
#[derive(Debug, Default)]
pub(super) struct State {
    held: Vec<NameSet>,
}

impl State {
    /// Nothing is known of any location.
    pub(super) fn nothing(locs: &Locations) -> Self {
        Self { held: vec![NameSet::EMPTY; locs.len()] }
    }

    /// Makes this the same as `other`, keeping the storage.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.held.clear();
        self.held.extend_from_slice(&other.held);
    }

    /// What the location holds: nothing known for one that is not valid.
    #[inline]
    pub(super) fn get(&self, loc: Loc) -> NameSet {
        self.held.get(loc.index()).copied().unwrap_or(NameSet::EMPTY)
    }

    /// Writes to the location, which destroys what overlaps it. A write to one that is not valid goes nowhere.
    #[inline]
    pub(super) fn write(&mut self, loc: Loc, set: NameSet, locs: &Locations) {
        let Some(held) = self.held.get_mut(loc.index()) else { return };
        *held = set;
        for &other in locs.overlapping(loc) {
            self.forget(other);
        }
    }

    /// Forgets what the location held.
    #[inline]
    pub(super) fn forget(&mut self, loc: Loc) {
        if let Some(held) = self.held.get_mut(loc.index()) {
            *held = NameSet::EMPTY;
        }
    }

    /// Replaces what is known of each location about which something is known.
    pub(super) fn replace(&mut self, mut by: impl FnMut(NameSet) -> NameSet) {
        for held in self.held.iter_mut().filter(|held| **held != NameSet::EMPTY) {
            *held = by(*held);
        }
    }

    /// Intersects this, location by location, with what comes in on another path. Did that change it?
    pub(super) fn meet(&mut self, incoming: &Self, names: &mut Names) -> bool {
        let mut changed = false;
        for (held, &incoming) in self.held.iter_mut().zip(&incoming.held) {
            if *held != incoming {
                let both = names.meet(*held, incoming);
                changed |= both != *held;
                *held = both;
            }
        }
        changed
    }
}
