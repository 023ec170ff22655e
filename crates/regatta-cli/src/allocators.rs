//! The allocators that the benchmark compares, behind one face.

use anyhow::{Result, anyhow};
use regatta::{Algorithm, Context, FrequencyModel, Options, Output, Problem};
use regatta_compare::flat::Flat;
use regatta_compare::panics::caught;
use regatta_compare::ra2::{self, Adapter, Ctx, RegallocOptions};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// An allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allocator {
    /// regalloc2's default algorithm.
    Ion,
    /// regalloc2's fast algorithm.
    Fastalloc,
    /// One of ours.
    Ours(Algorithm),
}

impl Allocator {
    /// regalloc2's, Ion first, then ours.
    pub(crate) fn all() -> Vec<Self> {
        let ours = Algorithm::ALL.into_iter().map(Self::Ours);
        [Self::Ion, Self::Fastalloc].into_iter().chain(ours).collect()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ion => "ion",
            Self::Fastalloc => "fastalloc",
            Self::Ours(algorithm) => algorithm.name(),
        }
    }
}

/// A problem as both libraries take it: the same layout for both.
pub(crate) struct Prepared<'a> {
    pub(crate) problem: &'a Problem,
    our_func: Flat<'a>,
    their_func: Adapter<'a>,
    their_env: ra2::regalloc2::MachineEnv,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(problem: &'a Problem) -> Self {
        let func = &problem.func;
        let their_env = ra2::machine_env(&problem.env);
        Self { problem, our_func: Flat::new(func), their_func: Adapter::new(func), their_env }
    }
}

/// An allocator with the storage that it keeps from function to function.
pub(crate) struct Runner {
    pub(crate) allocator: Allocator,
    storage: Storage,
}

/// What an allocator keeps from function to function. (On the heap, so that all of it is measured.)
enum Storage {
    Ours(Options, Box<Context>),
    Theirs(ra2::Algorithm, Box<Ctx>),
}

impl Runner {
    pub(crate) fn new(allocator: Allocator) -> Self {
        let storage = match allocator {
            Allocator::Ours(algorithm) => Storage::Ours(Options { algorithm, ..Options::default() }, Box::default()),
            Allocator::Ion => Storage::Theirs(ra2::Algorithm::Ion, Box::default()),
            Allocator::Fastalloc => Storage::Theirs(ra2::Algorithm::Fastalloc, Box::default()),
        };
        Self { allocator, storage }
    }

    /// The same with frequencies estimated, if the allocator is ours.
    pub(crate) fn estimated(mut self) -> Self {
        if let Storage::Ours(options, _) = &mut self.storage {
            options.frequencies = FrequencyModel::Estimated;
        }
        self
    }

    /// Allocates once and says how long it took. An allocator that panics has failed, and starts afresh.
    pub(crate) fn allocate(&mut self, prepared: &Prepared<'_>) -> Result<Duration> {
        let Prepared { problem, our_func, their_func, their_env } = prepared;
        let attempt = caught(|| match &mut self.storage {
            Storage::Ours(options, context) => {
                let start = Instant::now();
                let result = black_box(regatta::run_with_ctx(our_func, &problem.env, options, context));
                let time = start.elapsed();
                result.map(|_| time).map_err(|error| anyhow!("{error}"))
            }
            Storage::Theirs(algorithm, context) => {
                let options = RegallocOptions { algorithm: *algorithm, ..RegallocOptions::default() };
                let start = Instant::now();
                let result = black_box(ra2::regalloc2::run_with_ctx(their_func, their_env, &options, context));
                let time = start.elapsed();
                result.map(|_| time).map_err(|error| anyhow!("{error:?}"))
            }
        });
        attempt.unwrap_or_else(|words| {
            match &mut self.storage {
                Storage::Ours(_, context) => **context = Context::default(),
                Storage::Theirs(_, context) => **context = Ctx::default(),
            }
            Err(anyhow!("it panics: {words}"))
        })
    }

    /// The result of the last run, in our vocabulary.
    pub(crate) fn output(&self) -> Output {
        match &self.storage {
            Storage::Ours(_, context) => context.output.clone(),
            Storage::Theirs(_, context) => ra2::our_output(&context.output),
        }
    }
}
