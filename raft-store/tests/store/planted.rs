//! With a bug planted, the test that is about it turns red. Each is run again in a process of its
//! own, since a process has one bug.

use std::process::Command;

/// Each bug of the store, and the test that must fail.
const RED: &[(&str, &str)] = &[
    ("ack-before-fsync", "crash::an_append_is_readable_at_once_and_acknowledged_after_the_sync"),
    ("vote-not-synced", "crash::a_vote_is_durable_before_it_is_answered_and_not_visible_before"),
    ("vote-forgotten", "crash::a_vote_is_durable_before_it_is_answered_and_not_visible_before"),
    ("offset-from-memory", "offsets::offsets_stay_dense"),
    ("read-uncommitted", "reads::nothing_at_or_above_the_high_watermark_is_read"),
    ("snapshot-at-last-applied", "snapshot::a_new_learner_gets_the_retained_records_as_log"),
    ("reused-replica-id", "damage::damage_below_the_synced_mark_refuses_the_replica_by_name"),
    ("crc-not-checked", "damage::damage_in_the_cold_part_is_found_when_it_is_read"),
    ("truncate-skipped", "offsets::offsets_stay_dense"),
    ("cut-too-far", "retention::a_cut_needs_trimmed_entries_a_margin_and_no_learner_in_the_way"),
    ("lost-on-restart", "crash::a_power_cut_takes_only_what_was_not_synced"),
    ("applied-ahead-on-restart", "snapshot::an_old_applied_state_is_applied_forward"),
    ("duplicate-after-failover", "once::producers_follow_the_prefix"),
];

#[test]
fn each_planted_bug_turns_the_test_about_it_red() {
    let wrong: Vec<String> = RED.iter().filter_map(|(bug, test)| not_red(bug, test)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong, unless exactly this test was run and failed.
fn not_red(bug: &str, test: &str) -> Option<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("RAMPART_PLANTED", bug)
        // A planted failure is nothing to keep, and its smallest form is of no interest.
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let is_red = said.contains("test result: FAILED. 0 passed; 1 failed");
    (!is_red).then(|| format!("{bug}: {test} is not red: {said}"))
}
