//! The loop that acts, on the node that leads the metadata group: looks at the cluster twice a
//! second, asks the pure rules what is due, and does it. Keeps nothing that matters: the next
//! controller sees the same state and decides the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rampart_api::codec;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{GroupId, NodeId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::command::{MetadataCommand, MetadataResponse};
use rampart_raft_store::state::metadata::state::NodeState;

use super::handle::{ControllerHandle, Outlook};
use super::leader_balance::{LeaderBalancer, Transfer, best_target};
use super::silence::Silence;
use super::situation::Situation;
use super::{steps, voters};
use crate::metadata::{MembershipKeeper, hand_over_metadata};
use crate::telemetry::Metrics;

/// How often the cluster is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often it is looked whether the moves make progress: all nodes look, all moves are asked.
const WATCH_MOVES_EVERY_MS: u64 = 10_000;
/// How long one change of the metadata may take before the next look.
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one change of the metadata group's members may take before the next look.
const MEMBERSHIP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one hand-over of a leadership may take.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3);
/// Changes that one look proposes; the rest is still due at the next.
const COMMANDS_PER_LOOK_MAX: usize = 100;
/// A metadata learner may be so many entries behind when it becomes a voter.
const CATCH_UP_ENTRIES_MAX: u64 = 64;

/// Acts while this node is the controller.
#[derive(Debug)]
pub struct ControllerService {
    controller: ControllerHandle,
    keeper: MembershipKeeper,
    metrics: Metrics,
    balancer: LeaderBalancer,
    silence: Silence,
    /// What was seen when nothing was due: the same needs no second thought.
    idle_at: Option<Seen>,
    /// The same of leaderships.
    settled_at: Option<Led>,
}

/// What the place of leaderships depends on.
#[derive(Debug, PartialEq, Eq)]
struct Led {
    applied_index: u64,
    alive: BTreeSet<NodeId>,
    /// Of the leaders that were heard of.
    changes: u64,
}

/// What the steps depend on.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    applied_index: u64,
    alive: BTreeSet<NodeId>,
    lost: BTreeSet<NodeId>,
    stuck: BTreeSet<GroupId>,
    metadata_voters: BTreeSet<NodeId>,
}

impl ControllerService {
    /// A service that plans with the handle's view and changes the metadata group's members
    /// through the keeper.
    pub fn new(controller: ControllerHandle, keeper: MembershipKeeper, metrics: Metrics) -> Self {
        ControllerService {
            controller,
            keeper,
            metrics,
            balancer: LeaderBalancer::default(),
            silence: Silence::default(),
            idle_at: None,
            settled_at: None,
        }
    }

    /// Runs until cancelled.
    pub async fn run(mut self) {
        let mut every = self.controller.clock().every(LOOK_EVERY);
        let mut watched_ms = self.controller.now_ms();
        loop {
            every.tick().await;
            if self.controller.now_ms() >= watched_ms + WATCH_MOVES_EVERY_MS {
                watched_ms = self.controller.now_ms();
                self.controller.watch_moves().await;
            }
            let mut outlook = self.controller.outlook();
            let nodes = outlook.state.nodes.keys().copied();
            outlook.lost = self.silence.note(nodes, &outlook.alive, self.controller.now_ms());
            if self.controller.metadata().is_leader() {
                self.look(outlook).await;
            } else {
                self.idle_at = None;
                self.settled_at = None;
                self.metrics.partition.moves.set(0);
            }
        }
    }

    async fn look(&mut self, outlook: Outlook) {
        let partitions = outlook.state.partitions();
        let moves = partitions.filter(|(_, _, partition)| partition.is_moving()).count();
        self.metrics.partition.moves.set(i64::try_from(moves).unwrap_or(i64::MAX));
        if self.leads_while_draining(outlook.situation()) {
            let (metadata, liveness) = (self.controller.metadata(), self.controller.liveness());
            if hand_over_metadata(metadata, liveness).await.is_some() {
                return;
            }
        }
        self.keep_voters(outlook.situation()).await;
        self.move_leaderships(outlook.situation()).await;
        self.take_steps(outlook).await;
    }

    /// A drained node leads nothing, so that it can be stopped without anybody noticing.
    fn leads_while_draining(&self, situation: Situation<'_>) -> bool {
        let leader = self.controller.metadata().leader();
        leader.is_some_and(|node| situation.node_state(node) == Some(NodeState::Draining))
    }

    async fn take_steps(&mut self, outlook: Outlook) {
        let metadata_voters = self.keeper.voters();
        let seen = Seen {
            applied_index: outlook.state.applied_index,
            alive: outlook.alive.clone(),
            lost: outlook.lost.clone(),
            stuck: outlook.stuck.keys().copied().collect(),
            metadata_voters,
        };
        if self.idle_at.as_ref() == Some(&seen) {
            return;
        }
        let mut due = steps::due(outlook.situation(), &seen.metadata_voters);
        due.extend(self.controller.group_state_due(outlook.situation()));
        if due.is_empty() {
            self.idle_at = Some(seen);
            return;
        }
        for command in due.into_iter().take(COMMANDS_PER_LOOK_MAX) {
            if !self.propose(command).await {
                return;
            }
        }
    }

    /// Says whether to go on with the next one.
    async fn propose(&self, command: MetadataCommand) -> bool {
        tracing::info!(?command, "the controller acts");
        let metadata = self.controller.metadata();
        // Here or not at all: what a deposed controller planned is not for its successor to do.
        let proposed = metadata.propose_here(codec::encode(&command).into());
        let answered = match tokio::time::timeout(PROPOSE_TIMEOUT, proposed).await {
            Ok(Ok((_, MetadataResponse::Refused(problem)))) => Err(problem),
            Ok(answered) => answered.map(|_| ()),
            Err(_) => Err(Problem::unknown(ErrorCode::Timeout, "the change takes long")),
        };
        match answered {
            Ok(()) => true,
            Err(problem) => {
                tracing::warn!(%problem, "the controller's change was refused; it looks again");
                false
            }
        }
    }

    async fn keep_voters(&self, situation: Situation<'_>) {
        let present = self.keeper.voters();
        let status = self.controller.metadata().status();
        let Some((_, leader)) = status.leader else { return };
        let last = status.last_log_index.unwrap_or(0);
        let near = |node: &NodeId| {
            let matched = self.keeper.matched(*node);
            matched.is_some_and(|matched| matched.saturating_add(CATCH_UP_ENTRIES_MAX) >= last)
        };
        let caught_up = situation.state.nodes.keys().copied().filter(near).collect();
        let wanted = voters::plan_voters(situation, &present, &caught_up, leader);
        let step = self.keeper.step(&wanted);
        if tokio::time::timeout(MEMBERSHIP_TIMEOUT, step).await.is_err() {
            tracing::warn!("the metadata group's membership change takes long");
        }
    }

    async fn move_leaderships(&mut self, situation: Situation<'_>) {
        let led = Led {
            applied_index: situation.state.applied_index,
            alive: situation.alive.clone(),
            changes: self.controller.partitions().leader_changes(),
        };
        if self.settled_at.as_ref() == Some(&led) {
            return;
        }
        let (leaders, now_ms) = (self.leaders(situation), self.controller.now_ms());
        let transfers = self.balancer.plan(situation, &leaders, now_ms);
        let is_settled = transfers.is_empty() && self.balancer.is_settled(now_ms);
        self.settled_at = is_settled.then_some(led);
        let hand_overs = transfers.iter().map(|transfer| self.hand_over(transfer));
        futures_util::future::join_all(hand_overs).await;
    }

    /// Who leads each group: heard by this node, else as last reported.
    fn leaders(&self, situation: Situation<'_>) -> BTreeMap<GroupId, NodeId> {
        let partitions = situation.state.partitions();
        partitions
            .filter_map(|(_, _, record)| {
                let heard = self.controller.partitions().leader_hint(record.group);
                Some((record.group, heard.map(|(node, _)| node).or(record.leader)?))
            })
            .collect()
    }

    async fn hand_over(&self, transfer: &Transfer) {
        let statuses = self.controller.statuses([transfer.key]).await;
        let Some(status) = statuses.get(&transfer.group) else { return };
        let Some(to) = best_target(transfer, status) else { return };
        let handed = self.controller.partitions().transfer_leadership(transfer.key, Some(to));
        match tokio::time::timeout(TRANSFER_TIMEOUT, handed).await {
            Ok(Ok(_)) => {
                let (group, from) = (transfer.group, transfer.from);
                tracing::info!(%group, %from, %to, "leadership handed over");
            }
            Ok(Err(problem)) => {
                tracing::warn!(group = %transfer.group, %problem, "leadership not handed over");
            }
            Err(_) => tracing::warn!(group = %transfer.group, "leadership hand-over takes long"),
        }
    }
}
