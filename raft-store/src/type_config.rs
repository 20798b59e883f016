//! openraft's types as Rampart uses them. One configuration serves every kind of group, so that
//! openraft is instantiated once.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use rampart_api::model::ids::{NodeId, Offset};

pub use crate::runtime::Runtime;
use crate::state::group::GroupOutcome;
use crate::ticket::Ticket;

openraft::declare_raft_types!(
    /// Raft as all groups use it: one leader per term, so that a leader epoch is a term.
    pub TypeConfig:
        D = Proposal,
        R = Applied,
        NodeId = u64,
        Node = Member,
        LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>,
        AsyncRuntime = Runtime,
);

/// A Raft log id: term and index.
pub type LogId = openraft::type_config::alias::LogIdOf<TypeConfig>;
/// A log entry.
pub type Entry = openraft::type_config::alias::EntryOf<TypeConfig>;
/// A vote, as it is saved before it is answered.
pub type Vote = openraft::type_config::alias::VoteOf<TypeConfig>;
/// A membership with the log id that set it.
pub type StoredMembership = openraft::type_config::alias::StoredMembershipOf<TypeConfig>;
/// A membership.
pub type Membership = openraft::Membership<u64, Member>;
/// The payload of an entry.
pub type EntryPayload = openraft::EntryPayload<Proposal, u64, Member>;
/// What openraft calls when an append is on disk.
pub type IoFlushed = openraft::storage::IOFlushed<TypeConfig>;
/// Metadata of a snapshot: last log id and membership at it.
pub type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<TypeConfig>;
/// A snapshot: small by construction, for log = data.
pub type Snapshot = openraft::type_config::alias::SnapshotOf<TypeConfig, Bytes>;

/// What a membership knows of a replica besides its id: the node it lives on. Addresses are the
/// metadata's business, since they change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Member {
    /// Node that hosts the replica.
    pub node: NodeId,
}

/// What an entry means. The numbers are on disk and on the wire: never reuse, never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ProposalKind {
    /// One or more Kafka record batches v2, back to back; a partition's data.
    Batches = 1,
    /// A command to a partition that is not data, such as a trim.
    Partition = 2,
    /// A command to the metadata state machine.
    Metadata = 3,
    /// Record batches, some of them to be written once: a head says which; see `format::once`.
    OnceBatches = 4,
    /// Commands to the groups of a partition of `__group_state`.
    Groups = 5,
}

impl ProposalKind {
    /// Whether it is a partition's data.
    pub fn is_data(self) -> bool {
        match self {
            ProposalKind::Batches | ProposalKind::OnceBatches => true,
            ProposalKind::Partition | ProposalKind::Metadata | ProposalKind::Groups => false,
        }
    }

    /// The kind of a stored number, if it is one.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(ProposalKind::Batches),
            2 => Some(ProposalKind::Partition),
            3 => Some(ProposalKind::Metadata),
            4 => Some(ProposalKind::OnceBatches),
            5 => Some(ProposalKind::Groups),
            _ => None,
        }
    }
}

/// What is proposed to a group. The body is never copied and never passes through serde.
#[derive(Clone)]
pub struct Proposal {
    /// How to read the body.
    pub kind: ProposalKind,
    /// Record batches as they are stored, or an encoded command.
    pub body: Bytes,
    /// Leader only, never encoded: tells the proposer where its entry landed and when it is on
    /// this node's disk.
    pub ticket: Option<Arc<Ticket>>,
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}[{} bytes]", self.kind, self.body.len())
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What applying an entry answers to its proposer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Blank and membership entries.
    Nothing,
    /// Record batches: where the first record landed and how many there are.
    Appended {
        /// Offset of the first record.
        base_offset: Offset,
        /// Number of records, 0 for a batch kept without effect.
        records: u32,
    },
    /// A trim: the log start offset after it.
    Trimmed {
        /// First offset that can be read.
        log_start: Offset,
    },
    /// A seal: where the partition ends.
    Sealed {
        /// Offset of the record that will never be.
        at: Offset,
    },
    /// A metadata command's response, encoded by `state::metadata`.
    Metadata(Bytes),
    /// What the commands of an entry to groups have done, one outcome each.
    Groups(Vec<GroupOutcome>),
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
