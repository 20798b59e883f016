//! The handle everybody holds: the view, waiting for an index, and proposing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::{ClientWriteError, RaftError};
use rampart_api::codec;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::problem::Problem;
use rampart_api::peer::rpc::{PeerRequest, PeerResponse};
use rampart_raft_store::MetadataReader;
use rampart_raft_store::state::metadata::command::{MetadataCommand, MetadataResponse};
use rampart_raft_store::state::metadata::state::MetadataState;
use rampart_raft_store::type_config::{Applied, Proposal, ProposalKind};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::peer::{CallError, PeerNet};
use crate::raft::status::{self, RaftHandle, RaftStatus, Role};

/// How long a proposal looks for a leader before it gives up, unless told otherwise.
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause before the leader is looked for again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// How long one forwarded proposal may take.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refusal waits until this node has applied it, so that the caller can see its reason
/// here. It changed nothing, so it holds without.
const REFUSAL_WAIT: Duration = Duration::from_millis(500);

/// What the handle is made of.
#[derive(Debug)]
pub struct MetadataOptions {
    /// This node.
    pub node: NodeId,
    /// Its replica of the metadata group.
    pub raft: RaftHandle,
    /// The applied state.
    pub reader: MetadataReader,
    /// To reach the leader.
    pub peer: PeerNet,
    /// Time.
    pub clock: Clock,
}

/// The metadata of the cluster as this node knows it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MetadataHandle {
    inner: Arc<MetadataOptions>,
}

impl MetadataHandle {
    /// A handle over a running replica of the metadata group.
    pub fn new(options: MetadataOptions) -> Self {
        MetadataHandle { inner: Arc::new(options) }
    }

    /// The state as of the last applied entry. Never changes under the holder.
    pub fn state(&self) -> Arc<MetadataState> {
        self.inner.reader.state()
    }

    /// Raft index of the state.
    pub fn applied_index(&self) -> u64 {
        self.inner.reader.applied_index()
    }

    /// Changes of the state, with their index.
    pub fn watch(&self) -> watch::Receiver<(u64, Arc<MetadataState>)> {
        self.inner.reader.watch()
    }

    /// This node.
    pub(super) fn own_node(&self) -> NodeId {
        self.inner.node
    }

    /// The replica itself, for membership and supervision.
    pub(crate) fn raft(&self) -> &RaftHandle {
        &self.inner.raft
    }

    /// What the replica says about itself.
    pub fn status(&self) -> RaftStatus {
        status::status(&self.inner.raft)
    }

    /// Resolves with the reason once the replica's core has ended, be it by a panic, which leaves
    /// the last status as it was.
    pub(crate) async fn core_ended(&self) -> String {
        let mut changes = self.inner.raft.metrics();
        loop {
            let status = self.status();
            if status.role == Role::Stopped {
                return status.fatal.unwrap_or_else(|| "it was stopped".to_owned());
            }
            if changes.changed().await.is_err() {
                let fatal = self.status().fatal;
                return fatal.unwrap_or_else(|| "it panicked".to_owned());
            }
        }
    }

    /// The node that leads the metadata group, the controller, if known.
    pub fn leader(&self) -> Option<NodeId> {
        self.status().leader.map(|(_, node)| node)
    }

    /// Whether this node leads the metadata group.
    pub fn is_leader(&self) -> bool {
        self.status().role == Role::Leader
    }

    /// Waits until this node has applied `index`.
    ///
    /// # Errors
    /// `TIMEOUT` when it has not in time.
    pub async fn wait_for_index(&self, index: u64, timeout: Duration) -> Result<(), Problem> {
        let mut watch = self.watch();
        let reached = watch.wait_for(|(applied, _)| *applied >= index);
        match tokio::time::timeout(timeout, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Problem::new(ErrorCode::NotReady, "the node is stopping")),
            Err(_) => Err(Problem::new(
                ErrorCode::Timeout,
                format!("this node has not applied metadata index {index} in time"),
            )),
        }
    }

    /// Proposes a change and waits until it is applied on this node. Finds the leader, and retries
    /// what certainly was not done.
    ///
    /// # Errors
    /// The state machine's refusal; `NOT_LEADER` when no leader was found in time (not done);
    /// an unknown outcome when the answer was lost, or was not applied on this node in time.
    pub async fn propose(
        &self,
        command: MetadataCommand,
    ) -> Result<(u64, MetadataResponse), Problem> {
        self.propose_within(command, PROPOSE_TIMEOUT).await
    }

    /// As `propose`, with a time limit of its own.
    ///
    /// # Errors
    /// As `propose`.
    pub async fn propose_within(
        &self,
        command: MetadataCommand,
        timeout: Duration,
    ) -> Result<(u64, MetadataResponse), Problem> {
        let deadline = self.inner.clock.instant() + timeout;
        let body = Bytes::from(codec::encode(&command));
        let (index, response) = loop {
            let refused = match self.propose_once(&body, deadline).await {
                Ok(done) => break done,
                Err(refused) => refused,
            };
            let not_led = refused.code == ErrorCode::NotLeader
                && refused.outcome == rampart_api::model::problem::Outcome::NotDone;
            if !not_led || self.inner.clock.instant() + RETRY_PAUSE >= deadline {
                return Err(refused);
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        };
        let left = deadline.saturating_duration_since(self.inner.clock.instant());
        match response {
            MetadataResponse::Refused(problem) => {
                // In time or not: a node with an old copy of its disk never applies its refusal,
                // and must hear it.
                let _ = self.wait_for_index(index, left.min(REFUSAL_WAIT)).await;
                Err(problem)
            }
            MetadataResponse::Done
            | MetadataResponse::Joined { .. }
            | MetadataResponse::TopicCreated { .. }
            | MetadataResponse::PartitionsAdded { .. }
            | MetadataResponse::ProducerIds { .. } => {
                let applied = self.wait_for_index(index, left.max(RETRY_PAUSE)).await;
                // It is done, though nobody sees it here yet.
                applied.map_err(|late| Problem::unknown(late.code, late.detail))?;
                Ok((index, response))
            }
        }
    }

    async fn propose_once(
        &self,
        body: &Bytes,
        deadline: Instant,
    ) -> Result<(u64, MetadataResponse), Problem> {
        let status = self.status();
        if status.role == Role::Leader {
            let left = deadline.saturating_duration_since(self.inner.clock.instant());
            return self.propose_locally(body.clone(), left).await;
        }
        let Some((_, leader)) = status.leader.filter(|(_, node)| *node != self.inner.node) else {
            return Err(no_leader());
        };
        let left = deadline.saturating_duration_since(self.inner.clock.instant());
        let request = PeerRequest::Propose { command: body.clone() };
        let answer = self.inner.peer.call(leader, request, left.min(FORWARD_TIMEOUT)).await;
        match answer {
            Ok(PeerResponse::Proposed { index, response }) => Ok((index, decode(&response)?)),
            Ok(PeerResponse::Problem(problem)) => Err(problem),
            Ok(_) => Err(Problem::unknown(ErrorCode::Internal, "the controller answered oddly")),
            Err(CallError::Unknown(reason)) => Err(Problem::unknown(
                ErrorCode::Timeout,
                format!("no answer from the controller: {reason}"),
            )),
            Err(not_sent) => Err(Problem::new(
                ErrorCode::NotLeader,
                format!("the controller, node {leader}, cannot be reached: {not_sent}"),
            )),
        }
    }

    /// Proposes on this node, which must lead. Called for forwarded proposals too.
    ///
    /// # Errors
    /// `NOT_LEADER` (not done), or an unknown outcome.
    pub(crate) async fn propose_here(
        &self,
        body: Bytes,
    ) -> Result<(u64, MetadataResponse), Problem> {
        self.propose_locally(body, FORWARD_TIMEOUT).await
    }

    async fn propose_locally(
        &self,
        body: Bytes,
        within: Duration,
    ) -> Result<(u64, MetadataResponse), Problem> {
        let proposal = Proposal { kind: ProposalKind::Metadata, body, ticket: None };
        let write = self.inner.raft.client_write(proposal);
        let written = tokio::time::timeout(within, write).await.map_err(|_| {
            let detail = format!("no majority confirmed the metadata write within {within:?}");
            Problem::unknown(ErrorCode::Timeout, detail)
        })?;
        match written {
            Ok(written) => match &written.data {
                Applied::Metadata(bytes) => Ok((written.log_id.index, decode(bytes)?)),
                Applied::Nothing
                | Applied::Appended { .. }
                | Applied::Trimmed { .. }
                | Applied::Sealed { .. }
                | Applied::Groups(_) => {
                    Err(Problem::unknown(ErrorCode::Internal, "metadata applied to another kind"))
                }
            },
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => Err(no_leader()),
            Err(other) => {
                Err(Problem::unknown(ErrorCode::Timeout, format!("metadata write: {other}")))
            }
        }
    }
}

fn no_leader() -> Problem {
    Problem::new(ErrorCode::NotLeader, "the metadata group has no leader that this node knows")
        .hint("a majority of the metadata voters must be up: see `rampart cluster status`")
}

fn decode(bytes: &[u8]) -> Result<MetadataResponse, Problem> {
    codec::decode(bytes).map_err(|error| {
        Problem::unknown(ErrorCode::Internal, format!("metadata response unreadable: {error}"))
    })
}
