//! Problems that are mostly invalid: valid ones with a few things broken, and ones without rhyme or reason.

use crate::random::{Kind, generate};
use regatta::fuzzing::Random;
use regatta::{
    Block, BlockData, Frequency, Func, Inst, InstData, InstKind, InstRange, MachineEnv, Operand, PReg, PRegSet,
    Problem, VReg,
};

/// A problem that is probably invalid.
pub fn problem(random: &Random) -> Problem {
    if random.chance(25) {
        return nonsense(random);
    }
    let kind = Kind { scattered: random.chance(30), impossible: random.chance(50) };
    let mut problem = generate(random, kind);
    for _ in 0..1 + random.below(3) {
        break_something(random, &mut problem);
    }
    problem
}

/// A number that is likely to be just inside or outside of what there is, or very large.
pub(crate) fn near(random: &Random, count: usize) -> u32 {
    match random.below(12) {
        0 => u32::MAX,
        1 => count as u32,
        2 => count.saturating_sub(1) as u32,
        3 => random.any() as u32 >> random.below(32),
        _ => random.below(count.saturating_add(1)) as u32,
    }
}

fn some_vreg(random: &Random, func: &Func) -> VReg {
    VReg::from_bits(near(random, func.num_vregs) << 2 | random.below(if random.chance(90) { 3 } else { 4 }) as u32)
}

fn some_reg(random: &Random) -> PReg {
    PReg::from_index(random.below(256))
}

fn some_operand(random: &Random, func: &Func) -> Operand {
    let vreg = some_vreg(random, func);
    let constraint = match random.below(8) {
        0 => 0,
        1 => 2,
        2 => 0b010_0000 | random.below(32) as u64,
        3 => 0b001_0000 | random.below(16) as u64,
        4 => 0b100_0000 | random.below(64) as u64,
        5 => random.below(128) as u64,
        _ => 1,
    };
    let bits = (vreg.bits() as u64 >> 2) | (vreg.bits() as u64 & 3) << 32;
    Operand::from_bits(bits | (random.below(4) as u64) << 34 | constraint << 36)
}

fn some_range(random: &Random, count: usize) -> InstRange {
    let (a, b) = (near(random, count), near(random, count));
    InstRange::new(Inst(a.min(b)), Inst(a.max(b)))
}

/// Puts something else into a list, takes something out, or doubles it.
fn change<T: Clone>(random: &Random, list: &mut Vec<T>, new: T) {
    let at = random.below(list.len() + 1);
    match random.below(4) {
        0 => list.insert(at, new),
        1 if at < list.len() => list[at] = new,
        2 if at < list.len() => drop(list.remove(at)),
        _ if at < list.len() => list.push(list[at].clone()),
        _ => list.push(new),
    }
}

fn break_something(random: &Random, problem: &mut Problem) {
    let Problem { func, env } = problem;
    let (num_blocks, num_insts) = (func.blocks.len(), func.insts.len());
    let any_block = Block(near(random, num_blocks));
    let vreg = some_vreg(random, func);
    let operand = some_operand(random, func);
    let range = some_range(random, num_insts);
    if num_blocks == 0 || num_insts == 0 {
        return;
    }
    let block = &mut func.blocks[random.below(num_blocks)];
    let inst = &mut func.insts[random.below(num_insts)];
    let arguments = block.args.len();
    match random.below(24) {
        0 => func.entry = any_block,
        1 => func.num_vregs = near(random, func.num_vregs) as usize,
        2 => change(random, &mut block.succs, any_block),
        3 => change(random, &mut block.preds, any_block),
        4 => change(random, &mut block.params, vreg),
        5 if arguments > 0 => change(random, &mut block.args[random.below(arguments)], vreg),
        6 => change(random, &mut block.args, vec![vreg]),
        7 => block.insts = range,
        8 => inst.kind = [InstKind::Plain, InstKind::Branch, InstKind::Ret][random.below(3)],
        9..=12 => change(random, &mut inst.operands, operand),
        13 => (0..random.below(80)).for_each(|_| inst.operands.push(operand)),
        14 => inst.clobbers.add(some_reg(random)),
        15 => func.spillslot_size[random.below(3)] = random.any() as u8,
        16 => func.multiple_defs = true,
        17 => {
            let (from, to) = (range.first(), range.end());
            let (from, to) = if random.chance(80) { (from, to) } else { (to, from) };
            func.debug_labels.insert(random.below(func.debug_labels.len() + 1), (vreg, from, to, 0));
        }
        18 => func.frequencies.extend(Frequency::new(random.any() as f32)),
        19 => env.preferred_regs_by_class[random.below(3)].add(some_reg(random)),
        20 => env.non_preferred_regs_by_class[random.below(3)].add(some_reg(random)),
        21 => env.preferred_regs_by_class[random.below(3)] = PRegSet::empty(),
        22 => env.scratch_by_class[random.below(3)] = Some(some_reg(random)),
        _ => env.fixed_stack_slots.push(some_reg(random)),
    }
    // Often the predecessors are what the successors say: then the mistake is found further on.
    if random.chance(60) {
        func.derive_preds();
    }
}

fn nonsense(random: &Random) -> Problem {
    let (num_blocks, num_insts) = (random.below(8), random.below(24));
    let mut func = Func {
        entry: Block(near(random, num_blocks)),
        num_vregs: random.below(20),
        blocks: Vec::new(),
        insts: Vec::new(),
        spillslot_size: [(); 3].map(|()| random.below(9) as u8),
        named_by_last_slot: random.chance(50),
        multiple_defs: random.chance(20),
        debug_labels: Vec::new(),
        frequencies: Vec::new(),
    };
    let mut next = 0;
    for n in 0..num_blocks {
        // Mostly one behind the other, as they should be.
        let end = if n + 1 == num_blocks { num_insts } else { (next + 1 + random.below(4)).min(num_insts) };
        let tidy = InstRange::new(Inst::new(next.min(end)), Inst::new(end));
        let insts = if random.chance(90) { tidy } else { some_range(random, num_insts) };
        next = end;
        let list = |count: usize| (0..random.below(count)).map(|_| Block(near(random, num_blocks))).collect::<Vec<_>>();
        let vregs = |count: usize| (0..random.below(count)).map(|_| some_vreg(random, &func)).collect::<Vec<_>>();
        let (succs, preds, params) = (list(3), list(3), vregs(3));
        let args = succs.iter().map(|_| vregs(3)).collect();
        func.blocks.push(BlockData { insts, succs, preds, params, args });
    }
    for n in 0..num_insts {
        let operands = (0..random.below(4)).map(|_| some_operand(random, &func)).collect();
        let last = func.blocks.iter().any(|block| block.insts.end().index() == n + 1);
        let kind = match (last, random.below(10)) {
            (true, 0..=5) => InstKind::Branch,
            (true, 6..=8) | (false, 0) => InstKind::Ret,
            _ => InstKind::Plain,
        };
        func.insts.push(InstData { kind, operands, clobbers: PRegSet::empty() });
    }
    if random.chance(80) {
        func.derive_preds();
    }
    let mut env = MachineEnv::default();
    for set in env.preferred_regs_by_class.iter_mut().chain(&mut env.non_preferred_regs_by_class) {
        (0..random.below(4)).for_each(|_| set.add(some_reg(random)));
    }
    if random.chance(70) {
        let class = regatta::RegClass::Int;
        env.preferred_regs_by_class[0] = PRegSet::from_class_mask(class, 0b1111);
    }
    Problem { func, env }
}
