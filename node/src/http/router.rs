//! Routes, and what surrounds every request: counting, panics, waiting for a metadata state.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{delete, get, post, put};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use tower_http::catch_panic::CatchPanicLayer;

use super::edge::Edge;
use super::error::{Refusal, invalid};
use super::media::shown;
use super::{
    castle, castle_moves, cluster, console, dead_letter, dead_letter_records, docs, fetch,
    group_records, groups, health, metrics, nodes, openapi, partitions, produce, producers,
    replicas, topics,
};

const MIN_METADATA_INDEX: &str = "min_metadata_index";
/// How long a request waits for the metadata it names.
const METADATA_WAIT: Duration = Duration::from_secs(10);

/// The whole interface.
pub fn router(edge: Edge) -> Router {
    let records = Router::new()
        .route("/v1/producers", post(producers::identify))
        .route("/v1/topics/{topic}/records", post(produce::produce).get(fetch::fetch_all))
        .route("/v1/topics/{topic}/partitions/{partition}/records", get(fetch::fetch));
    let topics = Router::new()
        .route("/v1/topics", get(topics::list).post(topics::create))
        .route(
            "/v1/topics/{topic}",
            get(topics::describe).patch(topics::alter).delete(topics::delete),
        )
        .route("/v1/topics/{topic}/dead-letter", get(dead_letter::describe).put(dead_letter::set))
        .route("/v1/topics/{topic}/dead-letter/records", get(dead_letter_records::peek))
        .route("/v1/topics/{topic}/dead-letter:redrive", post(dead_letter_records::redrive))
        .route("/v1/topics/{topic}/dead-letter:purge", post(dead_letter_records::purge))
        .route("/v1/topics/{topic}/partitions", post(partitions::add))
        .route("/v1/topics/{topic}/truncate", post(partitions::truncate));
    let groups = Router::new()
        .route("/v1/groups", get(groups::list))
        .route("/v1/groups/{group}", get(groups::describe).post(groups::act).delete(groups::delete))
        .route("/v1/groups/{group}/poll", post(group_records::poll))
        .route("/v1/groups/{group}/ack", post(group_records::ack))
        .route("/v1/groups/{group}/commit", post(groups::commit))
        .route("/v1/groups/{group}/lag", get(groups::lag))
        .route("/v1/groups/{group}/members/{member}", delete(groups::leave));
    let castle = Router::new()
        .route("/v1/castle/heartbeat", post(castle::heartbeat))
        .route("/v1/castle/clients", get(castle::clients))
        .route("/v1/castle/clients/{client}/commands", post(castle::command))
        .route("/v1/castle/clusters", get(castle_moves::list_clusters))
        .route(
            "/v1/castle/clusters/{name}",
            put(castle_moves::set_cluster).delete(castle_moves::remove_cluster),
        )
        .route("/v1/castle/topics/{topic}", get(castle_moves::look).post(castle_moves::act));
    let cluster = Router::new()
        .route("/v1/cluster", get(cluster::status))
        .route("/v1/cluster/health", get(cluster::health))
        .route("/v1/cluster/config", get(cluster::config).patch(cluster::alter_config))
        .route("/v1/cluster/moves", get(replicas::moves))
        .route("/v1/cluster:rebalance", post(replicas::rebalance))
        .route("/v1/cluster/partitions/{topic}/{partition}", post(replicas::act))
        .route("/v1/cluster/partitions/{topic}/{partition}/replicas", put(replicas::set))
        .route("/v1/cluster/nodes", get(nodes::list))
        .route(
            "/v1/cluster/nodes/{node}",
            get(nodes::describe).post(nodes::act).delete(nodes::remove),
        )
        .route("/v1/cluster/nodes/{node}/decommission", get(nodes::progress));
    let operations = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::openapi_json))
        .route("/docs", get(docs::docs));
    let pages = Router::new()
        .route("/", get(front_door))
        .route("/console", get(async || Redirect::permanent(console::HOME)))
        .route("/console/", get(console::index))
        .route("/console/{*path}", get(console::file));
    let routes = records.merge(topics).merge(groups).merge(castle).merge(cluster);
    let routes = routes.merge(operations).merge(pages);
    with_surroundings(routes, edge)
}

/// What happens to every request, the outermost last.
pub(super) fn with_surroundings(routes: Router<Edge>, edge: Edge) -> Router {
    routes
        .fallback(no_such_endpoint)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(edge.clone(), wait_for_metadata))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(edge.clone(), metrics::count))
        .with_state(edge)
}

/// Where somebody lands who types only the address: a browser at the console, a program nowhere.
async fn front_door(uri: Uri, headers: HeaderMap) -> Response {
    if console::is_browser(&headers) {
        return Redirect::temporary(console::HOME).into_response();
    }
    no_such_endpoint(uri).await.into_response()
}

async fn no_such_endpoint(uri: Uri) -> Refusal {
    let detail = format!("there is nothing at {}", shown(uri.path()));
    Refusal(Problem::new(ErrorCode::NoSuchEndpoint, detail).hint("see /docs for what there is"))
}

async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    let detail = format!("{} has no {method}", shown(uri.path()));
    Refusal(
        Problem::new(ErrorCode::MethodNotAllowed, detail)
            .hint("the Allow header names its methods"),
    )
}

/// Ends this request only. What it had begun may have happened.
#[allow(clippy::needless_pass_by_value)] // The layer hands it over.
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(message, "a request handler panicked");
    Refusal(Problem::unknown(ErrorCode::Internal, "a fault in this server; its log has more"))
        .into_response()
}

/// A node that has no metadata yet must not answer as if there were nothing; and with
/// `min_metadata_index`, on any request, one reads what one wrote through another node.
async fn wait_for_metadata(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/v1/")
        && let Err(problem) = edge.metadata_arrived().await
    {
        return Refusal(problem).into_response();
    }
    let Some((index, rest)) = min_metadata_index(request.uri()) else {
        return next.run(request).await;
    };
    *request.uri_mut() = rest;
    let waited = match index {
        Ok(index) => edge.services().metadata.wait_for_index(index, METADATA_WAIT).await,
        Err(problem) => Err(problem),
    };
    match waited {
        Ok(()) => next.run(request).await,
        Err(problem) => Refusal(problem).into_response(),
    }
}

/// The index that a request names, and its URI without it.
fn min_metadata_index(uri: &Uri) -> Option<(Result<u64, Problem>, Uri)> {
    let named = |pair: &&str| pair.split('=').next() == Some(MIN_METADATA_INDEX);
    let query = uri.query()?;
    let pair = query.split('&').find(named)?;
    let value = pair.split_once('=').map_or("", |(_, value)| value);
    let index = value
        .parse()
        .map_err(|_| invalid(format!("{MIN_METADATA_INDEX} is a number, not `{}`", shown(value))));
    let rest: Vec<_> = query.split('&').filter(|pair| !named(pair)).collect();
    let target = match rest.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), rest.join("&")),
    };
    let rest = target.parse().expect("a part of a valid URI is valid");
    Some((index, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_index_is_taken_out_of_the_query() {
        let split = |uri: &str| {
            let uri: Uri = uri.parse().unwrap();
            min_metadata_index(&uri).map(|(index, rest)| (index.ok(), rest.to_string()))
        };
        assert_eq!(split("/v1/topics"), None);
        assert_eq!(split("/v1/topics?offset=1"), None);
        assert_eq!(
            split("/v1/topics?min_metadata_index=7"),
            Some((Some(7), "/v1/topics".to_owned()))
        );
        assert_eq!(split("/x?a=1&min_metadata_index=z&b=2"), Some((None, "/x?a=1&b=2".to_owned())));
    }
}
