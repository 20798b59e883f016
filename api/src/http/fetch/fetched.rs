//! What a client reads back.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::http::encoding::{Encoding, base64_decode};

/// A JSON answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct FetchResponse {
    /// In offset order within a partition; empty at the end.
    pub records: Vec<FetchedRecord>,
    /// Where to go on; of one partition only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
    /// Nobody reads at or above it; of one partition only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_watermark: Option<u64>,
    /// First offset that can be read; of one partition only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_start_offset: Option<u64>,
    /// Nothing is written at or above it any more: from there it goes on in another cluster, which
    /// `GET /v1/castle/topics/{topic}:move` names; of one partition only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<u64>,
    /// Where to go on in all partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A record in a JSON answer, an ndjson line, and the data of an SSE event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FetchedRecord {
    /// Name of its topic.
    pub topic: String,
    /// Number inside the topic.
    pub partition: u32,
    /// Position in the partition.
    pub offset: u64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// A string, null, or `{"$base64":"…"}`.
    #[schema(value_type = Option<serde_json::Value>)]
    pub key: Option<Box<RawValue>>,
    /// As the encoding says, null, or `{"$base64":"…"}`.
    #[schema(value_type = Option<serde_json::Value>)]
    pub value: Option<Box<RawValue>>,
    /// An object, or `[["name","value"],…]` where a name repeats.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, Option<serde_json::Value>>)]
    pub headers: FetchedHeaders,
}

/// Headers in order, values still as JSON text.
#[derive(Debug, Clone, Default)]
pub struct FetchedHeaders(pub Vec<(String, Option<Box<RawValue>>)>);

/// A field that is not what the encoding says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not what encoding {encoding} gives: {text}")]
pub struct FetchedError {
    encoding: Encoding,
    text: String,
}

impl FetchedRecord {
    /// The key's bytes.
    pub fn key_bytes(&self, encoding: Encoding) -> Result<Option<Vec<u8>>, FetchedError> {
        self.key.as_deref().map(|raw| text_bytes(raw, encoding)).transpose()
    }

    /// The value's bytes. A stored JSON value that itself is `{"$base64":"…"}` can't be told from
    /// the wrapping; who stores such values reads with another encoding.
    pub fn value_bytes(&self, encoding: Encoding) -> Result<Option<Vec<u8>>, FetchedError> {
        let Some(raw) = self.value.as_deref() else {
            return Ok(None);
        };
        match (encoding, wrapped(raw)) {
            (Encoding::Json, None) => Ok(Some(raw.get().as_bytes().to_vec())),
            _ => text_bytes(raw, encoding).map(Some),
        }
    }

    /// The headers' bytes.
    #[allow(clippy::type_complexity)] // Names and values, nothing to name.
    pub fn header_bytes(
        &self,
        encoding: Encoding,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, FetchedError> {
        let decode = |(name, value): &(String, Option<Box<RawValue>>)| {
            let value = value.as_deref().map(|raw| text_bytes(raw, encoding)).transpose()?;
            Ok((name.clone(), value))
        };
        self.headers.0.iter().map(decode).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped<'a> {
    #[serde(rename = "$base64", borrow)]
    base64: Cow<'a, str>,
}

fn wrapped(raw: &RawValue) -> Option<Vec<u8>> {
    if !raw.get().starts_with('{') {
        return None;
    }
    let wrapped: Wrapped<'_> = serde_json::from_str(raw.get()).ok()?;
    base64_decode(&wrapped.base64).ok()
}

fn text_bytes(raw: &RawValue, encoding: Encoding) -> Result<Vec<u8>, FetchedError> {
    if let Some(bytes) = wrapped(raw) {
        return Ok(bytes);
    }
    let error = || FetchedError { encoding, text: raw.get().chars().take(80).collect() };
    let text: String = serde_json::from_str(raw.get()).map_err(|_| error())?;
    match encoding {
        Encoding::Json | Encoding::String => Ok(text.into_bytes()),
        Encoding::Base64 => base64_decode(&text).map_err(|_| error()),
    }
}

impl Serialize for FetchedHeaders {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FetchedHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = FetchedHeaders;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"an object, or [["name","value"],…]"#)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FetchedHeaders, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = map.next_entry()? {
            headers.push(header);
        }
        Ok(FetchedHeaders(headers))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FetchedHeaders, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = seq.next_element()? {
            headers.push(header);
        }
        Ok(FetchedHeaders(headers))
    }
}
