//! What a command answers. Data for the coordinator; never stored, so it may change.

use rampart_api::model::ids::Offset;

use super::delivery::Dying;
use super::ids::{DirectiveId, MemberId, ParkedId, TopicPartition};

/// What a command has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupOutcome {
    /// It is in the group.
    Joined {
        /// The group's generation; the next assignment brings another.
        generation: u64,
        /// Whether it was not a member before.
        is_new: bool,
    },
    /// It is gone.
    Left {
        /// What it held and is now nobody's.
        freed: Vec<TopicPartition>,
    },
    /// There is a new generation.
    Assigned {
        /// Its number.
        generation: u64,
    },
    /// These were let go.
    Released {
        /// Those that it was to let go of.
        partitions: Vec<TopicPartition>,
    },
    /// The group is so far.
    At {
        /// Per partition that was named.
        offsets: Vec<(TopicPartition, Offset)>,
    },
    /// These are parked or dying.
    Parked {
        /// Per record; nothing for one that was settled already.
        ids: Vec<Option<ParkedId>>,
        /// The committed offset.
        committed: Offset,
    },
    /// It waits.
    Waits,
    /// It is to be written into its dead-letter partition, after those before it.
    Dies(Dying),
    /// It is in its dead-letter partition, and no more here.
    Dead,
    /// It is not the first of its lane: it was dead already, or is not yet to be written.
    NotNext,
    /// Records of a dead-letter partition are parked again.
    Redriven {
        /// Their new ids.
        ids: Vec<ParkedId>,
        /// So many were resolved already.
        resolved: usize,
        /// So many had no room; they stay where they are.
        left: usize,
        /// What the first of those lacks.
        why: Option<Refusal>,
    },
    /// So many records of a dead-letter partition were given up, or are of no interest.
    Purged {
        /// Offsets that were not resolved before.
        offsets: u64,
    },
    /// The group is forgotten.
    Deleted {
        /// So many parked records with it.
        parked: usize,
    },
    /// Topics are forgotten.
    Forgotten {
        /// Parked records dropped with them.
        dropped: usize,
        /// Dying records that wait again, for their dead-letter topic is gone.
        returned: usize,
    },
    /// The client will hear of it.
    Directed(DirectiveId),
    /// So many directives are forgotten.
    DirectivesGone(usize),
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why a command changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such group.
    #[error("there is no such group")]
    NoSuchGroup,
    /// It is not a member: it never was, it left, or its session ran out.
    #[error("{member} is not a member of the group")]
    NoSuchMember {
        /// Who.
        member: MemberId,
    },
    /// The members speak another protocol.
    #[error("the members of the group speak another protocol")]
    OtherProtocol,
    /// It is of another generation.
    #[error("the group is in generation {current}")]
    StaleGeneration {
        /// The group's.
        current: u64,
    },
    /// The partition is held by somebody else, by nobody, or by the same member since later.
    #[error("the partition {partition} is not held by the member, or was taken anew")]
    NotHeld {
        /// Which.
        partition: TopicPartition,
    },
    /// A member acknowledges records or commits offsets, not both.
    #[error("the member acknowledges records or commits offsets, not both")]
    Mixed,
    /// The group has members.
    #[error("the group has {members} members")]
    Active {
        /// So many.
        members: usize,
    },
    /// Records of the group are on their way into a dead-letter topic.
    #[error("{records} records are on their way into a dead-letter topic")]
    DyingNow {
        /// So many.
        records: usize,
    },
    /// Records of the group are parked.
    #[error("{records} records are parked")]
    HasParked {
        /// So many.
        records: usize,
    },
    /// There is no such parked record, or it is dying.
    #[error("the record does not wait here any more")]
    NotWaiting {
        /// Which.
        id: ParkedId,
    },
    /// A bound is reached.
    #[error("no room for more {what}: {max} is the limit")]
    Full {
        /// Of what.
        what: &'static str,
        /// How much there may be.
        max: u64,
    },
    /// A text or a copy is too long.
    #[error("{what} is longer than {max} bytes")]
    TooLong {
        /// Which.
        what: &'static str,
        /// How long it may be.
        max: usize,
    },
    /// It makes no sense.
    #[error("{what}")]
    Invalid {
        /// What is wrong.
        what: &'static str,
    },
}
