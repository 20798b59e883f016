//! Which clients write what: a few records at every level of acknowledgement, single records one
//! right after the other, and large batches of long values.

use std::time::Duration;

use super::writer::{Target, Writing};
use crate::history::event::Ack;

/// A few records at a time: each partition has a writer of the levels that keep records, and one
/// partition each a writer of the others.
pub fn every_ack(topic: &str, partitions: u32) -> Vec<Writing> {
    let writing = |partition, ack| Writing {
        target: Target::new(topic, partition, ack),
        records: 1..=8,
        padding: 0..=0,
        pause: Duration::ZERO,
        is_paced: true,
    };
    let kept =
        (0..partitions).flat_map(|partition| [(partition, Ack::All), (partition, Ack::Quorum)]);
    let low = [(0, Ack::Leader), (1 % partitions, Ack::Zero)];
    kept.chain(low).map(|(partition, ack)| writing(partition, ack)).collect()
}

/// Single records, by several writers of one partition at once.
pub fn tiny(topic: &str, partitions: u32) -> Vec<Writing> {
    let writing = |partition| Writing {
        target: Target::new(topic, partition, Ack::Quorum),
        records: 1..=1,
        padding: 0..=0,
        pause: Duration::ZERO,
        is_paced: true,
    };
    (0..partitions).flat_map(|partition| [partition; 3]).map(writing).collect()
}

/// A few records at a time, by one writer of each partition that is slow enough for who reads them.
pub fn jobs(topic: &str, partitions: u32) -> Vec<Writing> {
    let writing = |partition| Writing {
        target: Target::new(topic, partition, Ack::Quorum),
        records: 1..=4,
        padding: 0..=0,
        pause: Duration::from_millis(40),
        is_paced: true,
    };
    (0..partitions).map(writing).collect()
}

/// Up to a hundred records of up to four kilobytes: entries of up to several hundred kilobytes.
pub fn large(topic: &str, partitions: u32) -> Vec<Writing> {
    let writing = |partition| Writing {
        target: Target::new(topic, partition, Ack::All),
        records: 20..=100,
        padding: 100..=4_000,
        pause: Duration::from_millis(1_200),
        is_paced: true,
    };
    (0..partitions).map(writing).collect()
}
