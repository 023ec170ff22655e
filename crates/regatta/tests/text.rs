//! The text form: what people read, and that nothing is lost in it.

use regatta::text::{parse, print, print_all, print_allocated};
use regatta::{
    Allocation, Block, BlockData, Edit, FuncBuilder, Inst, InstData, InstPosition, InstRange, MachineEnv, Operand,
    OperandConstraint, OperandKind, OperandPos, Output, PReg, PRegSet, Problem, ProgPoint, RegClass, SpillSlot, VReg,
};
use std::path::Path;

fn int(number: usize) -> PReg {
    PReg::new(number, RegClass::Int)
}

/// A loop that has one of everything.
fn sample() -> Problem {
    let mut b = FuncBuilder::new();
    let [n, i, j, x] = [RegClass::Int, RegClass::Int, RegClass::Int, RegClass::Float].map(|class| b.vreg(class));
    let (entry, head, exit) = (b.block(&[]), b.block(&[i]), b.block(&[]));
    b.op(entry, &[Operand::reg_fixed_def(n, int(0)), Operand::any_def(x)]);
    b.branch(entry, &[], &[(head, &[n])]);
    let call = InstData {
        operands: vec![Operand::fixed_nonallocatable(int(14)), Operand::reg_fixed_use_at_end(n, int(1))],
        clobbers: (0..4).map(int).chain([PReg::new(7, RegClass::Float)]).collect(),
        ..InstData::default()
    };
    b.inst(head, call);
    let limit = Operand::new(x, OperandConstraint::Limit(16), OperandKind::Use, OperandPos::Early);
    b.op(head, &[Operand::reg_reuse_def(j, 1), Operand::reg_use(i), limit]);
    b.branch(head, &[], &[(head, &[j]), (exit, &[])]);
    b.ret(exit, &[Operand::reg_fixed_use(j, int(0))]);
    let mut func = b.finish();
    func.debug_labels.push((j, Inst(3), Inst(5), 7));
    let mut env = MachineEnv { fixed_stack_slots: vec![int(40), int(41)], ..MachineEnv::default() };
    env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0xf);
    env.preferred_regs_by_class[1] = PRegSet::from_class_mask(RegClass::Float, 0xff);
    env.non_preferred_regs_by_class[0] = [int(12), int(13)].into_iter().collect();
    env.scratch_by_class[0] = Some(int(15));
    func.spillslot_size = [1, 2, 0];
    Problem { func, env }
}

#[test]
fn a_function_as_people_read_it() {
    insta::assert_snapshot!(print(&sample()));
}

#[test]
fn an_allocated_function_as_people_read_it() {
    let reg = |number| Allocation::reg(int(number));
    let slot = Allocation::stack(SpillSlot::new(0));
    let float = Allocation::reg(PReg::new(0, RegClass::Float));
    let edit = |inst, pos, from, to| (ProgPoint::new(Inst(inst), pos), Edit::Move { from, to });
    let output = Output {
        num_spillslots: 1,
        edits: vec![
            edit(0, InstPosition::After, reg(0), slot),
            edit(2, InstPosition::Before, slot, reg(1)),
            edit(3, InstPosition::Before, slot, reg(2)),
        ],
        allocs: vec![reg(0), float, reg(14), reg(1), reg(2), reg(2), float, reg(0)],
        inst_alloc_offsets: vec![0, 2, 2, 4, 7, 7],
        debug_locations: vec![(7, ProgPoint::before(Inst(4)), ProgPoint::before(Inst(5)), reg(2))],
        ..Output::default()
    };
    insta::assert_snapshot!(print_allocated(&sample(), &output));
}

#[test]
fn errors_say_what_was_expected_and_where() {
    let wrong = [
        "function { }",
        "nothing",
        "machine { int preferred p0i-p3f }",
        "machine { int slot 256 }",
        "machine { int preferred p64i }",
        "machine { wide }",
        "machine { } function {",
        "machine { } function { block0: nop }",
        "machine { } function { block0: op use v0 reg }",
        "machine { } function { block0: op use v0i rge }",
        "machine { } function { block0: op use v0i fixed(p0f) }",
        "machine { } function { block0: op use v0i limit(3) }",
        "machine { } function { block0: op use v0i reg use v1i reg }",
        "machine { } function { block0: op late v0i reg }",
        "machine { } function { block0: ret block0: ret }",
        "machine { } function { block0: branch -> block4294967296 }",
        "machine { } function {\nblock0:\n  branch -> block1\n  ret\n}",
        "machine { } function { block0: ret block2: ret }",
        "machine { } function { block0 freq 1.5: ret block1: ret }",
        "machine { } function { block0 freq 1.2.3: ret }",
        "machine { } function { block0: ret debug 1 v0i from inst0 to 1 }",
        "machine { } function { entry 0 { } }",
        "machine { } function { \u{1F600} }",
    ];
    let verdict = |text: &&str| match parse(text) {
        Ok(problems) => format!("{text}\n    {} problems\n", problems.len()),
        Err(error) => format!("{text}\n    {error}\n"),
    };
    insta::assert_snapshot!(wrong.iter().map(verdict).collect::<String>());
}

#[test]
fn line_breaks_and_comments_do_not_matter() {
    let text = print(&sample());
    let without_comments = text.lines().map(|line| line.split(';').next().unwrap_or(""));
    let in_one_line = without_comments.clone().collect::<Vec<_>>().join(" ");
    let word_by_word: String =
        without_comments.flat_map(str::split_whitespace).map(|word| format!("{word} ; {{ comment\n")).collect();
    assert_eq!(parse(&in_one_line), Ok(vec![sample()]));
    assert_eq!(parse(&word_by_word), Ok(vec![sample()]));
    assert_eq!(parse("; nothing here"), Ok(vec![]));
}

/// Some editors put a mark in front of a text. And a class may list its registers in several goes.
#[test]
fn what_else_may_be_written() {
    let [marked] =
        &parse("\u{feff}machine { int preferred p0i, preferred p1i }\nfunction { block0: ret }").unwrap()[..]
    else {
        panic!("one function")
    };
    assert_eq!(marked.env.preferred_regs_by_class[0].iter().collect::<Vec<_>>(), [int(0), int(1)]);
    assert!(parse("machine { \u{feff} }").is_err(), "the mark stands in front only");
}

#[test]
fn a_machine_is_written_once_for_all_that_share_it() {
    let mut other = sample();
    other.func.named_by_last_slot = true;
    let problems = [sample(), sample(), other, sample()];
    let text = print_all(&problems);
    assert_eq!(text.matches("machine {").count(), 3);
    assert_eq!(parse(&text), Ok(problems.to_vec()));
}

#[test]
fn what_is_invalid_can_be_written_down_too() {
    let mut problem = sample();
    problem.func.entry = Block(9);
    problem.func.blocks[2].succs = vec![Block(100)];
    problem.func.blocks[2].args = vec![vec![]];
    problem.func.blocks[0].preds = vec![Block(2), Block(2)];
    problem.func.blocks[1].preds = vec![];
    problem.func.blocks.push(BlockData {
        insts: InstRange::new(Inst(6), Inst(6)),
        succs: vec![Block(0), Block(0)],
        preds: vec![],
        params: vec![VReg::new(VReg::MAX, RegClass::Float)],
        args: vec![vec![], vec![VReg::new(3, RegClass::Int)]],
    });
    problem.func.num_vregs = 0;
    assert_eq!(parse(&print(&problem)), Ok(vec![problem]));
}

#[test]
fn every_function_of_the_corpus_survives() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus");
    // Another directory of corpus files, for a run by hand over more than the repository holds.
    let corpus = std::env::var_os("REGATTA_CORPUS").map_or(corpus, Into::into);
    let mut count = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus is there") {
        let path = entry.expect("the corpus can be listed").path();
        if !path.to_string_lossy().ends_with(".raf.zst") {
            continue;
        }
        let problems = regatta_corpus::read_file(&path).expect("the file is a corpus");
        for (number, problem) in problems.iter().enumerate() {
            let back = parse(&print(problem)).unwrap_or_else(|error| panic!("{path:?} function {number}: {error}"));
            assert!(back == std::slice::from_ref(problem), "{path:?} function {number}");
            count += 1;
        }
        assert!(parse(&print_all(&problems)).as_ref() == Ok(&problems), "{path:?} as a whole");
    }
    println!("{count} functions");
    assert!(count > 0);
}
