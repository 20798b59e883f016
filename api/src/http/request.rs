//! Reading a small request body: nesting, syntax and shape, each refused with what was wrong.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};

use super::json_text::check_depth;
use crate::model::error_code::ErrorCode;
use crate::model::problem::Problem;

/// Reads a body that must be a JSON object of this shape.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let refuse = |why: String| Problem::new(ErrorCode::InvalidRequest, format!("body: {why}"));
    check_depth(body).map_err(|error| refuse(error.to_string()))?;
    if body.trim_ascii().is_empty() {
        return Err(refuse("it is empty".into()).hint("send a JSON object"));
    }
    let Object(value) =
        serde_json::from_slice::<Object<T>>(body).map_err(|error| refuse(error.to_string()))?;
    Ok(value)
}

/// The same where the body may be missing.
pub fn parse_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii().is_empty() { Ok(T::default()) } else { parse(body) }
}

/// A JSON object and nothing else: derived code would take an array of the fields as well.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::cluster::RebalanceRequest;
    use crate::http::topics::CreateTopicRequest;

    #[test]
    fn refusals_say_what_is_wrong() {
        let deep = format!("{{\"name\":{}", "[".repeat(50));
        let cases = [
            ("", "body: it is empty"),
            ("[\"flights\"]", "invalid type: sequence, expected an object"),
            ("{\"name\":5}", "invalid type: integer `5`, expected a string at line 1 column 9"),
            ("{\"name\":\"x\"", "EOF while parsing an object"),
            ("{\"name\":\"x\"}}", "trailing characters"),
            ("{\"name\":\"x\",\"name\":\"y\"}", "duplicate field `name`"),
            ("{\"nome\":\"x\"}", "unknown field `nome`, expected one of `name`"),
            (&deep, "nests deeper than 32 levels"),
        ];
        for (body, expected) in cases {
            let problem = parse::<CreateTopicRequest>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code, ErrorCode::InvalidRequest);
            assert!(problem.detail.contains(expected), "{problem}, expected {expected}");
        }
        assert!(parse::<CreateTopicRequest>(b"{\"name\":\"\xff\"}").is_err());
        assert_eq!(parse::<CreateTopicRequest>(b" {\"name\":\"x\"} ").unwrap().name, "x");
    }

    #[test]
    fn a_missing_body_is_the_default() {
        assert_eq!(parse_or_default(b" \n"), Ok(RebalanceRequest::default()));
        let dry_run = RebalanceRequest { dry_run: true };
        assert_eq!(parse_or_default(b"{\"dry_run\":true}"), Ok(dry_run));
        assert!(parse_or_default::<RebalanceRequest>(b"{").is_err());
    }
}
