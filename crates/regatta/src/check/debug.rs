//! Checks where the output says that labelled values are.

use super::fault::{FaultKind, Faults};
use super::locations::{Loc, Locations};
use super::names::{NameSet, Names};
use super::state::State;
use super::symbolic::Observer;
use super::validate::by_code_order;
use crate::ir::{Block, Function, Inst, OperandKind, OperandPos, VReg};
use crate::output::{InstPosition, Output, ProgPoint};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// A value that the client asked for, and the location that would hold it.
type Wanted = (VReg, Loc);

/// Watches the debug locations while values are followed.
pub(super) struct DebugCheck<'a, F> {
    func: &'a F,
    output: &'a Output,
    faults: &'a mut Faults,
    /// For each debug location, any of these values must be there: its part of `wanted`, empty once it is reported.
    watches: Vec<core::ops::Range<u32>>,
    wanted: Vec<Wanted>,
    /// For each block, the debug locations that have a point in it.
    by_block: Vec<Vec<u32>>,
    /// The point just behind each block.
    block_ends: Vec<ProgPoint>,
}

impl<'a, F: Function> DebugCheck<'a, F> {
    /// Checks the debug locations' form, and prepares to watch those that have the right one. The time is proportional to
    /// the number of blocks that they stretch over.
    pub(super) fn new(func: &'a F, output: &'a Output, locs: &Locations, faults: &'a mut Faults) -> Self {
        let mut this = Self {
            func,
            output,
            faults,
            watches: Vec::with_capacity(output.debug_locations.len()),
            wanted: Vec::new(),
            by_block: vec![Vec::new(); func.num_blocks()],
            block_ends: (0..func.num_blocks())
                .map(|block| ProgPoint::before(func.block_insns(Block::new(block)).end()))
                .collect(),
        };
        // What the client asked for, by label.
        let mut requests: Vec<(u32, ProgPoint, ProgPoint, VReg)> = Vec::new();
        for &(vreg, from, to, label) in func.debug_value_labels() {
            if from < to && to.index() <= func.num_insts() {
                requests.push((label, ProgPoint::before(from), ProgPoint::before(to), vreg));
            }
        }
        requests.sort_unstable();
        let by_code_order = by_code_order(func);
        let mut last: Option<(u32, ProgPoint)> = None;
        for (n, &(label, from, to, alloc)) in output.debug_locations.iter().enumerate() {
            let first = this.wanted.len() as u32;
            if from >= to {
                this.report(n, "it ends before it begins");
            } else if last > Some((label, from)) {
                this.report(n, "it belongs before the location in front of it, or overlaps it");
            } else {
                let same = requests.partition_point(|request| request.0 < label);
                let same = requests[same..].iter().take_while(|request| request.0 == label);
                let covering = same.filter(|request| request.1 <= from && to <= request.2);
                this.wanted.extend(covering.map(|request| (request.3, locs.of(alloc, request.3.class()))));
                if this.wanted.len() as u32 == first {
                    this.report(n, "nobody asked for that label there");
                } else {
                    let first_block = by_code_order.partition_point(|&block| this.block_ends[block.index()] <= from);
                    for &block in &by_code_order[first_block..] {
                        this.by_block[block.index()].push(n as u32);
                        if to <= this.block_ends[block.index()] {
                            break;
                        }
                    }
                }
            }
            last = last.max(Some((label, to)));
            this.watches.push(first..this.wanted.len() as u32);
        }
        this
    }

    /// The values of which one must be in debug location `n`.
    fn wanted_by(&self, n: usize) -> &[Wanted] {
        let watch = &self.watches[n];
        &self.wanted[watch.start as usize..watch.end as usize]
    }

    /// Is one of the wanted values being defined here? An early definition's place is its own from before the instruction.
    fn is_early_def(&self, point: ProgPoint, n: usize) -> bool {
        let wanted = self.wanted_by(n);
        let (inst, alloc) = (point.inst(), self.output.debug_locations[n].3);
        let mut operands = self.func.inst_operands(inst).iter().zip(self.output.inst_allocs(inst));
        point.pos() == InstPosition::Before
            && operands.any(|(op, &at)| {
                let early_def = op.kind() == OperandKind::Def && op.pos() == OperandPos::Early;
                early_def && at == alloc && wanted.iter().any(|&(vreg, _)| vreg == op.vreg())
            })
    }

    fn report(&mut self, n: usize, why: &str) {
        let (label, from, to, alloc) = self.output.debug_locations[n];
        let message = || format!("debug location {n} (label {label} in {alloc}, {from} to {to}): {why}");
        self.faults.report(FaultKind::DebugLocation, Some(from), message);
    }
}

impl<F: Function> Observer for DebugCheck<'_, F> {
    fn wrong_value(&mut self, _: Inst, _: usize, _: NameSet, _: &Names) {}

    const POINTS: bool = true;

    fn at_point(&mut self, block: Block, point: ProgPoint, before: &State, after: &State, names: &Names) {
        // The moves of an edge stand before the branch because they cannot stand behind it. A value that is needed no
        // more on the edge may give its place up to them and still be said to be there until the end of the block.
        let at_end = point == self.block_ends[block.index()].prev().prev();
        for k in 0..self.by_block[block.index()].len() {
            let n = self.by_block[block.index()][k] as usize;
            let (_, from, to, _) = self.output.debug_locations[n];
            if point < from || to <= point {
                continue;
            }
            let wanted = self.wanted_by(n);
            let Some(&(vreg, loc)) = wanted.first() else { continue };
            let there = |state: &State| wanted.iter().any(|&(vreg, loc)| names.contains(state.get(loc), vreg));
            if there(after) || at_end && there(before) || self.is_early_def(point, n) {
                continue;
            }
            self.watches[n] = 0..0;
            let held = names.describe(after.get(loc));
            self.report(n, &format!("{point}, {vreg} is not there, but {held}"));
        }
    }
}
