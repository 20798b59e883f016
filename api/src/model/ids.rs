//! Identifiers. A newtype per thing, so that a replica id is never mistaken for a node id.
//! Everything that is allocated by the metadata group is never reused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                s.parse().map($name)
            }
        }
    };
}

numeric_id!(
    /// A server process with its data directory. Allocated at join, starting at 1, never reused.
    NodeId
);
numeric_id!(
    /// A Raft group. 0 is the metadata group; partitions get theirs from it, never reused.
    GroupId
);
numeric_id!(
    /// One replica of one group on one node, and its id inside Raft. Never reused, so that a
    /// wiped disk can never vote again under an old name. In the metadata group the replica id
    /// of a node is its node id.
    ReplicaId
);
numeric_id!(
    /// Position of a record in its partition: dense from 0, never reused, never changed.
    Offset
);

impl GroupId {
    /// The metadata group, one per cluster.
    pub const METADATA: GroupId = GroupId(0);
}

/// Number of a partition inside its topic, from 0.
pub type PartitionId = u32;

/// Raft term as shown to clients: grows with every change of leader.
pub type LeaderEpoch = u64;

/// Identity of a topic. A topic recreated under the same name is another topic.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TopicId(pub uuid::Uuid);

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of a cluster, chosen at bootstrap.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ClusterId(pub uuid::Uuid);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of a data directory, chosen when it is first used. A wiped disk has another one.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct DiskId(pub uuid::Uuid);

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
