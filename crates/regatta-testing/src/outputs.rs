//! Outputs that are mostly wrong: right ones with a few things broken. Whether an output comes from an allocator, a file or a
//! mistake, the checker cannot know.

use crate::invalid::near;
use regatta::fuzzing::Random;
use regatta::{Allocation, Edit, Inst, Output, PReg, Problem, ProgPoint, RegClass, SpillSlot};

/// Breaks one to three things in an output for this problem.
pub fn break_some(random: &Random, problem: &Problem, output: &mut Output) {
    for _ in 0..1 + random.below(3) {
        break_something(random, problem, output);
    }
}

/// A place: mostly one that the output names somewhere, or an allocatable register, or a slot nearby, or anything at all.
fn some_place(random: &Random, problem: &Problem, output: &Output) -> Allocation {
    match random.below(10) {
        0..6 => random.pick(&output.allocs).unwrap_or_default(),
        6 | 7 => {
            let class = RegClass::ALL[random.below(3)];
            let reg = random.bit_of(problem.env.allocatable(class));
            reg.map_or(Allocation::none(), |reg| Allocation::reg(PReg::new(reg, class)))
        }
        8 => Allocation::stack(SpillSlot::new(near(random, output.num_spillslots) as usize & SpillSlot::MAX)),
        _ => Allocation::from_bits(random.any() as u32),
    }
}

fn some_point(random: &Random, problem: &Problem) -> ProgPoint {
    let inst = Inst(near(random, problem.func.insts.len()) & u32::MAX >> 1);
    if random.chance(50) { ProgPoint::before(inst) } else { ProgPoint::after(inst) }
}

fn break_something(random: &Random, problem: &Problem, output: &mut Output) {
    let place = some_place(random, problem, output);
    let point = some_point(random, problem);
    let num_edits = output.edits.len();
    match random.below(16) {
        0..4 if !output.allocs.is_empty() => {
            let at = random.below(output.allocs.len());
            output.allocs[at] = place;
        }
        4 | 5 => {
            let edit = (point, Edit::Move { from: some_place(random, problem, output), to: place });
            let sorted = output.edits.partition_point(|&(before, _)| before <= point);
            let at = if random.chance(90) { sorted } else { random.below(num_edits + 1) };
            output.edits.insert(at, edit);
        }
        6..8 if num_edits > 0 => drop(output.edits.remove(random.below(num_edits))),
        8..10 if num_edits > 0 => {
            let Edit::Move { from, to } = &mut output.edits[random.below(num_edits)].1;
            *if random.chance(50) { from } else { to } = place;
        }
        10 if num_edits > 0 => output.edits[random.below(num_edits)].0 = point,
        11 if num_edits > 1 => {
            let at = random.below(num_edits - 1);
            output.edits.swap(at, at + 1);
        }
        12 => output.num_spillslots = near(random, output.num_spillslots) as usize,
        13 => {
            let locations = &mut output.debug_locations;
            let at = random.below(locations.len() + 1);
            locations.insert(at, (random.below(4) as u32, point, some_point(random, problem), place));
        }
        14 if !output.inst_alloc_offsets.is_empty() => {
            let at = random.below(output.inst_alloc_offsets.len());
            output.inst_alloc_offsets[at] = near(random, output.allocs.len());
        }
        _ => match random.below(4) {
            0 => drop(output.allocs.pop()),
            1 => output.allocs.push(place),
            2 => drop(output.inst_alloc_offsets.pop()),
            _ => output.inst_alloc_offsets.push(near(random, output.allocs.len())),
        },
    }
}
