//! Three replicas of one partition in one process, over real sockets and stores in memory:
//! election, replication, a lost link, a full disk, a foreign replica id, a snapshot.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use openraft::errors::{ClientWriteError, ForwardReason, RaftError};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{ClusterId, DiskId, NodeId, Offset};
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_api::peer::handshake::{Identity, Seen};
use rampart_api::peer::ping::Ping;
use rampart_api::peer::raft::{UnreachableReason, VoteRequest as WireVoteRequest};
use rampart_raft_store::state::partition::command::PartitionCommand;
use rampart_raft_store::type_config::{Proposal, ProposalKind};
use rampart_raft_store::{MemoryFaults, PartitionLog, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::peer::{Asked, Directory, PeerFacts, PeerHandler, PeerLimits, PeerOptions};
use crate::raft::inbound::{Ballot, Hosted, HostedLog, RaftHost, RaftInbound};
use crate::raft::status::{self, RaftHandle};
use crate::randomness::Randomness;
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

const PATIENCE: Duration = Duration::from_secs(30);
const GROUP: GroupId = GroupId(7);

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
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
struct Host {
    replica: ReplicaId,
    hosted: Hosted,
    votes: AtomicBool,
    takes_data: AtomicBool,
}

impl RaftHost for Host {
    fn replica(&self, group: GroupId, replica: ReplicaId) -> Option<Hosted> {
        (group == GROUP && replica == self.replica).then(|| self.hosted.clone())
    }

    fn may_vote(&self, _ballot: &Ballot) -> bool {
        self.votes.load(Ordering::Relaxed)
    }

    fn accept_append(&self, _group: GroupId, is_data: bool) -> bool {
        !is_data || self.takes_data.load(Ordering::Relaxed)
    }
}

struct Node {
    peer: PeerNet,
    raft: RaftHandle,
    log: PartitionLog,
    progress: Arc<ReplicaProgress>,
    host: Arc<Host>,
    directory: watch::Sender<Directory>,
    tasks: Tasks,
}

/// Replica ids are not node ids: 11 on node 1, and so on.
fn replica_on(node: u64) -> ReplicaId {
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
    let store = Store::in_memory(MemoryFaults::none());
    let replica = replica_on(node);
    let open = store.open_partition(GROUP, replica).unwrap();
    let progress = Arc::new(ReplicaProgress::default());
    let network = GroupNetwork::new(GROUP, peer.clone(), progress.clone(), Metrics::new());
    let raft =
        RaftHandle::new(replica.0, raft_config(), network, open.log, open.machine).await.unwrap();
    let hosted = Hosted { raft: raft.clone(), log: HostedLog::Partition(open.handle.clone()) };
    let (votes, takes_data) = (AtomicBool::new(true), AtomicBool::new(true));
    let host = Arc::new(Host { replica, hosted, votes, takes_data });
    let inbound = RaftInbound::new(host.clone(), peer.clone());
    peer.serve(listener, Arc::new(NoService), Arc::new(inbound));
    Node { peer, raft, log: open.handle, progress, host, directory, tasks }
}

/// Nodes 1 to 3; the first `voters` of them have the group, and node 1 leads it.
async fn start_three(voters: u64) -> [Node; 3] {
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

fn batch(value: &[u8]) -> Proposal {
    let mut builder = BatchBuilder::new();
    builder.push(NewRecord { key: None, value: Some(value), timestamp_ms: 1, headers: &[] });
    Proposal { kind: ProposalKind::Batches, body: builder.build(), ticket: None }
}

async fn write(node: &Node, records: usize) {
    let writes =
        (0..records).map(|number| write_one(&node.raft, batch(number.to_string().as_bytes())));
    futures_util::future::join_all(writes).await;
}

/// Writes exactly once: a leader without a fresh acknowledgement of a quorum, as a new one is,
/// refuses before it appends.
async fn write_one(raft: &RaftHandle, proposal: Proposal) {
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

async fn all_at(nodes: &[&Node], offset: u64) {
    for node in nodes {
        eventually("the replica has applied everything", || {
            node.log.high_watermark() == Offset(offset)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_reach_all_replicas_with_the_same_bytes() {
    let [a, b, c] = start_three(3).await;
    write(&a, 500).await;
    all_at(&[&a, &b, &c], 500).await;
    let mut copies: Vec<Vec<Bytes>> = Vec::new();
    for node in [&a, &b, &c] {
        copies.push(node.log.read(Offset(0), 1 << 20).await.unwrap());
    }
    assert!(copies[0] == copies[1] && copies[1] == copies[2]);
    let (term, last) = (status::status(&a.raft).term, a.log.last_log_index());
    for node in [2, 3] {
        eventually("the leader knows that the follower has it", || {
            a.progress.matched(replica_on(node), term) == last
        })
        .await;
    }
    assert_eq!(b.progress.matched(replica_on(3), term), None, "only the leader knows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follower_without_a_link_is_done_without_and_catches_up() {
    let [a, b, c] = start_three(3).await;
    let all = a.directory.borrow().clone();
    a.directory.send_modify(|directory| {
        Arc::make_mut(directory).remove(&NodeId(3));
    });
    write(&a, 300).await;
    all_at(&[&a, &b], 300).await;
    a.directory.send_replace(all);
    write(&a, 10).await;
    all_at(&[&a, &b, &c], 310).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_follower_takes_no_data_and_stays_a_follower() {
    let [a, b, c] = start_three(3).await;
    write(&a, 10).await;
    all_at(&[&a, &b, &c], 10).await;
    let term = status::status(&a.raft).term;
    c.host.takes_data.store(false, Ordering::Relaxed);
    write(&a, 100).await;
    all_at(&[&a, &b], 110).await;
    assert_eq!(c.log.log_end_offset(), Offset(10));
    c.host.takes_data.store(true, Ordering::Relaxed);
    all_at(&[&c], 110).await;
    assert_eq!(status::status(&a.raft).term, term, "nobody campaigned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_leader_is_replaced_and_closed_gates_are_kept() {
    let [a, b, c] = start_three(3).await;
    write(&a, 20).await;
    all_at(&[&b, &c], 20).await;
    let term = status::status(&b.raft).term;
    // A replica that may not vote, and one that is not there.
    b.host.votes.store(false, Ordering::Relaxed);
    for (to, why) in [
        (replica_on(2), UnreachableReason::NoVoteNow),
        (ReplicaId(99), UnreachableReason::NoSuchReplica),
    ] {
        let vote = convert::vote_to_wire(Vote::new(term + 5, replica_on(3).0));
        let (group, last) = (GROUP, None);
        let request = WireVoteRequest { group, to, vote, last, leadership_transfer: false };
        let answer = c.peer.call(NodeId(2), PeerRequest::Vote(request), PATIENCE).await;
        assert_eq!(answer, Ok(PeerResponse::Unreachable(why)));
        b.host.votes.store(true, Ordering::Relaxed);
    }
    a.raft.shutdown().await.unwrap();
    a.tasks.cancel();
    eventually("another replica leads", || [&b, &c].iter().any(|node| node.raft.is_leader())).await;
    let leader = if b.raft.is_leader() { &b } else { &c };
    write(leader, 5).await;
    all_at(&[&b, &c], 25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_is_handed_over_when_asked() {
    let [a, b, c] = start_three(3).await;
    write(&a, 20).await;
    all_at(&[&a, &b, &c], 20).await;
    // A transfer is an attempt: on a busy machine the election behind it may go to another one.
    let deadline = Clock::default().instant() + PATIENCE;
    while !b.raft.is_leader() {
        assert!(Clock::default().instant() < deadline, "not in {PATIENCE:?}: node 2 leads");
        for node in [&a, &c].into_iter().filter(|node| node.raft.is_leader()) {
            node.raft.trigger().transfer_leader(replica_on(2).0).await.unwrap();
        }
        let led = b.raft.wait(Some(Duration::from_secs(1)));
        let _ = led.current_leader(replica_on(2).0, "node 2 leads").await;
    }
    write(&b, 5).await;
    all_at(&[&a, &b, &c], 25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn learner_behind_the_cut_gets_the_snapshot_and_the_rest_as_log() {
    let [a, b, c] = start_three(2).await;
    for _ in 0..6 {
        write(&a, 1_000).await;
    }
    let trim = PartitionCommand::TrimTo { offset: Offset(4_500) };
    write_one(&a.raft, trim.proposal()).await;
    eventually("a cut is possible", || a.log.plan_cut(None)).await;
    a.raft.trigger().snapshot().await.unwrap();
    eventually("the log is purged up to the cut", || a.log.purged_index().is_some()).await;
    let member = Member { node: NodeId(3) };
    a.raft.add_learner(replica_on(3).0, member, true).await.unwrap();
    all_at(&[&a, &b, &c], 6_000).await;
    assert_eq!(c.log.log_start_offset(), a.log.log_start_offset());
    let (from, bytes) = (Offset(5_999), 1 << 10);
    let newest = c.log.read(from, bytes).await.unwrap();
    assert_eq!(newest, a.log.read(from, bytes).await.unwrap());
    write(&a, 10).await;
    all_at(&[&a, &b, &c], 6_010).await;
}
