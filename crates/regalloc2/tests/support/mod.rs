//! Functions to allocate, as a client of this interface has them.

#![allow(dead_code, unreachable_pub, reason = "each test needs a part of this")]

use regalloc2::{Block, Inst, InstRange, Operand, PRegSet, RegClass, VReg};
use regatta::{Func, InstKind, Problem};
use std::path::PathBuf;

/// A function in plain vectors, behind this interface and regatta's.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a>(pub &'a Func);

/// Implements one of the two traits: both with the same code, so that a comparison of the two compares what is behind them.
macro_rules! implement {
    ($function:path) => {
        impl $function for Client<'_> {
            fn num_insts(&self) -> usize {
                self.0.insts.len()
            }
            fn num_blocks(&self) -> usize {
                self.0.blocks.len()
            }
            fn entry_block(&self) -> Block {
                self.0.entry
            }
            fn block_insns(&self, block: Block) -> InstRange {
                self.0.blocks[block.index()].insts
            }
            fn block_succs(&self, block: Block) -> &[Block] {
                &self.0.blocks[block.index()].succs
            }
            fn block_preds(&self, block: Block) -> &[Block] {
                &self.0.blocks[block.index()].preds
            }
            fn block_params(&self, block: Block) -> &[VReg] {
                &self.0.blocks[block.index()].params
            }
            fn is_ret(&self, insn: Inst) -> bool {
                self.0.insts[insn.index()].kind == InstKind::Ret
            }
            fn is_branch(&self, insn: Inst) -> bool {
                self.0.insts[insn.index()].kind == InstKind::Branch
            }
            fn branch_blockparams(&self, block: Block, _: Inst, succ_idx: usize) -> &[VReg] {
                &self.0.blocks[block.index()].args[succ_idx]
            }
            fn inst_operands(&self, insn: Inst) -> &[Operand] {
                &self.0.insts[insn.index()].operands
            }
            fn inst_clobbers(&self, insn: Inst) -> PRegSet {
                self.0.insts[insn.index()].clobbers
            }
            fn num_vregs(&self) -> usize {
                self.0.num_vregs
            }
            fn debug_value_labels(&self) -> &[(VReg, Inst, Inst, u32)] {
                &self.0.debug_labels
            }
            /// Cranelift knows the sizes only of the classes that its machine has registers of, and panics when asked for
            /// others.
            fn spillslot_size(&self, regclass: RegClass) -> usize {
                match self.0.spillslot_size[regclass as usize] {
                    0 => panic!("the machine has no registers of class {regclass:?}"),
                    size => usize::from(size),
                }
            }
            fn multi_spillslot_named_by_last_slot(&self) -> bool {
                self.0.named_by_last_slot
            }
            fn allow_multiple_vreg_defs(&self) -> bool {
                self.0.multiple_defs
            }
        }
    };
}

implement!(regalloc2::Function);
implement!(regatta::Function);

/// The programs of the repository's corpus: name and functions.
pub fn corpus() -> Vec<(String, Vec<Problem>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus");
    let entries = std::fs::read_dir(folder).expect("the corpus is part of the repository");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "zst"));
    files.sort();
    assert!(files.len() >= 5, "{} corpus files", files.len());
    let read = |path: &PathBuf| regatta_corpus::read_file(path).expect("a corpus file");
    files.iter().map(|path| (path.display().to_string(), read(path))).collect()
}

/// An output in regatta's own form.
pub fn in_regattas_form(output: &regalloc2::Output) -> regatta::Output {
    regatta::Output {
        num_spillslots: output.num_spillslots,
        edits: output.edits.clone(),
        allocs: output.allocs.clone(),
        inst_alloc_offsets: output.inst_alloc_offsets.clone(),
        debug_locations: output.debug_locations.clone(),
        stats: regatta::Stats::default(),
    }
}
