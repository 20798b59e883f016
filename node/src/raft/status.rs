//! What a replica's Raft says about itself, copied out of openraft's metrics at once, so that no
//! watch is ever held over an await (that would deadlock the core).

use std::time::Duration;

use futures_util::FutureExt;
use openraft::Instant as _;
use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use rampart_api::model::ids::{NodeId, ReplicaId};
use rampart_raft_store::Machine;
use rampart_raft_store::type_config::{LogId, Member, TypeConfig};

/// A running replica of a group.
pub type RaftHandle = openraft::Raft<TypeConfig, Machine>;

/// What a replica is right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Takes the writes.
    Leader,
    /// Votes and follows, or campaigns.
    Voter,
    /// Follows without a vote.
    Learner,
    /// Its core has stopped.
    Stopped,
}

/// A copy of the numbers that decisions are made from. Whose view: this replica's.
#[derive(Debug, Clone)]
pub struct RaftStatus {
    /// What it is.
    pub role: Role,
    /// Its current term.
    pub term: u64,
    /// The leader it follows, if it knows one, and that leader's node.
    pub leader: Option<(ReplicaId, NodeId)>,
    /// Last index in its log.
    pub last_log_index: Option<u64>,
    /// Last index known committed.
    pub committed: Option<LogId>,
    /// Last index applied.
    pub applied: Option<LogId>,
    /// How long ago a quorum last acknowledged this leader; `None` = never.
    pub quorum_ack_age: Option<Duration>,
    /// Whether the group has a membership at all.
    pub initialized: bool,
    /// Why the core stopped, with `Role::Stopped`.
    pub fatal: Option<String>,
    /// Whether it stopped by a failure of the storage.
    pub storage_failed: bool,
}

impl RaftStatus {
    /// Whether the last applied entry is of the current term: on a leader, that it has applied
    /// everything that any leader before it acknowledged.
    pub fn has_applied_own_term(&self) -> bool {
        self.applied.is_some_and(|applied| applied.leader_id.term == self.term)
    }
}

/// Copies a replica's status.
pub fn status(raft: &RaftHandle) -> RaftStatus {
    let rx = raft.metrics();
    let metrics = rx.borrow_watched();
    let membership = metrics.membership_config.membership();
    let fatal = metrics.running_state.as_ref().err();
    let role = if fatal.is_some() {
        Role::Stopped
    } else {
        match metrics.state {
            ServerState::Leader => Role::Leader,
            ServerState::Follower | ServerState::Candidate => Role::Voter,
            ServerState::Learner => Role::Learner,
            ServerState::Shutdown => Role::Stopped,
        }
    };
    RaftStatus {
        role,
        term: metrics.current_term,
        leader: metrics.current_leader.and_then(|id| {
            membership.get_node(&id).map(|member: &Member| (ReplicaId(id), member.node))
        }),
        last_log_index: metrics.last_log_index,
        committed: metrics.local_committed,
        applied: metrics.last_applied,
        quorum_ack_age: metrics.last_quorum_acked.map(|at| at.elapsed()),
        initialized: membership.nodes().next().is_some(),
        fatal: fatal.map(ToString::to_string),
        storage_failed: matches!(fatal, Some(openraft::errors::Fatal::StorageError(_))),
    }
}

/// Whether a replica's core is gone: one that panicked leaves its last metrics as they were, but not
/// the sender of them.
pub fn core_is_gone(raft: &RaftHandle) -> bool {
    let mut metrics = raft.metrics();
    // The first look may answer that there is something this receiver has not seen.
    let mut look = || metrics.changed().now_or_never().is_some_and(|changed| changed.is_err());
    look() || look()
}

/// The membership a replica knows: effective voters and learners, and how far its change is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipView {
    /// Voters of the effective membership; of a joint one, all of them.
    pub voters: Vec<(ReplicaId, NodeId)>,
    /// Learners of the effective membership.
    pub learners: Vec<(ReplicaId, NodeId)>,
    /// The entry that set it.
    pub log_id: Option<LogId>,
    /// Two voter sets at once: the first half of a change.
    pub is_joint: bool,
    /// The entry that set it is committed.
    pub is_committed: bool,
}

/// Copies a replica's membership.
pub fn membership(raft: &RaftHandle) -> MembershipView {
    let rx = raft.metrics();
    let metrics = rx.borrow_watched();
    let stored = &metrics.membership_config;
    let membership = stored.membership();
    let node_of = |id: u64| membership.get_node(&id).map_or(NodeId(0), |m: &Member| m.node);
    MembershipView {
        voters: membership.voter_ids().map(|id| (ReplicaId(id), node_of(id))).collect(),
        learners: membership.learner_ids().map(|id| (ReplicaId(id), node_of(id))).collect(),
        log_id: *stored.log_id(),
        is_joint: membership.get_joint_config().len() > 1,
        is_committed: metrics.committed_membership_config.log_id() == stored.log_id(),
    }
}

/// Whether a replica's membership has more than one set of voters: it is joint, or has learners.
pub fn is_changing(raft: &RaftHandle) -> bool {
    let rx = raft.metrics();
    let metrics = rx.borrow_watched();
    let membership = metrics.membership_config.membership();
    membership.get_joint_config().len() > 1 || membership.learner_ids().next().is_some()
}
