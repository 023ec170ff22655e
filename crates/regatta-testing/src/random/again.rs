//! Several definitions of one value by one instruction.

use super::machine::Machine;
use regatta::fuzzing::Random;
use regatta::{Func, Operand, OperandConstraint, OperandKind, OperandPos, PReg};

/// Has some instructions define a value again, in a place that is right for the definition that is there already.
pub(super) fn define_again(random: &Random, machine: &Machine, func: &mut Func) {
    func.multiple_defs = true;
    for inst in &mut func.insts {
        let is_def = |op: &Operand| op.kind() == OperandKind::Def && op.as_fixed_nonallocatable().is_none();
        let defs: Vec<usize> = (0..inst.operands.len()).filter(|&n| is_def(&inst.operands[n])).collect();
        for _ in 0..if random.chance(30) { 1 + random.below(3) } else { 0 } {
            let Some(index) = random.pick(&defs) else { break };
            let first = inst.operands[index];
            let constraint = wider(random, machine, first.constraint());
            let early = first.pos() == OperandPos::Early && random.chance(50);
            let pos = if early { OperandPos::Early } else { OperandPos::Late };
            let mut other = Operand::new(first.vreg(), constraint, OperandKind::Def, pos);
            if random.chance(50) {
                core::mem::swap(&mut inst.operands[index], &mut other);
            }
            inst.operands.push(other);
        }
    }
}

/// A constraint that is met wherever this one is.
fn wider(random: &Random, machine: &Machine, constraint: OperandConstraint) -> OperandConstraint {
    use OperandConstraint::{Any, FixedReg, Limit, Reg, Reuse, Stack};
    let mut choices = vec![constraint];
    let mut add_limits = |above: usize| choices.extend((0..7).map(|n| 1 << n).filter(|&max| max > above).map(Limit));
    let is_slot = |reg: PReg| machine.env.fixed_stack_slots.contains(&reg);
    match constraint {
        Any => {}
        Stack => choices.push(Any),
        FixedReg(reg) if is_slot(reg) => choices.extend([Any, Stack]),
        FixedReg(reg) if !machine.is_allocatable(reg) => {}
        FixedReg(reg) => {
            add_limits(reg.hw_enc());
            choices.extend([Any, Reg]);
        }
        Limit(max) => {
            add_limits(max);
            choices.extend([Any, Reg]);
        }
        Reg | Reuse(_) => choices.extend([Any, Reg]),
    }
    random.pick(&choices).unwrap_or(constraint)
}
