//! Typed indices: instructions, blocks, and the vectors that they index.
//!
//! Every kind of thing in the allocator has an index type of its own, so that a block cannot be looked up among the
//! instructions by mistake. An index is a `u32`; its all-ones value means "none".

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Index, IndexMut};

/// What a typed index must be able to do: become a `usize` and come back.
pub trait EntityIndex: Copy + Eq {
    /// The index that names element `index`.
    ///
    /// Indices above `u32::MAX - 1` cannot be named; callers keep their vectors below that.
    fn from_index(index: usize) -> Self;
    /// Which element this index names.
    fn as_index(self) -> usize;
}

/// Defines an index type: a `u32` newtype whose all-ones value is "invalid".
macro_rules! entity {
    ($(#[$doc:meta])* $vis:vis struct $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $name(pub u32);

        #[allow(dead_code, reason = "not every index type needs every method")]
        impl $name {
            /// The index with the given number.
            #[inline(always)]
            $vis const fn new(index: usize) -> Self {
                Self(index as u32)
            }

            /// The number, to index a slice with.
            #[inline(always)]
            $vis const fn index(self) -> usize {
                self.0 as usize
            }

            /// The index that names nothing.
            #[inline(always)]
            $vis const fn invalid() -> Self {
                Self(u32::MAX)
            }

            /// Does this name something?
            #[inline(always)]
            $vis const fn is_valid(self) -> bool {
                self.0 != u32::MAX
            }

            /// Is this the index that names nothing?
            #[inline(always)]
            $vis const fn is_invalid(self) -> bool {
                self.0 == u32::MAX
            }
        }

        impl Default for $name {
            /// The index that names nothing.
            fn default() -> Self {
                Self::invalid()
            }
        }

        impl $crate::ir::entity::EntityIndex for $name {
            #[inline(always)]
            fn from_index(index: usize) -> Self {
                Self(index as u32)
            }
            #[inline(always)]
            fn as_index(self) -> usize {
                self.0 as usize
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                if self.is_invalid() {
                    write!(f, concat!($prefix, "-"))
                } else {
                    write!(f, concat!($prefix, "{}"), self.0)
                }
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    };
}
#[allow(unused_imports, reason = "used by the passes")]
pub(crate) use entity;

entity! {
    /// An instruction, numbered through the whole function in the order of its blocks' code.
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    pub struct Inst, "inst"
}

entity! {
    /// A basic block.
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    pub struct Block, "block"
}

impl Inst {
    /// The instruction after this one.
    #[inline(always)]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The instruction before this one.
    #[inline(always)]
    pub const fn prev(self) -> Self {
        Self(self.0 - 1)
    }

    /// The number as it is stored.
    #[inline(always)]
    pub const fn raw_u32(self) -> u32 {
        self.0
    }
}

impl Block {
    /// The block numbered one higher.
    #[inline(always)]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The block numbered one lower.
    #[inline(always)]
    pub const fn prev(self) -> Self {
        Self(self.0 - 1)
    }

    /// The number as it is stored.
    #[inline(always)]
    pub const fn raw_u32(self) -> u32 {
        self.0
    }
}

/// Consecutive instructions: from the first, inclusive, to the second, exclusive.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstRange(Inst, Inst);

impl InstRange {
    /// The instructions `from..to`.
    #[inline(always)]
    pub const fn new(from: Inst, to: Inst) -> Self {
        debug_assert!(from.0 <= to.0);
        Self(from, to)
    }

    /// The first instruction. Meaningless when the range is empty.
    #[inline(always)]
    pub const fn first(self) -> Inst {
        self.0
    }

    /// The last instruction. Meaningless when the range is empty.
    #[inline(always)]
    pub const fn last(self) -> Inst {
        self.1.prev()
    }

    /// The instruction just past the end.
    #[inline(always)]
    pub const fn end(self) -> Inst {
        self.1
    }

    /// All but the first instruction.
    #[inline(always)]
    pub const fn rest(self) -> Self {
        Self::new(self.0.next(), self.1)
    }

    /// How many instructions there are.
    #[inline(always)]
    pub const fn len(self) -> usize {
        (self.1.0 - self.0.0) as usize
    }

    /// Are there none?
    #[inline(always)]
    pub const fn is_empty(self) -> bool {
        self.0.0 == self.1.0
    }

    /// The instructions, in order.
    #[inline(always)]
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Inst> + ExactSizeIterator {
        (self.0.0 as usize..self.1.0 as usize).map(Inst::new)
    }
}

impl fmt::Debug for InstRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0, self.1)
    }
}

/// A vector that is indexed by `K` alone.
///
/// Passes keep theirs from function to function: [`TypedVec::reset`] sets the length and the contents anew and keeps the
/// storage.
#[derive(Clone)]
pub(crate) struct TypedVec<K, T> {
    items: Vec<T>,
    key: PhantomData<fn(K) -> T>,
}

#[allow(dead_code, reason = "a container's interface is whole, whichever part is in use today")]
impl<K: EntityIndex, T> TypedVec<K, T> {
    pub(crate) const fn new() -> Self {
        Self { items: Vec::new(), key: PhantomData }
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    /// Makes this `len` copies of `value`, keeping the storage.
    #[inline]
    pub(crate) fn reset(&mut self, len: usize, value: T)
    where
        T: Clone,
    {
        self.items.clear();
        self.items.resize(len, value);
    }

    /// Makes this `len` long without touching what is there: for a pass that writes an item before it reads it. New items are copies of
    /// `value`.
    #[inline]
    pub(crate) fn set_len(&mut self, len: usize, value: T)
    where
        T: Clone,
    {
        self.items.resize(len, value);
    }

    /// Makes this at least `len` long without touching what is there: for a table that whoever writes to it leaves full of `value` again.
    #[inline]
    pub(crate) fn make_longer(&mut self, len: usize, value: T)
    where
        T: Clone,
    {
        if self.items.len() < len {
            self.items.resize(len, value);
        }
    }

    /// Makes this `len` long, like [`Self::set_len`], with room for that and no more: for what is seldom made longer, and by a good part then.
    pub(crate) fn set_len_exactly(&mut self, len: usize, value: T)
    where
        T: Clone,
    {
        self.items.reserve_exact(len.saturating_sub(self.items.len()));
        self.items.resize(len, value);
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: T) -> K {
        let key = self.next_key();
        self.items.push(value);
        key
    }

    pub(crate) fn extend(&mut self, items: impl IntoIterator<Item = T>) {
        self.items.extend(items);
    }

    /// The index that the next `push` will return.
    #[inline(always)]
    pub(crate) fn next_key(&self) -> K {
        K::from_index(self.items.len())
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = K> + ExactSizeIterator + use<K, T> {
        (0..self.items.len()).map(K::from_index)
    }

    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[T] {
        &self.items
    }

    #[inline(always)]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.items
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &T)> + ExactSizeIterator {
        self.items.iter().enumerate().map(|(i, x)| (K::from_index(i), x))
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.items.truncate(len);
    }

    /// Bytes of storage held.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.items.capacity() * core::mem::size_of::<T>()
    }
}

impl<K: EntityIndex, T> Default for TypedVec<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: EntityIndex, T> Index<K> for TypedVec<K, T> {
    type Output = T;
    #[inline(always)]
    fn index(&self, key: K) -> &T {
        &self.items[key.as_index()]
    }
}

impl<K: EntityIndex, T> IndexMut<K> for TypedVec<K, T> {
    #[inline(always)]
    fn index_mut(&mut self, key: K) -> &mut T {
        &mut self.items[key.as_index()]
    }
}

impl<K, T: fmt::Debug> fmt::Debug for TypedVec<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(f)
    }
}

/// Sees to it that there is room for `more` in a list that takes a good part of the heap: when it runs out, for a quarter of the list beside
/// rather than for all of it.
#[inline]
pub(crate) fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more + list.len() / 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_knows_its_ends() {
        let range = InstRange::new(Inst::new(3), Inst::new(6));
        assert_eq!((range.first(), range.last(), range.len()), (Inst::new(3), Inst::new(5), 3));
        assert_eq!(range.iter().map(Inst::index).collect::<Vec<_>>(), [3, 4, 5]);
        assert!(!range.is_empty());
        assert!(InstRange::new(Inst::new(3), Inst::new(3)).is_empty());
    }

    #[test]
    fn neighbours_and_names() {
        let (inst, block) = (Inst::new(7), Block::new(7));
        assert_eq!((inst.next(), inst.prev(), inst.raw_u32()), (Inst::new(8), Inst::new(6), 7));
        assert_eq!((block.next(), block.prev(), block.raw_u32()), (Block::new(8), Block::new(6), 7));
        assert_eq!(alloc::format!("{:?}", InstRange::new(inst, inst.next())), "inst7..inst8");
    }

    #[test]
    fn a_list_grows_by_a_quarter() {
        let mut list = alloc::vec![0u8; 100];
        list.shrink_to_fit();
        make_room(&mut list, 1);
        assert_eq!(list.capacity(), 126);
        make_room(&mut list, 26);
        assert_eq!(list.capacity(), 126);
        let mut typed: TypedVec<Block, u64> = TypedVec::new();
        assert!(typed.is_empty());
        typed.make_longer(3, 1);
        typed.make_longer(2, 2);
        assert_eq!((typed.as_slice(), alloc::format!("{typed:?}")), (&[1; 3][..], "[1, 1, 1]".into()));
        assert_eq!(typed.heap_bytes() % 8, 0);
        assert!(typed.heap_bytes() >= 24);
        typed.clear();
        assert!(typed.is_empty());
    }

    #[test]
    fn reset_forgets_what_was_there() {
        let mut v: TypedVec<Block, u8> = TypedVec::new();
        v.push(7);
        v.reset(2, 1);
        assert_eq!(v.as_slice(), [1, 1]);
        assert_eq!(v.next_key(), Block::new(2));
    }
}
