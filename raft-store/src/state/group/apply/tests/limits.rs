//! INV-12: what grows has a limit, and says so.

use rampart_api::model::limits::*;

use super::*;

fn full(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Full { what, .. } => what,
        other => panic!("not full: {other:?}"),
    }
}

#[test]
fn parked_records_of_a_partition_are_bounded_and_others_go_on() {
    let mut groups = Groups::with_a();
    let max = PARKED_PER_PARTITION_MAX as u64;
    let records: Vec<_> = (10..10 + max).map(|offset| (offset, wait(1))).collect();
    groups.apply(park(by("a", 0, 1), &records[1..]));
    let two = groups.refused(park(by("a", 0, 1), &[(9_000, wait(1)), (9_001, wait(1))]));
    assert_eq!(full(&two), "parked records of a partition");
    groups.apply(park(by("a", 0, 1), &[records[0]]));
    assert_eq!(groups.committed(0), 10 + max);
    let late = groups.refused(park(by("a", 0, 1), &[(9_000, wait(1))]));
    assert_eq!(full(&late), "parked records of a partition");
    groups.apply(park(by("a", 1, 1), &[(10, wait(1))]));
    let outcome = groups.apply(redrive(&[(0, 1), (1, 2)]));
    let GroupOutcome::Redriven { ids, resolved: 0, left: 2, why: Some(why) } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!((ids.len(), full(&why)), (0, "parked records of a partition"));
    groups.apply(ack_parked(by("a", 0, 1), &[0]));
    let outcome = groups.apply(redrive(&[(0, 1), (1, 2)]));
    assert!(matches!(outcome, GroupOutcome::Redriven { left: 1, .. }), "{outcome:?}");
}

#[test]
fn gaps_above_a_committed_offset_are_bounded() {
    let mut groups = Groups::with_a();
    let odd: Vec<_> = (0..OFFSET_RANGES_MAX as u64).map(|n| (11 + 2 * n, 12 + 2 * n)).collect();
    groups.apply(ack(by("a", 0, 1), &odd));
    let more = groups.refused(ack(by("a", 0, 1), &[(100_000, 100_001)]));
    assert_eq!(full(&more), "gaps above a committed offset");
    assert_eq!(groups.apply(ack(by("a", 1, 1), &[(10, 11)])), at_offset(1, 11));
}

#[test]
fn gaps_in_what_is_resolved_are_bounded_and_what_makes_none_goes_on() {
    let mut groups = Groups::with_a();
    let odd: Vec<_> = (0..OFFSET_RANGES_MAX as u64).map(|n| (2 * n + 1, 2 * n + 2)).collect();
    let purge = |gone: &[(u64, u64)]| GroupCommand::Purge {
        group: G.to_owned(),
        from: dlq(0),
        ranges: ranges(gone),
    };
    groups.apply(purge(&odd));
    assert_eq!(full(&groups.refused(purge(&[(100_000, 100_001)]))), "gaps in what is resolved");
    let outcome = groups.apply(redrive(&[(100_000, 21), (2, 20)]));
    let GroupOutcome::Redriven { ids, resolved: 0, left: 2, why: Some(why) } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!((ids.len(), full(&why)), (0, "gaps in what is resolved"));
    let outcome = groups.apply(redrive(&[(2, 20), (4, 22), (100_000, 21)]));
    assert!(matches!(outcome, GroupOutcome::Redriven { left: 0, why: None, .. }), "{outcome:?}");
    assert_eq!(groups.group().resolved[&dlq(0)].len(), OFFSET_RANGES_MAX - 1);
}

#[test]
fn members_and_what_they_say_are_bounded() {
    let mut groups = Groups::new();
    for number in 0..MEMBERS_PER_GROUP_MAX {
        groups.state.apply(number as u64 + 1, &[join(G, &format!("m{number}"), &[1])]);
    }
    assert_eq!(full(&groups.refused(join(G, "late", &[1]))), "members of a group");
    groups.apply(join(G, "m7", &[1, 2]));
    let topics: Vec<u128> = (0..=TOPICS_PER_MEMBER_MAX as u128).collect();
    assert_eq!(full(&groups.refused(join(G, "m7", &topics))), "topics of a member");
    let long = "x".repeat(MEMBER_TEXT_BYTES_MAX + 1);
    assert!(matches!(groups.refused(join(G, &long, &[1])), Refusal::TooLong { .. }));
    let name = "g".repeat(GROUP_NAME_BYTES_MAX + 1);
    assert!(matches!(groups.refused(join(&name, "a", &[1])), Refusal::TooLong { .. }));
    assert!(matches!(groups.refused(join("", "a", &[1])), Refusal::Invalid { .. }));
    assert!(matches!(groups.refused(join(G, "", &[1])), Refusal::Invalid { .. }));
}

#[test]
fn what_is_copied_and_noted_is_bounded() {
    let mut groups = Groups::with_a();
    let parked = |error: usize, value: usize| GroupCommand::Park {
        by: by("a", 0, 1),
        records: vec![NewParked {
            offset: Offset(10),
            attempts: 1,
            error: "e".repeat(error),
            body: ParkedBody::Copied(RecordCopy {
                value: Some(vec![0; value].into()),
                ..RecordCopy::default()
            }),
            fate: wait(1),
        }],
        now_ms: 1,
    };
    for (error, value) in [(PARKED_ERROR_BYTES_MAX + 1, 0), (0, PARKED_RECORD_BYTES_MAX + 1)] {
        assert!(matches!(groups.refused(parked(error, value)), Refusal::TooLong { .. }));
    }
    groups.apply(parked(PARKED_ERROR_BYTES_MAX, PARKED_RECORD_BYTES_MAX));
    let GroupCommand::Commit { group, member, generation, mut offsets, now_ms } =
        commit(Some("a"), 1, &[(1, 11)])
    else {
        unreachable!()
    };
    offsets[0].metadata = "n".repeat(OFFSET_METADATA_BYTES_MAX + 1);
    let noted = GroupCommand::Commit { group, member, generation, offsets, now_ms };
    assert_eq!(groups.refused(noted.clone()), Refusal::Mixed);
    groups.apply(join(G, "b", &[1]));
    groups.apply(leave("a"));
    groups.apply(leave("b"));
    let GroupCommand::Commit { group, generation, offsets, now_ms, .. } = noted else {
        unreachable!()
    };
    let noted = GroupCommand::Commit { group, member: None, generation, offsets, now_ms };
    assert!(matches!(groups.refused(noted), Refusal::TooLong { .. }));
}

#[test]
fn all_groups_together_are_bounded_and_room_comes_back() {
    let mut groups = Groups::with_a();
    const BYTES: usize = 64 << 10;
    let big = || {
        let value = Some(vec![0; BYTES].into());
        ParkedBody::Copied(RecordCopy { value, ..RecordCopy::default() })
    };
    let parked = |offset| GroupCommand::Park {
        by: by("a", 0, 1),
        records: vec![NewParked {
            offset: Offset(offset),
            attempts: 1,
            error: String::new(),
            body: big(),
            fate: wait(1),
        }],
        now_ms: 1,
    };
    let mut offset = 10;
    let refused = loop {
        match groups.apply(parked(offset)) {
            GroupOutcome::Parked { .. } => offset += 1,
            GroupOutcome::Refused(refusal) => break refusal,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(full(&refused), "bytes of parked records");
    let expected = PARKED_BYTES_MAX / BYTES as u64;
    assert!((expected - 5..=expected).contains(&(offset - 10)), "{} records", offset - 10);
    assert!(groups.state.bytes <= PARKED_BYTES_MAX);
    // The flood is one group's; all groups go on.
    assert!(matches!(groups.apply(join("other", "x", &[2])), GroupOutcome::Joined { .. }));
    assert_eq!(groups.apply(ack(by("a", 1, 1), &[(10, 11)])), at_offset(1, 11));
    groups.apply(ack_parked(by("a", 0, 1), &[3]));
    assert!(matches!(groups.apply(parked(offset)), GroupOutcome::Parked { .. }));
}

#[test]
fn directives_are_bounded() {
    let mut groups = Groups::new();
    let direct = || GroupCommand::Direct {
        client: "app".to_owned(),
        kind: DirectiveKind::Pause,
        expires_ms: 1,
    };
    for _ in 0..DIRECTIVES_PER_CLIENT_MAX {
        groups.apply(direct());
    }
    assert_eq!(full(&groups.refused(direct())), "directives for a client");
    let other = |number: usize| GroupCommand::Direct {
        client: format!("app {}", number / DIRECTIVES_PER_CLIENT_MAX),
        kind: DirectiveKind::Pause,
        expires_ms: 1,
    };
    for number in DIRECTIVES_PER_CLIENT_MAX..DIRECTIVES_PER_STATE_MAX {
        assert!(matches!(groups.apply(other(number)), GroupOutcome::Directed(_)), "{number}");
    }
    assert_eq!(full(&groups.refused(other(DIRECTIVES_PER_STATE_MAX))), "directives");
}
