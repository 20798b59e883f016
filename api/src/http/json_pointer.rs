//! JSON pointers (RFC 6901), applied to text without building a tree: `&key=/origin`.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Visitor};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use crate::model::limits::JSON_DEPTH_MAX;

/// A parsed pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPointer {
    tokens: Vec<String>,
}

/// A text that is no JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonPointerError {
    /// Not empty and not starting with a slash.
    #[error("a JSON pointer starts with `/`, such as /origin")]
    NoSlash,
    /// A tilde that is neither `~0` nor `~1`.
    #[error("in a JSON pointer `~` is written ~0 and a `/` inside a name ~1")]
    BadEscape,
    /// More steps than a body may nest.
    #[error("a JSON pointer has at most {JSON_DEPTH_MAX} steps")]
    TooLong,
}

impl FromStr for JsonPointer {
    type Err = JsonPointerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(JsonPointer { tokens: Vec::new() });
        }
        let path = text.strip_prefix('/').ok_or(JsonPointerError::NoSlash)?;
        if path.split('/').count() > JSON_DEPTH_MAX {
            return Err(JsonPointerError::TooLong);
        }
        let tokens = path.split('/').map(unescape).collect::<Result<_, _>>()?;
        Ok(JsonPointer { tokens })
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.tokens {
            write!(f, "/{}", token.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl JsonPointer {
    /// The text it points at; `None` if there is nothing. Where an object repeats a name, the last
    /// one counts. The whole `json` is checked to be valid.
    pub fn find<'a>(&self, json: &'a str) -> serde_json::Result<Option<&'a RawValue>> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let found = Step { tokens: &self.tokens }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(found)
    }
}

fn unescape(token: &str) -> Result<String, JsonPointerError> {
    let escapes = token.matches("~0").count() + token.matches("~1").count();
    if token.matches('~').count() != escapes {
        return Err(JsonPointerError::BadEscape);
    }
    Ok(token.replace("~1", "/").replace("~0", "~"))
}

/// What is left of the pointer, applied to the value at hand.
struct Step<'p> {
    tokens: &'p [String],
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.tokens {
            [] => <&RawValue>::deserialize(deserializer).map(Some),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let [name, rest @ ..] = self.tokens else {
            return Err(A::Error::custom("a step without a name"));
        };
        let mut found = None;
        while let Some(matches) = map.next_key_seed(NameIs(name))? {
            if matches {
                found = map.next_value_seed(Step { tokens: rest })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let [name, rest @ ..] = self.tokens else {
            return Err(A::Error::custom("a step without a name"));
        };
        if let Some(index) = array_index(name) {
            for _ in 0..index {
                if seq.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            let found = seq.next_element_seed(Step { tokens: rest })?.flatten();
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(found);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Digits without a leading zero, as the RFC wants them.
fn array_index(token: &str) -> Option<usize> {
    let canonical = token == "0" || token.starts_with(|c: char| ('1'..='9').contains(&c));
    if canonical { token.parse().ok() } else { None }
}

/// Compares an object's name without keeping it.
struct NameIs<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for NameIs<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameIs<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(pointer: &str, json: &str) -> Option<String> {
        let pointer: JsonPointer = pointer.parse().unwrap();
        pointer.find(json).unwrap().map(|raw| raw.get().to_string())
    }

    #[test]
    fn examples() {
        let json = r#" {"a": {"b": [10, {"c/d": "x"}, 1e2]}, "~": null, "": 5, "a2": true} "#;
        let cases = [
            ("/a/b/0", Some("10")),
            ("/a/b/1/c~1d", Some("\"x\"")),
            ("/a/b/2", Some("1e2")),
            ("/~0", Some("null")),
            ("/", Some("5")),
            ("/a2", Some("true")),
            ("/a2/x", None),
            ("/a/b/3", None),
            ("/a/b/00", None),
            ("/a/b/-", None),
            ("/nope", None),
        ];
        for (pointer, expected) in cases {
            assert_eq!(find(pointer, json).as_deref(), expected, "{pointer}");
        }
        assert_eq!(find("", " [1] ").as_deref(), Some("[1]"));
        assert_eq!(find("/a", r#"{"a":1,"a":2}"#).as_deref(), Some("2"));
        assert_eq!(find("/é", r#"{"\u00e9":1}"#).as_deref(), Some("1"));
    }

    #[test]
    fn invalid_json_behind_the_value_is_still_refused() {
        let pointer: JsonPointer = "/a".parse().unwrap();
        for json in [r#"{"a":1,"#, r#"{"a":1} x"#, r#"{"a":1,"b":tru}"#, ""] {
            assert!(pointer.find(json).is_err(), "{json}");
        }
    }

    #[test]
    fn bad_pointers_say_why() {
        assert_eq!("origin".parse::<JsonPointer>(), Err(JsonPointerError::NoSlash));
        assert_eq!("/a~2".parse::<JsonPointer>(), Err(JsonPointerError::BadEscape));
        assert_eq!("/a~".parse::<JsonPointer>(), Err(JsonPointerError::BadEscape));
        assert_eq!("/a".repeat(40).parse::<JsonPointer>(), Err(JsonPointerError::TooLong));
    }

    proptest! {
        #[test]
        fn text_reads_back(tokens in proptest::collection::vec("[a~/0-9]{0,4}", 0..6)) {
            let pointer = JsonPointer { tokens };
            prop_assert_eq!(pointer.to_string().parse::<JsonPointer>(), Ok(pointer));
        }

        #[test]
        fn agrees_with_a_tree(pointer in "(/[ab01]){0,3}", json in "[\\[\\]{}\"ab01:,]{0,30}") {
            let parsed: JsonPointer = pointer.parse().unwrap();
            match (parsed.find(&json), serde_json::from_str::<serde_json::Value>(&json)) {
                (Ok(found), Ok(tree)) => {
                    let found = found.map(|raw| serde_json::from_str(raw.get()).unwrap());
                    prop_assert_eq!(found.as_ref(), tree.pointer(&pointer));
                }
                (Err(_), Err(_)) => {}
                (Ok(_), Err(_)) => {} // A number that no float can hold is still JSON.
                (Err(error), Ok(_)) => prop_assert!(false, "{error} in {json}"),
            }
        }
    }
}
