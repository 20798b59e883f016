//! Family 5: the last purged log id. Key: group. Persisted because the entries that would say it
//! are gone; the offset after it is where an emptied log goes on counting (INV-02).

use rampart_api::model::ids::Offset;
use serde::{Deserialize, Serialize};

use crate::format::log_id::StoredLogId;

/// Newest version of the value.
pub(crate) const VERSION: u8 = 1;

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PurgedRecord {
    /// The last purged entry.
    pub log_id: StoredLogId,
    /// Offset of the first record after it.
    pub next_offset: Offset,
}
