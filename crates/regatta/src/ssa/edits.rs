//! From decisions to edits.
//!
//! When slots have numbers, every move can be written down: the moves next to instructions as the forward pass listed them, the stores,
//! and the moves on edges, which follow from the registers at the end of the edge's source and at the start of its target. Those of an
//! edge happen at once; [`ParallelMoves`] puts them in order. They go to the start of the target if nothing else leads there, else
//! before the branch of the source.
//!
//! At one point of the code, edits come in the order of [`Rank`]. A sort by point, rank and number of the edit gives the output's list.
//!
//! Cost: linear in edits and in edges × registers, but for the sort.

use super::forward::{Forward, InReg, Input};
use super::spill_sets::SpillSets;
use super::stores::{StorePlace, Stores};
use crate::cfg::Edge;
use crate::code::Value;
use crate::error::Error;
use crate::ir::{Block, Inst, Machine, PReg, PerClass, RegClass};
use crate::limits;
use crate::moves::{ParallelMoves, Temporaries};
use crate::output::{Allocation, Edit, Output, ProgPoint};
use crate::slots::{SlotShape, Slots};
use alloc::vec::Vec;

/// The order of edits at one point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Rank {
    /// Stores of what the branch before has defined.
    FromBranch,
    /// Moves of the edge into the block, if they are here.
    EdgeIn,
    /// Stores of what the moves next to the instruction, or it, overwrite.
    LastChance,
    /// Moves next to an instruction.
    Local,
    /// Stores of what the instruction before has defined, and of what is in a register to the end of the block.
    Definition,
    /// Moves of the edge out of the block, if they are here.
    EdgeOut,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    key: u64,
    from: Allocation,
    to: Allocation,
}

fn key(point: ProgPoint, rank: Rank) -> u64 {
    u64::from(point.to_index()) << 3 | rank as u64
}

/// Edits are numbered in this many bits to make their keys unique: 32 bits of point and 3 of rank leave so many.
const NUMBER_BITS: u32 = 29;

/// The pass, with its storage.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    pending: Vec<Pending>,
    parallel: ParallelMoves,
}

/// What the pass reads besides the forward pass's input.
pub(crate) struct Decisions<'a> {
    pub(crate) forward: &'a Forward,
    pub(crate) stores: &'a Stores,
    pub(crate) sets: &'a SpillSets,
    pub(crate) shape: SlotShape,
}

impl Decisions<'_> {
    pub(crate) fn slot(&self, slots: &Slots, value: Value) -> Allocation {
        slots.place(self.sets.tenant_of(value))
    }
}

impl Edits {
    /// Fills `output` with the edits, and the locations of operands that are in slots.
    ///
    /// # Errors
    ///
    /// If there are more than can be numbered.
    pub(crate) fn run(
        &mut self,
        on: &Input<'_>,
        by: &Decisions<'_>,
        slots: &mut Slots,
        output: &mut Output,
    ) -> Result<(), Error> {
        self.pending.clear();
        for &(op, value) in &by.forward.slot_operands {
            output.allocs[op.index()] = by.slot(slots, value);
        }
        for block in on.flow.graph.blocks() {
            for edge in on.flow.graph.succ_edges(block) {
                self.edge(on, by, edge, slots);
            }
        }
        for store in &by.stores.stores {
            if let StorePlace::FromBranch(block) = store.place
                && !by.sets.is_needed_at(store.value, on.flow.start(block))
            {
                // Read behind other successors of the branch only.
                continue;
            }
            let (point, rank) = match store.place {
                StorePlace::After(inst) => (ProgPoint::after(inst), Rank::Definition),
                StorePlace::Before(inst) => (ProgPoint::before(inst), Rank::LastChance),
                StorePlace::BeforeBranch(inst) => (ProgPoint::before(inst), Rank::Definition),
                StorePlace::FromBranch(block) => (block_start(on, block), Rank::FromBranch),
            };
            let slot = by.slot(slots, store.value);
            if on.machine.is_stack(store.from) {
                // From a place in the frame to another: the resolver knows how to go through a register.
                self.parallel.clear();
                self.parallel.add(Allocation::reg(store.from), slot, store.from.class());
                self.resolve(on, by, [!0; 3], key(point, rank), slots);
            } else {
                self.push(key(point, rank), Allocation::reg(store.from), slot);
            }
        }
        for m in &by.forward.moves {
            let point = if m.after { ProgPoint::after(m.inst) } else { ProgPoint::before(m.inst) };
            let resolve = |value| by.slot(slots, value);
            let (from, to) = (m.from.resolve(resolve), m.to.resolve(resolve));
            self.push(key(point, Rank::Local), from, to);
        }
        if self.pending.len() > limits::MAX_EDITS {
            return Err(Error::TooLarge { what: "moves", limit: limits::MAX_EDITS });
        }
        for (number, edit) in self.pending.iter_mut().enumerate() {
            edit.key = edit.key << NUMBER_BITS | number as u64;
        }
        self.pending.sort_unstable_by_key(|edit| edit.key);
        self.write(on.machine, output);
        Ok(())
    }

    /// The edits of the output, in order, each with its point; those of the second kind lead into a block, and what they do has been
    /// done in the registers at its entry.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (ProgPoint, bool, Allocation, Allocation)> + '_ {
        self.pending.iter().map(|edit| {
            let leads_in = (edit.key >> NUMBER_BITS & 7) <= Rank::EdgeIn as u64;
            let point = ProgPoint::from_index((edit.key >> (3 + NUMBER_BITS)) as u32);
            (point, leads_in, edit.from, edit.to)
        })
    }

    fn push(&mut self, key: u64, from: Allocation, to: Allocation) {
        if from != to {
            self.pending.push(Pending { key, from, to });
        }
    }

    fn write(&mut self, machine: &Machine, output: &mut Output) {
        let in_frame = |place: Allocation| place.as_reg().is_none_or(|reg| machine.is_stack(reg));
        let stats = &mut output.stats;
        output.edits.clear();
        for &Pending { key, from, to } in &self.pending {
            match (in_frame(from), in_frame(to)) {
                (false, false) => stats.moves += 1,
                (false, true) => stats.spills += 1,
                (true, _) => stats.reloads += 1,
            }
            let point = ProgPoint::from_index((key >> (3 + NUMBER_BITS)) as u32);
            output.edits.push((point, Edit::Move { from, to }));
        }
    }

    /// The moves of an edge.
    fn edge(&mut self, on: &Input<'_>, by: &Decisions<'_>, edge: Edge, slots: &mut Slots) {
        let data = on.flow.graph.edge(edge);
        let counts = on.flow.graph.is_reachable(data.from) || !on.flow.graph.is_reachable(data.to);
        let params = on.code.params(data.to);
        if !counts || !on.flow.graph.is_join(data.to) && params.is_empty() && !on.flow.is_back_edge(edge) {
            // Never taken; or the target goes on with the registers as they are.
            return;
        }
        let (entry, exit) = (by.forward.at_entry(data.to), by.forward.at_exit(data.from));
        self.parallel.clear();
        // Both lists are sorted by register.
        let mut left = exit;
        for &InReg { value, reg } in entry {
            while let [first, rest @ ..] = left
                && first.reg.index() < reg.index()
            {
                left = rest;
            }
            let there = left.first().filter(|first| first.reg == reg).map(|first| first.value);
            let mut source = value;
            if !params.is_empty() {
                let def = on.code.values[value];
                if def.is_param && def.block == data.to {
                    source = params.iter().position(|&p| p == value).map_or(value, |number| on.code.arg(edge, number));
                }
            }
            if there != Some(source) {
                let from = source_of(on.machine, by, slots, source, exit);
                self.parallel.add(from, Allocation::reg(reg), reg.class());
            }
        }
        self.add_memory_args(on, by, edge, slots);
        if !self.parallel.is_empty() {
            let mut busy = [0; 3];
            for &InReg { reg, .. } in entry.iter().chain(exit) {
                busy[reg.class().index()] |= 1 << reg.hw_enc();
            }
            self.resolve(on, by, busy, edge_key(on, edge), slots);
        }
    }

    fn add_memory_args(&mut self, on: &Input<'_>, by: &Decisions<'_>, edge: Edge, slots: &Slots) {
        let args = &by.stores.memory_args;
        let start = args.partition_point(|arg| arg.edge < edge);
        for arg in args[start..].iter().take_while(|arg| arg.edge == edge) {
            if arg.in_memory && by.sets.set_of(arg.arg) == by.sets.set_of(arg.param) {
                continue;
            }
            let from = match arg.in_reg {
                Some(reg) => Allocation::reg(reg),
                None => by.slot(slots, arg.arg),
            };
            self.parallel.add(from, by.slot(slots, arg.param), on.code.values[arg.param].class);
        }
    }

    /// Orders the moves in `parallel` and lists them. `busy` registers hold something before or after them.
    fn resolve(&mut self, on: &Input<'_>, by: &Decisions<'_>, busy: PerClass<u64>, key: u64, slots: &mut Slots) {
        let mut temporaries = Helpers { machine: on.machine, used: by.forward.used, busy, slots, shape: by.shape };
        let pending = &mut self.pending;
        self.parallel.resolve(&mut temporaries, &mut |from, to| pending.push(Pending { key, from, to }));
    }
}

/// Where `value` can be read at the end of a block that is left with `exit` in registers: in a register, if it is in one.
fn source_of(machine: &Machine, by: &Decisions<'_>, slots: &Slots, value: Value, exit: &[InReg]) -> Allocation {
    let mut found = None;
    for &InReg { reg, .. } in exit.iter().filter(|x| x.value == value) {
        if !machine.is_stack(reg) {
            return Allocation::reg(reg);
        }
        found = found.or(Some(reg));
    }
    found.map_or_else(|| by.slot(slots, value), Allocation::reg)
}

fn block_start(on: &Input<'_>, block: Block) -> ProgPoint {
    ProgPoint::before(on.flow.graph.first(block))
}

fn edge_key(on: &Input<'_>, edge: Edge) -> u64 {
    let data = on.flow.graph.edge(edge);
    if on.flow.moves_at_target(edge) {
        key(block_start(on, data.to), Rank::EdgeIn)
    } else {
        let branch = Inst(on.flow.graph.end(data.from).0 - 1);
        key(ProgPoint::before(branch), Rank::EdgeOut)
    }
}

/// What parallel moves may use to help themselves.
struct Helpers<'a> {
    machine: &'a Machine,
    used: PerClass<u64>,
    busy: PerClass<u64>,
    slots: &'a mut Slots,
    shape: SlotShape,
}

impl Temporaries for Helpers<'_> {
    fn is_stack(&self, reg: PReg) -> bool {
        self.machine.is_stack(reg)
    }

    fn free_register(&mut self, class: RegClass) -> Option<PReg> {
        let c = class.index();
        if self.machine.scratch[c].is_some() {
            return self.machine.scratch[c];
        }
        let free = self.machine.allocatable[c] & !self.busy[c];
        let cheap = free & (self.used[c] | !self.machine.dear[c]);
        let best = if cheap != 0 { cheap } else { free };
        (best != 0).then(|| PReg::new(best.trailing_zeros() as usize, class))
    }

    fn emergency_slot(&mut self, class: RegClass, which: usize) -> Allocation {
        self.slots.emergency(self.shape, class, which)
    }

    fn victim(&self, class: RegClass) -> PReg {
        PReg::new(self.machine.allocatable[class.index()].trailing_zeros() as usize & 63, class)
    }
}
