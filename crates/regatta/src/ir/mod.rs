//! What a client hands in: registers, operands, the machine's environment, and the function.
//!
//! # How to say it
//!
//! | what the machine has | how its operands say so |
//! |---|---|
//! | an instruction of three addresses | [`reg_def`](Operand::reg_def), [`reg_use`](Operand::reg_use) of each input |
//! | one that overwrites its first input | [`reg_reuse_def`](Operand::reg_reuse_def) with the index of that input, an early use |
//! | one that may read an input from memory | [`any_use`](Operand::any_use) of that input |
//! | one that writes its result before it has read all inputs | the inputs read late with [`reg_use_at_end`](Operand::reg_use_at_end), or the result with [`reg_def_at_start`](Operand::reg_def_at_start) |
//! | a division that has its dividend and its results in two certain registers | [`reg_fixed_use`](Operand::reg_fixed_use) and [`reg_fixed_def`](Operand::reg_fixed_def) of these; the divisor with [`reg_use_at_end`](Operand::reg_use_at_end), or it may be in the register of a result |
//! | an instruction that needs a register for itself | [`reg_temp`](Operand::reg_temp) of a new virtual register |
//! | a call | arguments with [`reg_fixed_use`](Operand::reg_fixed_use), results with [`reg_fixed_def`](Operand::reg_fixed_def), and as [clobbers](Function::inst_clobbers) all registers that the caller has to save, but for those of results |
//! | parameters that come, or arguments that go, in certain places on the stack | a `PReg` for each place, listed in [`MachineEnv::fixed_stack_slots`], and operands fixed to it |
//! | a function's own parameters | an instruction at its beginning that defines them where they come |
//! | a register that is never allocated (a stack pointer) | nothing, or [`fixed_nonallocatable`](Operand::fixed_nonallocatable) |
//! | a switch | a branch with one successor for each case, a block on its own way where several cases go to one place |
//! | a trap | a return without operands |
//!
//! Edges that go from a block with several successors to one with several predecessors are for the client to split, since it has to emit a
//! jump there; so is an edge into a block with several predecessors whose branch has operands or clobbers.
//!
//! ```
//! use regatta::*;
//!
//! // fn f(n) { sum = 0; while n != 0 { sum += g(n); n -= 1 }; sum / 10 } for a machine whose first two registers are for arguments
//! // and results and are not preserved by calls; whose addition overwrites its first input; and which divides the first
//! // register, for a quotient in the first and a remainder in the second.
//! let [r0, r1] = [0, 1].map(|n| PReg::new(n, RegClass::Int));
//! let caller_saved = PRegSet::from_class_mask(RegClass::Int, 0b0011);
//! let callee_saved = PRegSet::from_class_mask(RegClass::Int, 0b1100);
//!
//! let mut b = FuncBuilder::new();
//! let [entry, header, body, done] = [(); 4].map(|()| b.block(&[]));
//! let (n, sum) = (b.param(header, RegClass::Int), b.param(header, RegClass::Int));
//! let [n0, zero, one, result, added, less, ten, quotient, remainder] = [(); 9].map(|()| b.vreg(RegClass::Int));
//!
//! b.op(entry, &[Operand::reg_fixed_def(n0, r0)]);
//! b.op(entry, &[Operand::reg_def(zero)]);
//! b.op(entry, &[Operand::reg_def(one)]);
//! b.branch(entry, &[], &[(header, &[n0, zero])]);
//!
//! b.branch(header, &[Operand::reg_use(n)], &[(body, &[]), (done, &[])]);
//!
//! let mut clobbers = caller_saved;
//! clobbers.remove(r0);
//! let operands = vec![Operand::reg_fixed_use(n, r0), Operand::reg_fixed_def(result, r0)];
//! b.inst(body, InstData { operands, clobbers, ..InstData::default() });
//! b.op(body, &[Operand::reg_use(sum), Operand::reg_use(result), Operand::reg_reuse_def(added, 0)]);
//! b.op(body, &[Operand::reg_use(n), Operand::reg_use(one), Operand::reg_reuse_def(less, 0)]);
//! b.branch(body, &[], &[(header, &[less, added])]);
//!
//! b.op(done, &[Operand::reg_def(ten)]);
//! b.op(done, &[
//!     Operand::reg_fixed_use(sum, r0),
//!     Operand::reg_use_at_end(ten),
//!     Operand::reg_fixed_def(quotient, r0),
//!     Operand::reg_fixed_def(remainder, r1),
//! ]);
//! b.ret(done, &[Operand::reg_fixed_use(quotient, r0)]);
//!
//! let func = b.finish();
//! let mut env = MachineEnv::default();
//! env.preferred_regs_by_class[0] = caller_saved;
//! env.non_preferred_regs_by_class[0] = callee_saved;
//! let output = run(&func, &env, &Options { validate: true, ..Options::default() })?;
//! check::check(&func, &env, &output).expect("a right allocation");
//!
//! // Three values live through the call, and two registers survive it.
//! assert!(output.num_spillslots > 0);
//! assert_eq!(output.written_regs(&func) & callee_saved, callee_saved);
//! # Ok::<(), Error>(())
//! ```

pub(crate) mod entity;
mod func;
mod function;
mod machine;
mod operand;
mod reg;
mod several;

pub use entity::{Block, EntityIndex, Inst, InstRange};
pub use func::{BlockData, Frequency, Func, FuncBuilder, InstData, InstKind, Problem};
pub use function::Function;
pub(crate) use machine::{Machine, PerClass};
pub use operand::{Operand, OperandConstraint, OperandKind, OperandPos};
pub use reg::{MachineEnv, PReg, PRegSet, PRegSetIter, RegClass, VReg};
pub(crate) use several::SeveralDefs;
