//! The checker through this interface: what it rejects, and in what words.

mod support;

use regalloc2::checker::Checker;
use regalloc2::{
    Allocation, Edit, MachineEnv, Operand, Output, PReg, PRegSet, RegClass, RegallocOptions, SpillSlot, run,
};
use regatta::{Func, FuncBuilder, InstData, Problem};
use regatta_compare::ra2;
use support::{Client, in_regattas_form};

/// Two values live across a call that leaves one register as it is, so that one of them is stored and loaded again.
fn problem() -> Problem {
    let mut b = FuncBuilder::new();
    let [x, y] = [0, 1].map(|_| b.vreg(RegClass::Int));
    let block = b.block(&[]);
    b.op(block, &[Operand::reg_def(x)]);
    b.op(block, &[Operand::reg_def(y)]);
    b.inst(block, InstData { clobbers: [reg(0)].into_iter().collect(), ..InstData::default() });
    b.ret(block, &[Operand::reg_use(x), Operand::reg_use(y)]);
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = [reg(0), reg(1)].into_iter().collect::<PRegSet>();
    Problem { func: b.finish(), env }
}

fn reg(number: usize) -> PReg {
    PReg::new(number, RegClass::Int)
}

fn allocate(Problem { func, env }: &Problem) -> Output {
    run(&Client(func), env, &RegallocOptions::default()).expect("allocatable")
}

/// Our checker's words; and the other crate's checker must agree that there is something to say.
#[track_caller]
fn verdict(problem: &Problem, output: &Output) -> Option<String> {
    let func: &Func = &problem.func;
    let client = Client(func);
    let mut checker = Checker::new(&client, &problem.env);
    checker.prepare(output);
    let ours = checker.run().err().map(|errors| format!("{errors:?}"));
    let theirs = ra2::check(problem, &in_regattas_form(output));
    assert_eq!(ours.is_some(), theirs.is_err(), "{ours:?} {theirs:?}");
    ours
}

#[test]
fn what_is_right_is_accepted() {
    let problem = problem();
    let output = allocate(&problem);
    assert!(output.edits.len() >= 2, "a store and a load");
    assert_eq!(verdict(&problem, &output), None);
}

#[test]
fn a_load_that_is_missing() {
    let problem = problem();
    let mut output = allocate(&problem);
    output.edits.pop();
    insta::assert_snapshot!(verdict(&problem, &output).expect("wrong"), @"operand 1 of inst3 (use v1i reg) is in p0i, which holds no known value");
}

#[test]
fn a_load_from_the_wrong_slot() {
    let problem = problem();
    let mut output = allocate(&problem);
    let (_, Edit::Move { from, .. }) = output.edits.last_mut().expect("a load");
    *from = Allocation::stack(SpillSlot::new(1));
    output.num_spillslots = 2;
    insta::assert_snapshot!(verdict(&problem, &output).expect("wrong"), @"operand 1 of inst3 (use v1i reg) is in p0i, which holds no known value");
}

#[test]
fn a_move_from_stack_to_stack() {
    let problem = problem();
    let mut output = allocate(&problem);
    let (_, Edit::Move { from, to }) = output.edits.last_mut().expect("a load");
    (*from, *to) = (Allocation::stack(SpillSlot::new(0)), Allocation::stack(SpillSlot::new(1)));
    output.num_spillslots = 2;
    insta::assert_snapshot!(verdict(&problem, &output).expect("wrong"), @"
    the move from stack0 to stack1 before inst3: both are on the stack
    operand 1 of inst3 (use v1i reg) is in p0i, which holds no known value
    ");
}

#[test]
fn an_operand_on_the_stack_that_must_be_in_a_register() {
    let problem = problem();
    let mut output = allocate(&problem);
    output.allocs[0] = Allocation::stack(SpillSlot::new(0));
    insta::assert_snapshot!(verdict(&problem, &output).expect("wrong"), @"
    operand 0 of inst0 (def v0i reg) is in stack0: it must be in a register
    operand 0 of inst3 (use v0i reg) is in p1i, which holds no known value
    ");
}

#[test]
fn an_operand_without_a_location() {
    let problem = problem();
    let mut output = allocate(&problem);
    output.allocs[3] = Allocation::none();
    insta::assert_snapshot!(verdict(&problem, &output).expect("wrong"), @"
    operand 1 of inst3 (use v1i reg) is in none: 0x0 is the encoding of no place
    operand 1 of inst3 (use v1i reg) is in none, which holds no known value
    ");
}

#[test]
fn an_output_of_another_function() {
    let problem = problem();
    let client = Client(&problem.func);
    let mut checker = Checker::new(&client, &problem.env);
    checker.prepare(&Output::default());
    checker.run().expect_err("no locations");
}

#[test]
fn nothing_is_wrong_with_nothing() {
    let problem = problem();
    let client = Client(&problem.func);
    Checker::new(&client, &problem.env).run().expect("no output was prepared");
}
