//! What all lanes of a producer share: its options, the cluster that it was made for, the buffer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::background::Background;
use super::cluster::Cluster;
use super::error::{OptionError, SendError};
use super::options::ProducerOptions;
use super::outstanding::Outstanding;
use super::steered::Steering;
use super::topic::Watcher;
use super::upstream::Upstream;
use crate::client::runtime;

/// What a record holds in the buffer beyond its own bytes: its place in the batch, and the way back.
const RECORD_OVERHEAD_BYTES: usize = 128;

/// What all lanes share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: ProducerOptions,
    /// The cluster that the producer was made for.
    pub(super) home: Arc<Cluster>,
    pub(super) background: Background,
    pub(super) outstanding: Arc<Outstanding>,
    pub(super) room: Room,
    pub(super) steering: Steering,
    /// Of the producer's random choices.
    pub(super) seed: u64,
}

impl Shared {
    pub(super) fn new(
        options: ProducerOptions,
        upstream: Arc<dyn Upstream>,
    ) -> Result<Arc<Self>, OptionError> {
        options.check()?;
        Ok(Arc::new(Shared {
            room: Room::new(options.buffer_bytes_max),
            steering: Steering::new(),
            seed: options.seed.unwrap_or_else(runtime::entropy),
            options,
            home: Cluster::new(upstream),
            background: Background::new(),
            outstanding: Outstanding::new(),
        }))
    }

    /// Keeps what a cluster says of a topic fresh.
    pub(super) fn watch(&self, watcher: Watcher, cluster: &Cluster) {
        let (upstream, age_max) = (cluster.upstream.clone(), self.options.metadata_age_max);
        self.background.run(watcher.run(upstream, age_max, self.background.end_of_it()));
    }
}

/// The buffer, counted in bytes (INV-12). Whoever waits for room puts the lanes in a hurry: they send
/// what they have without waiting for more.
#[derive(Debug)]
pub(super) struct Room {
    bytes: Arc<Semaphore>,
    bytes_max: usize,
    waiting: AtomicUsize,
}

impl Room {
    fn new(bytes_max: usize) -> Self {
        let bytes = Arc::new(Semaphore::new(bytes_max));
        Room { bytes, bytes_max, waiting: AtomicUsize::new(0) }
    }

    /// Takes room for a record, if there is some.
    pub(super) fn try_take(&self, record_bytes: usize) -> Result<OwnedSemaphorePermit, SendError> {
        let (bytes, permits) = self.need(record_bytes)?;
        let taken = self.bytes.clone().try_acquire_many_owned(permits);
        taken.map_err(|_| match self.bytes.is_closed() {
            true => SendError::Closed,
            false => SendError::Full { bytes, free: self.bytes.available_permits() },
        })
    }

    /// Waits for room for a record. Those who came first are served first.
    pub(super) async fn take(
        &self,
        record_bytes: usize,
        hurry: impl FnOnce(),
    ) -> Result<OwnedSemaphorePermit, SendError> {
        let (_, permits) = self.need(record_bytes)?;
        let _waiting = Waiting::begin(&self.waiting);
        hurry();
        let taken = self.bytes.clone().acquire_many_owned(permits).await;
        taken.map_err(|_| SendError::Closed)
    }

    /// Whether somebody waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Gives no more room.
    pub(super) fn close(&self) {
        self.bytes.close();
    }

    fn need(&self, record_bytes: usize) -> Result<(usize, u32), SendError> {
        let bytes = record_bytes.saturating_add(RECORD_OVERHEAD_BYTES);
        match u32::try_from(bytes) {
            Ok(permits) if bytes <= self.bytes_max => Ok((bytes, permits)),
            Ok(_) | Err(_) => {
                let max = self.bytes_max.saturating_sub(RECORD_OVERHEAD_BYTES);
                Err(SendError::RecordTooLarge { bytes: record_bytes, max })
            }
        }
    }
}

/// Somebody waits for room, until this is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
