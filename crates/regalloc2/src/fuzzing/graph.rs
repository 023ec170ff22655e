//! Random flow graphs without critical edges.

use alloc::vec;
use alloc::vec::Vec;
use arbitrary::{Result, Unstructured};

/// A flow graph whose blocks are numbered in reverse postorder, the entry first. All blocks can be reached, and nothing leads
/// back to the entry.
pub(super) struct Graph {
    pub(super) succs: Vec<Vec<usize>>,
    pub(super) preds: Vec<Vec<usize>>,
    /// For each block but the entry, the last block on every path to it.
    pub(super) idom: Vec<usize>,
}

impl Graph {
    /// A graph of at least `blocks` blocks (at least one).
    pub(super) fn random(u: &mut Unstructured<'_>, blocks: usize) -> Result<Self> {
        let mut succs: Vec<Vec<usize>> = vec![Vec::new(); blocks.max(1)];
        let blocks = succs.len();
        for block in 1..blocks {
            let from = u.int_in_range(0..=block - 1)?;
            succs[from].push(block);
        }
        if blocks > 1 {
            for _ in 0..u.int_in_range(0..=blocks / 2)? {
                let (from, to) = (u.int_in_range(0..=blocks - 1)?, u.int_in_range(1..=blocks - 1)?);
                succs[from].push(to);
            }
        }
        split_critical_edges(&mut succs);
        let succs = renumber(&succs);
        let preds = transpose(&succs);
        let idom = dominators(&preds);
        Ok(Self { succs, preds, idom })
    }
}

fn transpose(succs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut preds = vec![Vec::new(); succs.len()];
    for (from, list) in succs.iter().enumerate() {
        for &to in list {
            preds[to].push(from);
        }
    }
    preds
}

fn split_critical_edges(succs: &mut Vec<Vec<usize>>) {
    let ways_in: Vec<usize> = transpose(succs).iter().map(Vec::len).collect();
    for from in 0..succs.len() {
        for k in 0..succs[from].len() {
            let to = succs[from][k];
            if succs[from].len() > 1 && ways_in[to] > 1 {
                succs[from][k] = succs.len();
                succs.push(vec![to]);
            }
        }
    }
}

/// The graph with its blocks numbered in reverse postorder.
fn renumber(succs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut postorder = Vec::new();
    let mut seen = vec![false; succs.len()];
    seen[0] = true;
    let mut path = vec![(0, 0)];
    while let Some((block, next)) = path.last_mut() {
        if let Some(&to) = succs[*block].get(*next) {
            *next += 1;
            if !core::mem::replace(&mut seen[to], true) {
                path.push((to, 0));
            }
        } else {
            postorder.push(*block);
            path.pop();
        }
    }
    postorder.reverse();
    let mut number = vec![0; succs.len()];
    for (n, &block) in postorder.iter().enumerate() {
        number[block] = n;
    }
    postorder.iter().map(|&block| succs[block].iter().map(|&to| number[to]).collect()).collect()
}

/// By repeated intersection (Cooper, Harvey and Kennedy).
fn dominators(preds: &[Vec<usize>]) -> Vec<usize> {
    let mut idom = vec![usize::MAX; preds.len()];
    idom[0] = 0;
    loop {
        let before = idom.clone();
        for block in 1..preds.len() {
            let known = preds[block].iter().copied().filter(|&pred| idom[pred] != usize::MAX);
            let common = known.reduce(|mut a, mut b| {
                while a != b {
                    if a > b {
                        a = idom[a];
                    } else {
                        b = idom[b];
                    }
                }
                a
            });
            idom[block] = common.unwrap_or(usize::MAX);
        }
        if idom == before {
            return idom;
        }
    }
}
