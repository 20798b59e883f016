//! Groups at work: members come and go, poll, acknowledge and forget, coordinators die; and in the
//! end every record was processed or is in the dead-letter topic, once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rampart_api::model::ids::{GroupId, TopicId};
use rampart_raft_store::state::group::GroupOutcome;
use rampart_raft_store::state::group::delivery::{ParkedBody, RecordCopy};
use rampart_raft_store::state::group::state::MemberAbout;
use uuid::Uuid;

use super::*;
use crate::groups::retry_policy::{Failure, RetryPolicy};
use crate::groups::settle::{Copied, DeadLetters, Settlement, Step as ToDo, Verdict, step};

const G: &str = "g";
const SESSION_S: u64 = 15;
const LOCK_S: u64 = 5;

fn topic(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

fn at(partition: u32) -> TopicPartition {
    TopicPartition { topic: topic(1), partition }
}

fn dead_letters() -> TopicPartition {
    TopicPartition { topic: topic(9), partition: 0 }
}

fn id(number: usize) -> MemberId {
    MemberId(format!("m{number}"))
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A topic, a group that reads it, and whoever coordinates it.
struct Play {
    state: GroupState,
    coordinator: Coordinator,
    topics: Topics,
    /// Per partition: whether each record is one that nobody can process.
    bad: Vec<Vec<bool>>,
    /// Tokens each member has and has not answered.
    tokens: BTreeMap<usize, Vec<AckToken>>,
    processed: BTreeSet<(u32, u64)>,
    dead: Vec<(u32, u64)>,
    now: u64,
}

impl Play {
    fn new(bad: Vec<Vec<bool>>) -> Play {
        let state = GroupState::empty(GroupId(1));
        let coordinator = Coordinator::take_over(&state, 4, secs(0));
        let topics = Topics::from([(topic(1), vec![BTreeSet::new(); bad.len()])]);
        let (tokens, processed, dead) = Default::default();
        Play { state, coordinator, topics, bad, tokens, processed, dead, now: 0 }
    }

    fn now_ms(&self) -> i64 {
        (self.now * 1_000) as i64
    }

    fn apply(&mut self, commands: &[GroupCommand]) -> Vec<GroupOutcome> {
        let outcomes = self.state.apply(self.state.applied_index + 1, commands);
        self.state.check_invariants().unwrap();
        self.coordinator.follow(G, &self.state);
        outcomes
    }

    /// All that nobody has to ask for.
    fn work(&mut self) {
        loop {
            let due = self.coordinator.due(&self.state, &self.topics, secs(self.now));
            if due.is_empty() {
                break;
            }
            for command in &due {
                if let GroupCommand::Expire { group, member } = command {
                    self.coordinator.gone(group, member);
                }
            }
            let outcomes = self.apply(&due);
            let refused = |o: &GroupOutcome| matches!(o, GroupOutcome::Refused(_));
            assert!(!outcomes.iter().any(refused), "{due:?}: {outcomes:?}");
        }
        let overdue = self.coordinator.overdue(&self.state, secs(self.now));
        for (by, records) in overdue {
            let failed = Verdict::Failed(Failure::TimedOut);
            let told: Vec<_> = records.into_iter().map(|record| (record, failed)).collect();
            self.settle(&by, &told);
        }
        self.write_dead_letters();
    }

    fn write_dead_letters(&mut self) {
        while let Some(first) = self
            .state
            .lanes
            .by_partition
            .get(&dead_letters())
            .and_then(|lane| lane.dying.front())
            .cloned()
        {
            let record = self.state.groups[G].parked[&first.id].clone();
            self.dead.push((record.origin.partition, record.offset.0));
            let (into, sequence) = (dead_letters(), first.sequence);
            let outcomes = self.apply(&[GroupCommand::Dead { into, sequence }]);
            assert_eq!(outcomes, [GroupOutcome::Dead]);
        }
    }

    /// What is said of records that were delivered; answers whether the state took it.
    fn settle(&mut self, by: &Holding, told: &[((Delivery, u32), Verdict)]) -> bool {
        let policy = RetryPolicy { attempts_max: 3, delay_ms: 2_000, ..RetryPolicy::default() };
        let switch = DeadLetters { policy, into: dead_letters() };
        let mut settlement = Settlement::new(by.clone(), self.now_ms());
        for ((delivery, attempt), verdict) in told {
            let to_do = step((*delivery, *attempt), *verdict, Some(&switch), self.now_ms());
            let error = "failed".to_owned();
            match (to_do.unwrap(), *delivery) {
                (ToDo::Ack, _) => settlement.done(*delivery),
                (ToDo::Park { attempts, fate }, Delivery::Fresh(offset)) => {
                    let body = ParkedBody::Copied(RecordCopy::default());
                    settlement.park(offset, (attempts, fate), Copied { error, body });
                }
                (ToDo::Retry { fate }, Delivery::Parked(id)) => settlement.retry(id, fate, error),
                (other, _) => panic!("{other:?} for {delivery:?}"),
            }
        }
        let outcomes = self.apply(&settlement.commands());
        outcomes.iter().all(|o| !matches!(o, GroupOutcome::Refused(_)))
    }

    fn join(&mut self, member: usize) {
        let about = MemberAbout { session_ms: 15_000, ..MemberAbout::default() };
        let (group, topics) = (G.to_owned(), BTreeSet::from([topic(1)]));
        let joined =
            GroupCommand::Join { group, member: id(member), about, topics, now_ms: self.now_ms() };
        self.apply(&[joined]);
        self.coordinator.seen(G, &id(member), secs(SESSION_S), secs(self.now));
    }

    fn is_member(&self, member: usize) -> bool {
        self.state.groups.get(G).is_some_and(|group| group.members.contains_key(&id(member)))
    }

    fn poll(&mut self, member: usize, records_max: usize) {
        if !self.is_member(member) {
            self.join(member);
            self.work();
        }
        self.coordinator.seen(G, &id(member), secs(SESSION_S), secs(self.now));
        let starts = Coordinator::to_start(&self.state.groups[G], &id(member));
        if !starts.is_empty() {
            let starts = starts.into_iter().map(|at| (at, Offset(0))).collect();
            self.apply(&[GroupCommand::Start { group: G.to_owned(), starts, now_ms: 0 }]);
        }
        let group = self.state.groups[G].clone();
        let until = secs(self.now + LOCK_S);
        let held: Vec<_> = group.assigned_to(&id(member)).map(|(at, s)| (at, s.epoch)).collect();
        for (partition, epoch) in held {
            let by = Holding { group: G.to_owned(), member: id(member), partition, epoch };
            for due in Coordinator::due_parked(&group, partition, self.now_ms()) {
                let token = self.coordinator.hand_out_parked(&by, due, until);
                self.tokens.entry(member).or_default().extend(token);
            }
            let next = self.coordinator.next((G, &group), &id(member), records_max);
            let Some((_, next)) = next.into_iter().find(|(at, _)| *at == partition) else {
                continue;
            };
            let progress = &group.progress[&partition];
            let end = self.bad[partition.partition as usize].len() as u64;
            let fresh = (next.from.0..end).filter(|at| !progress.is_settled(Offset(*at)));
            let again = next.again.iter().map(|(at, _)| at.0);
            for offset in again.chain(fresh.take(next.fresh)).collect::<Vec<_>>() {
                self.no_other_has(member, partition, offset);
                let token = self.coordinator.hand_out(&by, Offset(offset), until).unwrap();
                self.tokens.entry(member).or_default().push(token);
            }
        }
    }

    /// INV-08: whoever else had this record can't settle it any more.
    fn no_other_has(&self, member: usize, partition: TopicPartition, offset: u64) {
        let slot = &self.state.groups[G].slots[&partition];
        for (other, tokens) in self.tokens.iter().filter(|(other, _)| **other != member) {
            let same = |t: &&AckToken| {
                (t.partition, t.delivery) == (partition, Delivery::Fresh(Offset(offset)))
            };
            let live = |t: &&AckToken| slot.holder == id(*other) && slot.epoch == t.epoch;
            assert!(!tokens.iter().filter(same).any(|token| live(&token)), "two hold {offset}");
        }
    }

    /// The member answers its first tokens: good records are done, bad ones fail.
    fn answer(&mut self, member: usize, count: usize) {
        let Some(tokens) = self.tokens.get_mut(&member) else { return };
        let count = count.min(tokens.len());
        for token in tokens.drain(..count).collect::<Vec<_>>() {
            let AckToken { partition, epoch, delivery, attempt } = token;
            let offset = match delivery {
                Delivery::Fresh(offset) => offset.0,
                Delivery::Parked(parked) => match self.state.groups[G].parked.get(&parked) {
                    Some(parked) => parked.offset.0,
                    None => continue,
                },
            };
            let is_bad = self.bad[partition.partition as usize][offset as usize];
            let held = self.coordinator.deliveries_mut(G, partition);
            // A token whose lock has run out is not the member's any more.
            if is_bad && held.and_then(|held| held.attempt(delivery)) != Some(attempt) {
                continue;
            }
            let verdict = match is_bad {
                true => Verdict::Failed(Failure::Retry(None)),
                false => Verdict::Done,
            };
            let by = Holding { group: G.to_owned(), member: id(member), partition, epoch };
            if self.settle(&by, &[((delivery, attempt), verdict)]) && !is_bad {
                self.processed.insert((partition.partition, offset));
            }
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Poll(member, records) => self.poll(member, records),
            Step::Answer(member, count) => self.answer(member, count),
            Step::Leave(member) if self.is_member(member) => {
                self.tokens.remove(&member);
                self.coordinator.gone(G, &id(member));
                self.apply(&[GroupCommand::Leave { group: G.to_owned(), member: id(member) }]);
            }
            Step::Leave(_) => {}
            Step::Pass(seconds) => self.now += seconds,
            Step::Crash => {
                self.coordinator = Coordinator::take_over(&self.state, 4, secs(self.now));
            }
        }
        self.work();
    }

    /// One member does the rest.
    fn finish(&mut self) {
        for _ in 0..400 {
            self.poll(0, 4);
            self.answer(0, usize::MAX);
            self.now += 3;
            self.work();
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Poll(usize, usize),
    Answer(usize, usize),
    Leave(usize),
    Pass(u64),
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3usize, 1..5usize).prop_map(|(member, records)| Step::Poll(member, records)),
        6 => (0..3usize, 1..4usize).prop_map(|(member, count)| Step::Answer(member, count)),
        1 => (0..3usize).prop_map(Step::Leave),
        3 => prop_oneof![4 => 1..4u64, 1 => 4..20u64].prop_map(Step::Pass),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_record_is_processed_or_dead_whoever_dies(
        bad in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.2), 0..12), 1..4),
        steps in steps(),
    ) {
        let mut play = Play::new(bad.clone());
        steps.iter().for_each(|step| play.take(step));
        play.finish();
        let (mut good, mut given_up) = (BTreeSet::new(), Vec::new());
        for (partition, records) in (0..).zip(&bad) {
            let group = &play.state.groups[G];
            prop_assert_eq!(group.progress[&at(partition)].committed.0, records.len() as u64);
            for (offset, is_bad) in (0..).zip(records) {
                match is_bad {
                    true => given_up.push((partition, offset)),
                    false => drop(good.insert((partition, offset))),
                }
            }
        }
        // A good record may die too, if its lock ran out each time: then it is in one place as well.
        play.dead.sort_unstable();
        let dead: BTreeSet<_> = play.dead.iter().copied().collect();
        prop_assert_eq!(dead.len(), play.dead.len(), "dead twice");
        prop_assert!(given_up.iter().all(|record| dead.contains(record)));
        let lost: Vec<_> =
            good.iter().filter(|r| !play.processed.contains(r) && !dead.contains(r)).collect();
        prop_assert!(lost.is_empty(), "processed by nobody: {:?}", lost);
        prop_assert!(play.state.groups[G].parked.is_empty());
    }
}

#[test]
fn a_partition_is_let_go_when_the_last_record_in_hand_is_settled() {
    let mut play = Play::new(vec![vec![false; 4], vec![false; 4]]);
    play.poll(0, 2);
    play.join(1);
    play.work();
    let holder = |play: &Play, partition| play.state.groups[G].slots[&at(partition)].holder.clone();
    assert_eq!([holder(&play, 0), holder(&play, 1)], [id(0), id(0)]);
    let of_revoked = play.state.groups[G].slots.iter().find(|(_, slot)| slot.is_revoked());
    let revoked = of_revoked.map(|(at, _)| at.partition).unwrap();
    play.poll(1, 2);
    assert!(!play.tokens.contains_key(&1), "nothing of what the other still holds");
    play.answer(0, usize::MAX);
    play.work();
    assert_eq!(holder(&play, revoked), id(1));
}

#[test]
fn a_parked_record_that_failed_again_comes_again_when_it_is_due() {
    let mut play = Play::new(vec![vec![true]]);
    let mut attempt = |pass| {
        play.take(&Step::Pass(pass));
        play.poll(0, 1);
        let given: Vec<u32> = play.tokens[&0].iter().map(|token| token.attempt).collect();
        play.answer(0, usize::MAX);
        play.work();
        given
    };
    // The locks go on for longer than the delays.
    assert_eq!([attempt(0), attempt(2), attempt(4)], [[1], [2], [3]]);
    assert_eq!(play.dead, [(0, 0)]);
}

#[test]
fn a_silent_member_is_gone_after_its_session_and_a_new_coordinator_waits_anew() {
    let mut play = Play::new(vec![vec![false; 2]]);
    play.poll(0, 1);
    play.take(&Step::Pass(SESSION_S - 1));
    play.take(&Step::Crash);
    play.take(&Step::Pass(SESSION_S - 1));
    assert!(play.is_member(0));
    play.take(&Step::Pass(1));
    assert!(!play.is_member(0));
    assert!(play.state.groups[G].slots.is_empty());
    assert_eq!(play.coordinator.next_end(), None);
}

#[test]
fn a_parked_record_that_fails_again_is_handed_out_again_until_it_dies() {
    let mut play = Play::new(vec![vec![true]]);
    for attempt in 1..=3 {
        play.poll(0, 1);
        let attempts: Vec<_> = play.tokens[&0].iter().map(|token| token.attempt).collect();
        assert_eq!(attempts, [attempt]);
        play.answer(0, 1);
        play.take(&Step::Pass(10));
    }
    assert_eq!(play.dead, [(0, 0)]);
}
