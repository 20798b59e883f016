//! Families 10 and 11: the current snapshot of a group, what it is of and its bytes, written
//! together. Key: group. Persisted because what it replaces has been purged.

use serde::{Deserialize, Serialize};

use crate::format::FormatError;
use crate::format::log_id::StoredLogId;
use crate::format::membership::StoredMembershipRecord;
use crate::type_config::{LogId, SnapshotMeta};

/// Newest version of the value of family 10. Family 11 has a version of its own, that of the
/// state machine whose snapshot it is.
pub(crate) const VERSION: u8 = 1;

/// The value of family 10.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMetaRecord {
    /// Last entry that the snapshot contains.
    pub last_log_id: Option<StoredLogId>,
    /// Membership in force at it.
    pub membership: StoredMembershipRecord,
    /// CRC-32C of the bytes in family 11.
    pub data_crc: u32,
}

impl SnapshotMetaRecord {
    /// The record of a snapshot with these bytes.
    pub fn new(meta: &SnapshotMeta, data: &[u8]) -> Self {
        SnapshotMetaRecord {
            last_log_id: meta.last_log_id.as_ref().map(StoredLogId::from),
            membership: (&meta.last_membership).into(),
            data_crc: crate::format::envelope::crc32c(&[data]),
        }
    }
}

impl TryFrom<SnapshotMetaRecord> for SnapshotMeta {
    type Error = FormatError;

    fn try_from(record: SnapshotMetaRecord) -> Result<Self, FormatError> {
        Ok(SnapshotMeta {
            last_log_id: record.last_log_id.map(LogId::from),
            last_membership: record.membership.try_into()?,
        })
    }
}
