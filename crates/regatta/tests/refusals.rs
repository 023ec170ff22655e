//! What the validator says: each way in which an input can be wrong, at the place where it is, and what is right just beside it. What is
//! right is also allocated, by every allocator.

use regatta::check::{check, validate};
use regatta::{
    Algorithm, Block, Frequency, Func, Function, Inst, InstKind, InstRange, MachineEnv, Operand, Options, PReg,
    PRegSet, Problem, RegClass, VReg, run, text,
};
use std::fmt::Write;

/// Four registers of class Int, of which none is numbered 0, and a single one of class Float; none of class Vector.
const MACHINE: &str = "machine {
      int preferred p1i-p4i, scratch p6i, slot 1
      float preferred p1f, slot 2
      stack p9i
    }";

fn parse(function: &str) -> Problem {
    text::parse(&format!("{MACHINE} {function}")).expect("well-formed").remove(0)
}

/// A function whose second instruction is `inst`, behind one that defines v0i, v1i and v2f. What `inst` defines is v5i and upwards.
fn with(inst: &str) -> Problem {
    let mut problem = parse(&format!(
        "function {{
        block0:
          op def v0i any, def v1i any, def v2f any
          {inst}
          {}
        }}",
        if inst.contains("ret") { "" } else { "ret" }
    ));
    problem.func.num_vregs = 20;
    problem
}

fn verdict(problem: &Problem) -> String {
    if let Err(error) = validate(&problem.func, &problem.env) {
        let words = error.to_string();
        assert_eq!(error.inst().map(|inst| inst.to_string()), inst_in(&words), "{words}");
        return words;
    }
    for algorithm in Algorithm::ALL {
        let output = match run(&problem.func, &problem.env, &Options { algorithm, ..Options::default() }) {
            Ok(output) => output,
            Err(error) => return format!("not by {algorithm:?}: {error}"),
        };
        if let Err(faults) = check(&problem.func, &problem.env, &output) {
            return format!("wrong by {algorithm:?}: {faults}");
        }
    }
    "right".to_owned()
}

/// The first instruction that these words name.
fn inst_in(words: &str) -> Option<String> {
    let mut names = words.match_indices("inst").map(|(at, name)| {
        let number = words[at + name.len()..].chars().take_while(char::is_ascii_digit);
        name.to_owned() + &number.collect::<String>()
    });
    names.find(|name| name != "inst")
}

/// What is said of each of these instructions, a line each.
fn verdicts(insts: &[&str]) -> String {
    let width = insts.iter().map(|inst| inst.len()).max().unwrap_or(0);
    insts.iter().map(|inst| format!("{inst:width$}  {}\n", verdict(&with(inst)))).collect()
}

#[test]
fn constraints_that_can_never_be_met() {
    let report = verdicts(&[
        "op use v0i reg",
        "op use v0i any, def v5v reg",
        "op use v0i any, def v5v any",
        "op use v0i any, def v5v fixed(p5v)",
        "op use v0i any, fixed p5v",
        "op use v0i any, def v5v stack",
        "op use v0i any, use v1i limit(1)",
        "op use v0i any, use v1i limit(2)",
        "op use v0i any, use v1i fixed(p63i)",
        "op use v0i any, use v1i fixed(p62i)",
        "op use v0i any, use v1i fixed(p5i)",
        "op fixed p5i, use v0i any",
        "op use v0i any, fixed p4i",
        "ret use v0i any, def v5i fixed(p4i)",
        "ret use v0i any, def v5i fixed(p5i)",
        "ret use v0i any, def v5i fixed(p9i)",
        "ret use v0i any, use v1i fixed(p5i)",
        "op use v0i any, def v5i fixed(p5i)",
    ]);
    insta::assert_snapshot!(report);
}

#[test]
fn reuse() {
    let report = verdicts(&[
        "op use v0i reg, def v5i reuse(0)",
        "op use v0i any, def v5i reuse(0)",
        "op use v0i limit(2), def v5i reuse(0)",
        "op use v0i fixed(p2i), def v5i reuse(0)",
        "op use v0i fixed(p5i), def v5i reuse(0)",
        "op use v0i stack, def v5i reuse(0)",
        "op use v0i fixed(p9i), def v5i reuse(0)",
        "op fixed p5i, def v5i reuse(0)",
        "op use v0i reg, use v1i reuse(0)",
        "op use v0i reg, early def v5i reuse(0)",
        "op use v0i reg, def v5i reuse(2)",
        "op use v0i reg, def v5i reuse(1)",
        "op late use v0i reg, def v5i reuse(0)",
        "op def v5i reg, def v6i reuse(0)",
        "op use v0i reg, def v5f reuse(0)",
        "op use v0i reg, def v5i reuse(0), def v6i reuse(0)",
        "op use v0i reg, use v1i reg, def v5i reuse(0), def v6i reuse(1)",
        "op use v0i fixed(p2i), def v5i reuse(0), def v6i fixed(p2i)",
        "op use v0i fixed(p2i), def v5i reuse(0) clobbers p2i",
        "op use v0i fixed(p2i), def v5i reg clobbers p2i",
        "op late use v0i fixed(p2i) clobbers p2i",
        "op def v5i fixed(p2i) clobbers p2i",
        "op early def v5i fixed(p2i) clobbers p2i",
    ]);
    insta::assert_snapshot!(report);
}

/// Two definitions of one value, where an instruction may have them, in places of every kind.
#[test]
fn one_value_for_two() {
    let constraints = ["any", "reg", "stack", "limit(4)", "fixed(p2i)", "fixed(p5i)", "fixed(p9i)", "reuse(0)"];
    let mut table = String::new();
    for (n, one) in constraints.iter().enumerate() {
        for other in &constraints[n..] {
            for early in ["", "early "] {
                let inst =
                    format!("op use v0i reg, def v5i {one}, use v1i any, {early}def v5i {other} ret use v5i any");
                let mut problem = with(&inst);
                problem.func.multiple_defs = true;
                writeln!(table, "{:10} {:16} {}", one, early.to_owned() + other, verdict(&problem))
                    .expect("text grows");
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn several_values_for_one_input() {
    let verdict = |inst: &str| {
        let mut problem = with(inst);
        problem.func.multiple_defs = true;
        verdict(&problem)
    };
    assert_eq!(verdict("op use v0i reg, def v5i reuse(0), def v5i reuse(0)"), "right");
    let error = "operand 2 of inst1: another definition reuses the same operand";
    assert_eq!(verdict("op use v0i reg, def v5i reuse(0), def v6i reuse(0)"), error);
    let apart = "operand 3 of inst1: it defines a value that another operand defines in another place";
    assert_eq!(verdict("op use v0i reg, use v1i reg, def v5i reuse(0), def v5i reuse(1)"), apart);
    // A third definition must be where the first two are.
    let apart = "operand 2 of inst1: it defines a value that another operand defines in another place";
    assert_eq!(verdict("op def v5i any, def v5i fixed(p1i), def v5i fixed(p2i)"), apart);
}

#[test]
fn one_register_for_two_in_turn() {
    assert_eq!(verdict(&with("op use v0i fixed(p2i), def v5i any op use v1i fixed(p2i), def v6i fixed(p2i)")), "right");
}

/// Two values in one register, of every kind and at every step, and one value twice.
#[test]
fn one_register_for_two() {
    let operands = ["use v0i", "late use v0i", "early def v5i", "def v5i"];
    let others = ["use v1i", "late use v1i", "early def v6i", "def v6i"];
    let mut table = String::new();
    for first in operands {
        for second in operands.iter().chain(&others) {
            let inst = format!("op {first} fixed(p2i), {second} fixed(p2i)");
            let once = with(&inst);
            let mut often = with(&inst);
            often.func.multiple_defs = true;
            let (once, often) = (verdict(&once), verdict(&often));
            let often =
                if once == often { String::new() } else { format!("; if values may be defined twice: {often}") };
            writeln!(table, "{first:13} {second:13} {once}{often}").expect("text grows");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn more_than_there_are() {
    let report = verdicts(&[
        "op def v5i reg, def v6i reg, def v7i reg, def v8i reg",
        "op def v5i reg, def v6i reg, def v7i reg, def v8i reg, def v9i reg",
        "op def v5i reg, def v6i reg, def v7i reg, def v8i reg, def v9i any",
        "op def v5i reg, def v6i reg, def v7i reg, def v8i fixed(p5i), def v9i reg",
        "op def v5i reg, def v6i reg, def v7i reg clobbers p4i",
        "op def v5i reg, def v6i reg, def v7i reg clobbers p4i p5i p1f",
        "op def v5i reg, def v6i reg, def v7i reg clobbers p3i p4i",
        "op early def v5i reg, early def v6i reg, use v0i reg, use v1i reg, def v9i any clobbers p3i p4i",
        "op early def v5i reg, early def v6i reg, use v0i reg, use v1i reg, def v9i reg clobbers p3i p4i",
        "op early def v5i reg, early def v6i reg, early def v7i reg, use v0i reg, use v1i reg",
        "op early def v5i reg, early def v6i reg, early def v7i reg, use v0i reg, use v0i reg",
        "op late use v0i reg, late use v1i reg, def v5i reg, def v6i reg",
        "op late use v0i reg, late use v1i reg, def v5i reg, def v6i reg, def v7i reg",
        "op use v0i reg, use v1i reg, def v5i reg, def v6i reg, def v7i reg, def v8i reg",
        "op use v0i limit(2), use v1i reg",
        "op use v0i limit(2), use v1i limit(2)",
        "op use v0i limit(2), use v0i limit(2)",
        "op use v0i limit(2), use v0i limit(4), use v1i limit(4), def v5i limit(4)",
        "op use v0i limit(2), use v1i limit(4), early def v5i limit(4), early def v6i limit(8)",
        "op use v0i limit(4), use v1i limit(4), early def v5i limit(4), early def v6i limit(4)",
        "op use v0i fixed(p1i), use v1i limit(2)",
        "op use v0i fixed(p1i), use v0i limit(2), use v1i limit(4)",
        "op use v0i fixed(p3i), use v0i limit(2), use v1i limit(2)",
        "op use v0i fixed(p3i), use v0i limit(2), use v1i limit(4), early def v5i reg",
        "op use v0i fixed(p3i), use v0i limit(2), use v1i limit(4), early def v5i reg, early def v6i reg",
        "op use v0i fixed(p1i), use v0i fixed(p2i), use v0i fixed(p3i), use v0i fixed(p4i), use v0i reg",
        "op use v0i fixed(p1i), use v0i fixed(p2i), use v0i fixed(p3i), use v0i fixed(p4i), use v1i reg",
        "op use v2f reg, def v5f reg",
        "op late use v2f reg, def v5f reg",
        "op use v0i any, use v1i reg, early def v5i reg, early def v6i reg, early def v7i reg",
        "op use v0i any, use v1i reg, early def v5i reg, early def v6i reg, early def v7i reg, def v8i reuse(0)",
    ]);
    insta::assert_snapshot!(report);
}

#[test]
fn more_operands_than_an_instruction_may_have() {
    let used = |times: usize| {
        let mut problem = with("op use v0i any");
        problem.func.insts[1].operands = vec![Operand::any_use(int(0)); times];
        verdict(&problem)
    };
    assert_eq!(used(4095), "right");
    assert_eq!(used(4096), "more than 4095 operands of an instruction");
}

/// Encodings that stand for nothing, which only [`Operand::from_bits`] makes.
#[test]
fn encodings() {
    let mut table = String::new();
    let plain = Operand::any_use(VReg::new(0, RegClass::Int)).bits();
    let verdict_of = |bits: u64| {
        let mut problem = with("op use v1i any");
        problem.func.insts[1].operands.push(Operand::from_bits(bits));
        verdict(&problem)
    };
    for class in 0..4u64 {
        writeln!(table, "class {class}: {}", verdict_of(plain | class << 32)).expect("text grows");
    }
    for field in [2, 3, 4, 15, 16, 22, 23, 31, 32] {
        writeln!(table, "constraint {field}: {}", verdict_of(plain | field << 36)).expect("text grows");
    }
    let aside = Operand::fixed_nonallocatable(PReg::new(5, RegClass::Int)).bits();
    writeln!(table, "class 3 of a register aside: {}", verdict_of(aside | 3 << 32)).expect("text grows");
    for number in [1 << 30, 1 << 31] {
        writeln!(table, "number with bit {:#x}: {}", number, verdict_of(plain | number)).expect("text grows");
    }
    insta::assert_snapshot!(table);
}

/// A diamond: block 0 branches to 1 and 2, which pass a value on to 3.
fn diamond() -> Problem {
    parse(
        "function {
        block0:
          op def v0i reg
          branch -> block1, block2
        block1:
          op use v0i reg, def v1i reg
          branch -> block3(v1i)
        block2:
          branch -> block3(v0i)
        block3(v2i):
          ret use v2i reg
        }",
    )
}

fn int(number: usize) -> VReg {
    VReg::new(number, RegClass::Int)
}

fn float(number: usize) -> VReg {
    VReg::new(number, RegClass::Float)
}

fn insts(from: usize, to: usize) -> InstRange {
    InstRange::new(Inst::new(from), Inst::new(to))
}

/// What happens to the diamond, in words, and how that is done.
type Breakage = (&'static str, fn(&mut Func));

/// What is said of the diamond broken in each of these ways.
fn broken(ways: &[Breakage]) -> String {
    let mut report = String::new();
    assert_eq!(verdict(&diamond()), "right");
    for (what, break_it) in ways {
        let mut problem = diamond();
        break_it(&mut problem.func);
        writeln!(report, "{what}:\n  {}", verdict(&problem)).expect("text grows");
    }
    report
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
        ("a branch with clobbers on a joining edge", |f| f.insts[4].clobbers.add(PReg::new(1, RegClass::Int))),
        ("a branch with operands and clobbers elsewhere", |f| {
            f.insts[1].operands.push(Operand::any_use(int(0)));
            f.insts[1].clobbers.add(PReg::new(1, RegClass::Int));
        }),
        ("an argument too few", |f| f.blocks[1].args[0].clear()),
        ("an argument too many", |f| f.blocks[1].args[0].push(int(0))),
    ]);
    insta::assert_snapshot!(report);
}

#[test]
fn values() {
    let report = broken(&[
        ("an operand that does not exist", |f| f.num_vregs = 1),
        ("a parameter that does not exist", |f| f.num_vregs = 2),
        ("an argument that does not exist", |f| f.blocks[2].args[0] = vec![int(3)]),
        ("a parameter of no class", |f| f.blocks[3].params[0] = VReg::from_bits(2 << 2 | 3)),
        ("a parameter of another class", |f| {
            f.blocks[3].params[0] = float(2);
            f.insts[5].operands = vec![Operand::reg_use(float(2))];
        }),
        ("an argument of another class", |f| f.blocks[2].args[0] = vec![float(0)]),
        ("a use of another class", |f| f.insts[5].operands = vec![Operand::reg_use(float(2))]),
        ("a parameter defined again", |f| f.insts[5].operands.push(Operand::reg_def(int(2)))),
        ("a parameter twice", |f| {
            f.blocks[3].params.push(int(2));
            f.blocks[1].args[0].push(int(1));
            f.blocks[2].args[0].push(int(0));
        }),
        ("a parameter that an instruction defines before", |f| f.blocks[3].params[0] = int(0)),
        ("a value defined by two instructions", |f| f.insts[2].operands.push(Operand::reg_def(int(0)))),
        ("a value defined by two instructions, where one may define it twice", |f| {
            f.multiple_defs = true;
            f.insts[2].operands.push(Operand::reg_def(int(0)));
        }),
        ("a value defined twice by one instruction", |f| f.insts[2].operands.push(Operand::reg_def(int(1)))),
        ("a value defined twice by one instruction, where that is allowed", |f| {
            f.multiple_defs = true;
            f.insts[2].operands.push(Operand::reg_def(int(1)));
        }),
        ("a value defined twice in two classes, where twice is allowed", |f| {
            f.multiple_defs = true;
            f.insts[2].operands.push(Operand::reg_def(float(1)));
        }),
        ("a value that nothing defines", |f| f.insts[0].operands.clear()),
        ("an argument that nothing defines", |f| {
            f.num_vregs = 4;
            f.blocks[2].args[0] = vec![int(3)];
        }),
        ("a value used where it is defined", |f| f.insts[0].operands.push(Operand::reg_use(int(0)))),
        ("a value used before it is defined", |f| f.insts[0].operands.push(Operand::reg_use(int(1)))),
        ("a value of one branch used in the other", |f| f.insts[4].operands.push(Operand::any_use(int(1)))),
        ("a value of one branch passed on by the other", |f| f.blocks[2].args[0] = vec![int(1)]),
        ("a value of one branch used where both join", |f| f.insts[5].operands.push(Operand::any_use(int(1)))),
        ("a parameter used at once", |f| f.insts[5].operands.push(Operand::any_use(int(2)))),
        ("an argument that the branch defines", |f| {
            // With one way in, the branch may have operands.
            f.blocks[2].succs[0] = Block::new(0);
            f.blocks[2].args[0].clear();
            f.blocks[0].preds.push(Block::new(2));
            f.blocks[3].preds = vec![Block::new(1)];
            f.insts[2].operands.pop();
            f.insts[3].operands.push(Operand::reg_def(int(1)));
        }),
        ("an argument that is defined behind the branch", |f| {
            f.insts[2].operands.pop();
            f.insts[5].operands.push(Operand::reg_def(int(1)));
        }),
    ]);
    insta::assert_snapshot!(report);
}

/// A parameter is refused where its block begins; here it is in a block that nobody reaches, so that there is no argument to refuse before.
#[test]
fn a_parameter_that_the_machine_has_no_registers_for() {
    let of_class = |class| {
        let mut problem = parse("function { block0: ret block1: branch -> block2 block2: ret }");
        problem.func.num_vregs = 2;
        problem.func.blocks[2].params.push(VReg::new(0, class));
        problem.func.blocks[1].args[0].push(VReg::new(1, class));
        problem.func.insts[1].operands.clear();
        problem.func.blocks[1].params.push(VReg::new(1, class));
        problem.func.blocks[1].preds.clear();
        verdict(&problem)
    };
    assert_eq!(of_class(RegClass::Float), "right");
    assert_eq!(
        of_class(RegClass::Vector),
        "inst1 needs more Vector registers at once than its constraints and clobbers leave"
    );
}

/// In a block that nobody reaches, a value must be defined, and not behind its use in the block itself.
#[test]
fn values_that_nobody_reaches() {
    let unreachable = |inst: &str| {
        let mut problem = parse(&format!(
            "function {{
            block0:
              op def v0i any
              ret
            block1:
              {inst}
              op def v1i any
              ret
            }}"
        ));
        problem.func.num_vregs = 3;
        verdict(&problem)
    };
    let insts = ["op use v0i any", "op use v1i any", "op use v2i any", "op def v2i any, late use v2i any"];
    let table: String = insts.iter().map(|inst| format!("{inst:34} {}\n", unreachable(inst))).collect();
    insta::assert_snapshot!(table);
}

#[test]
fn slots_labels_and_frequencies() {
    let report = broken(&[
        ("a slot of three words", |f| f.spillslot_size[0] = 3),
        ("a slot of 128 words", |f| f.spillslot_size[0] = 128),
        ("a slot of three words for a class without values", |f| f.spillslot_size[1] = 3),
        ("a label", |f| f.debug_labels.push((int(2), Inst::new(0), Inst::new(6), 7))),
        ("an empty label", |f| f.debug_labels.push((int(2), Inst::new(6), Inst::new(6), 7))),
        ("a label that ends before it begins", |f| f.debug_labels.push((int(2), Inst::new(3), Inst::new(2), 7))),
        ("a label that ends behind the function", |f| f.debug_labels.push((int(2), Inst::new(0), Inst::new(7), 7))),
        ("a label of nothing", |f| f.debug_labels.push((int(3), Inst::new(0), Inst::new(6), 7))),
        ("a label of another class", |f| f.debug_labels.push((float(2), Inst::new(0), Inst::new(6), 7))),
        ("a label of what is never defined", |f| {
            f.num_vregs = 4;
            f.debug_labels.push((float(3), Inst::new(0), Inst::new(6), 7));
        }),
        ("labels of one value", |f| {
            f.debug_labels.push((int(1), Inst::new(3), Inst::new(6), 7));
            f.debug_labels.push((int(1), Inst::new(0), Inst::new(6), 7));
        }),
        ("labels out of order", |f| {
            f.debug_labels.push((int(1), Inst::new(0), Inst::new(6), 7));
            f.debug_labels.push((int(0), Inst::new(0), Inst::new(6), 7));
        }),
        ("frequencies", |f| f.frequencies = vec![frequency(0.0); 4]),
        ("frequencies of some blocks", |f| f.frequencies = vec![frequency(1.0); 3]),
        ("a frequency of one block", |f| f.frequencies = vec![frequency(1.0)]),
    ]);
    insta::assert_snapshot!(report);
}

fn frequency(value: f32) -> Frequency {
    Frequency::new(value).expect("finite and not negative")
}

/// The diamond, of which is said what no [`Func`] can say.
#[derive(Clone)]
struct Odd {
    func: Func,
    slot: usize,
    frequencies: [f32; 4],
    both: Option<Inst>,
}

impl Function for Odd {
    fn num_insts(&self) -> usize {
        self.func.num_insts()
    }
    fn num_blocks(&self) -> usize {
        self.func.num_blocks()
    }
    fn entry_block(&self) -> Block {
        self.func.entry_block()
    }
    fn block_insns(&self, block: Block) -> InstRange {
        self.func.block_insns(block)
    }
    fn block_succs(&self, block: Block) -> &[Block] {
        self.func.block_succs(block)
    }
    fn block_preds(&self, block: Block) -> &[Block] {
        self.func.block_preds(block)
    }
    fn block_params(&self, block: Block) -> &[VReg] {
        self.func.block_params(block)
    }
    fn is_ret(&self, inst: Inst) -> bool {
        self.func.is_ret(inst) || self.both == Some(inst)
    }
    fn is_branch(&self, inst: Inst) -> bool {
        self.func.is_branch(inst) || self.both == Some(inst)
    }
    fn branch_blockparams(&self, block: Block, inst: Inst, succ: usize) -> &[VReg] {
        self.func.branch_blockparams(block, inst, succ)
    }
    fn inst_operands(&self, inst: Inst) -> &[Operand] {
        self.func.inst_operands(inst)
    }
    fn inst_clobbers(&self, inst: Inst) -> PRegSet {
        self.func.inst_clobbers(inst)
    }
    fn num_vregs(&self) -> usize {
        self.func.num_vregs()
    }
    fn spillslot_size(&self, _: RegClass) -> usize {
        self.slot
    }
    fn block_frequency(&self, block: Block) -> Option<f32> {
        Some(self.frequencies[block.index()])
    }
}

#[test]
fn what_only_a_client_can_say() {
    let Problem { func, env } = diamond();
    let right = Odd { func, slot: 1, frequencies: [1.0, 0.5, 0.5, 1.0], both: None };
    let verdict = |break_it: fn(&mut Odd)| {
        let mut odd = right.clone();
        break_it(&mut odd);
        validate(&odd, &env).map_err(|error| error.to_string())
    };
    let refused = |words: &str| Err(words.to_owned());
    assert_eq!(verdict(|_| {}), Ok(()));
    assert_eq!(verdict(|odd| odd.slot = 1 << 16), Ok(()));
    let size = refused("spill slots of class Int have 131072 words, which is no power of two that can be");
    assert_eq!(verdict(|odd| odd.slot = 1 << 17), size);
    let size = refused("spill slots of class Int have 0 words, which is no power of two that can be");
    assert_eq!(verdict(|odd| odd.slot = 0), size);
    let frequency = refused("block2: every block has a frequency that is finite and not negative, or none has one");
    assert_eq!(verdict(|odd| odd.frequencies[2] = f32::INFINITY), frequency);
    assert_eq!(verdict(|odd| odd.frequencies[2] = f32::NAN), frequency);
    assert_eq!(verdict(|odd| odd.frequencies[2] = -0.5), frequency);
    assert_eq!(verdict(|odd| odd.frequencies[2] = -0.0), Ok(()));
    let both = refused("inst3 in block1: it is both a branch and a return");
    assert_eq!(verdict(|odd| odd.both = Some(Inst::new(3))), both);
}

#[test]
fn environments() {
    type Breakage = (&'static str, fn(&mut MachineEnv));
    let reg = |number| PReg::new(number, RegClass::Int);
    let ways: [Breakage; 12] = [
        ("a register twice", |env| env.non_preferred_regs_by_class[0].add(PReg::new(1, RegClass::Int))),
        ("a register in another class", |env| env.preferred_regs_by_class[0].add(PReg::new(2, RegClass::Float))),
        ("a non-preferred register in another class", |env| {
            env.non_preferred_regs_by_class[1].add(PReg::new(2, RegClass::Int));
        }),
        ("an allocatable scratch register", |env| env.scratch_by_class[0] = Some(PReg::new(1, RegClass::Int))),
        ("a scratch register in another class", |env| env.scratch_by_class[1] = Some(PReg::new(7, RegClass::Int))),
        ("an allocatable stack slot", |env| env.fixed_stack_slots.push(PReg::new(1, RegClass::Int))),
        ("a stack slot that is a scratch register", |env| env.fixed_stack_slots.push(PReg::new(6, RegClass::Int))),
        ("a stack slot twice", |env| env.fixed_stack_slots.push(PReg::new(9, RegClass::Int))),
        ("a stack slot beside another", |env| env.fixed_stack_slots.push(PReg::new(10, RegClass::Int))),
        ("the register that stands for none", |env| env.preferred_regs_by_class[0].add(PReg::invalid())),
        ("a scratch register that stands for none", |env| env.scratch_by_class[0] = Some(PReg::invalid())),
        ("a stack slot of no class", |env| env.fixed_stack_slots.push(PReg::from_index(200))),
    ];
    let mut report = String::new();
    for (what, break_it) in ways {
        let mut problem = diamond();
        assert!(problem.env.fixed_stack_slots.contains(&reg(9)));
        break_it(&mut problem.env);
        writeln!(report, "{what}:\n  {}", verdict(&problem)).expect("text grows");
    }
    insta::assert_snapshot!(report);
}
