//! Family 3: the last vote of a replica. Key: group. Persisted because a replica that forgot its
//! vote could vote twice in a term; durable before it is answered (INV-05).

use openraft::vote::RaftLeaderId;
use serde::{Deserialize, Serialize};

use crate::type_config::Vote;

/// Newest version of the value.
pub(crate) const VERSION: u8 = 1;

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteRecord {
    /// Term voted in.
    pub term: u64,
    /// Replica voted for.
    pub voted_for: u64,
    /// Whether a quorum granted it.
    pub committed: bool,
}

impl From<&Vote> for VoteRecord {
    fn from(vote: &Vote) -> Self {
        VoteRecord {
            term: vote.leader_id.term(),
            voted_for: *vote.leader_id.node_id(),
            committed: vote.committed,
        }
    }
}

impl From<VoteRecord> for Vote {
    fn from(record: VoteRecord) -> Self {
        let leader_id = RaftLeaderId::new(record.term, record.voted_for);
        Vote { leader_id, committed: record.committed }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn votes_survive_the_trip(term: u64, voted_for: u64, committed: bool) {
            let record = VoteRecord { term, voted_for, committed };
            prop_assert_eq!(VoteRecord::from(&Vote::from(record)), record);
        }
    }
}
