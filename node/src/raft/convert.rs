//! Between openraft's types and the peer protocol's own: the only place that knows both. Entries'
//! payloads change hands as they are; memberships go through the log's own encoding.

use std::collections::{BTreeMap, BTreeSet};

use openraft::raft::{
    AppendEntriesRequest, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::vote::leader_id_std::{CommittedLeaderId, LeaderId};
use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_api::peer::raft as wire;
use rampart_raft_store::format::{FormatError, decode_entry_payload, encode_entry_payload};
use rampart_raft_store::type_config::{
    Entry, LogId, Member, Membership, SnapshotMeta, StoredMembership, TypeConfig, Vote,
};

/// A snapshot's membership that no cluster can have produced.
#[derive(Debug, thiserror::Error)]
#[error("membership: {0}")]
pub(crate) struct MembershipError(String);

pub(crate) fn log_id_to_wire(id: LogId) -> wire::LogId {
    wire::LogId { term: id.leader_id.term, index: id.index }
}

pub(crate) fn log_id_from_wire(id: wire::LogId) -> LogId {
    LogId::new(CommittedLeaderId::new(id.term), id.index)
}

pub(crate) fn vote_to_wire(vote: Vote) -> wire::Vote {
    wire::Vote {
        term: vote.leader_id.term,
        replica: ReplicaId(vote.leader_id.voted_for),
        committed: vote.committed,
    }
}

pub(crate) fn vote_from_wire(vote: wire::Vote) -> Vote {
    let leader_id = LeaderId { term: vote.term, voted_for: vote.replica.0 };
    Vote { leader_id, committed: vote.committed }
}

/// An append without its place in a stream, which the sender fills in.
pub(crate) fn append_to_wire(
    group: GroupId,
    to: ReplicaId,
    is_single: bool,
    request: &AppendEntriesRequest<TypeConfig>,
) -> wire::Append {
    let entries = request.entries.iter().map(|entry| {
        let (kind, payload) = encode_entry_payload(&entry.payload);
        wire::AppendEntry { id: log_id_to_wire(entry.log_id), kind, payload }
    });
    wire::Append {
        group,
        to,
        stream: 0,
        seq: 0,
        is_single,
        vote: vote_to_wire(request.vote),
        prev: request.prev_log_id.map(log_id_to_wire),
        commit: request.leader_commit.map(log_id_to_wire),
        entries: entries.collect(),
    }
}

pub(crate) fn append_from_wire(
    append: wire::Append,
) -> Result<AppendEntriesRequest<TypeConfig>, FormatError> {
    let mut entries = Vec::with_capacity(append.entries.len());
    for entry in append.entries {
        let payload = decode_entry_payload(entry.kind, entry.payload)?;
        entries.push(Entry { log_id: log_id_from_wire(entry.id), payload });
    }
    Ok(AppendEntriesRequest {
        vote: vote_from_wire(append.vote),
        prev_log_id: append.prev.map(log_id_from_wire),
        entries,
        leader_commit: append.commit.map(log_id_from_wire),
    })
}

pub(crate) fn vote_request_to_wire(
    group: GroupId,
    to: ReplicaId,
    request: &VoteRequest<TypeConfig>,
) -> wire::VoteRequest {
    wire::VoteRequest {
        group,
        to,
        vote: vote_to_wire(request.vote),
        last: request.last_log_id.map(log_id_to_wire),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn vote_request_from_wire(request: &wire::VoteRequest) -> VoteRequest<TypeConfig> {
    VoteRequest {
        vote: vote_from_wire(request.vote),
        last_log_id: request.last.map(log_id_from_wire),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn vote_answer_to_wire(answer: &VoteResponse<TypeConfig>) -> wire::VoteAnswer {
    wire::VoteAnswer {
        vote: vote_to_wire(answer.vote),
        granted: answer.vote_granted,
        last: answer.last_log_id.map(log_id_to_wire),
    }
}

pub(crate) fn vote_answer_from_wire(answer: &wire::VoteAnswer) -> VoteResponse<TypeConfig> {
    VoteResponse {
        vote: vote_from_wire(answer.vote),
        vote_granted: answer.granted,
        last_log_id: answer.last.map(log_id_from_wire),
    }
}

pub(crate) fn transfer_to_wire(
    group: GroupId,
    to: ReplicaId,
    request: &TransferLeaderRequest<TypeConfig>,
) -> wire::TransferRequest {
    wire::TransferRequest {
        group,
        to,
        successor: ReplicaId(*request.to_node_id()),
        from: vote_to_wire(*request.from_leader()),
        last: request.last_log_id().copied().map(log_id_to_wire),
    }
}

pub(crate) fn transfer_from_wire(
    request: &wire::TransferRequest,
) -> TransferLeaderRequest<TypeConfig> {
    let last = request.last.map(log_id_from_wire);
    TransferLeaderRequest::new(vote_from_wire(request.from), request.successor.0, last)
}

pub(crate) fn transfer_answer_to_wire(
    answer: &TransferLeaderResponse<TypeConfig>,
) -> wire::TransferAnswer {
    match *answer {
        Ok(()) => wire::TransferAnswer::Accepted,
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            wire::TransferAnswer::VoteChanged {
                expected: vote_to_wire(expected),
                actual: vote_to_wire(actual),
            }
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            wire::TransferAnswer::LogNotFlushed {
                expected: expected.map(log_id_to_wire),
                actual: actual.map(log_id_to_wire),
            }
        }
    }
}

pub(crate) fn transfer_answer_from_wire(
    answer: wire::TransferAnswer,
) -> TransferLeaderResponse<TypeConfig> {
    match answer {
        wire::TransferAnswer::Accepted => Ok(()),
        wire::TransferAnswer::VoteChanged { expected, actual } => {
            Err(TransferLeaderError::VoteChanged {
                expected: vote_from_wire(expected),
                actual: vote_from_wire(actual),
            })
        }
        wire::TransferAnswer::LogNotFlushed { expected, actual } => {
            Err(TransferLeaderError::LogNotFlushed {
                expected: expected.map(log_id_from_wire),
                actual: actual.map(log_id_from_wire),
            })
        }
    }
}

pub(crate) fn membership_to_wire(stored: &StoredMembership) -> wire::StoredMembership {
    let membership = stored.membership();
    let voters = membership.get_joint_config().iter();
    wire::StoredMembership {
        id: stored.log_id().map(log_id_to_wire),
        voters: voters.map(|set| set.iter().map(|id| ReplicaId(*id)).collect()).collect(),
        members: membership.nodes().map(|(id, member)| (ReplicaId(*id), member.node)).collect(),
    }
}

pub(crate) fn snapshot_meta_from_wire(
    last: Option<wire::LogId>,
    stored: wire::StoredMembership,
) -> Result<SnapshotMeta, MembershipError> {
    let ids = |set: Vec<ReplicaId>| set.into_iter().map(|id| id.0).collect::<BTreeSet<u64>>();
    let voters: Vec<BTreeSet<u64>> = stored.voters.into_iter().map(ids).collect();
    let members: BTreeMap<u64, Member> =
        stored.members.into_iter().map(|(id, node)| (id.0, Member { node })).collect();
    // Before the first membership entry there is none, which openraft can't build from parts.
    let membership = if voters.is_empty() && members.is_empty() {
        Membership::default()
    } else {
        Membership::new(voters, members).map_err(|error| MembershipError(error.to_string()))?
    };
    let id = stored.id.map(log_id_from_wire);
    Ok(SnapshotMeta {
        last_log_id: last.map(log_id_from_wire),
        last_membership: StoredMembership::new(id, membership),
    })
}

#[cfg(test)]
mod round_trip;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rampart_api::model::ids::NodeId;
    use rampart_raft_store::type_config::{EntryPayload, Proposal, ProposalKind};

    use super::*;

    const AT: wire::LogId = wire::LogId { term: 3, index: 9 };

    #[test]
    fn append_keeps_everything_and_shares_payloads() {
        let body = Bytes::from_static(b"batch");
        let membership =
            Membership::new(vec![BTreeSet::from([1])], BTreeMap::from([(1, Member::default())]))
                .unwrap();
        let proposal = Proposal { kind: ProposalKind::Batches, body: body.clone(), ticket: None };
        let payloads = [
            EntryPayload::Blank,
            EntryPayload::Normal(proposal),
            EntryPayload::Membership(membership),
        ];
        let entries: Vec<Entry> = payloads
            .into_iter()
            .zip(10..)
            .map(|(payload, index)| Entry {
                log_id: log_id_from_wire(wire::LogId { term: 3, index }),
                payload,
            })
            .collect();
        let vote = wire::Vote { term: 3, replica: ReplicaId(1), committed: true };
        let request = AppendEntriesRequest {
            vote: vote_from_wire(vote),
            prev_log_id: Some(log_id_from_wire(AT)),
            entries,
            leader_commit: None,
        };
        let append = append_to_wire(GroupId(1), ReplicaId(2), false, &request);
        assert_eq!((append.vote, append.prev, append.commit), (vote, Some(AT), None));
        assert_eq!(append.entries[1].payload.as_ptr(), body.as_ptr());
        let back = append_from_wire(append).unwrap();
        assert_eq!((back.vote, back.prev_log_id), (request.vote, request.prev_log_id));
        assert_eq!(format!("{:?}", back.entries), format!("{:?}", request.entries));
    }

    #[test]
    fn a_bystander_of_a_transfer_is_told_the_successor_and_not_made_it() {
        let vote = vote_from_wire(wire::Vote { term: 3, replica: ReplicaId(1), committed: true });
        let request = TransferLeaderRequest::new(vote, 7, Some(log_id_from_wire(AT)));
        let bystander = ReplicaId(2);
        let back = transfer_from_wire(&transfer_to_wire(GroupId(1), bystander, &request));
        assert_eq!(back, request);
    }

    #[test]
    fn memberships_survive_the_trip() {
        let nodes = BTreeMap::from([
            (1, Member { node: NodeId(1) }),
            (2, Member { node: NodeId(2) }),
            (7, Member { node: NodeId(3) }),
        ]);
        let joint = vec![BTreeSet::from([1, 2]), BTreeSet::from([1, 7])];
        let filled = Membership::new(joint, nodes).unwrap();
        for membership in [Membership::default(), filled] {
            let stored = StoredMembership::new(Some(log_id_from_wire(AT)), membership);
            let meta = snapshot_meta_from_wire(Some(AT), membership_to_wire(&stored)).unwrap();
            assert_eq!(meta.last_membership, stored);
            assert_eq!(meta.last_log_id.map(log_id_to_wire), Some(AT));
        }
        let voter_nobody_knows = wire::StoredMembership {
            id: Some(AT),
            voters: vec![vec![ReplicaId(1)]],
            members: Vec::new(),
        };
        assert!(snapshot_meta_from_wire(Some(AT), voter_nobody_knows).is_err());
    }
}
