//! What is measured: allocators, allocators by other frequencies, and the checker.

use crate::allocators::{Allocator, Prepared, Runner};
use anyhow::Result;
use regatta::{Algorithm, check};

/// Something whose time and heap may grow faster than the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Allocator(Allocator),
    /// The thorough setting, which decides other things by estimated frequencies.
    Estimated,
    /// The checker, given what the thorough setting makes.
    Checker,
}

impl Subject {
    pub(crate) const ION: Self = Self::Allocator(Allocator::Ion);

    /// The allocators, and what else can be measured.
    pub(crate) fn all() -> Vec<Self> {
        let allocators = Allocator::all().into_iter().map(Self::Allocator);
        allocators.chain([Self::Estimated, Self::Checker]).collect()
    }

    /// All but `best`, which is two of them.
    pub(super) fn usual() -> Vec<Self> {
        Self::all()
            .into_iter()
            .filter(|&subject| subject != Self::Allocator(Allocator::Ours(Algorithm::Best)))
            .collect()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allocator(allocator) => allocator.name(),
            Self::Estimated => "estimated",
            Self::Checker => "checker",
        }
    }

    /// Is it this project's, so that its failures are?
    pub(super) fn is_ours(self) -> bool {
        !matches!(self, Self::Allocator(Allocator::Ion | Allocator::Fastalloc))
    }
}

/// A subject that has been given a function.
pub(super) struct Work<'a> {
    subject: Subject,
    prepared: &'a Prepared<'a>,
    runner: Runner,
    /// What the checker is given.
    output: regatta::Output,
}

impl<'a> Work<'a> {
    /// Gets ready, with what is not measured.
    pub(super) fn new(subject: Subject, prepared: &'a Prepared<'a>) -> Result<Self> {
        let thorough = Allocator::Ours(Algorithm::Thorough);
        let mut runner = match subject {
            Subject::Allocator(allocator) => Runner::new(allocator),
            Subject::Estimated => Runner::new(thorough).estimated(),
            Subject::Checker => Runner::new(thorough),
        };
        let mut output = regatta::Output::default();
        if subject == Subject::Checker {
            runner.allocate(prepared)?;
            output = runner.output();
        }
        Ok(Self { subject, prepared, runner, output })
    }

    /// Does once what is measured.
    pub(super) fn run(&mut self) -> Result<()> {
        match self.subject {
            Subject::Checker => self.check(&self.output),
            _ => self.runner.allocate(self.prepared).map(|_| ()),
        }
    }

    /// Is what an allocator of ours made right?
    pub(super) fn verify(&self) -> Result<()> {
        match self.subject {
            Subject::Checker => Ok(()),
            subject if subject.is_ours() => self.check(&self.runner.output()),
            _ => Ok(()),
        }
    }

    fn check(&self, output: &regatta::Output) -> Result<()> {
        let problem = self.prepared.problem;
        check::check(&problem.func, &problem.env, output).map_err(|faults| anyhow::anyhow!("{faults}"))
    }
}
