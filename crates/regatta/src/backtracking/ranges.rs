//! Live ranges: the stretches of points at which each value is needed, and what needs it.
//!
//! One walk backwards over the blocks in their order. The values that are live out of a block are those that are live
//! into its successors, plus the arguments it passes. An edge back to a loop's header is not followed: what is live
//! into the header is live in the whole loop, and since a loop's blocks are consecutive, that is one range from the
//! header's entry to the loop's end, which takes in what had been found inside. (C. Wimmer and M. Franz, *Linear scan
//! register allocation on SSA form*, CGO 2010.) An irreducible loop is also entered past its header; the sources of
//! such edges take over what is live into the header. If an edge enters several loops, the outermost's header is
//! enough: what is live into one within, and is not made in the loop around it, is live all through that.
//!
//! Operands that ask for a certain place are kept apart from the live range. The value of a *fixed use* is copied to
//! the register in front of the instruction, and need not live any longer for that; that of a *fixed definition* is
//! copied from the register behind it, and begins to live there. The instruction *claims* the register at its points,
//! as it does those that it clobbers. The input that a definition reuses is copied in front of the instruction into the
//! definition's location, which for that reason is taken from the early point on. So none of the three restricts the
//! live range, and where both sides of the copy get the same register, there is none.
//!
//! What remains on a live range are [`Use`]s, sorted, each with the points that it covers and with what it costs if the
//! value is in memory there.
//!
//! Cost: linear in operands and in the number of pairs of a block and a value that is live into it. ([`LiveIn`] keeps
//! these pairs in less storage.)

mod operands;
mod uses;

pub(crate) use uses::{ArgIndex, CopyIn, CopyIndex, NUM_LIMITS, SlotOperand, Use, UseKind, limit_mask};
use uses::{NO_LIMIT, STORE};

use super::live_in::LiveIn;
use super::points::{Point, Points};
use crate::cfg::{FlowGraph, Loop};
use crate::code::{Code, OpIndex, Value, ValueDef};
use crate::ir::entity::{TypedVec, entity};
use crate::ir::{Block, Inst, Machine, PerClass};
use alloc::vec::Vec;

entity! {
    /// A stretch of points in the making.
    struct Open, "open"
}

/// Points `from..to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Point,
    pub(crate) to: Point,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct LiveRanges {
    spans: Vec<Span>,
    span_start: TypedVec<Value, u32>,
    /// All uses, by value and then by point.
    pub(crate) uses: Vec<Use>,
    use_start: TypedVec<Value, u32>,
    /// Registers that instructions claim, by class, in descending order of points.
    pub(crate) claims: PerClass<Vec<(Point, u64)>>,
    /// Copies in front of instructions to registers of no fixed name.
    pub(crate) copies: TypedVec<CopyIndex, CopyIn>,
    /// How many values there are that do not occur in the code, numbered behind those that do: second copies of some at
    /// one instruction.
    pub(crate) num_extra: usize,
    extra: Vec<ValueDef>,
    /// Uses in any register of values that another operand of the instruction brings into a register: the use and that
    /// operand.
    pub(crate) links: Vec<(OpIndex, OpIndex)>,
    /// Operands that must be in the value's slot.
    pub(crate) stack_operands: Vec<SlotOperand>,
    live: Vec<Value>,
    live_in: LiveIn,
    /// The block's base (see [`LiveIn`]), and how many values of `live` are from there.
    base: Option<Block>,
    from_base: usize,
    undefined: Value,
    /// For each loop, the value made last of those that are live into its header and the headers around it. Filled only
    /// if there are irreducible loops.
    latest: TypedVec<Loop, Value>,
    /// The block in which the value was last found live, plus one; 0 after its definition.
    alive: TypedVec<Value, u32>,
    head: TypedVec<Value, Open>,
    open: TypedVec<Open, (Span, Open)>,
    found: Vec<(Value, Use)>,
    /// At an instruction, the operand for which a value is copied to a register.
    copied_for: TypedVec<Value, OpIndex>,
}

impl LiveRanges {
    /// Where `value` is live, in order.
    #[inline]
    pub(crate) fn spans(&self, value: Value) -> &[Span] {
        let starts = self.span_start.as_slice();
        &self.spans[starts[value.index()] as usize..starts[value.index() + 1] as usize]
    }

    /// The uses of `value`, as indices into `uses`.
    #[inline]
    pub(crate) fn uses_of(&self, value: Value) -> core::ops::Range<u32> {
        let starts = self.use_start.as_slice();
        starts[value.index()]..starts[value.index() + 1]
    }

    /// A value that is used, in code that can be reached, where its definition has not been executed.
    pub(crate) fn undefined(&self) -> Option<Value> {
        Some(self.undefined).filter(|value| value.is_valid())
    }

    /// Has the value an operand in its slot?
    pub(crate) fn is_made_in_slot(&self, value: Value) -> bool {
        self.stack_operands.iter().any(|operand| operand.value == value)
    }

    /// Finds the live ranges of all values, and adds second copies of some to the code's values.
    pub(crate) fn run(&mut self, code: &mut Code, flow: &FlowGraph, machine: &Machine) {
        let values = code.values.len();
        self.claims.iter_mut().for_each(Vec::clear);
        self.copies.clear();
        self.extra.clear();
        self.stack_operands.clear();
        self.links.clear();
        self.copied_for.reset(values, OpIndex::invalid());
        self.live_in.reset(flow.graph.num_blocks());
        self.undefined = Value::invalid();
        self.alive.reset(values, 0);
        self.head.reset(values, Open::invalid());
        self.open.clear();
        self.found.clear();
        for &block in flow.order.order().iter().rev() {
            self.block(code, flow, machine, block);
        }
        if flow.loops.any_irreducible() {
            self.look_past_headers(code, flow);
        }
        self.num_extra = self.extra.len();
        for def in self.extra.drain(..) {
            code.values.push(def);
        }
        self.compact(code.values.len());
    }

    fn block(&mut self, code: &Code, flow: &FlowGraph, machine: &Machine, block: Block) {
        self.live.clear();
        self.live_out(code, flow, block);
        let mut walk = Walk {
            code,
            block,
            entry: Points::entry(flow, block),
            exit: Points::exit(flow, block),
            frequency: flow.frequencies.of(block),
            can_be_reached: flow.graph.is_reachable(block),
        };
        let first = flow.graph.first(block);
        for inst in (first.0..flow.graph.end(block).0).rev() {
            let early = Point::early(flow.start(block) + inst - first.0);
            self.inst(&mut walk, machine, Inst(inst), early);
        }
        for &param in code.params(block) {
            if self.alive[param] == block.0 + 1 {
                self.alive[param] = 0;
                let use_ = Use {
                    from: walk.entry,
                    to: walk.entry.plus(1),
                    kind: UseKind::Param,
                    weight: STORE * walk.frequency,
                    limit: NO_LIMIT,
                };
                self.found.push((param, use_));
            }
        }
        self.list_live_in(code, flow, block);
        let of = flow.loops.block_loop(block);
        if of != Loop::ROOT && flow.loops.header(of) == block {
            self.live_through(Span { from: walk.entry, to: Point(2 * flow.loop_end(of) + 1) });
        }
    }

    /// Notes what is live into the block: what is left in `live`.
    fn list_live_in(&mut self, code: &Code, flow: &FlowGraph, block: Block) {
        let (mut kept, mut kept_of_base) = (0, 0);
        let can_be_reached = flow.graph.is_reachable(block);
        for index in 0..self.live.len() {
            let value = self.live[index];
            if self.alive[value] != block.0 + 1 {
                continue;
            }
            if can_be_reached && flow.start(code.values[value].block) >= flow.start(block) {
                self.undefined = value;
            }
            self.live[kept] = value;
            kept += 1;
            kept_of_base += usize::from(index < self.from_base);
        }
        self.live.truncate(kept);
        self.live_in.list(block, self.base, &self.live, kept_of_base);
    }

    /// Makes live what the successors need.
    fn live_out(&mut self, code: &Code, flow: &FlowGraph, block: Block) {
        let whole = Span { from: Points::entry(flow, block), to: Points::exit(flow, block).plus(1) };
        let ahead = flow.graph.succ_edges(block).filter(|&edge| !flow.is_back_edge(edge));
        let others = ahead.map(|edge| flow.graph.edge(edge).to);
        let base = others.clone().max_by_key(|&to| self.live_in.len(to));
        if let Some(base) = base {
            self.take_over(code, flow, block, base, whole);
        }
        self.base = base.filter(|_| flow.graph.is_reachable(block));
        self.from_base = self.live.len();
        for to in others {
            if Some(to) != base {
                self.take_over(code, flow, block, to, whole);
            }
            if flow.loops.any_irreducible() {
                let header = flow.loops.entered_at(block, to);
                if header != to && Some(header) != base {
                    self.take_over(code, flow, block, header, whole);
                }
            }
        }
        for edge in flow.graph.succ_edges(block) {
            let to = flow.graph.edge(edge).to;
            let frequency = flow.edge_frequency(edge);
            let params = code.params(to).len();
            for (&arg, index) in code.args(edge, params).iter().zip(code.arg_index(edge)..) {
                self.make_live(block, arg, whole);
                let from = whole.to.prev();
                let kind = UseKind::Arg(ArgIndex(index));
                self.found.push((arg, Use { from, to: whole.to, kind, weight: STORE * frequency, limit: NO_LIMIT }));
            }
        }
    }

    /// Looks for values that are undefined where an edge enters several loops past their headers: those that are live
    /// into a header within, but made behind the edge's source.
    fn look_past_headers(&mut self, code: &Code, flow: &FlowGraph) {
        let start = |value: Value| if value.is_valid() { flow.start(code.values[value].block) } else { 0 };
        self.latest.reset(flow.loops.num(), Value::invalid());
        for of in (1..flow.loops.num()).map(Loop::new) {
            let header = flow.loops.header(of);
            let mut last = self.latest[flow.loops.parent(of)];
            let mut list = self.live_in.chain(header);
            while let Some(values) = self.live_in.next_part(&mut list) {
                let values = values.map(|index| self.live_in.value(index));
                let known = values.filter(|&value| start(value) < flow.start(header));
                last = known.chain([last]).max_by_key(|&value| start(value)).unwrap_or(last);
            }
            self.latest[of] = last;
        }
        for &block in flow.order.order().iter().filter(|&&block| flow.graph.is_reachable(block)) {
            for edge in flow.graph.succ_edges(block).filter(|&edge| !flow.is_back_edge(edge)) {
                let last = self.latest[flow.loops.block_loop(flow.graph.edge(edge).to)];
                if start(last) > flow.start(block) {
                    self.undefined = last;
                }
            }
        }
    }

    /// Makes live what is live into the block `from`.
    fn take_over(&mut self, code: &Code, flow: &FlowGraph, block: Block, from: Block, whole: Span) {
        let can_be_reached = flow.graph.is_reachable(from);
        let mut list = self.live_in.chain(from);
        while let Some(values) = self.live_in.next_part(&mut list) {
            for index in values {
                let value = self.live_in.value(index);
                // What was live further on may be defined in between.
                if !can_be_reached || flow.start(code.values[value].block) < flow.start(from) {
                    self.make_live(block, value, whole);
                }
            }
        }
    }

    /// From `span.from` to `span.to`, `value` is live.
    #[inline]
    fn make_live(&mut self, block: Block, value: Value, span: Span) {
        if self.alive[value] == block.0 + 1 {
            // The only news can be that it lives a point longer, at the instruction where it was found.
            let head = &mut self.open[self.head[value]].0;
            head.to = head.to.max(span.to);
            return;
        }
        self.alive[value] = block.0 + 1;
        self.live.push(value);
        self.push(value, span);
    }

    fn push(&mut self, value: Value, span: Span) {
        let head = self.head[value];
        if head.is_valid() && self.open[head].0.from <= span.to {
            let known = &mut self.open[head].0;
            known.from = known.from.min(span.from);
            known.to = known.to.max(span.to);
        } else {
            self.head[value] = self.open.push((span, head));
        }
    }

    /// What is live into the header, which is listed in `live`, is live in the whole loop.
    fn live_through(&mut self, whole: Span) {
        for &value in &self.live {
            let mut span = whole;
            let mut head = self.head[value];
            while head.is_valid() && self.open[head].0.from <= span.to {
                span.to = span.to.max(self.open[head].0.to);
                head = self.open[head].1;
            }
            self.head[value] = self.open.push((span, head));
        }
    }

    /// Lists spans and uses by value, each in ascending order.
    fn compact(&mut self, values: usize) {
        self.spans.clear();
        self.span_start.clear();
        for (_, &head) in self.head.iter() {
            self.span_start.push(self.spans.len() as u32);
            let mut at = head;
            while at.is_valid() {
                let (span, next) = self.open[at];
                self.spans.push(span);
                at = next;
            }
        }
        self.span_start.push(self.spans.len() as u32);
        self.use_start.reset(values + 1, 0);
        for (value, _) in &self.found {
            self.use_start.as_mut_slice()[value.index() + 1] += 1;
        }
        let starts = self.use_start.as_mut_slice();
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let Some(&(_, filler)) = self.found.first() else {
            self.uses.clear();
            return;
        };
        self.uses.clear();
        self.uses.resize(self.found.len(), filler);
        // They were found from the end of the code to its beginning. Each list is filled backwards, which moves its
        // start; what was the start is the start again when all are in.
        for &(value, use_) in self.found.iter().rev() {
            let slot = &mut starts[value.index()];
            self.uses[*slot as usize] = use_;
            *slot += 1;
        }
        starts.rotate_right(1);
        starts[0] = 0;
        for index in 0..values {
            let list = &mut self.uses[starts[index] as usize..starts[index + 1] as usize];
            if !list.is_sorted_by_key(|u| u.from) {
                list.sort_by_key(|u| u.from);
            }
        }
    }
}

/// The walk through one block.
struct Walk<'a> {
    code: &'a Code,
    block: Block,
    entry: Point,
    exit: Point,
    frequency: f32,
    can_be_reached: bool,
}
