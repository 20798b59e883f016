//! The one thread that writes: takes what is queued, makes one batch of it, syncs once, answers
//! all. No timer: what queues up during one sync is the next batch.
//! INV-05: one thread and one queue, so the disk sees the order of issue.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rocksdb::{DB, WriteBatch, WriteOptions};
use tokio::sync::watch;

use super::super::{Done, Op, SyncObserver, Write, WriteError};
use super::reclaim::Reclaimer;
use super::synced_mark::SyncedMark;
use super::{FACTS, LOG, log_end, log_key};

/// A batch takes no more writes once it holds so many bytes.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// What the thread is told.
pub(super) enum Message {
    /// Write this.
    Write(Write),
    /// Say when everything before is visible.
    Settle(SyncSender<()>),
}

/// What a test is told, on the thread.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SyncStep {
    /// A synced write begins.
    Begins,
    /// It is durable; nobody was told yet.
    Ended,
}

/// Called around each sync.
#[cfg(test)]
pub(super) type OnSync = Box<dyn FnMut(SyncStep) + Send>;

/// What the thread works with.
pub(super) struct Parts {
    /// The database.
    pub db: Arc<DB>,
    /// Its synced mark.
    pub mark: SyncedMark,
    /// Told of deletions. Here, since it must not end before the last write.
    pub reclaimer: Reclaimer,
    /// Set once a write or sync failed.
    pub failed: watch::Sender<Option<String>>,
    /// Told of each sync.
    pub observer: Option<Arc<dyn SyncObserver>>,
    /// A test's look at the syncs.
    #[cfg(test)]
    pub on_sync: Option<OnSync>,
}

/// Handle of the thread. Dropping it writes what is queued and waits for the thread to end.
#[derive(Debug)]
pub(super) struct Committer {
    queue: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(parts: Parts) -> io::Result<Committer> {
        let (tx, rx) = channel();
        let thread = std::thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn(move || Worker::new(parts).run(&rx))?;
        Ok(Committer { queue: Some(tx), thread: Some(thread) })
    }

    /// Queues a message. Never waits, since async tasks call it; the callers keep the queue short:
    /// each append holds room of the engine's admission, a vote, a checkpoint's sync and the like
    /// are awaited by their group, and what is not (a truncation, a purge, a checkpoint now and
    /// then) comes after admitted appends of the same group (INV-12).
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
    parts: Parts,
    /// Those of the batch under way that were not told yet.
    waiting: VecDeque<Done>,
    /// Entries written and not synced yet.
    unsynced: u64,
}

impl Worker {
    fn new(parts: Parts) -> Worker {
        Worker { parts, waiting: VecDeque::new(), unsynced: 0 }
    }

    /// Until the queue's end. A panic, say of a callback, is a failure of the engine like any
    /// other: it is said, and whoever waits or comes later is told.
    fn run(mut self, queue: &Receiver<Message>) {
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work(queue))) {
            let reason = format!("the storage thread panicked: {}", panic_text(&*panic));
            tracing::error!(reason, "nothing is acknowledged any more");
            self.parts.failed.send_if_modified(|failed| match failed {
                Some(_) => false,
                None => {
                    *failed = Some(reason);
                    true
                }
            });
        }
        if let Err(error) = self.parts.mark.force() {
            tracing::warn!(%error, "the synced mark could not be forced to disk at the end");
        }
    }

    fn work(&mut self, queue: &Receiver<Message>) {
        if let Err(error) = self.check() {
            self.answer(&Err(error));
        }
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
    }

    fn commit(&mut self, writes: Vec<Write>, bytes: usize) {
        if writes.is_empty() {
            return;
        }
        let mut batch = WriteBatch::with_capacity_bytes(bytes + 64);
        let mut value = Vec::new();
        let deletes = writes.iter().flat_map(|write| &write.ops).any(is_deletion);
        for Write { ops, done } in writes {
            self.waiting.extend(done);
            for op in &ops {
                self.unsynced += u64::from(op.is_append());
                self.add(&mut batch, op, &mut value);
            }
        }
        let result = self.write(batch, !self.waiting.is_empty());
        if deletes && result.is_ok() {
            self.parts.reclaimer.deleted();
        }
        self.answer(&result);
    }

    fn answer(&mut self, result: &Result<(), WriteError>) {
        while let Some(done) = self.waiting.pop_front() {
            done(result.clone());
        }
    }

    fn add(&self, batch: &mut WriteBatch, op: &Op, value: &mut Vec<u8>) {
        let log = self.parts.db.cf_handle(LOG).expect("opened with this column family");
        let facts = self.parts.db.cf_handle(FACTS).expect("opened with this column family");
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
            // RocksDB counts an empty range as a change when it is written and not when it is
            // recovered: behind it a store would seem to end before its synced mark.
            Op::Erase { from, to } if from >= to => {}
            Op::Erase { from, to } => batch.delete_range_cf(&facts, from, to),
        }
    }

    /// Once a write or sync failed nothing is written any more: the kernel may have dropped the
    /// dirty pages, and what a later sync says about them is worth nothing (INV-13).
    fn check(&self) -> Result<(), WriteError> {
        match self.parts.failed.borrow().clone() {
            Some(message) => Err(WriteError { kind: io::ErrorKind::Other, message }),
            None => Ok(()),
        }
    }

    fn write(&mut self, batch: WriteBatch, sync: bool) -> Result<(), WriteError> {
        self.check()?;
        #[cfg(test)]
        self.tell_test(sync, SyncStep::Begins);
        let written = self.write_observed(batch, sync).inspect_err(|error| {
            let message = &error.message;
            tracing::error!(error = message, "the store's write failed; nothing is acknowledged");
            self.parts.failed.send_replace(Some(message.clone()));
        });
        #[cfg(test)]
        self.tell_test(sync, SyncStep::Ended);
        written
    }

    fn write_observed(&mut self, batch: WriteBatch, sync: bool) -> Result<(), WriteError> {
        let Some(observer) = self.parts.observer.clone().filter(|_| sync) else {
            return self.write_and_mark(batch, sync);
        };
        let begun = monotonic();
        self.write_and_mark(batch, sync)?;
        observer.synced(begun.elapsed(), std::mem::take(&mut self.unsynced));
        Ok(())
    }

    #[cfg(test)]
    fn tell_test(&mut self, sync: bool, step: SyncStep) {
        if let Some(on_sync) = self.parts.on_sync.as_mut().filter(|_| sync) {
            on_sync(step);
        }
    }

    fn write_and_mark(&mut self, batch: WriteBatch, sync: bool) -> Result<(), WriteError> {
        let Parts { db, mark, .. } = &mut self.parts;
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        match batch.is_empty() && sync {
            // Somebody waits for all that was written before.
            true => db.flush_wal(true).map_err(|error| write_error(&error))?,
            false => db.write_opt(batch, &options).map_err(|error| write_error(&error))?,
        }
        if sync {
            mark.write(db.latest_sequence_number()).map_err(|error| {
                let message = format!("the synced mark cannot be written: {error}");
                WriteError { kind: error.kind(), message }
            })?;
        }
        Ok(())
    }
}

/// How long a real disk takes is of no interest to a simulation, which has none.
#[expect(clippy::disallowed_methods)]
fn monotonic() -> Instant {
    Instant::now()
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

fn write_error(error: &rocksdb::Error) -> WriteError {
    let message = error.to_string();
    let full = message.contains("No space left on device");
    let kind = if full { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
    WriteError { kind, message }
}
