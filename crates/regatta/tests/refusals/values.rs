//! Values: each has a class, and one definition that dominates its uses.

use crate::{broken, float, int, parse, verdict};
use regatta::{Block, Operand, RegClass, VReg};

#[test]
fn values() {
    let report = broken(&[
        ("an operand that does not exist", |f| f.num_vregs = 1),
        ("a parameter that does not exist", |f| f.num_vregs = 2),
        ("an argument that does not exist", |f| f.blocks[2].args[0] = vec![int(3)]),
        ("a parameter of no class", |f| f.blocks[3].params[0] = VReg::from_bits(2 << 2 | 3)),
        ("a parameter of another class", |f| {
            f.blocks[3].params[0] = float(2);
            f.insts[5].operands = vec![Operand::reg_use(float(2))];
        }),
        ("an argument of another class", |f| f.blocks[2].args[0] = vec![float(0)]),
        ("a use of another class", |f| f.insts[5].operands = vec![Operand::reg_use(float(2))]),
        ("a parameter defined again", |f| f.insts[5].operands.push(Operand::reg_def(int(2)))),
        ("a parameter twice", |f| {
            f.blocks[3].params.push(int(2));
            f.blocks[1].args[0].push(int(1));
            f.blocks[2].args[0].push(int(0));
        }),
        ("a parameter that an instruction defines before", |f| f.blocks[3].params[0] = int(0)),
        ("a value defined by two instructions", |f| f.insts[2].operands.push(Operand::reg_def(int(0)))),
        ("a value defined by two instructions, where one may define it twice", |f| {
            f.multiple_defs = true;
            f.insts[2].operands.push(Operand::reg_def(int(0)));
        }),
        ("a value defined twice by one instruction", |f| f.insts[2].operands.push(Operand::reg_def(int(1)))),
        ("a value defined twice by one instruction, where that is allowed", |f| {
            f.multiple_defs = true;
            f.insts[2].operands.push(Operand::reg_def(int(1)));
        }),
        ("a value defined twice in two classes, where twice is allowed", |f| {
            f.multiple_defs = true;
            f.insts[2].operands.push(Operand::reg_def(float(1)));
        }),
        ("a value that nothing defines", |f| f.insts[0].operands.clear()),
        ("an argument that nothing defines", |f| {
            f.num_vregs = 4;
            f.blocks[2].args[0] = vec![int(3)];
        }),
        ("a value used where it is defined", |f| f.insts[0].operands.push(Operand::reg_use(int(0)))),
        ("a value used before it is defined", |f| f.insts[0].operands.push(Operand::reg_use(int(1)))),
        ("a value of one branch used in the other", |f| f.insts[4].operands.push(Operand::any_use(int(1)))),
        ("a value of one branch passed on by the other", |f| f.blocks[2].args[0] = vec![int(1)]),
        ("a value of one branch used where both join", |f| f.insts[5].operands.push(Operand::any_use(int(1)))),
        ("a parameter used at once", |f| f.insts[5].operands.push(Operand::any_use(int(2)))),
        ("an argument that the branch defines", |f| {
            // With one way in, the branch may have operands.
            f.blocks[2].succs[0] = Block::new(0);
            f.blocks[2].args[0].clear();
            f.blocks[0].preds.push(Block::new(2));
            f.blocks[3].preds = vec![Block::new(1)];
            f.insts[2].operands.pop();
            f.insts[3].operands.push(Operand::reg_def(int(1)));
        }),
        ("an argument that is defined behind the branch", |f| {
            f.insts[2].operands.pop();
            f.insts[5].operands.push(Operand::reg_def(int(1)));
        }),
    ]);
    insta::assert_snapshot!(report);
}

/// A parameter is refused where its block begins; here it is in a block that nobody reaches, so that there is no argument to refuse before.
#[test]
fn a_parameter_that_the_machine_has_no_registers_for() {
    let of_class = |class| {
        let mut problem = parse("function { block0: ret block1: branch -> block2 block2: ret }");
        problem.func.num_vregs = 2;
        problem.func.blocks[2].params.push(VReg::new(0, class));
        problem.func.blocks[1].args[0].push(VReg::new(1, class));
        problem.func.insts[1].operands.clear();
        problem.func.blocks[1].params.push(VReg::new(1, class));
        problem.func.blocks[1].preds.clear();
        verdict(&problem)
    };
    assert_eq!(of_class(RegClass::Float), "right");
    assert_eq!(
        of_class(RegClass::Vector),
        "inst1 needs more Vector registers at once than its constraints and clobbers leave"
    );
}

/// In a block that nobody reaches, a value must be defined, and not behind its use in the block itself.
#[test]
fn values_that_nobody_reaches() {
    let unreachable = |inst: &str| {
        let mut problem = parse(&format!(
            "function {{
            block0:
              op def v0i any
              ret
            block1:
              {inst}
              op def v1i any
              ret
            }}"
        ));
        problem.func.num_vregs = 3;
        verdict(&problem)
    };
    let insts = ["op use v0i any", "op use v1i any", "op use v2i any", "op def v2i any, late use v2i any"];
    let table: String = insts.iter().map(|inst| format!("{inst:34} {}\n", unreachable(inst))).collect();
    insta::assert_snapshot!(table);
}
