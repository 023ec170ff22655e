//! A problem in a form that is easy to take things out of.

use regatta::{
    Block, BlockData, Frequency, Func, Inst, InstData, InstRange, MachineEnv, Operand, OperandConstraint, OperandKind,
    PRegSet, Problem, VReg,
};

/// A block with its instructions.
pub(super) struct DraftBlock {
    pub(super) insts: Vec<InstData>,
    /// The number of each instruction in the problem.
    numbers: Vec<usize>,
    pub(super) succs: Vec<Block>,
    pub(super) args: Vec<Vec<VReg>>,
    params: Vec<VReg>,
    frequency: Option<Frequency>,
}

/// A problem being taken apart.
pub(super) struct Draft {
    pub(super) blocks: Vec<DraftBlock>,
    pub(super) labels: Vec<(VReg, Inst, Inst, u32)>,
    pub(super) frequencies: bool,
    /// What is not about blocks and instructions.
    pub(super) rest: Func,
    pub(super) env: MachineEnv,
    in_order: bool,
    /// Blocks to keep though they cannot be reached: those that never could.
    pub(super) lost: Vec<bool>,
}

impl Draft {
    pub(super) fn new(problem: &Problem) -> Self {
        let func = &problem.func;
        let mut next = 0;
        let mut in_order = true;
        let blocks = func.blocks.iter().enumerate().map(|(n, block)| {
            let (first, end) = (block.insts.first().index(), block.insts.end().index().min(func.insts.len()));
            in_order &= first == next && first < end;
            next = end;
            DraftBlock {
                insts: func.insts.get(first..end).unwrap_or_default().to_vec(),
                numbers: (first..end).collect(),
                succs: block.succs.clone(),
                args: block.args.clone(),
                params: block.params.clone(),
                frequency: func.frequencies.get(n).copied(),
            }
        });
        let blocks = blocks.collect();
        let mut draft = Self {
            blocks,
            lost: Vec::new(),
            labels: func.debug_labels.clone(),
            frequencies: true,
            rest: Func { blocks: Vec::new(), insts: Vec::new(), ..func.clone() },
            env: problem.env.clone(),
            in_order,
        };
        draft.lost = vec![false; draft.blocks.len()];
        let reachable = draft.reachable();
        draft.lost = reachable.map(|seen| seen.iter().map(|seen| !seen).collect()).unwrap_or_default();
        draft
    }

    /// Takes out instructions by number; terminators stay, without operands.
    pub(super) fn remove_insts(&mut self, gone: impl Fn(usize) -> bool) {
        let mut lost = Vec::new();
        for block in &mut self.blocks {
            let last = block.insts.len().saturating_sub(1);
            let defs = |inst: &InstData| {
                inst.operands.iter().filter(|op| is_def(op)).map(|op| op.vreg().vreg()).collect::<Vec<_>>()
            };
            let mut kept = (Vec::new(), Vec::new());
            for (n, (mut inst, number)) in block.insts.drain(..).zip(block.numbers.drain(..)).enumerate() {
                if gone(number) {
                    lost.extend(defs(&inst));
                    if n < last {
                        continue;
                    }
                    inst.operands.clear();
                    inst.clobbers = PRegSet::empty();
                }
                kept.0.push(inst);
                kept.1.push(number);
            }
            (block.insts, block.numbers) = kept;
        }
        lost.into_iter().for_each(|value| self.remove_value(value));
    }

    /// Takes out operands by number, and the values that they define.
    pub(super) fn remove_operands(&mut self, gone: impl Fn(usize) -> bool) {
        let mut lost = Vec::new();
        let mut n = 0;
        for inst in self.blocks.iter_mut().flat_map(|block| &mut block.insts) {
            let first = n;
            n += inst.operands.len();
            lost.extend(
                (first..n)
                    .filter(|&k| gone(k))
                    .map(|k| inst.operands[k - first])
                    .filter(is_def)
                    .map(|op| op.vreg().vreg()),
            );
            retain_operands(inst, |k, _| !gone(first + k));
        }
        lost.into_iter().for_each(|value| self.remove_value(value));
    }

    /// Takes out a value: its definition, its uses, and the parameters that it is passed to.
    pub(super) fn remove_value(&mut self, value: usize) {
        let mut lost = vec![value];
        while let Some(value) = lost.pop() {
            let is_it = |vreg: &VReg| vreg.vreg() == value;
            for inst in self.blocks.iter_mut().flat_map(|block| &mut block.insts) {
                retain_operands(inst, |_, op| op.as_fixed_nonallocatable().is_some() || !is_it(&op.vreg()));
            }
            self.labels.retain(|label| !is_it(&label.0));
            for at in 0..self.blocks.len() {
                while let Some(k) = self.blocks[at].params.iter().position(is_it) {
                    self.remove_param(Block::new(at), k);
                }
                // What it is passed to has no value any more.
                for edge in 0..self.blocks[at].args.len() {
                    let Some(&to) = self.blocks[at].succs.get(edge) else { continue };
                    while let Some(k) = self.blocks[at].args[edge].iter().position(is_it) {
                        match self.blocks.get(to.index()).and_then(|block| block.params.get(k)) {
                            Some(param) => {
                                lost.push(param.vreg());
                                self.remove_param(to, k);
                            }
                            None => drop(self.blocks[at].args[edge].remove(k)),
                        }
                    }
                }
            }
        }
    }

    /// Takes out a parameter and what is passed to it.
    fn remove_param(&mut self, of: Block, number: usize) {
        self.blocks[of.index()].params.remove(number);
        for block in &mut self.blocks {
            for (&to, args) in block.succs.iter().zip(&mut block.args) {
                if to == of && number < args.len() {
                    args.remove(number);
                }
            }
        }
    }

    /// Appends to a block the only one that it leads to, if that has no other way in. Its parameters become their arguments.
    pub(super) fn join(&mut self, at: usize) {
        let [to] = self.blocks[at].succs[..] else { return };
        let ways_in = self.blocks.iter().flat_map(|block| &block.succs).filter(|&&succ| succ == to).count();
        let alone = ways_in == 1 && to.index() != at && to != self.rest.entry && to.index() < self.blocks.len();
        let plain = self.blocks[at].insts.last().is_some_and(|last| last.operands.is_empty());
        if !alone || !plain {
            return;
        }
        let params = std::mem::take(&mut self.blocks[to.index()].params);
        let args = self.blocks[at].args.first().cloned().unwrap_or_default();
        for (param, arg) in params.into_iter().zip(args) {
            self.rename(param, arg);
        }
        let other = &mut self.blocks[to.index()];
        let (insts, numbers) = (std::mem::take(&mut other.insts), std::mem::take(&mut other.numbers));
        let (succs, args) = (std::mem::take(&mut other.succs), std::mem::take(&mut other.args));
        let block = &mut self.blocks[at];
        block.insts.pop();
        block.numbers.pop();
        block.insts.extend(insts);
        block.numbers.extend(numbers);
        (block.succs, block.args) = (succs, args);
    }

    /// Puts one value in the place of another.
    fn rename(&mut self, from: VReg, to: VReg) {
        for block in &mut self.blocks {
            for op in block.insts.iter_mut().flat_map(|inst| &mut inst.operands) {
                if op.vreg() == from && op.as_fixed_nonallocatable().is_none() {
                    *op = Operand::from_bits(op.bits() >> 32 << 32 | to.vreg() as u64);
                }
            }
            block.args.iter_mut().flatten().filter(|arg| **arg == from).for_each(|arg| *arg = to);
        }
        self.labels.retain(|label| label.0 != from);
    }

    pub(super) fn prefer_all(&mut self) {
        for c in 0..3 {
            let all = self.env.preferred_regs_by_class[c] | self.env.non_preferred_regs_by_class[c];
            self.env.preferred_regs_by_class[c] = all;
            self.env.non_preferred_regs_by_class[c] = PRegSet::empty();
        }
    }

    /// The problem, without blocks that cannot be reached any more, numbered anew. `None` if its blocks are such that there is no
    /// taking it apart.
    pub(super) fn finish(mut self) -> Option<Problem> {
        if !self.in_order {
            return None;
        }
        let kept = self.reachable()?;
        self.drop_lost_values(&kept);
        let mut block_numbers = vec![Block::invalid(); self.blocks.len()];
        let mut values = Vec::new();
        let mut func = Func { frequencies: Vec::new(), debug_labels: Vec::new(), ..self.rest };
        let mut inst_numbers: Vec<usize> = Vec::new();
        for (n, block) in self.blocks.iter().enumerate().filter(|(n, _)| kept[*n]) {
            block_numbers[n] = Block::new(func.blocks.len());
            let first = Inst::new(func.insts.len());
            func.insts.extend(block.insts.iter().cloned());
            inst_numbers.extend(&block.numbers);
            let insts = InstRange::new(first, Inst::new(func.insts.len()));
            let (succs, params, args) = (block.succs.clone(), block.params.clone(), block.args.clone());
            func.blocks.push(BlockData { insts, succs, preds: Vec::new(), params, args });
            if self.frequencies {
                func.frequencies.extend(block.frequency);
            }
        }
        func.entry = *block_numbers.get(func.entry.index())?;
        let place = |inst: Inst| Inst::new(inst_numbers.partition_point(|&number| number < inst.index()));
        func.debug_labels =
            self.labels.iter().map(|&(v, from, to, label)| (v, place(from), place(to), label)).collect();
        for block in &mut func.blocks {
            block.succs.iter_mut().for_each(|to| *to = block_numbers.get(to.index()).copied().unwrap_or(*to));
        }
        func.derive_preds();
        renumber(&mut func, &mut values);
        Some(Problem { func, env: self.env })
    }

    /// Which blocks to keep: those that can be reached, also from those that are kept for their own sake.
    fn reachable(&self) -> Option<Vec<bool>> {
        let mut seen = vec![false; self.blocks.len()];
        let mut work = vec![self.rest.entry.index()];
        work.extend((0..self.lost.len()).filter(|&at| self.lost[at]));
        while let Some(at) = work.pop() {
            let block = self.blocks.get(at)?;
            if !std::mem::replace(&mut seen[at], true) {
                work.extend(block.succs.iter().map(|to| to.index()));
            }
        }
        Some(seen)
    }

    /// Takes out the values that were defined in blocks that go.
    fn drop_lost_values(&mut self, kept: &[bool]) {
        let mut lost = Vec::new();
        for (block, _) in self.blocks.iter_mut().zip(kept).filter(|(_, kept)| !**kept) {
            let defs = block.insts.iter().flat_map(|inst| &inst.operands).filter(|op| is_def(op)).map(|op| op.vreg());
            lost.extend(block.params.iter().copied().chain(defs).map(VReg::vreg));
            block.succs.clear();
            block.args.clear();
            block.insts.clear();
            block.params.clear();
        }
        lost.into_iter().for_each(|value| self.remove_value(value));
    }
}

fn is_def(op: &Operand) -> bool {
    op.kind() == OperandKind::Def && op.as_fixed_nonallocatable().is_none()
}

/// Keeps some of the operands; definitions that reuse others follow these, or become plain.
fn retain_operands(inst: &mut InstData, keep: impl Fn(usize, &Operand) -> bool) {
    let mut place = vec![None; inst.operands.len()];
    let mut next = 0;
    for (k, op) in inst.operands.iter().enumerate() {
        if keep(k, op) {
            place[k] = Some(next);
            next += 1;
        }
    }
    if next == inst.operands.len() {
        return;
    }
    let mut operands = Vec::with_capacity(next);
    for (k, &op) in inst.operands.iter().enumerate() {
        let OperandConstraint::Reuse(input) = op.constraint() else {
            operands.extend(place[k].map(|_| op));
            continue;
        };
        let constraint = match place.get(input) {
            Some(None) => OperandConstraint::Reg,
            Some(Some(moved)) => OperandConstraint::Reuse(*moved),
            None => OperandConstraint::Reuse(input),
        };
        operands.extend(place[k].map(|_| Operand::new(op.vreg(), constraint, op.kind(), op.pos())));
    }
    inst.operands = operands;
}

/// Numbers the values that occur from 0, in the order in which they do.
fn renumber(func: &mut Func, numbers: &mut Vec<Option<usize>>) {
    let limit = func.num_vregs;
    let mut next = 0;
    let mut number = |vreg: VReg| {
        if vreg.vreg() >= limit || limit > 1 << 24 {
            return vreg;
        }
        numbers.resize(limit, None);
        let new = *numbers[vreg.vreg()].get_or_insert_with(|| {
            next += 1;
            next - 1
        });
        VReg::from_bits((new as u32) << 2 | (vreg.bits() as u32 & 3))
    };
    for n in 0..func.blocks.len() {
        let block = &mut func.blocks[n];
        block.params.iter_mut().for_each(|param| *param = number(*param));
        for inst in block.insts.iter() {
            for op in &mut func.insts[inst.index()].operands {
                if op.as_fixed_nonallocatable().is_none() {
                    let moved = number(op.vreg());
                    *op = Operand::from_bits(op.bits() >> 32 << 32 | moved.vreg() as u64);
                }
            }
        }
        block.args.iter_mut().flatten().for_each(|arg| *arg = number(*arg));
    }
    func.debug_labels.iter_mut().for_each(|label| label.0 = number(label.0));
    func.debug_labels.sort_by_key(|label| label.0);
    if limit <= 1 << 24 {
        func.num_vregs = next;
    }
}
