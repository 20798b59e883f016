//! The one thread that writes: takes what is queued, makes one batch of it, syncs once, answers
//! all. No timer: what queues up during one sync is the next batch.
//! INV-05: one thread and one queue, so the disk sees the order of issue.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rocksdb::{DB, WriteBatch, WriteOptions};
use tokio::sync::watch;

use super::super::{Done, Op, Write, WriteError};
use super::reclaim::Reclaimer;
use super::synced_mark::SyncedMark;
use super::{FACTS, LOG, log_end, log_key};

/// Messages that may wait; their bytes are limited by the engine's admission.
const QUEUED_MAX: usize = 16_384;
/// A batch takes no more writes once it holds so many bytes.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// What the thread is told.
pub(super) enum Message {
    /// Write this.
    Write(Write),
    /// Say when everything before is visible.
    Settle(SyncSender<()>),
}

/// Handle of the thread. Dropping it writes what is queued and waits for the thread to end.
#[derive(Debug)]
pub(super) struct Committer {
    queue: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(
        db: Arc<DB>,
        mark: SyncedMark,
        reclaimer: Reclaimer,
        failed: watch::Sender<Option<String>>,
    ) -> io::Result<Committer> {
        let (tx, rx) = sync_channel(QUEUED_MAX);
        let thread = std::thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn(move || Worker { db, mark, reclaimer, failed }.run(&rx))?;
        Ok(Committer { queue: Some(tx), thread: Some(thread) })
    }

    /// Queues a message; waits when the queue is full.
    pub(super) fn send(&self, message: Message) {
        let queue = self.queue.as_ref().expect("the queue lives until drop");
        if let Err(unsent) = queue.send(message)
            && let Message::Write(Write { done: Some(done), .. }) = unsent.0
        {
            done(Err(stopped()));
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        drop(self.queue.take());
        // A callback may have held the last handle: the thread can't wait for itself, and ends.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the committer thread had panicked");
        }
    }
}

/// Whether it leaves entries behind that only a compaction removes. A truncated tail is soon
/// written over.
fn is_deletion(op: &Op) -> bool {
    matches!(op, Op::Purge { .. } | Op::Truncate { from: 0, .. })
}

fn stopped() -> WriteError {
    WriteError { kind: io::ErrorKind::Other, message: "the storage engine stopped".to_owned() }
}

struct Worker {
    db: Arc<DB>,
    mark: SyncedMark,
    /// Here, since it must not end before the last write.
    reclaimer: Reclaimer,
    failed: watch::Sender<Option<String>>,
}

impl Worker {
    fn run(mut self, queue: &Receiver<Message>) {
        while let Ok(first) = queue.recv() {
            let mut writes = Vec::new();
            let mut settles = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Write(write) => {
                        bytes += write.ops.iter().map(Op::size).sum::<usize>();
                        writes.push(write);
                    }
                    Message::Settle(settle) => settles.push(settle),
                }
                next = if bytes < BATCH_BYTES_MAX { queue.try_recv().ok() } else { None };
            }
            self.commit(writes, bytes);
            for settle in settles {
                // The waiter may be gone.
                let _ = settle.send(());
            }
        }
        if let Err(error) = self.mark.force() {
            tracing::warn!(%error, "the synced mark could not be forced to disk at the end");
        }
    }

    fn commit(&mut self, writes: Vec<Write>, bytes: usize) {
        if writes.is_empty() {
            return;
        }
        let mut batch = WriteBatch::with_capacity_bytes(bytes + 64);
        let mut waiting: Vec<Done> = Vec::with_capacity(writes.len());
        let mut value = Vec::new();
        let deletes = writes.iter().flat_map(|write| &write.ops).any(is_deletion);
        for write in writes {
            for op in &write.ops {
                self.add(&mut batch, op, &mut value);
            }
            waiting.extend(write.done);
        }
        let result = self.write(batch, !waiting.is_empty());
        if deletes && result.is_ok() {
            self.reclaimer.deleted();
        }
        for done in waiting {
            done(result.clone());
        }
    }

    fn add(&self, batch: &mut WriteBatch, op: &Op, value: &mut Vec<u8>) {
        let log = self.db.cf_handle(LOG).expect("opened with this column family");
        let facts = self.db.cf_handle(FACTS).expect("opened with this column family");
        match op {
            Op::Append { group, index, header, payload } => {
                value.clear();
                value.extend_from_slice(header);
                value.extend_from_slice(payload);
                batch.put_cf(&log, log_key(*group, *index), &*value);
            }
            Op::Truncate { group, from } => {
                batch.delete_range_cf(&log, log_key(*group, *from).to_vec(), log_end(*group));
            }
            Op::Purge { group, upto } => {
                let end = match upto.checked_add(1) {
                    Some(next) => log_key(*group, next).to_vec(),
                    None => log_end(*group),
                };
                batch.delete_range_cf(&log, log_key(*group, 0).to_vec(), end);
            }
            Op::Put { key, value } => batch.put_cf(&facts, key, value),
            Op::Erase { from, to } => batch.delete_range_cf(&facts, from, to),
        }
    }

    /// Once a write or sync failed nothing is written any more: the kernel may have dropped the
    /// dirty pages, and what a later sync says about them is worth nothing (INV-13).
    fn write(&mut self, batch: WriteBatch, sync: bool) -> Result<(), WriteError> {
        if let Some(reason) = self.failed.borrow().clone() {
            return Err(WriteError { kind: io::ErrorKind::Other, message: reason });
        }
        self.write_and_mark(batch, sync).inspect_err(|error| {
            let message = &error.message;
            tracing::error!(error = message, "the store's write failed; nothing is acknowledged");
            self.failed.send_replace(Some(message.clone()));
        })
    }

    fn write_and_mark(&mut self, batch: WriteBatch, sync: bool) -> Result<(), WriteError> {
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        match batch.is_empty() && sync {
            // Somebody waits for all that was written before.
            true => self.db.flush_wal(true).map_err(|error| write_error(&error))?,
            false => self.db.write_opt(batch, &options).map_err(|error| write_error(&error))?,
        }
        if sync {
            self.mark.write(self.db.latest_sequence_number()).map_err(|error| {
                let message = format!("the synced mark cannot be written: {error}");
                WriteError { kind: error.kind(), message }
            })?;
        }
        Ok(())
    }
}

fn write_error(error: &rocksdb::Error) -> WriteError {
    let message = error.to_string();
    let full = message.contains("No space left on device");
    let kind = if full { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
    WriteError { kind, message }
}
