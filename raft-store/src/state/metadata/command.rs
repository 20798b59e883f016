//! Commands to the metadata state machine and their responses. Encoded with the bincode codec of
//! `format`; variants are on disk: append only, never reorder, never remove.

use std::collections::BTreeMap;

use rampart_api::model::ids::{
    ClusterId, DiskId, GroupId, LeaderEpoch, NodeId, Offset, PartitionId, ReplicaId, TopicId,
};
use rampart_api::model::problem::Problem;
use serde::{Deserialize, Serialize};

use super::state::NodeState;

/// How a node can be reached, and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// `host:port` of the peer listener as others reach it.
    pub peer_addr: String,
    /// `host:port` of the HTTP listener as clients reach it.
    pub http_addr: String,
    /// Failure domain; empty = its own.
    pub rack: String,
    /// Version of the program.
    pub version: String,
}

/// A change to the cluster's metadata. Placement is decided by the proposer (pure functions of the
/// state) and carried as node ids; ids are allocated by `apply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetadataCommand {
    /// First entry of a cluster.
    Bootstrap { cluster: ClusterId, disk: DiskId, info: NodeInfo },
    /// A node joins, or asks again with the same disk (idempotent: answers the same id). A join
    /// with the peer address of a node with another disk replaces that node: the old one becomes
    /// `Replaced` and its replicas are reassigned to the new one by the controller.
    Join { disk: DiskId, info: NodeInfo },
    /// A known node started: addresses, version; `boot` grows with every start.
    UpdateNode { node: NodeId, disk: DiskId, boot: u64, info: NodeInfo },
    /// Drain, decommission, recommission and their completion.
    SetNodeState { node: NodeId, state: NodeState },
    /// Takes a node that has no replicas out of the cluster for good.
    RemoveNode { node: NodeId },
    /// `replicas[p]` are the nodes of partition `p`, the preferred leader first. They may be fewer
    /// than `replication_factor`: then the topic starts with as many replicas as they are, and
    /// rises to it as nodes join. Proposed again with the same id it answers the same.
    CreateTopic {
        topic: TopicId,
        name: String,
        internal: bool,
        replication_factor: u32,
        config: BTreeMap<String, String>,
        replicas: Vec<Vec<NodeId>>,
        now_ms: i64,
    },
    /// Tombstones the topic; replicas drop their data when they apply it.
    DeleteTopic { topic: TopicId },
    /// Sets keys (`Some`) and resets them to their default (`None`).
    AlterTopic { topic: TopicId, config: BTreeMap<String, Option<String>> },
    /// Adds partitions; `replicas[i]` are the nodes of the i-th new one.
    AddPartitions { topic: TopicId, expected: u32, replicas: Vec<Vec<NodeId>> },
    /// Sets the topic's replication factor; the controller reassigns partitions towards it.
    SetReplicationFactor { topic: TopicId, replication_factor: u32 },
    /// Moves a partition's replicas to exactly these nodes. Nodes that already have one keep it.
    Reassign { group: GroupId, target: Vec<NodeId> },
    /// Takes back a reassignment that has not finished: joining replicas leave, leaving ones stay.
    CancelReassign { group: GroupId },
    /// The partition's leader says: the committed membership is exactly `voters`; joining replicas
    /// in it become voters, leaving ones not in it are dropped. `membership_index` makes it
    /// idempotent and ordered.
    MembershipReached { group: GroupId, voters: Vec<ReplicaId>, membership_index: u64 },
    /// Leaders and epochs that changed since the last report of this node.
    ReportLeaders { leaders: Vec<LeaderReport> },
    /// A cluster-wide setting, such as `cluster.auto_rebalance`.
    SetClusterConfig { config: BTreeMap<String, Option<String>> },
    /// A partition's replica was found damaged or lost: it is dropped and replaced by a new id on
    /// the same node.
    ReplaceReplica { group: GroupId, replica: ReplicaId },
    /// Nodes joined: a topic created with the default factor gets nearer to what that wants.
    RaiseDefaultReplication { topic: TopicId, replication_factor: u32 },
    /// A node wants producer ids to give out. They follow from the index of this entry alone.
    AllocateProducerIds,
    /// Registers another cluster, or changes how it is reached.
    SetPeerCluster { name: String, servers: Vec<String> },
    /// Forgets another cluster to which no topic moves.
    RemovePeerCluster { name: String },
    /// Announces that a topic goes on as the topic `target` of the cluster `to`, held until the same
    /// comes without `hold`. Proposed again it answers the same.
    StartTopicMove { topic: TopicId, to: String, target: String, hold: bool, now_ms: i64 },
    /// From here on the leaders seal the topic's partitions; there is no way back.
    SealTopic { topic: TopicId },
    /// Takes back a move of which nothing may be sealed yet.
    CancelTopicMove { topic: TopicId },
    /// The partition's leader says: it is sealed there, and that is committed.
    PartitionSealed { group: GroupId, at: Offset },
}

/// Who leads a partition, as its leader says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderReport {
    /// The partition's group.
    pub group: GroupId,
    /// The node that leads it.
    pub leader: NodeId,
    /// Its term: the highest one wins.
    pub epoch: LeaderEpoch,
    /// First offset that can be read, for describe when the leader is away.
    pub log_start: Offset,
}

/// What a command answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetadataResponse {
    /// Done; nothing more to say.
    Done,
    /// The node's id, and the cluster it joined.
    Joined { node: NodeId, cluster: ClusterId },
    /// The topic was created, with the groups of its partitions in order.
    TopicCreated { topic: TopicId, groups: Vec<GroupId> },
    /// First of the added partitions.
    PartitionsAdded { first: PartitionId },
    /// The command was refused and changed nothing.
    Refused(Problem),
    /// These ids are the node's, and nobody else's ever.
    ProducerIds { first: u64, count: u64 },
}
