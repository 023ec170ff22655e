//! Reading the parameters of blocks, and the arguments that edges have for them.
//!
//! Parameters are one list, in the order of the blocks, and arguments another, in the order of the edges. Each block and each edge has the
//! place where its part starts; it ends where the parameters of the next block start. One edge in four or five has arguments
//! at all: these are listed besides, for passes that ask for nothing else.

use super::read::UNDEFINED;
use super::{Code, ValueDef};
use crate::Error;
use crate::cfg::Graph;
use crate::ir::{Block, Function, Inst, VReg};

impl Code {
    /// `block` has these parameters.
    pub(super) fn define_params(&mut self, params: &[VReg], block: Block, graph: &Graph) -> Result<(), Error> {
        for &vreg in params {
            if self.names.has_no_registers(vreg.class()) {
                return Err(Error::TooManyLiveRegs { inst: graph.first(block), class: vreg.class() });
            }
            self.define_param(vreg, block)?;
        }
        Ok(())
    }

    fn define_param(&mut self, vreg: VReg, block: Block) -> Result<(), Error> {
        let value = self.value(vreg, None)?;
        let def = &mut self.values[value];
        if def.block.is_valid() {
            return Err(Error::MultipleDefs { vreg, inst: None });
        }
        *def = ValueDef { block, class: vreg.class(), is_param: true, ..UNDEFINED };
        Ok(())
    }

    /// Reads parameters and arguments by block and by edge.
    pub(super) fn params_and_args(&mut self, func: &impl Function, graph: &Graph) -> Result<(), Error> {
        self.params.clear();
        self.param_start.set_len(graph.num_blocks() + 1, 0);
        let mut starts = core::mem::take(&mut self.param_start);
        let read = self.read_params(func, starts.as_mut_slice());
        self.param_start = starts;
        read?;
        if !self.params(graph.entry()).is_empty() {
            return Err(Error::EntryParams { block: graph.entry() });
        }
        self.args.clear();
        self.edges_with_args.clear();
        self.arg_start.set_len(graph.edges().len(), 0);
        let mut starts = core::mem::take(&mut self.arg_start);
        let read = self.read_args(func, graph, starts.as_mut_slice());
        self.arg_start = starts;
        read
    }

    /// Reads parameters, and where in the list of all those of each block start.
    fn read_params(&mut self, func: &impl Function, starts: &mut [u32]) -> Result<(), Error> {
        let Some((end, starts)) = starts.split_last_mut() else { return Ok(()) };
        for (block, start) in (0..).map(Block).zip(starts) {
            *start = self.params.len() as u32;
            for &vreg in func.block_params(block) {
                let value = self.value(vreg, None)?;
                self.params.push(value);
            }
        }
        *end = self.params.len() as u32;
        Ok(())
    }

    /// Reads arguments, and where in the list of all those of each edge start.
    fn read_args(&mut self, func: &impl Function, graph: &Graph, starts: &mut [u32]) -> Result<(), Error> {
        let (mut from, mut branch, mut successor) = (Block::invalid(), Inst::invalid(), 0);
        for (edge, start) in graph.edges().zip(starts) {
            let data = graph.edge(edge);
            if data.from != from {
                (from, branch, successor) = (data.from, graph.end(data.from).prev(), 0);
            }
            let args = func.branch_blockparams(from, branch, successor);
            successor += 1;
            let params = self.params(data.to).len();
            if args.len() != params {
                return Err(Error::ArgumentCount { from, to: data.to, params, args: args.len() });
            }
            *start = 0;
            if !args.is_empty() {
                *start = self.args.len() as u32;
                self.edges_with_args.push(edge);
                self.add_args(args, data.to, branch)?;
            }
        }
        Ok(())
    }

    /// Adds the arguments that `branch` has for the parameters of `to`.
    fn add_args(&mut self, args: &[VReg], to: Block, branch: Inst) -> Result<(), Error> {
        if self.args.len() > (u32::MAX - 1) as usize - args.len() {
            return Err(Error::TooLarge { what: "arguments of branches", limit: u32::MAX as usize - 1 });
        }
        let first = self.param_start[to] as usize;
        for (param, &vreg) in (first..).zip(args) {
            let value = self.value(vreg, Some(branch))?;
            if self.values[self.params[param]].class != vreg.class() {
                return Err(Error::ClassMismatch { vreg, inst: Some(branch) });
            }
            self.args.push(value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfg::{Edge, FlowGraph, Nature};
    use crate::code::{Fold, Value};
    use crate::ir::{Machine, RegClass};
    use crate::text;
    use alloc::vec;
    use alloc::vec::Vec;

    /// Reads one function after another into the same storage.
    fn read(functions: &[&str]) -> (FlowGraph, Code, Vec<Nature>) {
        let (mut flow, mut code) = (FlowGraph::default(), Code::default());
        let mut natures = Vec::new();
        for function in functions {
            let text = alloc::format!("machine {{ int preferred p0i-p7i, slot 1 }} function {{ {function} }}");
            let problem = text::parse(&text).expect("well-formed").remove(0);
            flow.run(&problem.func).expect("a graph");
            code.run(&problem.func, &Machine::new(&problem.env), &flow.graph).expect("readable");
            natures = flow.graph.blocks().map(|block| code.nature(&problem.func, &flow.graph, block)).collect();
        }
        (flow, code, natures)
    }

    const CALLS: &str = "block0: op def v0i reg branch -> block1, block2
        block1: op clobbers p0i-p7i branch -> block3
        block2: op use v0i reg clobbers p1i p2i branch -> block3
        block3: ret";

    #[test]
    fn the_nature_of_a_block_is_its_own() {
        let (_, _, natures) = read(&[CALLS]);
        assert_eq!(natures, [Nature::Plain, Nature::Calls, Nature::Plain, Nature::Plain]);
        // Another function knows nothing of the calls of the one before; what ends otherwise than by returning traps.
        let trap = "block0: branch -> block1, block2 block1: branch -> block3 block2: op block3: ret";
        let (_, _, natures) = read(&[CALLS, trap]);
        assert_eq!(natures, [Nature::Plain, Nature::Plain, Nature::Traps, Nature::Plain]);
    }

    /// The edges with arguments, and these.
    fn args(flow: &FlowGraph, code: &Code) -> Vec<(u32, u32, Vec<Value>)> {
        let of = |&edge: &Edge| {
            let data = flow.graph.edge(edge);
            (data.from.0, data.to.0, code.args(edge, code.params(data.to).len()).to_vec())
        };
        code.edges_with_args().iter().map(of).collect()
    }

    #[test]
    fn edges_have_the_arguments_that_are_left() {
        // The parameter v3i is v0i, whichever way control comes; v4i is not. Then a block whose only parameter goes.
        let function = "block0: op def v0i reg, def v1i reg, def v2i reg branch -> block1, block2
            block1: branch -> block3(v0i, v1i)
            block2: branch -> block3(v0i, v2i)
            block3(v3i, v4i): op use v3i reg, use v4i reg branch -> block4, block5
            block4: branch -> block6(v3i)
            block5: branch -> block6(v0i)
            block6(v5i): ret use v5i reg";
        let (flow, mut code, _) = read(&[CALLS, function]);
        let [v0, v1, v2, v3, v4, v5] = [0, 1, 2, 3, 4, 5].map(|vreg| {
            let vreg = VReg::new(vreg, RegClass::Int);
            code.names.known(vreg).expect("it occurs")
        });
        let all = vec![(1, 3, vec![v0, v1]), (2, 3, vec![v0, v2]), (4, 6, vec![v3]), (5, 6, vec![v0])];
        assert_eq!(args(&flow, &code), all);
        assert_eq!(Fold::default().run(&mut code, &flow), 2);
        assert_eq!(args(&flow, &code), [(1, 3, vec![v1]), (2, 3, vec![v2])]);
        assert_eq!((code.params(Block::new(3)), code.params(Block::new(6))), (&[v4][..], &[][..]));
        assert!(!code.values[v3].is_param && !code.values[v5].is_param);
        // Edges without any have none, wherever theirs would start.
        assert!(flow.graph.edges().all(|edge| code.args(edge, 0).is_empty()));
    }
}
