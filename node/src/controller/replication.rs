//! Which partitions live on the wrong nodes, and where they should live. `[pure]` Level-triggered:
//! looks at the record, never at what was planned before. Moves replicas off nodes that were
//! replaced or are decommissioned, and follows each topic's replication factor.

use rampart_api::model::ids::NodeId;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::{
    NodeState, PartitionRecord, ReplicaRecord, ReplicaState, TopicRecord,
};

use super::placement::{Candidates, Placer};
use super::request::{MoveReason, PlannedMove};
use super::situation::Situation;

/// Partitions that should live elsewhere, the most urgent first, at most `limit`.
pub(crate) fn plan_repairs(situation: Situation<'_>, limit: usize) -> Vec<PlannedMove> {
    let mut placer = Placer::new(situation);
    let mut plan = Vec::new();
    for (topic, number, partition) in situation.state.partitions() {
        let from: Vec<NodeId> = partition.wanted_nodes().collect();
        let factor = topic.replication_factor as usize;
        let Some((to, reason)) = repair(situation, &mut placer, partition, factor) else {
            continue;
        };
        plan.push(PlannedMove {
            topic: topic.name.clone(),
            partition: number,
            group: partition.group,
            reason,
            from,
            to,
        });
    }
    plan.sort_by_key(|planned| (urgency(planned.reason), planned.group));
    plan.truncate(limit);
    plan
}

/// Topics with the default factor that can have more replicas now.
pub(crate) fn raise_defaults(situation: Situation<'_>) -> Vec<MetadataCommand> {
    let nodes = u32::try_from(situation.active_alive().count()).unwrap_or(u32::MAX);
    let possible = |topic: &TopicRecord| nodes.min(u32::from(topic.rises_to));
    let topics = situation.state.topics.values();
    topics
        .filter(|topic| topic.replication_factor < possible(topic))
        .map(|topic| MetadataCommand::RaiseDefaultReplication {
            topic: topic.id,
            replication_factor: possible(topic),
        })
        .collect()
}

fn urgency(reason: MoveReason) -> u8 {
    match reason {
        MoveReason::NodeReplaced => 0,
        MoveReason::ReplicaDamaged => 1,
        MoveReason::Decommission => 2,
        MoveReason::ReplicationFactor => 3,
        MoveReason::Rebalance => 4,
    }
}

/// Why a node should not hold this partition's replica.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Replaced,
    Decommissioned,
    /// It was to join there, and the node has been silent for long.
    NeverArrives,
}

/// Where the partition should live instead, and why; `None` = where it does, or nowhere better.
fn repair(
    situation: Situation<'_>,
    placer: &mut Placer<'_>,
    partition: &PartitionRecord,
    factor: usize,
) -> Option<(Vec<NodeId>, MoveReason)> {
    let from: Vec<NodeId> = partition.wanted_nodes().collect();
    let mut to = from.clone();
    let mut reason = None;
    for node in &from {
        let Some(fault) = fault(situation, partition, *node) else {
            continue;
        };
        if substitute(situation, placer, &mut to, *node, fault, factor) {
            reason = reason.or(Some(match fault {
                Fault::Replaced => MoveReason::NodeReplaced,
                Fault::Decommissioned => MoveReason::Decommission,
                Fault::NeverArrives => MoveReason::ReplicationFactor,
            }));
        }
    }
    while to.len() < factor {
        let Some(node) = placer.choose(&to, Candidates::ActiveAlive) else {
            break;
        };
        placer.add(node);
        to.push(node);
    }
    while to.len() > factor.max(1) {
        let Some(position) = placer.surplus(&to) else {
            break;
        };
        placer.remove(to.remove(position));
    }
    (to != from).then(|| (to, reason.unwrap_or(MoveReason::ReplicationFactor)))
}

fn fault(situation: Situation<'_>, partition: &PartitionRecord, node: NodeId) -> Option<Fault> {
    match situation.node_state(node) {
        Some(NodeState::Replaced) | None => Some(Fault::Replaced),
        Some(NodeState::Decommissioning | NodeState::Decommissioned) => Some(Fault::Decommissioned),
        Some(NodeState::Active | NodeState::Draining) => {
            let joins = |r: &ReplicaRecord| r.node == node && r.state == ReplicaState::Joining;
            let never = situation.lost.contains(&node) && partition.replicas.iter().any(joins);
            never.then_some(Fault::NeverArrives)
        }
    }
}

/// Puts another node in the place of `node`. Where there is none the node stays, unless what it
/// had is gone anyway or is more than the factor asks for. Says whether something changed.
fn substitute(
    situation: Situation<'_>,
    placer: &mut Placer<'_>,
    to: &mut Vec<NodeId>,
    node: NodeId,
    fault: Fault,
    factor: usize,
) -> bool {
    let position =
        to.iter().position(|other| *other == node).expect("it is one of the partition's");
    let heir = heir(situation, node).filter(|heir| !to.contains(heir));
    let enough = to.len() > factor;
    let new = match enough {
        true => None,
        false => heir.or_else(|| {
            let others: Vec<_> = to.iter().copied().filter(|other| *other != node).collect();
            let chosen = placer.choose(&others, Candidates::ActiveAlive);
            chosen.filter(|chosen| *chosen != node)
        }),
    };
    match new {
        Some(new) => {
            placer.add(new);
            to[position] = new;
        }
        None if to.len() > 1 && (enough || fault == Fault::Replaced) => {
            to.remove(position);
        }
        None => return false,
    }
    placer.remove(node);
    true
}

/// The active node that took the place of a replaced one, over several replacements.
fn heir(situation: Situation<'_>, node: NodeId) -> Option<NodeId> {
    let mut record = situation.state.nodes.get(&node)?;
    // Every replacement is younger, so this ends.
    while let Some(by) = record.replaced_by {
        record = situation.state.nodes.get(&by)?;
    }
    (record.id != node && record.state == NodeState::Active).then_some(record.id)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sample, ids};
    use super::*;

    fn plan(sample: &Sample) -> Vec<(u64, Vec<u64>, MoveReason)> {
        let planned = plan_repairs(sample.situation(), usize::MAX);
        planned
            .into_iter()
            .map(|p| (p.group.0, p.to.iter().map(|node| node.0).collect(), p.reason))
            .collect()
    }

    #[test]
    fn a_healthy_cluster_needs_nothing() {
        let sample = Sample::nodes(4).topic("t", 3, &[&[1, 2, 3], &[2, 3, 4]]).down(4).draining(2);
        assert_eq!(plan(&sample), []);
    }

    #[test]
    fn a_decommissioned_nodes_replicas_go_to_the_least_loaded_living_node() {
        let sample = Sample::nodes(5)
            .topic("t", 3, &[&[1, 2, 3], &[4, 2, 3], &[1, 2, 4]])
            .down(5)
            .decommissioning(3);
        let expected = [
            (1, vec![1, 2, 4], MoveReason::Decommission),
            (2, vec![4, 2, 1], MoveReason::Decommission),
        ];
        assert_eq!(plan(&sample), expected);
    }

    #[test]
    fn a_decommission_without_enough_nodes_moves_nothing() {
        let sample = Sample::nodes(3).topic("t", 3, &[&[1, 2, 3]]).decommissioning(3);
        assert_eq!(plan(&sample), []);
    }

    #[test]
    fn the_new_node_takes_the_place_of_the_replaced_one() {
        let sample = Sample::nodes(3).topic("t", 3, &[&[1, 2, 3], &[3, 1, 2]]);
        let (sample, new) = sample.replace(3);
        assert_eq!(new, NodeId(4));
        let expected = [
            (1, vec![1, 2, 4], MoveReason::NodeReplaced),
            (2, vec![4, 1, 2], MoveReason::NodeReplaced),
        ];
        assert_eq!(plan(&sample), expected);
        // Replaced once more before anything moved.
        let (sample, new) = sample.replace(4);
        assert_eq!(new, NodeId(5));
        assert_eq!(plan(&sample)[0], (1, vec![1, 2, 5], MoveReason::NodeReplaced));
        // The heir leaves as well: what is gone does not stay in the membership.
        let sample = sample.decommissioning(5);
        assert_eq!(plan(&sample)[0], (1, vec![1, 2], MoveReason::NodeReplaced));
    }

    #[test]
    fn the_replication_factor_is_followed_both_ways() {
        let mut sample = Sample::nodes(4).topic("t", 2, &[&[1, 2]]);
        let topic = sample.state.topics.values().next().unwrap().id;
        let set =
            |factor| MetadataCommand::SetReplicationFactor { topic, replication_factor: factor };
        sample.apply(&set(3));
        assert_eq!(plan(&sample), [(1, vec![1, 2, 3], MoveReason::ReplicationFactor)]);
        sample.apply(&set(1));
        assert_eq!(plan(&sample), [(1, vec![1], MoveReason::ReplicationFactor)]);
        // With its preferred leader down the other one stays.
        let sample = sample.down(1);
        assert_eq!(plan(&sample), [(1, vec![2], MoveReason::ReplicationFactor)]);
    }

    #[test]
    fn the_default_factor_rises_with_the_living_nodes() {
        let raised = |sample: &Sample| raise_defaults(sample.situation());
        let mut sample = Sample::nodes(1).topic("t", 0, &[&[1]]).topic("fixed", 1, &[&[1]]);
        assert_eq!(raised(&sample), []);
        let grown = Sample::nodes(4).topic("t", 0, &[&[1]]).topic("fixed", 1, &[&[1]]);
        let wanted = |factor| MetadataCommand::RaiseDefaultReplication {
            topic: grown.state.topic_by_name("t").unwrap().id,
            replication_factor: factor,
        };
        assert_eq!(raised(&grown), [wanted(3)]);
        assert_eq!(raised(&grown.clone().down(3).down(4)), [wanted(2)]);
        sample = grown.clone();
        sample.apply(&wanted(3));
        assert_eq!(raised(&sample), []);
        assert_eq!(plan(&sample), [(1, vec![1, 2, 3], MoveReason::ReplicationFactor)]);
    }

    #[test]
    fn each_topic_rises_to_what_it_was_created_for() {
        let sample = Sample::nodes(4).topic("two", 2, &[&[1]]).topic("five", 5, &[&[1]]);
        let wanted = |name, factor| MetadataCommand::RaiseDefaultReplication {
            topic: sample.state.topic_by_name(name).unwrap().id,
            replication_factor: factor,
        };
        assert_eq!(raise_defaults(sample.situation()), [wanted("two", 2), wanted("five", 4)]);
    }

    #[test]
    fn a_replica_that_never_arrives_is_planned_elsewhere() {
        let mut sample = Sample::nodes(5).topic("t", 3, &[&[1, 2, 3]]);
        sample.reassign(sample.partition(1).group, &ids(&[1, 2, 4]));
        assert_eq!(plan(&sample), []);
        assert_eq!(plan(&sample.clone().down(4)), []);
        let expected = [(1, vec![1, 2, 3], MoveReason::ReplicationFactor)];
        assert_eq!(plan(&sample.lost(4)), expected);
    }

    #[test]
    fn carried_out_the_plan_leaves_nothing_to_do() {
        let sample = Sample::nodes(5).topic("t", 3, &[&[1, 2, 3], &[3, 4, 5], &[5, 1, 2]]);
        let (sample, _) = sample.decommissioning(1).replace(3);
        let mut sample = sample;
        for _ in 0..10 {
            for planned in plan_repairs(sample.situation(), 1) {
                sample.reassign(planned.group, &planned.to);
            }
            sample.finish_moves();
        }
        assert_eq!(plan(&sample), []);
        for gone in [1, 3] {
            assert_eq!(sample.state.replicas_on(NodeId(gone)).count(), 0);
        }
    }
}
