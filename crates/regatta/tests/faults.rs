//! What the checker says: a right output broken in one way at a time, and each fault as people read it.

use regatta::check::{FaultKind, check};
use regatta::{Allocation, Edit, Inst, Output, PReg, Problem, ProgPoint, RegClass, SpillSlot, text};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Integer registers of which p5i is nobody's and p6i scratch, float registers, whose slots have two words. p9i is on the stack, where an
/// argument is.
const SAMPLE: &str = "machine {
      int preferred p0i-p4i, scratch p6i, slot 1
      float preferred p0f p1f, slot 2
      stack p9i
    }
    function {
    block0:
      op def v0i reg, early def v1i reg, def v3f any
      op use v0i limit(2), def v2i reuse(0), late use v1i reg clobbers p3i p4i
      branch -> block1, block2
    block1:
      branch -> block3(v2i)
    block2:
      branch -> block3(v0i)
    block3(v4i):
      op use v4i fixed(p0i), use v1i stack, use v3f any
      ret use v0i any
    debug 7 v1i from inst1 to inst3
    }";

fn reg(number: usize) -> Allocation {
    Allocation::reg(PReg::new(number, RegClass::Int))
}

fn float(number: usize) -> Allocation {
    Allocation::reg(PReg::new(number, RegClass::Float))
}

fn slot(number: usize) -> Allocation {
    Allocation::stack(SpillSlot::new(number))
}

fn before(inst: usize) -> ProgPoint {
    ProgPoint::before(Inst::new(inst))
}

fn after(inst: usize) -> ProgPoint {
    ProgPoint::after(Inst::new(inst))
}

fn moved(from: Allocation, to: Allocation) -> Edit {
    Edit::Move { from, to }
}

fn sample() -> (Problem, Output) {
    let problem = text::parse(SAMPLE).expect("well-formed").remove(0);
    let output = Output {
        num_spillslots: 4,
        edits: vec![
            (after(0), moved(reg(0), slot(1))),
            (after(0), moved(reg(1), slot(0))),
            (after(0), moved(float(0), slot(2))),
            (before(3), moved(reg(0), reg(2))),
            (before(3), moved(reg(2), reg(0))),
            (before(4), moved(slot(1), reg(0))),
        ],
        allocs: vec![reg(0), reg(1), float(0), reg(0), reg(0), reg(1), reg(0), slot(0), slot(2), slot(1)],
        inst_alloc_offsets: vec![0, 3, 6, 6, 6, 6, 9],
        debug_locations: vec![(7, before(1), before(2), reg(1))],
        ..Output::default()
    };
    (problem, output)
}

/// A way to break the sample, in words, and how that is done.
type Breakage = (&'static str, fn(&mut Problem, &mut Output));

const BREAKAGES: [Breakage; 41] = [
    ("the entry is no block", |problem, _| problem.func.entry = regatta::Block::new(9)),
    ("a value is defined twice", |problem, _| problem.func.blocks[3].params[0] = regatta::VReg::new(0, RegClass::Int)),
    ("no offset for the last instruction", |_, output| output.inst_alloc_offsets.truncate(6)),
    ("an offset that is too large", |_, output| output.inst_alloc_offsets[2] = 7),
    ("one location too many", |_, output| output.allocs.push(reg(0))),
    ("no location", |_, output| output.allocs[0] = Allocation::none()),
    ("an encoding with a bit too many", |_, output| output.allocs[0] = Allocation::from_bits(3 << 28)),
    ("the register of a class that there is not", |_, output| output.allocs[0] = Allocation::from_bits(1 << 29 | 200)),
    ("a register of another class", |_, output| output.allocs[0] = float(1)),
    ("the wrong fixed register", |_, output| output.allocs[6] = reg(1)),
    ("another place than the operand to share with", |_, output| output.allocs[4] = reg(2)),
    ("a register beyond the limit", |_, output| output.allocs[3] = reg(2)),
    ("a slot where there must be a register", |_, output| output.allocs[5] = slot(0)),
    ("a register where there must be a slot", |_, output| output.allocs[7] = reg(1)),
    ("a fixed stack slot where there must be a register", |_, output| output.allocs[0] = reg(9)),
    ("a register that is not allocatable", |_, output| output.allocs[9] = reg(5)),
    ("a slot beyond the frame", |_, output| output.allocs[9] = slot(4)),
    ("a long slot that is half beyond the frame", |_, output| output.num_spillslots = 3),
    ("a long slot that is not aligned", |_, output| output.allocs[8] = slot(1)),
    ("another value", |_, output| output.allocs[9] = slot(0)),
    ("what nobody has written", |_, output| output.allocs[9] = reg(4)),
    ("a move left out on one way", |_, output| output.edits.retain(|edit| edit.0 != before(4))),
    ("a store left out", |_, output| output.edits.retain(|edit| edit.1 != moved(reg(1), slot(0)))),
    ("two definitions in one place", |_, output| output.allocs[1] = reg(0)),
    ("a late use where the instruction defines something", |_, output| output.allocs[5] = reg(0)),
    ("a late use in a register that is clobbered", |_, output| output.allocs[5] = reg(3)),
    ("one definition twice where that is not allowed", |problem, _| {
        problem.func.insts[0].operands[1] = regatta::Operand::reg_def(regatta::VReg::new(0, RegClass::Int));
    }),
    ("two places for one definition", |problem, output| {
        problem.func.multiple_defs = true;
        problem.func.insts[0].operands[1] = regatta::Operand::reg_def(regatta::VReg::new(0, RegClass::Int));
        output.allocs[1] = reg(1);
    }),
    ("moves out of order", |_, output| output.edits.swap(2, 3)),
    ("a move at no instruction", |_, output| output.edits[5].0 = before(7)),
    ("a move behind a branch", |_, output| output.edits[5].0 = after(4)),
    ("a move from slot to slot", |_, output| output.edits[2].1 = moved(slot(1), slot(0))),
    ("a move from slot to fixed stack slot", |_, output| output.edits[2].1 = moved(slot(1), reg(9))),
    ("a move between classes", |_, output| output.edits[2].1 = moved(reg(1), float(0))),
    ("a move to a register that is nobody's", |_, output| output.edits[3].1 = moved(reg(0), reg(5))),
    ("a move to the register that stands for none", |_, output| {
        output.edits[3].1 = moved(reg(0), Allocation::reg(PReg::invalid()));
    }),
    ("a move from nowhere", |_, output| output.edits[2].1 = moved(Allocation::none(), reg(3))),
    ("a debug location that nobody asked for", |_, output| output.debug_locations[0].0 = 8),
    ("a debug location of another value", |_, output| output.debug_locations[0].3 = reg(0)),
    ("a debug location that goes backwards", |_, output| {
        output.debug_locations.push((7, before(3), after(2), slot(0)))
    }),
    ("debug locations that overlap", |_, output| output.debug_locations.push((7, after(1), before(2), slot(0)))),
];

#[test]
fn faults_as_people_read_them() {
    let (problem, output) = sample();
    check(&problem.func, &problem.env, &output).unwrap_or_else(|faults| panic!("{faults}"));
    let mut report = text::print_allocated(&problem, &output);
    let mut kinds = BTreeSet::new();
    for (what, break_it) in BREAKAGES {
        let (mut problem, mut output) = sample();
        break_it(&mut problem, &mut output);
        let faults = check(&problem.func, &problem.env, &output).expect_err(what);
        write!(report, "\n{what}:\n").expect("text grows");
        for fault in faults.as_slice() {
            writeln!(report, "  {:?}: {fault}", fault.kind).expect("text grows");
            kinds.insert(fault.kind);
        }
    }
    insta::assert_snapshot!(report);
    assert!(FaultKind::ALL.iter().all(|kind| kinds.contains(kind)), "one of each kind: {kinds:?}");
}

/// What the checker says of a function with these moves, and the operands in these places.
fn verdict(function: &str, edits: Vec<(ProgPoint, Edit)>, allocs: Vec<Allocation>) -> Result<(), String> {
    let Problem { func, env } = text::parse(function).expect("well-formed").remove(0);
    let starts = func.insts.iter().scan(0, |end, inst| {
        let start = *end;
        *end += inst.operands.len() as u32;
        Some(start)
    });
    let inst_alloc_offsets = starts.collect();
    let output = Output { edits, allocs, inst_alloc_offsets, num_spillslots: 1, ..Output::default() };
    check(&func, &env, &output).map_err(|faults| faults.to_string())
}

/// The only fault of a function in which nothing is moved.
fn fault_in_place(function: &str, allocs: Vec<Allocation>) -> String {
    verdict(function, Vec::new(), allocs).expect_err("wrong")
}

#[test]
fn a_value_that_a_loop_replaces_is_missed_when_control_comes_round() {
    let function = "machine { int preferred p0i p1i, slot 1 }
        function {
        block0:
          op def v0i reg
          branch -> block1
        block1:
          op use v0i reg, def v1i reg
          branch -> block1, block2
        block2:
          ret use v1i reg
        }";
    let places = vec![reg(0), reg(0), reg(0), reg(0)];
    let words = "operand 0 of inst2 (use v0i reg) is in p0i, which holds v1 if control comes from block1";
    assert_eq!(fault_in_place(function, places), words);
}

#[test]
fn of_a_long_way_the_beginning_and_the_end_are_told() {
    // A value passed on by parameters, in another register than it is made in.
    let function = |blocks: usize| {
        let mut text = String::from("machine { int preferred p0i p1i, slot 1 } function { block0: op def v0i reg\n");
        for n in 1..=blocks {
            write!(text, "branch -> block{n}(v{}i)\n block{n}(v{n}i):\n", n - 1).expect("text grows");
        }
        text + &format!("ret use v{blocks}i reg\n}}")
    };
    let way = |blocks| {
        let words = fault_in_place(&function(blocks), vec![reg(0), reg(1)]);
        words.split_once("which holds ").map(|(_, way)| way.to_owned()).unwrap_or(words)
    };
    let ways = [1, 2, 3, 6, 7, 9].map(way).join("\n");
    insta::assert_snapshot!(ways, @"
    no known value if control comes from block0
    no known value if control comes from block0 by way of block1
    no known value if control comes from block0 by way of block1, block2
    no known value if control comes from block0 by way of block1, block2, block3, block4, block5
    no known value if control comes from block0 by way of block1, block2, block3, …, block5, block6
    no known value if control comes from block0 by way of block1, block2, block3, …, block7, block8
    ");
}

#[test]
fn what_is_not_the_allocators_is_written_for_who_uses_it() {
    // A register that is not allocatable, scratch, and a fixed stack slot, where values may stay, with an argument in each.
    for place in ["p5i", "p6i", "p9i"] {
        let function = format!(
            "machine {{ int preferred p0i p1i, scratch p6i, slot 1 stack p9i }}
            function {{
            block0:
              op def v0i reg
              op
              op use v0i fixed({place})
              ret use v0i reg
            }}"
        );
        let target = reg(place[1..2].parse().expect("a digit"));
        let allocs = vec![reg(0), target, reg(0)];
        let moved_at = |point| verdict(&function, vec![(point, moved(reg(0), target))], allocs.clone());
        assert_eq!(moved_at(before(2)), Ok(()), "{place}");
        assert_eq!(moved_at(after(1)), Ok(()), "{place}");
        assert_eq!(moved_at(before(1)).is_ok(), place == "p9i", "nothing else lives through an instruction: {place}");
    }
}

#[test]
fn what_came_in_on_the_stack_may_be_read_there() {
    let function = "machine { int preferred p0i p1i, slot 1 stack p9i }
        function {
        block0:
          op def v0i fixed(p9i)
          op use v0i any, use v0i stack
          ret
        }";
    assert_eq!(verdict(function, Vec::new(), vec![reg(9); 3]), Ok(()));
    assert!(verdict(&function.replace("any", "reg"), Vec::new(), vec![reg(9); 3]).is_err());
}

#[test]
fn definitions_of_one_value_share_a_place_and_those_of_two_do_not() {
    let function = "machine { int preferred p0i p1i, slot 1 }
        function multiple_defs {
        block0:
          op def v0i reg, def v0i reg, def v1i reg
          ret use v0i reg
        }";
    assert_eq!(verdict(function, Vec::new(), vec![reg(0), reg(0), reg(1), reg(0)]), Ok(()));
    assert!(verdict(function, Vec::new(), vec![reg(0), reg(0), reg(0), reg(0)]).is_err());
    let once = function.replace("multiple_defs", "");
    assert!(verdict(&once, Vec::new(), vec![reg(0), reg(0), reg(1), reg(0)]).is_err());
}

#[test]
fn what_is_taken_over_is_in_a_register() {
    let function = "machine { int preferred p0i p1i, slot 1 }
        function {
        block0:
          op def v0i any
          op use v0i any, def v1i reuse(0)
          ret use v1i any
        }";
    assert_eq!(verdict(function, Vec::new(), vec![reg(0); 4]), Ok(()));
    assert!(verdict(function, Vec::new(), vec![slot(0); 4]).is_err());
}
