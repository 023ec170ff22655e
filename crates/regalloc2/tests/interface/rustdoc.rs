//! Has rustdoc write down the interfaces.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FEATURES: &str = "checker,enable-serde,trace-log";

/// The interface of the crate whose place this one takes.
///
/// Cargo documents a dependency with the features that its dependents ask for, and this workspace has no dependent that
/// asks for them all outside of tests. So there is one, in a scratch directory, with this workspace's lock file.
pub(crate) fn published() -> Value {
    let scratch = scratch("published");
    let features: Vec<String> = FEATURES.split(',').map(|feature| format!("{feature:?}")).collect();
    let manifest = format!(
        "[package]\nname = \"scratch\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n\
         regalloc2 = {{ version = \"=0.15.2\", features = [{}] }}\n",
        features.join(", ")
    );
    fs::write(scratch.join("Cargo.toml"), manifest).expect("the scratch directory is writable");
    fs::write(scratch.join("lib.rs"), "").expect("the scratch directory is writable");
    fs::copy(workspace().join("Cargo.lock"), scratch.join("Cargo.lock")).expect("the workspace has a lock file");
    document(&scratch, &scratch.join("target"), "regalloc2", &["--package", "regalloc2"])
}

/// The interface of this crate, and that of the library whose types it passes on.
pub(crate) fn ours() -> [Value; 2] {
    let target = scratch("ours");
    [
        document(&workspace().join("crates/regalloc2"), &target, "regalloc2", &["--features", FEATURES]),
        document(
            &workspace().join("crates/regatta"),
            &target,
            "regatta",
            &["--no-default-features", "--features", "serde"],
        ),
    ]
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interface").join(name);
    fs::create_dir_all(&path).expect("the target directory is writable");
    path
}

/// Documents a package, without the network: whoever runs this test has everything. (Since two packages here have one name,
/// Cargo is told which is meant by the directory.)
fn document(directory: &Path, target: &Path, package: &str, options: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .current_dir(directory)
        // Rustdoc writes JSON for those only who say that they know it to be unstable.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["rustdoc", "--offline", "--lib", "--target-dir"])
        .arg(target)
        .args(options)
        .args(["--", "-Zunstable-options", "--output-format", "json"])
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json = target.join("doc").join(format!("{package}.json"));
    let text = fs::read_to_string(&json).unwrap_or_else(|e| panic!("{}: {e}", json.display()));
    serde_json::from_str(&text).expect("rustdoc writes JSON")
}
