//! The most words of spill slots that are needed at once: what no layout of the frame can go below.
//!
//! The moves and operands of an allocation say when something is written to a slot and when it is read. A word is needed from a write to the last read of it on
//! any path: liveness of slots. However the values are laid out in the frame, those that are needed at once need words of their own, so the largest number of
//! words needed at one point is a lower bound for the frame, given these moves.

use regatta::{Allocation, Block, Edit, Function, InstOrEdit, OperandKind, OperandPos, Output, Problem, RegClass};

/// The largest number of words of spill slots needed at once.
pub(crate) fn most_at_once(problem: &Problem, output: &Output) -> u64 {
    if output.num_spillslots == 0 {
        return 0;
    }
    let blocks = problem.func.num_blocks();
    let steps: Vec<Vec<Step>> = (0..blocks).map(|block| steps(problem, output, Block::new(block))).collect();
    let mut live_in = vec![Slots::new(output.num_spillslots); blocks];
    let mut most = 0;
    // Once more after the last change, with what is live at the ends of blocks known.
    let mut changed = true;
    while changed {
        changed = false;
        most = 0;
        for block in (0..blocks).rev() {
            let mut live = Slots::new(output.num_spillslots);
            for succ in problem.func.block_succs(Block::new(block)) {
                live.add_all(&live_in[succ.index()]);
            }
            most = most.max(live.words);
            for step in steps[block].iter().rev() {
                match *step {
                    Step::Read { slot, size } => live.add(slot, size),
                    Step::Write { slot, size } => {
                        // What is written and never read needs its word all the same.
                        live.add(slot, size);
                        most = most.max(live.words);
                        live.remove(slot);
                    }
                }
                most = most.max(live.words);
            }
            if live.words != live_in[block].words {
                live_in[block] = live;
                changed = true;
            }
        }
    }
    most
}

/// Something that happens to a slot of so many words.
#[derive(Clone, Copy, Debug)]
enum Step {
    Read { slot: usize, size: u8 },
    Write { slot: usize, size: u8 },
}

/// The slots that are needed at a point, with their sizes.
#[derive(Clone)]
struct Slots {
    size: Vec<u8>,
    words: u64,
}

impl Slots {
    fn new(slots: usize) -> Self {
        Self { size: vec![0; slots], words: 0 }
    }

    fn add(&mut self, slot: usize, size: u8) {
        if self.size[slot] < size {
            self.words += u64::from(size - self.size[slot]);
            self.size[slot] = size;
        }
    }

    fn add_all(&mut self, other: &Self) {
        other.size.iter().enumerate().for_each(|(slot, &size)| self.add(slot, size));
    }

    fn remove(&mut self, slot: usize) {
        self.words -= u64::from(self.size[slot]);
        self.size[slot] = 0;
    }
}

/// What a block does to slots, in order.
fn steps(problem: &Problem, output: &Output, block: Block) -> Vec<Step> {
    let func = &problem.func;
    let size = |class: RegClass| func.spillslot_size(class) as u8;
    let mut steps = Vec::new();
    for step in output.block_insts_and_edits(func, block) {
        match step {
            InstOrEdit::Edit(Edit::Move { from, to }) => {
                let class = from.as_reg().or(to.as_reg()).map_or(RegClass::Int, |reg| reg.class());
                let slot = |place: &Allocation| place.as_stack().map(|slot| slot.index());
                steps.extend(slot(from).map(|slot| Step::Read { slot, size: size(class) }));
                steps.extend(slot(to).map(|slot| Step::Write { slot, size: size(class) }));
            }
            InstOrEdit::Inst(inst) => {
                let allocs = output.inst_allocs(inst);
                let operands = || func.inst_operands(inst).iter().zip(allocs);
                let in_slot = |is_read: fn(OperandKind, OperandPos) -> bool| {
                    operands()
                        .filter(move |(operand, _)| is_read(operand.kind(), operand.pos()))
                        .filter_map(|(operand, alloc)| Some((alloc.as_stack()?.index(), size(operand.class()))))
                };
                // An early definition must not overwrite what is read, nor a definition what is read late.
                steps.extend(in_slot(|kind, pos| (kind, pos) == (OperandKind::Def, OperandPos::Early)).map(write));
                steps.extend(in_slot(|kind, _| kind == OperandKind::Use).map(read));
                steps.extend(in_slot(|kind, pos| (kind, pos) == (OperandKind::Def, OperandPos::Late)).map(write));
            }
        }
    }
    steps
}

fn read((slot, size): (usize, u8)) -> Step {
    Step::Read { slot, size }
}

fn write((slot, size): (usize, u8)) -> Step {
    Step::Write { slot, size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta::{FuncBuilder, Inst, MachineEnv, Operand, PReg, ProgPoint, SpillSlot};

    #[test]
    fn a_slot_is_needed_from_its_write_to_its_last_read_around_the_loop() {
        let mut b = FuncBuilder::new();
        let (entry, head, exit) = (b.block(&[]), b.block(&[]), b.block(&[]));
        let [x, y] = [0, 1].map(|_| b.vreg(RegClass::Int));
        b.op(entry, &[Operand::any_def(x)]);
        b.op(entry, &[Operand::any_def(y)]);
        b.branch(entry, &[], &[(head, &[])]);
        b.branch(head, &[Operand::any_use(x)], &[(head, &[]), (exit, &[])]);
        b.ret(exit, &[]);
        let problem = Problem { func: b.finish(), env: MachineEnv::default() };
        let slot = |number| Allocation::stack(SpillSlot::new(number));
        let mut output = Output {
            num_spillslots: 3,
            allocs: vec![slot(0), slot(1), slot(0)],
            inst_alloc_offsets: vec![0, 1, 2, 2, 3],
            ..Output::default()
        };
        // `y` is never read, but needs a word while `x` is there.
        assert_eq!(most_at_once(&problem, &output), 2);
        // A third word, between this store and this load.
        let p = Allocation::reg(PReg::new(0, RegClass::Int));
        let at = ProgPoint::before(Inst::new(3));
        output.edits = vec![(at, Edit::Move { from: p, to: slot(2) }), (at, Edit::Move { from: slot(2), to: p })];
        assert_eq!(most_at_once(&problem, &output), 2);
        output.allocs[1] = p;
        output.edits.insert(0, (ProgPoint::before(Inst::new(2)), Edit::Move { from: p, to: slot(1) }));
        output.edits.push((at, Edit::Move { from: slot(1), to: p }));
        assert_eq!(most_at_once(&problem, &output), 3);
    }
}
