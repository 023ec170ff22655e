//! A function in plain vectors: what the text form, the corpus and the tests hold their functions in.

use super::entity::{Block, Inst, InstRange};
use super::function::Function;
use super::operand::Operand;
use super::reg::{MachineEnv, PRegSet, RegClass, VReg};
use alloc::vec::Vec;

/// What an instruction does to control flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum InstKind {
    /// Control goes on to the next instruction.
    #[default]
    Plain,
    /// Control goes to one of the block's successors.
    Branch,
    /// Control leaves the function.
    Ret,
}

/// An instruction of a [`Func`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstData {
    /// What it does to control flow.
    pub kind: InstKind,
    /// Its operands.
    pub operands: Vec<Operand>,
    /// The registers that it spoils.
    pub clobbers: PRegSet,
}

/// A block of a [`Func`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BlockData {
    /// Its instructions.
    pub insts: InstRange,
    /// Its successors.
    pub succs: Vec<Block>,
    /// Its predecessors.
    pub preds: Vec<Block>,
    /// Its parameters.
    pub params: Vec<VReg>,
    /// For each successor, the arguments to that block's parameters.
    pub args: Vec<Vec<VReg>>,
}

/// A function held in plain vectors.
///
/// ```
/// use regatta::{FuncBuilder, InstData, InstKind, Operand, RegClass};
///
/// let mut b = FuncBuilder::new();
/// let block = b.block(&[]);
/// let x = b.vreg(RegClass::Int);
/// b.inst(block, InstData { operands: vec![Operand::reg_def(x)], ..InstData::default() });
/// b.inst(block, InstData { kind: InstKind::Ret, operands: vec![Operand::reg_use(x)], ..InstData::default() });
/// let func = b.finish();
/// assert_eq!(func.insts.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Func {
    /// The block where it starts.
    pub entry: Block,
    /// The number of virtual registers.
    pub num_vregs: usize,
    /// The blocks.
    pub blocks: Vec<BlockData>,
    /// The instructions of all blocks.
    pub insts: Vec<InstData>,
    /// Words that a spill slot of each class takes. 0 where the machine has no such registers.
    pub spillslot_size: [u8; 3],
    /// Is a slot of several words named by its last word?
    pub named_by_last_slot: bool,
    /// May an instruction define a value several times? See [`Function::allow_multiple_vreg_defs`].
    pub multiple_defs: bool,
    /// Values to follow for a debugger: see [`Function::debug_value_labels`].
    pub debug_labels: Vec<(VReg, Inst, Inst, u32)>,
    /// Executions of each block per execution of the function; empty when unknown.
    pub frequencies: Vec<Frequency>,
}

/// A block's frequency: a finite number not below zero, compared by its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(try_from = "f32", into = "f32"))]
pub struct Frequency(u32);

impl Frequency {
    /// The frequency `value`; `None` unless it is finite and not negative.
    pub fn new(value: f32) -> Option<Self> {
        (value.is_finite() && value >= 0.0).then(|| Self(value.to_bits()))
    }

    /// The frequency as a number.
    pub fn get(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl TryFrom<f32> for Frequency {
    type Error = &'static str;

    fn try_from(value: f32) -> Result<Self, Self::Error> {
        Self::new(value).ok_or("a frequency is finite and not negative")
    }
}

impl From<Frequency> for f32 {
    fn from(frequency: Frequency) -> Self {
        frequency.get()
    }
}

impl Function for Func {
    fn num_insts(&self) -> usize {
        self.insts.len()
    }
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    fn entry_block(&self) -> Block {
        self.entry
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
        self.insts[insn.index()].kind == InstKind::Ret
    }
    fn is_branch(&self, insn: Inst) -> bool {
        self.insts[insn.index()].kind == InstKind::Branch
    }
    #[inline]
    fn branch_blockparams(&self, block: Block, _: Inst, succ_idx: usize) -> &[VReg] {
        self.blocks[block.index()].args.get(succ_idx).map_or(&[], |args| args)
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
        &self.debug_labels
    }
    fn spillslot_size(&self, regclass: RegClass) -> usize {
        // A class without registers still gets a size that is one: a value of it is an error elsewhere.
        usize::from(self.spillslot_size[regclass.index()]).max(1)
    }
    fn multi_spillslot_named_by_last_slot(&self) -> bool {
        self.named_by_last_slot
    }
    fn allow_multiple_vreg_defs(&self) -> bool {
        self.multiple_defs
    }
    fn block_frequency(&self, block: Block) -> Option<f32> {
        self.frequencies.get(block.index()).map(|f| f.get())
    }
}

/// A function together with the machine that it is to run on: one problem for the allocator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Problem {
    /// The function.
    pub func: Func,
    /// The machine's registers.
    pub env: MachineEnv,
}

/// Builds a [`Func`] block by block.
///
/// Blocks are laid out in the order in which they are made, whatever the order in which instructions are added.
/// [`FuncBuilder::finish`] numbers the instructions and derives the predecessors. What else a function says is set in the [`Func`] that comes
/// out: frequencies, labels for a debugger, and how many words a spill slot takes, which are one for an integer and two for others.
#[derive(Clone, Debug, Default)]
pub struct FuncBuilder {
    blocks: Vec<Draft>,
    num_vregs: usize,
}

#[derive(Clone, Debug, Default)]
struct Draft {
    params: Vec<VReg>,
    insts: Vec<InstData>,
    succs: Vec<Block>,
    args: Vec<Vec<VReg>>,
}

impl FuncBuilder {
    /// A function without blocks. The first block made becomes its entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new virtual register.
    pub fn vreg(&mut self, class: RegClass) -> VReg {
        self.num_vregs += 1;
        VReg::new(self.num_vregs - 1, class)
    }

    /// A new block with these parameters.
    pub fn block(&mut self, params: &[VReg]) -> Block {
        self.blocks.push(Draft { params: params.to_vec(), ..Draft::default() });
        Block::new(self.blocks.len() - 1)
    }

    /// Adds a parameter to a block, a new virtual register. Every branch there must pass one argument more.
    pub fn param(&mut self, block: Block, class: RegClass) -> VReg {
        let param = self.vreg(class);
        self.blocks[block.index()].params.push(param);
        param
    }

    /// Adds an instruction at the end of a block.
    pub fn inst(&mut self, block: Block, inst: InstData) {
        self.blocks[block.index()].insts.push(inst);
    }

    /// Adds a plain instruction with these operands at the end of a block.
    pub fn op(&mut self, block: Block, operands: &[Operand]) {
        self.inst(block, InstData { operands: operands.to_vec(), ..InstData::default() });
    }

    /// Ends a block with a branch to these blocks, passing these arguments.
    pub fn branch(&mut self, block: Block, operands: &[Operand], targets: &[(Block, &[VReg])]) {
        let inst = InstData { kind: InstKind::Branch, operands: operands.to_vec(), ..InstData::default() };
        self.branch_inst(block, inst, targets);
    }

    /// Ends a block with `inst`, a branch to these blocks, passing these arguments.
    pub fn branch_inst(&mut self, block: Block, inst: InstData, targets: &[(Block, &[VReg])]) {
        self.inst(block, inst);
        let draft = &mut self.blocks[block.index()];
        draft.succs = targets.iter().map(|t| t.0).collect();
        draft.args = targets.iter().map(|t| t.1.to_vec()).collect();
    }

    /// Ends a block with a return.
    pub fn ret(&mut self, block: Block, operands: &[Operand]) {
        self.inst(block, InstData { kind: InstKind::Ret, operands: operands.to_vec(), ..InstData::default() });
    }

    /// The function.
    pub fn finish(self) -> Func {
        let mut func = Func {
            entry: Block::new(0),
            num_vregs: self.num_vregs,
            blocks: Vec::with_capacity(self.blocks.len()),
            insts: Vec::new(),
            spillslot_size: [1, 2, 2],
            named_by_last_slot: false,
            multiple_defs: false,
            debug_labels: Vec::new(),
            frequencies: Vec::new(),
        };
        for draft in self.blocks {
            let first = Inst::new(func.insts.len());
            func.insts.extend(draft.insts);
            let insts = InstRange::new(first, Inst::new(func.insts.len()));
            let (succs, params, args) = (draft.succs, draft.params, draft.args);
            func.blocks.push(BlockData { insts, succs, preds: Vec::new(), params, args });
        }
        func.derive_preds();
        func
    }
}

impl Func {
    /// Sets every block's predecessors from the blocks' successors, in the order of the blocks.
    pub fn derive_preds(&mut self) {
        for block in &mut self.blocks {
            block.preds.clear();
        }
        for from in 0..self.blocks.len() {
            for k in 0..self.blocks[from].succs.len() {
                let to = self.blocks[from].succs[k];
                if let Some(target) = self.blocks.get_mut(to.index()) {
                    target.preds.push(Block::new(from));
                }
            }
        }
    }
}
