//! What edges ask of a partition, and what they get. The same shapes travel between nodes.

use std::time::Duration;

use bytes::Bytes;
use rampart_api::model::ids::{
    GroupId, LeaderEpoch, NodeId, Offset, PartitionId, ReplicaId, TopicId,
};
use rampart_api::model::once::OnceTag;
use rampart_api::model::topic_config::Ack;
use rampart_raft_store::state::group::TopicPartition;
use serde::{Deserialize, Serialize};

/// Which partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartitionKey {
    /// Identity of the topic, resolved from its name at the edge.
    pub topic: TopicId,
    /// Number inside the topic.
    pub partition: PartitionId,
}

impl From<TopicPartition> for PartitionKey {
    fn from(at: TopicPartition) -> PartitionKey {
        PartitionKey { topic: at.topic, partition: at.partition }
    }
}

/// Record batches to append. The batches were validated (CRC, count, bounds) at the edge.
#[derive(Debug, Clone)]
pub struct Produce {
    /// Where to.
    pub key: PartitionKey,
    /// `None` = the topic's.
    pub ack: Option<Ack>,
    /// How long the caller waits; within it the node retries what was certainly not appended.
    pub timeout: Duration,
    /// One or more record batches v2, back to back.
    pub batches: Bytes,
    /// Records in them.
    pub records: u32,
    /// They are one batch, which is written once however often it comes.
    pub once: Option<OnceTag>,
}

/// Where the records landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Produced {
    /// Offset of the first record. `None` with ack 0, where nobody knows yet.
    pub base_offset: Option<Offset>,
    /// Term of the leader that appended them.
    pub leader_epoch: LeaderEpoch,
    /// First offset that can be read.
    pub log_start: Offset,
    /// They were there already: the time that records without one were given then.
    pub replayed_stamp_ms: Option<i64>,
}

/// Records to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// Where from.
    pub key: PartitionKey,
    /// First offset wanted.
    pub offset: Offset,
    /// Stop after about this many bytes; at least one batch is answered if there is one.
    pub max_bytes: u32,
    /// Milliseconds to wait for a record if there is none.
    pub wait_ms: u32,
    /// Confirm leadership first, so that an empty answer is proof of absence.
    pub linearizable: bool,
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Whole batches; the first may start below the offset asked for.
    pub batches: Vec<Bytes>,
    /// Nobody reads at or above it.
    pub high_watermark: Offset,
    /// First offset that can be read.
    pub log_start: Offset,
    /// Term of the leader that answered.
    pub leader_epoch: LeaderEpoch,
}

/// A position described by something else than an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OffsetSpec {
    /// First readable record.
    Earliest,
    /// After the last readable record.
    Latest,
    /// So many records before the end, not below the start.
    FromEnd(u64),
    /// First record with this timestamp (ms) or a later one; the end if there is none.
    Timestamp(i64),
}

/// An offset that was asked for by description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedOffset {
    /// The offset.
    pub offset: Offset,
    /// Timestamp of the record there, for `Timestamp`.
    pub timestamp_ms: Option<i64>,
    /// Nobody reads at or above it.
    pub high_watermark: Offset,
    /// First readable offset.
    pub log_start: Offset,
}

/// One replica as its leader sees it (whose view: the partition's leader).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaStatus {
    /// The replica.
    pub replica: ReplicaId,
    /// Its node.
    pub node: NodeId,
    /// `leader`, `follower` or `learner`.
    pub role: String,
    /// Last offset + 1 that it is known to have on disk.
    pub match_offset: Offset,
    /// Records it is behind the leader's log end.
    pub lag_records: u64,
    /// Milliseconds since it was last caught up.
    pub lag_ms: u64,
    /// Member of the in-sync set.
    pub in_sync: bool,
}

/// A partition as its leader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionStatus {
    /// Its group.
    pub group: GroupId,
    /// The node that leads it, if known.
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
