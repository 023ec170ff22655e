//! Moves that nobody needs.
//!
//! An allocator decides what registers hold at the boundaries of blocks before it knows all that comes behind. A value that is kept at a join may
//! take a move or a load on some way to be in the same register everywhere, and then lose that register before it is used; so may one that was
//! moved aside. What such a move writes is dead: on all paths something else is written there before anybody reads it.
//!
//! So this is liveness once more, but of registers, in the code as it will be, and exact. A walk goes backwards over moves and instructions, from the
//! end of each block to its start. A move to a register that is dead goes, and then does not need what it reads. At first nothing is believed to
//! be live round a loop; if the walk finds, when it comes to the header, that something is, the loop is looked at again. What turns out to be live at
//! the end of a block is live at its start as well, unless it is written in between, so the block need not be walked again; not unless a move
//! writes there that was thought to be dead.
//!
//! For the SSA allocator, only loops are looked at. They have most of the cost, and about half of the code; behind them, what the allocator says is held is taken
//! to be needed. The rest would gain another 0.16 % of cost for more than half as much work again. The backtracking allocator has far more of such moves, since it
//! gives a register to a piece of a live range, whichever paths lead to uses; and the walk is little beside its other work. All its code is looked at.
//!
//! Only registers that moves write are of interest, and there are hardly ever more than [`TRACKED`] of them: all that is live fits into one number.
//!
//! **Cost.** Linear in the instructions, operands and moves that are looked at, and in blocks times the depth of loops. A function that [`STEPS`] looks at
//! a block will not do for keeps its moves, and so does one with a loop that is entered elsewhere than at its header.

use crate::cfg::{FlowGraph, Loop};
use crate::code::{Code, flag};
use crate::ir::entity::TypedVec;
use crate::ir::{Block, Inst, PReg};
use crate::output::{Allocation, ProgPoint};
use alloc::vec::Vec;
use core::hint::select_unpredictable;
use core::ops::Range;

/// How many blocks are looked at, for each block of the function.
const STEPS: usize = 16;

/// How many registers are followed. The others are believed to be live everywhere.
const TRACKED: u32 = u64::BITS;

/// A set of the registers that are followed.
type Registers = u64;

/// The numbers of registers are below; as it is a power of two, no index is to be checked.
const NUMBERS: usize = 256;

/// By the number of a register: its bit, if it is followed.
type Bits = [Registers; NUMBERS];

/// What is known of a block.
#[derive(Clone, Copy, Debug, Default)]
struct BlockInfo {
    /// What is live at its start, in front of moves, and at its end.
    live_in: Registers,
    live_out: Registers,
    /// What is written in it by instructions, and by moves that are not dead.
    written: Registers,
    /// What dead moves would write.
    not_written: Registers,
}

/// A move: where it is, from, to.
pub(crate) type Move = (ProgPoint, Allocation, Allocation);

/// The moves of a function, in order.
pub(crate) trait Moves {
    /// Are moves outside of loops looked at as well?
    const EVERYWHERE: bool;

    /// How many there are.
    fn len(&self) -> usize;

    /// Those of so many numbers.
    fn list(&self, numbers: Range<usize>) -> impl DoubleEndedIterator<Item = Move> + ExactSizeIterator;

    /// Tells `put` of all registers that may be read, before they are written, from the start on of a block that is not looked at.
    fn held_at(&self, flow: &FlowGraph, block: Block, put: &mut impl FnMut(PReg));

    /// The numbers of those in a block.
    fn of_block(&self, flow: &FlowGraph, block: Block) -> Range<usize>;
}

/// What the pass reads.
pub(crate) struct Input<'a, M> {
    pub(crate) code: &'a Code,
    pub(crate) flow: &'a FlowGraph,
    /// Where operands are.
    pub(crate) allocs: &'a [Allocation],
    pub(crate) moves: &'a M,
}

/// The pass, with its storage.
#[derive(Debug, Default)]
pub(crate) struct DeadMoves {
    /// By the number of a register: its bit, if it is followed. There are [`NUMBERS`], or none if nothing is known.
    bits: Vec<Registers>,
    num_tracked: u32,
    /// By the number of a set that instructions clobber.
    clobbered: Vec<Registers>,
    blocks: TypedVec<Block, BlockInfo>,
    is_dead: Vec<bool>,
    /// What has been dropped of moves that would lead into blocks: where, and to what place; sorted.
    not_led_in: Vec<(ProgPoint, Allocation)>,
}

impl DeadMoves {
    /// Finds out which moves are dead.
    pub(crate) fn run<M: Moves>(&mut self, on: &Input<'_, M>) {
        self.not_led_in.clear();
        self.is_dead.clear();
        self.is_dead.resize(on.moves.len(), false);
        if on.flow.loops.any_irreducible() {
            // What is live where such a loop is entered, the walk would not know in time.
            self.clear();
            return;
        }
        self.track(on);
        if self.num_tracked > 0 && !self.look_at_all(on) {
            self.is_dead.fill(false);
            self.clear();
        }
    }

    /// Is the move of this number dead?
    pub(crate) fn is_dead(&self, number: usize) -> bool {
        self.is_dead[number]
    }

    /// Forgets all: until the next run, everything is believed to be live.
    pub(crate) fn clear(&mut self) {
        self.bits.clear();
        self.not_led_in.clear();
    }

    /// A move to a place that would lead into a block has been dropped, behind all of which that was said before.
    pub(crate) fn not_led_in(&mut self, point: ProgPoint, to: Allocation) {
        self.not_led_in.push((point, to));
    }

    /// A register is to hold something at the start of `block`, behind the moves that lead into it; `is_led_in` says if one of these, of those that are left, writes
    /// the register. May it hold something else, as moves have been dropped?
    pub(crate) fn may_be_lost(&self, flow: &FlowGraph, block: Block, reg: PReg, is_led_in: bool) -> bool {
        // (What writes it nevertheless may only have used it for a moment, as long as it was free.)
        if is_written_at_start(&self.not_led_in, flow, block, reg) {
            return true;
        }
        let bit = self.bits.get(reg.index()).copied().unwrap_or(0);
        !is_led_in && bit != 0 && self.blocks[block].live_in & bit == 0
    }

    /// Finds the registers that moves write.
    fn track<M: Moves>(&mut self, on: &Input<'_, M>) {
        self.num_tracked = 0;
        self.bits.clear();
        self.bits.resize(NUMBERS, 0);
        for (_, _, to) in on.moves.list(0..on.moves.len()) {
            if to.is_reg() && self.bits[to.index() & (NUMBERS - 1)] == 0 && self.num_tracked < TRACKED {
                self.bits[to.index() & (NUMBERS - 1)] = 1 << self.num_tracked;
                self.num_tracked += 1;
            }
        }
        self.clobbered.clear();
        let Self { bits, clobbered, .. } = self;
        clobbered.extend(on.code.clobber_sets.iter().map(|(_, set)| {
            set.iter().zip(bits.chunks(64)).fold(0, |all, (&set, bits)| all | bits_of_class(set, bits))
        }));
    }

    /// Looks at all blocks in loops, until nothing changes. False if that takes too long.
    fn look_at_all<M: Moves>(&mut self, on: &Input<'_, M>) -> bool {
        let Self { bits, clobbered, blocks, is_dead, .. } = self;
        let Some(bits) = bits.first_chunk() else { return false };
        let flow = on.flow;
        blocks.reset(flow.graph.num_blocks(), BlockInfo::default());
        let insts = Insts { code: on.code, allocs: on.allocs, bits, clobbered };
        let order = flow.order.order();
        let mut left = STEPS * order.len();
        // The walk has come to this block in the order.
        let mut walked = order.len();
        let mut at = order.len();
        while at > 0 {
            if left == 0 {
                return false;
            }
            left -= 1;
            at -= 1;
            let block = order[at];
            if !M::EVERYWHERE && flow.loops.block_loop(block) == Loop::ROOT {
                blocks[block].live_in = !0;
                continue;
            }
            let mut live_out = 0;
            for to in flow.graph.succs(block) {
                if !M::EVERYWHERE && flow.loops.block_loop(to) == Loop::ROOT {
                    on.moves.held_at(flow, to, &mut |reg| live_out |= bits[reg.index() & (NUMBERS - 1)]);
                } else {
                    live_out |= blocks[to].live_in;
                }
            }
            let info = &mut blocks[block];
            let before = info.live_in;
            if at >= walked && (live_out & !info.live_out) & info.not_written == 0 {
                // More may be live at the end of a block that has been walked, but no move that was dead writes it.
                info.live_in |= live_out & !info.live_out & !info.written;
                info.live_out = live_out;
            } else {
                walked = walked.min(at);
                *info = walk(on, &insts, is_dead, block, live_out);
            }
            if info.live_in != before
                && let Some(of) = flow.loops.is_header(block)
            {
                at = flow.order.loop_end(of) as usize + 1;
            }
        }
        true
    }
}

/// Is one of these at the start of `block` and goes to the register? They are sorted by where.
pub(crate) fn is_written_at_start(
    moves: &[(ProgPoint, Allocation)],
    flow: &FlowGraph,
    block: Block,
    reg: PReg,
) -> bool {
    let start = ProgPoint::before(flow.graph.first(block));
    let first = moves.partition_point(|&(point, _)| point < start);
    let mut here = moves[first..].iter().take_while(|&&(point, _)| point == start);
    here.any(|&(_, to)| to == Allocation::reg(reg))
}

/// Walks through a block.
#[inline]
fn walk<M: Moves>(
    on: &Input<'_, M>,
    insts: &Insts<'_>,
    is_dead: &mut [bool],
    block: Block,
    live_out: Registers,
) -> BlockInfo {
    let (first, end) = (on.flow.graph.first(block), on.flow.graph.end(block));
    let numbers = on.moves.of_block(on.flow, block);
    let mut at = Walk { live: live_out, written: 0, not_written: 0 };
    if numbers.is_empty() {
        at.insts(insts, first, end);
    } else {
        at.insts_and_moves(insts, first, end, on.moves.list(numbers.clone()), &mut is_dead[numbers]);
    }
    let Walk { live, written, not_written } = at;
    BlockInfo { live_in: live, live_out, written, not_written }
}

/// The instructions, and what they do to the registers that are followed.
struct Insts<'a> {
    code: &'a Code,
    allocs: &'a [Allocation],
    bits: &'a Bits,
    clobbered: &'a [Registers],
}

/// What the walk through a block has found so far.
struct Walk {
    live: Registers,
    written: Registers,
    not_written: Registers,
}

impl Walk {
    /// Walks over the instructions from `first` on and in front of `end`.
    #[inline(always)]
    fn insts(&mut self, on: &Insts<'_>, first: Inst, end: Inst) {
        if first >= end {
            return;
        }
        let infos = &on.code.insts.as_slice()[first.index()..=end.index()];
        let (ops, allocs) = (on.code.ops.as_slice(), on.allocs);
        for pair in infos.windows(2).rev() {
            let &[info, behind] = pair else { continue };
            let (mut read, mut written) = (0, 0);
            let of_inst = info.ops.index()..behind.ops.index();
            for (op, &place) in ops[of_inst.clone()].iter().zip(&allocs[of_inst]) {
                let bit = bit_of(on.bits, place);
                read |= select_unpredictable(op.is_use(), bit, 0);
                written |= select_unpredictable(op.is_def(), bit, 0);
            }
            if info.flags() & flag::KILLS != 0 {
                written |= on.clobbered[info.clobbers().index()];
            }
            self.live = self.live & !written | read;
            self.written |= written;
        }
    }

    /// The same, and over the moves between them.
    #[inline(never)]
    fn insts_and_moves(
        &mut self,
        on: &Insts<'_>,
        first: Inst,
        end: Inst,
        moves: impl DoubleEndedIterator<Item = Move> + ExactSizeIterator,
        are_dead: &mut [bool],
    ) {
        let mut left = moves.zip(are_dead).rev();
        let mut next = left.next();
        let mut behind = end;
        while let Some(((point, ..), _)) = next {
            let inst = point.inst();
            self.insts(on, inst.next(), behind);
            while let Some(((here, from, to), is_dead)) =
                next.take_if(|((here, ..), _)| *here > ProgPoint::before(inst))
            {
                *is_dead = self.is_dead(on.bits, from, to);
                debug_assert_eq!(here, ProgPoint::after(inst));
                next = left.next();
            }
            self.insts(on, inst, inst.next());
            while let Some(((_, from, to), is_dead)) = next.take_if(|((here, ..), _)| here.inst() == inst) {
                *is_dead = self.is_dead(on.bits, from, to);
                next = left.next();
            }
            behind = inst;
        }
        self.insts(on, first, behind);
    }

    /// Walks over a move. Is it dead?
    #[inline(always)]
    fn is_dead(&mut self, bits: &Bits, from: Allocation, to: Allocation) -> bool {
        let bit = bit_of(bits, to);
        let is_dead = bit & !self.live != 0;
        if is_dead {
            self.not_written |= bit;
        } else {
            self.live = self.live & !bit | bit_of(bits, from);
            self.written |= bit;
        }
        is_dead
    }
}

/// The bits of a set of registers of one class.
fn bits_of_class(mut set: u64, bits: &[Registers]) -> Registers {
    let mut all = 0;
    while set != 0 {
        all |= bits[set.trailing_zeros() as usize];
        set &= set - 1;
    }
    all
}

/// The bit of a place, if it is a register that is followed.
#[inline(always)]
fn bit_of(bits: &Bits, place: Allocation) -> Registers {
    select_unpredictable(place.is_reg(), bits[place.index() & (NUMBERS - 1)], 0)
}

#[cfg(test)]
mod tests;
