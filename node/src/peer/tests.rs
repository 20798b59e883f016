//! Two and more nodes in one process, on loopback, port 0: calls, streams, reconnects, refusals,
//! limits, liveness. Waits for conditions with a deadline, never for time to pass.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{ClusterId, DiskId, GroupId, NodeId, ReplicaId};
use rampart_api::model::limits::PEER_FRAME_BYTES_MAX;
use rampart_api::model::problem::Problem;
use rampart_api::peer::handshake::{Class, Hello, Identity, Refusal, Seen, Welcome};
use rampart_api::peer::ping::Ping;
use rampart_api::peer::raft::{Append, AppendEntry, AppendResult, LogId, Vote};
use rampart_api::peer::rpc::{JoinAnswer, JoinRequest, PeerRequest, PeerResponse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::net::{TcpListener, TcpStream};
use crate::randomness::Randomness;
use crate::tasks::Tasks;

const PATIENCE: Duration = Duration::from_secs(10);
const CLUSTER: ClusterId = ClusterId(Uuid::from_u128(77));

fn identity(node: u64, boot: u64) -> Identity {
    let disk = DiskId(Uuid::from_u128(u128::from(node)));
    // Each start of a test is one process.
    Identity { cluster: CLUSTER, node: NodeId(node), disk, boot, start: boot * 100 }
}

fn seen(who: &Identity) -> Option<Seen> {
    Some(Seen::from(who))
}

/// Waits until a condition holds, or fails naming it.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Clock::default().instant() + PATIENCE;
    while !holds() {
        assert!(Clock::default().instant() < deadline, "not in {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
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

/// Answers `Propose` with the command itself, hangs on `ReadIndex`, and takes in who joins.
#[derive(Debug, Default)]
struct Echo {
    pings: AtomicUsize,
    asked: Mutex<Vec<Asked>>,
}

impl PeerHandler for Echo {
    fn handle(&self, asked: Asked, request: PeerRequest) -> BoxFuture<'static, PeerResponse> {
        self.asked.lock().unwrap().push(asked);
        let response = match request {
            PeerRequest::Propose { command } => {
                PeerResponse::Proposed { index: 1, response: command }
            }
            PeerRequest::Join(_) => PeerResponse::Joined(JoinAnswer {
                cluster: CLUSTER,
                node: NodeId(9),
                peers: vec![(NodeId(1), "a:1".to_owned())],
                metadata_index: 3,
            }),
            PeerRequest::ReadIndex { .. } => return std::future::pending().boxed(),
            _ => PeerResponse::Problem(Problem::new(ErrorCode::InvalidRequest, "not in this test")),
        };
        std::future::ready(response).boxed()
    }

    fn ping(&self, _to: NodeId) -> Ping {
        Ping::default()
    }

    fn pinged(&self, _from: NodeId, _ping: Ping) {
        self.pings.fetch_add(1, Ordering::Relaxed);
    }

    fn metadata_index(&self) -> u64 {
        42
    }
}

/// Answers every append with what it would make the log's end.
#[derive(Debug, Default)]
struct Follower {
    open_streams: Arc<AtomicUsize>,
}

impl RaftReceiver for Follower {
    fn append_stream(
        &self,
        mut requests: mpsc::Receiver<Append>,
        replies: StreamReplies,
    ) -> BoxFuture<'static, ()> {
        let open = self.open_streams.clone();
        open.fetch_add(1, Ordering::Relaxed);
        async move {
            while let Some(append) = requests.recv().await {
                let last = append.entries.last().map(|entry| entry.id).or(append.prev);
                replies.send(append.seq, AppendResult::Matched(last)).await;
            }
            open.fetch_sub(1, Ordering::Relaxed);
        }
        .boxed()
    }

    fn append(&self, append: Append) -> BoxFuture<'static, AppendResult> {
        std::future::ready(AppendResult::Matched(append.prev)).boxed()
    }

    fn call(&self, _request: PeerRequest) -> BoxFuture<'static, PeerResponse> {
        let vote = Vote { term: 1, replica: ReplicaId(1), committed: false };
        std::future::ready(PeerResponse::Snapshot(vote)).boxed()
    }
}

struct Node {
    net: PeerNet,
    echo: Arc<Echo>,
    follower: Arc<Follower>,
    memory: Arc<Memory>,
    tasks: Tasks,
    addr: String,
}

/// Addresses of all nodes of a test.
struct Cluster {
    directory: watch::Sender<Directory>,
}

impl Cluster {
    fn new() -> Self {
        Cluster { directory: watch::channel(Directory::default()).0 }
    }

    fn enter(&self, node: NodeId, addr: &str) {
        self.directory.send_modify(|directory| {
            Arc::make_mut(directory).insert(node, addr.to_owned());
        });
    }

    async fn start(&self, who: Identity) -> Node {
        self.start_with(who, "127.0.0.1:0", Arc::default()).await
    }

    async fn start_with(&self, who: Identity, addr: &str, memory: Arc<Memory>) -> Node {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        self.enter(who.node, &addr);
        let tasks = Tasks::new();
        let net = PeerNet::start(PeerOptions {
            identity: who,
            directory: self.directory.subscribe(),
            facts: memory.clone(),
            limits: PeerLimits::default(),
            clock: Clock::default(),
            randomness: Randomness::seeded(who.node.0),
            tasks: tasks.clone(),
        });
        let (echo, follower) = (Arc::new(Echo::default()), Arc::new(Follower::default()));
        net.serve(listener, echo.clone(), follower.clone());
        Node { net, echo, follower, memory, tasks, addr }
    }
}

impl Node {
    async fn propose(&self, to: u64, command: &'static [u8]) -> Result<PeerResponse, CallError> {
        let request = PeerRequest::Propose { command: Bytes::from_static(command) };
        self.net.call(NodeId(to), request, PATIENCE).await
    }

    async fn reaches(&self, to: u64) {
        let deadline = Clock::default().instant() + PATIENCE;
        while self.propose(to, b"are you there").await.is_err() {
            assert!(Clock::default().instant() < deadline, "node {to} was never reached");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn stop(self) {
        self.tasks.stop(PATIENCE).await;
    }
}

fn echoed(response: Result<PeerResponse, CallError>) -> Bytes {
    match response {
        Ok(PeerResponse::Proposed { response, .. }) => response,
        other => panic!("expected an echo, got {other:?}"),
    }
}

#[tokio::test]
async fn nodes_call_each_other_and_themselves() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 1)).await);
    a.reaches(2).await;
    b.reaches(1).await;
    assert_eq!(echoed(a.propose(2, b"to b").await), "to b");
    assert_eq!(echoed(b.propose(1, b"to a").await), "to a");
    assert_eq!(echoed(a.propose(1, b"to myself").await), "to myself");
    let asked = b.echo.asked.lock().unwrap()[0];
    assert_eq!((asked.from, asked.metadata_index), (Some(NodeId(1)), 42));
    assert!(a.net.may_campaign() && b.net.may_campaign());
    assert_eq!(a.net.accepted_by().borrow().iter().copied().collect::<Vec<_>>(), [NodeId(2)]);
    // What was learnt at the door is remembered on both sides.
    assert_eq!(a.memory.seen(NodeId(2)).unwrap(), seen(&identity(2, 1)));
    assert_eq!(b.memory.seen(NodeId(1)).unwrap(), seen(&identity(1, 1)));
}

#[tokio::test]
async fn lost_answer_is_unknown_and_unsent_question_is_not() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 1)).await);
    a.reaches(2).await;
    let hang = PeerRequest::ReadIndex { group: GroupId(1) };
    let late = a.net.call(NodeId(2), hang.clone(), Duration::from_millis(50)).await;
    assert!(matches!(late, Err(CallError::Unknown(_))), "{late:?}");
    let net = a.net.clone();
    let (lost, ()) = tokio::join!(net.call(NodeId(2), hang, PATIENCE), async {
        eventually("the question arrived", || b.echo.asked.lock().unwrap().len() >= 3).await;
        b.tasks.cancel();
    });
    assert!(matches!(lost, Err(CallError::Unknown(_))), "{lost:?}");
    let stranger = a.propose(5, b"nobody").await;
    assert!(matches!(stranger, Err(CallError::NotSent(_))), "{stranger:?}");
    eventually("the link is down", || a.net.open_stream(NodeId(2), Class::Log).is_err()).await;
    assert!(!matches!(a.propose(2, b"down").await, Ok(_) | Err(CallError::Unknown(_))));
}

#[tokio::test]
async fn restarted_node_is_reached_again_and_its_older_self_is_not() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 5)).await);
    a.reaches(2).await;
    let (addr, memory) = (b.addr.clone(), b.memory.clone());
    b.stop().await;
    let b = cluster.start_with(identity(2, 6), &addr, memory.clone()).await;
    a.reaches(2).await;
    eventually("the new start is remembered", || {
        a.memory.seen(NodeId(2)).unwrap() == seen(&identity(2, 6))
    })
    .await;
    b.stop().await;
    // A copy of the disk from before: refused by the one it calls, and not called either.
    let copy = cluster.start_with(identity(2, 5), &addr, memory).await;
    let older = Refusal::OlderBoot { node: NodeId(2), known: 6, given: 5 };
    eventually("the older start is refused", || {
        copy.net.rejections().borrow().get(&NodeId(1)) == Some(&older)
    })
    .await;
    assert!(!copy.net.may_campaign());
    assert!(older.is_final());
    assert_eq!(copy.propose(1, b"let me in").await, Err(CallError::Refused(older)));
    assert!(a.propose(2, b"hello, old friend").await.is_err());
}

#[tokio::test]
async fn a_copy_that_counts_up_to_the_same_start_is_refused() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 6)).await);
    b.reaches(1).await;
    b.stop().await;
    let copy = Identity { start: 601, ..identity(2, 6) };
    let copy = cluster.start(copy).await;
    let copied = Refusal::CopiedStart { node: NodeId(2), boot: 6 };
    eventually("the copy is refused", || {
        copy.net.rejections().borrow().get(&NodeId(1)) == Some(&copied)
    })
    .await;
    assert!(!copy.net.may_campaign());
    assert!(a.propose(2, b"who are you").await.is_err());
}

#[tokio::test]
async fn a_stranger_at_a_members_address_outvotes_nobody() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 1)).await);
    let foreign = Identity { cluster: ClusterId(Uuid::from_u128(1)), ..identity(3, 1) };
    let stranger = cluster.start(foreign).await;
    for (node, other) in [(&a, 2), (&b, 1)] {
        node.reaches(other).await;
        eventually("the stranger refuses", || {
            matches!(
                node.net.rejections().borrow().get(&NodeId(3)),
                Some(Refusal::OtherCluster { .. })
            )
        })
        .await;
        assert!(!node.net.is_outvoted() && node.net.may_campaign());
    }
    eventually("the stranger is outvoted", || stranger.net.is_outvoted()).await;
    stranger.stop().await;
    let rightful = cluster.start(identity(3, 1)).await;
    rightful.reaches(1).await;
    a.reaches(3).await;
    assert!(a.net.rejections().borrow().is_empty());
}

#[tokio::test]
async fn foreign_cluster_and_wiped_disk_are_refused() {
    let cluster = Cluster::new();
    let a = cluster.start(identity(1, 1)).await;
    let foreign = Identity { cluster: ClusterId(Uuid::from_u128(1)), ..identity(2, 1) };
    let b = cluster.start(foreign).await;
    eventually("the foreign node is refused", || {
        matches!(b.net.rejections().borrow().get(&NodeId(1)), Some(Refusal::OtherCluster { .. }))
    })
    .await;
    b.stop().await;
    a.memory.remember(NodeId(2), Seen::from(&identity(2, 1))).unwrap();
    let wiped = Identity { disk: DiskId(Uuid::from_u128(99)), ..identity(2, 1) };
    let b = cluster.start(wiped).await;
    eventually("the wiped node is refused", || {
        matches!(b.net.rejections().borrow().get(&NodeId(1)), Some(Refusal::OtherDisk { .. }))
    })
    .await;
    assert!(a.propose(2, b"who are you").await.is_err());
}

#[tokio::test]
async fn somebody_else_at_the_address_is_not_spoken_to() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 1)).await);
    cluster.enter(NodeId(3), &b.addr);
    eventually("node 2 says that it is not node 3", || {
        matches!(a.net.rejections().borrow().get(&NodeId(3)), Some(Refusal::OtherNode { .. }))
    })
    .await;
    assert!(a.propose(3, b"three?").await.is_err());
}

#[tokio::test]
async fn oversize_frame_and_noise_close_the_connection() {
    let cluster = Cluster::new();
    let a = cluster.start(identity(1, 1)).await;
    let closes = async |bytes: &[u8], expect_welcome: bool| {
        let mut socket = TcpStream::connect(&a.addr).await.unwrap();
        // The other side may have hung up already while this is written.
        let _ = socket.write_all(bytes).await;
        let mut answer = Vec::new();
        let end = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        assert!(end.is_ok(), "the connection stays open");
        assert_eq!(!answer.is_empty(), expect_welcome);
    };
    closes(b"GET / HTTP/1.1\r\n\r\n", false).await;
    closes(&[0xff; 64], false).await;
    let hello = Hello { class: Class::Log, from: Some(identity(2, 1)), to: Some(NodeId(1)) };
    let mut bytes = hello.encode().to_bytes().to_vec();
    let oversize = u32::try_from(PEER_FRAME_BYTES_MAX + 1).unwrap();
    bytes.extend_from_slice(&oversize.to_le_bytes());
    closes(&bytes, true).await;
    // Alive and well for the others.
    let b = cluster.start(identity(2, 1)).await;
    b.reaches(1).await;
}

#[tokio::test]
async fn node_without_an_id_joins_and_may_do_nothing_else() {
    let cluster = Cluster::new();
    let a = cluster.start(identity(1, 1)).await;
    let request = JoinRequest {
        disk: DiskId(Uuid::from_u128(4)),
        peer_addr: "a:1".to_owned(),
        http_addr: "a:2".to_owned(),
        rack: String::new(),
        version: "0.1.0".to_owned(),
    };
    let answer = client::join(&a.addr, request.clone(), PATIENCE).await.unwrap();
    assert_eq!((answer.node, answer.metadata_index), (NodeId(9), 3));
    assert_eq!(a.echo.asked.lock().unwrap()[0].from, None);
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let refused = client::join(&addr, request, PATIENCE).await;
    assert!(matches!(refused, Err(client::JoinError::Unreachable(_))), "{refused:?}");
    let other = super::link::greet(&a.addr, &Hello { class: Class::Join, from: None, to: None });
    let (welcome, mut reader, mut writer) = other.await.unwrap();
    assert!(matches!(welcome, Welcome::Accepted(_)));
    let ping = Ping::default().encode().to_bytes();
    writer.write_all(&ping).await.unwrap();
    let end = reader.next(1 << 10).await;
    assert!(end.is_err(), "a ping of nobody closes the connection");
}

#[tokio::test]
async fn silent_node_is_dead_and_comes_back() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 1)).await);
    let view = a.net.liveness();
    a.reaches(2).await;
    eventually("pings arrive", || a.echo.pings.load(Ordering::Relaxed) > 0).await;
    assert!(view.is_alive(NodeId(2)) && view.is_alive(NodeId(1)));
    let (addr, memory) = (b.addr.clone(), b.memory.clone());
    b.stop().await;
    eventually("the stopped node is dead", || !view.is_alive(NodeId(2))).await;
    assert!(view.silent_ms(NodeId(2)).is_some());
    let _b = cluster.start_with(identity(2, 2), &addr, memory).await;
    eventually("the started node is alive", || view.is_alive(NodeId(2))).await;
}

fn append(index: u64, bytes: usize) -> Append {
    let id = LogId { term: 1, index };
    let payload = Bytes::from(vec![7; bytes]);
    Append {
        group: GroupId(1),
        to: ReplicaId(2),
        stream: 0,
        seq: 0,
        is_single: false,
        vote: Vote { term: 1, replica: ReplicaId(1), committed: true },
        prev: None,
        commit: None,
        entries: vec![AppendEntry { id, kind: 1, payload }],
    }
}

#[tokio::test]
async fn streams_are_answered_in_order_and_end_on_both_sides() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 1)).await);
    eventually("the log link is up", || a.net.open_stream(NodeId(2), Class::Log).is_ok()).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(a.net.open_stream(NodeId(2), Class::Log).unwrap());
    }
    for (sender, _) in &mut streams {
        for index in 0..50 {
            let prepared = sender.prepare(append(index, 10_000)).unwrap();
            let slot = sender.ready(prepared.size()).await.unwrap();
            let _sent = sender.send(slot, prepared);
        }
    }
    for (_, replies) in &mut streams {
        for index in 0..50 {
            let reply = tokio::time::timeout(PATIENCE, replies.recv()).await.unwrap().unwrap();
            assert_eq!(reply.seq, index);
            assert_eq!(reply.result, AppendResult::Matched(Some(LogId { term: 1, index })));
        }
    }
    assert_eq!(b.follower.open_streams.load(Ordering::Relaxed), 20);
    drop(streams);
    eventually("the receiver forgets the streams", || {
        b.follower.open_streams.load(Ordering::Relaxed) == 0
    })
    .await;
}

#[tokio::test]
async fn lost_connection_ends_its_streams_at_once() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 1)).await);
    eventually("the log link is up", || a.net.open_stream(NodeId(2), Class::Log).is_ok()).await;
    let (_sender, mut replies) = a.net.open_stream(NodeId(2), Class::Log).unwrap();
    b.tasks.cancel();
    let end = tokio::time::timeout(PATIENCE, replies.recv()).await.expect("the stream ends");
    assert!(end.is_none());
}

#[tokio::test]
async fn lone_append_is_answered_without_a_stream() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 1)).await);
    eventually("the link is up", || a.net.open_stream(NodeId(2), Class::Control).is_ok()).await;
    let (mut sender, mut replies) = a.net.open_stream(NodeId(2), Class::Control).unwrap();
    let heartbeat = Append { is_single: true, entries: Vec::new(), ..append(1, 0) };
    let prepared = sender.prepare(heartbeat).unwrap();
    let slot = sender.ready(prepared.size()).await.unwrap();
    let _sent = sender.send(slot, prepared);
    let reply = tokio::time::timeout(PATIENCE, replies.recv()).await.unwrap().unwrap();
    assert_eq!(reply.result, AppendResult::Matched(None));
    assert_eq!(b.follower.open_streams.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn removed_node_is_not_called_any_more() {
    let cluster = Cluster::new();
    let (a, _b) = (cluster.start(identity(1, 1)).await, cluster.start(identity(2, 1)).await);
    a.reaches(2).await;
    cluster.directory.send_modify(|directory| {
        Arc::make_mut(directory).remove(&NodeId(2));
    });
    // One link a class, and one goes after the other.
    for class in [Class::Log, Class::Control, Class::Client] {
        eventually("the link is gone", || a.net.open_stream(NodeId(2), class).is_err()).await;
    }
    assert!(matches!(a.propose(2, b"gone").await, Err(CallError::NotSent(_))));
}
