//! Family 8: the sparse index of a partition's log, one granule per 64 KiB or more. Key: group,
//! index of the granule's first entry. Persisted so that neither a restart nor a seek by offset
//! or timestamp reads the whole log.

use rampart_api::model::ids::Offset;
use serde::{Deserialize, Serialize};

/// Newest version of the value.
pub(crate) const VERSION: u8 = 1;

/// The value: what lies between the granule's first and last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Granule {
    /// Index of the first entry.
    pub first_index: u64,
    /// Index of the last entry.
    pub last_index: u64,
    /// Offset of the first record, or of the next one if there is none.
    pub base_offset: Offset,
    /// Offset after the last record.
    pub next_offset: Offset,
    /// Stored bytes.
    pub bytes: u64,
    /// Greatest timestamp of a record in milliseconds, `i64::MIN` without records.
    pub max_timestamp: i64,
}
