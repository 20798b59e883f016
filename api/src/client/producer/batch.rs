//! A batch from its first record to its end: open while it is filled, then bytes that are sent as
//! often as it takes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::delivery::Answer;
use super::error::{DeliveryError, FailureReason};
use super::numbering::Place;
use super::outstanding::Ticket;
use super::record::{Record, RecordMetadata};
use super::upstream::Acked;
use crate::model::limits::RECORDS_PER_REQUEST_MAX;
use crate::model::problem::Outcome;
use crate::model::record_batch::{
    BatchBuilder, BatchHeader, Compression, NewRecord, Record as StoredRecord, records,
    stamp_producer,
};

/// No record needs more bytes in a batch beyond its own, its headers aside.
const RECORD_OVERHEAD_BYTES: usize = 40;

/// A batch that takes records.
#[derive(Debug)]
pub(super) struct OpenBatch {
    builder: BatchBuilder,
    listeners: Vec<Listener>,
    room: OwnedSemaphorePermit,
    ticket: Ticket,
    /// When it has waited long enough for others.
    pub(super) due: Instant,
    /// When it must be decided what became of it.
    pub(super) deadline: Instant,
}

/// Who waits for a record, and what its time is.
#[derive(Debug)]
struct Listener {
    timestamp_ms: i64,
    answer: Answer,
}

/// A batch that is closed. Its bytes are the same in each attempt.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Bytes,
    listeners: Vec<Listener>,
    hold: Arc<Hold>,
    pub(super) deadline: Instant,
}

/// What a batch and the parts it was split into give back together.
#[derive(Debug)]
struct Hold {
    _room: OwnedSemaphorePermit,
    _ticket: Ticket,
}

/// One record on its way into a batch.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) record: &'a Record,
    pub(super) timestamp_ms: i64,
    pub(super) room: OwnedSemaphorePermit,
    pub(super) answer: Answer,
}

impl OpenBatch {
    /// Opens a batch with its first record.
    pub(super) fn new(
        first: Incoming<'_>,
        ticket: Ticket,
        due: Instant,
        deadline: Instant,
    ) -> Self {
        let Incoming { record, timestamp_ms, room, answer } = first;
        let (builder, listeners) = (BatchBuilder::new(), Vec::new());
        let mut batch = OpenBatch { builder, listeners, room, ticket, due, deadline };
        batch.append(record, timestamp_ms, answer);
        batch
    }

    /// Adds a record.
    pub(super) fn push(&mut self, more: Incoming<'_>) {
        self.room.merge(more.room);
        self.append(more.record, more.timestamp_ms, more.answer);
    }

    /// Whether a record with so many bytes fits.
    pub(super) fn fits(&self, record_bytes: usize, bytes_max: usize) -> bool {
        let bytes = self.builder.size_estimate() + record_bytes + RECORD_OVERHEAD_BYTES;
        bytes <= bytes_max && self.listeners.len() < RECORDS_PER_REQUEST_MAX
    }

    fn append(&mut self, record: &Record, timestamp_ms: i64, answer: Answer) {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let headers = &record.headers;
        self.builder.push(NewRecord { key, value, timestamp_ms, headers });
        self.listeners.push(Listener { timestamp_ms, answer });
    }

    /// Closes it.
    pub(super) fn build(self, compression: Compression) -> Batch {
        Batch {
            bytes: self.builder.compression(compression).build(),
            listeners: self.listeners,
            hold: Arc::new(Hold { _room: self.room, _ticket: self.ticket }),
            deadline: self.deadline,
        }
    }
}

impl Batch {
    /// The bytes to send.
    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Records in it.
    pub(super) fn len(&self) -> usize {
        self.listeners.len()
    }

    /// Numbers it, or takes its number away. Only before it is sent, or once it is certain that what
    /// was sent was not written.
    pub(super) fn stamp(&mut self, place: Option<Place>) {
        let (id, epoch, sequence) = match place {
            Some(place) => (place.identity.producer_id, place.identity.epoch, place.sequence),
            None => (-1, -1, -1),
        };
        // A request that was given up may still hold the bytes; then they are copied.
        let bytes = std::mem::take(&mut self.bytes);
        let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        stamp_producer(&mut bytes, id, epoch, sequence);
        self.bytes = bytes.freeze();
    }

    /// Cuts it in two, so that one bad record does not take all others along. Gives it back if it is
    /// a single record.
    pub(super) fn halves(mut self, compression: Compression) -> Result<[Batch; 2], Batch> {
        let Ok(stored) = records(&self.bytes) else {
            return Err(self);
        };
        if stored.len() < 2 || stored.len() != self.listeners.len() {
            return Err(self);
        }
        let middle = stored.len() / 2;
        let second = self.listeners.split_off(middle);
        let half = |records: &[StoredRecord], listeners| Batch {
            bytes: build(records, compression),
            listeners,
            hold: self.hold.clone(),
            deadline: self.deadline,
        };
        let second = half(&stored[middle..], second);
        let first = half(&stored[..middle], self.listeners);
        Ok([first, second])
    }

    /// Tells everybody where their record landed.
    pub(super) fn written(self, partition: u32, acked: &Acked) {
        // The answer to a batch has the time of its first record; if that is another than was sent,
        // the topic gives all records the time of its log.
        let sent = BatchHeader::parse(&self.bytes).map(|header| header.base_timestamp).ok();
        let log_time = acked.timestamp_ms.filter(|ms| Some(*ms) != sent);
        for (offset, listener) in (0u64..).zip(self.listeners) {
            listener.answer.give(Ok(RecordMetadata {
                partition,
                offset: acked.base_offset.map(|base| base + offset),
                timestamp_ms: log_time.unwrap_or(listener.timestamp_ms),
            }));
        }
    }

    /// Tells everybody that their record was not acknowledged.
    pub(super) fn failed(self, partition: u32, outcome: Outcome, reason: &FailureReason) {
        for listener in self.listeners {
            let error = DeliveryError::new(outcome, partition, reason.clone());
            listener.answer.give(Err(error));
        }
    }
}

fn build(stored: &[StoredRecord], compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new().compression(compression);
    for record in stored {
        builder.push(NewRecord {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp_ms: record.timestamp_ms,
            headers: &record.headers,
        });
    }
    builder.build()
}
