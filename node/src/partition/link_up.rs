//! When the connection to a node comes up again, the groups led here stop waiting out the pause
//! that openraft took after the last failure, and quiet groups beat once.

use std::collections::BTreeMap;

use rampart_api::model::ids::NodeId;

use super::replica::Replica;
use super::replica_manager::ReplicaManager;
use crate::peer::PeerNet;
use crate::raft::status;

/// Watches until cancelled.
pub async fn run(manager: ReplicaManager, peer: PeerNet) {
    let mut links = peer.links_up();
    let mut seen: BTreeMap<NodeId, u64> = BTreeMap::new();
    loop {
        let now = links.borrow_and_update().clone();
        for (node, count) in &now {
            if seen.get(node) != Some(count) {
                for replica in manager.all().iter() {
                    wake(replica, *node).await;
                }
            }
        }
        seen = now;
        if links.changed().await.is_err() {
            return;
        }
    }
}

async fn wake(replica: &Replica, node: NodeId) {
    if !replica.is_leader() {
        return;
    }
    let view = status::membership(replica.raft());
    let there = view.voters.iter().chain(&view.learners).filter(|(_, n)| *n == node);
    let ids: Vec<u64> = there.map(|(id, _)| id.0).collect();
    if ids.is_empty() {
        return;
    }
    // Errors mean that the core has stopped; supervision restarts it.
    let _ = replica.raft().trigger().reset_backoff(ids).await;
    let _ = replica.raft().trigger().heartbeat().await;
}
