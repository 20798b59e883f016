//! The last step of dying: the record is in its dead-letter partition, on a majority, and so no more
//! here. One after the other: the next is written when this is applied.

use super::Handled;
use crate::state::group::ids::TopicPartition;
use crate::state::group::outcome::GroupOutcome;
use crate::state::group::state::GroupState;

impl GroupState {
    pub(super) fn dead(&mut self, into: TopicPartition, sequence: u32) -> Handled {
        let lane = self.lanes.by_partition.get_mut(&into);
        let first = lane.and_then(|lane| match lane.dying.front() {
            Some(first) if first.sequence == sequence => lane.dying.pop_front(),
            Some(_) | None => None,
        });
        // Two coordinators may have written the same record; it is there once.
        let Some(first) = first else { return Ok(GroupOutcome::NotNext) };
        self.change(&first.group, |group, _| {
            group.take_parked(first.id);
            group.counters.dead += 1;
            Ok(GroupOutcome::Dead)
        })
    }
}
