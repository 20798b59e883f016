//! Nodes: drain, decommission, recommission, remove.

use std::collections::BTreeMap;

use rampart_api::model::ids::{GroupId, NodeId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::{PartitionRecord, ReplicaState};

use super::{ControllerHandle, Outlook};
use crate::controller::failure::{decommission_blockers, vote_blocker};
use crate::controller::moves::{Subject, bytes_missing};
use crate::controller::node_rules::{
    find_node, plan_decommission, plan_drain, plan_recommission, plan_remove,
};
use crate::controller::request::{Decommission, Progress};
use crate::controller::steps::plan_cluster_config;
use crate::partition::request::{PartitionKey, PartitionStatus};

impl ControllerHandle {
    /// Moves the leaderships away from a node; its data stays. Answers the metadata index.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`; `UNSAFE` when nobody could take over.
    pub async fn drain(&self, node: NodeId) -> Result<u64, Problem> {
        self.propose(plan_drain(self.outlook().situation(), node)?).await
    }

    /// Moves all replicas away from a node. Answers the metadata index, none with a dry run, and
    /// how much there is to do and what blocks it.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`; `UNSAFE`, naming what blocks its end, unless forced or dry.
    pub async fn decommission(
        &self,
        node: NodeId,
        how: Decommission,
    ) -> Result<(Option<u64>, Progress), Problem> {
        let outlook = self.outlook();
        // A dry run tells the blockers instead of being refused for them.
        let anyway = how.force || how.dry_run;
        let (command, _) = plan_decommission(outlook.situation(), node, anyway)?;
        let index = match how.dry_run {
            true => None,
            false => Some(self.propose(command).await?),
        };
        Ok((index, self.progress(&outlook, node).await))
    }

    /// Makes a node active again; answers the metadata index.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`; `DISK_REJECTED` for one that was replaced.
    pub async fn recommission(&self, node: NodeId) -> Result<u64, Problem> {
        self.propose(plan_recommission(self.outlook().situation(), node)?).await
    }

    /// Takes a node without replicas out of the cluster for good; answers the metadata index.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`; `UNSAFE` when it has replicas, or is up and was not decommissioned.
    pub async fn remove(&self, node: NodeId) -> Result<u64, Problem> {
        self.propose(plan_remove(self.outlook().situation(), node, &self.metadata_voters())?).await
    }

    /// How far a decommission is, or what it would have to do.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`.
    pub async fn decommission_progress(&self, node: NodeId) -> Result<Progress, Problem> {
        let outlook = self.outlook();
        find_node(outlook.situation(), node)?;
        Ok(self.progress(&outlook, node).await)
    }

    /// Changes cluster-wide settings; answers the metadata index.
    ///
    /// # Errors
    /// `INVALID_CONFIG`, naming the setting.
    pub async fn set_cluster_config(
        &self,
        changes: BTreeMap<String, Option<String>>,
    ) -> Result<u64, Problem> {
        self.propose(plan_cluster_config(changes)?).await
    }

    async fn progress(&self, outlook: &Outlook, node: NodeId) -> Progress {
        let on_node: Vec<_> = outlook.state.replicas_on(node).collect();
        let keys = on_node
            .iter()
            .map(|(topic, partition)| PartitionKey { topic: topic.id, partition: *partition });
        let statuses = self.statuses(keys).await;
        let partitions_left = on_node.len() as u64;
        let records =
            on_node.iter().filter_map(|(topic, number)| topic.partitions.get(*number as usize));
        let known = records.filter_map(|partition| bytes_to_copy(partition, &statuses));
        let bytes_left = scale_up(known, partitions_left);
        let now_ms = self.now_ms();
        let eta_ms = self.meter().note(Subject::Node(node), bytes_left, now_ms);
        let mut blockers = decommission_blockers(outlook.situation(), node);
        blockers.extend(vote_blocker(outlook.situation(), node, &self.metadata_voters()));
        Progress {
            partitions_left,
            bytes_left,
            eta_ms: eta_ms.filter(|_| partitions_left == 0 || bytes_left > 0),
            blockers,
        }
    }
}

/// What must still be copied before the partition's replica can go; if nothing moves yet, all.
fn bytes_to_copy(
    partition: &PartitionRecord,
    statuses: &BTreeMap<GroupId, PartitionStatus>,
) -> Option<u64> {
    let status = statuses.get(&partition.group)?;
    if !partition.is_moving() {
        return Some(status.size_bytes);
    }
    let joining = partition.replicas.iter().filter(|r| r.state == ReplicaState::Joining);
    Some(joining.map(|replica| bytes_missing(status, replica)).sum())
}

/// The sum, scaled to all partitions where some leaders did not answer.
fn scale_up(known: impl Iterator<Item = u64>, partitions: u64) -> u64 {
    let (count, sum) =
        known.fold((0u64, 0u128), |(count, sum), bytes| (count + 1, sum + u128::from(bytes)));
    let scaled = (sum * u128::from(partitions)).checked_div(u128::from(count)).unwrap_or(0);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_partitions_count_as_the_average() {
        assert_eq!(scale_up([10, 20].into_iter(), 2), 30);
        assert_eq!(scale_up([10, 20].into_iter(), 4), 60);
        assert_eq!(scale_up(std::iter::empty(), 4), 0);
    }
}
