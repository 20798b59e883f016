//! `POST /v1/topics/{t}/records`: one handler by media type. The forms differ in how records are
//! read; `plan` makes one batch per (request, partition) of them, `send` appends those and says
//! what became of each.

mod batch;
mod json;
mod ndjson;
mod octets;
mod once;
mod plan;
mod send;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use rampart_api::http::encoding::Encoding;
use rampart_api::http::error::ProblemBody;
use rampart_api::http::json_pointer::JsonPointer;
use rampart_api::http::produce::{
    LineMode, LineResult, ProduceRequest, ProduceResponse, RecordLimits,
};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::PartitionId;
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::{Ack, TimestampType, TopicConfig};
use rampart_raft_store::state::metadata::state::TopicRecord;
use serde::Deserialize;
use utoipa::IntoParams;

use self::once::Once;
use super::edge::{Edge, partition_of};
use super::error::{Answered, invalid};
use super::media;
use super::query::{Query, Segments, milliseconds};
use super::redirect;

/// Query of a produce request.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ProduceParams {
    /// Where records go that name no partition. Needed by raw batches.
    #[param(value_type = Option<u32>)]
    partition: Option<PartitionId>,
    /// `-1` (or `all`), `quorum`, `1` or `0`; the topic's if missing.
    #[param(value_type = Option<String>)]
    ack: Option<Ack>,
    /// How long to wait for the acknowledgement. Within it the node retries what was certainly not
    /// appended.
    timeout_ms: Option<u64>,
    /// `json`, `string` or `base64`; of JSON and ndjson bodies.
    encoding: Option<Encoding>,
    /// `value`: each ndjson line is the value itself. `record`, the default: it is an envelope.
    lines: Option<String>,
    /// With `lines=value`: JSON pointer to the key inside the value.
    key: Option<String>,
}

/// A checked request, before its body is read.
#[derive(Debug, Clone)]
struct Job {
    edge: Edge,
    topic: Arc<TopicRecord>,
    config: TopicConfig,
    partition: Option<PartitionId>,
    ack: Option<Ack>,
    timeout: Duration,
    encoding: Option<Encoding>,
    /// The request is to be written once.
    once: Option<Once>,
}

/// Appends records.
///
/// JSON bodies are checked as a whole: nothing is written if a record is malformed.
/// `application/x-ndjson` is streamed: each line is answered by a line, in order, once what it was
/// gathered with is acknowledged; a lone line waits 3 ms for others. Raw batches are stored as they
/// are and answered with one entry per batch, not per record: the offset is that of its first
/// record, the others follow without gaps. Without acknowledgement (`ack=0`) the answer is 202
/// without offsets. With `X-Producer-*`, or an `Idempotency-Key`, a request may be sent again: its
/// records are written once, and the answer is that to the first, marked by
/// `Idempotency-Replayed: true`. A partition remembers a producer's last five batches, and the keys
/// of 24 hours or the last 10,000. With `message.timestamp.type=LogAppendTime` records get the time of the node
/// that received them.
#[utoipa::path(
    post, path = "/v1/topics/{topic}/records", tag = "records",
    params(
        ("topic" = String, Path, description = "Name of the topic"),
        ProduceParams,
        ("Prefer" = Option<String>, Header,
         description = "`redirect`: 307 to the leader of `partition` instead of forwarding"),
        ("Idempotency-Key" = Option<String>, Header, description = "Names this request: the same \
         key with the same body is written once. Keyless records go to the partition that its hash \
         chooses. Not with ndjson"),
        ("X-Producer-Id" = Option<i64>, Header,
         description = "Of POST /v1/producers; with `partition`. Raw batches say it themselves"),
        ("X-Producer-Epoch" = Option<i32>, Header, description = "With X-Producer-Id"),
        ("X-Producer-Sequence" = Option<i32>, Header, description = "Number of the first record \
         among those that the producer has sent to the partition, from 0; with X-Producer-Id"),
        ("X-Record-Key" = Option<String>, Header, description = "Key of an octet-stream record"),
        ("X-Record-Header-*" = Option<String>, Header,
         description = "Headers of an octet-stream record, names in lower case"),
    ),
    request_body(content(
        (ProduceRequest = "application/json"),
        (String = "application/x-ndjson"),
        (Vec<u8> = "application/octet-stream"),
        (Vec<u8> = "application/vnd.rampart.batch"),
    )),
    responses(
        (status = 200, description = "Written; per record, per batch, or a line per line",
         content(
            (ProduceResponse = "application/json"),
            (LineResult = "application/x-ndjson"),
         ),
         headers(("Idempotency-Replayed" = Option<String>,
                  description = "`true`: the records were there already"))),
        (status = 202, description = "Taken with ack 0"),
        (status = 207, description = "Some partitions refused: `offsets` says what became of each \
         record. As a whole it must not be sent again", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 307, description = "With `Prefer: redirect`",
         headers(("Location" = String, description = "The same at the leader"))),
        (status = 429, description = "Too many bytes in flight", body = ProblemBody,
         content_type = "application/problem+json",
         headers(("Retry-After" = u64, description = "Seconds"))),
        (status = "default", description = "Refused", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn produce(
    State(edge): State<Edge>,
    Segments(topic): Segments<String>,
    Query(params): Query<ProduceParams>,
    request: Request,
) -> Answered {
    let once = once::read(request.headers())?;
    let topic = edge.topic(&topic).await?;
    if let Some(partition) = params.partition {
        let (_, record) = partition_of(&topic, partition)?;
        if let Some(redirect) = redirect::wanted(&edge, request.headers(), request.uri(), record) {
            return Ok(redirect);
        }
    }
    let media_type = media::content_type(request.headers())?;
    let media_type = media_type.as_deref().unwrap_or(media::JSON);
    let lines = line_mode(&params, media_type)?;
    let mut job = job(edge, topic, &params)?;
    check_once(once.as_ref(), &job, media_type)?;
    job.once = once;
    match media_type {
        media::JSON | "application/x-www-form-urlencoded" => json::produce(job, request).await,
        media::NDJSON | "application/jsonl" | "application/ndjson" => {
            ndjson::produce(job, lines, request).await
        }
        media::OCTETS => octets::produce(job, request).await,
        media::BATCH => batch::produce(job, request).await,
        other => Err(unsupported(other).into()),
    }
}

fn job(edge: Edge, topic: Arc<TopicRecord>, params: &ProduceParams) -> Result<Job, Problem> {
    let http = edge.http();
    let timeout =
        milliseconds("timeout_ms", params.timeout_ms, http.produce_timeout(), http.wait_max())?;
    // What a newer version has stored and this one can't read is no fault of the writer's.
    let (config, _) = TopicConfig::from_stored(&topic.config);
    Ok(Job {
        edge,
        topic,
        config,
        partition: params.partition,
        ack: params.ack,
        timeout,
        encoding: params.encoding,
        once: None,
    })
}

impl Job {
    /// Milliseconds since 1970, for records that come without a time.
    fn now_ms(&self) -> i64 {
        self.edge.clock().now_ms()
    }

    /// The sender's times count unless the topic says otherwise.
    fn keeps_timestamps(&self) -> bool {
        self.config.message_timestamp_type == TimestampType::CreateTime
    }

    /// A producer's clock may be ahead, but a time far in the future would keep its records, and
    /// those before them, from ever expiring.
    fn check_timestamp(&self, timestamp_ms: i64) -> Result<(), Problem> {
        let (now_ms, max) = (self.now_ms(), self.config.message_timestamp_after_max_ms);
        if !self.keeps_timestamps() || timestamp_ms <= now_ms.saturating_add(max) {
            return Ok(());
        }
        Err(invalid(format!("timestamp {timestamp_ms} is more than {max} ms after now, {now_ms}"))
            .hint("milliseconds since 1970; see message.timestamp.after.max.ms of the topic"))
    }

    /// What a record may be.
    fn record_limits(&self) -> RecordLimits {
        let node = usize::try_from(self.edge.limits().record_bytes_max).unwrap_or(usize::MAX);
        RecordLimits {
            record_bytes_max: self.config.max_message_bytes.min(node),
            ..RecordLimits::default()
        }
    }

    /// How many records a request may have.
    fn records_max(&self) -> usize {
        usize::try_from(self.edge.limits().records_per_request_max).unwrap_or(usize::MAX)
    }
}

fn line_mode(params: &ProduceParams, media_type: &str) -> Result<LineMode, Problem> {
    let is_ndjson = !matches!(media_type, media::JSON | media::OCTETS | media::BATCH);
    for (name, given) in [("lines", params.lines.is_some()), ("key", params.key.is_some())] {
        if given && !is_ndjson {
            return Err(invalid(format!("{name} belongs to application/x-ndjson bodies")));
        }
    }
    if params.encoding.is_some() && matches!(media_type, media::OCTETS | media::BATCH) {
        return Err(invalid(format!("encoding has no meaning with {media_type}")));
    }
    match params.lines.as_deref() {
        None | Some("record") if params.key.is_some() => {
            Err(invalid("key is a JSON pointer into the value: it needs lines=value"))
        }
        None | Some("record") => Ok(LineMode::Record),
        Some("value") => {
            let pointer = params.key.as_deref().map(str::parse::<JsonPointer>).transpose();
            let key = pointer.map_err(|error| invalid(format!("key: {error}")))?;
            Ok(LineMode::Value { key })
        }
        Some(other) => {
            Err(invalid(format!("lines is record or value, not `{}`", media::shown(other))))
        }
    }
}

/// What can be written once, and what it has to say.
fn check_once(once: Option<&Once>, job: &Job, media_type: &str) -> Result<(), Problem> {
    let Some(once) = once else {
        return Ok(());
    };
    if !matches!(media_type, media::BATCH | media::OCTETS | media::JSON)
        && media_type != "application/x-www-form-urlencoded"
    {
        return Err(invalid("a stream of lines is not written once as a whole")
            .hint("send the records as application/json, or without Idempotency-Key"));
    }
    if once.sequence().is_some() && job.partition.is_none() {
        return Err(invalid("a sequence is that of one partition: X-Producer-* need ?partition=")
            .hint("or send an Idempotency-Key, which needs none"));
    }
    Ok(())
}

fn unsupported(media_type: &str) -> Problem {
    Problem::new(
        ErrorCode::UnsupportedMediaType,
        format!("records can't be sent as {}", media::shown(media_type)),
    )
    .hint("application/json, application/x-ndjson, application/octet-stream, or application/vnd.rampart.batch")
}
