//! Follows values through registers and slots: see the essay of [`crate::check`].

use super::climb::Climb;
use super::contents::{Contents, Effects, Held};
use super::debug::{DebugCheck, Watch};
use super::defined_by;
use super::fault::{FaultKind, Faults};
use super::locations::{Loc, Locations, move_class};
use super::questions::{Definitions, Questions, Refutation};
use super::reachable::reachable_blocks;
use crate::ir::{Block, Function, Inst, MachineEnv, OperandKind, PRegSet, RegClass, VReg};
use crate::output::{Edit, Output, ProgPoint};
use alloc::format;
use alloc::string::String;
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
    walk: Walk<'a, F>,
    /// The reachable blocks.
    blocks: Vec<Block>,
    effects: Effects,
    climb: Option<Climb>,
    asks: Asks,
}

/// What it takes to walk through a block.
struct Walk<'a, F> {
    func: &'a F,
    output: &'a Output,
    locs: &'a Locations,
    /// The location of every operand, in the order of the output's `allocs`.
    operand_locs: Vec<Loc>,
    moves: Vec<Move>,
    /// Registers that no value survives an instruction in.
    volatile: Vec<Loc>,
    contents: Contents,
}

/// Who watches a walk through a block.
pub(super) trait Observer {
    /// An operand reads a location.
    fn reads(&mut self, block: Block, inst: Inst, operand: usize, vreg: VReg, held: Held) {
        let _ = (block, inst, operand, vreg, held);
    }

    /// Whether to call [`Observer::at_point`], and to keep the journal for it.
    const POINTS: bool = false;

    /// The edits at this point have been done. The journal says what has changed since the point before. The point behind a block's last
    /// instruction is left out: control does not get there.
    fn at_point(&mut self, block: Block, point: ProgPoint, contents: &Contents) {
        let _ = (block, point, contents);
    }
}

/// Asks what the block does not tell, and notes whether it tells of anything wrong.
struct Asks {
    questions: Questions,
    is_wrong: bool,
}

impl Observer for Asks {
    fn reads(&mut self, block: Block, _: Inst, _: usize, vreg: VReg, held: Held) {
        match held {
            Held::AtStart(loc) => self.questions.ask(block, loc, vreg.vreg() as u32),
            held => self.is_wrong |= held != Held::Value(vreg.vreg() as u32),
        }
    }
}

/// Reports what is wrong.
struct Report<'a, F> {
    func: &'a F,
    output: &'a Output,
    questions: &'a Questions,
    faults: &'a mut Faults,
}

impl<F: Function> Observer for Report<'_, F> {
    fn reads(&mut self, block: Block, inst: Inst, operand: usize, vreg: VReg, held: Held) {
        let Some(refutation) = refutation(self.questions, block, vreg.vreg() as u32, held) else { return };
        let (op, alloc) = (self.func.inst_operands(inst)[operand], self.output.inst_allocs(inst)[operand]);
        self.faults.report(FaultKind::WrongValue, Some(ProgPoint::before(inst)), || {
            format!(
                "operand {operand} of {inst} ({op}) is in {alloc}, which holds {}",
                describe(self.questions, refutation)
            )
        });
    }
}

/// Why what is held in the block is not the value of that name, if it is not.
pub(super) fn refutation(questions: &Questions, block: Block, name: u32, held: Held) -> Option<Refutation> {
    match held {
        Held::AtStart(loc) => questions.refutation(block, loc, name),
        held if held == Held::Value(name) => None,
        held => Some(Refutation::here(held)),
    }
}

/// The most blocks that are named of those that control comes by.
const MAX_WAY: usize = 5;

/// What is held instead, in words, and on which way.
pub(super) fn describe(questions: &Questions, refutation: Refutation) -> String {
    let mut words = match refutation.held {
        Held::Value(name) => format!("v{name}"),
        _ => String::from("no known value"),
    };
    let mut way = questions.way(refutation);
    way.reverse();
    let Some((from, by)) = way.split_first() else { return words };
    words.push_str(&format!(" if control comes from {from}"));
    for (n, block) in by.iter().enumerate() {
        // Of a long way, its beginning and its end.
        let end = by.len().saturating_sub(MAX_WAY / 2);
        if n <= MAX_WAY / 2 || n >= end {
            words.push_str(&format!("{}{block}", if n == 0 { " by way of " } else { ", " }));
        } else if n + 1 == end {
            words.push_str(", …");
        }
    }
    words
}

impl<'a, F: Function> Flow<'a, F> {
    /// Walks through all blocks, and asks what they do not tell. The function's blocks and the output's tables and edits must have been
    /// checked.
    ///
    /// # Errors
    ///
    /// A value that is defined twice.
    pub(super) fn new(func: &'a F, env: &MachineEnv, output: &'a Output, locs: &'a Locations) -> Result<Self, VReg> {
        let blocks = reachable_blocks(func);
        let definitions = Definitions::new(func, &blocks)?;
        let mut walk = Walk::new(func, env, output, locs);
        let mut effects = Effects::new(func.num_blocks());
        let mut asks = Asks { questions: Questions::new(func, &blocks, definitions), is_wrong: false };
        for &block in &blocks {
            walk.block(block, &mut asks);
            effects.note(block, &walk.contents);
        }
        let climb = Climb::new(func, locs, &blocks, &effects);
        Ok(Self { walk, blocks, effects, climb, asks })
    }

    /// Reports uses that do not find their value.
    pub(super) fn run(&mut self, faults: &mut Faults) {
        self.answer();
        let questions = &self.asks.questions;
        if self.asks.is_wrong || questions.any_refuted() {
            let mut report = Report { func: self.walk.func, output: self.walk.output, questions, faults };
            self.blocks.iter().for_each(|&block| self.walk.block(block, &mut report));
        }
    }

    /// Checks where labelled values are said to be. To be called after [`Flow::run`].
    pub(super) fn check_debug_locations(&mut self, check: &mut DebugCheck<'_>) {
        for is_answered in [false, true] {
            let mut watch = Watch { check, questions: &mut self.asks.questions, is_answered };
            for &block in &self.blocks {
                if watch.begin(block) {
                    self.walk.block(block, &mut watch);
                }
            }
            self.answer();
        }
    }

    fn answer(&mut self) {
        self.asks.questions.answer(self.walk.func, &self.effects, self.climb.as_ref());
    }
}

impl<'a, F: Function> Walk<'a, F> {
    fn new(func: &'a F, env: &MachineEnv, output: &'a Output, locs: &'a Locations) -> Self {
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
        Self {
            func,
            output,
            locs,
            operand_locs,
            moves,
            volatile: volatile.iter().map(|reg| locs.of_reg(reg)).collect(),
            contents: Contents::new(locs),
        }
    }

    /// Goes from the beginning of the block to its end.
    fn block<O: Observer>(&mut self, block: Block, observer: &mut O) {
        self.contents.restart(O::POINTS);
        let insts = self.func.block_insns(block);
        let mut next_move = self.moves.partition_point(|edit| edit.at < ProgPoint::before(insts.first()));
        for inst in insts.iter() {
            self.moves(&mut next_move, block, ProgPoint::before(inst), observer);
            self.inst(block, inst, observer);
            if inst != insts.last() {
                self.moves(&mut next_move, block, ProgPoint::after(inst), observer);
            }
        }
    }

    /// Does the moves at a point, beginning with that numbered `next`.
    fn moves<O: Observer>(&mut self, next: &mut usize, block: Block, at: ProgPoint, observer: &mut O) {
        while let Some(edit) = self.moves.get(*next)
            && edit.at == at
        {
            self.contents.write(edit.to, self.contents.get(edit.from), self.locs);
            *next += 1;
        }
        if O::POINTS {
            observer.at_point(block, at, &self.contents);
            self.contents.journal.clear();
        }
    }

    fn inst(&mut self, block: Block, inst: Inst, observer: &mut impl Observer) {
        let operands = self.func.inst_operands(inst);
        let first = self.output.inst_alloc_offsets[inst.index()] as usize;
        for (n, op) in operands.iter().enumerate() {
            if op.kind() == OperandKind::Use && op.as_fixed_nonallocatable().is_none() {
                // Early or late makes no difference here: what else the instruction does to a late use's location has been
                // checked without regard to values.
                observer.reads(block, inst, n, op.vreg(), self.contents.get(self.operand_locs[first + n]));
            }
        }
        for &loc in &self.volatile {
            self.contents.forget(loc);
        }
        for reg in self.func.inst_clobbers(inst) & self.locs.mentioned() {
            self.contents.forget(self.locs.of_reg(reg));
        }
        for (n, op) in operands.iter().enumerate() {
            if let Some(vreg) = defined_by(op) {
                let held =
                    if vreg.vreg() < self.func.num_vregs() { Held::Value(vreg.vreg() as u32) } else { Held::Nothing };
                self.contents.write(self.operand_locs[first + n], held, self.locs);
            }
        }
    }
}
