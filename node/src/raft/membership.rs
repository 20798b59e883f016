//! Changes of a group's membership. Each is bound to the membership it was decided from and gives
//! up after a while; one that a former leader left half done is finished by the next.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::raft::Precondition;
use rampart_raft_store::type_config::{Member, TypeConfig};

use super::status::{MembershipView, RaftHandle};

/// A change that takes longer is given up and looked at again. It may still happen.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(20);

/// What becomes of voters that are not voters any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Former {
    /// They stay as learners.
    Learners,
    /// They leave the membership.
    Gone,
}

/// Why a change did not finish.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// openraft's refusal, or its core's end.
    #[error("{0}")]
    Refused(String),
    /// No majority confirmed it in time.
    #[error("no majority confirmed it within {CHANGE_TIMEOUT:?}")]
    TimedOut,
}

/// Changes the membership `view`, if it is still the one in effect.
///
/// # Errors
/// It did not finish: nothing happened, or a joint configuration is left, or it finishes later.
pub async fn change(
    raft: &RaftHandle,
    view: &MembershipView,
    members: ChangeMembers<u64, Member>,
    former: Former,
) -> Result<(), ChangeError> {
    let unchanged: Precondition<TypeConfig> =
        Precondition::LastMembershipLogId { last_membership_log_id: view.log_id };
    let change = raft.change_membership_if(members, former == Former::Learners, [unchanged]);
    match tokio::time::timeout(CHANGE_TIMEOUT, change).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(ChangeError::Refused(error.to_string())),
        Err(_) => Err(ChangeError::TimedOut),
    }
}

/// Ends the joint configuration `view`, which a former leader left behind: the voters it was on its
/// way to become the only ones. The others stay as learners, for the steps that follow to judge.
///
/// # Errors
/// As `change`.
pub async fn finish(raft: &RaftHandle, view: &MembershipView) -> Result<(), ChangeError> {
    // Adds nobody: openraft takes the last of the joint voter sets as the aim of every change.
    change(raft, view, ChangeMembers::AddVoterIds(BTreeSet::new()), Former::Learners).await
}
