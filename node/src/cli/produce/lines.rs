//! Lines from a stream, in batches of bounded size, and their bodies. A line is stored as it is:
//! text goes as it is, anything else and separated keys as base64.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use rampart_api::client::LineFormat;
use rampart_api::http::encoding::Encoding;
use rampart_api::http::json_pointer::JsonPointer;
use rampart_api::http::produce::LineSplitter;
use rampart_api::model::limits::{KEYLESS_BLOCK_RECORDS_MAX, REQUEST_BYTES_MAX};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::cli::failure::Failure;

/// Lines of one request: a multiple of the block that keyless records are spread in.
const LINES_MAX: usize = 20 * KEYLESS_BLOCK_RECORDS_MAX;
/// Bytes of one request, after which no line is added.
const BYTES_MAX: usize = 4 << 20;
/// How long a started batch waits for the next line.
const LINGER: Duration = Duration::from_millis(20);
const READ_BYTES: usize = 256 << 10;

/// Lines with the numbers they have in the input.
#[derive(Debug, Default)]
pub(super) struct Batch {
    lines: Vec<(u64, Bytes)>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, line: (u64, Bytes)) {
        self.bytes += line.1.len() + 1;
        self.lines.push(line);
    }

    fn is_full(&self) -> bool {
        let whole_blocks = self.lines.len().is_multiple_of(KEYLESS_BLOCK_RECORDS_MAX);
        self.lines.len() >= LINES_MAX
            || self.bytes >= 3 * BYTES_MAX
            || self.bytes >= BYTES_MAX && whole_blocks
    }

    /// Bytes of the input that it is.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Number of the first line in the input, from 1.
    pub(super) fn first_line(&self) -> u64 {
        self.lines.first().map_or(0, |(number, _)| *number)
    }

    /// Number of the last line in the input.
    pub(super) fn last_line(&self) -> u64 {
        self.lines.last().map_or(0, |(number, _)| *number)
    }

    /// Number in the input of a line of the request, both from 1.
    pub(super) fn input_line(&self, request_line: u64) -> u64 {
        let index = usize::try_from(request_line.saturating_sub(1)).unwrap_or(usize::MAX);
        self.lines.get(index).map_or(0, |(number, _)| *number)
    }
}

/// Cuts a stream into batches: full ones where there is enough, small ones where lines trickle.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    input: R,
    splitter: Option<LineSplitter>,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(super) fn new(input: R) -> Self {
        let splitter = Some(LineSplitter::new(REQUEST_BYTES_MAX));
        LineReader { input, splitter, buffer: BytesMut::new() }
    }

    /// The next batch, or `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Batch>, Failure> {
        let mut batch = Batch::default();
        while let Some(splitter) = &mut self.splitter {
            while let Some(line) = splitter.next_line().map_err(too_long)? {
                batch.push(line);
                if batch.is_full() {
                    return Ok(Some(batch));
                }
            }
            let has_lines = !batch.lines.is_empty();
            match read(&mut self.input, &mut self.buffer, has_lines).await? {
                Read::Nothing => return Ok(Some(batch)),
                Read::Some => splitter.push(&self.buffer.split()),
                Read::End => {
                    let rest = self.splitter.take().expect("taken once, here").finish();
                    if let Some(line) = rest.map_err(too_long)? {
                        batch.push(line);
                    }
                }
            }
        }
        Ok((!batch.lines.is_empty()).then_some(batch))
    }
}

enum Read {
    Some,
    Nothing,
    End,
}

/// Reads what there is. With lines in hand it waits only a moment.
async fn read<R: AsyncRead + Unpin>(
    input: &mut R,
    buffer: &mut BytesMut,
    has_lines: bool,
) -> io::Result<Read> {
    buffer.reserve(READ_BYTES);
    let reading = input.read_buf(buffer);
    let read = match has_lines {
        false => reading.await?,
        true => match tokio::time::timeout(LINGER, reading).await {
            Ok(read) => read?,
            Err(_) => return Ok(Read::Nothing),
        },
    };
    Ok(if read == 0 { Read::End } else { Read::Some })
}

fn too_long(error: impl std::fmt::Display) -> Failure {
    Failure::new(error.to_string()).hint("one record is one line; is this a text file?")
}

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyRule {
    /// There are none.
    None,
    /// Before the first of these in each line.
    Separator(Vec<u8>),
    /// In the line's JSON.
    Pointer(String),
}

impl KeyRule {
    pub(super) fn new(separator: Option<&str>, pointer: Option<String>) -> Result<Self, Failure> {
        match (separator, pointer) {
            (Some(""), _) => Err(Failure::usage("the separator of -K is empty")),
            (Some(separator), _) => Ok(KeyRule::Separator(
                separator.replace("\\t", "\t").replace("\\0", "\0").into_bytes(),
            )),
            (None, Some(pointer)) => match pointer.parse::<JsonPointer>() {
                Ok(_) => Ok(KeyRule::Pointer(pointer)),
                Err(error) => Err(Failure::usage(format!("--key: {error}"))),
            },
            (None, None) => Ok(KeyRule::None),
        }
    }

    /// A batch as the body of a request.
    pub(super) fn body(&self, batch: &Batch) -> Result<(Bytes, LineFormat), Failure> {
        let pointer = match self {
            KeyRule::Separator(separator) => return envelopes(batch, Some(separator)),
            KeyRule::Pointer(pointer) => Some(pointer.clone()),
            KeyRule::None => None,
        };
        let is_text = batch.lines.iter().all(|(_, line)| is_plain_text(line));
        match (is_text, pointer) {
            (false, None) => envelopes(batch, None),
            (_, key) => Ok((joined(batch), LineFormat::Values { encoding: Encoding::String, key })),
        }
    }
}

/// Text that a line-wise body carries unchanged.
fn is_plain_text(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok() && !line.ends_with(b"\r")
}

fn joined(batch: &Batch) -> Bytes {
    let mut body = BytesMut::with_capacity(batch.bytes);
    for (_, line) in &batch.lines {
        body.put_slice(line);
        body.put_u8(b'\n');
    }
    body.freeze()
}

/// `{"key":"…","value":"…"}` a line, both in base64.
fn envelopes(batch: &Batch, separator: Option<&[u8]>) -> Result<(Bytes, LineFormat), Failure> {
    let mut body = String::with_capacity(batch.bytes * 3 / 2);
    for (number, line) in &batch.lines {
        let (key, value) = match separator {
            None => (None, &line[..]),
            Some(separator) => split_key(line, separator)
                .map(|(key, value)| (Some(key), value))
                .ok_or_else(|| no_separator(*number, batch.first_line(), separator))?,
        };
        body.push('{');
        if let Some(key) = key {
            body.push_str("\"key\":\"");
            STANDARD.encode_string(key, &mut body);
            body.push_str("\",");
        }
        body.push_str("\"value\":\"");
        STANDARD.encode_string(value, &mut body);
        body.push_str("\"}\n");
    }
    Ok((Bytes::from(body), LineFormat::Records(Encoding::Base64)))
}

fn split_key<'a>(line: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = line.windows(separator.len()).position(|window| window == separator)?;
    Some((&line[..at], &line[at + separator.len()..]))
}

fn no_separator(number: u64, first: u64, separator: &[u8]) -> Failure {
    let separator = String::from_utf8_lossy(separator).into_owned();
    Failure::new(format!(
        "line {number} has no separator {separator:?}; nothing from line {first} on was sent"
    ))
    .hint("each line is KEY SEPARATOR VALUE with -K")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn batches(input: &[u8]) -> Vec<Batch> {
        let mut reader = LineReader::new(input);
        let mut batches = Vec::new();
        while let Some(batch) = reader.next().await.unwrap() {
            batches.push(batch);
        }
        batches
    }

    #[tokio::test]
    async fn many_lines_come_in_whole_blocks_with_their_numbers() {
        let input: String = (1..=12_345).map(|i| format!("line {i}\n")).collect();
        let batches = batches(input.as_bytes()).await;
        let sizes: Vec<_> = batches.iter().map(|batch| batch.lines.len()).collect();
        assert_eq!(sizes, [5_000, 5_000, 2_345]);
        assert_eq!(batches[2].first_line(), 10_001);
        assert_eq!(batches[2].input_line(2), 10_002);
        assert_eq!(batches[2].last_line(), 12_345);
    }

    #[tokio::test]
    async fn long_lines_are_cut_by_bytes() {
        let line = format!("{}\n", "x".repeat(100_000));
        let batches = batches(line.repeat(300).as_bytes()).await;
        assert!(batches.iter().all(|batch| batch.bytes <= 3 * BYTES_MAX + 200_000));
        assert_eq!(batches.iter().map(|batch| batch.lines.len()).sum::<usize>(), 300);
    }

    #[tokio::test]
    async fn a_last_line_without_an_end_counts_and_nothing_is_nothing() {
        let last = batches(b"a\nb").await;
        assert_eq!(last[0].lines.len(), 2);
        assert!(batches(b"").await.is_empty());
    }

    #[tokio::test]
    async fn text_goes_as_it_is_and_bytes_as_base64() {
        let text = batches(b"{\"a\":1}\nplain\n").await;
        let (body, format) = KeyRule::None.body(&text[0]).unwrap();
        assert_eq!(&body[..], b"{\"a\":1}\nplain\n");
        assert_eq!(format, LineFormat::Values { encoding: Encoding::String, key: None });
        let bytes = batches(b"\xff\n").await;
        let (body, format) = KeyRule::None.body(&bytes[0]).unwrap();
        assert_eq!(&body[..], b"{\"value\":\"/w==\"}\n");
        assert_eq!(format, LineFormat::Records(Encoding::Base64));
    }

    #[tokio::test]
    async fn keys_are_split_off_at_the_first_separator() {
        let rule = KeyRule::new(Some("\\t"), None).unwrap();
        let keyed = batches(b"k\tv\tw\n").await;
        let (body, _) = rule.body(&keyed[0]).unwrap();
        assert_eq!(&body[..], b"{\"key\":\"aw==\",\"value\":\"dgl3\"}\n");
        let keyless = batches(b"k\tv\nno key\n").await;
        let failure = rule.body(&keyless[0]).unwrap_err();
        assert!(failure.to_string().contains("line 2 has no separator \"\\t\""), "{failure}");
    }

    #[test]
    fn bad_key_rules_are_usage_errors() {
        assert!(KeyRule::new(Some(""), None).is_err());
        assert!(KeyRule::new(None, Some("origin".to_owned())).is_err());
        assert_eq!(
            KeyRule::new(None, Some("/origin".to_owned())).unwrap(),
            KeyRule::Pointer("/origin".to_owned())
        );
    }
}
