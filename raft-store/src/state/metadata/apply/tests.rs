//! Tables of single commands, and random sequences checked after each step.

#![allow(clippy::needless_pass_by_value)] // Commands are built where they are applied.

use std::collections::BTreeMap;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{ClusterId, DiskId, GroupId, NodeId, Offset, TopicId};
use rampart_api::model::problem::Problem;
use uuid::Uuid;

use crate::state::metadata::command::{LeaderReport, MetadataCommand, MetadataResponse, NodeInfo};
use crate::state::metadata::state::{
    MetadataState, NodeState, PartitionRecord, ReplicaState, TopicRecord,
};

mod castle;
mod encoding;
mod random;
mod reassignment;

/// A cluster under test; every step checks the invariants, and that a refusal changes nothing.
#[derive(Default)]
struct Cluster {
    state: MetadataState,
}

impl Cluster {
    fn of(nodes: u64) -> Cluster {
        let mut cluster = Cluster::default();
        cluster.done(MetadataCommand::Bootstrap {
            cluster: ClusterId(Uuid::from_u128(7)),
            disk: disk(1),
            info: info(1),
        });
        for node in 2..=nodes {
            cluster.done(join(node, node));
        }
        cluster
    }

    fn with_topic(nodes: u64, replicas: &[&[u64]]) -> Cluster {
        let mut cluster = Cluster::of(nodes);
        cluster.done(create(1, "flights", 3, replicas));
        cluster
    }

    fn apply(&mut self, command: &MetadataCommand) -> MetadataResponse {
        let before = self.state.clone();
        let index = before.applied_index + 1;
        let response = self.state.apply(index, command);
        self.state.check_invariants().unwrap_or_else(|wrong| panic!("{wrong} after {command:?}"));
        if matches!(response, MetadataResponse::Refused(_)) {
            let unchanged = MetadataState { applied_index: index, ..before };
            assert_eq!(self.state, unchanged, "a refusal changed something: {command:?}");
        }
        response
    }

    fn done(&mut self, command: MetadataCommand) -> MetadataResponse {
        let response = self.apply(&command);
        assert!(!matches!(response, MetadataResponse::Refused(_)), "{command:?}: {response:?}");
        response
    }

    fn refused(&mut self, command: MetadataCommand) -> Problem {
        match self.apply(&command) {
            MetadataResponse::Refused(problem) => problem,
            other => panic!("{command:?} was not refused: {other:?}"),
        }
    }

    fn topic(&self) -> &TopicRecord {
        self.state.topic_by_name("flights").expect("the test created it")
    }

    fn partition(&self) -> &PartitionRecord {
        &self.topic().partitions[0]
    }

    /// `(replica, node, state)` of the first partition.
    fn replicas(&self) -> Vec<(u64, u64, ReplicaState)> {
        self.partition().replicas.iter().map(|r| (r.id.0, r.node.0, r.state)).collect()
    }
}

fn disk(number: u64) -> DiskId {
    DiskId(Uuid::from_u128(u128::from(number)))
}

fn info(number: u64) -> NodeInfo {
    NodeInfo { peer_addr: format!("10.0.0.{number}:9090"), ..NodeInfo::default() }
}

fn join(disk_number: u64, address: u64) -> MetadataCommand {
    MetadataCommand::Join { disk: disk(disk_number), info: info(address) }
}

fn topic_id(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

fn nodes(lists: &[&[u64]]) -> Vec<Vec<NodeId>> {
    lists.iter().map(|list| list.iter().map(|id| NodeId(*id)).collect()).collect()
}

fn create(id: u128, name: &str, factor: u32, replicas: &[&[u64]]) -> MetadataCommand {
    MetadataCommand::CreateTopic {
        topic: topic_id(id),
        name: name.into(),
        internal: false,
        replication_factor: factor,
        config: BTreeMap::new(),
        replicas: nodes(replicas),
        now_ms: 5,
    }
}

fn update(node: u64, disk_number: u64, boot: u64) -> MetadataCommand {
    MetadataCommand::UpdateNode {
        node: NodeId(node),
        disk: disk(disk_number),
        boot,
        info: info(node),
    }
}

fn set_state(node: u64, state: NodeState) -> MetadataCommand {
    MetadataCommand::SetNodeState { node: NodeId(node), state }
}

fn node_id(response: &MetadataResponse) -> u64 {
    match response {
        MetadataResponse::Joined { node, .. } => node.0,
        other => panic!("not a join: {other:?}"),
    }
}

#[test]
fn everything_waits_for_bootstrap() {
    let mut cluster = Cluster::default();
    assert_eq!(cluster.refused(join(1, 1)).code, ErrorCode::NotReady);
    let bootstrap = |number| MetadataCommand::Bootstrap {
        cluster: ClusterId(Uuid::from_u128(number)),
        disk: disk(1),
        info: info(1),
    };
    assert_eq!(node_id(&cluster.done(bootstrap(7))), 1);
    assert_eq!(node_id(&cluster.done(bootstrap(7))), 1, "asked again");
    assert_eq!(cluster.refused(bootstrap(8)).code, ErrorCode::InvalidRequest);
}

#[test]
fn joining_again_is_the_same_node_and_another_disk_is_another_node() {
    let mut cluster = Cluster::of(2);
    assert_eq!(node_id(&cluster.done(join(2, 2))), 2, "same disk");
    assert_eq!(node_id(&cluster.done(join(9, 2))), 3, "same address, wiped disk");
    let old = &cluster.state.nodes[&NodeId(2)];
    assert_eq!((old.state, old.replaced_by), (NodeState::Replaced, Some(NodeId(3))));
    assert_eq!(cluster.refused(join(2, 2)).code, ErrorCode::DiskRejected, "the old disk again");
    // Removed and joined again: never the same id.
    cluster.done(MetadataCommand::RemoveNode { node: NodeId(2) });
    assert_eq!(node_id(&cluster.done(join(2, 5))), 4);
}

#[test]
fn no_node_is_replaced_whose_disk_has_what_no_majority_has() {
    for (replicas, is_lost) in [(&[2][..], true), (&[1, 2], true), (&[1, 2, 3], false)] {
        let mut cluster = Cluster::with_topic(3, &[replicas]);
        if !is_lost {
            cluster.done(join(9, 2));
            // The second of three, before the first is rebuilt.
            assert_eq!(cluster.refused(join(10, 3)).code, ErrorCode::Unsafe);
            continue;
        }
        let problem = cluster.refused(join(9, 2));
        assert_eq!(problem.code, ErrorCode::Unsafe);
        assert!(problem.detail.contains("flights/0"), "{problem}");
        cluster.done(MetadataCommand::DeleteTopic { topic: topic_id(1) });
        cluster.done(join(9, 2));
    }
}

#[test]
fn an_address_is_one_nodes_and_a_replaced_node_does_not_come_back() {
    let mut cluster = Cluster::of(3);
    let at = |node, address| MetadataCommand::UpdateNode {
        node: NodeId(node),
        disk: disk(node),
        boot: 1,
        info: info(address),
    };
    // Nodes may swap their addresses: each is let in whoever is first.
    cluster.done(at(3, 2));
    let shared = cluster.refused(join(9, 2));
    assert!(shared.detail.contains("nodes 2 and 3"), "which of them is replaced? {shared}");
    cluster.done(MetadataCommand::UpdateNode {
        node: NodeId(3),
        disk: disk(3),
        boot: 2,
        info: info(7),
    });
    cluster.done(join(9, 2));
    assert_eq!(cluster.refused(at(2, 5)).code, ErrorCode::DiskRejected);
}

#[test]
fn a_restart_needs_the_same_disk_and_a_higher_boot_counter() {
    let mut cluster = Cluster::of(2);
    cluster.done(update(2, 2, 1));
    cluster.done(update(2, 2, 4));
    for (wrong, says) in [
        (update(2, 2, 4), "start 4"),
        (update(2, 2, 3), "start 3"),
        (update(2, 9, 5), "disk"),
        (update(8, 2, 5), "node 8"),
    ] {
        let problem = cluster.refused(wrong);
        assert_eq!(problem.code, ErrorCode::DiskRejected);
        assert!(problem.detail.contains(says) && problem.hint.is_some(), "{problem}");
    }
}

#[test]
fn node_states_change_in_order() {
    use NodeState::{Active, Decommissioned, Decommissioning, Draining, Replaced};
    let mut cluster = Cluster::of(3);
    for state in [Draining, Draining, Active, Decommissioning, Active, Draining, Decommissioning] {
        cluster.done(set_state(3, state));
    }
    cluster.refused(set_state(3, Draining));
    cluster.refused(set_state(3, Replaced));
    cluster.done(set_state(3, Decommissioned));
    cluster.refused(set_state(3, Decommissioning));
    cluster.done(set_state(3, Active));
    cluster.refused(set_state(3, Decommissioned));
    assert_eq!(cluster.refused(set_state(9, Draining)).code, ErrorCode::NodeNotFound);
}

#[test]
fn a_node_with_replicas_is_not_removed_and_says_which() {
    let mut cluster = Cluster::with_topic(3, &[&[1, 2], &[2, 3]]);
    cluster.done(set_state(3, NodeState::Decommissioning));
    for command in
        [MetadataCommand::RemoveNode { node: NodeId(3) }, set_state(3, NodeState::Decommissioned)]
    {
        let problem = cluster.refused(command);
        assert_eq!(problem.code, ErrorCode::Unsafe);
        assert!(problem.detail.contains("flights/1"), "{problem}");
    }
    cluster.done(MetadataCommand::DeleteTopic { topic: topic_id(1) });
    cluster.done(MetadataCommand::RemoveNode { node: NodeId(3) });
    cluster.done(MetadataCommand::RemoveNode { node: NodeId(2) });
    cluster.refused(MetadataCommand::RemoveNode { node: NodeId(1) });
}

#[test]
fn creation_is_idempotent_by_id_and_unique_by_name() {
    let mut cluster = Cluster::of(3);
    let first = cluster.done(create(1, "flights", 3, &[&[1, 2, 3], &[2, 3, 1]]));
    let again = cluster.done(create(1, "flights", 3, &[&[1, 2, 3], &[2, 3, 1]]));
    assert_eq!(first, again);
    let expected =
        MetadataResponse::TopicCreated { topic: topic_id(1), groups: vec![GroupId(1), GroupId(2)] };
    assert_eq!(first, expected);
    let twice = cluster.refused(create(2, "flights", 1, &[&[1]]));
    assert_eq!(twice.code, ErrorCode::TopicExists);
    assert_eq!(cluster.refused(create(1, "other", 1, &[&[1]])).code, ErrorCode::TopicExists);
}

#[test]
fn a_placement_that_makes_no_sense_is_refused() {
    let mut cluster = Cluster::of(3);
    cluster.done(set_state(3, NodeState::Draining));
    for (lists, factor, code) in [
        (&[][..], 0, ErrorCode::InvalidRequest),
        (&[&[][..]][..], 0, ErrorCode::InvalidReplicationFactor),
        (&[&[1, 2][..]][..], 1, ErrorCode::InvalidReplicationFactor),
        (&[&[1, 2][..]][..], 256, ErrorCode::InvalidReplicationFactor),
        (&[&[1, 2][..], &[1]][..], 3, ErrorCode::InvalidReplicationFactor),
        (&[&[1, 1][..]][..], 2, ErrorCode::InvalidRequest),
        (&[&[1, 9][..]][..], 2, ErrorCode::NodeNotFound),
        (&[&[1, 3][..]][..], 2, ErrorCode::Unsafe),
    ] {
        let problem = cluster.refused(create(1, "flights", factor, lists));
        assert_eq!(problem.code, code, "{lists:?}: {problem}");
    }
}

#[test]
fn a_recreated_topic_shares_nothing_with_the_deleted_one() {
    let mut cluster = Cluster::with_topic(2, &[&[1, 2]]);
    let (group, replicas) = (cluster.partition().group, cluster.replicas());
    cluster.done(MetadataCommand::DeleteTopic { topic: topic_id(1) });
    assert!(cluster.state.topic_by_name("flights").is_none());
    assert!(cluster.state.partition_of(group).is_none());
    let gone = cluster.refused(MetadataCommand::DeleteTopic { topic: topic_id(1) });
    assert_eq!(gone.code, ErrorCode::TopicNotFound);
    cluster.done(create(2, "flights", 2, &[&[1, 2]]));
    assert!(cluster.partition().group > group);
    assert!(cluster.state.is_gone(group) && !cluster.state.is_gone(cluster.partition().group));
    assert!(!cluster.state.is_gone(GroupId(99)), "that one may still come");
    assert!(cluster.replicas()[0].0 > replicas[1].0);
}

#[test]
fn configuration_is_set_and_reset_by_key() {
    let mut cluster = Cluster::with_topic(1, &[&[1]]);
    let alter = |pairs: &[(&str, Option<&str>)]| MetadataCommand::AlterTopic {
        topic: topic_id(1),
        config: pairs.iter().map(|(k, v)| ((*k).into(), v.map(String::from))).collect(),
    };
    cluster.done(alter(&[("retention.ms", Some("5")), ("ack", Some("quorum"))]));
    cluster.done(alter(&[("retention.ms", None), ("segment.bytes", None)]));
    let expected = BTreeMap::from([("ack".to_owned(), "quorum".to_owned())]);
    assert_eq!(cluster.topic().config, expected);
    let long = "x".repeat(5000);
    assert_eq!(cluster.refused(alter(&[("ack", Some(&long))])).code, ErrorCode::InvalidConfig);
    let key = "cluster.auto_rebalance".to_owned();
    let config = BTreeMap::from([(key.clone(), Some("false".to_owned()))]);
    cluster.done(MetadataCommand::SetClusterConfig { config });
    assert_eq!(cluster.state.config[&key], "false");
}

#[test]
fn partitions_are_added_once() {
    let mut cluster = Cluster::with_topic(2, &[&[1, 2]]);
    let add = |expected, replicas: &[&[u64]]| MetadataCommand::AddPartitions {
        topic: topic_id(1),
        expected,
        replicas: nodes(replicas),
    };
    let response = cluster.done(add(1, &[&[2, 1], &[1, 2]]));
    assert_eq!(response, MetadataResponse::PartitionsAdded { first: 1 });
    assert_eq!(cluster.refused(add(1, &[&[2, 1]])).code, ErrorCode::InvalidRequest);
    assert_eq!(cluster.refused(add(3, &[])).code, ErrorCode::InvalidRequest);
    assert_eq!(cluster.refused(add(3, &[&[1]])).code, ErrorCode::InvalidReplicationFactor);
    assert_eq!(cluster.state.groups.len(), 3);
}

#[test]
fn the_default_factor_rises_until_somebody_sets_it() {
    let topic = topic_id(1);
    let raise =
        |factor| MetadataCommand::RaiseDefaultReplication { topic, replication_factor: factor };
    let factor = |cluster: &Cluster| (cluster.topic().replication_factor, cluster.topic().rises_to);
    let mut cluster = Cluster::with_topic(4, &[&[1]]);
    assert_eq!(factor(&cluster), (1, 3));
    cluster.done(raise(2));
    assert_eq!(factor(&cluster), (2, 3));
    cluster.done(raise(3));
    assert_eq!(factor(&cluster), (3, 0));
    cluster.done(raise(4));
    assert_eq!(factor(&cluster), (3, 0));

    // Whatever it was created to rise to.
    let mut cluster = Cluster::of(6);
    cluster.done(create(1, "flights", 5, &[&[1, 2]]));
    assert_eq!(factor(&cluster), (2, 5));
    cluster.done(raise(4));
    assert_eq!(factor(&cluster), (4, 5));
    cluster.done(raise(6));
    assert_eq!(factor(&cluster), (5, 0));
    cluster.done(create(2, "ports", 2, &[&[1, 2]]));
    assert_eq!(cluster.state.topics[&topic_id(2)].rises_to, 0, "it has what it wants");

    let mut cluster = Cluster::with_topic(3, &[&[1]]);
    let set = |factor| MetadataCommand::SetReplicationFactor { topic, replication_factor: factor };
    let problem = cluster.refused(set(4));
    assert_eq!(problem.code, ErrorCode::InvalidReplicationFactor);
    assert!(problem.detail.contains('4') && problem.detail.contains('3'), "{problem}");
    cluster.refused(set(0));
    cluster.done(set(2));
    cluster.done(raise(3));
    assert_eq!(factor(&cluster), (2, 0));
}

#[test]
fn the_highest_epoch_names_the_leader() {
    let mut cluster = Cluster::with_topic(3, &[&[1, 2, 3]]);
    let group = cluster.partition().group;
    let mut report = |leader, epoch| {
        let report = LeaderReport { group, leader: NodeId(leader), epoch, log_start: Offset(0) };
        cluster.done(MetadataCommand::ReportLeaders { leaders: vec![report] });
        let partition = cluster.partition();
        (partition.leader.map(|node| node.0), partition.epoch, partition.initialized)
    };
    assert_eq!(report(9, 1), (None, 0, false), "a node that was removed");
    assert_eq!(report(2, 2), (Some(2), 2, true));
    assert_eq!(report(1, 1), (Some(2), 2, true), "late news");
    assert_eq!(report(3, 2), (Some(2), 2, true), "one leader per epoch");
    assert_eq!(report(3, 5), (Some(3), 5, true));
}

#[test]
fn an_index_is_applied_once() {
    let mut cluster = Cluster::of(1);
    let index = cluster.state.applied_index;
    let twice = std::panic::catch_unwind(move || cluster.state.apply(index, &join(2, 2)));
    assert!(twice.is_err());
}

#[test]
fn producer_ids_never_come_twice() {
    let mut cluster = Cluster::of(2);
    let mut next = 0;
    for round in 0..3 {
        let response = cluster.done(MetadataCommand::AllocateProducerIds);
        let MetadataResponse::ProducerIds { first, count } = response else {
            panic!("{response:?}");
        };
        assert!(first >= next && count > 0, "{first} after {next}");
        next = first + count;
        // Whatever else is applied in between moves the ids on, and never back.
        cluster.done(create(round + 1, &format!("flights-{round}"), 1, &[&[1]]));
    }
}
