//! A connection this node opened, from the inside: questions waiting for their answer, streams of
//! appends waiting for theirs, and the queue out. `link` opens it, runs it, and closes it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rampart_api::model::limits::PEER_FRAME_BYTES_MAX;
use rampart_api::peer::DecodeError;
use rampart_api::peer::frame::{EncodedFrame, Frame, FrameKind, TooLarge};
use rampart_api::peer::ping::Ping;
use rampart_api::peer::raft::{Append, AppendReply};
use rampart_api::peer::rpc::{PeerRequest, PeerResponse, RequestFrame, ResponseFrame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::handler::CallError;
use super::limits::PeerLimits;
use super::liveness::{LivenessTable, Pulse};
use super::outbox::{Closed, Outbox, Slot, Writer, acquire_bytes, outbox};
use super::reader::{FrameReader, ReadError};
use crate::net::OwnedWriteHalf;

type Answer = Result<PeerResponse, CallError>;

/// An open connection, shared by everybody who sends on it.
#[derive(Debug)]
pub(super) struct Connection {
    outbox: Outbox,
    /// `None` once it is closed: nobody may start waiting any more.
    waiting: Mutex<Option<Waiting>>,
    next_id: AtomicU64,
    append_bytes: Arc<Semaphore>,
    limits: PeerLimits,
}

#[derive(Debug, Default)]
struct Waiting {
    calls: BTreeMap<u64, oneshot::Sender<Answer>>,
    streams: BTreeMap<u64, mpsc::Sender<AppendReply>>,
}

/// How a question is put.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) deadline: Duration,
    pub(super) is_forwarded: bool,
    pub(super) metadata_index: u64,
}

impl Connection {
    pub(super) fn new(limits: PeerLimits) -> (Arc<Connection>, Writer) {
        let (outbox, writer) = outbox(&limits);
        let connection = Connection {
            outbox,
            waiting: Mutex::new(Some(Waiting::default())),
            next_id: AtomicU64::new(0),
            append_bytes: Arc::new(Semaphore::new(limits.link_bytes_in_flight_max)),
            limits,
        };
        (Arc::new(connection), writer)
    }

    fn with_waiting<R>(&self, change: impl FnOnce(&mut Waiting) -> R) -> Result<R, Closed> {
        let mut waiting = self.waiting.lock().expect("no holder of this lock panics");
        waiting.as_mut().map(change).ok_or(Closed)
    }

    /// Puts a question and waits for its answer.
    pub(super) async fn call(&self, request: PeerRequest, ask: Ask) -> Answer {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let name = request.name();
        let frame = RequestFrame {
            id,
            deadline_ms: u32::try_from(ask.deadline.as_millis()).unwrap_or(u32::MAX),
            is_forwarded: ask.is_forwarded,
            metadata_index: ask.metadata_index,
            request,
        };
        let frame = frame.encode().map_err(|error| CallError::NotSent(error.to_string()))?;
        let (tx, rx) = oneshot::channel();
        let guard = self.expect_answer(id, tx)?;
        let late = || format!("{name} took longer than {} ms", ask.deadline.as_millis());
        let mut is_sent = false;
        let talk = async {
            let Ok(slot) = self.outbox.reserve(frame.size()).await else {
                return Err(CallError::NotSent("the connection closed".to_owned()));
            };
            slot.send(frame, Some(id));
            is_sent = true;
            match rx.await {
                Ok(answer) => answer,
                Err(_) => Err(CallError::Unknown("the connection was lost".to_owned())),
            }
        };
        let answer = tokio::time::timeout(ask.deadline, talk).await;
        drop(guard);
        match answer {
            Ok(answer) => answer,
            Err(_) if is_sent => Err(CallError::Unknown(late())),
            Err(_) => Err(CallError::NotSent(format!("no room in the queue: {}", late()))),
        }
    }

    fn expect_answer(
        &self,
        id: u64,
        answer: oneshot::Sender<Answer>,
    ) -> Result<ExpectedAnswer<'_>, CallError> {
        let limit = self.limits.requests_in_flight_max;
        let accepted = self.with_waiting(|waiting| {
            let has_room = waiting.calls.len() < limit;
            if has_room {
                waiting.calls.insert(id, answer);
            }
            has_room
        });
        match accepted {
            Ok(true) => Ok(ExpectedAnswer { connection: self, id }),
            Ok(false) => Err(CallError::NotSent(format!("{limit} questions are under way"))),
            Err(Closed) => Err(CallError::NotSent("the connection closed".to_owned())),
        }
    }

    /// Sends a ping if there is room: a late one is worth nothing.
    pub(super) fn ping(&self, ping: &Ping) {
        let _ = self.outbox.try_send(ping.encode());
    }

    /// Opens a stream of appends. A single one needs no end.
    pub(super) fn open_stream(
        self: &Arc<Self>,
    ) -> Result<(StreamSender, ReplyReceiver), CallError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (tx, rx) = mpsc::channel(self.limits.stream_requests_in_flight_max);
        let limit = self.limits.streams_max;
        let accepted = self.with_waiting(|waiting| {
            let has_room = waiting.streams.len() < limit;
            if has_room {
                waiting.streams.insert(id, tx);
            }
            has_room
        });
        match accepted {
            Ok(true) => {
                let sender = StreamSender {
                    connection: self.clone(),
                    id,
                    next_seq: 0,
                    is_single: false,
                    has_sent: false,
                };
                Ok((sender, rx))
            }
            Ok(false) => Err(CallError::NotSent(format!("{limit} streams are open"))),
            Err(Closed) => Err(CallError::NotSent("the connection closed".to_owned())),
        }
    }

    /// Runs it until either side closes it or a socket fails, then tells everybody who waits.
    pub(super) async fn run(
        &self,
        writer: Writer,
        mut socket: OwnedWriteHalf,
        mut reader: FrameReader,
        life: (&LivenessTable, &Pulse),
    ) -> ReadError {
        // Also when this future is dropped.
        let mut running = Running { connection: self, writer };
        tokio::select! {
            written = running.writer.run(&mut socket) => match written {
                Ok(()) => ReadError::Closed,
                Err(error) => ReadError::Io(error),
            },
            read = self.read(&mut reader, life) => read,
        }
    }

    /// Tells everybody who waits that nothing will come.
    fn close(&self, writer: &mut Writer) {
        let waiting = self.waiting.lock().expect("no holder of this lock panics").take();
        self.append_bytes.close();
        let unsent = writer.close();
        let Some(mut waiting) = waiting else { return };
        for id in unsent {
            if let Some(answer) = waiting.calls.remove(&id) {
                let lost = "the connection was lost before it left".to_owned();
                let _ = answer.send(Err(CallError::NotSent(lost)));
            }
        }
    }

    async fn read(&self, reader: &mut FrameReader, life: (&LivenessTable, &Pulse)) -> ReadError {
        loop {
            let frame = match reader.next(PEER_FRAME_BYTES_MAX).await {
                Ok(frame) => frame,
                Err(error) => return error,
            };
            life.0.heard(life.1);
            if let Err(error) = self.take(frame) {
                return error.into();
            }
            loop {
                match reader.buffered(PEER_FRAME_BYTES_MAX) {
                    Ok(Some(frame)) => {
                        if let Err(error) = self.take(frame) {
                            return error.into();
                        }
                    }
                    Ok(None) => break,
                    Err(error) => return error,
                }
            }
        }
    }

    fn take(&self, frame: Frame) -> Result<(), DecodeError> {
        match frame.kind {
            FrameKind::AppendReply => self.reply(AppendReply::decode(frame.payload)?),
            FrameKind::Response => self.response(ResponseFrame::decode(frame.payload)?),
            FrameKind::Hello
            | FrameKind::Welcome
            | FrameKind::Append
            | FrameKind::StreamsEnded
            | FrameKind::Ping
            | FrameKind::Request => return Err(DecodeError::NotPeerProtocol),
        }
        Ok(())
    }

    fn reply(&self, reply: AppendReply) {
        let _ = self.with_waiting(|waiting| {
            // There are never more answers than requests in flight, for which there is room; a
            // peer that sends more loses the stream. A stream given up here needs no answer.
            let is_lost = waiting
                .streams
                .get(&reply.stream)
                .is_some_and(|stream| stream.try_send(reply).is_err());
            if is_lost {
                waiting.streams.remove(&reply.stream);
            }
        });
    }

    fn response(&self, frame: ResponseFrame) {
        let waiting = self.with_waiting(|waiting| waiting.calls.remove(&frame.id));
        if let Ok(Some(answer)) = waiting {
            let _ = answer.send(Ok(frame.response));
        }
    }
}

/// Closes the connection when it stops running.
struct Running<'a> {
    connection: &'a Connection,
    writer: Writer,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.connection.close(&mut self.writer);
    }
}

/// Forgets the question when its asker stops waiting.
struct ExpectedAnswer<'a> {
    connection: &'a Connection,
    id: u64,
}

impl Drop for ExpectedAnswer<'_> {
    fn drop(&mut self) {
        let _ = self.connection.with_waiting(|waiting| waiting.calls.remove(&self.id));
    }
}

/// Sending end of a stream of appends. Dropping it ends the stream on the other side too.
#[derive(Debug)]
pub(crate) struct StreamSender {
    connection: Arc<Connection>,
    id: u64,
    next_seq: u64,
    is_single: bool,
    has_sent: bool,
}

/// An append that is built and not sent yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    seq: u64,
    frame: EncodedFrame,
}

impl Prepared {
    /// Its bytes on the wire.
    pub(crate) fn size(&self) -> usize {
        self.frame.size()
    }
}

/// Answers to a stream, in order; `None` when the connection is gone.
pub(crate) type ReplyReceiver = mpsc::Receiver<AppendReply>;

/// Room for one append, on the link and in its queue.
#[derive(Debug)]
pub(crate) struct AppendSlot {
    slot: Slot,
    in_flight: OwnedSemaphorePermit,
}

/// An append on its way: bytes on the link that are not answered yet.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// Its number in the stream.
    pub(crate) seq: u64,
    /// Its size.
    pub(crate) bytes: usize,
    _permit: OwnedSemaphorePermit,
}

impl StreamSender {
    /// Limits that the stream keeps to.
    pub(crate) fn limits(&self) -> &PeerLimits {
        &self.connection.limits
    }

    /// Waits until the link has room for `bytes`. `None` when the connection is gone. Losing the
    /// future loses only the place in the line.
    pub(crate) async fn ready(&self, bytes: usize) -> Option<AppendSlot> {
        let max = self.limits().link_bytes_in_flight_max;
        let in_flight = acquire_bytes(&self.connection.append_bytes, bytes, max).await.ok()?;
        let slot = self.connection.outbox.reserve(bytes).await.ok()?;
        Some(AppendSlot { slot, in_flight })
    }

    /// Builds the next append of the stream; its stream and number are filled in.
    ///
    /// # Errors
    /// When it doesn't fit into a frame.
    pub(crate) fn prepare(&mut self, mut append: Append) -> Result<Prepared, TooLarge> {
        append.stream = self.id;
        append.seq = self.next_seq;
        self.is_single = append.is_single;
        let prepared = Prepared { seq: self.next_seq, frame: append.encode()? };
        self.next_seq += 1;
        Ok(prepared)
    }

    /// Sends what was prepared. Must be done in the order of preparing.
    pub(crate) fn send(&mut self, slot: AppendSlot, prepared: Prepared) -> InFlight {
        let AppendSlot { slot, in_flight } = slot;
        let bytes = prepared.size();
        slot.send(prepared.frame, None);
        self.has_sent = true;
        InFlight { seq: prepared.seq, bytes, _permit: in_flight }
    }
}

impl Drop for StreamSender {
    fn drop(&mut self) {
        let is_open = self.connection.with_waiting(|waiting| waiting.streams.remove(&self.id));
        // The other side knows a stream from its first request on.
        if is_open.is_ok() && self.has_sent && !self.is_single {
            self.connection.outbox.end_stream(self.id);
        }
    }
}
