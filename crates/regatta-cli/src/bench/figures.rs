//! From what was measured to the figures that are printed: sums over functions, ratios to Ion, means over files.

use super::measure::{FileRun, Sample};
use crate::allocators::Allocator;
use crate::args::BenchArgs;
use crate::cost::Parts;
use serde::Serialize;

/// Everything that the benchmark prints.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// The runs of which each time is the best.
    pub(super) reps: u32,
    pub(super) files: Vec<FileFigures>,
    /// Geometric means over the files.
    pub(super) means: Vec<Mean>,
    /// The functions whose cost is the most above Ion's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) worst: Vec<Worst>,
    /// What checkers object to, and what cannot be allocated.
    pub(super) faults: Vec<String>,
}

/// The figures of a file.
#[derive(Debug, Serialize)]
pub(super) struct FileFigures {
    pub(super) file: String,
    pub(super) functions: usize,
    pub(super) insts: usize,
    pub(super) allocators: Vec<AllocatorFigures>,
}

/// How an allocator did on the functions of a file.
#[derive(Debug, Serialize)]
pub(super) struct AllocatorFigures {
    pub(super) allocator: &'static str,
    /// Functions that it could not allocate. The sums are of the others.
    pub(super) failures: usize,
    pub(super) sums: Sums,
    /// Ratios to Ion on the functions that both allocate; none for Ion itself.
    pub(super) ratios: Option<Ratios>,
}

/// Sums over the functions of a file.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Sums {
    pub(super) seconds: f64,
    pub(super) cost: f64,
    /// What the cost consists of.
    pub(super) parts: Parts,
    pub(super) moves: u64,
    pub(super) spills: u64,
    pub(super) reloads: u64,
    pub(super) slots: u64,
    /// Bytes: the peaks of the functions, summed.
    pub(super) heap: u64,
    /// Bytes: the highest peak of any function.
    pub(super) max_heap: u64,
}

/// An allocator's sums over Ion's; none where Ion's sum is 0.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Ratios {
    pub(super) time: Option<f64>,
    pub(super) cost: Option<f64>,
    pub(super) moves: Option<f64>,
    pub(super) spills: Option<f64>,
    pub(super) reloads: Option<f64>,
    pub(super) slots: Option<f64>,
    pub(super) heap: Option<f64>,
    pub(super) max_heap: Option<f64>,
    /// The share of functions that cost over 2 % + 2 more than Ion's.
    pub(super) worse: f64,
}

/// An allocator's ratios, as geometric means over the files (`worse`: over all functions).
#[derive(Debug, Serialize)]
pub(super) struct Mean {
    pub(super) allocator: &'static str,
    pub(super) ratios: Ratios,
}

/// A function that costs more than with Ion.
#[derive(Debug, Serialize)]
pub(super) struct Worst {
    pub(super) file: String,
    pub(super) function: usize,
    pub(super) allocator: &'static str,
    pub(super) cost: f64,
    pub(super) ion: f64,
}

impl Sums {
    fn add(&mut self, sample: &Sample) {
        self.seconds += sample.time.as_secs_f64();
        self.cost += sample.cost.total;
        self.parts += sample.cost.parts;
        self.moves += sample.cost.moves;
        self.spills += sample.cost.spills;
        self.reloads += sample.cost.reloads;
        self.slots += sample.cost.slots;
        self.heap += sample.heap as u64;
        self.max_heap = self.max_heap.max(sample.heap as u64);
    }

    fn ratios(&self, ion: &Self, worse: f64) -> Ratios {
        let ratio = |mine: f64, ions: f64| (ions > 0.0).then(|| mine / ions);
        let count = |mine: u64, ions: u64| ratio(mine as f64, ions as f64);
        Ratios {
            time: ratio(self.seconds, ion.seconds),
            cost: ratio(self.cost, ion.cost),
            moves: count(self.moves, ion.moves),
            spills: count(self.spills, ion.spills),
            reloads: count(self.reloads, ion.reloads),
            slots: count(self.slots, ion.slots),
            heap: count(self.heap, ion.heap),
            max_heap: count(self.max_heap, ion.max_heap),
            worse,
        }
    }
}

/// The figures of all files.
pub(super) fn all(runs: &[FileRun], args: &BenchArgs) -> Figures {
    let files: Vec<_> = runs.iter().map(of_file).collect();
    let faults = runs.iter().flat_map(|run| &run.faults).map(ToString::to_string).collect();
    Figures { reps: args.reps, means: means(&files, runs), files, worst: worst(runs, args.worst), faults }
}

fn of_file(run: &FileRun) -> FileFigures {
    let allocators = Allocator::all().into_iter().enumerate().map(|(column, allocator)| {
        let mut sums = Sums::default();
        let (mut both, mut ion_both) = (Sums::default(), Sums::default());
        for function in &run.functions {
            let Some(sample) = &function.samples[column] else { continue };
            sums.add(sample);
            if let Some(ion) = &function.samples[0] {
                both.add(sample);
                ion_both.add(ion);
            }
        }
        let failures = run.functions.iter().filter(|f| f.samples[column].is_none()).count();
        let (worse, compared) = worse(run, column);
        let ratios = (column > 0).then(|| both.ratios(&ion_both, share(worse, compared)));
        AllocatorFigures { allocator: allocator.name(), failures, sums, ratios }
    });
    FileFigures {
        file: run.name.clone(),
        functions: run.functions.len(),
        insts: run.insts,
        allocators: allocators.collect(),
    }
}

/// How many functions cost over 2 % + 2 more than with Ion, and how many both allocate.
fn worse(run: &FileRun, column: usize) -> (usize, usize) {
    let costs = run.functions.iter().filter_map(|f| Some((f.samples[column]?.cost.total, f.samples[0]?.cost.total)));
    costs.fold((0, 0), |(worse, all), (cost, ion)| (worse + usize::from(cost > 1.02 * ion + 2.0), all + 1))
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn means(files: &[FileFigures], runs: &[FileRun]) -> Vec<Mean> {
    let compared = Allocator::all().into_iter().enumerate().skip(1);
    let means = compared.map(|(column, allocator)| {
        let ratios: Vec<&Ratios> = files.iter().filter_map(|f| f.allocators[column].ratios.as_ref()).collect();
        let mean = |pick: fn(&Ratios) -> Option<f64>| geometric_mean(ratios.iter().filter_map(|r| pick(r)));
        let counts = runs.iter().map(|run| worse(run, column));
        let (worse, all) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let ratios = Ratios {
            time: mean(|r| r.time),
            cost: mean(|r| r.cost),
            moves: mean(|r| r.moves),
            spills: mean(|r| r.spills),
            reloads: mean(|r| r.reloads),
            slots: mean(|r| r.slots),
            heap: mean(|r| r.heap),
            max_heap: mean(|r| r.max_heap),
            worse: share(worse, all),
        };
        Mean { allocator: allocator.name(), ratios }
    });
    means.collect()
}

/// The geometric mean; none of nothing, and none when a value is 0.
pub(crate) fn geometric_mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0);
    for value in values {
        if value <= 0.0 {
            return None;
        }
        sum += value.ln();
        count += 1;
    }
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

/// The `count` allocations of ours whose cost is the most above Ion's, the worst first.
fn worst(runs: &[FileRun], count: usize) -> Vec<Worst> {
    let mut worst = Vec::new();
    for run in runs {
        for function in &run.functions {
            let Some(ion) = &function.samples[0] else { continue };
            for (allocator, sample) in Allocator::all().into_iter().zip(&function.samples) {
                let (Allocator::Ours(_), Some(sample)) = (allocator, sample) else { continue };
                let (cost, ion) = (sample.cost.total, ion.cost.total);
                if cost > ion {
                    let (file, function) = (run.name.clone(), function.number);
                    worst.push(Worst { file, function, allocator: allocator.name(), cost, ion });
                }
            }
        }
    }
    worst.sort_by(|a, b| (b.cost - b.ion).total_cmp(&(a.cost - a.ion)));
    worst.truncate(count);
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_geometric_mean_is_one_of_ratios() {
        let mean = geometric_mean([0.5, 2.0].into_iter()).expect("there are values");
        assert!((mean - 1.0).abs() < 1e-12);
        assert_eq!(geometric_mean([].into_iter()), None);
        assert_eq!(geometric_mean([0.0, 2.0].into_iter()), None);
    }
}
