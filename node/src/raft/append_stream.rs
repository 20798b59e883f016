//! One stream of appends to one replica: takes requests from openraft as long as its window has
//! room, sends them, and yields the answers. It is polled by openraft's own replication task, so
//! that there is no hop in between. Used by `network` alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use openraft::network::RPCOption;
use openraft::raft::{AppendEntriesRequest, StreamAppendError, StreamAppendResult};
use rampart_api::model::ids::{GroupId, NodeId, ReplicaId};
use rampart_api::peer::handshake::Class;
use rampart_api::peer::raft::{AppendReply, AppendResult};
use rampart_raft_store::type_config::TypeConfig;
use tokio::time::Instant;

use super::convert;
use super::network::{RpcError, unreachable_peer};
use super::progress::ReplicaProgress;
use crate::peer::{InFlight, PeerNet, Prepared, ReplyReceiver, StreamSender};

/// What openraft is told about a request.
pub(super) type AppendAnswer = Result<StreamAppendResult<TypeConfig>, RpcError>;

/// Where appends go, and who is told of their acknowledgements.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) group: GroupId,
    /// The replica.
    pub(super) to: ReplicaId,
    /// Its node.
    pub(super) node: NodeId,
    /// `Log`: in streams. `Control`: one by one, for heartbeats.
    pub(super) class: Class,
    pub(super) peer: PeerNet,
    pub(super) progress: Arc<ReplicaProgress>,
}

/// Answers to the requests of `input`, in their order; one may stand for several. Ends with the
/// input, or after the first answer that isn't a match.
pub(super) fn run<S>(
    route: Route,
    input: S,
    option: &RPCOption,
) -> impl Stream<Item = AppendAnswer> + Send + use<S>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Send + Unpin + 'static,
{
    let pump = Pump {
        input,
        is_drained: false,
        open: None,
        in_flight: VecDeque::new(),
        bytes_in_flight: 0,
        lone_timeout: option.hard_ttl(),
        route,
    };
    stream::unfold(Some(pump), step)
}

struct Pump<S> {
    input: S,
    is_drained: bool,
    /// Opened by the first request. openraft pauses after a failure while it makes a request: to
    /// fail without asking for one would spin.
    open: Option<OpenStream>,
    in_flight: VecDeque<Sent>,
    bytes_in_flight: usize,
    /// A heartbeat that takes longer is given up by openraft anyway.
    lone_timeout: Duration,
    route: Route,
}

struct OpenStream {
    sender: StreamSender,
    replies: ReplyReceiver,
    /// The leader's term.
    term: u64,
    /// Built, and waiting for room on the link since then.
    parked: Option<(Prepared, Instant)>,
}

struct Sent {
    in_flight: InFlight,
    at: Instant,
}

/// What happened next.
enum Event {
    Request(Option<AppendEntriesRequest<TypeConfig>>),
    Sent(InFlight),
    Reply(AppendReply),
    LinkLost,
    Stalled,
}

async fn step<S>(pump: Option<Pump<S>>) -> Option<(AppendAnswer, Option<Pump<S>>)>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin,
{
    let mut pump = pump?;
    match pump.next_answer().await? {
        Ok(Ok(matched)) => Some((Ok(Ok(matched)), Some(pump))),
        last => Some((last, None)),
    }
}

impl<S> Pump<S>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin,
{
    async fn next_answer(&mut self) -> Option<AppendAnswer> {
        while !self.is_done() {
            match self.next_event().await {
                Event::Request(None) => self.is_drained = true,
                Event::Request(Some(request)) => {
                    if let Err(why) = self.park(&request) {
                        return Some(Err(why));
                    }
                }
                Event::Sent(in_flight) => {
                    self.bytes_in_flight += in_flight.bytes;
                    let at = self.route.peer.clock().instant();
                    self.in_flight.push_back(Sent { in_flight, at });
                }
                Event::Reply(reply) => {
                    if self.take_answered(reply.seq) {
                        return Some(self.answer(reply.result));
                    }
                }
                Event::LinkLost => return Some(Err(unreachable_peer("the link was lost"))),
                // A request without an answer would pin the log for ever.
                Event::Stalled => return Some(Err(unreachable_peer("no answer in time"))),
            }
        }
        None
    }

    fn is_done(&self) -> bool {
        let is_parked = self.open.as_ref().is_some_and(|open| open.parked.is_some());
        self.is_drained && self.in_flight.is_empty() && !is_parked
    }

    async fn next_event(&mut self) -> Event {
        let Some(OpenStream { sender, replies, parked, .. }) = &mut self.open else {
            return Event::Request(self.input.next().await);
        };
        let limits = sender.limits();
        let has_room = self.in_flight.len() < limits.stream_requests_in_flight_max
            && self.bytes_in_flight < limits.stream_bytes_in_flight_max;
        let takes_more = !self.is_drained && parked.is_none() && has_room;
        let stall_max = match self.route.class {
            Class::Control => self.lone_timeout,
            Class::Log | Class::Bulk | Class::Client | Class::Join => limits.append_stall_max,
        };
        let parked_since = parked.as_ref().map(|(_, since)| *since);
        let oldest = self.in_flight.front().map(|sent| sent.at).or(parked_since);
        let parked_bytes = parked.as_ref().map_or(0, |(prepared, _)| prepared.size());
        let slot = tokio::select! {
            biased;
            reply = replies.recv() => return reply.map_or(Event::LinkLost, Event::Reply),
            slot = sender.ready(parked_bytes), if parked.is_some() => slot,
            request = self.input.next(), if takes_more => return Event::Request(request),
            () = stalled(oldest, stall_max) => return Event::Stalled,
        };
        let Some(slot) = slot else { return Event::LinkLost };
        let (prepared, _) = parked.take().expect("only a parked request waits for room");
        Event::Sent(sender.send(slot, prepared))
    }

    fn park(&mut self, request: &AppendEntriesRequest<TypeConfig>) -> Result<(), RpcError> {
        let Route { group, to, node, class, peer, .. } = &self.route;
        let term = convert::vote_to_wire(request.vote).term;
        let is_single = *class == Class::Control;
        let append = convert::append_to_wire(*group, *to, is_single, request);
        if self.open.is_none() {
            let (sender, replies) = peer.open_stream(*node, *class).map_err(unreachable_peer)?;
            self.open = Some(OpenStream { sender, replies, term, parked: None });
        }
        let open = self.open.as_mut().expect("opened just now");
        let prepared = open.sender.prepare(append).map_err(|error| {
            tracing::error!(%group, %to, %error, "an append can't be sent");
            unreachable_peer(error)
        })?;
        open.parked = Some((prepared, peer.clock().instant()));
        Ok(())
    }

    /// Takes everything up to `seq` out of the window; false if there was nothing.
    fn take_answered(&mut self, seq: u64) -> bool {
        let before = self.in_flight.len();
        while let Some(sent) = self.in_flight.front()
            && sent.in_flight.seq <= seq
        {
            self.bytes_in_flight -= sent.in_flight.bytes;
            self.in_flight.pop_front();
        }
        self.in_flight.len() < before
    }

    fn answer(&self, result: AppendResult) -> AppendAnswer {
        match result {
            AppendResult::Matched(matched) => {
                let term = self.open.as_ref().map_or(0, |open| open.term);
                let now = self.route.peer.clock().instant();
                self.route.progress.acked(self.route.to, term, matched.map(|id| id.index), now);
                Ok(Ok(matched.map(convert::log_id_from_wire)))
            }
            AppendResult::Conflict(id) => {
                Ok(Err(StreamAppendError::Conflict(convert::log_id_from_wire(id))))
            }
            AppendResult::HigherVote(vote) => {
                Ok(Err(StreamAppendError::HigherVote(convert::vote_from_wire(vote))))
            }
            AppendResult::Unreachable(reason) => Err(unreachable_peer(reason)),
        }
    }
}

async fn stalled(since: Option<Instant>, stall_max: Duration) {
    match since {
        Some(since) => tokio::time::sleep_until(since + stall_max).await,
        None => std::future::pending().await,
    }
}
