//! A parked record was delivered again and not processed: it waits once more, or is given up.

use rampart_api::model::limits::PARKED_ERROR_BYTES_MAX;

use super::{Handled, fits};
use crate::state::group::command::{Fate, Holding};
use crate::state::group::delivery::{Parked, Place};
use crate::state::group::ids::ParkedId;
use crate::state::group::outcome::{GroupOutcome, Refusal};
use crate::state::group::state::{GroupState, SettlesBy};

/// How a delivery failed.
pub(super) struct Failure<'a> {
    pub(super) error: &'a str,
    pub(super) fate: Fate,
    pub(super) now_ms: i64,
}

impl GroupState {
    pub(super) fn retry(&mut self, by: &Holding, id: ParkedId, failure: &Failure<'_>) -> Handled {
        fits("the reason of a failure", failure.error.len(), PARKED_ERROR_BYTES_MAX)?;
        self.change(&by.group, |group, others| {
            group.check_holding(by)?;
            group.check_way(&by.member, SettlesBy::Acks)?;
            let known = group.waiting(id)?.clone();
            if known.origin != by.partition {
                return Err(Refusal::NotWaiting { id });
            }
            others.has_room_beside(group, failure.error.len() as u64)?;
            group.note_way(&by.member, SettlesBy::Acks);
            let due_ms = match failure.fate {
                Fate::Wait { due_ms } => due_ms,
                Fate::Die { .. } => failure.now_ms,
            };
            let attempts = known.attempts.saturating_add(1);
            let (error, place) = (failure.error.to_owned(), Place::Waiting { due_ms });
            group.put_parked(id, Parked { attempts, error, place, ..known });
            Ok(match failure.fate {
                Fate::Wait { .. } => GroupOutcome::Waits,
                Fate::Die { into } => {
                    let dying = others.kill(group, (&by.group, id), into, failure.now_ms);
                    GroupOutcome::Dies(dying)
                }
            })
        })
    }
}
