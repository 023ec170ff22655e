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

    /// The registers whose contents are lost when the instruction has executed, beyond those of its definitions.
    fn inst_clobbers(&self, insn: Inst) -> PRegSet;

    /// The number of virtual registers.
    fn num_vregs(&self) -> usize;

    /// Values to follow for a debugger: virtual register, first instruction, instruction past the last, label; sorted
    /// by virtual register. The output tells where each is between the points *before* those instructions.
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

    /// May one instruction define the same virtual register several times? All such definitions get one location.
    ///
    /// The validator and the checker know what to make of an instruction that does; the algorithms do not yet, and refuse it
    /// ([`crate::Error::MultipleDefs`]). (Cranelift says that it may, and does not.)
    fn allow_multiple_vreg_defs(&self) -> bool {
        false
    }

    /// How often the block is executed for each time that the function is, if the client knows; at least 0 and finite.
    ///
    /// It decides where spilled values are stored and reloaded. A client that answers for one block must answer for all.
    /// Without an answer, a block in n nested loops counts as executed `10^min(n, 6)` times.
    fn block_frequency(&self, block: Block) -> Option<f32> {
        let _ = block;
        None
    }
}
