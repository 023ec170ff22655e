//! Every encoding is that of the crate whose place this one takes, and what is made of the parts gives them back.

use proptest::prelude::*;
use regalloc2::indexset::IndexSet;
use regalloc2::{
    Allocation, Inst, InstPosition, Operand, OperandConstraint, OperandKind, OperandPos, PReg, PRegSet, ProgPoint,
    RegClass, SpillSlot, VReg,
};

const CLASSES: [(RegClass, stock::RegClass); 3] = [
    (RegClass::Int, stock::RegClass::Int),
    (RegClass::Float, stock::RegClass::Float),
    (RegClass::Vector, stock::RegClass::Vector),
];

#[test]
fn registers() {
    for (class, their_class) in CLASSES {
        for number in 0..=PReg::MAX {
            let (ours, theirs) = (PReg::new(number, class), stock::PReg::new(number, their_class));
            assert_eq!(ours.index(), theirs.index());
            assert_eq!((ours.hw_enc(), ours.class()), (number, class));
            assert_eq!(ours.to_string(), theirs.to_string());
            assert_eq!(ours.as_valid().is_some(), theirs.as_valid().is_some());
            assert_eq!(Allocation::reg(ours).bits(), stock::Allocation::reg(theirs).bits());
        }
        for number in [0, 1, 77, VReg::MAX] {
            let (ours, theirs) = (VReg::new(number, class), stock::VReg::new(number, their_class));
            assert_eq!(ours.bits(), theirs.bits());
            assert_eq!(ours.to_string(), theirs.to_string());
        }
    }
    assert_eq!(PReg::invalid().index(), stock::PReg::invalid().index());
    assert_eq!(VReg::invalid().bits(), stock::VReg::invalid().bits());
    assert_eq!(
        (PReg::MAX, PReg::NUM_INDEX, PReg::INVALID),
        (stock::PReg::MAX, stock::PReg::NUM_INDEX, stock::PReg::INVALID)
    );
}

#[test]
fn operands() {
    let kinds = [(OperandKind::Def, stock::OperandKind::Def), (OperandKind::Use, stock::OperandKind::Use)];
    let steps = [(OperandPos::Early, stock::OperandPos::Early), (OperandPos::Late, stock::OperandPos::Late)];
    for (class, their_class) in CLASSES {
        let mut constraints = vec![
            (OperandConstraint::Any, stock::OperandConstraint::Any),
            (OperandConstraint::Reg, stock::OperandConstraint::Reg),
            (OperandConstraint::Stack, stock::OperandConstraint::Stack),
        ];
        constraints.extend((0..64).map(|number| {
            let (ours, theirs) = (PReg::new(number, class), stock::PReg::new(number, their_class));
            (OperandConstraint::FixedReg(ours), stock::OperandConstraint::FixedReg(theirs))
        }));
        constraints.extend((0..32).map(|n| (OperandConstraint::Reuse(n), stock::OperandConstraint::Reuse(n))));
        constraints.extend((0..7).map(|n| (OperandConstraint::Limit(1 << n), stock::OperandConstraint::Limit(1 << n))));
        for (constraint, their_constraint) in constraints {
            for (kind, their_kind) in kinds {
                for (pos, their_pos) in steps {
                    for number in [0, 12345, VReg::MAX - 1] {
                        let ours = Operand::new(VReg::new(number, class), constraint, kind, pos);
                        let vreg = stock::VReg::new(number, their_class);
                        let theirs = stock::Operand::new(vreg, their_constraint, their_kind, their_pos);
                        assert_eq!(ours.bits(), theirs.bits());
                        assert_eq!(Operand::from_bits(theirs.bits()), ours);
                        assert_eq!((ours.constraint(), ours.kind(), ours.pos()), (constraint, kind, pos));
                    }
                }
            }
        }
    }
}

#[test]
fn operands_by_their_short_names() {
    let (v, p) = (VReg::new(9, RegClass::Float), PReg::new(4, RegClass::Float));
    let (w, q) = (stock::VReg::new(9, stock::RegClass::Float), stock::PReg::new(4, stock::RegClass::Float));
    macro_rules! same {
        ($($name:ident($($ours:expr),*; $($theirs:expr),*);)*) => {
            $(assert_eq!(Operand::$name($($ours),*).bits(), stock::Operand::$name($($theirs),*).bits(), stringify!($name));)*
        };
    }
    same! {
        reg_use(v; w);
        reg_use_at_end(v; w);
        reg_def(v; w);
        reg_def_at_start(v; w);
        reg_temp(v; w);
        reg_reuse_def(v, 3; w, 3);
        reg_fixed_use(v, p; w, q);
        reg_fixed_def(v, p; w, q);
        reg_fixed_use_at_end(v, p; w, q);
        reg_fixed_def_at_start(v, p; w, q);
        any_use(v; w);
        any_def(v; w);
        fixed_nonallocatable(p; q);
    }
}

#[test]
fn places_and_points() {
    for slot in [0, 1, 4095, SpillSlot::MAX] {
        let (ours, theirs) = (SpillSlot::new(slot), stock::SpillSlot::new(slot));
        assert_eq!(Allocation::stack(ours).bits(), stock::Allocation::stack(theirs).bits());
        assert_eq!(Allocation::stack(ours).to_string(), stock::Allocation::stack(theirs).to_string());
    }
    assert_eq!(Allocation::none().bits(), stock::Allocation::none().bits());
    for inst in [0, 1, 70_000] {
        for (pos, their_pos) in
            [(InstPosition::Before, stock::InstPosition::Before), (InstPosition::After, stock::InstPosition::After)]
        {
            let ours = ProgPoint::new(Inst::new(inst), pos);
            let theirs = stock::ProgPoint::new(stock::Inst::new(inst), their_pos);
            assert_eq!(ours.to_index(), theirs.to_index());
            assert_eq!(ours.next().to_index(), theirs.next().to_index());
            assert_eq!((ours.inst(), ours.pos()), (Inst::new(inst), pos));
        }
    }
    assert_eq!(ProgPoint::invalid().to_index(), stock::ProgPoint::invalid().to_index());
    assert!(ProgPoint::invalid().inst().is_invalid());
}

proptest! {
    #[test]
    fn sets_of_registers(members in prop::collection::vec(0usize..192, 0..20), others in prop::collection::vec(0usize..192, 0..20)) {
        let ours = |list: &[usize]| list.iter().map(|&n| PReg::from_index(n)).collect::<PRegSet>();
        let theirs = |list: &[usize]| list.iter().map(|&n| stock::PReg::from_index(n)).collect::<stock::PRegSet>();
        let (mut a, b) = (ours(&members), ours(&others));
        let (mut c, d) = (theirs(&members), theirs(&others));
        let lists = |a: PRegSet, c: stock::PRegSet| {
            (a.into_iter().map(|reg| reg.index()).collect::<Vec<_>>(), c.into_iter().map(|reg| reg.index()).collect::<Vec<_>>())
        };
        for (ours, theirs) in [(a | b, c | d), (a & b, c & d)] {
            let (ours, theirs) = lists(ours, theirs);
            prop_assert_eq!(ours, theirs);
        }
        prop_assert_eq!(a.len(), c.len());
        prop_assert_eq!(a.max_preg().map(PReg::index), c.max_preg().map(stock::PReg::index));
        for (class, their_class) in CLASSES {
            prop_assert_eq!(a.is_empty(class), c.is_empty(their_class));
        }
        for &other in &others {
            a.remove(PReg::from_index(other));
            c.remove(stock::PReg::from_index(other));
        }
        let (ours, theirs) = lists(a, c);
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn sets_of_numbers(steps in prop::collection::vec((0usize..2000, any::<bool>()), 0..60), others in prop::collection::vec(0usize..2000, 0..30)) {
        let (mut ours, mut theirs) = (IndexSet::new(), stock::indexset::IndexSet::new());
        for &(number, add) in &steps {
            ours.set(number, add);
            theirs.set(number, add);
        }
        let (mut our_other, mut their_other) = (IndexSet::new(), stock::indexset::IndexSet::new());
        for &number in &others {
            our_other.set(number, true);
            their_other.set(number, true);
        }
        prop_assert_eq!(ours.union_with(&our_other), theirs.union_with(&their_other));
        // Theirs come in no order.
        let mut members: Vec<usize> = theirs.iter().collect();
        members.sort_unstable();
        prop_assert_eq!(ours.iter().collect::<Vec<_>>(), members);
        for &(number, _) in &steps {
            prop_assert_eq!(ours.get(number), theirs.get(number));
        }
    }
}
