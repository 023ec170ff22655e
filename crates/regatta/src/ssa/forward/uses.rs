//! The uses of an instruction: steps 1 to 3 of [`super::inst`], and making room for early definitions in fixed registers.

use super::inst::{Claims, Stuck, out_of_registers};
use super::registers::{Bits, bit, lowest, preg};
use super::{Forward, Input};
use crate::code::{NO_REG, Op, OpIndex, REUSED, Value, Want, flag};
use crate::live::DEAD;
use crate::output::Allocation;

/// A use in "any" place is reloaded rather than read from its slot if its next use is at most this far behind.
const NEAR: u32 = 16;

impl Forward {
    /// Step 1: moves the values of fixed uses into their registers.
    pub(super) fn fixed_uses(
        &mut self,
        on: &Input<'_>,
        ops: &[Op],
        first: usize,
        allocs: &mut [Allocation],
        claims: &mut Claims,
    ) -> Result<(), Stuck> {
        let mut pending = core::mem::take(&mut self.pending);
        pending.clear();
        let mut any_in_frame = false;
        for (k, op) in ops.iter().enumerate() {
            if op.is_use() && op.want == Want::Fixed {
                let class = op.class();
                if op.is_late() && claims.killed[class] & bit(op.reg) != 0 {
                    return Err(self.bad(k, "a late use is fixed to a register that the instruction overwrites"));
                }
                let is_same = |o: &Op| o.is_use() && o.want == Want::Fixed && o.reg == op.reg && o.class() == class;
                let is_again = claims.read[class] & bit(op.reg) != 0;
                let conflict = is_again && ops[..k].iter().any(|o| is_same(o) && o.value != op.value);
                if conflict || claims.early_fixed[class] & bit(op.reg) != 0 {
                    return Err(self.bad(k, "its register is needed for another value at the same time"));
                }
                allocs[first + k] = Allocation::reg(preg(class, op.reg));
                claims.read[class] |= bit(op.reg);
                if op.is_late() {
                    claims.late[class] |= bit(op.reg);
                }
                if op.role & REUSED != 0 {
                    claims.reused[class] |= bit(op.reg);
                }
                any_in_frame |= on.machine.stack[class] & bit(op.reg) != 0;
                let is_there = self.regs.is_occupied(class, op.reg) && self.regs.value(class, op.reg) == op.value;
                if !is_there {
                    pending.push(OpIndex::new(k));
                }
            }
        }
        if any_in_frame {
            // Those in the frame first: they may need a register to go through, and none is settled yet.
            pending.sort_unstable_by_key(|&k| {
                let op = ops[k.index()];
                (on.machine.stack[op.class()] & bit(op.reg) == 0, k.0)
            });
        }
        loop {
            if pending.is_empty() && any_in_frame {
                // One that had to wait for its place in the frame may since have gone through a register that was settled.
                let unsettled = |op: &Op| {
                    let there = self.regs.is_occupied(op.class(), op.reg).then(|| self.regs.value(op.class(), op.reg));
                    op.is_use() && op.want == Want::Fixed && there != Some(op.value)
                };
                pending.extend((0..ops.len()).filter(|&k| unsettled(&ops[k])).map(OpIndex::new));
            }
            if pending.is_empty() {
                break;
            }
            let mut k = 0;
            let before = pending.len();
            while k < pending.len() {
                let op = ops[pending[k].index()];
                if self.fill_fixed(on, op, claims)? {
                    pending.swap_remove(k);
                } else {
                    k += 1;
                }
            }
            if pending.len() == before {
                // Each of them waits for a value that is needed. Move one away, if possible one that waits for none of the others: then
                // these can follow one another, and no value moves twice.
                let waits = |value: Value| pending.iter().any(|&k| ops[k.index()].value == value);
                let last = pending.iter().find(|&&k| {
                    let op = ops[k.index()];
                    !waits(self.regs.value(op.class(), op.reg))
                });
                let op = ops[last.unwrap_or(&pending[0]).index()];
                self.move_away(on, op.class(), op.reg, claims);
            }
        }
        self.pending = pending;
        Ok(())
    }

    /// Moves the value of a fixed use into its register, unless a value is there that is needed and nowhere else.
    fn fill_fixed(&mut self, on: &Input<'_>, op: Op, claims: &Claims) -> Result<bool, Stuck> {
        let class = op.class();
        if self.regs.is_occupied(class, op.reg) {
            let there = self.regs.value(class, op.reg);
            if there == op.value {
                return Ok(true);
            }
            if self.status[there].held == bit(op.reg) && self.status[there].is_wanted() {
                return Ok(false);
            }
            self.forget(on, class, op.reg);
        }
        let is_stack = on.machine.stack[class] & bit(op.reg) != 0;
        if is_stack && self.status[op.value].held & !on.machine.stack[class] == 0 {
            // Memory to memory: by way of a register. Whatever is in it can be brought back, even if this instruction needs it. One that the
            // instruction defines early will do as well: what goes through it is gone by then.
            let among = on.machine.allocatable[class];
            let unfixed = among & !claims.fixed[class];
            let others = unfixed & !claims.early_fixed[class];
            let by = match self.take(on, others, op.value, NO_REG, 0, 0) {
                Some(by) => by,
                None if among == 0 => return Err(out_of_registers(on, op.value).into()),
                None => {
                    let by = lowest([others, unfixed].into_iter().find(|mask| *mask != 0).unwrap_or(among));
                    self.free_all(on, class, bit(by));
                    by
                }
            };
            self.bring(on, op.value, class, by);
        }
        self.bring(on, op.value, class, op.reg);
        Ok(true)
    }

    /// Moves the value in `reg` to another register, or forgets it.
    fn move_away(&mut self, on: &Input<'_>, class: usize, reg: u8, claims: &Claims) {
        let value = self.regs.value(class, reg);
        let mut among = on.machine.allocatable[class] & !claims.fixed[class] & !claims.early_fixed[class];
        let used_here = self.status[value].next == self.pos;
        if !used_here {
            // Not worth moving to where the instruction overwrites it.
            among &= !claims.killed[class];
        }
        let free = among & !self.regs.occupied[class];
        let mut to = NO_REG;
        if free != 0 {
            // A value that is read here and then no more leaves the registers that survive to others.
            let lives_on = !used_here || self.lives_on(on, value);
            let better = if lives_on { free & !claims.killed[class] } else { free & claims.killed[class] };
            let (wanted, killed) = if better == 0 {
                (among, claims.killed[class])
            } else if lives_on {
                (among & !claims.killed[class], claims.killed[class])
            } else {
                (among & claims.killed[class], claims.killed[class])
            };
            to = self.pick_or_spare(on, wanted, killed, value, NO_REG, 0);
        } else if let Some(victim) = self.victim(on, class, among, claims.killed[class])
            && (used_here || victim.next_use > self.status[value].next)
        {
            self.forget(on, class, victim.reg);
            to = victim.reg;
        }
        if to != NO_REG {
            self.bring(on, value, class, to);
        }
        self.forget(on, class, reg);
    }

    /// Is `value`, which this instruction uses, used again behind it?
    pub(super) fn lives_on(&self, on: &Input<'_>, value: Value) -> bool {
        let range = on.code.op_range(self.inst);
        let last = on.code.ops.as_slice()[range].iter().rev().find(|op| op.is_use() && op.value == value);
        last.is_some_and(|op| self.next_use(*op) != DEAD)
    }

    /// Step 2: the registers of early fixed definitions are the definitions' before the instruction.
    pub(super) fn clear_for_early_defs(&mut self, on: &Input<'_>, claims: &Claims) {
        for class in super::registers::CLASSES {
            for reg in Bits(claims.early_fixed[class] & self.regs.occupied[class]) {
                let value = self.regs.value(class, reg);
                if self.status[value].held == bit(reg) && self.status[value].next != DEAD {
                    self.move_away(on, class, reg, claims);
                } else {
                    self.free(class, reg);
                }
            }
        }
    }

    /// Step 3, the choosy ones: a use that is late, reused, or has a limit.
    pub(super) fn choosy_use(
        &mut self,
        on: &Input<'_>,
        op: Op,
        at: usize,
        allocs: &mut [Allocation],
        claims: &mut Claims,
    ) -> Result<(), Stuck> {
        let class = op.class();
        let mut allowed = on.machine.allocatable[class] & op.limit_mask() & !claims.early_fixed[class];
        if op.is_late() {
            allowed &= !claims.killed[class] & !claims.reused[class];
        }
        if op.role & REUSED != 0 {
            allowed &= !claims.killed[class] & !claims.late[class] & !claims.reused[class];
        }
        self.use_in(on, op, at, allowed, allocs, claims)
    }

    /// Puts a use in one of the registers `allowed`: where its value is, if it is in one of them.
    fn use_in(
        &mut self,
        on: &Input<'_>,
        op: Op,
        at: usize,
        allowed: u64,
        allocs: &mut [Allocation],
        claims: &mut Claims,
    ) -> Result<(), Stuck> {
        let class = op.class();
        let have = self.status[op.value].held & allowed;
        let reg = if have != 0 {
            lowest(have)
        } else {
            let among = allowed & !claims.fixed[class] & !claims.read[class];
            let avoid = u64::from(on.next_uses.wishes.avoid(self.inst)[class]) | claims.killed[class];
            let killed = claims.killed[class];
            let lives_on = self.next_use(op) != DEAD;
            let hint = if op.hint != NO_REG && killed & bit(op.hint) != 0 && lives_on { NO_REG } else { op.hint };
            let reg =
                self.take(on, among, op.value, hint, avoid, killed).ok_or_else(|| out_of_registers(on, op.value))?;
            self.bring(on, op.value, class, reg);
            reg
        };
        allocs[at] = Allocation::reg(preg(class, reg));
        claims.read[class] |= bit(reg);
        if op.is_late() {
            claims.late[class] |= bit(reg);
        }
        if op.role & REUSED != 0 {
            claims.reused[class] |= bit(reg);
        }
        Ok(())
    }

    /// Step 3, the rest: uses in any register, in any place, on the stack.
    pub(super) fn other_use(
        &mut self,
        on: &Input<'_>,
        op: Op,
        at: usize,
        flags: u8,
        allocs: &mut [Allocation],
        claims: &mut Claims,
    ) -> Result<(), Stuck> {
        if !op.is_use() || op.want == Want::Fixed {
            return Ok(());
        }
        let class = op.class();
        let mut allowed = on.machine.allocatable[class] & !claims.early_fixed[class];
        match op.want {
            Want::Reg => {
                let choosy = op.is_late() || op.role & REUSED != 0 || op.reg < 6;
                if choosy && flags & (flag::UNCOMMON | flag::HARD) != 0 {
                    return Ok(());
                }
                self.use_in(on, op, at, allowed, allocs, claims)
            }
            Want::Any => {
                if op.is_late() {
                    allowed &= !claims.killed[class] & !claims.reused[class];
                }
                let next = self.next_use(op);
                let room = allowed & !self.regs.occupied[class] & !claims.fixed[class];
                let again_soon = next != DEAD && next - self.pos <= NEAR && room != 0;
                if self.status[op.value].held & allowed != 0 || again_soon {
                    return self.use_in(on, op, at, allowed, allocs, claims);
                }
                self.use_in_slot(on, op.value, at);
                Ok(())
            }
            _ => {
                let in_frame = self.status[op.value].held & on.machine.stack[class];
                let overwritten = claims.killed[class] | claims.early_fixed[class];
                if in_frame & !overwritten != 0 {
                    allocs[at] = Allocation::reg(preg(class, lowest(in_frame & !overwritten)));
                } else {
                    self.use_in_slot(on, op.value, at);
                }
                Ok(())
            }
        }
    }

    fn use_in_slot(&mut self, on: &Input<'_>, value: Value, at: usize) {
        self.note_reload(on, value, self.block, self.pos);
        self.slot_operands.push((OpIndex::new(at), value));
    }
}
