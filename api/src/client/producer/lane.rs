//! The way to one partition: batches that are filled by whoever sends, and taken by the lane's task.
//! A record is copied once, from where it was sent into the bytes of its batch.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::batch::{Incoming, OpenBatch};
use super::outstanding::Outstanding;
use crate::client::runtime;

/// When a batch ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimits {
    pub(super) bytes_max: usize,
    pub(super) linger: Duration,
    pub(super) delivery_timeout: Duration,
}

/// One partition's batches that are not on their way yet.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) topic: Arc<str>,
    pub(super) partition: u32,
    limits: BatchLimits,
    queue: Mutex<Queue>,
    /// Batches that have ended, and so the number of the one that is being filled.
    ended: AtomicU64,
    /// Something is there to be taken, or to wait for.
    pub(super) wake: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    closed: VecDeque<OpenBatch>,
    open: Option<OpenBatch>,
    is_finished: bool,
}

/// What there is to send.
#[derive(Debug)]
pub(super) enum Next {
    /// This.
    Batch(OpenBatch),
    /// Something, from then on.
    At(Instant),
    /// Nothing now.
    Nothing,
    /// Nothing any more.
    End,
}

impl Lane {
    pub(super) fn new(topic: Arc<str>, partition: u32, limits: BatchLimits) -> Arc<Self> {
        let (queue, ended, wake) = (Mutex::default(), AtomicU64::new(0), Notify::new());
        Arc::new(Lane { topic, partition, limits, queue, ended, wake })
    }

    /// Takes a record, unless the lane is finished. Gives the number of its batch.
    pub(super) fn push(
        &self,
        incoming: Incoming<'_>,
        outstanding: &Arc<Outstanding>,
    ) -> Result<u64, Refused> {
        let bytes = incoming.record.size_bytes();
        let mut queue = self.lock();
        if queue.is_finished {
            incoming.answer.forget();
            return Err(Refused);
        }
        if queue.open.as_ref().is_some_and(|open| !open.fits(bytes, self.limits.bytes_max)) {
            self.close(&mut queue);
        }
        match &mut queue.open {
            Some(open) => open.push(incoming),
            None => {
                let now = runtime::now();
                let (due, deadline) =
                    (now + self.limits.linger, now + self.limits.delivery_timeout);
                let ticket = outstanding.enter();
                queue.open = Some(OpenBatch::new(incoming, ticket, due, deadline));
                self.wake.notify_one();
            }
        }
        Ok(self.ended.load(Ordering::Relaxed))
    }

    /// Whether batch number `batch` is still being filled and has room for so many bytes. One
    /// without room ends now.
    pub(super) fn goes_on(&self, batch: u64, record_bytes: usize) -> bool {
        let mut queue = self.lock();
        if self.ended.load(Ordering::Relaxed) != batch {
            return false;
        }
        let fits = |open: &OpenBatch| open.fits(record_bytes, self.limits.bytes_max);
        let is_going_on = queue.open.as_ref().is_none_or(fits);
        if !is_going_on {
            self.close(&mut queue);
        }
        is_going_on
    }

    /// Lets the lane's task see what is new.
    pub(super) fn look_up(&self) {
        self.wake.notify_one();
    }

    /// Whole batches that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().closed.len()
    }

    /// Lets what is there be sent without waiting for more.
    pub(super) fn close_open(&self) {
        self.close(&mut self.lock());
    }

    /// Takes nothing more. What is there is still sent.
    pub(super) fn finish(&self) {
        let mut queue = self.lock();
        queue.is_finished = true;
        self.close(&mut queue);
        self.wake.notify_one();
    }

    /// The next batch. `in_a_hurry`: somebody waits for room.
    pub(super) fn take(&self, now: Instant, in_a_hurry: bool) -> Next {
        let mut queue = self.lock();
        if let Some(batch) = queue.closed.pop_front() {
            return Next::Batch(batch);
        }
        match queue.open.take() {
            Some(open) if in_a_hurry || open.due <= now => {
                self.ended.fetch_add(1, Ordering::Relaxed);
                Next::Batch(open)
            }
            Some(open) => {
                let due = open.due;
                queue.open = Some(open);
                Next::At(due)
            }
            None if queue.is_finished => Next::End,
            None => Next::Nothing,
        }
    }

    fn close(&self, queue: &mut Queue) {
        if let Some(open) = queue.open.take() {
            self.ended.fetch_add(1, Ordering::Relaxed);
            queue.closed.push_back(open);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lane is finished.
#[derive(Debug)]
pub(super) struct Refused;
