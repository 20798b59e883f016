//! Log ids as two numbers: openraft's own type has no stable form on disk.

use openraft::vote::leader_id_std::CommittedLeaderId;
use serde::{Deserialize, Serialize};

use crate::type_config::LogId;

/// Term and index of an entry, as it is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredLogId {
    /// Term of the leader that appended the entry.
    pub term: u64,
    /// Its position in the log.
    pub index: u64,
}

impl From<&LogId> for StoredLogId {
    fn from(log_id: &LogId) -> Self {
        StoredLogId { term: term_of(log_id), index: log_id.index }
    }
}

impl From<StoredLogId> for LogId {
    fn from(stored: StoredLogId) -> Self {
        log_id(stored.term, stored.index)
    }
}

/// The log id of a term and an index.
pub fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(term), index)
}

/// The leader of a term, as the entries it appended name it.
pub fn committed_leader(term: u64) -> CommittedLeaderId<u64> {
    CommittedLeaderId::new(term)
}

/// The term of a log id.
pub fn term_of(log_id: &LogId) -> u64 {
    log_id.committed_leader_id().term
}
