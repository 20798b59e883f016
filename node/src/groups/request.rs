//! What is asked of the coordinator of a group, and what it answers. The same shapes travel between
//! nodes: the edge that a client talks to reads the records, the coordinator says which.

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::model::ids::{LeaderEpoch, Offset, PartitionId, TopicId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::command::Redriven;
use rampart_raft_store::state::group::delivery::RecordCopy;
use rampart_raft_store::state::group::state::{Counters, Directive, DirectiveKind, MemberAbout};
use rampart_raft_store::state::group::{DirectiveId, MemberId, OffsetRanges, TopicPartition};
use serde::{Deserialize, Serialize};

/// A question to the coordinator. Variants are on the wire: append only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum GroupRequest {
    /// What a member reads on with; it joins if need be. A sign of life.
    Plan(Plan),
    /// Where the group begins in partitions that it has no offset of.
    Start {
        /// The group.
        group: String,
        /// The offsets.
        starts: Vec<(TopicPartition, Offset)>,
    },
    /// A member was given records that were planned for it.
    HandOut(HandOut),
    /// A member says what it did with records.
    Settle(Settle),
    /// A member, or nobody where there are none, is done with all below offsets.
    Commit(Commit),
    /// A member goes.
    Leave {
        /// The group.
        group: String,
        /// Who.
        member: MemberId,
    },
    /// Moves the group to offsets.
    Reset {
        /// The group.
        group: String,
        /// Where to.
        offsets: Vec<(TopicPartition, Offset)>,
        /// Although it has members.
        is_forced: bool,
    },
    /// Forgets the group.
    Delete {
        /// The group.
        group: String,
        /// Although records of it are parked.
        is_forced: bool,
    },
    /// How the group is.
    Describe {
        /// The group.
        group: String,
    },
    /// The groups of this partition of `__group_state`.
    List,
    /// What a group keeps of its dead letters.
    DeadLetters {
        /// The group.
        group: String,
        /// The topic that they came from.
        origin: TopicId,
        /// Their dead-letter topic, if it is there.
        from: Option<TopicId>,
    },
    /// Parks records of a dead-letter partition again.
    Redrive(Redrive),
    /// Resolves records of a dead-letter partition without bringing them back.
    Resolve(Resolve),
    /// A member lives, and says what it wants to read; it joins if need be.
    Live(Life),
    /// Asks something of a client of Castle.
    Direct {
        /// Whom.
        client: String,
        /// What.
        kind: DirectiveKind,
        /// It is forgotten if it is not done in so many milliseconds.
        ttl_ms: u64,
    },
    /// A client of Castle has done what was asked.
    DirectivesDone {
        /// Who.
        client: String,
        /// What.
        ids: BTreeSet<DirectiveId>,
    },
    /// The directives in this partition of `__group_state`, unless they are those that are known.
    Directives {
        /// What is known.
        known: Option<DirectivesStamp>,
    },
}

/// Tells one set of directives in a partition of `__group_state` from any other: between two
/// additions they only become fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectivesStamp {
    /// How many there ever were.
    pub made: u64,
    /// How many wait now.
    pub waiting: u64,
}

/// A directive that waits for its client.
pub type WaitingDirective = (String, DirectiveId, Directive);

/// A member's sign of life without a poll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// The group.
    pub group: String,
    /// Who.
    pub member: MemberId,
    /// What it says of itself if it joins by this. A member keeps what it said.
    pub about: MemberAbout,
    /// What it wants to read.
    pub topics: BTreeSet<TopicId>,
}

/// A poll's first half.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The group.
    pub group: String,
    /// Who polls.
    pub member: MemberId,
    /// What it says of itself.
    pub about: MemberAbout,
    /// What it wants to read.
    pub topics: BTreeSet<TopicId>,
    /// Records it takes at most.
    pub records_max: u32,
    /// How long it keeps records that come back from among the parked ones.
    pub lock_ms: u32,
}

/// A poll's second half.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandOut {
    /// The group.
    pub group: String,
    /// Who polls.
    pub member: MemberId,
    /// How long it keeps the records.
    pub lock_ms: u32,
    /// What was read.
    pub read: Vec<ReadFrom>,
}

/// What was read of a partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadFrom {
    /// The partition.
    pub partition: TopicPartition,
    /// Since when the member holds it, as it was planned.
    pub epoch: u64,
    /// The records.
    pub offsets: Vec<Offset>,
    /// Nothing below is left to read, but for what came back.
    pub next: Offset,
    /// Records below it are gone, if any were to be read there.
    pub log_start: Offset,
}

/// What a member did with records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settle {
    /// The group.
    pub group: String,
    /// Who.
    pub member: MemberId,
    /// One by one, in the order in which they are answered.
    pub verdicts: Vec<Settled>,
}

/// What a member did with one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// The ack token, as the client sent it.
    pub token: String,
    /// What it says.
    pub said: Said,
    /// Why not, for what is not done.
    pub error: String,
}

/// What a member says of a record. Variants are on the wire: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// It is done with it.
    Ack,
    /// It wants it again, after so many milliseconds if it says so.
    Retry(Option<u64>),
    /// It never will be.
    Reject,
    /// It keeps it for so many milliseconds more.
    Renew(u32),
    /// Nothing: its lock ran out. Said by the coordinator.
    TimedOut,
}

/// Offsets of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// The group.
    pub group: String,
    /// Who, if the group has members.
    pub member: Option<MemberId>,
    /// The generation that it knows.
    pub generation: u64,
    /// The next offset to process, per partition.
    pub offsets: Vec<(TopicPartition, Offset, Option<LeaderEpoch>, String)>,
}

/// Records of a dead-letter partition to park again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Redrive {
    /// The group.
    pub group: String,
    /// The dead-letter partition.
    pub from: TopicPartition,
    /// The records.
    pub records: Vec<Redriven>,
    /// What else was seen there, and is none of the group's.
    pub foreign: Vec<(Offset, Offset)>,
}

/// Records of a dead-letter partition that are not to come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resolve {
    /// The group.
    pub group: String,
    /// The dead-letter partition.
    pub from: TopicPartition,
    /// The records that are given up, which is counted.
    pub purged: Vec<(Offset, Offset)>,
    /// The records that were sent to a topic.
    pub sent: Vec<(Offset, Offset)>,
    /// What else was seen there, and is none of the group's.
    pub foreign: Vec<(Offset, Offset)>,
}

/// An answer of the coordinator. Variants are on the wire: append only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum GroupAnswer {
    /// To `Plan`.
    Planned(Planned),
    /// To `HandOut`: what the member has in its hands now.
    HandedOut(Vec<HandedOut>),
    /// To `Settle`: one by one.
    Settled(Vec<Result<Verdict, Problem>>),
    /// To `Start`, `Commit` and `Reset`: how far the group is in these partitions.
    At(Vec<(TopicPartition, Offset)>),
    /// To `Leave` and `Delete`.
    Done,
    /// To `Describe`.
    Described(Box<Described>),
    /// To `List`.
    Listed(Vec<Listed>),
    /// To `DeadLetters`.
    DeadLetters(KeptDeadLetters),
    /// To `Redrive`.
    Redriven(Redrove),
    /// To `Resolve`: so many were given up that were there before.
    Resolved(u64),
    /// To `Live`.
    Lives(Lives),
    /// To `Direct`.
    Directed {
        /// The directive's number.
        id: DirectiveId,
        /// It is forgotten then, by the coordinator's clock.
        expires_ms: i64,
    },
    /// To `Directives`.
    Directives {
        /// What to name the next time.
        stamp: DirectivesStamp,
        /// All of them; nothing if they are those that are known.
        waiting: Option<Vec<WaitingDirective>>,
    },
}

/// What a group keeps of its dead letters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeptDeadLetters {
    /// Records that were redriven or purged, or are none of the group's, by dead-letter partition.
    pub resolved: BTreeMap<PartitionId, OffsetRanges>,
    /// Records of the origin that wait to be delivered again.
    pub parked: u64,
    /// Records of the origin on their way into a dead-letter topic.
    pub dying: u64,
    /// Whether the group has to do with the origin at all.
    pub reads: bool,
}

/// What became of records that were to be parked again. The first of them come first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Redrove {
    /// These are.
    pub redriven: u64,
    /// These were resolved before.
    pub resolved: u64,
    /// These, the last ones, had no room.
    pub left: u64,
    /// What the first of those lacks.
    pub why: Option<String>,
}

/// What a member holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lives {
    /// The group's generation.
    pub generation: u64,
    /// What the member holds and shall keep.
    pub assignment: Vec<TopicPartition>,
}

/// What became of a record that a member spoke of. Variants are on the wire: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It is done.
    Acked,
    /// It was settled before: the same answer to a question that was asked twice.
    AlreadySettled,
    /// It will be delivered again, not before that moment.
    Parked {
        /// Milliseconds since 1970, by the coordinator's clock.
        due_ms: i64,
    },
    /// It goes into the dead-letter topic.
    Dying,
    /// It will be delivered again from where it lies.
    InPlace,
    /// It was gone from its partition before it could be parked. Counted.
    Gone,
    /// The member keeps it.
    Renewed,
}

/// What to read for a member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The group's generation.
    pub generation: u64,
    /// What the member holds and shall keep.
    pub assignment: Vec<TopicPartition>,
    /// Partitions of these that the group has no offset of yet: say where it starts.
    pub to_start: Vec<TopicPartition>,
    /// What to read on.
    pub read: Vec<PlannedRead>,
    /// Parked records that are due: they are in the member's hands already.
    pub parked: Vec<ParkedDelivery>,
    /// When the next parked record of its partitions is due, in milliseconds from now.
    pub next_due_ms: Option<u64>,
}

/// What to read of one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRead {
    /// The partition.
    pub partition: TopicPartition,
    /// Since when the member holds it.
    pub epoch: u64,
    /// Records that came back, in order: read them before all others.
    pub again: Vec<Offset>,
    /// Where to read on.
    pub from: Offset,
    /// So many fresh ones at most.
    pub fresh: u32,
}

/// A parked record that is delivered again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParkedDelivery {
    /// Its token.
    pub token: String,
    /// Which delivery it is, from 1.
    pub attempt: u32,
    /// The partition it came from.
    pub origin: TopicPartition,
    /// Its offset there.
    pub offset: Offset,
    /// What went wrong the last time.
    pub error: String,
    /// The record.
    pub record: RecordCopy,
}

/// What a member has in its hands of a partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandedOut {
    /// The partition.
    pub partition: TopicPartition,
    /// Since when the member holds it.
    pub epoch: u64,
    /// The records, and which delivery each is.
    pub records: Vec<(Offset, u32)>,
}

/// A group, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Described {
    /// Its generation.
    pub generation: u64,
    /// The assignor's protocol: `server` or a classic one.
    pub protocol: String,
    /// Who is in it.
    pub members: Vec<(MemberId, MemberAbout)>,
    /// Partition by partition.
    pub partitions: Vec<DescribedPartition>,
    /// What happened to its records.
    pub counters: Counters,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: i64,
}

/// A partition in a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DescribedPartition {
    /// Which.
    pub partition: TopicPartition,
    /// First offset that is neither done, parked, dying nor dead.
    pub committed: Option<Offset>,
    /// Records above it that are.
    pub settled: u64,
    /// Who holds it.
    pub holder: Option<MemberId>,
    /// Records in the holder's hands.
    pub in_flight: u64,
    /// Records that wait to be delivered again.
    pub parked: u64,
    /// Records on their way into a dead-letter topic.
    pub dying: u64,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub group: String,
    /// Its generation.
    pub generation: u64,
    /// How many members it has.
    pub members: u64,
    /// Partitions it has offsets of.
    pub partitions: u64,
    /// Records that wait to be delivered again, or are dying.
    pub parked: u64,
}

impl GroupRequest {
    /// Whether the coordinator itself says of records that their locks ran out.
    pub fn is_late(&self) -> bool {
        let GroupRequest::Settle(settle) = self else { return false };
        settle.verdicts.iter().any(|settled| settled.said == Said::TimedOut)
    }

    /// The group it is about; a list is about none, and so is what concerns clients.
    pub fn group(&self) -> Option<&str> {
        match self {
            GroupRequest::Plan(plan) => Some(&plan.group),
            GroupRequest::HandOut(hand_out) => Some(&hand_out.group),
            GroupRequest::Settle(settle) => Some(&settle.group),
            GroupRequest::Commit(commit) => Some(&commit.group),
            GroupRequest::Live(life) => Some(&life.group),
            GroupRequest::Start { group, .. }
            | GroupRequest::Leave { group, .. }
            | GroupRequest::Reset { group, .. }
            | GroupRequest::Delete { group, .. }
            | GroupRequest::Describe { group }
            | GroupRequest::DeadLetters { group, .. } => Some(group),
            GroupRequest::Redrive(redrive) => Some(&redrive.group),
            GroupRequest::Resolve(resolve) => Some(&resolve.group),
            GroupRequest::List
            | GroupRequest::Direct { .. }
            | GroupRequest::DirectivesDone { .. }
            | GroupRequest::Directives { .. } => None,
        }
    }

    /// What decides which partition of `__group_state` is asked: a group's name, or a client's.
    pub fn routed_by(&self) -> Option<&str> {
        match self {
            GroupRequest::Direct { client, .. } | GroupRequest::DirectivesDone { client, .. } => {
                Some(client)
            }
            _ => self.group(),
        }
    }
}
