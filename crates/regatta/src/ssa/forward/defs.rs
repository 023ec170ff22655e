//! The definitions of an instruction: steps 4, 5 and 8 of [`super::inst`], and what becomes of values that were made in registers which
//! are not ours.

use super::inst::{Claims, Stuck, out_of_registers};
use super::registers::{bit, preg};
use super::{Forward, Input, Loc, LocalMove};
use crate::code::{NO_REG, Op, OpIndex, Value, Want};
use crate::live::DEAD;
use crate::output::Allocation;
use core::hint::select_unpredictable;

impl Forward {
    /// Step 4: a definition takes over its input's register. If the input lives on, it must be in another one too.
    pub(super) fn reuse(
        &mut self,
        on: &Input<'_>,
        ops: &[Op],
        first: usize,
        allocs: &mut [Allocation],
        claims: &mut Claims,
    ) -> Result<(), Stuck> {
        for (k, op) in ops.iter().enumerate() {
            if op.want != Want::Reuse {
                continue;
            }
            let at_input = first + usize::from(op.reg);
            let input = ops[usize::from(op.reg)];
            let class = op.class();
            let mut reg = allocs[at_input].index() as u8 & 63;
            if claims.killed[class] & bit(reg) != 0 {
                return Err(self.bad(k, "it reuses a register that the instruction overwrites"));
            }
            if claims.defined[class] & bit(reg) != 0 {
                // Two definitions reuse one value's register, which the first has taken over.
                return Err(out_of_registers(on, op.value).into());
            }
            let is_fixed = input.want == Want::Fixed;
            let wish = self.wish_of(op);
            let lives_on = self.status[input.value].next != DEAD;
            let needed = claims.late[class] & bit(reg) != 0;
            if lives_on || needed {
                let overwritten = claims.killed[class] | claims.reused[class] | claims.defined[class];
                let others = self.status[input.value].held & !overwritten & !bit(reg) & !on.machine.stack[class];
                if others == 0 {
                    // Either the copy lives on, or the definition is made in it, whichever suits the definition's wish.
                    let stays = is_fixed || wish == reg;
                    let suits = if stays { (input.value, input.hint) } else { (op.value, wish) };
                    let copy = self.room_for_copy(on, input, reg, suits, claims);
                    if let Some(copy) = copy {
                        self.bring(on, input.value, class, copy);
                        let fits = input.limit_mask() & bit(copy) != 0;
                        if !is_fixed && wish != reg && fits && !needed {
                            allocs[at_input] = Allocation::reg(preg(class, copy));
                            claims.read[class] |= bit(copy);
                            reg = copy;
                        }
                    } else if needed {
                        return Err(out_of_registers(on, op.value).into());
                    }
                } else if !is_fixed
                    && wish != NO_REG
                    && others & !claims.late[class] & bit(wish) & input.limit_mask() != 0
                    && !needed
                {
                    reg = wish;
                    allocs[at_input] = Allocation::reg(preg(class, reg));
                    claims.read[class] |= bit(reg);
                }
                self.free(class, reg);
            } else {
                // Copies that the instruction still reads stay: another definition may reuse one, a late use may need one.
                let settled = claims.late[class] | claims.reused[class];
                self.free_all(class, self.status[input.value].held & (!settled | bit(reg)));
            }
            claims.defined[class] |= bit(reg);
            self.define(*op, class, reg, &mut allocs[first + k]);
        }
        Ok(())
    }

    /// The register that a definition had best be made in: one that it is wanted in further on, or that of the parameter it becomes.
    fn wish_of(&self, def: &Op) -> u8 {
        if def.hint == NO_REG { self.register_ahead(def.value) } else { def.hint }
    }

    /// A register for a copy of a reused input that lives on beyond its register `reg`, if one is free or holds something that is needed
    /// later still. The free one that suits `value` and its `wish` best.
    fn room_for_copy(
        &mut self,
        on: &Input<'_>,
        input: Op,
        reg: u8,
        (value, wish): (Value, u8),
        claims: &Claims,
    ) -> Option<u8> {
        let class = input.class();
        let overwritten = claims.killed[class] | claims.reused[class] | claims.defined[class];
        let settled = overwritten | claims.fixed[class] | claims.early_fixed[class] | claims.read[class];
        let among = on.machine.allocatable[class] & !settled;
        let free = among & !self.regs.occupied[class];
        if free != 0 {
            let avoid = u64::from(on.next_uses.wishes.avoid(self.inst)[class]);
            return Some(self.pick(on, free, value, wish, avoid));
        }
        let victim = self.victim(on, class, among, claims.killed[class])?;
        let must = claims.late[class] & bit(reg) != 0;
        (must || victim.next_use > self.status[input.value].next).then(|| {
            self.forget(class, victim.reg);
            victim.reg
        })
    }

    /// Step 5: definitions that occupy their place while the uses are read.
    pub(super) fn early_defs(
        &mut self,
        on: &Input<'_>,
        ops: &[Op],
        first: usize,
        allocs: &mut [Allocation],
        claims: &mut Claims,
    ) -> Result<(), Stuck> {
        for (k, op) in ops.iter().enumerate() {
            if !op.is_def() || op.is_late() {
                continue;
            }
            let class = op.class();
            let reg = match op.want {
                Want::Fixed => {
                    if (claims.killed[class] | claims.read[class] | claims.defined[class]) & bit(op.reg) != 0 {
                        return Err(self.bad(k, "its register is needed for another value at the same time"));
                    }
                    self.free_all(class, bit(op.reg));
                    Some(op.reg)
                }
                _ => {
                    let taken = claims.read[class] | claims.fixed[class] | claims.early_fixed[class];
                    let among = on.machine.allocatable[class]
                        & op.limit_mask()
                        & !taken
                        & !claims.killed[class]
                        & !claims.defined[class];
                    self.place_def(on, *op, among, claims)?
                }
            };
            self.finish_def(*op, first + k, reg, allocs, claims);
        }
        Ok(())
    }

    /// If the register that `def` had best be made in holds a value that is to leave it in any case, moves that value there and then:
    /// one move now rather than one now and another later, to bring the definition to where it is wanted. The move comes before the
    /// instruction: the registers that it has `read` so far are not free, though what is in them may die here, and what is in those that it
    /// has `defined` does not exist yet.
    #[inline(always)]
    pub(super) fn make_way(&mut self, on: &Input<'_>, def: &Op, read: u64, defined: u64) {
        let wish = self.wish_of(def);
        if wish != NO_REG && self.regs.occupied[def.class()] & !defined & bit(wish) != 0 {
            self.make_way_in(on, *def, wish, read | defined);
        }
    }

    /// The same: the register is `wish`. Those in `taken` are not free, nor are those that are occupied.
    #[inline(never)]
    fn make_way_in(&mut self, on: &Input<'_>, def: Op, wish: u8, taken: u64) {
        let class = def.class();
        let there = self.regs.value(class, wish);
        if self.status[there].held != bit(wish) || self.status[there].next == DEAD {
            return;
        }
        let free = on.machine.allocatable[class] & !taken & !self.regs.occupied[class];
        if let Some(to) = self.way_out(on, def, there, free) {
            self.bring(on, there, class, to);
            self.free(class, wish);
        }
    }

    /// One of the registers `free` that `there` will go to sooner or later: one that survives the calls that it lives across, if an
    /// instruction ahead wants its register for the definition `def`; or the register of the parameter that it becomes, if `def` becomes
    /// the parameter that it is (`previous, current = current, next`).
    fn way_out(&self, on: &Input<'_>, def: Op, there: Value, free: u64) -> Option<u8> {
        let class = def.class();
        if def.hint != NO_REG {
            let survivors = free & on.code.survivors[class] & self.used_or_cheap(on, class);
            return (self.status[there].crosses_call && survivors != 0)
                .then(|| self.pick(on, survivors, there, NO_REG, 0));
        }
        let becomes = self.status[there].becomes;
        let to = if becomes.is_valid() { self.status[becomes].last_reg } else { NO_REG };
        let unwanted = free & !u64::from(on.next_uses.wishes.avoid(self.inst)[class]);
        (to != NO_REG && unwanted & bit(to) != 0).then_some(to)
    }

    /// A register for a definition; none if it is, or had better be, made on the stack.
    fn place_def(&mut self, on: &Input<'_>, op: Op, among: u64, claims: &Claims) -> Result<Option<u8>, Stuck> {
        let class = op.class();
        let avoid = u64::from(on.next_uses.wishes.avoid(self.inst)[class]) | self.avoid_beyond(&op);
        match op.want {
            Want::Stack => Ok(None),
            Want::Any => {
                let free = among & !self.regs.occupied[class];
                if free != 0 {
                    return Ok(Some(self.pick(on, free, op.value, op.hint, avoid)));
                }
                let victim = self.victim(on, class, among, claims.killed[class]);
                let next = self.next_use(op);
                Ok(victim.filter(|victim| victim.next_use > next).map(|victim| {
                    self.forget(class, victim.reg);
                    victim.reg
                }))
            }
            _ => {
                let reg = self.take(on, among, op.value, op.hint, avoid, claims.killed[class]);
                reg.map(Some).ok_or_else(|| out_of_registers(on, op.value).into())
            }
        }
    }

    /// The registers that a definition had best not take for the sake of what comes behind the block.
    #[inline(always)]
    pub(super) fn avoid_beyond(&self, def: &Op) -> u64 {
        select_unpredictable(def.lives_out(), self.contested[def.class()], 0)
    }

    fn finish_def(&mut self, op: Op, at: usize, reg: Option<u8>, allocs: &mut [Allocation], claims: &mut Claims) {
        if let Some(reg) = reg {
            let class = op.class();
            claims.defined[class] |= bit(reg);
            self.define(op, class, reg, &mut allocs[at]);
        } else {
            self.set_next_use(op);
            self.born_in_memory(op.value, self.pos);
            self.slot_operands.push((OpIndex::new(at), op.value));
        }
    }

    /// Step 8: definitions that are made when all early uses have been read.
    pub(super) fn late_defs(
        &mut self,
        on: &Input<'_>,
        ops: &[Op],
        first: usize,
        allocs: &mut [Allocation],
        claims: &mut Claims,
    ) -> Result<(), Stuck> {
        let mut others = false;
        for (k, op) in ops.iter().enumerate() {
            if !op.is_def() || !op.is_late() {
                continue;
            }
            if op.want == Want::Fixed {
                let class = op.class();
                let taken = claims.late[class] | claims.defined[class];
                let clobbered = on.code.clobber_sets[on.code.insts[self.inst].clobbers()][class];
                if (taken | clobbered) & bit(op.reg) != 0 {
                    return Err(self.bad(k, "its register is needed for another value at the same time"));
                }
                self.free_all(class, bit(op.reg));
                claims.defined[class] |= bit(op.reg);
                self.define(*op, class, op.reg, &mut allocs[first + k]);
            } else {
                others |= op.want != Want::Reuse;
            }
        }
        if !others {
            return Ok(());
        }
        // Those with a limit before those without, and last those that need no register.
        for pass in 0..3 {
            for (k, op) in ops.iter().enumerate() {
                let turn = match op.want {
                    Want::Reg => usize::from(op.reg >= 6),
                    Want::Any | Want::Stack => 2,
                    _ => continue,
                };
                if turn != pass || !op.is_def() || !op.is_late() {
                    continue;
                }
                let class = op.class();
                let taken = claims.late[class] | claims.defined[class] | claims.killed[class];
                let among = on.machine.allocatable[class] & op.limit_mask() & !taken;
                let reg = self.place_def(on, *op, among, claims)?;
                self.finish_def(*op, first + k, reg, allocs, claims);
            }
        }
        Ok(())
    }

    /// A register that is not ours to allocate holds nothing beyond the instruction that names it. A value made there moves to a
    /// register of ours that nothing else was made in, whose store would come too late; without one, it is stored if need be.
    pub(super) fn leave_foreign_registers(&mut self, on: &Input<'_>, ops: &[Op], claims: &Claims) {
        // Those that have left already are not to make room for others: their stores come behind all these moves.
        let mut settled = [0; 3];
        for op in ops.iter().filter(|op| op.want == Want::Fixed) {
            let class = op.class();
            let ours = on.machine.allocatable[class] | on.machine.stack[class];
            if ours & bit(op.reg) != 0 || !self.regs.is_occupied(class, op.reg) {
                continue;
            }
            if op.is_def() && self.status[op.value].held == bit(op.reg) {
                let among = on.machine.allocatable[class] & !claims.defined[class] & !settled[class];
                if let Some(to) = self.take(on, among, op.value, op.hint, 0, 0) {
                    let (from, to_loc) = (Loc::reg(preg(class, op.reg)), Loc::reg(preg(class, to)));
                    self.moves.push(LocalMove { inst: self.inst, after: true, from, to: to_loc });
                    self.put(class, to, op.value);
                    self.status[op.value].def_reg = to;
                    settled[class] |= bit(to);
                }
            }
            self.free(class, op.reg);
        }
    }
}
