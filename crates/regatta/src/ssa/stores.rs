//! Where values that need memory are stored.
//!
//! A value is stored once, at a point that dominates all its reloads. The definition always is such a point, but a later one serves better:
//! the definition may lie in a loop that the reloads are outside of, or on the hot side of a branch whose cold side reloads; and the later
//! the store, the shorter the time for which the slot is occupied. So the walk goes from the block that dominates all reloads up the
//! dominator tree to the definition, and of the blocks that the value enters in a register, or is defined in, the coldest is taken, the
//! last of several. If several stores further down the tree come cheaper together ([`several`]), it is stored there instead. In each such
//! block, the store goes to the last chance: in front of the instruction that takes the value's last register away, which the forward pass
//! has noted, or in front of the branch.
//!
//! The quick setting stores values where they are made, which costs 0.3 % of the cost, and a fortieth more slots, and does without dominators
//! and without notes of what happens to values.
//!
//! A value that a branch defines and that is not stored further on is stored at the start of the branch's successors, of the one that
//! dominates the reloads or of all.
//!
//! Parameters are stored on the ways to their block if that is cheaper ([`arrivals`]).
//!
//! Then arguments of parameters that live in memory: an argument that is in memory itself is listed as read from memory at its edge,
//! so that both may share a slot (see [`super::spill_sets`]).
//!
//! Cost: for each spilled value at most [`MAX_STEPS`] steps up the dominator tree, and one for each loop beyond, times the registers at
//! a block's entry.

mod arrivals;
mod several;

use super::forward::{Event, Forward, Input, Memory, Notes, What};
use super::spill_sets::SpillSets;
use crate::cfg::{Edge, Loop};
use crate::code::{NO_REG, Value};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, PReg};
use alloc::vec::Vec;

/// How far the walk up the dominator tree goes.
const MAX_STEPS: usize = 64;

/// A store of a value into its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Store {
    pub(crate) value: Value,
    pub(crate) from: PReg,
    /// The block that it is executed in.
    pub(crate) block: Block,
    pub(crate) place: StorePlace,
}

/// Where a store goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StorePlace {
    /// Behind the instruction.
    After(Inst),
    /// In front of the instruction and the moves next to it; behind the moves of the edges into its block.
    Before(Inst),
    /// In front of the branch, behind the moves next to it; in front of the moves of the edges out of its block.
    BeforeBranch(Inst),
    /// At the start of the block, in front of the moves of the edge into it.
    FromBranch(Block),
}

/// Where a value's life in memory begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// The block, through which all paths to its reads go.
    pub(crate) block: Block,
    /// The position in that block; behind it if the value is stored at the start of the blocks that follow.
    pub(crate) pos: u32,
    /// The first position in the order of the blocks.
    pub(crate) first: u32,
}

impl Start {
    fn at(block: Block, pos: u32) -> Self {
        Self { block, pos, first: pos }
    }
}

/// An argument of a parameter that lives in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryArg {
    pub(crate) edge: Edge,
    pub(crate) param: Value,
    pub(crate) arg: Value,
    /// A register that holds the argument at the end of the edge's source.
    pub(crate) in_reg: Option<PReg>,
    /// Is the argument in its own slot at the edge?
    pub(crate) in_memory: bool,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    pub(crate) stores: Vec<Store>,
    /// Where a value's life in memory begins; valid for spilled values.
    pub(crate) starts: TypedVec<Value, Start>,
    /// The arguments of parameters in memory, by edge.
    pub(crate) memory_args: Vec<MemoryArg>,
    /// The number of each parameter among those of its block.
    param_number: TypedVec<Value, u32>,
    several: several::Several,
    arrivals: arrivals::Arrivals,
    /// What the forward pass had noted.
    before: Notes,
}

impl Stores {
    /// Places the stores of all values that `forward` spilled.
    pub(crate) fn run(&mut self, on: &Input<'_>, forward: &mut Forward) {
        self.arrivals.start();
        if may_keep_in_memory(on) {
            self.before = forward.be_tentative();
        }
        self.place(on, forward, true);
    }

    /// Once it is known who shares slots: places them again if it would have been better to store some parameters otherwise.
    pub(crate) fn reconsider(&mut self, on: &Input<'_>, forward: &mut Forward, sets: &SpillSets) -> bool {
        let is_worse = self.arrivals.give_up(forward, |a, b| sets.set_of(a) == sets.set_of(b));
        if is_worse {
            forward.take_back(self.before);
            self.place(on, forward, false);
        }
        is_worse
    }

    fn place(&mut self, on: &Input<'_>, forward: &mut Forward, is_first: bool) {
        self.stores.clear();
        self.memory_args.clear();
        if forward.spilled.is_empty() {
            return;
        }
        // (It is asked of spilled values alone.)
        self.starts.set_len(on.code.values.len(), Start::at(Block::invalid(), 0));
        self.several.start(on);
        self.number_params(on, forward);
        self.list_memory_args(on, forward);
        if may_keep_in_memory(on) {
            self.keep_in_memory(on, forward, is_first);
        }
        self.memory_args.sort_unstable_by_key(|arg| (arg.edge, arg.param));
        for index in 0..forward.spilled.len() {
            let value = forward.spilled[index];
            let def = on.code.values[value];
            self.starts[value] = match forward.spills[value].memory {
                // Nothing ever makes it: it is read in code that cannot be reached, before its definition in the order of the blocks.
                Memory::Stored if forward.def_reg(value) == NO_REG => Start::at(def.block, on.flow.start(def.block)),
                Memory::Stored => self.store(on, forward, value),
                _ => at_definition(on, value),
            };
        }
    }

    /// Lists the arguments of all parameters that live in memory.
    fn list_memory_args(&mut self, on: &Input<'_>, forward: &mut Forward) {
        for index in 0..forward.spilled.len() {
            let param = forward.spilled[index];
            if forward.spills[param].memory == Memory::Born && on.code.values[param].is_param {
                self.list_args_of(on, forward, param);
            }
        }
    }

    fn list_args_of(&mut self, on: &Input<'_>, forward: &mut Forward, param: Value) {
        let number = self.param_number[param] as usize;
        for &edge in on.flow.graph.pred_edges(on.code.values[param].block) {
            let arg = on.code.arg(edge, number);
            let from = on.flow.graph.edge(edge).from;
            if arg == param {
                // It stays where it is, and so its slot must stay its own until here.
                forward.note_reload_on_edge(on, param, edge);
                continue;
            }
            let in_reg = forward.at_exit(from).iter().find(|x| x.value == arg).map(|x| x.reg);
            let frequency = on.flow.edge_frequency(edge);
            let arg_def = on.code.values[arg].block;
            // Already in memory: no store on the edge if both share a slot. Already stored: the same, if the store's block is
            // not hotter than the edge.
            let in_memory = match forward.spills[arg].memory {
                Memory::Born => true,
                Memory::Stored => in_reg.is_none() || on.flow.frequencies.of(arg_def) <= frequency,
                Memory::Never => in_reg.is_none(),
            };
            if in_memory {
                forward.note_reload_on_edge(on, arg, edge);
            }
            self.memory_args.push(MemoryArg { edge, param, arg, in_reg, in_memory });
        }
    }

    /// Numbers the parameters of each block, if anybody will ask.
    fn number_params(&mut self, on: &Input<'_>, forward: &Forward) {
        let is_asked = |memory| memory == Memory::Born || may_keep_in_memory(on);
        let mut spilled = forward.spilled.iter();
        if !spilled.any(|&value| on.code.values[value].is_param && is_asked(forward.spills[value].memory)) {
            return;
        }
        self.param_number.reset(on.code.values.len(), 0);
        for block in on.flow.graph.blocks() {
            for (&param, number) in on.code.params(block).iter().zip(0..) {
                self.param_number[param] = number;
            }
        }
    }

    /// Stores parameters on the ways to their blocks where that is cheaper than once behind: see [`arrivals`].
    fn keep_in_memory(&mut self, on: &Input<'_>, forward: &mut Forward, is_first: bool) {
        if is_first {
            let mut arrivals = core::mem::take(&mut self.arrivals);
            for &param in &forward.spilled {
                if forward.spills[param].memory == Memory::Stored && on.code.values[param].is_param {
                    let number = self.param_number[param];
                    arrivals.add(on, forward, param, number, || self.cost_behind(on, forward, param));
                }
            }
            self.arrivals = arrivals;
        }
        self.arrivals.choose(forward);
        for arg in &mut self.memory_args {
            if !arg.in_memory && forward.spills[arg.arg].memory == Memory::Born {
                arg.in_memory = true;
                forward.note_reload_on_edge(on, arg.arg, arg.edge);
            }
        }
        let arrivals = core::mem::take(&mut self.arrivals);
        for param in arrivals.chosen() {
            self.list_args_of(on, forward, param);
        }
        self.arrivals = arrivals;
    }

    /// What the stores of a value behind its definition cost.
    fn cost_behind(&mut self, on: &Input<'_>, forward: &Forward, value: Value) -> f32 {
        let single = on.flow.frequencies.best_guess(self.coldest(on, forward, value));
        if self.several.run(on, forward, value, single) { self.several.cost } else { single }
    }

    /// Stores `value` at the cheapest point, the last of several.
    fn store(&mut self, on: &Input<'_>, forward: &Forward, value: Value) -> Start {
        let def = on.code.values[value];
        if !on.careful {
            if def.on_branch {
                return self.behind_branch(on, forward, value);
            }
            let (from, place) = behind_definition(on, forward, value);
            self.stores.push(Store { value, from, block: def.block, place });
            return at_definition(on, value);
        }
        let block = self.coldest(on, forward, value);
        if self.several.run(on, forward, value, on.flow.frequencies.best_guess(block)) {
            for (block, fate) in self.several.fates(forward, value) {
                let (from, place) = last_chance(on, forward, value, block, fate);
                self.stores.push(Store { value, from, block, place });
            }
            return at_definition(on, value);
        }
        if def.on_branch && block == def.block {
            return self.behind_branch(on, forward, value);
        }
        let fate = Fate::of(forward, value, block);
        let (from, place) = last_chance(on, forward, value, block, fate);
        self.stores.push(Store { value, from, block, place });
        let first = on.flow.graph.first(block).0;
        match place {
            StorePlace::After(inst) | StorePlace::Before(inst) | StorePlace::BeforeBranch(inst) => {
                Start::at(block, on.flow.start(block) + (inst.0 - first))
            }
            StorePlace::FromBranch(_) => Start::at(block, on.flow.start(block)),
        }
    }

    /// The coldest of the blocks that dominate all reloads and that `value` enters in a register; the one that defines it, if that is
    /// colder still.
    fn coldest(&self, on: &Input<'_>, forward: &Forward, value: Value) -> Block {
        let def = on.code.values[value];
        let mut coldest = (f32::INFINITY, def.block);
        let mut at = forward.needed_by(on, value);
        let mut steps = 0;
        while at != def.block && at.is_valid() {
            let frequency = on.flow.frequencies.best_guess(at);
            if frequency < coldest.0
                && forward.at_entry(at).iter().any(|x| x.value == value && !on.machine.is_stack(x.reg))
            {
                coldest = (frequency, at);
            }
            steps += 1;
            if steps > MAX_STEPS {
                let of = on.flow.loops.block_loop(at);
                if of == Loop::ROOT || on.flow.order.contains(of, def.block) {
                    break;
                }
                at = on.flow.loops.header(of);
            }
            at = on.flow.dominators.idom(at);
        }
        if coldest.0 <= on.flow.frequencies.best_guess(def.block) { coldest.1 } else { def.block }
    }

    /// Stores a value that a branch defines, at the start of the successor through which all reloads are reached, or of each if there
    /// is none.
    fn behind_branch(&mut self, on: &Input<'_>, forward: &Forward, value: Value) -> Start {
        let def = on.code.values[value];
        let from = PReg::from_index(def.class.index() << 6 | usize::from(forward.def_reg(value)));
        let needed_by = if on.careful { forward.needed_by(on, value) } else { Block::invalid() };
        let graph = &on.flow.graph;
        let dominates = |&to: &Block| on.careful && on.flow.dominators.dominates(to, needed_by);
        let only = graph.succs(def.block).find(dominates);
        let mut first = u32::MAX;
        for to in graph.succs(def.block).filter(|&to| only.is_none_or(|only| only == to)) {
            self.stores.push(Store { value, from, block: to, place: StorePlace::FromBranch(to) });
            first = first.min(on.flow.start(to));
        }
        let first = if first == u32::MAX { on.flow.start(def.block) } else { first };
        Start { block: def.block, pos: u32::MAX, first }
    }
}

/// Might parameters be stored on the ways to their blocks? (Where stores are late, and frequencies more than depth: see [`arrivals`].)
fn may_keep_in_memory(on: &Input<'_>) -> bool {
    on.careful && !on.flow.frequencies.is_by_depth()
}

/// What happens to a value in a block.
#[derive(Clone, Copy, Debug)]
struct Fate {
    /// Where it is first forgotten, and the register that it was in.
    forgotten: Option<(u32, PReg)>,
    /// Where it is first read from its slot.
    read: u32,
}

impl Default for Fate {
    fn default() -> Self {
        Self { forgotten: None, read: u32::MAX }
    }
}

impl Fate {
    /// That of `value` in `block`.
    fn of(forward: &Forward, value: Value, block: Block) -> Self {
        let mut fate = Self::default();
        forward.events_of(value).filter(|event| event.block == block).for_each(|event| fate.add(&event));
        fate
    }

    /// Adds an event to those of the block that come behind it.
    fn add(&mut self, event: &Event) {
        match event.what {
            What::Read | What::ReadOnEntry => self.read = self.read.min(event.pos),
            What::Forgotten(reg) => self.forgotten = Some((event.pos, reg)),
        }
    }
}

/// The last chance to store `value` in `block`, which defines it or which it enters in a register: in front of the instruction that
/// takes its last register away, or of the branch.
fn last_chance(on: &Input<'_>, forward: &Forward, value: Value, block: Block, fate: Fate) -> (PReg, StorePlace) {
    let def = on.code.values[value];
    let (first, start) = (on.flow.graph.first(block), on.flow.start(block));
    let inst_at = |pos: u32| Inst(first.0 + (pos - start));
    let is_defined_here = def.block == block && def.inst.is_valid();
    let Fate { forgotten, read } = fate;
    let branch = on.flow.end(block) - 1;
    let last = match forgotten {
        Some((pos, reg)) => Some((pos, reg, StorePlace::Before(inst_at(pos)))),
        None => {
            let left = forward.at_exit(block).iter().find(|x| x.value == value);
            // What the branch itself loads is loaded in front of such a store.
            left.filter(|_| read > branch).map(|left| (branch, left.reg, StorePlace::BeforeBranch(inst_at(branch))))
        }
    };
    if let Some((pos, reg, place)) = last
        && !on.machine.is_stack(reg)
        && pos <= read
        && !(is_defined_here && inst_at(pos) <= def.inst)
    {
        return (reg, place);
    }
    if def.block == block {
        return behind_definition(on, forward, value);
    }
    let entered = forward.at_entry(block).iter().find(|x| x.value == value && !on.machine.is_stack(x.reg));
    (entered.map_or(PReg::from_index(0), |x| x.reg), StorePlace::Before(first))
}

/// Where `value` is made, as the place of its store.
fn behind_definition(on: &Input<'_>, forward: &Forward, value: Value) -> (PReg, StorePlace) {
    let def = on.code.values[value];
    let from = PReg::from_index(def.class.index() << 6 | usize::from(forward.def_reg(value)));
    let is_inst = def.inst.is_valid();
    (from, if is_inst { StorePlace::After(def.inst) } else { StorePlace::Before(on.flow.graph.first(def.block)) })
}

/// The definition of a value, as the beginning of its life in memory.
fn at_definition(on: &Input<'_>, value: Value) -> Start {
    let def = on.code.values[value];
    let start = on.flow.start(def.block);
    let inst = if def.inst.is_valid() { def.inst.0 - on.flow.graph.first(def.block).0 } else { 0 };
    Start::at(def.block, start + inst)
}
