//! Builds a batch from records, for those that are given records instead of batches.

use bytes::Bytes;

use super::compress::compress;
use super::compression::Compression;
use super::header::{
    BATCH_HEADER_BYTES, CRC_FROM, LENGTH_OVERHEAD_BYTES, RECORD_BYTES_MIN, crc32c,
};
use super::varint;

/// A record to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// `None` = null.
    pub key: Option<&'a [u8]>,
    /// `None` = null, a tombstone.
    pub value: Option<&'a [u8]>,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// In order; names may repeat.
    pub headers: &'a [(String, Option<Bytes>)],
}

/// Collects records into one batch: each is encoded once, when it is pushed; they are compressed
/// together when the batch is built.
#[derive(Debug)]
pub struct BatchBuilder {
    bytes: Vec<u8>,
    compression: Compression,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An empty batch without a producer.
    pub fn new() -> Self {
        BatchBuilder {
            bytes: vec![0; BATCH_HEADER_BYTES],
            compression: Compression::None,
            count: 0,
            base_timestamp: 0,
            max_timestamp: i64::MIN,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
        }
    }

    /// Marks the batch as an idempotent producer's.
    #[must_use]
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = base_sequence;
        self
    }

    /// Compresses the records when the batch is built, unless that makes it larger.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Adds a record. The caller bounds its size and the batch's.
    pub fn push(&mut self, record: NewRecord<'_>) {
        if self.count == 0 {
            self.base_timestamp = record.timestamp_ms;
        }
        self.max_timestamp = self.max_timestamp.max(record.timestamp_ms);
        // Wraps for timestamps more than an i64 apart; readers add with wrapping, as Java does.
        let timestamp_delta = record.timestamp_ms.wrapping_sub(self.base_timestamp);
        let offset_delta = i64::from(self.count);
        let size = record_size(&record, timestamp_delta, offset_delta);
        let out = &mut self.bytes;
        out.reserve(size + RECORD_BYTES_MIN);
        varint::put(out, size as i64);
        out.push(0); // Attributes, unused.
        varint::put(out, timestamp_delta);
        varint::put(out, offset_delta);
        varint::put_bytes(out, record.key);
        varint::put_bytes(out, record.value);
        varint::put(out, record.headers.len() as i64);
        for (name, value) in record.headers {
            varint::put_bytes(out, Some(name.as_bytes()));
            varint::put_bytes(out, value.as_deref());
        }
        self.count += 1;
    }

    /// Records so far.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the batch if it were built now, without compression.
    pub fn size_estimate(&self) -> usize {
        self.bytes.len()
    }

    /// The batch, with base offset 0 and leader epoch -1: both are patched when it is appended.
    pub fn build(mut self) -> Bytes {
        let attributes = self.compress();
        let max_timestamp = if self.count == 0 { -1 } else { self.max_timestamp };
        let length = i32::try_from(self.bytes.len() - LENGTH_OVERHEAD_BYTES)
            .expect("callers bound a batch far below 2 GiB");
        let mut header = Vec::with_capacity(BATCH_HEADER_BYTES);
        header.extend_from_slice(&0i64.to_be_bytes());
        header.extend_from_slice(&length.to_be_bytes());
        header.extend_from_slice(&(-1i32).to_be_bytes());
        header.push(2);
        header.extend_from_slice(&0u32.to_be_bytes());
        header.extend_from_slice(&attributes.to_be_bytes());
        header.extend_from_slice(&(self.count - 1).to_be_bytes());
        header.extend_from_slice(&self.base_timestamp.to_be_bytes());
        header.extend_from_slice(&max_timestamp.to_be_bytes());
        header.extend_from_slice(&self.producer_id.to_be_bytes());
        header.extend_from_slice(&self.producer_epoch.to_be_bytes());
        header.extend_from_slice(&self.base_sequence.to_be_bytes());
        header.extend_from_slice(&self.count.to_be_bytes());
        self.bytes[..BATCH_HEADER_BYTES].copy_from_slice(&header);
        let crc = crc32c(&self.bytes[CRC_FROM..]);
        self.bytes[CRC_FROM - 4..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
        Bytes::from(self.bytes)
    }

    /// Compresses the records, if that makes them smaller, and gives the batch's attributes.
    fn compress(&mut self) -> i16 {
        if self.compression == Compression::None || self.count == 0 {
            return 0;
        }
        let plain = &self.bytes[BATCH_HEADER_BYTES..];
        let packed = compress(self.compression, plain, vec![0; BATCH_HEADER_BYTES]);
        if packed.len() >= self.bytes.len() {
            return 0;
        }
        self.bytes = packed;
        self.compression.attributes()
    }
}

/// Bytes of a record after its own length field.
fn record_size(record: &NewRecord<'_>, timestamp_delta: i64, offset_delta: i64) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|(name, value)| {
            varint::size_bytes(Some(name.as_bytes())) + varint::size_bytes(value.as_deref())
        })
        .sum();
    1 + varint::size(timestamp_delta)
        + varint::size(offset_delta)
        + varint::size_bytes(record.key)
        + varint::size_bytes(record.value)
        + varint::size(record.headers.len() as i64)
        + headers
}
