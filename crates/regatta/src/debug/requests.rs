//! What a client wants to know, and the answers put together.

use super::Input;
use super::runs::Runs;
use super::tracks::{Held, Tracks};
use crate::code::Value;
use crate::ir::{Block, Function, Inst};
use crate::output::{Allocation, ProgPoint};
use alloc::vec::Vec;
use core::ops::Range;

/// A request: a value, the points that it is asked for, a label. A folded parameter is not known by its name before its
/// block, `behind`, though the value that it folded to may be there.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) value: Value,
    behind: Block,
    from: ProgPoint,
    to: ProgPoint,
    label: u32,
    number: u32,
    /// The blocks that these points are in, by their indices in the code.
    pub(super) blocks: Range<u32>,
}

/// A stretch of points at which a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    label: u32,
    from: ProgPoint,
    to: ProgPoint,
    place: Allocation,
    request: u32,
}

/// The requests, and what is found for them.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Those for one value in a row, and by where they begin.
    pub(super) list: Vec<Request>,
    /// How many more of them there are at a block than at the one before it, modulo 2³².
    more_at: Vec<u32>,
    found: Vec<Found>,
}

impl Requests {
    /// Reads those of a client.
    pub(super) fn read(&mut self, func: &impl Function, on: Input<'_>, runs: &Runs) {
        self.list.clear();
        self.more_at.clear();
        self.more_at.resize(on.flow.graph.num_blocks() + 1, 0);
        for (&(vreg, from, to, label), number) in func.debug_value_labels().iter().zip(0..) {
            let last = Inst::new(func.num_insts());
            let (from, to) = (from.min(last), to.min(last));
            if let Some(named) = on.code.names.known(vreg)
                && from < to
            {
                let value = on.fold.folded_to(named);
                let behind = if value == named { Block::invalid() } else { on.code.values[named].block };
                let blocks = runs.block_with(on, from)..runs.block_with(on, to.prev()) + 1;
                let (first, end) = (blocks.start as usize, blocks.end as usize);
                self.more_at[first] = self.more_at[first].wrapping_add(1);
                self.more_at[end] = self.more_at[end].wrapping_sub(1);
                let (from, to) = (ProgPoint::before(from), ProgPoint::before(to));
                self.list.push(Request { value, behind, from, to, label, number, blocks });
            }
        }
        // What ends before one of them is not looked at for the next.
        self.list.sort_unstable_by_key(|request| (request.value, request.from, request.number));
    }

    /// How many more requests there are at a block, by its index in the code, than at the one before it, modulo 2³².
    pub(super) fn more_at(&self, block: u32) -> u32 {
        self.more_at[block as usize]
    }

    /// Answers them, by where each value has been found.
    pub(super) fn answer(
        &mut self,
        on: Input<'_>,
        runs: &Runs,
        tracks: &Tracks,
        locations: &mut Vec<(u32, ProgPoint, ProgPoint, Allocation)>,
    ) {
        let Self { list, found, .. } = self;
        found.clear();
        for of_value in list.chunk_by(|a, b| a.value == b.value) {
            let Some(wanted) = tracks.wanted(of_value[0].value) else { continue };
            let mut next = tracks.first(wanted);
            for request in of_value {
                while tracks.held(next).is_some_and(|held| held.to <= request.from) {
                    next = tracks.held(next).map_or(Held::END, |held| held.next);
                }
                let mut at = next;
                while let Some(held) = tracks.held(at).filter(|held| held.from < request.to) {
                    request.answer(on, runs, held, found);
                    at = held.next;
                }
            }
        }
        join(found, locations);
    }
}

impl Request {
    /// Where `held` answers it.
    fn answer(&self, on: Input<'_>, runs: &Runs, held: &Held, found: &mut Vec<Found>) {
        let (from, to) = (self.from.max(held.from), self.to.min(held.to));
        let Self { label, number, .. } = *self;
        let mut add = |from, to| found.push(Found { label, from, to, place: held.place, request: number });
        if self.behind.is_invalid() {
            return add(from, to);
        }
        let by_code = on.code.by_code_order();
        let blocks = runs.block_with(on, from.inst())..runs.block_with(on, to.prev().inst()) + 1;
        runs.dominated(on.flow, blocks, self.behind, |blocks| {
            let (first, last) = (by_code[blocks.start as usize], by_code[blocks.end as usize - 1]);
            let start = ProgPoint::before(on.flow.graph.first(first));
            let end = ProgPoint::before(on.flow.graph.end(last));
            add(from.max(start), to.min(end));
        });
    }
}

/// Sorts what was found by label and point, joins what adjoins and answers one request, and cuts off what overlaps.
fn join(found: &mut [Found], locations: &mut Vec<(u32, ProgPoint, ProgPoint, Allocation)>) {
    found.sort_unstable();
    let mut last_request = u32::MAX;
    for &Found { label, from, to, place, request } in found.iter() {
        let mut from = from;
        if let Some(last) = locations.last_mut().filter(|last| last.0 == label) {
            from = from.max(last.2);
            if from >= to {
                continue;
            }
            if last.2 == from && last.3 == place && last_request == request {
                last.2 = to;
                continue;
            }
        }
        locations.push((label, from, to, place));
        last_request = request;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::PReg;

    #[test]
    fn adjoining_stretches_are_joined_and_overlaps_cut() {
        let (a, b) = (Allocation::reg(PReg::from_index(1)), Allocation::reg(PReg::from_index(2)));
        let p = |n: u32| ProgPoint::from_index(n);
        let found = |label, from, to, place| Found { label, from: p(from), to: p(to), place, request: label };
        let mut list = [found(1, 4, 6, a), found(1, 0, 4, a), found(1, 5, 8, b), found(2, 1, 2, a)];
        let mut joined = Vec::new();
        join(&mut list, &mut joined);
        assert_eq!(joined, [(1, p(0), p(6), a), (1, p(6), p(8), b), (2, p(1), p(2), a)]);
    }
}
