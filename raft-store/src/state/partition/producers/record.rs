//! The states as they are stored and sent: lists in a fixed order. Versioned by whoever seals it.

use serde::{Deserialize, Serialize};

use super::ProducerStates;
use super::keys::{KeyedRequest, Keys};
use super::producer::Producer;

/// Stored bytes of a producer with all its batches, about.
const PRODUCER_BYTES: usize = 240;
/// Stored bytes of a key.
const KEY_BYTES: usize = 72;

/// The states of a partition's producers and keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducersRecord {
    next_index: u64,
    now_ms: i64,
    /// By id.
    producers: Vec<(i64, Producer)>,
    /// In the order they were written.
    keys: Vec<KeyedRequest>,
}

/// About how many bytes a record of so many has.
pub(super) fn bytes(producers: usize, keys: usize) -> usize {
    producers * PRODUCER_BYTES + keys * KEY_BYTES
}

impl From<&ProducerStates> for ProducersRecord {
    fn from(states: &ProducerStates) -> Self {
        let producers = states.producers.iter().map(|(id, known)| (*id, known.clone()));
        ProducersRecord {
            next_index: states.next_index,
            now_ms: states.now_ms,
            producers: producers.collect(),
            keys: states.keys.iter().copied().collect(),
        }
    }
}

impl From<ProducersRecord> for ProducerStates {
    fn from(record: ProducersRecord) -> Self {
        let expiring = record.producers.iter().filter(|(id, _)| super::expires(*id));
        let by_time = expiring.map(|(id, known)| (known.active_ms, *id)).collect();
        let mut keys = Keys::default();
        for request in record.keys {
            keys.push(request);
        }
        ProducerStates {
            next_index: record.next_index,
            now_ms: record.now_ms,
            producers: record.producers.into_iter().collect(),
            by_time,
            keys,
        }
    }
}
