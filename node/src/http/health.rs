//! `/livez`, `/readyz`, `/healthz`: for probes. Alive = the process may go on; ready = recovered and
//! caught up, not merely listening.

use axum::Json;
use axum::extract::State;
use rampart_api::http::error::ProblemBody;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use super::edge::Edge;
use super::error::Refusal;

/// Answer of a probe that finds nothing wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Probe {
    /// `alive` or `ready`.
    #[schema(value_type = String)]
    status: &'static str,
}

/// Says whether the process may go on.
#[utoipa::path(
    get, path = "/livez", tag = "operations",
    responses(
        (status = 200, description = "Alive", body = Probe),
        (status = 500, description = "It must be restarted", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn livez(State(edge): State<Edge>) -> Result<Json<Probe>, Refusal> {
    match edge.services().node.failure() {
        None => Ok(Json(Probe { status: "alive" })),
        Some(reason) => {
            let detail = format!("this node must not go on: {reason}");
            Err(Problem::new(ErrorCode::Internal, detail).hint("restart the process").into())
        }
    }
}

/// Says whether the node is recovered and caught up.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    responses(
        (status = 200, description = "Ready", body = Probe),
        (status = 503, description = "Not ready, and why", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz(State(edge): State<Edge>) -> Result<Json<Probe>, Refusal> {
    let reasons = not_ready_because(&edge);
    if reasons.is_empty() {
        return Ok(Json(Probe { status: "ready" }));
    }
    Err(Problem::new(ErrorCode::NotReady, reasons.join("; ")).retry_after_ms(1_000).into())
}

/// Why this node should get no requests, as sentences; empty = it should.
pub(super) fn not_ready_because(edge: &Edge) -> Vec<String> {
    let node = &edge.services().node;
    let mut reasons = node.not_ready_because();
    reasons.extend(node.failure());
    if edge.stopping().is_cancelled() {
        reasons.push("the node is stopping".to_owned());
    }
    reasons
}

/// The same as `/readyz`.
#[utoipa::path(
    get, path = "/healthz", tag = "operations",
    responses(
        (status = 200, description = "Ready", body = Probe),
        (status = 503, description = "Not ready, and why", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn healthz(state: State<Edge>) -> Result<Json<Probe>, Refusal> {
    readyz(state).await
}
