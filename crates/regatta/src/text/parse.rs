//! Reads the text form: a parser by recursive descent, one method for each part of the form.
//!
//! Every method that reads something leaves the parser behind it, or returns the error with the place. Numbers are held
//! to what their types can represent; whether they make sense together is the validator's to say.

use super::cursor::{Parser, Result};
use super::lex::Kind;
use super::{CLASSES, KINDS, print};
use crate::ir::{
    Block, BlockData, Frequency, Func, Inst, InstData, InstKind, InstRange, MachineEnv, Operand, OperandConstraint,
    OperandKind, OperandPos, PReg, Problem, RegClass, VReg,
};
use alloc::format;
use alloc::string::ToString;

use alloc::vec::Vec;
use core::ops::Range;

/// What a machine block of the text says.
#[derive(Clone, Default)]
struct Machine {
    env: MachineEnv,
    spillslot_size: [u8; 3],
    named_by_last_slot: bool,
}

/// A block as it stands in the text, with what can be settled only when the whole function has been read.
struct Draft {
    number: u32,
    span: Range<usize>,
    data: BlockData,
    preds: Option<Vec<Block>>,
    frequency: Option<Frequency>,
}

pub(super) fn problems(text: &str) -> Result<Vec<Problem>> {
    let mut parser = Parser::new(text);
    let mut machine = None;
    let mut problems = Vec::new();
    while parser.next.kind != Kind::End {
        if parser.eat_word("machine") {
            machine = Some(parser.machine()?);
        } else if parser.at_word("function") {
            let Some(machine) = &machine else {
                return Err(parser.error_here("a function must stand below the machine that it is for".to_string()));
            };
            parser.eat_word("function");
            problems.push(parser.function(machine)?);
        } else {
            return Err(parser.expected("`machine` or `function`"));
        }
    }
    Ok(problems)
}

/// The machine.
impl Parser<'_> {
    fn machine(&mut self) -> Result<Machine> {
        let mut machine = Machine::default();
        self.expect('{')?;
        while !self.eat(Kind::Mark('}')) {
            let class = CLASSES.into_iter().find(|(name, _)| self.at_word(name));
            if let Some((_, class)) = class {
                self.step();
                self.class(&mut machine, class)?;
            } else if self.eat_word("stack") {
                machine.env.fixed_stack_slots.extend(self.regs()?);
            } else if self.eat_word("slots_named_by_last_word") {
                machine.named_by_last_slot = true;
            } else {
                return Err(self.expected("`int`, `float`, `vector`, `stack`, `slots_named_by_last_word` or `}`"));
            }
        }
        Ok(machine)
    }

    /// What a machine has of a class.
    fn class(&mut self, machine: &mut Machine, class: RegClass) -> Result<()> {
        let class = class.index();
        loop {
            if self.eat_word("preferred") {
                machine.env.preferred_regs_by_class[class].union_from(self.regs()?.into_iter().collect());
            } else if self.eat_word("non_preferred") {
                machine.env.non_preferred_regs_by_class[class].union_from(self.regs()?.into_iter().collect());
            } else if self.eat_word("scratch") {
                machine.env.scratch_by_class[class] = Some(self.preg()?);
            } else if self.eat_word("slot") {
                // The number fits a byte: it is held to that.
                machine.spillslot_size[class] = self.number("a number of words", usize::from(u8::MAX))? as u8;
            } else {
                return Err(self.expected("`preferred`, `non_preferred`, `scratch` or `slot`"));
            }
            if !self.eat(Kind::Mark(',')) {
                return Ok(());
            }
        }
    }
}

/// The function.
impl Parser<'_> {
    fn function(&mut self, machine: &Machine) -> Result<Problem> {
        let mut func = Func {
            entry: Block::new(0),
            num_vregs: 0,
            blocks: Vec::new(),
            insts: Vec::new(),
            spillslot_size: machine.spillslot_size,
            named_by_last_slot: machine.named_by_last_slot,
            multiple_defs: false,
            debug_labels: Vec::new(),
            frequencies: Vec::new(),
        };
        let mut vregs = None;
        while !self.eat(Kind::Mark('{')) {
            if self.eat_word("entry") {
                func.entry = self.block()?;
            } else if self.eat_word("vregs") {
                vregs = Some(self.number("a number of virtual registers", VReg::MAX)?);
            } else if self.eat_word("multiple_defs") {
                func.multiple_defs = true;
            } else {
                return Err(self.expected("`entry`, `vregs`, `multiple_defs` or `{`"));
            }
        }
        let mut drafts = Vec::new();
        while !self.eat(Kind::Mark('}')) {
            if self.eat_word("debug") {
                func.debug_labels.push(self.debug_label()?);
            } else if self.numbered("block").is_some() && func.debug_labels.is_empty() {
                drafts.push(self.block_body(&mut func.insts)?);
            } else if func.debug_labels.is_empty() {
                return Err(self.expected("a block such as `block2`, `debug` or `}`"));
            } else {
                return Err(self.expected("`debug` or `}`"));
            }
        }
        self.lay_out(&mut func, drafts)?;
        func.num_vregs = vregs.unwrap_or_else(|| print::mentioned_vregs(&func));
        Ok(Problem { func, env: machine.env.clone() })
    }

    /// Puts the blocks in the order of their numbers.
    fn lay_out(&self, func: &mut Func, mut drafts: Vec<Draft>) -> Result<()> {
        // A stable sort: of two blocks with one number, the error is at the second.
        drafts.sort_by_key(|draft| draft.number);
        let frequencies = drafts.iter().filter(|draft| draft.frequency.is_some()).count();
        for (index, draft) in drafts.iter().enumerate() {
            let number = draft.number as usize;
            if number < index {
                return Err(self.error(draft.span.clone(), format!("there is a block{number} already")));
            }
            if number > index {
                let message = format!("there is a block{number} but no block{index}; blocks are numbered without gaps");
                return Err(self.error(draft.span.clone(), message));
            }
            if draft.frequency.is_none() && frequencies > 0 {
                let message = format!("block{number} has no frequency, but another block has");
                return Err(self.error(draft.span.clone(), message));
            }
        }
        func.frequencies = drafts.iter().filter_map(|draft| draft.frequency).collect();
        let mut preds = Vec::with_capacity(drafts.len());
        for draft in drafts {
            preds.push(draft.preds);
            func.blocks.push(draft.data);
        }
        func.derive_preds();
        for (block, preds) in func.blocks.iter_mut().zip(preds) {
            if let Some(preds) = preds {
                block.preds = preds;
            }
        }
        Ok(())
    }

    fn block_body(&mut self, insts: &mut Vec<InstData>) -> Result<Draft> {
        let span = self.next.span.clone();
        let number = self.block()?.0;
        let params = self.vregs()?;
        let mut preds = None;
        let mut frequency = None;
        while !self.eat(Kind::Mark(':')) {
            if self.eat_word("preds") {
                let preds = preds.insert(Vec::new());
                while self.numbered("block").is_some() {
                    preds.push(self.block()?);
                }
            } else if self.eat_word("freq") {
                frequency = Some(self.frequency()?);
            } else {
                return Err(self.expected("`preds`, `freq` or `:`"));
            }
        }
        let first = Inst::new(insts.len());
        let (mut succs, mut args) = (Vec::new(), Vec::new());
        loop {
            let kind = KINDS.into_iter().find(|(word, _)| self.at_word(word));
            if let Some((_, kind)) = kind {
                self.step();
                insts.push(self.inst_body(kind)?);
            } else if self.eat(Kind::Arrow) {
                loop {
                    succs.push(self.block()?);
                    args.push(self.vregs()?);
                    if !self.eat(Kind::Mark(',')) {
                        break;
                    }
                }
                if KINDS.into_iter().any(|(word, _)| self.at_word(word)) {
                    return Err(self.error_here("no instruction may follow a block's successors".to_string()));
                }
                break;
            } else {
                break;
            }
        }
        let at_end = self.numbered("block").is_some() || self.at_word("debug") || self.next.kind == Kind::Mark('}');
        if !at_end {
            return Err(self.expected("`op`, `branch`, `ret`, `->`, a block, `debug` or `}`"));
        }
        let data =
            BlockData { insts: InstRange::new(first, Inst::new(insts.len())), succs, preds: Vec::new(), params, args };
        Ok(Draft { number, span, data, preds, frequency })
    }

    fn frequency(&mut self) -> Result<Frequency> {
        let mut span = self.next.span.clone();
        let minus = self.eat(Kind::Mark('-'));
        if self.next.kind != Kind::Number {
            return Err(self.expected("a frequency such as `2.5`"));
        }
        let value: Option<f32> = self.word().parse().ok();
        span.end = self.step().end;
        let value = value.map(|value| if minus { -value } else { value });
        let message = "a frequency is a finite number, not below 0".to_string();
        value.and_then(Frequency::new).ok_or_else(|| self.error(span, message))
    }

    fn debug_label(&mut self) -> Result<(VReg, Inst, Inst, u32)> {
        // The number fits: it is held to that.
        let label = self.number("a label's number", u32::MAX as usize)? as u32;
        let vreg = self.vreg()?;
        self.expect_word("from")?;
        let from = self.inst()?;
        self.expect_word("to")?;
        Ok((vreg, from, self.inst()?, label))
    }
}

/// An instruction.
impl Parser<'_> {
    /// What follows the instruction's kind.
    fn inst_body(&mut self, kind: InstKind) -> Result<InstData> {
        let mut inst = InstData { kind, ..InstData::default() };
        if self.at_operand() {
            inst.operands.push(self.operand()?);
            while self.eat(Kind::Mark(',')) {
                inst.operands.push(self.operand()?);
            }
            if self.at_operand() {
                return Err(self.expected("`,` between operands"));
            }
        }
        if self.eat_word("clobbers") {
            inst.clobbers = self.regs()?.into_iter().collect();
        }
        Ok(inst)
    }

    fn at_operand(&self) -> bool {
        ["use", "def", "early", "late", "fixed"].into_iter().any(|word| self.at_word(word))
    }

    fn operand(&mut self) -> Result<Operand> {
        if self.eat_word("fixed") {
            return Ok(Operand::fixed_nonallocatable(self.preg()?));
        }
        let pos = if self.eat_word("early") {
            Some(OperandPos::Early)
        } else if self.eat_word("late") {
            Some(OperandPos::Late)
        } else {
            None
        };
        let (kind, usual) = if self.eat_word("use") {
            (OperandKind::Use, OperandPos::Early)
        } else if self.eat_word("def") {
            (OperandKind::Def, OperandPos::Late)
        } else if pos.is_some() {
            return Err(self.expected("`use` or `def`"));
        } else {
            return Err(self.expected("an operand: `use`, `def`, `early def`, `late use` or `fixed`"));
        };
        let vreg = self.vreg()?;
        Ok(Operand::new(vreg, self.constraint(vreg)?, kind, pos.unwrap_or(usual)))
    }

    fn constraint(&mut self, vreg: VReg) -> Result<OperandConstraint> {
        let simple =
            [("any", OperandConstraint::Any), ("reg", OperandConstraint::Reg), ("stack", OperandConstraint::Stack)];
        if let Some((_, constraint)) = simple.into_iter().find(|(word, _)| self.at_word(word)) {
            self.step();
            return Ok(constraint);
        }
        if self.eat_word("fixed") {
            self.expect('(')?;
            let span = self.next.span.clone();
            let reg = self.preg()?;
            if reg.class() != vreg.class() {
                return Err(self.error(span, format!("{reg} is of another class than {vreg:?}")));
            }
            self.expect(')')?;
            return Ok(OperandConstraint::FixedReg(reg));
        }
        if self.eat_word("reuse") {
            self.expect('(')?;
            let index = self.number("an operand's index", 31)?;
            self.expect(')')?;
            return Ok(OperandConstraint::Reuse(index));
        }
        if self.eat_word("limit") {
            self.expect('(')?;
            let span = self.next.span.clone();
            let limit = self.number("a number of registers", PReg::MAX + 1)?;
            if !limit.is_power_of_two() {
                return Err(self.error(span, "a limit is a power of two".to_string()));
            }
            self.expect(')')?;
            return Ok(OperandConstraint::Limit(limit));
        }
        Err(self.expected("a constraint: `any`, `reg`, `stack`, `fixed(p0i)`, `reuse(0)` or `limit(16)`"))
    }
}
