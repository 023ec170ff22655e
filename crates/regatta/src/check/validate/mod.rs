//! Checks inputs: everything that [`crate::Function`] and [`crate::MachineEnv`] say must hold.
//!
//! The parts, in the order in which they rely on one another: the machine's environment; blocks and edges; values, which
//! need to know what dominates what; and the operands of each instruction. The time is `O(n log n)` in the size of the
//! input, whatever the input; nothing recurses and nothing panics. (What a client's own methods do is their affair: only
//! blocks, instructions and successors that exist are asked for.)

mod claims;
mod demand;
mod graph;
mod machine_env;
mod operands;
mod values;

pub(super) use graph::{blocks, by_code_order};
pub(crate) use machine_env::check as environment;

use crate::error::Error;
use crate::ir::{Block, Function, MachineEnv, RegClass};
use values::Values;

/// Looks for everything that can be wrong with an input: the function, and the machine that it is for.
///
/// An allocator may rely on what this accepts, and a client that builds its functions by hand may find its own mistakes
/// with it. It does not promise that an allocation exists: what one instruction demands is counted, and reported when it
/// is too much, but a function may ask for the impossible in subtler ways. (Nor does it look for values that are always the
/// same: two parameters that turn out to be one value need one register, and are counted as two.)
///
/// ```
/// use regatta::check::validate;
/// use regatta::{Error, FuncBuilder, Inst, MachineEnv, Operand, PRegSet, RegClass};
///
/// let mut env = MachineEnv::default();
/// env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b1111);
///
/// let mut b = FuncBuilder::new();
/// let block = b.block(&[]);
/// let x = b.vreg(RegClass::Int);
/// b.ret(block, &[Operand::reg_use(x)]);
/// assert_eq!(validate(&b.finish(), &env), Err(Error::Undefined { vreg: x, inst: Some(Inst::new(0)) }));
/// ```
///
/// # Errors
///
/// The first thing that is wrong.
pub fn validate(func: &impl Function, env: &MachineEnv) -> Result<(), Error> {
    environment(env)?;
    graph::blocks(func)?;
    graph::edges(func)?;
    let values = Values::define(func)?;
    values.check_uses(func)?;
    operands::check(func, env)?;
    check_slot_sizes(func, &values)?;
    check_labels(func, &values)?;
    check_frequencies(func)
}

/// The most words that a spill slot may take.
const LARGEST_SLOT: usize = 1 << 16;

/// Asks only for the classes that occur: a client need not have an answer for the others.
fn check_slot_sizes(func: &impl Function, values: &Values) -> Result<(), Error> {
    for class in RegClass::ALL {
        if values.class_occurs(class) {
            let size = func.spillslot_size(class);
            if !size.is_power_of_two() || size > LARGEST_SLOT {
                return Err(Error::BadSlotSize { class, size });
            }
        }
    }
    Ok(())
}

fn check_labels(func: &impl Function, values: &Values) -> Result<(), Error> {
    let mut last = 0;
    for (index, &(vreg, from, to, _)) in func.debug_value_labels().iter().enumerate() {
        let bad = |why| Err(Error::BadLabel { index, why });
        if vreg.vreg() >= func.num_vregs() {
            return bad("there is no such virtual register");
        }
        if !values.is_of_class(vreg) {
            return bad("its virtual register is of another class");
        }
        if vreg.vreg() < last {
            return bad("labels are sorted by virtual register");
        }
        if from > to || to.index() > func.num_insts() {
            return bad("its range ends before it begins, or behind the function");
        }
        last = vreg.vreg();
    }
    Ok(())
}

fn check_frequencies(func: &impl Function) -> Result<(), Error> {
    let known = func.block_frequency(func.entry_block()).is_some();
    for block in (0..func.num_blocks()).map(Block::new) {
        let frequency = func.block_frequency(block);
        let good = frequency.is_none_or(|frequency| frequency.is_finite() && frequency >= 0.0);
        if !good || frequency.is_some() != known {
            return Err(Error::BadFrequency { block });
        }
    }
    Ok(())
}
