//! Families of branches without loops.

use super::Draft;
use regatta::{Block, Operand, VReg};

pub(super) fn diamonds(on: &mut Draft, size: usize) {
    let mut block = on.builder.block(&[]);
    let mut kept: Vec<VReg> = (0..20).map(|_| on.make(block, &[])).collect();
    for step in 0..(size - 21) / 7 {
        let n = step % kept.len();
        let param = on.value();
        let (left, right, join) = (on.builder.block(&[]), on.builder.block(&[]), on.builder.block(&[param]));
        let condition = [Operand::reg_use(kept[n])];
        on.builder.branch(block, &condition, &[(left, &[]), (right, &[])]);
        let a = on.make(left, &[kept[(n + 7) % kept.len()]]);
        on.builder.branch(left, &[], &[(join, &[a])]);
        let b = on.make(right, &[kept[(n + 11) % kept.len()]]);
        on.builder.branch(right, &[], &[(join, &[b])]);
        kept[n] = on.make(join, &[param, kept[(n + 1) % kept.len()]]);
        on.read(join, &[kept[n]]);
        block = join;
    }
    on.builder.ret(block, &[Operand::reg_use(kept[0])]);
}

pub(super) fn switch(on: &mut Draft, size: usize) {
    let entry = on.builder.block(&[]);
    let kept: Vec<VReg> = (0..20).map(|_| on.make(entry, &[])).collect();
    let param = on.value();
    let arms: Vec<Block> = (0..size / 4).map(|_| on.builder.block(&[])).collect();
    let join = on.builder.block(&[param]);
    let targets: Vec<(Block, &[VReg])> = arms.iter().map(|&arm| (arm, [].as_slice())).collect();
    on.builder.branch(entry, &[Operand::reg_use(kept[0])], &targets);
    for (n, &arm) in arms.iter().enumerate() {
        let a = on.make(arm, &[kept[n % kept.len()]]);
        let b = on.make(arm, &[a, kept[(n + 5) % kept.len()]]);
        on.read(arm, &[a, b]);
        on.builder.branch(arm, &[], &[(join, &[b])]);
    }
    for &value in &kept {
        on.read(join, &[value]);
    }
    on.builder.ret(join, &[Operand::reg_use(param)]);
}

pub(super) fn passing(on: &mut Draft, size: usize) {
    let entry = on.builder.block(&[]);
    let kept: Vec<VReg> = (0..40).map(|_| on.make(entry, &[])).collect();
    let params: Vec<VReg> = (0..30).map(|_| on.value()).collect();
    let arms: Vec<Block> = (0..(size / 7).saturating_sub(10).max(2)).map(|_| on.builder.block(&[])).collect();
    let join = on.builder.block(&params);
    let targets: Vec<(Block, &[VReg])> = arms.iter().map(|&arm| (arm, [].as_slice())).collect();
    on.builder.branch(entry, &[Operand::reg_use(kept[0])], &targets);
    for (n, &arm) in arms.iter().enumerate() {
        let mut arguments: Vec<VReg> = (0..params.len()).map(|k| kept[(n + k) % kept.len()]).collect();
        for k in 0..6 {
            arguments[(5 * n + k) % params.len()] = on.make(arm, &[kept[(n + 3 * k) % kept.len()]]);
        }
        on.builder.branch(arm, &[], &[(join, &arguments)]);
    }
    for &param in &params {
        on.read(join, &[param]);
    }
    on.builder.ret(join, &[]);
}

pub(super) fn guards(on: &mut Draft, size: usize) {
    let mut block = on.builder.block(&[]);
    let kept: Vec<VReg> = (0..30).map(|_| on.make(block, &[])).collect();
    for n in 0..(size - 30) / 3 {
        let wrong = on.make(block, &[kept[n % kept.len()]]);
        let (leave, go_on) = (on.builder.block(&[]), on.builder.block(&[]));
        on.builder.branch(block, &[Operand::reg_use(wrong)], &[(leave, &[]), (go_on, &[])]);
        let told = [kept[7 * n % kept.len()], kept[(11 * n + 1) % kept.len()]];
        on.builder.ret(leave, &told.map(Operand::any_use));
        block = go_on;
    }
    on.builder.ret(block, &[]);
}

pub(super) fn nested_ifs(on: &mut Draft, size: usize) {
    let depth = size / 2;
    let mut block = on.builder.block(&[]);
    let mut levels: Vec<(VReg, Block)> = Vec::with_capacity(depth);
    for _ in 0..depth {
        let value = on.make(block, &[]);
        let (inner, skip) = (on.builder.block(&[]), on.builder.block(&[]));
        on.builder.branch(block, &[Operand::reg_use(value)], &[(inner, &[]), (skip, &[])]);
        levels.push((value, skip));
        block = inner;
    }
    // From the innermost outwards: both ways join, and the value is used there.
    while let Some((value, skip)) = levels.pop() {
        let join = on.builder.block(&[]);
        on.builder.branch(block, &[], &[(join, &[])]);
        on.builder.branch(skip, &[], &[(join, &[])]);
        on.read(join, &[value]);
        block = join;
    }
    on.builder.ret(block, &[]);
}
