//! `[pure]` What a partition remembers of those who send each batch once: idempotent producers by
//! their sequences, and requests by their `Idempotency-Key`. A function of the log prefix alone
//! (INV-04): time comes with the entries, from the leader that appended them. The log keeps one as of
//! its end and one as of what is applied; entries below `next_index` change nothing, so a log may
//! be read again from anywhere before its end.
//! Enforces INV-07.

mod batch;
mod keys;
mod producer;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use rampart_api::model::ids::{LeaderEpoch, Offset};
use rampart_api::model::limits::{
    INTERNAL_PRODUCER_ID_MIN, PRODUCER_EXPIRY_MS, PRODUCER_UNTOUCHED_MS,
    PRODUCERS_PER_PARTITION_MAX,
};

pub use self::batch::{OnceBatch, Original, Refusal, Verdict};
use self::keys::Keys;
use self::producer::Producer;
pub use self::record::ProducersRecord;

/// Where a batch was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Term of the leader that appended it.
    pub term: LeaderEpoch,
    /// Offset of its first record.
    pub base_offset: Offset,
}

/// Producers and keys of one partition, as of an entry of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerStates {
    /// Index after the last entry that was looked at.
    next_index: u64,
    /// Greatest append time of an entry so far.
    now_ms: i64,
    producers: BTreeMap<i64, Producer>,
    /// Last append time and id of each producer that expires: who does so next.
    by_time: BTreeSet<(i64, i64)>,
    keys: Keys,
}

impl Default for ProducerStates {
    fn default() -> Self {
        ProducerStates {
            next_index: 0,
            now_ms: i64::MIN,
            producers: BTreeMap::new(),
            by_time: BTreeSet::new(),
            keys: Keys::default(),
        }
    }
}

impl ProducerStates {
    /// Index after the last entry that this contains; 0 = none.
    pub fn next_index(&self) -> u64 {
        self.next_index
    }

    /// About how many bytes its record has.
    pub fn record_bytes(&self) -> usize {
        record::bytes(self.producers.len(), self.keys.len())
    }

    /// Begins an entry: what has expired by its append time goes. False if the entry is in here
    /// already, with all its batches.
    pub fn enter(&mut self, index: u64, append_ms: i64) -> bool {
        if index < self.next_index {
            return false;
        }
        self.next_index = index + 1;
        self.now_ms = self.now_ms.max(append_ms);
        while let Some((at, id)) = self.by_time.first().copied()
            && is_over(at, PRODUCER_EXPIRY_MS, self.now_ms)
        {
            self.by_time.remove(&(at, id));
            self.producers.remove(&id);
        }
        self.keys.expire(self.now_ms);
        true
    }

    /// What a batch would be in the next entry, if that is appended at `append_ms`.
    pub fn check(&self, batch: &OnceBatch, append_ms: i64) -> Verdict {
        let now_ms = self.now_ms.max(append_ms);
        if let Some(key) = &batch.key
            && let Some(verdict) = self.keys.check(key, now_ms)
        {
            return verdict;
        }
        if batch.producer_id < 0 {
            return Verdict::New;
        }
        let known = self.producers.get(&batch.producer_id);
        let is_there = |known: &&Producer| {
            !expires(batch.producer_id) || !is_over(known.active_ms, PRODUCER_EXPIRY_MS, now_ms)
        };
        match known.filter(is_there) {
            Some(known) => known.check(batch),
            None if batch.base_sequence != 0 => Verdict::Refused(Refusal::UnknownProducer),
            None if expires(batch.producer_id) && self.is_crowded(now_ms) => {
                Verdict::Refused(Refusal::TooManyProducers)
            }
            None => Verdict::New,
        }
    }

    /// A new batch of the entry that was entered last is in the log.
    pub fn note(&mut self, batch: &OnceBatch, written: Written) {
        let original = Original {
            index: self.next_index.saturating_sub(1),
            term: written.term,
            base_offset: written.base_offset,
            stamp_ms: batch.stamp_ms,
        };
        if let Some(key) = &batch.key {
            self.keys.note(key, original, self.now_ms);
        }
        if batch.producer_id >= 0 {
            self.note_producer(batch, original);
        }
    }

    fn note_producer(&mut self, batch: &OnceBatch, original: Original) {
        let id = batch.producer_id;
        let known = self.producers.get(&id).map(|known| known.active_ms);
        match known {
            Some(active_ms) => {
                self.by_time.remove(&(active_ms, id));
            }
            None if self.by_time.len() >= PRODUCERS_PER_PARTITION_MAX && expires(id) => {
                if let Some((_, oldest)) = self.by_time.pop_first() {
                    self.producers.remove(&oldest);
                }
            }
            None => {}
        }
        if expires(id) {
            self.by_time.insert((self.now_ms, id));
        }
        self.producers.entry(id).or_default().note(batch, original, self.now_ms);
    }

    /// Whether a new producer would take the place of one that may still send something again.
    fn is_crowded(&self, now_ms: i64) -> bool {
        let oldest = self.by_time.first();
        self.by_time.len() >= PRODUCERS_PER_PARTITION_MAX
            && oldest.is_some_and(|(at, _)| !is_over(*at, PRODUCER_UNTOUCHED_MS, now_ms))
    }
}

/// Whether a producer is forgotten when it has not written for long: not the cluster's own, whose
/// sequences go on for ever. There are as many of them as coordinators write to the partition.
fn expires(producer_id: i64) -> bool {
    producer_id < INTERNAL_PRODUCER_ID_MIN
}

/// Whether `after_ms` have passed since `at_ms`.
fn is_over(at_ms: i64, after_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(at_ms) > after_ms
}
