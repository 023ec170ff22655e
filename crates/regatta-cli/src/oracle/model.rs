//! The integer program of a function.

use super::places::{Kind, Place, Places};
use super::program::{Col, Program};
use super::values::{Op, Value, Values};
use crate::cost::{self, CostModel};
use regatta::{Block, Inst, OperandConstraint, OperandKind, OperandPos, PRegSet, Problem};
use std::collections::BTreeMap;

/// The program's costs are whole numbers: the price list times this.
pub(super) const SCALE: f64 = 5.0;

/// By value, for each place: the column that says how many copies are there; none where there cannot be any.
pub(super) type State = BTreeMap<Value, Vec<Option<Col>>>;

/// Where an operand may be: places, and the columns that choose among them, if there is anything to choose.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    pub(super) places: Vec<(usize, Option<Col>)>,
}

/// The program of a function, and what its columns mean.
pub(super) struct Model<'a> {
    pub(super) values: &'a Values<'a>,
    pub(super) places: Places,
    pub(super) program: Program,
    /// Before and after each instruction, and at the start of each block, before any moves there.
    pub(super) before: Vec<State>,
    pub(super) after: Vec<State>,
    pub(super) start: Vec<State>,
    /// Before each instruction: is the value loaded?
    pub(super) loads: Vec<BTreeMap<Value, Col>>,
    /// By instruction and operand.
    pub(super) choices: Vec<Vec<Choice>>,
    /// For each place of class `Int`, how many of its dear registers are written.
    saved: Vec<Option<Col>>,
    /// The most copies of a value that can be of use in a pool, and in memory.
    copies: BTreeMap<Value, (i64, i64)>,
}

impl<'a> Model<'a> {
    /// Writes the program. With `apart`, each register is a place of its own.
    pub(super) fn new(problem: &Problem, values: &'a Values<'a>, costs: &CostModel<'_>, apart: bool) -> Self {
        let insts = problem.func.insts.len();
        let mut this = Self {
            values,
            places: Places::new(problem, values, apart),
            program: Program::default(),
            before: vec![State::new(); insts],
            after: vec![State::new(); insts],
            start: vec![State::new(); problem.func.blocks.len()],
            loads: vec![BTreeMap::new(); insts],
            choices: problem.func.insts.iter().map(|inst| vec![Choice::default(); inst.operands.len()]).collect(),
            saved: Vec::new(),
            copies: copies(values),
        };
        for place in this.places.of(regatta::RegClass::Int) {
            let column = (place.dear).then(|| this.program.column(cost::SAVED_REGISTER * SCALE, 0, place.seats()));
            this.saved.push(column);
        }
        let mut merges = Vec::new();
        for &block in &values.blocks {
            let mut ways = values.edges_into(block);
            let state: State = match (ways.next(), ways.next()) {
                // What comes in one way is just what went out.
                (Some(edge), None) if edge.names.iter().all(|(here, there)| here == there) => {
                    let end = &this.after[problem.func.blocks[edge.from.index()].insts.last().index()];
                    let alive = values.at_start(block).iter();
                    alive.filter_map(|value| Some((*value, end.get(value)?.clone()))).collect()
                }
                _ => {
                    merges.push(block);
                    values.at_start(block).iter().map(|&value| (value, this.anywhere(value, |_| true))).collect()
                }
            };
            this.start[block.index()] = state.clone();
            let mut previous = state;
            for inst in problem.func.blocks[block.index()].insts.iter() {
                let weight = costs.weight(inst) * SCALE;
                InstPart { model: &mut this, problem, block, inst, weight }.add(&previous);
                previous = this.after[inst.index()].clone();
            }
        }
        for block in merges {
            for edge in values.edges_into(block) {
                let end = this.after[problem.func.blocks[edge.from.index()].insts.last().index()].clone();
                this.add_edge(&end, &edge.names, block.index());
            }
        }
        for (_, inst) in values.insts() {
            for operand in &problem.func.insts[inst.index()].operands {
                // Not the allocator's choice, but on the bill.
                let on_stack = |reg| problem.env.fixed_stack_slots.contains(&reg);
                if operand.as_fixed_nonallocatable().is_some_and(on_stack) {
                    this.program.constant += costs.weight(inst) * cost::STACK_OPERAND * SCALE;
                }
            }
        }
        this
    }

    /// The places of a value.
    pub(super) fn places_of(&self, value: Value) -> &[Place] {
        self.places.of(self.values.class(value))
    }

    /// Columns for a value in all places that `possible` lets pass, but for those that only operands are in.
    fn anywhere(&mut self, value: Value, possible: impl Fn(&Place) -> bool) -> Vec<Option<Col>> {
        let (in_pool, in_memory) = self.copies.get(&value).copied().unwrap_or((1, 1));
        let places = self.places.of(self.values.class(value));
        let column = |place: &Place| {
            let copies = if place.kind == Kind::Memory { in_memory } else { in_pool };
            let takes = place.kind != Kind::Foreign && possible(place);
            takes.then(|| self.program.column(0.0, 0, copies.min(place.seats())))
        };
        places.iter().map(column).collect()
    }

    /// On the way to a block where several ways meet: each name takes a copy of its own along.
    fn add_edge(&mut self, end: &State, names: &[(Value, Value)], to: usize) {
        let mut by_source: BTreeMap<Value, Vec<Value>> = BTreeMap::new();
        for &(here, there) in names {
            by_source.entry(here).or_default().push(there);
        }
        for (here, there) in by_source {
            let Some(source) = end.get(&here) else { continue };
            for (place, &source) in source.iter().enumerate() {
                let mut terms: Vec<(Col, f64)> = there
                    .iter()
                    .filter_map(|name| self.start[to].get(name)?.get(place).copied().flatten())
                    .map(|col| (col, 1.0))
                    .collect();
                terms.extend(source.map(|col| (col, -1.0)));
                self.program.at_most(terms, 0.0);
            }
        }
    }

    /// Adds a row: what is in a place is no more than there is room for, or registers of it that are paid.
    fn limit(&mut self, class: usize, place: usize, mut terms: Vec<(Col, f64)>) {
        let seats = self.places.of(regatta::RegClass::ALL[class])[place].seats();
        match self.saved.get(place).copied().flatten() {
            Some(saved) if class == 0 => {
                if !terms.is_empty() {
                    terms.push((saved, -1.0));
                    self.program.at_most(terms, 0.0);
                }
            }
            _ => self.program.at_most(terms, seats as f64),
        }
    }

    /// Allows no more in any place than a solution of the program with pools has there.
    pub(super) fn tie(&mut self, pooled: &Model<'_>, solution: &[i64]) {
        let mut rows = Vec::new();
        let states = (self.before.iter().zip(&pooled.before)).chain(self.start.iter().zip(&pooled.start));
        for (apart, together) in states {
            for (value, cols) in together {
                let Some(single) = apart.get(value) else { continue };
                for (place, col) in pooled.places_of(*value).iter().zip(cols) {
                    let most = col.map_or(0, |col| solution[col]);
                    let members = self.places_of(*value).iter().zip(single).filter(|(member, _)| {
                        member.kind == place.kind && member.regs.iter().all(|reg| place.regs.contains(reg))
                    });
                    let terms: Vec<(Col, f64)> = members.filter_map(|(_, col)| *col).map(|col| (col, 1.0)).collect();
                    rows.push((terms, most as f64));
                }
            }
        }
        for (terms, most) in rows {
            if most == 0.0 {
                terms.iter().for_each(|&(col, _)| self.program.forbid(col));
            } else {
                self.program.at_most(terms, most);
            }
        }
    }
}

/// How many copies of each value can be of use, in one pool and in memory: each definition that is made in place of one
/// spoils it, and on an edge each name takes one along.
fn copies(values: &Values<'_>) -> BTreeMap<Value, (i64, i64)> {
    let mut copies: BTreeMap<Value, (i64, i64)> = BTreeMap::new();
    for (_, inst) in values.insts() {
        let ops = values.ops(inst);
        for op in ops.iter().filter(|op| op.operand.kind() == OperandKind::Use) {
            let of_value = || ops.iter().filter(|other| other.value == op.value);
            let spoiled = of_value().filter(|other| reused_by(ops, other).is_some()).count() as i64;
            let lasts = values.live_out(inst).contains(&op.value)
                || of_value().any(|other| other.operand.pos() == OperandPos::Late);
            let entry = copies.entry(op.value).or_insert((1, 1));
            entry.0 = entry.0.max(spoiled + i64::from(lasts));
        }
    }
    for edge in &values.edges {
        for &(here, _) in &edge.names {
            let names = edge.names.iter().filter(|name| name.0 == here).count() as i64;
            let entry = copies.entry(here).or_insert((1, 1));
            *entry = (entry.0.max(names), entry.1.max(names));
        }
    }
    copies
}

/// The definition that is made in place of this use.
fn reused_by<'o>(ops: &'o [Op], of: &Op) -> Option<&'o Op> {
    let is_use = of.operand.kind() == OperandKind::Use;
    ops.iter().find(|op| is_use && op.operand.constraint() == OperandConstraint::Reuse(of.index))
}

/// One instruction's part of the program.
struct InstPart<'m, 'a, 'p> {
    model: &'m mut Model<'a>,
    problem: &'p Problem,
    block: Block,
    inst: Inst,
    weight: f64,
}

impl InstPart<'_, '_, '_> {
    fn clobbers(&self) -> &PRegSet {
        &self.problem.func.insts[self.inst.index()].clobbers
    }

    fn add(&mut self, previous: &State) {
        let values = self.model.values;
        let ops = values.ops(self.inst);
        self.add_before(ops, previous);
        self.add_gap(ops, previous);
        for op in ops.iter().filter(|op| op.operand.kind() == OperandKind::Use) {
            self.add_use(ops, op);
        }
        for op in ops.iter().filter(|op| op.operand.kind() == OperandKind::Def) {
            self.add_def(op);
        }
        self.add_after(ops);
        self.limit_early(ops);
    }

    /// Can the client's slots hold values of this class? Those are overwritten, as spill slots are not.
    fn has_fixed_slots(&self, value: Value) -> bool {
        self.model.places_of(value).iter().any(|place| place.kind == Kind::FixedSlot)
    }

    /// Is this a place where a value may be stored? Within a block, all places cost the same, and nothing speaks against the
    /// first: the start of the block, or behind the definition. What goes by several names in the next block may be
    /// stored once more at the end.
    fn stores(&self, value: Value) -> bool {
        let insts = self.problem.func.blocks[self.block.index()].insts;
        let defined = || {
            let mut ops = self.model.values.ops(self.inst.prev()).iter();
            ops.any(|op| op.value == value && op.operand.kind() == OperandKind::Def)
        };
        let copies = self.model.copies.get(&value).map_or(1, |copies| copies.1);
        self.inst == insts.first()
            || defined()
            || self.inst == insts.last() && copies > 1
            || self.has_fixed_slots(value)
    }

    /// Is this a place where a value may be loaded? Nothing speaks against the last place in the block: before a use, or
    /// before the end.
    fn loads(&self, ops: &[Op], value: Value) -> bool {
        let insts = self.problem.func.blocks[self.block.index()].insts;
        let used = ops.iter().any(|op| op.value == value);
        used || self.inst == insts.last() || self.has_fixed_slots(value)
    }

    /// What may be where before the instruction.
    fn add_before(&mut self, ops: &[Op], previous: &State) {
        let clobbers = *self.clobbers();
        for &value in self.model.values.live_in(self.inst) {
            let uses = || ops.iter().filter(|op| op.value == value && op.operand.kind() == OperandKind::Use);
            let used = uses().next().is_some();
            // What the instruction does not read and does not leave need not be there.
            let stores = self.stores(value);
            let possible = |place: &Place| match place.kind {
                Kind::Memory => stores,
                _ => used || !place.is_in(&clobbers),
            };
            let mut cols = self.model.anywhere(value, possible);
            if let (false, Some(memory)) = (stores, cols.last_mut()) {
                // What is in memory remains there.
                *memory = previous.get(&value).and_then(|cols| cols.last().copied().flatten());
            }
            let places = self.model.places.of(self.model.values.class(value));
            for (place, col) in places.iter().zip(&mut cols) {
                let named = |op: &Op| match op.operand.constraint() {
                    OperandConstraint::FixedReg(reg) => place.regs.contains(&reg),
                    _ => false,
                };
                if place.kind == Kind::Foreign && uses().any(named) {
                    *col = Some(self.model.program.column(0.0, 0, 1));
                }
            }
            self.model.before[self.inst.index()].insert(value, cols);
        }
        let state = self.model.before[self.inst.index()].clone();
        self.limit_all(&state);
    }

    /// No place has more in it than there is room for.
    fn limit_all(&mut self, state: &State) {
        for class in 0..3 {
            for place in 0..self.model.places.of(regatta::RegClass::ALL[class]).len() {
                let here = state.iter().filter(|(value, _)| self.model.values.class(**value).index() == class);
                let terms = here.filter_map(|(_, cols)| cols[place]).map(|col| (col, 1.0)).collect();
                if self.model.places.of(regatta::RegClass::ALL[class])[place].kind != Kind::Memory {
                    self.model.limit(class, place, terms);
                }
            }
        }
    }

    /// The moves, loads and stores between what is before (`previous`) and the instruction.
    fn add_gap(&mut self, ops: &[Op], previous: &State) {
        let weight = self.weight;
        let state = self.model.before[self.inst.index()].clone();
        for (value, cols) in state {
            let places = self.model.places_of(value).to_vec();
            let nowhere = vec![None; places.len()];
            let from = previous.get(&value).unwrap_or(&nowhere);
            let (loads, stores) = (self.loads(ops, value), self.stores(value));
            let program = &mut self.model.program;
            let load = loads.then(|| program.column(weight * (cost::LOAD - cost::MOVE), 0, 1));
            let on_stack = |stack: bool| {
                let cols = places.iter().zip(from).filter(move |(place, _)| place.on_stack() == stack);
                cols.filter_map(|(_, col)| *col)
            };
            let mut into = vec![None; places.len()];
            for (n, (place, col)) in places.iter().zip(&cols).enumerate() {
                let Some(col) = *col else { continue };
                if place.kind == Kind::Memory && !stores {
                    continue;
                }
                let most = program.high(col);
                let price = if place.on_stack() { cost::STORE } else { cost::MOVE };
                let written = program.column(weight * price, 0, most as i64);
                into[n] = Some(written);
                let stays = from[n].map(|col| (col, -1.0));
                program.at_most([(col, 1.0), (written, -1.0)].into_iter().chain(stays).collect(), 0.0);
                // It comes from another register, or from the same pool's; or it is loaded first.
                let sources = places
                    .iter()
                    .enumerate()
                    .zip(from)
                    .filter(|((at, source), _)| !source.on_stack() && (*at != n || source.seats() > 1));
                let sources = sources.filter_map(|(_, col)| *col).chain(load).map(|col| (col, -most));
                program.at_most([(written, 1.0)].into_iter().chain(sources).collect(), 0.0);
            }
            let Some(load) = load else { continue };
            program.at_most([(load, 1.0)].into_iter().chain(on_stack(true).map(|col| (col, -1.0))).collect(), 0.0);
            // A load goes to a register, be it on the way to somewhere else.
            let loaded = places.iter().zip(&into).filter(|(place, _)| !place.on_stack());
            let loaded = loaded.filter_map(|(_, col)| *col).map(|col| (col, -1.0));
            program.at_most([(load, 1.0)].into_iter().chain(loaded).collect(), 0.0);
            self.model.loads[self.inst.index()].insert(value, load);
        }
    }

    /// The places that fit an operand's constraint, with their numbers.
    fn fitting(&self, op: &Op) -> Vec<usize> {
        let spoiled = op.operand.kind() == OperandKind::Def || op.operand.pos() == OperandPos::Late;
        let fits = |place: &Place| {
            let pool = place.kind == Kind::Pool;
            let fits = match op.operand.constraint() {
                OperandConstraint::Any => place.kind != Kind::Foreign,
                OperandConstraint::Reg => pool,
                OperandConstraint::Stack => place.on_stack(),
                OperandConstraint::FixedReg(reg) => place.regs.contains(&reg),
                OperandConstraint::Limit(limit) => pool && place.regs.iter().all(|reg| reg.hw_enc() < limit),
                OperandConstraint::Reuse(_) => false,
            };
            fits && !(spoiled && place.is_in(self.clobbers()))
        };
        let places = self.model.places_of(op.value).iter().enumerate();
        places.filter(|(_, place)| fits(place)).map(|(n, _)| n).collect()
    }

    fn add_use(&mut self, ops: &[Op], op: &Op) {
        let places = self.model.places_of(op.value).to_vec();
        let before = self.model.before[self.inst.index()].get(&op.value).cloned().unwrap_or_default();
        let reused = reused_by(ops, op).is_some();
        let mut fitting = self.fitting(op);
        fitting.retain(|&n| {
            let place = &places[n];
            before.get(n).copied().flatten().is_some()
                && !(reused && (place.on_stack() || place.is_in(self.clobbers())))
        });
        let early_defs =
            ops.iter().any(|op| op.operand.kind() == OperandKind::Def && op.operand.pos() == OperandPos::Early);
        let matters = reused
            || early_defs
            || op.operand.pos() == OperandPos::Late
            || fitting.iter().any(|&n| places[n].on_stack());
        let program = &mut self.model.program;
        let mut choice = Choice::default();
        if matters {
            for n in fitting {
                let price = if places[n].on_stack() { self.weight * cost::STACK_OPERAND } else { 0.0 };
                let chosen = program.column(price, 0, 1);
                let there = before[n].map(|col| (col, -1.0));
                program.at_most([(chosen, 1.0)].into_iter().chain(there).collect(), 0.0);
                choice.places.push((n, Some(chosen)));
            }
            let terms = choice.places.iter().filter_map(|&(_, col)| Some((col?, 1.0))).collect();
            program.equal(terms, 1.0);
        } else {
            program.at_least(fitting.iter().filter_map(|&n| Some((before[n]?, 1.0))).collect(), 1.0);
            choice.places = fitting.into_iter().map(|n| (n, None)).collect();
        }
        self.model.choices[self.inst.index()][op.index] = choice;
    }

    fn add_def(&mut self, op: &Op) {
        if let OperandConstraint::Reuse(input) = op.operand.constraint() {
            let choice = self.model.choices[self.inst.index()].get(input).cloned().unwrap_or_default();
            self.model.choices[self.inst.index()][op.index] = choice;
            return;
        }
        let mut choice = Choice::default();
        for n in self.fitting(op) {
            let on_stack = self.model.places_of(op.value)[n].on_stack();
            let price = if on_stack { self.weight * cost::STACK_OPERAND } else { 0.0 };
            choice.places.push((n, Some(self.model.program.column(price, 0, 1))));
        }
        let terms = choice.places.iter().filter_map(|&(_, col)| Some((col?, 1.0))).collect();
        self.model.program.equal(terms, 1.0);
        self.model.choices[self.inst.index()][op.index] = choice;
    }

    /// The column that says that an operand is in a place.
    fn chosen(&self, op: &Op, place: usize) -> Option<Col> {
        let choice = &self.model.choices[self.inst.index()][op.index];
        choice.places.iter().find(|(n, _)| *n == place).and_then(|(_, col)| *col)
    }

    /// The definitions of a class that may be in a place.
    fn defs_in(&self, ops: &[Op], class: usize, place: usize, only_early: bool) -> Vec<Col> {
        let defs = ops.iter().filter(|op| op.operand.kind() == OperandKind::Def && op.operand.class().index() == class);
        let defs = defs.filter(|op| !only_early || op.operand.pos() == OperandPos::Early);
        defs.filter_map(|op| self.chosen(op, place)).collect()
    }

    /// What is where after the instruction.
    fn add_after(&mut self, ops: &[Op]) {
        let values = self.model.values;
        let clobbers = *self.clobbers();
        let before = self.model.before[self.inst.index()].clone();
        let mut after = State::new();
        for &value in values.live_out(self.inst) {
            let class = values.class(value).index();
            let places = self.model.places_of(value).to_vec();
            if let Some(def) = ops.iter().find(|op| op.value == value && op.operand.kind() == OperandKind::Def) {
                let cols = (0..places.len()).map(|n| self.chosen(def, n)).collect();
                after.insert(value, cols);
                continue;
            }
            let Some(cols) = before.get(&value) else { continue };
            let mut left = Vec::with_capacity(places.len());
            for (n, (place, &col)) in places.iter().zip(cols).enumerate() {
                let spoiled = place.kind == Kind::Foreign || place.is_in(&clobbers);
                left.push(col.filter(|_| !spoiled).map(|col| self.survivor(ops, value, class, n, col)));
            }
            after.insert(value, left);
        }
        self.limit_late(ops, &before, &after);
        self.model.after[self.inst.index()] = after;
    }

    /// How many copies of a value, that has `before` of them in a place, are there afterwards.
    fn survivor(&mut self, ops: &[Op], value: Value, class: usize, place: usize, before: Col) -> Col {
        let used = ops.iter().any(|op| op.value == value);
        // A copy that nobody reads and that a definition takes the place of need not have been there.
        if !used || self.defs_in(ops, class, place, false).is_empty() {
            return before;
        }
        let most = self.model.program.high(before);
        let after = self.model.program.column(0.0, 0, most as i64);
        let spoiled = self.reused_in(ops, value, place);
        let terms = [(after, 1.0), (before, -1.0)].into_iter().chain(spoiled.into_iter().map(|col| (col, 1.0)));
        self.model.program.at_most(terms.collect(), 0.0);
        for op in ops.iter().filter(|op| op.value == value && op.operand.pos() == OperandPos::Late) {
            if let Some(chosen) = self.chosen(op, place) {
                self.model.program.at_most(vec![(chosen, 1.0), (after, -1.0)], 0.0);
            }
        }
        after
    }

    /// The choices by which a value in a place is overwritten by a definition that is made of it.
    fn reused_in(&self, ops: &[Op], value: Value, place: usize) -> Vec<Col> {
        let inputs = ops.iter().filter(|op| op.value == value && reused_by(ops, op).is_some());
        inputs.filter_map(|op| self.chosen(op, place)).collect()
    }

    /// Definitions, late uses and what lives on have room together.
    fn limit_late(&mut self, ops: &[Op], before: &State, after: &State) {
        for class in 0..3 {
            for place in 0..self.model.places.of(regatta::RegClass::ALL[class]).len() {
                if self.model.places.of(regatta::RegClass::ALL[class])[place].kind == Kind::Memory {
                    continue;
                }
                let defs = self.defs_in(ops, class, place, false);
                if defs.is_empty() {
                    continue;
                }
                let mut terms: Vec<(Col, f64)> = defs.into_iter().map(|col| (col, 1.0)).collect();
                for (value, cols) in after {
                    let defined = ops.iter().any(|op| op.value == *value && op.operand.kind() == OperandKind::Def);
                    if !defined && self.model.values.class(*value).index() == class {
                        terms.extend(cols[place].map(|col| (col, 1.0)));
                    }
                }
                // Late uses whose value ends here.
                for (value, cols) in before.iter().filter(|(value, _)| !after.contains_key(value)) {
                    if self.model.values.class(*value).index() != class {
                        continue;
                    }
                    let late = ops.iter().filter(|op| op.value == *value && op.operand.pos() == OperandPos::Late);
                    let late: Vec<Col> = late.filter_map(|op| self.chosen(op, place)).collect();
                    if let (false, Some(there)) = (late.is_empty(), cols[place]) {
                        let kept = self.model.program.column(0.0, 0, 1);
                        for chosen in late {
                            self.model.program.at_most(vec![(chosen, 1.0), (kept, -1.0)], 0.0);
                        }
                        let spoiled = self.reused_in(ops, *value, place).into_iter().map(|col| (col, 1.0));
                        let both = [(kept, 1.0), (there, -1.0)].into_iter().chain(spoiled);
                        self.model.program.at_most(both.collect(), 0.0);
                        terms.push((kept, 1.0));
                    }
                }
                self.model.limit(class, place, terms);
            }
        }
    }

    /// Early definitions have room beside everything that is read and everything that lives on.
    fn limit_early(&mut self, ops: &[Op]) {
        let before = self.model.before[self.inst.index()].clone();
        let after = self.model.after[self.inst.index()].clone();
        for class in 0..3 {
            for place in 0..self.model.places.of(regatta::RegClass::ALL[class]).len() {
                let early = self.defs_in(ops, class, place, true);
                if early.is_empty() || self.model.places.of(regatta::RegClass::ALL[class])[place].kind == Kind::Memory {
                    continue;
                }
                let mut terms: Vec<(Col, f64)> = early.into_iter().map(|col| (col, 1.0)).collect();
                for (value, cols) in &before {
                    if self.model.values.class(*value).index() != class {
                        continue;
                    }
                    let Some(there) = cols[place] else { continue };
                    let uses: Vec<&Op> = ops.iter().filter(|op| op.value == *value).collect();
                    if uses.is_empty() {
                        terms.push((there, 1.0));
                        continue;
                    }
                    let most = self.model.program.high(there);
                    let busy = self.model.program.column(0.0, 0, most as i64);
                    for op in &uses {
                        if let Some(chosen) = self.chosen(op, place) {
                            self.model.program.at_most(vec![(chosen, 1.0), (busy, -1.0)], 0.0);
                        }
                    }
                    let left = after.get(value).and_then(|cols| cols[place]);
                    let spoiled = self.reused_in(ops, *value, place);
                    let all = left.into_iter().chain(spoiled).map(|col| (col, 1.0)).chain([(busy, -1.0)]);
                    self.model.program.at_most(all.collect(), 0.0);
                    terms.push((busy, 1.0));
                }
                self.model.limit(class, place, terms);
            }
        }
    }
}
