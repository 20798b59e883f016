//! The bytes of what is stored of groups: one of each command, and a state that holds one of each.

use bytes::Bytes;

use super::*;
use crate::machine::GROUP_SNAPSHOT_VERSION;
use crate::state::group::command::{
    ClassicMember, Fate, GroupCommand, Holding, NewParked, OffsetCommit, Redriven,
};
use crate::state::group::delivery::{ParkedBody, RecordCopy};
use crate::state::group::state::{DirectiveKind, MemberAbout};
use crate::state::group::{DirectiveId, GroupState, MemberId, ParkedId, TopicPartition};

const GROUP: &str = "g";

fn at(partition: u32) -> TopicPartition {
    TopicPartition { topic: topic_id(), partition }
}

fn dead_letters() -> TopicPartition {
    TopicPartition { topic: TopicId(Uuid::from_u128(9)), partition: 1 }
}

fn member(name: &str) -> MemberId {
    MemberId(name.to_owned())
}

fn about() -> MemberAbout {
    MemberAbout {
        client_id: "app".to_owned(),
        host: "h".to_owned(),
        rack: "r".to_owned(),
        instance_id: Some("i".to_owned()),
        session_ms: 15_000,
    }
}

fn holding(epoch: u64) -> Holding {
    Holding { group: GROUP.to_owned(), member: member("a"), partition: at(0), epoch }
}

fn copied() -> ParkedBody {
    ParkedBody::Copied(RecordCopy {
        timestamp_ms: -2,
        key: Some(Bytes::from_static(b"k")),
        value: None,
        headers: vec![("n".to_owned(), Some(Bytes::from_static(b"v"))), ("m".to_owned(), None)],
    })
}

fn stored() -> ParkedBody {
    ParkedBody::Stored { partition: at(3), offset: Offset(4) }
}

fn parked(offset: u64, body: ParkedBody, fate: Fate) -> NewParked {
    NewParked { offset: Offset(offset), attempts: 2, error: "e".to_owned(), body, fate }
}

/// In an order in which none is refused; what a state with all of them looks like is `snapshot`.
fn commands() -> Vec<GroupCommand> {
    use GroupCommand::*;
    let group = || GROUP.to_owned();
    let (wait, die) = (Fate::Wait { due_ms: 9 }, Fate::Die { into: dead_letters() });
    let classic = |name: &str| ClassicMember {
        member: member(name),
        about: about(),
        rebalance_timeout_ms: 60_000,
        metadata: vec![("range".to_owned(), Bytes::from_static(b"m"))],
    };
    vec![
        Join { group: group(), member: member("a"), about: about(), topics: topics(), now_ms: 1 },
        Assign { group: group(), generation: 0, targets: vec![(member("a"), vec![at(0), at(1)])] },
        Start { group: group(), starts: vec![(at(0), Offset(5)), (at(1), Offset(6))], now_ms: 2 },
        Ack {
            by: holding(1),
            ranges: vec![(Offset(6), Offset(8))],
            parked: vec![ParkedId(7)],
            now_ms: 3,
        },
        Park {
            by: holding(1),
            records: vec![parked(8, copied(), wait), parked(9, stored(), die)],
            now_ms: 4,
        },
        Retry { by: holding(1), id: ParkedId(0), error: "f".to_owned(), fate: wait, now_ms: 5 },
        Die { group: group(), id: ParkedId(0), into: dead_letters(), now_ms: 6 },
        Dead { into: dead_letters(), sequence: 0 },
        Lose { by: holding(1), ranges: vec![(Offset(20), Offset(22))], now_ms: 7 },
        Redrive {
            group: group(),
            from: dead_letters(),
            records: vec![Redriven {
                offset: Offset(0),
                origin: at(0),
                origin_offset: Offset(9),
                body: copied(),
            }],
            now_ms: 8,
        },
        Purge { group: group(), from: dead_letters(), ranges: vec![(Offset(4), Offset(6))] },
        Join {
            group: group(),
            member: member("b"),
            about: MemberAbout::default(),
            topics: topics(),
            now_ms: 9,
        },
        Assign { group: group(), generation: 1, targets: vec![(member("b"), vec![at(0)])] },
        Release { group: group(), member: member("a"), partitions: vec![at(1)] },
        Commit {
            group: "committed".to_owned(),
            member: None,
            generation: 0,
            offsets: vec![OffsetCommit {
                partition: at(2),
                offset: Offset(3),
                leader_epoch: Some(4),
                metadata: "note".to_owned(),
            }],
            now_ms: 10,
        },
        Reset { group: group(), offsets: vec![(at(1), Offset(2))], is_forced: true, now_ms: 11 },
        ClassicGeneration {
            group: "classic".to_owned(),
            generation: 0,
            protocol_type: "consumer".to_owned(),
            protocol: "range".to_owned(),
            leader: member("x"),
            members: vec![classic("x"), classic("y"), classic("z")],
            now_ms: 12,
        },
        ClassicAssign {
            group: "classic".to_owned(),
            generation: 1,
            assignments: vec![(member("x"), Bytes::from_static(b"a"))],
        },
        Leave { group: "classic".to_owned(), member: member("y") },
        Expire { group: "classic".to_owned(), member: member("z") },
        Direct {
            client: "app".to_owned(),
            kind: DirectiveKind::Throttle { bytes_per_second: 5 },
            expires_ms: 100,
        },
        Direct {
            client: "app".to_owned(),
            kind: DirectiveKind::Move { to: "a:1".to_owned() },
            expires_ms: 100,
        },
        DirectivesDone { client: "app".to_owned(), ids: BTreeSet::from([DirectiveId(0)]) },
        ExpireDirectives { now_ms: 50 },
        Start { group: "gone".to_owned(), starts: vec![], now_ms: 13 },
        DeleteGroup { group: "gone".to_owned(), is_forced: false },
        ForgetTopics { topics: BTreeSet::from([TopicId(Uuid::from_u128(5))]) },
    ]
}

/// Those that came after the first snapshot was kept.
fn later_commands() -> Vec<GroupCommand> {
    let (group, from) = (GROUP.to_owned(), dead_letters());
    vec![GroupCommand::Resolve { group, from, ranges: vec![(Offset(5), Offset(6))] }]
}

fn topics() -> BTreeSet<TopicId> {
    BTreeSet::from([topic_id()])
}

pub(super) fn records() -> Vec<(String, Vec<u8>)> {
    let mut seen = BTreeSet::new();
    let all = commands().into_iter().chain(later_commands());
    let first = all.filter(|command| seen.insert(command_name(command)));
    let kind = ProposalKind::Groups as u8;
    let records: Vec<_> = first
        .map(|command| {
            let proposal = GroupCommand::proposal(std::slice::from_ref(&command));
            (format!("payload {kind} {}", command_name(&command)), proposal.body.to_vec())
        })
        .collect();
    assert_eq!(records.len(), COMMANDS, "one sample of each command");
    records
}

/// A state in which all commands have left something.
pub(super) fn snapshot() -> Vec<u8> {
    let mut state = GroupState::empty(GroupId(2));
    for (index, command) in (1..).zip(commands()) {
        let outcome = state.apply(index, &[command]).remove(0);
        let refused = matches!(outcome, crate::state::group::GroupOutcome::Refused(_));
        assert!(!refused, "entry {index}: {outcome:?}");
    }
    state.check_invariants().unwrap();
    envelope::seal(GROUP_SNAPSHOT_VERSION, &state)
}

const COMMANDS: usize = 24;

/// A new command does not compile until it is named here; then it wants a sample above.
fn command_name(command: &GroupCommand) -> &'static str {
    match command {
        GroupCommand::Join { .. } => "Join",
        GroupCommand::Leave { .. } => "Leave",
        GroupCommand::Expire { .. } => "Expire",
        GroupCommand::Assign { .. } => "Assign",
        GroupCommand::Release { .. } => "Release",
        GroupCommand::Start { .. } => "Start",
        GroupCommand::Ack { .. } => "Ack",
        GroupCommand::Commit { .. } => "Commit",
        GroupCommand::Park { .. } => "Park",
        GroupCommand::Retry { .. } => "Retry",
        GroupCommand::Die { .. } => "Die",
        GroupCommand::Dead { .. } => "Dead",
        GroupCommand::Lose { .. } => "Lose",
        GroupCommand::Redrive { .. } => "Redrive",
        GroupCommand::Purge { .. } => "Purge",
        GroupCommand::Reset { .. } => "Reset",
        GroupCommand::DeleteGroup { .. } => "DeleteGroup",
        GroupCommand::ForgetTopics { .. } => "ForgetTopics",
        GroupCommand::ClassicGeneration { .. } => "ClassicGeneration",
        GroupCommand::ClassicAssign { .. } => "ClassicAssign",
        GroupCommand::Direct { .. } => "Direct",
        GroupCommand::DirectivesDone { .. } => "DirectivesDone",
        GroupCommand::ExpireDirectives { .. } => "ExpireDirectives",
        GroupCommand::Resolve { .. } => "Resolve",
    }
}
