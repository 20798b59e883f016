//! Bodies as users send them, right and wrong, and noise.

use std::borrow::Cow;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::model::limits::{RECORD_BYTES_MAX, RECORD_HEADERS_BYTES_MAX, RECORDS_PER_REQUEST_MAX};
use crate::model::problem::Problem;

mod generated;

fn decode(body: &str) -> Result<Vec<InputRecord<'_>>, ProduceBodyError> {
    JsonRecords::parse(body.as_bytes(), None, RECORDS_PER_REQUEST_MAX)?
        .decode(RecordLimits::default())
        .collect()
}

fn one(body: &str) -> InputRecord<'_> {
    let mut records = decode(body).unwrap();
    assert_eq!(records.len(), 1);
    records.remove(0)
}

fn text<'a>(part: &'a Option<Cow<'_, [u8]>>) -> Option<&'a str> {
    part.as_deref().map(|bytes| str::from_utf8(bytes).unwrap())
}

fn header(name: &str, value: &'static [u8]) -> (String, Option<Bytes>) {
    (name.to_string(), Some(Bytes::from_static(value)))
}

#[test]
fn json_values_are_kept_to_the_byte() {
    let body = r#" { "records" : [ {"key":"k","value":  {"a" : 1.50, "b":[1e3,"\u00e9" ]}  ,
        "headers":{"h":"1"},"partition":3,"timestamp":1700000000000}, {"value":"text"},
        {"value":12.0}] } "#;
    let records = decode(body).unwrap();
    assert_eq!(text(&records[0].value), Some(r#"{"a" : 1.50, "b":[1e3,"\u00e9" ]}"#));
    assert!(matches!(records[0].value, Some(Cow::Borrowed(_))), "and not copied");
    assert_eq!(text(&records[0].key), Some("k"));
    assert_eq!(records[0].headers, [header("h", b"1")]);
    assert_eq!((records[0].partition, records[0].timestamp), (Some(3), Some(1_700_000_000_000)));
    assert_eq!(text(&records[1].value), Some("\"text\""));
    assert_eq!(text(&records[2].value), Some("12.0"));
    let new = records[1].to_new_record(5);
    assert_eq!((new.timestamp_ms, new.key), (5, None));
}

#[test]
fn missing_and_null_are_null() {
    for body in [
        r#"{"records":[{}]}"#,
        r#"{"records":[{"key":null,"value":null,"headers":null,"partition":null,"timestamp":null}]}"#,
        r#"{"records":[{"value":null}],"encoding":"base64"}"#,
        r#"{"records":[{"value":null}],"encoding":"string"}"#,
    ] {
        assert_eq!(one(body), InputRecord::default(), "{body}");
    }
    assert!(decode(r#"{"records":[]}"#).unwrap().is_empty());
}

#[test]
fn string_and_base64_encodings() {
    let record = one(
        r#"{"encoding":"string","records":[{"key":"\u00e9","value":"a\n\"b\"","headers":{"h":"\t"}}]}"#,
    );
    assert_eq!((text(&record.key), text(&record.value)), (Some("é"), Some("a\n\"b\"")));
    assert_eq!(record.headers, [header("h", b"\t")]);
    let record = one(
        r#"{"encoding":"base64","records":[{"key":"/w==","value":"AAE","headers":[["h","//8="]]}]}"#,
    );
    assert_eq!(record.key.as_deref(), Some(&[0xff][..]));
    assert_eq!(record.value.as_deref(), Some(&[0, 1][..]));
    assert_eq!(record.headers, [header("h", &[0xff, 0xff])]);
}

#[test]
fn the_body_goes_before_the_query() {
    let body = br#"{"records":[],"encoding":"string"}"#;
    let records =
        JsonRecords::parse(body, Some(Encoding::Base64), RECORDS_PER_REQUEST_MAX).unwrap();
    assert_eq!(records.encoding(), Encoding::String);
    let records =
        JsonRecords::parse(br#"{"records":[]}"#, Some(Encoding::Base64), RECORDS_PER_REQUEST_MAX)
            .unwrap();
    assert_eq!(records.encoding(), Encoding::Base64);
}

#[test]
fn headers_are_an_object_or_pairs() {
    let record = one(r#"{"records":[{"headers":[["a","1"],["b",null],["a","2"]]}]}"#);
    assert_eq!(record.headers, [header("a", b"1"), ("b".into(), None), header("a", b"2")]);
    let record = one(r#"{"records":[{"headers":{"a":"1","b":null}}]}"#);
    assert_eq!(record.headers, [header("a", b"1"), ("b".into(), None)]);
    assert!(one(r#"{"records":[{"headers":[]}]}"#).headers.is_empty());
}

#[test]
fn errors_name_record_and_field() {
    let cases = [
        (
            r#"{"value":1},{"key":5}"#,
            "json",
            "records[1], key: expected a string or null, found a number",
        ),
        (r#"{"key":{}}"#, "json", "records[0], key: expected a string or null, found an object"),
        (
            r#"{"value":1}"#,
            "string",
            "records[0], value: expected a string or null, for encoding is string, found a number",
        ),
        (
            r#"{"value":[]}"#,
            "base64",
            "records[0], value: expected a string or null, for encoding is base64, found an array",
        ),
        (r#"{"value":"A*=="}"#, "base64", "records[0], value: bad base64: "),
        (r#"{"key":"A"}"#, "base64", "records[0], key: bad base64: "),
        (r#"{"headers":{"a":"*"}}"#, "base64", "records[0], headers: bad base64: "),
        (r#"{"headers":{"a":5}}"#, "json", "records[0], headers: expected an object of strings"),
        (r#"{"headers":[["a"]]}"#, "json", "records[0], headers: expected an object of strings"),
        (r#"{"headers":["a","b"]}"#, "json", "records[0], headers: expected an object of strings"),
        (r#"{"headers":"a"}"#, "json", "found a string"),
        (
            r#"{"partition":-1}"#,
            "json",
            "records[0], partition: expected a partition number, from 0, found -1",
        ),
        (r#"{"partition":1.5}"#, "json", "found 1.5"),
        (r#"{"partition":"1"}"#, "json", "found a string"),
        (r#"{"partition":4294967296}"#, "json", "found 4294967296"),
        (r#"{"timestamp":-1}"#, "json", "records[0], timestamp: expected milliseconds since 1970"),
        (r#"{"timestamp":true}"#, "json", "found a boolean"),
        (r#"{"key":"\ud800"}"#, "json", "records[0], key: the string has an escape"),
    ];
    for (records, encoding, expected) in cases {
        let body = format!(r#"{{"records":[{records}],"encoding":"{encoding}"}}"#);
        let error = decode(&body).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}, expected {expected}");
        assert_eq!(Problem::from(error).code, ErrorCode::InvalidRequest);
    }
}

#[test]
fn malformed_bodies_say_where() {
    let cases = [
        ("", "EOF while parsing"),
        ("[]", "invalid type: sequence, expected an object"),
        ("[[],\"json\"]", "invalid type: sequence, expected an object"),
        (r#"{"records":[["k","v",null,null,null]]}"#, "records[0]: invalid type: sequence"),
        (r#"{"records":[5]}"#, "records[0]: invalid type: integer `5`, expected an object"),
        ("{\"records\":5}", "expected a list of records"),
        ("{}", "missing field `records`"),
        (r#"{"records":[],"acks":1}"#, "unknown field `acks`"),
        (r#"{"records":[{},{"val":1}]}"#, "records[1]: unknown field `val`, expected one of `key`"),
        (r#"{"records":[{"key":"a","key":"b"}]}"#, "duplicate field `key`"),
        (r#"{"records":[{"value":tru}]}"#, "line 1 column 25"),
        (r#"{"records":[{"value":1}]} x"#, "trailing characters"),
        (r#"{"records":[],"encoding":"xml"}"#, "expected one of `json`, `string`, `base64`"),
        ("{\"records\":[{\"value\":\"a\nb\"}]}", "control character"),
    ];
    for (body, expected) in cases {
        let error = decode(body).unwrap_err();
        assert!(matches!(error, ProduceBodyError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}, expected {expected}");
        assert!(Problem::from(error).hint.is_some());
    }
    let error =
        JsonRecords::parse(b"{\"records\":[{\"value\":\"\xff\"}]}", None, RECORDS_PER_REQUEST_MAX)
            .unwrap_err();
    assert!(error.to_string().contains("not UTF-8 from byte 22"), "{error}");
}

#[test]
fn limits_are_enforced() {
    let many = format!(r#"{{"records":[{}{{}}]}}"#, "{},".repeat(RECORDS_PER_REQUEST_MAX));
    let (count, max) = (RECORDS_PER_REQUEST_MAX + 1, RECORDS_PER_REQUEST_MAX);
    let error = decode(&many).unwrap_err();
    assert_eq!(error, ProduceBodyError::TooManyRecords { count, max });
    assert_eq!(error.code(), ErrorCode::RequestTooLarge);
    let just = format!(r#"{{"records":[{}{{}}]}}"#, "{},".repeat(RECORDS_PER_REQUEST_MAX - 1));
    assert_eq!(decode(&just).unwrap().len(), RECORDS_PER_REQUEST_MAX);

    let large =
        |bytes: usize| format!(r#"{{"records":[{{}},{{"value":"{}"}}]}}"#, "x".repeat(bytes - 2));
    assert!(decode(&large(RECORD_BYTES_MAX)).is_ok());
    let body = large(RECORD_BYTES_MAX + 1);
    let error = decode(&body).unwrap_err();
    let (bytes, max) = (RECORD_BYTES_MAX + 1, RECORD_BYTES_MAX);
    let expected = format!("records[1], record: {bytes} bytes, at most {max} are allowed");
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.code(), ErrorCode::RecordTooLarge);

    for headers in [
        format!(r#"{{"a":"{}"}}"#, "x".repeat(RECORD_HEADERS_BYTES_MAX)),
        format!(r#"{{"a":"{}"}}"#, "x".repeat(8 * RECORD_HEADERS_BYTES_MAX)),
        format!("[{}[\"\",\"\"]]", r#"["",""],"#.repeat(RECORD_HEADERS_BYTES_MAX / 2)),
    ] {
        let body = format!(r#"{{"records":[{{"headers":{headers}}}]}}"#);
        let error = decode(&body).unwrap_err();
        assert!(error.to_string().starts_with("records[0], headers: "), "{error}");
        assert_eq!(error.code(), ErrorCode::RecordTooLarge);
    }

    let deep = format!(r#"{{"records":[{{"value":{}{}}}]}}"#, "[".repeat(30), "]".repeat(30));
    let error = decode(&deep).unwrap_err();
    assert!(matches!(error, ProduceBodyError::TooDeep { .. }));
    let deep = format!(r#"{{"records":[{{"value":{}{}}}]}}"#, "[".repeat(29), "]".repeat(29));
    assert!(decode(&deep).is_ok());
}

fn line<'a>(
    text: &'a str,
    mode: &LineMode,
    encoding: Encoding,
) -> Result<Option<InputRecord<'a>>, ProduceBodyError> {
    parse_line(text.as_bytes(), 7, mode, encoding, &RecordLimits::default())
}

fn by_key(pointer: &str) -> LineMode {
    LineMode::Value { key: Some(pointer.parse().unwrap()) }
}

#[test]
fn a_line_is_an_envelope() {
    let text_line = r#" {"key":"k","value":{"a": 1},"headers":[["x","y"]],"partition":1} "#;
    let record = line(text_line, &LineMode::Record, Encoding::Json).unwrap().unwrap();
    assert_eq!((text(&record.key), text(&record.value)), (Some("k"), Some(r#"{"a": 1}"#)));
    assert_eq!((record.partition, record.headers), (Some(1), vec![header("x", b"y")]));
    for blank in ["", "  ", "\r", "\t\r"] {
        assert_eq!(line(blank, &LineMode::Record, Encoding::Json), Ok(None));
    }
    let cases = [
        (r#"{"val":1}"#, "line 7, record: unknown field `val`"),
        (r#"{"value":1"#, "line 7, record: EOF while parsing"),
        (r#"{"key":1}"#, "line 7, key: expected a string or null, found a number"),
        (r#"{} {}"#, "line 7, record: trailing characters at column 4"),
        ("5", "line 7, record: invalid type: integer `5`, expected an object"),
        (r#"["k","v",null,null,null]"#, "line 7, record: invalid type: sequence"),
    ];
    for (text_line, expected) in cases {
        let error = line(text_line, &LineMode::Record, Encoding::Json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, expected {expected}");
    }
}

#[test]
fn a_line_is_the_value_verbatim() {
    let plain = LineMode::Value { key: None };
    for text_line in [r#"{"b": 1,  "a":2.0}"#, " [1] ", "5", "\"x\""] {
        let record = line(text_line, &plain, Encoding::Json).unwrap().unwrap();
        assert_eq!((text(&record.value), &record.key), (Some(text_line), &None));
    }
    let record = line("{\"a\":1}\r", &plain, Encoding::Json).unwrap().unwrap();
    assert_eq!(text(&record.value), Some("{\"a\":1}"), "the line ends before the return");
    assert_eq!(line(" null ", &plain, Encoding::Json).unwrap().unwrap().value, None);
    let error = line("hello", &plain, Encoding::Json).unwrap_err();
    assert!(error.to_string().starts_with("line 7, value: expected value"), "{error}");
    assert!(Problem::from(error).hint.unwrap().contains("encoding=string"));
    for text_line in ["hello", "null", "", "  "] {
        let record = line(text_line, &plain, Encoding::String).unwrap().unwrap();
        assert_eq!(text(&record.value), Some(text_line));
    }
    let record = line("AAE=", &plain, Encoding::Base64).unwrap().unwrap();
    assert_eq!(record.value.as_deref(), Some(&[0, 1][..]));
    assert!(line("A*", &plain, Encoding::Base64).is_err());
}

#[test]
fn the_key_is_found_by_pointer() {
    let flight = r#"{"date":"2001/01/01","delay":-5.50,"origin":"DTW","x":{"y":["é\n"]},"t":true}"#;
    let keys = [("/origin", "DTW"), ("/delay", "-5.50"), ("/x/y/0", "é\n"), ("/t", "true")];
    for (pointer, key) in keys {
        let record = line(flight, &by_key(pointer), Encoding::Json).unwrap().unwrap();
        assert_eq!((text(&record.key), text(&record.value)), (Some(key), Some(flight)));
    }
    let cases = [
        ("/nope", flight, "line 7, key: the JSON pointer /nope leads to nothing"),
        ("/x", flight, "line 7, key: expected a string or a number as the key, found an object"),
        ("/a", r#"{"a":null}"#, "found null"),
        ("/a", r#"{"a":1"#, "line 7, value: EOF"),
        ("/a", r#"{"a":1} {"#, "line 7, value: trailing characters"),
    ];
    for (pointer, text_line, expected) in cases {
        let error = line(text_line, &by_key(pointer), Encoding::Json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, expected {expected}");
    }
    assert_eq!(line("", &by_key("/a"), Encoding::String), Ok(None));
    let deep = format!("{{\"a\":1,\"b\":{}", "[".repeat(100));
    let error = line(&deep, &by_key("/a"), Encoding::String).unwrap_err();
    assert!(matches!(error, ProduceBodyError::TooDeep { place: Place::Line(7), .. }));
    let utf8 = parse_line(b"\xff", 2, &LineMode::Record, Encoding::Json, &RecordLimits::default());
    assert!(utf8.unwrap_err().to_string().starts_with("line 2, record: not UTF-8"));
}

#[test]
fn answers_have_the_documented_shape() {
    let done = ProducedOffset { partition: 0, offset: 5, timestamp: 9, leader_epoch: 2 };
    let answer = serde_json::to_string(&ProduceResponse { offsets: vec![done] }).unwrap();
    assert_eq!(
        answer,
        r#"{"offsets":[{"partition":0,"offset":5,"timestamp":9,"leader_epoch":2}]}"#
    );
    let done = LineResult::Done(LineDone { line: 1, partition: 2, offset: Some(3) });
    let text = serde_json::to_string(&done).unwrap();
    assert_eq!(text, r#"{"line":1,"partition":2,"offset":3}"#);
    assert_eq!(serde_json::from_str::<LineResult>(&text).unwrap(), done);
    let problem = Problem::new(ErrorCode::NotLeader, "moved");
    let failed = LineResult::Failed(LineFailed { line: 1, problem: ProblemBody::from(problem) });
    let text = serde_json::to_string(&failed).unwrap();
    assert!(text.starts_with(r#"{"line":1,"type":"urn:rampart:error:NOT_LEADER""#), "{text}");
    assert_eq!(serde_json::from_str::<LineResult>(&text).unwrap(), failed);
}

#[test]
fn what_clients_build_is_what_the_server_reads() {
    let record = ProduceRecord {
        key: Some("k\"".into()),
        value: Some(RawValue::from_string("{\"a\": 1}".into()).unwrap()),
        headers: vec![("h".into(), Some("1".into())), ("h".into(), None)],
        partition: Some(2),
        timestamp: Some(3),
    };
    let empty = ProduceRecord::default();
    let request = ProduceRequest { records: vec![record, empty], encoding: Encoding::Json };
    let body = serde_json::to_string(&request).unwrap();
    let records = decode(&body).unwrap();
    assert_eq!(text(&records[0].key), Some("k\""));
    assert_eq!(text(&records[0].value), Some("{\"a\": 1}"));
    assert_eq!(records[0].headers, [header("h", b"1"), ("h".into(), None)]);
    assert_eq!((records[0].partition, records[0].timestamp), (Some(2), Some(3)));
    assert_eq!(records[1], InputRecord::default());
}

proptest! {
    #[test]
    fn noise_never_panics(body in "[\\[\\]{}\":,a\\\\u0-9 ]{0,80}", bytes: Vec<u8>) {
        let _ = decode(&body);
        let _ = decode(&format!(r#"{{"records":[{{"headers":{body}}}]}}"#));
        let _ = decode(&format!(r#"{{"records":[{{"key":{body}}}],"encoding":"base64"}}"#));
        if let Ok(records) = JsonRecords::parse(&bytes, None, RECORDS_PER_REQUEST_MAX) {
            let _ = records.decode(RecordLimits::default()).count();
        }
        for mode in [LineMode::Record, LineMode::Value { key: None }, by_key("/a/0")] {
            for encoding in [Encoding::Json, Encoding::String, Encoding::Base64] {
                let limits = RecordLimits::default();
                let _ = parse_line(body.as_bytes(), 1, &mode, encoding, &limits);
                let _ = parse_line(&bytes, 1, &mode, encoding, &limits);
            }
        }
    }
}
