//! `regatta stats`: what functions are made of.

use crate::args::StatsArgs;
use crate::table::{self, short};
use crate::{Answer, input, loops, pressure, progress};
use anyhow::Result;
use rayon::prelude::*;
use regatta::{OperandConstraint, OperandKind, OperandPos, Problem};
use serde::Serialize;

/// Counts for a function, or sums and maxima for a file.
#[derive(Clone, Debug, Default, Serialize)]
struct Counts {
    blocks: usize,
    insts: usize,
    vregs: usize,
    block_params: usize,
    uses: usize,
    defs: usize,
    late_uses: usize,
    early_defs: usize,
    /// Operands by constraint.
    any: usize,
    reg: usize,
    stack: usize,
    fixed: usize,
    reuse: usize,
    limit: usize,
    /// Mentions of registers that are not allocated. They are no uses.
    non_allocatable: usize,
    /// Instructions that clobber registers.
    clobbering: usize,
    loops: usize,
    /// The deepest loop nest; of a file, the deepest of any function.
    max_depth: u32,
    /// The most values of each class live at once; of a file, the most in any function.
    pressure: [usize; 3],
}

#[derive(Serialize)]
struct FileStats {
    file: String,
    functions: usize,
    #[serde(flatten)]
    total: Counts,
    by_function: Vec<FunctionStats>,
}

#[derive(Serialize)]
struct FunctionStats {
    function: usize,
    #[serde(flatten)]
    counts: Counts,
}

const HEADER: [&str; 17] = [
    "", "function", "blocks", "insts", "vregs", "params", "uses", "defs", "reg", "any", "fixed", "reuse", "limit",
    "stack", "loops", "depth", "pressure",
];

pub(crate) fn run(args: &StatsArgs) -> Result<Answer> {
    let mut answer = Answer::Yes;
    let mut files = Vec::new();
    for path in &args.files {
        let mut problems = input::read_selected(path, None)?;
        for (number, error) in input::reject_invalid(&mut problems) {
            eprintln!("{} function {number}, not counted: {error}", path.display());
            answer = Answer::No;
        }
        let file = input::short_name(path);
        let bar = progress::bar(problems.len(), file.clone());
        let by_function = problems.par_iter().map(|(number, problem)| {
            bar.inc(1);
            FunctionStats { function: *number, counts: Counts::new(problem) }
        });
        let by_function: Vec<_> = by_function.collect();
        bar.finish_and_clear();
        let total = by_function.iter().fold(Counts::default(), |total, function| total.and(&function.counts));
        files.push(FileStats { file, functions: by_function.len(), total, by_function });
    }
    if args.json {
        input::print(&(serde_json::to_string_pretty(&files)? + "\n"))?;
    } else {
        input::print(&tables(&files, args.functions))?;
    }
    Ok(answer)
}

fn tables(files: &[FileStats], functions: bool) -> String {
    let mut table = table::new(&HEADER, &[0]);
    for file in files {
        let all = format!("all {}", file.functions);
        table::add(&mut table, row(file.file.clone(), all, &file.total));
        for function in file.by_function.iter().filter(|_| functions) {
            table::add(&mut table, row(String::new(), function.function.to_string(), &function.counts));
        }
    }
    table.trim_fmt() + "\n\npressure: the most values live at once, by class: int/float/vector\n"
}

fn row(file: String, function: String, c: &Counts) -> Vec<String> {
    let counts = [
        c.blocks,
        c.insts,
        c.vregs,
        c.block_params,
        c.uses,
        c.defs,
        c.reg,
        c.any,
        c.fixed,
        c.reuse,
        c.limit,
        c.stack,
        c.loops,
    ];
    let [int, float, vector] = c.pressure;
    let mut row = vec![file, function];
    row.extend(counts.into_iter().map(|count| short(count as f64)));
    row.extend([c.max_depth.to_string(), format!("{int}/{float}/{vector}")]);
    row
}

impl Counts {
    /// Counts what a valid function is made of.
    fn new(problem: &Problem) -> Self {
        let func = &problem.func;
        let nest = loops::nest(func);
        let mut counts = Self {
            blocks: func.blocks.len(),
            insts: func.insts.len(),
            vregs: func.num_vregs,
            block_params: func.blocks.iter().map(|block| block.params.len()).sum(),
            clobbering: func.insts.iter().filter(|inst| !inst.clobbers.is_empty_all()).count(),
            loops: nest.loops,
            max_depth: nest.depths.iter().copied().max().unwrap_or(0),
            pressure: pressure::peak(func),
            ..Self::default()
        };
        for operand in func.insts.iter().flat_map(|inst| &inst.operands) {
            if operand.as_fixed_nonallocatable().is_some() {
                counts.non_allocatable += 1;
                continue;
            }
            match operand.kind() {
                OperandKind::Use => counts.uses += 1,
                OperandKind::Def => counts.defs += 1,
            }
            match (operand.kind(), operand.pos()) {
                (OperandKind::Use, OperandPos::Late) => counts.late_uses += 1,
                (OperandKind::Def, OperandPos::Early) => counts.early_defs += 1,
                _ => {}
            }
            let of_constraint = match operand.constraint() {
                OperandConstraint::Any => &mut counts.any,
                OperandConstraint::Reg => &mut counts.reg,
                OperandConstraint::Stack => &mut counts.stack,
                OperandConstraint::FixedReg(_) => &mut counts.fixed,
                OperandConstraint::Reuse(_) => &mut counts.reuse,
                OperandConstraint::Limit(_) => &mut counts.limit,
            };
            *of_constraint += 1;
        }
        counts
    }

    /// The sums of both, and the greater of their maxima.
    fn and(self, other: &Self) -> Self {
        Self {
            blocks: self.blocks + other.blocks,
            insts: self.insts + other.insts,
            vregs: self.vregs + other.vregs,
            block_params: self.block_params + other.block_params,
            uses: self.uses + other.uses,
            defs: self.defs + other.defs,
            late_uses: self.late_uses + other.late_uses,
            early_defs: self.early_defs + other.early_defs,
            any: self.any + other.any,
            reg: self.reg + other.reg,
            stack: self.stack + other.stack,
            fixed: self.fixed + other.fixed,
            reuse: self.reuse + other.reuse,
            limit: self.limit + other.limit,
            non_allocatable: self.non_allocatable + other.non_allocatable,
            clobbering: self.clobbering + other.clobbering,
            loops: self.loops + other.loops,
            max_depth: self.max_depth.max(other.max_depth),
            pressure: std::array::from_fn(|class| self.pressure[class].max(other.pressure[class])),
        }
    }
}
