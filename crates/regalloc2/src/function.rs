//! The trait that a client implements, and the adapter that shows its implementations to regatta.

use crate::{Block, Inst, InstRange, Operand, PRegSet, RegClass, VReg};

/// A function in SSA form, as its compiler shows it to the allocator.
///
/// Blocks, instructions and virtual registers are numbered from zero without gaps. [`regatta::Function`] tells in full what
/// must hold.
pub trait Function {
    /// The number of instructions.
    fn num_insts(&self) -> usize;

    /// The number of blocks.
    fn num_blocks(&self) -> usize;

    /// The block where the function starts. It has no parameters.
    fn entry_block(&self) -> Block;

    /// The instructions of a block: at least one.
    fn block_insns(&self, block: Block) -> InstRange;

    /// The blocks that control may go to from a block, in the order of its branch's targets.
    fn block_succs(&self, block: Block) -> &[Block];

    /// The blocks that control may come from.
    fn block_preds(&self, block: Block) -> &[Block];

    /// The block's parameters.
    fn block_params(&self, block: Block) -> &[VReg];

    /// Does the instruction leave the function?
    fn is_ret(&self, insn: Inst) -> bool;

    /// Is the instruction a branch?
    fn is_branch(&self, insn: Inst) -> bool;

    /// The arguments that `insn`, the branch at the end of `block`, passes to its successor number `succ_idx`: as many as
    /// that block has parameters.
    fn branch_blockparams(&self, block: Block, insn: Inst, succ_idx: usize) -> &[VReg];

    /// The instruction's operands. Their locations come back in the same order.
    fn inst_operands(&self, insn: Inst) -> &[Operand];

    /// The registers whose contents are lost when the instruction has executed, beyond those of its definitions.
    fn inst_clobbers(&self, insn: Inst) -> PRegSet;

    /// The number of virtual registers.
    fn num_vregs(&self) -> usize;

    /// Values to follow for a debugger: virtual register, first instruction, instruction past the last, label; sorted by
    /// virtual register. [`crate::Output::debug_locations`] tells where they are.
    fn debug_value_labels(&self) -> &[(VReg, Inst, Inst, u32)] {
        &[]
    }

    /// How many words of the frame a spilled value of the class takes: a power of two, to which the slot is aligned. Asked
    /// only of classes that the function has values of.
    fn spillslot_size(&self, regclass: RegClass) -> usize;

    /// Is a slot of several words named by its last word rather than its first?
    fn multi_spillslot_named_by_last_slot(&self) -> bool {
        false
    }

    /// May one instruction define the same virtual register several times? All such definitions get one location.
    fn allow_multiple_vreg_defs(&self) -> bool {
        false
    }
}

/// A client's function as regatta reads it. Every question is passed on; block frequencies are regatta's to estimate.
pub(crate) struct Adapter<'a, F>(pub(crate) &'a F);

impl<F: Function> regatta::Function for Adapter<'_, F> {
    #[inline(always)]
    fn num_insts(&self) -> usize {
        self.0.num_insts()
    }
    #[inline(always)]
    fn num_blocks(&self) -> usize {
        self.0.num_blocks()
    }
    #[inline(always)]
    fn entry_block(&self) -> Block {
        self.0.entry_block()
    }
    #[inline(always)]
    fn block_insns(&self, block: Block) -> InstRange {
        self.0.block_insns(block)
    }
    #[inline(always)]
    fn block_succs(&self, block: Block) -> &[Block] {
        self.0.block_succs(block)
    }
    #[inline(always)]
    fn block_preds(&self, block: Block) -> &[Block] {
        self.0.block_preds(block)
    }
    #[inline(always)]
    fn block_params(&self, block: Block) -> &[VReg] {
        self.0.block_params(block)
    }
    #[inline(always)]
    fn is_ret(&self, insn: Inst) -> bool {
        self.0.is_ret(insn)
    }
    #[inline(always)]
    fn is_branch(&self, insn: Inst) -> bool {
        self.0.is_branch(insn)
    }
    #[inline(always)]
    fn branch_blockparams(&self, block: Block, insn: Inst, succ_idx: usize) -> &[VReg] {
        self.0.branch_blockparams(block, insn, succ_idx)
    }
    #[inline(always)]
    fn inst_operands(&self, insn: Inst) -> &[Operand] {
        self.0.inst_operands(insn)
    }
    #[inline(always)]
    fn inst_clobbers(&self, insn: Inst) -> PRegSet {
        self.0.inst_clobbers(insn)
    }
    #[inline(always)]
    fn num_vregs(&self) -> usize {
        self.0.num_vregs()
    }
    #[inline(always)]
    fn debug_value_labels(&self) -> &[(VReg, Inst, Inst, u32)] {
        self.0.debug_value_labels()
    }
    #[inline(always)]
    fn spillslot_size(&self, regclass: RegClass) -> usize {
        self.0.spillslot_size(regclass)
    }
    #[inline(always)]
    fn multi_spillslot_named_by_last_slot(&self) -> bool {
        self.0.multi_spillslot_named_by_last_slot()
    }
    #[inline(always)]
    fn allow_multiple_vreg_defs(&self) -> bool {
        self.0.allow_multiple_vreg_defs()
    }
}
