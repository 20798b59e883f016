//! Why a produce body can't be taken: which record or line, which field, and what would be right.

use std::fmt;

use crate::http::json_text::TooDeep;
use crate::model::error_code::ErrorCode;
use crate::model::problem::Problem;

/// Where in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Index in `records`, from 0.
    Record(usize),
    /// Line of an ndjson body, from 1.
    Line(u64),
    /// The whole body is the record.
    Body,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Record(index) => write!(f, "records[{index}]"),
            Place::Line(number) => write!(f, "line {number}"),
            Place::Body => f.write_str("body"),
        }
    }
}

/// Part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `key`
    Key,
    /// `value`
    Value,
    /// `headers`
    Headers,
    /// `partition`
    Partition,
    /// `timestamp`
    Timestamp,
    /// All of it.
    Record,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Key => "key",
            Field::Value => "value",
            Field::Headers => "headers",
            Field::Partition => "partition",
            Field::Timestamp => "timestamp",
            Field::Record => "record",
        })
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Not base64.
    #[error("bad base64: {reason}")]
    BadBase64 {
        /// What the decoder said.
        reason: String,
    },
    /// Not JSON, not UTF-8, or an unknown field.
    #[error("{reason}")]
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// The JSON pointer leads nowhere in this line.
    #[error("the JSON pointer {pointer} leads to nothing")]
    Missing {
        /// The pointer.
        pointer: String,
    },
    /// More bytes than allowed.
    #[error("{bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Another JSON type than the field has.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What would be right.
        expected: &'static str,
        /// What is there.
        found: String,
    },
}

/// The body can't be taken; nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProduceBodyError {
    /// Not JSON, or not of this shape.
    #[error("malformed body: {detail}")]
    Malformed {
        /// What the parser said, with line and column.
        detail: String,
    },
    /// Nests too deep.
    #[error("{place}: {error}")]
    TooDeep {
        /// Where.
        place: Place,
        /// What the check said.
        error: TooDeep,
    },
    /// More records than one request may have.
    #[error("{count} records in one request, at most {max} are allowed")]
    TooManyRecords {
        /// How many.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// One record is wrong.
    #[error("{place}, {field}: {error}")]
    Record {
        /// Which record.
        place: Place,
        /// Which part of it.
        field: Field,
        /// What is wrong.
        error: FieldError,
    },
}

impl ProduceBodyError {
    /// The word for it.
    pub fn code(&self) -> ErrorCode {
        match self {
            ProduceBodyError::Malformed { .. } | ProduceBodyError::TooDeep { .. } => {
                ErrorCode::InvalidRequest
            }
            ProduceBodyError::TooManyRecords { .. } => ErrorCode::RequestTooLarge,
            ProduceBodyError::Record { error, .. } => match error {
                FieldError::TooLarge { .. } => ErrorCode::RecordTooLarge,
                FieldError::BadBase64 { .. }
                | FieldError::Malformed { .. }
                | FieldError::Missing { .. }
                | FieldError::WrongType { .. } => ErrorCode::InvalidRequest,
            },
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            ProduceBodyError::Malformed { .. } => Some(
                r#"send {"records":[{"key","value","headers","partition","timestamp"}],"encoding":"json"}"#,
            ),
            ProduceBodyError::TooDeep { .. } => Some("flatten it, or send it as a string"),
            ProduceBodyError::TooManyRecords { .. } => Some("send several requests, or ndjson"),
            ProduceBodyError::Record { error, field, .. } => match error {
                FieldError::BadBase64 { .. } => Some("encoding is base64: A-Z a-z 0-9 + / ="),
                FieldError::Malformed { .. } if *field == Field::Value => {
                    Some("for text that is not JSON say encoding=string")
                }
                FieldError::Malformed { .. }
                | FieldError::Missing { .. }
                | FieldError::TooLarge { .. }
                | FieldError::WrongType { .. } => None,
            },
        }
    }
}

impl From<ProduceBodyError> for Problem {
    fn from(error: ProduceBodyError) -> Problem {
        let problem = Problem::new(error.code(), error.to_string());
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}
