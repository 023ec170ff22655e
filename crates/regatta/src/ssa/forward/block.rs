//! The walk through one block: what is needed when, from its start on; its instructions in turn; what the registers hold at its end.

use super::forks::forks;
use super::registers::{self, Bits, preg};
use super::{Forward, InReg, Input, StateRange};
use crate::Error;
use crate::cfg::Loop;
use crate::code::{Value, flag};
use crate::ir::{Block, Inst};
use crate::live::{DEAD, FAR, FROM_MEMORY, LiveIn};
use crate::output::Allocation;

impl Forward {
    /// Allocates one block, which goes on with the registers as another leaves them if [`Self::only_pred`] says so.
    #[inline]
    pub(super) fn allocate_block(
        &mut self,
        on: &Input<'_>,
        block: Block,
        goes_on_from: Option<Block>,
        allocs: &mut [Allocation],
    ) -> Result<(), Error> {
        if let Some(from) = goes_on_from
            && on.next_uses.blocks[block].is_bare
            && !forks(on, block)
        {
            // Nothing happens here.
            self.bounds[block].entry = self.bounds[from].exit;
            self.bounds[block].exit = self.bounds[from].exit;
            self.note_back_edges(on, block);
            return Ok(());
        }
        self.start_block(on, block, goes_on_from);
        self.allocate_insts(on, block, allocs)?;
        self.bounds[block].exit = self.record_state();
        self.in_regs = self.bounds[block].exit;
        self.note_back_edges(on, block);
        Ok(())
    }

    /// What is needed when from the start of the block on, and what the registers hold there.
    #[inline(never)]
    fn start_block(&mut self, on: &Input<'_>, block: Block, goes_on_from: Option<Block>) {
        self.block = block;
        self.visit += 1;
        self.pos = on.flow.start(block);
        self.contested = on.next_uses.wishes.contested(on.flow.loops.block_loop(block));
        self.frequency = on.flow.frequencies.of(block);
        self.leave_loops(on, block);
        let header_of = on.flow.loops.is_header(block);
        if let Some(of) = header_of {
            self.enter_loop(on, of);
        }
        self.expect_uses(on, block, header_of);
        match goes_on_from {
            Some(from) => self.go_on_from(block, from),
            None => self.enter_block(on, block, header_of),
        }
        if let Some(of) = header_of {
            self.expect_from_memory(on, of);
        }
    }

    /// Allocates the instructions of one block.
    #[inline(always)]
    fn allocate_insts(&mut self, on: &Input<'_>, block: Block, allocs: &mut [Allocation]) -> Result<(), Error> {
        let (first, end) = (on.flow.graph.first(block), on.flow.graph.end(block));
        let infos = &on.code.insts.as_slice()[first.index()..=end.index()];
        let fork = if forks(on, block) { end.0 - 1 } else { u32::MAX };
        for (inst, pair) in (first.0..).zip(infos.windows(2)) {
            self.inst = Inst(inst);
            if inst == fork {
                self.load_for_ways(on, block);
            }
            if let &[info, next] = pair
                && (info.ops != next.ops || info.flags() & flag::KILLS != 0)
            {
                self.allocate_inst(on, info.flags(), info.ops.index()..next.ops.index(), allocs)?;
            }
            self.pos += 1;
        }
        Ok(())
    }

    /// The one block that control can come from, if this one takes over the registers as they are there.
    #[inline]
    pub(super) fn only_pred(&self, on: &Input<'_>, block: Block) -> Option<Block> {
        match on.flow.graph.pred_edges(block) {
            &[only] if on.code.params(block).is_empty() && !on.flow.is_back_edge(only) => {
                Some(on.flow.graph.edge(only).from)
            }
            _ => None,
        }
    }

    fn note_back_edges(&mut self, on: &Input<'_>, block: Block) {
        if on.flow.loops.block_loop(block) == Loop::ROOT {
            return;
        }
        for edge in on.flow.graph.succ_edges(block) {
            if on.flow.is_back_edge(edge) {
                self.note_edge(on, edge);
            }
        }
    }

    pub(super) fn record_state(&mut self) -> StateRange {
        let start = self.states.len() as u32;
        for class in registers::CLASSES {
            for reg in Bits(self.regs.occupied[class]) {
                self.states.push(InReg { value: self.regs.value(class, reg), reg: preg(class, reg) });
            }
        }
        (start, self.states.len() as u32)
    }

    /// From now on, what lives through the loop is needed at the latest in its next iteration.
    fn enter_loop(&mut self, on: &Input<'_>, of: Loop) {
        self.open_loops.push((of, self.round_loop_saved.len()));
        let end = on.flow.loop_end(of);
        for &LiveIn { value, distance } in on.loops.live_through(of) {
            self.round_loop_saved.push((value, self.status[value].round));
            self.status[value].round = end + distance;
        }
    }

    /// The header of `of` has decided. What lives through the loop, but not in a register there, will be loaded in the next iteration whether or
    /// not a register holds it at the end of this one.
    fn expect_from_memory(&mut self, on: &Input<'_>, of: Loop) {
        for &LiveIn { value, .. } in on.loops.live_through(of) {
            let status = &mut self.status[value];
            if status.held == 0 {
                status.round = FROM_MEMORY;
            }
        }
    }

    /// Closes the loops that `block` is not in.
    fn leave_loops(&mut self, on: &Input<'_>, block: Block) {
        while let Some(&(of, saved)) = self.open_loops.last() {
            // A header closes its own loop too: the nest is being allocated again.
            if on.flow.order.contains(of, block) && on.flow.loops.header(of) != block {
                break;
            }
            self.open_loops.pop();
            while self.round_loop_saved.len() > saved {
                let Some((value, before)) = self.round_loop_saved.pop() else { break };
                self.status[value].round = before;
            }
        }
    }

    /// Sets the next uses as of the block's start.
    fn expect_uses(&mut self, on: &Input<'_>, block: Block, header_of: Option<Loop>) {
        let (start, visit) = (on.flow.start(block), self.visit);
        let (live, further) = on.next_uses.live_in_or_used(block);
        let status = self.status.as_mut_slice();
        for &LiveIn { value, distance } in live {
            let status = &mut status[value.index()];
            status.next = status.round.min(FROM_MEMORY).min(distance + further + start);
            status.visit = visit;
        }
        for &param in on.code.params(block) {
            let distance = on.next_uses.param_distance[param];
            if distance != DEAD {
                let status = &mut self.status[param];
                status.next = status.round.min((start + distance).min(FAR));
                status.visit = visit;
            }
        }
        if let Some(of) = header_of {
            for &LiveIn { value, distance } in on.loops.live_through(of) {
                let next = self.expect_at_entry(value);
                let status = &mut self.status[value];
                status.next = next.min(start + distance);
                status.visit = visit;
            }
        }
    }

    /// The position of the next use of `value` from the start of this block. It is asked of all values that are in registers there.
    #[inline(always)]
    pub(super) fn expect_at_entry(&mut self, value: Value) -> u32 {
        self.status[value].expect_at_entry(self.visit)
    }
}
