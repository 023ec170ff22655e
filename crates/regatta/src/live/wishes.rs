//! The registers that values would like to be in, found on the way backwards over the code.
//!
//! A value that is an argument of a call ahead had best be made in that argument's register; so had the value that it is made from
//! by a two-address instruction, and the argument that becomes it as a block parameter. Walking backwards, one entry a register
//! suffices: which value wants it now. A fixed use sets it, the definition of the value (which takes it as its hint) and
//! anything that overwrites the register clear it. Blocks inherit the wishes of their successors, but not over the exit of a loop. Of two
//! successors with a wish for one register, the first has its way, unless its value lives across a call and the other's does not: that one
//! will hardly stay in the register.
//!
//! Registers to *avoid* are the other side: those that some other value ahead wants, and those that are overwritten while the value
//! lives, or that another value is to be made in (the last few such events; the far ones matter less than having a register now). They are
//! preferences among free registers, never reasons to spill. Registers numbered 32 and up take no part in the avoiding: eight bytes an
//! instruction saved.
//! The quick setting does without, which costs 0.2 % of the cost. Nor does it hand on wishes from block to block, which would take 1.5 % of its
//! instructions: it just goes on with those that are left of the block that it comes from, if both are in the same loop. They need not be of a
//! successor, nor does an argument inherit what its parameter wants; but most are right, and those that are not cost no more than another free
//! register would. That is 0.2 % cheaper than to begin anew with each block (3,347 functions cheaper, 379 dearer; elsewhere 4,383 and 434), for 0.1 %
//! of instructions.
//!
//! Of what lies beyond the block only so much is known as is cheap to know: the registers that each loop *contests*, because some
//! instruction in it, other than a call, fixes a value to them or overwrites them. (A shift's count, a division's two halves.) A value that
//! is in such a register all through the loop moves away and back each time round; so loop headers keep what they hold out of them, and
//! what lives on behind its block is made in others. Both settings do. (Calls are another matter: what lives across them has
//! registers of its own.)

use super::next_use::Life;
use crate::cfg::{FlowGraph, Loop};
use crate::code::{Op, Value, Want};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, PReg, PerClass, RegClass};
use alloc::vec::Vec;

/// How many overwriting events of a value's lifetime count.
const EVENTS: usize = 8;

/// In place of the number of events that had been seen at a value's last use in the block: it lives on behind the block.
pub(super) const LIVE_OUT: u32 = 0;

/// Has a value that is made taken the register that it would like?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// No: another value wants it in the meantime, or something overwrites it.
    No,
    /// Yes, and an instruction of the block wants it there, as far as is known.
    Here,
    /// Yes, and an instruction behind the block wants it there.
    Beyond,
}

/// A value for each register, by [`PReg::index`].
#[derive(Debug)]
struct WantedBy([Value; PReg::NUM_INDEX]);

impl Default for WantedBy {
    fn default() -> Self {
        Self([Value::invalid(); PReg::NUM_INDEX])
    }
}

/// The state of the walk, and what it found. (What a value wants is in its [`Life`].)
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// Registers that a value made or reloaded at an instruction had best not take; set for instructions that have operands or clobbers.
    /// Empty if nothing is avoided.
    avoid: TypedVec<Inst, PerClass<u32>>,
    /// Who wants each register now; valid where the bit in `wanted` is set.
    wanted_by: WantedBy,
    wanted: PerClass<u64>,
    /// Those of `wanted` that an instruction behind the block wants.
    beyond: PerClass<u64>,
    inherited: Vec<(PReg, Value)>,
    /// Are wishes handed on from block to block?
    careful: bool,
    block_range: TypedVec<Block, (u32, u32)>,
    /// The loop of the block that the walk is in.
    of: Loop,
    /// The events of this block, how many there were in the blocks before, and in all.
    events: Vec<PerClass<u64>>,
    earlier_events: u32,
    num_events: u32,
    /// What the block contests, and what each loop does.
    contested_here: PerClass<u64>,
    contested: TypedVec<Loop, PerClass<u64>>,
    /// What operands of the function are fixed to.
    fixed: PerClass<u64>,
}

impl Wishes {
    /// Starts anew. `careful`: are there registers to avoid, and are wishes handed on from block to block?
    pub(super) fn reset(&mut self, insts: usize, blocks: usize, loops: usize, careful: bool) {
        self.careful = careful;
        self.avoid.set_len(if careful { insts } else { 0 }, [0; 3]);
        self.wanted = [0; 3];
        self.of = Loop::ROOT;
        self.inherited.clear();
        self.block_range.reset(if careful { blocks } else { 0 }, (0, 0));
        self.events.clear();
        self.num_events = LIVE_OUT + 1;
        self.contested_here = [0; 3];
        self.contested.reset(loops, [0; 3]);
        self.fixed = [0; 3];
    }

    /// Registers that some operand of the function is fixed to.
    pub(crate) fn fixed(&self) -> PerClass<u64> {
        self.fixed
    }

    /// Registers that instructions of the loop fix a value to or overwrite, calls aside.
    #[inline(always)]
    pub(crate) fn contested(&self, of: Loop) -> PerClass<u64> {
        self.contested[of]
    }

    /// Are wishes handed on from block to block?
    #[inline]
    pub(super) fn reach_back(&self) -> bool {
        self.careful
    }

    /// Goes on to the end of another block, of the loop `of`, and forgets what is wanted, if that is not to be gone on with.
    pub(super) fn start_out(&mut self, of: Loop) {
        if self.careful || of != self.of {
            self.wanted = [0; 3];
            self.of = of;
        }
    }

    pub(super) fn start_block(&mut self) {
        self.earlier_events = self.num_events;
        self.events.clear();
    }

    /// Takes over the wishes at the start of `to`; what its parameters want, the arguments do.
    pub(super) fn inherit(&mut self, lives: &mut [Life], to: Block, params: &[Value], args: &[Value]) {
        let (start, end) = self.block_range[to];
        for index in start as usize..end as usize {
            let (reg, mut value) = self.inherited[index];
            if let Some(number) = params.iter().position(|&param| param == value) {
                value = args[number];
            }
            let is_wanted = self.wanted[reg.class().index()] >> reg.hw_enc() & 1 != 0;
            let crosses_call = |value: Value| lives[value.index()].crosses_call;
            if is_wanted && (crosses_call(value) || !crosses_call(self.wanted_by.0[reg.index()])) {
                continue;
            }
            self.want(lives, value, reg);
            self.beyond[reg.class().index()] |= 1 << reg.hw_enc();
        }
    }

    /// Keeps the wishes at the start of `block` for its predecessors, and what it contests for the loops around it.
    pub(super) fn finish_block(&mut self, flow: &FlowGraph, block: Block) {
        let here = core::mem::take(&mut self.contested_here);
        let mut of = flow.loops.block_loop(block);
        // What a loop contests, the loops around it do. So each step adds a register to one, and the walk is short.
        while (0..3).any(|c| here[c] & !self.contested[of][c] != 0) {
            for (all, here) in self.contested[of].iter_mut().zip(here) {
                *all |= here;
            }
            if of == Loop::ROOT {
                break;
            }
            of = flow.loops.parent(of);
        }
        if !self.careful {
            return;
        }
        let start = self.inherited.len() as u32;
        for class in RegClass::ALL {
            let mut mask = self.wanted[class.index()];
            while mask != 0 {
                let reg = PReg::new(mask.trailing_zeros() as usize, class);
                mask &= mask - 1;
                self.inherited.push((reg, self.wanted_by.0[reg.index()]));
            }
        }
        self.block_range[block] = (start, self.inherited.len() as u32);
    }

    /// The wishes at the start of `block` are those at the start of `to`.
    pub(super) fn share(&mut self, block: Block, to: Block) {
        if self.careful {
            self.block_range[block] = self.block_range[to];
        }
    }

    /// Registers that a value made or reloaded at `inst` had best not take.
    #[inline(always)]
    pub(crate) fn avoid(&self, inst: Inst) -> PerClass<u32> {
        self.avoid.as_slice().get(inst.index()).copied().unwrap_or_default()
    }

    #[inline]
    pub(super) fn start_inst(&mut self, inst: Inst) {
        if let Some(avoid) = self.avoid.as_mut_slice().get_mut(inst.index()) {
            *avoid = self.wanted.map(|mask| mask as u32);
        }
    }

    /// How many events have been seen so far, in all blocks.
    #[inline(always)]
    pub(super) fn num_events(&self) -> u32 {
        self.num_events
    }

    /// Does `value` still want `reg`, and has nobody taken that from it since?
    #[inline(always)]
    pub(super) fn holds(&self, value: Value, class: usize, reg: u8) -> bool {
        self.wanted[class] >> reg & 1 != 0 && self.wanted_by.0[class << 6 | usize::from(reg)] == value
    }

    /// From here on backwards, `value` wants `reg`.
    #[inline]
    pub(super) fn want(&mut self, lives: &mut [Life], value: Value, reg: PReg) {
        self.wanted_by.0[reg.index()] = value;
        self.wanted[reg.class().index()] |= 1 << reg.hw_enc();
        self.beyond[reg.class().index()] &= !(1 << reg.hw_enc());
        lives[value.index()].wish = reg.hw_enc() as u8;
    }

    /// `value` begins here. If it still wants `reg`, nobody does any more, and who lives here had best not be there.
    #[inline(always)]
    pub(super) fn take(&mut self, value: Value, class: usize, reg: u8) -> Taken {
        if !self.holds(value, class, reg) {
            return Taken::No;
        }
        self.wanted[class] &= !(1 << reg);
        if self.careful { self.note_taken(class, reg) } else { Taken::Here }
    }

    #[inline(never)]
    fn note_taken(&mut self, class: usize, reg: u8) -> Taken {
        let mut taken = [0; 3];
        taken[class] = 1 << reg;
        self.event(taken, true);
        if self.beyond[class] >> reg & 1 != 0 { Taken::Beyond } else { Taken::Here }
    }

    /// Marks what is overwritten during the life of a value, defined by `inst`, as better avoided; `first_event` is how many events had
    /// been seen at its last use.
    #[inline]
    pub(super) fn avoid_events(&mut self, inst: Inst, first_event: u32, class: usize) {
        let Some(avoid) = self.avoid.as_mut_slice().get_mut(inst.index()) else { return };
        let seen = first_event.saturating_sub(self.earlier_events) as usize;
        // (A value that lives on behind the block has seen all of the block's events.)
        let since = seen.max(self.events.len().saturating_sub(EVENTS));
        let mask = self.events[since..].iter().fold(0, |mask, event| mask | event[class]);
        avoid[class] |= mask as u32;
    }

    /// An instruction overwrites registers: those it clobbers, and those of its fixed definitions among `ops`.
    pub(super) fn at_kill(&mut self, clobbers: PerClass<u64>, ops: &[Op], is_call: bool) {
        let mut kills = clobbers;
        for op in ops.iter().filter(|op| op.is_def() && op.want == Want::Fixed) {
            kills[op.class()] |= 1 << op.reg;
            self.fixed[op.class()] |= 1 << op.reg;
        }
        self.event(kills, is_call);
        for (wanted, kill) in self.wanted.iter_mut().zip(kills) {
            *wanted &= !kill;
        }
    }

    /// Registers are overwritten. That does not make the loop contest them if a call does it, or a value that wants to be there.
    fn event(&mut self, overwritten: PerClass<u64>, is_call: bool) {
        if !is_call {
            for (contested, mask) in self.contested_here.iter_mut().zip(overwritten) {
                *contested |= mask;
            }
        }
        self.num_events += 1;
        if self.careful {
            self.events.push(overwritten);
        }
    }

    /// The fixed uses among `ops` want their registers.
    pub(super) fn at_fixed_uses(&mut self, lives: &mut [Life], ops: &[Op], is_call: bool) {
        let mut fixed = [0; 3];
        for op in ops.iter().filter(|op| op.is_use() && op.want == Want::Fixed) {
            fixed[op.class()] |= 1 << op.reg;
            self.fixed[op.class()] |= 1 << op.reg;
            self.want(lives, op.value, PReg::from_index(op.class() << PReg::MAX_BITS | usize::from(op.reg)));
        }
        self.event(fixed, is_call);
    }
}
