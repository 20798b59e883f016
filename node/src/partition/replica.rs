//! One running replica of one partition: its Raft, its log, and what its leader keeps in memory
//! about the others. Decides nothing about Raft (openraft) or durability (`raft-store`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{GroupId, NodeId, Offset, ReplicaId};
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::TopicConfig;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::{GroupReader, PartitionLog};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::acks::{self, FollowerClock, VoterView};
use super::appender::PendingAppend;
use super::replica_log::ReplicaLog;
use super::request::PartitionKey;
use super::resting::{Activity, Woken};
use crate::clock::Clock;
use crate::peer::LivenessView;
use crate::raft::progress::ReplicaProgress;
use crate::raft::settings::RaftTimings;
use crate::raft::status::{self, RaftHandle, RaftStatus, Role};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

/// Who a replica is and where it stands in the placement. From the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaSpec {
    /// Its Raft group.
    pub group: GroupId,
    /// The partition.
    pub key: PartitionKey,
    /// Its id in the group.
    pub replica: ReplicaId,
    /// This node.
    pub node: NodeId,
    /// Position in the placement: 0 = preferred leader.
    pub rank: u32,
}

/// What a replica is made of.
#[derive(Debug)]
pub struct ReplicaParts {
    /// Who it is.
    pub spec: ReplicaSpec,
    /// Its Raft.
    pub raft: RaftHandle,
    /// What it keeps, for reading.
    pub log: ReplicaLog,
    /// What its followers acknowledged, while it leads.
    pub progress: Arc<ReplicaProgress>,
    /// The topic's configuration.
    pub config: Arc<TopicConfig>,
    /// Bytes of appends that may wait or be in flight.
    pub bytes_in_flight_max: usize,
    /// Timings of Raft.
    pub timings: RaftTimings,
    /// Which nodes live.
    pub liveness: LivenessView,
    /// Time.
    pub clock: Clock,
    /// Where it is named when it has work again.
    pub woken: Arc<Woken>,
    /// Branch of tasks that ends with the replica.
    pub tasks: Tasks,
    /// Counters.
    pub metrics: Metrics,
}

/// A running replica. Whose view: this replica's, on this node.
#[derive(Debug)]
pub struct Replica {
    pub(super) parts: ReplicaParts,
    rank: AtomicU64,
    config: ArcSwap<TopicConfig>,
    pub(super) bytes: Arc<Semaphore>,
    appends: mpsc::Sender<PendingAppend>,
    born: Instant,
    activity: Activity,
    followers: Mutex<Followers>,
    /// The sweep stopped the heartbeats of this led group.
    is_quiesced: AtomicBool,
    /// The term in which this leader was asked to hand over; 0 = none. It is mute since then.
    handed_over_term: AtomicU64,
    /// Entries proposed and not yet decided, by number: when each was proposed.
    undecided: Mutex<BTreeMap<u64, Instant>>,
}

/// When the followers last had everything, as the leader of one term saw them.
#[derive(Debug, Default)]
struct Followers {
    term: u64,
    clocks: BTreeMap<ReplicaId, FollowerClock>,
}

impl Followers {
    /// Time since a follower last had everything, or was first seen in this term. One that was not
    /// looked at yet gets the benefit of the doubt: whether its node lives is asked besides.
    fn behind_for(&self, replica: ReplicaId, term: u64, now: Duration) -> Duration {
        let clock = self.clocks.get(&replica).filter(|_| self.term == term);
        clock.map_or(Duration::ZERO, |clock| clock.behind_for(now))
    }

    fn of_term(&mut self, term: u64) -> &mut BTreeMap<ReplicaId, FollowerClock> {
        if self.term != term {
            *self = Followers { term, clocks: BTreeMap::new() };
        }
        &mut self.clocks
    }
}

/// Appends that may wait in the queue of one partition; their bytes are limited separately.
const APPENDS_QUEUED_MAX: usize = 4_096;
/// How long the tasks of a replica, and the last write to its disk, may take when it stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

impl Replica {
    /// Starts the replica's own task. The Raft is running already.
    pub fn start(parts: ReplicaParts) -> Arc<Replica> {
        let (appends, queue) = mpsc::channel(APPENDS_QUEUED_MAX);
        let replica = Arc::new(Replica {
            rank: AtomicU64::new(u64::from(parts.spec.rank)),
            config: ArcSwap::from(parts.config.clone()),
            bytes: Arc::new(Semaphore::new(parts.bytes_in_flight_max)),
            appends,
            born: parts.clock.instant(),
            activity: Activity::new(parts.spec.group, parts.woken.clone()),
            followers: Mutex::default(),
            is_quiesced: AtomicBool::new(false),
            handed_over_term: AtomicU64::new(0),
            undecided: Mutex::default(),
            parts,
        });
        let tasks = replica.parts.tasks.clone();
        tasks.spawn("appender", super::appender::run(replica.clone(), queue));
        replica
    }

    /// Who it is.
    pub fn spec(&self) -> &ReplicaSpec {
        &self.parts.spec
    }

    /// Position in the placement, as the metadata last said.
    pub fn rank(&self) -> u32 {
        u32::try_from(self.rank.load(Ordering::Relaxed)).unwrap_or(u32::MAX)
    }

    /// Its Raft.
    pub fn raft(&self) -> &RaftHandle {
        &self.parts.raft
    }

    /// Its records.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where it keeps groups.
    pub fn log(&self) -> Result<&PartitionLog, Problem> {
        self.parts.log.records()
    }

    /// First offset that can be read; 0 where it keeps groups.
    pub(super) fn log_start(&self) -> Offset {
        self.log().map_or(Offset(0), PartitionLog::log_start_offset)
    }

    /// Its groups, if it keeps them.
    pub fn groups(&self) -> Option<&GroupReader> {
        self.parts.log.groups()
    }

    /// What its followers acknowledged.
    pub fn progress(&self) -> &Arc<ReplicaProgress> {
        &self.parts.progress
    }

    /// The topic's configuration.
    pub fn config(&self) -> Arc<TopicConfig> {
        self.config.load_full()
    }

    /// New configuration or placement from the metadata.
    pub(super) fn update(&self, config: Arc<TopicConfig>, rank: u32) {
        self.config.store(config);
        self.rank.store(u64::from(rank), Ordering::Relaxed);
    }

    /// Copies what its Raft says.
    pub fn status(&self) -> RaftStatus {
        status::status(&self.parts.raft)
    }

    /// Whether it leads, by its own view.
    pub fn is_leader(&self) -> bool {
        self.parts.raft.is_leader()
    }

    /// Whether the task that proposes appends is gone: it ends with the replica, or by a panic.
    pub(super) fn appender_is_gone(&self) -> bool {
        self.appends.is_closed() && !self.parts.tasks.is_cancelled()
    }

    /// Queues an append. The caller holds the permits for its bytes.
    pub(super) fn enqueue(&self, append: PendingAppend) -> Result<(), Problem> {
        self.note_activity();
        self.appends.try_send(append).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                Problem::new(ErrorCode::Overloaded, "the partition's queue of appends is full")
                    .hint("send larger batches, or fewer at a time")
            }
            TrySendError::Closed(_) => self.not_leader(&self.status()),
        })
    }

    /// There is work: a quiet group wakes.
    pub fn note_activity(&self) {
        self.activity.note(self.age_ms());
    }

    /// Milliseconds since the last work.
    pub fn idle_ms(&self) -> u64 {
        self.activity.idle_ms(self.age_ms())
    }

    /// Puts the group to rest, unless it had work in the last `after_ms`; answers whether it rests.
    /// Its next work wakes it.
    pub(super) fn rest(&self, after_ms: u64) -> bool {
        self.activity.rest(self.age_ms(), after_ms)
    }

    /// Whether the sweep has stopped the heartbeats of this led group, so that an expired lease says
    /// nothing.
    pub fn is_quiesced(&self) -> bool {
        self.is_quiesced.load(Ordering::Relaxed)
    }

    /// The sweep stopped the heartbeats of this group, or began them again.
    pub(super) fn set_quiesced(&self, is_quiesced: bool) {
        self.is_quiesced.store(is_quiesced, Ordering::Relaxed);
    }

    /// This leader is asked to hand over: openraft takes no more writes here in this term, whatever
    /// becomes of it.
    pub(super) fn note_hand_over(&self, term: u64) {
        self.handed_over_term.store(term, Ordering::Relaxed);
        self.note_activity();
    }

    /// Whether the leader of this term was asked to hand over.
    pub(crate) fn is_mute(&self, status: &RaftStatus) -> bool {
        self.handed_over_term.load(Ordering::Relaxed) == status.term
    }

    fn age(&self) -> Duration {
        self.parts.clock.instant() - self.born
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.age().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether a quorum acknowledged this leader within its lease. A lone voter always holds it.
    pub fn lease_valid(&self, status: &RaftStatus) -> bool {
        let lease = self.parts.timings.election_timeout_max;
        status.quorum_ack_age.is_some_and(|age| age < lease)
            || status::membership(&self.parts.raft).voters.len() == 1
    }

    /// Makes sure that this replica leads and holds its lease, waking a quiet group if need be.
    ///
    /// # Errors
    /// `NOT_LEADER`, with the leader if known; nothing was done.
    pub async fn confirm_lease(&self) -> Result<RaftStatus, Problem> {
        let first = self.leading()?;
        if self.lease_valid(&first) {
            return Ok(first);
        }
        self.note_activity();
        let deadline = self.parts.clock.instant() + self.parts.timings.election_timeout_max;
        let mut metrics = self.parts.raft.metrics();
        // A failure to send means that the core stopped; `leading` says so below.
        let _ = self.parts.raft.trigger().heartbeat().await;
        loop {
            let status = self.leading()?;
            if self.lease_valid(&status) {
                return Ok(status);
            }
            use openraft::async_runtime::watch::WatchReceiver;
            let changed = tokio::time::timeout_at(deadline, metrics.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Err(Problem::new(
                    ErrorCode::NotLeader,
                    "this leader has lost contact with a majority of the replicas",
                )
                .hint("see `rampart partition describe` and `rampart cluster health`"));
            }
        }
    }

    fn leading(&self) -> Result<RaftStatus, Problem> {
        let status = self.status();
        if status.role == Role::Leader { Ok(status) } else { Err(self.not_leader(&status)) }
    }

    /// The refusal of a replica that does not lead: certainly not done, with the leader if known.
    pub(crate) fn not_leader(&self, status: &RaftStatus) -> Problem {
        let leader =
            status.leader.map(|(_, node)| node).filter(|node| *node != self.parts.spec.node);
        Problem::new(ErrorCode::NotLeader, "this node does not lead the partition").leader(leader)
    }

    /// Waits until this leader has applied an entry of its own term, and so everything that was
    /// acknowledged before: until then the end it knows may be an old one. It must hold its lease
    /// too, unless its group is quiet and a majority of the voters' nodes are heard from.
    ///
    /// # Errors
    /// `NOT_LEADER`: it does not lead, is cut off, or has not applied so far within a lease.
    pub(crate) async fn confirm_current(&self) -> Result<RaftStatus, Problem> {
        let deadline = self.parts.clock.instant() + self.parts.timings.election_timeout_max;
        let mut metrics = self.parts.raft.metrics();
        loop {
            let status = self.leading()?;
            if planted::is(Bug::StaleLeaderReads) {
                return Ok(status);
            }
            // One that was paused still takes itself for quiet: others may lead by now (INV-23).
            let is_quiet = || {
                self.is_quiesced() && self.is_majority(|node| self.parts.liveness.is_heard(node))
            };
            let has_lease = self.lease_valid(&status) || is_quiet();
            if has_lease && status.has_applied_own_term() {
                return Ok(status);
            }
            use openraft::async_runtime::watch::WatchReceiver;
            let changed = tokio::time::timeout_at(deadline, metrics.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Err(self.not_leader(&status));
            }
        }
    }

    /// The voters as the leader of `status` sees them.
    pub fn voters(&self, status: &RaftStatus) -> Vec<VoterView> {
        let now = self.age();
        let followers = self.followers.lock().expect("no holder of this lock panics");
        status::membership(&self.parts.raft)
            .voters
            .into_iter()
            .map(|(replica, node)| {
                let me = replica == self.parts.spec.replica;
                let matched = if me {
                    self.parts.log.synced_index()
                } else {
                    self.parts.progress.matched(replica, status.term)
                };
                let behind_for = if me || matched >= status.last_log_index {
                    Duration::ZERO
                } else {
                    followers.behind_for(replica, status.term, now)
                };
                let alive = me || self.parts.liveness.is_alive(node);
                VoterView { replica, node, alive, matched, behind_for }
            })
            .collect()
    }

    /// Notes which followers have everything. Called by the sweep while this replica leads;
    /// answers whether every replica on a living node has everything and it is applied here.
    pub fn note_caught_up(&self, status: &RaftStatus) -> bool {
        let now = self.age();
        let log_end = status.last_log_index;
        let membership = status::membership(&self.parts.raft);
        let mut all = status.applied.map(|id| id.index) == log_end;
        let mut followers = self.followers.lock().expect("no holder of this lock panics");
        let clocks = followers.of_term(status.term);
        for (replica, node) in membership.voters.iter().chain(&membership.learners) {
            if *replica == self.parts.spec.replica {
                continue;
            }
            let matched = self.parts.progress.matched(*replica, status.term);
            let alive = self.parts.liveness.is_alive(*node);
            match clocks.get_mut(replica) {
                Some(follower) => follower.look(matched, log_end, now),
                None if alive || matched >= log_end => {
                    clocks.insert(*replica, FollowerClock::new(log_end, now));
                }
                None => {}
            }
            all &= matched >= log_end || !alive;
        }
        all
    }

    /// Whether the replicas on living nodes, this one included, are a majority of the voters.
    pub fn has_living_majority(&self) -> bool {
        self.is_majority(|node| self.parts.liveness.is_alive(node))
    }

    /// Whether the replicas on nodes for which this holds are a majority of the voters with this one.
    fn is_majority(&self, counts: impl Fn(NodeId) -> bool) -> bool {
        let view = status::membership(&self.parts.raft);
        let me = self.parts.spec.replica;
        let counted = view.voters.iter().filter(|(id, node)| *id == me || counts(*node)).count();
        !view.is_joint && counted > view.voters.len() / 2
    }

    /// Time since a follower or learner last had everything, or was first seen in this term.
    pub fn behind_for(&self, replica: ReplicaId, term: u64) -> Duration {
        let followers = self.followers.lock().expect("no holder of this lock panics");
        followers.behind_for(replica, term, self.age())
    }

    /// Forgets what was known of followers: this replica does not lead any more.
    pub fn forget_followers(&self) {
        *self.followers.lock().expect("no holder of this lock panics") = Followers::default();
    }

    /// An entry was proposed.
    pub(super) fn proposed(&self, number: u64) {
        let now = self.parts.clock.instant();
        self.undecided.lock().expect("no holder of this lock panics").insert(number, now);
    }

    /// An entry was committed, or refused.
    pub(super) fn decided(&self, number: u64) {
        self.undecided.lock().expect("no holder of this lock panics").remove(&number);
    }

    /// Whether an ack 1 may be given now for an entry that was appended in `term` (see
    /// `acks::ack_one_is_honest`).
    pub(super) fn ack_one_is_honest(&self, term: u64) -> bool {
        let status = self.status();
        let leads = status.role == Role::Leader && status.term == term;
        let now = self.parts.clock.instant();
        let oldest = self
            .undecided
            .lock()
            .expect("no holder of this lock panics")
            .first_key_value()
            .map(|(_, at)| now.saturating_duration_since(*at));
        let lag_max = Duration::from_millis(self.config.load().ack1_max_lag_ms);
        if planted::is(Bug::AckOneUnguarded) {
            return true;
        }
        acks::ack_one_is_honest(oldest, leads && self.lease_valid(&status), lag_max)
    }

    /// Stops the replica: queued appends are answered, its tasks end, then its Raft; what is applied
    /// is saved, so that the next start applies nothing again. Not so where its core had ended: what
    /// a failed apply left in memory is not to be trusted, and the next start is from the disk.
    pub async fn stop(&self) {
        let group = self.parts.spec.group;
        let was_sound =
            self.status().role != Role::Stopped && !status::core_is_gone(&self.parts.raft);
        self.parts.tasks.stop(STOP_TIMEOUT).await;
        if let Err(error) = self.parts.raft.shutdown().await {
            tracing::warn!(%group, %error, "raft core ended badly");
        }
        if !was_sound {
            return;
        }
        match tokio::time::timeout(STOP_TIMEOUT, self.parts.log.save_applied()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%group, %error, "what is applied was not saved"),
            Err(_) => tracing::warn!(%group, "what is applied was not saved in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_that_was_not_looked_at_in_this_term_is_not_late() {
        let (ms, replica) = (Duration::from_millis, ReplicaId(2));
        let mut followers = Followers::default();
        assert_eq!(followers.behind_for(replica, 3, ms(60_000)), ms(0), "never seen");
        let clock = FollowerClock::new(Some(10), ms(1_000));
        followers.of_term(3).insert(replica, clock);
        assert_eq!(followers.behind_for(replica, 3, ms(5_000)), ms(4_000));
        assert_eq!(followers.behind_for(replica, 4, ms(5_000)), ms(0), "seen by another leader");
        assert!(followers.of_term(4).is_empty(), "another leader looks anew");
    }
}
