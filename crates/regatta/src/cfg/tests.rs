//! The analyses against the definitions of what they find, on random graphs: small ones, so that the definitions can be
//! tried out in cubic time. Then large ones of the shapes that make careless algorithms quadratic or recurse too deeply.
//! Every pass also verifies its result in these builds.

use super::*;
use crate::error::{Error, range};
use crate::ir::{Block, FuncBuilder, Inst, InstRange};
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

type Succs = Vec<Vec<usize>>;

/// A graph: the entry and each block's successors.
fn any_graph() -> impl Strategy<Value = (usize, Succs)> {
    (1usize..24).prop_flat_map(|n| (0..n, prop::collection::vec(prop::collection::vec(0..n, 0..4), n)))
}

/// Few edges: more unreachable blocks, more reducible graphs.
fn sparse_graph() -> impl Strategy<Value = (usize, Succs)> {
    (1usize..40).prop_flat_map(|n| (0..n, prop::collection::vec(prop::collection::vec(0..n, 0..3), n)))
}

/// Mostly forward and short edges, as in real code.
fn codelike_graph() -> impl Strategy<Value = (usize, Succs)> {
    let edges = prop::collection::vec(prop_oneof![3 => 1isize..4, 1 => -8isize..1], 0..3);
    prop::collection::vec(edges, 2..40).prop_map(|blocks| {
        let n = blocks.len() as isize;
        let target = |b: usize, d: &isize| (b as isize + d).clamp(0, n - 1) as usize;
        (0, blocks.iter().enumerate().map(|(b, d)| d.iter().map(|d| target(b, d)).collect()).collect())
    })
}

fn graphs() -> impl Strategy<Value = (usize, Succs)> {
    prop_oneof![any_graph(), sparse_graph(), codelike_graph()]
}

/// Removes edges back to blocks that do not dominate their sources.
fn make_reducible(entry: usize, succs: &Succs) -> Succs {
    let graph = Graph::from_succs(entry, succs);
    let dom = naive_dominators(&graph);
    let keep = |from: usize, to: usize| {
        let (f, t) = (Block::new(from), Block::new(to));
        graph.rpo_number(f) < graph.rpo_number(t) || dom[to][from]
    };
    succs.iter().enumerate().map(|(from, s)| s.iter().copied().filter(|&to| keep(from, to)).collect()).collect()
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

/// `[a][b]`: is `b` cut off from every root without `a`? Unreachable blocks neither dominate reachable ones nor are
/// dominated by them.
fn naive_dominators(graph: &Graph) -> Vec<Vec<bool>> {
    let blocks: Vec<Block> = (0..graph.num_blocks()).map(Block::new).collect();
    let roots: Vec<Block> = blocks.iter().copied().filter(|&b| graph.search_parent(b).is_invalid()).collect();
    let cut_off = |a: Block| {
        let live = reach(&[graph.entry()], graph, false, |b| b != a);
        let dead = reach(&roots, graph, false, |b| b != a && !graph.is_reachable(b));
        let met = |b: Block| if graph.is_reachable(b) { live[b.index()] } else { dead[b.index()] };
        blocks.iter().map(|&b| !met(b)).collect()
    };
    blocks.iter().map(|&a| cut_off(a)).collect()
}

fn run_all(graph: &Graph) -> (Dominators, Loops, Order) {
    let (mut dominators, mut loops, mut order) = <(Dominators, Loops, Order)>::default();
    loops.run(graph);
    dominators.run_with_loops(graph, &loops);
    order.run(graph, &loops);
    (dominators, loops, order)
}

/// The blocks of each loop but loop 0.
fn bodies(graph: &Graph, loops: &Loops) -> Vec<Vec<bool>> {
    let mut bodies = vec![vec![false; graph.num_blocks()]; loops.num()];
    for block in (0..graph.num_blocks()).map(Block::new) {
        let mut of = loops.block_loop(block);
        while of != Loop::ROOT {
            bodies[of.index()][block.index()] = true;
            of = loops.parent(of);
        }
    }
    bodies
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_graph_lists_what_the_client_said((entry, succs) in graphs()) {
        let graph = Graph::from_succs(entry, &succs);
        let live = reach(&[Block::new(entry)], &graph, false, |_| true);
        prop_assert_eq!(graph.num_reachable(), live.iter().filter(|&&l| l).count());
        let mut edges = 0;
        for (from, targets) in succs.iter().enumerate() {
            let block = Block::new(from);
            prop_assert_eq!(graph.is_reachable(block), live[from]);
            prop_assert_eq!(graph.succs(block).map(Block::index).collect::<Vec<_>>(), targets.clone());
            prop_assert_eq!(graph.succ_count(block), targets.len());
            prop_assert!(graph.succ_edges(block).all(|e| graph.edge(e).from == block));
            prop_assert_eq!(graph.succ_edges(block).map(Edge::index).collect::<Vec<_>>(),
                (edges..edges + targets.len()).collect::<Vec<_>>());
            edges += targets.len();
            let preds: Vec<usize> = (0..succs.len()).filter(|&p| live[p] || !live[from])
                .flat_map(|p| succs[p].iter().filter(|&&t| t == from).map(move |_| p)).collect();
            prop_assert_eq!(graph.preds(block).map(Block::index).collect::<Vec<_>>(), preds);
        }
        prop_assert_eq!(graph.num_edges(), edges);
        prop_assert_eq!(graph.rpo()[0].index(), entry);
    }

    #[test]
    fn dominators_are_what_cuts_off((entry, succs) in graphs()) {
        let graph = Graph::from_succs(entry, &succs);
        let (dominators, ..) = run_all(&graph);
        let naive = naive_dominators(&graph);
        let blocks = || (0..succs.len()).map(Block::new);
        let count = |b: Block| naive.iter().filter(|row| row[b.index()]).count();
        for b in blocks() {
            prop_assert_eq!(dominators.depth(b) as usize + 1, count(b));
            let idom = blocks().filter(|&a| a != b && naive[a.index()][b.index()]).max_by_key(|&a| count(a));
            prop_assert_eq!(dominators.idom(b), idom.unwrap_or(Block::invalid()));
            for a in blocks() {
                prop_assert_eq!(dominators.dominates(a, b), naive[a.index()][b.index()]);
                let both = blocks().filter(|c| naive[c.index()][a.index()] && naive[c.index()][b.index()]);
                let nearest = both.max_by_key(|&c| count(c)).unwrap_or(Block::invalid());
                prop_assert_eq!(dominators.nearest_common(a, b), nearest);
            }
        }
    }

    /// The definition at the head of `loops.rs`, word for word.
    #[test]
    fn loops_are_what_returns_below_the_header((entry, succs) in graphs()) {
        let graph = Graph::from_succs(entry, &succs);
        let (_, loops, _) = run_all(&graph);
        let below = |above: Block, mut b: Block| {
            while b.is_valid() && b != above { b = graph.search_parent(b); }
            b.is_valid()
        };
        let bodies = bodies(&graph, &loops);
        let mut num = 1;
        for h in (0..succs.len()).map(Block::new) {
            let is_header = graph.preds(h).any(|p| below(h, p));
            prop_assert_eq!(loops.is_header(h).is_some(), is_header);
            let Some(of) = loops.is_header(h) else { continue };
            num += 1;
            let body = reach(&[h], &graph, true, |b| below(h, b));
            prop_assert_eq!(&bodies[of.index()], &body);
            prop_assert!(loops.parent(of) < of);
            prop_assert_eq!(loops.depth(of), loops.depth(loops.parent(of)) + 1);
            let mut into = (0..succs.len()).map(Block::new).filter(|&b| b != h && body[b.index()]);
            let side_entry = into.any(|b| graph.preds(b).any(|p| !body[p.index()]));
            prop_assert_eq!(loops.is_irreducible(of), side_entry);
        }
        prop_assert_eq!(loops.num(), num);
    }

    #[test]
    fn loops_of_reducible_graphs_are_natural((entry, succs) in graphs()) {
        let succs = make_reducible(entry, &succs);
        let graph = Graph::from_succs(entry, &succs);
        let (dominators, loops, _) = run_all(&graph);
        prop_assert!(!loops.any_irreducible());
        let bodies = bodies(&graph, &loops);
        for h in (0..succs.len()).map(Block::new) {
            let back: Vec<Block> = graph.preds(h).filter(|&p| dominators.dominates(h, p)).collect();
            prop_assert_eq!(loops.is_header(h).is_some(), !back.is_empty());
            let Some(of) = loops.is_header(h) else { continue };
            let mut natural = reach(&back, &graph, true, |b| b != h);
            natural[h.index()] = true;
            prop_assert_eq!(&bodies[of.index()], &natural);
        }
    }

    #[test]
    fn the_order_keeps_its_promises((entry, succs) in graphs()) {
        let graph = Graph::from_succs(entry, &succs);
        let (_, loops, order) = run_all(&graph);
        let bodies = bodies(&graph, &loops);
        let mut sorted: Vec<usize> = order.order().iter().map(|b| b.index()).collect();
        prop_assert_eq!(sorted[0], entry);
        prop_assert!(order.order()[..graph.num_reachable()].iter().all(|&b| graph.is_reachable(b)));
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..succs.len()).collect::<Vec<_>>());
        for (place, &b) in order.order().iter().enumerate() {
            prop_assert_eq!(order.position(b) as usize, place);
            let before = |p: Block| (order.position(p) as usize) < place;
            prop_assert!(place == 0 || !graph.is_reachable(b) || graph.preds(b).any(before));
            prop_assert!(order.contains(Loop::ROOT, b));
            for of in (1..loops.num()).map(Loop::new) {
                prop_assert_eq!(order.contains(of, b), bodies[of.index()][b.index()]);
                prop_assert_eq!(order.loop_start(of), order.position(loops.header(of)));
            }
            for e in graph.succ_edges(b) {
                let data = graph.edge(e);
                prop_assert_eq!(order.is_back_edge(data), order.position(b) >= order.position(data.to));
                prop_assert_eq!(order.is_back_edge(data), graph.is_back_edge(e));
                if order.is_back_edge(data) && (graph.is_reachable(b) || !graph.is_reachable(data.to)) {
                    let to = loops.is_header(data.to);
                    prop_assert!(to.is_some_and(|of| bodies[of.index()][b.index()]));
                }
            }
        }
        prop_assert_eq!(order.loop_end(Loop::ROOT) as usize, succs.len() - 1);
    }

    #[test]
    fn a_second_run_forgets_the_first((e1, g1) in graphs(), (e2, g2) in graphs()) {
        let mut graph = Graph::from_succs(e1, &g1);
        let (mut dominators, mut loops, mut order) = run_all(&graph);
        graph.refill(e2, &g2);
        // (By the way that needs no loops, which finds the same.)
        dominators.run(&graph);
        loops.run(&graph);
        order.run(&graph, &loops);
        let fresh = Graph::from_succs(e2, &g2);
        let (d, l, o) = run_all(&fresh);
        prop_assert_eq!(graph.rpo(), fresh.rpo());
        prop_assert_eq!(order.order(), o.order());
        prop_assert_eq!(bodies(&graph, &loops), bodies(&fresh, &l));
        prop_assert!((0..g2.len()).map(Block::new).all(|b| dominators.idom(b) == d.idom(b)));
    }
}

#[test]
fn code_stays_in_the_order_in_which_it_is_written() {
    // 0: if; 1, 2: its arms; 3: a loop's header; 4: its body; 5: after it.
    let graph = Graph::from_succs(0, &[vec![1, 2], vec![3], vec![3], vec![4, 5], vec![3], vec![]]);
    let (_, loops, order) = run_all(&graph);
    assert_eq!(order.order().iter().map(|b| b.index()).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert_eq!((order.loop_start(Loop::new(1)), order.loop_end(Loop::new(1))), (3, 4));
    assert_eq!(loops.depth(loops.block_loop(Block::new(4))), 1);
}

#[test]
fn a_loop_is_not_left_for_what_follows_it() {
    // The exit (1) is the header's first successor, and the body (2, 3) stays in front of it all the same.
    let graph = Graph::from_succs(0, &[vec![1, 2], vec![], vec![3], vec![0]]);
    let (_, _, order) = run_all(&graph);
    assert_eq!(order.order().iter().map(|b| b.index()).collect::<Vec<_>>(), [0, 2, 3, 1]);
}

#[test]
fn a_loop_with_two_entries_waits_for_both() {
    // 1 and 2 are each other's successors; 0 enters at 1, and by way of 3 at 2.
    let graph = Graph::from_succs(0, &[vec![1, 3], vec![2], vec![1], vec![2]]);
    let (_, loops, order) = run_all(&graph);
    assert!(loops.is_irreducible(Loop::new(1)));
    assert_eq!(loops.header(Loop::new(1)), Block::new(1));
    assert_eq!(order.order().iter().map(|b| b.index()).collect::<Vec<_>>(), [0, 3, 1, 2]);
}

/// Shapes of a given size.
fn hostile(shape: usize, n: usize) -> Succs {
    let half = n / 2;
    (0..n)
        .map(|b| {
            let next = (b + 1).min(n - 1);
            match shape {
                // A chain.
                0 => vec![next],
                // Loops nested as deeply as can be: from each block of the second half back to its counterpart.
                1 if b < half => vec![next],
                1 => vec![next, n - 1 - b],
                // A switch whose arms join.
                2 if b == 0 => (1..n - 1).collect(),
                2 => vec![n - 1],
                // Nested loops, each entered from the first block as well.
                3 if b == 0 => (1..n).collect(),
                3 if b < half => vec![next],
                3 => vec![next, n - 1 - b],
                // A ladder: two sides with rungs both ways.
                4 if b == 0 => vec![1, 2],
                4 => vec![(b + 2).min(n - 1), b ^ 1],
                // A chain with an edge back from each block.
                5 => vec![next, b.saturating_sub(1)],
                // All the blocks of the second half lead into the nest of the first.
                6 if b == 0 => (1..n).collect(),
                6 if b < half => vec![next, b / 2],
                6 => vec![b - half + 1],
                // A chain; the last block leads everywhere.
                7 if b == n - 1 => (0..n).collect(),
                7 => vec![next],
                // Nothing can be reached but the entry.
                8 => vec![],
                // Edges up and down a chain, far and near.
                _ => vec![next, (b * 7919 + 13) % n],
            }
        })
        .collect()
}

#[test]
fn large_graphs_take_no_longer_than_they_are_large() {
    for shape in 0..10 {
        let graph = Graph::from_succs(0, &hostile(shape, 200_000));
        let (dominators, loops, order) = run_all(&graph);
        let last = Block::new(199_999);
        assert_eq!(order.order().len(), 200_000);
        if shape == 1 {
            // The last block also leads to itself.
            assert_eq!((dominators.depth(last), loops.num()), (199_999, 100_002));
            assert_eq!(loops.depth(loops.block_loop(Block::new(100_000))), 100_000);
        }
        if shape != 8 {
            assert_eq!(dominators.nearest_common(Block::new(0), last), Block::new(0));
        }
    }
}

fn diamond() -> crate::ir::Func {
    let mut b = FuncBuilder::new();
    let blocks: [Block; 4] = core::array::from_fn(|_| b.block(&[]));
    b.branch(blocks[0], &[], &[(blocks[1], &[]), (blocks[2], &[])]);
    b.branch(blocks[1], &[], &[(blocks[3], &[])]);
    b.branch(blocks[2], &[], &[(blocks[3], &[])]);
    b.ret(blocks[3], &[]);
    b.finish()
}

#[test]
fn a_function_is_read() {
    let mut func = diamond();
    let mut flow = FlowGraph::default();
    assert_eq!(flow.run(&func), Ok(()));
    assert_eq!((flow.graph.first(Block::new(2)).index(), flow.graph.end(Block::new(2)).index()), (2, 3));
    flow.find_dominators();
    assert_eq!(flow.dominators.idom(Block::new(3)), Block::new(0));
    assert_eq!(flow.frequencies.of(Block::new(3)), 1.0);
    func.frequencies = [1.0, 0.25, 0.75].map(|f| crate::ir::Frequency::new(f).unwrap()).to_vec();
    assert_eq!(flow.run(&func), Ok(()));
    assert_eq!([1, 2, 3].map(|b| flow.frequencies.of(Block::new(b))), [0.25, 0.75, 0.0]);
}

#[test]
fn what_is_wrong_is_said() {
    let block = Block::new;
    let run = |change: &dyn Fn(&mut crate::ir::Func)| {
        let mut func = diamond();
        change(&mut func);
        Graph::default().run(&func)
    };
    assert_eq!(run(&|f| f.entry = block(4)), Err(Error::NoSuchBlock { from: block(4), to: block(4) }));
    assert_eq!(run(&|f| f.blocks.clear()), Err(Error::NoSuchBlock { from: block(0), to: block(0) }));
    assert_eq!(
        run(&|f| f.blocks[1].succs[0] = Block::invalid()),
        Err(Error::NoSuchBlock { from: block(1), to: Block::invalid() })
    );
    assert_eq!(run(&|f| f.insts.truncate(3)), Err(Error::BadBlockRange { block: block(3), why: range::FEW }));
    let empty = |f: &mut crate::ir::Func| f.blocks[2].insts = InstRange::new(Inst::new(2), Inst::new(2));
    assert_eq!(run(&empty), Err(Error::BadBlockRange { block: block(2), why: range::EMPTY }));
    assert_eq!(run(&|f| f.blocks[0].succs.push(block(3))), Err(Error::CriticalEdge { from: block(0), to: block(3) }));
    // The entry has one predecessor more.
    assert_eq!(run(&|f| f.blocks[0].succs.push(block(0))), Err(Error::CriticalEdge { from: block(0), to: block(0) }));
    assert_eq!(run(&|f| f.blocks[3].succs.push(block(0))), Ok(()));
}
