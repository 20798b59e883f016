//! Hands a leadership to another replica. openraft mutes the old leader as soon as it is asked, and
//! does not take that back: whatever can be known to fail is looked at before, and what fails all
//! the same is repaired by the others, once the muted leader's claim has run out.

use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{NodeId, ReplicaId};
use rampart_api::model::problem::Problem;

use super::replica::Replica;
use crate::raft::status::Role;

/// How long a hand-over of leadership may take.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the chosen replica may take to acknowledge everything.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(1);
/// How often the new leader is looked for.
const LOOK: Duration = Duration::from_millis(5);

/// Hands the leadership of a led partition to a voter that is alive, and waits until it leads.
///
/// # Errors
/// `UNSAFE` when it does not catch up in time (nothing happened), `NOT_LEADER`, and `TIMEOUT` with
/// an unknown outcome.
pub(super) async fn hand_over(
    replica: &Replica,
    to: (ReplicaId, NodeId),
) -> Result<NodeId, Problem> {
    let (to_replica, to_node) = to;
    let status = replica.confirm_lease().await?;
    // A replica takes over only if it has flushed something of this term since it started: without
    // this entry, one that restarted under a quiet leader would refuse, and leave the leader muted.
    let blank = tokio::time::timeout(CATCH_UP_TIMEOUT, replica.raft().write_blank())
        .await
        .map_err(|_| does_not_keep_up(to_node))?
        .map_err(|error| {
            Problem::new(ErrorCode::NotLeader, format!("the leader could not prepare: {error}"))
        })?;
    wait_for_match(replica, to, status.term, blank.log_id.index).await?;
    // It is mute from here on: without its claim the others choose another if this one fails.
    replica.note_hand_over(status.term);
    replica.raft().trigger().transfer_leader(to_replica.0).await.map_err(|error| {
        Problem::new(ErrorCode::NotLeader, format!("the replica has stopped: {error}"))
    })?;
    let taken_over = async {
        loop {
            let now = replica.status();
            if now.role != Role::Leader && now.leader.is_some_and(|(id, _)| id == to_replica) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    match tokio::time::timeout(HAND_OVER_TIMEOUT, taken_over).await {
        Ok(()) => Ok(to_node),
        Err(_) => Err(Problem::unknown(
            ErrorCode::Timeout,
            format!("node {to_node} has not shown up as the leader in time"),
        )
        .hint("some replica will lead within seconds; see `rampart partition describe`")),
    }
}

async fn wait_for_match(
    replica: &Replica,
    (to_replica, to_node): (ReplicaId, NodeId),
    term: u64,
    index: u64,
) -> Result<(), Problem> {
    let mut changes = replica.progress().watch();
    let reached = async {
        while replica.progress().matched(to_replica, term).is_none_or(|matched| matched < index) {
            // The sender lives as long as the replica.
            let _ = tokio::time::timeout(LOOK * 10, changes.changed()).await;
        }
    };
    tokio::time::timeout(CATCH_UP_TIMEOUT, reached).await.map_err(|_| does_not_keep_up(to_node))
}

/// Nothing was asked of openraft yet, so the leader goes on as before.
fn does_not_keep_up(node: NodeId) -> Problem {
    Problem::new(
        ErrorCode::Unsafe,
        format!("the replica on node {node} does not keep up with the leader"),
    )
    .hint("wait until its lag is 0: see `rampart partition describe`")
}
