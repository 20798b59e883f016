//! Kafka's record batch v2 (KIP-98): the unit of storage, replication and the wire. A map only.
//!
//! ```text
//!  0 base offset i64 · 8 batch length i32 · 12 leader epoch i32 · 16 magic i8 = 2 · 17 crc u32
//! 21 attributes i16 · 23 last offset delta i32 · 27 base timestamp i64 · 35 max timestamp i64
//! 43 producer id i64 · 51 producer epoch i16 · 53 base sequence i32 · 57 record count i32
//! 61 records, compressed as the attributes say
//! ```
//! The CRC-32C covers everything from the attributes on, so base offset and leader epoch can be
//! patched without touching it. The server stores a batch as it is given: `header` is what produce
//! and storage use; `walk` looks through a client's records once, at the edge; `builder` and
//! `reader` are for those that speak records: HTTP and the SDK.

mod builder;
mod compress;
mod compression;
mod error;
mod header;
mod reader;
#[cfg(test)]
mod tests;
pub(crate) mod varint;
mod walk;

pub use builder::{BatchBuilder, NewRecord};
pub use compression::Compression;
pub use error::BatchError;
pub use header::{
    BATCH_HEADER_BYTES, BatchHeader, patch, split, stamp_log_append_time, stamp_producer, validate,
};
pub use reader::{Record, RecordReader, read, records};
pub use walk::{WalkLimits, Walked, walk};
