//! Entering a block: which values are in which registers when it starts.
//!
//! A block with one predecessor and no parameters goes on with what that left in registers. At a join, a value stays in a register if
//! every predecessor that has been allocated has it in one. It is loaded on the edges from those that have it not only if they are no
//! hotter than the join and the next use is at hand, where it would be loaded in any case. Parameters come on top, and whatever does
//! not fit is forgotten, the farthest next use first.
//!
//! At a loop header the whole loop has a say in what is held: [`super::headers`].
//!
//! Who stays where: first values that all predecessors have in the same register; then parameters, and values that can stay where most
//! predecessors have them, weighed by how often control comes from there, or of two places that are as good, where they will survive calls
//! or are wanted further on; then the rest. At a loop header, nobody stays in a register that the loop contests (`live/wishes`)
//! as long as there are others.
//!
//! A parameter that gets no register lives in memory, where its arguments are stored on the edges. So does one at a join whose arguments
//! are all in memory already, unless it is used at once: it can share their slot; one that costs less there than the
//! loads on the ways would; and one that only goes back to a parameter of a loop header which lives in memory itself.

use super::registers::{Bits, CLASSES, bit, lowest};
use super::{Forward, InReg, Input, MOVE_COST, RELOAD_COST};
use crate::cfg::{Edge, Loop};
use crate::code::Value;
use crate::ir::Block;
use crate::live::DEAD;
use core::hint::select_unpredictable;

impl Forward {
    /// Sets the registers as they are at the start of a block with one predecessor and no parameters.
    pub(super) fn go_on_from(&mut self, block: Block, from: Block) {
        self.bounds[block].entry = self.bounds[from].exit;
        if self.bounds[from].exit == self.in_regs {
            for class in CLASSES {
                for reg in Bits(self.regs.occupied[class]) {
                    let value = self.regs.value(class, reg);
                    self.expect_at_entry(value);
                    self.drop_if_dead(class, value);
                }
            }
            return;
        }
        self.clear_registers();
        let (start, end) = self.bounds[from].exit;
        let Self { states, status, regs, visit, .. } = self;
        let status = status.as_mut_slice();
        for &InReg { value, reg } in &states[start as usize..end as usize] {
            let status = &mut status[value.index()];
            if status.expect_at_entry(*visit) != DEAD {
                // (It has been counted as used.)
                regs.put(reg.class().index(), reg.hw_enc() as u8, value);
                status.held |= bit(reg.hw_enc() as u8);
            }
        }
    }

    /// Sets the registers as they are at the start of any other block.
    #[inline(never)]
    pub(super) fn enter_block(&mut self, on: &Input<'_>, block: Block, header_of: Option<Loop>) {
        let preds = on.flow.graph.pred_edges(block);
        let params = on.code.params(block);
        self.clear_registers();
        let is_join = header_of.is_none() && on.flow.graph.is_reachable(block);
        let agreed = if is_join { self.settle_agreed(on, preds) } else { 0 };
        let edges = self.gather(on, block, header_of.is_some());
        if let Some(of) = header_of {
            self.gather_for_loop(on, of);
        }
        if is_join && agreed + self.candidates.len() <= self.fewest {
            self.keep_all(on, block, edges);
        } else {
            self.unsettle(edges);
            self.choose(on, block, header_of, edges);
        }
        let missing = self.place(on, header_of, edges);
        self.bounds[block].entry = self.record_state();
        for &param in params {
            let status = &mut self.status[param];
            if status.held != 0 {
                let reg = lowest(status.held);
                (status.def_reg, status.last_reg) = (reg, reg);
                let becomes = status.becomes;
                self.suggest(becomes, reg);
            }
        }
        self.candidates.clear();
        if missing {
            for &edge in preds {
                if !on.flow.is_back_edge(edge) {
                    self.note_edge(on, edge);
                }
            }
        }
    }

    /// Puts the registers at the end of `from` into `at_exit`, by value.
    pub(super) fn load_exit(&mut self, from: Block) {
        // (Few functions need it.)
        self.at_exit.make_longer(self.status.len(), 0);
        let (start, end) = self.bounds[from].exit;
        for index in start as usize..end as usize {
            let InReg { value, reg } = self.states[index];
            self.at_exit[value] |= bit(reg.hw_enc() as u8);
        }
    }

    /// The registers that hold `value` at the end of `from`, by looking through all.
    #[inline]
    pub(super) fn regs_at_exit(&self, from: Block, value: Value) -> u64 {
        let of = |there: &InReg| select_unpredictable(there.value == value, bit(there.reg.hw_enc() as u8), 0);
        self.at_exit(from).iter().map(of).fold(0, |regs, reg| regs | reg)
    }

    pub(super) fn clear_exit(&mut self, from: Block) {
        let (start, end) = self.bounds[from].exit;
        for index in start as usize..end as usize {
            self.at_exit[self.states[index].value] = 0;
        }
    }

    /// Notes what the moves on `edge` will reload; on a back edge, also what that says about the header.
    pub(super) fn note_edge(&mut self, on: &Input<'_>, edge: Edge) {
        let data = on.flow.graph.edge(edge);
        let params = on.code.params(data.to);
        let is_back_edge = on.flow.is_back_edge(edge);
        let frequency = on.flow.edge_frequency(edge);
        let (mut at_exit, exit_end) = self.bounds[data.from].exit;
        let (start, end) = self.bounds[data.to].entry;
        for index in start as usize..end as usize {
            let InReg { value, reg } = self.states[index];
            let mut source = value;
            // Few blocks have many parameters, and those that do have most of them in memory.
            if let Some(param) = params.iter().position(|&p| p == value) {
                source = on.code.arg(edge, param);
            }
            // Both lists are in the order of the registers.
            while at_exit < exit_end && self.states[at_exit as usize].reg < reg {
                at_exit += 1;
            }
            if at_exit < exit_end && self.states[at_exit as usize].is(source, reg) {
                continue;
            }
            if self.regs_at_exit(data.from, source) != 0 {
                self.nest_cost += frequency * MOVE_COST;
                continue;
            }
            self.note_reload_on_edge(on, source, edge);
            self.nest_cost += frequency * RELOAD_COST;
            if is_back_edge && source == value {
                self.feedback.exclusions.lose(on.flow.loops.block_loop(data.to), value, frequency);
            }
        }
    }
}
