//! Which submitted appends are synced, and who waits for that.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ticket::Ticket;

/// The appends of one group on their way to the disk.
#[derive(Debug, Default)]
pub(super) struct SyncProgress {
    submitted: u64,
    /// Number and last index of appends that are not synced.
    in_flight: VecDeque<(u64, u64)>,
    /// Append number, index and ticket of proposals that wait.
    tickets: VecDeque<(u64, u64, Arc<Ticket>)>,
    /// Highest index known synced.
    synced: Option<u64>,
    /// The mark that was last written beside an append.
    marked: Option<u64>,
}

impl SyncProgress {
    /// After a restart everything that is found is synced.
    pub(super) fn new(synced: Option<u64>) -> Self {
        SyncProgress { synced, ..SyncProgress::default() }
    }

    /// A new append up to `last_index`; answers its number.
    pub(super) fn submit(&mut self, last_index: u64) -> u64 {
        self.submitted += 1;
        self.in_flight.push_back((self.submitted, last_index));
        self.submitted
    }

    /// A proposal of the append that is submitted next waits for its sync.
    pub(super) fn wait(&mut self, index: u64, ticket: Arc<Ticket>) {
        self.tickets.push_back((self.submitted + 1, index, ticket));
    }

    /// The append is synced, and with it all before; answers whom to tell.
    pub(super) fn complete(&mut self, number: u64) -> Vec<Arc<Ticket>> {
        while let Some((first, last_index)) = self.in_flight.front().copied()
            && first <= number
        {
            self.synced = self.synced.max(Some(last_index));
            self.in_flight.pop_front();
        }
        let mut done = Vec::new();
        while let Some((first, ..)) = self.tickets.front()
            && *first <= number
        {
            done.extend(self.tickets.pop_front().map(|(.., ticket)| ticket));
        }
        done
    }

    /// Entries from this index on are gone: nobody is told that they were synced.
    pub(super) fn truncate(&mut self, from: u64) {
        let keep = from.checked_sub(1);
        self.tickets.retain(|(_, index, _)| *index < from);
        self.in_flight.retain_mut(|(_, last_index)| {
            *last_index = (*last_index).min(keep.unwrap_or(0));
            keep.is_some()
        });
        self.synced = self.synced.min(keep);
    }

    /// The log now begins after this index, which a snapshot covers.
    pub(super) fn purge_all(&mut self, upto: u64) {
        self.tickets.clear();
        self.in_flight.clear();
        self.synced = Some(upto);
    }

    pub(super) fn synced(&self) -> Option<u64> {
        self.synced
    }

    /// The mark to write with the next change, if it differs from the last one written.
    pub(super) fn mark(&mut self) -> Option<u64> {
        if self.marked == self.synced {
            return None;
        }
        self.marked = self.synced;
        self.synced
    }

    /// The mark must be written even if it went back to nothing.
    pub(super) fn mark_after_truncate(&mut self) -> Option<u64> {
        self.marked = self.synced;
        self.synced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_follows_syncs_and_truncations() {
        let mut progress = SyncProgress::new(None);
        let first = progress.submit(5);
        let second = progress.submit(9);
        assert_eq!(progress.mark(), None);
        progress.complete(first);
        assert_eq!(progress.mark(), Some(5));
        assert_eq!(progress.mark(), None, "written once");
        progress.truncate(8);
        progress.complete(second);
        assert_eq!(progress.synced(), Some(7));
        progress.truncate(3);
        assert_eq!(progress.mark_after_truncate(), Some(2));
    }

    #[test]
    fn a_truncated_proposal_is_not_told_it_was_synced() {
        let mut progress = SyncProgress::new(None);
        let tickets: Vec<_> = (0..2).map(|_| crate::ticket::ticket()).collect();
        for (index, (ticket, _)) in tickets.iter().enumerate() {
            progress.wait(index as u64, ticket.clone());
        }
        let number = progress.submit(1);
        progress.truncate(1);
        let told = progress.complete(number);
        assert_eq!(told.len(), 1);
        assert!(Arc::ptr_eq(&told[0], &tickets[0].0));
    }
}
