//! Owns the replicas of this node: starts and stops them as the metadata says, restarts one whose
//! core died, answers lookups. Received traffic never creates a replica; only metadata does.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rampart_api::model::ids::{GroupId, NodeId, ReplicaId, TopicId};
use rampart_api::model::topic_config::TopicConfig;
use rampart_raft_store::error::OpenGroupError;
use rampart_raft_store::runtime::run_blocking;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::{
    MetadataState, PartitionRecord, ReplicaRecord, TopicRecord,
};
use rampart_raft_store::type_config::Member;
use rampart_raft_store::{OpenGroup, Store};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::replica::{Replica, ReplicaParts, ReplicaSpec};
use super::replica_log::ReplicaLog;
use super::replica_set::{ReplicaList, ReplicaSet};
use super::request::{OffsetSpec, PartitionKey};
use super::resting::Woken;
use super::service::Operation;
use super::starts::{Ended, Starts, Turns};
use super::supervision::{Gone, Supervision};
use super::trouble::{Keep, Troubles, may_give_up};
use super::{log_check, remote};
use crate::clock::Clock;
use crate::groups::routing::GROUP_STATE_TOPIC_ID;
use crate::metadata::MetadataHandle;
use crate::peer::PeerNet;
use crate::raft::claims::ClaimTable;
use crate::raft::network::GroupNetwork;
use crate::raft::progress::ReplicaProgress;
use crate::raft::settings::RaftTimings;
use crate::raft::status::RaftHandle;
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

/// How often stopped cores are looked for, besides every change of the metadata.
const SUPERVISE_EVERY: Duration = Duration::from_millis(500);
/// How long a replica that is not the preferred leader waits before it initializes the group.
const INITIALIZE_FALLBACK: Duration = Duration::from_secs(3);
/// Pause before it is looked again whether a group is initialized.
const INITIALIZE_RETRY: Duration = Duration::from_secs(3);
/// How long the leader of a group may take to show that it leads.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(1);

/// What the manager is made of.
#[derive(Debug)]
pub struct ReplicaManagerOptions {
    /// This node.
    pub node: NodeId,
    /// Where logs live.
    pub store: Store,
    /// The cluster as this node knows it.
    pub metadata: MetadataHandle,
    /// To reach the other replicas.
    pub peer: PeerNet,
    /// Who claims which group.
    pub claims: Arc<ClaimTable>,
    /// Timings of Raft.
    pub timings: RaftTimings,
    /// openraft's configuration of partition groups.
    pub raft_config: Arc<openraft::Config>,
    /// That of partitions of `__group_state`.
    pub groups_raft_config: Arc<openraft::Config>,
    /// Bytes of appends in flight of one partition.
    pub bytes_in_flight_per_partition: usize,
    /// Time.
    pub clock: Clock,
    /// Tasks of all replicas.
    pub tasks: Tasks,
    /// Counters.
    pub metrics: Metrics,
}

/// The replicas of this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReplicaManager {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: ReplicaManagerOptions,
    replicas: ReplicaSet,
    started: watch::Sender<bool>,
    is_stopping: AtomicBool,
    born: Instant,
    troubles: Mutex<Troubles>,
    /// Groups that ended by an error of the storage: their logs are read through before they are
    /// started again.
    suspects: Mutex<BTreeSet<GroupId>>,
    turns: Turns,
    woken: Arc<Woken>,
}

/// A replica that should run here.
#[derive(Debug, Clone)]
struct Wanted {
    spec: ReplicaSpec,
    topic: Arc<TopicRecord>,
}

impl Wanted {
    fn record(&self) -> &PartitionRecord {
        &self.topic.partitions[self.spec.key.partition as usize]
    }
}

impl ReplicaManager {
    /// A manager without replicas; `run` starts them.
    pub fn new(options: ReplicaManagerOptions) -> Self {
        let (started, _) = watch::channel(false);
        let is_stopping = AtomicBool::new(false);
        let born = options.clock.instant();
        let replicas = ReplicaSet::default();
        let (troubles, suspects) = (Mutex::default(), Mutex::default());
        let inner = Inner {
            options,
            replicas,
            started,
            is_stopping,
            born,
            troubles,
            suspects,
            turns: Turns::default(),
            woken: Arc::default(),
        };
        ReplicaManager { inner: Arc::new(inner) }
    }

    /// The replica of a group on this node.
    pub fn get(&self, group: GroupId) -> Option<Arc<Replica>> {
        self.inner.replicas.get(group)
    }

    /// All replicas of this node.
    pub fn all(&self) -> ReplicaList {
        self.inner.replicas.all()
    }

    /// Those of them that keep consumer groups.
    pub(crate) fn of_groups(&self) -> ReplicaList {
        self.inner.replicas.of_groups()
    }

    /// Groups that were at rest and have work again, since this was asked last.
    pub(super) fn take_woken(&self) -> Vec<GroupId> {
        self.inner.woken.take()
    }

    /// Whether this node's replica of a group was found damaged and is not back: it neither votes
    /// nor serves, and waits for one to take its place.
    pub fn is_damaged(&self, group: GroupId) -> bool {
        self.troubles().has_damage(group) && self.get(group).is_none()
    }

    /// Becomes true once the replicas that the metadata named at start are running, or could not be
    /// started.
    pub fn started(&self) -> watch::Receiver<bool> {
        self.inner.started.subscribe()
    }

    /// Follows the metadata until cancelled.
    pub async fn run(self) {
        let mut changes = self.inner.options.metadata.watch();
        let mut supervise = self.inner.options.clock.every(SUPERVISE_EVERY);
        let mut seen: BTreeMap<TopicId, Arc<TopicRecord>> = BTreeMap::new();
        let (mut starts, mut supervision) = (Starts::default(), Supervision::default());
        self.drop_orphans(self.inner.options.metadata.state()).await;
        let first = changes.borrow().1.clone();
        self.follow(&first, &mut seen, &mut starts).await;
        let mut initial = starts.groups();
        loop {
            let state = changes.borrow_and_update().1.clone();
            self.follow(&state, &mut seen, &mut starts).await;
            self.inner.started.send_replace(initial.is_empty());
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                ended = starts.ended() => {
                    self.settle(&state, ended, &mut starts).await;
                    initial.remove(&ended.group);
                }
                () = supervise.tick() => {
                    self.supervise(&state, &mut supervision, &mut starts).await;
                }
            }
        }
    }

    /// Stops all replicas, for shutdown; none is started any more.
    pub async fn stop(&self) {
        self.inner.is_stopping.store(true, Ordering::Release);
        let replicas = self.inner.replicas.take();
        let stopping = replicas.values().map(|replica| replica.stop());
        futures_util::future::join_all(stopping).await;
    }

    /// Looks only at topics that changed: a leader report touches one of thousands.
    async fn follow(
        &self,
        state: &MetadataState,
        seen: &mut BTreeMap<TopicId, Arc<TopicRecord>>,
        starts: &mut Starts,
    ) {
        let gone: Vec<TopicId> =
            seen.keys().filter(|id| !state.topics.contains_key(id)).copied().collect();
        for topic in gone {
            if let Some(record) = seen.remove(&topic) {
                for partition in &record.partitions {
                    match starts.get(partition.group) {
                        Some(_) => starts.cancel(partition.group),
                        None => self.stop_and_drop(partition.group).await,
                    }
                }
            }
        }
        for (id, topic) in &state.topics {
            if seen.get(id).is_some_and(|known| Arc::ptr_eq(known, topic)) {
                continue;
            }
            for partition in 0..topic.partitions.len() {
                self.follow_partition(topic, partition, starts).await;
            }
            seen.insert(*id, topic.clone());
        }
    }

    async fn follow_partition(&self, topic: &Arc<TopicRecord>, number: usize, starts: &mut Starts) {
        let record = &topic.partitions[number];
        let wanted = self.wanted(topic, number);
        if let Some(starting) = starts.get(record.group) {
            // Looked at again when it ends.
            if wanted.is_none_or(|wanted| wanted.spec.replica != starting) {
                starts.cancel(record.group);
            }
            return;
        }
        let running = self.get(record.group);
        let Some(wanted) = wanted else {
            if running.is_some() {
                self.stop_and_drop(record.group).await;
            }
            return;
        };
        if let Some(running) = running {
            if running.spec().replica == wanted.spec.replica {
                running.update(effective(topic), wanted.spec.rank);
                return;
            }
            // Its data is given up when the new one is opened, and not before.
            self.stop_one(record.group).await;
        }
        self.start(wanted, starts);
    }

    /// Brings a group to what is wanted by now, after a start of it has ended.
    async fn settle(&self, state: &MetadataState, ended: Ended, starts: &mut Starts) {
        let Ended { group, replica, by_panic } = ended;
        if by_panic {
            self.troubles().failed((group, replica), self.age());
        }
        let found = state.partition_of(group).and_then(|(topic, _)| {
            let number = topic.partitions.iter().position(|record| record.group == group)?;
            Some((topic, number, self.wanted(topic, number)?))
        });
        match found {
            None => self.stop_and_drop(group).await,
            // It could not be started. `supervise` tries again.
            Some((_, _, wanted)) if wanted.spec.replica == replica && self.get(group).is_none() => {
            }
            Some((topic, number, _)) => self.follow_partition(topic, number, starts).await,
        }
    }

    /// The replica of a partition that should run here: the newest one of this node.
    fn wanted(&self, topic: &Arc<TopicRecord>, number: usize) -> Option<Wanted> {
        let node = self.inner.options.node;
        let record = &topic.partitions[number];
        let (rank, replica) = record
            .replicas
            .iter()
            .enumerate()
            .filter(|(_, replica)| replica.node == node)
            .max_by_key(|(_, replica)| replica.id)?;
        let partition = u32::try_from(number).expect("partitions are limited to 10,000");
        let spec = ReplicaSpec {
            group: record.group,
            key: PartitionKey { topic: topic.id, partition },
            replica: replica.id,
            node,
            rank: u32::try_from(rank).expect("replicas are few"),
        };
        Some(Wanted { spec, topic: topic.clone() })
    }

    fn start(&self, wanted: Wanted, starts: &mut Starts) {
        let replica = (wanted.spec.group, wanted.spec.replica);
        if self.is_stopping()
            || starts.get(wanted.spec.group).is_some()
            || !self.troubles().may_try(replica, self.age())
        {
            return;
        }
        let manager = self.clone();
        starts.begin(&self.inner.options.tasks, replica, |cancel| async move {
            manager.try_start(wanted, cancel).await;
        });
    }

    async fn try_start(&self, wanted: Wanted, cancel: CancellationToken) {
        let spec = wanted.spec;
        let ReplicaSpec { group, replica, .. } = spec;
        if self.troubles().is_damaged((group, replica)) {
            return self.replace_damaged(spec).await;
        }
        match self.open(&wanted, &cancel).await {
            Ok(opened) => {
                if self.enter(opened.clone(), &cancel).await {
                    initialize_later(&wanted, &opened, self.inner.options.metadata.clone());
                    tracing::debug!(%group, %replica, "replica started");
                }
            }
            Err(StartError::Unwanted) => {}
            Err(StartError::Open(error @ OpenGroupError::Damaged { .. })) => {
                tracing::error!(
                    %group, %replica, %error,
                    "replica is damaged; it neither votes nor serves, and is not read again \
                     before this node is restarted"
                );
                self.troubles().found_damaged((group, replica));
                self.replace_damaged(spec).await;
            }
            Err(error) => {
                let pause = match &error {
                    StartError::Kept(keep) => self.kept(spec, *keep),
                    _ => self.troubles().failed((group, replica), self.age()),
                };
                tracing::error!(
                    %group, %replica, %error, again_in = ?pause,
                    "replica could not be started; it neither votes nor serves"
                );
            }
        }
    }

    /// Takes a replica in, unless it is not wanted any more or this node has begun to stop.
    async fn enter(&self, replica: Arc<Replica>, cancel: &CancellationToken) -> bool {
        let may_enter = || !self.is_stopping() && !cancel.is_cancelled();
        let (is_in, late) = match self.inner.replicas.enter(replica, may_enter) {
            Ok(former) => (true, former),
            Err(refused) => (false, Some(refused)),
        };
        if let Some(late) = late {
            late.stop().await;
        }
        is_in
    }

    async fn open(
        &self,
        wanted: &Wanted,
        cancel: &CancellationToken,
    ) -> Result<Arc<Replica>, StartError> {
        let options = &self.inner.options;
        let spec = wanted.spec;
        let mut open = match self.open_log(spec, cancel).await {
            Err(StartError::Open(OpenGroupError::OtherReplica { found, .. })) => {
                self.give_up(spec, found).await?;
                self.open_log(spec, cancel).await?
            }
            opened => opened?,
        };
        if self.is_suspect(spec.group) {
            tokio::select! {
                checked = self.check(spec.group, &mut open) => checked?,
                () = cancel.cancelled() => return Err(StartError::Unwanted),
            }
        }
        let progress = Arc::new(ReplicaProgress::default());
        let network = GroupNetwork::new(
            spec.group,
            options.peer.clone(),
            progress.clone(),
            options.metrics.clone(),
        );
        let raft_config = match open.handle {
            ReplicaLog::Records(_) => &options.raft_config,
            ReplicaLog::Groups(_) => &options.groups_raft_config,
        };
        let raft =
            RaftHandle::new(spec.replica.0, raft_config.clone(), network, open.log, open.machine)
                .await
                .map_err(|error| StartError::Raft(error.to_string()))?;
        Ok(Replica::start(ReplicaParts {
            spec,
            raft,
            log: open.handle,
            progress,
            config: effective(&wanted.topic),
            bytes_in_flight_max: options.bytes_in_flight_per_partition,
            timings: options.timings,
            liveness: options.peer.liveness(),
            clock: options.clock,
            woken: self.inner.woken.clone(),
            tasks: options.tasks.child(),
            metrics: options.metrics.clone(),
        }))
    }

    async fn open_log(
        &self,
        spec: ReplicaSpec,
        cancel: &CancellationToken,
    ) -> Result<OpenGroup<ReplicaLog>, StartError> {
        let _turn = self.inner.turns.open().await;
        if cancel.is_cancelled() {
            return Err(StartError::Unwanted);
        }
        let store = self.inner.options.store.clone();
        let opened = run_blocking(move || open_log(&store, spec)).await?;
        Ok(opened?)
    }

    /// Reads a suspect log through, after which it is none.
    async fn check(
        &self,
        group: GroupId,
        open: &mut OpenGroup<ReplicaLog>,
    ) -> Result<(), StartError> {
        let _turn = self.inner.turns.check().await;
        log_check::check(group, &mut open.log).await?;
        self.suspects().remove(&group);
        Ok(())
    }

    /// Erases an older replica of the group, right before a new one starts in its place: one that
    /// has left the group, or one whose group goes on without it (INV-19).
    async fn give_up(&self, spec: ReplicaSpec, found: ReplicaId) -> Result<(), StartError> {
        if found > spec.replica {
            return Err(StartError::Kept(Keep::Newer(found)));
        }
        // The newest that is known: the start may have waited for its turn.
        let state = self.inner.options.metadata.state();
        let Some((_, record)) = state.partition_of(spec.group) else {
            return Err(StartError::Unwanted);
        };
        if record.replicas.iter().any(|replica| replica.id == found) {
            let without = self.goes_on_without(record, spec.key, found).await;
            without.map_err(StartError::Kept)?;
        }
        tracing::warn!(
            group = %spec.group, replica = %found, by = %spec.replica,
            "erasing the data of a replica that is replaced"
        );
        let _turn = self.inner.turns.open().await;
        Ok(self.erase(spec.group).await?)
    }

    /// Whether the group has a sound majority without a replica of this node: asked of the record,
    /// of liveness, and at last of a leader, which must reach a majority to answer.
    async fn goes_on_without(
        &self,
        record: &PartitionRecord,
        key: PartitionKey,
        replica: ReplicaId,
    ) -> Result<(), Keep> {
        let options = &self.inner.options;
        let liveness = options.peer.liveness();
        let is_alive = |node| node != options.node && liveness.is_alive(node);
        may_give_up(record, replica, is_alive)?;
        let leader = options.claims.leader(record.group).map(|(node, _)| node);
        let Some(leader) = leader.filter(|leader| is_alive(*leader)) else {
            return Err(Keep::NoLeader);
        };
        let _turn = self.inner.turns.question().await;
        let question = Operation::ListOffset(key, OffsetSpec::Latest);
        let answer = remote::execute(&options.peer, leader, question, CONFIRM_TIMEOUT).await;
        answer.map(|_| ()).map_err(|_| Keep::NoLeader)
    }

    /// Asks for a new replica in the place of a damaged one, if the group goes on without it. Else
    /// what is left of it is kept: it may be all that there is.
    async fn replace_damaged(&self, spec: ReplicaSpec) {
        let ReplicaSpec { group, replica, key, .. } = spec;
        let metadata = self.inner.options.metadata.clone();
        let state = metadata.state();
        let Some((_, record)) = state.partition_of(group) else { return };
        if record.damaged.contains(&replica) {
            self.troubles().waits((group, replica), self.age());
            return;
        }
        if let Err(keep) = self.goes_on_without(record, key, replica).await {
            let pause = self.kept(spec, keep);
            tracing::error!(
                %group, %replica, reason = %keep, again_in = ?pause, "damaged replica not replaced"
            );
            return;
        }
        self.troubles().waits((group, replica), self.age());
        // No start waits for the controller.
        self.inner.options.tasks.spawn("replace damaged replica", async move {
            match metadata.propose(MetadataCommand::ReplaceReplica { group, replica }).await {
                Ok(_) => tracing::warn!(%group, %replica, "damaged replica is being replaced"),
                Err(error) => {
                    tracing::warn!(%group, %replica, %error, "damaged replica not yet replaced");
                }
            }
        });
    }

    /// Notes that the data of a replica must be kept; answers when to look at it again.
    fn kept(&self, spec: ReplicaSpec, keep: Keep) -> Duration {
        let replica = (spec.group, spec.replica);
        match keep.is_passing() {
            true => self.troubles().waits(replica, self.age()),
            false => self.troubles().failed(replica, self.age()),
        }
    }

    async fn stop_and_drop(&self, group: GroupId) {
        self.stop_one(group).await;
        self.troubles().forget(group);
        self.suspects().remove(&group);
        if let Err(error) = self.erase(group).await {
            tracing::error!(%group, %error, "data of a removed replica could not be erased");
        }
    }

    fn suspects(&self) -> MutexGuard<'_, BTreeSet<GroupId>> {
        self.inner.suspects.lock().expect("no holder of this lock panics")
    }

    fn is_suspect(&self, group: GroupId) -> bool {
        self.suspects().contains(&group)
    }

    async fn erase(&self, group: GroupId) -> io::Result<()> {
        let store = self.inner.options.store.clone();
        run_blocking(move || store.drop_group(group)).await?
    }

    fn is_stopping(&self) -> bool {
        self.inner.is_stopping.load(Ordering::Acquire)
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.inner.troubles.lock().expect("no holder of this lock panics")
    }

    fn age(&self) -> Duration {
        self.inner.options.clock.instant().saturating_duration_since(self.inner.born)
    }

    async fn stop_one(&self, group: GroupId) {
        if let Some(replica) = self.inner.replicas.remove(group) {
            replica.stop().await;
        }
    }

    /// Data of groups that the metadata knows to be gone. Ids grow, so a group that this node's
    /// metadata has not heard of yet is not one of them.
    async fn drop_orphans(&self, state: Arc<MetadataState>) {
        let store = self.inner.options.store.clone();
        let on_disk = match run_blocking(move || store.groups()).await {
            Ok(Ok(groups)) => groups,
            Ok(Err(error)) | Err(error) => {
                tracing::error!(%error, "groups on disk could not be listed");
                return;
            }
        };
        let gone: BTreeSet<GroupId> = on_disk
            .into_iter()
            .filter(|(group, replica)| {
                *group != GroupId::METADATA && is_gone(&state, *group, *replica)
            })
            .map(|(group, _)| group)
            .collect();
        for group in gone {
            tracing::info!(%group, "erasing the data of a replica that is gone");
            if let Err(error) = self.erase(group).await {
                tracing::error!(%group, %error, "data of a removed replica could not be erased");
            }
        }
    }

    /// A core that ended is restarted in place: its durable state is sound, and the others go on
    /// without it meanwhile; so is one that holds memory it does not need. Replicas that never started
    /// are tried again too. One that fails again and again is tried ever more rarely.
    async fn supervise(
        &self,
        state: &MetadataState,
        supervision: &mut Supervision,
        starts: &mut Starts,
    ) {
        // A failed write or sync ends the process.
        if self.inner.options.store.failed().borrow().is_some() {
            return;
        }
        let damaged = self.inner.options.store.damaged().borrow().clone();
        let times = (self.age(), self.inner.options.timings.renew_after);
        let found = supervision.look(&self.all(), &damaged, times).await;
        for Gone { replica, reason, is_suspect } in found.gone {
            let spec = *replica.spec();
            if is_suspect {
                self.suspects().insert(spec.group);
            }
            let pause = self.troubles().failed((spec.group, spec.replica), self.age());
            self.inner.options.metrics.raft.group_restarts.inc();
            tracing::error!(
                group = %spec.group, replica = %spec.replica, %reason, again_in = ?pause,
                "raft core stopped; restarting the group in place"
            );
            self.stop_one(spec.group).await;
        }
        if let Some(group) = found.worn {
            self.inner.options.metrics.raft.renewals.inc();
            tracing::debug!(%group, "replica started anew, for its memory");
            self.stop_one(group).await;
        }
        for topic in state.topics.values() {
            for number in 0..topic.partitions.len() {
                let group = topic.partitions[number].group;
                if found.round.is_turn(group)
                    && self.get(group).is_none()
                    && let Some(wanted) = self.wanted(topic, number)
                {
                    self.start(wanted, starts);
                }
            }
        }
    }
}

/// Opens what a replica keeps. Blocks.
fn open_log(store: &Store, spec: ReplicaSpec) -> Result<OpenGroup<ReplicaLog>, OpenGroupError> {
    let (group, replica) = (spec.group, spec.replica);
    if spec.key.topic == GROUP_STATE_TOPIC_ID {
        let OpenGroup { log, machine, handle } = store.open_groups(group, replica)?;
        return Ok(OpenGroup { log, machine, handle: ReplicaLog::Groups(handle) });
    }
    let OpenGroup { log, machine, handle } = store.open_partition(group, replica)?;
    Ok(OpenGroup { log, machine, handle: ReplicaLog::Records(handle) })
}

/// A new group is initialized by the replicas of its creation record, with exactly that membership:
/// the preferred leader at once, the others if it does not come. Tried until it is done.
fn initialize_later(wanted: &Wanted, replica: &Arc<Replica>, metadata: MetadataHandle) {
    let record = wanted.record();
    let mine = wanted.spec.replica;
    let is_initial = record.initial.iter().any(|replica| replica.id == mine);
    if record.initialized || !is_initial {
        return;
    }
    let members: BTreeMap<u64, Member> = record.initial.iter().map(member).collect();
    let first = record.initial.first().is_some_and(|replica| replica.id == mine);
    let group = wanted.spec.group;
    let raft = replica.raft().clone();
    replica.parts.tasks.spawn("initialize", async move {
        if !first {
            tokio::time::sleep(INITIALIZE_FALLBACK).await;
        }
        loop {
            let state = metadata.state();
            let is_done = state.partition_of(group).is_none_or(|(_, record)| record.initialized);
            if is_done || !matches!(raft.is_initialized().await, Ok(false)) {
                return;
            }
            match raft.initialize(members.clone()).await {
                // The node ticker sees a group without a leader and campaigns.
                Ok(()) => tracing::debug!(%group, "group initialized"),
                Err(error) => tracing::warn!(%group, %error, "group not initialized; tried again"),
            }
            tokio::time::sleep(INITIALIZE_RETRY).await;
        }
    });
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Open(#[from] OpenGroupError),
    #[error("disk: {0}")]
    Io(#[from] std::io::Error),
    #[error("raft: {0}")]
    Raft(String),
    #[error("{0}")]
    Kept(Keep),
    #[error("it is not wanted any more")]
    Unwanted,
}

fn member(replica: &ReplicaRecord) -> (u64, Member) {
    (replica.id.0, Member { node: replica.node })
}

/// The topic's effective configuration. What is stored was validated when it was set, perhaps by a
/// newer version: what that one knows alone must not take the other keys along.
fn effective(topic: &TopicRecord) -> Arc<TopicConfig> {
    let (config, unread) = TopicConfig::from_stored(&topic.config);
    for error in unread {
        tracing::error!(topic = topic.name, %error, "stored setting unreadable; its default");
    }
    Arc::new(config)
}

fn is_gone(state: &MetadataState, group: GroupId, replica: ReplicaId) -> bool {
    if group.0 >= state.next_group || replica.0 >= state.next_replica {
        return false;
    }
    match state.partition_of(group) {
        None => true,
        Some((_, record)) => !record.replicas.iter().any(|known| known.id == replica),
    }
}
