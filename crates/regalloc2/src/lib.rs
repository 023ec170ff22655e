//! The register allocator regatta behind the interface of regalloc2 0.15.
//!
//! A compiler that allocates registers with `regalloc2` uses regatta instead when its workspace says
//!
//! ```toml
//! [patch.crates-io]
//! regalloc2 = { path = "…/crates/regalloc2" }
//! ```
//!
//! and needs no change. [`Algorithm::Ion`] runs regatta's thorough setting, [`Algorithm::Fastalloc`] its quick one.
//!
//! # A thin face
//!
//! What a client hands in and gets back, from [`Operand`] to [`Edit`], are regatta's own types, which have the names, methods
//! and encodings that this interface asks for: nothing is converted on the way in or out. Of its own, this crate has what the
//! interface wants otherwise than regatta has it:
//!
//! | here | why |
//! |---|---|
//! | [`Function`] | regatta's trait can also tell how often blocks are executed; an adapter of no cost leads from one to the other |
//! | [`Output`] | its statistics have other names; the vectors in it are those that regatta filled |
//! | [`RegAllocError`] | regatta tells more kinds of error apart |
//! | [`Ctx`], [`RegallocOptions`], [`Algorithm`], [`run()`] | other names |
//! | [`checker`], [`ssa`] | regatta's checker and validator, driven in this interface's way |
//! | [`indexset`], [`define_index!`], `serialize`, `fuzzing` | tools that regatta has no use for |
//!
//! # Where it differs
//!
//! - Types have a few methods and traits more than the interface asks for. Some are `const fn` that need not be.
//! - `Display` and `Debug` of some types read differently.
//! - An instruction may have at most 4,095 operands.
//! - `PRegSet::add_up_to` adds, as it says; the other crate's also takes away what the set has of the register's class from there on.
//! - Operands that have no encoding are refused by their constructors in all builds.
//! - Statistics count what there is in this allocator; the others stay 0 (see [`Output::stats`]).
//! - The checker checks more: also the frame's layout and what is said for debuggers.
//! - The feature `fuzzing` makes random functions and tests both algorithms with them. The other crate's also tests two of its
//!   private parts (dominators and parallel moves), and makes random register classes, positions and constraints.
#![no_std]

extern crate alloc;
#[cfg(feature = "fuzzing")]
extern crate std;

mod cfg;
pub mod checker;
mod error;
mod function;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod index;
pub mod indexset;
mod listing;
mod output;
mod run;
#[cfg(feature = "enable-serde")]
pub mod serialize;
pub mod ssa;

pub use error::RegAllocError;
pub use function::Function;
pub use output::Output;
pub use regatta::ir::PRegSetIter;
pub use regatta::{
    Allocation, AllocationKind, Block, Edit, Inst, InstOrEdit, InstPosition, InstRange, MachineEnv, Operand,
    OperandConstraint, OperandKind, OperandPos, OutputIter, PReg, PRegSet, ProgPoint, RegClass, SpillSlot, VReg,
};
pub use run::{Algorithm, Ctx, RegallocOptions, run, run_with_ctx};
