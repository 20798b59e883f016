//! Balanced, sticky, rack-aware, and asked again the same; the state machine takes what comes out.

use proptest::prelude::*;
use rampart_api::model::ids::GroupId;
use rampart_raft_store::state::group::state::MemberAbout;
use rampart_raft_store::state::group::{GroupCommand, GroupOutcome, GroupState};
use uuid::Uuid;

use super::*;

const G: &str = "g";

/// A group as the state machine has it.
struct Sample {
    state: GroupState,
    topics: Topics,
}

fn topic(number: u8) -> TopicId {
    TopicId(Uuid::from_u128(number.into()))
}

fn id(number: u8) -> MemberId {
    MemberId(format!("m{number:03}"))
}

fn racks(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Sample {
    /// Topic `n` has so many partitions, without racks.
    fn new(partitions: &[(u8, usize)]) -> Sample {
        let topics =
            partitions.iter().map(|(name, count)| (topic(*name), vec![racks(&[]); *count]));
        Sample { state: GroupState::empty(GroupId(1)), topics: topics.collect() }
    }

    fn apply(&mut self, command: GroupCommand) -> GroupOutcome {
        let outcome = self.state.apply(self.state.applied_index + 1, &[command]).remove(0);
        self.state.check_invariants().unwrap();
        outcome
    }

    fn join_from(&mut self, member: u8, rack: &str, topics: &[u8]) {
        let outcome = self.apply(GroupCommand::Join {
            group: G.to_owned(),
            member: id(member),
            about: MemberAbout { rack: rack.to_owned(), ..MemberAbout::default() },
            topics: topics.iter().map(|number| topic(*number)).collect(),
            now_ms: 0,
        });
        assert!(matches!(outcome, GroupOutcome::Joined { .. }));
    }

    fn join(&mut self, member: u8, topics: &[u8]) {
        self.join_from(member, "", topics);
    }

    fn leave(&mut self, member: u8) {
        self.apply(GroupCommand::Leave { group: G.to_owned(), member: id(member) });
    }

    fn group(&self) -> &Group {
        &self.state.groups[G]
    }

    /// Assigns, and everybody lets go of what they shall not have.
    fn settle(&mut self) -> BTreeMap<TopicPartition, MemberId> {
        let targets = assign(self.group(), &self.topics);
        let generation = self.group().generation;
        if !is_assigned(self.group(), &targets) {
            let command =
                GroupCommand::Assign { group: G.to_owned(), generation, targets: targets.clone() };
            let assigned = GroupOutcome::Assigned { generation: generation + 1 };
            assert_eq!(self.apply(command), assigned);
        }
        let held: Vec<_> =
            self.group().slots.iter().map(|(at, slot)| (slot.holder.clone(), *at)).collect();
        for (member, at) in held {
            let partitions = vec![at];
            self.apply(GroupCommand::Release { group: G.to_owned(), member, partitions });
        }
        let again = assign(self.group(), &self.topics);
        assert_eq!(again, targets, "asked again nothing moves");
        assert!(is_assigned(self.group(), &again));
        self.group().slots.iter().map(|(at, slot)| (*at, slot.holder.clone())).collect()
    }

    fn loads(&self) -> Vec<usize> {
        let members = self.group().members.keys();
        members.map(|member| self.group().assigned_to(member).count()).collect()
    }
}

fn moved(
    before: &BTreeMap<TopicPartition, MemberId>,
    after: &BTreeMap<TopicPartition, MemberId>,
) -> Vec<MemberId> {
    let changed = after.iter().filter(|(at, owner)| before.get(at) != Some(owner));
    changed.map(|(_, owner)| owner.clone()).collect()
}

#[test]
fn members_share_evenly_and_a_newcomer_takes_only_its_share() {
    let mut sample = Sample::new(&[(1, 6), (2, 4)]);
    sample.join(1, &[1, 2]);
    sample.settle();
    assert_eq!(sample.loads(), [10]);
    sample.join(2, &[1, 2]);
    sample.settle();
    assert_eq!(sample.loads(), [5, 5]);
    let per_topic = |sample: &Sample, member: u8| {
        let of = |number| {
            let all = id(member);
            let named = sample.group().assigned_to(&all);
            named.filter(|(at, _)| at.topic == topic(number)).count()
        };
        (of(1), of(2))
    };
    assert_eq!(per_topic(&sample, 2), (3, 2), "of each topic its share");
    let before = sample.settle();
    sample.join(3, &[1, 2]);
    let after = sample.settle();
    assert_eq!(sample.loads(), [4, 3, 3]);
    assert_eq!(moved(&before, &after), [id(3), id(3), id(3)]);
}

#[test]
fn what_a_leaver_had_is_shared_and_nothing_else_moves() {
    let mut sample = Sample::new(&[(1, 9)]);
    (1..=3).for_each(|member| sample.join(member, &[1]));
    let before = sample.settle();
    sample.leave(2);
    let after = sample.settle();
    let mut loads = sample.loads();
    loads.sort_unstable();
    assert_eq!(loads, [4, 5]);
    assert_eq!(moved(&before, &after).len(), 3);
}

#[test]
fn more_members_than_partitions_leaves_some_without() {
    let mut sample = Sample::new(&[(1, 2)]);
    (1..=4).for_each(|member| sample.join(member, &[1]));
    let before = sample.settle();
    let mut loads = sample.loads();
    loads.sort_unstable();
    assert_eq!(loads, [0, 0, 1, 1]);
    let idle = (1..=4).find(|member| !before.values().any(|owner| *owner == id(*member))).unwrap();
    sample.leave(idle);
    assert!(moved(&before, &sample.settle()).is_empty());
}

#[test]
fn members_get_only_what_they_want() {
    let mut sample = Sample::new(&[(1, 6), (2, 2), (3, 1)]);
    sample.join(1, &[1]);
    sample.join(2, &[1, 2, 3]);
    sample.join(3, &[2]);
    let owners = sample.settle();
    assert!(owners.iter().all(|(at, owner)| at.topic != topic(2) || *owner != id(1)));
    assert_eq!(owners.len(), 9);
    let mut loads = sample.loads();
    loads.sort_unstable();
    assert_eq!(loads, [2, 3, 4], "topic 1 has two readers, and topic 3 only one of them");
    sample.topics.remove(&topic(1));
    assert_eq!(sample.settle().len(), 3, "a topic that is gone is nobody's");
    assert!(assign(&Group::default(), &sample.topics).is_empty());
}

#[test]
fn partitions_go_to_the_racks_of_their_replicas() {
    let mut sample = Sample::new(&[]);
    let places = [["a", "b"], ["a", "b"], ["b", "c"], ["b", "c"], ["c", "a"], ["c", "a"]];
    sample.topics = Topics::from([(topic(1), places.iter().map(|p| racks(p)).collect())]);
    for (member, rack) in [(1, "a"), (2, "b"), (3, "c")] {
        sample.join_from(member, rack, &[1]);
    }
    let owners = sample.settle();
    assert_eq!(sample.loads(), [2, 2, 2]);
    let rack_of = |owner: &MemberId| sample.group().members[owner].about.rack.clone();
    let is_near =
        |at: &TopicPartition, owner| places[at.partition as usize].contains(&&*rack_of(owner));
    assert!(owners.iter().all(|(at, owner)| is_near(at, owner)), "{owners:?}");
}

#[test]
fn two_racks_and_two_members_never_cross() {
    let mut sample = Sample::new(&[]);
    let places = [["a"], ["a"], ["b"], ["b"]];
    sample.topics = Topics::from([(topic(1), places.iter().map(|p| racks(p)).collect())]);
    sample.join_from(1, "b", &[1]);
    sample.join_from(2, "a", &[1]);
    let owners: Vec<_> = sample.settle().into_values().collect();
    assert_eq!(owners, [id(2), id(2), id(1), id(1)]);
}

#[test]
fn a_large_group_is_assigned_in_a_moment() {
    let mut sample = Sample::new(&[(1, 2_000)]);
    sample.join(0, &[1]);
    sample.settle();
    (1..100).for_each(|member| sample.join(member, &[1]));
    let before = assign(sample.group(), &sample.topics);
    assert!(before.iter().all(|(_, partitions)| partitions.len() == 20));
}

#[derive(Debug, Clone)]
enum Change {
    Join(u8, Vec<u8>),
    Leave(u8),
    Grow(u8, usize),
    Delete(u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let wanted = prop::sample::subsequence(vec![1u8, 2, 3], 1..=3);
    let change = prop_oneof![
        5 => (0..8u8, wanted).prop_map(|(member, topics)| Change::Join(member, topics)),
        2 => (0..8u8).prop_map(Change::Leave),
        2 => (1..4u8, 1..12usize).prop_map(|(topic, more)| Change::Grow(topic, more)),
        1 => (1..4u8).prop_map(Change::Delete),
    ];
    prop::collection::vec(change, 1..25)
}

/// What is wrong with an assignment, if anything is.
fn fault(sample: &Sample) -> Option<String> {
    let group = sample.group();
    let wants = |member: &MemberId, topic: &TopicId| match &group.members[member].part {
        MemberPart::Server { topics } => topics.contains(topic),
        MemberPart::Classic { .. } => false,
    };
    for (topic, all) in &sample.topics {
        let is_wanted = group.members.keys().any(|member| wants(member, topic));
        for (partition, _) in (0..).zip(all) {
            let owner = group.slots.get(&TopicPartition { topic: *topic, partition });
            match owner {
                None if is_wanted => return Some(format!("{topic}/{partition} is nobody's")),
                Some(slot) if !wants(&slot.holder, topic) => {
                    return Some(format!("{topic}/{partition} is read by {}", slot.holder));
                }
                _ => {}
            }
        }
    }
    let load = |member: &MemberId| group.assigned_to(member).count();
    for rich in group.members.keys() {
        for poor in group.members.keys() {
            let could = group.assigned_to(rich).any(|(at, _)| wants(poor, &at.topic));
            if could && load(rich) > load(poor) + 1 {
                return Some(format!("{rich} has {}, {poor} {}", load(rich), load(poor)));
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_group_is_balanced_and_stays(changes in changes()) {
        let mut sample = Sample::new(&[(1, 3), (2, 1)]);
        sample.join(9, &[1, 2, 3]);
        for change in changes {
            match change {
                Change::Join(member, topics) => sample.join(member, &topics),
                Change::Leave(member) => sample.leave(member),
                Change::Grow(number, more) => {
                    let all = sample.topics.entry(topic(number)).or_default();
                    all.extend(vec![racks(&[]); more]);
                }
                Change::Delete(number) => drop(sample.topics.remove(&topic(number))),
            }
            sample.settle();
            prop_assert_eq!(fault(&sample), None);
        }
    }

    /// All want the same: only as much moves as must.
    #[test]
    fn equal_members_move_no_more_than_they_must(
        partitions in 1..40usize,
        steps in prop::collection::vec((any::<bool>(), 0..10u8), 1..20),
    ) {
        let mut sample = Sample::new(&[(1, partitions)]);
        sample.join(200, &[1]);
        let mut before = sample.settle();
        for (joins, member) in steps {
            let is_member = sample.group().members.contains_key(&id(member));
            let had = before.values().filter(|owner| **owner == id(member)).count();
            if joins == is_member {
                continue;
            }
            match joins {
                true => sample.join(member, &[1]),
                false => sample.leave(member),
            }
            let after = sample.settle();
            let moved = moved(&before, &after);
            let loads = sample.loads();
            let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{loads:?}");
            match joins {
                true => {
                    prop_assert!(moved.iter().all(|owner| *owner == id(member)));
                    prop_assert!(moved.len() <= partitions / sample.group().members.len() + 1);
                }
                false => prop_assert_eq!(moved.len(), had),
            }
            before = after;
        }
    }
}
