//! Clean-up: transfers that are not needed, and values that are never read from memory.
//!
//! When a value's live range ends in a register, the value stays there until something else is written to it. The
//! allocator does not look: a value that is used by two instructions, each of which had to make room for it, is loaded
//! twice. Here the code is walked once more, with what each register holds. A load becomes a move if some register
//! still has the value, and vanishes if that is the very register it goes to; so does a move. What holds at the end of
//! a block holds at the start of those that follow: at a block with several predecessors what all of them agree on; at
//! the header of a loop, whose edges back come later, nothing.
//!
//! Then it is known which values are *read from memory*: those of the loads that remain, of operands in slots, and of
//! arguments of parameters that are themselves read from memory where they began in it. All others need no slot, and no
//! store.
//!
//! A register that still serves after its live range has ended must not be lent to moves that need a register for a
//! moment; it is marked as taken for that time ([`Registers::keep`]).
//!
//! Cost: linear in instructions, operands and transfers, and in blocks × registers.

use super::interference::Registers;
use super::places::{Input, Places, Target, Transfer};
use super::points::{Point, Points};
use crate::code::{NO_CLOBBERS, OpIndex, Value, flag};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, Machine, PReg, PerClass, RegClass};
use crate::output::Allocation;
use alloc::vec::Vec;

/// A register at the end of a block.
#[derive(Clone, Copy, Debug)]
struct Exit {
    reg: PReg,
    value: Value,
    since: Point,
    inherited: bool,
    /// Does a block that follows count on it?
    kept: bool,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct Cleanup {
    /// Is the value read from memory?
    pub(crate) in_memory: TypedVec<Value, bool>,
    /// The value in each register, by [`PReg::index`], and the point since when; valid for registers in `known`.
    holds: Vec<(Value, Point)>,
    known: PerClass<u64>,
    /// The registers that hold what we put there. Others have lives of their own.
    ours: PerClass<u64>,
    /// Registers whose values have come from all the blocks before.
    inherited: PerClass<u64>,
    /// What is known at the end of each block: of `exits`.
    exit_range: TypedVec<Block, (u32, u32)>,
    exits: Vec<Exit>,
    kept: Vec<(Block, PReg)>,
    visited: TypedVec<Block, bool>,
    work: Vec<Value>,
    passed: Vec<(Value, Value)>,
}

impl Cleanup {
    /// Removes what is not needed from the transfers of `places`.
    pub(crate) fn run(
        &mut self,
        on: Input<'_>,
        machine: &Machine,
        places: &mut Places,
        registers: &mut PerClass<Registers>,
        allocs: &[Allocation],
    ) {
        self.holds.clear();
        self.holds.resize(PReg::NUM_INDEX, (Value::invalid(), Point(0)));
        self.ours = core::array::from_fn(|c| machine.allocatable[c] & !machine.stack[c]);
        self.exits.clear();
        self.exit_range.reset(on.flow.graph.num_blocks(), (0, 0));
        self.visited.reset(on.flow.graph.num_blocks(), false);
        let mut transfers = core::mem::take(&mut places.transfers);
        let mut rest = &mut transfers[..];
        for &block in on.flow.order.order() {
            self.enter(on, block);
            let entry = Points::entry(on.flow, block);
            rest = self.group(on, registers, block, rest, Transfer::key(entry));
            for &param in on.code.params(block) {
                if let Some(reg) = places.piece_at(param, entry).and_then(|piece| piece.place) {
                    self.write(reg, param, entry);
                }
            }
            let first = on.flow.graph.first(block);
            for inst in first.0..on.flow.graph.end(block).0 {
                let early = Point::early(on.flow.start(block) + inst - first.0);
                rest = self.group(on, registers, block, rest, Transfer::key(early));
                rest = self.group(on, registers, block, rest, Transfer::key(early) + 1);
                self.execute(on, Inst(inst), early, allocs);
            }
            self.leave(block);
        }
        transfers.retain(|transfer| !is_dropped(transfer));
        places.transfers = transfers;
        self.find_values_in_memory(on, places);
    }

    /// Starts a block with what all of its predecessors agree on.
    fn enter(&mut self, on: Input<'_>, block: Block) {
        self.visited[block] = true;
        self.known = [0; 3];
        self.inherited = [0; 3];
        let mut preds = on.flow.graph.preds(block);
        if block == on.flow.graph.entry() || !preds.clone().all(|pred| pred != block && self.visited[pred]) {
            return;
        }
        let Some(first) = preds.next() else { return };
        let entry = Points::entry(on.flow, block);
        let (start, end) = self.exit_range[first];
        for index in start..end {
            let Exit { reg, value, .. } = self.exits[index as usize];
            if preds.clone().all(|pred| self.exit(pred, reg).is_some_and(|at| self.exits[at].value == value)) {
                self.write(reg, value, entry);
                self.inherited[reg.class().index()] |= 1 << reg.hw_enc();
            }
        }
    }

    /// Where in `exits` the register is listed for the block.
    fn exit(&self, block: Block, reg: PReg) -> Option<usize> {
        let (start, end) = self.exit_range[block];
        let list = &self.exits[start as usize..end as usize];
        list.binary_search_by_key(&reg.index(), |at| at.reg.index()).ok().map(|index| start as usize + index)
    }

    fn leave(&mut self, block: Block) {
        let start = self.exits.len() as u32;
        for class in RegClass::ALL {
            let mut mask = self.known[class.index()];
            while mask != 0 {
                let reg = PReg::new(mask.trailing_zeros() as usize, class);
                mask &= mask - 1;
                let (value, since) = self.holds[reg.index()];
                let inherited = self.inherited[class.index()] >> reg.hw_enc() & 1 != 0;
                self.exits.push(Exit { reg, value, since, inherited, kept: false });
            }
        }
        self.exit_range[block] = (start, self.exits.len() as u32);
    }

    #[inline]
    fn holds(&self, reg: PReg, value: Value) -> bool {
        self.known[reg.class().index()] >> reg.hw_enc() & 1 != 0 && self.holds[reg.index()].0 == value
    }

    #[inline]
    fn write(&mut self, reg: PReg, value: Value, at: Point) {
        let c = reg.class().index();
        self.known[c] |= (1 << reg.hw_enc()) & self.ours[c];
        self.inherited[c] &= !(1 << reg.hw_enc());
        self.holds[reg.index()] = (value, at);
    }

    /// A register that holds the value.
    fn find(&self, class: RegClass, value: Value) -> Option<PReg> {
        let mut mask = self.known[class.index()];
        while mask != 0 {
            let reg = PReg::new(mask.trailing_zeros() as usize, class);
            mask &= mask - 1;
            if self.holds[reg.index()].0 == value {
                return Some(reg);
            }
        }
        None
    }

    /// Handles the transfers at the head of the list that belong to the group `key`; returns the others.
    #[inline]
    fn group<'a>(
        &mut self,
        on: Input<'_>,
        registers: &mut PerClass<Registers>,
        block: Block,
        transfers: &'a mut [Transfer],
        key: u32,
    ) -> &'a mut [Transfer] {
        let count = transfers.iter().take_while(|transfer| transfer.key == key).count();
        let (group, rest) = transfers.split_at_mut(count);
        let point = Point(key >> 1);
        for transfer in group.iter_mut() {
            match transfer.to {
                Target::Reg(to) if self.holds(to, transfer.value) => {
                    self.keep(on, registers, block, to, point);
                    drop_transfer(transfer, to);
                    continue;
                }
                // In one spill set, from memory to memory is no move.
                Target::Slot(param) if on.bundles.set_of[param] == on.bundles.set_of[transfer.value] => continue,
                _ => {}
            }
            if transfer.from.is_none()
                && let Some(reg) = self.find(on.code.values[transfer.value].class, transfer.value)
            {
                self.keep(on, registers, block, reg, point);
                transfer.from = Some(reg);
            }
        }
        for transfer in group {
            if let Target::Reg(to) = transfer.to
                && !is_dropped(transfer)
            {
                self.write(to, transfer.value, point);
            }
        }
        rest
    }

    /// Sees to it that the register is left alone since it was written.
    fn keep(&mut self, on: Input<'_>, registers: &mut PerClass<Registers>, block: Block, reg: PReg, until: Point) {
        let c = reg.class().index();
        registers[c].keep(self.holds[reg.index()].1, until, reg);
        if self.inherited[c] >> reg.hw_enc() & 1 == 0 {
            return;
        }
        self.kept.clear();
        self.kept.extend(on.flow.graph.preds(block).map(|pred| (pred, reg)));
        while let Some((block, reg)) = self.kept.pop() {
            let Some(index) = self.exit(block, reg) else { continue };
            let exit = &mut self.exits[index];
            if !core::mem::replace(&mut exit.kept, true) {
                registers[c].keep(exit.since, Points::exit(on.flow, block).plus(1), reg);
                if exit.inherited {
                    self.kept.extend(on.flow.graph.preds(block).map(|pred| (pred, reg)));
                }
            }
        }
    }

    /// Registers that the instruction writes hold something else.
    #[inline]
    fn execute(&mut self, on: Input<'_>, inst: Inst, early: Point, allocs: &[Allocation]) {
        let info = on.code.insts[inst];
        if info.flags() & (flag::KILLS | flag::DEFINES) == 0 {
            return;
        }
        if info.clobbers() != NO_CLOBBERS {
            let clobbers = on.code.clobber_sets[info.clobbers()];
            for (known, clobbered) in self.known.iter_mut().zip(clobbers) {
                *known &= !clobbered;
            }
        }
        for index in on.code.op_range(inst) {
            let op = on.code.ops[OpIndex::new(index)];
            if op.is_def()
                && let Some(reg) = allocs[index].as_reg()
            {
                self.write(reg, op.value, early.plus(1));
            }
        }
    }

    /// Finds out which values are read from memory.
    fn find_values_in_memory(&mut self, on: Input<'_>, places: &Places) {
        self.in_memory.reset(on.code.values.len(), false);
        self.work.clear();
        self.passed.clear();
        for transfer in &places.transfers {
            match transfer.to {
                Target::Slot(param) if transfer.from.is_none() => self.passed.push((param, transfer.value)),
                Target::Reg(_) if transfer.from.is_none() => self.work.push(transfer.value),
                _ => {}
            }
        }
        self.work.extend(places.slot_operands.iter().map(|operand| operand.value));
        self.passed.sort_unstable();
        while let Some(value) = self.work.pop() {
            if !core::mem::replace(&mut self.in_memory[value], true) {
                let start = self.passed.partition_point(|&(param, _)| param < value);
                let args = self.passed[start..].iter().take_while(|&&(param, _)| param == value);
                self.work.extend(args.map(|&(_, arg)| arg));
            }
        }
    }
}

/// Makes a transfer one from a register to itself.
fn drop_transfer(transfer: &mut Transfer, reg: PReg) {
    transfer.from = Some(reg);
}

fn is_dropped(transfer: &Transfer) -> bool {
    matches!((transfer.from, transfer.to), (Some(from), Target::Reg(to)) if from == to)
}
