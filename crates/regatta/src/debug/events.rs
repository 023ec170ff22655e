//! From which blocks on values stay in places, and up to which: a list of each kind for each block.

use super::tracks::Wanted;
use crate::output::Allocation;
use alloc::vec::Vec;
use core::ops::Range;

/// The end of a list.
const END: u32 = u32::MAX;

/// A value begins to stay in a place, or ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) value: Wanted,
    pub(super) place: Allocation,
    /// The next of its list.
    next: u32,
}

/// The lists.
#[derive(Debug, Default)]
pub(super) struct Events {
    events: Vec<Event>,
    /// For each block, and one behind the last, the first event that ends there, and the first that begins.
    first: Vec<[u32; 2]>,
}

impl Events {
    /// Begins with a function that has so many blocks.
    pub(super) fn start(&mut self, blocks: usize) {
        self.events.clear();
        self.first.clear();
        self.first.resize(blocks + 1, [END; 2]);
    }

    /// The value is in the place at the starts of the blocks with these indices in the code.
    pub(super) fn add(&mut self, value: Wanted, place: Allocation, blocks: Range<u32>) {
        for (block, begins) in [(blocks.start, true), (blocks.end, false)] {
            let first = &mut self.first[block as usize][usize::from(begins)];
            let next = core::mem::replace(first, self.events.len() as u32);
            self.events.push(Event { value, place, next });
        }
    }

    /// What ends at a block, then what begins: with each, whether it begins.
    pub(super) fn at(&self, block: u32) -> impl Iterator<Item = (Event, bool)> {
        [false, true].into_iter().flat_map(move |begins| {
            let mut at = self.first[block as usize][usize::from(begins)];
            core::iter::from_fn(move || {
                let event = *self.events.get(at as usize)?;
                at = event.next;
                Some((event, begins))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_ends_comes_before_what_begins() {
        let mut events = Events::default();
        events.start(5);
        events.add(Wanted(0), Allocation::none(), 1..3);
        events.add(Wanted(1), Allocation::none(), 3..5);
        events.add(Wanted(2), Allocation::none(), 0..5);
        let at = |block| events.at(block).map(|(event, begins)| (event.value.0, begins)).collect::<Vec<_>>();
        assert_eq!(
            (0..6).map(at).collect::<Vec<_>>(),
            [
                vec![(2, true)],
                vec![(0, true)],
                vec![],
                vec![(0, false), (1, true)],
                vec![],
                vec![(2, false), (1, false)],
            ]
        );
    }
}
