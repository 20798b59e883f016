//! Kafka's classic protocol on the same state: the coordinator gathers who joins in a barrier of its
//! own, and here is the generation that comes out of it; then the leader's assignment.

use bytes::Bytes;
use rampart_api::model::limits::{
    MEMBER_METADATA_BYTES_MAX, MEMBER_TEXT_BYTES_MAX, MEMBERS_PER_GROUP_MAX,
};

use super::{Handled, check_about, fits, under};
use crate::state::group::command::{ClassicMember, GroupCommand};
use crate::state::group::ids::MemberId;
use crate::state::group::outcome::{GroupOutcome, Refusal};
use crate::state::group::state::{
    Group, GroupState, Member, MemberPart, Protocol, SettlesBy, Weighs,
};

impl GroupState {
    /// The members are those that are named, and no others; each waits for its assignment.
    pub(super) fn classic_generation(&mut self, command: &GroupCommand) -> Handled {
        let GroupCommand::ClassicGeneration {
            group: name,
            generation,
            protocol_type,
            protocol,
            leader,
            members,
            now_ms,
        } = command
        else {
            unreachable!("called for this command alone");
        };
        check_members(members, leader)?;
        let longest = protocol_type.len().max(protocol.len());
        fits("the name of a protocol", longest, MEMBER_TEXT_BYTES_MAX)?;
        self.change_or_create(name, *now_ms, |group, others| {
            group.check_classic()?;
            if *generation != group.generation {
                return Err(Refusal::StaleGeneration { current: group.generation });
            }
            let joined: Vec<_> = members.iter().map(|m| (&m.member, member(m))).collect();
            let weights = joined.iter().map(|(id, member)| member.weight() + id.0.len() as u64);
            others.has_room_beside(group, weights.sum())?;
            let gone: Vec<MemberId> = group.members.keys().cloned().collect();
            gone.iter().for_each(|id| drop(group.take_member(id)));
            joined.into_iter().for_each(|(id, member)| group.put_member(id, member));
            group.protocol = Protocol::Classic {
                protocol_type: protocol_type.clone(),
                protocol: protocol.clone(),
                leader: Some(leader.clone()),
            };
            group.generation += 1;
            Ok(GroupOutcome::Assigned { generation: group.generation })
        })
    }

    /// Members that are not named get nothing; those that are gone are passed over.
    pub(super) fn classic_assign(
        &mut self,
        name: &str,
        generation: u64,
        assignments: &[(MemberId, Bytes)],
    ) -> Handled {
        self.change(name, |group, others| {
            if !matches!(group.protocol, Protocol::Classic { .. }) {
                return Err(Refusal::OtherProtocol);
            }
            if generation != group.generation {
                return Err(Refusal::StaleGeneration { current: group.generation });
            }
            for (_, bytes) in assignments {
                fits("a member's assignment", bytes.len(), MEMBER_METADATA_BYTES_MAX)?;
            }
            let bytes = assignments.iter().map(|(_, bytes)| bytes.len() as u64);
            others.has_room_beside(group, bytes.sum())?;
            for (id, bytes) in assignments {
                let Some(known) = group.members.get(id) else { continue };
                let mut member = (**known).clone();
                if let MemberPart::Classic { assignment, .. } = &mut member.part {
                    assignment.clone_from(bytes);
                    group.put_member(id, member);
                }
            }
            Ok(GroupOutcome::Assigned { generation })
        })
    }
}

fn check_members(members: &[ClassicMember], leader: &MemberId) -> Result<(), Refusal> {
    under("members of a group", members.len(), MEMBERS_PER_GROUP_MAX)?;
    if !members.iter().any(|joined| joined.member == *leader) {
        return Err(Refusal::NoSuchMember { member: leader.clone() });
    }
    for joined in members {
        check_about(&joined.member, &joined.about)?;
        let metadata = joined.metadata.iter().map(|(name, bytes)| name.len() + bytes.len());
        fits("what a member says when it joins", metadata.sum(), MEMBER_METADATA_BYTES_MAX)?;
    }
    Ok(())
}

fn member(joined: &ClassicMember) -> Member {
    Member {
        about: joined.about.clone(),
        settles_by: SettlesBy::Commits,
        part: MemberPart::Classic {
            rebalance_timeout_ms: joined.rebalance_timeout_ms,
            metadata: joined.metadata.clone(),
            assignment: Bytes::new(),
        },
    }
}

impl Group {
    fn check_classic(&self) -> Result<(), Refusal> {
        match self.protocol == Protocol::Server && !self.members.is_empty() {
            true => Err(Refusal::OtherProtocol),
            false => Ok(()),
        }
    }
}
