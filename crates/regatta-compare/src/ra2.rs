//! regalloc2 0.15: its allocators on our problems, its checker on our outputs.
//!
//! The two vocabularies have the same encodings, so a translation is a copy. To time regalloc2 without the copy, make an
//! [`Adapter`] and a [`machine_env`] once, outside of what is timed, and give them to [`regalloc2::run_with_ctx`].
//!
//! ```
//! use regatta::{FuncBuilder, MachineEnv, Operand, PReg, PRegSet, Problem, RegClass};
//! use regatta_compare::ra2;
//!
//! let mut b = FuncBuilder::new();
//! let block = b.block(&[]);
//! let x = b.vreg(RegClass::Int);
//! b.op(block, &[Operand::reg_def(x)]);
//! b.ret(block, &[Operand::reg_use(x)]);
//! let mut env = MachineEnv::default();
//! env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b11);
//! let problem = Problem { func: b.finish(), env };
//!
//! let output = ra2::run(&problem, ra2::Algorithm::Ion)?;
//! assert_eq!(output.allocs.len(), 2);
//! assert_eq!(ra2::check(&problem, &output), Ok(()));
//! # Ok::<(), ra2::RegAllocError>(())
//! ```

use crate::order::in_reverse_postorder;
use crate::panics::caught;
use regatta::{Allocation, AllocationKind, Edit, Func, MachineEnv, Output, PReg, PRegSet, Problem, ProgPoint, Stats};

pub use regalloc2::{self, Algorithm, Ctx, RegAllocError, RegallocOptions};

/// Allocates with one of regalloc2's algorithms.
///
/// # Errors
///
/// What regalloc2 finds wrong with the problem. It does not look for everything: validate first.
pub fn run(problem: &Problem, algorithm: Algorithm) -> Result<Output, RegAllocError> {
    let options = RegallocOptions { algorithm, ..RegallocOptions::default() };
    let output = regalloc2::run(&Adapter::new(&problem.func), &machine_env(&problem.env), &options)?;
    Ok(our_output(&output))
}

/// What regalloc2's own checker says to an output of ours.
///
/// # Errors
///
/// The faults, as its checker prints them. An output that makes its checker panic is one that it does not accept.
///
/// Its checker takes a block that it comes to before its predecessors for one that knows nothing. So it is shown the blocks in reverse
/// postorder, and none that cannot be reached; in what it says of functions that are not written so, instructions are numbered accordingly.
pub fn check(problem: &Problem, output: &Output) -> Result<(), String> {
    let ordered = in_reverse_postorder(&problem.func, output);
    let (func, output) = ordered.as_ref().map_or((&problem.func, output), |(func, output)| (func, output));
    let theirs = their_output(output)?;
    let func = Adapter::new(func);
    let env = machine_env(&problem.env);
    let verdict = caught(|| {
        let mut checker = regalloc2::checker::Checker::new(&func, &env);
        checker.prepare(&theirs);
        checker.run()
    });
    match verdict {
        Ok(verdict) => verdict.map_err(|faults| format!("{faults:?}")),
        Err(words) => Err(format!("regalloc2's checker panics: {words}")),
    }
}

/// The machine's environment, as regalloc2 takes it.
pub fn machine_env(env: &MachineEnv) -> regalloc2::MachineEnv {
    regalloc2::MachineEnv {
        preferred_regs_by_class: env.preferred_regs_by_class.map(their_set),
        non_preferred_regs_by_class: env.non_preferred_regs_by_class.map(their_set),
        scratch_by_class: env.scratch_by_class.map(|reg| reg.map(their_reg)),
        fixed_stack_slots: env.fixed_stack_slots.iter().copied().map(their_reg).collect(),
    }
}

/// A [`Func`] as regalloc2 reads it.
///
/// What regalloc2 asks for as a slice is translated when the adapter is made; its accessors then cost what a client's
/// own would.
#[derive(Clone, Debug)]
pub struct Adapter<'a> {
    func: &'a Func,
    insts: Vec<InstParts>,
    operands: Vec<regalloc2::Operand>,
    blocks: Vec<BlockParts>,
    /// The arguments of all edges, one entry for every successor of every block.
    args: Vec<Vec<regalloc2::VReg>>,
    labels: Vec<(regalloc2::VReg, regalloc2::Inst, regalloc2::Inst, u32)>,
}

#[derive(Clone, Debug)]
struct InstParts {
    first_operand: u32,
    end_operand: u32,
    clobbers: regalloc2::PRegSet,
}

#[derive(Clone, Debug)]
struct BlockParts {
    insts: regalloc2::InstRange,
    succs: Vec<regalloc2::Block>,
    preds: Vec<regalloc2::Block>,
    params: Vec<regalloc2::VReg>,
    first_edge: usize,
}

impl<'a> Adapter<'a> {
    /// Translates a function. Linear in its size.
    pub fn new(func: &'a Func) -> Self {
        let mut operands = Vec::new();
        let mut insts = Vec::with_capacity(func.insts.len());
        for inst in &func.insts {
            let first_operand = operands.len() as u32;
            operands.extend(inst.operands.iter().map(|op| regalloc2::Operand::from_bits(op.bits())));
            let end_operand = operands.len() as u32;
            insts.push(InstParts { first_operand, end_operand, clobbers: their_set(inst.clobbers) });
        }
        let their_blocks = |list: &[regatta::Block]| list.iter().map(|b| regalloc2::Block(b.0)).collect();
        let mut args = Vec::new();
        let mut blocks = Vec::with_capacity(func.blocks.len());
        for block in &func.blocks {
            let (first, end) = (block.insts.first(), block.insts.end());
            blocks.push(BlockParts {
                insts: regalloc2::InstRange::new(regalloc2::Inst(first.0), regalloc2::Inst(end.0)),
                succs: their_blocks(&block.succs),
                preds: their_blocks(&block.preds),
                params: their_vregs(&block.params),
                first_edge: args.len(),
            });
            for edge in 0..block.succs.len() {
                args.push(block.args.get(edge).map_or(Vec::new(), |args| their_vregs(args)));
            }
        }
        let labels = func.debug_labels.iter().map(|&(vreg, from, to, label)| {
            (regalloc2::VReg::from(vreg.bits() as u32), regalloc2::Inst(from.0), regalloc2::Inst(to.0), label)
        });
        let labels = labels.collect();
        Self { func, insts, operands, blocks, args, labels }
    }
}

impl regalloc2::Function for Adapter<'_> {
    fn num_insts(&self) -> usize {
        self.insts.len()
    }
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    fn entry_block(&self) -> regalloc2::Block {
        regalloc2::Block(self.func.entry.0)
    }
    fn block_insns(&self, block: regalloc2::Block) -> regalloc2::InstRange {
        self.blocks[block.index()].insts
    }
    fn block_succs(&self, block: regalloc2::Block) -> &[regalloc2::Block] {
        &self.blocks[block.index()].succs
    }
    fn block_preds(&self, block: regalloc2::Block) -> &[regalloc2::Block] {
        &self.blocks[block.index()].preds
    }
    fn block_params(&self, block: regalloc2::Block) -> &[regalloc2::VReg] {
        &self.blocks[block.index()].params
    }
    fn is_ret(&self, insn: regalloc2::Inst) -> bool {
        self.func.insts[insn.index()].kind == regatta::InstKind::Ret
    }
    fn is_branch(&self, insn: regalloc2::Inst) -> bool {
        self.func.insts[insn.index()].kind == regatta::InstKind::Branch
    }
    fn branch_blockparams(&self, block: regalloc2::Block, _: regalloc2::Inst, succ_idx: usize) -> &[regalloc2::VReg] {
        &self.args[self.blocks[block.index()].first_edge + succ_idx]
    }
    fn inst_operands(&self, insn: regalloc2::Inst) -> &[regalloc2::Operand] {
        let inst = &self.insts[insn.index()];
        &self.operands[inst.first_operand as usize..inst.end_operand as usize]
    }
    fn inst_clobbers(&self, insn: regalloc2::Inst) -> regalloc2::PRegSet {
        self.insts[insn.index()].clobbers
    }
    fn num_vregs(&self) -> usize {
        self.func.num_vregs
    }
    fn debug_value_labels(&self) -> &[(regalloc2::VReg, regalloc2::Inst, regalloc2::Inst, u32)] {
        &self.labels
    }
    fn spillslot_size(&self, regclass: regalloc2::RegClass) -> usize {
        usize::from(self.func.spillslot_size[regclass as usize]).max(1)
    }
    fn multi_spillslot_named_by_last_slot(&self) -> bool {
        self.func.named_by_last_slot
    }
    fn allow_multiple_vreg_defs(&self) -> bool {
        self.func.multiple_defs
    }
}

/// An output of regalloc2's in our vocabulary. Of the statistics, only those that can be read off it are filled in.
pub fn our_output(output: &regalloc2::Output) -> Output {
    let place = |alloc: regalloc2::Allocation| Allocation::from_bits(alloc.bits());
    let point = |point: regalloc2::ProgPoint| ProgPoint::from_index(point.to_index());
    let mut stats = Stats { insts: output.inst_alloc_offsets.len(), ..Stats::default() };
    let mut edits = Vec::with_capacity(output.edits.len());
    for (at, regalloc2::Edit::Move { from, to }) in &output.edits {
        match (from.is_reg(), to.is_reg()) {
            (true, true) => stats.moves += 1,
            (true, false) => stats.spills += 1,
            (false, _) => stats.reloads += 1,
        }
        edits.push((point(*at), Edit::Move { from: place(*from), to: place(*to) }));
    }
    let labels = output.debug_locations.iter();
    Output {
        num_spillslots: output.num_spillslots,
        edits,
        allocs: output.allocs.iter().map(|&alloc| place(alloc)).collect(),
        inst_alloc_offsets: output.inst_alloc_offsets.clone(),
        debug_locations: labels.map(|&(label, from, to, at)| (label, point(from), point(to), place(at))).collect(),
        stats,
    }
}

/// An output of ours in regalloc2's vocabulary.
///
/// # Errors
///
/// If it holds something that regalloc2 has no word for.
pub fn their_output(output: &Output) -> Result<regalloc2::Output, String> {
    let point = |point: ProgPoint| regalloc2::ProgPoint::from_index(point.to_index());
    let mut theirs = regalloc2::Output {
        num_spillslots: output.num_spillslots,
        inst_alloc_offsets: output.inst_alloc_offsets.clone(),
        ..regalloc2::Output::default()
    };
    for (at, Edit::Move { from, to }) in &output.edits {
        let edit = regalloc2::Edit::Move { from: their_place(*from)?, to: their_place(*to)? };
        theirs.edits.push((point(*at), edit));
    }
    theirs.allocs = output.allocs.iter().map(|&alloc| their_place(alloc)).collect::<Result<_, _>>()?;
    for &(label, from, to, at) in &output.debug_locations {
        theirs.debug_locations.push((label, point(from), point(to), their_place(at)?));
    }
    Ok(theirs)
}

fn their_place(alloc: Allocation) -> Result<regalloc2::Allocation, String> {
    // `regalloc2::Allocation::from_bits` asserts, in debug builds, what holds of no allocation.
    match alloc.kind() {
        AllocationKind::None => Ok(regalloc2::Allocation::none()),
        AllocationKind::Reg if alloc.index() < REGS => {
            Ok(regalloc2::Allocation::reg(regalloc2::PReg::from_index(alloc.index())))
        }
        AllocationKind::Stack if alloc.index() <= regatta::SpillSlot::MAX => {
            Ok(regalloc2::Allocation::stack(regalloc2::SpillSlot::new(alloc.index())))
        }
        kind => Err(format!("there is no place number {} of kind {kind:?}", alloc.index())),
    }
}

/// Registers that have a class: the encoding has room for a fourth class, which regalloc2 panics on.
const REGS: usize = 3 << PReg::MAX_BITS;

fn their_reg(reg: PReg) -> regalloc2::PReg {
    regalloc2::PReg::from_index(reg.index())
}

fn their_set(set: PRegSet) -> regalloc2::PRegSet {
    set.iter().filter(|reg| reg.index() < REGS).map(their_reg).collect()
}

fn their_vregs(vregs: &[regatta::VReg]) -> Vec<regalloc2::VReg> {
    vregs.iter().map(|vreg| regalloc2::VReg::from(vreg.bits() as u32)).collect()
}
