//! Random command sequences: after each step the invariants hold, ids are new, and a second
//! replica that applies the same commands is equal (INV-04).

use std::collections::BTreeSet;

use proptest::prelude::*;
use rampart_api::model::ids::{PartitionId, ReplicaId};

use super::*;

const STATES: [NodeState; 5] = [
    NodeState::Active,
    NodeState::Draining,
    NodeState::Decommissioning,
    NodeState::Decommissioned,
    NodeState::Replaced,
];

fn node_list() -> impl Strategy<Value = Vec<NodeId>> {
    prop::collection::vec((1u64..7).prop_map(NodeId), 0..4)
}

/// Two disks of three share an address, so that replacements happen.
fn joins() -> impl Strategy<Value = MetadataCommand> {
    (1u64..10).prop_map(|number| join(number, number % 6))
}

fn topic_commands() -> impl Strategy<Value = MetadataCommand> {
    let topic = || (1u128..5).prop_map(topic_id);
    let lists = || prop::collection::vec(node_list(), 1..3);
    let name = prop::sample::select(vec!["flights", "ports", "planes"]);
    prop_oneof![
        4 => (topic(), name, 0u32..4, lists()).prop_map(|(topic, name, factor, replicas)| {
            MetadataCommand::CreateTopic {
                topic,
                name: name.into(),
                internal: false,
                replication_factor: factor,
                config: BTreeMap::new(),
                replicas,
                now_ms: 0,
            }
        }),
        1 => topic().prop_map(|topic| MetadataCommand::DeleteTopic { topic }),
        1 => (topic(), 1..4 as PartitionId, lists()).prop_map(|(topic, expected, replicas)| {
            MetadataCommand::AddPartitions { topic, expected, replicas }
        }),
        1 => (topic(), 0u32..5).prop_map(|(topic, replication_factor)| {
            MetadataCommand::SetReplicationFactor { topic, replication_factor }
        }),
        1 => (topic(), 0u32..5).prop_map(|(topic, replication_factor)| {
            MetadataCommand::RaiseDefaultReplication { topic, replication_factor }
        }),
    ]
}

fn move_commands() -> impl Strategy<Value = MetadataCommand> {
    let group = || (1u64..8).prop_map(GroupId);
    let replica = || (1u64..30).prop_map(ReplicaId);
    prop_oneof![
        3 => (group(), node_list())
            .prop_map(|(group, target)| MetadataCommand::Reassign { group, target }),
        1 => group().prop_map(|group| MetadataCommand::CancelReassign { group }),
        3 => (group(), prop::collection::vec(replica(), 0..9), 0u64..50).prop_map(
            |(group, voters, membership_index)| MetadataCommand::MembershipReached {
                group,
                voters,
                membership_index,
            }
        ),
        1 => (group(), replica())
            .prop_map(|(group, replica)| MetadataCommand::ReplaceReplica { group, replica }),
        1 => (group(), 1u64..8, 0u64..6).prop_map(|(group, leader, epoch)| {
            let leader = NodeId(leader);
            let report = LeaderReport { group, leader, epoch, log_start: Offset(0) };
            MetadataCommand::ReportLeaders { leaders: vec![report] }
        }),
    ]
}

/// Two clusters, one of which is never registered.
fn castle_commands() -> impl Strategy<Value = MetadataCommand> {
    let topic = || 1u128..5;
    prop_oneof![
        1 => (0..2usize).prop_map(|servers| castle::register("east", servers)),
        1 => Just(MetadataCommand::RemovePeerCluster { name: "east".into() }),
        3 => (topic(), any::<bool>())
            .prop_map(|(topic, known)| castle::start(topic, if known { "east" } else { "west" })),
        2 => topic().prop_map(|topic| MetadataCommand::SealTopic { topic: topic_id(topic) }),
        1 => topic().prop_map(|topic| MetadataCommand::CancelTopicMove { topic: topic_id(topic) }),
        3 => (1u64..8, 0u64..9).prop_map(|(group, at)| castle::sealed(group, at)),
    ]
}

pub(super) fn commands() -> impl Strategy<Value = MetadataCommand> {
    let node = || 1u64..8;
    prop_oneof![
        2 => joins(),
        1 => (node(), 1u64..8, 1u64..4).prop_map(|(node, disk, boot)| update(node, disk, boot)),
        2 => (node(), prop::sample::select(&STATES[..]))
            .prop_map(|(node, state)| set_state(node, state)),
        1 => node().prop_map(|node| MetadataCommand::RemoveNode { node: NodeId(node) }),
        6 => topic_commands(),
        6 => move_commands(),
        3 => castle_commands(),
    ]
}

/// Every id that is in use, tagged by kind.
fn ids(state: &MetadataState) -> BTreeSet<(u8, u64)> {
    let nodes = state.nodes.keys().map(|node| (0, node.0));
    let groups = state.groups.keys().map(|group| (1, group.0));
    let replicas = state.partitions().flat_map(|(_, _, p)| p.replicas.iter().map(|r| (2, r.id.0)));
    nodes.chain(groups).chain(replicas).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_sequence_keeps_the_invariants(
        commands in prop::collection::vec(commands(), 1..120)
    ) {
        let mut cluster = Cluster::of(4);
        let mut twin = Cluster::of(4);
        let mut ever = ids(&cluster.state);
        for command in &commands {
            let before = ids(&cluster.state);
            let response = cluster.apply(command);
            prop_assert_eq!(response, twin.apply(command));
            prop_assert_eq!(&cluster.state, &twin.state);
            let fresh: BTreeSet<_> = ids(&cluster.state).difference(&before).copied().collect();
            let reused: Vec<_> = fresh.intersection(&ever).collect();
            prop_assert!(reused.is_empty(), "ids given out twice: {:?}", reused);
            ever.extend(fresh);
        }
    }
}
