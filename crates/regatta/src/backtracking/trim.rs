//! Trimming: registers that are loaded too early.
//!
//! Where a bundle was cut follows from what was in its way, not from where its values are used. So a piece of a live range in a register may begin long
//! before its first use there, and what leads into it comes from memory: the value is loaded on each of those edges, perhaps on the edge back of a
//! loop, although the use is on one of several paths, or although nothing in the piece uses it at all. Since a value in memory stays there, the front of a
//! piece can be given up without any other cost than what the transfers around it then cost. This pass moves the beginning of each such piece to the
//! point, between where it is and the first use, at which these cost least.
//!
//! A transfer costs what the move is worth times how often its edge, or its block, is executed. On an edge into the piece that comes from its own front
//! part, giving the front up makes a load of nothing; on one that leads from there to another piece in a register, a load of a move.
//!
//! Cost: blocks × candidates for each piece, both bounded by [`MAX_BLOCKS`].

use super::places::{Input, Piece, Places};
use super::points::{Point, Points};
use crate::code::Value;
use alloc::vec::Vec;

/// Pieces that cover more blocks are left alone.
const MAX_BLOCKS: usize = 48;

const LOAD: f32 = 4.0;
const MOVE: f32 = 0.2;

/// What depends on where a piece begins.
#[derive(Clone, Copy, Debug)]
struct Charge {
    /// It is due if the piece begins behind this point,
    behind: Point,
    /// and not behind this one.
    up_to: Point,
    cost: f32,
}

/// The pass, with its storage.
#[derive(Debug, Default)]
pub(crate) struct Trim {
    charges: Vec<Charge>,
    candidates: Vec<Point>,
}

impl Trim {
    /// Where the piece number `index` of `value` had best begin; its end if it had best not exist. `first_use` is the first in it.
    pub(crate) fn begin(
        &mut self,
        on: Input<'_>,
        places: &Places,
        value: Value,
        index: usize,
        first_use: Option<Point>,
    ) -> Point {
        let pieces = places.pieces(value);
        let piece = pieces[index];
        let (first, last) = (on.points.ordinal_at(piece.from), on.points.ordinal_at(piece.to.prev()));
        if last - first > MAX_BLOCKS {
            return piece.from;
        }
        let before = index.checked_sub(1).map(|index| pieces[index]).filter(|before| before.to == piece.from);
        self.charges.clear();
        self.candidates.clear();
        self.candidates.push(piece.from);
        let in_front = first_use.map_or(piece.to, |at| on.points.cut_at_or_before(at));
        for ordinal in first..=last {
            let entry = on.points.entry_of(ordinal);
            if entry >= piece.from {
                self.edges_in(on, places, value, &piece, ordinal);
                if entry > piece.from && entry <= in_front {
                    self.candidates.push(entry);
                }
            }
            self.edges_out(on, places, value, &piece, ordinal);
        }
        if on.points.entry_of(first) != piece.from {
            // In the middle of a block.
            let move_or_load = if before.is_some_and(|before| before.place.is_some()) { MOVE } else { LOAD };
            let cost = move_or_load * on.points.frequency_of(first);
            self.charges.push(Charge { behind: Point(0), up_to: piece.from, cost });
        }
        if in_front > piece.from {
            let is_entry = self.candidates.contains(&in_front);
            if in_front >= piece.to {
                let after = pieces.get(index + 1).filter(|after| after.from == piece.to && after.place.is_some());
                if let Some(after) =
                    after.filter(|after| on.points.entry_of(on.points.ordinal_at(after.from)) != after.from)
                {
                    let cost = (LOAD - MOVE) * on.points.frequency_at(after.from);
                    self.charges.push(Charge { behind: piece.to.prev(), up_to: piece.to, cost });
                }
                self.candidates.push(piece.to);
            } else if !is_entry {
                let cost = LOAD * on.points.frequency_at(in_front);
                self.charges.push(Charge { behind: in_front.prev(), up_to: in_front, cost });
                self.candidates.push(in_front);
            }
        }
        let mut best = (piece.from, f32::INFINITY);
        for &candidate in &self.candidates {
            let due = self.charges.iter().filter(|charge| charge.behind < candidate && candidate <= charge.up_to);
            let cost: f32 = due.map(|charge| charge.cost).sum();
            if cost < best.1 {
                best = (candidate, cost);
            }
        }
        best.0
    }

    /// The charges for the edges into a block whose entry the piece covers.
    fn edges_in(&mut self, on: Input<'_>, places: &Places, value: Value, piece: &Piece, ordinal: usize) {
        let (block, entry) = (on.points.block(ordinal), on.points.entry_of(ordinal));
        for &edge in on.flow.graph.pred_edges(block) {
            let exit = Points::exit(on.flow, on.flow.graph.edge(edge).from);
            let frequency = on.flow.edge_frequency(edge);
            if piece.from <= exit && exit < piece.to {
                // From the front part of the piece, if that is given up.
                self.charges.push(Charge { behind: exit, up_to: entry, cost: LOAD * frequency });
            } else {
                let cost = frequency * cost_from(places, value, piece, exit);
                self.charges.push(Charge { behind: Point(0), up_to: entry, cost });
            }
        }
    }

    /// The charges for the edges out of a block whose exit the piece covers, to other pieces.
    fn edges_out(&mut self, on: Input<'_>, places: &Places, value: Value, piece: &Piece, ordinal: usize) {
        let block = on.points.block(ordinal);
        let exit = Points::exit(on.flow, block);
        if exit < piece.from || exit >= piece.to {
            return;
        }
        for edge in on.flow.graph.succ_edges(block) {
            let entry = Points::entry(on.flow, on.flow.graph.edge(edge).to);
            let is_inside = piece.from <= entry && entry < piece.to;
            if !is_inside && places.piece_at(value, entry).is_some_and(|other| other.place.is_some()) {
                let cost = (LOAD - MOVE) * on.flow.edge_frequency(edge);
                self.charges.push(Charge { behind: exit, up_to: piece.to, cost });
            }
        }
    }
}

/// What a transfer costs from where the value is at `exit` into the piece.
fn cost_from(places: &Places, value: Value, piece: &Piece, exit: Point) -> f32 {
    match places.piece_at(value, exit).and_then(|other| other.place) {
        None => LOAD,
        place if place == piece.place => 0.0,
        Some(_) => MOVE,
    }
}
