//! Batches and entries for tests.

use bytes::Bytes;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};

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
