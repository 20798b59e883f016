//! `[pure]` Questions between nodes that want one answer: requests of clients forwarded to the
//! leader, proposals forwarded to the controller, joining, and the small calls of Raft.
//!
//! ```text
//! request:   id deadline_ms flags metadata_index | header length, parts {length}* | header | parts
//! response:  id                                  | header length, parts {length}* | header | parts
//! ```
//! The header is control data and goes through `codec`. Parts are raw: record batches, snapshots,
//! commands. In the types here they are the `#[serde(skip)]` fields.

use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};

use super::frame::{EncodedFrame, FrameBuilder, FrameKind, TooLarge};
use super::raft::{
    SnapshotRequest, TransferAnswer, TransferRequest, UnreachableReason, Vote, VoteAnswer,
    VoteRequest,
};
use super::wire::{Cursor, DecodeError, length};
use crate::codec;
use crate::model::ids::{
    ClusterId, DiskId, GroupId, LeaderEpoch, NodeId, Offset, PartitionId, ReplicaId, TopicId,
};
use crate::model::once::OnceTag;
use crate::model::problem::Problem;
use crate::model::topic_config::Ack;

/// A partition by identity: names are resolved where the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Partition {
    /// Its topic.
    pub topic: TopicId,
    /// Its number.
    pub partition: PartitionId,
}

/// Record batches to append, validated by the node that took them from the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProduceRequest {
    /// Where to.
    pub key: Partition,
    /// `None` = the topic's.
    pub ack: Option<Ack>,
    /// How long the client waits.
    pub timeout_ms: u64,
    /// Records in the batches.
    pub records: u32,
    /// They are one batch, to be written once.
    pub once: Option<OnceTag>,
    /// Record batches v2, back to back; raw.
    #[serde(skip)]
    pub batches: Bytes,
}

/// Where produced records landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducedAnswer {
    /// Offset of the first; unknown with ack 0.
    pub base_offset: Option<Offset>,
    /// Term of the leader.
    pub leader_epoch: LeaderEpoch,
    /// First readable offset.
    pub log_start: Offset,
    /// They were there already: the time that records without one were given then.
    pub replayed_stamp_ms: Option<i64>,
}

/// Records to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// Where from.
    pub key: Partition,
    /// First offset wanted.
    pub offset: Offset,
    /// About so many bytes.
    pub max_bytes: u32,
    /// How long to wait for a record if there is none.
    pub wait_ms: u32,
    /// Confirm leadership first.
    pub linearizable: bool,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedAnswer {
    /// Nobody reads at or above it.
    pub high_watermark: Offset,
    /// First readable offset.
    pub log_start: Offset,
    /// Term of the leader.
    pub leader_epoch: LeaderEpoch,
    /// Whole batches; raw.
    #[serde(skip)]
    pub batches: Vec<Bytes>,
}

/// A position described by something else than an offset. Variants are on the wire: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OffsetSpec {
    /// First readable record.
    Earliest,
    /// After the last readable record.
    Latest,
    /// So many records before the end.
    FromEnd(u64),
    /// First record with this timestamp or a later one.
    Timestamp(i64),
}

/// The offset for a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedOffsetAnswer {
    /// The offset.
    pub offset: Offset,
    /// Timestamp of the record there, for a timestamp.
    pub timestamp_ms: Option<i64>,
    /// Nobody reads at or above it.
    pub high_watermark: Offset,
    /// First readable offset.
    pub log_start: Offset,
}

/// One replica as its leader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaStatus {
    /// The replica.
    pub replica: ReplicaId,
    /// Its node.
    pub node: NodeId,
    /// `leader`, `follower` or `learner`.
    pub role: String,
    /// Last offset + 1 known on its disk.
    pub match_offset: Offset,
    /// Records behind the leader's log end.
    pub lag_records: u64,
    /// Milliseconds since it was last caught up.
    pub lag_ms: u64,
    /// Member of the in-sync set.
    pub in_sync: bool,
}

/// A partition as its leader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// Its group.
    pub group: GroupId,
    /// Its leader, if known.
    pub leader: Option<NodeId>,
    /// Term of that leader.
    pub leader_epoch: LeaderEpoch,
    /// First readable offset.
    pub log_start: Offset,
    /// Nobody reads at or above it.
    pub high_watermark: Offset,
    /// End of the leader's log.
    pub log_end: Offset,
    /// Bytes of the leader's log.
    pub size_bytes: u64,
    /// All replicas.
    pub replicas: Vec<ReplicaStatus>,
}

/// A node without an id asks to become a member, or asks again with the same disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Its data directory.
    pub disk: DiskId,
    /// `host:port` of its peer listener as others reach it.
    pub peer_addr: String,
    /// `host:port` of its HTTP listener as clients reach it.
    pub http_addr: String,
    /// Failure domain; empty = its own.
    pub rack: String,
    /// Version of the program.
    pub version: String,
}

/// A member from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinAnswer {
    /// The cluster.
    pub cluster: ClusterId,
    /// The new member's id.
    pub node: NodeId,
    /// All members and their peer addresses, the new one included.
    pub peers: Vec<(NodeId, String)>,
    /// Metadata index of the join.
    pub metadata_index: u64,
}

/// A question. Variants are on the wire: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerRequest {
    /// A candidate wants a vote.
    Vote(VoteRequest),
    /// A candidate wants to know whether it would get one.
    PreVote(VoteRequest),
    /// A leader wants a follower to take over.
    TransferLeader(TransferRequest),
    /// A leader sends a snapshot.
    Snapshot(SnapshotRequest),
    /// Append records; for the partition's leader.
    Produce(ProduceRequest),
    /// Read records; for the partition's leader.
    Fetch(FetchRequest),
    /// Find an offset; for the partition's leader.
    ListOffset {
        /// Where.
        key: Partition,
        /// By what.
        spec: OffsetSpec,
    },
    /// Delete records below an offset; for the partition's leader.
    Truncate {
        /// Where.
        key: Partition,
        /// First offset to keep.
        before: Offset,
    },
    /// Describe a partition; for its leader.
    Status {
        /// Which.
        key: Partition,
    },
    /// Give leadership away; for the partition's leader.
    TransferLeadership {
        /// Which.
        key: Partition,
        /// To whom; `None` = the leader chooses.
        to: Option<NodeId>,
    },
    /// Propose a metadata command; for the controller.
    Propose {
        /// The encoded command; raw.
        #[serde(skip)]
        command: Bytes,
    },
    /// Confirm leadership of a group; for its leader.
    ReadIndex {
        /// The group.
        group: GroupId,
    },
    /// Become a member; any node takes it to the controller.
    Join(JoinRequest),
    /// Ask the coordinator of groups; for the leader of that partition of `__group_state`.
    Groups {
        /// Which.
        partition: PartitionId,
        /// The encoded question; raw.
        #[serde(skip)]
        question: Bytes,
    },
    /// Ask what a node knows of Castle's clients; for that node.
    Castle {
        /// The question as JSON; raw.
        #[serde(skip)]
        question: Bytes,
    },
}

/// An answer. Variants are on the wire: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerResponse {
    /// A refusal: what was not done, or is unknown.
    Problem(Problem),
    /// To a message of Raft: the replica didn't look at it.
    Unreachable(UnreachableReason),
    /// To `Vote` and `PreVote`.
    Vote(VoteAnswer),
    /// To `TransferLeader`.
    TransferLeader(TransferAnswer),
    /// To `Snapshot`: the receiver's vote.
    Snapshot(Vote),
    /// To `Produce`.
    Produced(ProducedAnswer),
    /// To `Fetch`.
    Fetched(FetchedAnswer),
    /// To `ListOffset`.
    ListedOffset(ListedOffsetAnswer),
    /// To `Truncate`: the log start after it.
    Truncated(Offset),
    /// To `Status`.
    Status(StatusAnswer),
    /// To `TransferLeadership`: who leads now.
    LeadershipTransferred(NodeId),
    /// To `Propose`: applied at the controller.
    Proposed {
        /// Its index.
        index: u64,
        /// The encoded response of the state machine; raw.
        #[serde(skip)]
        response: Bytes,
    },
    /// To `ReadIndex`: what must be applied before reading.
    ReadIndex {
        /// The index.
        index: u64,
    },
    /// To `Join`.
    Joined(JoinAnswer),
    /// To `Groups`.
    Groups {
        /// The encoded answer; raw.
        #[serde(skip)]
        answer: Bytes,
    },
    /// To `Castle`.
    Castle {
        /// The answer as JSON; raw.
        #[serde(skip)]
        answer: Bytes,
    },
}

impl PeerRequest {
    /// The word for it in logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            PeerRequest::Vote(_) => "vote",
            PeerRequest::PreVote(_) => "pre_vote",
            PeerRequest::TransferLeader(_) => "transfer_leader",
            PeerRequest::Snapshot(_) => "snapshot",
            PeerRequest::Produce(_) => "produce",
            PeerRequest::Fetch(_) => "fetch",
            PeerRequest::ListOffset { .. } => "list_offset",
            PeerRequest::Truncate { .. } => "truncate",
            PeerRequest::Status { .. } => "status",
            PeerRequest::TransferLeadership { .. } => "transfer_leadership",
            PeerRequest::Propose { .. } => "propose",
            PeerRequest::ReadIndex { .. } => "read_index",
            PeerRequest::Join(_) => "join",
            PeerRequest::Groups { .. } => "groups",
            PeerRequest::Castle { .. } => "castle",
        }
    }

    fn parts(&self) -> Vec<Bytes> {
        match self {
            PeerRequest::Snapshot(snapshot) => vec![snapshot.data.clone()],
            PeerRequest::Produce(produce) => vec![produce.batches.clone()],
            PeerRequest::Propose { command: raw }
            | PeerRequest::Groups { question: raw, .. }
            | PeerRequest::Castle { question: raw } => vec![raw.clone()],
            PeerRequest::Vote(_)
            | PeerRequest::PreVote(_)
            | PeerRequest::TransferLeader(_)
            | PeerRequest::Fetch(_)
            | PeerRequest::ListOffset { .. }
            | PeerRequest::Truncate { .. }
            | PeerRequest::Status { .. }
            | PeerRequest::TransferLeadership { .. }
            | PeerRequest::ReadIndex { .. }
            | PeerRequest::Join(_) => Vec::new(),
        }
    }

    fn attach(&mut self, parts: Vec<Bytes>) -> Result<(), DecodeError> {
        match self {
            PeerRequest::Snapshot(snapshot) => snapshot.data = only(parts)?,
            PeerRequest::Produce(produce) => produce.batches = only(parts)?,
            PeerRequest::Propose { command: raw }
            | PeerRequest::Groups { question: raw, .. }
            | PeerRequest::Castle { question: raw } => *raw = only(parts)?,
            PeerRequest::Vote(_)
            | PeerRequest::PreVote(_)
            | PeerRequest::TransferLeader(_)
            | PeerRequest::Fetch(_)
            | PeerRequest::ListOffset { .. }
            | PeerRequest::Truncate { .. }
            | PeerRequest::Status { .. }
            | PeerRequest::TransferLeadership { .. }
            | PeerRequest::ReadIndex { .. }
            | PeerRequest::Join(_) => none(&parts)?,
        }
        Ok(())
    }
}

impl PeerResponse {
    fn parts(&self) -> Vec<Bytes> {
        match self {
            PeerResponse::Fetched(fetched) => fetched.batches.clone(),
            PeerResponse::Proposed { response: raw, .. }
            | PeerResponse::Groups { answer: raw }
            | PeerResponse::Castle { answer: raw } => vec![raw.clone()],
            PeerResponse::Problem(_)
            | PeerResponse::Unreachable(_)
            | PeerResponse::Vote(_)
            | PeerResponse::TransferLeader(_)
            | PeerResponse::Snapshot(_)
            | PeerResponse::Produced(_)
            | PeerResponse::ListedOffset(_)
            | PeerResponse::Truncated(_)
            | PeerResponse::Status(_)
            | PeerResponse::LeadershipTransferred(_)
            | PeerResponse::ReadIndex { .. }
            | PeerResponse::Joined(_) => Vec::new(),
        }
    }

    fn attach(&mut self, parts: Vec<Bytes>) -> Result<(), DecodeError> {
        match self {
            PeerResponse::Fetched(fetched) => fetched.batches = parts,
            PeerResponse::Proposed { response: raw, .. }
            | PeerResponse::Groups { answer: raw }
            | PeerResponse::Castle { answer: raw } => *raw = only(parts)?,
            PeerResponse::Problem(_)
            | PeerResponse::Unreachable(_)
            | PeerResponse::Vote(_)
            | PeerResponse::TransferLeader(_)
            | PeerResponse::Snapshot(_)
            | PeerResponse::Produced(_)
            | PeerResponse::ListedOffset(_)
            | PeerResponse::Truncated(_)
            | PeerResponse::Status(_)
            | PeerResponse::LeadershipTransferred(_)
            | PeerResponse::ReadIndex { .. }
            | PeerResponse::Joined(_) => none(&parts)?,
        }
        Ok(())
    }
}

fn only(parts: Vec<Bytes>) -> Result<Bytes, DecodeError> {
    <[Bytes; 1]>::try_from(parts)
        .map(|[part]| part)
        .map_err(|parts| DecodeError::Unknown { field: "part count", value: parts.len() as u64 })
}

fn none(parts: &[Bytes]) -> Result<(), DecodeError> {
    match parts.len() {
        0 => Ok(()),
        count => Err(DecodeError::Unknown { field: "part count", value: count as u64 }),
    }
}

/// A question on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFrame {
    /// Answers name it. Unique per connection.
    pub id: u64,
    /// Milliseconds until nobody waits for the answer any more.
    pub deadline_ms: u32,
    /// It was forwarded, and must not be forwarded again: one hop.
    pub is_forwarded: bool,
    /// Metadata index that the receiver must have applied to understand it; 0 = any.
    pub metadata_index: u64,
    /// The question.
    pub request: PeerRequest,
}

/// An answer on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseFrame {
    /// The question's id.
    pub id: u64,
    /// The answer.
    pub response: PeerResponse,
}

const IS_FORWARDED: u8 = 1;
const PART_LENGTH_BYTES: usize = 4;

impl RequestFrame {
    /// The frame that carries it; raw parts are shared with it.
    pub fn encode(&self) -> Result<EncodedFrame, TooLarge> {
        let mut frame = FrameBuilder::new(FrameKind::Request, 256);
        frame.head.put_u64_le(self.id);
        frame.head.put_u32_le(self.deadline_ms);
        frame.head.put_u8(if self.is_forwarded { IS_FORWARDED } else { 0 });
        frame.head.put_u64_le(self.metadata_index);
        put_message(frame, &self.request, self.request.parts())
    }

    /// Reads a payload of `FrameKind::Request`. Raw parts share its memory.
    pub fn decode(payload: Bytes) -> Result<RequestFrame, DecodeError> {
        let mut cursor = Cursor::new(payload);
        let id = cursor.u64("request id")?;
        let deadline_ms = cursor.u32("deadline")?;
        let is_forwarded = match cursor.u8("request flags")? {
            0 => false,
            IS_FORWARDED => true,
            other => {
                let value = u64::from(other);
                return Err(DecodeError::Unknown { field: "request flags", value });
            }
        };
        let metadata_index = cursor.u64("metadata index")?;
        let (header, parts) = take_message(cursor)?;
        let mut request: PeerRequest = codec::decode(&header)?;
        request.attach(parts)?;
        Ok(RequestFrame { id, deadline_ms, is_forwarded, metadata_index, request })
    }
}

impl ResponseFrame {
    /// The frame that carries it; raw parts are shared with it.
    pub fn encode(&self) -> Result<EncodedFrame, TooLarge> {
        let mut frame = FrameBuilder::new(FrameKind::Response, 256);
        frame.head.put_u64_le(self.id);
        put_message(frame, &self.response, self.response.parts())
    }

    /// Reads a payload of `FrameKind::Response`. Raw parts share its memory.
    pub fn decode(payload: Bytes) -> Result<ResponseFrame, DecodeError> {
        let mut cursor = Cursor::new(payload);
        let id = cursor.u64("request id")?;
        let (header, parts) = take_message(cursor)?;
        let mut response: PeerResponse = codec::decode(&header)?;
        response.attach(parts)?;
        Ok(ResponseFrame { id, response })
    }
}

fn put_message<T: Serialize>(
    mut frame: FrameBuilder,
    message: &T,
    parts: Vec<Bytes>,
) -> Result<EncodedFrame, TooLarge> {
    let header = codec::encode(message);
    frame.head.put_u32_le(length(header.len()));
    frame.head.put_u32_le(length(parts.len()));
    for part in &parts {
        frame.head.put_u32_le(u32::try_from(part.len()).unwrap_or(u32::MAX));
    }
    frame.head.put_slice(&header);
    frame.finish(parts)
}

fn take_message(mut cursor: Cursor) -> Result<(Bytes, Vec<Bytes>), DecodeError> {
    let header_bytes = cursor.u32("header length")? as usize;
    let count = cursor.count(PART_LENGTH_BYTES, "part count")?;
    let mut lengths = Vec::with_capacity(count);
    for _ in 0..count {
        lengths.push(cursor.u32("part length")? as usize);
    }
    let header = cursor.slice(header_bytes, "header")?;
    let mut parts = Vec::with_capacity(count);
    for bytes in lengths {
        parts.push(cursor.slice(bytes, "part")?);
    }
    cursor.finish()?;
    Ok((header, parts))
}

#[cfg(test)]
mod tests;
