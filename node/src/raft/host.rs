//! Which replica of this node a message of Raft is for, and what that replica may do now.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rampart_api::model::ids::{GroupId, NodeId, ReplicaId};
use rampart_raft_store::Store;

use super::claims::ClaimTable;
use super::inbound::{Ballot, RaftHost};
use super::settings::RaftTimings;
use super::status::RaftHandle;
use crate::clock::Clock;
use crate::partition::ReplicaManager;
use crate::peer::LivenessView;

/// Looks replicas up for Raft's messages. Cheap to clone; finds nothing until it is filled.
#[derive(Debug, Clone)]
pub struct GroupLookup {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    node: NodeId,
    claims: Arc<ClaimTable>,
    liveness: LivenessView,
    store: Store,
    timings: RaftTimings,
    clock: Clock,
    metadata: OnceLock<RaftHandle>,
    partitions: OnceLock<ReplicaManager>,
    is_registered: AtomicBool,
}

/// What the lookup is made of.
#[derive(Debug)]
pub struct LookupOptions {
    /// This node.
    pub node: NodeId,
    /// Who claims which group.
    pub claims: Arc<ClaimTable>,
    /// Which nodes live.
    pub liveness: LivenessView,
    /// Space on the disk.
    pub store: Store,
    /// Timings of Raft.
    pub timings: RaftTimings,
    /// Time.
    pub clock: Clock,
}

impl GroupLookup {
    /// A lookup that finds nothing yet.
    pub fn new(options: LookupOptions) -> Self {
        let LookupOptions { node, claims, liveness, store, timings, clock } = options;
        let inner = Inner {
            node,
            claims,
            liveness,
            store,
            timings,
            clock,
            metadata: OnceLock::new(),
            partitions: OnceLock::new(),
            is_registered: AtomicBool::new(false),
        };
        GroupLookup { inner: Arc::new(inner) }
    }

    /// The metadata replica runs.
    pub fn set_metadata(&self, raft: RaftHandle) {
        if self.inner.metadata.set(raft).is_err() {
            tracing::error!("the metadata replica was announced twice");
        }
    }

    /// The manager of partition replicas is there.
    pub fn set_partitions(&self, manager: ReplicaManager) {
        if self.inner.partitions.set(manager).is_err() {
            tracing::error!("the replica manager was announced twice");
        }
    }

    /// The cluster has accepted this start of the disk: its partitions may vote and campaign.
    pub fn set_registered(&self) {
        self.inner.is_registered.store(true, Ordering::Release);
    }

    /// Whether the cluster has accepted this start of the disk.
    pub fn is_registered(&self) -> bool {
        self.inner.is_registered.load(Ordering::Acquire)
    }
}

impl RaftHost for GroupLookup {
    fn replica(&self, group: GroupId, replica: ReplicaId) -> Option<RaftHandle> {
        if group == GroupId::METADATA {
            let mine = replica.0 == self.inner.node.0;
            let raft = self.inner.metadata.get().filter(|_| mine)?;
            return Some(raft.clone());
        }
        let found = self.inner.partitions.get()?.get(group)?;
        (found.spec().replica == replica).then(|| found.raft().clone())
    }

    /// The metadata group has its own ticks, and with them leases that protect its leader.
    fn may_vote(&self, ballot: &Ballot) -> bool {
        if ballot.group == GroupId::METADATA {
            return true;
        }
        if !self.is_registered() {
            return false;
        }
        let Some(replica) = self.inner.partitions.get().and_then(|all| all.get(ballot.group))
        else {
            return true;
        };
        let status = replica.status();
        let Some((leader, node)) = status.leader else { return true };
        let led_by = if node == self.inner.node {
            LedBy::ThisNode { is_mute: !replica.is_leader() || replica.is_mute(&status) }
        } else {
            let (now, timeout) = (self.inner.clock.instant(), self.inner.timings.claim_timeout);
            let claims = self.inner.claims.is_claimed(ballot.group, node, now, timeout);
            LedBy::Other { leads_still: self.inner.liveness.is_alive(node) && claims }
        };
        lets_vote(ballot, leader, led_by)
    }

    fn wake(&self, group: GroupId) {
        if let Some(replica) = self.inner.partitions.get().and_then(|all| all.get(group)) {
            replica.note_activity();
        }
    }

    fn accept_append(&self, _group: GroupId, is_data: bool) -> bool {
        !is_data || !self.inner.store.is_full().unwrap_or(false)
    }
}

/// Who leads, as far as the replica that is asked for its vote knows.
#[derive(Debug, Clone, Copy)]
enum LedBy {
    /// The replica itself. A mute one led once, or was asked to hand over: it neither beats nor
    /// takes writes, and if the one it asked was refused, only another election helps.
    ThisNode { is_mute: bool },
    /// Another one. It leads still if its node lives and says so.
    Other { leads_still: bool },
}

/// `[pure]` Whether a replica that knows a leader may vote for another one.
fn lets_vote(ballot: &Ballot, leader: ReplicaId, led_by: LedBy) -> bool {
    if ballot.is_transfer || leader == ballot.candidate {
        return true;
    }
    match led_by {
        LedBy::ThisNode { is_mute } => is_mute,
        LedBy::Other { leads_still } => !leads_still,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_that_was_asked_to_hand_over_is_voted_out() {
        let ballot = Ballot {
            group: GroupId(7),
            voter: ReplicaId(1),
            candidate: ReplicaId(2),
            is_transfer: false,
        };
        let leads = LedBy::ThisNode { is_mute: false };
        assert!(!lets_vote(&ballot, ReplicaId(1), leads), "it leads");
        assert!(lets_vote(&Ballot { is_transfer: true, ..ballot }, ReplicaId(1), leads));
        assert!(lets_vote(&ballot, ReplicaId(1), LedBy::ThisNode { is_mute: true }));
        assert!(!lets_vote(&ballot, ReplicaId(3), LedBy::Other { leads_still: true }));
        assert!(lets_vote(&ballot, ReplicaId(3), LedBy::Other { leads_still: false }));
        assert!(lets_vote(&ballot, ReplicaId(2), LedBy::Other { leads_still: true }));
    }
}
