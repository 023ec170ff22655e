//! What the face adds to a run: every function of the given corpus files is allocated by way of it and directly, in turn, and the
//! best times are summed.
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

/// Seconds by way of the face, and directly.
#[derive(Clone, Copy, Default)]
struct Sums {
    face: f64,
    direct: f64,
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, more: Self) {
        self.face += more.face;
        self.direct += more.direct;
    }
}

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
        println!(
            "{algorithm:?}, best of {reps} runs of each function, summed: by way of the face, directly, and what the face adds"
        );
        let mut all = Sums::default();
        for (name, problems) in &files {
            let sums = measure(problems, algorithm, inside, reps)?;
            print(name.rsplit('/').next().unwrap_or(name), sums);
            all += sums;
        }
        print("all", all);
    }
    Ok(())
}

fn print(name: &str, Sums { face, direct }: Sums) {
    println!("{name:24} {:9.2} ms {:9.2} ms {:+6.2} %", 1e3 * face, 1e3 * direct, 100.0 * (face / direct - 1.0));
}

fn measure(
    problems: &[Problem],
    algorithm: Algorithm,
    inside: regatta::Algorithm,
    reps: u32,
) -> Result<Sums, Box<dyn Error>> {
    let options = RegallocOptions { algorithm, ..RegallocOptions::default() };
    let options_inside = Options { algorithm: inside, ..Options::default() };
    let (mut ctx, mut context) = (Ctx::default(), Context::default());
    let mut sums = Sums::default();
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
        sums += Sums { face: face.as_secs_f64(), direct: direct.as_secs_f64() };
    }
    Ok(sums)
}
