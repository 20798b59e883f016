//! Raft's way out: openraft's network of one group, over the node's links. Appends are pipelined:
//! they are sent as they come, and answers are matched to them in order (`append_stream`). Every
//! failure is `Unreachable`, after which openraft pauses; its other errors would be retried in a
//! tight loop.
//!
//! The way in is `inbound`.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{ReplicationClosed, StreamingError, Unreachable};
use openraft::network::v2::RaftNetworkV2;
use openraft::network::{Backoff, RPCOption, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_api::peer::handshake::Class;
use rampart_api::peer::raft::SnapshotRequest;
use rampart_api::peer::rpc::{PeerRequest, PeerResponse};
use rampart_raft_store::type_config::{Member, Snapshot, TypeConfig, Vote};

use super::append_stream::{self, AppendAnswer, Route};
use super::convert;
use super::progress::ReplicaProgress;
use crate::peer::PeerNet;
use crate::telemetry::Metrics;

pub(super) type RpcError = openraft::errors::RPCError<TypeConfig>;

/// Time for a snapshot: small, but installing it waits for the disk.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(10);
/// First pause after a failure.
const BACKOFF_MIN: Duration = Duration::from_millis(20);
/// Longest pause after failures. A link that comes up ends it (`trigger().reset_backoff`).
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// The network of one group's replica on this node: makes a client per other replica.
#[derive(Debug, Clone)]
pub struct GroupNetwork {
    group: GroupId,
    peer: PeerNet,
    progress: Arc<ReplicaProgress>,
    metrics: Metrics,
}

impl GroupNetwork {
    /// Over the node's transport. Acknowledgements of followers are noted in `progress`.
    pub fn new(
        group: GroupId,
        peer: PeerNet,
        progress: Arc<ReplicaProgress>,
        metrics: Metrics,
    ) -> Self {
        GroupNetwork { group, peer, progress, metrics }
    }

    fn client(&self, target: u64, node: &Member, class: Class) -> ReplicaClient {
        let route = Route {
            group: self.group,
            to: ReplicaId(target),
            node: node.node,
            class,
            peer: self.peer.clone(),
            progress: self.progress.clone(),
        };
        ReplicaClient { route, metrics: self.metrics.clone() }
    }
}

impl RaftNetworkFactory<TypeConfig> for GroupNetwork {
    type Network = ReplicaClient;

    async fn new_client(&mut self, target: u64, node: &Member) -> ReplicaClient {
        self.client(target, node, Class::Log)
    }

    /// Heartbeats go one by one on the control link, where no entries stand in the way.
    async fn new_heartbeat_client(&mut self, target: u64, node: &Member) -> ReplicaClient {
        self.client(target, node, Class::Control)
    }
}

/// Sends to one replica of the group.
#[derive(Debug)]
pub struct ReplicaClient {
    route: Route,
    metrics: Metrics,
}

pub(super) fn unreachable_peer(why: impl fmt::Display) -> RpcError {
    RpcError::Unreachable(Unreachable::from_string(why))
}

fn odd_answer(asked: &str, answer: &PeerResponse) -> RpcError {
    match answer {
        PeerResponse::Unreachable(reason) => unreachable_peer(reason),
        PeerResponse::Problem(problem) => unreachable_peer(problem),
        _ => unreachable_peer(format!("an odd answer to {asked}")),
    }
}

impl ReplicaClient {
    async fn call(&self, request: PeerRequest, within: Duration) -> Result<PeerResponse, RpcError> {
        let Route { peer, node, .. } = &self.route;
        peer.call(*node, request, within).await.map_err(unreachable_peer)
    }

    async fn ask_vote(
        &self,
        request: PeerRequest,
        option: &RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        match self.call(request, option.soft_ttl()).await? {
            PeerResponse::Vote(answer) => Ok(convert::vote_answer_from_wire(&answer)),
            other => Err(odd_answer("a vote", &other)),
        }
    }
}

impl RaftNetworkV2<TypeConfig> for ReplicaClient {
    type SnapshotData = bytes::Bytes;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RpcError> {
        let mut answers = self.stream_append(stream::iter([request]), option).await?;
        match answers.next().await {
            Some(answer) => answer.map(AppendEntriesResponse::from),
            None => Err(unreachable_peer("no answer to an append")),
        }
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, AppendAnswer>, RpcError>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Send + Unpin + 'static,
    {
        let answers = append_stream::run(self.route.clone(), input, &option);
        let answers: BoxStream<'s, AppendAnswer> = Box::pin(answers);
        Box::pin(std::future::ready(Ok(answers)))
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let request = convert::vote_request_to_wire(self.route.group, self.route.to, &request);
        self.ask_vote(PeerRequest::Vote(request), &option).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let request = convert::vote_request_to_wire(self.route.group, self.route.to, &request);
        self.ask_vote(PeerRequest::PreVote(request), &option).await
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        let request = convert::transfer_to_wire(self.route.group, self.route.to, &request);
        match self.call(PeerRequest::TransferLeader(request), option.soft_ttl()).await? {
            PeerResponse::TransferLeader(answer) => Ok(convert::transfer_answer_from_wire(answer)),
            other => Err(odd_answer("a transfer of leadership", &other)),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let request = PeerRequest::Snapshot(SnapshotRequest {
            group: self.route.group,
            to: self.route.to,
            vote: convert::vote_to_wire(vote),
            last: snapshot.meta.last_log_id.map(convert::log_id_to_wire),
            membership: convert::membership_to_wire(&snapshot.meta.last_membership),
            data: snapshot.snapshot,
        });
        let within = option.hard_ttl().max(SNAPSHOT_TIMEOUT);
        let answer = tokio::select! {
            answer = self.call(request, within) => answer?,
            closed = cancel => return Err(StreamingError::Closed(closed)),
        };
        match answer {
            PeerResponse::Snapshot(vote) => {
                self.metrics.raft.snapshots_sent.inc();
                Ok(SnapshotResponse::new(convert::vote_from_wire(vote)))
            }
            other => Err(odd_answer("a snapshot", &other).into()),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        let pauses =
            std::iter::successors(Some(BACKOFF_MIN), |pause| Some((*pause * 2).min(BACKOFF_MAX)));
        Some(Backoff::new(pauses))
    }
}

#[cfg(test)]
mod tests;
