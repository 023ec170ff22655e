//! The forward pass: spilling and assignment in one walk over the code.
//!
//! Blocks come in loop-contiguous topological order, so that all predecessors of a block but the sources of back edges have been
//! allocated when the block is. The pass holds which value is in each register; a value may be in several.
//!
//! - **Eviction forgets** (`registers`). An SSA value never changes, so nothing is stored when it loses its register; only a later
//!   reload, which finds it in no register, notes that it needs a slot (`spills`), and the store is placed when all reloads are
//!   known. The victim is a spare copy, else the value with the farthest next use (Belady's MIN), of about equal ones one that
//!   is in memory already.
//! - **Block entries** (`entry`, with `agreed`, `headers`, `choose`, `place`). At a join, the values stay in registers that all predecessors
//!   have in registers. At a loop header, the values used in the loop come first. The registers at the entry of each block and at its exit
//!   are recorded; the moves on the edges follow from them later.
//! - **Next uses** (`block`) are positions. Those of what is live into a block, and used in it, are set when the walk comes there; a value in a
//!   register of which the block knows nothing is needed by way of a back edge, or not at all. By way of a back edge to a header that has it
//!   in memory, a register is of no use to it: it is the first to go, and definitions take its place. Nothing is reset behind the block: a
//!   number tells on which visit a next use was set.
//! - **Instructions** (`inst`) bring their uses into registers, save values from registers that the instruction overwrites, and
//!   place their definitions (`defs`, `make_way`). `before` is kept for instructions that need nearly all registers, whose first attempt may fail.
//! - **Forks** (`forks`). In front of the branch at the end of a block, what several ways behind it would load for themselves is loaded for all.
//! - **Feedback** (`feedback`). A value that had to be reloaded on a back edge was wrongly kept at the header: it fell out of its register
//!   in the loop anyway. A loop that lost much so is allocated again with these values left out.
//!
//! Sources: Braun and Hack (CC 2009) for the spilling; Braun, Mallach and Hack, *Preference-Guided Register Assignment* (CC 2010) for
//! the assignment; Go's `regalloc.go` for several copies a value and for forgetting.
//!
//! **Cost.** Each instruction is handled in time proportional to its operands, and to the number of registers where it must evict;
//! each block boundary in time proportional to the registers and to the lists of `live`, both bounded. With feedback, a few times that for
//! code in loops.

mod agreed;
mod before;
mod block;
mod candidates;
mod choose;
mod defs;
mod entry;
mod exclusions;
mod feedback;
mod forks;
mod headers;
mod inst;
mod make_way;
mod place;
mod registers;
mod simple;
mod spills;
mod state;
mod uses;

pub(crate) use spills::{EVERYWHERE, Event, Memory, Notes, Spill, What};
pub(crate) use state::{InReg, Loc, LocalMove};

use crate::Error;
use crate::cfg::{FlowGraph, Loop};
use crate::code::{Code, InstPlan, NO_REG, OpIndex, Value, ValueDef, Want, flag};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, Machine, PerClass};
use crate::live::{DEAD, LookAhead, LoopLiveness, NextUses};
use crate::output::Allocation;
use alloc::vec::Vec;
use candidates::Candidate;
use feedback::Feedback;
use registers::{Bits, RegFile, bit};
use state::Status;

/// What the pass reads.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) code: &'a Code,
    pub(crate) flow: &'a FlowGraph,
    pub(crate) next_uses: &'a NextUses,
    pub(crate) loops: &'a LoopLiveness,
    /// How far ahead calls and joins are, if values are loaded in front of forks.
    pub(crate) ahead: Option<&'a LookAhead>,
    pub(crate) machine: &'a Machine,
    /// How often a loop nest may be allocated again.
    pub(crate) rounds: usize,
    /// Are values stored as late as possible, and is it found out exactly for how long they need their slots? If not, they are stored where
    /// they are made, and dominators are not known.
    pub(crate) careful: bool,
    /// Are there values that find no room in registers somewhere?
    pub(crate) is_scarce: bool,
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

/// Two-address instructions with more operands than this are not asked what their inputs become: each of their results might be an argument.
const MOST_OPERANDS: usize = 16;

/// A range of [`Forward::states`].
type StateRange = (u32, u32);

/// The registers at the start of a block, behind the moves on its edges, and at its end.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    entry: StateRange,
    exit: StateRange,
}

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
    /// The states at the start and at the end of each block.
    bounds: TypedVec<Block, Bounds>,
    /// The blocks that do not just go on with the registers as their only predecessor leaves them.
    pub(crate) entered: Vec<Block>,

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
    /// How many registers the class has that has the fewest: so many values find room, whatever their classes.
    fewest: usize,
    /// The candidates' numbers, each with its rank and value in one number: they are too large to be sorted themselves.
    by_rank: Vec<(u64, u32)>,
    sorted: Vec<Candidate>,
    /// The registers that the innermost loop around the block contests.
    contested: PerClass<u64>,
    wanted: Vec<forks::Wanted>,
    pending: Vec<OpIndex>,
    plan: InstPlan,
    before: before::Before,
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
        let (start, end) = self.bounds[block].entry;
        &self.states[start as usize..end as usize]
    }

    /// The registers at the end of `block`.
    #[inline]
    pub(crate) fn at_exit(&self, block: Block) -> &[InReg] {
        let (start, end) = self.bounds[block].exit;
        &self.states[start as usize..end as usize]
    }

    /// Allocates the function; `allocs` has an entry for each operand.
    pub(crate) fn run(&mut self, on: &Input<'_>, allocs: &mut [Allocation]) -> Result<(), Error> {
        self.clear(on);
        self.find_becomes(on);
        let order = on.flow.order.order();
        let (mut at, mut seen) = (0, 0);
        loop {
            if let Some(again) = self.leave_nest(on, at) {
                at = again;
                continue;
            }
            let Some(&block) = order.get(at) else { break };
            self.enter_nest(on, block, at);
            let goes_on_from = self.only_pred(on, block);
            if at == seen {
                seen += 1;
                if goes_on_from.is_none() {
                    self.entered.push(block);
                }
            }
            self.allocate_block(on, block, goes_on_from, allocs)?;
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
        let registers = on.machine.allocatable.iter().map(|mask| mask.count_ones() as usize);
        self.fewest = registers.filter(|&count| count > 0).min().unwrap_or(0);
        self.call_ahead = (Inst::new(0), Inst::new(0));
        self.feedback_rounds = 0;
        self.states.clear();
        self.bounds.reset(blocks, Bounds::default());
        self.entered.clear();
        self.regs.occupied = [0; 3];
        self.in_regs = (0, 0);
        self.visit = 0;
        self.status.clear();
        self.status.extend(on.next_uses.classes_and_crossing().map(|(class, crosses)| Status::new(class, crosses)));
        self.round_loop_saved.clear();
        self.open_loops.clear();
        self.becomes_over.reset(values, -1.0);
        self.feedback.clear(on);
        self.journal.clear();
        self.nest_cost = 0.0;
        if on.flow.loops.num() > 1 {
            self.excluded_at.make_longer(values, Loop::invalid());
        }
    }

    /// Which parameter each value becomes: the hottest edge decides, and of equally hot ones the last back edge, else the first.
    fn find_becomes(&mut self, on: &Input<'_>) {
        let graph = &on.flow.graph;
        for &edge in on.code.edges_with_args() {
            let params = on.code.params(graph.edge(edge).to);
            let back = on.flow.is_back_edge(edge);
            let frequency = on.flow.edge_frequency(edge);
            for (&param, &arg) in params.iter().zip(on.code.args(edge, params.len())) {
                self.expect_param_in(on, param, arg);
                let hottest = self.becomes_over[arg];
                if frequency > hottest || back && frequency == hottest {
                    self.status[arg].becomes = param;
                    self.becomes_over[arg] = frequency;
                }
            }
        }
        for &edge in on.code.edges_with_args() {
            let params = on.code.params(graph.edge(edge).to);
            for &arg in on.code.args(edge, params.len()) {
                self.find_inputs(on, arg);
            }
        }
    }

    /// The input of a two-address instruction that makes `arg` becomes, in its register, what `arg` becomes; and so does the input that makes that one. (As
    /// long as these are not used again, nor made in another block: 533 functions are cheaper for that, and 56 dearer; of those captured elsewhere,
    /// 575 and 65. Made in any block: 655 and 216.)
    fn find_inputs(&mut self, on: &Input<'_>, arg: Value) {
        let becomes = self.status[arg].becomes;
        let mut made = arg;
        loop {
            let ValueDef { inst, block, .. } = on.code.values[made];
            if inst.is_invalid() || on.code.insts[inst].flags() & flag::REUSE == 0 {
                return;
            }
            let ops = &on.code.ops.as_slice()[on.code.op_range(inst)];
            if ops.len() > MOST_OPERANDS {
                return;
            }
            let Some(op) = ops.iter().find(|op| op.value == made && op.want == Want::Reuse) else { return };
            let input = ops[usize::from(op.reg)];
            if input.next != DEAD || on.code.values[input.value].block != block {
                return;
            }
            let status = &mut self.status[input.value];
            if status.becomes.is_valid() {
                return;
            }
            status.becomes = becomes;
            made = input.value;
        }
    }

    /// An argument that is the result of a call, say, is made in a register of the instruction's choice. So the parameter had best be there, and
    /// its other arguments too, unless it lives across calls. (The quick setting knows no better from beyond the block than what the parameter
    /// is wanted in.)
    fn expect_param_in(&mut self, on: &Input<'_>, param: Value, arg: Value) {
        let wish = if on.careful { NO_REG } else { on.next_uses.wish(param) };
        let reg = if wish == NO_REG { on.next_uses.made_in(arg) } else { wish };
        let status = &mut self.status[param];
        if status.last_reg == NO_REG && !status.crosses_call {
            status.last_reg = reg;
        }
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
