//! Moves a group to offsets, forwards or back. Parked and dying records stay what they are; what was
//! done, or is dead, is delivered again from the new offset on.

use rampart_api::model::ids::Offset;

use super::Handled;
use crate::state::group::ids::TopicPartition;
use crate::state::group::outcome::Refusal;
use crate::state::group::state::{Group, GroupState, Slot};

impl GroupState {
    /// Only while nobody reads.
    pub(super) fn reset(
        &mut self,
        name: &str,
        offsets: &[(TopicPartition, Offset)],
        now_ms: i64,
    ) -> Handled {
        let members = self.groups.get(name).map_or(0, |group| group.members.len());
        match members {
            0 => self.reset_by_force(name, offsets, now_ms),
            members => Err(Refusal::Active { members }),
        }
    }

    /// What the holders were given of these partitions is not theirs any more, and the generation
    /// grows, so that no commit made before it undoes the reset.
    pub(super) fn reset_by_force(
        &mut self,
        name: &str,
        offsets: &[(TopicPartition, Offset)],
        now_ms: i64,
    ) -> Handled {
        self.change_or_create(name, now_ms, |group, others| {
            let new = group.check_new_partitions(offsets.iter().map(|(at, _)| *at))?;
            others.has_room_beside(group, new)?;
            if !group.members.is_empty() {
                group.generation += 1;
            }
            for (partition, offset) in offsets {
                group.take_anew(*partition);
                group.move_to(*partition, *offset, now_ms);
            }
            Ok(group.at(offsets.iter().map(|(at, _)| *at)))
        })
    }
}

impl Group {
    fn take_anew(&mut self, partition: TopicPartition) {
        if let Some(slot) = self.slots.get(&partition).cloned() {
            let epoch = self.generation;
            self.set_slot(partition, Some(Slot { epoch, ..slot }));
        }
    }
}
