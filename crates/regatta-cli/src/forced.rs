//! Words of spill slots that no allocation of a function can do without.
//!
//! What lives through an instruction is in registers that it leaves alone, or in memory. Where more values live through than there are such
//! registers, the others have slots; so the most words that are short at one instruction are a lower bound for the frame, whoever allocates. It is
//! not always attained: an allocator that kept to it would store values again and again, and use every register that must be saved for the caller.
//!
//! Values that are always the same count as one: parameters that are other names of a value, and parameters of a block that are the same on all ways
//! to it. The function must be valid.

use crate::pressure::live_in;
use regatta::{Block, Func, Function, OperandConstraint, OperandKind, Problem, RegClass, VReg};
use regatta_compare::order::reverse_postorder;
use std::collections::HashMap;

/// The most words that are forced into the frame at one instruction.
pub(crate) fn words(problem: &Problem) -> u64 {
    let Problem { func, env } = problem;
    let live_in = live_in(func);
    let is_reachable = reachable(func);
    let names = names(func, &is_reachable);
    let mut registers = RegClass::ALL
        .map(|class| env.preferred_regs_by_class[class as usize] | env.non_preferred_regs_by_class[class as usize]);
    // (These are in the frame, but no spill slots.)
    env.fixed_stack_slots.iter().for_each(|&reg| registers[reg.class() as usize].add(reg));
    let size = RegClass::ALL.map(|class| func.spillslot_size(class) as u64);
    let mut live =
        Live { names: &names, times: vec![0; func.num_vregs], is_live: vec![false; func.num_vregs], count: [0; 3] };
    let mut most = 0;
    for block in (0..func.num_blocks()).map(Block::new).filter(|block| is_reachable[block.index()]) {
        for (n, succ) in func.block_succs(block).iter().enumerate() {
            live_in[succ.index()].iter().for_each(|&vreg| live.start(vreg));
            func.branch_blockparams(block, func.block_insns(block).last(), n).iter().for_each(|&vreg| live.start(vreg));
        }
        for inst in func.block_insns(block).iter().rev() {
            let operands = func.inst_operands(inst).iter().filter(|op| op.as_fixed_nonallocatable().is_none());
            let mut overwritten = func.inst_clobbers(inst);
            for op in operands.clone().filter(|op| op.kind() == OperandKind::Def) {
                live.end(op.vreg());
                if let OperandConstraint::FixedReg(reg) = op.constraint() {
                    overwritten.add(reg);
                }
            }
            let short = RegClass::ALL.map(|class| {
                let left = registers[class as usize].iter().filter(|&reg| !overwritten.contains(reg)).count() as u64;
                live.count[class as usize].saturating_sub(left) * size[class as usize]
            });
            most = most.max(short.iter().sum());
            operands.filter(|op| op.kind() == OperandKind::Use).for_each(|op| live.start(op.vreg()));
        }
        live.clear(live_in[block.index()].iter().chain(func.block_params(block)));
    }
    most
}

/// Which blocks control can come to.
fn reachable(func: &Func) -> Vec<bool> {
    let mut is_reachable = vec![false; func.num_blocks()];
    let succs = |block: usize| func.blocks[block].succs.iter().map(|to| to.index());
    reverse_postorder(func.entry.index(), &mut is_reachable, succs);
    is_reachable
}

/// For each virtual register, one that stands for all that are always the same value: those that this recognises. (Parameters that go round irreducible
/// loops may be the same and keep names of their own.)
fn names(func: &Func, is_reachable: &[bool]) -> Vec<VReg> {
    let params = params(func, is_reachable);
    // (The class in a name does not matter.)
    let mut names: Vec<VReg> = (0..func.num_vregs).map(|n| VReg::new(n, RegClass::Int)).collect();
    let name_of = |names: &[VReg], vreg: VReg| {
        let mut name = names[vreg.vreg()];
        while names[name.vreg()] != name {
            name = names[name.vreg()];
        }
        name
    };
    // Each round names some parameter after another value, for good.
    let mut changed = true;
    while changed {
        changed = false;
        let mut first_with: HashMap<(Block, Vec<Option<VReg>>), VReg> = HashMap::new();
        for (param, block, args) in &params {
            let itself = names[param.vreg()];
            if itself.vreg() != param.vreg() {
                continue;
            }
            // What it is itself, on the way round a loop, tells nothing.
            let others = |&arg: &VReg| Some(name_of(&names, arg)).filter(|name| *name != itself);
            let args: Vec<Option<VReg>> = args.iter().map(others).collect();
            let mut known = args.iter().flatten();
            let Some(&first) = known.next() else { continue };
            let is_only = known.all(|&other| other == first);
            let name = if is_only { first } else { *first_with.entry((*block, args)).or_insert(itself) };
            changed |= name != itself;
            names[param.vreg()] = name;
        }
    }
    (0..func.num_vregs).map(|n| name_of(&names, VReg::new(n, RegClass::Int))).collect()
}

/// All parameters of blocks, each with its block and its arguments on the ways that control can take.
fn params(func: &Func, is_reachable: &[bool]) -> Vec<(VReg, Block, Vec<VReg>)> {
    let mut params = Vec::new();
    for block in (0..func.num_blocks()).map(Block::new) {
        for (number, &param) in func.block_params(block).iter().enumerate() {
            let mut args = Vec::new();
            for &pred in func.block_preds(block).iter().filter(|pred| is_reachable[pred.index()]) {
                let to_block = func.block_succs(pred).iter().enumerate().filter(|(_, succ)| **succ == block);
                let last = func.block_insns(pred).last();
                args.extend(to_block.map(|(n, _)| func.branch_blockparams(pred, last, n)[number]));
            }
            params.push((param, block, args));
        }
    }
    params
}

/// The values that are live at a point.
struct Live<'a> {
    names: &'a [VReg],
    /// How many of the virtual registers that are the value are live, by the first of these.
    times: Vec<u32>,
    is_live: Vec<bool>,
    count: [u64; 3],
}

impl Live<'_> {
    fn start(&mut self, vreg: VReg) {
        if !core::mem::replace(&mut self.is_live[vreg.vreg()], true) {
            let times = &mut self.times[self.names[vreg.vreg()].vreg()];
            *times += 1;
            self.count[vreg.class() as usize] += u64::from(*times == 1);
        }
    }

    fn end(&mut self, vreg: VReg) {
        if core::mem::take(&mut self.is_live[vreg.vreg()]) {
            let times = &mut self.times[self.names[vreg.vreg()].vreg()];
            *times -= 1;
            self.count[vreg.class() as usize] -= u64::from(*times == 0);
        }
    }

    /// Ends what is live at the start of a block.
    fn clear<'v>(&mut self, vregs: impl Iterator<Item = &'v VReg>) {
        vregs.for_each(|&vreg| self.end(vreg));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta::text;

    #[track_caller]
    fn words_of(function: &str) -> u64 {
        let problem = text::parse(&format!("machine {{ int preferred p0i-p2i, slot 2 }} {function}"));
        words(&problem.expect("well-formed")[0])
    }

    #[test]
    fn what_lives_through_an_instruction_is_short_of_the_registers_that_it_leaves() {
        let line = |inst: &str| {
            format!(
                "function {{ block0: op def v0i reg, def v1i reg, def v2i reg {inst} ret use v0i any, use v1i any, use v2i any }}"
            )
        };
        assert_eq!(words_of(&line("")), 0);
        assert_eq!(words_of(&line("op clobbers p1i")), 2);
        assert_eq!(words_of(&line("op def v3i fixed(p0i) clobbers p1i")), 4);
        assert_eq!(words_of(&line("op clobbers p0i-p2i")), 6);
    }

    #[test]
    fn another_name_is_no_other_value() {
        let function = |arg: &str| {
            format!(
                "function {{
                block0: op def v0i reg, def v1i reg branch -> block1, block2
                block1: branch -> block3(v0i)
                block2: branch -> block3({arg})
                block3(v2i): op clobbers p0i-p2i ret use v0i any, use v1i any, use v2i any
                }}"
            )
        };
        assert_eq!(words_of(&function("v0i")), 4);
        assert_eq!(words_of(&function("v1i")), 6);
    }

    #[test]
    fn parameters_that_are_the_same_on_all_ways_are_one() {
        let function = |args: &str| {
            format!(
                "function {{
                block0: op def v0i reg, def v1i reg branch -> block1(v0i, v0i)
                block1(v2i, v3i): op clobbers p0i-p2i branch use v2i any, use v3i any, use v1i any -> block2, block3
                block2: op def v4i reg, def v5i reg branch -> block1({args})
                block3: ret
                }}"
            )
        };
        assert_eq!(words_of(&function("v4i, v4i")), 4);
        assert_eq!(words_of(&function("v2i, v3i")), 4);
        assert_eq!(words_of(&function("v4i, v5i")), 6);
    }
}
