//! What is live into each block, listed as what is new over one of its successors, its *base*.
//!
//! A list is a chain of parts, each shared by all lists that go on from there. It may name values that are defined
//! between the base and the block: those whose definition does not come before the block in the order of blocks. The
//! reader skips them; if they become more than half of a chain, what is left is listed anew.
//!
//! So blocks that many values only pass through take next to no storage. Where every value is live into half of the
//! blocks (ifs nested as deep as the function is long), that is the difference between linear and quadratic.

use crate::code::Value;
use crate::ir::Block;
use crate::ir::entity::TypedVec;
use alloc::vec::Vec;
use core::ops::Range;

/// The lists of all blocks.
#[derive(Debug, Default)]
pub(crate) struct LiveIn {
    of: TypedVec<Block, List>,
    parts: Vec<Part>,
    values: Vec<Value>,
}

/// The values that are live into a block.
#[derive(Clone, Copy, Debug)]
struct List {
    /// Where the chain begins.
    chain: Chain,
    /// How many values are live.
    live: u32,
    /// How many values are in the chain.
    listed: u32,
}

/// What is left of a chain of parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain(u32);

/// Some values, and those further on in the chain.
#[derive(Clone, Copy, Debug)]
struct Part {
    next: Chain,
    start: u32,
    end: u32,
}

const END: Chain = Chain(u32::MAX);

impl LiveIn {
    /// Forgets everything.
    pub(crate) fn reset(&mut self, blocks: usize) {
        self.of.reset(blocks, List { chain: END, live: 0, listed: 0 });
        self.parts.clear();
        self.values.clear();
    }

    /// How many values are live into the block.
    pub(crate) fn len(&self, block: Block) -> u32 {
        self.of[block].live
    }

    /// The chain of a block, for [`LiveIn::next_part`].
    pub(crate) fn chain(&self, block: Block) -> Chain {
        self.of[block].chain
    }

    /// The values of the next part, as indices for [`LiveIn::value`].
    #[inline]
    pub(crate) fn next_part(&self, chain: &mut Chain) -> Option<Range<u32>> {
        let part = self.parts.get(chain.0 as usize)?;
        *chain = part.next;
        Some(part.start..part.end)
    }

    /// A value of a part.
    #[inline]
    pub(crate) fn value(&self, index: u32) -> Value {
        self.values[index as usize]
    }

    /// Lists what is live into a block. The first `old` of the values are live into `base` too.
    pub(crate) fn list(&mut self, block: Block, base: Option<Block>, values: &[Value], old: usize) {
        let mut list = List { chain: END, live: values.len() as u32, listed: 0 };
        let new = &values[old..];
        let mut added = values;
        if let Some(base) = base.map(|base| self.of[base])
            && base.listed + new.len() as u32 <= 2 * list.live
        {
            (list.chain, list.listed) = (base.chain, base.listed);
            added = new;
        }
        if !added.is_empty() {
            let start = self.values.len() as u32;
            self.values.extend_from_slice(added);
            self.parts.push(Part { next: list.chain, start, end: start + added.len() as u32 });
            list.chain = Chain(self.parts.len() as u32 - 1);
            list.listed += added.len() as u32;
        }
        self.of[block] = list;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is live into a block, of the values below `limit`.
    fn listed(live: &LiveIn, block: Block, limit: usize) -> Vec<usize> {
        let mut chain = live.chain(block);
        let parts = core::iter::from_fn(|| live.next_part(&mut chain));
        let mut list: Vec<usize> = parts.flatten().map(|index| live.value(index).index()).collect();
        list.retain(|&value| value < limit);
        list.sort_unstable();
        list
    }

    proptest! {
        /// Blocks in a row, from the last to the first; value `v` is defined in block `v`.
        #[test]
        fn chains_list_what_is_live_and_not_much_else(
            uses in prop::collection::vec(prop::collection::btree_set(0usize..40, 0..6), 40),
        ) {
            let mut live = LiveIn::default();
            live.reset(40);
            let mut now: Vec<usize> = Vec::new();
            for block in (0..40).rev() {
                let before = now.clone();
                now.retain(|&value| value < block);
                let old = now.len();
                now.extend(uses[block].iter().filter(|&&value| value < block && !before.contains(&value)));
                let values: Vec<Value> = now.iter().map(|&value| Value::new(value)).collect();
                live.list(Block::new(block), (block < 39).then(|| Block::new(block + 1)), &values, old);
                let mut expected = now.clone();
                expected.sort_unstable();
                prop_assert_eq!(live.len(Block::new(block)) as usize, now.len());
                prop_assert_eq!(listed(&live, Block::new(block), block), expected);
                prop_assert!(listed(&live, Block::new(block), usize::MAX).len() <= 2 * now.len());
            }
        }
    }
}
