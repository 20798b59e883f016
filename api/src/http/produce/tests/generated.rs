//! Records of any content, written as a client writes them and read back: as a whole body and line
//! by line, in each encoding.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::option;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;
use crate::http::encoding::{Encoding, base64_encode};
use crate::http::json_pointer::JsonPointer;

/// A record before it is written down; `value` is JSON where the encoding is.
#[derive(Debug, Clone)]
struct Meant {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    partition: Option<u32>,
    timestamp: Option<i64>,
}

/// Any JSON, three levels deep.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no such number", |n| n.is_finite())
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    any::<String>().prop_map(String::into_bytes)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

/// Values as their encoding allows them: JSON's `null` is no value.
fn values(encoding: Encoding) -> BoxedStrategy<Option<Vec<u8>>> {
    match encoding {
        Encoding::Json => option::of(json())
            .prop_map(|json| {
                json.filter(|json| !json.is_null()).map(|json| json.to_string().into_bytes())
            })
            .boxed(),
        Encoding::String => option::of(text()).boxed(),
        Encoding::Base64 => option::of(bytes()).boxed(),
    }
}

fn strings(encoding: Encoding) -> BoxedStrategy<Option<Vec<u8>>> {
    match encoding {
        Encoding::Json | Encoding::String => option::of(text()).boxed(),
        Encoding::Base64 => option::of(bytes()).boxed(),
    }
}

fn records() -> impl Strategy<Value = (Encoding, Vec<Meant>)> {
    let encodings = vec![Encoding::Json, Encoding::String, Encoding::Base64];
    prop::sample::select(encodings).prop_flat_map(|encoding| {
        let headers = vec((any::<String>(), strings(encoding)), 0..3);
        let record = (
            strings(encoding),
            values(encoding),
            headers,
            option::of(any::<u32>()),
            option::of(0..i64::MAX),
        );
        let record = record.prop_map(|(key, value, headers, partition, timestamp)| Meant {
            key,
            value,
            headers,
            partition,
            timestamp,
        });
        (Just(encoding), vec(record, 0..6))
    })
}

impl Meant {
    /// As a client writes it.
    fn written(&self, encoding: Encoding) -> ProduceRecord {
        let string = |bytes: &Vec<u8>| match encoding {
            Encoding::Base64 => base64_encode(bytes),
            Encoding::Json | Encoding::String => String::from_utf8(bytes.clone()).unwrap(),
        };
        let value = self.value.as_ref().map(|value| match encoding {
            Encoding::Json => RawValue::from_string(String::from_utf8(value.clone()).unwrap()),
            Encoding::String | Encoding::Base64 => {
                RawValue::from_string(serde_json::to_string(&string(value)).unwrap())
            }
        });
        ProduceRecord {
            key: self.key.as_ref().map(string),
            value: value.map(Result::unwrap),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.as_ref().map(string)))
                .collect(),
            partition: self.partition,
            timestamp: self.timestamp,
        }
    }

    /// As a batch takes it.
    fn expected(&self) -> InputRecord<'_> {
        let headers = self.headers.iter();
        InputRecord {
            key: self.key.as_deref().map(Cow::Borrowed),
            value: self.value.as_deref().map(Cow::Borrowed),
            headers: headers
                .map(|(name, value)| (name.clone(), value.clone().map(Bytes::from)))
                .collect(),
            partition: self.partition,
            timestamp: self.timestamp,
        }
    }
}

proptest! {
    #[test]
    fn a_body_is_read_as_it_was_meant((encoding, meant) in records()) {
        let records = meant.iter().map(|record| record.written(encoding)).collect();
        let body = serde_json::to_vec(&ProduceRequest { records, encoding }).unwrap();
        let read = JsonRecords::parse(&body, None, RECORDS_PER_REQUEST_MAX).unwrap();
        prop_assert_eq!((read.encoding(), read.len()), (encoding, meant.len()));
        for (read, meant) in read.decode(RecordLimits::default()).zip(&meant) {
            prop_assert_eq!(read.unwrap(), meant.expected());
        }
    }

    #[test]
    fn a_line_is_read_as_it_was_meant((encoding, meant) in records()) {
        let limits = RecordLimits::default();
        for (number, meant) in (1..).zip(&meant) {
            let line = serde_json::to_string(&meant.written(encoding)).unwrap();
            prop_assert!(!line.contains('\n'));
            let read = parse_line(line.as_bytes(), number, &LineMode::Record, encoding, &limits);
            prop_assert_eq!(read.unwrap().unwrap(), meant.expected());
        }
    }

    #[test]
    fn a_line_that_is_the_value_is_kept_to_the_byte(json in json()) {
        let (line, limits) = (json.to_string(), RecordLimits::default());
        let mode = LineMode::Value { key: None };
        let read = parse_line(line.as_bytes(), 1, &mode, Encoding::Json, &limits).unwrap().unwrap();
        let value = (!json.is_null()).then_some(Cow::Borrowed(line.as_bytes()));
        prop_assert_eq!(read, InputRecord { value, ..InputRecord::default() });
    }

    #[test]
    fn the_key_is_found_in_the_line(key: String, name: String, other in json()) {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let pointer: JsonPointer = format!("/in/{escaped}").parse().unwrap();
        let inner = Value::Object([(name, Value::from(key.as_str()))].into_iter().collect());
        let line = serde_json::json!({ "a": other, "in": inner }).to_string();
        let mode = LineMode::Value { key: Some(pointer) };
        let read = parse_line(line.as_bytes(), 1, &mode, Encoding::Json, &RecordLimits::default());
        let read = read.unwrap().unwrap();
        prop_assert_eq!(read.key.as_deref(), Some(key.as_bytes()));
        prop_assert_eq!(read.value.as_deref(), Some(line.as_bytes()));
    }

    #[test]
    fn a_damaged_body_never_panics(
        (encoding, meant) in records(),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let records = meant.iter().map(|record| record.written(encoding)).collect();
        let mut body = serde_json::to_vec(&ProduceRequest { records, encoding }).unwrap();
        let at = at.index(body.len());
        prop_assert!(JsonRecords::parse(&body[..at], None, RECORDS_PER_REQUEST_MAX).is_err());
        body[at] = byte;
        let limits = RecordLimits::default();
        if let Ok(read) = JsonRecords::parse(&body, None, RECORDS_PER_REQUEST_MAX) {
            read.decode(limits).for_each(drop);
        }
        for mode in [LineMode::Record, LineMode::Value { key: None }] {
            let _ = parse_line(&body, 1, &mode, encoding, &limits);
        }
    }
}
