//! How a producer works, with the reasons for the defaults.

use std::sync::Arc;
use std::time::Duration;

use super::error::OptionError;
use super::partitioner::{ByKey, Partitioner};
use crate::model::limits::{
    PRODUCER_BATCHES_REMEMBERED, PRODUCER_UNTOUCHED_MS, RECORD_BYTES_MAX, REQUEST_BYTES_MAX,
};
use crate::model::record_batch::Compression;
use crate::model::topic_config::Ack;

/// Longer waiting for company is a mistake.
const LINGER_MAX: Duration = Duration::from_secs(3_600);
/// The longest delivery timeout of batches that are not numbered.
const DELIVERY_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3_600);
/// The longest time that a server is given for one attempt.
const ATTEMPT_TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// Options of a producer. Those that contradict each other are refused when it is made.
#[derive(Debug, Clone)]
pub struct ProducerOptions {
    /// How long the first record of a batch waits for others while nothing else holds it back.
    /// Default 5 ms. While as many batches as may be are on their way the next one grows in any
    /// case.
    pub linger: Duration,
    /// A batch with so many bytes, before compression, is closed. Default 256 KiB. A larger record
    /// is a batch of its own.
    pub batch_bytes_max: usize,
    /// How batches are compressed. Default none.
    pub compression: Compression,
    /// What must confirm a write. Default `None`: what the topic says.
    pub ack: Option<Ack>,
    /// Records that are taken and not yet decided hold so many bytes at most; `send` waits for room.
    /// Default 32 MiB.
    pub buffer_bytes_max: usize,
    /// Batches of one partition on their way at once, 1 to 5. Default 2: one is on its way while
    /// the other is written. One alone where batches are not numbered, for two could change places.
    pub in_flight_max: usize,
    /// After so long, counted from the first record of its batch, it is decided what became of a
    /// record. Default 2 minutes.
    pub delivery_timeout: Duration,
    /// How long one attempt may take before another server is tried. Default 10 seconds.
    pub attempt_timeout: Duration,
    /// Number the batches, so that one that is sent again is written once. Default true.
    pub idempotent: bool,
    /// Where records go that name no partition. Default [`ByKey`].
    pub partitioner: Arc<dyn Partitioner>,
    /// The same seed chooses the same partitions for records without a key. Default `None`: random.
    pub seed: Option<u64>,
    /// The partitions of a topic, and their leaders, are asked for again after so long, and whenever
    /// something says that they have changed. Default one minute.
    pub metadata_age_max: Duration,
    /// The program's name, for people. Default `rampart`.
    pub client_id: String,
    /// Let Castle steer: which nodes are asked, pauses, throttling. Default true.
    pub castle: bool,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        ProducerOptions {
            linger: Duration::from_millis(5),
            batch_bytes_max: 256 << 10,
            compression: Compression::None,
            ack: None,
            buffer_bytes_max: 32 << 20,
            in_flight_max: 2,
            delivery_timeout: Duration::from_secs(120),
            attempt_timeout: Duration::from_secs(10),
            idempotent: true,
            partitioner: Arc::new(ByKey),
            seed: None,
            metadata_age_max: Duration::from_secs(60),
            client_id: "rampart".to_owned(),
            castle: true,
        }
    }
}

impl ProducerOptions {
    /// Whether they can be used.
    pub(super) fn check(&self) -> Result<(), OptionError> {
        // A request has room for its largest record and its headers.
        let batch = 1..=REQUEST_BYTES_MAX - RECORD_BYTES_MAX;
        let remembered = Duration::from_millis(PRODUCER_UNTOUCHED_MS.unsigned_abs());
        let delivery_max = if self.idempotent { remembered } else { DELIVERY_TIMEOUT_MAX };
        let checks = [
            ("linger", self.linger <= LINGER_MAX, "not longer than an hour"),
            ("batch_bytes_max", batch.contains(&self.batch_bytes_max), "1 byte to 15 MiB"),
            (
                "buffer_bytes_max",
                (1..=u32::MAX as usize).contains(&self.buffer_bytes_max),
                "1 byte to 4 GiB",
            ),
            (
                "in_flight_max",
                (1..=PRODUCER_BATCHES_REMEMBERED).contains(&self.in_flight_max),
                "1 to 5: so many batches of a producer a partition remembers",
            ),
            (
                "delivery_timeout",
                !self.delivery_timeout.is_zero() && self.delivery_timeout <= delivery_max,
                "more than nothing, and not longer than a partition certainly remembers a producer, \
                 10 minutes; a day where batches are not numbered",
            ),
            (
                "attempt_timeout",
                !self.attempt_timeout.is_zero() && self.attempt_timeout <= ATTEMPT_TIMEOUT_MAX,
                "more than nothing, and not longer than 30 seconds",
            ),
            (
                "ack",
                !(self.idempotent && self.ack == Some(Ack::None)),
                "0 leaves nobody to say whether a batch must be sent again: switch idempotent off",
            ),
        ];
        match checks.into_iter().find(|(_, holds, _)| !holds) {
            Some((option, _, reason)) => Err(OptionError { option, reason }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let plain = ProducerOptions::default;
        plain().check().unwrap();
        let unnumbered = ProducerOptions { idempotent: false, ack: Some(Ack::None), ..plain() };
        unnumbered.check().unwrap();
        let hour = Duration::from_secs(3_600);
        let cases = [
            ("linger", ProducerOptions { linger: 2 * hour, ..plain() }),
            ("batch_bytes_max", ProducerOptions { batch_bytes_max: 0, ..plain() }),
            ("batch_bytes_max", ProducerOptions { batch_bytes_max: 16 << 20, ..plain() }),
            ("buffer_bytes_max", ProducerOptions { buffer_bytes_max: 0, ..plain() }),
            ("in_flight_max", ProducerOptions { in_flight_max: 0, ..plain() }),
            ("in_flight_max", ProducerOptions { in_flight_max: 6, ..plain() }),
            ("delivery_timeout", ProducerOptions { delivery_timeout: hour, ..plain() }),
            ("delivery_timeout", ProducerOptions { delivery_timeout: Duration::ZERO, ..plain() }),
            ("attempt_timeout", ProducerOptions { attempt_timeout: hour, ..plain() }),
            ("ack", ProducerOptions { ack: Some(Ack::None), ..plain() }),
        ];
        for (option, options) in cases {
            assert_eq!(options.check().unwrap_err().option, option);
        }
    }
}
