//! `/v1/cluster/nodes`: list, describe, drain, decommission, recommission, remove.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Request, State};
use rampart_api::http::cluster::{
    DecommissionProgress, ListNodesResponse, NodeActionRequest, NodeActionResponse, NodeDescription,
};
use rampart_api::http::error::ProblemBody;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::NodeId;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::{MetadataState, NodeRecord, NodeState};

use super::body::json_or_default;
use super::edge::Edge;
use super::error::{Refusal, invalid};
use super::query::{NoQuery, Query, Segments, node_id, split_verb, unknown_verb};
use crate::controller::request::Decommission;

const VERBS: [&str; 3] = [":drain", ":decommission", ":recommission"];

type ActionAnswer = Result<Json<NodeActionResponse>, Refusal>;

/// Lists the nodes.
#[utoipa::path(
    get, path = "/v1/cluster/nodes", tag = "nodes",
    responses((status = 200, description = "By id", body = ListNodesResponse))
)]
pub(super) async fn list(State(edge): State<Edge>, _: Query<NoQuery>) -> Json<ListNodesResponse> {
    let state = edge.services().metadata.state();
    Json(ListNodesResponse { nodes: describe_all(&edge, &state) })
}

/// Describes a node.
#[utoipa::path(
    get, path = "/v1/cluster/nodes/{node}", tag = "nodes",
    params(("node" = u64, Path, description = "Id of the node")),
    responses(
        (status = 200, description = "The node", body = NodeDescription),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn describe(
    State(edge): State<Edge>,
    Segments(node): Segments<String>,
    _: Query<NoQuery>,
) -> Result<Json<NodeDescription>, Refusal> {
    let node = node_id(&node)?;
    let state = edge.services().metadata.state();
    known(&state, node)?;
    let mut all = describe_all(&edge, &state);
    all.retain(|description| description.id == node.0);
    all.pop().map(Json).ok_or_else(|| Refusal(not_found(node)))
}

/// `POST /v1/cluster/nodes/{node}:verb`; the router can't tell the verbs apart.
pub(super) async fn act(
    State(edge): State<Edge>,
    Segments(segment): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> ActionAnswer {
    let (id, verb) = split_verb(&segment);
    let target = |edge: &Edge| -> Result<NodeId, Problem> {
        let node = node_id(id)?;
        known(&edge.services().metadata.state(), node)?;
        Ok(node)
    };
    match verb {
        Some("drain") => drain(&edge, target(&edge)?, request).await,
        Some("decommission") => decommission(&edge, target(&edge)?, request).await,
        Some("recommission") => recommission(&edge, target(&edge)?, request).await,
        _ => Err(unknown_verb(verb, &VERBS).into()),
    }
}

/// Moves leaderships away from a node; its replicas stay.
#[utoipa::path(
    post, path = "/v1/cluster/nodes/{node}:drain", tag = "nodes",
    request_body = Option<NodeActionRequest>,
    params(("node" = u64, Path, description = "Id of the node")),
    responses(
        (status = 200, description = "Draining", body = NodeActionResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn drain(edge: &Edge, node: NodeId, request: Request) -> ActionAnswer {
    without_options(edge, request).await?;
    let index = edge.services().controller.drain(node).await?;
    Ok(acted(edge, node, Some(index), Vec::new()))
}

/// Moves all replicas away from a node. With `dry_run` only says what would block it.
#[utoipa::path(
    post, path = "/v1/cluster/nodes/{node}:decommission", tag = "nodes",
    request_body = Option<NodeActionRequest>,
    params(("node" = u64, Path, description = "Id of the node")),
    responses(
        (status = 200, description = "Decommissioning, or what would block it",
         body = NodeActionResponse),
        (status = 409, description = "It could not finish; `force` starts it all the same",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn decommission(edge: &Edge, node: NodeId, request: Request) -> ActionAnswer {
    let NodeActionRequest { dry_run, force } = json_or_default(edge, request).await?;
    let how = Decommission { force, dry_run };
    let (index, progress) = edge.services().controller.decommission(node, how).await?;
    Ok(acted(edge, node, index, progress.blockers))
}

/// Makes a drained, decommissioning or decommissioned node active again.
#[utoipa::path(
    post, path = "/v1/cluster/nodes/{node}:recommission", tag = "nodes",
    request_body = Option<NodeActionRequest>,
    params(("node" = u64, Path, description = "Id of the node")),
    responses(
        (status = 200, description = "Active", body = NodeActionResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn recommission(edge: &Edge, node: NodeId, request: Request) -> ActionAnswer {
    without_options(edge, request).await?;
    let index = edge.services().controller.recommission(node).await?;
    Ok(acted(edge, node, Some(index), Vec::new()))
}

/// Takes a node that has no replicas out of the cluster for good.
#[utoipa::path(
    delete, path = "/v1/cluster/nodes/{node}", tag = "nodes",
    params(("node" = u64, Path, description = "Id of the node")),
    responses(
        (status = 200, description = "Removed", body = NodeActionResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    State(edge): State<Edge>,
    Segments(node): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> ActionAnswer {
    let node = node_id(&node)?;
    known(&edge.services().metadata.state(), node)?;
    without_options(&edge, request).await?;
    let index = edge.services().controller.remove(node).await?;
    Ok(acted(&edge, node, Some(index), Vec::new()))
}

/// Says how far a decommission is, and what blocks it.
#[utoipa::path(
    get, path = "/v1/cluster/nodes/{node}/decommission", tag = "nodes",
    params(("node" = u64, Path, description = "Id of the node")),
    responses(
        (status = 200, description = "How far it is", body = DecommissionProgress),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn progress(
    State(edge): State<Edge>,
    Segments(node): Segments<String>,
    _: Query<NoQuery>,
) -> Result<Json<DecommissionProgress>, Refusal> {
    let node = node_id(&node)?;
    let state = edge.services().metadata.state();
    let record = known(&state, node)?;
    let progress = edge.services().controller.decommission_progress(node).await?;
    Ok(Json(DecommissionProgress {
        node: node.0,
        state: state_word(record.state).to_owned(),
        partitions_left: progress.partitions_left,
        bytes_left: progress.bytes_left,
        eta_ms: progress.eta_ms,
        blockers: progress.blockers,
    }))
}

/// All nodes as this one sees them, by id.
pub(super) fn describe_all(edge: &Edge, state: &MetadataState) -> Vec<NodeDescription> {
    let services = edge.services();
    let (mut replicas, mut leaders) = (HashMap::new(), HashMap::new());
    for (_, _, partition) in state.partitions() {
        for replica in &partition.replicas {
            *replicas.entry(replica.node).or_insert(0) += 1;
        }
        if let Some((leader, _)) = services.partitions.leader_hint(partition.group) {
            *leaders.entry(leader).or_insert(0) += 1;
        }
    }
    let (controller, voters) = (services.metadata.leader(), services.metadata.voters());
    let role = |node: NodeId| match node {
        node if controller == Some(node) => "leader",
        node if voters.contains(&node) => "voter",
        _ => "learner",
    };
    let described = state.nodes.values().map(|node| NodeDescription {
        id: node.id.0,
        state: state_word(node.state).to_owned(),
        alive: services.node.is_alive(node.id),
        silent_ms: services.node.silent_ms(node.id),
        http: node.info.http_addr.clone(),
        peer: node.info.peer_addr.clone(),
        rack: node.info.rack.clone(),
        version: node.info.version.clone(),
        replicas: replicas.get(&node.id).copied().unwrap_or(0),
        leaders: leaders.get(&node.id).copied().unwrap_or(0),
        metadata_role: Some(role(node.id).to_owned()),
    });
    described.collect()
}

fn known(state: &MetadataState, node: NodeId) -> Result<&NodeRecord, Problem> {
    state.nodes.get(&node).ok_or_else(|| not_found(node))
}

fn not_found(node: NodeId) -> Problem {
    Problem::new(ErrorCode::NodeNotFound, format!("there is no node {node} in this cluster"))
        .hint("GET /v1/cluster/nodes lists them")
}

/// An action that has no dry run must not pretend to have one.
async fn without_options(edge: &Edge, request: Request) -> Result<(), Problem> {
    let NodeActionRequest { dry_run, force } = json_or_default(edge, request).await?;
    if dry_run || force {
        return Err(invalid("dry_run and force belong to :decommission"));
    }
    Ok(())
}

fn acted(
    edge: &Edge,
    node: NodeId,
    metadata_index: Option<u64>,
    blockers: Vec<String>,
) -> Json<NodeActionResponse> {
    let state = edge.services().metadata.state();
    let now = state.nodes.get(&node).map_or("removed", |record| state_word(record.state));
    Json(NodeActionResponse { node: node.0, state: now.to_owned(), metadata_index, blockers })
}

fn state_word(state: NodeState) -> &'static str {
    match state {
        NodeState::Active => "active",
        NodeState::Draining => "draining",
        NodeState::Decommissioning => "decommissioning",
        NodeState::Decommissioned => "decommissioned",
        NodeState::Replaced => "replaced",
    }
}
