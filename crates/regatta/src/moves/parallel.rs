//! Parallel moves: many that happen at once, made into a sequence.
//!
//! All sources are read before any destination is written; in a sequence, a destination may be written only when no move
//! that is still to come reads it. Call a move *ready* when that holds. Every place is written at most once, so the moves
//! form trees, whose leaves are ready, and cycles, perhaps with trees growing out of them:
//!
//! - Emit what is ready. That may make one more move ready, the one that writes the place just read: follow it. Each move
//!   is looked at twice at most.
//! - What remains when nothing is ready is disjoint cycles. Of one move of the cycle, the source is put aside; then the
//!   move that writes the source is ready, and the one after it, and so on around the cycle; last, the value that was put
//!   aside goes where it belongs.
//!
//! It costs one move more a cycle, and nothing if the value put aside is already in some destination outside the cycle:
//! then it is read from there. (B. Boissinot and others, *Revisiting out-of-SSA translation for correctness, code quality,
//! and efficiency*, CGO 2009, read every value from its latest copy; here only cycles do, as a copy in memory is a poor
//! source.) It is put aside in a free register, and else in an emergency slot.
//!
//! No machine moves from memory to memory, so such a move needs a register to go through (see [`super::sequence`]). It
//! waits until nothing else is ready: if the same slot has been loaded into a register that is a destination too, that
//! one is stored, and the slot is loaded once. For the same reason a register that a slot has been loaded into serves
//! later loads of the slot. In a cycle with one move in memory, that is the one whose source is put aside: it would have
//! been loaded anyway. With several, the free register is needed again and again on the way round, and the value is put
//! aside in the emergency slot.
//!
//! Where there is no free register, one of the set's own may do: a move to a register whose old value nobody needs any
//! more, from a place that no move writes, can be emitted last, and until then the register serves as if it were free.
//! One such *spare* move a class is put off until it is known whether a register is needed. Only if there is none is a
//! victim borrowed.
//!
//! Cost: linear in the moves, but for sorting those that wait for a register. Places are looked up in a table that is as
//! long as the frame; each set of moves cleans up behind itself, so that a small one in a large frame stays cheap.

mod cycle;

use super::sequence::{Place, Sequence, Temporaries};
use crate::ir::entity::{TypedVec, entity};
use crate::ir::{PReg, RegClass};
use crate::output::Allocation;
use alloc::vec::Vec;

entity! {
    /// A move of the set.
    struct Move, "move"
}

/// How far a move has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending,
    /// Ready, and waiting for its turn with the register.
    InMemory,
    /// Ready, and put off to the end.
    Spare,
    Emitted,
}

#[derive(Clone, Copy, Debug)]
struct MoveData {
    from: Allocation,
    to: Allocation,
    class: RegClass,
    state: State,
    from_stack: bool,
    to_stack: bool,
    source: Place,
    target: Place,
}

/// A place that moves read or write.
#[derive(Clone, Copy, Debug)]
struct PlaceData {
    /// How many moves have yet to read it.
    readers: u32,
    /// The move that writes it.
    writer: Move,
    /// A move that has copied its value, by preference to a register.
    copy: Move,
}

const NEW: PlaceData = PlaceData { readers: 0, writer: Move::invalid(), copy: Move::invalid() };

/// A set of moves that happen at once.
#[derive(Debug, Default)]
pub(crate) struct ParallelMoves {
    moves: TypedVec<Move, MoveData>,
    places: TypedVec<Place, PlaceData>,
    /// The place of each register, by index, and behind these of each slot. All invalid between two sets.
    table: Vec<Place>,
    /// Moves in memory that are ready.
    in_memory: Vec<Move>,
    /// Of each class, a ready move to a register that no other move waits for.
    spare: [Option<Move>; 3],
    /// How many moves have been emitted.
    num_emitted: usize,
}

impl ParallelMoves {
    /// Forgets the moves.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.moves.clear();
    }

    /// Adds a move of a value of the class. No two moves of a set have the same destination; one from a place to itself
    /// does nothing.
    #[inline]
    pub(crate) fn add(&mut self, from: Allocation, to: Allocation, class: RegClass) {
        debug_assert!(from.is_some() && to.is_some());
        if from != to {
            self.moves.push(MoveData {
                from,
                to,
                class,
                state: State::Pending,
                from_stack: from.is_stack(),
                to_stack: to.is_stack(),
                source: Place::invalid(),
                target: Place::invalid(),
            });
        }
    }

    /// Is there nothing to move?
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.moves.is_empty()
    }

    /// Is the register read or written by a move of the set?
    pub(crate) fn names(&self, reg: PReg) -> bool {
        let place = Allocation::reg(reg);
        self.moves.iter().any(|(_, data)| data.from == place || data.to == place)
    }

    /// Emits single moves that come to the same, and forgets the set. None of them goes from memory to memory.
    pub(crate) fn resolve(&mut self, temps: &mut impl Temporaries, emit: &mut impl FnMut(Allocation, Allocation)) {
        if self.moves.is_empty() {
            return;
        }
        self.find_places(temps);
        let mut out = Sequence::new(temps, emit);
        for first in self.moves.keys() {
            self.emit_ready(first, &mut out);
        }
        if self.num_emitted + self.spare.iter().flatten().count() < self.moves.len() {
            self.lend_spare(&mut out);
            self.emit_in_memory(&mut out);
            for first in self.moves.keys() {
                if matches!(self.moves[first].state, State::Pending) {
                    self.emit_cycle(first, &mut out);
                }
            }
        }
        self.emit_spare(&mut out);
        out.finish();
        self.forget();
    }

    /// Finds out which moves read and write the same places.
    fn find_places(&mut self, temps: &impl Temporaries) {
        let on_stack = |at: Allocation| at.as_reg().is_none_or(|reg| temps.is_stack(reg));
        self.places.clear();
        self.num_emitted = 0;
        for id in self.moves.keys() {
            let MoveData { from, to, .. } = self.moves[id];
            let (source, target) = (self.place(from), self.place(to));
            self.places[source].readers += 1;
            debug_assert!(self.places[target].writer.is_invalid(), "two moves to {to}");
            self.places[target].writer = id;
            let data = &mut self.moves[id];
            (data.source, data.target) = (source, target);
            (data.from_stack, data.to_stack) = (on_stack(from), on_stack(to));
        }
    }

    #[inline]
    fn place(&mut self, at: Allocation) -> Place {
        let index = table_index(at);
        if index >= self.table.len() {
            self.table.resize(index + 1, Place::invalid());
        }
        if self.table[index].is_invalid() {
            self.table[index] = self.places.push(NEW);
        }
        self.table[index]
    }

    fn forget(&mut self) {
        debug_assert!(self.moves.iter().all(|(_, data)| data.state == State::Emitted));
        for (_, data) in self.moves.iter() {
            self.table[table_index(data.from)] = Place::invalid();
            self.table[table_index(data.to)] = Place::invalid();
        }
        debug_assert!(self.table.iter().take(PReg::NUM_INDEX).all(|place| place.is_invalid()));
        self.moves.clear();
    }

    /// Emits a move if it is ready, then what becomes ready by that. Moves in memory are put in their queue.
    #[inline]
    fn emit_ready<T: Temporaries>(&mut self, first: Move, out: &mut Sequence<T, impl FnMut(Allocation, Allocation)>) {
        let mut id = first;
        while id.is_valid() {
            let data = self.moves[id];
            if data.state != State::Pending || self.places[data.target].readers != 0 {
                return;
            }
            let spare = &mut self.spare[data.class.index()];
            if spare.is_none() && !data.to_stack && self.places[data.source].writer.is_invalid() {
                *spare = Some(id);
                self.moves[id].state = State::Spare;
                return;
            }
            let Some(from) = self.source(&data, out) else {
                self.moves[id].state = State::InMemory;
                self.in_memory.push(id);
                return;
            };
            out.direct(from, data.to);
            id = self.emitted(id);
        }
    }

    /// Lets the registers that spare moves write be used in the meantime, of the classes that have no free register.
    #[cold]
    fn lend_spare<T: Temporaries>(&mut self, out: &mut Sequence<T, impl FnMut(Allocation, Allocation)>) {
        for class in RegClass::ALL {
            let Some(id) = self.spare[class.index()] else { continue };
            if let Some(reg) = self.moves[id].to.as_reg()
                && out.free_register(class).is_none()
            {
                out.lend(reg, class);
                continue;
            }
            // Nobody needs it, so better have the copy.
            self.spare[class.index()] = None;
            self.emit(id, out);
            self.emitted(id);
        }
    }

    /// Emits the spare moves.
    #[inline]
    fn emit_spare<T: Temporaries>(&mut self, out: &mut Sequence<T, impl FnMut(Allocation, Allocation)>) {
        for class in RegClass::ALL {
            if let Some(id) = self.spare[class.index()].take() {
                // The register may have been lent to move that very value.
                if out.held(class, self.moves[id].source).map(Allocation::reg) != Some(self.moves[id].to) {
                    self.emit(id, out);
                }
                self.emitted(id);
            }
        }
    }

    /// Notes that a move has been emitted; returns the move that writes the place read if it is ready now.
    #[inline]
    fn emitted(&mut self, id: Move) -> Move {
        let MoveData { source, to_stack, .. } = self.moves[id];
        self.moves[id].state = State::Emitted;
        self.num_emitted += 1;
        let PlaceData { readers, writer, copy } = &mut self.places[source];
        if copy.is_invalid() || !to_stack {
            *copy = id;
        }
        *readers -= 1;
        if *readers == 0 { *writer } else { Move::invalid() }
    }

    /// Where a move can read its value, so that it is no move in memory: its source, or a register that the source has
    /// been copied to.
    #[inline]
    fn source<T: Temporaries>(
        &self,
        data: &MoveData,
        out: &Sequence<T, impl FnMut(Allocation, Allocation)>,
    ) -> Option<Allocation> {
        if !data.from_stack {
            return Some(data.from);
        }
        if let Some(held) = out.held(data.class, data.source) {
            return Some(Allocation::reg(held));
        }
        let copy = self.places[data.source].copy;
        if copy.is_valid() && !self.moves[copy].to_stack && self.moves[copy].class == data.class {
            return Some(self.moves[copy].to);
        }
        (!data.to_stack).then_some(data.from)
    }

    /// Emits the moves in memory that are ready, and what becomes ready by that, until only cycles are left.
    fn emit_in_memory<T: Temporaries>(&mut self, out: &mut Sequence<T, impl FnMut(Allocation, Allocation)>) {
        // Moves from one slot follow each other, to load it once.
        let moves = &self.moves;
        self.in_memory.sort_unstable_by_key(|&id| (moves[id].source, id));
        let mut done = 0;
        while let Some(&id) = self.in_memory.get(done) {
            done += 1;
            self.emit(id, out);
            let next = self.emitted(id);
            self.emit_ready(next, out);
        }
        self.in_memory.clear();
    }

    /// Emits a move, whichever way.
    fn emit<T: Temporaries>(&self, id: Move, out: &mut Sequence<T, impl FnMut(Allocation, Allocation)>) {
        let data = self.moves[id];
        match self.source(&data, out) {
            Some(from) => out.direct(from, data.to),
            None => out.in_memory(data.from, data.to, data.class, data.source),
        }
    }
}

#[inline]
fn table_index(at: Allocation) -> usize {
    match at.as_reg() {
        Some(reg) => reg.index(),
        None => PReg::NUM_INDEX + at.index(),
    }
}
