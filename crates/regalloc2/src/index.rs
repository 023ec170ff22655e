//! A macro for typed indices.

/// Defines an index type, `define_index!(Name)`, and with it a vector that is indexed by it,
/// `define_index!(Name, Vector, Element)`.
///
/// ```
/// regalloc2::define_index!(Node, Nodes, String);
///
/// let mut nodes = Nodes::default();
/// let node = nodes.push("first".to_owned());
/// assert_eq!((node, nodes[node].as_str(), nodes.len()), (Node::new(0), "first", 1));
/// assert!(node.is_valid() && Node::invalid().is_invalid());
/// ```
#[macro_export]
macro_rules! define_index {
    ($ix:ident, $storage:ident, $elem:ident) => {
        $crate::define_index!($ix);

        /// A vector that is indexed by an index type of its own.
        #[derive(Clone, Debug, Default)]
        pub struct $storage {
            storage: Vec<$elem>,
        }

        #[allow(dead_code, reason = "not everyone needs every method")]
        impl $storage {
            /// Empties it, and makes room.
            pub fn preallocate(&mut self, cap: usize) {
                self.storage.clear();
                self.storage.reserve(cap);
            }

            /// How many elements there are.
            #[allow(clippy::len_without_is_empty)]
            pub fn len(&self) -> usize {
                self.storage.len()
            }

            /// The elements.
            pub fn iter(&self) -> impl Iterator<Item = &$elem> {
                self.storage.iter()
            }

            /// The elements, to change.
            pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut $elem> {
                self.storage.iter_mut()
            }

            /// Adds an element; returns its index.
            pub fn push(&mut self, value: $elem) -> $ix {
                self.storage.push(value);
                $ix::new(self.storage.len() - 1)
            }
        }

        impl core::ops::Index<$ix> for $storage {
            type Output = $elem;
            #[inline(always)]
            fn index(&self, i: $ix) -> &$elem {
                &self.storage[i.index()]
            }
        }

        impl core::ops::IndexMut<$ix> for $storage {
            #[inline(always)]
            fn index_mut(&mut self, i: $ix) -> &mut $elem {
                &mut self.storage[i.index()]
            }
        }

        impl<'a> IntoIterator for &'a $storage {
            type Item = &'a $elem;
            type IntoIter = core::slice::Iter<'a, $elem>;
            fn into_iter(self) -> Self::IntoIter {
                self.storage.iter()
            }
        }

        impl<'a> IntoIterator for &'a mut $storage {
            type Item = &'a mut $elem;
            type IntoIter = core::slice::IterMut<'a, $elem>;
            fn into_iter(self) -> Self::IntoIter {
                self.storage.iter_mut()
            }
        }
    };

    ($ix:ident) => {
        /// An index.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $ix(pub u32);

        #[allow(dead_code, reason = "not everyone needs every method")]
        impl $ix {
            /// The index with the given number.
            #[inline(always)]
            pub fn new(i: usize) -> Self {
                Self(i as u32)
            }

            /// The number.
            #[inline(always)]
            pub fn index(self) -> usize {
                debug_assert!(self.is_valid());
                self.0 as usize
            }

            /// The index that names nothing.
            #[inline(always)]
            pub fn invalid() -> Self {
                Self(u32::MAX)
            }

            /// Does it name nothing?
            #[inline(always)]
            pub fn is_invalid(self) -> bool {
                self == Self::invalid()
            }

            /// Does it name something?
            #[inline(always)]
            pub fn is_valid(self) -> bool {
                self != Self::invalid()
            }

            /// The index that follows.
            #[inline(always)]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }

            /// The index that precedes.
            #[inline(always)]
            pub fn prev(self) -> Self {
                Self(self.0 - 1)
            }

            /// The number as it is stored.
            #[inline(always)]
            pub fn raw_u32(self) -> u32 {
                self.0
            }
        }
    };
}
