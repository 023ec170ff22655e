//! The figures as tables for people.

use super::figures::{AllocatorFigures, Figures, Ratios, Sums};
use crate::table::{self, short};
use std::fmt::Write;

const HEADER: [&str; 10] = ["", "", "time", "cost", "moves", "spills", "reloads", "slots", "heap", "worse"];

/// The tables, each line with its end.
pub(super) fn tables(figures: &Figures) -> String {
    let mut table = table::new(&HEADER, &[0, 1]);
    for file in &figures.files {
        for (line, allocator) in file.allocators.iter().enumerate() {
            let name = if line == 0 { file.file.as_str() } else { "" };
            let figures = match &allocator.ratios {
                None => absolute(&allocator.sums),
                Some(ratios) => relative(ratios),
            };
            table::add(&mut table, row(name, &label(allocator), figures));
        }
    }
    for (line, mean) in figures.means.iter().enumerate() {
        let name = if line == 0 { "geometric mean" } else { "" };
        table::add(&mut table, row(name, mean.allocator, relative(&mean.ratios)));
    }
    let mut text = table.trim_fmt() + "\n\n";
    let _ = writeln!(text, "Ion's rows: sums over the functions; times the best of {}.", figures.reps);
    text += "The others': ratios to Ion's. worse: functions that cost over 2 % + 2 more than with Ion.\n";
    if !figures.worst.is_empty() {
        let mut table = table::new(&["", "function", "", "cost", "Ion's"], &[0, 2]);
        for w in &figures.worst {
            let cells = [w.file.clone(), w.function.to_string(), w.allocator.to_owned(), short(w.cost), short(w.ion)];
            table::add(&mut table, cells);
        }
        text += "\n";
        text += &(table.trim_fmt() + "\n");
    }
    text
}

/// What the costs consist of, as shares of Ion's cost.
pub(super) fn parts(figures: &Figures) -> String {
    let mut table = table::new(&["", "", "cost", "moves", "stores", "loads", "operands", "saves"], &[0, 1]);
    for file in &figures.files {
        let ion = file.allocators.first().map_or(0.0, |ion| ion.sums.cost);
        for (line, allocator) in file.allocators.iter().enumerate() {
            let name = if line == 0 { file.file.as_str() } else { "" };
            let Sums { cost, parts, .. } = &allocator.sums;
            let shares = [*cost, parts.moves, parts.stores, parts.loads, parts.operands, parts.saves];
            let cells = shares.map(|share| if ion > 0.0 { format!("{:.3}", share / ion) } else { "-".into() });
            let label = label(allocator);
            table::add(&mut table, [name.to_owned(), label].into_iter().chain(cells));
        }
    }
    let mut text = table.trim_fmt() + "\n\n";
    text += "What costs consist of, as shares of Ion's cost: moves between registers, stores to and loads from the stack,\n";
    text += "operands on the stack, registers that are saved for the caller. Weighted by loop depth.\n";
    text
}

fn row(file: &str, allocator: &str, figures: [String; 8]) -> impl Iterator<Item = String> {
    [file.to_owned(), allocator.to_owned()].into_iter().chain(figures)
}

fn label(allocator: &AllocatorFigures) -> String {
    match allocator.failures {
        0 => allocator.allocator.to_owned(),
        n => format!("{} ({n} failed)", allocator.allocator),
    }
}

fn absolute(sums: &Sums) -> [String; 8] {
    let count = |n: u64| short(n as f64);
    [
        format!("{:.1} ms", sums.seconds * 1e3),
        short(sums.cost),
        count(sums.moves),
        count(sums.spills),
        count(sums.reloads),
        count(sums.slots),
        format!("{}B", short(sums.heap as f64)),
        String::new(),
    ]
}

fn relative(ratios: &Ratios) -> [String; 8] {
    let ratio = |ratio: Option<f64>| match ratio {
        None => "-".to_owned(),
        Some(ratio) if ratio < 0.9995 => format!("{ratio:.3}"),
        Some(ratio) => format!("{ratio:.2}"),
    };
    [
        ratio(ratios.time),
        ratio(ratios.cost),
        ratio(ratios.moves),
        ratio(ratios.spills),
        ratio(ratios.reloads),
        ratio(ratios.slots),
        ratio(ratios.heap),
        format!("{:.2} %", ratios.worse * 100.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::figures::{FileFigures, Mean, Worst};
    use super::*;
    use crate::cost::Parts;

    /// Figures whose every column is different, so that a column in the wrong place shows.
    fn figures() -> Figures {
        let ratios = |by: f64| Ratios {
            time: Some(0.1 * by),
            cost: Some(0.2 * by),
            moves: Some(0.3 * by),
            spills: Some(0.4 * by),
            reloads: None,
            slots: Some(6.0 * by),
            heap: Some(0.7 * by),
            max_heap: Some(0.8 * by),
            worse: 0.09 * by,
        };
        let sums = Sums {
            seconds: 0.0123,
            cost: 123_456.7,
            parts: Parts { moves: 3456.7, stores: 20_000.0, loads: 70_000.0, operands: 10_000.0, saves: 20_000.0 },
            moves: 1000,
            spills: 2000,
            reloads: 0,
            slots: 44_000,
            heap: 5_600_000,
            max_heap: 7_000_000,
        };
        let allocator =
            |allocator, failures, ratios| AllocatorFigures { allocator, failures, sums: sums.clone(), ratios };
        let allocators = vec![
            allocator("ion", 0, None),
            allocator("fastalloc", 0, Some(ratios(1.0))),
            allocator("thorough", 2, Some(ratios(2.0))),
        ];
        Figures {
            reps: 3,
            files: vec![FileFigures { file: "small.x64".into(), functions: 3, insts: 30, allocators }],
            means: vec![
                Mean { allocator: "fastalloc", ratios: ratios(1.0) },
                Mean { allocator: "thorough", ratios: ratios(2.0) },
            ],
            worst: vec![Worst {
                file: "small.x64".into(),
                function: 2,
                allocator: "thorough",
                cost: 12_345.0,
                ion: 99.0,
            }],
            faults: vec![],
        }
    }

    #[test]
    fn the_tables_as_people_read_them() {
        insta::assert_snapshot!(tables(&figures()));
    }

    #[test]
    fn what_costs_consist_of() {
        insta::assert_snapshot!(parts(&figures()));
    }

    #[test]
    fn the_figures_as_scripts_read_them() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&figures()).expect("figures can be written as JSON"));
    }
}
