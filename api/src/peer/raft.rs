//! `[pure]` Raft between replicas, in Rampart's own words. Entries are described in fixed-width
//! fields and their payloads follow raw at the end of the frame: nothing of them passes through
//! serde, writing shares their memory, and reading hands out slices of the frame.
//!
//! ```text
//! append:  group to stream seq | flags vote prev? commit? | count {term index kind length}* | payloads
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::frame::{EncodedFrame, FrameBuilder, FrameKind, TooLarge};
use super::wire::{Cursor, DecodeError, length};
use crate::model::ids::{GroupId, NodeId, ReplicaId};

/// Position of an entry: the term it was written in and its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogId {
    /// Term of the leader that wrote it.
    pub term: u64,
    /// Position in the log.
    pub index: u64,
}

/// A vote: for whom in which term, and whether a quorum granted it (then it is a leader's).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Term of the candidate or leader.
    pub term: u64,
    /// The candidate or leader.
    pub replica: ReplicaId,
    /// Granted by a quorum.
    pub committed: bool,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendEntry {
    /// Where it is.
    pub id: LogId,
    /// What its payload means; the log's own number.
    pub kind: u8,
    /// Raw bytes.
    pub payload: Bytes,
}

/// Entries for a follower; none = a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The group.
    pub group: GroupId,
    /// The replica they are for. Another replica of the group on the same node must not take them.
    pub to: ReplicaId,
    /// Requests of one stream are handled in order; answers name the stream. Unique per sender.
    pub stream: u64,
    /// Position in the stream, from 0.
    pub seq: u64,
    /// The stream ends with this request; there is nothing to keep for it.
    pub is_single: bool,
    /// The sender's vote.
    pub vote: Vote,
    /// The entry before the first one.
    pub prev: Option<LogId>,
    /// Highest committed entry as far as the sender knows.
    pub commit: Option<LogId>,
    /// The entries.
    pub entries: Vec<AppendEntry>,
}

const HAS_PREV: u8 = 1;
const HAS_COMMIT: u8 = 2;
const VOTE_COMMITTED: u8 = 4;
const IS_SINGLE: u8 = 8;
const APPEND_FLAGS: u8 = HAS_PREV | HAS_COMMIT | VOTE_COMMITTED | IS_SINGLE;
const APPEND_FIXED_BYTES: usize = 4 * 8 + 1 + 2 * 8 + 2 * 16 + 4;
const ENTRY_FIXED_BYTES: usize = 8 + 8 + 1 + 4;

impl Append {
    /// The frame that carries it; the payloads are shared with it.
    pub fn encode(self) -> Result<EncodedFrame, TooLarge> {
        let fixed = APPEND_FIXED_BYTES + self.entries.len() * ENTRY_FIXED_BYTES;
        let mut frame = FrameBuilder::new(FrameKind::Append, fixed);
        let head = &mut frame.head;
        head.put_u64_le(self.group.0);
        head.put_u64_le(self.to.0);
        head.put_u64_le(self.stream);
        head.put_u64_le(self.seq);
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        head.put_u8(
            flag(self.prev.is_some(), HAS_PREV)
                | flag(self.commit.is_some(), HAS_COMMIT)
                | flag(self.vote.committed, VOTE_COMMITTED)
                | flag(self.is_single, IS_SINGLE),
        );
        head.put_u64_le(self.vote.term);
        head.put_u64_le(self.vote.replica.0);
        self.prev.into_iter().chain(self.commit).for_each(|id| put_log_id(head, id));
        head.put_u32_le(length(self.entries.len()));
        for entry in &self.entries {
            put_log_id(head, entry.id);
            head.put_u8(entry.kind);
            head.put_u32_le(u32::try_from(entry.payload.len()).unwrap_or(u32::MAX));
        }
        frame.finish(self.entries.into_iter().map(|entry| entry.payload).collect())
    }

    /// Reads a payload of `FrameKind::Append`. Entries share its memory.
    pub fn decode(payload: Bytes) -> Result<Append, DecodeError> {
        let mut cursor = Cursor::new(payload);
        let group = GroupId(cursor.u64("group")?);
        let to = ReplicaId(cursor.u64("replica")?);
        let stream = cursor.u64("stream")?;
        let seq = cursor.u64("seq")?;
        let flags = cursor.u8("flags")?;
        if flags & !APPEND_FLAGS != 0 {
            return Err(DecodeError::Unknown { field: "append flags", value: u64::from(flags) });
        }
        let vote = Vote {
            term: cursor.u64("vote term")?,
            replica: ReplicaId(cursor.u64("vote replica")?),
            committed: flags & VOTE_COMMITTED != 0,
        };
        let prev = optional_log_id(&mut cursor, flags & HAS_PREV != 0)?;
        let commit = optional_log_id(&mut cursor, flags & HAS_COMMIT != 0)?;
        let is_single = flags & IS_SINGLE != 0;
        let entries = take_entries(&mut cursor)?;
        cursor.finish()?;
        Ok(Append { group, to, stream, seq, is_single, vote, prev, commit, entries })
    }
}

fn take_entries(cursor: &mut Cursor) -> Result<Vec<AppendEntry>, DecodeError> {
    let count = cursor.count(ENTRY_FIXED_BYTES, "entry count")?;
    let mut described = Vec::with_capacity(count);
    for _ in 0..count {
        let id = log_id(cursor)?;
        described.push((id, cursor.u8("entry kind")?, cursor.u32("entry length")? as usize));
    }
    let mut entries = Vec::with_capacity(count);
    for (id, kind, bytes) in described {
        entries.push(AppendEntry { id, kind, payload: cursor.slice(bytes, "entry payload")? });
    }
    Ok(entries)
}

fn put_log_id(head: &mut BytesMut, id: LogId) {
    head.put_u64_le(id.term);
    head.put_u64_le(id.index);
}

fn log_id(cursor: &mut Cursor) -> Result<LogId, DecodeError> {
    Ok(LogId { term: cursor.u64("term")?, index: cursor.u64("index")? })
}

fn optional_log_id(cursor: &mut Cursor, is_there: bool) -> Result<Option<LogId>, DecodeError> {
    if is_there { log_id(cursor).map(Some) } else { Ok(None) }
}

/// Answer to the requests of a stream up to `seq`: answers are cumulative, so that one may stand
/// for many requests that were ready together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendReply {
    /// The stream that was answered.
    pub stream: u64,
    /// The last request that was answered.
    pub seq: u64,
    /// The answer.
    pub result: AppendResult,
}

/// What became of an append. All but `Matched` end the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendResult {
    /// The follower's log, on its disk, is the leader's up to here.
    Matched(Option<LogId>),
    /// The follower doesn't have this entry, which the request builds on.
    Conflict(LogId),
    /// The follower has seen a higher vote.
    HigherVote(Vote),
    /// The follower didn't look at it.
    Unreachable(UnreachableReason),
}

/// Why a replica didn't take a message. Numbers are on the wire: never reuse, never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[repr(u8)]
pub enum UnreachableReason {
    /// No such replica on the node: not created yet, or dropped.
    #[error("no such replica there")]
    NoSuchReplica = 1,
    /// The node's disk is full up to its reserve.
    #[error("its disk is full up to the reserve")]
    DiskReserve = 2,
    /// The replica is starting or stopping, or its core has stopped.
    #[error("the replica is not running")]
    NotRunning = 3,
    /// The node doesn't vote now: the leader's node lives, or too few nodes know this one yet.
    #[error("the node doesn't vote now")]
    NoVoteNow = 4,
    /// A limit was reached.
    #[error("a limit was reached")]
    Overloaded = 5,
    /// The message can't be understood.
    #[error("the message can't be understood there")]
    Malformed = 6,
}

impl UnreachableReason {
    fn from_number(number: u8) -> Result<Self, DecodeError> {
        match number {
            1 => Ok(UnreachableReason::NoSuchReplica),
            2 => Ok(UnreachableReason::DiskReserve),
            3 => Ok(UnreachableReason::NotRunning),
            4 => Ok(UnreachableReason::NoVoteNow),
            5 => Ok(UnreachableReason::Overloaded),
            6 => Ok(UnreachableReason::Malformed),
            _ => Err(DecodeError::Unknown { field: "reason", value: u64::from(number) }),
        }
    }
}

const REPLY_NOTHING_MATCHED: u8 = 0;
const REPLY_MATCHED: u8 = 1;
const REPLY_CONFLICT: u8 = 2;
const REPLY_HIGHER_VOTE: u8 = 3;
const REPLY_UNREACHABLE: u8 = 4;

impl AppendReply {
    /// The frame that carries it.
    pub fn encode(&self) -> EncodedFrame {
        let mut frame = FrameBuilder::new(FrameKind::AppendReply, 2 * 8 + 1 + 2 * 8 + 1);
        let head = &mut frame.head;
        head.put_u64_le(self.stream);
        head.put_u64_le(self.seq);
        match self.result {
            AppendResult::Matched(None) => head.put_u8(REPLY_NOTHING_MATCHED),
            AppendResult::Matched(Some(id)) => {
                head.put_u8(REPLY_MATCHED);
                put_log_id(head, id);
            }
            AppendResult::Conflict(id) => {
                head.put_u8(REPLY_CONFLICT);
                put_log_id(head, id);
            }
            AppendResult::HigherVote(vote) => {
                head.put_u8(REPLY_HIGHER_VOTE);
                head.put_u64_le(vote.term);
                head.put_u64_le(vote.replica.0);
                head.put_u8(u8::from(vote.committed));
            }
            AppendResult::Unreachable(reason) => {
                head.put_u8(REPLY_UNREACHABLE);
                head.put_u8(reason as u8);
            }
        }
        frame.finish_small()
    }

    /// Reads a payload of `FrameKind::AppendReply`.
    pub fn decode(payload: Bytes) -> Result<AppendReply, DecodeError> {
        let mut cursor = Cursor::new(payload);
        let stream = cursor.u64("stream")?;
        let seq = cursor.u64("seq")?;
        let result = match cursor.u8("result")? {
            REPLY_NOTHING_MATCHED => AppendResult::Matched(None),
            REPLY_MATCHED => AppendResult::Matched(Some(log_id(&mut cursor)?)),
            REPLY_CONFLICT => AppendResult::Conflict(log_id(&mut cursor)?),
            REPLY_HIGHER_VOTE => AppendResult::HigherVote(Vote {
                term: cursor.u64("vote term")?,
                replica: ReplicaId(cursor.u64("vote replica")?),
                committed: match cursor.u8("vote committed")? {
                    0 => false,
                    1 => true,
                    other => {
                        let value = u64::from(other);
                        return Err(DecodeError::Unknown { field: "vote committed", value });
                    }
                },
            }),
            REPLY_UNREACHABLE => {
                AppendResult::Unreachable(UnreachableReason::from_number(cursor.u8("reason")?)?)
            }
            other => {
                return Err(DecodeError::Unknown { field: "result", value: u64::from(other) });
            }
        };
        cursor.finish()?;
        Ok(AppendReply { stream, seq, result })
    }
}

/// Streams that their sender gave up; the receiver forgets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamsEnded(pub Vec<u64>);

impl StreamsEnded {
    /// The frame that carries it.
    pub fn encode(&self) -> EncodedFrame {
        let mut frame = FrameBuilder::new(FrameKind::StreamsEnded, 4 + 8 * self.0.len());
        frame.head.put_u32_le(length(self.0.len()));
        self.0.iter().for_each(|stream| frame.head.put_u64_le(*stream));
        frame.finish_small()
    }

    /// Reads a payload of `FrameKind::StreamsEnded`.
    pub fn decode(payload: Bytes) -> Result<StreamsEnded, DecodeError> {
        let mut cursor = Cursor::new(payload);
        let count = cursor.count(8, "stream count")?;
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            streams.push(cursor.u64("stream")?);
        }
        cursor.finish()?;
        Ok(StreamsEnded(streams))
    }
}

/// A candidate asks for a vote, or whether it would get one (pre-vote).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteRequest {
    /// The group.
    pub group: GroupId,
    /// The replica that is asked.
    pub to: ReplicaId,
    /// The vote it should give.
    pub vote: Vote,
    /// Last entry of the candidate.
    pub last: Option<LogId>,
    /// The current leader asked the candidate to take over.
    pub leadership_transfer: bool,
}

/// The answer of a voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteAnswer {
    /// The voter's vote after the question.
    pub vote: Vote,
    /// Granted to the candidate.
    pub granted: bool,
    /// Last entry of the voter.
    pub last: Option<LogId>,
}

/// A leader tells every voter who shall take over: that one campaigns, the others give up the old
/// leader's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRequest {
    /// The group.
    pub group: GroupId,
    /// The replica that is told.
    pub to: ReplicaId,
    /// The replica that shall lead.
    pub successor: ReplicaId,
    /// The vote of the leader that asks.
    pub from: Vote,
    /// What the new leader must have.
    pub last: Option<LogId>,
}

/// The answer of a replica that was asked to take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferAnswer {
    /// It campaigns now.
    Accepted,
    /// It follows somebody else by now.
    VoteChanged {
        /// The vote it was asked under.
        expected: Vote,
        /// Its vote.
        actual: Vote,
    },
    /// It doesn't have the leader's last entry on disk yet.
    LogNotFlushed {
        /// What it should have.
        expected: Option<LogId>,
        /// What it has.
        actual: Option<LogId>,
    },
}

/// A membership and the entry that set it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMembership {
    /// The entry that set it.
    pub id: Option<LogId>,
    /// One set of voters, or two while the membership is joint.
    pub voters: Vec<Vec<ReplicaId>>,
    /// All members, learners included, and their nodes.
    pub members: Vec<(ReplicaId, NodeId)>,
}

/// A snapshot. It is small, because the log is the data: one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRequest {
    /// The group.
    pub group: GroupId,
    /// The replica it is for.
    pub to: ReplicaId,
    /// The leader's vote.
    pub vote: Vote,
    /// Last entry the snapshot stands for.
    pub last: Option<LogId>,
    /// Membership at that entry.
    pub membership: StoredMembership,
    /// The state machine's bytes; travel raw.
    #[serde(skip)]
    pub data: Bytes,
}

#[cfg(test)]
mod tests;
