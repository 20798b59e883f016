//! Topics that move to another cluster: one way, and never half.

use rampart_api::model::limits::{PEER_CLUSTERS_MAX, PEER_SERVERS_PER_CLUSTER_MAX};

use super::*;
use crate::state::metadata::castle::{MovePhase, TopicMove};

pub(super) fn register(name: &str, servers: usize) -> MetadataCommand {
    let servers = (0..servers).map(|n| format!("http://10.0.1.{n}:8080")).collect();
    MetadataCommand::SetPeerCluster { name: name.into(), servers }
}

pub(super) fn start(topic: u128, to: &str) -> MetadataCommand {
    MetadataCommand::StartTopicMove {
        topic: topic_id(topic),
        to: to.into(),
        target: "t".into(),
        hold: false,
        now_ms: 3,
    }
}

fn hold(command: MetadataCommand) -> MetadataCommand {
    match command {
        MetadataCommand::StartTopicMove { topic, to, target, now_ms, .. } => {
            MetadataCommand::StartTopicMove { topic, to, target, hold: true, now_ms }
        }
        other => other,
    }
}

pub(super) fn sealed(group: u64, at: u64) -> MetadataCommand {
    MetadataCommand::PartitionSealed { group: GroupId(group), at: Offset(at) }
}

fn moving(cluster: &Cluster) -> Option<&TopicMove> {
    cluster.state.castle.moves.get(&topic_id(1))
}

fn registered() -> Cluster {
    let mut cluster = Cluster::with_topic(3, &[&[1, 2, 3], &[2, 3, 1]]);
    cluster.done(register("east", 2));
    cluster
}

#[test]
fn clusters_are_registered_within_bounds() {
    let mut cluster = Cluster::of(1);
    for wrong in [register("", 1), register("x", 0), register(&"n".repeat(200), 1)] {
        assert_eq!(cluster.refused(wrong).code, ErrorCode::InvalidRequest);
    }
    let many = register("x", PEER_SERVERS_PER_CLUSTER_MAX + 1);
    assert_eq!(cluster.refused(many).code, ErrorCode::InvalidRequest);
    for number in 0..PEER_CLUSTERS_MAX {
        cluster.done(register(&format!("c{number}"), 1));
    }
    assert_eq!(cluster.refused(register("more", 1)).code, ErrorCode::InvalidRequest);
    cluster.done(register("c0", 3));
    assert_eq!(cluster.state.castle.clusters["c0"].servers.len(), 3);
    cluster.done(MetadataCommand::RemovePeerCluster { name: "c0".into() });
    let gone = MetadataCommand::RemovePeerCluster { name: "c0".into() };
    assert_eq!(cluster.refused(gone).code, ErrorCode::InvalidRequest);
}

#[test]
fn a_topic_moves_one_way_and_has_moved_when_every_partition_is_sealed() {
    let mut cluster = registered();
    assert_eq!(cluster.refused(start(1, "west")).code, ErrorCode::InvalidRequest);
    assert_eq!(cluster.refused(start(2, "east")).code, ErrorCode::TopicNotFound);
    cluster.done(start(1, "east"));
    cluster.done(start(1, "east"));
    assert_eq!(moving(&cluster).unwrap().phase, MovePhase::Preparing);
    let early = cluster.refused(sealed(1, 7));
    assert_eq!(early.code, ErrorCode::InvalidRequest, "nothing may be sealed yet");

    let topic = topic_id(1);
    cluster.done(MetadataCommand::SealTopic { topic });
    cluster.done(sealed(1, 7));
    cluster.done(sealed(1, 7));
    assert_eq!(moving(&cluster).unwrap().phase, MovePhase::Sealing);
    let cancelled = cluster.refused(MetadataCommand::CancelTopicMove { topic });
    assert_eq!(cancelled.code, ErrorCode::Unsafe);
    cluster.done(sealed(2, 0));
    let moved = moving(&cluster).unwrap();
    assert_eq!(moved.phase, MovePhase::Moved);
    assert_eq!(moved.sealed, BTreeMap::from([(0, Offset(7)), (1, Offset(0))]));
    cluster.done(MetadataCommand::SealTopic { topic });
    cluster.done(sealed(2, 1));
    let moved = moving(&cluster).unwrap();
    assert_eq!((moved.phase, moved.sealed[&1]), (MovePhase::Moved, Offset(1)));
}

#[test]
fn what_is_only_announced_can_be_taken_back() {
    let mut cluster = registered();
    let topic = topic_id(1);
    let nothing = cluster.refused(MetadataCommand::CancelTopicMove { topic });
    assert_eq!(nothing.code, ErrorCode::InvalidRequest);
    cluster.done(start(1, "east"));
    cluster.done(MetadataCommand::CancelTopicMove { topic });
    assert_eq!(moving(&cluster), None);
    let late = cluster.refused(MetadataCommand::SealTopic { topic });
    assert_eq!(late.code, ErrorCode::InvalidRequest, "a controller that had not seen it");
}

#[test]
fn what_is_held_is_not_sealed_until_it_is_let_go_on() {
    let mut cluster = registered();
    let topic = topic_id(1);
    cluster.done(hold(start(1, "east")));
    let early = cluster.refused(MetadataCommand::SealTopic { topic });
    assert_eq!(early.code, ErrorCode::InvalidRequest);
    cluster.done(start(1, "east"));
    cluster.done(MetadataCommand::SealTopic { topic });
    cluster.done(hold(start(1, "east")));
    assert!(!moving(&cluster).unwrap().held, "too late");
}

#[test]
fn a_topic_that_moves_keeps_its_partitions_and_its_target() {
    let mut cluster = registered();
    cluster.done(register("west", 1));
    cluster.done(start(1, "east"));
    let add = MetadataCommand::AddPartitions {
        topic: topic_id(1),
        expected: 2,
        replicas: nodes(&[&[1, 2, 3]]),
    };
    assert_eq!(cluster.refused(add).code, ErrorCode::Unsafe);
    assert_eq!(cluster.refused(start(1, "west")).code, ErrorCode::Unsafe);
    let gone = |name: &str| MetadataCommand::RemovePeerCluster { name: name.into() };
    assert_eq!(cluster.refused(gone("east")).code, ErrorCode::Unsafe);
    cluster.done(MetadataCommand::DeleteTopic { topic: topic_id(1) });
    assert_eq!(moving(&cluster), None, "a deleted topic is nowhere");
    cluster.done(gone("east"));
}

#[test]
fn the_clusters_own_topics_stay() {
    let mut cluster = registered();
    cluster.done(MetadataCommand::CreateTopic {
        topic: topic_id(5),
        name: "__group_state".into(),
        internal: true,
        replication_factor: 1,
        config: BTreeMap::new(),
        replicas: nodes(&[&[1]]),
        now_ms: 0,
    });
    assert_eq!(cluster.refused(start(5, "east")).code, ErrorCode::Unsafe);
}
