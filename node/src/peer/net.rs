//! `PeerNet`: the node's transport. Keeps the links to all nodes of the directory, finds the right
//! one for a call, and knows who accepted this node and who refused it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rampart_api::model::ids::NodeId;
use rampart_api::peer::handshake::{Class, Identity, Refusal};
use rampart_api::peer::ping::Ping;
use rampart_api::peer::rpc::{PeerRequest, PeerResponse};
use tokio::sync::watch;

use super::connection::{Ask, ReplyReceiver, StreamSender};
use super::facts::Facts;
use super::handler::{Asked, CallError, PeerFacts, PeerHandler, RaftReceiver};
use super::limits::PeerLimits;
use super::link::{self, Link};
use super::listener::{self, Guests};
use super::liveness::{LivenessTable, LivenessView};
use super::refusals;
use crate::clock::Clock;
use crate::net::TcpListener;
use crate::randomness::Randomness;
use crate::tasks::Tasks;

/// Time for the transport's tasks to end.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// Where the nodes of the cluster are: `host:port` of their peer listeners, this node included.
pub type Directory = Arc<BTreeMap<NodeId, String>>;

/// What the transport is made of.
#[derive(Debug)]
pub struct PeerOptions {
    /// Who this node is.
    pub identity: Identity,
    /// Where everybody is; follows the metadata.
    pub directory: watch::Receiver<Directory>,
    /// Whom this node met.
    pub facts: Arc<dyn PeerFacts>,
    /// Limits.
    pub limits: PeerLimits,
    /// Time.
    pub clock: Clock,
    /// Jitter of attempts to connect.
    pub randomness: Randomness,
    /// Its tasks; cancelling them closes all connections.
    pub tasks: Tasks,
}

/// Who answers, known once the subsystems behind the transport are built.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) handler: Arc<dyn PeerHandler>,
    pub(super) raft: Arc<dyn RaftReceiver>,
}

/// State shared by all links and connections.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) identity: Identity,
    pub(super) limits: PeerLimits,
    pub(super) facts: Facts,
    pub(super) liveness: Arc<LivenessTable>,
    pub(super) guests: Guests,
    pub(super) served: OnceLock<Served>,
    pub(super) tasks: Tasks,
    pub(super) randomness: Randomness,
    clock: Clock,
    directory: watch::Receiver<Directory>,
    links: Mutex<BTreeMap<(NodeId, Class), RunningLink>>,
    accepted_by: watch::Sender<BTreeSet<NodeId>>,
    rejections: watch::Sender<BTreeMap<NodeId, Refusal>>,
    links_up: watch::Sender<BTreeMap<NodeId, u64>>,
}

#[derive(Debug)]
struct RunningLink {
    link: Arc<Link>,
    tasks: Tasks,
}

/// The node's transport. Cheap to clone.
#[derive(Clone)]
pub struct PeerNet {
    inner: Arc<Inner>,
}

impl fmt::Debug for PeerNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerNet").field("node", &self.inner.identity.node).finish_non_exhaustive()
    }
}

impl PeerNet {
    /// Starts connecting to the nodes of the directory. Nothing is answered before `serve`, which
    /// comes later because those who answer need the transport themselves.
    pub fn start(options: PeerOptions) -> PeerNet {
        let PeerOptions { identity, directory, facts, limits, clock, randomness, tasks } = options;
        let liveness = LivenessTable::new(identity.node, limits.silence_max, clock);
        let inner = Arc::new(Inner {
            identity,
            limits,
            facts: Facts::new(facts),
            liveness: Arc::new(liveness),
            guests: Guests::default(),
            served: OnceLock::new(),
            tasks: tasks.clone(),
            randomness,
            clock,
            directory,
            links: Mutex::default(),
            accepted_by: watch::channel(BTreeSet::new()).0,
            rejections: watch::channel(BTreeMap::new()).0,
            links_up: watch::channel(BTreeMap::new()).0,
        });
        tasks.spawn_critical("peer directory", follow_directory(inner.clone()));
        tasks.spawn_critical("peer pings", ping_all(inner.clone()));
        PeerNet { inner }
    }

    /// Lets the others in.
    ///
    /// # Panics
    /// When called twice.
    pub fn serve(
        &self,
        listener: TcpListener,
        handler: Arc<dyn PeerHandler>,
        raft: Arc<dyn RaftReceiver>,
    ) {
        let served = Served { handler, raft };
        self.inner.served.set(served).expect("serve is called once");
        self.inner
            .tasks
            .spawn_critical("peer listener", listener::run(self.inner.clone(), listener));
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.inner.identity.node
    }

    /// Puts a question to a node, itself included, and waits for the answer.
    ///
    /// # Errors
    /// Tells apart what certainly was not sent from what may have been carried out.
    pub async fn call(
        &self,
        to: NodeId,
        request: PeerRequest,
        deadline: Duration,
    ) -> Result<PeerResponse, CallError> {
        let inner = &self.inner;
        if to == inner.identity.node {
            return inner.call_here(request, deadline).await;
        }
        let class = class_of(&request);
        let ask = Ask {
            deadline,
            is_forwarded: class == Class::Client,
            metadata_index: inner.served.get().map_or(0, |served| served.handler.metadata_index()),
        };
        let started = inner.clock.instant();
        let connection = inner.link(to, class)?.connection(deadline).await?;
        let left = deadline.saturating_sub(inner.clock.instant() - started);
        connection.call(request, Ask { deadline: left, ..ask }).await
    }

    /// Opens a stream of appends to a node, if the link is up.
    pub(crate) fn open_stream(
        &self,
        to: NodeId,
        class: Class,
    ) -> Result<(StreamSender, ReplyReceiver), CallError> {
        self.inner.link(to, class)?.connection_now()?.open_stream()
    }

    /// A node that is silent for longer is presumed dead.
    pub fn silence_max(&self) -> Duration {
        self.inner.limits.silence_max
    }

    /// Which nodes are alive, as this one hears them.
    pub fn liveness(&self) -> LivenessView {
        LivenessView::new(self.inner.liveness.clone())
    }

    /// The nodes of the directory that are alive, as this one hears them.
    pub fn alive_nodes(&self) -> BTreeSet<NodeId> {
        let liveness = self.liveness();
        let directory = self.inner.directory.borrow();
        directory.keys().copied().filter(|node| liveness.is_alive(*node)).collect()
    }

    /// Nodes that accepted this one since it started.
    pub fn accepted_by(&self) -> watch::Receiver<BTreeSet<NodeId>> {
        self.inner.accepted_by.subscribe()
    }

    /// Whether a majority of the nodes, counting this one, know and accept it. Before that none of
    /// its replicas votes or campaigns: its disk may be a restored one.
    pub fn may_campaign(&self) -> bool {
        let directory = self.inner.directory.borrow();
        let nodes = directory.len().max(1);
        let accepted = self.inner.accepted_by.borrow();
        let known = accepted.iter().filter(|node| directory.contains_key(node)).count();
        known + 1 > nodes / 2
    }

    /// Nodes that refuse this one, and why.
    pub fn rejections(&self) -> watch::Receiver<BTreeMap<NodeId, Refusal>> {
        self.inner.rejections.subscribe()
    }

    /// Whether most of the cluster refuses this node for good: it must stop.
    pub fn is_outvoted(&self) -> bool {
        refusals::is_outvoted(&self.inner.directory.borrow(), &self.inner.rejections.borrow())
    }

    /// How often the log link to each node came up: a reason to reset the backoff of replication.
    pub fn links_up(&self) -> watch::Receiver<BTreeMap<NodeId, u64>> {
        self.inner.links_up.subscribe()
    }

    /// Closes all connections, both ways, and waits for the tasks behind them.
    pub async fn stop(&self) {
        self.inner.tasks.stop(STOP_WITHIN).await;
    }

    pub(crate) fn clock(&self) -> Clock {
        self.inner.clock
    }
}

/// The class a question travels in.
fn class_of(request: &PeerRequest) -> Class {
    match request {
        PeerRequest::Vote(_)
        | PeerRequest::PreVote(_)
        | PeerRequest::TransferLeader(_)
        | PeerRequest::Propose { .. }
        | PeerRequest::ReadIndex { .. }
        | PeerRequest::Join(_) => Class::Control,
        PeerRequest::Snapshot(_) => Class::Bulk,
        PeerRequest::Produce(_)
        | PeerRequest::Fetch(_)
        | PeerRequest::ListOffset { .. }
        | PeerRequest::Truncate { .. }
        | PeerRequest::Status { .. }
        | PeerRequest::TransferLeadership { .. }
        | PeerRequest::Groups { .. }
        | PeerRequest::Castle { .. } => Class::Client,
    }
}

impl Served {
    /// Answers a question, whoever it is for.
    pub(super) async fn answer(&self, asked: Asked, request: PeerRequest) -> PeerResponse {
        match &request {
            PeerRequest::Vote(_)
            | PeerRequest::PreVote(_)
            | PeerRequest::TransferLeader(_)
            | PeerRequest::Snapshot(_) => self.raft.call(request).await,
            PeerRequest::Produce(_)
            | PeerRequest::Fetch(_)
            | PeerRequest::ListOffset { .. }
            | PeerRequest::Truncate { .. }
            | PeerRequest::Status { .. }
            | PeerRequest::TransferLeadership { .. }
            | PeerRequest::Propose { .. }
            | PeerRequest::ReadIndex { .. }
            | PeerRequest::Join(_)
            | PeerRequest::Groups { .. }
            | PeerRequest::Castle { .. } => self.handler.handle(asked, request).await,
        }
    }
}

impl Inner {
    pub(super) fn address(&self, node: NodeId) -> Option<String> {
        self.directory.borrow().get(&node).cloned()
    }

    async fn call_here(
        &self,
        request: PeerRequest,
        deadline: Duration,
    ) -> Result<PeerResponse, CallError> {
        let Some(served) = self.served.get() else {
            return Err(CallError::NotSent("this node is still starting".to_owned()));
        };
        let asked = Asked {
            from: Some(self.identity.node),
            deadline,
            is_forwarded: false,
            metadata_index: 0,
        };
        tokio::time::timeout(deadline, served.answer(asked, request))
            .await
            .map_err(|_| CallError::Unknown(format!("not done in {} ms", deadline.as_millis())))
    }

    /// The link to a node of the directory. Started when it is first wanted.
    fn link(self: &Arc<Self>, to: NodeId, class: Class) -> Result<Arc<Link>, CallError> {
        let mut links = self.links.lock().expect("no holder of this lock panics");
        if let Some(running) = links.get(&(to, class)) {
            return Ok(running.link.clone());
        }
        if self.tasks.is_cancelled() {
            return Err(CallError::NotSent("this node is stopping".to_owned()));
        }
        if self.address(to).is_none() {
            return Err(CallError::NotSent(format!("the address of node {to} is not known")));
        }
        let (link, tasks) = (Link::new(), self.tasks.child());
        tasks.spawn_critical("peer link", link::run(self.clone(), link.clone(), to, class));
        links.insert((to, class), RunningLink { link: link.clone(), tasks });
        Ok(link)
    }

    /// A node has just come to us, so it can probably be reached.
    pub(super) fn try_links_now(&self, to: NodeId) {
        let links = self.links.lock().expect("no holder of this lock panics");
        for class in Class::BETWEEN_NODES {
            if let Some(running) = links.get(&(to, class)) {
                running.link.try_now();
            }
        }
    }

    pub(super) fn link_is_up(&self, peer: NodeId, class: Class) {
        self.accepted_by.send_if_modified(|accepted| accepted.insert(peer));
        self.rejections.send_if_modified(|refused| refused.remove(&peer).is_some());
        if class == Class::Log {
            self.links_up.send_modify(|ups| *ups.entry(peer).or_default() += 1);
        }
    }

    pub(super) fn was_refused(&self, by: NodeId, refusal: &Refusal) {
        let is_news = self.rejections.send_if_modified(|refused| {
            refused.insert(by, refusal.clone()).as_ref() != Some(refusal)
        });
        if !refusal.is_final() {
            return;
        }
        self.accepted_by.send_if_modified(|accepted| accepted.remove(&by));
        if is_news {
            tracing::error!(
                %by, %refusal,
                "the process at another node's address refuses this one; it is not spoken to, and \
                 asked again now and then (one of the two runs on a data directory that is not its \
                 own)"
            );
        }
    }

    fn drop_links_outside(&self, directory: &BTreeMap<NodeId, String>) {
        let mut links = self.links.lock().expect("no holder of this lock panics");
        links.retain(|(node, _), running| {
            let is_member = directory.contains_key(node);
            if !is_member {
                running.tasks.cancel();
            }
            is_member
        });
    }
}

/// Keeps log and control links to every node of the directory; the others start when wanted.
async fn follow_directory(net: Arc<Inner>) {
    let mut directory = net.directory.clone();
    loop {
        let now = directory.borrow_and_update().clone();
        net.drop_links_outside(&now);
        net.liveness.retain(|node| now.contains_key(&node));
        for node in now.keys().filter(|node| **node != net.identity.node) {
            for class in [Class::Control, Class::Log] {
                // Fails only while stopping, and for nodes that have just left the directory.
                let _ = net.link(*node, class);
            }
            // An address may have changed.
            net.try_links_now(*node);
        }
        if directory.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// One ping to every node each 100 ms, for all groups together.
async fn ping_all(net: Arc<Inner>) {
    let mut every = net.clock.every(net.limits.ping_every);
    let mut last = net.clock.instant();
    loop {
        every.tick().await;
        let now = net.clock.instant();
        if now - last > net.limits.silence_max {
            // This process was stopped or starved: it could not have heard anybody.
            net.liveness.woke_up();
        }
        last = now;
        let directory = net.directory.borrow().clone();
        for node in directory.keys().filter(|node| **node != net.identity.node) {
            let Ok(link) = net.link(*node, Class::Control) else { continue };
            let Ok(connection) = link.connection_now() else { continue };
            let ping =
                net.served.get().map_or_else(Ping::default, |served| served.handler.ping(*node));
            connection.ping(&ping);
        }
    }
}
