//! The linear program of a function.

use super::access::{Access, Accesses, Room, Use};
use super::copies::Copies;
use crate::cost::{self, CostModel};
use crate::oracle::program::{Col, Program};
use crate::oracle::values::{Edge, Value, Values};
use regatta::{Block, Problem, RegClass};
use std::collections::BTreeMap;

/// Columns are shares of one: between 0 and this.
const ALL: i64 = 1;

/// A stretch of a block, from one access to a value to the next.
struct Stretch {
    /// The share of the value that stays in registers all along.
    kept: Col,
    /// Half instructions, counted from the start of the block: those where the value takes room that is not counted with the operands.
    from: usize,
    to: usize,
}

/// What is paid in a block for a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payment {
    pub(super) block: Block,
    pub(super) value: Value,
    /// The price, weighted, of all of the value.
    pub(super) price: f64,
    /// The share of the value that it is paid for,
    share: Col,
    /// or is not paid for.
    spares: bool,
}

impl Payment {
    /// What is paid in a solution of the program.
    pub(super) fn paid(&self, columns: &[f64]) -> f64 {
        let share = columns.get(self.share).copied().unwrap_or(0.0);
        self.price * if self.spares { 1.0 - share } else { share }
    }
}

/// The program of a function, while it is written.
pub(super) struct Relaxation<'a> {
    problem: &'a Problem,
    values: &'a Values<'a>,
    costs: &'a CostModel<'a>,
    pub(super) program: Program,
    /// How many of the dear registers of class `Int` are in use.
    saved: Option<Col>,
    /// By value: is it stored?
    stored: BTreeMap<Value, Col>,
    /// By parameter: does it come in memory?
    comes_in_memory: BTreeMap<Value, Col>,
    copies: Copies,
    /// Loads, and operands on the stack.
    pub(super) payments: Vec<Payment>,
    /// By block and value: what is in registers all along the first stretch.
    start: Vec<BTreeMap<Value, Col>>,
    /// By block and value: what is in registers at the end, as the sum of these.
    end: Vec<BTreeMap<Value, Vec<Col>>>,
}

impl<'a> Relaxation<'a> {
    /// Writes the program.
    pub(super) fn new(problem: &'a Problem, values: &'a Values<'a>, costs: &'a CostModel<'a>) -> Self {
        let blocks = problem.func.blocks.len();
        let mut this = Self {
            problem,
            values,
            costs,
            program: Program::default(),
            saved: None,
            stored: BTreeMap::new(),
            comes_in_memory: BTreeMap::new(),
            copies: Copies::default(),
            payments: Vec::new(),
            start: vec![BTreeMap::new(); blocks],
            end: vec![BTreeMap::new(); blocks],
        };
        let dear = problem.env.non_preferred_regs_by_class[RegClass::Int.index()].class_mask(RegClass::Int);
        if dear != 0 {
            this.saved = Some(this.program.column(cost::SAVED_REGISTER, 0, i64::from(dear.count_ones())));
        }
        let coldest = this.coldest();
        for (&value, coldest) in &coldest {
            this.stored.insert(value, this.program.column(cost::STORE * coldest, 0, ALL));
            if values.params().binary_search(&value).is_ok() {
                this.comes_in_memory.insert(value, this.program.column(0.0, 0, ALL));
            }
        }
        for &block in &values.blocks {
            this.add_block(block);
        }
        for edge in &values.edges {
            this.add_edge(edge);
        }
        let weight = |block| costs.weight_of(block);
        this.copies.add(&mut this.program, values, &coldest, weight, |edge| edge_weight(problem, edge, weight));
        this
    }

    fn weight(&self, block: Block) -> f64 {
        self.costs.weight_of(block)
    }

    /// For each value, the least weight of the blocks that it is alive in: what a store or a copy of it is weighed by at least.
    fn coldest(&self) -> BTreeMap<Value, f64> {
        let mut coldest: BTreeMap<Value, f64> = BTreeMap::new();
        for &block in &self.values.blocks {
            let weight = self.weight(block);
            let insts = self.problem.func.blocks[block.index()].insts;
            let named = insts.iter().flat_map(|inst| self.values.ops(inst)).map(|op| op.value);
            for value in self.values.at_start(block).iter().copied().chain(named) {
                coldest.entry(value).and_modify(|least| *least = least.min(weight)).or_insert(weight);
            }
        }
        coldest
    }

    /// The value is in memory, or what the other terms stand for makes up for it.
    fn in_memory_or(&mut self, value: Value, mut terms: Vec<(Col, f64)>, at_least: f64) {
        terms.push((self.stored[&value], 1.0));
        terms.extend(self.comes_in_memory.get(&value).map(|&col| (col, 1.0)));
        self.program.at_least(terms, at_least);
    }

    fn add_block(&mut self, block: Block) {
        let accesses = Accesses::new(self.problem, self.values, block);
        let edges = self.values.edges_from(block);
        let mut leaves: Vec<Value> = edges.iter().flat_map(|edge| edge.names.iter().map(|name| name.0)).collect();
        leaves.sort_unstable();
        leaves.dedup();
        let mut alive: Vec<Value> = self.values.at_start(block).to_vec();
        alive.extend(accesses.by_value.keys());
        alive.sort_unstable();
        alive.dedup();
        let mut stretches: [Vec<Stretch>; 3] = Default::default();
        for value in alive {
            let of_class = &mut stretches[self.values.class(value).index()];
            let goes = leaves.binary_search(&value).is_ok();
            self.add_value(block, value, &accesses, goes, of_class);
        }
        for class in RegClass::ALL {
            self.add_room(class, &stretches[class.index()], &accesses.room);
        }
    }

    /// Adds what happens to a value in a block.
    fn add_value(&mut self, block: Block, value: Value, accesses: &Accesses, goes: bool, stretches: &mut Vec<Stretch>) {
        let weight = self.weight(block);
        let list = accesses.by_value.get(&value).map_or(&[][..], Vec::as_slice);
        let comes = self.values.at_start(block).binary_search(&value).is_ok();
        let end = goes.then_some(accesses.room.len());
        let mut previous: Option<&Access> = None;
        // What is in registers behind the access before, as a sum; all of it, if none.
        let mut behind: Option<Vec<Col>> = None;
        for next in list.iter().map(Some).chain([None]) {
            let Some(to) = next.map(|next| 2 * next.at + usize::from(next.used == Some(Use::Anywhere))).or(end) else {
                break;
            };
            if let Some(next) = next {
                self.copies.spoil(value, block, next.spoiled.saturating_sub(1), None);
            }
            if previous.is_some() || comes {
                let saves = if next.is_some_and(|next| next.used == Some(Use::Register)) { cost::LOAD } else { 0.0 };
                // It is loaded as far as it has not been kept.
                let kept = self.program.column(-saves * weight, 0, ALL);
                self.program.constant += saves * weight;
                if saves > 0.0 {
                    let price = saves * weight;
                    self.payments.push(Payment { block, value, price, share: kept, spares: true });
                }
                self.in_memory_or(value, vec![(kept, 1.0)], 1.0);
                if let Some(behind) = behind.take() {
                    let terms = behind.into_iter().map(|col| (col, 1.0)).chain([(kept, -1.0)]);
                    self.program.at_least(terms.collect(), 0.0);
                }
                match previous {
                    None => {
                        self.start[block.index()].insert(value, kept);
                    }
                    Some(access) => {
                        // One more copy for it to live on in, and another if it has to leave the register that it is made in.
                        let spoiled = usize::from(access.spoiled > 0);
                        let overwritten = usize::from(accesses.is_overwritten(access, next));
                        self.copies.spoil(value, block, spoiled + overwritten, Some(kept));
                    }
                }
                stretches.push(Stretch { kept, from: previous.map_or(0, |access| access.kept_from), to });
                match next {
                    Some(next) => behind = self.behind(block, next, value, kept),
                    None => self.add_end(block, value, kept, weight),
                }
            }
            previous = next;
        }
    }

    /// The share of a value that is paid for in a block.
    fn paid_column(&mut self, block: Block, value: Value, price: f64) -> Col {
        let share = self.program.column(price, 0, ALL);
        self.payments.push(Payment { block, value, price, share, spares: false });
        share
    }

    /// At the end of a block that several ways lead from, a value may be loaded for several of them.
    fn add_end(&mut self, block: Block, value: Value, kept: Col, weight: f64) {
        let mut end = vec![kept];
        if self.values.edges_from(block).len() > 1 {
            end.push(self.paid_column(block, value, cost::LOAD * weight));
        }
        self.end[block.index()].insert(value, end);
    }

    /// What is in registers behind an access, as a sum; all of the value, if that is for nothing.
    fn behind(&mut self, block: Block, access: &Access, value: Value, kept: Col) -> Option<Vec<Col>> {
        let used = access.used.filter(|&used| used != Use::Register)?;
        let weight = self.weight(block);
        let loaded = self.paid_column(block, value, cost::LOAD * weight);
        if used == Use::Anywhere {
            let on_stack = self.paid_column(block, value, cost::STACK_OPERAND * weight);
            self.program.at_least(vec![(kept, 1.0), (loaded, 1.0), (on_stack, 1.0)], 1.0);
        } else {
            self.program.constant += cost::STACK_OPERAND * weight;
            self.in_memory_or(value, Vec::new(), 1.0);
        }
        Some(vec![kept, loaded])
    }

    /// No more values are in registers than there are, wherever in a block that is in question.
    fn add_room(&mut self, class: RegClass, stretches: &[Stretch], room: &[Room]) {
        let mut begin: Vec<Vec<Col>> = vec![Vec::new(); room.len() + 1];
        let mut end: Vec<Vec<Col>> = vec![Vec::new(); room.len() + 1];
        for stretch in stretches.iter().filter(|stretch| stretch.from < stretch.to) {
            begin[stretch.from].push(stretch.kept);
            end[stretch.to].push(stretch.kept);
        }
        let env = &self.problem.env;
        let all = env.allocatable(class);
        let cheap = all & !env.non_preferred_regs_by_class[class.index()].class_mask(class);
        let saved = self.saved.filter(|_| class == RegClass::Int);
        let mut count = 0;
        // How many values are in registers at the last place that was in question, and what has begun or ended since: rows stay short.
        let mut previous: Option<Col> = None;
        let mut since: Vec<(Col, f64)> = Vec::new();
        for ((room, begin), end) in room.iter().zip(&begin).zip(&end) {
            since.extend(begin.iter().map(|&col| (col, 1.0)));
            since.extend(end.iter().map(|&col| (col, -1.0)));
            count += begin.len() as i64 - end.len() as i64;
            let needed = i64::from(room.needed[class.index()]);
            let spoiled = room.spoiled.class_mask(class);
            let free = i64::from((all & !spoiled).count_ones()) - needed;
            let free_and_cheap = i64::from((cheap & !spoiled).count_ones()) - needed;
            if count <= if saved.is_some() { free_and_cheap } else { free } {
                continue;
            }
            let taken = self.program.column(0.0, 0, free.max(0));
            let mut terms = std::mem::take(&mut since);
            terms.push((taken, -1.0));
            terms.extend(previous.map(|col| (col, 1.0)));
            self.program.equal(terms, 0.0);
            if let Some(saved) = saved {
                self.program.at_most(vec![(taken, 1.0), (saved, -1.0)], free_and_cheap as f64);
            }
            previous = Some(taken);
        }
    }

    /// What is in registers at the start of a block was so at the end of the one before, or is loaded on the way; a parameter that comes in
    /// memory has its argument there, or it is stored on the way.
    fn add_edge(&mut self, edge: &Edge) {
        let weight = edge_weight(self.problem, edge, |block| self.weight(block));
        let place = moves_on(self.problem, edge);
        let mut loads: BTreeMap<Value, Col> = BTreeMap::new();
        let mut stores: BTreeMap<Value, Col> = BTreeMap::new();
        for &(here, there) in &edge.names {
            let Some(&start) = self.start[edge.to.index()].get(&there) else { continue };
            let load = *loads.entry(here).or_insert_with(|| self.paid_column(place, here, cost::LOAD * weight));
            let program = &mut self.program;
            let end = self.end[edge.from.index()].get(&here).into_iter().flatten();
            let terms = end.map(|&col| (col, 1.0)).chain([(load, 1.0), (start, -1.0)]);
            program.at_least(terms.collect(), 0.0);
            if here != there
                && let Some(&comes_in_memory) = self.comes_in_memory.get(&there)
            {
                let program = &mut self.program;
                let store = *stores.entry(here).or_insert_with(|| program.column(cost::STORE * weight, 0, ALL));
                self.in_memory_or(here, vec![(store, 1.0), (comes_in_memory, -1.0)], 0.0);
            }
        }
    }
}

/// The block that moves on an edge are in: at the end of the one before if no other way leads from it, else at the start of the one
/// behind.
fn moves_on(problem: &Problem, edge: &Edge) -> Block {
    let blocks = &problem.func.blocks;
    match (blocks[edge.from.index()].succs.len(), blocks[edge.to.index()].preds.len()) {
        (1, preds) if preds > 1 => edge.from,
        _ => edge.to,
    }
}

/// What moves on an edge are weighed by; if the block that they are in is not sure to be on no other way, the less of both ends.
fn edge_weight(problem: &Problem, edge: &Edge, weight: impl Fn(Block) -> f64) -> f64 {
    let (from, to) = (weight(edge.from), weight(edge.to));
    let blocks = &problem.func.blocks;
    match (blocks[edge.from.index()].succs.len(), blocks[edge.to.index()].preds.len()) {
        (1, preds) if preds > 1 => from,
        _ => from.min(to),
    }
}
