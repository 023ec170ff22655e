//! Following the code: which wanted value is in which register and slot. See [`super`].

use super::events::Event;
use super::in_slots::InSlots;
use super::tracks::{Tracks, Wanted};
use super::{EditAt, Input, Residence};
use crate::code::{OpIndex, flag};
use crate::ir::{Block, Inst, PReg, PRegSet, PRegSetIter, PerClass, RegClass};
use crate::output::{Allocation, Output, ProgPoint};
use alloc::vec::Vec;
use core::ops::Range;

/// What is where, as the code is walked.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The wanted value in each register, by [`PReg::index`], and which registers have one.
    in_reg: Vec<Wanted>,
    occupied: PerClass<u64>,
    in_slots: InSlots,
    /// Values that stay in their slots beyond the block, which something else is in by now, as they are not needed on the way on from here.
    displaced: Vec<Wanted>,
    /// Which value stays in each register beyond this block, if any, and which registers have one.
    staying: Vec<Wanted>,
    stayed_in: PerClass<u64>,
    /// At the start of a block: registers that an edit which leads into it has written, and those that are known to hold what they should.
    led_in: PerClass<u64>,
    kept: PerClass<u64>,
}

/// The edits that are still ahead.
pub(super) struct Edits<I> {
    next: EditAt,
    rest: I,
}

impl<I: Iterator<Item = EditAt>> Edits<I> {
    pub(super) fn new(edits: I) -> Self {
        let mut edits = Self { next: NO_EDIT, rest: edits };
        edits.pass();
        edits
    }

    /// The next one, which is ahead no more.
    #[inline]
    fn pass(&mut self) -> EditAt {
        core::mem::replace(&mut self.next, self.rest.next().unwrap_or(NO_EDIT))
    }
}

/// What comes behind the last edit: one that is nowhere in the code.
const NO_EDIT: EditAt = (ProgPoint::invalid(), false, Allocation::none(), Allocation::none());

impl Walk {
    /// Begins with a function.
    pub(super) fn start(&mut self, on: Input<'_>) {
        for list in [&mut self.in_reg, &mut self.staying] {
            list.clear();
            list.resize(PReg::NUM_INDEX, Wanted::invalid());
        }
        (self.occupied, self.stayed_in) = Default::default();
        self.in_slots.start(on.shape.largest());
        self.displaced.clear();
    }

    /// A value begins or ends to stay in a place.
    pub(super) fn change_stay(&mut self, on: Input<'_>, tracks: &mut Tracks, event: Event, begins: bool) {
        let Event { value, place, .. } = event;
        if let Some(reg) = place.as_reg() {
            let (class, bit) = place_of(reg);
            // (Another may have begun to stay there.)
            if begins || self.staying[reg.index()] == value {
                self.staying[reg.index()] = value;
                self.stayed_in[class] = self.stayed_in[class] & !bit | if begins { bit } else { 0 };
            }
            return;
        }
        let Some(words) = words(on, place, tracks.of[value].class) else { return };
        if begins {
            self.in_slots.put(value, place, words, false);
        } else {
            self.in_slots.leave(value, &words);
        }
        tracks.of[value].stays_in_slot = begins;
        tracks.set_in_slot(value, begins);
    }

    /// At the start of a block, registers hold what the allocator says.
    pub(super) fn enter_block(
        &mut self,
        on: Input<'_>,
        by: &impl Residence,
        tracks: &mut Tracks,
        block: Block,
        edits: &mut Edits<impl Iterator<Item = EditAt>>,
    ) {
        let start = ProgPoint::before(on.flow.graph.first(block));
        while edits.next.0 < start {
            edits.pass();
        }
        (self.led_in, self.kept) = Default::default();
        while edits.next.0 == start && edits.next.1 {
            let (_, _, _, to) = edits.pass();
            if let Some(reg) = to.as_reg() {
                let (class, bit) = place_of(reg);
                self.led_in[class] |= bit;
            }
        }
        by.in_registers(block, &mut |value, reg| {
            if let Some(wanted) = tracks.wanted(value) {
                self.expect(by, tracks, block, wanted, reg);
            }
        });
        for (class, stayed_in) in self.stayed_in.into_iter().enumerate() {
            for reg in registers(class, stayed_in) {
                self.expect(by, tracks, block, self.staying[reg.index()], reg);
            }
        }
        for class in 0..self.occupied.len() {
            for reg in registers(class, self.occupied[class] & !self.kept[class]) {
                self.empty(tracks, reg);
            }
        }
    }

    /// The value is in the register at the start of the block, unless a move has been left out.
    fn expect(&mut self, by: &impl Residence, tracks: &mut Tracks, block: Block, value: Wanted, reg: PReg) {
        let (class, bit) = place_of(reg);
        if !by.is_kept(block, reg, self.led_in[class] & bit != 0) {
            return;
        }
        self.kept[class] |= bit;
        if self.in_reg[reg.index()] != value {
            self.empty(tracks, reg);
            self.fill(tracks, reg, value);
        }
    }

    /// Follows what happens in a block.
    pub(super) fn follow_block(
        &mut self,
        on: Input<'_>,
        tracks: &mut Tracks,
        insts: Range<Inst>,
        edits: &mut Edits<impl Iterator<Item = EditAt>>,
        output: &Output,
    ) {
        for inst in (insts.start.0..insts.end.0).map(Inst) {
            self.follow_edits(on, tracks, ProgPoint::before(inst), edits);
            self.find_uses(on, tracks, inst, output);
            tracks.settle_changed(ProgPoint::before(inst));
            if on.code.insts[inst].flags() & (flag::DEFINES | flag::UNCOMMON | flag::KILLS) != 0 {
                self.execute(on, tracks, inst, output);
            }
            self.follow_edits(on, tracks, ProgPoint::after(inst), edits);
            tracks.settle_changed(ProgPoint::after(inst));
        }
    }

    /// What has been in a slot for a while is there no more, and what stays in one is back.
    pub(super) fn leave_block(&mut self, on: Input<'_>, tracks: &mut Tracks) {
        self.in_slots.end_block(|value, slot| {
            if tracks.of[value].slot == slot {
                tracks.set_in_slot(value, false);
            }
        });
        while let Some(value) = self.displaced.pop() {
            if !tracks.of[value].in_slot {
                self.put(on, tracks, value, tracks.of[value].slot);
            }
        }
    }

    /// Follows the edits up to `point`.
    #[inline]
    fn follow_edits(
        &mut self,
        on: Input<'_>,
        tracks: &mut Tracks,
        point: ProgPoint,
        edits: &mut Edits<impl Iterator<Item = EditAt>>,
    ) {
        while edits.next.0 <= point {
            let (_, leads_in, from, to) = edits.pass();
            if !leads_in {
                let class = from.as_reg().or(to.as_reg()).map_or(RegClass::Int, PReg::class);
                let value = self.held_in(on, from, class);
                self.overwrite(on, tracks, to, class);
                if let Some(value) = value {
                    self.put(on, tracks, value, to);
                }
            }
        }
    }

    /// What the instruction reads is where it reads it, also if the allocator did not tell: a load may have been left out that would have put
    /// the value there, since it was there already.
    fn find_uses(&mut self, on: Input<'_>, tracks: &mut Tracks, inst: Inst, output: &Output) {
        for index in on.code.op_range(inst) {
            let op = &on.code.ops[OpIndex::new(index)];
            // (Of two values that are one, it is the first that is followed.)
            if op.is_use()
                && let Some(value) = tracks.wanted(op.value)
                && self.held_in(on, output.allocs[index], RegClass::ALL[op.class()]).is_none()
            {
                self.put(on, tracks, value, output.allocs[index]);
            }
        }
    }

    fn execute(&mut self, on: Input<'_>, tracks: &mut Tracks, inst: Inst, output: &Output) {
        let clobbers = &on.code.clobber_sets[on.code.insts[inst].clobbers()];
        for (class, &clobbers) in clobbers.iter().enumerate() {
            for reg in registers(class, clobbers & self.occupied[class]) {
                self.empty(tracks, reg);
            }
        }
        let ops = on.code.op_range(inst);
        for index in ops.clone().filter(|&index| on.code.ops[OpIndex::new(index)].is_def()) {
            let class = RegClass::ALL[on.code.ops[OpIndex::new(index)].class()];
            self.overwrite(on, tracks, output.allocs[index], class);
        }
        for index in ops.filter(|&index| on.code.ops[OpIndex::new(index)].is_def()) {
            if let Some(value) = tracks.wanted(on.code.ops[OpIndex::new(index)].value) {
                self.put(on, tracks, value, output.allocs[index]);
            }
        }
    }

    /// The wanted value of the class in a place.
    fn held_in(&self, on: Input<'_>, place: Allocation, class: RegClass) -> Option<Wanted> {
        match place.as_reg() {
            Some(reg) => Some(self.in_reg[reg.index()]).filter(|value| value.is_valid()),
            None => self.in_slots.held_in(place, words(on, place, class)?),
        }
    }

    /// What was in the place is there no more, now that it holds a value of the class.
    fn overwrite(&mut self, on: Input<'_>, tracks: &mut Tracks, place: Allocation, class: RegClass) {
        if let Some(reg) = place.as_reg() {
            self.empty(tracks, reg);
        } else if let Some(words) = words(on, place, class) {
            let Self { in_slots, displaced, .. } = self;
            in_slots.overwrite(&words, |value, slot| {
                if tracks.of[value].slot == slot {
                    tracks.set_in_slot(value, false);
                    displaced.extend(tracks.of[value].stays_in_slot.then_some(value));
                }
            });
        }
    }

    /// The value is in the place now.
    fn put(&mut self, on: Input<'_>, tracks: &mut Tracks, value: Wanted, place: Allocation) {
        let track = &tracks.of[value];
        if let Some(reg) = place.as_reg() {
            self.fill(tracks, reg, value);
        } else if let Some(words) = words(on, place, track.class) {
            let is_own = track.slot == place;
            self.in_slots.put(value, place, words, !(is_own && track.stays_in_slot));
            if is_own {
                tracks.set_in_slot(value, true);
            }
        }
    }

    fn fill(&mut self, tracks: &mut Tracks, reg: PReg, value: Wanted) {
        let (class, bit) = place_of(reg);
        self.occupied[class] |= bit;
        self.in_reg[reg.index()] = value;
        tracks.set_in_register(value, reg, true);
    }

    fn empty(&mut self, tracks: &mut Tracks, reg: PReg) {
        let (class, bit) = place_of(reg);
        if self.occupied[class] & bit != 0 {
            self.occupied[class] &= !bit;
            let value = core::mem::take(&mut self.in_reg[reg.index()]);
            tracks.set_in_register(value, reg, false);
        }
    }
}

/// The class of a register, as an index, and its bit among the class's.
fn place_of(reg: PReg) -> (usize, u64) {
    (reg.class().index(), 1 << reg.hw_enc())
}

/// The registers of a class, given as an index, with these bits.
fn registers(class: usize, mask: u64) -> PRegSetIter {
    PRegSet::from_class_mask(RegClass::ALL[class], mask).iter()
}

/// The words of the frame that a value of the class takes in the place, if that is a slot.
fn words(on: Input<'_>, place: Allocation, class: RegClass) -> Option<Range<usize>> {
    place.as_stack().map(|slot| on.shape.words(slot, class))
}
