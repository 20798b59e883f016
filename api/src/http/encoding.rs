//! How keys, values and header values stand in JSON: `json`, `string` or `base64`.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Standard alphabet; padding is written, and may be missing when read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Encoding of a body's records; the body's field or `?encoding=`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// The value is its JSON text exactly as sent; keys and header values are strings.
    #[default]
    Json,
    /// Value, key and header values are strings.
    String,
    /// Value, key and header values are strings with the bytes in base64.
    Base64,
}

impl Encoding {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Json => "json",
            Encoding::String => "string",
            Encoding::Base64 => "base64",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no [`Encoding`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("encoding is json, string or base64, not `{0}`")]
pub struct EncodingError(String);

impl FromStr for Encoding {
    type Err = EncodingError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "json" => Ok(Encoding::Json),
            "string" => Ok(Encoding::String),
            "base64" => Ok(Encoding::Base64),
            _ => Err(EncodingError(word.chars().take(40).collect())),
        }
    }
}

/// Decodes base64; the error says at which character it goes wrong.
pub fn base64_decode(text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text).map_err(|error| error.to_string())
}

/// Encodes as base64, with padding.
pub fn base64_encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Appends the base64 of `bytes`, with padding.
pub(super) fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = BASE64
        .encode_slice(bytes, &mut out[start..])
        .expect("four characters for every three bytes begun are enough");
    out.truncate(start + written);
}
