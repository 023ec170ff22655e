//! The result of a run: regatta's vectors, under this interface's statistics.

use crate::{Allocation, Block, Edit, Function, Inst, OutputIter, ProgPoint};
use alloc::vec::Vec;
use core::mem::swap;

/// The result of an allocation.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "enable-serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Output {
    /// How many words of spill slots the frame needs.
    pub num_spillslots: usize,
    /// What to insert, sorted by place; at one place, in this order.
    pub edits: Vec<(ProgPoint, Edit)>,
    /// The location of every operand, instruction by instruction.
    pub allocs: Vec<Allocation>,
    /// Where each instruction's part of `allocs` begins.
    pub inst_alloc_offsets: Vec<u32>,
    /// Where labelled values are: label, from (inclusive), to (exclusive), location. Sorted; the stretches of one label are
    /// disjoint.
    pub debug_locations: Vec<(u32, ProgPoint, ProgPoint, Allocation)>,
    /// How the allocation went.
    pub stats: Stats,
}

impl Output {
    /// The locations of an instruction's operands.
    ///
    /// # Panics
    ///
    /// If the function has no such instruction.
    pub fn inst_allocs(&self, inst: Inst) -> &[Allocation] {
        let start = self.inst_alloc_offsets[inst.index()] as usize;
        let end = self.inst_alloc_offsets.get(inst.index() + 1).map_or(self.allocs.len(), |&end| end as usize);
        &self.allocs[start..end]
    }

    /// A block's instructions and edits, in order: what a client walks to emit its code.
    pub fn block_insts_and_edits(&self, func: &impl Function, block: Block) -> OutputIter<'_> {
        let insts = func.block_insns(block);
        let start = self.edits.partition_point(|edit| edit.0 < ProgPoint::before(insts.first()));
        OutputIter::new(&self.edits[start..], insts)
    }

    /// Gives its vectors for those of `other`.
    pub(crate) fn swap_storage(&mut self, other: &mut regatta::Output) {
        swap(&mut self.edits, &mut other.edits);
        swap(&mut self.allocs, &mut other.allocs);
        swap(&mut self.inst_alloc_offsets, &mut other.inst_alloc_offsets);
        swap(&mut self.debug_locations, &mut other.debug_locations);
    }

    /// The same for regatta.
    pub(crate) fn to_regatta(&self) -> regatta::Output {
        regatta::Output {
            num_spillslots: self.num_spillslots,
            edits: self.edits.clone(),
            allocs: self.allocs.clone(),
            inst_alloc_offsets: self.inst_alloc_offsets.clone(),
            debug_locations: self.debug_locations.clone(),
            stats: regatta::Stats::default(),
        }
    }
}

/// Defines the statistics: most count the steps of another algorithm and stay 0 in this one.
macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How an allocation went, in numbers. What is not described counts steps of an algorithm that is not run, and is 0.
        #[derive(Clone, Copy, Debug, Default)]
        #[cfg_attr(feature = "enable-serde", derive(serde::Serialize, serde::Deserialize))]
        #[allow(missing_docs, reason = "said of all of them above")]
        pub struct Stats {
            $($(#[$doc])* pub $name: usize,)*
        }
    };
}

stats! {
    /// Blocks whose live values were found.
    livein_blocks,
    /// Steps that finding them took: one a block.
    livein_iterations,
    /// Values of the function, before parameters were folded.
    initial_liverange_count,
    /// Block parameters that turned out to be another name of a value.
    merged_bundle_count,
    process_bundle_count,
    process_bundle_reg_probes_fixed,
    process_bundle_reg_success_fixed,
    process_bundle_bounding_range_probe_start_any,
    process_bundle_bounding_range_probes_any,
    process_bundle_bounding_range_success_any,
    process_bundle_reg_probe_start_any,
    process_bundle_reg_probes_any,
    process_bundle_reg_success_any,
    evict_bundle_event,
    evict_bundle_count,
    splits,
    splits_clobbers,
    splits_hot,
    splits_conflicts,
    splits_defs,
    splits_all,
    /// Values that were allocated.
    final_liverange_count,
    final_bundle_count,
    /// Values that live in memory somewhere.
    spill_bundle_count,
    spill_bundle_reg_probes,
    spill_bundle_reg_success,
    blockparam_ins_count,
    blockparam_outs_count,
    halfmoves_count,
    /// Edits of the output.
    edits_count,
}

impl From<&regatta::Stats> for Stats {
    fn from(stats: &regatta::Stats) -> Self {
        Self {
            livein_blocks: stats.blocks,
            livein_iterations: stats.blocks,
            initial_liverange_count: stats.values + stats.folded_params,
            merged_bundle_count: stats.folded_params,
            final_liverange_count: stats.values,
            spill_bundle_count: stats.spilled_values,
            edits_count: stats.moves + stats.spills + stats.reloads,
            ..Self::default()
        }
    }
}
