//! `[pure]` Records that were fetched and wait to be delivered, in the order in which they came.
//! Those of a paused partition stay, and are passed over.

use std::collections::{BTreeSet, VecDeque};

use super::hand::Serial;
use super::rebalance::TopicPartition;
use super::record::Message;

/// What waits to be delivered.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    waiting: VecDeque<(Serial, Message)>,
    bytes: usize,
    paused: BTreeSet<TopicPartition>,
    /// Waiting records of paused partitions.
    set_aside: usize,
}

impl Buffer {
    pub(super) fn push(&mut self, serial: Serial, message: Message) {
        self.bytes += message.size_bytes();
        self.set_aside += usize::from(self.is_paused(&message));
        self.waiting.push_back((serial, message));
    }

    /// The next records, at most so many.
    pub(super) fn take(&mut self, max: usize) -> Vec<(Serial, Message)> {
        let mut taken = Vec::new();
        if self.set_aside == 0 {
            taken.extend(self.waiting.drain(..max.min(self.waiting.len())));
        } else {
            let all = std::mem::take(&mut self.waiting);
            for (serial, message) in all {
                match taken.len() < max && !self.is_paused(&message) {
                    true => taken.push((serial, message)),
                    false => self.waiting.push_back((serial, message)),
                }
            }
        }
        self.bytes -= taken.iter().map(|(_, message)| message.size_bytes()).sum::<usize>();
        taken
    }

    /// How many can be delivered.
    pub(super) fn ready(&self) -> usize {
        self.waiting.len() - self.set_aside
    }

    /// Bytes of all that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn pause(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.paused.extend(partitions);
        self.count();
    }

    pub(super) fn resume(&mut self, partitions: &[TopicPartition]) {
        self.paused.retain(|paused| !partitions.contains(paused));
        self.count();
    }

    pub(super) fn paused(&self) -> &BTreeSet<TopicPartition> {
        &self.paused
    }

    /// Drops records that are not to be delivered any more.
    pub(super) fn drop_lost(&mut self, is_lost: impl Fn(&TopicPartition) -> bool) {
        self.waiting.retain(|(_, message)| !is_lost(&message.place()));
        self.count();
    }

    fn count(&mut self) {
        self.bytes = self.waiting.iter().map(|(_, message)| message.size_bytes()).sum();
        let aside = self.waiting.iter().filter(|(_, message)| self.is_paused(message)).count();
        self.set_aside = aside;
    }

    fn is_paused(&self, message: &Message) -> bool {
        !self.paused.is_empty() && self.paused.contains(&message.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(partition: u32, offset: u64) -> Message {
        Message {
            topic: "t".into(),
            partition,
            offset,
            timestamp_ms: 0,
            key: None,
            value: Some("12345".into()),
            headers: Vec::new(),
            attempt: 1,
            error: None,
        }
    }

    fn offsets(taken: &[(Serial, Message)]) -> Vec<(u32, u64)> {
        taken.iter().map(|(_, message)| (message.partition, message.offset)).collect()
    }

    #[test]
    fn paused_partitions_are_passed_over_and_go_on_where_they_were() {
        let mut buffer = Buffer::default();
        for (serial, (partition, offset)) in (1..).zip([(0, 1), (1, 1), (0, 2), (1, 2), (2, 1)]) {
            buffer.push(serial, message(partition, offset));
        }
        assert_eq!((buffer.ready(), buffer.bytes()), (5, 25));
        buffer.pause([TopicPartition::new("t", 0)]);
        assert_eq!(buffer.ready(), 3);
        assert_eq!(offsets(&buffer.take(2)), [(1, 1), (1, 2)]);
        buffer.push(6, message(0, 3));
        assert_eq!((buffer.ready(), buffer.bytes()), (1, 20));
        buffer.resume(&[TopicPartition::new("t", 0)]);
        assert_eq!(offsets(&buffer.take(3)), [(0, 1), (0, 2), (2, 1)]);
        buffer.drop_lost(|place| place.partition == 0);
        assert_eq!((buffer.ready(), buffer.bytes()), (0, 0));
    }
}
