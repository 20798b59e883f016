//! Tables of moves, their progress and their refusals.

use rampart_api::model::ids::{Offset, ReplicaId};

use super::super::testing::{Sample, ids};
use super::*;

fn status(log_end: u64, size_bytes: u64, matched: &[(u64, u64)]) -> PartitionStatus {
    let replica = |(id, match_offset): &(u64, u64)| ReplicaStatus {
        replica: ReplicaId(*id),
        node: NodeId(*id),
        role: "learner".into(),
        match_offset: Offset(*match_offset),
        lag_records: log_end - match_offset,
        lag_ms: 0,
        in_sync: false,
    };
    PartitionStatus {
        group: GroupId(1),
        leader: Some(NodeId(1)),
        leader_epoch: 1,
        log_start: Offset(100),
        high_watermark: Offset(log_end),
        log_end: Offset(log_end),
        size_bytes,
        replicas: matched.iter().map(replica).collect(),
    }
}

fn moved() -> Sample {
    let mut sample = Sample::nodes(5).topic("t", 3, &[&[1, 2, 3]]);
    sample.reassign(GroupId(1), &ids(&[4, 2, 1]));
    sample
}

fn described(sample: &Sample, status: Option<&PartitionStatus>) -> Move {
    let (topic, number, partition) = sample.state.partitions().next().unwrap();
    describe(sample.situation(), topic, number, partition, status).unwrap()
}

#[test]
fn a_move_says_from_where_to_where_and_how_much() {
    let sample = moved();
    let shown = described(&sample, Some(&status(300, 1_000, &[(1, 300), (4, 250)])));
    assert_eq!((shown.from, shown.to), (ids(&[2, 1, 3]), ids(&[4, 2, 1])));
    assert_eq!((shown.leaving, shown.joining.len()), (ids(&[3]), 1));
    assert_eq!(shown.bytes_left, Some(250));
    assert_eq!((shown.reason, shown.blockers), (MoveReason::Rebalance, vec![]));
    // Not yet a learner: everything is missing.
    let shown = described(&sample, Some(&status(300, 1_000, &[(1, 300)])));
    assert_eq!(shown.bytes_left, Some(1_000));
    assert_eq!(described(&sample, Some(&status(100, 0, &[(4, 0)]))).bytes_left, Some(0));
    let unknown = described(&sample, None);
    assert_eq!(unknown.bytes_left, None);
    assert_eq!(unknown.blockers, ["its leader does not answer"]);
}

#[test]
fn a_move_says_what_is_in_its_way() {
    let sample = moved().down(4).down(2).down(3);
    let said = described(&sample, None).blockers;
    let majority = "no majority: 1 of its 3 voters can be reached";
    let joining = "node 4, where a replica is to join, can't be reached";
    assert_eq!(said, [majority, joining]);
    let sample = moved().stuck(GroupId(1), 125_400);
    let said = described(&sample, Some(&status(300, 1_000, &[(1, 300)]))).blockers;
    assert_eq!(said, ["no progress for 125 s (is the disk of node 4 full?)"]);
}

#[test]
fn a_move_says_why() {
    let (sample, _) = moved().replace(3);
    assert_eq!(described(&sample, None).reason, MoveReason::NodeReplaced);
    let sample = moved().decommissioning(3);
    assert_eq!(described(&sample, None).reason, MoveReason::Decommission);
    let mut sample = moved();
    let topic = sample.state.topics.values().next().unwrap().id;
    sample.apply(&MetadataCommand::SetReplicationFactor { topic, replication_factor: 4 });
    assert_eq!(described(&sample, None).reason, MoveReason::ReplicationFactor);
    let replica = ReplicaId(1);
    sample.apply(&MetadataCommand::ReplaceReplica { group: GroupId(1), replica });
    assert_eq!(described(&sample, None).reason, MoveReason::ReplicaDamaged);
}

#[test]
fn a_move_by_hand_is_checked() {
    let sample = Sample::nodes(6).topic("t", 3, &[&[1, 2, 3]]).down(5).draining(6);
    let plan = |topic, number, nodes: &[u64]| {
        plan_reassign(sample.situation(), topic, number, &ids(nodes))
    };
    assert_eq!(plan("t", 0, &[4, 1, 2]).unwrap().from, ids(&[1, 2, 3]));
    for (topic, number, nodes, code, says) in [
        ("x", 0, &[1, 2, 4][..], ErrorCode::TopicNotFound, "x"),
        ("t", 1, &[1, 2, 4], ErrorCode::InvalidPartition, "0 to 0"),
        ("t", 0, &[1, 2], ErrorCode::InvalidReplicationFactor, "factor 3"),
        ("t", 0, &[1, 2, 2], ErrorCode::InvalidRequest, "node 2"),
        ("t", 0, &[1, 2, 9], ErrorCode::NodeNotFound, "node 9"),
        ("t", 0, &[1, 2, 5], ErrorCode::Unsafe, "node 5"),
        ("t", 0, &[1, 2, 6], ErrorCode::Unsafe, "node 6"),
    ] {
        let problem = plan(topic, number, nodes).unwrap_err();
        assert_eq!(problem.code, code, "{problem}");
        assert!(problem.detail.contains(says), "{problem}");
    }
}

#[test]
fn a_move_is_taken_back_unless_it_would_start_again() {
    let sample = moved();
    assert_eq!(plan_cancel(sample.situation(), "t", 0), Ok(GroupId(1)));
    let leaves = moved().decommissioning(3);
    let problem = plan_cancel(leaves.situation(), "t", 0).unwrap_err();
    assert_eq!(problem.code, ErrorCode::Unsafe);
    assert!(problem.detail.contains("decommissioned"), "{problem}");
    let mut still = moved();
    still.finish_moves();
    let problem = plan_cancel(still.situation(), "t", 0).unwrap_err();
    assert_eq!(problem.code, ErrorCode::InvalidRequest);
}

#[test]
fn the_time_left_follows_the_speed() {
    let mut meter = SpeedMeter::default();
    let subject = Subject::Group(GroupId(1));
    assert_eq!(meter.note(subject, 1_000, 0), None);
    assert_eq!(meter.note(subject, 750, 500), Some(1_500));
    assert_eq!(meter.note(Subject::Node(NodeId(1)), 10, 500), None);
    assert_eq!(meter.note(subject, 750, 1_000), Some(3_000));
    assert_eq!(meter.note(subject, 2_000, 1_100), None, "grew: measured anew");
    assert_eq!(meter.note(subject, 0, 1_200), Some(0));
    assert_eq!(meter.note(subject, 500, 1_300), None);
    assert_eq!(meter.note(subject, 400, 1_300 + MEASURE_GAP_MS_MAX), None, "too long ago");
}
