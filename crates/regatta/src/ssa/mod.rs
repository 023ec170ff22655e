//! The SSA allocator.
//!
//! In SSA form a value is written once. So it can be forgotten at will, as long as it is stored somewhere before it
//! must be read again, and copied at will, as all copies stay equal. This allocator makes the most of that: one walk
//! forwards over the code decides what is in which register, evicting whatever is needed last, and everything else is
//! either found before that walk (what the future needs) or follows from it (what must be stored where, what moves on
//! which edge). There are no live ranges, no interference, no backtracking.
//!
//! The passes, in order, each reading what those before it filled:
//!
//! | pass | finds |
//! |---|---|
//! | [`FlowGraph`] | loops, an order of the blocks that keeps loops together; dominators, where they are asked for |
//! | [`Code`] | the function, flattened |
//! | [`Fold`] | block parameters that are other names of a value |
//! | [`NextUses`] | for each block, what is live and how far away its next use is; which registers values would like |
//! | [`LoopLiveness`] | the same for what lives through loops; the loops' register pressure |
//! | [`LookAhead`] | how far ahead calls and joins are |
//! | [`forward::Forward`] | registers, reloads; loop nests several times while that pays |
//! | [`stores::Stores`] | where each value that needs memory is stored |
//! | [`lives::Lives`] | where each value is in memory |
//! | [`spill_sets::SpillSets`] | which values share a slot because one becomes the other |
//! | [`Slots`] | the frame |
//! | [`edits::Edits`] | the moves, in order |
//! | [`DebugLocations`] | where labelled values are |

mod edits;
mod forward;
pub(crate) mod lives;
mod residence;
mod spill_sets;
mod stores;

use crate::cfg::FlowGraph;
use crate::code::{Code, Fold};
use crate::debug::{self, DebugLocations};
use crate::ir::{Function, Machine, MachineEnv};
use crate::limits;
use crate::live::{LookAhead, LoopLiveness, NextUses};
use crate::output::{Output, Stats};
use crate::slots::{SlotShape, Slots};
use crate::{Error, FrequencyModel};
use alloc::boxed::Box;
use forward::Input;

/// How often the thorough setting allocates a loop nest again.
const THOROUGH_ROUNDS: usize = 4;

/// How much effort to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// One forward pass; values are stored where they are made, and slots shared by the hulls of lives in memory.
    Quick,
    /// Loops again and again while that pays; values are stored late, and slots shared by exact lives.
    Thorough,
}

/// The allocator: its passes, with their storage.
#[derive(Debug, Default)]
pub(crate) struct SsaAllocator {
    flow: FlowGraph,
    code: Code,
    fold: Fold,
    next_uses: NextUses,
    loops: LoopLiveness,
    ahead: LookAhead,
    forward: forward::Forward,
    stores: stores::Stores,
    sets: spill_sets::SpillSets,
    slots: Slots,
    edits: edits::Edits,
    /// (Few functions have labels.)
    debug: Option<Box<DebugLocations>>,
}

impl SsaAllocator {
    /// Allocates `func` into `output`.
    pub(crate) fn run(
        &mut self,
        func: &impl Function,
        env: &MachineEnv,
        effort: Effort,
        frequencies: FrequencyModel,
        output: &mut Output,
    ) -> Result<(), Error> {
        let machine = Machine::new(env);
        self.flow.run(func)?;
        let careful = effort == Effort::Thorough;
        self.code.run(func, &machine, &self.flow.graph)?;
        let folded_params = self.fold.run(&mut self.code, &self.flow);
        self.next_uses.run(&mut self.code, &self.flow, &machine, careful);
        // What is live on entry to the function has a use that its definition does not reach. (A list that was cut off may hide
        // it; only the validator misses nothing.)
        if let Some(live) = self.next_uses.live_in(func.entry_block()).next() {
            return Err(self.code.undefined(live.value));
        }
        self.loops.run(&self.code, &self.flow, &mut self.next_uses);
        let is_estimated = frequencies == FrequencyModel::Estimated;
        // Where all values have room, nothing is missing at forks.
        let is_scarce = careful && self.loops.are_registers_scarce(&machine, self.code.survivors);
        let looks_ahead = is_scarce && !is_estimated;
        if looks_ahead {
            self.ahead.run(&self.flow, &self.next_uses);
        }
        self.code.prepare(output);
        let known = Known {
            code: &self.code,
            next_uses: &self.next_uses,
            loops: &self.loops,
            ahead: looks_ahead.then_some(&self.ahead),
            machine: &machine,
            careful,
            is_scarce,
            is_estimated,
        };
        // The walk asks how control comes round loops that call.
        let are_dominators_known = careful && self.loops.any_calls();
        if are_dominators_known {
            self.flow.find_dominators();
        }
        self.forward.run(&known.with(&self.flow), &mut output.allocs)?;
        // Otherwise, all this matters only where stores go, if there are any.
        let stores_late = careful && !self.forward.spilled.is_empty();
        if !are_dominators_known && (stores_late || !func.debug_value_labels().is_empty()) {
            self.flow.find_dominators();
        }
        if stores_late && is_estimated {
            self.flow.estimate_frequencies(|graph, block| self.code.nature(func, graph, block));
        }
        let input = known.with(&self.flow);
        self.stores.run(&input, &mut self.forward);
        self.sets.run(&input, &self.forward, &self.stores);
        if self.stores.reconsider(&input, &mut self.forward, &self.sets) {
            self.sets.run(&input, &self.forward, &self.stores);
        }
        let shape = lay_out_frame(func, &self.code, &self.sets, &mut self.slots);
        let by = edits::Decisions { forward: &self.forward, stores: &self.stores, sets: &self.sets, shape };
        output.stats = Stats {
            insts: self.code.insts.len() - 1,
            blocks: self.flow.graph.num_blocks(),
            values: self.code.values.len() - folded_params,
            folded_params,
            loops: self.flow.loops.num() - 1,
            feedback_rounds: self.forward.feedback_rounds,
            spilled_values: self.forward.spilled.len(),
            ..Stats::default()
        };
        self.edits.run(&input, &by, &mut self.slots, output)?;
        self.code.share_places(&mut output.allocs);
        output.num_spillslots = self.slots.words() as usize;
        if output.num_spillslots > limits::MAX_SLOT_WORDS {
            return Err(Error::TooLarge { what: "words of spill slots", limit: limits::MAX_SLOT_WORDS });
        }
        if !func.debug_value_labels().is_empty() {
            let on = debug::Input { code: &self.code, flow: &self.flow, machine: &machine, fold: &self.fold, shape };
            let by = residence::Residents::new(&input, &by, &self.slots, &self.edits);
            self.debug.get_or_insert_default().run(func, on, &by, self.edits.in_order(), output);
        }
        Ok(())
    }
}

/// What the walk reads, but for the flow graph, of which more is found out behind it.
#[derive(Clone, Copy)]
struct Known<'a> {
    code: &'a Code,
    next_uses: &'a NextUses,
    loops: &'a LoopLiveness,
    ahead: Option<&'a LookAhead>,
    machine: &'a Machine,
    careful: bool,
    is_scarce: bool,
    is_estimated: bool,
}

impl<'a> Known<'a> {
    fn with<'b>(self, flow: &'b FlowGraph) -> Input<'b>
    where
        'a: 'b,
    {
        let Self { code, next_uses, loops, ahead, machine, careful, is_scarce, is_estimated } = self;
        let rounds = if careful { THOROUGH_ROUNDS } else { 0 };
        Input { code, flow, next_uses, loops, ahead, machine, rounds, careful, is_scarce, is_estimated }
    }
}

/// Gives every spill set its slot.
fn lay_out_frame(func: &impl Function, code: &Code, sets: &spill_sets::SpillSets, slots: &mut Slots) -> SlotShape {
    let shape = SlotShape::new(func, code.used_classes());
    slots.clear();
    for &set in &sets.whole {
        // What is written where it is read has that position in common with it, so all may share.
        slots.add(sets.class(set), sets.stretches(set)[0].from, true);
    }
    slots.run(shape, |tenant| sets.stretches(sets.whole[tenant]));
    shape
}
