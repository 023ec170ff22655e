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
//! - **Instructions** (`inst`) bring their uses into registers, save values from registers that the instruction overwrites, and
//!   place their definitions. `plan` is the way out for instructions that need nearly all registers.
//! - **Feedback.** A value that had to be reloaded on a back edge was wrongly kept at the header: it fell out of its register in the
//!   loop anyway. When an outermost loop nest is done and the reloads so lost weigh enough, the nest is rolled back and allocated
//!   again with these values left out of the header's registers; up to [`Input::rounds`] times, and the cheapest attempt counts. Code
//!   outside of loops is allocated once.
//!
//! Sources: Braun and Hack (CC 2009) for the spilling; Braun, Mallach and Hack, *Preference-Guided Register Assignment* (CC 2010) for
//! the assignment; Go's `regalloc.go` for several copies a value and for forgetting.
//!
//! **Cost.** Each instruction is handled in time proportional to its operands, and to the number of registers where it must evict;
//! each block boundary in time proportional to the registers and to the lists of `live`, both bounded. With feedback, up to
//! `rounds + 1` times that for code in loops.

mod entry;
mod inst;
mod plan;
mod registers;
mod spills;

pub(crate) use spills::{EVERYWHERE, Memory, Spill};

use crate::Error;
use crate::cfg::{FlowGraph, Loop};
use crate::code::{Code, NO_REG, Op, OpIndex, Value};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, Machine, PReg, PerClass};
use crate::live::{DEAD, FAR, LiveIn, LoopLiveness, NextUses};
use crate::output::Allocation;
use alloc::vec::Vec;
use entry::Candidate;
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
}

impl Input<'_> {
    #[inline(always)]
    fn class(&self, value: Value) -> usize {
        self.code.values[value].class.index()
    }
}

/// Reloads lost at back edges must weigh this part of a nest's cost for it to be allocated again.
const WORTH_ANOTHER_ROUND: f32 = 0.05;

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

/// How long a value is needed: positions.
#[derive(Clone, Copy, Debug)]
struct Until {
    /// Its next use from here.
    next: u32,
    /// Its next use by way of the back edge of a loop around this block: what `next` falls back to between blocks.
    round: u32,
}

/// A value that a loop header had better not hold in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Excluded {
    header: Block,
    value: Value,
}

/// How much had been done at some point, to go back to it.
struct Mark {
    moves: usize,
    slot_operands: usize,
    states: usize,
    spilled: usize,
    used: PerClass<u64>,
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
    /// The register that a value is made in.
    pub(crate) def_reg: TypedVec<Value, u8>,
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
    /// The registers that hold a value, by number in its class.
    held: TypedVec<Value, u64>,
    block: Block,
    inst: Inst,
    pos: u32,
    frequency: f32,
    /// The instructions up to the next call of a block, and that call's position.
    call_ahead: (Inst, Inst),
    call_pos: u32,
    /// How long each value is needed.
    until: TypedVec<Value, Until>,
    round_loop_saved: Vec<(Value, u32)>,
    open_loops: Vec<(Loop, usize)>,
    /// The values that this block has defined.
    defined: Vec<Value>,
    /// What the registers hold, as a state: the last that was recorded.
    in_regs: StateRange,

    // Preferences.
    /// The parameter that a value becomes over an edge, a back edge if there is one.
    becomes: TypedVec<Value, Value>,
    /// The register that a parameter, or a value that becomes it, was last in.
    last_reg: TypedVec<Value, u8>,

    // Feedback.
    in_nest: bool,
    journal: Vec<(Value, Spill)>,
    nest_cost: f32,
    lost: Vec<(Excluded, f32)>,
    excluded: Vec<Excluded>,
    best_excluded: Vec<Excluded>,
    learnt: Vec<Excluded>,
    /// Do headers of loops with calls count only on registers that survive the calls?
    cautious: bool,
    excluded_at: TypedVec<Value, Block>,

    // Scratch of the steps.
    at_exit: TypedVec<Value, u64>,
    candidate_of: TypedVec<Value, u32>,
    candidates: Vec<Candidate>,
    pending: Vec<OpIndex>,
    planned: Vec<Op>,
    before: plan::Before,
}

impl Forward {
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

    /// Allocates the function; `allocs` has an entry for each operand.
    pub(crate) fn run(&mut self, on: &Input<'_>, allocs: &mut [Allocation]) -> Result<(), Error> {
        self.clear(on);
        self.find_becomes(on);
        let order = on.flow.order.order();
        let mut at = 0;
        while at < order.len() {
            let of = on.flow.loops.block_loop(order[at]);
            if of == Loop::ROOT {
                self.allocate_block(on, order[at], allocs)?;
                at += 1;
            } else {
                // A loop's blocks are consecutive, and the first one met is the header of an outermost loop.
                let end = on.flow.order.loop_end(on.flow.outermost(of)) as usize + 1;
                self.allocate_nest(on, &order[at..end], allocs)?;
                at = end;
            }
        }
        Ok(())
    }

    fn clear(&mut self, on: &Input<'_>) {
        let (values, blocks) = (on.code.values.len(), on.flow.graph.num_blocks());
        self.moves.clear();
        self.slot_operands.clear();
        self.spills.reset(values, Spill::default());
        self.spilled.clear();
        self.def_reg.reset(values, NO_REG);
        self.used = [0; 3];
        self.expected = expected_registers(on);
        self.call_ahead = (Inst::new(0), Inst::new(0));
        self.feedback_rounds = 0;
        self.states.clear();
        self.entry.reset(blocks, (0, 0));
        self.exit.reset(blocks, (0, 0));
        self.regs.occupied = [0; 3];
        self.in_regs = (0, 0);
        self.defined.clear();
        self.held.reset(values, 0);
        self.until.reset(values, Until { next: DEAD, round: DEAD });
        self.round_loop_saved.clear();
        self.open_loops.clear();
        self.becomes.reset(values, Value::invalid());
        self.last_reg.reset(values, NO_REG);
        self.in_nest = false;
        self.journal.clear();
        self.lost.clear();
        self.excluded.clear();
        self.excluded_at.reset(values, Block::invalid());
        self.at_exit.reset(values, 0);
        self.candidate_of.reset(values, entry::NO_CANDIDATE);
    }

    /// Which parameter each value becomes: the hottest edge, a back edge, decides.
    fn find_becomes(&mut self, on: &Input<'_>) {
        let graph = &on.flow.graph;
        for edge in graph.edges() {
            let to = graph.edge(edge).to;
            let params = on.code.params(to);
            if params.is_empty() {
                continue;
            }
            let back = on.flow.is_back_edge(edge);
            for (&param, &arg) in params.iter().zip(on.code.args(edge, params.len())) {
                if back || self.becomes[arg].is_invalid() {
                    self.becomes[arg] = param;
                }
            }
        }
    }

    /// Allocates an outermost loop nest, again and again while that promises to pay; the cheapest attempt counts.
    ///
    /// The first attempt lets headers count on every register, though calls in the loop will take some of them. If that loses much, a
    /// cautious one counts only on those that survive; learning goes on from the better of the two.
    fn allocate_nest(&mut self, on: &Input<'_>, blocks: &[Block], allocs: &mut [Allocation]) -> Result<(), Error> {
        let mark = self.mark();
        let of = on.flow.loops.block_loop(blocks[0]);
        // What is found out at the header of a loop that is entered elsewhere too is little more than a guess: not worth a round.
        let rounds = if on.flow.loops.is_irreducible(of) { 0 } else { on.rounds };
        self.in_nest = rounds > 0;
        self.excluded.clear();
        self.best_excluded.clear();
        self.cautious = rounds == 0;
        self.attempt(on, blocks, allocs)?;
        let mut best = (self.nest_cost, self.cautious);
        let mut is_best = true;
        let mut worth_it = rounds > 0 && self.learn(on);
        if worth_it && on.loops.loops[of].has_call {
            self.learnt.clear();
            core::mem::swap(&mut self.learnt, &mut self.excluded);
            self.cautious = true;
            self.attempt_again(on, blocks, &mark, allocs)?;
            is_best = self.nest_cost < best.0;
            if is_best {
                best = (self.nest_cost, true);
                worth_it = self.learn(on);
            } else {
                self.cautious = false;
                core::mem::swap(&mut self.learnt, &mut self.excluded);
            }
        }
        let mut left = rounds;
        while worth_it && left > 0 {
            left -= 1;
            self.attempt_again(on, blocks, &mark, allocs)?;
            is_best = self.nest_cost < best.0;
            if is_best {
                best = (self.nest_cost, self.cautious);
                self.best_excluded.clone_from(&self.excluded);
            }
            worth_it = left > 0 && self.learn(on);
        }
        if !is_best {
            self.cautious = best.1;
            self.excluded.clone_from(&self.best_excluded);
            self.attempt_again(on, blocks, &mark, allocs)?;
        }
        self.in_nest = false;
        Ok(())
    }

    /// Takes back what has been done since `mark`, and allocates the nest once more.
    fn attempt_again(
        &mut self,
        on: &Input<'_>,
        blocks: &[Block],
        mark: &Mark,
        allocs: &mut [Allocation],
    ) -> Result<(), Error> {
        self.roll_back(mark);
        self.feedback_rounds += 1;
        self.attempt(on, blocks, allocs)
    }

    fn attempt(&mut self, on: &Input<'_>, blocks: &[Block], allocs: &mut [Allocation]) -> Result<(), Error> {
        self.journal.clear();
        self.lost.clear();
        self.nest_cost = 0.0;
        for &block in blocks {
            self.allocate_block(on, block, allocs)?;
        }
        Ok(())
    }

    fn mark(&self) -> Mark {
        Mark {
            moves: self.moves.len(),
            slot_operands: self.slot_operands.len(),
            states: self.states.len(),
            spilled: self.spilled.len(),
            used: self.used,
        }
    }

    /// Forgets what has been done since `mark`.
    fn roll_back(&mut self, mark: &Mark) {
        self.roll_back_spills();
        self.moves.truncate(mark.moves);
        self.slot_operands.truncate(mark.slot_operands);
        self.states.truncate(mark.states);
        self.spilled.truncate(mark.spilled);
        self.used = mark.used;
        self.clear_registers();
    }

    /// Adds what was reloaded on back edges to what the headers leave out. Is there something new, and enough of it?
    fn learn(&mut self, on: &Input<'_>) -> bool {
        let weight: f32 = self.lost.iter().map(|lost| lost.1).sum();
        if self.lost.is_empty() || weight * RELOAD_COST < WORTH_ANOTHER_ROUND * self.nest_cost {
            return false;
        }
        self.lost.sort_unstable_by_key(|lost| lost.0);
        let before = self.excluded.len();
        for same in self.lost.chunk_by(|a, b| a.0 == b.0) {
            let weight: f32 = same.iter().map(|lost| lost.1).sum();
            if weight >= on.flow.frequencies.of(same[0].0.header) {
                self.excluded.push(same[0].0);
            }
        }
        self.excluded.sort_unstable();
        self.excluded.dedup();
        self.excluded.len() > before
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
        self.pos = on.flow.start(block);
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
        let (start, end) = (on.flow.graph.first(block), on.flow.graph.end(block));
        for inst in start.0..end.0 {
            self.inst = Inst(inst);
            self.pos = on.flow.start(block) + (inst - start.0);
            self.allocate_inst(on, Inst(inst), allocs)?;
        }
        self.exit[block] = self.record_state();
        self.in_regs = self.exit[block];
        self.expect_nothing(on, block, header_of);
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
            self.round_loop_saved.push((value, self.until[value].round));
            self.until[value].round = end + distance;
            self.until[value].next = end + distance;
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
                self.until[value].round = before;
                self.until[value].next = before;
            }
        }
    }

    /// Sets `until` as of the block's start.
    fn expect_uses(&mut self, on: &Input<'_>, block: Block, header_of: Option<Loop>) {
        let start = on.flow.start(block);
        for LiveIn { value, distance } in on.next_uses.live_in_or_used(block) {
            let until = &mut self.until[value];
            until.next = until.round.min((start + distance).min(FAR));
        }
        for &param in on.code.params(block) {
            let distance = on.next_uses.param_distance[param];
            if distance != DEAD {
                let until = &mut self.until[param];
                until.next = until.round.min((start + distance).min(FAR));
            }
        }
        if let Some(of) = header_of {
            for &LiveIn { value, distance } in on.loops.live_through(of) {
                let until = &mut self.until[value];
                until.next = until.next.min(start + distance);
            }
        }
    }

    /// Sets `until` as it is between blocks.
    fn expect_nothing(&mut self, on: &Input<'_>, block: Block, header_of: Option<Loop>) {
        for LiveIn { value, .. } in on.next_uses.live_in_or_used(block) {
            let until = &mut self.until[value];
            until.next = until.round;
        }
        for &LiveIn { value, .. } in header_of.map_or(&[][..], |of| on.loops.live_through(of)) {
            let until = &mut self.until[value];
            until.next = until.round;
        }
        for &param in on.code.params(block) {
            self.until[param].next = self.until[param].round;
        }
        while let Some(value) = self.defined.pop() {
            self.until[value].next = self.until[value].round;
        }
    }
}

/// The registers in which values live across calls that must be saved for the caller: as many as it takes.
fn expected_registers(on: &Input<'_>) -> PerClass<u64> {
    core::array::from_fn(|c| {
        let survivors = on.code.survivors[c];
        let most = on.loops.loops[Loop::ROOT].call_pressure[c];
        let missing = most.saturating_sub((survivors & !on.machine.dear[c]).count_ones());
        Bits(survivors & on.machine.dear[c]).take(missing as usize).fold(0, |mask, reg| mask | bit(reg))
    })
}
