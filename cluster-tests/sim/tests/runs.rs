//! The simulation itself: a seed repeats its run to the byte, what once failed holds, and nothing of
//! RocksDB is built for it.

use std::fs;
use std::process::{Command, Output};

/// Runs `sim`.
fn sim(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_sim")).args(args).output();
    output.expect("cargo has built it for this test")
}

/// Its output, if it says that all holds.
fn holds(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}: {said}", output.status);
    said
}

#[test]
fn a_seed_repeats_its_run_to_the_byte_in_another_process() {
    let dir = tempfile::tempdir().unwrap();
    for seed in ["1", "2", "21", "34", "55", "89"] {
        let history = |run: &str| {
            let path = dir.path().join(run);
            let path = path.to_str().unwrap();
            let report = holds(&sim(&["--seed", seed, "--json", "--history", path]));
            (report, fs::read(path).unwrap())
        };
        let (first, again) = (history("first"), history("again"));
        assert!(first.1.len() > 10_000, "{} bytes prove nothing", first.1.len());
        assert!(first == again, "seed {seed} went another way the second time: {}", first.0);
    }
}

#[test]
fn another_seed_is_another_run() {
    let dir = tempfile::tempdir().unwrap();
    let history = |seed: &str| {
        let path = dir.path().join(seed);
        holds(&sim(&["--seed", seed, "--history", path.to_str().unwrap()]));
        fs::read(path).unwrap()
    };
    assert!(history("3") != history("4"));
}

#[test]
fn three_seeds_and_all_that_once_failed_hold() {
    holds(&sim(&["sweep", "--from", "1000", "--count", "3"]));
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/regressions.txt");
    holds(&sim(&["regressions", "--file", list]));
}

#[test]
fn a_sweep_says_by_its_exit_code_what_happened() {
    let unknown = sim(&["regressions", "--file", "/nowhere/at/all"]);
    assert_eq!(unknown.status.code(), Some(2), "it could not be tried");
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("list");
    fs::write(&list, "--no-such-argument  # ends at once\n").unwrap();
    let failed = sim(&["regressions", "--file", list.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1), "a run that died has failed");
}

#[test]
fn nothing_of_rocksdb_is_built_for_it() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build", "--manifest-path"])
        .arg(manifest)
        .output()
        .unwrap();
    let tree = holds(&tree);
    assert!(tree.contains("rampart-raft-store"), "{tree}");
    assert!(!tree.contains("rocksdb"), "{tree}");
}
