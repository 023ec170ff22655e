//! Moves that the bound counts on: copies of values that instructions overwrite.
//!
//! A value that an instruction overwrites in a register, and that lives on in another, was in two registers before: somebody has made a
//! copy. It need not have been in the same block. One copy in front of a fork serves an instruction on either way; so what each block
//! overwrites is balanced with the copies that it makes and those that it has at its start beside the first one, which come from
//! the blocks before. Between blocks, copies are free and take no room, so this is less than what must be paid.

use crate::cost;
use crate::oracle::program::{Col, Program};
use crate::oracle::values::{Edge, Value, Values};
use regatta::Block;
use std::collections::{BTreeMap, BTreeSet};

/// More copies of one value than this are of no use.
const MANY: i64 = 64;

/// What a block does with the copies of a value.
#[derive(Debug, Default)]
struct Spoiled {
    /// So many are overwritten in any case,
    always: usize,
    /// and so many more if the value is kept.
    if_kept: Vec<(Col, f64)>,
}

/// What is known of copies, while the program is written.
#[derive(Debug, Default)]
pub(super) struct Copies {
    spoiled: BTreeMap<Value, BTreeMap<Block, Spoiled>>,
}

impl Copies {
    /// In `block`, so many copies of `value` are overwritten beside the first one; as far as the value is kept, if `kept` is given.
    pub(super) fn spoil(&mut self, value: Value, block: Block, count: usize, kept: Option<Col>) {
        if count == 0 {
            return;
        }
        let spoiled = self.spoiled.entry(value).or_default().entry(block).or_default();
        match kept {
            Some(kept) => spoiled.if_kept.push((kept, count as f64)),
            None => spoiled.always += count,
        }
    }

    /// Adds rows and columns for all this to the program. `coldest`: the least weight of the blocks that a value is alive in.
    pub(super) fn add(
        &self,
        program: &mut Program,
        values: &Values<'_>,
        coldest: &BTreeMap<Value, f64>,
        weight: impl Fn(Block) -> f64,
        edge_weight: impl Fn(&Edge) -> f64,
    ) {
        let mut at_start: BTreeMap<(Value, Block), Col> = BTreeMap::new();
        let mut at_end: BTreeMap<(Value, Block), Col> = BTreeMap::new();
        for &block in &values.blocks {
            let starts: BTreeSet<Value> = values.at_start(block).iter().copied().collect();
            let insts = values.func.blocks[block.index()].insts;
            let named = insts.iter().flat_map(|inst| values.ops(inst)).map(|op| op.value);
            let alive: BTreeSet<Value> = starts.iter().copied().chain(named).collect();
            for value in alive {
                let Some(blocks) = self.spoiled.get(&value) else { continue };
                // Made + there at the start >= overwritten + left at the end.
                let made = program.column(cost::MOVE * weight(block), 0, i64::MAX);
                let end = program.column(0.0, 0, MANY);
                at_end.insert((value, block), end);
                let mut terms = vec![(made, 1.0), (end, -1.0)];
                if starts.contains(&value) {
                    let start = program.column(0.0, 0, MANY);
                    at_start.insert((value, block), start);
                    terms.push((start, 1.0));
                }
                let spoiled = blocks.get(&block);
                terms.extend(spoiled.into_iter().flat_map(|spoiled| &spoiled.if_kept).map(|&(col, by)| (col, -by)));
                program.at_least(terms, spoiled.map_or(0.0, |spoiled| spoiled.always as f64));
            }
        }
        // An argument that is not overwritten itself may be copied wherever it is alive.
        let mut of_args: BTreeMap<Value, Col> = BTreeMap::new();
        for edge in &values.edges {
            for &(here, there) in &edge.names {
                let Some(&start) = at_start.get(&(there, edge.to)) else { continue };
                let end = at_end.get(&(here, edge.from)).copied().unwrap_or_else(|| {
                    let least = coldest.get(&here).copied().unwrap_or(0.0);
                    *of_args.entry(here).or_insert_with(|| program.column(cost::MOVE * least, 0, MANY))
                });
                let made = program.column(cost::MOVE * edge_weight(edge), 0, MANY);
                program.at_least(vec![(end, 1.0), (made, 1.0), (start, -1.0)], 0.0);
            }
        }
    }
}
