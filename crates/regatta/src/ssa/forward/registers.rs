//! The register file during the forward pass, and the choices about single registers: which free one to take, which value to evict.

use super::{Forward, Input, Memory};
use crate::code::{NO_REG, Value, flag};
use crate::ir::{Inst, PReg, PerClass, RegClass};
use crate::live::DEAD;
use core::hint::select_unpredictable;

/// Blocks executed at most so often count as cold: one save of a register weighs as much as many moves there.
pub(super) const COLD: f32 = 10.0;

/// How many times as far away the next use of a value seems that is in memory already. Evicting it costs no store, and keeps another
/// value out of memory, which saves that one's store and slot. Over the corpus, twice gives a cost of 0.427 rather than 0.430, slots
/// 0.932 rather than 0.939; three times saves more slots and costs more.
const STORED: u64 = 2;

/// So many parameters ahead, of which each becomes the next, it is looked for one that has a register.
pub(super) const PARAMETERS_AHEAD: u32 = 3;

/// Which value is in each register.
///
/// A value may be in several; [`Status`](super::state::Status) has the other direction. Fixed stack slots count as registers here, though not as
/// allocatable ones: a value that a fixed definition put there can be read from there until something overwrites it.
#[derive(Debug)]
pub(super) struct RegFile {
    value: [Value; PReg::NUM_INDEX],
    pub(super) occupied: PerClass<u64>,
}

impl Default for RegFile {
    fn default() -> Self {
        Self { value: [Value::invalid(); PReg::NUM_INDEX], occupied: [0; 3] }
    }
}

impl RegFile {
    /// The value in a register; meaningful where it is occupied.
    #[inline(always)]
    pub(super) fn value(&self, class: usize, reg: u8) -> Value {
        self.value[class << 6 | usize::from(reg)]
    }

    #[inline(always)]
    pub(super) fn put(&mut self, class: usize, reg: u8, value: Value) {
        self.value[class << 6 | usize::from(reg)] = value;
        self.occupied[class] |= bit(reg);
    }

    /// Notes what `reg` held at some point, without occupying it.
    #[inline(always)]
    pub(super) fn note(&mut self, reg: PReg, value: Value) {
        self.value[reg.index()] = value;
    }

    /// What was last noted of `reg`, or put there.
    #[inline(always)]
    pub(super) fn noted(&self, reg: PReg) -> Value {
        self.value[reg.index()]
    }

    #[inline(always)]
    pub(super) fn is_occupied(&self, class: usize, reg: u8) -> bool {
        self.occupied[class] >> reg & 1 != 0
    }
}

/// The numbers of the bits that are set, from the lowest.
#[derive(Clone, Copy)]
pub(super) struct Bits(pub(super) u64);

impl Iterator for Bits {
    type Item = u8;
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        if self.0 == 0 {
            return None;
        }
        let low = self.0.trailing_zeros() as u8;
        self.0 &= self.0 - 1;
        Some(low)
    }
}

#[inline(always)]
pub(super) fn bit(reg: u8) -> u64 {
    1 << (reg & 63)
}

#[inline(always)]
pub(super) fn lowest(mask: u64) -> u8 {
    mask.trailing_zeros() as u8
}

/// A victim for eviction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Victim {
    pub(super) reg: u8,
    /// The position of its next use; [`DEAD`] for a copy that can be dropped for free.
    pub(super) next_use: u32,
    /// How far away that seems: see [`Forward::seems_away`].
    pub(super) away: u64,
}

impl Forward {
    #[inline(always)]
    pub(super) fn put(&mut self, class: usize, reg: u8, value: Value) {
        self.hold(class, reg, value);
        self.status[value].held |= bit(reg);
    }

    /// The class of a value, as an index.
    #[inline(always)]
    pub(super) fn class(&self, value: Value) -> usize {
        usize::from(self.status[value].class)
    }

    /// The register's side of [`Forward::put`].
    #[inline(always)]
    pub(super) fn hold(&mut self, class: usize, reg: u8, value: Value) {
        // (What `RegFile::put` does. By way of it, the loop over instructions executes 1 % more instructions: see `docs/ARCHITECTURE.md`.)
        self.regs.value[class << 6 | usize::from(reg)] = value;
        self.regs.occupied[class] |= bit(reg);
        self.used[class] |= bit(reg);
    }

    /// Forgets what is in `reg`, which is occupied. Nothing is emitted: the value never changes, and a later reload arranges for
    /// its store.
    #[inline(always)]
    pub(super) fn free(&mut self, class: usize, reg: u8) {
        let value = self.regs.value(class, reg);
        self.status[value].held &= !bit(reg);
        self.regs.occupied[class] &= !bit(reg);
    }

    /// Empties all registers, as between blocks that do not follow on one another.
    pub(super) fn clear_registers(&mut self) {
        for class in CLASSES {
            for reg in Bits(self.regs.occupied[class]) {
                self.status[self.regs.value(class, reg)].held = 0;
            }
            self.regs.occupied[class] = 0;
        }
        self.in_regs = (0, 0);
    }

    /// Like [`Forward::free`]; if what is in `reg` is missed, it is noted that it was there until now, for the store's sake.
    #[inline]
    pub(super) fn forget(&mut self, on: &Input<'_>, class: usize, reg: u8) {
        let value = self.regs.value(class, reg);
        self.free(class, reg);
        if self.status[value].held == 0 && self.status[value].next != DEAD {
            self.note_forgotten(on, value, class, reg);
        }
    }

    /// Forgets every copy of `value`, if it is not needed any more.
    #[inline(always)]
    pub(super) fn drop_if_dead(&mut self, class: usize, value: Value) {
        self.regs.occupied[class] &= !self.status[value].leave_if_dead();
    }

    #[inline(always)]
    pub(super) fn free_all(&mut self, on: &Input<'_>, class: usize, mask: u64) {
        for reg in Bits(mask & self.regs.occupied[class]) {
            self.forget(on, class, reg);
        }
    }

    /// The best of the registers `free` for `value`: the one it would like, the one that the parameter it becomes has, else by
    /// what it would cost to use. Values that live across calls look first for registers that survive them.
    #[inline(never)]
    pub(super) fn pick(&self, on: &Input<'_>, free: u64, value: Value, hint: u8, avoid: u64) -> u8 {
        self.pick_here(on, free, value, hint, avoid)
    }

    /// The same, for [`Forward::pick_or_spare`].
    #[inline(always)]
    fn pick_here(&self, on: &Input<'_>, free: u64, value: Value, hint: u8, avoid: u64) -> u8 {
        if hint != NO_REG && free & bit(hint) != 0 {
            return hint;
        }
        let reg = self.register_ahead(value);
        if reg != NO_REG && free & bit(reg) != 0 {
            return reg;
        }
        let c = self.class(value);
        let survivors = on.code.survivors[c];
        let cheap = self.used_or_cheap(on, c);
        let tiers = if self.status[value].crosses_call {
            [survivors & cheap, survivors, cheap]
        } else {
            [!survivors & !on.machine.dear[c], cheap, cheap]
        };
        let good = free & !avoid;
        for tier in tiers {
            if good & tier != 0 {
                return lowest(good & tier);
            }
        }
        // Outside of loops, a move out of the way is cheaper than saving one more register for the caller.
        if self.frequency <= COLD && free & cheap != 0 && good & cheap == 0 {
            return lowest(free & cheap);
        }
        lowest(if good != 0 { good } else { free })
    }

    /// The register of the parameter that `value` becomes, or of the first that has one of those that the parameter becomes in turn;
    /// [`NO_REG`] if none of the next few has.
    #[inline]
    pub(super) fn register_ahead(&self, value: Value) -> u8 {
        let mut becomes = self.status[value].becomes;
        for _ in 0..PARAMETERS_AHEAD {
            if becomes.is_invalid() {
                break;
            }
            let reg = self.status[becomes].last_reg;
            if reg != NO_REG {
                return reg;
            }
            becomes = self.status[becomes].becomes;
        }
        NO_REG
    }

    /// Would taking `reg` be the first use of a register that costs something to use?
    #[inline]
    pub(super) fn is_new_and_dear(&self, on: &Input<'_>, class: usize, reg: u8) -> bool {
        !self.used_or_cheap(on, class) & bit(reg) != 0
    }

    /// Like [`Forward::pick`] of what is free among some registers, but rather than begin to use one that costs something, takes one whose
    /// value is not missed.
    #[inline(never)]
    pub(super) fn pick_or_spare(
        &mut self,
        on: &Input<'_>,
        among: u64,
        killed: u64,
        value: Value,
        hint: u8,
        avoid: u64,
    ) -> u8 {
        let class = self.class(value);
        let reg = self.pick_here(on, among & !self.regs.occupied[class], value, hint, avoid);
        let is_dear = self.is_new_and_dear(on, class, reg);
        if is_dear { self.spare_instead(on, class, among, killed, value, reg) } else { reg }
    }

    /// A register of `among` whose value is not missed; `reg` if there is none.
    #[inline(never)]
    fn spare_instead(&mut self, on: &Input<'_>, class: usize, among: u64, killed: u64, value: Value, reg: u8) -> u8 {
        let cheap = among & self.used_or_cheap(on, class);
        match self.not_missed(on, class, cheap & !(killed & !bit(reg)), killed, value) {
            Some(other) => {
                self.forget(on, class, other);
                other
            }
            None => reg,
        }
    }

    /// A register of `among` whose value is not missed if it is forgotten: because it is in another one too, or dies here; or, in
    /// cold code, because the next call will take it away in any case, as no register that survives it is free, or none that costs
    /// less than reading a value from memory that is there already.
    #[cold]
    fn not_missed(&mut self, on: &Input<'_>, class: usize, among: u64, killed: u64, but: Value) -> Option<u8> {
        let call = self.next_call(on);
        let survivors = on.code.survivors[class];
        let free = survivors & !self.regs.occupied[class];
        let mut best = None;
        for reg in Bits(among & self.regs.occupied[class]) {
            let value = self.regs.value(class, reg);
            let next_use = self.status[value].next;
            let elsewhere = self.status[value].held & !bit(reg) & !on.machine.stack[class];
            if elsewhere != 0 && value != but && (elsewhere & !killed != 0 || self.dies_here(on, value)) {
                return Some(reg);
            }
            let in_memory = self.spills[value].memory != Memory::Never;
            let can_survive = if in_memory { free & self.used_or_cheap(on, class) != 0 } else { free != 0 };
            let is_lost = self.frequency <= COLD
                && !can_survive
                && next_use > call
                && survivors & bit(reg) == 0
                && next_use != DEAD;
            if is_lost && value != but && best.is_none_or(|(farthest, _)| next_use > farthest) {
                best = Some((next_use, reg));
            }
        }
        best.map(|(_, reg)| reg)
    }

    /// Is `value` needed no more behind this instruction?
    #[inline]
    fn dies_here(&self, on: &Input<'_>, value: Value) -> bool {
        let next = self.status[value].next;
        next == DEAD || next == self.pos && !self.lives_on(on, value)
    }

    /// The position of the next call in the block, from this instruction on; [`DEAD`] if there is none.
    pub(super) fn next_call(&mut self, on: &Input<'_>) -> u32 {
        let (from, end) = self.call_ahead;
        if self.inst < from || self.inst >= end {
            let end = on.flow.graph.end(self.block);
            let is_call = |&inst: &u32| on.code.insts[Inst(inst)].flags() & flag::CALL != 0;
            let call = (self.inst.0..end.0).find(is_call);
            self.call_ahead = (self.inst, call.map_or(end, |call| Inst(call + 1)));
            self.call_pos = call.map_or(DEAD, |call| self.pos + (call - self.inst.0));
        }
        self.call_pos
    }

    /// Registers that cost nothing to use, or nothing more than what is due anyway.
    #[inline(always)]
    pub(super) fn used_or_cheap(&self, on: &Input<'_>, class: usize) -> u64 {
        self.used[class] | self.expected[class] | !on.machine.dear[class]
    }

    /// Whom to evict from the registers `among`: a copy that is also in a register outside `killed`, else the value with the farthest
    /// next use, as it [seems](Self::seems_away). Never a value that this instruction still has to read.
    #[inline]
    pub(super) fn victim(&self, on: &Input<'_>, class: usize, among: u64, killed: u64) -> Option<Victim> {
        // The farthest distance so far, and below it 63 less the register's number: of equally far ones, the lowest register.
        let mut farthest = 63;
        for reg in Bits(among & self.regs.occupied[class]) {
            let value = self.regs.value(class, reg);
            let status = &self.status[value];
            let elsewhere = status.held & !bit(reg) & !on.machine.stack[class];
            if elsewhere != 0 && (elsewhere & !killed != 0 || self.dies_here(on, value)) {
                return Some(Victim { reg, next_use: DEAD, away: u64::MAX });
            }
            let rank = self.seems_away(value, status.next) << 6 | u64::from(63 - reg);
            farthest = select_unpredictable(rank > farthest, rank, farthest);
        }
        // (Nothing is farther than not at all.)
        (farthest > 63).then(|| {
            let reg = 63 - (farthest & 63) as u8;
            Victim { reg, next_use: self.status[self.regs.value(class, reg)].next, away: farthest >> 6 }
        })
    }

    /// How far away the next use of `value` seems, which is at `next_use`: [`STORED`] times as far if it is in memory already.
    #[inline(always)]
    pub(super) fn seems_away(&self, value: Value, next_use: u32) -> u64 {
        let in_memory = self.spills[value].memory != Memory::Never;
        u64::from(next_use.saturating_sub(self.pos)) * if in_memory { STORED } else { 1 }
    }

    /// A register of `among` for `value`, by eviction if need be. `None` if the instruction itself needs all of them.
    #[inline(always)]
    pub(super) fn take(
        &mut self,
        on: &Input<'_>,
        among: u64,
        value: Value,
        hint: u8,
        avoid: u64,
        killed: u64,
    ) -> Option<u8> {
        let class = self.class(value);
        if among & !self.regs.occupied[class] != 0 {
            return Some(self.pick_or_spare(on, among, killed, value, hint, avoid));
        }
        self.evict(on, class, among, killed)
    }

    /// Empties a register of `among`, all of which are occupied.
    #[inline(never)]
    fn evict(&mut self, on: &Input<'_>, class: usize, among: u64, killed: u64) -> Option<u8> {
        let victim = self.victim(on, class, among, killed)?;
        self.forget(on, class, victim.reg);
        Some(victim.reg)
    }
}

/// The register as the client knows it.
#[inline(always)]
pub(super) fn preg(class: usize, reg: u8) -> PReg {
    PReg::from_index(class << 6 | usize::from(reg))
}

/// The classes as indices.
pub(super) const CLASSES: core::ops::Range<usize> = 0..RegClass::ALL.len();
