//! Families of loops.

use super::Draft;
use regatta::{Block, Operand, VReg};

/// Instructions of one nest of [`nests`].
const NEST: usize = 6 * 7 + 3;

pub(super) fn nests(on: &mut Draft, size: usize) {
    let mut block = on.builder.block(&[]);
    let kept: Vec<VReg> = (0..10).map(|_| on.make(block, &[])).collect();
    for nest in 0..((size - 10) / NEST).max(1) {
        // Header, body, and the way out of each loop; the latch goes back to the header.
        let mut open: Vec<(Block, VReg)> = Vec::new();
        for level in 0..6 {
            let counter = on.value();
            let header = on.builder.block(&[counter]);
            let start = kept[(nest + level) % kept.len()];
            on.builder.branch(block, &[], &[(header, &[start])]);
            open.push((header, counter));
            block = header;
        }
        let a = on.make(block, &[open[5].1, open[2].1]);
        let b = on.make(block, &[a, kept[nest % kept.len()]]);
        on.read(block, &[b]);
        while let Some((header, counter)) = open.pop() {
            let next = on.make(block, &[counter, kept[(nest + open.len()) % kept.len()]]);
            let (back, out) = (on.builder.block(&[]), on.builder.block(&[]));
            on.builder.branch(block, &[Operand::reg_use(next)], &[(back, &[]), (out, &[])]);
            on.builder.branch(back, &[], &[(header, &[next])]);
            on.read(out, &[counter]);
            let after = on.make(out, &[counter]);
            on.read(out, &[after]);
            block = out;
        }
    }
    on.builder.ret(block, &[Operand::reg_use(kept[0])]);
}

pub(super) fn chain(on: &mut Draft, size: usize) {
    const CARRIED: usize = 24;
    let mut block = on.builder.block(&[]);
    let mut carried: Vec<VReg> = (0..CARRIED).map(|_| on.make(block, &[])).collect();
    for n in 0..(size / 15).max(1) {
        let params: Vec<VReg> = (0..CARRIED).map(|_| on.value()).collect();
        let header = on.builder.block(&params);
        let (back, out) = (on.builder.block(&[]), on.builder.block(&[]));
        on.builder.branch(block, &[], &[(header, &carried)]);
        carried = params;
        let k = |offset: usize| (4 * n + offset) % CARRIED;
        let made: Vec<VReg> = (0..4).map(|m| on.make(header, &[carried[k(m)], carried[k(2 * m + 5)]])).collect();
        on.builder.branch(header, &[Operand::reg_use(made[0])], &[(back, &[]), (out, &[])]);
        let mut next = carried.clone();
        for (m, &value) in made.iter().enumerate() {
            next[k(m)] = value;
        }
        on.builder.branch(back, &[], &[(header, &next)]);
        for m in 8..16 {
            on.read(out, &[carried[k(m)]]);
        }
        block = out;
    }
    on.builder.ret(block, &[]);
}

pub(super) fn exits(on: &mut Draft, size: usize) {
    let mut block = on.builder.block(&[]);
    let kept: Vec<VReg> = (0..20).map(|_| on.make(block, &[])).collect();
    let mut open: Vec<(Block, VReg)> = Vec::new();
    for n in 0..((size - 20) / 7).max(1) {
        let param = on.value();
        let header = on.builder.block(&[param]);
        on.builder.branch(block, &[], &[(header, &[kept[n % kept.len()]])]);
        open.push((header, param));
        block = header;
    }
    let mut ways_out = Vec::new();
    for &(_, param) in &open {
        let (leave, go_on) = (on.builder.block(&[]), on.builder.block(&[]));
        on.builder.branch(block, &[Operand::reg_use(param)], &[(leave, &[]), (go_on, &[])]);
        ways_out.push(leave);
        block = go_on;
    }
    while let (Some((header, param)), Some(leave)) = (open.pop(), ways_out.pop()) {
        let (back, done, behind) = (on.builder.block(&[]), on.builder.block(&[]), on.builder.block(&[]));
        on.builder.branch(block, &[Operand::reg_use(param)], &[(back, &[]), (done, &[])]);
        on.builder.branch(back, &[], &[(header, &[kept[(open.len() + 7) % kept.len()]])]);
        on.builder.branch(done, &[], &[(behind, &[])]);
        on.builder.branch(leave, &[], &[(behind, &[])]);
        on.read(behind, &[kept[open.len() % kept.len()]]);
        block = behind;
    }
    on.builder.ret(block, &[]);
}

pub(super) fn rotation(on: &mut Draft, size: usize) {
    let entry = on.builder.block(&[]);
    let count = size / 20;
    let initial: Vec<VReg> = (0..count).map(|_| on.make(entry, &[])).collect();
    let params: Vec<VReg> = (0..count).map(|_| on.value()).collect();
    let header = on.builder.block(&params);
    let (back, out) = (on.builder.block(&[]), on.builder.block(&[]));
    on.builder.branch(entry, &[], &[(header, &initial)]);
    let mut last = params[0];
    for step in 0..size - count - 4 {
        last = on.make(header, &[params[step % count], last]);
    }
    on.builder.branch(header, &[Operand::reg_use(last)], &[(back, &[]), (out, &[])]);
    let mut rotated = params.clone();
    rotated.rotate_left(1);
    on.builder.branch(back, &[], &[(header, &rotated)]);
    on.builder.ret(out, &[Operand::reg_use(last)]);
}

pub(super) fn interpreter(on: &mut Draft, size: usize) {
    let entry = on.builder.block(&[]);
    let constants: Vec<VReg> = (0..12).map(|_| on.make(entry, &[])).collect();
    // Program counter, stack pointer, accumulator.
    let state = [on.value(), on.value(), on.value()];
    let header = on.builder.block(&state);
    on.builder.branch(entry, &[], &[(header, &constants[..3])]);
    let opcode = on.make(header, &[state[0]]);
    let handlers: Vec<Block> = (0..size / 6).map(|_| on.builder.block(&[])).collect();
    let out = on.builder.block(&[]);
    let mut targets: Vec<(Block, &[VReg])> = handlers.iter().map(|&handler| (handler, [].as_slice())).collect();
    targets.push((out, &[]));
    on.builder.branch(header, &[Operand::reg_use(opcode)], &targets);
    for (n, &handler) in handlers.iter().enumerate() {
        let next = on.make(handler, &[state[0]]);
        let loaded = on.make(handler, &[state[1], constants[n % constants.len()]]);
        let top = on.make(handler, &[state[1]]);
        let sum = on.make(handler, &[loaded, state[2]]);
        if n % 8 == 0 {
            let result = on.call(handler, &[sum, loaded]);
            on.builder.branch(handler, &[], &[(header, &[next, top, result])]);
        } else {
            on.read(handler, &[sum, loaded]);
            on.builder.branch(handler, &[], &[(header, &[next, top, sum])]);
        }
    }
    on.builder.ret(out, &[Operand::reg_use(state[2])]);
}

/// Half of the size goes into small loops with two entries, half into one cycle of blocks that can be entered anywhere.
pub(super) fn irreducible(on: &mut Draft, size: usize) {
    let mut block = on.builder.block(&[]);
    let kept: Vec<VReg> = (0..12).map(|_| on.make(block, &[])).collect();
    for n in 0..size / 2 / 14 {
        block = two_entries(on, block, &kept, n);
    }
    let count = (size / 2 / 5).max(3);
    let entries: Vec<Block> = (0..count).map(|_| on.builder.block(&[])).collect();
    let ring: Vec<Block> = (0..count).map(|_| on.builder.block(&[])).collect();
    let out = on.builder.block(&[]);
    let targets: Vec<(Block, &[VReg])> = entries.iter().map(|&entry| (entry, [].as_slice())).collect();
    on.builder.branch(block, &[Operand::reg_use(kept[0])], &targets);
    for n in 0..count {
        on.builder.branch(entries[n], &[], &[(ring[n], &[])]);
        let made = on.make(ring[n], &[kept[n % kept.len()]]);
        on.read(ring[n], &[made, kept[(n + 1) % kept.len()]]);
        on.read(ring[n], &[made]);
        let next = ring[(n + 1) % count];
        if n + 1 == count {
            let back = on.builder.block(&[]);
            on.builder.branch(ring[n], &[Operand::reg_use(made)], &[(back, &[]), (out, &[])]);
            on.builder.branch(back, &[], &[(next, &[])]);
        } else {
            on.builder.branch(ring[n], &[], &[(next, &[])]);
        }
    }
    on.builder.ret(out, &[Operand::reg_use(kept[1])]);
}

/// A loop of two blocks, each of which can be entered; returns the block behind it.
fn two_entries(on: &mut Draft, block: Block, kept: &[VReg], n: usize) -> Block {
    let (p, q) = (on.value(), on.value());
    let (left, right) = (on.builder.block(&[]), on.builder.block(&[]));
    let (one, two) = (on.builder.block(&[p]), on.builder.block(&[q]));
    let (back, out) = (on.builder.block(&[]), on.builder.block(&[]));
    let k = |offset: usize| kept[(n + offset) % kept.len()];
    on.builder.branch(block, &[Operand::reg_use(k(0))], &[(left, &[]), (right, &[])]);
    on.builder.branch(left, &[], &[(one, &[k(1)])]);
    on.builder.branch(right, &[], &[(two, &[k(2)])]);
    let a = on.make(one, &[p, k(3)]);
    on.read(one, &[a, k(4)]);
    on.read(one, &[p]);
    on.builder.branch(one, &[], &[(two, &[a])]);
    let b = on.make(two, &[q, k(5)]);
    on.read(two, &[b, k(6)]);
    on.builder.branch(two, &[Operand::reg_use(b)], &[(back, &[]), (out, &[])]);
    on.read(back, &[b]);
    on.builder.branch(back, &[], &[(one, &[b])]);
    on.read(out, &[q]);
    out
}
