//! What follows from the state of nodes. `[pure]` A decommissioned node is done when it is empty, a
//! replaced one is forgotten then; and why a decommission cannot end, in sentences.

use std::collections::BTreeSet;

use rampart_api::model::ids::NodeId;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::NodeState;

use super::situation::Situation;

/// Topics or partitions named in the blockers; the rest is counted.
const BLOCKERS_NAMED_MAX: usize = 10;

/// Changes of nodes that are due. `metadata_voters` vote in the metadata group right now.
pub(crate) fn node_steps(
    situation: Situation<'_>,
    metadata_voters: &BTreeSet<NodeId>,
) -> Vec<MetadataCommand> {
    let nodes = situation.state.nodes.values();
    let empty = |node: NodeId| situation.state.replicas_on(node).next().is_none();
    let is_done = |node: NodeId| empty(node) && !metadata_voters.contains(&node);
    nodes
        .filter_map(|node| match node.state {
            NodeState::Decommissioning if is_done(node.id) => Some(MetadataCommand::SetNodeState {
                node: node.id,
                state: NodeState::Decommissioned,
            }),
            // Its disk is gone: nobody will recommission it.
            NodeState::Replaced if is_done(node.id) => {
                Some(MetadataCommand::RemoveNode { node: node.id })
            }
            NodeState::Active
            | NodeState::Draining
            | NodeState::Decommissioning
            | NodeState::Decommissioned
            | NodeState::Replaced => None,
        })
        .collect()
}

/// What keeps the node from being emptied, whether its decommission has begun or not. Empty = it
/// will end.
pub(crate) fn decommission_blockers(situation: Situation<'_>, node: NodeId) -> Vec<String> {
    let remaining = situation.active().filter(|other| *other != node).count();
    if situation.state.replicas_on(node).next().is_none() {
        let last = remaining == 0;
        return last.then(|| "no other active node would remain".to_owned()).into_iter().collect();
    }
    let reachable = situation.active_alive().filter(|other| *other != node).count();
    let mut blockers = too_few_nodes(situation, node, remaining, reachable);
    blockers.extend(without_majority(situation, node));
    blockers.extend(without_progress(situation, node));
    cap(&mut blockers);
    blockers
}

/// What keeps a node that is being decommissioned from ending although its replicas are gone.
pub(crate) fn vote_blocker(
    situation: Situation<'_>,
    node: NodeId,
    metadata_voters: &BTreeSet<NodeId>,
) -> Option<String> {
    let leaves = situation.node_state(node) == Some(NodeState::Decommissioning);
    (leaves && metadata_voters.contains(&node)).then(|| {
        "it still votes in the metadata group, until another node that has caught up takes over"
            .to_owned()
    })
}

/// Topics whose replication factor the other nodes cannot carry.
fn too_few_nodes(
    situation: Situation<'_>,
    node: NodeId,
    remaining: usize,
    reachable: usize,
) -> Vec<String> {
    let mut topics: Vec<_> = situation.state.replicas_on(node).map(|(topic, _)| topic).collect();
    topics.dedup_by_key(|topic| topic.id);
    let short = topics.into_iter().filter(|topic| topic.replication_factor as usize > reachable);
    short
        .map(|topic| {
            let (factor, name) = (topic.replication_factor, &topic.name);
            let needed = nodes(factor as usize);
            if factor as usize > remaining {
                format!(
                    "{needed} needed for replication factor {factor} of topic {name}; only \
                     {remaining} would remain active"
                )
            } else {
                format!(
                    "{needed} needed for replication factor {factor} of topic {name}; only \
                     {reachable} of the {remaining} others can be reached"
                )
            }
        })
        .collect()
}

/// Partitions that cannot change because most of their voters are silent.
fn without_majority(situation: Situation<'_>, node: NodeId) -> impl Iterator<Item = String> {
    let on_node = situation.state.replicas_on(node);
    on_node.filter_map(move |(topic, number)| {
        let partition = topic.partitions.get(number as usize)?;
        let (up, all) = situation.voters_up(partition);
        (up * 2 <= all).then(|| {
            format!(
                "{}/{number} has no majority: {up} of its {all} voters can be reached",
                topic.name
            )
        })
    })
}

/// Partitions whose move is stuck.
fn without_progress(situation: Situation<'_>, node: NodeId) -> impl Iterator<Item = String> {
    situation.state.replicas_on(node).filter_map(move |(topic, number)| {
        let partition = topic.partitions.get(number as usize)?;
        Some(format!("{}/{number}: {}", topic.name, situation.no_progress(partition)?))
    })
}

fn nodes(count: usize) -> String {
    if count == 1 { "1 node is".into() } else { format!("{count} nodes are") }
}

/// The first ones, and how many more there are.
fn cap(sentences: &mut Vec<String>) {
    if sentences.len() > BLOCKERS_NAMED_MAX {
        let more = sentences.len() - BLOCKERS_NAMED_MAX;
        sentences.truncate(BLOCKERS_NAMED_MAX);
        sentences.push(format!("and {more} more"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sample, ids};
    use super::*;

    fn blockers(sample: &Sample, node: u64) -> Vec<String> {
        decommission_blockers(sample.situation(), NodeId(node))
    }

    #[test]
    fn too_few_nodes_block_and_are_counted() {
        let sample = Sample::nodes(3).topic("flights", 3, &[&[1, 2, 3]; 2].map(|list| &list[..]));
        let expected = "3 nodes are needed for replication factor 3 of topic flights; only 2 would \
                        remain active";
        assert_eq!(blockers(&sample, 3), [expected]);
        assert_eq!(blockers(&sample.decommissioning(3), 3), [expected], "also while it goes on");
        let sample = Sample::nodes(4).topic("flights", 3, &[&[1, 2, 3]]);
        assert_eq!(blockers(&sample, 3), [""; 0]);
        let said = blockers(&sample.clone().down(4), 3).join("");
        assert!(said.contains("only 2 of the 3 others can be reached"), "{said}");
        let said = blockers(&sample.draining(4), 3).join("");
        assert!(said.contains("only 2 would remain active"), "{said}");
    }

    #[test]
    fn a_partition_without_a_majority_blocks() {
        let sample = Sample::nodes(6).topic("flights", 3, &[&[1, 2, 3]]).down(1).down(2);
        let expected = "flights/0 has no majority: 1 of its 3 voters can be reached";
        assert_eq!(blockers(&sample, 3), [expected]);
        // A dead node can be decommissioned as long as the others carry its partitions.
        let sample = Sample::nodes(4).topic("flights", 3, &[&[1, 2, 3]]).down(3);
        assert_eq!(blockers(&sample, 3), [""; 0]);
    }

    #[test]
    fn a_move_that_gets_nowhere_blocks() {
        let mut sample = Sample::nodes(4).topic("flights", 3, &[&[1, 2, 3]]).decommissioning(3);
        let group = sample.partition(1).group;
        sample.reassign(group, &ids(&[1, 2, 4]));
        assert_eq!(blockers(&sample, 3), [""; 0]);
        let expected = "flights/0: no progress for 130 s (is the disk of node 4 full?)";
        assert_eq!(blockers(&sample.stuck(group, 130_000), 3), [expected]);
    }

    #[test]
    fn the_last_node_stays_and_many_blockers_are_counted() {
        assert_eq!(blockers(&Sample::nodes(1), 1), ["no other active node would remain"]);
        assert_eq!(blockers(&Sample::nodes(2), 1), [""; 0]);
        let mut sample = Sample::nodes(1);
        for number in 0..15 {
            sample = sample.topic(&format!("t{number}"), 1, &[&[1]]);
        }
        let said = blockers(&sample, 1);
        assert_eq!((said.len(), said[10].as_str()), (11, "and 5 more"));
    }

    #[test]
    fn a_node_is_done_when_it_is_empty() {
        let steps = |sample: &Sample, voters: &[u64]| {
            node_steps(sample.situation(), &ids(voters).into_iter().collect())
        };
        let sample = Sample::nodes(4).topic("t", 3, &[&[1, 2, 3]]);
        assert_eq!(steps(&sample.clone().decommissioning(3), &[1]), []);
        let node = NodeId(4);
        let done = MetadataCommand::SetNodeState { node, state: NodeState::Decommissioned };
        assert_eq!(steps(&sample.clone().decommissioning(4), &[1]), [done]);
        let votes = sample.clone().decommissioning(4);
        assert_eq!(steps(&votes, &[1, 2, 4]), [], "its vote is still needed");
        let blocker = |sample: &Sample, voters: &[u64]| {
            vote_blocker(sample.situation(), node, &ids(voters).into_iter().collect())
        };
        assert!(blocker(&votes, &[1, 2, 4]).unwrap().contains("metadata"));
        assert_eq!(blocker(&votes, &[1, 2, 3]), None);
        assert_eq!(blocker(&sample, &[1, 2, 4]), None, "nobody asked it to go");
        let (replaced, _) = sample.replace(4);
        assert_eq!(steps(&replaced, &[1, 4]), [], "it still counts in the metadata group");
        assert_eq!(steps(&replaced, &[1]), [MetadataCommand::RemoveNode { node }]);
    }
}
