//! The way out of a connection: a queue bounded in frames and bytes, drained by the connection's
//! own task into one `writev` of many frames (INV-12).

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use rampart_api::peer::frame::EncodedFrame;
use rampart_api::peer::raft::StreamsEnded;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use super::limits::PeerLimits;
use crate::net::OwnedWriteHalf;

/// Pieces that one `writev` takes; Linux allows 1,024.
const WRITE_PIECES_MAX: usize = 1_024;

/// The connection is gone; what was handed over was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

/// Sending side. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    frames: mpsc::Sender<Outgoing>,
    bytes: Arc<Semaphore>,
    bytes_max: usize,
    ended: Arc<EndedStreams>,
}

#[derive(Debug)]
struct Outgoing {
    frame: EncodedFrame,
    /// Question it carries, for telling apart what was sent from what was not.
    request: Option<u64>,
    _bytes: OwnedSemaphorePermit,
}

/// Streams to tell the other side about. Apart from the queue, because dropping a stream can't
/// wait for room; the number of streams bounds it.
#[derive(Debug, Default)]
struct EndedStreams {
    streams: Mutex<Vec<u64>>,
    changed: Notify,
}

/// Room for one frame.
#[derive(Debug)]
pub(super) struct Slot {
    queue: mpsc::OwnedPermit<Outgoing>,
    bytes: OwnedSemaphorePermit,
}

impl Slot {
    pub(super) fn send(self, frame: EncodedFrame, request: Option<u64>) {
        self.queue.send(Outgoing { frame, request, _bytes: self.bytes });
    }
}

/// Takes permits for `bytes`, at most all there are: one huge frame passes alone.
pub(super) async fn acquire_bytes(
    semaphore: &Arc<Semaphore>,
    bytes: usize,
    bytes_max: usize,
) -> Result<OwnedSemaphorePermit, Closed> {
    let permits = u32::try_from(bytes.min(bytes_max)).unwrap_or(u32::MAX);
    semaphore.clone().acquire_many_owned(permits).await.map_err(|_| Closed)
}

impl Outbox {
    /// Waits for room for a frame of `bytes`.
    pub(super) async fn reserve(&self, bytes: usize) -> Result<Slot, Closed> {
        let bytes = acquire_bytes(&self.bytes, bytes, self.bytes_max).await?;
        let queue = self.frames.clone().reserve_owned().await.map_err(|_| Closed)?;
        Ok(Slot { queue, bytes })
    }

    /// Queues a frame, waiting for room.
    pub(super) async fn send(&self, frame: EncodedFrame) -> Result<(), Closed> {
        self.reserve(frame.size()).await?.send(frame, None);
        Ok(())
    }

    /// Queues a frame if there is room right now.
    pub(super) fn try_send(&self, frame: EncodedFrame) -> Result<(), Closed> {
        let permits = u32::try_from(frame.size().min(self.bytes_max)).unwrap_or(u32::MAX);
        let bytes = self.bytes.clone().try_acquire_many_owned(permits).map_err(|_| Closed)?;
        let queue = self.frames.clone().try_reserve_owned().map_err(|_| Closed)?;
        Slot { queue, bytes }.send(frame, None);
        Ok(())
    }

    /// Tells the other side, after everything queued so far, that a stream is over.
    pub(super) fn end_stream(&self, stream: u64) {
        self.ended.streams.lock().expect("no holder of this lock panics").push(stream);
        self.ended.changed.notify_one();
    }
}

/// Writing side: owned by the connection's task.
#[derive(Debug)]
pub(super) struct Writer {
    frames: mpsc::Receiver<Outgoing>,
    bytes: Arc<Semaphore>,
    ended: Arc<EndedStreams>,
    batch: Vec<Outgoing>,
    write_bytes_max: usize,
}

/// A queue and its two ends.
pub(super) fn outbox(limits: &PeerLimits) -> (Outbox, Writer) {
    let (tx, rx) = mpsc::channel(limits.queue_frames_max);
    let bytes_max = limits.queue_bytes_max.min(Semaphore::MAX_PERMITS);
    let bytes = Arc::new(Semaphore::new(bytes_max));
    let ended = Arc::<EndedStreams>::default();
    let outbox = Outbox { frames: tx, bytes: bytes.clone(), bytes_max, ended: ended.clone() };
    let write_bytes_max = limits.write_bytes_max;
    (outbox, Writer { frames: rx, bytes, ended, batch: Vec::new(), write_bytes_max })
}

impl Writer {
    /// Writes what is queued until the socket fails or all senders are gone.
    pub(super) async fn run(&mut self, socket: &mut OwnedWriteHalf) -> io::Result<()> {
        loop {
            let (first, ended) = tokio::select! {
                frame = self.frames.recv() => match frame {
                    Some(frame) => (Some(frame), self.take_ended()),
                    None => return Ok(()),
                },
                () = self.ended.changed.notified() => (None, self.take_ended()),
            };
            self.gather(first);
            let goodbye = self.goodbye(ended);
            write(socket, self.batch.iter().map(|out| &out.frame).chain(&goodbye)).await?;
            self.batch.clear();
        }
    }

    fn take_ended(&self) -> Vec<u64> {
        std::mem::take(&mut *self.ended.streams.lock().expect("no holder of this lock panics"))
    }

    /// Adds to the batch what is queued behind the first frame, up to the size of one write.
    fn gather(&mut self, first: Option<Outgoing>) {
        let mut bytes = first.as_ref().map_or(0, |out| out.frame.size());
        self.batch.extend(first);
        while bytes < self.write_bytes_max && self.batch.len() < WRITE_PIECES_MAX / 2 {
            let Ok(next) = self.frames.try_recv() else { return };
            bytes += next.frame.size();
            self.batch.push(next);
        }
    }

    /// The frame that ends streams, once all their frames are in the batch or written. Else the
    /// streams go back, for the next round.
    fn goodbye(&self, ended: Vec<u64>) -> Option<EncodedFrame> {
        if ended.is_empty() {
            return None;
        }
        if self.frames.is_empty() {
            return Some(StreamsEnded(ended).encode());
        }
        self.ended.streams.lock().expect("no holder of this lock panics").extend(ended);
        self.ended.changed.notify_one();
        None
    }

    /// Closes the queue. Answers the questions in it of which no byte was written.
    pub(super) fn close(&mut self) -> Vec<u64> {
        self.frames.close();
        self.bytes.close();
        let mut unsent = Vec::new();
        while let Ok(out) = self.frames.try_recv() {
            unsent.extend(out.request);
        }
        unsent
    }
}

async fn write<'a>(
    socket: &mut OwnedWriteHalf,
    frames: impl Iterator<Item = &'a EncodedFrame>,
) -> io::Result<()> {
    let mut pieces: Vec<IoSlice<'_>> =
        frames.flat_map(EncodedFrame::chunks).map(|chunk| IoSlice::new(chunk)).collect();
    let mut left = &mut pieces[..];
    while !left.is_empty() {
        let now = left.len().min(WRITE_PIECES_MAX);
        let written = socket.write_vectored(&left[..now]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut left, written);
    }
    Ok(())
}
