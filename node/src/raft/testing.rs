//! Three replicas of one partition in one process, over real sockets and stores in memory, for
//! tests. openraft's own ticks drive their elections.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use openraft::errors::{ClientWriteError, ForwardReason, RaftError};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{ClusterId, DiskId, GroupId, NodeId, Offset, ReplicaId};
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_api::peer::handshake::{Identity, Seen};
use rampart_api::peer::ping::Ping;
use rampart_api::peer::rpc::{PeerRequest, PeerResponse};
use rampart_raft_store::type_config::{Member, Proposal, ProposalKind};
use rampart_raft_store::{MemoryFaults, PartitionLog, Store};
use tokio::sync::watch;
use uuid::Uuid;

use super::inbound::{Ballot, RaftHost, RaftInbound};
use super::network::GroupNetwork;
use super::progress::ReplicaProgress;
use super::status::RaftHandle;
use crate::clock::Clock;
use crate::net::TcpListener;
use crate::peer::{Asked, Directory, PeerFacts, PeerHandler, PeerLimits, PeerNet, PeerOptions};
use crate::randomness::Randomness;
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const GROUP: GroupId = GroupId(7);

pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Clock::default().instant() + PATIENCE;
    while !holds() {
        assert!(Clock::default().instant() < deadline, "not in {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Debug, Default)]
struct Memory(Mutex<BTreeMap<NodeId, Seen>>);

impl PeerFacts for Memory {
    fn seen(&self, node: NodeId) -> io::Result<Option<Seen>> {
        Ok(self.0.lock().unwrap().get(&node).copied())
    }

    fn remember(&self, node: NodeId, seen: Seen) -> io::Result<()> {
        self.0.lock().unwrap().insert(node, seen);
        Ok(())
    }
}

#[derive(Debug)]
struct NoService;

impl PeerHandler for NoService {
    fn handle(&self, _asked: Asked, _request: PeerRequest) -> BoxFuture<'static, PeerResponse> {
        let problem = Problem::new(ErrorCode::NotReady, "not in this test");
        std::future::ready(PeerResponse::Problem(problem)).boxed()
    }

    fn ping(&self, _to: NodeId) -> Ping {
        Ping::default()
    }

    fn pinged(&self, _from: NodeId, _ping: Ping) {}

    fn metadata_index(&self) -> u64 {
        0
    }
}

/// One replica and its gates.
#[derive(Debug)]
pub(crate) struct Host {
    replica: ReplicaId,
    raft: RaftHandle,
    pub(crate) votes: AtomicBool,
    /// Takes appends with records.
    pub(crate) takes_data: AtomicBool,
    /// Takes appends at all.
    pub(crate) takes_appends: AtomicBool,
}

impl RaftHost for Host {
    fn replica(&self, group: GroupId, replica: ReplicaId) -> Option<RaftHandle> {
        (group == GROUP && replica == self.replica).then(|| self.raft.clone())
    }

    fn may_vote(&self, _ballot: &Ballot) -> bool {
        self.votes.load(Ordering::Relaxed)
    }

    fn wake(&self, _group: GroupId) {}

    fn accept_append(&self, _group: GroupId, is_data: bool) -> bool {
        let takes_data = !is_data || self.takes_data.load(Ordering::Relaxed);
        takes_data && self.takes_appends.load(Ordering::Relaxed)
    }
}

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) peer: PeerNet,
    pub(crate) raft: RaftHandle,
    pub(crate) log: PartitionLog,
    pub(crate) progress: Arc<ReplicaProgress>,
    pub(crate) host: Arc<Host>,
    pub(crate) directory: watch::Sender<Directory>,
    pub(crate) store: Store,
    /// The disk under its store.
    pub(crate) disk: MemoryFaults,
    pub(crate) tasks: Tasks,
}

/// Replica ids are not node ids: 11 on node 1, and so on.
pub(crate) fn replica_on(node: u64) -> ReplicaId {
    ReplicaId(10 + node)
}

fn raft_config() -> Arc<openraft::Config> {
    let config = openraft::Config {
        heartbeat_interval: 100,
        election_timeout_min: 300,
        election_timeout_max: 600,
        enable_pre_vote: Some(true),
        snapshot_policy: openraft::SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: 0,
        ..openraft::Config::default()
    };
    Arc::new(config.validate().unwrap())
}

async fn start(node: u64, listener: TcpListener, directory: &Directory) -> Node {
    let directory = watch::channel(directory.clone()).0;
    let (clock, tasks) = (Clock::default(), Tasks::new());
    let peer = PeerNet::start(PeerOptions {
        identity: Identity {
            cluster: ClusterId(Uuid::from_u128(1)),
            node: NodeId(node),
            disk: DiskId(Uuid::from_u128(u128::from(node))),
            boot: 1,
            start: node,
        },
        directory: directory.subscribe(),
        facts: Arc::new(Memory::default()),
        limits: PeerLimits::default(),
        clock,
        randomness: Randomness::seeded(node),
        tasks: tasks.clone(),
    });
    let disk = MemoryFaults::none();
    let store = Store::in_memory(disk.clone());
    let replica = replica_on(node);
    let open = store.open_partition(GROUP, replica).unwrap();
    let progress = Arc::new(ReplicaProgress::default());
    let network = GroupNetwork::new(GROUP, peer.clone(), progress.clone(), Metrics::new());
    let raft =
        RaftHandle::new(replica.0, raft_config(), network, open.log, open.machine).await.unwrap();
    let (votes, takes_data) = (AtomicBool::new(true), AtomicBool::new(true));
    let takes_appends = AtomicBool::new(true);
    let host = Arc::new(Host { replica, raft: raft.clone(), votes, takes_data, takes_appends });
    let inbound = RaftInbound::new(host.clone(), peer.clone());
    peer.serve(listener, Arc::new(NoService), Arc::new(inbound));
    let log = open.handle;
    Node { id: NodeId(node), peer, raft, log, progress, host, directory, store, disk, tasks }
}

/// Nodes 1 to 3; the first `voters` of them have the group, and node 1 leads it.
pub(crate) async fn start_three(voters: u64) -> [Node; 3] {
    let mut listeners = Vec::new();
    let mut directory = BTreeMap::new();
    for node in 1..=3 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        directory.insert(NodeId(node), listener.local_addr().unwrap().to_string());
        listeners.push(listener);
    }
    let directory = Arc::new(directory);
    let mut nodes = Vec::new();
    for (node, listener) in (1..).zip(listeners) {
        nodes.push(start(node, listener, &directory).await);
    }
    for node in &nodes {
        eventually("a majority accepts the node", || node.peer.may_campaign()).await;
    }
    let members: BTreeMap<u64, Member> =
        (1..=voters).map(|node| (replica_on(node).0, Member { node: NodeId(node) })).collect();
    nodes[0].raft.initialize(members).await.unwrap();
    nodes[0]
        .raft
        .wait(Some(PATIENCE))
        .current_leader(replica_on(1).0, "node 1 leads")
        .await
        .unwrap();
    nodes.try_into().unwrap_or_else(|_| unreachable!("three were started"))
}

pub(crate) fn batch(value: &[u8]) -> Proposal {
    let mut builder = BatchBuilder::new();
    builder.push(NewRecord { key: None, value: Some(value), timestamp_ms: 1, headers: &[] });
    Proposal { kind: ProposalKind::Batches, body: builder.build(), ticket: None }
}

pub(crate) async fn write(node: &Node, records: usize) {
    let writes =
        (0..records).map(|number| write_one(&node.raft, batch(number.to_string().as_bytes())));
    futures_util::future::join_all(writes).await;
}

/// Writes exactly once: a leader without a fresh acknowledgement of a quorum, as a new one is,
/// refuses before it appends.
pub(crate) async fn write_one(raft: &RaftHandle, proposal: Proposal) {
    let deadline = Clock::default().instant() + PATIENCE;
    loop {
        match raft.client_write(proposal.clone()).await {
            Ok(_) => return,
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(refused))) => {
                assert_eq!(refused.reason, ForwardReason::LeaseExpired);
            }
            Err(other) => panic!("a write failed: {other}"),
        }
        assert!(Clock::default().instant() < deadline, "no lease in {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn all_at(nodes: &[&Node], offset: u64) {
    for node in nodes {
        eventually("the replica has applied everything", || {
            node.log.high_watermark() == Offset(offset)
        })
        .await;
    }
}
