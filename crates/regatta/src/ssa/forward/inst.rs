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
//! Steps 1 to 3 are in [`super::uses`], 4, 5 and 8 in [`super::defs`].
//!
//! Steps 1 to 6 emit moves before the instruction, one after the other; each takes the state from one consistent picture of the
//! registers to the next, so no parallel move is needed here.
//!
//! Taking operand after operand may run into a dead end where nearly all registers are needed. Instructions that might are marked
//! [`flag::HARD`]; if one does, its registers are first planned as a whole ([`crate::code::InstPlan`]) and then taken like fixed ones.

use super::registers::{Bits, bit, lowest, preg};
use super::{Forward, Input, Loc, LocalMove, MOVE_COST, RELOAD_COST};
use crate::Error;
use crate::code::{NO_REG, Op, REUSED, Value, Want, flag};
use crate::ir::{Inst, PReg, PerClass, RegClass};
use crate::live::DEAD;
use crate::output::Allocation;

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
        let mut plan = core::mem::take(&mut self.plan);
        let clobbers = &on.code.clobber_sets[on.code.insts[inst].clobbers()];
        let result = if plan.run(on.machine, clobbers, ops, &|value| self.status[value].held) {
            // What may be in memory has no claim on a register then.
            for op in plan.planned.iter_mut().filter(|op| op.want == Want::Any) {
                op.want = Want::Stack;
            }
            self.general(on, &plan.planned, first, flags | flag::FIXED_USE | flag::KILLS, allocs)
        } else {
            Err(stuck)
        };
        self.plan = plan;
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
        // A call reads fixed registers, and often nothing else.
        let mut all_fixed = false;
        if flags & (flag::KILLS | flag::FIXED_USE) != 0 {
            all_fixed = true;
            for op in ops {
                if op.want != Want::Fixed {
                    all_fixed &= op.is_def();
                    continue;
                }
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
        if !all_fixed {
            if flags & (flag::UNCOMMON | flag::HARD) != 0 {
                for (k, op) in ops.iter().enumerate() {
                    if op.is_use() && op.want == Want::Reg && (op.is_late() || op.role & REUSED != 0 || op.reg < 6) {
                        self.choosy_use(on, *op, first + k, allocs, &mut claims)?;
                    }
                }
            }
            for (k, op) in ops.iter().enumerate() {
                if op.want == Want::Ignored {
                    allocs[first + k] = ignored(*op);
                }
                self.other_use(on, *op, first + k, flags, allocs, &mut claims)?;
            }
        }
        for op in ops {
            if op.is_use() {
                self.set_next_use(*op);
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
            self.free_all(on, class, claims.killed[class]);
        }
        if flags & flag::DEFINES != 0 {
            self.late_defs(on, ops, first, allocs, &mut claims)?;
            for op in ops {
                if op.is_def() {
                    self.drop_if_dead(op.class(), op.value);
                }
            }
        }
        if flags & flag::UNCOMMON != 0 {
            self.leave_foreign_registers(on, ops, &claims);
        }
        Ok(())
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
            // The next uses of those that are needed, each above its register.
            let mut rescue = [0u64; 64];
            let mut count = 0;
            for reg in Bits(in_danger) {
                let status = &self.status[self.regs.value(class, reg)];
                let needed = (status.next != DEAD) & (status.held & !killed & !stack == 0);
                // One rescue a value: from the lowest of its registers.
                let is_lowest = status.held & in_danger & (bit(reg) - 1) == 0;
                rescue[count & 63] = u64::from(status.next) << 8 | u64::from(reg);
                count += usize::from(needed & is_lowest);
            }
            rescue[..count].sort_unstable();
            let among = on.machine.allocatable[class]
                & !killed
                & !claims.read[class]
                & !claims.defined[class]
                & !claims.early_fixed[class];
            for &pair in &rescue[..count] {
                let (next_use, reg) = ((pair >> 8) as u32, pair as u8);
                let value = self.regs.value(class, reg);
                let free = among & !self.regs.occupied[class];
                let to = if free != 0 {
                    self.pick_or_spare(on, among, killed, value, NO_REG, 0)
                } else {
                    match self.victim(on, class, among, killed) {
                        // (Not for a value in memory that is needed little sooner than one that is in none.)
                        Some(victim)
                            if victim.next_use > next_use && victim.away > self.seems_away(value, next_use) =>
                        {
                            self.forget(on, class, victim.reg);
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

    /// The position of the next use behind `op`.
    #[inline(always)]
    pub(super) fn next_use(&self, op: Op) -> u32 {
        op.next.min(self.status[op.value].round)
    }

    #[inline(always)]
    pub(super) fn set_next_use(&mut self, op: Op) {
        self.status[op.value].expect(op.next);
    }

    /// Makes the value of the definition `op` in `reg`.
    #[inline(always)]
    pub(super) fn define(&mut self, op: Op, class: usize, reg: u8, place: &mut Allocation) {
        let value = op.value;
        self.hold(class, reg, value);
        let status = &mut self.status[value];
        status.held |= bit(reg);
        status.expect(op.next);
        status.def_reg = reg;
        let becomes = status.becomes;
        *place = Allocation::reg(preg(class, reg));
        self.suggest(becomes, reg);
    }

    /// A value that becomes the parameter `param`, if any, is in `reg`. The first that is decides where others had best be.
    #[inline(always)]
    pub(super) fn suggest(&mut self, param: Value, reg: u8) {
        if param.is_valid() {
            let last = &mut self.status[param].last_reg;
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

    pub(super) fn bad(&self, operand: usize, why: &'static str) -> Stuck {
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
pub(super) fn out_of_registers(on: &Input<'_>, value: Value) -> RegClass {
    on.code.values[value].class
}

pub(super) fn ignored(op: Op) -> Allocation {
    Allocation::reg(PReg::from_index(op.value.index()))
}
