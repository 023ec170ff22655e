//! A client's function of which something else is said than what a [`Func`] can say.

use regatta::{Block, Func, Function, Inst, InstRange, Operand, PRegSet, RegClass, VReg};

/// A function that claims to be another than it is. What a client need not say, it does not.
#[derive(Clone, Debug)]
pub struct Claiming {
    /// What it is.
    pub func: Func,
    /// The number of its instructions.
    pub insts: usize,
    /// Words of a spill slot of any class.
    pub slot: usize,
    /// How often blocks are executed, as far as the list goes.
    pub frequencies: Vec<f32>,
    /// An instruction that is both a branch and a return.
    pub both: Option<Inst>,
}

impl Claiming {
    /// The function as it is, with slots of one word and no frequencies.
    pub fn new(func: Func) -> Self {
        Self { insts: func.insts.len(), func, slot: 1, frequencies: Vec::new(), both: None }
    }
}

impl Function for Claiming {
    fn num_insts(&self) -> usize {
        self.insts
    }
    fn num_blocks(&self) -> usize {
        self.func.num_blocks()
    }
    fn entry_block(&self) -> Block {
        self.func.entry_block()
    }
    fn block_insns(&self, block: Block) -> InstRange {
        self.func.block_insns(block)
    }
    fn block_succs(&self, block: Block) -> &[Block] {
        self.func.block_succs(block)
    }
    fn block_preds(&self, block: Block) -> &[Block] {
        self.func.block_preds(block)
    }
    fn block_params(&self, block: Block) -> &[VReg] {
        self.func.block_params(block)
    }
    fn is_ret(&self, inst: Inst) -> bool {
        self.func.is_ret(inst) || self.both == Some(inst)
    }
    fn is_branch(&self, inst: Inst) -> bool {
        self.func.is_branch(inst) || self.both == Some(inst)
    }
    fn branch_blockparams(&self, block: Block, inst: Inst, succ: usize) -> &[VReg] {
        self.func.branch_blockparams(block, inst, succ)
    }
    fn inst_operands(&self, inst: Inst) -> &[Operand] {
        self.func.inst_operands(inst)
    }
    fn inst_clobbers(&self, inst: Inst) -> PRegSet {
        self.func.inst_clobbers(inst)
    }
    fn num_vregs(&self) -> usize {
        self.func.num_vregs()
    }
    fn spillslot_size(&self, _: RegClass) -> usize {
        self.slot
    }
    fn block_frequency(&self, block: Block) -> Option<f32> {
        self.frequencies.get(block.index()).copied()
    }
}
