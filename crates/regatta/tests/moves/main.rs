//! Moves that the SSA allocator need not make. Each function is one where a slightly different choice costs more of them.

mod arguments;
mod memory;

use regatta::{Algorithm, Edit, Options, Output, check, run, text};

/// The moves in the blocks' order of the code, as the quick setting makes them: for each, the number of the instruction that it is next to.
/// (The thorough one needs no memory either.)
#[track_caller]
fn moves(function: &str) -> Vec<usize> {
    moves_by(Algorithm::Thorough, function);
    moves_by(Algorithm::Quick, function)
}

/// What the allocator makes of the function, checked.
#[track_caller]
fn allocated(algorithm: Algorithm, function: &str) -> Output {
    let problem = text::parse(function).expect("well-formed").remove(0);
    let options = Options { algorithm, ..Options::default() };
    let output = run(&problem.func, &problem.env, &options).expect("allocatable");
    check::check(&problem.func, &problem.env, &output).expect("correct");
    output
}

#[track_caller]
fn moves_by(algorithm: Algorithm, function: &str) -> Vec<usize> {
    let output = allocated(algorithm, function);
    let in_registers = |edit: &Edit| matches!(edit, Edit::Move { from, to } if from.is_reg() && to.is_reg());
    assert!(output.edits.iter().all(|(_, edit)| in_registers(edit)), "{algorithm:?} uses memory");
    output.edits.iter().map(|(point, _)| point.inst().index()).collect()
}

#[test]
fn what_a_call_wants_is_made_where_it_is_wanted_if_who_is_there_must_leave() {
    let places = moves(
        "machine { int preferred p0i-p5i, non_preferred p6i-p8i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i)
          op def v1i reg
          op use v1i fixed(p0i) clobbers p0i-p5i
          ret use v0i reg
        }",
    );
    assert_eq!(places.len(), 1, "{places:?}");
}

#[test]
fn what_is_wanted_behind_a_loop_does_not_make_anybody_leave_within() {
    let places = moves(
        "machine { int preferred p0i-p5i, non_preferred p6i-p8i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i)
          branch -> block1
        block1:
          op def v1i reg, use v0i reg
          branch use v1i reg -> block2, block3
        block2:
          branch -> block1
        block3:
          op use v1i fixed(p0i) clobbers p0i-p5i
          ret use v0i reg
        }",
    );
    assert!(places.iter().all(|inst| !(2..=4).contains(inst)), "{places:?}");
}

#[test]
fn a_rotation_of_two_parameters_takes_one_move() {
    let places = moves(
        "machine { int preferred p0i-p5i, slot 1 }
        function {
        block0:
          op def v0i reg, def v1i reg
          branch -> block1(v0i, v1i)
        block1(v2i, v3i):
          op use v2i reg, use v3i reg
          op def v4i reg, use v3i reg
          branch use v4i reg -> block2, block3
        block2:
          branch -> block1(v3i, v4i)
        block3:
          ret
        }",
    );
    assert_eq!(places.len(), 1, "{places:?}");
}

#[test]
fn two_that_would_have_to_change_places_are_made_in_a_third() {
    let places = moves(
        "machine { int preferred p0i-p5i, slot 1 }
        function {
        block0:
          op def v0i reg, def v1i reg
          branch -> block1(v0i, v1i)
        block1(v2i, v3i):
          op def v4i reg, use v2i reg
          op def v5i reg, use v3i reg
          branch -> block2, block3
        block2:
          branch -> block1(v5i, v4i)
        block3:
          ret
        }",
    );
    // v4i is where v2i was; were v5i where v3i was, they would take three moves.
    assert_eq!(places.len(), 2, "{places:?}");
}

#[test]
fn the_parameter_that_a_value_becomes_most_often_decides_on_its_register() {
    // v4 becomes v2 around the inner loop, and v1 around the outer one.
    let places = moves(
        "machine { int preferred p0i-p5i, slot 1 }
        function {
        block0:
          op def v0i fixed(p3i)
          branch -> block1(v0i)
        block1(v1i):
          op use v1i reg, def v5i fixed(p1i)
          branch -> block2(v5i)
        block2(v2i):
          op use v2i reg
          op def v4i reg
          branch use v4i reg -> block3, block4
        block3:
          branch -> block2(v4i)
        block4:
          branch use v4i reg -> block5, block6
        block5:
          branch -> block1(v4i)
        block6:
          ret
        }",
    );
    assert!(places.iter().all(|&inst| inst >= 8), "{places:?}");
}

#[test]
fn what_becomes_a_parameter_by_way_of_another_is_made_in_its_register() {
    let places = moves(
        "machine { int preferred p0i-p5i, slot 1 }
        function {
        block0:
          op def v0i fixed(p1i)
          branch -> block1(v0i)
        block1(v1i):
          branch use v1i reg -> block2, block3
        block2:
          op def v2i reg
          branch -> block4(v2i)
        block3:
          op def v3i reg
          branch -> block4(v3i)
        block4(v4i):
          branch use v4i reg -> block5, block6
        block5:
          branch -> block1(v4i)
        block6:
          ret
        }",
    );
    assert_eq!(places, []);
}

#[test]
fn a_copy_that_a_two_address_instruction_leaves_is_made_where_it_is_wanted() {
    // (The wish is from beyond a block.)
    let places = moves_by(
        Algorithm::Thorough,
        "machine { int preferred p0i-p5i, slot 1 }
        function {
        block0:
          op def v0i fixed(p1i)
          branch -> block1(v0i)
        block1(v1i):
          op use v1i reg, def v2i reuse(0)
          branch use v2i reg -> block2, block3
        block2:
          op use v1i fixed(p2i)
          branch -> block1(v2i)
        block3:
          ret
        }",
    );
    assert_eq!(places.len(), 1, "{places:?}");
}

#[test]
fn arguments_that_wait_for_one_another_move_once() {
    let places = moves(
        "machine { int preferred p0i-p5i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i), def v1i fixed(p1i), def v2i fixed(p2i)
          op use v0i fixed(p1i), use v1i fixed(p2i)
          ret use v2i reg
        }",
    );
    assert_eq!(places.len(), 3, "{places:?}");
}

#[test]
fn what_lives_through_a_loop_does_not_do_so_in_the_register_that_its_calls_return_in() {
    let places = moves(
        "machine { int preferred p0i-p5i, non_preferred p6i-p8i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i)
          branch -> block1
        block1:
          op def v1i fixed(p0i) clobbers p1i-p5i
          branch use v1i reg -> block2, block3
        block2:
          op use v0i reg
          branch -> block1
        block3:
          ret
        }",
    );
    assert_eq!(places, [1]);
}

#[test]
fn what_no_register_survives_for_begins_no_dear_one() {
    let function = "machine { int preferred p3i-p8i, non_preferred p0i-p2i, slot 1 }
        function {
        block0:
          op def v0i reg
          op clobbers p0i-p8i
          ret use v0i reg
        }";
    let problem = text::parse(function).expect("well-formed").remove(0);
    let output = run(&problem.func, &problem.env, &Options::default()).expect("allocatable");
    let dear = problem.env.non_preferred_regs_by_class[0];
    let registers = output.allocs.iter().filter_map(|place| place.as_reg());
    assert!(registers.clone().count() > 0 && registers.clone().all(|reg| !dear.contains(reg)));
}

#[test]
fn what_goes_round_a_loop_keeps_out_of_the_registers_that_it_contests() {
    // The parameter begins in p0i, which the division in the loop takes both its operand in and its result. One move before the loop
    // brings it elsewhere; and one brings the dividend, which lives on, to where it is divided.
    let places = moves(
        "machine { int preferred p0i-p7i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i)
          op def v1i reg
          branch -> block1(v0i)
        block1(v2i):
          op use v1i fixed(p0i), def v3i fixed(p0i)
          op def v4i reg, use v3i reg, use v2i reg
          branch use v4i reg -> block2, block3
        block2:
          op def v5i reg, use v2i reg
          branch -> block1(v5i)
        block3:
          ret use v2i reg
        }",
    );
    let branch_to_loop = 2;
    assert_eq!(places.iter().filter(|&&inst| inst > branch_to_loop).count(), 1, "{places:?}");
    assert_eq!(places.len(), 2, "{places:?}");
}

#[test]
fn a_join_follows_most_of_the_ways_to_it() {
    // The first way moves what was in p0i, for the sake of what it calls for; the others leave it there.
    let case = |number| format!("block{number}:\n op def v{number}i reg\n op use v{number}i reg\n branch -> block5\n");
    let places = moves(&format!(
        "machine {{ int preferred p0i-p3i, slot 1 }}
        function {{
        block0:
          op def v0i fixed(p0i)
          branch -> block1, block2, block3, block4
        block1:
          op def v1i fixed(p0i)
          op use v1i reg
          branch -> block5
        {}{}{}
        block5:
          ret use v0i reg
        }}",
        case(2),
        case(3),
        case(4)
    ));
    assert_eq!(places.len(), 2, "{places:?}");
}

#[test]
fn of_two_ways_to_a_join_it_follows_the_one_that_is_ready_for_the_next_call() {
    // One way calls, and has moved what lives on to p6i; the other has it where it was. Behind the join is another call.
    let places = moves(
        "machine { int preferred p0i-p5i, non_preferred p6i-p8i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i)
          op def v1i reg
          branch use v1i reg -> block1, block2
        block1:
          branch -> block3
        block2:
          op clobbers p0i-p5i
          branch -> block3
        block3:
          op use v0i reg clobbers p0i-p5i
          ret use v0i reg
        }",
    );
    // One on each way, and none behind.
    assert_eq!(places.len(), 2, "{places:?}");
}

#[test]
fn an_argument_is_made_where_its_parameter_will_survive() {
    let places = moves(
        "machine { int preferred p0i-p5i, non_preferred p6i-p8i, slot 1 }
        function {
        block0:
          op def v0i reg
          branch use v0i reg -> block1, block2
        block1:
          op def v1i reg
          branch -> block3(v1i)
        block2:
          op def v2i reg
          branch -> block3(v2i)
        block3(v3i):
          op use v3i reg clobbers p0i-p5i
          ret use v3i reg
        }",
    );
    assert_eq!(places, [] as [usize; 0]);
}

#[test]
fn of_two_ways_to_a_join_it_follows_the_one_that_is_where_it_is_wanted() {
    // What block2 makes in p0i makes v0i leave it for p1i, where it is wanted behind the join.
    let places = moves(
        "machine { int preferred p0i-p5i, non_preferred p6i-p8i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i)
          op def v1i reg
          branch use v1i reg -> block1, block2
        block1:
          branch -> block3
        block2:
          op def v2i fixed(p0i), use v0i fixed(p1i)
          op use v2i reg
          branch -> block3
        block3:
          op use v0i fixed(p1i)
          ret
        }",
    );
    assert_eq!(places.len(), 2, "{places:?}");
}

#[test]
fn a_register_that_is_written_in_any_case_costs_nothing_more() {
    // p3i must be saved, since v3i is made in it. So what has no room in p0i and p1i is made in p3i rather than p2i.
    let problem = text::parse(
        "machine { int preferred p0i-p1i, non_preferred p2i-p5i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i)
          op def v1i reg, use v0i reg
          op def v2i reg, use v0i reg, use v1i reg
          op use v0i reg, use v1i reg, use v2i reg
          op def v3i fixed(p3i)
          ret use v3i reg
        }",
    )
    .expect("well-formed")
    .remove(0);
    let output = run(&problem.func, &problem.env, &Options::default()).expect("allocatable");
    let written: std::collections::BTreeSet<_> =
        output.allocs.iter().filter_map(|place| place.as_reg()).map(|reg| reg.hw_enc()).collect();
    assert_eq!(written.into_iter().collect::<Vec<_>>(), [0, 1, 3]);
}

#[test]
fn where_a_parameter_and_its_argument_both_live_on_the_argument_stays() {
    // v0i goes round the outer loop, and begins the count of the inner one, each time.
    let places = moves(
        "machine { int preferred p0i-p7i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i)
          branch -> block1
        block1:
          op use v0i reg
          branch -> block2(v0i)
        block2(v1i):
          op def v2i reg, use v1i reg
          branch use v2i reg -> block3, block4
        block3:
          branch -> block2(v2i)
        block4:
          op use v2i reg
          branch use v2i reg -> block5, block6
        block5:
          branch -> block1
        block6:
          ret use v0i fixed(p0i)
        }",
    );
    // One on the way into the inner loop.
    assert_eq!(places.len(), 1, "{places:?}");
}
