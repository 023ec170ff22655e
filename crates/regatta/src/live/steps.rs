//! The steps of the walk backwards that finds next uses ([`super::next_use`]): over one instruction, and over one mention of a value.

use super::next_use::{DEAD, FAR, Life, NextUses};
use super::wishes::{LIVE_OUT, Taken};
use crate::code::{ClobberSet, InstInfo, LIVES_OUT, NO_REG, Op, Value, WANTED_BEYOND, Want, flag};
use crate::ir::entity::TypedVec;
use crate::ir::{Inst, PReg, PerClass};
use alloc::vec::Vec;
use core::hint::select_unpredictable;

/// The registers in each set that instructions clobber.
type ClobberSets = TypedVec<ClobberSet, PerClass<u64>>;

/// What the walk knows at one point of a block.
pub(super) struct Point {
    /// The position of the block's first instruction, and how many instructions are before this point.
    pub(super) start: u32,
    pub(super) offset: u32,
    /// The innermost loop around the block: its first position in the order, and how many follow.
    pub(super) first: u32,
    pub(super) others: u32,
    /// How many values that are made in that loop are live. (Four, as an operand's class is two bits: no index is to be checked.)
    pub(super) live: [u32; 4],
    pub(super) pressure: PerClass<u32>,
    pub(super) call_pressure: PerClass<u32>,
    /// How many events had been seen behind the last call that was met in this block; 0 without one. A value lives across a call if its
    /// last use comes before.
    pub(super) last_call: u32,
    /// How many instructions are in front of the first call that was met; [`DEAD`] without one.
    pub(super) first_call: u32,
}

impl Point {
    /// How much a value adds to the pressure of the loop.
    #[inline(always)]
    fn weight(&self, life: &Life) -> u32 {
        u32::from(life.born.wrapping_sub(self.first) <= self.others)
    }
}

impl NextUses {
    /// Steps over one instruction, backwards.
    #[inline(always)]
    pub(super) fn inst(&mut self, inst: Inst, info: InstInfo, sets: &ClobberSets, ops: &mut [Op], at: &mut Point) {
        self.wishes.start_inst(inst);
        let flags = info.flags();
        if flags & !(flag::DEFINES | flag::TERMINATOR) == 0 {
            // Nothing here depends on anything else here, so one loop does: the end of another would be one more thing to guess.
            for op in ops.iter_mut().rev() {
                if op.is_use() {
                    self.use_op(op, at);
                } else if op.is_def() {
                    self.def_op(inst, op, at);
                }
            }
            for c in 0..3 {
                at.pressure[c] = select_unpredictable(at.live[c] > at.pressure[c], at.live[c], at.pressure[c]);
            }
        } else {
            self.any_inst(inst, info, sets, ops, at);
        }
    }

    fn any_inst(&mut self, inst: Inst, info: InstInfo, sets: &ClobberSets, ops: &mut [Op], at: &mut Point) {
        let flags = info.flags();
        // Registers that are needed beside those of what lives in front of the instruction: where a definition takes over the register of
        // an input that lives on, or a use is fixed to one, a copy is. (A call's arguments go where nothing lives on.) And those needed behind
        // it, by what lives there or is made for nothing.
        let (mut beside, mut behind) = ([0; 4], at.live);
        if flags & flag::DEFINES != 0 {
            for index in 0..ops.len() {
                let op = ops[index];
                let class = op.class();
                if !op.is_def() {
                    continue;
                }
                behind[class] += u32::from(self.lives[op.value].distance == DEAD);
                beside[class] += match op.want {
                    Want::Reuse => u32::from(self.lives[ops[usize::from(op.reg)].value].distance != DEAD),
                    _ => u32::from(!op.is_late()),
                };
                let is_wanted = self.def_op(inst, &mut ops[index], at);
                if op.want == Want::Fixed {
                    self.lives[op.value].made_in = op.reg;
                }
                if is_wanted && op.want == Want::Reuse {
                    // A two-address input inherits the wish.
                    let (input, hint) = (usize::from(op.reg), usize::from(ops[index].hint));
                    let reg = PReg::from_index(class << PReg::MAX_BITS | hint);
                    self.wishes.want(self.lives.as_mut_slice(), ops[input].value, reg);
                }
            }
        }
        let is_call = flags & flag::CALL != 0;
        if is_call {
            raise(&mut at.call_pressure, &at.live);
        }
        if flags & flag::KILLS != 0 {
            self.wishes.at_kill(sets[info.clobbers()], ops, is_call);
            if is_call {
                at.last_call = self.wishes.num_events();
                at.first_call = at.offset;
            }
        }
        for op in ops.iter_mut().rev().filter(|op| op.is_use()) {
            if op.want == Want::Fixed && !is_call {
                beside[op.class()] += u32::from(self.lives[op.value].distance != DEAD);
            }
            self.use_op(op, at);
        }
        for c in 0..3 {
            let most = behind[c].max(at.live[c] + beside[c]);
            if most > at.pressure[c] {
                at.pressure[c] = most;
            }
        }
        if flags & flag::FIXED_USE != 0 {
            self.wishes.at_fixed_uses(self.lives.as_mut_slice(), ops, is_call);
        }
    }

    /// A value begins here. Is there a register that it would like?
    #[inline(always)]
    fn def_op(&mut self, inst: Inst, op: &mut Op, at: &mut Point) -> bool {
        let class = op.class();
        let life = &mut self.lives[op.value];
        let distance = core::mem::replace(&mut life.distance, DEAD);
        if distance != DEAD {
            op.next = (distance + at.start).min(FAR);
            life.crosses_call |= life.events < at.last_call;
            op.role |= select_unpredictable(life.events == LIVE_OUT, LIVES_OUT, 0);
            at.live[class] -= 1;
            self.wishes.avoid_events(inst, life.events, class);
        }
        if life.wish == NO_REG {
            return false;
        }
        let taken = self.wishes.take(op.value, class, life.wish);
        let is_wanted = taken != Taken::No;
        if is_wanted {
            op.hint = life.wish;
            op.role |= select_unpredictable(taken == Taken::Beyond, WANTED_BEYOND, 0);
        }
        is_wanted
    }

    /// A value is used here.
    #[inline(always)]
    fn use_op(&mut self, op: &mut Op, at: &mut Point) {
        let class = op.class();
        let distance = if op.want == Want::Stack { FAR } else { at.offset };
        let life = &mut self.lives[op.value];
        life.first_use = at.start + at.offset;
        if life.distance == DEAD {
            life.distance = distance;
            life.events = self.wishes.num_events();
            at.live[class] += at.weight(life);
            self.live.push(op.value);
        } else {
            op.next = (life.distance + at.start).min(FAR);
            life.distance = distance.min(life.distance);
        }
        if life.wish != NO_REG && self.wishes.holds(op.value, class, life.wish) {
            op.hint = life.wish;
        }
    }
}

/// A use of `value` lies `distance` instructions ahead.
#[inline(always)]
pub(super) fn reach(lives: &mut [Life], live: &mut Vec<Value>, value: Value, distance: u32, at: &mut Point) {
    let life = &mut lives[value.index()];
    if life.distance == DEAD {
        life.distance = distance;
        life.events = LIVE_OUT;
        at.live[usize::from(life.class & 3)] += at.weight(life);
        live.push(value);
    } else {
        life.distance = distance.min(life.distance);
    }
}

/// Raises each of `most` to what it is in `now`.
fn raise(most: &mut PerClass<u32>, now: &[u32; 4]) {
    for (most, &now) in most.iter_mut().zip(now) {
        *most = now.max(*most);
    }
}
