//! The life of a replica, step by step.

use super::*;
use ReplicaState::{Joining, Leaving, Voter};
use rampart_api::model::ids::ReplicaId;

fn reassign(cluster: &mut Cluster, target: &[u64]) {
    let group = cluster.partition().group;
    let target = target.iter().map(|id| NodeId(*id)).collect();
    cluster.done(MetadataCommand::Reassign { group, target });
}

fn cancel(cluster: &mut Cluster) {
    let group = cluster.partition().group;
    cluster.done(MetadataCommand::CancelReassign { group });
}

fn reached(cluster: &mut Cluster, voters: &[u64], membership_index: u64) {
    let group = cluster.partition().group;
    let voters = voters.iter().map(|id| ReplicaId(*id)).collect();
    cluster.done(MetadataCommand::MembershipReached { group, voters, membership_index });
}

fn replace(cluster: &mut Cluster, replica: u64) {
    let group = cluster.partition().group;
    cluster.done(MetadataCommand::ReplaceReplica { group, replica: ReplicaId(replica) });
}

#[test]
fn a_move_adds_then_removes_and_orders_by_the_target() {
    let mut cluster = Cluster::with_topic(4, &[&[1, 2, 3]]);
    reassign(&mut cluster, &[4, 2, 1]);
    let moving = [(4, 4, Joining), (2, 2, Voter), (1, 1, Voter), (3, 3, Leaving)];
    assert_eq!(cluster.replicas(), moving);
    reached(&mut cluster, &[1, 2, 3, 4], 10);
    assert_eq!(cluster.replicas()[0], (4, 4, Voter));
    reached(&mut cluster, &[1, 2, 4], 12);
    assert_eq!(cluster.replicas(), [(4, 4, Voter), (2, 2, Voter), (1, 1, Voter)]);
    assert!(cluster.partition().initialized);
    let initial: Vec<_> = cluster.partition().initial.iter().map(|r| r.id.0).collect();
    assert_eq!(initial, [1, 2, 3], "the creation record stays");
}

#[test]
fn the_same_nodes_in_another_order_change_the_preferred_leader_only() {
    let mut cluster = Cluster::with_topic(3, &[&[1, 2, 3]]);
    reassign(&mut cluster, &[3, 1, 2]);
    assert_eq!(cluster.replicas(), [(3, 3, Voter), (1, 1, Voter), (2, 2, Voter)]);
}

#[test]
fn a_second_reassignment_starts_from_scratch() {
    let mut cluster = Cluster::with_topic(5, &[&[1, 2, 3]]);
    reassign(&mut cluster, &[1, 2, 4]);
    reassign(&mut cluster, &[1, 2, 5]);
    let moving = [(1, 1, Voter), (2, 2, Voter), (5, 5, Joining), (4, 4, Leaving), (3, 3, Leaving)];
    assert_eq!(cluster.replicas(), moving);
    // Back to where it was: the old replica never stopped voting, the others just leave.
    reassign(&mut cluster, &[1, 2, 3]);
    assert_eq!(cluster.replicas()[..3], [(1, 1, Voter), (2, 2, Voter), (3, 3, Voter)]);
    reached(&mut cluster, &[1, 2, 3], 9);
    assert_eq!(cluster.replicas().len(), 3);
}

#[test]
fn a_leaving_replica_that_left_joins_again_under_its_id() {
    let mut cluster = Cluster::with_topic(4, &[&[1, 2, 3]]);
    reassign(&mut cluster, &[1, 2, 4]);
    cancel(&mut cluster);
    assert_eq!(cluster.replicas()[2..], [(3, 3, Voter), (4, 4, Leaving)]);
    // The leader had carried out the move before it heard of the cancellation.
    reached(&mut cluster, &[1, 2, 4], 9);
    assert_eq!(cluster.replicas()[2..], [(3, 3, Joining), (4, 4, Leaving)]);
    reached(&mut cluster, &[1, 2, 3], 11);
    assert_eq!(cluster.replicas(), [(1, 1, Voter), (2, 2, Voter), (3, 3, Voter)]);
}

#[test]
fn cancel_restores_the_preferred_leader() {
    let mut cluster = Cluster::with_topic(5, &[&[1, 2, 3]]);
    reassign(&mut cluster, &[4, 2, 5]);
    cancel(&mut cluster);
    let expected = [(1, 1, Voter), (2, 2, Voter), (3, 3, Voter), (4, 4, Leaving), (5, 5, Leaving)];
    assert_eq!(cluster.replicas(), expected);
    // A replica that never voted is not brought back by a later cancel.
    cancel(&mut cluster);
    assert_eq!(cluster.replicas(), expected);
}

#[test]
fn a_late_report_is_ignored() {
    let mut cluster = Cluster::with_topic(4, &[&[1, 2, 3]]);
    reassign(&mut cluster, &[1, 2, 4]);
    reached(&mut cluster, &[1, 2, 4], 20);
    reached(&mut cluster, &[1, 2, 3], 15);
    assert_eq!(cluster.replicas(), [(1, 1, Voter), (2, 2, Voter), (4, 4, Voter)]);
    let group = cluster.partition().group;
    cluster.refused(MetadataCommand::MembershipReached {
        group,
        voters: vec![],
        membership_index: 30,
    });
}

#[test]
fn a_damaged_replica_is_replaced_on_its_node_and_never_comes_back() {
    let mut cluster = Cluster::with_topic(4, &[&[1, 2, 3]]);
    replace(&mut cluster, 1);
    let repairing = [(4, 1, Joining), (2, 2, Voter), (3, 3, Voter), (1, 1, Leaving)];
    assert_eq!(cluster.replicas(), repairing);
    replace(&mut cluster, 1);
    assert_eq!(cluster.replicas(), repairing, "reported twice");
    cancel(&mut cluster);
    assert_eq!(cluster.replicas(), repairing, "a repair is no move");
    reassign(&mut cluster, &[4, 2, 3]);
    reassign(&mut cluster, &[1, 2, 3]);
    assert_eq!(cluster.replicas()[0], (4, 1, Joining));
    reached(&mut cluster, &[2, 3, 4], 8);
    assert_eq!(cluster.replicas(), [(4, 1, Voter), (2, 2, Voter), (3, 3, Voter)]);
    assert!(cluster.partition().damaged.is_empty());
}

#[test]
fn a_replica_is_given_up_only_if_a_majority_is_left() {
    let refused = |cluster: &mut Cluster, replica| {
        let group = cluster.partition().group;
        let replica = ReplicaId(replica);
        let problem = cluster.refused(MetadataCommand::ReplaceReplica { group, replica });
        assert_eq!(problem.code, ErrorCode::Unsafe);
        assert!(problem.detail.contains("no majority"), "{problem}");
    };
    refused(&mut Cluster::with_topic(2, &[&[1]]), 1); // The only copy.
    refused(&mut Cluster::with_topic(2, &[&[1, 2]]), 2);
    // The second of three; the first is not back yet.
    let mut cluster = Cluster::with_topic(3, &[&[1, 2, 3]]);
    replace(&mut cluster, 1);
    refused(&mut cluster, 2);
    reached(&mut cluster, &[2, 3, 4], 8);
    replace(&mut cluster, 2);
    // What lies on a disk that is gone is no copy.
    let mut cluster = Cluster::with_topic(3, &[&[1, 2, 3]]);
    cluster.done(join(9, 3));
    refused(&mut cluster, 2);
    // One that does not vote yet is nobody's copy.
    let mut cluster = Cluster::with_topic(2, &[&[1]]);
    reassign(&mut cluster, &[2]);
    replace(&mut cluster, 2);
    assert_eq!(cluster.partition().damaged.len(), 1);
}

#[test]
fn a_damaged_replica_of_a_replaced_node_only_leaves() {
    let mut cluster = Cluster::with_topic(3, &[&[1, 2, 3]]);
    cluster.done(join(9, 3));
    replace(&mut cluster, 3);
    assert_eq!(cluster.replicas(), [(1, 1, Voter), (2, 2, Voter), (3, 3, Leaving)]);
}

#[test]
fn impossible_targets_are_refused() {
    let mut cluster = Cluster::with_topic(4, &[&[1, 2, 3]]);
    cluster.done(set_state(4, NodeState::Draining));
    let group = cluster.partition().group;
    for (group, target, code) in [
        (group, &[][..], ErrorCode::InvalidRequest),
        (group, &[1, 1], ErrorCode::InvalidRequest),
        (group, &[1, 9], ErrorCode::NodeNotFound),
        (group, &[1, 4], ErrorCode::Unsafe),
        (GroupId(99), &[1], ErrorCode::TopicNotFound),
    ] {
        let target = target.iter().map(|id| NodeId(*id)).collect();
        let problem = cluster.refused(MetadataCommand::Reassign { group, target });
        assert_eq!(problem.code, code, "{problem}");
    }
}
