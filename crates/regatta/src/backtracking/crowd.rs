//! Crowded instructions: registers for all operands of an instruction at once.
//!
//! Bundles that cover one instruction and must be in a register outweigh all others, so an instruction runs out of
//! registers only if its own operands take them from each other: one placed early took the only register that would
//! have done for another. Then all of them are placed anew, together. An operand that is there both when the
//! instruction reads and when it writes needs a register at both points, one that is only read or only written at one
//! of them, so this is no plain matching, and is solved by search: those with the fewest choices first, each first in
//! the registers that the fewest others could use. That order hardly ever has to go back; [`MAX_STEPS`] bounds it when
//! it does.
//!
//! Uses of one value that are bundles by themselves do not share a register here, nor does one share that of a fixed operand. If there are too few
//! registers for that, the instruction is planned by its operands ([`crate::code::InstPlan`]), and they are fixed where the plan has them.

use alloc::vec::Vec;
use core::cmp::Reverse;

/// How many registers are tried in all before the search is given up.
const MAX_STEPS: usize = 20_000;

/// At the point where the instruction reads.
pub(crate) const EARLY: usize = 0;
/// At the point where it writes.
pub(crate) const LATE: usize = 1;

/// An operand that must be in a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    /// Is it there early, is it there late?
    pub(crate) at: [bool; 2],
    /// The registers that it may be in, by number.
    pub(crate) limit: u64,
}

impl Seat {
    fn candidates(&self, taken: [u64; 2]) -> u64 {
        let taken = [EARLY, LATE].map(|point| if self.at[point] { taken[point] } else { 0 });
        self.limit & !taken[EARLY] & !taken[LATE]
    }
}

/// Finds a register for every seat; `taken` are those that are not to be had at the two points.
pub(crate) fn find_registers(seats: &[Seat], taken: [u64; 2]) -> Option<Vec<u8>> {
    let mut order: Vec<usize> = (0..seats.len()).collect();
    order.sort_by_key(|&seat| {
        let points = u32::from(seats[seat].at[EARLY]) + u32::from(seats[seat].at[LATE]);
        (seats[seat].candidates(taken).count_ones(), Reverse(points))
    });
    let mut search = Search { seats, order, taken, found: alloc::vec![0; seats.len()], steps: 0 };
    search.from(0).then_some(search.found)
}

struct Search<'a> {
    seats: &'a [Seat],
    order: Vec<usize>,
    taken: [u64; 2],
    found: Vec<u8>,
    steps: usize,
}

impl Search<'_> {
    /// Places the seats from number `next` of the order on.
    fn from(&mut self, next: usize) -> bool {
        let Some(&index) = self.order.get(next) else { return true };
        let seat = self.seats[index];
        let candidates = seat.candidates(self.taken);
        // Where it cannot be used at the other point anyway, nobody else is the worse for it.
        let is_half_taken = match seat.at {
            [true, true] => 0,
            [true, false] => self.taken[LATE],
            _ => self.taken[EARLY],
        };
        for mut part in [candidates & is_half_taken, candidates & !is_half_taken] {
            while part != 0 && self.steps < MAX_STEPS {
                // The limits are the first so many registers, so the last are the least in demand.
                let reg = 63 - part.leading_zeros();
                part &= !(1 << reg);
                self.steps += 1;
                let before = self.taken;
                for point in [EARLY, LATE] {
                    self.taken[point] |= u64::from(seat.at[point]) << reg;
                }
                self.found[index] = reg as u8;
                if self.from(next + 1) {
                    return true;
                }
                self.taken = before;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All assignments, one after the other.
    fn exists(seats: &[Seat], taken: [u64; 2]) -> bool {
        let Some((seat, rest)) = seats.split_first() else { return true };
        let candidates = seat.candidates(taken);
        (0..64).filter(|reg| candidates >> reg & 1 != 0).any(|reg| {
            let at = |point: usize| taken[point] | u64::from(seat.at[point]) << reg;
            exists(rest, [at(EARLY), at(LATE)])
        })
    }

    proptest! {
        #[test]
        fn a_place_is_found_if_there_is_one(
            seats in prop::collection::vec((1usize..4, 1u64..64), 0..7),
            taken in [0u64..64, 0u64..64],
        ) {
            let seat = |(points, limit): (usize, u64)| Seat { at: [points & 1 != 0, points & 2 != 0], limit };
            let seats: Vec<Seat> = seats.into_iter().map(seat).collect();
            let found = find_registers(&seats, taken);
            prop_assert_eq!(found.is_some(), exists(&seats, taken));
            let mut taken = taken;
            for (seat, reg) in seats.iter().zip(found.into_iter().flatten()) {
                prop_assert!(seat.candidates(taken) >> reg & 1 != 0);
                for point in [EARLY, LATE] {
                    taken[point] |= u64::from(seat.at[point]) << reg;
                }
            }
        }
    }

    /// `b` must leave register 0 to `c`, and `a` register 1 to `b`.
    #[test]
    fn one_point_gives_way_to_two() {
        let (a, b) = (Seat { at: [true, true], limit: 0b110 }, Seat { at: [true, true], limit: 0b110 });
        let c = Seat { at: [false, true], limit: 0b011 };
        let found = find_registers(&[c, a, b], [0b001, 0]).expect("there is room");
        assert_eq!(found[0], 0);
    }
}
