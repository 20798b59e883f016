//! Memberships on disk and on the wire: voters of each configuration, and the node of every
//! replica, learners included.

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::model::ids::NodeId;
use serde::{Deserialize, Serialize};

use super::envelope::{self, FormatError};
use super::log_id::StoredLogId;
use crate::type_config::{LogId, Member, Membership, StoredMembership};

const VERSION: u8 = 1;

/// A membership as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipRecord {
    /// Voters; two sets while a change is under way.
    pub configs: Vec<BTreeSet<u64>>,
    /// Where every replica lives, learners included.
    pub nodes: BTreeMap<u64, NodeId>,
}

/// A membership and the entry that set it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMembershipRecord {
    /// Absent before the first membership.
    pub log_id: Option<StoredLogId>,
    /// Empty before the first membership.
    pub membership: MembershipRecord,
}

impl From<&Membership> for MembershipRecord {
    fn from(membership: &Membership) -> Self {
        MembershipRecord {
            configs: membership.get_joint_config().clone(),
            nodes: membership.nodes().map(|(id, member)| (*id, member.node)).collect(),
        }
    }
}

impl TryFrom<MembershipRecord> for Membership {
    type Error = FormatError;

    fn try_from(record: MembershipRecord) -> Result<Self, FormatError> {
        if record.configs.is_empty() && record.nodes.is_empty() {
            return Ok(Membership::default());
        }
        let nodes: BTreeMap<u64, Member> =
            record.nodes.into_iter().map(|(id, node)| (id, Member { node })).collect();
        Membership::new(record.configs, nodes)
            .map_err(|error| FormatError::malformed(format!("membership: {error}")))
    }
}

impl From<&StoredMembership> for StoredMembershipRecord {
    fn from(stored: &StoredMembership) -> Self {
        StoredMembershipRecord {
            log_id: stored.log_id().as_ref().map(StoredLogId::from),
            membership: stored.membership().into(),
        }
    }
}

impl TryFrom<StoredMembershipRecord> for StoredMembership {
    type Error = FormatError;

    fn try_from(record: StoredMembershipRecord) -> Result<Self, FormatError> {
        let membership = record.membership.try_into()?;
        Ok(StoredMembership::new(record.log_id.map(LogId::from), membership))
    }
}

/// A membership as bytes: the payload of a membership entry.
pub fn encode_membership(membership: &Membership) -> Vec<u8> {
    envelope::seal(VERSION, &MembershipRecord::from(membership))
}

/// The reverse of [`encode_membership`].
pub fn decode_membership(bytes: &[u8]) -> Result<Membership, FormatError> {
    envelope::open::<MembershipRecord>(VERSION, bytes)?.try_into()
}
