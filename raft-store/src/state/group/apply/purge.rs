//! Gives up records in a dead-letter partition: they are not shown and not redriven any more.

use rampart_api::model::ids::Offset;
use rampart_api::model::limits::OFFSET_RANGES_MAX;

use super::{Handled, check_whole, under};
use crate::state::group::ids::TopicPartition;
use crate::state::group::outcome::GroupOutcome;
use crate::state::group::state::{GroupState, Weighs};

impl GroupState {
    pub(super) fn purge(
        &mut self,
        name: &str,
        from: TopicPartition,
        ranges: &[(Offset, Offset)],
    ) -> Handled {
        check_whole(ranges)?;
        self.change(name, |group, others| {
            let known = group.resolved.get(&from).cloned().unwrap_or_default();
            let mut after = known.clone();
            ranges.iter().for_each(|(start, end)| after.insert(*start, *end));
            under("gaps in what is resolved", after.len(), OFFSET_RANGES_MAX)?;
            others.has_room_beside(group, after.weight().saturating_sub(known.weight()))?;
            let offsets = after.count() - known.count();
            group.resolve(from, |resolved| *resolved = after);
            group.counters.dropped += offsets;
            Ok(GroupOutcome::Purged { offsets })
        })
    }
}
