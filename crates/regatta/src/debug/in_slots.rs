//! Which wanted values are in which spill slots while a block is replayed.
//!
//! A value may be in a slot that is not its own for a while: where moves want for registers, it waits in an emergency slot, or
//! on its way to a parameter. And a slot may hold several, which are then the same. So there is a list of values for each slot,
//! by way of the stretch of the frame that the slot is in: stretches are as long as the largest slot, and no slot is in two.
//!
//! Cost: constant time for what is put in a slot; what is read or overwritten is looked for among what is in its stretch.

use crate::code::Value;
use crate::output::Allocation;
use alloc::vec::Vec;
use core::ops::Range;

/// The end of a list.
const END: u32 = u32::MAX;

/// A value in a slot.
#[derive(Clone, Debug)]
struct Tenant {
    value: Value,
    slot: Allocation,
    words: Range<usize>,
    /// The next in the same stretch.
    next: u32,
}

/// The table. Empty between blocks.
#[derive(Debug, Default)]
pub(super) struct InSlots {
    /// The first tenant of each stretch.
    first: Vec<u32>,
    tenants: Vec<Tenant>,
    /// Words of the largest slot.
    stretch: usize,
}

impl InSlots {
    /// Begins with another function, whose largest slot is of so many words.
    pub(super) fn start(&mut self, largest: usize) {
        self.clear();
        self.stretch = largest;
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        for tenant in self.tenants.drain(..) {
            self.first[tenant.words.start / self.stretch] = END;
        }
    }

    /// From now on, `value` is in the slot, which is the words `words` of the frame.
    pub(super) fn put(&mut self, value: Value, slot: Allocation, words: Range<usize>) {
        let stretch = words.start / self.stretch;
        if stretch >= self.first.len() {
            self.first.resize(stretch + 1, END);
        }
        let next = core::mem::replace(&mut self.first[stretch], self.tenants.len() as u32);
        self.tenants.push(Tenant { value, slot, words, next });
    }

    /// A value in the slot: the last that was put there.
    pub(super) fn held_in(&self, slot: Allocation, words: Range<usize>) -> Option<Value> {
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
    pub(super) fn overwrite(&mut self, words: &Range<usize>, mut lose: impl FnMut(Value, Allocation)) {
        let stretch = words.start / self.stretch;
        let Some(&first) = self.first.get(stretch) else { return };
        // Those that stay are linked anew.
        let (mut at, mut last) = (first, END);
        while let Some(tenant) = self.tenants.get(at as usize) {
            let next = tenant.next;
            if tenant.words.start < words.end && words.start < tenant.words.end {
                lose(tenant.value, tenant.slot);
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
        let value = |number| Value(number);
        let mut table = InSlots::default();
        table.start(2);
        table.put(value(0), slot(4), 4..5);
        table.put(value(1), slot(5), 5..6);
        table.put(value(2), slot(5), 5..6);
        table.put(value(3), slot(6), 6..8);
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
        table.put(value(4), slot(4), 4..5);
        table.clear();
        assert_eq!(table.held_in(slot(4), 4..5), None);
    }
}
