//! The OpenAPI 3.1 document, made from the handlers, and `/openapi.json`. A test walks its paths.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::{Object, Required, Type};

use super::{
    castle, castle_moves, cluster, dead_letter, dead_letter_records, fetch, group_records, groups,
    health, metrics, nodes, partitions, produce, producers, replicas, topics,
};

/// The interface over HTTP.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Rampart",
        description = "A replicated log over HTTP. Any node takes any request and forwards it to \
                       where it belongs. Every refusal is application/problem+json with a stable \
                       code, whether trying again can help, whether anything was done (outcome), \
                       and a hint. Every request may carry min_metadata_index: it is then answered \
                       by a node state that has this change.",
    ),
    paths(
        produce::produce,
        producers::identify,
        fetch::fetch,
        fetch::fetch_all,
        topics::list,
        topics::create,
        topics::describe,
        topics::alter,
        topics::delete,
        dead_letter::describe,
        dead_letter::set,
        dead_letter_records::peek,
        dead_letter_records::redrive,
        dead_letter_records::purge,
        partitions::add,
        partitions::truncate,
        groups::list,
        groups::describe,
        group_records::poll,
        group_records::ack,
        groups::commit,
        groups::lag,
        groups::reset_offsets,
        groups::leave,
        groups::delete,
        castle::heartbeat,
        castle::clients,
        castle::command,
        cluster::status,
        cluster::health,
        cluster::config,
        cluster::alter_config,
        nodes::list,
        nodes::describe,
        nodes::remove,
        nodes::drain,
        nodes::decommission,
        nodes::recommission,
        nodes::progress,
        replicas::transfer,
        replicas::set,
        replicas::moves,
        replicas::rebalance,
        castle_moves::list_clusters,
        castle_moves::set_cluster,
        castle_moves::remove_cluster,
        castle_moves::describe,
        castle_moves::start,
        castle_moves::cancel,
        health::livez,
        health::readyz,
        health::healthz,
        metrics::metrics,
        openapi_json,
        super::docs::docs,
    ),
    tags(
        (name = "records", description = "Produce and fetch"),
        (name = "topics", description = "Topics and their partitions"),
        (name = "groups", description = "Consumer groups"),
        (name = "dead_letters", description = "Records that consumer groups gave up"),
        (name = "cluster", description = "The cluster, leaderships, replica moves"),
        (name = "nodes", description = "Membership"),
        (name = "castle", description = "Clients: where they go and what they do; other clusters, and topics that move there"),
        (name = "operations", description = "Probes, metrics, this document"),
    )
)]
pub struct Document;

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut document = Document::openapi();
    for (path, item) in &mut document.paths.paths {
        operations(item).for_each(put_tag_into_id);
        if path.starts_with("/v1/") {
            operations(item).for_each(put_min_metadata_index);
        }
    }
    document.to_pretty_json().expect("a document of strings, lists and maps")
});

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
        .into_iter()
        .flatten()
}

/// The handlers' names alone occur twice, and generators of clients want each id once.
fn put_tag_into_id(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next();
    if let (Some(tag), Some(id)) = (tag, &operation.operation_id) {
        operation.operation_id = Some(format!("{tag}_{id}"));
    }
}

/// What every request of the API may carry, whatever its handler takes.
fn put_min_metadata_index(operation: &mut Operation) {
    let parameter = ParameterBuilder::new()
        .name("min_metadata_index")
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some("Answer only once this node has applied this metadata index"))
        .schema(Some(Object::with_type(Type::Integer)))
        .build();
    operation.parameters.get_or_insert_default().push(parameter.into());
}

/// The document as JSON text.
pub fn text() -> &'static str {
    &TEXT
}

/// This interface as an OpenAPI 3.1 document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations",
    responses((status = 200, description = "The document", body = String,
               content_type = "application/json"))
)]
pub async fn openapi_json() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text())
}
