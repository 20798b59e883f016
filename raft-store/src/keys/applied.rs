//! Family 9: the applied state of a partition, now and then, without a sync of its own: it is
//! written behind the entries it contains, so it can be old but never ahead of the log. Key:
//! group. Persisted so that a restart does not apply the whole retained log again.

use serde::{Deserialize, Serialize};

use crate::format::FormatError;
use crate::format::envelope;
use crate::format::log_id::StoredLogId;
use crate::format::membership::StoredMembershipRecord;
use crate::state::partition::{PartitionState, Sealed};

/// Version of the value of a partition that is not sealed.
pub(crate) const VERSION: u8 = 1;
/// With its seal behind the other fields.
pub(crate) const VERSION_SEALED: u8 = 2;

/// The value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppliedRecord {
    /// Last applied entry.
    pub log_id: Option<StoredLogId>,
    /// The state after it.
    pub state: PartitionState,
    /// Memberships applied since the last cut, and the one in force at it; never empty once a
    /// membership was applied. A snapshot at a cut needs the one valid there, not the last.
    pub memberships: Vec<StoredMembershipRecord>,
}

impl AppliedRecord {
    /// The value's bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self.state.sealed {
            None => envelope::seal(VERSION, self),
            Some(sealed) => envelope::seal(VERSION_SEALED, &(self, sealed)),
        }
    }

    /// The reverse of [`AppliedRecord::encode`].
    pub(crate) fn decode(bytes: &[u8]) -> Result<AppliedRecord, FormatError> {
        if envelope::version(bytes) == Some(VERSION) {
            return envelope::open(VERSION, bytes);
        }
        let (mut record, sealed): (AppliedRecord, Sealed) = envelope::open(VERSION_SEALED, bytes)?;
        record.state.sealed = Some(sealed);
        Ok(record)
    }
}
