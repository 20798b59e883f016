//! Bodies of `POST /v1/topics/{t}/records`. `json` reads a whole JSON body, `line` one ndjson line,
//! `line_splitter` cuts a stream into lines, `record` is what all of them give: bytes for a batch.

mod error;
mod headers;
mod json;
mod line;
mod line_splitter;
mod record;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

pub use error::{Field, FieldError, Place, ProduceBodyError};
pub use json::JsonRecords;
pub use line::{LineMode, parse_line};
pub use line_splitter::{LineSplitter, LineTooLong};
pub use record::{InputRecord, RecordLimits};

use super::encoding::Encoding;
use super::error::ProblemBody;
use crate::model::error_code::ErrorCode;
use crate::model::problem::{Outcome, Problem};

/// A JSON body, as clients build it. The server reads it with [`JsonRecords`] instead.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ProduceRequest {
    /// Written in this order; at most 10,000.
    pub records: Vec<ProduceRecord>,
    /// How keys, values and header values stand in `records`; `json` if missing.
    #[serde(default)]
    pub encoding: Encoding,
}

/// A record in a JSON body, and an ndjson line.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ProduceRecord {
    /// A string, or null; under base64 its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Any JSON (`json`) or a string (`string`, `base64`); null or missing is a tombstone.
    #[schema(value_type = Option<serde_json::Value>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<RawValue>>,
    /// An object of strings, or `[["name","value"],…]` where a name repeats.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Option<String>)>,
    /// Where to; by key, or the least-filled one, if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// Milliseconds since 1970; now if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
}

/// Answer to a JSON body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProduceResponse {
    /// In the order of the records.
    pub offsets: Vec<ProducedOffset>,
}

/// Where a record landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProducedOffset {
    /// Partition.
    pub partition: u32,
    /// Position in it.
    pub offset: u64,
    /// Milliseconds since 1970, as stored.
    pub timestamp: i64,
    /// Term of the leader that wrote it.
    pub leader_epoch: u64,
}

/// What became of one record where others fared differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum RecordResult {
    /// Written.
    Done(ProducedOffset),
    /// Not written, or unknown.
    Failed {
        /// The partition it was meant for.
        partition: Option<u32>,
        /// Why.
        error: RecordError,
    },
}

impl RecordResult {
    /// The result of a record of a refused part.
    pub fn failed(partition: Option<u32>, problem: &Problem) -> Self {
        RecordResult::Failed { partition, error: RecordError::from(problem) }
    }
}

/// A problem of one record or partition among several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordError {
    /// A stable word that programs may compare.
    #[schema(value_type = String)]
    pub code: ErrorCode,
    /// Whether the same request can succeed later or elsewhere.
    pub retriable: bool,
    /// Whether the work was certainly not done, or may have happened.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// What was wrong.
    pub detail: String,
}

impl From<&Problem> for RecordError {
    fn from(problem: &Problem) -> Self {
        RecordError {
            code: problem.code,
            retriable: problem.code.retriable(),
            outcome: problem.outcome,
            detail: problem.detail.clone(),
        }
    }
}

/// Answer to one ndjson line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum LineResult {
    /// Written.
    Done(LineDone),
    /// Not written, or unknown.
    Failed(LineFailed),
}

/// Where a line's record landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineDone {
    /// Number of the line in the request, from 1, blank ones counted.
    pub line: u64,
    /// Partition.
    pub partition: u32,
    /// Position in it; missing with ack 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// Why a line's record was not written, or that it is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LineFailed {
    /// Number of the line in the request, from 1, blank ones counted.
    pub line: u64,
    /// The problem.
    #[serde(flatten)]
    pub problem: ProblemBody,
}
