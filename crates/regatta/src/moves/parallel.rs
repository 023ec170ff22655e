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
//! Cost: linear in the moves, but for sorting those that wait for a register. Places are looked up in a table that is as
//! long as the frame; each set of moves cleans up behind itself, so that a small one in a large frame stays cheap.

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
        self.emit_in_memory(&mut out);
        for first in self.moves.keys() {
            if self.moves[first].state != State::Emitted {
                self.emit_cycle(first, &mut out);
            }
        }
        out.finish();
        self.forget();
    }

    /// Finds out which moves read and write the same places.
    fn find_places(&mut self, temps: &impl Temporaries) {
        let on_stack = |at: Allocation| at.as_reg().is_none_or(|reg| temps.is_stack(reg));
        self.places.clear();
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
            let Some(from) = self.source(&data, out) else {
                self.moves[id].state = State::InMemory;
                self.in_memory.push(id);
                return;
            };
            out.direct(from, data.to);
            id = self.emitted(id);
        }
    }

    /// Notes that a move has been emitted; returns the move that writes the place read if it is ready now.
    #[inline]
    fn emitted(&mut self, id: Move) -> Move {
        let MoveData { source, to_stack, .. } = self.moves[id];
        self.moves[id].state = State::Emitted;
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

    /// Emits the cycle that a move belongs to.
    #[cold]
    fn emit_cycle<T: Temporaries>(&mut self, first: Move, out: &mut Sequence<T, impl FnMut(Allocation, Allocation)>) {
        let Break { at, aside } = self.choose_break(first, out);
        let MoveData { from, to, class, source, from_stack, to_stack, .. } = self.moves[at];
        let (aside, in_slot) = match aside {
            Aside::Copy(copy) => (copy, false),
            Aside::Register(free) => {
                out.hold_in(free, from, class, source);
                (Allocation::reg(free), false)
            }
            Aside::Slot { alone } => {
                let slot = out.slot(class, alone);
                if from_stack {
                    out.in_memory(from, slot, class, source);
                } else {
                    out.direct(from, slot);
                }
                (slot, true)
            }
        };
        let mut id = self.places[source].writer;
        while id != at {
            self.emit(id, out);
            self.moves[id].state = State::Emitted;
            id = self.places[self.moves[id].source].writer;
        }
        if to_stack && in_slot {
            out.in_memory(aside, to, class, source);
        } else {
            out.direct(aside, to);
        }
        self.moves[at].state = State::Emitted;
    }

    /// Chooses the move of a cycle whose source is put aside, and where.
    fn choose_break<T: Temporaries>(
        &self,
        first: Move,
        out: &mut Sequence<T, impl FnMut(Allocation, Allocation)>,
    ) -> Break {
        let mut between_registers = None;
        let mut in_memory = [Move::invalid(); 3];
        let mut num_in_memory = [0; 3];
        let mut id = first;
        loop {
            let data = &self.moves[id];
            let copy = self.places[data.source].copy;
            if copy.is_valid() && self.moves[copy].class == data.class {
                // The copy is a destination of the set, so it keeps the value to the end.
                let copy = &self.moves[copy];
                if !copy.to_stack || !data.to_stack {
                    return Break { at: id, aside: Aside::Copy(copy.to) };
                }
            }
            if data.from_stack && data.to_stack {
                num_in_memory[data.class.index()] += 1;
                in_memory[data.class.index()] = id;
            } else if !data.from_stack && !data.to_stack {
                between_registers = Some(id);
            }
            id = self.places[data.source].writer;
            if id == first {
                break;
            }
        }
        // The register must not be needed again for a move in memory on the way round.
        let mut fits = |at: Move, in_memory: u32| {
            let class = self.moves[at].class;
            let free = if num_in_memory[class.index()] == in_memory { out.free_register(class) } else { None };
            free.map(|free| Break { at, aside: Aside::Register(free) })
        };
        for class in RegClass::ALL {
            if num_in_memory[class.index()] == 1
                && let Some(found) = fits(in_memory[class.index()], 1)
            {
                return found;
            }
        }
        let at = between_registers.unwrap_or(first);
        if let Some(found) = fits(at, 0) {
            return found;
        }
        let needs_no_victim = between_registers.is_some() && num_in_memory == [0; 3];
        let at = in_memory.into_iter().find(|id| between_registers.is_none() && id.is_valid()).unwrap_or(at);
        let alone = needs_no_victim || out.free_register(self.moves[at].class).is_some();
        Break { at, aside: Aside::Slot { alone } }
    }
}

/// How a cycle is broken.
struct Break {
    at: Move,
    aside: Aside,
}

/// Where the value is in the meantime.
enum Aside {
    /// Where it is already.
    Copy(Allocation),
    /// In a free register.
    Register(PReg),
    /// In an emergency slot; `alone` if no victim of its class is borrowed on the way round.
    Slot { alone: bool },
}

#[inline]
fn table_index(at: Allocation) -> usize {
    match at.as_reg() {
        Some(reg) => reg.index(),
        None => PReg::NUM_INDEX + at.index(),
    }
}
