//! Topics were deleted. What a group knows of them goes; what was on its way into one, as a
//! dead-letter topic, waits again. Records that are dying into a topic that is still there go on,
//! though their origin is gone: their sequence is given out.

use std::collections::BTreeSet;
use std::sync::Arc;

use rampart_api::model::ids::TopicId;

use crate::state::group::delivery::{DyingRecord, Parked, Place};
use crate::state::group::ids::{ParkedId, TopicPartition};
use crate::state::group::outcome::GroupOutcome;
use crate::state::group::state::{Group, GroupState};

impl GroupState {
    pub(super) fn forget_topics(&mut self, topics: &BTreeSet<TopicId>) -> GroupOutcome {
        let returned = self.give_up_lanes(topics);
        let is_gone = |partition: &TopicPartition| topics.contains(&partition.topic);
        let mut dropped = 0;
        for group in self.groups.values_mut().filter(|group| group.knows(topics)) {
            self.bytes -= group.bytes;
            let group = Arc::make_mut(group);
            for partition in these(group.slots.keys(), is_gone) {
                group.set_slot(partition, None);
            }
            for partition in these(group.progress.keys(), is_gone) {
                group.take_progress(partition);
            }
            for partition in these(group.resolved.keys(), is_gone) {
                group.resolve(partition, |ranges| *ranges = Default::default());
            }
            dropped += group.drop_waiting_of(topics);
            self.bytes += group.bytes;
        }
        GroupOutcome::Forgotten { dropped, returned }
    }

    /// Records in lanes into these topics wait again; the lanes are gone.
    fn give_up_lanes(&mut self, topics: &BTreeSet<TopicId>) -> usize {
        let lanes = these(self.lanes.by_partition.keys(), |into| topics.contains(&into.topic));
        let mut returned = 0;
        for into in lanes {
            let lane = self.lanes.by_partition.remove(&into);
            for DyingRecord { group, id, .. } in lane.into_iter().flat_map(|lane| lane.dying) {
                let group = self.groups.get_mut(&group).expect("a dying record keeps its group");
                // Weighs the same.
                Arc::make_mut(group).wait_again(id);
                returned += 1;
            }
        }
        returned
    }
}

impl Group {
    fn knows(&self, topics: &BTreeSet<TopicId>) -> bool {
        let named = self.slots.keys().chain(self.progress.keys()).chain(self.resolved.keys());
        let parked = self.parked.values().map(|parked| &parked.origin);
        named.chain(parked).any(|partition| topics.contains(&partition.topic))
    }

    /// Back from a lane, due at once: the coordinator decides anew.
    fn wait_again(&mut self, id: ParkedId) {
        let known = self.parked.get(&id).expect("a lane's records are parked").clone();
        if let Place::Dying(dying) = known.place {
            let place = Place::Waiting { due_ms: dying.dying_ms };
            self.put_parked(id, Parked { place, ..(*known).clone() });
            self.counters.returned += 1;
        }
    }

    fn drop_waiting_of(&mut self, topics: &BTreeSet<TopicId>) -> usize {
        let waits = |parked: &Parked| matches!(parked.place, Place::Waiting { .. });
        let of_them = |parked: &Parked| topics.contains(&parked.origin.topic) && waits(parked);
        let gone: Vec<_> =
            self.parked.iter().filter(|(_, parked)| of_them(parked)).map(|(id, _)| *id).collect();
        gone.iter().for_each(|id| drop(self.take_parked(*id)));
        self.counters.dropped += gone.len() as u64;
        gone.len()
    }
}

fn these<'a>(
    partitions: impl Iterator<Item = &'a TopicPartition>,
    is_one: impl Fn(&TopicPartition) -> bool,
) -> Vec<TopicPartition> {
    partitions.filter(|partition| is_one(partition)).copied().collect()
}
