//! Round trips of every question and answer, and broken bytes.

use bytes::BytesMut;
use proptest::prelude::*;
use uuid::Uuid;

use super::super::frame::{Front, take_frame};
use super::super::raft::{LogId, StoredMembership};
use super::*;
use crate::model::error_code::ErrorCode;
use crate::model::limits::PEER_FRAME_BYTES_MAX;
use crate::model::once::{KeyTag, OnceTag};

fn payload_of(frame: &EncodedFrame) -> Bytes {
    let mut buffer = BytesMut::from(&frame.to_bytes()[..]);
    match take_frame(&mut buffer, PEER_FRAME_BYTES_MAX).unwrap() {
        Front::Frame(frame) => frame.payload,
        Front::Missing(_) => panic!("a whole frame was written"),
    }
}

fn key() -> Partition {
    Partition { topic: TopicId(Uuid::from_u128(4)), partition: 2 }
}

fn requests(body: &Bytes) -> Vec<PeerRequest> {
    let vote = Vote { term: 3, replica: ReplicaId(1), committed: false };
    let last = Some(LogId { term: 2, index: 7 });
    let (group, to) = (GroupId(9), ReplicaId(8));
    let voting = VoteRequest { group, to, vote, last, leadership_transfer: true };
    let membership = StoredMembership {
        id: last,
        voters: vec![vec![ReplicaId(1), to]],
        members: vec![(ReplicaId(1), NodeId(1)), (to, NodeId(2))],
    };
    vec![
        PeerRequest::Vote(voting),
        PeerRequest::PreVote(voting),
        PeerRequest::TransferLeader(TransferRequest {
            group,
            to,
            successor: ReplicaId(7),
            from: vote,
            last,
        }),
        PeerRequest::Snapshot(SnapshotRequest {
            group,
            to,
            vote,
            last,
            membership,
            data: body.clone(),
        }),
        PeerRequest::Produce(ProduceRequest {
            key: key(),
            ack: Some(Ack::All),
            timeout_ms: 30_000,
            records: 5,
            once: Some(OnceTag { stamp_ms: -1, key: Some(KeyTag { key: [1; 16], body: [2; 16] }) }),
            batches: body.clone(),
        }),
        PeerRequest::Fetch(FetchRequest {
            key: key(),
            offset: Offset(3),
            max_bytes: 4,
            wait_ms: 5,
            linearizable: true,
        }),
        PeerRequest::ListOffset { key: key(), spec: OffsetSpec::Timestamp(-1) },
        PeerRequest::Truncate { key: key(), before: Offset(4) },
        PeerRequest::Status { key: key() },
        PeerRequest::TransferLeadership { key: key(), to: Some(NodeId(2)) },
        PeerRequest::Propose { command: body.clone() },
        PeerRequest::ReadIndex { group },
        PeerRequest::Join(JoinRequest {
            disk: DiskId(Uuid::from_u128(6)),
            peer_addr: "a:1".into(),
            http_addr: "a:2".into(),
            rack: String::new(),
            version: "0.1.0".into(),
        }),
        PeerRequest::Groups { partition: 3, question: body.clone() },
        PeerRequest::Castle { question: body.clone() },
    ]
}

fn responses(body: &Bytes) -> Vec<PeerResponse> {
    let vote = Vote { term: 3, replica: ReplicaId(1), committed: true };
    let offset = Offset(5);
    vec![
        PeerResponse::Problem(Problem::new(ErrorCode::NotLeader, "no").leader(Some(NodeId(1)))),
        PeerResponse::Unreachable(UnreachableReason::DiskReserve),
        PeerResponse::Vote(VoteAnswer { vote, granted: true, last: None }),
        PeerResponse::TransferLeader(TransferAnswer::VoteChanged { expected: vote, actual: vote }),
        PeerResponse::Snapshot(vote),
        PeerResponse::Produced(ProducedAnswer {
            base_offset: Some(offset),
            leader_epoch: 2,
            log_start: offset,
            replayed_stamp_ms: Some(7),
        }),
        PeerResponse::Fetched(FetchedAnswer {
            high_watermark: offset,
            log_start: offset,
            leader_epoch: 2,
            batches: vec![body.clone(), Bytes::new(), body.clone()],
        }),
        PeerResponse::ListedOffset(ListedOffsetAnswer {
            offset,
            timestamp_ms: Some(3),
            high_watermark: offset,
            log_start: offset,
        }),
        PeerResponse::Truncated(offset),
        PeerResponse::Status(StatusAnswer {
            group: GroupId(1),
            leader: None,
            leader_epoch: 1,
            log_start: offset,
            high_watermark: offset,
            log_end: offset,
            size_bytes: 9,
            replicas: vec![ReplicaStatus {
                replica: ReplicaId(1),
                node: NodeId(2),
                role: "leader".into(),
                match_offset: offset,
                lag_records: 0,
                lag_ms: 0,
                in_sync: true,
            }],
        }),
        PeerResponse::LeadershipTransferred(NodeId(3)),
        PeerResponse::Proposed { index: 4, response: body.clone() },
        PeerResponse::ReadIndex { index: 4 },
        PeerResponse::Joined(JoinAnswer {
            cluster: ClusterId(Uuid::from_u128(1)),
            node: NodeId(4),
            peers: vec![(NodeId(1), "a:1".into())],
            metadata_index: 12,
        }),
        PeerResponse::Groups { answer: body.clone() },
        PeerResponse::Castle { answer: body.clone() },
    ]
}

fn framed(request: PeerRequest) -> RequestFrame {
    RequestFrame { id: 77, deadline_ms: 500, is_forwarded: true, metadata_index: 9, request }
}

proptest! {
    #[test]
    fn questions_and_answers_survive_the_trip(
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let body = Bytes::from(body);
        for request in requests(&body) {
            let frame = framed(request);
            let payload = payload_of(&frame.encode().unwrap());
            prop_assert_eq!(RequestFrame::decode(payload).unwrap(), frame);
        }
        for response in responses(&body) {
            let frame = ResponseFrame { id: 5, response };
            let payload = payload_of(&frame.encode().unwrap());
            prop_assert_eq!(ResponseFrame::decode(payload).unwrap(), frame);
        }
    }

    #[test]
    fn broken_messages_are_refused_or_differ_but_never_panic(
        which: prop::sample::Index,
        at: prop::sample::Index,
        value: u8,
    ) {
        let body = Bytes::from_static(b"some batches");
        let all: Vec<Bytes> = requests(&body)
            .into_iter()
            .map(|request| payload_of(&framed(request).encode().unwrap()))
            .chain(responses(&body).into_iter().map(|response| {
                payload_of(&ResponseFrame { id: 1, response }.encode().unwrap())
            }))
            .collect();
        let payload = &all[which.index(all.len())];
        let at = at.index(payload.len());
        prop_assert!(RequestFrame::decode(payload.slice(..at)).is_err());
        prop_assert!(ResponseFrame::decode(payload.slice(..at)).is_err());
        let mut mutated = payload.to_vec();
        mutated[at] = value;
        let _ = RequestFrame::decode(Bytes::from(mutated.clone()));
        let _ = ResponseFrame::decode(Bytes::from(mutated));
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = RequestFrame::decode(Bytes::from(noise.clone()));
        let _ = ResponseFrame::decode(Bytes::from(noise));
    }
}

#[test]
fn question_without_a_body_takes_none() {
    let frame = framed(PeerRequest::ReadIndex { group: GroupId(1) });
    let stray = vec![Bytes::from_static(b"stray")];
    let mut builder = FrameBuilder::new(FrameKind::Request, 0);
    builder.head.put_u64_le(1);
    builder.head.put_u32_le(1);
    builder.head.put_u8(0);
    builder.head.put_u64_le(0);
    let encoded = put_message(builder, &frame.request, stray).unwrap();
    assert!(RequestFrame::decode(payload_of(&encoded)).is_err());
}

#[test]
fn declared_part_count_reserves_nothing() {
    let mut hostile = BytesMut::zeroed(8 + 4);
    hostile.put_u32_le(u32::MAX);
    assert!(ResponseFrame::decode(hostile.freeze()).is_err());
}
