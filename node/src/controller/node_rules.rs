//! What may be asked about nodes. `[pure]` Turns a request into the command to propose, or into a
//! refusal that names what blocks it.

use std::collections::BTreeSet;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::{NodeRecord, NodeState};

use super::failure::decommission_blockers;
use super::situation::Situation;
use super::topic_rules::dry_run;

/// The command that drains a node.
pub(crate) fn plan_drain(
    situation: Situation<'_>,
    node: NodeId,
) -> Result<MetadataCommand, Problem> {
    find_node(situation, node)?;
    if !situation.active_alive().any(|other| other != node) {
        return Err(Problem::new(
            ErrorCode::Unsafe,
            format!("node {node} can't be drained: no other active node can be reached"),
        )
        .hint("its leaderships need somewhere to go: start or add another node first"));
    }
    set_state(situation, node, NodeState::Draining)
}

/// The command that begins a decommission, and what blocks its end. `force` begins although it
/// cannot end yet.
pub(crate) fn plan_decommission(
    situation: Situation<'_>,
    node: NodeId,
    force: bool,
) -> Result<(MetadataCommand, Vec<String>), Problem> {
    find_node(situation, node)?;
    let command = set_state(situation, node, NodeState::Decommissioning)?;
    let blockers = decommission_blockers(situation, node);
    if blockers.is_empty() || force {
        return Ok((command, blockers));
    }
    Err(Problem::new(
        ErrorCode::Unsafe,
        format!("the decommission of node {node} could not end: {}", blockers.join("; ")),
    )
    .hint("add a node or lower the replication factor; with force it begins and waits for that"))
}

/// The command that makes a node active again.
pub(crate) fn plan_recommission(
    situation: Situation<'_>,
    node: NodeId,
) -> Result<MetadataCommand, Problem> {
    set_state(situation, node, NodeState::Active)
}

/// The command that takes a node out for good.
pub(crate) fn plan_remove(
    situation: Situation<'_>,
    node: NodeId,
    metadata_voters: &BTreeSet<NodeId>,
) -> Result<MetadataCommand, Problem> {
    let record = find_node(situation, node)?;
    let command = MetadataCommand::RemoveNode { node };
    dry_run(situation.state, &command)?;
    let gone = matches!(record.state, NodeState::Decommissioned | NodeState::Replaced);
    if situation.is_alive(node) && !gone {
        return Err(Problem::new(
            ErrorCode::Unsafe,
            format!("node {node} is up and part of the cluster"),
        )
        .hint(format!("decommission it first: rampart node decommission {node} --wait")));
    }
    if situation.is_alive(node) && metadata_voters.contains(&node) {
        return Err(Problem::new(
            ErrorCode::Unsafe,
            format!("node {node} is up and still votes in the metadata group"),
        )
        .hint("another node takes over by itself; try again in a few seconds"));
    }
    Ok(command)
}

/// The node of that id.
pub(crate) fn find_node<'a>(
    situation: Situation<'a>,
    node: NodeId,
) -> Result<&'a NodeRecord, Problem> {
    situation.state.nodes.get(&node).ok_or_else(|| {
        let known: Vec<String> = situation.state.nodes.keys().map(ToString::to_string).collect();
        Problem::new(ErrorCode::NodeNotFound, format!("node {node} is not in the cluster"))
            .hint(format!("its nodes are {}", known.join(", ")))
    })
}

fn set_state(
    situation: Situation<'_>,
    node: NodeId,
    state: NodeState,
) -> Result<MetadataCommand, Problem> {
    find_node(situation, node)?;
    let command = MetadataCommand::SetNodeState { node, state };
    dry_run(situation.state, &command)?;
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sample;
    use super::*;

    #[test]
    fn a_node_drains_if_another_can_take_over() {
        assert!(plan_drain(Sample::nodes(2).situation(), NodeId(1)).is_ok());
        let alone = plan_drain(Sample::nodes(2).down(2).situation(), NodeId(1)).unwrap_err();
        assert_eq!(alone.code, ErrorCode::Unsafe);
        let unknown = plan_drain(Sample::nodes(2).situation(), NodeId(9)).unwrap_err();
        assert_eq!(unknown.code, ErrorCode::NodeNotFound);
        assert_eq!(unknown.hint.as_deref(), Some("its nodes are 1, 2"));
    }

    #[test]
    fn a_decommission_that_cannot_end_says_why_and_can_be_forced() {
        let sample = Sample::nodes(3).topic("flights", 3, &[&[1, 2, 3]]);
        let problem = plan_decommission(sample.situation(), NodeId(3), false).unwrap_err();
        assert_eq!(problem.code, ErrorCode::Unsafe);
        let says = "3 nodes are needed for replication factor 3 of topic flights";
        assert!(problem.detail.contains(says), "{problem}");
        let (_, blockers) = plan_decommission(sample.situation(), NodeId(3), true).unwrap();
        assert_eq!(blockers.len(), 1);
        let roomy = Sample::nodes(4).topic("flights", 3, &[&[1, 2, 3]]);
        assert_eq!(plan_decommission(roomy.situation(), NodeId(3), false).unwrap().1, [""; 0]);
    }

    #[test]
    fn only_what_is_gone_and_empty_is_removed() {
        let voters = BTreeSet::from([1, 2, 3].map(NodeId));
        let remove = |sample: &Sample, node| plan_remove(sample.situation(), NodeId(node), &voters);
        let sample = Sample::nodes(4).topic("t", 1, &[&[1]]);
        let up = remove(&sample, 4).unwrap_err();
        assert!(up.detail.contains("is up"), "{up}");
        assert!(remove(&sample.clone().down(4), 4).is_ok());
        let holds = remove(&sample.clone().down(1), 1).unwrap_err();
        assert!(holds.detail.contains("t/0"), "{holds}");
        let mut gone = sample.decommissioning(4);
        let (node, state) = (NodeId(4), NodeState::Decommissioned);
        gone.apply(&MetadataCommand::SetNodeState { node, state });
        assert!(remove(&gone, 4).is_ok());
        let voters = BTreeSet::from([1, 2, 4].map(NodeId));
        let votes = plan_remove(gone.situation(), node, &voters).unwrap_err();
        assert!(votes.detail.contains("votes"), "{votes}");
        assert!(plan_recommission(gone.situation(), node).is_ok());
    }
}
