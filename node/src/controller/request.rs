//! What edges ask of the controller, and what they get.

use std::collections::BTreeMap;

use rampart_api::model::dead_letter::DeadLetterSwitch;
use rampart_api::model::ids::{GroupId, NodeId, PartitionId};
use serde::{Deserialize, Serialize};

/// A topic to create.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// `None` = the default, 1.
    pub partitions: Option<u32>,
    /// `None` = min(3, active nodes), rising to 3 as nodes join.
    pub replication_factor: Option<u32>,
    /// Explicit configuration; keys as in `TopicConfig`.
    pub config: BTreeMap<String, String>,
    /// Validate and place, change nothing.
    pub dry_run: bool,
}

/// A dead-letter switch to set.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSwitch {
    /// Name of the topic.
    pub topic: String,
    /// `None` = for all groups that have none of their own.
    pub group: Option<String>,
    /// What it will be.
    pub switch: DeadLetterSwitch,
    /// Only check.
    pub dry_run: bool,
}

/// What setting a dead-letter switch did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SwitchSet {
    /// The dead-letter topic that had to be created.
    pub created: Option<String>,
    /// The metadata index that has the switch; none with a dry run.
    pub index: Option<u64>,
}

/// A topic that shall go on in another cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTopicMove {
    /// Its name.
    pub topic: String,
    /// The name of that cluster.
    pub to: String,
    /// Only announce it.
    pub hold: bool,
    /// Only check.
    pub dry_run: bool,
}

/// How to decommission a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Decommission {
    /// Start although something blocks the end; it finishes once the blockers are gone.
    pub force: bool,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// How far a node's decommissioning is, as this node can see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Replicas still on the node.
    pub partitions_left: u64,
    /// Bytes still to copy, as far as the partitions' leaders answered.
    pub bytes_left: u64,
    /// Milliseconds until the end at the present speed; none while the speed is not known.
    pub eta_ms: Option<u64>,
    /// What keeps it from ending, as sentences. Empty = nothing does.
    pub blockers: Vec<String>,
}

/// Why a partition's replicas change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveReason {
    /// The node's disk was replaced by another node's.
    NodeReplaced,
    /// A replica was found damaged.
    ReplicaDamaged,
    /// The node is being decommissioned.
    Decommission,
    /// The topic has another replication factor than the partition.
    ReplicationFactor,
    /// Even counts, distinct racks, or somebody asked for it.
    Rebalance,
}

/// A replica on its way into a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Where it will live.
    pub node: NodeId,
    /// Bytes it lacks, if the leader answered.
    pub bytes_left: Option<u64>,
}

/// A change of a partition's replicas that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: PartitionId,
    /// Its group.
    pub group: GroupId,
    /// Why.
    pub reason: MoveReason,
    /// Nodes it lives on now.
    pub from: Vec<NodeId>,
    /// Nodes it will live on, the preferred leader first.
    pub to: Vec<NodeId>,
    /// Replicas on their way in.
    pub joining: Vec<Arrival>,
    /// Nodes whose replicas are on their way out.
    pub leaving: Vec<NodeId>,
    /// Bytes still to copy, if the leader answered.
    pub bytes_left: Option<u64>,
    /// Milliseconds until the end at the present speed; none while the speed is not known.
    pub eta_ms: Option<u64>,
    /// What keeps it from ending, as sentences.
    pub blockers: Vec<String>,
}

/// A change of a partition's replicas that is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMove {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: PartitionId,
    /// Its group.
    pub group: GroupId,
    /// Why.
    pub reason: MoveReason,
    /// Nodes it lives on now, the preferred leader first.
    pub from: Vec<NodeId>,
    /// Nodes it would live on, the preferred leader first.
    pub to: Vec<NodeId>,
}

/// A preferred leadership that is proposed to change; no data moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTransfer {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: PartitionId,
    /// Its group.
    pub group: GroupId,
    /// Node that is preferred now.
    pub from: NodeId,
    /// Node that would be.
    pub to: NodeId,
    /// All its nodes in the new order.
    pub order: Vec<NodeId>,
}

/// Load of one node before and after a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLoad {
    /// The node.
    pub node: NodeId,
    /// Replicas now.
    pub replicas: u64,
    /// Partitions that prefer it as their leader, now.
    pub leaders: u64,
    /// Replicas after the plan.
    pub replicas_after: u64,
    /// Preferred leaderships after the plan.
    pub leaders_after: u64,
}

/// What a rebalance does, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Replicas that move, in the order they are carried out.
    pub moves: Vec<PlannedMove>,
    /// Preferred leaderships that change, after the moves.
    pub transfers: Vec<PlannedTransfer>,
    /// Every active node's load.
    pub nodes: Vec<NodeLoad>,
    /// Whether the moves were started.
    pub started: bool,
}
