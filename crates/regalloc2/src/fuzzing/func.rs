//! Random functions in SSA form that can be allocated.
//!
//! Blocks are filled in reverse postorder, so that what a block may read (the values of the blocks that dominate it) is there
//! when it is filled. Fixed registers are different ones throughout an instruction, and are not clobbered by it; with the ranges
//! of [`Options::DEFAULT`], registers never run out.

use super::graph::Graph;
use crate::{
    Block, Function, Inst, InstRange, MachineEnv, Operand, OperandConstraint, OperandKind, OperandPos, PReg, PRegSet,
    RegClass, VReg,
};
use alloc::vec;
use alloc::vec::Vec;
use arbitrary::{Arbitrary, Result, Unstructured};
use core::fmt;
use core::ops::RangeInclusive;

/// What an instruction does to control flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstOpcode {
    /// Nothing.
    Op,
    /// It leaves the function.
    Ret,
    /// It goes to one of its block's successors.
    Branch,
}

/// An instruction.
#[derive(Clone, Debug)]
pub struct InstData {
    op: InstOpcode,
    operands: Vec<Operand>,
    clobbers: PRegSet,
}

impl InstData {
    /// A branch without operands.
    pub fn branch() -> InstData {
        InstData { op: InstOpcode::Branch, operands: Vec::new(), clobbers: PRegSet::empty() }
    }

    /// A return without operands.
    pub fn ret() -> InstData {
        InstData { op: InstOpcode::Ret, ..Self::branch() }
    }
}

/// A function.
#[derive(Clone)]
pub struct Func {
    insts: Vec<InstData>,
    blocks: Vec<BlockData>,
    num_vregs: usize,
    debug_value_labels: Vec<(VReg, Inst, Inst, u32)>,
}

#[derive(Clone)]
struct BlockData {
    insts: InstRange,
    succs: Vec<Block>,
    preds: Vec<Block>,
    params: Vec<VReg>,
    args: Vec<Vec<VReg>>,
}

/// What functions to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// Definitions may take over the register of an input.
    pub reused_inputs: bool,
    /// Operands may be in fixed registers.
    pub fixed_regs: bool,
    /// Instructions may mention registers that are not to be allocated.
    pub fixed_nonallocatable: bool,
    /// Instructions may clobber registers.
    pub clobbers: bool,
    /// Without effect: there are no values of a special kind.
    pub reftypes: bool,
    /// Instructions may have many uses that can be anywhere, as calls have for debuggers and collectors.
    pub callsite_ish_constraints: bool,
    /// Blocks, before those that split critical edges.
    pub num_blocks: RangeInclusive<usize>,
    /// Values defined in a block.
    pub num_vregs_per_block: RangeInclusive<usize>,
    /// Ordinary uses of an instruction.
    pub num_uses_per_inst: RangeInclusive<usize>,
    /// Uses that can be anywhere.
    pub num_callsite_ish_vregs_per_inst: RangeInclusive<usize>,
    /// Registers clobbered by an instruction.
    pub num_clobbers_per_inst: RangeInclusive<usize>,
}

impl Options {
    /// Nothing special, of moderate size.
    pub const DEFAULT: Self = Self {
        reused_inputs: false,
        fixed_regs: false,
        fixed_nonallocatable: false,
        clobbers: false,
        reftypes: false,
        callsite_ish_constraints: false,
        num_blocks: 1..=100,
        num_vregs_per_block: 5..=15,
        num_uses_per_inst: 0..=10,
        num_callsite_ish_vregs_per_inst: 0..=20,
        num_clobbers_per_inst: 0..=10,
    };
}

/// The machine that the functions are for: 24 preferred and 8 other registers a class, and 31 stack slots; register 63 is not to
/// be allocated.
pub fn machine_env() -> MachineEnv {
    let numbered = |numbers: core::ops::Range<usize>| {
        RegClass::ALL.map(|class| numbers.clone().map(|n| PReg::new(n, class)).collect::<PRegSet>())
    };
    let slots = RegClass::ALL.into_iter().flat_map(|class| (32..63).map(move |n| PReg::new(n, class)));
    MachineEnv {
        preferred_regs_by_class: numbered(0..24),
        non_preferred_regs_by_class: numbered(24..32),
        scratch_by_class: [None; 3],
        fixed_stack_slots: slots.collect(),
    }
}

/// Registers of a class that may be allocated.
const ALLOCATABLE: usize = 32;
/// The number of the register that may not.
const NON_ALLOCATABLE: usize = 63;

impl Arbitrary<'_> for Func {
    fn arbitrary(u: &mut Unstructured<'_>) -> Result<Func> {
        Func::arbitrary_with_options(u, &Options::DEFAULT)
    }
}

impl Func {
    /// A function as `opts` has it.
    ///
    /// # Errors
    ///
    /// If `u` gives none.
    pub fn arbitrary_with_options(u: &mut Unstructured<'_>, opts: &Options) -> Result<Func> {
        let blocks = u.int_in_range(opts.num_blocks.clone())?;
        let graph = Graph::random(u, blocks)?;
        let mut draft = Draft { opts, graph, num_vregs: 0, blocks: Vec::new() };
        for block in 0..draft.graph.succs.len() {
            draft.fill(u, block)?;
        }
        draft.finish(u)
    }
}

/// A function in the making.
struct Draft<'a> {
    opts: &'a Options,
    graph: Graph,
    num_vregs: usize,
    blocks: Vec<DraftBlock>,
}

#[derive(Default)]
struct DraftBlock {
    params: Vec<VReg>,
    insts: Vec<InstData>,
    /// All values that its end may read.
    live: Vec<VReg>,
}

fn class(u: &mut Unstructured<'_>) -> Result<RegClass> {
    u.choose(&RegClass::ALL).copied()
}

impl Draft<'_> {
    fn vreg(&mut self, class: RegClass) -> VReg {
        self.num_vregs += 1;
        VReg::new(self.num_vregs - 1, class)
    }

    /// Fills a block; those that dominate it are filled.
    fn fill(&mut self, u: &mut Unstructured<'_>, block: usize) -> Result<()> {
        let mut draft = DraftBlock::default();
        if block > 0 {
            draft.live.clone_from(&self.blocks[self.graph.idom[block]].live);
            for _ in 0..u.int_in_range(0..=3)? {
                let param = self.vreg(class(u)?);
                draft.params.push(param);
            }
        }
        draft.live.extend(&draft.params);
        for _ in 0..u.int_in_range(self.opts.num_vregs_per_block.clone())? {
            let def = self.vreg(class(u)?);
            draft.insts.push(self.inst(u, def, &draft.live)?);
            draft.live.push(def);
        }
        self.blocks.push(draft);
        Ok(())
    }

    /// An instruction that defines `def` and reads some of `live`.
    fn inst(&self, u: &mut Unstructured<'_>, def: VReg, live: &[VReg]) -> Result<InstData> {
        let opts = self.opts;
        let mut fixed = PRegSet::empty();
        let mut inst = InstData { op: InstOpcode::Op, operands: Vec::new(), clobbers: PRegSet::empty() };
        inst.operands.push(Operand::reg_def(def));
        if !live.is_empty() {
            for _ in 0..u.int_in_range(opts.num_uses_per_inst.clone())? {
                let vreg = *u.choose(live)?;
                let pos = if u.ratio(1, 4)? { OperandPos::Late } else { OperandPos::Early };
                let constraint = self.constraint(u, vreg, &mut fixed)?;
                inst.operands.push(Operand::new(vreg, constraint, OperandKind::Use, pos));
            }
        }
        inst.operands[0] = self.definition(u, def, &inst.operands, &mut fixed)?;
        if opts.callsite_ish_constraints && !live.is_empty() && u.ratio(1, 4)? {
            for _ in 0..u.int_in_range(opts.num_callsite_ish_vregs_per_inst.clone())? {
                inst.operands.push(Operand::any_use(*u.choose(live)?));
            }
        }
        if opts.fixed_nonallocatable && u.ratio(1, 8)? {
            // Register 63 of the first class has the encoding of no register.
            inst.operands.push(Operand::fixed_nonallocatable(PReg::new(NON_ALLOCATABLE, RegClass::Float)));
        }
        if opts.clobbers && u.ratio(1, 4)? {
            for _ in 0..u.int_in_range(opts.num_clobbers_per_inst.clone())? {
                let reg = PReg::new(u.int_in_range(0..=ALLOCATABLE - 1)?, class(u)?);
                if !fixed.contains(reg) {
                    inst.clobbers.add(reg);
                }
            }
        }
        Ok(inst)
    }

    fn constraint(&self, u: &mut Unstructured<'_>, vreg: VReg, fixed: &mut PRegSet) -> Result<OperandConstraint> {
        if self.opts.fixed_regs && u.ratio(1, 4)? {
            let reg = PReg::new(u.int_in_range(0..=ALLOCATABLE - 1)?, vreg.class());
            if !fixed.contains(reg) {
                fixed.add(reg);
                return Ok(OperandConstraint::FixedReg(reg));
            }
        }
        Ok(if u.ratio(1, 3)? { OperandConstraint::Any } else { OperandConstraint::Reg })
    }

    /// The operand of `def`, which the instruction has beside `operands`.
    fn definition(
        &self,
        u: &mut Unstructured<'_>,
        def: VReg,
        operands: &[Operand],
        fixed: &mut PRegSet,
    ) -> Result<Operand> {
        if self.opts.reused_inputs && u.ratio(1, 3)? {
            let can_be_reused = |op: &Operand| {
                let early_use = op.kind() == OperandKind::Use && op.pos() == OperandPos::Early;
                early_use && op.constraint() == OperandConstraint::Reg && op.class() == def.class()
            };
            if let Some(input) = operands.iter().position(can_be_reused) {
                return Ok(Operand::reg_reuse_def(def, input));
            }
        }
        let pos = if u.ratio(1, 4)? { OperandPos::Early } else { OperandPos::Late };
        Ok(Operand::new(def, self.constraint(u, def, fixed)?, OperandKind::Def, pos))
    }

    /// Passes arguments, ends the blocks, and numbers the instructions.
    fn finish(mut self, u: &mut Unstructured<'_>) -> Result<Func> {
        let mut args: Vec<Vec<Vec<VReg>>> = Vec::with_capacity(self.blocks.len());
        for block in 0..self.blocks.len() {
            let mut of_block = Vec::new();
            for k in 0..self.graph.succs[block].len() {
                let mut list = Vec::new();
                for n in 0..self.blocks[self.graph.succs[block][k]].params.len() {
                    let class = self.blocks[self.graph.succs[block][k]].params[n].class();
                    let same = self.blocks[block].live.iter().copied().filter(|vreg| vreg.class() == class);
                    let same: Vec<VReg> = same.collect();
                    list.push(if same.is_empty() { self.define_at_end(block, class) } else { *u.choose(&same)? });
                }
                of_block.push(list);
            }
            args.push(of_block);
        }
        let mut func =
            Func { insts: Vec::new(), blocks: Vec::new(), num_vregs: self.num_vregs, debug_value_labels: Vec::new() };
        let named = |list: &[usize]| list.iter().map(|&n| Block::new(n)).collect::<Vec<_>>();
        for (n, (draft, args)) in self.blocks.into_iter().zip(args).enumerate() {
            let first = Inst::new(func.insts.len());
            func.insts.extend(draft.insts);
            let (succs, preds) = (named(&self.graph.succs[n]), named(&self.graph.preds[n]));
            func.insts.push(if succs.is_empty() { InstData::ret() } else { InstData::branch() });
            let insts = InstRange::new(first, Inst::new(func.insts.len()));
            func.blocks.push(BlockData { insts, succs, preds, params: draft.params, args });
        }
        func.follow_some(u)?;
        Ok(func)
    }

    /// A value of the class, defined at the end of the block as it is.
    fn define_at_end(&mut self, block: usize, class: RegClass) -> VReg {
        let def = self.vreg(class);
        let operands = vec![Operand::reg_def(def)];
        self.blocks[block].insts.push(InstData { op: InstOpcode::Op, operands, clobbers: PRegSet::empty() });
        self.blocks[block].live.push(def);
        def
    }
}

impl Func {
    /// Has a debugger follow some values.
    fn follow_some(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let mut values: Vec<VReg> = Vec::new();
        for inst in &self.insts {
            let defs = inst.operands.iter().filter(|op| op.kind() == OperandKind::Def);
            values.extend(defs.map(|op| op.vreg()));
        }
        values.sort_unstable_by_key(|vreg| vreg.vreg());
        for vreg in values {
            if u.ratio(1, 8)? {
                let from = u.int_in_range(0..=self.insts.len() - 1)?;
                let to = u.int_in_range(from + 1..=self.insts.len())?;
                self.debug_value_labels.push((vreg, Inst::new(from), Inst::new(to), u.int_in_range(0..=9)?));
            }
        }
        Ok(())
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
        Block::new(0)
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
        self.insts[insn.index()].op == InstOpcode::Ret
    }
    fn is_branch(&self, insn: Inst) -> bool {
        self.insts[insn.index()].op == InstOpcode::Branch
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
        match regclass {
            RegClass::Int => 1,
            RegClass::Float | RegClass::Vector => 2,
        }
    }
}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, block) in self.blocks.iter().enumerate() {
            let BlockData { insts, succs, params, args, .. } = block;
            writeln!(f, "{} {params:?}: to {succs:?} with {args:?}", Block::new(n))?;
            for inst in insts.iter() {
                let InstData { op, operands, clobbers } = &self.insts[inst.index()];
                writeln!(f, "  {inst}: {op:?} {operands:?} clobbers {clobbers}")?;
            }
        }
        Ok(())
    }
}
