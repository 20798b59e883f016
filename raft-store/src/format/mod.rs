//! Bytes on disk, and those of them that also travel between nodes. Pure. Control data goes
//! through `envelope` (magic, version, length, crc around the codec of `api`); entries have a
//! fixed header of their own and their payload is never copied through serde.

pub mod entry;
pub mod envelope;
pub mod log_id;
pub mod membership;
pub mod once;
pub mod payload;
#[cfg(test)]
pub(crate) mod survives;
#[cfg(test)]
mod tests;

pub use entry::{ENTRY_HEADER_BYTES, EntryHeader};
pub use envelope::FormatError;
pub use membership::{decode_membership, encode_membership};
pub use once::OnceHead;
pub use payload::{decode_entry_payload, encode_entry_payload};

/// Version of the data directory as a whole. Raised only when an older program could misread what
/// a newer one wrote; never lowered.
pub const STORE_FORMAT_VERSION: u32 = STORE_FORMAT_JOURNAL;
/// All in RocksDB.
pub const STORE_FORMAT_ROCKS: u32 = 1;
/// Journal and segments, and an index of both in RocksDB.
pub const STORE_FORMAT_JOURNAL: u32 = 2;
