//! Random instructions that have a solution: while operands are added, a register is set aside for each, or for several uses of one value.

use super::{Machine, missing};
use regatta::fuzzing::Random;
use regatta::{
    FuncBuilder, InstData, InstKind, Operand, OperandConstraint, OperandKind, OperandPos, PReg, RegClass, VReg,
};

/// Registers of one instruction that are still free at its two points, by class.
struct Free {
    early: [u64; 3],
    late: [u64; 3],
    /// For each use that has a register set aside: the operand's number, the value, the register as a bit, and whether the use is late.
    uses: Vec<(usize, VReg, u64, bool)>,
}

impl Free {
    /// The registers set aside for uses of `value` that another one may share.
    fn shared(&self, value: VReg, pos: OperandPos) -> u64 {
        let late = self.late[value.class().index()];
        let of_value = self.uses.iter().filter(|set_aside| set_aside.1 == value);
        of_value.fold(0, |all, &(_, _, reg, is_late)| {
            all | if pos == OperandPos::Early || is_late { reg } else { reg & late }
        })
    }

    /// The register set aside for an operand.
    fn of(&self, operand: usize) -> u64 {
        self.uses.iter().find(|set_aside| set_aside.0 == operand).map_or(0, |set_aside| set_aside.2)
    }
}

pub(super) struct Generator<'a> {
    random: &'a Random,
    machine: &'a Machine,
    impossible: bool,
    pub(super) builder: FuncBuilder,
}

impl<'a> Generator<'a> {
    pub(super) fn new(random: &'a Random, machine: &'a Machine, impossible: bool) -> Self {
        Self { random, machine, impossible, builder: FuncBuilder::new() }
    }

    fn class(&mut self) -> RegClass {
        let classes: Vec<RegClass> =
            RegClass::ALL.into_iter().filter(|&c| self.machine.env.allocatable(c) != 0).collect();
        self.random.pick(&classes).unwrap_or(RegClass::Int)
    }

    pub(super) fn vreg(&mut self) -> VReg {
        let class = self.class();
        self.builder.vreg(class)
    }

    pub(super) fn existing(&mut self, live: &[VReg], class: RegClass) -> VReg {
        let fitting: Vec<VReg> = live.iter().copied().filter(|v| v.class() == class).collect();
        self.random.pick(&fitting).unwrap_or(missing(class))
    }

    fn start(&self, kind: InstKind, call: bool) -> (InstData, Free) {
        let all: [u64; 3] = RegClass::ALL.map(|c| self.machine.env.allocatable(c));
        let mut inst = InstData { kind, ..InstData::default() };
        let mut free = Free { early: all, late: all, uses: Vec::new() };
        if call || self.random.chance(15) {
            let percent = if call || self.random.chance(40) { 90 } else { 30 };
            for class in RegClass::ALL {
                for number in 0..64 {
                    if all[class.index()] >> number & 1 != 0 && self.random.chance(percent) {
                        inst.clobbers.add(PReg::new(number, class));
                        free.late[class.index()] &= !(1 << number);
                    }
                }
            }
        }
        (inst, free)
    }

    /// A random instruction; its definitions are added to `live`.
    pub(super) fn inst(&mut self, live: &mut Vec<VReg>, kind: InstKind) -> InstData {
        let call = self.random.chance(10);
        let (mut inst, mut free) = self.start(kind, call);
        self.add_uses(&mut inst, &mut free, live, call);
        let defs = self.random.below(if self.random.chance(15) { 6 } else { 3 });
        for _ in 0..defs {
            let value = self.vreg();
            if self.add_def(&mut inst, &mut free, value, true) && self.random.chance(95) {
                live.push(value);
            }
        }
        if self.random.chance(3)
            && let Some(reg) = self.machine.foreign[0]
        {
            inst.operands.push(Operand::fixed_nonallocatable(reg));
        }
        if self.impossible && self.random.chance(10) {
            self.overdo(&mut inst, live);
        }
        inst
    }

    /// The last instruction of a block, which defines these values.
    pub(super) fn terminator(&mut self, live: &[VReg], kind: InstKind, defined: &[VReg]) -> InstData {
        let (mut inst, mut free) = self.start(kind, false);
        self.add_uses(&mut inst, &mut free, live, false);
        for &value in defined {
            if !self.add_def(&mut inst, &mut free, value, false) {
                inst.operands.push(Operand::new(value, OperandConstraint::Any, OperandKind::Def, OperandPos::Late));
            }
        }
        inst
    }

    fn add_uses(&mut self, inst: &mut InstData, free: &mut Free, live: &[VReg], call: bool) {
        let most = if call { 16 } else { 4 };
        let uses = self.random.below(if self.random.chance(15) { 9 } else { most });
        let mut before = None;
        for _ in 0..uses {
            let recent = live.len().saturating_sub(if self.random.chance(50) { 5 } else { 1000 });
            let again = before.filter(|_| self.random.chance(12));
            if let Some(value) = again.or_else(|| self.random.pick(&live[recent..])) {
                self.add_use(inst, free, value, call);
                before = Some(value);
            }
        }
    }

    /// Adds operands without asking whether they can be met.
    fn overdo(&mut self, inst: &mut InstData, live: &[VReg]) {
        for _ in 0..1 + self.random.below(if self.random.chance(30) { 70 } else { 5 }) {
            let Some(value) = self.random.pick(live) else { return };
            let constraint = match self.random.below(6) {
                0 => OperandConstraint::Limit(1 << self.random.below(7)),
                1 | 2 => match self.random.bit_of(self.machine.env.allocatable(value.class())) {
                    Some(number) => OperandConstraint::FixedReg(PReg::new(number, value.class())),
                    None => return,
                },
                _ => OperandConstraint::Reg,
            };
            let pos = if self.random.chance(50) { OperandPos::Early } else { OperandPos::Late };
            inst.operands.push(Operand::new(value, constraint, OperandKind::Use, pos));
        }
    }

    fn add_use(&mut self, inst: &mut InstData, free: &mut Free, value: VReg, fixed: bool) {
        let class = value.class();
        let c = class.index();
        let pos = if self.random.chance(15) { OperandPos::Late } else { OperandPos::Early };
        let mut choice = free.early[c];
        if pos == OperandPos::Late {
            choice &= free.late[c];
        }
        if self.random.chance(50) {
            choice |= free.shared(value, pos);
        }
        let drawn = self.random.below(20);
        let constraint = match if fixed && drawn > 4 { 3 } else { drawn } {
            0 | 1 => OperandConstraint::Any,
            2 => OperandConstraint::Stack,
            3..=6 => match self.random.bit_of(choice) {
                Some(number) => OperandConstraint::FixedReg(PReg::new(number, class)),
                None => return,
            },
            7 => match self.special(class, inst) {
                Some(reg) => OperandConstraint::FixedReg(reg),
                None => return,
            },
            8 | 9 => OperandConstraint::Limit(1 << self.random.below(7)),
            _ => OperandConstraint::Reg,
        };
        let Some(witness) = self.witness(constraint, choice) else { return };
        free.early[c] &= !witness;
        if pos == OperandPos::Late {
            free.late[c] &= !witness;
        }
        free.uses.push((inst.operands.len(), value, witness, pos == OperandPos::Late));
        inst.operands.push(Operand::new(value, constraint, OperandKind::Use, pos));
    }

    /// A fixed stack slot or a register that is not the allocator's, the scratch register among them.
    fn special(&mut self, class: RegClass, inst: &InstData) -> Option<PReg> {
        let mut choices: Vec<PReg> =
            self.machine.env.fixed_stack_slots.iter().copied().filter(|r| r.class() == class).collect();
        choices.extend(self.machine.foreign[class.index()]);
        choices.extend(self.machine.env.scratch_by_class[class.index()]);
        let taken = |reg: &PReg| inst.operands.iter().any(|o| o.constraint() == OperandConstraint::FixedReg(*reg));
        choices.retain(|reg| !taken(reg));
        self.random.pick(&choices)
    }

    fn add_def(&mut self, inst: &mut InstData, free: &mut Free, value: VReg, special: bool) -> bool {
        let class = value.class();
        let c = class.index();
        let early = self.random.chance(15);
        let mut choice = free.late[c];
        if early {
            choice &= free.early[c];
        }
        let constraint = match self.random.below(20) {
            0 | 1 => OperandConstraint::Any,
            2 => OperandConstraint::Stack,
            3..=5 => match self.random.bit_of(choice) {
                Some(number) => OperandConstraint::FixedReg(PReg::new(number, class)),
                None => return false,
            },
            6 if special => match self.special(class, inst) {
                Some(reg) => OperandConstraint::FixedReg(reg),
                None => return false,
            },
            7 | 8 => OperandConstraint::Limit(1 << self.random.below(7)),
            9..=13 if !early => match self.reusable(inst, free, class) {
                Some(index) => OperandConstraint::Reuse(index),
                None => return false,
            },
            _ => OperandConstraint::Reg,
        };
        if !matches!(constraint, OperandConstraint::Reuse(_)) {
            let Some(witness) = self.witness(constraint, choice) else { return false };
            free.late[c] &= !witness;
            if early {
                free.early[c] &= !witness;
            }
        }
        let pos = if early { OperandPos::Early } else { OperandPos::Late };
        inst.operands.push(Operand::new(value, constraint, OperandKind::Def, pos));
        true
    }

    /// An early use whose register a definition can take over, not yet taken over. Its register must be free late: if it is fixed,
    /// that very one, else some other is set aside.
    fn reusable(&mut self, inst: &InstData, free: &mut Free, class: RegClass) -> Option<usize> {
        let c = class.index();
        let candidates: Vec<usize> = (0..inst.operands.len().min(31))
            .filter(|&k| {
                let op = inst.operands[k];
                let reused = inst.operands.iter().any(|o| o.constraint() == OperandConstraint::Reuse(k));
                op.kind() == OperandKind::Use
                    && op.pos() == OperandPos::Early
                    && op.class() == class
                    && op.as_fixed_nonallocatable().is_none()
                    && !reused
            })
            .collect();
        let k = self.random.pick(&candidates)?;
        match inst.operands[k].constraint() {
            OperandConstraint::FixedReg(reg) => {
                let bit = 1u64 << reg.hw_enc();
                (free.late[c] & bit != 0).then(|| free.late[c] &= !bit)?;
                Some(k)
            }
            constraint @ (OperandConstraint::Reg | OperandConstraint::Any | OperandConstraint::Limit(_)) => {
                let allowed = if let OperandConstraint::Limit(max) = constraint { below(max) } else { !0 };
                // A register for input and definition together: the one set aside for the input, or another besides.
                let both = self.random.bit_of(free.of(k) & free.late[c]);
                let both = both.or_else(|| self.random.bit_of(free.early[c] & free.late[c] & allowed))?;
                free.early[c] &= !(1 << both);
                free.late[c] &= !(1 << both);
                Some(k)
            }
            _ => None,
        }
    }

    /// The register set aside for an operand: a bit, or 0 if it needs none. `None` if there is none left.
    fn witness(&self, constraint: OperandConstraint, choice: u64) -> Option<u64> {
        match constraint {
            OperandConstraint::Any | OperandConstraint::Stack | OperandConstraint::Reuse(_) => Some(0),
            OperandConstraint::FixedReg(reg) if !self.machine.is_allocatable(reg) => Some(0),
            OperandConstraint::FixedReg(reg) => Some(1 << reg.hw_enc()),
            OperandConstraint::Limit(max) => self.random.bit_of(choice & below(max)).map(|n| 1 << n),
            OperandConstraint::Reg => self.random.bit_of(choice).map(|n| 1 << n),
        }
    }
}

/// The registers that a limit leaves.
fn below(max: usize) -> u64 {
    if max >= 64 { !0 } else { (1 << max) - 1 }
}
