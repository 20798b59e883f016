//! Headers of a record: an object, or `[["name","value"],…]` where a name repeats.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::error::FieldError;
use crate::http::encoding::{Encoding, base64_decode};
use crate::http::json_text::{kind_of, message_of};

const EXPECTED: &str = r#"an object of strings, or [["name","value"],…]"#;

/// A length costs a byte at least, so that empty headers count as well.
const OVERHEAD_BYTES: usize = 2;

/// Names and values, and two bytes for each header.
pub(super) fn size(headers: &[(String, Option<Bytes>)]) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.len() + value.as_ref().map_or(0, Bytes::len) + OVERHEAD_BYTES)
        .sum()
}

/// Reads them from valid JSON. Text that is already too long is not read at all.
pub(super) fn parse(
    text: &str,
    encoding: Encoding,
    bytes_max: usize,
) -> Result<Vec<(String, Option<Bytes>)>, FieldError> {
    if !text.starts_with(['{', '[']) {
        return Err(FieldError::WrongType { expected: EXPECTED, found: kind_of(text).into() });
    }
    // The longest way to write a byte is `\u0000`; a header takes at most 7 characters more.
    let text_max = bytes_max.saturating_mul(7);
    if text.len() > text_max {
        return Err(FieldError::TooLarge { bytes: text.len() / 7, max: bytes_max });
    }
    let pairs: Pairs<'_> = serde_json::from_str(text)
        .map_err(|error| FieldError::WrongType { expected: EXPECTED, found: message_of(&error) })?;
    pairs.0.into_iter().map(|(name, value)| decode(name, value, encoding)).collect()
}

fn decode(
    name: Cow<'_, str>,
    value: Option<Cow<'_, str>>,
    encoding: Encoding,
) -> Result<(String, Option<Bytes>), FieldError> {
    let value = match (value, encoding) {
        (None, _) => None,
        (Some(text), Encoding::Base64) => {
            let bytes = base64_decode(&text).map_err(|reason| FieldError::BadBase64 { reason })?;
            Some(Bytes::from(bytes))
        }
        (Some(text), Encoding::Json | Encoding::String) => {
            Some(Bytes::from(text.into_owned().into_bytes()))
        }
    };
    Ok((name.into_owned(), value))
}

type Pair<'a> = (Cow<'a, str>, Option<Cow<'a, str>>);

struct Pairs<'a>(Vec<Pair<'a>>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry::<Cow<'de, str>, Option<Cow<'de, str>>>()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Pairs<'de>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = seq.next_element::<Pair<'de>>()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
