//! Consumer groups, wherever their coordinator is: what edges and peers call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rampart_api::codec;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{NodeId, PartitionId};
use rampart_api::model::problem::{Outcome, Problem};
use rampart_api::peer::rpc::{PeerRequest, PeerResponse};
use rampart_raft_store::state::group::MemberId;
use rampart_raft_store::state::group::outcome::Refusal;
use rampart_raft_store::state::metadata::state::{PartitionRecord, TopicRecord};
use tokio::time::Instant;

use super::answers::refusal;
use super::host::GroupHost;
use super::request::{GroupAnswer, GroupRequest, Listed};
use super::routing::{GROUP_STATE_TOPIC_ID, partition_of_group};
use crate::clock::Clock;
use crate::controller::ControllerHandle;
use crate::metadata::MetadataHandle;
use crate::partition::{PartitionService, ReplicaManager};
use crate::peer::{CallError, PeerNet};
use crate::randomness::Randomness;

/// How long a question looks for the coordinator.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before the coordinator is looked for again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// So much of a client's name is in that of a member.
const CLIENT_ID_CHARS_KEPT: usize = 40;

/// What the service is made of.
#[derive(Debug)]
pub struct GroupServiceOptions {
    /// This node.
    pub node: NodeId,
    /// The coordinators of this node.
    pub host: GroupHost,
    /// The replicas of this node.
    pub manager: ReplicaManager,
    /// Records.
    pub partitions: PartitionService,
    /// Topics.
    pub metadata: MetadataHandle,
    /// Creates what groups need.
    pub controller: ControllerHandle,
    /// To reach coordinators elsewhere.
    pub peer: PeerNet,
    /// Time.
    pub clock: Clock,
    /// Which partition a poll begins with.
    pub randomness: Randomness,
}

/// Consumer groups. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GroupService {
    pub(super) inner: Arc<GroupServiceOptions>,
}

impl GroupService {
    /// A service over the coordinators of the cluster.
    pub fn new(options: GroupServiceOptions) -> Self {
        GroupService { inner: Arc::new(options) }
    }

    /// Asks the coordinator of a group.
    ///
    /// # Errors
    /// Those of the question; `NOT_LEADER` where no coordinator is found in time.
    pub async fn ask(&self, request: GroupRequest) -> Result<GroupAnswer, Problem> {
        let topic = match self.known_topic() {
            Some(topic) => topic,
            None if begins_a_group(&request) => self.topic().await?,
            None => return Err(refusal(&Refusal::NoSuchGroup)),
        };
        let count = u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX);
        let partition = partition_of_group(request.routed_by().unwrap_or_default(), count);
        self.ask_partition(&topic, partition, request).await
    }

    /// A name that no member has: the program's, and a random part.
    pub fn new_member(&self, client_id: &str) -> MemberId {
        let kept: String = client_id.chars().take(CLIENT_ID_CHARS_KEPT).collect();
        let random = self.inner.randomness.uuid();
        MemberId(if kept.is_empty() { random.to_string() } else { format!("{kept}-{random}") })
    }

    /// All groups of the cluster, by name.
    ///
    /// # Errors
    /// As `ask`, if one of the coordinators can't be asked.
    pub async fn list(&self) -> Result<Vec<Listed>, Problem> {
        let Some(topic) = self.known_topic() else { return Ok(Vec::new()) };
        let partitions = 0..u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX);
        let asked = partitions.map(|at| self.ask_partition(&topic, at, GroupRequest::List));
        let mut groups = Vec::new();
        for answer in futures_util::future::join_all(asked).await {
            match answer? {
                GroupAnswer::Listed(listed) => groups.extend(listed),
                other => return Err(odd(&other)),
            }
        }
        groups.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(groups)
    }

    /// Partitions of `__group_state`; none before the first group or directive.
    pub fn state_partitions(&self) -> u32 {
        let partitions = self.known_topic().map_or(0, |topic| topic.partitions.len());
        u32::try_from(partitions).unwrap_or(u32::MAX)
    }

    /// Asks the coordinator of the groups in one partition of `__group_state`.
    ///
    /// # Errors
    /// As `ask`.
    pub async fn ask_state(
        &self,
        partition: PartitionId,
        request: GroupRequest,
    ) -> Result<GroupAnswer, Problem> {
        let topic = self.known_topic().ok_or_else(not_there)?;
        self.ask_partition(&topic, partition, request).await
    }

    /// Answers a question of another node, if the coordinator is here.
    ///
    /// # Errors
    /// `NOT_LEADER` if not; those of the question.
    pub async fn answer_here(
        &self,
        partition: PartitionId,
        question: &[u8],
    ) -> Result<Bytes, Problem> {
        let request: GroupRequest = codec::decode(question).map_err(|error| {
            Problem::new(ErrorCode::InvalidRequest, format!("a question about groups: {error}"))
        })?;
        let state = self.inner.metadata.state();
        let topic = state.topics.get(&GROUP_STATE_TOPIC_ID);
        let record = topic.and_then(|topic| topic.partitions.get(partition as usize));
        let record = record.ok_or_else(not_there)?;
        let answer = self.ask_here(record, request).await?;
        Ok(Bytes::from(codec::encode(&answer)))
    }

    async fn ask_here(
        &self,
        record: &PartitionRecord,
        request: GroupRequest,
    ) -> Result<GroupAnswer, Problem> {
        let replica = self.inner.manager.get(record.group).ok_or_else(|| {
            let hint = self.inner.partitions.leader_hint(record.group).map(|(node, _)| node);
            Problem::new(ErrorCode::NotLeader, "this node has no replica of the group's state")
                .leader(hint.filter(|node| *node != self.inner.node))
        })?;
        self.inner.host.ask(&replica, request).await
    }

    fn known_topic(&self) -> Option<Arc<TopicRecord>> {
        self.inner.metadata.state().topics.get(&GROUP_STATE_TOPIC_ID).cloned()
    }

    /// The topic that holds the groups, created for the first of them.
    async fn topic(&self) -> Result<Arc<TopicRecord>, Problem> {
        self.inner.controller.create_group_state().await?;
        self.known_topic().ok_or_else(not_there)
    }

    async fn ask_partition(
        &self,
        topic: &TopicRecord,
        partition: PartitionId,
        request: GroupRequest,
    ) -> Result<GroupAnswer, Problem> {
        let clock = self.inner.clock;
        let deadline = clock.instant() + ROUTE_TIMEOUT;
        let record = topic.partitions.get(partition as usize).ok_or_else(not_there)?;
        let mut told = None;
        loop {
            let refused = match self.attempt((record, partition), &request, told, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(refused) => refused,
            };
            let may_repeat = match (refused.code, refused.outcome) {
                (ErrorCode::NotLeader | ErrorCode::NotReady, Outcome::NotDone) => true,
                (ErrorCode::NotLeader | ErrorCode::Timeout, Outcome::Unknown) => {
                    may_repeat(&request)
                }
                _ => false,
            };
            if !may_repeat || clock.instant() + RETRY_PAUSE >= deadline {
                return Err(refused);
            }
            told = refused.leader;
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn attempt(
        &self,
        (record, partition): (&PartitionRecord, PartitionId),
        request: &GroupRequest,
        told: Option<NodeId>,
        deadline: Instant,
    ) -> Result<GroupAnswer, Problem> {
        let inner = &self.inner;
        let hinted = || inner.partitions.leader_hint(record.group).map(|(node, _)| node);
        let Some(node) = told.or_else(hinted) else {
            return Err(Problem::new(
                ErrorCode::NotLeader,
                "the group has no coordinator that this node knows",
            )
            .hint("a majority of its replicas must be up: see `rampart cluster health`"));
        };
        if node == inner.node {
            return self.ask_here(record, request.clone()).await;
        }
        let question = Bytes::from(codec::encode(request));
        let left = deadline.saturating_duration_since(inner.clock.instant());
        match inner.peer.call(node, PeerRequest::Groups { partition, question }, left).await {
            Ok(PeerResponse::Groups { answer }) => codec::decode(&answer).map_err(|error| {
                Problem::unknown(ErrorCode::Internal, format!("an answer about groups: {error}"))
            }),
            Ok(PeerResponse::Problem(problem)) => Err(problem),
            Ok(_) => Err(Problem::unknown(ErrorCode::Internal, "the coordinator answered oddly")),
            Err(CallError::Unknown(reason)) => Err(Problem::unknown(
                ErrorCode::Timeout,
                format!("no answer from the coordinator, node {node}: {reason}"),
            )),
            Err(not_done) => Err(Problem::new(
                ErrorCode::NotLeader,
                format!("the coordinator, node {node}, cannot be reached: {not_done}"),
            )),
        }
    }
}

/// Whether there must be a topic for this question, if it isn't there.
fn begins_a_group(request: &GroupRequest) -> bool {
    match request {
        GroupRequest::Plan(_)
        | GroupRequest::Start { .. }
        | GroupRequest::Commit(_)
        | GroupRequest::Reset { .. }
        | GroupRequest::Live(_)
        | GroupRequest::Direct { .. } => true,
        GroupRequest::HandOut(_)
        | GroupRequest::Settle(_)
        | GroupRequest::Leave { .. }
        | GroupRequest::Delete { .. }
        | GroupRequest::Describe { .. }
        | GroupRequest::List
        | GroupRequest::DeadLetters { .. }
        | GroupRequest::Redrive(_)
        | GroupRequest::Resolve(_)
        | GroupRequest::DirectivesDone { .. }
        | GroupRequest::Directives { .. } => false,
    }
}

/// Whether a question may be asked again after its answer was lost. What was handed out by a lost
/// answer is in nobody's hands: asked again it would be skipped, so the poll ends, and the records
/// come again when their locks run out. A directive that was given twice would be done twice.
fn may_repeat(request: &GroupRequest) -> bool {
    !matches!(request, GroupRequest::HandOut(_) | GroupRequest::Direct { .. })
}

fn not_there() -> Problem {
    Problem::new(ErrorCode::NotReady, "the topic of groups is not there yet")
        .hint("try again in a moment")
}

/// The coordinator answered another question than was asked.
pub(crate) fn odd(answer: &GroupAnswer) -> Problem {
    Problem::unknown(ErrorCode::Internal, format!("the coordinator answered {answer:?} instead"))
}
