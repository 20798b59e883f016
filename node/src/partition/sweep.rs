//! The node ticker's loop: looks at every replica of this node, asks the pure `node_ticker` what
//! to do, does it, and keeps the claims of this node up to date. One task for all groups.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rampart_api::model::ids::{GroupId, NodeId};
use rampart_api::peer::ping::LeaderClaim;
use rand::RngExt;

use super::replica::Replica;
use super::replica_manager::ReplicaManager;
use crate::clock::Clock;
use crate::peer::PeerNet;
use crate::raft::claims::{ClaimOutbox, ClaimTable};
use crate::raft::host::GroupLookup;
use crate::raft::node_ticker::{self, Action, GroupTick, GroupView, LeaderView};
use crate::raft::settings::RaftTimings;
use crate::raft::status::{RaftStatus, Role};
use crate::telemetry::Metrics;

/// Pause between two looks at all groups.
const SWEEP_EVERY: Duration = Duration::from_millis(50);
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
    /// Time.
    pub clock: Clock,
    /// This node.
    pub node: NodeId,
    /// Counters.
    pub metrics: Metrics,
}

impl Sweep {
    /// Sweeps until cancelled.
    pub async fn run(self) {
        let mut every = tokio::time::interval(SWEEP_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let started = self.clock.instant();
        let mut ticks: HashMap<GroupId, GroupTick> = HashMap::new();
        loop {
            every.tick().await;
            let now = self.clock.instant();
            let now_ms = u64::try_from((now - started).as_millis()).unwrap_or(u64::MAX);
            self.sweep(&mut ticks, now_ms).await;
        }
    }

    async fn sweep(&self, ticks: &mut HashMap<GroupId, GroupTick>, now_ms: u64) {
        let replicas = self.manager.all();
        let mut campaigns_left = CAMPAIGNS_PER_SWEEP_MIN.max(replicas.len() / 8);
        let mut led = HashMap::new();
        let may_campaign = self.lookup.is_registered() && self.peer.may_campaign();
        for replica in &replicas {
            let group = replica.spec().group;
            let status = replica.status();
            if status.role == Role::Leader {
                let claim = LeaderClaim {
                    group,
                    term: status.term,
                    replica: replica.spec().replica,
                    node: self.node,
                };
                led.insert(group, claim);
            }
            let tick = ticks.entry(group).or_default();
            let view = self.view(replica, &status);
            let jitter = rand::rng().random();
            match node_ticker::decide(tick, &view, &self.timings, now_ms, jitter) {
                Action::Nothing => {}
                // An error means that the core has stopped; supervision restarts it.
                Action::Heartbeat => {
                    let _ = replica.raft().trigger().heartbeat().await;
                }
                Action::Campaign if campaigns_left > 0 && may_campaign => {
                    campaigns_left -= 1;
                    self.metrics.raft.elections.inc();
                    let _ = replica.raft().trigger().elect(true).await;
                }
                Action::Campaign => {}
            }
        }
        let now = self.clock.instant();
        let mine: Vec<LeaderClaim> = led.values().copied().collect();
        self.claims.hear(&mine, now);
        self.metrics.partition.replicas.set(count(replicas.len()));
        self.metrics.partition.leaders.set(count(led.len()));
        self.outbox.set_led(led);
        if ticks.len() > replicas.len() {
            ticks.retain(|group, _| self.manager.get(*group).is_some());
        }
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
        let leader = status.leader.filter(|(_, node)| !leads && *node != self.node).map(|(_, node)| LeaderView {
            alive: self.peer.liveness().is_alive(node),
            claim_age_ms: self.claims.age_ms(group, node, now),
        });
        GroupView {
            role: status.role,
            initialized: status.initialized,
            leader,
            rank: replica.rank(),
            idle_ms: replica.idle_ms(),
            all_matched,
            quorum_ack_age_ms: status
                .quorum_ack_age
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

fn count(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}
