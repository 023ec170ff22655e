//! From a solution of the program with registers apart back to an allocation.
//!
//! The solution says what is where before each instruction. What remains is to name the spill slots, and to order the moves
//! of each gap. Both can cost more than the program knows of: values that pass from one to the other share a slot only if
//! they are never in memory at once, and registers that exchange their values need a third one. That the allocation costs
//! what the solution does is therefore found out by pricing it, not taken for granted.

use super::model::Model;
use super::places::Kind;
use super::values::{Value, Values, is_end};
use anyhow::{Result, anyhow, ensure};
use regatta::{
    Allocation, Block, Edit, Function, Inst, OperandKind, Output, PReg, PRegSet, Problem, ProgPoint, RegClass,
    SpillSlot,
};
use std::collections::{BTreeMap, BTreeSet};

/// Registers and fixed stack slots with what they hold.
type Contents = BTreeMap<PReg, Value>;

/// Makes the allocation that a solution stands for.
///
/// # Errors
///
/// If that cannot be done.
pub(super) fn decode(problem: &Problem, model: &Model<'_>, solution: &[i64]) -> Result<Output> {
    let func = &problem.func;
    let values = model.values;
    let reached: BTreeSet<Inst> = values.insts().map(|(_, inst)| inst).collect();
    let silent = |inst: usize| func.insts[inst].operands.is_empty();
    ensure!(
        (0..func.insts.len()).all(|inst| reached.contains(&Inst::new(inst)) || silent(inst)),
        "code that cannot be reached has operands"
    );
    let solved = Solved { model, solution };
    let memory = Memory::new(&solved);
    let states = model.before.iter().chain(&model.after);
    let written: PRegSet = states.flat_map(|state| solved.contents(state).into_keys()).collect();
    let mut slots = Slots::new(problem, &solved, &memory);
    let mut output = Output::default();
    let mut edits: Vec<(ProgPoint, Edit)> = Vec::new();
    for &block in &values.blocks {
        let mut held = solved.contents(&model.start[block.index()]);
        for inst in func.blocks[block.index()].insts.iter() {
            let point = ProgPoint::before(inst);
            let copies = if is_end(func, inst) { slots.copies_at(block) } else { Vec::new() };
            let mut gap = GapMoves {
                problem,
                solved: &solved,
                slots: &mut slots,
                held,
                in_memory: memory.in_gap[inst.index()].clone(),
                wanted: solved.contents(&model.before[inst.index()]),
                written,
                moves: Vec::new(),
            };
            gap.run(&memory.stored[inst.index()], &copies)?;
            edits.extend(gap.moves.into_iter().map(|(from, to)| (point, Edit::Move { from, to })));
            held = solved.contents(&model.after[inst.index()]);
        }
    }
    for (number, data) in func.insts.iter().enumerate() {
        output.inst_alloc_offsets.push(output.allocs.len() as u32);
        for (index, operand) in data.operands.iter().enumerate() {
            let alloc = match operand.as_fixed_nonallocatable() {
                Some(reg) => Allocation::reg(reg),
                None => {
                    let op = values.ops(Inst::new(number)).iter().find(|op| op.index == index);
                    let op = op.ok_or_else(|| anyhow!("inst{number} has an operand without a value"))?;
                    let place = solved.chosen(Inst::new(number), index, op.value);
                    let place = place.ok_or_else(|| anyhow!("operand {index} of inst{number} has no place"))?;
                    match model.places_of(op.value)[place].regs.first() {
                        Some(&reg) => Allocation::reg(reg),
                        None => slots.of(op.value),
                    }
                }
            };
            output.allocs.push(alloc);
        }
    }
    edits.sort_by_key(|edit| edit.0);
    output.edits = edits;
    output.num_spillslots = slots.words;
    Ok(output)
}

/// A solution with what it means.
struct Solved<'m, 'a> {
    model: &'m Model<'a>,
    solution: &'m [i64],
}

impl<'a> Solved<'_, 'a> {
    fn values(&self) -> &'a Values<'a> {
        self.model.values
    }

    fn holds(&self, col: Option<usize>) -> bool {
        col.is_some_and(|col| self.solution.get(col).is_some_and(|&copies| copies > 0))
    }

    /// What registers and fixed stack slots hold.
    fn contents(&self, state: &super::model::State) -> Contents {
        let mut contents = Contents::new();
        for (&value, cols) in state {
            for (place, &col) in self.model.places_of(value).iter().zip(cols) {
                if let (true, Some(&reg)) = (self.holds(col), place.regs.first()) {
                    contents.insert(reg, value);
                }
            }
        }
        contents
    }

    fn in_memory(&self, state: &super::model::State, value: Value) -> bool {
        state.get(&value).and_then(|cols| cols.last()).is_some_and(|&col| self.holds(col))
    }

    /// The number of the place of an operand.
    fn chosen(&self, inst: Inst, operand: usize, value: Value) -> Option<usize> {
        let choice = self.model.choices[inst.index()].get(operand)?;
        let before = self.model.before[inst.index()].get(&value);
        let fits = |&&(place, col): &&(usize, Option<usize>)| match col {
            Some(_) => self.holds(col),
            None => before.is_some_and(|cols| self.holds(cols[place])),
        };
        choice.places.iter().find(fits).map(|&(place, _)| place)
    }

    /// Is the operand in a spill slot?
    fn chosen_in_memory(&self, inst: Inst, operand: usize, value: Value) -> bool {
        let place = self.chosen(inst, operand, value);
        place.is_some_and(|place| self.model.places_of(value)[place].kind == Kind::Memory)
    }
}

/// Which values are needed in memory where. A solution may leave a value there that nobody asks for any more.
struct Memory {
    /// What is there when the moves before an instruction begin.
    in_gap: Vec<BTreeSet<Value>>,
    /// What is to be there when it begins.
    before: Vec<BTreeSet<Value>>,
    /// What is needed behind it.
    after: Vec<BTreeSet<Value>>,
    /// What is stored before it.
    stored: Vec<BTreeSet<Value>>,
    at_start: Vec<BTreeSet<Value>>,
}

impl Memory {
    fn new(solved: &Solved<'_, '_>) -> Self {
        let values = solved.values();
        let (insts, blocks) = (values.func.insts.len(), values.func.blocks.len());
        let empty = vec![BTreeSet::new(); insts];
        let (in_gap, before, after, stored) = (empty.clone(), empty.clone(), empty.clone(), empty);
        let mut this = Self { in_gap, before, after, stored, at_start: vec![BTreeSet::new(); blocks] };
        while this.sweep(solved) {}
        this
    }

    /// Goes through all blocks backwards; returns whether more is needed at the start of any than was known.
    fn sweep(&mut self, solved: &Solved<'_, '_>) -> bool {
        let values = solved.values();
        let model = solved.model;
        let mut changed = false;
        for &block in values.blocks.iter().rev() {
            let insts = values.func.blocks[block.index()].insts;
            let mut needed = BTreeSet::new();
            for edge in values.edges.iter().filter(|edge| edge.from == block) {
                let there = edge.names.iter().filter(|(_, there)| self.at_start[edge.to.index()].contains(there));
                needed.extend(there.map(|&(here, _)| here));
            }
            for inst in insts.iter().rev() {
                let n = inst.index();
                self.after[n] = std::mem::take(&mut needed);
                let mut before = self.after[n].clone();
                for op in values.ops(inst) {
                    if op.operand.kind() == OperandKind::Def {
                        before.remove(&op.value);
                    }
                }
                for op in values.ops(inst).iter().filter(|op| op.operand.kind() == OperandKind::Use) {
                    if solved.chosen_in_memory(inst, op.index, op.value) {
                        before.insert(op.value);
                    }
                }
                let previous = if inst == insts.first() { &model.start[block.index()] } else { &model.after[n - 1] };
                let there = |value: &Value| solved.in_memory(previous, *value);
                self.stored[n] = before.iter().copied().filter(|value| !there(value)).collect();
                needed = before.iter().copied().filter(there).collect();
                for (&value, &load) in &model.loads[n] {
                    if solved.holds(Some(load)) && there(&value) {
                        needed.insert(value);
                    }
                }
                self.in_gap[n] = needed.clone();
                self.before[n] = before;
            }
            if self.at_start[block.index()] != needed {
                self.at_start[block.index()] = needed;
                changed = true;
            }
        }
        changed
    }
}

/// The spill slots.
struct Slots<'p> {
    problem: &'p Problem,
    /// Values that share a slot, by a representative.
    parent: BTreeMap<Value, Value>,
    slot: BTreeMap<Value, SpillSlot>,
    class: BTreeMap<Value, RegClass>,
    /// At the ends of blocks: what is to be copied from slot to slot, as values.
    copies: BTreeMap<Block, Vec<(Value, Value)>>,
    words: usize,
}

impl<'p> Slots<'p> {
    fn new(problem: &'p Problem, solved: &Solved<'_, '_>, memory: &Memory) -> Self {
        let values = solved.values();
        let mut at_once: Vec<BTreeSet<Value>> = Vec::new();
        for (_, inst) in values.insts() {
            let n = inst.index();
            at_once.push(memory.in_gap[n].union(&memory.before[n]).copied().collect());
            let mut during: BTreeSet<Value> = memory.before[n].union(&memory.after[n]).copied().collect();
            let ops = values.ops(inst).iter();
            during.extend(ops.filter(|op| solved.chosen_in_memory(inst, op.index, op.value)).map(|op| op.value));
            at_once.push(during);
        }
        let mut this = Self {
            problem,
            parent: BTreeMap::new(),
            slot: BTreeMap::new(),
            class: BTreeMap::new(),
            copies: BTreeMap::new(),
            words: 0,
        };
        let mut members: BTreeMap<Value, BTreeSet<Value>> = BTreeMap::new();
        for &value in at_once.iter().flatten() {
            this.parent.insert(value, value);
            this.class.insert(value, values.class(value));
            members.insert(value, BTreeSet::from([value]));
        }
        for edge in &values.edges {
            for &(here, there) in &edge.names {
                if !memory.at_start[edge.to.index()].contains(&there) || here == there {
                    continue;
                }
                let (a, b) = (this.root(here), this.root(there));
                if a == b {
                    continue;
                }
                let (Some(of_a), Some(of_b)) = (members.get(&a), members.get(&b)) else { continue };
                let clash = at_once.iter().any(|set| {
                    set.iter().any(|value| of_a.contains(value)) && set.iter().any(|value| of_b.contains(value))
                });
                if clash {
                    this.copies.entry(edge.from).or_default().push((here, there));
                } else {
                    let all = of_a.union(of_b).copied().collect();
                    members.remove(&b);
                    members.insert(a, all);
                    this.parent.insert(b, a);
                }
            }
        }
        this
    }

    fn root(&self, value: Value) -> Value {
        let mut value = value;
        while let Some(&parent) = self.parent.get(&value)
            && parent != value
        {
            value = parent;
        }
        value
    }

    /// The slot of a value.
    fn of(&mut self, value: Value) -> Allocation {
        let root = self.root(value);
        let class = self.class.get(&root).copied().unwrap_or(RegClass::Int);
        if let Some(&slot) = self.slot.get(&root) {
            return Allocation::stack(slot);
        }
        let slot = self.fresh(class);
        self.slot.insert(root, slot);
        Allocation::stack(slot)
    }

    fn fresh(&mut self, class: RegClass) -> SpillSlot {
        let size = self.problem.func.spillslot_size(class);
        let first = self.words.next_multiple_of(size);
        self.words = first + size;
        SpillSlot::new(if self.problem.func.named_by_last_slot { first + size - 1 } else { first })
    }

    fn copies_at(&self, block: Block) -> Vec<(Value, Value)> {
        self.copies.get(&block).cloned().unwrap_or_default()
    }
}

/// The moves between two instructions.
struct GapMoves<'g, 'm, 'a, 'p> {
    problem: &'p Problem,
    solved: &'g Solved<'m, 'a>,
    slots: &'g mut Slots<'p>,
    held: Contents,
    /// What is in its slot.
    in_memory: BTreeSet<Value>,
    wanted: Contents,
    /// Registers that the allocation writes anyhow.
    written: PRegSet,
    moves: Vec<(Allocation, Allocation)>,
}

impl GapMoves<'_, '_, '_, '_> {
    fn run(&mut self, stored: &BTreeSet<Value>, copies: &[(Value, Value)]) -> Result<()> {
        let mut late_stores = Vec::new();
        for &value in stored {
            match self.register_with(value) {
                Some(reg) => {
                    let slot = self.slots.of(value);
                    self.moves.push((Allocation::reg(reg), slot));
                }
                None => late_stores.push(value),
            }
        }
        // Stores first: only then is what they read sure to be there.
        let mut pending: Contents = self
            .wanted
            .iter()
            .filter(|&(reg, value)| self.held.get(reg) != Some(value))
            .map(|(&reg, &value)| (reg, value))
            .collect();
        // What is held in several places, and wanted nowhere else, is given up by being overwritten.
        while !pending.is_empty() {
            if self.step(&mut pending, &late_stores)? {
                continue;
            }
            // Registers exchange their values: one is saved elsewhere.
            let (&reg, _) = pending.first_key_value().ok_or_else(|| anyhow!("nothing is pending"))?;
            let value = self.held.get(&reg).copied().ok_or_else(|| anyhow!("{reg} is in its own way"))?;
            let needed = |reg| self.is_needed(reg, &pending, &late_stores);
            match self.spare(value, needed) {
                Some(spare) => {
                    self.emit(Allocation::reg(reg), Allocation::reg(spare));
                    self.held.insert(spare, value);
                    // Otherwise it would still seem to be needed where it was.
                    self.held.remove(&reg);
                }
                None => {
                    let slot = Allocation::stack(self.slots.fresh(reg.class()));
                    self.emit(Allocation::reg(reg), slot);
                    // Its target is served by hand, once it is free.
                    let targets: Vec<PReg> =
                        pending.iter().filter(|&(_, &wants)| wants == value).map(|(&reg, _)| reg).collect();
                    ensure!(targets.iter().all(|target| !self.is_memory(*target)), "no register to move through");
                    targets.iter().for_each(|target| {
                        pending.remove(target);
                    });
                    self.held.remove(&reg);
                    while !pending.is_empty() {
                        ensure!(self.step(&mut pending, &late_stores)?, "registers exchange values twice over");
                    }
                    for target in targets {
                        self.emit(slot, Allocation::reg(target));
                        self.held.insert(target, value);
                    }
                }
            }
        }
        for value in late_stores {
            let from = self.source(value).ok_or_else(|| anyhow!("v{value} is stored, and is nowhere"))?;
            let to = self.slots.of(value);
            self.through(value, from, to)?;
        }
        self.copy(copies)
    }

    /// Copies values to the slots of the names that they go by in the next block.
    fn copy(&mut self, copies: &[(Value, Value)]) -> Result<()> {
        let targets: Vec<Allocation> = copies.iter().map(|&(_, there)| self.slots.of(there)).collect();
        let mut second = Vec::new();
        for (&(here, _), &to) in copies.iter().zip(&targets) {
            let from = self.register_with(here).map(Allocation::reg);
            let from = match from {
                Some(reg) => reg,
                None => self.slots.of(here),
            };
            // What is to be overwritten may be about to be copied itself.
            let twice = copies.len() > 1;
            let between =
                if twice { Allocation::stack(self.slots.fresh(self.solved.values().class(here))) } else { to };
            self.through(here, from, between)?;
            if twice {
                second.push((here, between, to));
            }
        }
        for (here, from, to) in second {
            self.through(here, from, to)?;
        }
        Ok(())
    }

    /// Moves a value, by way of a register if it goes from memory to memory.
    fn through(&mut self, value: Value, from: Allocation, to: Allocation) -> Result<()> {
        let memory = |alloc: Allocation| alloc.as_reg().is_none_or(|reg| self.is_memory(reg));
        if !memory(from) || !memory(to) {
            self.emit(from, to);
            return Ok(());
        }
        if let Some(spare) = self.spare(value, |reg| self.held.contains_key(&reg)) {
            self.emit(from, Allocation::reg(spare));
            self.emit(Allocation::reg(spare), to);
            return Ok(());
        }
        let class = self.solved.values().class(value);
        let lent = RegSet::allocatable(self.problem, class).next().ok_or_else(|| anyhow!("there is no register"))?;
        let aside = Allocation::stack(self.slots.fresh(class));
        self.emit(Allocation::reg(lent), aside);
        self.emit(from, Allocation::reg(lent));
        self.emit(Allocation::reg(lent), to);
        self.emit(aside, Allocation::reg(lent));
        Ok(())
    }

    fn emit(&mut self, from: Allocation, to: Allocation) {
        self.moves.push((from, to));
    }

    fn is_memory(&self, reg: PReg) -> bool {
        self.problem.env.fixed_stack_slots.contains(&reg)
    }

    fn register_with(&self, value: Value) -> Option<PReg> {
        self.held.iter().find(|&(&reg, &held)| held == value && !self.is_memory(reg)).map(|(&reg, _)| reg)
    }

    /// Where a value can be had: from a register, a fixed stack slot, or its own.
    fn source(&mut self, value: Value) -> Option<Allocation> {
        let reg = self
            .register_with(value)
            .or_else(|| self.held.iter().find(|&(_, &held)| held == value).map(|(&reg, _)| reg));
        match reg {
            Some(reg) => Some(Allocation::reg(reg)),
            None => self.in_memory.contains(&value).then(|| self.slots.of(value)),
        }
    }

    /// Makes one move that destroys nothing that is needed. Returns whether there was one.
    fn step(&mut self, pending: &mut Contents, late_stores: &[Value]) -> Result<bool> {
        // Moves before loads: what can be moved need not be loaded.
        for with_loads in [false, true] {
            for (&reg, &value) in &*pending {
                let Some(from) = self.source(value) else { continue };
                let load = from.as_reg().is_none_or(|reg| self.is_memory(reg));
                if load && (!with_loads || self.is_memory(reg)) {
                    continue;
                }
                if self.is_needed(reg, pending, late_stores) {
                    continue;
                }
                self.emit(from, Allocation::reg(reg));
                self.held.insert(reg, value);
                pending.remove(&reg);
                return Ok(true);
            }
        }
        // What goes from memory to a fixed stack slot.
        let memory =
            pending.iter().find(|&(&reg, _)| self.is_memory(reg) && !self.is_needed(reg, pending, late_stores));
        let Some((&reg, &value)) = memory else { return Ok(false) };
        match self.source(value) {
            Some(from) if self.register_with(value).is_none() => {
                self.through(value, from, Allocation::reg(reg))?;
                self.held.insert(reg, value);
                pending.remove(&reg);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Would something be lost with what the register holds?
    fn is_needed(&self, reg: PReg, pending: &Contents, late_stores: &[Value]) -> bool {
        let Some(&value) = self.held.get(&reg) else { return false };
        let asked = late_stores.contains(&value) || pending.iter().any(|(&to, &wants)| wants == value && to != reg);
        let in_register = |(&other, &held): (&PReg, &Value)| {
            held == value && other != reg && (!self.is_memory(other) || self.is_memory(reg))
        };
        let elsewhere = self.held.iter().any(in_register) || self.is_memory(reg) && self.in_memory.contains(&value);
        asked && !elsewhere
    }

    /// A register that is not wanted, whose contents are not needed, and that costs nothing more.
    fn spare(&self, value: Value, needed: impl Fn(PReg) -> bool) -> Option<PReg> {
        let class = self.solved.values().class(value);
        let scratch = self.problem.env.scratch_by_class[class.index()];
        let dear = self.problem.env.non_preferred_regs_by_class[class.index()];
        let saved = |reg: PReg| class == RegClass::Int && dear.contains(reg) && !self.written.contains(reg);
        let mut all = RegSet::allocatable(self.problem, class).filter(|&reg| !saved(reg));
        scratch.into_iter().chain(&mut all).find(|&reg| !self.wanted.contains_key(&reg) && !needed(reg))
    }
}

/// The registers that may hold values.
struct RegSet;

impl RegSet {
    fn allocatable(problem: &Problem, class: RegClass) -> impl Iterator<Item = PReg> + use<> {
        let mask = problem.env.allocatable(class);
        (0..64).filter(move |number| mask >> number & 1 != 0).map(move |number| PReg::new(number, class))
    }
}
