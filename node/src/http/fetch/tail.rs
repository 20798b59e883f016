//! Live tails as server-sent events: one event a record, whose `id` says where to resume; a comment
//! where nothing happens, so that proxies keep the connection. A change of leader is waited out;
//! what can't heal is said in an event `problem`, the last one. Over all partitions an id is a whole
//! cursor, so only the last event of a piece has one: who is cut off inside a piece and resumes gets
//! the events of that piece again.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use rampart_api::http::encoding::Encoding;
use rampart_api::http::error::ProblemBody;
use rampart_api::http::fetch::{Cursor, Layout, RecordPosition, write_record};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{Offset, PartitionId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::TopicRecord;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{Wanted, locate};
use crate::http::edge::{Edge, partition_of};
use crate::http::error::invalid;
use crate::http::media::{EVENTS, shown};
use crate::partition::page::page;
use crate::partition::request::{Fetch, Fetched, OffsetSpec};

/// A comment is sent after so long without an event.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// One fetch of a tail waits for so long, then it is asked again.
const FETCH_WAIT: Duration = Duration::from_secs(10);
/// Pause after a refusal that may heal, such as a change of leader.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// What a client that stops reading makes the node hold: the fetches of all its partitions,
const FETCH_BYTES_MAX: usize = 256 << 10;
/// each of at least so much, or a batch,
const PARTITION_BYTES_MIN: usize = 16 << 10;
/// and the events that were made of one of them, in pieces of about so many bytes.
const PIECE_BYTES_MAX: usize = 64 << 10;
const LAST_EVENT_ID: &str = "last-event-id";

/// A reader that follows one or all partitions of a topic.
pub(super) struct Tail {
    edge: Edge,
    topic: Arc<TopicRecord>,
    offsets: BTreeMap<PartitionId, Offset>,
    follows_all: bool,
    fetching: FuturesUnordered<Fetching>,
    encoding: Encoding,
    max_bytes: usize,
    records_left: usize,
    comments: Interval,
    has_ended: bool,
    _places: OwnedSemaphorePermit,
}

/// A fetch on its way: where from, and what came.
type Fetching = BoxFuture<'static, (PartitionId, Offset, Result<Fetched, Problem>)>;

impl Tail {
    /// Follows one partition.
    pub(super) async fn of_one(
        edge: Edge,
        topic: Arc<TopicRecord>,
        partition: PartitionId,
        wanted: &Wanted,
    ) -> Result<Self, Problem> {
        let (key, _) = partition_of(&topic, partition)?;
        let offset = locate(&edge, key, wanted.start).await?;
        let offsets = BTreeMap::from([(partition, offset)]);
        Tail::new(edge, topic, offsets, false, wanted).await
    }

    /// Follows all partitions from these offsets.
    pub(super) async fn of_all(
        edge: Edge,
        topic: Arc<TopicRecord>,
        offsets: BTreeMap<PartitionId, Offset>,
        wanted: &Wanted,
    ) -> Result<Self, Problem> {
        Tail::new(edge, topic, offsets, true, wanted).await
    }

    async fn new(
        edge: Edge,
        topic: Arc<TopicRecord>,
        offsets: BTreeMap<PartitionId, Offset>,
        follows_all: bool,
        wanted: &Wanted,
    ) -> Result<Self, Problem> {
        let places = edge.wait_places(offsets.len())?;
        let share = (FETCH_BYTES_MAX / offsets.len().max(1)).max(PARTITION_BYTES_MIN);
        for (&partition, &offset) in &offsets {
            check_range(&edge, &topic, partition, offset).await?;
        }
        let start = edge.clock().instant() + COMMENT_EVERY;
        let mut tail = Tail {
            comments: comments_from(start),
            topic,
            follows_all,
            fetching: FuturesUnordered::new(),
            encoding: wanted.encoding,
            max_bytes: wanted.max_bytes.min(share),
            records_left: if wanted.is_limited { wanted.max_records } else { usize::MAX },
            has_ended: false,
            _places: places,
            edge,
            offsets: BTreeMap::new(),
        };
        for (partition, offset) in offsets {
            tail.follow(partition, offset, Duration::ZERO);
        }
        Ok(tail)
    }

    /// The next events or a comment; `None` when the tail has ended.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.has_ended && self.records_left > 0 {
            self.follow_new_partitions();
            let stopping = self.edge.stopping().clone();
            tokio::select! {
                biased;
                () = stopping.cancelled() => return None,
                Some(fetched) = self.fetching.next() => {
                    let events = self.events(fetched);
                    if !events.is_empty() {
                        self.comments.reset();
                        return Some(Bytes::from(events));
                    }
                }
                _ = self.comments.tick() => return Some(Bytes::from_static(b": still here\n\n")),
            }
        }
        None
    }

    fn events(
        &mut self,
        (partition, from, fetched): (PartitionId, Offset, Result<Fetched, Problem>),
    ) -> Vec<u8> {
        let page = fetched
            .and_then(|fetched| page(&fetched.batches, from, self.records_left, self.max_bytes));
        let page = match page {
            Ok(page) if page.records.is_empty() => {
                self.follow(partition, page.next, Duration::ZERO);
                return Vec::new();
            }
            Ok(page) => page,
            Err(problem) if heals(&problem) => {
                self.follow(partition, from, RETRY_PAUSE);
                return Vec::new();
            }
            Err(problem) => {
                self.has_ended = true;
                return problem_event(&problem);
            }
        };
        let mut out = Vec::new();
        let (mut piece, last) = (0, page.records.len() - 1);
        for (index, (offset, record)) in page.records.iter().enumerate() {
            self.offsets.insert(partition, Offset(offset.0 + 1));
            if !self.follows_all || index == last || out.len() - piece > PIECE_BYTES_MAX {
                self.put_id(&mut out, partition);
                piece = out.len();
            }
            out.extend_from_slice(b"data: ");
            let position = RecordPosition { topic: &self.topic.name, partition, offset: offset.0 };
            write_record(&mut out, position, record, self.encoding, Layout::Line);
            out.extend_from_slice(b"\n\n");
        }
        self.records_left -= page.records.len();
        self.follow(partition, page.next, Duration::ZERO);
        out
    }

    fn put_id(&self, out: &mut Vec<u8>, partition: PartitionId) {
        let id = if self.follows_all {
            Cursor(self.offsets.clone()).to_string()
        } else {
            self.offsets[&partition].to_string()
        };
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }

    fn follow(&mut self, partition: PartitionId, offset: Offset, pause: Duration) {
        self.offsets.insert(partition, offset);
        let Ok((key, _)) = partition_of(&self.topic, partition) else {
            return;
        };
        let request = Fetch {
            key,
            offset,
            max_bytes: u32::try_from(self.max_bytes).expect("at most 256 KiB"),
            wait_ms: u32::try_from(FETCH_WAIT.as_millis()).expect("seconds"),
            linearizable: false,
        };
        let partitions = self.edge.services().partitions.clone();
        self.fetching.push(Box::pin(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            (partition, offset, partitions.fetch(request).await)
        }));
    }

    /// Partitions that were added to the topic are followed from their first record.
    fn follow_new_partitions(&mut self) {
        if !self.follows_all {
            return;
        }
        let state = self.edge.services().metadata.state();
        let Some(topic) = state.topics.get(&self.topic.id) else {
            return;
        };
        let known = self.topic.partitions.len();
        if topic.partitions.len() > known {
            self.topic = topic.clone();
            for (partition, _) in (0u32..).zip(&topic.partitions).skip(known) {
                self.follow(partition, Offset(0), Duration::ZERO);
            }
        }
    }
}

/// The answer.
pub(super) fn respond(tail: Tail) -> Response {
    let events = futures_util::stream::unfold(tail, |mut tail| async move {
        let events = tail.next().await?;
        Some((Ok::<_, std::convert::Infallible>(events), tail))
    });
    let headers = [
        (CONTENT_TYPE, EVENTS),
        (CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(events)).into_response()
}

/// Where an interrupted tail resumes.
pub(super) fn last_event_id<T: FromStr>(headers: &HeaderMap) -> Result<Option<T>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| invalid("Last-Event-ID is not plain text"))?;
    text.parse().map(Some).map_err(|_| {
        invalid(format!("Last-Event-ID: `{}` is none of this endpoint's ids", shown(text)))
    })
}

/// A position that can't be read is refused before the tail begins.
async fn check_range(
    edge: &Edge,
    topic: &TopicRecord,
    partition: PartitionId,
    offset: Offset,
) -> Result<(), Problem> {
    let (key, _) = partition_of(topic, partition)?;
    let now = edge.services().partitions.list_offset(key, OffsetSpec::Latest).await?;
    if (now.log_start..=now.high_watermark).contains(&offset) {
        return Ok(());
    }
    let (first, last) = (now.log_start.0, now.high_watermark.0);
    let mut problem = Problem::new(
        ErrorCode::OffsetOutOfRange,
        format!("partition {partition}: offset {offset} is not between {first} and {last}"),
    );
    problem.valid_offsets = Some((first, last));
    Err(problem)
}

fn comments_from(start: Instant) -> Interval {
    let mut comments = tokio::time::interval_at(start, COMMENT_EVERY);
    comments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    comments
}

/// Reads have no effect, so an unknown outcome is as good as none.
fn heals(problem: &Problem) -> bool {
    problem.code.retriable()
}

fn problem_event(problem: &Problem) -> Vec<u8> {
    let mut out = b"event: problem\ndata: ".to_vec();
    out.extend_from_slice(&ProblemBody::from(problem).to_json());
    out.extend_from_slice(b"\n\n");
    out
}
