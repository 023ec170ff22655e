//! What generated functions have in them: a table that shows what the generator does not reach.

use regatta::{
    Algorithm, Block, Function, Inst, InstKind, OperandConstraint, OperandKind, OperandPos, Options, Problem, RegClass,
};
use std::collections::BTreeMap;

/// Counts of functions that have each feature.
#[derive(Clone, Debug, Default)]
pub struct Features {
    /// By feature, the functions that have it. Every known feature is there, reached or not.
    pub counts: BTreeMap<&'static str, usize>,
    /// Functions looked at.
    pub functions: usize,
}

impl Features {
    /// Looks at a function and at what it takes to allocate it.
    pub fn add(&mut self, problem: &Problem) {
        self.functions += 1;
        let mut note = |name: &'static str, has: bool| *self.counts.entry(name).or_default() += usize::from(has);
        operands(problem, &mut note);
        instructions(problem, &mut note);
        blocks(problem, &mut note);
        machine(problem, &mut note);
        output(problem, &mut note);
    }

    /// The features that no function had.
    pub fn missing(&self) -> Vec<&'static str> {
        self.counts.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect()
    }

    /// The table, a line each.
    pub fn table(&self) -> String {
        let line = |(name, count): (&&str, &usize)| {
            format!("{:6.2} %  {name}\n", *count as f64 * 100.0 / self.functions.max(1) as f64)
        };
        self.counts.iter().map(line).collect()
    }
}

fn operands(problem: &Problem, note: &mut impl FnMut(&'static str, bool)) {
    let Problem { func, env } = problem;
    let all = || func.insts.iter().flat_map(|inst| &inst.operands).filter(|op| op.as_fixed_nonallocatable().is_none());
    let allocatable = |reg: regatta::PReg| env.allocatable(reg.class()) >> reg.hw_enc() & 1 != 0;
    for (kind, pos, constraint, name) in [
        (OperandKind::Use, OperandPos::Early, 0, "operand: early use, any"),
        (OperandKind::Use, OperandPos::Early, 1, "operand: early use, register"),
        (OperandKind::Use, OperandPos::Early, 2, "operand: early use, stack"),
        (OperandKind::Use, OperandPos::Early, 3, "operand: early use, fixed"),
        (OperandKind::Use, OperandPos::Early, 4, "operand: early use, fixed stack slot or foreign register"),
        (OperandKind::Use, OperandPos::Early, 6, "operand: early use, limit"),
        (OperandKind::Use, OperandPos::Late, 0, "operand: late use, any"),
        (OperandKind::Use, OperandPos::Late, 1, "operand: late use, register"),
        (OperandKind::Use, OperandPos::Late, 2, "operand: late use, stack"),
        (OperandKind::Use, OperandPos::Late, 3, "operand: late use, fixed"),
        (OperandKind::Use, OperandPos::Late, 4, "operand: late use, fixed stack slot or foreign register"),
        (OperandKind::Use, OperandPos::Late, 6, "operand: late use, limit"),
        (OperandKind::Def, OperandPos::Late, 0, "operand: late definition, any"),
        (OperandKind::Def, OperandPos::Late, 1, "operand: late definition, register"),
        (OperandKind::Def, OperandPos::Late, 2, "operand: late definition, stack"),
        (OperandKind::Def, OperandPos::Late, 3, "operand: late definition, fixed"),
        (OperandKind::Def, OperandPos::Late, 4, "operand: late definition, fixed stack slot or foreign register"),
        (OperandKind::Def, OperandPos::Late, 5, "operand: late definition, reuse"),
        (OperandKind::Def, OperandPos::Late, 6, "operand: late definition, limit"),
        (OperandKind::Def, OperandPos::Early, 0, "operand: early definition, any"),
        (OperandKind::Def, OperandPos::Early, 1, "operand: early definition, register"),
        (OperandKind::Def, OperandPos::Early, 2, "operand: early definition, stack"),
        (OperandKind::Def, OperandPos::Early, 3, "operand: early definition, fixed"),
        (OperandKind::Def, OperandPos::Early, 4, "operand: early definition, fixed stack slot or foreign register"),
        (OperandKind::Def, OperandPos::Early, 6, "operand: early definition, limit"),
    ] {
        let has = all().any(|op| {
            let found = match op.constraint() {
                OperandConstraint::Any => 0,
                OperandConstraint::Reg => 1,
                OperandConstraint::Stack => 2,
                OperandConstraint::FixedReg(reg) if allocatable(reg) => 3,
                OperandConstraint::FixedReg(_) => 4,
                OperandConstraint::Reuse(_) => 5,
                OperandConstraint::Limit(_) => 6,
            };
            op.kind() == kind && op.pos() == pos && found == constraint
        });
        note(name, has);
    }
    let mentions = func.insts.iter().flat_map(|inst| &inst.operands).any(|op| op.as_fixed_nonallocatable().is_some());
    note("operand: mention of a register that is not allocated", mentions);
}

fn instructions(problem: &Problem, note: &mut impl FnMut(&'static str, bool)) {
    let func = &problem.func;
    let any = |holds: &dyn Fn(&regatta::InstData) -> bool| func.insts.iter().any(holds);
    let fixed = |inst: &regatta::InstData, kind: OperandKind| {
        let is_fixed = |op: &&regatta::Operand| matches!(op.constraint(), OperandConstraint::FixedReg(_));
        inst.operands.iter().filter(|op| op.kind() == kind).filter(is_fixed).count()
    };
    let repeated = |inst: &regatta::InstData, times: usize| {
        let uses = || inst.operands.iter().filter(|op| op.kind() == OperandKind::Use);
        uses().any(|op| uses().filter(|other| other.vreg() == op.vreg()).count() >= times)
    };
    let defines = |inst: &regatta::InstData| inst.operands.iter().any(|op| op.kind() == OperandKind::Def);
    let reuses = |inst: &regatta::InstData| {
        inst.operands.iter().filter(|op| matches!(op.constraint(), OperandConstraint::Reuse(_))).count()
    };
    note(
        "instruction: call with 4 or more fixed arguments and 6 or more clobbers",
        any(&|inst| fixed(inst, OperandKind::Use) >= 4 && inst.clobbers.len() >= 6),
    );
    note(
        "instruction: clobbers nearly everything and defines fixed",
        any(&|inst| inst.clobbers.len() >= 4 && fixed(inst, OperandKind::Def) > 0),
    );
    note("instruction: a value used twice", any(&|inst| repeated(inst, 2)));
    note("instruction: a value used three times", any(&|inst| repeated(inst, 3)));
    note("instruction: a branch defines", any(&|inst| inst.kind == InstKind::Branch && defines(inst)));
    note("instruction: a branch uses", any(&|inst| inst.kind == InstKind::Branch && !inst.operands.is_empty()));
    let defined_twice = |inst: &regatta::InstData| {
        let mut defs: Vec<_> = inst.operands.iter().filter(|op| op.kind() == OperandKind::Def).collect();
        defs.sort_unstable_by_key(|op| op.vreg());
        defs.windows(2).any(|pair| pair[0].vreg() == pair[1].vreg())
    };
    note("instruction: a value defined twice", any(&defined_twice));
    note("instruction: two definitions reuse", any(&|inst| reuses(inst) >= 2));
    note("instruction: 8 or more operands", any(&|inst| inst.operands.len() >= 8));
    note("function: labels for a debugger", !func.debug_labels.is_empty());
}

fn blocks(problem: &Problem, note: &mut impl FnMut(&'static str, bool)) {
    let func = &problem.func;
    let blocks = || (0..func.blocks.len()).map(Block::new);
    let reachable = reachable(func);
    note("block: cannot be reached", blocks().any(|b| !reachable[b.index()]));
    note("block: the entry is not the first", func.entry.index() != 0);
    note("block: only a branch", blocks().any(|b| func.block_insns(b).len() == 1));
    note("block: 8 or more parameters", func.blocks.iter().any(|block| block.params.len() >= 8));
    note("block: 30 or more parameters", func.blocks.iter().any(|block| block.params.len() >= 30));
    note("block: 10 or more successors", func.blocks.iter().any(|block| block.succs.len() >= 10));
    let by_branch = blocks().any(|b| {
        let branch = func.block_insns(b).last();
        let defined =
            |vreg| func.inst_operands(branch).iter().any(|o| o.kind() == OperandKind::Def && o.vreg() == vreg);
        func.blocks[b.index()].args.iter().flatten().any(|&arg| defined(arg))
    });
    note("block: a branch passes on what it defines", by_branch);
    let (depth, irreducible) = loops(func, &reachable);
    for (least, name) in [(1, "loops: any"), (2, "loops: 2 deep"), (3, "loops: 3 deep"), (5, "loops: 5 deep or more")] {
        note(name, depth >= least);
    }
    note("loops: irreducible", irreducible);
    note("function: frequencies given", !func.frequencies.is_empty());
    note("function: multi-word slots named by the last", func.named_by_last_slot && func.spillslot_size != [1; 3]);
}

fn reachable(func: &regatta::Func) -> Vec<bool> {
    let mut seen = vec![false; func.blocks.len()];
    let mut work = vec![func.entry];
    while let Some(block) = work.pop() {
        if !std::mem::replace(&mut seen[block.index()], true) {
            work.extend(func.block_succs(block));
        }
    }
    seen
}

/// How deep loops nest, by taking headers out again and again; and is there a cycle that can be entered in two places?
fn loops(func: &regatta::Func, reachable: &[bool]) -> (usize, bool) {
    let n = func.blocks.len();
    let inside = |alive: &[bool], from: usize| {
        let mut seen = vec![false; n];
        let mut work: Vec<usize> = func.blocks[from].succs.iter().map(|b| b.index()).collect();
        while let Some(block) = work.pop() {
            if alive[block] && !std::mem::replace(&mut seen[block], true) {
                work.extend(func.blocks[block].succs.iter().map(|b| b.index()));
            }
        }
        seen
    };
    let mut alive = reachable.to_vec();
    let (mut depth, mut irreducible) = (0, false);
    loop {
        let reach: Vec<Vec<bool>> = (0..n).map(|b| if alive[b] { inside(&alive, b) } else { vec![false; n] }).collect();
        let together = |a: usize, b: usize| reach[a][b] && reach[b][a];
        let cyclic: Vec<usize> = (0..n).filter(|&b| reach[b][b]).collect();
        if cyclic.is_empty() {
            return (depth, irreducible);
        }
        depth += 1;
        let entered = |b: usize| {
            let outside = (0..n).filter(|&p| reachable[p] && !together(p, b));
            let entering = outside.filter(|&p| func.blocks[p].succs.iter().any(|to| to.index() == b));
            b == func.entry.index() || entering.count() > 0
        };
        let entries: Vec<usize> = cyclic.iter().copied().filter(|&b| entered(b)).collect();
        irreducible |= entries.iter().any(|&a| entries.iter().any(|&b| a != b && together(a, b)));
        for &entry in &entries {
            alive[entry] = false;
        }
        if entries.is_empty() {
            return (depth, irreducible);
        }
    }
}

fn machine(problem: &Problem, note: &mut impl FnMut(&'static str, bool)) {
    let env = &problem.env;
    let counts = RegClass::ALL.map(|class| env.allocatable(class).count_ones());
    let classes = counts.iter().filter(|&&count| count > 0).count();
    note("machine: one class", classes == 1);
    note("machine: two classes", classes == 2);
    note("machine: three classes", classes == 3);
    note("machine: 3 registers of a class", counts.contains(&3));
    note("machine: 16 to 62 registers of a class", counts.iter().any(|count| (16..=62).contains(count)));
    note("machine: 63 or 64 registers of a class", counts.iter().any(|&count| count >= 63));
    note("machine: a scratch register", env.scratch_by_class.iter().any(Option::is_some));
    note("machine: no scratch register", env.scratch_by_class.iter().all(Option::is_none));
    note("machine: fixed stack slots", !env.fixed_stack_slots.is_empty());
    let gaps = RegClass::ALL.iter().any(|&class| {
        let mask = env.allocatable(class);
        mask & mask.wrapping_add(1) != 0
    });
    note("machine: gaps in the numbers of registers", gaps);
}

fn output(problem: &Problem, note: &mut impl FnMut(&'static str, bool)) {
    let options = Options { algorithm: Algorithm::Thorough, validate: true, ..Options::default() };
    let Ok(output) = regatta::run(&problem.func, &problem.env, &options) else {
        note("result: no solution, said so", true);
        return;
    };
    note("result: no solution, said so", false);
    note("result: spilled values", output.stats.spilled_values > 0);
    note("result: folded parameters", output.stats.folded_params > 0);
    note("result: a loop nest allocated again", output.stats.feedback_rounds > 0);
    note(
        "result: moves on edges",
        output
            .edits
            .iter()
            .any(|(at, _)| problem.func.insts.get(at.inst().index()).is_some_and(|inst| inst.kind != InstKind::Plain)),
    );
    let swaps = output.edits.windows(3).any(|w| {
        let [(a, regatta::Edit::Move { from, .. }), _, (c, regatta::Edit::Move { to, .. })] = w else { return false };
        a == c && from == to
    });
    note("result: a cycle of moves", swaps);
    note("result: labels located", !output.debug_locations.is_empty());
    note("result: slots", output.num_spillslots > 0);
    let stays = (0..problem.func.insts.len()).any(|n| output.inst_allocs(Inst::new(n)).iter().any(|a| a.is_stack()));
    note("result: an operand in its slot", stays);
}
