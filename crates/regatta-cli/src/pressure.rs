//! Register pressure: how many values are live at once.
//!
//! A value is followed from each of its uses back to its definition, block by block, which touches a block once for each
//! value that is live into it. Within a block, values are counted at the points between instructions. The function must
//! be valid.

use regatta::{Block, Func, Function, OperandKind, VReg};

/// The most values of each class that are live at one point between two instructions.
pub(crate) fn peak(func: &Func) -> [usize; 3] {
    let live_in = live_in(func);
    // The block that each value was last counted as live in, so that it counts once.
    let mut seen = vec![None; func.num_vregs];
    let mut peak = [0; 3];
    for index in 0..func.blocks.len() {
        let block = Block::new(index);
        let mut live = Live { count: [0; 3], seen: &mut seen, block };
        for (n, succ) in func.blocks[index].succs.iter().enumerate() {
            live_in[succ.index()].iter().for_each(|&vreg| live.start(vreg));
            func.branch_blockparams(block, func.block_insns(block).last(), n).iter().for_each(|&vreg| live.start(vreg));
        }
        live.record(&mut peak);
        for inst in func.block_insns(block).iter().rev() {
            let operands = func.inst_operands(inst).iter().filter(|op| op.as_fixed_nonallocatable().is_none());
            operands.clone().filter(|op| op.kind() == OperandKind::Def).for_each(|op| live.end(op.vreg()));
            operands.filter(|op| op.kind() == OperandKind::Use).for_each(|op| live.start(op.vreg()));
            live.record(&mut peak);
        }
    }
    peak
}

/// The values live at a point of a block.
struct Live<'a> {
    count: [usize; 3],
    seen: &'a mut [Option<Block>],
    block: Block,
}

impl Live<'_> {
    fn start(&mut self, vreg: VReg) {
        if self.seen[vreg.vreg()].replace(self.block) != Some(self.block) {
            self.count[vreg.class().index()] += 1;
        }
    }

    fn end(&mut self, vreg: VReg) {
        if self.seen[vreg.vreg()].take_if(|block| *block == self.block).is_some() {
            self.count[vreg.class().index()] -= 1;
        }
    }

    fn record(&self, peak: &mut [usize; 3]) {
        for (peak, count) in peak.iter_mut().zip(self.count) {
            *peak = (*peak).max(count);
        }
    }
}

/// For each block, the values defined elsewhere that it or a block behind it reads.
pub(crate) fn live_in(func: &Func) -> Vec<Vec<VReg>> {
    let mut def_block = vec![None; func.num_vregs];
    // Every value with the blocks that read it, and where those of each value begin.
    let mut uses: Vec<(VReg, Block)> = Vec::new();
    for index in 0..func.blocks.len() {
        let block = Block::new(index);
        func.block_params(block).iter().for_each(|param| def_block[param.vreg()] = Some(block));
        for inst in func.block_insns(block).iter() {
            for op in func.inst_operands(inst).iter().filter(|op| op.as_fixed_nonallocatable().is_none()) {
                match op.kind() {
                    OperandKind::Def => def_block[op.vreg().vreg()] = Some(block),
                    OperandKind::Use => uses.push((op.vreg(), block)),
                }
            }
        }
        uses.extend(func.blocks[index].args.iter().flatten().map(|&arg| (arg, block)));
    }
    uses.sort_unstable();
    uses.dedup();
    let mut live_in: Vec<Vec<VReg>> = vec![Vec::new(); func.blocks.len()];
    let mut todo = Vec::new();
    for (vreg, block) in uses {
        todo.push(block);
        while let Some(block) = todo.pop() {
            // All uses of a value come in a row: it is in the list already only as the last one.
            if def_block[vreg.vreg()] != Some(block) && live_in[block.index()].last() != Some(&vreg) {
                live_in[block.index()].push(vreg);
                todo.extend_from_slice(func.block_preds(block));
            }
        }
    }
    live_in
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta::{FuncBuilder, Operand, RegClass};

    #[test]
    fn a_value_is_live_around_the_loop_that_reads_it() {
        let mut b = FuncBuilder::new();
        let [a, x, y, f] = [RegClass::Int, RegClass::Int, RegClass::Int, RegClass::Float].map(|class| b.vreg(class));
        let (entry, head, exit) = (b.block(&[]), b.block(&[x]), b.block(&[]));
        b.op(entry, &[Operand::reg_def(a), Operand::reg_def(f)]);
        b.branch(entry, &[], &[(head, &[a])]);
        b.op(head, &[Operand::reg_use(x), Operand::reg_use(a), Operand::reg_def(y)]);
        b.branch(head, &[], &[(head, &[y]), (exit, &[])]);
        b.ret(exit, &[]);
        let func = b.finish();
        assert_eq!(live_in(&func), [vec![], vec![a], vec![]]);
        // `a` with `x`, then `a` with `y`; nothing reads `f`.
        assert_eq!(peak(&func), [2, 0, 0]);
    }
}
