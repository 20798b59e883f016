//! Operations done by a leader on another node: one hop, and what comes back. The peer protocol's
//! shapes stop here; the rest of the node speaks `request`.

use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::problem::Problem;
use rampart_api::peer::rpc;

use super::request::{
    Fetch, Fetched, ListedOffset, OffsetSpec, PartitionKey, PartitionStatus, Produce, Produced,
    ReplicaStatus,
};
use super::service::{Answer, Operation};
use crate::peer::{CallError, PeerNet};

/// Sends an operation to the node that is thought to lead, and waits for its answer.
pub(super) async fn execute(
    peer: &PeerNet,
    node: NodeId,
    operation: Operation,
    left: Duration,
) -> Result<Answer, Problem> {
    match peer.call(node, to_wire(operation), left).await {
        Ok(rpc::PeerResponse::Problem(problem)) => Err(problem),
        Ok(response) => answer_from_wire(response),
        Err(CallError::Unknown(reason)) => Err(Problem::unknown(
            ErrorCode::Timeout,
            format!("no answer from the leader, node {node}: {reason}"),
        )
        .hint("the request may still be carried out")),
        Err(not_done) => Err(Problem::new(
            ErrorCode::NotLeader,
            format!("the leader, node {node}, cannot be reached: {not_done}"),
        )),
    }
}

fn to_wire(operation: Operation) -> rpc::PeerRequest {
    match operation {
        Operation::Produce(produce) => rpc::PeerRequest::Produce(rpc::ProduceRequest {
            key: key_to_wire(produce.key),
            ack: produce.ack,
            timeout_ms: u64::try_from(produce.timeout.as_millis()).unwrap_or(u64::MAX),
            records: produce.records,
            once: produce.once,
            batches: produce.batches,
        }),
        Operation::Fetch(fetch) => rpc::PeerRequest::Fetch(rpc::FetchRequest {
            key: key_to_wire(fetch.key),
            offset: fetch.offset,
            max_bytes: fetch.max_bytes,
            wait_ms: fetch.wait_ms,
            linearizable: fetch.linearizable,
        }),
        Operation::ListOffset(key, spec) => {
            rpc::PeerRequest::ListOffset { key: key_to_wire(key), spec: spec_to_wire(spec) }
        }
        Operation::Truncate(key, before) => {
            rpc::PeerRequest::Truncate { key: key_to_wire(key), before }
        }
        Operation::Status(key) => rpc::PeerRequest::Status { key: key_to_wire(key) },
        Operation::TransferLeadership(key, to) => {
            rpc::PeerRequest::TransferLeadership { key: key_to_wire(key), to }
        }
    }
}

/// The operation a peer asks for, if it is one.
pub fn from_wire(request: rpc::PeerRequest) -> Option<Operation> {
    Some(match request {
        rpc::PeerRequest::Produce(produce) => Operation::Produce(Produce {
            key: key_from_wire(produce.key),
            ack: produce.ack,
            timeout: Duration::from_millis(produce.timeout_ms),
            batches: produce.batches,
            records: produce.records,
            once: produce.once,
        }),
        rpc::PeerRequest::Fetch(fetch) => Operation::Fetch(Fetch {
            key: key_from_wire(fetch.key),
            offset: fetch.offset,
            max_bytes: fetch.max_bytes,
            wait_ms: fetch.wait_ms,
            linearizable: fetch.linearizable,
        }),
        rpc::PeerRequest::ListOffset { key, spec } => {
            Operation::ListOffset(key_from_wire(key), spec_from_wire(spec))
        }
        rpc::PeerRequest::Truncate { key, before } => {
            Operation::Truncate(key_from_wire(key), before)
        }
        rpc::PeerRequest::Status { key } => Operation::Status(key_from_wire(key)),
        rpc::PeerRequest::TransferLeadership { key, to } => {
            Operation::TransferLeadership(key_from_wire(key), to)
        }
        rpc::PeerRequest::Vote(_)
        | rpc::PeerRequest::PreVote(_)
        | rpc::PeerRequest::TransferLeader(_)
        | rpc::PeerRequest::Snapshot(_)
        | rpc::PeerRequest::Propose { .. }
        | rpc::PeerRequest::ReadIndex { .. }
        | rpc::PeerRequest::Join(_)
        | rpc::PeerRequest::Groups { .. }
        | rpc::PeerRequest::Castle { .. } => return None,
    })
}

/// An answer on its way back to a peer.
pub fn answer_to_wire(answer: Result<Answer, Problem>) -> rpc::PeerResponse {
    match answer {
        Err(problem) => rpc::PeerResponse::Problem(problem),
        Ok(Answer::Produced(produced)) => rpc::PeerResponse::Produced(rpc::ProducedAnswer {
            base_offset: produced.base_offset,
            leader_epoch: produced.leader_epoch,
            log_start: produced.log_start,
            replayed_stamp_ms: produced.replayed_stamp_ms,
        }),
        Ok(Answer::Fetched(fetched)) => rpc::PeerResponse::Fetched(rpc::FetchedAnswer {
            high_watermark: fetched.high_watermark,
            log_start: fetched.log_start,
            leader_epoch: fetched.leader_epoch,
            batches: fetched.batches,
        }),
        Ok(Answer::Listed(listed)) => rpc::PeerResponse::ListedOffset(rpc::ListedOffsetAnswer {
            offset: listed.offset,
            timestamp_ms: listed.timestamp_ms,
            high_watermark: listed.high_watermark,
            log_start: listed.log_start,
        }),
        Ok(Answer::Truncated(log_start)) => rpc::PeerResponse::Truncated(log_start),
        Ok(Answer::Status(status)) => rpc::PeerResponse::Status(status_to_wire(status)),
        Ok(Answer::Transferred(node)) => rpc::PeerResponse::LeadershipTransferred(node),
    }
}

fn answer_from_wire(response: rpc::PeerResponse) -> Result<Answer, Problem> {
    Ok(match response {
        rpc::PeerResponse::Produced(produced) => Answer::Produced(Produced {
            base_offset: produced.base_offset,
            leader_epoch: produced.leader_epoch,
            log_start: produced.log_start,
            replayed_stamp_ms: produced.replayed_stamp_ms,
        }),
        rpc::PeerResponse::Fetched(fetched) => Answer::Fetched(Fetched {
            batches: fetched.batches,
            high_watermark: fetched.high_watermark,
            log_start: fetched.log_start,
            leader_epoch: fetched.leader_epoch,
        }),
        rpc::PeerResponse::ListedOffset(listed) => Answer::Listed(ListedOffset {
            offset: listed.offset,
            timestamp_ms: listed.timestamp_ms,
            high_watermark: listed.high_watermark,
            log_start: listed.log_start,
        }),
        rpc::PeerResponse::Truncated(log_start) => Answer::Truncated(log_start),
        rpc::PeerResponse::Status(status) => Answer::Status(status_from_wire(status)),
        rpc::PeerResponse::LeadershipTransferred(node) => Answer::Transferred(node),
        rpc::PeerResponse::Problem(problem) => return Err(problem),
        rpc::PeerResponse::Unreachable(_)
        | rpc::PeerResponse::Vote(_)
        | rpc::PeerResponse::TransferLeader(_)
        | rpc::PeerResponse::Snapshot(_)
        | rpc::PeerResponse::Proposed { .. }
        | rpc::PeerResponse::ReadIndex { .. }
        | rpc::PeerResponse::Joined(_)
        | rpc::PeerResponse::Groups { .. }
        | rpc::PeerResponse::Castle { .. } => {
            return Err(Problem::unknown(ErrorCode::Internal, "the leader answered oddly"));
        }
    })
}

fn key_to_wire(key: PartitionKey) -> rpc::Partition {
    rpc::Partition { topic: key.topic, partition: key.partition }
}

fn key_from_wire(key: rpc::Partition) -> PartitionKey {
    PartitionKey { topic: key.topic, partition: key.partition }
}

fn spec_to_wire(spec: OffsetSpec) -> rpc::OffsetSpec {
    match spec {
        OffsetSpec::Earliest => rpc::OffsetSpec::Earliest,
        OffsetSpec::Latest => rpc::OffsetSpec::Latest,
        OffsetSpec::FromEnd(records) => rpc::OffsetSpec::FromEnd(records),
        OffsetSpec::Timestamp(timestamp) => rpc::OffsetSpec::Timestamp(timestamp),
    }
}

fn spec_from_wire(spec: rpc::OffsetSpec) -> OffsetSpec {
    match spec {
        rpc::OffsetSpec::Earliest => OffsetSpec::Earliest,
        rpc::OffsetSpec::Latest => OffsetSpec::Latest,
        rpc::OffsetSpec::FromEnd(records) => OffsetSpec::FromEnd(records),
        rpc::OffsetSpec::Timestamp(timestamp) => OffsetSpec::Timestamp(timestamp),
    }
}

fn status_to_wire(status: PartitionStatus) -> rpc::StatusAnswer {
    rpc::StatusAnswer {
        group: status.group,
        leader: status.leader,
        leader_epoch: status.leader_epoch,
        log_start: status.log_start,
        high_watermark: status.high_watermark,
        log_end: status.log_end,
        size_bytes: status.size_bytes,
        replicas: status
            .replicas
            .into_iter()
            .map(|r| rpc::ReplicaStatus {
                replica: r.replica,
                node: r.node,
                role: r.role,
                match_offset: r.match_offset,
                lag_records: r.lag_records,
                lag_ms: r.lag_ms,
                in_sync: r.in_sync,
            })
            .collect(),
    }
}

fn status_from_wire(status: rpc::StatusAnswer) -> PartitionStatus {
    PartitionStatus {
        group: status.group,
        leader: status.leader,
        leader_epoch: status.leader_epoch,
        log_start: status.log_start,
        high_watermark: status.high_watermark,
        log_end: status.log_end,
        size_bytes: status.size_bytes,
        replicas: status
            .replicas
            .into_iter()
            .map(|r| ReplicaStatus {
                replica: r.replica,
                node: r.node,
                role: r.role,
                match_offset: r.match_offset,
                lag_records: r.lag_records,
                lag_ms: r.lag_ms,
                in_sync: r.in_sync,
            })
            .collect(),
    }
}
