//! The backtracking allocator.
mod assign;
mod bundles;
mod cleanup;
mod edits;
mod frame;
mod interference;
mod memory;
mod places;
mod points;
mod ranges;
mod spill;
mod split;
mod trim;

use crate::cfg::FlowGraph;
use crate::code::{Code, Fold};
use crate::ir::{Function, Machine, MachineEnv};
use crate::output::{Output, Stats};
use crate::slots::{SlotShape, Slots};
use crate::{Error, SlotLayout};

/// The allocator: its passes, with their storage.
#[derive(Debug, Default)]
pub(crate) struct BacktrackingAllocator {
    flow: FlowGraph,
    code: Code,
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
}

impl BacktrackingAllocator {
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
        self.code.run(func, &machine, &self.flow.graph)?;
        let folded_params = self.fold.run(&mut self.code, &self.flow);
        self.points.run(&self.flow);
        self.live.run(&self.code, &self.flow, &machine);
        for &def in &self.live.extra {
            self.code.values.push(def);
        }
        self.bundles.run(&self.code, &self.flow, &self.points, &self.live);
        let on = assign::Input { code: &self.code, machine: &machine, points: &self.points, live: &self.live };
        self.assign.run(on, &mut self.bundles)?;
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
        self.tenants.run(on, &self.places, &self.memory);
        let shape = SlotShape::new(func, self.code.used_classes());
        self.slots.clear();
        match layout {
            SlotLayout::Packed => {
                for (number, tenant) in self.tenants.tenants.iter().enumerate() {
                    self.slots.add(tenant.class, self.tenants.stretches(number)[0].from);
                }
                self.slots.run(shape, |number| self.tenants.stretches(number));
            }
            SlotLayout::Probed => {
                self.probing.allocate_spillslots(shape, &self.tenants);
                self.slots.adopt(self.probing.places(), self.probing.words());
            }
        }
        output.stats = Stats {
            insts: self.code.insts.len() - 1,
            blocks: self.flow.graph.num_blocks(),
            values: self.code.values.len() - self.live.extra.len() - folded_params,
            folded_params,
            loops: self.flow.loops.num() - 1,
            spilled_values: self.cleanup.in_memory.iter().filter(|(_, needed)| **needed).count(),
            ..Stats::default()
        };
        let by = edits::Decisions {
            machine: &machine,
            registers: &self.assign.registers,
            memory: &self.memory,
            in_memory: &self.cleanup.in_memory,
            shape,
        };
        let (tenants, sets) = (&self.tenants, &self.bundles.set_of);
        let slot = |slots: &Slots, value| slots.place(tenants.number(sets[value]));
        self.edits.run(on, &by, &mut self.places, &mut self.slots, slot, output);
        output.num_spillslots = self.slots.words() as usize;
        Ok(())
    }
}
