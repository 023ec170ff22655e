//! Every error, and that the crate whose place this one takes says the same of the same function.

mod support;

use regalloc2::{
    Algorithm, Block, Ctx, Inst, MachineEnv, Operand, PReg, PRegSet, RegAllocError, RegClass, RegallocOptions, VReg,
    run, run_with_ctx,
};
use regatta::{Func, FuncBuilder, InstKind};
use regatta_compare::ra2;
use support::{Client, in_regattas_form};

fn machine(registers: usize) -> MachineEnv {
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = (0..registers).map(|n| PReg::new(n, RegClass::Int)).collect::<PRegSet>();
    env
}

/// What is said of the function: by ours with both algorithms, and by theirs.
#[track_caller]
fn verdict(func: &Func, registers: usize, validate_ssa: bool) -> String {
    let env = machine(registers);
    let theirs = ra2::regalloc2::run(
        &ra2::Adapter::new(func),
        &ra2::machine_env(&env),
        &ra2::RegallocOptions { validate_ssa, ..Default::default() },
    );
    let theirs = format!("{:?}", theirs.expect_err("there is something wrong"));
    let theirs = theirs.replace("VReg(vreg = ", "v").replace(", class = Int)", "i");
    for algorithm in [Algorithm::Ion, Algorithm::Fastalloc] {
        let options = RegallocOptions { algorithm, validate_ssa, ..Default::default() };
        let ours = run(&Client(func), &env, &options).expect_err("there is something wrong");
        assert_eq!(in_their_form(&ours), theirs, "{algorithm:?}");
        assert_eq!(ours.to_string(), format!("{ours:?}"));
    }
    theirs
}

/// The error with indices as they print them.
fn in_their_form(error: &RegAllocError) -> String {
    let (block, inst) = (|b: Block| format!("Block({})", b.0), |i: Inst| format!("Inst({})", i.0));
    match *error {
        RegAllocError::CritEdge(from, to) => format!("CritEdge({}, {})", block(from), block(to)),
        RegAllocError::SSA(vreg, at) => format!("SSA({vreg:?}, {})", inst(at)),
        RegAllocError::BB(b) => format!("BB({})", block(b)),
        RegAllocError::Branch(at) => format!("Branch({})", inst(at)),
        RegAllocError::DisallowedBranchArg(at) => format!("DisallowedBranchArg({})", inst(at)),
        RegAllocError::EntryLivein | RegAllocError::TooManyLiveRegs | RegAllocError::TooManyOperands => {
            format!("{error:?}")
        }
    }
}

/// Two blocks behind a branch, and one that both go to: block 0 defines v0, 1 passes it on, 2 passes on v1 of its own, 3
/// returns its parameter v2.
///
/// | inst0, inst1 | inst2 | inst3, inst4 | inst5 |
/// |---|---|---|---|
/// | block 0 | block 1 | block 2 | block 3 |
fn diamond() -> Func {
    let mut b = FuncBuilder::new();
    let [v0, v1, v2] = [0, 1, 2].map(|_| b.vreg(RegClass::Int));
    let [start, left, right] = [0, 1, 2].map(|_| b.block(&[]));
    let end = b.block(&[v2]);
    b.op(start, &[Operand::reg_def(v0)]);
    b.branch(start, &[], &[(left, &[]), (right, &[])]);
    b.branch(left, &[], &[(end, &[v0])]);
    b.op(right, &[Operand::reg_def(v1)]);
    b.branch(right, &[], &[(end, &[v1])]);
    b.ret(end, &[Operand::reg_use(v2)]);
    b.finish()
}

fn with(change: impl FnOnce(&mut Func)) -> Func {
    let mut func = diamond();
    change(&mut func);
    func
}

fn v(number: usize) -> VReg {
    VReg::new(number, RegClass::Int)
}

#[test]
fn the_function_is_right_before_something_is_changed() {
    let options = RegallocOptions { validate_ssa: true, ..Default::default() };
    run(&Client(&diamond()), &machine(2), &options).expect("nothing wrong");
    ra2::regalloc2::run(&ra2::Adapter::new(&diamond()), &ra2::machine_env(&machine(2)), &Default::default())
        .expect("nothing wrong");
}

#[test]
fn storage_serves_again_after_an_error() {
    let (good, bad) = (diamond(), with(|f| f.insts[2].operands.push(Operand::reg_use(v(0)))));
    let (env, options) = (machine(2), RegallocOptions::default());
    let mut ctx = Ctx::default();
    let fresh = run(&Client(&good), &env, &options).expect("nothing wrong");
    for _ in 0..2 {
        run_with_ctx(&Client(&bad), &env, &options, &mut ctx).expect_err("there is something wrong");
        let used = run_with_ctx(&Client(&good), &env, &options, &mut ctx).expect("nothing wrong");
        assert_eq!(in_regattas_form(used), in_regattas_form(&fresh));
    }
}

#[test]
fn a_critical_edge() {
    // Block 2 also goes to block 1, so that block 1 has two ways in and block 0 two ways out.
    let func = with(|f| {
        f.blocks[2].succs = vec![Block(1)];
        f.blocks[2].args = vec![vec![]];
        f.derive_preds();
    });
    for validate in [false, true] {
        assert_eq!(verdict(&func, 2, validate), "CritEdge(Block(0), Block(1))");
    }
}

#[test]
fn a_branch_with_operands_where_moves_must_go() {
    let func = with(|f| f.insts[2].operands.push(Operand::reg_use(v(0))));
    for validate in [false, true] {
        assert_eq!(verdict(&func, 2, validate), "DisallowedBranchArg(Inst(2))");
    }
}

#[test]
fn several_definitions() {
    let again = with(|f| f.insts[3].operands = vec![Operand::reg_def(v(0))]);
    assert_eq!(verdict(&again, 2, true), "SSA(v0i, Inst(3))");
    let param_too = with(|f| f.insts[3].operands = vec![Operand::reg_def(v(1)), Operand::reg_def(v(2))]);
    assert_eq!(verdict(&param_too, 3, true), format!("SSA(v2i, Inst({}))", u32::MAX));
}

#[test]
fn a_use_that_its_definition_does_not_reach() {
    // v1 is defined in block 2 alone.
    let below = with(|f| f.insts[5].operands = vec![Operand::reg_use(v(1))]);
    assert_eq!(verdict(&below, 2, true), "SSA(v1i, Inst(5))");
    assert_eq!(verdict(&below, 2, false), "EntryLivein");
    let by_itself = with(|f| f.insts[3].operands.push(Operand::reg_use(v(1))));
    assert_eq!(verdict(&by_itself, 2, true), "SSA(v1i, Inst(3))");
    assert_eq!(verdict(&by_itself, 2, false), "EntryLivein");
}

#[test]
fn an_argument_that_its_definition_does_not_reach() {
    let func = with(|f| f.blocks[1].args[0][0] = v(1));
    assert_eq!(verdict(&func, 2, false), "EntryLivein");
}

#[test]
fn a_use_of_what_nothing_defines() {
    let func = with(|f| {
        f.insts[3].operands.push(Operand::reg_use(v(3)));
        f.num_vregs = 4;
    });
    assert_eq!(verdict(&func, 2, true), "SSA(v3i, Inst(3))");
    assert_eq!(verdict(&func, 2, false), "EntryLivein");
}

#[test]
fn a_virtual_register_beyond_the_number_of_them() {
    let func = with(|f| f.insts[3].operands.push(Operand::reg_def(v(7))));
    assert_eq!(verdict(&func, 2, true), "SSA(v7i, Inst(3))");
}

#[test]
fn a_malformed_block() {
    let open = with(|f| f.insts[5].kind = InstKind::Plain);
    assert_eq!(verdict(&open, 2, true), "BB(Block(3))");
    let ends_twice = with(|f| f.insts[3].kind = InstKind::Ret);
    assert_eq!(verdict(&ends_twice, 2, true), "BB(Block(2))");
    let nowhere = with(|f| f.blocks[2].succs[0] = Block(9));
    for validate in [false, true] {
        assert_eq!(verdict(&nowhere, 2, validate), "BB(Block(9))");
    }
    let no_entry = with(|f| f.entry = Block(4));
    for validate in [false, true] {
        assert_eq!(verdict(&no_entry, 2, validate), "BB(Block(4))");
    }
}

#[test]
fn an_entry_with_parameters() {
    let func = with(|f| {
        f.blocks[0].params.push(v(3));
        f.num_vregs = 4;
    });
    assert_eq!(verdict(&func, 2, true), "BB(Block(0))");
}

#[test]
fn another_number_of_arguments_than_parameters() {
    let func = with(|f| f.blocks[1].args[0].push(v(0)));
    assert_eq!(verdict(&func, 2, true), "Branch(Inst(2))");
}

#[test]
fn more_registers_than_there_are() {
    let func = with(|f| {
        f.insts[3].operands = [1, 3, 4].map(|n| Operand::reg_def(v(n))).to_vec();
        f.num_vregs = 5;
    });
    for validate in [false, true] {
        assert_eq!(verdict(&func, 2, validate), "TooManyLiveRegs");
    }
}

#[test]
fn more_operands_than_can_be_numbered() {
    let operands = |count| with(|f| f.insts[1].operands = vec![Operand::any_use(v(0)); count]);
    // The other crate takes some more.
    let ours = |count| run(&Client(&operands(count)), &machine(2), &RegallocOptions::default()).err();
    assert!(matches!(ours(1 << 12), Some(RegAllocError::TooManyOperands)));
    assert!(ours((1 << 12) - 1).is_none(), "just so many");
}

#[test]
fn a_value_defined_twice_by_one_instruction_is_wrong_where_that_is_not_allowed() {
    let mut b = FuncBuilder::new();
    let block = b.block(&[]);
    let x = b.vreg(RegClass::Int);
    b.op(block, &[Operand::any_def(x), Operand::reg_def(x)]);
    b.ret(block, &[Operand::reg_use(x)]);
    let mut func = b.finish();
    assert_eq!(verdict(&func, 4, true), "SSA(v0i, Inst(0))");
    func.multiple_defs = true;
    let theirs = ra2::regalloc2::run(
        &ra2::Adapter::new(&func),
        &ra2::machine_env(&machine(4)),
        &ra2::RegallocOptions::default(),
    );
    theirs.expect("allocatable");
    for algorithm in [Algorithm::Ion, Algorithm::Fastalloc] {
        let options = RegallocOptions { algorithm, validate_ssa: true, ..Default::default() };
        let output = run(&Client(&func), &machine(4), &options).expect("allocatable");
        let [one, other] = output.inst_allocs(Inst::new(0)) else { panic!("two operands") };
        assert_eq!(one, other);
    }
}
