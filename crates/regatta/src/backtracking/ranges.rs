//! Live ranges: the stretches of points at which each value is needed, and what needs it.
//!
//! One walk backwards over the blocks in their order. The values that are live out of a block are those that are live
//! into its successors, plus the arguments it passes. An edge back to a loop's header is not followed: what is live
//! into the header is live in the whole loop, and since a loop's blocks are consecutive, that is one range from the
//! header's entry to the loop's end, which takes in what had been found inside. (C. Wimmer and M. Franz, *Linear scan
//! register allocation on SSA form*, CGO 2010.) An irreducible loop is also entered past its header; the sources of
//! such edges take over what is live into the header.
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

use super::live_in::LiveIn;
use super::points::{Point, Points};
use crate::cfg::{FlowGraph, Loop};
use crate::code::{Code, Op, OpIndex, REUSED, Value, ValueDef, Want, flag};
use crate::ir::entity::{TypedVec, entity};
use crate::ir::{Block, Inst, Machine, PerClass};
use alloc::vec::Vec;

entity! {
    /// An argument, numbered as in [`Code`]: through all edges.
    pub(crate) struct ArgIndex, "arg"
}

entity! {
    /// A copy to a register of no fixed name, in front of an instruction.
    pub(crate) struct CopyIndex, "copy"
}

entity! {
    /// A stretch of points in the making.
    struct Open, "open"
}

/// What a use asks of the value's location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UseKind {
    /// A parameter gets its value on the edges.
    Param,
    /// The value comes from the fixed place of a definition.
    FixedDef(OpIndex),
    /// The value is made in its slot.
    StackDef,
    /// A definition in a register.
    Def(OpIndex),
    /// A definition anywhere.
    AnyDef(OpIndex),
    /// A use in a register.
    Reg(OpIndex),
    /// A use anywhere.
    Any(OpIndex),
    /// A copy to the fixed register of an operand.
    Copy(OpIndex),
    /// A copy to where another operand is.
    Input(CopyIndex),
    /// The value is passed to a parameter.
    Arg(ArgIndex),
}

/// A use of a value, or its definition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    /// The points at which the location must be as asked.
    pub(crate) from: Point,
    pub(crate) to: Point,
    pub(crate) kind: UseKind,
    /// What it costs if the value is in memory, times frequency.
    pub(crate) weight: f32,
    /// Only the first `2^limit` registers will do.
    pub(crate) limit: u8,
}

impl Use {
    /// Must the value be in a register there?
    #[inline]
    pub(crate) fn needs_register(&self) -> bool {
        matches!(self.kind, UseKind::Def(_) | UseKind::Reg(_))
    }

    /// The registers, by number in the class, that the use allows.
    #[inline]
    pub(crate) fn limit_mask(&self) -> u64 {
        if self.kind == UseKind::StackDef {
            0
        } else if self.limit >= NO_LIMIT {
            !0
        } else {
            (1 << (1 << self.limit)) - 1
        }
    }

    /// Does the value begin here?
    #[inline]
    pub(crate) fn begins(&self) -> bool {
        use UseKind::*;
        matches!(self.kind, Param | FixedDef(_) | StackDef | Def(_) | AnyDef(_))
    }
}

/// [`Use::limit`] of a use that all registers will do for.
const NO_LIMIT: u8 = 6;

/// A copy of what an operand reads to where an operand is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CopyIn {
    /// The early point of the instruction.
    pub(crate) early: Point,
    /// The definition that reuses the input's register; or the input itself, if it is read from a second copy of its
    /// value.
    pub(crate) to: OpIndex,
    pub(crate) input: OpIndex,
}

/// An operand in a slot, at the points `from..to`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotOperand {
    pub(crate) op: OpIndex,
    pub(crate) value: Value,
    pub(crate) from: Point,
    pub(crate) to: Point,
}

/// Points `from..to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Point,
    pub(crate) to: Point,
}

/// What a move in memory costs; see the weights of the thorough allocator's design: 4 a load, 1 a store, 0.2 a move.
const LOAD: f32 = 4.0;
const STORE: f32 = 1.0;
const MOVE: f32 = 0.2;
const STACK_OPERAND: f32 = 2.0;

/// The blocks whose live-in values are live out of `block`, from which an edge that is no back edge leads to `to`: that
/// one, and the headers past which the edge leads into loops.
fn sources(flow: &FlowGraph, block: Block, to: Block) -> impl Iterator<Item = Block> + '_ {
    let mut of = flow.loops.block_loop(to);
    let headers = core::iter::from_fn(move || {
        while of != Loop::ROOT && !flow.order.contains(of, block) {
            let header = flow.loops.header(of);
            of = flow.loops.parent(of);
            if header != to {
                return Some(header);
            }
        }
        None
    });
    core::iter::once(to).chain(headers)
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
            for from in sources(flow, block, to).filter(|&from| Some(from) != base) {
                self.take_over(code, flow, block, from, whole);
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

    /// Steps over one instruction, backwards.
    fn inst(&mut self, walk: &mut Walk<'_>, machine: &Machine, inst: Inst, early: Point) {
        let (code, late) = (walk.code, early.plus(1));
        let info = code.insts[inst];
        let mut claimed = [[0u64; 2]; 3];
        if info.flags() & flag::KILLS != 0 {
            let clobbers = code.clobber_sets[info.clobbers()];
            for c in 0..3 {
                claimed[c][1] |= clobbers[c];
            }
        }
        let ops = code.op_range(inst);
        let copies = info.flags() & (flag::FIXED_USE | flag::REUSE) != 0;
        if copies {
            self.link(code, machine, ops.clone());
            for op in code.ops.as_slice()[ops.clone()].iter().filter(|op| op.is_use() && op.want == Want::Fixed) {
                claimed[op.class()][0] |= 1 << op.reg;
                claimed[op.class()][1] |= if op.is_late() { 1 << op.reg } else { 0 };
            }
        }
        if info.flags() & flag::DEFINES != 0 {
            for index in ops.clone() {
                let op = code.ops.as_slice()[index];
                if op.is_def() {
                    self.definition(walk, ops.start, OpIndex::new(index), early, &mut claimed);
                }
            }
        }
        for index in ops.clone() {
            let op = code.ops.as_slice()[index];
            if !op.is_use() || copies && self.is_linked(code, machine, OpIndex::new(index), op) {
                continue;
            }
            if op.is_late() && op.want == Want::Reg && self.is_torn(code, machine, ops.clone(), op, claimed[op.class()])
            {
                self.copy_apart(walk, OpIndex::new(index), op, early);
            } else {
                self.operand(walk, OpIndex::new(index), op, early);
            }
        }
        if copies {
            for op in &code.ops.as_slice()[ops] {
                if op.is_use() {
                    self.copied_for[op.value] = OpIndex::invalid();
                }
            }
        }
        if info.flags() & (flag::KILLS | flag::FIXED_USE | flag::REUSE) != 0 {
            for (c, claims) in self.claims.iter_mut().enumerate() {
                for (point, mask) in [(late, claimed[c][1]), (early, claimed[c][0])] {
                    let mask = mask & machine.allocatable[c];
                    if mask != 0 {
                        claims.push((point, mask));
                    }
                }
            }
        }
    }

    /// Finds operands for which a value is copied to a register in front of the instruction, where other operands can
    /// read it too. (If the value ends there, that lets its live range end in front of the instruction.)
    fn link(&mut self, code: &Code, machine: &Machine, ops: core::ops::Range<usize>) {
        for index in ops.clone() {
            let op = code.ops.as_slice()[index];
            if op.is_use() && (op.want == Want::Fixed || op.role & REUSED != 0) {
                self.copied_for[op.value] = OpIndex::new(index);
            }
        }
        for index in ops {
            let op = code.ops.as_slice()[index];
            if op.is_use() && self.is_linked(code, machine, OpIndex::new(index), op) {
                self.links.push((OpIndex::new(index), self.copied_for[op.value]));
            }
        }
    }

    /// Does the operand read its value where another operand has brought it?
    fn is_linked(&self, code: &Code, machine: &Machine, index: OpIndex, op: Op) -> bool {
        let to = self.copied_for[op.value];
        let may_share = matches!(op.want, Want::Reg | Want::Any) && op.role & REUSED == 0;
        if !may_share || to.is_invalid() || to == index {
            return false;
        }
        let target = code.ops[to];
        if op.is_late() && !(target.is_late() && target.want == Want::Fixed) {
            return false;
        }
        if target.want == Want::Fixed {
            let usable = machine.allocatable[op.class()] & !machine.stack[op.class()] & op.limit_mask();
            usable >> target.reg & 1 != 0
        } else {
            // A limit would become one of the definition.
            op.want == Want::Any || op.reg >= NO_LIMIT
        }
    }

    /// Had the value of a late use better not be in one register all through the instruction, as early uses of it leave
    /// it next to no choice?
    #[cold]
    fn is_torn(
        &self,
        code: &Code,
        machine: &Machine,
        ops: core::ops::Range<usize>,
        late: Op,
        claimed: [u64; 2],
    ) -> bool {
        let c = late.class();
        let mut common = machine.allocatable[c] & !machine.stack[c] & late.limit_mask() & !claimed[0] & !claimed[1];
        let mut is_limited = false;
        for index in ops {
            let op = code.ops.as_slice()[index];
            let is_early = op.is_use() && op.value == late.value && op.want == Want::Reg && !op.is_late();
            if is_early && op.role & REUSED == 0 && !self.is_linked(code, machine, OpIndex::new(index), op) {
                common &= op.limit_mask();
                is_limited |= op.reg != late.reg;
            }
        }
        common == 0 || is_limited && common.count_ones() <= 2
    }

    /// Gives a use a copy of its value for itself.
    #[cold]
    fn copy_apart(&mut self, walk: &mut Walk<'_>, index: OpIndex, op: Op, early: Point) {
        let copy = self.copies.push(CopyIn { early, to: index, input: index });
        let frequency = walk.frequency;
        self.make_live(walk.block, op.value, Span { from: walk.entry, to: early });
        let (from, to, weight) = (early.prev(), early, (LOAD - MOVE) * frequency);
        let input = Use { from, to, kind: UseKind::Input(copy), weight, limit: NO_LIMIT };
        self.found.push((op.value, input));
        let class = walk.code.values[op.value].class;
        self.extra.push(ValueDef {
            block: walk.block,
            inst: Inst::invalid(),
            class,
            is_param: false,
            on_branch: false,
        });
        let value = self.head.push(Open::invalid());
        self.alive.push(0);
        self.copied_for.push(OpIndex::invalid());
        let (from, to) = (early, early.plus(2));
        self.push(value, Span { from, to });
        self.found.push((value, Use { from, to, kind: UseKind::Reg(index), weight: LOAD * frequency, limit: op.reg }));
    }

    fn definition(
        &mut self,
        walk: &mut Walk<'_>,
        first: usize,
        index: OpIndex,
        early: Point,
        claimed: &mut PerClass<[u64; 2]>,
    ) {
        let code = walk.code;
        let op = code.ops[index];
        let (late, next) = (early.plus(1), early.plus(2));
        let input = (op.want == Want::Reuse).then(|| OpIndex::new(first + usize::from(op.reg)));
        let fixed = match input.map(|input| code.ops[input]) {
            Some(input) => (input.want == Want::Fixed).then_some(input.reg),
            None => (op.want == Want::Fixed).then_some(op.reg),
        };
        if let Some(input) = input {
            self.copies.push(CopyIn { early, to: index, input });
        }
        if let Some(reg) = fixed {
            claimed[op.class()][1] |= 1 << reg;
            if !op.is_late() {
                claimed[op.class()][0] |= 1 << reg;
            }
        }
        if op.want == Want::Stack {
            let from = if op.is_late() { late } else { early };
            self.stack_operands.push(SlotOperand { op: index, value: op.value, from, to: next });
        }
        let was_live = self.alive[op.value] == walk.block.0 + 1;
        self.alive[op.value] = 0;
        let limit = match input.map_or(op, |input| code.ops[input]) {
            Op { want: Want::Reg, reg, .. } => reg,
            _ => NO_LIMIT,
        };
        let (from, to, kind, weight) = if fixed.is_some() || op.want == Want::Stack {
            // Not live here, a value may still be live in code that cannot be reached, behind this or (if this cannot be reached
            // either) before. Then its slot is written all the same, and nothing that lives across is to share it.
            let is_dead = self.head[op.value].is_invalid() && walk.can_be_reached;
            if !was_live && (op.want != Want::Stack || next == walk.exit || is_dead) {
                return;
            }
            if fixed.is_some() || next == walk.exit {
                (next, next.plus(1), UseKind::FixedDef(index), STORE - MOVE)
            } else {
                // The slot is the value's from here on, even if it is to be in a register.
                (if op.is_late() { late } else { early }, next, UseKind::StackDef, 0.0)
            }
        } else if input.is_some() || !op.is_late() {
            let kind = if op.want == Want::Any { UseKind::AnyDef(index) } else { UseKind::Def(index) };
            (early, next, kind, STORE)
        } else if op.want == Want::Any {
            (late, next, UseKind::AnyDef(index), STACK_OPERAND)
        } else {
            (late, next, UseKind::Def(index), STORE)
        };
        // What a branch defines in a fixed place is moved on the edges: its live ranges are those in the blocks that
        // follow.
        let is_branch = next == walk.exit && from == next;
        if was_live {
            let head = self.head[op.value];
            let (span, below) = &mut self.open[head];
            span.from = if is_branch { from.plus(1) } else { from };
            if span.from >= span.to {
                self.head[op.value] = *below;
            }
        } else {
            self.push(op.value, Span { from, to });
        }
        if !is_branch {
            self.found.push((op.value, Use { from, to, kind, weight: weight * walk.frequency, limit }));
        }
    }

    fn operand(&mut self, walk: &mut Walk<'_>, index: OpIndex, op: Op, early: Point) {
        let end = if op.is_late() { early.plus(2) } else { early.plus(1) };
        let (from, to, kind, weight) = match op.want {
            Want::Stack => {
                self.stack_operands.push(SlotOperand { op: index, value: op.value, from: early, to: end });
                self.make_live(walk.block, op.value, Span { from: walk.entry, to: end });
                return;
            }
            Want::Fixed => (early.prev(), early, UseKind::Copy(index), LOAD - MOVE),
            _ if op.role & REUSED != 0 => {
                let mut copies = self.copies.iter().rev().take_while(|(_, copy)| copy.early == early);
                let copy = copies.find(|(_, copy)| copy.input == index).map(|(copy, _)| copy).unwrap_or_default();
                (early.prev(), early, UseKind::Input(copy), LOAD - MOVE)
            }
            // A late use may be in memory although an early one of the same value is in a register.
            Want::Any => (end.prev(), end, UseKind::Any(index), STACK_OPERAND),
            _ => (early, end, UseKind::Reg(index), LOAD),
        };
        self.make_live(walk.block, op.value, Span { from: walk.entry, to });
        let limit = if op.want == Want::Reg { op.reg } else { NO_LIMIT };
        self.found.push((op.value, Use { from, to, kind, weight: weight * walk.frequency, limit }));
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
