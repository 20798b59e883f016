//! What is under way: why, how many bytes are left, for how long, and what is in the way. `[pure]`
//! Also the checks of a move that somebody asks for.

use std::collections::BTreeMap;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{GroupId, NodeId, PartitionId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::{
    NodeState, PartitionRecord, ReplicaRecord, ReplicaState, TopicRecord,
};

use super::replication::plan_repairs;
use super::request::{Arrival, Move, MoveReason, PlannedMove};
use super::situation::Situation;
use super::topic_rules::{dry_run, find_topic};
use crate::partition::request::{PartitionStatus, ReplicaStatus};

/// The move of a partition, if it has one.
pub(crate) fn describe(
    situation: Situation<'_>,
    topic: &TopicRecord,
    number: PartitionId,
    partition: &PartitionRecord,
    status: Option<&PartitionStatus>,
) -> Option<Move> {
    if !partition.is_moving() {
        return None;
    }
    let with = |state: ReplicaState| partition.replicas.iter().filter(move |r| r.state == state);
    let arrival = |replica: &ReplicaRecord| Arrival {
        node: replica.node,
        bytes_left: status.map(|status| bytes_missing(status, replica)),
    };
    let joining: Vec<Arrival> = with(ReplicaState::Joining).map(arrival).collect();
    let here = partition.replicas.iter().filter(|r| r.state != ReplicaState::Joining);
    Some(Move {
        topic: topic.name.clone(),
        partition: number,
        group: partition.group,
        reason: reason(situation, topic, partition),
        from: here.map(|replica| replica.node).collect(),
        to: partition.wanted_nodes().collect(),
        leaving: with(ReplicaState::Leaving).map(|replica| replica.node).collect(),
        bytes_left: joining.iter().map(|arrival| arrival.bytes_left).sum(),
        joining,
        eta_ms: None,
        blockers: blockers(situation, partition, status),
    })
}

/// Bytes that a replica still has to receive, from the share of the records it lacks.
pub(crate) fn bytes_missing(status: &PartitionStatus, replica: &ReplicaRecord) -> u64 {
    let records = status.log_end.0.saturating_sub(status.log_start.0);
    let of = |r: &&ReplicaStatus| r.replica == replica.id;
    let Some(known) = status.replicas.iter().find(of) else { return status.size_bytes };
    let has = known.match_offset.0.saturating_sub(status.log_start.0).min(records);
    let share = u128::from(status.size_bytes) * u128::from(records - has);
    let missing = share.checked_div(u128::from(records)).unwrap_or(0);
    u64::try_from(missing).unwrap_or(u64::MAX)
}

fn reason(
    situation: Situation<'_>,
    topic: &TopicRecord,
    partition: &PartitionRecord,
) -> MoveReason {
    let mut leaving = partition.replicas.iter().filter(|r| r.state == ReplicaState::Leaving);
    let state = |replica: &ReplicaRecord| situation.node_state(replica.node);
    let wanted = partition.wanted_nodes().count();
    if !partition.damaged.is_empty() {
        MoveReason::ReplicaDamaged
    } else if leaving.clone().any(|r| state(r) == Some(NodeState::Replaced)) {
        MoveReason::NodeReplaced
    } else if leaving
        .any(|r| matches!(state(r), Some(NodeState::Decommissioning | NodeState::Decommissioned)))
    {
        MoveReason::Decommission
    } else if partition.voters.len() != wanted || wanted != topic.replication_factor as usize {
        MoveReason::ReplicationFactor
    } else {
        MoveReason::Rebalance
    }
}

fn blockers(
    situation: Situation<'_>,
    partition: &PartitionRecord,
    status: Option<&PartitionStatus>,
) -> Vec<String> {
    let mut blockers = Vec::new();
    let (up, all) = situation.voters_up(partition);
    if up * 2 <= all {
        blockers.push(format!("no majority: {up} of its {all} voters can be reached"));
    } else if status.is_none_or(|status| status.leader.is_none()) {
        blockers.push("its leader does not answer".to_owned());
    }
    let joining = partition.replicas.iter().filter(|r| r.state == ReplicaState::Joining);
    let silent = joining.filter(|replica| !situation.is_alive(replica.node));
    blockers.extend(
        silent.map(|r| format!("node {}, where a replica is to join, can't be reached", r.node)),
    );
    blockers.extend(situation.no_progress(partition));
    blockers
}

/// The partition of that name and number.
pub(crate) fn find_partition<'a>(
    situation: Situation<'a>,
    topic: &str,
    number: PartitionId,
) -> Result<(&'a TopicRecord, &'a PartitionRecord), Problem> {
    let record = find_topic(situation.state, topic)?;
    let partition = record.partitions.get(number as usize).ok_or_else(|| {
        let last = record.partitions.len().saturating_sub(1);
        Problem::new(
            ErrorCode::InvalidPartition,
            format!("topic {topic} has no partition {number}; it has 0 to {last}"),
        )
    })?;
    Ok((record, partition))
}

/// A move that somebody asks for.
pub(crate) fn plan_reassign(
    situation: Situation<'_>,
    topic: &str,
    number: PartitionId,
    nodes: &[NodeId],
) -> Result<PlannedMove, Problem> {
    let (record, partition) = find_partition(situation, topic, number)?;
    let factor = record.replication_factor as usize;
    if nodes.len() != factor {
        return Err(Problem::new(
            ErrorCode::InvalidReplicationFactor,
            format!("{} nodes named; topic {topic} has replication factor {factor}", nodes.len()),
        )
        .hint(format!("name {factor} nodes, or change the topic's replication factor")));
    }
    let from: Vec<NodeId> = partition.wanted_nodes().collect();
    let group = partition.group;
    dry_run(situation.state, &MetadataCommand::Reassign { group, target: nodes.to_vec() })?;
    let new = nodes.iter().filter(|node| !from.contains(node));
    if let Some(silent) = new.copied().find(|node| !situation.is_alive(*node)) {
        return Err(Problem::new(
            ErrorCode::Unsafe,
            format!("node {silent} can't be reached, so a replica can't be copied to it"),
        )
        .hint("start it, or name another node"));
    }
    Ok(PlannedMove {
        topic: topic.to_owned(),
        partition: number,
        group,
        reason: MoveReason::Rebalance,
        from,
        to: nodes.to_vec(),
    })
}

/// The group whose move is taken back. Refused where the controller would start it again at once.
pub(crate) fn plan_cancel(
    situation: Situation<'_>,
    topic: &str,
    number: PartitionId,
) -> Result<GroupId, Problem> {
    let (record, partition) = find_partition(situation, topic, number)?;
    if !partition.is_moving() {
        return Err(Problem::new(
            ErrorCode::InvalidRequest,
            format!("{topic}/{number} is not being moved"),
        ));
    }
    let group = partition.group;
    let after = dry_run(situation.state, &MetadataCommand::CancelReassign { group })?;
    let after = Situation { state: &after, ..situation };
    let again = plan_repairs(after, usize::MAX).into_iter().any(|planned| planned.group == group);
    if !again {
        return Ok(group);
    }
    let (why, hint) = match reason(situation, record, partition) {
        MoveReason::NodeReplaced => {
            ("a node that has a replica of it was replaced", "wait until it ends")
        }
        MoveReason::ReplicaDamaged => ("a replica of it is damaged", "wait until it ends"),
        MoveReason::Decommission => (
            "a node that has a replica of it is being decommissioned",
            "recommission the node: rampart node recommission",
        ),
        MoveReason::ReplicationFactor | MoveReason::Rebalance => {
            ("it has not as many replicas as its topic asks for", "change the replication factor")
        }
    };
    Err(Problem::new(
        ErrorCode::Unsafe,
        format!("the move of {topic}/{number} would start again at once: {why}"),
    )
    .hint(hint))
}

/// Measures how fast bytes left become fewer, per subject. The time is an argument.
#[derive(Debug, Default)]
pub(crate) struct SpeedMeter {
    samples: BTreeMap<Subject, Progression>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Group(GroupId),
    Node(NodeId),
}

#[derive(Debug, Clone, Copy)]
struct Progression {
    first_ms: u64,
    first_bytes: u64,
    last_ms: u64,
}

/// A measurement that was not continued for so long starts again.
const MEASURE_GAP_MS_MAX: u64 = 60_000;
/// Subjects that are measured at once.
const SUBJECTS_MAX: usize = 20_000;

impl SpeedMeter {
    /// Notes the bytes left now; answers the milliseconds to the end at the speed so far.
    pub(crate) fn note(&mut self, subject: Subject, bytes_left: u64, now_ms: u64) -> Option<u64> {
        self.samples.retain(|_, sample| now_ms < sample.last_ms + MEASURE_GAP_MS_MAX);
        if bytes_left == 0 {
            self.samples.remove(&subject);
            return Some(0);
        }
        if self.samples.len() >= SUBJECTS_MAX && !self.samples.contains_key(&subject) {
            return None;
        }
        let fresh = Progression { first_ms: now_ms, first_bytes: bytes_left, last_ms: now_ms };
        let sample = self.samples.entry(subject).or_insert(fresh);
        // More to do than at the start: another move, or more is written than copied.
        if bytes_left > sample.first_bytes {
            *sample = fresh;
        }
        sample.last_ms = now_ms;
        let done = u128::from(sample.first_bytes - bytes_left);
        let eta = u128::from(bytes_left) * u128::from(now_ms - sample.first_ms);
        eta.checked_div(done).and_then(|eta| u64::try_from(eta).ok())
    }
}

#[cfg(test)]
mod tests;
