//! Which values are alive where, under one name each.
//!
//! A block parameter whose arguments are all one value is another name of that value, and two parameters of one block
//! whose arguments agree on every way in are one value. A location may hold a value under all its names at once, so the
//! program must not treat them as rivals. What is found here is what repeated substitution finds; parameters that are
//! equal only by way of each other, around a loop, stay apart.

use regatta::{Block, Func, Inst, InstKind, Operand, OperandKind, RegClass, VReg};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A value: the number of the virtual register that it is known by.
pub(super) type Value = u32;

/// An operand that has a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    /// Its number among the instruction's operands.
    pub(super) index: usize,
    pub(super) value: Value,
    pub(super) operand: Operand,
}

/// A way from block to block.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) from: Block,
    pub(super) to: Block,
    /// What is alive at the other end, and what it is at this end: (here, there).
    pub(super) names: Vec<(Value, Value)>,
}

/// The values of a function. What cannot be reached is left out.
#[derive(Debug)]
pub(super) struct Values<'a> {
    pub(super) func: &'a Func,
    /// The blocks that can be reached, in reverse postorder.
    pub(super) blocks: Vec<Block>,
    /// Those out of one block are together.
    pub(super) edges: Vec<Edge>,
    /// By block: its edges.
    edges_from: Vec<Range<usize>>,
    /// The parameters that are values of their own.
    params: Vec<Value>,
    class: Vec<RegClass>,
    /// By instruction: its operands, and what is alive before and after it, unless only blocks are asked for.
    ops: Vec<Vec<Op>>,
    live_in: Vec<Vec<Value>>,
    live_out: Vec<Vec<Value>>,
    /// By block: what is alive at its start, parameters included.
    at_start: Vec<Vec<Value>>,
}

impl<'a> Values<'a> {
    /// Looks at a valid function.
    pub(super) fn new(func: &'a Func) -> Self {
        Self::look_at(func, true)
    }

    /// Looks at a valid function, but does not list what is alive around each instruction: that takes too much room in
    /// large ones.
    pub(super) fn by_block(func: &'a Func) -> Self {
        Self::look_at(func, false)
    }

    fn look_at(func: &'a Func, by_inst: bool) -> Self {
        let blocks = reverse_postorder(func);
        let names = Names::new(func, &blocks);
        let mut class = vec![RegClass::Int; func.num_vregs];
        let mut ops = vec![Vec::new(); func.insts.len()];
        for &block in &blocks {
            let data = &func.blocks[block.index()];
            for param in &data.params {
                class[param.vreg()] = param.class();
            }
            for inst in data.insts.iter() {
                for (index, &operand) in func.insts[inst.index()].operands.iter().enumerate() {
                    if operand.as_fixed_nonallocatable().is_none() {
                        class[operand.vreg().vreg()] = operand.class();
                        ops[inst.index()].push(Op { index, value: names.of(operand.vreg()), operand });
                    }
                }
            }
        }
        let mut this = Self {
            func,
            blocks,
            edges: Vec::new(),
            edges_from: vec![0..0; func.blocks.len()],
            params: names.param.keys().copied().collect(),
            class,
            ops,
            live_in: vec![Vec::new(); func.insts.len()],
            live_out: vec![Vec::new(); func.insts.len()],
            at_start: vec![Vec::new(); func.blocks.len()],
        };
        this.find_live(&names, by_inst);
        this
    }

    pub(super) fn class(&self, value: Value) -> RegClass {
        self.class[value as usize]
    }

    pub(super) fn ops(&self, inst: Inst) -> &[Op] {
        &self.ops[inst.index()]
    }

    pub(super) fn live_in(&self, inst: Inst) -> &[Value] {
        &self.live_in[inst.index()]
    }

    pub(super) fn live_out(&self, inst: Inst) -> &[Value] {
        &self.live_out[inst.index()]
    }

    pub(super) fn at_start(&self, block: Block) -> &[Value] {
        &self.at_start[block.index()]
    }

    /// The instructions of all blocks that can be reached, with their blocks.
    pub(super) fn insts(&self) -> impl Iterator<Item = (Block, Inst)> {
        self.blocks
            .iter()
            .flat_map(|&block| self.func.blocks[block.index()].insts.iter().map(move |inst| (block, inst)))
    }

    /// The edges into a block.
    pub(super) fn edges_into(&self, block: Block) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.to == block)
    }

    /// The edges out of a block.
    pub(super) fn edges_from(&self, block: Block) -> &[Edge] {
        &self.edges[self.edges_from[block.index()].clone()]
    }

    /// The parameters that are values of their own, in ascending order.
    pub(super) fn params(&self) -> &[Value] {
        &self.params
    }

    /// Does an instruction define a value in several operands?
    pub(super) fn has_multiple_defs(&self) -> bool {
        self.insts().any(|(_, inst)| {
            let defs = self.ops(inst).iter().filter(|op| op.operand.kind() == OperandKind::Def);
            let mut defs: Vec<Value> = defs.map(|op| op.value).collect();
            defs.sort_unstable();
            defs.windows(2).any(|pair| pair[0] == pair[1])
        })
    }

    fn find_live(&mut self, names: &Names, by_inst: bool) {
        let mut start: Vec<BTreeSet<Value>> = vec![BTreeSet::new(); self.func.blocks.len()];
        let mut changed = true;
        while changed {
            changed = false;
            for &block in self.blocks.iter().rev() {
                let data = &self.func.blocks[block.index()];
                let mut live = BTreeSet::new();
                for (k, &succ) in data.succs.iter().enumerate() {
                    let here = |&there: &Value| names.before_edge(self.func, block, k, there);
                    live.extend(start[succ.index()].iter().map(here));
                }
                for inst in data.insts.iter().rev() {
                    if by_inst {
                        self.live_out[inst.index()] = live.iter().copied().collect();
                    }
                    for op in self.ops[inst.index()].iter().filter(|op| op.operand.kind() == OperandKind::Def) {
                        live.remove(&op.value);
                    }
                    let uses = self.ops[inst.index()].iter().filter(|op| op.operand.kind() == OperandKind::Use);
                    live.extend(uses.map(|op| op.value));
                    if by_inst {
                        self.live_in[inst.index()] = live.iter().copied().collect();
                    }
                }
                if start[block.index()] != live {
                    start[block.index()] = live;
                    changed = true;
                }
            }
        }
        for &block in &self.blocks {
            let first = self.edges.len();
            for (k, &to) in self.func.blocks[block.index()].succs.iter().enumerate() {
                let names =
                    start[to.index()].iter().map(|&there| (names.before_edge(self.func, block, k, there), there));
                self.edges.push(Edge { from: block, to, names: names.collect() });
            }
            self.edges_from[block.index()] = first..self.edges.len();
        }
        self.at_start = start.into_iter().map(|live| live.into_iter().collect()).collect();
    }
}

/// The name that each virtual register goes by.
struct Names {
    name: Vec<Value>,
    /// For each parameter that is a value of its own: its block and its place among the parameters.
    param: BTreeMap<Value, (Block, usize)>,
}

impl Names {
    fn new(func: &Func, blocks: &[Block]) -> Self {
        let mut this = Self { name: (0..func.num_vregs as Value).collect(), param: BTreeMap::new() };
        let mut ways_in: BTreeMap<Block, Vec<&[VReg]>> = BTreeMap::new();
        for &block in blocks {
            let data = &func.blocks[block.index()];
            for (&succ, args) in data.succs.iter().zip(&data.args) {
                ways_in.entry(succ).or_default().push(args);
            }
        }
        while this.fold(func, blocks, &ways_in) {}
        for &block in blocks {
            for (index, &param) in func.blocks[block.index()].params.iter().enumerate() {
                if this.of(param) == param.vreg() as Value {
                    this.param.insert(param.vreg() as Value, (block, index));
                }
            }
        }
        this
    }

    /// Gives parameters the names of what they always are. Did any get a new one?
    fn fold(&mut self, func: &Func, blocks: &[Block], ways_in: &BTreeMap<Block, Vec<&[VReg]>>) -> bool {
        let mut changed = false;
        for &block in blocks {
            let Some(ways) = ways_in.get(&block) else { continue };
            let mut same: BTreeMap<(RegClass, Vec<Value>), Value> = BTreeMap::new();
            for (index, &param) in func.blocks[block.index()].params.iter().enumerate() {
                let own = param.vreg() as Value;
                if self.of(param) != own {
                    continue;
                }
                let args: Vec<Value> = ways.iter().filter_map(|way| way.get(index)).map(|&arg| self.of(arg)).collect();
                let mut others = args.iter().copied().filter(|&arg| arg != own);
                let only = others.next().filter(|&first| others.all(|other| other == first));
                let name = only.or_else(|| same.get(&(param.class(), args.clone())).copied());
                match name {
                    Some(name) => {
                        self.name[own as usize] = name;
                        changed = true;
                    }
                    None => {
                        same.insert((param.class(), args), own);
                    }
                }
            }
        }
        changed
    }

    fn of(&self, vreg: VReg) -> Value {
        let mut value = vreg.vreg() as Value;
        while self.name[value as usize] != value {
            value = self.name[value as usize];
        }
        value
    }

    /// What a value at the start of a block's successor number `k` is at the end of the block.
    fn before_edge(&self, func: &Func, block: Block, k: usize, there: Value) -> Value {
        let data = &func.blocks[block.index()];
        match self.param.get(&there) {
            Some(&(of, index)) if data.succs.get(k) == Some(&of) => {
                data.args.get(k).and_then(|args| args.get(index)).map_or(there, |&arg| self.of(arg))
            }
            _ => there,
        }
    }
}

fn reverse_postorder(func: &Func) -> Vec<Block> {
    let mut seen = vec![false; func.blocks.len()];
    let mut postorder = Vec::new();
    let mut stack = vec![(func.entry, 0)];
    seen[func.entry.index()] = true;
    while let Some((block, next)) = stack.pop() {
        match func.blocks[block.index()].succs.get(next) {
            Some(&succ) => {
                stack.push((block, next + 1));
                if !std::mem::replace(&mut seen[succ.index()], true) {
                    stack.push((succ, 0));
                }
            }
            None => postorder.push(block),
        }
    }
    postorder.reverse();
    postorder
}

/// Does control leave the function behind this instruction?
pub(super) fn is_end(func: &Func, inst: Inst) -> bool {
    func.insts[inst.index()].kind != InstKind::Plain
}
