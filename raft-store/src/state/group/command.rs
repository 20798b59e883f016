//! Commands to the groups of one partition of `__group_state`. An entry carries several, applied in
//! order, each with an outcome of its own. Encoded with the bincode codec; variants are on disk:
//! append only, never reorder, never remove.
//!
//! What depends on a clock, on a topic's configuration or on a choice (who gets a partition, when a
//! record is due) is decided by the coordinator and carried. `now_ms` is its clock.

use std::collections::BTreeSet;

use bytes::Bytes;
use rampart_api::codec::{self, CodecError};
use rampart_api::model::ids::{LeaderEpoch, Offset, TopicId};
use serde::{Deserialize, Serialize};

use super::delivery::ParkedBody;
use super::ids::{DirectiveId, MemberId, ParkedId, TopicPartition};
use super::state::{DirectiveKind, MemberAbout};
use crate::type_config::{Proposal, ProposalKind};

/// A change to the groups of one partition of `__group_state`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupCommand {
    /// Somebody is in a server group, or says something else of itself. Creates the group.
    Join {
        group: String,
        member: MemberId,
        about: MemberAbout,
        topics: BTreeSet<TopicId>,
        now_ms: i64,
    },
    /// A member goes; what it held is free at once.
    Leave { group: String, member: MemberId },
    /// A member gave no sign of life for its session.
    Expire { group: String, member: MemberId },
    /// Who shall have what, of a server group; partitions that are not named shall be nobody's. Made
    /// from the state at `generation`.
    Assign { group: String, generation: u64, targets: Vec<(MemberId, Vec<TopicPartition>)> },
    /// A holder lets go of what it shall not have any more.
    Release { group: String, member: MemberId, partitions: Vec<TopicPartition> },
    /// Where the group begins in partitions it has no offset of; the others stay as they are.
    Start { group: String, starts: Vec<(TopicPartition, Offset)>, now_ms: i64 },
    /// A holder is done with records, and with parked ones that came from the partition.
    Ack { by: Holding, ranges: Vec<(Offset, Offset)>, parked: Vec<ParkedId>, now_ms: i64 },
    /// A member, or nobody where there are no members, is done with all below the offsets.
    Commit {
        group: String,
        member: Option<MemberId>,
        generation: u64,
        offsets: Vec<OffsetCommit>,
        now_ms: i64,
    },
    /// Records that a holder did not process: they are copied here, and the partition goes on.
    Park { by: Holding, records: Vec<NewParked>, now_ms: i64 },
    /// A parked record was delivered again, without success.
    Retry { by: Holding, id: ParkedId, error: String, fate: Fate, now_ms: i64 },
    /// A waiting record is given up without another delivery.
    Die { group: String, id: ParkedId, into: TopicPartition, now_ms: i64 },
    /// The first record of a lane is in its dead-letter partition.
    Dead { into: TopicPartition, sequence: u32 },
    /// Records are gone from the origin before they were delivered or could be parked.
    Lose { by: Holding, ranges: Vec<(Offset, Offset)>, now_ms: i64 },
    /// Takes records out of a dead-letter partition and parks them again, due now.
    Redrive { group: String, from: TopicPartition, records: Vec<Redriven>, now_ms: i64 },
    /// Gives up records in a dead-letter partition.
    Purge { group: String, from: TopicPartition, ranges: Vec<(Offset, Offset)> },
    /// Moves a group to offsets. While it has members only by force: what they hold of these
    /// partitions is then delivered anew.
    Reset { group: String, offsets: Vec<(TopicPartition, Offset)>, is_forced: bool, now_ms: i64 },
    /// Forgets a group without members; one with parked records only by force.
    DeleteGroup { group: String, is_forced: bool },
    /// Topics were deleted: every group forgets them.
    ForgetTopics { topics: BTreeSet<TopicId> },
    /// A classic group has a new generation of members: those that joined in time.
    ClassicGeneration {
        group: String,
        generation: u64,
        protocol_type: String,
        protocol: String,
        leader: MemberId,
        members: Vec<ClassicMember>,
        now_ms: i64,
    },
    /// The leader of a classic group has assigned.
    ClassicAssign { group: String, generation: u64, assignments: Vec<(MemberId, Bytes)> },
    /// Asks something of a client.
    Direct { client: String, kind: DirectiveKind, expires_ms: i64 },
    /// A client has done what was asked.
    DirectivesDone { client: String, ids: BTreeSet<DirectiveId> },
    /// Forgets what no client has done in time.
    ExpireDirectives { now_ms: i64 },
    /// Records in a dead-letter partition that the group has no more to do with: another group's, or
    /// sent to a topic. Neither shown nor redriven, and not counted.
    Resolve { group: String, from: TopicPartition, ranges: Vec<(Offset, Offset)> },
}

/// Who settles records: the holder of their partition, since that generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The group.
    pub group: String,
    /// The member.
    pub member: MemberId,
    /// The partition the records came from.
    pub partition: TopicPartition,
    /// The slot's epoch when they were delivered.
    pub epoch: u64,
}

/// An offset to commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetCommit {
    /// Of which partition.
    pub partition: TopicPartition,
    /// The next offset to process.
    pub offset: Offset,
    /// Epoch of the record before it.
    pub leader_epoch: Option<LeaderEpoch>,
    /// A note.
    pub metadata: String,
}

/// A record to park.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewParked {
    /// Its offset in the origin.
    pub offset: Offset,
    /// How often it was delivered.
    pub attempts: u32,
    /// What went wrong.
    pub error: String,
    /// What to deliver again.
    pub body: ParkedBody,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a record that was not processed. On disk: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// It is delivered again.
    Wait {
        /// When.
        due_ms: i64,
    },
    /// It is given up.
    Die {
        /// Its dead-letter partition.
        into: TopicPartition,
    },
}

/// A record to take out of a dead-letter partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    /// Its offset there.
    pub offset: Offset,
    /// Where it came from.
    pub origin: TopicPartition,
    /// Its offset at the origin.
    pub origin_offset: Offset,
    /// What to deliver again.
    pub body: ParkedBody,
}

/// A member of a classic group as it joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassicMember {
    /// Its id.
    pub member: MemberId,
    /// Who it is.
    pub about: MemberAbout,
    /// How long it may take to join again.
    pub rebalance_timeout_ms: u32,
    /// The assignors it knows, and what it says to each.
    pub metadata: Vec<(String, Bytes)>,
}

impl GroupCommand {
    /// The proposal that carries commands.
    pub fn proposal(commands: &[GroupCommand]) -> Proposal {
        let body = Bytes::from(codec::encode(commands));
        Proposal { kind: ProposalKind::Groups, body, ticket: None }
    }

    /// The commands in a proposal's body.
    ///
    /// # Errors
    /// When the bytes are not commands.
    pub fn decode(body: &[u8]) -> Result<Vec<GroupCommand>, CodecError> {
        codec::decode(body)
    }
}
