//! Random functions that can be allocated, on random machines.
//!
//! A function is generated in three steps: a random flow graph, whose critical edges are split; values, each used only where its
//! definition dominates; operands, each with a register set aside for it that would satisfy its constraint, so that every instruction
//! has at least one solution. Everything follows from a seed.

use regatta::{
    Block, Frequency, Func, FuncBuilder, Inst, InstData, InstKind, MachineEnv, Operand, OperandConstraint, OperandKind,
    OperandPos, PReg, PRegSet, Problem, RegClass, VReg,
};
use std::cell::Cell;

/// A small generator of random numbers (SplitMix64).
///
/// It steps through a shared reference, so that a number can be drawn in the middle of an expression that draws another.
pub struct Random(Cell<u64>);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut z = self.0.get();
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `n`, which is not 0.
    pub fn below(&self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// True `percent` times of a hundred.
    pub fn chance(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len())]) }
    }

    fn bit_of(&self, mask: u64) -> Option<usize> {
        let bits: Vec<usize> = (0..64).filter(|n| mask >> n & 1 != 0).collect();
        self.pick(&bits)
    }
}

/// The machine: its environment, and registers that are not its to allocate but may be named.
struct Machine {
    env: MachineEnv,
    foreign: [Option<PReg>; 3],
}

fn machine(random: &Random) -> Machine {
    let mut env = MachineEnv::default();
    let mut foreign = [None; 3];
    let classes = 1 + random.below(3);
    for class in &RegClass::ALL[..classes] {
        let c = class.index();
        let count = 3 + random.below(if random.chance(30) { 12 } else { 4 });
        for number in 0..count {
            let reg = PReg::new(number, *class);
            if random.chance(30) && number > 0 {
                env.non_preferred_regs_by_class[c].add(reg);
            } else {
                env.preferred_regs_by_class[c].add(reg);
            }
        }
        if random.chance(30) {
            env.scratch_by_class[c] = Some(PReg::new(40, *class));
        }
        if random.chance(30) {
            foreign[c] = Some(PReg::new(41, *class));
        }
        for number in 0..random.below(3) {
            env.fixed_stack_slots.push(PReg::new(50 + number, *class));
        }
    }
    Machine { env, foreign }
}

/// Successors of each block; block 0 is the entry. Critical edges are split, blocks that cannot be reached left out. Blocks are in reverse
/// postorder: regalloc2's checker takes a block that is visited before its predecessors for one that knows nothing.
fn flow(random: &Random) -> Vec<Vec<usize>> {
    let count = 1 + random.below(if random.chance(20) { 25 } else { 8 });
    let mut succs: Vec<Vec<usize>> =
        (0..count)
            .map(|block| {
                let targets = match random.below(10) {
                    0 => 0,
                    1..=4 => 1,
                    5..=8 => 2,
                    _ => 3,
                };
                (0..targets)
                    .map(|_| {
                        if random.chance(60) {
                            (block + 1 + random.below(3)).min(count - 1)
                        } else {
                            random.below(count)
                        }
                    })
                    .collect()
            })
            .collect();
    // Leave out what cannot be reached.
    let mut number = vec![usize::MAX; count];
    let mut order = vec![0];
    number[0] = 0;
    let mut at = 0;
    while at < order.len() {
        for &to in &succs[order[at]] {
            if number[to] == usize::MAX {
                number[to] = order.len();
                order.push(to);
            }
        }
        at += 1;
    }
    succs = order.iter().map(|&block| succs[block].iter().map(|&to| number[to]).collect()).collect();
    let mut preds = vec![0; succs.len()];
    preds[0] = 1;
    for to in succs.iter().flatten() {
        preds[*to] += 1;
    }
    for block in 0..succs.len() {
        if succs[block].len() > 1 {
            for k in 0..succs[block].len() {
                let to = succs[block][k];
                if preds[to] > 1 {
                    succs[block][k] = succs.len();
                    succs.push(vec![to]);
                }
            }
        }
    }
    in_reverse_postorder(&succs)
}

fn in_reverse_postorder(succs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; succs.len()];
    let mut postorder = Vec::new();
    let mut path = vec![(0, 0)];
    seen[0] = true;
    while let Some((block, next)) = path.last_mut() {
        if let Some(&to) = succs[*block].get(*next) {
            *next += 1;
            if !seen[to] {
                seen[to] = true;
                path.push((to, 0));
            }
        } else {
            postorder.push(*block);
            path.pop();
        }
    }
    let mut number = vec![0; succs.len()];
    for (n, &block) in postorder.iter().rev().enumerate() {
        number[block] = n;
    }
    postorder.iter().rev().map(|&block| succs[block].iter().map(|&to| number[to]).collect()).collect()
}

/// The immediate dominator of each block, and an order in which dominators come first.
fn dominators(succs: &[Vec<usize>]) -> (Vec<usize>, Vec<usize>) {
    let n = succs.len();
    let reach = |without: usize| {
        let mut seen = vec![false; n];
        let mut stack = vec![];
        if without != 0 {
            seen[0] = true;
            stack.push(0);
        }
        while let Some(block) = stack.pop() {
            for &to in &succs[block] {
                if to != without && !seen[to] {
                    seen[to] = true;
                    stack.push(to);
                }
            }
        }
        seen
    };
    let above: Vec<Vec<bool>> = (0..n).map(|block| reach(block).iter().map(|seen| !seen).collect()).collect();
    let depth: Vec<usize> = (0..n).map(|block| (0..n).filter(|&d| above[d][block]).count()).collect();
    let mut idom = vec![0; n];
    for block in 1..n {
        idom[block] = (0..n).filter(|&d| d != block && above[d][block]).max_by_key(|&d| depth[d]).unwrap_or(0);
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&block| (depth[block], block));
    (idom, order)
}

/// Registers of one instruction that are still free at its two points, by class.
struct Free {
    early: [u64; 3],
    late: [u64; 3],
}

struct Generator<'a> {
    random: &'a Random,
    machine: &'a Machine,
    builder: FuncBuilder,
}

/// A random problem that has a solution.
pub fn problem(seed: u64) -> Problem {
    let random = Random::new(seed);
    let machine = machine(&random);
    let succs = flow(&random);
    let (idom, order) = dominators(&succs);
    let mut preds = vec![0; succs.len()];
    preds[0] = 1;
    for to in succs.iter().flatten() {
        preds[*to] += 1;
    }
    let mut generator = Generator { random: &random, machine: &machine, builder: FuncBuilder::new() };
    let mut params: Vec<Vec<VReg>> = Vec::new();
    for block in 0..succs.len() {
        let count = match (block, generator.random.below(20)) {
            (0, _) | (_, 0..=9) => 0,
            (_, 10..=18) => generator.random.below(4),
            _ => generator.random.below(16),
        };
        params.push((0..count).map(|_| generator.vreg()).collect());
        let list = params[block].clone();
        generator.builder.block(&list);
    }
    let mut at_end: Vec<Vec<VReg>> = vec![Vec::new(); succs.len()];
    let length = if generator.random.chance(20) { 30 } else { 6 };
    for &block in &order {
        let mut live = if block == 0 { Vec::new() } else { at_end[idom[block]].clone() };
        live.extend(&params[block]);
        // The entry has an instruction besides its branch: see `resolve_missing`.
        for _ in 0..generator.random.below(length) + usize::from(block == 0) {
            let inst = generator.inst(&mut live, InstKind::Plain, true);
            generator.builder.inst(Block::new(block), inst);
        }
        at_end[block] = live;
    }
    // Terminators last: their arguments may come from any dominating block, and all of these are complete now.
    for &block in &order {
        let mut live = at_end[block].clone();
        let to = &succs[block];
        let alone = to.iter().all(|&to| preds[to] == 1);
        let kind = if to.is_empty() { InstKind::Ret } else { InstKind::Branch };
        let inst = if alone && generator.random.chance(60) {
            generator.inst(&mut live, kind, false)
        } else {
            InstData { kind, ..InstData::default() }
        };
        let args: Vec<Vec<VReg>> = to
            .iter()
            .map(|&to| params[to].iter().map(|p| generator.existing(&at_end[block], p.class())).collect())
            .collect();
        generator.terminate(block, inst, to, &args);
    }
    let spillslot_size = [1, 1 << generator.random.below(2), 1 << generator.random.below(3)];
    let mut func = generator.builder.finish();
    func.spillslot_size = spillslot_size;
    func.named_by_last_slot = random.chance(30);
    if random.chance(20) {
        func.frequencies =
            (0..func.blocks.len()).filter_map(|_| Frequency::new(random.below(1000) as f32 / 10.0)).collect();
    }
    resolve_missing(&mut func);
    if random.chance(30) {
        add_labels(&random, &mut func);
    }
    Problem { func, env: machine.env }
}

/// Asks where random values are, over random stretches.
fn add_labels(random: &Random, func: &mut Func) {
    let classes: std::collections::BTreeMap<usize, RegClass> = func
        .insts
        .iter()
        .flat_map(|inst| &inst.operands)
        .filter(|op| op.kind() == OperandKind::Def)
        .map(|op| op.vreg())
        .chain(func.blocks.iter().flat_map(|block| block.params.iter().copied()))
        .map(|vreg| (vreg.vreg(), vreg.class()))
        .collect();
    for (number, class) in classes {
        for _ in 0..random.below(3) {
            let (a, b) = (random.below(func.insts.len() + 1), random.below(func.insts.len() + 1));
            let label = random.below(10) as u32;
            func.debug_labels.push((VReg::new(number, class), Inst::new(a.min(b)), Inst::new(a.max(b)), label));
        }
    }
}

/// The virtual register that stands for "no value of this class exists here"; [`resolve_missing`] makes one at the entry.
fn missing(class: RegClass) -> VReg {
    VReg::new(VReg::MAX - 1 - class.index(), class)
}

/// Defines the values that stand for missing ones, at the start of the function.
fn resolve_missing(func: &mut Func) {
    for class in RegClass::ALL {
        let stand_in = missing(class);
        let vreg = VReg::new(func.num_vregs, class);
        let mut used = false;
        for args in func.blocks.iter_mut().flat_map(|b| &mut b.args).flatten() {
            if *args == stand_in {
                *args = vreg;
                used = true;
            }
        }
        if used {
            func.num_vregs += 1;
            let first = func.blocks[0].insts.first().index();
            func.insts[first].operands.push(Operand::new(
                vreg,
                OperandConstraint::Stack,
                OperandKind::Def,
                OperandPos::Late,
            ));
        }
    }
}

impl Generator<'_> {
    fn class(&mut self) -> RegClass {
        let classes: Vec<RegClass> =
            RegClass::ALL.into_iter().filter(|&c| self.machine.env.allocatable(c) != 0).collect();
        classes[self.random.below(classes.len())]
    }

    fn vreg(&mut self) -> VReg {
        let class = self.class();
        self.builder.vreg(class)
    }

    fn existing(&mut self, live: &[VReg], class: RegClass) -> VReg {
        let fitting: Vec<VReg> = live.iter().copied().filter(|v| v.class() == class).collect();
        self.random.pick(&fitting).unwrap_or(missing(class))
    }

    fn terminate(&mut self, block: usize, inst: InstData, to: &[usize], args: &[Vec<VReg>]) {
        let targets: Vec<(Block, &[VReg])> =
            to.iter().zip(args).map(|(&to, args)| (Block::new(to), args.as_slice())).collect();
        if inst.kind == InstKind::Ret {
            self.builder.inst(Block::new(block), inst);
        } else {
            self.builder.branch_inst(Block::new(block), inst, &targets);
        }
    }

    /// A random instruction; its definitions are added to `live`.
    fn inst(&mut self, live: &mut Vec<VReg>, kind: InstKind, foreign_defs: bool) -> InstData {
        let env = &self.machine.env;
        let all: [u64; 3] = RegClass::ALL.map(|c| env.allocatable(c));
        let mut inst = InstData { kind, ..InstData::default() };
        let mut free = Free { early: all, late: all };
        if self.random.chance(20) {
            let percent = if self.random.chance(50) { 90 } else { 30 };
            for class in RegClass::ALL {
                for number in 0..64 {
                    if all[class.index()] >> number & 1 != 0 && self.random.chance(percent) {
                        inst.clobbers.add(PReg::new(number, class));
                        free.late[class.index()] &= !(1 << number);
                    }
                }
            }
        }
        let uses = self.random.below(if self.random.chance(15) { 9 } else { 4 });
        for _ in 0..uses {
            let recent = live.len().saturating_sub(if self.random.chance(50) { 5 } else { 1000 });
            if let Some(value) = self.random.pick(&live[recent..]) {
                self.add_use(&mut inst, &mut free, value);
            }
        }
        let defs = self.random.below(if self.random.chance(15) { 6 } else { 3 });
        if kind != InstKind::Ret {
            for _ in 0..defs {
                let value = self.vreg();
                if self.add_def(&mut inst, &mut free, value, foreign_defs) && self.random.chance(95) {
                    live.push(value);
                }
            }
        }
        if self.random.chance(3)
            && let Some(reg) = self.machine.foreign[0]
        {
            inst.operands.push(Operand::fixed_nonallocatable(reg));
        }
        inst
    }

    fn add_use(&mut self, inst: &mut InstData, free: &mut Free, value: VReg) {
        let class = value.class();
        let c = class.index();
        let pos = if self.random.chance(15) { OperandPos::Late } else { OperandPos::Early };
        let mut choice = free.early[c];
        if pos == OperandPos::Late {
            choice &= free.late[c];
        }
        let constraint = match self.random.below(20) {
            0 | 1 => OperandConstraint::Any,
            2 => OperandConstraint::Stack,
            3..=6 => match self.random.bit_of(choice) {
                Some(number) => OperandConstraint::FixedReg(PReg::new(number, class)),
                None => return,
            },
            7 => match self.special(class, inst, free) {
                Some(reg) => OperandConstraint::FixedReg(reg),
                None => return,
            },
            8 | 9 => OperandConstraint::Limit(1 << self.random.below(5)),
            _ => OperandConstraint::Reg,
        };
        let Some(witness) = witness(self.random, constraint, choice) else { return };
        free.early[c] &= !witness;
        if pos == OperandPos::Late {
            free.late[c] &= !witness;
        }
        inst.operands.push(Operand::new(value, constraint, OperandKind::Use, pos));
    }

    /// A fixed stack slot or a register that is not the allocator's; such an operand may need a register to go through.
    fn special(&mut self, class: RegClass, inst: &InstData, free: &mut Free) -> Option<PReg> {
        let mut choices: Vec<PReg> =
            self.machine.env.fixed_stack_slots.iter().copied().filter(|r| r.class() == class).collect();
        choices.extend(self.machine.foreign[class.index()]);
        let taken = |reg: &PReg| inst.operands.iter().any(|o| o.constraint() == OperandConstraint::FixedReg(*reg));
        choices.retain(|reg| !taken(reg));
        let both = free.early[class.index()] & free.late[class.index()];
        let through = self.random.bit_of(both)?;
        let reg = self.random.pick(&choices)?;
        free.early[class.index()] &= !(1 << through);
        free.late[class.index()] &= !(1 << through);
        Some(reg)
    }

    fn add_def(&mut self, inst: &mut InstData, free: &mut Free, value: VReg, special: bool) -> bool {
        let class = value.class();
        let c = class.index();
        let early = self.random.chance(15);
        let mut choice = free.late[c];
        if early {
            choice &= free.early[c];
        }
        let constraint = match self.random.below(20) {
            0 | 1 => OperandConstraint::Any,
            2 => OperandConstraint::Stack,
            3..=5 => match self.random.bit_of(choice) {
                Some(number) => OperandConstraint::FixedReg(PReg::new(number, class)),
                None => return false,
            },
            6 if special => match self.special(class, inst, free) {
                Some(reg) => OperandConstraint::FixedReg(reg),
                None => return false,
            },
            7 | 8 => OperandConstraint::Limit(1 << self.random.below(5)),
            9..=13 if !early => match self.reusable(inst, free, class) {
                Some(index) => OperandConstraint::Reuse(index),
                None => return false,
            },
            _ => OperandConstraint::Reg,
        };
        if !matches!(constraint, OperandConstraint::Reuse(_)) {
            let Some(witness) = witness(self.random, constraint, choice) else { return false };
            free.late[c] &= !witness;
            if early {
                free.early[c] &= !witness;
            }
        }
        let pos = if early { OperandPos::Early } else { OperandPos::Late };
        inst.operands.push(Operand::new(value, constraint, OperandKind::Def, pos));
        true
    }

    /// An early use whose register a definition can take over, not yet taken over. Its register must be free late: if it is fixed,
    /// that very one, else some other is set aside.
    fn reusable(&mut self, inst: &InstData, free: &mut Free, class: RegClass) -> Option<usize> {
        let c = class.index();
        let candidates: Vec<usize> = (0..inst.operands.len().min(31))
            .filter(|&k| {
                let op = inst.operands[k];
                let reused = inst.operands.iter().any(|o| o.constraint() == OperandConstraint::Reuse(k));
                op.kind() == OperandKind::Use
                    && op.pos() == OperandPos::Early
                    && op.class() == class
                    && op.as_fixed_nonallocatable().is_none()
                    && !reused
            })
            .collect();
        let k = self.random.pick(&candidates)?;
        match inst.operands[k].constraint() {
            OperandConstraint::FixedReg(reg) => {
                let bit = 1u64 << reg.hw_enc();
                (free.late[c] & bit != 0).then(|| free.late[c] &= !bit)?;
                Some(k)
            }
            OperandConstraint::Reg | OperandConstraint::Any => {
                // A register for input and definition together, besides the one set aside for the input.
                let both = self.random.bit_of(free.early[c] & free.late[c])?;
                free.early[c] &= !(1 << both);
                free.late[c] &= !(1 << both);
                Some(k)
            }
            _ => None,
        }
    }
}

/// The register set aside for an operand: a bit, or 0 if it needs none. `None` if there is none left.
fn witness(random: &Random, constraint: OperandConstraint, choice: u64) -> Option<u64> {
    match constraint {
        OperandConstraint::Any | OperandConstraint::Stack | OperandConstraint::Reuse(_) => Some(0),
        OperandConstraint::FixedReg(reg) if reg.hw_enc() >= 40 => Some(0),
        OperandConstraint::FixedReg(reg) => Some(1 << reg.hw_enc()),
        OperandConstraint::Limit(max) => {
            let below = if max >= 64 { !0 } else { (1u64 << max) - 1 };
            random.bit_of(choice & below).map(|n| 1 << n)
        }
        OperandConstraint::Reg => random.bit_of(choice).map(|n| 1 << n),
    }
}

/// Every allocatable register.
pub fn registers(env: &MachineEnv) -> PRegSet {
    PRegSet::from(env)
}
