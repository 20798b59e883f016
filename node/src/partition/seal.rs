//! Seals the partitions of topics that go on in another cluster, where this node leads them, and
//! reports where they end. Level-triggered, as `reassign`: whoever leads next goes on where this one
//! stopped. The log decides what is behind the seal (INV-21); that it is sealed is only said once that
//! is committed, since until then another leader may cut it off.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openraft::errors::ClientWriteError;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{GroupId, Offset, PartitionId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::castle::{MovePhase, TopicMove};
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::partition::PartitionCommand;
use rampart_raft_store::type_config::Applied;

use super::replica::Replica;
use super::replica_manager::ReplicaManager;
use crate::clock::Clock;
use crate::metadata::MetadataHandle;
use crate::tasks::Tasks;

/// How often the groups are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Partitions that are sealed or reported at once by this node.
const STEPS_AT_ONCE_MAX: usize = 16;
/// A step that takes longer is given up and looked at again.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// What is due for a partition that this node leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Wait,
    Seal,
    Report(Offset),
}

/// Runs the loop on every node, for the groups it leads.
pub async fn run(manager: ReplicaManager, metadata: MetadataHandle, tasks: Tasks, clock: Clock) {
    let busy: Arc<Mutex<BTreeSet<GroupId>>> = Arc::default();
    let mut every = clock.every(LOOK_EVERY);
    loop {
        every.tick().await;
        let state = metadata.state();
        if state.castle.moves.is_empty() {
            continue;
        }
        for replica in manager.all().iter().filter(|replica| replica.is_leader()) {
            let group = replica.spec().group;
            let Some((topic, number)) = state.groups.get(&group) else { continue };
            let Some(moving) = state.castle.moves.get(topic) else { continue };
            let Ok(log) = replica.log() else { continue };
            let sealed_at = log.sealed_at();
            let is_current = sealed_at.is_some() || replica.status().has_applied_own_term();
            let step = plan(moving, *number, sealed_at);
            if step == Step::Wait || !is_current || !begin(&busy, group) {
                continue;
            }
            let (metadata, busy) = (metadata.clone(), busy.clone());
            let replica = replica.clone();
            tasks.spawn("seal", async move {
                carry_out(&replica, &metadata, step).await;
                busy.lock().expect("no holder of this lock panics").remove(&group);
            });
        }
    }
}

fn begin(busy: &Mutex<BTreeSet<GroupId>>, group: GroupId) -> bool {
    let mut busy = busy.lock().expect("no holder of this lock panics");
    busy.len() < STEPS_AT_ONCE_MAX && busy.insert(group)
}

/// From what the metadata says, and where the partition ends by what this leader has applied.
fn plan(moving: &TopicMove, number: PartitionId, sealed_at: Option<Offset>) -> Step {
    match (moving.phase, moving.sealed.get(&number), sealed_at) {
        (MovePhase::Preparing, _, _) => Step::Wait,
        // Also one that has moved: a replica that was recovered without a majority may lack its seal.
        (MovePhase::Sealing | MovePhase::Moved, _, None) => Step::Seal,
        (MovePhase::Sealing | MovePhase::Moved, known, Some(at)) => match known == Some(&at) {
            true => Step::Wait,
            false => Step::Report(at),
        },
    }
}

async fn carry_out(replica: &Arc<Replica>, metadata: &MetadataHandle, step: Step) {
    let group = replica.spec().group;
    let done = async {
        let at = match step {
            Step::Wait => return Ok(()),
            Step::Seal => seal(replica).await?,
            Step::Report(at) => at,
        };
        tracing::info!(%group, %at, "the partition is sealed");
        metadata.propose(MetadataCommand::PartitionSealed { group, at }).await.map(drop)
    };
    match tokio::time::timeout(STEP_TIMEOUT, done).await {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => tracing::warn!(%group, %problem, "not sealed yet; it is tried again"),
        Err(_) => tracing::warn!(%group, "sealing takes long; it is tried again"),
    }
}

/// Replicates the seal, and answers where the partition ends once it is committed. Proposed twice it
/// answers the same.
async fn seal(replica: &Arc<Replica>) -> Result<Offset, Problem> {
    replica.confirm_lease().await?;
    replica.note_activity();
    let written = replica.raft().client_write(PartitionCommand::Seal.proposal()).await;
    let written = written.map_err(|error| match error.api_error() {
        Some(ClientWriteError::ForwardToLeader(_)) => replica.not_leader(&replica.status()),
        _ => Problem::unknown(ErrorCode::NotLeader, format!("seal: {error}")),
    })?;
    match written.data {
        Applied::Sealed { at } => Ok(at),
        Applied::Nothing
        | Applied::Appended { .. }
        | Applied::Trimmed { .. }
        | Applied::Metadata(_)
        | Applied::Groups(_) => {
            Err(Problem::unknown(ErrorCode::Internal, "a seal was applied as another kind"))
        }
    }
}

/// The refusal of what comes behind the seal: certainly not written here, now or later.
pub(super) fn moved(at: Offset) -> Problem {
    let detail = format!("the partition is sealed at offset {at}: it goes on in another cluster");
    Problem::new(ErrorCode::TopicMoved, detail)
        .hint("send it to the same partition there, after what is still in flight here is decided")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_sealed_once_it_may_be_and_then_reported_once() {
        let mut moving = TopicMove::announced("east", "t", 0);
        let (none, some) = (None, Some(Offset(7)));
        assert_eq!(plan(&moving, 3, none), Step::Wait, "it may still be taken back");
        moving.phase = MovePhase::Sealing;
        assert_eq!(plan(&moving, 3, none), Step::Seal);
        assert_eq!(plan(&moving, 3, some), Step::Report(Offset(7)), "its sealer died");
        moving.sealed.insert(3, Offset(7));
        assert_eq!(plan(&moving, 3, some), Step::Wait);
        assert_eq!(plan(&moving, 4, none), Step::Seal);
        moving.phase = MovePhase::Moved;
        assert_eq!(plan(&moving, 3, some), Step::Wait);
        assert_eq!(plan(&moving, 3, none), Step::Seal, "recovered, without its seal");
        assert_eq!(plan(&moving, 3, Some(Offset(5))), Step::Report(Offset(5)));
    }
}
