//! `digest FILES…`: for each corpus file and each setting, a number of 64 bits that is the same wherever the same
//! allocations are made.
//!
//! An allocation depends on the function alone, not on the machine that the allocator runs on: nothing in it counts by the
//! width of a pointer, the order of bytes, addresses or hashes with a seed. Built for two machines, this shows it.

use regatta::{Algorithm, Context, FrequencyModel, Options, run_with_ctx};
use std::fmt::Write;
use std::hash::Hasher;
use twox_hash::XxHash64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut ctx = Context::default();
    for file in std::env::args().skip(1) {
        let problems = regatta_corpus::read_file(&file)?;
        for algorithm in [Algorithm::Thorough, Algorithm::Quick, Algorithm::Backtracking] {
            for frequencies in [FrequencyModel::LoopDepth, FrequencyModel::Estimated] {
                let options = Options { algorithm, frequencies, ..Options::default() };
                let mut digest = XxHash64::with_seed(0);
                let mut text = String::new();
                for problem in &problems {
                    run_with_ctx(&problem.func, &problem.env, &options, &mut ctx)?;
                    text.clear();
                    write!(text, "{:?}", ctx.output)?;
                    digest.write(text.as_bytes());
                }
                println!("{:016x} {file} {algorithm:?} {frequencies:?}", digest.finish());
            }
        }
    }
    Ok(())
}
