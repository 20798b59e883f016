//! The engine in memory: deterministic, without threads, and with a disk that can lose, tear,
//! flip, fail and fill up on command. Tests use it, and a simulation can.
//!
//! Every write is visible at once. It is durable after the next sync; by default every synced
//! write syncs inline, with `hold_syncs` the test decides when.

mod disk;
mod faults;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rampart_api::model::ids::GroupId;
use tokio::sync::{Semaphore, watch};

use self::disk::Disk;
pub use self::faults::{Crash, HeldReads, MemoryFaults};
use super::{Done, Engine, Op, SUBMITTED_BYTES_MAX, Space, SyncObserver, Write, WriteError};

/// What the engine and the test's handle share: the disk outlives the engine.
#[derive(Debug, Default)]
struct Shared {
    disk: Disk,
    /// Callbacks of synced writes that wait for a sync.
    waiting: Vec<Waiting>,
    hold_syncs: bool,
    slow_syncs: u32,
    sync_countdown: u32,
    fail_writes: Option<io::ErrorKind>,
    fail_reads: bool,
    /// The next read that comes to this entry fails.
    fail_read_of: Option<(GroupId, u64)>,
    /// Reads of this group's entries wait until it is released.
    held_reads: Option<GroupId>,
    reads_released: Arc<Condvar>,
    free_bytes: Option<u64>,
    failed: Option<WriteError>,
    /// Hears of the syncs: that of the engine started last.
    observer: Option<Arc<dyn SyncObserver>>,
    /// Grows with every crash: an engine of an earlier life can no longer touch the disk.
    life: u64,
}

struct Waiting(Done);

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

/// An engine over a disk in memory.
#[derive(Debug)]
pub(crate) struct MemoryEngine {
    shared: Arc<Mutex<Shared>>,
    life: u64,
    admission: Arc<Semaphore>,
    failed: watch::Sender<Option<String>>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // A panic while it was held is a failing test; the content is still whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryEngine {
    /// Starts on the disk behind this handle, with what the last crash left on it.
    pub(crate) fn new(faults: MemoryFaults) -> Self {
        let shared = faults.into_shared();
        let life = lock(&shared).life;
        MemoryEngine {
            shared,
            life,
            admission: Arc::new(Semaphore::new(SUBMITTED_BYTES_MAX)),
            failed: watch::channel(None).0,
        }
    }

    /// Has this observer told of the syncs, in place of an earlier engine's.
    pub(crate) fn observed_by(self, observer: Option<Arc<dyn SyncObserver>>) -> Self {
        lock(&self.shared).observer = observer;
        self
    }

    fn accept(&self, write: Write) -> Vec<(Done, Result<(), WriteError>)> {
        let mut shared = lock(&self.shared);
        if let Some(error) = self.refusal(&mut shared) {
            return write.done.map(|done| (done, Err(error))).into_iter().collect();
        }
        shared.disk.write(write.ops);
        let Some(done) = write.done else {
            return Vec::new();
        };
        shared.waiting.push(Waiting(done));
        if shared.hold_syncs || shared.slow_syncs > 0 {
            return Vec::new();
        }
        shared.sync()
    }

    /// Why a write is not taken; from then on the engine says that it has failed.
    fn refusal(&self, shared: &mut Shared) -> Option<WriteError> {
        let refusal = self.why_not(shared);
        if let Some(error) = &refusal {
            self.failed.send_replace(Some(error.message.clone()));
        }
        refusal
    }

    fn why_not(&self, shared: &mut Shared) -> Option<WriteError> {
        if self.life != shared.life {
            let message = "the process crashed".to_owned();
            return Some(WriteError { kind: io::ErrorKind::BrokenPipe, message });
        }
        if shared.failed.is_none()
            && let Some(kind) = shared.fail_writes
        {
            let message = format!("write to the disk in memory failed: {kind}");
            shared.failed = Some(WriteError { kind, message });
        }
        shared.failed.clone()
    }

    fn readable(&self) -> io::Result<MutexGuard<'_, Shared>> {
        let shared = lock(&self.shared);
        match shared.fail_reads {
            true => Err(io::Error::other("read from the disk in memory failed")),
            false => Ok(shared),
        }
    }
}

impl Shared {
    /// Makes everything written durable and hands out the callbacks, to be called unlocked.
    fn sync(&mut self) -> Vec<(Done, Result<(), WriteError>)> {
        let appends = self.disk.sync();
        if let Some(observer) = &self.observer {
            observer.synced(Duration::ZERO, appends);
        }
        self.waiting.drain(..).map(|Waiting(done)| (done, Ok(()))).collect()
    }
}

fn call(callbacks: Vec<(Done, Result<(), WriteError>)>) {
    for (done, result) in callbacks {
        done(result);
    }
}

impl Engine for MemoryEngine {
    fn submit(&self, write: Write) {
        call(self.accept(write));
    }

    fn settle(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_now(&self, ops: Vec<Op>) -> io::Result<()> {
        let callbacks = {
            let mut shared = lock(&self.shared);
            if let Some(error) = self.refusal(&mut shared) {
                return Err(error.into());
            }
            shared.disk.write(ops);
            shared.sync()
        };
        call(callbacks);
        Ok(())
    }

    fn entries(
        &self,
        group: GroupId,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> io::Result<Vec<(u64, Bytes)>> {
        let shared = self.readable()?;
        let released = shared.reads_released.clone();
        let mut shared = released
            .wait_while(shared, |shared| shared.held_reads == Some(group))
            .unwrap_or_else(PoisonError::into_inner);
        let found = shared.disk.entries(group, from..to, max_bytes);
        let is_bad = |(index, _): &(u64, Bytes)| shared.fail_read_of == Some((group, *index));
        if found.iter().any(is_bad) {
            shared.fail_read_of = None;
            return Err(io::Error::other("read from the disk in memory failed"));
        }
        Ok(found)
    }

    fn log_bounds(&self, group: GroupId) -> io::Result<Option<(u64, u64)>> {
        Ok(self.readable()?.disk.log_bounds(group))
    }

    fn fact(&self, key: &[u8]) -> io::Result<Option<Bytes>> {
        Ok(self.readable()?.disk.fact(key))
    }

    fn facts(&self, from: &[u8], to: &[u8]) -> io::Result<Vec<(Vec<u8>, Bytes)>> {
        Ok(self.readable()?.disk.facts(from, to))
    }

    fn can_tear(&self) -> bool {
        true
    }

    fn reads_block(&self) -> bool {
        lock(&self.shared).held_reads.is_some()
    }

    fn admission(&self) -> &Arc<Semaphore> {
        &self.admission
    }

    fn failed(&self) -> watch::Receiver<Option<String>> {
        self.failed.subscribe()
    }

    fn space(&self) -> io::Result<Space> {
        let total_bytes = 1 << 40;
        let free_bytes = lock(&self.shared).free_bytes.unwrap_or(total_bytes);
        Ok(Space { free_bytes, total_bytes })
    }
}
