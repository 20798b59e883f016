//! The thread that gives space back. A purge, a trim and a dropped group only leave range
//! tombstones; what they cover stays on disk until a compaction happens to pass, which in a quiet
//! database is never: a node at its reserve could not recover by deleting. So after a deletion this
//! thread looks for key ranges that hold table bytes and no entry, and compacts those worth it.
//!
//! It keeps no record of deletions: the gaps between the groups' entries say all, also those of an
//! earlier life. It only ever compacts, which changes no content. Files are not deleted by range:
//! a group may have come back to this node meanwhile, and a file that goes takes its tombstones
//! along, so that older entries below them would rise again.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Buf;
use rampart_api::model::ids::GroupId;
use rocksdb::{CompactOptions, DB, FlushOptions, Range, ReadOptions};

use super::options::TABLE_BYTES;
use super::{FACTS, LOG, log_end, log_key};

/// After the first deletion: others of the same topic follow.
const DELETIONS_SETTLE: Duration = Duration::from_secs(1);
/// Between two passes: each looks at every group.
const PASSES_APART: Duration = Duration::from_secs(10);
/// A smaller range is left to the compactions that come by themselves.
const DEAD_BYTES_MIN: u64 = 1 << 20;
/// A range that holds a table is always worth it: compacting it rewrites the living part of about
/// two. Smaller ones are, once all together are so large a part of all tables.
const DEAD_SHARE: u64 = 10;

/// Handle of the thread. Dropping it breaks off what it does and waits for its end; the database
/// is then good for nothing but closing.
#[derive(Debug)]
pub(super) struct Reclaimer {
    db: Arc<DB>,
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    deleted: bool,
    is_over: bool,
}

impl Signal {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Two flags are whole whatever happened.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits for a deletion; false when it is over.
    fn deletion(&self) -> bool {
        let state = self.changed.wait_while(self.lock(), |state| !state.deleted && !state.is_over);
        !state.unwrap_or_else(PoisonError::into_inner).is_over
    }

    /// Waits so long; false when it is over.
    fn pause(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |state| !state.is_over);
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_over
    }
}

impl Reclaimer {
    /// Starts the thread. It begins with what an earlier life left.
    pub(super) fn start(db: Arc<DB>) -> io::Result<Reclaimer> {
        let signal = Arc::new(Signal::default());
        signal.change(|state| state.deleted = true);
        let worker = Worker { db: db.clone(), signal: signal.clone() };
        let thread = std::thread::Builder::new().name("store-reclaimer".to_owned());
        let thread = Some(thread.spawn(move || worker.run())?);
        Ok(Reclaimer { db, signal, thread })
    }

    /// Entries were deleted. Returns at once; many calls are one.
    pub(super) fn deleted(&self) {
        self.signal.change(|state| state.deleted = true);
    }
}

impl Drop for Reclaimer {
    fn drop(&mut self) {
        self.signal.change(|state| state.is_over = true);
        self.db.cancel_all_background_work(false);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the reclaimer thread had panicked");
        }
    }
}

/// A range of keys that holds bytes of tables and no entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DeadRange {
    from: Vec<u8>,
    to: Vec<u8>,
    bytes: u64,
}

struct Worker {
    db: Arc<DB>,
    signal: Arc<Signal>,
}

impl Worker {
    fn run(&self) {
        while self.signal.deletion() && self.signal.pause(DELETIONS_SETTLE) {
            self.signal.lock().deleted = false;
            if let Err(error) = self.reclaim() {
                tracing::warn!(%error, "deleted entries keep their space on disk for now");
            }
            if !self.signal.pause(PASSES_APART) {
                return;
            }
        }
    }

    fn reclaim(&self) -> Result<(), rocksdb::Error> {
        let log = self.db.cf_handle(LOG).expect("opened with this column family");
        let facts = self.db.cf_handle(FACTS).expect("opened with this column family");
        let tables = self.db.property_int_value_cf(&log, "rocksdb.live-sst-files-size")?;
        let chosen = worth_it(self.dead_ranges()?, tables.unwrap_or(0));
        if chosen.is_empty() {
            return Ok(());
        }
        // Both: facts that are only in the write-ahead log keep all of it.
        self.db.flush_cfs_opt(&[&log, &facts], &FlushOptions::default())?;
        for dead in chosen {
            if self.signal.lock().is_over {
                break;
            }
            self.compact(&dead);
        }
        Ok(())
    }

    /// The ranges between the groups that have entries, up to their first ones.
    fn dead_ranges(&self) -> Result<Vec<DeadRange>, rocksdb::Error> {
        let log = self.db.cf_handle(LOG).expect("opened with this column family");
        let mut ranges = Vec::new();
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        let mut entries = self.db.raw_iterator_cf_opt(&log, options);
        let mut from = log_key(GroupId(0), 0).to_vec();
        entries.seek_to_first();
        while let Some(key) = entries.key() {
            let group = GroupId((&mut &*key).try_get_u64().expect("keys begin with a group"));
            let next = log_end(group);
            ranges.push((std::mem::replace(&mut from, next), key.to_vec()));
            entries.seek(&from);
        }
        entries.status()?;
        ranges.push((from, log_end(GroupId(u64::MAX))));
        let sized = ranges.into_iter().map(|(from, to)| {
            let bytes = self.table_bytes(&from, &to);
            DeadRange { from, to, bytes }
        });
        Ok(sized.collect())
    }

    fn table_bytes(&self, from: &[u8], to: &[u8]) -> u64 {
        let log = self.db.cf_handle(LOG).expect("opened with this column family");
        self.db.get_approximate_sizes_cf(&log, &[Range::new(from, to)]).iter().sum()
    }

    fn compact(&self, dead: &DeadRange) {
        // One that lay in the same tables may have taken it along.
        if self.table_bytes(&dead.from, &dead.to) < DEAD_BYTES_MIN {
            return;
        }
        let log = self.db.cf_handle(LOG).expect("opened with this column family");
        let mut options = CompactOptions::default();
        // The compactions that writes wait for go on beside it.
        options.set_exclusive_manual_compaction(false);
        self.db.compact_range_cf_opt(&log, Some(&dead.from), Some(&dead.to), &options);
        // RocksDB's interface in C does not say whether it succeeded.
        let left = self.table_bytes(&dead.from, &dead.to);
        let freed = dead.bytes.saturating_sub(left);
        match left < DEAD_BYTES_MIN || self.signal.lock().is_over {
            true => tracing::info!(bytes = freed, "deleted entries gave their space back"),
            false => tracing::warn!(left, freed, "deleted entries keep space on disk for now"),
        }
    }
}

fn worth_it(mut dead: Vec<DeadRange>, tables: u64) -> Vec<DeadRange> {
    dead.retain(|range| range.bytes >= DEAD_BYTES_MIN);
    let all: u64 = dead.iter().map(|range| range.bytes).sum();
    if all < tables / DEAD_SHARE {
        dead.retain(|range| range.bytes >= TABLE_BYTES);
    }
    dead
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(group: u64, bytes: u64) -> DeadRange {
        let group = GroupId(group);
        DeadRange { from: log_key(group, 0).to_vec(), to: log_end(group), bytes }
    }

    #[test]
    fn large_ranges_are_worth_it_and_small_ones_when_they_are_many() {
        let large = range(1, TABLE_BYTES);
        let small = |group| range(group, 8 << 20);
        let tiny = range(9, DEAD_BYTES_MIN - 1);
        let all = |tables| worth_it(vec![large.clone(), small(2), small(3), tiny.clone()], tables);
        assert_eq!(all(1 << 40), vec![large.clone()]);
        assert_eq!(all(800 << 20), vec![large.clone(), small(2), small(3)]);
        assert_eq!(worth_it(vec![tiny], 0), vec![]);
    }
}
