//! Dominators, loops and the order of the blocks against their definitions, tried out in cubic time.

use super::Random;
use crate::cfg::{Dominators, Graph, Loop, Loops, Order};
use crate::ir::Block;
use alloc::vec;
use alloc::vec::Vec;

/// Analyses a random graph.
pub fn graphs(random: &Random) {
    let (entry, succs) = any_graph(random);
    let graph = Graph::from_succs(entry, &succs);
    let (mut dominators, mut loops, mut order) = <(Dominators, Loops, Order)>::default();
    dominators.run(&graph);
    loops.run(&graph);
    order.run(&graph, &loops);
    check_dominators(&graph, &dominators);
    dominators.run_with_loops(&graph, &loops);
    check_dominators(&graph, &dominators);
    let bodies = check_loops(&graph, &loops);
    check_order(&graph, &loops, &order, &bodies);
}

/// A graph: the entry and each block's successors. Dense or sparse, of any shape or resembling code.
pub(super) fn any_graph(random: &Random) -> (usize, Vec<Vec<usize>>) {
    let n = 1 + random.below(30);
    let (most, like_code) = (1 + random.below(4), random.chance(50));
    let target = |block: usize| {
        if like_code && random.chance(75) {
            (block + 1 + random.below(3)).min(n - 1)
        } else if like_code {
            block.saturating_sub(random.below(8))
        } else {
            random.below(n)
        }
    };
    let succs = (0..n).map(|block| (0..random.below(most + 1)).map(|_| target(block)).collect()).collect();
    (if like_code { 0 } else { random.below(n) }, succs)
}

fn blocks(graph: &Graph) -> impl Iterator<Item = Block> + Clone + use<> {
    (0..graph.num_blocks()).map(Block::new)
}

/// What can be reached from `start` through `allowed` blocks.
fn reach(start: &[Block], graph: &Graph, backwards: bool, allowed: impl Fn(Block) -> bool) -> Vec<bool> {
    let mut seen = vec![false; graph.num_blocks()];
    let mut work: Vec<Block> = start.iter().copied().filter(|&b| allowed(b)).collect();
    while let Some(block) = work.pop() {
        if core::mem::replace(&mut seen[block.index()], true) {
            continue;
        }
        if backwards {
            work.extend(graph.preds(block).filter(|&b| allowed(b)));
        } else {
            work.extend(graph.succs(block).filter(|&b| allowed(b)));
        }
    }
    seen
}

/// A block dominates those that are cut off from every root without it. Unreachable blocks neither dominate reachable ones nor are
/// dominated by them.
fn check_dominators(graph: &Graph, dominators: &Dominators) {
    let roots: Vec<Block> = blocks(graph).filter(|&b| graph.search_parent(b).is_invalid()).collect();
    let cut_off: Vec<Vec<bool>> = blocks(graph)
        .map(|a| {
            let live = reach(&[graph.entry()], graph, false, |b| b != a);
            let dead = reach(&roots, graph, false, |b| b != a && !graph.is_reachable(b));
            let met = |b: Block| if graph.is_reachable(b) { live[b.index()] } else { dead[b.index()] };
            blocks(graph).map(|b| !met(b)).collect()
        })
        .collect();
    let count = |b: Block| cut_off.iter().filter(|row| row[b.index()]).count();
    for b in blocks(graph) {
        let strict = blocks(graph).filter(|&a| a != b && cut_off[a.index()][b.index()]);
        assert_eq!(dominators.idom(b), strict.max_by_key(|&a| count(a)).unwrap_or(Block::invalid()));
        for a in blocks(graph) {
            assert_eq!(dominators.dominates(a, b), cut_off[a.index()][b.index()], "{a}, {b}");
            let both = blocks(graph).filter(|c| cut_off[c.index()][a.index()] && cut_off[c.index()][b.index()]);
            let nearest = both.max_by_key(|&c| count(c)).unwrap_or(Block::invalid());
            assert_eq!(dominators.nearest_common(a, b), nearest, "{a}, {b}");
        }
    }
}

/// A loop is its header, a block to which an edge leads from below in the search tree, and everything below it from which it can be
/// reached without leaving what is below. Returns the blocks of each loop.
fn check_loops(graph: &Graph, loops: &Loops) -> Vec<Vec<bool>> {
    let mut bodies = vec![vec![true; graph.num_blocks()]; loops.num()];
    let below = |above: Block, mut b: Block| {
        while b.is_valid() && b != above {
            b = graph.search_parent(b);
        }
        b.is_valid()
    };
    let mut num = 1;
    for h in blocks(graph) {
        let of = loops.is_header(h);
        assert_eq!(of.is_some(), graph.preds(h).any(|p| below(h, p)));
        let Some(of) = of else { continue };
        num += 1;
        let body = reach(&[h], graph, true, |b| below(h, b));
        for b in blocks(graph) {
            let mut inner = loops.block_loop(b);
            while inner != Loop::ROOT && inner != of {
                inner = loops.parent(inner);
            }
            assert_eq!(inner == of, body[b.index()], "{b} in {of}");
        }
        let mut inside = blocks(graph).filter(|&b| b != h && body[b.index()]);
        let side_entry = inside.any(|b| graph.preds(b).any(|p| !body[p.index()]));
        assert_eq!(loops.is_irreducible(of), side_entry);
        bodies[of.index()] = body;
    }
    assert_eq!(loops.num(), num);
    bodies
}

/// Every block once; loops in one piece, headers first; edges back lead to headers of loops that their source is in.
fn check_order(graph: &Graph, loops: &Loops, order: &Order, bodies: &[Vec<bool>]) {
    let mut sorted: Vec<Block> = order.order().to_vec();
    sorted.sort_unstable();
    assert_eq!(sorted, blocks(graph).collect::<Vec<_>>());
    for (place, &b) in order.order().iter().enumerate() {
        assert_eq!(graph.is_reachable(b), place < graph.num_reachable());
        let before = |p: Block| (order.position(p) as usize) < place;
        assert!(place == 0 || !graph.is_reachable(b) || graph.preds(b).any(before));
        for of in (0..loops.num()).map(Loop::new) {
            assert_eq!(order.contains(of, b), bodies[of.index()][b.index()]);
        }
        for edge in graph.succ_edges(b) {
            let data = graph.edge(edge);
            assert_eq!(order.is_back_edge(data), order.position(b) >= order.position(data.to));
            if order.is_back_edge(data) && (graph.is_reachable(b) || !graph.is_reachable(data.to)) {
                let to = loops.is_header(data.to);
                assert!(to.is_some_and(|of| bodies[of.index()][b.index()]));
            }
        }
    }
}
