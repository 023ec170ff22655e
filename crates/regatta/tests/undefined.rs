//! A use that its definition does not reach is an error, whether or not the input is validated first.

use regatta::{
    Algorithm, Block, Error, Func, FuncBuilder, Inst, MachineEnv, Operand, Options, PRegSet, RegClass, VReg, check, run,
};

/// What the allocators and the validator say.
#[track_caller]
fn verdict(func: &Func) -> Option<Error> {
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b1111);
    let verdict = check::validate(func, &env).err();
    for algorithm in Algorithm::ALL {
        let error = run(func, &env, &Options { algorithm, ..Options::default() }).err();
        assert_eq!(error, verdict, "{algorithm:?}");
    }
    verdict
}

/// A loop whose body defines a value that its head reads, or passes on to the head's parameter.
fn around_a_loop(read: bool) -> Func {
    let mut b = FuncBuilder::new();
    let [start, defined, param] = [0, 1, 2].map(|_| b.vreg(RegClass::Int));
    let entry = b.block(&[]);
    let head = b.block(&[param]);
    let body = b.block(&[]);
    let exit = b.block(&[]);
    b.op(entry, &[Operand::reg_def(start)]);
    b.branch(entry, &[], &[(head, &[start])]);
    b.op(head, &[Operand::reg_use(if read { defined } else { param })]);
    b.branch(head, &[], &[(body, &[]), (exit, &[])]);
    b.op(body, &[Operand::reg_def(defined)]);
    b.branch(body, &[], &[(head, &[defined])]);
    b.ret(exit, &[]);
    b.finish()
}

#[test]
fn a_value_may_come_round_a_loop_only_as_a_parameter() {
    assert_eq!(verdict(&around_a_loop(false)), None);
    let (vreg, inst) = (VReg::new(1, RegClass::Int), Inst::new(2));
    assert_eq!(verdict(&around_a_loop(true)), Some(Error::NotDominated { vreg, inst }));
}

#[test]
fn a_branch_passes_on_what_is_defined_on_the_way_to_it() {
    for (definer, good) in [(1, true), (2, false)] {
        let mut b = FuncBuilder::new();
        let [x, param] = [0, 1].map(|_| b.vreg(RegClass::Int));
        let [entry, left, right] = [0, 1, 2].map(|_| b.block(&[]));
        let join = b.block(&[param]);
        b.branch(entry, &[], &[(left, &[]), (right, &[])]);
        b.op(Block::new(definer), &[Operand::reg_def(x)]);
        b.branch(left, &[], &[(join, &[x])]);
        b.ret(right, &[]);
        b.ret(join, &[Operand::reg_use(param)]);
        let error = Error::NotDominated { vreg: x, inst: Inst::new(1) };
        assert_eq!(verdict(&b.finish()), (!good).then_some(error));
    }
}

#[test]
fn what_cannot_be_reached_reads_nothing() {
    let mut b = FuncBuilder::new();
    let x = b.vreg(RegClass::Int);
    let [entry, aside] = [0, 1].map(|_| b.block(&[]));
    b.op(entry, &[Operand::reg_def(x)]);
    b.ret(entry, &[]);
    b.ret(aside, &[Operand::reg_use(x)]);
    assert_eq!(verdict(&b.finish()), None);
}
