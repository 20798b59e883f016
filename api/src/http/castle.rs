//! Bodies of `/v1/castle…`: the heartbeat that tells a client which broker to use and what to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::groups::GroupPartition;
use crate::model::error_code::ErrorCode;

/// A client says that it is there, what it does, and what it has done of what it was asked to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeartbeatRequest {
    /// The program's name; many clients may share it.
    pub client_id: String,
    /// The client's own name: unique while it runs, and what commands are addressed to.
    pub instance_id: String,
    /// A random text made when the client started: tells two clients with one name apart.
    pub session: String,
    /// The application, for people.
    pub app: String,
    /// The library and its version, for people.
    pub sdk: String,
    /// Where it runs, for people.
    pub host: String,
    /// Its failure domain: brokers there are preferred.
    pub rack: String,
    /// The version of the last answer that it has; 0 = none.
    pub known_version: u64,
    /// What it produces to and consumes.
    pub subscriptions: Vec<Subscription>,
    /// How it is doing.
    pub stats: ClientStats,
    /// Directives that it has done.
    pub done: Vec<u64>,
}

/// What a client does with a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Subscription {
    /// Producer or consumer.
    pub role: Role,
    /// Name of the topic.
    pub topic: String,
    /// Its group, if it consumes in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its name in the group, once it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Partitions that it holds, as it knows.
    pub held: Vec<u32>,
}

/// What a client is to a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It writes.
    #[default]
    Producer,
    /// It reads.
    Consumer,
}

/// How a client is doing, since its last heartbeat where it is a count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientStats {
    /// Records that it is behind, over all it consumes.
    pub lag: u64,
    /// Records in flight: not acknowledged, or not settled.
    pub in_flight: u64,
    /// Records written or read.
    pub records: u64,
    /// Bytes written or read.
    pub bytes: u64,
    /// Requests that failed.
    pub errors: u64,
}

/// What a client is to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatResponse {
    /// How it stands.
    pub status: HeartbeatStatus,
    /// Of this answer: grows with whatever changes in it.
    pub version: u64,
    /// When to send the next heartbeat, in milliseconds from now.
    pub interval_ms: u64,
    /// The client is forgotten after so many milliseconds without one.
    pub ttl_ms: u64,
    /// Where to go, by the cluster's name; absent when nothing changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<String, ClusterDispatch>,
    /// What to do, in order; each comes until it is among `done`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directives: Vec<Directive>,
    /// Why the client was not registered, or why a group of it could not be asked or did not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub code: Option<ErrorCode>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How a client stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeartbeatStatus {
    /// Use this answer.
    #[default]
    Ok,
    /// Go on with the answer that you have.
    NoChange,
    /// This client is not known here; `code` and `detail` say why.
    RegisterFail,
    /// It consumes, and there is no partition for it now.
    NoPartitionAssign,
}

/// Where to go in one cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterDispatch {
    /// A handful of brokers, best first: in the client's rack, with little load.
    pub brokers: Vec<BrokerCandidate>,
    /// The topics that the client named and this cluster has.
    #[serde(default)]
    pub topics: BTreeMap<String, TopicDispatch>,
}

/// A broker that a client may use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BrokerCandidate {
    /// The node's number.
    pub id: u64,
    /// Its URL.
    pub http: String,
    /// Its address for Kafka's protocol, if it speaks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<String>,
    /// Its failure domain.
    pub rack: String,
    /// From 0, idle, to 1, full.
    pub load: f64,
}

/// Where a topic is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicDispatch {
    /// Its partitions, by number.
    pub partitions: Vec<PartitionDispatch>,
    /// What the client has of it, a line per group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<Assigned>,
    /// The cluster that it moves to, or has moved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
}

/// Where a partition is. A hint: a broker that does not lead refuses with the right leader.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartitionDispatch {
    /// Number inside the topic.
    pub partition: u32,
    /// The node that leads it, as far as this one knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<u64>,
    /// The leader's epoch.
    pub epoch: u64,
    /// Nothing is written at or above it any more: the partition goes on in another cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<u64>,
}

/// What a client has in a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assigned {
    /// The group.
    pub group: String,
    /// The client's name in it.
    pub member: String,
    /// The group's generation.
    pub generation: u64,
    /// The partitions of the topic.
    pub partitions: Vec<u32>,
}

/// Something that a client is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Directive {
    /// Its number, for `done`.
    pub id: u64,
    /// What.
    #[serde(flatten)]
    pub kind: Command,
}

/// What a client can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Command {
    /// Read metadata and assignments anew.
    Reinit,
    /// Finish what is in hand, and end.
    Exit,
    /// Neither send nor take anything until `resume`.
    Pause,
    /// Go on.
    Resume,
    /// At most so much; 0 = as much as it can.
    Throttle {
        /// Bytes a second.
        bytes_per_second: u64,
    },
    /// Prefer a broker, or the brokers of a rack.
    Move {
        /// `node:N`, or `rack:NAME`.
        to: String,
    },
    /// The group's offsets of a topic were moved: drop what is in hand and read from there.
    Reset {
        /// Name of the topic.
        topic: String,
    },
}

/// Asks something of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandRequest {
    /// What.
    #[serde(flatten)]
    pub command: Command,
    /// It is forgotten if it is not done in so many milliseconds; 300,000 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
}

/// A command that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandResponse {
    /// Its number.
    pub id: u64,
    /// It is forgotten then, in milliseconds since 1970.
    pub expires_ms: i64,
}

/// All clients that the cluster's nodes have heard of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ListClientsResponse {
    /// By program and name.
    pub clients: Vec<CastleClient>,
    /// Nodes that did not answer: their clients are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_nodes: Vec<u64>,
}

/// A client that sends heartbeats.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CastleClient {
    /// The program's name.
    pub client_id: String,
    /// Its own name.
    pub instance_id: String,
    /// The application.
    pub app: String,
    /// The library.
    pub sdk: String,
    /// Where it runs.
    pub host: String,
    /// Its failure domain.
    pub rack: String,
    /// The node that heard from it last.
    pub node: u64,
    /// When it was first heard there, in milliseconds since 1970.
    pub since_ms: i64,
    /// Milliseconds since its last heartbeat.
    pub silent_ms: u64,
    /// What it produces to and consumes.
    pub subscriptions: Vec<Subscription>,
    /// What it has in its groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<GroupPartition>,
    /// How it is doing.
    pub stats: ClientStats,
    /// Directives that it has not done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directives: Vec<Directive>,
}
