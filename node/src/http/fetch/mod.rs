//! `GET …/records` of one partition and of all: the parameters, and where a read starts. `one` and
//! `all` answer, `page` turns stored batches into records, `tail` follows as server-sent events.

mod all;
mod all_start;
mod batches;
mod one;
mod tail;

use std::time::Duration;

use futures_util::FutureExt;
use rampart_api::http::encoding::Encoding;
use rampart_api::http::fetch::OffsetParam;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

pub(super) use all::{__path_fetch_all, fetch_all};
pub(super) use one::{__path_fetch, fetch};

use super::admission::Room;
use super::edge::Edge;
use super::error::invalid;
use super::media::{Form, shown};
use super::query::{at_least_one, milliseconds};
use crate::partition::request::{Fetch, Fetched, OffsetSpec, PartitionKey};

const MAX_BYTES: u64 = 1 << 20;
const MAX_RECORDS: u64 = 500;
/// What a read that had to wait answers at most: what came first, and nobody reserved room for it.
const WAITING_BYTES_MAX: usize = 64 << 10;
/// A position by description may be trimmed away before it is read; then it is looked up again.
const LOOK_UPS_MAX: usize = 3;

/// Query of a read.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FetchParams {
    /// A number, `earliest` (default), `latest` (default of a live tail), or `-k` for the last k
    /// records.
    offset: Option<String>,
    /// Instead of `offset`: the first record with this time or a later one, in milliseconds since
    /// 1970.
    timestamp: Option<i64>,
    /// Most records; 500 if missing. A live tail ends after so many.
    max_records: Option<u64>,
    /// About how many bytes; 1 MiB if missing.
    max_bytes: Option<u64>,
    /// How long to wait for a record if there is none.
    wait_ms: Option<u64>,
    /// `read_committed` or `read_uncommitted`; there are no transactions yet, so they are the same.
    isolation: Option<String>,
    /// `json`, `string` or `base64`.
    encoding: Option<Encoding>,
    /// Confirm the leadership first, so that an empty answer proves that there is nothing.
    linearizable: Option<bool>,
    /// Of reads over all partitions: where to go on.
    #[param(ignore)]
    cursor: Option<String>,
}

/// Where a read starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    At(Offset),
    By(OffsetSpec),
}

/// Checked parameters.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    start: Start,
    max_records: usize,
    /// Somebody said how many.
    is_limited: bool,
    max_bytes: usize,
    wait: Duration,
    encoding: Encoding,
    linearizable: bool,
}

impl Wanted {
    fn new(edge: &Edge, params: &FetchParams, form: Form) -> Result<Self, Problem> {
        match params.isolation.as_deref() {
            None | Some("read_committed" | "read_uncommitted") => {}
            Some(other) => {
                let other = shown(other);
                return Err(invalid(format!(
                    "isolation is read_committed or read_uncommitted, not `{other}`"
                )));
            }
        }
        if form == Form::Batch && params.encoding.is_some() {
            return Err(invalid("encoding has no meaning for raw batches"));
        }
        let limits = edge.limits();
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let records_max = limits.records_per_request_max;
        let records_max = if form == Form::Events { u64::MAX } else { records_max };
        Ok(Wanted {
            start: start(params, form)?,
            max_records: size(at_least_one(
                "max_records",
                params.max_records,
                MAX_RECORDS,
                records_max,
            )?),
            is_limited: params.max_records.is_some(),
            max_bytes: size(at_least_one(
                "max_bytes",
                params.max_bytes,
                MAX_BYTES,
                limits.fetch_bytes_max,
            )?),
            wait: milliseconds("wait_ms", params.wait_ms, Duration::ZERO, edge.http().wait_max())?,
            encoding: params.encoding.unwrap_or_default(),
            linearizable: params.linearizable.unwrap_or(false),
        })
    }
}

fn start(params: &FetchParams, form: Form) -> Result<Start, Problem> {
    match (params.offset.as_deref(), params.timestamp) {
        (Some(_), Some(_)) => Err(invalid("offset and timestamp exclude each other")),
        (None, Some(ms)) => Ok(Start::By(OffsetSpec::Timestamp(ms))),
        (Some(offset), None) => {
            let offset: OffsetParam =
                offset.parse().map_err(|error| invalid(format!("{error}")))?;
            Ok(match offset {
                OffsetParam::At(offset) => Start::At(offset),
                OffsetParam::Earliest => Start::By(OffsetSpec::Earliest),
                OffsetParam::Latest => Start::By(OffsetSpec::Latest),
                OffsetParam::FromEnd(records) => Start::By(OffsetSpec::FromEnd(records)),
            })
        }
        (None, None) if form == Form::Events => Ok(Start::By(OffsetSpec::Latest)),
        (None, None) => Ok(Start::By(OffsetSpec::Earliest)),
    }
}

/// The offset that a start means now.
async fn locate(edge: &Edge, key: PartitionKey, start: Start) -> Result<Offset, Problem> {
    match start {
        Start::At(offset) => Ok(offset),
        Start::By(spec) => Ok(edge.services().partitions.list_offset(key, spec).await?.offset),
    }
}

/// Reads from a start; answers the offset it meant as well.
async fn read_from(
    edge: &Edge,
    key: PartitionKey,
    wanted: &Wanted,
) -> Result<(Offset, Fetched), Problem> {
    let mut look_ups = 0;
    loop {
        let offset = locate(edge, key, wanted.start).await?;
        look_ups += 1;
        let request = fetch_request(key, offset, wanted, wanted.wait);
        match read(edge, request).await {
            Err(problem)
                if problem.code == ErrorCode::OffsetOutOfRange
                    && matches!(wanted.start, Start::By(_))
                    && look_ups < LOOK_UPS_MAX => {}
            result => return result.map(|fetched| (offset, fetched)),
        }
    }
}

/// Reads within the node's room for answers. Where there is nothing yet it waits, and holds a place
/// among those that wait instead of room.
async fn read_admitted(
    edge: &Edge,
    key: PartitionKey,
    wanted: &Wanted,
) -> Result<(Offset, Fetched, Room), Problem> {
    let mut room = edge.answers().take(wanted.max_bytes)?;
    let now = Wanted { wait: Duration::ZERO, ..*wanted };
    let (from, fetched) = read_from(edge, key, &now).await?;
    if wanted.wait.is_zero() || !fetched.batches.is_empty() {
        room.fit(size(&fetched))?;
        return Ok((from, fetched, room));
    }
    drop(room);
    let _place = edge.wait_places(1)?;
    let max_bytes = wanted.max_bytes.min(WAITING_BYTES_MAX);
    let waiting = Wanted { start: Start::At(from), max_bytes, ..*wanted };
    let (from, fetched) = read_from(edge, key, &waiting).await?;
    let room = edge.answers().take(size(&fetched))?;
    Ok((from, fetched, room))
}

fn size(fetched: &Fetched) -> usize {
    fetched.batches.iter().map(bytes::Bytes::len).sum()
}

fn fetch_request(key: PartitionKey, offset: Offset, wanted: &Wanted, wait: Duration) -> Fetch {
    Fetch {
        key,
        offset,
        max_bytes: u32::try_from(wanted.max_bytes).unwrap_or(u32::MAX),
        wait_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
        linearizable: wanted.linearizable,
    }
}

/// Reads; a wait ends when the node stops.
async fn read(edge: &Edge, request: Fetch) -> Result<Fetched, Problem> {
    let fetching = edge.services().partitions.fetch(request);
    if request.wait_ms == 0 {
        return fetching.await;
    }
    tokio::select! {
        biased;
        fetched = fetching.fuse() => fetched,
        () = edge.stopping().cancelled() => Err(stopping()),
    }
}

fn stopping() -> Problem {
    Problem::new(ErrorCode::NotReady, "this node is stopping").hint("ask another node")
}
