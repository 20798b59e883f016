//! Records that were not processed: parked, tried again, dying, dead, and back.

use super::*;

fn parked(ids: &[Option<u64>], committed: u64) -> GroupOutcome {
    let ids = ids.iter().map(|id| id.map(ParkedId)).collect();
    GroupOutcome::Parked { ids, committed: Offset(committed) }
}

const PRODUCER: i64 = (1 << 62) + (7 << 32);

fn dying(sequence: u32, dying_ms: i64) -> Dying {
    Dying { into: dlq(0), producer_id: PRODUCER, sequence, dying_ms }
}

#[test]
fn parking_copies_the_record_and_the_partition_goes_on() {
    let mut groups = Groups::with_a();
    let outcome = groups.apply(park(by("a", 0, 1), &[(10, wait(100)), (12, wait(200))]));
    assert_eq!(outcome, parked(&[Some(0), Some(1)], 11));
    let record = groups.parked(1).unwrap();
    assert_eq!((record.origin, record.offset, record.attempts), (at(0), Offset(12), 1));
    assert_eq!(record.body, body());
    assert_eq!(record.place, Place::Waiting { due_ms: 200 });
    assert_eq!(groups.apply(ack(by("a", 0, 1), &[(11, 12)])), at_offset(0, 13));
    assert_eq!(groups.group().counters.parked, 2);
}

#[test]
fn what_is_settled_is_not_parked_again() {
    let mut groups = Groups::with_a();
    groups.apply(ack(by("a", 0, 1), &[(10, 11)]));
    let records = [(10, wait(1)), (11, wait(1)), (11, wait(1)), (9, wait(1))];
    let outcome = groups.apply(park(by("a", 0, 1), &records));
    assert_eq!(outcome, parked(&[None, Some(0), None, None], 12));
}

#[test]
fn a_parked_record_is_done_or_tried_again_by_the_holder_of_its_partition() {
    let mut groups = Groups::with_a();
    groups.apply(park(by("a", 0, 1), &[(10, wait(1)), (11, wait(1))]));
    assert_eq!(groups.apply(retry(by("a", 0, 1), 0, wait(50))), GroupOutcome::Waits);
    let record = groups.parked(0).unwrap();
    assert_eq!((record.attempts, record.error.as_str()), (2, "again"));
    assert_eq!(record.place, Place::Waiting { due_ms: 50 });
    let elsewhere = retry(by("a", 1, 1), 0, wait(50));
    assert_eq!(groups.refused(elsewhere), Refusal::NotWaiting { id: ParkedId(0) });
    assert_eq!(groups.refused(retry(by("a", 0, 0), 0, wait(50))), not_held(0));
    groups.apply(ack_parked(by("a", 1, 1), &[0]));
    assert!(groups.parked(0).is_some(), "of another partition");
    groups.apply(ack_parked(by("a", 0, 1), &[0, 0, 7]));
    assert!(groups.parked(0).is_none());
    assert_eq!(groups.group().counters.recovered, 1);
    let gone = retry(by("a", 0, 1), 0, wait(60));
    assert_eq!(groups.refused(gone), Refusal::NotWaiting { id: ParkedId(0) });
}

#[test]
fn dying_takes_a_sequence_and_ends_in_order() {
    let mut groups = Groups::with_a();
    groups.apply(park(by("a", 0, 1), &[(10, die(0)), (11, wait(1)), (12, wait(1))]));
    assert_eq!(groups.parked(0).unwrap().place, Place::Dying(dying(0, 3)));
    let outcome = groups.apply(retry(by("a", 0, 1), 1, die(0)));
    assert_eq!(outcome, GroupOutcome::Dies(dying(1, 4)));
    assert_eq!(groups.parked(1).unwrap().attempts, 2);
    let command =
        GroupCommand::Die { group: G.to_owned(), id: ParkedId(2), into: dlq(0), now_ms: 8 };
    assert_eq!(groups.apply(command.clone()), GroupOutcome::Dies(dying(2, 8)));
    assert_eq!(groups.refused(command), Refusal::NotWaiting { id: ParkedId(2) });
    groups.apply(ack_parked(by("a", 0, 1), &[0]));
    assert!(groups.parked(0).is_some(), "it dies, whoever says now that it is done");
    assert_eq!(groups.apply(dead(0, 1)), GroupOutcome::NotNext);
    assert_eq!(groups.apply(dead(1, 0)), GroupOutcome::NotNext);
    assert_eq!(groups.apply(dead(0, 0)), GroupOutcome::Dead);
    assert!(groups.parked(0).is_none());
    assert_eq!(groups.apply(dead(0, 0)), GroupOutcome::NotNext, "another coordinator's");
    assert_eq!(groups.apply(dead(0, 1)), GroupOutcome::Dead);
    assert_eq!(groups.apply(dead(0, 2)), GroupOutcome::Dead);
    assert_eq!(groups.group().counters.dead, 3);
    assert_eq!(groups.state.lanes.by_partition[&dlq(0)].next_sequence, 3, "the lane stays");
}

#[test]
fn a_group_with_records_on_the_way_is_not_deleted() {
    let mut groups = Groups::with_a();
    groups.apply(park(by("a", 0, 1), &[(10, die(0)), (11, wait(1))]));
    groups.apply(leave("a"));
    for is_forced in [false, true] {
        assert_eq!(groups.refused(delete(is_forced)), Refusal::DyingNow { records: 1 });
    }
    groups.apply(dead(0, 0));
    assert_eq!(groups.refused(delete(false)), Refusal::HasParked { records: 1 });
    assert_eq!(groups.apply(delete(true)), GroupOutcome::Deleted { parked: 1 });
}

#[test]
fn a_deleted_dead_letter_topic_gives_back_what_was_on_the_way() {
    let mut groups = Groups::with_a();
    groups.apply(park(by("a", 0, 1), &[(10, die(0)), (11, die(1)), (12, wait(9))]));
    groups.apply(dead(0, 0));
    assert_eq!(groups.apply(forget(&[9])), GroupOutcome::Forgotten { dropped: 0, returned: 1 });
    assert_eq!(groups.parked(1).unwrap().place, Place::Waiting { due_ms: 3 });
    assert_eq!(groups.group().counters.returned, 1);
    assert!(groups.state.lanes.by_partition.is_empty());
    let GroupOutcome::Dies(dying) = groups.apply(retry(by("a", 0, 1), 1, die(1))) else {
        panic!("it waits, and may die again");
    };
    assert_eq!((dying.producer_id, dying.sequence), (PRODUCER + 2, 0), "a new lane");
}

#[test]
fn a_record_whose_origin_is_deleted_dies_all_the_same() {
    let mut groups = Groups::with_a();
    groups.apply(park(by("a", 0, 1), &[(10, die(0)), (11, wait(1))]));
    assert_eq!(groups.apply(forget(&[1])), GroupOutcome::Forgotten { dropped: 1, returned: 0 });
    assert_eq!(groups.apply(dead(0, 0)), GroupOutcome::Dead);
}

#[test]
fn a_redrive_delivers_once_however_often_it_is_asked_for() {
    let mut groups = Groups::with_a();
    groups.apply(park(by("a", 0, 1), &[(10, die(0)), (11, die(0))]));
    groups.apply(dead(0, 0));
    groups.apply(dead(0, 1));
    let redriven = |ids: &[u64], resolved| GroupOutcome::Redriven {
        ids: ids.iter().map(|id| ParkedId(*id)).collect(),
        resolved,
        left: 0,
        why: None,
    };
    assert_eq!(groups.apply(redrive(&[(0, 10), (1, 11)])), redriven(&[2, 3], 0));
    assert_eq!(groups.apply(redrive(&[(0, 10), (1, 11)])), redriven(&[], 2));
    let record = groups.parked(2).unwrap();
    assert_eq!((record.attempts, record.place), (0, Place::Waiting { due_ms: 6 }));
    assert!(groups.group().resolved[&dlq(0)].contains(Offset(1)));
    assert_eq!(groups.group().counters.redriven, 2);
}

#[test]
fn a_purged_record_is_not_redriven() {
    let mut groups = Groups::with_a();
    let purge = GroupCommand::Purge {
        group: G.to_owned(),
        from: dlq(0),
        ranges: ranges(&[(0, 3), (5, 6)]),
    };
    assert_eq!(groups.apply(purge.clone()), GroupOutcome::Purged { offsets: 4 });
    assert_eq!(groups.apply(purge), GroupOutcome::Purged { offsets: 0 });
    let outcome = groups.apply(redrive(&[(2, 20), (3, 21)]));
    let ids = vec![ParkedId(0)];
    assert_eq!(outcome, GroupOutcome::Redriven { ids, resolved: 1, left: 0, why: None });
    assert_eq!(groups.group().counters.dropped, 4);
}

#[test]
fn what_is_no_more_of_interest_is_not_redriven_and_not_counted() {
    let mut groups = Groups::with_a();
    let resolve = |from, to| GroupCommand::Resolve {
        group: G.to_owned(),
        from: dlq(0),
        ranges: ranges(&[(from, to)]),
    };
    assert_eq!(groups.apply(resolve(0, 3)), GroupOutcome::Purged { offsets: 3 });
    assert_eq!(groups.apply(resolve(2, 5)), GroupOutcome::Purged { offsets: 2 });
    let whole = Refusal::Invalid { what: "a range that ends before it starts" };
    assert_eq!(groups.refused(resolve(5, 5)), whole);
    let outcome = groups.apply(redrive(&[(4, 20), (5, 21)]));
    let ids = vec![ParkedId(0)];
    assert_eq!(outcome, GroupOutcome::Redriven { ids, resolved: 1, left: 0, why: None });
    assert_eq!(groups.group().counters.dropped, 0);
    let other = GroupCommand::Resolve { group: "x".to_owned(), from: dlq(0), ranges: vec![] };
    assert_eq!(groups.refused(other), Refusal::NoSuchGroup);
}

#[test]
fn a_reset_leaves_parked_records_where_they_are() {
    let mut groups = Groups::with_a();
    groups.apply(park(by("a", 0, 1), &[(10, wait(1)), (12, die(0)), (13, die(0))]));
    groups.apply(ack(by("a", 0, 1), &[(11, 12)]));
    groups.apply(dead(0, 0));
    assert_eq!(groups.apply(reset(true, &[(0, 10)])), at_offset(0, 11));
    let settled = |offset| groups.group().progress[&at(0)].is_settled(Offset(offset));
    let seen: Vec<bool> = (10..15).map(settled).collect();
    assert_eq!(seen, [true, false, false, true, false], "the dead one is delivered again");
    // Taken back from the dead-letter topic now, it is not delivered twice.
    groups.apply(redrive(&[(0, 12)]));
    assert!(groups.group().progress[&at(0)].is_settled(Offset(12)));
}

#[test]
fn a_group_that_begins_anew_does_not_deliver_what_it_has_parked() {
    let mut groups = Groups::with_a();
    groups.apply(redrive(&[(0, 30)]));
    groups.apply(leave("a"));
    let mut fresh = Groups::new();
    fresh.apply(start(&[(1, 0)]));
    fresh.apply(redrive(&[(0, 30)]));
    fresh.apply(start(&[(0, 29)]));
    assert!(fresh.group().progress[&at(0)].is_settled(Offset(30)));
    assert_eq!(fresh.committed(0), 29);
}
