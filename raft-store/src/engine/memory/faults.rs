//! The handle by which a test owns the disk in memory: it outlives the store, so that a test can
//! crash one and start another on what is left.

use std::io;
use std::sync::{Arc, Mutex};

use rampart_api::model::ids::GroupId;

use super::{Shared, call, lock};

/// What a power cut leaves of the writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Nothing.
    LoseUnsynced,
    /// The first so many changes, and half of the next entry: a torn tail. Only an append tears;
    /// any other write is there as a whole or not at all.
    Torn {
        /// Changes that reached the disk whole.
        survivors: usize,
    },
}

/// A disk in memory and its faults. Cheap to clone; all clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryFaults {
    shared: Arc<Mutex<Shared>>,
}

impl MemoryFaults {
    /// A disk without faults.
    pub fn none() -> Self {
        MemoryFaults::default()
    }

    pub(super) fn into_shared(self) -> Arc<Mutex<Shared>> {
        self.shared
    }

    /// From now on synced writes wait for [`MemoryFaults::sync`].
    pub fn hold_syncs(&self) {
        lock(&self.shared).hold_syncs = true;
    }

    /// Syncs what waits and goes back to syncing inline.
    pub fn release_syncs(&self) {
        {
            let mut shared = lock(&self.shared);
            shared.hold_syncs = false;
            shared.slow_syncs = 0;
        }
        self.sync();
    }

    /// From now on a sync takes so many calls of [`MemoryFaults::tick`].
    pub fn slow_syncs(&self, ticks: u32) {
        let mut shared = lock(&self.shared);
        shared.slow_syncs = ticks;
        shared.sync_countdown = ticks;
    }

    /// Time passes for slow syncs.
    pub fn tick(&self) {
        let callbacks = {
            let mut shared = lock(&self.shared);
            if shared.slow_syncs == 0 {
                return;
            }
            shared.sync_countdown = shared.sync_countdown.saturating_sub(1);
            if shared.sync_countdown > 0 {
                return;
            }
            shared.sync_countdown = shared.slow_syncs;
            // A disk owes nothing to a write that nobody waits for: it goes with the next one.
            if shared.waiting.is_empty() {
                return;
            }
            shared.sync()
        };
        call(callbacks);
    }

    /// Everything written so far becomes durable, and whoever waits for that is told.
    pub fn sync(&self) {
        let callbacks = lock(&self.shared).sync();
        call(callbacks);
    }

    /// Changes that were written and not synced.
    pub fn unsynced(&self) -> usize {
        lock(&self.shared).disk.unsynced()
    }

    /// Power is cut. Engines on this disk fail from now on; a new one starts with what is left.
    pub fn crash(&self, crash: Crash) {
        let dropped = {
            let mut shared = lock(&self.shared);
            shared.disk.lose_power(match crash {
                Crash::LoseUnsynced => 0,
                Crash::Torn { survivors } => survivors,
            });
            shared.life += 1;
            shared.failed = None;
            std::mem::take(&mut shared.waiting)
        };
        // Never called: the process that waited is gone. Dropped without the lock, since a
        // callback may own whatever its caller gave it.
        drop(dropped);
    }

    /// Flips a bit of a stored entry; false if it is not stored.
    pub fn flip_bit(&self, group: GroupId, index: u64) -> bool {
        lock(&self.shared).disk.flip_bit(group, index)
    }

    /// Makes a stored entry disappear; false if it is not stored.
    pub fn lose_entry(&self, group: GroupId, index: u64) -> bool {
        lock(&self.shared).disk.lose_entry(group, index)
    }

    /// The next write fails with this, and the engine with it: EIO, or `StorageFull`.
    pub fn fail_writes(&self, kind: io::ErrorKind) {
        lock(&self.shared).fail_writes = Some(kind);
    }

    /// The disk is good again. An engine that has failed stays failed (INV-13): crash it and start
    /// another.
    pub fn repair(&self) {
        let mut shared = lock(&self.shared);
        shared.fail_writes = None;
        shared.fail_reads = false;
        shared.fail_read_of = None;
    }

    /// Reads fail until [`MemoryFaults::repair`].
    pub fn fail_reads(&self) {
        lock(&self.shared).fail_reads = true;
    }

    /// The next read that comes to this entry fails, and only that one.
    pub fn fail_read_of(&self, group: GroupId, index: u64) {
        lock(&self.shared).fail_read_of = Some((group, index));
    }

    /// Reads of a group's entries wait until what this returns is dropped.
    pub fn hold_reads(&self, group: GroupId) -> HeldReads {
        lock(&self.shared).held_reads = Some(group);
        HeldReads { shared: self.shared.clone() }
    }

    /// What the disk says about its room; `None` for plenty.
    pub fn set_free_bytes(&self, free_bytes: Option<u64>) {
        lock(&self.shared).free_bytes = free_bytes;
    }
}

/// Reads that wait; dropped, they go on.
#[derive(Debug)]
#[must_use]
pub struct HeldReads {
    shared: Arc<Mutex<Shared>>,
}

impl Drop for HeldReads {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        shared.held_reads = None;
        shared.reads_released.notify_all();
    }
}
