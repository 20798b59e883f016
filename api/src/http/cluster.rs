//! Bodies of `/v1/cluster…`: status, health, settings, nodes, decommission, leadership, moves, rebalance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::topics::{is_false, nullable_config_map};

/// Answer of `GET /v1/cluster`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterStatus {
    /// Identity, chosen at bootstrap.
    pub cluster_id: String,
    /// The node that answers; what follows is its view.
    pub node: u64,
    /// Version of that node's program.
    pub version: String,
    /// Node that leads the metadata group.
    pub controller: Option<u64>,
    /// Voters of the metadata group.
    #[serde(default)]
    pub metadata_voters: Vec<u64>,
    /// State of the metadata it is at.
    pub metadata_index: u64,
    /// All nodes, by id.
    pub nodes: Vec<NodeDescription>,
    /// Number of topics.
    pub topics: u64,
    /// Number of partitions.
    pub partitions: u64,
}

/// Answer of `GET /v1/cluster/health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterHealth {
    /// The worst of what is listed.
    pub status: HealthStatus,
    /// One sentence each: what is wrong and what it means.
    pub problems: Vec<String>,
    /// Nodes in the cluster that are not heard from.
    pub dead_nodes: Vec<u64>,
    /// Partitions that nobody leads: they take no writes.
    pub leaderless_partitions: Vec<PartitionName>,
    /// Partitions with fewer replicas in sync than they should have.
    pub under_replicated_partitions: Vec<PartitionName>,
    /// Replica moves that have not finished.
    pub moves: u64,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Everything is as it should be.
    Ok,
    /// Everything is served, with less safety than configured.
    Degraded,
    /// Something is not served.
    Unavailable,
}

/// A partition by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionName {
    /// Topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
}

/// Answer of `GET /v1/cluster/config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterConfig {
    /// Every setting with what is in effect.
    pub config: BTreeMap<String, String>,
    /// Those that were set explicitly.
    pub config_set: Vec<String>,
}

/// `PATCH /v1/cluster/config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlterClusterRequest {
    /// Settings to change, such as `cluster.auto_rebalance`; null resets one to its default.
    #[serde(deserialize_with = "nullable_config_map")]
    pub config: BTreeMap<String, Option<String>>,
}

/// Answer of `GET /v1/cluster/nodes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListNodesResponse {
    /// By id.
    pub nodes: Vec<NodeDescription>,
}

/// A node as the answering node sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeDescription {
    /// Never reused.
    pub id: u64,
    /// `active`, `draining`, `decommissioning`, `decommissioned` or `replaced`.
    pub state: String,
    /// Whether it is heard from.
    pub alive: bool,
    /// Milliseconds since it was last heard from; missing for the answering node itself, and if
    /// never.
    pub silent_ms: Option<u64>,
    /// `host:port` of its HTTP listener.
    pub http: String,
    /// `host:port` of its peer listener.
    pub peer: String,
    /// Failure domain; empty = its own.
    pub rack: String,
    /// Version of its program.
    pub version: String,
    /// Replicas placed on it.
    pub replicas: u64,
    /// Partitions it leads.
    pub leaders: u64,
    /// Part in the metadata group: `leader`, `voter` or `learner`.
    pub metadata_role: Option<String>,
}

/// `POST /v1/cluster/nodes/{id}:drain`, `:decommission`, `:recommission`, and `DELETE`; the body
/// may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeActionRequest {
    /// Only check, and say what blocks it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// Do it even though the check says that it can't finish.
    #[serde(default, skip_serializing_if = "is_false")]
    pub force: bool,
}

/// Answer of a node action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeActionResponse {
    /// The node.
    pub node: u64,
    /// Its state now.
    pub state: String,
    /// State of the metadata that has the change; missing with a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_index: Option<u64>,
    /// What stands in the way of finishing.
    #[serde(default)]
    pub blockers: Vec<String>,
}

/// Answer of `GET /v1/cluster/nodes/{id}/decommission`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecommissionProgress {
    /// The node.
    pub node: u64,
    /// Its state.
    pub state: String,
    /// Replicas still on it.
    pub partitions_left: u64,
    /// Bytes still to be copied from it.
    pub bytes_left: u64,
    /// Milliseconds until it is done at the present rate; missing while nothing moves.
    pub eta_ms: Option<u64>,
    /// Why it can't go on.
    pub blockers: Vec<String>,
}

/// `POST /v1/cluster/partitions/{t}/{p}:transfer-leadership`; the body may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferLeadershipRequest {
    /// Node that should lead; the best candidate if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

/// Answer of `:transfer-leadership`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransferLeadershipResponse {
    /// Topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
    /// Node that leads now.
    pub leader: u64,
}

/// `PUT /v1/cluster/partitions/{t}/{p}/replicas`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetReplicasRequest {
    /// Nodes that shall have a replica, the preferred leader first. Empty with `cancel`.
    #[serde(default)]
    pub nodes: Vec<u64>,
    /// Only check and show.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// Take back a move that has not finished.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cancel: bool,
}

/// Answer of `GET /v1/cluster/moves`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListMovesResponse {
    /// Moves that have not finished.
    pub moves: Vec<MoveDescription>,
}

/// A partition on its way to other nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoveDescription {
    /// Topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
    /// Nodes that have a replica now.
    pub from: Vec<u64>,
    /// Nodes that will have one.
    pub to: Vec<u64>,
    /// Bytes still to be copied, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_left: Option<u64>,
    /// Milliseconds until it is done at the present rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_ms: Option<u64>,
    /// What stands in the way.
    #[serde(default)]
    pub blockers: Vec<String>,
}

/// Answer of `PUT …/replicas`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetReplicasResponse {
    /// What will happen, or was taken back.
    #[serde(rename = "move")]
    pub planned: MoveDescription,
    /// State of the metadata that has the change; missing with a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_index: Option<u64>,
    /// Nothing was changed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// `POST /v1/cluster:rebalance`; the body may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RebalanceRequest {
    /// Only plan.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// Answer of `:rebalance`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RebalancePlan {
    /// Nothing was started.
    #[serde(default)]
    pub dry_run: bool,
    /// Replicas that move.
    pub moves: Vec<MoveDescription>,
    /// Leaderships that move.
    pub transfers: Vec<PlannedTransfer>,
}

/// A leadership on its way to another node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedTransfer {
    /// Topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
    /// Node that leads now.
    pub from: Option<u64>,
    /// Node that will lead.
    pub to: u64,
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    fn refuses<T: DeserializeOwned + std::fmt::Debug>(body: &str, expected: &str) {
        let error = serde_json::from_str::<T>(body).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn request_bodies_refuse_unknown_fields() {
        refuses::<NodeActionRequest>(r#"{"dryrun":true}"#, "unknown field `dryrun`");
        refuses::<TransferLeadershipRequest>(r#"{"node":1}"#, "unknown field `node`");
        refuses::<SetReplicasRequest>(r#"{"replicas":[1]}"#, "unknown field `replicas`");
        refuses::<RebalanceRequest>(r#"{"x":1}"#, "unknown field `x`");
        refuses::<AlterClusterRequest>("{}", "missing field `config`");
        refuses::<AlterClusterRequest>(r#"{"config":{"a":[]}}"#, "invalid type");
        refuses::<SetReplicasRequest>(r#"{"nodes":[-1]}"#, "invalid value");
    }

    #[test]
    fn empty_bodies_are_the_defaults() {
        assert_eq!(
            serde_json::from_str::<NodeActionRequest>("{}").unwrap(),
            NodeActionRequest::default()
        );
        assert_eq!(serde_json::to_string(&RebalanceRequest::default()).unwrap(), "{}");
    }
}
