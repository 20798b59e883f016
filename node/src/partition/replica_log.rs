//! What a replica keeps: the records of a partition, or, of a partition of `__group_state`, groups.

use std::io;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use rampart_raft_store::{GroupReader, PartitionLog};

/// What a replica keeps, for reading. Cheap to clone.
#[derive(Debug, Clone)]
pub enum ReplicaLog {
    /// Records.
    Records(PartitionLog),
    /// Groups: the log holds commands, and the state made of them is what is read.
    Groups(GroupReader),
}

impl ReplicaLog {
    /// The records.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where it keeps groups.
    pub fn records(&self) -> Result<&PartitionLog, Problem> {
        match self {
            ReplicaLog::Records(log) => Ok(log),
            ReplicaLog::Groups(_) => Err(Problem::new(
                ErrorCode::InvalidRequest,
                "the topic holds the state of consumer groups and no records",
            )
            .hint("see `rampart group list`")),
        }
    }

    /// The groups, if it keeps them.
    pub fn groups(&self) -> Option<&GroupReader> {
        match self {
            ReplicaLog::Groups(groups) => Some(groups),
            ReplicaLog::Records(_) => None,
        }
    }

    /// Index of the last entry known to be on this node's disk.
    pub fn synced_index(&self) -> Option<u64> {
        match self {
            ReplicaLog::Records(log) => log.synced_index(),
            ReplicaLog::Groups(groups) => groups.synced_index(),
        }
    }

    /// Saves what is applied, so that the next start applies nothing again. The state of groups is
    /// in memory, and made again from the last snapshot and the log behind it.
    ///
    /// # Errors
    /// The store's.
    pub async fn save_applied(&self) -> io::Result<()> {
        match self {
            ReplicaLog::Records(log) => log.save_applied().await,
            ReplicaLog::Groups(_) => Ok(()),
        }
    }
}
