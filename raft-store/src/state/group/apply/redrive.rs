//! Takes records out of a dead-letter partition and parks them again, with no attempts and due now.
//! One entry does both, so that doing it twice, or in two groups, delivers once.

use std::collections::BTreeMap;

use rampart_api::model::ids::Offset;
use rampart_api::model::limits::OFFSET_RANGES_MAX;

use super::{Handled, under};
use crate::state::group::command::Redriven;
use crate::state::group::delivery::{Parked, Place};
use crate::state::group::ids::{ParkedId, TopicPartition};
use crate::state::group::outcome::{GroupOutcome, Refusal};
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
            // Counted once: there may be thousands.
            let mut parked_of: BTreeMap<TopicPartition, usize> = BTreeMap::new();
            let (mut ids, mut resolved, mut why) = (Vec::new(), 0, None);
            for record in records {
                if group.is_resolved(from, record.offset) {
                    resolved += 1;
                    continue;
                }
                let origin = record.origin;
                let known = parked_of.entry(origin).or_insert_with(|| group.parked_of(origin));
                let parked = [parked(record, now_ms)];
                let room = group
                    .check_gaps(from, record.offset)
                    .and_then(|()| group.check_parked(*known, &parked, others));
                if let Err(refusal) = room {
                    why = Some(refusal);
                    break;
                }
                *known += 1;
                let [parked] = parked;
                ids.push(group.bring_back(from, record.offset, parked));
            }
            let left = records.len() - ids.len() - resolved;
            Ok(GroupOutcome::Redriven { ids, resolved, left, why })
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

    /// Whether one more offset may be resolved: one beside those that are makes no gap.
    fn check_gaps(&self, from: TopicPartition, offset: Offset) -> Result<(), Refusal> {
        let Some(ranges) = self.resolved.get(&from) else { return Ok(()) };
        let before = offset.0.checked_sub(1).is_some_and(|at| ranges.contains(Offset(at)));
        if before || ranges.contains(Offset(offset.0 + 1)) {
            return Ok(());
        }
        under("gaps in what is resolved", ranges.len() + 1, OFFSET_RANGES_MAX)
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
