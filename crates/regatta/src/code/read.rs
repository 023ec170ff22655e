//! Reading the client's function.
//!
//! One walk over the instructions, in the order of the code, then one over the edges ([`super::params`]). The loop over an instruction's operands is where
//! the time goes, and a function of its own ([`pack`]) so that what it needs fits into the machine's registers: it looks up the
//! operand's form ([`super::forms`]) and value ([`super::names`]) and stores both. What is rare it only takes note of, and a second
//! look sees to it.

use super::forms::{Form, PARTICULAR};
use super::{
    CLASS_SHIFT, ClobberSet, Code, InstInfo, NO_CLOBBERS, NO_REG, Names, Op, OpIndex, REUSED, Value, ValueDef, Want,
    flag,
};
use crate::cfg::Graph;
use crate::error::{APART, Error, range};
use crate::ir::entity::EntityIndex;
use crate::ir::{Block, Function, Inst, Machine, Operand, PRegSet, PerClass, RegClass, SeveralDefs, VReg};
use crate::limits;
use core::ops::Range;

/// For how many operands or values more, at least, room is made when they run out of it.
const ROOM: usize = 32;

/// What [`pack`] found, above the bits of [`flag`]: an operand that is no value.
const NO_VALUE: u32 = 1 << 8;
/// A value that had been defined before.
const TWICE: u32 = 1 << 9;

impl Code {
    /// Reads `func`.
    pub(crate) fn run(&mut self, func: &impl Function, machine: &Machine, graph: &Graph) -> Result<(), Error> {
        self.clear(func, machine);
        self.has_call.reset(graph.num_blocks(), false);
        self.order_blocks(func, graph)?;
        // (Out of the way, so that instructions are gone along without looking up each.)
        let mut insts = core::mem::take(&mut self.insts);
        let read = self.read_insts(func, machine, graph, insts.as_mut_slice());
        self.insts = insts;
        read?;
        self.params_and_args(func, graph)?;
        self.values.truncate(self.names.num());
        self.all_defined()
    }

    /// Reads instructions with their operands, and which values blocks have as parameters.
    fn read_insts(
        &mut self,
        func: &impl Function,
        machine: &Machine,
        graph: &Graph,
        insts: &mut [InstInfo],
    ) -> Result<(), Error> {
        let few = few_operands(machine);
        let again = func.allow_multiple_vreg_defs();
        let mut next = 0;
        for index in 0..self.by_code_order.len() {
            let block = self.by_code_order[index];
            let params = func.block_params(block);
            if !params.is_empty() {
                self.define_params(params, block, graph)?;
            }
            let (start, end) = (graph.first(block), graph.end(block));
            let infos = &mut insts[start.index()..end.index()];
            for (inst, info) in (start.0..).map(Inst).zip(infos.iter_mut()) {
                let operands = func.inst_operands(inst);
                let first = next;
                let mut flags = 0;
                if !operands.is_empty() {
                    next = self.room_for(first, operands)?;
                    let ops = &mut self.ops.as_mut_slice()[first..next];
                    let found = pack(&mut self.names, self.values.as_mut_slice(), ops, operands, block, inst);
                    flags = found as u8;
                    if found & (u32::from(PARTICULAR) | NO_VALUE | TWICE) != 0 {
                        flags = self.second_look(machine, first, operands, found, inst, again)?;
                    }
                    if operands.len() > few {
                        flags |= flag::HARD;
                    }
                }
                let mut set = NO_CLOBBERS;
                let clobbers = func.inst_clobbers(inst);
                if !clobbers.is_empty_all() {
                    set = self.clobber_set(clobbers)?;
                    flags |= self.overwrite(machine, block, first..next, set, flags);
                }
                *info = InstInfo::new(OpIndex::from_index(first), set, flags);
            }
            if let Some(last) = infos.last_mut() {
                self.end_block(machine, graph, block, last, next)?;
            }
        }
        if let Some(end) = insts.last_mut() {
            *end = InstInfo::new(OpIndex::from_index(next), NO_CLOBBERS, 0);
        }
        Ok(())
    }

    fn clear(&mut self, func: &impl Function, machine: &Machine) {
        self.names.reset(func.num_vregs(), machine);
        self.insts.set_len(func.num_insts() + 1, InstInfo::new(OpIndex::invalid(), NO_CLOBBERS, 0));
        self.values.clear();
        self.defined_again.clear();
        self.clobber_sets.clear();
        self.clobber_sets.push([0; 3]);
        self.recent_clobbers = [(PRegSet::empty(), NO_CLOBBERS); 2];
        self.survivors = machine.allocatable;
    }

    /// Blocks in the order of their instructions, which must cover the function's without gap or overlap.
    fn order_blocks(&mut self, func: &impl Function, graph: &Graph) -> Result<(), Error> {
        let blocks = (0..graph.num_blocks()).map(Block::new);
        self.by_code_order.clear();
        self.by_code_order.extend(blocks);
        // (Most clients number blocks so.)
        let result = cover(&self.by_code_order, func, graph);
        if result.is_ok() || self.by_code_order.is_sorted_by_key(|&b| graph.first(b)) {
            return result;
        }
        self.by_code_order.sort_unstable_by_key(|&b| graph.first(b));
        cover(&self.by_code_order, func, graph)
    }

    /// Sees to it that there is room for an instruction's operands, from `first` on, and the values that they may be; returns where they
    /// end.
    #[inline(always)]
    fn room_for(&mut self, first: usize, operands: &[Operand]) -> Result<usize, Error> {
        if operands.len() > limits::MAX_OPERANDS {
            return Err(Error::TooLarge { what: "operands of an instruction", limit: limits::MAX_OPERANDS });
        }
        let end = first + operands.len();
        let values = self.names.num() + operands.len();
        if end > self.ops.len() || values > self.values.len() {
            self.make_room(end, values)?;
        }
        Ok(end)
    }

    #[cold]
    fn make_room(&mut self, ops: usize, values: usize) -> Result<(), Error> {
        const MOST: usize = u32::MAX as usize - 1;
        if ops > MOST {
            return Err(Error::TooLarge { what: "operands", limit: MOST });
        }
        if ops > self.ops.len() {
            // (There are one or two an instruction.)
            let likely = ops.max(self.insts.len());
            self.ops.set_len_exactly((likely + ops / 4 + ROOM).min(MOST), IGNORED);
        }
        if values > self.values.len() {
            self.values.set_len_exactly(values + values / 4 + ROOM, UNDEFINED);
        }
        Ok(())
    }

    /// Sees to what [`pack`] has taken note of in the operands of `inst`; returns the instruction's flags. May it define a value again?
    #[inline(never)]
    fn second_look(
        &mut self,
        machine: &Machine,
        first: usize,
        operands: &[Operand],
        found: u32,
        inst: Inst,
        again: bool,
    ) -> Result<u8, Error> {
        let ops = &mut self.ops.as_mut_slice()[first..][..operands.len()];
        if found & NO_VALUE != 0 {
            for (op, operand) in ops.iter_mut().zip(operands) {
                if let Some(reg) = operand.as_fixed_nonallocatable() {
                    (op.value, op.reg) = (Value(reg.index() as u32), reg.hw_enc() as u8);
                    (op.want, op.role) = (Want::Ignored, (reg.class() as u8) << CLASS_SHIFT);
                } else if self.names.value(operand.vreg_number(), operand.class_index()).is_none() {
                    return Err(self.names.no_value(operand.vreg(), Some(inst)));
                }
            }
        }
        if found & TWICE != 0 {
            if let Some(vreg) = self.wrongly_defined(operands, inst, again) {
                return Err(Error::MultipleDefs { vreg, inst: Some(inst) });
            }
            self.define_once(machine, first, operands, inst)?;
        }
        let ops = &mut self.ops.as_mut_slice()[first..][..operands.len()];
        let mut flags = found as u8 & !PARTICULAR;
        for operand in 0..ops.len() {
            let op = ops[operand];
            match op.want {
                Want::Fixed if machine.allocatable[op.class()] >> op.reg & 1 == 0 => flags |= flag::UNCOMMON,
                Want::Reuse => {
                    let input = ops.get_mut(usize::from(op.reg));
                    reuse(op, input).map_err(|why| Error::BadConstraint { inst, operand, why })?;
                    // Two of them may reuse one value, which then must be in two registers.
                    flags |= if flags & flag::REUSE != 0 { flag::HARD } else { flag::REUSE };
                }
                _ => {}
            }
        }
        Ok(flags | hard_together(flags))
    }

    /// Of several definitions of a value by `inst`, the first stands for all of them.
    #[cold]
    fn define_once(&mut self, machine: &Machine, first: usize, operands: &[Operand], inst: Inst) -> Result<(), Error> {
        let mut several = SeveralDefs::default();
        let combined = several.combine(operands, machine);
        let combined = combined.map_err(|operand| Error::BadConstraint { inst, operand, why: APART })?.to_vec();
        for group in several.groups() {
            let [(_, stands), others @ ..] = group else { continue };
            let stands = *stands as usize;
            let op = &mut self.ops[OpIndex::from_index(first + stands)];
            *op = Form::of(combined[stands]).with(op.value);
            for &(_, other) in others {
                let other = OpIndex::from_index(first + other as usize);
                self.ops[other] = Op { value: Value(0), ..IGNORED };
                self.defined_again.push((other, OpIndex::from_index(first + stands)));
            }
        }
        Ok(())
    }

    /// A value that an operand of `inst` defines once more than it may: `inst` itself may do so `again`, if that is allowed.
    #[cold]
    fn wrongly_defined(&self, operands: &[Operand], inst: Inst, again: bool) -> Option<VReg> {
        let is_def = |operand: &Operand| Form::of(*operand).flags & flag::DEFINES != 0;
        let mut defs = operands.iter().enumerate().filter(|(_, operand)| is_def(operand));
        let wrong = defs.find(|(index, operand)| {
            let before = || operands[..*index].iter().any(|o| is_def(o) && o.vreg() == operand.vreg());
            let by_another = self.names.known(operand.vreg()).is_some_and(|value| self.values[value].inst != inst);
            by_another || !again && before()
        });
        wrong.map(|(_, operand)| operand.vreg())
    }

    /// An instruction of `block` with these operands clobbers registers. Returns what that adds to its other flags.
    #[inline(never)]
    fn overwrite(&mut self, machine: &Machine, block: Block, ops: Range<usize>, set: ClobberSet, others: u8) -> u8 {
        let ops = &self.ops.as_slice()[ops];
        let masks = self.clobber_sets[set];
        let mut flags = flag::KILLS | hard_together(flag::KILLS | others);
        if crowded(machine, ops, masks) {
            flags |= flag::HARD;
        }
        // A division spoils two registers, a call most of them.
        if masks.iter().map(|m| m.count_ones()).sum::<u32>() > 4 {
            flags |= flag::CALL;
            self.has_call[block] = true;
            for (survivors, mask) in self.survivors.iter_mut().zip(masks) {
                *survivors &= !mask;
            }
            // What it returns overwrites a register as well.
            for op in ops {
                if op.is_def() && op.want == Want::Fixed {
                    self.survivors[op.class()] &= !(1 << op.reg);
                }
            }
        }
        flags
    }

    /// Sees to `last`, the instruction that ends `block`, whose operands end at `end`.
    #[inline(always)]
    fn end_block(
        &mut self,
        machine: &Machine,
        graph: &Graph,
        block: Block,
        last: &mut InstInfo,
        end: usize,
    ) -> Result<(), Error> {
        *last = InstInfo::new(last.ops, last.clobbers(), last.flags() | flag::TERMINATOR);
        let first = last.ops.index();
        let inst = graph.end(block).prev();
        if last.flags() & flag::DEFINES != 0 {
            self.defined_on_branch(machine, first, end, inst)?;
        }
        let does_something = first != end || last.clobbers() != NO_CLOBBERS;
        if does_something && graph.succ_count(block) == 1 && graph.succs(block).any(|to| graph.is_join(to)) {
            return Err(Error::BranchOperands { inst });
        }
        Ok(())
    }

    /// A block's last instruction defines values: nothing can be placed behind it.
    #[cold]
    fn defined_on_branch(&mut self, machine: &Machine, first: usize, end: usize, inst: Inst) -> Result<(), Error> {
        let ops = &self.ops.as_slice()[first..end];
        for (operand, op) in ops.iter().enumerate().filter(|(_, op)| op.is_def()) {
            self.values[op.value].on_branch = true;
            if op.want == Want::Fixed && machine.allocatable[op.class()] >> op.reg & 1 == 0 {
                let why = "a branch cannot define a value in a register that is not allocatable";
                return Err(Error::BadConstraint { inst, operand, why });
            }
        }
        Ok(())
    }

    /// The value of a virtual register.
    #[inline]
    pub(super) fn value(&mut self, vreg: VReg, inst: Option<Inst>) -> Result<Value, Error> {
        let Some(value) = self.names.value(vreg.vreg(), vreg.class() as u8) else {
            return Err(self.names.no_value(vreg, inst));
        };
        if value.index() >= self.values.len() {
            self.make_room(0, value.index() + 1)?;
        }
        Ok(value)
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

    fn all_defined(&self) -> Result<(), Error> {
        let undefined = self.values.iter().find(|(_, def)| def.block.is_invalid());
        undefined.map_or(Ok(()), |(value, _)| Err(self.undefined(value)))
    }
}

/// Packs the operands of `inst`, a place in `ops` for each; returns the bits of [`flag`] that follow, with [`PARTICULAR`], [`NO_VALUE`],
/// [`TWICE`]. `values` has room for new ones.
#[inline(always)]
fn pack(
    names: &mut Names,
    values: &mut [ValueDef],
    ops: &mut [Op],
    operands: &[Operand],
    block: Block,
    inst: Inst,
) -> u32 {
    let mut found = 0;
    for (op, &operand) in ops.iter_mut().zip(operands) {
        let Some(value) = names.value(operand.vreg_number(), operand.class_index()) else {
            found |= NO_VALUE;
            continue;
        };
        let form = Form::of(operand);
        *op = form.with(value);
        found |= u32::from(form.flags);
        if form.flags & flag::DEFINES != 0 {
            let Some(def) = values.get_mut(value.index()).filter(|def| def.block.is_invalid()) else {
                found |= TWICE;
                continue;
            };
            *def = ValueDef { block, inst, class: form.class, is_param: false, on_branch: false };
        }
    }
    found
}

/// Sees whether `blocks`, in this order, cover the function's instructions without gap or overlap.
fn cover(blocks: &[Block], func: &impl Function, graph: &Graph) -> Result<(), Error> {
    let mut next = Inst::new(0);
    for &block in blocks {
        let first = graph.first(block);
        if first != next {
            let why = if first < next { range::OVERLAP } else { range::GAP };
            return Err(Error::BadBlockRange { block, why });
        }
        next = graph.end(block);
    }
    if next.index() != func.num_insts() {
        let last = blocks.last().copied().unwrap_or(Block::new(0));
        return Err(Error::BadBlockRange { block: last, why: range::REST });
    }
    Ok(())
}

/// An instruction that both overwrites registers of its own choice and reuses one is hard.
#[inline]
fn hard_together(flags: u8) -> u8 {
    let is_hard = flags & (flag::KILLS | flag::REUSE) == flag::KILLS | flag::REUSE;
    if is_hard { flag::HARD } else { 0 }
}

/// A value that is used, but not defined yet.
pub(super) const UNDEFINED: ValueDef = ValueDef {
    block: Block::invalid(),
    inst: Inst::invalid(),
    class: RegClass::Int,
    is_param: false,
    on_branch: false,
};

/// What is in the place of an operand that has not been read.
const IGNORED: Op = Op { value: Value::invalid(), next: u32::MAX, want: Want::Ignored, role: 0, reg: 0, hint: NO_REG };

/// Marks the operand whose register definition `op` reuses. It must be in one. If it cannot be, says why.
fn reuse(op: Op, input: Option<&mut Op>) -> Result<(), &'static str> {
    let Some(input) = input.filter(|input| op.is_def() && !input.is_def()) else {
        return Err("it is to reuse the register of an operand that is no use");
    };
    if input.class() != op.class() || input.want == Want::Stack {
        return Err("it is to reuse the place of an operand on the stack or of another class");
    }
    if input.role & REUSED != 0 || input.want == Want::Ignored {
        return Err("it is to reuse a register that another definition reuses, or that is not allocatable");
    }
    input.role |= REUSED;
    if input.want == Want::Any {
        input.want = Want::Reg;
    }
    Ok(())
}

/// Do an instruction's operands need more than half of the registers that its clobbers leave them?
fn crowded(machine: &Machine, ops: &[Op], clobbers: PerClass<u64>) -> bool {
    let mut late = [0; 3];
    for op in ops {
        late[op.class()] += u32::from((op.is_def() || op.is_late()) && matches!(op.want, Want::Reg | Want::Reuse));
    }
    (0..3).any(|c| late[c] > 0 && 2 * late[c] > (machine.allocatable[c] & !clobbers[c]).count_ones())
}

/// So many operands never exhaust the registers of a class, however they are taken.
fn few_operands(machine: &Machine) -> usize {
    let counts = machine.allocatable.iter().map(|m| m.count_ones() as usize).filter(|&n| n > 0);
    counts.min().unwrap_or(0) / 2
}
