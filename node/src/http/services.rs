//! What the edge asks of the node behind it, as small object-safe traits: the node implements them
//! for its handles, the tests for a fake. No decision is taken here.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rampart_api::http::castle::{
    CommandResponse, HeartbeatRequest, HeartbeatResponse, ListClientsResponse,
};
use rampart_api::model::ids::{GroupId, LeaderEpoch, NodeId, Offset, PartitionId, TopicId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::MemberId;
use rampart_raft_store::state::group::state::DirectiveKind;
use rampart_raft_store::state::metadata::state::{MetadataState, TopicRecord};
use tokio::sync::watch;

use crate::controller::request::{
    Decommission, Move, NewSwitch, NewTopic, NewTopicMove, Plan, PlannedMove, Progress, SwitchSet,
};
use crate::groups::dead_box::{Backlog, DeadQuery, PurgeDone, RedriveDone, RedriveHow, Slice};
use crate::groups::poll::{Poll, Polled};
use crate::groups::request::{GroupAnswer, GroupRequest, Listed};
use crate::partition::request::{
    Fetch, Fetched, ListedOffset, OffsetSpec, PartitionKey, PartitionStatus, Produce, Produced,
};
use crate::telemetry::Metrics;

/// An answer that is on its way.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Problem>>;

/// Everything behind the edge. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Services {
    /// Records.
    pub partitions: Arc<dyn Partitions>,
    /// What the cluster is.
    pub metadata: Arc<dyn Metadata>,
    /// Consumer groups.
    pub groups: Arc<dyn Groups>,
    /// The dispatcher of clients.
    pub castle: Arc<dyn Castle>,
    /// Changes to it.
    pub controller: Arc<dyn Controller>,
    /// This node, and what it sees of the others.
    pub node: Arc<dyn NodeView>,
}

/// Records in and out; finds the partition's leader by itself.
pub trait Partitions: Debug + Send + Sync {
    /// Appends.
    fn produce(&self, request: Produce) -> Answer<'_, Produced>;
    /// Reads.
    fn fetch(&self, request: Fetch) -> Answer<'_, Fetched>;
    /// Finds an offset.
    fn list_offset(&self, key: PartitionKey, spec: OffsetSpec) -> Answer<'_, ListedOffset>;
    /// Deletes the records below an offset; answers the new log start.
    fn truncate(&self, key: PartitionKey, before: Offset) -> Answer<'_, Offset>;
    /// The partition as its leader sees it.
    fn status(&self, key: PartitionKey) -> Answer<'_, PartitionStatus>;
    /// Hands the leadership over; answers the new leader.
    fn transfer_leadership(&self, key: PartitionKey, to: Option<NodeId>) -> Answer<'_, NodeId>;
    /// This node's freshest view of who leads a group.
    fn leader_hint(&self, group: GroupId) -> Option<(NodeId, LeaderEpoch)>;
}

/// Consumer groups; finds their coordinator by itself.
pub trait Groups: Debug + Send + Sync {
    /// Gives a member records.
    fn poll(&self, poll: Poll) -> Answer<'_, Polled>;
    /// Asks the coordinator of a group.
    fn ask(&self, request: GroupRequest) -> Answer<'_, GroupAnswer>;
    /// All groups, by name.
    fn list(&self) -> Answer<'_, Vec<Listed>>;
    /// What a group gave up of a topic.
    fn peek(&self, query: DeadQuery) -> Answer<'_, Slice>;
    /// Brings that back.
    fn redrive(&self, query: DeadQuery, how: RedriveHow) -> Answer<'_, RedriveDone>;
    /// Gives it up for good, or only counts it.
    fn purge(&self, query: DeadQuery, dry_run: bool) -> Answer<'_, PurgeDone>;
    /// How much of it there is.
    fn backlog(&self, query: DeadQuery) -> Answer<'_, Backlog>;
    /// A name that no member has.
    fn new_member(&self, client_id: &str) -> MemberId;
}

/// Tells clients where to go and what to do.
pub trait Castle: Debug + Send + Sync {
    /// Answers a client's heartbeat.
    fn heartbeat(&self, request: HeartbeatRequest) -> Answer<'_, HeartbeatResponse>;
    /// The clients of all nodes.
    fn clients(&self) -> Answer<'_, ListClientsResponse>;
    /// Asks something of a client; it is forgotten if it is not done in so many milliseconds.
    fn command(
        &self,
        client: String,
        kind: DirectiveKind,
        ttl_ms: u64,
    ) -> Answer<'_, CommandResponse>;
}

/// The metadata as this node has applied it.
pub trait Metadata: Debug + Send + Sync {
    /// The state; never changes under the holder.
    fn state(&self) -> Arc<MetadataState>;
    /// Raft index of the state.
    fn applied_index(&self) -> u64;
    /// Changes of the state.
    fn watch(&self) -> watch::Receiver<(u64, Arc<MetadataState>)>;
    /// Waits until this node has applied `index`.
    fn wait_for_index(&self, index: u64, timeout: Duration) -> Answer<'_, ()>;
    /// The controller, if known.
    fn leader(&self) -> Option<NodeId>;
    /// Voters of the metadata group.
    fn voters(&self) -> Vec<NodeId>;
}

/// Changes to the cluster. Those that change the metadata answer its index; it is applied on this
/// node when they do.
pub trait Controller: Debug + Send + Sync {
    /// Creates a topic; with a dry run the index says nothing.
    fn create_topic(&self, topic: NewTopic) -> Answer<'_, (Arc<TopicRecord>, u64)>;
    /// A producer id that nobody has.
    fn new_producer(&self) -> Answer<'_, u64>;
    /// Deletes a topic.
    fn delete_topic(&self, name: String) -> Answer<'_, u64>;
    /// Sets configuration keys, or resets them with `None`.
    fn alter_topic(
        &self,
        name: String,
        config: BTreeMap<String, Option<String>>,
    ) -> Answer<'_, u64>;
    /// Sets a dead-letter switch, and creates the topic that it needs. No index with a dry run.
    fn set_dead_letter(&self, new: NewSwitch) -> Answer<'_, SwitchSet>;
    /// Grows a topic to `total` partitions.
    fn add_partitions(&self, name: String, total: u32) -> Answer<'_, u64>;
    /// Whether each partition of a topic can have so many replicas. Changes nothing.
    ///
    /// # Errors
    /// Those of `set_replication_factor`.
    fn check_replication_factor(&self, name: &str, replicas: u32) -> Result<(), Problem>;
    /// Changes how many replicas each partition should have.
    fn set_replication_factor(&self, name: String, replicas: u32) -> Answer<'_, u64>;
    /// Moves leaderships away from a node.
    fn drain(&self, node: NodeId) -> Answer<'_, u64>;
    /// Moves all replicas away from a node. No index with a dry run, which answers what blocks.
    fn decommission(&self, node: NodeId, how: Decommission) -> Answer<'_, (Option<u64>, Progress)>;
    /// Makes a drained, decommissioning or decommissioned node active again.
    fn recommission(&self, node: NodeId) -> Answer<'_, u64>;
    /// Takes a node out for good.
    fn remove(&self, node: NodeId) -> Answer<'_, u64>;
    /// Changes settings of the whole cluster, or resets them with `None`.
    fn set_cluster_config(&self, changes: BTreeMap<String, Option<String>>) -> Answer<'_, u64>;
    /// How far a decommission is.
    fn decommission_progress(&self, node: NodeId) -> Answer<'_, Progress>;
    /// Moves a partition's replicas to exactly these nodes. No index with a dry run.
    fn reassign(&self, request: Reassign) -> Answer<'_, (Option<u64>, PlannedMove)>;
    /// Takes a move back.
    fn cancel_move(&self, topic: String, partition: PartitionId) -> Answer<'_, u64>;
    /// Moves that have not finished.
    fn moves(&self) -> Answer<'_, Vec<Move>>;
    /// Registers another cluster.
    fn set_peer_cluster(&self, name: String, servers: Vec<String>) -> Answer<'_, u64>;
    /// Forgets another cluster.
    fn remove_peer_cluster(&self, name: String) -> Answer<'_, u64>;
    /// Lets a topic go on in another cluster. No index with a dry run.
    fn start_topic_move(&self, new: NewTopicMove) -> Answer<'_, Option<u64>>;
    /// Takes that back, if nothing is sealed.
    fn cancel_topic_move(&self, topic: String) -> Answer<'_, u64>;
    /// What keeps a topic's move from going on.
    fn topic_move_blockers(&self, topic: TopicId) -> Answer<'_, Vec<String>>;
    /// Makes this node's metadata have everything that was done before.
    fn catch_up(&self) -> Answer<'_, ()>;
    /// Evens out replicas and leaderships.
    fn rebalance(&self, dry_run: bool) -> Answer<'_, Plan>;
}

/// New nodes for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reassign {
    /// Name of the topic.
    pub topic: String,
    /// Number inside it.
    pub partition: PartitionId,
    /// The preferred leader first.
    pub nodes: Vec<NodeId>,
    /// Only check.
    pub dry_run: bool,
}

/// This node, and its own judgement of the others.
pub trait NodeView: Debug + Send + Sync {
    /// Its id.
    fn id(&self) -> NodeId;
    /// Whether a node is heard from. This one always is.
    fn is_alive(&self, node: NodeId) -> bool;
    /// Milliseconds since a node was heard; `None` if never, and for this one.
    fn silent_ms(&self, node: NodeId) -> Option<u64>;
    /// Why this node is not ready, as sentences; empty = recovered and caught up.
    fn not_ready_because(&self) -> Vec<String>;
    /// Why this process must end, if it must.
    fn failure(&self) -> Option<String>;
    /// Sets the gauges that are of interest only while somebody looks at them.
    fn measure(&self, metrics: &Metrics);
}
