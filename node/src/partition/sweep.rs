//! The node ticker's loop: looks at every replica of this node, asks the pure `node_ticker` what
//! to do, does it, and keeps the claims of this node up to date. One task for all groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rampart_api::model::ids::{GroupId, NodeId};
use rampart_api::peer::ping::LeaderClaim;

use super::acks;
use super::replica::Replica;
use super::replica_manager::ReplicaManager;
use super::standing::Standing;
use crate::clock::Clock;
use crate::metadata::MetadataHandle;
use crate::peer::PeerNet;
use crate::raft::claims::{ClaimOutbox, ClaimTable};
use crate::raft::host::GroupLookup;
use crate::raft::node_ticker::{self, Action, GroupTick, GroupView, LeaderView};
use crate::raft::settings::RaftTimings;
use crate::raft::status::{RaftStatus, Role};
use crate::randomness::Randomness;
use crate::telemetry::metrics::{Metrics, set_count};

/// A group for which nothing was due is looked at every so many sweeps, unless it has work or a
/// node came or went.
const SETTLED_LOOK_EVERY: u64 = 20;
/// Whether the leader that a settled group follows still says so is asked every so many sweeps; so
/// often what did not change is published again.
const CLAIM_LOOK_EVERY: u64 = 4;
/// A group with work in the last so many milliseconds is looked at in every sweep.
const SETTLED_AFTER_MS: u64 = 1_000;
/// Campaigns started in one sweep, at least; grows with the number of groups.
const CAMPAIGNS_PER_SWEEP_MIN: usize = 32;

/// What the sweep needs.
#[derive(Debug)]
pub struct Sweep {
    /// The replicas.
    pub manager: ReplicaManager,
    /// Liveness, and whether enough peers accepted this node.
    pub peer: PeerNet,
    /// Whether the cluster has accepted this node.
    pub lookup: GroupLookup,
    /// Claims heard.
    pub claims: Arc<ClaimTable>,
    /// Claims to send.
    pub outbox: Arc<ClaimOutbox>,
    /// Timings of Raft.
    pub timings: RaftTimings,
    /// Pause between two looks at all groups.
    pub every: Duration,
    /// Time.
    pub clock: Clock,
    /// Jitter of campaigns.
    pub randomness: Randomness,
    /// This node.
    pub node: NodeId,
    /// How many replicas there should be.
    pub metadata: MetadataHandle,
    /// Counters.
    pub metrics: Metrics,
}

/// What the sweep remembers between two looks.
#[derive(Debug, Default)]
struct Memory {
    looks: u64,
    alive: BTreeSet<NodeId>,
    groups: BTreeMap<GroupId, GroupMemory>,
}

#[derive(Debug, Default)]
struct GroupMemory {
    tick: GroupTick,
    claim: Option<LeaderClaim>,
    standing: Standing,
    settled: Option<Settled>,
}

/// A group for which nothing was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    /// A quiet leader, or a learner.
    Rests,
    /// A follower of a leader that is there, on this node.
    Follows(NodeId),
}

impl Sweep {
    /// Sweeps until cancelled.
    pub async fn run(self) {
        let mut every = tokio::time::interval(self.every);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let started = self.clock.instant();
        let mut memory = Memory::default();
        loop {
            every.tick().await;
            let now = self.clock.instant();
            let now_ms = u64::try_from((now - started).as_millis()).unwrap_or(u64::MAX);
            self.sweep(&mut memory, now_ms).await;
        }
    }

    async fn sweep(&self, memory: &mut Memory, now_ms: u64) {
        let replicas = self.manager.all();
        let alive = self.peer.alive_nodes();
        let all_due = alive != memory.alive;
        memory.alive = alive;
        memory.looks += 1;
        let mut campaigns_left = CAMPAIGNS_PER_SWEEP_MIN.max(replicas.len() / 8);
        let may_campaign = self.lookup.is_registered() && self.peer.may_campaign();
        let mut is_news = memory.looks.is_multiple_of(CLAIM_LOOK_EVERY);
        for replica in replicas.iter() {
            let group = replica.spec().group;
            let known = memory.groups.entry(group).or_default();
            let turn = memory.looks + group.0;
            if !all_due && self.stays_settled(replica, known.settled, turn) {
                continue;
            }
            let claimed = known.claim;
            let action = self.look(replica, known, now_ms);
            is_news |= known.claim != claimed;
            match action {
                Action::Nothing => {}
                // An error means that the core has stopped; supervision restarts it.
                Action::Heartbeat => {
                    let _ = replica.raft().trigger().heartbeat().await;
                }
                Action::Campaign if campaigns_left > 0 && may_campaign => {
                    campaigns_left -= 1;
                    self.metrics.raft.elections.inc();
                    known.standing.campaigned(replica.status().term);
                    let _ = replica.raft().trigger().elect(true).await;
                }
                Action::Campaign => {}
            }
        }
        if memory.groups.len() > replicas.len() {
            memory.groups.retain(|group, _| self.manager.get(*group).is_some());
            is_news = true;
        }
        if is_news {
            self.publish(memory, replicas.len());
            self.count(memory, now_ms);
        }
    }

    /// Whether a group needs no look in this sweep.
    fn stays_settled(&self, replica: &Replica, settled: Option<Settled>, turn: u64) -> bool {
        let Some(settled) = settled else { return false };
        if turn.is_multiple_of(SETTLED_LOOK_EVERY) || replica.idle_ms() < SETTLED_AFTER_MS {
            return false;
        }
        match settled {
            Settled::Follows(node) if turn.is_multiple_of(CLAIM_LOOK_EVERY) => {
                let age = self.claims.age_ms(replica.spec().group, node, self.clock.instant());
                let timeout = self.timings.claim_timeout.as_millis();
                age.is_some_and(|age| u128::from(age) <= timeout)
            }
            Settled::Rests | Settled::Follows(_) => true,
        }
    }

    fn look(&self, replica: &Replica, known: &mut GroupMemory, now_ms: u64) -> Action {
        let status = replica.status();
        let spec = replica.spec();
        let view = self.view(replica, &status);
        let jitter = self.randomness.number();
        let action = node_ticker::decide(&mut known.tick, &view, &self.timings, now_ms, jitter);
        replica.set_quiesced(known.tick.quiesced);
        // A leader that is cut off stops claiming, so that the others may choose another; so does
        // one that was asked to hand over, in case the replica it asked never takes over.
        let is_cut_off = !known.tick.quiesced
            && !replica.lease_valid(&status)
            && status.quorum_ack_age.is_some_and(|age| age > self.timings.election_timeout_max * 3);
        known.claim = (status.role == Role::Leader && !is_cut_off && !replica.is_mute(&status))
            .then_some(LeaderClaim {
                group: spec.group,
                term: status.term,
                replica: spec.replica,
                node: self.node,
            });
        self.note_standing(replica, &status, known, now_ms);
        known.settled = match status.role {
            _ if action != Action::Nothing => None,
            Role::Leader => known.tick.quiesced.then_some(Settled::Rests),
            Role::Voter => status
                .leader
                .filter(|_| view.leader.is_some_and(|leader| leader.alive))
                .map(|(_, node)| Settled::Follows(node)),
            Role::Learner => Some(Settled::Rests),
            Role::Stopped => None,
        };
        action
    }

    fn note_standing(
        &self,
        replica: &Replica,
        status: &RaftStatus,
        known: &mut GroupMemory,
        now_ms: u64,
    ) {
        let leads = known.claim.is_some();
        let follows = status.leader.filter(|(_, node)| *node != self.node);
        let has_leader =
            leads || follows.is_some_and(|(_, node)| self.peer.liveness().is_alive(node));
        let standing = &mut known.standing;
        standing.note_leader(has_leader, now_ms);
        if standing.has_won(status.role, status.term, follows.is_some()) {
            self.metrics.raft.elections_won.inc();
        }
        standing.is_under_replicated = leads && self.is_under_replicated(replica, status);
    }

    /// As this leader sees it. A partition that the metadata doesn't know any more lacks nothing.
    fn is_under_replicated(&self, replica: &Replica, status: &RaftStatus) -> bool {
        let state = self.metadata.state();
        let topic = state.partition_of(replica.spec().group).map(|(topic, _)| topic);
        let lag_max = Duration::from_millis(replica.config().replica_lag_time_max_ms);
        let in_sync = acks::in_sync_count(&replica.voters(status), lag_max);
        topic.is_some_and(|topic| in_sync < topic.replication_factor as usize)
    }

    fn count(&self, memory: &Memory, now_ms: u64) {
        let patience = self.timings.election_timeout_max * 3;
        let standings = || memory.groups.values().map(|known| &known.standing);
        let leaderless = standings().filter(|known| known.is_leaderless(patience, now_ms));
        let under_replicated = standings().filter(|known| known.is_under_replicated);
        set_count(&self.metrics.partition.leaderless, leaderless.count());
        set_count(&self.metrics.partition.under_replicated, under_replicated.count());
    }

    fn publish(&self, memory: &Memory, replicas: usize) {
        let led: BTreeMap<GroupId, LeaderClaim> = memory
            .groups
            .iter()
            .filter_map(|(group, known)| Some((*group, known.claim?)))
            .collect();
        let mine: Vec<LeaderClaim> = led.values().copied().collect();
        self.claims.hear(&mine, self.clock.instant());
        set_count(&self.metrics.partition.replicas, replicas);
        set_count(&self.metrics.partition.leaders, led.len());
        self.outbox.set_led(led);
    }

    fn view(&self, replica: &Replica, status: &RaftStatus) -> GroupView {
        let now = self.clock.instant();
        let group = replica.spec().group;
        let leads = status.role == Role::Leader;
        let all_matched = if leads {
            replica.note_caught_up(status)
        } else {
            replica.forget_followers();
            false
        };
        let leader =
            status.leader.filter(|(_, node)| !leads && *node != self.node).map(|(_, node)| {
                LeaderView {
                    alive: self.peer.liveness().is_alive(node),
                    claim_age_ms: self.claims.age_ms(group, node, now),
                }
            });
        let is_superseded = self.claims.leader(group).is_some_and(|(_, term)| term > status.term);
        GroupView {
            role: status.role,
            initialized: status.initialized,
            leader,
            rank: replica.rank(),
            idle_ms: replica.idle_ms(),
            all_matched,
            has_living_majority: leads && !is_superseded && replica.has_living_majority(),
            has_lease: leads && replica.lease_valid(status),
            quorum_ack_age_ms: status
                .quorum_ack_age
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}
