//! Commands to a partition that are not data. Variants are on disk: append only, never reorder,
//! never remove.

use bytes::Bytes;
use rampart_api::codec::{self, CodecError};
use rampart_api::model::ids::Offset;
use serde::{Deserialize, Serialize};

use crate::type_config::{Proposal, ProposalKind};

/// A change to a partition that is not data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartitionCommand {
    /// Records below the offset can no longer be read. Retention and delete-records decide it
    /// once, on the leader; every replica then cuts its own disk.
    TrimTo {
        /// First offset that stays; limited to the high watermark.
        offset: Offset,
    },
    /// No record is appended behind this: the partition goes on in another cluster. Nothing takes
    /// it back.
    Seal,
}

impl PartitionCommand {
    /// The proposal that carries the command.
    pub fn proposal(&self) -> Proposal {
        let body = Bytes::from(codec::encode(self));
        Proposal { kind: ProposalKind::Partition, body, ticket: None }
    }

    /// The command in a proposal's body.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        codec::decode(body)
    }
}
