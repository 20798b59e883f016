//! `[pure]` What the coordinator proposes for a question about dead letters, and what it answers.

use std::collections::BTreeMap;

use rampart_api::model::ids::{Offset, TopicId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::command::GroupCommand;
use rampart_raft_store::state::group::delivery::Place;
use rampart_raft_store::state::group::outcome::Refusal;
use rampart_raft_store::state::group::state::Group;
use rampart_raft_store::state::group::{GroupOutcome, TopicPartition};

use super::answers::refusal;
use super::request::{GroupAnswer, GroupRequest, KeptDeadLetters, Redrive, Redrove, Resolve};

/// Whether the answer to a question comes even where one of its commands was refused.
pub(super) fn judges_itself(request: &GroupRequest) -> bool {
    matches!(request, GroupRequest::Settle(_) | GroupRequest::Redrive(_) | GroupRequest::Resolve(_))
}

/// The commands of a redrive. What is none of the group's comes last: refused, it is only looked at
/// once more.
pub(super) fn redrive(redrive: &Redrive, now_ms: i64) -> Vec<GroupCommand> {
    let Redrive { group, from, records, foreign } = redrive.clone();
    let mut commands = vec![GroupCommand::Redrive { group: group.clone(), from, records, now_ms }];
    commands.extend(resolve_command((group, from), foreign));
    commands
}

/// The commands that resolve records.
pub(super) fn resolve(resolve: &Resolve) -> Vec<GroupCommand> {
    let Resolve { group, from, purged, sent, foreign } = resolve.clone();
    let mut commands = Vec::new();
    if !purged.is_empty() {
        commands.push(GroupCommand::Purge { group: group.clone(), from, ranges: purged });
    }
    commands.extend(resolve_command((group.clone(), from), sent));
    commands.extend(resolve_command((group, from), foreign));
    commands
}

fn resolve_command(
    (group, from): (String, TopicPartition),
    ranges: Vec<(Offset, Offset)>,
) -> Option<GroupCommand> {
    (!ranges.is_empty()).then_some(GroupCommand::Resolve { group, from, ranges })
}

/// The answer to a redrive.
pub(super) fn redriven(outcomes: &[GroupOutcome]) -> Result<GroupAnswer, Problem> {
    match outcomes.first() {
        Some(GroupOutcome::Redriven { ids, resolved, left, why }) => {
            Ok(GroupAnswer::Redriven(Redrove {
                redriven: ids.len() as u64,
                resolved: *resolved as u64,
                left: *left as u64,
                why: why.as_ref().map(Refusal::to_string),
            }))
        }
        Some(GroupOutcome::Refused(refused)) => Err(refusal(refused)),
        // One command answers itself, or the entry was lost, which is known before.
        _ => Ok(GroupAnswer::Redriven(Redrove::default())),
    }
}

/// The answer to `Resolve`. That what is none of the group's could not be noted is no refusal.
pub(super) fn resolved(
    question: &Resolve,
    outcomes: &[GroupOutcome],
) -> Result<GroupAnswer, Problem> {
    let (purges, sends) = (!question.purged.is_empty(), !question.sent.is_empty());
    let judged = outcomes.iter().take(usize::from(purges) + usize::from(sends));
    let mut resolved = Vec::with_capacity(2);
    for outcome in judged {
        match outcome {
            GroupOutcome::Purged { offsets } => resolved.push(*offsets),
            GroupOutcome::Refused(refused) => return Err(refusal(refused)),
            _ => {}
        }
    }
    let purged = if purges { resolved.first().copied() } else { None };
    Ok(GroupAnswer::Resolved(purged.unwrap_or(0)))
}

/// What a group keeps of the dead letters of a topic.
pub(super) fn kept(group: &Group, origin: TopicId, from: Option<TopicId>) -> KeptDeadLetters {
    let of_it = group.resolved.iter().filter(|(at, _)| Some(at.topic) == from);
    let resolved: BTreeMap<_, _> =
        of_it.map(|(at, ranges)| (at.partition, ranges.clone())).collect();
    let parked = group.parked.values().filter(|parked| parked.origin.topic == origin);
    let (mut waiting, mut dying) = (0, 0);
    for parked in parked {
        match parked.place {
            Place::Waiting { .. } => waiting += 1,
            Place::Dying(_) => dying += 1,
        }
    }
    let reads = group.progress.keys().any(|at| at.topic == origin);
    KeptDeadLetters { resolved, parked: waiting, dying, reads }
}

#[cfg(test)]
mod tests {
    use rampart_api::model::error_code::ErrorCode;
    use rampart_raft_store::state::group::ParkedId;

    use super::*;

    fn from() -> TopicPartition {
        TopicPartition { topic: TopicId(uuid::Uuid::from_u128(9)), partition: 0 }
    }

    fn ranges(start: u64, end: u64) -> Vec<(Offset, Offset)> {
        vec![(Offset(start), Offset(end))]
    }

    #[test]
    fn what_is_none_of_the_groups_is_noted_in_the_same_entry_and_never_refuses() {
        let asked = Redrive {
            group: "g".to_owned(),
            from: from(),
            records: Vec::new(),
            foreign: ranges(3, 5),
        };
        let commands = redrive(&asked, 7);
        assert!(matches!(commands[0], GroupCommand::Redrive { now_ms: 7, .. }), "{commands:?}");
        assert!(matches!(commands[1], GroupCommand::Resolve { .. }), "{commands:?}");
        let (ids, full) = (vec![ParkedId(1)], Refusal::Full { what: "gaps", max: 1 });
        let done = GroupOutcome::Redriven { ids, resolved: 2, left: 3, why: Some(full.clone()) };
        let outcomes = [done, GroupOutcome::Refused(full.clone())];
        let expected = Redrove { redriven: 1, resolved: 2, left: 3, why: Some(full.to_string()) };
        assert_eq!(redriven(&outcomes), Ok(GroupAnswer::Redriven(expected)));
        let gone = [GroupOutcome::Refused(Refusal::NoSuchGroup)];
        assert_eq!(redriven(&gone).unwrap_err().code, ErrorCode::GroupNotFound);
    }

    #[test]
    fn only_what_is_given_up_is_counted() {
        let (group, full) = ("g".to_owned(), Refusal::Full { what: "gaps", max: 1 });
        let (purged, sent, foreign) = (ranges(0, 4), Vec::new(), ranges(4, 5));
        let mut asked = Resolve { group, from: from(), purged, sent, foreign };
        let done = |offsets| GroupOutcome::Purged { offsets };
        let refused = || GroupOutcome::Refused(full.clone());
        assert_eq!(resolve(&asked).len(), 2);
        assert_eq!(resolved(&asked, &[done(3), refused()]), Ok(GroupAnswer::Resolved(3)));
        assert!(resolved(&asked, &[refused(), done(1)]).is_err());
        asked.purged.clear();
        assert_eq!(resolved(&asked, &[refused()]), Ok(GroupAnswer::Resolved(0)));
        asked.sent = ranges(7, 9);
        assert_eq!(resolve(&asked).len(), 2);
        assert_eq!(resolved(&asked, &[done(2), done(1)]), Ok(GroupAnswer::Resolved(0)));
        let unknown = resolved(&asked, &[refused(), done(1)]).unwrap_err();
        assert_eq!(unknown.code, ErrorCode::Overloaded, "what was sent must be noted");
    }
}
