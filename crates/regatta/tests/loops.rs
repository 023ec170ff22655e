//! What the SSA allocator's thorough setting keeps in registers round a loop.

use regatta::{Algorithm, Edit, Options, check, run, text};

/// How often something is loaded next to the instructions `insts`.
#[track_caller]
fn loads(function: &str, insts: core::ops::Range<usize>) -> usize {
    let problem = text::parse(function).expect("well-formed").remove(0);
    let options = Options { algorithm: Algorithm::Thorough, ..Options::default() };
    let output = run(&problem.func, &problem.env, &options).expect("allocatable");
    check::check(&problem.func, &problem.env, &output).expect("correct");
    let is_load = |edit: &Edit| matches!(edit, Edit::Move { from, .. } if from.is_stack());
    output.edits.iter().filter(|(point, edit)| is_load(edit) && insts.contains(&point.inst().index())).count()
}

#[test]
fn what_a_header_leaves_out_makes_no_room_for_what_would_be_lost_in_turn() {
    let in_loop = loads(
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
          op use v0i reg, use v1i reg, use v2i reg
          op def v9i reg, def v10i reg, def v11i reg
          op use v9i reg, use v10i reg, use v11i reg
          branch -> block1
        block4:
          op def v12i reg, def v13i reg, def v14i reg
          op use v12i reg, use v13i reg, use v14i reg
          op use v3i reg, use v4i reg, use v5i reg
          branch -> block1 ; inst15
        block5:
          op use v0i reg, use v1i reg, use v2i reg
          ret use v3i reg, use v4i reg, use v5i reg
        }",
        3..16,
    );
    // Three wherever something is used. With v0i to v2i in registers at the header it is twelve, and with the others fifteen.
    assert_eq!(in_loop, 9);
}
