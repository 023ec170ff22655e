//! Values in memory: when each is read from there, and where it is stored.
//!
//! A value is stored once, at a point that lies on every path to its reads. Its definition always does, but a later
//! point serves better: it may be on a path that is taken less often, and the slot is occupied for a shorter time. The
//! block that dominates all reads is the last that will do; from there, the walk goes up the dominator tree to the
//! definition, and of the blocks in which the value is in a register, the coldest is taken, the last of several. In
//! that block, the store goes to where the register is given up, or in front of the branch.
//!
//! Parameters that begin in memory are written on the edges, and need no store. Neither do values that an instruction
//! makes in their slots. What a branch defines is stored on the edges behind it, if it is stored nowhere further on.
//!
//! Cost: a few steps up the dominator tree for each read, and at most [`MAX_STEPS`] for each value.

use super::places::{Input, Piece, Place, Places, Target, Transfer};
use super::points::{Point, Points};
use crate::code::{OpIndex, Value, Want};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, PReg};
use alloc::vec::Vec;

/// How far the walk up the dominator tree goes.
const MAX_STEPS: usize = 64;

/// A read of a value from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Read {
    pub(crate) value: Value,
    /// The last point at which the value must be in memory.
    pub(crate) last: Point,
}

/// The pass, with its results.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// All reads, by value.
    pub(crate) reads: Vec<Read>,
    /// For values that are read: from which point on, in that block, the value is in its slot.
    pub(crate) stored: TypedVec<Value, (Block, Point)>,
    /// The stores, as transfers.
    pub(crate) stores: Vec<Transfer>,
}

impl Memory {
    /// Lists the reads of the values `in_memory`, and places their stores.
    pub(crate) fn run(&mut self, on: Input<'_>, places: &Places, in_memory: &TypedVec<Value, bool>) {
        self.stores.clear();
        self.stored.reset(on.code.values.len(), (Block::invalid(), Point(0)));
        self.list_reads(on, places, in_memory);
        let reads = core::mem::take(&mut self.reads);
        for list in reads.chunk_by(|a, b| a.value == b.value) {
            self.store(on, places, list);
        }
        self.reads = reads;
    }

    fn list_reads(&mut self, on: Input<'_>, places: &Places, in_memory: &TypedVec<Value, bool>) {
        self.reads.clear();
        for operand in &places.slot_operands {
            // A definition counts as a read too: the slot is there for it.
            self.reads.push(Read { value: operand.value, last: operand.to.prev() });
        }
        for transfer in &places.transfers {
            let reads = match transfer.to {
                Target::Slot(value) if !in_memory[value] => false,
                Target::Slot(_) => transfer.from.is_none() || is_stored_already(on, in_memory, transfer),
                Target::Reg(_) => transfer.from.is_none(),
            };
            if reads {
                self.reads.push(Read { value: transfer.value, last: last_point(on, transfer.key) });
            }
        }
        self.reads.sort_unstable();
    }

    /// Places the store of a value, given its reads.
    fn store(&mut self, on: Input<'_>, places: &Places, reads: &[Read]) {
        let value = reads[0].value;
        let def = on.code.values[value];
        let begin = begin(on, places, value);
        self.stored[value] = (def.block, begin.point);
        let Some(from) = begin.from else { return };
        let mut best = (def.block, begin.point, from);
        let mut frequency = f32::INFINITY;
        let blocks = reads.iter().map(|read| on.points.block(on.points.ordinal_at(read.last)));
        let reachable = blocks.filter(|&block| on.flow.graph.is_reachable(block));
        // What only code reads that cannot be reached is not stored at all.
        let Some(mut at) = reachable.reduce(|a, b| on.flow.dominators.nearest_common(a, b)) else { return };
        let first_read = reads[0].last;
        for _ in 0..MAX_STEPS {
            let here = on.flow.frequencies.of(at);
            if here < frequency
                && let Some((point, reg)) = last_register(on, places, value, at, first_read)
            {
                frequency = here;
                best = (at, point, reg);
            }
            if at == def.block || !on.flow.graph.is_reachable(at) {
                break;
            }
            at = on.flow.dominators.idom(at);
        }
        let to = Target::Slot(value);
        let (block, point, from) = best;
        self.stored[value] = (block, point);
        if def.on_branch && block == def.block {
            for edge in on.flow.graph.succ_edges(block) {
                let target = on.flow.graph.edge(edge).to;
                if places.is_live_at(value, Points::entry(on.flow, target)) {
                    let key = Transfer::edge_key(on.flow, edge);
                    self.stores.push(Transfer { key, value, from: Some(from), to });
                }
            }
        } else {
            self.stores.push(Transfer { key: Transfer::key(point), value, from: Some(from), to });
        }
    }
}

/// The last point in `block` in front of which `value` can be stored from a register, before `first_read` if that is in
/// the block.
fn last_register(
    on: Input<'_>,
    places: &Places,
    value: Value,
    block: Block,
    first_read: Point,
) -> Option<(Point, PReg)> {
    let entry = Points::entry(on.flow, block);
    let branch = Point(Points::exit(on.flow, block).0 - 2);
    let limit = if first_read >= entry && first_read <= branch { first_read } else { branch };
    // The last piece in a register that begins in front of the limit and reaches into the block.
    let pieces = places.pieces(value);
    let end = pieces.partition_point(|piece| piece.from < limit);
    let &Piece { from, to, place, .. } =
        pieces[..end].iter().rfind(|piece| piece.place.is_some() || piece.to <= entry)?;
    let point = on.points.cut_at_or_before(to.min(limit));
    let fits = to > entry && point > entry && point > from;
    place.filter(|_| fits).map(|reg| (point, reg))
}

/// Where a value begins.
struct Begin {
    /// The point in front of which it can be stored, or from which on it is in its slot anyway.
    point: Point,
    /// Where it can be stored from, if it has to be.
    from: Place,
}

fn begin(on: Input<'_>, places: &Places, value: Value) -> Begin {
    let def = on.code.values[value];
    let place_at = |at| places.piece_at(value, at).and_then(|piece| piece.place);
    if def.inst.is_invalid() {
        let entry = Points::entry(on.flow, def.block);
        let from = place_at(entry);
        return Begin { point: if from.is_some() { entry.plus(1) } else { entry }, from };
    }
    let position = on.flow.start(def.block) + def.inst.0 - on.flow.graph.first(def.block).0;
    let early = Point::early(position);
    let (late, next) = (early.plus(1), early.plus(2));
    let from = match places.defined_in(on, def.inst, value) {
        // The transfer from the fixed register to a live range that begins in memory is the store.
        Some(_) if !def.on_branch && places.piece_at(value, next).is_some_and(|p| p.place.is_none()) => None,
        None if !is_on_stack(on, def.inst, value) => place_at(late),
        fixed => fixed,
    };
    let point = match from {
        // What is made in the slot is there as soon as the instruction reads.
        None if places.defined_in(on, def.inst, value).is_none() => early,
        _ if def.on_branch => Points::exit(on.flow, def.block).plus(1),
        _ => next,
    };
    Begin { point, from }
}

/// Does the instruction define the value in its slot?
fn is_on_stack(on: Input<'_>, inst: Inst, value: Value) -> bool {
    on.code.op_range(inst).any(|index| {
        let op = on.code.ops[OpIndex::new(index)];
        op.is_def() && op.value == value && op.want == Want::Stack
    })
}

/// The last point at which what a group of transfers reads must be in memory.
fn last_point(on: Input<'_>, key: u32) -> Point {
    let point = Point(key >> 1);
    if key & 1 != 0 {
        // Those of an edge come after others in front of the same branch.
        return point;
    }
    let ordinal = on.points.ordinal_at(point);
    if on.points.entry_of(ordinal) != point {
        return point.prev();
    }
    // On the edge into the block, of which there is one.
    let pred = on.flow.graph.preds(on.points.block(ordinal)).next();
    pred.map_or(point, |pred| Points::exit(on.flow, pred))
}

/// Does the transfer write an argument to the slot of a parameter where, as they are of one spill set, it has been
/// stored before?
pub(crate) fn is_stored_already(on: Input<'_>, in_memory: &TypedVec<Value, bool>, transfer: &Transfer) -> bool {
    let Target::Slot(value) = transfer.to else { return false };
    let same_set = on.bundles.set_of[value] == on.bundles.set_of[transfer.value];
    value != transfer.value && same_set && in_memory[transfer.value]
}
