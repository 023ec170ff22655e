//! What a client gets back: where every operand is, and the moves that keep it so.

use crate::ir::{Block, Function, Inst, InstRange, OperandKind, PReg, PRegSet};
use alloc::vec::Vec;
use core::fmt;

/// A word of the frame, counted from zero; a value that takes several words is named by its first or by its last one
/// (see [`Function::multi_spillslot_named_by_last_slot`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SpillSlot {
    bits: u32,
}

impl SpillSlot {
    /// The highest slot.
    pub const MAX: usize = (1 << 24) - 1;

    /// The slot numbered `slot`, at most [`SpillSlot::MAX`].
    #[inline(always)]
    pub const fn new(slot: usize) -> Self {
        debug_assert!(slot <= Self::MAX);
        Self { bits: slot as u32 }
    }

    /// The slot's number.
    #[inline(always)]
    pub const fn index(self) -> usize {
        (self.bits & Self::MAX as u32) as usize
    }

    /// The slot `offset` words further on.
    #[inline(always)]
    pub const fn plus(self, offset: usize) -> Self {
        Self::new(self.index() + offset)
    }

    /// The value that names no slot.
    #[inline(always)]
    pub const fn invalid() -> Self {
        Self { bits: u32::MAX }
    }

    /// Does this name no slot?
    #[inline(always)]
    pub const fn is_invalid(self) -> bool {
        self.bits == u32::MAX
    }

    /// Does this name a slot?
    #[inline(always)]
    pub const fn is_valid(self) -> bool {
        !self.is_invalid()
    }
}

impl fmt::Display for SpillSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stack{}", self.index())
    }
}

impl fmt::Debug for SpillSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The kinds of places that a value can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum AllocationKind {
    /// Nowhere.
    None = 0,
    /// A register, or a fixed stack slot that a `PReg` stands for.
    Reg = 1,
    /// A spill slot.
    Stack = 2,
}

/// Where a value is: the kind in the top three bits, the register's index or the slot's number in the low 28.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Allocation {
    bits: u32,
}

const KIND_SHIFT: u32 = 29;
const INDEX_MASK: u32 = (1 << 28) - 1;

impl Allocation {
    #[inline(always)]
    const fn new(kind: AllocationKind, index: u32) -> Self {
        Self { bits: (kind as u32) << KIND_SHIFT | (index & INDEX_MASK) }
    }

    /// Nowhere.
    #[inline(always)]
    pub const fn none() -> Self {
        Self::new(AllocationKind::None, 0)
    }

    /// In a register.
    #[inline(always)]
    pub const fn reg(reg: PReg) -> Self {
        Self::new(AllocationKind::Reg, reg.index() as u32)
    }

    /// In a spill slot.
    #[inline(always)]
    pub const fn stack(slot: SpillSlot) -> Self {
        Self::new(AllocationKind::Stack, slot.bits)
    }

    /// The kind of place.
    #[inline(always)]
    pub const fn kind(self) -> AllocationKind {
        match self.bits >> KIND_SHIFT {
            1 => AllocationKind::Reg,
            2 => AllocationKind::Stack,
            _ => AllocationKind::None,
        }
    }

    /// Is it nowhere?
    #[inline(always)]
    pub const fn is_none(self) -> bool {
        matches!(self.kind(), AllocationKind::None)
    }

    /// Is it somewhere?
    #[inline(always)]
    pub const fn is_some(self) -> bool {
        !self.is_none()
    }

    /// Is it a register, or a fixed stack slot that a `PReg` stands for ([`is_on_stack`](crate::MachineEnv::is_on_stack))?
    #[inline(always)]
    pub const fn is_reg(self) -> bool {
        matches!(self.kind(), AllocationKind::Reg)
    }

    /// Is it a spill slot?
    #[inline(always)]
    pub const fn is_stack(self) -> bool {
        matches!(self.kind(), AllocationKind::Stack)
    }

    /// The register's index or the slot's number.
    #[inline(always)]
    pub const fn index(self) -> usize {
        (self.bits & INDEX_MASK) as usize
    }

    /// The register, if it is one, or the `PReg` that stands for a fixed stack slot.
    #[inline(always)]
    pub const fn as_reg(self) -> Option<PReg> {
        match self.kind() {
            AllocationKind::Reg => Some(PReg::from_index(self.index())),
            _ => None,
        }
    }

    /// The spill slot, if it is one.
    #[inline(always)]
    pub const fn as_stack(self) -> Option<SpillSlot> {
        match self.kind() {
            AllocationKind::Stack => Some(SpillSlot { bits: self.bits & INDEX_MASK }),
            _ => None,
        }
    }

    /// The encoding.
    #[inline(always)]
    pub const fn bits(self) -> u32 {
        self.bits
    }

    /// The allocation with the given encoding.
    #[inline(always)]
    pub const fn from_bits(bits: u32) -> Self {
        Self { bits }
    }
}

impl Default for Allocation {
    /// Nowhere.
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.as_reg(), self.as_stack()) {
            (Some(reg), _) => reg.fmt(f),
            (_, Some(slot)) => slot.fmt(f),
            _ => f.write_str("none"),
        }
    }
}

impl fmt::Debug for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The side of an instruction that a program point is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum InstPosition {
    /// Before it.
    Before = 0,
    /// After it.
    After = 1,
}

/// A point just before or just after an instruction: the instruction's number doubled, plus one for "after".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProgPoint {
    bits: u32,
}

impl ProgPoint {
    /// The point on the given side of `inst`.
    #[inline(always)]
    pub const fn new(inst: Inst, pos: InstPosition) -> Self {
        Self { bits: inst.0 << 1 | pos as u32 }
    }

    /// The point before `inst`.
    #[inline(always)]
    pub const fn before(inst: Inst) -> Self {
        Self::new(inst, InstPosition::Before)
    }

    /// The point after `inst`.
    #[inline(always)]
    pub const fn after(inst: Inst) -> Self {
        Self::new(inst, InstPosition::After)
    }

    /// The instruction.
    #[inline(always)]
    pub const fn inst(self) -> Inst {
        // The shift is arithmetic so that the invalid point's instruction is the invalid one.
        Inst(((self.bits as i32) >> 1) as u32)
    }

    /// The side.
    #[inline(always)]
    pub const fn pos(self) -> InstPosition {
        if self.bits & 1 == 0 { InstPosition::Before } else { InstPosition::After }
    }

    /// The point that follows: after the same instruction, or before the next.
    #[inline(always)]
    pub const fn next(self) -> Self {
        Self { bits: self.bits + 1 }
    }

    /// The point that precedes.
    #[inline(always)]
    pub const fn prev(self) -> Self {
        Self { bits: self.bits - 1 }
    }

    /// The encoding.
    #[inline(always)]
    pub const fn to_index(self) -> u32 {
        self.bits
    }

    /// The point with the given encoding.
    #[inline(always)]
    pub const fn from_index(index: u32) -> Self {
        Self { bits: index }
    }

    /// The point that is nowhere.
    #[inline(always)]
    pub const fn invalid() -> Self {
        Self::before(Inst::invalid())
    }
}

impl fmt::Display for ProgPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.pos() == InstPosition::Before { "before" } else { "after" };
        write!(f, "{side} {}", self.inst())
    }
}

impl fmt::Debug for ProgPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something to insert into the code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Edit {
    /// Copy a value from one place to another. At least one of the two is a register of the machine, not a fixed stack slot.
    Move {
        /// Where the value is.
        from: Allocation,
        /// Where it is to be as well.
        to: Allocation,
    },
}

/// An instruction of the input, or something inserted between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstOrEdit<'a> {
    /// The client's instruction.
    Inst(Inst),
    /// What to insert.
    Edit(&'a Edit),
}

/// How an allocation went, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stats {
    /// Instructions of the input.
    pub insts: usize,
    /// Blocks of the input.
    pub blocks: usize,
    /// Values that the input defines and uses, without the folded parameters.
    pub values: usize,
    /// Block parameters that turned out to be another name of a value.
    pub folded_params: usize,
    /// Loops.
    pub loops: usize,
    /// Loop nests that were allocated again to use what the first attempt taught, counted once an attempt.
    pub feedback_rounds: usize,
    /// Bundles that had to leave a register to heavier ones. The backtracking allocator alone evicts and splits bundles.
    pub evictions: usize,
    /// Bundles that were cut in two or three.
    pub splits: usize,
    /// Values that live in memory somewhere.
    pub spilled_values: usize,
    /// Moves from register to register.
    pub moves: usize,
    /// Moves from a register to the stack, be it a spill slot or a fixed stack slot.
    pub spills: usize,
    /// Moves from the stack to a register.
    pub reloads: usize,
}

/// The result of an allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Output {
    /// How many words of spill slots the frame needs.
    pub num_spillslots: usize,
    /// What to insert, sorted by place; at one place, in this order.
    pub edits: Vec<(ProgPoint, Edit)>,
    /// The location of every operand, instruction by instruction.
    pub allocs: Vec<Allocation>,
    /// Where each instruction's part of `allocs` begins.
    pub inst_alloc_offsets: Vec<u32>,
    /// Where labelled values are: label, from (inclusive), to (exclusive), location. Sorted; the stretches of one label
    /// are disjoint. What is said of the point before an instruction holds when the moves in front of that have been made, and of the point
    /// after it, when the instruction has executed. Where nothing is said, the value is nowhere: behind its last use it is to be found
    /// only as long as nothing has taken its place.
    pub debug_locations: Vec<(u32, ProgPoint, ProgPoint, Allocation)>,
    /// How the allocation went.
    pub stats: Stats,
}

impl Output {
    /// The locations of an instruction's operands. Empty for an instruction that the function does not have.
    pub fn inst_allocs(&self, inst: Inst) -> &[Allocation] {
        let Some(&start) = self.inst_alloc_offsets.get(inst.index()) else { return &[] };
        let end = self.inst_alloc_offsets.get(inst.index() + 1).map_or(self.allocs.len(), |&end| end as usize);
        self.allocs.get(start as usize..end).unwrap_or(&[])
    }

    /// Every register that the code writes, by a definition, a move or a clobber: those among them that the callee has to
    /// preserve, it saves in its prologue. The scratch register is among them where moves go to it, and fixed stack
    /// slots where they are written. Linear in operands and edits.
    ///
    /// ```
    /// use regatta::*;
    ///
    /// let mut b = FuncBuilder::new();
    /// let block = b.block(&[]);
    /// let x = b.vreg(RegClass::Int);
    /// b.op(block, &[Operand::reg_def(x)]);
    /// let caller_saved = PRegSet::from_class_mask(RegClass::Int, 0b0011);
    /// b.inst(block, InstData { clobbers: caller_saved, ..InstData::default() });
    /// b.ret(block, &[Operand::reg_use(x)]);
    /// let func = b.finish();
    ///
    /// let callee_saved = PRegSet::from_class_mask(RegClass::Int, 0b1100);
    /// let mut env = MachineEnv::default();
    /// env.preferred_regs_by_class[0] = caller_saved;
    /// env.non_preferred_regs_by_class[0] = callee_saved;
    /// let output = run(&func, &env, &Options::default())?;
    ///
    /// let to_save = output.written_regs(&func) & callee_saved;
    /// assert_eq!(to_save.len(), 1, "the value lives through the call");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn written_regs(&self, func: &impl Function) -> PRegSet {
        let mut written = PRegSet::empty();
        for inst in (0..func.num_insts()).map(Inst::new) {
            written.union_from(func.inst_clobbers(inst));
            let operands = func.inst_operands(inst).iter().zip(self.inst_allocs(inst));
            let defs = operands.filter(|(operand, _)| operand.kind() == OperandKind::Def);
            defs.filter_map(|(_, at)| at.as_reg()).for_each(|reg| written.add(reg));
        }
        for (_, Edit::Move { to, .. }) in &self.edits {
            to.as_reg().into_iter().for_each(|reg| written.add(reg));
        }
        written
    }

    /// A block's instructions and edits, in order: what a client walks to emit its code.
    pub fn block_insts_and_edits(&self, func: &impl Function, block: Block) -> OutputIter<'_> {
        let insts = func.block_insns(block);
        let start = self.edits.partition_point(|edit| edit.0 < ProgPoint::before(insts.first()));
        OutputIter::new(&self.edits[start..], insts)
    }
}

/// The instructions and edits of a block: see [`Output::block_insts_and_edits`].
#[derive(Clone, Debug)]
pub struct OutputIter<'a> {
    edits: &'a [(ProgPoint, Edit)],
    insts: InstRange,
}

impl<'a> OutputIter<'a> {
    /// The instructions `insts` and the edits in front of them, out of `edits`, which begin with the first of these. For a
    /// client that keeps edits elsewhere than in an [`Output`].
    pub fn new(edits: &'a [(ProgPoint, Edit)], insts: InstRange) -> Self {
        Self { edits, insts }
    }
}

impl<'a> Iterator for OutputIter<'a> {
    type Item = InstOrEdit<'a>;

    fn next(&mut self) -> Option<InstOrEdit<'a>> {
        // A block ends in a branch or a return, behind which nothing can be inserted.
        if self.insts.is_empty() {
            return None;
        }
        let inst = self.insts.first();
        if let Some(((point, edit), rest)) = self.edits.split_first()
            && *point <= ProgPoint::before(inst)
        {
            self.edits = rest;
            return Some(InstOrEdit::Edit(edit));
        }
        self.insts = self.insts.rest();
        Some(InstOrEdit::Inst(inst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{FuncBuilder, Operand, RegClass};
    use alloc::format;
    use alloc::vec;

    #[test]
    fn places() {
        let (reg, slot) = (PReg::new(3, RegClass::Float), SpillSlot::new(3));
        assert_eq!(slot.plus(2), SpillSlot::new(5));
        assert_eq!((slot.is_valid(), slot.is_invalid()), (true, false));
        assert_eq!((SpillSlot::invalid().is_valid(), SpillSlot::invalid().is_invalid()), (false, true));
        let is = |at: Allocation| [at.is_some(), at.is_none(), at.is_reg(), at.is_stack()];
        assert_eq!(is(Allocation::reg(reg)), [true, false, true, false]);
        assert_eq!(is(Allocation::stack(slot)), [true, false, false, true]);
        assert_eq!(is(Allocation::none()), [false, true, false, false]);
        let all = [Allocation::reg(reg), Allocation::stack(slot), Allocation::none()];
        assert_eq!(format!("{all:?} {slot:?}"), "[p3f, stack3, none] stack3");
    }

    #[test]
    fn points() {
        let [before, after] = [ProgPoint::before, ProgPoint::after].map(|at| at(Inst::new(7)));
        assert_eq!((before.next(), after.prev()), (after, before));
        assert_eq!((after.next(), before.prev()), (ProgPoint::before(Inst::new(8)), ProgPoint::after(Inst::new(6))));
        assert_eq!(format!("{before:?} {after:?}"), "before inst7 after inst7");
    }

    #[test]
    fn registers_and_edits_of_a_block() {
        let mut b = FuncBuilder::new();
        let (first, second) = (b.block(&[]), b.block(&[]));
        let x = b.vreg(RegClass::Int);
        b.op(first, &[Operand::reg_def(x)]);
        b.branch(first, &[], &[(second, &[])]);
        b.ret(second, &[Operand::reg_use(x)]);
        let func = b.finish();
        let [p0, p1, p2] = [0, 1, 2].map(|number| PReg::new(number, RegClass::Int));
        let moved = |from, to| Edit::Move { from: Allocation::reg(from), to: Allocation::reg(to) };
        let output = Output {
            edits: vec![
                (ProgPoint::before(Inst::new(1)), moved(p0, p1)),
                (ProgPoint::before(Inst::new(2)), moved(p1, p0)),
            ],
            allocs: vec![Allocation::reg(p0), Allocation::reg(p2)],
            inst_alloc_offsets: vec![0, 1, 1],
            ..Output::default()
        };
        // What is read is not written.
        assert_eq!(output.written_regs(&func), PRegSet::empty().with(p0).with(p1));
        let names = |block| -> vec::Vec<_> {
            let named = |item| match item {
                InstOrEdit::Inst(inst) => format!("{inst}"),
                InstOrEdit::Edit(Edit::Move { from, to }) => format!("{from} to {to}"),
            };
            output.block_insts_and_edits(&func, block).map(named).collect()
        };
        assert_eq!(names(first), ["inst0", "p0i to p1i", "inst1"]);
        assert_eq!(names(second), ["p1i to p0i", "inst2"]);
    }
}
