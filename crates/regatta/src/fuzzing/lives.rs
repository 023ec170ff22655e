//! Lives in memory against liveness as the textbook has it: sets that grow until nothing changes, position by position.

use super::Random;
use super::graphs::any_graph;
use crate::cfg::{FlowGraph, Graph, Loop};
use crate::ir::Block;
use crate::slots::Stretch;
use crate::ssa::lives::{Life, Lives};
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

/// A value: where it is stored, and read.
type Value = (Life, Vec<(Block, u32)>);

/// Follows random values through one or two random graphs, with the same storage.
pub fn lives(random: &Random) {
    let mut lives = Lives::default();
    for _ in 0..1 + random.below(2) {
        let (entry, succs) = any_graph(random);
        let mut flow = FlowGraph { graph: Graph::from_succs(entry, &succs), ..FlowGraph::default() };
        flow.dominators.run(&flow.graph);
        flow.loops.run(&flow.graph);
        flow.order.run(&flow.graph, &flow.loops);
        flow.positions.run(&flow.graph, &flow.order);
        let count = if random.chance(20) { 200 } else { 10 };
        let values: Vec<Value> = (0..random.below(count)).filter_map(|_| any_value(random, &flow)).collect();
        let roughly: Vec<Life> = values.iter().map(|value| value.0).collect();
        lives.run(&flow, flow.graph.num_blocks(), &roughly, |value| values[value].1.iter().copied());
        for (number, value) in values.iter().enumerate() {
            let (start, end) = lives.of[number];
            let found = &lives.stretches[start as usize..end as usize];
            assert!(found.windows(2).all(|pair| pair[0].to < pair[1].from), "sorted and disjoint");
            let positions: BTreeSet<u32> = found.iter().flat_map(|stretch| stretch.from..=stretch.to).collect();
            let needed = needed(&flow, value);
            // The hull will do where a value is alone, or takes too long; it must be one.
            if found != [value.0.hull] {
                assert_eq!(positions, needed, "value {number}");
            }
            assert!(positions.is_superset(&needed), "value {number}");
        }
    }
}

fn any_value(random: &Random, flow: &FlowGraph) -> Option<Value> {
    let blocks: Vec<Block> = flow.graph.blocks().filter(|&block| flow.graph.is_reachable(block)).collect();
    let block = random.pick(&blocks)?;
    let on_edges = random.chance(20);
    let (start, end) = (flow.start(block), flow.end(block));
    let from = if on_edges { u32::MAX } else { start + random.below(2) as u32 };
    let below: Vec<Block> = blocks
        .into_iter()
        .filter(|&below| flow.dominators.dominates(block, below) && !(on_edges && below == block))
        .collect();
    let mut reads = Vec::new();
    for _ in 0..1 + random.below(4) {
        let at = random.pick(&below)?;
        let pos = flow.start(at) + random.below(2) as u32;
        reads.push((at, if at == block { pos.max(from) } else { pos }));
    }
    let first = if on_edges { flow.graph.succs(block).map(|to| flow.start(to)).min()?.min(end) } else { from };
    let to = reads.iter().map(|&(at, pos)| needed_until(flow, block, at, pos)).max()?;
    Some((Life { block, from, hull: Stretch { from: first.min(to), to }, is_rough: false }, reads))
}

/// A loop around a read that is not around the store needs the value again in the next iteration.
fn needed_until(flow: &FlowGraph, stored: Block, at: Block, pos: u32) -> u32 {
    let (mut end, mut of) = (pos, flow.loops.block_loop(at));
    while of != Loop::ROOT && !flow.order.contains(of, stored) {
        end = flow.loop_end(of);
        of = flow.loops.parent(of);
    }
    end
}

/// The positions at which the slot of a value must hold it.
fn needed(flow: &FlowGraph, (life, reads): &Value) -> BTreeSet<u32> {
    let mut live_in = vec![false; flow.graph.num_blocks()];
    let live_out = |live_in: &[bool], block| flow.graph.succs(block).any(|to| live_in[to.index()]);
    let mut changed = true;
    while changed {
        changed = false;
        for block in flow.graph.blocks().filter(|&block| block != life.block && flow.graph.is_reachable(block)) {
            let live = live_out(&live_in, block) || reads.iter().any(|read| read.0 == block);
            changed |= live != live_in[block.index()];
            live_in[block.index()] = live;
        }
    }
    let mut needed = BTreeSet::new();
    for block in flow.graph.blocks().filter(|&block| block == life.block || live_in[block.index()]) {
        let from = if block == life.block { life.from } else { flow.start(block) };
        let last_read = reads.iter().filter(|read| read.0 == block).map(|read| read.1).max();
        let to = if live_out(&live_in, block) { Some(flow.end(block)) } else { last_read };
        needed.extend(to.into_iter().flat_map(|to| from..=to));
    }
    needed
}
