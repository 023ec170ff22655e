//! What the face adds to a run. Every function of the given corpus files is allocated by way of it and directly, in turn. Of the
//! best times, it prints the sums, and the median over the functions of their ratio, which other work on the machine disturbs
//! less.
//!
//! ```text
//! cd crates/regalloc2 && cargo run --release --example overhead -- [--reps N] FILE.raf.zst…
//! ```
//!
//! Without files, it takes the repository's corpus.

#[path = "../tests/support/mod.rs"]
mod support;

use regalloc2::{Algorithm, Ctx, RegallocOptions};
use regatta::{Context, Options, Problem};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};
use support::{Client, corpus};

const ALGORITHMS: [(Algorithm, regatta::Algorithm); 2] =
    [(Algorithm::Ion, regatta::Algorithm::Thorough), (Algorithm::Fastalloc, regatta::Algorithm::Quick)];

/// The best times of each function, in seconds: by way of the face, and directly.
type Times = Vec<(f64, f64)>;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut reps, mut files) = (11, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--reps" => reps = args.next().ok_or("--reps needs a number")?.parse()?,
            _ => files.push((arg.clone(), regatta_corpus::read_file(&arg).map_err(|e| format!("{arg}: {e}"))?)),
        }
    }
    if files.is_empty() {
        files = corpus();
    }
    for (algorithm, inside) in ALGORITHMS {
        println!("{algorithm:?}, best of {reps} runs                 face       direct    sum    median");
        let mut all = Times::new();
        for (name, problems) in &files {
            let times = measure(problems, algorithm, inside, reps)?;
            print(name.rsplit('/').next().unwrap_or(name), &times);
            all.extend(times);
        }
        print("all", &all);
    }
    Ok(())
}

fn print(name: &str, times: &Times) {
    let face: f64 = times.iter().map(|time| time.0).sum();
    let direct: f64 = times.iter().map(|time| time.1).sum();
    let mut ratios: Vec<f64> = times.iter().map(|time| time.0 / time.1).collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or(1.0);
    let percent = |ratio: f64| 100.0 * (ratio - 1.0);
    let (sum, median) = (percent(face / direct), percent(median));
    println!("{name:24} {:9.2} ms {:9.2} ms {sum:+6.2} % {median:+6.2} %", 1e3 * face, 1e3 * direct);
}

fn measure(
    problems: &[Problem],
    algorithm: Algorithm,
    inside: regatta::Algorithm,
    reps: u32,
) -> Result<Times, Box<dyn Error>> {
    let options = RegallocOptions { algorithm, ..RegallocOptions::default() };
    let frequencies = regatta::FrequencyModel::Estimated;
    let options_inside = Options { algorithm: inside, frequencies, ..Options::default() };
    let (mut ctx, mut context) = (Ctx::default(), Context::default());
    let mut times = Times::with_capacity(problems.len());
    for problem in problems {
        let client = Client(&problem.func);
        let (mut face, mut direct) = (Duration::MAX, Duration::MAX);
        for rep in 0..2 * reps {
            let start = Instant::now();
            // In turn, so that what disturbs the machine disturbs both.
            if rep % 2 == 0 {
                black_box(regalloc2::run_with_ctx(&client, &problem.env, &options, &mut ctx)?);
                face = face.min(start.elapsed());
            } else {
                black_box(regatta::run_with_ctx(&client, &problem.env, &options_inside, &mut context)?);
                direct = direct.min(start.elapsed());
            }
        }
        times.push((face.as_secs_f64(), direct.as_secs_f64()));
    }
    Ok(times)
}
