//! `/v1/castle/clusters…` and `/v1/castle/topics/{t}:move`: other clusters, and topics that go on
//! there.

use axum::Json;
use axum::extract::{Request, State};
use rampart_api::http::castle_moves::{
    ClusterDescription, ListClustersResponse, MoveTopicRequest, MovedTo, PartitionSeal,
    SetClusterRequest, TopicMoveDescription, TopicMovePhase,
};
use rampart_api::http::error::ProblemBody;
use rampart_api::http::topics::MetadataChanged;
use rampart_raft_store::state::metadata::castle::{MovePhase, TopicMove};
use rampart_raft_store::state::metadata::state::{MetadataState, TopicRecord};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::json;
use super::edge::Edge;
use super::error::Refusal;
use super::query::{NoQuery, Query, Segments, split_verb, unknown_verb};
use crate::controller::request::NewTopicMove;

const VERBS: [&str; 2] = [":move", ":cancel"];

/// Lists the clusters that topics can move to.
#[utoipa::path(
    get, path = "/v1/castle/clusters", tag = "castle",
    responses((status = 200, description = "By name", body = ListClustersResponse))
)]
pub(super) async fn list_clusters(
    State(edge): State<Edge>,
    _: Query<NoQuery>,
) -> Json<ListClustersResponse> {
    let state = edge.services().metadata.state();
    let clusters = state.castle.clusters.iter();
    let clusters = clusters.map(|(name, cluster)| ClusterDescription {
        name: name.clone(),
        servers: cluster.servers.clone(),
        topics: topics_to(&state, name),
    });
    Json(ListClustersResponse { clusters: clusters.collect() })
}

/// Registers another cluster, or changes how it is reached.
#[utoipa::path(
    put, path = "/v1/castle/clusters/{name}", tag = "castle", request_body = SetClusterRequest,
    params(("name" = String, Path, description = "The name that this cluster has for it")),
    responses(
        (status = 200, description = "Registered", body = MetadataChanged),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn set_cluster(
    State(edge): State<Edge>,
    Segments(name): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<MetadataChanged>, Refusal> {
    let wanted: SetClusterRequest = json(&edge, request).await?;
    let controller = &edge.services().controller;
    let metadata_index = controller.set_peer_cluster(name, wanted.servers).await?;
    Ok(Json(MetadataChanged { metadata_index }))
}

/// Forgets another cluster to which no topic has moved.
#[utoipa::path(
    delete, path = "/v1/castle/clusters/{name}", tag = "castle",
    params(("name" = String, Path, description = "The name that this cluster has for it")),
    responses(
        (status = 200, description = "Forgotten", body = MetadataChanged),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove_cluster(
    State(edge): State<Edge>,
    Segments(name): Segments<String>,
    _: Query<NoQuery>,
) -> Result<Json<MetadataChanged>, Refusal> {
    let metadata_index = edge.services().controller.remove_peer_cluster(name).await?;
    Ok(Json(MetadataChanged { metadata_index }))
}

/// Query of a look at a move.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LookParams {
    /// Confirm that nothing newer is known in the cluster. What blocks the move is left out then.
    #[serde(default)]
    confirm: bool,
}

/// `GET /v1/castle/topics/{topic}:move`.
pub(super) async fn look(
    State(edge): State<Edge>,
    Segments(segment): Segments<String>,
    Query(params): Query<LookParams>,
) -> Result<Json<TopicMoveDescription>, Refusal> {
    match split_verb(&segment) {
        (topic, Some("move")) => describe(&edge, topic, &params).await,
        (_, verb) => Err(unknown_verb(verb, &VERBS[..1]).into()),
    }
}

/// `POST /v1/castle/topics/{topic}:verb`.
pub(super) async fn act(
    State(edge): State<Edge>,
    Segments(segment): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<TopicMoveDescription>, Refusal> {
    match split_verb(&segment) {
        (topic, Some("move")) => start(&edge, topic, request).await,
        (topic, Some("cancel")) => cancel(&edge, topic).await,
        (_, verb) => Err(unknown_verb(verb, &VERBS).into()),
    }
}

/// Shows whether a topic goes on in another cluster, and how far that is.
#[utoipa::path(
    get, path = "/v1/castle/topics/{topic}:move", tag = "castle",
    params(("topic" = String, Path, description = "Name of the topic"), LookParams),
    responses(
        (status = 200, description = "Where it is", body = TopicMoveDescription),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn describe(
    edge: &Edge,
    topic: &str,
    params: &LookParams,
) -> Result<Json<TopicMoveDescription>, Refusal> {
    let record = edge.topic(topic).await?;
    let services = edge.services();
    if params.confirm {
        services.controller.catch_up().await?;
    }
    let mut shown = described(&services.metadata.state(), &record, None);
    // Clusters that look at each other would otherwise go round in circles.
    if !params.confirm {
        shown.blockers = services.controller.topic_move_blockers(record.id).await?;
    }
    Ok(Json(shown))
}

/// Moves a topic to another cluster: it is announced, then its partitions are sealed, and what is
/// written from then on goes there. Nothing is copied.
#[utoipa::path(
    post, path = "/v1/castle/topics/{topic}:move", tag = "castle", request_body = MoveTopicRequest,
    params(("topic" = String, Path, description = "Name of the topic")),
    responses(
        (status = 200, description = "Announced, or with `dry_run` what would be",
         body = TopicMoveDescription),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn start(
    edge: &Edge,
    topic: &str,
    request: Request,
) -> Result<Json<TopicMoveDescription>, Refusal> {
    let MoveTopicRequest { to, hold, dry_run } = json(edge, request).await?;
    let record = edge.topic(topic).await?;
    let new = NewTopicMove { topic: record.name.clone(), to, hold, dry_run };
    let index = edge.services().controller.start_topic_move(new).await?;
    Ok(Json(described(&edge.services().metadata.state(), &record, index)))
}

/// Takes back a move of which nothing is sealed yet.
#[utoipa::path(
    post, path = "/v1/castle/topics/{topic}:cancel", tag = "castle",
    params(("topic" = String, Path, description = "Name of the topic")),
    responses(
        (status = 200, description = "It stays", body = TopicMoveDescription),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn cancel(
    edge: &Edge,
    topic: &str,
) -> Result<Json<TopicMoveDescription>, Refusal> {
    let record = edge.topic(topic).await?;
    let index = edge.services().controller.cancel_topic_move(record.name.clone()).await?;
    Ok(Json(described(&edge.services().metadata.state(), &record, Some(index))))
}

fn topics_to(state: &MetadataState, cluster: &str) -> Vec<String> {
    let moves = state.castle.moves.iter().filter(|(_, moving)| moving.to == cluster);
    let name = |(id, _): (&_, _)| state.topics.get(id).map(|topic| topic.name.clone());
    let mut names: Vec<_> = moves.filter_map(name).collect();
    names.sort();
    names
}

fn described(
    state: &MetadataState,
    topic: &TopicRecord,
    metadata_index: Option<u64>,
) -> TopicMoveDescription {
    let moving = state.castle.moves.get(&topic.id);
    let sealed_at = |number| moving.and_then(|m| m.sealed.get(&number)).map(|at| at.0);
    let numbers = (0u32..).zip(&topic.partitions).map(|(number, _)| number);
    let seal = |partition| PartitionSeal { partition, sealed_at: sealed_at(partition) };
    TopicMoveDescription {
        topic: topic.name.clone(),
        id: topic.id.to_string(),
        phase: moving.map_or(TopicMovePhase::Stays, |moving| phase(moving.phase)),
        to: moving.map(|moving| target(state, moving)),
        started_ms: moving.map(|moving| moving.started_ms),
        partitions: numbers.map(seal).collect(),
        blockers: Vec::new(),
        metadata_index,
    }
}

fn phase(phase: MovePhase) -> TopicMovePhase {
    match phase {
        MovePhase::Preparing => TopicMovePhase::Preparing,
        MovePhase::Sealing => TopicMovePhase::Sealing,
        MovePhase::Moved => TopicMovePhase::Moved,
    }
}

fn target(state: &MetadataState, moving: &TopicMove) -> MovedTo {
    let servers = state.castle.clusters.get(&moving.to).map(|cluster| cluster.servers.clone());
    MovedTo {
        cluster: moving.to.clone(),
        servers: servers.unwrap_or_default(),
        id: moving.target.clone(),
        sealed_at: None,
    }
}
