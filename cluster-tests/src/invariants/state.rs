//! All that a history has said so far, for the properties to look at.

use std::collections::{BTreeMap, HashMap};

use super::partition::Partition;
use super::values::{ValueId, Values};
use super::write::{NONE, Write, is_once};
use crate::history::event::Event;

/// Values, produces and partitions.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) values: Values,
    pub(super) writes: Vec<Write>,
    pub(super) partitions: Vec<Partition>,
    by_name: HashMap<String, BTreeMap<u32, u32>>,
    /// Values of a write that are not numbered in a row, because some were sent before.
    scattered: HashMap<u32, Vec<ValueId>>,
    /// Produces of idempotent producers, with their sequences, by partition and producer.
    pub(super) numbered: BTreeMap<(u32, u64), Vec<(i64, u32)>>,
    /// Topics whose log start moves by itself, and how many records that leaves at least; an empty
    /// name is all of them.
    retention: BTreeMap<String, u64>,
    /// The bound of ack 1 where it is not the default, by topic; an empty name is all of them.
    ack_one_lag_ms: HashMap<String, u64>,
    /// When the harness said that all replicas are equal.
    pub(super) replicas_equal: Option<u64>,
    /// Time of the last event.
    pub(super) now: u64,
}

/// Where nothing else is said.
const ACK_ONE_LAG_MS: u64 = 1_000;

impl State {
    /// The partition that an event is about.
    pub(super) fn partition_of(&mut self, event: &Event) -> Option<u32> {
        Some(self.partition_named(event.topic.as_deref()?, event.partition?))
    }

    /// A partition by its topic and number.
    pub(super) fn partition_named(&mut self, topic: &str, number: u32) -> u32 {
        if let Some(index) = self.by_name.get(topic).and_then(|numbers| numbers.get(&number)) {
            return *index;
        }
        let index = u32::try_from(self.partitions.len()).unwrap_or(NONE);
        self.by_name.entry(topic.to_owned()).or_default().insert(number, index);
        let keeps = self.retention.get(topic).or_else(|| self.retention.get("")).copied();
        let name = format!("{topic}/{number}");
        self.partitions.push(Partition { name, keeps, ..Partition::default() });
        index
    }

    /// The partition of this number here.
    pub(super) fn partition(&mut self, index: u32) -> &mut Partition {
        &mut self.partitions[index as usize]
    }

    /// A topic that is deleted, or may be, cannot be read at the end; answers its partitions.
    pub(super) fn deleted(&mut self, event: &Event) -> Vec<u32> {
        let topic = event.topic.as_deref().unwrap_or_default();
        let is_it = event.kind.as_deref() == Some("delete_topic");
        let numbers = self.by_name.get(topic).filter(|_| is_it);
        let deleted: Vec<u32> = numbers.into_iter().flat_map(BTreeMap::values).copied().collect();
        for index in &deleted {
            self.partition(*index).is_deleted = true;
        }
        deleted
    }

    /// The log start of a topic, or of all, moves by itself from now on, and leaves so many records.
    pub(super) fn set_retention(&mut self, topic: &str, keeps: u64) {
        for (name, numbers) in &self.by_name {
            for index in numbers.values().filter(|_| topic.is_empty() || name == topic) {
                self.partitions[*index as usize].keeps = Some(keeps);
            }
        }
        self.retention.insert(topic.to_owned(), keeps);
    }

    /// `ack1.max.lag.ms` of a topic, or of all.
    pub(super) fn set_ack_one_lag(&mut self, topic: &str, milliseconds: u64) {
        self.ack_one_lag_ms.insert(topic.to_owned(), milliseconds);
    }

    /// `ack1.max.lag.ms` of a partition's topic.
    pub(super) fn ack_one_lag_ms(&self, partition: &Partition) -> u64 {
        let topic = partition.name.rsplit_once('/').map_or("", |(topic, _)| topic);
        let of = |topic| self.ack_one_lag_ms.get(topic).copied();
        of(topic).or_else(|| of("")).unwrap_or(ACK_ONE_LAG_MS)
    }

    /// A produce begins: its values are known from now on. One that is to be written once and is sent
    /// again is the same produce, still under way.
    pub(super) fn begin_write(&mut self, event: &Event, line: u32, partition: u32) -> u32 {
        if let Some(index) = self.sent_before(event, partition) {
            self.writes[index as usize].is_sent_again();
            return index;
        }
        let index = u32::try_from(self.writes.len()).unwrap_or(NONE);
        let mut write = Write::begin(event, line, partition);
        let mut ids = Vec::with_capacity(event.values.len());
        for value in &event.values {
            let (id, _) = self.values.intern(value);
            self.values.sent(id, index);
            ids.push(id);
        }
        write.first_value = ids.first().copied().unwrap_or(0);
        if ids.windows(2).any(|pair| pair[1] != pair[0].wrapping_add(1)) {
            self.scattered.insert(index, ids);
        }
        if let (Some(producer), Some(sequence)) = (event.producer_id, event.sequence) {
            self.numbered.entry((partition, producer)).or_default().push((sequence, index));
        }
        self.writes.push(write);
        self.partition(partition).writes.push(index);
        index
    }

    /// The produce that this one repeats.
    fn sent_before(&self, event: &Event, partition: u32) -> Option<u32> {
        let first = event.values.first().filter(|_| is_once(event))?;
        let index = self.values.only_write(self.values.find(first)?)?;
        let write = &self.writes[index as usize];
        let is_same = write.is_idempotent && write.partition == partition;
        (is_same && write.count as usize == event.values.len()).then_some(index)
    }

    /// The offsets and values of a produce, from the offset that is known for its first.
    pub(super) fn records_of(&self, index: u32) -> impl Iterator<Item = (u64, ValueId)> {
        let write = &self.writes[index as usize];
        let scattered = self.scattered.get(&index);
        let value = move |i: u32| match scattered {
            Some(ids) => ids.get(i as usize).copied().unwrap_or(ValueId::MAX),
            None => write.first_value + i,
        };
        let first = write.offset.unwrap_or(0);
        (0..write.count).map(move |i| (first.saturating_add(u64::from(i)), value(i)))
    }

    /// Where in its only produce a value stands, if it was sent once and all values of that
    /// produce were.
    pub(super) fn place_in_write(&self, value: ValueId) -> Option<(u32, u32)> {
        let index = self.values.only_write(value)?;
        let write = &self.writes[index as usize];
        let is_scattered = self.scattered.contains_key(&index);
        (!is_scattered).then(|| (index, value - write.first_value))
    }

    /// Whether every record of a produce stands where it was acknowledged.
    pub(super) fn is_kept(&self, index: u32) -> bool {
        let partition = &self.partitions[self.writes[index as usize].partition as usize];
        self.records_of(index).all(|(offset, value)| partition.value_at(offset) == Some(value))
    }

    /// Produces to a partition that must stay, by their offsets.
    pub(super) fn must_stay(&self, partition: &Partition) -> Vec<u32> {
        let writes = partition.writes.iter().copied();
        let mut found: Vec<u32> =
            writes.filter(|index| self.writes[*index as usize].must_stay()).collect();
        found.sort_by_key(|index| self.writes[*index as usize].offset);
        found
    }
}
