//! Values that move, and where they are found.

use crate::ir::{Inst, PReg, RegClass};
use crate::output::{Allocation, ProgPoint};
use crate::{
    Algorithm, FuncBuilder, MachineEnv, Operand, OperandConstraint, OperandKind, OperandPos, Options, PRegSet, check,
    run,
};
use alloc::format;
use alloc::vec::Vec;

/// Three values in two registers: where the first is.
#[test]
fn a_value_is_followed_from_its_register_to_its_slot_and_back() {
    let mut b = FuncBuilder::new();
    let block = b.block(&[]);
    let values: Vec<_> = (0..3).map(|_| b.vreg(RegClass::Int)).collect();
    for &value in &values {
        b.op(block, &[Operand::reg_def(value)]);
    }
    b.op(block, &[Operand::reg_use(values[1]), Operand::reg_use(values[2])]);
    b.ret(block, &[Operand::reg_use(values[0])]);
    let mut func = b.finish();
    func.debug_labels = alloc::vec![(values[0], Inst::new(0), Inst::new(5), 7)];
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b11);
    for algorithm in [Algorithm::Thorough, Algorithm::Backtracking] {
        let output = run(&func, &env, &Options { algorithm, ..Options::default() }).expect("allocatable");
        check::check(&func, &env, &output).expect("right");
        let line = |(label, from, to, at): &(u32, ProgPoint, ProgPoint, Allocation)| {
            format!("{label}: {from} to {to} in {at}")
        };
        let found: Vec<_> = output.debug_locations.iter().map(line).collect();
        let expected = ["7: after inst0 to after inst2 in p0i", "7: after inst2 to before inst5 in stack0"];
        assert_eq!(found, expected, "{algorithm:?}");
    }
}

/// What a branch defines is stored on both ways behind it, and is in its slot where these meet.
#[test]
fn a_value_that_is_stored_on_all_ways_is_found_behind_them() {
    let mut b = FuncBuilder::new();
    let [entry, left, right, join] = [(); 4].map(|()| b.block(&[]));
    let value = b.vreg(RegClass::Int);
    b.branch(entry, &[Operand::reg_def(value)], &[(left, &[]), (right, &[])]);
    for way in [left, right] {
        let other = b.vreg(RegClass::Int);
        b.op(way, &[Operand::reg_def(other)]);
        b.branch(way, &[], &[(join, &[])]);
    }
    let other = b.vreg(RegClass::Int);
    b.op(join, &[Operand::reg_def(other)]);
    b.ret(join, &[Operand::reg_use(value)]);
    let mut func = b.finish();
    func.debug_labels = alloc::vec![(value, Inst::new(5), Inst::new(6), 7)];
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b1);
    for algorithm in Algorithm::ALL {
        let output = run(&func, &env, &Options { algorithm, ..Options::default() }).expect("allocatable");
        check::check(&func, &env, &output).expect("right");
        let places: Vec<_> =
            output.debug_locations.iter().map(|(_, from, to, at)| format!("{from} {to} {at}")).collect();
        assert_eq!(places, ["before inst5 before inst6 stack0"], "{algorithm:?}");
    }
}

/// Backtracking has a piece in memory between the two uses, whose load is left out: the register holds the value already.
#[test]
fn a_value_is_where_it_is_read() {
    let mut b = FuncBuilder::new();
    let [first, second] = [(); 2].map(|()| b.block(&[]));
    let [value, other] = [(); 2].map(|()| b.vreg(RegClass::Int));
    b.op(first, &[Operand::reg_def(value)]);
    let late = Operand::new(
        value,
        OperandConstraint::FixedReg(PReg::new(1, RegClass::Int)),
        OperandKind::Use,
        OperandPos::Late,
    );
    b.op(first, &[late, Operand::reg_def(other)]);
    b.branch(first, &[], &[(second, &[])]);
    b.op(second, &[Operand::reg_use(value)]);
    b.ret(second, &[]);
    let mut func = b.finish();
    func.debug_labels = alloc::vec![(value, Inst::new(2), Inst::new(4), 7)];
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b11);
    for algorithm in Algorithm::ALL {
        let output = run(&func, &env, &Options { algorithm, ..Options::default() }).expect("allocatable");
        check::check(&func, &env, &output).expect("right");
        let last = output.debug_locations.last().map(|(_, _, to, at)| format!("{to} {at}"));
        assert_eq!(last.as_deref(), Some("before inst4 p1i"), "{algorithm:?}");
    }
}

/// Two values that change places have but one register to go through, and wait in slots that are not their own.
#[test]
fn a_value_is_followed_through_the_slots_of_others() {
    let mut b = FuncBuilder::new();
    let block = b.block(&[]);
    let [x, y] = [(); 2].map(|()| b.vreg(RegClass::Int));
    b.op(block, &[Operand::reg_def(x)]);
    b.op(block, &[Operand::reg_def(y)]);
    b.op(block, &[Operand::reg_use(x)]);
    b.op(block, &[Operand::reg_use(y)]);
    b.ret(block, &[]);
    let mut func = b.finish();
    func.debug_labels = alloc::vec![(y, Inst::new(0), Inst::new(5), 7)];
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b1);
    for algorithm in [Algorithm::Thorough, Algorithm::Backtracking] {
        let output = run(&func, &env, &Options { algorithm, ..Options::default() }).expect("allocatable");
        check::check(&func, &env, &output).expect("right");
        let mut expected = ProgPoint::after(Inst::new(1));
        for &(_, from, to, _) in &output.debug_locations {
            assert_eq!(from, expected, "{algorithm:?}");
            expected = to;
        }
        assert!(expected >= ProgPoint::before(Inst::new(4)), "{algorithm:?}: {expected}");
    }
}
