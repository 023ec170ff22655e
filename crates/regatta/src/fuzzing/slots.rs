//! The frame against what it promises: no two tenants in one word at once, alignment, and for tenants of one stretch as few slots as
//! there can be.

use super::Random;
use crate::ir::RegClass;
use crate::output::Allocation;
use crate::slots::{SlotShape, Slots, Stretch};
use alloc::vec::Vec;
use core::ops::Range;

/// Lays out one or two random frames with the same storage.
pub fn slots(random: &Random) {
    let mut slots = Slots::default();
    for _ in 0..1 + random.below(2) {
        let shape = SlotShape { size: [(); 3].map(|()| 1 << random.below(5)), named_by_last: random.chance(50) };
        let most = 1 + random.below(4);
        let classes = 1 + random.below(3);
        let tenants: Vec<(RegClass, Vec<Stretch>)> =
            (0..random.below(40)).map(|_| (RegClass::ALL[random.below(classes)], stretches(random, most))).collect();
        slots.clear();
        for (class, stretches) in &tenants {
            slots.add(*class, stretches[0].from, true);
        }
        slots.run(shape, |tenant| &tenants[tenant].1);
        check(&slots, shape, &tenants);
        if most == 1 && classes == 1 {
            assert_eq!(slots.words() as usize, shape.size[0] as usize * most_at_once(&tenants));
        }
        let emergency = slots.emergency(shape, RegClass::Int, 0);
        let other = slots.emergency(shape, RegClass::Int, 1);
        let (a, b) = (words_of(emergency, shape, RegClass::Int), words_of(other, shape, RegClass::Int));
        assert!(a.end <= b.start || b.end <= a.start);
        for (tenant, (class, _)) in tenants.iter().enumerate() {
            let words = words_of(slots.place(tenant), shape, *class);
            assert!(words.end <= a.start || a.end <= words.start);
        }
    }
}

fn stretches(random: &Random, most: usize) -> Vec<Stretch> {
    let mut at = random.below(40) as u32;
    (0..1 + random.below(most))
        .map(|_| {
            let from = at + 1 + random.below(4) as u32;
            at = from + random.below(12) as u32;
            Stretch { from, to: at }
        })
        .collect()
}

fn words_of(place: Allocation, shape: SlotShape, class: RegClass) -> Range<usize> {
    let size = shape.size[class.index()] as usize;
    let first = place.index() - if shape.named_by_last { size - 1 } else { 0 };
    first..first + size
}

fn check(slots: &Slots, shape: SlotShape, tenants: &[(RegClass, Vec<Stretch>)]) {
    for (k, (class, stretches)) in tenants.iter().enumerate() {
        let words = words_of(slots.place(k), shape, *class);
        assert_eq!(words.start % words.len(), 0, "a slot is aligned to its size");
        assert!(words.end <= slots.words() as usize, "the frame has room for every slot");
        for (j, (other_class, other)) in tenants.iter().enumerate().take(k) {
            let others = words_of(slots.place(j), shape, *other_class);
            let overlap = words.start < others.end && others.start < words.end;
            let at_once = stretches.iter().any(|s| other.iter().any(|o| s.from <= o.to && o.from <= s.to));
            assert!(!(overlap && at_once), "tenants {k} and {j} are in one place at once");
        }
    }
}

fn most_at_once(tenants: &[(RegClass, Vec<Stretch>)]) -> usize {
    let stretches = || tenants.iter().flat_map(|tenant| &tenant.1);
    let at = |position: u32| stretches().filter(|s| s.from <= position && position <= s.to).count();
    stretches().map(|s| at(s.from)).max().unwrap_or(0)
}
