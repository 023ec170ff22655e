//! Where the SSA allocator's thorough setting stores what it needs again.

use regatta::{Algorithm, Edit, Options, check, run, text};

/// The stores, in the order of the code: for each, the number of the instruction that it is next to.
#[track_caller]
fn stores(function: &str) -> Vec<usize> {
    let problem = text::parse(function).expect("well-formed").remove(0);
    let options = Options { algorithm: Algorithm::Thorough, ..Options::default() };
    let output = run(&problem.func, &problem.env, &options).expect("allocatable");
    check::check(&problem.func, &problem.env, &output).expect("correct");
    let is_store = |edit: &Edit| matches!(edit, Edit::Move { to, .. } if to.is_stack());
    output.edits.iter().filter(|(_, edit)| is_store(edit)).map(|(point, _)| point.inst().index()).collect()
}

#[test]
fn what_few_ways_round_a_loop_change_is_stored_there() {
    let stores = stores(
        "machine { int preferred p0i-p3i, slot 1 }
        function {
        block0 freq 1.0:
          op def v0i reg
          op def v1i reg
          branch -> block1(v0i, v1i)
        block1(v2i, v3i) freq 8.0:
          op def v4i reg, use v2i reg, use v3i reg
          branch use v4i reg -> block2, block3, block4, block5
        block2 freq 2.0:
          op clobbers p0i-p3i
          branch -> block1(v2i, v3i)
        block3 freq 3.0:
          op clobbers p0i-p3i
          op def v5i reg, use v2i reg
          branch -> block1(v5i, v3i)
        block4 freq 2.0:
          op clobbers p0i-p3i
          op def v6i reg, use v3i reg
          branch -> block1(v2i, v6i)
        block5 freq 1.0:
          op clobbers p0i-p3i
          ret use v2i reg, use v3i reg
        }",
    );
    // Both on the way in, and each where it changes; not eight times in front of the switch.
    assert_eq!(stores, [2, 2, 9, 12]);
}

#[test]
fn what_changes_by_way_of_a_join_is_stored_where_it_changes() {
    // v2i goes to block5 as v6i, and back, on all ways but the one through block3.
    let stores = stores(
        "machine { int preferred p0i-p3i, slot 1 }
        function {
        block0 freq 1.0:
          op def v0i reg
          branch -> block1(v0i)
        block1(v2i) freq 8.0:
          op def v4i reg, use v2i reg
          branch use v4i reg -> block2, block3, block4
        block2 freq 5.0:
          op clobbers p0i-p3i
          branch -> block5(v2i)
        block3 freq 2.0:
          op def v5i reg
          branch -> block5(v5i)
        block4 freq 1.0:
          op clobbers p0i-p3i
          ret use v2i reg
        block5(v6i) freq 7.0:
          op clobbers p0i-p3i
          op use v6i reg
          branch -> block1(v6i)
        }",
    );
    assert_eq!(stores, [1, 7]);
}

#[test]
fn a_parameter_that_cannot_share_a_slot_with_its_arguments_is_stored_once() {
    // v2i is needed when v5i is in memory already: it would be copied from there to its slot, five times.
    let stores = stores(
        "machine { int preferred p0i-p3i, slot 1 }
        function {
        block0 freq 1.0:
          op def v0i reg
          branch -> block1(v0i)
        block1(v2i) freq 8.0:
          op def v4i reg, use v2i reg
          branch use v4i reg -> block2, block3, block4
        block2 freq 2.0:
          op clobbers p0i-p3i
          branch -> block1(v2i)
        block3 freq 5.0:
          op clobbers p0i-p3i
          op def v5i reg, use v2i reg
          op clobbers p0i-p3i
          op use v2i reg
          branch -> block1(v5i)
        block4 freq 1.0:
          op clobbers p0i-p3i
          ret use v2i reg
        }",
    );
    assert_eq!(stores, [3, 8]);
}

/// A value that is read in two unlikely blocks behind one that is executed `times` for each hundred times that the function is entered.
fn read_in_two_blocks_behind_one(times: u32) -> String {
    format!(
        "machine {{ int preferred p0i-p3i, slot 1 }}
        function {{
        block0 freq 100.0:
          op def v0i reg
          branch -> block1, block5
        block1 freq {times}.0:
          op
          branch -> block2, block3, block4
        block2 freq 1.0:
          op clobbers p0i-p3i
          branch use v0i reg
        block3 freq 1.0:
          op clobbers p0i-p3i
          branch use v0i reg
        block4 freq {}.0:
          ret
        block5 freq {}.0:
          ret
        }}",
        times - 2,
        100 - times,
    )
}

#[test]
fn what_is_stored_seldom_is_stored_once() {
    // Once in front of both, or before each: that is cheaper, but if the one is rare, nobody looks.
    assert_eq!(stores(&read_in_two_blocks_behind_one(10)), [4, 6]);
    assert_eq!(stores(&read_in_two_blocks_behind_one(4)), [3]);
}
