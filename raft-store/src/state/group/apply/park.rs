//! Records that were not processed are copied here, and the committed offset goes on, in one entry:
//! nobody can see the one without the other (INV-10).

use rampart_api::model::ids::Offset;
use rampart_api::model::limits::{
    PARKED_ERROR_BYTES_MAX, PARKED_PER_PARTITION_MAX, PARKED_RECORD_BYTES_MAX,
};

use super::{Handled, fits, under};
use crate::planted::{self, Bug};
use crate::state::group::command::{Fate, Holding, NewParked};
use crate::state::group::delivery::{Parked, ParkedBody, Place};
use crate::state::group::ids::ParkedId;
use crate::state::group::outcome::{GroupOutcome, Refusal};
use crate::state::group::state::{Group, GroupState, SettlesBy, Weighs};

impl GroupState {
    /// At the bound of parked records all are refused: the partition pauses, and the records stay
    /// with their holder.
    pub(super) fn park(&mut self, by: &Holding, records: &[NewParked], now_ms: i64) -> Handled {
        self.change(&by.group, |group, others| {
            group.check_holding(by)?;
            group.check_way(&by.member, SettlesBy::Acks)?;
            let ranges: Vec<_> = records.iter().map(|record| only(record.offset)).collect();
            group.check_ranges(by.partition, &ranges)?;
            let parked: Vec<Parked> = records.iter().map(|r| parked(by, r, now_ms)).collect();
            group.check_parked(group.parked_of(by.partition), &parked, others)?;
            group.note_way(&by.member, SettlesBy::Acks);
            let mut ids = Vec::with_capacity(records.len());
            for (record, parked) in records.iter().zip(parked) {
                // Looked at one by one: a record may be named twice.
                if group.progress[&by.partition].is_settled(record.offset) {
                    ids.push(None);
                    continue;
                }
                group.settle(by.partition, &[only(record.offset)], now_ms);
                if planted::is(Bug::ParkedNotKept) && matches!(record.fate, Fate::Wait { .. }) {
                    continue;
                }
                let id = group.park_new(parked);
                group.counters.parked += 1;
                if let Fate::Die { into } = record.fate {
                    others.kill(group, (&by.group, id), into, now_ms);
                }
                ids.push(Some(id));
            }
            Ok(GroupOutcome::Parked { ids, committed: group.committed(by.partition) })
        })
    }
}

fn only(offset: Offset) -> (Offset, Offset) {
    (offset, Offset(offset.0 + 1))
}

fn parked(by: &Holding, record: &NewParked, now_ms: i64) -> Parked {
    Parked {
        origin: by.partition,
        offset: record.offset,
        attempts: record.attempts,
        error: record.error.clone(),
        parked_ms: now_ms,
        body: record.body.clone(),
        place: Place::Waiting {
            due_ms: match record.fate {
                Fate::Wait { due_ms } => due_ms,
                Fate::Die { .. } => now_ms,
            },
        },
    }
}

impl Group {
    /// Whether records of a partition may be parked beside those that are.
    pub(super) fn check_parked(
        &self,
        known: usize,
        records: &[Parked],
        others: &GroupState,
    ) -> Result<(), Refusal> {
        let max = PARKED_PER_PARTITION_MAX;
        under("parked records of a partition", known + records.len(), max)?;
        for record in records {
            fits("the reason of a failure", record.error.len(), PARKED_ERROR_BYTES_MAX)?;
            if let ParkedBody::Copied(copy) = &record.body {
                fits("a record that is copied", copy.bytes(), PARKED_RECORD_BYTES_MAX)?;
            }
        }
        others.has_room_to_park(self, records.iter().map(Weighs::weight).sum())
    }

    /// The record, if it waits.
    pub(super) fn waiting(&self, id: ParkedId) -> Result<&Parked, Refusal> {
        let known = self.parked.get(&id).map(AsRef::as_ref);
        known
            .filter(|parked| matches!(parked.place, Place::Waiting { .. }))
            .ok_or(Refusal::NotWaiting { id })
    }
}
