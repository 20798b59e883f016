//! `/v1/cluster`: what it is, whether it is well, as this node sees it, and its settings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use futures_util::StreamExt;
use rampart_api::http::cluster::{
    AlterClusterRequest, ClusterConfig, ClusterHealth, ClusterStatus, HealthStatus, PartitionName,
};
use rampart_api::http::error::ProblemBody;
use rampart_api::http::topics::MetadataChanged;
use rampart_api::model::ids::GroupId;
use rampart_raft_store::state::metadata::state::{
    MetadataState, NodeState, PartitionRecord, ReplicaState,
};

use super::body::json;
use super::edge::Edge;
use super::error::{Refusal, invalid};
use super::nodes;
use super::query::{NoQuery, Query};
use crate::controller::CLUSTER_SETTINGS;
use crate::partition::request::{PartitionKey, PartitionStatus};

/// Leaders that one question about the health asks,
const STATUSES_MAX: usize = 512;
/// so many at a time,
const STATUSES_AT_ONCE: usize = 64;
/// for so long in all.
const STATUSES_TIME_MAX: Duration = Duration::from_millis(1_500);

/// Describes the cluster as this node sees it.
#[utoipa::path(
    get, path = "/v1/cluster", tag = "cluster",
    responses((status = 200, description = "The cluster", body = ClusterStatus))
)]
pub(super) async fn status(State(edge): State<Edge>, _: Query<NoQuery>) -> Json<ClusterStatus> {
    let services = edge.services();
    let state = services.metadata.state();
    Json(ClusterStatus {
        cluster_id: state.cluster.map(|id| id.to_string()).unwrap_or_default(),
        node: services.node.id().0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        controller: services.metadata.leader().map(|node| node.0),
        metadata_voters: services.metadata.voters().iter().map(|node| node.0).collect(),
        metadata_index: services.metadata.applied_index(),
        nodes: nodes::describe_all(&edge, &state),
        topics: state.topics.len() as u64,
        partitions: state.groups.len() as u64,
    })
}

/// Says whether everything is served, and as safely as it should be.
#[utoipa::path(
    get, path = "/v1/cluster/health", tag = "cluster",
    responses((status = 200, description = "The worst that was found, and all of it",
               body = ClusterHealth))
)]
pub(super) async fn health(
    State(edge): State<Edge>,
    _: Query<NoQuery>,
) -> Result<Json<ClusterHealth>, Refusal> {
    let lagging = lagging(&edge).await;
    Ok(Json(judge(&edge, &lagging)))
}

/// Shows the settings of the whole cluster.
#[utoipa::path(
    get, path = "/v1/cluster/config", tag = "cluster",
    responses((status = 200, description = "Every setting", body = ClusterConfig))
)]
pub(super) async fn config(State(edge): State<Edge>, _: Query<NoQuery>) -> Json<ClusterConfig> {
    let state = edge.services().metadata.state();
    Json(effective_config(&state))
}

/// Changes settings of the whole cluster; null resets one to its default.
#[utoipa::path(
    patch, path = "/v1/cluster/config", tag = "cluster", request_body = AlterClusterRequest,
    responses(
        (status = 200, description = "Changed", body = MetadataChanged),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn alter_config(
    State(edge): State<Edge>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<MetadataChanged>, Refusal> {
    let wanted: AlterClusterRequest = json(&edge, request).await?;
    if wanted.config.is_empty() {
        return Err(invalid("nothing to change: config is empty").into());
    }
    let index = edge.services().controller.set_cluster_config(wanted.config).await?;
    Ok(Json(MetadataChanged { metadata_index: index }))
}

/// What the controller itself keeps there is not shown.
fn effective_config(state: &MetadataState) -> ClusterConfig {
    let (mut config, mut config_set) = (BTreeMap::new(), Vec::new());
    for (key, default) in CLUSTER_SETTINGS {
        let set = state.config.get(key);
        config_set.extend(set.map(|_| key.to_owned()));
        config.insert(key.to_owned(), set.map_or(default, String::as_str).to_owned());
    }
    ClusterConfig { config, config_set }
}

/// Partitions whose leaders say that fewer replicas are in sync than there should be. Those that
/// this node leads are asked first, for that costs least; beyond a number of partitions or a time
/// the others count as they look from here.
async fn lagging(edge: &Edge) -> BTreeSet<GroupId> {
    let state = edge.services().metadata.state();
    let this = edge.services().node.id();
    let mut asked: Vec<_> = state
        .partitions()
        .filter(|(_, _, partition)| edge.is_led(partition))
        .map(|(topic, number, partition)| {
            let leader = edge.services().partitions.leader_hint(partition.group);
            let key = PartitionKey { topic: topic.id, partition: number };
            let is_here = leader.is_some_and(|(node, _)| node == this);
            (is_here, key, partition.group, topic.replication_factor as usize)
        })
        .collect();
    asked.sort_by_key(|(is_here, ..)| !is_here);
    let statuses = asked.into_iter().take(STATUSES_MAX).map(|(_, key, group, wanted)| {
        let status = edge.services().partitions.status(key);
        async move { status.await.is_ok_and(|s| in_sync(&s) < wanted).then_some(group) }
    });
    let statuses: Vec<_> = statuses.map(Box::pin).collect();
    let out_of_time = Box::pin(tokio::time::sleep(STATUSES_TIME_MAX));
    let found = futures_util::stream::iter(statuses).buffer_unordered(STATUSES_AT_ONCE);
    found.take_until(out_of_time).filter_map(std::future::ready).collect().await
}

fn in_sync(status: &PartitionStatus) -> usize {
    let voters = status.replicas.iter().filter(|replica| replica.role != "learner");
    voters.filter(|replica| replica.in_sync).count()
}

fn judge(edge: &Edge, lagging: &BTreeSet<GroupId>) -> ClusterHealth {
    let services = edge.services();
    let state = services.metadata.state();
    let mut health = ClusterHealth {
        status: HealthStatus::Ok,
        problems: Vec::new(),
        dead_nodes: dead_nodes(edge, &state),
        leaderless_partitions: Vec::new(),
        under_replicated_partitions: Vec::new(),
        moves: 0,
    };
    for (topic, number, partition) in state.partitions() {
        let name = || PartitionName { topic: topic.name.clone(), partition: number };
        health.moves += u64::from(partition.is_moving());
        if !edge.is_led(partition) {
            health.leaderless_partitions.push(name());
        } else if lagging.contains(&partition.group)
            || living_voters(edge, partition) < (topic.replication_factor as usize)
        {
            health.under_replicated_partitions.push(name());
        }
    }
    explain(&mut health, services.metadata.leader().is_some());
    health
}

fn dead_nodes(edge: &Edge, state: &MetadataState) -> Vec<u64> {
    let is_expected = |node: NodeState| match node {
        NodeState::Active | NodeState::Draining | NodeState::Decommissioning => true,
        NodeState::Decommissioned | NodeState::Replaced => false,
    };
    let expected = state.nodes.values().filter(|node| is_expected(node.state));
    expected.filter(|node| !edge.services().node.is_alive(node.id)).map(|node| node.id.0).collect()
}

fn living_voters(edge: &Edge, partition: &PartitionRecord) -> usize {
    let votes = |state: ReplicaState| state != ReplicaState::Joining;
    let voters = partition.replicas.iter().filter(|replica| votes(replica.state));
    voters.filter(|replica| edge.services().node.is_alive(replica.node)).count()
}

fn explain(health: &mut ClusterHealth, has_controller: bool) {
    let mut say = |status: HealthStatus, sentence: String| {
        health.status = health.status.max(status);
        health.problems.push(sentence);
    };
    if !has_controller {
        say(
            HealthStatus::Unavailable,
            "no controller: topics and nodes can't be changed until a majority of the metadata \
             voters is up"
                .to_owned(),
        );
    }
    let leaderless = health.leaderless_partitions.len();
    if leaderless > 0 {
        say(
            HealthStatus::Unavailable,
            format!("{leaderless} partitions have no living leader: they serve nobody now"),
        );
    }
    let under_replicated = health.under_replicated_partitions.len();
    if under_replicated > 0 {
        say(
            HealthStatus::Degraded,
            format!("{under_replicated} partitions have fewer replicas in sync than they should"),
        );
    }
    for node in &health.dead_nodes {
        say(HealthStatus::Degraded, format!("node {node} is not heard from"));
    }
}
