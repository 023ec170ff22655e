//! Random machines: 3 to 64 registers in each of one to three classes, with and without scratch registers and fixed stack slots.

use regatta::fuzzing::Random;
use regatta::{MachineEnv, PReg, RegClass};

/// The machine: its environment, and registers that are not its to allocate but may be named.
pub(super) struct Machine {
    pub(super) env: MachineEnv,
    pub(super) foreign: [Option<PReg>; 3],
}

impl Machine {
    /// May values be allocated to the register?
    pub(super) fn is_allocatable(&self, reg: PReg) -> bool {
        self.env.allocatable(reg.class()) >> reg.hw_enc() & 1 != 0
    }
}

pub(super) fn machine(random: &Random) -> Machine {
    let mut env = MachineEnv::default();
    let mut foreign = [None; 3];
    let classes = 1 + random.below(3);
    for class in &RegClass::ALL[..classes] {
        let c = class.index();
        let mut free: u64 = (0..64).filter(|&n| PReg::new(n, *class).as_valid().is_some()).map(|n| 1 << n).sum();
        let count = match random.below(20) {
            0..=12 => 3 + random.below(4),
            13..=16 => 3 + random.below(12),
            17 | 18 => 3 + random.below(61),
            _ => free.count_ones() as usize,
        };
        let dense = random.chance(70);
        for _ in 0..count.min(free.count_ones() as usize) {
            let drawn = if dense { None } else { random.bit_of(free) };
            let number = drawn.unwrap_or(free.trailing_zeros() as usize);
            free &= !(1 << number);
            if random.chance(30) {
                env.non_preferred_regs_by_class[c].add(PReg::new(number, *class));
            } else {
                env.preferred_regs_by_class[c].add(PReg::new(number, *class));
            }
        }
        let mut take = |percent| {
            let number = random.chance(percent).then(|| random.bit_of(free)).flatten()?;
            free &= !(1 << number);
            Some(PReg::new(number, *class))
        };
        env.scratch_by_class[c] = take(30);
        foreign[c] = take(30);
        env.fixed_stack_slots.extend([take(60), take(40)].into_iter().flatten());
    }
    Machine { env, foreign }
}
