//! `Prefer: redirect`: whoever addresses a partition and would rather talk to its leader itself gets
//! 307 with the leader's address; everybody else is forwarded.

use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rampart_raft_store::state::metadata::state::PartitionRecord;

use super::edge::Edge;

/// The redirect, if it is wanted and the leader is another node.
pub(super) fn wanted(
    edge: &Edge,
    headers: &HeaderMap,
    uri: &Uri,
    partition: &PartitionRecord,
) -> Option<Response> {
    if !is_preferred(headers) {
        return None;
    }
    let addr = edge.leader_elsewhere(partition)?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let location = format!("http://{addr}{target}");
    Some((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response())
}

fn is_preferred(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|wish| wish.trim().eq_ignore_ascii_case("redirect"))
}
