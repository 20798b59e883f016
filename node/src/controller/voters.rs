//! Who votes in the metadata group. `[pure]` The largest odd number of voters that is at most five
//! and at most the number of nodes; a voter that has been silent for long or is on its way out is
//! replaced by a learner that has caught up.

use std::collections::BTreeSet;

use rampart_api::model::ids::NodeId;
use rampart_raft_store::state::metadata::state::NodeState;

use super::situation::Situation;

/// Voters of the metadata group.
const METADATA_VOTERS_MAX: usize = 5;

/// Who should vote, given who does and which nodes have caught up. The answer is the present
/// voters where nothing is to change.
pub(crate) fn plan_voters(
    situation: Situation<'_>,
    voters: &BTreeSet<NodeId>,
    caught_up: &BTreeSet<NodeId>,
    leader: NodeId,
) -> BTreeSet<NodeId> {
    let size = wanted_size(situation);
    // Nothing to choose from: what is there stays rather than nobody.
    if size == 0 {
        return voters.clone();
    }
    let mut chosen: Vec<NodeId> = Vec::with_capacity(size);
    while chosen.len() < size {
        let Some(next) = choose(situation, &chosen, voters, caught_up, leader) else {
            break;
        };
        chosen.push(next);
    }
    // An even number tolerates no more failures than one less, so the last one waits.
    let last_is_new = chosen.last().is_some_and(|last| !voters.contains(last));
    if chosen.len().is_multiple_of(2) && last_is_new {
        chosen.pop();
    }
    chosen.into_iter().collect()
}

fn wanted_size(situation: Situation<'_>) -> usize {
    let nodes = situation.state.nodes.keys().filter(|node| may_vote(situation, **node)).count();
    let most = nodes.min(METADATA_VOTERS_MAX);
    if most.is_multiple_of(2) { most.saturating_sub(1) } else { most }
}

/// Draining is for a while and moves leaderships only, so a voter goes on voting.
fn may_vote(situation: Situation<'_>, node: NodeId) -> bool {
    matches!(situation.node_state(node), Some(NodeState::Active | NodeState::Draining))
}

/// The leader; then present voters that are not lost; then learners that have caught up, distinct
/// racks first; of equals those that are heard from; a lost voter only if nobody can replace it.
fn choose(
    situation: Situation<'_>,
    chosen: &[NodeId],
    voters: &BTreeSet<NodeId>,
    caught_up: &BTreeSet<NodeId>,
    leader: NodeId,
) -> Option<NodeId> {
    let nodes = situation.state.nodes.keys().copied();
    let free = nodes.filter(|node| may_vote(situation, *node) && !chosen.contains(node));
    let usable = free.filter(|node| {
        let active = situation.node_state(*node) == Some(NodeState::Active);
        let ready = active && caught_up.contains(node) && situation.is_alive(*node);
        voters.contains(node) || ready
    });
    usable.min_by_key(|node| {
        let rack = situation.rack(*node);
        let rack_taken = chosen.iter().any(|other| situation.rack(*other) == rack);
        let rank = match (voters.contains(node), situation.lost.contains(node)) {
            (true, false) if *node == leader => 0,
            (true, false) => 1,
            (false, _) => 2,
            (true, true) => 3,
        };
        let draining = situation.node_state(*node) == Some(NodeState::Draining);
        (rank, !situation.is_alive(*node), rack_taken, draining, *node)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sample, ids};
    use super::*;

    /// Everybody has caught up, and the first voter leads, unless said otherwise.
    fn plan(sample: &Sample, voters: &[u64]) -> Vec<u64> {
        let all: Vec<u64> = sample.state.nodes.keys().map(|node| node.0).collect();
        plan_with(sample, voters, &all)
    }

    fn plan_with(sample: &Sample, voters: &[u64], caught_up: &[u64]) -> Vec<u64> {
        let set = |numbers: &[u64]| ids(numbers).into_iter().collect::<BTreeSet<_>>();
        let leader = NodeId(voters[0]);
        let chosen = plan_voters(sample.situation(), &set(voters), &set(caught_up), leader);
        chosen.into_iter().map(|node| node.0).collect()
    }

    #[test]
    fn the_largest_odd_number_up_to_five() {
        for (nodes, voters) in [
            (1, &[1][..]),
            (2, &[1]),
            (3, &[1, 2, 3]),
            (4, &[1, 2, 3]),
            (5, &[1, 2, 3, 4, 5]),
            (8, &[1, 2, 3, 4, 5]),
        ] {
            assert_eq!(plan(&Sample::nodes(nodes), &[1]), voters, "{nodes} nodes");
        }
    }

    #[test]
    fn a_learner_votes_once_it_has_caught_up_and_never_makes_the_number_even() {
        let sample = Sample::nodes(3);
        assert_eq!(plan_with(&sample, &[1], &[1]), [1]);
        assert_eq!(plan_with(&sample, &[1], &[1, 2]), [1]);
        assert_eq!(plan_with(&sample, &[1], &[1, 2, 3]), [1, 2, 3]);
        assert_eq!(plan(&sample.down(3), &[1]), [1], "a silent node is not promoted");
    }

    #[test]
    fn a_lost_voter_is_replaced_if_somebody_can() {
        assert_eq!(plan(&Sample::nodes(4).down(2), &[1, 2, 3]), [1, 2, 3], "not at once");
        assert_eq!(plan(&Sample::nodes(4).lost(2), &[1, 2, 3]), [1, 3, 4]);
        assert_eq!(plan(&Sample::nodes(3).lost(2), &[1, 2, 3]), [1, 2, 3]);
        assert_eq!(plan_with(&Sample::nodes(4).lost(2), &[1, 2, 3], &[1, 3]), [1, 2, 3]);
    }

    #[test]
    fn a_node_on_its_way_out_hands_its_vote_on() {
        assert_eq!(plan(&Sample::nodes(4).decommissioning(1), &[1, 2, 3]), [2, 3, 4]);
        assert_eq!(plan(&Sample::nodes(3).decommissioning(3), &[1, 2, 3]), [1]);
        let (sample, new) = Sample::nodes(3).replace(3);
        assert_eq!(plan(&sample, &[1, 2, 3]), [1, 2, new.0]);
        assert_eq!(plan(&Sample::nodes(3).draining(3), &[1, 2, 3]), [1, 2, 3]);
        assert_eq!(plan(&Sample::nodes(4).draining(2), &[1]), [1, 3, 4], "no new vote for it");
    }

    #[test]
    fn of_equals_the_living_go_on_voting() {
        // Five voters become three: not two that are silent and the leader.
        let sample = Sample::nodes(5).decommissioning(1).down(2).decommissioning(5);
        assert_eq!(plan(&sample, &[3, 1, 2, 4, 5]), [2, 3, 4], "nobody else is there");
        let sample = Sample::nodes(6).decommissioning(1).decommissioning(6).down(2).down(3);
        assert_eq!(plan(&sample, &[4, 1, 2, 3, 5]), [2, 4, 5]);
        assert_eq!(plan(&Sample::nodes(4).down(2), &[1, 2, 3]), [1, 2, 3], "and no vote moves");
    }

    #[test]
    fn racks_are_distinct_where_there_is_a_choice() {
        let sample = Sample::racks(&["a", "a", "a", "b", "c"]).decommissioning(2);
        assert_eq!(plan(&sample, &[1]), [1, 4, 5]);
    }

    #[test]
    fn the_leader_is_the_last_to_go() {
        let sample = Sample::nodes(5).decommissioning(1).decommissioning(2);
        assert_eq!(plan(&sample, &[5, 4, 3, 2, 1]), [3, 4, 5]);
        let sample = Sample::nodes(4);
        assert_eq!(plan(&sample, &[4, 3, 2, 1]), [1, 2, 4]);
    }
}
