//! Who is in a group, and who holds what.

use std::collections::BTreeSet;

use super::*;
use crate::state::group::command::ClassicMember;
use crate::state::group::state::{MemberPart, Protocol};

#[test]
fn a_join_is_told_once_and_may_be_repeated() {
    let mut groups = Groups::new();
    let joined = |generation, is_new| GroupOutcome::Joined { generation, is_new };
    assert_eq!(groups.apply(join(G, "a", &[1])), joined(0, true));
    assert_eq!(groups.apply(join(G, "a", &[1, 2])), joined(0, false));
    assert_eq!(groups.apply(join(G, "b", &[1])), joined(0, true));
    let wanted = BTreeSet::from([topic(1), topic(2)]);
    assert_eq!(groups.group().members[&member("a")].part, MemberPart::Server { topics: wanted });
    assert_eq!(groups.apply(leave("b")), GroupOutcome::Left { freed: vec![] });
    assert_eq!(groups.refused(leave("b")), Refusal::NoSuchMember { member: member("b") });
    let other = GroupCommand::Leave { group: "other".to_owned(), member: member("a") };
    assert_eq!(groups.refused(other), Refusal::NoSuchGroup);
}

#[test]
fn a_partition_passes_on_only_when_its_holder_lets_go() {
    let mut groups = Groups::with_a();
    groups.apply(join(G, "b", &[1]));
    assert_eq!(groups.slot(0), Some(("a", 1, Some("a"))));
    let assigned = groups.apply(assign(1, &[("a", &[1]), ("b", &[0, 2])]));
    assert_eq!(assigned, GroupOutcome::Assigned { generation: 2 });
    assert_eq!(groups.slot(0), Some(("a", 1, Some("b"))), "still held");
    assert_eq!(groups.slot(2), Some(("b", 2, Some("b"))), "free, so taken at once");
    let released = |partitions: &[u32]| GroupOutcome::Released {
        partitions: partitions.iter().map(|number| at(*number)).collect(),
    };
    assert_eq!(groups.apply(release("b", &[0])), released(&[]), "it holds nothing yet");
    assert_eq!(groups.apply(release("a", &[0, 1, 2, 3])), released(&[0]), "1 it is to keep");
    assert_eq!(groups.slot(0), Some(("b", 2, Some("b"))));
    assert_eq!(groups.slot(1), Some(("a", 1, Some("a"))));
    assert_eq!(groups.apply(release("a", &[0])), released(&[]), "said twice");
    let held: Vec<_> = groups.group().assigned_to(&member("b")).map(|(at, _)| at).collect();
    assert_eq!(held, [at(0), at(2)]);
}

#[test]
fn what_a_gone_member_held_passes_on_at_once() {
    for gone in [leave("a"), expire("a")] {
        let mut groups = Groups::with_a();
        groups.apply(join(G, "b", &[1]));
        groups.apply(assign(1, &[("a", &[1]), ("b", &[0])]));
        assert_eq!(groups.apply(gone), GroupOutcome::Left { freed: vec![at(1)] });
        assert_eq!(groups.slot(0), Some(("b", 2, Some("b"))));
        assert_eq!(groups.slot(1), None);
    }
}

#[test]
fn a_target_that_is_gone_leaves_the_holder_revoked() {
    let mut groups = Groups::with_a();
    groups.apply(join(G, "b", &[1]));
    groups.apply(assign(1, &[("b", &[0, 1])]));
    groups.apply(expire("b"));
    assert_eq!(groups.slot(0), Some(("a", 1, None)));
    assert_eq!(groups.group().counters.expired, 1);
    groups.apply(assign(2, &[("a", &[0])]));
    assert_eq!(groups.slot(0), Some(("a", 1, Some("a"))), "kept without letting go");
    groups.apply(release("a", &[1]));
    assert_eq!(groups.slot(1), None);
}

#[test]
fn an_assignment_is_of_the_generation_it_was_made_from() {
    let mut groups = Groups::with_a();
    assert_eq!(groups.refused(assign(0, &[])), Refusal::StaleGeneration { current: 1 });
    let stranger = assign(1, &[("x", &[0])]);
    assert_eq!(groups.refused(stranger), Refusal::NoSuchMember { member: member("x") });
    groups.apply(join(G, "b", &[2]));
    for wrong in [assign(1, &[("a", &[0]), ("a", &[0])]), assign(1, &[("b", &[0])])] {
        assert!(matches!(groups.refused(wrong), Refusal::Invalid { .. }));
    }
}

#[test]
fn nobody_holds_what_nobody_shall_have() {
    let mut groups = Groups::with_a();
    groups.apply(assign(1, &[("a", &[0])]));
    assert_eq!(groups.slot(1), Some(("a", 1, None)));
    groups.apply(release("a", &[1]));
    assert_eq!(groups.slot(1), None);
}

fn classic(generation: u64, leader: &str, names: &[&str]) -> GroupCommand {
    let members = names.iter().map(|name| ClassicMember {
        member: member(name),
        about: MemberAbout::default(),
        rebalance_timeout_ms: 7,
        metadata: vec![("range".to_owned(), Bytes::from_static(b"topics"))],
    });
    GroupCommand::ClassicGeneration {
        group: G.to_owned(),
        generation,
        protocol_type: "consumer".to_owned(),
        protocol: "range".to_owned(),
        leader: member(leader),
        members: members.collect(),
        now_ms: 1,
    }
}

fn classic_assign(generation: u64, names: &[&str]) -> GroupCommand {
    let bytes = Bytes::from_static(b"yours");
    let assignments = names.iter().map(|name| (member(name), bytes.clone())).collect();
    GroupCommand::ClassicAssign { group: G.to_owned(), generation, assignments }
}

#[test]
fn a_classic_group_has_the_same_generations_and_offsets() {
    let mut groups = Groups::new();
    let assigned = |generation| GroupOutcome::Assigned { generation };
    assert_eq!(groups.apply(classic(0, "a", &["a", "b"])), assigned(1));
    assert_eq!(groups.refused(classic(0, "a", &["a"])), Refusal::StaleGeneration { current: 1 });
    let stranger = Refusal::NoSuchMember { member: member("x") };
    assert_eq!(groups.refused(classic(1, "x", &["a"])), stranger);
    assert_eq!(groups.apply(classic_assign(1, &["b", "gone"])), assigned(1));
    let of_b = |groups: &Groups| match &groups.group().members[&member("b")].part {
        MemberPart::Classic { assignment, .. } => assignment.clone(),
        part @ MemberPart::Server { .. } => panic!("{part:?}"),
    };
    assert_eq!(of_b(&groups), "yours");
    assert_eq!(groups.apply(commit(Some("a"), 1, &[(0, 5)])), at_offset(0, 5));
    assert_eq!(groups.refused(join(G, "c", &[1])), Refusal::OtherProtocol);
    groups.apply(classic(1, "b", &["b", "c"]));
    assert_eq!(of_b(&groups), "", "each generation is assigned anew");
    let late = commit(Some("b"), 1, &[(0, 6)]);
    assert_eq!(groups.refused(late), Refusal::StaleGeneration { current: 2 });
    groups.apply(expire("b"));
    let is_leaderless = matches!(&groups.group().protocol, Protocol::Classic { leader: None, .. });
    assert!(is_leaderless);
    groups.apply(leave("c"));
    groups.apply(join(G, "d", &[1]));
    assert_eq!(groups.group().protocol, Protocol::Server, "empty, so it may change");
    assert_eq!(groups.refused(classic(2, "a", &["a"])), Refusal::OtherProtocol);
    assert_eq!(groups.refused(classic_assign(2, &["d"])), Refusal::OtherProtocol);
    assert_eq!(groups.committed(0), 5, "offsets are the group's, whatever the protocol");
}

#[test]
fn directives_wait_for_their_client_until_they_are_too_late() {
    let mut groups = Groups::new();
    let direct = |client: &str, kind, expires_ms| GroupCommand::Direct {
        client: client.to_owned(),
        kind,
        expires_ms,
    };
    let directed = |id| GroupOutcome::Directed(DirectiveId(id));
    assert_eq!(groups.apply(direct("app", DirectiveKind::Pause, 10)), directed(0));
    let to = "host:1".to_owned();
    assert_eq!(groups.apply(direct("app", DirectiveKind::Move { to }, 20)), directed(1));
    assert_eq!(groups.apply(direct("other", DirectiveKind::Exit, 10)), directed(2));
    let done = |client: &str, ids: &[u64]| GroupCommand::DirectivesDone {
        client: client.to_owned(),
        ids: ids.iter().map(|id| DirectiveId(*id)).collect(),
    };
    assert_eq!(groups.apply(done("app", &[0, 2])), GroupOutcome::DirectivesGone(1));
    let late = GroupCommand::ExpireDirectives { now_ms: 10 };
    assert_eq!(groups.apply(late), GroupOutcome::DirectivesGone(1));
    assert_eq!(groups.apply(done("app", &[1])), GroupOutcome::DirectivesGone(1));
    assert!(groups.state.directives.is_empty());
    assert_eq!(groups.state.bytes, 0);
    assert_eq!(groups.apply(direct("app", DirectiveKind::Resume, 10)), directed(3), "never reused");
}
