//! Which wanted values are in which spill slots.
//!
//! A value may be in a slot that is not its own for a while: where moves want for registers, it waits in an emergency slot, or
//! on its way to a parameter. And a slot may hold several, which are then the same. So there is a list of values for each slot,
//! by way of the stretch of the frame that the slot is in: stretches are as long as the largest slot, and no slot is in two.
//!
//! What an allocator says of a value beyond a block holds until it says otherwise; what is seen within a block, until its end.
//!
//! Cost: constant time for what is put in a slot; what is read, overwritten or taken out is looked for among what is in its stretch.

use super::tracks::Wanted;
use crate::output::Allocation;
use alloc::vec::Vec;
use core::ops::Range;

/// The end of a list.
const END: u32 = u32::MAX;

/// A value in a slot.
#[derive(Clone, Debug)]
struct Tenant {
    value: Wanted,
    slot: Allocation,
    words: Range<usize>,
    /// Until the end of the block only.
    is_passing: bool,
    /// The next in the same stretch.
    next: u32,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct InSlots {
    /// The first tenant of each stretch.
    first: Vec<u32>,
    tenants: Vec<Tenant>,
    /// Places in `tenants` that are free.
    free: Vec<u32>,
    /// Stretches that tenants have been put into within the block.
    touched: Vec<usize>,
    /// Words of the largest slot.
    stretch: usize,
}

impl InSlots {
    /// Begins with another function, whose largest slot is of so many words.
    pub(super) fn start(&mut self, largest: usize) {
        self.first.clear();
        self.tenants.clear();
        self.free.clear();
        self.touched.clear();
        self.stretch = largest;
    }

    /// From now on, `value` is in the slot, which is the words `words` of the frame. If it is passing, until the end of the block.
    pub(super) fn put(&mut self, value: Wanted, slot: Allocation, words: Range<usize>, is_passing: bool) {
        let stretch = words.start / self.stretch;
        if stretch >= self.first.len() {
            self.first.resize(stretch + 1, END);
        }
        if is_passing {
            self.touched.push(stretch);
        }
        let tenant = Tenant { value, slot, words, is_passing, next: self.first[stretch] };
        self.first[stretch] = match self.free.pop() {
            Some(at) => {
                self.tenants[at as usize] = tenant;
                at
            }
            None => {
                self.tenants.push(tenant);
                self.tenants.len() as u32 - 1
            }
        };
    }

    /// A value in the slot: the last that was put there.
    pub(super) fn held_in(&self, slot: Allocation, words: Range<usize>) -> Option<Wanted> {
        let mut at = self.first.get(words.start / self.stretch).copied().unwrap_or(END);
        while let Some(tenant) = self.tenants.get(at as usize) {
            if tenant.slot == slot && tenant.words == words {
                return Some(tenant.value);
            }
            at = tenant.next;
        }
        None
    }

    /// Something else is in these words now: tells `lose` whose slot that was.
    pub(super) fn overwrite(&mut self, words: &Range<usize>, lose: impl FnMut(Wanted, Allocation)) {
        let overlaps = |tenant: &Tenant| tenant.words.start < words.end && words.start < tenant.words.end;
        self.take_out(words.start / self.stretch, overlaps, lose);
    }

    /// The value is in the slot no more.
    pub(super) fn leave(&mut self, value: Wanted, words: &Range<usize>) {
        self.take_out(words.start / self.stretch, |tenant| tenant.value == value && tenant.words == *words, |_, _| {});
    }

    /// The block is over: tells `lose` who was passing, and where.
    pub(super) fn end_block(&mut self, mut lose: impl FnMut(Wanted, Allocation)) {
        while let Some(stretch) = self.touched.pop() {
            self.take_out(stretch, |tenant| tenant.is_passing, &mut lose);
        }
    }

    /// Takes some tenants out of a stretch. Those that stay are linked anew.
    fn take_out(&mut self, stretch: usize, which: impl Fn(&Tenant) -> bool, mut tell: impl FnMut(Wanted, Allocation)) {
        let (mut at, mut last) = (self.first.get(stretch).copied().unwrap_or(END), END);
        while let Some(tenant) = self.tenants.get(at as usize) {
            let next = tenant.next;
            if which(tenant) {
                tell(tenant.value, tenant.slot);
                self.free.push(at);
                match self.tenants.get_mut(last as usize) {
                    Some(last) => last.next = next,
                    None => self.first[stretch] = next,
                }
            } else {
                last = at;
            }
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::SpillSlot;
    use alloc::vec;

    #[test]
    fn slots_of_several_sizes_share_a_stretch() {
        let slot = |number| Allocation::stack(SpillSlot::new(number));
        let value = |number| Wanted(number);
        let mut table = InSlots::default();
        table.start(2);
        table.put(value(0), slot(4), 4..5, false);
        table.put(value(1), slot(5), 5..6, false);
        table.put(value(2), slot(5), 5..6, true);
        table.put(value(3), slot(6), 6..8, true);
        assert_eq!(table.held_in(slot(4), 4..5), Some(value(0)));
        assert_eq!(table.held_in(slot(5), 5..6), Some(value(2)));
        assert_eq!(table.held_in(slot(6), 6..7), None);
        assert_eq!(table.held_in(slot(90), 90..91), None);
        let mut lost = vec![];
        table.overwrite(&(5..6), |value, slot| lost.push((value, slot)));
        assert_eq!(lost, [(value(2), slot(5)), (value(1), slot(5))]);
        assert_eq!((table.held_in(slot(4), 4..5), table.held_in(slot(5), 5..6)), (Some(value(0)), None));
        lost.clear();
        table.overwrite(&(4..6), |value, slot| lost.push((value, slot)));
        table.overwrite(&(4..6), |value, slot| lost.push((value, slot)));
        table.overwrite(&(7..8), |value, slot| lost.push((value, slot)));
        assert_eq!(lost, [(value(0), slot(4)), (value(3), slot(6))]);
    }

    #[test]
    fn who_passes_leaves_at_the_end_of_the_block() {
        let slot = |number| Allocation::stack(SpillSlot::new(number));
        let value = |number| Wanted(number);
        let mut table = InSlots::default();
        table.start(1);
        table.put(value(0), slot(0), 0..1, false);
        table.put(value(1), slot(0), 0..1, true);
        table.put(value(2), slot(1), 1..2, true);
        table.put(value(3), slot(1), 1..2, true);
        let mut lost = vec![];
        table.end_block(|value, slot| lost.push((value, slot)));
        assert_eq!(lost, [(value(3), slot(1)), (value(2), slot(1)), (value(1), slot(0))]);
        assert_eq!((table.held_in(slot(0), 0..1), table.held_in(slot(1), 1..2)), (Some(value(0)), None));
        table.leave(value(0), &(0..1));
        table.put(value(4), slot(1), 1..2, false);
        table.end_block(|_, _| panic!("nobody passes"));
        assert_eq!((table.held_in(slot(0), 0..1), table.held_in(slot(1), 1..2)), (None, Some(value(4))));
    }
}
