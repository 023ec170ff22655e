//! The oracle's own tests: functions whose optimum is known, and random ones, where no allocator may do better.

use super::{Optimum, SAME, allocators, compare, optimum};
use regatta::{Problem, text};
use regatta_testing::random;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn problem(machine: &str, function: &str) -> Problem {
    let source = format!("machine {{ {machine} }}\nfunction {{\n{function}\n}}\n");
    let mut problems = text::parse(&source).expect("the text form of a function");
    problems.pop().expect("there is a function")
}

/// The optimum, which must have been found out.
fn solved(problem: &Problem) -> Optimum {
    let optimum = optimum(problem, LIMIT).expect("the function is one that can be expressed");
    assert!(optimum.solved);
    optimum
}

/// The optimum of a function where an allocation attains the bound.
fn exact(machine: &str, function: &str) -> f64 {
    let optimum = solved(&problem(machine, function));
    assert!(optimum.is_exact(), "{:?}", optimum.complaint);
    optimum.bound
}

pub(super) fn assert_same(cost: f64, expected: f64) {
    assert!((cost - expected).abs() < SAME, "{cost} for {expected}");
}

const THREE: &str = "int preferred p0i-p2i, non_preferred p3i, slot 1";

#[test]
fn nothing_is_paid_where_nothing_need_be() {
    let function = "block0: op def v0i reg  op def v1i reg, use v0i reg  ret use v1i reg";
    assert_same(exact(THREE, function), 0.0);
    assert_same(exact(THREE, "block0: ret"), 0.0);
}

#[test]
fn a_value_that_must_be_elsewhere_is_moved() {
    assert_same(exact(THREE, "block0: op def v0i fixed(p0i)  ret use v0i fixed(p1i)"), 0.2);
}

#[test]
fn a_copy_that_lives_on_is_a_move() {
    let function = "block0: op def v0i reg  op use v0i reg, def v1i reuse(0)  ret use v0i reg, use v1i reg";
    assert_same(exact(THREE, function), 0.2);
}

/// A value lives through a call and is used so many times, with a call before each.
fn calls(uses: usize) -> String {
    let call = "op clobbers p0i-p2i  op use v0i reg  ";
    format!("block0: op def v0i reg  {}ret", call.repeat(uses))
}

#[test]
fn across_one_call_memory_is_as_good_as_a_saved_register() {
    assert_same(exact(THREE, &calls(1)), 5.0);
}

#[test]
fn across_two_calls_the_saved_register_pays() {
    assert_same(exact(THREE, &calls(2)), 5.0);
    // Without one, it is stored once and loaded twice.
    assert_same(exact("int preferred p0i-p2i, slot 1", &calls(2)), 9.0);
}

/// Two registers for three values, one of which the loop does not use: stored before, loaded behind.
pub(super) const LIVES_THROUGH: &str = "block0: op def v0i reg  op def v1i reg  branch -> block1(v1i)
        block1(v2i): op def v3i reg, use v2i reg  branch use v3i reg -> block2, block3
        block2: op def v4i reg, use v3i reg, use v3i reg op use v4i reg, use v3i reg branch -> block1(v3i)
        block3: ret use v0i reg";

#[test]
fn the_coldest_way_out_of_a_loop_is_taken() {
    assert_same(exact("int preferred p0i p1i, slot 1", LIVES_THROUGH), 5.0);
}

#[test]
fn what_the_stack_serves_is_left_there() {
    // Of two values that live through a call, each is used once, as an operand that may be on the stack.
    let function = "block0: op def v0i reg  op def v1i reg  op clobbers p0i-p2i  ret use v0i any, use v1i any";
    // Two stores and two operands; or a saved register for one of them, which is dearer.
    assert_same(exact("int preferred p0i-p2i, non_preferred p3i, slot 1", function), 6.0);
}

#[test]
fn a_parameter_takes_over_its_arguments_slot() {
    // The loop carries a value through a call: each time round it is stored, loaded and made anew.
    let function = "block0: op def v0i reg  branch -> block1(v0i)
        block1(v1i): op clobbers p0i p1i  op use v1i reg, def v2i reuse(0)  branch use v2i reg -> block2, block3
        block2: branch -> block1(v2i)
        block3: ret";
    assert_same(exact("int preferred p0i p1i, slot 1", function), 10.0 * (1.0 + 4.0));
}

#[test]
fn an_exchange_costs_more_than_the_bound_tells() {
    let function = "block0: op def v0i reg, def v1i reg  branch -> block1(v0i, v1i)
        block1(v2i, v3i): op use v2i reg  branch use v3i reg -> block2, block3
        block2: branch -> block1(v3i, v2i)
        block3: ret";
    let optimum = solved(&problem(THREE, function));
    assert_same(optimum.bound, 10.0 * 2.0 * 0.2);
    let (cost, _) = optimum.found.expect("an allocation");
    assert_same(cost.total, 10.0 * 3.0 * 0.2);
}

#[test]
fn limits_and_fixed_places_hold() {
    let machine = "int preferred p0i-p2i, non_preferred p3i, slot 1";
    // Both want the one register below 1.
    assert_same(exact(machine, "block0: op def v0i limit(1)  op def v1i limit(1)  ret use v0i reg, use v1i reg"), 0.2);
    // An early definition keeps away from what is used, a late use from what is defined.
    let tight = "int preferred p0i p1i, slot 1";
    assert_same(exact(tight, "block0: op def v0i fixed(p0i)  op use v0i reg, early def v1i fixed(p0i)  ret"), 0.2);
    assert_same(exact(tight, "block0: op def v0i fixed(p0i)  op late use v0i reg, def v1i fixed(p0i)  ret"), 0.2);
    assert_same(exact(tight, "block0: op def v0i fixed(p0i)  op use v0i reg, def v1i fixed(p0i)  ret"), 0.0);
}

/// No allocator goes below the bound, the oracle's own allocation included, and the checkers accept that. Returns how many
/// programs were solved, and how many bounds attained.
fn nobody_does_better(seeds: impl Iterator<Item = u64>, max_insts: usize) -> (usize, usize) {
    let (mut solved, mut attained) = (0, 0);
    for seed in seeds {
        let problem = random::problem(seed);
        // An instruction that defines a value several times cannot be expressed.
        if problem.func.insts.len() > max_insts || problem.func.multiple_defs {
            continue;
        }
        let compared = compare("random", seed as usize, &problem, Duration::from_secs(2));
        let optimum = match &compared.optimum {
            Ok(optimum) => optimum,
            Err(error) => panic!("seed {seed}: {error:#}"),
        };
        for (allocator, cost) in allocators().into_iter().zip(&compared.costs) {
            if let Some(cost) = cost {
                let (name, total) = (allocator.name(), cost.total);
                assert!(total > optimum.bound - SAME, "seed {seed}: {name}: {total} below {}", optimum.bound);
            }
        }
        assert_eq!(optimum.complaint, None, "seed {seed}");
        if let Some((cost, _)) = &optimum.found {
            assert!(cost.total > optimum.bound - SAME, "seed {seed}: {cost:?} below {}", optimum.bound);
        }
        solved += usize::from(optimum.solved);
        attained += usize::from(optimum.is_exact());
    }
    (solved, attained)
}

#[test]
fn nobody_does_better_than_the_optimum() {
    let (solved, attained) = nobody_does_better(0..120, 14);
    assert!(solved >= 20 && attained >= 15, "{solved} solved, {attained} attained");
}

/// The same at length, for whoever changes the program.
#[test]
#[ignore = "takes half an hour"]
fn nobody_does_better_than_the_optimum_at_length() {
    let (solved, attained) = nobody_does_better(1000..4000, 30);
    println!("{solved} solved, {attained} attained");
}
