//! What lives through loops.
//!
//! A value that is live into a loop's header is live in the whole loop: it must survive until the next iteration or the exit. The
//! walk of [`NextUses`] ignores back edges and does not see that. Adding these values to the list of every block of
//! the loop would cost blocks × live values; instead they are kept once a loop. Measured in absolute positions along the order of the
//! blocks, the next use of such a value *by way of the back edge* is even the same number everywhere in the loop: the end of the
//! loop plus the distance from the header. So the forward pass sets that number when it enters a loop, takes it back when it leaves,
//! and takes the smaller of it and what the block's own list says.
//!
//! From the same sweep come the numbers that loop headers decide by: the most values that are live at once anywhere in the loop, and
//! across its calls.
//!
//! For an irreducible loop, "live throughout" holds for what is live into the header only as a good guess, which is all that is asked.
//!
//! Time and space: blocks × the limit on list lengths at worst, in practice a small part of the liveness walk.

use super::next_use::{EXIT_PENALTY, FAR, LiveIn, NextUses};
use crate::cfg::{FlowGraph, Loop};
use crate::code::{Code, Value};
use crate::ir::entity::TypedVec;
use crate::ir::{Machine, PerClass};
use alloc::vec::Vec;

/// What is known of a loop.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoopInfo {
    start: u32,
    end: u32,
    live: PerClass<u32>,
    /// The most values that are live at once anywhere in the loop.
    pub(crate) pressure: PerClass<u32>,
    /// The most values that are live across one of the loop's calls.
    pub(crate) call_pressure: PerClass<u32>,
    /// Has it calls?
    pub(crate) has_call: bool,
    /// The first of the loops right within it, and the next one within the same loop; invalid at the end.
    first_inner: Loop,
    next_inner: Loop,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct LoopLiveness {
    list: Vec<LiveIn>,
    pub(crate) loops: TypedVec<Loop, LoopInfo>,
    /// The innermost loop in whose list the value was found last.
    in_list_of: TypedVec<Value, Loop>,
}

impl LoopLiveness {
    /// The values that are live into the header of the loop, and so throughout it: distances from the start of the header, less than
    /// [`EXIT_PENALTY`] for what the loop uses.
    #[inline]
    pub(crate) fn live_through(&self, of: Loop) -> &[LiveIn] {
        let info = self.loops[of];
        &self.list[info.start as usize..info.end as usize]
    }

    /// The loops right within `of`.
    pub(crate) fn inner(&self, of: Loop) -> impl Iterator<Item = Loop> {
        let some = |of: Loop| of.is_valid().then_some(of);
        core::iter::successors(some(self.loops[of].first_inner), move |&of| some(self.loops[of].next_inner))
    }

    /// Has any loop calls?
    pub(crate) fn any_calls(&self) -> bool {
        self.loops.keys().skip(1).any(|of| self.loops[of].has_call)
    }

    /// Do more values live at once than there are registers, or more across some call than there are `survivors`?
    pub(crate) fn are_registers_scarce(&self, machine: &Machine, survivors: PerClass<u64>) -> bool {
        let whole = self.loops[Loop::ROOT];
        (0..3).any(|c| {
            let (all, surviving) = (machine.allocatable[c], machine.allocatable[c] & survivors[c]);
            whole.pressure[c] > all.count_ones() || whole.call_pressure[c] > surviving.count_ones()
        })
    }

    /// Fills the results.
    pub(crate) fn run(&mut self, code: &Code, flow: &FlowGraph, next_uses: &mut NextUses) {
        self.list.clear();
        self.loops.reset(flow.loops.num(), LoopInfo::default());
        if flow.loops.num() == 1 {
            self.pressure(flow, next_uses);
            return;
        }
        self.in_list_of.reset(code.values.len(), Loop::invalid());
        for block in flow.graph.blocks() {
            let of = flow.loops.block_loop(block);
            self.loops[of].has_call |= next_uses.blocks[block].has_call();
        }
        for of in self.loops.keys().skip(1).rev() {
            let has_call = self.loops[of].has_call;
            let outer = &mut self.loops[flow.loops.parent(of)];
            outer.has_call |= has_call;
            let next = core::mem::replace(&mut outer.first_inner, of);
            self.loops[of].next_inner = next;
        }
        // Parents come before their children, so that a header finds its outer loop's list complete.
        for of in self.loops.keys().skip(1) {
            self.enter(code, flow, next_uses, of);
        }
        self.pressure(flow, next_uses);
    }

    /// Lists what lives through the loop `of`: what is live into its header by the forward walk, and by way of the outer loop.
    fn enter(&mut self, code: &Code, flow: &FlowGraph, next_uses: &mut NextUses, of: Loop) {
        let header = flow.loops.header(of);
        let outer = flow.loops.parent(of);
        let start = self.list.len();
        let mut live = [0; 3];
        let mut within = next_uses.within.of(of).iter().copied().peekable();
        for live in next_uses.live_in(header) {
            self.in_list_of[live.value] = of;
            self.list.push(within.next_if(|nearer| nearer.value == live.value).unwrap_or(live));
        }
        // From the header to the end of the outer loop, and the exit of this loop on the way.
        let round = if outer == Loop::ROOT { 0 } else { flow.to_loop_end(outer, header) + EXIT_PENALTY };
        let (outer_start, outer_end) = (self.loops[outer].start, self.loops[outer].end);
        for index in outer_start as usize..outer_end as usize {
            let LiveIn { value, distance } = self.list[index];
            if self.in_list_of[value] != of {
                self.in_list_of[value] = of;
                self.list.push(LiveIn { value, distance: (distance + round).min(FAR) });
            }
        }
        let limit = next_uses.limit();
        if self.list.len() - start > limit {
            self.list[start..].select_nth_unstable_by_key(limit, |x| (x.distance, x.value));
            self.list.truncate(start + limit);
        }
        let has_call = self.loops[of].has_call;
        for &LiveIn { value, .. } in &self.list[start..] {
            live[code.values[value].class.index()] += 1;
            if has_call {
                next_uses.set_crosses_call(value);
            }
        }
        let info = &mut self.loops[of];
        (info.start, info.end, info.live) = (start as u32, self.list.len() as u32, live);
    }

    /// The loops' greatest pressure: that of their blocks, with what lives through the loop added.
    fn pressure(&mut self, flow: &FlowGraph, next_uses: &NextUses) {
        for block in flow.graph.blocks() {
            let found = next_uses.blocks[block];
            let info = &mut self.loops[flow.loops.block_loop(block)];
            for c in 0..3 {
                info.pressure[c] = info.pressure[c].max(found.pressure[c] + info.live[c]);
                if found.has_call() {
                    info.call_pressure[c] = info.call_pressure[c].max(found.call_pressure[c] + info.live[c]);
                }
            }
        }
        for of in self.loops.keys().skip(1).rev() {
            let info = self.loops[of];
            let outer = &mut self.loops[flow.loops.parent(of)];
            for c in 0..3 {
                outer.pressure[c] = outer.pressure[c].max(info.pressure[c]);
                outer.call_pressure[c] = outer.call_pressure[c].max(info.call_pressure[c]);
            }
        }
    }
}
