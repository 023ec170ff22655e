//! What the validator says: each way in which an input can be wrong, at the place where it is, and what is right just beside it. What is
//! right is also allocated, by every allocator.

mod clients;
mod graph;
mod operands;
mod values;

use regatta::check::{check, validate};
use regatta::{Algorithm, Func, Options, PReg, Problem, RegClass, VReg, run, text};
use std::fmt::Write;

/// Four registers of class Int, of which none is numbered 0, and a single one of class Float; none of class Vector.
const MACHINE: &str = "machine {
      int preferred p1i-p4i, scratch p6i, slot 1
      float preferred p1f, slot 2
      stack p9i
    }";

fn parse(function: &str) -> Problem {
    text::parse(&format!("{MACHINE} {function}")).expect("well-formed").remove(0)
}

fn verdict(problem: &Problem) -> String {
    if let Err(error) = validate(&problem.func, &problem.env) {
        let words = error.to_string();
        assert_eq!(error.inst().map(|inst| inst.to_string()), inst_in(&words), "{words}");
        return words;
    }
    for algorithm in Algorithm::ALL {
        let output = match run(&problem.func, &problem.env, &Options { algorithm, ..Options::default() }) {
            Ok(output) => output,
            Err(error) => return format!("not by {algorithm:?}: {error}"),
        };
        if let Err(faults) = check(&problem.func, &problem.env, &output) {
            return format!("wrong by {algorithm:?}: {faults}");
        }
    }
    "right".to_owned()
}

/// The first instruction that these words name.
fn inst_in(words: &str) -> Option<String> {
    let mut names = words.match_indices("inst").map(|(at, name)| {
        let number = words[at + name.len()..].chars().take_while(char::is_ascii_digit);
        name.to_owned() + &number.collect::<String>()
    });
    names.find(|name| name != "inst")
}

/// A diamond: block 0 branches to 1 and 2, which pass a value on to 3.
fn diamond() -> Problem {
    parse(
        "function {
        block0:
          op def v0i reg
          branch -> block1, block2
        block1:
          op use v0i reg, def v1i reg
          branch -> block3(v1i)
        block2:
          branch -> block3(v0i)
        block3(v2i):
          ret use v2i reg
        }",
    )
}

fn int(number: usize) -> VReg {
    VReg::new(number, RegClass::Int)
}

fn float(number: usize) -> VReg {
    VReg::new(number, RegClass::Float)
}

fn reg(number: usize) -> PReg {
    PReg::new(number, RegClass::Int)
}

/// What happens to the diamond, in words, and how that is done.
type Breakage = (&'static str, fn(&mut Func));

/// What is said of the diamond broken in each of these ways.
fn broken(ways: &[Breakage]) -> String {
    let mut report = String::new();
    assert_eq!(verdict(&diamond()), "right");
    for (what, break_it) in ways {
        let mut problem = diamond();
        break_it(&mut problem.func);
        writeln!(report, "{what}:\n  {}", verdict(&problem)).expect("text grows");
    }
    report
}
