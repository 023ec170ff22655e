//! Values: each has a class, and one definition that dominates its uses.

use crate::cfg::{Dominators, Graph};
use crate::error::Error;
use crate::ir::{Block, Function, Inst, Operand, OperandKind, RegClass, VReg};
use alloc::vec;
use alloc::vec::Vec;

/// Where values are defined.
///
/// A place within the function is a number: 0 for nowhere, `2 * first + 1` for the parameters of the block that begins
/// with instruction `first`, `2 * inst + 2` for what an instruction defines. An instruction reads at `2 * inst + 1`, and a
/// branch's arguments are read with its definitions. Tables start out as zeros, which cost nothing until they are used:
/// the number of virtual registers is the client's word, and need not be near to how many there are.
pub(super) struct Values {
    defined_at: Vec<u32>,
    defined_in: Vec<u32>,
    /// The class of each, plus one.
    class: Vec<u8>,
    occurs: [bool; 3],
}

impl Values {
    /// Finds all definitions. The blocks must have been checked.
    pub(super) fn define(func: &impl Function) -> Result<Self, Error> {
        let num_vregs = func.num_vregs();
        let mut this = Self {
            defined_at: vec![0; num_vregs],
            defined_in: vec![0; num_vregs],
            class: vec![0; num_vregs],
            occurs: [false; 3],
        };
        let mut num_operands = 0usize;
        for block in (0..func.num_blocks()).map(Block::new) {
            let insts = func.block_insns(block);
            for &param in func.block_params(block) {
                exists(param, None, num_vregs)?;
                if this.defined_at[param.vreg()] != 0 {
                    return Err(Error::MultipleDefs { vreg: param, inst: None });
                }
                this.add(param, block, insts.first().0 * 2 + 1);
            }
            for inst in insts.iter() {
                let at = inst.0 * 2 + 2;
                num_operands += func.inst_operands(inst).len();
                for &op in func.inst_operands(inst) {
                    if op.kind() != OperandKind::Def || op.as_fixed_nonallocatable().is_some() {
                        continue;
                    }
                    let vreg = operand_exists(op, inst, num_vregs)?;
                    let first = this.defined_at[vreg.vreg()];
                    if first != 0 && !(first == at && func.allow_multiple_vreg_defs()) {
                        return Err(Error::MultipleDefs { vreg, inst: Some(inst) });
                    }
                    if first != 0 && this.class[vreg.vreg()] != vreg.class() as u8 + 1 {
                        return Err(Error::ClassMismatch { vreg, inst: Some(inst) });
                    }
                    this.add(vreg, block, at);
                }
            }
        }
        let limit = u32::MAX as usize - 1;
        if num_operands > limit {
            return Err(Error::TooLarge { what: "operands", limit });
        }
        Ok(this)
    }

    fn add(&mut self, vreg: VReg, block: Block, at: u32) {
        self.defined_at[vreg.vreg()] = at;
        self.defined_in[vreg.vreg()] = block.0;
        self.class[vreg.vreg()] = vreg.class() as u8 + 1;
        self.occurs[vreg.class().index()] = true;
    }

    /// Is the virtual register, which exists, mentioned as one of the class that it is defined in, if it is?
    pub(super) fn is_of_class(&self, vreg: VReg) -> bool {
        let class = self.class[vreg.vreg()];
        class == 0 || class == vreg.class() as u8 + 1
    }

    /// Is there a value of this class?
    pub(super) fn class_occurs(&self, class: RegClass) -> bool {
        self.occurs[class.index()]
    }

    /// Checks that every use names a value, by its class, that is defined on every path to it. In blocks that cannot be
    /// reached, no path leads to a use: there it is enough that the value is defined, and not behind its use.
    pub(super) fn check_uses(&self, func: &impl Function) -> Result<(), Error> {
        let mut graph = Graph::default();
        graph.run(func)?;
        let mut dominators = Dominators::default();
        dominators.run(&graph);
        let dominates = |above: Block, below: Block| !graph.is_reachable(below) || dominators.dominates(above, below);
        for block in (0..func.num_blocks()).map(Block::new) {
            let insts = func.block_insns(block);
            for inst in insts.iter() {
                for &op in func.inst_operands(inst) {
                    if op.kind() == OperandKind::Use && op.as_fixed_nonallocatable().is_none() {
                        let vreg = operand_exists(op, inst, func.num_vregs())?;
                        self.check_use(vreg, block, inst, inst.0 * 2 + 1, dominates)?;
                    }
                }
            }
            let branch = insts.last();
            for (n, &succ) in func.block_succs(block).iter().enumerate() {
                let args = func.branch_blockparams(block, branch, n);
                for (&arg, &param) in args.iter().zip(func.block_params(succ)) {
                    exists(arg, Some(branch), func.num_vregs())?;
                    self.check_use(arg, block, branch, branch.0 * 2 + 2, dominates)?;
                    if arg.class() != param.class() {
                        return Err(Error::ClassMismatch { vreg: arg, inst: Some(branch) });
                    }
                }
            }
        }
        Ok(())
    }

    fn check_use(
        &self,
        vreg: VReg,
        block: Block,
        inst: Inst,
        at: u32,
        dominates: impl Fn(Block, Block) -> bool,
    ) -> Result<(), Error> {
        let defined_at = self.defined_at[vreg.vreg()];
        if defined_at == 0 {
            return Err(Error::Undefined { vreg, inst: Some(inst) });
        }
        if self.class[vreg.vreg()] != vreg.class() as u8 + 1 {
            return Err(Error::ClassMismatch { vreg, inst: Some(inst) });
        }
        let home = Block(self.defined_in[vreg.vreg()]);
        let reaches = if home == block { defined_at <= at } else { dominates(home, block) };
        if reaches { Ok(()) } else { Err(Error::NotDominated { vreg, inst }) }
    }
}

/// The virtual register of an operand, if it exists.
fn operand_exists(op: Operand, inst: Inst, num_vregs: usize) -> Result<VReg, Error> {
    // The field has two bits more than the numbers of virtual registers, and `Operand::vreg` does not look at them.
    let number = op.bits() as u32 as usize;
    if number < num_vregs { Ok(op.vreg()) } else { Err(Error::NoSuchVReg { vreg: op.vreg(), inst: Some(inst) }) }
}

/// Checks the number and the class of a block parameter or an argument.
fn exists(vreg: VReg, inst: Option<Inst>, num_vregs: usize) -> Result<(), Error> {
    if vreg.vreg() >= num_vregs {
        return Err(Error::NoSuchVReg { vreg, inst });
    }
    if RegClass::from_index(vreg.bits() & 3).is_none() {
        return Err(Error::ClassMismatch { vreg, inst });
    }
    Ok(())
}
