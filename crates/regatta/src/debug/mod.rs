//! Where labelled values are, for a debugger.
//!
//! When all edits are known, the code is walked once more, block by block in its own order, and each block that a
//! request touches is replayed: which of the wanted values is in which register and slot. What holds at the start of a
//! block, the allocator tells ([`Residence`]). Then edits copy, instructions overwrite, define, and show by what they read. A value keeps the
//! location that it was last reported in for as long as that holds it, which is often beyond its last use; else a
//! register comes before the slot. Stretches that adjoin at block boundaries are joined at the end.
//!
//! A location is reported from the point behind whose edits it holds the value, as [`crate::check`] sees it.
//!
//! Cost: nothing without labels. With labels, linear in the code of the blocks that requests touch, plus the number of
//! requests that touch each block, sorted.

mod in_slots;

use crate::cfg::FlowGraph;
use crate::code::{Code, Fold, OpIndex, Value, Want};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Function, Inst, Machine, PReg, PerClass, RegClass};
use crate::output::{Allocation, Output, ProgPoint};
use crate::slots::SlotShape;
use alloc::vec::Vec;
use core::ops::Range;
use in_slots::InSlots;

/// What the pass reads.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) code: &'a Code,
    pub(crate) flow: &'a FlowGraph,
    pub(crate) machine: &'a Machine,
    pub(crate) fold: &'a Fold,
    pub(crate) shape: SlotShape,
}

/// Where an allocator has put values, as far as the edits do not tell.
pub(crate) trait Residence {
    /// Tells `put` which registers hold which values at the start of the block, behind the edits that lead into it.
    /// `wanted` are those that it must tell of.
    fn at_start(&self, block: Block, wanted: impl Iterator<Item = Value>, put: &mut impl FnMut(Value, PReg));

    /// Is the value in its slot there?
    fn is_in_slot_at_start(&self, block: Block, value: Value) -> bool;

    /// The slot of a value that ever is in memory.
    fn slot(&self, value: Value) -> Option<Allocation>;
}

/// An edit: where, whether it is one of those that lead into a block, from, to.
pub(crate) type EditAt = (ProgPoint, bool, Allocation, Allocation);

/// A request: a value, the points that it is asked for, a label. A folded parameter is not known by its name before its
/// block, `home`, though the value that it folded to may be there.
#[derive(Clone, Copy, Debug)]
struct Request {
    value: Value,
    home: Block,
    from: ProgPoint,
    to: ProgPoint,
    label: u32,
    number: u32,
}

/// A stretch of points at which a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    label: u32,
    from: ProgPoint,
    to: ProgPoint,
    place: Allocation,
    request: u32,
}

/// Where a wanted value is while a block is replayed.
#[derive(Clone, Copy, Debug)]
struct Track {
    wanted: bool,
    /// The first of the requests for it among those of the block.
    first: u32,
    in_slot: bool,
    /// Registers that hold it, by number in its class.
    regs: u64,
    /// The location that is being reported, and since when.
    place: Allocation,
    since: ProgPoint,
}

const NOWHERE: Track =
    Track { wanted: false, first: 0, in_slot: false, regs: 0, place: Allocation::none(), since: ProgPoint::invalid() };

/// The pass, with its storage.
#[derive(Debug, Default)]
pub(crate) struct DebugLocations {
    requests: Vec<Request>,
    active: Vec<Request>,
    /// Those of them that are asked for in the block at hand, by value.
    here: Vec<Request>,
    found: Vec<Found>,
    tracks: TypedVec<Value, Track>,
    /// The wanted value in each register, by [`PReg::index`].
    in_reg: Vec<Value>,
    in_slots: InSlots,
    changed: Vec<Value>,
    /// Registers and fixed stack slots that keep what they hold.
    ours: PerClass<u64>,
}

impl DebugLocations {
    /// Fills `output.debug_locations`.
    pub(crate) fn run(
        &mut self,
        func: &impl Function,
        on: Input<'_>,
        by: &impl Residence,
        edits: impl Iterator<Item = EditAt>,
        output: &mut Output,
    ) {
        self.read_requests(func, on);
        self.tracks.reset(on.code.values.len(), NOWHERE);
        self.ours = core::array::from_fn(|c| on.machine.allocatable[c] | on.machine.stack[c]);
        self.in_reg.clear();
        self.in_reg.resize(PReg::NUM_INDEX, Value::invalid());
        self.in_slots.start(on.shape.largest());
        let mut next_request = 0;
        let mut edits = edits.peekable();
        for index in 0..on.flow.graph.num_blocks() {
            let block = on.code.by_code_order()[index];
            let (start, end) =
                (ProgPoint::before(on.flow.graph.first(block)), ProgPoint::before(on.flow.graph.end(block)));
            self.active.retain(|request| request.to > start);
            while let Some(request) = self.requests.get(next_request).filter(|request| request.from < end) {
                if request.to > start {
                    self.active.push(*request);
                }
                next_request += 1;
            }
            self.here.clear();
            let dominated = |request: &&Request| on.flow.dominators.dominates(request.home, block);
            self.here.extend(self.active.iter().filter(dominated).copied());
            if !self.here.is_empty() {
                self.here.sort_by_key(|request| request.value);
                while edits.next_if(|edit| edit.0 < start).is_some() {}
                self.replay(on, by, block, &mut edits, output);
            }
        }
        join(&mut self.found, &mut output.debug_locations);
    }

    fn read_requests(&mut self, func: &impl Function, on: Input<'_>) {
        self.requests.clear();
        self.active.clear();
        self.found.clear();
        for (&(vreg, from, to, label), number) in func.debug_value_labels().iter().zip(0..) {
            let last = Inst::new(func.num_insts());
            let (from, to) = (from.min(last), to.min(last));
            if let Some(value) = on.code.names.known(vreg)
                && from < to
            {
                let (from, to) = (ProgPoint::before(from), ProgPoint::before(to));
                let home = on.code.values[value].block;
                self.requests.push(Request { value: on.fold.folded_to(value), home, from, to, label, number });
            }
        }
        self.requests.sort_by_key(|request| request.from);
    }

    /// Walks one block.
    fn replay(
        &mut self,
        on: Input<'_>,
        by: &impl Residence,
        block: Block,
        edits: &mut core::iter::Peekable<impl Iterator<Item = EditAt>>,
        output: &Output,
    ) {
        for index in 0..self.here.len() {
            let value = self.here[index].value;
            if self.tracks[value].wanted {
                continue;
            }
            self.tracks[value] = Track { wanted: true, first: index as u32, ..NOWHERE };
            self.changed.push(value);
            if by.is_in_slot_at_start(block, value)
                && let Some(slot) = by.slot(value)
            {
                self.put(on, by, value, slot);
            }
        }
        let here = core::mem::take(&mut self.here);
        by.at_start(block, here.iter().map(|request| request.value), &mut |value, reg| {
            self.put(on, by, value, Allocation::reg(reg));
        });
        self.here = here;
        for inst in on.flow.graph.first(block).0..on.flow.graph.end(block).0 {
            let inst = Inst(inst);
            self.follow_edits(on, by, ProgPoint::before(inst), edits);
            self.find_uses(on, by, inst, output);
            self.settle_changed(by, ProgPoint::before(inst));
            self.execute(on, by, inst, output);
            self.follow_edits(on, by, ProgPoint::after(inst), edits);
            self.settle_changed(by, ProgPoint::after(inst));
        }
        let end = ProgPoint::before(on.flow.graph.end(block));
        for index in 0..self.here.len() {
            let value = self.here[index].value;
            if self.tracks[value].wanted {
                self.report(value, end);
                self.tracks[value] = NOWHERE;
            }
        }
        self.in_reg.fill(Value::invalid());
        self.in_slots.clear();
    }

    /// Follows the edits up to `point`.
    fn follow_edits(
        &mut self,
        on: Input<'_>,
        by: &impl Residence,
        point: ProgPoint,
        edits: &mut core::iter::Peekable<impl Iterator<Item = EditAt>>,
    ) {
        while let Some((_, leads_in, from, to)) = edits.next_if(|edit| edit.0 <= point) {
            if !leads_in {
                let class = from.as_reg().or(to.as_reg()).map_or(RegClass::Int, PReg::class);
                let value = self.held_in(on, from, class);
                self.overwrite(on, by, to, class);
                if let Some(value) = value {
                    self.put(on, by, value, to);
                }
            }
        }
    }

    /// Says where the values are, from `point` on, that have moved.
    fn settle_changed(&mut self, by: &impl Residence, point: ProgPoint) {
        while let Some(value) = self.changed.pop() {
            self.settle(by, value, point);
        }
    }

    /// What the instruction reads is where it reads it, also if the allocator did not tell: a load may have been left out that would have put
    /// the value there, since it was there already.
    fn find_uses(&mut self, on: Input<'_>, by: &impl Residence, inst: Inst, output: &Output) {
        for index in on.code.op_range(inst) {
            let (op, place) = (&on.code.ops[OpIndex::new(index)], output.allocs[index]);
            if op.want == Want::Ignored || !op.is_use() || !self.tracks[op.value].wanted {
                continue;
            }
            // (Of two values that are one, it is the first that is followed.)
            if self.held_in(on, place, RegClass::ALL[op.class()]).is_none() {
                self.put(on, by, op.value, place);
            }
        }
    }

    fn execute(&mut self, on: Input<'_>, by: &impl Residence, inst: Inst, output: &Output) {
        let clobbers = on.code.clobber_sets[on.code.insts[inst].clobbers()];
        for index in 0..PReg::NUM_INDEX {
            if clobbers.get(index >> 6).is_some_and(|mask| mask >> (index & 63) & 1 != 0) {
                let reg = PReg::from_index(index);
                self.overwrite(on, by, Allocation::reg(reg), reg.class());
            }
        }
        let ops = on.code.op_range(inst);
        for index in ops.clone().filter(|&index| on.code.ops[OpIndex::new(index)].is_def()) {
            let class = RegClass::ALL[on.code.ops[OpIndex::new(index)].class()];
            self.overwrite(on, by, output.allocs[index], class);
        }
        for index in ops.filter(|&index| on.code.ops[OpIndex::new(index)].is_def()) {
            let value = on.code.ops[OpIndex::new(index)].value;
            self.put(on, by, value, output.allocs[index]);
        }
    }

    /// The wanted value of the class in a place.
    fn held_in(&self, on: Input<'_>, place: Allocation, class: RegClass) -> Option<Value> {
        match place.as_reg() {
            Some(reg) => Some(self.in_reg[reg.index()]).filter(|value| value.is_valid()),
            None => self.in_slots.held_in(place, words(on, place, class)?),
        }
    }

    /// What was in the place is there no more, now that it holds a value of the class.
    fn overwrite(&mut self, on: Input<'_>, by: &impl Residence, place: Allocation, class: RegClass) {
        let Self { in_slots, tracks, changed, .. } = self;
        if let Some(reg) = place.as_reg() {
            let value = core::mem::take(&mut self.in_reg[reg.index()]);
            if value.is_valid() {
                tracks[value].regs &= !(1 << reg.hw_enc());
                changed.push(value);
            }
        } else if let Some(words) = words(on, place, class) {
            in_slots.overwrite(&words, |value, slot| {
                if by.slot(value) == Some(slot) {
                    tracks[value].in_slot = false;
                    changed.push(value);
                }
            });
        }
    }

    /// The value is in the place now, if it is a wanted one.
    fn put(&mut self, on: Input<'_>, by: &impl Residence, value: Value, place: Allocation) {
        let track = &mut self.tracks[value];
        if !track.wanted {
            return;
        }
        if let Some(reg) = place.as_reg() {
            track.regs |= 1 << reg.hw_enc();
            self.in_reg[reg.index()] = value;
        } else if let Some(words) = words(on, place, on.code.values[value].class) {
            track.in_slot |= by.slot(value) == Some(place);
            self.in_slots.put(value, place, words);
        }
        self.changed.push(value);
    }

    /// From `point` on, reports `value` where it is now: where it was, if it still is there.
    fn settle(&mut self, by: &impl Residence, value: Value, point: ProgPoint) {
        let track = self.tracks[value];
        let stays = match track.place.as_reg() {
            Some(reg) => track.regs >> reg.hw_enc() & 1 != 0,
            None => track.place.is_stack() && track.in_slot,
        };
        if stays {
            return;
        }
        self.report(value, point);
        self.tracks[value].since = point;
        self.tracks[value].place = if self.a_register_of(value).is_some() {
            self.a_register_of(value)
        } else if track.in_slot {
            by.slot(value).unwrap_or_default()
        } else {
            Allocation::none()
        };
    }

    /// A register of ours that holds `value`. Those that are not ours hold nothing for long.
    fn a_register_of(&self, value: Value) -> Allocation {
        let regs = self.tracks[value].regs;
        for (class, ours) in self.ours.iter().enumerate() {
            let index = class << 6 | (regs & ours).trailing_zeros() as usize & 63;
            if regs & ours != 0 && self.in_reg[index] == value {
                return Allocation::reg(PReg::from_index(index));
            }
        }
        Allocation::none()
    }

    /// Adds what has been reported of `value` up to `end` to the output.
    fn report(&mut self, value: Value, end: ProgPoint) {
        let track = self.tracks[value];
        if track.place.is_none() {
            return;
        }
        for request in self.here[track.first as usize..].iter().take_while(|request| request.value == value) {
            let (from, to) = (request.from.max(track.since), request.to.min(end));
            if from < to {
                self.found.push(Found { label: request.label, from, to, place: track.place, request: request.number });
            }
        }
    }
}

/// The words of the frame that a value of the class takes in the place, if that is a slot.
fn words(on: Input<'_>, place: Allocation, class: RegClass) -> Option<Range<usize>> {
    place.as_stack().map(|slot| on.shape.words(slot, class))
}

/// Sorts what was found by label and point, joins what adjoins and answers one request, and cuts off what overlaps.
fn join(found: &mut [Found], locations: &mut Vec<(u32, ProgPoint, ProgPoint, Allocation)>) {
    found.sort_unstable();
    let mut last_request = u32::MAX;
    for &Found { label, from, to, place, request } in found.iter() {
        let mut from = from;
        if let Some(last) = locations.last_mut().filter(|last| last.0 == label) {
            from = from.max(last.2);
            if from >= to {
                continue;
            }
            if last.2 == from && last.3 == place && last_request == request {
                last.2 = to;
                continue;
            }
        }
        locations.push((label, from, to, place));
        last_request = request;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Algorithm, FuncBuilder, MachineEnv, Operand, OperandConstraint, OperandKind, OperandPos, Options, PRegSet,
        check, run,
    };
    use alloc::format;

    /// Three values in two registers: where the first is.
    #[test]
    fn a_value_is_followed_from_its_register_to_its_slot_and_back() {
        let mut b = FuncBuilder::new();
        let block = b.block(&[]);
        let values: Vec<_> = (0..3).map(|_| b.vreg(RegClass::Int)).collect();
        for &value in &values {
            b.op(block, &[Operand::reg_def(value)]);
        }
        b.op(block, &[Operand::reg_use(values[1]), Operand::reg_use(values[2])]);
        b.ret(block, &[Operand::reg_use(values[0])]);
        let mut func = b.finish();
        func.debug_labels = alloc::vec![(values[0], Inst::new(0), Inst::new(5), 7)];
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b11);
        for algorithm in [Algorithm::Thorough, Algorithm::Backtracking] {
            let output = run(&func, &env, &Options { algorithm, ..Options::default() }).expect("allocatable");
            check::check(&func, &env, &output).expect("right");
            let line = |(label, from, to, at): &(u32, ProgPoint, ProgPoint, Allocation)| {
                format!("{label}: {from} to {to} in {at}")
            };
            let found: Vec<_> = output.debug_locations.iter().map(line).collect();
            let expected = ["7: after inst0 to after inst2 in p0i", "7: after inst2 to before inst5 in stack0"];
            assert_eq!(found, expected, "{algorithm:?}");
        }
    }

    /// What a branch defines is stored on both ways behind it, and is in its slot where these meet.
    #[test]
    fn a_value_that_is_stored_on_all_ways_is_found_behind_them() {
        let mut b = FuncBuilder::new();
        let [entry, left, right, join] = [(); 4].map(|()| b.block(&[]));
        let value = b.vreg(RegClass::Int);
        b.branch(entry, &[Operand::reg_def(value)], &[(left, &[]), (right, &[])]);
        for way in [left, right] {
            let other = b.vreg(RegClass::Int);
            b.op(way, &[Operand::reg_def(other)]);
            b.branch(way, &[], &[(join, &[])]);
        }
        let other = b.vreg(RegClass::Int);
        b.op(join, &[Operand::reg_def(other)]);
        b.ret(join, &[Operand::reg_use(value)]);
        let mut func = b.finish();
        func.debug_labels = alloc::vec![(value, Inst::new(5), Inst::new(6), 7)];
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b1);
        for algorithm in Algorithm::ALL {
            let output = run(&func, &env, &Options { algorithm, ..Options::default() }).expect("allocatable");
            check::check(&func, &env, &output).expect("right");
            let places: Vec<_> =
                output.debug_locations.iter().map(|(_, from, to, at)| format!("{from} {to} {at}")).collect();
            assert_eq!(places, ["before inst5 before inst6 stack0"], "{algorithm:?}");
        }
    }

    /// Backtracking has a piece in memory between the two uses, whose load is left out: the register holds the value already.
    #[test]
    fn a_value_is_where_it_is_read() {
        let mut b = FuncBuilder::new();
        let [first, second] = [(); 2].map(|()| b.block(&[]));
        let [value, other] = [(); 2].map(|()| b.vreg(RegClass::Int));
        b.op(first, &[Operand::reg_def(value)]);
        let late = Operand::new(
            value,
            OperandConstraint::FixedReg(PReg::new(1, RegClass::Int)),
            OperandKind::Use,
            OperandPos::Late,
        );
        b.op(first, &[late, Operand::reg_def(other)]);
        b.branch(first, &[], &[(second, &[])]);
        b.op(second, &[Operand::reg_use(value)]);
        b.ret(second, &[]);
        let mut func = b.finish();
        func.debug_labels = alloc::vec![(value, Inst::new(2), Inst::new(4), 7)];
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b11);
        for algorithm in Algorithm::ALL {
            let output = run(&func, &env, &Options { algorithm, ..Options::default() }).expect("allocatable");
            check::check(&func, &env, &output).expect("right");
            let last = output.debug_locations.last().map(|(_, _, to, at)| format!("{to} {at}"));
            assert_eq!(last.as_deref(), Some("before inst4 p1i"), "{algorithm:?}");
        }
    }

    /// Two values that change places have but one register to go through, and wait in slots that are not their own.
    #[test]
    fn a_value_is_followed_through_the_slots_of_others() {
        let mut b = FuncBuilder::new();
        let block = b.block(&[]);
        let [x, y] = [(); 2].map(|()| b.vreg(RegClass::Int));
        b.op(block, &[Operand::reg_def(x)]);
        b.op(block, &[Operand::reg_def(y)]);
        b.op(block, &[Operand::reg_use(x)]);
        b.op(block, &[Operand::reg_use(y)]);
        b.ret(block, &[]);
        let mut func = b.finish();
        func.debug_labels = alloc::vec![(y, Inst::new(0), Inst::new(5), 7)];
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b1);
        for algorithm in [Algorithm::Thorough, Algorithm::Backtracking] {
            let output = run(&func, &env, &Options { algorithm, ..Options::default() }).expect("allocatable");
            check::check(&func, &env, &output).expect("right");
            let mut expected = ProgPoint::after(Inst::new(1));
            for &(_, from, to, _) in &output.debug_locations {
                assert_eq!(from, expected, "{algorithm:?}");
                expected = to;
            }
            assert!(expected >= ProgPoint::before(Inst::new(4)), "{algorithm:?}: {expected}");
        }
    }

    #[test]
    fn adjoining_stretches_are_joined_and_overlaps_cut() {
        let (a, b) = (Allocation::reg(PReg::from_index(1)), Allocation::reg(PReg::from_index(2)));
        let p = |n: u32| ProgPoint::from_index(n);
        let found = |label, from, to, place| Found { label, from: p(from), to: p(to), place, request: label };
        let mut list = [found(1, 4, 6, a), found(1, 0, 4, a), found(1, 5, 8, b), found(2, 1, 2, a)];
        let mut joined = Vec::new();
        join(&mut list, &mut joined);
        assert_eq!(joined, [(1, p(0), p(6), a), (1, p(6), p(8), b), (2, p(1), p(2), a)]);
    }
}
