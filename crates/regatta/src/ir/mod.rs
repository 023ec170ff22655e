//! What a client hands in: registers, operands, the machine's environment, and the function.

pub(crate) mod entity;
mod func;
mod function;
mod machine;
mod operand;
mod reg;

pub use entity::{Block, EntityIndex, Inst, InstRange};
pub use func::{BlockData, Frequency, Func, FuncBuilder, InstData, InstKind, Problem};
pub use function::Function;
pub(crate) use machine::{Machine, PerClass};
pub use operand::{Operand, OperandConstraint, OperandKind, OperandPos};
pub use reg::{MachineEnv, PReg, PRegSet, PRegSetIter, RegClass, VReg};
