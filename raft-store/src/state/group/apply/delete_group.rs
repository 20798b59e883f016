//! Forgets a group. Not while it has members, nor while records of it are on their way into a
//! dead-letter topic: a sequence that is given out must be written.

use super::Handled;
use crate::state::group::delivery::Place;
use crate::state::group::outcome::{GroupOutcome, Refusal};
use crate::state::group::state::GroupState;

impl GroupState {
    /// Not while records are parked either.
    pub(super) fn delete_group(&mut self, name: &str) -> Handled {
        let parked = self.groups.get(name).map_or(0, |group| group.parked.len());
        match parked {
            0 => self.delete_group_by_force(name),
            records => self.check_deletable(name).and(Err(Refusal::HasParked { records })),
        }
    }

    /// What is parked goes with it.
    pub(super) fn delete_group_by_force(&mut self, name: &str) -> Handled {
        self.check_deletable(name)?;
        let group = self.groups.remove(name).ok_or(Refusal::NoSuchGroup)?;
        self.bytes -= group.bytes;
        Ok(GroupOutcome::Deleted { parked: group.parked.len() })
    }

    fn check_deletable(&self, name: &str) -> Result<(), Refusal> {
        let group = self.groups.get(name).ok_or(Refusal::NoSuchGroup)?;
        if !group.members.is_empty() {
            return Err(Refusal::Active { members: group.members.len() });
        }
        let dying = group.parked.values().filter(|p| matches!(p.place, Place::Dying(_))).count();
        match dying {
            0 => Ok(()),
            records => Err(Refusal::DyingNow { records }),
        }
    }
}
