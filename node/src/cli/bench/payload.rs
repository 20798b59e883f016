//! What requests carry. Values are noise that no compression makes much smaller; a raw one begins
//! with when its record was due, in nanoseconds since the load began.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use rampart_api::http::encoding::Encoding;
use rampart_api::http::produce::{ProduceRecord, ProduceRequest};
use rampart_api::model::murmur2::partition_for_key;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord, Record};
use serde_json::value::RawValue;

use super::args::LoadArgs;
use crate::clock::Clock;
use crate::randomness::Randomness;

/// Bytes of a value that say when its record was due.
const STAMP_BYTES: usize = 8;

/// Makes the records of one load.
#[derive(Debug)]
pub(super) struct Payload {
    noise: Vec<u8>,
    text: Box<RawValue>,
    /// Of each partition, if records have keys.
    keys: BTreeMap<u32, Vec<String>>,
    compression: super::args::Packing,
    clock: Clock,
}

impl Payload {
    pub(super) fn new(load: &LoadArgs, partitions: u32, clock: Clock) -> Payload {
        let random = Randomness::of_system();
        let numbers = std::iter::repeat_with(|| random.number().to_le_bytes()).flatten();
        let noise: Vec<u8> = numbers.take(load.record_bytes as usize).collect();
        let letters = noise.iter().map(|byte| char::from(b'a' + byte % 26));
        // With its quotes it is as long as a raw value.
        let text: String = letters.take(noise.len() - 2).collect();
        let text = RawValue::from_string(format!("\"{text}\"")).expect("letters in quotes");
        let mut keys: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for number in 0..load.keys {
            let key = format!("key-{number}");
            keys.entry(partition_for_key(key.as_bytes(), partitions)).or_default().push(key);
        }
        Payload { noise, text, keys, compression: load.compression, clock }
    }

    /// The partitions that records may go to.
    pub(super) fn partitions(&self, partitions: u32) -> Vec<u32> {
        match self.keys.is_empty() {
            true => (0..partitions).collect(),
            false => self.keys.keys().copied().collect(),
        }
    }

    fn key(&self, partition: u32, number: usize) -> Option<&str> {
        let keys = self.keys.get(&partition)?;
        Some(&keys[number % keys.len()])
    }

    /// A batch of records that are due at these times.
    pub(super) fn batch(&self, partition: u32, due: &[Duration]) -> Bytes {
        let timestamp_ms = self.clock.now_ms();
        let mut value = self.noise.clone();
        let mut batch = BatchBuilder::new().compression(self.compression.into());
        for (number, due) in due.iter().enumerate() {
            let nanos = u64::try_from(due.as_nanos()).unwrap_or(u64::MAX);
            value[..STAMP_BYTES].copy_from_slice(&nanos.to_be_bytes());
            let key = self.key(partition, number).map(str::as_bytes);
            batch.push(NewRecord { key, value: Some(&value), timestamp_ms, headers: &[] });
        }
        batch.build()
    }

    /// The same as JSON.
    pub(super) fn json(&self, partition: u32, records: usize) -> ProduceRequest {
        let record = |number| ProduceRecord {
            key: self.key(partition, number).map(str::to_owned),
            value: Some(self.text.clone()),
            partition: Some(partition),
            ..ProduceRecord::default()
        };
        let records = (0..records).map(record).collect();
        ProduceRequest { records, encoding: Encoding::Json }
    }
}

/// When a record that was read was due.
pub(super) fn due(record: &Record) -> Option<Duration> {
    let stamp = record.value.as_deref()?.first_chunk::<STAMP_BYTES>()?;
    Some(Duration::from_nanos(u64::from_be_bytes(*stamp)))
}
