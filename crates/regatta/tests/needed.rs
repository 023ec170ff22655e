//! Hardly anything is loaded in loops that nobody reads: on some path from each such load somebody reads the register before anything else is written there.

use regatta::{
    Algorithm, Allocation, Block, Context, Edit, FrequencyModel, Func, Function, InstOrEdit, OperandKind, Options,
    Output, PReg, run_with_ctx,
};
use std::collections::BTreeSet;

type Registers = BTreeSet<PReg>;

/// Goes backwards over one step; `live` is what is live behind it, then what is live in front.
fn step_back(func: &Func, output: &Output, step: &InstOrEdit, live: &mut Registers) {
    match step {
        InstOrEdit::Edit(Edit::Move { from, to }) => {
            to.as_reg().map(|reg| live.remove(&reg));
            live.extend(from.as_reg());
        }
        InstOrEdit::Inst(inst) => {
            let places = || func.inst_operands(*inst).iter().zip(output.inst_allocs(*inst));
            let of_kind = |kind| places().filter(move |(op, _)| op.kind() == kind).filter_map(|(_, at)| at.as_reg());
            func.inst_clobbers(*inst).into_iter().chain(of_kind(OperandKind::Def)).for_each(|reg| {
                live.remove(&reg);
            });
            live.extend(of_kind(OperandKind::Use));
        }
    }
}

fn live_out(func: &Func, block: Block, live_in: &[Registers]) -> Registers {
    func.block_succs(block).iter().flat_map(|to| live_in[to.index()].iter().copied()).collect()
}

/// Can control come from the block to itself?
fn is_in_loop(func: &Func, block: Block) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = func.block_succs(block).to_vec();
    while let Some(at) = todo.pop() {
        if seen.insert(at) {
            todo.extend_from_slice(func.block_succs(at));
        }
    }
    seen.contains(&block)
}

/// The loads in loops whose registers are not read.
fn dead_loads(func: &Func, output: &Output) -> Vec<(Block, Allocation)> {
    let blocks: Vec<Block> = (0..func.num_blocks()).map(Block::new).collect();
    let steps: Vec<Vec<InstOrEdit>> =
        blocks.iter().map(|&block| output.block_insts_and_edits(func, block).collect()).collect();
    let mut live_in = vec![Registers::new(); blocks.len()];
    loop {
        let before = live_in.clone();
        for &block in blocks.iter().rev() {
            let mut live = live_out(func, block, &live_in);
            steps[block.index()].iter().rev().for_each(|step| step_back(func, output, step, &mut live));
            live_in[block.index()] = live;
        }
        if live_in == before {
            break;
        }
    }
    let mut dead = Vec::new();
    for &block in &blocks {
        let mut live = live_out(func, block, &live_in);
        for step in steps[block.index()].iter().rev() {
            if let InstOrEdit::Edit(Edit::Move { from, to }) = step
                && from.is_stack()
                && to.as_reg().is_some_and(|reg| !live.contains(&reg))
                && is_in_loop(func, block)
            {
                dead.push((block, *to));
            }
            step_back(func, output, step, &mut live);
        }
    }
    dead
}

/// Of the corpus: how many loads there are, and where those are that nobody reads.
fn loads(options: &Options) -> (usize, Vec<String>) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus");
    let (mut loads, mut dead) = (0, Vec::new());
    let mut context = Context::default();
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the repository") {
        let path = entry.expect("a readable folder").path();
        for (n, problem) in regatta_corpus::read_file(&path).expect("a corpus file").iter().enumerate() {
            let output = run_with_ctx(&problem.func, &problem.env, options, &mut context).expect("allocatable");
            loads += output.stats.reloads;
            let place = |at| format!("{} function {n}: {at:?}", path.display());
            dead.extend(dead_loads(&problem.func, output).into_iter().map(place));
        }
    }
    assert!(loads > 500, "there is something to look at: {loads} loads");
    (loads, dead)
}

#[test]
fn what_the_thorough_setting_loads_is_read() {
    for frequencies in [FrequencyModel::LoopDepth, FrequencyModel::Estimated] {
        let options = Options { algorithm: Algorithm::Thorough, frequencies, ..Options::default() };
        let (loads, dead) = loads(&options);
        // Behind a loop, whatever the allocator holds in a register is taken to be needed.
        assert!(dead.len() * 1000 <= loads, "{frequencies:?}, of {loads} loads: {dead:#?}");
    }
}

#[test]
fn what_the_backtracking_allocator_loads_is_read() {
    let (_, dead) = loads(&Options { algorithm: Algorithm::Backtracking, ..Options::default() });
    assert!(dead.is_empty(), "{dead:#?}");
}
