//! What the checker reports.

use crate::output::ProgPoint;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The ways in which an output can be wrong for its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The input itself is malformed, so that nothing can be said of the output.
    Input,
    /// The table of locations does not fit the instructions: too few or too many, or its offsets lead nowhere.
    AllocTable,
    /// An operand has no location, or one that is no register and no slot.
    NoLocation,
    /// An operand's location is not one that its constraint allows, or is a register of another class.
    Constraint,
    /// A slot lies outside of the frame, or is not aligned to its size.
    Slot,
    /// A use's location does not hold the value, on some path at least.
    WrongValue,
    /// Two operands of one instruction want the same place at the same time.
    Overlap,
    /// A definition or a late use is in a register that the instruction clobbers.
    Clobbered,
    /// Definitions of one value in one instruction have different locations.
    SplitDef,
    /// The edits are not sorted by place.
    EditOrder,
    /// An edit is where none can be: behind a block's last instruction, or at no instruction of the function.
    EditPoint,
    /// A move that no machine can do: from stack to stack, between classes, or from or to nowhere. Or one to a register that is not the
    /// allocator's, but for the instruction that uses it next.
    BadMove,
    /// A debug location that was not asked for, out of order, or where the value is not.
    DebugLocation,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Input,
        Self::AllocTable,
        Self::NoLocation,
        Self::Constraint,
        Self::Slot,
        Self::WrongValue,
        Self::Overlap,
        Self::Clobbered,
        Self::SplitDef,
        Self::EditOrder,
        Self::EditPoint,
        Self::BadMove,
        Self::DebugLocation,
    ];
}

/// One thing that is wrong with an output: what, where, and what was found instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// The place, if the fault has one: the point before an instruction for all that concerns its operands, the edit's
    /// own point for an edit.
    pub point: Option<ProgPoint>,
    /// The whole of it in words.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The faults of an output: at least one, at most [`Faults::LIMIT`]. One mistake of an allocator often shows in many
/// places, and the first few tell the story.
///
/// Displayed one to a line.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Faults {
    faults: Vec<Fault>,
    /// How many more there were.
    omitted: usize,
}

impl Faults {
    /// The most faults that are kept.
    pub const LIMIT: usize = 20;

    /// The faults, in the order in which they were found: first what needs no following of values, then the rest by
    /// block.
    pub fn as_slice(&self) -> &[Fault] {
        &self.faults
    }

    /// How many faults were found beyond those kept.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Notes a fault. The message is made only when there is room for it: a hostile output may have millions.
    pub(super) fn report(&mut self, kind: FaultKind, point: Option<ProgPoint>, message: impl FnOnce() -> String) {
        if self.faults.len() < Self::LIMIT {
            self.faults.push(Fault { kind, point, message: message() });
        } else {
            self.omitted += 1;
        }
    }

    /// The verdict: no faults, or these.
    pub(super) fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.faults.iter().enumerate() {
            let newline = if n == 0 { "" } else { "\n" };
            write!(f, "{newline}{fault}")?;
        }
        if self.omitted > 0 {
            write!(f, "\nand {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl core::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn what_is_beyond_the_limit_is_counted_and_costs_no_message() {
        let mut faults = Faults::default();
        assert_eq!(faults.clone().into_result(), Ok(()));
        for n in 0..Faults::LIMIT {
            faults.report(FaultKind::Input, None, || n.to_string());
        }
        let lines = (0..Faults::LIMIT).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        assert_eq!((faults.omitted(), faults.to_string()), (0, lines.clone()));
        for _ in 0..2 {
            faults.report(FaultKind::Input, None, || unreachable!("there is no room for it"));
        }
        assert_eq!((faults.as_slice().len(), faults.omitted()), (Faults::LIMIT, 2));
        assert_eq!(faults.to_string(), lines + "\nand 2 more");
        assert_eq!(faults.clone().into_result(), Err(faults));
    }
}
