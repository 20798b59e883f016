//! The sparse index of a log in memory: from offsets, timestamps and sizes to entries. Closed
//! granules are stored; the open one is found again by reading its few entries.

use std::collections::VecDeque;

use rampart_api::model::ids::Offset;

use super::record::LogRecord;
use crate::keys::offset_index::Granule;
use crate::scale::GRANULE_BYTES;

/// All granules of a log, the last one open.
#[derive(Debug, Clone, Default)]
pub(super) struct OffsetIndex {
    closed: VecDeque<Granule>,
    open: Option<Granule>,
    bytes: u64,
}

impl OffsetIndex {
    /// The stored granules; entries after them are added again.
    pub(super) fn new(closed: VecDeque<Granule>) -> Self {
        let bytes = closed.iter().map(|granule| granule.bytes).sum();
        OffsetIndex { closed, open: None, bytes }
    }

    /// An entry was appended; answers a granule that it closed.
    pub(super) fn append(&mut self, record: &LogRecord, max_timestamp: i64) -> Option<Granule> {
        let bytes = record.bytes as u64;
        self.bytes += bytes;
        let granule = self.open.get_or_insert(Granule {
            first_index: record.index(),
            last_index: record.index(),
            base_offset: record.base_offset,
            next_offset: record.base_offset,
            bytes: 0,
            max_timestamp: i64::MIN,
        });
        granule.last_index = record.index();
        granule.next_offset = record.next_offset();
        granule.bytes += bytes;
        granule.max_timestamp = granule.max_timestamp.max(max_timestamp);
        if granule.bytes < GRANULE_BYTES {
            return None;
        }
        let closed = self.open.take()?;
        self.closed.push_back(closed);
        Some(closed)
    }

    /// First index of the granule that goes on after this index: what truncation behind it has to
    /// read again.
    pub(super) fn granule_start(&self, index: u64) -> Option<u64> {
        let holding = self.iter().rev().find(|granule| granule.first_index <= index)?;
        (index < holding.last_index).then_some(holding.first_index)
    }

    /// Forgets the granules that reach to this index or beyond, even in part; answers the first
    /// index of the first one forgotten.
    pub(super) fn truncate(&mut self, from: u64) -> Option<u64> {
        let mut first = None;
        while let Some(last) = self.open.or(self.closed.back().copied()) {
            if last.last_index < from {
                break;
            }
            first = Some(last.first_index);
            self.bytes -= last.bytes;
            if self.open.take().is_none() {
                self.closed.pop_back();
            }
        }
        first
    }

    /// Forgets the granules that lie wholly at or below this index; answers the first index that
    /// is still covered.
    pub(super) fn purge(&mut self, upto: u64) -> u64 {
        while let Some(first) = self.closed.front() {
            if first.last_index > upto {
                return first.first_index;
            }
            self.bytes -= first.bytes;
            self.closed.pop_front();
        }
        match self.open {
            Some(open) if open.last_index > upto => open.first_index,
            Some(open) => {
                self.bytes -= open.bytes;
                self.open = None;
                upto + 1
            }
            None => upto + 1,
        }
    }

    /// Stored bytes of the log.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Granules in order, the open one last.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Granule> {
        self.closed.iter().chain(&self.open)
    }

    /// First index of the granule that holds the offset.
    pub(super) fn index_of(&self, offset: Offset) -> Option<u64> {
        let after = self.closed.partition_point(|granule| granule.next_offset <= offset);
        let holding = self.closed.get(after).or(self.open.as_ref())?;
        Some(holding.first_index)
    }

    /// Offset after the last granule that ends at or before this index.
    pub(super) fn offset_before(&self, index: u64) -> Offset {
        let ended = self.closed.partition_point(|granule| granule.last_index <= index);
        match ended.checked_sub(1) {
            Some(at) => self.closed[at].next_offset,
            None => Offset(0),
        }
    }

    /// Offset of the next record after this index, if a granule ends or begins there.
    pub(super) fn next_offset_after(&self, index: u64) -> Option<Offset> {
        let at = self.closed.partition_point(|granule| granule.last_index < index);
        let granule = self.closed.get(at)?;
        (granule.last_index == index).then_some(granule.next_offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::log_id::log_id;
    use crate::type_config::EntryPayload;

    /// Entries of half a granule and ten records each.
    fn record(index: u64) -> LogRecord {
        LogRecord {
            log_id: log_id(1, index),
            base_offset: Offset(index * 10),
            records: 10,
            payload: EntryPayload::Blank,
            bytes: GRANULE_BYTES as usize / 2,
        }
    }

    fn index(entries: u64) -> OffsetIndex {
        let mut index = OffsetIndex::default();
        for at in 0..entries {
            index.append(&record(at), at as i64);
        }
        index
    }

    #[test]
    fn offsets_lead_to_their_granule() {
        let index = index(7);
        assert_eq!(index.iter().count(), 4);
        let starts: Vec<_> =
            [0, 19, 20, 59, 60, 69].map(|offset| index.index_of(Offset(offset))).to_vec();
        assert_eq!(starts, [Some(0), Some(0), Some(2), Some(4), Some(6), Some(6)]);
        assert_eq!(index.next_offset_after(3), Some(Offset(40)));
        assert_eq!(index.next_offset_after(2), None);
    }

    #[test]
    fn truncating_and_appending_again_gives_the_same_index() {
        for entries in 1..8 {
            for keep in 0..entries {
                let mut cut = index(entries);
                let from = cut.truncate(keep).unwrap_or(keep);
                for at in from..entries {
                    cut.append(&record(at), at as i64);
                }
                let whole = index(entries);
                assert!(cut.iter().eq(whole.iter()), "{keep} of {entries}");
                assert_eq!(cut.bytes(), whole.bytes());
            }
        }
    }

    #[test]
    fn purging_forgets_whole_granules() {
        let mut index = index(7);
        assert_eq!(index.purge(2), 2);
        assert_eq!(index.purge(3), 4);
        assert_eq!(index.purge(6), 7);
        assert_eq!(index.bytes(), 0);
    }
}
