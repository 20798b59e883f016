//! `GET /v1/topics/{t}/records`: all partitions, resumed by a cursor. Order holds within a
//! partition; among partitions there is none.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt};
use rampart_api::http::error::ProblemBody;
use rampart_api::http::fetch::{
    BodyEnd, BodyWriter, Cursor, FetchResponse, FetchedRecord, Layout, RecordPosition, write_record,
};
use rampart_api::model::ids::{Offset, PartitionId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::TopicRecord;

use super::all_start::{fair_shares, starts, turn};
use super::one::answer_bytes;
use super::tail::{self, Tail};
use super::{FetchParams, WAITING_BYTES_MAX, Wanted, fetch_request, read};
use crate::http::connection::while_sending;
use crate::http::edge::{Edge, partition_of};
use crate::http::error::{Answered, invalid};
use crate::http::media::{Form, JSON, NDJSON, negotiate};
use crate::http::query::{Query, Segments};
use crate::partition::page::{Page, page};

const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");
/// Partitions that are read at a time.
const AT_ONCE: usize = 16;
/// A partition is asked for at least so much if there is room.
const PARTITION_BYTES_MIN: usize = 64 << 10;
/// An answer that has something does not go on through more partitions than these.
const PARTITIONS_PER_ANSWER: usize = 64;
/// A larger cursor is only in the body: heads have their limits.
const CURSOR_HEADER_BYTES_MAX: usize = 12 << 10;

/// What was read of each partition, in the order they were asked.
type Pages = Vec<(PartitionId, Page)>;

/// Reads all partitions of a topic.
///
/// As `…/partitions/{partition}/records`; `next_cursor`, `X-Next-Cursor` and the `id:` of a live
/// tail say where to go on: send it as `cursor`, or as `Last-Event-ID`. Over thousands of partitions
/// a cursor may be too large for a header, and is in the JSON body only. Not every event of a tail
/// has an `id:`, only the last of those that are sent together: who resumes may get some again.
#[utoipa::path(
    get, path = "/v1/topics/{topic}/records", tag = "records",
    params(
        ("topic" = String, Path, description = "Name of the topic"),
        FetchParams,
        ("cursor" = Option<String>, Query, description = "Where to go on"),
        ("Accept" = Option<String>, Header, description = "One of the media types below; JSON if missing"),
        ("Last-Event-ID" = Option<String>, Header,
         description = "The last `id:` of a live tail that broke off: it goes on after it"),
    ),
    responses(
        (status = 200, description = "Records; one a line as ndjson, one an event as a live tail",
         headers(("X-Next-Cursor" = String, description = "Where to go on")),
         content(
            (FetchResponse = "application/json"),
            (FetchedRecord = "application/x-ndjson"),
            (String = "text/event-stream"),
         )),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn fetch_all(
    State(edge): State<Edge>,
    Segments(topic): Segments<String>,
    Query(params): Query<FetchParams>,
    headers: HeaderMap,
) -> Answered {
    let form = negotiate(&headers, &[Form::Json, Form::Ndjson, Form::Events])?;
    let wanted = Wanted::new(&edge, &params, form)?;
    let mut cursor = parse_cursor(&params)?;
    let topic = edge.topic(&topic).await?;
    if form == Form::Events {
        cursor = tail::last_event_id(&headers)?.or(cursor);
        let offsets = starts(&edge, &topic, cursor.as_ref(), wanted.start).await?;
        return Ok(tail::respond(Tail::of_all(edge, topic, offsets, &wanted).await?));
    }
    let mut offsets = starts(&edge, &topic, cursor.as_ref(), wanted.start).await?;
    let mut room = edge.answers().take(wanted.max_bytes)?;
    let mut pages = read_now(&edge, &topic, &offsets, &wanted).await?;
    if pages.iter().all(|(_, page)| page.records.is_empty()) && !wanted.wait.is_zero() {
        // Whoever waits holds a place instead of room.
        room.fit(0)?;
        pages = wait_for_any(&edge, &topic, &offsets, &wanted).await?;
    }
    room.fit(pages.iter().map(|(_, page)| page.bytes).sum())?;
    cut(&mut pages, wanted.max_records);
    for (partition, page) in &pages {
        offsets.insert(*partition, page.next);
    }
    let response = respond(form, &topic, &pages, &Cursor(offsets), &wanted);
    room.fit(answer_bytes(&response))?;
    Ok(while_sending(response, room))
}

fn parse_cursor(params: &FetchParams) -> Result<Option<Cursor>, Problem> {
    let Some(text) = params.cursor.as_deref() else {
        return Ok(None);
    };
    if params.offset.is_some() || params.timestamp.is_some() {
        return Err(invalid("cursor excludes offset and timestamp"));
    }
    text.parse().map(Some).map_err(|error| invalid(format!("cursor: {error}")))
}

/// Reads what is there, a few partitions at a time until the answer is full.
async fn read_now(
    edge: &Edge,
    topic: &TopicRecord,
    offsets: &BTreeMap<PartitionId, Offset>,
    wanted: &Wanted,
) -> Result<Pages, Problem> {
    let order = turn(offsets);
    // Those that are read at a time share the room, for each may answer all of its share, and a
    // whole batch however large that is.
    let at_once =
        (wanted.max_bytes / PARTITION_BYTES_MIN).clamp(1, AT_ONCE).min(order.len().max(1));
    let each = Wanted { max_bytes: share(wanted.max_bytes, at_once), ..*wanted };
    let mut pages = Pages::new();
    let (mut records, mut bytes) = (0, 0);
    for group in order.chunks(at_once) {
        let reads = group.iter().map(|&(partition, offset)| {
            Box::pin(read_one(edge, topic, partition, offset, &each, Duration::ZERO))
        });
        let reads: FuturesUnordered<_> = reads.collect();
        let read: Pages = reads.try_collect().await?;
        records += read.iter().map(|(_, page)| page.records.len()).sum::<usize>();
        bytes += read.iter().map(|(_, page)| page.bytes).sum::<usize>();
        let is_full =
            records >= wanted.max_records || bytes + PARTITION_BYTES_MIN > wanted.max_bytes;
        pages.extend(read);
        if records > 0 && (is_full || pages.len() >= PARTITIONS_PER_ANSWER) {
            break;
        }
    }
    pages.sort_by_key(|(partition, _)| *partition);
    Ok(pages)
}

/// Waits until one partition has a record.
async fn wait_for_any(
    edge: &Edge,
    topic: &TopicRecord,
    offsets: &BTreeMap<PartitionId, Offset>,
    wanted: &Wanted,
) -> Result<Pages, Problem> {
    let _places = edge.wait_places(offsets.len())?;
    let max_bytes = wanted.max_bytes.min(WAITING_BYTES_MAX);
    let each = Wanted { max_bytes, ..*wanted };
    let reads = offsets.iter().map(|(&partition, &offset)| {
        Box::pin(read_one(edge, topic, partition, offset, &each, wanted.wait))
    });
    let mut reads: FuturesUnordered<_> = reads.collect();
    while let Some(read) = reads.next().await {
        let (partition, page) = read?;
        if !page.records.is_empty() {
            return Ok(vec![(partition, page)]);
        }
    }
    Ok(Pages::new())
}

/// Each one's part of the room.
fn share(max_bytes: usize, among: usize) -> usize {
    (max_bytes / among).max(1)
}

async fn read_one(
    edge: &Edge,
    topic: &TopicRecord,
    partition: PartitionId,
    offset: Offset,
    wanted: &Wanted,
    wait: Duration,
) -> Result<(PartitionId, Page), Problem> {
    let (key, _) = partition_of(topic, partition)?;
    let fetched = read(edge, fetch_request(key, offset, wanted, wait)).await;
    let read = fetched
        .and_then(|fetched| page(&fetched.batches, offset, wanted.max_records, wanted.max_bytes));
    let page = read.map_err(|mut problem| {
        problem.detail = format!("partition {partition}: {}", problem.detail);
        problem
    })?;
    Ok((partition, page))
}

/// Cuts the pages so that together they have at most so many records.
fn cut(pages: &mut Pages, max_records: usize) {
    let available: Vec<_> = pages.iter().map(|(_, page)| page.records.len()).collect();
    for ((_, page), share) in pages.iter_mut().zip(fair_shares(&available, max_records)) {
        if let Some((first_left_out, _)) = page.records.get(share) {
            page.next = *first_left_out;
            page.records.truncate(share);
        }
    }
}

fn respond(
    form: Form,
    topic: &TopicRecord,
    pages: &Pages,
    cursor: &Cursor,
    wanted: &Wanted,
) -> Response {
    let mut out = Vec::new();
    let cursor = cursor.to_string();
    let header = HeaderValue::from_str(&cursor).expect("base64url");
    let header = (header.len() <= CURSOR_HEADER_BYTES_MAX).then_some((NEXT_CURSOR, header));
    let (media_type, mut body) = match form {
        Form::Ndjson => (NDJSON, None),
        Form::Json | Form::Batch | Form::Events => (JSON, Some(BodyWriter::begin(&mut out))),
    };
    for (partition, page) in pages {
        for (offset, record) in &page.records {
            let position =
                RecordPosition { topic: &topic.name, partition: *partition, offset: offset.0 };
            match &mut body {
                Some(body) => body.record(&mut out, position, record, wanted.encoding),
                None => {
                    write_record(&mut out, position, record, wanted.encoding, Layout::Line);
                    out.push(b'\n');
                }
            }
        }
    }
    if let Some(body) = body {
        body.end(&mut out, &BodyEnd { next_cursor: Some(cursor), ..BodyEnd::default() });
    }
    let mut response =
        ([(CONTENT_TYPE, HeaderValue::from_static(media_type))], out).into_response();
    response.headers_mut().extend(header);
    response
}
