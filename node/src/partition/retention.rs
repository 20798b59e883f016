//! Retention: the leader decides once and replicates the decision as a trim; every replica then
//! cuts its own log behind it. Reads obey the trim at once, the files follow.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rampart_api::codec;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::partition::command::PartitionCommand;
use rampart_raft_store::type_config::{Applied, Proposal, ProposalKind};

use super::replica::Replica;
use super::replica_manager::ReplicaManager;
use crate::clock::Clock;
use crate::raft::status;

/// How long a catching-up learner holds back the cut at most, and with it the disk.
const LEARNER_HOLDS_MAX: Duration = Duration::from_secs(30 * 60);

/// Looks at all replicas every `every`, until cancelled.
pub async fn run(manager: ReplicaManager, every: Duration, clock: Clock) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        for replica in manager.all() {
            if replica.is_leader()
                && let Err(problem) = trim_by_policy(&replica, clock).await
            {
                tracing::debug!(group = %replica.spec().group, %problem, "retention waits");
            }
            cut(&replica).await;
        }
    }
}

async fn trim_by_policy(replica: &Arc<Replica>, clock: Clock) -> Result<(), Problem> {
    let config = replica.config();
    let target =
        replica.log().retention_target(config.retention_ms, config.retention_bytes, clock.now_ms());
    match target {
        Some(offset) if offset > replica.log().log_start_offset() => {
            trim(replica, offset).await.map(|_| ())
        }
        _ => Ok(()),
    }
}

/// Replicates a trim to `offset` and answers the log start after it.
///
/// # Errors
/// `NOT_LEADER` (not done), or an unknown outcome.
pub(super) async fn trim(replica: &Arc<Replica>, offset: Offset) -> Result<Offset, Problem> {
    replica.confirm_lease().await?;
    replica.note_activity();
    let command = PartitionCommand::TrimTo { offset };
    let body = Bytes::from(codec::encode(&command));
    let proposal = Proposal { kind: ProposalKind::Partition, body, ticket: None };
    let written =
        replica.raft().client_write(proposal).await.map_err(|error| match error.api_error() {
            Some(openraft::errors::ClientWriteError::ForwardToLeader(_)) => {
                replica.not_leader(&replica.status())
            }
            _ => Problem::unknown(ErrorCode::NotLeader, format!("trim: {error}")),
        })?;
    match written.data {
        Applied::Trimmed { log_start } => Ok(log_start),
        Applied::Nothing | Applied::Appended { .. } | Applied::Metadata(_) => {
            Err(Problem::unknown(ErrorCode::Internal, "a trim was applied as another kind"))
        }
    }
}

/// Cuts this replica's log behind the trim, if there is enough to cut. What a catching-up learner
/// still needs is kept, within a bound.
async fn cut(replica: &Replica) {
    let keep_from = if replica.is_leader() { learner_needs(replica) } else { None };
    if replica.log().plan_cut(keep_from) {
        // An error means that the core has stopped; supervision restarts it.
        let _ = replica.raft().trigger().snapshot().await;
    }
}

fn learner_needs(replica: &Replica) -> Option<u64> {
    let status = replica.status();
    status::membership(replica.raft())
        .learners
        .iter()
        .filter(|(id, node)| {
            replica.parts.liveness.is_alive(*node)
                && replica.behind_for(*id, status.term) < LEARNER_HOLDS_MAX
        })
        .map(|(id, _)| replica.progress().matched(*id, status.term).unwrap_or(0))
        .min()
}
