//! `/v1/cluster/partitions/…`, `/v1/cluster/moves`, `/v1/cluster:rebalance`: where leaderships and
//! replicas are, and moving them.

use axum::Json;
use axum::extract::{Request, State};
use rampart_api::http::cluster::{
    ListMovesResponse, MoveDescription, PlannedTransfer, RebalancePlan, RebalanceRequest,
    SetReplicasRequest, SetReplicasResponse, TransferLeadershipRequest, TransferLeadershipResponse,
};
use rampart_api::http::error::ProblemBody;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{NodeId, PartitionId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::{PartitionRecord, ReplicaState};

use super::body::{json, json_or_default};
use super::edge::{Edge, partition_of};
use super::error::{Refusal, invalid};
use super::query::{NoQuery, Query, Segments, partition_number, split_verb, unknown_verb};
use super::services::Reassign;
use crate::controller::request::{Move, PlannedMove};

const VERBS: [&str; 1] = [":transfer-leadership"];

/// `POST /v1/cluster/partitions/{topic}/{partition}:verb`.
pub(super) async fn act(
    State(edge): State<Edge>,
    Segments((topic, segment)): Segments<(String, String)>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<TransferLeadershipResponse>, Refusal> {
    let (partition, verb) = split_verb(&segment);
    match verb {
        Some("transfer-leadership") => transfer(&edge, topic, partition, request).await,
        _ => Err(unknown_verb(verb, &VERBS).into()),
    }
}

/// Hands a partition's leadership to a node, or to the best candidate.
#[utoipa::path(
    post, path = "/v1/cluster/partitions/{topic}/{partition}:transfer-leadership", tag = "cluster",
    request_body = Option<TransferLeadershipRequest>,
    params(
        ("topic" = String, Path, description = "Name of the topic"),
        ("partition" = u32, Path, description = "Number of the partition"),
    ),
    responses(
        (status = 200, description = "Who leads now", body = TransferLeadershipResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn transfer(
    edge: &Edge,
    topic: String,
    partition: &str,
    request: Request,
) -> Result<Json<TransferLeadershipResponse>, Refusal> {
    let number = partition_number(partition)?;
    let wanted: TransferLeadershipRequest = json_or_default(edge, request).await?;
    let record = edge.topic(&topic).await?;
    let (key, replicas) = partition_of(&record, number)?;
    let to = wanted.to.map(NodeId);
    if let Some(node) = to
        && !replicas.replicas.iter().any(|replica| replica.node == node)
    {
        let nodes: Vec<_> = replicas.wanted_nodes().map(|node| node.to_string()).collect();
        return Err(Problem::new(
            ErrorCode::InvalidRequest,
            format!("node {node} has no replica of {topic}/{number}"),
        )
        .hint(format!("its replicas are on nodes {}", nodes.join(", ")))
        .into());
    }
    let leader = edge.services().partitions.transfer_leadership(key, to).await?;
    Ok(Json(TransferLeadershipResponse { topic, partition: number, leader: leader.0 }))
}

/// Moves a partition's replicas to exactly these nodes, or takes a move back.
#[utoipa::path(
    put, path = "/v1/cluster/partitions/{topic}/{partition}/replicas", tag = "cluster",
    request_body = SetReplicasRequest,
    params(
        ("topic" = String, Path, description = "Name of the topic"),
        ("partition" = u32, Path, description = "Number of the partition"),
    ),
    responses(
        (status = 200, description = "Started, taken back, or with `dry_run` what would move",
         body = SetReplicasResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn set(
    State(edge): State<Edge>,
    Segments((topic, partition)): Segments<(String, String)>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<SetReplicasResponse>, Refusal> {
    let number = partition_number(&partition)?;
    let wanted: SetReplicasRequest = json(&edge, request).await?;
    let record = edge.topic(&topic).await?;
    let (_, now) = partition_of(&record, number)?;
    if wanted.cancel {
        return cancel(&edge, topic, number, now, &wanted).await;
    }
    if wanted.nodes.is_empty() {
        return Err(invalid("nodes is empty; name the nodes that shall have a replica").into());
    }
    let reassign = Reassign {
        topic,
        partition: number,
        nodes: wanted.nodes.into_iter().map(NodeId).collect(),
        dry_run: wanted.dry_run,
    };
    let (metadata_index, planned) = edge.services().controller.reassign(reassign).await?;
    let planned = planned_move(planned);
    Ok(Json(SetReplicasResponse { planned, metadata_index, dry_run: wanted.dry_run }))
}

async fn cancel(
    edge: &Edge,
    topic: String,
    partition: PartitionId,
    now: &PartitionRecord,
    wanted: &SetReplicasRequest,
) -> Result<Json<SetReplicasResponse>, Refusal> {
    if wanted.dry_run || !wanted.nodes.is_empty() {
        return Err(invalid("cancel takes neither nodes nor dry_run").into());
    }
    let ids = |left_out: ReplicaState| -> Vec<u64> {
        let kept = now.replicas.iter().filter(|replica| replica.state != left_out);
        kept.map(|replica| replica.node.0).collect()
    };
    let planned = MoveDescription {
        topic: topic.clone(),
        partition,
        from: ids(ReplicaState::Joining),
        to: ids(ReplicaState::Leaving),
        ..MoveDescription::default()
    };
    let index = edge.services().controller.cancel_move(topic, partition).await?;
    Ok(Json(SetReplicasResponse { planned, metadata_index: Some(index), dry_run: false }))
}

/// Lists the moves that have not finished.
#[utoipa::path(
    get, path = "/v1/cluster/moves", tag = "cluster",
    responses(
        (status = 200, description = "Moves", body = ListMovesResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn moves(
    State(edge): State<Edge>,
    _: Query<NoQuery>,
) -> Result<Json<ListMovesResponse>, Refusal> {
    let moves = edge.services().controller.moves().await?;
    Ok(Json(ListMovesResponse { moves: moves.into_iter().map(move_description).collect() }))
}

/// Evens out replicas and leaderships. With `dry_run` only plans.
#[utoipa::path(
    post, path = "/v1/cluster:rebalance", tag = "cluster",
    request_body = Option<RebalanceRequest>,
    responses(
        (status = 200, description = "The plan", body = RebalancePlan),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn rebalance(
    State(edge): State<Edge>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<RebalancePlan>, Refusal> {
    let RebalanceRequest { dry_run } = json_or_default(&edge, request).await?;
    let plan = edge.services().controller.rebalance(dry_run).await?;
    let transfers = plan.transfers.into_iter().map(|planned| PlannedTransfer {
        topic: planned.topic,
        partition: planned.partition,
        from: Some(planned.from.0),
        to: planned.to.0,
    });
    Ok(Json(RebalancePlan {
        dry_run,
        transfers: transfers.collect(),
        moves: plan.moves.into_iter().map(planned_move).collect(),
    }))
}

fn planned_move(planned: PlannedMove) -> MoveDescription {
    MoveDescription {
        topic: planned.topic,
        partition: planned.partition,
        from: planned.from.iter().map(|node| node.0).collect(),
        to: planned.to.iter().map(|node| node.0).collect(),
        ..MoveDescription::default()
    }
}

fn move_description(moving: Move) -> MoveDescription {
    MoveDescription {
        from: moving.from.iter().map(|node| node.0).collect(),
        to: moving.to.iter().map(|node| node.0).collect(),
        topic: moving.topic,
        partition: moving.partition,
        bytes_left: moving.bytes_left,
        eta_ms: moving.eta_ms,
        blockers: moving.blockers,
    }
}
