//! `/v1/topics`: list, create, describe, alter, delete.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use futures_util::StreamExt;
use rampart_api::http::error::ProblemBody;
use rampart_api::http::topics::{
    AlterTopicRequest, CreateTopicRequest, CreateTopicResponse, ListTopicsResponse,
    MetadataChanged, PartitionDescription, ReplicaDescription, TopicDescription, TopicSummary,
};
use rampart_api::model::dead_letter::is_group_key;
use rampart_api::model::ids::PartitionId;
use rampart_api::model::problem::{Outcome, Problem};
use rampart_api::model::topic_config::TopicConfig;
use rampart_raft_store::state::metadata::state::{
    PartitionRecord, ReplicaRecord, ReplicaState, TopicRecord,
};

use super::body::json;
use super::edge::{Edge, partition_of};
use super::error::{Answered, Refusal, invalid};
use super::query::{NoQuery, Query, Segments};
use crate::castle_moves::sealed_at;
use crate::controller::request::NewTopic;
use crate::partition::request::{PartitionStatus, ReplicaStatus};

/// Leaders that are asked at a time.
const LEADERS_AT_ONCE: usize = 64;
/// A leader that does not answer in time is described without its numbers.
const STATUS_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Lists the topics.
#[utoipa::path(
    get, path = "/v1/topics", tag = "topics",
    responses((status = 200, description = "By name", body = ListTopicsResponse))
)]
pub(super) async fn list(State(edge): State<Edge>, _: Query<NoQuery>) -> Json<ListTopicsResponse> {
    let state = edge.services().metadata.state();
    let named = state.topic_names.keys().filter_map(|name| state.topic_by_name(name));
    Json(ListTopicsResponse { topics: named.map(|topic| summary(topic)).collect() })
}

/// Creates a topic, or with `dry_run` only checks and plans.
#[utoipa::path(
    post, path = "/v1/topics", tag = "topics", request_body = CreateTopicRequest,
    responses(
        (status = 201, description = "Created", body = CreateTopicResponse),
        (status = 200, description = "What would be created", body = CreateTopicResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(edge): State<Edge>,
    _: Query<NoQuery>,
    request: Request,
) -> Answered {
    let wanted: CreateTopicRequest = json(&edge, request).await?;
    let dry_run = wanted.dry_run;
    let new = NewTopic {
        name: wanted.name,
        partitions: wanted.partitions,
        replication_factor: wanted.replication_factor,
        config: wanted.config,
        dry_run,
    };
    let (topic, index) = edge.services().controller.create_topic(new).await?;
    let location = format!("/v1/topics/{}", topic.name);
    let body = Json(created(&topic, (!dry_run).then_some(index), dry_run));
    if dry_run {
        return Ok((StatusCode::OK, body).into_response());
    }
    Ok((StatusCode::CREATED, [(LOCATION, location)], body).into_response())
}

/// Describes a topic: configuration, and each partition as its leader sees it.
#[utoipa::path(
    get, path = "/v1/topics/{topic}", tag = "topics",
    params(("topic" = String, Path, description = "Name of the topic")),
    responses(
        (status = 200, description = "The topic", body = TopicDescription),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn describe(
    State(edge): State<Edge>,
    Segments(name): Segments<String>,
    _: Query<NoQuery>,
) -> Result<Json<TopicDescription>, Refusal> {
    let topic = edge.topic(&name).await?;
    // A key that only a newer version knows is in `config_set`; the others say what is in force.
    let (effective, _) = TopicConfig::from_stored(&topic.config);
    let mut config = effective.effective();
    let of_groups = topic.config.iter().filter(|(key, _)| is_group_key(key));
    config.extend(of_groups.map(|(key, value)| (key.clone(), value.clone())));
    let asked = (0u32..)
        .zip(&topic.partitions)
        .map(|(partition, _)| Box::pin(describe_partition(&edge, topic.clone(), partition)));
    let asked: Vec<_> = asked.collect();
    let partitions =
        futures_util::stream::iter(asked).buffered(LEADERS_AT_ONCE).collect::<Vec<_>>().await;
    Ok(Json(TopicDescription {
        name: topic.name.clone(),
        id: topic.id.to_string(),
        internal: topic.internal,
        replication_factor: topic.replication_factor,
        created_ms: topic.created_ms,
        config,
        config_set: topic.config.keys().cloned().collect(),
        partitions,
    }))
}

/// Sets configuration keys, resets them with null, or changes the replication factor.
#[utoipa::path(
    patch, path = "/v1/topics/{topic}", tag = "topics", request_body = AlterTopicRequest,
    params(("topic" = String, Path, description = "Name of the topic")),
    responses(
        (status = 200, description = "Altered", body = MetadataChanged),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn alter(
    State(edge): State<Edge>,
    Segments(name): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<MetadataChanged>, Refusal> {
    let wanted: AlterTopicRequest = json(&edge, request).await?;
    edge.topic(&name).await?;
    let controller = &edge.services().controller;
    // What can be refused is refused before anything is changed.
    if let Some(replicas) = wanted.replication_factor {
        controller.check_replication_factor(&name, replicas)?;
    }
    let mut index = None;
    if !wanted.config.is_empty() {
        index = Some(controller.alter_topic(name.clone(), wanted.config).await?);
    }
    if let Some(replicas) = wanted.replication_factor {
        let changed = controller.set_replication_factor(name, replicas).await;
        index = Some(changed.map_err(|problem| match index {
            Some(_) => half_done(problem),
            None => problem,
        })?);
    }
    let metadata_index = index
        .ok_or_else(|| invalid("nothing to change: give config or replication_factor, or both"))?;
    Ok(Json(MetadataChanged { metadata_index }))
}

/// Deletes a topic and its records. A topic created later under the same name is another one.
#[utoipa::path(
    delete, path = "/v1/topics/{topic}", tag = "topics",
    params(("topic" = String, Path, description = "Name of the topic")),
    responses(
        (status = 200, description = "Deleted", body = MetadataChanged),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(edge): State<Edge>,
    Segments(name): Segments<String>,
    _: Query<NoQuery>,
) -> Result<Json<MetadataChanged>, Refusal> {
    edge.topic(&name).await?;
    let metadata_index = edge.services().controller.delete_topic(name).await?;
    Ok(Json(MetadataChanged { metadata_index }))
}

/// The configuration was changed already, so it can't be said that nothing was done.
fn half_done(problem: Problem) -> Problem {
    let problem = Problem { outcome: Outcome::Unknown, ..problem };
    problem
        .hint("the configuration was changed, the replication factor perhaps not: look, then go on")
}

fn summary(topic: &TopicRecord) -> TopicSummary {
    TopicSummary {
        name: topic.name.clone(),
        id: topic.id.to_string(),
        internal: topic.internal,
        partitions: count(topic),
        replication_factor: topic.replication_factor,
    }
}

fn created(topic: &TopicRecord, metadata_index: Option<u64>, dry_run: bool) -> CreateTopicResponse {
    let nodes = |partition: &PartitionRecord| {
        partition.wanted_nodes().map(|node| node.0).collect::<Vec<_>>()
    };
    CreateTopicResponse {
        name: topic.name.clone(),
        id: topic.id.to_string(),
        partitions: count(topic),
        replication_factor: topic.replication_factor,
        config: topic.config.clone(),
        replicas: topic.partitions.iter().map(nodes).collect(),
        metadata_index,
        dry_run,
    }
}

fn count(topic: &TopicRecord) -> u32 {
    u32::try_from(topic.partitions.len()).expect("limited far below 2^32")
}

async fn describe_partition(
    edge: &Edge,
    topic: Arc<TopicRecord>,
    partition: PartitionId,
) -> PartitionDescription {
    let (key, record) = match partition_of(&topic, partition) {
        Ok(found) => found,
        Err(problem) => {
            let problem = Some(problem.to_string());
            return PartitionDescription { partition, problem, ..Default::default() };
        }
    };
    let state = edge.services().metadata.state();
    let sealed_at = sealed_at(&state, topic.id, partition).map(|at| at.0);
    let status = edge.services().partitions.status(key);
    let problem = match tokio::time::timeout(STATUS_TIMEOUT, status).await {
        Ok(Ok(status)) => {
            let described = by_leader(edge, partition, record, &status);
            return PartitionDescription { sealed_at, ..described };
        }
        Ok(Err(problem)) => problem.to_string(),
        Err(_) => "the leader did not answer in time".to_owned(),
    };
    let leader = edge.services().partitions.leader_hint(record.group);
    PartitionDescription {
        partition,
        leader: leader.map(|(node, _)| node.0),
        leader_epoch: leader.map_or(record.epoch, |(_, epoch)| epoch),
        replicas: record.replicas.iter().map(|replica| by_metadata(edge, replica)).collect(),
        problem: Some(problem),
        sealed_at,
        ..Default::default()
    }
}

fn by_leader(
    edge: &Edge,
    partition: PartitionId,
    record: &PartitionRecord,
    status: &PartitionStatus,
) -> PartitionDescription {
    // In the order of the metadata, where the preferred leader is first.
    let mut replicas: Vec<_> = status.replicas.iter().collect();
    replicas.sort_by_key(|replica| record.replicas.iter().position(|r| r.id == replica.replica));
    PartitionDescription {
        partition,
        leader: status.leader.map(|node| node.0),
        leader_epoch: status.leader_epoch,
        log_start_offset: Some(status.log_start.0),
        high_watermark: Some(status.high_watermark.0),
        log_end_offset: Some(status.log_end.0),
        size_bytes: Some(status.size_bytes),
        sealed_at: None,
        replicas: replicas.into_iter().map(|replica| replica_by_leader(edge, replica)).collect(),
        problem: None,
    }
}

fn replica_by_leader(edge: &Edge, replica: &ReplicaStatus) -> ReplicaDescription {
    ReplicaDescription {
        replica: replica.replica.0,
        node: replica.node.0,
        role: replica.role.clone(),
        alive: edge.services().node.is_alive(replica.node),
        in_sync: Some(replica.in_sync),
        match_offset: Some(replica.match_offset.0),
        lag_records: Some(replica.lag_records),
        lag_ms: Some(replica.lag_ms),
    }
}

fn by_metadata(edge: &Edge, replica: &ReplicaRecord) -> ReplicaDescription {
    let role = match replica.state {
        ReplicaState::Voter | ReplicaState::Leaving => "follower",
        ReplicaState::Joining => "learner",
    };
    ReplicaDescription {
        replica: replica.id.0,
        node: replica.node.0,
        role: role.to_owned(),
        alive: edge.services().node.is_alive(replica.node),
        ..Default::default()
    }
}
