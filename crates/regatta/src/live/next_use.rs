//! Liveness with distances: how many instructions away each live value's next use is.
//!
//! Spilling decisions compare next uses (Belady's MIN: evict what is needed last). Over a control-flow graph the next use is the
//! nearest over all paths, and a use behind the exit of a loop is far away however few instructions lie between, because the loop
//! will run many times first. So the distance to a use counts instructions, and [`EXIT_PENALTY`] more for each loop that is left on
//! the way (Braun and Hack, *Register Spilling and Live-Range Splitting for SSA-Form Programs*, CC 2009).
//!
//! One walk backwards over the loop-contiguous topological order, ignoring back edges, gives each block the list of values that are
//! live into it with their distances: the distances of its successors, the length of the block added, are the starting point; a use
//! sets a value's distance, a definition ends it. What goes round a back edge is added per loop, not per block, by
//! [`super::LoopLiveness`].
//!
//! The same walk counts how many values are live at once in each block (register pressure), how many of them across calls, marks
//! the values that are live across a call, and keeps track of the registers that values would like ([`super::wishes`]). It counts only
//! values that are made in the innermost loop around the block: it cannot see how long others live there, since they come round the
//! back edge. They live all through the loop, and are added per loop as well.
//!
//! **Cost.** A full list of live values for every block would take blocks × live values. But the forward pass asks only about
//! values in registers, and what is in registers is what is needed soon. So a list keeps only the nearest few values, a small
//! multiple of the number of registers ([`NextUses::list_limit`]). A value that fell off a list is *believed* dead in front of that
//! point; at worst it is dropped from a register too early and reloaded from the slot that it then gets. Nothing the allocator
//! does for correctness depends on a value being reported live, except for parameters, which is why `used` is kept apart.
//! Thus time and space are linear in instructions and edges.

use super::wishes::Wishes;
use crate::cfg::{FlowGraph, Loop};
use crate::code::{Code, Value, Want, flag};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, Machine, PerClass};
use alloc::vec::Vec;

/// The distance of a value that has no next use.
pub(crate) const DEAD: u32 = u32::MAX;
/// The distance of a use that is known to exist, but not where; and of one that memory serves as well.
pub(crate) const FAR: u32 = 1 << 30;
/// What leaving a loop adds to a distance.
pub(crate) const EXIT_PENALTY: u32 = 1 << 20;

/// The distance that the argument of a back edge has from the end of its block: the parameter's first use is not known yet.
const BACK_EDGE_ARGUMENT: u32 = 4;

/// What the edge from one block to another adds for the loops that it leaves.
#[inline]
pub(crate) fn exit_penalty(flow: &FlowGraph, from: Block, to: Block) -> u32 {
    EXIT_PENALTY.saturating_mul(flow.loops_left(from, to))
}

/// A value that is live into a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveIn {
    /// The value.
    pub(crate) value: Value,
    /// Instructions from the start of the block to the value's next use.
    pub(crate) distance: u32,
}

/// What is known of a block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockLiveness {
    start: u32,
    end: u32,
    /// The most values that are live at once, of those that are made in the innermost loop around the block.
    pub(crate) pressure: PerClass<u32>,
    /// The most of them that are live across one call.
    pub(crate) call_pressure: PerClass<u32>,
    /// Has it calls?
    pub(crate) has_call: bool,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct NextUses {
    list: Vec<LiveIn>,
    pub(crate) blocks: TypedVec<Block, BlockLiveness>,
    /// Distance from the start of its block to a parameter's first use.
    pub(crate) param_distance: TypedVec<Value, u32>,
    /// Is the value used anywhere? One that is not is dead, one that fell off a list is not.
    pub(crate) used: TypedVec<Value, bool>,
    /// Is the value live across a call?
    pub(crate) crosses_call: TypedVec<Value, bool>,
    /// How often the blocks are executed that use a value they did not make: how often it might have to be loaded.
    pub(crate) use_frequency: TypedVec<Value, f32>,
    /// The registers that values would like.
    pub(crate) wishes: Wishes,
    distance: TypedVec<Value, u32>,
    call_seen: TypedVec<Value, u32>,
    live: Vec<Value>,
    limit: usize,
}

/// What the walk knows at one point of a block.
struct Point {
    /// The innermost loop around the block.
    of: Loop,
    /// How many values that are made in that loop are live.
    live: PerClass<u32>,
    pressure: PerClass<u32>,
    call_pressure: PerClass<u32>,
    calls: u32,
}

impl Point {
    #[inline(always)]
    fn starts_living(&mut self, code: &Code, flow: &FlowGraph, value: Value) {
        let def = code.values[value];
        self.live[def.class.index()] += u32::from(self.of == Loop::ROOT || flow.order.contains(self.of, def.block));
    }
}

impl NextUses {
    /// The values that are live into `block`, the nearest few.
    #[inline]
    pub(crate) fn live_in(&self, block: Block) -> &[LiveIn] {
        let block = self.blocks[block];
        &self.list[block.start as usize..block.end as usize]
    }

    /// How many values a list keeps at most in this run.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// How many values a block's list keeps at most.
    pub(crate) fn list_limit(machine: &Machine) -> usize {
        let registers: u32 = machine.allocatable.iter().map(|m| m.count_ones()).sum();
        (3 * registers as usize).max(64)
    }

    /// Fills the results for `code`; also sets the hints of its operands.
    pub(crate) fn run(&mut self, code: &mut Code, flow: &FlowGraph, machine: &Machine) {
        let (blocks, values) = (flow.graph.num_blocks(), code.values.len());
        self.limit = Self::list_limit(machine);
        self.list.clear();
        self.blocks.reset(blocks, BlockLiveness::default());
        self.param_distance.reset(values, DEAD);
        self.used.reset(values, false);
        self.crosses_call.reset(values, false);
        self.use_frequency.reset(values, 0.0);
        self.distance.reset(values, DEAD);
        self.call_seen.reset(values, 0);
        self.wishes.reset(code.insts.len() - 1, blocks, values);
        for &block in flow.order.order().iter().rev() {
            self.block(code, flow, block);
        }
    }

    fn block(&mut self, code: &mut Code, flow: &FlowGraph, block: Block) {
        let of = flow.loops.block_loop(block);
        let mut at = Point { of, live: [0; 3], pressure: [0; 3], call_pressure: [0; 3], calls: 0 };
        self.live.clear();
        self.live_out(code, flow, block, &mut at);
        self.wishes.start_block(&self.live);
        at.pressure = at.live;
        let (first, end) = (flow.graph.first(block), flow.graph.end(block));
        for inst in (first.0..end.0).rev() {
            self.inst(code, flow, Inst(inst), inst - first.0, &mut at);
        }
        for &param in code.params(block) {
            let distance = self.distance[param];
            self.param_distance[param] = self.known(param, distance);
            if distance != DEAD {
                self.distance[param] = DEAD;
                self.note_crossing(param, at.calls);
            }
        }
        let start = self.list.len();
        let (length, frequency) = (flow.block_len(block), flow.frequencies.of(block));
        for index in 0..self.live.len() {
            let value = self.live[index];
            let distance = core::mem::replace(&mut self.distance[value], DEAD);
            if distance != DEAD {
                if distance < length {
                    self.use_frequency[value] += frequency;
                }
                self.list.push(LiveIn { value, distance });
                self.note_crossing(value, at.calls);
            }
        }
        if self.list.len() - start > self.limit {
            self.list[start..].select_nth_unstable_by_key(self.limit, |x| (x.distance, x.value));
            self.list.truncate(start + self.limit);
        }
        self.wishes.finish_block(block);
        self.blocks[block] = BlockLiveness {
            start: start as u32,
            end: self.list.len() as u32,
            pressure: at.pressure,
            call_pressure: at.call_pressure,
            has_call: at.calls != 0,
        };
    }

    /// Starts from what the successors want.
    fn live_out(&mut self, code: &Code, flow: &FlowGraph, block: Block, at: &mut Point) {
        let length = flow.block_len(block);
        self.wishes.clear_registers();
        for edge in flow.graph.succ_edges(block) {
            let to = flow.graph.edge(edge).to;
            let forward = !flow.is_back_edge(edge);
            if forward {
                let add = length.saturating_add(exit_penalty(flow, block, to));
                let BlockLiveness { start, end, .. } = self.blocks[to];
                for index in start as usize..end as usize {
                    let LiveIn { value, distance } = self.list[index];
                    self.reach(code, flow, value, distance.saturating_add(add).min(FAR), at);
                }
                self.wishes.inherit(code, edge, to);
            }
            let params = code.params(to);
            for (&param, &arg) in params.iter().zip(code.args(edge, params.len())) {
                let distance = if forward { self.param_distance[param] } else { BACK_EDGE_ARGUMENT };
                if distance != DEAD {
                    self.used[arg] = true;
                    self.reach(code, flow, arg, (distance + length).min(FAR), at);
                }
            }
        }
    }

    /// A use of `value` lies `distance` instructions ahead.
    #[inline(always)]
    fn reach(&mut self, code: &Code, flow: &FlowGraph, value: Value, distance: u32, at: &mut Point) {
        let known = &mut self.distance[value];
        if *known == DEAD {
            self.live.push(value);
            self.call_seen[value] = at.calls;
            at.starts_living(code, flow, value);
            *known = distance;
        } else {
            *known = distance.min(*known);
        }
    }

    /// The distance to believe in at a definition: a value that is used somewhere is not dead.
    #[inline]
    fn known(&self, value: Value, distance: u32) -> u32 {
        if distance == DEAD && self.used[value] { FAR } else { distance }
    }

    #[inline(always)]
    fn note_crossing(&mut self, value: Value, calls: u32) {
        if self.call_seen[value] != calls {
            self.crosses_call[value] = true;
        }
    }

    /// Steps over one instruction, backwards.
    fn inst(&mut self, code: &mut Code, flow: &FlowGraph, inst: Inst, offset: u32, at: &mut Point) {
        let info = code.insts[inst];
        let flags = info.flags();
        let ops = code.op_range(inst);
        self.wishes.start_inst(inst);
        let mut kills = if flags & flag::KILLS != 0 { code.clobber_sets[info.clobbers()] } else { [0; 3] };
        if flags & flag::DEFINES != 0 {
            for index in ops.clone() {
                let op = code.ops.as_slice()[index];
                if !op.is_def() {
                    continue;
                }
                let class = op.class();
                if self.distance[op.value] != DEAD {
                    self.distance[op.value] = DEAD;
                    at.live[class] -= 1;
                    self.note_crossing(op.value, at.calls);
                    self.wishes.avoid_events(inst, op.value, class);
                }
                if op.want == Want::Fixed {
                    kills[class] |= 1 << op.reg;
                }
                self.wishes.at_def(code, ops.start, index);
            }
        }
        if flags & flag::CALL != 0 {
            at.calls += 1;
            for c in 0..3 {
                at.call_pressure[c] = at.call_pressure[c].max(at.live[c]);
            }
        }
        if flags & flag::KILLS != 0 {
            self.wishes.at_kill(kills);
        }
        let mut fixed = [0; 3];
        for index in ops {
            let op = code.ops.as_slice()[index];
            if !op.is_use() {
                continue;
            }
            self.used[op.value] = true;
            let class = op.class();
            let distance = if op.want == Want::Stack { FAR } else { offset };
            if self.distance[op.value] == DEAD {
                self.live.push(op.value);
                at.starts_living(code, flow, op.value);
                self.call_seen[op.value] = at.calls;
                self.wishes.starts_living(op.value);
                self.distance[op.value] = distance;
            } else if distance != FAR {
                self.distance[op.value] = distance;
            }
            if op.want == Want::Fixed {
                fixed[class] |= 1 << op.reg;
            }
            code.ops.as_mut_slice()[index].hint = self.wishes.wish_of(op.value, class);
        }
        if flags & flag::FIXED_USE != 0 {
            self.wishes.at_fixed_uses(code, inst, fixed);
        }
        for c in 0..3 {
            at.pressure[c] = at.pressure[c].max(at.live[c]);
        }
    }
}
