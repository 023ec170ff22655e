//! Planning the registers of one instruction as a whole.
//!
//! Where an instruction needs nearly all registers of a class, taking operand after operand can fail though a solution exists: a use
//! without a limit sits in the one register that a limited one could have. Then all register operands are planned together, and the
//! instruction is allocated again with each of them fixed to its planned register.
//!
//! A register is occupied at the early point, at the late one, or at both: by late uses, early definitions, and inputs that are reused. What
//! fixed operands and clobbers need is set aside at the start. The sets of registers that operands accept are nested, all below some limit,
//! so the smallest are served first, and within a limit those operands that occupy both points. Hence all registers that an operand
//! accepts are as good for those to come, but for what is free of them and whose they are, and most operands have but one choice:
//!
//! - A use shares a register of its value if it can. Early, that takes nothing from others; late, it takes less than a register for itself.
//! - Of registers that are free at both points, one is as good as another.
//! - An operand at one of the points takes a register that is of no use at the other one. But a late use of the same value, with a wider limit, could
//!   share the register of an early one only if it is free late as well; and a late definition may be in the way of such a late use.
//!
//! Only the last of these is a choice, and may turn out to be wrong. The planning is a search that goes back to it then.

use super::{Code, InstInfo, Op, REUSED, Value, Want, flag};
use crate::ir::{Inst, Machine, PerClass};
use alloc::vec::Vec;

/// How many operands are placed in all, besides each once, before the search is given up.
const MAX_STEPS: usize = 20_000;

/// The plan of an instruction, with the storage for it.
#[derive(Debug, Default)]
pub(crate) struct InstPlan {
    /// The operands: those that want a register are fixed to one.
    pub(crate) planned: Vec<Op>,
    /// The operands to be planned, by number, in the order in which they are served.
    order: Vec<usize>,
    steps: usize,
}

/// The registers that are free at the two points of the instruction.
#[derive(Clone, Copy)]
struct Free {
    early: PerClass<u64>,
    late: PerClass<u64>,
}

/// Which points of the instruction an operand occupies its register at.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Points {
    early: bool,
    late: bool,
}

/// Where an operand may go: first here, then to the others.
struct Choice {
    first: u8,
    others: u64,
}

/// An instruction to be planned.
struct Search<'a> {
    machine: &'a Machine,
    ops: &'a [Op],
    /// The registers that a value is in, where it had best stay.
    held: &'a dyn Fn(Value) -> u64,
}

impl Code {
    /// Plans the registers of `inst`, and fixes its operands to them. False if there is no solution, or all are fixed already.
    pub(crate) fn fix_registers(&mut self, inst: Inst, machine: &Machine, plan: &mut InstPlan) -> bool {
        let range = self.op_range(inst);
        let info = &mut self.insts[inst];
        let clobbers = &self.clobber_sets[info.clobbers()];
        let ops = &mut self.ops.as_mut_slice()[range];
        let is_planned = !ops.iter().any(|op| op.want == Want::Reg);
        if is_planned || !plan.run(machine, clobbers, ops, &|_| 0) {
            return false;
        }
        ops.copy_from_slice(&plan.planned);
        *info = InstInfo::new(info.ops, info.clobbers(), info.flags() | flag::FIXED_USE | flag::KILLS);
        true
    }
}

impl InstPlan {
    /// Plans the registers of an instruction with the operands `ops`; `held` says in which registers a value is. False if there is no
    /// solution.
    pub(crate) fn run(
        &mut self,
        machine: &Machine,
        clobbers: &PerClass<u64>,
        ops: &[Op],
        held: &dyn Fn(Value) -> u64,
    ) -> bool {
        self.planned.clear();
        self.planned.extend_from_slice(ops);
        let mut free = Free { early: machine.allocatable, late: machine.allocatable };
        for (late, clobbered) in free.late.iter_mut().zip(clobbers) {
            *late &= !clobbered;
        }
        for op in ops.iter().filter(|op| op.want == Want::Fixed) {
            let points = points(op);
            free.occupy(op.class(), points, op.reg);
        }
        self.order.clear();
        self.order.extend((0..ops.len()).filter(|&index| ops[index].want == Want::Reg));
        let rank = |&index: &usize| {
            let op = &ops[index];
            let points = points(op);
            // (A limit that leaves all registers is none.)
            let registers = (op.limit_mask() & machine.allocatable[op.class()]).count_ones();
            (registers, !(points.early && points.late), index)
        };
        self.order.sort_unstable_by_key(rank);
        self.steps = MAX_STEPS + ops.len();
        self.place(&Search { machine, ops, held }, 0, free)
    }

    /// Places the operands from number `next` of the order on. (It calls itself where there is a choice, which takes a register at a point.)
    fn place(&mut self, on: &Search<'_>, mut next: usize, mut free: Free) -> bool {
        while let Some(&index) = self.order.get(next) {
            let op = on.ops[index];
            let Some(Choice { first, others }) = self.choice(on, op, &free) else { return false };
            let mut reg = first;
            let mut left = others;
            while left != 0 {
                if self.steps == 0 {
                    return false;
                }
                let mut then = free;
                self.fix(index, &op, reg, &mut then);
                if self.place(on, next + 1, then) {
                    return true;
                }
                for &index in &self.order[next..] {
                    self.planned[index] = on.ops[index];
                }
                reg = left.trailing_zeros() as u8;
                left &= left - 1;
            }
            self.fix(index, &op, reg, &mut free);
            next += 1;
        }
        true
    }

    fn fix(&mut self, index: usize, op: &Op, reg: u8, free: &mut Free) {
        self.steps = self.steps.saturating_sub(1);
        self.planned[index].want = Want::Fixed;
        self.planned[index].reg = reg;
        free.occupy(op.class(), points(op), reg);
    }

    /// The registers that may be tried for the operand `op`; none if there is none.
    fn choice(&self, on: &Search<'_>, op: Op, free: &Free) -> Option<Choice> {
        let class = op.class();
        let points = points(&op);
        let allowed = op.limit_mask() & on.machine.allocatable[class];
        let (early, late) = (free.early[class], free.late[class]);
        let (shared, shared_late) = if op.is_use() { self.registers_of(op.value) } else { (0, 0) };
        // What is occupied late by uses of the value already takes no other, but a definition cannot have it.
        let at_no_cost = if op.role & REUSED != 0 { 0 } else { shared_late & allowed };
        let shared = shared & allowed & if points.late { late | at_no_cost } else { !0 };
        if shared != 0 {
            let first = lowest(if at_no_cost != 0 { at_no_cost } else { shared });
            return Some(Choice { first, others: 0 });
        }
        let choice = allowed & if points.early { early } else { !0 } & if points.late { late } else { !0 };
        // Of no use at the other point.
        let single = match points {
            Points { early: true, late: true } => 0,
            Points { late: true, .. } => choice & !early,
            Points { .. } => choice & !late,
        };
        let both = choice & !single;
        // Stay where the value is, if that is possible.
        let here = if op.is_use() { (on.held)(op.value) } else { 0 };
        let prefer = |among: u64| if among & here != 0 { among & here } else { among };
        let of = |among: u64| prefer(among) & prefer(among).wrapping_neg();
        let others = match points {
            // (Whose the register is early makes a difference to late uses.)
            Points { early: false, .. } => single | of(both),
            Points { .. } => of(single) | of(both),
        };
        let first = if single != 0 { of(single) } else { of(both) };
        (first != 0).then(|| Choice { first: lowest(first), others: others & !first })
    }

    /// The registers planned for uses of `value`; and for those of them that are late.
    fn registers_of(&self, value: Value) -> (u64, u64) {
        let uses = self.planned.iter().filter(|op| op.is_use() && op.value == value && op.want == Want::Fixed);
        uses.fold((0, 0), |(all, late), op| (all | 1 << op.reg, late | u64::from(op.is_late()) << op.reg))
    }
}

impl Free {
    fn occupy(&mut self, class: usize, points: Points, reg: u8) {
        self.early[class] &= !(u64::from(points.early) << reg);
        self.late[class] &= !(u64::from(points.late) << reg);
    }
}

fn points(op: &Op) -> Points {
    if op.is_def() {
        Points { early: !op.is_late(), late: true }
    } else {
        Points { early: true, late: op.is_late() || op.role & REUSED != 0 }
    }
}

fn lowest(mask: u64) -> u8 {
    mask.trailing_zeros() as u8
}

#[cfg(test)]
mod tests {
    use super::super::{CLASS_SHIFT, DEF, LATE, NO_REG, USE};
    use super::*;
    use proptest::prelude::*;

    fn op(value: u32, role: u8, want: Want, reg: u8) -> Op {
        debug_assert!(role >> CLASS_SHIFT == 0);
        Op { value: Value(value), next: u32::MAX, want, role, reg, hint: NO_REG }
    }

    fn machine(registers: u64) -> Machine {
        Machine { allocatable: [registers, 0, 0], ..Machine::default() }
    }

    fn plan(registers: u64, clobbers: u64, ops: &[Op]) -> Option<Vec<Op>> {
        let mut plan = InstPlan::default();
        plan.run(&machine(registers), &[clobbers, 0, 0], ops, &|_| 0).then_some(plan.planned)
    }

    /// Whose a register is at one of the points: a use's value's, or a definition's.
    type Owner = Option<(bool, Value)>;

    /// Tries all registers for each operand in turn; those that are fixed have but one.
    fn exists(ops: &[Op], registers: u64, clobbers: u64, owners: [[Owner; 8]; 2]) -> bool {
        let Some((op, rest)) = ops.split_first() else { return true };
        let allowed = if op.want == Want::Fixed { 1 << op.reg } else { op.limit_mask() };
        (0..8).filter(|reg| (allowed & registers) >> reg & 1 != 0).any(|reg| {
            let points = points(op);
            let mut then = owners;
            let mut at = |point: usize, owner: (bool, Value)| {
                let there = &mut then[point][reg as usize];
                let may_be = there.is_none() || *there == Some(owner) && op.is_use() && owner.0;
                *there = Some(owner);
                may_be && (point == 0 || clobbers >> reg & 1 == 0)
            };
            let early = !points.early || at(0, (op.is_use(), op.value));
            // What reuses an input is another value than any.
            let late = if op.role & REUSED != 0 { (false, op.value) } else { (op.is_use(), op.value) };
            early && (!points.late || at(1, late)) && exists(rest, registers, clobbers, then)
        })
    }

    fn any_op() -> impl Strategy<Value = Op> {
        (
            0u32..3,
            prop::sample::select(&[USE, USE, USE | LATE, USE | REUSED, DEF, DEF | LATE][..]),
            0u8..4,
            any::<bool>(),
        )
            .prop_map(|(value, role, limit, any_register)| {
                op(value, role, Want::Reg, if any_register { 6 } else { limit.min(2) })
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
        /// Some operands are fixed first, to where they fit.
        #[test]
        fn a_plan_is_found_if_there_is_one(
            ops in prop::collection::vec(any_op(), 1..8),
            fixed in prop::collection::vec(0u8..12, 0..3),
            registers in 1u64..64,
            clobbers in 0u64..64,
        ) {
            let mut ops = ops;
            for (op, &reg) in ops.iter_mut().zip(&fixed).filter(|(_, reg)| registers >> **reg & 1 != 0) {
                (op.want, op.reg) = (Want::Fixed, reg);
            }
            let clobbers = clobbers & (clobbers >> 2);
            let is_fixed = |op: &&Op| op.want == Want::Fixed;
            let all_fixed: Vec<Op> = ops.iter().filter(is_fixed).copied().collect();
            if !exists(&all_fixed, registers, clobbers, [[None; 8]; 2]) {
                return Ok(());
            }
            let planned = plan(registers, clobbers, &ops);
            prop_assert_eq!(planned.is_some(), exists(&ops, registers, clobbers, [[None; 8]; 2]));
            if let Some(planned) = planned {
                prop_assert!(planned.iter().all(|op| op.want == Want::Fixed));
                prop_assert!(planned.iter().zip(&ops).all(|(p, op)| is_fixed(&op) || op.limit_mask() >> p.reg & 1 != 0));
                prop_assert!(exists(&planned, registers, clobbers, [[None; 8]; 2]));
            }
        }
    }

    /// The early use must not go where it can stay to itself: then the late one could not share its register.
    #[test]
    fn an_early_use_keeps_to_where_a_late_one_can_join_it() {
        let ops = [
            op(0, DEF | LATE, Want::Fixed, 1),
            op(1, USE | LATE, Want::Reg, 6),
            op(2, USE, Want::Fixed, 2),
            op(1, USE, Want::Reg, 1),
            op(3, USE, Want::Reg, 6),
        ];
        let planned = plan(0b111, 0b100, &ops).expect("there is room");
        assert_eq!((planned[1].reg, planned[3].reg), (0, 0));
    }

    /// Nor must the late definition go where the early use is.
    #[test]
    fn a_late_definition_leaves_a_register_to_a_late_use() {
        let ops = [
            op(0, USE, Want::Fixed, 0),
            op(1, DEF | LATE, Want::Reg, 1),
            op(0, USE | LATE, Want::Reg, 6),
            op(2, USE, Want::Fixed, 1),
            op(3, USE, Want::Fixed, 2),
        ];
        let planned = plan(0b111, 0, &ops).expect("there is room");
        assert_eq!((planned[1].reg, planned[2].reg), (1, 0));
    }
}
