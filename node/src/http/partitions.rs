//! `/v1/topics/{t}/partitions` and `/truncate`: growing a topic, deleting its oldest records.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use rampart_api::http::error::ProblemBody;
use rampart_api::http::produce::RecordError;
use rampart_api::http::topics::{
    AddPartitionsRequest, MetadataChanged, TruncatePartition, TruncateRequest, TruncateResponse,
    TruncatedPartition,
};
use rampart_api::model::ids::Offset;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::TopicRecord;

use super::body::json;
use super::edge::{Edge, partition_of};
use super::error::{Answered, Refusal, invalid, worst};
use super::query::{NoQuery, Query, Segments};
use crate::partition::request::OffsetSpec;

/// Grows a topic. Keys that hash to another partition afterwards keep their old records where they
/// are.
#[utoipa::path(
    post, path = "/v1/topics/{topic}/partitions", tag = "topics",
    request_body = AddPartitionsRequest,
    params(("topic" = String, Path, description = "Name of the topic")),
    responses(
        (status = 200, description = "Grown", body = MetadataChanged),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    State(edge): State<Edge>,
    Segments(topic): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<MetadataChanged>, Refusal> {
    let wanted: AddPartitionsRequest = json(&edge, request).await?;
    edge.topic(&topic).await?;
    let controller = &edge.services().controller;
    let metadata_index = controller.add_partitions(topic, wanted.partitions).await?;
    Ok(Json(MetadataChanged { metadata_index }))
}

/// Deletes the records below an offset, per partition.
#[utoipa::path(
    post, path = "/v1/topics/{topic}/truncate", tag = "topics", request_body = TruncateRequest,
    params(("topic" = String, Path, description = "Name of the topic")),
    responses(
        (status = 200, description = "Deleted", body = TruncateResponse),
        (status = 207, description = "Some partitions refused", body = TruncateResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn truncate(
    State(edge): State<Edge>,
    Segments(topic): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Answered {
    let wanted: TruncateRequest = json(&edge, request).await?;
    if wanted.partitions.is_empty() {
        return Err(invalid("partitions is empty; name at least one").into());
    }
    let topic = edge.topic(&topic).await?;
    for asked in &wanted.partitions {
        partition_of(&topic, asked.partition)?;
    }
    let (mut partitions, mut refusals) = (Vec::new(), Vec::new());
    for asked in &wanted.partitions {
        let done = truncate_one(&edge, &topic, asked).await;
        partitions.push(TruncatedPartition {
            partition: asked.partition,
            log_start_offset: done.as_ref().ok().map(|start| start.0),
            error: done.as_ref().err().map(RecordError::from),
        });
        refusals.extend(done.err());
    }
    if refusals.len() == partitions.len()
        && let Some(worst) = worst(refusals.iter())
    {
        return Err(worst.clone().into());
    }
    let status = if refusals.is_empty() { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    Ok((status, Json(TruncateResponse { partitions })).into_response())
}

async fn truncate_one(
    edge: &Edge,
    topic: &TopicRecord,
    asked: &TruncatePartition,
) -> Result<Offset, Problem> {
    let (key, _) = partition_of(topic, asked.partition)?;
    let service = &edge.services().partitions;
    let before = match asked.before_offset {
        Some(offset) => Offset(offset),
        None => service.list_offset(key, OffsetSpec::Latest).await?.high_watermark,
    };
    service.truncate(key, before).await
}
