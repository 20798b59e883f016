//! The one thread that writes: takes what is queued, makes one batch of it, syncs once, answers
//! all. No timer: what queues up during one sync is the next batch. What a batch becomes on disk is
//! the business of a [`Medium`].
//! INV-05: one thread and one queue, so the disk sees the order of issue.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Done, Op, SyncObserver, Write, WriteError};

/// A batch takes no more writes once it holds so many bytes.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// What the thread is told.
enum Message {
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

/// What batches are written to. Called on the thread alone.
pub(super) trait Medium: Send {
    /// Takes the changes of several writes, in order. With `sync` all that was taken so far is
    /// durable and visible when it returns; without it becomes so later.
    fn write(&mut self, writes: Vec<Vec<Op>>, sync: bool) -> Result<(), WriteError>;

    /// Makes all that was taken so far visible.
    fn settle(&mut self) -> Result<(), WriteError>;

    /// After so long without a message what was taken is settled; nothing if it is already.
    fn lingers(&self) -> Option<Duration>;

    /// The last call.
    fn close(&mut self) -> io::Result<()>;
}

/// What the thread works with.
pub(super) struct Parts<M> {
    /// What it writes to.
    pub medium: M,
    /// Set once a write or sync failed.
    pub failed: watch::Sender<Option<String>>,
    /// Told of each sync.
    pub observer: Option<Arc<dyn SyncObserver>>,
    /// A test's look at the syncs.
    #[cfg(test)]
    pub on_sync: Option<OnSync>,
}

impl<M> fmt::Debug for Parts<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("failed", &*self.failed.borrow()).finish_non_exhaustive()
    }
}

/// Handle of the thread. Dropping it writes what is queued and waits for the thread to end.
#[derive(Debug)]
pub(super) struct Committer {
    queue: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start<M: Medium + 'static>(parts: Parts<M>) -> io::Result<Committer> {
        let (tx, rx) = channel();
        let thread = std::thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn(move || Worker::new(parts).run(&rx))?;
        Ok(Committer { queue: Some(tx), thread: Some(thread) })
    }

    /// Queues a write. Never waits, since async tasks call it; the callers keep the queue short:
    /// each append holds room of the engine's admission, a vote, a checkpoint's sync and the like
    /// are awaited by their group, and what is not (a truncation, a purge, a checkpoint now and
    /// then) comes after admitted appends of the same group (INV-12).
    pub(super) fn submit(&self, write: Write) {
        self.send(Message::Write(write));
    }

    /// Waits until all that was queued before is visible.
    pub(super) fn settle(&self) -> io::Result<()> {
        let (tx, rx) = sync_channel(1);
        self.send(Message::Settle(tx));
        rx.recv().map_err(|_| stopped().into())
    }

    /// Waits until a write is durable.
    pub(super) fn write_now(&self, ops: Vec<Op>) -> io::Result<()> {
        let (tx, rx) = sync_channel(1);
        let done: Done = Box::new(move |result| {
            // The waiter may be gone; the write counts all the same.
            let _ = tx.send(result);
        });
        self.submit(Write { ops, done: Some(done) });
        match rx.recv() {
            Ok(result) => Ok(result?),
            Err(_) => Err(stopped().into()),
        }
    }

    fn send(&self, message: Message) {
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

fn stopped() -> WriteError {
    WriteError { kind: io::ErrorKind::Other, message: "the storage engine stopped".to_owned() }
}

struct Worker<M> {
    parts: Parts<M>,
    /// Those of the batch under way that were not told yet.
    waiting: VecDeque<Done>,
    /// Entries written and not synced yet.
    unsynced: u64,
}

impl<M: Medium> Worker<M> {
    fn new(parts: Parts<M>) -> Self {
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
        if self.check().is_ok()
            && let Err(error) = self.parts.medium.close()
        {
            tracing::warn!(%error, "the store's last write could not be forced to disk");
        }
    }

    fn work(&mut self, queue: &Receiver<Message>) {
        if let Err(error) = self.check() {
            self.answer(&Err(error));
        }
        while let Some(first) = self.next(queue) {
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
            self.commit(writes);
            if !settles.is_empty() {
                self.settle();
            }
            for settle in settles {
                // The waiter may be gone.
                let _ = settle.send(());
            }
        }
    }

    /// The next message; nothing at the queue's end.
    fn next(&mut self, queue: &Receiver<Message>) -> Option<Message> {
        if let Some(lingers) = self.parts.medium.lingers() {
            match queue.recv_timeout(lingers) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.settle(),
            }
        }
        queue.recv().ok()
    }

    fn commit(&mut self, writes: Vec<Write>) {
        if writes.is_empty() {
            return;
        }
        let mut changes = Vec::with_capacity(writes.len());
        for Write { ops, done } in writes {
            self.waiting.extend(done);
            self.unsynced += ops.iter().filter(|op| op.is_append()).count() as u64;
            changes.push(ops);
        }
        let result = self.write(changes, !self.waiting.is_empty());
        self.answer(&result);
    }

    fn answer(&mut self, result: &Result<(), WriteError>) {
        while let Some(done) = self.waiting.pop_front() {
            done(result.clone());
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

    fn settle(&mut self) {
        if self.check().is_ok()
            && let Err(error) = self.parts.medium.settle()
        {
            self.fail(&error);
        }
    }

    fn fail(&self, error: &WriteError) {
        let message = &error.message;
        tracing::error!(error = message, "the store's write failed; nothing is acknowledged");
        self.parts.failed.send_replace(Some(message.clone()));
    }

    fn write(&mut self, writes: Vec<Vec<Op>>, sync: bool) -> Result<(), WriteError> {
        self.check()?;
        #[cfg(test)]
        self.tell_test(sync, SyncStep::Begins);
        let written = self.write_observed(writes, sync).inspect_err(|error| self.fail(error));
        #[cfg(test)]
        self.tell_test(sync, SyncStep::Ended);
        written
    }

    fn write_observed(&mut self, writes: Vec<Vec<Op>>, sync: bool) -> Result<(), WriteError> {
        let Some(observer) = self.parts.observer.clone().filter(|_| sync) else {
            return self.parts.medium.write(writes, sync);
        };
        let begun = monotonic();
        self.parts.medium.write(writes, sync)?;
        observer.synced(begun.elapsed(), std::mem::take(&mut self.unsynced));
        Ok(())
    }

    #[cfg(test)]
    fn tell_test(&mut self, sync: bool, step: SyncStep) {
        if let Some(on_sync) = self.parts.on_sync.as_mut().filter(|_| sync) {
            on_sync(step);
        }
    }
}

/// How long a real disk takes is of no interest to a simulation, which has none.
#[expect(clippy::disallowed_methods)]
pub(super) fn monotonic() -> Instant {
    Instant::now()
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
