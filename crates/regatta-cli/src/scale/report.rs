//! Growth as tables for people and as figures for scripts.

use super::{Case, Ending, Subject, fit};
use crate::table;
use regatta_testing::families::Family;
use serde::Serialize;
use std::fmt::Write;

/// One subject on one family, at growing sizes.
#[derive(Debug, Serialize)]
pub(super) struct Series {
    family: &'static str,
    allocator: &'static str,
    time_exponent: Option<f64>,
    heap_exponent: Option<f64>,
    cases: Vec<Case>,
    /// The size at which it was stopped.
    stopped_at: Option<usize>,
    failed_at: Option<(usize, String)>,
    #[serde(skip)]
    is_ours: bool,
}

impl Series {
    pub(super) fn new(family: Family, subject: Subject) -> Self {
        Self {
            family: family.name(),
            allocator: subject.name(),
            time_exponent: None,
            heap_exponent: None,
            cases: Vec::new(),
            stopped_at: None,
            failed_at: None,
            is_ours: subject.is_ours(),
        }
    }

    /// Has everything so far come to an end in time?
    pub(super) fn goes_on(&self) -> bool {
        self.stopped_at.is_none() && self.failed_at.is_none()
    }

    pub(super) fn add(&mut self, size: usize, ending: Ending) {
        match ending {
            Ending::Done(case) => {
                self.cases.push(case);
                self.time_exponent = fit::exponent(self.cases.iter().map(|c| (c.insts as f64, c.seconds)));
                self.heap_exponent = fit::exponent(self.cases.iter().map(|c| (c.insts as f64, c.heap as f64)));
            }
            Ending::Failed(why) => self.failed_at = Some((size, why)),
            Ending::Stopped => self.stopped_at = Some(size),
        }
    }

    /// What is wrong with it: family, subject, and why. What another project's allocator does is shown, and no failure of this command.
    pub(super) fn failures(&self, steepest: Option<f64>) -> Option<(&'static str, &'static str, String)> {
        let steep = || self.time_exponent.zip(steepest).filter(|(exponent, most)| exponent > most);
        let why = match (&self.failed_at, steep()) {
            (Some((size, why)), _) => format!("size {size}: {why}"),
            (None, Some((exponent, _))) => format!("time grows by the power of {exponent:.2}"),
            (None, None) => return None,
        };
        self.is_ours.then_some((self.family, self.allocator, why))
    }

    /// How it ended, if not with the largest size.
    fn end(&self) -> String {
        match (&self.failed_at, self.stopped_at) {
            (Some((size, _)), _) => format!("fails at {size}"),
            (None, Some(size)) => format!("stopped at {size}"),
            (None, None) => String::new(),
        }
    }
}

/// Exponents by family and allocator; with `all`, every size.
pub(super) fn tables(series: &[Series], all: bool) -> String {
    let header = ["family", "allocator", "time", "heap", "insts", "ns/inst", "B/inst", "time : Ion's", ""];
    let mut table = table::new(&header, &[0, 1, 8]);
    for (n, one) in series.iter().enumerate() {
        let family = if n == 0 || series[n - 1].family != one.family { one.family } else { "" };
        let ion = series.iter().find(|other| other.family == one.family && other.allocator == Subject::ION.name());
        let exponent = |exponent: Option<f64>| exponent.map_or("-".to_owned(), |e| format!("{e:.2}"));
        let last = one.cases.last().map_or([const { String::new() }; 3], figures);
        let worst = if one.allocator == Subject::ION.name() { None } else { worst_ratio(one, ion) };
        let [insts, time, heap] = last;
        let cells = [
            family.to_owned(),
            one.allocator.to_owned(),
            exponent(one.time_exponent),
            exponent(one.heap_exponent),
            insts,
            time,
            heap,
            worst.map_or(String::new(), |ratio| format!("{ratio:.2}")),
            one.end(),
        ];
        table::add(&mut table, cells);
        for case in one.cases.iter().filter(|_| all) {
            let [insts, time, heap] = figures(case);
            let blank = String::new;
            table::add(&mut table, [blank(), blank(), blank(), blank(), insts, time, heap, blank(), blank()]);
        }
    }
    let mut text = table.trim_fmt() + "\n\n";
    let _ = writeln!(
        text,
        "time, heap: exponents of growth. insts, ns/inst, B/inst: the largest size that came to an end."
    );
    text += "time : Ion's: the worst ratio to regalloc2's Ion, over the sizes that both came to an end with.\n";
    text
}

fn figures(case: &Case) -> [String; 3] {
    let insts = case.insts as f64;
    [case.insts.to_string(), format!("{:.0}", case.seconds * 1e9 / insts), format!("{:.0}", case.heap as f64 / insts)]
}

fn worst_ratio(one: &Series, ion: Option<&Series>) -> Option<f64> {
    let theirs = &ion?.cases;
    let ratio = |case: &Case| theirs.iter().find(|other| other.size == case.size).map(|o| case.seconds / o.seconds);
    one.cases.iter().filter_map(ratio).reduce(f64::max)
}
