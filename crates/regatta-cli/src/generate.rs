//! `regatta gen`: a function of a family that hurts allocators.

use crate::args::GenArgs;
use crate::{Answer, input};
use anyhow::Result;

pub(crate) fn run(args: &GenArgs) -> Result<Answer> {
    input::write(&args.output, &[args.family.make(args.size)])?;
    Ok(Answer::Yes)
}
