//! Batches as RocksDB takes them: into its write-ahead log, synced when somebody waits.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rocksdb::{DB, WriteBatch, WriteOptions};

use super::reclaim::Reclaimer;
use super::synced_mark::SyncedMark;
use super::{FACTS, LOG, log_end, log_key};
use crate::engine::committer::Medium;
use crate::engine::{Op, WriteError};

/// What the committer writes to.
pub(super) struct RocksMedium {
    /// The database.
    pub db: Arc<DB>,
    /// Its synced mark.
    pub mark: SyncedMark,
    /// Told of deletions. Here, since it must not end before the last write.
    pub reclaimer: Reclaimer,
}

impl Medium for RocksMedium {
    fn write(&mut self, writes: Vec<Vec<Op>>, sync: bool) -> Result<(), WriteError> {
        let bytes = writes.iter().flatten().map(Op::size).sum::<usize>();
        let mut batch = WriteBatch::with_capacity_bytes(bytes + 64);
        let mut value = Vec::new();
        for op in writes.iter().flatten() {
            self.add(&mut batch, op, &mut value);
        }
        self.write_and_mark(batch, sync)?;
        if writes.iter().flatten().any(is_deletion) {
            self.reclaimer.deleted();
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    fn lingers(&self) -> Option<Duration> {
        None
    }

    fn close(&mut self) -> io::Result<()> {
        self.mark.force()
    }
}

impl RocksMedium {
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
            // RocksDB counts an empty range as a change when it is written and not when it is
            // recovered: behind it a store would seem to end before its synced mark.
            Op::Erase { from, to } if from >= to => {}
            Op::Erase { from, to } => batch.delete_range_cf(&facts, from, to),
        }
    }

    fn write_and_mark(&mut self, batch: WriteBatch, sync: bool) -> Result<(), WriteError> {
        let RocksMedium { db, mark, .. } = self;
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        match batch.is_empty() && sync {
            // Somebody waits for all that was written before.
            true => db.flush_wal(true).map_err(|error| write_error(&error))?,
            false => db.write_opt(batch, &options).map_err(|error| write_error(&error))?,
        }
        if sync {
            mark.write(db.latest_sequence_number()).map_err(|error| mark_error(&error))?;
        }
        Ok(())
    }
}

/// Whether it leaves entries behind that only a compaction removes. A truncated tail is soon
/// written over.
fn is_deletion(op: &Op) -> bool {
    matches!(op, Op::Purge { .. } | Op::Truncate { from: 0, .. })
}

pub(super) fn write_error(error: &rocksdb::Error) -> WriteError {
    let message = error.to_string();
    let full = message.contains("No space left on device");
    let kind = if full { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
    WriteError { kind, message }
}

/// The mark could not be written.
pub(crate) fn mark_error(error: &io::Error) -> WriteError {
    WriteError::of("the synced mark cannot be written", error)
}
