//! The backtracking allocator.
//!
//! It works on *live ranges*: where each value is needed, found before anything is decided. Ranges of values that
//! become one another are merged into *bundles*, and each bundle looks for a register that is free all over it, the
//! longest bundle first. One that finds none evicts bundles that weigh less, and if it cannot, is split where the code
//! is cold; the parts try again, smaller and with a better claim, down to single uses, which always find a place.
//! Whatever a part gains nothing from a register is in memory. What must be moved, loaded and stored follows from where
//! the parts have come to be. The idea is that of IonMonkey's allocator, which regalloc2 and regalloc3 share.
//!
//! Its strength is that it sees a value's whole range at once, and takes back what it decided too early; its weakness
//! that each question is asked of a data structure, where the SSA allocator ([`crate::ssa`]) just walks on. It is three
//! times as slow as that one and on most functions not as good, but differently good: of the two,
//! [`Algorithm::Best`](crate::Algorithm::Best) takes the better for each function.
//!
//! Instructions whose operands find no place are planned as a whole, and what follows on live ranges is done anew.
//!
//! The passes, in order, each reading what those before it filled:
//!
//! | pass | finds |
//! |---|---|
//! | [`FlowGraph`], [`Code`], [`Fold`] | blocks, loops, frequencies; the function, flattened |
//! | [`points::Points`] | the points of the code that live ranges are made of |
//! | [`ranges::LiveRanges`] | where each value is live (block by block, [`live_in`]), and what uses it; what instructions claim for themselves |
//! | [`bundles::Bundles`] | values that are to be in one place, hottest first |
//! | [`assign::Assign`] | a register for each bundle, by eviction and splitting ([`split`]); which registers are free, [`interference`] knows |
//! | [`spill::try_allocating_regs_for_spilled_bundles`] | a second chance for what was spilled |
//! | [`places::Places`] | where each value and operand is, and every transfer; registers that are loaded too early ([`trim`]) |
//! | [`cleanup::Cleanup`] | transfers that are not needed; which values are read from memory |
//! | [`memory::Memory`] | where each of these is stored, once |
//! | [`frame::Tenants`] | for how long each needs its slot |
//! | [`Slots`], or [`spill::SpillStage`] | the frame |
//! | [`edits::Edits`] | the moves, in order |
//! | [`DebugLocations`] | where labelled values are |

mod assign;
mod bundles;
mod cleanup;
mod crowd;
mod edits;
mod frame;
mod interference;
mod live_in;
mod memory;
mod places;
mod points;
mod ranges;
mod residence;
mod spill;
mod split;
mod trim;

use crate::cfg::FlowGraph;
use crate::code::{Code, Fold, InstPlan};
use crate::debug::{self, DebugLocations};
use crate::ir::{Function, Machine, MachineEnv};
use crate::output::{Output, Stats};
use crate::slots::{SlotShape, Slots};
use crate::{Error, SlotLayout, limits};
use alloc::boxed::Box;

/// The allocator: its passes, with their storage.
#[derive(Debug, Default)]
pub(crate) struct BacktrackingAllocator {
    flow: FlowGraph,
    code: Code,
    plan: InstPlan,
    fold: Fold,
    points: points::Points,
    live: ranges::LiveRanges,
    bundles: bundles::Bundles,
    assign: assign::Assign,
    places: places::Places,
    cleanup: cleanup::Cleanup,
    memory: memory::Memory,
    tenants: frame::Tenants,
    slots: Slots,
    probing: spill::SpillStage,
    edits: edits::Edits,
    /// (Few functions have labels.)
    debug: Option<Box<DebugLocations>>,
}

impl BacktrackingAllocator {
    /// The flow graph of the function that was allocated last.
    pub(crate) fn flow(&self) -> &FlowGraph {
        &self.flow
    }

    /// Allocates `func` into `output`.
    pub(crate) fn run(
        &mut self,
        func: &impl Function,
        env: &MachineEnv,
        layout: SlotLayout,
        output: &mut Output,
    ) -> Result<(), Error> {
        let machine = Machine::new(env);
        self.flow.run(func)?;
        self.flow.find_dominators();
        self.code.run(func, &machine, &self.flow.graph)?;
        let folded_params = self.fold.run(&mut self.code, &self.flow);
        self.points.run(&self.flow);
        self.assign_registers(&machine)?;
        let on = assign::Input { code: &self.code, machine: &machine, points: &self.points, live: &self.live };
        spill::try_allocating_regs_for_spilled_bundles(on, &mut self.assign, &mut self.bundles);

        self.code.prepare(output);
        let on = places::Input {
            code: &self.code,
            flow: &self.flow,
            points: &self.points,
            live: &self.live,
            bundles: &self.bundles,
        };
        self.places.run(on, &mut output.allocs);
        self.cleanup.run(on, &machine, &mut self.places, &mut self.assign.registers, &output.allocs);
        self.memory.run(on, &self.places, &self.cleanup.in_memory);
        self.places.add_stores(&self.memory.stores);
        let has_labels = !func.debug_value_labels().is_empty();
        self.tenants.run(on, &self.places, &self.memory, &self.cleanup.in_memory, has_labels);
        let shape = SlotShape::new(func, self.code.used_classes());
        lay_out_frame(layout, shape, &self.tenants, &mut self.slots, &mut self.probing);
        output.stats = Stats {
            insts: self.code.insts.len() - 1,
            blocks: self.flow.graph.num_blocks(),
            values: self.code.values.len() - self.live.num_extra - folded_params,
            folded_params,
            loops: self.flow.loops.num() - 1,
            evictions: self.assign.evictions,
            splits: self.assign.splits,
            spilled_values: self.cleanup.in_memory.iter().filter(|(_, needed)| **needed).count(),
            ..Stats::default()
        };
        let by = edits::Decisions {
            machine: &machine,
            registers: &self.assign.registers,
            in_memory: &self.cleanup.in_memory,
            tenants: &self.tenants,
            shape,
        };
        self.edits.run(on, &by, &self.places, &mut self.slots, output);
        self.code.share_places(&mut output.allocs);
        output.num_spillslots = self.slots.words() as usize;
        if output.edits.len() > limits::MAX_EDITS {
            return Err(Error::TooLarge { what: "moves", limit: limits::MAX_EDITS });
        }
        if output.num_spillslots > limits::MAX_SLOT_WORDS {
            return Err(Error::TooLarge { what: "words of spill slots", limit: limits::MAX_SLOT_WORDS });
        }
        if has_labels {
            let edits = self.edits.in_order(output);
            let by = residence::Residents::new(
                on,
                &self.places,
                &self.tenants,
                &self.slots,
                &self.cleanup.in_memory,
                &self.edits,
            );
            let on = debug::Input { code: &self.code, flow: &self.flow, machine: &machine, fold: &self.fold, shape };
            self.debug.get_or_insert_default().run(func, on, &by, edits.iter().copied(), output);
        }
        Ok(())
    }

    /// Finds live ranges and bundles, and assigns registers to these. If instructions turn out to be crowded, their operands are fixed to registers
    /// that suit all of them together, and it is done anew.
    ///
    /// An instruction is planned once at most, since nothing is left to be placed there then. That it is crowded depends on its own operands alone, so nearly
    /// always all that are have been found by the first attempt.
    fn assign_registers(&mut self, machine: &Machine) -> Result<(), Error> {
        let values = self.code.values.len();
        loop {
            self.live.run(&mut self.code, &self.flow, machine);
            if let Some(value) = self.live.undefined() {
                return Err(self.code.undefined(value));
            }
            self.bundles.run(&self.code, &self.flow, &self.points, &self.live);
            let on = assign::Input { code: &self.code, machine, points: &self.points, live: &self.live };
            self.assign.run(on, &mut self.bundles);
            let crowded = &mut self.assign.crowded;
            if crowded.is_empty() {
                return Ok(());
            }
            crowded.sort_by_key(|&(inst, _)| inst);
            crowded.dedup_by_key(|&mut (inst, _)| inst);
            for &(inst, class) in crowded.iter() {
                if !self.code.fix_registers(inst, machine, &mut self.plan) {
                    return Err(Error::TooManyLiveRegs { inst, class });
                }
            }
            // (Without the second copies that liveness has added.)
            self.code.values.truncate(values);
        }
    }
}

/// Gives every spill set that needs one its slot.
fn lay_out_frame(
    layout: SlotLayout,
    shape: SlotShape,
    tenants: &frame::Tenants,
    slots: &mut Slots,
    probing: &mut spill::SpillStage,
) {
    slots.clear();
    match layout {
        SlotLayout::Packed => {
            for (number, tenant) in tenants.tenants.iter().enumerate() {
                slots.add(tenant.class, tenants.stretches(number)[0].from, tenant.shares);
            }
            slots.run(shape, |number| tenants.stretches(number));
        }
        SlotLayout::Probed => {
            probing.allocate_spillslots(shape, tenants);
            slots.adopt(probing.places(), probing.words());
        }
    }
}
