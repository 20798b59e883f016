//! Batches and entries for tests, and an observer of syncs.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};

use crate::engine::SyncObserver;

/// A batch of so many records, the last one with this timestamp.
pub(crate) fn batch(records: usize, timestamp_ms: i64) -> Bytes {
    batch_with_value(records, timestamp_ms, b"value")
}

/// A batch whose records all have this value.
pub(crate) fn batch_with_value(records: usize, timestamp_ms: i64, value: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        builder.push(NewRecord { key: None, value: Some(value), timestamp_ms, headers: &[] });
    }
    builder.build()
}

/// What an observer of syncs was told.
#[derive(Debug, Default)]
pub(crate) struct SyncTally(Mutex<(u64, u64, Duration)>);

impl SyncTally {
    /// Syncs, entries they made durable, and the time they took, so far.
    pub(crate) fn seen(&self) -> (u64, u64, Duration) {
        *self.0.lock().unwrap()
    }
}

impl SyncObserver for SyncTally {
    fn synced(&self, took: Duration, appends: u64) {
        let mut seen = self.0.lock().unwrap();
        *seen = (seen.0 + 1, seen.1 + appends, seen.2 + took);
    }
}
