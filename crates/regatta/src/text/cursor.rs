//! The parser's place in a text, and the smallest parts of the form: marks, numbers, registers, names.
//!
//! Every method that reads something steps over it, or leaves it and returns the error with the place.

use super::ParseError;
use super::lex::{self, Kind, Token};
use crate::ir::{Block, Inst, PReg, RegClass, VReg};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;
use core::ops::Range;

pub(super) type Result<T> = core::result::Result<T, ParseError>;

/// A text, and the token that is next.
pub(super) struct Parser<'a> {
    text: &'a str,
    pub(super) next: Token,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, next: lex::token(text, 0) }
    }

    pub(super) fn word(&self) -> &'a str {
        self.text.get(self.next.span.clone()).unwrap_or("")
    }

    /// Steps over the next token and returns its place.
    pub(super) fn step(&mut self) -> Range<usize> {
        let next = lex::token(self.text, self.next.span.end);
        core::mem::replace(&mut self.next, next).span
    }

    pub(super) fn error(&self, span: Range<usize>, message: String) -> ParseError {
        ParseError::new(self.text, span, message)
    }

    pub(super) fn error_here(&self, message: String) -> ParseError {
        self.error(self.next.span.clone(), message)
    }

    pub(super) fn expected(&self, what: impl Display) -> ParseError {
        let message = match self.next.kind {
            Kind::End => format!("expected {what}, found the end of the text"),
            _ => format!("expected {what}, found `{}`", self.word().escape_debug()),
        };
        self.error_here(message)
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        self.next.kind == Kind::Word && self.word() == word
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.step();
        }
        found
    }

    pub(super) fn eat(&mut self, kind: Kind) -> bool {
        let found = self.next.kind == kind;
        if found {
            self.step();
        }
        found
    }

    pub(super) fn expect(&mut self, mark: char) -> Result<()> {
        if self.eat(Kind::Mark(mark)) { Ok(()) } else { Err(self.expected(format_args!("`{mark}`"))) }
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.expected(format_args!("`{word}`"))) }
    }

    /// A whole number from 0 to `max`.
    pub(super) fn number(&mut self, what: &str, max: usize) -> Result<usize> {
        let digits = self.word();
        if self.next.kind != Kind::Number || digits.contains('.') {
            return Err(self.expected(what));
        }
        match digits.parse::<usize>() {
            Ok(number) if number <= max => {
                self.step();
                Ok(number)
            }
            _ => Err(self.error_here(format!("expected {what}, at most {max}"))),
        }
    }

    /// What follows `prefix` in the next word, if that is a number.
    pub(super) fn numbered(&self, prefix: &str) -> Option<u32> {
        let digits = self.word().strip_prefix(prefix)?;
        // `parse` would take a sign.
        (self.next.kind == Kind::Word && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
    }

    /// The number and the class of a name such as `v3i`.
    pub(super) fn with_class(&self, prefix: char) -> Option<(usize, RegClass)> {
        let rest = self.word().strip_prefix(prefix)?;
        let class = RegClass::ALL.into_iter().find(|class| rest.ends_with(class.letter()))?;
        let digits = rest.strip_suffix(class.letter())?;
        let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
        (self.next.kind == Kind::Word).then_some((number, class))
    }

    pub(super) fn preg(&mut self) -> Result<PReg> {
        match self.with_class('p') {
            Some((number, class)) if number <= PReg::MAX => {
                self.step();
                Ok(PReg::new(number, class))
            }
            Some(_) => Err(self.error_here(format!("registers are numbered up to {}", PReg::MAX))),
            None => Err(self.expected("a register such as `p0i`")),
        }
    }

    pub(super) fn vreg(&mut self) -> Result<VReg> {
        match self.with_class('v') {
            Some((number, class)) if number <= VReg::MAX => {
                self.step();
                Ok(VReg::new(number, class))
            }
            Some(_) => Err(self.error_here(format!("virtual registers are numbered up to {}", VReg::MAX))),
            None => Err(self.expected("a virtual register such as `v3i`")),
        }
    }

    pub(super) fn block(&mut self) -> Result<Block> {
        let number = self.numbered("block").ok_or_else(|| self.expected("a block such as `block2`"))?;
        self.step();
        Ok(Block(number))
    }

    pub(super) fn inst(&mut self) -> Result<Inst> {
        let number = self.numbered("inst").ok_or_else(|| self.expected("an instruction such as `inst2`"))?;
        self.step();
        Ok(Inst(number))
    }

    /// One or more registers or ranges of them.
    pub(super) fn regs(&mut self) -> Result<Vec<PReg>> {
        let mut regs = Vec::new();
        loop {
            let first_span = self.next.span.clone();
            let first = self.preg()?;
            if self.eat(Kind::Mark('-')) {
                let span = first_span.start..self.next.span.end;
                let last = self.preg()?;
                if first.class() != last.class() || first > last {
                    let message =
                        format!("a range goes from a register to a higher one of its class, not {first}-{last}");
                    return Err(self.error(span, message));
                }
                regs.extend((first.index()..=last.index()).map(PReg::from_index));
            } else {
                regs.push(first);
            }
            if self.with_class('p').is_none() {
                return Ok(regs);
            }
        }
    }

    /// Virtual registers in parentheses, or nothing.
    pub(super) fn vregs(&mut self) -> Result<Vec<VReg>> {
        let mut vregs = Vec::new();
        if self.eat(Kind::Mark('(')) {
            vregs.push(self.vreg()?);
            while self.eat(Kind::Mark(',')) {
                vregs.push(self.vreg()?);
            }
            self.expect(')')?;
        }
        Ok(vregs)
    }
}
