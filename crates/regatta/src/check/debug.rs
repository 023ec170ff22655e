//! Checks where the output says that labelled values are.

use super::contents::{Contents, Held};
use super::fault::{FaultKind, Faults};
use super::locations::{Loc, Locations};
use super::questions::Questions;
use super::symbolic::{Observer, describe, refutation};
use super::validate::by_code_order;
use crate::ir::{Block, Function, PerClass, RegClass, VReg};
use crate::output::{Output, ProgPoint};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// What the client asked for: the label, from where to where, and which value.
type Request = (u32, ProgPoint, ProgPoint, VReg);

/// Watches the debug locations while values are followed.
pub(super) struct DebugCheck<'a> {
    output: &'a Output,
    faults: &'a mut Faults,
    /// Sorted.
    requests: Vec<Request>,
    /// For each debug location, the value of one of these requests must be there, of those that reach to its end. Empty once it is reported.
    watches: Vec<core::ops::Range<u32>>,
    /// And where values of each class are, if they are there.
    places: Vec<PerClass<Loc>>,
    /// For each block, the debug locations that have a point in it.
    by_block: Vec<Vec<u32>>,
    /// The point just behind each block.
    block_ends: Vec<ProgPoint>,
    /// Of the block at hand, the debug locations that have not begun, the next one last.
    to_begin: Vec<u32>,
    /// And those that have begun, by the locations whose contents matter to them. Some may have ended.
    begun: Vec<Vec<u32>>,
    /// The locations of which `begun` has any.
    watched: Vec<Loc>,
}

impl<'a> DebugCheck<'a> {
    /// Checks the debug locations' form, and prepares to watch those that have the right one. The time is proportional to
    /// the number of blocks that they stretch over.
    pub(super) fn new(func: &impl Function, output: &'a Output, locs: &Locations, faults: &'a mut Faults) -> Self {
        let mut this = Self {
            output,
            faults,
            requests: Vec::new(),
            watches: Vec::with_capacity(output.debug_locations.len()),
            places: Vec::with_capacity(output.debug_locations.len()),
            by_block: vec![Vec::new(); func.num_blocks()],
            block_ends: (0..func.num_blocks())
                .map(|block| ProgPoint::before(func.block_insns(Block::new(block)).end()))
                .collect(),
            to_begin: Vec::new(),
            begun: vec![Vec::new(); locs.len()],
            watched: Vec::new(),
        };
        let mut requests: Vec<Request> = Vec::new();
        for &(vreg, from, to, label) in func.debug_value_labels() {
            if from < to && to.index() <= func.num_insts() {
                requests.push((label, ProgPoint::before(from), ProgPoint::before(to), vreg));
            }
        }
        requests.sort_unstable();
        // How far the requests for a label reach, up to each of them.
        let mut reach: Vec<ProgPoint> = Vec::with_capacity(requests.len());
        for (n, request) in requests.iter().enumerate() {
            let same = n.checked_sub(1).filter(|&before| requests[before].0 == request.0);
            reach.push(same.map_or(request.2, |before| request.2.max(reach[before])));
        }
        let by_code_order = by_code_order(func);
        let mut last: Option<(u32, ProgPoint)> = None;
        for (n, &(label, from, to, alloc)) in output.debug_locations.iter().enumerate() {
            let mut watch = 0..0;
            if from >= to {
                this.report(n, "it ends before it begins");
            } else if last > Some((label, from)) {
                this.report(n, "it belongs before the location in front of it, or overlaps it");
            } else {
                let begin = requests.partition_point(|request| request.0 < label);
                let end = requests.partition_point(|request| (request.0, request.1) <= (label, from));
                let begin = begin + reach[begin..end].partition_point(|&reach| reach < to);
                if !requests[begin..end].iter().any(|request| to <= request.2) {
                    this.report(n, "nobody asked for that label there");
                } else {
                    watch = begin as u32..end as u32;
                    let first_block = by_code_order.partition_point(|&block| this.block_ends[block.index()] <= from);
                    for &block in &by_code_order[first_block..] {
                        this.by_block[block.index()].push(n as u32);
                        if to <= this.block_ends[block.index()] {
                            break;
                        }
                    }
                }
            }
            last = last.max(Some((label, to)));
            this.watches.push(watch);
            this.places.push(RegClass::ALL.map(|class| locs.of(alloc, class)));
        }
        this.requests = requests;
        this
    }

    /// The values of which one must be in debug location `n`.
    fn wanted_by(&self, n: usize) -> impl Iterator<Item = VReg> + '_ {
        let (watch, to) = (&self.watches[n], self.output.debug_locations[n].2);
        let requests = &self.requests[watch.start as usize..watch.end as usize];
        requests.iter().filter(move |request| to <= request.2).map(|request| request.3)
    }

    fn report(&mut self, n: usize, why: &str) {
        let (label, from, to, alloc) = self.output.debug_locations[n];
        let message = || format!("debug location {n} (label {label} in {alloc}, {from} to {to}): {why}");
        self.faults.report(FaultKind::DebugLocation, Some(from), message);
    }
}

/// Watches while values are followed, twice: to ask what matters, and to look at the answers.
pub(super) struct Watch<'w, 'a> {
    pub(super) check: &'w mut DebugCheck<'a>,
    pub(super) questions: &'w mut Questions,
    pub(super) is_answered: bool,
}

impl Watch<'_, '_> {
    /// Prepares for a block. False if no debug location has a point in it.
    pub(super) fn begin(&mut self, block: Block) -> bool {
        let DebugCheck { output, by_block, to_begin, begun, watched, .. } = &mut *self.check;
        to_begin.clone_from(&by_block[block.index()]);
        to_begin.sort_by_key(|&n| Reverse(output.debug_locations[n as usize].1));
        watched.drain(..).for_each(|loc| begun[loc.index()].clear());
        !to_begin.is_empty()
    }

    /// Looks at one of the debug locations, if it has begun and not ended. Linear in the requests for its label that begin before it and
    /// reach as far as its end or over others that do.
    fn look(&mut self, n: u32, block: Block, point: ProgPoint, contents: &Contents) {
        let n = n as usize;
        let Self { check, questions, is_answered } = self;
        let (_, from, to, _) = check.output.debug_locations[n];
        if point < from || to <= point || check.watches[n].is_empty() {
            return;
        }
        let mut found = None;
        let mut doubt = |vreg: VReg, held: Held| {
            let name = vreg.vreg() as u32;
            match held {
                Held::AtStart(loc) if !*is_answered => {
                    questions.ask(block, loc, name);
                    Some(None)
                }
                held => refutation(questions, block, name, held).map(Some),
            }
        };
        for vreg in check.wanted_by(n) {
            let loc = check.places[n][vreg.class().index()];
            let now = doubt(vreg, contents.get(loc));
            if now.is_none() {
                return;
            }
            found = found.or(now.flatten().map(|refutation| (vreg, refutation)));
        }
        if *is_answered && let Some((vreg, refutation)) = found {
            check.watches[n] = 0..0;
            check.report(n, &format!("{point}, {vreg} is not there, but {}", describe(questions, refutation)));
        }
    }
}

impl Observer for Watch<'_, '_> {
    const POINTS: bool = true;

    fn at_point(&mut self, block: Block, point: ProgPoint, contents: &Contents) {
        while let Some(&n) = self.check.to_begin.last()
            && self.check.output.debug_locations[n as usize].1 <= point
        {
            self.check.to_begin.pop();
            let mut places = self.check.places[n as usize];
            places.sort_unstable();
            // (Registers are the same place for values of all classes, and slots for those of the same size.)
            for same in places.chunk_by(|a, b| a == b) {
                if let Some(begun) = self.check.begun.get_mut(same[0].index()) {
                    begun.push(n);
                    self.check.watched.push(same[0]);
                }
            }
            self.look(n, block, point, contents);
        }
        for &changed in &contents.journal {
            let mut begun = core::mem::take(&mut self.check.begun[changed.index()]);
            begun.retain(|&n| point < self.check.output.debug_locations[n as usize].2);
            begun.iter().for_each(|&n| self.look(n, block, point, contents));
            self.check.begun[changed.index()] = begun;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{FaultKind, check};
    use crate::ir::{Func, FuncBuilder, Inst, MachineEnv, Operand, OperandConstraint, OperandKind, OperandPos};
    use crate::ir::{PReg, PRegSet, RegClass, VReg};
    use crate::output::{Allocation, Edit, Output, ProgPoint};
    use crate::{Options, run};
    use alloc::vec;
    use alloc::vec::Vec;

    /// Six values, each labelled for three instructions, every second one for one label, among longer and shorter
    /// requests for that label.
    fn labelled() -> Func {
        let mut b = FuncBuilder::new();
        let block = b.block(&[]);
        let values: Vec<_> = (0..6).map(|_| b.vreg(RegClass::Int)).collect();
        for &value in &values {
            b.op(block, &[Operand::reg_def(value)]);
        }
        let uses: Vec<Operand> = values.iter().map(|&value| Operand::reg_use(value)).collect();
        b.op(block, &uses);
        b.ret(block, &[]);
        let mut func = b.finish();
        for (n, &value) in values.iter().enumerate().take(5) {
            let label = if n % 2 == 0 { 9 } else { n as u32 };
            func.debug_labels.push((value, Inst::new(n), Inst::new(n + 2), label));
        }
        func.debug_labels.push((values[5], Inst::new(0), Inst::new(7), 9));
        func.debug_labels.push((values[5], Inst::new(1), Inst::new(2), 9));
        func
    }

    /// Every debug location is right, and none is when it names another register, or another label.
    #[test]
    fn each_wrong_location_is_found() {
        let func = labelled();
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0xff);
        let output = run(&func, &env, &Options::default()).expect("allocatable");
        check(&func, &env, &output).expect("right");
        let faults = |n: usize, label: u32, place: Allocation| {
            let mut wrong = output.clone();
            (wrong.debug_locations[n].0, wrong.debug_locations[n].3) = (label, place);
            let found = check(&func, &env, &wrong).err();
            found.map_or(0, |faults| faults.as_slice().iter().filter(|f| f.kind == FaultKind::DebugLocation).count())
        };
        assert!(output.debug_locations.len() >= 6);
        let places: Vec<Allocation> = output.allocs[..6].to_vec();
        for (n, location) in output.debug_locations.iter().enumerate() {
            let held = places.iter().position(|&place| place == location.3).expect("where it is defined");
            let other = places[(held + 1) % 6];
            assert_eq!(faults(n, location.0, other), 1, "location {n} in {other}");
            assert!(faults(n, location.0 + 20, location.3) > 0, "location {n} with another label");
        }
    }

    fn reg(n: usize) -> Allocation {
        Allocation::reg(PReg::new(n, RegClass::Int))
    }

    fn two_registers() -> MachineEnv {
        let mut env = MachineEnv::default();
        env.preferred_regs_by_class[0] = PRegSet::from_class_mask(RegClass::Int, 0b11);
        env
    }

    /// Is it true that the value labelled 1 is in the register from the first point until the second?
    fn is_there(func: &Func, output: &Output, register: usize, from: ProgPoint, to: ProgPoint) -> bool {
        let output = Output { debug_locations: vec![(1, from, to, reg(register))], ..output.clone() };
        match check(func, &two_registers(), &output) {
            Ok(()) => true,
            Err(faults) => {
                assert!(faults.as_slice().iter().all(|fault| fault.kind == FaultKind::DebugLocation), "{faults}");
                false
            }
        }
    }

    fn after(inst: usize) -> ProgPoint {
        ProgPoint::after(Inst::new(inst))
    }

    fn before(inst: usize) -> ProgPoint {
        ProgPoint::before(Inst::new(inst))
    }

    /// A value is in its register until another one takes it, which may be long after the location has begun.
    #[test]
    fn a_location_that_ends_too_late_is_found() {
        let mut b = FuncBuilder::new();
        let block = b.block(&[]);
        let [first, second] = [(); 2].map(|()| b.vreg(RegClass::Int));
        b.op(block, &[Operand::reg_def(first)]);
        b.op(block, &[Operand::reg_use(first)]);
        b.op(block, &[Operand::reg_def(second)]);
        b.op(block, &[Operand::reg_use(second)]);
        b.ret(block, &[]);
        let mut func = b.finish();
        func.debug_labels.push((first, Inst::new(0), Inst::new(5), 1));
        let output = Output { allocs: vec![reg(0); 4], inst_alloc_offsets: vec![0, 1, 2, 3, 4], ..Output::default() };
        assert!(is_there(&func, &output, 0, after(0), before(1)));
        assert!(is_there(&func, &output, 0, after(0), after(2)), "until the instruction has executed");
        assert!(!is_there(&func, &output, 0, after(0), before(3)));
        assert!(!is_there(&func, &output, 0, after(1), after(4)));
        assert!(!is_there(&func, &output, 1, after(0), after(2)));
        assert!(!is_there(&func, &output, 0, before(0), after(2)), "defined late");
    }

    /// A definition, early or late, is in its place when its instruction has executed.
    #[test]
    fn a_definition_is_not_there_before_its_instruction() {
        let early = |vreg: VReg| Operand::new(vreg, OperandConstraint::Reg, OperandKind::Def, OperandPos::Early);
        for labelled in 0..2 {
            let mut b = FuncBuilder::new();
            let block = b.block(&[]);
            let values = [(); 2].map(|()| b.vreg(RegClass::Int));
            b.op(block, &[early(values[0]), Operand::reg_def(values[1])]);
            b.op(block, &values.map(Operand::reg_use));
            b.ret(block, &[]);
            let mut func = b.finish();
            func.debug_labels.push((values[labelled], Inst::new(0), Inst::new(2), 1));
            let allocs = vec![reg(0), reg(1), reg(0), reg(1)];
            let output = Output { allocs, inst_alloc_offsets: vec![0, 2, 4], ..Output::default() };
            for register in 0..2 {
                assert!(!is_there(&func, &output, register, before(0), before(1)));
                assert_eq!(is_there(&func, &output, register, after(0), after(1)), register == labelled);
            }
        }
    }

    /// The moves of an edge stand before the branch, for want of a place behind it. What they take from a value, it does not have at the branch.
    #[test]
    fn what_the_moves_of_an_edge_overwrite_is_gone_at_the_branch() {
        let mut b = FuncBuilder::new();
        let [first, second, parameter] = [(); 3].map(|()| b.vreg(RegClass::Int));
        let entry = b.block(&[]);
        let next = b.block(&[parameter]);
        b.op(entry, &[Operand::reg_def(first), Operand::reg_def(second)]);
        b.op(entry, &[Operand::reg_use(first)]);
        b.branch(entry, &[], &[(next, &[second])]);
        b.op(next, &[Operand::reg_use(parameter)]);
        b.ret(next, &[]);
        let mut func = b.finish();
        func.debug_labels.push((first, Inst::new(0), Inst::new(5), 1));
        let allocs = vec![reg(0), reg(1), reg(0), reg(0)];
        let moved = Edit::Move { from: reg(1), to: reg(0) };
        let inst_alloc_offsets = vec![0, 2, 3, 3, 4];
        let output = Output { allocs, inst_alloc_offsets, edits: vec![(before(2), moved)], ..Output::default() };
        assert!(is_there(&func, &output, 0, after(0), before(2)));
        assert!(!is_there(&func, &output, 0, after(0), before(3)));
        assert!(!is_there(&func, &output, 1, after(0), before(3)), "another's register");
    }
}
