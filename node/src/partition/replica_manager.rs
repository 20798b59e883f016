//! Owns the replicas of this node: starts and stops them as the metadata says, restarts one whose
//! core died, answers lookups. Received traffic never creates a replica; only metadata does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rampart_api::model::ids::{GroupId, NodeId, ReplicaId, TopicId};
use rampart_api::model::topic_config::TopicConfig;
use rampart_raft_store::Store;
use rampart_raft_store::error::OpenGroupError;
use rampart_raft_store::state::metadata::command::MetadataCommand;
use rampart_raft_store::state::metadata::state::{
    MetadataState, PartitionRecord, ReplicaRecord, TopicRecord,
};
use rampart_raft_store::type_config::Member;
use tokio::sync::watch;

use super::replica::{Replica, ReplicaParts, ReplicaSpec};
use super::request::PartitionKey;
use crate::clock::Clock;
use crate::metadata::MetadataHandle;
use crate::peer::PeerNet;
use crate::raft::network::GroupNetwork;
use crate::raft::progress::ReplicaProgress;
use crate::raft::settings::RaftTimings;
use crate::raft::status::{RaftHandle, Role};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

/// How often stopped cores are looked for, besides every change of the metadata.
const SUPERVISE_EVERY: Duration = Duration::from_millis(500);
/// How long a replica that is not the preferred leader waits before it initializes the group.
const INITIALIZE_FALLBACK: Duration = Duration::from_secs(3);

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
    /// Timings of Raft.
    pub timings: RaftTimings,
    /// openraft's configuration of partition groups.
    pub raft_config: Arc<openraft::Config>,
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
    replicas: RwLock<BTreeMap<GroupId, Arc<Replica>>>,
    started: watch::Sender<bool>,
    is_stopping: AtomicBool,
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
        let inner = Inner { options, replicas: RwLock::default(), started, is_stopping };
        ReplicaManager { inner: Arc::new(inner) }
    }

    /// The replica of a group on this node.
    pub fn get(&self, group: GroupId) -> Option<Arc<Replica>> {
        self.inner.replicas.read().expect("no holder of this lock panics").get(&group).cloned()
    }

    /// All replicas of this node.
    pub fn all(&self) -> Vec<Arc<Replica>> {
        self.inner
            .replicas
            .read()
            .expect("no holder of this lock panics")
            .values()
            .cloned()
            .collect()
    }

    /// Becomes true once the replicas that the metadata named at start are running.
    pub fn started(&self) -> watch::Receiver<bool> {
        self.inner.started.subscribe()
    }

    /// Follows the metadata until cancelled.
    pub async fn run(self) {
        let mut changes = self.inner.options.metadata.watch();
        let mut supervise = tokio::time::interval(SUPERVISE_EVERY);
        let mut seen: BTreeMap<TopicId, Arc<TopicRecord>> = BTreeMap::new();
        self.drop_orphans(&self.inner.options.metadata.state());
        loop {
            let state = changes.borrow_and_update().1.clone();
            self.follow(&state, &mut seen).await;
            self.inner.started.send_replace(true);
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                _ = supervise.tick() => self.restart_stopped(&state).await,
            }
        }
    }

    /// Stops all replicas, for shutdown; none is started any more.
    pub async fn stop(&self) {
        self.inner.is_stopping.store(true, Ordering::Release);
        let replicas = std::mem::take(
            &mut *self.inner.replicas.write().expect("no holder of this lock panics"),
        );
        let stopping = replicas.values().map(|replica| replica.stop());
        futures_util::future::join_all(stopping).await;
    }

    /// Looks only at topics that changed: a leader report touches one of thousands.
    async fn follow(&self, state: &MetadataState, seen: &mut BTreeMap<TopicId, Arc<TopicRecord>>) {
        let gone: Vec<TopicId> =
            seen.keys().filter(|id| !state.topics.contains_key(id)).copied().collect();
        for topic in gone {
            if let Some(record) = seen.remove(&topic) {
                for partition in &record.partitions {
                    self.stop_and_drop(partition.group).await;
                }
            }
        }
        for (id, topic) in &state.topics {
            if seen.get(id).is_some_and(|known| Arc::ptr_eq(known, topic)) {
                continue;
            }
            for partition in 0..topic.partitions.len() {
                self.follow_partition(topic, partition).await;
            }
            seen.insert(*id, topic.clone());
        }
    }

    async fn follow_partition(&self, topic: &Arc<TopicRecord>, number: usize) {
        let record = &topic.partitions[number];
        let running = self.get(record.group);
        let Some(wanted) = self.wanted(topic, number) else {
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
            self.stop_and_drop(record.group).await;
        }
        self.start(wanted).await;
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

    async fn start(&self, wanted: Wanted) {
        if self.inner.is_stopping.load(Ordering::Acquire) {
            return;
        }
        let spec = wanted.spec;
        match self.open(&wanted).await {
            Ok(replica) => {
                let raft = replica.raft().clone();
                self.inner
                    .replicas
                    .write()
                    .expect("no holder of this lock panics")
                    .insert(spec.group, replica);
                self.initialize_later(&wanted, raft);
                tracing::debug!(group = %spec.group, replica = %spec.replica, "replica started");
            }
            Err(StartError::Open(damaged @ OpenGroupError::Damaged { .. })) => {
                tracing::error!(
                    group = %spec.group, replica = %spec.replica, %damaged,
                    "this replica's log is damaged; it neither votes nor serves and is replaced \
                     by a new one from its peers"
                );
                self.replace_damaged(spec.group, spec.replica);
            }
            Err(error) => tracing::error!(
                group = %spec.group, replica = %spec.replica, %error,
                "replica could not be started; it will be tried again"
            ),
        }
    }

    async fn open(&self, wanted: &Wanted) -> Result<Arc<Replica>, StartError> {
        let options = &self.inner.options;
        let spec = wanted.spec;
        self.erase_other_replica(spec.group, spec.replica)?;
        let open = options.store.open_partition(spec.group, spec.replica)?;
        let progress = Arc::new(ReplicaProgress::default());
        let network = GroupNetwork::new(
            spec.group,
            options.peer.clone(),
            progress.clone(),
            options.metrics.clone(),
        );
        let raft = RaftHandle::new(
            spec.replica.0,
            options.raft_config.clone(),
            network,
            open.log,
            open.machine,
        )
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
            tasks: options.tasks.child(),
            metrics: options.metrics.clone(),
        }))
    }

    /// An older replica of the same group on this disk, under another id, is erased first.
    fn erase_other_replica(&self, group: GroupId, replica: ReplicaId) -> Result<(), StartError> {
        let store = &self.inner.options.store;
        let other = store.groups()?.into_iter().any(|(g, r)| g == group && r != replica);
        if other {
            store.drop_group(group)?;
        }
        Ok(())
    }

    /// A new group is initialized by the replicas of its creation record, with exactly that
    /// membership: the preferred leader at once, the others if it does not come.
    fn initialize_later(&self, wanted: &Wanted, raft: RaftHandle) {
        let record = wanted.record();
        let mine = wanted.spec.replica;
        let is_initial = record.initial.iter().any(|replica| replica.id == mine);
        if record.initialized || !is_initial {
            return;
        }
        let members: BTreeMap<u64, Member> = record.initial.iter().map(member).collect();
        let first = record.initial.first().is_some_and(|replica| replica.id == mine);
        let metadata = self.inner.options.metadata.clone();
        let group = wanted.spec.group;
        self.inner.options.tasks.spawn("initialize", async move {
            if !first {
                tokio::time::sleep(INITIALIZE_FALLBACK).await;
                let state = metadata.state();
                let done = state.partition_of(group).is_none_or(|(_, record)| record.initialized);
                if done {
                    return;
                }
            }
            if matches!(raft.is_initialized().await, Ok(false)) {
                match raft.initialize(members).await {
                    // The node ticker sees a group without a leader and campaigns.
                    Ok(()) => tracing::debug!(%group, "group initialized"),
                    Err(error) => tracing::warn!(%group, %error, "group not initialized"),
                }
            }
        });
    }

    fn replace_damaged(&self, group: GroupId, replica: ReplicaId) {
        let metadata = self.inner.options.metadata.clone();
        self.inner.options.tasks.spawn("replace damaged replica", async move {
            let command = MetadataCommand::ReplaceReplica { group, replica };
            if let Err(error) = metadata.propose(command).await {
                tracing::warn!(%group, %error, "damaged replica not yet replaced");
            }
        });
    }

    async fn stop_and_drop(&self, group: GroupId) {
        self.stop_one(group).await;
        if let Err(error) = self.inner.options.store.drop_group(group) {
            tracing::error!(%group, %error, "data of a removed replica could not be erased");
        }
    }

    async fn stop_one(&self, group: GroupId) {
        let replica =
            self.inner.replicas.write().expect("no holder of this lock panics").remove(&group);
        if let Some(replica) = replica {
            replica.stop().await;
        }
    }

    /// Data of groups that the metadata knows to be gone. Ids grow, so a group that this node's
    /// metadata has not heard of yet is not one of them.
    fn drop_orphans(&self, state: &MetadataState) {
        let store = &self.inner.options.store;
        let on_disk = match store.groups() {
            Ok(groups) => groups,
            Err(error) => {
                tracing::error!(%error, "groups on disk could not be listed");
                return;
            }
        };
        let gone: BTreeSet<GroupId> = on_disk
            .into_iter()
            .filter(|(group, replica)| {
                *group != GroupId::METADATA && is_gone(state, *group, *replica)
            })
            .map(|(group, _)| group)
            .collect();
        for group in gone {
            tracing::info!(%group, "erasing the data of a replica that is gone");
            if let Err(error) = store.drop_group(group) {
                tracing::error!(%group, %error, "data of a removed replica could not be erased");
            }
        }
    }

    /// A core that stopped without a storage failure is restarted in place: its durable state is
    /// sound, and the others go on without it meanwhile. Replicas that never started are tried
    /// again too.
    async fn restart_stopped(&self, state: &MetadataState) {
        for replica in self.all() {
            let status = replica.status();
            if status.role != Role::Stopped || status.storage_failed {
                continue;
            }
            let spec = *replica.spec();
            self.inner.options.metrics.raft.group_restarts.inc();
            tracing::error!(
                group = %spec.group, replica = %spec.replica,
                why = status.fatal.as_deref().unwrap_or("unknown"),
                "raft core stopped; restarting the group in place"
            );
            self.stop_one(spec.group).await;
        }
        for topic in state.topics.values() {
            for number in 0..topic.partitions.len() {
                if self.get(topic.partitions[number].group).is_none()
                    && let Some(wanted) = self.wanted(topic, number)
                {
                    self.start(wanted).await;
                }
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Open(#[from] OpenGroupError),
    #[error("disk: {0}")]
    Io(#[from] std::io::Error),
    #[error("raft: {0}")]
    Raft(String),
}

fn member(replica: &ReplicaRecord) -> (u64, Member) {
    (replica.id.0, Member { node: replica.node })
}

/// The topic's effective configuration. What is stored was validated when it was set.
fn effective(topic: &TopicRecord) -> Arc<TopicConfig> {
    Arc::new(TopicConfig::from_overrides(&topic.config).unwrap_or_else(|error| {
        tracing::error!(topic = topic.name, %error, "stored configuration unreadable; defaults");
        TopicConfig::default()
    }))
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
