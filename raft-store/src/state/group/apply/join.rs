//! A member comes, or says something else of itself. The coordinator assigns next.

use std::collections::BTreeSet;

use rampart_api::model::ids::TopicId;
use rampart_api::model::limits::{MEMBERS_PER_GROUP_MAX, TOPICS_PER_MEMBER_MAX};

use super::{Handled, check_about, under};
use crate::state::group::ids::MemberId;
use crate::state::group::outcome::GroupOutcome;
use crate::state::group::state::{GroupState, Member, MemberAbout, MemberPart, Protocol, Weighs};

/// What a member says when it joins.
pub(super) struct Joining<'a> {
    pub(super) about: &'a MemberAbout,
    pub(super) topics: &'a BTreeSet<TopicId>,
    pub(super) now_ms: i64,
}

impl GroupState {
    pub(super) fn join(&mut self, name: &str, id: &MemberId, joining: &Joining<'_>) -> Handled {
        check_about(id, joining.about)?;
        under("topics of a member", joining.topics.len(), TOPICS_PER_MEMBER_MAX)?;
        self.change_or_create(name, joining.now_ms, |group, others| {
            group.check_server()?;
            let known = group.members.get(id);
            let settles_by = known.map(|known| known.settles_by).unwrap_or_default();
            let is_new = known.is_none();
            let part = MemberPart::Server { topics: joining.topics.clone() };
            let member = Member { about: joining.about.clone(), settles_by, part };
            if is_new {
                under("members of a group", group.members.len() + 1, MEMBERS_PER_GROUP_MAX)?;
            }
            others.has_room_beside(group, member.weight() + id.0.len() as u64)?;
            group.protocol = Protocol::Server;
            group.put_member(id, member);
            Ok(GroupOutcome::Joined { generation: group.generation, is_new })
        })
    }
}
