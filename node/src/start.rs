//! The steps of a start, in order. `node.rs` calls them and keeps what they make.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::problem::Outcome;
use rampart_api::peer::handshake::{Identity as PeerIdentity, Refusal};
use rampart_raft_store::error::{OpenError, OpenGroupError};
use rampart_raft_store::planted;
use rampart_raft_store::state::metadata::command::{MetadataCommand, NodeInfo};
use rampart_raft_store::state::metadata::state::{MetadataState, NodeState};
use rampart_raft_store::type_config::Member;
use rampart_raft_store::{EngineKind, Store, StoreOptions};
use tokio::sync::watch;

use crate::admission::{self, Admitted};
use crate::castle::{CastleOptions, CastleService};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, StorageEngine};
use crate::controller::{ControllerHandle, ControllerService, TopicLimits, topic_mover};
use crate::data_dir::{DataDir, DataDirError};
use crate::edge::ThisNode;
use crate::groups::{GroupHost, GroupHostOptions, GroupService, GroupServiceOptions};
use crate::http::{self, Edge, EdgeOptions, HttpHandle};
use crate::identity::IdentityError;
use crate::metadata::{MembershipKeeper, MetadataHandle, MetadataOptions};
use crate::net::TcpListener;
use crate::partition::{
    PartitionService, PartitionServiceOptions, Replica, ReplicaManager, ReplicaManagerOptions,
    leader_reports, link_up, reassign, retention, seal, sweep::Sweep,
};
use crate::peer::{LivenessView, PeerLimits, PeerNet, PeerOptions, client};
use crate::peer_service::{PeerService, Services, StoredPeerFacts};
use crate::raft::claims::{ClaimOutbox, ClaimTable};
use crate::raft::host::{GroupLookup, LookupOptions};
use crate::raft::inbound::RaftInbound;
use crate::raft::network::GroupNetwork;
use crate::raft::progress::ReplicaProgress;
use crate::raft::settings::{self, RaftTimings};
use crate::raft::status::RaftHandle;
use crate::stop::{StopKind, StopReason, Stopper};
use crate::supervision::{self, Watched};
use crate::surroundings::{Storage, Surroundings};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

/// Pause before the cluster is told again that this node started.
const REGISTER_PAUSE: Duration = Duration::from_millis(200);
/// How long a node named by `--join` may take to say which cluster it is of.
const OTHER_CLUSTER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often readiness is looked at until it is reached.
const READY_LOOK: Duration = Duration::from_millis(20);
/// A node whose partitions stay without a leader for so long is ready all the same: health names
/// the partitions, and an operator needs the node.
const READY_PATIENCE: Duration = Duration::from_secs(30);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener's address is taken or not of this machine.
    #[error(
        "cannot listen on {addr}: {source}; choose another {setting} or stop what listens there"
    )]
    Listen {
        /// The setting that named it.
        setting: &'static str,
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system refused something else.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// `node.json`.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// An empty directory, and nothing says how to get into a cluster.
    #[error(
        "{dir} is not in a cluster yet: start with --bootstrap to create one, \
         or with --join HOST:PORT of a running node's peer listener"
    )]
    NotInCluster {
        /// The data directory.
        dir: PathBuf,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store in the directory is not the one that belongs to its `node.json`.
    #[error(
        "the store in {} {found}: this node would have forgotten what it voted for and what it \
         acknowledged; put the store back, or move the whole data directory away and start with \
         an empty one and --join: the node comes back under a new id",
        dir.display()
    )]
    ForeignStore {
        /// The data directory.
        dir: PathBuf,
        /// What the store says.
        found: String,
    },
    /// The metadata replica.
    #[error("metadata group: {0}")]
    Metadata(#[from] OpenGroupError),
    /// openraft refused its configuration, or a core did not start.
    #[error("raft: {0}")]
    Raft(String),
    /// A build with planted bugs, and none of this name.
    #[error("{0}")]
    Planted(String),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl StartError {
    /// The process's exit code: that of a refusal where the directory as it is can never be started
    /// on, so that nobody starts the node again and again; else 1.
    pub fn exit_code(&self) -> u8 {
        let is_refused = match self {
            StartError::Identity(error) => matches!(error, IdentityError::Malformed { .. }),
            StartError::Store(error) => {
                matches!(error, OpenError::Damaged { .. } | OpenError::Newer { .. })
            }
            StartError::Metadata(error) => !matches!(error, OpenGroupError::Io { .. }),
            StartError::ForeignStore { .. } => true,
            StartError::Listen { .. }
            | StartError::Io { .. }
            | StartError::DataDir(_)
            | StartError::NotInCluster { .. }
            | StartError::Raft(_)
            | StartError::Planted(_)
            | StartError::Config(_) => false,
        };
        if is_refused { StopKind::Refused.exit_code() } else { 1 }
    }
}

/// What a start is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) surroundings: Surroundings,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: Tasks,
    pub(crate) info: NodeInfo,
    pub(crate) admitted: Admitted,
    pub(crate) store: Store,
}

/// What a start has made.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: Tasks,
    pub(crate) admitted: Admitted,
    pub(crate) store: Store,
    pub(crate) peer: PeerNet,
    pub(crate) metadata: MetadataHandle,
    pub(crate) manager: ReplicaManager,
    pub(crate) partitions: PartitionService,
    pub(crate) groups: GroupService,
    pub(crate) castle: CastleService,
    pub(crate) controller: ControllerHandle,
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) must_stop: watch::Receiver<Option<StopReason>>,
}

/// Says loudly which bug is planted in this node, if any. Always none in what is shipped.
pub(crate) fn tell_planted_bug() -> Result<(), StartError> {
    if let Some(bug) = planted::chosen().map_err(StartError::Planted)? {
        tracing::error!(
            bug,
            "A BUG IS PLANTED in this node on purpose; it will break its promises"
        );
    }
    Ok(())
}

/// What the cluster is told of this node.
pub(crate) fn node_info(config: &Config, http: SocketAddr, peer: SocketAddr) -> NodeInfo {
    NodeInfo {
        peer_addr: config.peer.advertised(peer),
        http_addr: config.http.advertised(http),
        rack: config.node.rack.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Timings of Raft from the configuration.
pub(crate) fn timings(config: &Config) -> RaftTimings {
    RaftTimings {
        heartbeat: config.raft.heartbeat_interval(),
        election_timeout_min: config.raft.election_timeout_min(),
        election_timeout_max: config.raft.election_timeout_max(),
        quiesce_after: config.raft.quiesce_after(),
        renew_after: config.raft.renew_after(),
        ..RaftTimings::default()
    }
}

/// Opens the store of the data directory.
pub(crate) fn open_store(
    config: &Config,
    data_dir: &DataDir,
    storage: &Storage,
    metrics: &Metrics,
) -> Result<Store, StartError> {
    let bytes = |setting: u64| usize::try_from(setting).unwrap_or(usize::MAX);
    let options = StoreOptions {
        engine: match config.storage.engine {
            StorageEngine::Journal => EngineKind::Journal,
            StorageEngine::RocksDb => EngineKind::RocksDb,
        },
        tail_cache_bytes: bytes(config.storage.tail_cache_bytes_max),
        reserve_bytes: config.storage.disk_reserve_bytes_min,
        reserve_percent: config.storage.disk_reserve_percent,
        write_buffer_bytes: bytes(config.storage.memtable_bytes_max),
        block_cache_bytes: bytes(config.storage.block_cache_bytes),
        sync_observer: Some(Arc::new(metrics.clone())),
    };
    Ok(storage.open(&data_dir.store(), options)?)
}

/// Builds everything behind the edges, from the transport up.
pub(crate) async fn run(parts: Parts, listener: TcpListener) -> Result<Running, StartError> {
    let Parts { config, surroundings, metrics, tasks, info, admitted, store } = parts;
    let (clock, randomness) = (surroundings.clock, &surroundings.randomness);
    let timings = timings(&config);
    let claims = Arc::new(ClaimTable::default());
    let outbox = Arc::new(ClaimOutbox::default());
    let peer_service = PeerService::new(claims.clone(), outbox.clone(), clock);
    let facts = StoredPeerFacts::new(store.clone());
    let (directory, directory_view) = watch::channel(directory_of(&admitted, None));
    let directory_now = directory_view.clone();
    let identity = PeerIdentity {
        cluster: admitted.cluster,
        node: admitted.node,
        disk: admitted.disk,
        boot: admitted.boot,
        start: admitted.start,
    };
    let peer = PeerNet::start(PeerOptions {
        identity,
        directory: directory_view,
        facts: Arc::new(facts.clone()),
        limits: PeerLimits {
            ping_every: config.raft.ping_interval(),
            silence_max: config.raft.node_dead(),
            ..PeerLimits::default()
        },
        clock,
        randomness: randomness.fork("peer"),
        tasks: tasks.child(),
    });

    let lookup = GroupLookup::new(LookupOptions {
        node: admitted.node,
        claims: claims.clone(),
        liveness: peer.liveness(),
        store: store.clone(),
        timings,
        clock,
    });
    let metadata = open_metadata(&admitted, &store, &peer, timings, clock, &metrics).await?;
    // What the restored metadata says, before anything here votes or campaigns: the peers known at
    // the join may be fewer, and their majority another.
    directory.send_replace(directory_of(&admitted, Some(&metadata.state())));
    lookup.set_metadata(metadata.raft().clone());
    facts.open(metadata.clone());
    if admitted.is_founding {
        found(&metadata, &admitted, &info).await?;
        admission::founded(&config.node.data_dir)?;
    }

    let manager = ReplicaManager::new(ReplicaManagerOptions {
        node: admitted.node,
        store: store.clone(),
        metadata: metadata.clone(),
        peer: peer.clone(),
        claims: claims.clone(),
        timings,
        raft_config: settings::partition_config(timings)
            .map_err(|error| StartError::Raft(error.to_string()))?,
        groups_raft_config: settings::groups_config(timings)
            .map_err(|error| StartError::Raft(error.to_string()))?,
        bytes_in_flight_per_partition: usize_of(config.limits.partition_bytes_in_flight_max),
        clock,
        tasks: tasks.child(),
        metrics: metrics.clone(),
    });
    lookup.set_partitions(manager.clone());
    let partitions = PartitionService::new(PartitionServiceOptions {
        node: admitted.node,
        manager: manager.clone(),
        metadata: metadata.clone(),
        peer: peer.clone(),
        claims: claims.clone(),
        store: store.clone(),
        bytes_in_flight_per_node: usize_of(config.limits.node_bytes_in_flight_max),
        fetch_bytes_in_flight: usize_of(config.limits.fetch_bytes_in_flight_max),
        clock,
        metrics: metrics.clone(),
    });
    let controller = ControllerHandle::new(
        metadata.clone(),
        partitions.clone(),
        peer.liveness(),
        &surroundings,
        TopicLimits::of(&config),
    );
    let host = GroupHost::new(GroupHostOptions {
        manager: manager.clone(),
        metadata: metadata.clone(),
        partitions: partitions.clone(),
        controller: controller.clone(),
        clock,
        in_flight_max: usize_of(config.groups.in_flight_max.into()),
        tasks: tasks.child(),
    });
    let groups = GroupService::new(GroupServiceOptions {
        node: admitted.node,
        host: host.clone(),
        manager: manager.clone(),
        partitions: partitions.clone(),
        metadata: metadata.clone(),
        controller: controller.clone(),
        peer: peer.clone(),
        clock,
        randomness: randomness.fork("groups"),
    });
    let castle = CastleService::new(CastleOptions {
        node: admitted.node,
        config: config.castle.clone(),
        metadata: metadata.clone(),
        partitions: partitions.clone(),
        claims: claims.clone(),
        groups: groups.clone(),
        peer: peer.clone(),
        clock,
        metrics: metrics.clone(),
    });
    peer_service.open(Services {
        partitions: partitions.clone(),
        groups: groups.clone(),
        castle: castle.clone(),
        metadata: metadata.clone(),
        liveness: peer.liveness(),
    });
    peer.serve(
        listener,
        Arc::new(peer_service),
        Arc::new(RaftInbound::new(Arc::new(lookup.clone()), peer.clone())),
    );
    let keeper = MembershipKeeper::new(metadata.clone());
    let service = ControllerService::new(controller.clone(), keeper, metrics.clone());

    tasks
        .spawn_critical("directory", keep_directory(metadata.clone(), admitted.clone(), directory));
    tasks.spawn_critical("replica manager", manager.clone().run());
    let sweep = Sweep {
        manager: manager.clone(),
        peer: peer.clone(),
        lookup: lookup.clone(),
        claims: claims.clone(),
        outbox: outbox.clone(),
        timings,
        every: config.raft.sweep_interval(),
        clock,
        randomness: randomness.fork("sweep"),
        node: admitted.node,
        metadata: metadata.clone(),
        metrics: metrics.clone(),
    };
    tasks.spawn_critical("sweep", sweep.run());
    tasks.spawn_critical(
        "reassign",
        reassign::run(manager.clone(), metadata.clone(), tasks.child(), clock),
    );
    tasks
        .spawn_critical("seal", seal::run(manager.clone(), metadata.clone(), tasks.child(), clock));
    tasks.spawn_critical("link up", link_up::run(manager.clone(), peer.clone()));
    let reports =
        leader_reports::run(outbox, claims.clone(), manager.clone(), metadata.clone(), clock);
    tasks.spawn_critical("leader reports", reports);
    let every = config.storage.retention_check_interval();
    let retention = retention::run(manager.clone(), store.clone(), every, (clock, metrics.clone()));
    tasks.spawn_critical("retention", retention);
    tasks.spawn_critical("controller", service.run());
    tasks.spawn_critical("topic mover", topic_mover::run(controller.clone()));
    tasks.spawn_critical("group coordinators", host.run());
    tasks.spawn_critical("castle", castle.clone().run());

    let (stopper, must_stop) = Stopper::new();
    let watched = Watched {
        store: store.clone(),
        peer: peer.clone(),
        metadata: metadata.clone(),
        tasks: tasks.clone(),
        metrics: metrics.clone(),
    };
    supervision::watch(&watched, &stopper);
    let asked = strangers(&config.node.join, &directory_now.borrow());
    tasks.spawn("other cluster", look_for_other_cluster(asked, identity, stopper.clone()));
    let (ready_tx, ready) = watch::channel(false);
    let start_up = StartUp {
        metadata: metadata.clone(),
        manager: manager.clone(),
        claims: claims.clone(),
        liveness: peer.liveness(),
        lookup,
        admitted: admitted.clone(),
        info,
        clock,
    };
    tasks.spawn_critical("start-up", start_up.run(ready_tx, stopper));
    Ok(Running {
        config,
        clock,
        metrics,
        tasks,
        admitted,
        store,
        peer,
        metadata,
        manager,
        partitions,
        groups,
        castle,
        controller,
        ready,
        must_stop,
    })
}

/// Opens the HTTP edge, once everything behind it is there.
pub(crate) fn serve_http(running: &Running, listener: TcpListener) -> HttpHandle {
    let this_node = ThisNode {
        id: running.admitted.node,
        liveness: running.peer.liveness(),
        metadata: running.metadata.clone(),
        manager: running.manager.clone(),
        partitions: running.partitions.clone(),
        store: running.store.clone(),
        ready: running.ready.clone(),
        must_stop: running.must_stop.clone(),
    };
    let edge = Edge::new(EdgeOptions {
        services: http::Services {
            partitions: Arc::new(running.partitions.clone()),
            metadata: Arc::new(running.metadata.clone()),
            groups: Arc::new(running.groups.clone()),
            castle: Arc::new(running.castle.clone()),
            controller: Arc::new(running.controller.clone()),
            node: Arc::new(this_node),
        },
        clock: running.clock,
        metrics: running.metrics.clone(),
        http: running.config.http.clone(),
        limits: running.config.limits.clone(),
    });
    http::serve(listener, edge, &running.tasks)
}

fn usize_of(setting: u64) -> usize {
    usize::try_from(setting).unwrap_or(usize::MAX)
}

async fn open_metadata(
    admitted: &Admitted,
    store: &Store,
    peer: &PeerNet,
    timings: RaftTimings,
    clock: Clock,
    metrics: &Metrics,
) -> Result<MetadataHandle, StartError> {
    use rampart_api::model::ids::{GroupId, ReplicaId};
    let open = store.open_metadata(ReplicaId(admitted.node.0))?;
    let config =
        settings::metadata_config(timings).map_err(|error| StartError::Raft(error.to_string()))?;
    let progress = Arc::new(ReplicaProgress::default());
    let network = GroupNetwork::new(GroupId::METADATA, peer.clone(), progress, metrics.clone());
    let raft = RaftHandle::new(admitted.node.0, config, network, open.log, open.machine)
        .await
        .map_err(|error| StartError::Raft(error.to_string()))?;
    Ok(MetadataHandle::new(MetadataOptions {
        node: admitted.node,
        raft,
        reader: open.handle,
        peer: peer.clone(),
        clock,
    }))
}

/// Creates the cluster: a metadata group of this node alone, and its first command. Done again
/// after a crash in the middle: initializing twice is refused by Raft, bootstrapping twice by the
/// state machine.
async fn found(
    metadata: &MetadataHandle,
    admitted: &Admitted,
    info: &NodeInfo,
) -> Result<(), StartError> {
    let raft = metadata.raft();
    let members = BTreeMap::from([(admitted.node.0, Member { node: admitted.node })]);
    if matches!(raft.is_initialized().await, Ok(false)) {
        raft.initialize(members).await.map_err(|error| StartError::Raft(error.to_string()))?;
    }
    if metadata.state().cluster.is_none() {
        let command = MetadataCommand::Bootstrap {
            cluster: admitted.cluster,
            disk: admitted.disk,
            info: info.clone(),
        };
        let done = metadata.propose(command).await;
        done.map_err(|problem| StartError::Raft(problem.to_string()))?;
    }
    tracing::info!(cluster = %admitted.cluster, "created a cluster");
    Ok(())
}

/// Peer addresses: what was known at the join, overruled by the metadata.
fn directory_of(
    admitted: &Admitted,
    state: Option<&MetadataState>,
) -> Arc<BTreeMap<NodeId, String>> {
    // A node that was removed is judged by those that are left.
    let knows = |state: &&MetadataState| {
        state.nodes.contains_key(&admitted.node) || admitted.node.0 < state.next_node
    };
    let known = state.filter(knows);
    Arc::new(match known {
        Some(state) => state
            .nodes
            .values()
            .filter(|node| node.state != NodeState::Replaced)
            .map(|node| (node.id, node.info.peer_addr.clone()))
            .collect(),
        None => admitted.peers.iter().cloned().collect(),
    })
}

async fn keep_directory(
    metadata: MetadataHandle,
    admitted: Admitted,
    directory: watch::Sender<Arc<BTreeMap<NodeId, String>>>,
) {
    let mut changes = metadata.watch();
    loop {
        let state = changes.borrow_and_update().1.clone();
        let now = directory_of(&admitted, Some(&state));
        directory.send_if_modified(|known| {
            let changed = *known != now;
            *known = now;
            changed
        });
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Peers named by `--join` that are no members as far as this node knows. A stranger at a member's
/// address is judged with the other members.
fn strangers(asked: &[String], directory: &BTreeMap<NodeId, String>) -> Vec<String> {
    let is_member = |addr: &&String| directory.values().any(|known| known == *addr);
    asked.iter().filter(|addr| !is_member(addr)).cloned().collect()
}

/// `--join` is ignored on a directory that is in a cluster, but if it names a node of another
/// cluster then the directory is not the one the operator meant.
async fn look_for_other_cluster(peers: Vec<String>, identity: PeerIdentity, stopper: Stopper) {
    for addr in peers {
        let refusal = client::refusal_at(&addr, identity, OTHER_CLUSTER_TIMEOUT).await;
        if let Some(refusal @ Refusal::OtherCluster { .. }) = refusal {
            let what = format!(
                "the node at {addr} (--join) refuses this one: {refusal}; start it with the data \
                 directory of that cluster, or with an empty one"
            );
            stopper.stop(StopKind::Refused, what);
        }
    }
}

/// Brings a started node to readiness.
struct StartUp {
    metadata: MetadataHandle,
    manager: ReplicaManager,
    claims: Arc<ClaimTable>,
    liveness: LivenessView,
    lookup: GroupLookup,
    admitted: Admitted,
    info: NodeInfo,
    clock: Clock,
}

impl StartUp {
    async fn run(self, ready: watch::Sender<bool>, stopper: Stopper) {
        if let Err(rejected) = self.register().await {
            stopper.stop(StopKind::Refused, rejected);
            return;
        }
        self.lookup.set_registered();
        let mut started = self.manager.started();
        if started.wait_for(|started| *started).await.is_err() {
            return;
        }
        let patience = self.clock.instant() + READY_PATIENCE;
        while !self.all_led() && self.clock.instant() < patience {
            tokio::time::sleep(READY_LOOK).await;
        }
        ready.send_replace(true);
        tracing::info!(node = %self.admitted.node, "ready");
    }

    /// Tells the cluster that this node started, and with what addresses. A start that the cluster
    /// knows already, and that this process has not told it of, is a copy of the directory.
    async fn register(&self) -> Result<(), String> {
        let mut told = false;
        loop {
            let state = self.metadata.state();
            let known = state.nodes.get(&self.admitted.node);
            if told && known.is_some_and(|known| known.boot == self.admitted.boot) {
                return Ok(());
            }
            let command = MetadataCommand::UpdateNode {
                node: self.admitted.node,
                disk: self.admitted.disk,
                boot: self.admitted.boot,
                info: self.info.clone(),
            };
            match self.metadata.propose(command).await {
                Ok(_) => return Ok(()),
                Err(problem) if problem.code == ErrorCode::DiskRejected && !told => {
                    return Err(problem.to_string());
                }
                Err(problem) => {
                    told = told || problem.outcome == Outcome::Unknown;
                    tracing::info!(%problem, "waiting for the cluster's metadata");
                    tokio::time::sleep(REGISTER_PAUSE).await;
                }
            }
        }
    }

    fn all_led(&self) -> bool {
        self.manager.all().iter().all(|replica| self.is_led(replica))
    }

    /// Whether a leader has shown itself since this start, by a claim or by being heard. What the
    /// metadata, or the vote on the disk, knew before may be long gone.
    fn is_led(&self, replica: &Replica) -> bool {
        if self.claims.leader(replica.spec().group).is_some() || replica.is_leader() {
            return true;
        }
        let leader = replica.status().leader.map(|(_, node)| node);
        let is_heard =
            |node: NodeId| self.liveness.is_alive(node) && self.liveness.silent_ms(node).is_some();
        leader.is_some_and(|node| node != self.admitted.node && is_heard(node))
    }
}
