//! What a member is told of a parked record, by where it is.

use std::collections::BTreeSet;

use rampart_api::model::ids::{GroupId, TopicId};
use rampart_raft_store::state::group::command::NewParked;
use rampart_raft_store::state::group::state::MemberAbout;
use rampart_raft_store::state::group::{GroupState, MemberId, ParkedId};

use super::*;
use crate::groups::request::Settled;

const G: &str = "g";

fn at(topic: u128) -> TopicPartition {
    TopicPartition { topic: TopicId(uuid::Uuid::from_u128(topic)), partition: 0 }
}

fn by() -> Holding {
    let (group, member) = (G.to_owned(), MemberId("a".to_owned()));
    Holding { group, member, partition: at(1), epoch: 1 }
}

/// A record that is parked after its first delivery.
fn parked() -> GroupState {
    let (member, group, topics) =
        (MemberId("a".to_owned()), G.to_owned(), BTreeSet::from([at(1).topic]));
    let about = MemberAbout { session_ms: 15_000, ..MemberAbout::default() };
    let record = NewParked {
        offset: Offset(0),
        attempts: 1,
        error: String::new(),
        body: ParkedBody::Copied(RecordCopy::default()),
        fate: Fate::Wait { due_ms: 0 },
    };
    let mut state = GroupState::empty(GroupId(7));
    let commands = [
        GroupCommand::Join {
            group: group.clone(),
            member: member.clone(),
            about,
            topics,
            now_ms: 0,
        },
        GroupCommand::Assign {
            group: group.clone(),
            generation: 0,
            targets: vec![(member, vec![at(1)])],
        },
        GroupCommand::Start { group, starts: vec![(at(1), Offset(0))], now_ms: 0 },
        GroupCommand::Park { by: by(), records: vec![record], now_ms: 0 },
    ];
    let outcomes = state.apply(1, &commands);
    assert!(outcomes.iter().all(|o| !matches!(o, GroupOutcome::Refused(_))), "{outcomes:?}");
    state
}

/// What the member is told when it says this of its second delivery.
fn told(state: &mut GroupState, said: Said) -> Result<Verdict, Problem> {
    let mut coordinator = Coordinator::take_over(state, 4, Duration::ZERO);
    let delivery = Delivery::Parked(ParkedId(0));
    let token = AckToken { partition: at(1), epoch: 1, delivery, attempt: 2 };
    let settled = Settled { token: token.to_string(), said, error: String::new() };
    let question = Settle { group: G.to_owned(), member: by().member, verdicts: vec![settled] };
    let group = state.groups.get(G).map(AsRef::as_ref);
    let around = (&GivingUp::default(), Duration::ZERO, 0);
    let (commands, verdicts) = Verdicts::of(&question, group, &mut coordinator, around);
    let outcomes = state.apply(state.applied_index + 1, &commands);
    verdicts.answer(&outcomes).remove(0)
}

#[test]
fn a_record_that_is_dying_is_settled_whatever_is_said_of_it() {
    let mut state = parked();
    assert_eq!(told(&mut state.clone(), Said::Ack), Ok(Verdict::Acked));
    let die = GroupCommand::Die { group: G.to_owned(), id: ParkedId(0), into: at(9), now_ms: 0 };
    state.apply(2, &[die]);
    for said in [Said::Ack, Said::Retry(None)] {
        assert_eq!(told(&mut state, said), Ok(Verdict::AlreadySettled), "{said:?}");
    }
    assert!(state.groups[G].parked.contains_key(&ParkedId(0)), "it is on its way");
}

#[test]
fn a_delivery_fails_once_however_often_that_is_said() {
    let mut state = parked();
    let attempts = |state: &GroupState| state.groups[G].parked[&ParkedId(0)].attempts;
    assert_eq!(told(&mut state, Said::Retry(None)), Ok(Verdict::Parked { due_ms: 0 }));
    assert_eq!(attempts(&state), 2);
    assert_eq!(told(&mut state, Said::Retry(None)), Ok(Verdict::AlreadySettled));
    assert_eq!(attempts(&state), 2);
    // It comes late, but the record is done.
    assert_eq!(told(&mut state, Said::Ack), Ok(Verdict::Acked));
    assert!(state.groups[G].parked.is_empty());
}
