//! How long the sequences are, compared with the shortest there are: for every set of moves between a few registers and
//! a few slots.
//!
//! A state says which value each place holds; a breadth-first search over single moves finds the shortest way from the
//! state before to all others.

use super::tests::{Temps, int, is_memory, resolve, slot, with_free};
use crate::ir::RegClass;
use crate::output::Allocation;
use alloc::vec;
use alloc::vec::Vec;

/// The values that places hold, as the digits of a number. The last one is what temporaries hold before.
fn digit(state: usize, place: usize, values: usize) -> usize {
    state / values.pow(place as u32) % values
}

/// For each state, the fewest moves that lead to it. `memory`: is the place memory? Value `n` is at place `n` at first,
/// and the places beyond `values - 1` are temporaries.
fn distances(memory: &[bool], values: usize) -> Vec<u8> {
    let places = memory.len();
    let start = (0..places).map(|p| p.min(values - 1) * values.pow(p as u32)).sum::<usize>();
    let mut distance = vec![u8::MAX; values.pow(places as u32)];
    distance[start] = 0;
    let mut queue = vec![start];
    let mut done = 0;
    while let Some(&state) = queue.get(done) {
        done += 1;
        for from in 0..places {
            for to in (0..places).filter(|&to| to != from && !(memory[from] && memory[to])) {
                let weight = values.pow(to as u32);
                let next = state - digit(state, to, values) * weight + digit(state, from, values) * weight;
                if distance[next] == u8::MAX {
                    distance[next] = distance[state] + 1;
                    queue.push(next);
                }
            }
        }
    }
    distance
}

/// How many sets there are whose sequences are longer than the shortest by 0, 1, ... moves, and all sequences' lengths
/// and all shortest ones' added up.
fn compare(regs: usize, slots: usize, temps: &Temps, temp_memory: &[bool]) -> (Vec<usize>, usize, usize) {
    let places: Vec<Allocation> = (0..regs).map(int).chain((0..slots).map(slot)).collect();
    let n = places.len();
    let mut memory: Vec<bool> = places.iter().map(|&at| is_memory(at)).collect();
    memory.extend_from_slice(temp_memory);
    let values = n + 1;
    let distance = distances(&memory, values);
    let left_over = values.pow(temp_memory.len() as u32);
    let (mut longer, mut total, mut shortest_total) = (Vec::new(), 0, 0);
    for set in 0..n.pow(n as u32) {
        let source = |to: usize| set / n.pow(to as u32) % n;
        let moves = (0..n).map(|to| (places[source(to)], places[to], RegClass::Int)).collect();
        let len = resolve(&moves, &mut temps.clone()).len();
        let goal = (0..n).map(|to| source(to) * values.pow(to as u32)).sum::<usize>();
        // Whatever the temporaries hold in the end.
        let ends = (0..left_over).map(|rest| distance[goal + rest * values.pow(n as u32)]);
        let shortest = usize::from(ends.min().unwrap_or(u8::MAX));
        let excess = len - shortest;
        longer.resize(longer.len().max(excess + 1), 0);
        longer[excess] += 1;
        total += len;
        shortest_total += shortest;
    }
    (longer, total, shortest_total)
}

/// `within`: how many thousandths more moves than the fewest, all sets taken together. `most`: in the worst set.
fn check(regs: usize, slots: usize, temps: &Temps, temp_memory: &[bool], within: usize, most: usize) {
    let (longer, total, shortest) = compare(regs, slots, temps, temp_memory);
    let limit = shortest + shortest * within / 1000;
    assert!(total <= limit, "{total} moves instead of {shortest}: {longer:?}");
    assert!(longer.len() <= most + 1, "{longer:?}");
}

#[test]
fn sequences_are_nearly_as_short_as_can_be_with_a_free_register() {
    let memory = [false, true];
    check(4, 1, &with_free(), &memory, 0, 0);
    check(3, 2, &with_free(), &memory, 10, 2);
    check(2, 3, &with_free(), &memory, 30, 3);
}

/// What is lost here is mostly the choice of a victim, which is not this room's.
#[test]
fn sequences_are_not_much_longer_without() {
    let memory = [true, true];
    check(4, 1, &Temps::default(), &memory, 15, 3);
    check(3, 2, &Temps::default(), &memory, 105, 6);
    check(2, 3, &Temps::default(), &memory, 180, 6);
}
