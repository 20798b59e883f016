//! Where each term begins in the log: the log id of every index without reading an entry.

use std::ops::RangeInclusive;

use crate::format::log_id::log_id;
use crate::type_config::LogId;

/// Runs of entries of one term, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct TermTable {
    /// First index and term.
    runs: Vec<(u64, u64)>,
}

impl TermTable {
    pub(super) fn new(runs: Vec<(u64, u64)>) -> Self {
        TermTable { runs }
    }

    /// An entry was appended; true if it began a run.
    pub(super) fn append(&mut self, index: u64, term: u64) -> bool {
        let begins = self.runs.last().is_none_or(|(_, last)| *last != term);
        if begins {
            self.runs.push((index, term));
        }
        begins
    }

    /// The entries from this index on are gone.
    pub(super) fn truncate(&mut self, from: u64) {
        self.runs.retain(|(first, _)| *first < from);
    }

    /// The entries up to this index are gone; answers the first index whose run is still needed.
    pub(super) fn purge(&mut self, upto: u64) -> u64 {
        let needed = self.runs.partition_point(|(first, _)| *first <= upto + 1).saturating_sub(1);
        self.runs.drain(..needed);
        self.runs.first().map_or(upto + 1, |(first, _)| *first)
    }

    /// All entries are gone.
    pub(super) fn clear(&mut self) {
        self.runs.clear();
    }

    /// Term of an entry that is in the log.
    pub(super) fn term_at(&self, index: u64) -> Option<u64> {
        let after = self.runs.partition_point(|(first, _)| *first <= index);
        Some(self.runs.get(after.checked_sub(1)?)?.1)
    }

    /// The last log id of each term within the range.
    pub(super) fn key_log_ids(&self, range: &RangeInclusive<u64>) -> Vec<LogId> {
        let ends = self.runs.iter().skip(1).map(|(first, _)| first - 1).chain([u64::MAX]);
        let mut found = Vec::new();
        for ((first, term), end) in self.runs.iter().zip(ends) {
            if *first <= *range.end() && end >= *range.start() {
                found.push(log_id(*term, end.min(*range.end())));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TermTable {
        let mut table = TermTable::default();
        for (index, term) in [(2, 1), (3, 1), (4, 3), (5, 3), (6, 3), (7, 8)] {
            table.append(index, term);
        }
        table
    }

    #[test]
    fn terms_are_known_by_index() {
        let table = table();
        let terms: Vec<_> = (1..9).map(|index| table.term_at(index)).collect();
        assert_eq!(terms, [None, Some(1), Some(1), Some(3), Some(3), Some(3), Some(8), Some(8)]);
    }

    #[test]
    fn key_log_ids_are_the_last_of_each_term() {
        let table = table();
        assert_eq!(table.key_log_ids(&(2..=7)), [log_id(1, 3), log_id(3, 6), log_id(8, 7)]);
        assert_eq!(table.key_log_ids(&(4..=5)), [log_id(3, 5)]);
    }

    #[test]
    fn purging_keeps_the_run_of_the_next_entry() {
        let mut table = table();
        assert_eq!(table.purge(4), 4);
        assert_eq!(table.term_at(5), Some(3));
        assert_eq!(table.purge(6), 7);
        assert_eq!(table.term_at(6), None);
    }

    #[test]
    fn truncating_forgets_later_terms() {
        let mut table = table();
        table.truncate(5);
        assert!(!table.append(5, 3));
        assert!(table.append(6, 9));
        assert_eq!(table.key_log_ids(&(2..=6)), [log_id(1, 3), log_id(3, 5), log_id(9, 6)]);
    }
}
