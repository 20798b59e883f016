//! A member gave no sign of life for its session: the coordinator's clock says so, restarted in
//! full when another node becomes the coordinator.

use super::Handled;
use crate::state::group::ids::MemberId;
use crate::state::group::outcome::{GroupOutcome, Refusal};
use crate::state::group::state::GroupState;

impl GroupState {
    pub(super) fn expire(&mut self, name: &str, member: &MemberId) -> Handled {
        self.change(name, |group, _| {
            if !group.members.contains_key(member) {
                return Err(Refusal::NoSuchMember { member: member.clone() });
            }
            group.counters.expired += 1;
            Ok(GroupOutcome::Left { freed: group.remove_member(member) })
        })
    }
}
