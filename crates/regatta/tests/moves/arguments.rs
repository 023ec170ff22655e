//! Moves of what calls want in their argument registers, and of what they return.

use super::{moves, moves_by};
use regatta::Algorithm;

const MACHINE: &str = "machine { int preferred p0i-p5i, non_preferred p6i-p8i, slot 1 }";

/// How many moves both settings make.
#[track_caller]
fn num_moves(body: &str) -> usize {
    let function = format!("{MACHINE} function {{ {body} }}");
    let (thorough, quick) = (moves_by(Algorithm::Thorough, &function).len(), moves(&function).len());
    assert_eq!(thorough, quick);
    quick
}

/// How many the thorough setting makes.
#[track_caller]
fn num_moves_thorough(body: &str) -> usize {
    moves_by(Algorithm::Thorough, &format!("{MACHINE} function {{ {body} }}")).len()
}

#[test]
fn who_is_in_an_arguments_register_goes_to_his_own() {
    let moves = num_moves(
        "block0:
          op def v0i fixed(p0i), def v1i fixed(p2i)
          op def v2i reg
          op use v0i fixed(p0i), use v2i fixed(p2i), use v1i fixed(p1i) clobbers p0i-p5i
          ret",
    );
    assert_eq!(moves, 1);
}

#[test]
fn those_in_one_anothers_way_go_one_after_the_other() {
    let moves = num_moves(
        "block0:
          op def v0i fixed(p1i), def v1i fixed(p2i), def v2i fixed(p3i)
          op def v3i reg
          op use v3i fixed(p1i), use v0i fixed(p2i), use v1i fixed(p3i), use v2i fixed(p4i) clobbers p0i-p5i
          ret",
    );
    assert_eq!(moves, 3);
}

#[test]
fn what_lives_while_an_argument_is_made_keeps_out_of_its_register() {
    let moves = num_moves_thorough(
        "block0:
          op def v0i fixed(p0i)
          op def v1i reg
          op def v2i reg, use v1i reg
          op def v3i reg, use v1i reg
          op use v0i fixed(p0i), use v2i fixed(p1i), use v3i fixed(p2i) clobbers p0i-p5i
          ret",
    );
    assert_eq!(moves, 0);
}

#[test]
fn what_joins_the_result_of_a_call_is_made_where_the_call_returns_it() {
    for (first, second) in [("block1", "block2"), ("block2", "block1")] {
        let moves = num_moves(&format!(
            "block0:
              op def v0i reg
              branch use v0i reg -> {first}, {second}
            block1:
              op def v1i fixed(p2i) clobbers p0i p1i p3i-p5i
              branch -> block3(v1i)
            block2:
              op def v2i reg
              branch -> block3(v2i)
            block3(v3i):
              ret use v3i reg"
        ));
        assert_eq!(moves, 0, "{first} first");
    }
}

#[test]
fn what_lives_across_a_call_on_one_of_two_ways_to_another_is_made_where_it_survives() {
    let moves = num_moves_thorough(
        "block0:
          op def v0i reg
          branch -> block1, block2
        block1:
          branch -> block3
        block2:
          op clobbers p0i-p5i
          branch -> block3
        block3:
          op use v0i fixed(p0i) clobbers p0i-p5i
          ret",
    );
    assert_eq!(moves, 1);
}

#[test]
fn of_two_ways_that_lead_to_arguments_in_one_register_the_one_without_a_call_before_has_it() {
    for (first, second) in [("block1", "block2"), ("block2", "block1")] {
        let moves = num_moves_thorough(&format!(
            "block0:
              op def v0i reg
              op def v1i reg
              branch -> {first}, {second}
            block1:
              branch -> block3
            block2:
              op use v1i fixed(p0i) clobbers p0i-p5i
              branch -> block3
            block3:
              op use v0i fixed(p0i) clobbers p0i-p5i
              ret"
        ));
        assert_eq!(moves, 1, "{first} first");
    }
}

#[test]
fn what_two_address_instructions_make_a_parameter_of_is_made_in_its_register() {
    let places = moves(
        "machine { int preferred p0i-p3i, slot 1 }
        function {
        block0:
          op def v0i reg
          branch use v0i reg -> block1, block2
        block1:
          op def v1i fixed(p2i)
          branch -> block3(v1i)
        block2:
          op def v2i reg
          op use v2i reg, def v3i reuse(0)
          op use v3i reg, def v4i reuse(0)
          branch -> block3(v4i)
        block3(v5i):
          ret use v5i reg
        }",
    );
    assert!(places.is_empty(), "{places:?}");
}

#[test]
fn what_the_next_block_wants_is_made_where_it_wants_it() {
    let moves = num_moves(
        "block0:
          op def v0i reg
          op def v1i reg
          branch use v1i reg -> block1, block2
        block1:
          op use v0i fixed(p2i) clobbers p0i-p5i
          ret
        block2:
          ret",
    );
    assert_eq!(moves, 0);
}
