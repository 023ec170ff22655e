//! Numbers the locations that an output mentions.
//!
//! A state holds one entry a location, so only what the output mentions gets a number: the registers in use, and every
//! slot. A slot is a stretch of words, as long as its class takes; two slots of different length may overlap, and then a
//! write to one destroys what the other held.

use crate::ir::entity::entity;
use crate::ir::{Block, Function, Inst, PReg, PRegSet, RegClass};
use crate::output::{Allocation, AllocationKind, Edit, Output, SpillSlot};
use alloc::vec;
use alloc::vec::Vec;

entity! {
    /// A place that can hold a value: a register, a fixed stack slot, or a spill slot of a certain length.
    pub(super) struct Loc, "location"
}

/// The words of a spill slot: the first one, and how many.
type Words = (u32, u32);

/// The kinds of place that an allocation can name, once it is known to be well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A register or a fixed stack slot.
    Reg(PReg),
    /// A spill slot.
    Slot(SpillSlot),
}

/// The bit of an allocation that is neither of its kind nor of its index.
const STRAY: u32 = 1 << 28;

/// What an allocation names; nothing, when it is "none" or no encoding of a place.
pub(super) fn place_of(alloc: Allocation) -> Option<Place> {
    match alloc.kind() {
        _ if alloc.bits() & STRAY != 0 => None,
        AllocationKind::Reg if alloc.index() < 3 << PReg::MAX_BITS => Some(Place::Reg(PReg::from_index(alloc.index()))),
        AllocationKind::Stack if alloc.index() <= SpillSlot::MAX => Some(Place::Slot(SpillSlot::new(alloc.index()))),
        _ => None,
    }
}

/// The numbering.
#[derive(Debug)]
pub(super) struct Locations {
    /// The location of each register, by its index.
    regs: [Loc; PReg::NUM_INDEX],
    mentioned: PRegSet,
    num_regs: usize,
    /// The slots' words, sorted. Their locations follow the registers' in this order.
    slots: Vec<Words>,
    /// Where each slot's part of `overlaps` begins; empty when no slots overlap.
    first_overlap: Vec<u32>,
    overlaps: Vec<Loc>,
    layout: SlotLayout,
}

/// How a slot's name and its words belong together.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotLayout {
    /// Words that a slot takes, by class; one if the class does not occur.
    sizes: [u32; 3],
    /// Has the function values of the class?
    occurs: [bool; 3],
    named_by_last: bool,
}

impl SlotLayout {
    /// Asks once for each class that `occurs`; a client need not have an answer for the others, of which nothing can be in
    /// a slot.
    fn new(func: &impl Function, occurs: [bool; 3]) -> Self {
        let size = |class: RegClass| match occurs[class.index()] {
            true => func.spillslot_size(class).clamp(1, 1 << 24) as u32,
            false => 1,
        };
        Self { sizes: RegClass::ALL.map(size), occurs, named_by_last: func.multi_spillslot_named_by_last_slot() }
    }

    /// Has the function values of this class, so that the size of their slots is known?
    pub(super) fn occurs(&self, class: RegClass) -> bool {
        self.occurs[class.index()]
    }

    /// The words of the slot; none if it would begin before the frame.
    pub(super) fn words(&self, slot: SpillSlot, class: RegClass) -> Option<Words> {
        let size = self.sizes[class.index()];
        let name = slot.index() as u32;
        let first = if self.named_by_last { (name + 1).checked_sub(size)? } else { name };
        Some((first, size))
    }
}

/// The classes of which the function has values.
fn classes_that_occur(func: &impl Function) -> [bool; 3] {
    let mut occurs = [false; 3];
    for inst in (0..func.num_insts()).map(Inst::new) {
        for op in func.inst_operands(inst).iter().filter(|op| op.as_fixed_nonallocatable().is_none()) {
            occurs[op.class().index()] = true;
        }
    }
    for block in (0..func.num_blocks()).map(Block::new) {
        for param in func.block_params(block) {
            occurs[param.class().index()] = true;
        }
    }
    occurs
}

impl Locations {
    /// Numbers all that the output mentions. `O(n log n)` in the size of the output.
    ///
    /// The output need not be right, but every instruction must have as many locations as operands.
    pub(super) fn new(func: &impl Function, output: &Output) -> Self {
        let mut this = Self {
            regs: [Loc::invalid(); PReg::NUM_INDEX],
            mentioned: PRegSet::empty(),
            num_regs: 0,
            slots: Vec::new(),
            first_overlap: Vec::new(),
            overlaps: Vec::new(),
            layout: SlotLayout::new(func, classes_that_occur(func)),
        };
        for inst in (0..func.num_insts()).map(Inst::new) {
            for (op, &alloc) in func.inst_operands(inst).iter().zip(output.inst_allocs(inst)) {
                this.mention(alloc, op.class());
            }
        }
        for (_, Edit::Move { from, to }) in &output.edits {
            let class = move_class(*from, *to);
            this.mention(*from, class);
            this.mention(*to, class);
        }
        this.slots.sort_unstable();
        this.slots.dedup();
        for reg in this.mentioned {
            this.regs[reg.index()] = Loc::new(this.num_regs);
            this.num_regs += 1;
        }
        this.find_overlaps();
        this
    }

    fn mention(&mut self, alloc: Allocation, class: RegClass) {
        match place_of(alloc) {
            Some(Place::Reg(reg)) => self.mentioned.add(reg),
            Some(Place::Slot(slot)) => {
                if let Some(words) = self.layout.words(slot, class)
                    && self.slots.last() != Some(&words)
                {
                    self.slots.push(words);
                }
            }
            None => {}
        }
    }

    fn find_overlaps(&mut self) {
        // Slots of one length that are aligned to it do not overlap.
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (n, &(first, size)) in self.slots.iter().enumerate() {
            let behind = self.slots[n + 1..].iter().take_while(|other| other.0 < first + size);
            for other in 0..behind.count() {
                let (a, b) = (n as u32, (n + 1 + other) as u32);
                pairs.extend([(a, b), (b, a)]);
            }
        }
        if pairs.is_empty() {
            return;
        }
        pairs.sort_unstable();
        self.first_overlap = vec![0; self.slots.len() + 1];
        for &(slot, _) in &pairs {
            self.first_overlap[slot as usize + 1] += 1;
        }
        for slot in 0..self.slots.len() {
            self.first_overlap[slot + 1] += self.first_overlap[slot];
        }
        self.overlaps = pairs.iter().map(|&(_, other)| Loc::new(self.num_regs + other as usize)).collect();
    }

    /// The number of locations.
    pub(super) fn len(&self) -> usize {
        self.num_regs + self.slots.len()
    }

    /// The registers that have a location.
    pub(super) fn mentioned(&self) -> PRegSet {
        self.mentioned
    }

    /// The location of a register; invalid for one that the output does not mention.
    #[inline]
    pub(super) fn of_reg(&self, reg: PReg) -> Loc {
        self.regs[reg.index()]
    }

    /// How slots are laid out.
    pub(super) fn layout(&self) -> &SlotLayout {
        &self.layout
    }

    /// The location of a value of this class in this place; invalid for what is no place, or is mentioned nowhere.
    pub(super) fn of(&self, alloc: Allocation, class: RegClass) -> Loc {
        match place_of(alloc) {
            Some(Place::Reg(reg)) => self.of_reg(reg),
            Some(Place::Slot(slot)) => {
                let number = self.layout.words(slot, class).and_then(|words| self.slots.binary_search(&words).ok());
                number.map_or(Loc::invalid(), |number| Loc::new(self.num_regs + number))
            }
            None => Loc::invalid(),
        }
    }

    /// The other locations that share words with this one.
    #[inline]
    pub(super) fn overlapping(&self, loc: Loc) -> &[Loc] {
        if self.first_overlap.is_empty() || loc.index() < self.num_regs || loc.is_invalid() {
            return &[];
        }
        let slot = loc.index() - self.num_regs;
        &self.overlaps[self.first_overlap[slot] as usize..self.first_overlap[slot + 1] as usize]
    }
}

/// The class of the value that a move carries: that of the register at either end.
pub(super) fn move_class(from: Allocation, to: Allocation) -> RegClass {
    match (place_of(from), place_of(to)) {
        (Some(Place::Reg(reg)), _) | (_, Some(Place::Reg(reg))) => reg.class(),
        _ => RegClass::Int,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::FuncBuilder;
    use crate::output::ProgPoint;

    #[test]
    fn a_long_slot_overlaps_the_short_ones_in_its_words() {
        let (int, float) = (PReg::new(0, RegClass::Int), PReg::new(0, RegClass::Float));
        let stack = |slot| Allocation::stack(SpillSlot::new(slot));
        let store =
            |reg, slot| (ProgPoint::before(Inst::new(0)), Edit::Move { from: Allocation::reg(reg), to: stack(slot) });
        let edits = vec![store(int, 2), store(int, 3), store(int, 4), store(float, 2)];
        let output = Output { num_spillslots: 5, edits, ..Output::default() };
        // Sizes are asked of classes that occur.
        let mut b = FuncBuilder::new();
        let params = [RegClass::Int, RegClass::Float].map(|class| b.vreg(class));
        b.block(&params);
        let locs = Locations::new(&b.finish(), &output);
        assert_eq!(locs.len(), 2 + 4);

        let short = [2, 3, 4].map(|slot| locs.of(stack(slot), RegClass::Int));
        let long = locs.of(stack(2), RegClass::Float);
        assert_eq!(locs.overlapping(long), &short[..2]);
        assert_eq!(locs.overlapping(short[0]), [long]);
        assert_eq!(locs.overlapping(short[1]), [long]);
        assert_eq!(locs.overlapping(short[2]), []);
        assert_eq!(locs.overlapping(locs.of_reg(int)), []);
        assert!(locs.of(stack(9), RegClass::Int).is_invalid());
    }

    #[test]
    fn what_is_no_place_is_not_taken_for_one() {
        assert_eq!(place_of(Allocation::none()), None);
        // The last register, one of the class that there is not, a slot beyond the last one, and a kind without a name.
        assert_eq!(place_of(Allocation::from_bits(1 << 29 | 191)), Some(Place::Reg(PReg::new(63, RegClass::Vector))));
        assert_eq!(place_of(Allocation::from_bits(1 << 29 | 192)), None);
        assert_eq!(place_of(Allocation::from_bits(2 << 29 | 1 << 24)), None);
        assert_eq!(place_of(Allocation::from_bits(7 << 29)), None);
        // A register whose encoding has a bit too many.
        assert_eq!(place_of(Allocation::from_bits(3 << 28)), None);
    }
}
