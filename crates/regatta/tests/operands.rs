//! What the allocators say of operands that make no sense, without the validator before them.

use regatta::{
    Algorithm, Error, Func, FuncBuilder, Function, Inst, MachineEnv, Operand, OperandConstraint, OperandKind,
    OperandPos, Options, PReg, PRegSet, RegClass, VReg, run,
};

const INST: Inst = Inst::new(1);

fn int(number: usize) -> VReg {
    VReg::new(number, RegClass::Int)
}

/// What all allocators say of an instruction with these operands, in a function that has defined value 0 and has registers of
/// class `Int`, number 3 apart.
#[track_caller]
fn verdict(operands: &[Operand], is_branch: bool) -> Option<Error> {
    let mut b = FuncBuilder::new();
    for class in [RegClass::Int, RegClass::Int, RegClass::Int, RegClass::Float] {
        b.vreg(class);
    }
    let entry = b.block(&[]);
    b.op(entry, &[Operand::reg_def(int(0))]);
    if is_branch {
        b.ret(entry, operands);
    } else {
        b.op(entry, operands);
        b.ret(entry, &[]);
    }
    let mut verdicts = verdicts(&b.finish(), &[RegClass::Int]);
    verdicts.sort_by_key(|verdict| format!("{verdict:?}"));
    assert_eq!(verdicts.first(), verdicts.last());
    verdicts[0].clone()
}

/// What each allocator says of a function, on a machine with three registers of each of these classes.
fn verdicts(func: &Func, classes: &[RegClass]) -> [Option<Error>; 4] {
    let mut env = MachineEnv::default();
    for &class in classes {
        env.preferred_regs_by_class[class.index()] = PRegSet::from_class_mask(class, 0b111);
    }
    Algorithm::ALL.map(|algorithm| run(func, &env, &Options { algorithm, ..Options::default() }).err())
}

fn why(operands: &[Operand]) -> (usize, &'static str) {
    match verdict(operands, false) {
        Some(Error::BadConstraint { inst: INST, operand, why }) => (operand, why),
        other => panic!("{operands:?}: {other:?}"),
    }
}

#[test]
fn values_that_are_none() {
    let use_of = |vreg| verdict(&[Operand::reg_use(int(0)), Operand::reg_use(vreg)], false);
    assert_eq!(use_of(int(0)), None);
    assert_eq!(use_of(int(4)), Some(Error::NoSuchVReg { vreg: int(4), inst: Some(INST) }));
    let other_class = VReg::new(0, RegClass::Float);
    assert_eq!(use_of(other_class), Some(Error::ClassMismatch { vreg: other_class, inst: Some(INST) }));
    let float = VReg::new(3, RegClass::Float);
    assert_eq!(use_of(float), Some(Error::TooManyLiveRegs { inst: INST, class: RegClass::Float }));
    assert_eq!(use_of(int(1)), Some(Error::Undefined { vreg: int(1), inst: Some(INST) }));
}

#[test]
fn a_class_that_is_none() {
    let fourth = |vreg| Operand::from_bits(Operand::reg_use(vreg).bits() | 3 << 32);
    for vreg in [0, 1] {
        assert!(verdict(&[fourth(int(vreg))], false).is_some(), "{vreg}");
    }
}

#[test]
fn registers_that_are_not_ours() {
    let aside = Operand::fixed_nonallocatable(PReg::new(3, RegClass::Int));
    assert_eq!(verdict(&[aside, Operand::reg_use(int(0)), aside], false), None);
}

#[test]
fn values_defined_more_than_once() {
    let twice = |vreg| Some(Error::MultipleDefs { vreg, inst: Some(INST) });
    assert_eq!(verdict(&[Operand::reg_def(int(0))], false), twice(int(0)));
    let [one, other] = [Operand::reg_def(int(1)), Operand::reg_def(int(2))];
    assert_eq!(verdict(&[one, other], false), None);
    assert_eq!(verdict(&[one, other, one], false), twice(int(1)));
    assert_eq!(
        verdict(&[one, other, Operand::reg_fixed_def(int(2), PReg::new(1, RegClass::Int))], false),
        twice(int(2))
    );
}

#[test]
fn registers_that_cannot_be_reused() {
    let reuse = |input| Operand::reg_reuse_def(int(1), input);
    let used = Operand::reg_use(int(0));
    assert_eq!(verdict(&[used, reuse(0)], false), None);
    let no_use = "it is to reuse the register of an operand that is no use";
    assert_eq!(why(&[used, reuse(2)]), (1, no_use));
    assert_eq!(why(&[used, reuse(1)]), (1, no_use));
    let by_a_use = Operand::new(int(0), OperandConstraint::Reuse(0), OperandKind::Use, OperandPos::Early);
    assert_eq!(why(&[used, by_a_use]), (1, no_use));
    let stack = Operand::new(int(0), OperandConstraint::Stack, OperandKind::Use, OperandPos::Early);
    assert_eq!(why(&[stack, reuse(0)]), (1, "it is to reuse the place of an operand on the stack or of another class"));
    let taken = "it is to reuse a register that another definition reuses, or that is not allocatable";
    assert_eq!(why(&[used, reuse(0), Operand::reg_reuse_def(int(2), 0)]), (2, taken));
    assert_eq!(why(&[Operand::fixed_nonallocatable(PReg::new(3, RegClass::Int)), reuse(0)]).1, taken);
}

#[test]
fn a_branch_defines_nothing_in_a_register_that_is_not_ours() {
    let def = |number| [Operand::reg_fixed_def(int(1), PReg::new(number, RegClass::Int))];
    assert_eq!(verdict(&def(2), true), None);
    assert_eq!(verdict(&def(3), false), None);
    let why = "a branch cannot define a value in a register that is not allocatable";
    assert_eq!(verdict(&def(3), true), Some(Error::BadConstraint { inst: INST, operand: 0, why }));
}

/// Two values are wanted in one register. The backtracking allocator alone does not notice.
#[test]
fn best_keeps_what_one_of_its_allocators_has_found_wrong() {
    let mut b = FuncBuilder::new();
    let block = b.block(&[]);
    let values = [b.vreg(RegClass::Int), b.vreg(RegClass::Int)];
    values.iter().for_each(|&value| b.op(block, &[Operand::reg_def(value)]));
    b.ret(block, &values.map(|value| Operand::reg_fixed_use(value, PReg::new(0, RegClass::Int))));
    let [thorough, _, backtracking, best] = verdicts(&b.finish(), &[RegClass::Int]);
    assert_eq!(backtracking, None);
    assert!(matches!(thorough, Some(Error::BadConstraint { .. })), "{thorough:?}");
    assert_eq!(best, thorough);
}

/// A block's parameter has the number of another value, of another class.
#[test]
fn a_parameter_that_is_another_value() {
    let mut b = FuncBuilder::new();
    let entry = b.block(&[]);
    let x = b.vreg(RegClass::Int);
    let next = b.block(&[VReg::new(x.vreg(), RegClass::Float)]);
    b.op(entry, &[Operand::reg_def(x)]);
    b.branch(entry, &[], &[(next, &[x])]);
    b.ret(next, &[]);
    for verdict in verdicts(&b.finish(), &[RegClass::Int, RegClass::Float]) {
        assert!(matches!(verdict, Some(Error::MultipleDefs { .. })), "{verdict:?}");
    }
}

/// The environment is looked at whether or not the function is, and the function may be one that is not known when the allocator is compiled.
#[test]
fn environments_are_always_validated() {
    let mut b = FuncBuilder::new();
    let block = b.block(&[]);
    let x = b.vreg(RegClass::Int);
    b.op(block, &[Operand::reg_def(x)]);
    b.ret(block, &[Operand::reg_use(x)]);
    let func = b.finish();
    let func: &dyn Function = &func;
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b11);
    assert!(run(&func, &env, &Options::default()).is_ok());
    let reg = PReg::new(1, RegClass::Int);
    env.scratch_by_class[0] = Some(reg);
    assert!(matches!(run(&func, &env, &Options::default()), Err(Error::BadEnv { reg: found, .. }) if found == reg));
}
