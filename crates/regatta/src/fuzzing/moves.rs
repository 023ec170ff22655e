//! Parallel moves against a direct simulation.

use super::Random;
use crate::ir::{PReg, RegClass};
use crate::moves::{ParallelMoves, Temporaries};
use crate::output::{Allocation, SpillSlot};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Registers of a class that are numbered from here are memory; below are real ones.
const FIRST_FIXED: usize = 8;
/// The register that is free, where one is.
const FREE: usize = 20;
/// Where emergency slots begin.
const EMERGENCY: usize = 1000;

struct Temps {
    free: [bool; 3],
    victim: [usize; 3],
    slots: Vec<Allocation>,
    asked: [usize; 3],
}

impl Temporaries for Temps {
    fn is_stack(&self, reg: PReg) -> bool {
        is_memory(Allocation::reg(reg))
    }
    fn free_register(&mut self, class: RegClass) -> Option<PReg> {
        self.asked[class.index()] += 1;
        self.free[class.index()].then(|| PReg::new(FREE, class))
    }
    fn emergency_slot(&mut self, class: RegClass, n: usize) -> Allocation {
        assert!(n < 2);
        let slot = Allocation::stack(SpillSlot::new(EMERGENCY + 2 * class.index() + n));
        self.slots.push(slot);
        slot
    }
    fn victim(&self, class: RegClass) -> PReg {
        assert!(!self.free[class.index()], "no victim is needed");
        PReg::new(self.victim[class.index()], class)
    }
}

fn is_memory(at: Allocation) -> bool {
    at.as_reg().is_none_or(|reg| (FIRST_FIXED..FREE).contains(&reg.hw_enc()))
}

/// Resolves one or two random sets of moves with one resolver, and carries the sequences out.
pub fn parallel_moves(random: &Random) {
    let mut set = ParallelMoves::default();
    for _ in 0..1 + random.below(2) {
        let moves = any_moves(random);
        let mut temps = Temps {
            free: [(); 3].map(|()| random.chance(50)),
            victim: [(); 3].map(|()| random.below(FIRST_FIXED)),
            slots: Vec::new(),
            asked: [0; 3],
        };
        for &(from, to, class) in &moves {
            set.add(from, to, class);
        }
        let mut emitted = Vec::new();
        set.resolve(&mut temps, &mut |from, to| emitted.push((from, to)));
        assert!(set.is_empty());
        simulate(&moves, &emitted, &temps);
    }
}

/// Moves to distinct places, each from any place of its class.
fn any_moves(random: &Random) -> Vec<(Allocation, Allocation, RegClass)> {
    let classes = 1 + random.below(3);
    let (regs, slots) = (random.below(FIRST_FIXED + 3), random.below(12));
    let mut places: Vec<(Allocation, RegClass)> = Vec::new();
    for class in &RegClass::ALL[..classes] {
        places.extend((0..regs).map(|number| (Allocation::reg(PReg::new(number, *class)), *class)));
    }
    for number in 0..slots {
        let class = RegClass::ALL[random.below(classes)];
        places.push((Allocation::stack(SpillSlot::new(number)), class));
    }
    let density = 20 + random.below(80);
    let mut moves = Vec::new();
    for &(to, class) in &places {
        let sources: Vec<Allocation> = places.iter().filter(|place| place.1 == class).map(|place| place.0).collect();
        if random.chance(density)
            && let Some(from) = random.pick(&sources)
        {
            let at = random.below(moves.len() + 1);
            moves.insert(at, (from, to, class));
        }
    }
    moves
}

/// Carries the sequence out and compares with what the set says.
fn simulate(moves: &[(Allocation, Allocation, RegClass)], emitted: &[(Allocation, Allocation)], temps: &Temps) {
    assert!(temps.asked.iter().all(|&asked| asked <= 1));
    assert!(emitted.len() <= 4 * moves.len() + 4, "{moves:?} takes {emitted:?}");
    // A place that nobody has written holds its own old content.
    let mut content: BTreeMap<Allocation, Allocation> = BTreeMap::new();
    for &(from, to) in emitted {
        assert!(from != to && !(is_memory(from) && is_memory(to)), "{from} to {to}");
        if let (Some(from), Some(to)) = (from.as_reg(), to.as_reg()) {
            assert_eq!(from.class(), to.class());
        }
        let value = content.get(&from).copied().unwrap_or(from);
        content.insert(to, value);
    }
    for &(from, to, _) in moves {
        assert_eq!(content.remove(&to).unwrap_or(to), from, "{to} after {emitted:?}");
    }
    for (at, value) in content {
        let is_free = |class: RegClass| temps.free[class.index()] && at == Allocation::reg(PReg::new(FREE, class));
        let free = at.as_reg().is_some_and(|reg| is_free(reg.class()));
        assert!(at == value || free || temps.slots.contains(&at), "{at} is lost in {emitted:?}");
    }
}
