//! Functions of unusual shape: unreachable code, irreducible loops, a single block, a machine without registers of a class, a million
//! instructions.

use regatta::{
    Algorithm, Block, Edit, Error, FrequencyModel, Func, FuncBuilder, Function, InstData, MachineEnv, Operand, Options,
    PReg, PRegSet, Problem, RegClass, VReg, check, run,
};

fn env(registers: usize) -> MachineEnv {
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, (1 << registers) - 1);
    env
}

fn allocate(func: &Func, registers: usize) {
    let env = env(registers);
    check::validate(func, &env).expect("valid");
    for algorithm in Algorithm::ALL {
        let output = run(func, &env, &Options { algorithm, ..Options::default() }).expect("allocatable");
        if let Err(faults) = check::check(func, &env, &output) {
            panic!("{}: {faults}", algorithm.name());
        }
    }
}

/// The instructions at which the thorough setting loads something.
fn loads_of(text: &str) -> Vec<usize> {
    let problem = regatta::text::parse(text).expect("well-formed").remove(0);
    let output = run(&problem.func, &problem.env, &Options::default()).expect("allocatable");
    check::check(&problem.func, &problem.env, &output).expect("correct");
    let loads = output.edits.iter().filter(|(_, Edit::Move { from, .. })| from.is_stack());
    loads.map(|(point, _)| point.inst().index()).collect()
}

fn uses(values: &[VReg]) -> Vec<Operand> {
    values.iter().map(|&v| Operand::reg_use(v)).collect()
}

#[test]
fn unreachable_blocks_that_lead_into_reachable_ones_and_loop() {
    let mut b = FuncBuilder::new();
    let (x, p, dead, q) = (b.vreg(RegClass::Int), b.vreg(RegClass::Int), b.vreg(RegClass::Int), b.vreg(RegClass::Int));
    let (entry, join, lost, cycle) = (b.block(&[]), b.block(&[p]), b.block(&[]), b.block(&[q]));
    b.op(entry, &[Operand::reg_def(x)]);
    b.branch(entry, &[], &[(join, &[x])]);
    b.op(join, &uses(&[p, x]));
    b.ret(join, &[]);
    b.op(lost, &[Operand::reg_def(dead)]);
    b.branch(lost, &[], &[(join, &[dead])]);
    b.op(cycle, &uses(&[q]));
    b.branch(cycle, &[], &[(cycle, &[q])]);
    allocate(&b.finish(), 2);
}

#[test]
fn a_loop_with_two_entries() {
    let mut b = FuncBuilder::new();
    let values: Vec<VReg> = (0..6).map(|_| b.vreg(RegClass::Int)).collect();
    let (p, q) = (b.vreg(RegClass::Int), b.vreg(RegClass::Int));
    let (entry, left, right) = (b.block(&[]), b.block(&[]), b.block(&[]));
    let (one, two, out, back) = (b.block(&[p]), b.block(&[q]), b.block(&[]), b.block(&[]));
    for &value in &values {
        b.op(entry, &[Operand::reg_def(value)]);
    }
    b.branch(entry, &[], &[(left, &[]), (right, &[])]);
    b.branch(left, &[], &[(one, &[values[0]])]);
    b.branch(right, &[], &[(two, &[values[1]])]);
    b.op(one, &uses(&[p, values[2], values[3]]));
    b.branch(one, &[], &[(two, &[p])]);
    b.op(two, &uses(&[q, values[4], values[5]]));
    b.branch(two, &[], &[(back, &[]), (out, &[])]);
    b.branch(back, &[], &[(one, &[q])]);
    b.ret(out, &uses(&values[..2]));
    allocate(&b.finish(), 3);
}

#[test]
fn one_block_and_nothing_else() {
    let mut b = FuncBuilder::new();
    let block = b.block(&[]);
    b.ret(block, &[]);
    let func = b.finish();
    allocate(&func, 1);
    let none = MachineEnv::default();
    assert_eq!(run(&func, &none, &Options::default()).map(|output| output.num_spillslots), Ok(0));
}

/// Blocks whose numbers are not in the order of their code are allocated, checked and labelled like others.
#[test]
fn blocks_in_any_order() {
    let problem = regatta::text::parse(
        "machine { int preferred p0i-p3i, slot 1 }
        function entry block2 {
        block2: op def v0i reg branch -> block1
        block0: ret use v0i reg
        block1: op use v0i reg branch -> block0
        debug 7 v0i from inst0 to inst5
        }",
    );
    let problem = problem.expect("well-formed").remove(0);
    for algorithm in Algorithm::ALL {
        let options = Options { algorithm, validate: true, ..Options::default() };
        let output = run(&problem.func, &problem.env, &options).expect("allocatable");
        check::check(&problem.func, &problem.env, &output).expect("right");
        assert!(!output.debug_locations.is_empty());
    }
}

/// Behind a reference, a function says what it says itself.
#[test]
fn a_function_that_is_not_known_when_the_allocator_is_compiled() {
    let problem = regatta::text::parse(
        "machine { int preferred p0i, slot 1 float preferred p0f, slot 2 slots_named_by_last_word }
        function multiple_defs {
        block0 freq 1: op def v0i reg, def v0i any, def v1f reg
          op def v2f reg clobbers p0i
          branch -> block1(v0i)
        block1(v3i) freq 2: op use v3i reg, use v2f any
          branch -> block2, block3
        block2 freq 7: op use v3i reg, use v1f reg clobbers p0i
          branch -> block1(v0i)
        block3 freq 1: ret use v0i reg
        debug 7 v0i from inst1 to inst6
        }",
    );
    let Problem { func, env } = problem.expect("well-formed").remove(0);
    let behind: &dyn Function = &func;
    for algorithm in Algorithm::ALL {
        let options = Options { algorithm, validate: true, ..Options::default() };
        let [direct, behind] = [run(&func, &env, &options), run(&behind, &env, &options)];
        let direct = direct.expect("allocatable");
        check::check(&func, &env, &direct).expect("right");
        assert!(!direct.debug_locations.is_empty() && direct.num_spillslots > 3);
        assert_eq!(behind, Ok(direct));
    }
}

#[test]
fn a_class_without_registers_is_an_error_where_it_is_needed() {
    let mut b = FuncBuilder::new();
    let block = b.block(&[]);
    let x = b.vreg(RegClass::Float);
    b.op(block, &[Operand::reg_def(x)]);
    b.ret(block, &[]);
    let func = b.finish();
    let error = run(&func, &env(3), &Options::default()).expect_err("there are no float registers");
    assert!(matches!(error, Error::TooManyLiveRegs { class: RegClass::Float, .. }), "{error}");
}

#[test]
fn more_at_once_than_there_are_registers_is_an_error() {
    let mut b = FuncBuilder::new();
    let block = b.block(&[]);
    let values: Vec<VReg> = (0..4).map(|_| b.vreg(RegClass::Int)).collect();
    for &value in &values {
        b.op(block, &[Operand::reg_def(value)]);
    }
    b.ret(block, &uses(&values));
    let error = run(&b.finish(), &env(3), &Options::default()).expect_err("four values in three registers");
    assert!(matches!(error, Error::TooManyLiveRegs { class: RegClass::Int, .. }), "{error}");
}

/// Values made at the top and used at the end, calls between, in many blocks: a million instructions.
#[test]
fn a_million_instructions() {
    let mut b = FuncBuilder::new();
    let early: Vec<VReg> = (0..1000).map(|_| b.vreg(RegClass::Int)).collect();
    let mut block = b.block(&[]);
    for &value in &early {
        b.op(block, &[Operand::reg_def(value)]);
    }
    let mut last = early[0];
    for step in 0..249_000 {
        let next = b.vreg(RegClass::Int);
        b.op(block, &[Operand::reg_def(next), Operand::reg_use(last)]);
        let sum = b.vreg(RegClass::Int);
        b.op(block, &[Operand::reg_reuse_def(sum, 1), Operand::reg_use(next), Operand::reg_use(last)]);
        b.op(block, &[Operand::reg_fixed_use(sum, PReg::new(0, RegClass::Int))]);
        last = next;
        if step % 10 == 9 {
            let following = b.block(&[]);
            b.branch(block, &[], &[(following, &[])]);
            block = following;
        } else {
            b.op(block, &uses(&[early[step % early.len()]]));
        }
    }
    for pair in early.chunks(2) {
        b.op(block, &uses(pair));
    }
    b.ret(block, &[]);
    let func = b.finish();
    assert!(func.insts.len() > 990_000, "{}", func.insts.len());
    allocate(&func, 8);
}

#[test]
fn what_unlikely_blocks_alone_need_is_stored_in_them() {
    let mut b = FuncBuilder::new();
    let x = b.vreg(RegClass::Int);
    let (entry, next, last) = (b.block(&[]), b.block(&[]), b.block(&[]));
    let traps = [b.block(&[]), b.block(&[])];
    b.op(entry, &[Operand::reg_def(x)]);
    b.branch(entry, &[], &[(traps[0], &[]), (next, &[])]);
    b.branch(next, &[], &[(traps[1], &[]), (last, &[])]);
    b.ret(last, &uses(&[x]));
    for trap in traps {
        let spoils_all = PRegSet::from_class_mask(RegClass::Int, 3);
        b.inst(trap, InstData { clobbers: spoils_all, ..InstData::default() });
        b.branch(trap, &uses(&[x]), &[]);
    }
    let func = b.finish();
    let stores_in = |frequencies| {
        let options = Options { frequencies, validate: true, ..Options::default() };
        let output = run(&func, &env(2), &options).expect("allocatable");
        check::check(&func, &env(2), &output).expect("right");
        let stores = output.edits.iter().filter(|(_, Edit::Move { to, .. })| to.is_stack());
        let block_of = |inst| func.blocks.iter().position(|block| block.insts.iter().any(|at| at == inst));
        stores.map(|(point, _)| block_of(point.inst()).expect("some block")).collect::<Vec<_>>()
    };
    assert_eq!(stores_in(FrequencyModel::LoopDepth), [entry.index()]);
    assert_eq!(stores_in(FrequencyModel::Estimated), traps.map(|trap| trap.index()));
}

#[test]
fn a_loop_whose_copies_leave_no_register_for_what_lives_through_it_does_not_load_that_each_time_round() {
    // With four registers: v1i, v2i, v3i, and the copy of v1i that the instruction with two addresses makes, since v1i lives on and v3i is
    // read as well. v0i lives through the loop.
    let problem = regatta::text::parse(
        "machine { int preferred p0i-p3i, slot 1 }
        function {
        block0:
          op def v0i reg
          op def v1i reg
          op def v2i reg
          branch -> block1
        block1:
          op def v3i reg, use v2i reg
          op use v1i reg, def v4i reuse(0), use v3i reg
          op use v4i reg, use v2i reg
          branch use v4i reg -> block2, block3
        block2:
          branch -> block1
        block3:
          ret use v0i reg, use v1i reg
        }",
    )
    .expect("well-formed")
    .remove(0);
    for algorithm in [Algorithm::Thorough, Algorithm::Quick] {
        let options = Options { algorithm, ..Options::default() };
        let output = run(&problem.func, &problem.env, &options).expect("allocatable");
        check::check(&problem.func, &problem.env, &output).expect("correct");
        let (in_loop, behind) = (4, 9);
        let loads = output.edits.iter().filter(|(point, Edit::Move { from, .. })| {
            from.is_stack() && (in_loop..behind).contains(&point.inst().index())
        });
        assert_eq!(loads.count(), 0, "{algorithm:?}");
    }
}

#[test]
fn what_a_join_of_many_ways_has_mostly_in_memory_is_loaded_behind_it() {
    let ways: String = (2..9).map(|way| format!("block{way}:\n branch -> block9(v0i)\n")).collect();
    let loads = loads_of(&format!(
        "machine {{ int preferred p0i-p3i, slot 1 }}
        function {{
        block0:
          op def v0i stack
          branch -> block1, block2, block3, block4, block5, block6, block7, block8
        block1:
          op def v1i reg
          branch -> block9(v1i)
        {ways}
        block9(v2i):
          op use v2i reg
          ret
        }}"
    ));
    assert_eq!(loads.len(), 1);
}

#[test]
fn what_several_ways_pass_on_to_a_join_is_loaded_once_in_front_of_them() {
    let problem = regatta::text::parse(
        "machine { int preferred p0i p1i, slot 1 }
        function {
        block0:
          op def v0i stack, def v3i reg
          op def v4i reg
          op def v5i reg
          op use v3i any, use v4i any, use v5i any
          branch -> block1, block2, block3
        block1:
          branch -> block4(v0i)
        block2:
          branch -> block4(v0i)
        block3:
          op def v1i reg
          branch -> block4(v1i)
        block4(v2i):
          op use v2i reg
          ret use v0i stack
        }",
    )
    .expect("well-formed")
    .remove(0);
    let output = run(&problem.func, &problem.env, &Options::default()).expect("allocatable");
    check::check(&problem.func, &problem.env, &output).expect("correct");
    // In front of the branch.
    let loads =
        output.edits.iter().filter(|(_, Edit::Move { from, .. })| from.as_stack() == output.allocs[0].as_stack());
    assert_eq!(loads.map(|(point, _)| point.inst().index()).collect::<Vec<_>>(), [4]);
}

#[test]
fn parameters_of_a_loop_that_are_evicted_before_they_are_used_live_in_memory() {
    // What begins each round takes both registers. Then v1i and v8i are used under other names, and both registers are taken once more.
    let loads = loads_of(
        "machine { int preferred p0i p1i, slot 1 }
        function {
        block0:
          op def v0i reg, def v10i reg
          branch -> block1(v0i, v10i)
        block1(v1i, v8i):
          op def v2i reg, def v3i reg
          op use v2i reg, use v3i reg
          branch -> block2, block3
        block2:
          branch -> block4(v1i, v8i)
        block3:
          op def v4i reg, def v9i reg
          branch -> block4(v4i, v9i)
        block4(v5i, v11i):
          op use v5i reg, use v11i reg
          op def v6i reg, def v7i reg
          op use v6i reg, use v7i reg
          branch -> block5, block6
        block5:
          branch -> block1(v5i, v11i)
        block6:
          ret
        }",
    );
    // On the way to where it is used, and not on the way back as well.
    assert_eq!(loads.len(), 2);
}

#[test]
fn the_checker_follows_values_through_deep_nests_of_loops() {
    // Each header passes what it has on to the next, so that on the first way down a value has a name for each loop. Behind the inner
    // loop, each loop uses one of its parameters, and passes other values back.
    const DEPTH: usize = 110;
    let mut b = FuncBuilder::new();
    let entry = b.block(&[]);
    let first: Vec<VReg> = (0..4).map(|_| b.vreg(RegClass::Int)).collect();
    for &value in &first {
        b.op(entry, &[Operand::reg_def(value)]);
    }
    let params: Vec<Vec<VReg>> = (0..DEPTH).map(|_| (0..4).map(|_| b.vreg(RegClass::Int)).collect()).collect();
    let headers: Vec<Block> = params.iter().map(|params| b.block(params)).collect();
    b.branch(entry, &[], &[(headers[0], &first)]);
    for k in 1..DEPTH {
        b.branch(headers[k - 1], &[], &[(headers[k], &params[k - 1])]);
    }
    let mut recent = params[DEPTH - 1].clone();
    let mut block = headers[DEPTH - 1];
    for k in (0..DEPTH).rev() {
        let next = b.vreg(RegClass::Int);
        b.op(block, &[Operand::reg_def(next), Operand::reg_use(recent[0]), Operand::reg_use(params[k][1])]);
        let (again, behind) = (b.block(&[]), b.block(&[]));
        b.branch(block, &[Operand::reg_use(next)], &[(again, &[]), (behind, &[])]);
        recent.remove(0);
        recent.push(next);
        b.branch(again, &[], &[(headers[k], &recent)]);
        block = behind;
    }
    b.ret(block, &uses(&recent));
    allocate(&b.finish(), 8);
}

/// Before the checker has come round them all, each loop's parameter is another name of what all those around have.
#[test]
fn the_checker_follows_values_through_loops_nested_hundreds_deep() {
    let mut b = FuncBuilder::new();
    let entry = b.block(&[]);
    let first = b.vreg(RegClass::Int);
    b.op(entry, &[Operand::reg_def(first)]);
    let (mut block, mut passed, mut open) = (entry, first, Vec::new());
    for _ in 0..300 {
        let param = b.vreg(RegClass::Int);
        let header = b.block(&[param]);
        b.branch(block, &[], &[(header, &[passed])]);
        open.push((header, param));
        (block, passed) = (header, param);
    }
    while let Some((header, param)) = open.pop() {
        let next = b.vreg(RegClass::Int);
        b.op(block, &[Operand::reg_def(next), Operand::reg_use(param), Operand::reg_use(first)]);
        let [back, out] = [(); 2].map(|()| b.block(&[]));
        b.branch(block, &[Operand::reg_use(next)], &[(back, &[]), (out, &[])]);
        b.branch(back, &[], &[(header, &[next])]);
        block = out;
    }
    b.ret(block, &[]);
    let func = b.finish();
    let env = env(8);
    let output = run(&func, &env, &Options::default()).expect("allocatable");
    check::check(&func, &env, &output).expect("right");
}

/// A value may have any number of names, each of which is used in the end.
#[test]
fn the_checker_knows_a_value_by_thousands_of_names() {
    let mut b = FuncBuilder::new();
    let mut block = b.block(&[]);
    let mut names = vec![b.vreg(RegClass::Int)];
    b.op(block, &[Operand::reg_def(names[0])]);
    for _ in 0..4000 {
        let param = b.vreg(RegClass::Int);
        let [left, right] = [(); 2].map(|()| b.block(&[]));
        let join = b.block(&[param]);
        let last = *names.last().expect("the first name");
        b.branch(block, &[Operand::reg_use(last)], &[(left, &[]), (right, &[])]);
        b.branch(left, &[], &[(join, &[last])]);
        b.branch(right, &[], &[(join, &[names[0]])]);
        names.push(param);
        block = join;
    }
    for &name in &names {
        b.op(block, &[Operand::reg_use(name)]);
    }
    b.ret(block, &[]);
    let (func, env) = (b.finish(), env(4));
    let output = run(&func, &env, &Options::default()).expect("allocatable");
    check::check(&func, &env, &output).expect("right");
}

/// Loops nested `depth` deep, and a switch in front of them with ways into the innermost. Each level reads a value.
fn entered_past_headers(depth: usize) -> Func {
    let mut b = FuncBuilder::new();
    let entry = b.block(&[]);
    let values: Vec<VReg> = (0..depth).map(|_| b.vreg(RegClass::Int)).collect();
    for &value in &values {
        b.op(entry, &[Operand::reg_def(value)]);
    }
    let headers: Vec<Block> = (0..depth).map(|_| b.block(&[])).collect();
    let inner = b.block(&[]);
    let ways: Vec<Block> = (0..3).map(|_| b.block(&[])).collect();
    let targets: Vec<(Block, &[VReg])> = ways.iter().map(|&way| (way, [].as_slice())).collect();
    b.branch(entry, &[], &targets);
    for (&way, to) in ways.iter().zip([headers[0], inner, inner]) {
        b.branch(way, &[], &[(to, &[])]);
    }
    for level in 0..depth {
        b.op(headers[level], &uses(&values[level..=level]));
        b.branch(headers[level], &[], &[(*headers.get(level + 1).unwrap_or(&inner), &[])]);
    }
    let mut block = inner;
    for &header in headers.iter().rev() {
        let [back, out] = [(); 2].map(|()| b.block(&[]));
        b.branch(block, &[], &[(back, &[]), (out, &[])]);
        b.branch(back, &[], &[(header, &[])]);
        block = out;
    }
    b.ret(block, &[]);
    b.finish()
}

/// What is live into the header of any of the loops is live on the ways that enter them all past their headers.
#[test]
fn edges_that_enter_many_loops_past_their_headers() {
    allocate(&entered_past_headers(3), 3);
    allocate(&entered_past_headers(30), 3);
}

/// A way into two loops past their headers, and past what the outer one makes for the inner one's header.
#[test]
fn a_value_that_is_made_in_a_loop_is_not_defined_on_a_way_that_enters_behind_it() {
    let mut b = FuncBuilder::new();
    let [entry, way, past, outer, inner, body, back, out, again, end] = [(); 10].map(|()| b.block(&[]));
    let value = b.vreg(RegClass::Int);
    b.branch(entry, &[], &[(way, &[]), (past, &[])]);
    b.branch(way, &[], &[(outer, &[])]);
    b.branch(past, &[], &[(body, &[])]);
    b.op(outer, &[Operand::reg_def(value)]);
    b.branch(outer, &[], &[(inner, &[])]);
    b.op(inner, &uses(&[value]));
    b.branch(inner, &[], &[(body, &[])]);
    b.branch(body, &[], &[(back, &[]), (out, &[])]);
    b.branch(back, &[], &[(inner, &[])]);
    b.branch(out, &[], &[(again, &[]), (end, &[])]);
    b.branch(again, &[], &[(outer, &[])]);
    b.ret(end, &[]);
    let func = b.finish();
    let options = Options { algorithm: Algorithm::Backtracking, validate: false, ..Options::default() };
    assert!(matches!(run(&func, &env(2), &options), Err(Error::NotDominated { vreg, .. }) if vreg == value));
}
