//! `/v1/castle…`: heartbeats of clients, who they are, and commands to them.

use axum::Json;
use axum::extract::{Request, State};
use rampart_api::http::castle::{
    CommandRequest, CommandResponse, HeartbeatRequest, HeartbeatResponse, ListClientsResponse,
};
use rampart_api::http::error::ProblemBody;
use rampart_api::model::limits::{DIRECTIVE_TTL_MS, DIRECTIVE_TTL_MS_MAX, MEMBER_TEXT_BYTES_MAX};
use rampart_api::model::problem::Problem;

use super::body::json;
use super::edge::Edge;
use super::error::{Refusal, invalid};
use super::media::shown;
use super::query::{NoQuery, Query, Segments};
use crate::castle::check::check;
use crate::castle::directives::kind_of;

/// A client says that it is there, and hears where to go and what to do.
///
/// Any node takes it. What the answer says of leaders is a hint: a broker that does not lead
/// forwards, or refuses with the leader. Send the next one after `interval_ms`, with the `version` of
/// the last answer that named clusters or said `no_change`; if no node answers go on with what you
/// have.
#[utoipa::path(
    post, path = "/v1/castle/heartbeat", tag = "castle", request_body = HeartbeatRequest,
    responses(
        (status = 200, description = "What the client is to do", body = HeartbeatResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn heartbeat(
    State(edge): State<Edge>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<HeartbeatResponse>, Refusal> {
    let heartbeat: HeartbeatRequest = json(&edge, request).await?;
    check(&heartbeat)?;
    Ok(Json(edge.services().castle.heartbeat(heartbeat).await?))
}

/// Lists the clients that send heartbeats, to whatever node.
#[utoipa::path(
    get, path = "/v1/castle/clients", tag = "castle",
    responses(
        (status = 200, description = "By program and name", body = ListClientsResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn clients(
    State(edge): State<Edge>,
    _: Query<NoQuery>,
) -> Result<Json<ListClientsResponse>, Refusal> {
    Ok(Json(edge.services().castle.clients().await?))
}

/// Asks something of a client. It hears of it with its next heartbeats, until it says that it is done
/// or the time is over; whatever node dies.
#[utoipa::path(
    post, path = "/v1/castle/clients/{client}/commands", tag = "castle",
    request_body = CommandRequest,
    params(("client" = String, Path, description = "Instance id of the client")),
    responses(
        (status = 200, description = "Taken", body = CommandResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn command(
    State(edge): State<Edge>,
    Segments(client): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<CommandResponse>, Refusal> {
    let wanted: CommandRequest = json(&edge, request).await?;
    check_name(&client)?;
    let ttl_ms = wanted.ttl_ms.unwrap_or(DIRECTIVE_TTL_MS);
    if !(1..=DIRECTIVE_TTL_MS_MAX).contains(&ttl_ms) {
        let detail = format!("ttl_ms is {ttl_ms}, 1 to {DIRECTIVE_TTL_MS_MAX} are allowed");
        return Err(invalid(detail).into());
    }
    let kind = kind_of(&wanted.command, &edge.services().metadata.state())?;
    Ok(Json(edge.services().castle.command(client, kind, ttl_ms).await?))
}

fn check_name(client: &str) -> Result<(), Problem> {
    let length = client.len();
    if (1..=MEMBER_TEXT_BYTES_MAX).contains(&length) {
        return Ok(());
    }
    let detail = format!("the client's name has {length} bytes: {}", shown(client));
    Err(invalid(detail).hint(format!("it is an instance_id, of at most {MEMBER_TEXT_BYTES_MAX}")))
}
