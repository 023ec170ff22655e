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
//! does for correctness depends on a value being reported live, except for parameters, which is why it is noted of each value whether it is used at all.
//! Thus time and space are linear in instructions and edges.

use super::steps::{Point, reach};
use super::wishes::Wishes;
use super::within::Within;
use crate::cfg::{FlowGraph, Loop};
use crate::code::{Code, NO_REG, Value, flag};
use crate::ir::entity::{TypedVec, make_room};
use crate::ir::{Block, Inst, Machine, PerClass};
use alloc::vec::Vec;
use core::hint::select_unpredictable;

/// The distance of a value that has no next use.
pub(crate) const DEAD: u32 = u32::MAX;
/// The distance of a use that is known to exist, but not where; and of one that memory serves as well.
pub(crate) const FAR: u32 = 1 << 30;
/// The position of the next use of a value that goes round a loop whose header has it in memory: until then, no register is of use to it.
pub(crate) const FROM_MEMORY: u32 = FAR + 1;
/// The position of the first use of a value that is only passed on, to a parameter that has been met before.
const USED: u32 = u32::MAX - 1;
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

impl LiveIn {
    /// Seen from so much further away, at most [`FAR`]. (Nothing in a list is farther than that, so the sum does not overflow.)
    #[inline(always)]
    fn further(self, by: u32) -> Self {
        Self { value: self.value, distance: (self.distance + by).min(FAR) }
    }
}

/// What is known of a block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockLiveness {
    start: u32,
    end: u32,
    /// Behind `end` and up to here: values that the list has no room for, but that the block itself uses.
    used_end: u32,
    /// What the list's distances fall short by: a block that does nothing has its successor's list.
    further: u32,
    /// The most values that are live at once, of those that are made in the innermost loop around the block.
    pub(crate) pressure: PerClass<u32>,
    /// The most of them that are live across one call.
    pub(crate) call_pressure: PerClass<u32>,
    /// How many instructions come before its first call; [`DEAD`] without one.
    pub(crate) first_call: u32,
    /// Is its jump all that it consists of?
    pub(crate) is_bare: bool,
}

impl BlockLiveness {
    /// Has it calls?
    #[inline]
    pub(crate) fn has_call(&self) -> bool {
        self.first_call != DEAD
    }
}

/// What is known of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// At the point where the walk is: the distance from the start of the block to the value's next use, [`DEAD`] without.
    pub(super) distance: u32,
    /// How many events ([`super::wishes`]), calls among them, had been seen in all blocks when the value's last use in this one was.
    pub(super) events: u32,
    /// How often the blocks are executed that use it but did not make it: how often it might have to be loaded.
    pub(super) use_frequency: f32,
    /// The position in the order of the block that defines it.
    pub(super) born: u32,
    /// The position of its first use in the order of the blocks, by an instruction, or by one that uses a parameter which it becomes on
    /// the way forward; [`USED`] if it is only used otherwise, [`DEAD`] if it is dead. (A value that fell off a list is not.)
    pub(super) first_use: u32,
    /// Its class, as an index.
    pub(super) class: u8,
    /// The register, by number in its class, that the value would like at its first mention; [`NO_REG`] without.
    pub(super) wish: u8,
    /// The register that an instruction makes it in, if it is fixed to one; else [`NO_REG`].
    pub(super) made_in: u8,
    pub(super) crosses_call: bool,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct NextUses {
    /// The lists of all blocks, [`Self::listed`] values. What is behind them is to be overwritten.
    list: Vec<LiveIn>,
    listed: usize,
    pub(crate) blocks: TypedVec<Block, BlockLiveness>,
    /// Distance from the start of its block to a parameter's first use; of other values, nothing.
    pub(crate) param_distance: TypedVec<Value, u32>,
    /// The registers that values would like.
    pub(crate) wishes: Wishes,
    pub(super) lives: TypedVec<Value, Life>,
    pub(super) live: Vec<Value>,
    /// What loops use behind loops within.
    pub(super) within: Within,
    limit: usize,
}

impl NextUses {
    /// The values that are live into `block`, the nearest few.
    #[inline]
    pub(crate) fn live_in(&self, block: Block) -> impl ExactSizeIterator<Item = LiveIn> + Clone {
        let BlockLiveness { start, end, further, .. } = self.blocks[block];
        self.list[start as usize..end as usize].iter().map(move |live| live.further(further))
    }

    /// The same, and whatever else the block itself uses; distances fall short by the number that comes with them.
    #[inline]
    pub(crate) fn live_in_or_used(&self, block: Block) -> (&[LiveIn], u32) {
        let BlockLiveness { start, used_end, further, .. } = self.blocks[block];
        (&self.list[start as usize..used_end as usize], further)
    }

    /// The class of each value, as an index, and whether it, or a parameter that it becomes, is live across a call.
    pub(crate) fn classes_and_crossing(&self) -> impl ExactSizeIterator<Item = (u8, bool)> {
        self.lives.as_slice().iter().map(|life| (life.class, life.crosses_call))
    }

    /// How often the blocks are executed that use the value but did not make it: how often it might have to be loaded.
    #[inline(always)]
    pub(crate) fn use_frequency(&self, value: Value) -> f32 {
        self.lives[value].use_frequency
    }

    /// The position, in the order of the blocks, of the first instruction that uses the value, or a parameter that it becomes on the way
    /// forward. The parameter of a loop header is just passed on by the loop if that is behind the loop's end.
    #[inline]
    pub(crate) fn first_use(&self, value: Value) -> u32 {
        self.lives[value].first_use
    }

    /// The register, by number in its class, that the value would like at its first mention; [`NO_REG`] without.
    #[inline(always)]
    pub(crate) fn wish(&self, value: Value) -> u8 {
        self.lives[value].wish
    }

    /// The register, by number in its class, that an instruction makes the value in, if it is fixed to one; else [`NO_REG`].
    #[inline(always)]
    pub(crate) fn made_in(&self, value: Value) -> u8 {
        self.lives[value].made_in
    }

    /// Marks the value as live across a call.
    pub(super) fn set_crosses_call(&mut self, value: Value) {
        self.lives[value].crosses_call = true;
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

    /// Fills the results for `code`; also sets the hints and next uses of its operands. `careful`: are
    /// wishes to be handed on from block to block, and does it matter which registers had best be avoided?
    pub(crate) fn run(&mut self, code: &mut Code, flow: &FlowGraph, machine: &Machine, careful: bool) {
        let (blocks, values) = (flow.graph.num_blocks(), code.values.len());
        self.limit = Self::list_limit(machine);
        self.listed = 0;
        self.blocks.reset(blocks, BlockLiveness::default());
        self.param_distance.set_len(values, DEAD);
        self.lives.clear();
        self.lives.extend(code.values.iter().map(|(_, def)| Life {
            distance: DEAD,
            events: 0,
            use_frequency: 0.0,
            born: flow.order.position(def.block),
            first_use: DEAD,
            class: def.class as u8,
            wish: NO_REG,
            made_in: NO_REG,
            crosses_call: false,
        }));
        self.wishes.reset(code.insts.len() - 1, blocks, flow.loops.num(), careful);
        self.within.reset(flow.loops.num());
        // (The quick setting has no second attempt for what this might spoil.)
        let looks_within = careful && flow.loops.num() > 1;
        for &block in flow.order.order().iter().rev() {
            self.block(code, flow, block);
            if looks_within && let Some(of) = flow.loops.is_header(block) {
                self.find_used_within(flow, block, of);
            }
        }
    }

    fn block(&mut self, code: &mut Code, flow: &FlowGraph, block: Block) {
        let is_bare = code.only_jumps(&flow.graph, block);
        if is_bare && self.is_like_successor(code, flow, block) {
            return;
        }
        let of = flow.loops.block_loop(block);
        let (first, others) = if of == Loop::ROOT {
            (0, u32::MAX)
        } else {
            let positions = flow.order.positions(of);
            (*positions.start(), positions.end() - positions.start())
        };
        let mut at = Point {
            start: flow.start(block),
            offset: flow.block_len(block),
            first,
            others,
            live: [0; 4],
            pressure: [0; 3],
            call_pressure: [0; 3],
            last_call: 0,
            first_call: DEAD,
        };
        self.live.clear();
        self.live_out(code, flow, block, &mut at);
        self.wishes.start_block();
        at.pressure = [at.live[0], at.live[1], at.live[2]];
        let first = flow.graph.first(block);
        let Code { insts, ops, clobber_sets, .. } = &mut *code;
        let infos = &insts.as_slice()[first.index()..=flow.graph.end(block).index()];
        for pair in infos.windows(2).rev() {
            at.offset -= 1;
            let &[info, next] = pair else { continue };
            if info.ops == next.ops && info.flags() & flag::KILLS == 0 {
                continue;
            }
            let ops = &mut ops.as_mut_slice()[info.ops.index()..next.ops.index()];
            self.inst(Inst(first.0 + at.offset), info, clobber_sets, ops, &mut at);
        }
        for &param in code.params(block) {
            let life = &mut self.lives[param];
            let distance = core::mem::replace(&mut life.distance, DEAD);
            life.crosses_call |= distance != DEAD && life.events < at.last_call;
            // One that is used somewhere is not dead.
            self.param_distance[param] = if distance == DEAD && life.first_use != DEAD { FAR } else { distance };
        }
        let start = self.listed;
        let (length, frequency) = (flow.block_len(block), flow.frequencies.of(block).to_bits());
        self.room_for(self.live.len());
        let (list, lives) = (&mut self.list[start..], self.lives.as_mut_slice());
        // Whether a value that was live in the block is live into it is beyond guessing: all are listed, and those that are not are
        // overwritten by the next.
        let mut kept = 0;
        for &value in &self.live {
            let life = &mut lives[value.index()];
            let distance = core::mem::replace(&mut life.distance, DEAD);
            life.use_frequency += f32::from_bits(select_unpredictable(distance < length, frequency, 0));
            if at.last_call != 0 {
                life.crosses_call |= (distance != DEAD) & (life.events < at.last_call);
            }
            list[kept] = LiveIn { value, distance };
            kept += usize::from(distance != DEAD);
        }
        let mut end = kept;
        if kept > self.limit {
            list[..kept].select_nth_unstable_by_key(self.limit, |x| (x.distance, x.value));
            end = self.limit;
            let all = core::mem::replace(&mut kept, end);
            for index in end..all {
                if list[index].distance < length {
                    list[kept] = list[index];
                    kept += 1;
                }
            }
        }
        self.listed = start + kept;
        self.wishes.finish_block(flow, block);
        self.blocks[block] = BlockLiveness {
            start: start as u32,
            end: (start + end) as u32,
            used_end: self.listed as u32,
            pressure: at.pressure,
            call_pressure: at.call_pressure,
            first_call: at.first_call,
            is_bare,
            further: 0,
        };
    }

    /// If nothing happens in the block, what is live in its only successor is live here as well, and so is what becomes parameters of that. Shares
    /// the successor's list if it has no parameters; else copies it and adds to it, unless the way there leaves a loop.
    fn is_like_successor(&mut self, code: &Code, flow: &FlowGraph, block: Block) -> bool {
        let mut edges = flow.graph.succ_edges(block);
        let (Some(edge), None) = (edges.next(), edges.next()) else { return false };
        let to = flow.graph.edge(edge).to;
        if flow.is_back_edge(edge) || !code.params(block).is_empty() {
            return false;
        }
        let BlockLiveness { start, end, further, .. } = self.blocks[to];
        let (mut start, mut end) = (start as usize, end as usize);
        let (length, penalty) = (flow.block_len(block), exit_penalty(flow, block, to));
        let params = code.params(to);
        if params.is_empty() {
            self.wishes.share(block, to);
        } else {
            if penalty != 0 || end - start + params.len() > self.limit {
                return false;
            }
            let args = code.args(edge, params.len());
            let there = start..end;
            self.room_for(there.len() + params.len());
            start = self.listed;
            self.listed += there.len();
            self.list.copy_within(there, start);
            for (&param, &arg) in params.iter().zip(args) {
                self.add_argument(start, param, arg);
            }
            end = self.listed;
            self.wishes.start_out(flow.loops.block_loop(block));
            if self.wishes.reach_back() {
                self.wishes.inherit(self.lives.as_mut_slice(), to, params, args);
            }
            self.wishes.start_block();
            self.wishes.finish_block(flow, block);
        }
        // (Its pressure counts with the successor, which is in every loop that it is in.)
        self.blocks[block] = BlockLiveness {
            start: start as u32,
            end: end as u32,
            used_end: end as u32,
            further: further.saturating_add(length.saturating_add(penalty)).min(FAR),
            first_call: DEAD,
            is_bare: true,
            ..BlockLiveness::default()
        };
        true
    }

    /// Adds to the list from `start` on what becomes the parameter `param` of the block that the list is of.
    fn add_argument(&mut self, start: usize, param: Value, arg: Value) {
        let distance = self.param_distance[param];
        if distance == DEAD {
            return;
        }
        pass_on(self.lives.as_mut_slice(), param, arg, true);
        match self.list[start..self.listed].iter_mut().find(|live| live.value == arg) {
            Some(live) => live.distance = live.distance.min(distance),
            None => {
                self.list[self.listed] = LiveIn { value: arg, distance };
                self.listed += 1;
            }
        }
    }

    /// Sees to it that so many more values can be listed.
    #[inline]
    fn room_for(&mut self, more: usize) {
        let needed = self.listed + more;
        if needed > self.list.len() {
            let missing = needed - self.list.len();
            make_room(&mut self.list, missing);
            self.list.resize(self.list.capacity(), LiveIn { value: Value::invalid(), distance: DEAD });
        }
    }

    /// Starts from what the successors want.
    fn live_out(&mut self, code: &Code, flow: &FlowGraph, block: Block, at: &mut Point) {
        let length = flow.block_len(block);
        let Self { list, lives, live, wishes, .. } = self;
        let lives = lives.as_mut_slice();
        wishes.start_out(flow.loops.block_loop(block));
        for edge in flow.graph.succ_edges(block) {
            let to = flow.graph.edge(edge).to;
            let forward = !flow.is_back_edge(edge);
            if forward {
                let BlockLiveness { start, end, further, .. } = self.blocks[to];
                let add = length.saturating_add(exit_penalty(flow, block, to)).saturating_add(further).min(FAR);
                for there in &list[start as usize..end as usize] {
                    let LiveIn { value, distance } = there.further(add);
                    reach(lives, live, value, distance, at);
                }
            }
            let params = code.params(to);
            // What is wanted once behind a loop is no reason for moves within.
            if forward && wishes.reach_back() && flow.loops_left(block, to) == 0 {
                wishes.inherit(lives, to, params, code.args(edge, params.len()));
            }
            if params.is_empty() {
                continue;
            }
            for (&param, &arg) in params.iter().zip(code.args(edge, params.len())) {
                let distance = if forward { self.param_distance[param] } else { BACK_EDGE_ARGUMENT };
                if distance != DEAD {
                    pass_on(lives, param, arg, forward);
                    reach(lives, live, arg, (distance + length).min(FAR), at);
                }
            }
        }
    }
}

/// What is known of a parameter holds for its argument, on a way `forward` or on one back.
#[inline(always)]
fn pass_on(lives: &mut [Life], param: Value, arg: Value, forward: bool) {
    let Life { crosses_call, first_use, .. } = lives[param.index()];
    let life = &mut lives[arg.index()];
    life.first_use = life.first_use.min(if forward { first_use } else { USED });
    // An argument had best be made where the parameter will do.
    life.crosses_call |= forward && crosses_call;
}
