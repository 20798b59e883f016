//! Family 9: the applied state of a partition, now and then, without a sync of its own: it is
//! written behind the entries it contains, so it can be old but never ahead of the log. Key:
//! group. Persisted so that a restart does not apply the whole retained log again.

use serde::{Deserialize, Serialize};

use crate::format::log_id::StoredLogId;
use crate::format::membership::StoredMembershipRecord;
use crate::state::partition::PartitionState;

/// Newest version of the value.
pub(crate) const VERSION: u8 = 1;

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
