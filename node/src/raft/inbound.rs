//! Raft's way in: messages of other replicas, handed to the replica they are for. Appends of a
//! stream go into openraft's pipelined `stream_append`, and answers that are ready together leave
//! as one. The replica's owner supplies the lookup and two gates, `RaftHost`.
//!
//! Received traffic never creates a replica: a message for one that isn't here is answered
//! `Unreachable`.

use std::pin::pin;
use std::sync::{Arc, OnceLock};

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::{Stream, StreamExt, stream};
use openraft::raft::{StreamAppendError, StreamAppendResult};
use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_api::peer::raft::{
    Append, AppendResult, SnapshotRequest, TransferRequest, UnreachableReason, VoteRequest,
};
use rampart_api::peer::rpc::{PeerRequest, PeerResponse};
use rampart_raft_store::type_config::{ProposalKind, Snapshot, TypeConfig};
use tokio::sync::mpsc;

use super::convert;
use super::status::RaftHandle;
use crate::peer::{PeerNet, RaftReceiver, StreamReplies};

/// Somebody wants a vote of a replica on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ballot {
    /// The group.
    pub group: GroupId,
    /// The replica that is asked.
    pub voter: ReplicaId,
    /// The replica that wants it.
    pub candidate: ReplicaId,
    /// The leader asked the candidate to take over: its lease doesn't speak against it.
    pub is_transfer: bool,
}

/// Where replicas are found, and what they may do now. Implemented by their owner.
pub trait RaftHost: std::fmt::Debug + Send + Sync + 'static {
    /// The running replica with exactly this id.
    fn replica(&self, group: GroupId, replica: ReplicaId) -> Option<RaftHandle>;

    /// Whether the replica may answer a vote or pre-vote: not while the group is quiet and its
    /// leader's node alive, which no lease of the leader protects then.
    fn may_vote(&self, ballot: &Ballot) -> bool;

    /// The group may be about to change its leader: it is looked at until that is done.
    fn wake(&self, group: GroupId);

    /// Whether the replica takes an append: not one with records while the disk is full up to its
    /// reserve. Heartbeats, trims and memberships use the reserve.
    fn accept_append(&self, group: GroupId, is_data: bool) -> bool;
}

/// Takes messages of Raft from the transport.
#[derive(Debug, Clone)]
pub struct RaftInbound {
    host: Arc<dyn RaftHost>,
    peer: PeerNet,
}

impl RaftInbound {
    /// For the replicas of `host`.
    pub fn new(host: Arc<dyn RaftHost>, peer: PeerNet) -> Self {
        RaftInbound { host, peer }
    }

    async fn vote(&self, request: VoteRequest, stage: Stage) -> PeerResponse {
        let ballot = Ballot {
            group: request.group,
            voter: request.to,
            candidate: request.vote.replica,
            is_transfer: request.leadership_transfer,
        };
        // Until a majority of the nodes accepted this one, its disk may be a restored one, which
        // has forgotten votes it gave.
        if !self.peer.may_campaign() || !self.host.may_vote(&ballot) {
            return PeerResponse::Unreachable(UnreachableReason::NoVoteNow);
        }
        let Some(raft) = self.host.replica(request.group, request.to) else {
            return PeerResponse::Unreachable(UnreachableReason::NoSuchReplica);
        };
        self.host.wake(request.group);
        let question = convert::vote_request_from_wire(&request);
        let answer = match stage {
            Stage::PreVote => raft.pre_vote(question).await,
            Stage::Vote => raft.vote(question).await,
        };
        match answer {
            Ok(answer) => PeerResponse::Vote(convert::vote_answer_to_wire(&answer)),
            Err(_) => PeerResponse::Unreachable(UnreachableReason::NotRunning),
        }
    }

    async fn transfer(&self, request: TransferRequest) -> PeerResponse {
        let Some(raft) = self.host.replica(request.group, request.to) else {
            return PeerResponse::Unreachable(UnreachableReason::NoSuchReplica);
        };
        self.host.wake(request.group);
        let question = convert::transfer_from_wire(&request);
        match raft.handle_transfer_leader(question).await {
            Ok(answer) => PeerResponse::TransferLeader(convert::transfer_answer_to_wire(&answer)),
            Err(_) => PeerResponse::Unreachable(UnreachableReason::NotRunning),
        }
    }

    async fn snapshot(&self, request: SnapshotRequest) -> PeerResponse {
        let SnapshotRequest { group, to, vote, last, membership, data } = request;
        let Some(raft) = self.host.replica(group, to) else {
            return PeerResponse::Unreachable(UnreachableReason::NoSuchReplica);
        };
        let meta = match convert::snapshot_meta_from_wire(last, membership) {
            Ok(meta) => meta,
            Err(error) => {
                tracing::error!(%group, %to, %error, "a snapshot that can't be read");
                return PeerResponse::Unreachable(UnreachableReason::Malformed);
            }
        };
        let snapshot = Snapshot { meta, snapshot: data };
        let installed = raft.install_full_snapshot(convert::vote_from_wire(vote), snapshot).await;
        match installed {
            Ok(answer) => PeerResponse::Snapshot(convert::vote_to_wire(answer.vote)),
            Err(_) => PeerResponse::Unreachable(UnreachableReason::NotRunning),
        }
    }

    async fn lone_append(&self, append: Append) -> AppendResult {
        let (group, to) = (append.group, append.to);
        let Some(raft) = self.host.replica(group, to) else {
            return AppendResult::Unreachable(UnreachableReason::NoSuchReplica);
        };
        let request = match open(&*self.host, append) {
            Ok(request) => request,
            Err(reason) => return AppendResult::Unreachable(reason),
        };
        let prev = request.prev_log_id;
        let last = request.entries.last().map(|entry| entry.log_id).or(prev);
        match raft.append_entries(request).await {
            Ok(answer) => result_to_wire(&answer.into_stream_result(prev, last)),
            Err(_) => AppendResult::Unreachable(UnreachableReason::NotRunning),
        }
    }

    async fn serve_stream(self, mut requests: mpsc::Receiver<Append>, replies: StreamReplies) {
        let Some(first) = requests.recv().await else { return };
        let (group, to) = (first.group, first.to);
        let Some(raft) = self.host.replica(group, to) else {
            let result = AppendResult::Unreachable(UnreachableReason::NoSuchReplica);
            replies.send(first.seq, result).await;
            return;
        };
        self.host.wake(group);
        // Set when the input stops because a request was not let through.
        let turned_away = Arc::new(OnceLock::new());
        let input = input(self.host.clone(), first, requests, turned_away.clone());
        let answers = raft.stream_append(input);
        let Some(answered) = answer_all(answers, &replies).await else { return };
        if let Some(reason) = turned_away.get() {
            replies.send(answered, AppendResult::Unreachable(*reason)).await;
        }
    }
}

/// The two questions of an election.
#[derive(Debug, Clone, Copy)]
enum Stage {
    PreVote,
    Vote,
}

impl RaftReceiver for RaftInbound {
    fn append_stream(
        &self,
        requests: mpsc::Receiver<Append>,
        replies: StreamReplies,
    ) -> BoxFuture<'static, ()> {
        self.clone().serve_stream(requests, replies).boxed()
    }

    fn append(&self, append: Append) -> BoxFuture<'static, AppendResult> {
        let this = self.clone();
        async move { this.lone_append(append).await }.boxed()
    }

    fn call(&self, request: PeerRequest) -> BoxFuture<'static, PeerResponse> {
        let this = self.clone();
        async move {
            match request {
                PeerRequest::Vote(request) => this.vote(request, Stage::Vote).await,
                PeerRequest::PreVote(request) => this.vote(request, Stage::PreVote).await,
                PeerRequest::TransferLeader(request) => this.transfer(request).await,
                PeerRequest::Snapshot(request) => this.snapshot(request).await,
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
                | PeerRequest::Castle { .. } => {
                    PeerResponse::Unreachable(UnreachableReason::Malformed)
                }
            }
        }
        .boxed()
    }
}

type AppendEntries = openraft::raft::AppendEntriesRequest<TypeConfig>;

/// Lets an append through and takes it apart, or says why not.
fn open(host: &dyn RaftHost, append: Append) -> Result<AppendEntries, UnreachableReason> {
    let (group, to) = (append.group, append.to);
    let is_data = |kind| ProposalKind::from_number(kind).is_some_and(ProposalKind::is_data);
    let is_data = append.entries.iter().any(|entry| is_data(entry.kind));
    if !host.accept_append(group, is_data) {
        return Err(UnreachableReason::DiskReserve);
    }
    convert::append_from_wire(append).map_err(|error| {
        tracing::error!(%group, %to, %error, "an append that can't be read");
        UnreachableReason::Malformed
    })
}

/// The requests of a stream as openraft takes them. Ends when one is not let through.
fn input(
    host: Arc<dyn RaftHost>,
    first: Append,
    requests: mpsc::Receiver<Append>,
    turned_away: Arc<OnceLock<UnreachableReason>>,
) -> impl Stream<Item = AppendEntries> + Send + 'static {
    let (group, to) = (first.group, first.to);
    stream::unfold((Some(first), requests), move |(first, mut requests)| {
        let (host, turned_away) = (host.clone(), turned_away.clone());
        async move {
            let append = match first {
                Some(first) => first,
                None => requests.recv().await?,
            };
            let opened = if (append.group, append.to) == (group, to) {
                open(&*host, append)
            } else {
                Err(UnreachableReason::Malformed)
            };
            match opened {
                Ok(request) => Some((request, (None, requests))),
                Err(reason) => {
                    // Set once: the stream ends here.
                    let _ = turned_away.set(reason);
                    None
                }
            }
        }
    })
}

/// Sends openraft's answers, one per request and in order, to the leader; those that are ready
/// together as one. Answers how many requests were answered, `None` if the last answer ended the
/// stream.
async fn answer_all<E>(
    answers: impl Stream<Item = Result<StreamAppendResult<TypeConfig>, E>>,
    replies: &StreamReplies,
) -> Option<u64> {
    let mut answers = pin!(answers);
    let mut answered = 0;
    let mut next = answers.next().await;
    while let Some(answer) = next.take() {
        let seq = answered;
        answered += 1;
        let result = match answer {
            Ok(result) => result_to_wire(&result),
            Err(_) => AppendResult::Unreachable(UnreachableReason::NotRunning),
        };
        let is_match = matches!(result, AppendResult::Matched(_));
        // A match says nothing that the next one, if it is there already, doesn't say too.
        let ready = if is_match { answers.next().now_or_never() } else { None };
        if !matches!(ready, Some(Some(Ok(Ok(_))))) {
            replies.send(seq, result).await;
        }
        if !is_match {
            return None;
        }
        next = match ready {
            Some(ready) => ready,
            None => answers.next().await,
        };
    }
    Some(answered)
}

fn result_to_wire(result: &StreamAppendResult<TypeConfig>) -> AppendResult {
    match *result {
        Ok(matched) => AppendResult::Matched(matched.map(convert::log_id_to_wire)),
        Err(StreamAppendError::Conflict(id)) => AppendResult::Conflict(convert::log_id_to_wire(id)),
        Err(StreamAppendError::HigherVote(vote)) => {
            AppendResult::HigherVote(convert::vote_to_wire(vote))
        }
    }
}
