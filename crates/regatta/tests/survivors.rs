//! Registers that must be saved for the caller, and for whom they are worth it.

use regatta::{Algorithm, Allocation, Edit, Options, PReg, RegClass, check, run, text};

/// How many of the registers `regs` an allocation uses, and how many moves there are.
#[track_caller]
fn used(algorithm: Algorithm, regs: core::ops::Range<usize>, function: &str) -> (usize, usize) {
    let machine = "machine { int preferred p0i-p5i, non_preferred p6i-p8i, slot 1 }";
    let problem = text::parse(&format!("{machine} {function}")).expect("well-formed").remove(0);
    let output = run(&problem.func, &problem.env, &Options { algorithm, ..Options::default() }).expect("allocatable");
    check::check(&problem.func, &problem.env, &output).expect("correct");
    let moves = output.edits.iter().map(|&(_, Edit::Move { from, to })| [from, to]);
    let places: Vec<Allocation> = output.allocs.iter().copied().chain(moves.flatten()).collect();
    let is_used = |&reg: &usize| places.contains(&Allocation::reg(PReg::new(reg, RegClass::Int)));
    (regs.filter(is_used).count(), output.edits.len())
}

#[test]
fn who_is_not_needed_behind_the_next_call_makes_room() {
    let function = "function {
        block0:
          op def v0i reg
          op clobbers p0i-p5i
          op def v1i reg
          op use v0i reg
          op use v0i reg
          op clobbers p0i-p5i
          ret use v1i reg
        }";
    for algorithm in [Algorithm::Thorough, Algorithm::Quick] {
        assert_eq!(used(algorithm, 6..9, function), (1, 1), "{algorithm:?}");
    }
}

#[test]
fn who_lives_across_the_next_call_stays() {
    let function = "function {
        block0:
          op def v0i reg
          op clobbers p0i-p5i
          op def v1i reg
          op use v0i reg
          op clobbers p0i-p5i
          op use v0i reg
          ret use v1i reg
        }";
    for algorithm in [Algorithm::Thorough, Algorithm::Quick] {
        assert_eq!(used(algorithm, 6..9, function), (2, 0), "{algorithm:?}");
    }
}

#[test]
fn nobody_makes_room_where_a_move_costs_more_than_the_register() {
    let function = "function {
        block0 freq 1:
          branch -> block1
        block1 freq 100:
          op def v0i reg
          op clobbers p0i-p5i
          op def v1i reg
          op use v0i reg
          op clobbers p0i-p5i
          branch use v1i reg -> block2, block3
        block2 freq 100:
          branch -> block1
        block3 freq 1:
          ret
        }";
    for algorithm in [Algorithm::Thorough, Algorithm::Quick] {
        assert_eq!(used(algorithm, 6..9, function), (2, 0), "{algorithm:?}");
    }
}
