//! What an allocation costs: the number by which two allocations of one function are compared.
//!
//! Every move and every operand on the stack costs what is listed below, times how often its block is executed; every
//! non-preferred integer register that the function writes costs its saving and restoring, once. The weights are those
//! of LLVM's `RegAllocScore`. How often a block is executed is what the client says, or else ten times as often for
//! each loop around it.
//!
//! Cost: linear in edits and operands, but for a binary search a block.

use crate::cfg::FlowGraph;
use crate::ir::{Function, Inst, Machine, OperandKind, RegClass};
use crate::output::{Allocation, Edit, Output, ProgPoint};

/// A move from register to register.
const MOVE: f64 = 0.2;
/// A move from a register to the stack.
const STORE: f64 = 1.0;
/// A move from the stack to a register.
const LOAD: f64 = 4.0;
/// An operand that the instruction finds on the stack.
const STACK_OPERAND: f64 = 2.0;
/// A register that is saved at the function's start and restored at its end.
const SAVED_REGISTER: f64 = 5.0;

/// The cost of an allocation of `func`, whose flow graph is `flow`.
pub(crate) fn cost(func: &impl Function, machine: &Machine, flow: &FlowGraph, output: &Output) -> f64 {
    let is_on_stack = |at: Allocation| at.is_stack() || at.as_reg().is_some_and(|reg| machine.is_stack(reg));
    let int = RegClass::Int.index();
    let mut written = 0u64;
    let mut write = |at: Allocation| {
        if let Some(reg) = at.as_reg().filter(|reg| reg.class().index() == int) {
            written |= 1 << reg.hw_enc();
        }
    };
    let mut total = 0.0;
    for block in flow.graph.blocks() {
        let start = ProgPoint::before(flow.graph.first(block));
        let mut edits = output.edits[output.edits.partition_point(|edit| edit.0 < start)..].iter().peekable();
        let mut here = 0.0;
        for inst in flow.graph.first(block).0..flow.graph.end(block).0 {
            let inst = Inst(inst);
            while let Some((_, Edit::Move { from, to })) = edits.next_if(|(point, _)| point.inst() <= inst) {
                // One of the two is a register.
                here += match (is_on_stack(*from), is_on_stack(*to)) {
                    (true, _) => LOAD,
                    (_, true) => STORE,
                    _ => MOVE,
                };
                write(*to);
            }
            for (operand, &at) in func.inst_operands(inst).iter().zip(output.inst_allocs(inst)) {
                here += if is_on_stack(at) { STACK_OPERAND } else { 0.0 };
                if operand.kind() == OperandKind::Def {
                    write(at);
                }
            }
        }
        total += here * f64::from(flow.frequencies.of(block));
    }
    total + SAVED_REGISTER * f64::from((written & machine.dear[int]).count_ones())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{FuncBuilder, MachineEnv, Operand, PReg};
    use crate::output::SpillSlot;
    use alloc::vec;

    #[test]
    fn all_that_costs_is_charged() {
        let mut b = FuncBuilder::new();
        let [entry, head, latch, exit] = [(); 4].map(|()| b.block(&[]));
        let x = b.vreg(RegClass::Int);
        b.op(entry, &[Operand::any_def(x)]);
        b.branch(entry, &[], &[(head, &[])]);
        b.branch(head, &[Operand::any_use(x)], &[(latch, &[]), (exit, &[])]);
        b.branch(latch, &[], &[(head, &[])]);
        b.ret(exit, &[Operand::reg_use(x)]);
        let [p0, p1, p2, p3, p9] = [0, 1, 2, 3, 9].map(|number| PReg::new(number, RegClass::Int));
        let mut env = MachineEnv { fixed_stack_slots: vec![p9], ..MachineEnv::default() };
        env.preferred_regs_by_class[0].add(p0);
        [p1, p2, p3].iter().for_each(|&reg| env.non_preferred_regs_by_class[0].add(reg));
        let func = b.finish();
        let reg = Allocation::reg;
        let slot = Allocation::stack(SpillSlot::new(0));
        let before = |inst, from, to| (ProgPoint::before(Inst(inst)), Edit::Move { from, to });
        let output = Output {
            num_spillslots: 1,
            edits: vec![
                before(1, reg(p1), slot),    // a store, once
                before(2, reg(p1), reg(p0)), // a move, in the loop
                before(4, slot, reg(p0)),    // a load, after it
                before(4, reg(p0), reg(p2)), // and a move
            ],
            // A definition in p1, which is to be saved, as is p2; a use on the stack, in the loop; a use in a register.
            allocs: vec![reg(p1), reg(p9), reg(p0)],
            inst_alloc_offsets: vec![0, 1, 1, 2, 2],
            ..Output::default()
        };
        let mut flow = FlowGraph::default();
        flow.run(&func).expect("right");
        let cost = cost(&func, &Machine::new(&env), &flow, &output);
        assert!((cost - (1.0 + 10.0 * 0.2 + 4.0 + 0.2 + 10.0 * 2.0 + 2.0 * 5.0)).abs() < 1e-6, "{cost}");
    }
}
