//! What a run tells the log.

use crate::{Block, Edit, Function, InstOrEdit, Output};
use core::fmt;
use log::Level;

/// Lists an allocation in the log: at level info if the client asked for it (`verbose`), or else, with feature `trace-log`,
/// at level trace.
pub(crate) fn log<F: Function>(func: &F, output: &Output, verbose: bool) {
    let level = if verbose { Level::Info } else { Level::Trace };
    if (verbose || cfg!(feature = "trace-log")) && log::log_enabled!(level) {
        log::log!(level, "allocation:\n{}", Listing { func, output });
    }
}

/// A function with its allocation, for people to read.
struct Listing<'a, F> {
    func: &'a F,
    output: &'a Output,
}

impl<F: Function> fmt::Display for Listing<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { func, output } = *self;
        for block in (0..func.num_blocks()).map(Block::new) {
            writeln!(f, "{block} {:?} -> {:?}:", func.block_params(block), func.block_succs(block))?;
            for step in output.block_insts_and_edits(func, block) {
                match step {
                    InstOrEdit::Edit(Edit::Move { from, to }) => writeln!(f, "    move {to} <- {from}")?,
                    InstOrEdit::Inst(inst) => {
                        write!(f, "  {inst}:")?;
                        for (op, alloc) in func.inst_operands(inst).iter().zip(output.inst_allocs(inst)) {
                            write!(f, " {op} = {alloc};")?;
                        }
                        let clobbers = func.inst_clobbers(inst);
                        if !clobbers.is_empty_all() {
                            write!(f, " clobbers {clobbers}")?;
                        }
                        writeln!(f)?;
                    }
                }
            }
        }
        write!(f, "{} words of spill slots", output.num_spillslots)
    }
}
