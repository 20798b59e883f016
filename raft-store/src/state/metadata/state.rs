//! The metadata's state. Whose view: the cluster's, as of an applied index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rampart_api::model::ids::{
    ClusterId, DiskId, GroupId, LeaderEpoch, NodeId, PartitionId, ReplicaId, TopicId,
};
use serde::{Deserialize, Serialize};

use super::castle::CastleRecord;
use super::command::NodeInfo;

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Takes replicas and leaderships.
    Active,
    /// Leaderships move away, no new replicas; the data stays.
    Draining,
    /// Replicas move away.
    Decommissioning,
    /// Has no replicas left; may be removed.
    Decommissioned,
    /// Its disk was replaced by another node's; its replicas are being rebuilt there.
    Replaced,
}

/// A node as the cluster knows it. Liveness is not here: every node judges that by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Never reused.
    pub id: NodeId,
    /// The data directory it joined with.
    pub disk: DiskId,
    /// Highest start counter seen.
    pub boot: u64,
    /// Addresses, rack, version.
    pub info: NodeInfo,
    /// Where it is in its life.
    pub state: NodeState,
    /// With `Replaced`: the node that took its place.
    pub replaced_by: Option<NodeId>,
}

/// What a replica is on its way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaState {
    /// Votes.
    Voter,
    /// Was added; catches up as a learner and becomes a voter.
    Joining,
    /// Stays until the joining ones vote, then leaves the membership and is dropped.
    Leaving,
}

/// One replica of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaRecord {
    /// Its id in the group's Raft. Never reused.
    pub id: ReplicaId,
    /// Where it lives.
    pub node: NodeId,
    /// Where it is going.
    pub state: ReplicaState,
}

/// A partition: one Raft group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRecord {
    /// Its Raft group. Never reused.
    pub group: GroupId,
    /// The current replicas; the preferred leader first.
    pub replicas: Vec<ReplicaRecord>,
    /// The replicas of the creation record: only these may initialize the group, with exactly
    /// this membership.
    pub initial: Vec<ReplicaRecord>,
    /// A leader has reported once, so nobody initializes it again.
    pub initialized: bool,
    /// Last reported leader: a hint, the node's own view is fresher.
    pub leader: Option<NodeId>,
    /// Term of that leader.
    pub epoch: LeaderEpoch,
    /// Index of the last membership that its leader reported.
    pub membership_index: u64,
    /// Voters of that membership, or of the creation record: tells a leaving replica that can be
    /// kept from one that never voted.
    pub voters: BTreeSet<ReplicaId>,
    /// Replicas that were found damaged or lost. They only leave, whatever is asked later.
    pub damaged: BTreeSet<ReplicaId>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicRecord {
    /// Identity; a recreated name has another.
    pub id: TopicId,
    /// Name, unique among living topics.
    pub name: String,
    /// Made by the cluster itself.
    pub internal: bool,
    /// Replicas every partition should have.
    pub replication_factor: u32,
    /// The default factor at creation, if there were fewer nodes than it wants: then the factor
    /// rises as nodes join, until it is that or is set explicitly. 0 = it stays as it is.
    pub rises_to: u8,
    /// What was set explicitly; the rest is default.
    pub config: BTreeMap<String, String>,
    /// By partition number.
    pub partitions: Vec<PartitionRecord>,
    /// Milliseconds since the epoch, by the proposer's clock.
    pub created_ms: i64,
}

/// Everything the metadata group replicates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataState {
    /// Set by bootstrap.
    pub cluster: Option<ClusterId>,
    /// By id; removed nodes are gone, their ids stay used.
    pub nodes: BTreeMap<NodeId, NodeRecord>,
    /// By id.
    pub topics: BTreeMap<TopicId, Arc<TopicRecord>>,
    /// Name to id of living topics.
    pub topic_names: BTreeMap<String, TopicId>,
    /// Which partition a group is.
    pub groups: BTreeMap<GroupId, (TopicId, PartitionId)>,
    /// Cluster-wide settings.
    pub config: BTreeMap<String, String>,
    /// Index of the last command applied: each is applied once and in order (INV-04).
    pub applied_index: u64,
    /// Next node id to give out.
    pub next_node: u64,
    /// Next group id to give out.
    pub next_group: u64,
    /// Next replica id to give out.
    pub next_replica: u64,
    /// Other clusters, and topics that move there. Stored beside the other fields, and only where
    /// there are any: a program that knows none reads what has none.
    #[serde(skip)]
    pub castle: CastleRecord,
}

impl MetadataState {
    /// The topic of that name.
    pub fn topic_by_name(&self, name: &str) -> Option<&Arc<TopicRecord>> {
        self.topics.get(self.topic_names.get(name)?)
    }

    /// The partition that a group is.
    pub fn partition_of(&self, group: GroupId) -> Option<(&Arc<TopicRecord>, &PartitionRecord)> {
        let (topic, partition) = self.groups.get(&group)?;
        let topic = self.topics.get(topic)?;
        Some((topic, topic.partitions.get(*partition as usize)?))
    }

    /// Whether a group was there once and is no more. One that is not known yet is not gone.
    pub fn is_gone(&self, group: GroupId) -> bool {
        group.0 >= 1 && group.0 < self.next_group && !self.groups.contains_key(&group)
    }

    /// All partitions with their topic, in the order of topic ids and partition numbers.
    pub fn partitions(
        &self,
    ) -> impl Iterator<Item = (&TopicRecord, PartitionId, &PartitionRecord)> {
        self.topics.values().flat_map(|topic| {
            (0..)
                .zip(&topic.partitions)
                .map(move |(number, partition)| (topic.as_ref(), number, partition))
        })
    }

    /// `topic/partition` of every replica on the node, in a stable order.
    pub fn replicas_on(&self, node: NodeId) -> impl Iterator<Item = (&TopicRecord, PartitionId)> {
        self.partitions()
            .filter(move |(_, _, partition)| partition.replicas.iter().any(|r| r.node == node))
            .map(|(topic, number, _)| (topic, number))
    }
}

impl PartitionRecord {
    /// Nodes the partition shall live on, the preferred leader first: those of its replicas that
    /// are not leaving.
    pub fn wanted_nodes(&self) -> impl Iterator<Item = NodeId> {
        self.replicas.iter().filter(|r| r.state != ReplicaState::Leaving).map(|r| r.node)
    }

    /// Whether replicas are on their way in or out.
    pub fn is_moving(&self) -> bool {
        self.replicas.iter().any(|r| r.state != ReplicaState::Voter)
    }
}
