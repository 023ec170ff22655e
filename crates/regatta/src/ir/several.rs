//! Several definitions of one value by one instruction.
//!
//! Where a client allows it ([`super::Function::allow_multiple_vreg_defs`]), all of them get one location. So they are one definition that
//! says everything which any of them says: it must be where all of them may be, and is there early if one of them is. Here each of them is
//! made to say all of that. The validator looks at the operands so; the allocators make the first definition, and give its place to the others.
//!
//! Finding them takes `O(m log m)` for `m` operands.

use super::Machine;
use super::operand::{Operand, OperandConstraint, OperandKind, OperandPos};
use super::reg::{PReg, VReg};
use alloc::vec::Vec;
use core::mem;

/// Storage for [`SeveralDefs::combine`].
#[derive(Debug, Default)]
pub(crate) struct SeveralDefs {
    /// The definitions, each as its value and its index among the operands.
    by_value: Vec<(VReg, u32)>,
    combined: Vec<Operand>,
}

impl SeveralDefs {
    /// The operands of an instruction, where all definitions of one value say what they say together.
    ///
    /// # Errors
    ///
    /// The index of a definition that cannot be where another one of its value must be.
    pub(crate) fn combine<'a>(
        &'a mut self,
        operands: &'a [Operand],
        machine: &Machine,
    ) -> Result<&'a [Operand], usize> {
        self.by_value.clear();
        let defs = (0..).zip(operands).filter(|(_, operand)| is_def(**operand));
        self.by_value.extend(defs.map(|(index, operand)| (operand.vreg(), index)));
        self.by_value.sort_unstable();
        if self.groups().next().is_none() {
            return Ok(operands);
        }
        let mut combined = mem::take(&mut self.combined);
        combined.clear();
        combined.extend_from_slice(operands);
        let result = self.groups().try_for_each(|group| {
            let mut all = operands[group[0].1 as usize];
            for &(_, index) in &group[1..] {
                all = both(all, operands[index as usize], machine).ok_or(index as usize)?;
            }
            group.iter().for_each(|&(_, index)| combined[index as usize] = all);
            Ok(())
        });
        self.combined = combined;
        result.map(|()| &*self.combined)
    }

    /// The definitions of each value that has several, in the order of the operands.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[(VReg, u32)]> {
        self.by_value.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1)
    }
}

fn is_def(operand: Operand) -> bool {
    operand.kind() == OperandKind::Def && operand.as_fixed_nonallocatable().is_none()
}

/// What two definitions of one value say together, if a location can be right for both.
fn both(one: Operand, other: Operand, machine: &Machine) -> Option<Operand> {
    let (a, b) = (one.constraint(), other.constraint());
    let all = match () {
        () if a == b || is_narrower(b, a, machine) => other,
        () if is_narrower(a, b, machine) => one,
        () => return None,
    };
    if one.pos() == OperandPos::Late && other.pos() == OperandPos::Late {
        return Some(all);
    }
    // Early, what is to be taken over is still there.
    (!matches!(all.constraint(), OperandConstraint::Reuse(_))).then(|| all.made_early())
}

/// Is what meets `narrow` all that meets both?
fn is_narrower(narrow: OperandConstraint, wide: OperandConstraint, machine: &Machine) -> bool {
    use OperandConstraint::{Any, FixedReg, Limit, Reg, Reuse, Stack};
    let is_ours = |reg: PReg| machine.allocatable[reg.class().index()] >> reg.hw_enc() & 1 != 0;
    match (wide, narrow) {
        (Any, FixedReg(reg)) => is_ours(reg) || machine.is_stack(reg),
        (Any, _) | (Reg, Limit(_) | Reuse(_)) => true,
        (Reg, FixedReg(reg)) => is_ours(reg),
        (Limit(limit), FixedReg(reg)) => is_ours(reg) && reg.hw_enc() < limit,
        (Limit(limit), Limit(less)) => less < limit,
        (Stack, FixedReg(slot)) => machine.is_stack(slot),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{MachineEnv, PRegSet, RegClass};
    use alloc::vec;

    /// Registers 0 to 3 are allocatable, 9 is a stack slot, the others are nobody's.
    fn machine() -> Machine {
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b1111);
        env.fixed_stack_slots.push(PReg::new(9, RegClass::Int));
        Machine::new(&env)
    }

    fn constraints() -> Vec<OperandConstraint> {
        use OperandConstraint::{Any, FixedReg, Limit, Reg, Reuse, Stack};
        let mut all = vec![Any, Reg, Stack, Reuse(0), Reuse(1)];
        all.extend([1, 2, 4, 8].map(Limit));
        all.extend([0, 1, 2, 3, 5, 9].map(|number| FixedReg(PReg::new(number, RegClass::Int))));
        all
    }

    /// Places that an operand may be in: registers 0 to 9 by number, a spill slot as number 10. Of two operands to reuse, the first may be in an
    /// even register and the second in an odd one.
    fn places(constraint: OperandConstraint) -> u32 {
        let machine = machine();
        let ours = machine.allocatable[0] as u32;
        match constraint {
            OperandConstraint::Any => ours | 1 << 9 | 1 << 10,
            OperandConstraint::Reg => ours,
            OperandConstraint::Stack => 1 << 9 | 1 << 10,
            OperandConstraint::FixedReg(reg) => 1 << reg.hw_enc(),
            OperandConstraint::Reuse(input) => ours & if input == 0 { 0b0101 } else { 0b1010 },
            OperandConstraint::Limit(limit) => ours & ((1u64 << limit) - 1) as u32,
        }
    }

    #[test]
    fn what_two_say_together_is_what_each_says() {
        let def = |c| Operand::new(VReg::new(0, RegClass::Int), c, OperandKind::Def, OperandPos::Late);
        for one in constraints() {
            for other in constraints() {
                let reuses = [one, other].iter().any(|c| matches!(c, OperandConstraint::Reuse(_)));
                let in_both = places(one) & places(other);
                match both(def(one), def(other), &machine()) {
                    Some(all) => assert_eq!(places(all.constraint()), in_both, "{one} and {other}"),
                    // A definition that reuses an operand, and is wanted in some registers only, is one that is refused.
                    None if reuses => {}
                    None => assert_eq!(in_both, 0, "{one} and {other}"),
                }
            }
        }
    }

    #[test]
    fn all_definitions_of_a_value_say_the_same() {
        let [x, y] = [0, 1].map(|n| VReg::new(n, RegClass::Int));
        let p3 = PReg::new(3, RegClass::Int);
        let aside = Operand::fixed_nonallocatable(PReg::new(5, RegClass::Int));
        let mut several = SeveralDefs::default();
        let other_aside = Operand::fixed_nonallocatable(PReg::new(6, RegClass::Int));
        let once = [Operand::reg_use(x), Operand::any_use(x), Operand::reg_def(y), aside, other_aside];
        assert_eq!(several.combine(&once, &machine()), Ok(&once[..]));
        let operands = [
            Operand::any_def(x),
            Operand::reg_def(y),
            Operand::reg_fixed_def(x, p3),
            aside,
            aside,
            Operand::reg_def_at_start(x),
        ];
        let all = Operand::reg_fixed_def_at_start(x, p3);
        assert_eq!(several.combine(&operands, &machine()), Ok(&[all, operands[1], all, aside, aside, all][..]));
        let apart = [
            Operand::reg_fixed_def(x, p3),
            Operand::any_def(x),
            Operand::reg_fixed_def(x, PReg::new(2, RegClass::Int)),
        ];
        assert_eq!(several.combine(&apart, &machine()), Err(2));
        let early = [Operand::reg_use(y), Operand::reg_reuse_def(x, 0), Operand::reg_def_at_start(x)];
        assert_eq!(several.combine(&early, &machine()), Err(2));
    }
}
