//! Bodies of `/v1/groups…`: consumer groups whose partitions the cluster assigns.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::encoding::Encoding;
use super::fetch::{FetchedHeaders, FetchedRecord};
use crate::model::error_code::ErrorCode;

/// Where a group begins in partitions that it never read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartAt {
    /// With the oldest record.
    Earliest,
    /// With what is written from now on.
    #[default]
    Latest,
    /// With the first record of that time, in milliseconds since 1970, or a later one.
    Timestamp(i64),
}

/// Asks for records as a member of a group. The first poll joins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PollRequest {
    /// Who polls; empty = a new member, whose name is in the answer.
    pub member: String,
    /// Names of the topics to read.
    pub topics: Vec<String>,
    /// Where the group begins in partitions that it never read.
    pub start: StartAt,
    /// Records at most; 500 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_records: Option<u64>,
    /// Keys, values and headers in all, about; 1 MiB unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// Milliseconds to wait for a record if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
    /// Milliseconds in which the records are to be settled; 30,000 unless given. Later they are
    /// delivered again, to anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_ms: Option<u64>,
    /// The member is gone after so many milliseconds without a sign of life; 15,000 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_ms: Option<u64>,
    /// The program's name, for people.
    pub client_id: String,
    /// Where it runs, for people.
    pub host: String,
    /// Its failure domain: partitions with a replica there are preferred.
    pub rack: String,
    /// A name that outlives a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// How keys and values are written in the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub encoding: Option<Encoding>,
}

/// What a member gets.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct PollResponse {
    /// The member's name, for the next requests.
    pub member: String,
    /// The group's generation; a commit names it.
    pub generation: u64,
    /// The partitions that it holds.
    pub assignment: Vec<GroupPartition>,
    /// Records, in offset order within a partition.
    pub records: Vec<PolledRecord>,
}

/// A partition in a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct GroupPartition {
    /// Name of the topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
}

/// A record in a member's hands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolledRecord {
    /// Name of its topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
    /// Position in the partition.
    pub offset: u64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// A string, null, or `{"$base64":"…"}`.
    #[schema(value_type = Option<serde_json::Value>)]
    pub key: Option<Box<RawValue>>,
    /// As the encoding says, null, or `{"$base64":"…"}`.
    #[schema(value_type = Option<serde_json::Value>)]
    pub value: Option<Box<RawValue>>,
    /// An object, or `[["name","value"],…]` where a name repeats.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, Option<serde_json::Value>>)]
    pub headers: FetchedHeaders,
    /// What to hand back.
    pub ack_token: String,
    /// Which delivery it is, from 1.
    pub attempt: u32,
    /// What went wrong the last time, if it was parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl PolledRecord {
    /// The record alone.
    pub fn into_record(self) -> FetchedRecord {
        let PolledRecord { topic, partition, offset, timestamp, key, value, headers, .. } = self;
        FetchedRecord { topic, partition, offset, timestamp, key, value, headers }
    }
}

/// What a member did with records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AckRequest {
    /// Who.
    pub member: String,
    /// Tokens of records that it is done with.
    pub ack: Vec<String>,
    /// Records that it wants again.
    pub retry: Vec<RetryItem>,
    /// Records that it never will be done with.
    pub reject: Vec<RejectItem>,
    /// Records that it keeps for longer.
    pub renew: Vec<RenewItem>,
}

/// A record that a member wants again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryItem {
    /// Its token.
    pub token: String,
    /// In so many milliseconds at the earliest; the topic's dead-letter switch says so if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// A record that a member rejects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectItem {
    /// Its token.
    pub token: String,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// A record that a member keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewItem {
    /// Its token.
    pub token: String,
    /// For so many milliseconds from now; 30,000 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_ms: Option<u64>,
}

/// One result per token: those of `ack`, `retry`, `reject` and `renew`, in that order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AckResponse {
    /// In the order of the tokens.
    pub results: Vec<AckResult>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AckResult {
    /// Its token.
    pub token: String,
    /// What became of it; absent where it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Settled>,
    /// When it is delivered again at the earliest, in milliseconds since 1970, if it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_ms: Option<i64>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub code: Option<ErrorCode>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of a record that a member spoke of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// It is done.
    Acked,
    /// It was settled before.
    AlreadySettled,
    /// It waits, and is delivered again.
    Parked,
    /// It goes into the dead-letter topic.
    Dying,
    /// It is delivered again from where it lies, before those that follow.
    InPlace,
    /// It was gone from its partition.
    Gone,
    /// The member keeps it.
    Renewed,
}

/// Commits offsets: all below them is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitRequest {
    /// Who; absent where the group has no members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The generation that the member knows.
    #[serde(default)]
    pub generation: u64,
    /// The next offset to process, per partition.
    pub offsets: Vec<CommitOffset>,
}

/// An offset to commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitOffset {
    /// Name of the topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
    /// The next offset to process.
    pub offset: u64,
    /// A note.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
}

/// How far a group is after a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommitResponse {
    /// Per partition that was named.
    pub offsets: Vec<CommittedOffset>,
}

/// How far a group is in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommittedOffset {
    /// Name of the topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
    /// The next offset to process.
    pub offset: u64,
}

/// Where to move a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResetTo {
    /// To the oldest record.
    Earliest,
    /// To the end.
    Latest,
    /// To the first record of that time, in milliseconds since 1970, or a later one.
    Timestamp(i64),
    /// To that offset, within the partition's bounds.
    Offset(u64),
    /// So many records forwards, or back.
    Shift(i64),
}

/// Moves a group to other offsets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// Name of the topic.
    pub topic: String,
    /// Numbers inside the topic; all of them if none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<u32>,
    /// Where to.
    pub to: ResetTo,
    /// Although it has members: what they hold is then delivered anew.
    #[serde(default)]
    pub force: bool,
    /// Only says what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a reset did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResetResponse {
    /// Per partition.
    pub offsets: Vec<ResetOffset>,
    /// Nothing was changed.
    pub dry_run: bool,
}

/// What a reset does in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResetOffset {
    /// Name of the topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
    /// Where the group was.
    pub from: Option<u64>,
    /// Where it is then.
    pub to: u64,
}

/// All groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListGroupsResponse {
    /// By name.
    pub groups: Vec<GroupSummary>,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupSummary {
    /// Its name.
    pub group: String,
    /// Its generation.
    pub generation: u64,
    /// How many members it has.
    pub members: u64,
    /// Partitions it has offsets of.
    pub partitions: u64,
    /// Records that wait to be delivered again, or are on their way into a dead-letter topic.
    pub parked: u64,
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupDescription {
    /// Its name.
    pub group: String,
    /// Its generation.
    pub generation: u64,
    /// `server`, or Kafka's.
    pub protocol: String,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: i64,
    /// Who is in it.
    pub members: Vec<GroupMember>,
    /// Partition by partition.
    pub partitions: Vec<GroupPartitionDescription>,
    /// What happened to its records since it was created.
    pub counters: GroupCounters,
}

/// A member of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupMember {
    /// Its name.
    pub member: String,
    /// The program's name.
    pub client_id: String,
    /// Where it runs.
    pub host: String,
    /// Its failure domain.
    pub rack: String,
    /// A name that outlives a restart, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// It is gone after so many milliseconds without a sign of life.
    pub session_ms: u32,
}

/// A partition in a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupPartitionDescription {
    /// Name of the topic; its id where it is gone.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
    /// The next offset to process.
    pub committed: Option<u64>,
    /// End of what can be read; absent where no leader answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_watermark: Option<u64>,
    /// Records that the group has not done: in hand, parked and to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Records in the holder's hands.
    pub in_flight: u64,
    /// Records that wait to be delivered again.
    pub parked: u64,
    /// Records on their way into a dead-letter topic.
    pub dying: u64,
}

/// What happened to a group's records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupCounters {
    /// Gone from their partition before they were delivered.
    pub lost: u64,
    /// Parked.
    pub parked: u64,
    /// Processed after they were parked.
    pub recovered: u64,
    /// Written to a dead-letter topic.
    pub dead: u64,
    /// Taken from a dead-letter topic and parked again.
    pub redriven: u64,
    /// Given up.
    pub dropped: u64,
    /// Members that were gone without a word.
    pub expired: u64,
}

/// How far a group is behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LagResponse {
    /// Over all partitions whose leader answered.
    pub lag: u64,
    /// Partition by partition.
    pub partitions: Vec<GroupPartitionDescription>,
}

/// How a group is to be deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeleteGroupRequest {
    /// Although records of it are parked: they are dropped.
    pub force: bool,
}
