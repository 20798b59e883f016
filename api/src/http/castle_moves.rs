//! Bodies of `/v1/castle/clusters…` and `/v1/castle/topics/{t}:move`: other clusters, and topics that
//! go on there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `PUT /v1/castle/clusters/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetClusterRequest {
    /// URLs of its servers, as clients reach them; any of them will do.
    pub servers: Vec<String>,
}

/// Answer of `GET /v1/castle/clusters`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListClustersResponse {
    /// By name.
    pub clusters: Vec<ClusterDescription>,
}

/// Another cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterDescription {
    /// The name that this cluster has for it.
    pub name: String,
    /// URLs of its servers.
    pub servers: Vec<String>,
    /// Topics of this cluster that move there, or have.
    #[serde(default)]
    pub topics: Vec<String>,
}

/// `POST /v1/castle/topics/{t}:move`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveTopicRequest {
    /// Name of the cluster.
    pub to: String,
    /// Only announce it: nothing is sealed before the same is asked for without this.
    #[serde(default)]
    pub hold: bool,
    /// Only check.
    #[serde(default)]
    pub dry_run: bool,
}

/// How far a topic's move is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TopicMovePhase {
    /// It does not move.
    #[default]
    Stays,
    /// Announced. Nothing is sealed, and it may be taken back.
    Preparing,
    /// Its partitions are being sealed. There is no way back.
    Sealing,
    /// Every partition is sealed: all that is written goes to the other cluster.
    Moved,
}

/// Where a topic is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicMoveDescription {
    /// Name of the topic.
    pub topic: String,
    /// Its id here.
    pub id: String,
    /// How far its move is.
    pub phase: TopicMovePhase,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<MovedTo>,
    /// Milliseconds since 1970, when it was announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<i64>,
    /// By number.
    pub partitions: Vec<PartitionSeal>,
    /// What keeps it from going on, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blockers: Vec<String>,
    /// State of the metadata that has the change, if this is the answer to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_index: Option<u64>,
}

/// Where a partition ends, if it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartitionSeal {
    /// Number inside the topic.
    pub partition: u32,
    /// No record is written at or above it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<u64>,
}

/// The cluster where a topic goes on, and what it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovedTo {
    /// The name that this cluster has for it.
    pub cluster: String,
    /// URLs of its servers.
    pub servers: Vec<String>,
    /// The topic's id there.
    pub id: String,
    /// Where the partition ends here, once this node knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<u64>,
}
