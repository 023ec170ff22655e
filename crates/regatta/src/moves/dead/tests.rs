//! Small functions, each with a few moves. Operands that are fixed to a register are there, others nowhere.

use super::*;
use crate::ir::{Func, Function, Machine, OperandConstraint, RegClass};
use crate::text;
use alloc::format;

/// Moves by number. At the start of blocks that are not looked at, `held` are needed.
struct List<const EVERYWHERE: bool> {
    moves: Vec<Move>,
    held: Vec<PReg>,
}

impl<const EVERYWHERE: bool> Moves for List<EVERYWHERE> {
    const EVERYWHERE: bool = EVERYWHERE;

    fn len(&self) -> usize {
        self.moves.len()
    }

    fn list(&self, numbers: Range<usize>) -> impl DoubleEndedIterator<Item = Move> + ExactSizeIterator {
        self.moves[numbers].iter().copied()
    }

    fn held_at(&self, _: &FlowGraph, _: Block, put: &mut impl FnMut(PReg)) {
        self.held.iter().copied().for_each(put);
    }

    fn of_block(&self, flow: &FlowGraph, block: Block) -> Range<usize> {
        let in_front = |inst| self.moves.partition_point(|there| there.0 < ProgPoint::before(inst));
        in_front(flow.graph.first(block))..in_front(flow.graph.end(block))
    }
}

fn reg(number: usize) -> PReg {
    PReg::new(number, RegClass::Int)
}

fn place(number: usize) -> Allocation {
    Allocation::reg(reg(number))
}

fn read(function: &str) -> (Func, Machine) {
    let text = format!("machine {{ int preferred p0i-p7i, slot 1 }} function {{ {function} }}");
    let problem = text::parse(&text).expect("well-formed").remove(0);
    (problem.func, Machine::new(&problem.env))
}

/// The numbers of the moves that are dead: each in front of an instruction, from one register to another.
fn dead_among<const EVERYWHERE: bool>(
    function: &str,
    moves: &[(usize, usize, usize)],
    held: &[usize],
) -> (Vec<usize>, DeadMoves, FlowGraph) {
    let (func, machine) = read(function);
    let (mut flow, mut code) = (FlowGraph::default(), Code::default());
    flow.run(&func).expect("a graph");
    code.run(&func, &machine, &flow.graph).expect("readable");
    let operands = (0..func.num_insts()).flat_map(|inst| func.inst_operands(Inst::new(inst)));
    let allocs: Vec<Allocation> = operands
        .map(|operand| match operand.constraint() {
            OperandConstraint::FixedReg(reg) => Allocation::reg(reg),
            _ => Allocation::none(),
        })
        .collect();
    let moves = moves.iter().map(|&(inst, from, to)| (ProgPoint::before(Inst::new(inst)), place(from), place(to)));
    let moves = List::<EVERYWHERE> { moves: moves.collect(), held: held.iter().map(|&number| reg(number)).collect() };
    let mut dead = DeadMoves::default();
    dead.run(&Input { code: &code, flow: &flow, allocs: &allocs, moves: &moves });
    ((0..moves.len()).filter(|&number| dead.is_dead(number)).collect(), dead, flow)
}

fn dead_anywhere(function: &str, moves: &[(usize, usize, usize)]) -> Vec<usize> {
    dead_among::<true>(function, moves, &[]).0
}

const STRAIGHT: &str = "block0: op def v0i reg
    op use v0i fixed(p1i)
    op def v1i fixed(p2i)
    op clobbers p3i
    ret";

#[test]
fn a_move_is_needed_if_its_register_is_read_first() {
    assert_eq!(dead_anywhere(STRAIGHT, &[(1, 0, 1)]), []);
    // Behind the use; in front of a definition; of what is overwritten.
    assert_eq!(dead_anywhere(STRAIGHT, &[(2, 0, 1)]), [0]);
    assert_eq!(dead_anywhere(STRAIGHT, &[(2, 0, 2)]), [0]);
    assert_eq!(dead_anywhere(STRAIGHT, &[(3, 0, 3)]), [0]);
    // Two moves in front of one instruction: the second makes the first needless, or reads what it writes.
    assert_eq!(dead_anywhere(STRAIGHT, &[(1, 0, 1), (1, 2, 1)]), [0]);
    assert_eq!(dead_anywhere(STRAIGHT, &[(1, 0, 2), (1, 2, 1)]), []);
}

#[test]
fn what_is_read_by_dead_moves_is_not_needed() {
    assert_eq!(dead_anywhere(STRAIGHT, &[(1, 0, 4), (2, 4, 5), (3, 5, 6)]), [0, 1, 2]);
    assert_eq!(dead_anywhere(STRAIGHT, &[(0, 0, 4), (1, 4, 1), (2, 4, 5)]), [2]);
}

#[test]
fn all_ways_count() {
    let fork = "block0: op def v0i reg branch -> block1, block2
        block1: op use v0i fixed(p1i) branch -> block3
        block2: op def v1i fixed(p1i) branch -> block3
        block3: ret";
    // In front of the branch; on the way that reads it, behind that; on the way that does not.
    assert_eq!(dead_anywhere(fork, &[(1, 0, 1)]), []);
    assert_eq!(dead_anywhere(fork, &[(3, 0, 1), (4, 0, 1)]), [0, 1]);
}

const LOOP: &str = "block0: op def v0i reg branch -> block1
    block1: op use v0i fixed(p1i) branch -> block2, block3
    block2: op branch -> block1
    block3: op use v0i fixed(p2i) ret";

#[test]
fn what_is_read_in_the_next_iteration_is_needed() {
    assert_eq!(dead_anywhere(LOOP, &[(4, 0, 1)]), []);
    // But not two moves that only feed each other.
    assert_eq!(dead_anywhere(LOOP, &[(2, 4, 5), (4, 5, 4)]), [0, 1]);
    // A chain through the loop, the end of which is read at its start.
    assert_eq!(dead_anywhere(LOOP, &[(2, 5, 1), (3, 4, 5), (4, 3, 4)]), []);
}

#[test]
fn outside_of_loops_what_is_held_is_needed() {
    let moves = [(0, 4, 5), (3, 0, 2), (4, 0, 4)];
    assert_eq!(dead_among::<true>(LOOP, &moves, &[]).0, [0, 2]);
    assert_eq!(dead_among::<false>(LOOP, &moves, &[]).0, [1, 2]);
    assert_eq!(dead_among::<false>(LOOP, &moves, &[2]).0, [2]);
    assert_eq!(dead_among::<false>(LOOP, &moves, &[2, 4]).0, []);
}

#[test]
fn loops_that_are_entered_elsewhere_keep_their_moves() {
    let irreducible = "block0: op branch -> block1, block2
        block1: branch -> block3
        block2: branch -> block4
        block3: op branch -> block4
        block4: op branch -> block3";
    assert_eq!(dead_anywhere(irreducible, &[(0, 0, 1), (4, 0, 1)]), []);
}

#[test]
fn registers_are_lost_where_dead_moves_would_have_filled_them() {
    let (dead, mut found, flow) = dead_among::<true>(LOOP, &[(1, 0, 4), (3, 0, 1)], &[]);
    assert_eq!(dead, [0]);
    let [first, second] = [1, 2].map(Block::new);
    assert!(found.may_be_lost(&flow, first, reg(4), false) && found.may_be_lost(&flow, second, reg(4), false));
    // Written by a move there; live; written by no move at all.
    assert!(!found.may_be_lost(&flow, first, reg(4), true));
    assert!(!found.may_be_lost(&flow, first, reg(1), false) && !found.may_be_lost(&flow, first, reg(6), false));
    // Live in front of the moves that lead into a block, but one of these has been dropped. Another that is left has used the register for something else.
    found.not_led_in(ProgPoint::before(flow.graph.first(first)), place(1));
    assert!(found.may_be_lost(&flow, first, reg(1), false) && found.may_be_lost(&flow, first, reg(1), true));
    assert!(!found.may_be_lost(&flow, second, reg(1), false));
    found.clear();
    assert!(!found.may_be_lost(&flow, first, reg(1), false) && !found.may_be_lost(&flow, first, reg(4), false));
}
