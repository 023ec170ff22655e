//! Cycles of moves: of one move the source is put aside, the others follow one another, and the first is done last. Which
//! move that is, and where its source waits, decides how many more moves the cycle takes; the head of [`super`] tells.

use super::{Move, MoveData, ParallelMoves};
use crate::ir::{PReg, RegClass};
use crate::moves::sequence::{Sequence, Temporaries};
use crate::output::Allocation;

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

impl ParallelMoves {
    /// Emits the cycle that a move belongs to.
    #[cold]
    pub(super) fn emit_cycle<T: Temporaries>(
        &mut self,
        first: Move,
        out: &mut Sequence<T, impl FnMut(Allocation, Allocation)>,
    ) {
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
            self.emitted(id);
            id = self.places[self.moves[id].source].writer;
        }
        if to_stack && in_slot {
            out.in_memory(aside, to, class, source);
        } else {
            out.direct(aside, to);
        }
        self.emitted(at);
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
