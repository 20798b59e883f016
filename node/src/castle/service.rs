//! Castle's doors: heartbeats, the list of clients, commands, and the questions of other nodes. No
//! lock is held over an await; what a heartbeat that brings nothing new costs is two looks into the
//! registry.

mod clients;
mod pull;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use rampart_api::http::castle::{HeartbeatRequest, HeartbeatResponse};
use rampart_api::model::ids::NodeId;
use rampart_api::model::limits::CASTLE_CLIENTS_BYTES_MAX;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::DirectiveId;
use rampart_raft_store::state::metadata::state::NodeState;
use tokio::time::Instant;

use super::about::{Beat, split};
use super::answer::{Rhythm, Told, refusal, response, word};
use super::directives::Waiting;
use super::dispatch::{Clusters, DispatchKey, Dispatches, Stamp, View, dispatch};
use super::peers::{self, Answer, Question};
use super::registry::{Content, Limits, Moment, Registered, Registry};
use super::sign_of_life;
use crate::clock::Clock;
use crate::config::CastleConfig;
use crate::groups::GroupService;
use crate::groups::request::GroupRequest;
use crate::metadata::MetadataHandle;
use crate::partition::PartitionService;
use crate::peer::PeerNet;
use crate::raft::claims::ClaimTable;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::HeartbeatLabel;

/// So long the brokers and leaders are what they were when they were looked at.
const VIEW_FOR: Duration = Duration::from_millis(100);
/// How long the other nodes may take to say what they know of a client that is new here.
const CLAIM_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a heartbeat waits until what its client has done is replicated.
const DONE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the service is made of.
#[derive(Debug)]
pub struct CastleOptions {
    /// This node.
    pub node: NodeId,
    /// Timings and limits.
    pub config: CastleConfig,
    /// Topics and nodes.
    pub metadata: MetadataHandle,
    /// Who leads what.
    pub partitions: PartitionService,
    /// Who says so.
    pub claims: Arc<ClaimTable>,
    /// Coordinators of groups and directives.
    pub groups: GroupService,
    /// The other nodes.
    pub peer: PeerNet,
    /// Time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
}

/// Castle on this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CastleService {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: CastleOptions,
    born: Instant,
    registry: Mutex<Registry>,
    /// The brokers, and when they were looked at.
    view: Mutex<(Instant, Arc<View>)>,
    dispatches: Mutex<Dispatches>,
    waiting: ArcSwap<Waiting>,
}

impl CastleService {
    /// Without clients.
    pub fn new(options: CastleOptions) -> CastleService {
        let limits = Limits {
            clients_max: usize::try_from(options.config.clients_max).unwrap_or(usize::MAX),
            bytes_max: CASTLE_CLIENTS_BYTES_MAX,
            ttl: options.config.client_ttl(),
        };
        let born = options.clock.instant();
        // Older than any that is asked for, so that the first is made when it is needed.
        let long_ago = born.checked_sub(VIEW_FOR).unwrap_or(born);
        CastleService {
            inner: Arc::new(Inner {
                options,
                born,
                registry: Mutex::new(Registry::new(limits)),
                view: Mutex::new((long_ago, Arc::default())),
                dispatches: Mutex::default(),
                waiting: ArcSwap::default(),
            }),
        }
    }

    /// Answers a client's heartbeat. Whatever fails behind it, there is an answer.
    pub async fn heartbeat(&self, request: HeartbeatRequest) -> HeartbeatResponse {
        let answer = match self.beat(request).await {
            Ok(answer) => answer,
            Err(problem) => refusal(&problem, self.rhythm()),
        };
        let label = HeartbeatLabel { status: word(answer.status) };
        self.inner.options.metrics.castle.heartbeats.get_or_create(&label).inc();
        answer
    }

    async fn beat(&self, request: HeartbeatRequest) -> Result<HeartbeatResponse, Problem> {
        let options = &self.inner.options;
        let (about, beat) = split(request);
        let registered = self.registry().register(about, &beat, self.moment())?;
        let name = &registered.about.instance_id;
        if registered.is_new {
            self.claim(name, &beat.session).await?;
        }
        if !beat.done.is_empty() {
            self.done(name, &beat).await;
        }
        let state = options.metadata.state();
        let ttl_ms = options.config.client_ttl_ms;
        let (memberships, trouble) =
            sign_of_life::give(&options.groups, &registered, &state, ttl_ms).await;
        let view = self.view();
        let clusters = self.clusters(&view, &registered);
        let content = Content { clusters, memberships };
        let mut directives = self.inner.waiting.load().of(name, &state);
        let answered = {
            let mut registry = self.registry();
            if !directives.is_empty() {
                registry.keep_open(name, &mut directives);
            }
            registry.answer(name, &beat, content.clone(), options.clock.now_ms())
        };
        let told = Told { content, answered, directives, trouble };
        Ok(response(&registered.about, told, self.rhythm(), (&view.cluster, &state)))
    }

    /// Tells the other nodes whom this one serves from now on. One of them may know better.
    async fn claim(&self, name: &str, session: &str) -> Result<(), Problem> {
        let (instance_id, session) = (name.to_owned(), session.to_owned());
        let question = Question::Claim { instance_id, session: session.clone() };
        let net = &self.inner.options.peer;
        let (answers, _) = peers::ask_all(net, self.others(), &question, CLAIM_TIMEOUT).await;
        let said = answers.into_iter().filter_map(|answer| match answer {
            Answer::Claimed(claimed) => Some(claimed),
            Answer::Clients(_) | Answer::Knows(_) => None,
        });
        self.registry().learn(name, &session, &said.collect::<Vec<_>>())
    }

    /// Has it replicated what a client has done. If that fails it hears of it again, and says so again.
    async fn done(&self, name: &str, beat: &Beat) {
        let ids: BTreeSet<DirectiveId> = beat.done.iter().copied().map(DirectiveId).collect();
        let done = GroupRequest::DirectivesDone { client: name.to_owned(), ids };
        let asked = self.inner.options.groups.ask(done);
        match tokio::time::timeout(DONE_TIMEOUT, asked).await {
            Ok(Ok(_)) => self.registry().settle(name, &beat.done),
            Ok(Err(problem)) => tracing::debug!(%problem, name, "directives not settled yet"),
            Err(_) => tracing::debug!(name, "directives not settled in time"),
        }
    }

    /// Answers a question of another node.
    ///
    /// # Errors
    /// `INVALID_REQUEST`.
    pub fn answer_here(&self, question: &[u8]) -> Result<Bytes, Problem> {
        let moment = self.moment();
        let answer = match peers::decode(question)? {
            Question::Clients => Answer::Clients(self.own_clients()),
            Question::Knows { instance_id } => {
                Answer::Knows(self.registry().knows(&instance_id, moment.now))
            }
            Question::Claim { instance_id, session } => {
                Answer::Claimed(self.registry().claimed(&instance_id, &session, moment))
            }
        };
        Ok(peers::encode(&answer))
    }

    fn clusters(&self, view: &View, registered: &Registered) -> Arc<Clusters> {
        let key: &Arc<DispatchKey> = &registered.key;
        if let Some(known) = self.dispatches().get(key, view.number) {
            return known;
        }
        let options = &self.inner.options;
        let state = options.metadata.state();
        let made = dispatch(view, key, &state, |group| options.partitions.leader_hint(group));
        self.dispatches().put(key, view.number, made)
    }

    /// The brokers as they are now, or were a moment ago.
    fn view(&self) -> Arc<View> {
        let options = &self.inner.options;
        let now = options.clock.instant();
        let mut known = self.inner.view.lock().unwrap_or_else(PoisonError::into_inner);
        let (looked, view) = &mut *known;
        if view.number > 0 && now.saturating_duration_since(*looked) < VIEW_FOR {
            return view.clone();
        }
        *looked = now;
        // The stamp is older than what is looked at after it: a change between makes another one.
        let claims = options.claims.changes();
        let metadata = options.metadata.applied_index();
        let stamp = Stamp { metadata, claims, alive: self.alive() };
        if view.number == 0 || !view.stamp.still_holds(&stamp) {
            let (state, led) = (options.metadata.state(), options.claims.led());
            *view = Arc::new(View::of(view.number + 1, stamp, &state, &led));
        }
        view.clone()
    }

    fn alive(&self) -> BTreeSet<NodeId> {
        let (state, liveness) =
            (self.inner.options.metadata.state(), self.inner.options.peer.liveness());
        let members = state.nodes.values().filter(|node| node.state != NodeState::Replaced);
        members.map(|node| node.id).filter(|node| liveness.is_alive(*node)).collect()
    }

    fn others(&self) -> BTreeSet<NodeId> {
        let own = self.inner.options.node;
        self.alive().into_iter().filter(|node| *node != own).collect()
    }

    fn rhythm(&self) -> Rhythm {
        let config = &self.inner.options.config;
        Rhythm { interval_ms: config.heartbeat_ms, ttl_ms: config.client_ttl_ms }
    }

    fn moment(&self) -> Moment {
        let clock = self.inner.options.clock;
        let now = clock.instant().saturating_duration_since(self.inner.born);
        Moment { now, now_ms: clock.now_ms() }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.inner.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dispatches(&self) -> MutexGuard<'_, Dispatches> {
        self.inner.dispatches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
