//! The function to allocate, as its compiler shows it to the allocator.

use super::entity::{Block, Inst, InstRange};
use super::operand::Operand;
use super::reg::{PRegSet, RegClass, VReg};

/// A function in SSA form.
///
/// The allocator reads a client's own representation through this trait and copies nothing that it does not need.
/// Blocks, instructions and virtual registers are numbered from zero. The blocks' instructions cover all there are, without gaps;
/// blocks may stand in any order. Virtual registers may have gaps, which take memory ([`crate::limits`]). What must hold of a function is what
/// [`crate::check::validate`] checks:
///
/// - Every block has at least one instruction and ends in a branch or a return, which stand nowhere else.
/// - Every virtual register has one definition (an operand or a block parameter), which dominates its uses.
/// - The entry block has no parameters.
/// - No edge is critical: a block with several predecessors has only predecessors with one successor. (The entry
///   block counts as having one predecessor more than it names.)
/// - A branch to a block with several predecessors has no operands and no clobbers of its own: moves must go before it.
/// - What ends a block defines nothing in registers that are not allocatable, or in fixed stack slots: nothing can be moved behind it.
///
/// Blocks that cannot be reached are allocated like others; there it is enough that a value has a definition, and not behind its use.
/// A block from which control does not go on, at a trap for instance, ends in a return or in a branch without targets. How to
/// describe instructions is told in [`crate::ir`].
///
/// [`crate::Func`] is a ready implementation in plain vectors.
pub trait Function {
    /// The number of instructions.
    fn num_insts(&self) -> usize;

    /// The number of blocks.
    fn num_blocks(&self) -> usize;

    /// The block where the function starts.
    fn entry_block(&self) -> Block;

    /// The instructions of a block.
    fn block_insns(&self, block: Block) -> InstRange;

    /// The blocks that control may go to from a block, in the order of its branch's targets.
    fn block_succs(&self, block: Block) -> &[Block];

    /// The blocks that control may come from.
    fn block_preds(&self, block: Block) -> &[Block];

    /// The block's parameters: values that each predecessor's branch provides.
    fn block_params(&self, block: Block) -> &[VReg];

    /// Does the instruction leave the function?
    fn is_ret(&self, insn: Inst) -> bool;

    /// Is the instruction a branch?
    fn is_branch(&self, insn: Inst) -> bool;

    /// The arguments that `insn`, the branch at the end of `block`, passes to the parameters of its successor number
    /// `succ_idx`.
    fn branch_blockparams(&self, block: Block, insn: Inst, succ_idx: usize) -> &[VReg];

    /// The instruction's operands. Their locations come back in the same order.
    fn inst_operands(&self, insn: Inst) -> &[Operand];

    /// The registers whose contents are lost when the instruction has executed.
    ///
    /// A register that a definition or a late use is fixed to must not be among them: what a call clobbers is the registers
    /// that the caller has to save *without* those of its results. Those of its arguments, early uses, may be among them. Registers
    /// that are not allocatable, and fixed stack slots, may be named.
    fn inst_clobbers(&self, insn: Inst) -> PRegSet;

    /// The number of virtual registers.
    fn num_vregs(&self) -> usize;

    /// Values to follow for a debugger: virtual register, first instruction, instruction past the last, label; sorted
    /// by virtual register. The output tells where each is between the points *before* those instructions
    /// ([`crate::Output::debug_locations`]). Where several values with the same label are asked for, the answer is the first
    /// of them alone, up to where its request ends.
    fn debug_value_labels(&self) -> &[(VReg, Inst, Inst, u32)] {
        &[]
    }

    /// How many words of the frame a spilled value of the class takes: a power of two. Such a slot is aligned to its
    /// size.
    fn spillslot_size(&self, regclass: RegClass) -> usize;

    /// Is a slot of several words named by its last word rather than its first?
    fn multi_spillslot_named_by_last_slot(&self) -> bool {
        false
    }

    /// May one instruction define the same virtual register several times? All such definitions get one location, which must suit each of them:
    /// if there is none, that is [`crate::Error::BadConstraint`].
    fn allow_multiple_vreg_defs(&self) -> bool {
        false
    }

    /// How often the block is executed for each time that the function is, if the client knows; at least 0 and finite.
    ///
    /// It decides where spilled values are stored and reloaded. A client that answers for one block must answer for all.
    /// Without an answer, a block in n nested loops counts as executed `10^min(n, 6)` times, or as often as
    /// [`crate::FrequencyModel::Estimated`] says.
    fn block_frequency(&self, block: Block) -> Option<f32> {
        let _ = block;
        None
    }
}

/// So that an allocator may be given a reference to a `dyn Function` (by a reference to that).
impl<F: Function + ?Sized> Function for &F {
    #[inline]
    fn num_insts(&self) -> usize {
        (**self).num_insts()
    }
    #[inline]
    fn num_blocks(&self) -> usize {
        (**self).num_blocks()
    }
    #[inline]
    fn entry_block(&self) -> Block {
        (**self).entry_block()
    }
    #[inline]
    fn block_insns(&self, block: Block) -> InstRange {
        (**self).block_insns(block)
    }
    #[inline]
    fn block_succs(&self, block: Block) -> &[Block] {
        (**self).block_succs(block)
    }
    #[inline]
    fn block_preds(&self, block: Block) -> &[Block] {
        (**self).block_preds(block)
    }
    #[inline]
    fn block_params(&self, block: Block) -> &[VReg] {
        (**self).block_params(block)
    }
    #[inline]
    fn is_ret(&self, insn: Inst) -> bool {
        (**self).is_ret(insn)
    }
    #[inline]
    fn is_branch(&self, insn: Inst) -> bool {
        (**self).is_branch(insn)
    }
    #[inline]
    fn branch_blockparams(&self, block: Block, insn: Inst, succ_idx: usize) -> &[VReg] {
        (**self).branch_blockparams(block, insn, succ_idx)
    }
    #[inline]
    fn inst_operands(&self, insn: Inst) -> &[Operand] {
        (**self).inst_operands(insn)
    }
    #[inline]
    fn inst_clobbers(&self, insn: Inst) -> PRegSet {
        (**self).inst_clobbers(insn)
    }
    #[inline]
    fn num_vregs(&self) -> usize {
        (**self).num_vregs()
    }
    #[inline]
    fn debug_value_labels(&self) -> &[(VReg, Inst, Inst, u32)] {
        (**self).debug_value_labels()
    }
    #[inline]
    fn spillslot_size(&self, regclass: RegClass) -> usize {
        (**self).spillslot_size(regclass)
    }
    #[inline]
    fn multi_spillslot_named_by_last_slot(&self) -> bool {
        (**self).multi_spillslot_named_by_last_slot()
    }
    #[inline]
    fn allow_multiple_vreg_defs(&self) -> bool {
        (**self).allow_multiple_vreg_defs()
    }
    #[inline]
    fn block_frequency(&self, block: Block) -> Option<f32> {
        (**self).block_frequency(block)
    }
}
