//! What is in registers behind a join.

use regatta::{Algorithm, Allocation, Edit, Inst, Options, Output, PReg, RegClass, check, run, text};

#[track_caller]
fn allocate(algorithm: Algorithm, function: &str) -> Output {
    let problem = text::parse(function).expect("well-formed").remove(0);
    let output = run(&problem.func, &problem.env, &Options { algorithm, ..Options::default() }).expect("allocatable");
    check::check(&problem.func, &problem.env, &output).expect("correct");
    output
}

/// The moves for which this holds, each as the number of the instruction that it is next to.
fn moves(output: &Output, which: impl Fn(Allocation, Allocation) -> bool) -> Vec<usize> {
    let wanted = |edit: &Edit| matches!(*edit, Edit::Move { from, to } if which(from, to));
    output.edits.iter().filter(|(_, edit)| wanted(edit)).map(|(point, _)| point.inst().index()).collect()
}

#[test]
fn if_all_agree_on_more_than_there_is_room_for_who_is_needed_last_goes() {
    // Three values are where they were on both ways; the parameter is a fourth.
    let function = "machine { int preferred p0i-p2i, slot 1 }
        function {
        block0:
          op def v0i reg, def v1i reg, def v2i reg
          branch -> block1, block2
        block1:
          branch -> block3(v0i)
        block2:
          branch -> block3(v1i)
        block3(v3i):
          op use v3i reg, use v0i reg
          op use v3i reg, use v1i reg
          ret use v2i reg
        }";
    for algorithm in [Algorithm::Thorough, Algorithm::Quick] {
        let output = allocate(algorithm, function);
        assert_eq!(moves(&output, |from, _| from.is_stack()), [6], "{algorithm:?}: {:?}", output.edits);
    }
}

#[test]
fn what_all_agree_on_twice_stays_once() {
    // On both ways, v0i is in p0i and p1i. It stays in the first, and the second is free.
    let function = "machine { int preferred p0i-p3i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i)
          op use v0i fixed(p1i)
          branch -> block1, block2
        block1:
          op
          branch -> block3
        block2:
          op
          branch -> block3
        block3:
          op def v1i reg
          ret use v0i reg, use v1i reg
        }";
    for algorithm in [Algorithm::Thorough, Algorithm::Quick] {
        let output = allocate(algorithm, function);
        assert_eq!(moves(&output, |_, _| true), [1], "{algorithm:?}: {:?}", output.edits);
        let places = [0, 1].map(|reg| Allocation::reg(PReg::new(reg, RegClass::Int)));
        assert_eq!(output.inst_allocs(Inst::new(8)), places, "{algorithm:?}");
    }
}

#[test]
fn who_is_not_agreed_on_goes_where_there_is_room() {
    // One way has v1i in p1i, the other had to move it, and v0i is in p0i on both: one more move, on one of the two ways.
    let function = "machine { int preferred p0i-p3i, slot 1 }
        function {
        block0:
          op def v0i fixed(p0i)
          op def v1i fixed(p1i)
          branch -> block1, block2
        block1:
          op
          branch -> block3
        block2:
          op clobbers p1i
          branch -> block3
        block3:
          ret use v0i fixed(p0i), use v1i reg
        }";
    for algorithm in [Algorithm::Thorough, Algorithm::Quick] {
        let output = allocate(algorithm, function);
        let places = moves(&output, |from, to| from.is_reg() && to.is_reg());
        assert_eq!((places.len(), output.edits.len()), (2, 2), "{algorithm:?}: {:?}", output.edits);
    }
}
