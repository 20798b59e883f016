//! Resolves records in a dead-letter partition without bringing them back: they are not shown and not
//! redriven any more.

use rampart_api::model::ids::Offset;
use rampart_api::model::limits::OFFSET_RANGES_MAX;

use super::{Handled, check_whole, under};
use crate::state::group::ids::TopicPartition;
use crate::state::group::outcome::{GroupOutcome, Refusal};
use crate::state::group::state::{Group, GroupState, Weighs};

impl GroupState {
    /// They are given up.
    pub(super) fn purge(
        &mut self,
        name: &str,
        from: TopicPartition,
        ranges: &[(Offset, Offset)],
    ) -> Handled {
        check_whole(ranges)?;
        self.change(name, |group, others| {
            let offsets = group.resolve_all(from, ranges, others)?;
            group.counters.dropped += offsets;
            Ok(GroupOutcome::Purged { offsets })
        })
    }

    /// They are of no interest to the group, any more or at all.
    pub(super) fn resolve(
        &mut self,
        name: &str,
        from: TopicPartition,
        ranges: &[(Offset, Offset)],
    ) -> Handled {
        check_whole(ranges)?;
        self.change(name, |group, others| {
            let offsets = group.resolve_all(from, ranges, others)?;
            Ok(GroupOutcome::Purged { offsets })
        })
    }
}

impl Group {
    /// Answers how many were not resolved before.
    fn resolve_all(
        &mut self,
        from: TopicPartition,
        ranges: &[(Offset, Offset)],
        others: &GroupState,
    ) -> Result<u64, Refusal> {
        let known = self.resolved.get(&from).cloned().unwrap_or_default();
        let mut after = known.clone();
        ranges.iter().for_each(|(start, end)| after.insert(*start, *end));
        under("gaps in what is resolved", after.len(), OFFSET_RANGES_MAX)?;
        others.has_room_beside(self, after.weight().saturating_sub(known.weight()))?;
        let offsets = after.count() - known.count();
        self.resolve(from, |resolved| *resolved = after);
        Ok(offsets)
    }
}
