//! Families of one block.

use super::Draft;
use regatta::{Operand, VReg};

/// How many values each family of long lives keeps alive.
const ALIVE: usize = 200;

pub(super) fn line(on: &mut Draft, size: usize) {
    let block = on.builder.block(&[]);
    let mut recent = [on.make(block, &[]), on.make(block, &[])];
    for _ in 0..size - 3 {
        let next = on.make(block, &recent);
        recent = [recent[1], next];
    }
    on.builder.ret(block, &[Operand::reg_use(recent[1])]);
}

pub(super) fn pressure(on: &mut Draft, size: usize) {
    let block = on.builder.block(&[]);
    let alive = ALIVE.min(size / 4);
    let mut window: Vec<VReg> = (0..alive).map(|_| on.make(block, &[])).collect();
    for _ in 0..size - 2 * alive - 1 {
        // One dies, another is read, a new one takes the place of the first.
        let (dying, other) = (on.choice(alive), on.choice(alive));
        window[dying] = on.make(block, &[window[dying], window[other]]);
    }
    for &value in &window {
        on.read(block, &[value]);
    }
    on.builder.ret(block, &[]);
}

pub(super) fn top_to_end(on: &mut Draft, size: usize) {
    let block = on.builder.block(&[]);
    let values: Vec<VReg> = (0..size / 2).map(|_| on.make(block, &[])).collect();
    for &value in &values {
        on.read(block, &[value]);
    }
    on.builder.ret(block, &[]);
}

pub(super) fn calls(on: &mut Draft, size: usize) {
    let block = on.builder.block(&[]);
    let mut kept: Vec<VReg> = (0..8).map(|_| on.make(block, &[])).collect();
    for step in 0..(size - 9) / 4 {
        let n = step % kept.len();
        let argument = on.make(block, &[kept[n]]);
        let other = on.make(block, &[kept[(n + 3) % kept.len()], argument]);
        let result = on.call(block, &[argument, other]);
        kept[n] = on.make(block, &[result, other]);
    }
    on.builder.ret(block, &[Operand::reg_use(kept[0])]);
}

pub(super) fn alternating(on: &mut Draft, size: usize) {
    let block = on.builder.block(&[]);
    let value = on.make(block, &[]);
    let mut result = on.make(block, &[]);
    for step in 0..size - 3 {
        result = on.call(block, &if step % 2 == 0 { [value, result] } else { [result, value] });
    }
    on.builder.ret(block, &[Operand::reg_use(result)]);
}

pub(super) fn two_address(on: &mut Draft, size: usize) {
    let block = on.builder.block(&[]);
    let mut input = on.make(block, &[]);
    for _ in 0..(size - 2) / 2 {
        let made = on.value();
        on.builder.op(block, &[Operand::reg_reuse_def(made, 1), Operand::reg_use(input)]);
        // The input has been overwritten only if it was copied before.
        on.read(block, &[input, made]);
        input = made;
    }
    on.builder.ret(block, &[Operand::reg_use(input)]);
}
