//! A holder is done with records, fresh ones and parked ones.

use rampart_api::model::ids::Offset;

use super::Handled;
use crate::state::group::command::Holding;
use crate::state::group::ids::ParkedId;
use crate::state::group::state::{GroupState, SettlesBy};

impl GroupState {
    /// What was done already, or is dying, stays as it is: an answer may have been lost.
    pub(super) fn ack(
        &mut self,
        by: &Holding,
        ranges: &[(Offset, Offset)],
        parked: &[ParkedId],
        now_ms: i64,
    ) -> Handled {
        self.change(&by.group, |group, _| {
            group.check_holding(by)?;
            group.check_way(&by.member, SettlesBy::Acks)?;
            group.check_ranges(by.partition, ranges)?;
            group.note_way(&by.member, SettlesBy::Acks);
            group.settle(by.partition, ranges, now_ms);
            for id in parked {
                if group.waiting(*id).is_ok_and(|parked| parked.origin == by.partition) {
                    group.take_parked(*id);
                    group.counters.recovered += 1;
                }
            }
            Ok(group.at([by.partition].into_iter()))
        })
    }
}
