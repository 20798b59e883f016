//! `[pure]` Where a record goes: an explicit partition wins, then the partitioner, then stickiness:
//! records without a key stay on one partition until its batch ends, and then go on to the next one
//! that is not behind others, so that batches are large and a slow partition gets less.

use std::fmt;

use super::record::Record;
use crate::client::dice::Dice;
use crate::model::murmur2::partition_for_key;

/// Chooses partitions for records that name none.
pub trait Partitioner: fmt::Debug + Send + Sync + 'static {
    /// The partition of a record, below `partitions`; `None` leaves it to stickiness.
    fn partition(&self, record: &Record, partitions: u32) -> Option<u32>;
}

/// By the key's murmur2, as the cluster itself and Kafka's clients do it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByKey;

impl Partitioner for ByKey {
    fn partition(&self, record: &Record, partitions: u32) -> Option<u32> {
        record.key.as_deref().map(|key| partition_for_key(key, partitions))
    }
}

/// Where records without a key of one topic go now.
#[derive(Debug)]
pub(super) struct Sticky {
    dice: Dice,
    /// The partition, and the number of the batch there that they go into.
    current: Option<(u32, u64)>,
}

impl Sticky {
    /// The same seed begins at the same partition.
    pub(super) fn seeded(seed: u64) -> Self {
        Sticky { dice: Dice::seeded(seed), current: None }
    }

    /// The partition that has its turn, and the number of its batch.
    pub(super) fn current(&self) -> Option<(u32, u64)> {
        self.current
    }

    /// Goes on to the next partition, or rather the next of those with the fewest batches waiting. The
    /// first one is random, so that many producers don't begin at the same one.
    pub(super) fn advance(&mut self, partitions: u32, waiting: impl Fn(u32) -> usize) -> u32 {
        let from = match self.current {
            Some((partition, _)) => partition.saturating_add(1) % partitions,
            None => self.dice.below(partitions),
        };
        let mut best = (from, waiting(from));
        for partition in (1..partitions).map(|step| (from + step) % partitions) {
            if best.1 == 0 {
                break;
            }
            let candidate = (partition, waiting(partition));
            best = if candidate.1 < best.1 { candidate } else { best };
        }
        best.0
    }

    /// They go into this batch of the partition from now on.
    pub(super) fn stay(&mut self, partition: u32, batch: u64) {
        self.current = Some((partition, batch));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_where_every_kafka_client_puts_them() {
        // (murmur2(key) & 0x7fffffff) % partitions, with the hashes of Kafka's own UtilsTest.
        let cases = [
            ("21", -973_932_308i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in cases {
            let record = Record::to("t").key(key);
            for partitions in [1u32, 4, 12, 100] {
                let expected = (hash & 0x7fff_ffff).unsigned_abs() % partitions;
                assert_eq!(ByKey.partition(&record, partitions), Some(expected), "{key}");
            }
        }
        assert_eq!(ByKey.partition(&Record::to("t").value("v"), 4), None);
    }

    #[test]
    fn turns_go_round_and_pass_over_those_that_are_behind() {
        let mut sticky = Sticky::seeded(7);
        let mut seen = Vec::new();
        for _ in 0..8 {
            let partition = sticky.advance(4, |_| 0);
            sticky.stay(partition, 1);
            seen.push(partition);
        }
        let expected: Vec<_> = (0..8).map(|step| (seen[0] + step) % 4).collect();
        assert_eq!(seen, expected);
        sticky.stay(1, 1);
        assert_eq!(sticky.advance(4, |partition| [0, 1, 2, 1][partition as usize]), 0);
        assert_eq!(sticky.advance(4, |partition| [3, 2, 9, 2][partition as usize]), 3);
        sticky.stay(9, 1);
        assert!(sticky.advance(4, |_| 0) < 4, "the topic has fewer partitions now");
    }

    #[test]
    fn beginnings_are_random_and_repeat_with_their_seed() {
        let begin = |seed| Sticky::seeded(seed).advance(1_000, |_| 0);
        assert_eq!(begin(1), begin(1));
        assert_ne!(begin(1), begin(2));
    }
}
