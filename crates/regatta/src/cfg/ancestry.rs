//! A tree in which one can climb in logarithmic steps.
//!
//! Three trees of this room are asked "how far up is the first ancestor with this property": the dominator tree, the
//! loop forest and, for irreducible loops, the search tree. Walking up parent by parent would be quadratic on a tree
//! 100,000 deep. Here every node has one pointer more, its *jump*, to some ancestor far above. The jumps' lengths follow
//! the digits of the node's depth in skew binary numbers, so that a climb which jumps whenever the jump does not go too
//! far takes O(log depth) steps; and a new leaf's jump is found from its parent's in constant time.
//!
//! The scheme is from E. W. Myers, *An applicative random-access stack* (Information Processing Letters 17, 1983).
//!
//! Nodes are numbered from 0, the root; parents have smaller numbers than their children.

use alloc::vec::Vec;

/// A node of an [`Ancestry`].
#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    jump: u32,
    depth: u32,
}

/// A growing tree that answers questions about ancestors in logarithmic time.
#[derive(Debug, Default)]
pub(crate) struct Ancestry {
    nodes: Vec<Node>,
}

impl Ancestry {
    /// The root.
    pub(crate) const ROOT: u32 = 0;

    /// Makes this the tree that is only a root.
    pub(crate) fn start(&mut self) {
        self.nodes.clear();
        self.nodes.push(Node { parent: 0, jump: 0, depth: 0 });
    }

    /// Adds a leaf, whose number is the next.
    #[inline]
    pub(crate) fn push(&mut self, parent: u32) {
        let above = self.nodes[parent as usize];
        let jump = self.nodes[above.jump as usize];
        let far = self.nodes[jump.jump as usize];
        // Two jumps of equal length in a row become one of double length plus one.
        let equal = above.depth - jump.depth == jump.depth - far.depth;
        let jump = if equal { jump.jump } else { parent };
        self.nodes.push(Node { parent, jump, depth: above.depth + 1 });
    }

    /// The parent; the root's is the root.
    #[inline]
    pub(crate) fn parent(&self, node: u32) -> u32 {
        self.nodes[node as usize].parent
    }

    /// The number of proper ancestors.
    #[inline]
    pub(crate) fn depth(&self, node: u32) -> u32 {
        self.nodes[node as usize].depth
    }

    /// The ancestor of the given depth, or `node` itself if it is no deeper.
    pub(crate) fn at_depth(&self, mut node: u32, depth: u32) -> u32 {
        loop {
            let here = self.nodes[node as usize];
            if here.depth <= depth {
                return node;
            }
            node = if self.nodes[here.jump as usize].depth >= depth { here.jump } else { here.parent };
        }
    }

    /// The nearest of `node` and its ancestors whose number is at most `bound`.
    #[inline]
    pub(crate) fn at_most(&self, mut node: u32, bound: u32) -> u32 {
        while node > bound {
            let here = self.nodes[node as usize];
            node = if here.jump >= bound { here.jump } else { here.parent };
        }
        node
    }

    /// The deepest node that is an ancestor of both or one of them.
    pub(crate) fn nearest_common(&self, mut a: u32, mut b: u32) -> u32 {
        let (depth_a, depth_b) = (self.depth(a), self.depth(b));
        if depth_a > depth_b {
            a = self.at_depth(a, depth_b);
        } else {
            b = self.at_depth(b, depth_a);
        }
        // Nodes of one depth have jumps of one length, so both climb in step.
        while a != b {
            let (above_a, above_b) = (self.nodes[a as usize], self.nodes[b as usize]);
            (a, b) = if above_a.jump == above_b.jump {
                (above_a.parent, above_b.parent)
            } else {
                (above_a.jump, above_b.jump)
            };
        }
        a
    }
}
