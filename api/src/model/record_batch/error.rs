//! Why bytes are not a record batch that can be taken or read.

use crate::model::error_code::ErrorCode;
use crate::model::problem::Problem;

/// The caller's fault when it comes with a request; corruption when it comes from storage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Fewer bytes than the header or its length field asks for.
    #[error("record batch is cut off: {need} bytes needed, {have} there")]
    Truncated {
        /// Bytes that the batch should have.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// More bytes than one batch.
    #[error("{left} bytes are left over after the record batch")]
    LeftOver {
        /// How many.
        left: usize,
    },
    /// The length field is smaller than a header.
    #[error("record batch length {length} is below the 49 bytes of a header")]
    BadLength {
        /// The length field.
        length: i32,
    },
    /// Not format v2.
    #[error("record batch has magic {magic}, only 2 is supported")]
    BadMagic {
        /// The magic byte.
        magic: i8,
    },
    /// The checksum differs.
    #[error("record batch has CRC-32C {actual:#010x}, its header says {expected:#010x}")]
    BadCrc {
        /// What the header says.
        expected: u32,
        /// What the bytes give.
        actual: u32,
    },
    /// Count and last offset delta contradict each other, or the bytes can't hold so many.
    #[error(
        "record batch claims {count} records with last offset delta {last_offset_delta} \
         in {bytes} bytes"
    )]
    BadCount {
        /// The record count.
        count: i32,
        /// The last offset delta.
        last_offset_delta: i32,
        /// Bytes of the records.
        bytes: usize,
    },
    /// A compression type that does not exist.
    #[error("record batch has compression type {code}; 0 to 4 exist")]
    BadCompression {
        /// Lowest three bits of the attributes.
        code: i16,
    },
    /// The compressed bytes are damaged.
    #[error("{codec} data of the record batch is damaged: {reason}")]
    Decompress {
        /// The compression's name.
        codec: &'static str,
        /// What the decompressor said.
        reason: String,
    },
    /// More data than is allowed comes out.
    #[error("record batch decompresses to more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The header's latest time is not that of the records.
    #[error("record batch claims max timestamp {claimed}, that of its records is {actual}")]
    BadMaxTimestamp {
        /// What the header says.
        claimed: i64,
        /// What the records say.
        actual: i64,
    },
    /// A record is larger than is allowed.
    #[error("record {index} of the batch has {bytes} bytes, at most {max} are taken")]
    RecordTooLarge {
        /// Which record, from 0.
        index: usize,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A record's own fields are wrong.
    #[error("record {index} of the batch is malformed: {reason}")]
    BadRecord {
        /// Which record, from 0.
        index: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Problem {
        let (code, hint) = match &error {
            BatchError::RecordTooLarge { .. } => {
                (ErrorCode::RecordTooLarge, "split it, or raise max.message.bytes of the topic")
            }
            BatchError::TooLarge { .. } => (ErrorCode::RequestTooLarge, "send several requests"),
            BatchError::Truncated { .. }
            | BatchError::LeftOver { .. }
            | BatchError::BadLength { .. }
            | BatchError::BadMagic { .. }
            | BatchError::BadCrc { .. }
            | BatchError::BadCount { .. }
            | BatchError::BadCompression { .. }
            | BatchError::Decompress { .. }
            | BatchError::BadMaxTimestamp { .. }
            | BatchError::BadRecord { .. } => (
                ErrorCode::CorruptBatch,
                "send one or more complete record batches of format v2 (magic 2)",
            ),
        };
        Problem::new(code, error.to_string()).hint(hint)
    }
}
