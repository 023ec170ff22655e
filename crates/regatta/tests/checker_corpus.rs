//! The checker accepts what a proven allocator does with real programs.

use regatta::check::{check, validate};
use regatta::{
    Allocation, Edit, Function, Inst, InstPosition, OperandKind, OperandPos, Output, Problem, ProgPoint, VReg,
};
use regatta_compare::ra2;

#[test]
fn regalloc2s_outputs_for_the_corpus_are_right() {
    for name in ["blake3.x64", "bz2.x64", "ed25519.a64", "ed25519.x64", "keccak.x64"] {
        let path = format!("{}/../../corpus/{name}.raf.zst", env!("CARGO_MANIFEST_DIR"));
        for (n, problem) in regatta_corpus::read_file(path).unwrap().iter().enumerate() {
            assert_eq!(validate(&problem.func, &problem.env), Ok(()), "function {n} of {name}");
            for algorithm in [ra2::Algorithm::Ion, ra2::Algorithm::Fastalloc] {
                let output = ra2::run(problem, algorithm).unwrap();
                if let Err(faults) = check(&problem.func, &problem.env, &output) {
                    panic!("function {n} of {name} by {algorithm:?}:\n{faults}");
                }
            }
        }
    }
}

type DebugLocation = (u32, ProgPoint, ProgPoint, Allocation);

/// The debug locations as we mean them. regalloc2 says that a value is there until the block ends, where moves of the edge have overwritten
/// the place when control is at the branch; and that what an instruction defines early is there before it has executed.
fn as_we_mean_them(problem: &Problem, output: &Output) -> Vec<DebugLocation> {
    let is_early_def = |point: ProgPoint, place: Allocation| {
        let operands = problem.func.inst_operands(point.inst()).iter().zip(output.inst_allocs(point.inst()));
        let mut early = operands.filter(|(op, _)| op.kind() == OperandKind::Def && op.pos() == OperandPos::Early);
        point.pos() == InstPosition::Before && early.any(|(_, &at)| at == place)
    };
    let is_branch = |point: ProgPoint| problem.func.is_branch(point.inst());
    let mut locations = Vec::new();
    for &(label, mut from, to, place) in &output.debug_locations {
        if is_early_def(from, place) {
            from = from.next();
        }
        for &(point, Edit::Move { to: written, .. }) in output.edits.iter().filter(|edit| is_branch(edit.0)) {
            if written == place && from <= point && point < to {
                locations.push((label, from, point, place));
                from = point.next();
            }
        }
        locations.push((label, from, to, place));
    }
    locations.retain(|&(_, from, to, _)| from < to);
    locations.sort_unstable();
    locations
}

#[test]
fn regalloc2s_debug_locations_are_right() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/bz2.x64.raf.zst");
    for (n, problem) in regatta_corpus::read_file(path).unwrap().iter_mut().enumerate() {
        // Every third value, wherever it lives.
        let mut defs: Vec<VReg> =
            problem.func.insts.iter().flat_map(|inst| &inst.operands).map(|op| op.vreg()).collect();
        defs.sort_unstable();
        defs.dedup();
        let end = Inst::new(problem.func.insts.len());
        let labels = defs.iter().filter(|vreg| vreg.vreg() % 3 == 0 && vreg.vreg() != VReg::MAX);
        problem.func.debug_labels = labels.map(|&vreg| (vreg, Inst::new(0), end, vreg.vreg() as u32)).collect();
        let mut output = ra2::run(problem, ra2::Algorithm::Ion).unwrap();
        // Where a value is in two places at a time, regalloc2 may name both. Ours are to be disjoint.
        let mut last = None;
        output.debug_locations.retain(|&(label, from, to, _)| {
            let behind = last <= Some((label, from));
            last = last.max(Some((label, to)));
            behind
        });
        output.debug_locations = as_we_mean_them(problem, &output);
        assert!(!output.debug_locations.is_empty() || problem.func.debug_labels.is_empty());
        if let Err(faults) = check(&problem.func, &problem.env, &output) {
            panic!("function {n}:\n{faults}");
        }
    }
}
