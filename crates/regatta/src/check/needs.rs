//! Up to which block a name may still be used.
//!
//! A value that goes from loop to loop gets a new parameter's name in each, and its locations have all these names. Most of them
//! are of no use any more, and are the first that can be dropped where there are too many ([`super::names`]). Which ones is told by
//! the places of blocks in an order that keeps loops in one piece: a name is of no use behind its last use, unless an edge back
//! leads to before that use, and not to before the definition, which would make the name anew.

use crate::cfg::{Graph, Loops, Order};
use crate::ir::{Block, Function, OperandKind, VReg};
use alloc::vec;
use alloc::vec::Vec;

/// How often a name's life is prolonged by edges back that begin within what it has been prolonged to. One edge is enough but for
/// loops that are entered in several places.
const PROLONGATIONS: usize = 8;

/// Up to where names may be needed.
#[derive(Default)]
pub(super) struct Needs {
    order: Order,
    /// The reachable blocks in that order. Empty where the graph cannot be analysed.
    pub(super) blocks: Vec<Block>,
    /// For each virtual register, the place of the last block where it may be needed. Empty where the graph cannot be analysed.
    until: Vec<u32>,
}

impl Needs {
    /// Looks at all uses. `O(n log b)` in the size of the function and the number of its blocks.
    pub(super) fn new(func: &impl Function) -> Self {
        let (mut graph, mut loops, mut order) = <(Graph, Loops, Order)>::default();
        if graph.run(func).is_err() {
            return Self::default();
        }
        loops.run(&graph);
        order.run(&graph, &loops);
        let until = needed_until(func, &order);
        let blocks = order.order().iter().copied().filter(|&block| graph.is_reachable(block)).collect();
        Self { order, blocks, until }
    }

    /// May the virtual register of this number be needed in the block or behind it?
    pub(super) fn needed(&self, vreg: u32, block: Block) -> bool {
        self.until.get(vreg as usize).is_none_or(|&until| until >= self.order.position(block))
    }
}

/// For each virtual register, the place of the last block where it may be needed. What has a debug label always is.
fn needed_until(func: &impl Function, order: &Order) -> Vec<u32> {
    let mut until = vec![0; func.num_vregs()];
    let mut made = vec![0; func.num_vregs()];
    let mut back = vec![0; order.order().len()];
    for (&block, at) in order.order().iter().zip(0..) {
        let mut use_at = |vreg: VReg| {
            if let Some(until) = until.get_mut(vreg.vreg()) {
                *until = at;
            }
        };
        let insts = func.block_insns(block);
        for &param in func.block_params(block) {
            if let Some(made) = made.get_mut(param.vreg()) {
                *made = at;
            }
        }
        for inst in insts.iter() {
            for op in func.inst_operands(inst).iter().filter(|op| op.as_fixed_nonallocatable().is_none()) {
                match op.kind() {
                    OperandKind::Use => use_at(op.vreg()),
                    OperandKind::Def => {
                        if let Some(made) = made.get_mut(op.vreg().vreg()) {
                            *made = at;
                        }
                    }
                }
            }
        }
        for (n, &succ) in func.block_succs(block).iter().enumerate() {
            func.branch_blockparams(block, insts.last(), n).iter().for_each(|&arg| use_at(arg));
            if order.position(succ) <= at {
                back[order.position(succ) as usize] = at;
            }
        }
    }
    let farthest = Maxima::new(back);
    for (until, &made) in until.iter_mut().zip(&made) {
        for _ in 0..PROLONGATIONS {
            // Edges to behind the definition's block and to no later than the use.
            let prolonged = farthest.of(made as usize + 1, *until as usize + 1);
            if prolonged <= *until {
                break;
            }
            *until = prolonged;
        }
    }
    for &(vreg, ..) in func.debug_value_labels() {
        if let Some(until) = until.get_mut(vreg.vreg()) {
            *until = u32::MAX;
        }
    }
    until
}

/// The greatest number in any range of a list: a tree of maxima.
struct Maxima {
    tree: Vec<u32>,
}

impl Maxima {
    fn new(list: Vec<u32>) -> Self {
        let n = list.len();
        let mut tree = vec![0; n];
        tree.extend(list);
        for at in (1..n).rev() {
            tree[at] = tree[2 * at].max(tree[2 * at + 1]);
        }
        Self { tree }
    }

    /// Of the numbers from `from` to before `to`; 0 if there are none.
    fn of(&self, from: usize, to: usize) -> u32 {
        let n = self.tree.len() / 2;
        let (mut from, mut to, mut max) = (from.min(n) + n, to.min(n) + n, 0);
        while from < to {
            if from % 2 == 1 {
                max = max.max(self.tree[from]);
                from += 1;
            }
            if to % 2 == 1 {
                to -= 1;
                max = max.max(self.tree[to]);
            }
            (from, to) = (from / 2, to / 2);
        }
        max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maxima_of_every_range() {
        for n in 0..12usize {
            let list: Vec<u32> = (0..n as u32).map(|k| k * 7919 % 13).collect();
            let maxima = Maxima::new(list.clone());
            for from in 0..=n {
                for to in 0..=n {
                    let range = list.get(from..to.max(from)).unwrap_or_default();
                    assert_eq!(
                        maxima.of(from, to),
                        range.iter().copied().max().unwrap_or(0),
                        "{from}..{to} of {list:?}"
                    );
                }
            }
        }
    }
}
