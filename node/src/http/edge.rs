//! What every handler has at hand: the services, the limits, the counts of spreading. One per node,
//! shared by all connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{NodeId, PartitionId, TopicId};
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::validate_topic_name;
use rampart_raft_store::state::metadata::state::{PartitionRecord, ReplicaState, TopicRecord};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::admission::{AnswerBudget, Budget};
use super::services::Services;
use super::spread::{Block, Spread};
use crate::clock::Clock;
use crate::config::{HttpConfig, LimitsConfig};
use crate::partition::request::PartitionKey;
use crate::telemetry::Metrics;

/// A topic that another node has just created may not have arrived here yet.
const TOPIC_WAIT: Duration = Duration::from_millis(250);

/// For so long a partition counts as it was found. A failover takes longer to be noticed.
const AVAILABLE_FOR: Duration = Duration::from_millis(100);

/// How long the metadata of a node that has just started is waited for.
const START_WAIT: Duration = Duration::from_secs(1);

/// What the edge is made of.
#[derive(Debug)]
pub struct EdgeOptions {
    /// The node behind it.
    pub services: Services,
    /// Time.
    pub clock: Clock,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Times.
    pub http: HttpConfig,
    /// Sizes and numbers.
    pub limits: LimitsConfig,
}

/// The edge's state. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Edge {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: EdgeOptions,
    budget: Budget,
    answers: AnswerBudget,
    spreads: Mutex<HashMap<TopicId, Spreading>>,
    waiting: Arc<Semaphore>,
    stopping: CancellationToken,
}

/// How a topic's keyless records are spread.
#[derive(Debug, Default)]
struct Spreading {
    spread: Spread,
    available: Option<Available>,
}

/// The partitions that could take records a moment ago.
#[derive(Debug)]
struct Available {
    numbers: Arc<[PartitionId]>,
    /// Of the topic, when it was looked at.
    partitions: usize,
    at: Instant,
}

impl Edge {
    /// The edge of a node.
    pub fn new(options: EdgeOptions) -> Self {
        let limits = &options.limits;
        let budget =
            Budget::new(limits.node_bytes_in_flight_max, limits.connection_bytes_in_flight_max);
        let waiting = usize::try_from(limits.waiting_fetches_max).unwrap_or(usize::MAX);
        Edge {
            inner: Arc::new(Inner {
                budget,
                answers: AnswerBudget::new(limits.fetch_bytes_in_flight_max),
                spreads: Mutex::default(),
                waiting: Arc::new(Semaphore::new(waiting.min(Semaphore::MAX_PERMITS))),
                stopping: CancellationToken::new(),
                options,
            }),
        }
    }

    /// The node behind it.
    pub(super) fn services(&self) -> &Services {
        &self.inner.options.services
    }

    /// Time.
    pub(super) fn clock(&self) -> Clock {
        self.inner.options.clock
    }

    /// What is counted.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.inner.options.metrics
    }

    /// Times.
    pub(super) fn http(&self) -> &HttpConfig {
        &self.inner.options.http
    }

    /// Sizes and numbers.
    pub(super) fn limits(&self) -> &LimitsConfig {
        &self.inner.options.limits
    }

    /// Bytes in flight.
    pub(super) fn budget(&self) -> &Budget {
        &self.inner.budget
    }

    /// Bytes of answers to fetches.
    pub(super) fn answers(&self) -> &AnswerBudget {
        &self.inner.answers
    }

    /// Cancelled when the node stops: waiting fetches and live tails end.
    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
    }

    /// Largest body, in bytes.
    pub(super) fn request_bytes_max(&self) -> usize {
        usize::try_from(self.limits().request_bytes_max).unwrap_or(usize::MAX)
    }

    /// Takes places among the fetches that wait.
    ///
    /// # Errors
    /// `OVERLOADED`.
    pub(super) fn wait_places(&self, places: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        self.inner.waiting.clone().try_acquire_many_owned(places).map_err(|_| {
            let max = self.limits().waiting_fetches_max;
            Problem::new(
                ErrorCode::Overloaded,
                format!("more than {max} fetches wait for records on this node"),
            )
            .hint("ask another node, or without waiting")
        })
    }

    /// A topic by name.
    ///
    /// # Errors
    /// `INVALID_TOPIC`, `TOPIC_NOT_FOUND`.
    pub(super) async fn topic(&self, name: &str) -> Result<Arc<TopicRecord>, Problem> {
        validate_topic_name(name)?;
        let metadata = &self.services().metadata;
        if let Some(topic) = metadata.state().topic_by_name(name) {
            return Ok(topic.clone());
        }
        let mut watch = metadata.watch();
        let arrived = watch.wait_for(|(_, state)| state.topic_by_name(name).is_some());
        if let Ok(Ok(changed)) = tokio::time::timeout(TOPIC_WAIT, arrived).await
            && let Some(topic) = changed.1.topic_by_name(name)
        {
            return Ok(topic.clone());
        }
        Err(Problem::new(ErrorCode::TopicNotFound, format!("there is no topic {name}"))
            .hint("create it with POST /v1/topics"))
    }

    /// Waits a moment for the metadata of a node that has just started.
    ///
    /// # Errors
    /// `NOT_READY`.
    pub(super) async fn metadata_arrived(&self) -> Result<(), Problem> {
        let metadata = &self.services().metadata;
        if metadata.state().cluster.is_some() {
            return Ok(());
        }
        let mut watch = metadata.watch();
        let arrived = watch.wait_for(|(_, state)| state.cluster.is_some());
        match tokio::time::timeout(START_WAIT, arrived).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                let detail = "this node has not received the cluster's metadata yet";
                Err(Problem::new(ErrorCode::NotReady, detail)
                    .retry_after_ms(1_000)
                    .hint("ask another node, or wait for GET /readyz"))
            }
        }
    }

    /// Whether a partition has a leader that is heard from.
    pub(super) fn is_led(&self, partition: &PartitionRecord) -> bool {
        let leader = self.services().partitions.leader_hint(partition.group);
        leader.is_some_and(|(node, _)| self.services().node.is_alive(node))
    }

    /// Whether keyless records may be sent to a partition. One whose leader is not known yet, as
    /// of a topic that was created a moment ago, counts if it can elect one: otherwise the first
    /// records of a topic would all go to the partition that was first.
    fn is_available(&self, partition: &PartitionRecord) -> bool {
        if self.services().partitions.leader_hint(partition.group).is_some() {
            return self.is_led(partition);
        }
        let votes = |state: ReplicaState| state != ReplicaState::Joining;
        let voters: Vec<_> = partition.replicas.iter().filter(|r| votes(r.state)).collect();
        let living = voters.iter().filter(|r| self.services().node.is_alive(r.node)).count();
        2 * living > voters.len()
    }

    /// HTTP address of a partition's leader, if that is another node, and alive.
    pub(super) fn leader_elsewhere(&self, partition: &PartitionRecord) -> Option<String> {
        let (leader, _) = self.services().partitions.leader_hint(partition.group)?;
        let node = &self.services().node;
        if leader == node.id() || !node.is_alive(leader) {
            return None;
        }
        self.http_addr(leader)
    }

    /// Divides keyless records among the partitions of a topic; see `spread`.
    pub(super) fn spread(
        &self,
        topic: &TopicRecord,
        block: &mut Option<Block>,
        records: usize,
    ) -> Vec<(PartitionId, usize)> {
        let available = self.available(topic);
        let mut spreads = self.spreads();
        let spread = &mut spreads.entry(topic.id).or_default().spread;
        spread.grow(topic.partitions.len());
        spread.assign(block, records, &available)
    }

    /// Partitions that keyless records may be sent to, all of them if there is none. Looking at each
    /// partition for each request would cost more than the request.
    fn available(&self, topic: &TopicRecord) -> Arc<[PartitionId]> {
        let (now, partitions) = (self.clock().instant(), topic.partitions.len());
        if let Some(known) = self.spreads().get(&topic.id).and_then(|s| s.available.as_ref())
            && known.partitions == partitions
            && now.saturating_duration_since(known.at) < AVAILABLE_FOR
        {
            return known.numbers.clone();
        }
        let all = || (0u32..).zip(&topic.partitions);
        let mut numbers: Arc<[_]> =
            all().filter(|(_, p)| self.is_available(p)).map(|(number, _)| number).collect();
        if numbers.is_empty() {
            numbers = all().map(|(number, _)| number).collect();
        }
        let mut spreads = self.spreads();
        self.forget_deleted(&mut spreads);
        let known = Available { numbers: numbers.clone(), partitions, at: now };
        spreads.entry(topic.id).or_default().available = Some(known);
        numbers
    }

    fn spreads(&self) -> MutexGuard<'_, HashMap<TopicId, Spreading>> {
        self.inner.spreads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts of topics that are gone make room once there are twice as many as topics.
    fn forget_deleted(&self, spreads: &mut HashMap<TopicId, Spreading>) {
        let state = self.services().metadata.state();
        if spreads.len() > 2 * state.topics.len() + 16 {
            spreads.retain(|topic, _| state.topics.contains_key(topic));
        }
    }

    fn http_addr(&self, node: NodeId) -> Option<String> {
        let state = self.services().metadata.state();
        let addr = &state.nodes.get(&node)?.info.http_addr;
        (!addr.is_empty()).then(|| addr.clone())
    }
}

/// A partition of a topic by number.
///
/// # Errors
/// `INVALID_PARTITION`, naming those there are.
pub(super) fn partition_of(
    topic: &TopicRecord,
    partition: PartitionId,
) -> Result<(PartitionKey, &PartitionRecord), Problem> {
    let record = topic.partitions.get(partition as usize).ok_or_else(|| {
        let last = topic.partitions.len().saturating_sub(1);
        Problem::new(
            ErrorCode::InvalidPartition,
            format!("topic {} has partitions 0 to {last}, not {partition}", topic.name),
        )
    })?;
    Ok((PartitionKey { topic: topic.id, partition }, record))
}
