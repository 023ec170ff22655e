//! Random functions that can be allocated, on random machines.
//!
//! A function is generated in three steps: a random flow graph, whose critical edges are split; values, each used only where its
//! definition dominates; operands, each with a register set aside for it that would satisfy its constraint, so that every instruction
//! has at least one solution. Everything follows from the choices of a [`Random`].

mod again;
mod flow;
mod insts;
mod machine;

use flow::Flow;
use insts::Generator;
use machine::Machine;
use regatta::fuzzing::Random;
use regatta::{
    Block, BlockData, Frequency, Func, FuncBuilder, Inst, InstData, InstKind, InstRange, Operand, OperandConstraint,
    OperandKind, OperandPos, Problem, RegClass, VReg,
};

/// What kind of problem to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// Blocks in any order, the entry anywhere, and some that cannot be reached. regalloc2's checker does not know what to make of that.
    pub scattered: bool,
    /// Instructions now and then ask for what no machine has. Such a problem may be invalid, or valid and without a solution.
    pub impossible: bool,
}

/// A random problem that has a solution, its blocks in reverse postorder.
pub fn problem(seed: u64) -> Problem {
    generate(&Random::new(seed), Kind::default())
}

/// A random problem of a kind.
pub fn generate(random: &Random, kind: Kind) -> Problem {
    let machine = machine::machine(random);
    let Flow { succs, idom, order } = flow::flow(random, kind.scattered);
    let mut preds = vec![0; succs.len()];
    preds[0] = 1;
    for to in succs.iter().flatten() {
        preds[*to] += 1;
    }
    let mut generator = Generator::new(random, &machine, kind.impossible);
    let mut params: Vec<Vec<VReg>> = Vec::new();
    for block in 0..succs.len() {
        let count = match (block, random.below(20)) {
            (0, _) | (_, 0..=9) => 0,
            (_, 10..=17) => random.below(4),
            (_, 18) => random.below(16),
            _ => random.below(60),
        };
        params.push((0..count).map(|_| generator.vreg()).collect());
        let list = params[block].clone();
        generator.builder.block(&list);
    }
    let mut at_end: Vec<Vec<VReg>> = vec![Vec::new(); succs.len()];
    // What each branch is going to define; none where its moves would have nowhere to go.
    let mut by_branch: Vec<Option<Vec<VReg>>> = vec![None; succs.len()];
    let length = if random.chance(20) { 30 } else { 6 };
    for &block in &order {
        let mut live = if block == 0 { Vec::new() } else { at_end[idom[block]].clone() };
        live.extend(&params[block]);
        let empty = block != 0 && random.chance(15);
        // The entry has an instruction besides its branch: see `resolve_missing`.
        for _ in 0..if empty { 0 } else { random.below(length) + usize::from(block == 0) } {
            let inst = generator.inst(&mut live, InstKind::Plain);
            generator.builder.inst(Block::new(block), inst);
        }
        if succs[block].iter().all(|&to| preds[to] == 1) && random.chance(60) {
            let count = if succs[block].is_empty() || random.chance(60) { 0 } else { random.below(4) };
            let defined: Vec<VReg> = (0..count).map(|_| generator.vreg()).collect();
            at_end[block] = live;
            at_end[block].extend(&defined);
            by_branch[block] = Some(defined);
        } else {
            at_end[block] = live;
        }
    }
    // Terminators last: their arguments may come from any dominating block, and all of these are complete now.
    for &block in &order {
        let to = &succs[block];
        let kind = if to.is_empty() { InstKind::Ret } else { InstKind::Branch };
        let inst = match &by_branch[block] {
            None => InstData { kind, ..InstData::default() },
            Some(defined) => {
                let mut live = at_end[block].clone();
                live.truncate(live.len() - defined.len());
                generator.terminator(&live, kind, defined)
            }
        };
        let args: Vec<Vec<VReg>> = to
            .iter()
            .map(|&to| params[to].iter().map(|p| generator.existing(&at_end[block], p.class())).collect())
            .collect();
        terminate(&mut generator.builder, block, inst, to, &args);
    }
    let mut func = generator.builder.finish();
    func.spillslot_size = [1, 1 << random.below(2), 1 << random.below(3)];
    func.named_by_last_slot = random.chance(30);
    resolve_missing(&mut func);
    if kind.scattered {
        scatter(random, &mut func);
    }
    if random.chance(20) {
        let extremes = random.chance(10);
        let frequency = |_| match random.below(8) {
            0 if extremes => f32::MAX,
            1 if extremes => f32::MIN_POSITIVE / 8.0,
            _ => random.below(1000) as f32 / 10.0,
        };
        func.frequencies = (0..func.blocks.len()).map(frequency).filter_map(Frequency::new).collect();
    }
    if random.chance(30) {
        add_labels(random, &mut func);
    }
    if random.chance(10) {
        again::define_again(random, &machine, &mut func);
    }
    Problem { func, env: machine.env }
}

fn terminate(builder: &mut FuncBuilder, block: usize, inst: InstData, to: &[usize], args: &[Vec<VReg>]) {
    let targets: Vec<(Block, &[VReg])> =
        to.iter().zip(args).map(|(&to, args)| (Block::new(to), args.as_slice())).collect();
    if inst.kind == InstKind::Ret {
        builder.inst(Block::new(block), inst);
    } else {
        builder.branch_inst(Block::new(block), inst, &targets);
    }
}

/// Puts the blocks and their code in a random order.
fn scatter(random: &Random, func: &mut Func) {
    let count = func.blocks.len();
    let mut order: Vec<usize> = (0..count).collect();
    for k in (1..count).rev() {
        order.swap(k, random.below(k + 1));
    }
    let mut number = vec![Block::invalid(); count];
    for (n, &block) in order.iter().enumerate() {
        number[block] = Block::new(n);
    }
    let mut insts: Vec<InstData> = Vec::with_capacity(func.insts.len());
    let mut blocks: Vec<BlockData> = Vec::with_capacity(count);
    for &old in &order {
        let mut block = func.blocks[old].clone();
        let first = Inst::new(insts.len());
        insts.extend(block.insts.iter().map(|inst| func.insts[inst.index()].clone()));
        block.insts = InstRange::new(first, Inst::new(insts.len()));
        block.succs.iter_mut().for_each(|to| *to = number[to.index()]);
        blocks.push(block);
    }
    func.entry = number[func.entry.index()];
    (func.blocks, func.insts) = (blocks, insts);
    func.derive_preds();
}

/// Asks where random values are, over random stretches.
fn add_labels(random: &Random, func: &mut Func) {
    let classes: std::collections::BTreeMap<usize, RegClass> = func
        .insts
        .iter()
        .flat_map(|inst| &inst.operands)
        .filter(|op| op.kind() == OperandKind::Def)
        .map(|op| op.vreg())
        .chain(func.blocks.iter().flat_map(|block| block.params.iter().copied()))
        .map(|vreg| (vreg.vreg(), vreg.class()))
        .collect();
    for (number, class) in classes {
        for _ in 0..random.below(3) {
            let (a, b) = (random.below(func.insts.len() + 1), random.below(func.insts.len() + 1));
            let label = random.below(10) as u32;
            func.debug_labels.push((VReg::new(number, class), Inst::new(a.min(b)), Inst::new(a.max(b)), label));
        }
    }
}

/// The virtual register that stands for "no value of this class exists here"; [`resolve_missing`] makes one at the entry.
fn missing(class: RegClass) -> VReg {
    VReg::new(VReg::MAX - 1 - class.index(), class)
}

/// Defines the values that stand for missing ones, at the start of the function.
fn resolve_missing(func: &mut Func) {
    for class in RegClass::ALL {
        let stand_in = missing(class);
        let vreg = VReg::new(func.num_vregs, class);
        let mut used = false;
        for args in func.blocks.iter_mut().flat_map(|b| &mut b.args).flatten() {
            if *args == stand_in {
                *args = vreg;
                used = true;
            }
        }
        if used {
            func.num_vregs += 1;
            let first = func.blocks[0].insts.first().index();
            func.insts[first].operands.push(Operand::new(
                vreg,
                OperandConstraint::Stack,
                OperandKind::Def,
                OperandPos::Late,
            ));
        }
    }
}
