//! Where a group begins in a partition. Replicated before the first record is delivered: another
//! coordinator would find another end for `latest`, and skip what came between.

use rampart_api::model::ids::Offset;

use super::Handled;
use crate::state::group::ids::TopicPartition;
use crate::state::group::state::GroupState;

impl GroupState {
    pub(super) fn start(
        &mut self,
        name: &str,
        starts: &[(TopicPartition, Offset)],
        now_ms: i64,
    ) -> Handled {
        self.change_or_create(name, now_ms, |group, others| {
            let new = group.check_new_partitions(starts.iter().map(|(at, _)| *at))?;
            others.has_room_beside(group, new)?;
            for (partition, offset) in starts {
                if !group.progress.contains_key(partition) {
                    group.move_to(*partition, *offset, now_ms);
                }
            }
            Ok(group.at(starts.iter().map(|(at, _)| *at)))
        })
    }
}
