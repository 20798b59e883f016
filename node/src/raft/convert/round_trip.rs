//! Everything openraft can say survives the way to another node: into the wire's words, into
//! bytes where it is an append, and back.

use bytes::{Bytes, BytesMut};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use rampart_api::model::ids::NodeId;
use rampart_api::model::limits::PEER_FRAME_BYTES_MAX;
use rampart_api::peer::frame::{Front, take_frame};
use rampart_raft_store::type_config::{EntryPayload, Proposal, ProposalKind};

use super::*;

fn log_ids() -> impl Strategy<Value = LogId> {
    any::<(u64, u64)>().prop_map(|(term, index)| log_id_from_wire(wire::LogId { term, index }))
}

fn votes() -> impl Strategy<Value = Vote> {
    any::<(u64, u64, bool)>().prop_map(|(term, replica, committed)| {
        vote_from_wire(wire::Vote { term, replica: ReplicaId(replica), committed })
    })
}

/// One voter set, or two while it changes, and perhaps learners.
fn memberships() -> impl Strategy<Value = Membership> {
    let nodes = btree_map(any::<u64>(), any::<u64>(), 1..6);
    let filled = nodes.prop_flat_map(|nodes| {
        let ids: Vec<u64> = nodes.keys().copied().collect();
        let voters = prop::sample::subsequence(ids.clone(), 1..=ids.len());
        let configs = vec(voters.prop_map(BTreeSet::from_iter), 1..3);
        configs.prop_map(move |configs| {
            let nodes = nodes.iter().map(|(id, node)| (*id, Member { node: NodeId(*node) }));
            Membership::new(configs, nodes.collect::<BTreeMap<u64, Member>>()).unwrap()
        })
    });
    prop_oneof![1 => Just(Membership::default()), 9 => filled]
}

fn payloads() -> impl Strategy<Value = EntryPayload> {
    let kinds = vec![
        ProposalKind::Batches,
        ProposalKind::Partition,
        ProposalKind::Metadata,
        ProposalKind::OnceBatches,
    ];
    let normal = (prop::sample::select(kinds), vec(any::<u8>(), 0..60)).prop_map(|(kind, body)| {
        EntryPayload::Normal(Proposal { kind, body: Bytes::from(body), ticket: None })
    });
    prop_oneof![Just(EntryPayload::Blank), normal, memberships().prop_map(EntryPayload::Membership),]
}

prop_compose! {
    fn append_requests()(
        vote in votes(),
        prev_log_id in option::of(log_ids()),
        entries in vec((log_ids(), payloads()), 0..5),
        leader_commit in option::of(log_ids()),
    ) -> AppendEntriesRequest<TypeConfig> {
        let entries = entries.into_iter().map(|(log_id, payload)| Entry { log_id, payload });
        AppendEntriesRequest { vote, prev_log_id, entries: entries.collect(), leader_commit }
    }
}

fn transfer_answers() -> impl Strategy<Value = TransferLeaderResponse<TypeConfig>> {
    prop_oneof![
        Just(Ok(())),
        (votes(), votes()).prop_map(|(expected, actual)| Err(TransferLeaderError::VoteChanged {
            expected,
            actual
        })),
        (option::of(log_ids()), option::of(log_ids())).prop_map(|(expected, actual)| {
            Err(TransferLeaderError::LogNotFlushed { expected, actual })
        }),
    ]
}

/// Through the bytes of a frame.
fn sent(append: wire::Append) -> wire::Append {
    let frame = append.encode().expect("it is small");
    let mut buffer = BytesMut::from(&frame.to_bytes()[..]);
    match take_frame(&mut buffer, PEER_FRAME_BYTES_MAX).unwrap() {
        Front::Frame(frame) => wire::Append::decode(frame.payload).unwrap(),
        Front::Missing(_) => panic!("a whole frame was written"),
    }
}

/// A payload has no equality of its own, since a ticket has none; its bytes have.
fn entry_bytes(entries: &[Entry]) -> Vec<(LogId, (u8, Bytes))> {
    entries.iter().map(|entry| (entry.log_id, encode_entry_payload(&entry.payload))).collect()
}

proptest! {
    #[test]
    fn appends_survive_the_way(request in append_requests(), is_single: bool) {
        let append = append_to_wire(GroupId(1), ReplicaId(2), is_single, &request);
        prop_assert_eq!(append.is_single, is_single);
        let back = append_from_wire(sent(append)).unwrap();
        prop_assert_eq!(back.vote, request.vote);
        prop_assert_eq!(back.prev_log_id, request.prev_log_id);
        prop_assert_eq!(back.leader_commit, request.leader_commit);
        prop_assert_eq!(entry_bytes(&back.entries), entry_bytes(&request.entries));
        for (back, entry) in back.entries.iter().zip(&request.entries) {
            prop_assert_eq!(back.payload.to_string(), entry.payload.to_string());
        }
    }

    #[test]
    fn foreign_entries_never_panic(kind: u8, payload: Vec<u8>) {
        let id = wire::LogId { term: 1, index: 1 };
        let vote = wire::Vote { term: 1, replica: ReplicaId(1), committed: true };
        let _ = append_from_wire(wire::Append {
            group: GroupId(1),
            to: ReplicaId(1),
            stream: 1,
            seq: 0,
            is_single: false,
            vote,
            prev: None,
            commit: None,
            entries: vec![wire::AppendEntry { id, kind, payload: Bytes::from(payload) }],
        });
    }

    #[test]
    fn votes_survive_the_way(
        vote in votes(),
        last_log_id in option::of(log_ids()),
        (leadership_transfer, vote_granted) in any::<(bool, bool)>(),
    ) {
        let request = VoteRequest { vote, last_log_id, leadership_transfer };
        let wire_request = vote_request_to_wire(GroupId(1), ReplicaId(2), &request);
        prop_assert_eq!((wire_request.group, wire_request.to), (GroupId(1), ReplicaId(2)));
        prop_assert_eq!(vote_request_from_wire(&wire_request), request);
        let answer = VoteResponse { vote, vote_granted, last_log_id };
        prop_assert_eq!(vote_answer_from_wire(&vote_answer_to_wire(&answer)), answer);
    }

    #[test]
    fn transfers_survive_the_way(
        from in votes(),
        successor: u64,
        last in option::of(log_ids()),
        answer in transfer_answers(),
    ) {
        let request = TransferLeaderRequest::new(from, successor, last);
        let wire_request = transfer_to_wire(GroupId(1), ReplicaId(2), &request);
        prop_assert_eq!(wire_request.to, ReplicaId(2));
        prop_assert_eq!(transfer_from_wire(&wire_request), request);
        let back = transfer_answer_from_wire(transfer_answer_to_wire(&answer));
        prop_assert_eq!(back, answer);
    }

    #[test]
    fn snapshot_metas_survive_the_way(
        last_log_id in option::of(log_ids()),
        id in option::of(log_ids()),
        membership in memberships(),
    ) {
        let last_membership = StoredMembership::new(id, membership);
        let meta = SnapshotMeta { last_log_id, last_membership };
        let last = meta.last_log_id.map(log_id_to_wire);
        let back = snapshot_meta_from_wire(last, membership_to_wire(&meta.last_membership));
        prop_assert_eq!(back.unwrap(), meta);
    }

    #[test]
    fn foreign_memberships_never_panic(
        voters in vec(vec(0..4u64, 0..3), 0..4),
        members in vec((0..4u64, 0..4u64), 0..4),
    ) {
        let ids = |set: Vec<u64>| set.into_iter().map(ReplicaId).collect();
        let stored = wire::StoredMembership {
            id: None,
            voters: voters.into_iter().map(ids).collect(),
            members: members.into_iter().map(|(id, node)| (ReplicaId(id), NodeId(node))).collect(),
        };
        let _ = snapshot_meta_from_wire(None, stored);
    }
}
