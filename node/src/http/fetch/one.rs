//! `GET /v1/topics/{t}/partitions/{p}/records`.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use rampart_api::http::encoding::Encoding;
use rampart_api::http::error::ProblemBody;
use rampart_api::http::fetch::{
    BodyEnd, BodyWriter, FetchResponse, FetchedRecord, Layout, RecordPosition, write_record,
};
use rampart_api::model::ids::{Offset, PartitionId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::TopicRecord;

use super::batches::Batches;
use super::tail::{self, Tail};
use super::{FetchParams, Start, Wanted, read_admitted};
use crate::castle_moves::sealed_at;
use crate::http::connection::while_sending;
use crate::http::edge::{Edge, partition_of};
use crate::http::error::{Answered, invalid};
use crate::http::media::{BATCH, Form, JSON, NDJSON, negotiate};
use crate::http::query::{Query, Segments, partition_number};
use crate::http::redirect;
use crate::partition::page::{Page, page, whole_batches};
use crate::partition::request::Fetched;

const NEXT_OFFSET: HeaderName = HeaderName::from_static("x-next-offset");
const HIGH_WATERMARK: HeaderName = HeaderName::from_static("x-high-watermark");
const LOG_START_OFFSET: HeaderName = HeaderName::from_static("x-log-start-offset");
const SEALED_AT: HeaderName = HeaderName::from_static("x-sealed-at");

/// Reads one partition.
///
/// As JSON, ndjson, raw batches, or with `Accept: text/event-stream` as a live tail, where `id:` is
/// the next offset and `Last-Event-ID` resumes. At the end the list is empty; `wait_ms` waits.
#[utoipa::path(
    get, path = "/v1/topics/{topic}/partitions/{partition}/records", tag = "records",
    params(
        ("topic" = String, Path, description = "Name of the topic"),
        ("partition" = u32, Path, description = "Number of the partition"),
        FetchParams,
        ("Prefer" = Option<String>, Header,
         description = "`redirect`: 307 to the leader instead of forwarding"),
        ("Accept" = Option<String>, Header, description = "One of the media types below; JSON if missing"),
        ("Last-Event-ID" = Option<String>, Header,
         description = "The last `id:` of a live tail that broke off: it goes on after it"),
    ),
    responses(
        (status = 200, description = "Records; one a line as ndjson, one an event as a live tail",
         headers(
            ("X-Next-Offset" = u64, description = "Where to go on"),
            ("X-High-Watermark" = u64, description = "Nobody reads at or above it"),
            ("X-Log-Start-Offset" = u64, description = "First offset that can be read"),
            ("X-Sealed-At" = u64, description = "Where the partition ends for good, if it does"),
         ),
         content(
            (FetchResponse = "application/json"),
            (FetchedRecord = "application/x-ndjson"),
            (String = "text/event-stream"),
            (Vec<u8> = "application/vnd.rampart.batch"),
         )),
        (status = 307, description = "With `Prefer: redirect`",
         headers(("Location" = String, description = "The same at the leader"))),
        (status = 416, description = "Offset out of range, with both bounds", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn fetch(
    State(edge): State<Edge>,
    Segments((topic, partition)): Segments<(String, String)>,
    Query(params): Query<FetchParams>,
    uri: Uri,
    headers: HeaderMap,
) -> Answered {
    let partition = partition_number(&partition)?;
    let form = negotiate(&headers, &[Form::Json, Form::Ndjson, Form::Batch, Form::Events])?;
    if params.cursor.is_some() {
        return Err(invalid("cursor is for reads over all partitions; here it is offset").into());
    }
    let mut wanted = Wanted::new(&edge, &params, form)?;
    let topic = edge.topic(&topic).await?;
    let (key, record) = partition_of(&topic, partition)?;
    if let Some(redirect) = redirect::wanted(&edge, &headers, &uri, record) {
        return Ok(redirect);
    }
    if form == Form::Events {
        if let Some(offset) = tail::last_event_id(&headers)? {
            wanted.start = Start::At(offset);
        }
        let tail = Tail::of_one(edge, topic, partition, &wanted).await?;
        return Ok(tail::respond(tail));
    }
    let (from, fetched, mut room) = read_admitted(&edge, key, &wanted).await?;
    let sealed_at = sealed_at(&edge.services().metadata.state(), topic.id, partition);
    let mut response = match form {
        Form::Batch => raw(&fetched, from, &wanted)?,
        Form::Json | Form::Ndjson | Form::Events => {
            let page = page(&fetched.batches, from, wanted.max_records, wanted.max_bytes)?;
            let bounds = (&fetched, sealed_at);
            records(form, (&topic, partition), &page, bounds, wanted.encoding)
        }
    };
    put_bounds(response.headers_mut(), &fetched, sealed_at);
    room.fit(answer_bytes(&response))?;
    Ok(while_sending(response, room))
}

fn records(
    form: Form,
    (topic, partition): (&TopicRecord, PartitionId),
    page: &Page,
    (fetched, sealed_at): (&Fetched, Option<Offset>),
    encoding: Encoding,
) -> Response {
    let mut out = Vec::new();
    let (media_type, mut body) = match form {
        Form::Ndjson => (NDJSON, None),
        Form::Json | Form::Batch | Form::Events => (JSON, Some(BodyWriter::begin(&mut out))),
    };
    for (offset, record) in &page.records {
        let position = RecordPosition { topic: &topic.name, partition, offset: offset.0 };
        match &mut body {
            Some(body) => body.record(&mut out, position, record, encoding),
            None => {
                write_record(&mut out, position, record, encoding, Layout::Line);
                out.push(b'\n');
            }
        }
    }
    if let Some(body) = body {
        let end = BodyEnd {
            next_offset: Some(page.next.0),
            high_watermark: Some(fetched.high_watermark.0),
            log_start_offset: Some(fetched.log_start.0),
            sealed_at: sealed_at.map(|at| at.0),
            next_cursor: None,
        };
        body.end(&mut out, &end);
    }
    let next = (NEXT_OFFSET, HeaderValue::from(page.next.0));
    ([(CONTENT_TYPE, HeaderValue::from_static(media_type)), next], out).into_response()
}

fn raw(fetched: &Fetched, from: Offset, wanted: &Wanted) -> Result<Response, Problem> {
    let max_records = if wanted.is_limited { wanted.max_records } else { usize::MAX };
    let (batches, next) = whole_batches(fetched.batches.clone(), from, max_records)?;
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(BATCH)), (NEXT_OFFSET, HeaderValue::from(next.0))];
    Ok((headers, Body::new(Batches::new(batches))).into_response())
}

/// Bytes of an answer that is there as a whole.
pub(super) fn answer_bytes(response: &Response) -> usize {
    usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX)
}

fn put_bounds(headers: &mut HeaderMap, fetched: &Fetched, sealed_at: Option<Offset>) {
    headers.insert(HIGH_WATERMARK, HeaderValue::from(fetched.high_watermark.0));
    headers.insert(LOG_START_OFFSET, HeaderValue::from(fetched.log_start.0));
    if let Some(at) = sealed_at {
        headers.insert(SEALED_AT, HeaderValue::from(at.0));
    }
}
