//! Places: from bundles back to values, and what must be moved where.
//!
//! The live range of a value now consists of pieces, each in a register or in memory. This pass lists the pieces of
//! each value in order, and reads off them the locations of operands and every *transfer*: where pieces meet inside a
//! block, between what an edge joins, to and from fixed registers, to a definition from the input that it reuses, to
//! parameters from arguments.
//!
//! An SSA value never changes, so it is stored once, where it is defined or later ([`super::memory`]), if it is ever read from memory. A transfer
//! from a register to memory within one value is therefore no move at all. Only a parameter that begins in memory is
//! written there on the edges.
//!
//! Transfers in front of an instruction, those behind the one before it among them, happen at once; so do those of an
//! edge. Only the order of such groups is of importance; see [`Transfer::key`].
//!
//! Cost: linear in uses and pieces; for values in several places, in the number of blocks that they are live in.

use super::bundles::Bundles;
use super::points::{Point, Points};
use super::ranges::{CopyIn, CopyIndex, LiveRanges, SlotOperand, Use, UseKind};
use super::trim::Trim;
use crate::cfg::{Edge, FlowGraph};
use crate::code::{Code, NO_REG, OpIndex, Value, Want};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, PReg, RegClass};
use crate::output::Allocation;
use alloc::vec::Vec;

/// A place: a register, or the slot of the value's spill set.
pub(crate) type Place = Option<PReg>;

/// A part of a value's live range, in one place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) from: Point,
    /// Where it began before its front was given up: between here and `from`, the value is in memory.
    pub(crate) live_from: Point,
    pub(crate) to: Point,
    pub(crate) place: Place,
}

impl Piece {
    /// Has its front been given up, so that the value comes from memory?
    pub(crate) fn is_loaded(&self) -> bool {
        self.live_from < self.from
    }
}

/// Where a transfer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Reg(PReg),
    /// The slot of a value, the one transferred or the parameter that it becomes.
    Slot(Value),
}

/// A move to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    /// The group: twice the point, plus one for transfers in front of a branch that belong to its edge.
    pub(crate) key: u32,
    pub(crate) value: Value,
    pub(crate) from: Place,
    pub(crate) to: Target,
}

impl Transfer {
    /// The group of transfers in front of the instruction with that early point, or at that entry.
    #[inline]
    pub(crate) fn key(point: Point) -> u32 {
        point.0 << 1
    }

    /// The group of an edge's transfers.
    pub(crate) fn edge_key(flow: &FlowGraph, edge: Edge) -> u32 {
        let data = flow.graph.edge(edge);
        if flow.moves_at_target(edge) {
            Self::key(Points::entry(flow, data.to))
        } else {
            Self::key(Point(Points::exit(flow, data.from).0 - 2)) + 1
        }
    }
}

/// What the pass reads.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) code: &'a Code,
    pub(crate) flow: &'a FlowGraph,
    pub(crate) points: &'a Points,
    pub(crate) live: &'a LiveRanges,
    pub(crate) bundles: &'a Bundles,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pieces: Vec<Piece>,
    piece_start: TypedVec<Value, u32>,
    /// All transfers, sorted by group.
    pub(crate) transfers: Vec<Transfer>,
    /// Operands in slots.
    pub(crate) slot_operands: Vec<SlotOperand>,
    /// Where each value that is to be copied to an operand is.
    inputs: TypedVec<CopyIndex, Place>,
    trim: Trim,
    /// Where each argument is.
    args: Vec<Place>,
}

impl Places {
    /// The pieces of `value`, in order.
    #[inline]
    pub(crate) fn pieces(&self, value: Value) -> &[Piece] {
        let starts = self.piece_start.as_slice();
        &self.pieces[starts[value.index()] as usize..starts[value.index() + 1] as usize]
    }

    /// The piece of `value` at a point.
    pub(crate) fn piece_at(&self, value: Value, at: Point) -> Option<&Piece> {
        let pieces = self.pieces(value);
        let index = pieces.partition_point(|piece| piece.to <= at);
        pieces.get(index).filter(|piece| piece.from <= at)
    }

    /// Is `value` live at a point, wherever?
    pub(crate) fn is_live_at(&self, value: Value, at: Point) -> bool {
        let pieces = self.pieces(value);
        let index = pieces.partition_point(|piece| piece.to <= at);
        pieces.get(index).is_some_and(|piece| piece.live_from <= at)
    }

    /// Fills the results, and the locations of operands that are in registers.
    pub(crate) fn run(&mut self, on: Input<'_>, allocs: &mut [Allocation]) {
        self.transfers.clear();
        self.slot_operands.clear();
        self.inputs.reset(on.live.copies.len(), None);
        self.args.clear();
        self.args.resize(on.code.num_args(), None);
        self.list_pieces(on);
        self.trim(on);
        self.fixed_operands(on, allocs);
        for value in on.code.values.keys() {
            self.value(on, value, allocs);
        }
        self.copies(on, allocs);
        for &(op, other) in &on.live.links {
            allocs[op.index()] = allocs[other.index()];
        }
        self.params(on);
        self.slot_operands.extend_from_slice(&on.live.stack_operands);
        self.transfers.sort_by_key(|transfer| transfer.key);
    }

    /// Adds the stores of values to the transfers.
    pub(crate) fn add_stores(&mut self, stores: &[Transfer]) {
        self.transfers.extend_from_slice(stores);
        self.transfers.sort_by_key(|transfer| transfer.key);
    }

    fn list_pieces(&mut self, on: Input<'_>) {
        let values = on.code.values.len();
        self.piece_start.reset(values + 1, 0);
        let starts = self.piece_start.as_mut_slice();
        for bundle in on.bundles.bundles.keys() {
            for range in on.bundles.ranges(bundle) {
                starts[range.value.index() + 1] += 1;
            }
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let total = starts[values] as usize;
        self.pieces.clear();
        self.pieces.resize(total, Piece { from: Point(0), live_from: Point(0), to: Point(0), place: None });
        for bundle in on.bundles.bundles.keys() {
            let reg = on.bundles.bundles[bundle].reg;
            for range in on.bundles.ranges(bundle) {
                let place = (reg != NO_REG).then(|| PReg::new(usize::from(reg), on.bundles.set(bundle).class));
                let slot = &mut starts[range.value.index()];
                self.pieces[*slot as usize] = Piece { from: range.from, live_from: range.from, to: range.to, place };
                *slot += 1;
            }
        }
        starts.rotate_right(1);
        starts[0] = 0;
        for index in 0..values {
            let list = &mut self.pieces[starts[index] as usize..starts[index + 1] as usize];
            if !list.is_sorted_by_key(|piece| piece.from) {
                list.sort_unstable_by_key(|piece| piece.from);
            }
        }
    }

    /// Operands whose place the code itself says.
    fn fixed_operands(&mut self, on: Input<'_>, allocs: &mut [Allocation]) {
        for (index, op) in on.code.ops.iter().take(on.code.num_ops()) {
            match op.want {
                Want::Fixed | Want::Ignored => {
                    let class = RegClass::ALL[op.class()];
                    allocs[index.index()] = Allocation::reg(PReg::new(usize::from(op.reg), class));
                }
                _ => {}
            }
        }
        for (_, &CopyIn { to: def, input, .. }) in on.live.copies.iter() {
            if on.code.ops[input].want == Want::Fixed {
                allocs[def.index()] = allocs[input.index()];
            }
        }
    }

    /// Moves the beginnings of pieces in registers to where they are best loaded.
    fn trim(&mut self, on: Input<'_>) {
        let mut trim = core::mem::take(&mut self.trim);
        for value in on.code.values.keys() {
            let start = self.piece_start.as_slice()[value.index()] as usize;
            let pieces = self.pieces(value);
            let count = pieces.len();
            if pieces.iter().all(|piece| piece.place == pieces[0].place) {
                continue;
            }
            let mut uses = on.live.uses_of(value).map(|index| on.live.uses[index as usize]).peekable();
            for index in 0..count {
                let piece = self.pieces[start + index];
                while uses.next_if(|use_| use_.from < piece.from).is_some() {}
                let first = uses.peek().filter(|use_| use_.from < piece.to);
                if piece.place.is_none() || first.is_some_and(|use_| use_.begins()) {
                    continue;
                }
                let from = trim.begin(on, self, value, index, first.map(|use_| use_.from));
                let data = &mut self.pieces[start + index];
                if from == piece.to {
                    data.place = None;
                } else if from > piece.from {
                    data.from = from;
                }
            }
        }
        self.trim = trim;
    }

    /// The operands and transfers of one value.
    fn value(&mut self, on: Input<'_>, value: Value, allocs: &mut [Allocation]) {
        let starts = self.piece_start.as_slice();
        let range = starts[value.index()] as usize..starts[value.index() + 1] as usize;
        let mut at = range.start;
        for index in on.live.uses_of(value) {
            let use_ = on.live.uses[index as usize];

            while at < range.end && self.pieces[at].to <= use_.from {
                at += 1;
            }
            if at < range.end && self.pieces[at].from <= use_.from {
                let place = self.pieces[at].place;
                self.at_use(on, value, use_, place, allocs);
            } else if !use_.begins() {
                // Used right behind the definition in a fixed place, from where it need not go anywhere else first.
                let place = self.defined_in(on, on.code.values[value].inst, value);
                self.at_use(on, value, use_, place, allocs);
            }
        }
        let first = self.pieces[range.clone()].first().map(|piece| piece.place);
        if self.pieces[range.clone()].iter().any(|piece| Some(piece.place) != first) {
            for index in range {
                self.at_piece(on, value, index);
            }
        } else if on.code.values[value].on_branch {
            for index in range {
                self.on_edges(on, value, index);
            }
        }
    }

    fn at_use(&mut self, on: Input<'_>, value: Value, use_: Use, place: Place, allocs: &mut [Allocation]) {
        let fixed = |op: OpIndex| {
            let op = on.code.ops[op];
            PReg::new(usize::from(op.reg), RegClass::ALL[op.class()])
        };
        match use_.kind {
            UseKind::Param | UseKind::StackDef => {}
            UseKind::Arg(arg) => self.args[arg.index()] = place,
            UseKind::Def(op) | UseKind::Reg(op) | UseKind::Any(op) | UseKind::AnyDef(op) => match place {
                Some(reg) => allocs[op.index()] = Allocation::reg(reg),
                None => self.slot_operands.push(SlotOperand { op, value, from: use_.from, to: use_.to }),
            },
            UseKind::Input(copy) => self.inputs[copy] = place,
            UseKind::Copy(op) => {
                let (key, to) = (Transfer::key(use_.to), Target::Reg(fixed(op)));
                // Several operands may ask for one register; the instruction's other copies of the value are the last added.
                let mut here = self.transfers.iter().rev().take_while(|last| last.key == key && last.value == value);
                if !here.any(|last| last.to == to) {
                    self.add(Transfer { key, value, from: place, to });
                }
            }
            UseKind::FixedDef(op) => {
                let data = on.code.ops[op];
                let from = match data.want {
                    Want::Fixed => Some(fixed(op)),
                    Want::Reuse => allocs[op.index()].as_reg(),
                    _ => None,
                };
                let to = place.map_or(Target::Slot(value), Target::Reg);
                self.add(Transfer { key: Transfer::key(use_.from), value, from, to });
            }
        }
    }

    fn add(&mut self, transfer: Transfer) {
        // One from a slot to itself moves nothing, but reads what must be in the slot.
        let stays = matches!((transfer.from, transfer.to), (Some(from), Target::Reg(to)) if from == to);
        if !stays {
            self.transfers.push(transfer);
        }
    }

    /// The transfers into a piece, from the one before it and on edges.
    fn at_piece(&mut self, on: Input<'_>, value: Value, index: usize) {
        let piece = self.pieces[index];
        if let Some(reg) = piece.place {
            let before = index.checked_sub(1).map(|index| self.pieces[index]);
            let starts = self.piece_start.as_slice()[value.index()] as usize;
            let before = before.filter(|before| index > starts && before.to == piece.from);
            let from = if piece.is_loaded() { Some(None) } else { before.map(|before| before.place) };
            if let Some(from) = from
                && from != piece.place
                && piece.from != on.points.entry_of(on.points.ordinal_at(piece.from))
            {
                let key = Transfer::key(piece.from);
                self.add(Transfer { key, value, from, to: Target::Reg(reg) });
            }
            self.on_edges(on, value, index);
        }
    }

    /// The transfers into a piece on the edges to the blocks whose entries it covers.
    fn on_edges(&mut self, on: Input<'_>, value: Value, index: usize) {
        let piece = self.pieces[index];
        let Some(reg) = piece.place else { return };
        let def = on.code.values[value];
        let mut ordinal = on.points.ordinal_at(piece.from);
        if on.points.entry_of(ordinal) < piece.from {
            ordinal += 1;
        }
        while on.points.entry_of(ordinal) < piece.to {
            let block = on.points.block(ordinal);
            ordinal += 1;
            if def.is_param && def.block == block {
                continue;
            }
            for &edge in on.flow.graph.pred_edges(block) {
                let exit = Points::exit(on.flow, on.flow.graph.edge(edge).from);
                if piece.from <= exit && exit < piece.to {
                    continue;
                }
                let from = self.place_at_exit(on, value, on.flow.graph.edge(edge).from, exit);
                if from != Some(piece.place) {
                    let key = Transfer::edge_key(on.flow, edge);
                    let from = from.flatten();
                    self.add(Transfer { key, value, from, to: Target::Reg(reg) });
                }
            }
        }
    }

    /// Where a value is at the end of a block.
    fn place_at_exit(&self, on: Input<'_>, value: Value, block: Block, exit: Point) -> Option<Place> {
        if let Some(piece) = self.piece_at(value, exit) {
            return Some(piece.place);
        }
        let def = on.code.values[value];
        if def.on_branch && def.block == block { Some(self.defined_in(on, def.inst, value)) } else { None }
    }

    /// The fixed place in which a branch defines a value.
    pub(crate) fn defined_in(&self, on: Input<'_>, inst: Inst, value: Value) -> Place {
        if inst.is_invalid() {
            return None;
        }
        let mut ops = on.code.op_range(inst).map(|index| on.code.ops[OpIndex::new(index)]);
        let op = ops.clone().find(|op| op.is_def() && op.value == value)?;
        let reg = match op.want {
            Want::Fixed => op.reg,
            Want::Reuse => ops.nth(usize::from(op.reg)).filter(|input| input.want == Want::Fixed)?.reg,
            _ => return None,
        };
        Some(PReg::new(usize::from(reg), RegClass::ALL[op.class()]))
    }

    /// Copies to the registers of operands.
    fn copies(&mut self, on: Input<'_>, allocs: &mut [Allocation]) {
        for (copy, &CopyIn { early, to, input }) in on.live.copies.iter() {
            if on.code.ops[input].want == Want::Fixed {
                continue;
            }
            allocs[input.index()] = allocs[to.index()];
            if let Some(reg) = allocs[to.index()].as_reg() {
                let (key, value) = (Transfer::key(early), on.code.ops[input].value);
                self.add(Transfer { key, value, from: self.inputs[copy], to: Target::Reg(reg) });
            }
        }
    }

    /// Parameters get their values from arguments.
    fn params(&mut self, on: Input<'_>) {
        for &edge in on.code.edges_with_args() {
            let data = on.flow.graph.edge(edge);
            let params = on.code.params(data.to);
            if !on.flow.graph.is_reachable(data.from) && on.flow.graph.is_reachable(data.to) {
                continue;
            }
            let entry = Points::entry(on.flow, data.to);
            let key = Transfer::edge_key(on.flow, edge);
            let first = on.code.arg_index(edge) as usize;
            for (index, (&param, &value)) in params.iter().zip(on.code.args(edge, params.len())).enumerate() {
                // One that is never used is nowhere.
                let Some(piece) = self.piece_at(param, entry) else { continue };
                let to = piece.place.map_or(Target::Slot(param), Target::Reg);
                self.add(Transfer { key, value, from: self.args[first + index], to });
            }
        }
    }
}
