//! Applying commands: pure and deterministic, so that equal logs give equal states (INV-04). One
//! file per transition. A refusal changes nothing; handlers check first, then change.
//! INV-12: everything that grows has a limit here, whoever proposes.

mod ack;
mod assign;
mod classic;
mod commit;
mod dead;
mod delete_group;
mod directives;
mod dying;
mod expire;
mod forget_topics;
mod join;
mod leave;
mod lose;
mod park;
mod purge;
mod redrive;
mod release;
mod reset;
mod retry;
mod start;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rampart_api::model::ids::{Offset, TopicId};
use rampart_api::model::limits::{
    GROUP_NAME_BYTES_MAX, GROUP_STATE_BYTES_MAX, GROUPS_PER_STATE_MAX, MEMBER_TEXT_BYTES_MAX,
    OFFSET_RANGES_MAX, PARKED_BYTES_MAX, PARTITIONS_PER_GROUP_MAX,
};

use super::command::{GroupCommand, Holding};
use super::delivery::Progress;
use super::ids::{MemberId, TopicPartition};
use super::outcome::{GroupOutcome, Refusal};
use super::state::{Group, GroupState, MemberAbout, MemberPart, Protocol, SettlesBy, Slot, Weighs};
use crate::planted::{self, Bug};

/// What a handler answers: an outcome, or a refusal that changed nothing.
type Handled = Result<GroupOutcome, Refusal>;

impl GroupState {
    /// Applies the commands of the entry at `index`; answers one outcome each.
    ///
    /// # Panics
    /// When `index` is not above the last one applied: an entry applied twice would park twice.
    pub fn apply(&mut self, index: u64, commands: &[GroupCommand]) -> Vec<GroupOutcome> {
        assert!(
            index > self.applied_index,
            "INV-04: index {index} applied after {}",
            self.applied_index
        );
        self.applied_index = index;
        let outcomes = commands.iter().map(|command| self.handle(command));
        outcomes.map(|handled| handled.unwrap_or_else(GroupOutcome::Refused)).collect()
    }

    fn handle(&mut self, command: &GroupCommand) -> Handled {
        use GroupCommand as C;
        match command {
            C::Join { group, member, about, topics, now_ms } => {
                self.join(group, member, &join::Joining { about, topics, now_ms: *now_ms })
            }
            C::Leave { group, member } => self.leave(group, member),
            C::Expire { group, member } => self.expire(group, member),
            C::Assign { group, generation, targets } => self.assign(group, *generation, targets),
            C::Release { group, member, partitions } => self.release(group, member, partitions),
            C::Start { group, starts, now_ms } => self.start(group, starts, *now_ms),
            C::Ack { by, ranges, parked, now_ms } => self.ack(by, ranges, parked, *now_ms),
            C::Commit { group, member, generation, offsets, now_ms } => {
                let by = commit::Committer { member: member.as_ref(), generation: *generation };
                self.commit(group, by, offsets, *now_ms)
            }
            C::Park { by, records, now_ms } => self.park(by, records, *now_ms),
            C::Retry { by, id, error, fate, now_ms } => {
                self.retry(by, *id, &retry::Failure { error, fate: *fate, now_ms: *now_ms })
            }
            C::Die { group, id, into, now_ms } => self.die(group, *id, *into, *now_ms),
            C::Dead { into, sequence } => self.dead(*into, *sequence),
            C::Lose { by, ranges, now_ms } => self.lose(by, ranges, *now_ms),
            C::Redrive { group, from, records, now_ms } => {
                self.redrive(group, *from, records, *now_ms)
            }
            C::Purge { group, from, ranges } => self.purge(group, *from, ranges),
            C::Reset { group, offsets, is_forced, now_ms } => match is_forced {
                true => self.reset_by_force(group, offsets, *now_ms),
                false => self.reset(group, offsets, *now_ms),
            },
            C::DeleteGroup { group, is_forced } => match is_forced {
                true => self.delete_group_by_force(group),
                false => self.delete_group(group),
            },
            C::ForgetTopics { topics } => Ok(self.forget_topics(topics)),
            C::ClassicGeneration { .. } => self.classic_generation(command),
            C::ClassicAssign { group, generation, assignments } => {
                self.classic_assign(group, *generation, assignments)
            }
            C::Direct { client, kind, expires_ms } => self.direct(client, kind, *expires_ms),
            C::DirectivesDone { client, ids } => Ok(self.directives_done(client, ids)),
            C::ExpireDirectives { now_ms } => Ok(self.expire_directives(*now_ms)),
            C::Resolve { group, from, ranges } => self.resolve(group, *from, ranges),
        }
    }

    /// Changes a group that is there.
    fn change(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Group, &mut GroupState) -> Handled,
    ) -> Handled {
        let (name, mut shared) = self.groups.remove_entry(name).ok_or(Refusal::NoSuchGroup)?;
        // While it is being changed it is not counted among the others.
        self.bytes -= shared.bytes;
        let handled = change(Arc::make_mut(&mut shared), self);
        self.bytes += shared.bytes;
        self.groups.insert(name, shared);
        handled
    }

    /// Changes a group, from nothing if need be; a refusal creates none.
    fn change_or_create(
        &mut self,
        name: &str,
        now_ms: i64,
        change: impl FnOnce(&mut Group, &mut GroupState) -> Handled,
    ) -> Handled {
        if self.groups.contains_key(name) {
            return self.change(name, change);
        }
        if name.is_empty() {
            return Err(Refusal::Invalid { what: "a group without a name" });
        }
        fits("a group's name", name.len(), GROUP_NAME_BYTES_MAX)?;
        under("groups", self.groups.len() + 1, GROUPS_PER_STATE_MAX)?;
        let mut group = Group::new(name, now_ms);
        let outcome = change(&mut group, self)?;
        self.bytes += group.bytes;
        self.groups.insert(name.to_owned(), Arc::new(group));
        Ok(outcome)
    }

    /// Whether so much more fits, beside a group that is being changed.
    fn has_room_beside(&self, group: &Group, more: u64) -> Result<(), Refusal> {
        fits_in("bytes of groups", self.bytes + group.bytes + more, GROUP_STATE_BYTES_MAX)
    }

    /// As `has_room_beside`, for records to park: a flood of them leaves room for the members and the
    /// offsets of every group.
    fn has_room_to_park(&self, group: &Group, more: u64) -> Result<(), Refusal> {
        fits_in("bytes of parked records", self.bytes + group.bytes + more, PARKED_BYTES_MAX)
    }
}

impl Group {
    /// INV-09: records are settled only by whoever holds their partition, since the generation in
    /// which they were delivered.
    fn check_holding(&self, by: &Holding) -> Result<(), Refusal> {
        let member = &by.member;
        if !self.members.contains_key(member) {
            return Err(Refusal::NoSuchMember { member: member.clone() });
        }
        let slot = self.slots.get(&by.partition);
        let holds = slot.is_some_and(|slot| slot.holder == *member && slot.epoch == by.epoch);
        match holds || planted::is(Bug::OldTokenAccepted) {
            true => Ok(()),
            false => Err(Refusal::NotHeld { partition: by.partition }),
        }
    }

    /// Whether the members speak the coordinator's own protocol; without any it may be taken up.
    fn check_server(&self) -> Result<(), Refusal> {
        let is_other = matches!(self.protocol, Protocol::Classic { .. });
        match is_other && !self.members.is_empty() {
            true => Err(Refusal::OtherProtocol),
            false => Ok(()),
        }
    }

    /// A member acknowledges or commits, not both: what it means is then always clear.
    fn check_way(&self, member: &MemberId, way: SettlesBy) -> Result<(), Refusal> {
        let member = self.members.get(member);
        match member.is_none_or(|m| [SettlesBy::Undecided, way].contains(&m.settles_by)) {
            true => Ok(()),
            false => Err(Refusal::Mixed),
        }
    }

    fn note_way(&mut self, id: &MemberId, way: SettlesBy) {
        let member = self.members.get_mut(id).filter(|member| member.settles_by != way);
        if let Some(member) = member {
            // Weighs the same.
            Arc::make_mut(member).settles_by = way;
        }
    }

    /// Takes a member out: what it held passes to the target, or is free. Answers the latter.
    fn remove_member(&mut self, member: &MemberId) -> Vec<TopicPartition> {
        self.take_member(member);
        let mut freed = Vec::new();
        let touched = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.holder == *member || slot.target.as_ref() == Some(member));
        for (partition, mut slot) in
            touched.map(|(at, slot)| (*at, slot.clone())).collect::<Vec<_>>()
        {
            slot.target = slot.target.filter(|target| target != member);
            if slot.holder == *member {
                match slot.target.clone() {
                    Some(target) => self.hand_over(partition, target),
                    None => {
                        self.set_slot(partition, None);
                        freed.push(partition);
                    }
                }
            } else {
                self.set_slot(partition, Some(slot));
            }
        }
        if let Protocol::Classic { leader, .. } = &mut self.protocol {
            *leader = leader.take().filter(|leader| leader != member);
        }
        freed
    }

    /// The target takes over.
    fn hand_over(&mut self, partition: TopicPartition, target: MemberId) {
        let epoch = self.generation;
        let slot = Slot { holder: target.clone(), epoch, target: Some(target) };
        self.set_slot(partition, Some(slot));
    }

    /// Whether there may be offsets of these partitions; answers the bytes that the new ones take.
    fn check_new_partitions(
        &self,
        named: impl Iterator<Item = TopicPartition>,
    ) -> Result<u64, Refusal> {
        let new = named.filter(|partition| !self.progress.contains_key(partition)).count();
        under("partitions of a group", self.progress.len() + new, PARTITIONS_PER_GROUP_MAX)?;
        Ok(new as u64 * Progress::default().weight())
    }

    /// Settles ranges of offsets.
    fn settle(&mut self, partition: TopicPartition, ranges: &[(Offset, Offset)], now_ms: i64) {
        self.change_progress(partition, |progress| {
            ranges.iter().for_each(|(start, end)| progress.settle(*start, *end));
            progress.changed_ms = now_ms;
        });
    }

    /// Whether ranges can be settled beside those that are.
    fn check_ranges(
        &self,
        partition: TopicPartition,
        ranges: &[(Offset, Offset)],
    ) -> Result<(), Refusal> {
        check_whole(ranges)?;
        let known = self.progress.get(&partition);
        let known = known.ok_or(Refusal::Invalid { what: "the partition was not started" })?;
        under(
            "gaps above a committed offset",
            known.settled.len() + ranges.len(),
            OFFSET_RANGES_MAX,
        )
    }

    fn committed(&self, partition: TopicPartition) -> Offset {
        self.progress.get(&partition).map_or(Offset(0), |progress| progress.committed)
    }

    /// The outcome of a change to these partitions' offsets.
    fn at(&self, partitions: impl Iterator<Item = TopicPartition>) -> GroupOutcome {
        let at = |partition| (partition, self.committed(partition));
        GroupOutcome::At { offsets: partitions.map(at).collect() }
    }
}

fn check_whole(ranges: &[(Offset, Offset)]) -> Result<(), Refusal> {
    match ranges.iter().all(|(start, end)| start < end) {
        true => Ok(()),
        false => Err(Refusal::Invalid { what: "a range that ends before it starts" }),
    }
}

fn check_about(member: &MemberId, about: &MemberAbout) -> Result<(), Refusal> {
    let MemberAbout { client_id, host, rack, instance_id, session_ms: _ } = about;
    if member.0.is_empty() {
        return Err(Refusal::Invalid { what: "a member without an id" });
    }
    let instance = instance_id.as_deref().unwrap_or_default();
    let longest = [member.0.as_str(), client_id, host, rack, instance].map(str::len);
    let longest = longest.into_iter().max().unwrap_or_default();
    fits("what a member says of itself", longest, MEMBER_TEXT_BYTES_MAX)
}

/// The topics a member of a server group wants.
fn wants(part: &MemberPart, topic: TopicId) -> bool {
    matches!(part, MemberPart::Server { topics } if topics.contains(&topic))
}

fn fits(what: &'static str, bytes: usize, max: usize) -> Result<(), Refusal> {
    if bytes <= max { Ok(()) } else { Err(Refusal::TooLong { what, max }) }
}

fn fits_in(what: &'static str, bytes: u64, max: u64) -> Result<(), Refusal> {
    if bytes <= max { Ok(()) } else { Err(Refusal::Full { what, max }) }
}

fn under(what: &'static str, count: usize, max: usize) -> Result<(), Refusal> {
    if count <= max { Ok(()) } else { Err(Refusal::Full { what, max: max as u64 }) }
}
