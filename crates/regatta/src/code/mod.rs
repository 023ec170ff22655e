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

pub(crate) use fold::Fold;

use crate::Error;
use crate::cfg::{Edge, Graph, Nature};
use crate::ir::entity::{EntityIndex, TypedVec, entity};
use crate::ir::{
    Block, Function, Inst, Machine, Operand, OperandConstraint, OperandKind, OperandPos, PReg, PRegSet, PerClass,
    RegClass, VReg,
};
use crate::limits;
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
    /// Bits [`DEF`], [`USE`], [`LATE`], [`REUSED`], and the value's class above them.
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
const CLASS_SHIFT: u32 = 4;

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
    /// Each operand.
    pub(crate) ops: TypedVec<OpIndex, Op>,
    /// The distinct clobber sets.
    pub(crate) clobber_sets: TypedVec<ClobberSet, PerClass<u64>>,
    /// Each value.
    pub(crate) values: TypedVec<Value, ValueDef>,
    /// The value of each virtual register, before folding; invalid where it does not occur.
    pub(crate) value_of: Vec<Value>,
    /// Registers that no call of the function overwrites.
    pub(crate) survivors: PerClass<u64>,
    params: Vec<Value>,
    param_start: TypedVec<Block, u32>,
    args: Vec<Value>,
    arg_start: TypedVec<Edge, u32>,
    by_code_order: Vec<Block>,
    /// Classes that can have no values.
    without_registers: PerClass<bool>,
    recent_clobbers: [(PRegSet, ClobberSet); 2],
}

impl Code {
    /// The parameters of `block`.
    #[inline]
    pub(crate) fn params(&self, block: Block) -> &[Value] {
        let start = self.param_start[block] as usize;
        let end = self.param_start.as_slice()[block.index() + 1] as usize;
        &self.params[start..end]
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

    /// How many arguments there are on all edges.
    pub(crate) fn num_args(&self) -> usize {
        self.args.len()
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
        output.allocs.resize(self.ops.len(), Allocation::none());
        output.inst_alloc_offsets.clear();
        let insts = self.insts.as_slice();
        output.inst_alloc_offsets.extend(insts[..insts.len() - 1].iter().map(|inst| inst.ops.0));
        output.debug_locations.clear();
    }

    /// The classes that have values.
    pub(crate) fn used_classes(&self) -> PerClass<bool> {
        let mut used = [false; 3];
        for (_, value) in self.values.iter() {
            used[value.class.index()] = true;
        }
        used
    }

    /// Reads `func`.
    pub(crate) fn run(&mut self, func: &impl Function, machine: &Machine, graph: &Graph) -> Result<(), Error> {
        self.clear(func);
        self.without_registers = machine.allocatable.map(|registers| registers == 0);
        let few = few_operands(machine);
        self.survivors = machine.allocatable;
        self.order_blocks(func, graph)?;
        for index in 0..self.by_code_order.len() {
            let block = self.by_code_order[index];
            for &vreg in func.block_params(block) {
                if self.without_registers[vreg.class().index()] {
                    return Err(Error::TooManyLiveRegs { inst: graph.first(block), class: vreg.class() });
                }
                self.define_param(vreg, block)?;
            }
            let (start, end) = (graph.first(block), graph.end(block));
            for inst in (start.0..end.0).map(Inst) {
                let ends_block = inst.0 + 1 == end.0;
                let first = self.ops.next_key();
                let mut flags = self.operands(func, machine, block, inst, ends_block)?;
                if self.ops.len() - first.index() > few {
                    flags |= flag::HARD;
                }
                if ends_block {
                    flags |= flag::TERMINATOR;
                }
                let mut set = NO_CLOBBERS;
                let clobbers = func.inst_clobbers(inst);
                if !clobbers.is_empty_all() {
                    set = self.clobber_set(clobbers)?;
                    flags |= self.overwrite(machine, first, set);
                }
                if flags & (flag::KILLS | flag::REUSE) == flag::KILLS | flag::REUSE {
                    flags |= flag::HARD;
                }
                let clobbers = set.0 | u32::from(flags) << InstInfo::CLOBBER_BITS;
                self.insts.push(InstInfo { ops: first, clobbers });
            }
            let last = Inst(end.0 - 1);
            if graph.succ_count(block) == 1
                && graph.succs(block).any(|to| graph.is_join(to))
                && (self.insts[last].ops != self.ops.next_key() || self.insts[last].clobbers() != NO_CLOBBERS)
            {
                return Err(Error::BranchOperands { inst: last });
            }
        }
        let end = self.ops.next_key();
        self.insts.push(InstInfo { ops: end, clobbers: 0 });
        self.params_and_args(func, graph)?;
        self.all_defined()
    }

    /// The instruction whose operands start at `first` clobbers registers. Returns the flags that follow from that.
    #[inline(never)]
    fn overwrite(&mut self, machine: &Machine, first: OpIndex, set: ClobberSet) -> u8 {
        let masks = self.clobber_sets[set];
        let mut flags = flag::KILLS;
        if self.crowded(machine, first, masks) {
            flags |= flag::HARD;
        }
        // A division spoils two registers, a call most of them.
        if masks.iter().map(|m| m.count_ones()).sum::<u32>() > 4 {
            flags |= flag::CALL;
            for (survivors, mask) in self.survivors.iter_mut().zip(masks) {
                *survivors &= !mask;
            }
            // What it returns overwrites a register as well.
            for op in &self.ops.as_slice()[first.index()..] {
                if op.is_def() && op.want == Want::Fixed {
                    self.survivors[op.class()] &= !(1 << op.reg);
                }
            }
        }
        flags
    }

    fn clear(&mut self, func: &impl Function) {
        self.insts.clear();
        self.ops.clear();
        self.values.clear();
        self.clobber_sets.clear();
        self.clobber_sets.push([0; 3]);
        self.recent_clobbers = [(PRegSet::empty(), NO_CLOBBERS); 2];
        self.value_of.clear();
        self.value_of.resize(func.num_vregs(), Value::invalid());
    }

    /// Blocks in the order of their instructions, which must cover the function's without gap or overlap.
    fn order_blocks(&mut self, func: &impl Function, graph: &Graph) -> Result<(), Error> {
        self.by_code_order.clear();
        self.by_code_order.extend((0..graph.num_blocks()).map(Block::new));
        if !self.by_code_order.is_sorted_by_key(|&b| graph.first(b)) {
            self.by_code_order.sort_unstable_by_key(|&b| graph.first(b));
        }
        let mut next = Inst::new(0);
        for &block in &self.by_code_order {
            if graph.first(block) != next {
                return Err(Error::BadBlockRange { block });
            }
            next = graph.end(block);
        }
        if next.index() != func.num_insts() {
            return Err(Error::BadBlockRange { block: Block::new(graph.num_blocks().saturating_sub(1)) });
        }
        Ok(())
    }

    /// Do the last instruction's operands, from `first` on, need more than half of the registers that its clobbers leave them?
    fn crowded(&self, machine: &Machine, first: OpIndex, clobbers: PerClass<u64>) -> bool {
        let mut late = [0; 3];
        for op in &self.ops.as_slice()[first.index()..] {
            late[op.class()] += u32::from((op.is_def() || op.is_late()) && matches!(op.want, Want::Reg | Want::Reuse));
        }
        (0..3).any(|c| late[c] > 0 && 2 * late[c] > (machine.allocatable[c] & !clobbers[c]).count_ones())
    }

    /// What a block does that says how likely control comes there. `func` is the function that this was filled with.
    pub(crate) fn nature(&self, func: &impl Function, graph: &Graph, block: Block) -> Nature {
        let (first, end) = (graph.first(block).0, graph.end(block).0);
        if graph.succ_count(block) == 0 && !func.is_ret(Inst(end - 1)) {
            Nature::Traps
        } else if (first..end).any(|inst| self.insts[Inst(inst)].flags() & flag::CALL != 0) {
            Nature::Calls
        } else {
            Nature::Plain
        }
    }

    /// Reads the operands of `inst`; returns its flags as far as they follow from these.
    fn operands(
        &mut self,
        func: &impl Function,
        machine: &Machine,
        block: Block,
        inst: Inst,
        ends_block: bool,
    ) -> Result<u8, Error> {
        let first = self.ops.next_key();
        let operands = func.inst_operands(inst);
        if operands.len() > limits::MAX_OPERANDS {
            return Err(Error::TooLarge { what: "operands of an instruction", limit: limits::MAX_OPERANDS });
        }
        if self.ops.len() > (u32::MAX - 1) as usize - operands.len() {
            return Err(Error::TooLarge { what: "operands", limit: u32::MAX as usize - 1 });
        }
        let mut flags = 0;
        for (index, operand) in operands.iter().enumerate() {
            let (number, class, shape) = (operand.vreg_number(), operand.class_index(), operand.shape());
            let value = match self.known(number, class) {
                Some(value) => value,
                None if number == VReg::MAX
                    && let OperandConstraint::FixedReg(reg) = operand.constraint() =>
                {
                    self.ops.push(Op {
                        value: Value(reg.index() as u32),
                        next: u32::MAX,
                        want: Want::Ignored,
                        role: class << CLASS_SHIFT,
                        reg: reg.hw_enc() as u8,
                        hint: NO_REG,
                    });
                    continue;
                }
                None => return Err(self.no_value(operand.vreg(), Some(inst))),
            };
            let mut role = class << CLASS_SHIFT;
            if shape == Operand::REG_USE {
                let role = role | USE;
                self.ops.push(Op { value, next: u32::MAX, want: Want::Reg, role, reg: 6, hint: NO_REG });
                continue;
            }
            let is_def = operand.kind() == OperandKind::Def;
            if is_def {
                role |= DEF;
                flags |= flag::DEFINES;
                let def = &mut self.values[value];
                if def.block.is_valid() {
                    return Err(Error::MultipleDefs { vreg: operand.vreg(), inst: Some(inst) });
                }
                (def.block, def.inst, def.on_branch) = (block, inst, ends_block);
            } else {
                role |= USE;
            }
            if shape == Operand::REG_DEF {
                self.ops.push(Op { value, next: u32::MAX, want: Want::Reg, role: role | LATE, reg: 6, hint: NO_REG });
                continue;
            }
            let (want, reg, more) = constraint(machine, inst, operands, index, flags, ends_block)?;
            flags |= more;
            if operand.pos() == OperandPos::Late || want == Want::Reuse {
                role |= LATE;
            }
            self.ops.push(Op { value, next: u32::MAX, want, role, reg, hint: NO_REG });
        }
        if flags & flag::REUSE != 0 {
            self.mark_reused(first, inst)?;
        }
        Ok(flags)
    }

    /// Marks the inputs that definitions of the instruction reuse. Such an input must be in a register.
    fn mark_reused(&mut self, first: OpIndex, inst: Inst) -> Result<(), Error> {
        for at in first.index()..self.ops.len() {
            let op = self.ops.as_slice()[at];
            if op.want != Want::Reuse {
                continue;
            }
            let input = &mut self.ops.as_mut_slice()[first.index() + usize::from(op.reg)];
            if input.role & REUSED != 0 || input.want == Want::Ignored {
                let why = "it is to reuse a register that another definition reuses, or that is not allocatable";
                return Err(Error::BadConstraint { inst, operand: at - first.index(), why });
            }
            input.role |= REUSED;
            if input.want == Want::Any {
                input.want = Want::Reg;
            }
        }
        Ok(())
    }

    /// The value of a virtual register of this class, which is a new one if it has not occurred before. None if there is something wrong.
    #[inline(always)]
    fn known(&mut self, vreg: usize, class: u8) -> Option<Value> {
        let slot = self.value_of.get_mut(vreg)?;
        if let Some(def) = self.values.as_slice().get(slot.index()) {
            return (def.class as u8 == class).then_some(*slot);
        }
        // (An invalid value's number is beyond them all.)
        if self.without_registers[usize::from(class)] {
            return None;
        }
        *slot = self.values.push(ValueDef {
            block: Block::invalid(),
            inst: Inst::invalid(),
            class: RegClass::from_bits(u32::from(class)),
            is_param: false,
            on_branch: false,
        });
        Some(*slot)
    }

    /// The same, or what is wrong.
    #[inline]
    fn value(&mut self, vreg: VReg, inst: Option<Inst>) -> Result<Value, Error> {
        self.known(vreg.vreg(), vreg.class() as u8).ok_or_else(|| self.no_value(vreg, inst))
    }

    /// Why `vreg`, mentioned by an instruction or as a block parameter, has no value.
    #[cold]
    fn no_value(&self, vreg: VReg, inst: Option<Inst>) -> Error {
        match (self.value_of.get(vreg.vreg()), inst) {
            (None, _) => Error::NoSuchVReg { vreg, inst },
            (Some(value), Some(inst)) if value.is_invalid() => Error::TooManyLiveRegs { inst, class: vreg.class() },
            _ => Error::ClassMismatch { vreg, inst },
        }
    }

    fn define_param(&mut self, vreg: VReg, block: Block) -> Result<(), Error> {
        let value = self.value(vreg, None)?;
        let def = &mut self.values[value];
        if def.block.is_valid() {
            return Err(Error::MultipleDefs { vreg, inst: None });
        }
        def.block = block;
        def.is_param = true;
        Ok(())
    }

    fn clobber_set(&mut self, set: PRegSet) -> Result<ClobberSet, Error> {
        for (known, index) in self.recent_clobbers {
            if known == set {
                return Ok(index);
            }
        }
        let index = self.clobber_sets.push(RegClass::ALL.map(|class| set.class_mask(class)));
        if index.0 >> InstInfo::CLOBBER_BITS != 0 {
            return Err(Error::TooLarge { what: "clobber sets", limit: (1 << InstInfo::CLOBBER_BITS) - 1 });
        }
        self.recent_clobbers = [(set, index), self.recent_clobbers[0]];
        Ok(index)
    }

    /// Reads parameters and arguments by block and by edge.
    fn params_and_args(&mut self, func: &impl Function, graph: &Graph) -> Result<(), Error> {
        self.params.clear();
        self.param_start.clear();
        self.args.clear();
        self.arg_start.clear();
        let blocks = (0..graph.num_blocks()).map(Block::new);
        for block in blocks.clone() {
            self.param_start.push(self.params.len() as u32);
            for &vreg in func.block_params(block) {
                let value = self.value(vreg, None)?;
                self.params.push(value);
            }
        }
        self.param_start.push(self.params.len() as u32);
        if !self.params(graph.entry()).is_empty() {
            return Err(Error::EntryParams { block: graph.entry() });
        }
        for block in blocks {
            let branch = Inst(graph.end(block).0 - 1);
            for (k, edge) in graph.succ_edges(block).enumerate() {
                self.arg_start.push(self.args.len() as u32);
                let to = graph.edge(edge).to;
                let args = func.branch_blockparams(block, branch, k);
                let params = self.params(to).len();
                if args.len() != params {
                    return Err(Error::ArgumentCount { from: block, to, params, args: args.len() });
                }
                if args.is_empty() {
                    continue;
                }
                if self.args.len() > (u32::MAX - 1) as usize - args.len() {
                    return Err(Error::TooLarge { what: "arguments of branches", limit: u32::MAX as usize - 1 });
                }
                for (n, &vreg) in args.iter().enumerate() {
                    let value = self.value(vreg, Some(branch))?;
                    if self.values[self.params(to)[n]].class != vreg.class() {
                        return Err(Error::ClassMismatch { vreg, inst: Some(branch) });
                    }
                    self.args.push(value);
                }
            }
        }
        Ok(())
    }

    fn all_defined(&self) -> Result<(), Error> {
        let undefined = self.values.iter().find(|(_, def)| def.block.is_invalid());
        undefined.map_or(Ok(()), |(value, _)| Err(self.undefined(value)))
    }

    /// The error that `value` is used where it is not defined.
    pub(crate) fn undefined(&self, value: Value) -> Error {
        let vreg = self.value_of.iter().position(|&v| v == value).unwrap_or(VReg::MAX);
        Error::Undefined { vreg: VReg::new(vreg, self.values[value].class) }
    }

    /// Puts each value that `alias` gives another name for in that name's place, and drops the parameters that are no longer
    /// their own name.
    pub(crate) fn rename(&mut self, graph: &Graph, alias: impl Fn(Value) -> Value) {
        for op in self.ops.as_mut_slice() {
            if op.is_use() {
                op.value = alias(op.value);
            }
        }
        let mut end = 0;
        for index in 0..self.arg_start.len() {
            let edge = Edge::from_index(index);
            let to = graph.edge(edge).to;
            let start = self.arg_start[edge] as usize;
            self.arg_start[edge] = end as u32;
            for k in 0..self.params(to).len() {
                let param = self.params(to)[k];
                if alias(param) == param {
                    self.args[end] = alias(self.args[start + k]);
                    end += 1;
                }
            }
        }
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

/// Where operand `index` of `inst` wants its value, with [`Op::reg`], and the flags that it adds to the instruction's, which are `flags` so
/// far.
#[inline(always)]
fn constraint(
    machine: &Machine,
    inst: Inst,
    operands: &[Operand],
    index: usize,
    flags: u8,
    ends_block: bool,
) -> Result<(Want, u8, u8), Error> {
    let operand = operands[index];
    let bad = |why| Error::BadConstraint { inst, operand: index, why };
    let is_def = operand.kind() == OperandKind::Def;
    let mut more = 0;
    if is_def != (operand.pos() == OperandPos::Late) {
        more |= flag::UNCOMMON | flag::HARD;
    }
    let (want, reg) = match operand.constraint() {
        OperandConstraint::Reg => (Want::Reg, 6),
        OperandConstraint::Limit(max) => {
            more |= flag::UNCOMMON | flag::HARD;
            (Want::Reg, max.trailing_zeros() as u8)
        }
        OperandConstraint::FixedReg(reg) => {
            more |= if is_def { flag::KILLS } else { flag::FIXED_USE };
            if !is_allocatable(machine, reg) {
                more |= flag::UNCOMMON;
                if is_def && ends_block {
                    return Err(bad("a branch cannot define a value in a register that is not allocatable"));
                }
            }
            (Want::Fixed, reg.hw_enc() as u8)
        }
        OperandConstraint::Reuse(input) => {
            let input_op = operands.get(input).filter(|o| o.kind() == OperandKind::Use && is_def);
            let Some(input_op) = input_op else {
                return Err(bad("it is to reuse the register of an operand that is no use"));
            };
            if input_op.class() != operand.class() || input_op.constraint() == OperandConstraint::Stack {
                return Err(bad("it is to reuse the place of an operand on the stack or of another class"));
            }
            // Two of them may reuse one value, which then must be in two registers.
            more |= if flags & flag::REUSE != 0 { flag::HARD } else { flag::REUSE };
            (Want::Reuse, input as u8)
        }
        OperandConstraint::Any => {
            more |= flag::UNCOMMON;
            (Want::Any, 6)
        }
        OperandConstraint::Stack => {
            more |= flag::UNCOMMON;
            (Want::Stack, 6)
        }
    };
    Ok((want, reg, more))
}

fn is_allocatable(machine: &Machine, reg: PReg) -> bool {
    machine.allocatable[reg.class().index()] >> reg.hw_enc() & 1 != 0
}

/// So many operands never exhaust the registers of a class, however they are taken.
fn few_operands(machine: &Machine) -> usize {
    let counts = machine.allocatable.iter().map(|m| m.count_ones() as usize).filter(|&n| n > 0);
    counts.min().unwrap_or(0) / 2
}
