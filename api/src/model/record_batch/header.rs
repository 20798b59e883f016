//! The 61-byte header: parse, validate, split, patch. All that produce and storage need.

use bytes::Bytes;

use super::compression::Compression;
use super::error::BatchError;
use crate::model::limits::BATCH_DECOMPRESSED_BYTES_MAX;

/// Bytes before the first record.
pub const BATCH_HEADER_BYTES: usize = 61;

/// Base offset and length field: not counted by the length field.
pub(super) const LENGTH_OVERHEAD_BYTES: usize = 12;
/// Where the bytes that the CRC covers begin.
pub(super) const CRC_FROM: usize = 21;
/// No record is smaller: length, attributes, two deltas, two lengths, header count.
pub(super) const RECORD_BYTES_MIN: usize = 7;

const ATTRIBUTE_LOG_APPEND_TIME: i16 = 1 << 3;
const ATTRIBUTE_TRANSACTIONAL: i16 = 1 << 4;
const ATTRIBUTE_CONTROL: i16 = 1 << 5;

/// The header, fields in wire order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes after this field.
    pub batch_length: i32,
    /// Term of the leader that appended it.
    pub leader_epoch: i32,
    /// Format version, 2.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Compression, timestamp type, transactional, control.
    pub attributes: i16,
    /// Last offset minus base offset.
    pub last_offset_delta: i32,
    /// Timestamp of the first record, ms.
    pub base_timestamp: i64,
    /// Highest timestamp, ms.
    pub max_timestamp: i64,
    /// Idempotent producer, or -1.
    pub producer_id: i64,
    /// Its epoch, or -1.
    pub producer_epoch: i16,
    /// Sequence of the first record, or -1.
    pub base_sequence: i32,
    /// Number of records.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`. Checks magic and length field, not the CRC, and
    /// not whether the rest of the batch is there.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let have = bytes.len();
        let Some((header, _)) = bytes.split_first_chunk::<BATCH_HEADER_BYTES>() else {
            return Err(BatchError::Truncated { need: BATCH_HEADER_BYTES, have });
        };
        let mut fields = Fields(header);
        let header = BatchHeader {
            base_offset: i64::from_be_bytes(fields.next()),
            batch_length: i32::from_be_bytes(fields.next()),
            leader_epoch: i32::from_be_bytes(fields.next()),
            magic: i8::from_be_bytes(fields.next()),
            crc: u32::from_be_bytes(fields.next()),
            attributes: i16::from_be_bytes(fields.next()),
            last_offset_delta: i32::from_be_bytes(fields.next()),
            base_timestamp: i64::from_be_bytes(fields.next()),
            max_timestamp: i64::from_be_bytes(fields.next()),
            producer_id: i64::from_be_bytes(fields.next()),
            producer_epoch: i16::from_be_bytes(fields.next()),
            base_sequence: i32::from_be_bytes(fields.next()),
            record_count: i32::from_be_bytes(fields.next()),
        };
        if header.magic != 2 {
            return Err(BatchError::BadMagic { magic: header.magic });
        }
        if header.batch_length < (BATCH_HEADER_BYTES - LENGTH_OVERHEAD_BYTES) as i32 {
            return Err(BatchError::BadLength { length: header.batch_length });
        }
        Ok(header)
    }

    /// Bytes of the whole batch.
    pub fn size(&self) -> usize {
        LENGTH_OVERHEAD_BYTES + self.batch_length.max(0) as usize
    }

    /// Offset after the last record.
    pub fn next_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta) + 1)
    }

    /// Compression of the records.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        Compression::from_attributes(self.attributes)
    }

    /// Whether every record has the batch's max timestamp, given by the leader.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & ATTRIBUTE_LOG_APPEND_TIME != 0
    }

    /// Whether it belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & ATTRIBUTE_TRANSACTIONAL != 0
    }

    /// Whether it holds a transaction marker instead of records for users.
    pub fn is_control(&self) -> bool {
        self.attributes & ATTRIBUTE_CONTROL != 0
    }

    /// Count and last offset delta agree, and so many records fit.
    fn check_count(&self) -> Result<(), BatchError> {
        let bytes = self.size() - BATCH_HEADER_BYTES;
        let bytes_max = match self.compression()? {
            Compression::None => bytes,
            _ => BATCH_DECOMPRESSED_BYTES_MAX,
        };
        let count = self.record_count;
        let dense = count >= 1 && self.last_offset_delta == count - 1;
        if !dense || count as usize > bytes_max / RECORD_BYTES_MIN {
            let last_offset_delta = self.last_offset_delta;
            return Err(BatchError::BadCount { count, last_offset_delta, bytes });
        }
        Ok(())
    }
}

/// Checks that `batch` is exactly one batch that may be appended: length, magic, CRC-32C,
/// compression type, and offsets without holes. The records themselves are looked at by `walk`.
pub fn validate(batch: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader::parse(batch)?;
    let (need, have) = (header.size(), batch.len());
    if have < need {
        return Err(BatchError::Truncated { need, have });
    }
    if have > need {
        return Err(BatchError::LeftOver { left: have - need });
    }
    let actual = crc32c(&batch[CRC_FROM..]);
    if actual != header.crc {
        return Err(BatchError::BadCrc { expected: header.crc, actual });
    }
    header.check_count()?;
    Ok(header)
}

/// Cuts batches that lie back to back apart. The slices share memory with `bytes`. Only headers
/// are looked at; a batch that is cut off at the end is an error.
pub fn split(bytes: &Bytes) -> Result<Vec<(BatchHeader, Bytes)>, BatchError> {
    let mut batches = Vec::new();
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        let header = BatchHeader::parse(&rest)?;
        let (need, have) = (header.size(), rest.len());
        if have < need {
            return Err(BatchError::Truncated { need, have });
        }
        batches.push((header, rest.split_to(need)));
    }
    Ok(batches)
}

/// Writes base offset and leader epoch, which lie outside the CRC, into a batch.
///
/// # Panics
/// If `batch` is shorter than a header: it must have been validated before.
pub fn patch(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    assert!(batch.len() >= BATCH_HEADER_BYTES, "only validated batches are patched");
    batch[0..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
}

/// Gives every record of a batch the time of the log instead of the producer's. Both fields lie
/// inside the CRC, which is computed anew.
///
/// # Panics
/// If `batch` is shorter than a header: it must have been validated before.
pub fn stamp_log_append_time(batch: &mut [u8], now_ms: i64) {
    assert!(batch.len() >= BATCH_HEADER_BYTES, "only validated batches are stamped");
    let attributes = i16::from_be_bytes([batch[21], batch[22]]) | ATTRIBUTE_LOG_APPEND_TIME;
    batch[21..23].copy_from_slice(&attributes.to_be_bytes());
    batch[35..43].copy_from_slice(&now_ms.to_be_bytes());
    let crc = crc32c(&batch[CRC_FROM..]);
    batch[CRC_FROM - 4..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
}

/// Says who sends a batch, in place of what it said before: an idempotent producer's id, its epoch,
/// and the sequence of the first record; or -1 each. They lie inside the CRC, which is computed anew.
///
/// # Panics
/// If `batch` is shorter than a header: it must have been validated before.
pub fn stamp_producer(batch: &mut [u8], id: i64, epoch: i16, base_sequence: i32) {
    assert!(batch.len() >= BATCH_HEADER_BYTES, "only whole batches are stamped");
    batch[43..51].copy_from_slice(&id.to_be_bytes());
    batch[51..53].copy_from_slice(&epoch.to_be_bytes());
    batch[53..57].copy_from_slice(&base_sequence.to_be_bytes());
    let crc = crc32c(&batch[CRC_FROM..]);
    batch[CRC_FROM - 4..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
}

/// CRC-32C (Castagnoli).
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// Takes fixed-width fields off the front of a header.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn next<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk::<N>().expect("fields sum to the header");
        self.0 = rest;
        *field
    }
}
