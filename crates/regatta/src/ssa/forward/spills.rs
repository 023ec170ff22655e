//! What the forward pass notes about values that need memory.
//!
//! Eviction emits nothing. It is a *reload* that shows that a value needs a slot: it notes the block, so that the store can later be
//! placed where it dominates all reloads, and how far the slot must stay the value's. The notes are journalled, so that a loop nest
//! can be allocated again as if for the first time.

use super::{Forward, Input, STORE_COST};
use crate::cfg::Loop;
use crate::code::Value;
use crate::ir::Block;

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
    /// The nearest common dominator of its reloads; the store must dominate it.
    pub(crate) needed_by: Block,
    /// Position of the last point at which the slot must hold it.
    pub(crate) end: u32,
}

impl Default for Spill {
    fn default() -> Self {
        Self { memory: Memory::Never, needed_by: Block::invalid(), end: 0 }
    }
}

impl Forward {
    /// `value` is read from its slot in `block`, at position `pos`.
    pub(crate) fn note_reload(&mut self, on: &Input<'_>, value: Value, block: Block, pos: u32) {
        let def = on.code.values[value].block;
        let mut end = pos;
        // A loop that the value is not made in needs it again in the next iteration.
        let mut of = on.flow.loops.block_loop(block);
        while of != Loop::ROOT && !on.flow.order.contains(of, def) {
            end = on.flow.loop_end(of);
            of = on.flow.loops.parent(of);
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
        if spill.needed_by.is_invalid() {
            spill.needed_by = block;
        } else if spill.needed_by != block {
            let common = on.flow.dominators.nearest_common(spill.needed_by, block);
            // Blocks in different trees of the dominator forest are unreachable code; the definition will do.
            spill.needed_by = if common.is_valid() { common } else { def };
        }
    }

    /// `value` is made in its slot, at position `pos` in `block`.
    pub(super) fn born_in_memory(&mut self, value: Value, block: Block, pos: u32) {
        self.journal(value);
        let before = self.spills[value];
        self.spills[value] = Spill { memory: Memory::Born, needed_by: block, end: pos.max(before.end) };
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

    /// Takes back what was noted since the journal had `length` entries.
    pub(super) fn roll_back_spills(&mut self, length: usize) {
        while self.journal.len() > length {
            let Some((value, spill)) = self.journal.pop() else { break };
            self.spills[value] = spill;
        }
    }
}
