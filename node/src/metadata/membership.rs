//! Keeps the metadata group's membership equal to the cluster: every node of the metadata is at
//! least a learner, removed nodes leave, the controller names the voters. Acts only on the leader.

use std::collections::{BTreeMap, BTreeSet};

use openraft::ChangeMembers;
use rampart_api::model::ids::NodeId;
use rampart_raft_store::state::metadata::state::{MetadataState, NodeState};
use rampart_raft_store::type_config::Member;

use super::MetadataHandle;
use crate::raft::membership::{self, Former};
use crate::raft::status::{self, MembershipView, Role};

/// Changes the metadata group's members; one change at a time.
#[derive(Debug, Clone)]
pub struct MembershipKeeper {
    metadata: MetadataHandle,
}

/// One step towards the wanted membership.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// End the joint configuration that a former leader left behind.
    FinishChange,
    AddLearners(BTreeMap<u64, Member>),
    Voters(BTreeSet<u64>),
    Remove(BTreeSet<u64>),
}

impl MembershipKeeper {
    /// For the given metadata replica.
    pub fn new(metadata: MetadataHandle) -> Self {
        MembershipKeeper { metadata }
    }

    /// Takes one step towards: voters exactly `voters`, learners all other nodes of the state.
    /// Does nothing on a node that does not lead, or while a change is under way.
    pub async fn step(&self, voters: &BTreeSet<NodeId>) {
        let raft = self.metadata.raft();
        if self.metadata.status().role != Role::Leader {
            return;
        }
        let view = status::membership(raft);
        let Some(step) = next_step(&self.metadata.state(), &view, voters) else { return };
        tracing::info!(?step, "changing the metadata group's membership");
        let changed = match step {
            Step::FinishChange => membership::finish(raft, &view).await,
            Step::AddLearners(nodes) => {
                let members = ChangeMembers::AddNodes(nodes);
                membership::change(raft, &view, members, Former::Learners).await
            }
            Step::Voters(voters) => {
                let members = ChangeMembers::ReplaceAllVoters(voters);
                membership::change(raft, &view, members, Former::Learners).await
            }
            Step::Remove(nodes) => {
                let members = ChangeMembers::RemoveNodes(nodes);
                membership::change(raft, &view, members, Former::Learners).await
            }
        };
        if let Err(error) = changed {
            tracing::warn!(%error, "metadata membership change did not finish; it will be retried");
        }
    }

    /// Last log index a member is known to have, as the leader sees it.
    pub fn matched(&self, node: NodeId) -> Option<u64> {
        use openraft::async_runtime::watch::WatchReceiver;
        let rx = self.metadata.raft().metrics();
        let metrics = rx.borrow_watched();
        metrics.replication.as_ref()?.get(&node.0)?.as_ref().map(|log_id| log_id.index)
    }

    /// Current voters.
    pub fn voters(&self) -> BTreeSet<NodeId> {
        status::membership(self.metadata.raft()).voters.iter().map(|(_, node)| *node).collect()
    }
}

fn next_step(
    state: &MetadataState,
    view: &MembershipView,
    voters: &BTreeSet<NodeId>,
) -> Option<Step> {
    if !view.is_committed {
        return None;
    }
    if view.is_joint {
        return Some(Step::FinishChange);
    }
    let present: BTreeSet<u64> =
        view.voters.iter().chain(&view.learners).map(|(replica, _)| replica.0).collect();
    let wanted: BTreeSet<u64> = state
        .nodes
        .values()
        .filter(|node| node.state != NodeState::Replaced)
        .map(|node| node.id.0)
        .collect();
    let missing: BTreeMap<u64, Member> =
        wanted.difference(&present).map(|id| (*id, Member { node: NodeId(*id) })).collect();
    if !missing.is_empty() {
        return Some(Step::AddLearners(missing));
    }
    let current: BTreeSet<u64> = view.voters.iter().map(|(replica, _)| replica.0).collect();
    let target: BTreeSet<u64> =
        voters.iter().map(|node| node.0).filter(|id| present.contains(id)).collect();
    if !target.is_empty() && target != current {
        return Some(Step::Voters(target));
    }
    let surplus: BTreeSet<u64> =
        present.difference(&wanted).filter(|id| !current.contains(id)).copied().collect();
    (!surplus.is_empty()).then_some(Step::Remove(surplus))
}

#[cfg(test)]
mod tests {
    use rampart_raft_store::state::metadata::command::NodeInfo;
    use rampart_raft_store::state::metadata::state::NodeRecord;

    use super::*;

    fn state(nodes: &[u64]) -> MetadataState {
        let record = |id: u64| NodeRecord {
            id: NodeId(id),
            disk: Default::default(),
            boot: 1,
            info: NodeInfo::default(),
            state: NodeState::Active,
            replaced_by: None,
        };
        MetadataState {
            nodes: nodes.iter().map(|id| (NodeId(*id), record(*id))).collect(),
            ..MetadataState::default()
        }
    }

    fn view(voters: &[u64], learners: &[u64]) -> MembershipView {
        let pair = |id: &u64| (rampart_api::model::ids::ReplicaId(*id), NodeId(*id));
        MembershipView {
            voters: voters.iter().map(pair).collect(),
            learners: learners.iter().map(pair).collect(),
            log_id: None,
            is_joint: false,
            is_committed: true,
        }
    }

    fn set(ids: &[u64]) -> BTreeSet<NodeId> {
        ids.iter().map(|id| NodeId(*id)).collect()
    }

    #[test]
    fn a_change_left_half_done_is_finished_first() {
        let (nodes, voters) = (state(&[1, 2, 3]), set(&[1]));
        let joint = MembershipView { is_joint: true, ..view(&[1, 2], &[]) };
        assert_eq!(next_step(&nodes, &joint, &voters), Some(Step::FinishChange));
        let under_way = MembershipView { is_committed: false, ..joint };
        assert_eq!(next_step(&nodes, &under_way, &voters), None);
    }

    #[test]
    fn a_new_node_becomes_a_learner_first() {
        let step = next_step(&state(&[1, 2]), &view(&[1], &[]), &set(&[1]));
        assert_eq!(step, Some(Step::AddLearners([(2, Member { node: NodeId(2) })].into())));
    }

    #[test]
    fn voters_follow_the_plan_and_removed_nodes_leave() {
        let step = next_step(&state(&[1, 2, 3]), &view(&[1], &[2, 3]), &set(&[1, 2, 3]));
        assert_eq!(step, Some(Step::Voters([1, 2, 3].into())));
        let step = next_step(&state(&[1, 2]), &view(&[1], &[2, 3]), &set(&[1]));
        assert_eq!(step, Some(Step::Remove([3].into())));
        assert_eq!(next_step(&state(&[1, 2]), &view(&[1], &[2]), &set(&[1])), None);
    }
}
