//! What a partition's log takes: the rules by which it judges numbered batches.

use std::collections::HashMap;

use bytes::Bytes;

use super::super::upstream::{Acked, Attempt};
use crate::model::error_code::ErrorCode;
use crate::model::problem::{MovedTo, Problem};
use crate::model::record_batch::{BatchHeader, records, validate};

/// Servers of the cluster that a sealed partition goes on in.
pub(super) const OTHER_SERVERS: [&str; 1] = ["http://east:8080"];

#[derive(Debug, Default)]
pub(super) struct Log {
    /// It takes nothing more.
    pub(super) is_sealed: bool,
    pub(super) values: Vec<String>,
    pub(super) producers: HashMap<i64, Producer>,
}

#[derive(Debug, Default)]
pub(super) struct Producer {
    epoch: i16,
    next: i32,
    /// Base sequence, records, base offset.
    batches: Vec<(i32, i32, u64)>,
}

impl Log {
    /// Takes a batch, or says what it is.
    pub(super) fn append(&mut self, attempt: &Attempt) -> Result<Acked, Problem> {
        let header = validate(&attempt.batch)?;
        let values = texts(&attempt.batch);
        if values.iter().any(|value| value.starts_with("bad")) {
            return Err(Problem::new(ErrorCode::RecordTooLarge, "record 0 of the batch"));
        }
        let base = self.values.len() as u64;
        if header.producer_id >= 0
            && let Some(known) = self.admit(&header, base)?
        {
            return Ok(acked(&header, known, true));
        }
        if self.is_sealed {
            return Err(moved());
        }
        self.values.extend(values);
        Ok(acked(&header, base, false))
    }

    /// The rules of a partition's log. Gives the offset of what is there already.
    fn admit(&mut self, header: &BatchHeader, base: u64) -> Result<Option<u64>, Problem> {
        let refused = |code| Err(Problem::new(code, "out of its place"));
        let (sequence, count) = (header.base_sequence, header.record_count);
        if !self.producers.contains_key(&header.producer_id) && sequence != 0 {
            return Err(Problem::unknown(ErrorCode::UnknownProducerId, "who is this"));
        }
        let known = self.producers.entry(header.producer_id).or_default();
        if header.producer_epoch < known.epoch {
            return refused(ErrorCode::InvalidProducerEpoch);
        }
        let is_new_epoch = header.producer_epoch > known.epoch;
        let next = if is_new_epoch { 0 } else { known.next };
        if sequence != next {
            let same = |batch: &&(i32, i32, u64)| (batch.0, batch.1) == (sequence, count);
            return match known.batches.iter().rev().take(5).find(same) {
                Some(batch) if !is_new_epoch => Ok(Some(batch.2)),
                None if !is_new_epoch && sequence < next => {
                    Err(Problem::unknown(ErrorCode::DuplicateSequence, "long ago"))
                }
                _ => refused(ErrorCode::OutOfOrderSequenceNumber),
            };
        }
        if is_new_epoch {
            known.epoch = header.producer_epoch;
            known.batches.clear();
        }
        if self.is_sealed {
            return Err(moved());
        }
        known.next = sequence + count;
        known.batches.push((sequence, count, base));
        Ok(None)
    }
}

/// The topic goes on elsewhere.
pub(super) fn moved() -> Problem {
    let to = MovedTo {
        cluster: "east".to_owned(),
        servers: OTHER_SERVERS.map(str::to_owned).into(),
        id: "7".to_owned(),
        sealed_at: None,
    };
    let refusal = Problem::new(ErrorCode::TopicMoved, "the topic goes on in east");
    Problem { moved_to: Some(Box::new(to)), ..refusal }
}

/// The values of a batch.
pub(super) fn texts(batch: &Bytes) -> Vec<String> {
    let text =
        |value: Option<Bytes>| String::from_utf8(value.unwrap_or_default().to_vec()).unwrap();
    records(batch).unwrap().into_iter().map(|record| text(record.value)).collect()
}

fn acked(header: &BatchHeader, base_offset: u64, is_replayed: bool) -> Acked {
    Acked {
        base_offset: Some(base_offset),
        timestamp_ms: Some(header.base_timestamp),
        leader_epoch: 1,
        is_replayed,
    }
}
