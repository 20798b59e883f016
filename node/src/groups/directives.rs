//! `[pure]` Directives for clients of Castle, as their coordinator answers for them: what waits, and
//! what is too late. Each is kept until its client has done it or its time is over.

use std::collections::BTreeSet;

use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::command::GroupCommand;
use rampart_raft_store::state::group::{DirectiveId, GroupOutcome, GroupState};

use super::request::{DirectivesStamp, GroupAnswer};

/// When the first directive is too late, in milliseconds since 1970.
pub(super) fn first_end(state: &GroupState) -> Option<i64> {
    let all = state.directives.values().flat_map(|waiting| waiting.values());
    all.map(|directive| directive.expires_ms).min()
}

/// What forgets the directives that are too late, if any is.
pub(super) fn too_late(state: &GroupState, now_ms: i64) -> Option<GroupCommand> {
    let is_late = first_end(state).is_some_and(|end| end <= now_ms);
    is_late.then_some(GroupCommand::ExpireDirectives { now_ms })
}

/// Whether a client has one of these before it.
pub(super) fn has_any(state: &GroupState, client: &str, ids: &BTreeSet<DirectiveId>) -> bool {
    let waiting = state.directives.get(client);
    waiting.is_some_and(|waiting| ids.iter().any(|id| waiting.contains_key(id)))
}

/// The answer to whoever asked something of a client.
pub(super) fn directed(
    state: &GroupState,
    client: &str,
    outcomes: &[GroupOutcome],
) -> Result<GroupAnswer, Problem> {
    let made = outcomes.iter().find_map(|outcome| match outcome {
        GroupOutcome::Directed(id) => Some(*id),
        _ => None,
    });
    let waiting = made.and_then(|id| Some((id, state.directives.get(client)?.get(&id)?)));
    match waiting {
        Some((id, directive)) => Ok(GroupAnswer::Directed { id, expires_ms: directive.expires_ms }),
        None => Err(Problem::unknown(ErrorCode::Internal, "the directive is not there any more")),
    }
}

/// All that waits, unless it is what the asker knows.
pub(super) fn waiting(state: &GroupState, known: Option<DirectivesStamp>) -> GroupAnswer {
    let waiting = state.directives_waiting() as u64;
    let stamp = DirectivesStamp { made: state.next_directive, waiting };
    let all = state.directives.iter().flat_map(|(client, directives)| {
        directives.iter().map(|(id, directive)| (client.clone(), *id, directive.clone()))
    });
    let waiting = (known != Some(stamp)).then(|| all.collect());
    GroupAnswer::Directives { stamp, waiting }
}

#[cfg(test)]
mod tests {
    use rampart_api::model::ids::GroupId;
    use rampart_raft_store::state::group::state::DirectiveKind;

    use super::*;

    fn direct(state: &mut GroupState, client: &str, expires_ms: i64) -> GroupAnswer {
        let (client, kind) = (client.to_owned(), DirectiveKind::Pause);
        let command = GroupCommand::Direct { client: client.clone(), kind, expires_ms };
        let outcomes = state.apply(state.applied_index + 1, &[command]);
        directed(state, &client, &outcomes).unwrap()
    }

    fn apply(state: &mut GroupState, command: GroupCommand) {
        state.apply(state.applied_index + 1, &[command]);
    }

    fn stamp(
        state: &GroupState,
        known: Option<DirectivesStamp>,
    ) -> (DirectivesStamp, Option<usize>) {
        match waiting(state, known) {
            GroupAnswer::Directives { stamp, waiting } => (stamp, waiting.map(|all| all.len())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_set_of_directives_has_a_stamp_of_its_own() {
        let mut state = GroupState::empty(GroupId(1));
        let (empty, all) = stamp(&state, None);
        assert_eq!(all, Some(0));
        assert_eq!(stamp(&state, Some(empty)), (empty, None));
        let answer = direct(&mut state, "a", 50);
        assert_eq!(answer, GroupAnswer::Directed { id: DirectiveId(0), expires_ms: 50 });
        let (one, all) = stamp(&state, Some(empty));
        assert_eq!(all, Some(1));
        direct(&mut state, "b", 70);
        let ids = BTreeSet::from([DirectiveId(0)]);
        assert!(has_any(&state, "a", &ids) && !has_any(&state, "b", &ids));
        apply(&mut state, GroupCommand::DirectivesDone { client: "a".to_owned(), ids });
        // As many as before, and others.
        assert_eq!(stamp(&state, Some(one)).1, Some(1));
    }

    #[test]
    fn what_is_too_late_is_forgotten_and_not_before() {
        let mut state = GroupState::empty(GroupId(1));
        assert_eq!(too_late(&state, i64::MAX), None);
        direct(&mut state, "a", 50);
        direct(&mut state, "b", 70);
        assert_eq!((first_end(&state), too_late(&state, 49)), (Some(50), None));
        let late = too_late(&state, 50).unwrap();
        apply(&mut state, late);
        assert_eq!((first_end(&state), too_late(&state, 50)), (Some(70), None));
    }
}
