//! One record of a request as the bytes that go into a batch.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Field, FieldError, Place, ProduceBodyError};
use super::headers;
use crate::http::encoding::{Encoding, base64_decode};
use crate::http::json_text::kind_of;
use crate::model::ids::PartitionId;
use crate::model::limits::{RECORD_BYTES_MAX, RECORD_HEADERS_BYTES_MAX};
use crate::model::record_batch::NewRecord;

/// How large a record may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// Key, value and headers together: the topic's `max.message.bytes`.
    pub record_bytes_max: usize,
    /// Names and values of all headers, and two bytes for each.
    pub header_bytes_max: usize,
}

impl Default for RecordLimits {
    fn default() -> Self {
        RecordLimits {
            record_bytes_max: RECORD_BYTES_MAX,
            header_bytes_max: RECORD_HEADERS_BYTES_MAX,
        }
    }
}

/// A record that was sent, decoded. Borrows from the body what need not be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputRecord<'a> {
    /// `None` = null.
    pub key: Option<Cow<'a, [u8]>>,
    /// `None` = null, a tombstone.
    pub value: Option<Cow<'a, [u8]>>,
    /// In order; names may repeat.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Where the sender wants it.
    pub partition: Option<PartitionId>,
    /// Milliseconds since 1970, if the sender says.
    pub timestamp: Option<i64>,
}

impl InputRecord<'_> {
    /// What a batch takes; `now_ms` where the sender gave no timestamp.
    pub fn to_new_record(&self, now_ms: i64) -> NewRecord<'_> {
        NewRecord {
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            timestamp_ms: self.timestamp.unwrap_or(now_ms),
            headers: &self.headers,
        }
    }

    /// Key, value and headers together.
    pub fn size(&self) -> usize {
        let length = |part: &Option<Cow<'_, [u8]>>| part.as_ref().map_or(0, |bytes| bytes.len());
        length(&self.key) + length(&self.value) + headers::size(&self.headers)
    }

    /// Checks the limits.
    pub fn check(&self, place: Place, limits: &RecordLimits) -> Result<(), ProduceBodyError> {
        let headers = headers::size(&self.headers);
        let checks = [
            (Field::Headers, headers, limits.header_bytes_max),
            (Field::Record, self.size(), limits.record_bytes_max),
        ];
        for (field, bytes, max) in checks {
            if bytes > max {
                let error = FieldError::TooLarge { bytes, max };
                return Err(ProduceBodyError::Record { place, field, error });
            }
        }
        Ok(())
    }
}

/// The envelope, every field still as text: so that each error can name its field.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecord<'a> {
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    partition: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
}

impl<'a> RawRecord<'a> {
    pub(super) fn decode(
        &self,
        place: Place,
        encoding: Encoding,
        limits: &RecordLimits,
    ) -> Result<InputRecord<'a>, ProduceBodyError> {
        let at = |field| move |error| ProduceBodyError::Record { place, field, error };
        let headers = match self.headers {
            Some(raw) => headers::parse(raw.get(), encoding, limits.header_bytes_max)
                .map_err(at(Field::Headers))?,
            None => Vec::new(),
        };
        let record = InputRecord {
            key: self
                .key
                .map(|raw| key(raw.get(), encoding))
                .transpose()
                .map_err(at(Field::Key))?,
            value: self
                .value
                .map(|raw| value(raw.get(), encoding))
                .transpose()
                .map_err(at(Field::Value))?,
            headers,
            partition: self
                .partition
                .map(|raw| integer(raw.get(), "a partition number, from 0"))
                .transpose()
                .map_err(at(Field::Partition))?,
            timestamp: self
                .timestamp
                .map(|raw| timestamp(raw.get()))
                .transpose()
                .map_err(at(Field::Timestamp))?,
        };
        record.check(place, limits)?;
        Ok(record)
    }
}

fn key(text: &str, encoding: Encoding) -> Result<Cow<'_, [u8]>, FieldError> {
    match encoding {
        Encoding::Json | Encoding::String => string(text, "a string or null").map(into_bytes),
        Encoding::Base64 => base64(text),
    }
}

fn value(text: &str, encoding: Encoding) -> Result<Cow<'_, [u8]>, FieldError> {
    match encoding {
        Encoding::Json => Ok(Cow::Borrowed(text.as_bytes())),
        Encoding::String => {
            string(text, "a string or null, for encoding is string").map(into_bytes)
        }
        Encoding::Base64 => base64(text),
    }
}

fn base64(text: &str) -> Result<Cow<'_, [u8]>, FieldError> {
    let text = string(text, "a string or null, for encoding is base64")?;
    base64_decode(&text).map(Cow::Owned).map_err(|reason| FieldError::BadBase64 { reason })
}

/// The content of a JSON string; borrowed if nothing in it is escaped.
pub(super) fn string<'a>(
    text: &'a str,
    expected: &'static str,
) -> Result<Cow<'a, str>, FieldError> {
    let content = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(content) = content else {
        return Err(FieldError::WrongType { expected, found: kind_of(text).into() });
    };
    if !content.contains('\\') {
        return Ok(Cow::Borrowed(content));
    }
    let unescaped: String = serde_json::from_str(text).map_err(|_| FieldError::Malformed {
        reason: "the string has an escape that is no Unicode character".into(),
    })?;
    Ok(Cow::Owned(unescaped))
}

pub(super) fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

fn timestamp(text: &str) -> Result<i64, FieldError> {
    let expected = "milliseconds since 1970 as an integer";
    let ms: i64 = integer(text, expected)?;
    if ms < 0 {
        return Err(FieldError::WrongType { expected, found: format!("{ms}") });
    }
    Ok(ms)
}

fn integer<T: std::str::FromStr>(text: &str, expected: &'static str) -> Result<T, FieldError> {
    text.parse().map_err(|_| {
        let kind = kind_of(text);
        let found = match kind {
            "a number" => text.chars().take(40).collect(),
            _ => kind.to_string(),
        };
        FieldError::WrongType { expected, found }
    })
}
