//! From decisions to edits.
//!
//! When slots have numbers, every move can be written down: the moves next to instructions as the forward pass listed them, the stores,
//! and the moves on edges, which follow from the registers at the end of the edge's source and at the start of its target. Those of an
//! edge happen at once; [`ParallelMoves`] puts them in order. They go to the start of the target if nothing else leads there, else
//! before the branch of the source.
//!
//! At one point of the code, edits come in the order of [`Rank`]. A sort by point, rank and number of the edit gives the output's list:
//! they are dealt out by instruction, and the few at each instruction are sorted.
//!
//! What nobody needs of that is left out ([`crate::moves::dead`]), in the thorough setting, and where registers are scarce: elsewhere there is next to nothing of the kind.
//!
//! Cost: linear in edits, in instructions, and in edges × registers.

use super::forward::{Forward, InReg, Input};
use super::spill_sets::SpillSets;
use super::stores::{StorePlace, Stores};
use crate::cfg::{Edge, FlowGraph};
use crate::code::Value;
use crate::error::Error;
use crate::ir::{Block, Inst, Machine, PReg, PerClass, RegClass};
use crate::limits;
use crate::moves::dead::{self, DeadMoves};
use crate::moves::{ParallelMoves, Temporaries};
use crate::output::{Allocation, Edit, Output, ProgPoint};
use crate::slots::{SlotShape, Slots};
use alloc::vec::Vec;
use core::ops::Range;

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

impl Pending {
    /// Once it is sorted: where it is.
    #[inline(always)]
    fn point(&self) -> ProgPoint {
        ProgPoint::from_index((self.key >> (RANK_BITS + NUMBER_BITS)) as u32)
    }

    /// The same: is it one of those that lead into a block?
    fn leads_in(&self) -> bool {
        (self.key >> NUMBER_BITS & 7) <= Rank::EdgeIn as u64
    }
}

fn key(point: ProgPoint, rank: Rank) -> u64 {
    u64::from(point.to_index()) << RANK_BITS | rank as u64
}

const RANK_BITS: u32 = 3;

/// Edits are numbered in this many bits to make their keys unique: 32 bits of point and 3 of rank leave so many.
const NUMBER_BITS: u32 = 29;

/// Above the number, the rank, and whether it is before or after: the instruction.
const INST_SHIFT: u32 = NUMBER_BITS + RANK_BITS + 1;

/// The pass, with its storage.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    pending: Vec<Pending>,
    /// The same in order, and where each instruction's end.
    sorted: Vec<Pending>,
    ends: Vec<u32>,
    parallel: ParallelMoves,
    dead: DeadMoves,
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
        for &to in &by.forward.entered {
            for &edge in on.flow.graph.pred_edges(to) {
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
                self.resolve(on, by, Busy::All, key(point, rank), slots);
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
        self.sort(on.code.insts.len() - 1);
        self.dead.clear();
        // (Where all values find room, nothing is in a register in vain.)
        if on.is_scarce && on.flow.loops.num() > 1 {
            self.drop_dead(on, by.forward, &output.allocs);
        }
        self.write(on.machine, output);
        Ok(())
    }

    /// The edits of the output, in order, each with its point; those of the second kind lead into a block, and what they do has been
    /// done in the registers at its entry.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (ProgPoint, bool, Allocation, Allocation)> + '_ {
        self.sorted.iter().map(|edit| (edit.point(), edit.leads_in(), edit.from, edit.to))
    }

    fn push(&mut self, key: u64, from: Allocation, to: Allocation) {
        if from != to {
            self.pending.push(Pending { key, from, to });
        }
    }

    /// Puts the edits in order.
    fn sort(&mut self, insts: usize) {
        let inst = |edit: &Pending| (edit.key >> (RANK_BITS + 1)) as usize;
        self.ends.clear();
        self.ends.resize(insts, 0);
        for edit in &self.pending {
            self.ends[inst(edit)] += 1;
        }
        let mut end = 0;
        for count in &mut self.ends {
            // Where the instruction's edits start, until they have been dealt out.
            end += core::mem::replace(count, end);
        }
        // (What is there is overwritten.)
        self.sorted.resize(self.pending.len(), Pending { key: 0, from: Allocation::none(), to: Allocation::none() });
        for (number, edit) in self.pending.iter().enumerate() {
            let at = &mut self.ends[inst(edit)];
            self.sorted[*at as usize] = Pending { key: edit.key << NUMBER_BITS | number as u64, ..*edit };
            *at += 1;
        }
        for same in self.sorted.chunk_by_mut(|a, b| a.key >> INST_SHIFT == b.key >> INST_SHIFT) {
            if same.len() > 1 {
                same.sort_unstable_by_key(|edit| edit.key);
            }
        }
    }

    /// Leaves out what nobody needs.
    fn drop_dead(&mut self, on: &Input<'_>, forward: &Forward, allocs: &[Allocation]) {
        let moves = InOrder { forward, sorted: &self.sorted, ends: &self.ends };
        self.dead.run(&dead::Input { code: on.code, flow: on.flow, allocs, moves: &moves });
        let mut numbers = 0..;
        self.sorted.retain(|edit| {
            let goes = numbers.next().is_some_and(|number| self.dead.is_dead(number));
            if goes && edit.leads_in() {
                self.dead.not_led_in(edit.point(), edit.to);
            }
            !goes
        });
    }

    /// Does the register at the start of `block`, behind the edits that lead into it, hold what the forward pass says? Not if a move has been dropped that
    /// would see to it. `is_led_in` says whether one of these edits writes it.
    pub(crate) fn is_kept_at_start(&self, on: &Input<'_>, block: Block, reg: PReg, is_led_in: bool) -> bool {
        !self.dead.may_be_lost(on.flow, block, reg, is_led_in)
    }

    fn write(&mut self, machine: &Machine, output: &mut Output) {
        let some_are_in_frame = machine.stack != [0; 3];
        let in_frame = |place: Allocation| place.as_reg().is_none_or(|reg| some_are_in_frame && machine.is_stack(reg));
        let stats = &mut output.stats;
        output.edits.clear();
        output.edits.reserve(self.sorted.len());
        for edit in &self.sorted {
            let Pending { from, to, .. } = *edit;
            match (in_frame(from), in_frame(to)) {
                (false, false) => stats.moves += 1,
                (false, true) => stats.spills += 1,
                (true, _) => stats.reloads += 1,
            }
            output.edits.push((edit.point(), Edit::Move { from, to }));
        }
    }

    /// The moves of an edge.
    fn edge(&mut self, on: &Input<'_>, by: &Decisions<'_>, edge: Edge, slots: &mut Slots) {
        let data = on.flow.graph.edge(edge);
        let counts = on.flow.graph.is_reachable(data.from) || !on.flow.graph.is_reachable(data.to);
        let params = on.code.params(data.to);
        if !counts {
            // Never taken.
            return;
        }
        let (entry, exit) = (by.forward.at_entry(data.to), by.forward.at_exit(data.from));
        self.parallel.clear();
        // Both lists are sorted by register.
        let mut at = 0;
        for &InReg { value, reg } in entry {
            let mut source = value;
            // (Few blocks have many parameters, and those that do have most of them in memory.)
            if let Some(number) = params.iter().position(|&param| param == value) {
                source = on.code.arg(edge, number);
            }
            while at < exit.len() && exit[at].reg < reg {
                at += 1;
            }
            if exit.get(at).is_none_or(|there| (there.reg, there.value) != (reg, source)) {
                let from = source_of(on.machine, by, slots, source, exit);
                self.parallel.add(from, Allocation::reg(reg), reg.class());
            }
        }
        if !params.is_empty() {
            self.add_memory_args(on, by, edge, slots);
        }
        if !self.parallel.is_empty() {
            self.resolve(on, by, Busy::Edge(exit, entry), edge_key(on, edge), slots);
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

    /// Orders the moves in `parallel` and lists them.
    fn resolve(&mut self, on: &Input<'_>, by: &Decisions<'_>, busy: Busy<'_>, key: u64, slots: &mut Slots) {
        // The scratch register is free but where an operand is fixed to it.
        let inst = Inst((key >> (RANK_BITS + 1)) as u32);
        let is_free = |reg: &PReg| !self.parallel.names(*reg) && !on.code.is_fixed_to(inst, *reg);
        let scratch = on.machine.scratch.map(|reg| reg.filter(is_free));
        let mut temporaries =
            Helpers { machine: on.machine, scratch, used: by.forward.used, busy, slots, shape: by.shape };
        let pending = &mut self.pending;
        self.parallel.resolve(&mut temporaries, &mut |from, to| pending.push(Pending { key, from, to }));
    }
}

/// The edits, sorted, and where each instruction's end.
struct InOrder<'a> {
    forward: &'a Forward,
    sorted: &'a [Pending],
    ends: &'a [u32],
}

impl dead::Moves for InOrder<'_> {
    const EVERYWHERE: bool = false;

    fn len(&self) -> usize {
        self.sorted.len()
    }

    #[inline(always)]
    fn list(&self, numbers: Range<usize>) -> impl DoubleEndedIterator<Item = dead::Move> + ExactSizeIterator {
        self.sorted[numbers].iter().map(|edit| (edit.point(), edit.from, edit.to))
    }

    fn held_at(&self, flow: &FlowGraph, block: Block, put: &mut impl FnMut(PReg)) {
        self.forward.at_entry(block).iter().for_each(|there| put(there.reg));
        // Moves at its start may read what was there at the end of the only block before. (Joins have none there, and may have so many ways to them that
        // these are not to be gone through for each.)
        if let &[edge] = flow.graph.pred_edges(block) {
            self.forward.at_exit(flow.graph.edge(edge).from).iter().for_each(|there| put(there.reg));
        }
    }

    #[inline(always)]
    fn of_block(&self, flow: &FlowGraph, block: Block) -> Range<usize> {
        let in_front = |inst: Inst| if inst.0 == 0 { 0 } else { self.ends[inst.index() - 1] as usize };
        in_front(flow.graph.first(block))..in_front(flow.graph.end(block))
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

/// The registers that hold something before or after parallel moves.
#[derive(Clone, Copy)]
enum Busy<'a> {
    /// Those in use on either end of an edge.
    Edge(&'a [InReg], &'a [InReg]),
    /// It is not known which.
    All,
}

impl Busy<'_> {
    /// By number, those of the class.
    fn of(self, class: usize) -> u64 {
        match self {
            Self::Edge(exit, entry) => {
                let of_class = entry.iter().chain(exit).filter(|x| x.reg.class().index() == class);
                of_class.fold(0, |mask, x| mask | 1 << x.reg.hw_enc())
            }
            Self::All => !0,
        }
    }
}

/// What parallel moves may use to help themselves.
struct Helpers<'a> {
    machine: &'a Machine,
    /// The scratch registers that hold nothing.
    scratch: PerClass<Option<PReg>>,
    used: PerClass<u64>,
    busy: Busy<'a>,
    slots: &'a mut Slots,
    shape: SlotShape,
}

impl Temporaries for Helpers<'_> {
    fn is_stack(&self, reg: PReg) -> bool {
        self.machine.is_stack(reg)
    }

    fn free_register(&mut self, class: RegClass) -> Option<PReg> {
        let c = class.index();
        if self.scratch[c].is_some() {
            return self.scratch[c];
        }
        let free = self.machine.allocatable[c] & !self.busy.of(c);
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
