//! What every location holds at one point of the program.
//!
//! A large function has thousands of slots and thousands of joins, and between two joins most slots do not change. A state
//! is therefore kept in pieces that states share until one of them writes: copying a state copies pointers, comparing two
//! skips what they share, and what all states take together is near to what the function writes.

use super::locations::{Loc, Locations};
use super::names::{NameSet, Names};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::iter::repeat_n;

/// Locations in a piece.
const PIECE: usize = 32;

/// For each location, the names that its contents surely have.
#[derive(Debug, Default)]
pub(super) struct State {
    pieces: Vec<Rc<[NameSet; PIECE]>>,
}

impl State {
    /// Nothing is known of any location.
    pub(super) fn nothing(locs: &Locations) -> Self {
        let piece = Rc::new([NameSet::EMPTY; PIECE]);
        Self { pieces: repeat_n(piece, locs.len().div_ceil(PIECE)).collect() }
    }

    /// Makes this the same as `other`, keeping the storage.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.pieces.clone_from(&other.pieces);
    }

    /// What the location holds: nothing known for one that is not valid.
    #[inline]
    pub(super) fn get(&self, loc: Loc) -> NameSet {
        self.pieces.get(loc.index() / PIECE).map_or(NameSet::EMPTY, |piece| piece[loc.index() % PIECE])
    }

    /// Writes to the location, which destroys what overlaps it. A write to one that is not valid goes nowhere.
    #[inline]
    pub(super) fn write(&mut self, loc: Loc, set: NameSet, locs: &Locations) {
        self.set(loc, set);
        for &other in locs.overlapping(loc) {
            self.set(other, NameSet::EMPTY);
        }
    }

    /// Forgets what the location held.
    #[inline]
    pub(super) fn forget(&mut self, loc: Loc) {
        self.set(loc, NameSet::EMPTY);
    }

    #[inline]
    fn set(&mut self, loc: Loc, set: NameSet) {
        if self.get(loc) != set
            && let Some(piece) = self.pieces.get_mut(loc.index() / PIECE)
        {
            Rc::make_mut(piece)[loc.index() % PIECE] = set;
        }
    }

    /// Replaces what is known of each location about which something is known.
    pub(super) fn replace(&mut self, mut by: impl FnMut(NameSet) -> NameSet) {
        for piece in &mut self.pieces {
            for n in 0..PIECE {
                let old = piece[n];
                if old == NameSet::EMPTY {
                    continue;
                }
                let new = by(old);
                if new != old {
                    Rc::make_mut(piece)[n] = new;
                }
            }
        }
    }

    /// Intersects this, location by location, with what comes in on another path. Did that change it?
    pub(super) fn meet(&mut self, incoming: &Self, names: &mut Names) -> bool {
        let mut changed = false;
        for (piece, incoming) in self.pieces.iter_mut().zip(&incoming.pieces) {
            if Rc::ptr_eq(piece, incoming) || piece == incoming {
                continue;
            }
            for n in 0..PIECE {
                let both = names.meet(piece[n], incoming[n]);
                if both != piece[n] {
                    Rc::make_mut(piece)[n] = both;
                    changed = true;
                }
            }
        }
        changed
    }
}
