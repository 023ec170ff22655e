//! Where values that need memory are stored.
//!
//! A value is stored once, at a point that dominates all its reloads. The definition always is such a point, but the definition may lie
//! in a loop that the reloads are outside of, or on the hot side of a branch whose cold side reloads. So the candidates are: behind the
//! definition; the entry of the block that dominates all reloads; and, for each loop around that block which does not contain the
//! definition, the block in front of the loop; each if the value is in a register there. The least frequently executed wins, the
//! definition in case of a tie.
//!
//! A value that a branch defines cannot be stored behind its definition. It is stored at the start of the branch's successors instead,
//! of the one that dominates the reloads or of all.
//!
//! Then arguments of parameters that live in memory: an argument that is in memory itself is listed as read from memory at its edge,
//! so that both may share a slot (see [`super::spill_sets`]).
//!
//! Cost: linear in the spilled values, times loop depth, times the registers at a block's entry.

use super::forward::{Forward, Input, Memory};
use crate::cfg::{Edge, Loop};
use crate::code::{NO_REG, Value};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, PReg};
use alloc::vec::Vec;

/// A store of a value into its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Store {
    pub(crate) value: Value,
    pub(crate) from: PReg,
    pub(crate) place: StorePlace,
}

/// Where a store goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StorePlace {
    /// Behind the instruction.
    After(Inst),
    /// At the start of the block, behind the moves of the edges into it.
    Entry(Block),
    /// At the start of the block, in front of the moves of the edge into it.
    FromBranch(Block),
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
    /// Position at which a value's life in memory begins; valid for spilled values.
    pub(crate) start: TypedVec<Value, u32>,
    /// The arguments of parameters in memory, by edge.
    pub(crate) memory_args: Vec<MemoryArg>,
    /// The number of each parameter among those of its block.
    param_number: TypedVec<Value, u32>,
}

impl Stores {
    /// Places the stores of all values that `forward` spilled.
    pub(crate) fn run(&mut self, on: &Input<'_>, forward: &mut Forward) {
        self.stores.clear();
        self.memory_args.clear();
        self.start.reset(on.code.values.len(), 0);
        if forward.spilled.is_empty() {
            return;
        }
        self.list_memory_args(on, forward);
        for index in 0..forward.spilled.len() {
            let value = forward.spilled[index];
            let def = on.code.values[value];
            self.start[value] = match forward.spills[value].memory {
                // Nothing ever makes it: it is read in code that cannot be reached, before its definition in the order of the blocks.
                Memory::Stored if forward.def_reg[value] == NO_REG => on.flow.start(def.block),
                Memory::Stored if def.on_branch => self.behind_branch(on, forward, value),
                Memory::Stored => self.cheapest(on, forward, value),
                _ if def.inst.is_valid() => position_of(on, def.block, def.inst),
                _ => on.flow.start(def.block),
            };
        }
    }

    fn list_memory_args(&mut self, on: &Input<'_>, forward: &mut Forward) {
        self.number_params(on);
        for index in 0..forward.spilled.len() {
            let param = forward.spilled[index];
            let def = on.code.values[param];
            if forward.spills[param].memory != Memory::Born || !def.is_param {
                continue;
            }
            let number = self.param_number[param] as usize;
            for &edge in on.flow.graph.pred_edges(def.block) {
                let arg = on.code.arg(edge, number);
                let from = on.flow.graph.edge(edge).from;
                if arg == param {
                    // It stays where it is, and so its slot must stay its own until here.
                    forward.note_reload(on, param, from, on.flow.edge_position(edge));
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
                    forward.note_reload(on, arg, from, on.flow.edge_position(edge));
                }
                self.memory_args.push(MemoryArg { edge, param, arg, in_reg, in_memory });
            }
        }
        self.memory_args.sort_unstable_by_key(|arg| (arg.edge, arg.param));
    }

    fn number_params(&mut self, on: &Input<'_>) {
        self.param_number.reset(on.code.values.len(), 0);
        for block in on.flow.graph.blocks() {
            for (&param, number) in on.code.params(block).iter().zip(0..) {
                self.param_number[param] = number;
            }
        }
    }

    /// Stores `value` at the cheapest point; returns its position.
    fn cheapest(&mut self, on: &Input<'_>, forward: &Forward, value: Value) -> u32 {
        let def = on.code.values[value];
        let mut best = on.flow.frequencies.of(def.block);
        let mut place = None;
        let mut at = forward.spills[value].needed_by;
        while at != def.block && at.is_valid() {
            let frequency = on.flow.frequencies.of(at);
            if frequency < best
                && let Some(found) = forward.at_entry(at).iter().find(|x| x.value == value)
            {
                best = frequency;
                place = Some((at, found.reg));
            }
            let of = on.flow.loops.block_loop(at);
            if of == Loop::ROOT || on.flow.order.contains(of, def.block) {
                break;
            }
            at = on.flow.dominators.idom(on.flow.loops.header(of));
        }
        let class = def.class.index();
        if let Some((block, from)) = place {
            self.stores.push(Store { value, from, place: StorePlace::Entry(block) });
            return on.flow.start(block);
        }
        let from = PReg::from_index(class << 6 | usize::from(forward.def_reg[value]));
        if def.inst.is_valid() {
            self.stores.push(Store { value, from, place: StorePlace::After(def.inst) });
            position_of(on, def.block, def.inst)
        } else {
            self.stores.push(Store { value, from, place: StorePlace::Entry(def.block) });
            on.flow.start(def.block)
        }
    }

    /// Stores a value that a branch defines, at the start of the successor through which all reloads are reached, or of each if there
    /// is none; returns the first's position.
    fn behind_branch(&mut self, on: &Input<'_>, forward: &Forward, value: Value) -> u32 {
        let def = on.code.values[value];
        let from = PReg::from_index(def.class.index() << 6 | usize::from(forward.def_reg[value]));
        let needed_by = forward.spills[value].needed_by;
        let graph = &on.flow.graph;
        let only = graph.succs(def.block).find(|&to| on.flow.dominators.dominates(to, needed_by));
        let mut start = u32::MAX;
        for to in graph.succs(def.block).filter(|&to| only.is_none_or(|only| only == to)) {
            self.stores.push(Store { value, from, place: StorePlace::FromBranch(to) });
            start = start.min(on.flow.start(to));
        }
        if start == u32::MAX { on.flow.start(def.block) } else { start }
    }
}

fn position_of(on: &Input<'_>, block: Block, inst: Inst) -> u32 {
    on.flow.start(block) + (inst.0 - on.flow.graph.first(block).0)
}
