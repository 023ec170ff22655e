//! Counting registers: is there one for each value that an instruction wants in a register at the same time?

use crate::ir::VReg;
use alloc::vec::Vec;

/// A register that a value must be in. Sorted, a value's fixed registers come before its other demands, and of these the
/// narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Demand {
    pub(super) vreg: VReg,
    pub(super) unfixed: bool,
    /// The register's number, or the limit below which it must be.
    pub(super) number: u32,
}

pub(super) fn below(limit: usize) -> u64 {
    if limit >= 64 { !0 } else { (1 << limit) - 1 }
}

/// Can all demands be met at once by these registers?
///
/// Demands for one value share a register where they can. What remains are single registers and all registers below a
/// limit; of any two such sets, one contains the other or they are disjoint. It is therefore enough (by Hall's theorem)
/// that for each limit, no more is demanded below it than there is.
pub(super) fn satisfiable(demand: &mut Vec<Demand>, registers: u64) -> bool {
    demand.sort_unstable();
    demand.dedup();
    // By the power of two that bounds it, how much is demanded below each limit.
    let mut wanted = [0u32; 7];
    for same in demand.chunk_by(|a, b| a.vreg == b.vreg) {
        // No register is fixed for another value at the same step: that has been reported.
        for want in same.iter().filter(|want| !want.unfixed) {
            wanted[(want.number + 1).next_power_of_two().ilog2() as usize] += 1;
        }
        // The value's narrowest limit takes care of its wider ones; a fixed register may take care of them all.
        if let Some(narrowest) = same.iter().find(|want| want.unfixed)
            && same.iter().all(|want| want.unfixed || want.number >= narrowest.number)
        {
            wanted[narrowest.number.ilog2() as usize] += 1;
        }
    }
    let mut sum = 0;
    wanted.iter().enumerate().all(|(level, &count)| {
        sum += count;
        sum <= (registers & below(1 << level)).count_ones()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::RegClass;
    use alloc::vec;
    use proptest::prelude::*;

    fn admits(want: &Demand, register: u32) -> bool {
        if want.unfixed { register < want.number } else { register == want.number }
    }

    /// Gives the demands registers, one after the other, in all ways: values share none.
    fn found(demand: &[Demand], registers: u64, owners: &mut [Option<VReg>; 8]) -> bool {
        let Some((want, rest)) = demand.split_first() else { return true };
        (0..8).filter(|&register| registers >> register & 1 != 0 && admits(want, register)).any(|register| {
            let owner = owners[register as usize];
            if owner.is_some_and(|owner| owner != want.vreg) {
                return false;
            }
            owners[register as usize] = Some(want.vreg);
            let found = found(rest, registers, owners);
            owners[register as usize] = owner;
            found
        })
    }

    proptest! {
        #[test]
        fn counting_says_what_trying_says(
            wants in prop::collection::vec((0usize..4, prop::sample::select(vec![None, Some(1u32), Some(2), Some(4), Some(8)]), 0u32..8), 0..6),
            registers in 0u64..256,
        ) {
            let mut taken = [None; 8];
            let mut demand = vec![];
            for (vreg, limit, register) in wants {
                let vreg = VReg::new(vreg, RegClass::Int);
                // What is not allocatable is not demanded, and a register fixed for two values has been reported.
                if limit.is_none() {
                    let owner = taken[register as usize].get_or_insert(vreg);
                    if registers >> register & 1 == 0 || *owner != vreg {
                        continue;
                    }
                }
                demand.push(Demand { vreg, unfixed: limit.is_some(), number: limit.unwrap_or(register) });
            }
            let expected = found(&demand, registers, &mut [None; 8]);
            prop_assert_eq!(satisfiable(&mut demand.clone(), registers), expected, "{:?}", demand);
        }
    }
}
