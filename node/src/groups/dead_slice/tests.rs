//! What is a group's dead letter, which are meant, and where a slice ends.

use bytes::Bytes;
use rampart_raft_store::state::group::TopicPartition;
use rampart_raft_store::state::group::delivery::{Dying, Parked, ParkedBody, Place};

use super::super::dead_letters::batch;
use super::*;

const ORIGIN: TopicId = TopicId(uuid::Uuid::from_u128(1));

fn whose(filter: DeadLetterFilter) -> Whose {
    Whose { group: "g".to_owned(), origin: ORIGIN, partitions: 4, filter }
}

fn all() -> Whose {
    whose(DeadLetterFilter::default())
}

/// What a coordinator writes for a record of that group and origin.
fn dead(group: &str, origin: TopicId, (partition, offset): (u32, u64), value: &str) -> Record {
    let copy = RecordCopy {
        timestamp_ms: 7,
        key: Some(Bytes::from(format!("k{offset}"))),
        value: Some(Bytes::from(value.to_owned())),
        headers: vec![("own".to_owned(), None)],
    };
    let into = TopicPartition { topic: TopicId(uuid::Uuid::from_u128(9)), partition: 0 };
    let dying = Dying { into, producer_id: 1 << 62, sequence: 0, dying_ms: 99 };
    let parked = Parked {
        origin: TopicPartition { topic: origin, partition },
        offset: Offset(offset),
        attempts: 5,
        error: format!("no flight {offset}"),
        parked_ms: 80,
        body: ParkedBody::Copied(copy.clone()),
        place: Place::Dying(dying),
    };
    let batch = batch((group, "flights"), &parked, &copy, &dying);
    rampart_api::model::record_batch::records(&batch).unwrap().remove(0)
}

fn plain() -> Record {
    Record {
        offset_delta: 0,
        timestamp_ms: 1,
        key: None,
        value: Some(Bytes::from_static(b"v")),
        headers: Vec::new(),
    }
}

fn is_meant(whose: &Whose, record: Record) -> bool {
    matches!(whose.sort(Offset(0), record), Sorted::Meant(_))
}

#[test]
fn only_what_the_group_gave_up_of_the_topic_is_meant() {
    let Sorted::Meant(found) = all().sort(Offset(3), dead("g", ORIGIN, (1, 42), "v")) else {
        panic!("it is meant");
    };
    assert_eq!((found.offset, found.timestamp_ms), (Offset(3), 99));
    assert_eq!((found.origin.partition.partition, found.origin.offset), (1, Offset(42)));
    assert_eq!(found.record.timestamp_ms, 7, "as it was at its origin");
    assert_eq!(found.record.headers.len(), 1, "its own headers");
    let other_topic = TopicId(uuid::Uuid::from_u128(2));
    for (record, expected) in [
        (plain(), Sorted::Foreign),
        (dead("h", ORIGIN, (1, 42), "v"), Sorted::Foreign),
        (dead("g", other_topic, (1, 42), "v"), Sorted::Other),
        (dead("g", ORIGIN, (4, 42), "v"), Sorted::Other),
        (dead("g", ORIGIN, (1, 1), &"x".repeat(PARKED_RECORD_BYTES_MAX)), Sorted::Foreign),
    ] {
        assert_eq!(all().sort(Offset(0), record), expected);
    }
}

#[test]
fn a_record_must_be_all_that_a_filter_says() {
    let text = |text: &str| Some(text.to_owned());
    let none = DeadLetterFilter::default;
    let cases = [
        (DeadLetterFilter { partition: Some(1), ..none() }, true),
        (DeadLetterFilter { partition: Some(2), ..none() }, false),
        (DeadLetterFilter { offset: Some(42), ..none() }, true),
        (DeadLetterFilter { offset: Some(43), ..none() }, false),
        (DeadLetterFilter { error: text("flight"), ..none() }, true),
        (DeadLetterFilter { error: text("Flight"), ..none() }, false),
        (DeadLetterFilter { key: text("k42"), ..none() }, true),
        (DeadLetterFilter { key: text("k4"), ..none() }, false),
        (DeadLetterFilter { contains: text("nüt"), ..none() }, true),
        (DeadLetterFilter { contains: text("nut"), ..none() }, false),
        (DeadLetterFilter { partition: Some(1), key: text("x"), ..none() }, false),
    ];
    for (filter, expected) in cases {
        let record = dead("g", ORIGIN, (1, 42), "a minüte");
        assert_eq!(is_meant(&whose(filter.clone()), record), expected, "{filter:?}");
    }
    let mut empty = dead("g", ORIGIN, (1, 42), "");
    empty.value = None;
    let contains = whose(DeadLetterFilter { contains: text("a"), ..none() });
    assert!(!is_meant(&contains, empty), "a tombstone has nothing in it");
}

fn budget(records: usize, scanned: usize) -> Budget {
    Budget { records, bytes: usize::MAX, scanned }
}

/// Records at 0 to 5: dead, foreign, foreign, dead, of another topic, dead.
fn six() -> Vec<(Offset, Record)> {
    let other = TopicId(uuid::Uuid::from_u128(2));
    let records = [
        dead("g", ORIGIN, (0, 10), "a"),
        plain(),
        dead("h", ORIGIN, (0, 11), "b"),
        dead("g", ORIGIN, (0, 12), "c"),
        dead("g", other, (0, 13), "d"),
        dead("g", ORIGIN, (0, 14), "e"),
    ];
    (0..).map(Offset).zip(records).collect()
}

fn offsets(slice: &PartitionSlice) -> Vec<u64> {
    slice.records.iter().map(|found| found.offset.0).collect()
}

#[test]
fn a_slice_ends_with_its_budget_and_goes_on_behind_it() {
    let cases = [
        (budget(9, 99), vec![0, 3, 5], 6, 6),
        (budget(2, 99), vec![0, 3], 4, 4),
        (budget(9, 2), vec![0], 2, 2),
        (Budget { records: 9, bytes: 8, scanned: 99 }, vec![0, 3], 4, 4),
        (budget(0, 99), vec![], 0, 0),
    ];
    for (mut left, expected, next, scanned) in cases {
        let mut slice = PartitionSlice::new(0, Offset(0), Offset(100));
        slice.add((six(), Offset(6)), None, &all(), &mut left);
        assert_eq!((offsets(&slice), slice.next.0, slice.scanned), (expected, next, scanned));
    }
}

#[test]
fn a_slice_goes_no_further_than_the_end_and_not_over_what_is_resolved() {
    let mut resolved = OffsetRanges::default();
    resolved.insert(Offset(0), Offset(3));
    let mut slice = PartitionSlice::new(0, Offset(0), Offset(5));
    assert_eq!(slice.seek(Some(&resolved)), Some(Offset(3)));
    slice.add((six(), Offset(6)), Some(&resolved), &all(), &mut budget(9, 99));
    assert_eq!((offsets(&slice), slice.next, slice.scanned), (vec![3], Offset(5), 2));
    assert_eq!(slice.seek(Some(&resolved)), None);
    resolved.insert(Offset(3), Offset(50));
    let mut slice = PartitionSlice::new(0, Offset(1), Offset(5));
    assert_eq!(slice.seek(Some(&resolved)), None);
    assert_eq!(slice.next, Offset(5), "never behind the end");
}

#[test]
fn what_is_foreign_and_what_is_meant_are_few_ranges() {
    let mut slice = PartitionSlice::new(0, Offset(0), Offset(100));
    slice.add((six(), Offset(6)), None, &all(), &mut budget(9, 99));
    assert_eq!(slice.foreign, [(Offset(1), Offset(3))]);
    let single = |at| (Offset(at), Offset(at + 1));
    assert_eq!(slice.offsets(), [single(0), single(3), single(5)]);
}

#[test]
fn a_cursor_reads_back_and_names_what_is_not_done() {
    let mut done = PartitionSlice::new(0, Offset(5), Offset(5));
    let open = PartitionSlice::new(3, Offset(7), Offset(u64::MAX));
    let cursor = next_cursor(&[done.clone(), open]).unwrap();
    assert_eq!(cursor.spans, BTreeMap::from([(3, (Offset(7), Offset(u64::MAX)))]));
    assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
    assert_eq!(next_cursor(&[done.clone()]), None);
    done.next = Offset(9);
    assert_eq!(next_cursor(&[done]), None);
    let text = cursor.to_string();
    let (next, end) = text.split_once('.').unwrap();
    let other = Cursor(BTreeMap::from([(4, Offset(9))]));
    for wrong in [
        String::new(),
        "x".repeat(10_000),
        ".".to_owned(),
        next.to_owned(),
        format!("{next}.{other}"),
        format!("{end}.{next}"),
        format!("{0}.{0}", Cursor::default()),
        format!("{text}."),
    ] {
        let error = wrong.parse::<DeadCursor>().unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");
    }
}
