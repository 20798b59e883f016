//! Takes records out of a dead-letter partition and parks them again, with no attempts and due now.
//! One entry does both, so that doing it twice, or in two groups, delivers once.

use rampart_api::model::ids::Offset;
use rampart_api::model::limits::OFFSET_RANGES_MAX;

use super::Handled;
use crate::state::group::command::Redriven;
use crate::state::group::delivery::{Parked, Place};
use crate::state::group::ids::{ParkedId, TopicPartition};
use crate::state::group::outcome::GroupOutcome;
use crate::state::group::state::{Group, GroupState};

impl GroupState {
    /// Stops at the first record that has no room.
    pub(super) fn redrive(
        &mut self,
        name: &str,
        from: TopicPartition,
        records: &[Redriven],
        now_ms: i64,
    ) -> Handled {
        self.change(name, |group, others| {
            let (mut ids, mut resolved, mut left) = (Vec::new(), 0, records.len());
            for record in records {
                if group.is_resolved(from, record.offset) {
                    resolved += 1;
                } else {
                    let parked = [parked(record, now_ms)];
                    let ranges = group.resolved.get(&from).map_or(0, |ranges| ranges.len());
                    if ranges >= OFFSET_RANGES_MAX
                        || group.check_parked(record.origin, &parked, others).is_err()
                    {
                        break;
                    }
                    let [parked] = parked;
                    ids.push(group.bring_back(from, record.offset, parked));
                }
                left -= 1;
            }
            Ok(GroupOutcome::Redriven { ids, resolved, left })
        })
    }
}

fn parked(record: &Redriven, now_ms: i64) -> Parked {
    Parked {
        origin: record.origin,
        offset: record.origin_offset,
        attempts: 0,
        error: String::new(),
        parked_ms: now_ms,
        body: record.body.clone(),
        place: Place::Waiting { due_ms: now_ms },
    }
}

impl Group {
    fn is_resolved(&self, from: TopicPartition, offset: Offset) -> bool {
        self.resolved.get(&from).is_some_and(|ranges| ranges.contains(offset))
    }

    fn bring_back(&mut self, from: TopicPartition, at: Offset, parked: Parked) -> ParkedId {
        self.resolve(from, |ranges| ranges.insert(at, Offset(at.0 + 1)));
        // After a reset the origin would be delivered too.
        if let Some(progress) = self.progress.get(&parked.origin) {
            let (origin, offset, changed_ms) = (parked.origin, parked.offset, progress.changed_ms);
            self.settle(origin, &[(offset, Offset(offset.0 + 1))], changed_ms);
        }
        self.counters.redriven += 1;
        self.park_new(parked)
    }
}
