//! `/v1/topics/{t}/dead-letter/records`, `:redrive` and `:purge`: what a group gave up, seen, brought
//! back, or dropped. The switch itself is in `dead_letter`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use rampart_api::http::dead_letter_records::{
    DeadLetterFilter, DeadLetterRecords, PurgeRequest, PurgeResponse, RedriveRequest,
    RedriveResponse, RedriveTo,
};
use rampart_api::http::encoding::Encoding;
use rampart_api::http::error::ProblemBody;
use rampart_api::http::fetch::{Layout, write_content};
use rampart_api::http::json_text::{put_integer, put_string};
use rampart_api::model::dead_letter::check_group_name;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::PartitionId;
use rampart_api::model::limits::{
    DEAD_LETTER_FILTER_BYTES_MAX, RECORDS_PER_REQUEST_MAX, REDRIVEN_PER_REQUEST_MAX,
};
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::Record;
use rampart_raft_store::state::metadata::state::TopicRecord;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::json;
use super::connection::while_sending;
use super::dead_letter::{backlog, query_of};
use super::edge::{Edge, partition_of};
use super::error::{Answered, Refusal, invalid};
use super::media::JSON;
use super::query::{NoQuery, Query, Segments, at_least_one};
use crate::groups::dead_box::{DeadQuery, RedriveHow, SLICE_BYTES_MAX, Slice};
use crate::groups::dead_slice::{DeadCursor, DeadRecord};

const PEEKED_DEFAULT: u64 = 100;

/// Query of a look at dead letters.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PeekParams {
    /// The group that gave them up.
    group: String,
    /// Only those from this partition.
    partition: Option<u32>,
    /// Only those that had this offset in their partition.
    offset: Option<u64>,
    /// Only those whose error has this in it.
    error: Option<String>,
    /// Only those whose key is this text.
    key: Option<String>,
    /// Only those whose value has this text in it.
    contains: Option<String>,
    /// Records at most; 100 unless given.
    max_records: Option<u64>,
    /// Where to go on: the `next_cursor` of the answer before.
    cursor: Option<String>,
    /// `json` (default), `string` or `base64`.
    encoding: Option<String>,
}

/// Shows what a group gave up, with where it came from and why. Redriven and purged records are left
/// out.
///
/// One request looks at a bounded number of records: where few match, an answer may have none and
/// still say with `next_cursor` that there is more to look at.
#[utoipa::path(
    get, path = "/v1/topics/{topic}/dead-letter/records", tag = "dead_letters",
    params(("topic" = String, Path, description = "Name of the topic they came from"), PeekParams),
    responses(
        (status = 200, description = "Dead letters, perhaps none", body = DeadLetterRecords),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn peek(
    State(edge): State<Edge>,
    Segments(topic): Segments<String>,
    Query(params): Query<PeekParams>,
) -> Answered {
    let encoding = encoding_of(params.encoding.as_deref())?;
    let max = RECORDS_PER_REQUEST_MAX as u64;
    let records_max = at_least_one("max_records", params.max_records, PEEKED_DEFAULT, max)?;
    let PeekParams { group, partition, offset, error, key, contains, cursor, .. } = params;
    let filter = DeadLetterFilter { partition, offset, error, key, contains };
    let query = read(&edge, &topic, (&group, filter), (records_max, cursor.as_deref())).await?;
    let mut room = edge.answers().take(SLICE_BYTES_MAX)?;
    let found = edge.services().groups.peek(query.clone()).await?;
    let depth = match edge.topic(&topic).await {
        Ok(origin) => backlog(&edge, &origin, &group).await.map(|backlog| backlog.depth),
        Err(_) => None,
    };
    let body = written(&query, &found, depth, encoding);
    room.fit(body.len())?;
    Ok(while_sending(([(CONTENT_TYPE, JSON)], body).into_response(), room))
}

/// Brings back what a group gave up: to the group, or to the end of a topic.
///
/// Works in slices: send `next_cursor` back until it is null. Asked twice it brings nothing back
/// twice. What is given up after the first slice is not touched.
#[utoipa::path(
    post, path = "/v1/topics/{topic}/dead-letter:redrive", tag = "dead_letters",
    request_body = RedriveRequest,
    params(("topic" = String, Path, description = "Name of the topic they came from")),
    responses(
        (status = 200, description = "Brought back, or what would be", body = RedriveResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn redrive(
    State(edge): State<Edge>,
    Segments(topic): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<RedriveResponse>, Refusal> {
    let wanted: RedriveRequest = json(&edge, request).await?;
    let max = REDRIVEN_PER_REQUEST_MAX as u64;
    let records_max = at_least_one("max_records", wanted.max_records, max, max)?;
    let whose = (wanted.group.as_str(), wanted.filter());
    let query = read(&edge, &topic, whose, (records_max, wanted.cursor.as_deref())).await?;
    let dry_run = wanted.dry_run;
    let how = RedriveHow { topic: target(&edge, &query, &wanted.to).await?, dry_run };
    let _room = edge.answers().take(SLICE_BYTES_MAX)?;
    let done = edge.services().groups.redrive(query, how).await?;
    Ok(Json(RedriveResponse {
        scanned: done.scanned,
        matched: done.matched,
        redriven: done.redriven,
        already: done.already,
        left: done.left,
        left_because: done.left_because,
        next_cursor: done.cursor.map(|cursor| cursor.to_string()),
        dry_run,
    }))
}

/// Gives up for good what a group gave up: it is not shown and not brought back any more.
///
/// Works in slices: send `next_cursor` back until it is null.
#[utoipa::path(
    post, path = "/v1/topics/{topic}/dead-letter:purge", tag = "dead_letters",
    request_body = PurgeRequest,
    params(("topic" = String, Path, description = "Name of the topic they came from")),
    responses(
        (status = 200, description = "Given up, or what would be", body = PurgeResponse),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn purge(
    State(edge): State<Edge>,
    Segments(topic): Segments<String>,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Json<PurgeResponse>, Refusal> {
    let wanted: PurgeRequest = json(&edge, request).await?;
    let (default, max) = (REDRIVEN_PER_REQUEST_MAX as u64, RECORDS_PER_REQUEST_MAX as u64);
    let records_max = at_least_one("max_records", wanted.max_records, default, max)?;
    let whose = (wanted.group.as_str(), wanted.filter());
    let query = read(&edge, &topic, whose, (records_max, wanted.cursor.as_deref())).await?;
    let _room = edge.answers().take(SLICE_BYTES_MAX)?;
    let dry_run = wanted.dry_run;
    let done = edge.services().groups.purge(query, dry_run).await?;
    Ok(Json(PurgeResponse {
        scanned: done.scanned,
        matched: done.matched,
        purged: done.purged,
        next_cursor: done.cursor.map(|cursor| cursor.to_string()),
        dry_run,
    }))
}

/// What a request means.
async fn read(
    edge: &Edge,
    topic: &str,
    (group, filter): (&str, DeadLetterFilter),
    (records_max, cursor): (u64, Option<&str>),
) -> Result<DeadQuery, Problem> {
    check_group_name(group).map_err(Problem::from)?;
    check_filter(&filter)?;
    let topic = edge.topic(topic).await?;
    if let Some(partition) = filter.partition {
        partition_of(&topic, partition)?;
    }
    let mut query = query_of(edge, &topic, group);
    query.whose.filter = filter;
    query.records_max = usize::try_from(records_max).unwrap_or(usize::MAX);
    query.cursor = cursor.map(|text| cursor_of(text, &query)).transpose()?;
    Ok(query)
}

fn check_filter(filter: &DeadLetterFilter) -> Result<(), Problem> {
    let texts = [("error", &filter.error), ("key", &filter.key), ("contains", &filter.contains)];
    for (name, text) in texts {
        let length = text.as_ref().map_or(0, String::len);
        if length > DEAD_LETTER_FILTER_BYTES_MAX {
            let max = DEAD_LETTER_FILTER_BYTES_MAX;
            return Err(invalid(format!("{name} has {length} bytes, at most {max} are taken")));
        }
    }
    Ok(())
}

/// A cursor, which names only partitions that are there.
fn cursor_of(text: &str, query: &DeadQuery) -> Result<DeadCursor, Problem> {
    let cursor: DeadCursor = text.parse().map_err(|error| invalid(format!("cursor: {error}")))?;
    let partitions = query.from.as_ref().map_or(0, |from| from.partitions.len());
    let is_unknown = |partition: &PartitionId| *partition as usize >= partitions;
    match cursor.spans.keys().next_back().copied().filter(is_unknown) {
        Some(unknown) => {
            let name = &query.name;
            Err(invalid(format!("cursor: topic {name} has no partition {unknown}")))
        }
        None => Ok(cursor),
    }
}

fn encoding_of(word: Option<&str>) -> Result<Encoding, Problem> {
    let encoding = word.map(str::parse::<Encoding>).transpose();
    Ok(encoding.map_err(|error| invalid(error.to_string()))?.unwrap_or_default())
}

/// The topic that records go to, if they don't go to the group.
async fn target(
    edge: &Edge,
    query: &DeadQuery,
    to: &RedriveTo,
) -> Result<Option<Arc<TopicRecord>>, Problem> {
    let RedriveTo::Topic(name) = to else { return Ok(None) };
    let topic = edge.topic(name).await?;
    if topic.internal {
        let detail = format!("{name} is the cluster's own: nothing is sent there");
        return Err(Problem::new(ErrorCode::Unsafe, detail).hint("name another topic"));
    }
    if query.from.as_ref().is_some_and(|from| from.id == topic.id) {
        return Err(invalid(format!("{name} is the dead-letter topic itself"))
            .hint("name another topic, or none: then they go to the group"));
    }
    Ok(Some(topic))
}

/// The answer as text: records are written without a tree in between.
fn written(query: &DeadQuery, found: &Slice, depth: Option<u64>, encoding: Encoding) -> Vec<u8> {
    let mut out = b"{\"topic\":".to_vec();
    put_string(&mut out, &query.name);
    out.extend_from_slice(b",\"depth\":");
    match depth {
        Some(depth) => put_integer(&mut out, depth),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"records\":[");
    let start = out.len();
    for slice in &found.partitions {
        for record in &slice.records {
            if out.len() > start {
                out.push(b',');
            }
            write_dead(&mut out, &query.origin, slice.partition, record, encoding);
        }
    }
    out.extend_from_slice(b"],\"next_cursor\":");
    match &found.cursor {
        Some(cursor) => put_string(&mut out, &cursor.to_string()),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    out
}

fn write_dead(
    out: &mut Vec<u8>,
    topic: &str,
    partition: PartitionId,
    dead: &DeadRecord,
    encoding: Encoding,
) {
    let number = |out: &mut Vec<u8>, name: &str, number: i128| {
        put_string(out, name);
        out.push(b':');
        put_integer(out, number);
        out.push(b',');
    };
    let (origin, copy) = (&dead.origin, &dead.record);
    out.push(b'{');
    number(out, "partition", partition.into());
    number(out, "offset", dead.offset.0.into());
    number(out, "timestamp", dead.timestamp_ms.into());
    let content = Record {
        offset_delta: 0,
        timestamp_ms: dead.timestamp_ms,
        key: copy.key.clone(),
        value: copy.value.clone(),
        headers: copy.headers.clone(),
    };
    write_content(out, &content, encoding, Layout::Body);
    out.extend_from_slice(b",\"origin\":{");
    number(out, "partition", origin.partition.partition.into());
    number(out, "offset", origin.offset.0.into());
    number(out, "timestamp", copy.timestamp_ms.into());
    out.extend_from_slice(b"\"topic\":");
    put_string(out, topic);
    out.extend_from_slice(b"},");
    number(out, "attempts", origin.attempts.into());
    out.extend_from_slice(b"\"group\":");
    put_string(out, &origin.group);
    out.extend_from_slice(b",\"error\":");
    put_string(out, &origin.error);
    out.push(b'}');
}
