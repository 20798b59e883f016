//! Command in, outcome and state out: one file per subject. After every command the invariants are
//! checked.

mod encoding;
mod limits;
mod lives;
mod members;
mod offsets;
mod parking;
mod random;

use bytes::Bytes;
use rampart_api::model::ids::{GroupId, Offset, TopicId};
use uuid::Uuid;

use super::super::command::{Fate, GroupCommand, Holding, NewParked, OffsetCommit, Redriven};
use super::super::delivery::{Dying, Parked, ParkedBody, Place, RecordCopy};
use super::super::ids::{DirectiveId, MemberId, ParkedId, TopicPartition};
use super::super::outcome::{GroupOutcome, Refusal};
use super::super::state::{DirectiveKind, Group, GroupState, MemberAbout};

/// The state under test, and what a coordinator would say to it.
#[derive(Debug, Clone)]
struct Groups {
    state: GroupState,
}

const G: &str = "g";
const RAFT_GROUP: GroupId = GroupId(7);

fn topic(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

/// Partition `number` of topic 1.
fn at(number: u32) -> TopicPartition {
    TopicPartition { topic: topic(1), partition: number }
}

/// Partition `number` of the dead-letter topic.
fn dlq(number: u32) -> TopicPartition {
    TopicPartition { topic: topic(9), partition: number }
}

fn member(name: &str) -> MemberId {
    MemberId(name.to_owned())
}

fn join(group: &str, name: &str, topics: &[u128]) -> GroupCommand {
    GroupCommand::Join {
        group: group.to_owned(),
        member: member(name),
        about: MemberAbout { client_id: "app".to_owned(), ..MemberAbout::default() },
        topics: topics.iter().map(|number| topic(*number)).collect(),
        now_ms: 1,
    }
}

fn leave(name: &str) -> GroupCommand {
    GroupCommand::Leave { group: G.to_owned(), member: member(name) }
}

fn expire(name: &str) -> GroupCommand {
    GroupCommand::Expire { group: G.to_owned(), member: member(name) }
}

fn assign(generation: u64, targets: &[(&str, &[u32])]) -> GroupCommand {
    let targets = targets.iter().map(|(name, partitions)| {
        (member(name), partitions.iter().map(|number| at(*number)).collect())
    });
    GroupCommand::Assign { group: G.to_owned(), generation, targets: targets.collect() }
}

fn release(name: &str, partitions: &[u32]) -> GroupCommand {
    let partitions = partitions.iter().map(|number| at(*number)).collect();
    GroupCommand::Release { group: G.to_owned(), member: member(name), partitions }
}

fn start(starts: &[(u32, u64)]) -> GroupCommand {
    let starts = starts.iter().map(|(number, offset)| (at(*number), Offset(*offset)));
    GroupCommand::Start { group: G.to_owned(), starts: starts.collect(), now_ms: 1 }
}

fn by(name: &str, number: u32, epoch: u64) -> Holding {
    Holding { group: G.to_owned(), member: member(name), partition: at(number), epoch }
}

fn ranges(ranges: &[(u64, u64)]) -> Vec<(Offset, Offset)> {
    ranges.iter().map(|(start, end)| (Offset(*start), Offset(*end))).collect()
}

fn ack(by: Holding, done: &[(u64, u64)]) -> GroupCommand {
    GroupCommand::Ack { by, ranges: ranges(done), parked: vec![], now_ms: 2 }
}

fn ack_parked(by: Holding, ids: &[u64]) -> GroupCommand {
    let parked = ids.iter().map(|id| ParkedId(*id)).collect();
    GroupCommand::Ack { by, ranges: vec![], parked, now_ms: 2 }
}

fn commit(by: Option<&str>, generation: u64, offsets: &[(u32, u64)]) -> GroupCommand {
    let offsets = offsets.iter().map(|(number, offset)| OffsetCommit {
        partition: at(*number),
        offset: Offset(*offset),
        leader_epoch: Some(3),
        metadata: "note".to_owned(),
    });
    let (member, offsets) = (by.map(member), offsets.collect());
    GroupCommand::Commit { group: G.to_owned(), member, generation, offsets, now_ms: 2 }
}

fn body() -> ParkedBody {
    ParkedBody::Copied(RecordCopy {
        timestamp_ms: 5,
        key: Some(Bytes::from_static(b"key")),
        value: None,
        headers: vec![("h".to_owned(), Some(Bytes::from_static(b"v")))],
    })
}

fn wait(due_ms: i64) -> Fate {
    Fate::Wait { due_ms }
}

fn die(number: u32) -> Fate {
    Fate::Die { into: dlq(number) }
}

fn park(by: Holding, records: &[(u64, Fate)]) -> GroupCommand {
    let records = records.iter().map(|(offset, fate)| NewParked {
        offset: Offset(*offset),
        attempts: 1,
        error: "no".to_owned(),
        body: body(),
        fate: *fate,
    });
    GroupCommand::Park { by, records: records.collect(), now_ms: 3 }
}

fn retry(by: Holding, id: u64, fate: Fate) -> GroupCommand {
    GroupCommand::Retry { by, id: ParkedId(id), error: "again".to_owned(), fate, now_ms: 4 }
}

fn dead(number: u32, sequence: u32) -> GroupCommand {
    GroupCommand::Dead { into: dlq(number), sequence }
}

/// Takes records of partition 0 out of dead-letter partition 0: offset there, offset at the origin.
fn redrive(records: &[(u64, u64)]) -> GroupCommand {
    let records = records.iter().map(|(offset, origin)| Redriven {
        offset: Offset(*offset),
        origin: at(0),
        origin_offset: Offset(*origin),
        body: body(),
    });
    let (from, records) = (dlq(0), records.collect());
    GroupCommand::Redrive { group: G.to_owned(), from, records, now_ms: 6 }
}

fn reset(is_forced: bool, offsets: &[(u32, u64)]) -> GroupCommand {
    let offsets = offsets.iter().map(|(number, offset)| (at(*number), Offset(*offset)));
    GroupCommand::Reset { group: G.to_owned(), offsets: offsets.collect(), is_forced, now_ms: 5 }
}

fn delete(is_forced: bool) -> GroupCommand {
    GroupCommand::DeleteGroup { group: G.to_owned(), is_forced }
}

fn forget(topics: &[u128]) -> GroupCommand {
    GroupCommand::ForgetTopics { topics: topics.iter().map(|number| topic(*number)).collect() }
}

fn at_offset(number: u32, offset: u64) -> GroupOutcome {
    GroupOutcome::At { offsets: vec![(at(number), Offset(offset))] }
}

fn not_held(number: u32) -> Refusal {
    Refusal::NotHeld { partition: at(number) }
}

impl Groups {
    fn new() -> Groups {
        Groups { state: GroupState::empty(RAFT_GROUP) }
    }

    /// Member `a` alone holds partitions 0 and 1, since generation 1, from offset 10 on.
    fn with_a() -> Groups {
        let mut groups = Groups::new();
        groups.apply(join(G, "a", &[1]));
        groups.apply(assign(0, &[("a", &[0, 1])]));
        groups.apply(start(&[(0, 10), (1, 10)]));
        groups
    }

    /// Applies commands of one entry.
    fn entry(&mut self, commands: &[GroupCommand]) -> Vec<GroupOutcome> {
        let before = self.state.clone();
        let outcomes = self.state.apply(self.state.applied_index + 1, commands);
        if let Err(wrong) = self.state.check_invariants() {
            panic!("{wrong}\nafter {commands:#?}\nanswered {outcomes:#?}");
        }
        if outcomes.iter().all(|outcome| matches!(outcome, GroupOutcome::Refused(_))) {
            let unchanged =
                GroupState { applied_index: before.applied_index, ..self.state.clone() };
            assert_eq!(unchanged, before, "a refusal changed something: {commands:#?}");
        }
        outcomes
    }

    fn apply(&mut self, command: GroupCommand) -> GroupOutcome {
        self.entry(&[command]).remove(0)
    }

    #[track_caller]
    fn refused(&mut self, command: GroupCommand) -> Refusal {
        match self.apply(command) {
            GroupOutcome::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    fn group(&self) -> &Group {
        &self.state.groups[G]
    }

    /// Holder, epoch and target of a partition.
    fn slot(&self, number: u32) -> Option<(&str, u64, Option<&str>)> {
        let slot = self.group().slots.get(&at(number))?;
        Some((&slot.holder.0, slot.epoch, slot.target.as_ref().map(|target| target.0.as_str())))
    }

    fn committed(&self, number: u32) -> u64 {
        self.group().progress[&at(number)].committed.0
    }

    fn parked(&self, id: u64) -> Option<&Parked> {
        self.group().parked.get(&ParkedId(id)).map(AsRef::as_ref)
    }
}
