//! The definitions of an instruction: steps 4, 5 and 8 of [`super::inst`], and what becomes of values that were made in registers which
//! are not ours.

use super::inst::{Claims, Stuck, out_of_registers};
use super::registers::{bit, preg};
use super::{Forward, Input, Loc, LocalMove};
use crate::code::{NO_REG, Op, OpIndex, Value, Want};
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
            let wish = self.wish_of(op.value, op.hint);
            let lives_on = self.status[input.value].is_wanted();
            let needed = claims.late[class] & bit(reg) != 0;
            if lives_on || needed {
                let overwritten = claims.killed[class] | claims.reused[class] | claims.defined[class];
                let others = self.status[input.value].held & on.machine.allocatable[class] & !overwritten & !bit(reg);
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
                self.free_all(on, class, self.status[input.value].held & (!settled | bit(reg)));
            }
            claims.defined[class] |= bit(reg);
            self.define(*op, class, reg, &mut allocs[first + k]);
        }
        Ok(())
    }

    /// The register that a definition had best be made in: one that it is wanted in further on, or that of the parameter it becomes.
    pub(super) fn wish_of(&self, def: Value, hint: u8) -> u8 {
        if hint == NO_REG { self.register_ahead(def) } else { hint }
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
            self.forget(on, class, victim.reg);
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
                    self.free_all(on, class, bit(op.reg));
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
                    self.forget(on, class, victim.reg);
                    victim.reg
                }))
            }
            _ => {
                let reg = self.take(on, among, op.value, op.hint, avoid, claims.killed[class]);
                reg.map(Some).ok_or_else(|| out_of_registers(on, op.value).into())
            }
        }
    }

    /// The register that a definition is wanted in; [`NO_REG`] without. One that an instruction behind the block wants in a register which calls
    /// take, but that lives across a call on some way, had best be made in one of the registers `good` that survives if one is free: from
    /// there it takes one move to where it is wanted, but out of a call's way and back two, and one more on each other way to where these join.
    #[inline(always)]
    pub(super) fn hint_of(&self, on: &Input<'_>, def: &Op, good: u64) -> u8 {
        if def.is_wanted_beyond() && self.may_survive(on, def, good) { NO_REG } else { def.hint }
    }

    /// Does `def` live across a call, and is one of the registers `good` free that survives calls, while the one that it is wanted in does not?
    #[inline(never)]
    fn may_survive(&self, on: &Input<'_>, def: &Op, good: u64) -> bool {
        if !self.status[def.value].crosses_call {
            return false;
        }
        let class = def.class();
        let survivors = on.code.survivors[class];
        let free = good & !self.regs.occupied[class] & self.used_or_cheap(on, class);
        survivors & bit(def.hint) == 0 && free & survivors != 0
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
                self.free_all(on, class, bit(op.reg));
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
