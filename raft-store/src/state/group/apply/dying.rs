//! The first of the three steps of dying: a record gets its place in the lane into its dead-letter
//! partition. From now on it is neither delivered nor changed, so that any coordinator writes the
//! same bytes with the same sequence.

use super::Handled;
use crate::state::group::delivery::{Dying, Parked, Place};
use crate::state::group::ids::{ParkedId, TopicPartition};
use crate::state::group::outcome::GroupOutcome;
use crate::state::group::state::{Group, GroupState};

impl GroupState {
    pub(super) fn die(
        &mut self,
        name: &str,
        id: ParkedId,
        into: TopicPartition,
        now_ms: i64,
    ) -> Handled {
        self.change(name, |group, others| {
            group.waiting(id)?;
            Ok(GroupOutcome::Dies(others.kill(group, (name, id), into, now_ms)))
        })
    }

    /// A record that waits begins to die. `self` is the state without the group.
    pub(super) fn kill(
        &mut self,
        group: &mut Group,
        (name, id): (&str, ParkedId),
        into: TopicPartition,
        now_ms: i64,
    ) -> Dying {
        let known = group.waiting(id).expect("the caller has looked").clone();
        let (producer_id, sequence) = self.lanes.allocate(self.raft_group, into, (name, id));
        let dying = Dying { into, producer_id, sequence, dying_ms: now_ms };
        group.put_parked(id, Parked { place: Place::Dying(dying), ..known });
        dying
    }
}
