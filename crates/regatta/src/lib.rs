//! regatta is a register allocator for compilers: it maps the unboundedly many values of a function to the registers of
//! a machine, and to slots of the stack frame where registers do not suffice.
//!
//! A function comes in as a [`Function`] in SSA form: blocks with parameters, instructions with [`Operand`]s that say
//! which values are read and written and where they must be. Out comes an [`Output`]: a location for every operand, and
//! the moves to insert between instructions. What the machine offers is in a [`MachineEnv`].
//!
//! The allocator decides everything in one forward pass over the code, evicting what is needed last, and passes again
//! over the loop nests where that pays. It is several times as fast as backtracking and yields cheaper code. (There is a
//! backtracking allocator as well, for a second opinion: see [`Algorithm`].) An independent checker ([`check::check`]) proves an output right for its input.
//!
//! # A small compiler
//!
//! This compiler turns an expression into code for a machine of three registers, whose addition overwrites its first
//! operand. The allocator's part in it: implement [`Function`] for the compiler's own representation, call [`run`], and
//! walk the result with [`Output::block_insts_and_edits`].
//!
//! ```
//! use regatta::*;
//!
//! /// The machine: `load rD, n`, `add rD, rS` (rD += rS) and `ret r0`.
//! enum Code { Load(i64), Add, Ret }
//!
//! /// A function of one block in the compiler's own representation.
//! #[derive(Default)]
//! struct Program { code: Vec<Code>, operands: Vec<Vec<Operand>>, values: usize }
//!
//! enum Expr { Number(i64), Sum(Box<Expr>, Box<Expr>) }
//!
//! impl Program {
//!     fn push(&mut self, code: Code, operands: &[Operand]) {
//!         self.code.push(code);
//!         self.operands.push(operands.to_vec());
//!     }
//!
//!     /// Generates code for `expr`; returns the value that holds its result.
//!     fn compile(&mut self, expr: &Expr) -> VReg {
//!         match expr {
//!             Expr::Number(n) => {
//!                 let result = self.value();
//!                 self.push(Code::Load(*n), &[Operand::reg_def(result)]);
//!                 result
//!             }
//!             Expr::Sum(a, b) => {
//!                 let (a, b) = (self.compile(a), self.compile(b));
//!                 let result = self.value();
//!                 // The result is made in the register of operand 1, which is `a`.
//!                 let operands = [Operand::reg_reuse_def(result, 1), Operand::reg_use(a), Operand::reg_use(b)];
//!                 self.push(Code::Add, &operands);
//!                 result
//!             }
//!         }
//!     }
//!
//!     fn value(&mut self) -> VReg {
//!         self.values += 1;
//!         VReg::new(self.values - 1, RegClass::Int)
//!     }
//! }
//!
//! impl Function for Program {
//!     fn num_insts(&self) -> usize { self.code.len() }
//!     fn num_blocks(&self) -> usize { 1 }
//!     fn entry_block(&self) -> Block { Block::new(0) }
//!     fn block_insns(&self, _: Block) -> InstRange { InstRange::new(Inst::new(0), Inst::new(self.code.len())) }
//!     fn block_succs(&self, _: Block) -> &[Block] { &[] }
//!     fn block_preds(&self, _: Block) -> &[Block] { &[] }
//!     fn block_params(&self, _: Block) -> &[VReg] { &[] }
//!     fn is_ret(&self, inst: Inst) -> bool { matches!(self.code[inst.index()], Code::Ret) }
//!     fn is_branch(&self, _: Inst) -> bool { false }
//!     fn branch_blockparams(&self, _: Block, _: Inst, _: usize) -> &[VReg] { &[] }
//!     fn inst_operands(&self, inst: Inst) -> &[Operand] { &self.operands[inst.index()] }
//!     fn inst_clobbers(&self, _: Inst) -> PRegSet { PRegSet::empty() }
//!     fn num_vregs(&self) -> usize { self.values }
//!     fn spillslot_size(&self, _: RegClass) -> usize { 1 }
//! }
//!
//! /// 1 + (2 + (3 + …)): all the numbers are needed at once.
//! fn nested(from: i64, to: i64) -> Expr {
//!     let number = Box::new(Expr::Number(from));
//!     if from == to { *number } else { Expr::Sum(number, Box::new(nested(from + 1, to))) }
//! }
//!
//! let mut program = Program::default();
//! let result = program.compile(&nested(1, 6));
//! let r0 = PReg::new(0, RegClass::Int);
//! program.push(Code::Ret, &[Operand::reg_fixed_use(result, r0)]);
//!
//! let mut env = MachineEnv::default();
//! env.preferred_regs_by_class[0] = (0..3).map(|n| PReg::new(n, RegClass::Int)).collect();
//! let output = run(&program, &env, &Options { validate: true, ..Options::default() })?;
//! check::check(&program, &env, &output).expect("a right allocation");
//!
//! // What a compiler would emit, this one executes.
//! let mut regs = [0; 3];
//! let mut frame = vec![0; output.num_spillslots];
//! for step in output.block_insts_and_edits(&program, Block::new(0)) {
//!     match step {
//!         InstOrEdit::Edit(Edit::Move { from, to }) => {
//!             let moved = from.as_reg().map_or_else(|| frame[from.index()], |r| regs[r.hw_enc()]);
//!             match to.as_reg() {
//!                 Some(r) => regs[r.hw_enc()] = moved,
//!                 None => frame[to.index()] = moved,
//!             }
//!         }
//!         InstOrEdit::Inst(inst) => {
//!             let reg = |operand: usize| output.inst_allocs(inst)[operand].as_reg().unwrap().hw_enc();
//!             match program.code[inst.index()] {
//!                 Code::Load(n) => regs[reg(0)] = n,
//!                 Code::Add => regs[reg(0)] += regs[reg(2)],
//!                 Code::Ret => {}
//!             }
//!         }
//!     }
//! }
//! assert_eq!(regs[0], 21);
//! assert!(output.num_spillslots > 0, "six numbers do not fit in three registers");
//! # Ok::<(), Error>(())
//! ```
//!
//! A compiler that allocates many functions keeps a [`Context`] and calls [`run_with_ctx`]: storage is then reused from
//! function to function. A `Context` may be sent to another thread; use one a thread.
//!
//! # Rooms
//!
//! | module | what it holds |
//! |---|---|
//! | [`ir`] | what a client hands in: registers, operands, the [`Function`] trait, and [`Func`], a ready implementation |
//! | [`output`] | what it gets back |
//! | [`error`] | every way in which an input can be wrong |
//! | [`limits`] | how large a function may be |
//! | [`check`] | the validator of inputs and the checker of outputs |
//! | [`text`] | functions and allocations as text (feature `text`) |
//!
//! The allocators are in modules of their own, which their clients do not see: flow graph (`cfg`), flattened code (`code`), liveness (`live`),
//! the SSA allocator (`ssa`), the frame (`slots`), parallel moves (`moves`), what debuggers want to know (`debug`); the other
//! allocator (`backtracking`), and what an allocation costs (`cost`), to compare the two.
//!
//! # Features
//!
//! `std` and `text` are on by default; `serde` is for who wants to serialise what goes in ([`Problem`], [`Options`]) and comes out ([`Output`]). Without default features the library needs `core` and `alloc` alone.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod backtracking;
mod cfg;
pub mod check;
mod code;
mod cost;
mod debug;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, reason = "no part of the interface")]
pub mod fuzzing;
pub mod ir;
pub mod limits;
mod live;
mod moves;
pub mod output;
mod slots;
mod ssa;
#[cfg(feature = "text")]
pub mod text;

use alloc::boxed::Box;
use ir::Machine;

pub use error::Error;
pub use ir::{
    Block, BlockData, Frequency, Func, FuncBuilder, Function, Inst, InstData, InstKind, InstRange, MachineEnv, Operand,
    OperandConstraint, OperandKind, OperandPos, PReg, PRegSet, Problem, RegClass, VReg,
};
pub use output::{
    Allocation, AllocationKind, Edit, InstOrEdit, InstPosition, Output, OutputIter, ProgPoint, SpillSlot, Stats,
};

/// Which allocator to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Algorithm {
    /// The SSA allocator, which allocates a loop nest again where the first attempt shows how to do better.
    #[default]
    Thorough,
    /// The SSA allocator in one forward pass, without the passes that make frames smaller still.
    Quick,
    /// The backtracking allocator: bundles of live ranges, placed by eviction and splitting.
    Backtracking,
    /// [`Thorough`](Self::Thorough) and [`Backtracking`](Self::Backtracking) both, of which each function keeps the
    /// cheaper, by the weights of LLVM's `RegAllocScore`: for what is compiled once and runs forever.
    Best,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Thorough, Self::Quick, Self::Backtracking, Self::Best];

    /// The name that a command line knows the algorithm by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thorough => "thorough",
            Self::Quick => "quick",
            Self::Backtracking => "backtracking",
            Self::Best => "best",
        }
    }
}

/// How the backtracking allocator lays out spill slots in the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SlotLayout {
    /// All spill sets are known before the first gets its slot, and are packed in the order in which they begin to be
    /// in memory. The SSA allocator knows no other.
    #[default]
    Packed,
    /// One spill set after the other goes into the first of a few slots that has room for it. Here to compare with: the
    /// frames are larger.
    Probed,
}

/// How often each block is believed to be executed, of a function that does not say
/// ([`Function::block_frequency`]).
///
/// ```
/// use regatta::{FrequencyModel, Options};
///
/// let options = Options { frequencies: FrequencyModel::Estimated, ..Options::default() };
/// assert_ne!(options, Options::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum FrequencyModel {
    /// Ten times for each loop around it, of which at most six count. Both sides of a branch are as frequent as the
    /// branch.
    #[default]
    LoopDepth,
    /// For a client that cares what is executed rather than how often blocks occur in loops, and does not know how often that
    /// is: fewer stores and loads are.
    ///
    /// The same where registers are assigned, but that the many ways to a block behind a switch do not add up, and that
    /// a way that calls does not decide for others. Where spilled values are stored, once or at several points, is
    /// decided by an estimate of the flow of control, between 10⁻⁹ and 10⁶ times for each time that the function is
    /// executed. A branch shares its frequency out among its successors: those that call get less than those that do
    /// not, those that leave a loop less than those that do not, and those at whose end the program is over almost
    /// nothing. A loop is executed ten times each time that it is entered. Fewer stores are executed so, and there may
    /// be more of them in the code. Nothing is loaded in front of a branch for several ways behind it, since that saves
    /// no load that is executed. [`Algorithm::Thorough`] alone makes the estimate (and so [`Algorithm::Best`], in
    /// part), and not for functions in which a loop has several entries.
    Estimated,
}

/// How to allocate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Options {
    /// Which allocator to run.
    pub algorithm: Algorithm,
    /// How the backtracking allocator lays out spill slots.
    pub slot_layout: SlotLayout,
    /// How often blocks are believed to be executed, if the function does not say.
    pub frequencies: FrequencyModel,
    /// Look for everything that can be wrong with the input first ([`check::validate`]). Without it, the allocator
    /// reports only what is wrong with the machine's environment and what it meets of the rest, and a wrong function may give a
    /// wrong answer.
    pub validate: bool,
}

/// Storage kept between functions.
///
/// It is less than a kilobyte: compilers keep it in contexts of their own, and move these about.
#[derive(Debug, Default)]
pub struct Context {
    /// The result of the last run.
    pub output: Output,
    /// The other result, where there are two.
    second: Output,
    ssa: Box<ssa::SsaAllocator>,
    /// Made when it is first asked for.
    backtracking: Option<Box<backtracking::BacktrackingAllocator>>,
}

const _: () = assert!(size_of::<Context>() < 1024);

/// Allocates registers for a function.
///
/// # Errors
///
/// If the function cannot be allocated.
pub fn run(func: &impl Function, env: &MachineEnv, options: &Options) -> Result<Output, Error> {
    let mut context = Context::default();
    run_with_ctx(func, env, options, &mut context)?;
    Ok(context.output)
}

/// Allocates registers for a function, in storage that is kept from one function to the next.
///
/// # Errors
///
/// If the function cannot be allocated.
pub fn run_with_ctx<'a>(
    func: &impl Function,
    env: &MachineEnv,
    options: &Options,
    context: &'a mut Context,
) -> Result<&'a Output, Error> {
    if options.validate {
        check::validate(func, env)?;
    } else {
        check::environment(env)?;
    }
    let Context { output, second, ssa, backtracking } = context;
    let frequencies = options.frequencies;
    let result = match options.algorithm {
        Algorithm::Thorough => ssa.run(func, env, ssa::Effort::Thorough, frequencies, output),
        Algorithm::Quick => ssa.run(func, env, ssa::Effort::Quick, frequencies, output),
        Algorithm::Backtracking => backtracking.get_or_insert_default().run(func, env, options.slot_layout, output),
        Algorithm::Best => {
            let backtracking = backtracking.get_or_insert_default();
            let results = (
                ssa.run(func, env, ssa::Effort::Thorough, frequencies, output),
                backtracking.run(func, env, options.slot_layout, second),
            );
            let price = |output: &Output| {
                (cost::cost(func, &Machine::new(env), backtracking.flow(), output), output.num_spillslots)
            };
            match results {
                (Err(error), _) | (_, Err(error)) if !may_be_its_own(&error) => Err(error),
                (Ok(()), Ok(())) if price(second) >= price(output) => Ok(()),
                (_, Ok(())) => {
                    core::mem::swap(output, second);
                    Ok(())
                }
                (first, Err(_)) => first,
            }
        }
    };
    match result {
        Ok(()) => Ok(&context.output),
        Err(error @ (Error::Undefined { .. } | Error::ClassMismatch { inst: None, .. })) => {
            Err(more_precise(func, env, error))
        }
        Err(error) => Err(error),
    }
}

/// May the error be one that only one of two allocators makes? Whatever else is wrong is wrong for both, and what one that did not notice
/// has made of it is of no use.
fn may_be_its_own(error: &Error) -> bool {
    matches!(error, Error::TooManyLiveRegs { .. } | Error::TooLarge { .. })
}

/// An allocator notices that a value is live where it has not been defined, or is already known as one of another class; the
/// validator knows which use or definition makes it so.
#[cold]
fn more_precise(func: &impl Function, env: &MachineEnv, error: Error) -> Error {
    match check::validate(func, env) {
        Err(
            precise @ (Error::Undefined { .. }
            | Error::NotDominated { .. }
            | Error::ClassMismatch { .. }
            | Error::MultipleDefs { .. }),
        ) => precise,
        _ => error,
    }
}
