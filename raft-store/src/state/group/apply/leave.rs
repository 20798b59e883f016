//! A member says that it goes.

use super::Handled;
use crate::state::group::ids::MemberId;
use crate::state::group::outcome::{GroupOutcome, Refusal};
use crate::state::group::state::GroupState;

impl GroupState {
    pub(super) fn leave(&mut self, name: &str, member: &MemberId) -> Handled {
        self.change(name, |group, _| {
            if !group.members.contains_key(member) {
                return Err(Refusal::NoSuchMember { member: member.clone() });
            }
            Ok(GroupOutcome::Left { freed: group.remove_member(member) })
        })
    }
}
