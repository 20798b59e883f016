//! The rules as tables, and what makes the states a function of the log prefix: read again, or stored
//! in between, they end equal.

use proptest::prelude::*;
use rampart_api::codec;
use rampart_api::model::limits::{IDEMPOTENCY_KEY_EXPIRY_MS, IDEMPOTENCY_KEYS_PER_PARTITION_MAX};
use rampart_api::model::once::KeyTag;

use super::*;

const FIRST: i32 = 0;

fn batch(producer_id: i64, producer_epoch: i16, base_sequence: i32, records: u32) -> OnceBatch {
    OnceBatch { producer_id, producer_epoch, base_sequence, records, stamp_ms: 7, key: None }
}

fn keyed(key: u8, body: u8) -> OnceBatch {
    let key = Some(KeyTag { key: [key; 16], body: [body; 16] });
    OnceBatch { key, ..batch(-1, -1, -1, 1) }
}

/// A log of once-batches: the states at its end, and the next index and offset.
#[derive(Debug, Clone, Default, PartialEq)]
struct Log {
    states: ProducerStates,
    index: u64,
    offset: u64,
}

impl Log {
    /// Appends an entry of one batch, as a leader does.
    fn append(&mut self, batch: &OnceBatch, at_ms: i64) -> Verdict {
        let verdict = self.states.check(batch, at_ms);
        assert!(self.states.enter(self.index, at_ms));
        self.index += 1;
        assert_eq!(self.states.check(batch, at_ms), verdict, "entering changes no verdict");
        if verdict == Verdict::New {
            let base_offset = Offset(self.offset);
            self.states.note(batch, Written { term: 1, base_offset });
            self.offset += u64::from(batch.records);
        }
        verdict
    }
}

fn offset_of(verdict: Verdict) -> Option<u64> {
    match verdict {
        Verdict::Duplicate(original) => Some(original.base_offset.0),
        Verdict::New | Verdict::Refused(_) => None,
    }
}

#[test]
fn a_batch_sent_again_has_the_offset_it_had() {
    let mut log = Log::default();
    for sequence in (0..30).step_by(3) {
        assert_eq!(log.append(&batch(5, 0, sequence, 3), 0), Verdict::New);
    }
    for sequence in (15..30).step_by(3) {
        let again = log.append(&batch(5, 0, sequence, 3), 0);
        assert_eq!(offset_of(again), Some(u64::from(sequence.unsigned_abs())), "{sequence}");
    }
    assert_eq!(log.offset, 30, "nothing was written twice");
}

#[test]
fn what_is_not_next_is_refused_and_says_why() {
    use Refusal::*;
    /// Producer, epoch, sequence, records.
    type Sent = (i64, i16, i32, u32);
    let cases: &[(Sent, Refusal)] = &[
        ((5, 1, 25, 1), OutOfOrder { expected: 24 }),
        ((5, 1, 22, 4), OutOfOrder { expected: 24 }),
        ((5, 1, 0, 2), Forgotten),
        ((5, 1, 12, 2), Forgotten),
        ((5, 1, 15, 2), Forgotten),
        ((5, 0, 24, 1), StaleEpoch { current: 1 }),
        ((5, 2, 24, 1), OutOfOrder { expected: 0 }),
        ((6, 0, 1, 1), UnknownProducer),
    ];
    let mut log = Log::default();
    for sequence in (0..24).step_by(2) {
        log.append(&batch(5, 1, sequence, 2), 0);
    }
    for &((id, epoch, sequence, records), refusal) in cases {
        let sent = batch(id, epoch, sequence, records);
        assert_eq!(log.states.check(&sent, 0), Verdict::Refused(refusal), "{sent:?}");
    }
    assert_eq!(log.append(&batch(5, 2, 0, 1), 0), Verdict::New, "a new epoch begins at 0");
    let old = log.append(&batch(5, 1, 24, 2), 0);
    assert_eq!(old, Verdict::Refused(StaleEpoch { current: 2 }), "and ends the one before");
}

#[test]
fn sequences_go_on_at_0_after_the_last_one() {
    let mut log = Log::default();
    assert_eq!(log.append(&batch(5, 0, 0, i32::MAX.unsigned_abs() - 1), 0), Verdict::New);
    let over = batch(5, 0, i32::MAX - 1, 4);
    assert_eq!(over.last_sequence(), 1);
    assert_eq!(log.append(&over, 0), Verdict::New);
    assert!(matches!(log.append(&over, 0), Verdict::Duplicate(_)));
    assert_eq!(log.append(&batch(5, 0, 2, 1), 0), Verdict::New);
    let gap = Verdict::Refused(Refusal::OutOfOrder { expected: 3 });
    assert_eq!(log.append(&batch(5, 0, 9, 1), 0), gap);
}

#[test]
fn a_key_is_answered_as_before_and_only_with_its_body() {
    let mut log = Log::default();
    assert_eq!(log.append(&keyed(1, 1), 0), Verdict::New);
    assert_eq!(log.append(&keyed(2, 1), 0), Verdict::New);
    assert_eq!(offset_of(log.append(&keyed(1, 1), 9)), Some(0));
    assert_eq!(log.append(&keyed(1, 2), 9), Verdict::Refused(Refusal::OtherBody));
    let later = IDEMPOTENCY_KEY_EXPIRY_MS + 1;
    assert_eq!(log.append(&keyed(1, 2), later), Verdict::New, "a day later it is another request");
    assert_eq!(offset_of(log.append(&keyed(1, 2), later)), Some(2));
}

#[test]
fn only_the_newest_keys_are_remembered() {
    let mut log = Log::default();
    let numbered = |n: usize| {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&n.to_be_bytes());
        OnceBatch { key: Some(KeyTag { key, body: [0; 16] }), ..keyed(0, 0) }
    };
    for n in 0..=IDEMPOTENCY_KEYS_PER_PARTITION_MAX {
        log.append(&numbered(n), 0);
    }
    assert_eq!(log.states.keys.len(), IDEMPOTENCY_KEYS_PER_PARTITION_MAX);
    assert_eq!(log.states.check(&numbered(0), 0), Verdict::New);
    assert!(matches!(log.states.check(&numbered(1), 0), Verdict::Duplicate(_)));
}

#[test]
fn a_producer_is_forgotten_by_the_time_in_the_log() {
    let mut log = Log::default();
    log.append(&batch(5, 0, 0, 1), 1_000);
    let kept = 1_000 + PRODUCER_EXPIRY_MS;
    assert!(matches!(log.states.check(&batch(5, 0, 0, 1), kept), Verdict::Duplicate(_)));
    let unknown = Verdict::Refused(Refusal::UnknownProducer);
    assert_eq!(log.states.check(&batch(5, 0, 1, 1), kept + 1), unknown);
    log.append(&batch(6, 0, 0, 1), kept + 1);
    assert_eq!(log.states.producers.len(), 1);
    // A leader whose clock is behind brings nothing back, and takes nothing.
    assert_eq!(log.append(&batch(6, 0, 1, 1), 0), Verdict::New);
    assert_eq!(log.states.now_ms, kept + 1);
}

#[test]
fn a_full_partition_takes_the_place_of_nobody_who_may_come_again() {
    let mut log = Log::default();
    for (id, at_ms) in (0..PRODUCERS_PER_PARTITION_MAX as i64).zip(0..) {
        log.append(&batch(id, 0, FIRST, 1), at_ms);
    }
    let new = batch(INTERNAL_PRODUCER_ID_MIN - 1, 0, FIRST, 1);
    let crowded = Verdict::Refused(Refusal::TooManyProducers);
    assert_eq!(log.states.check(&new, PRODUCER_UNTOUCHED_MS), crowded);
    log.append(&batch(0, 0, 1, 1), PRODUCER_UNTOUCHED_MS);
    assert_eq!(log.append(&new, PRODUCER_UNTOUCHED_MS + 2), Verdict::New);
    assert_eq!(log.states.producers.len(), PRODUCERS_PER_PARTITION_MAX);
    assert!(log.states.producers.contains_key(&0), "it wrote after 1 did");
    assert!(!log.states.producers.contains_key(&1));
}

/// What a client may send: often right, often again, sometimes neither.
fn sent() -> impl Strategy<Value = (OnceBatch, i64)> {
    let produced = (0..3i64, 0..2i16, 0..12i32, 1..4u32)
        .prop_map(|(id, epoch, sequence, records)| batch(id, epoch, sequence, records));
    let with_key = (0..4u8, 0..2u8).prop_map(|(key, body)| keyed(key, body));
    let minutes = prop::sample::select(vec![0, 1, 9, 60 * 13]);
    (prop_oneof![3 => produced, 1 => with_key], minutes.prop_map(|m: i64| m * 60_000))
}

fn played(log: &mut Log, entries: &[(OnceBatch, i64)], clock: &mut i64) {
    for (batch, step_ms) in entries {
        *clock += step_ms;
        log.append(batch, *clock);
    }
}

proptest! {
    /// INV-07: whatever is sent, in whatever order and however often, is written once.
    #[test]
    fn no_sequence_is_written_twice(entries in prop::collection::vec(sent(), 1..80)) {
        let (mut log, mut clock, mut written) = (Log::default(), 0, BTreeMap::new());
        for (batch, _) in entries.iter().filter(|(batch, _)| batch.producer_id >= 0) {
            if log.append(batch, clock) == Verdict::New {
                let key = (batch.producer_id, batch.producer_epoch);
                let next = written.entry(key).or_insert(0);
                prop_assert_eq!(batch.base_sequence, *next, "neither again nor with a gap");
                *next = batch.last_sequence() + 1;
            }
            clock += 1;
        }
    }

    #[test]
    fn a_prefix_read_again_gives_the_same(
        entries in prop::collection::vec(sent(), 1..60),
        from in any::<prop::sample::Index>(),
    ) {
        let mut log = Log::default();
        played(&mut log, &entries, &mut 0);
        let mut again = log.states.clone();
        for index in from.index(entries.len()) as u64..log.index {
            prop_assert!(!again.enter(index, i64::MAX), "{} is in here", index);
        }
        prop_assert_eq!(again, log.states);
    }

    #[test]
    fn what_is_stored_goes_on_as_if_it_had_not_been(
        before in prop::collection::vec(sent(), 0..40),
        after in prop::collection::vec(sent(), 0..40),
    ) {
        let (mut log, mut clock) = (Log::default(), 0);
        played(&mut log, &before, &mut clock);
        let record = ProducersRecord::from(&log.states);
        let bytes = codec::encode(&record);
        prop_assert!(bytes.len() <= log.states.record_bytes() + 40);
        let back: ProducersRecord = codec::decode(&bytes).unwrap();
        let mut again = Log { states: back.into(), ..log.clone() };
        prop_assert_eq!(&again, &log);
        played(&mut again, &after, &mut clock.clone());
        played(&mut log, &after, &mut clock);
        prop_assert_eq!(again, log);
    }
}

#[test]
fn a_producer_of_the_clusters_own_is_never_forgotten_and_takes_nobodys_place() {
    let own = INTERNAL_PRODUCER_ID_MIN | 7;
    let mut log = Log::default();
    assert_eq!(log.append(&batch(own, 0, 0, 1), 0), Verdict::New);
    for id in 0..PRODUCERS_PER_PARTITION_MAX as i64 {
        assert_eq!(log.append(&batch(id, 0, 0, 1), 0), Verdict::New, "{id}");
    }
    let other = INTERNAL_PRODUCER_ID_MIN | 8;
    assert_eq!(log.append(&batch(other, 0, 0, 1), 0), Verdict::New, "a full partition has room");
    let late = PRODUCER_EXPIRY_MS * 9;
    let restored: ProducerStates = ProducersRecord::from(&log.states).into();
    assert_eq!(restored, log.states);
    assert_eq!(offset_of(log.append(&batch(own, 0, 0, 1), late)), Some(0));
    assert_eq!(log.append(&batch(own, 0, 1, 1), late), Verdict::New);
    assert_eq!(log.append(&batch(3, 0, 1, 1), late), Verdict::Refused(Refusal::UnknownProducer));
}
