//! `regatta convert`: between the text form and the corpus form.

use crate::args::ConvertArgs;
use crate::{Answer, input};
use anyhow::Result;
use regatta::Problem;

pub(crate) fn run(args: &ConvertArgs) -> Result<Answer> {
    let problems: Vec<Problem> =
        input::read_selected(&args.input, args.function)?.into_iter().map(|(_, problem)| problem).collect();
    input::write(&args.output, &problems)?;
    Ok(Answer::Yes)
}
