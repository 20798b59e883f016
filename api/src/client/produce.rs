//! `POST /v1/topics/{t}/records`: JSON, lines, raw batches.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::topics::topic_path;
use super::transport::{Answer, Request, interrupted};
use super::{Client, ClientError};
use crate::http::encoding::Encoding;
use crate::http::produce::{
    LineResult, LineSplitter, ProduceRequest, ProduceResponse, ProducedOffset,
};
use crate::model::topic_config::Ack;

const NDJSON: &str = "application/x-ndjson";
const BATCH: &str = "application/vnd.rampart.batch";
/// How long an answer to a batch may need beyond the time that the server has.
const BATCH_GRACE: Duration = Duration::from_secs(2);
/// Longest answer to one line.
const ANSWER_LINE_BYTES_MAX: usize = 64 << 10;

/// What a produce request may say beside its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProduceOptions {
    /// Where to; by key, or the least-filled one, if `None`.
    pub partition: Option<u32>,
    /// What must confirm the write; the topic's if `None`.
    pub ack: Option<Ack>,
    /// How long the server may take.
    pub timeout: Option<Duration>,
}

/// What each line of an ndjson body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineFormat {
    /// A record with key, value and headers, in this encoding.
    Records(Encoding),
    /// The value itself, stored verbatim; the key is found in it by a JSON pointer if there is one.
    Values {
        /// `json` checks that each line is JSON, `string` takes any text.
        encoding: Encoding,
        /// Such as `/origin`.
        key: Option<String>,
    },
}

/// The answer to one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SentBatch {
    /// Where its first record landed; `None` where nobody acknowledges.
    pub(super) offset: Option<ProducedOffset>,
    /// It was there already.
    pub(super) is_replayed: bool,
}

/// The answers to lines that were streamed in, one by one, in order.
#[derive(Debug)]
pub struct LineAnswers {
    server: String,
    status: u16,
    response: Option<reqwest::Response>,
    splitter: LineSplitter,
    ready: VecDeque<LineResult>,
}

impl Client {
    /// Records of one or several partitions as JSON. A partial failure is a problem with status
    /// 207 whose `offsets` say what became of each record. With ack 0 nobody knows offsets, and
    /// the answer has none.
    pub async fn produce(
        &self,
        topic: &str,
        records: &ProduceRequest,
        options: &ProduceOptions,
    ) -> Result<ProduceResponse, ClientError> {
        let answer = self.ask_accepted(request(topic, options)?.json(records)).await?;
        Ok(answer.unwrap_or_default())
    }

    /// One or more record batches v2, back to back, for `options.partition`.
    pub async fn produce_batches(
        &self,
        topic: &str,
        batches: Bytes,
        options: &ProduceOptions,
    ) -> Result<ProduceResponse, ClientError> {
        let answer = self.ask_accepted(request(topic, options)?.body(BATCH, batches)).await?;
        Ok(answer.unwrap_or_default())
    }

    /// One record batch v2 for `options.partition`. The answer is waited for about as long as
    /// `options.timeout` says.
    pub(super) async fn send_batch(
        &self,
        topic: &str,
        batch: Bytes,
        options: &ProduceOptions,
    ) -> Result<SentBatch, ClientError> {
        let patience = options.timeout.unwrap_or_default() + BATCH_GRACE;
        let request = request(topic, options)?.body(BATCH, batch).within(patience);
        let answer = self.send(request).await?;
        let status = answer.response.status();
        let is_replayed = answer.response.headers().contains_key("idempotency-replayed");
        if status == reqwest::StatusCode::ACCEPTED {
            return Ok(SentBatch { offset: None, is_replayed });
        }
        let server = answer.server.clone();
        let said: ProduceResponse = answer.json().await?;
        let missing = || ClientError::Unexpected {
            server,
            status: status.as_u16(),
            text: "an acknowledgement without an offset".to_owned(),
        };
        let offset = said.offsets.first().copied().ok_or_else(missing)?;
        Ok(SentBatch { offset: Some(offset), is_replayed })
    }

    /// Lines that are all there. One answer per line that is not blank.
    pub async fn produce_lines(
        &self,
        topic: &str,
        lines: Bytes,
        format: &LineFormat,
        options: &ProduceOptions,
    ) -> Result<Vec<LineResult>, ClientError> {
        let request = formatted(request(topic, options)?, format).body(NDJSON, lines);
        let mut answers = LineAnswers::new(self.send(request).await?);
        let mut results = Vec::new();
        while let Some(result) = answers.next().await? {
            results.push(result);
        }
        Ok(results)
    }

    /// Lines that are sent as they come; answers come back while the body is still being sent.
    pub async fn produce_stream(
        &self,
        topic: &str,
        lines: reqwest::Body,
        format: &LineFormat,
        options: &ProduceOptions,
    ) -> Result<LineAnswers, ClientError> {
        let request = formatted(request(topic, options)?, format);
        self.stream(request, NDJSON, lines).await.map(LineAnswers::new)
    }
}

impl LineAnswers {
    fn new(answer: Answer) -> Self {
        LineAnswers {
            status: answer.response.status().as_u16(),
            server: answer.server,
            response: Some(answer.response),
            splitter: LineSplitter::new(ANSWER_LINE_BYTES_MAX),
            ready: VecDeque::new(),
        }
    }

    /// The next answer, or `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<LineResult>, ClientError> {
        loop {
            if let Some(result) = self.ready.pop_front() {
                return Ok(Some(result));
            }
            let Some(response) = &mut self.response else {
                return Ok(None);
            };
            match response.chunk().await.map_err(|error| interrupted(&self.server, &error))? {
                Some(chunk) => self.splitter.push(&chunk),
                None => self.response = None,
            }
            self.read_lines()?;
        }
    }

    fn read_lines(&mut self) -> Result<(), ClientError> {
        let mut lines = Vec::new();
        let cut = loop {
            match self.splitter.next_line() {
                Ok(Some((_, line))) => lines.push(line),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.to_string()),
            }
        };
        cut.map_err(|text| self.unexpected(text))?;
        if self.response.is_none() {
            let splitter = std::mem::replace(&mut self.splitter, LineSplitter::new(0));
            let last = splitter.finish().map_err(|error| self.unexpected(error.to_string()))?;
            lines.extend(last.map(|(_, line)| line));
        }
        for line in lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
            let result = serde_json::from_slice(line);
            self.ready.push_back(result.map_err(|error| self.unexpected(error.to_string()))?);
        }
        Ok(())
    }

    fn unexpected(&self, text: String) -> ClientError {
        ClientError::Unexpected { server: self.server.clone(), status: self.status, text }
    }
}

fn request(topic: &str, options: &ProduceOptions) -> Result<Request, ClientError> {
    let timeout_ms = options.timeout.map(|timeout| timeout.as_millis());
    Ok(Request::post(topic_path(topic, "/records")?)
        .query("partition", options.partition)
        .query("ack", options.ack)
        .query("timeout_ms", timeout_ms)
        .wait(options.timeout.unwrap_or_default()))
}

fn formatted(request: Request, format: &LineFormat) -> Request {
    match format {
        LineFormat::Records(encoding) => request.query("encoding", Some(encoding)),
        LineFormat::Values { encoding, key } => request
            .query("lines", Some("value"))
            .query("encoding", Some(encoding))
            .query("key", key.as_ref()),
    }
}
