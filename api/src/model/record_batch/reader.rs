//! Reads the records of a batch, for the edges that speak records. Never trusts a count: nothing
//! is reserved for more than the bytes that are there.

use bytes::Bytes;

use super::error::BatchError;
use super::header::{BATCH_HEADER_BYTES, BatchHeader};
use super::varint::{Cursor, Reason, in_record};
use crate::model::limits::BATCH_DECOMPRESSED_BYTES_MAX;

/// A record as it was written. Key, value and header values share the batch's memory, or the
/// decompressed one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Offset minus the batch's base offset.
    pub offset_delta: i32,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// `None` = null.
    pub key: Option<Bytes>,
    /// `None` = null, a tombstone.
    pub value: Option<Bytes>,
    /// In order; names may repeat. A name that is not UTF-8 is read with replacement characters.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// All records of a batch; none for a control batch. Prefer [`read`] where only some are needed.
pub fn records(batch: &Bytes) -> Result<Vec<Record>, BatchError> {
    read(batch)?.collect()
}

/// Starts reading the records of a batch, one by one. The CRC is not checked again.
pub fn read(batch: &Bytes) -> Result<RecordReader, BatchError> {
    let header = BatchHeader::parse(batch)?;
    let (need, have) = (header.size(), batch.len());
    if have < need {
        return Err(BatchError::Truncated { need, have });
    }
    let payload = batch.slice(BATCH_HEADER_BYTES..need);
    let (plain, left) = if header.is_control() {
        (Bytes::new(), 0)
    } else {
        let plain = header.compression()?.decompress(&payload, BATCH_DECOMPRESSED_BYTES_MAX)?;
        (plain, header.record_count.max(0) as usize)
    };
    Ok(RecordReader { header, plain, position: 0, index: 0, left, offset_delta_min: 0 })
}

/// Yields a batch's records in order, and ends after the first error.
#[derive(Debug)]
pub struct RecordReader {
    header: BatchHeader,
    plain: Bytes,
    position: usize,
    index: usize,
    left: usize,
    offset_delta_min: i32,
}

impl RecordReader {
    /// The batch's header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    fn next_record(&mut self) -> Result<Record, Reason> {
        let mut cursor = Cursor::new(&self.plain, self.position);
        let range = cursor.range()?.ok_or("its length is negative")?;
        self.position = range.end;
        let mut cursor = Cursor::new(&self.plain[..range.end], range.start);
        cursor.byte()?; // Attributes, unused.
        let timestamp_delta = cursor.varlong()?;
        let offset_delta = cursor.varint()?;
        if offset_delta < self.offset_delta_min || offset_delta > self.header.last_offset_delta {
            return Err("its offset is out of order");
        }
        self.offset_delta_min = offset_delta.saturating_add(1);
        let key = self.slice(&mut cursor)?;
        let value = self.slice(&mut cursor)?;
        let headers = self.headers(&mut cursor)?;
        if cursor.remaining() > 0 {
            return Err("bytes are left over after its last field");
        }
        let timestamp_ms = if self.header.is_log_append_time() {
            self.header.max_timestamp
        } else {
            self.header.base_timestamp.wrapping_add(timestamp_delta)
        };
        Ok(Record { offset_delta, timestamp_ms, key, value, headers })
    }

    fn headers(&self, cursor: &mut Cursor<'_>) -> Result<Vec<(String, Option<Bytes>)>, Reason> {
        let count =
            usize::try_from(cursor.varint()?).map_err(|_| "its header count is negative")?;
        // A header takes two bytes at least.
        if count > cursor.remaining() / 2 {
            return Err("its header count is larger than its bytes");
        }
        let mut headers = Vec::new();
        for _ in 0..count {
            let name = cursor.range()?.ok_or("a header has no name")?;
            let name = String::from_utf8_lossy(&self.plain[name]).into_owned();
            headers.push((name, self.slice(cursor)?));
        }
        Ok(headers)
    }

    fn slice(&self, cursor: &mut Cursor<'_>) -> Result<Option<Bytes>, Reason> {
        Ok(cursor.range()?.map(|range| self.plain.slice(range)))
    }
}

impl Iterator for RecordReader {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let index = self.index;
        let mut record = self.next_record().map_err(in_record(index));
        self.index += 1;
        self.left -= 1;
        if self.left == 0 && self.position < self.plain.len() && record.is_ok() {
            record = Err(in_record(index)("bytes are left over after the last record"));
        }
        if record.is_err() {
            self.left = 0;
        }
        Some(record)
    }
}
