//! Small clusters for the planners' tables.

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::model::ids::{ClusterId, DiskId, GroupId, NodeId, ReplicaId, TopicId};
use rampart_raft_store::state::metadata::command::{MetadataCommand, MetadataResponse, NodeInfo};
use rampart_raft_store::state::metadata::state::{
    MetadataState, NodeState, PartitionRecord, ReplicaRecord,
};
use uuid::Uuid;

use super::situation::Situation;

/// A cluster with everybody up, and what a test changes about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) state: MetadataState,
    pub(crate) alive: BTreeSet<NodeId>,
    pub(crate) lost: BTreeSet<NodeId>,
    pub(crate) stuck: BTreeMap<GroupId, u64>,
}

impl Sample {
    pub(crate) fn nodes(count: u64) -> Sample {
        let racks = vec![""; usize::try_from(count).unwrap()];
        Sample::racks(&racks)
    }

    /// One node per rack named; empty = its own.
    pub(crate) fn racks(racks: &[&str]) -> Sample {
        let mut sample = Sample::default();
        for (number, rack) in (1..).zip(racks) {
            let disk = DiskId(Uuid::from_u128(number));
            let peer_addr = format!("node-{number}:9090");
            let info = NodeInfo { peer_addr, rack: (*rack).into(), ..NodeInfo::default() };
            sample.apply(&match number {
                1 => MetadataCommand::Bootstrap {
                    cluster: ClusterId(Uuid::from_u128(1)),
                    disk,
                    info,
                },
                _ => MetadataCommand::Join { disk, info },
            });
        }
        sample.alive = sample.state.nodes.keys().copied().collect();
        sample
    }

    /// Replication factor 0 = the default, 3.
    pub(crate) fn topic(mut self, name: &str, factor: u32, lists: &[&[u64]]) -> Sample {
        let replicas = lists.iter().map(|list| list.iter().map(|n| NodeId(*n)).collect()).collect();
        self.apply(&MetadataCommand::CreateTopic {
            topic: TopicId(Uuid::from_u128(self.state.topics.len() as u128 + 1)),
            name: name.into(),
            internal: false,
            replication_factor: if factor == 0 { 3 } else { factor },
            config: BTreeMap::new(),
            replicas,
            now_ms: 0,
        });
        self
    }

    pub(crate) fn draining(self, node: u64) -> Sample {
        self.node_state(node, NodeState::Draining)
    }

    pub(crate) fn decommissioning(self, node: u64) -> Sample {
        self.node_state(node, NodeState::Decommissioning)
    }

    fn node_state(mut self, node: u64, state: NodeState) -> Sample {
        self.apply(&MetadataCommand::SetNodeState { node: NodeId(node), state });
        self
    }

    /// Silent for a moment.
    pub(crate) fn down(mut self, node: u64) -> Sample {
        self.alive.remove(&NodeId(node));
        self
    }

    /// Silent for long.
    pub(crate) fn lost(mut self, node: u64) -> Sample {
        self.lost.insert(NodeId(node));
        self.down(node)
    }

    /// The group's move has made no progress for so long.
    pub(crate) fn stuck(mut self, group: GroupId, since_ms: u64) -> Sample {
        self.stuck.insert(group, since_ms);
        self
    }

    /// Another disk joins at the node's address; answers its id.
    pub(crate) fn replace(mut self, node: u64) -> (Sample, NodeId) {
        let info = self.state.nodes[&NodeId(node)].info.clone();
        let disk = DiskId(Uuid::from_u128(1_000 + u128::from(node)));
        let response = self.apply(&MetadataCommand::Join { disk, info });
        let MetadataResponse::Joined { node: new, .. } = response else {
            panic!("no join: {response:?}")
        };
        self.alive.insert(new);
        self.alive.remove(&NodeId(node));
        (self, new)
    }

    pub(crate) fn apply(&mut self, command: &MetadataCommand) -> MetadataResponse {
        let response = self.state.apply(self.state.applied_index + 1, command);
        let refused = matches!(response, MetadataResponse::Refused(_));
        assert!(!refused, "{command:?}: {response:?}");
        self.state.check_invariants().unwrap();
        response
    }

    pub(crate) fn reassign(&mut self, group: GroupId, target: &[NodeId]) {
        self.apply(&MetadataCommand::Reassign { group, target: target.to_vec() });
    }

    /// The leaders carry out everything that is under way.
    pub(crate) fn finish_moves(&mut self) {
        let moving: Vec<PartitionRecord> = self
            .state
            .partitions()
            .filter(|(_, _, partition)| partition.is_moving())
            .map(|(_, _, partition)| partition.clone())
            .collect();
        for partition in moving {
            let wanted: BTreeSet<NodeId> = partition.wanted_nodes().collect();
            let stays =
                |r: &&ReplicaRecord| wanted.contains(&r.node) && !partition.damaged.contains(&r.id);
            let voters: Vec<ReplicaId> =
                partition.replicas.iter().filter(stays).map(|r| r.id).collect();
            self.apply(&MetadataCommand::MembershipReached {
                group: partition.group,
                voters,
                membership_index: partition.membership_index + 1,
            });
        }
    }

    pub(crate) fn partition(&self, group: u64) -> &PartitionRecord {
        self.state.partition_of(GroupId(group)).expect("the test created it").1
    }

    pub(crate) fn situation(&self) -> Situation<'_> {
        let Sample { state, alive, lost, stuck } = self;
        Situation { state, alive, lost, stuck }
    }
}

/// Node ids from numbers.
pub(crate) fn ids(numbers: &[u64]) -> Vec<NodeId> {
    numbers.iter().map(|number| NodeId(*number)).collect()
}
