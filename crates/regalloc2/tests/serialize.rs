//! What is handed in and out can be stored and read again.

mod support;

use regalloc2::serialize::SerializableFunction;
use regalloc2::{Function, Output, RegAllocError, RegClass, RegallocOptions, VReg, run};
use support::{Client, corpus, in_regattas_form};

#[test]
fn a_stored_function_is_allocated_like_the_original() {
    let (_, problems) = corpus().swap_remove(1);
    for problem in &problems {
        let client = Client(&problem.func);
        let stored =
            serde_json::to_string(&SerializableFunction::new(&client, problem.env.clone())).expect("no limits");
        let read: SerializableFunction = serde_json::from_str(&stored).expect("just written");
        assert_eq!(serde_json::to_string(&read).expect("no limits"), stored);

        assert!(read.machine_env() == &problem.env);
        assert_eq!(read.num_insts(), problem.func.insts.len());
        let original = run(&client, &problem.env, &RegallocOptions::default()).expect("allocatable");
        let again = run(&read, read.machine_env(), &RegallocOptions::default()).expect("allocatable");
        assert!(in_regattas_form(&original) == in_regattas_form(&again));

        let output = serde_json::to_string(&original).expect("no limits");
        let output: Output = serde_json::from_str(&output).expect("just written");
        assert!(in_regattas_form(&original) == in_regattas_form(&output));
    }
}

#[test]
fn a_stored_function_can_be_read_by_people() {
    let (_, problems) = corpus().swap_remove(1);
    let with_blocks = problems.iter().filter(|problem| problem.func.blocks.len() > 4);
    let smallest = with_blocks.min_by_key(|problem| problem.func.insts.len()).expect("functions");
    let stored = SerializableFunction::new(&Client(&smallest.func), smallest.env.clone());
    insta::assert_snapshot!(format!("{stored:?}"));
}

/// What both crates write is the same, so that what was stored with the other can be read with this one.
#[test]
fn small_things_are_stored_as_the_other_crate_stores_them() {
    let (ours, theirs) = (VReg::new(5, RegClass::Float), stock::VReg::new(5, stock::RegClass::Float));
    assert_eq!(json(&ours), json(&theirs));
    let ours = regalloc2::Operand::reg_fixed_use(ours, regalloc2::PReg::new(3, RegClass::Float));
    let theirs = stock::Operand::reg_fixed_use(theirs, stock::PReg::new(3, stock::RegClass::Float));
    assert_eq!(json(&ours), json(&theirs));
    let ours = RegAllocError::SSA(VReg::new(5, RegClass::Float), regalloc2::Inst::new(4));
    let theirs = stock::RegAllocError::SSA(stock::VReg::new(5, stock::RegClass::Float), stock::Inst::new(4));
    assert_eq!(json(&ours), json(&theirs));
    assert_eq!(json(&Output::default()), json(&stock::Output::default()));
    assert_eq!(json(&regalloc2::PRegSet::empty()), json(&stock::PRegSet::empty()));
    let ours = regalloc2::InstRange::new(regalloc2::Inst::new(1), regalloc2::Inst::new(2));
    assert_eq!(json(&ours), json(&stock::InstRange::new(stock::Inst::new(1), stock::Inst::new(2))));
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("no limits")
}

/// What regatta itself takes and gives can be stored as well.
#[test]
fn problems_and_outputs_of_regatta_survive_storage() {
    let (_, problems) = corpus().swap_remove(0);
    for problem in problems {
        let stored = serde_json::to_string(&problem).expect("no limits");
        let read: regatta::Problem = serde_json::from_str(&stored).expect("just written");
        assert_eq!(read, problem);
        let output = regatta::run(&problem.func, &problem.env, &regatta::Options::default()).expect("allocated");
        let stored = serde_json::to_string(&output).expect("no limits");
        assert_eq!(serde_json::from_str::<regatta::Output>(&stored).expect("just written"), output);
    }
    assert!(serde_json::from_str::<regatta::Frequency>("-1.0").is_err(), "no frequency");
}
