//! The groups of a heartbeat: their coordinators are told that the member lives, and say what it
//! has. One that does not answer in time fails nothing: what is known goes on to hold.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::MemberId;
use rampart_raft_store::state::group::state::MemberAbout;
use rampart_raft_store::state::metadata::state::MetadataState;

use super::about::About;
use super::memberships::{Membership, Memberships, Sign, kept, signs};
use super::registry::Registered;
use crate::groups::GroupService;
use crate::groups::request::{GroupAnswer, GroupRequest, Life};
use crate::groups::service::odd;

/// How long a heartbeat waits for coordinators.
const COORDINATOR_TIMEOUT: Duration = Duration::from_secs(1);
/// A member that joined by a heartbeat is gone after so long without one, or three of them.
const SESSION_MS_MIN: u64 = 15_000;

/// What a client has in its groups, and the first trouble that there was.
pub(super) type Heard = (Arc<Memberships>, Option<Problem>);

/// Gives the signs of life of a heartbeat.
pub(super) async fn give(
    groups: &GroupService,
    registered: &Registered,
    state: &MetadataState,
    ttl_ms: u64,
) -> Heard {
    let Registered { about, memberships, .. } = registered;
    if !about.is_in_groups() {
        return (memberships.clone(), None);
    }
    let asked = signs(about, memberships, state).into_iter().map(|sign| {
        let life = life(groups, about, sign, ttl_ms);
        async move {
            let (group, member) = (life.group.clone(), life.member.clone());
            (group, ask(groups, life).await.map(|heard| Membership { member, ..heard }))
        }
    });
    let mut now = kept(about, memberships);
    let mut trouble = None;
    for (group, heard) in join_all(asked).await {
        match heard {
            Ok(membership) => _ = now.insert(group, membership),
            Err(problem) => trouble = trouble.or(Some(problem)),
        }
    }
    match now == **memberships {
        true => (memberships.clone(), trouble),
        false => (Arc::new(now), trouble),
    }
}

fn life(groups: &GroupService, about: &About, sign: Sign, ttl_ms: u64) -> Life {
    let new_member = || groups.new_member(&about.client_id);
    Life {
        group: sign.group,
        member: sign.member.unwrap_or_else(new_member),
        about: MemberAbout {
            client_id: about.client_id.clone(),
            host: about.host.clone(),
            rack: about.rack.clone(),
            instance_id: Some(about.instance_id.clone()),
            session_ms: u32::try_from(ttl_ms.max(SESSION_MS_MIN)).unwrap_or(u32::MAX),
        },
        topics: sign.topics,
    }
}

async fn ask(groups: &GroupService, life: Life) -> Result<Membership, Problem> {
    let asked = groups.ask(GroupRequest::Live(life));
    let answer = tokio::time::timeout(COORDINATOR_TIMEOUT, asked).await.map_err(|_| {
        Problem::unknown(ErrorCode::Timeout, "the group's coordinator has not answered in time")
    })?;
    match answer? {
        GroupAnswer::Lives(lives) => Ok(Membership {
            member: MemberId::default(),
            generation: lives.generation,
            partitions: lives.assignment,
        }),
        other => Err(odd(&other)),
    }
}
