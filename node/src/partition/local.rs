//! Operations done by the leader, on this node.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::raft::linearizable_read::LinearizerOption;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{NodeId, Offset};
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::BatchHeader;
use rampart_api::model::topic_config::Ack;
use rampart_raft_store::error::ReadError;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::state::partition::producers::OnceBatch;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::appender::PendingAppend;
use super::fetch_budget::FetchBudget;
use super::hand_over::hand_over;
use super::replica::Replica;
use super::replica_log::ReplicaLog;
use super::request::{
    Fetch, Fetched, ListedOffset, OffsetSpec, PartitionStatus, Produce, Produced, ReplicaStatus,
};
use super::service::{Answer, Operation, PartitionService};
use super::{acks, retention};
use crate::raft::status::{self, RaftStatus, Role};
use crate::telemetry::metrics::Counted;

/// A replica may be so many entries behind when it takes over.
const TRANSFER_LAG_ENTRIES_MAX: u64 = 64;
/// How long a trim that a client asked for may take.
const TRIM_TIMEOUT: Duration = Duration::from_secs(9);

/// Does an operation on a replica of this node, which must lead.
pub(super) async fn execute(
    service: &PartitionService,
    replica: &Arc<Replica>,
    operation: Operation,
) -> Result<Answer, Problem> {
    match operation {
        Operation::Produce(request) => {
            produce(service, replica, request).await.map(Answer::Produced)
        }
        Operation::Fetch(request) => {
            fetch(&service.inner.fetch_budget, replica, request).await.map(Answer::Fetched)
        }
        Operation::ListOffset(_, spec) => list_offset(replica, spec).await.map(Answer::Listed),
        Operation::Truncate(_, before) => truncate(replica, before).await.map(Answer::Truncated),
        Operation::Status(_) => describe(replica).map(Answer::Status),
        Operation::TransferLeadership(_, to) => {
            transfer(replica, to).await.map(Answer::Transferred)
        }
    }
}

async fn produce(
    service: &PartitionService,
    replica: &Arc<Replica>,
    request: Produce,
) -> Result<Produced, Problem> {
    let options = &service.inner.options;
    replica.log()?;
    if !replica.is_leader() {
        return Err(replica.not_leader(&replica.status()));
    }
    // A disk that doesn't say how full it is gets the write; a failure then ends the process.
    if options.store.is_full().unwrap_or(false) {
        return Err(Problem::new(
            ErrorCode::StorageFull,
            format!("node {} has less free disk than its reserve", options.node),
        )
        .hint("free space or lower retention; reads go on"));
    }
    let ack = request.ack.unwrap_or(replica.config().ack);
    if acks::needs_min_in_sync(ack) {
        enough_in_sync(replica)?;
    }
    let bytes = request.batches.len();
    let permits = vec![
        admit(&service.inner.bytes, bytes, "the node's bytes in flight")?,
        admit(&replica.bytes, bytes, "the partition's bytes in flight")?,
    ];
    let arrived = options.clock.instant();
    let (answer, answered) = oneshot::channel();
    let deadline = arrived + request.timeout;
    let records = request.records;
    let once = once_batch(&request)?;
    replica.enqueue(PendingAppend {
        batches: request.batches,
        records,
        once,
        ack,
        deadline,
        answer,
        _permits: permits,
    })?;
    if ack == Ack::None {
        options.metrics.produced(ack.as_str(), records.into(), bytes as u64, Duration::ZERO);
        return Ok(Produced {
            base_offset: None,
            leader_epoch: replica.status().term,
            log_start: replica.log_start(),
            replayed_stamp_ms: None,
        });
    }
    match tokio::time::timeout_at(deadline, answered).await {
        Ok(Ok(result)) => {
            // What was there already is not counted twice.
            if result.as_ref().is_ok_and(|produced| produced.replayed_stamp_ms.is_none()) {
                let latency = options.clock.instant() - arrived;
                options.metrics.produced(ack.as_str(), records.into(), bytes as u64, latency);
            }
            result
        }
        Ok(Err(_)) => Err(Problem::unknown(
            ErrorCode::NotLeader,
            "the replica stopped while the records were in flight",
        )),
        Err(_) => Err(Problem::unknown(
            ErrorCode::Timeout,
            format!("no answer within {} ms", request.timeout.as_millis()),
        )
        .hint("the records may still be written; raise timeout_ms or look for them")),
    }
}

/// The batch of a request that is to be written once: such a request has no other.
fn once_batch(request: &Produce) -> Result<Option<Box<OnceBatch>>, Problem> {
    let Some(tag) = &request.once else {
        return Ok(None);
    };
    let header = BatchHeader::parse(&request.batches)?;
    if header.size() != request.batches.len() {
        let detail = "several batches in a request that is to be written once";
        return Err(Problem::new(ErrorCode::InvalidRequest, detail));
    }
    Ok(Some(Box::new(OnceBatch::new(&header, tag))))
}

fn admit(
    semaphore: &Arc<Semaphore>,
    bytes: usize,
    what: &str,
) -> Result<OwnedSemaphorePermit, Problem> {
    let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
    semaphore.clone().try_acquire_many_owned(wanted).map_err(|_| {
        Problem::new(ErrorCode::Overloaded, format!("{what} are used up"))
            .hint("try again after Retry-After, or send less at a time")
    })
}

fn enough_in_sync(replica: &Replica) -> Result<(), Problem> {
    let config = replica.config();
    let voters = replica.voters(&replica.status());
    let needed = acks::min_in_sync(&config, voters.len());
    let lag_max = Duration::from_millis(config.replica_lag_time_max_ms);
    let have = acks::in_sync_count(&voters, lag_max);
    if have >= needed {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::NotEnoughReplicas,
        format!("{have} of {} replicas are in sync, {needed} are needed", voters.len()),
    )
    .hint("nothing was written; see `rampart partition describe`"))
}

pub(super) async fn fetch(
    budget: &FetchBudget,
    replica: &Arc<Replica>,
    request: Fetch,
) -> Result<Fetched, Problem> {
    if !replica.is_leader() {
        return Err(replica.not_leader(&replica.status()));
    }
    if request.linearizable {
        confirm_reads(replica).await?;
    }
    // What is below the watermark is right whoever leads, and answered at once.
    match read(budget, replica, request).await {
        Ok(batches) if !batches.is_empty() => return fetched(replica, batches),
        Err(problem) if problem.code != ErrorCode::OffsetOutOfRange => return Err(problem),
        Ok(_) | Err(_) => {}
    }
    // That nothing is there, or that the offset is not, is only worth saying by a leader that is
    // not cut off, and that knows all its predecessors acknowledged.
    replica.confirm_current().await?;
    let mut batches = read(budget, replica, request).await?;
    if batches.is_empty() && request.wait_ms > 0 {
        let wait = Duration::from_millis(u64::from(request.wait_ms));
        wait_for_records(replica, request.offset, wait).await?;
        batches = read(budget, replica, request).await?;
        if batches.is_empty() {
            replica.confirm_current().await?;
        }
    }
    fetched(replica, batches)
}

async fn read(
    budget: &FetchBudget,
    replica: &Replica,
    request: Fetch,
) -> Result<Vec<Bytes>, Problem> {
    let max_bytes = request.max_bytes as usize;
    let taken = budget.take(max_bytes).await?;
    match replica.log()?.read(request.offset, max_bytes).await {
        Ok(batches) => Ok(taken.hold(batches)),
        Err(ReadError::OutOfRange { log_start, high_watermark }) => {
            Err(out_of_range(request.offset, log_start, high_watermark))
        }
        Err(error) => Err(Problem::new(ErrorCode::Internal, format!("reading the log: {error}"))),
    }
}

fn fetched(replica: &Replica, batches: Vec<Bytes>) -> Result<Fetched, Problem> {
    let status = replica.status();
    if status.role != Role::Leader {
        return Err(replica.not_leader(&status));
    }
    let log = replica.log()?;
    let bytes: usize = batches.iter().map(Bytes::len).sum();
    replica.parts.metrics.fetched(bytes as u64);
    Ok(Fetched {
        batches,
        high_watermark: log.high_watermark(),
        log_start: log.log_start_offset(),
        leader_epoch: status.term,
    })
}

async fn wait_for_records(
    replica: &Arc<Replica>,
    offset: Offset,
    wait: Duration,
) -> Result<(), Problem> {
    let mut watermark = replica.log()?.watch_high_watermark();
    let _waiting = Counted::in_gauge(&replica.parts.metrics.fetch.waiting);
    let reached = watermark.wait_for(|high| *high > offset);
    match tokio::time::timeout(wait, reached).await {
        Ok(Ok(_)) | Err(_) => Ok(()),
        Ok(Err(_)) => Err(replica.not_leader(&replica.status())),
    }
}

fn out_of_range(offset: Offset, log_start: Offset, high_watermark: Offset) -> Problem {
    let mut problem = Problem::new(
        ErrorCode::OffsetOutOfRange,
        format!("offset {offset} is outside the valid range {log_start} to {high_watermark}"),
    )
    .hint("read from `earliest` or `latest`, or from an offset in the range");
    problem.valid_offsets = Some((log_start.0, high_watermark.0));
    problem
}

/// Confirms by a round of heartbeats that this replica still leads (ReadIndex), and waits until
/// everything committed before is applied.
async fn confirm_reads(replica: &Arc<Replica>) -> Result<(), Problem> {
    replica.note_activity();
    if planted::is(Bug::StaleLeaderReads) {
        return Ok(());
    }
    let option = LinearizerOption::new(Some(Duration::ZERO), true)
        .with_wait_timeout(replica.parts.timings.election_timeout_max);
    match replica.raft().ensure_linearizable(option).await {
        Ok(_) => Ok(()),
        Err(_) => Err(replica.not_leader(&replica.status())),
    }
}

async fn list_offset(replica: &Arc<Replica>, spec: OffsetSpec) -> Result<ListedOffset, Problem> {
    let status = replica.status();
    if status.role != Role::Leader {
        return Err(replica.not_leader(&status));
    }
    confirm_reads(replica).await?;
    let Ok(log) = replica.log() else {
        let Extent { log_start, high_watermark, .. } = extent(&replica.parts.log, &status);
        let offset = high_watermark;
        return Ok(ListedOffset { offset, timestamp_ms: None, high_watermark, log_start });
    };
    let (log_start, high_watermark) = (log.log_start_offset(), log.high_watermark());
    let (offset, timestamp_ms) = match spec {
        OffsetSpec::Earliest => (log_start, None),
        OffsetSpec::Latest => (high_watermark, None),
        OffsetSpec::FromEnd(records) => {
            (Offset(high_watermark.0.saturating_sub(records).max(log_start.0)), None)
        }
        OffsetSpec::Timestamp(timestamp) => {
            let found = log.offset_for_timestamp(timestamp).await.map_err(|error| {
                Problem::new(ErrorCode::Internal, format!("reading the log: {error}"))
            })?;
            found.map_or((high_watermark, None), |(offset, at)| (offset, Some(at)))
        }
    };
    Ok(ListedOffset { offset, timestamp_ms, high_watermark, log_start })
}

async fn truncate(replica: &Arc<Replica>, before: Offset) -> Result<Offset, Problem> {
    let status = replica.status();
    if status.role != Role::Leader {
        return Err(replica.not_leader(&status));
    }
    let log = replica.log()?;
    if before > log.high_watermark() {
        replica.confirm_current().await?;
    }
    let (log_start, high_watermark) = (log.log_start_offset(), log.high_watermark());
    if before > high_watermark {
        return Err(out_of_range(before, log_start, high_watermark));
    }
    if before <= log_start {
        return Ok(log_start);
    }
    retention::trim(replica, before, TRIM_TIMEOUT).await
}

/// Where a log begins and ends, in offsets.
struct Extent {
    log_start: Offset,
    high_watermark: Offset,
    log_end: Offset,
    size_bytes: u64,
}

/// A log of groups has no offsets: the entry with an index counts as the record at it.
fn extent(log: &ReplicaLog, status: &RaftStatus) -> Extent {
    match log {
        ReplicaLog::Records(log) => Extent {
            log_start: log.log_start_offset(),
            high_watermark: log.high_watermark(),
            log_end: log.log_end_offset(),
            size_bytes: log.size_bytes(),
        },
        ReplicaLog::Groups(groups) => Extent {
            log_start: Offset(0),
            high_watermark: Offset(status.applied.map_or(0, |id| id.index + 1)),
            log_end: Offset(status.last_log_index.map_or(0, |index| index + 1)),
            size_bytes: groups.size_bytes(),
        },
    }
}

fn describe(replica: &Arc<Replica>) -> Result<PartitionStatus, Problem> {
    let status = replica.status();
    if status.role != Role::Leader {
        return Err(replica.not_leader(&status));
    }
    let config = replica.config();
    let lag_max = Duration::from_millis(config.replica_lag_time_max_ms);
    let log = &replica.parts.log;
    let Extent { log_start, high_watermark, log_end, size_bytes } = extent(log, &status);
    let synced = log.synced_index();
    let spec = replica.spec();
    let offset_of = |matched: Option<u64>| match (matched, log) {
        (None, _) => Offset(0),
        (Some(index), ReplicaLog::Records(log)) => log.offset_after_index(index),
        (Some(index), ReplicaLog::Groups(_)) => Offset(index + 1),
    };
    let mut replicas: Vec<ReplicaStatus> = replica
        .voters(&status)
        .iter()
        .map(|voter| {
            // An index in an old part of the log is only roughly an offset; the end is exact.
            let is_level = voter.replica == spec.replica && synced == status.last_log_index;
            let match_offset = if is_level { log_end } else { offset_of(voter.matched) };
            let role = if voter.replica == spec.replica { "leader" } else { "follower" };
            ReplicaStatus {
                replica: voter.replica,
                node: voter.node,
                role: role.to_owned(),
                match_offset,
                lag_records: log_end.0.saturating_sub(match_offset.0),
                lag_ms: u64::try_from(voter.behind_for.as_millis()).unwrap_or(u64::MAX),
                in_sync: acks::is_in_sync(voter, lag_max),
            }
        })
        .collect();
    for (id, node) in status::membership(replica.raft()).learners {
        let match_offset = offset_of(replica.progress().matched(id, status.term));
        replicas.push(ReplicaStatus {
            replica: id,
            node,
            role: "learner".to_owned(),
            match_offset,
            lag_records: log_end.0.saturating_sub(match_offset.0),
            lag_ms: u64::try_from(replica.behind_for(id, status.term).as_millis())
                .unwrap_or(u64::MAX),
            in_sync: false,
        });
    }
    Ok(PartitionStatus {
        group: spec.group,
        leader: Some(spec.node),
        leader_epoch: status.term,
        log_start,
        high_watermark,
        log_end,
        size_bytes,
        replicas,
    })
}

async fn transfer(replica: &Arc<Replica>, to: Option<NodeId>) -> Result<NodeId, Problem> {
    let status = replica.confirm_lease().await?;
    let me = replica.spec();
    let last = status.last_log_index.unwrap_or(0);
    let ready = |voter: &&acks::VoterView| {
        voter.alive
            && voter.replica != me.replica
            && voter.matched.is_some_and(|m| m + TRANSFER_LAG_ENTRIES_MAX >= last)
    };
    let voters = replica.voters(&status);
    let target = match to {
        Some(node) if node == me.node => return Ok(node),
        Some(node) => voters.iter().find(|v| v.node == node).ok_or_else(|| {
            let nodes: Vec<String> = voters.iter().map(|v| v.node.to_string()).collect();
            Problem::new(ErrorCode::Unsafe, format!("node {node} has no voting replica of it"))
                .hint(format!("nodes that have one: {}", nodes.join(", ")))
        })?,
        None => voters.iter().filter(ready).max_by_key(|v| v.matched).ok_or_else(|| {
            Problem::new(ErrorCode::Unsafe, "no other replica is alive and caught up")
        })?,
    };
    if !ready(&target) {
        return Err(Problem::new(
            ErrorCode::Unsafe,
            format!("the replica on node {} is not alive or not caught up", target.node),
        )
        .hint("wait until its lag is 0: see `rampart partition describe`"));
    }
    hand_over(replica, (target.replica, target.node)).await
}
