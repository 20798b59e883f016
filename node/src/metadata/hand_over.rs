//! Hands the leadership of the metadata group to another node, when the one that leads it drains or
//! stops. Best effort: where it fails, the others elect by themselves a little later.

use std::time::Duration;

use rampart_api::model::ids::NodeId;
use rampart_raft_store::state::metadata::state::{MetadataState, NodeState};

use super::{MembershipKeeper, MetadataHandle};
use crate::peer::LivenessView;
use crate::raft::status::Role;

/// How long all of it may take.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(1);
/// How often it is looked whether the other has everything, or leads.
const LOOK: Duration = Duration::from_millis(5);

/// Hands the leadership to an active voter that is alive and has the whole log, and answers who
/// leads then; `None` if this node does not lead, or nobody took over in time.
pub async fn hand_over_metadata(
    metadata: &MetadataHandle,
    liveness: &LivenessView,
) -> Option<NodeId> {
    if !metadata.is_leader() {
        return None;
    }
    let handed = tokio::time::timeout(HAND_OVER_TIMEOUT, hand_over(metadata, liveness)).await;
    match handed.ok().flatten() {
        Some(to) => {
            tracing::info!(%to, "metadata leadership handed over");
            Some(to)
        }
        None => {
            tracing::info!("metadata leadership not handed over; the others elect by themselves");
            None
        }
    }
}

async fn hand_over(metadata: &MetadataHandle, liveness: &LivenessView) -> Option<NodeId> {
    let keeper = MembershipKeeper::new(metadata.clone());
    let own = metadata.own_node();
    let state = metadata.state();
    let voters = keeper.voters().into_iter().filter(|node| *node != own);
    let candidates: Vec<NodeId> =
        voters.filter(|node| takes_over(&state, *node) && liveness.is_alive(*node)).collect();
    if candidates.is_empty() {
        return None;
    }
    // openraft mutes the leader as soon as it is asked, and a replica takes over only if it has
    // flushed something of this term since it started: without this entry it might refuse.
    let blank = metadata.raft().write_blank().await.ok()?.log_id.index;
    let has_all = |node: &&NodeId| keeper.matched(**node).is_some_and(|matched| matched >= blank);
    let to = loop {
        if let Some(to) = candidates.iter().find(has_all) {
            break *to;
        }
        tokio::time::sleep(LOOK).await;
    };
    metadata.raft().trigger().transfer_leader(to.0).await.ok()?;
    loop {
        let now = metadata.status();
        match now.leader {
            Some((_, leader)) if now.role != Role::Leader && leader != own => return Some(leader),
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

/// A node that is on its way out itself would have to hand over again at once.
fn takes_over(state: &MetadataState, node: NodeId) -> bool {
    state.nodes.get(&node).is_some_and(|record| record.state == NodeState::Active)
}
