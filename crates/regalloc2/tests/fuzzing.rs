//! The functions that feature `fuzzing` makes: valid, of every kind, allocated by both algorithms and by the other crate.

use arbitrary::{Arbitrary, Unstructured};
use regalloc2::fuzzing::func::{Func, Options, machine_env};
use regalloc2::fuzzing::{fastalloc, ion};
use regalloc2::{Function, Inst, OperandConstraint, OperandKind, OperandPos, RegallocOptions, run, ssa};

/// Bytes as a fuzzer might come up with (xorshift).
fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..20_000).map(|_| next()).collect()
}

#[test]
fn both_algorithms_get_them_right() {
    for seed in 0..150 {
        let bytes = bytes(seed);
        ion::check(ion::TestCase::arbitrary(&mut Unstructured::new(&bytes)).expect("bytes enough"));
        fastalloc::check(fastalloc::TestCase::arbitrary(&mut Unstructured::new(&bytes)).expect("bytes enough"));
    }
}

#[test]
fn few_bytes_do_for_a_function_too() {
    for length in 0..60 {
        let bytes = &bytes(7)[..length];
        if let Ok(case) = ion::TestCase::arbitrary(&mut Unstructured::new(bytes)) {
            ion::check(case);
        }
    }
}

#[test]
fn they_are_valid_and_small_when_asked_to_be() {
    let options = Options { num_blocks: 1..=4, num_vregs_per_block: 1..=2, ..Options::DEFAULT };
    for seed in 0..100 {
        let func = Func::arbitrary_with_options(&mut Unstructured::new(&bytes(seed)), &options).expect("bytes enough");
        ssa::validate_ssa(&func, &Default::default()).expect("valid");
        assert!(func.num_blocks() <= 4 + 6, "{func:?}");
        for inst in (0..func.num_insts()).map(Inst::new) {
            assert!(func.inst_clobbers(inst).len() == 0);
            for op in func.inst_operands(inst) {
                assert!(matches!(op.constraint(), OperandConstraint::Any | OperandConstraint::Reg), "{func:?}");
            }
        }
        run(&func, &machine_env(), &RegallocOptions::default()).expect("allocatable");
    }
}

#[test]
fn they_have_operands_of_every_kind() {
    let everything = Options {
        reused_inputs: true,
        fixed_regs: true,
        fixed_nonallocatable: true,
        clobbers: true,
        callsite_ish_constraints: true,
        ..Options::DEFAULT
    };
    let (mut reuses, mut fixed, mut mentions, mut early_defs, mut late_uses, mut clobbers, mut joins) =
        (0, 0, 0, 0, 0, 0, 0);
    for seed in 0..20 {
        let func = Func::arbitrary_with_options(&mut Unstructured::new(&bytes(seed)), &everything).expect("enough");
        for inst in (0..func.num_insts()).map(Inst::new) {
            clobbers += func.inst_clobbers(inst).len();
            for op in func.inst_operands(inst) {
                match op.constraint() {
                    OperandConstraint::Reuse(_) => reuses += 1,
                    OperandConstraint::FixedReg(_) if op.as_fixed_nonallocatable().is_some() => mentions += 1,
                    OperandConstraint::FixedReg(_) => fixed += 1,
                    _ => {}
                }
                early_defs += u32::from(op.kind() == OperandKind::Def && op.pos() == OperandPos::Early);
                late_uses += u32::from(op.kind() == OperandKind::Use && op.pos() == OperandPos::Late);
            }
        }
        joins += (0..func.num_blocks()).filter(|&n| func.block_preds(regalloc2::Block::new(n)).len() > 1).count();
    }
    let counts = [reuses, fixed, mentions, early_defs, late_uses, clobbers];
    assert!(joins > 20 && counts.iter().all(|&count| count > 20), "{joins} {counts:?}");
}
