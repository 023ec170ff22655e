//! Blocks and edges.

use crate::{broken, int, reg};
use regatta::{Block, Inst, InstKind, InstRange, Operand};

fn insts(from: usize, to: usize) -> InstRange {
    InstRange::new(Inst::new(from), Inst::new(to))
}

#[test]
fn blocks_and_edges() {
    let report = broken(&[
        ("more blocks than instructions", |f| f.insts.truncate(3)),
        ("no blocks", |f| f.blocks.clear()),
        ("the entry is no block", |f| f.entry = Block::new(4)),
        ("the entry has parameters", |f| f.blocks[0].params.push(int(3))),
        ("the entry has predecessors", |f| f.entry = Block::new(1)),
        ("a block without instructions", |f| f.blocks[2].insts = insts(4, 4)),
        ("a block whose instructions are not all there", |f| f.blocks[3].insts = insts(5, 7)),
        ("a block that takes another's instruction", |f| f.blocks[1].insts = insts(1, 4)),
        ("a block that leaves an instruction to nobody", |f| f.blocks[1].insts = insts(3, 4)),
        ("instructions behind the last block", |f| f.insts.push(f.insts[5].clone())),
        ("a return in the middle of a block", |f| f.insts[0].kind = InstKind::Ret),
        ("a branch in the middle of a block", |f| f.insts[0].kind = InstKind::Branch),
        ("a block that does not end", |f| f.insts[1].kind = InstKind::Plain),
        ("a return with successors", |f| f.insts[1].kind = InstKind::Ret),
        ("a successor that is no block", |f| f.blocks[1].succs[0] = Block::new(4)),
        ("a predecessor that is no block", |f| f.blocks[1].preds[0] = Block::new(4)),
        ("a predecessor too many that is no block", |f| f.blocks[1].preds.push(Block::new(4))),
        ("a predecessor too few", |f| f.blocks[1].preds.clear()),
        ("a predecessor too many", |f| f.blocks[1].preds.push(Block::new(2))),
        ("a predecessor twice", |f| f.blocks[3].preds = vec![Block::new(1), Block::new(1)]),
        ("a critical edge", |f| {
            f.blocks[0].succs[1] = Block::new(3);
            f.blocks[0].args[1] = vec![int(0)];
            f.derive_preds();
        }),
        ("a critical edge to the entry", |f| {
            f.blocks[0].succs[1] = Block::new(0);
            f.derive_preds();
        }),
        ("an edge to the entry", |f| {
            f.blocks[1].succs[0] = Block::new(0);
            f.blocks[1].args[0].clear();
            f.derive_preds();
        }),
        ("a branch to the entry with operands", |f| {
            f.blocks[1].succs[0] = Block::new(0);
            f.blocks[1].args[0].clear();
            f.insts[3].operands.push(Operand::any_use(int(0)));
            f.derive_preds();
        }),
        ("a branch with operands on a joining edge", |f| f.insts[4].operands.push(Operand::any_use(int(0)))),
        ("a branch with clobbers on a joining edge", |f| f.insts[4].clobbers.add(reg(1))),
        ("a branch with operands and clobbers elsewhere", |f| {
            f.insts[1].operands.push(Operand::any_use(int(0)));
            f.insts[1].clobbers.add(reg(1));
        }),
        ("an argument too few", |f| f.blocks[1].args[0].clear()),
        ("an argument too many", |f| f.blocks[1].args[0].push(int(0))),
    ]);
    insta::assert_snapshot!(report);
}
