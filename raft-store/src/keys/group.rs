//! Family 2: the groups that live on this disk. Key: group. Persisted so that a restart knows its
//! replicas without the metadata group, and never opens a log under another replica's id.

use rampart_api::model::ids::ReplicaId;
use serde::{Deserialize, Serialize};

/// Newest version of the value.
pub(crate) const VERSION: u8 = 1;

/// What kind of state machine a group has. On disk: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupKind {
    /// A partition: the log is the data.
    Partition,
    /// The metadata group.
    Metadata,
    /// A partition of `__group_state`.
    Groups,
}

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    /// The replica whose log and votes these are.
    pub replica: ReplicaId,
    /// Its kind.
    pub kind: GroupKind,
}
