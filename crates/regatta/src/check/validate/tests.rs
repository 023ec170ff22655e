//! Each way in which an input can be wrong, once.

use super::validate;
use crate::error::Error;
use crate::ir::{
    Block, Func, FuncBuilder, Inst, InstData, InstKind, InstRange, MachineEnv, Operand, OperandConstraint, OperandKind,
    OperandPos, PReg, PRegSet, RegClass, VReg,
};
use alloc::vec;

fn env() -> MachineEnv {
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b1111);
    env
}

fn reg(number: usize) -> PReg {
    PReg::new(number, RegClass::Int)
}

/// A diamond: block 0 branches to 1 and 2, which pass a value on to 3.
fn diamond() -> (Func, [VReg; 3]) {
    let mut b = FuncBuilder::new();
    let (x, y, p) = (b.vreg(RegClass::Int), b.vreg(RegClass::Int), b.vreg(RegClass::Int));
    let blocks = [b.block(&[]), b.block(&[]), b.block(&[]), b.block(&[p])];
    b.op(blocks[0], &[Operand::reg_def(x)]);
    b.branch(blocks[0], &[], &[(blocks[1], &[]), (blocks[2], &[])]);
    b.op(blocks[1], &[Operand::reg_def(y), Operand::reg_use(x)]);
    b.branch(blocks[1], &[], &[(blocks[3], &[y])]);
    b.branch(blocks[2], &[], &[(blocks[3], &[x])]);
    b.ret(blocks[3], &[Operand::reg_use(p)]);
    (b.finish(), [x, y, p])
}

/// What is found in the diamond when it has been broken.
fn found(break_it: impl FnOnce(&mut Func)) -> Error {
    let (mut func, _) = diamond();
    assert_eq!(validate(&func, &env()), Ok(()));
    break_it(&mut func);
    validate(&func, &env()).expect_err("the function is broken")
}

/// What is found in an instruction with these operands.
fn found_in(operands: &[Operand]) -> Result<(), Error> {
    let (mut func, _) = diamond();
    func.num_vregs = 20;
    func.insts[0].operands.extend_from_slice(operands);
    validate(&func, &env())
}

fn bad_constraint(operands: &[Operand]) {
    assert!(matches!(found_in(operands), Err(Error::BadConstraint { inst: Inst(0), .. })), "{operands:?}");
}

#[test]
fn blocks_and_edges() {
    let block = Block::new;
    assert!(matches!(found(|f| f.entry = block(9)), Error::NoSuchBlock { .. }));
    assert!(matches!(found(|f| f.entry = block(3)), Error::EntryParams { .. } | Error::CriticalEdge { .. }));
    assert!(matches!(found(|f| f.blocks[1].succs[0] = block(7)), Error::NoSuchBlock { .. }));
    assert!(matches!(found(|f| f.blocks[3].preds.clear()), Error::EdgeMismatch { .. }));
    let overlap = InstRange::new(Inst(1), Inst(4));
    assert!(matches!(found(|f| f.blocks[1].insts = overlap), Error::BadBlockRange { .. }));
    assert!(matches!(found(|f| f.insts[0].kind = InstKind::Ret), Error::BadTerminator { inst: Inst(0), .. }));
    assert!(matches!(found(|f| f.insts[1].kind = InstKind::Plain), Error::BadTerminator { inst: Inst(1), .. }));
    let critical = found(|f| {
        f.blocks[0].succs[1] = block(3);
        f.blocks[0].args[1] = vec![VReg::new(0, RegClass::Int)];
        f.derive_preds();
    });
    assert_eq!(critical, Error::CriticalEdge { from: block(0), to: block(3) });
    let operands = found(|f| f.insts[4].operands.push(Operand::reg_use(VReg::new(0, RegClass::Int))));
    assert_eq!(operands, Error::BranchOperands { inst: Inst(4) });
    let clobbers = found(|f| f.insts[4].clobbers.add(reg(1)));
    assert_eq!(clobbers, Error::BranchOperands { inst: Inst(4) });
    let entry = found(|f| {
        f.blocks[0].params.push(VReg::new(3, RegClass::Int));
        f.num_vregs = 4;
    });
    assert_eq!(entry, Error::EntryParams { block: block(0) });
}

#[test]
fn what_ends_a_block_defines_nothing_in_foreign_registers() {
    let in_register = |number| {
        let (mut func, _) = diamond();
        func.num_vregs = 20;
        func.insts[1].operands.push(Operand::reg_fixed_def(VReg::new(5, RegClass::Int), reg(number)));
        validate(&func, &env())
    };
    assert_eq!(in_register(3), Ok(()));
    assert!(matches!(in_register(9), Err(Error::BadConstraint { inst: Inst(1), .. })));
}

/// Blocks whose numbers are not in the order of their code are allocated, checked and labelled like others.
#[test]
fn blocks_in_any_order() {
    let problem = crate::text::parse(
        "machine { int preferred p0i-p3i, slot 1 }
        function entry block2 {
        block2: op def v0i reg branch -> block1
        block0: ret use v0i reg
        block1: op use v0i reg branch -> block0
        debug 7 v0i from inst0 to inst5
        }",
    );
    let problem = problem.expect("well-formed").remove(0);
    validate(&problem.func, &problem.env).expect("valid");
    for algorithm in crate::Algorithm::ALL {
        let options = crate::Options { algorithm, validate: true, ..crate::Options::default() };
        let output = crate::run(&problem.func, &problem.env, &options).expect("allocatable");
        crate::check::check(&problem.func, &problem.env, &output).expect("right");
        assert!(!output.debug_locations.is_empty());
    }
}

#[test]
fn values() {
    let (_, [x, y, p]) = diamond();
    assert!(matches!(found(|f| f.blocks[1].args[0].clear()), Error::ArgumentCount { params: 1, args: 0, .. }));
    assert!(matches!(found(|f| f.num_vregs = 2), Error::NoSuchVReg { .. }));
    let again = found(|f| f.insts[2].operands.push(Operand::reg_def(x)));
    assert_eq!(again, Error::MultipleDefs { vreg: x, inst: Some(Inst(2)) });
    let undefined = found(|f| f.insts[0].operands.clear());
    assert!(matches!(undefined, Error::Undefined { vreg, inst: Some(_) } if vreg == x));
    let elsewhere = found(|f| f.blocks[2].args[0] = vec![y]);
    assert_eq!(elsewhere, Error::NotDominated { vreg: y, inst: Inst(4) });
    let before = found(|f| f.insts[0].operands.push(Operand::reg_use(x)));
    assert_eq!(before, Error::NotDominated { vreg: x, inst: Inst(0) });
    let class = found(|f| f.insts[5].operands = vec![Operand::reg_use(VReg::new(p.vreg(), RegClass::Float))]);
    assert!(matches!(class, Error::ClassMismatch { .. }));
}

#[test]
fn constraints() {
    let v = |n| VReg::new(n, RegClass::Int);
    let early_def = |n, to| Operand::new(v(n), OperandConstraint::FixedReg(to), OperandKind::Def, OperandPos::Early);
    bad_constraint(&[Operand::reg_reuse_def(v(5), 9)]);
    bad_constraint(&[Operand::reg_reuse_def(v(5), 0)]);
    bad_constraint(&[Operand::reg_fixed_def(v(5), reg(1)), Operand::reg_fixed_def(v(6), reg(1))]);
    bad_constraint(&[early_def(5, reg(1)), Operand::reg_fixed_def(v(6), reg(1))]);
    let many: vec::Vec<_> = (5..9).map(|n| Operand::reg_def(v(n))).collect();
    assert_eq!(found_in(&many), Err(Error::TooManyLiveRegs { inst: Inst(0), class: RegClass::Int }));
    let nowhere = found(|f| f.insts[2].clobbers = (0..64).map(reg).collect());
    assert_eq!(nowhere, Error::TooManyLiveRegs { inst: Inst(2), class: RegClass::Int });
    let float = [Operand::reg_def(VReg::new(5, RegClass::Float))];
    assert!(found_in(&float).is_err(), "the machine has no float registers");
    let clobbered = found(|f| {
        f.num_vregs = 4;
        let operands = vec![Operand::reg_fixed_def(v(3), reg(2))];
        f.insts[2] = InstData { operands, clobbers: PRegSet::empty().with(reg(2)), ..f.insts[2].clone() };
        f.insts[2].operands.push(Operand::reg_def(v(1)));
    });
    assert!(matches!(clobbered, Error::BadConstraint { inst: Inst(2), .. }));
}

#[test]
fn what_is_taken_over_takes_a_register_early_as_well() {
    let verdict = |also_used: usize| {
        let mut b = FuncBuilder::new();
        let block = b.block(&[]);
        let [first, second, sum] = [(); 3].map(|()| b.vreg(RegClass::Int));
        b.op(block, &[Operand::any_def(first)]);
        b.op(block, &[Operand::any_def(second)]);
        let also_used = [first, second][also_used];
        b.op(block, &[Operand::reg_use(also_used), Operand::any_use(second), Operand::reg_reuse_def(sum, 1)]);
        b.ret(block, &[]);
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 1);
        validate(&b.finish(), &env)
    };
    assert_eq!(verdict(0), Err(Error::TooManyLiveRegs { inst: Inst(2), class: RegClass::Int }));
    assert_eq!(verdict(1), Ok(()), "one register for one value");
}

#[test]
fn environments() {
    let (func, _) = diamond();
    let bad = |break_it: fn(&mut MachineEnv)| {
        let mut env = env();
        break_it(&mut env);
        assert!(matches!(validate(&func, &env), Err(Error::BadEnv { .. })), "{env:?}");
    };
    bad(|env| env.non_preferred_regs_by_class[0].add(reg(1)));
    bad(|env| env.scratch_by_class[0] = Some(reg(1)));
    bad(|env| env.scratch_by_class[1] = Some(reg(9)));
    bad(|env| env.fixed_stack_slots.push(reg(1)));
    bad(|env| env.fixed_stack_slots = vec![reg(9), reg(9)]);
    bad(|env| env.preferred_regs_by_class[0].add(PReg::new(1, RegClass::Float)));
}

#[test]
fn slots_labels_and_frequencies() {
    assert!(matches!(found(|f| f.spillslot_size[0] = 3), Error::BadSlotSize { class: RegClass::Int, size: 3 }));
    let x = VReg::new(0, RegClass::Int);
    assert!(matches!(found(|f| f.debug_labels.push((x, Inst(3), Inst(1), 0))), Error::BadLabel { index: 0, .. }));
    assert!(matches!(found(|f| f.debug_labels.push((x, Inst(0), Inst(99), 0))), Error::BadLabel { index: 0, .. }));
    let float = VReg::new(0, RegClass::Float);
    assert!(matches!(found(|f| f.debug_labels.push((float, Inst(0), Inst(1), 0))), Error::BadLabel { index: 0, .. }));
    let one = crate::Frequency::new(1.0).expect("a frequency");
    assert!(matches!(found(|f| f.frequencies.push(one)), Error::BadFrequency { .. }));
}
