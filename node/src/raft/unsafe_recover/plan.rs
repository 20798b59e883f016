//! Which metadata commands leave one node with everything: pure, tried out on a copy of the state,
//! so that none is written that would be refused.

use std::collections::BTreeMap;

use rampart_api::model::ids::{GroupId, NodeId, ReplicaId};
use rampart_raft_store::state::metadata::command::{MetadataCommand, MetadataResponse};
use rampart_raft_store::state::metadata::state::{MetadataState, NodeState};

use super::UnsafeRecoverError;

/// The commands, and what they mean.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) commands: Vec<MetadataCommand>,
    pub(super) lost: Vec<GroupId>,
    pub(super) removed: Vec<NodeId>,
}

/// A copy of the state that the commands so far have changed.
struct Trial {
    state: MetadataState,
    commands: Vec<MetadataCommand>,
}

impl Trial {
    fn add(&mut self, command: MetadataCommand) -> Result<(), UnsafeRecoverError> {
        let index = self.state.applied_index + 1;
        match self.state.apply(index, &command) {
            MetadataResponse::Refused(problem) => Err(UnsafeRecoverError::Refused {
                command: format!("{command:?}"),
                reason: problem.to_string(),
            }),
            MetadataResponse::Done
            | MetadataResponse::Joined { .. }
            | MetadataResponse::TopicCreated { .. }
            | MetadataResponse::PartitionsAdded { .. }
            | MetadataResponse::ProducerIds { .. } => {
                self.commands.push(command);
                Ok(())
            }
        }
    }

    /// Leaves the partition with this node's replica alone: the one that goes on, or, if there is
    /// none, a new and empty one that never will lead. So nothing pretends to be whole.
    fn settle(
        &mut self,
        group: GroupId,
        node: NodeId,
        goes_on: Option<(ReplicaId, u64)>,
    ) -> Result<(), UnsafeRecoverError> {
        self.add(MetadataCommand::Reassign { group, target: vec![node] })?;
        let (_, record) = self.state.partition_of(group).expect("it was just reassigned");
        let index = record.membership_index + 1;
        let here = record.replicas.iter().find(|replica| replica.node == node);
        let here = here.map(|replica| (replica.id, index));
        let Some((replica, membership_index)) = goes_on.or(here) else { return Ok(()) };
        let voters = vec![replica];
        self.add(MetadataCommand::MembershipReached { group, voters, membership_index })
    }
}

/// `taken`: the partitions that go on here, with the index of their new membership.
pub(super) fn plan(
    state: &MetadataState,
    node: NodeId,
    taken: &BTreeMap<GroupId, (ReplicaId, u64)>,
) -> Result<Plan, UnsafeRecoverError> {
    let mut trial = Trial { state: state.clone(), commands: Vec::new() };
    if state.nodes.get(&node).is_some_and(|record| record.state != NodeState::Active) {
        trial.add(MetadataCommand::SetNodeState { node, state: NodeState::Active })?;
    }
    for group in state.groups.keys() {
        trial.settle(*group, node, taken.get(group).copied())?;
    }
    let removed: Vec<_> = state.nodes.keys().copied().filter(|other| *other != node).collect();
    for node in &removed {
        trial.add(MetadataCommand::RemoveNode { node: *node })?;
    }
    let lost = state.groups.keys().copied().filter(|group| !taken.contains_key(group)).collect();
    Ok(Plan { commands: trial.commands, lost, removed })
}
