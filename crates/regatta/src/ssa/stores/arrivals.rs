//! Storing a parameter on the ways to its block.
//!
//! A parameter that is in a register when its block starts, and needs memory later, can be stored behind that start, as any value is, or
//! on the edges that lead there. The latter costs a store on each, but for those on which the argument is in memory already: if both
//! share a slot, the parameter is as soon as it exists. So is a loop's parameter on each way round that does not change it. That matters
//! where a loop is a switch of many cases, as interpreters are, and functions that can be resumed: each case changes few of the values,
//! and a store in front of the switch would be executed for all of them every time.
//!
//! Parameters are arguments of each other: what a loop's header passes to a join within comes back to it unless it has changed. Each is in
//! memory for free only if the other is. So all are believed to be at first, and those for which it would not pay are given up, until the
//! others are worth it among themselves.
//!
//! Whether two values can share a slot is known only when all lives in memory are. What turns out not to pay then is given up as well, and
//! the choice made once more.
//!
//! Where frequencies are no more than the depth of loops, each way round counts like the header, and there is next to nothing to gain: over
//! the corpus, cost 0.3957 rather than 0.3959, for 2 % more time. So nothing is done there.
//!
//! Cost: linear in the arguments of parameters that need memory, each looked for once among the registers at the end of a block.

use crate::code::Value;
use crate::ssa::forward::{Forward, Input, Memory};
use alloc::vec::Vec;

/// How often parameters are looked at, at most, to give up those that do not pay. What is left then may be a store too many.
const PASSES: usize = 4;

/// What a store weighs for its place in the code, in executions a call. In Wasmtime, esbuild executes 0.949 of Ion's instructions with
/// it, 0.938 without, and 0.961 with 0.15; and its code is larger by 2.0, 4.3 and 1.1 % than if nothing were stored so.
const CODE_SIZE: f32 = 0.05;

/// A parameter that may be stored on the ways to its block.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    param: Value,
    /// What storing it behind the start of its block costs.
    behind: f32,
    /// A range of [`Arrivals::args`].
    args: (u32, u32),
    is_chosen: bool,
}

/// An argument of such a parameter, other than the parameter itself.
#[derive(Clone, Copy, Debug)]
struct Arg {
    value: Value,
    /// What it costs to store it on the way.
    cost: f32,
    /// Is it in no register there, but only in memory?
    is_loaded: bool,
}

/// The step, with its result.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    list: Vec<Arrival>,
    args: Vec<Arg>,
}

impl Arrivals {
    /// Begins with another function.
    pub(super) fn start(&mut self) {
        self.list.clear();
        self.args.clear();
    }

    /// Adds `param`, which is number `number` among those of its block, if some argument might be in memory already. `behind` says
    /// what it costs to store it behind the start of its block.
    pub(super) fn add(
        &mut self,
        on: &Input<'_>,
        forward: &Forward,
        param: Value,
        number: u32,
        behind: impl FnOnce() -> f32,
    ) {
        let block = on.code.values[param].block;
        if !on.flow.graph.is_reachable(block) {
            return;
        }
        let start = self.args.len();
        let mut may_pay = false;
        for &edge in on.flow.graph.pred_edges(block) {
            let value = on.code.arg(edge, number as usize);
            if value == param {
                may_pay = true;
                continue;
            }
            let from = on.flow.graph.edge(edge).from;
            let is_loaded = !forward.at_exit(from).iter().any(|x| x.value == value);
            may_pay |= match forward.spills[value].memory {
                Memory::Never => false,
                Memory::Stored => on.code.values[value].is_param || is_loaded,
                Memory::Born => true,
            };
            let cost = (on.flow.edge_best_guess(edge) + CODE_SIZE) * if is_loaded { 2.0 } else { 1.0 };
            self.args.push(Arg { value, cost, is_loaded });
        }
        if may_pay {
            let args = (start as u32, self.args.len() as u32);
            self.list.push(Arrival { param, behind: behind(), args, is_chosen: false });
        } else {
            self.args.truncate(start);
        }
    }

    /// The parameters for which it pays.
    pub(super) fn chosen(&self) -> impl Iterator<Item = Value> + '_ {
        self.list.iter().filter(|arrival| arrival.is_chosen).map(|arrival| arrival.param)
    }

    /// Chooses among the parameters; those chosen count as made in their slots from now on.
    pub(super) fn choose(&mut self, forward: &mut Forward) {
        for arrival in &mut self.list {
            arrival.is_chosen = true;
            forward.change_memory(arrival.param, Memory::Born);
        }
        for _ in 0..PASSES {
            let mut is_done = true;
            for arrival in self.list.iter_mut().filter(|arrival| arrival.is_chosen) {
                if cost(forward, &self.args, arrival, |_| true) >= arrival.behind {
                    arrival.is_chosen = false;
                    is_done = false;
                    forward.change_memory(arrival.param, Memory::Stored);
                }
            }
            if is_done {
                break;
            }
        }
    }

    /// Gives up what does not pay, now that it is known which values share a slot. Is there anything?
    pub(super) fn give_up(&mut self, forward: &Forward, share: impl Fn(Value, Value) -> bool) -> bool {
        let before = self.list.len();
        let args = &self.args;
        self.list.retain(|arrival| {
            !arrival.is_chosen || cost(forward, args, arrival, |arg| share(arrival.param, arg)) < arrival.behind
        });
        self.list.len() != before
    }
}

/// What it costs to store a parameter on the ways to its block, where it shares a slot with those of its arguments in memory that `shares` says.
fn cost(forward: &Forward, args: &[Arg], arrival: &Arrival, shares: impl Fn(Value) -> bool) -> f32 {
    let (start, end) = arrival.args;
    let is_free = |arg: &Arg| {
        let is_in_memory = match forward.spills[arg.value].memory {
            Memory::Never => false,
            Memory::Stored => arg.is_loaded,
            Memory::Born => true,
        };
        is_in_memory && shares(arg.value)
    };
    args[start as usize..end as usize].iter().filter(|arg| !is_free(arg)).map(|arg| arg.cost).sum()
}
