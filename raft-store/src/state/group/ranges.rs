//! Sets of offsets, kept as the ranges between their gaps: what is done above a committed offset,
//! what is resolved of a dead-letter partition. Small where work is done roughly in order.

use rampart_api::model::ids::Offset;
use serde::{Deserialize, Serialize};

/// A set of offsets. Ranges are half-open, ascending, and never touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetRanges {
    ranges: Vec<(u64, u64)>,
}

impl OffsetRanges {
    /// Adds the offsets from `start` up to, but without, `end`.
    pub fn insert(&mut self, start: Offset, end: Offset) {
        let (mut start, mut end) = (start.0, end.0);
        if start >= end {
            return;
        }
        // Those that overlap or touch become one.
        let first = self.ranges.partition_point(|(_, e)| *e < start);
        let last = self.ranges.partition_point(|(s, _)| *s <= end);
        if first < last {
            start = start.min(self.ranges[first].0);
            end = end.max(self.ranges[last - 1].1);
        }
        self.ranges.splice(first..last, [(start, end)]);
    }

    /// Whether an offset is in the set.
    pub fn contains(&self, offset: Offset) -> bool {
        let after = self.ranges.partition_point(|(start, _)| *start <= offset.0);
        after > 0 && offset.0 < self.ranges[after - 1].1
    }

    /// Forgets everything below an offset.
    pub fn drop_below(&mut self, offset: Offset) {
        let gone = self.ranges.partition_point(|(_, end)| *end <= offset.0);
        self.ranges.drain(..gone);
        if let Some(first) = self.ranges.first_mut() {
            first.0 = first.0.max(offset.0);
        }
    }

    /// The first offset at or above `offset` that is not in the set.
    pub fn first_gap(&self, offset: Offset) -> Offset {
        let after = self.ranges.partition_point(|(start, _)| *start <= offset.0);
        match after.checked_sub(1).map(|at| self.ranges[at]) {
            Some((_, end)) if end > offset.0 => Offset(end),
            _ => offset,
        }
    }

    /// How many offsets are in the set.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|(start, end)| end - start).sum()
    }

    /// How many offsets of the set lie within bounds.
    pub fn count_within(&self, start: Offset, end: Offset) -> u64 {
        let clipped = self.ranges.iter().map(|(s, e)| (*s.max(&start.0), *e.min(&end.0)));
        clipped.map(|(s, e)| e.saturating_sub(s)).sum()
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (Offset, Offset)> {
        self.ranges.iter().map(|(start, end)| (Offset(*start), Offset(*end)))
    }

    /// Whether the ranges are what they should be.
    pub(super) fn is_sound(&self) -> bool {
        let whole = self.ranges.iter().all(|(start, end)| start < end);
        whole && self.ranges.is_sorted_by(|a, b| a.1 < b.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let mut ranges = OffsetRanges::default();
        for (start, end) in [(5, 7), (1, 2), (9, 12), (7, 9), (2, 2), (20, 19)] {
            ranges.insert(Offset(start), Offset(end));
        }
        assert_eq!(ranges.ranges, [(1, 2), (5, 12)]);
        assert_eq!(ranges.first_gap(Offset(5)), Offset(12));
        assert_eq!(ranges.first_gap(Offset(3)), Offset(3));
        assert_eq!(ranges.count_within(Offset(6), Offset(100)), 6);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u64, u64),
        DropBelow(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..60u64, 0..12u64).prop_map(|(start, size)| Step::Insert(start, start + size)),
            1 => (0..60u64).prop_map(Step::DropBelow),
        ];
        prop::collection::vec(step, 0..40)
    }

    proptest! {
        #[test]
        fn ranges_are_a_set(steps in steps()) {
            let (mut ranges, mut model) = (OffsetRanges::default(), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Insert(start, end) => {
                        ranges.insert(Offset(start), Offset(end));
                        model.extend(start..end);
                    }
                    Step::DropBelow(offset) => {
                        ranges.drop_below(Offset(offset));
                        model.retain(|known| *known >= offset);
                    }
                }
                prop_assert!(ranges.is_sound(), "{:?}", ranges);
                prop_assert_eq!(ranges.count(), model.len() as u64);
                for offset in 0..80u64 {
                    prop_assert_eq!(ranges.contains(Offset(offset)), model.contains(&offset));
                    let gap = (offset..).find(|at| !model.contains(at)).unwrap();
                    prop_assert_eq!(ranges.first_gap(Offset(offset)), Offset(gap));
                }
                let within = model.range(10..30).count() as u64;
                prop_assert_eq!(ranges.count_within(Offset(10), Offset(30)), within);
            }
        }
    }
}
