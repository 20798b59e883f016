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
use super::replica_set::ReplicaList;
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

/// A group for which nothing was due is looked at every so many sweeps, unless it is woken or a
/// node came or went.
const SETTLED_LOOK_EVERY: u64 = 200;
/// Whether the leaders that settled groups follow still say so is looked at every so many sweeps; so
/// often what did not change is published again.
const CLAIM_LOOK_EVERY: u64 = 20;
/// A group with work in the last so many milliseconds is looked at in every sweep. Longer than an
/// election takes: whoever may become the leader is woken, and looked at until it is one.
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
pub(super) struct Memory {
    looks: u64,
    alive: BTreeSet<NodeId>,
    replicas: ReplicaList,
    /// Of each of these replicas, in their order. Small: it is all that is read of one at rest.
    pub(super) resting: Vec<Resting>,
    /// Of each of these replicas, in their order.
    pub(super) groups: Vec<GroupMemory>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resting {
    pub(super) group: GroupId,
    pub(super) settled: Option<Settled>,
}

#[derive(Debug, Default)]
pub(super) struct GroupMemory {
    pub(super) tick: GroupTick,
    claim: Option<LeaderClaim>,
    standing: Standing,
}

/// A group for which nothing was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// A quiet leader, or a learner.
    Rests,
    /// A follower of a leader that is there, on this node.
    Follows(NodeId),
}

impl Memory {
    /// Takes the replicas that there are now; answers whether some came or went. Who came is looked
    /// at, also where it takes the place of another replica of its group.
    pub(super) fn follow(&mut self, replicas: ReplicaList) -> bool {
        if Arc::ptr_eq(&self.replicas, &replicas) {
            return false;
        }
        let former = std::mem::replace(&mut self.replicas, replicas);
        let known = std::mem::take(&mut self.resting).into_iter().zip(self.groups.drain(..));
        let known = former.iter().zip(known);
        let mut known: BTreeMap<_, _> = known.map(|of| (of.1.0.group, of)).collect();
        for replica in self.replicas.iter() {
            let group = replica.spec().group;
            let (settled, memory) = match known.remove(&group) {
                Some((former, (resting, memory))) => {
                    (resting.settled.filter(|_| Arc::ptr_eq(former, replica)), memory)
                }
                None => (None, GroupMemory::default()),
            };
            self.resting.push(Resting { group, settled });
            self.groups.push(memory);
        }
        true
    }

    /// This node was stopped or starved for so long that others may lead its groups by now: those
    /// that were quiet are to prove that they still lead (INV-23).
    pub(super) fn doubt(&mut self) {
        self.resting.iter_mut().for_each(|resting| resting.settled = None);
        self.groups.iter_mut().for_each(|known| known.tick.quiesced = false);
    }

    pub(super) fn wake(&mut self, groups: &[GroupId]) {
        for group in groups {
            // One that is gone by now is not found.
            if let Ok(place) = self.resting.binary_search_by_key(group, |resting| resting.group) {
                self.resting[place].settled = None;
            }
        }
    }
}

impl Sweep {
    /// Sweeps until cancelled.
    pub async fn run(self) {
        let mut every = self.clock.every(self.every);
        let started = self.clock.instant();
        let (mut memory, mut last) = (Memory::default(), started);
        loop {
            every.tick().await;
            let now = self.clock.instant();
            if now - last > self.peer.silence_max() {
                memory.doubt();
            }
            last = now;
            let now_ms = u64::try_from((now - started).as_millis()).unwrap_or(u64::MAX);
            self.sweep(&mut memory, now_ms).await;
        }
    }

    async fn sweep(&self, memory: &mut Memory, now_ms: u64) {
        let alive = self.peer.alive_nodes();
        let all_due = alive != memory.alive;
        memory.alive = alive;
        memory.looks += 1;
        let came_or_went = memory.follow(self.manager.all());
        memory.wake(&self.manager.take_woken());
        if memory.looks.is_multiple_of(CLAIM_LOOK_EVERY) {
            memory.wake(&self.unclaimed(memory));
        }
        let Memory { looks, replicas, resting, groups, .. } = memory;
        let mut campaigns_left = CAMPAIGNS_PER_SWEEP_MIN.max(replicas.len() / 8);
        let may_campaign = self.lookup.is_registered() && self.peer.may_campaign();
        let mut is_news = came_or_went || looks.is_multiple_of(CLAIM_LOOK_EVERY);
        for (place, resting) in resting.iter_mut().enumerate() {
            let turn = *looks + resting.group.0;
            if !all_due && resting.settled.is_some() && !turn.is_multiple_of(SETTLED_LOOK_EVERY) {
                continue;
            }
            let (replica, known) = (&replicas[place], &mut groups[place]);
            let claimed = known.claim;
            let (action, settled) = self.look(replica, known, now_ms);
            resting.settled = settled.filter(|_| replica.rest(SETTLED_AFTER_MS));
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
        if is_news {
            self.publish(memory);
            self.count(memory, now_ms);
        }
    }

    /// Groups at rest whose leader does not say any more that it leads them.
    fn unclaimed(&self, memory: &Memory) -> Vec<GroupId> {
        let followed = memory.resting.iter().filter_map(|resting| match resting.settled {
            Some(Settled::Follows(node)) => Some((resting.group, node)),
            Some(Settled::Rests) | None => None,
        });
        self.claims.unclaimed(followed, self.clock.instant(), self.timings.claim_timeout)
    }

    /// What to do about a group now, and why it may rest then, if it may.
    fn look(
        &self,
        replica: &Replica,
        known: &mut GroupMemory,
        now_ms: u64,
    ) -> (Action, Option<Settled>) {
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
        let settled = match status.role {
            _ if action != Action::Nothing => None,
            Role::Leader => known.tick.quiesced.then_some(Settled::Rests),
            Role::Voter => status
                .leader
                .filter(|_| view.leader.is_some_and(|leader| leader.alive))
                .filter(|_| !known.tick.is_about_to_campaign())
                .map(|(_, node)| Settled::Follows(node)),
            Role::Learner => Some(Settled::Rests),
            Role::Stopped => None,
        };
        (action, settled)
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
        let standings = || memory.groups.iter().map(|known| &known.standing);
        let leaderless = standings().filter(|known| known.is_leaderless(patience, now_ms));
        let under_replicated = standings().filter(|known| known.is_under_replicated);
        set_count(&self.metrics.partition.leaderless, leaderless.count());
        set_count(&self.metrics.partition.under_replicated, under_replicated.count());
    }

    fn publish(&self, memory: &Memory) {
        let claims = memory.groups.iter().filter_map(|known| known.claim);
        let led: BTreeMap<GroupId, LeaderClaim> =
            claims.map(|claim| (claim.group, claim)).collect();
        let mine: Vec<LeaderClaim> = led.values().copied().collect();
        self.claims.hear(&mine, self.clock.instant());
        set_count(&self.metrics.partition.replicas, memory.replicas.len());
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
