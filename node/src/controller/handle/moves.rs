//! Where replicas live: moves by hand, what is under way, rebalancing.

use rampart_api::model::ids::{NodeId, PartitionId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::command::MetadataCommand;

use super::ControllerHandle;
use crate::controller::moves::{Subject, describe, find_partition, plan_cancel, plan_reassign};
use crate::controller::rebalance;
use crate::controller::request::{Move, MoveReason, Plan, PlannedMove};
use crate::controller::steps::{pause_rebalance, start_rebalance};
use crate::partition::request::PartitionKey;

impl ControllerHandle {
    /// Moves a partition's replicas to exactly these nodes, the preferred leader first. Answers
    /// the metadata index, none with a dry run, and the move.
    ///
    /// # Errors
    /// Names what is wrong with the target.
    pub async fn reassign(
        &self,
        topic: &str,
        partition: PartitionId,
        nodes: Vec<NodeId>,
        dry_run: bool,
    ) -> Result<(Option<u64>, PlannedMove), Problem> {
        let planned = plan_reassign(self.outlook().situation(), topic, partition, &nodes)?;
        if dry_run {
            return Ok((None, planned));
        }
        let command = MetadataCommand::Reassign { group: planned.group, target: nodes };
        Ok((Some(self.propose(command).await?), planned))
    }

    /// Takes back a move that has not finished; answers the metadata index. If it was part of a
    /// rebalance, that pauses until another node joins or somebody starts it again.
    ///
    /// # Errors
    /// `INVALID_REQUEST` if nothing moves; `UNSAFE` if it would start again at once, saying why.
    pub async fn cancel_move(&self, topic: &str, partition: PartitionId) -> Result<u64, Problem> {
        let outlook = self.outlook();
        let situation = outlook.situation();
        let group = plan_cancel(situation, topic, partition)?;
        let (topic, record) = find_partition(situation, topic, partition)?;
        let shown = describe(situation, topic, partition, record, None);
        if shown.is_some_and(|shown| shown.reason == MoveReason::Rebalance) {
            self.propose(pause_rebalance(&outlook.state)).await?;
        }
        self.propose(MetadataCommand::CancelReassign { group }).await
    }

    /// Moves that have not finished.
    pub async fn moves(&self) -> Vec<Move> {
        let outlook = self.outlook();
        let moving: Vec<_> =
            outlook.state.partitions().filter(|(_, _, record)| record.is_moving()).collect();
        let keys = moving
            .iter()
            .map(|(topic, partition, _)| PartitionKey { topic: topic.id, partition: *partition });
        let statuses = self.statuses(keys).await;
        let now_ms = self.now_ms();
        let shown = moving.into_iter().filter_map(|(topic, number, record)| {
            let status = statuses.get(&record.group);
            let mut shown = describe(outlook.situation(), topic, number, record, status)?;
            let subject = Subject::Group(record.group);
            shown.eta_ms =
                shown.bytes_left.and_then(|bytes| self.meter().note(subject, bytes, now_ms));
            Some(shown)
        });
        shown.collect()
    }

    /// Evens out replicas and preferred leaderships, a few moves at a time; answers the plan. With
    /// a dry run nothing is started.
    ///
    /// # Errors
    /// When the metadata group takes no proposals.
    pub async fn rebalance(&self, dry_run: bool) -> Result<Plan, Problem> {
        let outlook = self.outlook();
        let plan = rebalance::plan(outlook.situation(), usize::MAX);
        if dry_run || (plan.moves.is_empty() && plan.transfers.is_empty()) {
            return Ok(plan);
        }
        self.propose(start_rebalance()).await?;
        Ok(Plan { started: true, ..plan })
    }
}
