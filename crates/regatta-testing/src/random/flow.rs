//! Random flow graphs: of any shape, structured with deep nests, or one wide switch.

use regatta::fuzzing::Random;
use regatta_compare::order::reverse_postorder;

/// The blocks of a function before it has any.
pub(super) struct Flow {
    /// Successors of each block; block 0 is the entry. No edge is critical.
    pub(super) succs: Vec<Vec<usize>>,
    /// The immediate dominator of each block; for an unreachable block, some block before it in `order`.
    pub(super) idom: Vec<usize>,
    /// An order in which dominators come first.
    pub(super) order: Vec<usize>,
}

/// A random graph. Blocks are in reverse postorder, as compilers number them. With `unreachable`, some cannot be reached, and come last.
pub(super) fn flow(random: &Random, unreachable: bool) -> Flow {
    let mut succs = match random.below(10) {
        0..=5 => any(random),
        6..=8 => structured(random),
        _ => switch(random),
    };
    let reachable = reachable_first(&mut succs, unreachable);
    split_critical_edges(&mut succs);
    let succs = in_reverse_postorder(&succs);
    let reachable = if unreachable { count_reachable(&succs) } else { reachable.max(succs.len()) };
    let (idom, order) = dominators(random, &succs, reachable);
    Flow { succs, idom, order }
}

fn any(random: &Random) -> Vec<Vec<usize>> {
    let count = 1 + random.below(if random.chance(20) { 25 } else { 8 });
    (0..count)
        .map(|block| {
            let targets = match random.below(10) {
                0 => 0,
                1..=4 => 1,
                5..=8 => 2,
                _ => 3,
            };
            (0..targets)
                .map(
                    |_| {
                        if random.chance(60) {
                            (block + 1 + random.below(3)).min(count - 1)
                        } else {
                            random.below(count)
                        }
                    },
                )
                .collect()
        })
        .collect()
}

/// Ifs and loops within one another, as deep as it comes.
fn structured(random: &Random) -> Vec<Vec<usize>> {
    let mut succs = vec![vec![]];
    let budget = 2 + random.below(12);
    let end = grow(random, &mut succs, 0, budget);
    if random.chance(20) {
        succs[end].push(0);
    }
    succs
}

/// Continues from block `at` with `budget` more constructs; returns the block where that ends.
fn grow(random: &Random, succs: &mut Vec<Vec<usize>>, at: usize, budget: usize) -> usize {
    fn block(succs: &mut Vec<Vec<usize>>) -> usize {
        succs.push(vec![]);
        succs.len() - 1
    }
    if budget == 0 {
        return at;
    }
    let inner = random.below(budget);
    let end = if random.chance(50) {
        // A loop: header, body, back; the exit leaves from the header or from the body's end.
        let (header, body, out) = (block(succs), block(succs), block(succs));
        succs[at].push(header);
        succs[header].push(body);
        let last = grow(random, succs, body, inner);
        succs[last].push(header);
        let exit = if random.chance(50) { header } else { last };
        succs[exit].push(out);
        out
    } else {
        let (left, right, join) = (block(succs), block(succs), block(succs));
        succs[at].extend([left, right]);
        let last = grow(random, succs, left, inner);
        succs[last].push(join);
        succs[right].push(join);
        join
    };
    grow(random, succs, end, budget - 1 - inner)
}

/// A switch whose arms join, leave, or go back.
fn switch(random: &Random) -> Vec<Vec<usize>> {
    let arms = 2 + random.below(40);
    let mut succs = vec![vec![1], (3..arms + 3).collect(), vec![]];
    succs.extend((0..arms).map(|_| match random.below(10) {
        0 => vec![],
        1 | 2 => vec![1],
        _ => vec![2],
    }));
    succs
}

/// Renumbers the blocks, those that can be reached first. Returns how many these are; the others stay or go.
fn reachable_first(succs: &mut Vec<Vec<usize>>, keep: bool) -> usize {
    let mut number = vec![usize::MAX; succs.len()];
    let mut order = vec![0];
    number[0] = 0;
    let mut at = 0;
    let mut reachable = 0;
    loop {
        while at < order.len() {
            for &to in &succs[order[at]] {
                if number[to] == usize::MAX {
                    number[to] = order.len();
                    order.push(to);
                }
            }
            at += 1;
        }
        if reachable == 0 {
            reachable = order.len();
        }
        let Some(root) = number.iter().position(|&n| n == usize::MAX).filter(|_| keep) else { break };
        number[root] = order.len();
        order.push(root);
    }
    *succs = order.iter().map(|&block| succs[block].iter().map(|&to| number[to]).collect()).collect();
    reachable
}

fn split_critical_edges(succs: &mut Vec<Vec<usize>>) {
    let mut preds = vec![0; succs.len()];
    preds[0] = 1;
    for to in succs.iter().flatten() {
        preds[*to] += 1;
    }
    for block in 0..succs.len() {
        if succs[block].len() > 1 {
            for k in 0..succs[block].len() {
                let to = succs[block][k];
                if preds[to] > 1 {
                    succs[block][k] = succs.len();
                    succs.push(vec![to]);
                }
            }
        }
    }
}

fn in_reverse_postorder(succs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; succs.len()];
    let order: Vec<usize> = (0..succs.len())
        .flat_map(|root| reverse_postorder(root, &mut seen, |block| succs[block].iter().copied()))
        .collect();
    let mut number = vec![0; succs.len()];
    for (n, &block) in order.iter().enumerate() {
        number[block] = n;
    }
    order.iter().map(|&block| succs[block].iter().map(|&to| number[to]).collect()).collect()
}

fn reach(succs: &[Vec<usize>], without: usize) -> Vec<bool> {
    let mut seen = vec![false; succs.len()];
    let mut stack = vec![];
    if without != 0 {
        seen[0] = true;
        stack.push(0);
    }
    while let Some(block) = stack.pop() {
        for &to in &succs[block] {
            if to != without && !seen[to] {
                seen[to] = true;
                stack.push(to);
            }
        }
    }
    seen
}

/// The reachable blocks come first.
fn count_reachable(succs: &[Vec<usize>]) -> usize {
    reach(succs, usize::MAX).iter().filter(|&&seen| seen).count()
}

/// The immediate dominator of each block, and an order in which dominators come first.
fn dominators(random: &Random, succs: &[Vec<usize>], reachable: usize) -> (Vec<usize>, Vec<usize>) {
    let n = succs.len();
    let above: Vec<Vec<bool>> =
        (0..reachable).map(|block| reach(succs, block).iter().map(|seen| !seen).collect()).collect();
    let depth: Vec<usize> = (0..n).map(|block| (0..reachable).filter(|&d| above[d][block]).count()).collect();
    let mut idom = vec![0; n];
    for (block, idom) in idom.iter_mut().enumerate().take(reachable).skip(1) {
        *idom = (0..reachable).filter(|&d| d != block && above[d][block]).max_by_key(|&d| depth[d]).unwrap_or(0);
    }
    let mut order: Vec<usize> = (0..reachable).collect();
    order.sort_by_key(|&block| (depth[block], block));
    for (block, idom) in idom.iter_mut().enumerate().skip(reachable) {
        *idom = random.below(block);
        order.push(block);
    }
    (idom, order)
}
