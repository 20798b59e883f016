//! Records that retention or deletion took before the group had them: counted, never silent.

use rampart_api::model::ids::Offset;

use super::Handled;
use crate::state::group::command::Holding;
use crate::state::group::state::GroupState;

impl GroupState {
    pub(super) fn lose(
        &mut self,
        by: &Holding,
        ranges: &[(Offset, Offset)],
        now_ms: i64,
    ) -> Handled {
        self.change(&by.group, |group, _| {
            group.check_holding(by)?;
            group.check_ranges(by.partition, ranges)?;
            let progress = &group.progress[&by.partition];
            let mut after = progress.settled.clone();
            ranges.iter().for_each(|(start, end)| {
                after.insert((*start).max(progress.committed), *end);
            });
            group.counters.lost += after.count() - progress.settled.count();
            group.settle(by.partition, ranges, now_ms);
            Ok(group.at([by.partition].into_iter()))
        })
    }
}
