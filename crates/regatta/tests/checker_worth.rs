//! What the checker is worth: correct outputs are broken in many ways, and the faults that it finds are counted.
//!
//! A broken output that the checker accepts is harmless, or the checker has a hole. Such outputs are executed along random paths beside
//! the function itself: none may read a wrong value. What remains are changes that nobody can see: a dropped move of a value that is
//! not read again before its place is written, a move repeated or made earlier than needed, two moves that do not depend on one another
//! in the other order, two operands of one value swapped, a slot renamed to one that is not in use at the time.
//!
//! `cargo test -p regatta --test checker_worth -- --nocapture` prints the table.

use regatta::{
    Algorithm, Allocation, Edit, Function, Inst, OperandConstraint, OperandKind, Options, Output, PReg, Problem,
    ProgPoint, SpillSlot, check, run,
};
use regatta_testing::Random;
use regatta_testing::interpret::wrong_read;

/// A way to break an output: what it is called, and how; it returns false if there is nothing to break that way.
type Breakage = (&'static str, fn(&Problem, &mut Output, &Random) -> bool);

const BREAKAGES: [Breakage; 14] = [
    ("swap two operands' locations", swap_locations),
    ("drop a move", drop_move),
    ("repeat a move elsewhere in the code", repeat_move),
    ("reorder two moves at one point", reorder_moves),
    ("move a move by one instruction", shift_move),
    ("another source of a move", change_source),
    ("another target of a move", change_target),
    ("reuse a slot too early", merge_slots),
    ("the word beside a slot", off_by_one),
    ("ignore a clobber", ignore_clobber),
    ("break a reuse", break_reuse),
    ("break a fixed constraint", break_fixed),
    ("another register of a use", change_use),
    ("another register of a definition", change_def),
];

fn some_move(output: &mut Output, random: &Random) -> Option<usize> {
    (!output.edits.is_empty()).then(|| random.below(output.edits.len()))
}

fn some_operand(
    problem: &Problem,
    output: &Output,
    random: &Random,
    which: impl Fn(&regatta::Operand) -> bool,
) -> Option<usize> {
    for _ in 0..50 {
        let inst = Inst::new(random.below(problem.func.insts.len()));
        let operands = problem.func.inst_operands(inst);
        if !operands.is_empty() {
            let k = random.below(operands.len());
            if operands[k].as_fixed_nonallocatable().is_none() && which(&operands[k]) {
                return Some(output.inst_alloc_offsets[inst.index()] as usize + k);
            }
        }
    }
    None
}

fn other_register(problem: &Problem, not: Allocation, random: &Random) -> Option<Allocation> {
    let reg = not.as_reg()?;
    let all: Vec<usize> = (0..64).filter(|n| problem.env.allocatable(reg.class()) >> n & 1 != 0).collect();
    let other = PReg::new(all[random.below(all.len())], reg.class());
    (other != reg).then_some(Allocation::reg(other))
}

fn swap_locations(problem: &Problem, output: &mut Output, random: &Random) -> bool {
    for _ in 0..50 {
        let inst = Inst::new(random.below(problem.func.insts.len()));
        let count = problem.func.inst_operands(inst).len();
        if count > 1 {
            let first = output.inst_alloc_offsets[inst.index()] as usize;
            let (a, b) = (first + random.below(count), first + random.below(count));
            if output.allocs[a] != output.allocs[b] {
                output.allocs.swap(a, b);
                return true;
            }
        }
    }
    false
}

fn drop_move(_: &Problem, output: &mut Output, random: &Random) -> bool {
    some_move(output, random).is_some_and(|k| {
        output.edits.remove(k);
        true
    })
}

fn repeat_move(_: &Problem, output: &mut Output, random: &Random) -> bool {
    some_move(output, random).is_some_and(|k| {
        let at = random.below(output.edits.len());
        let repeated = (output.edits[at].0, output.edits[k].1.clone());
        output.edits.insert(at, repeated);
        true
    })
}

fn reorder_moves(_: &Problem, output: &mut Output, random: &Random) -> bool {
    for _ in 0..50 {
        let Some(k) = some_move(output, random) else { return false };
        if k > 0 && output.edits[k - 1].0 == output.edits[k].0 {
            output.edits.swap(k - 1, k);
            return true;
        }
    }
    false
}

fn shift_move(_: &Problem, output: &mut Output, random: &Random) -> bool {
    some_move(output, random).is_some_and(|k| {
        let at = output.edits[k].0.to_index();
        let shifted = if random.chance(50) { at + 2 } else { at.saturating_sub(2) };
        output.edits[k].0 = ProgPoint::from_index(shifted);
        output.edits.sort_by_key(|edit| edit.0);
        shifted != at
    })
}

fn change_source(problem: &Problem, output: &mut Output, random: &Random) -> bool {
    some_move(output, random).is_some_and(|k| {
        let Edit::Move { from, .. } = &mut output.edits[k].1;
        other_register(problem, *from, random).map(|other| *from = other).is_some()
    })
}

fn change_target(problem: &Problem, output: &mut Output, random: &Random) -> bool {
    some_move(output, random).is_some_and(|k| {
        let Edit::Move { to, .. } = &mut output.edits[k].1;
        other_register(problem, *to, random).map(|other| *to = other).is_some()
    })
}

fn merge_slots(_: &Problem, output: &mut Output, random: &Random) -> bool {
    if output.num_spillslots < 2 {
        return false;
    }
    let slot = |random: &Random| Allocation::stack(SpillSlot::new(random.below(output.num_spillslots)));
    let (a, b) = (slot(random), slot(random));
    let mut changed = false;
    for (_, Edit::Move { from, to }) in &mut output.edits {
        for place in [from, to] {
            if *place == a && a != b {
                *place = b;
                changed = true;
            }
        }
    }
    changed
}

fn off_by_one(_: &Problem, output: &mut Output, random: &Random) -> bool {
    some_move(output, random).is_some_and(|k| {
        let Edit::Move { from, to } = &mut output.edits[k].1;
        let place = if from.is_stack() { from } else { to };
        place.as_stack().map(|slot| *place = Allocation::stack(slot.plus(1))).is_some()
    })
}

/// Puts something that was moved out of a call's way into a register that the call clobbers.
fn ignore_clobber(problem: &Problem, output: &mut Output, random: &Random) -> bool {
    for _ in 0..50 {
        let Some(k) = some_move(output, random) else { return false };
        let clobbers = problem.func.inst_clobbers(output.edits[k].0.inst());
        let Edit::Move { to, .. } = &mut output.edits[k].1;
        let Some(reg) = to.as_reg() else { continue };
        let clobbered: Vec<PReg> = clobbers.into_iter().filter(|r| r.class() == reg.class() && *r != reg).collect();
        if !clobbered.is_empty() {
            *to = Allocation::reg(clobbered[random.below(clobbered.len())]);
            return true;
        }
    }
    false
}

fn change_operand(
    problem: &Problem,
    output: &mut Output,
    random: &Random,
    which: impl Fn(&regatta::Operand) -> bool,
) -> bool {
    let Some(k) = some_operand(problem, output, random, which) else { return false };
    other_register(problem, output.allocs[k], random).map(|other| output.allocs[k] = other).is_some()
}

fn break_reuse(problem: &Problem, output: &mut Output, random: &Random) -> bool {
    change_operand(problem, output, random, |op| matches!(op.constraint(), OperandConstraint::Reuse(_)))
}

fn break_fixed(problem: &Problem, output: &mut Output, random: &Random) -> bool {
    change_operand(problem, output, random, |op| matches!(op.constraint(), OperandConstraint::FixedReg(_)))
}

fn change_use(problem: &Problem, output: &mut Output, random: &Random) -> bool {
    let which = |op: &regatta::Operand| op.kind() == OperandKind::Use && op.constraint() == OperandConstraint::Reg;
    change_operand(problem, output, random, which)
}

fn change_def(problem: &Problem, output: &mut Output, random: &Random) -> bool {
    let which = |op: &regatta::Operand| op.kind() == OperandKind::Def && op.constraint() == OperandConstraint::Reg;
    change_operand(problem, output, random, which)
}

/// Functions of moderate size, with their outputs.
fn samples() -> Vec<(Problem, Output)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus");
    let mut samples = Vec::new();
    for file in ["bz2.x64", "blake3.x64", "ed25519.a64"] {
        let problems = regatta_corpus::read_file(format!("{folder}/{file}.raf.zst")).expect("a corpus file");
        for problem in problems.into_iter().filter(|p| (20..400).contains(&p.func.insts.len())) {
            for algorithm in Algorithm::ALL {
                let options = Options { algorithm, ..Options::default() };
                let output = run(&problem.func, &problem.env, &options).expect("allocatable");
                if output.edits.len() > 3 {
                    samples.push((problem.clone(), output));
                }
            }
        }
    }
    samples
}

#[test]
fn faults_are_caught_and_what_is_not_caught_is_harmless() {
    let samples = samples();
    assert!(samples.len() > 50, "{} samples", samples.len());
    let random = Random::new(2);
    for (problem, output) in &samples {
        assert_eq!(check::check(&problem.func, &problem.env, output).err().map(|f| f.to_string()), None);
        assert_eq!(wrong_read(problem, output, &random, 500), None, "the interpreter accepts what is right");
    }
    println!("{:40} {:>7} {:>7} {:>9}", "broken", "times", "caught", "harmless");
    for (name, breakage) in BREAKAGES {
        let (mut times, mut caught, mut harmless) = (0, 0, 0);
        for _ in 0..600 {
            let (problem, output) = &samples[random.below(samples.len())];
            let mut broken = output.clone();
            if !breakage(problem, &mut broken, &random) || broken == *output {
                continue;
            }
            times += 1;
            if check::check(&problem.func, &problem.env, &broken).is_err() {
                caught += 1;
                continue;
            }
            harmless += 1;
            for _ in 0..20 {
                let wrong = wrong_read(problem, &broken, &random, 500);
                assert_eq!(wrong, None, "{name}: the checker accepts an output that reads a wrong value");
            }
        }
        println!("{name:40} {times:7} {caught:7} {harmless:9}");
        assert!(times > 0 && caught > 0, "{name}: {caught} of {times} caught");
    }
}
