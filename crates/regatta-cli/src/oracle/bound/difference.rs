//! Where the bound and an allocation differ: what each pays for loads, block by block and loop by loop.
//!
//! A block alone says little: what the bound loads in one block and an allocation in the next comes to the same. Added up over the blocks of a
//! loop, the differences show where an allocation loses.

use super::relaxation::Payment;
use crate::cost::{self, CostModel};
use crate::{loops, table};
use regatta::{Block, Func, Output};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Less than so much of a load is not worth a word.
const LITTLE: f64 = 0.01;
/// How many blocks of a loop are named.
const SHOWN: usize = 12;

/// What the bound pays for in one block.
#[derive(Clone, Debug, Default)]
struct Paid {
    total: f64,
    values: BTreeMap<u32, f64>,
}

/// What an allocation and the bound pay for loads, by block. Both are weighted; an operand on the stack is half of a load.
pub(super) struct Difference<'a> {
    costs: &'a CostModel<'a>,
    bound: Vec<Paid>,
    ours: Vec<f64>,
}

impl<'a> Difference<'a> {
    pub(super) fn new(payments: &[Payment], columns: &[f64], costs: &'a CostModel<'a>, output: &Output) -> Self {
        let ours = costs.loads_by_block(output);
        let mut bound = vec![Paid::default(); ours.len()];
        for payment in payments {
            let paid = &mut bound[payment.block.index()];
            let price = payment.paid(columns);
            paid.total += price;
            *paid.values.entry(payment.value).or_default() += price;
        }
        Self { costs, bound, ours }
    }

    /// What the allocation pays more for in a block than the bound does.
    fn more(&self, block: usize) -> f64 {
        self.ours[block] - self.bound[block].total
    }

    /// Weighted loads as a number of loads of a block.
    fn loads(&self, block: usize, price: f64) -> f64 {
        price / self.costs.weight_of(Block::new(block)) / cost::LOAD
    }

    /// A table of the `count` blocks where the allocation pays most more.
    pub(super) fn by_block(&self, count: usize) -> String {
        let mut order: Vec<usize> = (0..self.ours.len()).collect();
        order.sort_by(|&a, &b| self.more(b).total_cmp(&self.more(a)).then(a.cmp(&b)));
        let mut rows = table::new(&["block", "weight", "more", "thorough", "bound", "which the bound loads"], &[0, 5]);
        for block in order.into_iter().take(count) {
            let mut which = String::new();
            for (value, &price) in &self.bound[block].values {
                let share = self.loads(block, price);
                if share >= LITTLE {
                    // Writing to a string cannot fail.
                    let _ = write!(which, "{}v{value} {share:.2}", if which.is_empty() { "" } else { ", " });
                }
            }
            let cells = [
                format!("block{block}"),
                table::short(self.costs.weight_of(Block::new(block))),
                table::short(self.more(block)),
                format!("{:.2}", self.loads(block, self.ours[block])),
                format!("{:.2}", self.loads(block, self.bound[block].total)),
                which,
            ];
            table::add(&mut rows, cells);
        }
        rows.trim_fmt()
    }

    /// A table of the `count` innermost loops where the allocation pays most more, added up over the blocks that are in no loop within; the
    /// blocks in no loop at all are one row.
    pub(super) fn by_loop(&self, func: &Func, count: usize) -> String {
        let mut of_loop: BTreeMap<Option<Block>, Vec<usize>> = BTreeMap::new();
        for (block, header) in loops::nest(func).headers.into_iter().enumerate() {
            of_loop.entry(header).or_default().push(block);
        }
        let sum = |blocks: &[usize]| blocks.iter().map(|&block| self.more(block)).sum::<f64>();
        let mut order: Vec<(f64, Option<Block>, Vec<usize>)> =
            of_loop.into_iter().map(|(header, blocks)| (sum(&blocks), header, blocks)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let titles = ["loop", "blocks", "weight", "more", "thorough", "bound", "blocks with most more, or less"];
        let mut rows = table::new(&titles, &[0, 6]);
        for (more, header, mut blocks) in order.into_iter().take(count) {
            let first = blocks[0];
            let total = |of: &dyn Fn(usize) -> f64| blocks.iter().map(|&block| of(block)).sum::<f64>();
            let ours = self.loads(first, total(&|block| self.ours[block]));
            let bound = self.loads(first, total(&|block| self.bound[block].total));
            let size = blocks.len().to_string();
            blocks.sort_by(|&a, &b| self.more(b).abs().total_cmp(&self.more(a).abs()).then(a.cmp(&b)));
            let which: Vec<String> = blocks
                .iter()
                .map(|&block| (block, self.loads(block, self.more(block))))
                .filter(|(_, more)| more.abs() >= LITTLE)
                .take(SHOWN)
                .map(|(block, more)| format!("block{block} {more:+.2}"))
                .collect();
            let cells = [
                header.map_or_else(|| "none".to_owned(), |header| header.to_string()),
                size,
                table::short(self.costs.weight_of(Block::new(first))),
                table::short(more),
                format!("{ours:.2}"),
                format!("{bound:.2}"),
                which.join(", "),
            ];
            table::add(&mut rows, cells);
        }
        rows.trim_fmt()
    }
}
