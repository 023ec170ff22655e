//! Folding redundant block parameters.
//!
//! A parameter whose arguments are all the same value, or the parameter itself, is another name of that value. Compilers that
//! build SSA form on the fly leave many of them (every local variable that a loop does not change, in a WebAssembly engine).
//! Left alone, each is a new value that wants a register of its own at its block, next to the value that it copies.
//!
//! The fold repeats to a fixed point, since one folded parameter can make another redundant: one to three sweeps in real code.
//! Sweeps go in reverse postorder over the blocks that still have parameters, so a chain of parameters folds in one; the number of sweeps is bounded so that hostile input
//! cannot make the pass quadratic. What then remains is merely not folded.
//!
//! The value that a parameter folds to dominates the parameter's block: it reaches the block over every edge. That would not hold of a
//! loop that cannot be reached, where the only argument may be made behind its use; such code is left as it is.

use super::{Code, Value};
use crate::cfg::FlowGraph;
use crate::ir::Block;
use crate::ir::entity::TypedVec;
use alloc::vec::Vec;

const MAX_SWEEPS: usize = 8;

/// The pass, with its storage.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    /// What each value is another name of; empty if there are no parameters.
    alias: TypedVec<Value, Value>,
    /// Blocks that have parameters which have not been folded.
    blocks: Vec<Block>,
}

impl Fold {
    /// Folds the redundant parameters of `code`; returns how many there were.
    pub(crate) fn run(&mut self, code: &mut Code, flow: &FlowGraph) -> usize {
        let graph = &flow.graph;
        self.alias.clear();
        if code.num_args() == 0 {
            return 0;
        }
        self.alias.extend(code.values.keys());
        self.blocks.clear();
        let reachable = &graph.rpo()[..graph.num_reachable()];
        self.blocks.extend(reachable.iter().copied().filter(|&block| !code.params(block).is_empty()));
        let mut blocks = core::mem::take(&mut self.blocks);
        let mut folded = 0;
        for _ in 0..MAX_SWEEPS {
            let before = folded;
            blocks.retain(|&block| {
                let mut any_left = false;
                for (index, &param) in code.params(block).iter().enumerate() {
                    if self.alias[param] != param {
                        continue;
                    }
                    if let Some(value) = self.only_argument(code, flow, block, index) {
                        self.alias[param] = value;
                        folded += 1;
                    } else {
                        any_left = true;
                    }
                }
                any_left
            });
            if folded == before {
                break;
            }
        }
        self.blocks = blocks;
        if folded > 0 {
            // (What is no parameter is its own name.)
            for &param in code.all_params() {
                self.alias[param] = self.find(param);
            }
            code.rename(graph, |value| self.alias[value]);
        }
        folded
    }

    /// What `value` is another name of; itself, if it has not been folded.
    pub(crate) fn folded_to(&self, value: Value) -> Value {
        self.alias.as_slice().get(value.index()).copied().unwrap_or(value)
    }

    /// The one value that parameter number `index` of `block` always is, if there is one.
    fn only_argument(&mut self, code: &Code, flow: &FlowGraph, block: Block, index: usize) -> Option<Value> {
        let param = code.params(block)[index];
        let mut only = None;
        for &edge in flow.graph.pred_edges(block) {
            let arg = self.find(code.arg(edge, index));
            if arg == param || only == Some(arg) {
                continue;
            }
            if only.is_some() {
                return None;
            }
            only = Some(arg);
        }
        only
    }

    fn find(&mut self, mut value: Value) -> Value {
        while self.alias[value] != value {
            let next = self.alias[self.alias[value]];
            self.alias[value] = next;
            value = next;
        }
        value
    }
}
