//! What the SSA allocator's thorough setting loads in front of forks.

use regatta::{Algorithm, Edit, FrequencyModel, Options, check, run, text};

/// The instructions next to which something is loaded.
#[track_caller]
fn loads(blocks: &str, frequencies: FrequencyModel) -> Vec<usize> {
    // Two values that a call has taken from their registers, where control forks.
    let function = format!(
        "machine {{ int preferred p0i-p4i, slot 1 }}
        function {{
        block0:
          op def v0i reg, def v1i reg
          op clobbers p0i-p4i ; inst1
          branch -> block1, block2 ; inst2
        {blocks}
        }}"
    );
    let problem = text::parse(&function).expect("well-formed").remove(0);
    let options = Options { algorithm: Algorithm::Thorough, frequencies, ..Options::default() };
    let output = run(&problem.func, &problem.env, &options).expect("allocatable");
    check::check(&problem.func, &problem.env, &output).expect("correct");
    let is_load = |edit: &Edit| matches!(edit, Edit::Move { from, .. } if from.is_stack());
    output.edits.iter().filter(|(_, edit)| is_load(edit)).map(|(point, _)| point.inst().index()).collect()
}

const BY_DEPTH: FrequencyModel = FrequencyModel::LoopDepth;

#[test]
fn one_load_serves_two_ways() {
    let blocks = "
        block1: ; inst3
          op use v0i reg
          ret
        block2: ; inst5
          op use v0i reg, use v1i reg
          ret";
    assert_eq!(loads(blocks, BY_DEPTH), [2, 5]);
    assert_eq!(loads(blocks, FrequencyModel::Estimated), [3, 5, 5]);
}

#[test]
fn one_load_serves_a_way_and_what_follows_on_all() {
    let blocks = "
        block1: ; inst3
          op use v0i reg
          branch -> block3
        block2: ; inst5
          branch -> block3
        block3: ; inst6
          op use v0i reg
          ret";
    assert_eq!(loads(blocks, BY_DEPTH), [2]);
}

#[test]
fn a_use_behind_all_ways_has_its_load_there() {
    let blocks = "
        block1: ; inst3
          op
          branch -> block3
        block2: ; inst5
          branch -> block3
        block3: ; inst6
          op
          op use v0i reg ; inst7
          ret";
    assert_eq!(loads(blocks, BY_DEPTH), [7]);
}

#[test]
fn a_use_behind_a_call_does_not_count() {
    let blocks = "
        block1: ; inst3
          op use v0i reg
          ret
        block2: ; inst5
          op clobbers p0i-p4i
          op use v0i reg ; inst6
          ret";
    assert_eq!(loads(blocks, BY_DEPTH), [3, 6]);
}

#[test]
fn two_ways_of_three_are_enough_if_they_are_as_hot_as_the_fork() {
    // Of the ways out of block3, two use v0i. By the depth of loops each is as hot as the fork, and one load saves one.
    let blocks = "
        block1: ; inst3
          branch -> block3, block4, block5
        block2: ; inst4
          ret
        block3: ; inst5
          op use v0i reg
          ret
        block4: ; inst7
          op use v0i reg
          ret
        block5: ; inst9
          ret";
    assert_eq!(loads(blocks, BY_DEPTH), [3]);
    assert_eq!(loads(blocks, FrequencyModel::Estimated), [5, 7]);
}

#[test]
fn what_a_register_holds_stays_if_it_is_needed_as_soon() {
    let blocks = "
        block1: ; inst3
          op def v2i reg, def v3i reg, def v4i reg, def v5i reg, def v6i reg
          branch -> block3, block4
        block2: ; inst5
          ret
        block3: ; inst6
          op use v2i reg, use v3i reg, use v4i reg, use v5i reg, use v6i reg
          op use v0i reg ; inst7
          ret
        block4: ; inst9
          op use v2i reg, use v3i reg, use v4i reg, use v5i reg, use v6i reg
          op use v0i reg ; inst10
          ret";
    assert_eq!(loads(blocks, BY_DEPTH), [7, 10]);
}

#[test]
fn what_is_needed_much_later_gives_way() {
    let blocks = "
        block1: ; inst3
          op def v2i reg, def v3i reg, def v4i reg, def v5i reg, def v6i reg
          branch -> block3, block4 ; inst4
        block2: ; inst5
          ret
        block3: ; inst6
          op use v0i reg
          op op op op op op op op
          op use v2i reg, use v3i reg, use v4i reg, use v5i reg, use v6i reg ; inst15
          ret
        block4: ; inst17
          op use v0i reg
          op op op op op op op op
          op use v2i reg, use v3i reg, use v4i reg, use v5i reg, use v6i reg ; inst26
          ret";
    // On each way v0i would take the register of another, which is loaded again.
    assert_eq!(loads(blocks, BY_DEPTH), [4, 15, 26]);
}
