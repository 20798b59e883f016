//! One line of an ndjson body: a record's envelope, or with `?lines=value` the value itself.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::error::{Field, FieldError, Place, ProduceBodyError};
use super::record::{InputRecord, RawRecord, RecordLimits, into_bytes, string};
use crate::http::encoding::{Encoding, base64_decode};
use crate::http::json_pointer::JsonPointer;
use crate::http::json_text::{check_depth, kind_of, message_of};
use crate::http::request::Object;

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineMode {
    /// `{"key","value","headers","partition","timestamp"}`.
    Record,
    /// The value, stored verbatim; the key is found in it by a JSON pointer if there is one.
    Value {
        /// Where the key is.
        key: Option<JsonPointer>,
    },
}

/// Reads line `number` (from 1) without its line feed. `None` for a blank line, which is skipped,
/// except where the lines are text values: there it is an empty value.
pub fn parse_line<'a>(
    line: &'a [u8],
    number: u64,
    mode: &LineMode,
    encoding: Encoding,
    limits: &RecordLimits,
) -> Result<Option<InputRecord<'a>>, ProduceBodyError> {
    let place = Place::Line(number);
    let at = |field| move |error| ProduceBodyError::Record { place, field, error };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_text_value =
        encoding == Encoding::String && matches!(mode, LineMode::Value { key: None });
    if line.trim_ascii().is_empty() && !is_text_value {
        return Ok(None);
    }
    let text = str::from_utf8(line).map_err(|error| {
        let reason = format!("not UTF-8 from byte {}", error.valid_up_to());
        at(Field::Record)(FieldError::Malformed { reason })
    })?;
    let record = match mode {
        LineMode::Record => {
            check_depth(line).map_err(|error| ProduceBodyError::TooDeep { place, error })?;
            let Object(raw) = serde_json::from_str::<Object<RawRecord<'a>>>(text)
                .map_err(|error| at(Field::Record)(malformed(&error)))?;
            return raw.decode(place, encoding, limits).map(Some);
        }
        LineMode::Value { key } => {
            if key.is_some() || encoding == Encoding::Json {
                check_depth(line).map_err(|error| ProduceBodyError::TooDeep { place, error })?;
            }
            let key = key.as_ref().map(|pointer| key_in(text, pointer, at)).transpose()?;
            let checked = key.is_some();
            let value = line_value(text, encoding, checked).map_err(at(Field::Value))?;
            InputRecord { key, value, ..InputRecord::default() }
        }
    };
    record.check(place, limits)?;
    Ok(Some(record))
}

/// The line as the bytes to store.
fn line_value(
    text: &str,
    encoding: Encoding,
    checked: bool,
) -> Result<Option<Cow<'_, [u8]>>, FieldError> {
    match encoding {
        Encoding::Json => {
            if !checked {
                serde_json::from_str::<IgnoredAny>(text).map_err(|error| malformed(&error))?;
            }
            let is_null = text.trim_ascii() == "null";
            Ok((!is_null).then_some(Cow::Borrowed(text.as_bytes())))
        }
        Encoding::String => Ok(Some(Cow::Borrowed(text.as_bytes()))),
        Encoding::Base64 => match base64_decode(text.trim_ascii()) {
            Ok(bytes) => Ok(Some(Cow::Owned(bytes))),
            Err(reason) => Err(FieldError::BadBase64 { reason }),
        },
    }
}

/// The key that a pointer finds: a string's content, a number's or boolean's text.
fn key_in<'a, E: Fn(FieldError) -> ProduceBodyError>(
    text: &'a str,
    pointer: &JsonPointer,
    at: impl Fn(Field) -> E,
) -> Result<Cow<'a, [u8]>, ProduceBodyError> {
    let found = pointer.find(text).map_err(|error| at(Field::Value)(malformed(&error)))?;
    let Some(raw) = found else {
        let pointer = pointer.to_string();
        return Err(at(Field::Key)(FieldError::Missing { pointer }));
    };
    let raw = raw.get();
    let expected = "a string or a number as the key";
    match kind_of(raw) {
        "a string" => string(raw, expected).map(into_bytes).map_err(at(Field::Key)),
        "a number" | "a boolean" => Ok(Cow::Borrowed(raw.as_bytes())),
        found => Err(at(Field::Key)(FieldError::WrongType { expected, found: found.into() })),
    }
}

fn malformed(error: &serde_json::Error) -> FieldError {
    let reason = format!("{} at column {}", message_of(error), error.column());
    FieldError::Malformed { reason }
}
