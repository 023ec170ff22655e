//! Is everything here that the crate has whose place this one takes, and is it the same?
//!
//! Rustdoc writes down both interfaces as JSON: once for the published crate, once for this one and the library whose types it
//! passes on. Both are flattened to a list of items, each with its signature (module `flatten`), and the lists are compared.
//! What ours lacks or has otherwise fails the test, but for the differences listed below; what ours has more is in a snapshot,
//! so that it is what we know of.
//!
//! Rustdoc's JSON is unstable, which is why it is read without much regard for its structure: where both sides say the same,
//! it does not matter what.

mod flatten;
mod rustdoc;

use flatten::{Interface, flatten};
use std::fmt::Write;

/// What is not the same, and why no client can tell.
const KNOWN: &[(&str, &str)] = &[
    (
        "CFGInfo.approx_loop_depth",
        "the type is in a private module: nobody can make one but by `default`, which is empty",
    ),
    ("CFGInfo.block_entry", "likewise"),
    ("CFGInfo.block_exit", "likewise"),
    ("CFGInfo.domtree", "likewise"),
    ("CFGInfo.insn_block", "likewise"),
    ("CFGInfo.postorder", "likewise"),
    ("InstRange::iter", "the iterator promises one thing more: it knows its length"),
];

#[test]
fn everything_is_there_and_the_same() {
    let theirs = flatten("regalloc2", &[rustdoc::published()]);
    let mut ours = flatten("regalloc2", &rustdoc::ours());
    assert!(theirs.len() > 500 && ours.len() > 500, "the interfaces cannot be read: this toolchain's JSON is another");
    insta::assert_snapshot!("what_is_there_beyond", beyond(&theirs, &ours));
    assert_eq!(differences(&theirs, &ours), Vec::<String>::new());

    // And if it were otherwise, we would know.
    ours.remove("PRegSet::union_from");
    ours.insert("MachineEnv.fixed_stack_slots".to_owned(), "a wrong type".to_owned());
    ours.insert("CFGInfo.domtree".to_owned(), theirs["CFGInfo.domtree"].clone());
    let found = differences(&theirs, &ours);
    assert_eq!(found.len(), 3, "{found:?}");
}

/// What ours lacks or has otherwise, apart from what is known; and what is known but not so.
fn differences(theirs: &Interface, ours: &Interface) -> Vec<String> {
    let mut found = Vec::new();
    let mut known: Vec<&str> = KNOWN.iter().map(|(item, _)| *item).collect();
    for (item, signature) in theirs {
        let difference = match ours.get(item) {
            None => format!("{item} is missing: {signature}"),
            Some(ours) if !serves_for(ours, signature) => format!("{item} is {ours} and should be {signature}"),
            Some(_) => continue,
        };
        match known.iter().position(|known| known == item) {
            Some(at) => drop(known.swap_remove(at)),
            None => found.push(difference),
        }
    }
    found.extend(known.iter().map(|item| format!("{item} is no longer different")));
    found
}

/// Does something with our signature do where theirs is asked for?
fn serves_for(ours: &str, theirs: &str) -> bool {
    // What can be computed at compile time can be computed at run time; and nobody minds a trait more.
    ours == theirs || ours.strip_prefix("const ") == Some(theirs) || theirs.strip_prefix("not ") == Some(ours)
}

/// The items that only ours has, and those that are `const` only in ours.
fn beyond(theirs: &Interface, ours: &Interface) -> String {
    let mut lines = String::new();
    for (item, signature) in ours {
        let note = match theirs.get(item) {
            None => "",
            Some(theirs) if theirs.strip_prefix("not ") == Some(signature) => "",
            Some(theirs) if signature.strip_prefix("const ") == Some(theirs) => " (const)",
            Some(_) => continue,
        };
        writeln!(lines, "{item}{note}").expect("strings can be written to");
    }
    lines
}
