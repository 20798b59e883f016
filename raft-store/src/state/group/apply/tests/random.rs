//! Random command sequences: after each step the invariants hold, generations and ids only grow, a
//! partition is assigned to one member of a generation, every record that was ever parked is in one
//! place, and a second replica is equal (INV-04, INV-08, INV-09, INV-10).

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::state::group::command::ClassicMember;

const NAMES: [&str; 3] = ["a", "b", "c"];

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn number() -> impl Strategy<Value = u32> {
    0..4u32
}

fn holding() -> impl Strategy<Value = Holding> {
    (name(), number(), 0..6u64).prop_map(|(name, number, epoch)| by(name, number, epoch))
}

fn offset_ranges() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0..30u64, 1..5u64).prop_map(|(start, size)| (start, start + size)), 0..3)
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![2 => (0..50i64).prop_map(wait), 1 => (0..2u32).prop_map(die)]
}

fn offsets() -> impl Strategy<Value = Vec<(u32, u64)>> {
    prop::collection::vec((number(), 0..30u64), 0..3)
}

fn topics() -> impl Strategy<Value = Vec<u128>> {
    prop::sample::subsequence(vec![1, 2], 0..=2)
}

fn member_commands() -> impl Strategy<Value = GroupCommand> {
    let targets = prop::collection::btree_map(number(), name(), 0..4);
    let group = prop::sample::select(vec![G, G, G, "other"]);
    prop_oneof![
        4 => (group, name()).prop_map(|(group, name)| join(group, name, &[1])),
        1 => (name(), topics()).prop_map(|(name, topics)| join(G, name, &topics)),
        2 => name().prop_map(leave),
        2 => name().prop_map(expire),
        5 => (0..9u64, targets).prop_map(|(generation, targets)| {
            let mut lists: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            targets.into_iter().for_each(|(at, name)| lists.entry(name).or_default().push(at));
            let lists: Vec<(&str, &[u32])> =
                lists.iter().map(|(name, list)| (*name, list.as_slice())).collect();
            assign(generation, &lists)
        }),
        3 => (name(), prop::collection::vec(number(), 0..4))
            .prop_map(|(name, partitions)| release(name, &partitions)),
    ]
}

fn record_commands() -> impl Strategy<Value = GroupCommand> {
    let record = || (0..30u64, fate());
    prop_oneof![
        4 => (holding(), offset_ranges()).prop_map(|(by, done)| ack(by, &done)),
        2 => (holding(), 0..12u64).prop_map(|(by, id)| ack_parked(by, &[id])),
        5 => (holding(), prop::collection::vec(record(), 1..4))
            .prop_map(|(by, records)| park(by, &records)),
        3 => (holding(), 0..12u64, fate()).prop_map(|(by, id, fate)| retry(by, id, fate)),
        1 => (0..12u64, 0..2u32).prop_map(|(id, into)| {
            GroupCommand::Die { group: G.to_owned(), id: ParkedId(id), into: dlq(into), now_ms: 8 }
        }),
        4 => (0..2u32, 0..6u32).prop_map(|(into, sequence)| dead(into, sequence)),
        1 => (holding(), offset_ranges()).prop_map(|(by, lost)| {
            GroupCommand::Lose { by, ranges: ranges(&lost), now_ms: 2 }
        }),
        2 => prop::collection::vec((0..6u64, 0..30u64), 1..3).prop_map(|all| redrive(&all)),
        1 => offset_ranges().prop_map(|gone| {
            GroupCommand::Purge { group: G.to_owned(), from: dlq(0), ranges: ranges(&gone) }
        }),
        1 => offset_ranges().prop_map(|gone| {
            GroupCommand::Resolve { group: G.to_owned(), from: dlq(0), ranges: ranges(&gone) }
        }),
    ]
}

fn group_commands() -> impl Strategy<Value = GroupCommand> {
    let by = prop::option::of(name());
    prop_oneof![
        4 => offsets().prop_map(|starts| start(&starts)),
        3 => (by, 0..9u64, offsets())
            .prop_map(|(by, generation, offsets)| commit(by, generation, &offsets)),
        2 => (any::<bool>(), offsets()).prop_map(|(is_forced, all)| reset(is_forced, &all)),
        1 => any::<bool>().prop_map(delete),
        1 => prop::sample::select(vec![1, 2, 9]).prop_map(|topic| forget(&[topic])),
        1 => (0..9u64, name()).prop_map(|(generation, name)| GroupCommand::ClassicGeneration {
            group: G.to_owned(),
            generation,
            protocol_type: "consumer".to_owned(),
            protocol: "range".to_owned(),
            leader: member(name),
            members: vec![ClassicMember {
                member: member(name),
                about: MemberAbout::default(),
                rebalance_timeout_ms: 1,
                metadata: vec![("range".to_owned(), Bytes::from_static(b"m"))],
            }],
            now_ms: 1,
        }),
        1 => (0..9u64, name()).prop_map(|(generation, name)| GroupCommand::ClassicAssign {
            group: G.to_owned(),
            generation,
            assignments: vec![(member(name), Bytes::from_static(b"a"))],
        }),
        1 => (name(), 0..20i64).prop_map(|(client, expires_ms)| GroupCommand::Direct {
            client: client.to_owned(),
            kind: DirectiveKind::Throttle { bytes_per_second: 1 },
            expires_ms,
        }),
        1 => (0..20i64).prop_map(|now_ms| GroupCommand::ExpireDirectives { now_ms }),
    ]
}

pub(super) fn commands() -> impl Strategy<Value = GroupCommand> {
    prop_oneof![5 => member_commands(), 8 => record_commands(), 3 => group_commands()]
}

pub(super) fn entries() -> impl Strategy<Value = Vec<Vec<GroupCommand>>> {
    prop::collection::vec(prop::collection::vec(commands(), 1..3), 1..60)
}

/// As a coordinator would say it, who knows who holds what since when: else nearly all is refused.
pub(super) fn aimed(state: &GroupState, command: &GroupCommand) -> GroupCommand {
    let mut command = command.clone();
    let Some(group) = state.groups.get(G) else { return command };
    match &mut command {
        GroupCommand::Assign { generation, .. }
        | GroupCommand::Commit { generation, .. }
        | GroupCommand::ClassicGeneration { generation, .. }
        | GroupCommand::ClassicAssign { generation, .. } => *generation = group.generation,
        GroupCommand::Ack { by, .. }
        | GroupCommand::Park { by, .. }
        | GroupCommand::Lose { by, .. } => aim(group, by),
        GroupCommand::Retry { by, id, .. } => {
            let mut waits =
                group.parked.iter().filter(|(_, parked)| group.slots.contains_key(&parked.origin));
            if let Some((parked, record)) = waits.next_back() {
                (*id, by.partition) = (*parked, record.origin);
            }
            aim(group, by);
        }
        GroupCommand::Die { id, .. } => {
            *id = group.parked.keys().next_back().copied().unwrap_or(*id);
        }
        GroupCommand::Dead { into, sequence } => {
            let lane = state.lanes.by_partition.get(into);
            if let Some(first) = lane.and_then(|lane| lane.dying.front()) {
                *sequence = first.sequence;
            }
        }
        _ => {}
    }
    command
}

fn aim(group: &Group, by: &mut Holding) {
    if let Some(slot) = group.slots.get(&by.partition) {
        (by.member, by.epoch) = (slot.holder.clone(), slot.epoch);
    }
}

/// What must never be seen twice, or go back, of group `G` as long as it is there.
#[derive(Debug, Default)]
struct Watch {
    generation: u64,
    targets: BTreeMap<(u64, TopicPartition), MemberId>,
    committed: BTreeMap<TopicPartition, Offset>,
    forgotten: u64,
}

impl Watch {
    fn look(
        &mut self,
        groups: &Groups,
        command: &GroupCommand,
        outcome: &GroupOutcome,
    ) -> Result<(), TestCaseError> {
        let Some(group) = groups.state.groups.get(G) else {
            *self = Watch::default();
            return Ok(());
        };
        prop_assert!(group.generation >= self.generation, "the generation went back");
        self.generation = group.generation;
        for (at, slot) in &group.slots {
            if let Some(target) = &slot.target {
                let first = self.targets.entry((group.generation, *at)).or_insert(target.clone());
                prop_assert_eq!(first, target, "INV-08: two owners of {} in a generation", at);
            }
        }
        let may_go_back = matches!(
            command,
            GroupCommand::Reset { .. }
                | GroupCommand::Commit { .. }
                | GroupCommand::ForgetTopics { .. }
        );
        for (at, before) in &self.committed {
            let now = group.progress.get(at).map(|progress| progress.committed);
            prop_assert!(may_go_back || now >= Some(*before), "INV-09: {} went back", at);
        }
        self.committed = group.progress.iter().map(|(at, p)| (*at, p.committed)).collect();
        if let GroupOutcome::Forgotten { dropped, .. } = outcome {
            self.forgotten += *dropped as u64;
        }
        let counters = group.counters;
        let placed =
            group.parked.len() as u64 + counters.recovered + counters.dead + self.forgotten;
        prop_assert_eq!(group.next_parked, placed, "INV-10: a record is lost, or in two places");
        prop_assert_eq!(group.next_parked, counters.parked + counters.redriven);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_sequence_of_commands_keeps_the_invariants(
        commands in prop::collection::vec((commands(), prop::bool::weighted(0.9)), 1..150)
    ) {
        let (mut groups, mut twin, mut watch) = (Groups::new(), Groups::new(), Watch::default());
        for (command, is_aimed) in &commands {
            let command = match is_aimed {
                true => aimed(&groups.state, command),
                false => command.clone(),
            };
            let outcome = groups.apply(command.clone());
            prop_assert_eq!(&outcome, &twin.apply(command.clone()));
            prop_assert_eq!(&groups.state, &twin.state);
            watch.look(&groups, &command, &outcome)?;
        }
    }
}

/// The sequences above are worth something: each kind of outcome is met.
#[test]
fn random_sequences_reach_every_corner() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let sequences = prop::collection::vec(commands(), 100..150);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..600 {
        let mut groups = Groups::new();
        for command in sequences.new_tree(&mut runner).unwrap().current() {
            let command = aimed(&groups.state, &command);
            let outcome = format!("{:?}", groups.apply(command));
            let word =
                |text: &str| text.split([' ', '(', ')']).next().unwrap_or_default().to_owned();
            let kind = match outcome.strip_prefix("Refused(") {
                Some(why) => word(why),
                None => word(&outcome),
            };
            *seen.entry(kind).or_default() += 1;
        }
    }
    let expected = "Joined Left Assigned Released At Parked Waits Dies Dead NotNext Redriven Purged \
                    Deleted Forgotten Directed DirectivesGone NoSuchGroup NoSuchMember OtherProtocol \
                    NotHeld Mixed Active DyingNow HasParked NotWaiting";
    let missing: Vec<_> =
        expected.split_whitespace().filter(|kind| seen.get(*kind).is_none_or(|n| *n < 5)).collect();
    assert!(missing.is_empty(), "rarely met: {missing:?} of {seen:#?}");
}
