//! Running the allocator.

use crate::function::Adapter;
use crate::listing;
use crate::{Function, MachineEnv, Output, RegAllocError, ssa};
use alloc::boxed::Box;

/// Which allocator to run.
#[derive(Clone, Copy, Debug, Default)]
pub enum Algorithm {
    /// For good code: [`regatta::Algorithm::Thorough`].
    #[default]
    Ion,
    /// For short compile times: [`regatta::Algorithm::Quick`].
    Fastalloc,
}

/// How to allocate.
#[derive(Clone, Copy, Debug, Default)]
pub struct RegallocOptions {
    /// List the allocation in the log, at level info.
    pub verbose_log: bool,
    /// See whether the function is in SSA form, and well-formed, before allocating. Without it, the allocator reports only
    /// what it meets.
    pub validate_ssa: bool,
    /// Which allocator to run.
    pub algorithm: Algorithm,
}

/// Storage kept from one function to the next.
#[derive(Default)]
pub struct Ctx {
    /// The result of the last run. It may be taken away; the next run fills another.
    pub output: Output,
    /// (In a box, since compilers keep this among much else, and move all of it about for every function.)
    inner: Box<regatta::Context>,
}

/// Allocates registers for a function.
///
/// # Errors
///
/// If the function cannot be allocated.
pub fn run<F: Function>(func: &F, env: &MachineEnv, options: &RegallocOptions) -> Result<Output, RegAllocError> {
    let mut ctx = Ctx::default();
    run_with_ctx(func, env, options, &mut ctx)?;
    Ok(ctx.output)
}

/// Allocates registers for a function, in storage that is kept from one function to the next. The result is also in
/// [`Ctx::output`].
///
/// # Errors
///
/// If the function cannot be allocated.
pub fn run_with_ctx<'a, F: Function>(
    func: &F,
    env: &MachineEnv,
    options: &RegallocOptions,
    ctx: &'a mut Ctx,
) -> Result<&'a Output, RegAllocError> {
    if options.validate_ssa {
        ssa::validate(func)?;
    }
    let algorithm = match options.algorithm {
        Algorithm::Ion => regatta::Algorithm::Thorough,
        Algorithm::Fastalloc => regatta::Algorithm::Quick,
    };
    // The interface has no way to tell how often blocks are executed.
    let frequencies = regatta::FrequencyModel::Estimated;
    let options_inside = regatta::Options { algorithm, frequencies, ..regatta::Options::default() };
    let Ctx { output, inner } = ctx;
    // Regatta fills the vectors that the client sees.
    output.swap_storage(&mut inner.output);
    let result = regatta::run_with_ctx(&Adapter(func), env, &options_inside, inner).map(|_| ());
    output.swap_storage(&mut inner.output);
    result.map_err(|error| RegAllocError::while_allocating(error, func))?;
    output.num_spillslots = inner.output.num_spillslots;
    output.stats = (&inner.output.stats).into();
    listing::log(func, output, options.verbose_log);
    Ok(output)
}
