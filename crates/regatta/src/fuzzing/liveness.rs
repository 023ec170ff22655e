//! Liveness and distances against a data-flow over sets that is iterated until nothing changes.

use crate::cfg::{Edge, FlowGraph, Loop};
use crate::code::{Code, Fold, OpIndex, Value, Want, flag};
use crate::ir::{Block, Func, Inst, Machine, MachineEnv};
use crate::live::{DEAD, EXIT_PENALTY, FAR, LiveIn, LookAhead, LoopLiveness, NextUses, exit_penalty};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

/// Analyses a valid function.
pub fn liveness(func: &Func, env: &MachineEnv) {
    let machine = Machine::new(env);
    let (mut flow, mut code, mut fold) = <(FlowGraph, Code, Fold)>::default();
    flow.run(func).expect("a valid function");
    if code.run(func, &machine, &flow.graph).is_err() {
        return;
    }
    fold.run(&mut code, &flow);
    let (mut next_uses, mut loops) = <(NextUses, LoopLiveness)>::default();
    next_uses.run(&mut code, &flow, &machine, true);
    loops.run(&code, &flow, &mut next_uses);
    check_ahead(&code, &flow, &next_uses);
    let forward = distances(&code, &flow, &next_uses);
    let limit = next_uses.limit();
    let whole = forward.iter().all(|live| live.len() <= limit);
    for block in flow.graph.blocks() {
        let list = next_uses.live_in(block);
        let found: BTreeMap<Value, u32> = list.clone().map(|LiveIn { value, distance }| (value, distance)).collect();
        assert_eq!(found.len(), list.len(), "{block} lists a value twice");
        assert!(found.len() <= limit);
        // Once something has fallen off a list, distances may be too long and values missing, never the other way round.
        for (value, distance) in &found {
            assert!(forward[block.index()].get(value).is_some_and(|d| d <= distance), "{value} in {block}");
        }
        assert!(!whole || found == forward[block.index()], "{block}: {found:?}, not {:?}", forward[block.index()]);
    }
    if whole && !flow.loops.any_irreducible() {
        check_through_loops(&code, &flow, &next_uses, &loops);
    }
}

/// How far ahead the next call and the next join are, found by iteration from the instructions and edges.
fn check_ahead(code: &Code, flow: &FlowGraph, next_uses: &NextUses) {
    let mut ahead = LookAhead::default();
    ahead.run(flow, next_uses);
    let mut nearest = vec![(DEAD, DEAD); flow.graph.num_blocks()];
    loop {
        let before = nearest.clone();
        for block in flow.graph.blocks() {
            let (first, length) = (flow.graph.first(block).0, flow.block_len(block));
            let call = (0..length).find(|inst| code.insts[Inst(first + inst)].flags() & flag::CALL != 0);
            let (mut next_call, mut next_join) = (call.unwrap_or(DEAD), DEAD);
            for edge in flow.graph.succ_edges(block) {
                let to = flow.graph.edge(edge).to;
                let (call_behind, join_behind) = nearest[to.index()];
                let forward = |edge: &&Edge| !flow.is_back_edge(**edge);
                let comes_from_elsewhere = flow.graph.pred_edges(to).iter().filter(forward).count() > 1;
                let joins = flow.is_back_edge(edge) || comes_from_elsewhere;
                next_join = next_join.min(if joins { length } else { join_behind.saturating_add(length) });
                if !flow.is_back_edge(edge) {
                    let away = length.saturating_add(exit_penalty(flow, block, to));
                    next_call = next_call.min(call_behind.saturating_add(away));
                }
            }
            nearest[block.index()] = (next_call, next_join);
        }
        if nearest == before {
            break;
        }
    }
    for block in flow.graph.blocks() {
        let found = ahead.of(block);
        assert_eq!((found.call, found.join), nearest[block.index()], "ahead of {block}");
    }
}

/// For each block the distances to the next uses of what is live into it, back edges ignored but for what is passed on them.
fn distances(code: &Code, flow: &FlowGraph, next_uses: &NextUses) -> Vec<BTreeMap<Value, u32>> {
    let mut live: Vec<BTreeMap<Value, u32>> = vec![BTreeMap::new(); flow.graph.num_blocks()];
    loop {
        let before = live.clone();
        for block in flow.graph.blocks() {
            let mut now = BTreeMap::new();
            let mut reach = |value: Value, distance: u32| {
                let known = now.entry(value).or_insert(distance);
                *known = distance.min(*known);
            };
            let length = flow.block_len(block);
            for edge in flow.graph.succ_edges(block) {
                let to = flow.graph.edge(edge).to;
                let forward = !flow.is_back_edge(edge);
                if forward {
                    let add = length.saturating_add(exit_penalty(flow, block, to));
                    live[to.index()].iter().for_each(|(&v, d)| reach(v, d.saturating_add(add).min(FAR)));
                }
                let params = code.params(to);
                for (&param, &arg) in params.iter().zip(code.args(edge, params.len())) {
                    // What is not known of the next iteration stands in for the parameter's first use.
                    let distance = if forward { next_uses.param_distance[param] } else { 4 };
                    if distance != DEAD {
                        reach(arg, (distance + length).min(FAR));
                    }
                }
            }
            step_back(code, flow, block, &mut now);
            for &param in code.params(block) {
                now.remove(&param);
            }
            live[block.index()] = now;
        }
        if live == before {
            return live;
        }
    }
}

/// From the end of a block to its start.
fn step_back(code: &Code, flow: &FlowGraph, block: Block, now: &mut BTreeMap<Value, u32>) {
    let first = flow.graph.first(block).0;
    for inst in (first..flow.graph.end(block).0).rev() {
        let ops = || code.op_range(Inst(inst)).map(|index| code.ops[OpIndex::new(index)]);
        for op in ops().filter(|op| op.is_def()) {
            now.remove(&op.value);
        }
        for op in ops().filter(|op| op.is_use()) {
            let near = (op.want != Want::Stack).then_some(inst - first);
            let known = now.entry(op.value).or_insert(FAR);
            *known = near.unwrap_or(*known);
        }
    }
}

/// What is live into a block, back edges and all, is what the block lists or what lives through a loop around it.
fn check_through_loops(code: &Code, flow: &FlowGraph, next_uses: &NextUses, loops: &LoopLiveness) {
    let mut live: Vec<BTreeSet<Value>> = vec![BTreeSet::new(); flow.graph.num_blocks()];
    loop {
        let before = live.clone();
        for block in flow.graph.blocks() {
            let mut now = BTreeMap::new();
            for edge in flow.graph.succ_edges(block) {
                let to = flow.graph.edge(edge).to;
                now.extend(live[to.index()].iter().map(|&v| (v, 0)));
                let params = code.params(to);
                let args = params.iter().zip(code.args(edge, params.len()));
                let back = flow.is_back_edge(edge);
                now.extend(args.filter(|&(&p, _)| back || next_uses.param_distance[p] != DEAD).map(|(_, &a)| (a, 0)));
            }
            step_back(code, flow, block, &mut now);
            for param in code.params(block) {
                now.remove(param);
            }
            live[block.index()] = now.into_keys().collect();
        }
        if live == before {
            break;
        }
    }
    let limit = next_uses.limit();
    for block in flow.graph.blocks().filter(|&block| flow.graph.is_reachable(block)) {
        let mut found: BTreeSet<Value> = next_uses.live_in(block).map(|x| x.value).collect();
        let mut of = flow.loops.block_loop(block);
        while of != Loop::ROOT {
            if loops.live_through(of).len() >= limit {
                return;
            }
            found.extend(loops.live_through(of).iter().map(|x| x.value));
            of = flow.loops.parent(of);
        }
        assert_eq!(found, live[block.index()], "{block}");
    }
    check_used_in_loops(code, flow, next_uses, loops);
}

/// What is near at the header of a loop is what the loop uses, though it be behind loops within.
fn check_used_in_loops(code: &Code, flow: &FlowGraph, next_uses: &NextUses, loops: &LoopLiveness) {
    for of in loops.loops.keys().skip(1).filter(|&of| flow.graph.is_reachable(flow.loops.header(of))) {
        let (mut used, mut passed_on) = <(BTreeSet<Value>, BTreeSet<Value>)>::default();
        for block in flow.graph.blocks().filter(|&block| flow.order.contains(of, block)) {
            let insts = (flow.graph.first(block).0..flow.graph.end(block).0).map(Inst);
            let ops = insts.flat_map(|inst| code.op_range(inst)).map(|index| code.ops[OpIndex::new(index)]);
            used.extend(ops.filter(|op| op.is_use()).map(|op| op.value));
            for edge in flow.graph.succ_edges(block) {
                let params = code.params(flow.graph.edge(edge).to);
                passed_on.extend(code.args(edge, params.len()));
            }
        }
        let listed: BTreeSet<Value> = next_uses.live_in(flow.loops.header(of)).map(|live| live.value).collect();
        for &LiveIn { value, distance } in loops.live_through(of) {
            let is_near = distance < EXIT_PENALTY;
            assert!(is_near || !listed.contains(&value) || !used.contains(&value), "{of:?} uses {value}");
            assert!(!is_near || used.contains(&value) || passed_on.contains(&value), "{of:?} does not use {value}");
        }
    }
}
