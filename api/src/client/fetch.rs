//! `GET /v1/topics/{t}/partitions/{p}/records`: JSON and raw batches.

use std::time::Duration;

use bytes::Bytes;

use super::topics::topic_path;
use super::transport::{Request, interrupted};
use super::{Client, ClientError};
use crate::http::encoding::Encoding;
use crate::http::fetch::{FetchResponse, OffsetParam};
use crate::model::ids::Offset;

const BATCH: &str = "application/vnd.rampart.batch";

/// Where to read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchFrom {
    /// An offset, or a place that stands for one.
    Offset(OffsetParam),
    /// The first record with this timestamp or a later one, in milliseconds since 1970.
    Timestamp(i64),
}

impl From<Offset> for FetchFrom {
    fn from(offset: Offset) -> Self {
        FetchFrom::Offset(OffsetParam::At(offset))
    }
}

/// What a fetch may say beside where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchOptions {
    /// At most so many records; JSON only.
    pub max_records: Option<u64>,
    /// About so many bytes.
    pub max_bytes: Option<u64>,
    /// How long to wait for a record if there is none.
    pub wait: Option<Duration>,
    /// How keys and values stand in the answer; JSON only.
    pub encoding: Encoding,
    /// Confirm leadership first, so that an empty answer is proof of absence.
    pub linearizable: bool,
}

/// Raw batches of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawBatches {
    /// Record batches v2, back to back; the first may start below the offset asked for.
    pub batches: Bytes,
    /// Where to go on.
    pub next_offset: Option<u64>,
    /// Nobody reads at or above it.
    pub high_watermark: Option<u64>,
    /// First offset that can be read.
    pub log_start_offset: Option<u64>,
}

impl Client {
    /// Records of one partition.
    pub async fn fetch(
        &self,
        topic: &str,
        partition: u32,
        from: FetchFrom,
        options: FetchOptions,
    ) -> Result<FetchResponse, ClientError> {
        let request = request(topic, partition, from, options)?
            .query("max_records", options.max_records)
            .query("encoding", Some(options.encoding))
            .header("accept", Some("application/json"));
        self.ask(request).await
    }

    /// Record batches of one partition, as they are stored.
    pub async fn fetch_batches(
        &self,
        topic: &str,
        partition: u32,
        from: FetchFrom,
        options: FetchOptions,
    ) -> Result<RawBatches, ClientError> {
        let request = request(topic, partition, from, options)?.header("accept", Some(BATCH));
        let answer = self.send(request).await?;
        let headers = answer.response.headers().clone();
        let number = |name: &str| headers.get(name)?.to_str().ok()?.parse().ok();
        let server = answer.server;
        let batches = answer.response.bytes().await.map_err(|e| interrupted(&server, &e))?;
        Ok(RawBatches {
            batches,
            next_offset: number("x-next-offset"),
            high_watermark: number("x-high-watermark"),
            log_start_offset: number("x-log-start-offset"),
        })
    }
}

fn request(
    topic: &str,
    partition: u32,
    from: FetchFrom,
    options: FetchOptions,
) -> Result<Request, ClientError> {
    let request = Request::get(topic_path(topic, &format!("/partitions/{partition}/records"))?);
    let request = match from {
        FetchFrom::Offset(offset) => request.query("offset", Some(offset)),
        FetchFrom::Timestamp(ms) => request.query("timestamp", Some(ms)),
    };
    Ok(request
        .query("max_bytes", options.max_bytes)
        .query("wait_ms", options.wait.map(|wait| wait.as_millis()))
        .query("linearizable", options.linearizable.then_some(true))
        .wait(options.wait.unwrap_or_default()))
}
