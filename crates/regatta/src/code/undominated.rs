//! Where a value is used that need not have been defined.
//!
//! Liveness finds out, at no cost, that there is such a use: the value is live on entry to the function. This finds the use,
//! for the error to name. It is not fast and need not be.

use super::{Code, Value};
use crate::Error;
use crate::cfg::FlowGraph;
use crate::ir::{Block, Inst, VReg};

/// The error that says which use of `value`, live on entry to the function, its definition does not reach.
pub(crate) fn undominated_use(code: &Code, flow: &FlowGraph, value: Value) -> Error {
    let vreg = code.value_of.iter().position(|&v| v == value).unwrap_or(VReg::MAX);
    let vreg = VReg::new(vreg, code.values[value].class);
    let mut blocks = code.by_code_order().iter().copied().filter(|&block| flow.graph.is_reachable(block));
    match blocks.find_map(|block| in_block(code, flow, value, block)) {
        Some(inst) => Error::NotDominated { vreg, inst },
        None => Error::Undefined { vreg },
    }
}

fn in_block(code: &Code, flow: &FlowGraph, value: Value, block: Block) -> Option<Inst> {
    let def = code.values[value];
    if def.block != block && flow.dominators.dominates(def.block, block) {
        return None;
    }
    // In its own block, a value is there behind the instruction that defines it; a parameter, from the beginning.
    let is_defined_before = |inst: Inst| def.block == block && (def.inst.is_invalid() || def.inst < inst);
    let insts = (flow.graph.first(block).0..flow.graph.end(block).0).map(Inst);
    for inst in insts {
        let ops = &code.ops.as_slice()[code.op_range(inst)];
        if !is_defined_before(inst) && ops.iter().any(|op| op.is_use() && op.value == value) {
            return Some(inst);
        }
    }
    // What a branch passes on, it may define itself.
    let end = flow.graph.end(block);
    let passed = flow.graph.succ_edges(block).any(|edge| {
        let params = code.params(flow.graph.edge(edge).to).len();
        code.args(edge, params).contains(&value)
    });
    (passed && !is_defined_before(end)).then_some(Inst(end.0 - 1))
}
