//! `[pure]` One slice of a dead-letter topic: which of the records that were read are what a group
//! gave up of a topic, and match; where a request goes on, and where it ends.
//!
//! A request looks at a bounded number of records and says where the next one begins. It ends where
//! the topic ended when the first one came: what is redriven and dies again meanwhile would otherwise
//! be redriven for ever.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rampart_api::http::dead_letter_records::DeadLetterFilter;
use rampart_api::http::fetch::Cursor;
use rampart_api::model::ids::{Offset, PartitionId, TopicId};
use rampart_api::model::limits::{PARKED_ERROR_BYTES_MAX, PARKED_RECORD_BYTES_MAX};
use rampart_api::model::record_batch::Record;
use rampart_raft_store::state::group::OffsetRanges;
use rampart_raft_store::state::group::delivery::RecordCopy;

use super::dead_letters::{Origin, parse};

/// Whose dead letters are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// The group that gave them up.
    pub group: String,
    /// The topic that they came from.
    pub origin: TopicId,
    /// Its partitions: what claims to come from another one does not.
    pub partitions: u32,
    /// Which of them.
    pub filter: DeadLetterFilter,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadRecord {
    /// Its offset in the dead-letter partition.
    pub offset: Offset,
    /// When it was given up.
    pub timestamp_ms: i64,
    /// Where it came from.
    pub origin: Origin,
    /// What it was there.
    pub record: RecordCopy,
}

/// What a record of a dead-letter topic is to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sorted {
    /// None of the group's, for good.
    Foreign,
    /// The group's, but not what is asked for.
    Other,
    /// It is meant.
    Meant(Box<DeadRecord>),
}

impl Whose {
    /// What a record is.
    pub fn sort(&self, offset: Offset, record: Record) -> Sorted {
        let Record { timestamp_ms, key, value, headers, .. } = record;
        let Some((origin, record)) = parse(RecordCopy { timestamp_ms, key, value, headers }) else {
            return Sorted::Foreign;
        };
        // No coordinator wrote what could not have been parked.
        let is_sound = record.bytes() <= PARKED_RECORD_BYTES_MAX
            && origin.error.len() <= PARKED_ERROR_BYTES_MAX;
        if origin.group != self.group || !is_sound {
            return Sorted::Foreign;
        }
        let at = origin.partition;
        let is_meant = at.topic == self.origin
            && at.partition < self.partitions
            && matches(&self.filter, &origin, &record);
        match is_meant {
            true => Sorted::Meant(Box::new(DeadRecord { offset, timestamp_ms, origin, record })),
            false => Sorted::Other,
        }
    }
}

fn matches(filter: &DeadLetterFilter, origin: &Origin, record: &RecordCopy) -> bool {
    let DeadLetterFilter { partition, offset, error, key, contains } = filter;
    partition.is_none_or(|partition| partition == origin.partition.partition)
        && offset.is_none_or(|offset| offset == origin.offset.0)
        && error.as_ref().is_none_or(|error| origin.error.contains(error))
        && key.as_ref().is_none_or(|key| record.key.as_deref() == Some(key.as_bytes()))
        && contains.as_ref().is_none_or(|text| {
            // Of what is no text the rest is still looked through.
            let value = record.value.as_deref().map(String::from_utf8_lossy);
            value.is_some_and(|value| value.contains(text))
        })
}

/// Where the next slice goes on, and where the last one ends, by dead-letter partition. Partitions
/// that are done are not named. As text: two cursors with a dot between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadCursor {
    /// The next offset to look at, and the first one that is not looked at any more.
    pub spans: BTreeMap<PartitionId, (Offset, Offset)>,
}

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cursor; send back a next_cursor as it was given")]
pub struct DeadCursorError(String);

impl fmt::Display for DeadCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |pick: fn(&(Offset, Offset)) -> Offset| {
            Cursor(self.spans.iter().map(|(partition, span)| (*partition, pick(span))).collect())
        };
        write!(f, "{}.{}", side(|span| span.0), side(|span| span.1))
    }
}

impl FromStr for DeadCursor {
    type Err = DeadCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (next, end) = text.split_once('.')?;
            let (Cursor(next), Cursor(end)) = (next.parse().ok()?, end.parse().ok()?);
            if next.is_empty() || !next.keys().eq(end.keys()) {
                return None;
            }
            let spans = next.into_iter().zip(end.into_values());
            let spans: BTreeMap<_, _> =
                spans.map(|((partition, next), end)| (partition, (next, end))).collect();
            spans.values().all(|(next, end)| next < end).then_some(DeadCursor { spans })
        };
        read().ok_or_else(|| DeadCursorError(text.chars().take(40).collect()))
    }
}

/// What one request may still look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Records that are meant.
    pub records: usize,
    /// Bytes of those.
    pub bytes: usize,
    /// Records at all.
    pub scanned: usize,
}

impl Budget {
    /// Whether nothing is left of it.
    pub fn is_spent(&self) -> bool {
        self.records == 0 || self.bytes == 0 || self.scanned == 0
    }

    fn take(&mut self, records: usize, bytes: usize) {
        self.records = self.records.saturating_sub(records);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.scanned = self.scanned.saturating_sub(1);
    }
}

/// What was found in one dead-letter partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionSlice {
    /// Its number.
    pub partition: PartitionId,
    /// Those that are meant, in order.
    pub records: Vec<DeadRecord>,
    /// Offsets of what is none of the group's.
    pub foreign: Vec<(Offset, Offset)>,
    /// Where to go on.
    pub next: Offset,
    /// Where to end.
    pub end: Offset,
    /// Records that were looked at.
    pub scanned: u64,
}

impl PartitionSlice {
    /// Nothing found yet.
    pub fn new(partition: PartitionId, next: Offset, end: Offset) -> PartitionSlice {
        PartitionSlice {
            partition,
            records: Vec::new(),
            foreign: Vec::new(),
            next,
            end,
            scanned: 0,
        }
    }

    /// Passes over what is resolved; where to read on, or nothing if the end is reached.
    pub fn seek(&mut self, resolved: Option<&OffsetRanges>) -> Option<Offset> {
        if let Some(resolved) = resolved {
            self.next = resolved.first_gap(self.next);
        }
        self.next = self.next.min(self.end);
        (self.next < self.end).then_some(self.next)
    }

    /// Goes through records that were read from `next` on, as far as the budget goes. `read_to` is
    /// where the reading ended.
    pub fn add(
        &mut self,
        (records, read_to): (Vec<(Offset, Record)>, Offset),
        resolved: Option<&OffsetRanges>,
        whose: &Whose,
        budget: &mut Budget,
    ) {
        for (offset, record) in records {
            if budget.is_spent() || offset >= self.end {
                self.next = offset.min(self.end);
                return;
            }
            self.next = Offset(offset.0 + 1);
            if resolved.is_some_and(|resolved| resolved.contains(offset)) {
                continue;
            }
            self.scanned += 1;
            match whose.sort(offset, record) {
                Sorted::Foreign => {
                    add_offset(&mut self.foreign, offset);
                    budget.take(0, 0);
                }
                Sorted::Other => budget.take(0, 0),
                Sorted::Meant(found) => {
                    budget.take(1, found.record.bytes().max(1));
                    self.records.push(*found);
                }
            }
        }
        self.next = self.next.max(read_to).min(self.end);
    }

    /// The offsets of those that are meant.
    pub fn offsets(&self) -> Vec<(Offset, Offset)> {
        let mut ranges = Vec::new();
        self.records.iter().for_each(|found| add_offset(&mut ranges, found.offset));
        ranges
    }
}

/// Adds an offset above those that are there.
pub fn add_offset(ranges: &mut Vec<(Offset, Offset)>, offset: Offset) {
    let after = Offset(offset.0 + 1);
    match ranges.last_mut() {
        Some((_, end)) if *end == offset => *end = after,
        _ => ranges.push((offset, after)),
    }
}

/// Where the next slice goes on; nothing when all is done.
pub fn next_cursor(slices: &[PartitionSlice]) -> Option<DeadCursor> {
    let open = slices.iter().filter(|slice| slice.next < slice.end);
    let spans: BTreeMap<_, _> =
        open.map(|slice| (slice.partition, (slice.next, slice.end))).collect();
    (!spans.is_empty()).then_some(DeadCursor { spans })
}

#[cfg(test)]
mod tests;
