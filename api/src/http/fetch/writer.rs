//! Records to JSON text. Stored JSON is copied verbatim; what can't stand in JSON comes as
//! `{"$base64":"…"}`.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::http::encoding::{Encoding, put_base64};
use crate::http::json_text::{put_integer, put_string};
use crate::model::record_batch::Record;

/// Where the text will stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Inside a JSON body: stored JSON is copied to the byte.
    Body,
    /// On a line of its own (ndjson, SSE): a line feed between the tokens of stored JSON becomes a
    /// space. Inside a JSON string there can be none.
    Line,
}

/// Where a record is.
#[derive(Debug, Clone, Copy)]
pub struct RecordPosition<'a> {
    /// Name of its topic.
    pub topic: &'a str,
    /// Number inside the topic.
    pub partition: u32,
    /// Position in the partition.
    pub offset: u64,
}

/// Appends `{"topic","partition","offset","timestamp","key","value","headers"}`.
pub fn write_record(
    out: &mut Vec<u8>,
    position: RecordPosition<'_>,
    record: &Record,
    encoding: Encoding,
    layout: Layout,
) {
    out.extend_from_slice(b"{\"topic\":");
    put_string(out, position.topic);
    out.extend_from_slice(b",\"partition\":");
    put_integer(out, position.partition);
    out.extend_from_slice(b",\"offset\":");
    put_integer(out, position.offset);
    out.extend_from_slice(b",\"timestamp\":");
    put_integer(out, record.timestamp_ms);
    out.push(b',');
    write_content(out, record, encoding, layout);
    out.push(b'}');
}

/// Appends `"key":…,"value":…,"headers":…`, a part of an object.
pub fn write_content(out: &mut Vec<u8>, record: &Record, encoding: Encoding, layout: Layout) {
    out.extend_from_slice(b"\"key\":");
    put_text(out, record.key.as_ref(), encoding);
    out.extend_from_slice(b",\"value\":");
    match encoding {
        Encoding::Json => put_json(out, record.value.as_ref(), layout),
        Encoding::String | Encoding::Base64 => put_text(out, record.value.as_ref(), encoding),
    }
    out.extend_from_slice(b",\"headers\":");
    put_headers(out, &record.headers, encoding);
}

/// Writes `{"records":[…],…}` in pieces: the buffer can be taken and sent between records.
#[derive(Debug, Default)]
pub struct BodyWriter {
    records: usize,
}

/// What follows the records. One partition has all but the cursor; several have only that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BodyEnd {
    /// Where to go on.
    pub next_offset: Option<u64>,
    /// Nobody reads at or above it.
    pub high_watermark: Option<u64>,
    /// First offset that can be read.
    pub log_start_offset: Option<u64>,
    /// Nothing is written at or above it any more.
    pub sealed_at: Option<u64>,
    /// Where to go on in all partitions.
    pub next_cursor: Option<String>,
}

impl BodyWriter {
    /// Opens the body.
    pub fn begin(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(b"{\"records\":[");
        BodyWriter::default()
    }

    /// Adds a record.
    pub fn record(
        &mut self,
        out: &mut Vec<u8>,
        position: RecordPosition<'_>,
        record: &Record,
        encoding: Encoding,
    ) {
        if self.records > 0 {
            out.push(b',');
        }
        self.records += 1;
        write_record(out, position, record, encoding, Layout::Body);
    }

    /// Closes the body.
    pub fn end(self, out: &mut Vec<u8>, end: &BodyEnd) {
        out.push(b']');
        let numbers = [
            ("next_offset", end.next_offset),
            ("high_watermark", end.high_watermark),
            ("log_start_offset", end.log_start_offset),
            ("sealed_at", end.sealed_at),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                out.push(b',');
                put_string(out, name);
                out.push(b':');
                put_integer(out, number);
            }
        }
        if let Some(cursor) = &end.next_cursor {
            out.extend_from_slice(b",\"next_cursor\":");
            put_string(out, cursor);
        }
        out.push(b'}');
    }
}

/// A value under `json`: its text if it is JSON.
fn put_json(out: &mut Vec<u8>, value: Option<&Bytes>, layout: Layout) {
    let Some(value) = value else {
        return out.extend_from_slice(b"null");
    };
    if serde_json::from_slice::<&RawValue>(value).is_err() {
        return put_wrapped(out, value);
    }
    let start = out.len();
    out.extend_from_slice(value);
    if layout == Layout::Line {
        for byte in &mut out[start..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

/// A key, a header value, or a value that is not read as `json`.
fn put_text(out: &mut Vec<u8>, bytes: Option<&Bytes>, encoding: Encoding) {
    let Some(bytes) = bytes else {
        return out.extend_from_slice(b"null");
    };
    if encoding == Encoding::Base64 {
        return put_quoted_base64(out, bytes);
    }
    match str::from_utf8(bytes) {
        Ok(text) => put_string(out, text),
        Err(_) => put_wrapped(out, bytes),
    }
}

fn put_wrapped(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"{\"$base64\":");
    put_quoted_base64(out, bytes);
    out.push(b'}');
}

fn put_quoted_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    put_base64(out, bytes);
    out.push(b'"');
}

/// An object; a list of pairs where a name repeats.
fn put_headers(out: &mut Vec<u8>, headers: &[(String, Option<Bytes>)], encoding: Encoding) {
    let repeats = has_repeats(headers);
    let [open, between, close] = if repeats { *b"[,]" } else { *b"{:}" };
    out.push(open);
    for (index, (name, value)) in headers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if repeats {
            out.push(b'[');
        }
        put_string(out, name);
        out.push(between);
        put_text(out, value.as_ref(), encoding);
        if repeats {
            out.push(b']');
        }
    }
    out.push(close);
}

fn has_repeats(headers: &[(String, Option<Bytes>)]) -> bool {
    // Nearly always there are few; sorting keeps thousands of them from costing their square.
    if headers.len() <= 8 {
        return (1..headers.len()).any(|i| headers[..i].iter().any(|(n, _)| *n == headers[i].0));
    }
    let mut names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}
