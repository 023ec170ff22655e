//! A function laid out as compilers lay theirs out.
//!
//! [`Func`] is made to be built, changed and printed: each instruction has its operands in a list of its own. A compiler keeps the operands
//! of all instructions in one, and so does what regalloc2 is measured with ([`crate::ra2::Adapter`]). To measure both on the same, regatta is
//! given this.

use regatta::{Block, Func, Function, Inst, InstRange, Operand, PRegSet, RegClass, VReg};

/// A [`Func`], with the operands of all instructions in one list.
#[derive(Clone, Debug)]
pub struct Flat<'a> {
    func: &'a Func,
    insts: Vec<InstParts>,
    operands: Vec<Operand>,
    blocks: Vec<BlockParts>,
    /// The arguments of all edges, one entry for every successor of every block.
    args: Vec<Vec<VReg>>,
}

#[derive(Clone, Debug)]
struct InstParts {
    first_operand: u32,
    end_operand: u32,
    clobbers: PRegSet,
}

#[derive(Clone, Debug)]
struct BlockParts {
    insts: InstRange,
    succs: Vec<Block>,
    preds: Vec<Block>,
    params: Vec<VReg>,
    first_edge: usize,
}

impl<'a> Flat<'a> {
    /// Lays out a function. Linear in its size.
    pub fn new(func: &'a Func) -> Self {
        let mut flat = Self { func, insts: Vec::new(), operands: Vec::new(), blocks: Vec::new(), args: Vec::new() };
        for inst in &func.insts {
            let first_operand = flat.operands.len() as u32;
            flat.operands.extend_from_slice(&inst.operands);
            let end_operand = flat.operands.len() as u32;
            flat.insts.push(InstParts { first_operand, end_operand, clobbers: inst.clobbers });
        }
        for block in &func.blocks {
            flat.blocks.push(BlockParts {
                insts: block.insts,
                succs: block.succs.clone(),
                preds: block.preds.clone(),
                params: block.params.clone(),
                first_edge: flat.args.len(),
            });
            let edges = 0..block.succs.len();
            flat.args.extend(edges.map(|edge| block.args.get(edge).cloned().unwrap_or_default()));
        }
        flat
    }
}

impl Function for Flat<'_> {
    fn num_insts(&self) -> usize {
        self.insts.len()
    }
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    fn entry_block(&self) -> Block {
        self.func.entry_block()
    }
    fn block_insns(&self, block: Block) -> InstRange {
        self.blocks[block.index()].insts
    }
    fn block_succs(&self, block: Block) -> &[Block] {
        &self.blocks[block.index()].succs
    }
    fn block_preds(&self, block: Block) -> &[Block] {
        &self.blocks[block.index()].preds
    }
    fn block_params(&self, block: Block) -> &[VReg] {
        &self.blocks[block.index()].params
    }
    fn is_ret(&self, insn: Inst) -> bool {
        self.func.is_ret(insn)
    }
    fn is_branch(&self, insn: Inst) -> bool {
        self.func.is_branch(insn)
    }
    fn branch_blockparams(&self, block: Block, _: Inst, succ_idx: usize) -> &[VReg] {
        &self.args[self.blocks[block.index()].first_edge + succ_idx]
    }
    fn inst_operands(&self, insn: Inst) -> &[Operand] {
        let inst = &self.insts[insn.index()];
        &self.operands[inst.first_operand as usize..inst.end_operand as usize]
    }
    fn inst_clobbers(&self, insn: Inst) -> PRegSet {
        self.insts[insn.index()].clobbers
    }
    fn num_vregs(&self) -> usize {
        self.func.num_vregs()
    }
    fn debug_value_labels(&self) -> &[(VReg, Inst, Inst, u32)] {
        self.func.debug_value_labels()
    }
    fn spillslot_size(&self, regclass: RegClass) -> usize {
        self.func.spillslot_size(regclass)
    }
    fn multi_spillslot_named_by_last_slot(&self) -> bool {
        self.func.multi_spillslot_named_by_last_slot()
    }
    fn allow_multiple_vreg_defs(&self) -> bool {
        self.func.allow_multiple_vreg_defs()
    }
    fn block_frequency(&self, block: Block) -> Option<f32> {
        self.func.block_frequency(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta::FuncBuilder;

    #[test]
    fn it_says_what_the_function_says() {
        let mut b = FuncBuilder::new();
        let [x, y, p] = [0, 1, 2].map(|_| b.vreg(RegClass::Int));
        let entry = b.block(&[]);
        let join = b.block(&[p]);
        b.op(entry, &[Operand::reg_def(x)]);
        b.op(entry, &[Operand::reg_def(y), Operand::reg_use(x)]);
        b.branch(entry, &[], &[(join, &[y])]);
        b.ret(join, &[Operand::reg_use(p)]);
        let mut func = b.finish();
        func.insts[1].clobbers = PRegSet::from_class_mask(RegClass::Int, 6);
        let flat = Flat::new(&func);
        for inst in (0..func.num_insts()).map(Inst::new) {
            assert_eq!(flat.inst_operands(inst), func.inst_operands(inst));
            assert_eq!(flat.inst_clobbers(inst), func.inst_clobbers(inst));
            assert_eq!((flat.is_ret(inst), flat.is_branch(inst)), (func.is_ret(inst), func.is_branch(inst)));
        }
        for block in [entry, join] {
            assert_eq!(flat.block_insns(block), func.block_insns(block));
            assert_eq!(flat.block_succs(block), func.block_succs(block));
            assert_eq!(flat.block_preds(block), func.block_preds(block));
            assert_eq!(flat.block_params(block), func.block_params(block));
        }
        assert_eq!(flat.branch_blockparams(entry, Inst::new(2), 0), [y]);
        assert_eq!((flat.num_insts(), flat.num_blocks(), flat.entry_block()), (4, 2, entry));
    }
}
