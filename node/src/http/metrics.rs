//! `/metrics`, and counting what the edge answers.

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;

use super::edge::Edge;
use super::error::{Answered, Refused};
use super::health;
use crate::telemetry::Metrics;

/// The metrics of this node in the OpenMetrics text format.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "Metrics", body = String,
               content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(State(edge): State<Edge>) -> Answered {
    edge.services().node.measure(edge.metrics());
    edge.metrics().node.ready.set(i64::from(health::not_ready_because(&edge).is_empty()));
    let page = edge.metrics().encode().map_err(|error| {
        Problem::new(ErrorCode::Internal, format!("the metrics can't be written: {error}"))
    })?;
    Ok(([(CONTENT_TYPE, Metrics::MEDIA_TYPE)], page).into_response())
}

/// Counts every answer, by status and by code.
pub(super) async fn count(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let clock = edge.clock();
    let started = clock.instant();
    let response = next.run(request).await;
    let took = clock.instant().saturating_duration_since(started);
    edge.metrics().answered(response.status().as_u16(), took);
    if let Some(Refused(code)) = response.extensions().get::<Refused>() {
        edge.metrics().refused(*code);
        tracing::debug!(code = code.as_str(), status = response.status().as_u16(), "refused");
    }
    response
}
