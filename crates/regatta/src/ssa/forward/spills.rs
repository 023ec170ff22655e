//! What the forward pass notes about values that need memory.
//!
//! Eviction emits nothing. It is a *reload* that shows that a value needs a slot, and how far the slot must stay the value's. What happens
//! to a value, that it is reloaded or that its last register is taken away, is listed as well, for the passes that place stores, where they
//! dominate all reloads, and lay out the frame. The notes are journalled, so that a loop nest can be allocated again as if for the first time.

use super::registers::preg;
use super::{Forward, Input, Loc, STORE_COST};
use crate::cfg::{Edge, Loop};
use crate::code::Value;
use crate::ir::entity::TypedVec;
use crate::ir::{Block, PReg};
use alloc::vec::Vec;

/// How a value comes to be in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Memory {
    /// It does not.
    #[default]
    Never,
    /// It is made in a register, and a store puts it into its slot.
    Stored,
    /// It is made in its slot: a parameter that gets no register, or a definition on the stack.
    Born,
}

/// The end of the life in memory of a value that is read in code which cannot be reached. Definitions need not come before uses
/// there, in the order of the blocks or any other, so the value has its slot to itself.
pub(crate) const EVERYWHERE: u32 = u32::MAX - 1;

/// What is known of a value's life in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spill {
    /// How it gets there.
    pub(crate) memory: Memory,
    /// Position of the last point at which the slot must hold it.
    pub(crate) end: u32,
}

/// Something that happens to a value at a position in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) block: Block,
    pub(crate) pos: u32,
    pub(crate) what: What,
}

/// What happens to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It is read from its slot.
    Read,
    /// It is read by the moves of the only edge into the block, at the start of the block.
    ReadOnEntry,
    /// It is forgotten. When the instruction's turn came, it still was in this register.
    Forgotten(PReg),
}

/// How much has been noted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notes {
    spilled: usize,
    events: usize,
}

/// An event in a chain, one for each value.
#[derive(Clone, Copy, Debug)]
struct Link {
    value: Value,
    event: Event,
    /// The number of the value's event before this one.
    before: u32,
}

/// There is no such event.
const NONE: u32 = u32::MAX;

/// What happened to the values, in the order in which it was noted; nothing if nobody is to ask.
#[derive(Debug, Default)]
pub(super) struct Events {
    links: Vec<Link>,
    last: TypedVec<Value, u32>,
}

impl Events {
    /// Forgets all. What happens to the first `values` values is to be noted.
    pub(super) fn clear(&mut self, values: usize) {
        self.links.clear();
        self.last.reset(values, NONE);
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// Takes back all but the first `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        for link in self.links.drain(len..).rev() {
            self.last[link.value] = link.before;
        }
    }

    fn push(&mut self, value: Value, event: Event) {
        if let Some(last) = self.last.as_mut_slice().get_mut(value.index()) {
            let before = core::mem::replace(last, self.links.len() as u32);
            self.links.push(Link { value, event, before });
        }
    }

    fn of(&self, value: Value) -> impl Iterator<Item = Event> + '_ {
        let mut at = self.last[value];
        core::iter::from_fn(move || {
            let link = self.links.get(at as usize)?;
            at = link.before;
            Some(link.event)
        })
    }
}

impl Default for Spill {
    fn default() -> Self {
        Self { memory: Memory::Never, end: 0 }
    }
}

impl Forward {
    /// `value` is read from its slot in `block`, at position `pos`.
    #[inline(never)]
    pub(crate) fn note_reload(&mut self, on: &Input<'_>, value: Value, block: Block, pos: u32) {
        self.note_need(on, value, block, pos);
        self.events.push(value, Event { block, pos, what: What::Read });
    }

    /// `value` is read from its slot by the moves of `edge`.
    pub(crate) fn note_reload_on_edge(&mut self, on: &Input<'_>, value: Value, edge: Edge) {
        let data = on.flow.graph.edge(edge);
        let pos = on.flow.edge_position(edge);
        self.note_need(on, value, data.from, pos);
        let (block, what) =
            if on.flow.moves_at_target(edge) { (data.to, What::ReadOnEntry) } else { (data.from, What::Read) };
        self.events.push(value, Event { block, pos, what });
    }

    /// Where `value` is read from its slot or forgotten; in any one block, the latest comes first. Some may not have happened in the
    /// end, but then they could have.
    pub(crate) fn events_of(&self, value: Value) -> impl Iterator<Item = Event> + '_ {
        self.events.of(value)
    }

    /// Where `value` is read from its slot: blocks and positions, some of them twice.
    pub(crate) fn reads_of(&self, value: Value) -> impl Iterator<Item = (Block, u32)> + '_ {
        let reads = self.events_of(value).filter(|event| matches!(event.what, What::Read | What::ReadOnEntry));
        reads.map(|event| (event.block, event.pos))
    }

    /// The nearest block that dominates all reloads of `value`; its stores must dominate it.
    pub(crate) fn needed_by(&self, on: &Input<'_>, value: Value) -> Block {
        let def = on.code.values[value].block;
        let mut needed_by = Block::invalid();
        for event in self.events_of(value) {
            let block = match event.what {
                What::Read => event.block,
                // The store must come before the edge: those at the start of a block come behind these moves.
                What::ReadOnEntry => on.flow.graph.preds(event.block).next().unwrap_or(def),
                What::Forgotten(_) => continue,
            };
            if needed_by.is_invalid() {
                needed_by = block;
            } else if needed_by != block {
                let common = on.flow.dominators.nearest_common(needed_by, block);
                // Blocks in different trees of the dominator forest are unreachable code; the definition will do.
                needed_by = if common.is_valid() { common } else { def };
            }
            if needed_by == def {
                break;
            }
        }
        needed_by
    }

    /// The last register that held `value`, which is still needed, is about to be overwritten.
    #[inline(never)]
    pub(super) fn note_forgotten(&mut self, on: &Input<'_>, value: Value, class: usize, reg: u8) {
        if self.events.last.is_empty() {
            return;
        }
        self.note_if_held_for_nothing(on, value);
        // Has it moved while this instruction was allocated?
        let mut was_in = Loc::reg(preg(class, reg));
        for before in self.moves.iter().rev().take_while(|m| m.inst == self.inst).filter(|m| !m.after) {
            if before.to == was_in {
                was_in = before.from;
            }
        }
        if let Some(reg) = was_in.as_reg() {
            self.events.push(value, Event { block: self.block, pos: self.pos, what: What::Forgotten(reg) });
        }
    }

    /// The slot of `value` must hold it in `block`, at position `pos`.
    #[inline]
    fn note_need(&mut self, on: &Input<'_>, value: Value, block: Block, pos: u32) {
        let def = on.code.values[value].block;
        let mut end = pos;
        // A loop that the value is not made in needs it again in the next iteration.
        let loops = &on.flow.loops;
        let (of, made_in) = (loops.block_loop(block), loops.block_loop(def));
        if of != made_in {
            let common = if made_in == Loop::ROOT { Loop::ROOT } else { loops.nearest_common(of, made_in) };
            if common != of {
                end = on.flow.loop_end(loops.at_depth(of, loops.depth(common) + 1));
            }
        }
        if !on.flow.graph.is_reachable(block) {
            end = EVERYWHERE;
        }
        self.journal(value);
        let spill = &mut self.spills[value];
        spill.end = spill.end.max(end);
        if spill.memory == Memory::Never {
            spill.memory = Memory::Stored;
            self.spilled.push(value);
            self.nest_cost += on.flow.frequencies.of(def) * STORE_COST;
        }
    }

    /// `value` is made in its slot, at position `pos`.
    pub(super) fn born_in_memory(&mut self, value: Value, pos: u32) {
        self.journal(value);
        let before = self.spills[value];
        self.spills[value] = Spill { memory: Memory::Born, end: pos.max(before.end) };
        // It may be known already: from a first try at the instruction, or from unreachable code before its definition.
        if before.memory == Memory::Never {
            self.spilled.push(value);
        }
    }

    #[inline]
    fn journal(&mut self, value: Value) {
        if self.feedback.may_roll_back() {
            self.journal.push((value, self.spills[value]));
        }
    }

    /// `value`, so far [`Memory::Stored`], is made in its slot, or the other way round.
    pub(crate) fn change_memory(&mut self, value: Value, memory: Memory) {
        self.journal(value);
        self.spills[value].memory = memory;
    }

    /// From here on, what is noted may be taken back: by the passes behind this one.
    pub(crate) fn be_tentative(&mut self) -> Notes {
        self.journal.clear();
        self.feedback.keep_journal();
        Notes { spilled: self.spilled.len(), events: self.events.len() }
    }

    /// Takes back what was noted since `before`.
    pub(crate) fn take_back(&mut self, before: Notes) {
        self.roll_back_spills(0);
        self.spilled.truncate(before.spilled);
        self.events.truncate(before.events);
    }

    /// Takes back what was noted since the journal had `length` entries.
    pub(super) fn roll_back_spills(&mut self, length: usize) {
        while self.journal.len() > length {
            let Some((value, spill)) = self.journal.pop() else { break };
            self.spills[value] = spill;
        }
    }
}
