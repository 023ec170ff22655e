//! The command as people and scripts meet it: what it prints, and its exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const SMALL: &str = "\
machine {
  int preferred p0i-p2i, non_preferred p3i, slot 1
}
function {
block0:
  op def v0i fixed(p0i)
  branch -> block1(v0i)
block1(v1i):
  op def v2i reuse(1), use v1i reg, use v0i reg
  branch use v2i any -> block2, block3
block2:
  branch -> block1(v2i)
block3:
  ret use v2i fixed(p0i)
}
";

/// Uses a value that nothing defines.
const INVALID: &str = "machine { int preferred p0i, slot 1 } function { block0: ret use v0i reg }";

/// Runs the command in a directory and returns its exit code, standard output and standard error.
fn regatta(directory: &Path, args: &[&str]) -> (i32, String, String) {
    regatta_reading(directory, Stdio::null(), args)
}

/// The same with something on standard input.
fn regatta_reading(directory: &Path, input: Stdio, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regatta"));
    command.args(args).current_dir(directory).stdin(input);
    let output = command.output().expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("the command prints text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// A directory with the given files in it.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().expect("a directory can be made");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a file can be written");
    }
    directory
}

/// What a run shows, for a snapshot.
fn shown(directory: &TempDir, args: &[&str]) -> String {
    let (code, out, err) = regatta(directory.path(), args);
    format!("$ regatta {}\n{out}{err}[exit code {code}]\n", args.join(" "))
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus")
}

#[test]
fn a_function_may_come_from_standard_input() {
    let here = directory(&[("small.rt", SMALL)]);
    let input = std::fs::File::open(here.path().join("small.rt")).expect("just written");
    let (code, out, _) = regatta_reading(here.path(), input.into(), &["check", "-"]);
    assert_eq!((code, out.as_str()), (0, "1 function, 4 allocations checked, 0 objections\n"));
}

#[test]
fn help() {
    let here = directory(&[]);
    let mut commands =
        vec!["alloc", "check", "validate", "stats", "convert", "bench", "frames", "gen", "reduce", "scale"];
    // The oracle is only there if it has been asked for.
    let mut name = "help";
    if cfg!(feature = "oracle") {
        commands.push("oracle");
        name = "help_with_oracle";
    }
    let mut all = shown(&here, &["--help"]);
    for command in commands {
        all += "\n";
        all += &shown(&here, &[command, "--help"]);
    }
    insta::assert_snapshot!(name, all);
}

#[test]
fn a_small_function_in_every_command() {
    let here = directory(&[("small.rt", SMALL)]);
    let mut all = String::new();
    for args in [&["validate", "small.rt"][..], &["check", "small.rt"], &["stats", "--functions", "small.rt"]] {
        all += &shown(&here, args);
    }
    insta::assert_snapshot!(all);
    for algorithm in ["thorough", "quick", "backtracking", "best"] {
        let (code, out, err) = regatta(here.path(), &["alloc", "--algorithm", algorithm, "small.rt"]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("op def v0i fixed(p0i) = p0i"), "{out}");
    }
    let (code, out, _) = regatta(here.path(), &["alloc", "--json", "small.rt"]);
    let json: serde_json::Value = serde_json::from_str(&out).expect("this is JSON");
    assert_eq!((code, &json[0]["locations"][0][0]), (0, &serde_json::json!("p0i")));
}

#[test]
fn what_is_wrong_is_said_once_and_shows_in_the_exit_code() {
    let files = [
        ("bad.rt", "machine { }\nfunction {\nblock0:\n  op use v0 reg\n}\n"),
        ("invalid.rt", INVALID),
        ("small.rt", SMALL),
    ];
    let here = directory(&files);
    std::fs::write(here.path().join("bytes.rt"), [0x80, 0xff]).expect("a file can be written");
    std::fs::write(here.path().join("cut.raf.zst"), [0x28, 0xb5, 0x2f, 0xfd]).expect("a file can be written");
    let runs: [&[&str]; 13] = [
        &["validate", "bad.rt"],
        &["validate", "invalid.rt"],
        &["alloc", "invalid.rt"],
        &["check", "invalid.rt"],
        &["stats", "invalid.rt"],
        &["frames", "invalid.rt"],
        &["check", "--algorithm", "quick", "small.rt", "invalid.rt"],
        &["alloc", "bytes.rt"],
        &["alloc", "--function", "1", "small.rt"],
        &["convert", "small.rt", "small.elf"],
        &["bench"],
        &["bench", "--only", "x64", "small.rt"],
        &["alloc", "--algorithm", "slow", "small.rt"],
    ];
    insta::assert_snapshot!(runs.iter().map(|args| shown(&here, args)).collect::<String>());
    for unreadable in ["cut.raf.zst", "nowhere.rt"] {
        let (code, out, err) = regatta(here.path(), &["validate", unreadable]);
        assert_eq!((code, out.as_str(), err.lines().count()), (2, "", 1), "{err}");
        assert!(err.starts_with(&format!("regatta: {unreadable}: ")), "{err}");
    }
}

#[test]
fn a_conversion_there_and_back_changes_nothing() {
    let here = directory(&[]);
    let keccak = corpus().join("keccak.x64.raf.zst");
    let keccak = keccak.to_str().expect("the path is text");
    let steps = [[keccak, "a.rt"], ["a.rt", "b.raf.zst"], ["b.raf.zst", "c.txt"]];
    for [from, to] in steps {
        assert_eq!(regatta(here.path(), &["convert", from, to]), (0, String::new(), String::new()));
    }
    let read = |name: &str| std::fs::read(here.path().join(name)).expect("the file has been written");
    assert!(read("a.rt") == read("c.txt"));
    let (code, one, _) = regatta(here.path(), &["convert", "--function", "3", keccak, "-"]);
    assert_eq!((code, one.matches("function ").count()), (0, 1));
}

#[test]
fn a_benchmark_compares_all_allocators_and_finds_no_fault() {
    let here = directory(&[]);
    let keccak = corpus().join("keccak.x64.raf.zst");
    let keccak = keccak.to_str().expect("the path is text");
    let (code, out, err) = regatta(here.path(), &["bench", "--reps", "1", "--json", "--worst", "2", keccak]);
    assert_eq!((code, err.as_str()), (0, ""));
    let figures: serde_json::Value = serde_json::from_str(&out).expect("this is JSON");
    let file = &figures["files"][0];
    let allocators = file["allocators"].as_array().expect("a list");
    let names: Vec<_> = allocators.iter().map(|a| a["allocator"].as_str().unwrap_or("")).collect();
    assert_eq!(names, ["ion", "fastalloc", "thorough", "quick", "backtracking", "best"]);
    // What the corpus documents of Fastalloc: the yardstick is the same.
    let ratio = |name: &str| allocators[1]["ratios"][name].as_f64().expect("a number");
    assert_eq!((format!("{:.2}", ratio("cost")), format!("{:.1}", ratio("slots"))), ("1.92".into(), "22.9".into()));
    assert!(ratio("heap") > 0.0);
    let cost = |index: usize| allocators[index]["sums"]["cost"].as_f64().expect("a number");
    assert!(cost(5) <= cost(2).min(cost(4)), "the best of two is no dearer than either");
}

#[test]
fn layouts_of_frames_are_compared_with_what_is_needed_at_once() {
    let here = directory(&[]);
    let bz2 = corpus().join("bz2.x64.raf.zst");
    let (code, out, err) = regatta(here.path(), &["frames", "--reps", "1", bz2.to_str().expect("the path is text")]);
    assert_eq!((code, err.as_str()), (0, ""));
    let line = out.lines().find(|line| line.starts_with(" bz2") || line.starts_with("bz2")).expect("a line a file");
    let cells: Vec<&str> = line.split_whitespace().collect();
    let words = |cell: usize| cells[cell].parse::<u32>().expect("a number");
    let (forced, probed, packed, at_once) = (words(1), words(3), words(4), words(5));
    assert!(0 < forced && forced <= at_once && at_once <= packed && packed < probed, "{out}");
}

#[test]
fn a_file_without_functions_is_an_error_where_functions_are_looked_at() {
    let here = directory(&[("empty.rt", ""), ("machine.rt", "machine { int preferred p0i, slot 1 }")]);
    let (code, out, err) = regatta(here.path(), &["convert", "empty.rt", "empty.raf.zst"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    for file in ["empty.rt", "machine.rt", "empty.raf.zst"] {
        for command in ["validate", "check", "alloc", "frames", "stats", "bench"] {
            let (code, out, err) = regatta(here.path(), &[command, file]);
            let said = format!("regatta: {file}: the file has no functions\n");
            assert_eq!((code, out, err), (2, String::new(), said), "{command}");
        }
    }
}

#[test]
fn a_corpus_that_is_cut_off_is_said_to_be() {
    let here = directory(&[]);
    let bytes = std::fs::read(corpus().join("keccak.x64.raf.zst")).expect("the file can be read");
    std::fs::write(here.path().join("cut.raf.zst"), &bytes[..bytes.len() / 2]).expect("a file can be written");
    let (code, out, err) = regatta(here.path(), &["validate", "cut.raf.zst"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with("regatta: cut.raf.zst: the file is damaged or cut off: "), "{err}");
}

#[test]
#[cfg(not(feature = "oracle"))]
fn a_build_without_the_oracle_says_how_to_get_it() {
    let here = directory(&[]);
    for args in [&["oracle", "--function", "3", "small.rt"][..], &["bound"], &["oracle", "--help"]] {
        let (code, out, err) = regatta(here.path(), args);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.contains("--features oracle"), "{err}");
    }
}

/// The test fails for functions with a definition that reuses an operand. What is left is that, and what makes it valid.
#[test]
#[cfg(unix)]
fn a_failing_function_is_reduced() {
    let here = directory(&[("small.rt", SMALL)]);
    let (code, out, err) = regatta(here.path(), &["reduce", "small.rt", "--test", "! grep -q reuse"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let reduced = "\
machine {
  int preferred p3i, slot 1
  float slot 1
  vector slot 1
}
function {
block0: ; inst0
  op def v0i reg
  op def v1i reuse(1), use v0i reg
  ret
}
";
    assert_eq!(out.trim(), reduced.trim());
    let (code, out, err) = regatta(here.path(), &["reduce", "small.rt", "--test", "true {}"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("`true {}` does not fail"), "{err}");
}

/// A test that cannot be run says nothing about a function, be it from the start or later.
#[test]
#[cfg(unix)]
fn a_test_that_cannot_be_started_is_no_failing_function() {
    let here = directory(&[("small.rt", SMALL), ("no_program", "")]);
    let once = "if test -e started; then regatta-that-is-not-there; else touch started; false; fi #";
    for (test, code) in [("regatta-that-is-not-there", 127), ("./no_program", 126), (once, 127)] {
        for more in [&[][..], &["--code", "1"]] {
            let _ = std::fs::remove_file(here.path().join("started"));
            let args = [&["reduce", "small.rt", "--test", test], more].concat();
            let (exit, out, err) = regatta(here.path(), &args);
            assert_eq!((exit, out.as_str()), (2, ""), "{test}: {err}");
            assert!(err.contains(&format!("cannot be started (exit code {code}): ")), "{test}: {err}");
        }
    }
    // Whoever looks for that code finds it.
    let (code, _, err) = regatta(here.path(), &["reduce", "small.rt", "--test", "exit 127 #", "--code", "127"]);
    assert_eq!((code, err.as_str()), (0, ""));
}

#[test]
fn families_are_made_and_measured() {
    let here = directory(&[]);
    let (code, text, err) = regatta(here.path(), &["gen", "nested-ifs", "--size", "40"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(text.matches("branch").count() > 40, "{text}");
    std::fs::write(here.path().join("ifs.rt"), text).expect("a file can be written");
    assert_eq!(regatta(here.path(), &["validate", "ifs.rt"]).0, 0);
    let args = ["scale", "line", "switch", "--sizes", "100,1000", "--allocators", "quick,ion", "--json"];
    let (code, out, err) = regatta(here.path(), &args);
    assert_eq!((code, err.as_str()), (0, ""));
    let series: serde_json::Value = serde_json::from_str(&out).expect("this is JSON");
    let series = series.as_array().expect("a list");
    assert_eq!(series.len(), 4);
    for one in series {
        assert_eq!(one["cases"].as_array().map(Vec::len), Some(2), "{one}");
        assert!(one["heap_exponent"].as_f64().is_some_and(|e| (0.5..1.5).contains(&e)), "{one}");
    }
}
