//! The newest entries of a log in memory: replication, apply and tail reads take them from here.
//! Bounded in bytes, per group and over all; an entry leaves only after it was synced.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rampart_api::model::ids::Offset;

use super::record::LogRecord;

/// Synced bytes that one group may keep.
pub(super) const GROUP_BYTES_MAX: usize = 4 << 20;
/// Synced bytes that a group may always keep, also when all groups together keep too much.
const GROUP_BYTES_MIN: usize = 64 << 10;

/// What the tails of all groups of a node keep together.
#[derive(Debug)]
pub(crate) struct TailBudget {
    used: AtomicUsize,
    limit: usize,
}

impl TailBudget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(TailBudget { used: AtomicUsize::new(0), limit })
    }

    fn is_exceeded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit
    }
}

/// The newest entries, in order and without a gap.
#[derive(Debug)]
pub(super) struct Tail {
    records: VecDeque<LogRecord>,
    bytes: usize,
    budget: Arc<TailBudget>,
}

impl Tail {
    pub(super) fn new(budget: Arc<TailBudget>) -> Self {
        Tail { records: VecDeque::new(), bytes: 0, budget }
    }

    /// # Panics
    /// If it does not follow the last entry: an entry would be found in another's place.
    pub(super) fn push(&mut self, record: LogRecord) {
        let follows = |last: &LogRecord| last.index() + 1 == record.index();
        assert!(self.records.back().is_none_or(follows), "a gap before entry {}", record.index());
        self.grow(record.bytes);
        self.records.push_back(record);
    }

    /// First index that is here, or `u64::MAX`: everything below must come from the disk.
    pub(super) fn first_index(&self) -> u64 {
        self.records.front().map_or(u64::MAX, LogRecord::index)
    }

    pub(super) fn get(&self, index: u64) -> Option<&LogRecord> {
        let position = index.checked_sub(self.records.front()?.index())?;
        self.records.get(usize::try_from(position).ok()?)
    }

    /// The entries of the range that are here, as many as fit.
    pub(super) fn range(&self, from: u64, to: u64, max_bytes: usize) -> Vec<LogRecord> {
        let mut found = Vec::new();
        let mut bytes = 0;
        for index in from.max(self.first_index())..to {
            let Some(record) = self.get(index) else { break };
            bytes += record.bytes;
            if bytes > max_bytes && !found.is_empty() {
                break;
            }
            found.push(record.clone());
        }
        found
    }

    /// Index of the entry that holds this offset or comes first after it, if the tail reaches
    /// back that far.
    pub(super) fn index_of(&self, offset: Offset) -> Option<u64> {
        let first = self.records.front()?;
        if first.base_offset > offset {
            return None;
        }
        let position = self.records.partition_point(|record| record.next_offset() <= offset);
        Some(first.index() + position as u64)
    }

    /// The entries from this index on are gone.
    pub(super) fn truncate(&mut self, from: u64) {
        while self.records.back().is_some_and(|record| record.index() >= from) {
            self.pop(VecDeque::pop_back);
        }
    }

    /// The entries up to this index are gone.
    pub(super) fn purge(&mut self, upto: u64) {
        while self.records.front().is_some_and(|record| record.index() <= upto) {
            self.pop(VecDeque::pop_front);
        }
    }

    /// Lets go of what is beyond the bounds and at or below `synced`.
    pub(super) fn evict(&mut self, synced: Option<u64>) {
        while self.bytes > GROUP_BYTES_MAX
            || (self.bytes > GROUP_BYTES_MIN && self.budget.is_exceeded())
        {
            match self.records.front() {
                Some(record) if Some(record.index()) <= synced => self.pop(VecDeque::pop_front),
                _ => return,
            }
        }
    }

    fn pop(&mut self, pop: fn(&mut VecDeque<LogRecord>) -> Option<LogRecord>) {
        if let Some(record) = pop(&mut self.records) {
            self.bytes -= record.bytes;
            self.budget.used.fetch_sub(record.bytes, Ordering::Relaxed);
        }
    }

    fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.budget.used.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
