//! Tables that look the same in every terminal: no colours, no wrapping.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

/// A table with these headings. The columns listed in `names` are set to the left, as names are; figures go to the right.
pub(crate) fn new(header: &[&str], names: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(Cell::new));
    for (index, column) in table.column_iter_mut().enumerate() {
        let left = names.contains(&index);
        column.set_cell_alignment(if left { CellAlignment::Left } else { CellAlignment::Right });
    }
    table
}

/// Adds a row.
pub(crate) fn add(table: &mut Table, cells: impl IntoIterator<Item = String>) {
    table.add_row(cells.into_iter().map(Cell::new_owned));
}

/// A number in at most four digits and a unit.
pub(crate) fn short(number: f64) -> String {
    let units = [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)];
    let fits = |&&(_, unit): &&(&str, f64)| number.abs() < unit * 9999.5;
    let (name, unit) = *units.iter().find(fits).unwrap_or(&("P", 1e15));
    format!("{:.0}{name}", number / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        assert_eq!(
            [0.0, 9999.0, 9999.6, 12_345.0, 1.2e7, 3.4e18].map(short),
            ["0", "9999", "10k", "12k", "12M", "3400P"]
        );
    }
}
