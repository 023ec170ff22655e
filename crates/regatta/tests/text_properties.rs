//! The text form under arbitrary input: any problem survives it, and no text makes the parser panic.

use proptest::prelude::*;
use regatta::text::{parse, print};
use regatta::{
    Block, BlockData, Frequency, Func, Inst, InstData, InstKind, InstRange, MachineEnv, Operand, OperandConstraint,
    OperandKind, OperandPos, PReg, PRegSet, Problem, RegClass, VReg,
};

proptest! {
    #[test]
    fn any_problem_survives(problem in problem()) {
        let text = print(&problem);
        prop_assert_eq!(parse(&text), Ok(vec![problem]), "{}", text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    /// Right words in wrong places get further into the parser than arbitrary text does.
    #[test]
    fn no_words_make_the_parser_panic(words in prop::collection::vec(word(), 0..40)) {
        let _ = parse(&words.join(" "));
        let _ = parse(&format!("machine {{ }} function {{ block0: {} }}", words.join(" ")));
    }

    /// So does a right text with one piece cut out. The error is at a place in the text.
    #[test]
    fn no_cut_makes_the_parser_panic(
        problem in problem(),
        from in any::<prop::sample::Index>(),
        length in 0..20usize,
    ) {
        let text = print(&problem);
        let from = from.index(text.len());
        let cut = format!("{}{}", &text[..from], &text[(from + length).min(text.len())..]);
        if let Err(error) = parse(&cut) {
            prop_assert!(cut.get(error.span.clone()).is_some(), "{:?}", error);
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    let words = "machine function { } ( ) : , - -> block0: block1 block99999999999 op ret branch use def early late \
                 fixed any reg stack reuse limit clobbers p0i p63f p64i p999999999999999999999i v0i v1f v99999999999i \
                 preds freq debug from to inst0 inst4294967295 entry vregs multiple_defs int float vector preferred \
                 scratch slot 0 1 31 32 64 1.5 99999999999999999999 \u{e9} ;";
    prop::sample::select(words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

fn class() -> impl Strategy<Value = RegClass> {
    prop::sample::select(RegClass::ALL.to_vec())
}

fn vreg() -> impl Strategy<Value = VReg> {
    let number = prop_oneof![9 => 0..40usize, 1 => 0..=VReg::MAX];
    (number, class()).prop_map(|(number, class)| VReg::new(number, class))
}

fn vregs() -> impl Strategy<Value = Vec<VReg>> {
    prop::collection::vec(vreg(), 0..3)
}

fn preg() -> impl Strategy<Value = PReg> {
    (0..=PReg::MAX, class()).prop_map(|(number, class)| PReg::new(number, class))
}

fn set() -> impl Strategy<Value = PRegSet> {
    prop::collection::vec(preg(), 0..12).prop_map(|regs| regs.into_iter().collect())
}

fn operand() -> impl Strategy<Value = Operand> {
    let constraint = (0..6, 0..=PReg::MAX);
    let kind = prop::sample::select(vec![OperandKind::Use, OperandKind::Def]);
    let pos = prop::sample::select(vec![OperandPos::Early, OperandPos::Late]);
    let general = (vreg(), constraint, kind, pos).prop_map(|(vreg, (constraint, number), kind, pos)| {
        let constraint = match constraint {
            0 => OperandConstraint::Any,
            1 => OperandConstraint::Reg,
            2 => OperandConstraint::Stack,
            3 => OperandConstraint::FixedReg(PReg::new(number, vreg.class())),
            4 => OperandConstraint::Reuse(number % 32),
            _ => OperandConstraint::Limit(1 << (number % 7)),
        };
        Operand::new(vreg, constraint, kind, pos)
    });
    prop_oneof![8 => general, 1 => preg().prop_map(Operand::fixed_nonallocatable)]
}

fn inst() -> impl Strategy<Value = InstData> {
    let kind = prop::sample::select(vec![InstKind::Plain, InstKind::Branch, InstKind::Ret]);
    let operands = prop::collection::vec(operand(), 0..5);
    (kind, operands, set()).prop_map(|(kind, operands, clobbers)| InstData { kind, operands, clobbers })
}

/// A block and its instructions; its range is filled in where it is placed.
fn block() -> impl Strategy<Value = (BlockData, Vec<InstData>)> {
    let some_block = || (0..9u32).prop_map(Block);
    let edges = prop::collection::vec((some_block(), vregs()), 0..4);
    let preds = prop::collection::vec(some_block(), 0..3);
    (edges, preds, vregs(), prop::collection::vec(inst(), 1..6)).prop_map(|(edges, preds, params, insts)| {
        let (succs, args) = edges.into_iter().unzip();
        (BlockData { insts: InstRange::new(Inst(0), Inst(0)), succs, preds, params, args }, insts)
    })
}

fn machine() -> impl Strategy<Value = MachineEnv> {
    let sets = || [set(), set(), set()];
    let scratch = || prop::option::of(preg());
    let parts = (sets(), sets(), [scratch(), scratch(), scratch()], prop::collection::vec(preg(), 0..5));
    parts.prop_map(|(preferred, non_preferred, scratch_by_class, fixed_stack_slots)| MachineEnv {
        preferred_regs_by_class: preferred,
        non_preferred_regs_by_class: non_preferred,
        scratch_by_class,
        fixed_stack_slots,
    })
}

fn problem() -> impl Strategy<Value = Problem> {
    let labels = prop::collection::vec((vreg(), any::<u32>(), any::<u32>(), any::<u32>()), 0..3);
    let blocks = prop::collection::vec(block(), 0..6);
    let flags = (any::<[u8; 3]>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let frequencies = prop::collection::vec(prop::num::f32::POSITIVE | prop::num::f32::ZERO, 6);
    let parts = (machine(), blocks, labels, flags, frequencies, 0..9u32, 0..=VReg::MAX);
    parts.prop_map(|(env, blocks, labels, flags, frequencies, entry, num_vregs)| {
        let (spillslot_size, named_by_last_slot, multiple_defs, derive, with_frequencies) = flags;
        let mut func = Func {
            entry: Block(entry),
            num_vregs,
            blocks: Vec::new(),
            insts: Vec::new(),
            spillslot_size,
            named_by_last_slot,
            multiple_defs,
            debug_labels: labels.into_iter().map(|(v, from, to, label)| (v, Inst(from), Inst(to), label)).collect(),
            frequencies: Vec::new(),
        };
        for (mut block, insts) in blocks {
            let first = Inst::new(func.insts.len());
            func.insts.extend(insts);
            block.insts = InstRange::new(first, Inst::new(func.insts.len()));
            func.blocks.push(block);
        }
        // The code of the blocks need not be in the order of their numbers.
        if let [first, .., last] = func.blocks.as_mut_slice() {
            std::mem::swap(first, last);
        }
        if derive {
            func.derive_preds();
        }
        if with_frequencies {
            func.frequencies = frequencies.into_iter().filter_map(Frequency::new).take(func.blocks.len()).collect();
        }
        Problem { func, env }
    })
}
