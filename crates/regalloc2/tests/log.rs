//! What a run tells the log. (A process has one logger, so this is one test.)

mod support;

use log::{Level, LevelFilter, Log, Metadata, Record};
use regalloc2::{
    MachineEnv, Operand, OperandConstraint, OperandKind, OperandPos, PReg, RegClass, RegallocOptions, run,
};
use regatta::{Func, FuncBuilder, InstData};
use std::sync::Mutex;
use support::Client;

static TOLD: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

struct Memory;

impl Log for Memory {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &Record<'_>) {
        TOLD.lock().expect("one thread logs").push((record.level(), record.args().to_string()));
    }
    fn flush(&self) {}
}

fn listen() -> Vec<(Level, String)> {
    std::mem::take(&mut *TOLD.lock().expect("one thread logs"))
}

fn function() -> (Func, MachineEnv) {
    let mut b = FuncBuilder::new();
    let [x, y] = [0, 1].map(|_| b.vreg(RegClass::Int));
    let p0 = PReg::new(0, RegClass::Int);
    let block = b.block(&[]);
    b.op(block, &[Operand::reg_fixed_def(x, p0)]);
    let on_stack = Operand::new(y, OperandConstraint::Stack, OperandKind::Def, OperandPos::Late);
    let clobbers = [p0].into_iter().collect();
    b.inst(block, InstData { operands: vec![on_stack], clobbers, ..InstData::default() });
    b.ret(block, &[Operand::reg_use(x), Operand::any_use(y)]);
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = [p0].into_iter().collect();
    (b.finish(), env)
}

#[test]
fn what_is_told_and_when() {
    log::set_logger(&Memory).expect("the only logger");
    log::set_max_level(LevelFilter::Trace);
    let (func, env) = function();

    let verbose = RegallocOptions { verbose_log: true, ..RegallocOptions::default() };
    run(&Client(&func), &env, &verbose).expect("allocatable");
    let told = listen();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, Level::Info);
    insta::assert_snapshot!(told[0].1, @"
    allocation:
    block0 [] -> []:
      inst0: def v0i fixed(p0i) = p0i;
        move stack1 <- p0i
      inst1: def v1i stack = stack0; clobbers {p0i}
        move p0i <- stack1
      inst2: use v0i reg = p0i; use v1i any = stack0;
    2 words of spill slots
    ");

    // These tests are built with feature `trace-log`, under which every run is told at level trace.
    run(&Client(&func), &env, &RegallocOptions::default()).expect("allocatable");
    assert_eq!(listen(), [(Level::Trace, told[0].1.clone())]);
    log::set_max_level(LevelFilter::Debug);
    run(&Client(&func), &env, &RegallocOptions::default()).expect("allocatable");
    assert_eq!(listen(), []);

    // An error says more in the log than the client's type for it can hold.
    run(&Client(&func), &MachineEnv::default(), &RegallocOptions::default()).expect_err("no registers");
    let told = listen();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, Level::Debug);
    insta::assert_snapshot!(told[0].1, @"cannot allocate: inst0 needs more Int registers at once than its constraints and clobbers leave");
}
