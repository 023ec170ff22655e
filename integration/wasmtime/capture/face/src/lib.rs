//! The drop-in for regalloc2, with a hook: every function that is handed in is copied before it is allocated.
//!
//! Copies are kept by thread, in the order in which the functions came, until [`take`] takes them. All else is the
//! drop-in's.

use regatta::{BlockData, Func, InstData, InstKind, Problem};
use std::cell::RefCell;

pub use behind::*;

thread_local! {
    static KEPT: RefCell<Vec<Problem>> = const { RefCell::new(Vec::new()) };
}

/// The functions that this thread has handed in since this was last asked.
pub fn take() -> Vec<Problem> {
    KEPT.take()
}

/// Keeps a copy of the function and allocates as the drop-in does.
///
/// # Errors
///
/// What the drop-in's `run` returns.
pub fn run<F: Function>(func: &F, env: &MachineEnv, options: &RegallocOptions) -> Result<Output, RegAllocError> {
    keep(func, env);
    behind::run(func, env, options)
}

/// Keeps a copy of the function and allocates as the drop-in does.
///
/// # Errors
///
/// What the drop-in's `run_with_ctx` returns.
pub fn run_with_ctx<'a, F: Function>(
    func: &F,
    env: &MachineEnv,
    options: &RegallocOptions,
    ctx: &'a mut Ctx,
) -> Result<&'a Output, RegAllocError> {
    keep(func, env);
    behind::run_with_ctx(func, env, options, ctx)
}

fn keep<F: Function>(func: &F, env: &MachineEnv) {
    let problem = Problem { func: copy(func, env), env: env.clone() };
    KEPT.with_borrow_mut(|kept| kept.push(problem));
}

/// A function in plain vectors, as the corpus holds it.
fn copy<F: Function>(func: &F, env: &MachineEnv) -> Func {
    let block = |block: Block| {
        let insts = func.block_insns(block);
        let succs = func.block_succs(block).to_vec();
        let args = |index| func.branch_blockparams(block, insts.last(), index).to_vec();
        BlockData {
            insts,
            preds: func.block_preds(block).to_vec(),
            params: func.block_params(block).to_vec(),
            args: (0..succs.len()).map(args).collect(),
            succs,
        }
    };
    let inst = |inst: Inst| InstData {
        kind: match (func.is_ret(inst), func.is_branch(inst)) {
            (true, _) => InstKind::Ret,
            (false, true) => InstKind::Branch,
            (false, false) => InstKind::Plain,
        },
        operands: func.inst_operands(inst).to_vec(),
        clobbers: func.inst_clobbers(inst),
    };
    // A client need not know how large a slot is of a class that the machine has no registers of.
    let spillslot_size = RegClass::ALL.map(|class| {
        let used = [&env.preferred_regs_by_class, &env.non_preferred_regs_by_class];
        let has_registers = used.iter().any(|sets| sets[class as usize] != PRegSet::empty());
        if has_registers { u8::try_from(func.spillslot_size(class)).unwrap_or(u8::MAX) } else { 0 }
    });
    Func {
        entry: func.entry_block(),
        num_vregs: func.num_vregs(),
        blocks: (0..func.num_blocks()).map(|index| block(Block::new(index))).collect(),
        insts: (0..func.num_insts()).map(|index| inst(Inst::new(index))).collect(),
        spillslot_size,
        named_by_last_slot: func.multi_spillslot_named_by_last_slot(),
        multiple_defs: func.allow_multiple_vreg_defs(),
        debug_labels: func.debug_value_labels().to_vec(),
        frequencies: Vec::new(),
    }
}
