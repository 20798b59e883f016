//! A holder lets go of what it shall not have any more; whoever shall have it takes over at once.

use super::Handled;
use crate::state::group::ids::{MemberId, TopicPartition};
use crate::state::group::outcome::{GroupOutcome, Refusal};
use crate::state::group::state::GroupState;

impl GroupState {
    /// What the member does not hold, or shall keep, stays as it is: the news of it may be old.
    pub(super) fn release(
        &mut self,
        name: &str,
        member: &MemberId,
        partitions: &[TopicPartition],
    ) -> Handled {
        self.change(name, |group, _| {
            if !group.members.contains_key(member) {
                return Err(Refusal::NoSuchMember { member: member.clone() });
            }
            let mut released = Vec::new();
            for partition in partitions {
                let slot = group.slots.get(partition);
                let Some(slot) = slot.filter(|s| s.holder == *member && s.is_revoked()) else {
                    continue;
                };
                match slot.target.clone() {
                    Some(target) => group.hand_over(*partition, target),
                    None => group.set_slot(*partition, None),
                }
                released.push(*partition);
            }
            Ok(GroupOutcome::Released { partitions: released })
        })
    }
}
