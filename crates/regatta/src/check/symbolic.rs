//! Follows values through registers and slots: see the essay of [`crate::check`].

use super::fault::{FaultKind, Faults};
use super::locations::{Loc, Locations, move_class};
use super::names::{NameSet, Names};
use super::needs::Needs;
use super::order::reverse_postorder;
use super::state::State;
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Function, Inst, MachineEnv, OperandKind, PRegSet, RegClass, VReg};
use crate::output::{Edit, Output, ProgPoint};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// A move with its ends looked up.
#[derive(Clone, Copy)]
struct Move {
    at: ProgPoint,
    from: Loc,
    to: Loc,
}

/// Follows the values.
pub(super) struct Flow<'a, F> {
    pub(super) func: &'a F,
    output: &'a Output,
    locs: &'a Locations,
    names: Names,
    /// The location of every operand, in the order of the output's `allocs`.
    operand_locs: Vec<Loc>,
    moves: Vec<Move>,
    /// Registers that no value survives an instruction in.
    volatile: Vec<Loc>,
    /// Which virtual registers several instructions or blocks define. SSA has none: see [`Flow::define`].
    redefined: Vec<bool>,
    /// The reachable blocks, in the order in which they are looked at.
    order: Vec<Block>,
    /// Each block's position in that order; unreachable blocks have none.
    position: TypedVec<Block, u32>,
    /// How many ways lead into each block from reachable ones; one more for the entry.
    ways_in: TypedVec<Block, u32>,
    /// What is known at the beginning of a block. A block with one predecessor gives its state up when it is looked at;
    /// one with several keeps it, to be met with what else comes in.
    entry: Vec<Option<State>>,
    pending: Pending,
    /// States that are in no use.
    spare: Vec<State>,
    params: EdgeParams,
    needs: Needs,
}

/// Who wants to know about a block.
pub(super) trait Observer {
    /// A use's location does not hold the value. `held` is what it holds.
    fn wrong_value(&mut self, inst: Inst, operand: usize, held: NameSet, names: &Names);

    /// Whether to call [`Observer::at_point`].
    const POINTS: bool = false;

    /// The edits at this point take what is known from `before` to `after`. The point behind a block's last instruction
    /// is left out: control does not get there.
    fn at_point(&mut self, block: Block, point: ProgPoint, before: &State, after: &State, names: &Names) {
        let _ = (block, point, before, after, names);
    }
}

/// Only wants to know whether anything is wrong.
struct AnythingWrong(bool);

impl Observer for AnythingWrong {
    fn wrong_value(&mut self, _: Inst, _: usize, _: NameSet, _: &Names) {
        self.0 = true;
    }
}

/// Reports what is wrong.
struct Report<'a, F> {
    func: &'a F,
    output: &'a Output,
    faults: &'a mut Faults,
}

impl<F: Function> Observer for Report<'_, F> {
    fn wrong_value(&mut self, inst: Inst, operand: usize, held: NameSet, names: &Names) {
        let (op, alloc) = (self.func.inst_operands(inst)[operand], self.output.inst_allocs(inst)[operand]);
        self.faults.report(FaultKind::WrongValue, Some(ProgPoint::before(inst)), || {
            format!("operand {operand} of {inst} ({op}) is in {alloc}, which holds {}", names.describe(held))
        });
    }
}

impl<'a, F: Function> Flow<'a, F> {
    /// Prepares to follow the values. The function's blocks and the output's tables and edits must have been checked.
    pub(super) fn new(func: &'a F, env: &MachineEnv, output: &'a Output, locs: &'a Locations) -> Self {
        let mut operand_locs = Vec::with_capacity(output.allocs.len());
        for inst in (0..func.num_insts()).map(Inst::new) {
            let operands = func.inst_operands(inst).iter().zip(output.inst_allocs(inst));
            operand_locs.extend(operands.map(|(op, &alloc)| locs.of(alloc, op.class())));
        }
        let mut moves = Vec::with_capacity(output.edits.len());
        for (at, Edit::Move { from, to }) in &output.edits {
            let class = move_class(*from, *to);
            moves.push(Move { at: *at, from: locs.of(*from, class), to: locs.of(*to, class) });
        }
        // What is neither allocatable nor in memory belongs to the client, who may use it in any instruction.
        let mut lasting = PRegSet::from_iter(env.fixed_stack_slots.iter().copied());
        for class in RegClass::ALL {
            lasting.union_from(PRegSet::from_class_mask(class, env.allocatable(class)));
        }
        let volatile = locs.mentioned() & lasting.invert();

        // Loops in one piece: what is behind a loop is looked at when it is known what the loop leaves. Else all names that a value has in
        // the first rounds of many loops one after another pile up.
        let mut needs = Needs::new(func);
        let mut order = core::mem::take(&mut needs.blocks);
        if order.is_empty() {
            order = reverse_postorder(func);
        }
        let mut position = TypedVec::new();
        position.reset(func.num_blocks(), u32::MAX);
        let mut ways_in = TypedVec::new();
        ways_in.reset(func.num_blocks(), 0);
        ways_in[func.entry_block()] = 1;
        for (n, &block) in order.iter().enumerate() {
            position[block] = n as u32;
            for &succ in func.block_succs(block) {
                ways_in[succ] += 1;
            }
        }
        let entry = core::iter::repeat_with(|| None).take(func.num_blocks()).collect();
        Self {
            func,
            output,
            locs,
            names: Names::new(func.num_vregs(), func.num_insts()),
            operand_locs,
            moves,
            volatile: volatile.iter().map(|reg| locs.of_reg(reg)).collect(),
            redefined: redefined(func),
            pending: Pending::new(order.len()),
            order,
            position,
            ways_in,
            entry,
            spare: Vec::new(),
            params: EdgeParams::new(func.num_vregs()),
            needs,
        }
    }

    /// Finds out what every location holds everywhere, and reports uses that do not find their value.
    pub(super) fn run(&mut self, faults: &mut Faults) {
        let entry = self.func.entry_block();
        self.entry[entry.index()] = Some(State::nothing(self.locs));
        self.pending.add(self.position[entry]);
        // What is known only shrinks from one visit of a block to the next, so what is wrong once stays wrong: as long as
        // nothing is, there is no need to look again when nothing changes any more.
        let mut wrong = AnythingWrong(false);
        self.settle(&mut wrong);
        if wrong.0 {
            let (func, output) = (self.func, self.output);
            self.observe(&mut Report { func, output, faults });
        }
    }

    /// Goes through every block once more, with what is known there in the end. To be called after [`Flow::run`].
    pub(super) fn observe(&mut self, observer: &mut impl Observer) {
        let entry = self.func.entry_block();
        if self.entry[entry.index()].is_none() {
            self.entry[entry.index()] = Some(State::nothing(self.locs));
        }
        self.pending.add(self.position[entry]);
        for position in 0..self.order.len() {
            if self.ways_in[self.order[position]] > 1 {
                self.pending.add(position as u32);
            }
        }
        self.settle(observer);
    }

    /// Looks at pending blocks, and at those that this makes pending, until there are none.
    fn settle(&mut self, observer: &mut impl Observer) {
        while let Some(position) = self.pending.take_first() {
            let block = self.order[position as usize];
            let Some(state) = self.entry[block.index()].take() else { continue };
            let mut at_end = self.spare.pop().unwrap_or_default();
            at_end.copy_from(&state);
            if self.ways_in[block] > 1 {
                self.entry[block.index()] = Some(state);
            } else {
                self.spare.push(state);
            }
            self.run_block(block, &mut at_end, observer);
            self.leave(block, at_end);
        }
    }

    /// Takes the state from the beginning of the block to its end.
    fn run_block<O: Observer>(&mut self, block: Block, state: &mut State, observer: &mut O) {
        let insts = self.func.block_insns(block);
        let mut next_move = self.moves.partition_point(|edit| edit.at < ProgPoint::before(insts.first()));
        for inst in insts.iter() {
            self.run_moves(&mut next_move, block, ProgPoint::before(inst), state, observer);
            self.run_inst(inst, state, observer);
            if inst != insts.last() {
                self.run_moves(&mut next_move, block, ProgPoint::after(inst), state, observer);
            }
        }
    }

    /// Does the moves at a point, beginning with that numbered `next`.
    fn run_moves<O: Observer>(
        &mut self,
        next: &mut usize,
        block: Block,
        at: ProgPoint,
        state: &mut State,
        observer: &mut O,
    ) {
        let mut before = self.spare.pop().unwrap_or_default();
        if O::POINTS {
            before.copy_from(state);
        }
        while let Some(edit) = self.moves.get(*next)
            && edit.at == at
        {
            state.write(edit.to, state.get(edit.from), self.locs);
            *next += 1;
        }
        if O::POINTS {
            observer.at_point(block, at, &before, state, &self.names);
        }
        self.spare.push(before);
    }

    fn run_inst(&mut self, inst: Inst, state: &mut State, observer: &mut impl Observer) {
        let operands = self.func.inst_operands(inst);
        let first = self.output.inst_alloc_offsets[inst.index()] as usize;
        for (n, op) in operands.iter().enumerate() {
            if op.kind() != OperandKind::Use || op.as_fixed_nonallocatable().is_some() {
                continue;
            }
            // Early or late makes no difference here: what else the instruction does to a late use's location has been
            // checked without regard to values.
            let held = state.get(self.operand_locs[first + n]);
            if !self.names.contains(held, op.vreg()) {
                observer.wrong_value(inst, n, held, &self.names);
            }
        }
        for &loc in &self.volatile {
            state.forget(loc);
        }
        for reg in self.func.inst_clobbers(inst) & self.locs.mentioned() {
            state.forget(self.locs.of_reg(reg));
        }
        for (n, op) in operands.iter().enumerate() {
            if op.kind() == OperandKind::Def && op.as_fixed_nonallocatable().is_none() {
                self.define(state, op.vreg(), self.operand_locs[first + n]);
            }
        }
    }

    /// Notes that the location now holds a new value of that name, and no other location does.
    fn define(&mut self, state: &mut State, vreg: VReg, loc: Loc) {
        // In SSA form, no location has the name now. When the block was first looked at, what was known came on a path that does not go
        // through it, as it had not been looked at. So the value has not been defined on that path, and what is known now is at most what
        // was known then. Only what is not in SSA form makes it necessary to look.
        if self.redefined.get(vreg.vreg()) == Some(&true) {
            state.replace(|set| self.names.without(set, vreg));
        }
        state.write(loc, self.names.only(vreg), self.locs);
    }

    /// Takes the state at the end of a block to the beginnings of its successors.
    fn leave(&mut self, block: Block, state: State) {
        let func = self.func;
        let succs = func.block_succs(block);
        let branch = func.block_insns(block).last();
        for (n, &succ) in succs.iter().enumerate() {
            let mut incoming = self.spare.pop().unwrap_or_default();
            incoming.copy_from(&state);
            let (params, args) = (func.block_params(succ), func.branch_blockparams(block, branch, n));
            let needs = &self.needs;
            let needed = |name: u32| needs.needed(name, succ);
            self.params.pass(params, args, &mut incoming, &mut self.names, needed);
            let changed = match &mut self.entry[succ.index()] {
                Some(known) if self.ways_in[succ] > 1 => known.meet(&incoming, &mut self.names),
                known => {
                    core::mem::swap(known.get_or_insert_default(), &mut incoming);
                    true
                }
            };
            self.spare.push(incoming);
            if changed {
                self.pending.add(self.position[succ]);
            }
        }
        self.spare.push(state);
    }
}

/// Which virtual registers have definitions in several instructions or blocks.
fn redefined(func: &impl Function) -> Vec<bool> {
    // The first definition: an instruction, or a block behind all of these; each numbered from 1.
    let mut first_def = vec![0; func.num_vregs()];
    let mut redefined = vec![false; func.num_vregs()];
    let mut define = |vreg: VReg, by: usize| {
        if let Some(first) = first_def.get_mut(vreg.vreg()) {
            redefined[vreg.vreg()] |= *first != 0 && *first != by;
            *first = by;
        }
    };
    for inst in 0..func.num_insts() {
        for op in func.inst_operands(Inst::new(inst)).iter().filter(|op| op.kind() == OperandKind::Def) {
            define(op.vreg(), inst + 1);
        }
    }
    for block in 0..func.num_blocks() {
        for &param in func.block_params(Block::new(block)) {
            define(param, func.num_insts() + block + 1);
        }
    }
    redefined
}

/// Renames values on an edge: what holds an argument holds the parameter, and nothing holds what the parameter named
/// before.
struct EdgeParams {
    /// For each virtual register, what it is on the edge at hand.
    roles: Vec<Role>,
    /// The parameters of arguments, as lists: parameter, and the rest of the list.
    lists: Vec<(u32, u32)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Role {
    is_param: bool,
    /// The list of the parameters that it is the argument of.
    params: u32,
}

const NO_LIST: u32 = u32::MAX;
const NO_ROLE: Role = Role { is_param: false, params: NO_LIST };

impl EdgeParams {
    fn new(num_vregs: usize) -> Self {
        Self { roles: vec![NO_ROLE; num_vregs], lists: Vec::new() }
    }

    /// Gives the parameters the arguments' values, all at once.
    fn pass(
        &mut self,
        params: &[VReg],
        args: &[VReg],
        state: &mut State,
        names: &mut Names,
        needed: impl Fn(u32) -> bool,
    ) {
        if params.is_empty() {
            return;
        }
        self.lists.clear();
        for (&param, &arg) in params.iter().zip(args) {
            if let Some(role) = self.roles.get_mut(param.vreg()) {
                role.is_param = true;
            }
            if let Some(role) = self.roles.get_mut(arg.vreg()) {
                self.lists.push((param.vreg() as u32, role.params));
                role.params = self.lists.len() as u32 - 1;
            }
        }
        state.replace(|set| {
            // Most values play no part in most edges.
            if names.any(set, |name| self.roles[name as usize] != NO_ROLE) {
                names.rename(set, |name, renamed| self.rename(name, renamed), &needed)
            } else {
                set
            }
        });
        for &vreg in params.iter().chain(args) {
            if let Some(role) = self.roles.get_mut(vreg.vreg()) {
                *role = NO_ROLE;
            }
        }
    }

    fn rename(&self, name: u32, renamed: &mut Vec<u32>) {
        let role = self.roles[name as usize];
        if !role.is_param {
            renamed.push(name);
        }
        let mut list = role.params;
        while let Some(&(param, rest)) = self.lists.get(list as usize) {
            renamed.push(param);
            list = rest;
        }
    }
}

/// Positions that are to be looked at, the lowest first.
struct Pending {
    words: Vec<u64>,
    /// No position is pending in the words before this one.
    first: usize,
}

impl Pending {
    fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], first: 0 }
    }

    fn add(&mut self, position: u32) {
        let word = position as usize / 64;
        self.words[word] |= 1 << (position % 64);
        self.first = self.first.min(word);
    }

    fn take_first(&mut self) -> Option<u32> {
        while let Some(word) = self.words.get_mut(self.first) {
            if *word != 0 {
                let bit = word.trailing_zeros();
                *word &= *word - 1;
                return Some(self.first as u32 * 64 + bit);
            }
            self.first += 1;
        }
        None
    }
}
