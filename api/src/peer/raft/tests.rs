//! Round trips, broken bytes, and that payloads are not copied.

use proptest::prelude::*;

use super::super::frame::{EncodedFrame, Front, take_frame};
use super::*;
use crate::model::limits::PEER_FRAME_BYTES_MAX;

fn payload_of(frame: &EncodedFrame) -> Bytes {
    let mut buffer = BytesMut::from(&frame.to_bytes()[..]);
    match take_frame(&mut buffer, PEER_FRAME_BYTES_MAX).unwrap() {
        Front::Frame(frame) => frame.payload,
        Front::Missing(_) => panic!("a whole frame was written"),
    }
}

fn log_ids() -> impl Strategy<Value = LogId> {
    (any::<u64>(), any::<u64>()).prop_map(|(term, index)| LogId { term, index })
}

fn votes() -> impl Strategy<Value = Vote> {
    (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(term, replica, committed)| Vote {
        term,
        replica: ReplicaId(replica),
        committed,
    })
}

fn entries() -> impl Strategy<Value = Vec<AppendEntry>> {
    let payload = proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    let entry = (log_ids(), any::<u8>(), payload).prop_map(|(id, kind, payload)| AppendEntry {
        id,
        kind,
        payload,
    });
    proptest::collection::vec(entry, 0..6)
}

prop_compose! {
    fn appends()(
        ids in (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<bool>()),
        vote in votes(),
        prev in proptest::option::of(log_ids()),
        commit in proptest::option::of(log_ids()),
        entries in entries(),
    ) -> Append {
        let (group, to, stream, seq, is_single) = ids;
        Append {
            group: GroupId(group),
            to: ReplicaId(to),
            stream,
            seq,
            is_single,
            vote,
            prev,
            commit,
            entries,
        }
    }
}

fn results() -> impl Strategy<Value = AppendResult> {
    prop_oneof![
        proptest::option::of(log_ids()).prop_map(AppendResult::Matched),
        log_ids().prop_map(AppendResult::Conflict),
        votes().prop_map(AppendResult::HigherVote),
        (1u8..=6).prop_map(|number| {
            AppendResult::Unreachable(UnreachableReason::from_number(number).unwrap())
        }),
    ]
}

#[test]
fn bytes_of_an_append_never_change() {
    let append = Append {
        group: GroupId(1),
        to: ReplicaId(2),
        stream: 3,
        seq: 4,
        is_single: false,
        vote: Vote { term: 5, replica: ReplicaId(6), committed: true },
        prev: Some(LogId { term: 5, index: 7 }),
        commit: None,
        entries: vec![AppendEntry {
            id: LogId { term: 5, index: 8 },
            kind: 9,
            payload: Bytes::from_static(b"xy"),
        }],
    };
    let mut golden = Vec::new();
    for number in [1u64, 2, 3, 4] {
        golden.extend_from_slice(&number.to_le_bytes());
    }
    golden.push(0b0101);
    for number in [5u64, 6, 5, 7] {
        golden.extend_from_slice(&number.to_le_bytes());
    }
    golden.extend_from_slice(&1u32.to_le_bytes());
    golden.extend_from_slice(&5u64.to_le_bytes());
    golden.extend_from_slice(&8u64.to_le_bytes());
    golden.push(9);
    golden.extend_from_slice(&2u32.to_le_bytes());
    golden.extend_from_slice(b"xy");
    assert_eq!(&payload_of(&append.encode().unwrap())[..], &golden[..]);
}

#[test]
fn payloads_are_neither_copied_when_written_nor_when_read() {
    let payload = Bytes::from(vec![7; 10_000]);
    let append = Append {
        group: GroupId(1),
        to: ReplicaId(2),
        stream: 0,
        seq: 0,
        is_single: true,
        vote: Vote { term: 1, replica: ReplicaId(1), committed: true },
        prev: None,
        commit: None,
        entries: vec![AppendEntry {
            id: LogId { term: 1, index: 1 },
            kind: 1,
            payload: payload.clone(),
        }],
    };
    let encoded = append.encode().unwrap();
    assert!(encoded.chunks().any(|chunk| chunk.as_ptr() == payload.as_ptr()));
    let frame = payload_of(&encoded);
    let range = frame.as_ptr_range();
    let read = Append::decode(frame).unwrap();
    assert!(range.contains(&read.entries[0].payload.as_ptr()));
}

#[test]
fn declared_counts_reserve_nothing_that_is_not_there() {
    let mut hostile = BytesMut::zeroed(APPEND_FIXED_BYTES - 2 * 16);
    let end = hostile.len();
    hostile[end - 4..].copy_from_slice(&u32::MAX.to_le_bytes());
    let refused = Append::decode(hostile.freeze());
    assert!(matches!(refused, Err(DecodeError::Truncated { field: "entry count" })));
    let hostile = Bytes::copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(StreamsEnded::decode(hostile).is_err());
}

proptest! {
    #[test]
    fn append_survives_the_trip(append in appends()) {
        let payload = payload_of(&append.clone().encode().unwrap());
        prop_assert_eq!(Append::decode(payload).unwrap(), append);
    }

    #[test]
    fn reply_survives_the_trip(stream: u64, seq: u64, result in results()) {
        let reply = AppendReply { stream, seq, result };
        prop_assert_eq!(AppendReply::decode(payload_of(&reply.encode())).unwrap(), reply);
    }

    #[test]
    fn ended_streams_survive_the_trip(streams: Vec<u64>) {
        let ended = StreamsEnded(streams);
        prop_assert_eq!(StreamsEnded::decode(payload_of(&ended.encode())).unwrap(), ended);
    }

    #[test]
    fn truncated_messages_are_refused(append in appends(), result in results(), cut: prop::sample::Index) {
        let payload = payload_of(&append.encode().unwrap());
        let end = cut.index(payload.len());
        prop_assert!(Append::decode(payload.slice(..end)).is_err());
        let payload = payload_of(&AppendReply { stream: 1, seq: 2, result }.encode());
        let end = cut.index(payload.len());
        prop_assert!(AppendReply::decode(payload.slice(..end)).is_err());
    }

    #[test]
    fn mutated_messages_never_panic(
        append in appends(),
        at: prop::sample::Index,
        value: u8,
    ) {
        let mut bytes = payload_of(&append.encode().unwrap()).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = Append::decode(Bytes::from(bytes));
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let noise = Bytes::from(noise);
        let _ = Append::decode(noise.clone());
        let _ = AppendReply::decode(noise.clone());
        let _ = StreamsEnded::decode(noise);
    }
}
