//! Functions that can be stored and read again.

use crate::{Block, Function, Inst, InstRange, MachineEnv, Operand, PRegSet, RegClass, VReg};
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// A function and the machine that it is for, copied from a client's own representation.
///
/// What it looks like when serialized may change with every version.
#[derive(Serialize, Deserialize)]
pub struct SerializableFunction {
    machine_env: MachineEnv,
    entry_block: Block,
    blocks: Vec<BlockRecord>,
    insts: Vec<InstRecord>,
    num_vregs: usize,
    debug_value_labels: Vec<(VReg, Inst, Inst, u32)>,
    /// By class; 1 for a class that the function has no values of.
    spillslot_size: [usize; 3],
    named_by_last_slot: bool,
    multiple_defs: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct BlockRecord {
    insts: InstRange,
    succs: Vec<Block>,
    preds: Vec<Block>,
    params: Vec<VReg>,
    /// For each successor.
    args: Vec<Vec<VReg>>,
}

#[derive(Serialize, Deserialize)]
struct InstRecord {
    is_branch: bool,
    is_ret: bool,
    operands: Vec<Operand>,
    clobbers: PRegSet,
}

impl SerializableFunction {
    /// Copies a function.
    pub fn new(func: &impl Function, machine_env: MachineEnv) -> Self {
        let mut occurs = [false; 3];
        let mut blocks = Vec::with_capacity(func.num_blocks());
        for block in (0..func.num_blocks()).map(Block::new) {
            let (insts, succs) = (func.block_insns(block), func.block_succs(block));
            let args = |n| func.branch_blockparams(block, insts.last(), n).to_vec();
            let params = func.block_params(block);
            for param in params {
                occurs[param.class() as usize] = true;
            }
            blocks.push(BlockRecord {
                insts,
                succs: succs.to_vec(),
                preds: func.block_preds(block).to_vec(),
                params: params.to_vec(),
                args: (0..succs.len()).map(args).collect(),
            });
        }
        let mut insts = Vec::with_capacity(func.num_insts());
        for inst in (0..func.num_insts()).map(Inst::new) {
            let operands = func.inst_operands(inst);
            for op in operands.iter().filter(|op| op.as_fixed_nonallocatable().is_none()) {
                occurs[op.class() as usize] = true;
            }
            insts.push(InstRecord {
                is_branch: func.is_branch(inst),
                is_ret: func.is_ret(inst),
                operands: operands.to_vec(),
                clobbers: func.inst_clobbers(inst),
            });
        }
        // A client need not have an answer for a class that it has no values of.
        let size = |class: RegClass| if occurs[class as usize] { func.spillslot_size(class) } else { 1 };
        Self {
            machine_env,
            entry_block: func.entry_block(),
            blocks,
            insts,
            num_vregs: func.num_vregs(),
            debug_value_labels: func.debug_value_labels().to_vec(),
            spillslot_size: RegClass::ALL.map(size),
            named_by_last_slot: func.multi_spillslot_named_by_last_slot(),
            multiple_defs: func.allow_multiple_vreg_defs(),
        }
    }

    /// The machine that the function is for.
    pub fn machine_env(&self) -> &MachineEnv {
        &self.machine_env
    }
}

impl Function for SerializableFunction {
    fn num_insts(&self) -> usize {
        self.insts.len()
    }
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    fn entry_block(&self) -> Block {
        self.entry_block
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
        self.insts[insn.index()].is_ret
    }
    fn is_branch(&self, insn: Inst) -> bool {
        self.insts[insn.index()].is_branch
    }
    fn branch_blockparams(&self, block: Block, _: Inst, succ_idx: usize) -> &[VReg] {
        &self.blocks[block.index()].args[succ_idx]
    }
    fn inst_operands(&self, insn: Inst) -> &[Operand] {
        &self.insts[insn.index()].operands
    }
    fn inst_clobbers(&self, insn: Inst) -> PRegSet {
        self.insts[insn.index()].clobbers
    }
    fn num_vregs(&self) -> usize {
        self.num_vregs
    }
    fn debug_value_labels(&self) -> &[(VReg, Inst, Inst, u32)] {
        &self.debug_value_labels
    }
    fn spillslot_size(&self, regclass: RegClass) -> usize {
        self.spillslot_size[regclass as usize]
    }
    fn multi_spillslot_named_by_last_slot(&self) -> bool {
        self.named_by_last_slot
    }
    fn allow_multiple_vreg_defs(&self) -> bool {
        self.multiple_defs
    }
}

impl fmt::Debug for SerializableFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine: {:?}", self.machine_env)?;
        let (sizes, last) = (self.spillslot_size, self.named_by_last_slot);
        writeln!(f, "words of a spill slot by class: {sizes:?}, named by the last: {last}")?;
        for (n, block) in self.blocks.iter().enumerate() {
            let BlockRecord { succs, preds, params, args, .. } = block;
            writeln!(f, "{} {params:?}: from {preds:?} to {succs:?} with {args:?}", Block::new(n))?;
            for inst in block.insts.iter() {
                let InstRecord { is_branch, is_ret, operands, clobbers } = &self.insts[inst.index()];
                let kind = match (is_branch, is_ret) {
                    (true, _) => " branch",
                    (_, true) => " ret",
                    _ => "",
                };
                writeln!(f, "  {inst}:{kind} {operands:?} clobbers {clobbers}")?;
            }
        }
        Ok(())
    }
}
