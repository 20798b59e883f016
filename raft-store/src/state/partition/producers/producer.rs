//! One producer in one partition: its epoch and its last batches.

use std::collections::VecDeque;

use rampart_api::model::limits::PRODUCER_BATCHES_REMEMBERED;
use serde::{Deserialize, Serialize};

use super::batch::{OnceBatch, Original, Refusal, Verdict, plus};

/// So many sequences there are. What is less than half of them behind is behind, else ahead.
const SEQUENCES: i64 = 1 << 31;

/// A producer that has written here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Producer {
    pub(super) epoch: i16,
    /// Append time of its last batch.
    pub(super) active_ms: i64,
    /// The last batches of this epoch, in order.
    pub(super) batches: VecDeque<Remembered>,
}

/// A batch that is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) base_sequence: i32,
    pub(super) last_sequence: i32,
    pub(super) original: Original,
}

impl Producer {
    /// What a batch of this producer is.
    pub(super) fn check(&self, batch: &OnceBatch) -> Verdict {
        if batch.producer_epoch < self.epoch {
            return Verdict::Refused(Refusal::StaleEpoch { current: self.epoch });
        }
        let last = self.batches.back().filter(|_| batch.producer_epoch == self.epoch);
        let expected = last.map_or(0, |last| plus(last.last_sequence, 1));
        if batch.base_sequence == expected {
            return Verdict::New;
        }
        let same = self.batches.iter().find(|written| {
            written.base_sequence == batch.base_sequence
                && written.last_sequence == batch.last_sequence()
        });
        match (last, same) {
            (Some(_), Some(same)) => Verdict::Duplicate(same.original),
            (Some(_), None) if is_before(batch.last_sequence(), expected) => {
                Verdict::Refused(Refusal::Forgotten)
            }
            (Some(_) | None, _) => Verdict::Refused(Refusal::OutOfOrder { expected }),
        }
    }

    /// A new batch of this producer is in the log.
    pub(super) fn note(&mut self, batch: &OnceBatch, original: Original, now_ms: i64) {
        if batch.producer_epoch != self.epoch {
            self.batches.clear();
            self.epoch = batch.producer_epoch;
        }
        self.active_ms = now_ms;
        if self.batches.len() >= PRODUCER_BATCHES_REMEMBERED {
            self.batches.pop_front();
        }
        let (base_sequence, last_sequence) = (batch.base_sequence, batch.last_sequence());
        self.batches.push_back(Remembered { base_sequence, last_sequence, original });
    }
}

/// Whether a sequence comes before another, on the circle that they are.
fn is_before(sequence: i32, other: i32) -> bool {
    let distance = (i64::from(other) - i64::from(sequence)).rem_euclid(SEQUENCES);
    distance > 0 && distance < SEQUENCES / 2
}
