//! Operands of an instruction, each for itself and all together.

use crate::{int, parse, reg, verdict};
use regatta::{Operand, Problem, RegClass, VReg};
use std::fmt::Write;

/// A function whose second instruction is `inst`, behind one that defines v0i, v1i and v2f. What `inst` defines is v5i and upwards.
fn with(inst: &str) -> Problem {
    let mut problem = parse(&format!(
        "function {{
        block0:
          op def v0i any, def v1i any, def v2f any
          {inst}
          {}
        }}",
        if inst.contains("ret") { "" } else { "ret" }
    ));
    problem.func.num_vregs = 20;
    problem
}

/// What is said of each of these instructions, a line each.
fn verdicts(insts: &[&str]) -> String {
    let width = insts.iter().map(|inst| inst.len()).max().unwrap_or(0);
    insts.iter().map(|inst| format!("{inst:width$}  {}\n", verdict(&with(inst)))).collect()
}

#[test]
fn constraints_that_can_never_be_met() {
    let report = verdicts(&[
        "op use v0i reg",
        "op use v0i any, def v5v reg",
        "op use v0i any, def v5v any",
        "op use v0i any, def v5v fixed(p5v)",
        "op use v0i any, fixed p5v",
        "op use v0i any, def v5v stack",
        "op use v0i any, use v1i limit(1)",
        "op use v0i any, use v1i limit(2)",
        "op use v0i any, use v1i fixed(p63i)",
        "op use v0i any, use v1i fixed(p62i)",
        "op use v0i any, use v1i fixed(p5i)",
        "op fixed p5i, use v0i any",
        "op use v0i any, fixed p4i",
        "ret use v0i any, def v5i fixed(p4i)",
        "ret use v0i any, def v5i fixed(p5i)",
        "ret use v0i any, def v5i fixed(p9i)",
        "ret use v0i any, use v1i fixed(p5i)",
        "op use v0i any, def v5i fixed(p5i)",
    ]);
    insta::assert_snapshot!(report);
}

#[test]
fn reuse() {
    let report = verdicts(&[
        "op use v0i reg, def v5i reuse(0)",
        "op use v0i any, def v5i reuse(0)",
        "op use v0i limit(2), def v5i reuse(0)",
        "op use v0i fixed(p2i), def v5i reuse(0)",
        "op use v0i fixed(p5i), def v5i reuse(0)",
        "op use v0i stack, def v5i reuse(0)",
        "op use v0i fixed(p9i), def v5i reuse(0)",
        "op fixed p5i, def v5i reuse(0)",
        "op use v0i reg, use v1i reuse(0)",
        "op use v0i reg, early def v5i reuse(0)",
        "op use v0i reg, def v5i reuse(2)",
        "op use v0i reg, def v5i reuse(1)",
        "op late use v0i reg, def v5i reuse(0)",
        "op def v5i reg, def v6i reuse(0)",
        "op use v0i reg, def v5f reuse(0)",
        "op use v0i reg, def v5i reuse(0), def v6i reuse(0)",
        "op use v0i reg, use v1i reg, def v5i reuse(0), def v6i reuse(1)",
        "op use v0i fixed(p2i), def v5i reuse(0), def v6i fixed(p2i)",
        "op use v0i fixed(p2i), def v5i reuse(0) clobbers p2i",
        "op use v0i fixed(p2i), def v5i reg clobbers p2i",
        "op late use v0i fixed(p2i) clobbers p2i",
        "op def v5i fixed(p2i) clobbers p2i",
        "op early def v5i fixed(p2i) clobbers p2i",
    ]);
    insta::assert_snapshot!(report);
}

/// Two definitions of one value, where an instruction may have them, in places of every kind.
#[test]
fn one_value_for_two() {
    let constraints = ["any", "reg", "stack", "limit(4)", "fixed(p2i)", "fixed(p5i)", "fixed(p9i)", "reuse(0)"];
    let mut table = String::new();
    for (n, one) in constraints.iter().enumerate() {
        for other in &constraints[n..] {
            for early in ["", "early "] {
                let inst =
                    format!("op use v0i reg, def v5i {one}, use v1i any, {early}def v5i {other} ret use v5i any");
                let mut problem = with(&inst);
                problem.func.multiple_defs = true;
                writeln!(table, "{:10} {:16} {}", one, early.to_owned() + other, verdict(&problem))
                    .expect("text grows");
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn several_values_for_one_input() {
    let verdict = |inst: &str| {
        let mut problem = with(inst);
        problem.func.multiple_defs = true;
        verdict(&problem)
    };
    assert_eq!(verdict("op use v0i reg, def v5i reuse(0), def v5i reuse(0)"), "right");
    let error = "operand 2 of inst1: another definition reuses the same operand";
    assert_eq!(verdict("op use v0i reg, def v5i reuse(0), def v6i reuse(0)"), error);
    let apart = "operand 3 of inst1: it defines a value that another operand defines in another place";
    assert_eq!(verdict("op use v0i reg, use v1i reg, def v5i reuse(0), def v5i reuse(1)"), apart);
    // A third definition must be where the first two are.
    let apart = "operand 2 of inst1: it defines a value that another operand defines in another place";
    assert_eq!(verdict("op def v5i any, def v5i fixed(p1i), def v5i fixed(p2i)"), apart);
}

#[test]
fn one_register_for_two_in_turn() {
    assert_eq!(verdict(&with("op use v0i fixed(p2i), def v5i any op use v1i fixed(p2i), def v6i fixed(p2i)")), "right");
}

/// Two values in one register, of every kind and at every step, and one value twice.
#[test]
fn one_register_for_two() {
    let operands = ["use v0i", "late use v0i", "early def v5i", "def v5i"];
    let others = ["use v1i", "late use v1i", "early def v6i", "def v6i"];
    let mut table = String::new();
    for first in operands {
        for second in operands.iter().chain(&others) {
            let inst = format!("op {first} fixed(p2i), {second} fixed(p2i)");
            let once = with(&inst);
            let mut often = with(&inst);
            often.func.multiple_defs = true;
            let (once, often) = (verdict(&once), verdict(&often));
            let often =
                if once == often { String::new() } else { format!("; if values may be defined twice: {often}") };
            writeln!(table, "{first:13} {second:13} {once}{often}").expect("text grows");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn more_than_there_are() {
    let report = verdicts(&[
        "op def v5i reg, def v6i reg, def v7i reg, def v8i reg",
        "op def v5i reg, def v6i reg, def v7i reg, def v8i reg, def v9i reg",
        "op def v5i reg, def v6i reg, def v7i reg, def v8i reg, def v9i any",
        "op def v5i reg, def v6i reg, def v7i reg, def v8i fixed(p5i), def v9i reg",
        "op def v5i reg, def v6i reg, def v7i reg clobbers p4i",
        "op def v5i reg, def v6i reg, def v7i reg clobbers p4i p5i p1f",
        "op def v5i reg, def v6i reg, def v7i reg clobbers p3i p4i",
        "op early def v5i reg, early def v6i reg, use v0i reg, use v1i reg, def v9i any clobbers p3i p4i",
        "op early def v5i reg, early def v6i reg, use v0i reg, use v1i reg, def v9i reg clobbers p3i p4i",
        "op early def v5i reg, early def v6i reg, early def v7i reg, use v0i reg, use v1i reg",
        "op early def v5i reg, early def v6i reg, early def v7i reg, use v0i reg, use v0i reg",
        "op late use v0i reg, late use v1i reg, def v5i reg, def v6i reg",
        "op late use v0i reg, late use v1i reg, def v5i reg, def v6i reg, def v7i reg",
        "op use v0i reg, use v1i reg, def v5i reg, def v6i reg, def v7i reg, def v8i reg",
        "op use v0i limit(2), use v1i reg",
        "op use v0i limit(2), use v1i limit(2)",
        "op use v0i limit(2), use v0i limit(2)",
        "op use v0i limit(2), use v0i limit(4), use v1i limit(4), def v5i limit(4)",
        "op use v0i limit(2), use v1i limit(4), early def v5i limit(4), early def v6i limit(8)",
        "op use v0i limit(4), use v1i limit(4), early def v5i limit(4), early def v6i limit(4)",
        "op use v0i fixed(p1i), use v1i limit(2)",
        "op use v0i fixed(p1i), use v0i limit(2), use v1i limit(4)",
        "op use v0i fixed(p3i), use v0i limit(2), use v1i limit(2)",
        "op use v0i fixed(p3i), use v0i limit(2), use v1i limit(4), early def v5i reg",
        "op use v0i fixed(p3i), use v0i limit(2), use v1i limit(4), early def v5i reg, early def v6i reg",
        "op use v0i fixed(p1i), use v0i fixed(p2i), use v0i fixed(p3i), use v0i fixed(p4i), use v0i reg",
        "op use v0i fixed(p1i), use v0i fixed(p2i), use v0i fixed(p3i), use v0i fixed(p4i), use v1i reg",
        "op use v2f reg, def v5f reg",
        "op late use v2f reg, def v5f reg",
        "op use v0i any, use v1i reg, early def v5i reg, early def v6i reg, early def v7i reg",
        "op use v0i any, use v1i reg, early def v5i reg, early def v6i reg, early def v7i reg, def v8i reuse(0)",
    ]);
    insta::assert_snapshot!(report);
}

#[test]
fn more_operands_than_an_instruction_may_have() {
    let used = |times: usize| {
        let mut problem = with("op use v0i any");
        problem.func.insts[1].operands = vec![Operand::any_use(int(0)); times];
        verdict(&problem)
    };
    assert_eq!(used(4095), "right");
    assert_eq!(used(4096), "more than 4095 operands of an instruction");
}

/// Encodings that stand for nothing, which only [`Operand::from_bits`] makes.
#[test]
fn encodings() {
    let mut table = String::new();
    let plain = Operand::any_use(VReg::new(0, RegClass::Int)).bits();
    let verdict_of = |bits: u64| {
        let mut problem = with("op use v1i any");
        problem.func.insts[1].operands.push(Operand::from_bits(bits));
        verdict(&problem)
    };
    for class in 0..4u64 {
        writeln!(table, "class {class}: {}", verdict_of(plain | class << 32)).expect("text grows");
    }
    for field in [2, 3, 4, 15, 16, 22, 23, 31, 32] {
        writeln!(table, "constraint {field}: {}", verdict_of(plain | field << 36)).expect("text grows");
    }
    let aside = Operand::fixed_nonallocatable(reg(5)).bits();
    writeln!(table, "class 3 of a register aside: {}", verdict_of(aside | 3 << 32)).expect("text grows");
    for number in [1 << 30, 1 << 31] {
        writeln!(table, "number with bit {:#x}: {}", number, verdict_of(plain | number)).expect("text grows");
    }
    insta::assert_snapshot!(table);
}
