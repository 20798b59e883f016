//! Offsets as their reader knows them: all below is done.
//! INV-09: only a member of the current generation commits, in a server group only what it holds;
//! where there are no members, anybody.

use rampart_api::model::ids::Offset;
use rampart_api::model::limits::OFFSET_METADATA_BYTES_MAX;

use super::{Handled, fits};
use crate::state::group::command::OffsetCommit;
use crate::state::group::ids::{MemberId, TopicPartition};
use crate::state::group::outcome::Refusal;
use crate::state::group::state::{Group, GroupState, Protocol, SettlesBy};

/// Who commits.
#[derive(Clone, Copy)]
pub(super) struct Committer<'a> {
    /// `None` = somebody outside of any membership.
    pub(super) member: Option<&'a MemberId>,
    /// The generation it knows.
    pub(super) generation: u64,
}

impl GroupState {
    pub(super) fn commit(
        &mut self,
        name: &str,
        by: Committer<'_>,
        offsets: &[OffsetCommit],
        now_ms: i64,
    ) -> Handled {
        let commit = |group: &mut Group, others: &mut GroupState| {
            check_committer(group, by, offsets)?;
            let new = group.check_new_partitions(offsets.iter().map(|commit| commit.partition))?;
            let mut texts = 0;
            for commit in offsets {
                let bytes = commit.metadata.len();
                fits("what is noted beside an offset", bytes, OFFSET_METADATA_BYTES_MAX)?;
                texts += bytes as u64;
            }
            others.has_room_beside(group, new + texts)?;
            if let Some(member) = by.member {
                group.note_way(member, SettlesBy::Commits);
            }
            offsets.iter().for_each(|commit| group.put_offset(commit, now_ms));
            Ok(group.at(offsets.iter().map(|commit| commit.partition)))
        };
        match by.member {
            Some(_) => self.change(name, commit),
            None => self.change_or_create(name, now_ms, commit),
        }
    }
}

fn check_committer(
    group: &Group,
    by: Committer<'_>,
    offsets: &[OffsetCommit],
) -> Result<(), Refusal> {
    let Some(id) = by.member else {
        return match group.members.len() {
            0 => Ok(()),
            members => Err(Refusal::Active { members }),
        };
    };
    if !group.members.contains_key(id) {
        return Err(Refusal::NoSuchMember { member: id.clone() });
    }
    if by.generation != group.generation {
        return Err(Refusal::StaleGeneration { current: group.generation });
    }
    if group.protocol == Protocol::Server {
        group.check_way(id, SettlesBy::Commits)?;
        let held = |commit: &&OffsetCommit| {
            group.slots.get(&commit.partition).is_some_and(|slot| slot.holder == *id)
        };
        if let Some(other) = offsets.iter().find(|commit| !held(commit)) {
            return Err(Refusal::NotHeld { partition: other.partition });
        }
    }
    Ok(())
}

impl Group {
    fn put_offset(&mut self, commit: &OffsetCommit, now_ms: i64) {
        self.move_to(commit.partition, commit.offset, now_ms);
        self.change_progress(commit.partition, |progress| {
            progress.leader_epoch = commit.leader_epoch;
            progress.metadata.clone_from(&commit.metadata);
        });
    }

    /// Moves a partition to an offset; what is parked of it stays where it is.
    pub(super) fn move_to(&mut self, partition: TopicPartition, offset: Offset, now_ms: i64) {
        let parked = self.parked.values().filter(|parked| parked.origin == partition);
        let parked: Vec<_> = parked.map(|parked| parked.offset).collect();
        self.change_progress(partition, |progress| {
            progress.move_to(offset, parked.into_iter());
            progress.changed_ms = now_ms;
        });
    }
}
