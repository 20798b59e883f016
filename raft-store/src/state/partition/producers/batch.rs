//! A batch that is to be written once, as far as that matters; and what it turns out to be.

use rampart_api::model::ids::{LeaderEpoch, Offset};
use rampart_api::model::once::{KeyTag, OnceTag};
use rampart_api::model::record_batch::BatchHeader;
use serde::{Deserialize, Serialize};

/// A batch of an idempotent producer, or with an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnceBatch {
    /// Producer, or -1.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Sequence of the first record.
    pub base_sequence: i32,
    /// Number of records, 1 or more.
    pub records: u32,
    /// Time that records without one were given.
    pub stamp_ms: i64,
    /// The request's key and body, as hashes.
    pub key: Option<KeyTag>,
}

impl OnceBatch {
    /// As its header and its request say.
    pub fn new(header: &BatchHeader, tag: &OnceTag) -> Self {
        OnceBatch {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            records: header.record_count.unsigned_abs(),
            stamp_ms: tag.stamp_ms,
            key: tag.key,
        }
    }

    /// What goes into the head of its entry.
    pub fn tag(&self) -> OnceTag {
        OnceTag { stamp_ms: self.stamp_ms, key: self.key }
    }

    /// Sequence of the last record. After 2^31 - 1 comes 0, as in Kafka.
    pub fn last_sequence(&self) -> i32 {
        plus(self.base_sequence, self.records.saturating_sub(1))
    }
}

/// The sequence so many after this one.
pub(super) fn plus(sequence: i32, by: u32) -> i32 {
    let sum = (u64::from(sequence.unsigned_abs()) + u64::from(by)) & i32::MAX as u64;
    i32::try_from(sum).expect("masked to 31 bits")
}

/// A batch that is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// Log index of its entry: whoever has that, has the batch.
    pub index: u64,
    /// Term of the leader that appended it.
    pub term: LeaderEpoch,
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Time that its records without one were given.
    pub stamp_ms: i64,
}

/// What a batch is, by what the log says before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    New,
    /// It is in the log already.
    Duplicate(Original),
    /// It can't be written.
    Refused(Refusal),
}

/// Why a batch can't be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Between it and the last one something is missing, or it overlaps that.
    OutOfOrder {
        /// The sequence that would be right.
        expected: i32,
    },
    /// A newer epoch of the producer has written.
    StaleEpoch {
        /// That epoch.
        current: i16,
    },
    /// It is not a first one, and nothing is known of the producer.
    UnknownProducer,
    /// It was written so long ago, or cut in another way, that its offset is not known any more.
    Forgotten,
    /// The partition remembers as many producers as it can.
    TooManyProducers,
    /// The key came with another body before.
    OtherBody,
}
