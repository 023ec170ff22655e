//! What is too large is an error, with validation and without.

use regatta::{
    Algorithm, Error, Func, FuncBuilder, Function, MachineEnv, Operand, Options, PRegSet, RegClass, VReg, limits, run,
};
use regatta_testing::claiming::Claiming;

fn env() -> MachineEnv {
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b1111);
    env
}

/// One block: a definition, and an instruction that may live anywhere with the value.
fn small(uses: usize) -> Func {
    let mut b = FuncBuilder::new();
    let block = b.block(&[]);
    let x = b.vreg(RegClass::Int);
    b.op(block, &[Operand::reg_def(x)]);
    b.op(block, &vec![Operand::any_use(x); uses]);
    b.ret(block, &[]);
    b.finish()
}

fn too_large(func: &impl Function, what: &str) {
    for algorithm in [Algorithm::Thorough, Algorithm::Quick] {
        for validate in [false, true] {
            let result = run(func, &env(), &Options { algorithm, validate, ..Options::default() });
            assert!(
                matches!(&result, Err(Error::TooLarge { what: found, .. }) if *found == what),
                "{:?}",
                result.err()
            );
        }
    }
}

#[test]
fn virtual_registers() {
    let mut func = small(1);
    func.num_vregs = limits::max_vregs(func.insts.len());
    assert!(run(&func, &env(), &Options { validate: true, ..Options::default() }).is_ok());
    func.num_vregs += 1;
    too_large(&func, "virtual registers");
    func.num_vregs = usize::MAX;
    too_large(&func, "virtual registers");
}

#[test]
fn operands_of_an_instruction() {
    assert!(run(&small(limits::MAX_OPERANDS), &env(), &Options { validate: true, ..Options::default() }).is_ok());
    too_large(&small(limits::MAX_OPERANDS + 1), "operands of an instruction");
}

#[test]
fn instructions() {
    too_large(&Claiming { insts: limits::MAX_INSTS + 1, ..Claiming::new(small(1)) }, "instructions");
}

/// 300 values at once, each in a slot of 65,536 words.
#[test]
fn words_of_spill_slots() {
    let mut b = FuncBuilder::new();
    let block = b.block(&[]);
    let values: Vec<VReg> = (0..300).map(|_| b.vreg(RegClass::Int)).collect();
    values.iter().for_each(|&value| b.op(block, &[Operand::reg_def(value)]));
    values.iter().for_each(|&value| b.op(block, &[Operand::reg_use(value)]));
    b.ret(block, &[]);
    let func = b.finish();
    let insts = func.insts.len();
    too_large(&Claiming { insts, slot: 1 << 16, ..Claiming::new(func) }, "words of spill slots");
}
