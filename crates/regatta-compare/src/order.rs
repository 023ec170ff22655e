//! Functions, and their allocations, with blocks in an order in which predecessors come first, as far as they can.

use regatta::{Block, BlockData, Func, Inst, InstRange, Output, ProgPoint};

/// The blocks that can be reached from `root` by way of such that have not been `seen`, in reverse postorder. They count as seen from then on.
/// Linear in blocks and edges.
pub fn reverse_postorder<Succs: Iterator<Item = usize>>(
    root: usize,
    seen: &mut [bool],
    succs: impl Fn(usize) -> Succs,
) -> Vec<usize> {
    let mut order = Vec::new();
    let mut path = Vec::new();
    if !std::mem::replace(&mut seen[root], true) {
        path.push((root, succs(root)));
    }
    while let Some((block, rest)) = path.last_mut() {
        match rest.next() {
            Some(to) => {
                if !std::mem::replace(&mut seen[to], true) {
                    path.push((to, succs(to)));
                }
            }
            None => {
                order.push(*block);
                path.pop();
            }
        }
    }
    order.reverse();
    order
}

/// A function and its allocation with blocks and their instructions in reverse postorder, without what cannot be reached; `None` if they are
/// in such an order and can all be reached. What is said for debuggers, and statistics, are left out. Linear, but for a search for each
/// instruction's edits.
///
/// Of a function whose blocks, edges and instructions do not fit together, or an allocation that does not fit the function, nothing is made.
pub fn in_reverse_postorder(func: &Func, output: &Output) -> Option<(Func, Output)> {
    let fits = |block: &BlockData| {
        let targets = block.succs.iter().chain(&block.preds);
        block.insts.end().index() <= func.insts.len() && targets.into_iter().all(|to| to.index() < func.blocks.len())
    };
    if func.entry.index() >= func.blocks.len()
        || !func.blocks.iter().all(fits)
        || output.inst_alloc_offsets.len() != func.insts.len()
    {
        return None;
    }
    let succs = |block: usize| func.blocks[block].succs.iter().map(|to| to.index());
    let order = reverse_postorder(func.entry.index(), &mut vec![false; func.blocks.len()], succs);
    let number = numbers(&order, func.blocks.len());
    // One whose blocks all come behind a predecessor will do as it is.
    let has_one_before = |(block, data): (usize, &BlockData)| {
        number[block].is_some() && (block == func.entry.index() || data.preds.iter().any(|pred| pred.index() < block))
    };
    if func.blocks.iter().enumerate().all(has_one_before) && func.blocks.is_sorted_by_key(|block| block.insts.first()) {
        return None;
    }
    let known = |list: &[Block]| list.iter().filter_map(|block| number[block.index()]).collect();
    let mut made = Func {
        blocks: Vec::new(),
        insts: Vec::new(),
        frequencies: Vec::new(),
        debug_labels: Vec::new(),
        ..func.clone()
    };
    made.entry = Block::new(0);
    let mut allocation = Output { num_spillslots: output.num_spillslots, ..Output::default() };
    for &block in &order {
        let data = &func.blocks[block];
        let first = Inst::new(made.insts.len());
        for inst in data.insts.iter() {
            let now = Inst::new(made.insts.len());
            made.insts.push(func.insts[inst.index()].clone());
            allocation.inst_alloc_offsets.push(allocation.allocs.len() as u32);
            allocation.allocs.extend_from_slice(output.inst_allocs(inst));
            let start = output.edits.partition_point(|edit| edit.0 < ProgPoint::before(inst));
            for (at, edit) in output.edits[start..].iter().take_while(|edit| edit.0.inst() == inst) {
                let is_before = *at == ProgPoint::before(inst);
                allocation
                    .edits
                    .push((if is_before { ProgPoint::before(now) } else { ProgPoint::after(now) }, edit.clone()));
            }
        }
        let insts = InstRange::new(first, Inst::new(made.insts.len()));
        made.blocks.push(BlockData { insts, succs: known(&data.succs), preds: known(&data.preds), ..data.clone() });
    }
    Some((made, allocation))
}

/// The place of each block in an order, if it is there.
fn numbers(order: &[usize], blocks: usize) -> Vec<Option<Block>> {
    let mut number = vec![None; blocks];
    for (n, &block) in order.iter().enumerate() {
        number[block] = Some(Block::new(n));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta::{FuncBuilder, MachineEnv, Operand, PRegSet, Problem, RegClass};

    /// Blocks against the order of control, and one that nothing leads to.
    fn backwards() -> Problem {
        let mut b = FuncBuilder::new();
        let blocks: Vec<Block> = (0..4).map(|_| b.block(&[])).collect();
        let x = b.vreg(RegClass::Int);
        let y = b.vreg(RegClass::Int);
        b.op(blocks[0], &[Operand::reg_def(x)]);
        b.op(blocks[0], &[Operand::reg_def(y)]);
        b.branch(blocks[0], &[], &[(blocks[3], &[])]);
        b.op(blocks[1], &[Operand::reg_use(x)]);
        b.ret(blocks[1], &[Operand::reg_use(y)]);
        b.ret(blocks[2], &[Operand::reg_use(x)]);
        b.branch(blocks[3], &[], &[(blocks[1], &[])]);
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b11);
        Problem { func: b.finish(), env }
    }

    #[test]
    fn their_checker_follows_blocks_in_any_order() {
        let problem = backwards();
        for algorithm in regatta::Algorithm::ALL {
            let options = regatta::Options { algorithm, ..regatta::Options::default() };
            let mut output = regatta::run(&problem.func, &problem.env, &options).expect("allocated");
            let (func, _) = in_reverse_postorder(&problem.func, &output).expect("in another order");
            assert_eq!((func.blocks.len(), func.insts.len()), (3, 6), "{func:?}");
            assert_eq!(crate::ra2::check(&problem, &output), Ok(()), "{algorithm:?}");
            output.allocs.swap(0, 1);
            assert!(crate::ra2::check(&problem, &output).is_err(), "two values have changed places");
        }
    }

    #[test]
    fn predecessors_come_first_but_for_loops() {
        let succs: [&[usize]; 5] = [&[4, 2], &[1], &[3], &[2], &[2]];
        let mut seen = [false; 5];
        let order = reverse_postorder(0, &mut seen, |block| succs[block].iter().copied());
        assert_eq!(order, [0, 4, 2, 3]);
        assert_eq!(seen, [true, false, true, true, true]);
    }
}
