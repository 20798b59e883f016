//! An answer to a reader, as the rules about reading see it.

use super::partition::{Floors, Partition, Skipped};
use super::values::{ValueId, Values};
use super::write::when;
use crate::history::event::{Event, Function};

/// One page that was read.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) event: &'a Event,
    /// Its values, one for each offset.
    pub(super) values: &'a [ValueId],
    /// What was certain when it was asked for.
    pub(super) floors: Floors,
    /// Line on which it was asked for.
    pub(super) asked: u32,
}

impl Answer<'_> {
    /// Offsets and values, as many as there are of both.
    pub(super) fn records(&self) -> impl Iterator<Item = (u64, ValueId)> {
        self.event.offsets.iter().copied().zip(self.values.iter().copied())
    }

    /// Whether the whole partition is read at the end.
    pub(super) fn is_last(&self) -> bool {
        self.event.f == Function::FinalRead
    }

    /// Whether it must know all that was acknowledged before it was asked for.
    pub(super) fn must_be_current(&self) -> bool {
        self.is_last() || is_linearizable(self.event)
    }

    /// Behind its last record.
    pub(super) fn end(&self) -> Option<u64> {
        self.event.offsets.last().map(|last| last.saturating_add(1))
    }

    /// Who read, and when.
    pub(super) fn when(&self) -> String {
        when(self.event)
    }

    /// Notes what it shows, and which offsets it passes over; answers values that contradict what
    /// was read before: offset, value before, value now.
    pub(super) fn put_into(&self, partition: &mut Partition) -> Vec<(u64, ValueId, ValueId)> {
        let mut contradictions = Vec::new();
        let mut next = self.begin();
        for (offset, value) in self.records() {
            let before = match self.is_last() {
                false => partition.seen.put(offset, value),
                true => partition.last.put(offset, value).or(partition.seen.get(offset)),
            };
            contradictions.extend(
                before.filter(|before| *before != value).map(|before| (offset, before, value)),
            );
            self.skip(partition, next, offset);
            next = Some(offset.saturating_add(1));
        }
        if self.is_last() {
            let to = self.event.next_offset.or(next).unwrap_or(0);
            self.skip(partition, next, to);
            partition.read_at_the_end(self.begin().unwrap_or(0), to);
            if self.event.high_watermark.is_none_or(|watermark| watermark <= to) {
                partition.last_end = Some((to, self.asked));
            }
        }
        contradictions
    }

    /// The first offset that it should have, if it was asked for one.
    fn begin(&self) -> Option<u64> {
        let asked = self.event.offset.filter(|_| self.event.f != Function::Tail);
        match self.is_last() {
            true => Some(asked.unwrap_or(0).max(self.event.log_start.unwrap_or(0))),
            false => asked.map(|asked| asked.max(self.event.log_start.unwrap_or(0))),
        }
    }

    fn skip(&self, partition: &mut Partition, from: Option<u64>, to: u64) {
        let Event { op, time, .. } = *self.event;
        if let Some(from) = from.filter(|from| *from < to) {
            partition.skipped.push(Skipped { from, to, op, time, is_last: self.is_last() });
        }
    }
}

/// Whether a fetch asks to be told nothing old.
pub(super) fn is_linearizable(event: &Event) -> bool {
    event.isolation.as_deref() == Some("linearizable")
}

/// What a reader writes before a value of which only the beginning is right.
const CORRUPT: &str = "corrupt:";

/// The number of a value that was read, whether it was met before, and whether it is whole.
pub(super) fn read_value(values: &mut Values, text: &str) -> (ValueId, bool, bool) {
    let beginning = text.strip_prefix(CORRUPT);
    let (id, is_new) = values.intern(beginning.unwrap_or(text));
    (id, is_new, beginning.is_none())
}
