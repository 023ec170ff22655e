//! Bounds of functions whose optimum is known, and of random ones, where no allocator may do better.

use super::{Bounded, bound, contradictions, differences};
use crate::oracle::tests::{LIVES_THROUGH, assert_same, problem};
use crate::oracle::{SAME, optimum};
use regatta_testing::random;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

fn bound_of(machine: &str, function: &str) -> f64 {
    bound(&problem(machine, function), LIMIT).expect("the function is one that can be expressed").expect("it is small")
}

const TWO: &str = "int preferred p0i p1i, slot 1";

#[test]
fn what_fits_costs_nothing() {
    assert_same(bound_of(TWO, "block0: op def v0i reg, def v1i reg  ret use v0i reg, use v1i reg"), 0.0);
}

#[test]
fn what_does_not_fit_is_stored_and_loaded() {
    let function = "block0: op def v0i reg, def v1i reg  op def v2i reg  op use v2i reg  ret use v0i reg, use v1i reg";
    assert_same(bound_of(TWO, function), 5.0);
    // From its slot, if that will do.
    let function = "block0: op def v0i reg, def v1i reg  op def v2i reg  op use v2i reg  ret use v0i reg, use v1i any";
    assert_same(bound_of(TWO, function), 3.0);
}

#[test]
fn what_calls_spoil_is_stored_or_lives_in_a_saved_register() {
    let machine = "int preferred p0i p1i, non_preferred p2i, slot 1";
    let calls = |count: usize| {
        let call = "op clobbers p0i p1i  op use v0i reg  ";
        format!("block0: op def v0i reg  {}ret", call.repeat(count))
    };
    assert_same(bound_of(machine, &calls(1)), 5.0);
    assert_same(bound_of(machine, &calls(3)), 5.0);
    assert_same(bound_of(TWO, &calls(3)), 13.0);
}

#[test]
fn what_lives_on_is_copied() {
    let copies = "op use v0i reg, def v1i reuse(0)  op use v0i reg, def v2i reuse(0)";
    let function = format!("block0: op def v0i reg  {copies}  ret use v0i reg");
    assert_same(bound_of(TWO, &function), 0.4);
    // One copy in front of the fork does for both ways.
    let function = "block0: op def v0i reg  branch -> block1, block2
        block1: op use v0i reg, def v1i reuse(0)  ret use v0i reg, use v1i reg
        block2: op use v0i reg, def v2i reuse(0)  ret use v0i reg, use v2i reg";
    assert_same(bound_of(TWO, function), 0.2);
}

#[test]
fn a_copy_needs_a_register_beside_the_operands() {
    // v0i in two registers, and v1i: one too many for two, though one does behind the instruction.
    let function = "block0: op def v0i reg, def v1i reg  op use v0i reg, def v2i reuse(0), use v1i reg  op use v2i reg
        ret use v0i reg";
    assert_same(bound_of(TWO, function), 5.0);
    assert_same(bound_of("int preferred p0i-p2i, slot 1", function), 0.2);
}

#[test]
fn the_coldest_way_out_of_a_loop_is_taken() {
    assert_same(bound_of(TWO, LIVES_THROUGH), 5.0);
}

#[test]
fn a_parameter_in_memory_is_passed_on_for_nothing() {
    // The loop has two registers for two values that it uses, and one that it passes on.
    let function = "block0: op def v0i reg, def v1i reg  branch -> block1(v1i)
        block1(v2i): op def v3i reg, use v0i reg  op use v3i reg, use v0i reg  branch -> block2, block3
        block2: branch -> block4(v2i)
        block3: op def v4i reg  branch -> block4(v4i)
        block4(v5i): branch -> block5, block6
        block5: branch -> block1(v5i)
        block6: ret use v5i reg";
    // v1i is stored in front of the loop, and v5i loaded behind it. That v5i is stored each time round, the bound does not see: the
    // coldest place where it is alive is behind the loop.
    assert_same(bound_of(TWO, function), 1.0 + 1.0 + 4.0);
}

#[test]
fn no_allocation_of_a_random_function_costs_less() {
    for seed in 0..400 {
        let problem = random::problem(seed);
        let Ok(bounded) = Bounded::new(seed as usize, &problem, LIMIT) else { continue };
        assert_eq!(bounded.accepted[..3], [true; 3], "seed {seed}: thorough, quick, best");
        if seed < 60 && problem.func.insts.len() <= 14 {
            let optimum = optimum(&problem, LIMIT).expect("the function is one that can be expressed");
            let best = optimum.found.map_or(f64::INFINITY, |(cost, _)| cost.total);
            assert!(bounded.known() < best + SAME, "seed {seed}: {} for {best}", bounded.known());
        }
        assert_eq!(contradictions("random", &[bounded]), [""; 0]);
    }
}

#[test]
fn it_tells_where_the_loads_are() {
    // Three values in two registers: one is loaded, by whoever allocates, before the loop.
    let function = "block0: op def v0i reg, def v1i reg  op def v2i reg  op use v2i reg  branch -> block1
        block1: op use v0i reg, use v1i reg  branch -> block1";
    let table = differences(&problem(TWO, function), LIMIT, 1, 0).expect("it can be expressed");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..5], ["block", "weight", "more", "thorough", "bound"]);
    assert_eq!(rows.len(), 2, "{table}");
    assert_eq!(rows[1][..5], ["block0", "1", "0", "1.00", "1.00"], "{table}");
    assert!(rows[1][5].starts_with('v'), "{table}");
    let table = differences(&problem(TWO, function), LIMIT, 0, 9).expect("it can be expressed");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..6], ["loop", "blocks", "weight", "more", "thorough", "bound"]);
    assert_eq!(
        rows[1..],
        [["none", "1", "1", "0", "1.00", "1.00"], ["block1", "1", "10", "0", "0.00", "0.00"]],
        "{table}"
    );
}
