//! One replica as it must be and as it was found. `[pure]`

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Index and term, in the order that compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LogId {
    pub(crate) index: u64,
    pub(crate) term: u64,
}

/// A saved vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vote {
    pub(crate) term: u64,
    pub(crate) voted_for: u64,
    pub(crate) committed: bool,
}

/// An entry of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) term: u64,
    /// Of its payload, without what the store itself fills in.
    pub(crate) digest: u32,
    pub(crate) base_offset: u64,
    pub(crate) records: u64,
}

/// A replica as it was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FoundGroup {
    pub(crate) replica: u64,
    pub(crate) vote: Option<Vote>,
    pub(crate) purged: Option<LogId>,
    pub(crate) snapshot: Option<LogId>,
    pub(crate) entries: BTreeMap<u64, Entry>,
    pub(crate) end_offset: u64,
    pub(crate) applied: Option<u64>,
    pub(crate) committed: Option<u64>,
}

/// A mark that is written down now and then, behind what it names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// What was certainly written.
    pub(crate) least: Option<u64>,
    /// What can have been written.
    pub(crate) most: Option<u64>,
}

/// A replica as it must be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) replica: u64,
    pub(crate) vote: Option<Vote>,
    pub(crate) purged: Option<LogId>,
    pub(crate) snapshot: Option<LogId>,
    /// One was being built: it may be newer, too.
    pub(crate) is_snapshot_open: bool,
    pub(crate) entries: BTreeMap<u64, Entry>,
    pub(crate) end_offset: u64,
    pub(crate) applied: Mark,
    pub(crate) committed: Mark,
}

impl From<&FoundGroup> for Group {
    fn from(found: &FoundGroup) -> Self {
        let mark = |index| Mark { least: index, most: index };
        Group {
            replica: found.replica,
            vote: found.vote,
            purged: found.purged,
            snapshot: found.snapshot,
            is_snapshot_open: false,
            entries: found.entries.clone(),
            end_offset: found.end_offset,
            applied: mark(found.applied),
            committed: mark(found.committed),
        }
    }
}

impl Group {
    /// Index of the last entry, or of the last that was purged.
    pub(crate) fn last_index(&self) -> Option<u64> {
        let last = self.entries.last_key_value().map(|(index, _)| *index);
        last.or(self.purged.map(|purged| purged.index))
    }

    /// What is not as it must be, if anything.
    pub(crate) fn difference(&self, found: &FoundGroup) -> Option<String> {
        unequal("replica", self.replica, found.replica)
            .or_else(|| unequal("vote", self.vote, found.vote))
            .or_else(|| unequal("purged", self.purged, found.purged))
            .or_else(|| self.entries_difference(found))
            .or_else(|| unequal("end offset", self.end_offset, found.end_offset))
            .or_else(|| self.snapshot_difference(found))
            .or_else(|| self.mark_difference("applied", self.applied, found.applied))
            .or_else(|| {
                // A mark above the log is not believed; see the store's `log/open.rs`.
                let last = self.last_index();
                let limit = |mark: Option<u64>| mark.min(last);
                let mark =
                    Mark { least: limit(self.committed.least), most: limit(self.committed.most) };
                self.mark_difference("committed", mark, found.committed)
            })
    }

    fn entries_difference(&self, found: &FoundGroup) -> Option<String> {
        if self.entries == found.entries {
            return None;
        }
        let bounds = |entries: &BTreeMap<u64, Entry>| {
            Some((*entries.first_key_value()?.0, *entries.last_key_value()?.0))
        };
        let is_other = |(index, entry): &(&u64, &Entry)| found.entries.get(index) != Some(entry);
        let other = self.entries.iter().find(is_other).map(|(index, entry)| {
            format!("; entry {index} must be {entry:?} and is {:?}", found.entries.get(index))
        });
        Some(format!(
            "the log must be {:?} and is {:?}{}",
            bounds(&self.entries),
            bounds(&found.entries),
            other.unwrap_or_default()
        ))
    }

    fn snapshot_difference(&self, found: &FoundGroup) -> Option<String> {
        let at = found.snapshot.map(|at| at.index);
        let is_newer = found.snapshot >= self.snapshot && at <= self.applied.most;
        match self.is_snapshot_open && is_newer {
            true => None,
            false => unequal("snapshot", self.snapshot, found.snapshot),
        }
    }

    fn mark_difference(&self, name: &str, mark: Mark, found: Option<u64>) -> Option<String> {
        let fits = mark.least <= found && found <= mark.most;
        (!fits)
            .then(|| format!("{name} must be {:?} to {:?} and is {found:?}", mark.least, mark.most))
    }
}

fn unequal<T: Copy + PartialEq + std::fmt::Debug>(name: &str, must: T, is: T) -> Option<String> {
    (must != is).then(|| format!("{name} must be {must:?} and is {is:?}"))
}
