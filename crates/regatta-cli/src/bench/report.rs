//! The figures as tables for people.

use super::figures::{AllocatorFigures, Figures, Ratios, Sums};
use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Row, Table};
use std::fmt::Write;

const HEADER: [&str; 10] = ["", "", "time", "cost", "moves", "spills", "reloads", "slots", "heap", "worse"];

/// The tables, each line with its end.
pub(super) fn tables(figures: &Figures) -> String {
    let mut table = new_table(&HEADER);
    for file in &figures.files {
        for (line, allocator) in file.allocators.iter().enumerate() {
            let name = if line == 0 { file.file.as_str() } else { "" };
            let figures = match &allocator.ratios {
                None => absolute(&allocator.sums),
                Some(ratios) => relative(ratios),
            };
            table.add_row(row(name, &label(allocator), figures));
        }
    }
    for (line, mean) in figures.means.iter().enumerate() {
        let name = if line == 0 { "geometric mean" } else { "" };
        table.add_row(row(name, mean.allocator, relative(&mean.ratios)));
    }
    let mut text = table.trim_fmt() + "\n\n";
    let _ = writeln!(text, "Ion's rows: sums over the functions; times the best of {}.", figures.reps);
    text += "The others': ratios to Ion's. worse: functions that cost over 2 % + 2 more than with Ion.\n";
    if !figures.worst.is_empty() {
        let mut table = new_table(&["", "function", "", "cost", "Ion's"]);
        for w in &figures.worst {
            let cells = [w.file.clone(), w.function.to_string(), w.allocator.to_owned(), short(w.cost), short(w.ion)];
            table.add_row(aligned(cells));
        }
        text += "\n";
        text += &(table.trim_fmt() + "\n");
    }
    text
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(aligned(header.iter().map(ToString::to_string)));
    table
}

/// Names to the left, figures to the right.
fn aligned(cells: impl IntoIterator<Item = String>) -> Row {
    let cells = cells.into_iter().enumerate().map(|(column, text)| {
        let names = column == 0 || text.starts_with(|c: char| c.is_ascii_alphabetic()) && column < 3;
        Cell::new(text).set_alignment(if names { CellAlignment::Left } else { CellAlignment::Right })
    });
    Row::from(cells.collect::<Vec<_>>())
}

fn row(file: &str, allocator: &str, figures: [String; 8]) -> Row {
    aligned([file.to_owned(), allocator.to_owned()].into_iter().chain(figures))
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

/// A number in at most four digits and a unit.
fn short(number: f64) -> String {
    let units = [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)];
    let fits = |&&(_, unit): &&(&str, f64)| number.abs() < unit * 1e4;
    let (name, unit) = *units.iter().find(fits).unwrap_or(&("P", 1e15));
    format!("{:.0}{name}", number / unit)
}
