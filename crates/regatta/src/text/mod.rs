//! The text form: functions for people to read and to write.
//!
//! What [`print()`] writes, [`parse()`] reads back to the same [`Problem`]. A file is a list of machines and functions; each
//! function is for the machine above it.
//!
//! ```text
//! machine {
//!   int preferred p0i-p3i, non_preferred p12i p13i, scratch p15i, slot 1
//!   float preferred p0f-p7f, slot 2
//!   stack p40i p41i
//! }
//! function {
//! block0: ; inst0
//!   op def v0i fixed(p0i), def v1f any
//!   branch use v0i reg -> block1(v0i), block2
//! block1(v2i): ; inst2
//!   op def v3i reuse(1), use v2i reg, late use v0i limit(16) clobbers p0i-p3i
//!   ret use v3i fixed(p0i)
//! block2: ; inst4
//!   ret
//! }
//! ```
//!
//! - A **machine** has a line for each class that it has: its registers, the `scratch` one if there is one, and the words
//!   that a spill `slot` takes. `stack` lists what stands for fixed stack slots; `slots_named_by_last_word` is there
//!   when that is so. `p0i-p3i` is the registers from the first to the last.
//! - A **function** may say `entry block3` (else it is `block0`), `vregs 40` (else one more than the highest mentioned)
//!   and `multiple_defs` before its brace.
//! - A **block** may say `preds block4 block2` (else they are derived from the successors, in the order of the blocks)
//!   and `freq 2.5` before its colon. Blocks stand in the order of their code; their numbers may be in any, without gaps.
//! - An **instruction** is an `op`, a `branch` or a `ret` with its operands in order, each a kind, a virtual register
//!   with its class, and a constraint; `fixed p4i` alone is a mention of a register that is not allocated. The block's
//!   successors, with what is passed to their parameters, follow the last instruction.
//! - **Labels** for a debugger follow the blocks: `debug 7 v3i from inst2 to inst9`.
//! - A **comment** goes from `;` to the end of the line. Line breaks mean no more than spaces.
//!
//! A function whose blocks are not disjoint pieces of its code, or a register of a class that does not exist, cannot be
//! written down; what is invalid in other ways can.
//!
//! ```
//! let text = "machine { int preferred p0i p1i, slot 1 }
//!     function { block0: op def v0i reg ret use v0i fixed(p1i) }";
//! let problems = regatta::text::parse(text)?;
//! assert_eq!(problems[0].func.num_vregs, 1);
//! assert_eq!(regatta::text::parse(&regatta::text::print(&problems[0]))?, problems);
//!
//! let error = regatta::text::parse("machine { int preferred x3 }").unwrap_err();
//! assert_eq!(error.to_string(), "line 1, column 25: expected a register such as `p0i`, found `x3`");
//! # Ok::<(), regatta::text::ParseError>(())
//! ```

mod cursor;
mod lex;
mod parse;
mod print;

use crate::ir::{Func, Inst, InstKind, Problem, RegClass};
use crate::output::Output;
use alloc::string::String;
use core::fmt;
use core::ops::Range;

/// The text of a problem: its machine and its function.
pub fn print(problem: &Problem) -> String {
    print_all(core::slice::from_ref(problem))
}

/// The text of several problems. A machine that serves several in a row is written once.
pub fn print_all(problems: &[Problem]) -> String {
    print::problems(problems)
}

/// The text of a problem's function with the location of each operand behind it, and each move in its place.
///
/// This is for reading only; [`parse()`] does not take it.
pub fn print_allocated(problem: &Problem, output: &Output) -> String {
    print::allocated(problem, output)
}

/// The text of one instruction, without its place. Empty if the function does not have it.
///
/// ```
/// use regatta::{FuncBuilder, Inst, Operand, RegClass, text};
///
/// let mut b = FuncBuilder::new();
/// let block = b.block(&[]);
/// let x = b.vreg(RegClass::Int);
/// b.op(block, &[Operand::reg_def(x)]);
/// b.ret(block, &[]);
/// let func = b.finish();
/// assert_eq!(text::print_inst(&func, Inst::new(0)), "op def v0i reg");
/// assert_eq!(text::print_inst(&func, Inst::new(7)), "");
/// ```
pub fn print_inst(func: &Func, inst: Inst) -> String {
    print::inst(func, inst)
}

/// The problems that a text holds.
///
/// # Errors
///
/// If the text is not in the form. Whether the functions are valid is not looked at.
pub fn parse(text: &str) -> Result<alloc::vec::Vec<Problem>, ParseError> {
    parse::problems(text)
}

/// Why a text cannot be read: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong, in words.
    pub message: String,
    /// The bytes of the text where it is wrong.
    pub span: Range<usize>,
    /// The line where that starts, from 1.
    pub line: usize,
    /// The character of the line where that starts, from 1.
    pub column: usize,
}

impl ParseError {
    fn new(text: &str, span: Range<usize>, message: String) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Self { message, span, line, column }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl core::error::Error for ParseError {}

/// The word for an instruction of each kind.
const KINDS: [(&str, InstKind); 3] = [("op", InstKind::Plain), ("branch", InstKind::Branch), ("ret", InstKind::Ret)];

/// The word for each class, in a machine.
const CLASSES: [(&str, RegClass); 3] =
    [("int", RegClass::Int), ("float", RegClass::Float), ("vector", RegClass::Vector)];
