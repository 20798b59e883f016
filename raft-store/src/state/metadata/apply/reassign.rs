//! Commands about where a partition lives. A record says what shall be; the partition's leader
//! makes the Raft membership so and reports it. A replica's life:
//!
//! ```text
//!            Reassign, ReplaceReplica          MembershipReached (in it)
//!   (new id) ───────────────────────► Joining ─────────────────────────► Voter
//!                                        │                                 │
//!                 Reassign, CancelReassign, ReplaceReplica   Reassign, ReplaceReplica
//!                                        ▼                                 │
//!   (gone)   ◄─────────────────────── Leaving ◄────────────────────────────┘
//!            MembershipReached (not in it)      CancelReassign, Reassign: back, unless damaged
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{GroupId, NodeId, ReplicaId};
use rampart_api::model::problem::Problem;

use super::Handled;
use super::topics::check_distinct;
use crate::state::metadata::command::{LeaderReport, MetadataResponse};
use crate::state::metadata::state::{
    MetadataState, NodeState, PartitionRecord, ReplicaRecord, ReplicaState,
};

impl MetadataState {
    pub(super) fn reassign(&mut self, group: GroupId, target: &[NodeId]) -> Handled {
        let partition = self.partition(group)?;
        if target.is_empty() {
            return Err(Problem::new(
                ErrorCode::InvalidRequest,
                "a partition needs at least one node",
            ));
        }
        check_distinct(target)?;
        for node in target {
            if partition.usable_on(*node).is_none() {
                self.check_takes_replicas(*node)?;
            } else {
                self.node(*node)?;
            }
        }
        let current = partition.clone();
        let kept = target.iter().map(|node| match current.usable_on(*node) {
            Some(replica) => ReplicaRecord { state: current.arriving(replica.id), ..*replica },
            None => self.new_replica(*node, ReplicaState::Joining),
        });
        let mut replicas: Vec<_> = kept.collect();
        let stay: BTreeSet<_> = replicas.iter().map(|replica| replica.id).collect();
        let leave = current.replicas.iter().filter(|replica| !stay.contains(&replica.id));
        replicas.extend(leave.map(|r| ReplicaRecord { state: ReplicaState::Leaving, ..*r }));
        self.partition_mut(group)?.replicas = replicas;
        Ok(MetadataResponse::Done)
    }

    pub(super) fn cancel_reassign(&mut self, group: GroupId) -> Handled {
        let partition = self.partition_mut(group)?;
        let before = partition.replicas.clone();
        let returns = |r: &&ReplicaRecord| {
            r.state == ReplicaState::Leaving
                && partition.voters.contains(&r.id)
                && !partition.damaged.contains(&r.id)
        };
        // A replacement of a damaged replica is a repair, not a move: it goes on.
        let repairs = |r: &ReplicaRecord| {
            let beside = |d: &ReplicaRecord| d.node == r.node && partition.damaged.contains(&d.id);
            before.iter().any(beside)
        };
        let mut back = before.iter().filter(returns).copied().collect::<Vec<_>>().into_iter();
        let mut replicas = Vec::with_capacity(before.len());
        let mut leaving = Vec::new();
        for replica in &before {
            match replica.state {
                ReplicaState::Voter => replicas.push(*replica),
                ReplicaState::Joining if repairs(replica) => replicas.push(*replica),
                ReplicaState::Joining => {
                    // The returning one takes the place, so that the preferred leader is again
                    // who it was.
                    replicas.extend(back.next().map(voter));
                    leaving.push(ReplicaRecord { state: ReplicaState::Leaving, ..*replica });
                }
                ReplicaState::Leaving if returns(&replica) => {}
                ReplicaState::Leaving => leaving.push(*replica),
            }
        }
        replicas.extend(back.map(voter));
        if replicas.is_empty() {
            return Err(Problem::new(
                ErrorCode::Unsafe,
                "nothing would be left of the partition: no replica that is leaving can stay",
            )
            .hint("let the reassignment finish, or reassign to other nodes"));
        }
        replicas.extend(leaving);
        partition.replicas = replicas;
        Ok(MetadataResponse::Done)
    }

    pub(super) fn membership_reached(
        &mut self,
        group: GroupId,
        voters: &[ReplicaId],
        membership_index: u64,
    ) -> Handled {
        let partition = self.partition_mut(group)?;
        if membership_index < partition.membership_index {
            return Ok(MetadataResponse::Done); // A late report of an older membership.
        }
        let voters: BTreeSet<_> = voters.iter().copied().collect();
        let known = |r: &ReplicaRecord| voters.contains(&r.id);
        if !partition.replicas.iter().any(known) {
            return Err(Problem::new(
                ErrorCode::InvalidRequest,
                "no replica of the partition is among the reported voters",
            ));
        }
        partition.replicas.retain(|r| r.state != ReplicaState::Leaving || known(r));
        for replica in &mut partition.replicas {
            replica.state = match (replica.state, voters.contains(&replica.id)) {
                (ReplicaState::Leaving, _) => ReplicaState::Leaving,
                (ReplicaState::Voter | ReplicaState::Joining, true) => ReplicaState::Voter,
                // It was taken back after it had left: it has to join again.
                (ReplicaState::Voter | ReplicaState::Joining, false) => ReplicaState::Joining,
            };
        }
        let present: BTreeSet<_> = partition.replicas.iter().map(|replica| replica.id).collect();
        partition.voters = voters.intersection(&present).copied().collect();
        partition.damaged.retain(|id| present.contains(id));
        partition.membership_index = membership_index;
        partition.initialized = true;
        Ok(MetadataResponse::Done)
    }

    pub(super) fn replace_replica(&mut self, group: GroupId, replica: ReplicaId) -> Handled {
        let partition = self.partition(group)?;
        let Some(lost) = partition.replicas.iter().find(|r| r.id == replica).copied() else {
            return Err(Problem::new(
                ErrorCode::InvalidRequest,
                format!("group {group} has no replica {replica}"),
            ));
        };
        if partition.damaged.contains(&replica) {
            return Ok(MetadataResponse::Done); // Reported again: its replacement is under way.
        }
        self.check_survivors(partition, replica)?;
        let node_stays = self.node(lost.node)?.state != NodeState::Replaced;
        let wanted = lost.state != ReplicaState::Leaving && node_stays;
        let new = wanted.then(|| self.new_replica(lost.node, ReplicaState::Joining));
        let partition = self.partition_mut(group)?;
        let left = ReplicaRecord { state: ReplicaState::Leaving, ..lost };
        // The new one takes the place in the order, the old one goes to the end.
        let others = partition.replicas.iter().flat_map(|r| match r.id == replica {
            true => new,
            false => Some(*r),
        });
        partition.replicas = others.chain([left]).collect();
        partition.damaged.insert(replica);
        Ok(MetadataResponse::Done)
    }

    /// A replica is given up only if the sound voters without it are a quorum: otherwise nobody
    /// could admit its successor, and what is left of its data may be the only copy.
    fn check_survivors(&self, partition: &PartitionRecord, lost: ReplicaId) -> Result<(), Problem> {
        let (sound, all) = self.sound_voters(partition, |replica| replica.id != lost);
        if sound * 2 > all {
            return Ok(());
        }
        Err(Problem::new(
            ErrorCode::Unsafe,
            format!(
                "replica {lost} of group {} is not given up: only {sound} of its {all} voters \
                 would be left, no majority",
                partition.group
            ),
        )
        .hint(
            "its data is kept as it is; restore the disk, or recover the partition from the best \
             replica with `rampart debug unsafe-recover`",
        ))
    }

    /// Voters whose data is there, of those that `counts` lets count; and all voters.
    pub(super) fn sound_voters(
        &self,
        partition: &PartitionRecord,
        counts: impl Fn(&ReplicaRecord) -> bool,
    ) -> (usize, usize) {
        let disk_is_there = |node: NodeId| {
            self.nodes.get(&node).is_some_and(|record| record.state != NodeState::Replaced)
        };
        let sound = partition.replicas.iter().filter(|replica| {
            counts(replica)
                && partition.voters.contains(&replica.id)
                && !partition.damaged.contains(&replica.id)
                && disk_is_there(replica.node)
        });
        (sound.count(), partition.voters.len())
    }

    pub(super) fn report_leaders(&mut self, leaders: &[LeaderReport]) -> Handled {
        for report in leaders {
            // A deleted group or a removed node is news that came late.
            let Ok(partition) = self.partition(report.group) else {
                continue;
            };
            let old = report.epoch < partition.epoch
                || (report.epoch == partition.epoch && partition.leader.is_some());
            if old || !self.nodes.contains_key(&report.leader) {
                continue;
            }
            let partition = self.partition_mut(report.group)?;
            partition.leader = Some(report.leader);
            partition.epoch = report.epoch;
            partition.initialized = true;
        }
        Ok(MetadataResponse::Done)
    }

    fn partition(&self, group: GroupId) -> Result<&PartitionRecord, Problem> {
        self.partition_of(group).map(|(_, partition)| partition).ok_or_else(|| no_group(group))
    }

    fn partition_mut(&mut self, group: GroupId) -> Result<&mut PartitionRecord, Problem> {
        let (topic, number) = self.groups.get(&group).ok_or_else(|| no_group(group))?;
        let topic = self.topics.get_mut(topic).ok_or_else(|| no_group(group))?;
        let partitions = &mut Arc::make_mut(topic).partitions;
        partitions.get_mut(*number as usize).ok_or_else(|| no_group(group))
    }
}

impl PartitionRecord {
    /// The replica on the node that may serve in a new target. Of two, the newer.
    fn usable_on(&self, node: NodeId) -> Option<&ReplicaRecord> {
        let here = self.replicas.iter().filter(|replica| replica.node == node);
        here.filter(|replica| !self.damaged.contains(&replica.id)).max_by_key(|replica| replica.id)
    }

    /// The state of a replica that shall be there: one that votes goes on, any other joins.
    fn arriving(&self, replica: ReplicaId) -> ReplicaState {
        match self.voters.contains(&replica) {
            true => ReplicaState::Voter,
            false => ReplicaState::Joining,
        }
    }
}

fn voter(replica: ReplicaRecord) -> ReplicaRecord {
    ReplicaRecord { state: ReplicaState::Voter, ..replica }
}

fn no_group(group: GroupId) -> Problem {
    Problem::new(
        ErrorCode::TopicNotFound,
        format!("group {group} is no partition of a living topic"),
    )
}
