//! Records as they are shown, and that what was written comes back whatever it is.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::http::encoding::Encoding;
use crate::http::produce::{JsonRecords, RecordLimits};
use crate::model::limits::RECORDS_PER_REQUEST_MAX;
use crate::model::record_batch::Record;

fn record(key: Option<&[u8]>, value: Option<&[u8]>) -> Record {
    Record {
        offset_delta: 0,
        timestamp_ms: 9,
        key: key.map(Bytes::copy_from_slice),
        value: value.map(Bytes::copy_from_slice),
        headers: Vec::new(),
    }
}

fn position() -> RecordPosition<'static> {
    RecordPosition { topic: "t", partition: 1, offset: 7 }
}

fn shown(record: &Record, encoding: Encoding, layout: Layout) -> String {
    let mut out = Vec::new();
    write_record(&mut out, position(), record, encoding, layout);
    String::from_utf8(out).unwrap()
}

fn key_and_value(record: &Record, encoding: Encoding) -> String {
    let text = shown(record, encoding, Layout::Body);
    let start = text.find("\"key\"").unwrap();
    text[start..text.find(",\"headers\"").unwrap()].to_string()
}

#[test]
fn the_documented_shape() {
    let record = record(Some(b"k"), Some(b"{\"a\": 1.0}"));
    assert_eq!(
        shown(&record, Encoding::Json, Layout::Body),
        r#"{"topic":"t","partition":1,"offset":7,"timestamp":9,"key":"k","value":{"a": 1.0},"headers":{}}"#
    );
    let mut out = Vec::new();
    let mut body = BodyWriter::begin(&mut out);
    body.record(&mut out, position(), &record, Encoding::Base64);
    body.record(&mut out, position(), &record, Encoding::String);
    let end = BodyEnd {
        next_offset: Some(8),
        high_watermark: Some(10),
        log_start_offset: Some(0),
        sealed_at: Some(12),
        next_cursor: None,
    };
    body.end(&mut out, &end);
    assert_eq!(
        str::from_utf8(&out).unwrap(),
        r#"{"records":[{"topic":"t","partition":1,"offset":7,"timestamp":9,"key":"aw==","value":"eyJhIjogMS4wfQ==","headers":{}},"#.to_string()
            + r#"{"topic":"t","partition":1,"offset":7,"timestamp":9,"key":"k","value":"{\"a\": 1.0}","headers":{}}],"#
            + r#""next_offset":8,"high_watermark":10,"log_start_offset":0,"sealed_at":12}"#
    );
    let read: FetchResponse = serde_json::from_slice(&out).unwrap();
    assert_eq!((read.records.len(), read.next_offset), (2, Some(8)));
    assert_eq!(read.sealed_at, Some(12));
    let mut out = Vec::new();
    let end = BodyEnd { next_cursor: Some("0.1".into()), ..BodyEnd::default() };
    BodyWriter::begin(&mut out).end(&mut out, &end);
    assert_eq!(out, br#"{"records":[],"next_cursor":"0.1"}"#);
}

#[test]
fn bytes_that_do_not_fit_are_wrapped() {
    let cases: [(Option<&[u8]>, Encoding, &str); 9] = [
        (None, Encoding::Json, "null"),
        (Some(b"not json"), Encoding::Json, r#"{"$base64":"bm90IGpzb24="}"#),
        (Some(b""), Encoding::Json, r#"{"$base64":""}"#),
        (Some(b"1 2"), Encoding::Json, r#"{"$base64":"MSAy"}"#),
        (Some(b"\"\xff\""), Encoding::Json, r#"{"$base64":"Iv8i"}"#),
        (Some(b"[\"\xc3\xa9\"]"), Encoding::Json, "[\"é\"]"),
        (Some(b"\xff"), Encoding::String, r#"{"$base64":"/w=="}"#),
        (Some(b"a\n\x01"), Encoding::String, r#""a\n\u0001""#),
        (Some(b"\xff"), Encoding::Base64, r#""/w==""#),
    ];
    for (value, encoding, expected) in cases {
        let shown = key_and_value(&record(None, value), encoding);
        assert_eq!(shown, format!(r#""key":null,"value":{expected}"#));
    }
    let wrapped = key_and_value(&record(Some(b"\xff"), None), Encoding::Json);
    assert_eq!(wrapped, r#""key":{"$base64":"/w=="},"value":null"#);
}

#[test]
fn a_line_stays_one_line() {
    let pretty = record(None, Some(b"{\r\n  \"a\": \"x\\n\"\n}"));
    let line = shown(&pretty, Encoding::Json, Layout::Line);
    assert!(!line.contains(['\n', '\r']), "{line}");
    assert!(line.contains(r#"{    "a": "x\n" }"#), "{line}");
    assert!(shown(&pretty, Encoding::Json, Layout::Body).contains("{\r\n  \"a\""));
}

#[test]
fn headers_are_an_object_unless_a_name_repeats() {
    let header = |name: &str, value: &[u8]| (name.to_string(), Some(Bytes::copy_from_slice(value)));
    let show = |headers| {
        let record = Record { headers, ..record(None, None) };
        let text = shown(&record, Encoding::Json, Layout::Body);
        text[text.find("\"headers\"").unwrap()..].to_string()
    };
    let unique = vec![header("a", b"1"), ("b\"".into(), None), header("c", b"\xff")];
    assert_eq!(show(unique), r#""headers":{"a":"1","b\"":null,"c":{"$base64":"/w=="}}}"#);
    let repeated = vec![header("a", b"1"), ("b".into(), None), header("a", b"2")];
    assert_eq!(show(repeated), r#""headers":[["a","1"],["b",null],["a","2"]]}"#);
    let mut many: Vec<_> = (0..20).map(|n| header(&format!("h{n}"), b"")).collect();
    assert!(show(many.clone()).starts_with("\"headers\":{"));
    many.push(header("h3", b""));
    assert!(show(many).starts_with("\"headers\":["));
}

fn bytes() -> impl Strategy<Value = Option<Bytes>> {
    let json = "[\\[\\]{}\":,0-9a ]{0,12}".prop_map(String::into_bytes);
    let any = proptest::collection::vec(any::<u8>(), 0..20);
    let text = ".{0,10}".prop_map(String::into_bytes);
    proptest::option::of(prop_oneof![json, any, text].prop_map(Bytes::from))
}

fn records() -> impl Strategy<Value = Record> {
    let headers = proptest::collection::vec(("[a-c\\PC]{0,2}", bytes()), 0..12);
    (bytes(), bytes(), headers).prop_map(|(key, value, headers)| Record {
        offset_delta: 0,
        timestamp_ms: 1,
        key,
        value,
        headers,
    })
}

/// A stored JSON `null` and a Kafka null look the same as JSON; so do a wrapping and such a value.
fn is_ambiguous(value: &Option<Bytes>) -> bool {
    value.as_deref().is_some_and(|bytes| {
        let trimmed = bytes.trim_ascii();
        trimmed == b"null" || trimmed != bytes || bytes.windows(7).any(|w| w == b"$base64")
    })
}

proptest! {
    #[test]
    fn clients_read_the_bytes_that_are_stored(record in records()) {
        for encoding in [Encoding::Json, Encoding::String, Encoding::Base64] {
            for layout in [Layout::Body, Layout::Line] {
                let text = shown(&record, encoding, layout);
                prop_assert!(layout == Layout::Body || !text.contains(['\n', '\r']));
                let read: FetchedRecord = serde_json::from_str(&text).unwrap();
                let key = read.key_bytes(encoding).unwrap().map(Bytes::from);
                prop_assert_eq!(&key, &record.key);
                let value = read.value_bytes(encoding).unwrap().map(Bytes::from);
                if encoding != Encoding::Json || !is_ambiguous(&record.value) {
                    prop_assert_eq!(&value, &record.value);
                }
                let headers = read.header_bytes(encoding).unwrap();
                let headers: Vec<_> =
                    headers.into_iter().map(|(n, v)| (n, v.map(Bytes::from))).collect();
                prop_assert_eq!(&headers, &record.headers);
            }
        }
    }

    /// What is read under base64 can be sent back under base64 and is the same record.
    #[test]
    fn what_is_read_can_be_written_again(record in records()) {
        let text = shown(&record, Encoding::Base64, Layout::Body);
        let fields = &text[text.find("\"key\"").unwrap()..];
        let body = format!(r#"{{"encoding":"base64","records":[{{{fields}]}}"#);
        let parsed = JsonRecords::parse(body.as_bytes(), None, RECORDS_PER_REQUEST_MAX).unwrap();
        let again = parsed.decode(RecordLimits::default()).next().unwrap().unwrap();
        prop_assert_eq!(again.key.as_deref(), record.key.as_deref());
        prop_assert_eq!(again.value.as_deref(), record.value.as_deref());
        prop_assert_eq!(again.headers, record.headers);
    }
}
