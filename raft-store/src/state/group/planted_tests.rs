//! With a bug planted, the test that is about it turns red. Each is run again in a process of its
//! own, since a process has one bug.

use std::process::Command;

/// Each bug of the groups' state, and the test that must fail.
const RED: &[(&str, &str)] = &[
    ("old-token-accepted", "offsets::only_the_holder_of_the_same_epoch_settles"),
    ("two-holders", "members::a_partition_passes_on_only_when_its_holder_lets_go"),
    ("parked-not-kept", "parking::parking_copies_the_record_and_the_partition_goes_on"),
];

#[test]
fn each_planted_bug_turns_the_test_about_it_red() {
    let wrong: Vec<String> = RED.iter().filter_map(|(bug, test)| not_red(bug, test)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong, unless exactly this test was run and failed.
fn not_red(bug: &str, test: &str) -> Option<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("state::group::apply::tests::{test}")])
        .env("RAMPART_PLANTED", bug)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let is_red = said.contains("test result: FAILED. 0 passed; 1 failed");
    (!is_red).then(|| format!("{bug}: {test} is not red: {said}"))
}
