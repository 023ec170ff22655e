//! Where the bound and an allocation differ: what each pays for loads, block by block.

use super::relaxation::Payment;
use crate::cost::{self, CostModel};
use crate::table;
use regatta::{Block, Output};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Less than so much of a load is not worth a word.
const LITTLE: f64 = 0.01;

/// What the bound pays for in one block.
#[derive(Debug, Default)]
struct Paid {
    total: f64,
    values: BTreeMap<u32, f64>,
}

/// A table of the `count` blocks where an allocation pays most more for loads than the bound does. Loads are counted in units of one load of the
/// block; an operand on the stack is half of one.
pub(super) fn table(
    payments: &[Payment],
    columns: &[f64],
    costs: &CostModel<'_>,
    output: &Output,
    count: usize,
) -> String {
    let mut bound: BTreeMap<Block, Paid> = BTreeMap::new();
    for payment in payments {
        let paid = bound.entry(payment.block).or_default();
        let price = payment.paid(columns);
        paid.total += price;
        *paid.values.entry(payment.value).or_default() += price;
    }
    let ours = costs.loads_by_block(output);
    let of_bound = |block: usize| bound.get(&Block::new(block)).map_or(0.0, |paid| paid.total);
    let mut order: Vec<usize> = (0..ours.len()).collect();
    let more = |block: usize| ours[block] - of_bound(block);
    order.sort_by(|&a, &b| more(b).total_cmp(&more(a)).then(a.cmp(&b)));
    let mut rows = table::new(&["block", "weight", "more", "thorough", "bound", "which the bound loads"], &[0, 5]);
    for block in order.into_iter().take(count) {
        let weight = costs.weight_of(Block::new(block));
        let loads = |price: f64| format!("{:.2}", price / weight / cost::LOAD);
        let mut which = String::new();
        for (value, price) in bound.get(&Block::new(block)).into_iter().flat_map(|paid| &paid.values) {
            let share = price / weight / cost::LOAD;
            if share >= LITTLE {
                // Writing to a string cannot fail.
                let _ = write!(which, "{}v{value} {share:.2}", if which.is_empty() { "" } else { ", " });
            }
        }
        let cells = [
            format!("block{block}"),
            table::short(weight),
            table::short(more(block)),
            loads(ours[block]),
            loads(of_bound(block)),
            which,
        ];
        table::add(&mut rows, cells);
    }
    rows.trim_fmt()
}
