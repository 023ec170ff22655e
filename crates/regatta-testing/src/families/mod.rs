//! Families of functions that hurt register allocators, in every size.
//!
//! A program that an attacker writes, or a machine generates, does not look like the programs that an allocator was tuned on. Each
//! family here takes one thing that real functions have a little of, and has much of it: values that live long, calls, loops in
//! loops, wide switches, deep nests. An allocator whose time or memory grows faster than the function shows it on one of them.
//!
//! A family's function of size n has about n instructions; where the shape demands more or fewer, the family says so. Everything
//! is deterministic. All families are for one machine, [`machine`]: 15 integer registers, of which a call overwrites 10.

mod branchy;
mod looping;
mod straight;

use regatta::{FuncBuilder, InstData, MachineEnv, Operand, PReg, PRegSet, Problem, RegClass, VReg};

/// A family of functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A long straight line of additions of recent values.
    Line,
    /// 200 values alive at every point.
    Pressure,
    /// Values defined at the top and used at the end.
    TopToEnd,
    /// A call every few instructions, with values alive across.
    Calls,
    /// One value passed alternately as the first and the second argument of calls.
    Alternating,
    /// Ifs with two arms, one behind the other, with values alive across.
    Diamonds,
    /// Loop nests six deep, one behind the other.
    LoopNests,
    /// One switch with n/4 arms that join again.
    Switch,
    /// One switch with n/8 arms that pass 30 values each to the block where they join, six of which are their own.
    Passing,
    /// A line that is left every few instructions, if something is wrong.
    Guards,
    /// Ifs nested n/2 deep, a value alive across each. Each level takes five instructions, so there are 2.5 n.
    NestedIfs,
    /// Loops one behind the other, each of which hands 24 values on to the next and changes four.
    LoopChain,
    /// Loops nested n/7 deep, with a way out of each from the innermost.
    Exits,
    /// A loop that rotates n/20 parameters.
    Rotation,
    /// An interpreter's loop with n/6 handlers.
    Interpreter,
    /// Chains of two-address instructions whose input stays alive.
    TwoAddress,
    /// Loops with two entries, and one with many.
    Irreducible,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 17] = [
        Self::Line,
        Self::Pressure,
        Self::TopToEnd,
        Self::Calls,
        Self::Alternating,
        Self::Diamonds,
        Self::LoopNests,
        Self::LoopChain,
        Self::Exits,
        Self::Switch,
        Self::Passing,
        Self::Guards,
        Self::NestedIfs,
        Self::Rotation,
        Self::Interpreter,
        Self::TwoAddress,
        Self::Irreducible,
    ];

    /// The name that a command line knows the family by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Pressure => "pressure",
            Self::TopToEnd => "top-to-end",
            Self::Calls => "calls",
            Self::Alternating => "alternating",
            Self::Diamonds => "diamonds",
            Self::LoopNests => "loop-nests",
            Self::LoopChain => "loop-chain",
            Self::Exits => "exits",
            Self::Switch => "switch",
            Self::Passing => "passing",
            Self::Guards => "guards",
            Self::NestedIfs => "nested-ifs",
            Self::Rotation => "rotation",
            Self::Interpreter => "interpreter",
            Self::TwoAddress => "two-address",
            Self::Irreducible => "irreducible",
        }
    }

    /// The family's function of a size. Sizes below 40 give the smallest member.
    pub fn make(self, size: usize) -> Problem {
        let mut draft = Draft::default();
        let size = size.max(40);
        match self {
            Self::Line => straight::line(&mut draft, size),
            Self::Pressure => straight::pressure(&mut draft, size),
            Self::TopToEnd => straight::top_to_end(&mut draft, size),
            Self::Calls => straight::calls(&mut draft, size),
            Self::Alternating => straight::alternating(&mut draft, size),
            Self::TwoAddress => straight::two_address(&mut draft, size),
            Self::Diamonds => branchy::diamonds(&mut draft, size),
            Self::Switch => branchy::switch(&mut draft, size),
            Self::Passing => branchy::passing(&mut draft, size),
            Self::Guards => branchy::guards(&mut draft, size),
            Self::NestedIfs => branchy::nested_ifs(&mut draft, size),
            Self::LoopNests => looping::nests(&mut draft, size),
            Self::LoopChain => looping::chain(&mut draft, size),
            Self::Exits => looping::exits(&mut draft, size),
            Self::Rotation => looping::rotation(&mut draft, size),
            Self::Interpreter => looping::interpreter(&mut draft, size),
            Self::Irreducible => looping::irreducible(&mut draft, size),
        }
        Problem { func: draft.builder.finish(), env: machine() }
    }
}

/// Registers that a call overwrites: the first ten.
const CALLER_SAVED: u64 = (1 << 10) - 1;
/// All registers.
const ALL_REGS: u64 = (1 << 15) - 1;

/// The machine that the families are for: 15 integer registers, of which those that survive calls are not preferred.
pub fn machine() -> MachineEnv {
    let mut env = MachineEnv::default();
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, CALLER_SAVED);
    env.non_preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, ALL_REGS & !CALLER_SAVED);
    env
}

/// A function in the making.
#[derive(Default)]
struct Draft {
    builder: FuncBuilder,
    /// The state of a small generator of numbers, for choices without a pattern.
    state: u64,
}

impl Draft {
    fn value(&mut self) -> VReg {
        self.builder.vreg(RegClass::Int)
    }

    /// A number below `n`.
    fn choice(&mut self, n: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % n
    }

    /// Makes a value out of others in `block`.
    fn make(&mut self, block: regatta::Block, from: &[VReg]) -> VReg {
        let made = self.value();
        let mut operands = vec![Operand::reg_def(made)];
        operands.extend(from.iter().map(|&value| Operand::reg_use(value)));
        self.builder.op(block, &operands);
        made
    }

    /// Reads values in `block`.
    fn read(&mut self, block: regatta::Block, values: &[VReg]) {
        let operands: Vec<Operand> = values.iter().map(|&value| Operand::reg_use(value)).collect();
        self.builder.op(block, &operands);
    }

    /// Calls a function with these arguments, in registers 0, 1 and so on; its result is in register 0.
    fn call(&mut self, block: regatta::Block, arguments: &[VReg]) -> VReg {
        let result = self.value();
        let reg = |number| PReg::new(number, RegClass::Int);
        let mut operands = vec![Operand::reg_fixed_def(result, reg(0))];
        operands.extend(arguments.iter().enumerate().map(|(n, &value)| Operand::reg_fixed_use(value, reg(n))));
        let clobbers = PRegSet::from_class_mask(RegClass::Int, CALLER_SAVED & !1);
        self.builder.inst(block, InstData { operands, clobbers, ..InstData::default() });
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta::{Algorithm, Options, check, run};

    #[test]
    fn every_member_is_valid_of_its_size_and_allocated_right() {
        for family in Family::ALL {
            for size in [1, 100, 1000, 5000] {
                let problem = family.make(size);
                let name = family.name();
                check::validate(&problem.func, &problem.env).unwrap_or_else(|error| panic!("{name} {size}: {error}"));
                let (insts, factor) = (problem.func.insts.len(), if family == Family::NestedIfs { 2.5 } else { 1.0 });
                let ratio = insts as f64 / (size as f64 * factor);
                assert!(size < 1000 || (0.8..1.25).contains(&ratio), "{name} {size}: {insts} instructions");
                for algorithm in [Algorithm::Thorough, Algorithm::Quick] {
                    let output = run(&problem.func, &problem.env, &Options { algorithm, ..Options::default() });
                    let output = output.unwrap_or_else(|error| panic!("{name} {size}: {error}"));
                    if let Err(faults) = check::check(&problem.func, &problem.env, &output) {
                        panic!("{name} {size}: {faults}");
                    }
                }
            }
        }
    }
}
