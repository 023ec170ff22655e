//! Flattening: the client's function, read once and packed for the passes that walk it many times.
//!
//! The client's function is behind a trait: every look at it is a call, and what it returns is laid out for the client. The
//! allocator walks the operands of every instruction several times, forwards and backwards, so they are read once into flat
//! arrays, in the order of the code:
//!
//! - Values are numbered densely, in the order in which they are first seen. Neighbours in the code become neighbours in
//!   every array that is indexed by value, and virtual registers that never occur cost nothing.
//! - An operand takes twelve bytes: value, next use, kind, register, hint.
//! - Clobber sets, of which a function has a handful however many calls it makes, are kept once and named by index.
//! - Each instruction carries flags that say which of the allocator's steps concern it at all.
//!
//! Time and space are linear in the size of the function. What is found wrong on the way is an [`Error`]; a complete search is
//! the validator's business.

mod fold;
mod forms;
mod names;
mod params;
mod plan;
mod read;

pub(crate) use fold::Fold;
pub(crate) use names::Names;
pub(crate) use plan::InstPlan;

use crate::Error;
use crate::cfg::{Edge, Graph, Nature};
use crate::ir::entity::{TypedVec, entity};
use crate::ir::{Block, Function, Inst, PReg, PRegSet, PerClass, RegClass};
use crate::output::{Allocation, Output};
use alloc::vec::Vec;

entity! {
    /// An SSA value, numbered densely.
    pub(crate) struct Value, "x"
}

entity! {
    /// An operand, numbered through the whole function: also the index of its location in the output.
    pub(crate) struct OpIndex, "op"
}

entity! {
    /// One of the distinct clobber sets of the function.
    pub(crate) struct ClobberSet, "clobbers"
}

/// The set that clobbers nothing.
pub(crate) const NO_CLOBBERS: ClobberSet = ClobberSet(0);

/// "No register" in the byte-sized register fields.
pub(crate) const NO_REG: u8 = u8::MAX;

/// Where an operand wants its value, without the parameter that some constraints have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Want {
    /// A register (of those in the operand's limit).
    Reg,
    /// The register in [`Op::reg`].
    Fixed,
    /// The register of the operand whose number within the instruction is in [`Op::reg`].
    Reuse,
    /// A register or a spill slot.
    Any,
    /// A spill slot.
    Stack,
    /// Nothing: a mention of a register that is not ours, already answered.
    Ignored,
}

/// An operand in twelve bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    /// The value.
    pub(crate) value: Value,
    /// The position of the value's next use behind this operand, back edges ignored; found by liveness.
    pub(crate) next: u32,
    /// Where it must be.
    pub(crate) want: Want,
    /// Bits [`DEF`], [`USE`], [`LATE`], [`REUSED`], [`LIVES_OUT`], [`WANTED_BEYOND`], and the value's class above them.
    pub(crate) role: u8,
    /// For `Fixed`, the register's number in its class; for `Reuse`, an operand; for `Reg`, the base-two logarithm of the
    /// limit (6: any).
    pub(crate) reg: u8,
    /// A register (number in its class) that the value would like, found by liveness; or [`NO_REG`].
    pub(crate) hint: u8,
}

/// In [`Op::role`]: the operand makes the value rather than reads it.
pub(crate) const DEF: u8 = 1;
/// In [`Op::role`]: it takes effect late.
pub(crate) const LATE: u8 = 2;
/// In [`Op::role`]: a use whose register a definition of the instruction takes over.
pub(crate) const REUSED: u8 = 4;
/// In [`Op::role`]: the operand reads the value. (One that is ignored does neither.)
const USE: u8 = 8;
/// In [`Op::role`], found by liveness: the operand makes a value that lives on behind the block.
pub(crate) const LIVES_OUT: u8 = 16;
/// In [`Op::role`], found by liveness: the operand makes a value that an instruction behind the block wants in the register [`Op::hint`].
pub(crate) const WANTED_BEYOND: u8 = 32;
const CLASS_SHIFT: u32 = 6;

impl Op {
    /// The class of the value, as an index.
    #[inline(always)]
    pub(crate) fn class(self) -> usize {
        usize::from(self.role >> CLASS_SHIFT)
    }

    #[inline(always)]
    pub(crate) fn is_def(self) -> bool {
        self.role & DEF != 0
    }

    #[inline(always)]
    pub(crate) fn is_use(self) -> bool {
        self.role & USE != 0
    }

    #[inline(always)]
    pub(crate) fn is_late(self) -> bool {
        self.role & LATE != 0
    }

    /// Does the operand make a value that lives on behind the block?
    #[inline(always)]
    pub(crate) fn lives_out(self) -> bool {
        self.role & LIVES_OUT != 0
    }

    /// Does the operand make a value whose hint comes from behind the block?
    #[inline(always)]
    pub(crate) fn is_wanted_beyond(self) -> bool {
        self.role & WANTED_BEYOND != 0
    }

    /// The registers, by number in the class, that a `Reg` operand may be in.
    #[inline(always)]
    pub(crate) fn limit_mask(self) -> u64 {
        if self.reg >= 6 { !0 } else { (1 << (1 << self.reg)) - 1 }
    }
}

/// Which steps of the allocator an instruction needs; see [`InstInfo::flags`].
pub(crate) mod flag {
    /// It has a use in a fixed register.
    pub(crate) const FIXED_USE: u8 = 1;
    /// It overwrites registers of its own choice: clobbers or fixed definitions.
    pub(crate) const KILLS: u8 = 2;
    /// It has a definition that reuses a use's register.
    pub(crate) const REUSE: u8 = 4;
    /// It has a definition.
    pub(crate) const DEFINES: u8 = 8;
    /// It clobbers so many registers that it must be a call.
    pub(crate) const CALL: u8 = 16;
    /// It has an operand of a less common kind: early definition, late use, limit, stack or any location.
    pub(crate) const UNCOMMON: u8 = 32;
    /// It has so many or such operands that taking them one by one may run into a dead end.
    pub(crate) const HARD: u8 = 64;
    /// It ends its block.
    pub(crate) const TERMINATOR: u8 = 128;
}

/// What is known of an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InstInfo {
    /// Its first operand; the next instruction's first operand ends the list.
    pub(crate) ops: OpIndex,
    clobbers: u32,
}

impl InstInfo {
    const CLOBBER_BITS: u32 = 24;

    fn new(ops: OpIndex, clobbers: ClobberSet, flags: u8) -> Self {
        Self { ops, clobbers: clobbers.0 | u32::from(flags) << Self::CLOBBER_BITS }
    }

    /// Bits of [`flag`].
    #[inline(always)]
    pub(crate) fn flags(self) -> u8 {
        (self.clobbers >> Self::CLOBBER_BITS) as u8
    }

    /// What it clobbers.
    #[inline(always)]
    pub(crate) fn clobbers(self) -> ClobberSet {
        ClobberSet(self.clobbers & ((1 << Self::CLOBBER_BITS) - 1))
    }
}

/// What is known of a value from the code alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueDef {
    /// The block that defines it.
    pub(crate) block: Block,
    /// The instruction that defines it; invalid for a block parameter.
    pub(crate) inst: Inst,
    /// Its class.
    pub(crate) class: RegClass,
    /// Is it a parameter of `block`? (One that has been folded is not.)
    pub(crate) is_param: bool,
    /// Does the terminator of `block` define it? Then nothing can be inserted right behind the definition.
    pub(crate) on_branch: bool,
}

/// The function, flattened.
#[derive(Debug, Default)]
pub(crate) struct Code {
    /// Each instruction, and a last entry that ends the last operand list.
    pub(crate) insts: TypedVec<Inst, InstInfo>,
    /// Each operand, [`Code::num_ops`] of them; behind these, what is left of functions before.
    pub(crate) ops: TypedVec<OpIndex, Op>,
    /// The distinct clobber sets.
    pub(crate) clobber_sets: TypedVec<ClobberSet, PerClass<u64>>,
    /// Each value.
    pub(crate) values: TypedVec<Value, ValueDef>,
    /// Which values virtual registers are, before folding.
    pub(crate) names: Names,
    /// Registers that no call of the function overwrites.
    pub(crate) survivors: PerClass<u64>,
    params: Vec<Value>,
    param_start: TypedVec<Block, u32>,
    args: Vec<Value>,
    /// Where the arguments of each edge start; of one without, nowhere in particular.
    arg_start: TypedVec<Edge, u32>,
    edges_with_args: Vec<Edge>,
    by_code_order: Vec<Block>,
    /// Does the block call?
    has_call: TypedVec<Block, bool>,
    recent_clobbers: [(PRegSet, ClobberSet); 2],
    /// Definitions of a value that another operand of the same instruction, the second, defines for all of them.
    defined_again: Vec<(OpIndex, OpIndex)>,
}

impl Code {
    /// The parameters of `block`.
    #[inline]
    pub(crate) fn params(&self, block: Block) -> &[Value] {
        let start = self.param_start[block] as usize;
        let end = self.param_start.as_slice()[block.index() + 1] as usize;
        &self.params[start..end]
    }

    /// The parameters of all blocks.
    fn all_params(&self) -> &[Value] {
        &self.params
    }

    /// The argument on `edge` for the target's parameter number `index`.
    #[inline]
    pub(crate) fn arg(&self, edge: Edge, index: usize) -> Value {
        self.args[self.arg_start[edge] as usize + index]
    }

    /// The number, through all edges, of the first argument on `edge`.
    #[inline]
    pub(crate) fn arg_index(&self, edge: Edge) -> u32 {
        self.arg_start[edge]
    }

    /// The edges that have arguments, in order: one in four or five has.
    pub(crate) fn edges_with_args(&self) -> &[Edge] {
        &self.edges_with_args
    }

    /// How many arguments there are on all edges.
    pub(crate) fn num_args(&self) -> usize {
        self.args.len()
    }

    /// How many operands there are.
    pub(crate) fn num_ops(&self) -> usize {
        self.insts.as_slice().last().map_or(0, |end| end.ops.index())
    }

    /// The blocks in the order of their instructions.
    pub(crate) fn by_code_order(&self) -> &[Block] {
        &self.by_code_order
    }

    /// The `count` arguments on `edge`, as many as its target has parameters.
    #[inline]
    pub(crate) fn args(&self, edge: Edge, count: usize) -> &[Value] {
        let start = self.arg_start[edge] as usize;
        &self.args[start..start + count]
    }

    /// The operands of `inst`, as indices.
    #[inline(always)]
    pub(crate) fn op_range(&self, inst: Inst) -> core::ops::Range<usize> {
        let insts = self.insts.as_slice();
        insts[inst.index()].ops.index()..insts[inst.index() + 1].ops.index()
    }

    /// Is an operand of `inst` fixed to the register?
    pub(crate) fn is_fixed_to(&self, inst: Inst, reg: PReg) -> bool {
        let is_fixed =
            |op: &Op| op.want == Want::Fixed && (op.class(), op.reg) == (reg.class().index(), reg.hw_enc() as u8);
        self.ops.as_slice()[self.op_range(inst)].iter().any(is_fixed)
    }

    /// Is the jump at its end all that `block` consists of?
    #[inline]
    pub(crate) fn only_jumps(&self, graph: &Graph, block: Block) -> bool {
        let first = graph.first(block);
        first.next() == graph.end(block)
            && self.insts[first].flags() == flag::TERMINATOR
            && self.op_range(first).is_empty()
    }

    /// Empties `output`, and makes room for the locations of all operands.
    pub(crate) fn prepare(&self, output: &mut Output) {
        output.allocs.clear();
        output.allocs.resize(self.num_ops(), Allocation::none());
        output.inst_alloc_offsets.clear();
        let insts = self.insts.as_slice();
        output.inst_alloc_offsets.extend(insts[..insts.len() - 1].iter().map(|inst| inst.ops.0));
        output.debug_locations.clear();
    }

    /// Gives the places of definitions to others of the same value.
    pub(crate) fn share_places(&self, allocs: &mut [Allocation]) {
        for &(other, stands) in &self.defined_again {
            allocs[other.index()] = allocs[stands.index()];
        }
    }

    /// The classes that have values.
    pub(crate) fn used_classes(&self) -> PerClass<bool> {
        let mut used = [false; 3];
        for (_, value) in self.values.iter() {
            used[value.class.index()] = true;
        }
        used
    }

    /// What a block does that says how likely control comes there. `func` is the function that this was filled with.
    pub(crate) fn nature(&self, func: &impl Function, graph: &Graph, block: Block) -> Nature {
        if graph.succ_count(block) == 0 && !func.is_ret(graph.end(block).prev()) {
            Nature::Traps
        } else if self.has_call[block] {
            Nature::Calls
        } else {
            Nature::Plain
        }
    }

    /// The error that `value` is used where it is not defined.
    pub(crate) fn undefined(&self, value: Value) -> Error {
        Error::Undefined { vreg: self.names.vreg(value), inst: None }
    }

    /// Puts each value that `alias` gives another name for in that name's place, and drops the parameters that are no longer
    /// their own name.
    pub(crate) fn rename(&mut self, graph: &Graph, alias: impl Fn(Value) -> Value) {
        let num_ops = self.num_ops();
        for op in &mut self.ops.as_mut_slice()[..num_ops] {
            // (What is defined is its own name.)
            if op.want != Want::Ignored {
                op.value = alias(op.value);
            }
        }
        let mut end = 0;
        let mut edges = core::mem::take(&mut self.edges_with_args);
        edges.retain(|&edge| {
            let to = graph.edge(edge).to;
            let start = self.arg_start[edge] as usize;
            let first = end;
            for k in 0..self.params(to).len() {
                let param = self.params(to)[k];
                if alias(param) == param {
                    self.args[end] = alias(self.args[start + k]);
                    end += 1;
                }
            }
            let has_args = end != first;
            self.arg_start[edge] = if has_args { first as u32 } else { 0 };
            has_args
        });
        self.edges_with_args = edges;
        self.args.truncate(end);
        let mut end = 0;
        let mut start = 0;
        for index in 0..graph.num_blocks() {
            let stop = self.param_start.as_slice()[index + 1] as usize;
            self.param_start.as_mut_slice()[index] = end as u32;
            for k in start..stop {
                let param = self.params[k];
                if alias(param) == param {
                    self.params[end] = param;
                    end += 1;
                } else {
                    self.values[param].is_param = false;
                }
            }
            start = stop;
        }
        self.param_start.as_mut_slice()[graph.num_blocks()] = end as u32;
        self.params.truncate(end);
    }
}
