//! Where to split a bundle that finds no register.
//!
//! From the beginning of the bundle on, some register is free for a while; where that ends is the *conflict*. The part
//! before it can be placed, so the bundle is to be split not behind the conflict. What a split costs depends on how
//! often the code there is executed, so:
//!
//! 1. If the code is colder somewhere before the conflict (in front of the loop that the conflict is in), the split
//!    goes there, and what follows is
//!    a bundle of its own with a better claim on a register.
//! 2. Else, if it is colder behind the conflict, the hot part is made a bundle by itself by splitting there.
//! 3. Else everything up to the end is equally hot, and the split goes to the conflict.
//!
//! If all registers are taken at the split, what follows will be in memory up to its next use in any case. Then the
//! first part ends behind its last use, and the second begins before its next, both moved outwards as far as that makes
//! them colder. The part between is spilled at once. So is all that precedes the first use, if the conflict does. If
//! there is no room even for the first use, the use is split off by itself.
//!
//! Cost: the walk to the conflict is O(log points) a live range; the search for colder code looks at [`MAX_BLOCKS`]
//! blocks at most.

use super::bundles::{Bundle, Bundles, LiveRange, uses};
use super::interference::Registers;
use super::points::{Point, Points};
use super::ranges::LiveRanges;

/// How many blocks are searched for colder code.
const MAX_BLOCKS: usize = 64;

/// A split: what is before `keep_until` stays, what is from `resume_at` on is a new bundle, and what is between is
/// spilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) keep_until: Point,
    pub(crate) resume_at: Point,
}

impl Split {
    /// Is every bundle that this makes of one with these ends shorter than it?
    pub(crate) fn is_progress(self, (start, end): (Point, Point)) -> bool {
        let is_within = |point| start < point && point < end;
        let spills_all = self.keep_until <= start && end <= self.resume_at;
        is_within(self.keep_until) || is_within(self.resume_at) || spills_all
    }
}

/// The uses of a bundle around a point.
struct Around {
    /// Where the last use before it ends.
    last: Option<Point>,
    /// Where the next use behind it begins.
    next: Option<Point>,
}

/// Decides where to split a bundle that is not minimal and that none of `candidates` is free for.
pub(crate) fn choose(
    bundles: &Bundles,
    bundle: Bundle,
    candidates: u64,
    registers: &Registers,
    points: &Points,
    live: &LiveRanges,
) -> Split {
    let ranges = bundles.ranges(bundle);
    let (start, end) = bundles.stretch(bundle);
    if let [only] = ranges
        && points.is_minimal(only.from, only.to)
    {
        let needed = uses(live, only).iter().filter(|u| u.needs_register()).map(|u| u.to).max();
        return Split { keep_until: needed.unwrap_or(start), resume_at: end };
    }
    let conflict = conflict(ranges, candidates, registers, points);
    if conflict <= start {
        return first_use(ranges, start, points, live);
    }
    let around = uses_around(ranges, conflict, live);
    if around.last.is_none() {
        let next = around.next.unwrap_or(end);
        return Split { keep_until: start, resume_at: coldest(points, conflict, next, Prefer::Late).0 };
    }
    let here = points.cut_frequency(conflict);
    let (before, frequency) = coldest(points, points.cut_at_or_after(start.plus(1)), conflict, Prefer::Late);
    // (The conflict may lie between two live ranges of the instruction at the start, and have no cut before it.)
    if before <= conflict && frequency < here {
        let around = uses_around(ranges, before, live);
        let keep_until = if around.last.is_some() { before } else { start };
        return Split { keep_until, resume_at: before };
    }
    if let Some(after) = first_colder(points, conflict, end, here) {
        return Split { keep_until: after, resume_at: after };
    }
    if candidates & !registers.taken(conflict, conflict.plus(1)) != 0 {
        return Split { keep_until: conflict, resume_at: conflict };
    }
    let last = around.last.map_or(start, |last| points.cut_at_or_after(last));
    let keep_until = if last < conflict { coldest(points, last, conflict, Prefer::Early).0 } else { conflict };
    let resume_at = match around.next {
        Some(next) => coldest(points, conflict, next, Prefer::Late).0,
        None => end,
    };
    Split { keep_until, resume_at }
}

/// The last point at which the bundle can be cut so that one of `candidates` is free for what is before it.
fn conflict(ranges: &[LiveRange], mut candidates: u64, registers: &Registers, points: &Points) -> Point {
    for range in ranges {
        let until = registers.free_until(range.from, range.to, &mut candidates);
        if until < range.to {
            return points.cut_at_or_before(until).max(range.from);
        }
    }
    ranges[ranges.len() - 1].to
}

/// Nothing is free at the start: what precedes the first use is spilled, or the first use split off.
fn first_use(ranges: &[LiveRange], start: Point, points: &Points, live: &LiveRanges) -> Split {
    let end = ranges[ranges.len() - 1].to;
    let Some(first) = ranges.iter().find_map(|range| uses(live, range).first()) else {
        return Split { keep_until: start, resume_at: end };
    };
    let after_start = points.cut_at_or_after(start.plus(1));
    if first.from >= after_start {
        return Split { keep_until: start, resume_at: coldest(points, after_start, first.from, Prefer::Late).0 };
    }
    // Between two live ranges there is nothing to move, wherever that is.
    let cut = if after_start < ranges[0].to || ranges.len() == 1 { after_start } else { ranges[1].from };
    Split { keep_until: cut, resume_at: cut }
}

fn uses_around(ranges: &[LiveRange], at: Point, live: &LiveRanges) -> Around {
    let mut around = Around { last: None, next: None };
    for range in ranges {
        let list = uses(live, range);
        let before = if range.to <= at { list.len() } else { list.partition_point(|u| u.from < at) };
        if let Some(last) = list[..before].last() {
            around.last = Some(last.to);
        }
        if let Some(next) = list.get(before) {
            around.next = Some(next.from);
            break;
        }
    }
    around
}

/// Among equally cold cuts, which one?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefer {
    Early,
    Late,
}

/// The coldest cut in `low..=high`, and its frequency. `low` is a cut; the cut that replaces `high` is the last not
/// behind it.
fn coldest(points: &Points, low: Point, high: Point, prefer: Prefer) -> (Point, f32) {
    let high = points.cut_at_or_before(high).max(low);
    let (first, last) = (points.ordinal_at(low), points.ordinal_at(high));
    let start = if prefer == Prefer::Early { low } else { high };
    let mut best = (start, points.cut_frequency(start));
    // The entry of a block is as cold as the colder of its neighbours, so the entries are all that need be looked at.
    let mut consider = |ordinal: usize| {
        let frequency = points.entry_frequency(ordinal);
        if frequency < best.1 {
            best = (points.entry_of(ordinal), frequency);
        }
    };
    match prefer {
        Prefer::Early => (first + 1..=last).take(MAX_BLOCKS).for_each(&mut consider),
        Prefer::Late => (first + 1..=last).rev().take(MAX_BLOCKS).for_each(&mut consider),
    }
    if prefer == Prefer::Late {
        let frequency = points.cut_frequency(low);
        if frequency < best.1 {
            best = (low, frequency);
        }
    }
    best
}

/// The first entry of a block in `from..to` that is colder than `than`.
fn first_colder(points: &Points, from: Point, to: Point, than: f32) -> Option<Point> {
    let first = points.ordinal_at(from) + 1;
    (first..first + MAX_BLOCKS)
        .take_while(|&ordinal| points.entry_of(ordinal) < to)
        .find(|&ordinal| points.entry_frequency(ordinal) < than)
        .map(|ordinal| points.entry_of(ordinal))
}
