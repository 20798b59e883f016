//! The storage engine alone: power cuts and damaged files, as many as fit into a minute. The same
//! program does more of both on command (`crash --help`).

use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::harness::session::run;

/// Exit codes of the program.
const BROKEN: i32 = 1;
const CANT: i32 = 5;

fn crash(arguments: &[&str]) -> Result<Output> {
    let program = env!("CARGO_BIN_EXE_crash");
    Command::new(program).args(arguments).output().context("crash can't be started")
}

/// The run must end with this code and say this; where the machine can't do it, it is skipped.
fn demand(arguments: &[&str], code: i32, words: &str) -> Result<()> {
    let output = crash(arguments)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(found) if found == code && said.contains(words) => Ok(()),
        Some(CANT) => machine::skip("power-cut", said),
        found => bail!("crash {arguments:?} ended with {found:?}, not {code}: {said}"),
    }
}

#[test]
fn power_cuts_lose_nothing_that_was_acknowledged() {
    run(async { demand(&["cuts", "--count", "50", "--seed", "1"], 0, "0 failures") });
}

/// What the cuts are worth: a disk that only says that it synced is found out.
#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    run(async {
        demand(
            &["cuts", "--count", "15", "--seed", "1", "--lying-disk"],
            BROKEN,
            "again: crash cuts",
        )
    });
}

#[test]
fn damaged_files_are_found_before_anything_wrong_is_served() {
    // One half is of each engine.
    run(async { demand(&["damage", "--count", "1000", "--seed", "1"], 0, "0 failures") });
}
