//! What the SSA allocator's thorough setting keeps in registers round a loop.

use regatta::{Algorithm, Edit, Options, check, run, text};

/// How often something is loaded next to the instructions `insts`.
#[track_caller]
fn loads(function: &str, insts: core::ops::Range<usize>) -> usize {
    loads_and_rounds(function, insts).0
}

/// The same, and how often loops were allocated again.
#[track_caller]
fn loads_and_rounds(function: &str, insts: core::ops::Range<usize>) -> (usize, usize) {
    let problem = text::parse(function).expect("well-formed").remove(0);
    let options = Options { algorithm: Algorithm::Thorough, ..Options::default() };
    let output = run(&problem.func, &problem.env, &options).expect("allocatable");
    check::check(&problem.func, &problem.env, &output).expect("correct");
    let is_load = |edit: &Edit| matches!(edit, Edit::Move { from, .. } if from.is_stack());
    let loads = output.edits.iter().filter(|(point, edit)| is_load(edit) && insts.contains(&point.inst().index()));
    (loads.count(), output.stats.feedback_rounds)
}

#[test]
fn what_a_header_leaves_out_makes_no_room_for_what_would_be_lost_in_turn() {
    let in_loop = loads_and_rounds(
        "machine { int preferred p0i-p2i, slot 1 }
        function {
        block0:
          op def v0i reg, def v1i reg, def v2i reg
          op def v3i reg, def v4i reg, def v5i reg
          branch -> block1
        block1: ; inst3
          branch -> block2, block3, block4, block5
        block2:
          op use v0i reg, use v1i reg, use v2i reg
          op def v6i reg, def v7i reg, def v8i reg
          op use v6i reg, use v7i reg, use v8i reg
          branch -> block1
        block3:
          op def v9i reg, def v10i reg, def v11i reg
          op use v9i reg, use v10i reg, use v11i reg
          branch -> block1
        block4:
          op def v12i reg, def v13i reg, def v14i reg
          op use v12i reg, use v13i reg, use v14i reg
          op use v3i reg, use v4i reg, use v5i reg
          branch -> block1 ; inst14
        block5:
          op use v0i reg, use v1i reg, use v2i reg
          ret use v3i reg, use v4i reg, use v5i reg
        }",
        3..15,
    );
    // Three wherever something is used. With v3i to v5i in registers at the header, it would take another round to find that out.
    assert_eq!(in_loop, (6, 1));
}

#[test]
fn what_the_loop_loses_before_it_reads_it_is_not_brought_to_its_header() {
    let in_loop = loads(
        "machine { int preferred p0i p1i, slot 1 }
        function {
        block0:
          op def v0i reg, def v1i reg
          branch -> block1
        block1: ; inst2
          op clobbers p0i-p4i
          op use v1i reg
          op use v0i reg
          branch -> block1
        }",
        2..6,
    );
    // One for each use, and none on the back edge.
    assert_eq!(in_loop, 2);
}

#[test]
fn what_was_left_out_but_stays_in_its_register_is_let_back_in() {
    let in_loop = loads(
        "machine { int preferred p0i p1i, slot 1 }
        function {
        block0:
          op def v0i reg
          op def v1i reg
          op def v2i reg
          branch -> block1
        block1:
          branch -> block2
        block2: ; inst5
          branch -> block4, block3
        block3:
          branch -> block1
        block4: ; inst7
          op use v2i reg
          op use v1i reg
          op use v0i fixed(p0i) clobbers p1i
          branch -> block2
        }",
        7..11,
    );
    // Two of three have to be loaded. The third, whichever it is, is in a register from one round to the next.
    assert_eq!(in_loop, 2);
}

#[test]
fn what_is_used_behind_a_loop_within_is_wanted_each_time_round() {
    let in_loop = loads(
        "machine { int preferred p0i-p2i, slot 1 }
        function {
        block0:
          op def v0i reg, def v1i reg, def v2i reg
          branch -> block1
        block1: ; inst2
          branch -> block2, block6
        block2:
          branch -> block3
        block3:
          op def v3i reg
          branch use v3i reg -> block4, block5
        block4:
          branch -> block3
        block5:
          op use v0i reg, use v1i reg
          branch -> block1 ; inst8
        block6:
          ret use v2i reg
        }",
        2..9,
    );
    // One of the three has to make way in the inner loop. The way to v2i, behind both, is the shortest.
    assert_eq!(in_loop, 0);
}

#[test]
fn what_only_lives_through_a_loop_with_a_call_is_not_loaded_behind_the_call() {
    // So long a loop is not allocated again for the sake of one load.
    let long = "op\n".repeat(100);
    let function = format!(
        "machine {{ int preferred p0i-p5i, non_preferred p6i, slot 1 }}
        function {{
        block0:
          op def v0i reg, def v1i reg
          branch -> block1
        block1: ; inst2
          op use v0i reg
          branch -> block2, block3, block5
        block2:
          op clobbers p0i-p5i
          branch -> block4
        block3:
          {long}
          branch -> block4
        block4:
          branch -> block1 ; inst107
        block5:
          ret use v1i reg
        }}"
    );
    assert_eq!(loads_and_rounds(&function, 2..108), (0, 0));
}

#[test]
fn a_parameter_that_is_just_passed_on_lives_in_memory_where_registers_are_scarce() {
    let in_loop = loads(
        "machine { int preferred p0i-p2i, slot 1 }
        function {
        block0:
          op def v0i reg, def v1i reg, def v2i reg
          branch -> block1(v2i)
        block1(v3i): ; inst2
          op def v4i reg, use v0i reg, use v1i reg
          op use v4i reg, use v0i reg, use v1i reg
          branch -> block2, block3
        block2:
          branch -> block4(v3i)
        block3:
          op def v5i reg
          branch -> block4(v5i)
        block4(v6i):
          branch -> block5, block6
        block5:
          branch -> block1(v6i)
        block6: ; inst10
          ret use v6i reg
        }",
        2..10,
    );
    // In a register, it would be evicted by v4i, and loaded again in block2.
    assert_eq!(in_loop, 0);
}

#[test]
fn a_parameter_that_is_evicted_before_its_first_use_gets_no_register_at_the_header() {
    let all = loads(
        "machine { int preferred p0i, slot 1 }
        function {
        block0:
          op def v0i reg
          op def v1i reg
          branch -> block1(v1i)
        block1(v2i):
          op use v0i reg
          op def v3i reg, use v2i reg
          branch -> block1(v3i) ; inst5
        }",
        0..6,
    );
    // v0i and v2i, each for its use. With either in the register at the header, v0i would be loaded in front of the loop as well.
    assert_eq!(all, 2);
}

#[test]
fn what_is_passed_on_in_memory_on_many_ways_stays_in_its_slot() {
    // A dispatch of many ways, most of which pass on what they got, and the others something new.
    const WAYS: usize = 150;
    let targets: Vec<String> = (2..WAYS + 2).map(|way| format!("block{way}")).collect();
    let ways: Vec<String> = (2..WAYS + 2)
        .map(|way| match way % 3 {
            0 => format!("block{way}: op def v{way}i reg branch -> block{}(v{way}i)", WAYS + 2),
            _ => format!("block{way}: branch -> block{}(v{}i)", WAYS + 2, WAYS + 2),
        })
        .collect();
    let function = format!(
        "machine {{ int preferred p0i-p2i, slot 1 }}
        function {{
        block0: op def v0i reg, def v1i reg, def v{new}i reg branch -> block1(v{new}i)
        block1(v{param}i): op def v{temp}i reg, use v0i reg, use v1i reg
          op use v{temp}i reg, use v0i reg, use v1i reg
          branch -> {targets}
        {ways}
        block{param}(v{join}i): branch -> block{next}, block{last}
        block{next}: branch -> block1(v{join}i)
        block{last}: ret use v{join}i reg
        }}",
        param = WAYS + 2,
        join = WAYS + 3,
        new = WAYS + 4,
        temp = WAYS + 5,
        next = WAYS + 3,
        last = WAYS + 4,
        targets = targets.join(", "),
        ways = ways.join("\n"),
    );
    let insts = function.matches("op ").count() + function.matches("branch ").count();
    assert_eq!(loads(&function, 0..insts), 0);
}
