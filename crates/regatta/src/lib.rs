//! A register allocator.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[allow(dead_code, reason = "the allocators that read it are being built")]
mod cfg;
pub mod check;
pub mod error;
pub mod ir;
mod live;
#[allow(dead_code, reason = "the allocators that use it are being built")]
mod moves;
pub mod output;
mod slots;
mod ssa;
#[cfg(feature = "text")]
pub mod text;

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
#[non_exhaustive]
pub enum Algorithm {
    /// The SSA allocator, which allocates a loop nest again where the first attempt shows how to do better.
    #[default]
    Thorough,
    /// The SSA allocator in one forward pass.
    Quick,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::Thorough, Self::Quick];

    /// The name that a command line knows the algorithm by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thorough => "thorough",
            Self::Quick => "quick",
        }
    }
}

/// How to allocate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Which allocator to run.
    pub algorithm: Algorithm,
    /// Look for everything that can be wrong with the input first ([`check::validate`]). Without it, the allocator
    /// reports only what it meets, and wrong input may give a wrong answer.
    pub validate: bool,
}

/// Storage kept between functions.
#[derive(Debug, Default)]
pub struct Context {
    /// The result of the last run.
    pub output: Output,
    ssa: ssa::SsaAllocator,
}

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
    }
    let effort = match options.algorithm {
        Algorithm::Thorough => ssa::Effort::Thorough,
        Algorithm::Quick => ssa::Effort::Quick,
    };
    context.ssa.run(func, env, effort, &mut context.output)?;
    Ok(&context.output)
}
