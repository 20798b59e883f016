//! How far a group is, and who may say so.

use super::*;

#[test]
fn a_group_begins_once_in_each_partition() {
    let mut groups = Groups::new();
    assert_eq!(groups.apply(start(&[(0, 10)])), at_offset(0, 10));
    let both = GroupOutcome::At { offsets: vec![(at(0), Offset(10)), (at(1), Offset(3))] };
    assert_eq!(groups.apply(start(&[(0, 99), (1, 3)])), both);
}

#[test]
fn the_committed_offset_follows_the_acks() {
    let mut groups = Groups::with_a();
    assert_eq!(groups.apply(ack(by("a", 0, 1), &[(12, 14)])), at_offset(0, 10));
    assert_eq!(groups.apply(ack(by("a", 0, 1), &[(10, 11)])), at_offset(0, 11));
    assert_eq!(groups.apply(ack(by("a", 0, 1), &[(11, 12)])), at_offset(0, 14));
    assert_eq!(groups.apply(ack(by("a", 0, 1), &[(10, 14)])), at_offset(0, 14), "said twice");
    assert_eq!(groups.committed(1), 10);
    let backwards = ack(by("a", 0, 1), &[(20, 20)]);
    assert!(matches!(groups.refused(backwards), Refusal::Invalid { .. }));
    let unknown = ack(by("a", 5, 1), &[(1, 2)]);
    assert_eq!(groups.refused(unknown), not_held(5));
}

#[test]
fn only_the_holder_of_the_same_epoch_settles() {
    let mut groups = Groups::with_a();
    groups.apply(join(G, "b", &[1]));
    groups.apply(assign(1, &[("a", &[1]), ("b", &[0])]));
    // Revoked, and still the holder.
    assert_eq!(groups.apply(ack(by("a", 0, 1), &[(10, 11)])), at_offset(0, 11));
    assert_eq!(groups.refused(ack(by("b", 0, 2), &[(11, 12)])), not_held(0));
    groups.apply(release("a", &[0]));
    assert_eq!(groups.refused(ack(by("a", 0, 1), &[(11, 12)])), not_held(0));
    assert_eq!(groups.refused(park(by("a", 0, 1), &[(11, wait(9))])), not_held(0));
    assert_eq!(groups.refused(ack(by("b", 0, 1), &[(11, 12)])), not_held(0), "an older epoch");
    assert_eq!(groups.apply(ack(by("b", 0, 2), &[(11, 12)])), at_offset(0, 12));
    groups.apply(expire("b"));
    let gone = Refusal::NoSuchMember { member: member("b") };
    assert_eq!(groups.refused(ack(by("b", 0, 2), &[(12, 13)])), gone);
}

#[test]
fn a_commit_is_of_the_current_generation_and_of_what_is_held() {
    let mut groups = Groups::with_a();
    assert_eq!(groups.apply(commit(Some("a"), 1, &[(0, 15)])), at_offset(0, 15));
    let progress = &groups.group().progress[&at(0)];
    assert_eq!((progress.leader_epoch, progress.metadata.as_str()), (Some(3), "note"));
    assert_eq!(groups.refused(commit(Some("a"), 1, &[(0, 16), (2, 1)])), not_held(2));
    assert_eq!(groups.refused(commit(None, 1, &[(0, 16)])), Refusal::Active { members: 1 });
    groups.apply(join(G, "b", &[1]));
    groups.apply(assign(1, &[("a", &[0]), ("b", &[1])]));
    let old = commit(Some("a"), 1, &[(0, 16)]);
    assert_eq!(groups.refused(old), Refusal::StaleGeneration { current: 2 });
    assert_eq!(groups.apply(commit(Some("a"), 2, &[(1, 12)])), at_offset(1, 12), "held still");
    groups.apply(leave("a"));
    let gone = Refusal::NoSuchMember { member: member("a") };
    assert_eq!(groups.refused(commit(Some("a"), 2, &[(0, 16)])), gone);
    assert_eq!(groups.committed(0), 15);
}

#[test]
fn without_members_anybody_commits_and_creates_the_group() {
    let mut groups = Groups::new();
    assert_eq!(groups.apply(commit(None, 0, &[(3, 7)])), at_offset(3, 7));
    assert_eq!(groups.apply(commit(None, 0, &[(3, 4)])), at_offset(3, 4));
}

#[test]
fn a_member_acks_or_commits_and_not_both() {
    let mut groups = Groups::with_a();
    groups.apply(ack(by("a", 0, 1), &[(10, 11)]));
    assert_eq!(groups.refused(commit(Some("a"), 1, &[(0, 15)])), Refusal::Mixed);
    groups.apply(join(G, "b", &[1]));
    groups.apply(assign(1, &[("b", &[1])]));
    groups.apply(release("a", &[1]));
    groups.apply(commit(Some("b"), 2, &[(1, 11)]));
    assert_eq!(groups.refused(ack(by("b", 1, 2), &[(11, 12)])), Refusal::Mixed);
    assert_eq!(groups.refused(park(by("b", 1, 2), &[(11, wait(1))])), Refusal::Mixed);
    groups.apply(join(G, "b", &[1, 2]));
    assert_eq!(groups.refused(ack(by("b", 1, 2), &[(11, 12)])), Refusal::Mixed, "it is the same");
}

#[test]
fn a_reset_needs_an_empty_group_or_force() {
    let mut groups = Groups::with_a();
    groups.apply(ack(by("a", 0, 1), &[(10, 15), (17, 18)]));
    assert_eq!(groups.refused(reset(false, &[(0, 12)])), Refusal::Active { members: 1 });
    assert_eq!(groups.apply(reset(true, &[(0, 12)])), at_offset(0, 12));
    assert_eq!(groups.group().generation, 2);
    assert_eq!(groups.slot(0), Some(("a", 2, Some("a"))));
    assert_eq!(groups.slot(1), Some(("a", 1, Some("a"))), "not named");
    assert_eq!(groups.refused(ack(by("a", 0, 1), &[(12, 14)])), not_held(0), "of before");
    assert!(!groups.group().progress[&at(0)].is_settled(Offset(17)), "delivered again");
    groups.apply(leave("a"));
    assert_eq!(groups.apply(reset(false, &[(0, 40)])), at_offset(0, 40));
    assert_eq!(groups.group().generation, 2, "nobody was there");
    let other = GroupCommand::Reset {
        group: "new".to_owned(),
        offsets: vec![(at(0), Offset(5))],
        is_forced: false,
        now_ms: 1,
    };
    assert_eq!(groups.apply(other), at_offset(0, 5), "made before its first member");
}

#[test]
fn what_was_taken_from_the_origin_is_counted_once() {
    let mut groups = Groups::with_a();
    let lose = |done: &[(u64, u64)]| GroupCommand::Lose {
        by: by("a", 0, 1),
        ranges: ranges(done),
        now_ms: 2,
    };
    groups.apply(ack(by("a", 0, 1), &[(12, 14)]));
    assert_eq!(groups.apply(lose(&[(5, 20)])), at_offset(0, 20));
    assert_eq!(groups.group().counters.lost, 8);
    assert_eq!(groups.apply(lose(&[(5, 20)])), at_offset(0, 20));
    assert_eq!(groups.apply(lose(&[(25, 27)])), at_offset(0, 20));
    assert_eq!(groups.group().counters.lost, 10);
}

#[test]
fn a_deleted_group_is_forgotten_unless_somebody_needs_it() {
    let mut groups = Groups::with_a();
    assert_eq!(groups.refused(delete(true)), Refusal::Active { members: 1 });
    groups.apply(leave("a"));
    assert_eq!(groups.apply(delete(false)), GroupOutcome::Deleted { parked: 0 });
    assert_eq!(groups.refused(delete(false)), Refusal::NoSuchGroup);
    assert_eq!(groups.state.bytes, 0);
}

#[test]
fn a_deleted_topic_is_forgotten_by_every_group() {
    let mut groups = Groups::with_a();
    groups.apply(join("other", "x", &[2]));
    groups.apply(park(by("a", 0, 1), &[(10, wait(9))]));
    let forgotten = GroupOutcome::Forgotten { dropped: 1, returned: 0 };
    assert_eq!(groups.apply(forget(&[1])), forgotten);
    let group = groups.group();
    assert!(group.slots.is_empty() && group.progress.is_empty() && group.parked.is_empty());
    assert_eq!(group.counters.dropped, 1);
    assert_eq!(groups.state.groups["other"].members.len(), 1);
    assert_eq!(groups.apply(forget(&[1])), GroupOutcome::Forgotten { dropped: 0, returned: 0 });
}
