//! Edits: transfers and stores as moves, in order.
//!
//! The transfers of a group happen at once; [`ParallelMoves`] puts them in order. Groups are in the order of the blocks
//! as they were visited, which a stable sort turns into that of the code where the two differ.
//!
//! A piece of a live range may be in a register though it is used on some paths only, or on none any more, since it has been split. What is loaded into it or moved
//! there for others is left out ([`crate::moves::dead`]).

use super::frame::Tenants;
use super::interference::Registers;
use super::memory::is_stored_already;
use super::places::{Input, Places, Target, Transfer};
use super::points::Point;
use crate::cfg::FlowGraph;
use crate::code::Value;
use crate::debug::EditAt;
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Machine, PReg, PerClass, RegClass};
use crate::moves::dead::{self, DeadMoves};
use crate::moves::{ParallelMoves, Temporaries};
use crate::output::{Allocation, Edit, Output, ProgPoint};
use crate::slots::{SlotShape, Slots};
use alloc::vec::Vec;
use core::ops::Range;

/// The pass, with its storage.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    parallel: ParallelMoves,
    /// Where edits lead into blocks, and how many, at least one: the first there.
    leading_in: Vec<(ProgPoint, u32)>,
    /// The same before any were left out.
    led_in_at_first: Vec<(ProgPoint, u32)>,
    pub(super) dead: DeadMoves,
}

/// What the pass reads besides the input.
pub(crate) struct Decisions<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) registers: &'a PerClass<Registers>,
    pub(crate) in_memory: &'a TypedVec<Value, bool>,
    pub(crate) tenants: &'a Tenants,
    pub(crate) shape: SlotShape,
}

impl Edits {
    /// Fills `output` with the edits, and the locations of operands that are in slots.
    pub(crate) fn run(
        &mut self,
        on: Input<'_>,
        by: &Decisions<'_>,
        places: &Places,
        slots: &mut Slots,
        output: &mut Output,
    ) {
        let slot = |slots: &Slots, value: Value| slots.place(by.tenants.number(on.bundles.set_of[value]));
        for operand in &places.slot_operands {
            output.allocs[operand.op.index()] = slot(slots, operand.value);
        }
        output.edits.clear();
        self.leading_in.clear();
        for group in places.transfers.chunk_by(|a, b| a.key == b.key) {
            let point = point_of(on, group[0].key);
            let before = output.edits.len();
            let edits = &mut output.edits;
            let mut emit = |from, to| edits.push((point, Edit::Move { from, to }));
            let mut helpers = None;
            let mut written = [0u64; 3];
            for transfer in group {
                if is_needless(on, by.in_memory, transfer) {
                    continue;
                }
                if let Target::Reg(reg) = transfer.to {
                    // In code that cannot be reached, a value may be live on into its own definition.
                    let written = &mut written[reg.class().index()];
                    if *written >> reg.hw_enc() & 1 != 0 {
                        continue;
                    }
                    *written |= 1 << reg.hw_enc();
                }
                let from = transfer.from.map_or_else(|| slot(slots, transfer.value), Allocation::reg);
                let to = match transfer.to {
                    Target::Reg(reg) => Allocation::reg(reg),
                    Target::Slot(value) => slot(slots, value),
                };
                self.parallel.add(from, to, on.code.values[transfer.value].class);
                let busy = helpers.get_or_insert([0; 3]);
                for reg in [from, to].into_iter().filter_map(Allocation::as_reg) {
                    busy[reg.class().index()] |= 1 << reg.hw_enc();
                }
            }
            if let Some(busy) = helpers {
                let mut helpers = Helpers { on, by, key: group[0].key, busy, slots };
                self.parallel.resolve(&mut helpers, &mut emit);
                // (Places may be the same after all.)
                let count = output.edits.len() - before;
                if is_entry(group[0].key) && count > 0 {
                    self.leading_in.push((point, count as u32));
                }
            }
        }
        if !output.edits.is_sorted_by_key(|edit| edit.0) {
            output.edits.sort_by_key(|edit| edit.0);
            self.leading_in.sort_unstable_by_key(|leading| leading.0);
        }
        self.drop_dead(on, output);
        count(by.machine, output);
    }

    /// Leaves out what nobody needs.
    fn drop_dead(&mut self, on: Input<'_>, output: &mut Output) {
        let moves = InOrder { edits: &output.edits };
        self.dead.run(&dead::Input { code: on.code, flow: on.flow, allocs: &output.allocs, moves: &moves });
        core::mem::swap(&mut self.leading_in, &mut self.led_in_at_first);
        self.leading_in.clear();
        let mut leads_in = leads_in(&self.led_in_at_first);
        let mut numbers = 0..;
        output.edits.retain(|&(point, Edit::Move { to, .. })| {
            let goes = numbers.next().is_some_and(|number| self.dead.is_dead(number));
            if leads_in(point) {
                match self.leading_in.last_mut() {
                    _ if goes => self.dead.not_led_in(point, to),
                    Some((last, count)) if *last == point => *count += 1,
                    _ => self.leading_in.push((point, 1)),
                }
            }
            !goes
        });
    }

    /// The edits of the output, in order; with each, whether it leads into a block.
    pub(crate) fn in_order(&self, output: &Output) -> Vec<EditAt> {
        let mut leads_in = leads_in(&self.leading_in);
        output.edits.iter().map(|&(point, Edit::Move { from, to })| (point, leads_in(point), from, to)).collect()
    }
}

/// Asked of the edits one after the other, each by its point, tells which of them lead into a block. `leading_in` says how many do, of the first at a point.
fn leads_in(leading_in: &[(ProgPoint, u32)]) -> impl FnMut(ProgPoint) -> bool {
    let mut leading_in = leading_in.iter().copied().peekable();
    let mut left = 0;
    move |point| {
        if let Some((_, count)) = leading_in.next_if(|leading| leading.0 == point) {
            left = count;
        }
        let leads_in = left > 0;
        left = left.saturating_sub(1);
        leads_in
    }
}

/// The edits, sorted.
struct InOrder<'a> {
    edits: &'a [(ProgPoint, Edit)],
}

impl dead::Moves for InOrder<'_> {
    // (What is in registers at the start of a block is not listed anywhere.)
    const EVERYWHERE: bool = true;

    fn len(&self) -> usize {
        self.edits.len()
    }

    fn list(&self, numbers: Range<usize>) -> impl DoubleEndedIterator<Item = dead::Move> + ExactSizeIterator {
        self.edits[numbers].iter().map(|&(point, Edit::Move { from, to })| (point, from, to))
    }

    fn held_at(&self, _: &FlowGraph, _: Block, _: &mut impl FnMut(PReg)) {}

    fn of_block(&self, flow: &FlowGraph, block: Block) -> Range<usize> {
        let in_front = |inst| self.edits.partition_point(|edit| edit.0 < ProgPoint::before(inst));
        in_front(flow.graph.first(block))..in_front(flow.graph.end(block))
    }
}

/// Is it the group of an edge that leads into a block? Entries are the odd points.
fn is_entry(key: u32) -> bool {
    key & 0b11 == 0b10
}

/// Does the transfer write to a slot that nobody reads, or that has the value already?
fn is_needless(on: Input<'_>, in_memory: &TypedVec<Value, bool>, transfer: &Transfer) -> bool {
    match transfer.to {
        Target::Slot(value) => !in_memory[value] || is_stored_already(on, in_memory, transfer),
        Target::Reg(_) => false,
    }
}

/// Where a group of transfers goes.
fn point_of(on: Input<'_>, key: u32) -> ProgPoint {
    ProgPoint::before(on.points.inst_at(Point(key >> 1)))
}

/// Counts the moves by kind.
fn count(machine: &Machine, output: &mut Output) {
    let in_frame = |place: Allocation| place.as_reg().is_none_or(|reg| machine.is_stack(reg));
    for (_, Edit::Move { from, to }) in &output.edits {
        match (in_frame(*from), in_frame(*to)) {
            (false, false) => output.stats.moves += 1,
            (false, true) => output.stats.spills += 1,
            (true, _) => output.stats.reloads += 1,
        }
    }
}

/// What parallel moves may use to help themselves.
struct Helpers<'a> {
    on: Input<'a>,
    by: &'a Decisions<'a>,
    key: u32,
    /// Registers that the moves themselves name.
    busy: PerClass<u64>,
    slots: &'a mut Slots,
}

impl Temporaries for Helpers<'_> {
    fn is_stack(&self, reg: PReg) -> bool {
        self.by.machine.is_stack(reg)
    }

    fn free_register(&mut self, class: RegClass) -> Option<PReg> {
        let c = class.index();
        // It is free but where an operand is fixed to it.
        let inst = self.on.points.inst_at(Point(self.key >> 1));
        let is_free = |reg: &PReg| self.busy[c] >> reg.hw_enc() & 1 == 0 && !self.on.code.is_fixed_to(inst, *reg);
        if let Some(scratch) = self.by.machine.scratch[c].filter(is_free) {
            return Some(scratch);
        }
        // What is taken on either side of the moves; those of an edge in front of a branch also have the branch behind
        // them.
        let point = Point(self.key >> 1);
        let end = if self.key & 1 == 0 { point.plus(1) } else { point.plus(3) };
        let taken = self.by.registers[c].taken(point.prev(), end);
        let free = self.by.machine.allocatable[c] & !self.by.machine.stack[c] & !taken & !self.busy[c];
        let cheap = free & !self.by.machine.dear[c];
        let best = if cheap != 0 { cheap } else { free };
        (best != 0).then(|| PReg::new(best.trailing_zeros() as usize, class))
    }

    fn emergency_slot(&mut self, class: RegClass, which: usize) -> Allocation {
        self.slots.emergency(self.by.shape, class, which)
    }

    fn victim(&self, class: RegClass) -> PReg {
        let c = class.index();
        let regs = self.by.machine.allocatable[c] & !self.by.machine.stack[c];
        PReg::new(regs.trailing_zeros() as usize & 63, class)
    }
}
