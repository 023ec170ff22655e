//! Allocating a simple instruction: early uses and late definitions in registers, and definitions that reuse a use's register.
//!
//! Most instructions are so. No step of [`super::inst`] but these concerns them: each use is read where it is, or brought into a
//! register; what dies is forgotten; each definition takes a register, or takes one over. Only where a register is reused whose value lives on
//! need more claims be kept than which registers are read and which written: that is left to [`super::defs`].

use super::inst::{Claims, Stuck, ignored};
use super::registers::{bit, lowest, preg};
use super::{Forward, Input};
use crate::code::{Op, REUSED, Want, flag};
use crate::ir::{PerClass, RegClass};
use crate::live::DEAD;
use crate::output::Allocation;

impl Forward {
    /// Early uses and late definitions in registers, and reuse.
    #[inline]
    pub(super) fn simple(
        &mut self,
        on: &Input<'_>,
        flags: u8,
        ops: &[Op],
        places: &mut [Allocation],
    ) -> Result<(), RegClass> {
        if flags & flag::REUSE != 0 {
            return self.simple_reuse(on, ops, places);
        }
        let mut read = [0; 3];
        let (mut defs, mut last_def) = (0, 0);
        for (k, (op, place)) in ops.iter().zip(places.iter_mut()).enumerate() {
            if op.is_use() {
                self.simple_use(on, op, place, &mut read, true)?;
            } else if op.want == Want::Ignored {
                *place = ignored(*op);
            } else {
                (defs, last_def) = (defs + 1, k);
            }
        }
        if defs == 1 {
            let mut defined = [0; 3];
            return self.simple_def(on, &ops[last_def], &mut places[last_def], &read, &mut defined);
        }
        if defs != 0 {
            self.simple_defs(on, ops, places, &read, [0; 3])?;
        }
        Ok(())
    }

    /// An early use in a register. Those in `read` hold other operands. Is the value forgotten if it dies here?
    #[inline(always)]
    fn simple_use(
        &mut self,
        on: &Input<'_>,
        op: &Op,
        place: &mut Allocation,
        read: &mut PerClass<u64>,
        forget: bool,
    ) -> Result<(), RegClass> {
        let class = op.class();
        let ours = !on.machine.stack[class];
        let mut status = &mut self.status[op.value];
        if status.held & ours == 0 {
            self.load_use(on, op, read[class])?;
            status = &mut self.status[op.value];
        }
        let reg = lowest(status.held & ours);
        status.expect(op.next);
        if forget {
            self.regs.occupied[class] &= !status.leave_if_dead();
        }
        *place = Allocation::reg(preg(class, reg));
        read[class] |= bit(reg);
        Ok(())
    }

    /// Brings the value of an early use into a register. Those in `read` hold other operands.
    #[inline(never)]
    fn load_use(&mut self, on: &Input<'_>, op: &Op, read: u64) -> Result<(), RegClass> {
        let class = op.class();
        let among = on.machine.allocatable[class] & !read;
        let avoid = u64::from(on.next_uses.wishes.avoid(self.inst)[class]);
        let reg = self.take(on, among, op.value, op.hint, avoid, 0).ok_or(on.code.values[op.value].class)?;
        self.bring(on, op.value, class, reg);
        Ok(())
    }

    /// Late definitions in registers. Those in `defined` are taken, and those in `read` hold uses.
    fn simple_defs(
        &mut self,
        on: &Input<'_>,
        ops: &[Op],
        places: &mut [Allocation],
        read: &PerClass<u64>,
        mut defined: PerClass<u64>,
    ) -> Result<(), RegClass> {
        for (op, place) in ops.iter().zip(places) {
            if op.is_def() {
                self.simple_def(on, op, place, read, &mut defined)?;
            }
        }
        Ok(())
    }

    /// One late definition; it is in its place already if it reuses a use's register.
    #[inline(always)]
    fn simple_def(
        &mut self,
        on: &Input<'_>,
        op: &Op,
        place: &mut Allocation,
        read: &PerClass<u64>,
        defined: &mut PerClass<u64>,
    ) -> Result<(), RegClass> {
        let class = op.class();
        if op.want == Want::Reg {
            let among = on.machine.allocatable[class] & !defined[class];
            let mut avoid = u64::from(on.next_uses.wishes.avoid(self.inst)[class]) | self.avoid_beyond(op);
            let hint = self.hint_of(on, op, among & !avoid);
            let crossing = self.make_way(on, op, hint, read[class], defined[class]);
            if crossing != 0 {
                // (As long as that begins no dear register.)
                let others = among & !self.regs.occupied[class] & !avoid & !crossing;
                avoid |= if others & self.used_or_cheap(on, class) != 0 { crossing } else { 0 };
            }
            let reg = self.take(on, among, op.value, hint, avoid, 0).ok_or(on.code.values[op.value].class)?;
            let reg = if self.is_new_and_dear(on, class, reg) {
                self.vacate(on, op, among, read[class] | defined[class]).unwrap_or(reg)
            } else {
                reg
            };
            defined[class] |= bit(reg);
            self.define(*op, class, reg, place);
        }
        self.drop_if_dead(class, op.value);
        Ok(())
    }

    /// The same, where a definition reuses a use's register.
    #[inline(never)]
    fn simple_reuse(&mut self, on: &Input<'_>, ops: &[Op], places: &mut [Allocation]) -> Result<(), RegClass> {
        let mut read = [0; 3];
        // (With more than one, the instruction would not be simple.)
        let (mut defs, mut at) = (0, 0);
        for (k, (op, place)) in ops.iter().zip(places.iter_mut()).enumerate() {
            if op.is_use() {
                // What dies here may be about to become a definition's: it is not forgotten yet.
                self.simple_use(on, op, place, &mut read, false)?;
            } else if op.want == Want::Ignored {
                *place = ignored(*op);
            } else {
                defs += 1;
                at = if op.want == Want::Reuse { k } else { at };
            }
        }
        let def = ops[at];
        let class = def.class();
        let input = ops[usize::from(def.reg)].value;
        let mut defined = [0; 3];
        let status = &mut self.status[input];
        if status.next == DEAD {
            self.regs.occupied[class] &= !status.leave_if_dead();
            let reg = places[usize::from(def.reg)].index() as u8 & 63;
            defined[class] = bit(reg);
            self.define(def, class, reg, &mut places[at]);
        } else {
            defined = self.reuse_what_lives_on(on, ops, places, &mut read)?;
        }
        self.drop_dead_uses(ops);
        if defs == 1 {
            self.drop_if_dead(class, def.value);
            return Ok(());
        }
        self.simple_defs(on, ops, places, &read, defined)
    }

    /// A definition reuses the register of a use whose value lives on. Returns which register that is.
    #[inline(never)]
    fn reuse_what_lives_on(
        &mut self,
        on: &Input<'_>,
        ops: &[Op],
        places: &mut [Allocation],
        read: &mut PerClass<u64>,
    ) -> Result<PerClass<u64>, RegClass> {
        let mut claims = Claims { read: *read, ..Claims::default() };
        for (op, place) in ops.iter().zip(places.iter()) {
            if op.role & REUSED != 0 {
                claims.reused[op.class()] |= bit(place.index() as u8 & 63);
            }
        }
        self.reuse(on, ops, 0, places, &mut claims).map_err(|stuck| match stuck {
            Stuck::OutOfRegisters(class) => class,
            // Nothing is overwritten here that could be in the way.
            Stuck::Bad(_) => RegClass::Int,
        })?;
        *read = claims.read;
        Ok(claims.defined)
    }
}
