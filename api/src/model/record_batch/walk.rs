//! Looks through the records of a batch that a client sent, before it is taken: whoever reads it
//! later must be able to. Compressed records are looked at as they come out, one at a time, so that
//! a batch that grows a thousandfold costs its limit in time and one record in memory.

use std::io::{BufRead, BufReader, Read};

use super::compression::Compression;
use super::error::BatchError;
use super::header::{BATCH_HEADER_BYTES, BatchHeader};
use super::varint::{Cursor, Reason, in_record};

/// A record of the largest permitted size has fewer bytes than twice that and this.
const RECORD_OVERHEAD_BYTES: usize = 1 << 10;

/// How much may come out of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// All its records together, decompressed.
    pub plain_bytes_max: usize,
    /// Key, value and headers of one, two bytes more for each header.
    pub record_bytes_max: usize,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walked {
    /// Bytes of the records, decompressed.
    pub plain_bytes: usize,
    /// The latest time of a record.
    pub max_timestamp: i64,
}

/// Looks at every record of a batch that has been validated: its lengths, its size, its offset, and
/// that the header's latest time is that of the records.
pub fn walk(batch: &[u8], limits: WalkLimits) -> Result<Walked, BatchError> {
    let header = BatchHeader::parse(batch)?;
    let payload = batch.get(BATCH_HEADER_BYTES..header.size()).unwrap_or_default();
    let codec = header.compression()?;
    let from = BufReader::new(codec.reader(payload, limits.plain_bytes_max)?);
    let mut plain = Plain { from, codec, limits, taken: 0, record: Vec::new() };
    let mut max_timestamp = i64::MIN;
    for index in 0..header.record_count.max(0) as usize {
        plain.next_record(index)?;
        let found = look_at(&plain.record, index, &header).map_err(in_record(index))?;
        let (bytes, max) = (found.bytes, limits.record_bytes_max);
        if bytes > max {
            return Err(BatchError::RecordTooLarge { index, bytes, max });
        }
        max_timestamp = max_timestamp.max(found.timestamp_ms);
    }
    if !plain.is_at_end()? {
        let index = header.record_count.max(1) as usize - 1;
        return Err(in_record(index)("bytes are left over after the last record"));
    }
    if max_timestamp != header.max_timestamp {
        let claimed = header.max_timestamp;
        return Err(BatchError::BadMaxTimestamp { claimed, actual: max_timestamp });
    }
    Ok(Walked { plain_bytes: plain.taken, max_timestamp })
}

/// The plain bytes as they come out.
struct Plain<R> {
    from: R,
    codec: Compression,
    limits: WalkLimits,
    taken: usize,
    /// The bytes of the record that was read last.
    record: Vec<u8>,
}

impl<R: BufRead> Plain<R> {
    fn next_record(&mut self, index: usize) -> Result<(), BatchError> {
        let length = self.length(index)?;
        let max = self.limits.record_bytes_max;
        if length > max.saturating_mul(2).saturating_add(RECORD_OVERHEAD_BYTES) {
            return Err(BatchError::RecordTooLarge { index, bytes: length, max });
        }
        self.take(length)?;
        self.record.clear();
        let read = (&mut self.from).take(length as u64).read_to_end(&mut self.record);
        let read = read.map_err(|error| self.codec.damaged(&error))?;
        if read < length {
            return Err(in_record(index)("a length points past its end"));
        }
        Ok(())
    }

    /// The varint before a record.
    fn length(&mut self, index: usize) -> Result<usize, BatchError> {
        let mut bytes = Vec::with_capacity(5);
        loop {
            let byte = self.byte()?;
            let byte = byte.ok_or_else(|| in_record(index)("it is missing"))?;
            bytes.push(byte);
            if byte & 0x80 == 0 || bytes.len() == 5 {
                break;
            }
        }
        let length = Cursor::new(&bytes, 0).varint().map_err(in_record(index))?;
        usize::try_from(length).map_err(|_| in_record(index)("its length is negative"))
    }

    fn byte(&mut self) -> Result<Option<u8>, BatchError> {
        let mut byte = [0];
        let read = (&mut self.from).take(1).read(&mut byte);
        let read = read.map_err(|error| self.codec.damaged(&error))?;
        if read == 0 {
            return Ok(None);
        }
        self.take(1)?;
        Ok(Some(byte[0]))
    }

    fn take(&mut self, bytes: usize) -> Result<(), BatchError> {
        self.taken += bytes;
        let limit = self.limits.plain_bytes_max;
        if self.taken > limit { Err(BatchError::TooLarge { limit }) } else { Ok(()) }
    }

    fn is_at_end(&mut self) -> Result<bool, BatchError> {
        let rest = self.from.fill_buf().map(<[u8]>::is_empty);
        rest.map_err(|error| self.codec.damaged(&error))
    }
}

/// What matters of one record.
struct Found {
    timestamp_ms: i64,
    bytes: usize,
}

fn look_at(record: &[u8], index: usize, header: &BatchHeader) -> Result<Found, Reason> {
    let mut cursor = Cursor::new(record, 0);
    cursor.byte()?; // Attributes, unused.
    let timestamp_ms = header.base_timestamp.checked_add(cursor.varlong()?);
    let timestamp_ms = timestamp_ms.ok_or("its time does not fit")?;
    if usize::try_from(cursor.varint()?) != Ok(index) {
        return Err("its offset is out of order");
    }
    let mut bytes = 0;
    for _ in ["key", "value"] {
        bytes += cursor.range()?.map_or(0, |range| range.len());
    }
    let headers = usize::try_from(cursor.varint()?).map_err(|_| "its header count is negative")?;
    for _ in 0..headers {
        bytes += cursor.range()?.ok_or("a header has no name")?.len() + 2;
        bytes += cursor.range()?.map_or(0, |range| range.len());
    }
    if cursor.remaining() > 0 {
        return Err("bytes are left over after its last field");
    }
    Ok(Found { timestamp_ms, bytes })
}
