//! Retention: the leader decides once and replicates the decision as a trim; every replica then
//! cuts its own log behind it. Reads obey the trim at once, the files follow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use rampart_api::codec;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{GroupId, Offset};
use rampart_api::model::problem::Problem;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::state::partition::command::PartitionCommand;
use rampart_raft_store::type_config::{Applied, Proposal, ProposalKind};
use rampart_raft_store::{PartitionLog, Store};

use super::replica::Replica;
use super::replica_manager::ReplicaManager;
use crate::clock::Clock;
use crate::raft::status;
use crate::telemetry::metrics::Metrics;

/// How long a catching-up learner holds back the cut at most, and with it the disk.
const LEARNER_HOLDS_MAX: Duration = Duration::from_secs(30 * 60);
/// All learners of a node's groups together hold back at most this share of the disk, in percent.
const LEARNERS_HOLD_DISK_PERCENT_MAX: u64 = 10;
/// Groups looked at together, so that one without a quorum does not hold up the others.
const GROUPS_AT_ONCE_MAX: usize = 16;
/// How long one trim may take.
const TRIM_TIMEOUT: Duration = Duration::from_secs(5);

/// Looks at all replicas every `every`, until cancelled.
pub async fn run(
    manager: ReplicaManager,
    store: Store,
    every: Duration,
    (clock, metrics): (Clock, Metrics),
) {
    let mut cuts = Cuts::default();
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let replicas = manager.all();
        stream::iter(replicas.iter())
            .for_each_concurrent(GROUPS_AT_ONCE_MAX, |replica| async move {
                if replica.is_leader()
                    && let Err(problem) = trim_by_policy(replica, clock).await
                {
                    tracing::debug!(group = %replica.spec().group, %problem, "retention waits");
                }
            })
            .await;
        // A disk that doesn't say how large it is holds nothing back.
        let disk_bytes = store.free_space().map_or(0, |space| space.total_bytes);
        let mut hold = LearnerHold { disk_bytes, held_bytes: 0 };
        for replica in replicas.iter() {
            // A log of groups is cut by its snapshots.
            let Ok(log) = replica.log() else { continue };
            let cut_off = cuts.found(replica.spec().group, log.purged_index());
            metrics.raft.log_cuts.inc_by(u64::from(cut_off));
            cut(replica, log, &mut hold).await;
        }
        cuts.keep(replicas.iter().map(|replica| replica.spec().group));
    }
}

/// How far each log was cut off at the last look: they are cut nowhere else, once between two looks.
#[derive(Debug, Default)]
struct Cuts {
    purged: BTreeMap<GroupId, Option<u64>>,
}

impl Cuts {
    /// Whether a log was cut since the last look; what was before the first look is not known.
    fn found(&mut self, group: GroupId, purged: Option<u64>) -> bool {
        self.purged.insert(group, purged).is_some_and(|before| before < purged)
    }

    /// Forgets the groups that are not here any more.
    fn keep(&mut self, groups: impl Iterator<Item = GroupId>) {
        let here: BTreeSet<GroupId> = groups.collect();
        self.purged.retain(|group, _| here.contains(group));
    }
}

/// What learners still hold back on this node.
#[derive(Debug)]
struct LearnerHold {
    disk_bytes: u64,
    held_bytes: u64,
}

impl LearnerHold {
    /// Whether a group keeps these trimmed bytes for a learner.
    fn keeps(&mut self, trimmed_bytes: u64) -> bool {
        let most = self.disk_bytes / 100 * LEARNERS_HOLD_DISK_PERCENT_MAX;
        let held = self.held_bytes.saturating_add(trimmed_bytes);
        if held > most {
            return false;
        }
        self.held_bytes = held;
        true
    }
}

async fn trim_by_policy(replica: &Arc<Replica>, clock: Clock) -> Result<(), Problem> {
    let Ok(log) = replica.log() else { return Ok(()) };
    let config = replica.config();
    let target = log.retention_target(config.retention_ms, config.retention_bytes, clock.now_ms());
    match target {
        Some(offset) if offset > log.log_start_offset() => {
            trim(replica, offset, TRIM_TIMEOUT).await.map(|_| ())
        }
        _ => Ok(()),
    }
}

/// Replicates a trim to `offset` and answers the log start after it.
///
/// # Errors
/// `NOT_LEADER` (not done), or an unknown outcome.
pub(super) async fn trim(
    replica: &Arc<Replica>,
    offset: Offset,
    within: Duration,
) -> Result<Offset, Problem> {
    let offset = match planted::is(Bug::TrimTooFar) {
        true => Offset(offset.0 + 1),
        false => offset,
    };
    replica.confirm_lease().await?;
    replica.note_activity();
    let command = PartitionCommand::TrimTo { offset };
    let body = Bytes::from(codec::encode(&command));
    let proposal = Proposal { kind: ProposalKind::Partition, body, ticket: None };
    let written = tokio::time::timeout(within, replica.raft().client_write(proposal))
        .await
        .map_err(|_| {
            let detail = format!("the trim was not confirmed within {within:?}");
            Problem::unknown(ErrorCode::Timeout, detail)
        })?
        .map_err(|error| match error.api_error() {
            Some(openraft::errors::ClientWriteError::ForwardToLeader(_)) => {
                replica.not_leader(&replica.status())
            }
            _ => Problem::unknown(ErrorCode::NotLeader, format!("trim: {error}")),
        })?;
    match written.data {
        Applied::Trimmed { log_start } => Ok(log_start),
        Applied::Nothing
        | Applied::Appended { .. }
        | Applied::Sealed { .. }
        | Applied::Metadata(_)
        | Applied::Groups(_) => {
            Err(Problem::unknown(ErrorCode::Internal, "a trim was applied as another kind"))
        }
    }
}

/// Cuts this replica's log behind the trim, if there is enough to cut. What a catching-up learner
/// still needs is kept, within bounds.
async fn cut(replica: &Replica, log: &PartitionLog, hold: &mut LearnerHold) {
    let trimmed_bytes = log.trimmed_bytes();
    let keep_from =
        if replica.is_leader() { learner_needs(replica, trimmed_bytes, hold) } else { None };
    if log.plan_cut(keep_from) {
        // An error means that the core has stopped; supervision restarts it.
        let _ = replica.raft().trigger().snapshot().await;
    }
}

fn learner_needs(replica: &Replica, trimmed_bytes: u64, hold: &mut LearnerHold) -> Option<u64> {
    let term = replica.status().term;
    let learners = status::membership(replica.raft()).learners;
    let waited_for = learners.iter().filter(|(id, node)| {
        replica.parts.liveness.is_alive(*node) && replica.behind_for(*id, term) < LEARNER_HOLDS_MAX
    });
    let matched = waited_for.map(|(id, _)| replica.progress().matched(*id, term).unwrap_or(0));
    matched.min().filter(|_| hold.keeps(trimmed_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learners_hold_back_a_tenth_of_the_disk_at_most() {
        let mut hold = LearnerHold { disk_bytes: 1_000, held_bytes: 0 };
        assert!(!hold.keeps(101), "more than a tenth");
        assert!(hold.keeps(60));
        assert!(!hold.keeps(41), "more than a tenth with the first");
        assert!(hold.keeps(40));
        assert!(!hold.keeps(1));
        let mut silent = LearnerHold { disk_bytes: 0, held_bytes: 0 };
        assert!(!silent.keeps(1), "the size of the disk is not known");
    }

    #[test]
    fn a_log_that_was_cut_since_the_last_look_is_counted_once() {
        let (mut cuts, group) = (Cuts::default(), GroupId(7));
        let looks = [Some(5), Some(5), Some(9), Some(9)];
        assert_eq!(looks.map(|purged| cuts.found(group, purged)), [false, false, true, false]);
        cuts.keep([GroupId(8)].into_iter());
        assert!(!cuts.found(group, Some(11)), "another replica of it");
        assert!(!cuts.found(GroupId(8), None));
        assert!(cuts.found(GroupId(8), Some(0)));
    }
}
