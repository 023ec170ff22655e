//! `regatta convert`: between the text form and the corpus form.

use crate::args::ConvertArgs;
use crate::{Answer, input};
use anyhow::Result;
use regatta::Problem;

pub(crate) fn run(args: &ConvertArgs) -> Result<Answer> {
    let problems: Vec<Problem> = match args.function {
        // A file without functions has a form too.
        None => input::read(&args.input)?,
        function => input::read_selected(&args.input, function)?.into_iter().map(|(_, problem)| problem).collect(),
    };
    input::write(&args.output, &problems)?;
    Ok(Answer::Yes)
}
