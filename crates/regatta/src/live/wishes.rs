//! The registers that values would like to be in, found on the way backwards over the code.
//!
//! A value that is an argument of a call ahead had best be made in that argument's register; so had the value that it is made from
//! by a two-address instruction, and the argument that becomes it as a block parameter. Walking backwards, one entry a register
//! suffices: which value wants it now. A fixed use sets it, the definition of the value (which takes it as its hint) and
//! anything that overwrites the register clear it. Blocks inherit the wishes of their successors, the first successor's first, but not
//! over the exit of a loop.
//!
//! Registers to *avoid* are the other side: those that some other value ahead wants, and those that are overwritten while the value
//! lives (the last few such events; the far ones matter less than having a register now). They are preferences among free
//! registers, never reasons to spill. Registers numbered 32 and up take no part in the avoiding: eight bytes an instruction saved.

use crate::cfg::Edge;
use crate::code::{Code, NO_REG, OpIndex, Value, Want};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, PReg, PerClass, RegClass};
use alloc::vec::Vec;

/// How many overwriting events of a value's lifetime count.
const EVENTS: usize = 8;

/// The state of the walk, and what it found.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// The register, by number in its class, that a value would like at its first mention; [`NO_REG`] without.
    pub(crate) wish: TypedVec<Value, u8>,
    /// Registers that a value made or reloaded at an instruction had best not take.
    pub(crate) avoid: TypedVec<Inst, PerClass<u32>>,
    /// Who wants each register now, by [`PReg::index`]; valid where the bit in `wanted` is set.
    wanted_by: Vec<Value>,
    wanted: PerClass<u64>,
    inherited: Vec<(PReg, Value)>,
    block_range: TypedVec<Block, (u32, u32)>,
    /// The events of this block, and how many there were in the blocks before.
    events: Vec<PerClass<u64>>,
    earlier_events: u32,
    /// How many events had been seen, in all blocks, when the value's last use was met.
    first_event: TypedVec<Value, u32>,
}

impl Wishes {
    pub(super) fn reset(&mut self, insts: usize, blocks: usize, values: usize) {
        self.wish.reset(values, NO_REG);
        self.avoid.reset(insts, [0; 3]);
        self.wanted_by.clear();
        self.wanted_by.resize(PReg::NUM_INDEX, Value::invalid());
        self.inherited.clear();
        self.block_range.reset(blocks, (0, 0));
        self.first_event.reset(values, 0);
        self.events.clear();
        self.earlier_events = 0;
    }

    pub(super) fn clear_registers(&mut self) {
        self.wanted = [0; 3];
    }

    pub(super) fn start_block(&mut self) {
        self.earlier_events += self.events.len() as u32;
        self.events.clear();
    }

    /// Takes over the wishes at the start of `to`; its parameters' wishes become those of the arguments on `edge`.
    pub(super) fn inherit(&mut self, code: &Code, edge: Edge, to: Block) {
        let (start, end) = self.block_range[to];
        for index in start as usize..end as usize {
            let (reg, mut value) = self.inherited[index];
            if self.wanted[reg.class().index()] >> reg.hw_enc() & 1 != 0 {
                continue;
            }
            let def = code.values[value];
            if def.is_param && def.block == to {
                let Some(param) = code.params(to).iter().position(|&p| p == value) else { continue };
                value = code.arg(edge, param);
            }
            self.want(value, reg);
        }
    }

    /// Keeps the wishes at the start of `block` for its predecessors.
    pub(super) fn finish_block(&mut self, block: Block) {
        let start = self.inherited.len() as u32;
        for class in RegClass::ALL {
            let mut mask = self.wanted[class.index()];
            while mask != 0 {
                let reg = PReg::new(mask.trailing_zeros() as usize, class);
                mask &= mask - 1;
                self.inherited.push((reg, self.wanted_by[reg.index()]));
            }
        }
        self.block_range[block] = (start, self.inherited.len() as u32);
    }

    /// The wishes at the start of `block` are those at the start of `to`.
    pub(super) fn share(&mut self, block: Block, to: Block) {
        self.block_range[block] = self.block_range[to];
    }

    #[inline]
    pub(super) fn start_inst(&mut self, inst: Inst) {
        self.avoid[inst] = self.wanted.map(|mask| mask as u32);
    }

    #[inline]
    pub(super) fn starts_living(&mut self, value: Value) {
        self.first_event[value] = self.earlier_events + self.events.len() as u32;
    }

    /// The register that `value` wants and that nobody has taken from it since.
    #[inline(always)]
    pub(super) fn wish_of(&self, value: Value, class: usize) -> u8 {
        let wish = self.wish[value];
        if wish != NO_REG && self.holds(value, class, wish) { wish } else { NO_REG }
    }

    #[inline(always)]
    fn holds(&self, value: Value, class: usize, reg: u8) -> bool {
        self.wanted[class] >> reg & 1 != 0 && self.wanted_by[class << 6 | usize::from(reg)] == value
    }

    fn want(&mut self, value: Value, reg: PReg) {
        self.wanted_by[reg.index()] = value;
        self.wanted[reg.class().index()] |= 1 << reg.hw_enc();
        self.wish[value] = reg.hw_enc() as u8;
    }

    /// The value of definition `index` begins: it takes its wish as a hint, and a two-address input inherits the wish.
    #[inline]
    pub(super) fn at_def(&mut self, code: &mut Code, first: usize, index: usize) {
        let op = code.ops.as_slice()[index];
        let class = code.values[op.value].class;
        let wish = self.wish_of(op.value, class.index());
        if wish == NO_REG {
            return;
        }
        code.ops.as_mut_slice()[index].hint = wish;
        self.wanted[class.index()] &= !(1 << wish);
        if op.want == Want::Reuse {
            let input = code.ops.as_slice()[first + usize::from(op.reg)].value;
            self.want(input, PReg::new(usize::from(wish), class));
        }
    }

    /// Marks what is overwritten during the life of `value`, defined by `inst`, as better avoided.
    #[inline]
    pub(super) fn avoid_events(&mut self, inst: Inst, value: Value, class: usize) {
        // (A value that lives on behind the block has seen all of the block's events.)
        let seen = self.first_event[value].saturating_sub(self.earlier_events) as usize;
        let since = seen.max(self.events.len().saturating_sub(EVENTS));
        let mask = self.events[since..].iter().fold(0, |mask, event| mask | event[class]);
        self.avoid[inst][class] |= mask as u32;
    }

    /// An instruction overwrites these registers.
    pub(super) fn at_kill(&mut self, kills: PerClass<u64>) {
        self.events.push(kills);
        for (wanted, kill) in self.wanted.iter_mut().zip(kills) {
            *wanted &= !kill;
        }
    }

    /// The fixed uses of `inst`, which take these registers, want them.
    pub(super) fn at_fixed_uses(&mut self, code: &Code, inst: Inst, fixed: PerClass<u64>) {
        self.events.push(fixed);
        for index in code.op_range(inst) {
            let op = code.ops[OpIndex::new(index)];
            if op.is_use() && op.want == Want::Fixed {
                self.want(op.value, PReg::new(usize::from(op.reg), code.values[op.value].class));
            }
        }
    }
}
