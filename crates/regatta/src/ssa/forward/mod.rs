//! The forward pass: spilling and assignment in one walk over the code.
//!
//! Blocks come in loop-contiguous topological order, so that all predecessors of a block but the sources of back edges have been
//! allocated when the block is. The pass holds which value is in each register; a value may be in several.
//!
//! - **Eviction forgets** (`registers`). An SSA value never changes, so nothing is stored when it loses its register; only a later
//!   reload, which finds it in no register, notes that it needs a slot (`spills`), and the store is placed when all reloads are
//!   known. The victim is a spare copy, else the value with the farthest next use (Belady's MIN), of about equal ones one that
//!   is in memory already.
//! - **Block entries** (`entry`). At a join, the values stay in registers that all predecessors have in registers. At a loop
//!   header, the values used in the loop come first. The registers at the entry of each block and at its exit are recorded; the moves
//!   on the edges follow from them later.
//! - **Next uses** are positions. Those of what is live into a block, and used in it, are set when the walk comes there; a value in a
//!   register of which the block knows nothing is needed by way of a back edge, or not at all. Nothing is reset behind the block: a
//!   number tells on which visit a next use was set.
//! - **Instructions** (`inst`) bring their uses into registers, save values from registers that the instruction overwrites, and
//!   place their definitions. `plan` is the way out for instructions that need nearly all registers.
//! - **Feedback** (`feedback`). A value that had to be reloaded on a back edge was wrongly kept at the header: it fell out of its register
//!   in the loop anyway. A loop that lost much so is allocated again with these values left out.
//!
//! Sources: Braun and Hack (CC 2009) for the spilling; Braun, Mallach and Hack, *Preference-Guided Register Assignment* (CC 2010) for
//! the assignment; Go's `regalloc.go` for several copies a value and for forgetting.
//!
//! **Cost.** Each instruction is handled in time proportional to its operands, and to the number of registers where it must evict;
//! each block boundary in time proportional to the registers and to the lists of `live`, both bounded. With feedback, a few times that for
//! code in loops.

mod candidates;
mod defs;
mod entry;
mod feedback;
mod inst;
mod plan;
mod registers;
mod simple;
mod spills;
mod uses;

pub(crate) use spills::{EVERYWHERE, Memory, Notes, Spill, What};

use crate::Error;
use crate::cfg::{Edge, FlowGraph, Loop};
use crate::code::{Code, NO_REG, Op, OpIndex, Value, flag};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, Machine, PReg, PerClass};
use crate::live::{DEAD, FAR, LiveIn, LoopLiveness, NextUses};
use crate::output::Allocation;
use alloc::vec::Vec;
use candidates::{Candidate, NO_CANDIDATE};
use core::hint::select_unpredictable;
use feedback::Feedback;
use registers::{Bits, RegFile, bit, preg};

/// What the pass reads.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) code: &'a Code,
    pub(crate) flow: &'a FlowGraph,
    pub(crate) next_uses: &'a NextUses,
    pub(crate) loops: &'a LoopLiveness,
    pub(crate) machine: &'a Machine,
    /// How often a loop nest may be allocated again.
    pub(crate) rounds: usize,
    /// Are values stored as late as possible, and is it found out exactly for how long they need their slots? If not, they are stored where
    /// they are made, and dominators are not known.
    pub(crate) careful: bool,
    /// Are frequencies estimated where it matters? Those by the depth of loops are then taken less seriously.
    pub(crate) is_estimated: bool,
}

impl Input<'_> {
    #[inline(always)]
    fn class(&self, value: Value) -> usize {
        self.code.values[value].class.index()
    }
}

/// The weights of moves in the cost of a nest: those of the usual cost model.
const MOVE_COST: f32 = 0.2;
const STORE_COST: f32 = 1.0;
const RELOAD_COST: f32 = 4.0;

/// A place, before slots have numbers: a register, or the slot of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loc(u32);

impl Loc {
    const SLOT: u32 = 1 << 31;

    #[inline(always)]
    pub(crate) fn reg(reg: PReg) -> Self {
        Self(reg.index() as u32)
    }

    #[inline(always)]
    pub(crate) fn slot_of(value: Value) -> Self {
        Self(value.0 | Self::SLOT)
    }

    /// The register, unless it is a slot.
    fn as_reg(self) -> Option<PReg> {
        (self.0 & Self::SLOT == 0).then(|| PReg::from_index(self.0 as usize))
    }

    /// The place as the client knows it.
    #[inline]
    pub(crate) fn resolve(self, slot_of: impl FnOnce(Value) -> Allocation) -> Allocation {
        if self.0 & Self::SLOT != 0 {
            slot_of(Value(self.0 & !Self::SLOT))
        } else {
            Allocation::reg(PReg::from_index(self.0 as usize))
        }
    }
}

/// A move next to an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalMove {
    pub(crate) inst: Inst,
    /// After the instruction rather than before.
    pub(crate) after: bool,
    pub(crate) from: Loc,
    pub(crate) to: Loc,
}

/// A value in a register at a block's boundary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InReg {
    pub(crate) value: Value,
    pub(crate) reg: PReg,
}

/// What the walk knows of a value, in one place, since it mostly asks for several of these at a time.
#[derive(Clone, Copy, Debug)]
struct Status {
    /// The registers that hold it, by number in its class.
    held: u64,
    /// The position of its next use from here; see [`Forward::expect_at_entry`].
    next: u32,
    /// That of its next use by way of the back edge of a loop around this block.
    round: u32,
    /// When `next` was last set at the start of a block: [`Forward::visit`].
    visit: u32,
    /// The parameter that it becomes over the hottest edge that it becomes one over, a back edge rather than another.
    becomes: Value,
    /// Its number among the candidates at the entry of a block; [`NO_CANDIDATE`] elsewhere.
    candidate_of: u32,
    /// The register that it, a parameter, or a value that becomes it was last in.
    last_reg: u8,
    /// The register that it is made in.
    def_reg: u8,
    /// Its class, as an index.
    class: u8,
    /// Is it live across a call?
    crosses_call: bool,
}

impl Status {
    /// Its next use behind this point of its block is at `next`, unless it comes round a back edge sooner.
    #[inline(always)]
    fn expect(&mut self, next: u32) {
        self.next = select_unpredictable(next < self.round, next, self.round);
    }

    /// If it is not needed any more, it leaves its registers: these. (Half of the values that are used are used no more: a branch would be
    /// a gamble.)
    #[inline(always)]
    fn leave_if_dead(&mut self) -> u64 {
        let left = select_unpredictable(self.next == DEAD, self.held, 0);
        self.held ^= left;
        left
    }
}

/// A range of [`Forward::states`].
type StateRange = (u32, u32);

/// The pass, with its storage and results.
#[derive(Debug, Default)]
pub(crate) struct Forward {
    // Results.
    /// The moves next to instructions, in the order of each block's code.
    pub(crate) moves: Vec<LocalMove>,
    /// Operands that are in the slot of a value.
    pub(crate) slot_operands: Vec<(OpIndex, Value)>,
    /// What is known of each value's life in memory.
    pub(crate) spills: TypedVec<Value, Spill>,
    /// The values that live in memory somewhere.
    pub(crate) spilled: Vec<Value>,
    /// What happened to values for which memory matters.
    events: spills::Events,
    /// Every register that holds a value somewhere.
    pub(crate) used: PerClass<u64>,
    /// Registers that are sure to be used, as more values live across some call than fit into others.
    expected: PerClass<u64>,
    /// Loop nests allocated again, counted once each time.
    pub(crate) feedback_rounds: usize,
    states: Vec<InReg>,
    entry: TypedVec<Block, StateRange>,
    exit: TypedVec<Block, StateRange>,

    // Where the walk is.
    regs: RegFile,
    /// Where each value is, and how long it is needed.
    status: TypedVec<Value, Status>,
    block: Block,
    /// How many blocks have been visited, each as often as it was.
    visit: u32,
    inst: Inst,
    pos: u32,
    frequency: f32,
    /// The instructions up to the next call of a block, and that call's position.
    call_ahead: (Inst, Inst),
    call_pos: u32,
    round_loop_saved: Vec<(Value, u32)>,
    open_loops: Vec<(Loop, usize)>,
    /// What the registers hold, as a state: the last that was recorded.
    in_regs: StateRange,

    // Preferences.
    /// How often control comes over the edge by which a value becomes [`Status::becomes`].
    becomes_over: TypedVec<Value, f32>,

    // Feedback.
    feedback: Feedback,
    journal: Vec<(Value, Spill)>,
    /// What the moves of the innermost loop on [`Feedback`]'s stack cost so far.
    nest_cost: f32,
    excluded_at: TypedVec<Value, Loop>,

    // Scratch of the steps.
    at_exit: TypedVec<Value, u64>,
    candidates: Vec<Candidate>,
    /// The registers that the innermost loop around the block contests.
    contested: PerClass<u64>,
    pending: Vec<OpIndex>,
    planned: Vec<Op>,
    before: plan::Before,
}

impl Forward {
    /// The register that `value` is made in, by number in its class; [`NO_REG`] if nothing makes it.
    #[inline]
    pub(crate) fn def_reg(&self, value: Value) -> u8 {
        self.status[value].def_reg
    }

    /// The registers at the start of `block`, behind the moves on its edges.
    #[inline]
    pub(crate) fn at_entry(&self, block: Block) -> &[InReg] {
        let (start, end) = self.entry[block];
        &self.states[start as usize..end as usize]
    }

    /// The registers at the end of `block`.
    #[inline]
    pub(crate) fn at_exit(&self, block: Block) -> &[InReg] {
        let (start, end) = self.exit[block];
        &self.states[start as usize..end as usize]
    }

    /// Is all that the target of `edge` has in registers in the same ones at the end of its source?
    fn is_settled(&self, on: &Input<'_>, edge: Edge) -> bool {
        let data = on.flow.graph.edge(edge);
        let params = on.code.params(data.to);
        // Both lists are in the order of the registers.
        let mut exit = self.at_exit(data.from).iter();
        self.at_entry(data.to).iter().all(|&InReg { value, reg }| {
            let mut source = value;
            if !params.is_empty()
                && let Some(number) = params.iter().position(|&param| param == value)
            {
                source = on.code.arg(edge, number);
            }
            exit.find(|there| there.reg >= reg).is_some_and(|there| there.reg == reg && there.value == source)
        })
    }

    /// Allocates the function; `allocs` has an entry for each operand.
    pub(crate) fn run(&mut self, on: &Input<'_>, allocs: &mut [Allocation]) -> Result<(), Error> {
        self.clear(on);
        self.find_becomes(on);
        let order = on.flow.order.order();
        let mut at = 0;
        loop {
            if let Some(again) = self.leave_nest(on, at) {
                at = again;
                continue;
            }
            let Some(&block) = order.get(at) else { break };
            self.enter_nest(on, block, at);
            self.allocate_block(on, block, allocs)?;
            at += 1;
        }
        Ok(())
    }

    fn clear(&mut self, on: &Input<'_>) {
        let (values, blocks) = (on.code.values.len(), on.flow.graph.num_blocks());
        self.moves.clear();
        self.slot_operands.clear();
        self.spills.reset(values, Spill::default());
        self.spilled.clear();
        self.events.clear(if on.careful { values } else { 0 });
        self.used = [0; 3];
        self.expected = expected_registers(on);
        self.call_ahead = (Inst::new(0), Inst::new(0));
        self.feedback_rounds = 0;
        self.states.clear();
        self.entry.reset(blocks, (0, 0));
        self.exit.reset(blocks, (0, 0));
        self.regs.occupied = [0; 3];
        self.in_regs = (0, 0);
        self.visit = 0;
        self.status.clear();
        self.status.extend(on.code.values.iter().map(|(value, def)| Status {
            held: 0,
            next: DEAD,
            round: DEAD,
            visit: 0,
            becomes: Value::invalid(),
            candidate_of: NO_CANDIDATE,
            last_reg: NO_REG,
            def_reg: NO_REG,
            class: def.class as u8,
            crosses_call: on.next_uses.crosses_call(value),
        }));
        self.round_loop_saved.clear();
        self.open_loops.clear();
        self.becomes_over.reset(values, -1.0);
        self.feedback.clear(on);
        self.journal.clear();
        self.nest_cost = 0.0;
        self.excluded_at.reset(values, Loop::invalid());
        self.at_exit.reset(values, 0);
    }

    /// Which parameter each value becomes: the hottest edge decides, and of equally hot ones the last back edge, else the first.
    fn find_becomes(&mut self, on: &Input<'_>) {
        let graph = &on.flow.graph;
        for edge in graph.edges() {
            let to = graph.edge(edge).to;
            let params = on.code.params(to);
            if params.is_empty() {
                continue;
            }
            let back = on.flow.is_back_edge(edge);
            let frequency = on.flow.edge_frequency(edge);
            for (&param, &arg) in params.iter().zip(on.code.args(edge, params.len())) {
                let hottest = self.becomes_over[arg];
                if frequency > hottest || back && frequency == hottest {
                    self.status[arg].becomes = param;
                    self.becomes_over[arg] = frequency;
                }
            }
        }
    }

    /// Allocates one block.
    fn allocate_block(&mut self, on: &Input<'_>, block: Block, allocs: &mut [Allocation]) -> Result<(), Error> {
        let goes_on_from = self.only_pred(on, block);
        if let Some(from) = goes_on_from
            && on.next_uses.blocks[block].is_bare
        {
            // Nothing happens here.
            self.entry[block] = self.exit[from];
            self.exit[block] = self.exit[from];
            self.note_back_edges(on, block);
            return Ok(());
        }
        self.block = block;
        self.visit += 1;
        self.pos = on.flow.start(block);
        self.contested = on.next_uses.wishes.contested(on.flow.loops.block_loop(block));
        self.frequency = on.flow.frequencies.of(block);
        self.leave_loops(on, block);
        let header_of = on.flow.loops.is_header(block);
        if let Some(of) = header_of {
            self.enter_loop(on, of);
        }
        self.expect_uses(on, block, header_of);
        match goes_on_from {
            Some(from) => self.go_on_from(block, from),
            None => self.enter_block(on, block, header_of),
        }
        let (first, end) = (on.flow.graph.first(block), on.flow.graph.end(block));
        let infos = &on.code.insts.as_slice()[first.index()..=end.index()];
        for (inst, pair) in (first.0..).zip(infos.windows(2)) {
            self.inst = Inst(inst);
            if let &[info, next] = pair
                && (info.ops != next.ops || info.flags() & flag::KILLS != 0)
            {
                self.allocate_inst(on, info.flags(), info.ops.index()..next.ops.index(), allocs)?;
            }
            self.pos += 1;
        }
        self.exit[block] = self.record_state();
        self.in_regs = self.exit[block];
        self.note_back_edges(on, block);
        Ok(())
    }

    /// The one block that control can come from, if this one takes over the registers as they are there.
    fn only_pred(&self, on: &Input<'_>, block: Block) -> Option<Block> {
        match on.flow.graph.pred_edges(block) {
            &[only] if on.code.params(block).is_empty() && !on.flow.is_back_edge(only) => {
                Some(on.flow.graph.edge(only).from)
            }
            _ => None,
        }
    }

    fn note_back_edges(&mut self, on: &Input<'_>, block: Block) {
        if on.flow.loops.block_loop(block) == Loop::ROOT {
            return;
        }
        for edge in on.flow.graph.succ_edges(block) {
            if on.flow.is_back_edge(edge) {
                self.note_edge(on, edge);
            }
        }
    }

    fn record_state(&mut self) -> StateRange {
        let start = self.states.len() as u32;
        for class in registers::CLASSES {
            for reg in Bits(self.regs.occupied[class]) {
                self.states.push(InReg { value: self.regs.value(class, reg), reg: preg(class, reg) });
            }
        }
        (start, self.states.len() as u32)
    }

    /// From now on, what lives through the loop is needed at the latest in its next iteration.
    fn enter_loop(&mut self, on: &Input<'_>, of: Loop) {
        self.open_loops.push((of, self.round_loop_saved.len()));
        let end = on.flow.loop_end(of);
        for &LiveIn { value, distance } in on.loops.live_through(of) {
            self.round_loop_saved.push((value, self.status[value].round));
            self.status[value].round = end + distance;
        }
    }

    /// Closes the loops that `block` is not in.
    fn leave_loops(&mut self, on: &Input<'_>, block: Block) {
        while let Some(&(of, saved)) = self.open_loops.last() {
            // A header closes its own loop too: the nest is being allocated again.
            if on.flow.order.contains(of, block) && on.flow.loops.header(of) != block {
                break;
            }
            self.open_loops.pop();
            while self.round_loop_saved.len() > saved {
                let Some((value, before)) = self.round_loop_saved.pop() else { break };
                self.status[value].round = before;
            }
        }
    }

    /// Sets the next uses as of the block's start.
    fn expect_uses(&mut self, on: &Input<'_>, block: Block, header_of: Option<Loop>) {
        let (start, visit) = (on.flow.start(block), self.visit);
        let (live, further) = on.next_uses.live_in_or_used(block);
        let status = self.status.as_mut_slice();
        for &LiveIn { value, distance } in live {
            let status = &mut status[value.index()];
            status.next = status.round.min(FAR).min(distance + further + start);
            status.visit = visit;
        }
        for &param in on.code.params(block) {
            let distance = on.next_uses.param_distance[param];
            if distance != DEAD {
                let status = &mut self.status[param];
                status.next = status.round.min((start + distance).min(FAR));
                status.visit = visit;
            }
        }
        if let Some(of) = header_of {
            for &LiveIn { value, distance } in on.loops.live_through(of) {
                let next = self.expect_at_entry(value);
                let status = &mut self.status[value];
                status.next = next.min(start + distance);
                status.visit = visit;
            }
        }
    }

    /// The position of the next use of `value` from the start of this block: what has been found out about the block, or else by way of
    /// a back edge. It is asked of all values that are in registers at the start of the block, and noted.
    #[inline(always)]
    fn expect_at_entry(&mut self, value: Value) -> u32 {
        let status = &mut self.status[value];
        status.next = select_unpredictable(status.visit == self.visit, status.next, status.round);
        status.next
    }
}

/// The registers that will have to be saved for the caller: those that operands are fixed to, and as many as it takes for what lives across
/// calls.
fn expected_registers(on: &Input<'_>) -> PerClass<u64> {
    core::array::from_fn(|c| {
        let dear = on.machine.dear[c];
        let fixed = on.next_uses.wishes.fixed()[c];
        let survivors = on.code.survivors[c];
        let most = on.loops.loops[Loop::ROOT].call_pressure[c];
        let missing = most.saturating_sub((survivors & (!dear | fixed)).count_ones());
        let others = Bits(survivors & dear & !fixed).take(missing as usize);
        others.fold(fixed & dear, |mask, reg| mask | bit(reg))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(next: u32, round: u32) -> Status {
        Status {
            held: 0b110,
            next,
            round,
            visit: 0,
            becomes: Value::invalid(),
            candidate_of: NO_CANDIDATE,
            last_reg: NO_REG,
            def_reg: NO_REG,
            class: 0,
            crosses_call: false,
        }
    }

    #[test]
    fn the_sooner_use_counts() {
        let mut value = status(DEAD, 9);
        value.expect(7);
        assert_eq!(value.next, 7);
        value.expect(DEAD);
        assert_eq!(value.next, 9);
    }

    #[test]
    fn only_the_dead_leave_their_registers() {
        let mut value = status(9, DEAD);
        assert_eq!((value.leave_if_dead(), value.held), (0, 0b110));
        value.expect(DEAD);
        assert_eq!((value.leave_if_dead(), value.held), (0b110, 0));
    }
}
