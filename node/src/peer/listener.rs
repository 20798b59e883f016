//! Connections that other nodes open to this one: judged at the door, then read frame by frame.
//! The reader never waits for an answer to be made; what exceeds a limit is refused at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::limits::{PEER_FRAME_BYTES_MAX, PEER_HANDSHAKE_BYTES_MAX};
use rampart_api::model::problem::Problem;
use rampart_api::peer::DecodeError;
use rampart_api::peer::frame::{EncodedFrame, Frame, FrameKind};
use rampart_api::peer::handshake::{Class, Hello, Identity, Refusal, Welcome};
use rampart_api::peer::ping::Ping;
use rampart_api::peer::raft::{Append, AppendReply, AppendResult, StreamsEnded, UnreachableReason};
use rampart_api::peer::rpc::{PeerRequest, PeerResponse, RequestFrame, ResponseFrame};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::handler::{Asked, StreamReplies};
use super::net::{Inner, Served};
use super::outbox::{Outbox, outbox};
use super::reader::{FrameReader, ReadError};
use crate::net::{OwnedWriteHalf, TcpListener, TcpStream};
use crate::tasks::Tasks;

/// Pause after the system could not hand out a connection, for example for lack of descriptors.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Connections that are open to this node. A start of a node that is newer than those of its other
/// connections closes them: the process behind them is dead, or a copy.
#[derive(Debug, Default)]
pub(super) struct Guests {
    open: Mutex<GuestBook>,
}

#[derive(Debug, Default)]
struct GuestBook {
    next: u64,
    guests: BTreeMap<u64, Guest>,
}

#[derive(Debug)]
struct Guest {
    node: NodeId,
    boot: u64,
    leave: CancellationToken,
}

impl Guests {
    fn count(&self) -> usize {
        self.open.lock().expect("no holder of this lock panics").guests.len()
    }

    fn enter(&self, who: &Identity) -> (u64, CancellationToken) {
        let leave = CancellationToken::new();
        let mut book = self.open.lock().expect("no holder of this lock panics");
        for guest in book.guests.values().filter(|g| g.node == who.node && g.boot < who.boot) {
            guest.leave.cancel();
        }
        let number = book.next;
        book.next += 1;
        let guest = Guest { node: who.node, boot: who.boot, leave: leave.clone() };
        book.guests.insert(number, guest);
        (number, leave)
    }

    fn left(&self, number: u64) {
        self.open.lock().expect("no holder of this lock panics").guests.remove(&number);
    }
}

/// Takes connections until it is cancelled.
pub(super) async fn run(net: Arc<Inner>, listener: TcpListener) {
    // Counts those that are still at the door, too.
    let places = Arc::new(Semaphore::new(net.limits.connections_max));
    loop {
        let (socket, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not take a connection of a peer");
                tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!(%from, open = net.guests.count(), "too many peer connections");
            continue;
        };
        let net_of_guest = net.clone();
        net.tasks.spawn("peer connection", async move {
            if let Err(error) = receive(net_of_guest, socket).await {
                tracing::debug!(%from, %error, "peer connection ended");
            }
            drop(place);
        });
    }
}

async fn receive(net: Arc<Inner>, socket: TcpStream) -> Result<(), ReadError> {
    socket.set_nodelay(true)?;
    let (read, mut write) = socket.into_split();
    let mut reader = FrameReader::new(read);
    let greeting =
        tokio::time::timeout(net.limits.connect_timeout, reader.next(PEER_HANDSHAKE_BYTES_MAX));
    let Ok(first) = greeting.await else { return Err(ReadError::Closed) };
    let welcomed = match Hello::decode(first?) {
        Ok(hello) => welcome(&net, &hello).await.map(|()| hello),
        Err(Ok(refusal)) => Err(refusal),
        Err(Err(error)) => return Err(error.into()),
    };
    let answer = match &welcomed {
        Ok(_) => Welcome::Accepted(net.identity),
        Err(refusal) => Welcome::Refused(refusal.clone()),
    };
    write.write_all(&answer.encode().to_bytes()).await?;
    let hello = match welcomed {
        Ok(hello) => hello,
        Err(refusal) => {
            tracing::warn!(%refusal, "a peer was refused");
            return Ok(());
        }
    };
    let served = net.served.get().expect("the listener runs once the node serves").clone();
    let guest = match hello.from {
        None => None,
        Some(identity) => {
            net.try_links_now(identity.node);
            Some(identity)
        }
    };
    let connection = Inbound::new(&net, served, hello.class, guest.map(|who| who.node));
    connection.run(&net, guest, write, reader).await
}

async fn welcome(net: &Inner, hello: &Hello) -> Result<(), Refusal> {
    if let Some(wanted) = hello.to
        && wanted != net.identity.node
    {
        return Err(Refusal::OtherNode { wanted, this: net.identity.node });
    }
    match &hello.from {
        None => Ok(()),
        Some(identity) => match net.facts.meet(&net.identity, identity).await {
            Ok(judged) => judged,
            Err(error) => Err(Refusal::NotNow { detail: error.to_string() }),
        },
    }
}

/// A connection another node opened.
#[derive(Debug)]
struct Inbound {
    served: Served,
    class: Class,
    from: Option<NodeId>,
    outbox: Outbox,
    requests: Arc<Semaphore>,
    heartbeats: Arc<Semaphore>,
    heartbeat_timeout: Duration,
    /// Streams of appends by their sender's number.
    streams: BTreeMap<u64, mpsc::Sender<Append>>,
    streams_max: usize,
    stream_requests_max: usize,
    /// What is being answered ends with the connection.
    tasks: Tasks,
    writer: Option<super::outbox::Writer>,
}

impl Inbound {
    fn new(net: &Inner, served: Served, class: Class, from: Option<NodeId>) -> Self {
        let (outbox, writer) = outbox(&net.limits);
        Inbound {
            served,
            class,
            from,
            outbox,
            requests: Arc::new(Semaphore::new(net.limits.requests_in_flight_max)),
            heartbeats: Arc::new(Semaphore::new(net.limits.heartbeats_in_flight_max)),
            heartbeat_timeout: net.limits.append_stall_max,
            streams: BTreeMap::new(),
            streams_max: net.limits.streams_max,
            stream_requests_max: net.limits.stream_requests_in_flight_max,
            tasks: net.tasks.child(),
            writer: Some(writer),
        }
    }

    async fn run(
        mut self,
        net: &Inner,
        guest: Option<Identity>,
        mut socket: OwnedWriteHalf,
        mut reader: FrameReader,
    ) -> Result<(), ReadError> {
        let mut writer = self.writer.take().expect("set by new, taken once");
        let pulse = guest.map(|who| net.liveness.pulse(who.node));
        let entered = guest.map(|who| net.guests.enter(&who));
        let leave =
            entered.as_ref().map_or_else(CancellationToken::new, |(_, leave)| leave.clone());
        let _open = pulse.as_ref().map(|pulse| net.liveness.open(pulse));
        let ended = tokio::select! {
            written = writer.run(&mut socket) => written.map_err(ReadError::Io),
            read = self.read(&mut reader, || {
                if let Some(pulse) = &pulse {
                    net.liveness.heard(pulse);
                }
            }) => read,
            () = leave.cancelled() => Err(ReadError::Closed),
        };
        if let Some((number, _)) = entered {
            net.guests.left(number);
        }
        writer.close();
        self.tasks.cancel();
        ended
    }

    async fn read(&mut self, reader: &mut FrameReader, heard: impl Fn()) -> Result<(), ReadError> {
        loop {
            let frame = reader.next(PEER_FRAME_BYTES_MAX).await?;
            heard();
            self.take(frame)?;
            while let Some(frame) = reader.buffered(PEER_FRAME_BYTES_MAX)? {
                self.take(frame)?;
            }
        }
    }

    fn take(&mut self, frame: Frame) -> Result<(), DecodeError> {
        match (frame.kind, self.from) {
            (FrameKind::Request, _) => self.request(RequestFrame::decode(frame.payload)?),
            (FrameKind::Append, Some(_)) => self.append(Append::decode(frame.payload)?),
            (FrameKind::StreamsEnded, Some(_)) => {
                for stream in StreamsEnded::decode(frame.payload)?.0 {
                    self.streams.remove(&stream);
                }
            }
            (FrameKind::Ping, Some(from)) => {
                self.served.handler.pinged(from, Ping::decode(&frame.payload)?);
            }
            (
                FrameKind::Hello
                | FrameKind::Welcome
                | FrameKind::Append
                | FrameKind::AppendReply
                | FrameKind::StreamsEnded
                | FrameKind::Ping
                | FrameKind::Response,
                _,
            ) => return Err(DecodeError::NotPeerProtocol),
        }
        Ok(())
    }

    fn append(&mut self, append: Append) {
        let replies = StreamReplies { stream: append.stream, outbox: self.outbox.clone() };
        if append.is_single {
            self.heartbeat(append, replies);
            return;
        }
        if append.seq == 0 {
            self.open_stream(append, replies);
            return;
        }
        // The rest of a stream that has ended here is not worth an answer: it was given.
        let (stream, seq) = (append.stream, append.seq);
        let Some(requests) = self.streams.get(&stream) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = requests.try_send(append) {
            // The sender keeps fewer in flight than there is room for: it is confused.
            self.streams.remove(&stream);
            refuse_append(&replies, seq);
        }
    }

    /// A heartbeat that is not answered in time is of no use any more: the leader sends another.
    fn heartbeat(&self, append: Append, replies: StreamReplies) {
        let Ok(place) = self.heartbeats.clone().try_acquire_owned() else { return };
        let (raft, timeout) = (self.served.raft.clone(), self.heartbeat_timeout);
        self.tasks.spawn("peer heartbeat", async move {
            let _place = place;
            let answer = async {
                let seq = append.seq;
                let result = raft.append(append).await;
                replies.send(seq, result).await;
            };
            let _ = tokio::time::timeout(timeout, answer).await;
        });
    }

    fn open_stream(&mut self, first: Append, replies: StreamReplies) {
        // Streams that ended by themselves here are forgotten when the sender says so, too.
        if self.streams.len() >= self.streams_max {
            self.streams.retain(|_, requests| !requests.is_closed());
        }
        if self.streams.len() >= self.streams_max {
            refuse_append(&replies, 0);
            return;
        }
        let (tx, rx) = mpsc::channel(self.stream_requests_max);
        let stream = first.stream;
        tx.try_send(first).expect("a new queue has room");
        self.streams.insert(stream, tx);
        self.tasks.spawn("peer append stream", self.served.raft.append_stream(rx, replies));
    }

    fn request(&self, frame: RequestFrame) {
        let RequestFrame { id, deadline_ms, is_forwarded, metadata_index, request } = frame;
        let deadline = Duration::from_millis(u64::from(deadline_ms));
        let outbox = self.outbox.clone();
        let is_allowed = self.class != Class::Join || matches!(request, PeerRequest::Join(_));
        if !is_allowed {
            let problem = Problem::new(ErrorCode::InvalidRequest, "this connection is for joining");
            refuse(&outbox, id, PeerResponse::Problem(problem));
            return;
        }
        let Ok(place) = self.requests.clone().try_acquire_owned() else {
            refuse(&outbox, id, overloaded(&request));
            return;
        };
        let asked = Asked { from: self.from, deadline, is_forwarded, metadata_index };
        let served = self.served.clone();
        self.tasks.spawn("peer request", async move {
            let _place = place;
            // Nobody waits for an answer after the deadline.
            let answered = tokio::time::timeout(deadline, served.answer(asked, request)).await;
            if let Ok(response) = answered {
                respond(outbox, id, response).await;
            }
        });
    }
}

fn overloaded(request: &PeerRequest) -> PeerResponse {
    match request {
        PeerRequest::Vote(_)
        | PeerRequest::PreVote(_)
        | PeerRequest::TransferLeader(_)
        | PeerRequest::Snapshot(_) => PeerResponse::Unreachable(UnreachableReason::Overloaded),
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
        | PeerRequest::Castle { .. } => PeerResponse::Problem(Problem::new(
            ErrorCode::Overloaded,
            "too many requests of this node are under way there",
        )),
    }
}

/// Refusals take no task and no wait, or a flood of them would be one of tasks. Without room for it
/// the other side waits until its own time is over.
fn refuse(outbox: &Outbox, id: u64, response: PeerResponse) {
    let _ = outbox.try_send(encode(id, response));
}

fn refuse_append(replies: &StreamReplies, seq: u64) {
    let result = AppendResult::Unreachable(UnreachableReason::Overloaded);
    let _ = replies.outbox.try_send(AppendReply { stream: replies.stream, seq, result }.encode());
}

async fn respond(outbox: Outbox, id: u64, response: PeerResponse) {
    // The asker is gone with the connection.
    let _ = outbox.send(encode(id, response)).await;
}

fn encode(id: u64, response: PeerResponse) -> EncodedFrame {
    match (ResponseFrame { id, response }).encode() {
        Ok(frame) => frame,
        Err(error) => {
            let problem = Problem::unknown(ErrorCode::Internal, format!("the answer: {error}"));
            let response = PeerResponse::Problem(problem);
            (ResponseFrame { id, response }).encode().expect("a problem fits into a frame")
        }
    }
}
