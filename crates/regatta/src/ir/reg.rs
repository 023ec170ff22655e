//! Registers: their classes, physical registers and sets of them, virtual registers, and the machine's environment.

use crate::output::Allocation;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{BitAnd, BitOr};

/// A class of registers. Every register and every value belongs to one; no register serves two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum RegClass {
    /// General-purpose registers.
    Int = 0,
    /// Floating-point registers (on many machines also the short vectors).
    Float = 1,
    /// Vector registers of a machine that has them apart from the floating-point ones.
    Vector = 2,
}

impl RegClass {
    /// Every class, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Int, Self::Float, Self::Vector];

    /// The class's number, to index an array by class.
    #[inline(always)]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The class with the given number, 0 to 2.
    #[inline(always)]
    pub const fn from_index(index: usize) -> Option<Self> {
        match index {
            0 => Some(Self::Int),
            1 => Some(Self::Float),
            2 => Some(Self::Vector),
            _ => None,
        }
    }

    /// The class of a two-bit field. The encoding 3 names no class; input that holds it is read as `Vector`, and the
    /// validator rejects it.
    #[inline(always)]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        // (One load, where a match would be compared step by step.)
        const CLASSES: [RegClass; 4] = [RegClass::Int, RegClass::Float, RegClass::Vector, RegClass::Vector];
        CLASSES[(bits & 3) as usize]
    }

    /// The letter that stands for the class in text: `i`, `f` or `v`.
    pub const fn letter(self) -> char {
        match self {
            Self::Int => 'i',
            Self::Float => 'f',
            Self::Vector => 'v',
        }
    }
}

/// A physical register: a class and the number that the machine knows it by, 0 to 63.
///
/// Stored as `class * 64 + number` in one byte. A `PReg` can also stand for a fixed slot of the stack frame; see
/// [`MachineEnv::fixed_stack_slots`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PReg {
    bits: u8,
}

impl PReg {
    /// Bits of a register's number within its class.
    pub const MAX_BITS: usize = 6;
    /// The highest number a register can have within its class.
    pub const MAX: usize = (1 << Self::MAX_BITS) - 1;
    /// How many different values [`PReg::index`] may take.
    pub const NUM_INDEX: usize = 1 << (Self::MAX_BITS + 2);
    /// The encoding that stands for no register: number 63 of class `Int`.
    pub const INVALID: u8 = Self::MAX as u8;

    /// Register `hw_enc` (0 to 63) of the class.
    #[inline(always)]
    pub const fn new(hw_enc: usize, class: RegClass) -> Self {
        debug_assert!(hw_enc <= Self::MAX);
        Self { bits: (class as u8) << Self::MAX_BITS | (hw_enc as u8 & Self::MAX as u8) }
    }

    /// The number within the class, as the machine encodes it.
    #[inline(always)]
    pub const fn hw_enc(self) -> usize {
        self.bits as usize & Self::MAX
    }

    /// The register's class.
    #[inline(always)]
    pub const fn class(self) -> RegClass {
        RegClass::from_bits((self.bits >> Self::MAX_BITS) as u32)
    }

    /// A number that is different for every register of every class, below [`PReg::NUM_INDEX`].
    #[inline(always)]
    pub const fn index(self) -> usize {
        self.bits as usize
    }

    /// The register with the given [`PReg::index`].
    #[inline(always)]
    pub const fn from_index(index: usize) -> Self {
        Self { bits: (index & (Self::NUM_INDEX - 1)) as u8 }
    }

    /// The value that stands for no register.
    #[inline(always)]
    pub const fn invalid() -> Self {
        Self { bits: Self::INVALID }
    }

    /// This register, unless it is the invalid one.
    #[inline(always)]
    pub const fn as_valid(self) -> Option<Self> {
        if self.bits == Self::INVALID { None } else { Some(self) }
    }
}

impl Default for PReg {
    fn default() -> Self {
        Self::invalid()
    }
}

impl fmt::Display for PReg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}{}", self.hw_enc(), self.class().letter())
    }
}

impl fmt::Debug for PReg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of physical registers: one 64-bit mask a class, so that set operations on a class are single instructions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PRegSet {
    // The fourth word belongs to the class encoding that names no class; it keeps every index of a `PReg` in bounds.
    bits: [u64; 4],
}

impl PRegSet {
    /// The set without members.
    pub const fn empty() -> Self {
        Self { bits: [0; 4] }
    }

    /// The set of the registers of `class` whose bit in `mask` is set (bit n: register number n).
    pub const fn from_class_mask(class: RegClass, mask: u64) -> Self {
        let mut bits = [0; 4];
        bits[class as usize] = mask;
        Self { bits }
    }

    /// The members of `class` as a mask: bit n is register number n.
    #[inline(always)]
    pub const fn class_mask(&self, class: RegClass) -> u64 {
        self.bits[class as usize]
    }

    /// Is `reg` a member?
    pub const fn contains(&self, reg: PReg) -> bool {
        self.bits[reg.index() >> 6] >> (reg.index() & 63) & 1 != 0
    }

    /// This set and `reg`.
    pub const fn with(self, reg: PReg) -> Self {
        let mut set = self;
        set.add(reg);
        set
    }

    /// Makes `reg` a member.
    pub const fn add(&mut self, reg: PReg) {
        self.bits[reg.index() >> 6] |= 1 << (reg.index() & 63);
    }

    /// Makes `reg` no member.
    pub const fn remove(&mut self, reg: PReg) {
        self.bits[reg.index() >> 6] &= !(1 << (reg.index() & 63));
    }

    /// Adds every member of `other`.
    pub fn union_from(&mut self, other: Self) {
        for (mine, theirs) in self.bits.iter_mut().zip(other.bits) {
            *mine |= theirs;
        }
    }

    /// Keeps only the members of `other`.
    pub fn intersect_from(&mut self, other: Self) {
        for (mine, theirs) in self.bits.iter_mut().zip(other.bits) {
            *mine &= theirs;
        }
    }

    /// Every encodable register that is no member.
    pub fn invert(&self) -> Self {
        Self { bits: self.bits.map(|word| !word) }
    }

    /// Has the set no member in `class`?
    pub const fn is_empty(&self, class: RegClass) -> bool {
        self.bits[class as usize] == 0
    }

    /// Has the set no member in any class?
    #[inline(always)]
    pub const fn is_empty_all(&self) -> bool {
        self.bits[0] | self.bits[1] | self.bits[2] | self.bits[3] == 0
    }

    /// The number of members.
    #[allow(clippy::len_without_is_empty, reason = "`is_empty` asks about one class, as clients know it")]
    pub fn len(&self) -> u32 {
        self.bits.iter().map(|word| word.count_ones()).sum()
    }

    /// The member with the highest index.
    pub fn max_preg(&self) -> Option<PReg> {
        (0..4).rev().find(|&word| self.bits[word] != 0).map(|word| {
            let high = 63 - self.bits[word].leading_zeros() as usize;
            PReg::from_index(word << 6 | high)
        })
    }

    /// Adds every register with an index below that of `reg`.
    pub fn add_up_to(&mut self, reg: PReg) {
        let word = reg.index() >> 6;
        for bits in &mut self.bits[..word] {
            *bits = !0;
        }
        self.bits[word] |= (1 << (reg.index() & 63)) - 1;
    }

    /// The members, by index.
    pub fn iter(&self) -> PRegSetIter {
        PRegSetIter { bits: self.bits, word: 0 }
    }
}

impl BitAnd for PRegSet {
    type Output = Self;
    fn bitand(mut self, other: Self) -> Self {
        self.intersect_from(other);
        self
    }
}

impl BitOr for PRegSet {
    type Output = Self;
    fn bitor(mut self, other: Self) -> Self {
        self.union_from(other);
        self
    }
}

impl FromIterator<PReg> for PRegSet {
    fn from_iter<I: IntoIterator<Item = PReg>>(regs: I) -> Self {
        let mut set = Self::empty();
        for reg in regs {
            set.add(reg);
        }
        set
    }
}

impl IntoIterator for PRegSet {
    type Item = PReg;
    type IntoIter = PRegSetIter;
    fn into_iter(self) -> PRegSetIter {
        self.iter()
    }
}

impl IntoIterator for &PRegSet {
    type Item = PReg;
    type IntoIter = PRegSetIter;
    fn into_iter(self) -> PRegSetIter {
        self.iter()
    }
}

impl fmt::Display for PRegSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (n, reg) in self.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{reg}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for PRegSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The members of a [`PRegSet`], by index.
#[derive(Clone, Debug)]
pub struct PRegSetIter {
    bits: [u64; 4],
    word: usize,
}

impl Iterator for PRegSetIter {
    type Item = PReg;
    fn next(&mut self) -> Option<PReg> {
        while self.word < 4 {
            let bits = self.bits[self.word];
            if bits != 0 {
                self.bits[self.word] = bits & (bits - 1);
                return Some(PReg::from_index(self.word << 6 | bits.trailing_zeros() as usize));
            }
            self.word += 1;
        }
        None
    }
}

/// A virtual register: an SSA value and its class.
///
/// Stored as `number * 4 + class`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VReg {
    bits: u32,
}

impl VReg {
    /// Bits of a virtual register's number.
    pub const MAX_BITS: usize = 30;
    /// The highest number, reserved for "none" and for operands that are bound to a non-allocatable register.
    pub const MAX: usize = (1 << Self::MAX_BITS) - 1;

    /// Virtual register `number` (below [`VReg::MAX`]) of a class. Numbers are counted through all classes.
    #[inline(always)]
    pub const fn new(number: usize, class: RegClass) -> Self {
        debug_assert!(number <= Self::MAX);
        Self { bits: (number as u32) << 2 | class as u32 }
    }

    /// The number.
    #[inline(always)]
    pub const fn vreg(self) -> usize {
        (self.bits >> 2) as usize
    }

    /// The class.
    #[inline(always)]
    pub const fn class(self) -> RegClass {
        RegClass::from_bits(self.bits)
    }

    /// The virtual register that names no value.
    #[inline(always)]
    pub const fn invalid() -> Self {
        Self::new(Self::MAX, RegClass::Int)
    }

    /// The encoding.
    #[inline(always)]
    pub const fn bits(self) -> usize {
        self.bits as usize
    }

    /// The virtual register with the given encoding.
    #[inline(always)]
    pub const fn from_bits(bits: u32) -> Self {
        Self { bits }
    }
}

impl From<u32> for VReg {
    fn from(bits: u32) -> Self {
        Self::from_bits(bits)
    }
}

impl fmt::Display for VReg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.vreg())
    }
}

impl fmt::Debug for VReg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}{}", self.vreg(), self.class().letter())
    }
}

/// What the machine offers: which registers the allocator may use, and which it should rather not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MachineEnv {
    /// The registers to use first, by class.
    pub preferred_regs_by_class: [PRegSet; 3],
    /// Registers that cost something to use (saved by the callee, longer to encode), by class. Better than a spill.
    pub non_preferred_regs_by_class: [PRegSet; 3],
    /// A register of the class that holds no value across an instruction and that moves may go through. It must be in
    /// neither of the sets above. Without one, moves that need one look for a free register and, where there is none,
    /// borrow one by way of the stack.
    pub scratch_by_class: [Option<PReg>; 3],
    /// `PReg`s that stand for places in the stack frame which the client knows, for arguments passed on the stack. They
    /// must be in none of the sets above. Fixed constraints name them; an operand that need not be in a register may be there, too.
    pub fixed_stack_slots: Vec<PReg>,
}

impl MachineEnv {
    /// Is it a spill slot, or a fixed stack slot? Linear in the number of fixed stack slots.
    pub fn is_on_stack(&self, place: Allocation) -> bool {
        place.is_stack() || place.as_reg().is_some_and(|reg| self.fixed_stack_slots.contains(&reg))
    }

    /// The registers of `class` that may hold values, as a mask of their numbers.
    pub fn allocatable(&self, class: RegClass) -> u64 {
        let c = class.index();
        self.preferred_regs_by_class[c].class_mask(class) | self.non_preferred_regs_by_class[c].class_mask(class)
    }
}

impl From<&MachineEnv> for PRegSet {
    /// Every allocatable register.
    fn from(env: &MachineEnv) -> Self {
        let mut set = Self::empty();
        for class in RegClass::ALL {
            set.union_from(env.preferred_regs_by_class[class.index()]);
            set.union_from(env.non_preferred_regs_by_class[class.index()]);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_added_and_nothing_else() {
        for class in RegClass::ALL {
            for number in [0, 1, 31, 62] {
                let reg = PReg::new(number, class);
                let set = PRegSet::empty().with(reg);
                assert!(set.contains(reg));
                assert_eq!(set.len(), 1);
                assert_eq!(set.iter().collect::<Vec<_>>(), [reg]);
                assert_eq!(set.class_mask(class), 1 << number);
                assert_eq!(set.max_preg(), Some(reg));
                assert!(!set.invert().contains(reg));
            }
        }
        assert_eq!(PRegSet::empty().max_preg(), None);
    }

    #[test]
    fn up_to_takes_whole_classes_below() {
        let mut set = PRegSet::empty();
        set.add_up_to(PReg::new(3, RegClass::Float));
        assert_eq!(set.class_mask(RegClass::Int), !0);
        assert_eq!(set.class_mask(RegClass::Float), 0b111);
        assert!(set.is_empty(RegClass::Vector));
    }

    #[test]
    fn members_come_and_go() {
        let [one, other] = [PReg::new(2, RegClass::Int), PReg::new(7, RegClass::Float)];
        let mut set = PRegSet::empty().with(one).with(other);
        assert_eq!(alloc::format!("{set:?} {set}"), "{p2i, p7f} {p2i, p7f}");
        assert!(!set.is_empty(RegClass::Int) && !set.is_empty(RegClass::Float) && set.is_empty(RegClass::Vector));
        set.remove(other);
        assert_eq!(set, PRegSet::empty().with(one));
        set.remove(one);
        assert!(set.is_empty_all());
    }

    #[test]
    fn encodings_are_the_documented_ones() {
        assert_eq!(PReg::new(5, RegClass::Float).index(), 64 + 5);
        assert_eq!(VReg::new(7, RegClass::Vector).bits(), 7 << 2 | 2);
        assert_eq!(PReg::default().as_valid(), None);
    }
}
