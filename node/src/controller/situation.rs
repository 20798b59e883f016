//! What the planners look at: the cluster's metadata and this node's own judgement of who is
//! there. `[pure]` Built by the service and the handle, read by every planner.

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::model::ids::{GroupId, NodeId, PartitionId};
use rampart_raft_store::state::metadata::state::{
    MetadataState, NodeState, PartitionRecord, ReplicaState, TopicRecord,
};

/// The cluster as a planner sees it. Whose view: this node's, at this moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    /// The replicated truth.
    pub(crate) state: &'a MetadataState,
    /// Nodes heard from just now.
    pub(crate) alive: &'a BTreeSet<NodeId>,
    /// Nodes silent for so long that nobody should wait for them.
    pub(crate) lost: &'a BTreeSet<NodeId>,
    /// Moves that make no progress, and for how many milliseconds.
    pub(crate) stuck: &'a BTreeMap<GroupId, u64>,
}

/// A failure domain: a named rack, or the node alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rack<'a> {
    Named(&'a str),
    Own(NodeId),
}

/// What a node carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Replicas that are there or shall come.
    pub(crate) replicas: u64,
    /// Partitions that prefer it as their leader.
    pub(crate) leaders: u64,
}

impl<'a> Situation<'a> {
    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        self.alive.contains(&node)
    }

    pub(crate) fn node_state(&self, node: NodeId) -> Option<NodeState> {
        self.state.nodes.get(&node).map(|record| record.state)
    }

    /// Active nodes: they take replicas and leaderships.
    pub(crate) fn active(&self) -> impl Iterator<Item = NodeId> + use<'a> {
        let active = |state: NodeState| state == NodeState::Active;
        self.state.nodes.values().filter(move |node| active(node.state)).map(|node| node.id)
    }

    /// Active nodes that are heard from.
    pub(crate) fn active_alive(&self) -> impl Iterator<Item = NodeId> + use<'a> {
        let alive = self.alive;
        self.active().filter(move |node| alive.contains(node))
    }

    pub(crate) fn rack(&self, node: NodeId) -> Rack<'a> {
        match self.state.nodes.get(&node).map(|record| record.info.rack.as_str()) {
            None | Some("") => Rack::Own(node),
            Some(rack) => Rack::Named(rack),
        }
    }

    /// Load of every node of the cluster.
    pub(crate) fn loads(&self) -> BTreeMap<NodeId, Load> {
        let mut loads: BTreeMap<NodeId, Load> =
            self.state.nodes.keys().map(|node| (*node, Load::default())).collect();
        for (_, _, partition) in self.state.partitions() {
            for (position, node) in partition.wanted_nodes().enumerate() {
                let load = loads.entry(node).or_default();
                load.replicas += 1;
                load.leaders += u64::from(position == 0);
            }
        }
        loads
    }

    /// Partitions whose replicas are on their way and get there; a move that waits for a node to
    /// come back, or is stuck, holds up nobody.
    pub(crate) fn moving(&self) -> usize {
        let arriving = self.arriving().map(|(_, _, partition)| partition);
        arriving.filter(|partition| !self.stuck.contains_key(&partition.group)).count()
    }

    /// Partitions whose replicas are on their way while everybody who is needed is there.
    pub(crate) fn arriving(
        &self,
    ) -> impl Iterator<Item = (&'a TopicRecord, PartitionId, &'a PartitionRecord)> {
        let arrives = |partition: &PartitionRecord| {
            let mut joining =
                partition.replicas.iter().filter(|r| r.state == ReplicaState::Joining);
            let (up, all) = self.voters_up(partition);
            up * 2 > all && joining.all(|replica| self.is_alive(replica.node))
        };
        let partitions = self.state.partitions();
        partitions.filter(move |(_, _, partition)| partition.is_moving() && arrives(partition))
    }

    /// Says of a move that is stuck since when, and what to look at.
    pub(crate) fn no_progress(&self, partition: &PartitionRecord) -> Option<String> {
        let seconds = self.stuck.get(&partition.group)? / 1_000;
        let joining = partition.replicas.iter().filter(|r| r.state == ReplicaState::Joining);
        let nodes: Vec<String> = joining.map(|r| r.node.to_string()).collect();
        Some(match nodes.is_empty() {
            true => format!("no progress for {seconds} s"),
            false => format!(
                "no progress for {seconds} s (is the disk of node {} full?)",
                nodes.join(" or ")
            ),
        })
    }

    /// Voters of a partition that are heard from, and all of them.
    pub(crate) fn voters_up(&self, partition: &PartitionRecord) -> (usize, usize) {
        let voters = partition.replicas.iter().filter(|r| partition.voters.contains(&r.id));
        let up = voters.clone().filter(|r| self.is_alive(r.node)).count();
        (up, voters.count())
    }
}
