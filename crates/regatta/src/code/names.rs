//! Which value each virtual register is.
//!
//! A client's virtual registers are numbered sparsely; values are numbered densely, in the order in which they are first seen. A
//! number and a class fit into 32 bits together, so that one load tells the value and whether the class is the right one.

use super::Value;
use crate::Error;
use crate::ir::{Inst, Machine, RegClass, VReg};
use crate::limits;
use alloc::vec::Vec;

/// Where the class begins, above the number of the value.
const CLASS_SHIFT: u32 = 29;
// There are no more values than virtual registers.
const _: () = assert!(limits::max_vregs(limits::MAX_INSTS) <= 1 << CLASS_SHIFT);

/// A register that has not occurred. Its highest bit no other has, whatever the class.
const UNKNOWN: u32 = u32::MAX;

/// The value of each virtual register, with its class.
#[derive(Debug, Default)]
pub(crate) struct Names {
    tagged: Vec<u32>,
    /// How many values there are.
    num: u32,
    /// A bit for each class that can have no values; an operand's encoding has room for a fourth.
    without_registers: u8,
}

impl Names {
    /// Forgets all values. There are `vregs` virtual registers.
    pub(super) fn reset(&mut self, vregs: usize, machine: &Machine) {
        self.tagged.clear();
        self.tagged.resize(vregs, UNKNOWN);
        self.num = 0;
        self.without_registers = 1 << 3;
        for class in RegClass::ALL {
            self.without_registers |= u8::from(machine.allocatable[class.index()] == 0) << class.index();
        }
    }

    /// How many values there are.
    pub(super) fn num(&self) -> usize {
        self.num as usize
    }

    /// Can this class have no values?
    pub(super) fn has_no_registers(&self, class: RegClass) -> bool {
        self.without_registers >> class.index() & 1 != 0
    }

    /// The value of the virtual register of this number and class, the next one if it has not occurred before. None if there is something
    /// wrong.
    #[inline(always)]
    pub(super) fn value(&mut self, vreg: usize, class: u8) -> Option<Value> {
        let tagged = self.tagged.get_mut(vreg)?;
        let tag = u32::from(class) << CLASS_SHIFT;
        let value = *tagged ^ tag;
        if value >> CLASS_SHIFT == 0 {
            return Some(Value(value));
        }
        if *tagged != UNKNOWN || self.without_registers >> class & 1 != 0 {
            return None;
        }
        let value = self.num;
        self.num += 1;
        *tagged = value | tag;
        Some(Value(value))
    }

    /// Why `vreg`, mentioned by an instruction or as a block parameter, has no value.
    #[cold]
    pub(super) fn no_value(&self, vreg: VReg, inst: Option<Inst>) -> Error {
        match (self.tagged.get(vreg.vreg()), inst) {
            (None, _) => Error::NoSuchVReg { vreg, inst },
            (Some(&UNKNOWN), Some(inst)) => Error::TooManyLiveRegs { inst, class: vreg.class() },
            _ => Error::ClassMismatch { vreg, inst },
        }
    }

    /// The value of the virtual register, if it has occurred as one of this class.
    pub(crate) fn known(&self, vreg: VReg) -> Option<Value> {
        let value = self.tagged.get(vreg.vreg())? ^ (vreg.class() as u32) << CLASS_SHIFT;
        (value >> CLASS_SHIFT == 0).then_some(Value(value))
    }

    /// The virtual register that is this value. Takes a search.
    pub(super) fn vreg(&self, value: Value) -> VReg {
        let vregs = (0..self.tagged.len()).flat_map(|vreg| RegClass::ALL.map(|class| VReg::new(vreg, class)));
        let mut named = vregs.filter(|&vreg| self.known(vreg) == Some(value));
        named.next().unwrap_or(VReg::new(VReg::MAX, RegClass::Int))
    }
}
