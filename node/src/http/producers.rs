//! `POST /v1/producers`: ids and epochs for idempotent producers.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use rampart_api::http::error::ProblemBody;
use rampart_api::http::producers::{ProducerIdentity, ProducerRequest};
use rampart_api::model::problem::Problem;

use super::body::json_or_default;
use super::edge::Edge;
use super::error::{Answered, invalid};

/// Gives a producer its id, or its next epoch.
///
/// Without a body the id is new and the epoch 0. With the id and epoch that a producer has, the
/// answer is the next epoch of the same id, or a new id once there are no more epochs. Partitions
/// learn of a new epoch by its first batch, whose sequence is 0, and refuse earlier ones from then
/// on.
#[utoipa::path(
    post, path = "/v1/producers", tag = "records",
    request_body(content = Option<ProducerRequest>, content_type = "application/json"),
    responses(
        (status = 200, description = "Who the producer is", body = ProducerIdentity),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn identify(State(edge): State<Edge>, request: Request) -> Answered {
    let known: ProducerRequest = json_or_default(&edge, request).await?;
    let next = match (known.producer_id, known.epoch) {
        (None, None) => None,
        (Some(producer_id), Some(epoch)) if producer_id >= 0 && epoch >= 0 => {
            epoch.checked_add(1).map(|epoch| ProducerIdentity { producer_id, epoch })
        }
        _ => {
            return Err(invalid("producer_id and epoch belong together, from 0 on")
                .hint("send both for the next epoch, or neither for a new id")
                .into());
        }
    };
    let identity = match next {
        Some(identity) => identity,
        None => ProducerIdentity { producer_id: new_id(&edge).await?, epoch: 0 },
    };
    Ok(Json(identity).into_response())
}

async fn new_id(edge: &Edge) -> Result<i64, Problem> {
    let id = edge.services().controller.new_producer().await?;
    Ok(i64::try_from(id).expect("ids are given out one by one from 0 on"))
}
