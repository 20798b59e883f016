//! The composition root: builds the subsystems in order, holds their handles, stops them in
//! reverse. Decides nothing.

use std::net::SocketAddr;
use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use rampart_raft_store::Store;
use tokio::sync::watch;

use crate::admission::{self, Admitted};
use crate::config::Config;
use crate::controller::ControllerHandle;
use crate::data_dir::DataDir;
use crate::groups::GroupService;
use crate::http::HttpHandle;
use crate::metadata::{MetadataHandle, hand_over_metadata};
use crate::net::TcpListener;
use crate::partition::{PartitionService, ReplicaManager};
use crate::start::{self, StartError};
use crate::stop::{StopKind, StopReason};
use crate::surroundings::Surroundings;
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

/// After its leaderships are handed over a node answers so long yet who has them: whoever still sends
/// to it would else find nobody, and hear of the new leaders with their next pings only.
const FAREWELL: Duration = Duration::from_millis(150);
/// How long one hand-over of a leadership may take at shutdown.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long answers may take to leave a node that must not go on.
const ABANDON_TIMEOUT: Duration = Duration::from_millis(400);

/// A running node.
#[derive(Debug)]
pub struct Node {
    pub(crate) config: Config,
    pub(crate) admitted: Admitted,
    pub(crate) http_addr: SocketAddr,
    pub(crate) peer_addr: SocketAddr,
    pub(crate) store: Store,
    pub(crate) metadata: MetadataHandle,
    pub(crate) manager: ReplicaManager,
    pub(crate) partitions: PartitionService,
    pub(crate) controller: ControllerHandle,
    pub(crate) groups: GroupService,
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) must_stop: watch::Receiver<Option<StopReason>>,
    pub(crate) http: HttpHandle,
    pub(crate) tasks: Tasks,
    // Last: given back when everything else is gone.
    _data_dir: DataDir,
}

impl Node {
    /// Starts a node on the system's clock, entropy and disk. As [`Node::start_with`].
    pub async fn start(config: Config) -> Result<Node, StartError> {
        Box::pin(Node::start_with(config, Surroundings::of_system())).await
    }

    /// Starts a node: binds its listeners first, so that a taken port is said before any work,
    /// then takes the data directory, gets into the cluster, and serves.
    ///
    /// # Errors
    /// A port or directory in use or not accessible, a store that cannot be opened, a directory of
    /// another cluster: each names what is wrong and what would be right.
    pub async fn start_with(
        config: Config,
        surroundings: Surroundings,
    ) -> Result<Node, StartError> {
        start::tell_planted_bug()?;
        let http_listener = bind("http.listen", config.http.listen).await?;
        let peer_listener = bind("peer.listen", config.peer.listen).await?;
        let http_addr = local(&http_listener)?;
        let peer_addr = local(&peer_listener)?;
        let data_dir = DataDir::take(&config.node.data_dir)?;
        let metrics = Metrics::new();
        let tasks = Tasks::new();
        let info = start::node_info(&config, http_addr, peer_addr);
        let store = start::open_store(&config, &data_dir, &surroundings.storage, &metrics)?;
        let randomness = &surroundings.randomness;
        let path = data_dir.path();
        let admitted =
            admission::admit(&config, path, &info, randomness, &store, &peer_listener).await?;
        let parts = start::Parts { config, surroundings, metrics, tasks, info, admitted, store };
        let running = start::run(parts, peer_listener).await?;
        let http = start::serve_http(&running, http_listener);
        Ok(Node {
            config: running.config,
            admitted: running.admitted,
            http_addr,
            peer_addr,
            store: running.store,
            metadata: running.metadata,
            manager: running.manager,
            partitions: running.partitions,
            controller: running.controller,
            groups: running.groups,
            ready: running.ready,
            must_stop: running.must_stop,
            http,
            tasks: running.tasks,
            _data_dir: data_dir,
        })
    }

    /// Where HTTP is served.
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where peers connect.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer_addr
    }

    /// This node's id in its cluster.
    pub fn id(&self) -> rampart_api::model::ids::NodeId {
        self.admitted.node
    }

    /// The configuration it runs with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Creates and changes topics and nodes, for programs that embed a node.
    pub fn controller(&self) -> &ControllerHandle {
        &self.controller
    }

    /// Produce and fetch, for programs that embed a node.
    pub fn partitions(&self) -> &PartitionService {
        &self.partitions
    }

    /// Consumer groups, for programs that embed a node.
    pub fn groups(&self) -> &GroupService {
        &self.groups
    }

    /// The cluster as this node knows it, for programs that embed a node.
    pub fn metadata(&self) -> &MetadataHandle {
        &self.metadata
    }

    /// The replicas of this node, for programs that embed a node.
    pub fn replicas(&self) -> &ReplicaManager {
        &self.manager
    }

    /// Becomes true once the node is recovered and caught up.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.clone()
    }

    /// Resolves with the reason when the node must not go on: a failed sync, a rejected disk, a lost
    /// part. The process then ends with the code of the reason.
    pub async fn must_stop(&self) -> StopReason {
        let mut must_stop = self.must_stop.clone();
        let reason = must_stop.wait_for(Option::is_some).await;
        match reason.ok().and_then(|reason| reason.clone()) {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }

    /// Before the process ends for this reason: requests that wait hear that their outcome is
    /// unknown, as far as that is a matter of a moment. A node whose disk is refused has nothing to
    /// say to anybody.
    pub async fn abandon(&self, reason: &StopReason) {
        match reason.kind {
            StopKind::Storage | StopKind::Internal => self.http.stop(ABANDON_TIMEOUT).await,
            StopKind::Refused => {}
        }
    }

    /// Stops in order: no new requests, leaderships handed over, what was accepted is answered,
    /// replicas, metadata, disk.
    pub async fn stop(self) {
        let limit = self.config.node.shutdown_timeout();
        tracing::info!(node = %self.admitted.node, "stopping");
        self.http.stop(limit / 4).await;
        let liveness = self.controller.liveness();
        let hand_over = async {
            // The metadata first: it is quick, and whoever leads partitions next reports to it.
            hand_over_metadata(&self.metadata, liveness).await;
            hand_over_all(&self.manager, &self.partitions).await
        };
        match tokio::time::timeout(limit / 2, hand_over).await {
            Ok(true) => tokio::time::sleep(FAREWELL).await,
            Ok(false) => {}
            Err(_) => tracing::warn!("not all leaderships were handed over in time"),
        }
        self.manager.stop().await;
        if let Err(error) = self.metadata.raft().shutdown().await {
            tracing::warn!(%error, "metadata core ended badly");
        }
        self.tasks.stop(limit / 4).await;
        drop(self.store);
    }
}

/// Answers whether anybody may have taken over.
async fn hand_over_all(manager: &ReplicaManager, partitions: &PartitionService) -> bool {
    let all = manager.all();
    let led = all.iter().filter(|replica| replica.is_leader());
    let hand_overs = led.map(|replica| async move {
        let operation = crate::partition::Operation::TransferLeadership(replica.spec().key, None);
        let done = partitions.execute_here(operation);
        // Without a follower that is caught up the others elect by themselves, a little later.
        let refused = |problem: &Problem| problem.code == ErrorCode::Unsafe;
        let done = tokio::time::timeout(HAND_OVER_TIMEOUT, done).await;
        !matches!(done, Ok(Err(problem)) if refused(&problem))
    });
    futures_util::future::join_all(hand_overs).await.contains(&true)
}

async fn bind(setting: &'static str, addr: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(addr).await.map_err(|source| StartError::Listen { setting, addr, source })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|source| StartError::Io { what: "listener", source })
}
