//! A new generation: who shall have what. A partition that somebody else holds stays with the holder
//! until that one lets go or is gone; a free one is its new owner's at once.
//! INV-08: targets change here, and here the generation grows.

use std::collections::BTreeMap;

use rampart_api::model::limits::PARTITIONS_PER_GROUP_MAX;

use super::{Handled, under, wants};
use crate::planted::{self, Bug};
use crate::state::group::ids::{MemberId, TopicPartition};
use crate::state::group::outcome::{GroupOutcome, Refusal};
use crate::state::group::state::{Group, GroupState, Slot, Weighs};

impl GroupState {
    pub(super) fn assign(
        &mut self,
        name: &str,
        generation: u64,
        targets: &[(MemberId, Vec<TopicPartition>)],
    ) -> Handled {
        self.change(name, |group, others| {
            group.check_server()?;
            if generation != group.generation {
                return Err(Refusal::StaleGeneration { current: group.generation });
            }
            let mut targets = checked(group, targets)?;
            let new = targets.iter().filter(|(at, _)| !group.slots.contains_key(at));
            let held = new.map(|(_, member)| Slot::new(member, 0).weight());
            // A target beside a holder is as long as a member's id.
            let waiting: usize = targets.values().map(|member| member.0.len()).sum();
            others.has_room_beside(group, held.sum::<u64>() + waiting as u64)?;
            group.generation += 1;
            let known: Vec<TopicPartition> = group.slots.keys().copied().collect();
            for partition in known {
                let target = targets.remove(&partition);
                let slot = group.slots[&partition].clone();
                let passes_on = planted::is(Bug::TwoHolders).then(|| target.clone()).flatten();
                let holder = passes_on.unwrap_or_else(|| slot.holder.clone());
                group.set_slot(partition, Some(Slot { holder, target, ..slot }));
            }
            for (partition, member) in targets {
                let slot = Slot::new(&member, group.generation);
                group.set_slot(partition, Some(slot));
            }
            Ok(GroupOutcome::Assigned { generation: group.generation })
        })
    }
}

impl Slot {
    /// Of a partition that was free.
    fn new(member: &MemberId, epoch: u64) -> Slot {
        Slot { holder: member.clone(), epoch, target: Some(member.clone()) }
    }
}

/// The targets by partition, if they make sense.
fn checked(
    group: &Group,
    targets: &[(MemberId, Vec<TopicPartition>)],
) -> Result<BTreeMap<TopicPartition, MemberId>, Refusal> {
    let mut by_partition = BTreeMap::new();
    for (id, partitions) in targets {
        let member = group.members.get(id);
        let member = member.ok_or_else(|| Refusal::NoSuchMember { member: id.clone() })?;
        for partition in partitions {
            if !wants(&member.part, partition.topic) {
                return Err(Refusal::Invalid { what: "a topic that the member does not want" });
            }
            if by_partition.insert(*partition, id.clone()).is_some() {
                return Err(Refusal::Invalid { what: "a partition for two members" });
            }
        }
    }
    let kept = group.slots.keys().filter(|at| !by_partition.contains_key(at)).count();
    under("partitions of a group", by_partition.len() + kept, PARTITIONS_PER_GROUP_MAX)?;
    Ok(by_partition)
}
