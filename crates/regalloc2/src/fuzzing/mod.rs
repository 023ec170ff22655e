//! Random functions, to test allocators with.
//!
//! A fuzzer's bytes become a [`func::Func`] that can be allocated, on the machine of [`func::machine_env`]; [`ion::check`] and
//! [`fastalloc::check`] allocate it and have the checker look at the result.

pub mod func;
mod graph;

/// Tests [`crate::Algorithm::Ion`].
pub mod ion {
    pub use super::case::TestCase;

    /// Allocates the function in storage that has served before, and panics unless the checker accepts the result.
    pub fn check(t: TestCase) {
        t.check(crate::Algorithm::Ion);
    }
}

/// Tests [`crate::Algorithm::Fastalloc`].
pub mod fastalloc {
    pub use super::case::TestCase;

    /// Allocates the function in storage that has served before, and panics unless the checker accepts the result.
    pub fn check(t: TestCase) {
        t.check(crate::Algorithm::Fastalloc);
    }
}

mod case {
    use super::func::{Func, Options, machine_env};
    use crate::checker::Checker;
    use crate::{Algorithm, Ctx, RegallocOptions, run_with_ctx};
    use arbitrary::{Arbitrary, Result, Unstructured};
    use std::cell::RefCell;
    use std::thread_local;

    /// A function with operands of every kind, and how to allocate it.
    #[derive(Clone, Debug)]
    pub struct TestCase {
        func: Func,
        verbose_log: bool,
        validate_ssa: bool,
    }

    impl Arbitrary<'_> for TestCase {
        fn arbitrary(u: &mut Unstructured<'_>) -> Result<Self> {
            let everything = Options {
                reused_inputs: true,
                fixed_regs: true,
                fixed_nonallocatable: true,
                clobbers: true,
                reftypes: true,
                callsite_ish_constraints: true,
                ..Options::DEFAULT
            };
            let (verbose_log, validate_ssa) = (u.arbitrary()?, u.arbitrary()?);
            Ok(Self { func: Func::arbitrary_with_options(u, &everything)?, verbose_log, validate_ssa })
        }
    }

    thread_local! {
        static CTX: RefCell<Ctx> = RefCell::default();
    }

    impl TestCase {
        pub(super) fn check(&self, algorithm: Algorithm) {
            let (func, env) = (&self.func, machine_env());
            let (verbose_log, validate_ssa) = (self.verbose_log, self.validate_ssa);
            let options = RegallocOptions { verbose_log, validate_ssa, algorithm };
            CTX.with_borrow_mut(|ctx| {
                let output = run_with_ctx(func, &env, &options, ctx).expect("the function can be allocated");
                let mut checker = Checker::new(func, &env);
                checker.prepare(output);
                checker.run().expect("the allocation is right");
            });
        }
    }
}
