//! The steps that a writer takes on a store, and what each does to a group. `[pure]`

use serde::{Deserialize, Serialize};

use super::group::{Entry, Group, LogId, Vote};

/// One change, as it is issued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// The node counts a start.
    Boot {
        /// The counter.
        number: u64,
    },
    /// A replica is created.
    Create {
        /// Its id.
        replica: u64,
    },
    /// A replica is erased.
    Drop,
    /// A vote is saved.
    Vote(Vote),
    /// Entries are appended; they carry the committed mark along.
    Append {
        /// Index of the first.
        first: u64,
        /// All of them.
        entries: Vec<NewEntry>,
    },
    /// A conflicting suffix goes.
    Truncate {
        /// First index that goes.
        from: u64,
    },
    /// The committed mark moves, in memory.
    Commit {
        /// To here.
        index: u64,
    },
    /// Entries are applied, in memory; now and then that is written down.
    Apply {
        /// Up to here.
        index: u64,
    },
    /// What is applied and committed is written down.
    SaveApplied,
    /// A snapshot is built, and what is applied is written down.
    Snapshot {
        /// Of this entry, once that is known.
        at: Option<LogId>,
    },
    /// A snapshot comes from elsewhere.
    Install {
        /// Of this entry.
        at: LogId,
    },
    /// The entries up to this one go.
    Purge {
        /// The last that goes.
        at: LogId,
        /// Where the log ends then.
        end_offset: u64,
    },
}

/// An entry before it has its offset.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct NewEntry {
    /// Its term.
    pub(crate) term: u64,
    /// Of its payload, without what the store itself fills in.
    pub(crate) digest: u32,
    /// Its records.
    pub(crate) records: u64,
}

impl Group {
    /// The group after a step; those of a node or of a whole group are taken elsewhere.
    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Boot { .. } | Step::Create { .. } | Step::Drop => {}
            Step::Vote(vote) => self.vote = Some(*vote),
            Step::Append { first, entries } => self.append(*first, entries),
            Step::Truncate { from } => self.truncate(*from),
            Step::Commit { index } => self.committed.most = self.committed.most.max(Some(*index)),
            Step::Apply { index } => self.applied.most = self.applied.most.max(Some(*index)),
            Step::SaveApplied => {
                self.applied.least = self.applied.most;
                self.committed.least = self.committed.most;
            }
            Step::Snapshot { at } => {
                self.applied.least = self.applied.most;
                match at {
                    Some(at) => self.snapshot = self.snapshot.max(Some(*at)),
                    None => self.is_snapshot_open = true,
                }
            }
            Step::Install { at } => {
                self.snapshot = Some(*at);
                self.applied.least = Some(at.index);
                self.applied.most = Some(at.index);
            }
            Step::Purge { at, end_offset } => {
                self.entries = self.entries.split_off(&(at.index + 1));
                self.purged = Some(*at);
                self.end_offset = *end_offset;
            }
        }
    }

    fn append(&mut self, first: u64, entries: &[NewEntry]) {
        for (index, new) in (first..).zip(entries) {
            let NewEntry { term, digest, records } = *new;
            let base_offset = self.end_offset;
            self.end_offset += records;
            self.entries.insert(index, Entry { term, digest, base_offset, records });
        }
        self.committed.least = self.committed.most;
    }

    fn truncate(&mut self, from: u64) {
        let gone = self.entries.split_off(&from);
        if let Some(first) = gone.values().next() {
            self.end_offset = first.base_offset;
        }
    }
}
