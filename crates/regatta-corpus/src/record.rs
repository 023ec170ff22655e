//! The records as they stand in a file, and their translation to and from [`Problem`].

use regatta::{
    Block, BlockData, Func, Inst, InstData, InstKind, InstRange, MachineEnv, Operand, PReg, PRegSet, Problem, RegClass,
    VReg,
};
use serde::{Deserialize, Serialize};

/// A function as a record holds it; the order of the fields is the format.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FuncRecord {
    preferred: [Vec<u16>; 3],
    non_preferred: [Vec<u16>; 3],
    scratch: [Option<u16>; 3],
    fixed_stack: Vec<u16>,
    spill_size: [u8; 3],
    last_slot: bool,
    multi_defs: bool,
    entry: u32,
    num_vregs: u32,
    blocks: Vec<BlockRecord>,
    insts: Vec<InstRecord>,
    labels: Vec<(u32, u32, u32, u32)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct BlockRecord {
    first: u32,
    end: u32,
    succs: Vec<u32>,
    preds: Vec<u32>,
    params: Vec<u32>,
    args: Vec<Vec<u32>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct InstRecord {
    op: u8,
    operands: Vec<u64>,
    clobbers: Vec<u16>,
}

/// The bits of an operand's encoding that have a meaning.
const OPERAND_BITS: u32 = 43;

fn reg_of(index: u16) -> Result<PReg, String> {
    match usize::from(index) {
        index if index < PReg::NUM_INDEX => Ok(PReg::from_index(index)),
        index => Err(format!("there is no register with the index {index}; the highest is {}", PReg::NUM_INDEX - 1)),
    }
}

fn set_of(regs: &[u16]) -> Result<PRegSet, String> {
    regs.iter().map(|&reg| reg_of(reg)).collect()
}

fn sets_of([int, float, vector]: &[Vec<u16>; 3]) -> Result<[PRegSet; 3], String> {
    Ok([set_of(int)?, set_of(float)?, set_of(vector)?])
}

fn scratch_of([int, float, vector]: [Option<u16>; 3]) -> Result<[Option<PReg>; 3], String> {
    let reg = |reg: Option<u16>| reg.map(reg_of).transpose();
    Ok([reg(int)?, reg(float)?, reg(vector)?])
}

fn operand_of(bits: u64) -> Result<Operand, String> {
    match bits >> OPERAND_BITS {
        0 => Ok(Operand::from_bits(bits)),
        _ => Err(format!("{bits:#x} encodes no operand: it has more than {OPERAND_BITS} bits")),
    }
}

fn list_of(set: PRegSet) -> Vec<u16> {
    set.iter().map(|r| r.index() as u16).collect()
}

fn blocks_of(list: &[u32]) -> Vec<Block> {
    list.iter().map(|&b| Block(b)).collect()
}

fn vregs_of(list: &[u32]) -> Vec<VReg> {
    list.iter().map(|&v| VReg::from_bits(v)).collect()
}

fn bits_of(vregs: &[VReg]) -> Vec<u32> {
    vregs.iter().map(|v| v.bits() as u32).collect()
}

impl FuncRecord {
    /// The problem that the record describes, or what keeps it from being one.
    pub(crate) fn into_problem(self) -> Result<Problem, String> {
        let mut insts = Vec::with_capacity(self.insts.len());
        for (number, inst) in self.insts.into_iter().enumerate() {
            let bad = |why: String| format!("instruction {number}: {why}");
            let kind = match inst.op {
                0 => InstKind::Plain,
                1 => InstKind::Branch,
                2 => InstKind::Ret,
                kind => return Err(bad(format!("the format has no kind {kind}"))),
            };
            let operands = inst.operands.into_iter().map(operand_of).collect::<Result<_, _>>().map_err(bad)?;
            insts.push(InstData { kind, operands, clobbers: set_of(&inst.clobbers).map_err(bad)? });
        }
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for (number, block) in self.blocks.into_iter().enumerate() {
            if block.first > block.end {
                return Err(format!("block {number} ends before it begins"));
            }
            blocks.push(BlockData {
                insts: InstRange::new(Inst(block.first), Inst(block.end)),
                succs: blocks_of(&block.succs),
                preds: blocks_of(&block.preds),
                params: vregs_of(&block.params),
                args: block.args.iter().map(|args| vregs_of(args)).collect(),
            });
        }
        let labels = self.labels.iter().map(|&(v, from, to, label)| (VReg::from_bits(v), Inst(from), Inst(to), label));
        let func = Func {
            entry: Block(self.entry),
            num_vregs: self.num_vregs as usize,
            blocks,
            insts,
            spillslot_size: self.spill_size,
            named_by_last_slot: self.last_slot,
            multiple_defs: self.multi_defs,
            debug_labels: labels.collect(),
            frequencies: Vec::new(),
        };
        let env = MachineEnv {
            preferred_regs_by_class: sets_of(&self.preferred)?,
            non_preferred_regs_by_class: sets_of(&self.non_preferred)?,
            scratch_by_class: scratch_of(self.scratch)?,
            fixed_stack_slots: self.fixed_stack.iter().map(|&reg| reg_of(reg)).collect::<Result<_, _>>()?,
        };
        Ok(Problem { func, env })
    }

    /// The record that describes the problem. Block frequencies, which the format does not have, are left out.
    pub(crate) fn from_problem(problem: &Problem) -> Self {
        let Problem { func, env } = problem;
        let block = |b: &BlockData| BlockRecord {
            first: b.insts.first().0,
            end: b.insts.end().0,
            succs: b.succs.iter().map(|s| s.0).collect(),
            preds: b.preds.iter().map(|p| p.0).collect(),
            params: bits_of(&b.params),
            args: b.args.iter().map(|args| bits_of(args)).collect(),
        };
        let inst = |i: &InstData| InstRecord {
            op: match i.kind {
                InstKind::Plain => 0,
                InstKind::Branch => 1,
                InstKind::Ret => 2,
            },
            operands: i.operands.iter().map(|o| o.bits()).collect(),
            clobbers: list_of(i.clobbers),
        };
        let by_class = |sets: &[PRegSet; 3]| RegClass::ALL.map(|class| list_of(sets[class.index()]));
        Self {
            preferred: by_class(&env.preferred_regs_by_class),
            non_preferred: by_class(&env.non_preferred_regs_by_class),
            scratch: env.scratch_by_class.map(|reg| reg.map(|r| r.index() as u16)),
            fixed_stack: env.fixed_stack_slots.iter().map(|r| r.index() as u16).collect(),
            spill_size: func.spillslot_size,
            last_slot: func.named_by_last_slot,
            multi_defs: func.multiple_defs,
            entry: func.entry.0,
            num_vregs: func.num_vregs as u32,
            blocks: func.blocks.iter().map(block).collect(),
            insts: func.insts.iter().map(inst).collect(),
            labels: func.debug_labels.iter().map(|&(v, from, to, l)| (v.bits() as u32, from.0, to.0, l)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta::FuncBuilder;

    /// A record that is right: a function that defines a value and returns it.
    fn record() -> FuncRecord {
        let mut builder = FuncBuilder::new();
        let value = builder.vreg(RegClass::Int);
        let block = builder.block(&[]);
        builder.op(block, &[Operand::reg_def(value)]);
        builder.ret(block, &[Operand::reg_use(value)]);
        FuncRecord::from_problem(&Problem { func: builder.finish(), env: MachineEnv::default() })
    }

    #[test]
    fn registers_that_there_are_not_are_an_error_wherever_they_stand() {
        let places: [fn(&mut FuncRecord, u16); 5] = [
            |record, reg| record.preferred[0].push(reg),
            |record, reg| record.non_preferred[2].push(reg),
            |record, reg| record.scratch[1] = Some(reg),
            |record, reg| record.fixed_stack.push(reg),
            |record, reg| record.insts[0].clobbers.push(reg),
        ];
        for put in places {
            let with = |reg| {
                let mut record = record();
                put(&mut record, reg);
                record.into_problem()
            };
            assert_eq!(with(44).err(), None);
            let error = with(300).expect_err("there is no such register");
            assert!(error.contains("no register with the index 300"), "{error}");
        }
    }

    #[test]
    fn operands_with_stray_bits_are_an_error() {
        for bit in OPERAND_BITS..u64::BITS {
            let mut record = record();
            record.insts[1].operands[0] |= 1 << bit;
            let error = record.into_problem().expect_err("the bit means nothing");
            assert!(error.starts_with("instruction 1: "), "{error}");
        }
    }
}
