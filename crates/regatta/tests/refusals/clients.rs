//! What a client says besides its code: slots, labels, frequencies, the machine; and what none but a client's own function says.

use crate::{broken, diamond, float, int, reg, verdict};
use regatta::check::validate;
use regatta::{Frequency, Function, Inst, MachineEnv, PReg, Problem, RegClass};
use regatta_testing::claiming::Claiming;
use std::fmt::Write;

#[test]
fn slots_labels_and_frequencies() {
    let report = broken(&[
        ("a slot of three words", |f| f.spillslot_size[0] = 3),
        ("a slot of 128 words", |f| f.spillslot_size[0] = 128),
        ("a slot of three words for a class without values", |f| f.spillslot_size[1] = 3),
        ("a label", |f| f.debug_labels.push((int(2), Inst::new(0), Inst::new(6), 7))),
        ("an empty label", |f| f.debug_labels.push((int(2), Inst::new(6), Inst::new(6), 7))),
        ("a label that ends before it begins", |f| f.debug_labels.push((int(2), Inst::new(3), Inst::new(2), 7))),
        ("a label that ends behind the function", |f| f.debug_labels.push((int(2), Inst::new(0), Inst::new(7), 7))),
        ("a label of nothing", |f| f.debug_labels.push((int(3), Inst::new(0), Inst::new(6), 7))),
        ("a label of another class", |f| f.debug_labels.push((float(2), Inst::new(0), Inst::new(6), 7))),
        ("a label of what is never defined", |f| {
            f.num_vregs = 4;
            f.debug_labels.push((float(3), Inst::new(0), Inst::new(6), 7));
        }),
        ("labels of one value", |f| {
            f.debug_labels.push((int(1), Inst::new(3), Inst::new(6), 7));
            f.debug_labels.push((int(1), Inst::new(0), Inst::new(6), 7));
        }),
        ("labels out of order", |f| {
            f.debug_labels.push((int(1), Inst::new(0), Inst::new(6), 7));
            f.debug_labels.push((int(0), Inst::new(0), Inst::new(6), 7));
        }),
        ("frequencies", |f| f.frequencies = vec![frequency(0.0); 4]),
        ("frequencies of some blocks", |f| f.frequencies = vec![frequency(1.0); 3]),
        ("a frequency of one block", |f| f.frequencies = vec![frequency(1.0)]),
    ]);
    insta::assert_snapshot!(report);
}

fn frequency(value: f32) -> Frequency {
    Frequency::new(value).expect("finite and not negative")
}

#[test]
fn what_only_a_client_can_say() {
    let Problem { func, env } = diamond();
    let right = Claiming { frequencies: vec![1.0, 0.5, 0.5, 1.0], ..Claiming::new(func) };
    let verdict = |claim: fn(&mut Claiming)| {
        let mut client = right.clone();
        claim(&mut client);
        validate(&client, &env).map_err(|error| error.to_string())
    };
    let refused = |words: &str| Err(words.to_owned());
    assert_eq!(verdict(|_| {}), Ok(()));
    assert_eq!(verdict(|client| client.slot = 1 << 16), Ok(()));
    let size = refused("spill slots of class Int have 131072 words, which is no power of two that can be");
    assert_eq!(verdict(|client| client.slot = 1 << 17), size);
    let size = refused("spill slots of class Int have 0 words, which is no power of two that can be");
    assert_eq!(verdict(|client| client.slot = 0), size);
    let frequency = refused("block2: every block has a frequency that is finite and not negative, or none has one");
    assert_eq!(verdict(|client| client.frequencies[2] = f32::INFINITY), frequency);
    assert_eq!(verdict(|client| client.frequencies[2] = f32::NAN), frequency);
    assert_eq!(verdict(|client| client.frequencies[2] = -0.5), frequency);
    assert_eq!(verdict(|client| client.frequencies[2] = -0.0), Ok(()));
    let both = refused("inst3 in block1: it is both a branch and a return");
    assert_eq!(verdict(|client| client.both = Some(Inst::new(3))), both);
}

/// What a client need not say.
#[test]
fn a_client_that_says_no_more_than_it_must() {
    let client = Claiming::new(diamond().func);
    assert!(client.debug_value_labels().is_empty());
    assert!(!client.multi_spillslot_named_by_last_slot());
    assert!(!client.allow_multiple_vreg_defs());
}

#[test]
fn environments() {
    type Breakage = (&'static str, fn(&mut MachineEnv));
    let ways: [Breakage; 12] = [
        ("a register twice", |env| env.non_preferred_regs_by_class[0].add(reg(1))),
        ("a register in another class", |env| env.preferred_regs_by_class[0].add(PReg::new(2, RegClass::Float))),
        ("a non-preferred register in another class", |env| {
            env.non_preferred_regs_by_class[1].add(reg(2));
        }),
        ("an allocatable scratch register", |env| env.scratch_by_class[0] = Some(reg(1))),
        ("a scratch register in another class", |env| env.scratch_by_class[1] = Some(reg(7))),
        ("an allocatable stack slot", |env| env.fixed_stack_slots.push(reg(1))),
        ("a stack slot that is a scratch register", |env| env.fixed_stack_slots.push(reg(6))),
        ("a stack slot twice", |env| env.fixed_stack_slots.push(reg(9))),
        ("a stack slot beside another", |env| env.fixed_stack_slots.push(reg(10))),
        ("the register that stands for none", |env| env.preferred_regs_by_class[0].add(PReg::invalid())),
        ("a scratch register that stands for none", |env| env.scratch_by_class[0] = Some(PReg::invalid())),
        ("a stack slot of no class", |env| env.fixed_stack_slots.push(PReg::from_index(200))),
    ];
    let mut report = String::new();
    for (what, break_it) in ways {
        let mut problem = diamond();
        break_it(&mut problem.env);
        writeln!(report, "{what}:\n  {}", verdict(&problem)).expect("text grows");
    }
    insta::assert_snapshot!(report);
}
