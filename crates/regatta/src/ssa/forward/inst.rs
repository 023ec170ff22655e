//! Allocating one instruction.
//!
//! Most instructions have early uses in registers, late definitions in registers, and perhaps a definition that reuses a use's
//! register: [`super::simple`] does these. All others go step by step through [`Forward::general`]:
//!
//! 1. Fixed uses: their values move to their registers; whoever is there moves away, or is forgotten.
//! 2. Registers of early fixed definitions are cleared.
//! 3. Other uses: late ones, reused ones and those with a limit first, since they are choosier.
//! 4. Reused inputs that live on are copied.
//! 5. Early definitions.
//! 6. Values that live on in registers that are about to be overwritten move to registers that are not, nearest next use first,
//!    evicting farther ones. Moving is cheap; this alone halves the cost of code with calls.
//! 7. What dies here is dropped, and what is overwritten.
//! 8. Late definitions, fixed ones first.
//!
//! Steps 1 to 6 emit moves before the instruction, one after the other; each takes the state from one consistent picture of the
//! registers to the next, so no parallel move is needed here.
//!
//! Taking operand after operand may run into a dead end where nearly all registers are needed. Instructions that might are marked
//! [`flag::HARD`]; if one does, its registers are first planned as a whole (`plan`) and then taken like fixed ones.

use super::registers::{Bits, bit, lowest, preg};
use super::{Forward, Input, Loc, LocalMove, MOVE_COST, RELOAD_COST};
use crate::Error;
use crate::code::{NO_REG, Op, OpIndex, REUSED, Value, Want, flag};
use crate::ir::{Inst, PReg, PerClass, RegClass};
use crate::live::DEAD;
use crate::output::Allocation;
use core::hint::select_unpredictable;

/// A use in "any" place is reloaded rather than read from its slot if its next use is at most this far behind.
const NEAR: u32 = 16;

/// The registers that the current instruction claims, by class.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claims {
    /// Fixed uses.
    pub(super) fixed: PerClass<u64>,
    /// Early fixed definitions.
    pub(super) early_fixed: PerClass<u64>,
    /// Overwritten at the late point: clobbers and late fixed definitions.
    pub(super) killed: PerClass<u64>,
    /// Read by a use.
    pub(super) read: PerClass<u64>,
    /// Read by late uses.
    pub(super) late: PerClass<u64>,
    /// Taken over by definitions that reuse them.
    pub(super) reused: PerClass<u64>,
    /// Written by definitions.
    pub(super) defined: PerClass<u64>,
}

/// Why an instruction could not be allocated.
pub(super) enum Stuck {
    /// No register of the class was left.
    OutOfRegisters(RegClass),
    /// The input is wrong.
    Bad(Error),
}

impl Forward {
    /// Allocates the current instruction, whose operands are `range`.
    #[inline]
    pub(super) fn allocate_inst(
        &mut self,
        on: &Input<'_>,
        flags: u8,
        range: core::ops::Range<usize>,
        allocs: &mut [Allocation],
    ) -> Result<(), Error> {
        let inst = self.inst;
        let first = range.start;
        let ops = &on.code.ops.as_slice()[range];
        if flags & !(flag::DEFINES | flag::REUSE | flag::TERMINATOR) == 0 {
            let places = &mut allocs[first..first + ops.len()];
            return self.simple(on, flags, ops, places).map_err(|class| Error::TooManyLiveRegs { inst, class });
        }
        if flags & flag::HARD == 0 {
            return self.general(on, ops, first, flags, allocs).map_err(|stuck| stuck.at(inst));
        }
        self.save(ops);
        let stuck = match self.general(on, ops, first, flags, allocs) {
            Ok(()) => return Ok(()),
            Err(Stuck::Bad(error)) => return Err(error),
            Err(stuck) => stuck,
        };
        self.restore(ops);
        if !self.plan(on, inst, ops) {
            return Err(stuck.at(inst));
        }
        let planned = core::mem::take(&mut self.planned);
        let result = self.general(on, &planned, first, flags | flag::FIXED_USE | flag::KILLS, allocs);
        self.planned = planned;
        result.map_err(|stuck| stuck.at(inst))
    }

    /// Any instruction.
    #[inline(never)]
    fn general(
        &mut self,
        on: &Input<'_>,
        ops: &[Op],
        first: usize,
        flags: u8,
        allocs: &mut [Allocation],
    ) -> Result<(), Stuck> {
        let mut claims = Claims::default();
        if flags & flag::KILLS != 0 {
            claims.killed = on.code.clobber_sets[on.code.insts[self.inst].clobbers()];
        }
        if flags & (flag::KILLS | flag::FIXED_USE) != 0 {
            for op in ops.iter().filter(|op| op.want == Want::Fixed) {
                let claimed = match (op.is_def(), op.is_late()) {
                    (false, _) => &mut claims.fixed,
                    (true, false) => &mut claims.early_fixed,
                    (true, true) => &mut claims.killed,
                };
                claimed[op.class()] |= bit(op.reg);
            }
            self.fixed_uses(on, ops, first, allocs, &mut claims)?;
            self.clear_for_early_defs(on, &claims);
        }
        if flags & (flag::UNCOMMON | flag::HARD) != 0 {
            for (k, op) in ops.iter().enumerate() {
                if op.is_use() && op.want == Want::Reg && (op.is_late() || op.role & REUSED != 0 || op.reg < 6) {
                    self.choosy_use(on, *op, first + k, allocs, &mut claims)?;
                }
            }
        }
        for (k, op) in ops.iter().enumerate() {
            self.other_use(on, *op, first + k, flags, allocs, &mut claims)?;
        }
        for (k, op) in ops.iter().enumerate() {
            if op.is_use() {
                self.set_next_use(*op);
            } else if op.want == Want::Ignored {
                allocs[first + k] = ignored(*op);
            }
        }
        if flags & flag::REUSE != 0 {
            self.reuse(on, ops, first, allocs, &mut claims)?;
        }
        if flags & flag::UNCOMMON != 0 {
            self.early_defs(on, ops, first, allocs, &mut claims)?;
        }
        if flags & flag::KILLS != 0 {
            self.save_from_killed(on, &claims);
        }
        self.drop_dead_uses(ops);
        for class in super::registers::CLASSES {
            self.free_all(class, claims.killed[class]);
        }
        self.late_defs(on, ops, first, allocs, &mut claims)?;
        for op in ops {
            if op.is_def() {
                self.drop_if_dead(op.class(), op.value);
            }
        }
        if flags & flag::UNCOMMON != 0 {
            self.leave_foreign_registers(on, ops, &claims);
        }
        Ok(())
    }

    /// Step 1: moves the values of fixed uses into their registers.
    fn fixed_uses(
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
                pending.push(OpIndex::new(k));
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
            if self.status[there].held == bit(op.reg) && self.status[there].next != DEAD {
                return Ok(false);
            }
            self.free(class, op.reg);
        }
        let is_stack = on.machine.stack[class] & bit(op.reg) != 0;
        if is_stack && self.status[op.value].held & !on.machine.stack[class] == 0 {
            // Memory to memory: by way of a register. Whatever is in it can be brought back, even if this instruction needs it.
            let among = on.machine.allocatable[class] & !claims.early_fixed[class];
            let others = among & !claims.fixed[class];
            let by = match self.take(on, others, op.value, NO_REG, 0, 0) {
                Some(by) => by,
                None if among == 0 => return Err(out_of_registers(on, op.value).into()),
                None => {
                    let by = lowest(if others != 0 { others } else { among });
                    self.free_all(class, bit(by));
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
            self.forget(class, victim.reg);
            to = victim.reg;
        }
        if to != NO_REG {
            self.bring(on, value, class, to);
        }
        self.forget(class, reg);
    }

    /// Is `value`, which this instruction uses, used again behind it?
    pub(super) fn lives_on(&self, on: &Input<'_>, value: Value) -> bool {
        let range = on.code.op_range(self.inst);
        let last = on.code.ops.as_slice()[range].iter().rev().find(|op| op.is_use() && op.value == value);
        last.is_some_and(|op| self.next_use(*op) != DEAD)
    }

    /// Step 2: the registers of early fixed definitions are the definitions' before the instruction.
    fn clear_for_early_defs(&mut self, on: &Input<'_>, claims: &Claims) {
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
    fn choosy_use(
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
    fn other_use(
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
    fn early_defs(
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
    /// instruction: registers that this reads are `settled`, though what is in them may die here.
    #[inline]
    pub(super) fn make_way(&mut self, on: &Input<'_>, def: Op, settled: u64) {
        let class = def.class();
        let wish = self.wish_of(&def);
        if wish == NO_REG || !self.regs.is_occupied(class, wish) {
            return;
        }
        let there = self.regs.value(class, wish);
        if self.status[there].held != bit(wish) || self.status[there].next == DEAD {
            return;
        }
        let free = on.machine.allocatable[class] & !settled & !self.regs.occupied[class];
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
        let avoid = u64::from(on.next_uses.wishes.avoid(self.inst)[class]);
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

    fn finish_def(&mut self, op: Op, at: usize, reg: Option<u8>, allocs: &mut [Allocation], claims: &mut Claims) {
        if let Some(reg) = reg {
            let class = op.class();
            claims.defined[class] |= bit(reg);
            self.define(op, class, reg, &mut allocs[at]);
        } else {
            self.set_next_use(op);
            self.born_in_memory(op.value, self.block, self.pos);
            self.slot_operands.push((OpIndex::new(at), op.value));
        }
    }

    /// Step 6: moves values that live on out of registers that will be overwritten.
    fn save_from_killed(&mut self, on: &Input<'_>, claims: &Claims) {
        for class in super::registers::CLASSES {
            let killed = claims.killed[class];
            let in_danger = killed & self.regs.occupied[class];
            if in_danger == 0 {
                continue;
            }
            let stack = on.machine.stack[class];
            let mut rescue = [(0u32, 0u8); 64];
            let mut count = 0;
            for reg in Bits(in_danger) {
                let value = self.regs.value(class, reg);
                let needed = (self.status[value].next != DEAD) & (self.status[value].held & !killed & !stack == 0);
                // One rescue a value: from the lowest of its registers.
                let is_lowest = self.status[value].held & in_danger & (bit(reg) - 1) == 0;
                rescue[count & 63] = (self.status[value].next, reg);
                count += usize::from(needed & is_lowest);
            }
            rescue[..count].sort_unstable();
            let among = on.machine.allocatable[class]
                & !killed
                & !claims.read[class]
                & !claims.defined[class]
                & !claims.early_fixed[class];
            for &(next_use, reg) in &rescue[..count] {
                let value = self.regs.value(class, reg);
                let free = among & !self.regs.occupied[class];
                let to = if free != 0 {
                    self.pick_or_spare(on, among, killed, value, NO_REG, 0)
                } else {
                    match self.victim(on, class, among, killed) {
                        Some(victim) if victim.next_use > next_use => {
                            self.forget(class, victim.reg);
                            victim.reg
                        }
                        _ => continue,
                    }
                };
                self.bring(on, value, class, to);
            }
        }
    }

    /// Step 7: forgets the uses that are not used again.
    #[inline(always)]
    pub(super) fn drop_dead_uses(&mut self, ops: &[Op]) {
        for op in ops {
            if op.is_use() {
                self.drop_if_dead(op.class(), op.value);
            }
        }
    }

    /// Step 8: definitions that are made when all early uses have been read.
    fn late_defs(
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
    fn leave_foreign_registers(&mut self, on: &Input<'_>, ops: &[Op], claims: &Claims) {
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

    /// The position of the next use behind `op`.
    #[inline(always)]
    fn next_use(&self, op: Op) -> u32 {
        op.next.min(self.status[op.value].round)
    }

    #[inline(always)]
    pub(super) fn set_next_use(&mut self, op: Op) {
        let status = &mut self.status[op.value];
        status.next = select_unpredictable(op.next < status.round, op.next, status.round);
    }

    /// Makes the value of the definition `op` in `reg`.
    #[inline(always)]
    pub(super) fn define(&mut self, op: Op, class: usize, reg: u8, place: &mut Allocation) {
        let value = op.value;
        self.hold(class, reg, value);
        let status = &mut self.status[value];
        status.held |= bit(reg);
        status.next = op.next.min(status.round);
        status.def_reg = reg;
        let becomes = status.becomes;
        *place = Allocation::reg(preg(class, reg));
        if becomes.is_valid() {
            let last = &mut self.status[becomes].last_reg;
            if *last == NO_REG {
                *last = reg;
            }
        }
    }

    /// Emits a move before the instruction that puts `value` into the free register `reg`: from a register if it is in one, else from
    /// the frame.
    #[inline]
    pub(super) fn bring(&mut self, on: &Input<'_>, value: Value, class: usize, reg: u8) {
        let held = self.status[value].held;
        let in_registers = held & !on.machine.stack[class];
        let from = if in_registers != 0 {
            self.nest_cost += self.frequency * MOVE_COST;
            Loc::reg(preg(class, lowest(in_registers)))
        } else {
            self.nest_cost += self.frequency * RELOAD_COST;
            if held != 0 {
                Loc::reg(preg(class, lowest(held)))
            } else {
                self.note_reload(on, value, self.block, self.pos);
                Loc::slot_of(value)
            }
        };
        self.moves.push(LocalMove { inst: self.inst, after: false, from, to: Loc::reg(preg(class, reg)) });
        self.put(class, reg, value);
    }

    fn bad(&self, operand: usize, why: &'static str) -> Stuck {
        Stuck::Bad(Error::BadConstraint { inst: self.inst, operand, why })
    }
}

impl Stuck {
    fn at(self, inst: Inst) -> Error {
        match self {
            Self::OutOfRegisters(class) => Error::TooManyLiveRegs { inst, class },
            Self::Bad(error) => error,
        }
    }
}

impl From<RegClass> for Stuck {
    fn from(class: RegClass) -> Self {
        Self::OutOfRegisters(class)
    }
}

#[cold]
fn out_of_registers(on: &Input<'_>, value: Value) -> RegClass {
    on.code.values[value].class
}

pub(super) fn ignored(op: Op) -> Allocation {
    Allocation::reg(PReg::from_index(op.value.index()))
}
