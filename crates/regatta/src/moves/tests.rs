//! Sequences of moves against what they stand for: all at once.

use super::{ParallelMoves, Temporaries};
use crate::ir::{PReg, RegClass};
use crate::output::{Allocation, SpillSlot};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

/// From, to, class.
pub(super) type Moves = Vec<(Allocation, Allocation, RegClass)>;

const CLASSES: [RegClass; 2] = [RegClass::Int, RegClass::Float];
/// Registers of each class numbered from here are memory.
const FIRST_FIXED: usize = 4;
const NUM_REGS: usize = 6;
const NUM_SLOTS: usize = 6;
const EMERGENCY: usize = 1000;

fn reg(number: usize, class: RegClass) -> Allocation {
    Allocation::reg(PReg::new(number, class))
}

pub(super) fn int(number: usize) -> Allocation {
    reg(number, RegClass::Int)
}

pub(super) fn slot(number: usize) -> Allocation {
    Allocation::stack(SpillSlot::new(number))
}

/// Temporaries with or without a free register, and a record of what was asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Temps {
    free: [bool; 3],
    victim: [usize; 3],
    slots: Vec<Allocation>,
    asked: [usize; 3],
}

/// The register that a test with a free one names.
const FREE: usize = 20;

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
        let slot = slot(EMERGENCY + 2 * class.index() + n);
        self.slots.push(slot);
        slot
    }
    fn victim(&self, class: RegClass) -> PReg {
        assert!(!self.free[class.index()], "no victim is needed");
        PReg::new(self.victim[class.index()], class)
    }
}

pub(super) fn is_memory(at: Allocation) -> bool {
    at.as_reg().is_none_or(|reg| reg.hw_enc() >= FIRST_FIXED && reg.hw_enc() < FREE)
}

/// Resolves the moves, carries the sequence out, and compares. Returns the sequence.
fn check(set: &mut ParallelMoves, moves: &Moves, temps: &mut Temps) -> Vec<(Allocation, Allocation)> {
    for &(from, to, class) in moves {
        set.add(from, to, class);
    }
    let mut emitted = Vec::new();
    set.resolve(temps, &mut |from, to| emitted.push((from, to)));
    assert!(set.is_empty());
    assert!(temps.asked.iter().all(|&asked| asked <= 1));

    // A place that nobody has written holds its own old content.
    let mut content: BTreeMap<Allocation, Allocation> = BTreeMap::new();
    for &(from, to) in &emitted {
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
        let class = at.as_reg().map(PReg::class);
        let free = class.is_some_and(|class| temps.free[class.index()] && at == reg(FREE, class));
        assert!(at == value || free || temps.slots.contains(&at), "{at} is lost in {emitted:?}");
    }
    emitted
}

pub(super) fn resolve(moves: &Moves, temps: &mut Temps) -> Vec<(Allocation, Allocation)> {
    check(&mut ParallelMoves::default(), moves, temps)
}

pub(super) fn with_free() -> Temps {
    Temps { free: [true; 3], ..Temps::default() }
}

/// Moves to each of some places from any other. What is in a slot has one class. `slots` and `regs` are how many of each
/// there are.
fn any_moves(regs: usize, slots: usize, classes: usize) -> impl Strategy<Value = Moves> {
    let places = regs * classes + slots;
    let sources = prop::collection::vec(prop::option::weighted(0.7, 0..places), places);
    let slot_classes = prop::collection::vec(0..classes, slots);
    let order = Just((0..places).collect::<Vec<_>>()).prop_shuffle();
    (sources, slot_classes, order).prop_map(move |(sources, slot_classes, order)| {
        let place = |p: usize| {
            if p < regs * classes { reg(p / classes, CLASSES[p % classes]) } else { slot(p - regs * classes) }
        };
        let class = |p: usize| {
            if p < regs * classes { CLASSES[p % classes] } else { CLASSES[slot_classes[p - regs * classes]] }
        };
        let legal = |from: usize, to: usize| to >= regs * classes || class(from) == class(to);
        let moves = order.iter().filter_map(|&to| sources[to].map(|from| (from, to)));
        moves.filter(|&(from, to)| legal(from, to)).map(|(from, to)| (place(from), place(to), class(from))).collect()
    })
}

fn any_temps() -> impl Strategy<Value = Temps> {
    (prop::array::uniform3(any::<bool>()), prop::array::uniform3(0..FIRST_FIXED)).prop_map(|(free, victim)| Temps {
        free,
        victim,
        ..Temps::default()
    })
}

/// How many cycles there are from none of whose places a move leads elsewhere; those need a temporary.
fn cycles_without_copies(moves: &Moves) -> usize {
    let writer: BTreeMap<_, _> = moves.iter().filter(|m| m.0 != m.1).map(|m| (m.1, m.0)).collect();
    let readers = |at: Allocation| writer.values().filter(|&&from| from == at).count();
    let cycle = |start: Allocation| {
        let mut at = start;
        let mut smallest = start;
        for _ in 0..=moves.len() {
            if readers(at) != 1 {
                return false;
            }
            let Some(&from) = writer.get(&at) else { return false };
            at = from;
            smallest = smallest.min(at);
            if at == start {
                return smallest == start;
            }
        }
        false
    };
    writer.keys().filter(|&&at| cycle(at)).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_sequence_does_what_the_set_says(moves in any_moves(NUM_REGS, NUM_SLOTS, 2), mut temps in any_temps()) {
        let emitted = resolve(&moves, &mut temps);
        // Each move in memory is two, a borrowed register is two, and a cycle costs one or two more.
        prop_assert!(emitted.len() <= 4 * moves.len() + 4);
    }

    #[test]
    fn many_cycles_in_memory(moves in any_moves(1, NUM_SLOTS, 2), mut temps in any_temps()) {
        temps.victim = [0; 3];
        resolve(&moves, &mut temps);
    }

    #[test]
    fn registers_take_no_move_too_many(moves in any_moves(FIRST_FIXED, 0, 2), mut temps in any_temps()) {
        let emitted = resolve(&moves, &mut temps);
        let real = moves.iter().filter(|m| m.0 != m.1).count();
        prop_assert_eq!(emitted.len(), real + cycles_without_copies(&moves));
    }

    #[test]
    fn a_set_forgets_the_one_before(
        first in any_moves(NUM_REGS, NUM_SLOTS, 2), second in any_moves(3, 3, 1), mut temps in any_temps()
    ) {
        let mut set = ParallelMoves::default();
        check(&mut set, &first, &mut temps.clone());
        let again = check(&mut set, &second, &mut temps.clone());
        prop_assert_eq!(again, resolve(&second, &mut temps));
    }
}

const INT: RegClass = RegClass::Int;

#[test]
fn what_stays_needs_no_move() {
    assert_eq!(resolve(&vec![(int(1), int(1), INT), (slot(1), slot(1), INT)], &mut Temps::default()), []);
    assert!(ParallelMoves::default().is_empty());
}

#[test]
fn two_registers_are_swapped_through_a_third() {
    let moves = vec![(int(0), int(1), INT), (int(1), int(0), INT)];
    assert_eq!(resolve(&moves, &mut with_free()).len(), 3);
    // Through memory, if there is none; no victim is borrowed, and one emergency slot is enough.
    let mut temps = Temps::default();
    let emitted = resolve(&moves, &mut temps);
    assert_eq!(emitted.len(), 3);
    assert!(temps.slots.iter().all(|&at| at == slot(EMERGENCY)));
}

#[test]
fn a_copy_breaks_a_cycle() {
    let moves = vec![(int(0), int(1), INT), (int(1), int(0), INT), (int(1), int(2), INT)];
    assert_eq!(resolve(&moves, &mut Temps::default()).len(), 3);
}

#[test]
fn a_slot_is_loaded_once() {
    // Into the register that is a destination, first.
    let moves = vec![(slot(0), slot(1), INT), (slot(0), slot(2), INT), (slot(0), int(1), INT)];
    assert_eq!(resolve(&moves, &mut Temps::default()), [(slot(0), int(1)), (int(1), slot(1)), (int(1), slot(2))]);
    // Else into the free register, even if other moves in memory come between.
    let moves = vec![(slot(0), slot(1), INT), (slot(5), slot(6), INT), (slot(0), slot(2), INT)];
    assert_eq!(resolve(&moves, &mut with_free()).len(), 5);
    // A victim is borrowed once.
    assert_eq!(resolve(&moves, &mut Temps::default()).len(), 7);
}

#[test]
fn one_move_in_memory_opens_its_cycle() {
    let moves = vec![(int(0), slot(0), INT), (slot(0), slot(1), INT), (slot(1), int(0), INT)];
    assert_eq!(resolve(&moves, &mut with_free()).len(), 4);
}

#[test]
fn a_register_and_a_slot_are_swapped_without_a_free_register() {
    let moves = vec![(int(0), slot(0), INT), (slot(0), int(0), INT)];
    for victim in 0..2 {
        let mut temps = Temps { victim: [victim; 3], ..Temps::default() };
        assert!(resolve(&moves, &mut temps).len() <= 6);
    }
}

/// The shapes in which parameters of a loop come by the ten thousand.
#[test]
fn large_sets_take_no_longer_than_they_are_large() {
    let n = 50_000;
    let rotated: Moves = (0..n).map(|k| (slot(k), slot((k + 1) % n), INT)).collect();
    let spread: Moves = (1..n).map(|k| (slot(0), slot(k), INT)).collect();
    let shifted: Moves = (1..n).rev().map(|k| (slot(k - 1), slot(k), INT)).collect();
    let swapped: Moves = (0..n).map(|k| (slot(k), slot(k ^ 1), INT)).collect();
    // Slots 0 and n are swapped, with ever so many readers that wait for others.
    let mixed: Moves = (0..n).map(|k| (slot(k / 2), slot(n - 1 - k), INT)).collect();
    let shift = |moves: Moves| moves.into_iter().map(|(f, t, c)| (shift(f), shift(t), c)).collect();
    fn shift(at: Allocation) -> Allocation {
        at.as_stack().map_or(at, |s| slot(s.index() + 2 * EMERGENCY))
    }
    for (moves, with, without) in [
        (shift(rotated), 2 * n + 2, 2 * n + 4),
        (shift(spread), n, n + 2),
        (shift(shifted), 2 * n - 2, 2 * n),
        (shift(swapped), 3 * n, 3 * n + 2),
        (shift(mixed), 2 * n, 2 * n + 2),
    ] {
        assert!(resolve(&moves, &mut with_free()).len() <= with);
        assert!(resolve(&moves, &mut Temps::default()).len() <= without);
    }
}
