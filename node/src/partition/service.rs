//! What edges and peers call. Finds the leader by itself: answers here if this node leads, else
//! forwards once, marked, and retries only what certainly was not done. So it does not matter which
//! node a client was told to ask (INV-11).

use std::sync::Arc;
use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{GroupId, LeaderEpoch, NodeId, Offset};
use rampart_api::model::problem::{Outcome, Problem};
use rampart_raft_store::Store;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::state::metadata::state::PartitionRecord;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::fetch_budget::FetchBudget;
use super::replica::Replica;
use super::replica_manager::ReplicaManager;
use super::request::{
    Fetch, Fetched, ListedOffset, OffsetSpec, PartitionKey, PartitionStatus, Produce, Produced,
};
use super::{local, remote};
use crate::castle_moves;
use crate::clock::Clock;
use crate::metadata::MetadataHandle;
use crate::peer::PeerNet;
use crate::raft::claims::ClaimTable;
use crate::raft::status::Role;
use crate::telemetry::Metrics;

/// Pause before the leader is looked for again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// Pause before the replicas in sync are counted again.
const IN_SYNC_PAUSE: Duration = Duration::from_millis(100);
/// How long a request that carries no time limit of its own looks for a leader.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(10);

/// An operation on a partition, to be done by its leader.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Append record batches.
    Produce(Produce),
    /// Read record batches.
    Fetch(Fetch),
    /// Turn a description into an offset.
    ListOffset(PartitionKey, OffsetSpec),
    /// Delete the records below an offset.
    Truncate(PartitionKey, Offset),
    /// Say how the partition is.
    Status(PartitionKey),
    /// Hand the leadership to that node, or to the best one.
    TransferLeadership(PartitionKey, Option<NodeId>),
}

/// What an operation answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// To `Produce`.
    Produced(Produced),
    /// To `Fetch`.
    Fetched(Fetched),
    /// To `ListOffset`.
    Listed(ListedOffset),
    /// To `Truncate`: the log start.
    Truncated(Offset),
    /// To `Status`.
    Status(PartitionStatus),
    /// To `TransferLeadership`: the new leader.
    Transferred(NodeId),
}

impl Operation {
    /// The partition it is about.
    pub fn key(&self) -> PartitionKey {
        match self {
            Operation::Produce(produce) => produce.key,
            Operation::Fetch(fetch) => fetch.key,
            Operation::ListOffset(key, _)
            | Operation::Truncate(key, _)
            | Operation::Status(key)
            | Operation::TransferLeadership(key, _) => *key,
        }
    }

    /// How long the caller waits.
    fn timeout(&self) -> Duration {
        match self {
            Operation::Produce(produce) => produce.timeout,
            Operation::Fetch(fetch) => {
                ROUTE_TIMEOUT + Duration::from_millis(u64::from(fetch.wait_ms))
            }
            Operation::ListOffset(..)
            | Operation::Truncate(..)
            | Operation::TransferLeadership(..) => ROUTE_TIMEOUT,
            Operation::Status(_) => ROUTE_TIMEOUT / 5,
        }
    }

    /// The same operation for a caller who waits `left` from now on.
    fn within(self, left: Duration) -> Operation {
        match self {
            Operation::Produce(produce) => {
                Operation::Produce(Produce { timeout: produce.timeout.min(left), ..produce })
            }
            Operation::Fetch(fetch) => {
                let wait = left.saturating_sub(ROUTE_TIMEOUT).as_millis();
                let wait_ms = fetch.wait_ms.min(u32::try_from(wait).unwrap_or(u32::MAX));
                Operation::Fetch(Fetch { wait_ms, ..fetch })
            }
            Operation::ListOffset(..)
            | Operation::Truncate(..)
            | Operation::Status(_)
            | Operation::TransferLeadership(..) => self,
        }
    }

    /// Whether the same operation may be sent again after its answer was lost.
    fn may_repeat(&self) -> bool {
        match self {
            Operation::Fetch(_) | Operation::ListOffset(..) | Operation::Status(_) => true,
            Operation::Produce(produce) => produce.once.is_some(),
            Operation::Truncate(..) | Operation::TransferLeadership(..) => false,
        }
    }
}

/// What the service is made of.
#[derive(Debug)]
pub struct PartitionServiceOptions {
    /// This node.
    pub node: NodeId,
    /// The replicas of this node.
    pub manager: ReplicaManager,
    /// The cluster as this node knows it.
    pub metadata: MetadataHandle,
    /// To reach leaders elsewhere.
    pub peer: PeerNet,
    /// Who claims which group.
    pub claims: Arc<ClaimTable>,
    /// Space on the disk.
    pub store: Store,
    /// Bytes of appends in flight on this node.
    pub bytes_in_flight_per_node: usize,
    /// Bytes of fetches in flight on this node.
    pub fetch_bytes_in_flight: usize,
    /// Time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
}

/// Produce, fetch and the rest, wherever the leader is. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PartitionService {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) options: PartitionServiceOptions,
    pub(super) bytes: Arc<Semaphore>,
    pub(super) fetch_budget: FetchBudget,
}

impl PartitionService {
    /// A service over the replicas of this node.
    pub fn new(options: PartitionServiceOptions) -> Self {
        let bytes = Arc::new(Semaphore::new(options.bytes_in_flight_per_node));
        let fetch_budget = FetchBudget::new(options.fetch_bytes_in_flight);
        PartitionService { inner: Arc::new(Inner { options, bytes, fetch_budget }) }
    }

    /// Bytes of appends that this node has accepted and not answered yet.
    pub fn bytes_in_flight(&self) -> usize {
        let inner = &self.inner;
        let free = inner.bytes.available_permits();
        inner.options.bytes_in_flight_per_node.saturating_sub(free)
    }

    /// Appends record batches.
    ///
    /// # Errors
    /// Each says by its outcome whether the records may have been written.
    pub async fn produce(&self, request: Produce) -> Result<Produced, Problem> {
        match self.route(Operation::Produce(request)).await? {
            Answer::Produced(produced) => Ok(produced),
            other => Err(odd(&other)),
        }
    }

    /// Reads record batches below the high watermark.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE` with both bounds, `NOT_LEADER`, unknown topic or partition.
    pub async fn fetch(&self, request: Fetch) -> Result<Fetched, Problem> {
        match self.route(Operation::Fetch(request)).await? {
            Answer::Fetched(fetched) => Ok(fetched),
            other => Err(odd(&other)),
        }
    }

    /// Turns a description into an offset, after confirming leadership.
    ///
    /// # Errors
    /// `NOT_LEADER`, unknown topic or partition.
    pub async fn list_offset(
        &self,
        key: PartitionKey,
        spec: OffsetSpec,
    ) -> Result<ListedOffset, Problem> {
        match self.route(Operation::ListOffset(key, spec)).await? {
            Answer::Listed(listed) => Ok(listed),
            other => Err(odd(&other)),
        }
    }

    /// Deletes the records below `before`; answers the log start.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE` above the high watermark, `NOT_LEADER`, unknown outcomes.
    pub async fn truncate(&self, key: PartitionKey, before: Offset) -> Result<Offset, Problem> {
        match self.route(Operation::Truncate(key, before)).await? {
            Answer::Truncated(log_start) => Ok(log_start),
            other => Err(odd(&other)),
        }
    }

    /// How the partition is, as its leader sees it.
    ///
    /// # Errors
    /// `NOT_LEADER` when no leader is found in time, unknown topic or partition.
    pub async fn status(&self, key: PartitionKey) -> Result<PartitionStatus, Problem> {
        match self.route(Operation::Status(key)).await? {
            Answer::Status(status) => Ok(status),
            other => Err(odd(&other)),
        }
    }

    /// Hands the leadership to `to`, or to the best replica; answers the new leader.
    ///
    /// # Errors
    /// `UNSAFE` when the target is not caught up or not alive, `NOT_LEADER`, `TIMEOUT`.
    pub async fn transfer_leadership(
        &self,
        key: PartitionKey,
        to: Option<NodeId>,
    ) -> Result<NodeId, Problem> {
        match self.route(Operation::TransferLeadership(key, to)).await? {
            Answer::Transferred(node) => Ok(node),
            other => Err(odd(&other)),
        }
    }

    /// This node's freshest view of who leads a group: its own replica, the claims in the pings,
    /// then the metadata.
    pub fn leader_hint(&self, group: GroupId) -> Option<(NodeId, LeaderEpoch)> {
        let options = &self.inner.options;
        let own = options.manager.get(group).and_then(|replica| {
            let status = replica.status();
            let leader = status.leader?;
            (status.role != Role::Stopped).then_some((leader.1, status.term))
        });
        let claimed = options.claims.leader(group);
        let freshest = match (own, claimed) {
            (Some(own), Some(claimed)) => Some(if claimed.1 > own.1 { claimed } else { own }),
            (own, claimed) => own.or(claimed),
        };
        freshest.or_else(|| {
            let state = options.metadata.state();
            let (_, record) = state.partition_of(group)?;
            record.leader.map(|leader| (leader, record.epoch))
        })
    }

    /// Changes whenever another leader is heard of for a group.
    pub fn leader_changes(&self) -> u64 {
        self.inner.options.claims.changes()
    }

    /// Does an operation here, whoever asks. Called for forwarded operations.
    ///
    /// # Errors
    /// As the operation; `NOT_LEADER` if this node does not lead the partition.
    pub async fn execute_here(&self, operation: Operation) -> Result<Answer, Problem> {
        let replica = self.replica(operation.key())?;
        local::execute(self, &replica, operation).await
    }

    fn replica(&self, key: PartitionKey) -> Result<Arc<Replica>, Problem> {
        let group = self.record(key)?.group;
        self.inner.options.manager.get(group).ok_or_else(|| {
            let hint = self.leader_hint(group).map(|(node, _)| node);
            Problem::new(ErrorCode::NotLeader, "this node has no replica of the partition")
                .leader(hint.filter(|node| *node != self.inner.options.node))
        })
    }

    fn record(&self, key: PartitionKey) -> Result<PartitionRecord, Problem> {
        let state = self.inner.options.metadata.state();
        let topic = state.topics.get(&key.topic).ok_or_else(|| {
            Problem::new(ErrorCode::TopicNotFound, format!("topic {} is gone", key.topic))
        })?;
        topic.partitions.get(key.partition as usize).cloned().ok_or_else(|| {
            Problem::new(
                ErrorCode::InvalidPartition,
                format!(
                    "topic {} has partitions 0 to {}, not {}",
                    topic.name,
                    topic.partitions.len() - 1,
                    key.partition
                ),
            )
        })
    }

    async fn route(&self, operation: Operation) -> Result<Answer, Problem> {
        let clock = self.inner.options.clock;
        let deadline = clock.instant() + operation.timeout();
        let mut told = None;
        loop {
            let refused = match self.attempt(&operation, told.take(), deadline).await {
                Ok(answer) => return Ok(answer),
                Err(refused) => self.named(&operation, as_answered(refused)),
            };
            let Some(pause) = pause_before_again(&operation, &refused) else {
                return Err(refused);
            };
            if clock.instant() + pause >= deadline {
                return Err(refused);
            }
            told = refused.leader;
            tokio::time::sleep(pause).await;
        }
    }

    /// A refusal because the topic moves names the cluster, as far as this node knows.
    fn named(&self, operation: &Operation, mut refused: Problem) -> Problem {
        if refused.code == ErrorCode::TopicMoved {
            let state = self.inner.options.metadata.state();
            refused.moved_to = castle_moves::moved_to(&state, operation.key()).map(Box::new);
        }
        refused
    }

    async fn attempt(
        &self,
        operation: &Operation,
        told: Option<NodeId>,
        deadline: Instant,
    ) -> Result<Answer, Problem> {
        let options = &self.inner.options;
        let group = self.record(operation.key())?.group;
        let leader = told.or_else(|| self.leader_hint(group).map(|(node, _)| node));
        let left = deadline.saturating_duration_since(options.clock.instant());
        let operation = operation.clone().within(left);
        match leader {
            Some(node) if node == options.node => {
                let done = self.execute_here(operation);
                tokio::time::timeout_at(deadline, done).await.unwrap_or_else(|_| {
                    let detail = "the leader, this node, has not finished in time";
                    Err(Problem::unknown(ErrorCode::Timeout, detail)
                        .hint("the request may still be carried out"))
                })
            }
            Some(node) => remote::execute(&options.peer, node, operation, left).await,
            None => Err(Problem::new(
                ErrorCode::NotLeader,
                "the partition has no leader that this node knows",
            )
            .hint("a majority of its replicas must be up: see `rampart partition describe`")),
        }
    }
}

/// What a client is told of a refusal: the same.
fn as_answered(mut refused: Problem) -> Problem {
    if planted::is(Bug::UnknownAsFailed) && refused.code == ErrorCode::Timeout {
        refused.outcome = Outcome::NotDone;
    }
    refused
}

/// How long to wait before a refused operation is tried again, if it may be: what changes anything
/// only where it certainly was not done.
fn pause_before_again(operation: &Operation, refused: &Problem) -> Option<Duration> {
    match (refused.code, refused.outcome) {
        (ErrorCode::NotLeader | ErrorCode::NotReady, Outcome::NotDone) => Some(RETRY_PAUSE),
        // For a moment after a node died or came back, the others are too few.
        (ErrorCode::NotEnoughReplicas, Outcome::NotDone) => Some(IN_SYNC_PAUSE),
        (ErrorCode::NotLeader | ErrorCode::Timeout, Outcome::Unknown)
            if operation.may_repeat() || planted::is(Bug::RetryOfUnknown) =>
        {
            Some(RETRY_PAUSE)
        }
        _ => None,
    }
}

fn odd(answer: &Answer) -> Problem {
    Problem::unknown(ErrorCode::Internal, format!("the leader answered {answer:?} instead"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rampart_api::model::ids::TopicId;
    use rampart_api::model::once::OnceTag;

    use super::*;

    const KEY: PartitionKey = PartitionKey { topic: TopicId(uuid::Uuid::nil()), partition: 0 };

    fn produce() -> Operation {
        Operation::Produce(Produce {
            key: KEY,
            ack: None,
            timeout: Duration::from_secs(30),
            batches: Bytes::new(),
            records: 0,
            once: None,
        })
    }

    #[test]
    fn a_timeout_is_unknown_to_the_client_too() {
        let refused = Problem::unknown(ErrorCode::Timeout, "x");
        assert_eq!(as_answered(refused.clone()), refused);
    }

    #[test]
    fn a_write_is_tried_again_only_if_it_was_not_done() {
        let produce = produce();
        for code in [ErrorCode::NotLeader, ErrorCode::Timeout] {
            let unknown = Problem::unknown(code, "x");
            assert_eq!(pause_before_again(&produce, &unknown), None, "{code:?}");
            let once = OnceTag { stamp_ms: 0, key: None };
            let repeated = match produce.clone() {
                Operation::Produce(produce) => {
                    Operation::Produce(Produce { once: Some(once), ..produce })
                }
                other => other,
            };
            assert_eq!(pause_before_again(&repeated, &unknown), Some(RETRY_PAUSE), "{code:?}");
            let read = Operation::ListOffset(KEY, OffsetSpec::Latest);
            assert_eq!(pause_before_again(&read, &unknown), Some(RETRY_PAUSE), "{code:?}");
        }
        let not_done = Problem::new(ErrorCode::NotLeader, "x");
        assert_eq!(pause_before_again(&produce, &not_done), Some(RETRY_PAUSE));
    }

    #[test]
    fn what_is_tried_again_waits_only_for_what_is_left() {
        let seconds = Duration::from_secs;
        let produce = produce();
        assert_eq!(produce.clone().within(seconds(30)).timeout(), seconds(30));
        assert_eq!(produce.within(seconds(4)).timeout(), seconds(4));
        let wait_ms = 300_000;
        let fetch =
            Fetch { key: KEY, offset: Offset(0), max_bytes: 1, wait_ms, linearizable: false };
        let all = Operation::Fetch(fetch).timeout();
        for (passed, left_ms) in [(0, 300_000), (100, 200_000), (305, 0)] {
            let now = Operation::Fetch(fetch).within(all - seconds(passed));
            let Operation::Fetch(Fetch { wait_ms, .. }) = now else { panic!("{now:?}") };
            assert_eq!(wait_ms, left_ms, "after {passed} s");
        }
    }
}
