//! Executes a function and its allocation side by side along random paths.
//!
//! Every definition makes a fresh number. The function itself says which number each value has; the registers and the frame say which
//! number each operand's location holds. They must agree at every use. This knows nothing of data flow, so it shows independently of
//! the checker whether an output is wrong on the paths that it takes.

use regatta::fuzzing::Random;
use regatta::{
    Allocation, Block, Edit, Function, Inst, InstOrEdit, OperandKind, OperandPos, Output, PReg, Problem, RegClass,
};
use std::collections::HashMap;

/// Registers, and words of the frame.
#[derive(Default)]
struct Places {
    regs: HashMap<PReg, u64>,
    words: HashMap<usize, u64>,
}

impl Places {
    fn read(&self, problem: &Problem, place: Allocation, class: RegClass) -> Option<u64> {
        match place.as_reg() {
            Some(reg) => self.regs.get(&reg).copied(),
            None => {
                let mut words = words_of(problem, place, class).map(|word| self.words.get(&word).copied());
                let first = words.next()??;
                words.all(|word| word == Some(first)).then_some(first)
            }
        }
    }

    fn write(&mut self, problem: &Problem, place: Allocation, class: RegClass, number: Option<u64>) {
        let number = number.unwrap_or(u64::MAX);
        match place.as_reg() {
            Some(reg) => {
                self.regs.insert(reg, number);
            }
            None => self.words.extend(words_of(problem, place, class).map(|word| (word, number))),
        }
    }
}

fn words_of(problem: &Problem, place: Allocation, class: RegClass) -> std::ops::Range<usize> {
    let size = problem.func.spillslot_size(class);
    let first = if problem.func.named_by_last_slot { (place.index() + 1).saturating_sub(size) } else { place.index() };
    first..first + size
}

/// Follows a random path of at most `steps` instructions; returns the first instruction that reads a wrong number.
pub fn wrong_read(problem: &Problem, output: &Output, random: &Random, steps: usize) -> Option<Inst> {
    let func = &problem.func;
    let mut values: HashMap<usize, u64> = HashMap::new();
    let mut places = Places::default();
    let mut fresh = 0;
    let mut block = func.entry;
    let mut left = steps;
    while left > 0 {
        for step in output.block_insts_and_edits(func, block) {
            let inst = match step {
                InstOrEdit::Edit(Edit::Move { from, to }) => {
                    let class = from.as_reg().or(to.as_reg()).map_or(RegClass::Int, PReg::class);
                    let number = places.read(problem, *from, class);
                    places.write(problem, *to, class, number);
                    continue;
                }
                InstOrEdit::Inst(inst) => inst,
            };
            left = left.saturating_sub(1);
            let operands = || func.inst_operands(inst).iter().zip(output.inst_allocs(inst).iter().copied());
            for late in [false, true] {
                if late {
                    for reg in func.inst_clobbers(inst) {
                        places.regs.insert(reg, u64::MAX);
                    }
                }
                let now = |pos: OperandPos| (pos == OperandPos::Late) == late;
                for (op, place) in operands() {
                    let reads = op.kind() == OperandKind::Use && op.as_fixed_nonallocatable().is_none();
                    if reads
                        && now(op.pos())
                        && places.read(problem, place, op.class()) != values.get(&op.vreg().vreg()).copied()
                    {
                        return Some(inst);
                    }
                }
                for (op, place) in operands() {
                    if op.kind() == OperandKind::Def && now(op.pos()) {
                        fresh += 1;
                        values.insert(op.vreg().vreg(), fresh);
                        places.write(problem, place, op.class(), Some(fresh));
                    }
                }
            }
        }
        block = take_edge(problem, block, &mut values, random)?;
    }
    None
}

fn take_edge(problem: &Problem, block: Block, values: &mut HashMap<usize, u64>, random: &Random) -> Option<Block> {
    let func = &problem.func;
    let succs = func.block_succs(block);
    if succs.is_empty() {
        return None;
    }
    let n = random.below(succs.len());
    let args = func.branch_blockparams(block, func.block_insns(block).last(), n);
    let passed: Vec<Option<u64>> = args.iter().map(|arg| values.get(&arg.vreg()).copied()).collect();
    for (param, number) in func.block_params(succs[n]).iter().zip(passed) {
        match number {
            Some(number) => values.insert(param.vreg(), number),
            None => values.remove(&param.vreg()),
        };
    }
    Some(succs[n])
}
