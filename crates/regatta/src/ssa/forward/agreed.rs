//! What all predecessors of a join have in the same register.
//!
//! Most of what lives into a join is in one register on all ways there, and stays in it: nobody has a better claim to that register. So
//! these values are settled before any others are looked at, by comparing the predecessors' registers as sets. What is left, one or
//! two values and parameters, is chosen and placed as [`super::entry`] says. Only if there are more values than registers must all of them
//! be weighed against each other, and those that had been settled become candidates like the others.
//!
//! Not at loop headers, where the loop has a say in who stays; nor in code that cannot be reached, where a predecessor may have a parameter of
//! the join in a register, which is another value from here on.

use super::candidates::Candidate;
use super::place::same_register;
use super::registers::{Bits, CLASSES, bit};
use super::{Forward, InReg, Input};
use crate::cfg::Edge;
use crate::ir::Block;
use crate::live::DEAD;
use core::hint::select_unpredictable;

impl Forward {
    /// At a join that is no loop header: leaves in its register each value that all predecessors have there and that lives on. Returns how many
    /// registers all predecessors agree on.
    pub(super) fn settle_agreed(&mut self, on: &Input<'_>, preds: &[Edge]) -> usize {
        let mut ways =
            preds.iter().filter(|&&edge| !on.flow.is_back_edge(edge)).map(|&edge| on.flow.graph.edge(edge).from);
        let Some(first) = ways.next() else { return 0 };
        let Self { states, bounds, status, regs, visit, .. } = self;
        let exit = |block: Block| {
            let (start, end) = bounds[block].exit;
            &states[start as usize..end as usize]
        };
        let mut agreed = [0; 3];
        for &InReg { value, reg } in exit(first) {
            agreed[reg.class().index()] |= bit(reg.hw_enc() as u8);
            regs.note(reg, value);
        }
        for other in ways {
            let mut same = [0; 3];
            for &InReg { value, reg } in exit(other) {
                let is_same = regs.noted(reg) == value;
                same[reg.class().index()] |= select_unpredictable(is_same, bit(reg.hw_enc() as u8), 0);
            }
            CLASSES.for_each(|c| agreed[c] &= same[c]);
        }
        let all = agreed.iter().map(|mask| mask.count_ones()).sum::<u32>();
        let mut copies = false;
        for class in CLASSES {
            let mut live = 0;
            for reg in Bits(agreed[class] & on.machine.allocatable[class]) {
                let status = &mut status[regs.value(class, reg)];
                let lives = select_unpredictable(status.expect_at_entry(*visit) != DEAD, bit(reg), 0);
                live |= lives;
                copies |= (status.held != 0) & (lives != 0);
                status.held |= lives;
            }
            regs.occupied[class] = live;
        }
        if copies {
            self.drop_copies(on);
        }
        all as usize
    }

    /// Leaves each value in one register only.
    #[cold]
    fn drop_copies(&mut self, on: &Input<'_>) {
        for class in CLASSES {
            for reg in Bits(self.regs.occupied[class]) {
                let status = &mut self.status[self.regs.value(class, reg)];
                let kept = bit(same_register(status.held, status.held, on.code.survivors[class], false));
                if kept != bit(reg) {
                    self.regs.occupied[class] &= !bit(reg);
                }
                status.held = kept;
            }
        }
    }

    /// Makes candidates of the values that have been settled, for all `edges` predecessors have them.
    pub(super) fn unsettle(&mut self, edges: u32) {
        for class in CLASSES {
            for reg in Bits(self.regs.occupied[class]) {
                let value = self.regs.value(class, reg);
                let next_use = self.status[value].next;
                self.candidates.push(Candidate::agreed(edges, value, next_use, self.status[value].held));
            }
        }
        self.clear_registers();
    }
}
