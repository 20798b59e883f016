//! With a bug planted, the test that is about it turns red. Each is run again in a process of its
//! own, since a process has one bug.

use std::process::Command;

/// Each bug of the partition's code, and the test that must fail.
const RED: &[(&str, &str)] = &[
    (
        "stale-leader-reads",
        "tests::a_leader_says_nothing_of_its_end_before_it_has_applied_an_entry_of_its_own",
    ),
    (
        "ok-after-discard",
        "tests::an_append_that_the_next_leader_cuts_off_is_unknown_never_not_done",
    ),
    ("ack-all-without-isr", "tests::minus_1_waits_for_the_disk_of_the_leader_too"),
    (
        "ack-one-unguarded",
        "tests::ack_1_is_given_only_for_what_is_on_the_disk_of_the_leader_that_appended_it",
    ),
    ("trim-too-far", "tests::a_trim_takes_what_was_asked_for_and_no_more"),
    ("unknown-as-failed", "service::tests::a_timeout_is_unknown_to_the_client_too"),
    ("retry-of-unknown", "service::tests::a_write_is_tried_again_only_if_it_was_not_done"),
];

/// The same of the groups' code.
const RED_IN_GROUPS: &[(&str, &str)] = &[(
    "dead-letter-unnumbered",
    "dead_letters::tests::a_dead_record_tells_where_it_came_from_and_can_go_back",
)];

/// The same of Castle's.
const RED_IN_CASTLE: &[(&str, &str)] = &[(
    "castle-names-removed-node",
    "dispatch::tests::what_was_made_before_a_node_came_or_went_holds_no_longer",
)];

#[test]
fn each_planted_bug_turns_the_test_about_it_red() {
    let partition = RED.iter().map(|(bug, test)| (bug, format!("partition::{test}")));
    let groups = RED_IN_GROUPS.iter().map(|(bug, test)| (bug, format!("groups::{test}")));
    let castle = RED_IN_CASTLE.iter().map(|(bug, test)| (bug, format!("castle::{test}")));
    let all = partition.chain(groups).chain(castle);
    let wrong: Vec<String> = all.filter_map(|(bug, test)| not_red(bug, &test)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong, unless exactly this test was run and failed.
fn not_red(bug: &str, test: &str) -> Option<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("RAMPART_PLANTED", bug)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let is_red = said.contains("test result: FAILED. 0 passed; 1 failed");
    (!is_red).then(|| format!("{bug}: {test} is not red: {said}"))
}
