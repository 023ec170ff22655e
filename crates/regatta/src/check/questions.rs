//! Whether locations hold values at the start of blocks, asked backwards.
//!
//! A use asks whether its location holds its value. If the block itself does not tell, the question is what some location held at the
//! start of the block, and so, for each block before it, what one held at its end. A parameter is asked for by the name of the argument of
//! the edge that control comes by. A question that has been asked before need not be followed again, so loops come to an end; the
//! answer is yes unless some way back leads to where another value was written, or none, or past where an instruction gives that name to
//! another value. That is the greatest solution of the equations, which is the right one: a value has got into its location in finitely
//! many steps, the first of which was its definition, on the way that control came.
//!
//! Nothing is approximated, and a value that is passed on under a thousand names is asked for by those that are used. The time is
//! proportional to the questions, each for one location, name, and block; where the location has been left alone for long, they skip the
//! blocks between ([`super::climb`]).

use super::climb::Climb;
use super::contents::{Effects, Held};
use super::defined_by;
use super::locations::Loc;
use crate::ir::{Block, Function, VReg};
use alloc::vec;
use alloc::vec::Vec;

/// Does the location hold the value of this name at the start of the block?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Question {
    block: Block,
    loc: Loc,
    name: u32,
}

/// Why a location does not hold a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refutation {
    /// What it holds instead.
    pub(super) held: Held,
    /// The block that leaves it so at its end; invalid if it is so from the beginning of the block that is asked about, or in that block alone.
    left_by: Block,
    /// The question that this answers; [`NONE`] if nothing had to be asked.
    question: u32,
}

impl Refutation {
    /// The block itself tells what the location holds instead.
    pub(super) fn here(held: Held) -> Self {
        Self { held, left_by: Block::invalid(), question: NONE }
    }
}

/// Where a name is given.
#[derive(Clone, Copy, Debug)]
struct Definition {
    block: Block,
    /// The number of the parameter of the block; [`NO_PARAM`] for what an instruction defines.
    param: u32,
}

const NO_PARAM: u32 = u32::MAX;

/// No question in a bucket, or no reason against a question.
const NONE: u32 = u32::MAX;

/// The questions, and the answers.
pub(super) struct Questions {
    questions: Vec<Question>,
    /// A hash table: the last question in each bucket, and for each question the one before it in its bucket.
    buckets: Vec<u32>,
    before: Vec<u32>,
    /// Who asked: the question asked, and the one that depends on it.
    asked_by: Vec<(u32, u32)>,
    /// The questions whose answer is no, each with the reason.
    refuted: Vec<(u32, Refutation)>,
    /// For each question the number of its reason in `refuted`, if the answer is no, and the question that had this reason before it. Filled
    /// by [`Questions::answer`], if any answer is no.
    reasons: Vec<(u32, u32)>,
    /// How many questions have been followed.
    followed: usize,
    definitions: Vec<Definition>,
    /// For each block, the edges from reachable blocks: their sources, and which successor of these it is.
    preds: Vec<Vec<(Block, u32)>>,
}

impl Questions {
    /// No questions yet. `blocks` are the reachable ones.
    pub(super) fn new(func: &impl Function, blocks: &[Block], definitions: Definitions) -> Self {
        let mut preds = vec![Vec::new(); func.num_blocks()];
        for &block in blocks {
            for (n, &succ) in (0..).zip(func.block_succs(block)) {
                preds[succ.index()].push((block, n));
            }
        }
        Self {
            questions: Vec::new(),
            buckets: vec![NONE; 64],
            before: Vec::new(),
            asked_by: Vec::new(),
            refuted: Vec::new(),
            reasons: Vec::new(),
            followed: 0,
            definitions: definitions.0,
            preds,
        }
    }

    /// Asks whether the location holds the value at the start of the block.
    pub(super) fn ask(&mut self, block: Block, loc: Loc, name: u32) {
        self.number(Question { block, loc, name });
    }

    /// The number of a question, which may be new.
    fn number(&mut self, question: Question) -> u32 {
        if let Some(number) = self.find(question) {
            return number;
        }
        let number = self.questions.len() as u32;
        self.questions.push(question);
        if self.questions.len() > self.buckets.len() {
            self.buckets = vec![NONE; 2 * self.buckets.len()];
            self.before.clear();
            for old in 0..number {
                self.enter(self.questions[old as usize], old);
            }
        }
        self.enter(question, number);
        number
    }

    /// Puts the next question into its bucket.
    fn enter(&mut self, question: Question, number: u32) {
        let bucket = self.bucket(question);
        self.before.push(core::mem::replace(&mut self.buckets[bucket], number));
    }

    fn find(&self, question: Question) -> Option<u32> {
        let mut number = self.buckets[self.bucket(question)];
        while number != NONE {
            if self.questions[number as usize] == question {
                return Some(number);
            }
            number = self.before[number as usize];
        }
        None
    }

    fn bucket(&self, Question { block, loc, name }: Question) -> usize {
        // Multiplication carries differences upwards, so the upper bits are taken.
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = ((block.index() as u64) << 32 | u64::from(name)).wrapping_mul(ODD);
        let mixed = (mixed ^ mixed >> 32 ^ loc.index() as u64).wrapping_mul(ODD);
        (mixed >> 32) as usize & (self.buckets.len() - 1)
    }

    /// Follows all questions to where the answers are.
    pub(super) fn answer(&mut self, func: &impl Function, effects: &Effects, climb: Option<&Climb>) {
        while let Some(&question) = self.questions.get(self.followed) {
            let asker = self.followed as u32;
            self.followed += 1;
            self.follow(func, effects, climb, question, asker);
        }
        self.spread();
    }

    fn follow(
        &mut self,
        func: &impl Function,
        effects: &Effects,
        climb: Option<&Climb>,
        question: Question,
        asker: u32,
    ) {
        let Question { block, loc, name } = question;
        let definition = self.definitions.get(name as usize).filter(|definition| definition.block.is_valid()).copied();
        let is_here = definition.is_some_and(|definition| definition.block == block);
        let param = definition.map_or(NO_PARAM, |definition| definition.param);
        if is_here && param == NO_PARAM {
            // What was there before is at best the value that had the name before.
            self.refuted.push((asker, Refutation::here(Held::Nothing)));
            return;
        }
        if let Some(climb) = climb {
            let top = climb.top(block, loc, definition.map(|definition| definition.block));
            if top != block {
                return self.look_at_end(effects, top, loc, name, asker);
            }
        }
        if block == func.entry_block() {
            self.refuted.push((asker, Refutation::here(Held::Nothing)));
        }
        for n in 0..self.preds[block.index()].len() {
            let (pred, succ) = self.preds[block.index()][n];
            let mut passed = name;
            if is_here {
                let branch = func.block_insns(pred).last();
                passed = func.branch_blockparams(pred, branch, succ as usize)[param as usize].vreg() as u32;
            }
            self.look_at_end(effects, pred, loc, passed, asker);
        }
    }

    fn look_at_end(&mut self, effects: &Effects, block: Block, loc: Loc, name: u32, asker: u32) {
        match effects.at_end(block, loc) {
            Held::Value(value) if value == name => {}
            Held::AtStart(loc) => {
                let number = self.number(Question { block, loc, name });
                self.asked_by.push((number, asker));
            }
            held => self.refuted.push((asker, Refutation { left_by: block, ..Refutation::here(held) })),
        }
    }

    /// Where the answer is no, so it is for those who asked. The nearest reason counts, which is the shortest to tell.
    fn spread(&mut self) {
        self.reasons.clear();
        if self.refuted.is_empty() {
            return;
        }
        self.reasons.resize(self.questions.len(), (NONE, NONE));
        self.asked_by.sort_unstable();
        let mut refuted: Vec<(u32, (u32, u32))> =
            self.refuted.iter().zip(0..).map(|(&(question, _), reason)| (question, (reason, NONE))).collect();
        let mut followed = 0;
        while let Some(&(question, reason)) = refuted.get(followed) {
            followed += 1;
            if self.reasons[question as usize].0 != NONE {
                continue;
            }
            self.reasons[question as usize] = reason;
            let first = self.asked_by.partition_point(|&(asked, _)| asked < question);
            let askers = self.asked_by[first..].iter().take_while(|&&(asked, _)| asked == question);
            refuted.extend(askers.map(|&(_, asker)| (asker, (reason.0, question))));
        }
    }

    /// Has any question the answer no?
    pub(super) fn any_refuted(&self) -> bool {
        !self.refuted.is_empty()
    }

    /// Why the location does not hold the value at the start of the block, if it does not. To be asked of questions that have been answered.
    pub(super) fn refutation(&self, block: Block, loc: Loc, name: u32) -> Option<Refutation> {
        let number = self.find(Question { block, loc, name })?;
        let (reason, _) = *self.reasons.get(number as usize)?;
        self.refuted.get(reason as usize).map(|&(_, refutation)| Refutation { question: number, ..refutation })
    }

    /// The blocks that control must come through for a location to hold something else, the last one first. The block that was asked about is not
    /// among them, but for one that control comes round to. Where the location is left alone for long, blocks may be missing.
    pub(super) fn way(&self, refutation: Refutation) -> Vec<Block> {
        let before = |&question: &u32| Some(self.reasons.get(question as usize)?.1).filter(|&before| before != NONE);
        let questions = core::iter::successors(before(&refutation.question), before);
        let blocks = questions.map(|question| self.questions[question as usize].block);
        blocks.chain(refutation.left_by.is_valid().then_some(refutation.left_by)).collect()
    }
}

/// Where each name is given. Names are unique: the function is in SSA form.
pub(super) struct Definitions(Vec<Definition>);

impl Definitions {
    /// Looks for all definitions.
    ///
    /// # Errors
    ///
    /// A value that is defined in two instructions or blocks, or twice by an instruction where that is not allowed.
    pub(super) fn new(func: &impl Function, blocks: &[Block]) -> Result<Self, VReg> {
        let nowhere = Definition { block: Block::invalid(), param: NO_PARAM };
        let mut all = vec![nowhere; func.num_vregs()];
        // The last instruction that defines each value: it may do so with two operands.
        let mut by = vec![u32::MAX; func.num_vregs()];
        for &block in blocks {
            for (&vreg, param) in func.block_params(block).iter().zip(0..) {
                if let Some(definition) = all.get_mut(vreg.vreg()) {
                    if definition.block.is_valid() {
                        return Err(vreg);
                    }
                    *definition = Definition { block, param };
                }
            }
            for inst in func.block_insns(block).iter() {
                for vreg in func.inst_operands(inst).iter().filter_map(defined_by) {
                    if let Some(definition) = all.get_mut(vreg.vreg()) {
                        let is_again = by[vreg.vreg()] == inst.index() as u32 && func.allow_multiple_vreg_defs();
                        if definition.block.is_valid() && !is_again {
                            return Err(vreg);
                        }
                        *definition = Definition { block, param: NO_PARAM };
                        by[vreg.vreg()] = inst.index() as u32;
                    }
                }
            }
        }
        Ok(Self(all))
    }
}
